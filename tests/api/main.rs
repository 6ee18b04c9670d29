//! The JSON door, over real sockets, on both databases.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod fakes;
mod harness;

mod accounts;
mod catalogue;
mod channel_models;
mod channels;
mod configuration;
mod door;
mod downloads;
mod gift_cards;
mod keys;
mod nul;
mod permissions;
mod races;
mod reach;
mod reports;
mod rights;
mod settings;
mod users;
