//! The scripted provider, from outside: its default answers, its scripted accidents, its memory.

#![expect(clippy::expect_used, reason = "a test that cannot go on may panic")]

mod accidents;
mod answers;
mod caller;
mod control;
mod memory;
mod refusals;
mod script;
mod server;
mod waiting;
