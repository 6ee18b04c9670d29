//! Several instances as one gateway, over a real Redis: what they share, what becomes of it when Redis or an instance goes away.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod gates;
mod instance;
mod outages;
#[path = "../support/redis.rs"]
mod redis;
