//! What streamed and whole chat answers share.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::translate::names::ToolNames;
use crate::translate::raw;
use crate::translate::responses::{Terminal, TokenUsage};

/// How an answer is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReplyForm {
    /// As a message.
    #[default]
    Chat,
    /// As the text of `/v1/completions`, behind what stands here: the prompt for a client that wants it repeated.
    Completion { echo: String },
}

/// What an answer repeats of its request, and what the request wanted of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatReplyHead {
    /// `chatcmpl-…`, the same in every chunk.
    pub id: String,
    /// Seconds since 1970, the same in every chunk.
    pub created: u64,
    /// As the client named it.
    pub model: String,
    pub include_usage: bool,
    pub legacy_functions: bool,
    pub logprobs: bool,
    pub stop: Vec<String>,
    pub names: ToolNames,
    pub form: ReplyForm,
}

/// Which calls an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallForm {
    None,
    Tools,
    LegacyFunction,
}

/// Why the answer ended, in the words of a chat.
///
/// A cut answer is `length` even if it ends in a call: whoever ran it would run half a set of arguments.
pub(super) fn finish_reason(terminal: &Terminal, calls: CallForm) -> &'static str {
    match (terminal, calls) {
        (Terminal::Incomplete(Some(reason)), _) if reason == "content_filter" => "content_filter",
        (Terminal::Incomplete(_), _) => "length",
        (_, CallForm::Tools) => "tool_calls",
        (_, CallForm::LegacyFunction) => "function_call",
        (_, CallForm::None) => "stop",
    }
}

pub(crate) fn usage_value(usage: TokenUsage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

/// A web citation as a chat shows it; other annotations point to files that only the upstream has.
pub(super) fn chat_annotation(annotation: &RawValue) -> Option<Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(annotation.get()).ok()?; // no object: no annotation
    if fields.shift_remove("type")?.as_str() != Some("url_citation") {
        return None;
    }
    Some(json!({"type": "url_citation", "url_citation": fields}))
}

/// A generated image as most chat clients expect it: there is no official form.
pub(super) fn image_value(base64: &str, output_format: Option<&RawValue>) -> Value {
    let format = raw::filled_text(output_format).unwrap_or(Cow::Borrowed("png"));
    json!({"type": "image_url", "image_url": {"url": format!("data:image/{format};base64,{base64}")}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_is_length_even_with_calls() {
        let cut = Terminal::Incomplete(Some("max_output_tokens".to_owned()));
        assert_eq!(finish_reason(&cut, CallForm::Tools), "length");
        assert_eq!(
            finish_reason(&Terminal::Incomplete(None), CallForm::None),
            "length"
        );
        let filtered = Terminal::Incomplete(Some("content_filter".to_owned()));
        assert_eq!(finish_reason(&filtered, CallForm::None), "content_filter");
        assert_eq!(
            finish_reason(&Terminal::Completed, CallForm::Tools),
            "tool_calls"
        );
        assert_eq!(
            finish_reason(&Terminal::Completed, CallForm::LegacyFunction),
            "function_call"
        );
        assert_eq!(finish_reason(&Terminal::Completed, CallForm::None), "stop");
    }

    #[test]
    fn only_web_citations_become_annotations() {
        let annotation = |json: &str| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            chat_annotation(&raw)
        };
        assert_eq!(
            annotation(
                r#"{"type":"url_citation","url":"https://x.test","title":"t","start_index":1,"end_index":2}"#
            ),
            Some(
                json!({"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "t", "start_index": 1, "end_index": 2}})
            )
        );
        assert_eq!(
            annotation(r#"{"type":"file_citation","file_id":"f"}"#),
            None
        );
        assert_eq!(annotation("7"), None);
    }
}
