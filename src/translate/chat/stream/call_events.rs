//! The events of tool calls: announced once, then only ever longer.

use std::borrow::Cow;

use super::{ChunkWriter, escaped};
use crate::translate::chat::calls::CallKey;
use crate::translate::chat::sent::{Missing, id_hash};
use crate::translate::raw::{self, inner};
use crate::translate::responses::{DeltaEvent, Failure, Item, ItemEvent, read_event};

impl ChunkWriter {
    pub(super) fn item_added(
        &mut self,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<ItemEvent<'_>>(data)? else {
            return Ok(());
        };
        if let Some(item) = event.item.and_then(Item::read).filter(is_call) {
            let key = call_key(&item, event.output_index);
            if self.calls.of(key).index.is_none() {
                let waiting = std::mem::take(&mut self.calls.of(key).waiting);
                self.announce(key, &item, &waiting, out);
            }
        }
        Ok(())
    }

    pub(super) fn call_delta(
        &mut self,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<DeltaEvent<'_>>(data)? else {
            return Ok(());
        };
        let Some(piece) = event
            .delta
            .and_then(inner)
            .filter(|piece| !piece.is_empty())
        else {
            return Ok(());
        };
        self.flush_held(out);
        let call = self.calls.of(delta_key(&event));
        match call.index {
            Some(index) => {
                call.sent.add_escaped(piece);
                self.frames.call_arguments(index, piece, out);
            }
            None => call.waiting.push_str(piece),
        }
        Ok(())
    }

    pub(super) fn call_text_done(
        &mut self,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<DeltaEvent<'_>>(data)? else {
            return Ok(());
        };
        let Some(whole) = event.arguments.or(event.input).and_then(inner) else {
            return Ok(());
        };
        self.flush_held(out);
        let key = delta_key(&event);
        match self.calls.of(key).index {
            Some(_) => self.call_snapshot(key, &raw::decode(whole), out),
            None => whole.clone_into(&mut self.calls.of(key).waiting),
        }
        Ok(())
    }

    pub(super) fn whole_call(
        &mut self,
        item: &Item<'_>,
        output_index: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        let key = call_key(item, output_index);
        let whole = item.arguments.or(item.input).and_then(inner);
        if self.calls.of(key).index.is_some() {
            self.call_snapshot(key, &whole.map(raw::decode).unwrap_or_default(), out);
        } else {
            let waiting = std::mem::take(&mut self.calls.of(key).waiting);
            let whole = whole.filter(|whole| !whole.is_empty());
            self.announce(key, item, whole.unwrap_or(&waiting), out);
        }
    }

    /// Sends what the whole arguments have more than the client has.
    fn call_snapshot(&mut self, key: CallKey, whole: &str, out: &mut Vec<u8>) {
        let call = self.calls.of(key);
        let Some(index) = call.index.filter(|_| !whole.is_empty()) else {
            return;
        };
        match call.sent.missing_of(whole) {
            Missing::Nothing => {}
            Missing::End(end) => {
                call.sent.add(end);
                self.frames.call_arguments(index, &escaped(end), out);
            }
            Missing::Contradiction => self.contradictions += 1,
        }
    }

    /// Tells the client of a call: id, name, and the arguments so far.
    fn announce(&mut self, key: CallKey, item: &Item<'_>, arguments: &str, out: &mut Vec<u8>) {
        self.flush_held(out);
        let index = self.calls.announce(key);
        let call = self.calls.of(key);
        call.is_custom = item.kind() == "custom_tool_call";
        call.sent.add_escaped(arguments);
        let name = raw::text(item.name).unwrap_or_default();
        let name = self.head.names.client(&name);
        self.frames
            .call(index, &call_id(item, index), name, arguments, out);
    }

    /// A call without arguments gets `{}`: clients parse what they have, and nothing is not JSON.
    pub(super) fn fill_empty_arguments(&mut self, out: &mut Vec<u8>) {
        let empty: Vec<usize> = self
            .calls
            .iter_mut()
            .filter(|call| call.sent.is_nothing() && !call.is_custom)
            .filter_map(|call| call.index)
            .collect();
        for index in empty {
            self.frames.call_arguments(index, "{}", out);
        }
    }
}

pub(super) fn is_call(item: &Item<'_>) -> bool {
    matches!(&*item.kind(), "function_call" | "custom_tool_call")
}

fn call_key(item: &Item<'_>, output_index: Option<u64>) -> CallKey {
    CallKey {
        item: id_hash(raw::text(item.id)),
        call: id_hash(raw::text(item.call_id)),
        output_index,
    }
}

fn delta_key(event: &DeltaEvent<'_>) -> CallKey {
    CallKey {
        item: id_hash(raw::text(event.item_id)),
        call: id_hash(raw::text(event.call_id)),
        output_index: event.output_index,
    }
}

fn call_id<'a>(item: &Item<'a>, index: usize) -> Cow<'a, str> {
    let id = raw::filled_text(item.call_id).or_else(|| raw::filled_text(item.id));
    id.unwrap_or_else(|| Cow::Owned(format!("call_{index}")))
}
