//! The database is away for a while: what is known goes on being served, nothing is lost, nothing billed twice.

use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::Value;

use crate::books::{Database, Storage};
use crate::client::{Client, Crowd, Outcome};
use crate::gateway::Gateway;
use crate::line::{Line, State};
use crate::waiting::eventually;
use crate::world::World;

const AWAY: Duration = Duration::from_secs(20);
const CLIENTS: usize = 16;
const USERS: usize = 4;
/// A refusal for want of a database comes at the latest after this.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// A gateway whose database is behind a line.
pub async fn behind_a_line() -> (World, Line, Gateway) {
    let mut world = World::untouched(Storage::Postgres).await;
    let direct = url::Url::parse(&world.database.url).unwrap();
    let line = Line::to(format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap_or(5432))).await;
    let direct = world.database.clone();
    world.database = Database { url: line_url(&world, &line) };
    let gateway = world.serve().await;
    world.furnish(&gateway, USERS + 1).await;
    world.database = direct;
    (world, line, gateway)
}

async fn during_an_outage(away: State) {
    let (mut world, line, gateway) = behind_a_line().await;
    // Never used before the outage: the process does not know it.
    let unknown = world.keys.pop().unwrap();
    let mut received = Vec::new();
    for key in &world.keys {
        received.push(Client::new(&gateway, key).asks(1).await.whole());
    }
    let crowd = Crowd::default();
    let asking = crowd.ask(&gateway, &world.keys, CLIENTS);
    let breaking = async {
        eventually("the crowd is served", async || (crowd.answers() > CLIENTS).then_some(())).await;
        line.becomes(away);
        let before = crowd.answers();
        let until = Instant::now() + AWAY;
        while Instant::now() < until {
            look_around(&gateway, &unknown).await;
        }
        println!("{} answers while the database was away ({away:?})", crowd.answers() - before);
        assert!(crowd.answers() > before + CLIENTS, "known keys were not served while the database was away");
        line.becomes(State::Open);
        let after = crowd.answers();
        eventually("the crowd is still served", async || (crowd.answers() > after + CLIENTS).then_some(())).await;
        eventually("health is back", async || health(&gateway).await.filter(|health| health["ok"] == true)).await;
        crowd.stop();
    };
    join(asking, breaking).await;
    assert_eq!(crowd.refusals(), [], "known keys are served whatever the database does");
    received.extend(crowd.received());
    received.push(Client::new(&gateway, &unknown).asks(0).await.whole());
    let books = world.database.bills_exactly_once(&received).await;
    assert_eq!(books.ended("completed"), received.len());
    gateway.stop().await;
    world.database.bills_exactly_once(&received).await;
}

/// What strangers see while the database is away.
async fn look_around(gateway: &Gateway, unknown: &str) {
    let ready = reqwest::get(gateway.url("/readyz")).await.unwrap();
    assert_eq!(ready.status(), 200);
    let ready: Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
    assert_eq!(ready["degraded"], true, "{ready}");
    let asked = Instant::now();
    match Client::new(gateway, unknown).asks(0).await {
        Outcome::Refused { status, body } => assert_eq!(status, 503, "{body}"),
        other => panic!("an unknown key, and no database: {other:?}"),
    }
    assert!(asked.elapsed() < REFUSED_WITHIN, "the refusal took {:?}", asked.elapsed());
}

async fn health(gateway: &Gateway) -> Option<Value> {
    let reply = reqwest::get(gateway.url("/api/health")).await.ok()?;
    serde_json::from_str(&reply.text().await.ok()?).ok()
}

#[actix_web::test]
async fn connections_reset_and_refused_for_a_while_known_keys_are_served_and_nothing_is_lost() {
    during_an_outage(State::Refusing).await;
}

#[actix_web::test]
async fn connections_gone_silent_for_a_while_known_keys_are_served_and_nothing_is_lost() {
    during_an_outage(State::Silent).await;
}

#[actix_web::test]
async fn killed_while_the_database_is_away_the_journal_alone_keeps_every_bill() {
    let (world, line, gateway) = behind_a_line().await;
    let mut received = vec![Client::new(&gateway, &world.keys[0]).asks(0).await.whole()];
    line.becomes(State::Refusing);
    for way in 0..CLIENTS {
        received.push(Client::new(&gateway, &world.keys[0]).asks(way).await.whole());
    }
    gateway.kill().await;
    // Neither does it start without its database, nor does the attempt cost anything.
    let mut in_vain = Gateway::launch(&["serve"], &world.environment(&[("DATABASE_URL", &line_url(&world, &line))]));
    assert!(!in_vain.ends().await.success(), "{}", in_vain.output.text());
    line.becomes(State::Open);
    let gateway = world.serve().await;
    let books = world.database.bills_exactly_once(&received).await;
    assert_eq!(books.ended("completed"), received.len());
    gateway.stop().await;
}

#[actix_web::test]
async fn a_journal_with_a_torn_end_and_damage_inside_loses_only_what_is_damaged() {
    let (world, line, gateway) = behind_a_line().await;
    let client = Client::new(&gateway, &world.keys[0]);
    let first = client.asks(1).await.whole();
    world.database.bills_exactly_once(std::slice::from_ref(&first)).await;
    line.becomes(State::Refusing);
    let mut received = vec![first];
    for _ in 0..3 {
        received.push(client.asks(1).await.whole());
    }
    gateway.kill().await;
    damage(&world, &received[2]);
    let gateway = world.serve().await;
    let lost = received.remove(2);
    let books = world.database.bills_exactly_once(&received).await;
    assert!(!books.rows.iter().any(|row| row.request_id == lost), "a line whose checksum is wrong is not trusted");
    let log = gateway.output.text();
    assert!(log.contains("a damaged journal line was set aside") && log.contains("half a line"), "{log}");
    let ready = reqwest::get(gateway.url("/readyz")).await.unwrap().text().await.unwrap();
    assert!(ready.contains("\"setAside\":1"), "what was damaged is shown, half a line that nobody was told of is not: {ready}");
    gateway.stop().await;
}

/// Breaks the line of one request, and leaves half a line at the end.
fn damage(world: &World, request: &str) {
    let mut files: Vec<_> =
        std::fs::read_dir(world.data_dir().join("journal")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let last = files.last().unwrap();
    let text = std::fs::read_to_string(last).unwrap();
    assert!(text.contains(request), "the request is in the newest segment");
    let broken: String = text.replace(request, &request.replace("req_", "rex_"));
    let half = &broken[..broken.find('\n').unwrap() / 2];
    std::fs::write(last, format!("{broken}{half}")).unwrap();
}

/// The database's address behind the line.
fn line_url(world: &World, line: &Line) -> String {
    let mut url = url::Url::parse(&world.database.url).unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(line.address.port())).unwrap();
    url.into()
}
