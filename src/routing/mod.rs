//! Where a request goes: the offers, ordered by health. Mints [`Route`].

mod conversations;
mod items;
mod origins;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use actors::channel_health::{Candidate, ChannelHealth, ChannelSlot, Chosen, NoneLive};
use actors::settings_cache::Offer;
use actors::vocabulary::{ChannelId, Deadlines, Settings, UserId};

pub use conversations::Conversations;
pub use items::RecentItems;
pub use origins::ResponseOrigins;

use crate::admission::{Admitted, Inbound, Stopped};

/// Where a request may go, in order.
#[derive(Debug)]
pub struct Route {
    /// The request.
    pub inbound: Inbound,
    /// At least one.
    pub offers: Vec<Offer>,
    /// The same, as `ChannelHealth` knows them.
    pub candidates: Arc<[Candidate]>,
    /// A slot of the first, unless it is saturated.
    pub first: Option<ChannelSlot>,
    /// The last resort.
    pub fallback: Option<Offer>,
    /// The clocks.
    pub deadlines: Deadlines,
    /// What the channel that answers is remembered by.
    pub conversation: u64,
    /// Expected input tokens.
    pub input_tokens: i64,
}

/// Why nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// Every channel rests.
    #[error("no channel is available right now")]
    NoneLive {
        /// Milliseconds until one may be tried again.
        retry_ms: i64,
    },
    /// `previous_response_id` names a response this user did not get here.
    #[error("no response with this previous_response_id was made here for this account")]
    UnknownResponse,
    /// `thread.previous_message_id` names a message this user did not get here.
    #[error("no message with this previous_message_id was made here for this account")]
    UnknownThread,
    /// The health actor does not answer.
    #[error("the gateway cannot choose a channel right now")]
    Unanswered,
}

/// Orders the offers. What goes on from an earlier answer leaves only the channel that holds it, or those whose requests
/// are converted where the gateway remembers it; where no channel speaks the protocol that has it, the conversion says so.
///
/// # Errors
/// When nobody can be asked.
pub async fn plan(
    health: &ChannelHealth,
    origins: &ResponseOrigins,
    items: &RecentItems,
    conversations: &Conversations,
    admitted: Admitted,
) -> Result<Route, Stopped<NoRoute>> {
    let Admitted { inbound, mut offers, mut fallback, input_tokens } = admitted;
    let has_memory = offers.iter().any(|offer| offer.native);
    if let Some(previous) = inbound.ask.previous_response.as_deref().filter(|_| has_memory) {
        let user = inbound.caller.key.owner.id;
        match holder(origins, items, user, previous).await {
            Holder::Channel(channel) => offers.retain(|offer| offer.channel.id == channel),
            Holder::Gateway => offers.retain(|offer| !offer.native),
            Holder::Nobody => offers.clear(),
        }
        fallback = None;
        if offers.is_empty() {
            let unknown = if inbound.ask.is_threaded { NoRoute::UnknownThread } else { NoRoute::UnknownResponse };
            return Err(Stopped::with(unknown, inbound.caller.pending));
        }
    }
    let conversation = conversation(&inbound);
    let candidates: Arc<[Candidate]> = offers.iter().map(candidate).collect();
    let elsewhere = match candidates.len() {
        0 | 1 => None,
        _ => conversations.served_elsewhere(inbound.caller.key.owner.id, conversation).await,
    };
    let choosing = health.choose(&candidates, Some(conversation), elsewhere, fastrand::u64(..));
    let Chosen { order, first } = match choosing.await {
        Ok(Ok(chosen)) => chosen,
        Ok(Err(NoneLive { retry_ms })) if fallback.is_none() => {
            return Err(Stopped::with(NoRoute::NoneLive { retry_ms }, inbound.caller.pending));
        }
        Ok(Err(NoneLive { .. })) => Chosen { order: Vec::new(), first: None },
        Err(_) => return Err(Stopped::with(NoRoute::Unanswered, inbound.caller.pending)),
    };
    // Several answers of a channel that gives one at a time are whole ones.
    let streams = inbound.ask.stream && (inbound.ask.choices == 1 || offers.iter().all(|offer| offer.native));
    let deadlines = deadlines(&inbound.caller.snapshot.settings, streams);
    let offers: Vec<Offer> = order.iter().map(|index| offers[*index].clone()).collect();
    let candidates = offers.iter().map(candidate).collect();
    Ok(Route { inbound, offers, candidates, first, fallback, deadlines, conversation, input_tokens })
}

/// Who holds an earlier answer.
enum Holder {
    /// The channel that made it.
    Channel(ChannelId),
    /// The gateway, which converted it.
    Gateway,
    /// Nobody, as far as is known.
    Nobody,
}

/// Looks for an earlier answer: first where looking costs nothing, then in what the other instances remember.
async fn holder(origins: &ResponseOrigins, items: &RecentItems, user: UserId, response: &str) -> Holder {
    if let Some(channel) = origins.channel(user, response) {
        return Holder::Channel(channel);
    }
    if items.knows(user, response) {
        return Holder::Gateway;
    }
    if let Some(channel) = origins.recall(user, response).await {
        return Holder::Channel(channel);
    }
    if items.recall(user, vec![response.to_owned()]).await { Holder::Gateway } else { Holder::Nobody }
}

/// An offer as `ChannelHealth` knows it.
pub fn candidate(offer: &Offer) -> Candidate {
    Candidate {
        channel: offer.channel.id,
        model: Arc::clone(&offer.upstream_model),
        priority: offer.channel.priority,
        weight: offer.channel.weight,
        native: offer.native,
        max_concurrency: offer.channel.max_concurrency,
    }
}

/// One number per conversation: its key, and its session header or what its body tells.
fn conversation(inbound: &Inbound) -> u64 {
    let mut hasher = DefaultHasher::new();
    inbound.caller.key.id.hash(&mut hasher);
    match &inbound.session {
        Some(session) => session.hash(&mut hasher),
        None => inbound.ask.conversation.hash(&mut hasher),
    }
    hasher.finish()
}

fn deadlines(settings: &Settings, stream: bool) -> Deadlines {
    Deadlines {
        connect: settings.connect_timeout_sec,
        first_byte: if stream { settings.first_byte_timeout_sec } else { settings.whole_answer_timeout_sec },
        idle: settings.stream_idle_timeout_sec,
        whole: settings.request_deadline_sec,
    }
}
