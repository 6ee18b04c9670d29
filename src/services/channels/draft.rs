//! Trying a channel before it is stored: with what a form holds, and the stored secrets it leaves as they are.

use actors::vocabulary::{Channel as OpenChannel, ChannelId};

use super::probes::{UpstreamModels, listed, opened};
use super::upstreams::{TestResult, Upstreams};
use super::values::{ChannelPatch, NewChannel};
use super::{find, patched, row_of};
use crate::services::{Served, Services};

/// A channel that is not stored like this.
#[derive(Clone, Debug)]
pub enum Draft {
    /// One that may come.
    New(Box<NewChannel>),
    /// A stored one as it may become.
    Changed(ChannelId, Box<ChannelPatch>),
}

/// Sends one tiny request. Nothing is kept of it, and the stored channel's health does not hear of it.
///
/// # Errors
/// Those of storing the draft; `unreadable_channel`. An unreachable provider is no error.
pub async fn test_draft(services: &Services, upstreams: &dyn Upstreams, draft: Draft) -> Served<TestResult> {
    Ok(upstreams.test(&drafted(services, draft).await?, None).await)
}

/// The models that the draft's provider lists.
///
/// # Errors
/// Those of storing the draft; `unreadable_channel`, `upstream_error`.
pub async fn draft_models(services: &Services, upstreams: &dyn Upstreams, draft: Draft) -> Served<UpstreamModels> {
    listed(upstreams, &drafted(services, draft).await?).await
}

async fn drafted(services: &Services, draft: Draft) -> Served<OpenChannel> {
    let row = match draft {
        Draft::New(new) => row_of(services, 0, *new)?,
        Draft::Changed(id, patch) => patched(services, &find(services, id).await?, *patch)?,
    };
    // No stored channel has this id: what a draft shows is not counted for one.
    Ok(OpenChannel { id: ChannelId(0), ..opened(services, row)? })
}
