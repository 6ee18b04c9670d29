//! The gateway as a real process, and everything that can happen to one: killed, starved, flooded, told to stop.
//!
//! The scripted provider lives in the test's own process and survives what happens to the gateway.

mod books;
mod client;
mod gateway;
mod kills;
mod line;
mod outage;
mod shutdown;
mod waiting;
mod world;
