//! The command line, alone and beside a running process.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use actors::ports::Changed;
use actors::vocabulary::{IdMaker, UserId};
use api_proxy::store::{Db, Trail, api_keys, settings};
use reqwest::Method;
use serde_json::json;

use crate::books::Storage;
use crate::client::{Client, Outcome};
use crate::gateway::{Gateway, command};
use crate::on_both;
use crate::waiting::{eventually, within};
use crate::world::{ADMIN_PASSWORD, UPSTREAM_KEY, World};

/// The contract says a second; the rest is for a loaded machine.
const IN_FORCE: Duration = Duration::from_secs(5);

on_both! {
    async fn a_second_process_on_the_same_directory_is_refused_in_a_clear_sentence(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        let (fine, said) = world.runs(&["serve"], &[]);
        assert!(!fine, "{said}");
        assert!(said.contains("another api-proxy process uses") && said.contains("DATA_DIR"), "{said}");
        Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        gateway.kill().await;
        // The claim dies with its process.
        world.serve().await.stop().await;
    }

    async fn commands_migrate_make_admins_reset_passwords_and_reconcile(storage: Storage) {
        let mut world = World::untouched(storage).await;
        for _ in 0..2 {
            let (fine, said) = world.runs(&["migrate"], &[]);
            assert!(fine && said.contains("up to date"), "{said}");
        }
        let (fine, said) = world.runs(&["user", "create-admin", "--username", "root", "--email", "root@example.com"], &[]);
        assert!(fine, "{said}");
        let made = said.lines().find_map(|line| line.strip_prefix("Password: ")).unwrap().to_owned();
        let (fine, said) = world.runs(&["user", "create-admin", "--username", "root", "--email", "other@example.com"], &[]);
        assert!(!fine && !said.contains("panicked"), "{said}");
        let gateway = world.serve().await;
        assert_eq!(sign_in(&gateway, "root", &made).await, 200);
        // While it runs: the command and the process share the database.
        assert!(resets(&world, "root@example.com", ADMIN_PASSWORD));
        assert_eq!(sign_in(&gateway, "root", &made).await, 401);
        assert_eq!(sign_in(&gateway, "root", ADMIN_PASSWORD).await, 200);
        let (fine, said) = world.runs(&["user", "reset-password", "nobody"], &[]);
        assert!(!fine && !said.contains("panicked"), "{said}");
        world.admin = cookie(&gateway, "root", ADMIN_PASSWORD).await;
        world.equip(&gateway, 1).await;
        Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        let (fine, said) = world.runs(&["reconcile"], &[]);
        assert!(fine && said.contains("2 accounts checked, 0 differ"), "{said}");
        world.database.execute("UPDATE users SET used_nanos = used_nanos + 1 WHERE username = 'user0'").await;
        let (fine, said) = world.runs(&["reconcile"], &[]);
        assert!(!fine && said.contains("user0: balance") && said.contains("1 differ"), "{said}");
        gateway.stop().await;
    }

    async fn health_says_what_readiness_says_and_reads_no_secret(storage: Storage) {
        let (world, gateway) = World::start(storage, 0).await;
        let address = gateway.address().to_owned();
        let (host, port) = address.rsplit_once(':').unwrap();
        // As a container's own check runs it: nothing of the environment is needed but where the process listens.
        let broken = [("APP_SECRET_FILE", "/nowhere"), ("DATABASE_URL", "nonsense")];
        let ask = |port: &str| world.runs(&["health"], &[&[("HOST", host), ("PORT", port)], &broken[..]].concat());
        assert_eq!(ask(port), (true, "ready\n".to_owned()));
        gateway.signals("-STOP");
        let (fine, told) = ask(port);
        assert!(!fine && told.contains("did not answer within 4 s"), "{told}");
        gateway.signals("-CONT");
        gateway.kill().await;
        let (fine, told) = ask(port);
        assert!(!fine && told.contains("nothing answers at"), "{told}");
    }

    async fn what_is_changed_beside_the_process_is_in_force_there_within_moments(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        let client = Client::new(&gateway, &world.keys[0]);
        client.asks(0).await.whole();
        // As the command line does it: through the store, in a process that the running one knows nothing of.
        let (beside, ids) = (Db::open(&world.database.url, 1).await.unwrap(), IdMaker::new(7));
        let trail = |what| Trail { audit: None, change: Some((ids.next(1), what)) };
        for (value, status) in [(Some("true".to_owned()), Some(503)), (None, None)] {
            settings::write_all(&beside, &[("maintenanceMode", value)], 1, &trail(Changed::Catalogue)).await.unwrap();
            within(IN_FORCE, "the setting is in force", async || {
                let outcome = client.asks(0).await;
                status.map_or_else(|| is_whole(&outcome), |status| refused(&outcome, status))
            })
            .await;
        }
        let keys = world.api(&gateway, Method::GET, "/api/keys", &serde_json::Value::Null).await;
        let (id, owner) = (keys["rows"][0]["id"].as_i64().unwrap(), keys["rows"][0]["userId"].as_i64().unwrap());
        assert!(api_keys::remove(&beside, id, &trail(Changed::User(UserId(owner)))).await.unwrap());
        within(IN_FORCE, "the key is gone", async || refused(&client.asks(0).await, 401)).await;
        beside.close().await;
        gateway.stop().await;
    }

    async fn a_secret_is_replaced_by_another_without_losing_a_key(storage: Storage) {
        const OLD: &str = "the old secret of this gateway: long enough";
        const NEW: &str = "the new secret of this gateway: long enough";
        let (world, gateway) = World::start_with(storage, 1, &[("APP_SECRET", OLD)]).await;
        let headers = json!({"name": "with headers", "type": "claude", "baseUrl": world.provider.base_url(), "apiKey": UPSTREAM_KEY,
            "headers": {"x-team": "one"}});
        world.api(&gateway, Method::POST, "/api/channels", &headers).await;
        let listed = world.api(&gateway, Method::GET, "/api/channels", &json!(null)).await;
        // A key and headers of each.
        let values = 2 * listed["total"].as_u64().unwrap();
        gateway.stop().await;
        let rotate = |previous: &str| world.runs(&["rotate-secret"], &[("APP_SECRET", NEW), ("APP_SECRET_PREVIOUS", previous)]);
        let (fine, said) = rotate("");
        assert!(!fine && said.contains("APP_SECRET"), "nothing opens: {said}");
        let (fine, said) = rotate(OLD);
        assert!(fine && said.contains(&format!("{values} values encrypted anew, 0 were")), "{said}");
        // What a run that was broken off had done is not done again.
        let (fine, said) = rotate(OLD);
        assert!(fine && said.contains(&format!("0 values encrypted anew, {values} were")), "{said}");
        assert!(!said.contains(OLD) && !said.contains(NEW) && !said.contains(UPSTREAM_KEY), "{said}");
        world.database.execute("UPDATE channels SET headers_sealed = 'v1.AAAA.AAAA' WHERE name = 'with headers'").await;
        let (fine, said) = rotate(OLD);
        assert!(!fine && said.contains("neither APP_SECRET nor"), "{said}");
        world.database.execute("UPDATE channels SET headers_sealed = '' WHERE name = 'with headers'").await;
        let gateway = world.serve_with(&[("APP_SECRET", NEW)]).await;
        Client::new(&gateway, &world.keys[0]).asks(0).await.whole();
        gateway.stop().await;
    }

    async fn a_redis_that_cannot_be_used_is_told_without_its_password(storage: Storage) {
        let world = World::untouched(storage).await;
        let (fine, said) = world.runs(&["serve"], &[("REDIS_URL", "redis://me:hunter2@127.0.0.1:1")]);
        let wanted = match storage {
            Storage::Sqlite => "several instances need PostgreSQL",
            Storage::Postgres => "Redis at 127.0.0.1:1 cannot be used",
        };
        assert!(!fine && said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }

    async fn the_demo_runs_twice_whatever_the_environment_names(storage: Storage) {
        let world = World::untouched(storage).await;
        let elsewhere = [
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere"),
            ("REDIS_URL", "redis://127.0.0.1:1"),
            ("APP_SECRET", "short"),
        ];
        for _ in 0..2 {
            let mut demo = Gateway::launch(&["demo"], &world.environment(&elsewhere));
            let shown = eventually("the demo shows its visit", async || {
                let shown = demo.output.text();
                assert!(demo.ended().is_none(), "the demo ended: {shown}");
                shown.contains("Stop with Ctrl-C").then_some(shown)
            })
            .await;
            let line = |start: &str| shown.lines().find_map(|line| line.trim().strip_prefix(start)).unwrap_or_else(|| panic!("no {start}: {shown}")).trim().to_owned();
            let cost = line("cost");
            assert!(cost.starts_with("$0.0") && cost != "$0.0", "{shown}");
            assert!(line("Key").starts_with("sk-relay-"), "{shown}");
            assert!(!line("answer").is_empty() && line("tokens").contains("in,"), "{shown}");
            assert!(line("Console").starts_with("http://127.0.0.1:"), "{shown}");
            demo.stop().await;
        }
        assert!(world.data_dir().join("demo").is_dir());
        assert!(!world.data_dir().join("api-proxy.db").exists(), "the demo touched the real database");
    }
}

#[actix_web::test]
async fn postgres_without_a_secret_is_refused_and_says_why() {
    let world = World::untouched(Storage::Postgres).await;
    let (fine, said) = world.runs(&["serve"], &[("APP_SECRET", "")]);
    assert!(!fine && said.contains("APP_SECRET") && said.contains("PostgreSQL"), "{said}");
    let (fine, said) = world.runs(&["serve"], &[("APP_SECRET", "too short")]);
    assert!(!fine && said.contains("APP_SECRET") && !said.contains("too short"), "{said}");
}

#[actix_web::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let world = World::untouched(Storage::Postgres).await;
    let (fine, said) = world.runs(&["serve"], &[("DATABASE_URL", "postgres://someone:hunter2hunter2@127.0.0.1:1/nowhere")]);
    assert!(!fine && said.contains("database"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

fn is_whole(outcome: &Outcome) -> Option<()> {
    matches!(outcome, Outcome::Whole { .. }).then_some(())
}

fn refused(outcome: &Outcome, by: u16) -> Option<()> {
    matches!(outcome, Outcome::Refused { status, .. } if *status == by).then_some(())
}

async fn logs_in(gateway: &Gateway, account: &str, password: &str) -> reqwest::Response {
    let body = json!({"account": account, "password": password}).to_string();
    let request = reqwest::Client::new().post(gateway.url("/api/auth/login")).header("content-type", "application/json");
    request.body(body).send().await.unwrap()
}

async fn sign_in(gateway: &Gateway, account: &str, password: &str) -> u16 {
    logs_in(gateway, account, password).await.status().as_u16()
}

async fn cookie(gateway: &Gateway, account: &str, password: &str) -> String {
    let reply = logs_in(gateway, account, password).await;
    reply.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// `reset-password` with a password from standard input.
fn resets(world: &World, account: &str, password: &str) -> bool {
    let mut command = command(&["user", "reset-password", account, "--password-stdin"], &world.environment(&[]));
    let mut process = command.stdin(Stdio::piped()).spawn().unwrap();
    writeln!(process.stdin.take().unwrap(), "{password}").unwrap();
    let output = process.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains(password));
    output.status.success()
}
