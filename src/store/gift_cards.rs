//! Gift cards: made in batches, redeemed once. Codes are known by their digest alone.

use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::{Conditions, bind_all};
use super::db::{Db, Stored, on_both, read, write};
use super::ledger::{Enter, LedgerRow};
use super::paging::{Sorts, Window, contains};
use super::trail::{Leave, Trail};

/// What cards may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "g.created_at"),
    ("amountUsd", "g.amount_nanos"),
    ("expiresAt", "g.expires_at"),
    ("redeemedAt", "g.redeemed_at"),
];

/// Cards beside who made and who redeemed them.
pub(super) const FROM: &str = "gift_cards g LEFT JOIN users m ON m.id = g.created_by AND m.deleted_at IS NULL \
    LEFT JOIN users r ON r.id = g.redeemed_by AND r.deleted_at IS NULL";
/// The columns of a [`NamedCardRow`] in [`FROM`]: everything but the code's digest.
pub(super) const COLUMNS: &str = "g.id, g.batch_id, g.code_last4, g.amount_nanos, g.created_by, g.created_at, g.expires_at, \
    g.revoked_at, g.redeemed_by, g.redeemed_at, m.username AS creator, r.username AS redeemer";

/// A card.
#[derive(Clone, Debug, FromRow)]
pub struct CardRow {
    /// Its id.
    pub id: i64,
    /// The id all cards made together share.
    pub batch_id: i64,
    /// The last four characters of its code.
    pub code_last4: String,
    /// What it is worth, in nano-dollars.
    pub amount_nanos: i64,
    /// Who made it.
    pub created_by: i64,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds; `None` = never.
    pub expires_at: Option<i64>,
    /// Epoch milliseconds, if it was revoked.
    pub revoked_at: Option<i64>,
    /// Who redeemed it.
    pub redeemed_by: Option<i64>,
    /// Epoch milliseconds, if it was redeemed.
    pub redeemed_at: Option<i64>,
}

/// A card with the names of who made and who redeemed it.
#[derive(Clone, Debug, FromRow)]
pub struct NamedCardRow {
    /// The card.
    #[sqlx(flatten)]
    pub card: CardRow,
    /// The maker's name.
    pub creator: Option<String>,
    /// The redeemer's name, if they are still there.
    pub redeemer: Option<String>,
}

/// What has become of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardStatus {
    /// It can be redeemed.
    Unused,
    /// Somebody has redeemed it.
    Used,
    /// An admin took it back.
    Revoked,
    /// Its time is over.
    Expired,
}

impl CardRow {
    /// What has become of it by `now_ms`.
    pub fn status(&self, now_ms: i64) -> CardStatus {
        match (self.redeemed_by, self.revoked_at) {
            (Some(_), _) => CardStatus::Used,
            (None, Some(_)) => CardStatus::Revoked,
            (None, None) if self.expires_at.is_some_and(|at| at <= now_ms) => CardStatus::Expired,
            (None, None) => CardStatus::Unused,
        }
    }
}

/// Which cards are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct CardFilter {
    /// Those of one status, at this moment.
    pub status: Option<(CardStatus, i64)>,
    /// Those made together.
    pub batch_id: Option<i64>,
    /// The one with this digest, beside those the query finds.
    pub digest: Option<String>,
}

/// How redeeming went.
#[derive(Clone, Debug)]
pub enum Redeeming {
    /// Done.
    Done(Redeemed),
    /// There is no such card.
    Unknown,
    /// The card is of no use any more.
    Refused(CardStatus),
    /// The account is gone, not active, or holds as much as an account can.
    NoRoom,
}

/// A card redeemed just now.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Redeemed {
    /// The card.
    pub card_id: i64,
    /// What it was worth, in nano-dollars.
    pub amount_nanos: i64,
    /// The account's quota with it, in nano-dollars.
    pub quota_nanos: i64,
    /// Money the account has spent, in nano-dollars.
    pub used_nanos: i64,
}

/// Adds cards with the hexadecimal digests of their codes, all or none.
///
/// # Errors
/// `Duplicate` when a code exists already.
pub async fn insert(db: &Db, cards: &[(CardRow, String)], trail: &Trail) -> Stored<()> {
    const SQL: &str = "INSERT INTO gift_cards (id, batch_id, code_hash, code_last4, amount_nanos, created_by, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    write!(db, tx => {
        for (card, digest) in cards {
            sqlx::query(SQL)
                .bind(card.id).bind(card.batch_id).bind(digest).bind(&card.code_last4).bind(card.amount_nanos)
                .bind(card.created_by).bind(card.created_at).bind(card.expires_at).execute(&mut *tx).await?;
        }
        tx.leave(trail).await?;
    });
    Ok(())
}

/// One page, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &CardFilter, window: &Window) -> Stored<(Vec<NamedCardRow>, i64)> {
    let matching = conditions(filter, window.query.as_deref());
    let rows = format!("SELECT {COLUMNS} FROM {FROM}{}{}", matching.sql(), window.tail("g.id"));
    let count = format!("SELECT CAST(count(*) AS BIGINT) FROM {FROM}{}", matching.sql());
    read!(db, conn => {
        let found = bind_all!(sqlx::query_as(AssertSqlSafe(rows)), &matching.binds).fetch_all(&mut *conn).await?;
        let total = bind_all!(sqlx::query_scalar(AssertSqlSafe(count)), &matching.binds).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// One card.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: i64) -> Stored<Option<NamedCardRow>> {
    let select = format!("SELECT {COLUMNS} FROM {FROM} WHERE g.id = $1");
    Ok(read!(db, conn => sqlx::query_as(AssertSqlSafe(select)).bind(id).fetch_optional(&mut *conn).await?))
}

fn conditions(filter: &CardFilter, query: Option<&str>) -> Conditions {
    let mut all = Conditions::default();
    all.int("g.batch_id =", filter.batch_id);
    if let Some((status, now)) = filter.status {
        let open = "g.redeemed_by IS NULL AND g.revoked_at IS NULL";
        match status {
            CardStatus::Used => all.and("g.redeemed_by IS NOT NULL"),
            CardStatus::Revoked => all.and("g.redeemed_by IS NULL AND g.revoked_at IS NOT NULL"),
            CardStatus::Unused => all.and(&format!("{open} AND (g.expires_at IS NULL OR g.expires_at > {now})")),
            CardStatus::Expired => all.and(&format!("{open} AND g.expires_at <= {now}")),
        }
    }
    if let Some(query) = query {
        let pattern = all.push(contains(query));
        let digest = all.push(filter.digest.clone().unwrap_or_default());
        all.and(&format!(
            "(lower(g.code_last4) LIKE {pattern} ESCAPE '\\' OR lower(r.username) LIKE {pattern} ESCAPE '\\' OR g.code_hash = {digest})"
        ));
    }
    all
}

/// Redeems the card with this digest for an active account whose quota stays within `most_nanos`: one conditional
/// update, the money, and what `tell` says goes along, in one transaction.
///
/// # Errors
/// When the database fails; then nothing happened.
pub async fn redeem(
    db: &Db,
    digest: &str,
    user: i64,
    (now_ms, most_nanos): (i64, i64),
    tell: impl FnOnce(&Redeemed) -> (LedgerRow, Trail),
) -> Stored<Redeeming> {
    write!(db, tx => {
        let Some((card_id, amount)) = tx.take_card(digest, user, now_ms).await? else {
            let found = tx.card_of(digest).await?;
            return Ok(found.map_or(Redeeming::Unknown, |card| Redeeming::Refused(card.status(now_ms))));
        };
        let Some((quota_nanos, used_nanos)) = tx.grant(user, amount, (now_ms, most_nanos)).await? else {
            return Ok(Redeeming::NoRoom);
        };
        let redeemed = Redeemed { card_id, amount_nanos: amount, quota_nanos, used_nanos };
        let (row, trail) = tell(&redeemed);
        tx.enter(&row).await?;
        tx.leave(&trail).await?;
        Ok(Redeeming::Done(redeemed))
    })
}

/// Revokes a card nobody has redeemed. The card as it is now; `None` when there is none. `tell` is left behind
/// only if it was this call that revoked it.
///
/// # Errors
/// When the database fails.
pub async fn revoke(db: &Db, id: i64, now_ms: i64, tell: impl FnOnce(&CardRow) -> Trail) -> Stored<Option<CardRow>> {
    const REVOKE: &str =
        "UPDATE gift_cards SET revoked_at = $2 WHERE id = $1 AND redeemed_by IS NULL AND revoked_at IS NULL RETURNING *";
    const FIND: &str = "SELECT * FROM gift_cards WHERE id = $1";
    write!(db, tx => {
        let revoked: Option<CardRow> = sqlx::query_as(REVOKE).bind(id).bind(now_ms).fetch_optional(&mut *tx).await?;
        match &revoked {
            Some(card) => tx.leave(&tell(card)).await?,
            None => return Ok(sqlx::query_as(FIND).bind(id).fetch_optional(&mut *tx).await?),
        }
        Ok(revoked)
    })
}

trait Statements {
    async fn take_card(&mut self, digest: &str, user: i64, now_ms: i64) -> Stored<Option<(i64, i64)>>;
    async fn card_of(&mut self, digest: &str) -> Stored<Option<CardRow>>;
    async fn grant(&mut self, user: i64, amount: i64, limits: (i64, i64)) -> Stored<Option<(i64, i64)>>;
}

on_both!(Statements {
    async fn take_card(&mut self, digest: &str, user: i64, now_ms: i64) -> Stored<Option<(i64, i64)>> {
        let take = "UPDATE gift_cards SET redeemed_by = $2, redeemed_at = $3 WHERE code_hash = $1 AND redeemed_by IS NULL \
             AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) RETURNING id, amount_nanos";
        Ok(sqlx::query_as(take).bind(digest).bind(user).bind(now_ms).fetch_optional(self).await?)
    }

    async fn card_of(&mut self, digest: &str) -> Stored<Option<CardRow>> {
        let select = "SELECT * FROM gift_cards WHERE code_hash = $1";
        Ok(sqlx::query_as(select).bind(digest).fetch_optional(self).await?)
    }

    /// Adds to an active account's quota; quota and money spent as they are then.
    async fn grant(&mut self, user: i64, amount: i64, (now_ms, most): (i64, i64)) -> Stored<Option<(i64, i64)>> {
        let grant = "UPDATE users SET quota_nanos = quota_nanos + $2, updated_at = $3 WHERE id = $1 AND status = 'active' \
             AND deleted_at IS NULL AND quota_nanos <= $4 RETURNING quota_nanos, used_nanos";
        let room = most.saturating_sub(amount);
        Ok(sqlx::query_as(grant).bind(user).bind(amount).bind(now_ms).bind(room).fetch_optional(self).await?)
    }
});
