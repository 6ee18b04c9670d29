//! The conversions from outside: golden files for every row of `docs/conversion.md`, judged by the vendors' published
//! types, and hostile input.
//!
//! A new case is a new file under `tests/golden/cases`; it needs no Rust.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on may panic")]
#![expect(clippy::disallowed_methods, reason = "scripts/test says in the environment where things are")]

mod case;
mod fuzz;
mod golden;
mod published;
