//! The form in the middle: what any of the three protocols can say, said once.
//!
//! A conversion is a reader of one protocol and a writer of another. Readers refuse what no hub value can hold
//! ([`CannotCarry`]); writers leave out the hints their protocol has no field for and name them ([`LeftOut`]).
//! Usage is no part of it: it is read once, by [`super::UsageTap`], and handed to the writers.

mod answer;
mod call_ids;
mod carriage;
mod collect;
mod cutter;
mod event;
mod halves;
mod names;
mod reasons;
mod replay;
mod reply;
mod request;
mod sampling;
mod schema;
mod seal;
mod tool_schema;
mod unwrap;
mod upstream_model;
mod written;

pub use answer::{Answer, Block, Call, Stop, Thought};
pub use call_ids::{IdRule, short};
pub use carriage::{CannotCarry, LeftOut};
pub use collect::Collector;
pub use cutter::Cutter;
pub use event::{Event, Opening};
pub use halves::Halves;
pub use names::{ToolName, ToolNames};
pub use reasons::{Ended, ended};
pub use replay::replay;
pub use reply::Reply;
pub use request::{
    Choice, Document, Effort, Field, Format, Image, Item, Part, Reasoning, Request, Source, Tool, ToolKind, ToolResult, Voice,
    data_url, say_failed, usual_name,
};
pub use sampling::write_openai_sampling;
pub use schema::{closed, is_strict};
pub use seal::{Seal, maker};
pub use tool_schema::{ToolSchema, mended, tool_schema};
pub use unwrap::{InputUnwrapper, grammar_rule, one_input, unwrapped, wrapped};
pub use upstream_model::{max_output, most_output, reasons, takes_completion_limit, takes_effort, thinks_adaptively};
pub use written::Written;
