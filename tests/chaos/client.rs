//! Clients that know which answers they received whole.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{CLAUDE, GPT};

/// How a request ended for its client.
#[derive(Debug)]
pub enum Outcome {
    /// The terminal event, or the complete body, was read.
    Whole { id: String, text: String },
    /// A complete answer that is an error.
    Refused { status: StatusCode, body: String },
    /// The line broke, before or in the answer.
    Broken(#[expect(dead_code, reason = "a failing test shows it")] String),
}

/// One client with one key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    pub fn new(gateway: &Gateway, key: &str) -> Self {
        Self { http: reqwest::Client::new(), base: gateway.url(""), key: key.to_owned() }
    }

    /// A client of whatever listens there.
    pub fn at(base: &str, key: &str) -> Self {
        Self { http: reqwest::Client::new(), base: base.to_owned(), key: key.to_owned() }
    }

    /// The four ways in which clients ask: Messages and Chat Completions, streamed and whole.
    pub async fn asks(&self, way: usize) -> Outcome {
        self.asks_for(way, "say something").await
    }

    pub async fn asks_for(&self, way: usize, prompt: &str) -> Outcome {
        let stream = way.is_multiple_of(2);
        let messages = json!([{"role": "user", "content": prompt}]);
        if way % 4 < 2 {
            let body = json!({"model": CLAUDE, "max_tokens": 256, "stream": stream, "messages": messages});
            return self.sends("/v1/messages", &body, "message_stop").await;
        }
        let body = json!({"model": GPT, "stream": stream, "messages": messages});
        self.sends("/v1/chat/completions", &body, "[DONE]").await
    }

    pub async fn sends(&self, path: &str, body: &Value, terminal: &str) -> Outcome {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.key);
        let request = request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
        let reply = match request.body(body.to_string()).send().await {
            Ok(reply) => reply,
            Err(error) => return Outcome::Broken(format!("{error:?}")),
        };
        let status = reply.status();
        let id = reply.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
        let streams = body["stream"] == true && status.is_success();
        let (mut bytes, mut text) = (reply.bytes_stream(), Vec::new());
        while let Some(piece) = bytes.next().await {
            match piece {
                Ok(piece) => text.extend_from_slice(&piece),
                // The last event makes a stream whole, whatever becomes of the connection.
                Err(_) if streams && String::from_utf8_lossy(&text).contains(terminal) => break,
                Err(error) => return Outcome::Broken(format!("{error:?}")),
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        if !status.is_success() {
            return Outcome::Refused { status, body: text };
        }
        if streams && !text.contains(terminal) {
            return Outcome::Broken("no last event".to_owned());
        }
        Outcome::Whole { id, text }
    }
}

impl Outcome {
    /// The request id of an answer that must have come whole.
    #[track_caller]
    pub fn whole(self) -> String {
        match self {
            Self::Whole { id, .. } => id,
            other => panic!("not whole: {other:?}"),
        }
    }
}

/// Clients that go on asking until they are told to stop, or until the line breaks.
#[derive(Clone, Default)]
pub struct Crowd {
    received: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<(StatusCode, String)>>>,
    answers: Arc<AtomicUsize>,
    /// How many requests of each client that still asks have ended.
    ended: Arc<Mutex<BTreeMap<usize, usize>>>,
    stopped: Arc<AtomicBool>,
}

impl Crowd {
    /// Runs so many clients over these keys; returns when all of them have ended.
    pub async fn ask(&self, gateway: &Gateway, keys: &[String], clients: usize) {
        let all = (0..clients).map(|number| {
            let client = Client::new(gateway, &keys[number % keys.len()]);
            let crowd = self.clone();
            async move { crowd.one(&client, number).await }
        });
        join_all(all).await;
    }

    async fn one(&self, client: &Client, number: usize) {
        let mut way = number;
        self.ended.lock().unwrap().insert(number, 0);
        while !self.stopped.load(Ordering::Relaxed) {
            match client.asks(way).await {
                Outcome::Whole { id, .. } => {
                    self.received.lock().unwrap().push(id);
                    self.answers.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Refused { status, body } => self.refused.lock().unwrap().push((status, body)),
                Outcome::Broken(_) => break,
            }
            *self.ended.lock().unwrap().entry(number).or_default() += 1;
            way += 1;
        }
        self.ended.lock().unwrap().remove(&number);
    }

    /// How many requests of each client that still asks have ended so far.
    pub fn ended(&self) -> BTreeMap<usize, usize> {
        self.ended.lock().unwrap().clone()
    }

    /// Whether every request that was under way at `then` has ended: each client asks one after the other.
    pub fn has_ended_since(&self, then: &BTreeMap<usize, usize>) -> bool {
        self.ended().iter().all(|(client, ended)| then.get(client).is_none_or(|before| ended > before))
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// How many answers were received whole so far.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// The ids of the answers received whole so far.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    pub fn refusals(&self) -> Vec<(StatusCode, String)> {
        self.refused.lock().unwrap().clone()
    }
}
