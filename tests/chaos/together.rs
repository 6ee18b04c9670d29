//! Three processes on one PostgreSQL and one Redis, as one gateway: whatever happens to any of them.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api_proxy::mock_upstream::Reply;
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::books::{Database, Storage};
use crate::client::{Client, Outcome};
use crate::gateway::Gateway;
use crate::line::{Line, State};
use crate::redis::RedisServer;
use crate::waiting::eventually;
use crate::world::{ADMIN_PASSWORD, CLAUDE, World};

const INSTANCES: usize = 3;
const USERS: usize = 4;
/// Clients of each user.
const CLIENTS: usize = 4;
/// Rounds of disturbances in the tests; by hand as many as `TOGETHER_ROUNDS` says.
const ROUNDS: usize = 4;
/// Requests at a time of the user whose limit is tight.
const TIGHT: usize = 3;

/// The processes, what they share, and a database behind a line.
struct Fleet {
    world: World,
    redis: RedisServer,
    line: Line,
    /// The database, past the line.
    direct: Database,
    homes: Vec<(TempDir, u16)>,
    running: Vec<Option<Gateway>>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Fleet {
    async fn start(users: usize) -> Self {
        let mut world = World::untouched(Storage::Postgres).await;
        let direct = world.database.clone();
        let mut url = url::Url::parse(&direct.url).unwrap();
        let line = Line::to(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))).await;
        url.set_port(Some(line.address.port())).unwrap();
        world.database = Database { url: url.to_string() };
        let homes = (0..INSTANCES).map(|_| (tempfile::tempdir().unwrap(), free_port())).collect();
        let mut fleet = Self { world, redis: RedisServer::start().await, line, direct, homes, running: Vec::new() };
        for instance in 0..INSTANCES {
            let gateway = fleet.serve(instance).await;
            if instance == 0 {
                fleet.world.furnish(&gateway, users).await;
            }
            fleet.running.push(Some(gateway));
        }
        fleet
    }

    async fn serve(&self, instance: usize) -> Gateway {
        let (home, port) = &self.homes[instance];
        let (home, port, redis) = (home.path().display().to_string(), port.to_string(), self.redis.url());
        self.world.serve_with(&[("DATA_DIR", &home), ("PORT", &port), ("REDIS_URL", &redis)]).await
    }

    fn gateway(&self, instance: usize) -> &Gateway {
        self.running[instance].as_ref().unwrap()
    }

    fn address(&self, instance: usize) -> String {
        format!("http://127.0.0.1:{}", self.homes[instance].1)
    }

    /// Asks an instance something as the administrator.
    async fn asks(&self, instance: usize, method: Method, path: &str, body: &Value) -> Value {
        self.world.api(self.gateway(instance), method, path, body).await
    }

    /// Everything that is held, in Redis, by whomever.
    fn shares(&self) -> Vec<String> {
        let users = self.redis.say(&["KEYS", "api-proxy:user:*"]);
        let mut held = Vec::new();
        for user in users.lines().filter(|line| !line.is_empty()) {
            let fields = self.redis.say(&["HGETALL", user]);
            let fields: Vec<&str> = fields.lines().collect();
            let taken = |field: &str| matches!(field.split('|').next(), Some("s" | "m" | "b"));
            held.extend(fields.chunks(2).filter(|pair| taken(pair[0]) && pair[1] != "0").map(|pair| format!("{user} {pair:?}")));
        }
        held
    }

    async fn stop(mut self) {
        for gateway in self.running.drain(..).flatten() {
            gateway.stop().await;
        }
    }
}

/// What clients received, and what went wrong.
#[derive(Default)]
struct Load {
    whole: Mutex<Vec<String>>,
    refused: Mutex<Vec<(StatusCode, String)>>,
    is_over: AtomicBool,
}

impl Load {
    /// Asks one instance after the other until it is told to stop; lines that break belong to processes that were killed.
    async fn client(&self, addresses: &[String], key: &str, number: usize) {
        let clients: Vec<Client> = addresses.iter().map(|address| Client::at(address, key)).collect();
        for turn in number.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            match clients[turn % clients.len()].asks(turn / clients.len()).await {
                Outcome::Whole { id, .. } => self.whole.lock().unwrap().push(id),
                Outcome::Refused { status, body } => self.refused.lock().unwrap().push((status, body)),
                Outcome::Broken(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Streams of the user with a tight limit that are being read at this moment, and the most there were.
#[derive(Default)]
struct Tight {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Tight {
    async fn client(&self, load: &Load, addresses: &[String], key: &str, number: usize) {
        let http = reqwest::Client::new();
        let body = json!({"model": CLAUDE, "max_tokens": 64, "stream": true, "messages": [{"role": "user", "content": "tight"}]});
        for turn in number.. {
            if load.is_over.load(Ordering::SeqCst) {
                return;
            }
            let request = http.post(format!("{}/v1/messages", addresses[turn % addresses.len()])).bearer_auth(key);
            let request = request.header("content-type", "application/json").body(body.to_string());
            let Ok(reply) = request.send().await else { continue };
            if reply.status() != 200 {
                assert_eq!(reply.status(), 429, "{}", reply.text().await.unwrap_or_default());
                continue;
            }
            let id = reply.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
            let (mut pieces, mut text) = (reply.bytes_stream(), Vec::new());
            let mut counted = false;
            while let Some(Ok(piece)) = pieces.next().await {
                if !std::mem::replace(&mut counted, true) {
                    let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
                    self.most.fetch_max(now, Ordering::SeqCst);
                }
                text.extend_from_slice(&piece);
                if String::from_utf8_lossy(&text).contains("message_stop") {
                    break;
                }
            }
            if counted {
                self.now.fetch_sub(1, Ordering::SeqCst);
            }
            if String::from_utf8_lossy(&text).contains("message_stop") {
                load.whole.lock().unwrap().push(id);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own environment")]
fn rounds() -> usize {
    std::env::var("TOGETHER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// Something happens, and is over again.
async fn disturbance(fleet: &mut Fleet, random: &mut fastrand::Rng, which: usize) {
    let moment = Duration::from_millis(random.u64(1_000..3_000));
    match which % 4 {
        0 => {
            let instance = random.usize(0..INSTANCES);
            fleet.running[instance].take().unwrap().kill().await;
            tokio::time::sleep(moment).await;
            fleet.running[instance] = Some(fleet.serve(instance).await);
        }
        1 => {
            fleet.redis.pause();
            tokio::time::sleep(moment).await;
            fleet.redis.resume();
        }
        2 => {
            fleet.line.becomes(State::Silent);
            tokio::time::sleep(moment).await;
            fleet.line.becomes(State::Open);
        }
        _ => {
            fleet.redis.say(&["CLIENT", "KILL", "TYPE", "normal"]);
            tokio::time::sleep(moment).await;
        }
    }
    for instance in 0..INSTANCES {
        let gateway = fleet.gateway(instance);
        eventually("the instances are together again", async || {
            let reply = reqwest::get(gateway.url("/api/health")).await.ok()?.text().await.ok()?;
            let health: Value = serde_json::from_str(&reply).ok()?;
            (health["redis"] == "ok" && health["db"] == "ok").then_some(())
        })
        .await;
    }
}

#[actix_web::test]
async fn three_processes_bill_exactly_once_whatever_happens_to_any_of_them() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut fleet = Fleet::start(USERS + 1).await;
    fleet.world.script().always(Reply::text("one two three four five six").delay_between_chunks(Duration::from_millis(5)));
    let tight_user = fleet.asks(0, Method::GET, "/api/users?query=user4", &Value::Null).await["rows"][0]["id"].clone();
    let limits = json!({"maxConcurrency": TIGHT});
    fleet.asks(0, Method::PATCH, &format!("/api/users/{tight_user}/quota"), &limits).await;
    let keys = fleet.world.keys.clone();
    let addresses: Vec<String> = (0..INSTANCES).map(|instance| fleet.address(instance)).collect();
    let (load, tight) = (Arc::new(Load::default()), Tight::default());
    let crowd = join_all((0..USERS * CLIENTS).map(|number| load.client(&addresses, &keys[number % USERS], number)));
    let few = join_all((0..2 * TIGHT).map(|number| tight.client(&load, &addresses, &keys[USERS], number)));
    let rounds = rounds();
    let disturbing = async {
        for round in 0..rounds {
            let before = load.whole.lock().unwrap().len();
            disturbance(&mut fleet, &mut random, round).await;
            eventually("answers go on", async || (load.whole.lock().unwrap().len() > before + 50).then_some(())).await;
        }
        load.is_over.store(true, Ordering::SeqCst);
    };
    join(join(crowd, few), disturbing).await;
    let refused = load.refused.lock().unwrap().clone();
    assert_eq!(refused, [], "nothing is wrong with these requests");
    let received = load.whole.lock().unwrap().clone();
    println!("{} answers received whole, at most {} of {TIGHT} at once", received.len(), tight.most.load(Ordering::SeqCst));
    // While Redis is away each keeps a third of three, rounded up; what was under way then may still be.
    assert!(tight.most.load(Ordering::SeqCst) <= TIGHT + INSTANCES, "more at once than the bound");
    fleet.direct.bills_exactly_once(&received).await;
    eventually("nothing is held any more", async || fleet.shares().is_empty().then_some(())).await;
    fleet.direct.books().await.agree();
    fleet.stop().await;
}

#[actix_web::test]
async fn a_process_that_is_told_to_stop_cuts_no_stream_and_the_others_go_on_with_its_work() {
    const STREAMS: usize = 60;
    let mut fleet = Fleet::start(1).await;
    let slow = Reply::text("one two three four five six").delay_between_chunks(Duration::from_millis(300));
    fleet.world.script().always(slow);
    let key = fleet.world.keys[0].clone();
    let leaving = fleet.address(0);
    let begun = Arc::new(AtomicUsize::new(0));
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let (client, begun) = (Client::at(&leaving, &key), Arc::clone(&begun));
            actix_web::rt::spawn(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                client.asks(0).await
            })
        })
        .collect();
    let gateway = fleet.running[0].take().unwrap();
    eventually("all streams are under way", async || {
        let info = fleet.world.api(&gateway, Method::GET, "/api/system", &Value::Null).await;
        (info["inFlight"] == STREAMS as u64).then_some(())
    })
    .await;
    gateway.stop().await;
    let received: Vec<String> = join_all(streams).await.into_iter().map(|outcome| outcome.unwrap().whole()).collect();
    fleet.direct.bills_exactly_once(&received).await;
    eventually("another does what is done once", async || {
        let info = fleet.asks(1, Method::GET, "/api/system", &Value::Null).await;
        let leases = info["leases"].as_array()?.clone();
        let instances = info["redis"]["instances"].as_array()?.len();
        (instances == INSTANCES - 1 && leases.iter().all(|lease| lease["holder"].is_string())).then_some(())
    })
    .await;
    fleet.stop().await;
}

#[actix_web::test]
async fn what_changes_on_one_is_in_force_on_the_others_and_seen_there() {
    let fleet = Fleet::start(2).await;
    let keys = &fleet.world.keys;
    for instance in 0..INSTANCES {
        Client::at(&fleet.address(instance), &keys[0]).asks(1).await.whole();
    }
    // A live log on another instance shows what is asked here.
    let mut live = reqwest::Client::new();
    let reading = live.get(fleet.gateway(1).url("/api/logs/stream")).header("cookie", &fleet.world.admin).send().await.unwrap();
    assert_eq!(reading.status(), 200);
    live = reqwest::Client::new();
    let mut pieces = reading.bytes_stream();
    let seen = Arc::new(Mutex::new(String::new()));
    let follow = actix_web::rt::spawn({
        let seen = Arc::clone(&seen);
        async move {
            while let Some(Ok(piece)) = pieces.next().await {
                seen.lock().unwrap().push_str(&String::from_utf8_lossy(&piece));
            }
        }
    });
    let asker = Client::at(&fleet.address(0), &keys[0]);
    let mut asked = Vec::new();
    eventually("the other's live log shows it", async || {
        asked.push(asker.asks(1).await.whole());
        let seen = seen.lock().unwrap();
        asked.iter().any(|id| seen.contains(id.as_str())).then_some(())
    })
    .await;
    follow.abort();
    // A key switched off here is refused there.
    let key = fleet.asks(0, Method::GET, "/api/keys?query=user1", &Value::Null).await["rows"][0]["id"].clone();
    let elsewhere = Client::at(&fleet.address(2), &keys[1]);
    elsewhere.asks(1).await.whole();
    let switched = Instant::now();
    fleet.asks(0, Method::PATCH, &format!("/api/keys/{key}"), &json!({"status": "disabled"})).await;
    eventually("the key is refused there", async || {
        matches!(elsewhere.asks(1).await, Outcome::Refused { status: StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED, .. })
            .then_some(())
    })
    .await;
    println!("in force elsewhere after {:?}", switched.elapsed());
    // Whoever signed in here is known there.
    let account = json!({"account": "root", "password": ADMIN_PASSWORD});
    let signed_in = live.post(fleet.gateway(0).url("/api/auth/login")).header("content-type", "application/json");
    let signed_in = signed_in.body(account.to_string()).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let me = live.get(fleet.gateway(2).url("/api/me")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(me.status(), 200);
    fleet.stop().await;
}
