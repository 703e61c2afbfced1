//! Chat chunks as they come over the wire.
//!
//! Shapes: the OpenAI API reference and openai-python `types/chat/chat_completion_chunk.py`; the habits of other servers
//! (`reasoning_content`, calls without an index, content in parts, the cost in every chunk) as their SDKs and clients meet them.
//! All fields are optional, so that a stray type loses one field only.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::translate::raw::{inner, push_escaped};

#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub choices: Option<&'a RawValue>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(borrow)]
    pub index: Option<&'a RawValue>,
    #[serde(borrow)]
    pub delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    pub logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    pub reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    pub function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    pub annotations: Option<&'a RawValue>,
}

/// A part of content that comes in a list.
#[derive(Deserialize)]
pub(super) struct ContentPart<'a> {
    #[serde(borrow)]
    pub text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub thinking: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct CallDelta<'a> {
    #[serde(borrow)]
    pub index: Option<&'a RawValue>,
    #[serde(borrow)]
    pub id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub function: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct FunctionDelta<'a> {
    #[serde(borrow)]
    pub name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Logprobs<'a> {
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
}

/// The number of a choice or a call, also where a server writes it as a text or as `0.0`.
pub(super) fn index_of(json: Option<&RawValue>) -> Option<u64> {
    let json = json?.get();
    let number = json.trim_matches('"');
    let whole = number.strip_suffix(".0").unwrap_or(number);
    whole.parse().ok() // no number: it is not numbered
}

/// A text that says something, still escaped.
pub(super) fn text_of(json: Option<&RawValue>) -> Option<&str> {
    json.and_then(inner).filter(|text| !text.is_empty())
}

/// Arguments, escaped. A server that sends the object itself instead of its text means the same.
pub(super) fn arguments_of(json: &RawValue) -> Cow<'_, str> {
    match inner(json) {
        Some(text) => Cow::Borrowed(text),
        None if json.get() == "null" => Cow::Borrowed(""),
        None => {
            let mut text = String::new();
            push_escaped(&mut text, json.get());
            Cow::Owned(text)
        }
    }
}

/// The cost as a response tells it; nothing where there is none.
pub(super) fn usage_json(usage: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Usage {
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
        total_tokens: Option<u64>,
        prompt_tokens_details: Option<PromptDetails>,
        completion_tokens_details: Option<CompletionDetails>,
        prompt_cache_hit_tokens: Option<u64>,
    }
    #[derive(Deserialize)]
    struct PromptDetails {
        cached_tokens: Option<u64>,
    }
    #[derive(Deserialize)]
    struct CompletionDetails {
        reasoning_tokens: Option<u64>,
    }
    let usage: Usage = serde_json::from_str(usage.get()).ok()?; // null until the end
    let (input, output) = (
        usage.prompt_tokens?,
        usage.completion_tokens.unwrap_or_default(),
    );
    let cached = usage
        .prompt_tokens_details
        .and_then(|details| details.cached_tokens)
        .or(usage.prompt_cache_hit_tokens)
        .unwrap_or_default();
    let reasoning = usage
        .completion_tokens_details
        .and_then(|details| details.reasoning_tokens)
        .unwrap_or_default();
    let total = usage
        .total_tokens
        .unwrap_or_else(|| input.saturating_add(output));
    Some(format!(
        "{{\"input_tokens\":{input},\"input_tokens_details\":{{\"cached_tokens\":{cached}}},\
         \"output_tokens\":{output},\"output_tokens_details\":{{\"reasoning_tokens\":{reasoning}}},\"total_tokens\":{total}}}"
    ))
}
