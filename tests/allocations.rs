//! What a piece of text costs in memory on its way from the upstream to the client: nothing.
//!
//! A binary of its own, because counting needs an allocator of its own. It counts by thread, so the tests do not disturb each
//! other. No allocation also means that no tree of values was built: an event is read where it stands.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its input has failed"
)]

use allocation_counter::measure;
use bytes::Bytes;
use codex_router::translate::chat::{ChatReplyHead, ChunkWriter, ReplyForm};
use codex_router::translate::messages::{MessageHead, MessageWriter, Thoughts};
use codex_router::translate::sse::{Frames, write_frame};
use codex_router::translate::{EventKind, EventWriter};

fn deltas(kind: &str, index: &str) -> Vec<Vec<u8>> {
    let delta = |nth: usize| {
        format!(
            r#"{{"type":"response.{kind}.delta","sequence_number":{nth},"item_id":"item_0123456789abcdef","output_index":0,"{index}":0,"delta":" w\u00f6rd\n{nth} 🙂","logprobs":[],"obfuscation":"abcd"}}"#
        )
    };
    (0..100).map(|nth| delta(nth).into_bytes()).collect()
}

/// How often the heap is asked while all but the first of these events are told.
fn allocations(mut writer: impl EventWriter, events: &[Vec<u8>]) -> u64 {
    let mut out = Vec::with_capacity(1 << 20);
    let (first, rest) = events.split_first().unwrap();
    writer.push(first, &mut out).unwrap();
    let before = out.len();
    let counted = measure(|| {
        for event in rest {
            writer.push(event, &mut out).unwrap();
        }
    });
    assert!(out.len() > before + rest.len() * 20, "nothing was told");
    counted.count_total
}

#[test]
fn a_piece_of_text_becomes_a_chunk_without_an_allocation() {
    for (kind, index) in [
        ("output_text", "content_index"),
        ("refusal", "content_index"),
        ("reasoning_summary_text", "summary_index"),
    ] {
        let writer = ChunkWriter::new(ChatReplyHead::default());
        assert_eq!(allocations(writer, &deltas(kind, index)), 0, "{kind}");
    }
    let form = ReplyForm::Completion {
        echo: String::new(),
    };
    let head = ChatReplyHead {
        form,
        ..ChatReplyHead::default()
    };
    let events = deltas("output_text", "content_index");
    assert_eq!(allocations(ChunkWriter::new(head), &events), 0);
}

#[test]
fn a_piece_of_text_becomes_a_messages_event_without_an_allocation() {
    for (kind, index) in [
        ("output_text", "content_index"),
        ("reasoning_summary_text", "summary_index"),
    ] {
        let head = MessageHead {
            thoughts: Thoughts::Shown,
            ..MessageHead::default()
        };
        let writer = MessageWriter::new(head);
        assert_eq!(allocations(writer, &deltas(kind, index)), 0, "{kind}");
    }
}

#[test]
fn watching_for_a_stop_sequence_is_what_allocates() {
    let head = ChatReplyHead {
        stop: vec!["never".to_owned()],
        ..ChatReplyHead::default()
    };
    let events = deltas("output_text", "content_index");
    assert!(allocations(ChunkWriter::new(head), &events) > 0);
}

#[test]
fn arguments_of_a_call_are_told_without_an_allocation() {
    let added = br#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"item_0123456789abcdef","call_id":"call_1","name":"f"}}"#;
    let mut events = vec![added.to_vec()];
    events.extend(deltas("function_call_arguments", "content_index"));
    let writer = ChunkWriter::new(ChatReplyHead::default());
    assert_eq!(allocations(writer, &events), 0);
    let writer = MessageWriter::new(MessageHead::default());
    assert_eq!(allocations(writer, &events), 0);
}

#[test]
fn the_events_of_one_chunk_are_framed_without_copies() {
    let mut stream = Vec::new();
    for delta in deltas("output_text", "content_index") {
        write_frame(Some(b"response.output_text.delta"), &delta, &mut stream);
    }
    let chunk = Bytes::from(stream);
    let mut frames = Frames::default();
    let mut told = 0;
    let counted = measure(|| {
        frames.push(chunk.clone());
        for frame in frames.by_ref() {
            let frame = frame.unwrap();
            told += usize::from(EventKind::of_frame(&frame) == EventKind::OutputTextDelta);
        }
    });
    assert_eq!(told, 100);
    // One for all: the count of those who share the chunk.
    assert!(counted.count_total <= 1, "{counted:?}");
}
