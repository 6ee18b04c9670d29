//! Models that were asked for and that nobody serves: counted once, and kept few.

use actors::ports::LedgerStore;
use actors::vocabulary::{Cause, Counted, Ending, Receipt};
use api_proxy::store::missing_models;

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
