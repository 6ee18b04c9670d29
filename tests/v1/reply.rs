//! What came back.

use actors::vocabulary::Protocol;
use api_proxy::translation::Framer;
use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A whole answer, or a stream that was read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the body ended as HTTP bodies do.
    pub ended: bool,
    protocol: Protocol,
}

impl Reply {
    pub async fn read(response: reqwest::Response, protocol: Protocol) -> Self {
        Streaming::new(response, protocol).rest().await
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expects(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.said());
        self
    }

    /// The body as text.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.said()))
    }

    /// A header, empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// An error's type and (OpenAI's) code.
    #[track_caller]
    pub fn error(&self) -> (String, String) {
        let error = self.json()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        (text("type"), text("code"))
    }

    /// The events of a stream: name (or empty) and data.
    pub fn events(&self) -> Vec<(String, String)> {
        let mut framer = Framer::default();
        let mut frames = framer.feed(self.body.clone()).unwrap();
        frames.extend(framer.finish());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let events = frames.into_iter().filter_map(|frame| {
            let name = frame.event.as_deref().map(str::to_owned).unwrap_or_default();
            Some((name, text(frame.data.as_deref()?)))
        });
        events.collect()
    }

    /// The text said, whole or streamed.
    pub fn text(&self) -> String {
        if let Ok(body) = serde_json::from_slice::<Value>(&self.body) {
            return whole_text(&body);
        }
        self.events().iter().filter_map(|(_, data)| delta_text(&serde_json::from_str(data).ok()?)).collect()
    }

    /// Whether the stream ended as its protocol wants: with its last event, or with its error event.
    pub fn ends_legally(&self) -> bool {
        let events = self.events();
        let Some((name, data)) = events.last() else { return false };
        let kind = serde_json::from_str::<Value>(data).ok().and_then(|event| event["type"].as_str().map(str::to_owned));
        match self.protocol {
            Protocol::Messages => matches!(name.as_str(), "message_stop" | "error") && kind.as_deref() == Some(name),
            Protocol::ChatCompletions => data == "[DONE]" || data.starts_with("{\"error\""),
            _ => matches!(kind.as_deref(), Some("response.completed" | "response.incomplete" | "response.failed" | "error")),
        }
    }

    /// The protocol's error event, if there is one.
    pub fn error_event(&self) -> Option<Value> {
        self.events().iter().find_map(|(_, data)| {
            let event: Value = serde_json::from_str(data).ok()?;
            let is_error = event["type"] == "error" || event["type"] == "response.failed" || event["error"].is_object();
            is_error.then_some(event)
        })
    }
}

fn whole_text(body: &Value) -> String {
    let texts = |list: &Value| {
        let parts = list.as_array().into_iter().flatten();
        parts.filter_map(|part| part["text"].as_str().map(str::to_owned)).collect::<String>()
    };
    if let Some(text) = body["choices"][0]["message"]["content"].as_str() {
        return text.to_owned();
    }
    let outputs = body["output"].as_array().into_iter().flatten();
    texts(&body["content"]) + &outputs.map(|item| texts(&item["content"])).collect::<String>()
}

fn delta_text(event: &Value) -> Option<String> {
    if let Some(text) = event["choices"][0]["delta"]["content"].as_str() {
        return Some(text.to_owned());
    }
    if event["type"] == "response.output_text.delta" {
        return event["delta"].as_str().map(str::to_owned);
    }
    event["delta"]["text"].as_str().map(str::to_owned)
}

/// An answer whose head is here.
#[derive(Debug)]
pub struct Streaming {
    pub status: u16,
    pub headers: HeaderMap,
    response: reqwest::Response,
    read: BytesMut,
    protocol: Protocol,
}

impl Streaming {
    pub fn new(response: reqwest::Response, protocol: Protocol) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, response, read: BytesMut::new(), protocol }
    }

    /// Reads until this text has come.
    pub async fn until(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.read).contains(text) {
            let chunk = self.response.chunk().await.unwrap();
            let read = String::from_utf8_lossy(&self.read).into_owned();
            self.read.extend_from_slice(&chunk.unwrap_or_else(|| panic!("the stream ended before {text:?}: {read}")));
        }
    }

    /// What was read so far.
    pub fn read(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads to the end.
    pub async fn rest(mut self) -> Reply {
        let ended = loop {
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.read.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        let Self { status, headers, read, protocol, .. } = self;
        Reply { status, headers, body: read.freeze(), ended, protocol }
    }
}
