//! The gateway as a real process, and everything that can happen to one: killed, starved, flooded, told to stop.
//!
//! The scripted provider lives in the test's own process and survives what happens to the gateway.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on may panic")]
#![expect(clippy::print_stdout, reason = "seeds and figures")]

mod backup;
mod books;
mod client;
#[expect(dead_code, reason = "the tests of what spans say need more of it")]
#[path = "../support/collector.rs"]
mod collector;
mod commands;
mod files;
mod full_disk;
mod gateway;
mod hostile;
mod instances;
mod kills;
mod line;
mod logging;
mod memory;
mod outage;
mod raw;
#[path = "../support/redis.rs"]
mod redis;
mod request_ids;
mod secrets;
mod server;
mod shutdown;
mod space;
mod statements;
mod together;
mod upstreams;
mod waiting;
mod world;
