//! The store on both databases: a fresh SQLite file and a fresh PostgreSQL database per test.

mod booking;
mod catalogue;
mod database;
mod reports;
mod retention;
