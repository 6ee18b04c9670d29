//! What a setting's type alone cannot check.

use std::sync::LazyLock;

use actors::vocabulary::{ChannelId, Settings};
use ammonia::Builder;
use url::Url;

use crate::services::values::check;
use crate::services::{Served, Services};
use crate::store::base_url::{has_odd_characters, has_user_info};
use crate::store::channels;

/// The longest title of an announcement, in characters.
const LONGEST_TITLE: usize = 200;

/// Takes out what runs; and the heading of a page, which has its own.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner.rm_tags(["h1"]);
    cleaner
});

/// The smallest budget of memory for bodies, if one is set.
const LEAST_BODY_MEMORY: i64 = 1 << 20;

/// A text as it is stored: HTML without anything that runs, the rest without blanks around it.
pub(super) fn cleaned(key: &str, text: String) -> String {
    match key {
        "announcementHtml" => harmless(&text),
        "timezone" | "siteUrl" | "siteLogoUrl" | "siteName" => text.trim().to_owned(),
        _ => text,
    }
}

/// HTML without anything that runs. Applied to what comes in, and again to what goes out: a row may have come another way.
pub(super) fn harmless(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// Checks the settings as they would be together. Only what changed can be at fault.
pub(super) async fn whole(services: &Services, old: &Settings, new: &Settings) -> Served<()> {
    if new.timezone != old.timezone && jiff::tz::TimeZone::get(&new.timezone).is_err() {
        return Err(check::bad("timezone", "an IANA time zone such as Europe/Berlin"));
    }
    if new.site_name != old.site_name {
        check::name("siteName", &new.site_name, 100)?;
    }
    if new.site_url != old.site_url {
        address("siteUrl", new.site_url.as_deref(), false)?;
    }
    if new.site_logo_url != old.site_logo_url {
        address("siteLogoUrl", new.site_logo_url.as_deref(), true)?;
    }
    if new.announcement_title != old.announcement_title {
        check::length("announcementTitle", new.announcement_title.as_deref().unwrap_or_default(), 0, LONGEST_TITLE)?;
    }
    if new.cors_origins != old.cors_origins {
        origins(&new.cors_origins)?;
    }
    check::range("circuitErrorRatePercent", new.circuit_error_rate_percent, 0, 100)?;
    check::range("proxyMaxRetries", new.proxy_max_retries, 0, 20)?;
    check::range("maxRequestBytes", new.max_request_bytes, 0, 1 << 30)?;
    if new.body_memory_bytes != 0 {
        check::range("bodyMemoryBytes", new.body_memory_bytes, LEAST_BODY_MEMORY, 1 << 40)?;
    }
    check::range("logRetentionDays", new.log_retention_days, 0, 36_500)?;
    channel(services, "claudeFallbackChannelId", old.claude_fallback_channel_id, new.claude_fallback_channel_id).await?;
    channel(services, "openaiFallbackChannelId", old.openai_fallback_channel_id, new.openai_fallback_channel_id).await
}

async fn channel(services: &Services, key: &str, old: Option<ChannelId>, new: Option<ChannelId>) -> Served<()> {
    match new {
        Some(id) if old != new && channels::find(&services.db, id).await?.is_none() => {
            Err(check::bad(key, "there is no such channel"))
        }
        _ => Ok(()),
    }
}

/// Whether an address is one of the web, its host without signs that mean something in a policy (`;`, `,`, `*`, `'`).
pub fn is_web(url: &Url) -> bool {
    let plain = |host: &str| host.chars().all(|char| char.is_ascii_alphanumeric() || ".-:[]".contains(char));
    matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(plain)
}

fn address(key: &str, given: Option<&str>, path_will_do: bool) -> Served<()> {
    let Some(text) = given else { return Ok(()) };
    let odd = has_odd_characters(text);
    let path = path_will_do && text.starts_with('/') && !text.starts_with("//");
    let absolute = || Url::parse(text).is_ok_and(|url| is_web(&url) && !has_user_info(text));
    if text.len() <= 2_048 && !odd && (path || absolute()) { Ok(()) } else { Err(check::bad(key, "an http or https address")) }
}

/// `*`, or origins separated by commas.
fn origins(text: &str) -> Served<()> {
    let is_origin = |text: &str| {
        Url::parse(text)
            .is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text.trim_end_matches('/'))
    };
    let fine = text.trim() == "*" || text.split(',').map(str::trim).filter(|part| !part.is_empty()).all(is_origin);
    if fine { Ok(()) } else { Err(check::bad("corsOrigins", "*, or origins such as https://app.example, separated by commas")) }
}
