//! Several instances as one gateway: ties the actors to what the instances share.

use std::sync::Arc;

use actors::log_broadcaster::LiveEntry;
use actors::ports::{Clock, Encoded};
use actors::system::{Cellar, CellarParts, Shared};
use actors::vocabulary::InstanceId;
use secrecy::ExposeSecret;

use super::StartError;
use crate::config::Config;
use crate::redis_store::{Listener, Membership, PeerEvent, RedisAccounts, RedisPeers, RedisSlots, RedisStore, Rhythm};

/// Starts the actors, together with the other instances where there is a Redis.
pub(super) async fn start(
    config: &Config,
    id: &InstanceId,
    clock: &Arc<dyn Clock>,
    mut parts: CellarParts,
) -> Result<(Cellar, Option<RedisStore>), StartError> {
    let Some(url) = &config.redis_url else { return Ok((Cellar::start(parts).await?, None)) };
    let redis = {
        let membership = Membership { id: id.as_str(), required: config.redis_required, rhythm: Rhythm::default() };
        RedisStore::open(url.expose_secret(), membership, Arc::clone(clock)).await?
    };
    parts.shared = Shared {
        accounts: Some(Arc::new(RedisAccounts(redis.clone()))),
        slots: Some(Arc::new(RedisSlots(redis.clone()))),
        peers: Arc::new(RedisPeers(redis.clone())),
    };
    let cellar = Cellar::start(parts).await?;
    Ok((cellar, Some(redis)))
}

/// What the actors do with what the others say.
pub(super) fn listener(cellar: &Cellar) -> Listener {
    let cellar = cellar.clone();
    Box::new(move |heard| match heard {
        PeerEvent::Freed(user) => cellar.gates.freed_elsewhere(user),
        PeerEvent::Changed => cellar.cache.look(),
        PeerEvent::LogEntry(user, admin, owner) => {
            cellar.logs.deliver(LiveEntry { user, encoded: Encoded { admin: admin.into(), user: owner.into() } });
        }
        PeerEvent::Channel(news) => cellar.health.apply_news(news),
        PeerEvent::TellAll => cellar.gates.tell_all(),
    })
}
