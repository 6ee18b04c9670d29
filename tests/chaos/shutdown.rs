//! Told to stop: what runs is finished, everything is booked, nobody new is let in.

use std::time::{Duration, Instant};

use api_proxy::mock_upstream::{Gate, Reply};
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::net::TcpStream;

use crate::books::Storage;
use crate::client::{Client, Outcome};
use crate::gateway::Gateway;
use crate::on_both;
use crate::raw::{Line, post};
use crate::waiting::eventually;
use crate::world::{CLAUDE, GPT, World};

const STREAMS: usize = 100;
/// Requests under way at the deadline.
const CUT: usize = 30;
/// Where they ask, and for which model.
const WAYS: [(&str, &str); 3] = [("/v1/messages", CLAUDE), ("/v1/chat/completions", GPT), ("/v1/responses", GPT)];
/// Far more than fits into the buffers of a connection.
const LARGE: usize = 24 << 20;

on_both! {
    async fn told_to_stop_under_a_hundred_streams_none_is_cut_and_every_receipt_is_booked(storage: Storage) {
        let (world, mut gateway) = World::start(storage, 4).await;
        let gate = Gate::new();
        world.script().always(Reply::text("one two three four five six").wait_for_after(3, gate.clone()));
        let asking = join_all((0..STREAMS).map(|number| {
            let client = Client::new(&gateway, &world.keys[number % world.keys.len()]);
            // Only the streamed ways.
            async move { client.asks(2 * number).await }
        }));
        let mut live_reader = reqwest::Client::new().get(gateway.url("/api/logs/stream")).header("cookie", &world.admin)
            .send().await.unwrap().bytes_stream();
        let stopping = async {
            world.script().wait_until_in_flight(STREAMS).await.unwrap();
            gateway.terminate();
            eventually("the door is shut", async || TcpStream::connect(gateway.address()).await.err()).await;
            eventually("the live reader is sent away", async || live_reader.next().await.is_none_or(|piece| piece.is_err()).then_some(())).await;
            assert_eq!(world.script().in_flight(), STREAMS, "a stream was cut");
            gate.open();
        };
        let (outcomes, ()) = join(asking, stopping).await;
        let received: Vec<String> = outcomes.into_iter().map(Outcome::whole).collect();
        let status = gateway.ends().await;
        assert!(status.success(), "{status}: {}", gateway.output.text());
        // Not eventually: an exit says that everything is booked.
        let books = world.database.books().await;
        assert_eq!(books.ended("completed"), STREAMS);
        world.database.bills_exactly_once(&received).await;
    }

    async fn told_to_stop_while_a_slow_client_reads_a_large_answer_it_gets_all_of_it(storage: Storage) {
        large_answer_to_a_slow_client(storage, false).await;
    }

    async fn told_to_stop_while_a_slow_client_reads_a_large_stream_it_gets_all_of_it(storage: Storage) {
        large_answer_to_a_slow_client(storage, true).await;
    }

    async fn told_to_stop_with_a_stream_that_never_ends_it_goes_at_the_deadline_and_books_at_the_next_start(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        gateway.stop().await;
        let mut gateway = world.serve_with(&[("SHUTDOWN_TIMEOUT", "1")]).await;
        world.script().always(Reply::text("one two three four five six").hang_after(3));
        let client = Client::new(&gateway, &world.keys[0]);
        let asking = client.asks(0);
        let stopping = async {
            world.script().wait_until_in_flight(1).await.unwrap();
            eventually("the stream is committed", async || running(&world)).await;
            let told = Instant::now();
            gateway.terminate();
            let status = gateway.ends().await;
            assert!(status.success(), "{status}: {}", gateway.output.text());
            told.elapsed()
        };
        let (outcome, took) = join(asking, stopping).await;
        assert!(took < Duration::from_secs(10), "it took {took:?}");
        assert!(matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
        world.script().clear();
        let gateway = world.serve().await;
        let received = Client::new(&gateway, &world.keys[0]).asks(1).await.whole();
        let books = world.database.bills_exactly_once(&[received]).await;
        assert_eq!(books.rows.len(), 2, "the stream that was cut has a row: {books:?}");
        gateway.stop().await;
    }

    async fn at_the_deadline_streams_end_legally_and_owe_what_came(storage: Storage) {
        let (world, gateway) = World::start(storage, 4).await;
        gateway.stop().await;
        let mut gateway = world.serve_with(&[("SHUTDOWN_TIMEOUT", "1")]).await;
        world.script().always(Reply::text("one two three four five six").hang_after(3));
        let asking = join_all((0..CUT).map(|number| {
            let (url, key) = (gateway.url(WAYS[number % 3].0), world.keys[number % world.keys.len()].clone());
            async move { reads_to_the_end(&url, &key, WAYS[number % 3].1, true).await }
        }));
        let stopping = async {
            world.script().wait_until_in_flight(CUT).await.unwrap();
            eventually("all streams are committed", async || (opened(&world) >= CUT).then_some(())).await;
            gateway.terminate();
            gateway.ends().await
        };
        let (read, status) = join(asking, stopping).await;
        assert!(status.success(), "{status}: {}", gateway.output.text());
        for (number, (status, text)) in read.into_iter().enumerate() {
            assert_eq!(status, 200);
            let frames: Vec<&str> = text.split_terminator("\n\n").collect();
            let last = frames.last().unwrap().rsplit_once("data: ").unwrap().1;
            assert!(text.ends_with("\n\n") && text.contains("one"), "way {number}: {text}");
            assert!(last == "[DONE]" || serde_json::from_str::<serde_json::Value>(last).is_ok(), "cut inside an event: {text}");
            assert!(text.contains("being restarted"), "way {number}: {text}");
        }
        let books = world.database.books().await;
        books.agree();
        assert_eq!(books.ended("timed_out"), CUT, "{books:?}");
        assert!(books.rows.iter().all(|row| row.cost_nanos > 0), "booked free: {books:?}");
    }

    async fn at_the_deadline_whole_answers_are_refused_legally_and_free(storage: Storage) {
        let (world, gateway) = World::start(storage, 4).await;
        gateway.stop().await;
        let mut gateway = world.serve_with(&[("SHUTDOWN_TIMEOUT", "1")]).await;
        // Some without a head, some within the body.
        world.script().for_model(CLAUDE, Reply::text("one two three four five six").hang());
        let halves = vec!["{\"id\": ".into(), "\"x\"}".into()];
        world.script().for_model(GPT, Reply::new().raw_chunks("application/json", halves).hang_after(1));
        let asking = join_all((0..CUT).map(|number| {
            let (url, key) = (gateway.url(WAYS[number % 3].0), world.keys[number % world.keys.len()].clone());
            async move { reads_to_the_end(&url, &key, WAYS[number % 3].1, false).await }
        }));
        let stopping = async {
            world.script().wait_until_in_flight(CUT).await.unwrap();
            gateway.terminate();
            gateway.ends().await
        };
        let (read, status) = join(asking, stopping).await;
        assert!(status.success(), "{status}: {}", gateway.output.text());
        for (status, text) in read {
            assert_eq!(status, 503, "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["error"]["message"].is_string(), "{text}");
        }
        let books = world.database.books().await;
        books.agree();
        assert_eq!((books.rows.len(), books.ended("timed_out")), (CUT, CUT), "{books:?}");
        assert!(books.rows.iter().all(|row| row.cost_nanos == 0), "billed for nothing: {books:?}");
    }

    async fn signals_stop_in_order_or_mean_nothing(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        world.script().always(Reply::text("one two three"));
        let mut received = vec![Client::new(&gateway, &world.keys[0]).asks(0).await.whole()];
        gateway.stop().await;
        for stop in ["-QUIT", "-INT"] {
            let mut gateway = world.serve().await;
            for ignored in ["-HUP", "-USR1", "-USR2", "-ALRM", "-IO", "-PIPE"] {
                gateway.signals(ignored);
            }
            received.push(Client::new(&gateway, &world.keys[0]).asks(0).await.whole());
            eventually("it says what it makes of SIGHUP", async || gateway.output.text().contains("SIGHUP").then_some(())).await;
            gateway.signals(stop);
            let status = gateway.ends().await;
            assert!(status.success(), "{stop}: {status}: {}", gateway.output.text());
        }
        world.database.bills_exactly_once(&received).await;
    }

    async fn told_to_stop_with_nothing_under_way_it_waits_for_nobody_who_is_still_connected(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        gateway.stop().await;
        let mut gateway = world.serve_with(&[("SHUTDOWN_TIMEOUT", "30")]).await;
        world.script().always(Reply::text("one two three"));
        let key = &world.keys[0];
        let asks = [
            "GET /livez HTTP/1.1\r\nhost: gateway\r\n\r\n".to_owned().into_bytes(),
            post(key, json!({"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "go"}]}).to_string()),
            post("sk-nobody", "{}"),
        ];
        let mut answered = Vec::new();
        for ask in &asks {
            let mut line = Line::to(gateway.address()).await;
            // Twice: the line is kept after an answer.
            for _ in 0..2 {
                line.send(ask).await;
                assert!(line.answer().await.is_some());
            }
            answered.push(line);
        }
        let streamed = streams_twice(&gateway, key).await;
        let (mut silent, mut begun) = (Line::to(gateway.address()).await, Line::to(gateway.address()).await);
        begun.send("POST /v1/messages HTTP/1.1\r\nhost: gate").await;
        gateway.terminate();
        let status = gateway.ends().await;
        let said = eventually("its last line", async || Some(gateway.output.text()).filter(|said| said.contains("\"stopped\""))).await;
        assert!(status.success(), "{status}: {said}");
        // At the deadline it says that it cut somebody.
        assert!(!said.contains("the deadline for stopping passed"), "{said}");
        drop(streamed);
        for line in answered.iter_mut().chain([&mut silent, &mut begun]) {
            assert!(line.answer().await.is_none(), "an answer to nothing");
        }
        world.database.books().await.agree();
    }
}

/// Asks, and reads all that comes.
async fn reads_to_the_end(url: &str, key: &str, model: &str, stream: bool) -> (u16, String) {
    let body = match url.rsplit('/').next() {
        Some("responses") => json!({"model": model, "input": "go", "stream": stream}),
        _ => json!({"model": model, "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": "go"}]}),
    };
    let request = reqwest::Client::new().post(url).bearer_auth(key).header("content-type", "application/json");
    let reply = request.body(body.to_string()).send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap_or_else(|error| panic!("the line broke: {error:?}")))
}

/// Streams that the journal knows of.
fn opened(world: &World) -> usize {
    let files = std::fs::read_dir(world.data_dir().join("journal")).unwrap();
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().matches(" {\"o\":").count()).sum()
}

/// Two streams read to their ends on one connection, which stays open as long as the client that is answered.
async fn streams_twice(gateway: &Gateway, key: &str) -> reqwest::Client {
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap();
    for _ in 0..2 {
        let body = json!({"model": GPT, "stream": true, "messages": [{"role": "user", "content": "go"}]}).to_string();
        let request = client.post(gateway.url("/v1/chat/completions")).bearer_auth(key);
        let reply = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert!(reply.text().await.unwrap().contains("[DONE]"));
    }
    client
}

async fn large_answer_to_a_slow_client(storage: Storage, stream: bool) {
    let (world, mut gateway) = World::start(storage, 1).await;
    world.script().always(Reply::new().pads_to(LARGE));
    let body = json!({"model": GPT, "stream": stream, "messages": [{"role": "user", "content": "go"}]}).to_string();
    let request = reqwest::Client::new().post(gateway.url("/v1/chat/completions")).bearer_auth(&world.keys[0]);
    let reply = request.header("content-type", "application/json").body(body).send().await.unwrap();
    let received = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    gateway.terminate();
    eventually("the door is shut", async || TcpStream::connect(gateway.address()).await.err()).await;
    let taken = read_slowly(reply).await;
    assert!(taken >= LARGE, "the answer was cut after {taken} bytes");
    let status = gateway.ends().await;
    assert!(status.success(), "{status}: {}", gateway.output.text());
    world.database.bills_exactly_once(&[received]).await;
}

/// Takes a pause after each quarter of a megabyte; answers how many bytes came.
async fn read_slowly(reply: reqwest::Response) -> usize {
    let (mut bytes, mut taken, mut paused_at) = (reply.bytes_stream(), 0, 0);
    while let Some(Ok(piece)) = bytes.next().await {
        taken += piece.len();
        if taken - paused_at > 256 << 10 {
            paused_at = taken;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    taken
}

/// Whether the one stream of the test has reached its client: then its first line is in the journal.
fn running(world: &World) -> Option<()> {
    let mut journal = 0;
    for file in std::fs::read_dir(world.data_dir().join("journal")).unwrap() {
        journal += file.unwrap().metadata().map_or(0, |about| about.len());
    }
    (journal > 0).then_some(())
}
