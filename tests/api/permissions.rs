//! Each route called by a stranger, its owner, another user, an admin and a super admin.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, PASSWORD, Storage, TestApp};

/// What a route's `{id}` is in a test.
enum Subject {
    None,
    /// A user made for this call.
    User,
    /// A key of `uma`'s made for this call.
    Key,
    /// A session of `uma`'s made for this call.
    Session,
    /// An admin token of `anna`'s made for this call.
    Token,
    Channel,
    Model,
    Mapping,
    Price,
    /// An unused gift card.
    Card,
    /// A request of `uma`'s in the log.
    Request,
    /// A row of the audit log.
    Deed,
}

/// Statuses for stranger, `uma` (the owner), `otto` (another user), `anna` (admin), `root` (super admin).
struct Expectation {
    subject: Subject,
    body: Value,
    statuses: [u16; 5],
}

/// What admins may read, whoever it is about.
const FOR_ADMINS: &[&str] = &[
    "/api/users",
    "/api/admin-tokens",
    "/api/activity",
    "/api/channels",
    "/api/channel-status",
    "/api/models",
    "/api/missing-models",
    "/api/model-mappings",
    "/api/model-prices",
    "/api/price-list",
    "/api/settings",
    "/api/system",
    "/api/system/set-aside",
    "/api/rankings",
];

fn expectation(method: &str, path: &str) -> Option<Expectation> {
    use Subject::{Channel, Key, Mapping, Model, None as Nothing, Price, Request, Session, Token, User};
    let everyone = |status| [status; 5];
    let signed_in = [401, 200, 200, 200, 200];
    let admins = [401, 403, 403, 200, 200];
    let admins_create = [401, 403, 403, 201, 201];
    let (subject, body, statuses) = match (method, path) {
        ("GET", "/api/openapi.json") => (Nothing, json!(null), everyone(200)),
        ("POST", "/api/auth/register") => (Nothing, json!({"username": "x"}), everyone(400)),
        ("POST", "/api/auth/login") => (Nothing, json!({"account": "root", "password": PASSWORD}), everyone(200)),
        ("POST", "/api/auth/logout") => (Nothing, json!({}), everyone(200)),
        ("GET", "/api/me" | "/api/me/sessions" | "/api/me/ledger") => (Nothing, json!(null), signed_in),
        ("PATCH", "/api/me") => (Nothing, json!({"theme": "dark"}), signed_in),
        ("POST", "/api/me/password") => (Nothing, json!({"currentPassword": PASSWORD, "newPassword": PASSWORD}), signed_in),
        ("DELETE", "/api/me/sessions") => (Nothing, json!(null), signed_in),
        ("DELETE", "/api/me/sessions/{id}") => (Session, json!(null), [401, 200, 404, 404, 404]),
        ("GET", path) if FOR_ADMINS.contains(&path) => (Nothing, json!(null), admins),
        ("POST", "/api/users") => {
            (Nothing, json!({"username": "NAME", "email": "NAME@x.y", "password": PASSWORD}), admins_create)
        }
        ("GET", "/api/users/{id}" | "/api/users/{id}/ledger" | "/api/users/{id}/quota") => (User, json!(null), admins),
        ("PATCH", "/api/users/{id}") => (User, json!({"displayName": "x"}), admins),
        ("DELETE", "/api/users/{id}") => (User, json!(null), admins),
        ("PATCH", "/api/users/{id}/quota") => (User, json!({"adjustUsd": 1, "reason": "x"}), admins),
        ("GET", "/api/keys") => (Nothing, json!(null), signed_in),
        ("POST", "/api/keys") => (Nothing, json!({"name": "x"}), [401, 201, 201, 201, 201]),
        ("PATCH", "/api/keys/{id}") => (Key, json!({"name": "y"}), [401, 200, 404, 200, 200]),
        ("DELETE", "/api/keys/{id}") => (Key, json!(null), [401, 200, 404, 200, 200]),
        ("POST", "/api/keys/{id}/rotate") => (Key, json!({}), [401, 200, 404, 200, 200]),
        ("POST", "/api/admin-tokens") => (Nothing, json!({"name": "x"}), admins_create),
        ("DELETE", "/api/admin-tokens/{id}") => (Token, json!(null), admins),
        ("GET", "/api/site" | "/api/health" | "/api/model-square") => (Nothing, json!(null), everyone(200)),
        ("GET", "/api/v1/usage/{key}") => (Nothing, json!(null), everyone(401)),
        ("GET", "/api/logs" | "/api/logs/stream" | "/api/stats" | "/api/traffic") => (Nothing, json!(null), signed_in),
        ("GET", "/api/logs/{id}") => (Request, json!(null), [401, 200, 404, 200, 200]),
        ("PATCH", "/api/settings") => (Nothing, json!({"siteName": "x"}), admins),
        ("POST", "/api/channels") => (Nothing, crate::channels::channel("NAME"), admins_create),
        ("POST", "/api/channels/test-all") => (Nothing, json!({}), admins),
        ("PATCH" | "DELETE", "/api/channels/{id}")
        | ("GET", "/api/channels/{id}/test-logs" | "/api/channels/{id}/upstream-models")
        | ("GET" | "POST", "/api/channels/{id}/models")
        | ("POST", "/api/channels/{id}/test") => (Channel, json!({}), admins),
        ("POST", "/api/channels/{id}/circuit") => (Channel, json!({"state": "closed"}), admins),
        ("POST", "/api/models") => (Nothing, json!({"provider": "claude", "model": "NAME"}), admins_create),
        ("PATCH" | "DELETE", "/api/models/{id}") => (Model, json!({}), admins),
        ("POST", "/api/missing-models/dismiss") => {
            (Nothing, json!({"provider": "claude", "model": "never-asked-for"}), [401, 403, 403, 404, 404])
        }
        ("POST", "/api/model-mappings") => (Nothing, crate::catalogue::mapping("NAME"), admins_create),
        ("PATCH" | "DELETE", "/api/model-mappings/{id}") => (Mapping, json!({}), admins),
        ("POST", "/api/model-prices") => (Nothing, crate::catalogue::price("NAME"), admins_create),
        ("POST", "/api/model-prices/import") => (Nothing, json!({"rows": []}), admins),
        ("PATCH" | "DELETE", "/api/model-prices/{id}") => (Price, json!({}), admins),
        _ => return about_files_and_cards(method, path),
    };
    Some(Expectation { subject, body, statuses })
}

/// Gift cards, exports, the archive, the configuration and the audit log.
fn about_files_and_cards(method: &str, path: &str) -> Option<Expectation> {
    use Subject::{Card, Deed, None as Nothing};
    let admins = [401, 403, 403, 200, 200];
    let admins_create = [401, 403, 403, 201, 201];
    let (subject, body, statuses) = match (method, path) {
        ("GET", "/api/activity/{id}") => (Deed, json!(null), admins),
        ("GET", "/api/gift-cards") => (Nothing, json!(null), admins),
        ("POST", "/api/gift-cards") => (Nothing, json!({"amountUsd": 1}), admins_create),
        ("DELETE", "/api/gift-cards/{id}") => (Card, json!(null), admins),
        ("POST", "/api/gift-cards/redeem") => (Nothing, json!({"code": "CARD"}), [401, 200, 200, 200, 200]),
        ("GET", "/api/export") => (Nothing, json!(null), [401, 400, 400, 400, 400]),
        ("GET", "/api/settings/archive" | "/api/settings/archive/download") | ("DELETE", "/api/settings/archive") => {
            (Nothing, json!(null), [401, 403, 403, 400, 400])
        }
        ("POST", "/api/system/set-aside/{id}/retry") | ("DELETE", "/api/system/set-aside/{id}") => {
            (Nothing, json!(null), [401, 403, 403, 404, 404])
        }
        ("GET", "/api/config/export") => (Nothing, json!(null), admins),
        ("POST", "/api/config/import") => (Nothing, json!({"version": 1}), admins),
        _ => return None,
    };
    Some(Expectation { subject, body, statuses })
}

async fn subject_id(app: &TestApp, script: &Caller, subject: &Subject, name: &str) -> i64 {
    let id = |value: Value| value["id"].as_i64().unwrap();
    match subject {
        Subject::None => 0,
        Subject::User => script.makes_user(name, "user").await,
        Subject::Key => id(app.signs_in("uma").await.makes_key(json!({"name": name})).await),
        Subject::Session => {
            let uma = app.signs_in("uma").await;
            let list = uma.get("/api/me/sessions").await.expects(200);
            id(list["rows"].as_array().unwrap().iter().find(|row| row["current"] == json!(true)).unwrap().clone())
        }
        Subject::Channel => id(script.post("/api/channels", crate::channels::channel(name)).await.expects(201)),
        Subject::Model => id(script.post("/api/models", json!({"provider": "claude", "model": name})).await.expects(201)),
        Subject::Mapping => id(script.post("/api/model-mappings", crate::catalogue::mapping(name)).await.expects(201)),
        Subject::Price => id(script.post("/api/model-prices", crate::catalogue::price(name)).await.expects(201)),
        Subject::Card => id(script.post("/api/gift-cards", json!({"amountUsd": 1})).await.expects(201)["cards"][0].clone()),
        Subject::Request => {
            let uma = app.signs_in("uma").await.id().await;
            crate::reports::book(app, |receipt| receipt.user_id = uma.into()).await
        }
        Subject::Deed => id(script.get("/api/activity?pageSize=1").await.expects(200)["rows"][0].clone()),
        Subject::Token => {
            let anna = app.signs_in("anna").await;
            id(anna.post("/api/admin-tokens", json!({"name": name})).await.expects(201))
        }
    }
}

#[actix_web::test]
async fn every_route_lets_in_whom_it_should() {
    let app = TestApp::start(Storage::Sqlite).await;
    let people = app.people().await;
    let token = people.root.post("/api/admin-tokens", json!({"name": "script"})).await.expects(201);
    let script = app.stranger().with_token(token["token"].as_str().unwrap());
    for (number, route) in app.routes.all().enumerate() {
        let (method, path) = (route.method.as_str(), route.path.as_str());
        let expectation = expectation(method, path).unwrap_or_else(|| panic!("{method} {path} has no expectation: add one"));
        let (uma, otto, anna) = (app.signs_in("uma").await, app.signs_in("otto").await, app.signs_in("anna").await);
        for (who, expected) in ["stranger", "uma", "otto", "anna", "root"].into_iter().zip(expectation.statuses) {
            let name = format!("subject-{number}-{who}");
            let id = subject_id(&app, &script, &expectation.subject, &name).await;
            let ends_sessions = path.starts_with("/api/auth") || path.starts_with("/api/me/");
            let caller = match who {
                "stranger" => app.stranger(),
                _ if ends_sessions => app.signs_in(who).await,
                "uma" => uma.clone(),
                "otto" => otto.clone(),
                "anna" => anna.clone(),
                _ => script.clone(),
            };
            let card = script.post("/api/gift-cards", json!({"amountUsd": 1})).await.expects(201);
            let code = card["cards"][0]["code"].as_str().unwrap();
            let body =
                Some(expectation.body.to_string().replace("NAME", &name).replace("CARD", code)).filter(|body| body != "null");
            let path = path.replace("{id}", &id.to_string());
            let reply = caller.send(Method::from_bytes(method.as_bytes()).unwrap(), &path, body).await;
            assert_eq!(reply.status.as_u16(), expected, "{who}: {method} {path}: {}", reply.text);
        }
    }
}
