//! Images, documents and recordings inside a request: where each protocol has them, and what of them is no text.

use super::pdf;

/// Keys of parts that may hold an encoded file.
pub(super) const PLACES: usize = 9;

const SOURCE: usize = 0;
const IMAGE_URL: usize = 1;
const FILE: usize = 2;
const INPUT_AUDIO: usize = 3;
const FILE_DATA: usize = 4;
const FILE_URL: usize = 5;
const FILE_ID: usize = 6;
const RESULT: usize = 7;
const VIDEO_URL: usize = 8;

/// Longest address left out: what is longer is no address.
const MOST_ADDRESS_BYTES: usize = 8 << 10;
/// A data URL names its type within so many bytes.
const MOST_TYPE_BYTES: usize = 128;
/// So many characters of base64 are looked at to see whether they are text.
const LOOKED_AT: usize = 256;

/// The number of the place that a part's key names.
pub(super) fn place(key: &str) -> Option<usize> {
    Some(match key {
        "source" => SOURCE,
        "image_url" => IMAGE_URL,
        "file" => FILE,
        "input_audio" => INPUT_AUDIO,
        "file_data" => FILE_DATA,
        "file_url" => FILE_URL,
        "file_id" => FILE_ID,
        "result" => RESULT,
        "video_url" => VIDEO_URL,
        _ => return None,
    })
}

/// A kind of part that holds a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    /// Where.
    places: &'static [usize],
    /// Whether the file may be one of written text, which a provider reads as such.
    may_be_text: bool,
}

impl Holding {
    /// What parts of this type hold; `None` when they hold no file.
    pub(super) fn of(kind: &str) -> Option<Self> {
        let (places, may_be_text): (&[usize], bool) = match kind {
            "image" => (&[SOURCE], false),
            "document" => (&[SOURCE], true),
            "image_url" => (&[IMAGE_URL], false),
            "input_image" | "computer_screenshot" => (&[IMAGE_URL, FILE_ID], false),
            "input_file" => (&[FILE_DATA, FILE_URL, FILE_ID], true),
            "file" => (&[FILE], true),
            "input_audio" => (&[INPUT_AUDIO], false),
            "image_generation_call" => (&[RESULT], false),
            "video_url" => (&[VIDEO_URL], false),
            _ => return None,
        };
        Some(Self { places, may_be_text })
    }

    /// Of what was found in a part, the bytes that are no text, and the pages that are.
    pub(super) fn weigh(self, found: &[Encoded; PLACES]) -> (usize, i64) {
        let mut all = Encoded::default();
        self.places.iter().filter_map(|place| found.get(*place)).for_each(|encoded| all.add(*encoded));
        let written = if self.may_be_text { all.written } else { 0 };
        // A document of text alone has no page.
        let is_text = self.may_be_text && (all.is_text || written > 0);
        (all.bytes - written, if is_text { all.pages } else { all.pages.max(1) })
    }
}

/// Whether a protocol has parts, items or messages of this type: their names are no text.
pub(super) fn is_a_protocols_own(kind: &str) -> bool {
    Holding::of(kind).is_some()
        || matches!(
            kind,
            "text"
                | "message"
                | "input_text"
                | "output_text"
                | "tool_use"
                | "tool_result"
                | "thinking"
                | "redacted_thinking"
                | "reasoning"
                | "function_call"
                | "function_call_output"
                | "function"
                | "refusal"
                | "item_reference"
                | "custom_tool_call"
                | "custom_tool_call_output"
                | "search_result"
                | "server_tool_use"
                | "web_search_tool_result"
                | "web_search_call"
                | "computer_call"
                | "computer_call_output"
                | "local_shell_call"
                | "local_shell_call_output"
                | "compaction"
        )
}

/// What of a value is an encoded file or its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Bytes that are no text.
    pub(super) bytes: usize,
    /// Of these, as many as the text takes that they stand for, if they are written text.
    pub(super) written: usize,
    /// Pages that were seen in it; 0 = it does not tell.
    pub(super) pages: i64,
    /// It says itself that it is no file but a text.
    pub(super) is_text: bool,
}

impl Encoded {
    /// Looks at a text that stands where a file may.
    pub(super) fn of(text: &str) -> Self {
        let is_address = ["https://", "http://", "gs://"].iter().any(|scheme| text.starts_with(scheme));
        if is_address {
            let bytes = if text.len() <= MOST_ADDRESS_BYTES && !text.contains(char::is_whitespace) { text.len() } else { 0 };
            return Self { bytes, ..Self::default() };
        }
        let data = match text.strip_prefix("data:") {
            Some(rest) => match rest.split_once(";base64,") {
                Some((kind, data)) if kind.len() <= MOST_TYPE_BYTES => data,
                _ => return Self::default(),
            },
            None => text,
        };
        if !is_base64(data.as_bytes()) {
            return Self::default();
        }
        if data.starts_with(pdf::BEGINS) {
            return Self { bytes: text.len(), pages: pdf::pages(data), ..Self::default() };
        }
        // Four characters stand for three bytes.
        let written = if is_written_text(data) { data.len() / 4 * 3 } else { 0 };
        Self { bytes: text.len(), written, ..Self::default() }
    }

    /// Takes another one's in.
    pub(super) fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.written += other.written;
        self.pages = self.pages.saturating_add(other.pages);
        self.is_text |= other.is_text;
    }
}

/// Whether these are characters of base64 alone, or the id of a file.
fn is_base64(data: &[u8]) -> bool {
    let is_one = |byte: &u8| byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\n' | b'\r');
    data.chunks(1 << 10).all(|piece| piece.iter().fold(true, |all, byte| all & is_one(byte)))
}

/// Whether base64 holds written text (a note, a table, source code) rather than a file of another kind.
fn is_written_text(data: &str) -> bool {
    use base64::Engine;
    let start: String = data.chars().filter(|c| !c.is_ascii_whitespace()).take(LOOKED_AT).collect();
    let whole = start.get(..start.len() / 4 * 4).unwrap_or_default();
    if whole.len() < 16 {
        return false;
    }
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(whole) else { return false };
    let is_text = match std::str::from_utf8(&bytes) {
        Ok(_) => true,
        // The last character may be cut.
        Err(error) => error.error_len().is_none(),
    };
    is_text && !bytes.starts_with(b"%PDF") && !bytes.iter().any(|byte| matches!(byte, 0..=8 | 14..=31 | 127))
}
