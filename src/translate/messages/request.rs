//! A Messages request to a Responses request.

use serde_json::{Map, Value, json};

use super::error::THREAD_UNSUPPORTED;
use super::history::items_of;
use super::reply::{MessageHead, Thoughts};
use super::thinking::put_thinking;
use super::tools::put_tools;
use crate::translate::RequestError;
use crate::translate::chat::fields::{Fields, Place};
use crate::translate::chat::request::opening_fingerprint;
use crate::translate::dropped::{OwnNames, once_each};
use crate::translate::effort::EffortWish;
use crate::translate::names::ToolNames;
use crate::translate::responses::{LEAST_OUTPUT_TOKENS, not_an_object};

/// A Messages request, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagesRequest {
    /// As the client named it; answers repeat this name. The [`body`](Self::body) has it, too, until
    /// [`for_model`](Self::for_model).
    pub model: String,
    /// What the client asked for. The [`body`](Self::body) asks for a stream in any case.
    pub stream: bool,
    pub thoughts: Thoughts,
    /// Where the client wants the text to end. Responses knows no such thing: we cut.
    pub stop: Vec<String>,
    /// The Responses body, before [`rules::adapt`](crate::translate::rules::adapt).
    pub body: Map<String, Value>,
    pub names: ToolNames,
    /// What the client sent and no upstream will see.
    pub dropped: Vec<String>,
    pub own_names: OwnNames,
    pub effort: EffortWish,
    /// The client's own word for the conversation, from `metadata.user_id`.
    pub session: Option<String>,
    /// A fingerprint of how the conversation begins: the same for every turn of it.
    pub opening: String,
}

impl MessagesRequest {
    /// Asks for a model by the upstream's own name.
    pub fn for_model(&mut self, upstream_model: &str) {
        self.body
            .insert("model".to_owned(), Value::String(upstream_model.to_owned()));
    }

    /// What an answer to this request needs to know.
    pub fn reply_head(&self, id: impl Into<String>) -> MessageHead {
        MessageHead {
            id: id.into(),
            model: self.model.clone(),
            thoughts: self.thoughts,
            stop: self.stop.clone(),
            names: self.names.clone(),
        }
    }
}

/// Reads a Messages request.
///
/// `max_tokens` may be missing, because a request to count tokens has none.
///
/// # Errors
/// When it is no JSON object, when a field has the wrong type, or when it asks for what would silently become something else:
/// a conversation or a file that lives with Anthropic, a tool that only Anthropic's models know, a role or block that does not exist.
pub fn responses_from_messages(body: &[u8]) -> Result<MessagesRequest, RequestError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
    if !value.is_object() {
        return Err(RequestError::new("the request body must be a JSON object"));
    }
    let mut fields = Fields::new(value, &Place::Root)?;
    let mut dropped = Vec::new();
    let mut names = ToolNames::default();
    let mut made = Map::new();

    let model = fields.required_string("model")?;
    made.insert("model".to_owned(), json!(model));
    if fields.take("thread").is_some() {
        let error = fields.wrong("thread", "is not kept here: send the whole conversation");
        return Err(error.with_code(THREAD_UNSUPPORTED));
    }
    // Before the messages: the names of tools in a history must not be given away.
    let mut choices = Map::new();
    put_tools(&mut fields, &mut choices, &mut names, &mut dropped)?;

    let messages = match fields.array("messages")? {
        Some(messages) if !messages.is_empty() => messages,
        Some(_) => return Err(fields.wrong("messages", "is empty: at least one is needed")),
        None => return Err(fields.wrong("messages", "is missing")),
    };
    let input = items_of(fields.take("system"), messages, &mut names, &mut dropped)?;
    if input.is_empty() {
        return Err(fields.wrong("messages", "says nothing that could be answered"));
    }
    let opening = opening_fingerprint(&model, &input);
    made.insert("input".to_owned(), Value::Array(input));
    made.extend(choices);

    let mut own_names = OwnNames::default();
    let (thoughts, effort) = put_thinking(&mut fields, &mut made, &mut own_names, &mut dropped)?;
    put_sampling(&mut fields, &mut made)?;
    put_tier(&mut fields, &mut made)?;
    let stop = stop_of(&mut fields)?;
    let stream = fields.boolean("stream")?.unwrap_or(false);
    made.insert("stream".to_owned(), Value::Bool(true));
    made.insert("store".to_owned(), Value::Bool(false));
    // Nothing is stored, so reasoning can only be replayed from what the answer carries.
    made.insert("include".to_owned(), json!(["reasoning.encrypted_content"]));

    let session = session_of_metadata(&mut fields, &mut dropped)?;
    fields.drop_rest(&mut dropped);
    own_names.note("max_output_tokens", "max_tokens");
    own_names.note("input[].reasoning", "messages[].content[].thinking");
    Ok(MessagesRequest {
        model,
        stream,
        thoughts,
        stop,
        body: made,
        names,
        dropped: once_each(dropped),
        own_names,
        effort,
        session: session.filter(|session| !session.is_empty()),
        opening,
    })
}

fn put_sampling(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
) -> Result<(), RequestError> {
    if let Some(limit) = fields.count("max_tokens")? {
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
    Ok(())
}

/// Who is served first. `auto` is what an upstream does anyway.
fn put_tier(fields: &mut Fields<'_>, made: &mut Map<String, Value>) -> Result<(), RequestError> {
    let is_fast = fields.string("speed")?.as_deref() == Some("fast");
    let tier = match fields.string("service_tier")?.as_deref() {
        _ if is_fast => "priority",
        Some("standard_only") => "default",
        _ => return Ok(()),
    };
    made.insert("service_tier".to_owned(), json!(tier));
    Ok(())
}

fn stop_of(fields: &mut Fields<'_>) -> Result<Vec<String>, RequestError> {
    let stops = fields.array("stop_sequences")?.unwrap_or_default();
    let texts = stops.into_iter().map(|stop| match stop {
        Value::String(stop) => Ok(stop),
        _ => Err(fields.wrong("stop_sequences", "must be an array of strings")),
    });
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    Ok(texts.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// The session in `metadata.user_id`, where Claude Code puts it: inside JSON, and in older versions behind `_session_`.
/// The rest of it names a person and goes nowhere.
fn session_of_metadata(
    fields: &mut Fields<'_>,
    dropped: &mut Vec<String>,
) -> Result<Option<String>, RequestError> {
    let place = Place::Field(&Place::Root, "metadata");
    let Some(metadata) = fields.take("metadata") else {
        return Ok(None);
    };
    let mut metadata = Fields::new(metadata, &place)?;
    let user_id = metadata.string("user_id")?.unwrap_or_default();
    metadata.drop_rest(dropped);
    if !user_id.is_empty() {
        dropped.push("metadata.user_id".to_owned());
    }
    // No JSON: then it is the older form, or somebody else's.
    let json: Option<Value> = serde_json::from_str(&user_id).ok();
    let by_json = json.and_then(|json| Some(json.get("session_id")?.as_str()?.to_owned()));
    let by_name = || {
        let (_, session) = user_id.rsplit_once("_session_")?;
        Some(session.to_owned())
    };
    Ok(by_json.or_else(by_name))
}

#[cfg(test)]
mod tests;
