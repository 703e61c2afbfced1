//! Any bytes as a chat request: refused, or made into a body that either upstream takes.
#![no_main]

use codex_router::translate::chat::responses_from_chat;
use codex_router::translate::rules::{UpstreamKind, adapt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = responses_from_chat(data) else {
        return;
    };
    request.reply_head("chatcmpl-1", 1);
    for kind in [UpstreamKind::ChatGpt, UpstreamKind::OpenAi] {
        adapt(kind, &mut request.body.clone());
    }
});
