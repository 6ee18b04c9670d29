//! The room that a database takes: told as it is, and given back to the disk.

use futures_util::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use crate::books::Storage;
use crate::client::Crowd;
use crate::gateway::Gateway;
use crate::on_both;
use crate::waiting::eventually;
use crate::world::World;

/// So many requests say what one takes.
const ENOUGH: usize = 520;

async fn growth(world: &World, gateway: &Gateway) -> Value {
    world.api(gateway, Method::GET, "/api/system", &Value::Null).await["growth"].clone()
}

fn number(growth: &Value, name: &str) -> i64 {
    growth[name].as_i64().unwrap_or_else(|| panic!("{name}: {growth}"))
}

on_both! {
    async fn how_fast_it_grows_is_told_from_the_requests_there_were(storage: Storage) {
        let (world, gateway) = World::start(storage, 4).await;
        let before = growth(&world, &gateway).await;
        assert!(before["bytesPerRequest"].is_null() && before["fullInDays"].is_null(), "{before}");
        let crowd = Crowd::default();
        let waiting = async {
            eventually("enough is answered", async || (crowd.answers() >= ENOUGH).then_some(())).await;
            crowd.stop();
        };
        join(crowd.ask(&gateway, &world.keys, 8), waiting).await;
        let asked = crowd.received().len() + crowd.refusals().len();
        let told = eventually("all is booked", async || {
            let told = growth(&world, &gateway).await;
            (number(&told, "requestsPerDay") >= i64::try_from(asked).unwrap()).then_some(told)
        })
        .await;
        let (each, day) = (number(&told, "bytesPerRequest"), number(&told, "bytesPerDay"));
        assert!((300..20_000).contains(&each), "{told}");
        assert_eq!(day, each * number(&told, "requestsPerDay"), "{told}");
        assert_eq!(number(&told, "retentionDays"), 90);
        assert!(number(&told, "levelsOffAtBytes") >= day * 90, "{told}");
        assert!(told["fullInDays"].is_null(), "90 days of this fill no disk: {told}");
        assert!(number(&told, "journalLastsDays") > 0, "{told}");
        world.api(&gateway, Method::PATCH, "/api/settings", &json!({"logRetentionDays": 0})).await;
        let for_ever = growth(&world, &gateway).await;
        assert!(for_ever["levelsOffAtBytes"].is_null(), "{for_ever}");
        assert_eq!(for_ever["fullInDays"].is_i64(), !world.database.is_postgres(), "{for_ever}");
        gateway.stop().await;
    }
}

#[actix_web::test]
async fn a_running_process_gives_back_what_deleted_rows_left_and_an_older_file_once_it_was_written_anew() {
    let world = World::untouched(Storage::Sqlite).await;
    let file = world.data_dir().join("api-proxy.db");
    let size = || std::fs::metadata(&file).unwrap().len();
    world.serve().await.stop().await;
    let filled = "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
        SELECT zeroblob(4000) AS bytes FROM n";
    for sql in [filled, "DROP TABLE filler", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        world.database.execute(sql).await;
    }
    let full = size();
    assert!(full > 12 << 20, "{full}");
    let gateway = world.serve().await;
    eventually("the file is shorter", async || (size() < 7 << 20).then_some(())).await;
    let (fine, said) = world.runs(&["migrate", "--vacuum"], &[]);
    assert!(!fine && said.contains("another api-proxy process"), "{said}");
    gateway.stop().await;
    // As an earlier version made it.
    for sql in ["PRAGMA auto_vacuum = NONE; VACUUM", filled, "DROP TABLE filler"] {
        world.database.execute(sql).await;
    }
    let (fine, said) = world.runs(&["migrate", "--vacuum"], &[]);
    assert!(fine && said.contains("written anew"), "{said}");
    assert!(size() < 4 << 20, "{}", size());
    let gateway = world.serve().await;
    eventually("the database answers", async || {
        reqwest::get(gateway.url("/readyz")).await.ok().filter(|reply| reply.status() == 200)
    })
    .await;
    gateway.stop().await;
}
