//! Any bytes as an upstream's answer, told as chunks: each is JSON, and at most one end.
#![no_main]

use codex_router::translate::chat::{ChatReplyHead, ChunkWriter, ReplyForm};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

mod events;

fn told(head: ChatReplyHead, data: &[u8]) {
    let text = events::written(ChunkWriter::new(head), data);
    let mut ends = 0;
    for frame in text.split_terminator("\n\n") {
        assert_eq!(ends, 0, "something after the end");
        let data = frame.strip_prefix("data: ").expect("nothing but data");
        if data == "[DONE]" {
            ends += 1;
        } else {
            let chunk: Value = serde_json::from_str(data).expect("a chunk is JSON");
            ends += usize::from(chunk.get("error").is_some());
        }
    }
    assert_eq!(ends, 1);
}

fuzz_target!(|data: &[u8]| {
    told(ChatReplyHead::default(), data);
    let stop = vec!["one".to_owned(), "\n".to_owned()];
    let head = ChatReplyHead {
        include_usage: true,
        logprobs: true,
        legacy_functions: true,
        stop: stop.clone(),
        ..ChatReplyHead::default()
    };
    told(head, data);
    let form = ReplyForm::Completion {
        echo: "p".to_owned(),
    };
    told(
        ChatReplyHead {
            form,
            stop,
            ..ChatReplyHead::default()
        },
        data,
    );
});
