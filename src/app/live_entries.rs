//! Receipts as the bytes that live readers get.

use actors::ports::{Encoded, EntryEncoder};
use actors::vocabulary::Receipt;

/// Encodes entries.
pub(super) struct LiveEntries;

impl EntryEncoder for LiveEntries {
    fn encode(&self, receipt: &Receipt, _running: bool) -> Encoded {
        let admin = serde_json::to_vec(receipt).unwrap_or_default().into();
        Encoded { admin, user: bytes::Bytes::new() }
    }
}
