//! Any bytes as a request for pictures: read or refused.
#![no_main]

use codex_router::translate::images::{ImageRequest, MAX_IMAGES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = ImageRequest::read(data, "gpt-test") {
        assert!((1..=MAX_IMAGES).contains(&request.count));
    }
});
