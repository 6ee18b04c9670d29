//! The gateway's database, read beside it: what pages say is compared with what is there.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, PgConnection, Row, TypeInfo, ValueRef, raw_sql};
use tokio::sync::Mutex;

/// Longest wait for the gateway to finish writing.
const BUSY: std::time::Duration = std::time::Duration::from_secs(10);

/// A gateway's database.
pub enum Books {
    Sqlite(Box<SqliteConnectOptions>),
    /// A connection costs as much as many questions: it is kept.
    Postgres(Box<PgConnectOptions>, Mutex<Option<PgConnection>>),
}

impl Books {
    /// The database at this address.
    pub fn of(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            return Self::Sqlite(Box::new(url.parse().unwrap()));
        }
        Self::Postgres(Box::new(url.parse().unwrap()), Mutex::new(None))
    }

    /// Every cell of every row as a text; nothing for null.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(options) => {
                let mut connection = options.as_ref().clone().read_only(true).connect().await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| (0..row.columns().len()).map(|at| of_sqlite(row, at)).collect()).collect()
            }
            Self::Postgres(options, kept) => {
                let mut kept = kept.lock().await;
                if kept.is_none() {
                    *kept = Some(options.connect().await.unwrap());
                }
                let rows = raw_sql(sql).fetch_all(kept.as_mut().unwrap()).await.unwrap();
                rows.iter().map(|row| (0..row.columns().len()).map(|at| of_postgres(row, at)).collect()).collect()
            }
        }
    }

    /// All that is there, table by table, but for these tables and columns.
    pub async fn everything(&self, but: &[&str]) -> BTreeMap<String, Vec<String>> {
        let Self::Sqlite(options) = self else { panic!("forms are sent on SQLite") };
        let mut connection = options.as_ref().clone().read_only(true).connect().await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
        let tables = sqlx::query(names).fetch_all(&mut connection).await.unwrap();
        let mut found = BTreeMap::new();
        for table in tables.iter().map(|row| row.get::<String, _>(0)).filter(|table| !but.contains(&table.as_str())) {
            let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(&mut connection).await.unwrap();
            let told = |row: &SqliteRow| {
                let columns = row.columns().iter().enumerate().filter(|(_, column)| !but.contains(&column.name()));
                columns.map(|(at, column)| format!("{}={:?} ", column.name(), of_sqlite(row, at))).collect::<String>()
            };
            found.insert(table, rows.iter().map(told).collect());
        }
        found
    }

    /// Changes what is there.
    pub async fn alter(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(options) => {
                let mut connection = options.as_ref().clone().busy_timeout(BUSY).connect().await.unwrap();
                raw_sql(sql).execute(&mut connection).await.map(|_| ()).unwrap();
            }
            Self::Postgres(options, _) => {
                let mut connection = options.connect().await.unwrap();
                raw_sql(sql).execute(&mut connection).await.map(|_| ()).unwrap();
            }
        }
    }

    /// The only cell.
    pub async fn text(&self, sql: &str) -> String {
        let rows = self.rows(sql).await;
        assert!(rows.len() == 1 && rows[0].len() == 1, "{sql}: {rows:?}");
        rows[0][0].clone().unwrap_or_else(|| panic!("{sql}: null"))
    }

    /// The only cell, a number.
    pub async fn number(&self, sql: &str) -> i64 {
        self.text(sql).await.parse().unwrap()
    }
}

fn of_sqlite(row: &SqliteRow, at: usize) -> Option<String> {
    let value = row.try_get_raw(at).unwrap();
    if value.is_null() {
        return None;
    }
    let kind = value.type_info();
    Some(match kind.name() {
        "INTEGER" => row.get_unchecked::<i64, _>(at).to_string(),
        "REAL" => row.get_unchecked::<f64, _>(at).to_string(),
        "BOOLEAN" => row.get_unchecked::<bool, _>(at).to_string(),
        _ => row.get_unchecked::<String, _>(at),
    })
}

/// Plain queries are answered in text.
fn of_postgres(row: &PgRow, at: usize) -> Option<String> {
    let value = row.try_get_raw(at).unwrap();
    if value.is_null() {
        return None;
    }
    let text = value.as_str().unwrap();
    Some(match (value.type_info().name(), text) {
        ("BOOL", "t") => "true".to_owned(),
        ("BOOL", "f") => "false".to_owned(),
        _ => text.to_owned(),
    })
}
