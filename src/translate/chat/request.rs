//! A chat request to a Responses request.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::fields::{Fields, Place};
use super::messages::items_from_messages;
use super::reply::{ChatReplyHead, ReplyForm};
use super::tools::{tool_choice_from_chat, tools_from_chat, web_search_tool};
use crate::translate::RequestError;
use crate::translate::dropped::{OwnNames, once_each};
use crate::translate::effort::{EffortWish, LEAST, effort_of_budget};
use crate::translate::images::text_model;
use crate::translate::models::checked_name;
use crate::translate::names::{MAX_NAME_BYTES, ToolNames, is_name_byte};
use crate::translate::responses::{LEAST_OUTPUT_TOKENS, not_an_object};

/// A chat request, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// As the client named it; answers repeat this name. The [`body`](Self::body) has it, too, until
    /// [`for_model`](Self::for_model).
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
    /// What the client sent and no Responses upstream will see.
    pub dropped: Vec<String>,
    /// Fields that only Chat has a word for, for an upstream that speaks it.
    pub chat_only: Map<String, Value>,
    pub own_names: OwnNames,
    pub effort: EffortWish,
    /// The client's word for the conversation's place in a prompt cache.
    pub cache_key: Option<String>,
    /// A fingerprint of how the conversation begins: the same for every turn of it.
    pub opening: String,
}

impl ChatRequest {
    /// Asks for a model by the upstream's own name.
    pub fn for_model(&mut self, upstream_model: &str) {
        self.body
            .insert("model".to_owned(), Value::String(upstream_model.to_owned()));
    }

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
/// A Responses body on this path (`input` and no `messages`) is what Cursor sends, which reads the answer as a chat all the same
/// (`diegosouzapw/OmniRoute#1002`, `Soju06/codex-lb#833`): its fields go on as they are.
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
    text_model(&model)?;
    made.insert("model".to_owned(), json!(model));
    refuse_impossible(&mut fields)?;

    let functions = fields.array("functions")?.unwrap_or_default();
    let chat_tools = fields.array("tools")?.unwrap_or_default();
    let legacy_functions = chat_tools.is_empty() && !functions.is_empty();
    let mut tools = tools_from_chat(chat_tools, functions, &mut names, &mut dropped)?;
    if let Some(options) = fields.take("web_search_options") {
        tools.push(web_search_tool(options, &mut dropped)?);
    }

    let is_chat = !is_responses_shaped(&fields);
    let input = if is_chat {
        items_from_messages(messages_of(&mut fields)?, &mut names, &mut dropped)?
    } else {
        own_items(&mut fields, &mut names)?
    };
    let opening = opening_fingerprint(&model, &input);
    made.insert("input".to_owned(), Value::Array(input));

    put_tools(
        &mut fields,
        tools,
        legacy_functions,
        &mut made,
        &mut names,
        &mut dropped,
    )?;
    let mut own_names = OwnNames::default();
    if is_chat {
        own_names.note("text.verbosity", "verbosity");
    }
    let effort = put_reasoning(&mut fields, &mut made, &mut own_names, &mut dropped)?;
    put_text(&mut fields, &mut made, &mut dropped)?;
    let logprobs = put_sampling(&mut fields, &mut made, &mut own_names, &mut dropped)?;
    let stop = stop_of(&mut fields)?;
    let (stream, include_usage) = put_stream(&mut fields, &mut made, &mut own_names, &mut dropped)?;
    let cache_key = put_same_names(&mut fields, &mut made, &mut dropped)?;

    let mut chat_only = if is_chat { fields.rest() } else { Map::new() };
    if !stop.is_empty() {
        chat_only.insert("stop".to_owned(), json!(stop));
    }
    if is_chat {
        fields.drop_rest(&mut dropped);
    } else {
        put_rest(fields, &mut made, &mut dropped);
    }
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
        dropped: once_each(dropped),
        chat_only,
        own_names,
        effort,
        cache_key,
        opening,
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
        None => Err(fields.wrong("messages", "is missing")),
    }
}

/// Whether this is a Responses body on the chat path.
fn is_responses_shaped(fields: &Fields<'_>) -> bool {
    fields.has("input") && (!fields.has("messages") || fields.is_empty_list("messages"))
}

/// The items of a Responses body, in which tools go by the names that the upstream hears.
fn own_items(fields: &mut Fields<'_>, names: &mut ToolNames) -> Result<Vec<Value>, RequestError> {
    fields.take("messages");
    let mut items = match fields.take("input") {
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(Value::String(text)) => {
            let content = json!([{"type": "input_text", "text": text}]);
            vec![json!({"type": "message", "role": "user", "content": content})]
        }
        _ => return Err(fields.wrong("input", "must be a string or an array of items")),
    };
    for item in &mut items {
        let kind = item.get("type").and_then(Value::as_str);
        if matches!(kind, Some("function_call" | "custom_tool_call"))
            && let Some(Value::String(name)) = item.get_mut("name")
        {
            *name = names.wire(std::mem::take(name));
        }
    }
    Ok(items)
}

/// What else a Responses body says, for the upstream to judge; only what no Responses body has is left out.
fn put_rest(fields: Fields<'_>, made: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    const OF_CHATS: [&str; 6] = [
        "audio",
        "frequency_penalty",
        "logit_bias",
        "prediction",
        "presence_penalty",
        "seed",
    ];
    for (name, value) in fields.into_rest() {
        if value.is_null() {
            continue;
        }
        if OF_CHATS.contains(&name.as_str()) {
            dropped.push(name);
            continue;
        }
        match (made.get_mut(&name), value) {
            // Asked for by `logprobs` and by its own name.
            (Some(Value::Array(made)), Value::Array(more)) => made.extend(more),
            (_, value) => {
                made.insert(name, value);
            }
        }
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
    if choice.is_some() && old_choice.is_some() {
        dropped.push("function_call".to_owned());
    }
    if let Some((field, choice)) = choice.or(old_choice) {
        made.insert(
            "tool_choice".to_owned(),
            tool_choice_from_chat(choice, field, names, dropped)?,
        );
    }
    // The old form has room for one call.
    if legacy_functions && parallel == Some(true) {
        dropped.push("parallel_tool_calls".to_owned());
    }
    if let Some(parallel) = if legacy_functions {
        Some(false)
    } else {
        parallel
    } {
        made.insert("parallel_tool_calls".to_owned(), Value::Bool(parallel));
    }
    Ok(())
}

/// Effort and summary, also by the names that SDKs of other houses give them. Of several the official one counts.
///
/// No effort of ours: a model has its own idea of how much is usual. No summary either: it is asked for by name.
fn put_reasoning(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
    own_names: &mut OwnNames,
    dropped: &mut Vec<String>,
) -> Result<EffortWish, RequestError> {
    const EFFORT: &str = "reasoning.effort";
    let mut reasoning = Map::new();
    let mut wish = EffortWish::AsSaid;
    for (name, official_name, other_name) in [
        ("effort", "reasoning_effort", "reasoningEffort"),
        ("summary", "reasoning_summary", "reasoningSummary"),
    ] {
        let (word, other) = (fields.string(official_name)?, fields.string(other_name)?);
        if name == "effort" {
            match (&word, &other) {
                (Some(_), _) => own_names.note(EFFORT, official_name),
                (None, Some(_)) => own_names.note(EFFORT, other_name),
                (None, None) => {}
            }
        }
        let word = official(word, other, other_name, dropped);
        reasoning.extend(word.map(|word| (name.to_owned(), Value::String(word))));
    }
    for (name, value) in fields.object("reasoning")?.unwrap_or_default() {
        if *reasoning.entry(&name).or_insert_with(|| value.clone()) != value {
            dropped.push(format!("reasoning.{name}"));
        }
    }
    if let Some((effort, meant, own_name)) = other_houses_effort(fields)
        && !reasoning.contains_key("effort")
    {
        reasoning.insert("effort".to_owned(), json!(effort));
        wish = meant;
        own_names.note(EFFORT, own_name);
    }
    if !reasoning.is_empty() {
        made.insert("reasoning".to_owned(), Value::Object(reasoning));
    }
    Ok(wish)
}

/// How Anthropic's and Qwen's clients say how much to think, with what they mean and by which name. What they merely switch on is on by itself; what is not understood
/// stays where it is, and is named as dropped.
fn other_houses_effort(
    fields: &mut Fields<'_>,
) -> Option<(&'static str, EffortWish, &'static str)> {
    let thinking = fields.field("thinking").and_then(Value::as_object);
    let by_thinking = thinking.and_then(|thinking| {
        let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
        match thinking.get("type").and_then(Value::as_str)? {
            "disabled" => Some(Some((LEAST, EffortWish::Off, "thinking"))),
            "enabled" => Some(budget.map(|budget| {
                let effort = effort_of_budget(budget);
                (effort, EffortWish::AsSaid, "thinking.budget_tokens")
            })),
            "adaptive" => Some(None),
            _ => None,
        }
    });
    if by_thinking.is_some() {
        fields.take("thinking");
    }
    let is_enabled = fields.field("enable_thinking").and_then(Value::as_bool);
    if is_enabled.is_some() {
        fields.take("enable_thinking");
    }
    let off = (LEAST, EffortWish::Off, "enable_thinking");
    let by_switch = (is_enabled == Some(false)).then_some(off);
    by_thinking.flatten().or(by_switch)
}

/// Of two names for one thing the official one counts; where they say different things, the other is named as dropped.
fn official<T: PartialEq>(
    official: Option<T>,
    other: Option<T>,
    other_name: &str,
    dropped: &mut Vec<String>,
) -> Option<T> {
    if official.is_some() && other.is_some() && official != other {
        dropped.push(other_name.to_owned());
    }
    official.or(other)
}

/// `text`: the format of the answer and how wordy it is.
fn put_text(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
    dropped: &mut Vec<String>,
) -> Result<(), RequestError> {
    let mut text = fields.object("text")?.unwrap_or_default();
    let other = fields.string("textVerbosity")?;
    let verbosity = official(fields.string("verbosity")?, other, "textVerbosity", dropped);
    if let Some(verbosity) = verbosity.map(Value::String) {
        let other = text.insert("verbosity".to_owned(), verbosity.clone());
        if other.is_some_and(|other| other != verbosity) {
            dropped.push("text.verbosity".to_owned());
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
    own_names: &mut OwnNames,
    dropped: &mut Vec<String>,
) -> Result<bool, RequestError> {
    let (limit, old_limit) = (
        fields.count("max_completion_tokens")?,
        fields.count("max_tokens")?,
    );
    let own_name = match limit {
        Some(_) => "max_completion_tokens",
        None => "max_tokens",
    };
    if let Some(limit) = official(limit, old_limit, "max_tokens", dropped) {
        own_names.note("max_output_tokens", own_name);
        made.insert(
            "max_output_tokens".to_owned(),
            json!(limit.max(LEAST_OUTPUT_TOKENS)),
        );
    }
    for name in ["temperature", "top_p"] {
        if let Some(number) = fields.number(name)? {
            made.insert(name.to_owned(), number);
        }
    }
    let logprobs = fields.boolean("logprobs")?.unwrap_or(false);
    if logprobs {
        own_names.note("include.message.output_text.logprobs", "logprobs");
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
    own_names: &mut OwnNames,
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
        own_names.note("stream_options", "stream_options.include_obfuscation");
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
    dropped: &mut Vec<String>,
) -> Result<Option<String>, RequestError> {
    // Chat stores nothing unless asked, Responses stores everything unless told not to.
    made.insert(
        "store".to_owned(),
        Value::Bool(fields.boolean("store")?.unwrap_or(false)),
    );
    let other = fields.string("promptCacheKey")?;
    let cache_key = fields.string("prompt_cache_key")?;
    let cache_key = official(cache_key, other, "promptCacheKey", dropped);
    let cache_key = cache_key.filter(|key| !key.is_empty());
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
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(model);
    for item in opening {
        let text_of = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        add(&item.get("role").map_or_else(String::new, text_of));
        match item.get("content") {
            // Of a text its words alone: marks of a prompt cache wander from turn to turn.
            Some(Value::Array(parts)) => {
                for part in parts {
                    add(&text_of(part.get("text").unwrap_or(part)));
                }
            }
            content => add(&text_of(content.unwrap_or(item))),
        }
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
