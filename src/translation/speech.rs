//! Turns what an upstream said into what the client hears: on a same-protocol route the same bytes, but for the
//! model's name and the usage chunk that was asked for on the client's behalf; else a conversion.

use actors::vocabulary::{Protocol, Usage};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;

use super::conversion::Conversion;
use super::faults::{self, Fault};
use super::hub::Answer;
use super::native;
use super::sse::Frame;
use super::tap::Meaning;

/// One answer's way from the upstream's protocol to the client's.
#[derive(Debug)]
pub enum Speech {
    /// The same protocol.
    Native(Passage),
    /// Another one.
    Converted(Box<Conversion>),
}

/// A whole answer as it was read.
#[derive(Debug)]
pub enum Heard {
    /// Bytes of the client's own protocol.
    Native(Bytes),
    /// An answer to be written in the client's protocol.
    Read(Answer),
    /// Several answers to one request, which are its choices.
    Several(Vec<Answer>),
}

/// The same-protocol way. Bytes stay what they are, but for three things: the model's name, where a mapping changed it; the
/// usage chunk that the client did not ask for; and the `event:` line of a Messages event that came without one, which
/// Anthropic's SDKs do not see otherwise.
#[derive(Clone, Debug)]
pub struct Passage {
    protocol: Protocol,
    /// The name the client asked for, where the upstream was asked by another.
    rename: Option<String>,
    hide_usage: bool,
}

impl Speech {
    /// For a native route. `asked` is the client's name for the model, `upstream` the one sent there.
    pub fn native(protocol: Protocol, asked: &str, upstream: &str, hide_usage: bool) -> Self {
        Self::Native(Passage { protocol, rename: Some(asked).filter(|asked| *asked != upstream).map(str::to_owned), hide_usage })
    }

    /// Whether the answer is converted.
    pub fn is_converted(&self) -> bool {
        matches!(self, Self::Converted(_))
    }

    /// The conversion of an answer whose form is not the one that was asked for; `otherwise` makes it on a native route.
    pub fn reformed(self, otherwise: impl FnOnce() -> Conversion) -> Box<Conversion> {
        match self {
            Self::Native(_) => Box::new(otherwise()),
            Self::Converted(conversion) => conversion,
        }
    }

    /// Reads a whole answer; `None` when it is none of the upstream's protocol.
    pub fn hear(&self, body: Bytes) -> Option<Heard> {
        match self {
            Self::Native(_) => Some(Heard::Native(body)),
            Self::Converted(conversion) => conversion.read(&body).map(Heard::Read),
        }
    }

    /// A whole answer for the client.
    pub fn whole(&mut self, heard: Heard, usage: &Usage) -> Bytes {
        match (self, heard) {
            (Self::Native(passage), Heard::Native(body)) => passage.whole(body),
            (Self::Converted(conversion), Heard::Read(answer)) => conversion.whole(&answer, usage),
            (Self::Converted(conversion), Heard::Several(answers)) => conversion.several(&answers, usage),
            (_, Heard::Native(body)) => body,
            (Self::Native(_), Heard::Read(_) | Heard::Several(_)) => Bytes::new(),
        }
    }

    /// The content type of what the client gets, where it is not the upstream's own.
    pub fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::Native(_) => None,
            Self::Converted(conversion) if conversion.streams() => Some("text/event-stream"),
            Self::Converted(_) => Some("application/json"),
        }
    }

    /// One event; empty when the client is not to see it. `usage` is what is known of it by now.
    pub fn event(&mut self, frame: &Frame, meaning: Meaning, usage: &Usage) -> Bytes {
        match self {
            Self::Native(passage) => passage.event(frame, meaning).unwrap_or_default(),
            Self::Converted(conversion) => conversion.event(frame, usage),
        }
    }

    /// The last bytes of a stream whose upstream named its stop reason and then closed it; `None` when it cannot have
    /// a legal end.
    pub fn missing_end(&mut self, usage: &Usage) -> Option<Bytes> {
        match self {
            // Its last event carries the whole answer, which nobody but the upstream can write.
            Self::Native(passage) if passage.protocol == Protocol::Responses => None,
            Self::Native(passage) => Some(faults::missing_end(passage.protocol)),
            Self::Converted(conversion) => conversion.missing_end(usage),
        }
    }

    /// Ends a broken stream with the client's error event. `sequence` is the number of the upstream's next event.
    pub fn fail(&mut self, fault: Fault, message: &str, sequence: i64) -> Bytes {
        match self {
            Self::Native(passage) => faults::event(passage.protocol, fault, message, sequence),
            Self::Converted(conversion) => conversion.fail(fault, message),
        }
    }

    /// Whether an answer was cut at a stop sequence, so that nothing but its end is left to be told.
    pub fn is_cut(&self) -> bool {
        match self {
            Self::Native(_) => false,
            Self::Converted(conversion) => conversion.is_cut(),
        }
    }

    /// Whether the client has been told a stream's end; `None` where it hears the upstream's own.
    pub fn is_over(&self) -> Option<bool> {
        match self {
            Self::Native(_) => None,
            Self::Converted(conversion) => Some(conversion.is_over()),
        }
    }

    /// What is sent while the upstream is silent.
    pub fn keep_alive(&self) -> Bytes {
        match self {
            Self::Native(passage) => faults::keep_alive(passage.protocol),
            Self::Converted(conversion) => conversion.keep_alive(),
        }
    }

    /// The upstream's refusal of the request: in its own words on a native route, else in the client's shape.
    pub fn declined(&self, status: u16, body: Bytes) -> Bytes {
        match self {
            Self::Native(_) => body,
            Self::Converted(conversion) => conversion.declined(status, &body),
        }
    }

    /// Output items a later request may refer to, with their ids.
    pub fn output_items(&mut self) -> Vec<(String, Value)> {
        match self {
            Self::Native(_) => Vec::new(),
            Self::Converted(conversion) => conversion.output_items(),
        }
    }
}

impl Passage {
    fn whole(&self, body: Bytes) -> Bytes {
        let renamed = self.rename.as_deref().and_then(|model| native::renamed(self.protocol, &body, model));
        renamed.unwrap_or(body)
    }

    fn event(&self, frame: &Frame, meaning: Meaning) -> Option<Bytes> {
        if meaning == Meaning::UsageChunk && self.hide_usage {
            return None;
        }
        let name = if self.protocol == Protocol::Messages { native::missing_name(frame) } else { None };
        let named = name.map(|name| Frame { event: Some(name), ..frame.clone() });
        let frame = named.as_ref().unwrap_or(frame);
        let renamed = self.rename.as_deref().zip(frame.data.as_deref());
        let renamed = renamed.and_then(|(model, data)| native::renamed(self.protocol, data, model));
        let renamed = renamed.or_else(|| named.as_ref().and_then(|frame| frame.data.clone()));
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
