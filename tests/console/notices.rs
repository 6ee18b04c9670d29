//! What stands above every page: the announcement, and that maintenance is on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::world::World;

const PAGE: &str = "/admin/announcement";
const FORM: &str = "form[action='/admin/announcement']";
const HTML: &str = "<p>Back at <b>three</b>. <a href=\"https://status.example.com\">Status</a>\
    <script>alert(1)</script><img src=x onerror=alert(1)></p> <h1>Loud</h1>";

fn announces(page: &Page) -> bool {
    page.has("[data-announcement]")
}

#[actix_web::test]
async fn an_announcement_is_looked_at_before_it_is_saved_and_shows_as_it_looked() {
    let world = World::start();
    let (admin, user, stranger) = (world.admin().await, world.user().await, world.stranger());
    let page = admin.get(PAGE).await.shown();
    let typed = [("announcementEnabled", "true"), ("announcementTitle", "Sunday & Monday"), ("announcementHtml", HTML)];
    let form = page.form(FORM, &typed);
    let mut fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    fields.push(("preview", "1"));
    let preview = admin.post(PAGE, &fields).await.shown();
    assert_eq!(preview.text("[data-preview] .prose"), "Sunday & Monday Back at three. Status Loud");
    assert!(!preview.has("[data-preview] script, [data-preview] [onerror], [data-preview] h1"), "{preview}");
    assert_eq!(preview.value("announcementHtml").as_deref(), Some(HTML), "what was typed stays");
    assert!(!announces(&stranger.get("/sign-in").await.shown()), "nothing is shown before it is saved");

    let saved = admin.submit(&preview, FORM, &[]).await;
    assert_eq!(saved.location.as_deref(), Some("/admin/announcement?done=saved"), "{saved}");
    let site = stranger.api(Method::GET, "/api/site", Value::Null).await;
    for (who, path) in [(&stranger, "/sign-in"), (&stranger, "/register"), (&user, "/console"), (&user, "/console/keys")] {
        let page = who.get(path).await.shown();
        assert_eq!(page.text("aside[data-announcement] .prose"), "Sunday & Monday Back at three. Status Loud", "{path}");
        assert!(page.body.contains(site["announcement"]["html"].as_str().unwrap()), "{path} shows what the API gives");
        assert!(!page.body.contains("alert(1)") && page.count("h1") == 1, "{path}");
    }
    assert!(!announces(&admin.get("/admin").await.shown()), "the admin's own area stays quiet");
}

#[actix_web::test]
async fn an_announcement_is_put_away_until_it_says_something_else() {
    let world = World::start();
    let (admin, user) = (world.admin().await, world.user().await);
    let says = async |mode: &str, html: &str| {
        let wish = json!({ "announcementEnabled": true, "announcementMode": mode, "announcementHtml": html });
        admin.api(Method::PATCH, "/api/settings", wish).await;
    };
    says("modal", "one").await;
    let page = user.get("/console").await.shown();
    assert_eq!(page.text("dialog[open][data-announcement] .prose"), "one");
    let mark = page.attribute("[data-announcement] button", "value").unwrap();
    assert_eq!(user.post("/preferences", &[("dismissed", &mark)]).await.status, 303);
    assert!(!announces(&user.get("/console").await.shown()));
    assert!(announces(&world.user().await.get("/console").await.shown()), "another browser has not seen it");
    says("modal", "two").await;
    assert_eq!(user.get("/console").await.shown().text("[data-announcement] .prose"), "two");
    says("marquee", "two").await;
    assert!(user.get("/console").await.shown().has("aside[data-announcement]"));
    for nonsense in ["", "x", "../../../../etc/", "0123456789abcdef0"] {
        user.post("/preferences", &[("dismissed", nonsense)]).await;
        assert!(announces(&user.get("/console").await.shown()), "{nonsense} puts nothing away");
    }
    admin.api(Method::PATCH, "/api/settings", json!({ "announcementEnabled": false })).await;
    assert!(!announces(&user.get("/console").await.shown()));
}

#[actix_web::test]
async fn maintenance_is_said_on_every_page_and_admins_learn_where_it_ends() {
    let world = World::start();
    let (admin, user, stranger) = (world.admin().await, world.user().await, world.stranger());
    assert!(!admin.get("/admin/settings").await.shown().has("aside.notice"));
    let on = json!({ "maintenanceMode": true, "maintenanceMessage": "Back at <three>" });
    admin.api(Method::PATCH, "/api/settings", on).await;
    for (who, path) in
        [(&stranger, "/sign-in"), (&user, "/console"), (&user, "/console/logs"), (&admin, "/admin"), (&admin, "/console/keys")]
    {
        let page = who.get(path).await.shown();
        assert!(page.text("aside.notice.warn").starts_with("Maintenance Back at <three>"), "{path}");
        assert_eq!(page.has("aside.notice.warn a"), std::ptr::eq(who, &admin), "{path}");
    }
    let way = admin.get("/admin").await.attribute("aside.notice.warn a", "href").unwrap();
    let page = admin.get(&way).await.shown();
    let off = admin.submit(&page, ".settings-all form", &[("maintenanceMode", "false")]).await;
    assert_eq!(off.status, 303, "{off}");
    assert!(!user.get("/console").await.shown().has("aside.notice"));
    user.speaks("zh");
    admin.api(Method::PATCH, "/api/settings", json!({ "maintenanceMode": true, "maintenanceMessage": null })).await;
    assert_eq!(user.get("/console").await.shown().text("aside.notice.warn"), "维护中 API 目前不接收请求。");
}

#[actix_web::test]
async fn the_logo_is_shown_and_its_origin_alone_allowed() {
    let world = World::start();
    let (admin, stranger) = (world.admin().await, world.stranger());
    assert!(!stranger.get("/sign-in").await.shown().has("img"));
    admin.api(Method::PATCH, "/api/settings", json!({ "siteLogoUrl": "https://cdn.example.com/logo.svg?v=1" })).await;
    let page = stranger.get("/sign-in").await.shown();
    assert_eq!(page.attribute(".brand img", "src").as_deref(), Some("https://cdn.example.com/logo.svg?v=1"));
    assert!(page.policy.as_deref().unwrap().contains("img-src 'self' https://cdn.example.com;"), "{:?}", page.policy);
}
