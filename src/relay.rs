//! The road: the only place that knows the order of the rooms.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actors::ports::StorageIll;
use actors::vocabulary::Protocol;
use tokio_util::sync::CancellationToken;

use crate::admission::{self, Desk, Inbound, Refused, Stopped};
use crate::metering::{self, Answer};
use crate::routing::{self, Conversations, NoRoute, RecentItems, ResponseOrigins};
use crate::upstream::{self, Arrival, Failed, Wire};

/// What the road runs on: one per worker, since the client towards upstreams belongs to its thread.
#[derive(Clone)]
pub struct Road {
    /// Admission's desk, with the actors behind it.
    pub desk: Desk,
    /// The client towards upstreams.
    pub wire: Wire,
    /// Which channel made which response.
    pub origins: Arc<ResponseOrigins>,
    /// What Responses clients were given on converted routes.
    pub items: Arc<RecentItems>,
    /// Which channel served which conversation on other instances.
    pub conversations: Arc<Conversations>,
    /// Silence after which a stream shows a sign of life.
    pub keep_alive: Duration,
    /// Cancelled when the process may wait for its requests no longer: from then on nothing is waited for.
    pub late: CancellationToken,
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Road")
    }
}

/// Why a request got no answer, by the room it ended in.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// Admission.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Routing.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    /// Upstream.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// Metering: the receipt could not be written.
    #[error("the gateway could not record this request")]
    Unrecorded,
    /// The process is being stopped, and its deadline for running requests has passed.
    #[error("the gateway is being restarted")]
    Stopping,
}

/// A request without an answer; its receipt is closed by whoever tells the client.
pub type Failure = Stopped<Why>;

/// Takes a request from the door to its answer.
///
/// # Errors
/// Why there is none.
pub async fn relay(road: &Road, inbound: Inbound) -> Result<Answer, Failure> {
    let health = &road.desk.cellar.health;
    let admitted = in_time(road, admission::admit(&road.desk, inbound)).await?;
    // It may have waited for its turn.
    if let Err(refused) = admission::recordable(&road.desk) {
        return Err(Stopped::with(refused, admitted.inbound.caller.pending));
    }
    let route = in_time(road, routing::plan(health, &road.origins, &road.items, &road.conversations, admitted)).await?;
    // Where there is no choice, nobody needs to know what was chosen.
    let conversation = Some(route.conversation).filter(|_| route.offers.len() > 1);
    let arrival = in_time(road, upstream::call(&road.wire, health, &road.items, route)).await?;
    remember(road, &arrival, conversation);
    metering::answer(arrival, &road.items, road.keep_alive, &road.late).await.map_err(unrecorded)
}

/// Takes a step, unless the process can wait for it no longer. The receipt of a request that is dropped then knows why.
async fn in_time<T, E: Into<Why>>(road: &Road, step: impl Future<Output = Result<T, Stopped<E>>>) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = step => done.map_err(widen),
        () = road.late.cancelled() => Err(Stopped { why: Why::Stopping, pending: None }),
    }
}

fn widen<E: Into<Why>>(stopped: Stopped<E>) -> Failure {
    Stopped { why: stopped.why.into(), pending: stopped.pending }
}

fn unrecorded(ill: StorageIll) -> Failure {
    tracing::error!(%ill, "an answer was kept back, since its receipt could not be written");
    Stopped { why: Why::Unrecorded, pending: None }
}

/// Notes which channel holds an answer, so that a later request can go on from it, on whichever instance.
fn remember(road: &Road, arrival: &Arrival, conversation: Option<u64>) {
    let (user, channel) = (arrival.inbound.caller.key.owner.id, arrival.offer.channel.id);
    if let Some(conversation) = conversation.filter(|_| arrival.served()) {
        road.conversations.served(user, conversation, channel);
    }
    let has_memory = arrival.inbound.caller.protocol == Protocol::Responses || arrival.inbound.ask.is_threaded;
    if !arrival.offer.native || !has_memory {
        return;
    }
    if let Some(response) = arrival.response_id() {
        road.origins.remember(user, &response, channel);
    }
}
