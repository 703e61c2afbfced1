//! What streamed and whole answers share.

use serde_json::{Value, json};

use crate::translate::names::ToolNames;
use crate::translate::responses::{Terminal, TokenUsage};

/// What an answer repeats of its request, and what the request wanted of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageHead {
    /// `msg_…`
    pub id: String,
    /// As the client named it: Claude Code looks at the family in it.
    pub model: String,
    pub thoughts: Thoughts,
    pub stop: Vec<String>,
    pub names: ToolNames,
}

/// How much of the reasoning the client sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Thoughts {
    /// It did not ask for thinking, so a thinking block would be a surprise.
    #[default]
    Hidden,
    /// Only the signature, to be sent back (`display: "omitted"`).
    Sealed,
    Shown,
}

/// What an answer was made of, as far as it decides why it ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Made {
    pub has_calls: bool,
    pub has_refusal: bool,
}

/// Why the answer ended. A cut answer is `max_tokens` even if it ends in a call: whoever ran it would run half of its input.
pub(super) fn stop_reason(terminal: &Terminal, made: Made) -> &'static str {
    match terminal {
        Terminal::Incomplete(Some(reason)) if reason == "content_filter" => "refusal",
        Terminal::Incomplete(_) => "max_tokens",
        _ if made.has_calls => "tool_use",
        _ if made.has_refusal => "refusal",
        _ => "end_turn",
    }
}

/// Anthropic counts cached tokens beside the input, Responses inside it. The three always sum up to what the upstream said.
pub(super) fn usage_value(usage: TokenUsage) -> Value {
    let read = usage.cached.min(usage.input);
    let written = usage.cache_write.min(usage.input - read);
    json!({
        "input_tokens": usage.input - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_reason() {
        let incomplete = |reason: &str| Terminal::Incomplete(Some(reason.to_owned()));
        let calls = Made {
            has_calls: true,
            has_refusal: false,
        };
        let refusal = Made {
            has_calls: false,
            has_refusal: true,
        };
        for (terminal, made, reason) in [
            (Terminal::Completed, Made::default(), "end_turn"),
            (Terminal::Completed, calls, "tool_use"),
            (Terminal::Completed, refusal, "refusal"),
            (
                incomplete("max_output_tokens"),
                Made::default(),
                "max_tokens",
            ),
            (incomplete("max_output_tokens"), calls, "max_tokens"),
            (Terminal::Incomplete(None), calls, "max_tokens"),
            (incomplete("content_filter"), Made::default(), "refusal"),
        ] {
            assert_eq!(
                stop_reason(&terminal, made),
                reason,
                "{terminal:?} {made:?}"
            );
        }
    }

    #[test]
    fn cached_tokens_are_told_apart_and_nothing_becomes_negative() {
        let usage = |input, cached, cache_write| {
            let value = usage_value(TokenUsage {
                input,
                cached,
                cache_write,
                output: 7,
                ..TokenUsage::default()
            });
            assert_eq!(value["output_tokens"], 7);
            let field = |name: &str| value[name].as_u64().unwrap();
            (
                field("input_tokens"),
                field("cache_creation_input_tokens"),
                field("cache_read_input_tokens"),
            )
        };
        assert_eq!(usage(100, 60, 30), (10, 30, 60));
        assert_eq!(usage(100, 0, 0), (100, 0, 0));
        assert_eq!(usage(100, 80, 50), (0, 20, 80));
        assert_eq!(usage(10, 60, 5), (0, 0, 10));
    }
}
