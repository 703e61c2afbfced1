//! What was said on one socket: for each of its last responses, the conversation up to its end.
//!
//! Bounded twice: by what one socket may keep, and by what all of them may. What does not fit is forgotten whole, never in
//! part: a client that leans on it is told so and sends everything again.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use bytes::Bytes;

use crate::router::body::Held;
use crate::translate::EventKind;
use crate::translate::responses::{finished_item, item_id};

/// Responses that a client may go on from. Codex goes on from the last; a client that asks again after a failure may go one
/// back.
const MAX_KNOWN: usize = 4;
/// What an item costs beside its own bytes.
const ITEM_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct History {
    /// The newest last. Conversations that grow out of one another share their items.
    known: VecDeque<Known>,
    /// Room for all of them.
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
        // A conversation that was begun anew shares nothing with the one before, and nobody goes back to that.
        let first = items.first().map(|item| item.as_ptr());
        self.known.retain(|known| {
            known.items.first().map(|item| item.as_ptr()) == first || known.items.is_empty()
        });
        self.known.push_back(Known { response_id, items });
        if self.known.len() > MAX_KNOWN {
            self.known.pop_front();
        }
        while !self.fits() {
            self.known.pop_front();
        }
    }

    /// Takes the room for what is known, and gives back what is more than that.
    fn fits(&mut self) -> bool {
        let bytes = self.bytes();
        let fits = bytes <= self.limit_bytes && self.held.grow_to(bytes).is_ok();
        if fits {
            self.held.shrink_to(bytes);
        }
        fits
    }

    /// Each item once, however many conversations it stands in.
    fn bytes(&self) -> usize {
        let mut seen = HashSet::new();
        let items = self.known.iter().flat_map(|known| &known.items);
        items
            .filter(|item| seen.insert((item.as_ptr(), item.len())))
            .map(cost_of)
            .sum()
    }
}

/// What an item takes.
pub(super) fn cost_of(item: &Bytes) -> usize {
    item.len() + ITEM_BYTES
}

/// The items of an answer that is under way.
#[derive(Debug)]
pub(super) struct Output {
    items: Vec<Item>,
    /// Whether there were too many to keep, or one that could not be read.
    is_lost: bool,
    /// Room for the conversation, and for what the answer adds.
    held: Held,
    bytes: usize,
    limit_bytes: usize,
}

#[derive(Debug)]
struct Item {
    /// By which it stands before or after others.
    place: u64,
    /// The place that was told.
    told: Option<u64>,
    id: Option<String>,
    json: Bytes,
}

impl Output {
    /// `held` has room for `bytes` already.
    pub(super) fn new(limit_bytes: usize, held: Held, bytes: usize) -> Self {
        Self {
            items: Vec::new(),
            is_lost: false,
            held,
            bytes,
            limit_bytes,
        }
    }

    pub(super) fn note(&mut self, kind: EventKind, data: &[u8]) {
        if self.is_lost {
            return;
        }
        match finished_item(kind, data) {
            Ok(None) => {}
            Ok(Some((place, json))) => self.add(Item::new(place, json)),
            Err(_unreadable) => self.lose(),
        }
    }

    fn add(&mut self, mut item: Item) {
        self.bytes += cost_of(&item.json);
        if self.bytes > self.limit_bytes || self.held.grow_to(self.bytes).is_err() {
            self.lose();
            return;
        }
        let mut known = self.items.iter_mut();
        if let Some(same) = known.find(|known| known.is(&item) && known.is_told_at(&item)) {
            // Said twice: the later word counts.
            same.json = item.json;
            return;
        }
        let is_free = |place: &u64| self.items.iter().all(|known| known.place != *place);
        let last = self.items.last().map(|last| last.place);
        let next = || last.map(|last| last.saturating_add(1));
        item.place = item.told.filter(is_free).or_else(next).unwrap_or_default();
        let at = self
            .items
            .partition_point(|known| known.place <= item.place);
        self.items.insert(at, item);
    }

    fn lose(&mut self) {
        self.is_lost = true;
        self.items.clear();
    }

    /// The items in their order, with those that only the last event tells where they stand there. Nothing when some are lost.
    pub(super) fn finish(self, of_last_event: Vec<Bytes>) -> Option<Vec<Bytes>> {
        if self.is_lost {
            return None;
        }
        let mut items = self.items;
        // A list that is no longer than what was streamed brings nothing, whatever its items are called.
        if of_last_event.len() > items.len() {
            let mut at = 0;
            for told in of_last_event {
                let told = Item::new(None, told);
                match items.iter().position(|item| item.is(&told)) {
                    Some(place) => at = place + 1,
                    None => {
                        items.insert(at.min(items.len()), told);
                        at += 1;
                    }
                }
            }
        }
        Some(items.into_iter().map(|item| item.json).collect())
    }
}

impl Item {
    fn new(told: Option<u64>, json: Bytes) -> Self {
        Self {
            place: 0,
            told,
            id: item_id(&json).map(Cow::into_owned),
            json,
        }
    }

    /// By their ids; those without one, by what they say.
    fn is(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(one), Some(other)) => one == other,
            _ => self.json == other.json,
        }
    }

    /// Two items without ids may well say the same, at two places.
    fn is_told_at(&self, other: &Self) -> bool {
        self.id.is_some() || self.told == other.told
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
        let mut output = output(10_000);
        for event in [
            done(1, "b"),
            done(0, "a"),
            done(0, "c"),
            done(1, "b"),
            done(7, "a"),
        ] {
            output.note(EventKind::of_data(event.as_bytes()), event.as_bytes());
        }
        assert_eq!(
            output.finish(vec![item("{}")]).unwrap(),
            [r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]
        );
    }

    #[test]
    fn what_only_the_last_event_tells_stands_where_it_tells_it() {
        let told = ["x", "a", "y", "b"].map(|id| item(&format!(r#"{{"id":"{id}"}}"#)));
        let mut streamed = output(10_000);
        for id in ["a", "b"] {
            let event = format!(r#"{{"type":"response.output_item.done","item":{{"id":"{id}"}}}}"#);
            streamed.note(EventKind::OutputItemDone, event.as_bytes());
        }
        assert_eq!(streamed.finish(told.to_vec()).unwrap(), told);
        assert_eq!(output(9).finish(told.to_vec()).unwrap(), told);
    }

    #[test]
    fn an_answer_is_never_kept_in_part() {
        let good = r#"{"type":"response.output_item.done","item":{"id":"a"}}"#;
        for bad in [
            r#"{"type":"response.output_item.done","item":{"id":"#,
            r#"{"type":"response.output_item.done"}"#,
            r#"{"type":"response.output_item.done","output_index":"one","item":{}}"#,
        ] {
            let mut output = output(10_000);
            for event in [good, bad, good] {
                output.note(EventKind::OutputItemDone, event.as_bytes());
            }
            assert_eq!(output.finish(vec![]), None, "{bad}");
        }
        let mut output = output(9);
        output.note(EventKind::OutputItemDone, good.as_bytes());
        assert_eq!(output.finish(vec![]), None);
    }

    fn output(limit_bytes: usize) -> Output {
        let room = body::budget(&Limits::default());
        Output::new(limit_bytes, body::hold(&room, 0).unwrap(), 0)
    }

    #[test]
    fn an_item_that_several_conversations_share_is_counted_once_and_every_other_one_too() {
        let room = body::room_for(100 * 1024);
        let mut history = History::new(body::hold(&room, 0).unwrap(), 60_000);
        let first = item("{}");
        let long = || item(&"x".repeat(20_000));
        let one = vec![first.clone(), long()];
        history.remember("resp_0".into(), one.clone());
        history.remember("resp_1".into(), [one, vec![long()]].concat());
        assert_eq!(room.available_permits(), 100 - 40);
        // Two more that part ways after the first item.
        history.remember("resp_2".into(), vec![first.clone(), long()]);
        assert_eq!(history.up_to("resp_0"), None, "the oldest makes room");
        history.remember("resp_3".into(), vec![first]);
        history.remember("resp_4".into(), vec![item("{}")]);
        assert_eq!(
            room.available_permits(),
            99,
            "what is not needed is given back"
        );
    }
}
