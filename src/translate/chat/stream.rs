//! Responses events to chat chunks.
//!
//! The common event, a piece of text, is copied from the upstream's JSON string into the client's as it stands:
//! nothing is unescaped, nothing allocated. Everything else keeps the promises of a chat stream: one role, one id,
//! dense call indices, arguments that only grow, one finish reason, one `[DONE]`.

use serde_json::json;
use serde_json::value::RawValue;

use super::calls::Calls;
use super::chunks::ChunkFrames;
use super::reply::{CallForm, ChatReplyHead, chat_annotation, finish_reason, image_value};
use super::sent::{Missing, id_hash, text_hash};
use super::stop::{Passed, StopCutter};
use super::texts::{Begins, Family, PartPlace, Texts};
use crate::translate::raw::{self, inner, push_escaped};
use crate::translate::responses::{
    DeltaEvent, EventKind, Failure, Item, ItemEvent, Terminal, TerminalEvent, TokenUsage, elements,
    read_event,
};
use crate::translate::{EventWriter, Progress};

mod call_events;

use call_events::is_call;

/// Writes the chunks of one streamed answer.
#[derive(Debug)]
pub struct ChunkWriter {
    head: ChatReplyHead,
    frames: ChunkFrames,
    texts: Texts,
    calls: Calls,
    images: Vec<u64>,
    stop: Option<StopCutter>,
    usage: Option<TokenUsage>,
    contradictions: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A stop sequence ended the text; only the tokens are still awaited.
    AwaitingUsage,
    Ended,
}

impl ChunkWriter {
    pub fn new(head: ChatReplyHead) -> Self {
        Self {
            frames: ChunkFrames::new(&head),
            texts: Texts::default(),
            calls: Calls::default(),
            images: Vec::new(),
            stop: StopCutter::new(&head.stop),
            usage: None,
            contradictions: 0,
            state: State::Open,
            head,
        }
    }

    /// Ends the stream for an upstream that stopped in the middle: never a clean stop.
    pub fn cut(&mut self, out: &mut Vec<u8>) {
        self.fail(&Failure::truncated(), out);
    }

    /// How often a snapshot did not begin with what had been sent, and how many calls had arguments but never a name.
    /// Worth a line in the log: something of the answer is missing.
    pub fn contradictions(&self) -> u32 {
        self.contradictions
    }

    fn terminal_of<'a>(&mut self, kind: EventKind, data: &'a [u8]) -> Option<TerminalEvent<'a>> {
        if self.state == State::Ended {
            return None;
        }
        let terminal = TerminalEvent::read(kind, data)?;
        self.usage = terminal.usage.or(self.usage);
        Some(terminal)
    }

    // ── texts ──

    fn delta(
        &mut self,
        family: Family,
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
        let begins = self
            .texts
            .add(family, PartPlace::of_delta(family, &event), piece);
        self.begin(family, begins, out);
        self.text_piece(family, piece, event.logprobs, out);
        Ok(())
    }

    fn text_done(
        &mut self,
        family: Family,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<DeltaEvent<'_>>(data)? {
            let whole = raw::text(event.text.or(event.refusal)).unwrap_or_default();
            self.snapshot(family, PartPlace::of_delta(family, &event), &whole, out);
        }
        Ok(())
    }

    fn part_done(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<ItemEvent<'_>>(data)? {
            let place = PartPlace {
                item: id_hash(raw::text(event.item_id)),
                output_index: event.output_index,
                index: event.content_index.unwrap_or(0),
            };
            if let Some(part) = event.part.and_then(Item::read) {
                self.content_part(place, &part, out);
            }
        }
        Ok(())
    }

    fn content_part(&mut self, place: PartPlace, part: &Item<'_>, out: &mut Vec<u8>) {
        let (family, text) = match &*part.kind() {
            "output_text" => (Family::Text, part.text),
            "refusal" => (Family::Refusal, part.refusal),
            "reasoning_text" => (Family::Reasoning, part.text),
            "summary_text" => (Family::Summary, part.text),
            _ => return,
        };
        self.snapshot(family, place, &raw::text(text).unwrap_or_default(), out);
    }

    /// Sends what a repeated text has more than its deltas: usually nothing.
    fn snapshot(&mut self, family: Family, place: PartPlace, whole: &str, out: &mut Vec<u8>) {
        if whole.is_empty() {
            return;
        }
        let (missing, begins) = self.texts.complete(family, place, whole);
        match missing {
            Missing::Nothing => {}
            Missing::End(end) => {
                self.begin(family, begins, out);
                self.text_piece(family, &escaped(end), None, out);
            }
            Missing::Contradiction => self.contradictions += 1,
        }
    }

    fn begin(&mut self, family: Family, begins: Begins, out: &mut Vec<u8>) {
        match begins {
            Begins::Paragraph => self.piece(family, "\\n\\n", None, out),
            Begins::Nothing => {}
        }
    }

    /// One piece of text that is still escaped, through the stop sequences if there are any.
    fn text_piece(
        &mut self,
        family: Family,
        piece: &str,
        logprobs: Option<&RawValue>,
        out: &mut Vec<u8>,
    ) {
        if self.state != State::Open {
            return; // a stop sequence ended the text
        }
        let passed = match &mut self.stop {
            // A stop sequence ends a text; a call is no text, and half a call is of no use.
            Some(cutter) if family == Family::Text && !self.calls.any() => {
                cutter.push(&raw::decode(piece))
            }
            _ => return self.piece(family, piece, logprobs, out),
        };
        match passed {
            Passed::On(text) => self.plain_piece(&text, out),
            Passed::Cut(text) => {
                self.plain_piece(&text, out);
                self.frames.finish("stop", out);
                if self.head.include_usage {
                    self.state = State::AwaitingUsage;
                } else {
                    self.write_done(out);
                }
            }
        }
    }

    fn plain_piece(&mut self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.piece(Family::Text, &escaped(text), None, out);
        }
    }

    fn piece(
        &mut self,
        family: Family,
        piece: &str,
        logprobs: Option<&RawValue>,
        out: &mut Vec<u8>,
    ) {
        let logprobs = logprobs.filter(|json| self.head.logprobs && json.get() != "[]");
        self.frames.text(family.field(), piece, logprobs, out);
    }

    fn flush_held(&mut self, out: &mut Vec<u8>) {
        if let Some(held) = self.stop.as_mut().map(StopCutter::take_held) {
            self.plain_piece(&held, out);
        }
    }

    fn annotation(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Failure>> {
        let event = read_event::<ItemEvent<'_>>(data)?;
        if let Some(annotation) = event.and_then(|event| chat_annotation(event.annotation?)) {
            self.frames
                .delta(&json!({ "annotations": [annotation] }), out);
        }
        Ok(())
    }

    // ── items ──

    fn item_done(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<ItemEvent<'_>>(data)? else {
            return Ok(());
        };
        let Some(item) = event.item.and_then(Item::read) else {
            return Ok(());
        };
        self.whole_item(&item, event.output_index, out);
        Ok(())
    }

    fn whole_item(&mut self, item: &Item<'_>, output_index: Option<u64>, out: &mut Vec<u8>) {
        let place = |index: usize| PartPlace {
            item: id_hash(raw::text(item.id)),
            output_index,
            index: index as u64,
        };
        match &*item.kind() {
            "message" => {
                for (index, part) in item.content().into_iter().enumerate() {
                    if let Some(part) = Item::read(part) {
                        self.content_part(place(index), &part, out);
                    }
                }
            }
            "reasoning" => {
                // A gateway may stream the one kind and repeat the other: only what was silent so far speaks here.
                if self.texts.has_reasoning_at(&place(0)) {
                    return;
                }
                let (summary, content) = (item.summary(), item.content());
                let texts = if summary.is_empty() { content } else { summary };
                for (index, part) in texts.into_iter().enumerate() {
                    if let Some(part) = Item::read(part) {
                        self.content_part(place(index), &part, out);
                    }
                }
            }
            "image_generation_call" => {
                if let Some(base64) = raw::filled_text(item.result) {
                    self.image(&base64, item.output_format, out);
                }
            }
            _ if is_call(item) => self.whole_call(item, output_index, out),
            _ => {}
        }
    }

    fn partial_image(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<ItemEvent<'_>>(data)?
            && let Some(base64) = raw::filled_text(event.partial_image_b64)
        {
            self.image(&base64, event.output_format, out);
        }
        Ok(())
    }

    /// The last partial image is often the final one: each is sent once.
    fn image(&mut self, base64: &str, output_format: Option<&RawValue>, out: &mut Vec<u8>) {
        let hash = text_hash(base64);
        if self.images.contains(&hash) {
            return;
        }
        self.images.push(hash);
        let image = image_value(base64, output_format);
        self.frames.delta(&json!({ "images": [image] }), out);
    }

    // ── the end ──

    fn finish(
        &mut self,
        event: &TerminalEvent<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        if self.state == State::Open {
            if let Terminal::Failed(failure) = &event.terminal {
                return Err(failure.clone());
            }
            self.flush_output(event.output, out);
            self.flush_held(out);
            self.contradictions += self.calls.unannounced();
            if event.terminal == Terminal::Completed {
                self.fill_empty_arguments(out);
            }
            let form = match (self.calls.any_announced(), self.head.legacy_functions) {
                (false, _) => CallForm::None,
                (true, false) => CallForm::Tools,
                (true, true) => CallForm::LegacyFunction,
            };
            // A stop sequence may have ended the text in what was flushed just now.
            if self.state == State::Open {
                self.frames
                    .finish(finish_reason(&event.terminal, form), out);
            }
        }
        if self.state != State::Ended {
            if let Some(usage) = self.usage.filter(|_| self.head.include_usage) {
                self.frames.usage(usage, out);
            }
            self.write_done(out);
        }
        Ok(Progress::Finished)
    }

    /// Sends what only the last event tells. Places in `output` need not be output indices, so texts are taken from
    /// here only if there was none at all, and calls are known by their ids.
    fn flush_output(&mut self, output: Option<&RawValue>, out: &mut Vec<u8>) {
        let had_text = !self.texts.is_empty();
        for (index, item) in elements(output).into_iter().enumerate() {
            let Some(item) = Item::read(item).filter(|_| self.state == State::Open) else {
                continue;
            };
            if is_call(&item) {
                let has_name = raw::filled_text(item.call_id)
                    .or_else(|| raw::filled_text(item.id))
                    .is_some();
                let output_index = if has_name { None } else { Some(index as u64) };
                self.whole_call(&item, output_index, out);
            } else if item.kind() == "image_generation_call" || !had_text {
                self.whole_item(&item, Some(index as u64), out);
            }
        }
    }

    fn write_done(&mut self, out: &mut Vec<u8>) {
        self.state = State::Ended;
        self.frames.done(out);
    }
}

impl EventWriter for ChunkWriter {
    fn push_kind(
        &mut self,
        kind: EventKind,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        if let Some(terminal) = self.terminal_of(kind, data) {
            return self.finish(&terminal, out);
        }
        match self.state {
            State::Open => {}
            State::AwaitingUsage => return Ok(Progress::Nothing),
            State::Ended => return Ok(Progress::Finished),
        }
        let before = out.len();
        match kind {
            EventKind::OutputTextDelta => self.delta(Family::Text, data, out)?,
            EventKind::RefusalDelta => self.delta(Family::Refusal, data, out)?,
            EventKind::ReasoningSummaryDelta => self.delta(Family::Summary, data, out)?,
            EventKind::ReasoningTextDelta => self.delta(Family::Reasoning, data, out)?,
            EventKind::OutputTextDone => self.text_done(Family::Text, data, out)?,
            EventKind::RefusalDone => self.text_done(Family::Refusal, data, out)?,
            EventKind::ReasoningSummaryDone => self.text_done(Family::Summary, data, out)?,
            EventKind::ReasoningTextDone => self.text_done(Family::Reasoning, data, out)?,
            EventKind::ContentPartDone => self.part_done(data, out)?,
            EventKind::AnnotationAdded => self.annotation(data, out)?,
            EventKind::FunctionArgumentsDelta | EventKind::CustomInputDelta => {
                self.call_delta(data, out)?
            }
            EventKind::FunctionArgumentsDone | EventKind::CustomInputDone => {
                self.call_text_done(data, out)?
            }
            EventKind::OutputItemAdded => self.item_added(data, out)?,
            EventKind::OutputItemDone => self.item_done(data, out)?,
            EventKind::PartialImage => self.partial_image(data, out)?,
            EventKind::Created
            | EventKind::Queued
            | EventKind::InProgress
            | EventKind::CodexRateLimits
            | EventKind::Vendor
            | EventKind::Completed
            | EventKind::Done
            | EventKind::Incomplete
            | EventKind::Failed
            | EventKind::Error
            | EventKind::Other => {}
        }
        Ok(match self.state {
            State::Ended => Progress::Finished,
            State::Open | State::AwaitingUsage if out.len() > before => Progress::Output,
            State::Open | State::AwaitingUsage => Progress::Nothing,
        })
    }

    // The OpenAI SDKs raise on any frame with a top-level `error`; a made-up `finish_reason` would hide the failure, and so would a
    // `[DONE]`: there are clients that look at nothing else.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        match self.state {
            State::Open => {
                self.flush_held(out);
                self.frames.error(failure, out);
                self.state = State::Ended;
            }
            // The text was complete; only its price is missing.
            State::AwaitingUsage => self.write_done(out),
            State::Ended => {}
        }
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }
}

/// The inside of a JSON string.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    push_escaped(&mut escaped, text);
    escaped
}

#[cfg(test)]
mod tests;
