//! Responses events to Messages events.
//!
//! A Messages stream has one block open at a time, numbered without gaps. An upstream may speak of several items at once:
//! what belongs to a later block waits until the earlier one is closed. The common event, a piece of text for the block that
//! is open, is copied from the upstream's JSON string into the client's as it stands.

use super::blocks_in_turn::{Blocks, What};
use super::frames;
use super::ids::{client_call_id, signature_of};
use super::reply::{Made, MessageHead, Thoughts, stop_reason};
use crate::translate::pieces::{
    Begins, CallPiece, Closed, Family, PartPlace, PieceReader, PieceSink, Read, State, TextPiece,
};
use crate::translate::responses::{EventKind, Failure, TokenUsage};
use crate::translate::{EventWriter, MAX_ANSWER_BYTES, Progress};

/// Writes the events of one streamed answer.
#[derive(Debug)]
pub struct MessageWriter {
    reader: PieceReader,
    message: Message,
}

/// The message as far as the client knows it.
#[derive(Debug)]
struct Message {
    head: MessageHead,
    has_begun: bool,
    blocks: Blocks,
    /// The block of each call.
    call_blocks: Vec<usize>,
    /// Reasoning as it stood when its item was added, for an upstream that does not repeat it at the end.
    early_seals: Vec<(PartPlace, String)>,
    has_refusal: bool,
    /// How often a call grew after its block was closed.
    late_arguments: u32,
}

impl MessageWriter {
    pub fn new(head: MessageHead) -> Self {
        Self {
            reader: PieceReader::new(&head.stop),
            message: Message {
                head,
                has_begun: false,
                blocks: Blocks::default(),
                call_blocks: Vec::new(),
                early_seals: Vec::new(),
                has_refusal: false,
                late_arguments: 0,
            },
        }
    }

    /// Says that the answer is still being made. Nothing once it is over.
    pub fn ping(&mut self, out: &mut Vec<u8>) {
        if !self.reader.is_over() {
            self.message.begin(out);
            frames::ping(out);
        }
    }

    /// How often a snapshot did not begin with what had been sent, and how many calls had arguments but never a name.
    pub fn contradictions(&self) -> u32 {
        self.reader.contradictions() + self.message.late_arguments
    }

    fn end(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.reader.close();
        self.message.begin(out);
        self.message.blocks.close_all(out);
        let sequence = self.reader.stop_found();
        let sequence = sequence.filter(|_| reason == STOP_SEQUENCE);
        frames::message_end(reason, sequence, self.reader.usage(), out);
    }

    /// Whether the client can be told that the room for the conversation ended in the middle of the answer.
    fn is_full(&self, failure: &Failure) -> bool {
        failure.code.as_deref() == Some("context_length_exceeded") && self.message.blocks.has_said()
    }
}

impl EventWriter for MessageWriter {
    fn push_kind(
        &mut self,
        kind: EventKind,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        let before = out.len();
        let message = &mut self.message;
        match self.reader.read(kind, data, &mut Sink { message, out }) {
            Ok(Read::More) => {}
            Ok(Read::Over) => return Ok(Progress::Finished),
            Ok(Read::End(terminal, state)) => {
                let made = Made {
                    has_calls: self.reader.has_calls(),
                    has_refusal: self.message.has_refusal,
                };
                let reason = match state {
                    State::Open => stop_reason(&terminal, made),
                    State::Stopped | State::Over => STOP_SEQUENCE,
                };
                self.end(reason, out);
                return Ok(Progress::Finished);
            }
            Err(failure) if self.is_full(&failure) => {
                let message = &mut self.message;
                self.reader.flush_held(&mut Sink { message, out });
                self.end("model_context_window_exceeded", out);
                return Ok(Progress::Finished);
            }
            Err(failure) => return Err(failure),
        }
        // What waits for its turn is the one thing that can grow.
        if self.message.blocks.waiting_bytes() > MAX_ANSWER_BYTES {
            return Err(Box::new(Failure::too_large(MAX_ANSWER_BYTES)));
        }
        Ok(if out.len() > before {
            Progress::Output
        } else {
            Progress::Nothing
        })
    }

    // The Anthropic SDKs raise on `event: error`; a made-up `stop_reason` would hide the failure.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        match self.reader.close() {
            State::Open => frames::error(failure, out),
            // The text was complete; only its price is missing.
            State::Stopped => self.end(STOP_SEQUENCE, out),
            State::Over => {}
        }
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.reader.usage()
    }
}

const STOP_SEQUENCE: &str = "stop_sequence";

impl Message {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            frames::message_start(&self.head, out);
        }
    }

    fn early_seal(&self, place: &PartPlace) -> Option<&str> {
        let mut newest_first = self.early_seals.iter().rev();
        let (_, seal) = newest_first.find(|(at, _)| at.is_same_item(place))?;
        Some(seal)
    }
}

/// Writes pieces as the events of blocks.
struct Sink<'w> {
    message: &'w mut Message,
    out: &'w mut Vec<u8>,
}

// No request of this dialect asks for custom tools or images, and a citation has no place in a stream of text.
impl PieceSink for Sink<'_> {
    const TAKES_ANY_CALL: bool = false;
    const PARTS_MESSAGES: bool = true;

    fn opened(&mut self) {
        self.message.begin(self.out);
    }

    fn text(&mut self, piece: TextPiece<'_>) {
        let is_thought = matches!(piece.family, Family::Summary | Family::Reasoning);
        if is_thought && self.message.head.thoughts != Thoughts::Shown {
            return;
        }
        self.message.begin(self.out);
        let what = if is_thought {
            What::thinking(piece.place)
        } else {
            What::Text(piece.place)
        };
        let blocks = &mut self.message.blocks;
        let (block, is_new) = blocks.open_for(what);
        // Each part of a summary is a paragraph of its own; the first one of an item has nothing before it.
        if piece.begins == Begins::Paragraph && !is_new {
            blocks.say(block, "\\n\\n", self.out);
        }
        if !piece.escaped.is_empty() {
            blocks.say(block, piece.escaped, self.out);
            self.message.has_refusal |= piece.family == Family::Refusal;
        }
    }

    /// A block each as soon as the name is known.
    fn call(&mut self, call: CallPiece<'_>) {
        self.message.begin(self.out);
        let head = &self.message.head;
        let id = match &call.id {
            Some(id) => client_call_id(id).into_owned(),
            None => format!("{}_{}", head.id, call.index),
        };
        let name = head.names.client(&call.wire_name).to_owned();
        let blocks = &mut self.message.blocks;
        let block = blocks.add(What::Call { id, name }, self.out);
        self.message.call_blocks.push(block);
        if !call.arguments.is_empty() {
            blocks.say(block, call.arguments, self.out);
        }
    }

    fn arguments(&mut self, index: usize, escaped: &str) {
        let blocks = &mut self.message.blocks;
        match self.message.call_blocks.get(index) {
            Some(block) if !blocks.is_closed(*block) => blocks.say(*block, escaped, self.out),
            _ => self.message.late_arguments += 1,
        }
    }

    fn stopped(&mut self) -> State {
        self.message.blocks.close_all(self.out);
        State::Stopped
    }

    fn sealed_early(&mut self, place: PartPlace, seal: &str) {
        self.message.early_seals.push((place, seal.to_owned()));
    }

    fn closed(&mut self, item: Closed<'_>) {
        let blocks = &mut self.message.blocks;
        match item {
            Closed::Message(place) => blocks.close(&What::Text(place), self.out),
            Closed::Call(index) => {
                if let Some(block) = self.message.call_blocks.get(index) {
                    blocks.close_at(*block, self.out);
                }
            }
            Closed::Reasoning { place, seal } => {
                let is_hidden = self.message.head.thoughts == Thoughts::Hidden;
                if is_hidden || blocks.has_closed_thinking(&place) {
                    return;
                }
                let seal = seal.as_deref().or_else(|| self.message.early_seal(&place));
                if let Some(signature) = seal.map(signature_of) {
                    self.message.begin(self.out);
                    let blocks = &mut self.message.blocks;
                    let (block, _) = blocks.open_for(What::thinking(place));
                    blocks.sign(block, signature);
                }
                let what = What::thinking(place);
                self.message.blocks.close(&what, self.out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
