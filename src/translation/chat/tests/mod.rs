//! Both directions of requests, answers and streams.

mod answers;
mod requests;
mod streams;
