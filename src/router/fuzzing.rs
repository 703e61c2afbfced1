//! Doors for the fuzz targets to what no other room may call: there in a fuzzing build alone.

use http::Request;

use super::decode::{Coding, Decoder};
use super::guard::{Guard, check_json, check_upload, shown_key};
use super::{azure, routes};

/// Decompresses `wire` in pieces of `piece_bytes`, as it would arrive. The body, if there is one within `limit_bytes`.
pub fn decode(coding: u8, wire: &[u8], piece_bytes: usize, limit_bytes: usize) -> Option<Vec<u8>> {
    let coding = match coding % 4 {
        0 => Coding::Gzip,
        1 => Coding::Zstd,
        2 => Coding::Brotli,
        _ => Coding::Deflate,
    };
    let mut pieces = wire.chunks(piece_bytes.max(1));
    let first = pieces.next().unwrap_or_default();
    let mut decoder = Decoder::new(coding, first, limit_bytes).ok()??;
    decoder.push(first).ok()?;
    for piece in pieces {
        decoder.push(piece).ok()?;
        assert!(decoder.decoded_bytes() <= limit_bytes);
    }
    decoder.finish().ok()
}

/// Whether a request with this head would be let in, and whether it is one at all.
pub fn let_in(method: &str, target: &str, headers: &[(&str, &[u8])]) -> Option<bool> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    routes::find(&head).ok(); // a route or a refusal: which one is not the question
    azure::deployed(head.uri.path());
    let guard = Guard::new(([127, 0, 0, 1], 9876).into(), &[], 8192);
    let is_in = guard.check(&head).is_ok();
    let has_type = check_json(&head.headers).is_ok() || check_upload(&head.headers).is_ok();
    Some(is_in && has_type && shown_key(&head.headers).is_ok())
}
