//! The door for people: what its pages say, and that they work in a browser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod browser;
mod pages;
mod texts;
mod world;
