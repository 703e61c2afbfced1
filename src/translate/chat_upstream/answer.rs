//! Chat chunks to Responses events.
//!
//! What they look like stands in [`chunk`](super::chunk). A whole answer is one chunk with a `message` for its `delta`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::chunk::{
    CallDelta, Choice, Chunk, ContentPart, Delta, FunctionDelta, Logprobs, arguments_of, index_of,
    text_of, usage_json,
};
use super::events::{Call, Events, Item, PartKind};
use super::request::ChatAsked;
use super::tools::INPUT;
use crate::translate::MAX_ANSWER_BYTES;
use crate::translate::raw::{self, push_string};
use crate::translate::responses::{Failure, elements, read_event};
use crate::translate::sse::Frame;

/// Reads the chunks of one answer and writes its events.
#[derive(Debug)]
pub struct EventsFromChunks {
    asked: Arc<ChatAsked>,
    /// What the ids of this answer end in.
    suffix: String,
    /// Seconds since 1970.
    created: u64,
    events: Events,
    is_begun: bool,
    items: Vec<Item>,
    calls: Vec<ChatCall>,
    finish: Option<Finish>,
    /// The `usage` object of a response.
    usage: Option<String>,
    read_bytes: usize,
    is_over: bool,
}

/// A call as the chunks tell it.
#[derive(Debug, Default)]
struct ChatCall {
    index: Option<u64>,
    id: String,
    /// As the upstream says it; empty until it does.
    name: String,
    /// Where it is in the items; before its name is known it cannot be told.
    item: Option<usize>,
    /// What came before its name, escaped.
    early: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Finish {
    Completed,
    Incomplete(&'static str),
    /// It broke off, for the reason that this word of the upstream's names.
    Failed(String),
}

impl Finish {
    /// The set is open. Only a word that is known to be a good one tells a whole answer; servers break off with `abort`,
    /// `insufficient_system_resource` and the like.
    fn of(reason: &str) -> Self {
        match reason.to_ascii_lowercase().as_str() {
            "stop" | "tool_calls" | "function_call" | "eos" | "eos_token" | "stop_sequence"
            | "end_turn" | "tool_use" => Self::Completed,
            "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => {
                Self::Incomplete("max_output_tokens")
            }
            "content_filter" | "sensitive" => Self::Incomplete("content_filter"),
            _ => Self::Failed(reason.chars().take(MAX_REASON_CHARS).collect()),
        }
    }
}

/// Longer than any word for a finish.
const MAX_REASON_CHARS: usize = 64;

impl EventsFromChunks {
    /// `id` is the end of every id in the answer: letters and digits. `created` is in seconds since 1970.
    pub fn new(asked: Arc<ChatAsked>, id: impl Into<String>, created: u64) -> Self {
        Self {
            asked,
            suffix: id.into(),
            created,
            events: Events::default(),
            is_begun: false,
            items: Vec::new(),
            calls: Vec::new(),
            finish: None,
            usage: None,
            read_bytes: 0,
            is_over: false,
        }
    }

    /// Takes the data of one event, or a whole answer, and gives the events that follow from it. After the last event of the
    /// answer it gives none.
    pub fn push(&mut self, data: &[u8]) -> VecDeque<Frame> {
        if !self.is_over {
            self.take(data);
        }
        self.events.take()
    }

    /// Ends the answer when the upstream has nothing more to say: as it should if it has said how it finished, else as a failure.
    pub fn finish(&mut self) -> VecDeque<Frame> {
        if !self.is_over {
            self.end();
        }
        self.events.take()
    }

    fn take(&mut self, data: &[u8]) {
        if data == b"[DONE]" {
            return self.end();
        }
        self.read_bytes += data.len();
        if self.read_bytes > MAX_ANSWER_BYTES {
            return self.fail(&Failure::too_large(MAX_ANSWER_BYTES));
        }
        let chunk = match read_event::<Chunk<'_>>(data) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return,
            Err(failure) => return self.fail(&failure),
        };
        if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
            return self.fail_saying(error);
        }
        self.begin();
        let choices = elements(chunk.choices);
        for choice in &choices {
            let read = serde_json::from_str::<Choice<'_>>(choice.get()).and_then(|choice| {
                let delta = choice.delta.or(choice.message);
                let delta = delta.map(|delta| serde_json::from_str::<Delta<'_>>(delta.get()));
                Ok((choice, delta.transpose()?))
            });
            // What cannot be read may be a part of the answer.
            let Ok((choice, delta)) = read else {
                return self.fail(&Failure::unreadable_event());
            };
            // One choice was asked for.
            if index_of(choice.index).unwrap_or(0) == 0 {
                self.choice(&choice, delta);
            }
        }
        if let Some(usage) = chunk.usage.and_then(usage_json) {
            self.usage = Some(usage);
            // There are servers that tell the cost and a finish in every chunk.
            if self.finish.is_some() && choices.is_empty() {
                self.end();
            }
        }
    }

    fn choice(&mut self, choice: &Choice<'_>, delta: Option<Delta<'_>>) {
        if let Some(delta) = delta {
            if let Some(thought) = text_of(delta.reasoning_content).or(text_of(delta.reasoning)) {
                self.piece(PartKind::Reasoning, thought, "");
            }
            let logprobs = choice
                .logprobs
                .and_then(|logprobs| serde_json::from_str::<Logprobs<'_>>(logprobs.get()).ok()); // null, mostly
            self.content(
                delta.content,
                logprobs.and_then(|logprobs| logprobs.content),
            );
            if let Some(refusal) = text_of(delta.refusal) {
                self.piece(PartKind::Refusal, refusal, "");
            }
            for annotation in elements(delta.annotations) {
                self.annotation(annotation);
            }
            for call in elements(delta.tool_calls) {
                if let Ok(call) = serde_json::from_str::<CallDelta<'_>>(call.get()) {
                    self.call(index_of(call.index), call.id, call.function);
                }
            }
            if let Some(function) = delta.function_call.filter(|call| call.get() != "null") {
                self.call(Some(0), None, Some(function));
            }
        }
        if let Some(reason) = raw::filled_text(choice.finish_reason) {
            self.finish = Some(Finish::of(&reason));
        }
    }

    /// Text, as one string or in parts.
    fn content(&mut self, content: Option<&RawValue>, logprobs: Option<&RawValue>) {
        if let Some(text) = text_of(content) {
            let entries = logprobs.map_or("", |list| {
                let list = list.get().trim();
                list.strip_prefix('[')
                    .and_then(|list| list.strip_suffix(']'))
                    .unwrap_or_default()
                    .trim()
            });
            return self.piece(PartKind::Text, text, entries);
        }
        for part in elements(content) {
            let Ok(part) = serde_json::from_str::<ContentPart<'_>>(part.get()) else {
                continue;
            };
            for thought in elements(part.thinking) {
                if let Ok(ContentPart { text, .. }) = serde_json::from_str(thought.get())
                    && let Some(text) = text_of(text)
                {
                    self.piece(PartKind::Reasoning, text, "");
                }
            }
            if let Some(text) = text_of(part.text) {
                self.piece(PartKind::Text, text, "");
            }
        }
    }

    /// A piece of text for the item of its kind, which begins with it where there is none.
    fn piece(&mut self, kind: PartKind, piece: &str, logprobs: &str) {
        let is_reasoning = kind == PartKind::Reasoning;
        let fits =
            |item: &Item| !item.is_done() && !item.is_call() && item.is_reasoning() == is_reasoning;
        if !self.items.last().is_some_and(fits) {
            self.end_texts();
            let (index, suffix) = (self.items.len(), &self.suffix);
            self.items.push(if is_reasoning {
                Item::reasoning(index, suffix, &mut self.events)
            } else {
                Item::message(index, suffix, &mut self.events)
            });
        }
        if let Some(item) = self.items.last_mut() {
            item.piece(kind, piece, logprobs, &mut self.events);
        }
    }

    /// Chat nests what Responses has flat.
    fn annotation(&mut self, annotation: &RawValue) {
        let Ok(Value::Object(chat)) = serde_json::from_str(annotation.get()) else {
            return;
        };
        let Some(Value::Object(citation)) = chat.get("url_citation") else {
            return;
        };
        let mut flat = serde_json::Map::new();
        flat.insert("type".to_owned(), json!("url_citation"));
        for field in ["start_index", "end_index", "url", "title"] {
            let value = citation.get(field).cloned();
            let none = if field.ends_with("index") {
                json!(0)
            } else {
                json!("")
            };
            flat.insert(field.to_owned(), value.unwrap_or(none));
        }
        let flat = Value::Object(flat).to_string();
        if let Some(item) = self.items.last_mut().filter(|item| !item.is_done()) {
            item.annotation(&flat, &mut self.events);
        }
    }

    fn call(&mut self, index: Option<u64>, id: Option<&RawValue>, function: Option<&RawValue>) {
        let function = function
            .and_then(|function| serde_json::from_str::<FunctionDelta<'_>>(function.get()).ok()); // no object: no call
        let (name, arguments) = match &function {
            Some(function) => (raw::filled_text(function.name), function.arguments),
            None => (None, None),
        };
        let id = raw::filled_text(id);
        let arguments = arguments.map(arguments_of).unwrap_or_default();
        let place = self.place_of_call(index, id.as_deref(), name.as_deref(), &arguments);
        let Some(call) = self.calls.get_mut(place) else {
            return;
        };
        if let Some(id) = id
            && call.id.is_empty()
        {
            call.id = id.into_owned();
        }
        match (call.item, name) {
            (Some(item), _) => {
                if let Some(item) = self.items.get_mut(item) {
                    item.arguments(&arguments, &mut self.events);
                }
            }
            (None, None) => call.early.push_str(&arguments),
            (None, Some(name)) => {
                call.early.push_str(&arguments);
                call.name.push_str(&name);
                self.announce(place, &name);
            }
        }
    }

    /// Which call a delta belongs to. Not every server numbers them, and some number all of them 0, with ids or without.
    fn place_of_call(
        &mut self,
        index: Option<u64>,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
    ) -> usize {
        let is_another = |call: &ChatCall| match (id, name) {
            (_, None) => false,
            (Some(id), Some(_)) if !call.id.is_empty() => call.id != id,
            (_, Some(_)) if call.name.is_empty() => false,
            (_, Some(name)) => {
                call.name != name || (!arguments.is_empty() && self.has_all_arguments(call))
            }
        };
        let known = match (index, id) {
            // Only the last of a number goes on.
            (Some(index), _) => {
                let of_index = |call: &ChatCall| call.index == Some(index);
                let last = self.calls.iter().rposition(of_index);
                last.filter(|place| !self.calls.get(*place).is_some_and(is_another))
                    .or_else(|| {
                        let of_id = |call: &ChatCall| id.is_some_and(|id| call.id == id);
                        let is_known = |call: &ChatCall| of_index(call) && of_id(call);
                        self.calls.iter().rposition(is_known)
                    })
            }
            (None, Some(id)) => self.calls.iter().rposition(|call| call.id == id),
            (None, None) if name.is_some() => None,
            (None, None) => self.calls.len().checked_sub(1),
        };
        known.unwrap_or_else(|| {
            self.calls.push(ChatCall {
                index,
                ..ChatCall::default()
            });
            self.calls.len() - 1
        })
    }

    /// Whether nothing can follow what it was given.
    fn has_all_arguments(&self, call: &ChatCall) -> bool {
        let item = call.item.and_then(|item| self.items.get(item));
        let arguments = item.and_then(Item::call_text);
        arguments.is_some_and(|arguments| {
            serde_json::from_str::<serde::de::IgnoredAny>(&raw::decode(arguments)).is_ok()
        })
    }

    /// Its name is known: it can be told. A call ends the text before it.
    fn announce(&mut self, place: usize, name: &str) {
        self.end_texts();
        let index = self.items.len();
        let Some(call) = self.calls.get_mut(place) else {
            return;
        };
        if call.id.is_empty() {
            call.id = format!("call_{}{index}", self.suffix);
        }
        call.item = Some(index);
        let called = self.asked.called(name);
        let told = Call {
            call_id: call.id.clone(),
            name: called
                .map_or(name, |called| called.name.as_str())
                .to_owned(),
            namespace: called.and_then(|called| called.namespace.clone()),
            is_custom: called.is_some_and(|called| called.is_custom),
            arguments: std::mem::take(&mut call.early),
        };
        let item = Item::call(index, &self.suffix, told, &mut self.events);
        self.items.push(item);
    }

    /// Calls may be told in turns, so they stay open; texts come one after the other.
    fn end_texts(&mut self) {
        for item in self.items.iter_mut().filter(|item| !item.is_call()) {
            item.end("completed", input_of, &mut self.events);
        }
    }

    fn begin(&mut self) {
        if self.is_begun {
            return;
        }
        self.is_begun = true;
        let response = self.response("in_progress", "null", "null");
        for kind in ["response.created", "response.in_progress"] {
            self.events.emit(kind, &response);
        }
    }

    fn end(&mut self) {
        let (status, kind, details) = match &self.finish {
            None => return self.fail(&Failure::truncated()),
            Some(Finish::Failed(reason)) => {
                let message = format!("the upstream broke the answer off, by its word {reason:?}");
                return self.fail(&Failure {
                    code: Some("upstream_error".to_owned()),
                    message,
                    ..Failure::default()
                });
            }
            Some(Finish::Incomplete(reason)) => (
                "incomplete",
                "response.incomplete",
                format!("{{\"reason\":\"{reason}\"}}"),
            ),
            Some(Finish::Completed) => ("completed", "response.completed", "null".to_owned()),
        };
        if self.calls.iter().any(|call| call.item.is_none()) {
            return self.fail(&Failure {
                code: Some("upstream_event_unreadable".to_owned()),
                message: "the upstream called a tool without naming it".to_owned(),
                ..Failure::default()
            });
        }
        self.is_over = true;
        for item in &mut self.items {
            item.end(status, input_of, &mut self.events);
        }
        let response = self.response(status, "null", &details);
        self.events.emit(kind, &response);
    }

    fn fail(&mut self, failure: &Failure) {
        let error = json!({
            "code": failure.code,
            "type": failure.kind,
            "message": failure.message,
            "param": failure.param,
        });
        self.fail_with(&error.to_string(), None);
    }

    /// With the upstream's own words.
    fn fail_saying(&mut self, error: &RawValue) {
        match serde_json::from_str(error.get()) {
            Ok(Value::Object(mut error)) => {
                let status = status_of(&error);
                if let Some(status) = status {
                    error.insert("code".to_owned(), json!(status.to_string()));
                }
                self.fail_with(&Value::Object(error).to_string(), status);
            }
            Ok(Value::String(message)) => {
                self.fail_with(&json!({"code": null, "message": message}).to_string(), None);
            }
            _ => self.fail(&Failure::unreadable_event()),
        }
    }

    /// `status`: the HTTP status that the error would have had by itself, as [`Failure::from_event`] reads it.
    fn fail_with(&mut self, error: &str, status: Option<u16>) {
        self.begin();
        self.is_over = true;
        let mut response = self.response("failed", error, "null");
        if let Some(status) = status {
            // Writing to a text cannot fail.
            let _infallible = write!(response, ",\"status\":{status}");
        }
        self.events.emit("response.failed", &response);
    }

    /// The field `response` of an event.
    fn response(&self, status: &str, error: &str, incomplete_details: &str) -> String {
        let mut fields = String::with_capacity(256 + self.asked.echo.len());
        // Writing to a text cannot fail.
        let _infallible = write!(
            fields,
            ",\"response\":{{\"id\":\"resp_{}\",\"object\":\"response\",\"created_at\":{},\"status\":\"{status}\",\
             \"error\":{error},\"incomplete_details\":{incomplete_details},\"model\":",
            self.suffix, self.created
        );
        push_string(&mut fields, &self.asked.model);
        fields.push_str(",\"output\":[");
        for (nth, item) in self.items.iter().filter_map(Item::json).enumerate() {
            if nth > 0 {
                fields.push(',');
            }
            fields.push_str(item);
        }
        fields.push(']');
        fields.push_str(&self.asked.echo);
        fields.push_str(",\"usage\":");
        fields.push_str(self.usage.as_deref().unwrap_or("null"));
        fields.push('}');
        fields
    }
}

/// The HTTP status that stands where other servers have a word: vLLM's `"code":400`, or `"code":"429"`.
fn status_of(error: &serde_json::Map<String, Value>) -> Option<u16> {
    let code = match error.get("code")? {
        Value::String(text) => text.parse().ok(), // a word
        number => number.as_u64(),
    };
    let status = code.and_then(|code| u16::try_from(code).ok()); // no status
    status.filter(|status| (100..600).contains(status))
}

/// The input of a custom tool out of the arguments of the function that stands for it. A model that forgot the wrapper meant the
/// input itself.
fn input_of(arguments: &str) -> String {
    let arguments = raw::decode(arguments);
    match serde_json::from_str::<Value>(&arguments) {
        Ok(Value::Object(fields)) => match fields.get(INPUT) {
            Some(Value::String(input)) => input.clone(),
            _ => arguments.into_owned(),
        },
        Ok(Value::String(input)) => input,
        _ => arguments.into_owned(),
    }
}

#[cfg(test)]
mod tests;
