//! A caller of the scripted provider, and what it hears.

use api_proxy::mock_upstream::MockUpstream;
use serde_json::{Value, json};

pub(crate) const HELLO: &str = "Hello from the scripted provider.";

pub(crate) async fn provider() -> MockUpstream {
    MockUpstream::start(([127, 0, 0, 1], 0).into()).await.expect("the provider starts")
}

/// A caller of one provider.
pub(crate) struct Caller {
    pub(crate) client: reqwest::Client,
    pub(crate) base: String,
}

/// An answer, read as far as it came.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) broken: bool,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    /// The data of each event; `[DONE]` as a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.events().iter().map(|event| event["type"].as_str().unwrap_or("?").to_owned()).collect()
    }
}

pub(crate) fn to(provider: &MockUpstream) -> Caller {
    Caller { client: reqwest::Client::new(), base: provider.base_url() }
}

impl Caller {
    pub(crate) fn request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).json(body)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Told {
        read(self.request(path, &body).send().await.expect("an answer")).await
    }

    pub(crate) async fn messages(&self, extra: Value) -> Told {
        self.post("/v1/messages", with(claude(), extra)).await
    }

    pub(crate) async fn chat(&self, extra: Value) -> Told {
        self.post("/v1/chat/completions", with(chat(), extra)).await
    }

    pub(crate) async fn responses(&self, extra: Value) -> Told {
        self.post("/v1/responses", with(responses(), extra)).await
    }
}

pub(crate) async fn read(mut response: reqwest::Response) -> Told {
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            end => {
                let text = String::from_utf8(bytes).expect("utf-8");
                return Told { status, text, broken: end.is_err() };
            }
        }
    }
}

pub(crate) fn claude() -> Value {
    json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello you"}]})
}

pub(crate) fn chat() -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello you"}]})
}

pub(crate) fn responses() -> Value {
    json!({"model": "gpt-5", "input": "Hello you"})
}

pub(crate) fn with(mut body: Value, extra: Value) -> Value {
    if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
        body.extend(extra.clone());
    }
    body
}
