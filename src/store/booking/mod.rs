//! Books finished requests exactly once: log rows, ledger rows, balances, key totals, sums over time, in one transaction.
//!
//! Everything follows from which log rows were new: the row's id is the receipt's, and a second booking
//! finds it taken. Rows are locked in one order everywhere (counts, log rows, users, keys, names, models, models that nobody
//! serves, other channels asked, hours, half hours of channels, days, totals, traffic, latencies, each by primary key; what all bookings touch comes late), so that two
//! processes booking the same receipts wait for each other instead of deadlocking.

mod counted;
mod missing;
mod names;
mod sums;
mod tables;
mod traffic;
mod usage;

use std::collections::HashSet;
use std::sync::Arc;

use actors::ports::{BookingFailed, Clock, Faults, LedgerStore};
use actors::vocabulary::{Counted, IdMaker, Receipt};
use async_trait::async_trait;

use self::counted::{RefusalTables, Times, grown, newest};
use self::missing::{MissingTables, missing_of};
use self::names::{NameTables, models_of, names_of};
use self::sums::{Balances, KeyTotals, activity_of, asked_of, keys_of, payers_of};
use self::tables::{BookingTables, LogRow};
use self::traffic::{TrafficTables, daily_latencies_of, latencies_of, traffic_of};
use self::usage::{UsageTables, days_of, hours_of, totals_of};
use super::db::{Db, Stored, write};

/// Reached when everything is written and nothing is committed.
pub const INSIDE_TRANSACTION: &str = "booking.inside_transaction";

/// Where receipts end up.
#[derive(Clone)]
pub struct Booking {
    db: Db,
    ids: Arc<IdMaker>,
    clock: Arc<dyn Clock>,
    faults: Arc<dyn Faults>,
}

impl Booking {
    /// Books into `db`; `ids` and `clock` number the ledger's rows; `faults` is told of [`INSIDE_TRANSACTION`].
    pub fn new(db: Db, ids: Arc<IdMaker>, clock: Arc<dyn Clock>, faults: Arc<dyn Faults>) -> Self {
        Self { db, ids, clock, faults }
    }

    async fn book_new(&self, receipts: &[Receipt]) -> Stored<usize> {
        let mut sorted: Vec<&Receipt> = receipts.iter().collect();
        sorted.sort_by_key(|receipt| receipt.id);
        sorted.dedup_by_key(|receipt| receipt.id);
        let rows: Vec<LogRow<'_>> = sorted.iter().map(|receipt| LogRow::of(receipt)).collect();
        let booked = write!(self.db, tx => {
            let new: HashSet<i64> = tx.insert_log_rows(&rows).await?.into_iter().collect();
            sorted.retain(|receipt| new.contains(&receipt.id.0));
            self.post(&mut *tx, &sorted).await?;
            self.faults.reached(INSIDE_TRANSACTION);
            sorted.len()
        });
        Ok(booked)
    }

    /// Adds what counts have gained since they were booked last. Their rows are locked before anything else is.
    async fn count_new(&self, counted: &[Counted]) -> Stored<()> {
        let newest = newest(counted);
        write!(self.db, tx => {
            let known = tx.lock_counts(&newest).await?;
            let (rows, times): (Vec<&Counted>, Vec<Times<'_>>) = grown(&newest, &known).into_iter().unzip();
            tx.set_counts(&rows).await?;
            let firsts: Vec<&Receipt> = times.iter().map(|times| times.receipt).collect();
            tx.add_names(&names_of(&firsts)).await?;
            tx.add_models(&models_of(&firsts)).await?;
            tx.add_missing(&missing_of(&times)).await?;
            tx.add_hours(&hours_of(&times)).await?;
            tx.add_days(&days_of(&times)).await?;
            tx.add_totals(&totals_of(&times)).await?;
            tx.add_traffic(&traffic_of(&times)).await?;
            self.faults.reached(INSIDE_TRANSACTION);
        });
        Ok(())
    }

    /// What the new receipts do to balances, keys and sums.
    async fn post<T: BookingTables + MissingTables + NameTables + TrafficTables + UsageTables>(
        &self,
        tx: &mut T,
        new: &[&Receipt],
    ) -> Stored<()> {
        let payers = payers_of(new);
        if !payers.is_empty() {
            let users = tx.lock_users(&payers).await?;
            let mut balances = Balances::new(users, tx.last_entries(&payers).await?);
            let ledger = balances.pay(new, || self.ids.next(self.clock.now_ms()));
            tx.set_used(&balances.changed()).await?;
            tx.insert_ledger_rows(&ledger).await?;
        }
        let keys = keys_of(new);
        if !keys.is_empty() {
            let mut totals = KeyTotals::new(tx.lock_keys(&keys).await?);
            totals.count(new);
            tx.set_key_totals(&totals.changed()).await?;
        }
        tx.add_names(&names_of(new)).await?;
        tx.add_models(&models_of(new)).await?;
        let times: Vec<Times<'_>> = new.iter().map(|receipt| Times::once(receipt)).collect();
        tx.add_missing(&missing_of(&times)).await?;
        tx.add_asked(&asked_of(new)).await?;
        tx.add_hours(&hours_of(&times)).await?;
        tx.add_activity(&activity_of(new)).await?;
        tx.add_days(&days_of(&times)).await?;
        tx.add_totals(&totals_of(&times)).await?;
        tx.add_traffic(&traffic_of(&times)).await?;
        tx.add_latencies(&latencies_of(new)).await?;
        tx.add_daily_latencies(&daily_latencies_of(new)).await
    }
}

#[async_trait]
impl LedgerStore for Booking {
    async fn book(&self, receipts: &[Receipt]) -> Result<usize, BookingFailed> {
        if receipts.is_empty() {
            return Ok(0);
        }
        Ok(self.book_new(receipts).await?)
    }

    async fn count(&self, counted: &[Counted]) -> Result<(), BookingFailed> {
        if counted.is_empty() {
            return Ok(());
        }
        Ok(self.count_new(counted).await?)
    }
}
