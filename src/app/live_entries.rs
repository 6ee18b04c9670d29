//! Receipts as the bytes that live readers get: the log's own rows, once for admins and once for owners.

use actors::ports::{Encoded, EntryEncoder};
use actors::vocabulary::Receipt;
use bytes::Bytes;
use serde::Serialize;

use crate::services::reports::Log;

/// Encodes entries.
pub(super) struct LiveEntries;

#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    log: Log,
    /// Whether the request is still under way: status, ending and figures follow with its last entry.
    running: bool,
}

impl EntryEncoder for LiveEntries {
    fn encode(&self, receipt: &Receipt, running: bool) -> Encoded {
        Encoded { admin: row(receipt, running, true), user: row(receipt, running, false) }
    }
}

fn row(receipt: &Receipt, running: bool, for_admin: bool) -> Bytes {
    let entry = Entry { log: Log::of_receipt(receipt, for_admin), running };
    serde_json::to_vec(&entry).unwrap_or_default().into()
}
