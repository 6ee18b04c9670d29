//! Processes that meet on one database, each with a directory of its own: one serves, the others are refused.

use std::path::Path;

use serde_json::Value;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::books::Storage;
use crate::client::Client;
use crate::gateway::{Gateway, command};
use crate::line::State;
use crate::on_both;
use crate::outage::behind_a_line;
use crate::waiting::eventually;
use crate::world::{APP_SECRET, World};

/// The session that holds the lock.
const HOLDER: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1634756976 AND objid = 1 AND granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const LOCK: &str = "SELECT pg_advisory_lock(1634756976, 1)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(1634756976, 1)";

/// What another process on the world's database has in its environment.
fn another(world: &World, directory: &Path) -> Vec<(String, String)> {
    let directory = directory.display().to_string();
    world.environment(&[("DATA_DIR", &directory), ("DATABASE_URL", &world.database.url), ("APP_SECRET", APP_SECRET)])
}

fn is_refused(environment: &[(String, String)]) -> String {
    let output = command(&["serve"], environment).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("another api-proxy process uses it"), "{said}");
    said
}

async fn tables(world: &World) -> i64 {
    if world.database.is_postgres() {
        let mut db = PgConnection::connect(&world.database.url).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetch_one(&mut db).await.unwrap()
    } else {
        let mut db = SqliteConnection::connect(&world.database.url).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut db).await.unwrap()
    }
}

async fn readiness(gateway: &Gateway) -> Option<Value> {
    let reply = reqwest::get(gateway.url("/readyz")).await.ok()?;
    assert_eq!(reply.status(), 200, "it relays on");
    serde_json::from_str(&reply.text().await.ok()?).ok()
}

on_both! {
    async fn a_second_process_on_the_same_database_is_refused_until_the_first_has_ended(storage: Storage) {
        let (world, gateway) = World::start_with(storage, 1, &[("APP_SECRET", APP_SECRET)]).await;
        let other = tempfile::tempdir().unwrap();
        let environment = another(&world, other.path());
        let said = is_refused(&environment);
        assert!(said.contains("database of its own") && said.contains("Redis"), "{said}");
        assert!(!other.path().join("journal").exists(), "it went further than it should have");
        // Commands do not serve.
        for command in ["migrate", "reconcile"] {
            let (fine, said) = world.runs(&[command], &[("APP_SECRET", APP_SECRET)]);
            assert!(fine, "{said}");
        }
        Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        gateway.kill().await;
        // The lock dies with its process, and is given back by one that stops.
        for _ in 0..2 {
            let second = Gateway::serve(&environment).await;
            Client::new(&second, &world.keys[0]).asks(0).await.whole();
            second.stop().await;
        }
    }

    async fn who_is_refused_has_written_nothing(storage: Storage) {
        let world = World::untouched(storage).await;
        let other = tempfile::tempdir().unwrap();
        let mut held = None;
        if world.database.is_postgres() {
            let mut db = PgConnection::connect(&world.database.url).await.unwrap();
            sqlx::query(LOCK).execute(&mut db).await.unwrap();
            held = Some(db);
        }
        let lock = std::fs::File::create(world.data_dir().join("api-proxy.db.lock")).unwrap();
        lock.lock().unwrap();
        is_refused(&another(&world, other.path()));
        assert_eq!(tables(&world).await, 0);
        drop((held, lock));
        Gateway::serve(&another(&world, other.path())).await.stop().await;
        assert!(tables(&world).await > 0);
    }

    async fn of_two_that_start_at_once_on_a_fresh_database_one_comes_up(storage: Storage) {
        let world = World::untouched(storage).await;
        let others = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut processes = others.each_ref().map(|other| Gateway::launch(&["serve"], &another(&world, other.path())));
        let refused = eventually("one is refused", async || processes.iter_mut().position(|process| process.ended().is_some())).await;
        let [first, second] = processes;
        let (mut refused, mut served) = if refused == 0 { (first, second) } else { (second, first) };
        assert!(!refused.ends().await.success());
        eventually("it says why", async || refused.output.text().contains("another api-proxy process uses it").then_some(())).await;
        served.listens().await;
        served.stop().await;
    }
}

/// The leases of background work: name, holder, token, and whether they were given back.
async fn leases(world: &World) -> Vec<(String, String, i64, bool)> {
    const ALL: &str = "SELECT name, holder, token, expires_at = 0 FROM leases WHERE name NOT LIKE 'ids-%' ORDER BY name";
    if world.database.is_postgres() {
        let mut db = PgConnection::connect(&world.database.url).await.unwrap();
        sqlx::query_as(ALL).fetch_all(&mut db).await.unwrap()
    } else {
        let mut db = SqliteConnection::connect(&world.database.url).await.unwrap();
        sqlx::query_as(ALL).fetch_all(&mut db).await.unwrap()
    }
}

async fn works_in_the_background(world: &World, gateway: &Gateway) -> Value {
    eventually("it has the leases", async || {
        let system = world.api(gateway, reqwest::Method::GET, "/api/system", &Value::Null).await;
        let held = system["leases"].as_array().unwrap().iter().all(|lease| lease["isThisInstance"] == true);
        held.then_some(system)
    })
    .await
}

on_both! {
    async fn background_work_is_given_back_at_a_stop_and_taken_over_after_a_kill(storage: Storage) {
        let secret = [("APP_SECRET", APP_SECRET)];
        let (world, gateway) = World::start_with(storage, 1, &secret).await;
        let told = works_in_the_background(&world, &gateway).await;
        let names: Vec<&str> = told["leases"].as_array().unwrap().iter().filter_map(|lease| lease["name"].as_str()).collect();
        assert_eq!(names, ["maintenance", "probes"]);
        let id = told["instanceId"].as_str().unwrap();
        gateway.stop().await;
        for (name, holder, token, given_back) in leases(&world).await {
            assert!(given_back && holder == id && token == 1, "{name}: {holder} {token}");
        }
        let gateway = world.serve_with(&secret).await;
        let told = works_in_the_background(&world, &gateway).await;
        assert_eq!(told["instanceId"], id, "a restart keeps the id");
        gateway.kill().await;
        assert!(leases(&world).await.iter().all(|(_, _, token, given_back)| *token == 2 && !given_back));
        // Another one need not know that it is dead: the lease runs out.
        let other = tempfile::tempdir().unwrap();
        let successor = Gateway::serve(&another(&world, other.path())).await;
        let told = works_in_the_background(&world, &successor).await;
        assert_ne!(told["instanceId"], id);
        assert!(leases(&world).await.iter().all(|(_, holder, token, _)| *token == 3 && told["instanceId"] == holder.as_str()));
        successor.stop().await;
    }
}

#[actix_web::test]
async fn a_lock_that_somebody_else_took_meanwhile_is_told_and_taken_back_when_it_is_free() {
    let (world, gateway) = World::start(Storage::Postgres, 1).await;
    let mut rival = PgConnection::connect(&world.database.url).await.unwrap();
    let mut admin = PgConnection::connect(&world.database.url).await.unwrap();
    let holder: i32 = sqlx::query_scalar(HOLDER).fetch_one(&mut admin).await.unwrap();
    let waits = actix_web::rt::spawn(async move {
        sqlx::query(LOCK).execute(&mut rival).await.unwrap();
        rival
    });
    eventually("the rival waits for the lock", async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1634756976 AND NOT granted";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut admin).await.unwrap();
        (waiting > 0).then_some(())
    })
    .await;
    sqlx::query("SELECT pg_terminate_backend($1)").bind(holder).execute(&mut admin).await.unwrap();
    let mut rival = waits.await.unwrap();
    eventually("readiness tells of the other process", async || {
        let ready = readiness(&gateway).await?;
        let worries = ready["worries"].to_string();
        (ready["degraded"] == true && worries.contains("another process uses the same database")).then_some(())
    })
    .await;
    assert!(gateway.output.text().contains("another api-proxy process uses"), "{}", gateway.output.text());
    let system = world.api(&gateway, reqwest::Method::GET, "/api/system", &Value::Null).await;
    assert_eq!(system["databaseLock"], "taken", "{system}");
    Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
    sqlx::query(UNLOCK).execute(&mut rival).await.unwrap();
    eventually("it is taken back", async || readiness(&gateway).await.filter(|ready| ready["degraded"] == false)).await;
    let other = tempfile::tempdir().unwrap();
    is_refused(&another(&world, other.path()));
    gateway.stop().await;
}

#[actix_web::test]
async fn a_lock_that_its_own_old_session_holds_on_a_server_that_missed_its_end_is_taken_over() {
    let (world, line, gateway) = behind_a_line().await;
    let mut admin = PgConnection::connect(&world.database.url).await.unwrap();
    let before: i32 = sqlx::query_scalar(HOLDER).fetch_one(&mut admin).await.unwrap();
    line.becomes(State::Forgetful);
    let lost = "broke; its lock is being taken again";
    eventually("the loss is noticed", async || gateway.output.text().contains(lost).then_some(())).await;
    let still: i32 = sqlx::query_scalar(HOLDER).fetch_one(&mut admin).await.unwrap();
    assert_eq!(before, still, "the server noticed, too: this test shows nothing");
    line.becomes(State::Open);
    let after = eventually("the lock is taken over", async || {
        let now: Option<i32> = sqlx::query_scalar(HOLDER).fetch_optional(&mut admin).await.unwrap();
        now.filter(|now| *now != before)
    })
    .await;
    eventually("and told so", async || gateway.output.text().contains("was taken again").then_some(())).await;
    assert!(!gateway.output.text().contains("another api-proxy process"), "{after}: {}", gateway.output.text());
    Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
    gateway.stop().await;
}
