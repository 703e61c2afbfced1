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
use super::report::{AttemptResult, Record};

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
    _slot: OwnedSemaphorePermit,
}

impl Relay {
    pub(super) fn new(
        house: &Arc<House>,
        body: reqwest::Body,
        attempt: Attempt,
        record: Record,
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
                    self.record.close(200, true);
                }
                Poll::Pending if self.ending.as_mut().poll(cx).is_ready() => {
                    return self.sever(AttemptResult::Abandoned);
                }
                Poll::Pending if self.is_silent(cx) => return self.sever(AttemptResult::Cut),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Nothing can be said inside of bytes: the client must see a connection that breaks.
    fn sever(&mut self, result: AttemptResult) -> Poll<Option<Result<Bytes, Severed>>> {
        self.is_over = true;
        self.attempt.tell(result);
        self.record.close(200, false);
        Poll::Ready(Some(Err(Severed)))
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

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
