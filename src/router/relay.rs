//! An answer whose bytes nobody here reads: sound, and whatever else an API makes of a request that was passed on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::House;
use super::accept::Stage;
use super::answer::Severed;
use super::attempt::Attempt;
use super::forward;
use super::report::{AttemptResult, Record};
use crate::translate::responses::TokenUsage;

/// Pulled as the client reads; dropping it drops the upstream's stream.
pub(super) struct Relay {
    body: reqwest::Body,
    attempt: Attempt,
    record: Record,
    idle: std::time::Duration,
    last_bytes: Instant,
    timer: Pin<Box<Sleep>>,
    /// Ready when answers must end because the router stops.
    ending: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
    /// The end of what came, where events may tell at last what the answer cost.
    tail: Option<Tail>,
    _slot: OwnedSemaphorePermit,
}

impl Relay {
    pub(super) fn new(
        house: &Arc<House>,
        body: reqwest::Body,
        attempt: Attempt,
        record: Record,
        tells_events: bool,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let mut stage = house.stage.clone();
        let ending = Box::pin(async move {
            // An error means that whoever could say so is gone, and everything ends with it.
            let _ended = stage.wait_for(|stage| *stage >= Stage::Ending).await;
        });
        let idle = house.limits.event_idle;
        let now = Instant::now();
        Self {
            body,
            attempt,
            record,
            idle,
            last_bytes: now,
            timer: Box::pin(sleep_until(now + idle)),
            ending,
            is_over: false,
            tail: tells_events.then(Tail::default),
            _slot: slot,
        }
    }

    pub(super) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Severed>>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.last_bytes = Instant::now();
                    self.record.note_first_token();
                    if let Some(bytes) = frame.into_data().ok().filter(|bytes| !bytes.is_empty()) {
                        if let Some(tail) = &mut self.tail {
                            tail.add(&bytes);
                        }
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Poll::Ready(Some(Err(err))) => {
                    tracing::debug!(error = %err, request = self.record.id(), "an answer broke off");
                    return self.sever(AttemptResult::Cut);
                }
                Poll::Ready(None) => {
                    self.is_over = true;
                    self.attempt.tell(AttemptResult::Served);
                    self.note_cost();
                    self.record.close(200, true);
                }
                Poll::Pending if self.ending.as_mut().poll(cx).is_ready() => {
                    return self.sever(AttemptResult::Abandoned);
                }
                Poll::Pending if self.is_silent(cx) => {
                    return self.sever(AttemptResult::Silent { after: self.idle });
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Nothing can be said inside of bytes: the client must see a connection that breaks.
    fn sever(&mut self, result: AttemptResult) -> Poll<Option<Result<Bytes, Severed>>> {
        self.is_over = true;
        self.attempt.tell(result);
        self.note_cost();
        self.record.close(200, false);
        Poll::Ready(Some(Err(Severed)))
    }

    fn note_cost(&mut self) {
        let tokens = self.tail.take().and_then(|tail| tail.tokens());
        self.record.note(|done| done.tokens = tokens);
    }

    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            let end = self.last_bytes + self.idle;
            if end <= Instant::now() {
                return true;
            }
            self.timer.as_mut().reset(end);
        }
        false
    }
}

impl Drop for Relay {
    /// A client that leaves after the last event has had the whole answer.
    fn drop(&mut self) {
        if !self.is_over {
            self.note_cost();
        }
    }
}

/// The last bytes of a stream of events.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    /// The cost stands at the end of the last event, behind a picture of megabytes.
    const BYTES: usize = 4096;

    fn add(&mut self, bytes: &[u8]) {
        let new = bytes.get(bytes.len().saturating_sub(Self::BYTES)..);
        let new = new.unwrap_or_default();
        let over = (self.0.len() + new.len()).saturating_sub(Self::BYTES);
        self.0.drain(..over.min(self.0.len()));
        self.0.extend_from_slice(new);
    }

    fn tokens(&self) -> Option<TokenUsage> {
        // Inside of a text the quotation marks would be escaped.
        const MARK: &[u8] = b"\"usage\":";
        let at = memchr::memmem::rfind(&self.0, MARK)?;
        forward::tokens_in(self.0.get(at + MARK.len()..)?)
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_at_the_end_of_a_stream_is_read_however_it_is_cut_in_pieces() {
        let event = format!(
            "data: {{\"b64_json\":\"{}\",\"text\":\"\\\"usage\\\":{{}}\",\"usage\":{{\"input_tokens\":3,\"output_tokens\":5}}}}\n\n",
            "A".repeat(3 * Tail::BYTES)
        );
        for piece in [1, 7, Tail::BYTES, event.len()] {
            let mut tail = Tail::default();
            event
                .as_bytes()
                .chunks(piece)
                .for_each(|bytes| tail.add(bytes));
            assert!(tail.0.len() <= Tail::BYTES);
            let tokens = tail.tokens().unwrap();
            assert_eq!((tokens.input, tokens.output, tokens.total), (3, 5, 8));
        }
        let mut tail = Tail::default();
        tail.add(b"data: {\"usage\":null}\n\ndata: [DONE]\n\n");
        assert_eq!(tail.tokens(), None);
    }
}
