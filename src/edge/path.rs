//! Paths as clients send them: base URLs pasted with a slash or a version too many are the same routes.

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;

/// First segments of the routes that also work without `/v1`.
const ROUTES: [&str; 7] = ["messages", "chat", "responses", "embeddings", "models", "usage", "dashboard"];

/// Gives a request the path its route has: without doubled slashes, a slash at the end, or a doubled `/v1`. Paths of
/// other routes, and almost every request, stay as they came.
pub fn normalise(request: &mut ServiceRequest) {
    let Some(path) = normalised(request.path()) else { return };
    let mut parts = request.uri().clone().into_parts();
    let whole = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let Ok(whole) = PathAndQuery::try_from(whole) else { return };
    parts.path_and_query = Some(whole);
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// The path that was meant; `None` where that is the one sent.
fn normalised(path: &str) -> Option<String> {
    if !path.contains("//") && !path.starts_with("/v1/v1") && (path.len() == 1 || !path.ends_with('/')) {
        return None;
    }
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    let mut versions = 0;
    while segments.next_if_eq(&"v1").is_some() {
        versions += 1;
    }
    let is_route = segments.peek().is_some_and(|first| ROUTES.contains(first));
    if !is_route {
        return None;
    }
    let version = if versions > 0 { "/v1" } else { "" };
    Some(segments.fold(version.to_owned(), |path, segment| path + "/" + segment))
}

/// The route that an unknown path was probably meant to be: what its last segments name.
pub(super) fn meant(path: &str) -> Option<&'static str> {
    const KNOWN: [&str; 6] = ["/chat/completions", "/messages/count_tokens", "/messages", "/responses", "/embeddings", "/models"];
    KNOWN.into_iter().find(|route| path.trim_end_matches('/').ends_with(route))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_in_a_base_url_are_the_same_routes() {
        for (sent, meant) in [
            ("/v1/messages/", "/v1/messages"),
            ("/v1//messages", "/v1/messages"),
            ("//v1/messages", "/v1/messages"),
            ("/v1/v1/messages", "/v1/messages"),
            ("/v1/v1/v1//chat//completions/", "/v1/chat/completions"),
            ("//chat/completions", "/chat/completions"),
            ("/responses/", "/responses"),
            ("/v1/models/", "/v1/models"),
            ("/v1/v1/models/a/b", "/v1/models/a/b"),
            ("/dashboard/billing/usage/", "/dashboard/billing/usage"),
        ] {
            assert_eq!(normalised(sent).as_deref(), Some(meant), "{sent}");
        }
    }

    #[test]
    fn other_paths_stay_as_they_are() {
        for path in
            ["/", "/v1/messages", "/v1/models/a/b", "/console/", "//console", "/api/keys/", "/v1/v1", "/v1/", "//", "/v1x/"]
        {
            assert_eq!(normalised(path), None, "{path}");
        }
    }
}
