//! A log that cannot be written costs log lines, not requests, and neither the start nor the end.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::process::Stdio;

use api_proxy::mock_upstream::Reply;
use reqwest::Method;
use serde_json::Value;

use crate::books::Storage;
use crate::client::Client;
use crate::gateway::{Gateway, command};
use crate::on_both;
use crate::waiting::eventually;
use crate::world::World;

/// Where the log goes.
#[derive(Clone, Copy, Debug)]
enum Log {
    FullDisk,
    ClosedPipe,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn starts(world: &World, args: &[&str], log: Log) -> Gateway {
    let port = free_port().to_string();
    let mut command = command(args, &world.environment(&[("PORT", &port), ("RUST_LOG", "debug")]));
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    if matches!(log, Log::FullDisk) {
        command.stderr(full()).stdout(full());
    }
    let mut child = command.spawn().unwrap();
    drop((child.stderr.take(), child.stdout.take()));
    Gateway::of(child, &format!("127.0.0.1:{port}"))
}

async fn serves_with(storage: Storage, log: Log) {
    let (world, gateway) = World::start(storage, 1).await;
    gateway.stop().await;
    let mut gateway = starts(&world, &["serve"], log);
    eventually("it is ready", async || {
        assert!(gateway.ended().is_none(), "{log:?}: it ended");
        reqwest::get(gateway.url("/readyz")).await.ok().filter(|reply| reply.status() == 200)
    })
    .await;
    let client = Client::new(&gateway, &world.keys[0]);
    // What is logged as an error gets its answer, too.
    world.script().push(Reply::status(401));
    for way in 0..5 {
        client.asks(way).await;
    }
    client.asks(0).await.whole();
    let system = world.api(&gateway, Method::GET, "/api/system", &Value::Null).await;
    assert!(system["lostLogLines"].as_u64().unwrap() > 0, "{system}");
    gateway.stop().await;
    world.database.books().await.agree();
}

on_both! {
    async fn with_its_log_on_a_full_disk_it_starts_serves_and_stops(storage: Storage) {
        serves_with(storage, Log::FullDisk).await;
    }

    async fn with_nobody_at_its_log_it_starts_serves_and_stops(storage: Storage) {
        serves_with(storage, Log::ClosedPipe).await;
    }

    async fn a_demo_that_nobody_reads_runs_on(storage: Storage) {
        for log in [Log::FullDisk, Log::ClosedPipe] {
            let world = World::untouched(storage).await;
            let mut demo = starts(&world, &["demo"], log);
            let kept = world.data_dir().join("demo/demo.json");
            eventually("the demo made its visit", async || {
                assert!(demo.ended().is_none(), "{log:?}: the demo ended");
                kept.exists().then_some(())
            })
            .await;
            demo.stop().await;
        }
    }
}
