//! What instances tell each other at once: changes, live log entries, what became known of channels.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actors::ports::{ChannelNews, Encoded, Peers};
use actors::user_gate::shared::SharedUnavailable;
use actors::vocabulary::{ChannelId, UserId};
use deadpool_redis::redis;
use serde::{Deserialize, Serialize};

use super::{Inner, PeerEvent, RedisStore, named};

/// The channels that everybody listens to.
pub(super) const CHANNELS: [&str; 4] = ["freed", "changed", "log", "channel"];
/// Largest live log entry passed on; a larger one is read where it was made, and in the log.
const MOST_ENTRY_BYTES: usize = 256 << 10;

/// The other instances.
#[derive(Clone, Debug)]
pub struct RedisPeers(pub RedisStore);

impl Peers for RedisPeers {
    fn changed(&self) {
        self.0.inner.publish("changed", self.0.inner.id.as_bytes().to_vec());
    }

    fn read_logs(&self) -> bool {
        self.0.inner.others_read.load(Ordering::Relaxed)
    }

    fn log_entry(&self, user: UserId, encoded: &Encoded) {
        let (admin, owner) = (&encoded.admin, &encoded.user);
        let Ok(length) = u32::try_from(admin.len()) else { return };
        if admin.len() + owner.len() > MOST_ENTRY_BYTES {
            return;
        }
        let mut entry = self.0.inner.id.as_bytes().to_vec();
        entry.push(b' ');
        entry.extend_from_slice(&user.0.to_be_bytes());
        entry.extend_from_slice(&length.to_be_bytes());
        entry.extend_from_slice(admin);
        entry.extend_from_slice(owner);
        self.0.inner.publish("log", entry);
    }

    fn channel(&self, news: ChannelNews) {
        let inner = &self.0.inner;
        let now = inner.now_ms();
        let until = |left: i64| now.saturating_add(left);
        let told = StoredNews {
            from: inner.id.clone(),
            channel: news.channel.0,
            open_until: news.open_ms.map(until),
            cooldown_ms: news.cooldown_ms,
            rest_until: Some(news.rest_ms).filter(|left| *left > 0).map(until),
            why: news.why.map(std::borrow::Cow::into_owned),
            model: news.model.map(|(model, left)| (model.to_string(), until(left))),
        };
        let Ok(text) = serde_json::to_string(&told) else { return };
        let mut keep = redis::cmd("HSET");
        keep.arg(named("channels", "news")).arg(news.channel.0).arg(&text);
        inner.send(keep);
        inner.publish("channel", text.into_bytes());
    }
}

/// News of a channel as Redis keeps them for instances that start later: moments of Redis's clock, epoch milliseconds.
#[derive(Serialize, Deserialize)]
struct StoredNews {
    from: String,
    channel: i64,
    open_until: Option<i64>,
    cooldown_ms: i64,
    rest_until: Option<i64>,
    why: Option<String>,
    model: Option<(String, i64)>,
}

impl StoredNews {
    fn heard(self, now_ms: i64) -> ChannelNews {
        let left = |until: i64| (until - now_ms).max(0);
        ChannelNews {
            channel: ChannelId(self.channel),
            open_ms: self.open_until.map(left),
            cooldown_ms: self.cooldown_ms,
            rest_ms: self.rest_until.map_or(0, left),
            why: self.why.map(std::borrow::Cow::Owned),
            model: self.model.map(|(model, until)| (Arc::from(model), left(until))),
        }
    }
}

impl Inner {
    fn publish(&self, channel: &str, payload: Vec<u8>) {
        let mut command = redis::cmd("PUBLISH");
        command.arg(named("news", channel)).arg(payload);
        self.send(command);
    }

    /// Passes on what another instance said. What this one said itself, and what cannot be read, is left out.
    pub(super) fn heard(&self, channel: &str, payload: &[u8]) {
        let heard = match channel.rsplit(':').next() {
            Some("freed") => self.freed(payload),
            Some("changed") => (payload != self.id.as_bytes()).then_some(PeerEvent::Changed),
            Some("log") => self.log_entry(payload),
            Some("channel") => serde_json::from_slice::<StoredNews>(payload)
                .ok()
                .filter(|news| news.from != self.id)
                .map(|news| PeerEvent::Channel(news.heard(self.now_ms()))),
            _ => None,
        };
        if let Some(heard) = heard {
            self.tell(heard);
        }
    }

    fn freed(&self, payload: &[u8]) -> Option<PeerEvent> {
        let (from, user) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
        (from != self.id).then_some(())?;
        user.parse().ok().map(PeerEvent::Freed)
    }

    fn log_entry(&self, payload: &[u8]) -> Option<PeerEvent> {
        let space = payload.iter().position(|byte| *byte == b' ')?;
        let (from, rest) = (payload.get(..space)?, payload.get(space + 1..)?);
        (from != self.id.as_bytes()).then_some(())?;
        let (user, rest) = rest.split_at_checked(8)?;
        let (length, rest) = rest.split_at_checked(4)?;
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        let (admin, owner) = rest.split_at_checked(length)?;
        Some(PeerEvent::LogEntry(UserId(i64::from_be_bytes(user.try_into().ok()?)), admin.to_vec(), owner.to_vec()))
    }

    /// What the others learned of channels before this instance listened.
    pub(super) async fn catch_up_on_channels(&self) -> Result<(), SharedUnavailable> {
        let stored: Vec<(String, String)> = self.ask(redis::cmd("HGETALL").arg(named("channels", "news"))).await?;
        for (_, text) in stored {
            if let Ok(news) = serde_json::from_str::<StoredNews>(&text) {
                self.tell(PeerEvent::Channel(news.heard(self.now_ms())));
            }
        }
        Ok(())
    }
}
