//! Responses events as they are written: numbered, framed, and each item with its beginning and its end.
//!
//! Texts stay escaped all the way: what a chunk brought between its quotes goes between the quotes of an event.

use std::collections::VecDeque;
use std::fmt::Write as _;

use bytes::Bytes;

use crate::translate::raw::{push_escaped, push_string};
use crate::translate::sse::Frame;

/// Numbers events and puts them into frames.
#[derive(Debug, Default)]
pub(super) struct Events {
    next_number: u64,
    frames: VecDeque<Frame>,
}

/// One place in `output`.
#[derive(Debug)]
pub(super) struct Item {
    index: usize,
    id: String,
    body: Body,
    /// The item of `output_item.done`, once it is over.
    done: Option<String>,
}

#[derive(Debug)]
enum Body {
    Reasoning(Part),
    Message(Vec<Part>),
    Call(Call),
}

#[derive(Debug)]
struct Part {
    kind: PartKind,
    text: String,
    /// The entries of a list, without its brackets.
    logprobs: String,
    annotations: String,
    is_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Refusal,
    Reasoning,
}

/// A call as the client knows its tool.
#[derive(Debug)]
pub(super) struct Call {
    pub call_id: String,
    pub name: String,
    pub namespace: Option<String>,
    pub is_custom: bool,
    /// Escaped; of a custom tool everything until the end, because its text has a wrapper around it.
    pub arguments: String,
}

impl Events {
    /// `fields` begins with a comma, or is empty.
    pub fn emit(&mut self, kind: &str, fields: &str) {
        let mut raw = String::with_capacity(2 * kind.len() + fields.len() + 64);
        raw.push_str("event: ");
        raw.push_str(kind);
        raw.push_str("\ndata: ");
        let from = raw.len();
        // Writing to a text cannot fail.
        let _infallible = write!(
            raw,
            "{{\"type\":\"{kind}\",\"sequence_number\":{}",
            self.next_number
        );
        raw.push_str(fields);
        raw.push('}');
        let to = raw.len();
        raw.push_str("\n\n");
        self.next_number += 1;
        let raw = Bytes::from(raw);
        self.frames.push_back(Frame {
            data: raw.slice(from..to),
            event: Some(Bytes::copy_from_slice(kind.as_bytes())),
            raw,
        });
    }

    pub fn take(&mut self) -> VecDeque<Frame> {
        std::mem::take(&mut self.frames)
    }
}

impl Item {
    pub fn reasoning(index: usize, suffix: &str, events: &mut Events) -> Self {
        let id = format!("rs_{suffix}{index}");
        let item =
            format!("{{\"id\":\"{id}\",\"type\":\"reasoning\",\"summary\":[],\"content\":[]}}");
        events.emit("response.output_item.added", &item_fields(index, &item));
        let mut body = Part::new(PartKind::Reasoning);
        body.begin(index, 0, &id, events);
        Self {
            index,
            id,
            body: Body::Reasoning(body),
            done: None,
        }
    }

    pub fn message(index: usize, suffix: &str, events: &mut Events) -> Self {
        let id = format!("msg_{suffix}{index}");
        let item = message_json(&id, "in_progress", "");
        events.emit("response.output_item.added", &item_fields(index, &item));
        Self {
            index,
            id,
            body: Body::Message(Vec::new()),
            done: None,
        }
    }

    pub fn call(index: usize, suffix: &str, call: Call, events: &mut Events) -> Self {
        let prefix = if call.is_custom { "ctc" } else { "fc" };
        let id = format!("{prefix}_{suffix}{index}");
        let item = call.json(&id, "in_progress", "");
        events.emit("response.output_item.added", &item_fields(index, &item));
        let mut item = Self {
            index,
            id,
            body: Body::Call(Call {
                arguments: String::new(),
                ..call
            }),
            done: None,
        };
        // What came before its name did.
        item.arguments(&call.arguments, events);
        item
    }

    pub fn is_call(&self) -> bool {
        matches!(self.body, Body::Call(_))
    }

    pub fn is_reasoning(&self) -> bool {
        matches!(self.body, Body::Reasoning(_))
    }

    pub fn is_done(&self) -> bool {
        self.done.is_some()
    }

    /// One more piece of a text; `logprobs` are the entries of a list.
    pub fn piece(&mut self, kind: PartKind, piece: &str, logprobs: &str, events: &mut Events) {
        let (index, id) = (self.index, &self.id);
        let (place, part) = match &mut self.body {
            Body::Reasoning(part) => (0, part),
            Body::Message(parts) => {
                let is_other = parts.last().is_none_or(|part| part.kind != kind);
                if is_other {
                    let last = parts.len().saturating_sub(1);
                    if let Some(part) = parts.last_mut() {
                        part.end(index, last, id, events);
                    }
                    let mut part = Part::new(kind);
                    part.begin(index, parts.len(), id, events);
                    parts.push(part);
                }
                let last = parts.len().saturating_sub(1);
                let Some(part) = parts.last_mut() else {
                    return;
                };
                (last, part)
            }
            Body::Call(_) => return,
        };
        part.text.push_str(piece);
        let mut fields = place_fields(index, place, id);
        fields.push_str(",\"delta\":\"");
        fields.push_str(piece);
        fields.push('"');
        if kind == PartKind::Text {
            fields.push_str(",\"logprobs\":[");
            fields.push_str(logprobs);
            fields.push(']');
            join(&mut part.logprobs, logprobs);
        }
        events.emit(kind.delta(), &fields);
    }

    /// A source that the text names.
    pub fn annotation(&mut self, annotation: &str, events: &mut Events) {
        let Body::Message(parts) = &mut self.body else {
            return;
        };
        let place = parts.len().saturating_sub(1);
        let Some(part) = parts.last_mut().filter(|part| part.kind == PartKind::Text) else {
            return;
        };
        let nth = part
            .annotations
            .matches("\"type\":\"url_citation\"")
            .count();
        join(&mut part.annotations, annotation);
        let mut fields = place_fields(self.index, place, &self.id);
        // Writing to a text cannot fail.
        let _infallible = write!(
            fields,
            ",\"annotation_index\":{nth},\"annotation\":{annotation}"
        );
        events.emit("response.output_text.annotation.added", &fields);
    }

    /// One more piece of the arguments of a call, escaped.
    pub fn arguments(&mut self, piece: &str, events: &mut Events) {
        let Body::Call(call) = &mut self.body else {
            return;
        };
        call.arguments.push_str(piece);
        if call.is_custom || piece.is_empty() {
            return;
        }
        let fields = format!(
            ",\"item_id\":\"{}\",\"output_index\":{},\"delta\":\"{piece}\"",
            self.id, self.index
        );
        events.emit("response.function_call_arguments.delta", &fields);
    }

    /// Writes its end. `input` unwraps the text of a custom tool.
    pub fn end(&mut self, status: &str, input: impl Fn(&str) -> String, events: &mut Events) {
        if self.done.is_some() {
            return;
        }
        let (index, id) = (self.index, self.id.clone());
        let item = match &mut self.body {
            Body::Reasoning(part) => {
                part.end(index, 0, &id, events);
                let content = part.json();
                format!(
                    "{{\"id\":\"{id}\",\"type\":\"reasoning\",\"summary\":[],\"content\":[{content}]}}"
                )
            }
            Body::Message(parts) => {
                let last = parts.len().saturating_sub(1);
                if let Some(part) = parts.last_mut() {
                    part.end(index, last, &id, events);
                }
                let parts: Vec<String> = parts.iter().map(Part::json).collect();
                message_json(&id, status, &parts.join(","))
            }
            Body::Call(call) if call.is_custom => {
                let mut text = String::new();
                push_escaped(&mut text, &input(&call.arguments));
                let place = format!(",\"item_id\":\"{id}\",\"output_index\":{index}");
                events.emit(
                    "response.custom_tool_call_input.delta",
                    &format!("{place},\"delta\":\"{text}\""),
                );
                events.emit(
                    "response.custom_tool_call_input.done",
                    &format!("{place},\"input\":\"{text}\""),
                );
                call.json(&id, status, &text)
            }
            Body::Call(_) => {
                // No arguments are an object without fields; as a text they would be no JSON.
                if self.call_text().is_some_and(|text| text.trim().is_empty()) {
                    self.arguments("{}", events);
                }
                let Body::Call(call) = &self.body else {
                    return;
                };
                let mut fields =
                    format!(",\"item_id\":\"{id}\",\"output_index\":{index},\"name\":");
                push_string(&mut fields, &call.name);
                fields.push_str(",\"arguments\":\"");
                fields.push_str(&call.arguments);
                fields.push('"');
                events.emit("response.function_call_arguments.done", &fields);
                call.json(&id, status, &call.arguments)
            }
        };
        events.emit("response.output_item.done", &item_fields(index, &item));
        self.done = Some(item);
    }

    /// The item as it stands in `output`; nothing before its end.
    pub fn json(&self) -> Option<&str> {
        self.done.as_deref()
    }

    /// The arguments or input of a call so far, escaped.
    pub fn call_text(&self) -> Option<&str> {
        match &self.body {
            Body::Call(call) => Some(&call.arguments),
            Body::Reasoning(_) | Body::Message(_) => None,
        }
    }
}

impl Part {
    fn new(kind: PartKind) -> Self {
        Self {
            kind,
            text: String::new(),
            logprobs: String::new(),
            annotations: String::new(),
            is_open: false,
        }
    }

    fn begin(&mut self, output_index: usize, place: usize, id: &str, events: &mut Events) {
        self.is_open = true;
        self.tell(
            "response.content_part.added",
            output_index,
            place,
            id,
            events,
        );
    }

    fn end(&mut self, output_index: usize, place: usize, id: &str, events: &mut Events) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let mut fields = place_fields(output_index, place, id);
        let field = if self.kind == PartKind::Refusal {
            "refusal"
        } else {
            "text"
        };
        // Writing to a text cannot fail.
        let _infallible = write!(fields, ",\"{field}\":\"{}\"", self.text);
        if self.kind == PartKind::Text {
            let _infallible = write!(fields, ",\"logprobs\":[{}]", self.logprobs);
        }
        events.emit(self.kind.done(), &fields);
        self.tell(
            "response.content_part.done",
            output_index,
            place,
            id,
            events,
        );
    }

    fn tell(&self, kind: &str, output_index: usize, place: usize, id: &str, events: &mut Events) {
        let fields = place_fields(output_index, place, id);
        events.emit(kind, &format!("{fields},\"part\":{}", self.json()));
    }

    fn json(&self) -> String {
        match self.kind {
            PartKind::Text => format!(
                "{{\"type\":\"output_text\",\"annotations\":[{}],\"logprobs\":[{}],\"text\":\"{}\"}}",
                self.annotations, self.logprobs, self.text
            ),
            PartKind::Refusal => format!("{{\"type\":\"refusal\",\"refusal\":\"{}\"}}", self.text),
            PartKind::Reasoning => {
                format!("{{\"type\":\"reasoning_text\",\"text\":\"{}\"}}", self.text)
            }
        }
    }
}

impl PartKind {
    fn delta(self) -> &'static str {
        match self {
            Self::Text => "response.output_text.delta",
            Self::Refusal => "response.refusal.delta",
            Self::Reasoning => "response.reasoning_text.delta",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Text => "response.output_text.done",
            Self::Refusal => "response.refusal.done",
            Self::Reasoning => "response.reasoning_text.done",
        }
    }
}

impl Call {
    /// `text` is its arguments or input, escaped.
    fn json(&self, id: &str, status: &str, text: &str) -> String {
        let (kind, field) = if self.is_custom {
            ("custom_tool_call", "input")
        } else {
            ("function_call", "arguments")
        };
        let mut item =
            format!("{{\"id\":\"{id}\",\"type\":\"{kind}\",\"status\":\"{status}\",\"call_id\":");
        push_string(&mut item, &self.call_id);
        item.push_str(",\"name\":");
        push_string(&mut item, &self.name);
        if let Some(namespace) = &self.namespace {
            item.push_str(",\"namespace\":");
            push_string(&mut item, namespace);
        }
        // Writing to a text cannot fail.
        let _infallible = write!(item, ",\"{field}\":\"{text}\"}}");
        item
    }
}

fn message_json(id: &str, status: &str, content: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"type\":\"message\",\"status\":\"{status}\",\"role\":\"assistant\",\"content\":[{content}]}}"
    )
}

fn item_fields(index: usize, item: &str) -> String {
    format!(",\"output_index\":{index},\"item\":{item}")
}

fn place_fields(output_index: usize, content_index: usize, id: &str) -> String {
    format!(
        ",\"item_id\":\"{id}\",\"output_index\":{output_index},\"content_index\":{content_index}"
    )
}

fn join(list: &mut String, entries: &str) {
    if !list.is_empty() && !entries.is_empty() {
        list.push(',');
    }
    list.push_str(entries);
}
