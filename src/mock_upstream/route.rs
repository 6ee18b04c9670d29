//! Which of the vendors' doors a path leads to.

use actix_web::HttpRequest;

/// Whose manners an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    Claude,
    OpenAi,
}

/// The protocol of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Messages,
    Chat,
    Responses,
}

/// One route, its method included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Talk(Protocol),
    CountTokens,
    Embeddings,
    Models,
    Model(String),
    Control(String),
    Unknown,
}

impl Route {
    /// Reads method and path; `/v1` in front makes no difference.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let path = request.path();
        if let Some(rest) = path.strip_prefix("/_mock/") {
            return Self::Control(rest.to_owned());
        }
        let short = path.strip_prefix("/v1").unwrap_or(path);
        match (request.method().as_str(), short) {
            ("POST", "/messages") => Self::Talk(Protocol::Messages),
            ("POST", "/messages/count_tokens") => Self::CountTokens,
            ("POST", "/chat/completions") => Self::Talk(Protocol::Chat),
            ("POST", "/responses") => Self::Talk(Protocol::Responses),
            ("POST", "/embeddings") => Self::Embeddings,
            ("GET", "/models") => Self::Models,
            ("GET", _) => match short.strip_prefix("/models/") {
                Some(id) if !id.is_empty() => Self::Model(id.to_owned()),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Whose manners the answer has; where the path does not tell, the headers do.
    pub(super) fn vendor(&self, request: &HttpRequest) -> Vendor {
        match self {
            Self::Talk(Protocol::Messages) | Self::CountTokens => Vendor::Claude,
            Self::Talk(_) | Self::Embeddings => Vendor::OpenAi,
            _ => {
                let headers = request.headers();
                let keyed = headers.contains_key("x-api-key") && !headers.contains_key("authorization");
                let about_messages = request.path().contains("/messages");
                if keyed || about_messages || headers.contains_key("anthropic-version") { Vendor::Claude } else { Vendor::OpenAi }
            }
        }
    }

    /// Whether a model works for this route, so that a queued step without a path may be spent on it.
    pub(super) fn generates(&self) -> bool {
        matches!(self, Self::Talk(_) | Self::CountTokens | Self::Embeddings)
    }
}

/// The key a request brought, from any of the headers the vendors read.
pub(super) fn key_of(request: &HttpRequest) -> Option<&str> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    text("x-api-key").or(bearer).or_else(|| text("api-key"))
}
