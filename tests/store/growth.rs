//! What the database takes, and that the embedded one gives back what it does not need.

use std::str::FromStr;
use std::time::Instant;

use actors::ports::LedgerStore;
use actors::vocabulary::Receipt;
use api_proxy::store::{Db, growth, retention};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use crate::database::{DAY, Database, receipt};

const MIB: i64 = 1 << 20;

async fn requests_are_counted_and_take_what_they_take(d: Database) {
    let nothing = growth::counted(&d.db, 0).await.unwrap();
    assert_eq!((nothing.kept, nothing.oldest, nothing.lately, nothing.first), (0, None, 0, None));
    d.user(1, 1_000_000).await;
    let empty = growth::room(&d.db).await.unwrap();
    let old = |id| Receipt { ts: DAY - 86_400_000 + id, ..receipt(id, 1, 1) };
    let batch: Vec<Receipt> = (1..=1_000).map(old).chain((1_001..=3_000).map(|id| receipt(id, 1, 1))).collect();
    for part in batch.chunks(500) {
        d.booking().book(part).await.unwrap();
    }
    let counted = growth::counted(&d.db, DAY).await.unwrap();
    assert_eq!((counted.kept, counted.lately), (3_000, 2_000));
    assert_eq!((counted.oldest, counted.first), (Some(DAY - 86_400_000 + 1), Some(DAY - 86_400_000)));
    let room = growth::room(&d.db).await.unwrap();
    let (each, measured) = ((room.used - room.empty) / 3_000, (room.used - empty.used) / 3_000);
    assert!((500..5_000).contains(&each) && (each - measured).abs() < each / 5, "{each}, {measured}: {room:?} {empty:?}");
    assert!(room.gives_back);
    while retention::delete_log_rows(&d.db, DAY, None).await.unwrap() > 0 {}
    assert_eq!(growth::counted(&d.db, DAY).await.unwrap().kept, 2_000, "what is gone takes nothing");
}

#[tokio::test]
async fn requests_are_counted_and_take_what_they_take_on_sqlite() {
    requests_are_counted_and_take_what_they_take(Database::sqlite().await).await;
}

#[tokio::test]
async fn requests_are_counted_and_take_what_they_take_on_postgres() {
    requests_are_counted_and_take_what_they_take(Database::postgres().await).await;
}

/// Rows of this many MiB, and away with them.
async fn makes_space(d: &Database, mebibytes: i64) {
    d.run("CREATE TABLE filler (bytes BLOB)").await;
    let rows = mebibytes * MIB / 4_000;
    let count = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})");
    d.run(&format!("INSERT INTO filler {count} SELECT zeroblob(4000) FROM n")).await;
    d.run("DELETE FROM filler").await;
}

/// What is deleted goes back to the disk in steps of a megabyte at most, and others write between them.
#[tokio::test]
async fn space_goes_back_to_the_disk_in_short_steps_on_sqlite() {
    let d = Database::sqlite().await;
    d.user(1, 1_000_000).await;
    makes_space(&d, 24).await;
    let before = growth::room(&d.db).await.unwrap();
    assert!(before.gives_back && before.unused > 20 * MIB, "{before:?}");
    let (mut given, mut longest) = (0, std::time::Duration::ZERO);
    for id in 1.. {
        let begun = Instant::now();
        let step = growth::give_back(&d.db, None).await.unwrap();
        longest = longest.max(begun.elapsed());
        if step == 0 {
            break;
        }
        assert!(step <= MIB, "{step} bytes in one step");
        given += step;
        d.booking().book(&[receipt(id, 1, 1)]).await.unwrap();
    }
    println!("{given} bytes, the longest step took {longest:?}");
    let after = growth::room(&d.db).await.unwrap();
    assert!((3 * MIB..=4 * MIB).contains(&after.unused), "some stays for the rows to come: {after:?}");
    assert!(given > 16 * MIB, "{given}");
    let pages = d.number("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").await;
    let file = i64::try_from(std::fs::metadata(d.file()).unwrap().len()).unwrap();
    assert!(file <= pages + MIB && file < 8 * MIB, "the file has {file} bytes, its pages {pages}");
    assert_eq!(d.number("SELECT integrity_check = 'ok' FROM pragma_integrity_check()").await, 1);
    d.ledger_agrees().await;
}

#[tokio::test]
async fn nothing_is_given_back_by_hand_on_postgres() {
    let d = Database::postgres().await;
    assert_eq!(growth::give_back(&d.db, None).await.unwrap(), 0);
    assert!(!d.db.vacuum().await.unwrap());
}

#[tokio::test]
async fn an_embedded_database_of_an_earlier_version_gives_space_back_once_it_was_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("old.db").display());
    let old = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true);
    old.connect().await.unwrap().execute("CREATE TABLE older (id BIGINT)").await.unwrap();
    let db = Db::open(&url, 1).await.unwrap();
    db.migrate().await.unwrap();
    let mut raw = SqliteConnectOptions::from_str(&url).unwrap().connect().await.unwrap();
    raw.execute(
        "INSERT INTO older WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000) SELECT i FROM n",
    )
    .await
    .unwrap();
    raw.execute("DELETE FROM older WHERE id > 10").await.unwrap();
    let before = growth::room(&db).await.unwrap();
    assert!(!before.gives_back && before.unused > 5 * MIB, "{before:?}");
    assert_eq!(growth::give_back(&db, None).await.unwrap(), 0);
    assert!(db.vacuum().await.unwrap());
    let after = growth::room(&db).await.unwrap();
    assert!(after.gives_back && after.unused == 0, "{after:?}");
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM older").fetch_one(&mut raw).await.unwrap();
    assert_eq!(kept, 10);
    db.close().await;
    // It stays so.
    let again = Db::open(&url, 1).await.unwrap();
    assert!(growth::room(&again).await.unwrap().gives_back);
}
