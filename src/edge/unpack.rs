//! Unpacks request bodies, never beyond a limit: a few packed kilobytes can hold gigabytes, so what comes out is
//! counted while it comes out, not once a chunk is done.

use std::io::{self, Write};

use actix_web::web::{self, Bytes};
use brotli::DecompressorWriter;
use flate2::write::{GzDecoder, ZlibDecoder};

use super::body::BadBody;

/// Smaller chunks are unpacked where they are, larger ones on a thread of their own.
const UNPACKED_IN_PLACE: usize = 1 << 10;
/// Brotli's buffer.
const BROTLI_BUFFER: usize = 8 << 10;

/// A body on its way out of its encoding.
pub(super) struct Unpacker {
    decoder: Decoder,
    limit: usize,
}

enum Decoder {
    Gzip(Box<GzDecoder<Bounded>>),
    Deflate(Box<ZlibDecoder<Bounded>>),
    Brotli(Box<DecompressorWriter<Bounded>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Bounded>>),
}

/// Takes bytes up to its limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unpacker {
    /// For a `Content-Encoding` in lower case; `None` when it is not understood.
    pub(super) fn new(encoding: &str, limit: usize) -> Option<Self> {
        let out = Bounded { bytes: Vec::new(), limit };
        let decoder = match encoding {
            "gzip" => Decoder::Gzip(Box::new(GzDecoder::new(out))),
            "deflate" => Decoder::Deflate(Box::new(ZlibDecoder::new(out))),
            "br" => Decoder::Brotli(Box::new(DecompressorWriter::new(out, BROTLI_BUFFER))),
            "zstd" => Decoder::Zstd(Box::new(zstd::stream::write::Decoder::new(out).ok()?)),
            _ => return None,
        };
        Some(Self { decoder, limit })
    }

    /// Unpacks one more chunk.
    pub(super) async fn feed(mut self, chunk: Bytes) -> Result<Self, BadBody> {
        if chunk.len() <= UNPACKED_IN_PLACE {
            self.write(&chunk)?;
            return Ok(self);
        }
        let unpacking = web::block(move || self.write(&chunk).map(|()| self));
        unpacking.await.unwrap_or(Err(BadBody::Broken))
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), BadBody> {
        let written = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.write_all(chunk),
            Decoder::Deflate(decoder) => decoder.write_all(chunk),
            Decoder::Brotli(decoder) => decoder.write_all(chunk),
            Decoder::Zstd(decoder) => decoder.write_all(chunk),
        };
        written.map_err(|error| bad(&error, self.limit))
    }

    /// All of it, once the last chunk is in.
    pub(super) fn finish(self) -> Result<Bytes, BadBody> {
        let finished = match self.decoder {
            Decoder::Gzip(decoder) => decoder.finish(),
            Decoder::Deflate(decoder) => decoder.finish(),
            Decoder::Brotli(decoder) => decoder.into_inner().map_err(|_| io::ErrorKind::UnexpectedEof.into()),
            Decoder::Zstd(mut decoder) => decoder.flush().map(|()| decoder.into_inner()),
        };
        finished.map(|out| Bytes::from(out.bytes)).map_err(|error| bad(&error, self.limit))
    }
}

fn bad(error: &io::Error, limit: usize) -> BadBody {
    if error.kind() == io::ErrorKind::FileTooLarge { BadBody::TooLarge { limit } } else { BadBody::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    async fn unpacked(encoding: &str, packed: &[u8], piece: usize) -> Result<Bytes, BadBody> {
        let mut unpacker = Unpacker::new(encoding, LIMIT).unwrap();
        for piece in packed.chunks(piece) {
            unpacker = unpacker.feed(Bytes::copy_from_slice(piece)).await?;
        }
        unpacker.finish()
    }

    #[actix_web::test]
    async fn what_was_packed_comes_out_however_it_is_cut() {
        let plain: Vec<u8> = (0..LIMIT).map(|at| ((at * at) >> 7) as u8).collect();
        for encoding in ENCODINGS {
            let packed = packed(encoding, &plain);
            for piece in [700, 5_000, packed.len()] {
                assert!(unpacked(encoding, &packed, piece).await.unwrap() == plain, "{encoding} {piece}");
            }
        }
    }

    #[actix_web::test]
    async fn what_unpacks_beyond_the_limit_is_too_large() {
        for encoding in ENCODINGS {
            let bomb = packed(encoding, &vec![0; 64 * LIMIT]);
            for piece in [700, bomb.len()] {
                let outcome = unpacked(encoding, &bomb, piece).await;
                assert_eq!(outcome.unwrap_err(), BadBody::TooLarge { limit: LIMIT }, "{encoding}");
            }
        }
    }

    #[actix_web::test]
    async fn what_is_damaged_or_cut_short_is_broken() {
        let plain: Vec<u8> = (0..40_000_usize).map(|at| ((at * at) >> 7) as u8).collect();
        for encoding in ENCODINGS {
            assert_eq!(unpacked(encoding, &[7; 4000], 4000).await.unwrap_err(), BadBody::Broken, "{encoding}");
            let packed = packed(encoding, &plain);
            let short = unpacked(encoding, &packed[..packed.len() / 2], 4000).await;
            assert!(short.is_err() || short.is_ok_and(|short| short.len() < plain.len()), "{encoding}");
        }
    }
}
