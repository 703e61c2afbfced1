//! Responses events to Messages events.
//!
//! A Messages stream has one block open at a time, numbered without gaps. An upstream may speak of several items at once:
//! what belongs to a later block waits until the earlier one is closed. The common event, a piece of text for the block that
//! is open, is copied from the upstream's JSON string into the client's as it stands.

use serde_json::value::RawValue;

use super::blocks_in_turn::{Blocks, What};
use super::frames;
use super::ids::signature_of;
use super::reply::{Made, MessageHead, Thoughts, stop_reason};
use crate::translate::chat::calls::Calls;
use crate::translate::chat::sent::{Missing, id_hash};
use crate::translate::chat::stop::{Passed, StopCutter};
use crate::translate::chat::texts::{Begins, Family, PartPlace, Texts};
use crate::translate::raw::{self, inner, push_escaped};
use crate::translate::responses::{
    DeltaEvent, EventKind, Failure, Item, ItemEvent, Terminal, TerminalEvent, TokenUsage, elements,
    read_event,
};
use crate::translate::{EventWriter, MAX_ANSWER_BYTES, Progress};

mod call_events;

use call_events::{call_key, is_call};

/// Writes the events of one streamed answer.
#[derive(Debug)]
pub struct MessageWriter {
    head: MessageHead,
    has_begun: bool,
    blocks: Blocks,
    texts: Texts,
    calls: Calls,
    /// The block of each announced call.
    call_blocks: Vec<usize>,
    /// Reasoning as it stood when its item was added, for an upstream that does not repeat it at the end.
    early_seals: Vec<(PartPlace, String)>,
    stop: Option<StopCutter>,
    /// The block whose text the stop sequences are watching.
    watched: Option<usize>,
    has_refusal: bool,
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

impl MessageWriter {
    pub fn new(head: MessageHead) -> Self {
        Self {
            has_begun: false,
            blocks: Blocks::default(),
            texts: Texts::default(),
            calls: Calls::default(),
            call_blocks: Vec::new(),
            early_seals: Vec::new(),
            stop: StopCutter::new(&head.stop),
            watched: None,
            has_refusal: false,
            usage: None,
            contradictions: 0,
            state: State::Open,
            head,
        }
    }

    /// Says that the answer is still being made. Nothing once it is over.
    pub fn ping(&mut self, out: &mut Vec<u8>) {
        if self.state != State::Ended {
            self.begin(out);
            frames::ping(out);
        }
    }

    /// How often a snapshot did not begin with what had been sent, and how many calls had arguments but never a name.
    pub fn contradictions(&self) -> u32 {
        self.contradictions
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            frames::message_start(&self.head, out);
        }
    }

    // ── texts and thoughts ──

    fn delta(
        &mut self,
        family: Family,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<DeltaEvent<'_>>(data)? else {
            return Ok(());
        };
        let piece = event.delta.and_then(inner);
        if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
            let place = PartPlace::of_delta(family, &event);
            let begins = self.texts.add(family, place, piece);
            self.piece(family, place, begins, piece, out);
        }
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
        if let Some(event) = read_event::<ItemEvent<'_>>(data)?
            && let Some(part) = event.part.and_then(Item::read)
        {
            let place = PartPlace {
                item: id_hash(raw::text(event.item_id)),
                output_index: event.output_index,
                index: event.content_index.unwrap_or(0),
            };
            self.content_part(place, &part, out);
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
            Missing::End(end) => self.piece(family, place, begins, &escaped(end), out),
            Missing::Contradiction => self.contradictions += 1,
        }
    }

    /// One piece, still escaped, for the block that it belongs to.
    fn piece(
        &mut self,
        family: Family,
        place: PartPlace,
        begins: Begins,
        piece: &str,
        out: &mut Vec<u8>,
    ) {
        if self.state != State::Open {
            return; // a stop sequence ended the text
        }
        let is_thought = matches!(family, Family::Summary | Family::Reasoning);
        if is_thought && self.head.thoughts != Thoughts::Shown {
            return;
        }
        self.begin(out);
        let what = if is_thought {
            What::thinking(place)
        } else {
            What::Text(place)
        };
        let (block, is_new) = self.blocks.open_for(what);
        if is_thought {
            // Each part of a summary is a paragraph of its own; the first one of an item has nothing before it.
            if begins == Begins::Paragraph && !is_new {
                self.blocks.say(block, "\\n\\n", out);
            }
            return self.blocks.say(block, piece, out);
        }
        self.has_refusal |= family == Family::Refusal;
        let passed = match &mut self.stop {
            // A stop sequence ends a text; a call is no text, and half a call is of no use.
            Some(cutter) if family == Family::Text && !self.calls.any() => {
                self.watched = Some(block);
                cutter.push(&raw::decode(piece))
            }
            _ => return self.blocks.say(block, piece, out),
        };
        match passed {
            Passed::On(text) => self.plain(block, &text, out),
            Passed::Cut(text) => {
                self.plain(block, &text, out);
                self.blocks.close_all(out);
                self.state = State::AwaitingUsage;
            }
        }
    }

    fn plain(&mut self, block: usize, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.blocks.say(block, &escaped(text), out);
        }
    }

    /// What looked like the beginning of a stop sequence and came to nothing.
    fn flush_held(&mut self, out: &mut Vec<u8>) {
        let held = self.stop.as_mut().map(StopCutter::take_held);
        if let Some((held, block)) = held.zip(self.watched.take()) {
            self.plain(block, &held, out);
        }
    }

    // ── items ──

    fn item_added(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Failure>> {
        let Some(event) = read_event::<ItemEvent<'_>>(data)? else {
            return Ok(());
        };
        let Some(item) = event.item.and_then(Item::read) else {
            return Ok(());
        };
        if is_call(&item) {
            let key = call_key(&item, event.output_index);
            let call = self.calls.of(key);
            if call.index.is_none() {
                let waiting = std::mem::take(&mut call.waiting);
                self.announce(key, &item, waiting, out);
            }
        } else if item.kind() == "reasoning"
            && let Some(seal) = raw::filled_text(item.encrypted_content)
        {
            let place = item_place(&item, event.output_index);
            self.early_seals.push((place, seal.into_owned()));
        }
        Ok(())
    }

    fn item_done(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<ItemEvent<'_>>(data)?
            && let Some(item) = event.item.and_then(Item::read)
        {
            self.whole_item(&item, event.output_index, out);
        }
        Ok(())
    }

    fn whole_item(&mut self, item: &Item<'_>, output_index: Option<u64>, out: &mut Vec<u8>) {
        let place = item_place(item, output_index);
        let part = |index: usize| PartPlace {
            index: index as u64,
            ..place
        };
        match &*item.kind() {
            "message" => {
                for (index, content) in item.content().into_iter().enumerate() {
                    if let Some(content) = Item::read(content) {
                        self.content_part(part(index), &content, out);
                    }
                }
                if self.state == State::Open {
                    self.flush_held(out);
                    self.blocks.close(&What::Text(place), out);
                }
            }
            "reasoning" => self.whole_reasoning(item, place, out),
            _ if is_call(item) => self.whole_call(item, output_index, out),
            _ => {}
        }
    }

    fn whole_reasoning(&mut self, item: &Item<'_>, place: PartPlace, out: &mut Vec<u8>) {
        if self.head.thoughts == Thoughts::Hidden || self.blocks.has_closed_thinking(&place) {
            return;
        }
        // A gateway may stream the one kind and repeat the other: only what was silent so far speaks here.
        if !self.texts.has_reasoning_at(&place) {
            let (summary, content) = (item.summary(), item.content());
            let texts = if summary.is_empty() { content } else { summary };
            for (index, text) in texts.into_iter().enumerate() {
                if let Some(text) = Item::read(text) {
                    let place = PartPlace {
                        index: index as u64,
                        ..place
                    };
                    self.content_part(place, &text, out);
                }
            }
        }
        let seal = raw::filled_text(item.encrypted_content).map(std::borrow::Cow::into_owned);
        let early = || {
            let mut seals = self.early_seals.iter().rev();
            let (_, seal) = seals.find(|(at, _)| at.is_same_item(&place))?;
            Some(seal.clone())
        };
        let what = What::thinking(place);
        if let Some(seal) = seal.or_else(early) {
            self.begin(out);
            let (block, _) = self.blocks.open_for(What::thinking(place));
            self.blocks.sign(block, signature_of(&seal));
        }
        self.blocks.close(&what, out);
    }

    // ── the end ──

    fn finish(
        &mut self,
        event: &TerminalEvent<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        if self.state == State::AwaitingUsage {
            self.end("stop_sequence", out);
            return Ok(Progress::Finished);
        }
        if let Terminal::Failed(failure) = &event.terminal {
            let is_overflow = failure.code.as_deref() == Some("context_length_exceeded");
            if is_overflow && self.blocks.has_said() {
                self.flush_held(out);
                self.end("model_context_window_exceeded", out);
                return Ok(Progress::Finished);
            }
            return Err(failure.clone());
        }
        self.begin(out);
        self.flush_output(event.output, out);
        // A stop sequence may have ended the text in what was flushed just now.
        if self.state == State::AwaitingUsage {
            self.end("stop_sequence", out);
            return Ok(Progress::Finished);
        }
        self.flush_held(out);
        self.contradictions += self.calls.unannounced();
        let made = Made {
            has_calls: self.calls.any_announced(),
            has_refusal: self.has_refusal,
        };
        self.end(stop_reason(&event.terminal, made), out);
        Ok(Progress::Finished)
    }

    /// Sends what only the last event tells. Places in `output` need not be output indices, so texts are taken from here only
    /// if there was none at all, and calls are known by their ids.
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
            } else if !had_text {
                self.whole_item(&item, Some(index as u64), out);
            }
        }
    }

    fn end(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.state = State::Ended;
        self.begin(out);
        self.blocks.close_all(out);
        let sequence = self.stop.as_ref().and_then(StopCutter::found);
        let sequence = sequence.filter(|_| reason == "stop_sequence");
        frames::message_end(reason, sequence, self.usage, out);
    }
}

impl EventWriter for MessageWriter {
    fn push_kind(
        &mut self,
        kind: EventKind,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        if self.state == State::Ended {
            return Ok(Progress::Finished);
        }
        if let Some(terminal) = TerminalEvent::read(kind, data) {
            self.usage = terminal.usage.or(self.usage);
            return self.finish(&terminal, out);
        }
        if self.state == State::AwaitingUsage {
            return Ok(Progress::Nothing);
        }
        let before = out.len();
        match kind {
            EventKind::Created | EventKind::InProgress => self.begin(out),
            EventKind::OutputTextDelta => self.delta(Family::Text, data, out)?,
            EventKind::RefusalDelta => self.delta(Family::Refusal, data, out)?,
            EventKind::ReasoningSummaryDelta => self.delta(Family::Summary, data, out)?,
            EventKind::ReasoningTextDelta => self.delta(Family::Reasoning, data, out)?,
            EventKind::OutputTextDone => self.text_done(Family::Text, data, out)?,
            EventKind::RefusalDone => self.text_done(Family::Refusal, data, out)?,
            EventKind::ReasoningSummaryDone => self.text_done(Family::Summary, data, out)?,
            EventKind::ReasoningTextDone => self.text_done(Family::Reasoning, data, out)?,
            EventKind::ContentPartDone => self.part_done(data, out)?,
            EventKind::FunctionArgumentsDelta => self.call_delta(data, out)?,
            EventKind::FunctionArgumentsDone => self.call_text_done(data, out)?,
            EventKind::OutputItemAdded => self.item_added(data, out)?,
            EventKind::OutputItemDone => self.item_done(data, out)?,
            // No request of this dialect asks for custom tools or images, and a citation has no place in a stream of text.
            EventKind::CustomInputDelta
            | EventKind::CustomInputDone
            | EventKind::AnnotationAdded
            | EventKind::PartialImage
            | EventKind::Queued
            | EventKind::CodexRateLimits
            | EventKind::Vendor
            | EventKind::Completed
            | EventKind::Done
            | EventKind::Incomplete
            | EventKind::Failed
            | EventKind::Error
            | EventKind::Other => {}
        }
        if self.blocks.waiting_bytes() > MAX_ANSWER_BYTES {
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
        match self.state {
            State::Open => {
                self.state = State::Ended;
                frames::error(failure, out);
            }
            // The text was complete; only its price is missing.
            State::AwaitingUsage => self.end("stop_sequence", out),
            State::Ended => {}
        }
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }
}

fn item_place(item: &Item<'_>, output_index: Option<u64>) -> PartPlace {
    PartPlace {
        item: id_hash(raw::text(item.id)),
        output_index,
        index: 0,
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
