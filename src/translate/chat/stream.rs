//! Responses events to chat chunks.
//!
//! The common event, a piece of text, is copied from the upstream's JSON string into the client's as it stands:
//! nothing is unescaped, nothing allocated. Everything else keeps the promises of a chat stream: one role, one id,
//! dense call indices, arguments that only grow, one finish reason, one `[DONE]`.

use std::borrow::Cow;

use serde_json::json;
use serde_json::value::RawValue;

use super::chunks::ChunkFrames;
use super::reply::{CallForm, ChatReplyHead, chat_annotation, finish_reason, image_value};
use crate::translate::pieces::sent::text_hash;
use crate::translate::pieces::{
    Begins, CallPiece, Family, PieceReader, PieceSink, Read, State, TextPiece,
};
use crate::translate::responses::{EventKind, Failure, Terminal, TokenUsage};
use crate::translate::{EventWriter, Progress};

/// Writes the chunks of one streamed answer.
#[derive(Debug)]
pub struct ChunkWriter {
    reader: PieceReader,
    chat: Chat,
}

/// What a chunk is made with.
#[derive(Debug)]
struct Chat {
    head: ChatReplyHead,
    frames: ChunkFrames,
    /// The images that were sent, as hashes.
    images: Vec<u64>,
}

impl ChunkWriter {
    pub fn new(head: ChatReplyHead) -> Self {
        Self {
            reader: PieceReader::new(&head.stop),
            chat: Chat {
                frames: ChunkFrames::new(&head),
                images: Vec::new(),
                head,
            },
        }
    }

    /// Ends the stream for an upstream that stopped in the middle: never a clean stop.
    pub fn cut(&mut self, out: &mut Vec<u8>) {
        self.fail(&Failure::truncated(), out);
    }

    /// How often a snapshot did not begin with what had been sent, and how many calls had arguments but never a name.
    /// Worth a line in the log: something of the answer is missing.
    pub fn contradictions(&self) -> u32 {
        self.reader.contradictions()
    }

    fn finish(&mut self, terminal: &Terminal, before: State, out: &mut Vec<u8>) {
        let frames = &mut self.chat.frames;
        if before == State::Open {
            if *terminal == Terminal::Completed {
                // Clients parse the arguments that they have, and nothing is not JSON.
                for index in self.reader.calls_without_arguments() {
                    frames.call_arguments(index, "{}", out);
                }
            }
            let form = match (self.reader.has_calls(), self.chat.head.legacy_functions) {
                (false, _) => CallForm::None,
                (true, false) => CallForm::Tools,
                (true, true) => CallForm::LegacyFunction,
            };
            frames.finish(finish_reason(terminal, form), out);
        }
        if before != State::Over {
            let usage = self.reader.usage();
            if let Some(usage) = usage.filter(|_| self.chat.head.include_usage) {
                frames.usage(usage, out);
            }
            frames.done(out);
        }
    }
}

impl EventWriter for ChunkWriter {
    fn push_kind(
        &mut self,
        kind: EventKind,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        let before = out.len();
        let mut sink = Sink {
            chat: &mut self.chat,
            out,
        };
        match self.reader.read(kind, data, &mut sink)? {
            Read::More if out.len() > before => Ok(Progress::Output),
            Read::More => Ok(Progress::Nothing),
            Read::End(terminal, state) => {
                self.finish(&terminal, state, out);
                Ok(Progress::Finished)
            }
            Read::Over => Ok(Progress::Finished),
        }
    }

    // The OpenAI SDKs raise on any frame with a top-level `error`; a made-up `finish_reason` would hide the failure, and so would a
    // `[DONE]`: there are clients that look at nothing else.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        match self.reader.close() {
            State::Open => {
                let chat = &mut self.chat;
                self.reader.flush_held(&mut Sink { chat, out });
                self.chat.frames.error(failure, out);
            }
            // The text was complete; only its price is missing.
            State::Stopped => self.chat.frames.done(out),
            State::Over => {}
        }
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.reader.usage()
    }
}

/// Writes pieces as chunks.
struct Sink<'w> {
    chat: &'w mut Chat,
    out: &'w mut Vec<u8>,
}

impl PieceSink for Sink<'_> {
    const TAKES_ANY_CALL: bool = true;
    const PARTS_MESSAGES: bool = false;

    fn text(&mut self, piece: TextPiece<'_>) {
        let field = match piece.family {
            Family::Text => "content",
            Family::Refusal => "refusal",
            Family::Summary | Family::Reasoning => super::chunks::REASONING,
        };
        let frames = &mut self.chat.frames;
        if piece.begins == Begins::Paragraph {
            frames.text(field, "\\n\\n", None, self.out);
        }
        if !piece.escaped.is_empty() {
            let logprobs = piece.logprobs.filter(|json| *json != "[]");
            let logprobs = logprobs.filter(|_| self.chat.head.logprobs);
            frames.text(field, piece.escaped, logprobs, self.out);
        }
    }

    fn call(&mut self, call: CallPiece<'_>) {
        let index = call.index;
        let id = call
            .id
            .unwrap_or_else(|| Cow::Owned(format!("call_{index}")));
        let name = self.chat.head.names.client(&call.wire_name);
        let frames = &mut self.chat.frames;
        frames.call(index, &id, name, call.arguments, self.out);
    }

    fn arguments(&mut self, index: usize, escaped: &str) {
        let frames = &mut self.chat.frames;
        frames.call_arguments(index, escaped, self.out);
    }

    fn stopped(&mut self) -> State {
        self.chat.frames.finish("stop", self.out);
        if self.chat.head.include_usage {
            return State::Stopped;
        }
        self.chat.frames.done(self.out);
        State::Over
    }

    fn annotation(&mut self, annotation: &RawValue) {
        if let Some(annotation) = chat_annotation(annotation) {
            let delta = json!({ "annotations": [annotation] });
            self.chat.frames.delta(&delta, self.out);
        }
    }

    /// The last partial image is often the final one: each is sent once.
    fn image(&mut self, base64: &str, output_format: Option<&RawValue>) {
        let hash = text_hash(base64);
        if !self.chat.images.contains(&hash) {
            self.chat.images.push(hash);
            let delta = json!({ "images": [image_value(base64, output_format)] });
            self.chat.frames.delta(&delta, self.out);
        }
    }
}

#[cfg(test)]
mod tests;
