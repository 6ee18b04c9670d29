//! Anthropic's Messages API: reading and writing it.

mod arguments;
mod models;
mod parts;
mod read_answer;
mod read_history;
mod read_request;
mod read_stream;
mod read_tools;
mod row;
mod stream_events;
mod thinking;
mod wire;
mod write_answer;
mod write_history;
mod write_request;
mod write_stream;
mod write_tools;

#[cfg(test)]
mod tests;

pub use read_answer::read_answer;
pub use read_request::read_request;
pub use read_stream::StreamReader;
pub use write_answer::write_answer;
pub use write_request::write_request;
pub use write_stream::StreamWriter;
