//! Takes one layer of compression off a body while it arrives, and stops as soon as it grows too large.

use std::io;
use std::io::Write;

use brotli::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, HeaderMap};

use super::reply::Refusal;

/// Beyond the first MiB of output, a body may not be larger than this many times what came over the wire. JSON of a long
/// conversation compresses 5 to 20 times.
const MAX_RATIO: usize = 200;
const RATIO_COUNTS_FROM_BYTES: usize = 1024 * 1024;
/// The window of the strongest zstd level, 16 MiB; a header may claim 2 GiB.
const ZSTD_WINDOW_LOG: u32 = 24;
const BUFFER_BYTES: usize = 16 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
    Brotli,
    /// zlib by the standard (RFC 9110 section 8.4.1.2), bare deflate by habit of some clients.
    Deflate,
}

impl Coding {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let (first, None) = (codings.next(), codings.next()) else {
            return Err(Refusal::UnknownCoding);
        };
        let Some(coding) = first else {
            return Ok(Self::Identity);
        };
        let name = coding.as_bytes().trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"identity" | b"" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            b"br" => Ok(Self::Brotli),
            b"deflate" => Ok(Self::Deflate),
            _ => Err(Refusal::UnknownCoding),
        }
    }
}

/// Wire bytes in, the body out.
pub(super) enum Decoder {
    Gzip(Box<MultiGzDecoder<Sink>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Zlib(Box<ZlibDecoder<Sink>>),
    Bare(Box<DeflateDecoder<Sink>>),
}

impl Decoder {
    /// `first` is the beginning of the wire bytes: it tells the two kinds of deflate apart. `None` for what is not compressed.
    pub(super) fn new(
        coding: Coding,
        first: &[u8],
        limit_bytes: usize,
    ) -> Result<Option<Self>, Refusal> {
        let sink = Sink::new(limit_bytes);
        Ok(Some(match coding {
            Coding::Identity => return Ok(None),
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Coding::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(sink).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(broken)?;
                Self::Zstd(Box::new(decoder))
            }
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(sink, BUFFER_BYTES))),
            Coding::Deflate if is_zlib(first) => Self::Zlib(Box::new(ZlibDecoder::new(sink))),
            Coding::Deflate => Self::Bare(Box::new(DeflateDecoder::new(sink))),
        }))
    }

    pub(super) fn push(&mut self, wire: &[u8]) -> Result<(), Refusal> {
        self.sink().wire_bytes += wire.len();
        let written = match self {
            Self::Gzip(decoder) => decoder.write_all(wire),
            Self::Zstd(decoder) => decoder.write_all(wire),
            Self::Brotli(decoder) => decoder.write_all(wire),
            Self::Zlib(decoder) => decoder.write_all(wire),
            Self::Bare(decoder) => decoder.write_all(wire),
        };
        self.verdict(written)
    }

    pub(super) fn decoded_bytes(&mut self) -> usize {
        self.sink().out.len()
    }

    /// The whole body. Says so when the compressed data ended too early, as far as its format can tell.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Refusal> {
        let finished = match &mut self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zstd(decoder) => decoder.flush(),
            Self::Brotli(decoder) => decoder.close(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Bare(decoder) => decoder.try_finish(),
        };
        self.verdict(finished)?;
        Ok(std::mem::take(&mut self.sink().out))
    }

    fn sink(&mut self) -> &mut Sink {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Bare(decoder) => decoder.get_mut(),
        }
    }

    /// The sink's own refusal says more than the error that the decoder made of it.
    fn verdict(&mut self, result: io::Result<()>) -> Result<(), Refusal> {
        let sink = self.sink();
        match (&sink.overflow, result) {
            (Some(Overflow::Limit), _) => Err(Refusal::BodyTooLarge {
                limit_bytes: sink.limit_bytes,
            }),
            (Some(Overflow::Ratio), _) => Err(Refusal::BodyBomb),
            (None, Ok(())) => Ok(()),
            (None, Err(err)) => Err(broken(err)),
        }
    }
}

fn broken(err: io::Error) -> Refusal {
    Refusal::BodyBroken(format!("it cannot be decompressed ({})", err.kind()))
}

/// RFC 1950 section 2.2: the method is 8 and the first two bytes are a multiple of 31.
fn is_zlib(first: &[u8]) -> bool {
    match first {
        [cmf, flg, ..] => cmf & 0x0f == 8 && (u16::from(*cmf) * 256 + u16::from(*flg)) % 31 == 0,
        [cmf] => *cmf == 0x78,
        [] => true,
    }
}

/// Where decoders write; refuses to grow beyond the limit or out of proportion.
pub(super) struct Sink {
    out: Vec<u8>,
    limit_bytes: usize,
    wire_bytes: usize,
    overflow: Option<Overflow>,
}

enum Overflow {
    Limit,
    Ratio,
}

impl Sink {
    fn new(limit_bytes: usize) -> Self {
        Self {
            out: Vec::new(),
            limit_bytes,
            wire_bytes: 0,
            overflow: None,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let total = self.out.len() + bytes.len();
        if total > self.limit_bytes {
            self.overflow = Some(Overflow::Limit);
        } else if total > RATIO_COUNTS_FROM_BYTES && total / MAX_RATIO > self.wire_bytes {
            self.overflow = Some(Overflow::Ratio);
        }
        if self.overflow.is_some() {
            return Err(io::Error::other("too large"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    pub(in crate::router) fn encoded(coding: Coding, body: &[u8]) -> Vec<u8> {
        let level = Compression::default();
        match coding {
            Coding::Identity => body.to_vec(),
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Zstd => zstd::encode_all(body, 3).unwrap(),
            Coding::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
                encoder.write_all(body).unwrap();
                encoder.into_inner()
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Zstd, Coding::Brotli, Coding::Deflate];

    fn decode(coding: Coding, pieces: &[&[u8]], limit_bytes: usize) -> Result<Vec<u8>, Refusal> {
        let first = pieces.first().copied().unwrap_or_default();
        let mut decoder = Decoder::new(coding, first, limit_bytes)?.unwrap();
        for piece in pieces {
            decoder.push(piece)?;
        }
        decoder.finish()
    }

    #[test]
    fn every_coding_gives_the_body_back_however_it_was_cut() {
        let body: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        for coding in CODINGS {
            let wire = encoded(coding, &body);
            for size in [wire.len(), 1000, 7] {
                let pieces: Vec<&[u8]> = wire.chunks(size).collect();
                let decoded = decode(coding, &pieces, 1 << 20).unwrap();
                assert!(decoded == body, "{coding:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn deflate_is_understood_with_and_without_its_wrapper() {
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(b"{\"model\":\"x\"}").unwrap();
        let bare = bare.finish().unwrap();
        assert_eq!(
            decode(Coding::Deflate, &[&bare], 100).unwrap(),
            b"{\"model\":\"x\"}"
        );
    }

    #[test]
    fn a_body_beyond_the_limit_is_refused_in_every_coding() {
        let body: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        for coding in CODINGS {
            let refusal = decode(coding, &[&encoded(coding, &body)], 100_000).unwrap_err();
            assert!(
                matches!(
                    refusal,
                    Refusal::BodyTooLarge {
                        limit_bytes: 100_000
                    }
                ),
                "{coding:?}: {refusal}"
            );
        }
    }

    #[test]
    fn a_bomb_is_refused_in_every_coding_before_it_has_expanded() {
        let zeros = vec![0; 8 * 1024 * 1024];
        for coding in CODINGS {
            let refusal = decode(coding, &[&encoded(coding, &zeros)], 1 << 30).unwrap_err();
            assert!(
                matches!(refusal, Refusal::BodyBomb),
                "{coding:?}: {refusal}"
            );
        }
    }

    #[test]
    fn a_huge_zstd_window_is_refused() {
        // Magic number, a frame header with a window descriptor of 2 GiB, and the beginning of a block.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
        let refusal = decode(Coding::Zstd, &[&frame], 1 << 30).unwrap_err();
        assert!(matches!(refusal, Refusal::BodyBroken(_)), "{refusal}");
    }

    #[test]
    fn what_is_not_compressed_does_not_come_through_as_if_it_were() {
        for coding in CODINGS {
            for wire in [
                &b"{\"model\":\"x\"}"[..],
                b"\x1f\x8b\x08",
                b"\xff\xff\xff\xff\xff",
            ] {
                // Bare deflate has no mark of its own: anything may mean something in it.
                if let Ok(body) = decode(coding, &[wire], 1 << 20) {
                    assert_ne!(body, wire, "{coding:?}");
                }
            }
        }
    }

    #[test]
    fn a_compressed_body_that_is_cut_is_refused_where_its_format_tells() {
        for coding in [Coding::Gzip, Coding::Brotli] {
            let wire = encoded(coding, b"{\"model\":\"x\"}");
            let refusal = decode(coding, &[&wire[..wire.len() - 2]], 1 << 20).unwrap_err();
            assert!(
                matches!(refusal, Refusal::BodyBroken(_)),
                "{coding:?}: {refusal}"
            );
        }
    }

    #[test]
    fn one_known_coding_is_understood_and_nothing_else() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            Coding::of(&headers).ok()
        };
        assert_eq!(of(&[]), Some(Coding::Identity));
        assert_eq!(of(&["ZSTD"]), Some(Coding::Zstd));
        assert_eq!(of(&["gzip, gzip"]), None);
        assert_eq!(of(&["gzip", "gzip"]), None);
        assert_eq!(of(&["compress"]), None);
    }
}
