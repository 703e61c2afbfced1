//! The last event of a stream: how the answer ended and what it cost.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{EventKind, Failure};
use crate::translate::raw;

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terminal {
    Completed,
    /// Cut short, with the reason if there was one: `max_output_tokens`, `content_filter`.
    Incomplete(Option<String>),
    Failed(Box<Failure>),
}

/// Tokens of one answer. Cached and newly cached tokens are part of the input, reasoning tokens part of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    pub input: u64,
    pub cached: u64,
    /// Put into the cache by this request.
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
    pub total: u64,
}

/// A terminal event, read once.
#[derive(Debug)]
pub struct TerminalEvent<'a> {
    pub terminal: Terminal,
    pub usage: Option<TokenUsage>,
    /// The `response` object as it came.
    pub(crate) response: Option<&'a RawValue>,
    /// Its `output`, which the ChatGPT backend often leaves empty.
    pub(crate) output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct WireResponse<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireReason<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: u64,
    input_tokens_details: Option<WireInputDetails>,
    #[serde(default)]
    output_tokens: u64,
    output_tokens_details: Option<WireOutputDetails>,
    total_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct WireInputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WireOutputDetails {
    reasoning_tokens: Option<u64>,
}

impl<'a> TerminalEvent<'a> {
    /// Reads an event whose kind [`is_terminal`](EventKind::is_terminal); any other kind is `None`.
    ///
    /// `response.done` counts as completed unless its status says otherwise. Data that cannot be read is a failure:
    /// an answer whose end is damaged may be damaged elsewhere.
    pub fn read(kind: EventKind, data: &'a [u8]) -> Option<Self> {
        if !kind.is_terminal() {
            return None;
        }
        if matches!(kind, EventKind::Failed | EventKind::Error) {
            let usage = serde_json::from_slice::<Wire<'_>>(data)
                .ok()
                .and_then(|event| usage_of(event.response?));
            return Some(Self::failed(Failure::from_event(data), usage));
        }
        let Ok(Wire { response }) = serde_json::from_slice(data) else {
            return Some(Self::failed(Failure::unreadable_event(), None));
        };
        let fields = response.and_then(response_fields).unwrap_or_default();
        let status = raw::text(fields.status);
        let terminal = match (kind, status.as_deref()) {
            (EventKind::Incomplete, _) | (EventKind::Done, Some("incomplete")) => {
                let details = fields
                    .incomplete_details
                    .map(|details| serde_json::from_str(details.get()));
                let reason = details
                    .and_then(Result::ok)
                    .and_then(|details: WireReason<'_>| raw::text(details.reason));
                Terminal::Incomplete(reason.map(std::borrow::Cow::into_owned))
            }
            (EventKind::Done, Some("failed" | "cancelled")) => {
                Terminal::Failed(Box::new(Failure::from_event(data)))
            }
            _ => Terminal::Completed,
        };
        Some(Self {
            terminal,
            usage: fields.usage.and_then(TokenUsage::read),
            response,
            output: fields.output,
        })
    }

    fn failed(failure: Failure, usage: Option<TokenUsage>) -> Self {
        Self {
            terminal: Terminal::Failed(Box::new(failure)),
            usage,
            response: None,
            output: None,
        }
    }
}

impl TokenUsage {
    fn read(json: &RawValue) -> Option<Self> {
        let wire: WireUsage = serde_json::from_str(json.get()).ok()?; // null or another shape: nothing is known
        let input = wire.input_tokens_details.unwrap_or_default();
        Some(Self {
            input: wire.input_tokens,
            cached: input.cached_tokens.unwrap_or(0),
            cache_write: input.cache_write_tokens.unwrap_or(0),
            output: wire.output_tokens,
            reasoning: wire
                .output_tokens_details
                .and_then(|details| details.reasoning_tokens)
                .unwrap_or(0),
            total: wire
                .total_tokens
                .unwrap_or(wire.input_tokens.saturating_add(wire.output_tokens)),
        })
    }
}

fn response_fields(response: &RawValue) -> Option<WireResponse<'_>> {
    serde_json::from_str(response.get()).ok() // null or another shape: no fields
}

fn usage_of(response: &RawValue) -> Option<TokenUsage> {
    TokenUsage::read(response_fields(response)?.usage?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> TerminalEvent<'_> {
        TerminalEvent::read(EventKind::of_data(data.as_bytes()), data.as_bytes()).unwrap()
    }

    #[test]
    fn a_completed_answer_tells_its_tokens() {
        let event = read(
            r#"{"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":13}}}"#,
        );
        assert_eq!(event.terminal, Terminal::Completed);
        let usage = TokenUsage {
            input: 10,
            cached: 4,
            cache_write: 2,
            output: 3,
            reasoning: 1,
            total: 13,
        };
        assert_eq!(event.usage, Some(usage));
    }

    #[test]
    fn missing_token_details_are_zero_and_the_total_is_computed() {
        let event = read(
            r#"{"type":"response.completed","response":{"usage":{"input_tokens":2,"output_tokens":3,"input_tokens_details":null}}}"#,
        );
        assert_eq!(
            event.usage.map(|usage| (usage.cached, usage.total)),
            Some((0, 5))
        );
        assert_eq!(
            read(r#"{"type":"response.completed","response":{"usage":null}}"#).usage,
            None
        );
    }

    #[test]
    fn an_incomplete_answer_gives_its_reason() {
        let event = read(
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#,
        );
        assert_eq!(
            event.terminal,
            Terminal::Incomplete(Some("max_output_tokens".to_owned()))
        );
        let event = read(r#"{"type":"response.incomplete","response":{}}"#);
        assert_eq!(event.terminal, Terminal::Incomplete(None));
    }

    #[test]
    fn response_done_counts_as_completed_unless_its_status_says_otherwise() {
        assert_eq!(
            read(r#"{"type":"response.done","response":{"id":"r"}}"#).terminal,
            Terminal::Completed
        );
        assert_eq!(
            read(r#"{"type":"response.done"}"#).terminal,
            Terminal::Completed
        );
        let event = read(
            r#"{"type":"response.done","response":{"status":"incomplete","incomplete_details":null}}"#,
        );
        assert_eq!(event.terminal, Terminal::Incomplete(None));
        let event = read(
            r#"{"type":"response.done","response":{"status":"failed","error":{"code":"x","message":"m"}}}"#,
        );
        assert!(
            matches!(event.terminal, Terminal::Failed(failure) if failure.code.as_deref() == Some("x"))
        );
    }

    #[test]
    fn a_failed_answer_still_tells_its_tokens() {
        let event = read(
            r#"{"type":"response.failed","response":{"error":{"code":"c","message":"m"},"usage":{"input_tokens":7,"output_tokens":0}}}"#,
        );
        assert!(matches!(event.terminal, Terminal::Failed(_)));
        assert_eq!(event.usage.map(|usage| usage.total), Some(7));
    }

    #[test]
    fn a_damaged_end_is_a_failure_and_other_events_are_no_end() {
        let event = read(r#"{"type":"response.completed","response":{"id":"#);
        assert!(matches!(event.terminal, Terminal::Failed(_)));
        assert!(TerminalEvent::read(EventKind::Created, b"{}").is_none());
    }
}
