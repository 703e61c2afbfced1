//! Any bytes as a Responses request: refused, or sent on as a request for the same model.
#![no_main]

use bytes::Bytes;
use codex_router::translate::responses::ResponsesRequest;
use codex_router::translate::rules::{UpstreamKind, adapt_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = ResponsesRequest::read(data) else {
        return;
    };
    let body = Bytes::copy_from_slice(data);
    for kind in [UpstreamKind::ChatGpt, UpstreamKind::OpenAi] {
        if let Ok((adapted, _dropped)) = adapt_bytes(kind, &body) {
            let adapted = ResponsesRequest::read(&adapted).expect("still a request");
            assert_eq!(adapted.model, request.model);
        }
    }
});
