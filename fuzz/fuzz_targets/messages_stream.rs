//! Any bytes as an upstream's answer, told as Messages events: one block open at a time, and one end.
#![no_main]

use codex_router::translate::messages::{MessageHead, MessageWriter, Thoughts};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

mod events;

fn told(head: MessageHead, data: &[u8]) {
    let text = events::written(MessageWriter::new(head), data);
    let (mut begun, mut is_open, mut ends) = (0, false, 0);
    for event in text.split_terminator("\n\n") {
        assert_eq!(ends, 0, "something after the end");
        let (_, data) = event.split_once("\ndata: ").expect("an event has data");
        let event: Value = serde_json::from_str(data).expect("an event is JSON");
        match event["type"].as_str().expect("an event has a type") {
            "content_block_start" => {
                assert!(!is_open && event["index"] == begun);
                is_open = true;
                begun += 1;
            }
            "content_block_delta" => assert!(is_open && event["index"] == begun - 1),
            "content_block_stop" => {
                assert!(is_open && event["index"] == begun - 1);
                is_open = false;
            }
            "message_stop" => {
                assert!(!is_open);
                ends += 1;
            }
            "error" => ends += 1,
            _ => {}
        }
    }
    assert_eq!(ends, 1);
}

fuzz_target!(|data: &[u8]| {
    told(MessageHead::default(), data);
    let stop = vec!["one".to_owned(), "\n".to_owned()];
    let thoughts = Thoughts::Shown;
    told(
        MessageHead {
            thoughts,
            stop,
            ..MessageHead::default()
        },
        data,
    );
});
