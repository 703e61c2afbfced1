//! What each kind of upstream wants of a Responses body: one table, applied last.
//!
//! A translator must not know where its result goes: what the ChatGPT backend refuses, the public API needs. The
//! table is drawn from what other routers observed (`router-for-me/CLIProxyAPI:
//! internal/translator/codex/openai/responses`, `Soju06/codex-lb: app/core/openai/requests.py`, August 2026); the
//! backend is undocumented and drifts. It is a list of what is refused, not of what is allowed, so that a field of
//! tomorrow gets through. Bodies of Codex clients are never adapted: the backend is theirs.

use std::borrow::Cow;
use std::ops::BitOr;

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::error::RequestError;
use super::names::{MAX_NAME_BYTES, wire_call_id};
use super::raw::{self, RawObject};
use super::responses::{elements, not_an_object};

/// Who will answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamKind {
    /// The backend of ChatGPT accounts. Streams only, stores nothing, takes few parameters.
    ChatGpt,
    /// The public API. Gets the body as it is.
    OpenAi,
    /// Azure OpenAI, whose Responses bodies are those of the public API.
    Azure,
    /// Azure at an `api-version` from before `stream_options`.
    OldAzure,
    /// An endpoint that says it is compatible with the public API; how far differs, above all in chats.
    Compatible,
}

/// The whole table: what one kind of upstream wants.
struct Rules {
    /// Refused with 400 "Unsupported parameter".
    refused: &'static [&'static str],
    /// Sent with exactly this value, whatever the client said.
    forced: &'static [(&'static str, bool)],
    /// Must be in `include`.
    included: Option<&'static str>,
    /// Must not be in `include`.
    excluded: Option<&'static str>,
    /// Sent when there are no instructions.
    instructions: Option<&'static str>,
    /// Whether `input`, `tools`, `tool_choice` and `service_tier` need the spellings of the ChatGPT backend.
    has_own_spelling: bool,
    /// Where it is asked in the Chat dialect.
    chat: ChatRules,
}

/// What one kind of upstream wants of a Chat body that was made of a Responses body.
pub(super) struct ChatRules {
    /// The name of the limit of an answer. `max_tokens` is what every server knows but OpenAI's reasoning models, which refuse it.
    pub limit: &'static str,
    /// Whether it takes `stream_options`, and tells the cost of a stream only then.
    pub tells_usage_when_asked: bool,
    /// Fields of both dialects that it knows; the others are left out, since strict servers refuse them.
    pub keeps: &'static [&'static str],
    /// Whether a Chat client's fields that nobody here knows may pass: they are meant for such servers.
    pub takes_any_field: bool,
}

const CHAT_OF_OPENAI: ChatRules = ChatRules {
    limit: "max_completion_tokens",
    tells_usage_when_asked: true,
    keeps: &[
        "metadata",
        "moderation",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
        "verbosity",
    ],
    takes_any_field: false,
};

const CHAT_OF_OLD_AZURE: ChatRules = ChatRules {
    limit: "max_tokens",
    tells_usage_when_asked: false,
    keeps: &["user"],
    takes_any_field: false,
};

const CHAT_OF_COMPATIBLE: ChatRules = ChatRules {
    limit: "max_tokens",
    tells_usage_when_asked: true,
    keeps: &["user"],
    takes_any_field: true,
};

const CHATGPT: Rules = Rules {
    refused: &[
        "max_output_tokens",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "top_logprobs",
        "logit_bias",
        "metadata",
        "user",
        "safety_identifier",
        "truncation",
        "prompt_cache_retention",
        "prompt_cache_options",
        "context_management",
        "stream_options",
        // Known only to the socket of the account that made it.
        "previous_response_id",
        "background",
        "conversation",
        "prompt",
        "max_tool_calls",
        "moderation",
    ],
    forced: &[("stream", true), ("store", false)],
    // Nothing is stored, so reasoning can only be replayed from what the answer carries.
    included: Some("reasoning.encrypted_content"),
    excluded: Some("message.output_text.logprobs"),
    // Sources disagree on whether an empty text is enough; a sentence is.
    instructions: Some("You are a helpful assistant."),
    has_own_spelling: true,
    chat: CHAT_OF_OPENAI, // never asked for: it speaks Responses
};

const OPENAI: Rules = Rules {
    refused: &[],
    forced: &[],
    included: None,
    excluded: None,
    instructions: None,
    has_own_spelling: false,
    chat: CHAT_OF_OPENAI,
};

const OLD_AZURE: Rules = Rules {
    chat: CHAT_OF_OLD_AZURE,
    ..OPENAI
};

const COMPATIBLE: Rules = Rules {
    chat: CHAT_OF_COMPATIBLE,
    ..OPENAI
};

impl UpstreamKind {
    const ALL: [Self; 5] = [
        Self::ChatGpt,
        Self::OpenAi,
        Self::Azure,
        Self::OldAzure,
        Self::Compatible,
    ];

    /// As it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatGpt => "chatgpt",
            Self::OpenAi => "openai",
            Self::Azure => "azure",
            Self::OldAzure => "azure_old",
            Self::Compatible => "compatible",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    fn rules(self) -> &'static Rules {
        match self {
            Self::ChatGpt => &CHATGPT,
            Self::OpenAi | Self::Azure => &OPENAI,
            Self::OldAzure => &OLD_AZURE,
            Self::Compatible => &COMPATIBLE,
        }
    }

    pub(super) fn chat_rules(self) -> &'static ChatRules {
        &self.rules().chat
    }
}

/// Makes a Responses body fit for an upstream. Returns the fields of the client that were taken out.
pub fn adapt(kind: UpstreamKind, body: &mut Map<String, Value>) -> Vec<String> {
    Adapting::default().apply(kind.rules(), body).dropped
}

/// Like [`adapt`], for a body that is otherwise forwarded: the same bytes when nothing needs to change, else the same
/// order of keys and every untouched value as it was spelled. Returns the fields that were taken out.
///
/// # Errors
/// When the body is not a JSON object.
pub fn adapt_bytes(kind: UpstreamKind, body: &Bytes) -> Result<(Bytes, Vec<String>), RequestError> {
    let rules = kind.rules();
    if rules.is_empty() {
        return Ok((body.clone(), Vec::new()));
    }
    let object = RawObject::parse(body).map_err(|error| not_an_object(&error))?;
    // Only what a rule may look into is built; `true` stands for a value that goes on as it came.
    let mut map = Map::with_capacity(object.fields.len());
    for (name, json) in &object.fields {
        let is_ruled = match name.as_ref() {
            "input" => input_needs_spelling(json),
            "tools" | "tool_choice" => {
                memmem::find(json.as_bytes(), b"web_search_preview").is_some()
            }
            name => rules.looks_into(name) || json == "null",
        };
        let value = if is_ruled {
            serde_json::from_str(json)
        } else {
            Ok(Value::Bool(true))
        };
        let Ok(value) = value else {
            return Err(RequestError::at(
                name.as_ref(),
                format!("`{name}` is nested too deeply"),
            ));
        };
        map.insert(name.clone().into_owned(), value);
    }
    let has_repeated_keys = map.len() != object.fields.len();
    let adapted = Adapting::default().apply(rules, &mut map);
    if !adapted.is_changed && !has_repeated_keys {
        return Ok((body.clone(), Vec::new()));
    }
    let fields = map.iter().map(|(name, value)| {
        let as_it_came = object
            .get(name)
            .filter(|_| !adapted.touched.contains(&name.as_str()));
        let json = as_it_came.map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
        (Cow::Borrowed(name.as_str()), json)
    });
    let fields = fields.collect();
    Ok((Bytes::from(RawObject { fields }.to_json()), adapted.dropped))
}

impl Rules {
    fn is_empty(&self) -> bool {
        self.refused.is_empty()
            && self.forced.is_empty()
            && self.included.is_none()
            && self.excluded.is_none()
            && self.instructions.is_none()
            && !self.has_own_spelling
    }

    /// Whether the value of a small field decides anything.
    fn looks_into(&self, name: &str) -> bool {
        matches!(name, "include" | "instructions" | "service_tier")
            || self.forced.iter().any(|(forced, _)| *forced == name)
    }
}

/// One application of the table, and what it did.
#[derive(Default)]
struct Adapting {
    dropped: Vec<String>,
    touched: Vec<&'static str>,
    is_changed: bool,
}

impl Adapting {
    fn apply(mut self, rules: &Rules, body: &mut Map<String, Value>) -> Self {
        for name in rules.refused {
            if let Some(value) = body.shift_remove(*name) {
                self.is_changed = true;
                if !value.is_null() {
                    self.dropped.push((*name).to_owned());
                }
            }
        }
        for (name, value) in rules.forced {
            let wanted = Value::Bool(*value);
            // A stream is collected for a client that wants none, but nobody stores in the upstream's place.
            if *name == "store" && body.get(*name) == Some(&Value::Bool(true)) {
                self.dropped.push((*name).to_owned());
            }
            if body.get(*name) != Some(&wanted) {
                body.insert((*name).to_owned(), wanted);
                self.touch(name);
            }
        }
        if let Some(instructions) = rules.instructions {
            let is_missing = match body.get("instructions") {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.trim().is_empty(),
                Some(_) => false,
            };
            if is_missing {
                body.insert("instructions".to_owned(), json!(instructions));
                self.touch("instructions");
            }
        }
        self.include(rules, body);
        if rules.has_own_spelling {
            self.spell(body);
        }
        self
    }

    fn touch(&mut self, name: &'static str) {
        self.touched.push(name);
        self.is_changed = true;
    }

    /// Adds to the client's own list instead of replacing it.
    fn include(&mut self, rules: &Rules, body: &mut Map<String, Value>) {
        let mut list = match body.get("include") {
            Some(Value::Array(list)) => list.clone(),
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return, // the upstream says what is wrong with it
        };
        let before = list.len();
        if let Some(excluded) = rules.excluded {
            list.retain(|entry| entry.as_str() != Some(excluded));
            if list.len() != before {
                self.dropped.push(format!("include.{excluded}"));
            }
        }
        let missing = rules
            .included
            .filter(|included| !list.iter().any(|entry| entry.as_str() == Some(included)));
        if missing.is_some() || list.len() != before {
            list.extend(missing.map(|included| json!(included)));
            body.insert("include".to_owned(), Value::Array(list));
            self.touch("include");
        }
    }

    fn spell(&mut self, body: &mut Map<String, Value>) {
        match body.get("service_tier").map(Value::as_str) {
            None | Some(Some("priority")) => {}
            Some(Some("fast")) => {
                body.insert("service_tier".to_owned(), json!("priority"));
                self.touch("service_tier");
            }
            Some(other) => {
                // The other names of the ordinary tier ask for nothing.
                if !matches!(other, Some("auto" | "default"))
                    && body.get("service_tier") != Some(&Value::Null)
                {
                    self.dropped.push("service_tier".to_owned());
                }
                body.shift_remove("service_tier");
                self.is_changed = true;
            }
        }
        let mut is_spelled = false;
        if let Some(input) = body.get_mut("input") {
            is_spelled = spell_input(input, &mut self.dropped);
        }
        if is_spelled {
            self.touch("input");
        }
        for name in ["tools", "tool_choice"] {
            let is_spelled = match body.get_mut(name) {
                Some(Value::Array(tools)) => {
                    tools.iter_mut().map(spell_tool).fold(false, BitOr::bitor)
                }
                Some(choice) => {
                    let own = spell_tool(choice);
                    let listed = choice.get_mut("tools").and_then(Value::as_array_mut);
                    listed
                        .into_iter()
                        .flatten()
                        .map(spell_tool)
                        .fold(own, BitOr::bitor)
                }
                None => false,
            };
            if is_spelled {
                self.touch(name);
            }
        }
    }
}

/// Whether [`spell_input`] would change anything, found without building the input.
fn input_needs_spelling(json: &str) -> bool {
    #[derive(Deserialize)]
    struct Spelling<'a> {
        #[serde(borrow)]
        role: Option<&'a RawValue>,
        #[serde(borrow)]
        call_id: Option<&'a RawValue>,
    }
    if !json.starts_with('[') {
        return json.starts_with('"');
    }
    if memmem::find(json.as_bytes(), b"prompt_cache_breakpoint").is_some() {
        return true;
    }
    let Ok(input) = serde_json::from_str(json) else {
        return false;
    };
    elements(Some(input)).iter().any(|item| {
        let item = serde_json::from_str::<Spelling<'_>>(item.get());
        item.is_ok_and(|item| {
            let has_long_id = raw::text(item.call_id).is_some_and(|id| id.len() > MAX_NAME_BYTES);
            has_long_id || raw::text(item.role).as_deref() == Some("system")
        })
    })
}

fn spell_input(input: &mut Value, dropped: &mut Vec<String>) -> bool {
    match input {
        Value::String(text) => {
            let text = std::mem::take(text);
            *input = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]);
            true
        }
        Value::Array(items) => {
            let mut is_spelled = false;
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                if item.get("role").and_then(Value::as_str) == Some("system") {
                    item.insert("role".to_owned(), json!("developer"));
                    is_spelled = true;
                }
                let call_id = item.get("call_id").and_then(Value::as_str);
                if let Some(Cow::Owned(short)) = call_id.map(wire_call_id) {
                    item.insert("call_id".to_owned(), json!(short));
                    is_spelled = true;
                }
            }
            if items
                .iter_mut()
                .map(remove_breakpoints)
                .fold(false, BitOr::bitor)
            {
                dropped.push("prompt_cache_breakpoint".to_owned());
                is_spelled = true;
            }
            is_spelled
        }
        _ => false,
    }
}

/// Copilot sends `prompt_cache_breakpoint` deep inside content parts, where it is refused like anywhere else.
fn remove_breakpoints(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            let own = fields.shift_remove("prompt_cache_breakpoint").is_some();
            fields
                .values_mut()
                .map(remove_breakpoints)
                .fold(own, BitOr::bitor)
        }
        Value::Array(values) => values
            .iter_mut()
            .map(remove_breakpoints)
            .fold(false, BitOr::bitor),
        _ => false,
    }
}

/// The backend knows `web_search` by its present name only.
fn spell_tool(tool: &mut Value) -> bool {
    match tool.get_mut("type") {
        Some(Value::String(kind)) if kind.starts_with("web_search_preview") => {
            *kind = "web_search".to_owned();
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
