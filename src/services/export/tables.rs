//! The tables that can be exported: their columns, and their rows page by page.

use actors::vocabulary::Nanos;
use serde::Serialize;

use crate::admission::day_start;
use crate::services::accounts::UserView;
use crate::services::activity::ActivityView;
use crate::services::error::BAD_CHOICE;
use crate::services::gift_cards::GiftCard;
use crate::services::keys::KeyView;
use crate::services::ledger::LedgerView;
use crate::services::reports::{Log, LogQuery, log_filter};
use crate::services::values::Usd;
use crate::services::{Actor, Served, ServiceError, Services};
use crate::store::export::{self, NamedLedgerRow, Scope, UsageRow};
use crate::store::logs::{self, Cursor, LogFilter};

/// Rows read at a time.
const PAGE: i64 = 500;

const NAMES: &str = "request_logs, users, keys, ledger, usage, gift_cards, audit";
const LOG_COLUMNS: &[&str] = &[
    "id",
    "requestId",
    "ts",
    "keyName",
    "keyPrefix",
    "username",
    "protocol",
    "model",
    "status",
    "ending",
    "stream",
    "ttftMs",
    "durationMs",
    "tokensIn",
    "tokensOut",
    "cacheReadTokens",
    "cacheCreationTokens",
    "reasoningTokens",
    "costUsd",
    "estimated",
    "error",
    "cause",
    "causeAbout",
];
/// What users see nothing of.
const LOG_ADMIN_COLUMNS: &[&str] = &["upstreamModel", "channelName"];
const USER_COLUMNS: &[&str] = &[
    "id",
    "username",
    "displayName",
    "email",
    "role",
    "status",
    "quotaUsd",
    "usedUsd",
    "balanceUsd",
    "rateLimitRpm",
    "rateLimitTpm",
    "maxConcurrency",
    "language",
    "theme",
    "createdAt",
    "updatedAt",
    "lastLoginAt",
];
const KEY_COLUMNS: &[&str] = &[
    "id",
    "userId",
    "username",
    "name",
    "prefix",
    "maskedKey",
    "status",
    "channelScope",
    "channelId",
    "quota",
    "budgetUsd",
    "expiresAt",
    "models",
    "allowedIps",
    "rateLimitRpm",
    "rateLimitTpm",
    "maxConcurrency",
    "allowsNothing",
    "ownerLimits",
    "adminLimits",
    "usedUsd",
    "usedRequests",
    "usedToday",
    "lastUsedAt",
    "createdAt",
    "updatedAt",
];
const LEDGER_COLUMNS: &[&str] =
    &["id", "ts", "userId", "username", "kind", "amountUsd", "balanceUsd", "logId", "giftCardId", "actorId", "reason"];
const USAGE_COLUMNS: &[&str] = &[
    "hour",
    "userId",
    "username",
    "keyId",
    "keyName",
    "channelId",
    "channelName",
    "model",
    "requests",
    "successes",
    "tokensIn",
    "tokensOut",
    "cacheReadTokens",
    "cacheCreationTokens",
    "costUsd",
    "durationMs",
];
const CARD_COLUMNS: &[&str] = &[
    "id",
    "batchId",
    "codeLast4",
    "amountUsd",
    "status",
    "createdBy",
    "createdByName",
    "createdAt",
    "expiresAt",
    "revokedAt",
    "redeemedBy",
    "redeemedByName",
    "redeemedAt",
];
const AUDIT_COLUMNS: &[&str] =
    &["id", "ts", "actorId", "actorName", "action", "subjectKind", "subjectId", "before", "after", "clientIp"];

/// A table on its way out, with the row it has come to.
pub(super) enum Table {
    Logs {
        filter: Box<LogFilter>,
        after: Cursor,
    },
    Users {
        after: i64,
    },
    Keys {
        scope: Scope,
        after: i64,
    },
    /// With the ids between which it lies, once those are known.
    Ledger {
        scope: Scope,
        ends: Option<(i64, i64)>,
    },
    Usage {
        scope: Scope,
        after: Option<Box<UsageRow>>,
    },
    Cards {
        after: i64,
    },
    Audit {
        scope: Scope,
        after: i64,
    },
}

impl Table {
    /// The table of that name, narrowed to what was asked for and to what is the caller's to see.
    pub(super) fn named(name: &str, actor: &Actor, query: LogQuery) -> Served<Self> {
        let filter = log_filter(actor, query)?;
        let scope = Scope { from: filter.from, to: filter.to, user_id: filter.user_id };
        let after = i64::MIN;
        Ok(match name {
            "request_logs" => Self::Logs { filter: Box::new(filter), after: Cursor::START },
            "users" => Self::Users { after },
            "keys" => Self::Keys { scope, after },
            "ledger" => Self::Ledger { scope, ends: None },
            "usage" => Self::Usage { scope, after: None },
            "gift_cards" => Self::Cards { after },
            "audit" => Self::Audit { scope, after },
            _ => return Err(ServiceError::field(&BAD_CHOICE, "type").with("choices", NAMES)),
        })
    }

    /// Whether users may have it, of themselves.
    pub(super) fn is_for_users(&self) -> bool {
        matches!(self, Self::Logs { .. } | Self::Ledger { .. })
    }

    pub(super) fn columns(&self, admin: bool) -> Vec<&'static str> {
        let columns = match self {
            Self::Logs { .. } => return [LOG_COLUMNS, if admin { LOG_ADMIN_COLUMNS } else { &[] }].concat(),
            Self::Users { .. } => USER_COLUMNS,
            Self::Keys { .. } => KEY_COLUMNS,
            Self::Ledger { .. } => LEDGER_COLUMNS,
            Self::Usage { .. } => USAGE_COLUMNS,
            Self::Cards { .. } => CARD_COLUMNS,
            Self::Audit { .. } => AUDIT_COLUMNS,
        };
        columns.to_vec()
    }

    /// The next rows, each a JSON object; none at the end.
    pub(super) async fn page(&mut self, services: &Services, admin: bool) -> Served<Vec<String>> {
        let (db, now) = (&services.db, services.now());
        match self {
            Self::Logs { filter, after } => {
                let rows = logs::walk(db, filter, *after, PAGE).await?;
                *after = rows.last().map_or(*after, |row| Cursor { ts: row.ts, id: row.id });
                lines(rows, |row| Log::of(row, admin))
            }
            Self::Users { after } => {
                let rows = export::users(db, *after, PAGE).await?;
                *after = rows.last().map_or(*after, |row| row.id);
                lines(rows, UserView::from)
            }
            Self::Keys { scope, after } => {
                let rows = export::keys(db, scope, *after, PAGE).await?;
                *after = rows.last().map_or(*after, |row| row.key.id);
                let today = day_start(now, &services.settings.settings().timezone);
                lines(rows, |row| KeyView::new(&row.key, &row.username, today, true))
            }
            Self::Ledger { scope, ends } => {
                let (from, to) = match *ends {
                    Some(ends) => ends,
                    None => export::ledger_ends(db, scope).await?,
                };
                let rows = export::ledger(db, scope.user_id, (from, to), PAGE).await?;
                *ends = Some((rows.last().map_or(from, |row| row.row.id + 1), to));
                lines(rows, LedgerLine::from)
            }
            Self::Usage { scope, after } => {
                let rows = export::usage(db, scope, after.as_deref(), PAGE).await?;
                *after = rows.last().cloned().map(Box::new).or(after.take());
                lines(rows, UsageLine::from)
            }
            Self::Cards { after } => {
                let rows = export::gift_cards(db, *after, PAGE).await?;
                *after = rows.last().map_or(*after, |row| row.card.id);
                lines(rows, |row| GiftCard::of(row, now))
            }
            Self::Audit { scope, after } => {
                let rows = export::audit(db, scope, *after, PAGE).await?;
                *after = rows.last().map_or(*after, |row| row.id);
                lines(rows, ActivityView::from)
            }
        }
    }
}

fn lines<R, V: Serialize>(rows: Vec<R>, view: impl Fn(R) -> V) -> Served<Vec<String>> {
    rows.into_iter().map(|row| serde_json::to_string(&view(row)).map_err(ServiceError::ill)).collect()
}

/// A row of a ledger, and whose.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LedgerLine {
    user_id: i64,
    username: String,
    #[serde(flatten)]
    row: LedgerView,
}

impl From<NamedLedgerRow> for LedgerLine {
    fn from(named: NamedLedgerRow) -> Self {
        Self { user_id: named.row.user_id, username: named.username, row: LedgerView::from(named.row) }
    }
}

/// Sums of one hour.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageLine {
    hour: i64,
    user_id: i64,
    username: Option<String>,
    key_id: i64,
    key_name: Option<String>,
    channel_id: Option<i64>,
    channel_name: Option<String>,
    model: String,
    requests: i64,
    successes: i64,
    tokens_in: i64,
    tokens_out: i64,
    cache_read_tokens: i64,
    cache_creation_tokens: i64,
    cost_usd: Usd,
    duration_ms: i64,
}

impl From<UsageRow> for UsageLine {
    fn from(row: UsageRow) -> Self {
        Self {
            hour: row.hour,
            user_id: row.user_id,
            username: row.username,
            key_id: row.key_id,
            key_name: row.key_name,
            channel_id: Some(row.channel_id).filter(|id| *id != 0),
            channel_name: row.channel_name,
            model: row.model,
            requests: row.sums.requests,
            successes: row.sums.successes,
            tokens_in: row.sums.tokens_in,
            tokens_out: row.sums.tokens_out,
            cache_read_tokens: row.sums.cache_read_tokens,
            cache_creation_tokens: row.sums.cache_creation_tokens,
            cost_usd: Usd(Nanos(row.sums.cost_nanos)),
            duration_ms: row.sums.duration_ms,
        }
    }
}
