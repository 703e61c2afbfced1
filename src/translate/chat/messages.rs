//! The messages of a chat to the input items of a Responses request.
//!
//! A chat nests tool calls in the assistant's message; Responses lists every call and every output as an item of its
//! own, and refuses a list where the two do not match up. Histories of real clients have gaps (a run that was
//! cancelled, ids that some other model made up), so they are repaired here, and every repair is noted.

use serde_json::{Value, json};

use super::fields::{Fields, Place};
use super::parts::{Speaker, message_parts, tool_output};
use crate::translate::RequestError;
use crate::translate::names::{ToolNames, wire_call_id};

/// Turns all messages into items.
///
/// # Errors
/// When a message cannot be understood; the error names it by its index.
pub(super) fn items_from_messages(
    messages: Vec<Value>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, RequestError> {
    let place = Place::Field(&Place::Root, "messages");
    let mut history = History {
        items: Vec::with_capacity(messages.len()),
        batch: Vec::new(),
        made_ids: 0,
        names,
        dropped,
    };
    for (index, message) in messages.into_iter().enumerate() {
        history.add(index, Fields::new(message, &Place::Element(&place, index))?)?;
    }
    history.close_batch();
    Ok(history.items.into_iter().flatten().collect())
}

struct History<'h> {
    /// A call that turns out to have no output becomes `None`.
    items: Vec<Option<Value>>,
    /// The calls of the last assistant message that made any.
    batch: Vec<OpenCall>,
    made_ids: usize,
    names: &'h mut ToolNames,
    dropped: &'h mut Vec<String>,
}

/// A call that waits for its output.
struct OpenCall {
    /// Empty when the client gave none: the next output that fits nothing else is its own.
    client_id: String,
    wire_id: String,
    name: String,
    item: usize,
    is_custom: bool,
    is_legacy: bool,
    is_answered: bool,
    place: String,
}

impl History<'_> {
    fn add(&mut self, index: usize, mut message: Fields<'_>) -> Result<(), RequestError> {
        let role = message.required_string("role")?;
        match role.as_str() {
            "system" | "developer" => self.add_input("developer", &mut message)?,
            "user" => {
                self.close_batch();
                self.add_input("user", &mut message)?;
            }
            "assistant" => {
                self.close_batch();
                self.add_assistant(&mut message)?;
            }
            "tool" => {
                let id = message.string("tool_call_id")?.unwrap_or_default();
                self.add_output(index, &mut message, |call| {
                    !call.is_legacy && call.client_id == id
                })?;
            }
            "function" => {
                let name = message.string("name")?.unwrap_or_default();
                self.add_output(index, &mut message, |call| {
                    call.is_legacy && call.name == name
                })?;
            }
            _ => {
                let problem = format_args!(
                    "is {role:?}; it must be system, developer, user, assistant, tool or function"
                );
                return Err(message.wrong("role", problem));
            }
        }
        message.drop_rest(self.dropped);
        Ok(())
    }

    fn add_input(&mut self, role: &str, message: &mut Fields<'_>) -> Result<(), RequestError> {
        let place = Place::Field(message.place, "content");
        let content = message
            .take("content")
            .ok_or_else(|| place.error("is missing"))?;
        let parts = message_parts(content, Speaker::Input, &place, self.dropped)?;
        self.items.push(Some(
            json!({"type": "message", "role": role, "content": parts}),
        ));
        Ok(())
    }

    /// Text first, then the calls in their order; no empty message where there are only calls.
    fn add_assistant(&mut self, message: &mut Fields<'_>) -> Result<(), RequestError> {
        let place = Place::Field(message.place, "content");
        let mut parts = match message.take("content") {
            Some(content) => message_parts(content, Speaker::Assistant, &place, self.dropped)?,
            None => Vec::new(),
        };
        if let Some(refusal) = message.string("refusal")? {
            parts.push(json!({"type": "refusal", "refusal": refusal}));
        }
        if !parts.is_empty() {
            self.items.push(Some(
                json!({"type": "message", "role": "assistant", "content": parts}),
            ));
        }
        let calls_place = Place::Field(message.place, "tool_calls");
        for (index, call) in message
            .array("tool_calls")?
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            let place = Place::Element(&calls_place, index);
            self.add_call(Fields::new(call, &place)?)?;
        }
        if let Some(call) = message.take("function_call") {
            let place = Place::Field(message.place, "function_call");
            let mut call = Fields::new(call, &place)?;
            let name = call.required_string("name")?;
            let arguments = arguments_text(call.take("arguments"));
            call.drop_rest(self.dropped);
            self.open_call(&place, String::new(), name, &arguments, CallFamily::Legacy);
        }
        Ok(())
    }

    fn add_call(&mut self, mut call: Fields<'_>) -> Result<(), RequestError> {
        let id = call.string("id")?.unwrap_or_default();
        let kind = call
            .string("type")?
            .unwrap_or_else(|| "function".to_owned());
        // Clients that collect chunks keep the index of the stream; it means nothing here.
        call.take("index");
        let (nested_name, text_name) = match kind.as_str() {
            "function" => ("function", "arguments"),
            "custom" => ("custom", "input"),
            _ => {
                return Err(call.wrong(
                    "type",
                    format_args!("is {kind:?}; it must be function or custom"),
                ));
            }
        };
        let nested_place = Place::Field(call.place, nested_name);
        let Some(nested) = call.take(nested_name) else {
            return Err(nested_place.error("is missing"));
        };
        let mut nested = Fields::new(nested, &nested_place)?;
        let name = nested.required_string("name")?;
        let text = nested.take(text_name);
        nested.drop_rest(self.dropped);

        // Chunks can only say "function", so a custom call that was streamed comes back as one.
        let is_custom = kind == "custom" || self.names.is_custom(&name);
        let (text, family) = match (is_custom, text) {
            (true, Some(Value::String(input))) => (input, CallFamily::Custom),
            (true, other) => (
                other.map(|other| other.to_string()).unwrap_or_default(),
                CallFamily::Custom,
            ),
            (false, arguments) => (arguments_text(arguments), CallFamily::Function),
        };
        if !id.is_empty() && self.batch.iter().any(|open| open.client_id == id) {
            self.dropped.push(call.place.to_string()); // one output cannot answer two calls
            return Ok(());
        }
        let place = *call.place;
        call.drop_rest(self.dropped);
        self.open_call(&place, id, name, &text, family);
        Ok(())
    }

    fn open_call(
        &mut self,
        place: &Place<'_>,
        client_id: String,
        name: String,
        text: &str,
        family: CallFamily,
    ) {
        let wire_id = if client_id.is_empty() {
            self.made_ids += 1;
            format!("call_{}", self.made_ids)
        } else {
            wire_call_id(&client_id).into_owned()
        };
        let wire_name = self.names.wire(name.clone());
        let is_custom = family == CallFamily::Custom;
        let item = if is_custom {
            json!({"type": "custom_tool_call", "call_id": wire_id, "name": wire_name, "input": text})
        } else {
            json!({"type": "function_call", "call_id": wire_id, "name": wire_name, "arguments": text})
        };
        self.batch.push(OpenCall {
            client_id,
            wire_id,
            name,
            item: self.items.len(),
            is_custom,
            is_legacy: family == CallFamily::Legacy,
            is_answered: false,
            place: place.to_string(),
        });
        self.items.push(Some(item));
    }

    /// Binds an output to its call: the one that fits, else the next one that has no id of its own.
    fn add_output(
        &mut self,
        index: usize,
        message: &mut Fields<'_>,
        fits: impl Fn(&OpenCall) -> bool,
    ) -> Result<(), RequestError> {
        let place = Place::Field(message.place, "content");
        let output = tool_output(
            message.take("content").unwrap_or_default(),
            &place,
            self.dropped,
        )?;
        // The name of a tool is with its call already.
        message.take("name");
        let is_open = |call: &&mut OpenCall| !call.is_answered;
        let mut call = self
            .batch
            .iter_mut()
            .filter(is_open)
            .find(|call| !call.client_id.is_empty() && fits(call));
        if call.is_none() {
            call = self
                .batch
                .iter_mut()
                .filter(is_open)
                .find(|call| call.is_legacy && fits(call));
        }
        if call.is_none() {
            call = self
                .batch
                .iter_mut()
                .filter(is_open)
                .find(|call| call.client_id.is_empty());
        }
        let Some(call) = call else {
            self.dropped.push(format!("messages[{index}]"));
            return Ok(());
        };
        call.is_answered = true;
        let kind = if call.is_custom {
            "custom_tool_call_output"
        } else {
            "function_call_output"
        };
        self.items.push(Some(
            json!({"type": kind, "call_id": call.wire_id, "output": output}),
        ));
        Ok(())
    }

    /// Takes out the calls that got no output: the upstream would refuse the whole request.
    fn close_batch(&mut self) {
        for call in self.batch.drain(..).filter(|call| !call.is_answered) {
            if let Some(item) = self.items.get_mut(call.item) {
                *item = None;
            }
            self.dropped.push(call.place);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallFamily {
    Function,
    Custom,
    /// `function_call` of the time before tools: no id, one at a time.
    Legacy,
}

/// Arguments are JSON in a string; some clients send the JSON itself, or nothing for none.
fn arguments_text(arguments: Option<Value>) -> String {
    match arguments {
        Some(Value::String(text)) if !text.trim().is_empty() => text,
        Some(Value::String(_)) | None => "{}".to_owned(),
        Some(other) => other.to_string(),
    }
}
