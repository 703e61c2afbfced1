//! Any bytes as an upstream's answer, put together for clients that do not stream: JSON or a failure.
#![no_main]

use bytes::Bytes;
use codex_router::translate::chat::{ChatAnswer, ChatReplyHead};
use codex_router::translate::messages::{MessageAnswer, MessageHead, Thoughts};
use codex_router::translate::responses::{OutputRecord, ResponsesAnswer, without_owner};
use codex_router::translate::{AnswerCollector, EventKind};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

mod events;

fn collected<A: AnswerCollector>(mut answer: A, data: &[u8]) -> Option<A> {
    for frame in events::frames(data) {
        answer
            .push_kind(EventKind::of_frame(&frame), &frame.data)
            .ok()?;
    }
    Some(answer)
}

fn is_json(document: &[u8]) {
    serde_json::from_slice::<Value>(document).expect("an answer is JSON");
}

fuzz_target!(|data: &[u8]| {
    let answer = collected(ResponsesAnswer::new("m", 1), data);
    answer
        .and_then(|answer| answer.finish().ok())
        .inspect(|it| is_json(it));
    let head = ChatReplyHead {
        stop: vec!["one".to_owned()],
        ..ChatReplyHead::default()
    };
    let answer = collected(ChatAnswer::new(head), data);
    answer
        .and_then(|answer| answer.finish().ok())
        .inspect(|it| is_json(it));
    let head = MessageHead {
        thoughts: Thoughts::Shown,
        ..MessageHead::default()
    };
    let answer = collected(MessageAnswer::new(head), data);
    answer
        .and_then(|answer| answer.finish().ok())
        .inspect(|it| is_json(it));

    let mut record = OutputRecord::new("m", 1);
    for frame in events::frames(data) {
        let kind = EventKind::of_frame(&frame);
        let event = without_owner(kind, &frame.data).unwrap_or(frame.data);
        let was_json = serde_json::from_slice::<Value>(&event).is_ok();
        if record.note(kind, &event).is_err() {
            return;
        }
        let full: Bytes = record.with_full_output(kind, &event);
        if was_json {
            is_json(&full);
        }
    }
});
