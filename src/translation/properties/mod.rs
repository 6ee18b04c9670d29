//! Properties of all conversions: streams are legal and say what whole answers say, and requests come back as they were.

mod generate;
mod legal;
mod requests;
mod streams;
