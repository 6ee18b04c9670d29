//! Both directions of requests, answers and streams.

mod answers;
mod read_requests;
mod round_trips;
mod streams;
mod write_requests;

use actors::vocabulary::Protocol;

use crate::translation::hub::{Block, Call, Item, Part, Request, ToolKind, ToolResult};

pub(super) fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

pub(super) fn said(words: &str) -> Item {
    Item::Assistant(Block::Text(words.to_owned()))
}

pub(super) fn call(id: &str, name: &str, kind: ToolKind, input: &str) -> Item {
    let (id, name, input) = (id.to_owned(), name.to_owned(), input.to_owned());
    Item::Assistant(Block::Call(Call { id, name, namespace: None, kind, input }))
}

pub(super) fn result(call_id: &str, kind: ToolKind, parts: Vec<Part>) -> Item {
    Item::Result(ToolResult { call_id: call_id.to_owned(), kind, parts, is_error: false })
}

pub(super) fn from(client: Protocol, items: Vec<Item>) -> Request {
    Request { items, ..Request::new(client) }
}
