//! Errors in the vendors' own words and shapes, as bodies and as events inside a stream.

use super::route::Vendor;

/// An error before it has a vendor's shape.
#[derive(Debug, Clone)]
pub(super) struct VendorError {
    pub(super) status: u16,
    message: String,
    /// OpenAI's `param` and `code`, where a real answer has them.
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl VendorError {
    /// What the vendor usually says with this status.
    pub(super) fn usual(vendor: Vendor, status: u16) -> Self {
        let message = match vendor {
            Vendor::Claude => claude_message(status),
            Vendor::OpenAi => openai_message(status),
        };
        Self { status, message: message.to_owned(), param: None, code: openai_code(status) }
    }

    /// A 400 in the given words.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), param: None, code: None }
    }

    /// A 400 that names the field which is missing.
    pub(super) fn missing(vendor: Vendor, field: &'static str) -> Self {
        match (vendor, field) {
            (Vendor::Claude, _) => Self::bad_request(format!("{field}: Field required")),
            (Vendor::OpenAi, "model") => Self::bad_request("you must provide a model parameter"),
            (Vendor::OpenAi, _) => Self {
                param: Some(field),
                code: Some("missing_required_parameter"),
                ..Self::bad_request(format!("Missing required parameter: '{field}'."))
            },
        }
    }

    /// The 400 for a body that is not JSON.
    pub(super) fn not_json(vendor: Vendor, reason: &serde_json::Error) -> Self {
        Self::bad_request(match vendor {
            Vendor::Claude => format!("The request body is not valid JSON: {reason}"),
            Vendor::OpenAi => "We could not parse the JSON body of your request. (HINT: This likely means you \
                               aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, \
                               but what was sent was not valid JSON.)"
                .to_owned(),
        })
    }

    /// The 401 for a key that is not the right one.
    pub(super) fn wrong_key(vendor: Vendor, bearer: bool) -> Self {
        let mut error = Self::usual(vendor, 401);
        if vendor == Vendor::Claude && bearer {
            error.message = "Invalid bearer token".to_owned();
        }
        error
    }

    /// The 404 for a model nobody has.
    pub(super) fn no_such_model(vendor: Vendor, model: &str) -> Self {
        let message = match vendor {
            Vendor::Claude => format!("model: {model}"),
            Vendor::OpenAi => {
                format!("The model '{model}' does not exist or you do not have access to it.")
            }
        };
        Self { status: 404, message, param: Some("model"), code: Some("model_not_found") }
    }

    /// The 404 for a path nobody serves.
    pub(super) fn no_such_path(vendor: Vendor, method: &str, path: &str) -> Self {
        let message = match vendor {
            Vendor::Claude => "Not Found".to_owned(),
            Vendor::OpenAi => format!("Invalid URL ({method} {path})"),
        };
        Self { status: 404, message, param: None, code: None }
    }

    /// The body of an answer with this error.
    pub(super) fn body(&self, vendor: Vendor, request_id: &str) -> String {
        match vendor {
            Vendor::Claude => wire!({
                "type": "error",
                "error": { "type": (claude_type(self.status)), "message": (self.message) },
                "request_id": (request_id),
            }),
            Vendor::OpenAi => wire!({
                "error": {
                    "message": (self.message),
                    "type": (openai_type(self.status)),
                    "param": (self.param),
                    "code": (self.code),
                },
            }),
        }
    }
}

fn claude_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn claude_message(status: u16) -> &'static str {
    match status {
        401 => "invalid x-api-key",
        402 => "Your credit balance is too low to access the Anthropic API.",
        403 => "Your API key does not have permission to use the specified resource.",
        404 => "Not Found",
        413 => "Request exceeds the maximum size",
        429 => "This request would exceed your organization's rate limit. Please try again later.",
        503 => "Service Unavailable",
        504 => "Request timed out.",
        529 => "Overloaded",
        500.. => "Internal server error",
        _ => "Error",
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        402 => "insufficient_quota",
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn openai_code(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("invalid_api_key"),
        402 => Some("insufficient_quota"),
        404 => Some("model_not_found"),
        429 => Some("rate_limit_exceeded"),
        _ => None,
    }
}

fn openai_message(status: u16) -> &'static str {
    match status {
        401 => {
            "Incorrect API key provided: sk-mock****key. You can find your API key at \
             https://platform.openai.com/account/api-keys."
        }
        402 => "You exceeded your current quota, please check your plan and billing details.",
        403 => "You are not allowed to sample from this model.",
        404 => "The model does not exist or you do not have access to it.",
        429 => "Rate limit reached for requests. Please try again in 1s.",
        503 => "The engine is currently overloaded, please try again later.",
        500.. => "The server had an error while processing your request. Sorry about that!",
        _ => "Invalid request.",
    }
}
