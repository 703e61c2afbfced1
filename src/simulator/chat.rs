//! `POST …/chat/completions` of endpoints: checked, then told in chunks.
//!
//! Shapes: openai-python `types/chat/chat_completion_chunk.py`. What is said is made by the same assistant and the same scripts
//! as a response.

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::{Map, Value, json};

use super::{
    account::Account,
    assistant,
    body::Body,
    door::{Side, authorise},
    endpoint::{self, Place, STREAM_OPTIONS_SINCE, azure_error},
    http_reply::{self, HttpReply},
    models,
    reply::{Answer, Reply},
    responses::{self, message_for},
    server::{HungUp, Shared},
    tokens::nonce,
    turn::{pieces, words},
};

/// What a strict server knows.
const KNOWN: [&str; 20] = [
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "messages",
    "model",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
];
/// What Azure knows besides.
const KNOWN_TO_AZURE: [&str; 9] = [
    "max_completion_tokens",
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
];

enum Told {
    Http(HttpReply),
    Chunks(Vec<Value>),
}

pub(super) async fn answer(
    shared: &Shared,
    place: &Place<'_>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, HungUp> {
    let account = match authorise(shared, place.side, headers) {
        Ok(account) => account,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let request = match check(place, &account, body) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let (reply, mut presence) = shared.accounts().with(&account.name, |entry| {
        (entry.replies.take(), entry.tally.presence())
    });
    let Reply {
        answer,
        ending,
        held,
    } = reply.unwrap_or_else(Reply::canned);
    if let Some(gate) = held {
        gate.pass().await;
    }
    let named = request.get("model").and_then(Value::as_str);
    let model = place.deployment.as_deref().or(named).unwrap_or_default();
    match tell(place.side, &account, model, &request, answer) {
        Told::Http(reply) => {
            presence.finish();
            Ok(reply.into_response())
        }
        Told::Chunks(chunks) => {
            let frames = chunks
                .iter()
                .map(|chunk| Bytes::from(format!("data: {chunk}\n\n")))
                .chain([Bytes::from_static(b"data: [DONE]\n\n")]);
            let steps = responses::steps(frames, ending, shared.pause());
            Ok(http_reply::event_stream(
                Vec::new(),
                Body::stream(steps, presence),
            ))
        }
    }
}

/// The request, or the refusal of a strict server.
fn check(place: &Place<'_>, account: &Account, body: &Bytes) -> Result<Value, HttpReply> {
    let refuse = |message: &str| Err(bad_request(place.side, message));
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return refuse("the body is not JSON");
    };
    let Some(fields) = request.as_object() else {
        return refuse("the body is not a JSON object");
    };
    let is_azure = place.side == Side::Azure;
    let is_known = |name: &str| {
        KNOWN.contains(&name)
            || (is_azure && KNOWN_TO_AZURE.contains(&name))
            || (!is_azure && name == "top_k")
    };
    if let Some(name) = fields.keys().find(|name| !is_known(name)) {
        return refuse(&format!("Unrecognized request argument supplied: {name}"));
    }
    let is_old = place
        .api_version
        .as_deref()
        .is_some_and(|version| version < STREAM_OPTIONS_SINCE);
    for name in ["stream_options", "max_completion_tokens"] {
        if is_old && fields.contains_key(name) {
            return refuse(&format!("Unrecognized request argument supplied: {name}"));
        }
    }
    if fields.get("stream") != Some(&Value::Bool(true)) {
        return refuse("the chats of the simulator only stream");
    }
    let named = fields.get("model").and_then(Value::as_str);
    let Some(model) = place.deployment.as_deref().or(named) else {
        return refuse("Missing required parameter: 'model'.");
    };
    if !models::serves(place.side, account, model) {
        return Err(endpoint::no_such_model(place.side, model));
    }
    match fields.get("messages").and_then(Value::as_array) {
        Some(messages) if !messages.is_empty() => match broken(messages) {
            Some(problem) => refuse(&problem),
            None => Ok(request),
        },
        _ => refuse("Missing required parameter: 'messages'."),
    }
}

/// What is wrong with the order of messages: every call must be answered right behind it.
fn broken(messages: &[Value]) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for (nth, message) in messages.iter().enumerate() {
        let role = message
            .get("role")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if role == "tool" {
            let id = message.get("tool_call_id").and_then(Value::as_str);
            let place = open.iter().position(|open| Some(*open) == id);
            let Some(place) = place else {
                return Some(format!("messages[{nth}] answers no call"));
            };
            open.remove(place);
            continue;
        }
        if !open.is_empty() {
            return Some(format!(
                "messages[{nth}] comes before the answers of all calls"
            ));
        }
        match role {
            "system" | "user" => {}
            "assistant" => {
                let calls = message.get("tool_calls").and_then(Value::as_array);
                let ids = calls.into_iter().flatten();
                open.extend(ids.filter_map(|call| call.get("id")?.as_str()));
            }
            _ => return Some(format!("messages[{nth}].role is unknown: {role:?}")),
        }
    }
    (!open.is_empty()).then(|| "the last calls are not answered".to_owned())
}

fn tell(side: Side, account: &Account, model: &str, request: &Value, answer: Answer) -> Told {
    let mut chunks = Chunks::new(model, request);
    match answer {
        Answer::Canned => {
            let own = assistant::answer(&account.name, model, &as_response_request(request));
            return tell(side, account, model, request, own);
        }
        Answer::Text { reasoning, text } => {
            for piece in words(reasoning.as_deref().unwrap_or_default()) {
                chunks.delta(json!({ "reasoning_content": piece }));
            }
            chunks.say("content", &text);
            chunks.finish("stop");
        }
        Answer::Refusal(text) => {
            chunks.say("refusal", &text);
            chunks.finish("stop");
        }
        // A chat has no item for it.
        Answer::Compaction => chunks.finish("stop"),
        Answer::ToolCalls(calls) => {
            chunks.call(&calls);
            chunks.finish("tool_calls");
        }
        Answer::Incomplete(reason) => {
            chunks.say("content", "This is only the beginning of");
            let is_filter = reason == "content_filter";
            chunks.finish(if is_filter {
                "content_filter"
            } else {
                "length"
            });
        }
        Answer::Failed(code) | Answer::ErrorEvent(code) => {
            let error =
                json!({ "message": message_for(&code), "type": "server_error", "code": code });
            chunks.all.push(json!({ "error": error }));
        }
        Answer::UsageLimit(_) => {
            let message = "You exceeded your current quota.";
            return Told::Http(HttpReply::error(
                429,
                "insufficient_quota",
                "insufficient_quota",
                message,
            ));
        }
        Answer::Throttled(after) => {
            let message =
                "Requests have exceeded the call rate limit of your current pricing tier.";
            return Told::Http(
                azure_error(429, "429", message)
                    .header("retry-after-ms", after.as_millis().to_string())
                    .header("retry-after", after.as_secs().to_string()),
            );
        }
        Answer::Unauthorized => return Told::Http(endpoint::bad_key(side)),
        Answer::Http(reply) => return Told::Http(reply),
        Answer::Image(_) | Answer::Events(_) => {
            return Told::Http(bad_request(side, "a chat cannot tell this script"));
        }
    }
    Told::Chunks(chunks.all)
}

/// As much of the request as the assistant looks at, in the dialect that it reads.
fn as_response_request(request: &Value) -> Value {
    let messages = request.get("messages").and_then(Value::as_array);
    let input: Vec<Value> = messages
        .into_iter()
        .flatten()
        .map(
            |message| match message.get("role").and_then(Value::as_str) {
                Some("tool") => {
                    json!({ "type": "function_call_output", "output": message.get("content") })
                }
                _ => message.clone(),
            },
        )
        .collect();
    let tools = request.get("tools").and_then(Value::as_array);
    let tools: Vec<Value> = tools
        .into_iter()
        .flatten()
        .map(|tool| {
            let mut flat = Map::from_iter([("type".to_owned(), json!("function"))]);
            if let Some(Value::Object(function)) = tool.get("function") {
                flat.extend(function.clone());
            }
            Value::Object(flat)
        })
        .collect();
    let format = request.get("response_format").cloned().unwrap_or_default();
    let mut flat = match format.get("json_schema") {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    flat.insert(
        "type".to_owned(),
        format.get("type").cloned().unwrap_or_default(),
    );
    json!({ "input": input, "tools": tools, "text": { "format": flat } })
}

/// The chunks of one answer.
struct Chunks {
    all: Vec<Value>,
    id: String,
    model: String,
    tells_usage: bool,
}

impl Chunks {
    fn new(model: &str, request: &Value) -> Self {
        let tells_usage = request.pointer("/stream_options/include_usage");
        let mut chunks = Self {
            all: Vec::new(),
            id: format!("chatcmpl-{}", nonce()),
            model: model.to_owned(),
            tells_usage: tells_usage == Some(&Value::Bool(true)),
        };
        chunks.delta(json!({ "role": "assistant", "content": "" }));
        chunks
    }

    fn push(&mut self, choices: Value) {
        self.all.push(json!({
            "id": self.id, "object": "chat.completion.chunk", "created": 1_770_000_000,
            "model": self.model, "choices": choices,
        }));
    }

    fn delta(&mut self, delta: Value) {
        self.push(json!([{ "index": 0, "delta": delta, "finish_reason": null }]));
    }

    fn say(&mut self, field: &str, text: &str) {
        for piece in words(text) {
            self.delta(json!({ field: piece }));
        }
    }

    /// Names and arguments, in turns.
    fn call(&mut self, calls: &[(String, String)]) {
        for (index, (name, _)) in calls.iter().enumerate() {
            let function = json!({ "name": name, "arguments": "" });
            let id = format!("call_{}", nonce());
            let call =
                json!({ "index": index, "id": id, "type": "function", "function": function });
            self.delta(json!({ "tool_calls": [call] }));
        }
        let all: Vec<Vec<String>> = calls
            .iter()
            .map(|(_, arguments)| pieces(arguments))
            .collect();
        let longest = all.iter().map(Vec::len).max().unwrap_or_default();
        for turn in 0..longest {
            for (index, own) in all.iter().enumerate() {
                if let Some(piece) = own.get(turn) {
                    let call = json!({ "index": index, "function": { "arguments": piece } });
                    self.delta(json!({ "tool_calls": [call] }));
                }
            }
        }
    }

    fn finish(&mut self, reason: &str) {
        self.push(json!([{ "index": 0, "delta": {}, "finish_reason": reason }]));
        if self.tells_usage {
            self.push(json!([]));
            let usage = json!({
                "prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13,
                "prompt_tokens_details": { "cached_tokens": 4 },
                "completion_tokens_details": { "reasoning_tokens": 1 },
            });
            if let Some(last) = self.all.last_mut() {
                last["usage"] = usage;
            }
        }
    }
}

fn bad_request(side: Side, message: &str) -> HttpReply {
    if side == Side::Azure {
        return azure_error(400, "BadRequest", message);
    }
    let error =
        json!({ "message": message, "type": "invalid_request_error", "param": null, "code": null });
    HttpReply::json(400, &json!({ "error": error }))
}
