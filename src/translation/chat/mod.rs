//! OpenAI's Chat Completions API: reading and writing it.
//!
//! As a client's protocol: [`read_request`], [`write_answer`], [`StreamWriter`]. As an upstream's: [`write_request`],
//! [`read_answer`], [`StreamReader`]. Shapes follow the official SDKs' types; beside them thinking travels in
//! `reasoning_content` (DeepSeek's convention) and its proofs in `reasoning_details` (OpenRouter's).

mod answer;
mod call_pieces;
mod media;
mod old_functions;
mod opaque;
mod read_messages;
mod read_request;
mod read_stream;
mod read_tools;
#[cfg(test)]
mod tests;
mod wire;
mod write_answer;
mod write_messages;
mod write_request;
mod write_stream;
mod write_tools;

pub use answer::read_answer;
pub use read_request::read_request;
pub use read_stream::StreamReader;
pub use write_answer::{write_answer, write_answers};
pub use write_request::write_request;
pub use write_stream::StreamWriter;
