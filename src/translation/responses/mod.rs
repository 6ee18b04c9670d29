//! OpenAI's Responses API: reading and writing it.

mod answer;
mod echo;
mod memory;
mod open_items;
mod read_items;
mod read_request;
mod read_stream;
mod read_tools;
mod wire;
mod write_items;
mod write_request;
mod write_stream;

pub use answer::{read_answer, write_answer};
pub use echo::echo;
use memory::is_reference;
pub use memory::{go_on, output_items, record, resolve};
pub use read_request::read_request;
pub use read_stream::StreamReader;
pub use write_request::write_request;
pub use write_stream::StreamWriter;

#[cfg(test)]
mod tests;
