//! Any bytes as a compressed body: never more than the limit, and the same however it arrives.
#![no_main]

use codex_router::router::fuzzing::decode;
use libfuzzer_sys::fuzz_target;

const LIMIT_BYTES: usize = 256 * 1024;

fuzz_target!(|data: &[u8]| {
    let [coding, piece_bytes, wire @ ..] = data else {
        return;
    };
    let whole = decode(*coding, wire, usize::MAX, LIMIT_BYTES);
    assert!(whole.as_ref().is_none_or(|body| body.len() <= LIMIT_BYTES));
    // The first two bytes tell the two kinds of deflate apart, so they must come together.
    let piece_bytes = usize::from(*piece_bytes).max(2);
    assert_eq!(decode(*coding, wire, piece_bytes, LIMIT_BYTES), whole);
});
