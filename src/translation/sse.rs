//! Server-sent events, cut out of a byte stream wherever its chunks happen to break.
//!
//! Rules of the WHATWG HTML standard, §9.2.6: lines end in LF, CRLF or CR; a blank line ends an event;
//! one space after the colon is dropped; lines that start with a colon are comments.

use bytes::{Bytes, BytesMut};

/// Largest event taken; a longer one breaks the stream.
pub const MOST_EVENT_BYTES: usize = 16 << 20;

/// One event (or a run of comments) with the bytes it came as, blank line included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes as they came.
    pub raw: Bytes,
    /// The `event:` field.
    pub event: Option<String>,
    /// The `data:` lines, joined by LF; `None` for comments alone.
    pub data: Option<Bytes>,
}

/// An event grew beyond [`MOST_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {MOST_EVENT_BYTES} bytes")]
pub struct EventTooLong;

/// Cuts frames out of chunks. What does not end in a blank line waits for the rest; what was looked at once is
/// not looked at again, however small the chunks of a large event are.
#[derive(Debug, Default)]
pub struct Framer {
    carry: BytesMut,
    look: Look,
}

impl Framer {
    /// Takes a chunk and gives the frames it completes. A chunk of whole frames is not copied.
    ///
    /// # Errors
    /// When an event grows too long.
    pub fn feed(&mut self, chunk: Bytes) -> Result<Vec<Frame>, EventTooLong> {
        let mut frames = Vec::new();
        if self.carry.is_empty() {
            let mut bytes = chunk;
            while let Some(end) = self.look.frame_end(&bytes) {
                frames.push(parse(bytes.split_to(end)));
            }
            self.carry.extend_from_slice(&bytes);
        } else {
            self.carry.extend_from_slice(&chunk);
            while let Some(end) = self.look.frame_end(&self.carry) {
                frames.push(parse(self.carry.split_to(end).freeze()));
            }
        }
        if self.carry.len() > MOST_EVENT_BYTES {
            return Err(EventTooLong);
        }
        Ok(frames)
    }

    /// The frame that the stream's end completes, if its last blank line is missing.
    pub fn finish(&mut self) -> Option<Frame> {
        self.look = Look::default();
        let rest = self.carry.split().freeze();
        Some(parse(rest)).filter(|frame| frame.data.is_some())
    }
}

/// How far the bytes of an unfinished frame have been looked at.
#[derive(Debug, Default)]
struct Look {
    /// Start of the first line whose end has not been seen.
    line: usize,
    /// No line ends between there and here.
    searched: usize,
}

impl Look {
    /// Where the first frame ends: behind its blank line. A CR at the very end may be half a CRLF, so it waits.
    fn frame_end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let Some((end, next)) = line(bytes, self.searched) else {
                self.searched = self.line.max(bytes.len().saturating_sub(1));
                return None;
            };
            if end == self.line && self.line > 0 {
                *self = Self::default();
                return Some(next);
            }
            (self.line, self.searched) = (next, next);
        }
    }
}

/// End of the line that `from` is in, and the start of the next one.
fn line(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let end = from + memchr::memchr2(b'\n', b'\r', bytes.get(from..)?)?;
    if bytes[end] == b'\n' {
        return Some((end, end + 1));
    }
    match bytes.get(end + 1)? {
        b'\n' => Some((end, end + 2)),
        _ => Some((end, end + 1)),
    }
}

fn parse(raw: Bytes) -> Frame {
    let (mut event, mut data) = (None, Data::None);
    let mut at = 0;
    while at < raw.len() {
        let (end, next) = line(&raw, at).unwrap_or((raw.len(), raw.len()));
        let (start, end) = (at, trim_cr(&raw, at, end));
        let text = &raw[start..end];
        at = next;
        let Some(colon) = memchr::memchr(b':', text) else { continue };
        let value = colon + 1 + usize::from(text.get(colon + 1) == Some(&b' '));
        match &text[..colon] {
            b"event" => event = Some(String::from_utf8_lossy(&text[value..]).into_owned()),
            b"data" => data.push(raw.slice(start + value..end)),
            _ => {}
        }
    }
    Frame { raw, event, data: data.joined() }
}

/// A last line without LF may still carry its CR.
fn trim_cr(bytes: &[u8], from: usize, end: usize) -> usize {
    if end > from && bytes[end - 1] == b'\r' { end - 1 } else { end }
}

/// The `data:` lines of a frame; a single one is not copied.
enum Data {
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Data {
    fn push(&mut self, line: Bytes) {
        match self {
            Self::None => *self = Self::One(line),
            Self::One(first) => *self = Self::Many([first.as_ref(), b"\n", line.as_ref()].concat().as_slice().into()),
            Self::Many(lines) => {
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
            }
        }
    }

    fn joined(self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::One(line) => Some(line),
            Self::Many(lines) => Some(lines.freeze()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data_of(frames: &[Frame]) -> Vec<String> {
        frames.iter().filter_map(|f| f.data.as_ref()).map(|d| String::from_utf8_lossy(d).into_owned()).collect()
    }

    #[test]
    fn every_line_ending_and_spacing_is_understood() {
        let text = ": hi\n\nevent:a\ndata:1\n\nevent: b\r\ndata: 2\r\ndata: 3\r\n\r\ndata:  4\r\r";
        let mut framer = Framer::default();
        let mut frames = framer.feed(Bytes::from(text)).unwrap();
        frames.extend(framer.finish());
        assert_eq!(data_of(&frames), ["1", "2\n3", " 4"]);
        assert_eq!(frames[1].event.as_deref(), Some("a"));
    }

    proptest! {
        #[test]
        fn cuts_never_change_what_is_read(cuts in proptest::collection::vec(0usize..160, 0..12)) {
            let text = "event: message_start\r\ndata: {\"é\":\"\u{2028}🦀\"}\r\n\r\n: ping\n\ndata: [DONE]\n\ndata: x\ndata: y\n\n".as_bytes();
            let whole = Framer::default().feed(Bytes::from_static(text)).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % text.len()).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut framer = Framer::default();
            let mut frames = Vec::new();
            for pair in cuts.windows(2) {
                frames.extend(framer.feed(Bytes::from_static(&text[pair[0]..pair[1]])).unwrap());
            }
            prop_assert_eq!(&frames, &whole);
            let bytes: Vec<u8> = frames.iter().flat_map(|f| f.raw.to_vec()).collect();
            prop_assert_eq!(bytes, text);
        }
    }
}
