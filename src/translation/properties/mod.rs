//! Properties of all conversions: streams are legal and say what whole answers say, and requests come back as they were.

mod generate;
mod legal;
mod odd;
mod requests;
mod streams;
