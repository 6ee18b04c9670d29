//! What instances remember together over a real Redis: what requests go on from, tries, forms.
//!
//! Each test has a Redis of its own, and looks into it at the end: nothing of prompts, secrets and addresses is readable there.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on may panic")]

#[path = "../support/redis.rs"]
mod redis;

mod fleet;
mod forms;
mod gateways;
mod pair;
mod recall;
mod tries;
