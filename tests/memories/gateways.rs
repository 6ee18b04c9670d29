//! Clients that a load balancer sends now to this gateway, now to that.

use std::time::Duration;

use api_proxy::mock_upstream::Script;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fleet::{CLAUDE, Fleet, GPT};
use crate::pair::eventually;

/// The keys the provider was asked with.
fn asked(script: &Script) -> Vec<String> {
    let key = |seen: api_proxy::mock_upstream::Seen| {
        let bearer = seen.header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned());
        bearer.unwrap_or_default()
    };
    script.requests().into_iter().map(key).collect()
}

#[actix_web::test]
async fn an_earlier_response_is_gone_on_from_on_another_instance() {
    let fleet = Fleet::start().await;
    fleet.channel("openai high", "openai", "sk-high").await;
    let first = fleet.goes_on(0, json!({"model": GPT, "input": "one"})).await;
    let id = first["id"].as_str().unwrap();
    fleet.goes_on(1, json!({"model": GPT, "input": "two", "previous_response_id": id})).await;
    for at in 0..6 {
        let (status, told) = fleet.responds(at % 2, json!({"model": GPT, "input": "on", "previous_response_id": id})).await;
        assert_eq!(status, StatusCode::OK, "{told}");
    }
    let asked = asked(&fleet.script());
    assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    let (status, _) = fleet.responds(1, json!({"model": GPT, "input": "x", "previous_response_id": "resp_unknown"})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    fleet.finish().await;
}

#[actix_web::test]
async fn a_converted_conversation_goes_on_wherever_it_is_sent() {
    let fleet = Fleet::start().await;
    let mut previous = Value::Null;
    for (turn, at) in [0, 1, 0, 0, 1].into_iter().enumerate() {
        let text = format!("private turn {turn}");
        let answer = fleet.goes_on(at, json!({"model": CLAUDE, "input": text, "previous_response_id": previous})).await;
        previous = answer["id"].clone();
    }
    let messages = fleet.script().last_request().unwrap().json()["messages"].to_string();
    assert!((0..5).all(|turn| messages.contains(&format!("private turn {turn}"))), "{messages}");
    let (_, answer) = fleet.responds(0, json!({"model": CLAUDE, "input": "hi"})).await;
    let reference = json!({"type": "item_reference", "id": answer["output"][0]["id"]});
    let input = json!([{"role": "user", "content": "hi"}, reference, {"role": "user", "content": "go on"}]);
    // What it goes on from and what it refers to, both from elsewhere.
    let both = json!({"model": CLAUDE, "input": input, "previous_response_id": previous});
    fleet.goes_on(0, both).await;
    fleet.goes_on(1, json!({"model": CLAUDE, "input": input})).await;
    assert_eq!(fleet.script().last_request().unwrap().json()["messages"][1]["role"], "assistant");
    let everything = fleet.redis.everything().await;
    assert!(!everything.contains("private") && !everything.contains("go on") && !everything.contains("resp_"));
    fleet.finish().await;
}

#[actix_web::test]
async fn a_conversation_stays_with_its_channel_on_every_instance() {
    let fleet = Fleet::start().await;
    fleet.channel("openai high", "openai", "sk-high").await;
    for conversation in 0..6 {
        fleet.script().forget_requests();
        let input = format!("conversation {conversation}");
        fleet.goes_on(0, json!({"model": GPT, "input": input})).await;
        let known = "return #redis.call('KEYS', 'api-proxy:conversation:*')";
        eventually("it is remembered", async || fleet.redis.eval::<i64>(known, &[], &[]).await == conversation + 1).await;
        for _ in 0..4 {
            fleet.goes_on(1, json!({"model": GPT, "input": input})).await;
        }
        let asked = asked(&fleet.script());
        assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    }
    fleet.finish().await;
}

#[actix_web::test]
async fn a_form_opened_on_one_instance_may_be_sent_to_another_and_acts_once() {
    let fleet = Fleet::start().await;
    let ticket = fleet.ticket(0, "/admin/gift-cards/new").await;
    let sent = futures_util::future::join_all((0..6).map(|press| fleet.makes_card(press % 2, &ticket))).await;
    assert!(sent.iter().all(|(status, page)| *status == StatusCode::OK && *page == sent[0].1), "{sent:?}");
    assert!(sent[0].1.contains("GC-"));
    assert_eq!(fleet.cards().await, 1);
    let code = sent[0].1.split("GC-").nth(1).unwrap().get(..9).unwrap();
    let everything = fleet.redis.everything().await;
    assert!(!everything.contains(code) && !everything.contains(&ticket));
    fleet.finish().await;
}

#[actix_web::test]
async fn guesses_at_a_password_count_on_all_instances_together() {
    let fleet = Fleet::start().await;
    let mut refused = 0;
    for guess in 0..14 {
        let wrong = json!({"account": "root", "password": "a guess"});
        let reply = fleet.http.post(format!("{}/api/auth/login", fleet.urls[guess % 2])).json(&wrong).send().await.unwrap();
        refused += usize::from(reply.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!((3..=4).contains(&refused), "{refused}: one may have come back meanwhile");
    let everything = fleet.redis.everything().await;
    let tries = everything.lines().filter(|line| line.starts_with("api-proxy:tries:"));
    assert!(tries.clone().count() >= 3 && tries.clone().all(|line| !line.contains("127.0.0.1") && !line.contains("root")));
    fleet.finish().await;
}

#[actix_web::test]
async fn without_redis_every_instance_goes_on_by_itself() {
    let mut fleet = Fleet::start().await;
    let before = fleet.ticket(0, "/admin/gift-cards/new").await;
    let (_, first) = fleet.responds(0, json!({"model": CLAUDE, "input": "one"})).await;
    fleet.redis.kill();
    let alone = async |at: usize| {
        let health = fleet.as_admin(at, Method::GET, "/api/health").send().await.unwrap().json::<Value>().await.unwrap();
        health["redis"] == "down"
    };
    eventually("both notice", async || alone(0).await && alone(1).await).await;
    for at in [0, 1, 0, 1] {
        let (status, told) = fleet.responds(at, json!({"model": CLAUDE, "input": "one"})).await;
        assert_eq!(status, StatusCode::OK, "{told}");
    }
    let on = json!({"model": CLAUDE, "input": "two", "previous_response_id": first["id"]});
    assert_eq!(fleet.responds(0, on.clone()).await.0, StatusCode::OK, "it knows by itself");
    // It may have been sent elsewhere before Redis went away.
    assert_eq!(fleet.makes_card(0, &before).await.0, StatusCode::CONFLICT);
    let ticket = fleet.ticket(0, "/admin/gift-cards/new").await;
    assert_eq!(fleet.makes_card(1, &ticket).await.0, StatusCode::CONFLICT);
    assert_eq!(fleet.makes_card(0, &ticket).await.0, StatusCode::OK);
    assert_eq!(fleet.makes_card(0, &ticket).await.0, StatusCode::OK, "the same answer again");
    assert_eq!(fleet.cards().await, 1);
    tokio::time::timeout(Duration::from_secs(60), fleet.finish()).await.unwrap();
}
