//! A database per test, migrated, with a few rows to name.

use std::sync::Arc;

use actors::ports::{Clock, Faults, NoFaults};
use actors::vocabulary::{
    Attempt, ChannelId, Ending, IdMaker, KeyId, Multiplier, Nanos, Price, PriceList, Protocol, Receipt, ReceiptId, Tariff,
    Timings, Usage, UserId,
};
use api_proxy::store::{Booking, Db};
use sqlx::{Connection, Executor};

/// Noon of 2026-06-01, UTC.
pub(crate) const NOON: i64 = 1_780_315_200_000;
/// The midnight before it.
pub(crate) const DAY: i64 = NOON - 43_200_000;

pub(crate) struct Database {
    pub(crate) db: Db,
    pub(crate) ids: Arc<IdMaker>,
    pub(crate) raw: Raw,
    dir: tempfile::TempDir,
}

/// A way around the store, to prepare rows and to look at what it wrote.
pub(crate) enum Raw {
    Lite(sqlx::SqlitePool),
    Pg(sqlx::PgPool),
}

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now_ms(&self) -> i64 {
        NOON
    }

    fn monotonic_ms(&self) -> i64 {
        0
    }
}

/// Runs `test` once on each database.
pub(crate) async fn on_both<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    test(Database::sqlite().await).await;
    test(Database::postgres().await).await;
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        Self::open(&url, dir, true).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::open(&Self::fresh_postgres().await, tempfile::tempdir().unwrap(), false).await
    }

    /// The address of a database without a table.
    pub(crate) async fn fresh_postgres() -> String {
        let server = std::env::var_os("TEST_POSTGRES_URL").and_then(|url| url.into_string().ok());
        let server = server.expect("no TEST_POSTGRES_URL: run scripts/test, which starts a PostgreSQL for the tests");
        let name = format!("t{}", u64::from_ne_bytes(random()));
        let mut admin = sqlx::PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        format!("{server}/{name}")
    }

    async fn open(url: &str, dir: tempfile::TempDir, lite: bool) -> Self {
        let db = Db::open(url, 8).await.unwrap();
        db.migrate().await.unwrap();
        let raw = if lite {
            Raw::Lite(sqlx::SqlitePool::connect(url).await.unwrap())
        } else {
            Raw::Pg(sqlx::PgPool::connect(url).await.unwrap())
        };
        Self { db, ids: Arc::new(IdMaker::new(0)), raw, dir }
    }

    pub(crate) fn booking(&self) -> Booking {
        self.booking_with(Arc::new(NoFaults))
    }

    pub(crate) fn booking_with(&self, faults: Arc<dyn Faults>) -> Booking {
        Booking::new(self.db.clone(), Arc::clone(&self.ids), Arc::new(FixedClock), faults)
    }

    pub(crate) async fn run(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match &self.raw {
            Raw::Lite(pool) => pool.execute(sql).await.map(|_| ()).unwrap(),
            Raw::Pg(pool) => pool.execute(sql).await.map(|_| ()).unwrap(),
        }
    }

    /// What the server calls it.
    pub(crate) async fn name(&self) -> String {
        match &self.raw {
            Raw::Lite(_) => "main".to_owned(),
            Raw::Pg(pool) => sqlx::query_scalar("SELECT CAST(current_database() AS TEXT)").fetch_one(pool).await.unwrap(),
        }
    }

    /// The file of an embedded one.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("test.db")
    }

    /// The one number a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT CAST(coalesce(({sql}), 0) AS BIGINT)")));
        match &self.raw {
            Raw::Lite(pool) => query.fetch_one(pool).await.unwrap(),
            Raw::Pg(pool) => {
                let sql = sqlx::AssertSqlSafe(format!("SELECT CAST(coalesce(({sql}), 0) AS BIGINT)"));
                sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
            }
        }
    }

    /// A user with a quota and one key (`id + 1000`) whose digest is 64 times the id's digit, or ends in the id.
    pub(crate) async fn user(&self, id: i64, quota_nanos: i64) {
        self.run(&format!(
            "INSERT INTO users (id, username, email, password_hash, role, status, quota_nanos, created_at, updated_at) \
             VALUES ({id}, 'user{id}', 'user{id}@example.org', 'x', 'user', 'active', {quota_nanos}, 1, 1)"
        ))
        .await;
        self.run(&format!(
            "INSERT INTO ledger (id, user_id, ts, kind, amount_nanos, balance_nanos) \
             VALUES ({id}, {id}, 1, 'adjustment', {quota_nanos}, {quota_nanos})"
        ))
        .await;
        let digest = if id < 10 { id.to_string().repeat(64) } else { format!("{id:0>64}") };
        self.run(&format!(
            "INSERT INTO api_keys (id, user_id, name, prefix, digest, status, models, allowed_ips, created_at, updated_at) \
             VALUES ({}, {id}, 'key', 'sk-relay-test', '{digest}', 'active', '[]', '[]', 1, 1)",
            id + 1000
        ))
        .await;
    }

    /// An admin's change of a user's quota.
    pub(crate) async fn adjusts(&self, user: i64, nanos: i64) {
        self.run(&format!("UPDATE users SET quota_nanos = quota_nanos + {nanos} WHERE id = {user}")).await;
        self.run(&format!(
            "INSERT INTO ledger (id, user_id, ts, kind, amount_nanos, balance_nanos) \
             SELECT (SELECT max(id) + 1 FROM ledger), id, {NOON}, 'adjustment', {nanos}, quota_nanos - used_nanos \
             FROM users WHERE id = {user}"
        ))
        .await;
    }

    pub(crate) async fn ledger_agrees(&self) {
        let off = "SELECT count(*) FROM users WHERE quota_nanos - used_nanos <> \
            (SELECT coalesce(sum(amount_nanos), 0) FROM ledger WHERE user_id = users.id)";
        assert_eq!(self.number(off).await, 0, "a balance and its ledger differ");
        let torn = "SELECT count(*) FROM ledger l WHERE balance_nanos <> \
            (SELECT sum(amount_nanos) FROM ledger p WHERE p.user_id = l.user_id AND p.id <= l.id)";
        assert_eq!(self.number(torn).await, 0, "a running balance is not the sum of the rows up to it");
    }
}

/// A completed request of `user` that cost `cost` nanos.
pub(crate) fn receipt(id: i64, user: i64, cost: i64) -> Receipt {
    let prices = PriceList { input: Price(3_000_000_000), output: Price(15_000_000_000), ..PriceList::default() };
    Receipt {
        id: ReceiptId(id),
        request_id: format!("req_{id}"),
        client_request_id: None,
        ts: NOON + id,
        day_start: DAY,
        user_id: UserId(user),
        username: format!("user{user}"),
        key_id: KeyId(user + 1000),
        key_name: "key".to_owned(),
        key_prefix: "sk-relay-test".to_owned(),
        protocol: Protocol::Messages,
        model: "claude-test".to_owned(),
        upstream_model: Some("claude-upstream".to_owned()),
        channel_id: Some(ChannelId(7)),
        channel_name: Some("seven".to_owned()),
        status: 200,
        ending: Ending::Completed,
        stream: true,
        converted: false,
        upstream_protocol: Some(Protocol::Messages),
        usage: Usage { input: 10, output: 5, cache_read: 100, cache_creation_5m: 2, cache_creation_1h: 1, reasoning: 3 },
        estimated: false,
        tariff: Some(Tariff { prices: Some(prices), global: Multiplier::ONE, provider: Multiplier::ONE }),
        cost: Nanos(cost),
        timings: Timings { first_output_ms: Some(120), ended_ms: 900, ..Timings::default() },
        attempts: vec![Attempt {
            channel_id: ChannelId(7),
            channel_name: "seven".to_owned(),
            upstream_model: "claude-upstream".to_owned(),
            status: Some(200),
            started_ms: 1,
            duration_ms: 800,
            error: None,
            cause: None,
        }],
        error: None,
        cause: None,
        client_ip: Some("203.0.113.9".to_owned()),
        details: None,
    }
}

fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
