//! However the bytes of a stream are spelled and cut, they are the same events.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::config;
use super::upstream::{Telling, answer, events, spelled, telling};
use crate::translate::chat::{ChatReplyHead, ChunkWriter};
use crate::translate::messages::{MessageHead, MessageWriter};
use crate::translate::sse::{Ending, Frame, Frames};
use crate::translate::{EventKind, EventWriter};

/// The events as an upstream may write them: three kinds of line ends, data over several lines, comments, names and ids.
fn stream(events: &[Value], telling: &Telling, dice: &[u8]) -> Vec<u8> {
    let mut throws = dice.iter().copied().cycle();
    let mut throw = move |bound: u8| throws.next().unwrap() % bound;
    let mut out = String::new();
    for event in events {
        let end = ["\n", "\r\n", "\r"][usize::from(throw(3))];
        if throw(4) == 0 {
            out.extend([": still here", end]);
        }
        if throw(3) == 0 {
            out.extend(["event: ", event["type"].as_str().unwrap(), end]);
        }
        let json = if throw(2) == 0 {
            serde_json::to_string_pretty(event).unwrap()
        } else {
            event.to_string()
        };
        for line in telling.spelled(json).split('\n') {
            out.extend([if throw(2) == 0 { "data: " } else { "data:" }, line, end]);
        }
        if throw(4) == 0 {
            out.extend(["id: 7", end]);
        }
        out.push_str(end);
    }
    out.into_bytes()
}

fn frames_of<'s>(chunks: impl Iterator<Item = &'s [u8]>) -> Vec<Frame> {
    let mut frames = Frames::default();
    let mut all = Vec::new();
    for chunk in chunks {
        frames.push(Bytes::copy_from_slice(chunk));
        for frame in frames.by_ref() {
            all.push(frame.unwrap());
        }
    }
    match frames.finish() {
        Ending::Clean => {}
        Ending::Last(frame) => all.push(frame),
        Ending::Unfinished(rest) => panic!("{rest:?} is left over"),
    }
    all
}

fn written(mut writer: impl EventWriter, frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames.iter().filter(|frame| frame.has_data()) {
        let kind = EventKind::of_frame(frame);
        writer.push_kind(kind, &frame.data, &mut out).unwrap();
    }
    out
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn any_spelling_and_any_cut_of_the_bytes_gives_the_same_answer(
        answer in answer(),
        telling in telling(),
        dice in prop::collection::vec(any::<u8>(), 1..48),
        sizes in prop::collection::vec(1usize..60, 1..12),
    ) {
        let events = events(&answer, &telling);
        let texts = spelled(&events, &telling);
        let stream = stream(&events, &telling, &dice);
        let whole = frames_of(std::iter::once(&stream[..]));

        let data = whole.iter().filter(|frame| frame.has_data());
        let read: Vec<Value> = data.map(|frame| serde_json::from_slice(&frame.data).unwrap()).collect();
        prop_assert_eq!(read, events);

        let mut rest = &stream[..];
        let mut sizes = sizes.iter().cycle();
        let chunks = std::iter::from_fn(|| {
            let (chunk, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            rest = behind;
            Some(chunk).filter(|chunk| !chunk.is_empty())
        });
        let cut = frames_of(chunks);
        prop_assert_eq!(&cut, &whole);

        let head = ChatReplyHead::default();
        prop_assert_eq!(
            written(ChunkWriter::new(head.clone()), &cut),
            written_from_texts(ChunkWriter::new(head), &texts)
        );
        let head = MessageHead::default();
        prop_assert_eq!(
            written(MessageWriter::new(head.clone()), &cut),
            written_from_texts(MessageWriter::new(head), &texts)
        );
    }
}

fn written_from_texts(mut writer: impl EventWriter, events: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        writer.push(event.as_bytes(), &mut out).unwrap();
    }
    out
}
