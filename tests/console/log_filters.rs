//! The log's filters: what they find, what they offer, and how far rows are sorted.

use crate::pages::Role;
use crate::seed;
use crate::world::World;

/// 10,001 requests of somebody, all alike but for their times and costs.
const MANY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) \
    INSERT INTO request_log (id, request_id, ts, user_id, username, key_id, key_name, key_prefix, protocol, model, status, ending, stream, \
        converted, duration_ms, tokens_in, tokens_out, cache_read_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, \
        reasoning_tokens, estimated, unpriced, cost_nanos, timings, attempts) \
    SELECT 1000 + i, 'req_x', 1000 + i, {me}, 'demo', 7, 'key', 'sk-relay-x', 'messages', 'many', 200, 'completed', 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, \
        10002 - i, '{}', '[]' FROM n";

#[actix_web::test]
async fn everybodys_log_is_filtered_by_user_model_and_channel() {
    let world = seed::lived_in().await;
    let (admin, books) = (world.admin().await, world.books());
    let channel = books.number("SELECT id FROM channels WHERE name = 'Scripted Claude'").await;
    let cases = [
        ("user=demo".to_owned(), "username = 'demo'".to_owned()),
        ("user=nobody-is-called-so".to_owned(), "1 = 0".to_owned()),
        ("model=claude-haiku-4-5".to_owned(), "model = 'claude-haiku-4-5'".to_owned()),
        (format!("channel={channel}"), format!("channel_id = {channel}")),
        (
            format!("user=demo&model=claude-haiku-4-5&channel={channel}&ending=completed&range=1h"),
            format!("username = 'demo' AND model = 'claude-haiku-4-5' AND channel_id = {channel} AND ending = 'completed'"),
        ),
    ];
    for (asked, condition) in cases {
        let page = admin.get(&format!("/admin/logs?{asked}")).await.shown();
        let wanted = books.number(&format!("SELECT count(*) FROM request_log WHERE {condition}")).await;
        assert_eq!(page.rows().len() as i64, wanted, "{asked}");
        assert!(!page.has("[data-live]"), "{asked}");
    }
    let page = admin.get(&format!("/admin/logs?user=demo&model=o5&channel={channel}")).await.shown();
    assert_eq!((page.value("user").as_deref(), page.value("model").as_deref()), (Some("demo"), Some("o5")));
    assert_eq!(page.attribute("select[name=channel] option[selected]", "value"), Some(channel.to_string()));
    let told: Vec<String> = books
        .rows("SELECT DISTINCT model FROM request_log ORDER BY model")
        .await
        .into_iter()
        .filter_map(|row| row[0].clone())
        .collect();
    assert_eq!(page.attributes("#models option", "value"), told);
    let own = world.user().await.get("/console/logs").await.shown();
    assert!(!own.has("[name=channel]") && !own.has("[name=user]"), "a user is offered what is behind the gateway");
}

#[actix_web::test]
async fn rows_that_are_too_many_to_be_sorted_stay_in_order_of_time_and_say_so() {
    let world = World::start();
    let (user, books) = (world.user().await, world.books());
    let me = Role::User.id(&books).await;
    books.alter(&MANY.replace("{me}", &me.to_string())).await;
    let page = user.get("/console/logs?sort=costUsd&sortDir=asc").await.shown();
    assert!(page.text(".notice[role=status]").contains("10000"), "{}", page.text(".notice[role=status]"));
    assert_eq!(page.rows().len(), 100);
    assert!(!page.has("th[aria-sort]"), "it looks sorted");
    books.alter("DELETE FROM request_log WHERE id BETWEEN 10001 AND 20000").await;
    let page = user.get("/console/logs?sort=costUsd&sortDir=asc").await.shown();
    assert!(page.has("th[aria-sort=ascending]") && !page.has(".notice[role=status]"));
}
