//! The tool calls of one answer, told apart however the upstream names them.
//!
//! Deltas carry an item id, an output index, or both; whole items carry a call id too; some upstreams leave ids blank
//! or change them from event to event. Getting this wrong swaps or doubles arguments (Soju06/codex-lb#284, #542), so
//! every call is known by all three.

use super::sent::{Sent, id_hash};
use crate::translate::raw;
use crate::translate::responses::{DeltaEvent, Item};

#[derive(Debug, Default)]
pub(in crate::translate) struct Calls {
    calls: Vec<Call>,
    announced: usize,
}

/// One call.
#[derive(Debug)]
pub(in crate::translate) struct Call {
    item: u64,
    /// From a whole item; 0 until then.
    call: u64,
    output_index: Option<u64>,
    /// Its place among the calls of the answer, once the client has heard of it. Dense, unlike the output index.
    pub index: Option<usize>,
    pub is_custom: bool,
    /// Arguments that arrived before the name did, still escaped.
    pub waiting: String,
    /// Arguments that the client has.
    pub sent: Sent,
}

/// How an event names its call; ids as hashes, 0 for none.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::translate) struct CallKey {
    pub item: u64,
    pub call: u64,
    pub output_index: Option<u64>,
}

impl CallKey {
    pub fn of_item(item: &Item<'_>, output_index: Option<u64>) -> Self {
        Self {
            item: id_hash(raw::text(item.id)),
            call: id_hash(raw::text(item.call_id)),
            output_index,
        }
    }

    pub fn of_delta(event: &DeltaEvent<'_>) -> Self {
        Self {
            item: id_hash(raw::text(event.item_id)),
            call: id_hash(raw::text(event.call_id)),
            output_index: event.output_index,
        }
    }
}

impl Calls {
    /// Whether the client has heard of any call.
    pub fn any_announced(&self) -> bool {
        self.announced > 0
    }

    /// Whether any call has begun, announced or not.
    pub fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// How many calls never got a name, so that the client cannot hear of them.
    pub fn unannounced(&self) -> u32 {
        let nameless = self.calls.iter().filter(|call| call.index.is_none());
        u32::try_from(nameless.count()).unwrap_or(u32::MAX)
    }

    /// The call that an event belongs to, begun if it is the first to speak of it.
    pub fn of(&mut self, key: CallKey) -> &mut Call {
        let at = match self.find(key) {
            Some(at) => at,
            None => {
                self.calls.push(Call {
                    item: key.item,
                    call: key.call,
                    output_index: key.output_index,
                    index: None,
                    is_custom: false,
                    waiting: String::new(),
                    sent: Sent::NOTHING,
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at]; // `find` and the push above give a place inside
        if call.item == 0 {
            call.item = key.item;
        }
        if call.call == 0 {
            call.call = key.call;
        }
        if call.output_index.is_none() {
            call.output_index = key.output_index;
        }
        call
    }

    /// The next dense index.
    pub fn announce(&mut self, key: CallKey) -> usize {
        let index = self.announced;
        self.announced += 1;
        self.of(key).index = Some(index);
        index
    }

    /// The calls of functions that the client has heard of, and of no argument.
    pub fn without_arguments(&self) -> impl Iterator<Item = usize> {
        let calls = self.calls.iter();
        let empty = calls.filter(|call| call.sent.is_nothing() && !call.is_custom);
        empty.filter_map(|call| call.index)
    }

    fn find(&self, key: CallKey) -> Option<usize> {
        let by_item = || {
            self.calls
                .iter()
                .rposition(|call| key.item != 0 && call.item == key.item)
        };
        let by_call = || {
            self.calls
                .iter()
                .rposition(|call| key.call != 0 && call.call == key.call)
        };
        let by_index = || {
            self.calls.iter().rposition(|call| {
                let is_same_place =
                    key.output_index.is_some() && call.output_index == key.output_index;
                // Two call ids are two calls, even where a gateway numbers every item 0.
                let is_other_call = key.call != 0 && call.call != 0 && key.call != call.call;
                is_same_place && !is_other_call
            })
        };
        // An event without any name can only mean the newest call.
        let is_unnamed = key.item == 0 && key.call == 0 && key.output_index.is_none();
        let newest = || self.calls.len().checked_sub(1).filter(|_| is_unnamed);
        by_item().or_else(by_call).or_else(by_index).or_else(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(item: u64, call: u64, output_index: Option<u64>) -> CallKey {
        CallKey {
            item,
            call,
            output_index,
        }
    }

    #[test]
    fn a_call_is_found_by_any_of_its_names() {
        let mut calls = Calls::default();
        calls.announce(key(1, 11, Some(1)));
        calls.announce(key(2, 12, Some(2)));
        assert_eq!(calls.of(key(1, 0, None)).index, Some(0));
        assert_eq!(calls.of(key(0, 12, None)).index, Some(1));
        assert_eq!(calls.of(key(0, 0, Some(1))).index, Some(0));
        assert_eq!(calls.of(key(0, 0, None)).index, Some(1));
    }

    #[test]
    fn an_id_that_changes_from_event_to_event_does_not_make_a_second_call() {
        let mut calls = Calls::default();
        calls.announce(key(1, 11, Some(4)));
        assert_eq!(calls.of(key(99, 0, Some(4))).index, Some(0));
        assert_eq!(calls.of(key(98, 11, Some(4))).index, Some(0));
    }

    #[test]
    fn two_call_ids_at_one_output_index_are_two_calls() {
        let mut calls = Calls::default();
        calls.announce(key(1, 11, Some(0)));
        calls.announce(key(2, 12, Some(0)));
        assert_eq!(calls.of(key(1, 0, Some(0))).index, Some(0));
        assert_eq!(calls.of(key(2, 0, Some(0))).index, Some(1));
    }
}
