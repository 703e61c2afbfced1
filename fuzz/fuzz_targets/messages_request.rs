//! Any bytes as a Messages request: refused, or made into a body that either upstream takes.
#![no_main]

use codex_router::translate::messages::responses_from_messages;
use codex_router::translate::rules::{UpstreamKind, adapt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut request) = responses_from_messages(data) else {
        return;
    };
    request.reply_head("msg_1");
    request.for_model("gpt-test");
    for kind in [UpstreamKind::ChatGpt, UpstreamKind::OpenAi] {
        adapt(kind, &mut request.body.clone());
    }
});
