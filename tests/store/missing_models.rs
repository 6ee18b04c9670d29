//! Models that were asked for and that nobody serves: counted once, and kept few.

use actors::ports::LedgerStore;
use actors::vocabulary::{Cause, Counted, Ending, Receipt};
use api_proxy::store::{Trail, missing_models};

use crate::database::{NOON, on_both, receipt};

fn asked(id: i64, user: i64, model: &str) -> Receipt {
    Receipt {
        model: model.to_owned(),
        ts: NOON + id,
        status: 404,
        ending: Ending::Refused,
        tariff: None,
        cause: Some(Cause::about(Cause::UNKNOWN_MODEL, model)),
        ..receipt(id, user, 0)
    }
}

#[actix_web::test]
async fn what_is_asked_for_in_vain_is_counted_once_with_a_row_and_without() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        let rows = [asked(1, 1, "wanted"), asked(2, 1, "wanted"), asked(3, 1, " no name "), asked(4, 1, &"x".repeat(300))];
        let counted = [Counted { first: asked(9, 1, "wanted"), requests: 5, duration_ms: 1 }];
        for _ in 0..2 {
            d.booking().book(&rows).await.unwrap();
            d.booking().count(&counted).await.unwrap();
        }
        let found = missing_models::all(&d.db, NOON).await.unwrap();
        let told: Vec<_> = found.iter().map(|row| (row.model.as_str(), row.requests, row.keys, row.last_at)).collect();
        assert_eq!(told, [("wanted", 7, 1, NOON + 9)]);
    })
    .await;
}

#[actix_web::test]
async fn a_flood_of_invented_names_pushes_out_no_name_that_is_asked_for_again() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.booking().book(&[asked(1, 1, "wanted"), asked(2, 1, "wanted")]).await.unwrap();
        let flood: Vec<Receipt> = (10..400).map(|id| asked(id, 1, &format!("made-up-{id}"))).collect();
        d.booking().book(&flood).await.unwrap();
        let found = missing_models::all(&d.db, NOON).await.unwrap();
        assert!(found.len() <= 100, "{}", found.len());
        assert_eq!((found[0].model.as_str(), found[0].requests), ("wanted", 2));
    })
    .await;
}

#[actix_web::test]
async fn floods_of_many_accounts_push_out_no_name_that_several_of_them_ask_for() {
    on_both(|d| async move {
        for user in 1..=70 {
            d.user(user, 1_000).await;
        }
        // Both ask once, and before everybody else: only that they are two saves the name.
        d.booking().book(&[asked(1, 1, "wanted"), asked(2, 2, "wanted")]).await.unwrap();
        for user in 1..=70 {
            let flood: Vec<Receipt> = (0..95).map(|n| asked(user * 1_000 + n, user, &format!("made-up-{user}-{n}"))).collect();
            d.booking().book(&flood).await.unwrap();
        }
        let found = missing_models::all(&d.db, NOON).await.unwrap();
        assert!(found.len() <= 6_000, "{}", found.len());
        assert_eq!((found[0].model.as_str(), found[0].keys), ("wanted", 2));
    })
    .await;
}

#[actix_web::test]
async fn a_dismissed_name_is_hidden_until_the_dismissal_is_old_and_is_asked_for_again() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.booking().book(&[asked(1, 1, "wanted"), asked(2, 1, "other")]).await.unwrap();
        assert!(missing_models::dismiss(&d.db, "claude", "wanted", NOON + 5, &Trail::default()).await.unwrap());
        assert!(!missing_models::dismiss(&d.db, "claude", "nobody asked", NOON + 5, &Trail::default()).await.unwrap());
        d.booking().book(&[asked(9, 1, "wanted")]).await.unwrap();
        let names = async |since| {
            let found = missing_models::all(&d.db, since).await.unwrap();
            found.into_iter().map(|row| (row.model, row.requests)).collect::<Vec<_>>()
        };
        assert_eq!(names(NOON).await, [("other".to_owned(), 1)]);
        assert_eq!(names(NOON + 6).await, [("wanted".to_owned(), 1)], "the dismissal is older than what is looked at");
        missing_models::forget(&d.db, NOON + 6, None).await.unwrap();
        assert_eq!(names(NOON).await, [("wanted".to_owned(), 1)], "the other was last asked for before");
    })
    .await;
}
