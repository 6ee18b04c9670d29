//! What must be true of every gateway that has nothing to do: nothing is held, and all sums agree.

use actors::user_gate::GateState;
use api_proxy::store::ledger;
use api_proxy::store::logs::{self, Cursor, LogDetailRow, LogFilter, LogRow};

use crate::app::{PATIENCE, TestApp, eventually};

/// Waits until nothing is under way any more.
pub async fn quiet(app: &TestApp) {
    let running = app.running();
    eventually("no request under way", async || running.in_flight() == 0).await;
    eventually("no upstream call under way", async || app.provider().in_flight() == 0).await;
    eventually("every hold, slot and place in line given back", async || {
        running.cellar.gates.observe_all().iter().all(|(_, gate)| is_quiet(gate))
    })
    .await;
    eventually("all memory of bodies given back", async || {
        let state = running.capacity.memory.state();
        state.held == 0 && state.waiting == 0
    })
    .await;
    eventually("no channel in flight", async || {
        running.cellar.health.observe().await.is_ok_and(|all| all.iter().all(|channel| channel.in_flight == 0))
    })
    .await;
    eventually("no committed answer without its receipt", async || running.cellar.ledger.observe().running == 0).await;
    assert!(running.cellar.ledger.drain(PATIENCE).await, "the ledger was not drained in time");
}

fn is_quiet(gate: &GateState) -> bool {
    gate.holds.is_empty() && gate.slots == 0 && gate.waiting == 0 && gate.held.0 == 0
}

/// The check at the end of every test.
pub async fn agree(app: &TestApp) {
    quiet(app).await;
    let running = app.running();
    assert_eq!(running.cellar.ledger.observe().backlog, 0);
    let reconciled = ledger::reconcile(&running.services.db).await.unwrap();
    assert!(reconciled.differences.is_empty(), "balances and ledger differ: {:?}", reconciled.differences);
    let peek = app.peek();
    for (table, owner) in [("users", "user_id"), ("api_keys", "key_id")] {
        let sums = format!(
            "SELECT t.used_nanos, CAST(coalesce((SELECT sum(r.cost_nanos) FROM request_log r WHERE r.{owner} = t.id), 0) \
             AS BIGINT) FROM {table} t"
        );
        for (used, logged) in peek.pairs(&sums).await {
            assert_eq!(used, logged, "what {table} used is not the sum of the log");
        }
    }
    let twice = "SELECT CAST(count(*) AS BIGINT) FROM request_log GROUP BY request_id HAVING count(*) > 1";
    assert_eq!(peek.numbers(twice).await, [0_i64; 0], "a request has two rows");
    let unbilled = "SELECT CAST(count(*) AS BIGINT) FROM request_log r WHERE r.cost_nanos > 0 \
         AND (SELECT count(*) FROM ledger l WHERE l.receipt_id = r.id AND l.amount_nanos = -r.cost_nanos) <> 1";
    assert_eq!(peek.numbers(unbilled).await, [0], "a row was not billed exactly once");
    for (user, gate) in running.cellar.gates.observe_all() {
        let sql = format!("SELECT quota_nanos - used_nanos FROM users WHERE id = {user}");
        let balance = peek.numbers(&sql).await;
        assert_eq!(gate.balance.map(|balance| balance.0), balance.first().copied(), "gate and database differ for user {user}");
    }
}

impl TestApp {
    /// Every row of the log, oldest first, once nothing is under way.
    pub async fn rows(&self) -> Vec<LogRow> {
        quiet(self).await;
        self.rows_now().await
    }

    /// Every row booked so far, oldest first.
    pub async fn rows_now(&self) -> Vec<LogRow> {
        assert!(self.running().cellar.ledger.drain(PATIENCE).await, "the ledger was not drained in time");
        logs::walk(&self.running().services.db, &LogFilter::default(), Cursor::START, 100_000).await.unwrap()
    }

    /// The only row of the log.
    #[track_caller]
    pub fn only_row(&self) -> impl Future<Output = LogRow> {
        let caller = std::panic::Location::caller();
        async move {
            let mut rows = self.rows().await;
            assert_eq!(rows.len(), 1, "one row was expected at {caller}: {rows:?}");
            rows.remove(0)
        }
    }

    /// A row with everything that is kept of it.
    pub async fn detail(&self, row: &LogRow) -> LogDetailRow {
        logs::find(&self.running().services.db, row.id).await.unwrap().unwrap()
    }

    /// What a user has left, in nano-dollars, as the database says.
    pub async fn balance(&self, user: i64) -> i64 {
        quiet(self).await;
        self.peek().numbers(&format!("SELECT quota_nanos - used_nanos FROM users WHERE id = {user}")).await[0]
    }
}
