//! The audit log, rankings and admin tokens.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::visitor::Visitor;
use crate::world::{Login, World};

/// Every action that services write, as their source names them.
fn actions(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            actions(&path, found);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for call in ["Deed::new(\"", "edit(services, actor, &found, \""] {
            found.extend(source.split(call).skip(1).map(|after| after.split('"').next().unwrap().to_owned()));
        }
    }
}

#[actix_web::test]
async fn every_deed_can_be_filtered_by_and_is_said_in_words() {
    let world = World::start();
    let admin = world.admin().await;
    let mut written = Vec::new();
    actions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/services"), &mut written);
    assert!(written.len() > 30, "{written:?}");
    for language in ["en", "zh"] {
        admin.speaks(language);
        let list = admin.get("/admin/audit").await.shown();
        let offered = list.attributes("select[name=what] option", "value");
        for action in &written {
            assert!(offered.contains(action), "{action} is not offered");
        }
        let words = list.texts("select[name=what] option");
        assert!(words.iter().all(|word| !word.contains("audit-") && !word.contains('.')), "{words:?}");
    }
}

#[actix_web::test]
async fn the_audit_log_tells_who_did_what_before_and_after() {
    let world = World::start();
    let admin = world.admin().await;
    let id = world.add_user(&Login { account: "lin".to_owned(), password: "a long password".to_owned() }, "1").await;
    admin.api(Method::PATCH, &format!("/api/users/{id}"), json!({ "displayName": "Lin", "password": "quite another one" })).await;
    let list = admin.get(&format!("/admin/audit?what=user.update&subject={id}")).await.shown();
    let rows = list.rows();
    assert_eq!(
        (rows.len(), rows[0].cell("Who"), rows[0].cell("What was done"), rows[0].cell("To what")),
        (1, "admin", "Changed a user", "lin")
    );
    assert_eq!(rows[0].cell("Changed"), "Display name — → Lin");
    let row = world.books().number("SELECT id FROM audit WHERE action = 'user.update'").await;
    let detail = admin.get(&format!("/admin/audit/{row}")).await.shown();
    let changed = detail.rows();
    assert_eq!(changed[0].cells(), ["Display name", "—", "Lin"]);
    assert!(detail.text("main").contains("127.0.0.1"), "{detail}");
    for page in [&list, &detail] {
        assert!(!page.body.contains("argon2") && !page.body.contains("quite another one"), "{page}");
    }
    let api = admin.api(Method::GET, &format!("/api/activity/{row}"), Value::Null).await;
    assert_eq!((&api["action"], &api["after"]["displayName"]), (&json!("user.update"), &json!("Lin")));
    assert_eq!(admin.get("/admin/audit/1").await.status, 404);

    let total = |page: &crate::page::Page| page.rows().len();
    let everything = world.books().number("SELECT count(*) FROM audit").await;
    assert_eq!(total(&admin.get("/admin/audit").await), usize::try_from(everything.min(50)).unwrap());
    let kinds = world.books().number("SELECT count(*) FROM audit WHERE subject_kind = 'user'").await;
    assert_eq!(total(&admin.get("/admin/audit?what=user&actor=admin&range=24h").await), usize::try_from(kinds).unwrap());
    assert!(admin.get("/admin/audit?actor=nobody").await.shown().has(".empty"));
    assert!(admin.get("/admin/audit?from=2020-01-01&to=2020-01-02").await.shown().has(".empty"));
}

#[actix_web::test]
async fn an_admin_token_is_shown_once_works_and_is_removed() {
    let world = World::start();
    let admin = world.admin().await;
    let form = admin.get("/admin/tokens/new").await.shown();
    let refused = admin.submit(&form, "form.panel", &[("name", ""), ("expiresAt", "2020-01-01T00:00")]).await;
    assert!(refused.status == 422 && refused.problem("name").is_some(), "{refused}");
    let refused = admin.submit(&form, "form.panel", &[("name", "export"), ("expiresAt", "2020-01-01T00:00")]).await;
    assert!(refused.problem("expiresAt").is_some(), "{refused}");
    assert_eq!(refused.value("name").as_deref(), Some("export"));
    let made = admin.submit(&refused, "form.panel", &[("expiresAt", "2999-01-01T00:00")]).await.shown();
    let token = made.attribute("#secret", "value").unwrap();
    assert!(token.starts_with("sk-admin-"));
    let asks = || world.stranger().request(Method::GET, "/api/users").bearer_auth(&token).send();
    assert_eq!(asks().await.unwrap().status(), 200);
    let list = admin.get("/admin/tokens").await.shown();
    assert!(!list.body.contains(&token), "the token is shown again");
    assert_eq!((list.rows()[0].cell("User"), list.rows()[0].cell("Expires")), ("admin", "2999-01-01 00:00"));

    let id = world.books().number("SELECT id FROM admin_tokens").await;
    let login = Login { account: "anna".to_owned(), password: "a long password".to_owned() };
    let anna = world.add_user(&login, "1").await;
    admin.api(Method::PATCH, &format!("/api/users/{anna}"), json!({ "role": "admin" })).await;
    let anna = Visitor::signed_in(&world.site, &login).await;
    assert!(anna.get("/admin/tokens").await.shown().has(".empty"));
    assert_eq!(anna.get(&format!("/admin/tokens/{id}/remove")).await.status, 404);
    assert_eq!(anna.post(&format!("/admin/tokens/{id}/remove"), &[]).await.status, 404);
    assert_eq!(asks().await.unwrap().status(), 200);
    let asked = admin.get(&format!("/admin/tokens/{id}/remove")).await.shown();
    assert_eq!(admin.submit(&asked, "form.question", &[]).await.location.as_deref(), Some("/admin/tokens?done=removed"));
    assert_eq!(asks().await.unwrap().status(), 401);
    assert_eq!(admin.submit(&asked, "form.question", &[]).await.status, 404);
}
