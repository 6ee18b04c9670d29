//! The JSON door, over real sockets, on both databases.

mod harness;

mod accounts;
mod door;
mod keys;
mod permissions;
mod races;
mod users;
