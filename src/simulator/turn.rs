//! Tells an answer as the events of a Responses stream, in the order and detail of the real ones.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{
    account::Account,
    checks::seal,
    door::Side,
    events::{
        self, Event, ev_arguments_delta, ev_arguments_done, ev_completed, ev_created, ev_error,
        ev_failed, ev_in_progress, ev_incomplete, ev_item_added, ev_item_done, ev_part_added,
        ev_part_done, ev_rate_limits, ev_reasoning_delta, ev_reasoning_done,
        ev_reasoning_part_added, ev_reasoning_part_done, ev_refusal_delta, ev_refusal_done,
        ev_text_delta, ev_text_done, function_call_item, message_item, refusal_part, text_part,
    },
    http_reply::HttpReply,
    tokens::{nonce, unix_secs},
    usage,
};

/// Tool arguments come in pieces of so many characters.
const ARGUMENT_CHARS: usize = 8;

/// About so many characters make a token; nobody bills by it.
const CHARS_PER_TOKEN: usize = 4;

/// What a prompt and a picture take of the image model; nobody bills by it.
const PROMPT_TOKENS: u64 = 9;
const PICTURE_TOKENS: u64 = 272;

/// A PNG file of one pixel, whatever size was asked for.
pub(super) const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// One request that is being answered.
pub(super) struct Asking<'a> {
    pub(super) side: Side,
    pub(super) account: &'a Account,
    pub(super) request: &'a Value,
    pub(super) model: &'a str,
    pub(super) input_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) now: SystemTime,
}

/// A stream in the making.
pub(super) struct Turn<'a> {
    asking: &'a Asking<'a>,
    response: Value,
    events: Vec<Event>,
    output: Vec<Value>,
    said_chars: usize,
    thought_chars: usize,
    pictures: u64,
}

impl<'a> Turn<'a> {
    /// With the handshake events.
    pub(super) fn begin(asking: &'a Asking<'a>) -> Self {
        let response = response(asking);
        let mut events = Vec::new();
        if asking.account.sends_limit_event {
            let windows = usage::limit_event_windows(asking.account, asking.now);
            events.push(ev_rate_limits(&asking.account.plan, windows));
        }
        events.push(ev_created().with("response", response.clone()));
        events.push(ev_in_progress().with("response", response.clone()));
        Self {
            asking,
            response,
            events,
            output: Vec::new(),
            said_chars: 0,
            thought_chars: 0,
            pictures: 0,
        }
    }

    pub(super) fn reason(&mut self, summary: &str) {
        let (index, id) = self.next_item("rs");
        let item = |parts: Value| json!({ "id": id, "type": "reasoning", "summary": parts });
        self.events
            .push(ev_item_added(item(json!([]))).with("output_index", index.into()));
        self.push(index, &id, ev_reasoning_part_added());
        for piece in words(summary) {
            self.push(index, &id, ev_reasoning_delta(piece));
        }
        self.push(index, &id, ev_reasoning_done(summary));
        self.push(index, &id, ev_reasoning_part_done(summary));
        let mut done = item(json!([{ "type": "summary_text", "text": summary }]));
        if wants_encrypted(self.asking.request) {
            done["encrypted_content"] = seal(self.asking.account).into();
        }
        self.finish_item(index, done);
        self.thought_chars += summary.len();
    }

    pub(super) fn say(&mut self, text: &str) {
        self.message(text, text_part, ev_text_delta, ev_text_done);
    }

    pub(super) fn refuse(&mut self, refusal: &str) {
        self.message(refusal, refusal_part, ev_refusal_delta, ev_refusal_done);
    }

    /// All calls begin, then their arguments come in turns, then all end.
    pub(super) fn call_tools(&mut self, calls: &[(String, String)]) {
        let first = self.output.len();
        let open: Vec<(usize, String, String)> = calls
            .iter()
            .enumerate()
            .map(|(offset, _)| {
                let id = format!("fc_{}", nonce());
                (first + offset, id, format!("call_{}", nonce()))
            })
            .collect();
        for ((index, id, call_id), (name, _)) in open.iter().zip(calls) {
            let item = function_call_item(id, "in_progress", call_id, name, "");
            self.events
                .push(ev_item_added(item).with("output_index", (*index).into()));
        }
        let mut rest: Vec<_> = calls
            .iter()
            .map(|(_, arguments)| pieces(arguments).into_iter())
            .collect();
        loop {
            let mut is_done = true;
            for ((index, id, _), rest) in open.iter().zip(&mut rest) {
                if let Some(piece) = rest.next() {
                    is_done = false;
                    self.push(*index, id, ev_arguments_delta(&piece));
                }
            }
            if is_done {
                break;
            }
        }
        for ((index, id, call_id), (name, arguments)) in open.iter().zip(calls) {
            self.push(*index, id, ev_arguments_done(name, arguments));
            let item = function_call_item(id, "completed", call_id, name, arguments);
            self.finish_item(*index, item);
            self.said_chars += arguments.len();
        }
    }

    /// A picture by the hosted tool (openai-python types/responses/response_output_item.py).
    pub(super) fn draw(&mut self, looks: u64) {
        let (index, id) = self.next_item("ig");
        let item = json!({ "id": id, "type": "image_generation_call", "status": "in_progress", "result": null });
        self.events
            .push(ev_item_added(item).with("output_index", index.into()));
        let step = |name: &str| Event::new(format!("response.image_generation_call.{name}"), []);
        self.push(index, &id, step("in_progress"));
        self.push(index, &id, step("generating"));
        for look in 0..looks {
            let event = step("partial_image")
                .with("partial_image_index", look.into())
                .with("partial_image_b64", PICTURE.into());
            self.push(index, &id, event);
        }
        self.push(index, &id, step("completed"));
        let done = json!({
            "id": id,
            "type": "image_generation_call",
            "status": "completed",
            "background": "opaque",
            "output_format": "png",
            "quality": "low",
            "size": "1024x1024",
            "revised_prompt": self.drawn(),
            "result": PICTURE,
        });
        self.finish_item(index, done);
        self.pictures += 1;
    }

    /// What the picture shows; of an edit also how many pictures it was made of.
    fn drawn(&self) -> String {
        match images_in(self.asking.request) {
            0 => "A single pixel.".to_owned(),
            1 => "A single pixel, made of 1 picture.".to_owned(),
            count => format!("A single pixel, made of {count} pictures."),
        }
    }

    /// One item that stands for the conversation; only this account's workspace can read it.
    pub(super) fn compact(&mut self) {
        let (index, _) = self.next_item("cmp");
        self.finish_item(index, compaction_item(self.asking.account));
    }

    pub(super) fn complete(mut self) -> Vec<Event> {
        let response = self.ended("completed");
        self.events.push(ev_completed().with("response", response));
        self.events
    }

    pub(super) fn stop_early(mut self, reason: &str) -> Vec<Event> {
        let mut response = self.ended("incomplete");
        response["incomplete_details"] = json!({ "reason": reason });
        self.events
            .push(ev_incomplete(reason).with("response", response));
        self.events
    }

    /// `error` is what stands in `response.error`.
    pub(super) fn fail(mut self, error: Value) -> Vec<Event> {
        let mut response = self.response.clone();
        response["status"] = "failed".into();
        response["error"] = error;
        self.events
            .push(ev_failed("", "").with("response", response));
        self.events
    }

    pub(super) fn break_off(mut self, code: &str, message: &str) -> Vec<Event> {
        self.events.push(ev_error(code, message));
        self.events
    }

    fn message(
        &mut self,
        text: &str,
        part: fn(&str) -> Value,
        delta: fn(&str) -> Event,
        done: fn(&str) -> Event,
    ) {
        let (index, id) = self.next_item("msg");
        let item = message_item(&id, "in_progress", Vec::new());
        self.events
            .push(ev_item_added(item).with("output_index", index.into()));
        self.push(index, &id, ev_part_added(part("")));
        for piece in words(text) {
            self.push(index, &id, delta(piece));
        }
        self.push(index, &id, done(text));
        self.push(index, &id, ev_part_done(part(text)));
        self.finish_item(index, message_item(&id, "completed", vec![part(text)]));
        self.said_chars += text.len();
    }

    fn next_item(&self, prefix: &str) -> (usize, String) {
        (self.output.len(), format!("{prefix}_{}", nonce()))
    }

    fn push(&mut self, index: usize, id: &str, event: Event) {
        self.events.push(event.at(index, id));
    }

    fn finish_item(&mut self, index: usize, item: Value) {
        self.events
            .push(ev_item_done(item.clone()).with("output_index", index.into()));
        self.output.push(item);
    }

    /// The last form of the response. ChatGPT leaves `output` empty there (CLIProxyAPI, codex_executor_terminal.go), the platform fills it.
    fn ended(&self, status: &str) -> Value {
        let reasoning = (self.thought_chars / CHARS_PER_TOKEN) as u64;
        let output = (self.said_chars / CHARS_PER_TOKEN + 1) as u64 + reasoning;
        let mut response = self.response.clone();
        response["status"] = status.into();
        response["usage"] = events::usage_object(
            self.asking.input_tokens,
            self.asking.cached_tokens,
            output,
            reasoning,
        );
        if self.pictures > 0 {
            let count = images_in(self.asking.request);
            response["tool_usage"] = json!({ "image_gen": image_usage(self.pictures, count) });
        }
        if self.asking.side != Side::ChatGpt {
            response["output"] = self.output.clone().into();
        }
        response
    }
}

pub(super) fn compaction_item(account: &Account) -> Value {
    json!({
        "id": format!("cmp_{}", nonce()),
        "type": "compaction",
        "encrypted_content": seal(account),
    })
}

/// The answer to `stream: false`: the response of the last event, with its output.
pub(super) fn whole_response(events: &[Event]) -> HttpReply {
    let server_error =
        |message: &str| HttpReply::error(500, "server_error", "server_error", message);
    let Some(last) = events.last() else {
        return server_error("the script has no events");
    };
    let Some(response) = last.field("response") else {
        let message = last.field("message").and_then(Value::as_str);
        return server_error(message.unwrap_or("the script has no terminal event"));
    };
    let output: Vec<Value> = events
        .iter()
        .filter(|event| event.kind() == "response.output_item.done")
        .filter_map(|event| event.field("item").cloned())
        .collect();
    let mut response = response.clone();
    if let Some(response) = response.as_object_mut() {
        response.insert("output".to_owned(), output.into());
    }
    HttpReply::json(200, &response)
}

/// What every event about the response repeats: its own facts, and the request's wishes.
fn response(asking: &Asking<'_>) -> Value {
    let wish = |key: &str, otherwise: Value| -> Value {
        match asking.request.get(key) {
            None | Some(Value::Null) => otherwise,
            Some(value) => value.clone(),
        }
    };
    json!({
        "id": format!("resp_{}", nonce()),
        "object": "response",
        "created_at": unix_secs(asking.now),
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": wish("instructions", Value::Null),
        "max_output_tokens": wish("max_output_tokens", Value::Null),
        "model": asking.model,
        "output": [],
        "parallel_tool_calls": wish("parallel_tool_calls", json!(true)),
        "previous_response_id": wish("previous_response_id", Value::Null),
        "prompt_cache_key": wish("prompt_cache_key", Value::Null),
        "reasoning": wish("reasoning", json!({ "effort": null, "summary": null })),
        "service_tier": wish("service_tier", json!("default")),
        "store": wish("store", json!(true)),
        "temperature": wish("temperature", json!(1.0)),
        "text": wish("text", json!({ "format": { "type": "text" } })),
        "tool_choice": wish("tool_choice", json!("auto")),
        "tools": wish("tools", json!([])),
        "top_p": wish("top_p", json!(1.0)),
        "truncation": wish("truncation", json!("disabled")),
        "usage": null,
        "metadata": wish("metadata", json!({})),
    })
}

/// The image model's own tokens, counted apart from those of the model that called it (CLIProxyAPI,
/// openai_images_handlers.go).
pub(super) fn image_usage(drawn: u64, seen: u64) -> Value {
    let (text, image) = (PROMPT_TOKENS, PICTURE_TOKENS * seen);
    let output = PICTURE_TOKENS * drawn;
    json!({
        "input_tokens": text + image,
        "input_tokens_details": { "text_tokens": text, "image_tokens": image },
        "output_tokens": output,
        "total_tokens": text + image + output,
    })
}

/// The pictures that the user's messages bring.
fn images_in(request: &Value) -> u64 {
    let items = request.get("input").and_then(Value::as_array);
    let parts = items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("content")?.as_array())
        .flatten();
    let is_image = |part: &&Value| part.get("type").is_some_and(|kind| kind == "input_image");
    parts.filter(is_image).count() as u64
}

fn wants_encrypted(request: &Value) -> bool {
    request
        .get("include")
        .and_then(Value::as_array)
        .is_some_and(|wishes| {
            wishes
                .iter()
                .any(|wish| wish == "reasoning.encrypted_content")
        })
}

/// Word by word, each with the space that follows it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

pub(super) fn pieces(arguments: &str) -> Vec<String> {
    let chars: Vec<char> = arguments.chars().collect();
    chars
        .chunks(ARGUMENT_CHARS)
        .map(|piece| piece.iter().collect())
        .collect()
}
