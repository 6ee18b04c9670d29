//! With every log line switched on, no secret and no prompt is in any of them, nor in what strangers are told.

use api_proxy::mock_upstream::Reply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, Outcome};
use crate::gateway::Gateway;
use crate::on_both;
use crate::waiting::eventually;
use crate::world::{ADMIN_PASSWORD, APP_SECRET, CLAUDE, GPT, UPSTREAM_KEY, World};

const PROMPT: &str = "prompt-of-nobodys-business-4711";
const ANSWER: &str = "answer-of-nobodys-business-4712";
const WRONG_PASSWORD: &str = "wrong-password-0815-wrong";
const NEW_PASSWORD: &str = "another horse, another battery";
const WRONG_KEY: &str = "sk-relay-AAAA-thisisnotakeyatallbutlookslikeone42";
const CHANNEL_HEADER: &str = "header-secret-of-a-channel-99";

/// Every way in which secrets pass through, right and wrong; answers what must not be written anywhere.
async fn everything_with_secrets(world: &World, gateway: &Gateway) -> Vec<String> {
    let mut secrets = vec![world.admin.split('=').nth(1).unwrap().to_owned(), world.keys[0].clone()];
    let http = reqwest::Client::new();
    for password in [ADMIN_PASSWORD, WRONG_PASSWORD] {
        let body = json!({"account": "root", "password": password}).to_string();
        let login = http.post(gateway.url("/api/auth/login")).header("content-type", "application/json").body(body);
        let reply = login.send().await.unwrap();
        let cookie = reply.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        secrets.extend(cookie.map(|cookie| cookie.split([';', '=']).nth(1).unwrap().to_owned()));
        assert!(!reply.text().await.unwrap().contains(password));
    }
    let broken = format!("{{\"account\": \"root\", \"password\": \"{WRONG_PASSWORD}\"");
    for (path, body) in [
        ("/api/auth/login", broken.clone()),
        ("/api/me/password", broken),
        ("/api/auth/login", json!({"account": {"a": WRONG_PASSWORD}, "password": 7}).to_string()),
    ] {
        let reply =
            http.post(gateway.url(path)).header("cookie", &world.admin).header("content-type", "application/json").body(body);
        let said = reply.send().await.unwrap().text().await.unwrap();
        assert!(!said.contains(WRONG_PASSWORD), "{said}");
    }
    let token = world.api(gateway, Method::POST, "/api/admin-tokens", &json!({"name": "script"})).await;
    let token = token["token"].as_str().unwrap_or_else(|| panic!("no token: {token}")).to_owned();
    let by_token = http.get(gateway.url("/api/users")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(by_token.status(), 200);
    secrets.push(token);
    let headers = json!({"name": "with a header", "type": "openai", "baseUrl": world.provider.base_url(), "apiKey": UPSTREAM_KEY,
        "headers": {"x-secret": CHANNEL_HEADER}, "priority": 5});
    let channel = world.api(gateway, Method::POST, "/api/channels", &headers).await;
    world.api(gateway, Method::POST, &format!("/api/channels/{}/test", channel["id"]), &json!({})).await;
    secrets.push(world.makes_user(gateway, "late").await);
    world.api(gateway, Method::PATCH, "/api/me", &json!({"displayName": "Root"})).await;
    relay_everything(world, gateway).await;
    let change = json!({"currentPassword": ADMIN_PASSWORD, "newPassword": NEW_PASSWORD}).to_string();
    let request =
        http.post(gateway.url("/api/me/password")).header("cookie", &world.admin).header("content-type", "application/json");
    let said = request.body(change).send().await.unwrap().text().await.unwrap();
    assert!(!said.contains(NEW_PASSWORD), "{said}");
    secrets
}

async fn relay_everything(world: &World, gateway: &Gateway) {
    let client = Client::new(gateway, &world.keys[0]);
    let replies = [
        Reply::text(ANSWER),
        Reply::text(format!("{ANSWER} and more")).cut_connection_after(2),
        Reply::text(format!("{ANSWER} and more")).error_event_after(2),
        Reply::status(500),
        Reply::status(401),
        Reply::status(400),
        Reply::new().garbage(),
        Reply::text(ANSWER).without_usage(),
    ];
    for reply in replies {
        world.script().always(reply);
        for way in 0..4 {
            told(client.asks_for(way, PROMPT).await);
        }
    }
    world.script().clear();
    told(Client::new(gateway, WRONG_KEY).asks_for(0, PROMPT).await);
    let broken = json!({"model": CLAUDE, "messages": PROMPT, "max_tokens": PROMPT});
    told(client.sends("/v1/messages", &broken, "").await);
    told(client.sends("/v1/chat/completions", &json!({"model": GPT, "messages": [{"role": PROMPT}]}), "").await);
    told(client.sends("/v1/messages", &json!([PROMPT]), "").await);
    told(client.sends("/v1/messages", &json!({"model": [PROMPT], "messages": []}), "").await);
}

/// What a client is told besides an answer names neither its prompt nor a key.
#[track_caller]
fn told(outcome: Outcome) {
    if let Outcome::Refused { body, .. } = outcome {
        for secret in [UPSTREAM_KEY, WRONG_KEY, CHANNEL_HEADER] {
            assert!(!body.contains(secret), "{body}");
        }
    }
}

on_both! {
    async fn with_every_log_line_on_no_secret_is_in_any(storage: Storage) {
        let (world, mut gateway) = World::start_with(storage, 1, &[("RUST_LOG", "trace")]).await;
        world.api(&gateway, Method::PATCH, "/api/settings", &json!({"circuitEnabled": false, "proxyMaxRetries": 1})).await;
        let mut secrets = everything_with_secrets(&world, &gateway).await;
        let fixed = [ADMIN_PASSWORD, WRONG_PASSWORD, NEW_PASSWORD, UPSTREAM_KEY, WRONG_KEY, CHANNEL_HEADER, APP_SECRET, PROMPT, ANSWER];
        secrets.extend(fixed.map(str::to_owned));
        if let Ok(secret) = std::fs::read_to_string(world.data_dir().join("app-secret")) {
            secrets.push(secret);
        }
        gateway.terminate();
        assert!(gateway.ends().await.success());
        let log = eventually("the log is complete", async || {
            let log = gateway.output.text();
            log.contains("\"stopped\"").then_some(log)
        })
        .await;
        assert!(log.lines().any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"] == "TRACE")), "no traces");
        for secret in &secrets {
            assert!(secret.len() >= 12, "{secret} is no secret");
            for line in log.lines() {
                assert!(!line.contains(secret.as_str()), "{secret} is in the log: {line:.3000}");
            }
        }
    }
}
