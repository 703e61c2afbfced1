//! Any bytes as a completion request: refused, or made into one chat a prompt.
#![no_main]

use codex_router::translate::completions::{MAX_PROMPTS, responses_from_completion};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = responses_from_completion(data) {
        assert!((1..=MAX_PROMPTS).contains(&request.chats.len()));
        assert!(!request.stream || request.chats.len() == 1);
    }
});
