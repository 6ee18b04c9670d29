//! Usage that nobody can believe, in each place of each protocol: counted from the text, marked, and nobody else's matter.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::Reply as Scripted;
use serde_json::{Value, json};

use crate::app::{TestApp, eventually, spawn_app};
use crate::on_both;

const ABSURD: [&str; 6] = ["-1", "9007199254740992", "9223372036854775807", "1e300", "1e400", r#""NaN""#];
const TEXT: &str = "hello you";
/// Three bytes to a token.
const TEXT_TOKENS: i64 = 3;

/// Where figures stand in a usage object, as JSON pointers.
fn places(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::Messages => &[
            "/input_tokens",
            "/output_tokens",
            "/cache_read_input_tokens",
            "/cache_creation_input_tokens",
            "/cache_creation/ephemeral_5m_input_tokens",
            "/cache_creation/ephemeral_1h_input_tokens",
            "/output_tokens_details/thinking_tokens",
        ],
        Protocol::ChatCompletions => &[
            "/prompt_tokens",
            "/completion_tokens",
            "/prompt_tokens_details/cached_tokens",
            "/prompt_tokens_details/cache_write_tokens",
            "/completion_tokens_details/reasoning_tokens",
        ],
        Protocol::Responses => &[
            "/input_tokens",
            "/output_tokens",
            "/input_tokens_details/cached_tokens",
            "/input_tokens_details/cache_write_tokens",
            "/output_tokens_details/reasoning_tokens",
        ],
        _ => &["/prompt_tokens"],
    }
}

/// A usage object with `figure` in one place and ordinary figures in the others.
fn usage(protocol: Protocol, place: &str, figure: &str) -> String {
    let mut usage = json!({});
    for (number, one) in places(protocol).iter().enumerate() {
        let mut at = &mut usage;
        for name in one.trim_start_matches('/').split('/') {
            at = &mut at[name];
        }
        *at = if *one == place { json!("@") } else { json!(number + 20) };
    }
    usage.to_string().replace(r#""@""#, figure)
}

/// A whole answer.
fn whole(protocol: Protocol, usage: &str) -> String {
    match protocol {
        Protocol::Messages => format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{TEXT}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{usage}}}"#
        ),
        Protocol::ChatCompletions => format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{TEXT}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        ),
        Protocol::Responses => format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{{"type":"message","id":"i","role":"assistant","status":"completed","content":[{{"type":"output_text","text":"{TEXT}","annotations":[]}}]}}],"usage":{usage}}}"#
        ),
        _ => format!(
            r#"{{"object":"list","model":"m","data":[{{"object":"embedding","index":0,"embedding":[0.5]}}],"usage":{usage}}}"#
        ),
    }
}

/// Streams with that usage in each event that has one.
fn streams(protocol: Protocol, odd: &str, fine: &str) -> Vec<String> {
    match protocol {
        Protocol::Messages => [(odd, fine), (fine, odd)]
            .map(|(start, end)| {
                let message = format!(
                    r#"{{"type":"message_start","message":{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{start}}}}}"#
                );
                let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
                let delta = format!(
                    r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{TEXT}"}}}}"#
                );
                let last = format!(
                    r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{end}}}"#
                );
                [
                    event("message_start", &message),
                    event("content_block_start", block),
                    event("content_block_delta", &delta),
                    event("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
                    event("message_delta", &last),
                    event("message_stop", r#"{"type":"message_stop"}"#),
                ]
                .concat()
            })
            .to_vec(),
        Protocol::ChatCompletions => {
            let chunk = |choices: String, usage: &str| {
                format!(
                    "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
                )
            };
            let content = format!(r#"[{{"index":0,"delta":{{"role":"assistant","content":"{TEXT}"}},"finish_reason":null}}]"#);
            let stop = r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#.to_owned();
            let all = [chunk(content, "null"), chunk(stop, "null"), chunk("[]".to_owned(), odd), "data: [DONE]\n\n".to_owned()];
            vec![all.concat()]
        }
        _ => vec![responses_stream(odd)],
    }
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn responses_stream(usage: &str) -> String {
    let response = |status: &str, usage: &str| {
        format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"{status}","model":"m","output":[],"usage":{usage}}}"#
        )
    };
    let of =
        |kind: &str, number: i64, more: &str| event(kind, &format!(r#"{{"type":"{kind}","sequence_number":{number},{more}}}"#));
    let item = r#""output_index":0,"item":{"type":"message","id":"i","role":"assistant","status":"in_progress","content":[]}"#;
    let delta = format!(r#""item_id":"i","output_index":0,"content_index":0,"delta":"{TEXT}""#);
    let all = [
        of("response.created", 0, &format!(r#""response":{}"#, response("in_progress", "null"))),
        of("response.output_item.added", 1, item),
        of("response.output_text.delta", 2, &delta),
        of("response.completed", 3, &format!(r#""response":{}"#, response("completed", usage))),
    ];
    all.concat()
}

/// All answers of a protocol with `figure` in each place; whether each is a stream.
fn answers(protocol: Protocol, figure: &str) -> Vec<(bool, String)> {
    let fine = usage(protocol, "", "");
    let mut all = Vec::new();
    for place in places(protocol) {
        let odd = usage(protocol, place, figure);
        all.push((false, whole(protocol, &odd)));
        if protocol != Protocol::Embeddings {
            all.extend(streams(protocol, &odd, &fine).into_iter().map(|stream| (true, stream)));
        }
    }
    all
}

async fn asks(app: &TestApp, protocol: Protocol, is_stream: bool, answer: String) {
    let kind = if is_stream { "text/event-stream" } else { "application/json" };
    app.provider().push(Scripted::new().raw_body(kind, answer));
    let asked = app.caller().speaking(protocol).asks("hello");
    let reply = if is_stream { asked.streamed().await } else { asked.whole().await };
    reply.expects(200);
}

async fn count(app: &TestApp, sql: &str) -> i64 {
    app.peek().numbers(&format!("SELECT CAST(count(*) AS BIGINT) FROM request_log WHERE {sql}")).await[0]
}

on_both! {
    async fn figures_that_nobody_can_believe_are_not_billed(storage) {
        let app = spawn_app(storage).await;
        let other = app.customer("other", "10").await;
        for protocol in [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses, Protocol::Embeddings] {
            let mut asked = 0;
            for figure in ABSURD {
                for (is_stream, answer) in answers(protocol, figure) {
                    asks(&app, protocol, is_stream, answer).await;
                    asked += 1;
                }
                other.asks("hello").whole().await.expects(200);
            }
            app.rows().await;
            let of = format!("protocol = '{}' AND user_id = {}", protocol.as_str(), app.user);
            let output = if protocol == Protocol::Embeddings { 0 } else { TEXT_TOKENS };
            let counted = format!("estimated AND tokens_in BETWEEN 1 AND 100 AND tokens_out = {output} AND cost_nanos > 0");
            let marked = "error LIKE 'the provider%not believed%'";
            assert_eq!(count(&app, &of).await, asked);
            assert_eq!(count(&app, &format!("{of} AND {counted} AND {marked}")).await, asked, "{protocol:?}");
        }
        let theirs = "user_id <> (SELECT id FROM users WHERE username = 'carl') AND NOT estimated AND error IS NULL";
        assert_eq!(count(&app, theirs).await, 4 * ABSURD.len() as i64, "others are booked as ever");
        let system = app.admin("GET", "/api/system", Value::Null).await;
        assert_eq!(system["books"]["disbelievedUsage"], count(&app, "error IS NOT NULL").await);
        assert_eq!(system["books"]["setAside"], 0);
        app.finish().await;
    }

    async fn zeros_are_believed_as_far_as_there_is_no_text(storage) {
        let app = spawn_app(storage).await;
        for protocol in [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses, Protocol::Embeddings] {
            for (is_stream, answer) in answers(protocol, "0") {
                asks(&app, protocol, is_stream, answer).await;
            }
        }
        app.rows().await;
        assert_eq!(count(&app, "error IS NOT NULL").await, 0);
        assert_eq!(count(&app, "tokens_out = 0 AND protocol <> 'embeddings'").await, 0, "text is output, whatever is said");
        app.finish().await;
    }

    async fn figures_written_in_other_ways_are_read(storage) {
        let app = spawn_app(storage).await;
        let usage = r#"{"prompt_tokens":"100","completion_tokens":7.0,"prompt_tokens_details":[],"completion_tokens_details":"none"}"#;
        asks(&app, Protocol::ChatCompletions, false, whole(Protocol::ChatCompletions, usage)).await;
        for stream in streams(Protocol::ChatCompletions, usage, usage) {
            asks(&app, Protocol::ChatCompletions, true, stream).await;
        }
        for row in app.rows().await {
            assert_eq!((row.tokens_in, row.tokens_out, row.estimated), (100, 7, false), "{row:?}");
        }
        app.finish().await;
    }
    async fn a_receipt_that_cannot_be_booked_holds_up_nothing(storage) {
        let app = spawn_app(storage).await;
        let asks = async |label: &str| app.caller().asks("hello").header("x-request-id", label).whole().await.expects(200);
        app.peek().execute("CREATE UNIQUE INDEX each_label_once ON request_log (client_request_id)").await;
        asks("one").await;
        asks("one").await;
        asks("two").await;
        let listed = async || app.admin("GET", "/api/system/set-aside", Value::Null).await["rows"].clone();
        eventually("it is set aside", async || listed().await[0].is_object()).await;
        let rows = app.rows().await;
        assert_eq!(rows.len(), 2, "the others are booked: {rows:?}");
        let aside = listed().await[0].clone();
        assert_eq!((&aside["retriable"], &aside["username"]), (&json!(true), &json!("carl")), "{aside}");
        let ready = app.admin("GET", "/readyz", Value::Null).await;
        assert_eq!((&ready["ready"], &ready["degraded"], &ready["setAside"]), (&json!(true), &json!(true), &json!(1)), "{ready}");
        let path = format!("/api/system/set-aside/{}", aside["id"]);
        app.admin("POST", &format!("{path}/retry"), json!({})).await;
        eventually("it is refused again", async || listed().await[0].is_object()).await;
        app.peek().execute("DROP INDEX each_label_once").await;
        app.admin("POST", &format!("{path}/retry"), json!({})).await;
        eventually("it is booked", async || app.rows_now().await.len() == 3).await;
        assert_eq!(listed().await, json!([]));
        let deeds = app.admin("GET", "/api/activity?action=receipt.retry", Value::Null).await;
        assert_eq!(deeds["total"], 2, "{deeds}");
        app.finish().await;
    }
}
