//! Named constructors for the events of a Responses stream, for scripts and for tests.
//!
//! The shapes are those of openai-python (types/responses) and codex-rs/codex-api/src/sse/responses.rs. Each constructor asks for what a test cares about and
//! fills in the rest; [`Event::at`] and [`Event::with`] change it.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// The ids that an event has when nobody says otherwise.
const RESPONSE_ID: &str = "resp_simulated";
const ITEM_ID: &str = "item_simulated";

/// One event of a stream, still without its sequence number.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    kind: Cow<'static, str>,
    fields: Map<String, Value>,
}

impl Event {
    /// An event of any type, also one that nobody has heard of.
    pub fn new<const N: usize>(
        kind: impl Into<Cow<'static, str>>,
        fields: [(&str, Value); N],
    ) -> Self {
        Self {
            kind: kind.into(),
            fields: fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        }
    }

    /// Says which output item it is about.
    pub fn at(self, output_index: usize, item_id: &str) -> Self {
        self.with("output_index", output_index.into())
            .with("item_id", item_id.into())
    }

    /// Sets or replaces a field.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.fields.insert(key.to_owned(), value);
        self
    }

    /// The `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn field(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// The event as JSON. Private events (`codex.…`) carry no sequence number.
    pub fn json(&self, sequence_number: usize) -> Value {
        let mut event = Map::new();
        event.insert("type".to_owned(), self.kind().into());
        if !self.kind.starts_with("codex.") {
            event.insert("sequence_number".to_owned(), sequence_number.into());
        }
        event.extend(self.fields.clone());
        Value::Object(event)
    }

    /// The event as it travels: `event:` line, `data:` line, empty line.
    pub fn frame(&self, sequence_number: usize) -> Bytes {
        Bytes::from(format!(
            "event: {}\ndata: {}\n\n",
            self.kind,
            self.json(sequence_number)
        ))
    }
}

/// A whole stream: the events numbered from 0, framed, one after the other.
pub fn stream_bytes<'a>(events: impl IntoIterator<Item = &'a Event>) -> Bytes {
    let mut bytes = Vec::new();
    for (sequence_number, event) in events.into_iter().enumerate() {
        bytes.extend_from_slice(&event.frame(sequence_number));
    }
    Bytes::from(bytes)
}

// The response as a whole.

pub fn ev_created() -> Event {
    response_event("response.created", "in_progress")
}

pub fn ev_in_progress() -> Event {
    response_event("response.in_progress", "in_progress")
}

/// With an empty `output`, as the ChatGPT backend sends it, and 10 input tokens (4 cached), 3 output tokens.
pub fn ev_completed() -> Event {
    let mut response = response_object("completed");
    response["usage"] = usage_object(10, 4, 3, 1);
    Event::new("response.completed", [("response", response)])
}

pub fn ev_incomplete(reason: &str) -> Event {
    let mut response = response_object("incomplete");
    response["incomplete_details"] = json!({ "reason": reason });
    Event::new("response.incomplete", [("response", response)])
}

pub fn ev_failed(code: &str, message: &str) -> Event {
    let mut response = response_object("failed");
    response["error"] = json!({ "code": code, "message": message });
    Event::new("response.failed", [("response", response)])
}

/// The error that belongs to no response.
pub fn ev_error(code: &str, message: &str) -> Event {
    Event::new(
        "error",
        [
            ("code", code.into()),
            ("message", message.into()),
            ("param", Value::Null),
        ],
    )
}

/// The private limit event (codex-rs/codex-api/src/rate_limits.rs). `rate_limits` holds `primary` and `secondary`.
pub fn ev_rate_limits(plan: &str, rate_limits: Value) -> Event {
    Event::new(
        "codex.rate_limits",
        [
            ("plan_type", plan.into()),
            ("rate_limits", rate_limits),
            ("credits", Value::Null),
            ("metered_limit_name", "codex".into()),
        ],
    )
}

// Output items.

pub fn ev_item_added(item: Value) -> Event {
    item_event("response.output_item.added", item)
}

pub fn ev_item_done(item: Value) -> Event {
    item_event("response.output_item.done", item)
}

pub fn ev_part_added(part: Value) -> Event {
    content_event("response.content_part.added", "part", part)
}

pub fn ev_part_done(part: Value) -> Event {
    content_event("response.content_part.done", "part", part)
}

pub fn ev_text_delta(delta: &str) -> Event {
    content_event("response.output_text.delta", "delta", delta.into()).with("logprobs", json!([]))
}

pub fn ev_text_done(text: &str) -> Event {
    content_event("response.output_text.done", "text", text.into()).with("logprobs", json!([]))
}

pub fn ev_refusal_delta(delta: &str) -> Event {
    content_event("response.refusal.delta", "delta", delta.into())
}

pub fn ev_refusal_done(refusal: &str) -> Event {
    content_event("response.refusal.done", "refusal", refusal.into())
}

pub fn ev_reasoning_part_added() -> Event {
    let part = json!({ "type": "summary_text", "text": "" });
    summary_event("response.reasoning_summary_part.added", "part", part)
}

pub fn ev_reasoning_delta(delta: &str) -> Event {
    summary_event(
        "response.reasoning_summary_text.delta",
        "delta",
        delta.into(),
    )
}

pub fn ev_reasoning_done(text: &str) -> Event {
    summary_event("response.reasoning_summary_text.done", "text", text.into())
}

pub fn ev_reasoning_part_done(text: &str) -> Event {
    let part = json!({ "type": "summary_text", "text": text });
    summary_event("response.reasoning_summary_part.done", "part", part)
}

pub fn ev_arguments_delta(delta: &str) -> Event {
    Event::new(
        "response.function_call_arguments.delta",
        [
            ("item_id", ITEM_ID.into()),
            ("output_index", 0.into()),
            ("delta", delta.into()),
        ],
    )
}

pub fn ev_arguments_done(name: &str, arguments: &str) -> Event {
    Event::new(
        "response.function_call_arguments.done",
        [
            ("item_id", ITEM_ID.into()),
            ("output_index", 0.into()),
            ("name", name.into()),
            ("arguments", arguments.into()),
        ],
    )
}

// The values inside.

/// An assistant message; `content` holds its parts.
pub fn message_item(id: &str, status: &str, content: Vec<Value>) -> Value {
    json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content })
}

pub fn text_part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

pub fn refusal_part(refusal: &str) -> Value {
    json!({ "type": "refusal", "refusal": refusal })
}

pub fn function_call_item(
    id: &str,
    status: &str,
    call_id: &str,
    name: &str,
    arguments: &str,
) -> Value {
    json!({
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    })
}

/// The fields that the CLI requires, and the two details (codex-rs/codex-api/src/sse/responses.rs).
pub fn usage_object(input: u64, cached: u64, output: u64, reasoning: u64) -> Value {
    json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": cached },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": reasoning },
        "total_tokens": input + output,
    })
}

fn response_object(status: &str) -> Value {
    json!({
        "id": RESPONSE_ID,
        "object": "response",
        "created_at": 1_800_000_000,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "model": "gpt-5.4",
        "output": [],
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
        "usage": null,
    })
}

fn response_event(kind: &'static str, status: &str) -> Event {
    Event::new(kind, [("response", response_object(status))])
}

fn item_event(kind: &'static str, item: Value) -> Event {
    Event::new(kind, [("output_index", 0.into()), ("item", item)])
}

fn content_event(kind: &'static str, key: &str, value: Value) -> Event {
    Event::new(
        kind,
        [
            ("item_id", ITEM_ID.into()),
            ("output_index", 0.into()),
            ("content_index", 0.into()),
            (key, value),
        ],
    )
}

fn summary_event(kind: &'static str, key: &str, value: Value) -> Event {
    Event::new(
        kind,
        [
            ("item_id", ITEM_ID.into()),
            ("output_index", 0.into()),
            ("summary_index", 0.into()),
            (key, value),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_travels_as_an_event_line_and_a_data_line() {
        assert_eq!(
            ev_error("slow_down", "wait").frame(2),
            "event: error\n\
             data: {\"type\":\"error\",\"sequence_number\":2,\"code\":\"slow_down\",\"message\":\"wait\",\"param\":null}\n\n"
        );
    }

    #[test]
    fn a_private_event_has_no_sequence_number() {
        let event = ev_rate_limits("plus", json!({ "primary": null, "secondary": null })).json(0);
        assert_eq!(event.get("sequence_number"), None);
    }

    #[test]
    fn an_event_can_be_moved_to_another_item() {
        let event = ev_text_delta("he").at(3, "msg_b");
        assert_eq!(event.field("output_index"), Some(&json!(3)));
        assert_eq!(event.field("item_id"), Some(&json!("msg_b")));
        assert_eq!(event.field("delta"), Some(&json!("he")));
    }
}
