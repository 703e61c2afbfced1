//! What was said on one socket: for each of its last responses, the conversation up to its end.
//!
//! Bounded twice: by what one socket may keep, and by the common budget of all bodies. What does not fit is forgotten whole,
//! never in part: a client that leans on it is told so and sends everything again.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::router::body::Held;
use crate::translate::EventKind;
use crate::translate::responses::finished_item;

/// Responses that a client may go on from. Codex goes on from the last; a client that asks again after a failure may go one
/// back.
const MAX_KNOWN: usize = 4;
/// What an item costs beside its own bytes.
const ITEM_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct History {
    /// The newest last. Conversations that grow out of one another share their items.
    known: VecDeque<Known>,
    /// Room for the largest conversation so far.
    held: Held,
    limit_bytes: usize,
}

#[derive(Debug)]
struct Known {
    response_id: String,
    items: Vec<Bytes>,
}

impl History {
    pub(super) fn new(held: Held, limit_bytes: usize) -> Self {
        Self {
            known: VecDeque::new(),
            held,
            limit_bytes,
        }
    }

    /// The conversation up to the end of this response.
    pub(super) fn up_to(&self, response_id: &str) -> Option<Vec<Bytes>> {
        let known = self.known.iter().rev();
        let mut matching = known.filter(|known| known.response_id == response_id);
        Some(matching.next()?.items.clone())
    }

    pub(super) fn remember(&mut self, response_id: String, items: Vec<Bytes>) {
        let bytes: usize = items.iter().map(|item| item.len() + ITEM_BYTES).sum();
        if bytes > self.limit_bytes || self.held.grow_to(bytes).is_err() {
            self.forget();
            return;
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.pop_front();
        }
        // A conversation that was begun anew shares nothing with the one before, and costs its own room.
        let first = items.first().map(|item| item.as_ptr());
        self.known.retain(|known| {
            known.items.first().map(|item| item.as_ptr()) == first || known.items.is_empty()
        });
        self.known.push_back(Known { response_id, items });
    }

    fn forget(&mut self) {
        self.known.clear();
        self.held = self.held.none();
    }
}

/// The items of an answer that is under way.
#[derive(Debug)]
pub(super) struct Output {
    items: BTreeMap<u64, Bytes>,
    bytes: usize,
    limit_bytes: usize,
}

impl Output {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            items: BTreeMap::new(),
            bytes: 0,
            limit_bytes,
        }
    }

    pub(super) fn note(&mut self, kind: EventKind, data: &[u8]) {
        if self.bytes > self.limit_bytes {
            return;
        }
        let Some((index, item)) = finished_item(kind, data) else {
            return;
        };
        let next = self
            .items
            .last_key_value()
            .map_or(0, |(last, _)| last.saturating_add(1));
        let index = index.filter(|index| !self.items.contains_key(index));
        self.bytes += item.len() + ITEM_BYTES;
        self.items.insert(index.unwrap_or(next), item);
    }

    /// The items in their order, or those of the last event when none came before it. Nothing when there were too many to
    /// keep.
    pub(super) fn finish(self, of_last_event: Vec<Bytes>) -> Option<Vec<Bytes>> {
        if self.bytes > self.limit_bytes {
            return None;
        }
        Some(if self.items.is_empty() {
            of_last_event
        } else {
            self.items.into_values().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Limits;
    use crate::router::body;

    fn history(limit_bytes: usize) -> History {
        let room = body::budget(&Limits::default());
        History::new(body::hold(&room, 0).unwrap(), limit_bytes)
    }

    fn item(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn a_conversation_that_grows_is_known_at_its_last_ends() {
        let mut history = history(10_000);
        let mut items = Vec::new();
        for turn in 0..6 {
            items.push(item(&format!("{{\"turn\":{turn}}}")));
            history.remember(format!("resp_{turn}"), items.clone());
        }
        assert_eq!(history.up_to("resp_1"), None, "too long ago");
        assert_eq!(history.up_to("resp_2").unwrap(), items[..3]);
        assert_eq!(history.up_to("resp_5").unwrap(), items);
        assert_eq!(history.up_to("resp_9"), None);
    }

    #[test]
    fn a_conversation_that_is_begun_anew_replaces_the_one_before() {
        let mut history = history(10_000);
        history.remember("resp_0".into(), vec![item("{\"a\":1}")]);
        history.remember("resp_1".into(), vec![item("{\"b\":1}")]);
        assert_eq!(history.up_to("resp_0"), None);
        assert_eq!(history.up_to("resp_1").unwrap(), ["{\"b\":1}"]);
    }

    #[test]
    fn what_does_not_fit_is_forgotten_whole() {
        let mut history = history(200);
        history.remember("resp_0".into(), vec![item("{}")]);
        history.remember("resp_1".into(), vec![item(&"x".repeat(200))]);
        assert_eq!(history.up_to("resp_0"), None);
        assert_eq!(history.up_to("resp_1"), None);
        history.remember("resp_2".into(), vec![item("{}")]);
        assert!(history.up_to("resp_2").is_some(), "it begins again");
    }

    #[test]
    fn a_history_without_room_in_the_common_budget_is_forgotten() {
        let limits = Limits {
            all_bodies_bytes: 4 * 1024,
            ..Limits::default()
        };
        let room = body::budget(&limits);
        let mut history = History::new(body::hold(&room, 0).unwrap(), 1_000_000);
        history.remember("resp_0".into(), vec![item(&"x".repeat(2_000))]);
        assert!(history.up_to("resp_0").is_some());
        history.remember("resp_1".into(), vec![item(&"x".repeat(9_000))]);
        assert_eq!(history.up_to("resp_0"), None);
        assert_eq!(room.available_permits(), 4, "the room is given back");
    }

    #[test]
    fn an_answers_items_stand_in_the_order_of_their_places() {
        let done = |index: u64, id: &str| {
            format!(
                r#"{{"type":"response.output_item.done","output_index":{index},"item":{{"id":"{id}"}}}}"#
            )
        };
        let mut output = Output::new(10_000);
        for event in [done(1, "b"), done(0, "a"), done(0, "c")] {
            output.note(EventKind::of_data(event.as_bytes()), event.as_bytes());
        }
        assert_eq!(
            output.finish(vec![item("{}")]).unwrap(),
            [r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]
        );
        assert_eq!(Output::new(9).finish(vec![item("{}")]).unwrap(), ["{}"]);
        let mut output = Output::new(9);
        let event = done(0, "a");
        output.note(EventKind::OutputItemDone, event.as_bytes());
        assert_eq!(output.finish(vec![]), None);
    }
}
