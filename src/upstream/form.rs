//! What form a body has. Its first bytes decide: labels are often wrong.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::verdict::Miss;
use super::wire::Response;

/// Largest whole answer held.
pub(super) const MOST_ANSWER_BYTES: usize = 64 << 20;
/// Most blank bytes before an answer begins. Some providers send them as signs of life.
const MOST_BLANK_BYTES: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A body's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON.
    Whole,
    /// Server-sent events.
    Events,
    /// Nothing at all.
    Empty,
    /// Something else: a page, a sentence.
    Foreign,
}

/// A body whose beginning has been read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) form: Form,
    /// What was read, without a byte order mark.
    pub(super) head: Bytes,
    /// How much was read.
    read: usize,
}

/// Reads until the form of a body is known.
pub(super) async fn open(response: &mut Response, by: Instant) -> Result<Opened, Miss> {
    let mut head = Bytes::new();
    let mut read = 0;
    loop {
        match tokio::time::timeout_at(by, response.next()).await {
            Ok(Some(Ok(chunk))) => {
                read += chunk.len();
                head = if head.is_empty() { chunk } else { BytesMut::from_iter(head.iter().chain(&chunk)).freeze() };
            }
            Ok(Some(Err(_))) => return Err(Miss::Network("the answer broke off".to_owned())),
            Ok(None) => {
                let form = form_of(&head).unwrap_or(Form::Empty);
                return Ok(Opened { form, head: unmarked(head), read });
            }
            Err(_) => return Err(Miss::TimedOut("the first content")),
        }
        if let Some(form) = form_of(&head) {
            return Ok(Opened { form, head: unmarked(head), read });
        }
        if head.len() > MOST_BLANK_BYTES {
            return Ok(Opened { form: Form::Foreign, head, read });
        }
    }
}

/// The form of a body that begins so; `None` while nothing but blanks came.
fn form_of(head: &[u8]) -> Option<Form> {
    let is_half_a_mark = head.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(head);
    let begun = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start();
    match begun.first()? {
        _ if is_half_a_mark => None,
        b'{' | b'[' => Some(Form::Whole),
        // `data`, `event`, `id`, `retry`, or a comment.
        b'd' | b'e' | b'i' | b'r' | b':' => Some(Form::Events),
        _ => Some(Form::Foreign),
    }
}

/// Whether a body is a stream of events.
pub(super) fn is_events(body: &[u8]) -> bool {
    form_of(body) == Some(Form::Events)
}

fn unmarked(head: Bytes) -> Bytes {
    if head.starts_with(BYTE_ORDER_MARK) { head.slice(BYTE_ORDER_MARK.len()..) } else { head }
}

/// The rest of a body, if that is no more than `most`. awc ends a truncated one like a complete one, so its length is checked here.
pub(super) async fn whole_body(mut response: Response, opened: Opened, by: Instant, most: usize) -> Result<Bytes, Miss> {
    let header = response.headers().get(actix_web::http::header::CONTENT_LENGTH);
    let length = header.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_long = || Miss::NoAnswer("answered with more than 64 MiB".to_owned());
    if length.is_some_and(|length| length > most) {
        return Err(too_long());
    }
    let Opened { head, mut read, .. } = opened;
    // All of it in one piece: not copied. Its end must still be seen, or awc drops the connection.
    let is_all = length == Some(read);
    let mut body = if is_all { BytesMut::new() } else { BytesMut::from(head.as_ref()) };
    loop {
        match tokio::time::timeout_at(by, response.next()).await {
            // Looked at before it grows: growing doubles it.
            Ok(Some(Ok(chunk))) if body.len() + chunk.len() > most => return Err(too_long()),
            Ok(Some(Ok(chunk))) => {
                read += chunk.len();
                body.extend_from_slice(&chunk);
            }
            Ok(Some(Err(_))) => return Err(Miss::Network("the answer broke off".to_owned())),
            Ok(None) => break,
            Err(_) => return Err(Miss::TimedOut("the whole answer")),
        }
    }
    match length {
        Some(length) if read < length => Err(Miss::Network("the answer broke off".to_owned())),
        _ if is_all => Ok(head),
        _ => Ok(body.freeze()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_a_bodys_form() {
        let told: [(&[u8], Option<Form>); 12] = [
            (b"{\"id\":1}", Some(Form::Whole)),
            (b"\n\n  [1]", Some(Form::Whole)),
            (b"\xEF\xBB\xBF{}", Some(Form::Whole)),
            (b"data: {}", Some(Form::Events)),
            (b"\xEF\xBB\xBFevent: x", Some(Form::Events)),
            (b": hi", Some(Form::Events)),
            (b"id: 1", Some(Form::Events)),
            (b"<!doctype html>", Some(Form::Foreign)),
            (b"no channel", Some(Form::Foreign)),
            (b"\xEF\xBB", None),
            (b" \r\n", None),
            (b"", None),
        ];
        for (head, form) in told {
            assert_eq!(form_of(head), form, "{}", String::from_utf8_lossy(head));
        }
    }
}
