//! Events in, pieces out.

use serde_json::value::RawValue;

use super::calls::Calls;
use super::sent::{Missing, id_hash};
use super::stop::{Passed, StopCutter};
use super::texts::{Begins, Family, Kind, PartPlace, Texts};
use super::{Closed, PieceSink, TextPiece};
use crate::translate::raw::{self, escaped};
use crate::translate::responses::{
    DeltaEvent, EventKind, Failure, Item, ItemEvent, Terminal, TerminalEvent, TokenUsage, elements,
    read_event,
};

mod call_events;

/// Reads the events of one answer.
#[derive(Debug)]
pub(in crate::translate) struct PieceReader {
    texts: Texts,
    calls: Calls,
    stop: Option<StopCutter>,
    /// Whose text the stop sequences are watching.
    watched: Option<PartPlace>,
    usage: Option<TokenUsage>,
    contradictions: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::translate) enum State {
    Open,
    /// A stop sequence ended the text; only the tokens are still awaited.
    Stopped,
    Over,
}

/// What is to be done after an event.
#[derive(Debug)]
pub(in crate::translate) enum Read {
    /// The answer goes on.
    More,
    /// That was the last event, and every piece of it has been told. Before it, the answer was open or stopped or over.
    End(Terminal, State),
    /// Nothing more is to be told.
    Over,
}

impl PieceReader {
    pub fn new(stop: &[String]) -> Self {
        Self {
            texts: Texts::default(),
            calls: Calls::default(),
            stop: StopCutter::new(stop),
            watched: None,
            usage: None,
            contradictions: 0,
            state: State::Open,
        }
    }

    /// Tells `sink` what an event adds.
    ///
    /// # Errors
    /// When the upstream reports a failure, or the event cannot be read. The answer stays open until it is
    /// [closed](Self::close).
    pub fn read(
        &mut self,
        kind: EventKind,
        data: &[u8],
        sink: &mut impl PieceSink,
    ) -> Result<Read, Box<Failure>> {
        if self.state == State::Over {
            return Ok(Read::Over);
        }
        if let Some(terminal) = TerminalEvent::read(kind, data) {
            self.usage = terminal.usage.or(self.usage);
            return self.end(terminal, sink);
        }
        if self.state == State::Open {
            self.read_open(kind, data, sink)?;
        }
        Ok(match self.state {
            State::Open | State::Stopped => Read::More,
            State::Over => Read::Over,
        })
    }

    /// Ends the answer from outside. Returns what it was before.
    pub fn close(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }

    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What the answer cost, if the upstream has said so.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }

    /// How often a snapshot did not begin with what had been told, and how many calls had arguments but never a name.
    pub fn contradictions(&self) -> u32 {
        self.contradictions
    }

    pub fn has_calls(&self) -> bool {
        self.calls.any_announced()
    }

    /// The calls of functions that were told without any arguments.
    pub fn calls_without_arguments(&self) -> Vec<usize> {
        self.calls.without_arguments().collect()
    }

    /// The stop sequence that ended the text.
    pub fn stop_found(&self) -> Option<&str> {
        self.stop.as_ref().and_then(StopCutter::found)
    }

    /// Tells what looked like the beginning of a stop sequence and came to nothing.
    pub fn flush_held(&mut self, sink: &mut impl PieceSink) {
        let held = self.stop.as_mut().map(StopCutter::take_held);
        let (Some(held), Some(place)) = (held, self.watched.take()) else {
            return;
        };
        if !held.is_empty() {
            sink.text(TextPiece::plain(place, &escaped(&held)));
        }
    }

    fn read_open<S: PieceSink>(
        &mut self,
        kind: EventKind,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Box<Failure>> {
        match kind {
            EventKind::OutputTextDelta => self.delta(Family::Text, data, sink),
            EventKind::RefusalDelta => self.delta(Family::Refusal, data, sink),
            EventKind::ReasoningSummaryDelta => self.delta(Family::Summary, data, sink),
            EventKind::ReasoningTextDelta => self.delta(Family::Reasoning, data, sink),
            EventKind::OutputTextDone => self.text_done(Family::Text, data, sink),
            EventKind::RefusalDone => self.text_done(Family::Refusal, data, sink),
            EventKind::ReasoningSummaryDone => self.text_done(Family::Summary, data, sink),
            EventKind::ReasoningTextDone => self.text_done(Family::Reasoning, data, sink),
            EventKind::FunctionArgumentsDelta => self.call_delta(data, sink),
            EventKind::FunctionArgumentsDone => self.call_text_done(data, sink),
            EventKind::CustomInputDelta if S::TAKES_ANY_CALL => self.call_delta(data, sink),
            EventKind::CustomInputDone if S::TAKES_ANY_CALL => self.call_text_done(data, sink),
            EventKind::ContentPartDone => self.part_done(data, sink),
            EventKind::OutputItemAdded => self.item_added(data, sink),
            EventKind::OutputItemDone => self.item_done(data, sink),
            EventKind::AnnotationAdded => {
                let event = read_event::<ItemEvent<'_>>(data)?;
                if let Some(annotation) = event.and_then(|event| event.annotation) {
                    sink.annotation(annotation);
                }
                Ok(())
            }
            EventKind::PartialImage => {
                if let Some(event) = read_event::<ItemEvent<'_>>(data)?
                    && let Some(base64) = raw::filled_text(event.partial_image_b64)
                {
                    sink.image(&base64, event.output_format);
                }
                Ok(())
            }
            EventKind::Created | EventKind::InProgress => {
                sink.opened();
                Ok(())
            }
            EventKind::CustomInputDelta
            | EventKind::CustomInputDone
            | EventKind::Queued
            | EventKind::CodexRateLimits
            | EventKind::Vendor
            | EventKind::Completed
            | EventKind::Done
            | EventKind::Incomplete
            | EventKind::Failed
            | EventKind::Error
            | EventKind::Other => Ok(()),
        }
    }

    // ── texts ──

    fn delta(
        &mut self,
        family: Family,
        data: &[u8],
        sink: &mut impl PieceSink,
    ) -> Result<(), Box<Failure>> {
        if let Some(event) = DeltaEvent::read(data)?
            && let Some(escaped) = event.piece()
        {
            let place = PartPlace::of_delta(family, &event);
            let begins = self.texts.add(family, place, escaped);
            let logprobs = event.logprobs;
            self.text_piece(
                TextPiece {
                    family,
                    place,
                    begins,
                    escaped,
                    logprobs,
                },
                sink,
            );
        }
        Ok(())
    }

    fn text_done(
        &mut self,
        family: Family,
        data: &[u8],
        sink: &mut impl PieceSink,
    ) -> Result<(), Box<Failure>> {
        if let Some(event) = DeltaEvent::read(data)? {
            let whole = event.text.or(event.refusal);
            self.snapshot(family, PartPlace::of_delta(family, &event), whole, sink);
        }
        Ok(())
    }

    fn part_done(&mut self, data: &[u8], sink: &mut impl PieceSink) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<ItemEvent<'_>>(data)?
            && let Some(part) = event.part.and_then(Item::read)
        {
            let place = PartPlace {
                item: id_hash(raw::text(event.item_id)),
                output_index: event.output_index,
                index: event.content_index.unwrap_or(0),
            };
            self.content_part(place, &part, sink);
        }
        Ok(())
    }

    fn content_part(&mut self, place: PartPlace, part: &Item<'_>, sink: &mut impl PieceSink) {
        let (family, text) = match &*part.kind() {
            "output_text" => (Family::Text, part.text),
            "refusal" => (Family::Refusal, part.refusal),
            "reasoning_text" => (Family::Reasoning, part.text),
            "summary_text" => (Family::Summary, part.text),
            _ => return,
        };
        self.snapshot(family, place, text, sink);
    }

    /// Tells what a repeated text has more than its pieces: usually nothing.
    fn snapshot(
        &mut self,
        family: Family,
        place: PartPlace,
        whole: Option<&(impl raw::Json + ?Sized)>,
        sink: &mut impl PieceSink,
    ) {
        let Some(whole) = raw::filled_text(whole) else {
            return;
        };
        let (missing, begins) = self.texts.complete(family, place, &whole);
        match missing {
            Missing::Nothing => {}
            Missing::End(end) => {
                let piece = TextPiece {
                    family,
                    place,
                    begins,
                    escaped: &escaped(end),
                    logprobs: None,
                };
                self.text_piece(piece, sink);
            }
            Missing::Contradiction => self.contradictions += 1,
        }
    }

    /// One piece, through the stop sequences if there are any.
    fn text_piece(&mut self, piece: TextPiece<'_>, sink: &mut impl PieceSink) {
        if self.state != State::Open {
            return; // a stop sequence ended the text
        }
        // A stop sequence ends a text; a call is no text, and half a call is of no use.
        let is_watched = piece.family == Family::Text && !self.calls.any();
        let Some(cutter) = self.stop.as_mut().filter(|_| is_watched) else {
            if piece.family == Family::Text {
                // A call has begun meanwhile, and what was held back comes before what follows it.
                self.flush_held(sink);
            }
            return sink.text(piece);
        };
        self.watched = Some(piece.place);
        let text = raw::decode(piece.escaped);
        match cutter.push(&text) {
            // Nothing is held back, so what it brings along is of just this text.
            Passed::On(passed) if passed == *text => sink.text(piece),
            Passed::On(passed) => sink.text(TextPiece::plain(piece.place, &escaped(&passed))),
            Passed::Cut(passed) => {
                sink.text(TextPiece::plain(piece.place, &escaped(&passed)));
                self.state = sink.stopped();
            }
        }
    }

    // ── items ──

    fn item_added<S: PieceSink>(&mut self, data: &[u8], sink: &mut S) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<ItemEvent<'_>>(data)?
            && let Some(item) = event.item.and_then(Item::read)
        {
            if takes::<S>(&item) {
                self.begun_call(&item, event.output_index, sink);
            } else if item.kind() == "reasoning"
                && let Some(seal) = raw::filled_text(item.encrypted_content)
            {
                sink.sealed_early(PartPlace::of_item(&item, event.output_index), &seal);
            }
        }
        Ok(())
    }

    fn item_done(&mut self, data: &[u8], sink: &mut impl PieceSink) -> Result<(), Box<Failure>> {
        if let Some(event) = read_event::<ItemEvent<'_>>(data)?
            && let Some(item) = event.item.and_then(Item::read)
        {
            self.whole_item(&item, event.output_index, sink);
        }
        Ok(())
    }

    fn whole_item<S: PieceSink>(
        &mut self,
        item: &Item<'_>,
        output_index: Option<u64>,
        sink: &mut S,
    ) {
        let place = PartPlace::of_item(item, output_index);
        match &*item.kind() {
            "message" => {
                self.parts(place, item.content(), sink);
                if self.state == State::Open {
                    if S::PARTS_MESSAGES {
                        self.flush_held(sink);
                    }
                    sink.closed(Closed::Message(place));
                }
            }
            "reasoning" => {
                // A gateway may stream the one kind and repeat the other: only what was silent so far speaks here.
                if !self.texts.has_reasoning_at(&place) {
                    self.parts(place, item.thoughts(), sink);
                }
                let seal = raw::filled_text(item.encrypted_content);
                sink.closed(Closed::Reasoning { place, seal });
            }
            "image_generation_call" => {
                if let Some(base64) = raw::filled_text(item.result) {
                    sink.image(&base64, item.output_format);
                }
            }
            _ if takes::<S>(item) => self.whole_call(item, output_index, sink),
            _ => {}
        }
    }

    fn parts(&mut self, place: PartPlace, parts: Vec<&RawValue>, sink: &mut impl PieceSink) {
        for (index, part) in (0..).zip(parts) {
            if let Some(part) = Item::read(part) {
                self.content_part(PartPlace { index, ..place }, &part, sink);
            }
        }
    }

    // ── the end ──

    fn end(
        &mut self,
        event: TerminalEvent<'_>,
        sink: &mut impl PieceSink,
    ) -> Result<Read, Box<Failure>> {
        if self.state == State::Open {
            if let Terminal::Failed(failure) = event.terminal {
                return Err(failure);
            }
            self.flush_output(event.output, sink);
            self.flush_held(sink);
            self.contradictions += self.calls.unannounced();
        }
        Ok(Read::End(event.terminal, self.close()))
    }

    /// Tells what only the last event has. Places in `output` need not be output indices, so items are known by their ids. Where
    /// the ids of what was told are not found again, ids mean nothing, and another text might be one that the client has.
    fn flush_output<S: PieceSink>(&mut self, output: Option<&RawValue>, sink: &mut S) {
        let items: Vec<Item<'_>> = elements(output)
            .into_iter()
            .filter_map(Item::read)
            .collect();
        let ids: Vec<u64> = items
            .iter()
            .map(|item| id_hash(raw::text(item.id)))
            .collect();
        let adds_said = self.texts.all_belong_to(Kind::Said, &ids);
        let adds_thoughts = self.texts.all_belong_to(Kind::Thought, &ids);
        for (index, item) in (0..).zip(&items) {
            if self.state != State::Open {
                return;
            }
            let is_told = match &*item.kind() {
                "message" => adds_said,
                "reasoning" => adds_thoughts,
                _ => true,
            };
            if is_told {
                let has_name = item.any_call_id().is_some();
                self.whole_item(item, (!has_name).then_some(index), sink);
            }
        }
    }
}

/// Whether the item is a call that the dialect has a place for.
fn takes<S: PieceSink>(item: &Item<'_>) -> bool {
    match &*item.kind() {
        "function_call" => true,
        "custom_tool_call" => S::TAKES_ANY_CALL,
        _ => false,
    }
}

impl<'e> TextPiece<'e> {
    /// Plain text of a message, after the stop sequences.
    fn plain(place: PartPlace, escaped: &'e str) -> Self {
        Self {
            family: Family::Text,
            place,
            begins: Begins::Nothing,
            escaped,
            logprobs: None,
        }
    }
}
