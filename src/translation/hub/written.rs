//! A request as an upstream gets it.

use serde_json::Value;

use super::carriage::LeftOut;
use super::names::ToolNames;

/// What a writer of requests made.
#[derive(Clone, Debug)]
pub struct Written {
    /// The body.
    pub body: Value,
    /// The client's tools by the names used in it, for the answer's reader.
    pub names: ToolNames,
    /// What was left out or clamped.
    pub left_out: LeftOut,
    /// Stop sequences that the upstream does not take: the answer is cut here.
    pub cut: Vec<String>,
}
