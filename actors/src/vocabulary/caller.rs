//! Who is asking: a key and its owner, as admission needs them.

use std::sync::Arc;

use ipnet::IpNet;

use super::ids::{ChannelId, KeyId, UserId};
use super::model::{Family, UnknownName};
use super::money::Nanos;
use super::narrowing::{Narrowing, names_model};

/// What an account may administer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Their own keys and figures.
    User,
    /// Everything but super admins.
    Admin,
    /// Everything.
    SuperAdmin,
}

/// Whether an account may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserStatus {
    /// May act.
    Active,
    /// Not admitted yet.
    Pending,
    /// Shut out.
    Disabled,
}

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyStatus {
    /// May be used.
    Active,
    /// Switched off.
    Disabled,
}

/// Which channels a key may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelScope {
    /// All.
    All,
    /// Those of one family.
    Family(Family),
}

macro_rules! names {
    ($type:ty { $($value:pat => $name:literal = $back:expr),+ $(,)? }) => {
        impl $type {
            /// The name used in JSON and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $($value => $name),+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text { $($name => Ok($back),)+ _ => Err(UnknownName) }
            }
        }
    };
}

names!(Role { Self::User => "user" = Self::User, Self::Admin => "admin" = Self::Admin, Self::SuperAdmin => "super_admin" = Self::SuperAdmin });
names!(UserStatus { Self::Active => "active" = Self::Active, Self::Pending => "pending" = Self::Pending, Self::Disabled => "disabled" = Self::Disabled });
names!(KeyStatus { Self::Active => "active" = Self::Active, Self::Disabled => "disabled" = Self::Disabled });
names!(ChannelScope {
    Self::All => "all" = Self::All,
    Self::Family(Family::Claude) => "claude" = Self::Family(Family::Claude),
    Self::Family(Family::OpenAi) => "openai" = Self::Family(Family::OpenAi),
});

/// Stored rates (`None` = system default, 0 = unlimited).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredLimits {
    /// `rateLimitRpm`.
    pub rpm: Option<i64>,
    /// `rateLimitTpm`.
    pub tpm: Option<i64>,
    /// `maxConcurrency`.
    pub concurrency: Option<i64>,
}

/// The account behind a key.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its id.
    pub id: UserId,
    /// Its name, for the log.
    pub username: String,
    /// What it may administer: admins are told more of their own requests.
    pub role: Role,
    /// Only active owners' keys work.
    pub status: UserStatus,
    /// Its limits over all keys.
    pub limits: StoredLimits,
}

/// A key with its owner, cached by digest.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// Its name, for the log.
    pub name: String,
    /// The visible start (`sk-relay-XXXX`).
    pub prefix: String,
    /// Switched on or off.
    pub status: KeyStatus,
    /// Epoch milliseconds after which it is refused: the earlier of the owner's and the admin's.
    pub expires_at: Option<i64>,
    /// Which channels it reaches.
    pub scope: ChannelScope,
    /// The one channel it reaches, if an admin pinned it.
    pub channel: Option<ChannelId>,
    /// Models it may ask for. A trailing `*` matches any ending.
    pub models: Narrowing<String>,
    /// Addresses it may be used from.
    pub allowed_ips: Narrowing<IpNet>,
    /// The owner's limits for the key.
    pub owner_limits: StoredLimits,
    /// The admin's limits for the key; the tighter of both counts.
    pub admin_limits: StoredLimits,
    /// Tokens per day: the smaller of the owner's quota and the admin's; `None` = no quota.
    pub daily_tokens: Option<i64>,
    /// What it may spend in its life: the smaller of the owner's budget and the admin's; `None` = no budget.
    pub budget: Option<Nanos>,
    /// The account behind it.
    pub owner: Arc<Owner>,
}

impl KeyRecord {
    /// Whether the key's model lists allow a model that was asked for by one name and is known by another.
    pub fn allows_model(&self, asked: &str, known: &str) -> bool {
        self.models.allows(|entry| names_model(entry, asked) || names_model(entry, known))
    }
}
