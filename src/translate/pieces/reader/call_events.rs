//! The events of tool calls: told once, then only ever longer.

use super::PieceReader;
use crate::translate::pieces::calls::CallKey;
use crate::translate::pieces::sent::Missing;
use crate::translate::pieces::{CallPiece, Closed, PieceSink};
use crate::translate::raw::{self, escaped, inner};
use crate::translate::responses::{DeltaEvent, Failure, Item};

impl PieceReader {
    /// A call of which the upstream says that it begins.
    pub(super) fn begun_call(
        &mut self,
        item: &Item<'_>,
        output_index: Option<u64>,
        sink: &mut impl PieceSink,
    ) {
        let key = CallKey::of_item(item, output_index);
        let call = self.calls.of(key);
        if call.index.is_none() {
            let waiting = std::mem::take(&mut call.waiting);
            self.announce(key, item, &waiting, sink);
        }
    }

    pub(super) fn call_delta(
        &mut self,
        data: &[u8],
        sink: &mut impl PieceSink,
    ) -> Result<(), Box<Failure>> {
        if let Some(event) = DeltaEvent::read(data)?
            && let Some(piece) = event.piece()
        {
            self.flush_held(sink);
            let call = self.calls.of(CallKey::of_delta(&event));
            match call.index {
                Some(index) => {
                    call.sent.add_escaped(piece);
                    sink.arguments(index, piece);
                }
                None => call.waiting.push_str(piece),
            }
        }
        Ok(())
    }

    pub(super) fn call_text_done(
        &mut self,
        data: &[u8],
        sink: &mut impl PieceSink,
    ) -> Result<(), Box<Failure>> {
        if let Some(event) = DeltaEvent::read(data)?
            && let Some(whole) = event.arguments.or(event.input).and_then(inner)
        {
            self.flush_held(sink);
            let key = CallKey::of_delta(&event);
            let call = self.calls.of(key);
            match call.index {
                Some(_) => self.call_snapshot(key, &raw::decode(whole), sink),
                None => whole.clone_into(&mut call.waiting),
            }
        }
        Ok(())
    }

    pub(super) fn whole_call(
        &mut self,
        item: &Item<'_>,
        output_index: Option<u64>,
        sink: &mut impl PieceSink,
    ) {
        let key = CallKey::of_item(item, output_index);
        let whole = item.arguments.or(item.input).and_then(inner);
        let call = self.calls.of(key);
        if call.index.is_some() {
            self.call_snapshot(key, &whole.map(raw::decode).unwrap_or_default(), sink);
        } else {
            let waiting = std::mem::take(&mut call.waiting);
            let whole = whole.filter(|whole| !whole.is_empty());
            self.announce(key, item, whole.unwrap_or(&waiting), sink);
        }
        if let Some(index) = self.calls.of(key).index {
            sink.closed(Closed::Call(index));
        }
    }

    /// Tells what the whole arguments have more than the client has.
    fn call_snapshot(&mut self, key: CallKey, whole: &str, sink: &mut impl PieceSink) {
        let call = self.calls.of(key);
        let Some(index) = call.index.filter(|_| !whole.is_empty()) else {
            return;
        };
        match call.sent.missing_of(whole) {
            Missing::Nothing => {}
            Missing::End(end) => {
                call.sent.add(end);
                sink.arguments(index, &escaped(end));
            }
            Missing::Contradiction => self.contradictions += 1,
        }
    }

    /// Tells of a call, with the arguments so far. Where a name is needed, one without keeps waiting for it.
    fn announce<S: PieceSink>(
        &mut self,
        key: CallKey,
        item: &Item<'_>,
        arguments: &str,
        sink: &mut S,
    ) {
        let wire_name = raw::text(item.name).unwrap_or_default();
        if wire_name.is_empty() && !S::TAKES_ANY_CALL {
            arguments.clone_into(&mut self.calls.of(key).waiting);
            return;
        }
        self.flush_held(sink);
        let index = self.calls.announce(key);
        let call = self.calls.of(key);
        call.is_custom = item.kind() == "custom_tool_call";
        call.sent.add_escaped(arguments);
        sink.call(CallPiece {
            index,
            id: item.any_call_id(),
            wire_name,
            arguments,
        });
    }
}
