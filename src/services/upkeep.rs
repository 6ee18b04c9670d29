//! What is tidied now and then, by one process at a time: rows past their time.

use super::catalogue::missing;
use super::{Served, Services};
use crate::store::leases::Fence;
use crate::store::{changes, growth, missing_models, retention};

const DAY_MS: i64 = 86_400_000;
/// Channel tests are kept this long.
const TESTS_KEPT_MS: i64 = 30 * DAY_MS;
/// Times that requests took, and what channels did, are kept this long: as far back as the longest range that figures can be asked for.
const FIGURES_KEPT_MS: i64 = 400 * DAY_MS;
/// Batches deleted by one run; the rest waits for the next.
const MOST_BATCHES: usize = 500;

/// Gives a little of the space that deleted rows left back to the disk. Answers whether there is more to give.
///
/// # Errors
/// When the database fails, or the lease has changed hands.
pub async fn give_back(services: &Services, lease: &Fence) -> Served<bool> {
    let given = growth::give_back(&services.db, Some(lease)).await?;
    Ok(given > 0)
}

/// Deletes log rows older than `logRetentionDays` (folding their ledger rows, sums unchanged) and what is counted beside them, old channel
/// tests, activity, times and models asked for in vain, the names of what is gone, and the change log's tail.
///
/// # Errors
/// When the database fails, or the lease has changed hands; the next run goes on where this one stopped.
pub async fn run(services: &Services, lease: &Fence) -> Served<()> {
    let (db, now, lease) = (&services.db, services.now(), Some(lease));
    changes::prune(db, now, lease).await?;
    retention::delete_channel_activity(db, now - FIGURES_KEPT_MS, lease).await?;
    retention::delete_latencies(db, now - FIGURES_KEPT_MS, lease).await?;
    missing_models::forget(db, now - missing::KEPT_MS, lease).await?;
    for _ in 0..MOST_BATCHES {
        if retention::delete_channel_tests(db, now - TESTS_KEPT_MS, lease).await? == 0 {
            break;
        }
    }
    let days = services.settings.settings().log_retention_days;
    if days <= 0 {
        return Ok(());
    }
    let before = now.saturating_sub(days.saturating_mul(DAY_MS));
    for _ in 0..MOST_BATCHES {
        if retention::fold_ledger_days(db, before, lease).await? == 0 {
            break;
        }
    }
    for _ in 0..MOST_BATCHES {
        if retention::delete_log_rows(db, before, lease).await? == 0 {
            break;
        }
    }
    for _ in 0..MOST_BATCHES {
        if retention::delete_counts(db, before, lease).await? == 0 {
            break;
        }
    }
    retention::forget_names(db, lease).await?;
    Ok(())
}
