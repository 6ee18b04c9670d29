//! The door for people: what its pages say, and that they work in a browser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on may panic")]

mod books;
mod browser;
mod catalogue;
mod channel_models;
mod channels;
mod counted;
mod crawl;
mod data;
mod figures;
mod forms;
mod gateway;
mod guide;
mod history;
mod live;
mod log_filters;
mod money;
mod no_scripts;
mod notices;
mod page;
mod pages;
mod people;
mod prices;
mod records;
mod rights;
mod router;
mod seed;
mod settings;
mod square;
mod submits;
mod system;
mod texts;
mod unscripted;
mod visitor;
mod walk;
mod without_npm;
mod world;
