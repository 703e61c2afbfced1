//! What an upstream's events add to an answer, piece by piece, whatever dialect it is told in.
//!
//! An upstream says most things several times: in deltas, in the `.done` event of a part, in the `.done` event of its item and
//! in the `output` of the last event, and any of these may be missing. [`PieceReader`] reads each event once and yields what a
//! client does not have yet: the next piece of a text, a call, more of its arguments. A dialect is a [`PieceSink`] that writes
//! them down. Pieces of text stay escaped as they came, so the common event is copied and never taken apart.
//!
//! Never enters: the shape of a chunk or a block. Those live in `chat` and `messages`.

use std::borrow::Cow;

use serde_json::value::RawValue;

pub(in crate::translate) mod calls;
pub(in crate::translate) mod reader;
pub(in crate::translate) mod sent;
pub(in crate::translate) mod stop;
pub(in crate::translate) mod texts;

pub(in crate::translate) use reader::{PieceReader, Read, State};
pub(in crate::translate) use texts::{Begins, Family, PartPlace};

/// Who tells the pieces to a client.
pub(in crate::translate) trait PieceSink {
    /// Whether there is a place for a call of a custom tool, and for a call that has no name.
    const TAKES_ANY_CALL: bool;
    /// Whether every message is a text of its own, so that no stop sequence reaches from one into the next.
    const PARTS_MESSAGES: bool;

    /// The upstream has begun.
    fn opened(&mut self) {}

    /// More of a text.
    fn text(&mut self, piece: TextPiece<'_>);

    /// A call, as soon as it can be told.
    fn call(&mut self, call: CallPiece<'_>);

    /// More arguments, still escaped, of the call with this index.
    fn arguments(&mut self, index: usize, escaped: &str);

    /// A stop sequence of the client has ended the text. [`State::Over`] if nothing more is to be told, [`State::Stopped`] if the
    /// tokens are.
    fn stopped(&mut self) -> State;

    fn annotation(&mut self, _annotation: &RawValue) {}

    /// A generated image, or an early form of it. The same one may come twice.
    fn image(&mut self, _base64: &str, _output_format: Option<&RawValue>) {}

    /// Sealed reasoning as it stood when its item was added.
    fn sealed_early(&mut self, _place: PartPlace, _seal: &str) {}

    /// Nothing more of an item will come.
    fn closed(&mut self, _item: Closed<'_>) {}
}

/// A piece of a text.
#[derive(Debug, Clone, Copy)]
pub(in crate::translate) struct TextPiece<'e> {
    pub family: Family,
    pub place: PartPlace,
    pub begins: Begins,
    /// Still escaped. Empty when a stop sequence may be beginning: the text has begun, but not a letter of it may be told.
    pub escaped: &'e str,
    /// JSON, as it came.
    pub logprobs: Option<&'e str>,
}

/// A call that the client has not heard of.
#[derive(Debug)]
pub(in crate::translate) struct CallPiece<'e> {
    /// Its place among the calls of the answer: 0, 1, 2 …
    pub index: usize,
    pub id: Option<Cow<'e, str>>,
    pub wire_name: Cow<'e, str>,
    /// The arguments so far, still escaped.
    pub arguments: &'e str,
}

/// An item of which nothing more will come.
#[derive(Debug)]
pub(in crate::translate) enum Closed<'e> {
    Message(PartPlace),
    Reasoning {
        place: PartPlace,
        /// For nobody but the upstream that made it.
        seal: Option<Cow<'e, str>>,
    },
    /// The call with this index.
    Call(usize),
}
