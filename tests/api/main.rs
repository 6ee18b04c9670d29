//! The JSON door, over real sockets, on both databases.

mod fakes;
mod harness;

mod accounts;
mod catalogue;
mod channels;
mod door;
mod keys;
mod permissions;
mod races;
mod reports;
mod settings;
mod users;
