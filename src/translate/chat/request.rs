//! A chat request to a Responses request.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::fields::{Fields, Place};
use super::messages::items_from_messages;
use super::reply::{ChatReplyHead, ReplyForm};
use super::tools::{tool_choice_from_chat, tools_from_chat, web_search_tool};
use crate::translate::RequestError;
use crate::translate::models::checked_name;
use crate::translate::names::{MAX_NAME_BYTES, ToolNames, is_name_byte};
use crate::translate::responses::not_an_object;

/// A chat request, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// As the client named it; answers repeat this name.
    pub model: String,
    /// What the client asked for. The [`body`](Self::body) asks for a stream in any case.
    pub stream: bool,
    /// Whether the last chunk tells the tokens.
    pub include_usage: bool,
    /// Whether calls are answered in the old form `function_call`.
    pub legacy_functions: bool,
    /// Whether the client wants the probabilities of tokens.
    pub logprobs: bool,
    /// Where the client wants the text to end. Responses knows no such thing: we cut.
    pub stop: Vec<String>,
    /// The Responses body, before [`rules::adapt`](crate::translate::rules::adapt).
    pub body: Map<String, Value>,
    pub names: ToolNames,
    /// How the answer is told.
    pub form: ReplyForm,
    /// What the client sent and no upstream will see, as paths.
    pub dropped: Vec<String>,
    /// The same for every turn of one conversation: the client's `prompt_cache_key`, or a fingerprint of how the
    /// conversation begins.
    pub session_hint: String,
}

impl ChatRequest {
    /// What an answer to this request needs to know. `created` is in seconds since 1970.
    pub fn reply_head(&self, id: impl Into<String>, created: u64) -> ChatReplyHead {
        ChatReplyHead {
            id: id.into(),
            created,
            model: self.model.clone(),
            include_usage: self.include_usage,
            legacy_functions: self.legacy_functions,
            logprobs: self.logprobs,
            stop: self.stop.clone(),
            names: self.names.clone(),
            form: self.form.clone(),
        }
    }
}

/// Reads a chat request.
///
/// A Responses body on this path (`input` and no `messages`) is refused by name: its sender expects an answer in the
/// other dialect.
///
/// # Errors
/// When it is no JSON object, when a field has the wrong type, or when it asks for what would silently become
/// something else: several choices, audio, a file that one account owns, a role or part that does not exist.
pub fn responses_from_chat(body: &[u8]) -> Result<ChatRequest, RequestError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
    responses_from_chat_value(value)
}

/// The same for a request that is already taken apart.
pub(crate) fn responses_from_chat_value(value: Value) -> Result<ChatRequest, RequestError> {
    if !value.is_object() {
        return Err(RequestError::new("the request body must be a JSON object"));
    }
    let mut fields = Fields::new(value, &Place::Root)?;
    let mut dropped = Vec::new();
    let mut names = ToolNames::default();
    let mut made = Map::new();

    let model = checked_name(fields.required_string("model")?)?;
    made.insert("model".to_owned(), json!(model));
    refuse_impossible(&mut fields)?;

    let functions = fields.array("functions")?.unwrap_or_default();
    let chat_tools = fields.array("tools")?.unwrap_or_default();
    let legacy_functions = chat_tools.is_empty() && !functions.is_empty();
    let mut tools = tools_from_chat(chat_tools, functions, &mut names, &mut dropped)?;
    if let Some(options) = fields.take("web_search_options") {
        tools.push(web_search_tool(options, &mut dropped)?);
    }

    let messages = messages_of(&mut fields)?;
    let input = items_from_messages(messages, &mut names, &mut dropped)?;
    let opening_hint = opening_fingerprint(&model, &input);
    made.insert("input".to_owned(), Value::Array(input));

    put_tools(
        &mut fields,
        tools,
        legacy_functions,
        &mut made,
        &mut names,
        &mut dropped,
    )?;
    put_reasoning(&mut fields, &mut made)?;
    put_text(&mut fields, &mut made, &mut dropped)?;
    let logprobs = put_sampling(&mut fields, &mut made)?;
    let stop = stop_of(&mut fields)?;
    let (stream, include_usage) = put_stream(&mut fields, &mut made, &mut dropped)?;
    let cache_key = put_same_names(&mut fields, &mut made)?;

    fields.drop_rest(&mut dropped);
    Ok(ChatRequest {
        model,
        stream,
        include_usage,
        legacy_functions,
        logprobs,
        stop,
        body: made,
        names,
        form: ReplyForm::Chat,
        dropped,
        session_hint: cache_key.unwrap_or(opening_hint),
    })
}

/// What cannot be had, and must not quietly become something else.
fn refuse_impossible(fields: &mut Fields<'_>) -> Result<(), RequestError> {
    if !matches!(fields.count("n")?, None | Some(1)) {
        return Err(fields.wrong(
            "n",
            "must be 1: an upstream gives one choice; send the request again for more",
        ));
    }
    let modalities = fields.array("modalities")?.unwrap_or_default();
    if modalities.iter().any(|modality| modality != "text") {
        return Err(fields.wrong(
            "modalities",
            "may only hold \"text\": no upstream of this router answers otherwise",
        ));
    }
    Ok(())
}

fn messages_of(fields: &mut Fields<'_>) -> Result<Vec<Value>, RequestError> {
    match fields.array("messages")? {
        Some(messages) if !messages.is_empty() => Ok(messages),
        Some(_) => Err(fields.wrong("messages", "is empty: a chat needs at least one message")),
        None if fields.has("input") => {
            let problem = "is missing: a request with `input` belongs to /v1/responses";
            Err(fields.wrong("messages", problem))
        }
        None => Err(fields.wrong("messages", "is missing")),
    }
}

fn put_tools(
    fields: &mut Fields<'_>,
    tools: Vec<Value>,
    legacy_functions: bool,
    made: &mut Map<String, Value>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<(), RequestError> {
    let choice = fields
        .take("tool_choice")
        .map(|choice| ("tool_choice", choice));
    let old_choice = fields
        .take("function_call")
        .map(|choice| ("function_call", choice));
    let parallel = fields.boolean("parallel_tool_calls")?;
    if tools.is_empty() {
        return Ok(()); // a choice among no tools is an error upstream and means nothing
    }
    made.insert("tools".to_owned(), Value::Array(tools));
    if let Some((field, choice)) = choice.or(old_choice) {
        made.insert(
            "tool_choice".to_owned(),
            tool_choice_from_chat(choice, field, names, dropped)?,
        );
    }
    // The old form has room for one call.
    if let Some(parallel) = if legacy_functions {
        Some(false)
    } else {
        parallel
    } {
        made.insert("parallel_tool_calls".to_owned(), Value::Bool(parallel));
    }
    Ok(())
}

/// Effort and summary, also by the names that SDKs of other houses give them.
fn put_reasoning(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
) -> Result<(), RequestError> {
    let mut reasoning = fields.object("reasoning")?.unwrap_or_default();
    for (field, name) in [
        ("reasoningEffort", "effort"),
        ("reasoning_effort", "effort"),
        ("reasoningSummary", "summary"),
        ("reasoning_summary", "summary"),
    ] {
        if let Some(word) = fields.string(field)? {
            reasoning.insert(name.to_owned(), Value::String(word));
        }
    }
    if !reasoning.is_empty() {
        made.insert("reasoning".to_owned(), Value::Object(reasoning));
    }
    Ok(())
}

/// `text`: the format of the answer and how wordy it is.
fn put_text(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
    dropped: &mut Vec<String>,
) -> Result<(), RequestError> {
    let mut text = fields.object("text")?.unwrap_or_default();
    for field in ["textVerbosity", "verbosity"] {
        if let Some(verbosity) = fields.string(field)? {
            text.insert("verbosity".to_owned(), Value::String(verbosity));
        }
    }
    if let Some(format) = fields.take("response_format") {
        if text.contains_key("format") {
            return Err(fields.wrong(
                "response_format",
                "contradicts `text.format`: send one of the two",
            ));
        }
        text.insert("format".to_owned(), text_format(format, dropped)?);
    }
    if !text.is_empty() {
        made.insert("text".to_owned(), Value::Object(text));
    }
    Ok(())
}

fn text_format(format: Value, dropped: &mut Vec<String>) -> Result<Value, RequestError> {
    let place = Place::Field(&Place::Root, "response_format");
    let mut format = Fields::new(format, &place)?;
    let kind = format.required_string("type")?;
    let made = match kind.as_str() {
        "text" | "json_object" => json!({ "type": kind }),
        "json_schema" => {
            let nested_place = Place::Field(&place, "json_schema");
            let Some(nested) = format.take("json_schema") else {
                return Err(nested_place.error("is missing"));
            };
            let mut nested = Fields::new(nested, &nested_place)?;
            let name = nested
                .string("name")?
                .map(|name| format_name(&name))
                .filter(|name| !name.is_empty());
            let mut made = Map::new();
            made.insert("type".to_owned(), Value::String(kind));
            made.insert(
                "name".to_owned(),
                Value::String(name.unwrap_or_else(|| "response".to_owned())),
            );
            if let Some(description) = nested.string("description")? {
                made.insert("description".to_owned(), Value::String(description));
            }
            let Some(schema) = nested.object("schema")? else {
                return Err(nested.wrong("schema", "is missing"));
            };
            made.insert("schema".to_owned(), Value::Object(schema));
            if let Some(strict) = nested.boolean("strict")? {
                made.insert("strict".to_owned(), Value::Bool(strict));
            }
            nested.drop_rest(dropped);
            Value::Object(made)
        }
        _ => {
            let problem = format_args!("is {kind:?}; it must be text, json_object or json_schema");
            return Err(format.wrong("type", problem));
        }
    };
    format.drop_rest(dropped);
    Ok(made)
}

/// The name of a schema is decoration, but a wrong letter in it is a 400.
fn format_name(name: &str) -> String {
    let letters = name.chars().map(|letter| {
        if u8::try_from(letter).is_ok_and(is_name_byte) {
            letter
        } else {
            '_'
        }
    });
    letters.take(MAX_NAME_BYTES).collect()
}

/// Limits and probabilities. Returns whether the client wants the probabilities back.
fn put_sampling(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
) -> Result<bool, RequestError> {
    let old_limit = fields.count("max_tokens")?;
    if let Some(limit) = fields.count("max_completion_tokens")?.or(old_limit) {
        made.insert("max_output_tokens".to_owned(), json!(limit));
    }
    for name in ["temperature", "top_p"] {
        if let Some(number) = fields.number(name)? {
            made.insert(name.to_owned(), number);
        }
    }
    let logprobs = fields.boolean("logprobs")?.unwrap_or(false);
    if logprobs {
        made.insert(
            "include".to_owned(),
            json!(["message.output_text.logprobs"]),
        );
    }
    if let Some(top_logprobs) = fields.count("top_logprobs")? {
        made.insert("top_logprobs".to_owned(), json!(top_logprobs));
    }
    Ok(logprobs)
}

fn stop_of(fields: &mut Fields<'_>) -> Result<Vec<String>, RequestError> {
    /// As the API reference has it.
    const MAX_STOPS: usize = 4;

    let stops = match fields.take("stop") {
        None => Vec::new(),
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(stops)) => {
            let texts = stops.into_iter().map(|stop| match stop {
                Value::String(stop) => Ok(stop),
                _ => Err(fields.wrong("stop", "must be a string or an array of strings")),
            });
            texts.collect::<Result<Vec<String>, RequestError>>()?
        }
        Some(_) => return Err(fields.wrong("stop", "must be a string or an array of strings")),
    };
    if stops.len() > MAX_STOPS {
        return Err(fields.wrong(
            "stop",
            format_args!(
                "has {} entries; at most {MAX_STOPS} are possible",
                stops.len()
            ),
        ));
    }
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// The upstream always streams, because every answer of ours is made from events. Returns what the client wants.
fn put_stream(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
    dropped: &mut Vec<String>,
) -> Result<(bool, bool), RequestError> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    made.insert("stream".to_owned(), Value::Bool(true));
    let place = Place::Field(fields.place, "stream_options");
    let Some(options) = fields.take("stream_options") else {
        return Ok((stream, false));
    };
    let mut options = Fields::new(options, &place)?;
    let include_usage = options.boolean("include_usage")?.unwrap_or(false);
    if let Some(include_obfuscation) = options.boolean("include_obfuscation")? {
        made.insert(
            "stream_options".to_owned(),
            json!({ "include_obfuscation": include_obfuscation }),
        );
    }
    options.drop_rest(dropped);
    Ok((stream, stream && include_usage))
}

/// Fields that have one name in both dialects. Returns the key of the prompt cache.
fn put_same_names(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
) -> Result<Option<String>, RequestError> {
    // Chat stores nothing unless asked, Responses stores everything unless told not to.
    made.insert(
        "store".to_owned(),
        Value::Bool(fields.boolean("store")?.unwrap_or(false)),
    );
    let other_name = fields.string("promptCacheKey")?;
    let cache_key = fields
        .string("prompt_cache_key")?
        .or(other_name)
        .filter(|key| !key.is_empty());
    if let Some(key) = &cache_key {
        made.insert("prompt_cache_key".to_owned(), json!(key));
    }
    for name in [
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_retention",
    ] {
        if let Some(text) = fields.string(name)? {
            made.insert(name.to_owned(), Value::String(text));
        }
    }
    for name in ["metadata", "prompt_cache_options", "moderation"] {
        if let Some(value) = fields.take(name) {
            made.insert(name.to_owned(), value);
        }
    }
    Ok(cache_key)
}

/// A fingerprint of the model and of everything up to the first user message, which later turns only add to.
pub(in crate::translate) fn opening_fingerprint(model: &str, input: &[Value]) -> String {
    let first_user = input
        .iter()
        .position(|item| item.get("role").and_then(Value::as_str) == Some("user"));
    let opening = input.iter().take(first_user.map_or(1, |at| at + 1));
    let mut hash = Sha256::new();
    hash.update(model.as_bytes());
    for item in opening {
        hash.update(item.to_string().as_bytes());
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
