//! The database as an auditor sees it: read beside the gateway, never through it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sqlx::{Connection, FromRow, PgConnection, SqliteConnection};

use crate::waiting::eventually;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    Sqlite,
    Postgres,
}

/// Makes each test run on SQLite and on PostgreSQL: `name::on_sqlite`, `name::on_postgres`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($storage:ident: Storage) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;
            use $crate::books::Storage;

            async fn run($storage: Storage) $body

            #[actix_web::test]
            async fn on_sqlite() {
                run(Storage::Sqlite).await;
            }

            #[actix_web::test]
            async fn on_postgres() {
                run(Storage::Postgres).await;
            }
        }
    )+};
}

/// Where a gateway's database is.
#[derive(Clone, Debug)]
pub struct Database {
    pub url: String,
}

#[derive(Clone, Debug, FromRow)]
pub struct Row {
    pub request_id: String,
    pub user_id: i64,
    pub ending: String,
    pub cost_nanos: i64,
}

#[derive(Clone, Debug, FromRow)]
struct Account {
    id: i64,
    quota_nanos: i64,
    used_nanos: i64,
    ledger_nanos: i64,
}

/// All that matters of a database at one moment.
#[derive(Clone, Debug)]
pub struct Books {
    pub rows: Vec<Row>,
    accounts: Vec<Account>,
}

impl Database {
    pub async fn fresh(storage: Storage, data_dir: &Path) -> Self {
        let url = match storage {
            Storage::Sqlite => format!("sqlite://{}", data_dir.join("api-proxy.db").display()),
            Storage::Postgres => fresh_postgres().await,
        };
        Self { url }
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// The books as they are now.
    pub async fn books(&self) -> Books {
        let rows = "SELECT request_id, user_id, ending, cost_nanos FROM request_log ORDER BY id";
        let accounts = "SELECT id, quota_nanos, used_nanos, \
             (SELECT CAST(coalesce(sum(amount_nanos), 0) AS BIGINT) FROM ledger WHERE user_id = users.id) AS ledger_nanos FROM users";
        if self.is_postgres() {
            let mut db = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut db).await.unwrap();
            let rows = sqlx::query_as(rows).fetch_all(&mut db).await.unwrap();
            let accounts = sqlx::query_as(accounts).fetch_all(&mut db).await.unwrap();
            db.close().await.unwrap();
            return Books { rows, accounts };
        }
        let mut db = SqliteConnection::connect(&self.url).await.unwrap();
        sqlx::query("BEGIN").execute(&mut db).await.unwrap();
        let rows = sqlx::query_as(rows).fetch_all(&mut db).await.unwrap();
        let accounts = sqlx::query_as(accounts).fetch_all(&mut db).await.unwrap();
        db.close().await.unwrap();
        Books { rows, accounts }
    }

    /// Changes something behind the gateway's back.
    pub async fn execute(&self, sql: &'static str) {
        if self.is_postgres() {
            let mut db = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query(sql).execute(&mut db).await.unwrap();
        } else {
            let mut db = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query(sql).execute(&mut db).await.unwrap();
        }
    }

    /// Waits until every one of these answers, which clients received whole, is in the books, and checks the
    /// books: each is billed, none twice, all sums agree.
    pub async fn bills_exactly_once(&self, received: &[String]) -> Books {
        let books = eventually("all received answers are booked", async || {
            let books = self.books().await;
            let booked: HashSet<&str> = books.rows.iter().map(|row| row.request_id.as_str()).collect();
            received.iter().all(|id| booked.contains(id.as_str())).then_some(books)
        })
        .await;
        books.agree();
        let by_id: HashMap<&str, &Row> = books.rows.iter().map(|row| (row.request_id.as_str(), row)).collect();
        for id in received {
            let row = by_id[id.as_str()];
            assert!(row.cost_nanos > 0, "{id} was received whole and not billed: {row:?}");
            assert_eq!(row.ending, "completed", "{row:?}");
        }
        books
    }
}

impl Books {
    /// No request twice, no cost for what was killed, and every balance is the sum of its ledger and of its rows.
    pub fn agree(&self) {
        let mut seen = HashSet::new();
        let mut costs: HashMap<i64, i64> = HashMap::new();
        for row in &self.rows {
            assert!(seen.insert(&row.request_id), "booked twice: {row:?}");
            assert!(row.ending != "killed" || row.cost_nanos == 0, "killed and billed: {row:?}");
            *costs.entry(row.user_id).or_default() += row.cost_nanos;
        }
        for account in &self.accounts {
            assert_eq!(account.quota_nanos - account.used_nanos, account.ledger_nanos, "{account:?}");
            assert_eq!(account.used_nanos, costs.get(&account.id).copied().unwrap_or_default(), "{account:?}");
        }
    }

    pub fn ended(&self, ending: &str) -> usize {
        self.rows.iter().filter(|row| row.ending == ending).count()
    }
}

/// A fresh database on the server of `TEST_POSTGRES_URL`.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
async fn fresh_postgres() -> String {
    let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names no PostgreSQL server: run scripts/test");
    let name = format!("chaos_{:016x}", fastrand::u64(..));
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    url.into()
}
