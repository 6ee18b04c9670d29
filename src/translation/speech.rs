//! Turns what an upstream said into what the client hears. On a same-protocol route these are the same bytes,
//! but for the model's name and the usage chunk that was asked for on the client's behalf.

use actors::vocabulary::Protocol;
use bytes::{BufMut, Bytes, BytesMut};

use super::native;
use super::sse::Frame;
use super::tap::Meaning;

/// One answer's way from the upstream's protocol to the client's.
#[derive(Clone, Debug)]
pub struct Speech {
    protocol: Protocol,
    /// The name the client asked for, where the upstream was asked by another.
    rename: Option<String>,
    hide_usage: bool,
}

impl Speech {
    /// For a native route. `asked` is the client's name for the model, `upstream` the one sent there.
    pub fn native(protocol: Protocol, asked: &str, upstream: &str, hide_usage: bool) -> Self {
        Self { protocol, rename: Some(asked).filter(|asked| *asked != upstream).map(str::to_owned), hide_usage }
    }

    /// A whole answer.
    pub fn whole(&self, body: Bytes) -> Bytes {
        let renamed = self.rename.as_deref().and_then(|model| native::renamed(self.protocol, &body, model));
        renamed.unwrap_or(body)
    }

    /// One event; `None` when the client is not to see it.
    pub fn event(&self, frame: &Frame, meaning: Meaning) -> Option<Bytes> {
        if meaning == Meaning::UsageChunk && self.hide_usage {
            return None;
        }
        let renamed = self.rename.as_deref().zip(frame.data.as_deref());
        let renamed = renamed.and_then(|(model, data)| native::renamed(self.protocol, data, model));
        Some(renamed.map_or_else(|| frame.raw.clone(), |data| rewritten(frame, &data)))
    }
}

fn rewritten(frame: &Frame, data: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(frame.raw.len() + 64);
    if let Some(event) = &frame.event {
        bytes.put_slice(b"event: ");
        bytes.put_slice(event.as_bytes());
        bytes.put_slice(b"\n");
    }
    for line in data.split(|byte| *byte == b'\n') {
        bytes.put_slice(b"data: ");
        bytes.put_slice(line);
        bytes.put_slice(b"\n");
    }
    bytes.put_slice(b"\n");
    bytes.freeze()
}
