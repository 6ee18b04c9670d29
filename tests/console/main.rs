//! The door for people: what its pages say, and that they work in a browser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on may panic")]

mod books;
mod browser;
mod figures;
mod guide;
mod money;
mod no_scripts;
mod page;
mod pages;
mod texts;
mod visitor;
mod world;
