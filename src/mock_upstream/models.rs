//! The models the provider lists, in either vendor's shape.

use super::route::Vendor;
use super::wire::list;

/// What is listed unless the script says otherwise.
pub(super) const DEFAULT_MODELS: [&str; 8] = [
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
    "gpt-5",
    "gpt-5-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "text-embedding-3-small",
];

/// The list of models.
pub(super) fn all(vendor: Vendor, models: &[String]) -> String {
    let data = list(models.iter().map(|id| one(vendor, id)));
    match vendor {
        Vendor::Claude => wire!({
            "data": (raw data),
            "has_more": false,
            "first_id": (models.first()),
            "last_id": (models.last()),
        }),
        Vendor::OpenAi => wire!({ "object": "list", "data": (raw data) }),
    }
}

/// One model.
pub(super) fn one(vendor: Vendor, id: &str) -> String {
    match vendor {
        Vendor::Claude => wire!({
            "type": "model",
            "id": (id),
            "display_name": (id),
            "created_at": "2025-09-29T00:00:00Z",
            "lifecycle": "active",
        }),
        Vendor::OpenAi => wire!({
            "id": (id),
            "object": "model",
            "created": 1735689600,
            "owned_by": "system",
        }),
    }
}
