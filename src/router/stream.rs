//! A streamed answer: upstream events are pulled as the client reads, and written as they come.
//!
//! There is no task and no channel behind it: a client that reads slowly slows the upstream down, and dropping the body drops
//! the upstream's stream at once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

use super::House;
use super::accept::Stage;
use super::answer::Severed;
use super::attempt::Attempt;
use super::codes::{EVENT_TOO_LARGE, is_answered};
use super::report::{AttemptResult, CLIENT_GONE, Record};
use super::setback::Setback;
use super::silence::Silence;
use super::source::{Broken, Source};
use super::voice::{Spoken, Voice};
use crate::translate::responses::TokenUsage;
use crate::translate::{EventKind, Failure};

pub(super) struct EventBody {
    source: Source,
    voice: Voice,
    phase: Phase,
    attempt: Attempt,
    record: Record,
    model: String,
    house: std::sync::Arc<House>,
    /// Ready when streams must end because the router stops.
    ending: Pin<Box<dyn Future<Output = ()> + Send>>,
    silence: Silence,
    /// Whether what the client is given next counts for its own timer.
    is_heard: bool,
    _slot: OwnedSemaphorePermit,
}

enum Phase {
    Flowing,
    /// The last event is out; the upstream's end is still to be read.
    Lingering(Pin<Box<Sleep>>),
    /// What is to be said last was said; now the connection must break.
    Severing,
    Over,
}

/// More than this is not collected for one write.
const WRITE_BYTES: usize = 16 * 1024;

impl EventBody {
    pub(super) fn new(
        house: std::sync::Arc<House>,
        source: Source,
        voice: Voice,
        attempt: Attempt,
        record: Record,
        model: String,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let mut stage = house.stage.clone();
        let ending = Box::pin(async move {
            // An error means that whoever could say so is gone, and everything ends with it.
            let _ended = stage.wait_for(|stage| *stage >= Stage::Ending).await;
        });
        let silence = Silence::new(house.limits.ping);
        Self {
            source,
            voice,
            phase: Phase::Flowing,
            attempt,
            record,
            model,
            house,
            ending,
            silence,
            is_heard: true,
            _slot: slot,
        }
    }

    /// The next bytes for the client: everything that is ready, up to a sensible size.
    pub(super) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Severed>>> {
        self.is_heard = true;
        let bytes = self.poll_answer(cx);
        if bytes.is_ready() && self.is_heard {
            self.silence.broken();
        }
        bytes
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Severed>>> {
        let mut out = Vec::new();
        loop {
            match &mut self.phase {
                Phase::Flowing => {}
                _ if !out.is_empty() => return Poll::Ready(Some(Ok(out.into()))),
                Phase::Over => return Poll::Ready(None),
                Phase::Severing => {
                    self.phase = Phase::Over;
                    return Poll::Ready(Some(Err(Severed)));
                }
                Phase::Lingering(patience) => {
                    if self.source.poll_end(cx).is_pending()
                        && patience.as_mut().poll(cx).is_pending()
                    {
                        return Poll::Pending;
                    }
                    self.phase = Phase::Over;
                    continue;
                }
            }
            match self.source.poll_next(cx) {
                Poll::Ready(Ok(frame)) => {
                    let kind = EventKind::of_frame(&frame);
                    if frame.has_data() && !kind.is_handshake() {
                        self.attempt.note_token(&mut self.record);
                    }
                    if kind == EventKind::CodexRateLimits {
                        super::rate_limits::note(&frame.data, &mut self.attempt.usage);
                    }
                    let is_heard = frame.has_data() || self.voice.hears_comments();
                    match self.voice.say(kind, frame, &mut out) {
                        Spoken::Nothing | Spoken::Written => {}
                        Spoken::AsItCame(bytes) => {
                            self.is_heard = is_heard;
                            return Poll::Ready(Some(Ok(bytes)));
                        }
                        Spoken::Last {
                            bytes,
                            tokens,
                            failure,
                        } => {
                            self.conclude(tokens, failure);
                            if !bytes.is_empty() {
                                return Poll::Ready(Some(Ok(bytes)));
                            }
                        }
                    }
                    if out.len() >= WRITE_BYTES {
                        return Poll::Ready(Some(Ok(out.into())));
                    }
                }
                Poll::Ready(Err(broken)) => self.break_off(&broken, &mut out),
                Poll::Pending if self.ending.as_mut().poll(cx).is_ready() => {
                    self.attempt.tell(AttemptResult::Abandoned);
                    self.finish(&stopping(), &mut out);
                }
                Poll::Pending if out.is_empty() => {
                    if self.poll_ping(cx, &mut out).is_pending() {
                        return Poll::Pending;
                    }
                }
                Poll::Pending => return Poll::Ready(Some(Ok(out.into()))),
            }
        }
    }

    /// Ready when a sign of life was written. Whether the upstream is silent for too long is the source's affair.
    fn poll_ping(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()> {
        ready!(self.silence.poll_too_long(cx));
        self.voice.ping(out);
        Poll::Ready(())
    }

    /// The last event has come.
    fn conclude(&mut self, tokens: Option<TokenUsage>, failure: Option<Box<Failure>>) {
        self.record.note(|done| done.tokens = tokens);
        let is_complete = failure.is_none();
        if let Some(failure) = &failure {
            self.record.note_error(failure.code.clone());
        }
        let result = match failure {
            None => AttemptResult::Served,
            Some(failure) => result_of(*failure, &self.model),
        };
        self.attempt.tell(result);
        self.record.close(200, is_complete);
        self.phase = Phase::Lingering(Box::pin(sleep(self.house.limits.linger)));
    }

    fn break_off(&mut self, broken: &Broken, out: &mut Vec<u8>) {
        tracing::debug!(error = %broken, request = self.record.id(), "a stream broke off");
        self.attempt.tell(broken_off(broken));
        self.finish(&failure_of(broken), out);
    }

    /// Ends the answer with an error that the client cannot take for its end.
    fn finish(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.record.note_error(failure.code.clone());
        self.record.close(200, false);
        self.phase = if self.voice.fail(failure, out) {
            Phase::Over
        } else {
            Phase::Severing
        };
    }
}

/// What a client is told of an answer that broke off.
pub(super) fn failure_of(broken: &Broken) -> Failure {
    match broken {
        Broken::Silent(_) => Failure {
            code: Some("upstream_timeout".to_owned()),
            kind: Some("upstream_error".to_owned()),
            message: broken.to_string(),
            ..Failure::default()
        },
        Broken::TooLarge => Failure {
            code: Some(EVENT_TOO_LARGE.to_owned()),
            kind: Some("upstream_error".to_owned()),
            message: broken.to_string(),
            ..Failure::default()
        },
        Broken::Ended | Broken::Lost(_) => Failure::truncated(),
    }
}

/// What an answer that broke off says about the account that gave it.
pub(super) fn broken_off(broken: &Broken) -> AttemptResult {
    match broken {
        Broken::Silent(after) => AttemptResult::Silent { after: *after },
        Broken::TooLarge | Broken::Ended | Broken::Lost(_) => AttemptResult::Cut,
    }
}

/// What a failure inside an answer says about the account that gave it.
pub(super) fn result_of(failure: Failure, model: &str) -> AttemptResult {
    if failure.code.as_deref().is_some_and(is_answered) {
        return AttemptResult::Served;
    }
    Setback::of_event(failure, SystemTime::now())
        .result(model)
        .unwrap_or(AttemptResult::Cut)
}

fn stopping() -> Failure {
    Failure {
        code: Some("router_stopping".to_owned()),
        kind: Some("router_error".to_owned()),
        message: "the router is stopping".to_owned(),
        ..Failure::default()
    }
}

impl Drop for EventBody {
    /// The client is gone before the end, if there was none: the record and the attempt say so by themselves.
    fn drop(&mut self) {
        if !self.record.is_closed() {
            tracing::debug!(
                request = self.record.id(),
                status = CLIENT_GONE,
                "the client went away"
            );
        }
    }
}

impl std::fmt::Debug for EventBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBody")
            .field("attempt", &self.attempt)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}
