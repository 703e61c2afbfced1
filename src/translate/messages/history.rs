//! The messages of a conversation to the input items of a Responses request.
//!
//! Anthropic nests tool calls, their results and the reasoning in messages; Responses lists each as an item of its own, in
//! order, and refuses a list where calls and outputs do not match up. Histories of real clients have gaps, so they are
//! repaired here, and every repair is noted.

use serde_json::{Value, json};

use super::blocks::{blocks_of, input_parts, input_text, is_input, text_of};
use super::ids::{own_call_id, reasoning_behind};
use crate::translate::RequestError;
use crate::translate::chat::fields::{Fields, Place};
use crate::translate::names::{ToolNames, wire_call_id};

/// Turns the system prompt and all messages into items.
///
/// # Errors
/// When one of them cannot be understood; the error names it by its place.
pub(super) fn items_of(
    system: Option<Value>,
    messages: Vec<Value>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, RequestError> {
    let mut history = History {
        items: Vec::with_capacity(messages.len() + 1),
        batch: Vec::new(),
        names,
        dropped,
    };
    if let Some(system) = system {
        history.add_instructions(system, &Place::Field(&Place::Root, "system"))?;
    }
    let place = Place::Field(&Place::Root, "messages");
    for (index, message) in messages.into_iter().enumerate() {
        history.add(Fields::new(message, &Place::Element(&place, index))?)?;
    }
    history.close_batch();
    Ok(history.items.into_iter().flatten().collect())
}

struct History<'h> {
    /// A call that turns out to have no output becomes `None`.
    items: Vec<Option<Value>>,
    /// The calls of the last assistant message.
    batch: Vec<OpenCall>,
    names: &'h mut ToolNames,
    dropped: &'h mut Vec<String>,
}

/// A call that waits for its output.
struct OpenCall {
    id: String,
    wire_id: String,
    item: usize,
    is_answered: bool,
    place: String,
}

/// Claude Code begins its system prompt with this line, which differs from build to build and thereby spoils every prompt
/// cache (`ethanhq/cc-fleet#29`).
const BILLING: &str = "x-anthropic-billing-header:";

impl History<'_> {
    fn add(&mut self, mut message: Fields<'_>) -> Result<(), RequestError> {
        let role = message.required_string("role")?;
        let place = Place::Field(message.place, "content");
        let content = message
            .take("content")
            .ok_or_else(|| place.error("is missing"))?;
        match role.as_str() {
            // Anthropic has it in front; Claude Code sends it in between, too. Upstreams refuse the role `system` here.
            "system" | "developer" => self.add_instructions(content, &place)?,
            "user" => self.add_user(content, &place)?,
            "assistant" => {
                self.close_batch();
                self.add_assistant(content, &place)?;
            }
            _ => {
                let problem = format_args!("is {role:?}; it must be user, assistant or system");
                return Err(message.wrong("role", problem));
            }
        }
        message.drop_rest(self.dropped);
        Ok(())
    }

    fn add_instructions(&mut self, content: Value, place: &Place<'_>) -> Result<(), RequestError> {
        let mut parts = Vec::new();
        for (index, block) in blocks_of(content, place)?.into_iter().enumerate() {
            let place = Place::Element(place, index);
            let mut block = Fields::new(block, &place)?;
            let kind = block.required_string("type")?;
            if kind != "text" {
                return Err(block.wrong("type", format_args!("is {kind:?}; it must be text")));
            }
            let text = text_of(&mut block)?;
            block.drop_rest(self.dropped);
            let kept = without_billing(&text);
            if kept.len() < text.len() {
                self.dropped.push(place.to_string());
            }
            if !kept.is_empty() {
                parts.push(input_text(kept));
            }
        }
        self.add_message("developer", parts);
        Ok(())
    }

    fn add_user(&mut self, content: Value, place: &Place<'_>) -> Result<(), RequestError> {
        let mut parts = Vec::new();
        for (index, block) in blocks_of(content, place)?.into_iter().enumerate() {
            let place = Place::Element(place, index);
            let mut block = Fields::new(block, &place)?;
            let kind = block.required_string("type")?;
            if kind == "tool_result" {
                self.add_message("user", std::mem::take(&mut parts));
                self.add_result(&mut block)?;
            } else {
                parts.extend(input_parts(&kind, &mut block, self.dropped)?);
            }
            block.drop_rest(self.dropped);
        }
        self.add_message("user", parts);
        Ok(())
    }

    fn add_assistant(&mut self, content: Value, place: &Place<'_>) -> Result<(), RequestError> {
        let mut parts = Vec::new();
        for (index, block) in blocks_of(content, place)?.into_iter().enumerate() {
            let place = Place::Element(place, index);
            let mut block = Fields::new(block, &place)?;
            let kind = block.required_string("type")?;
            match kind.as_str() {
                "text" => {
                    let text = text_of(&mut block)?;
                    // An empty text of the model says nothing, and upstreams refuse it.
                    if !text.is_empty() {
                        parts.push(json!({"type": "output_text", "text": text}));
                    }
                }
                "tool_use" => {
                    self.add_message("assistant", std::mem::take(&mut parts));
                    self.add_call(&mut block)?;
                }
                "thinking" | "redacted_thinking" => {
                    self.add_message("assistant", std::mem::take(&mut parts));
                    self.add_reasoning(&kind, &mut block)?;
                    continue;
                }
                // What Anthropic's own servers did for the model: searches, code. The text after it tells what came of it.
                _ => {
                    self.dropped.push(place.to_string());
                    continue;
                }
            }
            block.drop_rest(self.dropped);
        }
        self.add_message("assistant", parts);
        Ok(())
    }

    /// Nothing for a message without parts: an empty one would stand between a call and its output.
    fn add_message(&mut self, role: &str, parts: Vec<Value>) {
        if !parts.is_empty() {
            self.items.push(Some(
                json!({"type": "message", "role": role, "content": parts}),
            ));
        }
    }

    /// Reasoning goes back only to where it came from; anybody else refuses it.
    fn add_reasoning(&mut self, kind: &str, block: &mut Fields<'_>) -> Result<(), RequestError> {
        let field = if kind == "thinking" {
            "signature"
        } else {
            "data"
        };
        let signature = block.string(field)?.unwrap_or_default();
        match reasoning_behind(&signature) {
            Some(content) => self.items.push(Some(
                json!({"type": "reasoning", "summary": [], "encrypted_content": content}),
            )),
            None => self.dropped.push(block.place.to_string()),
        }
        Ok(())
    }

    fn add_call(&mut self, block: &mut Fields<'_>) -> Result<(), RequestError> {
        let id = block.required_string("id")?;
        let name = block.required_string("name")?;
        let input = block.object("input")?.unwrap_or_default();
        if self.batch.iter().any(|open| open.id == id) {
            self.dropped.push(block.place.to_string()); // one result cannot answer two calls
            return Ok(());
        }
        let wire_id = wire_call_id(&own_call_id(&id)).into_owned();
        self.batch.push(OpenCall {
            id,
            wire_id: wire_id.clone(),
            item: self.items.len(),
            is_answered: false,
            place: block.place.to_string(),
        });
        self.items.push(Some(json!({
            "type": "function_call",
            "call_id": wire_id,
            "name": self.names.wire(name),
            "arguments": Value::Object(input).to_string(),
        })));
        Ok(())
    }

    fn add_result(&mut self, block: &mut Fields<'_>) -> Result<(), RequestError> {
        let id = block.required_string("tool_use_id")?;
        let is_error = block.boolean("is_error")?.unwrap_or(false);
        let place = Place::Field(block.place, "content");
        let output = match block.take("content") {
            Some(content) => self.result_parts(content, &place)?,
            None => Vec::new(),
        };
        let open = self.batch.iter_mut();
        let Some(call) = open
            .filter(|call| !call.is_answered)
            .find(|call| call.id == id)
        else {
            self.dropped.push(block.place.to_string());
            return Ok(());
        };
        call.is_answered = true;
        let output = whole_output(output, is_error);
        self.items.push(Some(json!({
            "type": "function_call_output",
            "call_id": call.wire_id,
            "output": output,
        })));
        Ok(())
    }

    /// What a tool shows. Blocks of a kind that only Anthropic's models read, such as references to tools, are told as JSON.
    fn result_parts(
        &mut self,
        content: Value,
        place: &Place<'_>,
    ) -> Result<Vec<Value>, RequestError> {
        let mut parts = Vec::new();
        for (index, block) in blocks_of(content, place)?.into_iter().enumerate() {
            let place = Place::Element(place, index);
            let kind = block.get("type").and_then(Value::as_str).map(str::to_owned);
            let Some(kind) = kind.filter(|kind| is_input(kind)) else {
                parts.push(input_text(block.to_string()));
                continue;
            };
            let mut block = Fields::new(block, &place)?;
            block.take("type");
            parts.extend(input_parts(&kind, &mut block, self.dropped)?);
            block.drop_rest(self.dropped);
        }
        Ok(parts)
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

/// One text where there is only text, parts where there is an image or a file. A Responses output cannot say that it is an
/// error, so the text says it.
fn whole_output(mut parts: Vec<Value>, is_error: bool) -> Value {
    const ERROR: &str = "Error: ";
    let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
    let texts: Option<Vec<String>> = parts.iter().map(text).collect();
    match texts {
        Some(texts) => {
            let text = texts.join("\n");
            let says_so = text
                .get(.."error".len())
                .is_some_and(|start| start.eq_ignore_ascii_case("error"));
            Value::String(if is_error && !says_so {
                format!("{ERROR}{text}")
            } else {
                text
            })
        }
        None => {
            if is_error {
                parts.insert(0, input_text(ERROR.trim_end()));
            }
            Value::Array(parts)
        }
    }
}

/// The text without its billing line.
fn without_billing(text: &str) -> &str {
    if !text.trim_start().starts_with(BILLING) {
        return text;
    }
    let after = text.trim_start().split_once('\n');
    after.map_or("", |(_billing, rest)| rest.trim_start_matches('\n'))
}
