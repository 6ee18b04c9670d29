//! On a same-protocol route bytes go through as they came, both ways, but for the model's name and the usage
//! chunk asked for on the client's behalf.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::app::{CLAUDE, EMBEDDING, GPT, spawn_app};
use crate::on_both;

const TALKING: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

/// What makes a body an answer of each protocol.
const SHAPES: &str = r#" "type":"message", "role":"assistant","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn",
 "choices" : [{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}], "object":"response","status":"completed",
 "output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi"}]}],
 "input_tokens" :7, "data":[{"object":"embedding","index":0,"embedding":[0.5]}]"#;

fn model(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Messages | Protocol::CountTokens => CLAUDE,
        Protocol::Embeddings => EMBEDDING,
        _ => GPT,
    }
}

/// Random JSON as clients write it: odd white space, escapes, numbers that no float keeps, doubled keys.
struct Writer(fastrand::Rng);

impl Writer {
    fn space(&mut self) -> &'static str {
        ["", "", " ", "\n", "\t ", "\r\n"][self.0.usize(..6)]
    }

    fn string(&mut self) -> String {
        let parts = ["a", "Ünï", "\\u0041", "\\n", "\\\"", "\u{1f40b}", "{", "}", "model", "\\/", " ", "stream"];
        let text: String = (0..self.0.usize(..6)).map(|_| parts[self.0.usize(..parts.len())]).collect();
        format!("\"{text}\"")
    }

    fn value(&mut self, depth: usize) -> String {
        let (one, two) = (self.space(), self.space());
        match self.0.usize(..if depth == 0 { 5 } else { 7 }) {
            0 => self.string(),
            1 => ["0", "-1", "1.50", "1e300", "123456789012345678901234567890", "0.1"][self.0.usize(..6)].to_owned(),
            2 => "true".to_owned(),
            3 => "null".to_owned(),
            4 => "{}".to_owned(),
            5 => {
                let items: Vec<String> = (0..self.0.usize(..4)).map(|_| self.value(depth - 1)).collect();
                format!("[{one}{}{two}]", items.join(&format!("{two},{one}")))
            }
            _ => self.object(depth - 1, Vec::new()),
        }
    }

    /// An object with these fields among unknown ones.
    fn object(&mut self, depth: usize, known: Vec<String>) -> String {
        let mut fields = known;
        for at in 0..self.0.usize(1..5) {
            let field = format!("\"x_{at}_{}\"{}:{}{}", self.0.u8(..), self.space(), self.space(), self.value(depth));
            let place = self.0.usize(..=fields.len());
            fields.insert(place, field);
        }
        let (one, two) = (self.space(), self.space());
        format!("{one}{{{two}{}{one}}}{two}", fields.join(&format!("{two},{one}")))
    }

    fn request(&mut self, protocol: Protocol, model: &str) -> String {
        let mut known = vec![format!("\"model\"{}:{}\"{model}\"", self.space(), self.space())];
        let field = if matches!(protocol, Protocol::Responses | Protocol::Embeddings) { "input" } else { "messages" };
        let value = self.value(2);
        known.push(format!("\"{field}\":[{{\"role\":\"user\",\"content\":{},\"z\":{value}}}]", self.string()));
        if protocol == Protocol::Messages {
            known.push(format!("\"max_tokens\"{}:16", self.space()));
        }
        self.object(3, known)
    }
}

on_both! {
    async fn requests_arrive_to_the_byte(storage) {
        let app = spawn_app(storage).await;
        app.provider().always(Scripted::new().raw_body("application/json", format!("{{{SHAPES}}}")));
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut writer = Writer(fastrand::Rng::with_seed(seed));
        for protocol in Protocol::ALL {
            for _ in 0..25 {
                let body = writer.request(protocol, model(protocol));
                let reply = app.caller().speaking(protocol).sends(body.clone()).whole().await;
                assert_eq!(reply.status, 200, "{body}\n{}", reply.said());
                let seen = app.provider().last_request().unwrap();
                assert_eq!(String::from_utf8_lossy(&seen.body), body);
                assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", format!("/v1/{}", protocol.path()).as_str()));
            }
        }
        app.finish().await;
    }

    async fn a_mapping_changes_the_models_name_and_nothing_else(storage) {
        let app = spawn_app(storage).await;
        app.maps(json!({"provider": "claude", "inboundModels": ["nick name \"q\" [1m]"], "upstreamModel": CLAUDE})).await;
        app.maps(json!({"provider": "openai", "inboundModels": ["nick name \"q\" [1m]"], "upstreamModel": GPT})).await;
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut writer = Writer(fastrand::Rng::with_seed(seed));
        for protocol in TALKING {
            for _ in 0..15 {
                let body = writer.request(protocol, "nick name \\\"q\\\" \\u005b1m]");
                let answer = format!(" {{ \"x\":[1.50, {{\"model\":\"inner\"}}] ,\"model\" : \"{}\", \"id\":\"m\",{SHAPES} }}\n", model(protocol));
                app.provider().push(Scripted::new().raw_body("application/json", answer.clone()));
                let reply = app.caller().speaking(protocol).sends(body.clone()).whole().await.expects(200);
                let named = body.replacen("\"nick name \\\"q\\\" \\u005b1m]\"", &format!("\"{}\"", model(protocol)), 1);
                assert_eq!(String::from_utf8_lossy(&app.provider().last_request().unwrap().body), named);
                assert_eq!(reply.said(), answer.replacen(&format!("\"model\" : \"{}\"", model(protocol)), "\"model\" : \"nick name \\\"q\\\" [1m]\"", 1));
            }
            let asking = app.caller().speaking(protocol).asks("hello").model("nick name \"q\" [1m]");
            let reply = asking.streamed().await.expects(200);
            assert!(reply.ends_legally());
            for (_, data) in reply.events() {
                let event: Value = serde_json::from_str(&data).unwrap_or_default();
                for named in [&event["model"], &event["message"]["model"], &event["response"]["model"]] {
                    assert!(named.is_null() || named == "nick name \"q\" [1m]", "{data}");
                }
            }
            assert!(!reply.said().contains(model(protocol)));
        }
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| row.model == "nick name \"q\" [1m]" && row.upstream_model.as_deref().is_some_and(|name| name != row.model)));
        app.finish().await;
    }

    async fn names_lose_their_suffixes_only_when_they_must(storage) {
        let app = spawn_app(storage).await;
        for asked in ["claude-haiku-4-5[1m]", "claude-haiku-4-5-thinking", "claude-haiku-4-5-thinking[1m]"] {
            app.caller().asks("hello").model(asked).whole().await.expects(200);
            assert_eq!(app.provider().last_request().unwrap().json()["model"], CLAUDE, "{asked}");
        }
        app.prices("claude", "claude-haiku-4-5-thinking", r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
        let reply = app.caller().asks("hello").model("claude-haiku-4-5-thinking").whole().await.expects(200);
        assert_eq!(app.provider().last_request().unwrap().json()["model"], "claude-haiku-4-5-thinking");
        assert_eq!(reply.json()["model"], "claude-haiku-4-5-thinking");
        app.finish().await;
    }

    async fn usage_is_asked_for_and_hidden_from_those_who_did_not_ask(storage) {
        let app = spawn_app(storage).await;
        let caller = app.caller().speaking(Protocol::ChatCompletions);
        let seen = || app.provider().last_request().unwrap();
        let plain = caller.asks("hello").field("stream", true);
        // A reasoning model takes the limit by its newer name.
        let sent = String::from_utf8_lossy(&plain.bytes()).replacen("\"max_tokens\"", "\"max_completion_tokens\"", 1);
        let reply = plain.streamed().await.expects(200);
        assert_eq!(seen().json()["stream_options"], json!({"include_usage": true}));
        let body = String::from_utf8(seen().body.to_vec()).unwrap();
        assert_eq!(body.replacen("\"stream_options\":{\"include_usage\":true},", "", 1), sent);
        assert!(!reply.events().iter().any(|(_, data)| data.contains("prompt_tokens")), "{}", reply.said());

        let wanted = caller.asks("hello").field("stream_options", json!({"include_usage": true}));
        let reply = wanted.streamed().await.expects(200);
        assert_eq!(reply.events().iter().filter(|(_, data)| data.contains("prompt_tokens")).count(), 1);

        for options in [json!({"include_usage": false}), json!({"include_obfuscation": false}), json!(null)] {
            let reply = caller.asks("hello").field("stream_options", options.clone()).streamed().await.expects(200);
            assert_eq!(seen().json()["stream_options"]["include_usage"], true, "{options}");
            assert_eq!(seen().json()["stream_options"]["include_obfuscation"], options["include_obfuscation"]);
            assert!(!reply.said().contains("prompt_tokens"), "{options}");
        }
        caller.asks("hello").whole().await.expects(200);
        assert!(seen().json()["stream_options"].is_null(), "a whole answer brings its usage anyway");
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| !row.estimated && row.tokens_in > 0 && row.cost_nanos > 0), "{rows:?}");
        app.finish().await;
    }

    async fn only_the_listed_headers_go_upstream(storage) {
        let app = spawn_app(storage).await;
        app.changes_channel(app.claude_channel, json!({"headers": {"x-own": "channel", "anthropic-beta": "of-the-channel"}})).await;
        let passes = [
            ("anthropic-version", "2099-01-01"), ("anthropic-dangerous-direct-browser-access", "true"), ("openai-beta", "assistants=v2"),
            ("idempotency-key", "idem"), ("x-stainless-lang", "js"), ("x-claude-code-session", "s"), ("session-id", "one"), ("session_id", "two"), ("user-agent", "tests/1"),
        ];
        let stays = [
            ("openai-organization", "org"), ("openai-project", "proj"), ("cookie", "sid=1"), ("x-forwarded-for", "203.0.113.9"), ("api-key", "sk-second"),
            ("x-request-id", "mine"), ("te", "trailers"), ("proxy-authorization", "Basic x"), ("x-own-thing", "1"), ("referer", "http://x"), ("origin", "http://x"), ("accept-language", "de"),
        ];
        for (protocol, credential) in [(Protocol::Messages, "x-api-key"), (Protocol::ChatCompletions, "authorization"), (Protocol::Responses, "authorization")] {
            let mut asking = app.caller().speaking(protocol).asks("hello").header("anthropic-beta", "mine");
            for (name, value) in passes.iter().chain(&stays) {
                asking = asking.header(name, value);
            }
            asking.whole().await.expects(200);
            let seen = app.provider().last_request().unwrap();
            for (name, value) in passes {
                // The one header whose value all users share a name space for: it is made the caller's own.
                assert_eq!(seen.header(name) == Some(value), name != "idempotency-key", "{name}");
                assert!(seen.header(name).is_some(), "{name}");
            }
            for (name, _) in stays {
                assert_eq!(seen.header(name), None, "{name}");
            }
            let key = seen.header(credential).unwrap();
            assert!(key.ends_with("sk-upstream"), "{key}");
            assert!(seen.headers.iter().all(|(_, value)| !value.contains("sk-relay")), "{:?}", seen.headers);
            let (own, beta) = if protocol == Protocol::Messages { (Some("channel"), "of-the-channel") } else { (None, "mine") };
            assert_eq!((seen.header("x-own"), seen.header("anthropic-beta")), (own, Some(beta)), "the channel's own headers win");
            assert_eq!(seen.headers.iter().filter(|(name, _)| name == "anthropic-beta").count(), 1);
            assert_eq!(seen.header("content-type"), Some("application/json"));
        }
        app.finish().await;
    }

    async fn only_the_listed_headers_come_back(storage) {
        let app = spawn_app(storage).await;
        for (protocol, id, limit) in [
            (Protocol::Messages, "x-upstream-request-id", "x-upstream-anthropic-ratelimit-requests-limit"),
            (Protocol::ChatCompletions, "x-upstream-request-id", "x-upstream-ratelimit-limit-requests"),
        ] {
            for streams in [false, true] {
                app.provider().push(Scripted::text("hi").header("set-cookie", "a=b").header("server", "mock").header("x-secret", "s").header("x-request-id", "req_up").header("request-id", "req_up"));
                let asking = app.caller().speaking(protocol).asks("hello");
                let reply = if streams { asking.streamed().await } else { asking.whole().await };
                assert_eq!(reply.header(id), "req_up", "{:?}", reply.headers);
                assert!(!reply.header(limit).is_empty(), "{:?}", reply.headers);
                for name in ["set-cookie", "server", "x-secret", "anthropic-organization-id", "openai-organization", "x-relay-error-origin"] {
                    assert!(!reply.has(name), "{name}");
                }
                assert!(reply.header("x-request-id").starts_with("req_") && reply.header("x-request-id") != "req_up");
                assert!(reply.header("content-type").starts_with(if streams { "text/event-stream" } else { "application/json" }));
            }
        }
        app.finish().await;
    }

    async fn the_query_string_goes_upstream(storage) {
        let app = spawn_app(storage).await;
        for (path, query) in [("/v1/messages", "beta=true"), ("/messages", "beta=true&x=%2F%20"), ("/v1/messages/count_tokens", "beta=true")] {
            app.caller().asks("hello").at(&format!("{path}?{query}")).whole().await.expects(200);
            assert_eq!(app.provider().last_request().unwrap().query, query);
        }
        app.finish().await;
    }

    async fn a_base_url_may_bring_its_own_version(storage) {
        let app = spawn_app(storage).await;
        for (base, path) in [("", "/v1/messages"), ("/", "/v1/messages"), ("/v1", "/v1/messages"), ("/v1/", "/v1/messages")] {
            let url = format!("{}{base}", app.provider_url());
            app.changes_channel(app.claude_channel, json!({"baseUrl": url})).await;
            app.caller().asks("hello").whole().await.expects(200);
            assert_eq!(app.provider().last_request().unwrap().path, path, "{base}");
        }
        app.finish().await;
    }

    async fn stream_bytes_arrive_unchanged_however_they_are_cut(storage) {
        let app = spawn_app(storage).await;
        let claude = ": a comment\r\n\r\nevent: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":5}}}\r\n\r\n\
            event:content_block_delta\ndata:{\"type\":\"content_block_delta\",\ndata: \"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße \u{1f40b}\"}}\nid: 7\nretry: 10\nx-unknown: y\n\n\
            :\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3},\"ünknown\": 1.50}\n\n\
            event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let chat = ": a comment\n\ndata:{\"choices\":[{\"delta\":{\"content\":\"Grüße \u{1f40b}\"}}], \"x\" : 1.50}\r\n\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let responses = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\r\n\r\n: hm\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Grüße \u{1f40b}\"}\n\n\
            event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":5,\"output_tokens\":3}}}\n\n";
        for (protocol, text) in [(Protocol::Messages, claude), (Protocol::ChatCompletions, chat), (Protocol::Responses, responses)] {
            for size in [1, 2, 3, 7, 64, 100_000] {
                let chunks = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
                app.provider().push(Scripted::new().raw_chunks("text/event-stream", chunks));
                let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
                assert_eq!(reply.said(), text, "{protocol:?} in pieces of {size}");
                assert!(reply.ended);
            }
        }
        for row in app.rows().await {
            assert_eq!(row.ending, "completed", "{row:?}");
            if row.protocol != "chat_completions" {
                assert_eq!((row.tokens_in, row.tokens_out, row.estimated), (5, 3, false), "{row:?}");
            }
        }
        app.finish().await;
    }

    async fn whole_answers_arrive_to_the_byte(storage) {
        let app = spawn_app(storage).await;
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut writer = Writer(fastrand::Rng::with_seed(seed));
        for protocol in Protocol::ALL {
            for _ in 0..15 {
                let answer = writer.object(3, vec!["\"model\":\"whoever\"".to_owned(), SHAPES.to_owned()]);
                app.provider().push(Scripted::new().raw_body("application/json; charset=utf-8", answer.clone()));
                let reply = app.caller().speaking(protocol).asks("hello").whole().await.expects(200);
                assert_eq!((reply.said(), reply.header("content-type")), (answer, "application/json; charset=utf-8"));
            }
        }
        app.finish().await;
    }

    async fn chunks_are_flushed_as_they_come(storage) {
        let app = spawn_app(storage).await;
        for protocol in TALKING {
            let gates = [Gate::new(), Gate::new(), Gate::new()];
            let mut script = Scripted::pieces(["one", "two", "three", "four"]);
            for (at, gate) in gates.iter().enumerate() {
                script = script.wait_for_after(at + 1, gate.clone());
            }
            app.provider().push(script);
            let mut stream = app.caller().speaking(protocol).asks("hello").streaming().await;
            for (gate, (word, next)) in gates.iter().zip([("one", "two"), ("two", "three"), ("three", "four")]) {
                stream.until(&format!("\"{word}\"")).await;
                assert!(!stream.read().contains(&format!("\"{next}\"")));
                gate.open();
            }
            assert_eq!(stream.rest().await.text(), "onetwothreefour");
        }
        app.finish().await;
    }

    async fn an_event_stream_is_billed_though_the_client_asked_for_a_whole_answer(storage) {
        let app = spawn_app(storage).await;
        let text = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":50}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}\n\n\
            event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":30}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        app.provider().push(Scripted::new().raw_body("text/event-stream", text));
        app.caller().asks("hello").field("stream", false).header("accept", "text/event-stream").whole().await.expects(200);
        assert_eq!(app.provider().last_request().unwrap().header("accept"), Some("application/json"));
        let row = app.only_row().await;
        assert_eq!((row.tokens_in, row.tokens_out, row.cost_nanos), (50, 30, 50_000 + 150_000));
        app.finish().await;
    }
}
