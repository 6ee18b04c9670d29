//! How many pages a PDF has, as far as a look at its bytes tells: for the input estimate alone.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

/// How base64 of a PDF begins.
pub(super) const BEGINS: &str = "JVBERi";

/// Most pages believed: no provider takes more.
const MOST_PAGES: i64 = 2_000;
/// Most of one compressed part that is unpacked, and of all of them together.
const MOST_UNPACKED: (u64, u64) = (4 << 20, 16 << 20);
/// A page tree tells its count this near to its type.
const NEARBY: usize = 400;

/// Pages of a PDF in base64; 0 when it does not tell.
pub(super) fn pages(encoded: &str) -> i64 {
    let clean: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // What is cut off, or broken at its end, may still tell.
    let whole = clean.get(..clean.len() / 4 * 4).unwrap_or_default();
    let Ok(bytes) = STANDARD.decode(whole) else { return 0 };
    let mut found = told(&bytes);
    let mut left = MOST_UNPACKED.1;
    for at in memmem::find_iter(&bytes, b"/ObjStm") {
        let unpacked = unpack(bytes.get(at..).unwrap_or_default(), MOST_UNPACKED.0.min(left));
        left = left.saturating_sub(unpacked.len() as u64);
        let more = told(&unpacked);
        found = (found.0 + more.0, found.1.max(more.1));
        if left == 0 {
            break;
        }
    }
    found.0.max(found.1).min(MOST_PAGES)
}

/// Page objects in the clear, and the largest count that a tree of pages tells.
fn told(bytes: &[u8]) -> (i64, i64) {
    let (mut pages, mut counted) = (0, 0);
    for at in memmem::find_iter(bytes, b"/Page") {
        let is_a_type = bytes.get(..at).unwrap_or_default().trim_ascii_end().ends_with(b"/Type");
        match bytes.get(at + b"/Page".len()) {
            Some(b's') if is_a_type => {
                let near = bytes.get(at.saturating_sub(NEARBY)..bytes.len().min(at + NEARBY)).unwrap_or_default();
                counted = memmem::find_iter(near, b"/Count").filter_map(|at| number(near.get(at + 6..)?)).fold(counted, i64::max);
            }
            Some(next) if is_a_type && !next.is_ascii_alphanumeric() => pages += 1,
            _ => {}
        }
    }
    (pages, counted)
}

/// The number at the start of `bytes`.
fn number(bytes: &[u8]) -> Option<i64> {
    let text = bytes.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// The part that follows a stream's dictionary, at most `most` bytes of it.
fn unpack(bytes: &[u8], most: u64) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let Some(at) = memmem::find(bytes, b"stream") else { return unpacked };
    let packed = bytes.get(at + b"stream".len()..).unwrap_or_default().trim_ascii_start();
    let mut reader = flate2::read::ZlibDecoder::new(packed).take(most);
    let _as_far_as_it_goes = reader.read_to_end(&mut unpacked);
    unpacked
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn encoded(pdf: &[u8]) -> String {
        STANDARD.encode(pdf)
    }

    #[test]
    fn pages_are_counted_in_the_clear_and_in_packed_objects() {
        let page = "<< /Type /Page /Parent 1 0 R >>\n<</Type/Pages>>";
        assert_eq!(pages(&encoded(format!("%PDF-1.4\n{}", page.repeat(7)).as_bytes())), 7);
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(page.repeat(12).as_bytes()).unwrap();
        let packed = [b"%PDF-1.5\n<< /Type /ObjStm /N 12 >> stream\r\n", &packer.finish().unwrap()[..], b"\nendstream"].concat();
        assert_eq!(pages(&encoded(&packed)), 12);
        assert_eq!(pages(&encoded(b"%PDF-1.4\n<< /Type /Pages /Kids [3 0 R 3 0 R 3 0 R] /Count 300 >> <</Type /Page>>")), 300);
    }

    #[test]
    fn what_tells_nothing_has_no_pages() {
        assert!(encoded(b"%PDF-1.7").starts_with(BEGINS));
        for nothing in [&b"%PDF-1.4 /Pages /Page /PageMode"[..], b"%PDF-1.5 /ObjStm stream not packed", b""] {
            assert_eq!(pages(&encoded(nothing)), 0);
        }
        assert_eq!(pages("JVBERi no base64"), 0);
    }
}
