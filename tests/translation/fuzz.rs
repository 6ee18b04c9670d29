//! Hostile input: the golden cases' requests, answers and streams, mutated. Nothing may panic, and what is made must be JSON.

use std::time::{Duration, Instant};

use actors::vocabulary::{Protocol, Usage};
use api_proxy::translation::{Circumstances, Fault, Framer, convert};
use bytes::Bytes;
use serde_json::{Value, json};

use super::case;

const PROTOCOLS: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

/// How long to go on: `FUZZ_SECONDS`, else 20.
fn patience() -> Duration {
    Duration::from_secs(std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20))
}

/// Values that fit nowhere.
fn odd(random: &mut fastrand::Rng) -> Value {
    match random.u8(0..12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1e308),
        4 => json!(u64::MAX),
        5 => json!(""),
        6 => json!("\u{0}\u{2028}😀"),
        7 => json!([]),
        8 => json!({}),
        9 => json!([[{"type": "text"}]]),
        10 => json!({"type": "nonsense", "id": 5}),
        _ => json!("data:image/png;base64,!!"),
    }
}

/// Changes one place of a value: replaced, removed, doubled, or exchanged for a part of `donor`.
fn mutate(value: &mut Value, donor: &Value, random: &mut fastrand::Rng) {
    let descend = random.u8(0..10) < 8;
    match value {
        Value::Object(fields) if descend && !fields.is_empty() => {
            let key = fields.keys().nth(random.usize(..fields.len())).unwrap().clone();
            match random.u8(0..12) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(key + "x", odd(random))),
                _ => mutate(&mut fields[&key], donor, random),
            }
        }
        Value::Array(items) if descend && !items.is_empty() => {
            let place = random.usize(..items.len());
            match random.u8(0..12) {
                0 => drop(items.remove(place)),
                1 => items.insert(place, items[place].clone()),
                _ => mutate(&mut items[place], donor, random),
            }
        }
        Value::String(text) if descend => {
            let cut = text.char_indices().nth(random.usize(..=text.len())).map_or(text.len(), |(at, _)| at);
            text.truncate(cut);
        }
        other => *other = if random.bool() { odd(random) } else { part(donor, random) },
    }
}

/// A part of a value.
fn part(value: &Value, random: &mut fastrand::Rng) -> Value {
    match value {
        Value::Object(fields) if random.u8(0..4) > 0 && !fields.is_empty() => {
            part(fields.values().nth(random.usize(..fields.len())).unwrap(), random)
        }
        Value::Array(items) if random.u8(0..4) > 0 && !items.is_empty() => part(&items[random.usize(..items.len())], random),
        other => other.clone(),
    }
}

/// Sometimes one byte of it is another, or its end is missing.
fn garbled(mut bytes: Vec<u8>, random: &mut fastrand::Rng) -> Vec<u8> {
    let place = random.usize(..bytes.len());
    match random.u8(0..32) {
        0 => bytes[place] = random.u8(..),
        1 => bytes.truncate(place),
        _ => {}
    }
    bytes
}

/// Events as they stand on the wire, with the line endings of one provider or another.
fn wire(events: &[Value], random: &mut fastrand::Rng) -> Vec<u8> {
    let end = ["\n", "\r\n", "\r"][random.usize(..3)];
    let mut all = String::new();
    for event in events {
        let kind = event["type"].as_str().map(|kind| format!("event: {kind}{end}")).unwrap_or_default();
        let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        all += &format!("{kind}data:{data}{end}{end}");
    }
    garbled(all.into_bytes(), random)
}

/// The same bytes in pieces.
fn pieces(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<Bytes> {
    let longest = random.usize(1..=4_096);
    bytes.chunks(longest).map(Bytes::copy_from_slice).collect()
}

/// Converts a request and, if that goes, an answer and a stream. Gives what was made.
fn drive(client: Protocol, upstream: Protocol, request: &Value, answer: &Value, events: &[Value], random: &mut fastrand::Rng) {
    let way = Circumstances {
        client,
        upstream,
        model: ["claude-haiku-4-5", "claude-sonnet-5", "gpt-5", "gpt-4o", "x"][random.usize(..5)],
        asked: "m",
        request_id: "req_fuzz",
        created: 0,
        include_usage: random.bool(),
        stream: random.bool(),
    };
    let body = garbled(request.to_string().into_bytes(), random);
    let Ok(converted) = convert(&body, &way, &|_| None) else { return };
    serde_json::from_slice::<Value>(&converted.body).expect("a body that is JSON");
    let mut conversion = converted.conversion;
    let usage = Usage { input: 1, output: 2, ..Usage::default() };
    if let Some(answer) = conversion.read(&garbled(answer.to_string().into_bytes(), random))
        && !way.stream
    {
        serde_json::from_slice::<Value>(&conversion.whole(&answer, &usage)).expect("an answer that is JSON");
        return;
    }
    let mut told = Vec::new();
    let mut framer = Framer::default();
    for piece in pieces(&wire(events, random), random) {
        for frame in framer.feed(piece).unwrap_or_default() {
            told.extend_from_slice(&conversion.event(&frame, &usage));
        }
    }
    told.extend_from_slice(&conversion.missing_end(&usage).unwrap_or_default());
    told.extend_from_slice(&conversion.fail(Fault::UPSTREAM, "broke"));
    for frame in Framer::default().feed(told.into()).expect("events of a bounded size") {
        let data = frame.data.expect("events with data");
        assert!(data == "[DONE]" || serde_json::from_slice::<Value>(&data).is_ok(), "an event that is not JSON");
    }
}

#[test]
fn mutated_input_never_makes_the_converters_panic() {
    let cases: Vec<case::Case> = case::all().into_iter().map(|(_, case)| case).collect();
    let answers: Vec<&Value> = cases.iter().filter_map(|case| case.upstream_answer.as_ref()).collect();
    let streams = cases.iter().filter_map(|case| Some((case.upstream, case.upstream_stream.as_ref()?)));
    let streams: Vec<(Protocol, &Vec<Value>)> = streams.collect();
    let mut random = fastrand::Rng::with_seed(7);
    let until = Instant::now() + patience();
    let mut rounds = 0_u64;
    while rounds < 2_000 || Instant::now() < until {
        let place = random.usize(..cases.len());
        let donor = &cases[random.usize(..cases.len())].request;
        let (mut request, mut answer) = (cases[place].request.clone(), answers[random.usize(..answers.len())].clone());
        let (upstream, events) = streams[random.usize(..streams.len())];
        let mut events = events.clone();
        for _ in 0..random.usize(0..4) {
            mutate(&mut request, donor, &mut random);
            mutate(&mut answer, donor, &mut random);
            let at = random.usize(..events.len());
            mutate(&mut events[at], donor, &mut random);
            let other = random.usize(..events.len());
            events.swap(at, other);
        }
        let client = if random.u8(0..8) == 0 { PROTOCOLS[random.usize(..3)] } else { cases[place].client };
        let upstream = if random.u8(0..8) == 0 { PROTOCOLS[random.usize(..3)] } else { upstream };
        drive(client, upstream, &request, &answer, &events, &mut random);
        rounds += 1;
    }
    assert!(rounds >= 2_000);
}
