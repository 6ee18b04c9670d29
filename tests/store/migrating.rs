//! Processes that start at the same moment on a database whose tables are not up to date.

use api_proxy::store::Db;
use futures_util::future::join_all;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::database::Database;

const APPLIED: &str = "SELECT count(*) FROM _sqlx_migrations";

/// Each on a thread of its own, as processes are.
async fn all_come_up(url: &str) {
    let starting = (0..4).map(|_| {
        let url = url.to_owned();
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let db = Db::open(&url, 2).await.unwrap();
                db.migrate().await.unwrap();
                db.close().await;
            });
        })
    });
    for started in join_all(starting).await {
        started.unwrap();
    }
}

fn migrations() -> i64 {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    i64::try_from(files.count()).unwrap()
}

#[tokio::test]
async fn of_processes_that_start_at_once_one_migrates_and_all_come_up_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("fresh.db").display());
    all_come_up(&url).await;
    let mut db = SqliteConnection::connect(&url).await.unwrap();
    let applied: i64 = sqlx::query_scalar(APPLIED).fetch_one(&mut db).await.unwrap();
    assert_eq!(applied, migrations());
}

#[tokio::test]
async fn of_processes_that_start_at_once_one_migrates_and_all_come_up_on_postgres() {
    let url = Database::fresh_postgres().await;
    all_come_up(&url).await;
    let mut db = PgConnection::connect(&url).await.unwrap();
    let applied: i64 = sqlx::query_scalar(APPLIED).fetch_one(&mut db).await.unwrap();
    assert_eq!(applied, migrations());
}
