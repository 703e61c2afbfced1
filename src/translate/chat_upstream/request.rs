//! A Responses request to a Chat request.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::history::messages_from;
use super::tools::{Called, WireTools, put_tools, text_at};
use crate::translate::dropped::once_each;
use crate::translate::rules::ChatRules;
use crate::translate::{RequestError, UpstreamKind};

/// A Chat request, and what is needed to read its answer.
#[derive(Debug, Clone)]
pub struct ChatBody {
    pub body: Map<String, Value>,
    /// What the client sent and this upstream will not see.
    pub dropped: Vec<String>,
    pub asked: Arc<ChatAsked>,
}

/// What was asked, as far as the answer repeats it.
#[derive(Debug, Clone, Default)]
pub struct ChatAsked {
    /// As the client named it.
    pub(super) model: String,
    wire: WireTools,
    /// The fields of the request that every `response` object repeats, with a comma in front.
    pub(super) echo: String,
}

impl ChatAsked {
    /// The tool that a call of this function means, if it is not simply the function of this name.
    pub(super) fn called(&self, function: &str) -> Option<&Called> {
        self.wire.called(function)
    }
}

/// What the platform repeats of a request (openai-python `types/responses/response.py`). Instructions are left out: they are
/// long, and nobody reads them there.
const ECHOED: [&str; 11] = [
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
];

/// Makes a chat of a Responses body. `name` is what the upstream calls the model; `chat_only` are fields of a Chat client that
/// Responses has no word for.
///
/// # Errors
/// When it asks for what a chat cannot give: a stored response or prompt, compacted history, a hosted tool that must be called.
pub fn chat_from_responses(
    kind: UpstreamKind,
    name: &str,
    mut body: Map<String, Value>,
    chat_only: &Map<String, Value>,
) -> Result<ChatBody, RequestError> {
    let rules = kind.chat_rules();
    refuse_stored(&body)?;
    let echo = echo_of(&body);
    let Some(Value::String(model)) = body.shift_remove("model") else {
        return Err(RequestError::at("model", "`model` is missing"));
    };
    let mut dropped = Vec::new();
    let mut wire = WireTools::default();
    let mut made = Map::new();
    made.insert("model".to_owned(), json!(name));
    // Before the history: names of declared tools are settled first.
    let mut tools = Map::new();
    put_tools(&mut body, &mut tools, &mut wire, &mut dropped)?;
    let instructions = match body.shift_remove("instructions") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let input = body.shift_remove("input").unwrap_or_default();
    let messages = messages_from(instructions, input, &mut wire, &mut dropped)?;
    made.insert("messages".to_owned(), Value::Array(messages));
    made.extend(tools);
    put_reasoning(&mut body, &mut made, &mut dropped);
    put_text(&mut body, &mut made, rules, &mut dropped);
    put_sampling(&mut body, &mut made, rules, &mut dropped);
    put_stream(&mut body, &mut made, rules, &mut dropped);
    for (field, value) in std::mem::take(&mut body) {
        let says_nothing = value.is_null() || (field == "store" && value == false);
        if says_nothing {
            continue;
        }
        if rules.keeps.contains(&field.as_str()) {
            made.insert(field, value);
        } else {
            dropped.push(field);
        }
    }
    for (field, value) in chat_only {
        let is_known = rules.takes_any_field || CHAT_ONLY.contains(&field.as_str());
        if is_known {
            made.entry(field).or_insert_with(|| value.clone());
        } else {
            dropped.push(field.clone());
        }
    }
    Ok(ChatBody {
        body: made,
        dropped: once_each(dropped),
        asked: Arc::new(ChatAsked { model, wire, echo }),
    })
}

/// What chats know and Responses does not.
const CHAT_ONLY: [&str; 6] = [
    "frequency_penalty",
    "logit_bias",
    "prediction",
    "presence_penalty",
    "seed",
    "stop",
];

/// What another service keeps, and this one could only answer as if it had never been.
fn refuse_stored(body: &Map<String, Value>) -> Result<(), RequestError> {
    let has = |field: &str| body.get(field).is_some_and(|value| !value.is_null());
    if has("previous_response_id") {
        let problem = "`previous_response_id` is not known here: this upstream keeps no responses; send the whole conversation in `input`";
        return Err(RequestError::at("previous_response_id", problem)
            .with_code("previous_response_not_found"));
    }
    for field in ["conversation", "prompt"] {
        if has(field) {
            let problem = format!(
                "`{field}` is kept by the service that made it, and this upstream is another; send its content in `input`"
            );
            return Err(RequestError::at(field, problem).with_code("unsupported_value"));
        }
    }
    Ok(())
}

fn put_reasoning(
    body: &mut Map<String, Value>,
    made: &mut Map<String, Value>,
    dropped: &mut Vec<String>,
) {
    let Some(Value::Object(reasoning)) = body.shift_remove("reasoning") else {
        return;
    };
    for (field, value) in reasoning {
        match field.as_str() {
            _ if value.is_null() => {}
            "effort" => {
                made.insert("reasoning_effort".to_owned(), value);
            }
            _ => dropped.push(format!("reasoning.{field}")),
        }
    }
}

/// The form of the answer, and how wordy it is.
fn put_text(
    body: &mut Map<String, Value>,
    made: &mut Map<String, Value>,
    rules: &ChatRules,
    dropped: &mut Vec<String>,
) {
    let Some(Value::Object(mut text)) = body.shift_remove("text") else {
        return;
    };
    if let Some(format) = text.shift_remove("format") {
        match text_at(&format, "type") {
            "json_object" => {
                made.insert("response_format".to_owned(), json!({"type": "json_object"}));
            }
            "json_schema" => {
                let mut schema = Map::new();
                for field in ["name", "description", "schema", "strict"] {
                    if let Some(value) = format.get(field).filter(|value| !value.is_null()) {
                        schema.insert(field.to_owned(), value.clone());
                    }
                }
                made.insert(
                    "response_format".to_owned(),
                    json!({"type": "json_schema", "json_schema": schema}),
                );
            }
            "text" | "" => {}
            kind => dropped.push(format!("text.format.{kind}")),
        }
    }
    if rules.keeps.contains(&"verbosity")
        && let Some(verbosity) = text.shift_remove("verbosity")
    {
        made.insert("verbosity".to_owned(), verbosity);
    }
    let rest = text.into_iter().filter(|(_, value)| !value.is_null());
    dropped.extend(rest.map(|(field, _)| format!("text.{field}")));
}

fn put_sampling(
    body: &mut Map<String, Value>,
    made: &mut Map<String, Value>,
    rules: &ChatRules,
    dropped: &mut Vec<String>,
) {
    if let Some(limit @ Value::Number(_)) = body.shift_remove("max_output_tokens") {
        made.insert(rules.limit.to_owned(), limit);
    }
    for field in ["temperature", "top_p", "top_logprobs"] {
        if let Some(number @ Value::Number(_)) = body.shift_remove(field) {
            made.insert(field.to_owned(), number);
        }
    }
    if let Some(Value::Array(include)) = body.shift_remove("include") {
        for entry in include {
            match entry.as_str() {
                Some("message.output_text.logprobs") => {
                    made.insert("logprobs".to_owned(), Value::Bool(true));
                }
                Some(entry) => dropped.push(format!("include.{entry}")),
                None => {}
            }
        }
    }
    if made.contains_key("top_logprobs") {
        made.insert("logprobs".to_owned(), Value::Bool(true));
    }
}

/// The answer always comes as a stream, because everything behind us reads events; with its cost at the end.
fn put_stream(
    body: &mut Map<String, Value>,
    made: &mut Map<String, Value>,
    rules: &ChatRules,
    dropped: &mut Vec<String>,
) {
    body.shift_remove("stream");
    // Of its fields a chat knows only the one that is set here.
    if let Some(Value::Object(options)) = body.shift_remove("stream_options")
        && !options.is_empty()
    {
        dropped.push("stream_options".to_owned());
    }
    made.insert("stream".to_owned(), Value::Bool(true));
    if rules.tells_usage_when_asked {
        made.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
}

fn echo_of(body: &Map<String, Value>) -> String {
    let echoed = ECHOED.iter().filter_map(|field| {
        let value = body.get(*field).filter(|value| !value.is_null())?;
        Some(format!(",\"{field}\":{value}"))
    });
    let mut echo: String = echoed.collect();
    // What the SDKs require of every response.
    for (field, default) in [
        ("parallel_tool_calls", "true"),
        ("tool_choice", "\"auto\""),
        ("tools", "[]"),
    ] {
        if body.get(field).is_none_or(Value::is_null) {
            echo.push_str(&format!(",\"{field}\":{default}"));
        }
    }
    echo
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_for(
        kind: UpstreamKind,
        body: Value,
        chat_only: Value,
    ) -> Result<(Value, Vec<String>), RequestError> {
        let (Value::Object(body), Value::Object(chat_only)) = (body, chat_only) else {
            panic!("no objects")
        };
        let chat = chat_from_responses(kind, "wire-name", body, &chat_only)?;
        Ok((Value::Object(chat.body), chat.dropped))
    }

    fn made(kind: UpstreamKind, body: Value) -> (Value, Vec<String>) {
        made_for(kind, body, json!({})).unwrap()
    }

    #[test]
    fn a_request_of_codex_becomes_the_chat_beside_it() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let responses = read(include_str!(
            "../fixtures/chat_upstream/codex_turn.responses.json"
        ));
        let chat = read(include_str!(
            "../fixtures/chat_upstream/codex_turn.chat.json"
        ));
        let (body, dropped) = made(UpstreamKind::Compatible, responses);
        assert_eq!(body, chat);
        assert_eq!(
            dropped,
            [
                "tools.web_search",
                "input[].reasoning",
                "reasoning.summary",
                "text.verbosity",
                "include.reasoning.encrypted_content",
                "prompt_cache_key",
                "client_metadata",
            ]
        );
    }

    #[test]
    fn every_field_that_both_know_goes_by_the_chats_name() {
        let body = json!({
            "model": "m", "input": "hi", "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9,
            "include": ["message.output_text.logprobs"], "top_logprobs": 3, "stream": false, "store": false,
            "reasoning": {"effort": "low"}, "user": "u", "service_tier": "auto",
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        });
        let (azure, dropped) = made(UpstreamKind::Azure, body.clone());
        assert_eq!(
            azure,
            json!({
                "model": "wire-name", "messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "low",
                "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}},
                "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_logprobs": 3, "logprobs": true,
                "stream": true, "stream_options": {"include_usage": true}, "user": "u", "service_tier": "auto", "verbosity": "low",
            })
        );
        assert!(dropped.is_empty(), "{dropped:?}");
        let (compatible, dropped) = made(UpstreamKind::Compatible, body.clone());
        assert_eq!(
            (&compatible["max_tokens"], &compatible["user"]),
            (&json!(9), &json!("u"))
        );
        assert_eq!(dropped, ["text.verbosity", "service_tier"]);
        let (old, _) = made(UpstreamKind::OldAzure, body);
        assert_eq!(old.get("stream_options"), None);
        assert_eq!(old["max_tokens"], 9);
    }

    #[test]
    fn what_only_chats_know_passes_and_the_rest_only_where_anything_does() {
        let body = json!({"model": "m", "input": "hi"});
        let chat_only = json!({"seed": 7, "stop": ["END"], "top_k": 4, "stream": false});
        let (compatible, dropped) =
            made_for(UpstreamKind::Compatible, body.clone(), chat_only.clone()).unwrap();
        assert_eq!(
            (
                &compatible["seed"],
                &compatible["stop"],
                &compatible["top_k"]
            ),
            (&json!(7), &json!(["END"]), &json!(4))
        );
        assert_eq!(compatible["stream"], true, "what is set here wins");
        assert!(dropped.is_empty());
        let (azure, dropped) = made_for(UpstreamKind::Azure, body, chat_only).unwrap();
        assert_eq!((&azure["seed"], azure.get("top_k")), (&json!(7), None));
        assert_eq!(dropped, ["top_k", "stream"]);
    }

    #[test]
    fn what_another_service_keeps_is_refused_by_its_code() {
        for (field, code) in [
            ("previous_response_id", "previous_response_not_found"),
            ("conversation", "unsupported_value"),
            ("prompt", "unsupported_value"),
        ] {
            let mut body = json!({"model": "m", "input": "hi"});
            body[field] = json!("x_1");
            let refused = made_for(UpstreamKind::Compatible, body, json!({})).unwrap_err();
            assert_eq!(
                (refused.param.as_deref(), refused.code.as_deref()),
                (Some(field), Some(code))
            );
        }
        let nothing = json!({"model": "m", "input": "hi", "previous_response_id": null});
        assert!(made(UpstreamKind::Compatible, nothing).1.is_empty());
    }

    #[test]
    fn a_request_without_input_or_model_is_the_clients_fault() {
        for (body, param) in [
            (json!({"model": "m"}), "input"),
            (json!({"input": "hi"}), "model"),
        ] {
            let refused = made_for(UpstreamKind::Compatible, body, json!({})).unwrap_err();
            assert_eq!(refused.param.as_deref(), Some(param));
        }
    }
}
