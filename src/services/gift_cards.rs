//! Gift cards: admins make and revoke them, anybody signed in redeems them.

use std::time::Duration;

use actors::ports::Changed;
use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::error::{BAD_CHOICE, NOT_FOUND, refusals};
use super::throttle::Network;
use super::values::{ListQuery, Page, Secret, Usd, check};
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::secrets::{digest, hex, new_card_code, read_card_code};
use crate::store::gift_cards::{self, CardFilter, CardRow, CardStatus, NamedCardRow, Redeemed, Redeeming};
use crate::store::ledger::LedgerRow;

/// Cards made at once at most.
const MOST_CARDS: i64 = 100;
/// The dearest card: one million USD.
const DEAREST: i64 = 1_000_000_000_000_000;
/// Longest wait until a code is judged.
const JUDGED_WITHIN: Duration = Duration::from_secs(20);

refusals! {
    /// No card has this code.
    CARD_UNKNOWN = NotFound, "card_unknown", "There is no gift card with this code", "没有此礼品卡";
    /// Somebody has redeemed it.
    CARD_USED = Conflict, "card_used", "This gift card has been used", "此礼品卡已被使用";
    /// An admin took it back.
    CARD_REVOKED = Gone, "card_revoked", "This gift card has been revoked", "此礼品卡已被作废";
    /// Its time is over.
    CARD_EXPIRED = Gone, "card_expired", "This gift card has expired", "此礼品卡已过期";
    /// The account cannot take the money.
    CARD_NOT_TAKEN = Conflict, "account_full", "This account cannot take the card's amount", "此账号无法存入该金额";
}

/// Cards to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewCards {
    /// What each is worth, up to 1,000,000.
    pub amount_usd: Usd,
    /// How many, 1 (default) to 100.
    pub count: Option<i64>,
    /// Epoch milliseconds after which they are of no use; absent = never.
    pub expires_at: Option<i64>,
}

/// A card with its code. The code is shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCard {
    /// Its id.
    pub id: i64,
    /// `GC-XXXX-XXXX-XXXX-XXXX-XXXX`.
    pub code: String,
    /// What it is worth.
    pub amount_usd: Usd,
    /// Epoch milliseconds; null = never.
    pub expires_at: Option<i64>,
}

/// Cards made together.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCards {
    /// What lists may be narrowed by.
    pub batch_id: i64,
    /// The cards.
    pub cards: Vec<IssuedCard>,
}

/// A card without its code.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GiftCard {
    /// Its id.
    pub id: i64,
    /// The id all cards made together share.
    pub batch_id: i64,
    /// The last four characters of its code.
    pub code_last4: String,
    /// What it is worth.
    pub amount_usd: Usd,
    /// `unused`, `used`, `revoked` or `expired`.
    pub status: &'static str,
    /// Who made it.
    pub created_by: i64,
    /// Their name.
    pub created_by_name: Option<String>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds; null = never.
    pub expires_at: Option<i64>,
    /// Epoch milliseconds, if it was revoked.
    pub revoked_at: Option<i64>,
    /// Who redeemed it.
    pub redeemed_by: Option<i64>,
    /// Their name.
    pub redeemed_by_name: Option<String>,
    /// Epoch milliseconds, if it was redeemed.
    pub redeemed_at: Option<i64>,
}

/// Which cards are wanted. `query` looks at the last four characters, at who redeemed it, and at a whole code.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GiftCardQuery {
    /// `unused`, `used`, `revoked` or `expired`.
    pub status: Option<String>,
    /// Those made together.
    pub batch_id: Option<i64>,
}

/// A code to redeem.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CardCode {
    /// In any case, with or without dashes and blanks.
    pub code: Secret,
}

/// A card redeemed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CardRedeemed {
    /// What it was worth.
    pub amount_usd: Usd,
    /// The balance with it.
    pub balance_usd: Usd,
}

/// Makes cards. Nobody can read their codes again.
///
/// # Errors
/// `invalid_request`.
pub async fn create(services: &Services, actor: &Actor, wish: NewCards) -> Served<IssuedCards> {
    let now = services.now();
    let count = check::range("count", wish.count.unwrap_or(1), 1, MOST_CARDS)?;
    if !(1..=DEAREST).contains(&wish.amount_usd.0.0) {
        return Err(check::bad("amountUsd", "more than 0, at most 1000000"));
    }
    if wish.expires_at.is_some_and(|at| at <= now) {
        return Err(check::bad("expiresAt", "a time to come"));
    }
    let batch_id = services.id();
    let (mut cards, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (row, code, hash) = new_card(services, actor, &wish, (batch_id, now))?;
        cards.push(IssuedCard { id: row.id, code, amount_usd: wish.amount_usd, expires_at: wish.expires_at });
        rows.push((row, hash));
    }
    let after = serde_json::json!({ "count": count, "amountUsd": wish.amount_usd, "expiresAt": wish.expires_at });
    let trail = services.trail(&actor.by(), Deed::new("gift_card.create", batch_id).after(&after), None);
    gift_cards::insert(&services.db, &rows, &trail).await?;
    Ok(IssuedCards { batch_id, cards })
}

fn new_card(
    services: &Services,
    actor: &Actor,
    wish: &NewCards,
    (batch_id, now): (i64, i64),
) -> Served<(CardRow, String, String)> {
    let code = new_card_code()?;
    let code = code.expose_secret();
    let row = CardRow {
        id: services.id(),
        batch_id,
        code_last4: code.rsplit('-').next().unwrap_or_default().to_owned(),
        amount_nanos: wish.amount_usd.0.0,
        created_by: actor.id.0,
        created_at: now,
        expires_at: wish.expires_at,
        revoked_at: None,
        redeemed_by: None,
        redeemed_at: None,
    };
    Ok((row, code.to_owned(), hex(&digest(code))))
}

/// One page of cards.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, query: GiftCardQuery) -> Served<Page<GiftCard>> {
    let now = services.now();
    let status = query.status.as_deref().map(read_status).transpose()?;
    let code = asked.query.as_deref().and_then(read_card_code);
    let filter = CardFilter {
        status: status.map(|status| (status, now)),
        batch_id: query.batch_id,
        digest: code.map(|code| hex(&digest(code.expose_secret()))),
    };
    let found = gift_cards::list(&services.db, &filter, &asked.window(gift_cards::SORTS)?).await?;
    Ok(Page::new(asked, found, |row| GiftCard::of(row, now)))
}

/// One card.
///
/// # Errors
/// `not_found`.
pub async fn one(services: &Services, id: i64) -> Served<GiftCard> {
    let found = gift_cards::find(&services.db, id).await?;
    found.map(|row| GiftCard::of(row, services.now())).ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

/// Revokes a card nobody has redeemed. One that is revoked already stays so.
///
/// # Errors
/// `not_found`; `card_used`: what was redeemed stays redeemed.
pub async fn revoke(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let now = services.now();
    let tell = |card: &CardRow| {
        let after = serde_json::json!({ "codeLast4": card.code_last4, "amountUsd": Usd(Nanos(card.amount_nanos)) });
        services.trail(&actor.by(), Deed::new("gift_card.revoke", id).after(&after), None)
    };
    let card = gift_cards::revoke(&services.db, id, now, tell).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    if card.status(now) == CardStatus::Used {
        return Err(ServiceError::new(&CARD_USED));
    }
    Ok(())
}

/// Redeems a card for the caller. Its amount can be spent at once.
///
/// # Errors
/// `card_unknown`, `card_used`, `card_revoked`, `card_expired`; `too_many_requests` after too many unknown codes.
pub async fn redeem(services: &Services, actor: &Actor, wish: CardCode) -> Served<CardRedeemed> {
    let throttles = &services.throttles;
    let turn = tokio::time::timeout(JUDGED_WITHIN, throttles.redeeming.acquire()).await;
    let _turn = turn.map_err(ServiceError::ill)?.map_err(ServiceError::ill)?;
    let from = Network::of(actor.ip);
    throttles.redeem.take(actor.id, from, services.ticks()).await?;
    let judged = judge(services, actor, &wish.code).await;
    if !matches!(&judged, Err(error) if error.refusal == &CARD_UNKNOWN) {
        throttles.redeem.give_back(actor.id, from);
    }
    let redeemed = judged?;
    services.news.changed(Changed::User(actor.id)).await;
    Ok(CardRedeemed {
        amount_usd: Usd(Nanos(redeemed.amount_nanos)),
        balance_usd: Usd(Nanos(redeemed.quota_nanos.saturating_sub(redeemed.used_nanos))),
    })
}

async fn judge(services: &Services, actor: &Actor, code: &Secret) -> Served<Redeemed> {
    let code = read_card_code(code.expose()).ok_or_else(|| ServiceError::new(&CARD_UNKNOWN))?;
    let now = services.now();
    let tell = |redeemed: &Redeemed| (ledger_row(services, actor, redeemed), redemption(services, actor, redeemed));
    let hash = hex(&digest(code.expose_secret()));
    match gift_cards::redeem(&services.db, &hash, actor.id.0, (now, Nanos::MOST.0), tell).await? {
        Redeeming::Done(redeemed) => Ok(redeemed),
        Redeeming::Unknown => Err(ServiceError::new(&CARD_UNKNOWN)),
        Redeeming::Refused(CardStatus::Revoked) => Err(ServiceError::new(&CARD_REVOKED)),
        Redeeming::Refused(CardStatus::Expired) => Err(ServiceError::new(&CARD_EXPIRED)),
        Redeeming::Refused(CardStatus::Used | CardStatus::Unused) => Err(ServiceError::new(&CARD_USED)),
        Redeeming::NoRoom => Err(ServiceError::new(&CARD_NOT_TAKEN)),
    }
}

fn ledger_row(services: &Services, actor: &Actor, redeemed: &Redeemed) -> LedgerRow {
    LedgerRow {
        id: services.id(),
        user_id: actor.id.0,
        ts: services.now(),
        kind: "card".to_owned(),
        amount_nanos: redeemed.amount_nanos,
        balance_nanos: redeemed.quota_nanos.saturating_sub(redeemed.used_nanos),
        gift_card_id: Some(redeemed.card_id),
        actor_id: Some(actor.id.0),
        ..LedgerRow::default()
    }
}

fn redemption(services: &Services, actor: &Actor, redeemed: &Redeemed) -> crate::store::Trail {
    let after = serde_json::json!({ "userId": actor.id, "amountUsd": Usd(Nanos(redeemed.amount_nanos)) });
    let deed = Deed::new("gift_card.redeem", redeemed.card_id).after(&after);
    services.trail(&actor.by(), deed, Some(Changed::User(actor.id)))
}

fn read_status(word: &str) -> Served<CardStatus> {
    const STATUSES: [CardStatus; 4] = [CardStatus::Unused, CardStatus::Used, CardStatus::Revoked, CardStatus::Expired];
    let found = STATUSES.into_iter().find(|status| name(*status) == word);
    found.ok_or_else(|| ServiceError::field(&BAD_CHOICE, "status").with("choices", STATUSES.map(name).join(", ")))
}

fn name(status: CardStatus) -> &'static str {
    match status {
        CardStatus::Unused => "unused",
        CardStatus::Used => "used",
        CardStatus::Revoked => "revoked",
        CardStatus::Expired => "expired",
    }
}

impl GiftCard {
    /// The card as it is at `now`, epoch milliseconds.
    pub(super) fn of(row: NamedCardRow, now: i64) -> Self {
        let card = row.card;
        Self {
            id: card.id,
            batch_id: card.batch_id,
            status: name(card.status(now)),
            code_last4: card.code_last4,
            amount_usd: Usd(Nanos(card.amount_nanos)),
            created_by: card.created_by,
            created_by_name: row.creator,
            created_at: card.created_at,
            expires_at: card.expires_at,
            revoked_at: card.revoked_at,
            redeemed_by: card.redeemed_by,
            redeemed_by_name: row.redeemer,
            redeemed_at: card.redeemed_at,
        }
    }
}
