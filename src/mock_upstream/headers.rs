//! The headers each vendor puts on its answers.

use super::route::Vendor;

/// The id the vendor gives this request.
pub(super) fn request_id(vendor: Vendor, serial: u64) -> String {
    match vendor {
        Vendor::Claude => format!("req_011Mock{serial:017}"),
        Vendor::OpenAi => format!("req_{serial:032x}"),
    }
}

/// The headers of an answer besides its content type. Rate limits are always half used: tests see a number
/// that does not change with the order of requests.
pub(super) fn usual(vendor: Vendor) -> &'static [(&'static str, &'static str)] {
    match vendor {
        Vendor::Claude => &[
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "2000"),
            ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
            ("anthropic-ratelimit-tokens-limit", "2000000"),
            ("anthropic-ratelimit-tokens-remaining", "1000000"),
            ("anthropic-ratelimit-tokens-reset", "2030-01-01T00:00:00Z"),
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
        ],
        Vendor::OpenAi => &[
            ("openai-organization", "mock-organization"),
            ("openai-processing-ms", "5"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "5000"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-tokens", "1000000"),
            ("x-ratelimit-reset-tokens", "6ms"),
        ],
    }
}

/// The name of the header that carries the request's id.
pub(super) fn id_name(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Claude => "request-id",
        Vendor::OpenAi => "x-request-id",
    }
}
