//! One `message` out of a stream, for a client that did not ask for a stream.

use serde_json::{Value, json};

use super::ids::{client_call_id, signature_of};
use super::reply::{Made, MessageHead, Thoughts, stop_reason, usage_value};
use crate::translate::pieces::stop::{Passed, StopCutter};
use crate::translate::raw;
use crate::translate::responses::{
    EventKind, Failure, Item, ResponsesAnswer, Terminal, TokenUsage, output_items,
};
use crate::translate::{AnswerCollector, Progress};

/// Collects events until the answer is complete.
#[derive(Debug)]
pub struct MessageAnswer {
    head: MessageHead,
    answer: ResponsesAnswer,
}

impl MessageAnswer {
    pub fn new(head: MessageHead) -> Self {
        // Neither of the two stands in a message.
        let answer = ResponsesAnswer::new(head.model.as_str(), 0);
        Self { head, answer }
    }

    /// The `message` object.
    ///
    /// # Errors
    /// When the stream ended before the answer was complete, or a call's arguments are no JSON object: a tool must not run
    /// on something that the model never said.
    pub fn finish(self) -> Result<Vec<u8>, Box<Failure>> {
        let usage = self.answer.usage();
        let (terminal, response) = self.answer.complete()?;
        let mut message = Message {
            head: &self.head,
            is_cut: matches!(terminal, Terminal::Incomplete(_)),
            content: Vec::new(),
            made: Made::default(),
            stop: StopCutter::new(&self.head.stop),
            is_stopped: false,
        };
        for item in output_items(&response)? {
            if message.is_stopped {
                break;
            }
            message.add(&item)?;
        }
        let (reason, sequence) = if message.is_stopped {
            let found = message.stop.as_ref().and_then(StopCutter::found);
            ("stop_sequence", found)
        } else {
            (stop_reason(&terminal, message.made), None)
        };
        let answer = json!({
            "id": self.head.id,
            "type": "message",
            "role": "assistant",
            "model": self.head.model,
            "content": message.content,
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": usage_value(usage.unwrap_or_default()),
        });
        Ok(answer.to_string().into_bytes())
    }
}

impl AnswerCollector for MessageAnswer {
    fn push_kind(&mut self, kind: EventKind, data: &[u8]) -> Result<Progress, Box<Failure>> {
        self.answer.push_kind(kind, data)
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.answer.usage()
    }
}

struct Message<'h> {
    head: &'h MessageHead,
    /// Whether the answer was cut short, so that its last call may be half a call.
    is_cut: bool,
    content: Vec<Value>,
    made: Made,
    stop: Option<StopCutter>,
    is_stopped: bool,
}

impl Message<'_> {
    fn add(&mut self, item: &Item<'_>) -> Result<(), Box<Failure>> {
        match &*item.kind() {
            "message" => self.add_text(item),
            "reasoning" => self.add_thinking(item),
            "function_call" => self.add_call(item)?,
            _ => {}
        }
        Ok(())
    }

    fn add_text(&mut self, item: &Item<'_>) {
        let mut all = String::new();
        for part in item.content() {
            let Some(part) = Item::read(part) else {
                continue;
            };
            let (text, is_refusal) = match &*part.kind() {
                "output_text" => (part.text, false),
                "refusal" => (part.refusal, true),
                _ => continue,
            };
            let text = raw::text(text).unwrap_or_default();
            self.made.has_refusal |= is_refusal && !text.is_empty();
            let cutter = self
                .stop
                .as_mut()
                .filter(|_| !is_refusal && !self.made.has_calls);
            match cutter.map(|cutter| cutter.push(&text)) {
                None => all.push_str(&text),
                Some(Passed::On(text)) => all.push_str(&text),
                Some(Passed::Cut(text)) => {
                    all.push_str(&text);
                    self.is_stopped = true;
                    break;
                }
            }
        }
        if let Some(cutter) = self.stop.as_mut().filter(|_| !self.is_stopped) {
            all.push_str(&cutter.take_held());
        }
        if !all.is_empty() {
            self.content.push(json!({"type": "text", "text": all}));
        }
    }

    fn add_thinking(&mut self, item: &Item<'_>) {
        if self.head.thoughts == Thoughts::Hidden {
            return;
        }
        let texts: Vec<String> = item
            .thoughts()
            .into_iter()
            .filter(|_| self.head.thoughts == Thoughts::Shown)
            .filter_map(|part| Some(raw::filled_text(Item::read(part)?.text)?.into_owned()))
            .collect();
        let seal = raw::filled_text(item.encrypted_content);
        if texts.is_empty() && seal.is_none() {
            return;
        }
        let signature = seal.map(|seal| signature_of(&seal)).unwrap_or_default();
        self.content.push(json!({
            "type": "thinking",
            "thinking": texts.join("\n\n"),
            "signature": signature,
        }));
    }

    fn add_call(&mut self, item: &Item<'_>) -> Result<(), Box<Failure>> {
        let arguments = raw::text(item.arguments).unwrap_or_default();
        let input = match arguments.trim() {
            "" => json!({}),
            text => match serde_json::from_str::<Value>(text) {
                Ok(input @ Value::Object(_)) => input,
                // The reason for the end says that it was cut; half a call is of no use to anybody.
                _ if self.is_cut => return Ok(()),
                _ => return Err(Box::new(unreadable_arguments())),
            },
        };
        let id = match &item.any_call_id() {
            Some(id) => client_call_id(id).into_owned(),
            None => format!("{}_{}", self.head.id, self.content.len()),
        };
        let wire_name = raw::text(item.name).unwrap_or_default();
        let name = self.head.names.client(&wire_name);
        self.made.has_calls = true;
        self.content
            .push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        Ok(())
    }
}

fn unreadable_arguments() -> Failure {
    Failure {
        code: Some("upstream_arguments_unreadable".to_owned()),
        kind: Some("upstream_error".to_owned()),
        message: "the model called a tool with arguments that are not a JSON object".to_owned(),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests;
