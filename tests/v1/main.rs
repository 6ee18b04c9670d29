//! The whole gateway in process, over real sockets, on both databases: what SDK clients see at `/v1`, and
//! what the books say afterwards.
//!
//! Every test ends with `app.finish()`, which waits until nothing is under way and checks the books.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on may panic, and prints its seed"
)]

mod app;
mod books;
mod caller;
#[path = "../support/collector.rs"]
mod collector;
mod database;
#[path = "../support/redis.rs"]
mod redis;
mod reply;

mod absurd;
mod bodies;
mod capacity;
mod client_habits;
mod conversion;
mod doors;
mod failures;
mod fidelity;
mod figures;
mod forms;
mod limits;
mod metrics;
mod models;
mod money;
mod other_side;
mod refusals;
mod routing;
mod settings;
mod slots;
mod streams;
mod supervision;
mod traces;
mod upstreams;
