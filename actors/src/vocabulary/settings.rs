//! The site's settings: one table of flat keys, defaults and bounds, from which everything else is made.
//!
//! A setting's text form is plain: `true`, `10`, `0.05`, `api-proxy`. Doors turn it into JSON by [`Kind`].

use std::time::Duration;

use super::ids::ChannelId;
use super::money::{Multiplier, Nanos};

/// How a setting's text stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// A JSON boolean.
    Switch,
    /// A JSON number or null.
    OptionalNumber,
    /// A JSON string or null.
    OptionalText,
}

/// Why a setting's text was refused: a sentence that says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(pub &'static str);

/// A type a setting may have.
pub trait SettingValue: Sized {
    /// Its JSON form.
    const KIND: Kind;
    /// Reads the text form.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    fn parse(text: &str) -> Result<Self, BadSetting>;
    /// Writes the text form; `None` = null.
    fn render(&self) -> Option<String>;
}

impl SettingValue for String {
    const KIND: Kind = Kind::Text;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        if text.len() > 65_536 { Err(BadSetting("at most 65536 bytes")) } else { Ok(text.to_owned()) }
    }
    fn render(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl SettingValue for bool {
    const KIND: Kind = Kind::Switch;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        text.parse().map_err(|_| BadSetting("true or false"))
    }
    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl SettingValue for i64 {
    const KIND: Kind = Kind::Number;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        text.parse().ok().filter(|n| (0..=1_000_000_000_000).contains(n)).ok_or(BadSetting("a whole number, 0 or more"))
    }
    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl SettingValue for Nanos {
    const KIND: Kind = Kind::Number;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        const RIGHT: BadSetting = BadSetting("an amount in USD from 0 to 1000000000, at most 9 decimals");
        text.parse().ok().filter(|n: &Self| (Self::ZERO..=Self::MOST).contains(n)).ok_or(RIGHT)
    }
    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl SettingValue for Multiplier {
    const KIND: Kind = Kind::Number;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        let range = 0..=1_000 * Self::ONE.0;
        text.parse().ok().filter(|m: &Self| range.contains(&m.0)).ok_or(BadSetting("a number from 0 to 1000, at most 9 decimals"))
    }
    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl SettingValue for Duration {
    const KIND: Kind = Kind::Number;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        const WRONG: BadSetting = BadSetting("seconds from 0.05 to 86400, or 0");
        let nanos = text.parse::<Nanos>().map_err(|_| WRONG)?.0;
        match u64::try_from(nanos) {
            Ok(nanos) if nanos == 0 || (50_000_000..=86_400_000_000_000).contains(&nanos) => Ok(Self::from_nanos(nanos)),
            _ => Err(WRONG),
        }
    }
    fn render(&self) -> Option<String> {
        Some(Nanos(i64::try_from(self.as_nanos()).unwrap_or(i64::MAX)).to_string())
    }
}

impl SettingValue for Option<ChannelId> {
    const KIND: Kind = Kind::OptionalNumber;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| BadSetting("a channel id, or null"))
    }
    fn render(&self) -> Option<String> {
        self.map(|id| id.to_string())
    }
}

impl SettingValue for Option<String> {
    const KIND: Kind = Kind::OptionalText;
    fn parse(text: &str) -> Result<Self, BadSetting> {
        if text.is_empty() { Ok(None) } else { String::parse(text).map(Some) }
    }
    fn render(&self) -> Option<String> {
        self.clone()
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $wrong:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl SettingValue for $name {
            const KIND: Kind = Kind::Text;
            fn parse(text: &str) -> Result<Self, BadSetting> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(BadSetting($wrong)) }
            }
            fn render(&self) -> Option<String> {
                Some(match self { $(Self::$variant => $word),+ }.to_owned())
            }
        }
    };
}

words! {
    /// How much money a request holds while it runs.
    BalancePolicy: "spend_remainder or strict" {
        /// A capped hold that grows with the output; a small rest can be spent, one request at a time.
        SpendRemainder = "spend_remainder",
        /// The whole worst case.
        Strict = "strict",
    }
}

words! {
    /// How the announcement shows.
    AnnouncementMode: "marquee or modal" {
        /// A bar above every page.
        Marquee = "marquee",
        /// A dialog, once per visitor and text.
        Modal = "modal",
    }
}

/// One row of the settings table.
#[derive(Clone, Copy, Debug)]
pub struct SettingInfo {
    /// The flat key of the contract.
    pub key: &'static str,
    /// Its form in JSON.
    pub kind: Kind,
    /// What it does, in one sentence.
    pub effect: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $effect:literal])+ $field:ident $key:literal: $type:ty = $default:expr;)+) => {
        /// All settings, typed. [`Settings::default`] holds the contract's defaults.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings { $($(#[doc = $effect])+ pub $field: $type,)+ }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Settings {
            /// Every setting there is.
            pub const ALL: &'static [SettingInfo] =
                &[$(SettingInfo { key: $key, kind: <$type as SettingValue>::KIND, effect: concat!($($effect),+) },)+];

            /// Sets one from its text; `None` when no such key exists.
            pub fn set(&mut self, key: &str, text: &str) -> Option<Result<(), BadSetting>> {
                match key {
                    $($key => Some(<$type as SettingValue>::parse(text).map(|value| self.$field = value)),)+
                    _ => None,
                }
            }

            /// One setting's text; the outer `None` when no such key exists, the inner one for null.
            pub fn get(&self, key: &str) -> Option<Option<String>> {
                match key {
                    $($key => Some(self.$field.render()),)+
                    _ => None,
                }
            }

            /// Sets one back to its default; `false` when no such key exists.
            pub fn reset(&mut self, key: &str) -> bool {
                match key {
                    $($key => { self.$field = $default; true })+
                    _ => false,
                }
            }
        }
    };
}

const fn sec(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

settings! {
    /// The name shown on pages.
    site_name "siteName": String = "api-proxy".to_owned();
    /// The address users reach this site by; absent = taken from the request.
    site_url "siteUrl": Option<String> = None;
    /// The logo shown on pages.
    site_logo_url "siteLogoUrl": Option<String> = None;
    /// IANA time zone in which a day starts.
    timezone "timezone": String = "UTC".to_owned();
    /// Whether strangers may register.
    registration_enabled "registrationEnabled": bool = true;
    /// Refuses relayed requests with the maintenance message.
    maintenance_mode "maintenanceMode": bool = false;
    /// What clients are told during maintenance.
    maintenance_message "maintenanceMessage": Option<String> = None;
    /// The quota a new user starts with, in USD.
    default_quota_usd "defaultQuotaUsd": Nanos = Nanos::ZERO;
    /// Requests per minute of users without a limit of their own; 0 = unlimited.
    default_rate_limit_rpm "defaultRateLimitRpm": i64 = 0;
    /// Tokens per minute of users without a limit of their own; 0 = unlimited.
    default_rate_limit_tpm "defaultRateLimitTpm": i64 = 0;
    /// Concurrent requests of users without a limit of their own; 0 = unlimited.
    default_max_concurrency "defaultMaxConcurrency": i64 = 0;
    /// Keys that a user may have; 0 = unlimited. Admins may make more.
    max_keys_per_user "maxKeysPerUser": i64 = 100;
    /// Further attempts after the first one failed.
    proxy_max_retries "proxyMaxRetries": i64 = 3;
    /// Whether a 429 moves on to the next channel.
    proxy_retry_429 "proxyRetry429": bool = true;
    /// Whether a 5xx moves on to the next channel.
    proxy_retry_5xx "proxyRetry5xx": bool = true;
    /// Whether a network error or timeout moves on to the next channel.
    proxy_retry_network "proxyRetryNetwork": bool = true;
    /// Whether an answer without any output moves on to the next channel.
    proxy_treat_empty_output_as_failure "proxyTreatEmptyOutputAsFailure": bool = false;
    /// Whether the Messages protocol has a last resort.
    claude_fallback_enabled "claudeFallbackEnabled": bool = false;
    /// Its channel.
    claude_fallback_channel_id "claudeFallbackChannelId": Option<ChannelId> = None;
    /// Its model.
    claude_fallback_model "claudeFallbackModel": Option<String> = None;
    /// Whether OpenAI's protocols have a last resort.
    openai_fallback_enabled "openaiFallbackEnabled": bool = false;
    /// Its channel.
    openai_fallback_channel_id "openaiFallbackChannelId": Option<ChannelId> = None;
    /// Its model.
    openai_fallback_model "openaiFallbackModel": Option<String> = None;
    /// Multiplies every bill.
    global_billing_multiplier "globalBillingMultiplier": Multiplier = Multiplier::ONE;
    /// Multiplies bills of Claude channels.
    claude_billing_multiplier "claudeBillingMultiplier": Multiplier = Multiplier::ONE;
    /// Multiplies bills of OpenAI channels.
    openai_billing_multiplier "openaiBillingMultiplier": Multiplier = Multiplier::ONE;
    /// Serves models without a price, free and marked.
    allow_unpriced_models "allowUnpricedModels": bool = false;
    /// How much money a request holds while it runs.
    balance_policy "balancePolicy": BalancePolicy = BalancePolicy::SpendRemainder;
    /// Output tokens held for at a time under `spend_remainder`.
    hold_output_tokens "holdOutputTokens": i64 = 4_096;
    /// Ends a stream whose balance ran out instead of letting it finish.
    cut_when_exhausted "cutWhenExhausted": bool = false;
    /// Records heads and bodies of requests, secrets masked.
    record_all_request_details "recordAllRequestDetails": bool = false;
    /// Seconds for DNS, TCP and TLS.
    connect_timeout_sec "connectTimeoutSec": Duration = sec(10);
    /// Seconds until a stream's head.
    first_byte_timeout_sec "firstByteTimeoutSec": Duration = sec(60);
    /// Seconds until a whole answer.
    whole_answer_timeout_sec "wholeAnswerTimeoutSec": Duration = sec(600);
    /// Seconds of silence inside a stream.
    stream_idle_timeout_sec "streamIdleTimeoutSec": Duration = sec(120);
    /// Seconds from arrival to the commit, over all attempts.
    request_deadline_sec "requestDeadlineSec": Duration = sec(900);
    /// Seconds to wait for a slot or for held money.
    concurrency_wait_sec "concurrencyWaitSec": Duration = sec(30);
    /// Largest request body in bytes, decoded.
    max_request_bytes "maxRequestBytes": i64 = 33_554_432;
    /// Memory for all request bodies under way together, in bytes; 0 = by the machine's memory.
    body_memory_bytes "bodyMemoryBytes": i64 = 0;
    /// Whether failing channels rest.
    circuit_enabled "circuitEnabled": bool = true;
    /// Share of failures that opens a circuit, in percent.
    circuit_error_rate_percent "circuitErrorRatePercent": i64 = 50;
    /// Requests a minute before the share counts.
    circuit_min_requests "circuitMinRequests": i64 = 10;
    /// First rest of an open circuit, in seconds.
    circuit_cooldown_sec "circuitCooldownSec": Duration = sec(10);
    /// Longest rest of an open circuit, in seconds.
    circuit_cooldown_max_sec "circuitCooldownMaxSec": Duration = sec(300);
    /// Whether channels may point at private addresses.
    allow_private_upstreams "allowPrivateUpstreams": bool = false;
    /// Origins that browsers may call `/v1` from: comma-separated, or `*`.
    cors_origins "corsOrigins": String = String::new();
    /// Days that log rows are kept; 0 = for ever.
    log_retention_days "logRetentionDays": i64 = 90;
    /// Shows the announcement.
    announcement_enabled "announcementEnabled": bool = false;
    /// How it shows.
    announcement_mode "announcementMode": AnnouncementMode = AnnouncementMode::Marquee;
    /// Its title.
    announcement_title "announcementTitle": Option<String> = None;
    /// Its text, HTML, sanitised.
    announcement_html "announcementHtml": Option<String> = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reads_back_what_it_wrote_and_can_be_reset() {
        let defaults = Settings::default();
        for info in Settings::ALL {
            let mut settings = Settings::default();
            let text = defaults.get(info.key).flatten().unwrap_or_default();
            assert_eq!(settings.set(info.key, &text), Some(Ok(())), "{}", info.key);
            assert!(settings.reset(info.key));
            assert_eq!(settings, defaults, "{}", info.key);
        }
    }

    #[test]
    fn seconds_take_decimals_from_a_twentieth_up() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("connectTimeoutSec", "0.05"), Some(Ok(())));
        assert_eq!(settings.connect_timeout_sec, Duration::from_millis(50));
        assert!(matches!(settings.set("connectTimeoutSec", "0.01"), Some(Err(_))));
        assert!(settings.set("noSuchKey", "1").is_none());
    }
}
