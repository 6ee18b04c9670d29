//! What the provider reads from a reply.

use std::sync::Arc;

use bytes::Bytes;

use super::pieces::Pieces;
use super::reply::{Raw, Reply, UsagePlan};

impl Reply {
    pub(super) fn status_or_ok(&self) -> u16 {
        self.status.unwrap_or(200)
    }

    /// The status, if it is one that says no.
    pub(super) fn refusal(&self) -> Option<u16> {
        self.status.filter(|status| *status >= 400)
    }

    pub(super) fn scripted_error_body(&self) -> Option<&Bytes> {
        self.error_body.as_ref()
    }

    pub(super) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(super) fn usage_plan(&self) -> UsagePlan {
        self.usage
    }

    pub(super) fn raw_body_plan(&self) -> Option<&Arc<Raw>> {
        self.content.raw.as_ref()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.content.empty
    }

    pub(super) fn scripted_thinking(&self) -> Option<(&str, &str)> {
        self.content.thinking.as_ref().map(|(text, signature)| (text.as_str(), signature.as_str()))
    }

    pub(super) fn scripted_tools(&self) -> &[(String, String)] {
        &self.content.tools
    }

    /// The text; a padded one that is not streamed gets its filler when its frame is known.
    pub(super) fn scripted_text(&self, streamed: bool) -> Option<Pieces> {
        match self.content.padded_to {
            Some(bytes) if streamed => Some(Pieces::Filler(bytes)),
            Some(_) => Some(Pieces::List(Vec::new())),
            None => self.content.text.clone(),
        }
    }

    pub(super) fn padded_to(&self) -> Option<usize> {
        self.content.padded_to
    }

    /// Whether nothing was said about what to say.
    pub(super) fn leaves_content_open(&self) -> bool {
        let content = &self.content;
        content.text.is_none() && content.tools.is_empty() && content.padded_to.is_none()
    }

    /// Whether the body does not simply go out.
    pub(super) fn has_a_course(&self) -> bool {
        let course = &self.course;
        course.chunk_delay.is_some() || !course.gates.is_empty() || course.twist.is_some()
    }

    /// Waits as long as the head has to.
    pub(super) async fn wait_before_head(&self) {
        for gate in &self.head.gates {
            gate.wait().await;
        }
        if let Some(pause) = self.head.delay {
            tokio::time::sleep(pause).await;
        }
        if self.head.hangs {
            std::future::pending::<()>().await;
        }
    }
}
