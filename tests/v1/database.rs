//! A database of its own for each test, and a way to look into it past the gateway.

use sqlx::{AssertSqlSafe, Connection, PgPool, SqlitePool};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    Sqlite,
    Postgres,
}

/// A connection beside the gateway's own.
pub enum Peek {
    Lite(SqlitePool),
    Pg { pool: PgPool, name: String },
}

impl Peek {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite") {
            return Self::Lite(SqlitePool::connect(url).await.unwrap());
        }
        let name = url::Url::parse(url).unwrap().path().trim_start_matches('/').to_owned();
        Self::Pg { pool: PgPool::connect(url).await.unwrap(), name }
    }

    /// The single column of every row.
    pub async fn numbers(&self, sql: &str) -> Vec<i64> {
        match self {
            Self::Lite(pool) => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap(),
            Self::Pg { pool, .. } => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap(),
        }
    }

    /// The two columns of every row.
    pub async fn pairs(&self, sql: &str) -> Vec<(i64, i64)> {
        match self {
            Self::Lite(pool) => sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap(),
            Self::Pg { pool, .. } => sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap(),
        }
    }

    /// Changes something behind the gateway's back.
    pub async fn execute(&self, sql: &'static str) {
        match self {
            Self::Lite(pool) => drop(sqlx::query(sql).execute(pool).await.unwrap()),
            Self::Pg { pool, .. } => drop(sqlx::query(sql).execute(pool).await.unwrap()),
        }
    }

    /// Closes the connection; a database on a server goes with it.
    pub async fn drop_database(self) {
        match self {
            Self::Lite(pool) => pool.close().await,
            Self::Pg { pool, name } => {
                pool.close().await;
                let mut admin = sqlx::PgConnection::connect(&server()).await.unwrap();
                let drop = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                sqlx::query(drop).execute(&mut admin).await.unwrap();
                admin.close().await.unwrap();
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness is the tests' configuration")]
fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names no PostgreSQL server: run scripts/test")
}

/// The URL of a fresh database on the server of `TEST_POSTGRES_URL`.
pub async fn fresh_postgres() -> String {
    let server = server();
    let name = format!("v1_{:016x}", fastrand::u64(..));
    let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    url.into()
}
