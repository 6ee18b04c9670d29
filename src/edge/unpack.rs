//! Unpacks request bodies: a few packed kilobytes can hold gigabytes, so what comes out is charged before it comes out,
//! a step at a time, and never beyond a limit.

use std::fmt;
use std::io::{self, Read};

use actix_web::web::Bytes;
use brotli::Decompressor;
use bytes::Buf;
use bytes::buf::Reader;
use flate2::bufread::{GzDecoder, ZlibDecoder};

use super::body::BadBody;
use crate::capacity::{Footprint, INLINE_BYTES};

/// What comes out of the first step…
const FIRST_STEP: usize = 16 << 10;
/// …and at most of one. Steps double, as the room for what comes out then does: few copies of it are made.
const LONGEST_STEP: usize = 16 << 20;
/// Less than this, packed, takes its first step on the thread it is on.
const UNPACKED_IN_PLACE: usize = 1 << 10;
/// Brotli's buffer.
const BROTLI_BUFFER: usize = 8 << 10;

/// A `Content-Encoding` that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Encoding {
    /// By its name in lower case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }
}

/// A body on its way out of its encoding.
struct Unpacker {
    packed: Box<dyn Read + Send>,
    out: Vec<u8>,
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unpacker({})", self.out.len())
    }
}

impl Unpacker {
    fn new(encoding: Encoding, packed: Bytes) -> io::Result<Self> {
        let reader: Reader<Bytes> = packed.reader();
        let packed: Box<dyn Read + Send> = match encoding {
            Encoding::Gzip => Box::new(GzDecoder::new(reader)),
            Encoding::Deflate => Box::new(ZlibDecoder::new(reader)),
            Encoding::Brotli => Box::new(Decompressor::new(reader, BROTLI_BUFFER)),
            Encoding::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        };
        Ok(Self { packed, out: Vec::new() })
    }

    /// Unpacks at most `bytes` more. Answers whether that was all.
    fn step(&mut self, bytes: usize) -> io::Result<bool> {
        self.out.reserve_exact(bytes);
        let end = self.out.len() + bytes;
        let read = self.packed.by_ref().take(bytes as u64).read_to_end(&mut self.out)?;
        debug_assert!(self.out.len() <= end);
        Ok(read < bytes)
    }
}

/// Unpacks a whole body, at most `limit` bytes. What it was packed in is given back.
pub(super) async fn unpack(encoding: Encoding, packed: Bytes, limit: usize, footprint: &mut Footprint) -> Result<Bytes, BadBody> {
    let (packed_bytes, packed_room) = (packed.len(), footprint.memory().held());
    let mut unpacker = Unpacker::new(encoding, packed).map_err(|_| BadBody::Broken)?;
    let mut step = FIRST_STEP;
    loop {
        // One more than the limit, to see that there is more.
        let bytes = step.min(limit + 1 - unpacker.out.len());
        footprint.memory().grow(bytes).await?;
        let place = if step == FIRST_STEP && packed_bytes <= UNPACKED_IN_PLACE { bytes } else { bytes + INLINE_BYTES };
        let (back, is_all) = footprint
            .work(place, move || {
                let is_all = unpacker.step(bytes);
                (unpacker, is_all)
            })
            .await?;
        unpacker = back;
        let is_all = is_all.map_err(|_| BadBody::Broken)?;
        if unpacker.out.len() > limit {
            return Err(BadBody::TooLarge { limit });
        }
        if is_all {
            break;
        }
        step = (step * 2).min(LONGEST_STEP);
    }
    let out = unpacker.out;
    footprint.memory().shrink(packed_room);
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::Capacity;
    use actors::vocabulary::UserId;
    use std::io::Write;

    const LIMIT: usize = 1 << 20;
    const ENCODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

    fn packed(encoding: &str, plain: &[u8]) -> Vec<u8> {
        let best = flate2::Compression::best();
        match encoding {
            "gzip" => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), best);
                out.write_all(plain).unwrap();
                out.finish().unwrap()
            }
            "deflate" => {
                let mut out = flate2::write::ZlibEncoder::new(Vec::new(), best);
                out.write_all(plain).unwrap();
                out.finish().unwrap()
            }
            "br" => {
                let mut out = brotli::CompressorWriter::new(Vec::new(), 4096, 9, 22);
                out.write_all(plain).unwrap();
                out.into_inner()
            }
            _ => zstd::encode_all(plain, 9).unwrap(),
        }
    }

    async fn unpacked(encoding: &str, packed: &[u8]) -> Result<Bytes, BadBody> {
        let capacity = Capacity::of_this_machine().unwrap();
        let mut footprint = capacity.footprint(UserId(1), None);
        let out = unpack(Encoding::named(encoding).unwrap(), Bytes::copy_from_slice(packed), LIMIT, &mut footprint).await;
        if let Ok(out) = &out {
            assert!((out.len()..out.len() + LONGEST_STEP).contains(&footprint.memory().held()));
        }
        assert!(capacity.memory.state().highest <= 2 * LIMIT, "what comes out is not made in advance");
        drop(footprint);
        assert_eq!(capacity.memory.state().held, 0);
        out
    }

    #[actix_web::test]
    async fn what_was_packed_comes_out() {
        let plain: Vec<u8> = (0..LIMIT).map(|at| ((at * at) >> 7) as u8).collect();
        for encoding in ENCODINGS {
            for length in [0, 1, FIRST_STEP - 1, FIRST_STEP, FIRST_STEP + 1, LIMIT - 1, LIMIT] {
                let packed = packed(encoding, &plain[..length]);
                assert!(unpacked(encoding, &packed).await.unwrap() == plain[..length], "{encoding} {length}");
            }
        }
    }

    #[actix_web::test]
    async fn what_unpacks_beyond_the_limit_is_too_large() {
        for encoding in ENCODINGS {
            let bomb = packed(encoding, &vec![0; 64 * LIMIT]);
            assert_eq!(unpacked(encoding, &bomb).await.unwrap_err(), BadBody::TooLarge { limit: LIMIT }, "{encoding}");
            let one_more = packed(encoding, &vec![b'x'; LIMIT + 1]);
            assert_eq!(unpacked(encoding, &one_more).await.unwrap_err(), BadBody::TooLarge { limit: LIMIT }, "{encoding}");
        }
    }

    #[actix_web::test]
    async fn what_is_damaged_or_cut_short_is_broken() {
        let plain: Vec<u8> = (0..40_000_usize).map(|at| ((at * at) >> 7) as u8).collect();
        for encoding in ENCODINGS {
            assert_eq!(unpacked(encoding, &[7; 4000]).await.unwrap_err(), BadBody::Broken, "{encoding}");
            let packed = packed(encoding, &plain);
            let short = unpacked(encoding, &packed[..packed.len() / 2]).await;
            assert!(short.is_err() || short.is_ok_and(|short| short.len() < plain.len()), "{encoding}");
        }
    }
}
