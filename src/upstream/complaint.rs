//! What an upstream's error says of the channel, in the vendors' own words.
//!
//! Much of an error's text is the caller's own (ids, names, prompts that were flagged), so nothing is searched for in it:
//! a channel is judged by codes, and by messages that begin as the vendors' do and name the model that was asked for.

use std::borrow::Cow;

use serde::Deserialize;

/// Most of an error body looked at.
const MOST_BYTES: usize = 64 << 10;

/// How vendors say that they do not have a model: what stands before its name, and after it.
const UNKNOWN_MODEL: [(&str, &str); 14] = [
    // Anthropic
    ("model: ", ""),
    // OpenAI, Groq, xAI, vLLM
    ("The model ", " does not exist"),
    ("The model ", " has been deprecated"),
    ("The model ", " is not available"),
    ("The requested model ", " does not exist"),
    // Google
    ("models/", " is not found for API version"),
    // OpenRouter
    ("No endpoints found for ", ""),
    // Ollama, LM Studio, and others
    ("model ", " not found"),
    ("Model ", " not found"),
    ("Model ", " does not exist"),
    ("The model ", " not found"),
    ("The model ", " was not found"),
    ("Unknown model: ", ""),
    ("Unknown model ", ""),
];

/// Codes that tell of the operator's own account or key, whatever was asked for.
const ACCOUNT: [&str; 10] = [
    "authentication_error",
    "invalid_api_key",
    "account_deactivated",
    "account_suspended",
    "access_terminated",
    "billing_error",
    "billing_not_active",
    "billing_hard_limit_reached",
    "insufficient_quota",
    "organization_disabled",
];

/// Codes for what is wrong with a request, not with whoever answers it.
const CALLERS: [&str; 10] = [
    "invalid_request_error",
    "invalid_prompt",
    "not_found_error",
    "request_too_large",
    "context_length_exceeded",
    "content_filter",
    "content_policy_violation",
    "image_content_policy_violation",
    "bio_policy",
    "cyber_policy",
];

/// An error object, tolerantly.
#[derive(Debug, Default)]
pub(super) struct Complaint<'a> {
    message: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    param: Option<Cow<'a, str>>,
}

/// A text, or something else that is not looked at.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

impl<'a> Word<'a> {
    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    message: Option<Word<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Word<'a>>,
    #[serde(borrow)]
    code: Option<Word<'a>>,
    #[serde(borrow)]
    param: Option<Word<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inner<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Fields(#[serde(borrow)] Fields<'a>),
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    error: Option<Inner<'a>>,
    #[serde(borrow)]
    response: Option<Failed<'a>>,
}

/// The `response.failed` event of the Responses protocol.
#[derive(Deserialize)]
struct Failed<'a> {
    #[serde(borrow)]
    error: Option<Fields<'a>>,
}

impl<'a> Complaint<'a> {
    /// Reads an error's body or an error event's data; what is neither says nothing.
    pub(super) fn read(body: &'a [u8]) -> Self {
        if body.len() > MOST_BYTES {
            return Self::default();
        }
        let fields = match serde_json::from_slice::<Outer<'a>>(body) {
            Ok(Outer { error: Some(Inner::Text(message)), .. }) => {
                return Self { message: Some(message), ..Self::default() };
            }
            Ok(
                Outer { error: Some(Inner::Fields(fields)), .. } | Outer { response: Some(Failed { error: Some(fields) }), .. },
            ) => Some(fields),
            Ok(_) => serde_json::from_slice::<Fields<'a>>(body).ok(),
            Err(_) => None,
        };
        fields.map_or_else(Self::default, |fields| Self {
            message: fields.message.and_then(Word::text),
            kind: fields.kind.and_then(Word::text),
            code: fields.code.and_then(Word::text),
            param: fields.param.and_then(Word::text),
        })
    }

    /// Whether it says that `model` is unknown there. A tool may name another model, which is nobody's affair but the
    /// caller's.
    pub(super) fn is_about_the_model(&self, model: &str) -> bool {
        let named = self.message.as_deref().map_or(Named::None, |message| named(message, model));
        let by_code = self.code.as_deref() == Some("model_not_found") || self.param.as_deref() == Some("model");
        match named {
            Named::Ours => true,
            Named::Another => false,
            Named::None => by_code,
        }
    }

    /// Whether it tells of the operator's account or key, which no request can bring about.
    pub(super) fn is_about_the_account(&self) -> bool {
        self.words().any(|word| ACCOUNT.contains(&word))
    }

    /// Whether it tells of what was asked.
    pub(super) fn is_about_the_request(&self) -> bool {
        self.words().any(|word| CALLERS.contains(&word))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        [self.kind.as_deref(), self.code.as_deref()].into_iter().flatten()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    None,
    Ours,
    Another,
}

/// Which model a vendor's sentence about an unknown one names.
fn named(message: &str, model: &str) -> Named {
    const QUOTES: [char; 3] = ['`', '\'', '"'];
    let mut found = Named::None;
    for (before, after) in UNKNOWN_MODEL {
        let Some(rest) = message.strip_prefix(before) else { continue };
        let rest = rest.trim_start_matches(QUOTES);
        let ours = rest.strip_prefix(model).map(|rest| rest.trim_start_matches(QUOTES));
        match ours {
            Some(rest) if !after.is_empty() && rest.starts_with(after) => return Named::Ours,
            Some(rest) if after.is_empty() && (rest.is_empty() || rest.starts_with(['.', ',', ' '])) => return Named::Ours,
            _ if after.is_empty() || rest.contains(after) => found = Named::Another,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(body: &str) -> bool {
        Complaint::read(body.as_bytes()).is_about_the_model("m-1")
    }

    #[test]
    fn the_vendors_words_for_an_unknown_model_are_known() {
        for body in [
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: m-1"}}"#,
            r#"{"error":{"message":"The model `m-1` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            r#"{"object":"error","message":"The model `m-1` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
            r#"{"error":{"message":"The model m-1 does not exist or your team has no access to it."}}"#,
            r#"{"error":{"code":404,"message":"models/m-1 is not found for API version v1main, or is not supported.","status":"NOT_FOUND"}}"#,
            r#"{"error":{"message":"No endpoints found for m-1.","code":404}}"#,
            r#"{"error":"model 'm-1' not found"}"#,
            r#"{"error":{"message":"model \"m-1\" not found, try pulling it first","type":"api_error"}}"#,
            r#"{"error":{"message":"no such model","code":"model_not_found"}}"#,
            r#"{"error":{"message":"Unsupported value","param":"model"}}"#,
        ] {
            assert!(about(body), "{body}");
        }
    }

    #[test]
    fn a_callers_own_words_say_nothing_of_the_model() {
        for body in [
            r#"{"error":{"message":"Conversation with id 'conv_m-1' not found.","type":"invalid_request_error","param":"conversation","code":null}}"#,
            r#"{"error":{"message":"Conversation with id 'The model `m-1` does not exist' not found."}}"#,
            r#"{"type":"error","error":{"type":"not_found_error","message":"File not found: model: m-1"}}"#,
            r#"{"error":{"message":"Container 'm-1' was not found","code":"container_not_found"}}"#,
            r#"{"error":{"message":"Prompt with id 'model_not_found' not found","param":"prompt","code":"prompt_not_found"}}"#,
            r#"{"error":{"message":"The model `m-1-tool` does not exist","code":"model_not_found","param":"model"}}"#,
            r#"{"error":{"message":"The model `m` does not exist","code":"model_not_found","param":"tools[0].model"}}"#,
            r#"{"error":{"message":"previous response","metadata":{"code":"model_not_found"}}}"#,
            "model: m-1",
            "<html>m-1 model_not_found</html>",
            "",
        ] {
            assert!(!about(body), "{body}");
        }
    }

    #[test]
    fn only_the_vendors_codes_tell_of_the_account() {
        let account = |body: &str| Complaint::read(body.as_bytes()).is_about_the_account();
        assert!(account(r#"{"error":{"message":"x","type":"authentication_error"}}"#));
        assert!(account(r#"{"error":{"message":"x","type":"invalid_request_error","code":"account_deactivated"}}"#));
        assert!(!account(r#"{"error":{"message":"flagged: invalid_api_key","code":403,"metadata":{"reasons":["violence"]}}}"#));
        assert!(!account(
            r#"{"error":{"message":"Your API key does not have permission to use the specified resource","type":"permission_error"}}"#
        ));
        assert!(!account("<html>blocked</html>"));
    }

    #[test]
    fn a_failed_event_tells_whose_fault_it_was() {
        let request = |body: &str| Complaint::read(body.as_bytes()).is_about_the_request();
        assert!(request(r#"{"type":"response.failed","response":{"id":"r","error":{"code":"invalid_prompt","message":"x"}}}"#));
        assert!(request(r#"{"type":"error","error":{"type":"invalid_request_error","message":"x"}}"#));
        assert!(!request(r#"{"type":"error","error":{"type":"overloaded_error","message":"invalid_prompt"}}"#));
    }
}
