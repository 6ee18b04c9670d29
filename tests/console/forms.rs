//! Forms as nobody should send them: too large, as files where none are taken, long after they were opened.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::page::Page;
use crate::visitor::Visitor;
use crate::world::{Login, World};

/// Over 8 MiB of fields that are empty but for their names.
fn names_alone() -> String {
    let name = "n".repeat(4_000);
    let mut body = String::new();
    for number in 0..2_200 {
        write!(body, "--edge\r\ncontent-disposition: form-data; name=\"{name}{number}\"\r\n\r\n\r\n").unwrap();
    }
    body + "--edge--\r\n"
}

async fn sends_parts(visitor: &Visitor, path: &str, body: String) -> u16 {
    let request = visitor.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=edge");
    request.body(body).send().await.unwrap().status().as_u16()
}

#[actix_web::test]
async fn what_comes_is_counted_names_and_all_and_strangers_send_no_files() {
    let world = World::start();
    let (stranger, admin) = (Visitor::stranger(&world.site), world.admin().await);
    assert_eq!(sends_parts(&stranger, "/sign-in", names_alone()).await, 413);
    assert_eq!(sends_parts(&admin, "/admin/prices/import", names_alone()).await, 413);
    let many = "--edge\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n1\r\n".repeat(10_001) + "--edge--\r\n";
    assert_eq!(sends_parts(&admin, "/admin/prices/import", many).await, 422);
    let rows: Vec<(&str, String)> = (0..101).map(|id| ("id", id.to_string())).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, id)| (*name, id.as_str())).chain([("act", "remove")]).collect();
    assert_eq!(admin.post("/admin/models/several", &rows).await.status, 422);
    assert_eq!(stranger.get("/model-square?page=9223372036854775807").await.status, 200);
}

#[actix_web::test]
async fn a_form_that_makes_a_secret_is_good_once_and_for_whom_it_was_made() {
    let world = World::start();
    let (user, other) = (world.user().await, world.other_user().await);
    let count = async || world.books().number("SELECT count(*) FROM api_keys").await;
    let (before, form) = (count().await, user.get("/console/keys/new").await.shown());
    let fields = form.form("form.panel", &[("name", "laptop"), ("budgetUsd", "1")]).fields;
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let refused = other.post("/console/keys", &fields).await;
    assert_eq!((refused.status, refused.value("name").as_deref()), (409, Some("laptop")), "{refused}");
    assert!(refused.alarm().unwrap().starts_with("Nothing was done"), "{refused}");
    assert_eq!(count().await, before);
    let made = other.submit(&refused, "form.panel", &[]).await.shown();
    assert!(made.has("#secret"), "the form that was shown again is a new one: {made}");
    let made = user.post("/console/keys", &fields).await.shown();
    assert!(made.has("#secret"), "{made}");
    assert_eq!(count().await, before + 2);
    let changed = user.submit(&form, "form.panel", &[("name", "desk")]).await;
    assert_eq!((changed.status, changed.value("name").as_deref()), (409, Some("desk")), "{changed}");
    for forged in [Some("x"), Some(""), None] {
        let mut fields = vec![("name", "forged")];
        fields.extend(forged.map(|ticket| ("ticket", ticket)));
        assert_eq!(user.post("/console/keys", &fields).await.status, 409, "{forged:?}");
    }
    user.speaks("zh");
    assert!(user.post("/console/keys", &fields[1..]).await.alarm().unwrap().starts_with("未执行任何操作"));
    assert_eq!(count().await, before + 2);
}

#[actix_web::test]
async fn a_form_that_lay_open_gives_back_no_role_and_no_status() {
    let world = World::start();
    let admin = world.admin().await;
    let id = world.add_user(&Login { account: "helper".to_owned(), password: "a long password".to_owned() }, "1").await;
    let path = format!("/api/users/{id}");
    admin.api(Method::PATCH, &path, json!({ "role": "admin" })).await;
    let open = admin.get(&format!("/admin/users/{id}/edit")).await.shown();
    admin.api(Method::PATCH, &path, json!({ "role": "user", "status": "disabled" })).await;
    let saved = admin.submit(&open, "form.panel", &[("displayName", "Helper")]).await;
    assert_eq!(saved.status, 303);
    let told = admin.api(Method::GET, &path, Value::Null).await;
    assert_eq!((&told["displayName"], &told["role"], &told["status"]), (&json!("Helper"), &json!("user"), &json!("disabled")));
}

#[actix_web::test]
async fn a_form_that_lay_open_turns_nothing_on_again() {
    let world = World::start();
    let admin = world.admin().await;
    let provider = world.provider().await;
    let channel = json!({ "name": "Spare", "type": "openai", "baseUrl": provider, "apiKey": "sk-of-a-channel" });
    let model = json!({ "provider": "openai", "model": "spare" });
    let mapping = json!({ "provider": "openai", "inboundModels": ["spare-alias"], "upstreamModel": "spare" });
    let things = [
        ("channels", "/edit", channel, ("weight", "7", json!(7))),
        ("models", "", model, ("displayName", "Spare", json!("Spare"))),
        ("model-mappings", "", mapping, ("upstreamModel", "other", json!("other"))),
    ];
    for (what, form, body, (field, typed, kept)) in things {
        let id = admin.api(Method::POST, &format!("/api/{what}"), body).await["id"].as_i64().unwrap();
        let page = format!("/admin/{}/{id}{form}", what.trim_start_matches("model-"));
        let open = admin.get(&page).await.shown();
        admin.api(Method::PATCH, &format!("/api/{what}/{id}"), json!({ "enabled": false })).await;
        assert_eq!(admin.submit(&open, "form.panel", &[(field, typed)]).await.status, 303, "{what}");
        let told = admin.api(Method::GET, &format!("/api/{what}"), Value::Null).await;
        let row = told["rows"].as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap();
        assert_eq!((&row[field], &row["enabled"]), (&kept, &json!(false)), "{what}: {row}");
        // What is switched in the form itself is.
        let open = admin.get(&page).await.shown();
        assert_eq!(admin.submit(&open, "form.panel", &[("enabled", "on")]).await.status, 303, "{what}");
        let told = admin.api(Method::GET, &format!("/api/{what}"), Value::Null).await;
        let row = told["rows"].as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap();
        assert_eq!(row["enabled"], json!(true), "{what}: {row}");
    }
}

#[actix_web::test]
async fn a_setup_code_is_never_shown_again() {
    let (code, other) = ("the code of this setup", "a code that is wrong");
    let gateway = Gateway::guarded(code).await;
    let visitor = gateway.stranger();
    let form = visitor.get("/register").await.shown();
    for (email, given, status, at) in [("a@example.com", other, 403, "setupCode"), ("nowhere", code, 422, "email")] {
        let typed = [("username", "root"), ("email", email), ("password", "a long password"), ("setupCode", given)];
        let refused = visitor.submit(&form, "form.panel", &typed).await;
        assert_eq!((refused.status, refused.value("username").as_deref()), (status, Some("root")), "{refused}");
        assert!(refused.problem(at).is_some() && !refused.body.contains(given), "{refused}");
    }
    assert_eq!(gateway.books().number("SELECT count(*) FROM users").await, 0);
}

#[actix_web::test]
async fn a_list_is_read_in_pages_of_the_size_that_is_asked_for() {
    let world = World::start();
    let admin = world.admin().await;
    assert!(!admin.get("/admin/models").await.shown().has(".foot .seg"), "one page needs no choice");
    for number in 10..40 {
        admin.api(Method::POST, "/api/models", json!({ "provider": "openai", "model": format!("gpt-{number}") })).await;
    }
    let total = world.books().number("SELECT count(*) FROM catalogue_models").await;
    let rows = |page: &Page| i64::try_from(page.rows().len()).unwrap();
    let first = admin.get("/admin/models?pageSize=20&query=gpt").await.shown();
    assert_eq!((rows(&first), first.text(".foot [aria-current]")), (20, "20".to_owned()));
    let next = first.attribute(".foot [rel=next]", "href").unwrap();
    let second = admin.get(&next).await.shown();
    assert!(
        next.contains("pageSize=20") && rows(&second) < 20 && second.text(".foot:not(.bulk)").contains("2 / 2"),
        "{next}: {second}"
    );
    assert_eq!(rows(&admin.get("/admin/models?pageSize=7").await.shown()), total);
    for list in ["users", "channels", "channel-status", "models", "mappings", "prices", "keys", "gift-cards", "audit"] {
        let form = admin.get(&format!("/admin/{list}?pageSize=20&query=gpt")).await.shown().form("form[data-filters]", &[]);
        assert!(form.fields.contains(&("pageSize".to_owned(), "20".to_owned())), "{list} forgets the size: {:?}", form.fields);
    }
}

#[actix_web::test]
async fn a_logo_cannot_say_what_pages_may_do() {
    let world = World::start();
    let admin = world.admin().await;
    for address in ["https://x;sandbox/", "https://x,sandbox/", "https://*/"] {
        let (status, told) = admin.asks_api(Method::PATCH, "/api/settings", json!({ "siteLogoUrl": address })).await;
        assert_eq!((status, &told["field"]), (400, &json!("siteLogoUrl")), "{address}: {told}");
    }
}
