//! Somebody with a key, and what they ask for.

use actors::vocabulary::Protocol;
use bytes::Bytes;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::app::{CLAUDE, EMBEDDING, GPT};
use crate::reply::{Reply, Streaming};

/// Somebody with a key. Each clone may have its own connections.
#[derive(Clone, Debug)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    pub key: String,
    pub key_id: i64,
    protocol: Protocol,
}

impl Caller {
    pub fn new(base: &str, key: &str, key_id: i64) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base: base.to_owned(), key: key.to_owned(), key_id, protocol: Protocol::Messages }
    }

    /// The same caller in another protocol.
    pub fn speaking(&self, protocol: Protocol) -> Self {
        Self { protocol, ..self.clone() }
    }

    /// The same caller with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A request with this text as its only message.
    pub fn asks(&self, text: &str) -> Asking {
        let question = json!([{"role": "user", "content": text}]);
        let body = match self.protocol {
            Protocol::Messages => json!({"model": CLAUDE, "max_tokens": 64, "messages": question}),
            Protocol::CountTokens => json!({"model": CLAUDE, "messages": question}),
            Protocol::ChatCompletions => json!({"model": GPT, "messages": question, "max_tokens": 64}),
            Protocol::Responses => json!({"model": GPT, "input": text, "max_output_tokens": 64}),
            Protocol::Embeddings => json!({"model": EMBEDDING, "input": text}),
        };
        let Value::Object(fields) = body else { unreachable!() };
        self.request(Method::POST, &format!("/v1/{}", self.protocol.path())).fields(fields)
    }

    /// A request with this body, as it is.
    pub fn sends(&self, body: impl Into<Bytes>) -> Asking {
        self.request(Method::POST, &format!("/v1/{}", self.protocol.path())).raw(body)
    }

    /// A GET.
    pub fn gets(&self, path: &str) -> Asking {
        self.request(Method::GET, path)
    }

    fn request(&self, method: Method, path: &str) -> Asking {
        let mut asking = Asking {
            http: self.http.clone(),
            base: self.base.clone(),
            method,
            path: path.to_owned(),
            protocol: self.protocol,
            headers: Vec::new(),
            body: Body::None,
        };
        let anthropic = matches!(self.protocol, Protocol::Messages | Protocol::CountTokens);
        if anthropic {
            asking = asking.header("x-api-key", &self.key).header("anthropic-version", "2023-06-01");
        } else {
            asking = asking.header("authorization", &format!("Bearer {}", self.key));
        }
        asking
    }
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Fields(Map<String, Value>),
    Raw(Bytes),
}

/// A request before it is sent.
#[derive(Clone, Debug)]
#[must_use = "a request that is not sent asks nothing"]
pub struct Asking {
    http: reqwest::Client,
    base: String,
    method: Method,
    path: String,
    protocol: Protocol,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Asking {
    fn fields(mut self, fields: Map<String, Value>) -> Self {
        self.body = Body::Fields(fields);
        self
    }

    /// This body instead.
    pub fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Raw(body.into());
        self
    }

    /// One field of the body.
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        let Body::Fields(fields) = &mut self.body else { panic!("a body of fields") };
        fields.insert(name.to_owned(), value.into());
        self
    }

    /// One field of the body under another name.
    pub fn renamed(mut self, name: &str, other: &str) -> Self {
        let Body::Fields(fields) = &mut self.body else { panic!("a body of fields") };
        let value = fields.remove(name).unwrap();
        fields.insert(other.to_owned(), value);
        self
    }

    pub fn model(self, name: &str) -> Self {
        self.field("model", name)
    }

    pub fn max_tokens(self, tokens: i64) -> Self {
        self.field("max_tokens", tokens)
    }

    /// One more header; it replaces one of its name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    pub fn no_header(mut self, name: &str) -> Self {
        self.headers.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        self
    }

    /// To another path.
    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The body as it will go out.
    pub fn bytes(&self) -> Bytes {
        match &self.body {
            Body::None => Bytes::new(),
            Body::Fields(fields) => Value::Object(fields.clone()).to_string().into(),
            Body::Raw(body) => body.clone(),
        }
    }

    pub fn builder(&self) -> reqwest::RequestBuilder {
        let mut request = self.http.request(self.method.clone(), format!("{}{}", self.base, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if matches!(self.body, Body::None) {
            return request;
        }
        request.header("content-type", "application/json").body(self.bytes())
    }

    /// Sends it and reads the whole answer.
    pub async fn whole(self) -> Reply {
        let protocol = self.protocol;
        Reply::read(self.builder().send().await.unwrap(), protocol).await
    }

    /// Asks for a stream, and reads it to its end.
    pub async fn streamed(self) -> Reply {
        self.streaming().await.rest().await
    }

    /// Asks for a stream; answered when the head is here.
    pub async fn streaming(self) -> Streaming {
        let asking = if matches!(self.body, Body::Fields(_)) { self.field("stream", true) } else { self };
        let protocol = asking.protocol;
        Streaming::new(asking.builder().send().await.unwrap(), protocol)
    }

    /// Sends it on a task of its own, to be awaited or aborted.
    pub fn spawn(self) -> tokio::task::JoinHandle<Reply> {
        tokio::task::spawn_local(self.whole())
    }

    /// Asks for a stream on a task of its own, to be awaited or aborted.
    pub fn spawn_streamed(self) -> tokio::task::JoinHandle<Reply> {
        tokio::task::spawn_local(self.streamed())
    }
}
