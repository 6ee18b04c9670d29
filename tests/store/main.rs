//! The store on both databases: a fresh SQLite file and a fresh PostgreSQL database per test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod absurd;
mod activity;
mod booking;
mod catalogue;
mod database;
mod growth;
mod leases;
mod log_pages;
mod migrating;
mod missing_models;
mod names;
mod refusals;
mod reports;
mod retention;
mod trends;
mod unusable;
