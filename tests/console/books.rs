//! The gateway's database, read beside it: what pages say is compared with what is there.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, TypeInfo, ValueRef};

/// Longest wait for the gateway to finish writing.
const BUSY: std::time::Duration = std::time::Duration::from_secs(10);

/// A gateway's database.
pub struct Books(SqliteConnectOptions);

impl Books {
    pub fn of(file: &Path) -> Self {
        Self(SqliteConnectOptions::new().filename(file))
    }

    /// Every cell of every row as a text; nothing for null.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let mut connection = self.0.clone().read_only(true).connect().await.unwrap();
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (0..row.columns().len()).map(|at| cell(row, at)).collect()).collect()
    }

    /// All that is there, table by table, but for these tables and columns.
    pub async fn everything(&self, but: &[&str]) -> BTreeMap<String, Vec<String>> {
        let mut connection = self.0.clone().read_only(true).connect().await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
        let tables = sqlx::query(names).fetch_all(&mut connection).await.unwrap();
        let mut found = BTreeMap::new();
        for table in tables.iter().map(|row| row.get::<String, _>(0)).filter(|table| !but.contains(&table.as_str())) {
            let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(&mut connection).await.unwrap();
            let told = |row: &SqliteRow| {
                let columns = row.columns().iter().enumerate().filter(|(_, column)| !but.contains(&column.name()));
                columns.map(|(at, column)| format!("{}={:?} ", column.name(), cell(row, at))).collect::<String>()
            };
            found.insert(table, rows.iter().map(told).collect());
        }
        found
    }

    /// Changes what is there.
    pub async fn alter(&self, sql: &str) {
        let mut connection = self.0.clone().busy_timeout(BUSY).connect().await.unwrap();
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
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

fn cell(row: &SqliteRow, at: usize) -> Option<String> {
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
