use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::recovery::recover;
use super::settling::settle;
use super::{Backlog, Sync, UsageLedger};
use crate::ports::{BookingFailed, Entry, Faults, Journal, LedgerStore, Room, SetAside, SystemClock, Written};
use crate::vocabulary::{Counted, Ending, KeyId, Nanos, Protocol, Receipt, ReceiptId, Timings, Usage, UserId};

fn receipt(id: i64) -> Receipt {
    Receipt {
        id: ReceiptId(id),
        request_id: format!("req_{id}"),
        client_request_id: None,
        ts: id,
        day_start: 0,
        user_id: UserId(1),
        username: "u".to_owned(),
        key_id: KeyId(1),
        key_name: "k".to_owned(),
        key_prefix: "p".to_owned(),
        protocol: Protocol::Messages,
        model: "m".to_owned(),
        upstream_model: None,
        channel_id: None,
        channel_name: None,
        status: 200,
        ending: Ending::Completed,
        stream: false,
        converted: false,
        upstream_protocol: None,
        usage: Usage::default(),
        estimated: false,
        tariff: None,
        cost: Nanos(1),
        timings: Timings::default(),
        attempts: Vec::new(),
        error: None,
        cause: None,
        client_ip: None,
        details: None,
    }
}

/// Refuses some receipts, panics over others, and may be away.
#[derive(Default)]
struct Store {
    refuses: BTreeSet<i64>,
    panics_over: BTreeSet<i64>,
    is_away: bool,
    booked: Mutex<BTreeSet<i64>>,
    transactions: Mutex<usize>,
}

#[async_trait]
impl LedgerStore for Store {
    async fn book(&self, receipts: &[Receipt]) -> Result<usize, BookingFailed> {
        *self.transactions.lock().unwrap() += 1;
        if self.is_away {
            return Err(BookingFailed::Unavailable("away".to_owned()));
        }
        assert!(receipts.iter().all(|receipt| !self.panics_over.contains(&receipt.id.0)));
        if receipts.iter().any(|receipt| self.refuses.contains(&receipt.id.0)) {
            return Err(BookingFailed::Refused("out of range".to_owned()));
        }
        self.booked.lock().unwrap().extend(receipts.iter().map(|receipt| receipt.id.0));
        Ok(receipts.len())
    }

    async fn count(&self, counted: &[Counted]) -> Result<(), BookingFailed> {
        if self.is_away {
            return Err(BookingFailed::Unavailable("away".to_owned()));
        }
        if counted.iter().any(|count| self.refuses.contains(&count.first.id.0)) {
            return Err(BookingFailed::Refused("out of range".to_owned()));
        }
        Ok(())
    }
}

/// Entries in memory.
#[derive(Default)]
struct Lines {
    entries: Vec<Entry>,
    read: usize,
    mark: usize,
    aside: Vec<SetAside>,
}

impl Journal for Lines {
    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.entries.extend_from_slice(entries);
        Ok(())
    }

    fn read(&mut self, limit: usize) -> io::Result<Vec<Entry>> {
        let entries: Vec<Entry> = self.entries[self.read..].iter().take(limit).cloned().collect();
        self.read += entries.len();
        Ok(entries)
    }

    fn rewind(&mut self) {
        self.read = self.mark;
    }

    fn mark(&mut self) -> bool {
        self.mark = self.read;
        false
    }

    fn release(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn size(&self) -> u64 {
        0
    }

    fn written(&self) -> Written {
        Written::default()
    }

    fn secure(&mut self) -> Room {
        Room { is_enough: true, free: None }
    }

    fn probe(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_aside(&mut self, refused: &[SetAside]) -> io::Result<()> {
        self.aside.extend_from_slice(refused);
        Ok(())
    }

    fn aside(&self) -> u64 {
        self.aside.len() as u64
    }

    fn list_aside(&self, limit: usize) -> io::Result<Vec<SetAside>> {
        Ok(self.aside.iter().take(limit).cloned().collect())
    }

    fn take_back(&mut self, _: i64, _: bool) -> io::Result<Option<SetAside>> {
        Ok(None)
    }
}

fn ids(refused: &[SetAside]) -> Vec<i64> {
    refused.iter().map(|one| one.id).collect()
}

#[actix::test]
async fn the_receipts_at_fault_are_found_and_all_others_booked() {
    let store = Store { refuses: [3, 700].into(), panics_over: [41].into(), ..Store::default() };
    let receipts: Vec<Receipt> = (0..1_000).map(receipt).collect();
    let settled = settle(&store, &receipts, &[], 5).await.unwrap();
    assert_eq!(settled.booked, 997);
    assert_eq!(ids(&settled.refused), [3, 41, 700]);
    assert_eq!(settled.refused[0].reason, "out of range");
    assert_eq!(store.booked.lock().unwrap().len(), 997);
    assert!(*store.transactions.lock().unwrap() < 100, "halving finds them");
}

#[actix::test]
async fn a_database_that_is_away_refuses_nobody() {
    let store = Store { is_away: true, refuses: [1].into(), ..Store::default() };
    assert_eq!(settle(&store, &[receipt(1), receipt(2)], &[], 5).await.unwrap_err(), "away");
    assert_eq!(*store.transactions.lock().unwrap(), 1);
}

#[actix::test]
async fn a_start_goes_on_past_what_the_database_refuses() {
    let store = Store { refuses: [2].into(), ..Store::default() };
    let mut journal = Lines::default();
    let closed = |id| Entry::Closed(Arc::new(receipt(id)));
    journal.append(&[closed(1), closed(2), closed(3), Entry::Opened(Arc::new(receipt(4)))]).unwrap();
    let recovered = recover(&mut journal, &store, &SystemClock).await.unwrap();
    assert_eq!((recovered.receipts, recovered.killed, recovered.set_aside, recovered.left), (3, 1, 1, 0));
    assert_eq!(ids(&journal.aside), [2]);
    assert_eq!(*store.booked.lock().unwrap(), [1, 3, 4].into());
}

#[actix::test]
async fn a_start_without_a_database_that_takes_anything_leaves_all_for_later() {
    let store = Store { is_away: true, ..Store::default() };
    let mut journal = Lines::default();
    journal.append(&[Entry::Opened(Arc::new(receipt(1))), Entry::Closed(Arc::new(receipt(2)))]).unwrap();
    let recovered = recover(&mut journal, &store, &SystemClock).await.unwrap();
    assert_eq!((recovered.set_aside, recovered.left), (0, 2));
    let closed = journal.read(9).unwrap().into_iter().filter_map(|entry| match entry {
        Entry::Closed(receipt) => Some(receipt.id.0),
        Entry::Opened(_) | Entry::Counted(_) => None,
    });
    assert_eq!(closed.collect::<Vec<_>>(), [2, 1], "what was under way has ended");
}

/// Panics each time when something has just been written.
struct AfterEachWrite;

impl Faults for AfterEachWrite {
    fn reached(&self, place: &'static str) {
        assert!(place != "usage_ledger.journal_written", "a fault on purpose");
    }
}

#[actix::test]
async fn what_was_written_is_never_said_to_be_lost_though_the_actor_crashes_after_its_write() {
    let ledger = UsageLedger::start(
        actix::Arbiter::new().handle(),
        Box::<Lines>::default(),
        Arc::new(Store::default()),
        Sync::Never,
        Backlog::default(),
        Arc::new(SystemClock),
        Arc::new(AfterEachWrite),
    );
    // Else the answer is kept back, and billed all the same.
    for id in 1..=3 {
        ledger.post(&Entry::Closed(Arc::new(receipt(id)))).await.unwrap();
    }
    assert!(ledger.vital_signs().crashes >= 3);
}
