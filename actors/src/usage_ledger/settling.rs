//! Books a batch; what the database refuses in it is found and handed back, so that it holds up nothing else.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::ports::{BookingFailed, LedgerStore, SetAside, Unbooked};
use crate::vocabulary::Receipt;

/// Longest transaction.
const BOOKING_DEADLINE: Duration = Duration::from_secs(60);
/// How often a booking may panic before what is in it counts as refused.
const MOST_PANICS: u32 = 3;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Receipts that are in the database now.
    pub(super) booked: usize,
    /// Those it refuses one by one.
    pub(super) refused: Vec<SetAside>,
}

/// Books `receipts` with as few transactions as can be: all in one, and only where that is refused the halves, down to
/// the receipt at fault.
///
/// # Errors
/// When the database is away, full or locked. Nothing is refused then; what was booked already may be booked again.
pub(super) async fn settle(store: &dyn LedgerStore, receipts: &[Receipt], now: i64) -> Result<Settled, String> {
    let mut settled = Settled::default();
    let mut waiting = vec![receipts];
    while let Some(part) = waiting.pop() {
        match book(store, part).await {
            Ok(()) => settled.booked += part.len(),
            Err(BookingFailed::Unavailable(words)) => return Err(words),
            Err(BookingFailed::Refused(reason)) => match part {
                [] => {}
                [one] => {
                    settled.refused.push(SetAside { id: one.id.0, at: now, reason, what: Unbooked::Receipt(one.clone().into()) })
                }
                many => {
                    let (first, second) = many.split_at(many.len() / 2);
                    waiting.extend([second, first]);
                }
            },
        }
    }
    Ok(settled)
}

async fn book(store: &dyn LedgerStore, receipts: &[Receipt]) -> Result<(), BookingFailed> {
    if receipts.is_empty() {
        return Ok(());
    }
    for _ in 0..MOST_PANICS {
        let booking = tokio::time::timeout(BOOKING_DEADLINE, store.book(receipts));
        match caught(booking).await {
            Some(Ok(booked)) => return booked.map(drop),
            Some(Err(_)) => return Err(BookingFailed::Unavailable("a booking took too long".to_owned())),
            None => tracing::error!(receipts = receipts.len(), "a booking panicked"),
        }
    }
    Err(BookingFailed::Refused("its booking panics".to_owned()))
}

async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}
