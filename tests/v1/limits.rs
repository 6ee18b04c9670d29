//! What one user can take at once, whatever is hidden or asked for: one request's worth beyond balance or quota.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Usage};
use api_proxy::store::logs::LogRow;
use serde_json::{Map, Value, json};

use crate::app::{CLAUDE, GPT, TestApp, eventually, spawn_app};
use crate::caller::{Asking, Caller};
use crate::on_both;

const AT_ONCE: usize = 30;
/// Five cents, in nano-dollars.
const BALANCE: i64 = 50_000_000;
const TALKING: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

/// Requests that hide 90,000 bytes, as 30,000 tokens of input, each in another way.
fn hiding(caller: &Caller) -> Vec<(&'static str, Asking)> {
    let (text, solid) = ("some words ".repeat(8_182), "aWords/".repeat(12_858));
    let names: Map<String, Value> = (0..9_000).map(|at| (format!("name_{at:05}"), json!({}))).collect();
    let schema = |name: &str| json!({"type": "object", "properties": {"x": {"description": "x"}}, (name): text});
    let tool = |schema: Value| json!([{"name": "t", "input_schema": schema}]);
    let user = |part: Value| json!([{"role": "user", "content": [part]}]);
    let document = |source: Value| user(json!({"type": "document", "source": source}));
    let format = |name: &str| json!({"type": "json_schema", "name": "s", "schema": schema(name)});
    let in_messages = [
        ("property names", "tools", tool(json!({"properties": names}))),
        ("numbers", "tools", tool(json!({"enum": vec![12_345_678; 10_000]}))),
        ("data", "tools", tool(schema("data"))),
        ("url", "tools", tool(schema("url"))),
        ("file id", "tools", tool(schema("file_id"))),
        ("plain document", "messages", document(json!({"type": "text", "media_type": "text/plain", "data": text}))),
        ("solid document", "messages", document(json!({"type": "text", "media_type": "text/plain", "data": solid}))),
        ("document of parts", "messages", document(json!({"type": "content", "content": [{"type": "text", "text": text}]}))),
        ("signature", "messages", user(json!({"type": "text", "text": "x", "signature": solid}))),
        ("tool input", "messages", user(json!({"type": "tool_use", "id": "t", "name": "t", "input": {"data": solid}}))),
        ("system", "system", json!(text)),
    ];
    let in_chat = [
        ("metadata", "metadata", json!({"url": text})),
        ("schema", "response_format", json!({"type": "json_schema", "json_schema": format("signature")})),
    ];
    let in_responses = [
        ("instructions", "instructions", json!(text)),
        ("text format", "text", json!({"format": format("image_url")})),
        ("encrypted", "input", json!([{"type": "reasoning", "id": "r", "summary": [], "encrypted_content": solid}])),
        ("unknown field", "something", json!({"data": solid})),
    ];
    let [messages, chat, responses] = TALKING.map(|protocol| caller.speaking(protocol).asks("hello"));
    let ways = in_messages.into_iter().map(|way| (&messages, way));
    let ways =
        ways.chain(in_chat.into_iter().map(|way| (&chat, way))).chain(in_responses.into_iter().map(|way| (&responses, way)));
    ways.map(|(asking, (way, field, value))| (way, asking.clone().field(field, value))).collect()
}

/// Asks thirty times at once, and lets everybody go when each is answered, waits, or is at the provider.
async fn at_once(app: &TestApp, asking: &Asking, streamed: bool, usage: Option<Usage>) -> Vec<u16> {
    let gate = Gate::new();
    let text = Scripted::new().repeat_pieces(300, "0123456789 0123456789 0123456789 0123456789 01234");
    let reply = usage.map_or_else(|| text.clone().without_usage(), |usage| Scripted::text("hi").usage(usage));
    app.provider().always(reply.wait_for(gate.clone()));
    let spawn = |_| if streamed { asking.clone().spawn_streamed() } else { asking.clone().spawn() };
    let asked: Vec<_> = (0..AT_ONCE).map(spawn).collect();
    let waiting = || app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.waiting).sum::<usize>();
    let ended = || asked.iter().filter(|reply| reply.is_finished()).count();
    eventually("all thirty are somewhere", async || ended() + waiting() + app.provider().in_flight() >= AT_ONCE).await;
    gate.open();
    let mut statuses = Vec::new();
    for reply in asked {
        statuses.push(reply.await.unwrap().status);
    }
    statuses
}

/// A customer with five cents. All models cost the same.
async fn customer(app: &TestApp, name: &str, key: Value) -> (i64, Caller) {
    let user = app.makes_user(name, "0.05").await;
    let caller = app.makes_caller(user, key).await;
    (user, caller)
}

async fn one_price(app: &TestApp) {
    let prices = r#""inputPricePerMTok":1,"outputPricePerMTok":5"#;
    app.prices("claude", CLAUDE, prices).await;
    app.prices("openai", GPT, prices).await;
}

on_both! {
    async fn input_is_seen_wherever_it_is_hidden(storage) {
        let app = spawn_app(storage).await;
        one_price(&app).await;
        let usage = Usage::new(30_000, 10);
        let worth = 30_000 * 1_000 + 10 * 5_000;
        let (_, stencil) = customer(&app, "stencil", json!({})).await;
        for (at, (way, _)) in hiding(&stencil).into_iter().enumerate() {
            let (user, caller) = customer(&app, &format!("money{at}"), json!({})).await;
            let asking = hiding(&caller).swap_remove(at).1;
            at_once(&app, &asking, at % 2 == 1, Some(usage)).await;
            app.rows().await;
            let balance = app.balance(user).await;
            assert!(balance >= -worth, "{way}: {balance}");
            assert!(balance < BALANCE, "{way}: somebody was served");
        }
        app.finish().await;
    }

    async fn output_is_held_for_however_it_is_asked_for(storage) {
        let app = spawn_app(storage).await;
        one_price(&app).await;
        app.sets(json!({"holdOutputTokens": 200, "concurrencyWaitSec": 5})).await;
        let usage = Usage::new(10, 20_000);
        let worth = 10 * 1_000 + 20_000 * 5_000;
        for (at, protocol) in TALKING.into_iter().enumerate() {
            let limit = if protocol == Protocol::Responses { "max_output_tokens" } else { "max_tokens" };
            let (user, caller) = customer(&app, &format!("whole{at}"), json!({})).await;
            let asking = caller.speaking(protocol).asks("hello").field(limit, 100_000);
            at_once(&app, &asking, false, Some(usage)).await;
            app.rows().await;
            let balance = app.balance(user).await;
            assert!((-worth..BALANCE).contains(&balance), "{protocol:?}: {balance}");
            // 5,000 tokens a stream, whose usage nobody tells: each passes its hold many times over.
            let (user, caller) = customer(&app, &format!("stream{at}"), json!({})).await;
            let asking = caller.speaking(protocol).asks("hello").field(limit, 100_000);
            at_once(&app, &asking, true, None).await;
            app.rows().await;
            let balance = app.balance(user).await;
            assert!((-5_000 * 5_000 - 2_000_000..BALANCE / 2).contains(&balance), "{protocol:?}, streamed: {balance}");
        }
        for (at, (streamed, limit)) in [(false, 100), (true, 100), (false, -1)].into_iter().enumerate() {
            let (user, caller) = customer(&app, &format!("several{at}"), json!({})).await;
            let asking = caller.speaking(Protocol::ChatCompletions).asks("hello").max_tokens(limit).field("n", 100);
            let statuses = at_once(&app, &asking, streamed, Some(Usage::new(10, 10_000))).await;
            app.rows().await;
            let balance = app.balance(user).await;
            assert!(balance >= -(10 * 1_000 + 10_000 * 5_000), "{streamed} {limit}: {balance} {statuses:?}");
        }
        app.finish().await;
    }

    async fn a_days_and_a_minutes_tokens_are_held(storage) {
        let app = spawn_app(storage).await;
        one_price(&app).await;
        let used = |rows: &[LogRow]| rows.iter().map(|row| row.tokens_in + row.tokens_out).sum::<i64>();
        let mut before = 0;
        for (at, streamed) in [false, true].into_iter().enumerate() {
            let user = app.makes_user(&format!("rich{at}"), "100").await;
            let day = app.makes_caller(user, json!({"quota": 1_000})).await;
            let statuses = at_once(&app, &day.asks("hello").max_tokens(1_000), streamed, Some(Usage::new(10, 990))).await;
            let sum = used(&app.rows().await);
            assert!((1_000..=2_000).contains(&(sum - before)), "{} {statuses:?}", sum - before);
            assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
            let reply = day.asks("hello").whole().await.expects(429);
            assert_eq!((reply.header("x-should-retry"), reply.has("retry-after")), ("false", true));
            before = used(&app.rows().await);
        }
        for at in (0..hiding(&app.caller()).len()).step_by(5) {
            for (name, limit) in [("minute", json!({"rateLimitTpm": 5_000})), ("day", json!({"quota": 1_000}))] {
                let user = app.makes_user(&format!("{name}{at}"), "100").await;
                let caller = app.makes_caller(user, limit).await;
                let asking = hiding(&caller).swap_remove(at).1;
                at_once(&app, &asking, false, Some(Usage::new(30_000, 10))).await;
                let sum = used(&app.rows().await);
                assert!(sum - before <= 30_010, "{}", sum - before);
                before = sum;
            }
        }
        app.finish().await;
    }

    async fn a_day_that_others_hold_is_waited_for(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"concurrencyWaitSec": 0.2})).await;
        let caller = app.makes_caller(app.user, json!({"quota": 1_000})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").usage(Usage::new(10, 10)).wait_for(gate.clone()));
        let first = caller.asks("hello").max_tokens(900).spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        let reply = caller.asks("hello").max_tokens(900).whole().await.expects(429);
        assert!(reply.has("retry-after") && !reply.has("x-should-retry"), "it may come back in a moment");
        app.caller().asks("hello").max_tokens(900).spawn();
        app.provider().wait_until_in_flight(2).await.unwrap();
        gate.open();
        first.await.unwrap().expects(200);
        caller.asks("hello").max_tokens(900).whole().await.expects(200);
        app.finish().await;
    }
}
