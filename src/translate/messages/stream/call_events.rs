//! The events of tool calls: a block each as soon as the name is known, then only ever longer.

use super::{MessageWriter, escaped};
use crate::translate::chat::calls::CallKey;
use crate::translate::chat::sent::{Missing, id_hash};
use crate::translate::messages::blocks_in_turn::What;
use crate::translate::messages::ids::client_call_id;
use crate::translate::raw::{self, inner};
use crate::translate::responses::{DeltaEvent, Failure, Item, read_event};

impl MessageWriter {
    pub(super) fn call_delta(
        &mut self,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<DeltaEvent<'_>>(data)? else {
            return Ok(());
        };
        let piece = event.delta.and_then(inner);
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else {
            return Ok(());
        };
        self.flush_held(out);
        let call = self.calls.of(delta_key(&event));
        match call.index {
            Some(index) => {
                call.sent.add_escaped(piece);
                self.arguments(index, piece, out);
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
        if let Some(whole) = event.arguments.and_then(inner) {
            self.flush_held(out);
            let key = delta_key(&event);
            match self.calls.of(key).index {
                Some(_) => self.call_snapshot(key, &raw::decode(whole), out),
                None => whole.clone_into(&mut self.calls.of(key).waiting),
            }
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
        let whole = item.arguments.and_then(inner);
        let call = self.calls.of(key);
        if call.index.is_some() {
            self.call_snapshot(key, &whole.map(raw::decode).unwrap_or_default(), out);
        } else {
            let waiting = std::mem::take(&mut call.waiting);
            let whole = whole.filter(|whole| !whole.is_empty());
            self.announce(key, item, whole.map_or(waiting, str::to_owned), out);
        }
        if let Some(block) = self.block_of_call(key) {
            self.blocks.close_at(block, out);
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
                self.arguments(index, &escaped(end), out);
            }
            Missing::Contradiction => self.contradictions += 1,
        }
    }

    fn arguments(&mut self, call_index: usize, escaped: &str, out: &mut Vec<u8>) {
        match self.call_blocks.get(call_index) {
            Some(block) if !self.blocks.is_closed(*block) => self.blocks.say(*block, escaped, out),
            // Arguments after the item was done: they cannot be appended any more.
            _ => self.contradictions += 1,
        }
    }

    /// Gives the call a block, with the arguments so far. One without a name keeps waiting for it.
    pub(super) fn announce(
        &mut self,
        key: CallKey,
        item: &Item<'_>,
        arguments: String,
        out: &mut Vec<u8>,
    ) {
        let Some(wire_name) = raw::filled_text(item.name) else {
            self.calls.of(key).waiting = arguments;
            return;
        };
        self.flush_held(out);
        self.begin(out);
        let index = self.calls.announce(key);
        self.calls.of(key).sent.add_escaped(&arguments);
        let upstream_id = raw::filled_text(item.call_id).or_else(|| raw::filled_text(item.id));
        let id = match &upstream_id {
            Some(id) => client_call_id(id).into_owned(),
            None => format!("{}_{index}", self.head.id),
        };
        let name = self.head.names.client(&wire_name).to_owned();
        let block = self.blocks.add(What::Call { id, name }, out);
        self.call_blocks.push(block);
        if !arguments.is_empty() {
            self.blocks.say(block, &arguments, out);
        }
    }

    fn block_of_call(&mut self, key: CallKey) -> Option<usize> {
        let index = self.calls.of(key).index?;
        self.call_blocks.get(index).copied()
    }
}

pub(super) fn is_call(item: &Item<'_>) -> bool {
    item.kind() == "function_call"
}

pub(super) fn call_key(item: &Item<'_>, output_index: Option<u64>) -> CallKey {
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
