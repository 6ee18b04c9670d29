//! The JSON door, over real sockets, on both databases.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod harness;

mod accounts;
mod door;
mod keys;
mod permissions;
mod races;
mod users;
