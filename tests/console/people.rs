//! Users and everybody's keys, as admins see and change them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::visitor::Visitor;
use crate::world::{Login, World};

fn login(account: &str) -> Login {
    Login { account: account.to_owned(), password: "a long password".to_owned() }
}

/// The JSON of one user.
async fn user(admin: &Visitor, id: i64) -> Value {
    admin.api(Method::GET, &format!("/api/users/{id}"), Value::Null).await
}

#[actix_web::test]
async fn where_a_user_is_signed_in_is_shown_and_ended() {
    let world = World::start();
    let admin = world.admin().await;
    let id = world.add_user(&login("mia"), "1").await;
    let page = format!("/admin/users/{id}");
    assert!(admin.get(&page).await.shown().has("section[aria-labelledby=sessions] .empty"));
    let browsers = [Visitor::signed_in(&world.site, &login("mia")).await, Visitor::signed_in(&world.site, &login("mia")).await];
    let shown = admin.get(&page).await.shown();
    assert_eq!(shown.rows_of("section[aria-labelledby=sessions] table").len(), 2);
    let ended = admin.submit(&shown, "section[aria-labelledby=sessions] tbody form", &[]).await;
    assert_eq!(admin.follow(&ended.location.unwrap()).await.text(".toast"), "The session has ended.");
    let mut statuses = Vec::new();
    for browser in &browsers {
        statuses.push(browser.get("/console").await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 303], "one of the two is signed out");
    let shown = admin.get(&page).await.shown();
    assert_eq!(admin.submit(&shown, "section[aria-labelledby=sessions] form.right", &[]).await.status, 303);
    for browser in &browsers {
        assert_eq!(browser.get("/console").await.status, 303);
    }
    let trail = admin.get(&format!("/admin/audit?what=user&subject={id}")).await.shown();
    let deeds: Vec<String> = trail.rows().iter().map(|row| row.cell("What was done").to_owned()).collect();
    assert_eq!(deeds.iter().filter(|deed| *deed == "Ended sessions of a user").count(), 2, "{deeds:?}");
    assert_eq!(admin.post(&format!("{page}/sessions/1"), &[]).await.status, 404);
    // An admin reaches for nobody above.
    let helper = world.add_user(&login("helper"), "1").await;
    admin.api(Method::PATCH, &format!("/api/users/{helper}"), json!({ "role": "admin" })).await;
    let helper = Visitor::signed_in(&world.site, &login("helper")).await;
    let above = world.books().number("SELECT id FROM users WHERE role = 'super_admin'").await;
    assert_eq!(helper.post(&format!("/admin/users/{above}/sessions"), &[]).await.status, 403);
    assert_eq!(admin.get("/console").await.status, 200);
}

#[actix_web::test]
async fn a_user_is_made_found_changed_and_removed() {
    let world = World::start();
    let admin = world.admin().await;
    let form = admin.get("/admin/users/new").await.shown();
    let typed = [("username", "li"), ("displayName", "Lin Na"), ("email", "lin@example.com"), ("password", "a long password")];
    let refused = admin.submit(&form, "form.panel", &typed).await;
    assert_eq!((refused.status, refused.alarm()), (422, None));
    assert!(refused.problem("username").unwrap().contains("3 to 64"), "{refused}");
    assert_eq!(refused.value("displayName").as_deref(), Some("Lin Na"));
    assert!(!refused.body.contains("a long password"), "a password is shown again");
    let more = [
        ("username", "lin"),
        ("password", "a long password"),
        ("quotaUsd", "2.5"),
        ("rateLimitRpm", "60"),
        ("maxConcurrency", "0"),
    ];
    let made = admin.submit(&refused, "form.panel", &more).await;
    let page = admin.follow(&made.location.unwrap()).await.shown();
    assert_eq!((page.text("h1"), page.text(".toast")), ("lin".to_owned(), "The user was created.".to_owned()));
    let id: i64 = world.books().number("SELECT id FROM users WHERE username = 'lin'").await;
    let told = user(&admin, id).await;
    assert_eq!((&told["rateLimitRpm"], &told["rateLimitTpm"], &told["maxConcurrency"]), (&json!(60), &Value::Null, &json!(0)));
    assert_eq!(page.text("[data-figure=balance]"), "$2.500000");
    let again = admin
        .submit(&form, "form.panel", &[("username", "lin"), ("email", "x@example.com"), ("password", "a long password")])
        .await;
    assert_eq!(again.status, 409);
    assert!(again.problem("username").is_some(), "{again}");

    let list = admin.get("/admin/users?query=LIN@example&role=user&status=active").await.shown();
    assert_eq!(list.rows().len(), 1);
    assert_eq!((list.rows()[0].cell("Balance"), list.rows()[0].cell("Role")), ("$2.50", "User"));
    assert!(admin.get("/admin/users?query=nobody-like-this").await.shown().has(".empty a.btn"));
    let sorted = admin.get("/admin/users?sort=balanceUsd&sortDir=asc").await.shown();
    assert_eq!(sorted.attribute("th[aria-sort]", "aria-sort").as_deref(), Some("ascending"));

    let edit = admin.get(&format!("/admin/users/{id}/edit")).await.shown();
    let changed = admin.submit(&edit, "form.panel", &[("role", "admin"), ("status", "pending"), ("displayName", "")]).await;
    assert_eq!(changed.location, Some(format!("/admin/users/{id}?done=saved")));
    let told = user(&admin, id).await;
    assert_eq!((&told["role"], &told["status"], &told["displayName"]), (&json!("admin"), &json!("pending"), &Value::Null));
    let on = admin.post(&format!("/admin/users/{id}/status"), &[("status", "active")]).await;
    assert_eq!(on.location, Some(format!("/admin/users/{id}?done=enabled")));
    let short = admin.post(&format!("/admin/users/{id}/password"), &[("password", "short")]).await;
    assert!(short.status == 422 && short.problem("password").is_some(), "{short}");
    let set = admin.post(&format!("/admin/users/{id}/password"), &[("password", "quite another one")]).await;
    assert_eq!(set.status, 303);
    Visitor::signed_in(&world.site, &Login { account: "lin".to_owned(), password: "quite another one".to_owned() }).await;

    let asked = admin.get(&format!("/admin/users/{id}/remove")).await.shown();
    assert!(asked.text("main").contains("ledger"), "{asked}");
    let removed = admin.submit(&asked, "form.question", &[]).await;
    assert_eq!(admin.follow(&removed.location.unwrap()).await.text(".toast"), "The user was deleted. The ledger stays.");
    for path in ["", "/edit", "/balance", "/limits", "/password", "/remove", "/ledger"] {
        assert_eq!(admin.get(&format!("/admin/users/{id}{path}")).await.status, 404, "{path}");
    }
    assert_eq!(admin.submit(&asked, "form.question", &[]).await.status, 404);
    assert_eq!(world.books().number(&format!("SELECT count(*) FROM ledger WHERE user_id = {id}")).await, 1);
}

#[actix_web::test]
async fn money_changes_with_a_reason_and_only_once() {
    let world = World::start();
    let admin = world.admin().await;
    let id = world.add_user(&login("maria"), "3").await;
    let path = format!("/admin/users/{id}/balance");
    let (earlier, form) = (admin.get(&path).await.shown(), admin.get(&path).await.shown());
    let nothing = admin.submit(&form, "form.panel", &[("reason", "why")]).await;
    assert!(nothing.status == 422 && nothing.problem("adjustUsd").unwrap().contains("required"), "{nothing}");
    let no_reason = admin.submit(&form, "form.panel", &[("adjustUsd", "-1.25")]).await;
    assert_eq!(no_reason.status, 422);
    assert!(no_reason.problem("reason").unwrap().starts_with("Reason is required"), "{no_reason}");
    assert_eq!(no_reason.value("adjustUsd").as_deref(), Some("-1.25"));
    let words = admin.submit(&form, "form.panel", &[("adjustUsd", "much"), ("reason", "why")]).await;
    assert!(words.status == 422 && words.problem("adjustUsd").unwrap().contains("12.50"), "{words}");

    let done = admin.submit(&form, "form.panel", &[("adjustUsd", "-1.25"), ("reason", "A mistake")]).await;
    assert_eq!(admin.follow(&done.location.unwrap()).await.text(".toast"), "The balance is $1.75 now.");
    // A form that was opened before: the total is no longer the one it showed.
    let twice = admin.submit(&earlier, "form.panel", &[("adjustUsd", "-1.25"), ("reason", "A mistake")]).await;
    assert_eq!(twice.status, 409);
    assert!(twice.alarm().unwrap().contains("$1.750000"), "{twice}");
    assert_eq!(twice.value("expectedQuotaUsd").as_deref(), Some("1.75"));
    assert_eq!(user(&admin, id).await["quotaUsd"], json!(1.75));
    let set = admin.submit(&twice, "form.panel", &[("mode", "set"), ("adjustUsd", "$1,000"), ("reason", "A year")]).await;
    assert_eq!(set.status, 303);
    assert_eq!(user(&admin, id).await["quotaUsd"], json!(1000));
    let negative = admin.get(&path).await.shown();
    let negative = admin.submit(&negative, "form.panel", &[("mode", "set"), ("adjustUsd", "-1"), ("reason", "no")]).await;
    assert!(negative.status == 422 && negative.problem("adjustUsd").is_some(), "{negative}");
    assert_eq!(negative.attribute("input[name=mode][checked]", "value").as_deref(), Some("set"));

    let ledger = admin.get(&format!("/admin/users/{id}/ledger?kind=adjustment")).await.shown();
    let api = admin.api(Method::GET, &format!("/api/users/{id}/ledger?kind=adjustment"), Value::Null).await;
    assert_eq!(ledger.rows().len(), api["rows"].as_array().unwrap().len());
    assert_eq!((ledger.rows()[0].cell("Amount"), ledger.rows()[0].cell("Note")), ("+$998.250000", "A year · admin"));
    assert_eq!(ledger.rows()[1].cell("Balance after"), "$1.750000");
    assert!(admin.get(&format!("/admin/users/{id}/ledger?query=nothing")).await.shown().has(".empty"));
}

#[actix_web::test]
async fn limits_left_empty_are_the_sites() {
    let world = World::start();
    let admin = world.admin().await;
    let id = world.add_user(&login("otto"), "1").await;
    admin.api(Method::PATCH, "/api/settings", json!({ "defaultRateLimitRpm": 90 })).await;
    let path = format!("/admin/users/{id}/limits");
    let form = admin.get(&path).await.shown();
    assert_eq!(form.attribute("[name=rateLimitRpm]", "placeholder").as_deref(), Some("Site default: 90"));
    assert_eq!(form.attribute("[name=rateLimitTpm]", "placeholder").as_deref(), Some("Site default: Unlimited"));
    let wrong = admin.submit(&form, "form.panel", &[("rateLimitRpm", "-1"), ("rateLimitTpm", "5")]).await;
    assert!(wrong.status == 422 && wrong.problem("rateLimitRpm").is_some(), "{wrong}");
    assert_eq!(wrong.value("rateLimitTpm").as_deref(), Some("5"));
    let saved = admin.submit(&form, "form.panel", &[("rateLimitTpm", "120,000"), ("maxConcurrency", "0")]).await;
    let page = admin.follow(&saved.location.unwrap()).await.shown();
    let limits = page.texts("[aria-labelledby=limits] dd");
    assert_eq!(limits, ["90 site default", "120,000", "Unlimited"]);
    let cleared = admin.submit(&admin.get(&path).await, "form.panel", &[("rateLimitTpm", ""), ("maxConcurrency", "")]).await;
    assert_eq!(cleared.status, 303);
    let told = user(&admin, id).await;
    assert_eq!((&told["rateLimitTpm"], &told["maxConcurrency"]), (&Value::Null, &Value::Null));
    assert_eq!(told["quotaUsd"], json!(1));
}

#[actix_web::test]
async fn an_admin_cannot_reach_a_super_admin_nor_the_last_one_go() {
    let world = World::start();
    let root = world.admin().await;
    let id = world.books().number("SELECT id FROM users WHERE role = 'super_admin'").await;
    let edit = root.get(&format!("/admin/users/{id}/edit")).await.shown();
    let demoted = root.submit(&edit, "form.panel", &[("role", "user")]).await;
    assert_eq!(demoted.status, 409);
    assert!(demoted.alarm().unwrap().contains("last active super admin"), "{demoted}");
    assert_eq!(demoted.value("role").as_deref(), Some("user"));
    let removed = root.post(&format!("/admin/users/{id}/remove"), &[]).await;
    assert!(removed.status == 409 && removed.has("form.question"), "{removed}");

    let anna = world.add_user(&login("anna"), "1").await;
    root.api(Method::PATCH, &format!("/api/users/{anna}"), json!({ "role": "admin" })).await;
    let anna = Visitor::signed_in(&world.site, &login("anna")).await;
    let before = user(&root, id).await;
    for (path, fields) in [
        ("edit", &[("username", "root"), ("email", "r@example.com"), ("role", "user"), ("status", "active")][..]),
        ("password", &[("password", "quite another one")][..]),
        ("balance", &[("adjustUsd", "5"), ("reason", "mine")][..]),
        ("limits", &[("rateLimitRpm", "1")][..]),
        ("remove", &[][..]),
    ] {
        let form = anna.get(&format!("/admin/users/{id}/{path}")).await.shown();
        let refused = anna.submit(&form, "main form[method=post]", fields).await;
        assert_eq!(refused.status, 403, "{refused}");
        assert!(refused.alarm().unwrap().contains("super admin") && refused.has("main form[method=post]"), "{refused}");
    }
    let typed = [("username", "eve"), ("email", "eve@example.com"), ("password", "a long password"), ("role", "super_admin")];
    let made = anna.submit(&anna.get("/admin/users/new").await, "form.panel", &typed).await;
    assert!(made.status == 403 && made.alarm().is_some(), "{made}");
    assert_eq!(anna.post(&format!("/admin/users/{id}/status"), &[("status", "disabled")]).await.status, 403);
    assert_eq!(user(&root, id).await, before);
}

#[actix_web::test]
async fn an_admin_makes_and_limits_keys_for_others() {
    let world = World::start();
    let (admin, owner) = (world.admin().await, world.other_user().await);
    let form = admin.get("/admin/keys/new?user=other").await.shown();
    assert_eq!(form.value("userId").as_deref(), Some("other"));
    let nobody = admin.submit(&form, "form.panel", &[("userId", "nobody"), ("name", "theirs")]).await;
    assert_eq!((nobody.status, nobody.problem("userId").as_deref()), (422, Some("There is no such user.")));
    assert_eq!(nobody.value("name").as_deref(), Some("theirs"));
    let channel = admin.api(Method::GET, "/api/channels?type=claude", Value::Null).await["rows"][0].clone();
    let channel_id = channel["id"].to_string();
    let typed =
        [("userId", "OTHER@example.com"), ("channelScope", "claude"), ("channelId", channel_id.as_str()), ("rateLimitRpm", "7")];
    let made = admin.submit(&nobody, "form.panel", &typed).await.shown();
    let secret = made.attribute("#secret", "value").unwrap();
    let id = world.books().number("SELECT id FROM api_keys WHERE name = 'theirs'").await;
    assert_eq!(world.relays(&secret, "claude-haiku-4-5", Value::Null).await.status, 200);

    let own = owner.get(&format!("/console/keys/{id}")).await.shown();
    assert!(own.text(".other-side").contains("Requests per minute7"), "{own}");
    assert!(!own.has("[name=channelScope]") && !own.body.contains(channel["name"].as_str().unwrap()), "{own}");
    let tighter = owner.submit(&own, "form.panel", &[("rateLimitRpm", "5"), ("models", "claude-*")]).await;
    assert_eq!(tighter.status, 303);
    let lifted = owner
        .post(
            &format!("/console/keys/{id}"),
            &[("name", "theirs"), ("rateLimitRpm", "5"), ("channelScope", "all"), ("channelId", "")],
        )
        .await;
    assert_eq!(lifted.status, 303);
    let page = admin.get(&format!("/admin/keys/{id}")).await.shown();
    assert!(page.text(".other-side").contains("Requests per minute5"), "{page}");
    assert_eq!((page.value("rateLimitRpm").as_deref(), page.value("channelScope").as_deref()), (Some("7"), Some("claude")));
    assert_eq!(page.value("channelId"), Some(channel_id));
    let saved = admin.submit(&page, "form.panel", &[("rateLimitRpm", "6"), ("quota", "9,000")]).await;
    assert_eq!(saved.location.as_deref(), Some("/admin/keys?done=saved"));
    let told = admin.api(Method::GET, "/api/keys?query=theirs", Value::Null).await["rows"][0].clone();
    assert_eq!(
        (&told["rateLimitRpm"], &told["ownerLimits"]["rateLimitRpm"], &told["adminLimits"]["rateLimitRpm"]),
        (&json!(5), &json!(5), &json!(6))
    );
    assert_eq!(told["quota"], json!(9_000));

    let list = admin.get("/admin/keys?user=other&sort=name").await.shown();
    assert_eq!((list.rows().len(), list.rows()[0].cell("User")), (1, "other"));
    assert_eq!(list.rows()[0].cell("Channel"), channel["name"].as_str().unwrap());
    assert!(admin.get("/admin/keys?user=nobody").await.shown().has(".empty"));
    assert!(!list.body.contains(&secret), "a whole key is shown");
    let stranger_to_it = world.user().await;
    assert_eq!(stranger_to_it.get(&format!("/console/keys/{id}")).await.status, 404);
    assert_eq!(admin.get(&format!("/console/keys/{id}")).await.status, 404);
    let off = admin.post(&format!("/admin/keys/{id}/status"), &[("status", "disabled")]).await;
    assert_eq!(off.location.as_deref(), Some("/admin/keys?done=disabled"));
    assert_eq!(owner.post(&format!("/console/keys/{id}/status"), &[("status", "active")]).await.status, 403);
    let asked = admin.get(&format!("/admin/keys/{id}/rotate")).await.shown();
    let rotated = admin.submit(&asked, "form.question", &[]).await.shown();
    assert_ne!(rotated.attribute("#secret", "value").unwrap(), secret);
    let asked = admin.get(&format!("/admin/keys/{id}/remove")).await.shown();
    assert_eq!(admin.submit(&asked, "form.question", &[]).await.location.as_deref(), Some("/admin/keys?done=removed"));
    assert_eq!(admin.submit(&asked, "form.question", &[]).await.status, 404);
}
