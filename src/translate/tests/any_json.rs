//! Nothing that a client or an upstream can send makes a translator panic.
//!
//! Documents are drawn from the words of the dialects, so that they get past the first check; others are valid ones of which
//! something was replaced, taken away or doubled. What comes out is not looked at, only that something does.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::config;
use super::upstream::{answer, events, telling};
use crate::translate::chat::{ChatAnswer, ChatReplyHead, ChunkWriter, responses_from_chat};
use crate::translate::completions::responses_from_completion;
use crate::translate::images::{ImageRequest, ImageWriter, is_hosted};
use crate::translate::messages::{
    MessageAnswer, MessageHead, MessageWriter, Thoughts, count_tokens, responses_from_messages,
};
use crate::translate::responses::{OutputRecord, ResponsesAnswer, ResponsesRequest, without_owner};
use crate::translate::rules::{UpstreamKind, adapt_bytes};
use crate::translate::{AnswerCollector, EventKind, EventWriter, Failure};

/// One request of each dialect, with most of what it can say.
const REQUESTS: [&str; 5] = [
    include_str!("../fixtures/chat.json"),
    include_str!("../fixtures/completion.json"),
    include_str!("../fixtures/messages.json"),
    include_str!("../fixtures/image.json"),
    include_str!("../fixtures/responses.json"),
];

/// Keys and values that mean something somewhere.
fn word() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "type",
        "role",
        "content",
        "text",
        "input",
        "output",
        "messages",
        "prompt",
        "model",
        "stream",
        "tools",
        "tool_choice",
        "tool_calls",
        "function",
        "functions",
        "name",
        "arguments",
        "id",
        "call_id",
        "tool_call_id",
        "tool_use_id",
        "image_url",
        "url",
        "file",
        "file_data",
        "source",
        "media_type",
        "data",
        "base64",
        "format",
        "json_schema",
        "schema",
        "strict",
        "reasoning",
        "effort",
        "summary",
        "thinking",
        "budget_tokens",
        "signature",
        "encrypted_content",
        "item",
        "item_id",
        "part",
        "delta",
        "output_index",
        "content_index",
        "summary_index",
        "response",
        "error",
        "message",
        "code",
        "usage",
        "input_tokens",
        "total_tokens",
        "status",
        "incomplete_details",
        "reason",
        "stop",
        "n",
        "refusal",
        "annotations",
        "logprobs",
        "result",
        "partial_image_b64",
        "include",
        "instructions",
        "service_tier",
        "system",
        "user",
        "assistant",
        "developer",
        "tool",
        "custom",
        "custom_tool_call",
        "function_call",
        "function_call_output",
        "image_generation_call",
        "input_text",
        "output_text",
        "summary_text",
        "reasoning_text",
        "input_image",
        "input_file",
        "tool_use",
        "tool_result",
        "image",
        "document",
        "redacted_thinking",
        "auto",
        "none",
        "required",
        "any",
        "allowed_tools",
        "web_search",
        "web_search_preview",
        "",
        "cxr1.x",
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.delta",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.done",
        "response.output_text.annotation.added",
        "response.image_generation_call.partial_image",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.done",
    ];
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0u64..4).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A small change at a place that the number picks.
#[derive(Debug, Clone)]
struct Damage {
    place: u32,
    kind: u8,
    other: Value,
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let damage = (any::<u32>(), any::<u8>(), any_json()).prop_map(|(place, kind, other)| Damage {
        place,
        kind,
        other,
    });
    prop::collection::vec(damage, 1..4)
}

impl Damage {
    fn apply(&self, value: &mut Value) {
        let mut at = self.place % (nodes(value) + 1);
        self.walk(value, &mut at);
    }

    fn walk(&self, value: &mut Value, at: &mut u32) {
        if *at == 0 {
            self.hurt(value);
        }
        *at = at.wrapping_sub(1);
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.walk(value, at)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.walk(value, at)),
            _ => {}
        }
    }

    fn hurt(&self, value: &mut Value) {
        let nth = usize::from(self.kind);
        match (self.kind % 4, &mut *value) {
            (0, Value::Array(values)) if !values.is_empty() => {
                let double = values[nth % values.len()].clone();
                values.push(double);
            }
            (1, Value::Array(values)) if !values.is_empty() => {
                values.remove(nth % values.len());
            }
            (0 | 1, Value::Object(fields)) if !fields.is_empty() => {
                let name = fields.keys().nth(nth % fields.len()).unwrap().clone();
                fields.shift_remove(&name);
            }
            (2, Value::Object(fields)) => {
                let taken = fields.keys().next().cloned().unwrap_or_default();
                fields.insert(taken, self.other.clone());
            }
            _ => *value = self.other.clone(),
        }
    }
}

fn nodes(value: &Value) -> u32 {
    1 + match value {
        Value::Array(values) => values.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        _ => 0,
    }
}

/// Every reader of requests.
fn read_request(body: &[u8]) {
    let mut bodies: Vec<Map<String, Value>> = Vec::new();
    if let Ok(request) = responses_from_chat(body) {
        let head = request.reply_head("chatcmpl-1", 1);
        ChunkWriter::new(head);
        bodies.push(request.body);
    }
    if let Ok(request) = responses_from_completion(body) {
        bodies.extend(request.chats.into_iter().map(|chat| chat.body));
    }
    if let Ok(mut request) = responses_from_messages(body) {
        count_tokens(&request);
        request.for_model("gpt-test");
        MessageWriter::new(request.reply_head("msg_1"));
        bodies.push(request.body);
    }
    is_hosted("gpt-image-1");
    if let Ok(request) = ImageRequest::read(body, "gpt-test") {
        bodies.push(request.body);
    }
    let bytes = Bytes::copy_from_slice(body);
    for kind in [UpstreamKind::ChatGpt, UpstreamKind::OpenAi] {
        for made in &bodies {
            crate::translate::rules::adapt(kind, &mut made.clone());
        }
        let adapted = adapt_bytes(kind, &bytes);
        if ResponsesRequest::read(&bytes).is_ok()
            && let Ok((adapted, _)) = adapted
        {
            // What is sent on is still a request.
            ResponsesRequest::read(&adapted).unwrap();
        }
    }
}

/// Every reader of events.
fn read_events(events: &[Value]) {
    let events: Vec<String> = events.iter().map(Value::to_string).collect();
    let chat = ChatReplyHead {
        stop: vec!["text".to_owned(), "a".to_owned()],
        logprobs: true,
        include_usage: true,
        ..ChatReplyHead::default()
    };
    let message = MessageHead {
        thoughts: Thoughts::Shown,
        ..MessageHead::default()
    };
    let image = json!({"prompt": "x", "stream": true}).to_string();
    let image = ImageRequest::read(image.as_bytes(), "m").unwrap();
    write_all(ChunkWriter::new(ChatReplyHead::default()), &events);
    write_all(ChunkWriter::new(chat.clone()), &events);
    write_all(MessageWriter::new(MessageHead::default()), &events);
    write_all(MessageWriter::new(message.clone()), &events);
    write_all(ImageWriter::new(&image, 1), &events);
    if let Some(answer) = collect_all(ResponsesAnswer::new("m", 1), &events) {
        answer.finish().ok();
    }
    if let Some(answer) = collect_all(ChatAnswer::new(chat), &events) {
        answer.finish().ok();
    }
    if let Some(answer) = collect_all(MessageAnswer::new(message), &events) {
        answer.finish().ok();
    }
    let mut record = OutputRecord::new("m", 1);
    for event in &events {
        let kind = EventKind::of_data(event.as_bytes());
        without_owner(kind, event.as_bytes());
        record.note(kind, event.as_bytes()).ok();
        record.with_full_output(kind, &Bytes::copy_from_slice(event.as_bytes()));
        Failure::from_event(event.as_bytes());
        Failure::from_body(event.as_bytes());
    }
}

fn write_all(mut writer: impl EventWriter, events: &[String]) {
    let mut out = Vec::new();
    for event in events {
        if let Err(failure) = writer.push(event.as_bytes(), &mut out) {
            writer.fail(&failure, &mut out);
        }
    }
    writer.fail(&Failure::truncated(), &mut out);
    // A broken answer is still an answer in its dialect: text, and whole frames.
    let text = String::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"));
}

fn collect_all<A: AnswerCollector>(mut answer: A, events: &[String]) -> Option<A> {
    for event in events {
        answer.push(event.as_bytes()).ok()?;
    }
    Some(answer)
}

proptest! {
    #![proptest_config(config(80))]

    #[test]
    fn any_json_is_read_or_refused(body in any_json()) {
        read_request(body.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..64)) {
        read_request(&body);
        Failure::from_body(&body);
        EventKind::of_data(&body);
    }

    #[test]
    fn a_damaged_request_is_read_or_refused(which in 0..REQUESTS.len(), damages in damages()) {
        let mut body: Value = serde_json::from_str(REQUESTS[which]).unwrap();
        damages.iter().for_each(|damage| damage.apply(&mut body));
        read_request(body.to_string().as_bytes());
    }

    #[test]
    fn any_events_are_told_or_ignored(events in prop::collection::vec(any_json(), 0..6)) {
        read_events(&events);
    }

    #[test]
    fn a_damaged_answer_is_told_or_ends_in_an_error(answer in answer(), telling in telling(), damages in damages()) {
        let mut events = Value::Array(events(&answer, &telling));
        damages.iter().for_each(|damage| damage.apply(&mut events));
        if let Value::Array(events) = events {
            read_events(&events);
        }
    }
}

#[test]
fn the_requests_that_are_damaged_are_whole_before() {
    responses_from_chat(REQUESTS[0].as_bytes()).unwrap();
    responses_from_completion(REQUESTS[1].as_bytes()).unwrap();
    responses_from_messages(REQUESTS[2].as_bytes()).unwrap();
    ImageRequest::read(REQUESTS[3].as_bytes(), "m").unwrap();
    ResponsesRequest::read(REQUESTS[4].as_bytes()).unwrap();
}
