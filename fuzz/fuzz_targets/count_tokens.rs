//! Any bytes as a request to count: refused, or counted.
#![no_main]

use codex_router::translate::messages::{count_tokens, responses_from_messages};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = responses_from_messages(data) {
        count_tokens(&request);
    }
});
