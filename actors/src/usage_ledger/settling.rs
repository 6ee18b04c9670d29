//! Books a batch; what the database refuses in it is found and handed back, so that it holds up nothing else.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::ports::{BookingFailed, LedgerStore, SetAside, Unbooked};
use crate::vocabulary::{Counted, Receipt};

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
/// the receipt at fault. What is `counted` goes first; a count that the database refuses alone is set aside, too.
///
/// # Errors
/// When the database is away, full or locked. Nothing is refused then; what was booked already may be booked again.
pub(super) async fn settle(
    store: &dyn LedgerStore,
    receipts: &[Receipt],
    counted: &[Counted],
    now: i64,
) -> Result<Settled, String> {
    let mut settled = Settled::default();
    count(store, counted, now, &mut settled).await?;
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

/// Counts requests without a row: all at once, and where that is refused one by one.
async fn count(store: &dyn LedgerStore, counted: &[Counted], now: i64, settled: &mut Settled) -> Result<(), String> {
    if counted.is_empty() {
        return Ok(());
    }
    match in_time(|| store.count(counted)).await {
        Ok(()) => return Ok(()),
        Err(BookingFailed::Unavailable(words)) => return Err(words),
        Err(BookingFailed::Refused(_)) => {}
    }
    for one in counted {
        match in_time(|| store.count(std::slice::from_ref(one))).await {
            Ok(()) => {}
            Err(BookingFailed::Unavailable(words)) => return Err(words),
            Err(BookingFailed::Refused(reason)) => {
                settled.refused.push(SetAside { id: -one.first.id.0, at: now, reason, what: Unbooked::Line(format!("{one:?}")) });
            }
        }
    }
    Ok(())
}

async fn book(store: &dyn LedgerStore, receipts: &[Receipt]) -> Result<(), BookingFailed> {
    if receipts.is_empty() {
        return Ok(());
    }
    in_time(|| store.book(receipts)).await.map(drop)
}

/// A transaction within its deadline; one that panics again and again counts as refused.
async fn in_time<T, F: Future<Output = Result<T, BookingFailed>>>(work: impl Fn() -> F) -> Result<T, BookingFailed> {
    for _ in 0..MOST_PANICS {
        match caught(tokio::time::timeout(BOOKING_DEADLINE, work())).await {
            Some(Ok(booked)) => return booked,
            Some(Err(_)) => return Err(BookingFailed::Unavailable("a booking took too long".to_owned())),
            None => tracing::error!("a booking panicked"),
        }
    }
    Err(BookingFailed::Refused("its booking panics".to_owned()))
}

async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}
