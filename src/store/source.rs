//! Implements the cellar's [`CatalogueSource`]: snapshots, keys by digest, accounts, the change log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use actors::ports::{Account, CatalogueSource, Change, KeySpent, StorageIll};
use actors::settings_cache::Catalogue;
use actors::vocabulary::caller::StoredLimits;
use actors::vocabulary::limits::least;
use actors::vocabulary::{ChannelId, KeyDigest, KeyId, KeyRecord, Nanos, Narrowing, Owner, UserId};
use async_trait::async_trait;
use ipnet::IpNet;
use sqlx::FromRow;

use super::conditions::listed;
use super::db::{Db, Stored, read, snapshot};
use super::key_limits::{AdminColumns, KeyLimits};
use super::{catalogue, changes};
use crate::secrets::{Sealer, hex};

/// Where snapshots, keys and accounts are read from.
#[derive(Clone)]
pub struct CatalogueStore {
    db: Db,
    sealer: Sealer,
}

impl CatalogueStore {
    /// Reads from `db`; `sealer` opens upstream keys and headers.
    pub fn new(db: Db, sealer: Sealer) -> Self {
        Self { db, sealer }
    }

    async fn find_key(&self, digest: KeyDigest) -> Stored<Option<KeyRecord>> {
        const SQL: &str = "SELECT k.*, u.username, u.status AS user_status, u.rate_limit_rpm AS user_rpm, u.rate_limit_tpm AS user_tpm, \
            u.max_concurrency AS user_concurrency \
            FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.digest = $1 AND u.deleted_at IS NULL";
        let digest = hex(&digest.0);
        let row: Option<KeyRow> = read!(self.db, conn => sqlx::query_as(SQL).bind(&digest).fetch_optional(&mut *conn).await?);
        row.map(KeyRow::into_record).transpose()
    }

    async fn find_account(&self, user: UserId) -> Stored<Option<Account>> {
        const USER: &str = "SELECT quota_nanos, used_nanos FROM users WHERE id = $1 AND deleted_at IS NULL";
        const KEYS: &str = "SELECT id, used_nanos, day_start, day_tokens FROM api_keys WHERE user_id = $1 ORDER BY id";
        type KeySums = (i64, i64, i64, i64);
        let (money, keys): (Option<(i64, i64)>, Vec<KeySums>) = snapshot!(self.db, tx => {
            let money = sqlx::query_as(USER).bind(user.0).fetch_optional(&mut *tx).await?;
            (money, sqlx::query_as(KEYS).bind(user.0).fetch_all(&mut *tx).await?)
        });
        let spent =
            |(id, used, day_start, day_tokens): KeySums| KeySpent { id: KeyId(id), used: Nanos(used), day_start, day_tokens };
        Ok(money.map(|(quota, used)| Account {
            quota: Nanos(quota),
            used: Nanos(used),
            keys: keys.into_iter().map(spent).collect(),
        }))
    }

    async fn find_accounts(&self, users: &[UserId]) -> Stored<Vec<(UserId, Account)>> {
        type UserSums = (i64, i64, i64);
        type KeySums = (i64, i64, i64, i64, i64);
        let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
        let users = format!("SELECT id, quota_nanos, used_nanos FROM users WHERE id IN ({})", listed(&ids));
        let keys =
            format!("SELECT user_id, id, used_nanos, day_start, day_tokens FROM api_keys WHERE user_id IN ({})", listed(&ids));
        let (users, keys): (Vec<UserSums>, Vec<KeySums>) = snapshot!(self.db, tx => {
            let users = sqlx::query_as(sqlx::AssertSqlSafe(users)).fetch_all(&mut *tx).await?;
            (users, sqlx::query_as(sqlx::AssertSqlSafe(keys)).fetch_all(&mut *tx).await?)
        });
        let mut of_user: HashMap<i64, Vec<KeySpent>> = HashMap::new();
        for (user, id, used, day_start, day_tokens) in keys {
            let spent = KeySpent { id: KeyId(id), used: Nanos(used), day_start, day_tokens };
            of_user.entry(user).or_default().push(spent);
        }
        let account = |(id, quota, used): UserSums| {
            let keys = of_user.remove(&id).unwrap_or_default();
            (UserId(id), Account { quota: Nanos(quota), used: Nanos(used), keys })
        };
        Ok(users.into_iter().map(account).collect())
    }
}

#[async_trait]
impl CatalogueSource for CatalogueStore {
    async fn catalogue(&self) -> Result<Catalogue, StorageIll> {
        Ok(catalogue::load(&self.db, &self.sealer).await?)
    }

    async fn key(&self, digest: KeyDigest) -> Result<Option<KeyRecord>, StorageIll> {
        Ok(self.find_key(digest).await?)
    }

    async fn changes(&self, after: i64) -> Result<Vec<Change>, StorageIll> {
        Ok(changes::after(&self.db, after).await?)
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageIll> {
        Ok(self.find_account(user).await?)
    }

    async fn accounts(&self, users: &[UserId]) -> Result<Vec<(UserId, Account)>, StorageIll> {
        Ok(self.find_accounts(users).await?)
    }
}

#[derive(FromRow)]
struct KeyRow {
    id: i64,
    name: String,
    prefix: String,
    status: String,
    channel_scope: String,
    channel_id: Option<i64>,
    #[sqlx(flatten)]
    by_owner: KeyLimits,
    #[sqlx(flatten, try_from = "AdminColumns")]
    by_admin: KeyLimits,
    user_id: i64,
    username: String,
    user_status: String,
    user_rpm: Option<i64>,
    user_tpm: Option<i64>,
    user_concurrency: Option<i64>,
}

impl KeyRow {
    /// A list that no longer parses makes the key unusable for now (storage ill), never wider than it was meant.
    fn into_record(self) -> Stored<KeyRecord> {
        let owner = Owner {
            id: UserId(self.user_id),
            username: self.username,
            status: parsed("users.status", &self.user_status)?,
            limits: limits(self.user_rpm, self.user_tpm, self.user_concurrency),
        };
        let (by_owner, by_admin) = (&self.by_owner, &self.by_admin);
        let quota = |side: &KeyLimits| Some(side.daily_tokens).filter(|tokens| *tokens > 0);
        let rates = |side: &KeyLimits| limits(side.rate_limit_rpm, side.rate_limit_tpm, side.max_concurrency);
        Ok(KeyRecord {
            id: KeyId(self.id),
            name: self.name,
            prefix: self.prefix,
            status: parsed("api_keys.status", &self.status)?,
            expires_at: least(by_owner.expires_at, by_admin.expires_at),
            scope: parsed("api_keys.channel_scope", &self.channel_scope)?,
            channel: self.channel_id.map(ChannelId),
            models: Narrowing {
                owner: json("api_keys.models", &by_owner.models)?,
                admin: json("api_keys.admin_models", &by_admin.models)?,
            },
            allowed_ips: Narrowing {
                owner: networks("api_keys.allowed_ips", &by_owner.allowed_ips)?,
                admin: networks("api_keys.admin_allowed_ips", &by_admin.allowed_ips)?,
            },
            owner_limits: rates(by_owner),
            admin_limits: rates(by_admin),
            daily_tokens: least(quota(by_owner), quota(by_admin)),
            budget: least(by_owner.budget_nanos, by_admin.budget_nanos).map(Nanos),
            owner: Arc::new(owner),
        })
    }
}

fn limits(rpm: Option<i64>, tpm: Option<i64>, concurrency: Option<i64>) -> StoredLimits {
    StoredLimits { rpm, tpm, concurrency }
}

/// A list of networks; a single address counts as the network that holds it alone.
fn networks(column: &'static str, text: &str) -> Stored<Vec<IpNet>> {
    let network = |text: &String| {
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| alone()).map_err(|_| damaged(column))
    };
    json::<Vec<String>>(column, text)?.iter().map(network).collect()
}

/// Reads a JSON column.
pub(super) fn json<T: serde::de::DeserializeOwned>(column: &'static str, text: &str) -> Stored<T> {
    serde_json::from_str(text).map_err(|_| damaged(column))
}

/// Reads a column that holds one of a few words.
pub(super) fn parsed<T: std::str::FromStr>(column: &'static str, text: &str) -> Stored<T> {
    text.parse().map_err(|_| damaged(column))
}

fn damaged(column: &'static str) -> super::StoreError {
    super::StoreError::Ill(sqlx::Error::Decode(format!("{column} holds no value this version knows").into()))
}
