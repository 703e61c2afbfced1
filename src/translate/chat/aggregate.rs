//! One `chat.completion` out of a stream, for a client that did not ask for a stream.

use serde_json::{Map, Value, json};

use super::reply::{
    CallForm, ChatReplyHead, ReplyForm, chat_annotation, finish_reason, image_value, usage_value,
};
use crate::translate::pieces::stop::{Passed, StopCutter};
use crate::translate::raw;
use crate::translate::responses::{
    EventKind, Failure, Item, ResponsesAnswer, Terminal, TokenUsage, elements, output_items,
};
use crate::translate::{AnswerCollector, Progress};

/// Collects events until the answer is complete.
#[derive(Debug)]
pub struct ChatAnswer {
    head: ChatReplyHead,
    answer: ResponsesAnswer,
}

impl ChatAnswer {
    pub fn new(head: ChatReplyHead) -> Self {
        let answer = ResponsesAnswer::new(head.model.as_str(), head.created);
        Self { head, answer }
    }

    /// The `chat.completion` object.
    ///
    /// # Errors
    /// When the stream ended before the answer was complete.
    pub fn finish(self) -> Result<Vec<u8>, Box<Failure>> {
        let usage = self.answer.usage();
        let (terminal, mut message) = message_of(self.answer, &self.head)?;
        let is_cut = message.calls.is_empty() && message.stop_at(&self.head.stop);
        let form = match (message.calls.is_empty(), self.head.legacy_functions) {
            (true, _) => CallForm::None,
            (false, false) => CallForm::Tools,
            (false, true) => CallForm::LegacyFunction,
        };
        let reason = if is_cut {
            "stop"
        } else {
            finish_reason(&terminal, form)
        };
        let logprobs = if self.head.logprobs && !message.logprobs.is_empty() {
            json!({"content": message.logprobs, "refusal": null})
        } else {
            Value::Null
        };
        let completion = json!({
            "id": self.head.id,
            "object": "chat.completion",
            "created": self.head.created,
            "model": self.head.model,
            "choices": [{
                "index": 0,
                "message": message.into_value(form),
                "logprobs": logprobs,
                "finish_reason": reason,
            }],
            "usage": usage.map(usage_value),
        });
        Ok(completion.to_string().into_bytes())
    }

    /// The answer as text alone, and why it ended, for a client that reads no messages.
    ///
    /// # Errors
    /// When the stream ended before the answer was complete.
    pub(crate) fn into_text(self) -> Result<(String, &'static str), Box<Failure>> {
        let (terminal, mut message) = message_of(self.answer, &self.head)?;
        let is_cut = message.stop_at(&self.head.stop);
        let reason = if is_cut {
            "stop"
        } else {
            finish_reason(&terminal, CallForm::None)
        };
        let mut text = match self.head.form {
            ReplyForm::Chat => String::new(),
            ReplyForm::Completion { echo } => echo,
        };
        text.push_str(&message.text);
        text.push_str(&message.refusal);
        Ok((text, reason))
    }
}

impl AnswerCollector for ChatAnswer {
    fn push_kind(&mut self, kind: EventKind, data: &[u8]) -> Result<Progress, Box<Failure>> {
        self.answer.push_kind(kind, data)
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.answer.usage()
    }
}

/// How the answer ended, and its items as one message.
fn message_of(
    answer: ResponsesAnswer,
    head: &ChatReplyHead,
) -> Result<(Terminal, Message), Box<Failure>> {
    let (terminal, response) = answer.complete()?;
    let mut message = Message::default();
    for item in output_items(&response)? {
        message.add(&item, head);
    }
    Ok((terminal, message))
}

/// The one message of the answer, made of all items.
#[derive(Debug, Default)]
struct Message {
    text: String,
    refusal: String,
    reasoning: Vec<String>,
    /// In the form of `tool_calls`.
    calls: Vec<Value>,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
    images: Vec<Value>,
}

impl Message {
    fn add(&mut self, item: &Item<'_>, head: &ChatReplyHead) {
        match &*item.kind() {
            "message" => {
                for part in item.content() {
                    if let Some(part) = Item::read(part) {
                        self.add_part(&part);
                    }
                }
            }
            "reasoning" => {
                let texts = item
                    .thoughts()
                    .into_iter()
                    .filter_map(|part| raw::filled_text(Item::read(part)?.text));
                self.reasoning.extend(texts.map(|text| text.into_owned()));
            }
            "function_call" => self.add_call(item, head, false),
            "custom_tool_call" => self.add_call(item, head, true),
            "image_generation_call" => {
                if let Some(base64) = raw::filled_text(item.result) {
                    self.images.push(image_value(&base64, item.output_format));
                }
            }
            _ => {}
        }
    }

    fn add_part(&mut self, part: &Item<'_>) {
        match &*part.kind() {
            "output_text" => {
                self.text
                    .push_str(&raw::text(part.text).unwrap_or_default());
                self.annotations
                    .extend(part.annotations().into_iter().filter_map(chat_annotation));
                let logprobs = elements(part.logprobs).into_iter();
                self.logprobs
                    .extend(logprobs.filter_map(|entry| serde_json::from_str(entry.get()).ok())); // it is JSON
            }
            "refusal" => self
                .refusal
                .push_str(&raw::text(part.refusal).unwrap_or_default()),
            _ => {}
        }
    }

    fn add_call(&mut self, item: &Item<'_>, head: &ChatReplyHead, is_custom: bool) {
        let id = item.any_call_id().map_or_else(
            || format!("call_{}", self.calls.len()),
            |id| id.into_owned(),
        );
        let wire_name = raw::text(item.name).unwrap_or_default();
        let name = head.names.client(&wire_name);
        let text = raw::text(item.arguments.or(item.input)).unwrap_or_default();
        self.calls.push(if is_custom && head.names.is_custom(name) {
            json!({"id": id, "type": "custom", "custom": {"name": name, "input": text}})
        } else {
            // Nothing is not JSON, and clients parse it.
            let arguments = if text.is_empty() && !is_custom { "{}" } else { &*text };
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
        });
    }

    /// Ends the text at the first stop sequence. Returns whether there was one.
    fn stop_at(&mut self, stops: &[String]) -> bool {
        match StopCutter::new(stops).map(|mut cutter| cutter.push(&self.text)) {
            Some(Passed::Cut(text)) => {
                self.text = text;
                self.forget_cut_logprobs();
                true
            }
            Some(Passed::On(_)) | None => false,
        }
    }

    /// The tokens that begin behind the end of the text are not of this answer.
    fn forget_cut_logprobs(&mut self) {
        let mut begin = 0;
        self.logprobs.retain(|entry| {
            let token = entry.get("token").and_then(Value::as_str);
            let is_inside = begin < self.text.len();
            begin += token.map_or(0, str::len);
            is_inside
        });
    }

    fn into_value(mut self, form: CallForm) -> Value {
        let has_other = !self.calls.is_empty() || !self.refusal.is_empty();
        let content = if self.text.is_empty() && has_other {
            Value::Null
        } else {
            Value::String(self.text)
        };
        let refusal = if self.refusal.is_empty() {
            Value::Null
        } else {
            Value::String(self.refusal)
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        message.insert("content".to_owned(), content);
        message.insert("refusal".to_owned(), refusal);
        if !self.reasoning.is_empty() {
            message.insert(
                "reasoning_content".to_owned(),
                Value::String(self.reasoning.join("\n\n")),
            );
        }
        if !self.annotations.is_empty() {
            message.insert("annotations".to_owned(), Value::Array(self.annotations));
        }
        if !self.images.is_empty() {
            message.insert("images".to_owned(), Value::Array(self.images));
        }
        match form {
            CallForm::None => {}
            CallForm::Tools => {
                message.insert("tool_calls".to_owned(), Value::Array(self.calls));
            }
            CallForm::LegacyFunction => {
                let call = self
                    .calls
                    .first_mut()
                    .and_then(|call| call.get_mut("function"));
                message.insert(
                    "function_call".to_owned(),
                    call.map(Value::take).unwrap_or_default(),
                );
            }
        }
        Value::Object(message)
    }
}

#[cfg(test)]
mod tests;
