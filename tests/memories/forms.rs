//! Forms that are opened on one instance and sent to another.

use std::time::Duration;

use actors::vocabulary::UserId;
use api_proxy::redis_store::{Acted, FormClaim, FormState, RedisForms};
use secrecy::{ExposeSecret, SecretString};

use crate::pair::{Pair, eventually};

const UMA: UserId = UserId(7);
const KEPT: Duration = Duration::from_secs(120);
const LASTS: Duration = Duration::from_secs(3_600);

fn forms(pair: &Pair) -> (RedisForms, RedisForms) {
    let on = |store: &api_proxy::redis_store::RedisStore| RedisForms::new(store.clone(), pair.sealer.clone());
    (on(&pair.one), on(&pair.other))
}

async fn claimed(forms: &RedisForms, word: &str, sent: u8) -> FormState {
    forms.claim(UMA, word, &[sent; 32]).await.unwrap()
}

/// The claim on a form that was just opened, when the news of it has arrived.
async fn taken(forms: &RedisForms, word: &str, sent: u8) -> FormClaim {
    let mut claim = None;
    eventually("the form is known", async || {
        if let FormState::Yours(yours) = claimed(forms, word, sent).await {
            claim = Some(yours);
        }
        claim.is_some()
    })
    .await;
    claim.unwrap()
}

fn told(state: FormState) -> String {
    let FormState::Told(told) = state else { panic!("{state:?}") };
    told.expose_secret().to_owned()
}

#[actix_web::test]
async fn a_form_opened_on_one_acts_once_on_the_other_and_tells_both() {
    let pair = Pair::start().await;
    let (one, other) = forms(&pair);
    assert!(one.open(UMA, "the word on the form", LASTS, 16));
    let claim = taken(&other, "the word on the form", 1).await;
    let page = SecretString::from("the code is GC-SECRET");
    let (waited, ()) = tokio::join!(claimed(&one, "the word on the form", 1), async {
        other.settle(claim, Acted::Done(&page, KEPT)).await;
    });
    assert_eq!(told(waited), "the code is GC-SECRET");
    assert_eq!(told(claimed(&other, "the word on the form", 1).await), "the code is GC-SECRET");
    assert!(matches!(claimed(&one, "the word on the form", 2).await, FormState::SentBefore), "filled in otherwise");
    let stranger = one.claim(UserId(8), "the word on the form", &[1; 32]).await.unwrap();
    assert!(matches!(stranger, FormState::SentBefore));
    pair.hides(&["GC-SECRET", "the word on the form"]).await;
}

#[actix_web::test]
async fn a_refusal_leaves_a_form_good_and_a_doubt_does_not() {
    let pair = Pair::start().await;
    let (one, other) = forms(&pair);
    one.open(UMA, "w", LASTS, 16);
    let claim = taken(&other, "w", 1).await;
    other.settle(claim, Acted::Refused).await;
    let FormState::Yours(claim) = claimed(&one, "w", 2).await else { panic!("it may be sent again") };
    one.settle(claim, Acted::Perhaps).await;
    assert!(matches!(claimed(&other, "w", 2).await, FormState::SentBefore));
    assert!(matches!(claimed(&other, "unknown", 1).await, FormState::SentBefore));
}

#[actix_web::test]
async fn of_a_users_forms_the_newest_are_known() {
    let pair = Pair::start().await;
    let (one, other) = forms(&pair);
    for form in 0..4 {
        one.open(UMA, &form.to_string(), LASTS, 3);
    }
    one.open(UserId(8), "0", LASTS, 3);
    drop(taken(&other, "3", 1).await);
    assert!(matches!(claimed(&other, "0", 1).await, FormState::SentBefore));
    assert!(matches!(claimed(&other, "1", 1).await, FormState::Yours(_)));
}

#[actix_web::test]
async fn without_redis_no_form_is_opened_for_all_and_none_is_claimed() {
    let mut pair = Pair::start().await;
    let (one, other) = forms(&pair);
    one.open(UMA, "w", LASTS, 16);
    pair.lose_redis().await;
    assert!(!one.open(UMA, "v", LASTS, 16));
    other.claim(UMA, "w", &[1; 32]).await.unwrap_err();
}
