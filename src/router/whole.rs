//! One document out of a stream, for a client that does not read streams.
//!
//! Nothing is sent before the end. White space in front of the document would keep a connection busy, and would have said 200
//! before anybody knows: an upstream that fails after half a minute could only be told as an answer that breaks off, and no
//! client tries that again for the right reason. Clients that wait for long ask for a stream.

use super::House;
use super::accept::Stage;
use super::attempt::Attempt;
use super::reply::Refusal;
use super::report::{AttemptResult, Record};
use super::source::{Broken, Source};
use super::stream;
use crate::translate::{EventKind, Failure, Progress};

/// Feeds every event to `take` until the answer is complete.
///
/// # Errors
/// When the upstream fails or breaks off. It is not asked again: the answer was under way, and counted.
pub(super) async fn collect(
    house: &House,
    model: &str,
    mut source: Source,
    attempt: &mut Attempt,
    record: &mut Record,
    mut take: impl FnMut(EventKind, &[u8]) -> Result<Progress, Box<Failure>>,
) -> Result<(), Refusal> {
    let mut stage = house.stage.clone();
    loop {
        let next = tokio::select! {
            next = source.next() => next,
            _ended = stage.wait_for(|stage| *stage >= Stage::Ending) => return Err(Refusal::Stopping),
        };
        let frame = match next {
            Ok(frame) => frame,
            Err(broken) => {
                tracing::debug!(error = %broken, request = record.id(), "an answer broke off");
                attempt.tell(stream::broken_off(&broken));
                return Err(match broken {
                    Broken::Silent(after) => Refusal::TimedOut(after),
                    _ => Refusal::Failed(Box::new(stream::failure_of(&broken))),
                });
            }
        };
        if !frame.has_data() {
            continue;
        }
        let kind = EventKind::of_frame(&frame);
        if kind == EventKind::CodexRateLimits {
            super::rate_limits::note(&frame.data, &mut attempt.usage);
        }
        if !kind.is_handshake() {
            attempt.note_token(record);
        }
        match take(kind, &frame.data) {
            Ok(Progress::Finished) => {
                source.end_now();
                attempt.tell(AttemptResult::Served);
                return Ok(());
            }
            Ok(Progress::Nothing | Progress::Output) => {}
            Err(failure) => {
                attempt.tell(stream::result_of((*failure).clone(), model));
                return Err(Refusal::Failed(failure));
            }
        }
    }
}
