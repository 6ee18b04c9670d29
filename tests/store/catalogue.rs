use actors::ports::{CatalogueSource, Changed};
use actors::settings_cache::PriceScope;
use actors::vocabulary::{ChannelId, Family, IdMaker, KeyDigest, KeyStatus, Nanos, UserId, UserStatus};
use api_proxy::secrets::{Place, Sealer};
use api_proxy::store::{CatalogueStore, changes};
use secrecy::SecretString;

use crate::database::{DAY, Database, NOON, on_both};

fn sealer() -> Sealer {
    Sealer::new(&SecretString::from("a secret of the tests"), &[]).unwrap()
}

fn source(d: &Database) -> CatalogueStore {
    CatalogueStore::new(d.db.clone(), sealer())
}

async fn channel(d: &Database, id: i64, key: &str, enabled: bool) {
    let seal = |column, text| sealer().seal(Place { column, row: &id.to_string() }, text).unwrap();
    let key = if key == "damaged" { key.to_owned() } else { seal("channels.api_key", key) };
    let headers = seal("channels.headers", r#"{"x-team":"a"}"#);
    d.run(&format!(
        "INSERT INTO channels (id, name, kind, base_url, api_key_sealed, api_key_last4, models, headers_sealed, header_names, \
         enabled, monitor_interval_ms, created_at, updated_at) VALUES ({id}, 'c{id}', 'openai', 'https://c.example/', '{key}', \
         'last', '[\"m1\"]', '{headers}', '[\"x-team\"]', {enabled}, 500, 1, 1)"
    ))
    .await;
}

#[actix_web::test]
async fn the_catalogue_is_read_whole_and_damaged_rows_are_left_out() {
    on_both(|d| async move {
        channel(&d, 1, "sk-one", true).await;
        channel(&d, 2, "damaged", true).await;
        channel(&d, 3, "sk-three", false).await;
        d.run("INSERT INTO settings VALUES ('proxyMaxRetries', '7', 1), ('timezone', 'Asia/Shanghai', 1), ('circuitMinRequests', 'many', 1), ('noSuchKey', '1', 1)").await;
        d.run("INSERT INTO model_mappings VALUES (1, 'claude', 'openai', 'up', TRUE, 1, 1), (2, 'claude', 'openai', 'off', FALSE, 1, 1)").await;
        d.run("INSERT INTO model_mapping_inbounds VALUES (1, 'b'), (1, 'a'), (2, 'c')").await;
        d.run("INSERT INTO model_mapping_channels VALUES (1, 1)").await;
        d.run("INSERT INTO catalogue_models VALUES (1, 'openai', 'm1', 'Model One', TRUE, FALSE, 1, 1)").await;
        d.run("INSERT INTO model_prices VALUES (1, 'openai', NULL, 'm1', 1, 2, 3, 4, NULL, 1, 1), (2, NULL, 1, 'm1', 5, 6, 7, 8, 9, 1, 1)").await;
        let catalogue = source(&d).catalogue().await.unwrap();
        assert_eq!(catalogue.settings.proxy_max_retries, 7);
        assert_eq!(catalogue.settings.timezone, "Asia/Shanghai");
        assert_eq!(catalogue.settings.circuit_min_requests, 10);
        assert_eq!(catalogue.settings.allow_private_upstreams, d.db.is_embedded());
        let [one] = &catalogue.channels[..] else { panic!("{:?}", catalogue.channels) };
        assert_eq!((one.id, one.base_url.as_str(), one.api_key.expose()), (ChannelId(1), "https://c.example/v1", "sk-one"));
        assert_eq!(one.headers["x-team"], "a");
        assert_eq!(one.monitor_interval.unwrap().as_millis(), 500);
        let [mapping] = &catalogue.mappings[..] else { panic!("{:?}", catalogue.mappings) };
        assert_eq!((mapping.inbound.join(","), mapping.channels.clone(), mapping.target), ("a,b".to_owned(), vec![ChannelId(1)], Family::OpenAi));
        assert!(!catalogue.models[0].enabled);
        assert_eq!(catalogue.prices[0].scope, PriceScope::Provider(Family::OpenAi));
        assert_eq!(catalogue.prices[1].prices.cache_creation_1h.map(|price| price.0), Some(9));
    })
    .await;
}

#[actix_web::test]
async fn a_key_is_found_by_its_digest_with_its_owner() {
    on_both(|d| async move {
        d.user(1, 500).await;
        d.run("UPDATE users SET rate_limit_rpm = 9").await;
        d.run("UPDATE api_keys SET models = '[\"gpt-*\"]', allowed_ips = '[\"10.0.0.0/8\", \"::1\"]', channel_scope = 'openai', admin_rate_limit_tpm = 3, daily_tokens = 5, admin_daily_tokens = 7, \
            admin_budget_nanos = 8, expires_at = 20, admin_expires_at = 10, admin_models = '[\"gpt-5*\", \"o3\"]'").await;
        let key = source(&d).key(KeyDigest([0x11; 32])).await.unwrap().unwrap();
        assert_eq!((key.id.0, key.status, key.owner.id, key.owner.status), (1001, KeyStatus::Active, UserId(1), UserStatus::Active));
        assert_eq!((key.owner.limits.rpm, key.admin_limits.tpm, key.daily_tokens, key.budget), (Some(9), Some(3), Some(5), Some(Nanos(8))));
        assert_eq!(key.expires_at, Some(10));
        for (model, allowed) in [("gpt-5", true), ("gpt-4", false), ("o3", false), ("claude", false)] {
            assert_eq!(key.allows_model(model, model), allowed, "{model}");
        }
        assert_eq!((key.allowed_ips.owner.len(), key.allowed_ips.admin.len()), (2, 0));
        assert!(source(&d).key(KeyDigest([0x12; 32])).await.unwrap().is_none());
        d.run("UPDATE api_keys SET allowed_ips = '[\"nonsense\"]'").await;
        assert!(source(&d).key(KeyDigest([0x11; 32])).await.is_err());
        d.run("UPDATE api_keys SET allowed_ips = '[]', admin_allowed_ips = '[\"nonsense\"]'").await;
        assert!(source(&d).key(KeyDigest([0x11; 32])).await.is_err());
        d.run("UPDATE users SET deleted_at = 5").await;
        assert!(source(&d).key(KeyDigest([0x11; 32])).await.unwrap().is_none());
        assert!(source(&d).account(UserId(1)).await.unwrap().is_none());
    })
    .await;
}

#[actix_web::test]
async fn an_account_is_its_money_and_that_of_its_keys() {
    on_both(|d| async move {
        d.user(1, 500).await;
        d.run(&format!("UPDATE api_keys SET used_nanos = 40, day_start = {DAY}, day_tokens = 6")).await;
        let account = source(&d).account(UserId(1)).await.unwrap().unwrap();
        assert_eq!(
            (account.quota, account.used, account.keys[0].used, account.keys[0].day_tokens),
            (Nanos(500), Nanos(0), Nanos(40), 6)
        );
    })
    .await;
}

#[actix_web::test]
async fn changes_are_numbered_in_the_order_of_commits_whatever_the_clocks_say() {
    on_both(|d| async move {
        changes::note(&d.db, IdMaker::floor_at(NOON), Changed::Catalogue).await.unwrap();
        changes::note(&d.db, IdMaker::floor_at(NOON - 60_000), Changed::User(UserId(4))).await.unwrap();
        let seen = source(&d).changes(0).await.unwrap();
        assert_eq!(seen.iter().map(|change| change.what).collect::<Vec<_>>(), [Changed::Catalogue, Changed::User(UserId(4))]);
        assert!(seen[0].id < seen[1].id);
        assert_eq!(changes::newest(&d.db).await.unwrap(), seen[1].id);
        assert_eq!(source(&d).changes(seen[0].id).await.unwrap(), seen[1..]);
        assert_eq!(changes::prune(&d.db, NOON + 3_599_000, None).await.unwrap(), 0);
        assert_eq!(changes::prune(&d.db, NOON + 3_601_000, None).await.unwrap(), 2);
        changes::note(&d.db, IdMaker::floor_at(NOON), Changed::Catalogue).await.unwrap();
        assert_eq!(source(&d).changes(seen[1].id).await.unwrap().len(), 1);
    })
    .await;
}
