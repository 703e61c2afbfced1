//! Writes the frames of a chat stream: what stands around every delta, and the few shapes that a delta has.

use serde_json::Value;

use super::reply::{ChatReplyHead, ReplyForm, usage_value};
use crate::translate::ErrorBody;
use crate::translate::raw::{JsonOut, push_string};
use crate::translate::responses::{Failure, TokenUsage};

/// What a model thought has no name in the official dialect; this one is what clients look for.
pub(super) const REASONING: &str = "reasoning_content";

/// The envelope of one answer, written once and copied into every chunk.
#[derive(Debug)]
pub(super) struct ChunkFrames {
    /// `{"id":…,"model":…`
    envelope: Vec<u8>,
    /// `data: {…"delta":`
    before_delta: Vec<u8>,
    /// From behind the delta to the blank line, for a chunk that is not the last.
    after_delta: Vec<u8>,
    /// A client that asked for the tokens sees the key in every chunk, any other in none.
    end: &'static str,
    /// Whether the chunk before the first piece is written.
    has_begun: bool,
    is_legacy: bool,
    /// The prompt to repeat, for a client that reads text and no messages.
    completion: Option<String>,
}

impl ChunkFrames {
    pub fn new(head: &ChatReplyHead) -> Self {
        let mut envelope = Vec::with_capacity(96 + head.id.len() + head.model.len());
        envelope.put("{\"id\":");
        push_string(&mut envelope, &head.id);
        let completion = match &head.form {
            ReplyForm::Chat => None,
            ReplyForm::Completion { echo } => Some(echo.clone()),
        };
        envelope.put(if completion.is_some() {
            ",\"object\":\"text_completion\",\"created\":"
        } else {
            ",\"object\":\"chat.completion.chunk\",\"created\":"
        });
        envelope.put(itoa::Buffer::new().format(head.created));
        envelope.put(",\"model\":");
        push_string(&mut envelope, &head.model);
        let mut before_delta = b"data: ".to_vec();
        before_delta.extend_from_slice(&envelope);
        before_delta.put(if completion.is_some() {
            ",\"choices\":[{\"index\":0,\"text\":"
        } else {
            ",\"choices\":[{\"index\":0,\"delta\":"
        });
        let end = if head.include_usage {
            ",\"usage\":null}\n\n"
        } else {
            "}\n\n"
        };
        let mut after_delta = b",\"logprobs\":null,\"finish_reason\":null}]".to_vec();
        after_delta.put(end);
        Self {
            envelope,
            before_delta,
            after_delta,
            end,
            has_begun: false,
            is_legacy: head.legacy_functions,
            completion,
        }
    }

    /// A piece of text that is still escaped, under the name of its field.
    pub fn text(&mut self, field: &str, escaped: &str, logprobs: Option<&str>, out: &mut Vec<u8>) {
        if self.completion.is_some() {
            if field != REASONING {
                self.open(out);
                out.put("\"");
                out.put(escaped);
                out.put("\"");
                self.close(out);
            }
            return;
        }
        self.open(out);
        out.put("{\"");
        out.put(field);
        out.put("\":\"");
        out.put(escaped);
        out.put("\"}");
        match logprobs {
            None => self.close(out),
            Some(logprobs) => {
                out.put(",\"logprobs\":{\"content\":");
                put_one_line(out, logprobs);
                out.put(",\"refusal\":null},\"finish_reason\":null}]");
                out.put(self.end);
            }
        }
    }

    /// Tells of a call: id, name, and the arguments so far, still escaped.
    pub fn call(&mut self, index: usize, id: &str, name: &str, arguments: &str, out: &mut Vec<u8>) {
        if self.completion.is_some() || (self.is_legacy && index > 0) {
            return; // no room for a call, or for one alone
        }
        self.open(out);
        if self.is_legacy {
            out.put("{\"function_call\":{\"name\":");
        } else {
            out.put("{\"tool_calls\":[{\"index\":");
            out.put(itoa::Buffer::new().format(index));
            out.put(",\"id\":");
            push_string(out, id);
            out.put(",\"type\":\"function\",\"function\":{\"name\":");
        }
        push_string(out, name);
        out.put(",\"arguments\":\"");
        out.put(arguments);
        out.put(if self.is_legacy { "\"}}" } else { "\"}}]}" });
        self.close(out);
    }

    /// More arguments, still escaped. No id, name or type again: clients would append them.
    pub fn call_arguments(&mut self, index: usize, escaped: &str, out: &mut Vec<u8>) {
        if self.completion.is_some() || (self.is_legacy && index > 0) {
            return;
        }
        self.open(out);
        if self.is_legacy {
            out.put("{\"function_call\":{\"arguments\":\"");
            out.put(escaped);
            out.put("\"}}");
        } else {
            out.put("{\"tool_calls\":[{\"index\":");
            out.put(itoa::Buffer::new().format(index));
            out.put(",\"function\":{\"arguments\":\"");
            out.put(escaped);
            out.put("\"}}]}");
        }
        self.close(out);
    }

    /// A delta of a rare kind.
    pub fn delta(&mut self, delta: &Value, out: &mut Vec<u8>) {
        if self.completion.is_some() {
            return;
        }
        self.open(out);
        out.put(&delta.to_string());
        self.close(out);
    }

    pub fn finish(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.open(out);
        let nothing = if self.completion.is_some() {
            "\"\""
        } else {
            "{}"
        };
        out.put(nothing);
        out.put(",\"logprobs\":null,\"finish_reason\":\"");
        out.put(reason);
        out.put("\"}]");
        out.put(self.end);
    }

    /// The chunk without choices that tells the tokens.
    pub fn usage(&self, usage: TokenUsage, out: &mut Vec<u8>) {
        out.put("data: ");
        out.extend_from_slice(&self.envelope);
        out.put(",\"choices\":[],\"usage\":");
        out.put(&usage_value(usage).to_string());
        out.put("}\n\n");
    }

    pub fn error(&self, failure: &Failure, out: &mut Vec<u8>) {
        out.put("data: ");
        out.extend_from_slice(&ErrorBody::from(failure).to_bytes());
        out.put("\n\n");
    }

    pub fn done(&self, out: &mut Vec<u8>) {
        out.put("data: [DONE]\n\n");
    }

    /// Begins a chunk, and before the first one says whose turn it is, or repeats the prompt. Not earlier: until something of the answer is
    /// there, a failure can still become an HTTP status.
    fn open(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            match &self.completion {
                None => {
                    out.extend_from_slice(&self.before_delta);
                    out.put("{\"role\":\"assistant\",\"content\":\"\"}");
                    out.extend_from_slice(&self.after_delta);
                }
                Some(echo) if echo.is_empty() => {}
                Some(echo) => {
                    out.extend_from_slice(&self.before_delta);
                    push_string(out, echo);
                    out.extend_from_slice(&self.after_delta);
                }
            }
        }
        out.extend_from_slice(&self.before_delta);
    }

    fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.after_delta);
    }
}

/// JSON of the upstream inside a frame: line ends between its tokens would end the frame.
fn put_one_line(out: &mut Vec<u8>, json: &str) {
    for line in json.split(['\n', '\r']) {
        out.put(line);
    }
}
