//! The first events of a stream, held back until something real comes: a refusal among them can still go to another profile.
//!
//! The ChatGPT backend refuses inside a 200, right after `response.created` (`router-for-me/CLIProxyAPI:
//! internal/runtime/executor/codex_executor_terminal.go` holds the same events back).

use std::collections::VecDeque;

use tokio::time::{Instant, timeout_at};

use super::limits::Limits;
use super::source::{Broken, Source};
use crate::translate::sse::Frame;
use crate::translate::{EventKind, Failure};
use crate::usage::Usage;

/// How a stream began.
pub(super) enum Beginning {
    /// Something real has come, or it is time to tell the client that the answer has begun.
    Good,
    /// The first real event is a failure. It is in front of the source like every event before it.
    Refused(Box<Failure>),
    Broken(Broken),
}

/// Reads the beginning and puts it back. `hurries`: the client streams, so it is not kept waiting for long; one that waits for
/// the whole answer anyway loses nothing.
pub(super) async fn begin(
    source: &mut Source,
    hurries: bool,
    limits: &Limits,
    usage: &mut Option<Usage>,
) -> Beginning {
    let end = Instant::now() + limits.handshake;
    let mut held = VecDeque::new();
    let mut held_bytes = 0;
    let beginning = loop {
        let next = if hurries {
            match timeout_at(end, source.next()).await {
                Ok(next) => next,
                Err(_elapsed) => break Beginning::Good,
            }
        } else {
            source.next().await
        };
        let frame = match next {
            Ok(frame) => frame,
            Err(broken) => break Beginning::Broken(broken),
        };
        let verdict = look_at(&frame, usage);
        held_bytes += frame.raw.len();
        held.push_back(frame);
        if let Some(verdict) = verdict {
            break verdict;
        }
        if held_bytes >= limits.handshake_bytes || held.len() >= limits.handshake_events {
            break Beginning::Good;
        }
    };
    source.put_back(held);
    beginning
}

/// What an event decides; nothing while it only says that the answer is about to begin.
fn look_at(frame: &Frame, usage: &mut Option<Usage>) -> Option<Beginning> {
    if !frame.has_data() {
        return None;
    }
    let kind = EventKind::of_frame(frame);
    if kind == EventKind::CodexRateLimits {
        super::rate_limits::note(&frame.data, usage);
    }
    if matches!(kind, EventKind::Failed | EventKind::Error) {
        return Some(Beginning::Refused(Box::new(Failure::from_event(
            &frame.data,
        ))));
    }
    (!kind.is_handshake()).then_some(Beginning::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: &str = "data: {\"type\":\"response.created\",\"response\":{}}\n\n";
    const DELTA: &str = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n";

    async fn begin_with(body: impl Into<reqwest::Body>) -> (Beginning, Source, Option<Usage>) {
        let limits = Limits::default();
        let mut source = Source::new(body.into(), limits.event_idle);
        let mut usage = None;
        let beginning = begin(&mut source, true, &limits, &mut usage).await;
        (beginning, source, usage)
    }

    async fn rest_of(source: &mut Source) -> String {
        let mut all = Vec::new();
        while let Ok(frame) = source.next().await {
            all.extend_from_slice(&frame.raw);
        }
        String::from_utf8(all).unwrap()
    }

    #[tokio::test]
    async fn the_first_real_event_ends_it_and_nothing_is_lost() {
        let stream = format!(": ping\n\n{CREATED}{DELTA}{DELTA}");
        let (beginning, mut source, _) = begin_with(stream.clone()).await;
        assert!(matches!(beginning, Beginning::Good));
        assert_eq!(rest_of(&mut source).await, stream);
    }

    #[tokio::test]
    async fn a_failure_before_anything_real_is_a_refusal() {
        let failed = "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_is_overloaded\"}}}\n\n";
        let (beginning, mut source, _) = begin_with(format!("{CREATED}{failed}")).await;
        let Beginning::Refused(failure) = beginning else {
            panic!("not refused");
        };
        assert_eq!(failure.code.as_deref(), Some("server_is_overloaded"));
        assert_eq!(rest_of(&mut source).await, format!("{CREATED}{failed}"));
    }

    #[tokio::test]
    async fn an_end_before_anything_real_is_a_break() {
        let (beginning, _, _) = begin_with(CREATED).await;
        assert!(matches!(beginning, Beginning::Broken(Broken::Ended)));
    }

    #[tokio::test]
    async fn an_upstream_that_only_shakes_hands_is_let_through_at_the_cap() {
        let stream = CREATED.repeat(40);
        let (beginning, mut source, _) = begin_with(stream.clone()).await;
        assert!(matches!(beginning, Beginning::Good));
        assert_eq!(rest_of(&mut source).await, stream);
    }

    #[tokio::test]
    async fn the_limit_event_is_understood_on_the_way() {
        let event = "data: {\"type\":\"codex.rate_limits\",\"rate_limits\":{\"primary\":{\"used_percent\":12.5,\"window_minutes\":300}}}\n\n";
        let (_, _, usage) = begin_with(format!("{event}{DELTA}")).await;
        assert_eq!(usage.unwrap().windows[0].used_percent, 12.5);
    }
}
