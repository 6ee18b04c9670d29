//! The scripted provider: a small server that answers like Claude and OpenAI do, and misbehaves on request.
//!
//! It is the upstream of the demo, of the benchmarks and of every integration test. Unscripted, it gives a
//! realistic and deterministic answer in the protocol it was asked in, streamed or whole. There are three ways
//! to make it do something else, the first one that has an opinion wins:
//!
//! 1. **the request itself**: an `x-mock` header holding a JSON object, or a top-level `"x_mock"` object in the
//!    JSON body, is obeyed for that request;
//! 2. **the script**: queued [`Step`]s first (first in, first out), then what was set for the upstream key, for
//!    the model, for everything;
//! 3. otherwise the default answer.
//!
//! In a test the [`Script`] is at hand as a value; another process posts a JSON list to `POST /_mock/script`,
//! reads `GET /_mock/requests`, and starts over with `DELETE /_mock/script` and `DELETE /_mock/requests`.
//!
//! # The JSON of a step
//!
//! Everything is optional; an unknown field is refused, so that a slip of the pen is noticed.
//!
//! ```json
//! {
//!   "status": 529, "headers": {"retry-after": "2"}, "errorBody": {"any": "json, or a string"},
//!   "delayMs": 100, "chunkDelayMs": 20,
//!   "text": "the whole text", "pieces": 50,
//!   "thinking": {"text": "let me see", "signature": "c2ln"},
//!   "toolCalls": [{"name": "weather", "arguments": {"location": "Paris"}}],
//!   "usage": {"input": 10, "output": 5, "cacheRead": 3, "cacheCreation5m": 2, "cacheCreation1h": 1, "reasoning": 4},
//!   "withoutUsage": true, "padsTo": 100000,
//!   "cutAfter": 3, "endsAfter": 3, "errorEventAfter": 2, "errorEventFirst": true, "hangAfter": 2, "hang": true,
//!   "garbage": true, "empty": true,
//!   "rawBody": {"contentType": "text/html", "body": "<h1>Bad gateway</h1>"},
//!   "rawChunks": {"contentType": "text/event-stream", "chunks": ["data: {", "}\n\n"]},
//!   "onPath": "messages", "onModel": "claude-sonnet-4-5", "onKey": "sk-1", "times": 2
//! }
//! ```
//!
//! `pieces` is a number (that many words) or the list of pieces itself. `cutAfter` breaks the connection after
//! so many pieces, `endsAfter` ends the body cleanly but without the protocol's last event. The last line holds
//! conditions, which only a queued step has. A *piece* is one content delta: a word of text or of thinking, or
//! one of the two fragments of a tool call's arguments. An answer that is not streamed counts as two: its first
//! and its second half.

#[macro_use]
mod wire;

mod answer;
mod ask;
mod ask_content;
mod call;
mod chat;
mod claude;
mod control;
mod directive;
mod embeddings;
mod gate;
mod headers;
mod models;
mod observer;
mod performance;
mod pieces;
mod recorder;
mod reply;
mod reply_plan;
mod responses;
mod responses_items;
mod responses_stream;
mod route;
mod script;
mod serve;
mod server;
mod telling;
mod usage;
mod vendor_error;

pub use gate::Gate;
pub use observer::WaitedInVain;
pub use pieces::Pieces;
pub use recorder::Seen;
pub use reply::Reply;
pub use script::{Script, Step};
pub use server::{MockUpstream, run};
pub use usage::Usage;
