//! Any bytes as a request for an upstream that knows only chats, and as that upstream's answer: a chat or a refusal, and events
//! with one end.
#![no_main]

use codex_router::translate::EventKind;
use codex_router::translate::chat_upstream::{EventsFromChunks, chat_from_responses};
use codex_router::translate::rules::UpstreamKind;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

mod events;

fuzz_target!(|data: &[u8]| {
    // A request, an empty line, and the answer to it.
    let middle = data.windows(2).position(|pair| pair == b"\n\n");
    let (request, answer) = match middle {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &b""[..]),
    };
    let Ok(Value::Object(body)) = serde_json::from_slice(request) else {
        return;
    };
    for kind in [UpstreamKind::Compatible, UpstreamKind::OldAzure] {
        let Ok(chat) = chat_from_responses(kind, "m", body.clone(), &Map::new()) else {
            continue;
        };
        assert!(chat.body.get("messages").is_some_and(Value::is_array));
        let mut reader = EventsFromChunks::new(chat.asked, "1", 1);
        let mut told = Vec::new();
        for frame in events::frames(answer) {
            told.extend(reader.push(&frame.data));
        }
        told.extend(reader.finish());
        let mut ends = 0;
        for frame in &told {
            assert_eq!(ends, 0, "something after the end");
            serde_json::from_slice::<Value>(&frame.data).expect("an event is JSON");
            let kind = EventKind::of_frame(frame);
            ends += usize::from(matches!(
                kind,
                EventKind::Completed | EventKind::Incomplete | EventKind::Failed
            ));
        }
        assert_eq!(ends, 1);
    }
});
