//! Model lists in the two shapes that clients ask for.
//!
//! OpenAI clients want `{"object":"list","data":[…]}`. The Codex CLI asks the same path with `client_version` in the
//! query and wants `{"models":[…]}` (`openai/codex: codex-rs/protocol/src/openai_models.rs`). A document of the
//! upstream is passed on as it came, because it has fields that only newer clients know.

use std::collections::HashSet;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::RequestError;
use super::raw::{self, RawObject};
use super::responses::not_an_object;

/// The `created` of every model that we list: a fixed day, because clients compare lists (2025-01-01, 00:00 UTC).
pub const MODELS_CREATED: u64 = 1_735_689_600;

/// Longer than any model's name, fine-tuned ones included.
const MAX_NAME_BYTES: usize = 256;

/// The model that a request names, if it can be the name of one. It is remembered, shown and logged.
///
/// # Errors
/// When it is longer than any name, or would break a line.
pub(crate) fn checked_name(model: String) -> Result<String, RequestError> {
    let wrong = |what| Err(RequestError::at("model", format!("`model` {what}")));
    if model.len() > MAX_NAME_BYTES {
        return wrong("is longer than the name of any model");
    }
    if model.chars().any(char::is_control) {
        return wrong("must not hold control characters");
    }
    Ok(model)
}

/// Why a model document is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelsError {
    #[error("the model document is neither a Codex list nor an OpenAI list")]
    UnknownShape,
}

/// A model document of an upstream, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDocument {
    /// As it came; for Codex clients if it [`is_codex`](Self::is_codex).
    pub raw: Bytes,
    pub is_codex: bool,
    /// In the order of the upstream, hidden ones included.
    pub models: Vec<Model>,
}

/// What we read of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub slug: String,
    /// Whether a list may show it. Hidden ones can still be asked for.
    pub is_listable: bool,
    /// What the Codex document says about use with an API key; an OpenAI list holds nothing else.
    pub is_supported_in_api: bool,
    /// How much it can be told to think, in the upstream's words; empty where a list does not say.
    pub efforts: Vec<String>,
}

/// More than any model has.
const MAX_EFFORTS: usize = 16;
const MAX_EFFORT_BYTES: usize = 32;

#[derive(Deserialize)]
struct WireDocument<'a> {
    #[serde(borrow)]
    models: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct WireModel<'a> {
    #[serde(borrow)]
    slug: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    visibility: Option<&'a RawValue>,
    #[serde(borrow)]
    supported_in_api: Option<&'a RawValue>,
    #[serde(borrow)]
    supported_reasoning_levels: Option<&'a RawValue>,
}

impl ModelDocument {
    /// The same with those models alone whose slug `keeps` says yes to; what is kept keeps its bytes and its place.
    pub fn only(&self, keeps: impl Fn(&str) -> bool) -> Bytes {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            slug: Option<&'a RawValue>,
        }
        let Ok(mut object) = RawObject::parse(&self.raw) else {
            return self.raw.clone();
        };
        let is_kept = |model: &&RawValue| {
            let named = serde_json::from_str::<Named<'_>>(model.get());
            let slug = named.ok().and_then(|named| raw::text(named.slug)); // no object: no model
            slug.is_some_and(|slug| keeps(&slug))
        };
        let models = object.get("models").unwrap_or("[]");
        let models: Vec<&RawValue> = serde_json::from_str(models).unwrap_or_default();
        let kept: Vec<_> = models
            .into_iter()
            .filter(is_kept)
            .map(RawValue::get)
            .collect();
        let kept = format!("[{}]", kept.join(","));
        object.set("models", kept);
        Bytes::from(object.to_json())
    }

    /// Reads a document of either shape. A model without a name is skipped, everything else about it is optional.
    ///
    /// # Errors
    /// When the document is of neither shape.
    pub fn read(raw: Bytes) -> Result<Self, ModelsError> {
        let document: WireDocument<'_> =
            serde_json::from_slice(&raw).map_err(|_not_json| ModelsError::UnknownShape)?;
        let (entries, is_codex) = match (document.models, document.data) {
            (Some(models), _) => (models, true),
            (None, Some(data)) => (data, false),
            (None, None) => return Err(ModelsError::UnknownShape),
        };
        let models = entries
            .iter()
            .filter_map(|entry| Model::read(entry))
            .collect();
        Ok(Self {
            raw,
            is_codex,
            models,
        })
    }

    /// The models that a list may show.
    pub fn listable(&self) -> impl Iterator<Item = &str> {
        self.models
            .iter()
            .filter(|model| model.is_listable)
            .map(|model| model.slug.as_str())
    }
}

impl Model {
    fn read(entry: &RawValue) -> Option<Self> {
        let wire: WireModel<'_> = serde_json::from_str(entry.get()).ok()?; // no object: no model
        let slug = raw::filled_text(wire.slug).or_else(|| raw::filled_text(wire.id))?;
        Some(Self {
            slug: slug.into_owned(),
            is_listable: raw::text(wire.visibility).is_none_or(|visibility| visibility == "list"),
            is_supported_in_api: wire
                .supported_in_api
                .is_none_or(|json| json.get() != "false"),
            efforts: wire
                .supported_reasoning_levels
                .map(efforts_in)
                .unwrap_or_default(),
        })
    }
}

/// The efforts of `[{"effort": …}]`; what is no such list says nothing.
fn efforts_in(levels: &RawValue) -> Vec<String> {
    #[derive(Deserialize)]
    struct Level {
        effort: String,
    }
    let levels: Vec<Level> = serde_json::from_str(levels.get()).unwrap_or_default();
    let efforts = levels.into_iter().map(|level| level.effort);
    efforts
        .filter(|effort| !effort.is_empty() && effort.len() <= MAX_EFFORT_BYTES)
        .take(MAX_EFFORTS)
        .collect()
}

/// The body of `GET /v1/models` for OpenAI clients: each name once, in the given order.
pub fn openai_list<'a>(slugs: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let data: Vec<Value> = distinct(slugs).map(openai_value).collect();
    json!({"object": "list", "data": data})
        .to_string()
        .into_bytes()
}

/// The body of `GET /v1/models/{id}`.
pub fn openai_model(slug: &str) -> Vec<u8> {
    openai_value(slug).to_string().into_bytes()
}

/// Which part of a list an Anthropic client asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// At most so many; Anthropic's own default when missing.
    pub limit: Option<usize>,
    pub after_id: Option<String>,
    pub before_id: Option<String>,
}

/// The body of `GET /v1/models` for Anthropic clients (anthropic-sdk-python `types/model_info.py`, `pagination.py`).
pub fn anthropic_list<'a>(slugs: impl IntoIterator<Item = &'a str>, page: &Page) -> Vec<u8> {
    const DEFAULT_LIMIT: usize = 20;
    const MAX_LIMIT: usize = 1_000;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let all: Vec<&str> = distinct(slugs).collect();
    let place_of = |id: &String| all.iter().position(|slug| slug == id).unwrap_or(all.len());
    let from = page.after_id.as_ref().map_or(0, |id| place_of(id) + 1);
    let to = page.before_id.as_ref().map_or(all.len(), place_of);
    let wanted = all.get(from..to).unwrap_or_default();
    let rest = wanted.len().saturating_sub(limit);
    let shown = if page.before_id.is_some() {
        wanted.get(rest..)
    } else {
        wanted.get(..wanted.len() - rest)
    };
    let shown = shown.unwrap_or_default();
    let data: Vec<Value> = shown.iter().map(|slug| anthropic_value(slug)).collect();
    json!({
        "data": data,
        "has_more": rest > 0,
        "first_id": shown.first(),
        "last_id": shown.last(),
    })
    .to_string()
    .into_bytes()
}

/// The body of `GET /v1/models/{id}` for Anthropic clients.
pub fn anthropic_model(slug: &str) -> Vec<u8> {
    anthropic_value(slug).to_string().into_bytes()
}

/// The body of `GET …/models?client_version=…` for the Codex CLI, when only names are known.
///
/// Holds every field that the parser of early 2026 requires, with the values of a plain model: a client that knows the
/// name has better ones built in.
pub fn codex_list<'a>(slugs: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let models: Vec<Value> = distinct(slugs)
        .enumerate()
        .map(|(place, slug)| codex_value(place, slug))
        .collect();
    json!({ "models": models }).to_string().into_bytes()
}

/// The same request for this model, whatever it named itself: the same bytes when it named no other.
///
/// Azure names the model in the path and does not look at the one in the body.
///
/// # Errors
/// When the body is no JSON object.
pub fn with_model(body: &Bytes, model: &str) -> Result<Bytes, RequestError> {
    let mut object = RawObject::parse(body).map_err(|error| not_an_object(&error))?;
    let named = object
        .get("model")
        .and_then(|json| serde_json::from_str(json).ok());
    if named == Some(Value::from(model)) {
        return Ok(body.clone());
    }
    object.set("model", Value::from(model).to_string());
    Ok(object.to_json().into())
}

fn distinct<'a>(slugs: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut seen = HashSet::new();
    slugs.into_iter().filter(move |slug| seen.insert(*slug))
}

fn openai_value(slug: &str) -> Value {
    json!({"id": slug, "object": "model", "created": MODELS_CREATED, "owned_by": "openai"})
}

fn anthropic_value(slug: &str) -> Value {
    // MODELS_CREATED, as this dialect writes it.
    json!({"type": "model", "id": slug, "display_name": slug, "created_at": "2025-01-01T00:00:00Z"})
}

fn codex_value(place: usize, slug: &str) -> Value {
    let effort = |effort: &str| json!({"effort": effort, "description": format!("{effort} reasoning effort")});
    json!({
        "slug": slug,
        "display_name": slug,
        "description": null,
        "default_reasoning_level": "medium",
        "supported_reasoning_levels": [effort("low"), effort("medium"), effort("high")],
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": true,
        "priority": place,
        "availability_nux": null,
        "upgrade": null,
        "base_instructions": "You are a coding agent. Work with the user on the task at hand.",
        "supports_reasoning_summaries": true,
        "support_verbosity": false,
        "default_verbosity": null,
        "apply_patch_tool_type": null,
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "supports_parallel_tool_calls": true,
        "context_window": 272_000,
        "effective_context_window_percent": 95,
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slugs(document: &str) -> Vec<String> {
        let document = ModelDocument::read(Bytes::copy_from_slice(document.as_bytes())).unwrap();
        document.listable().map(str::to_owned).collect()
    }

    #[test]
    fn a_model_has_the_efforts_that_its_list_tells() {
        let efforts = |levels: &str| {
            let document =
                format!(r#"{{"models":[{{"slug":"m","supported_reasoning_levels":{levels}}}]}}"#);
            ModelDocument::read(document.into())
                .unwrap()
                .models
                .remove(0)
                .efforts
        };
        assert_eq!(
            efforts(r#"[{"effort":"none"},{"effort":"low","description":"d"},{"effort":""}]"#),
            ["none", "low"]
        );
        for odd in ["null", "[]", "7", r#"["low"]"#, r#"[{"effort":7}]"#] {
            assert_eq!(efforts(odd), [""; 0], "{odd}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_no_model() {
        let is_name = |model: &str| checked_name(model.to_owned()).is_ok();
        assert!(is_name("ft:gpt-5.5:org/ação::1") && is_name(&"m".repeat(MAX_NAME_BYTES)));
        assert!(!is_name(&"m".repeat(MAX_NAME_BYTES + 1)));
        assert!(!is_name("m\nERROR made up"));
    }

    #[test]
    fn a_list_names_each_model_once_and_always_the_same_day() {
        assert_eq!(
            String::from_utf8(openai_list(["b", "org/a", "b"])).unwrap(),
            r#"{"object":"list","data":[{"id":"b","object":"model","created":1735689600,"owned_by":"openai"},{"id":"org/a","object":"model","created":1735689600,"owned_by":"openai"}]}"#
        );
        let one: Value = serde_json::from_slice(&openai_model("b")).unwrap();
        assert_eq!(one["object"], "model");
    }

    #[test]
    fn an_anthropic_list_has_pages_in_both_directions() {
        let page = |limit, after: Option<&str>, before: Option<&str>| {
            let page = Page {
                limit,
                after_id: after.map(str::to_owned),
                before_id: before.map(str::to_owned),
            };
            let list = anthropic_list(["a", "b", "c", "b", "d"], &page);
            let list: Value = serde_json::from_slice(&list).unwrap();
            let data = list["data"].as_array().unwrap();
            let ids: String = data
                .iter()
                .map(|model| model["id"].as_str().unwrap())
                .collect();
            let end = |name: &str| list[name].as_str().unwrap_or("-").to_owned();
            (
                ids,
                list["has_more"] == true,
                end("first_id"),
                end("last_id"),
            )
        };
        let told = |ids: &str, has_more, first: &str, last: &str| {
            (ids.to_owned(), has_more, first.to_owned(), last.to_owned())
        };
        assert_eq!(page(None, None, None), told("abcd", false, "a", "d"));
        assert_eq!(page(Some(3), None, None), told("abc", true, "a", "c"));
        assert_eq!(page(Some(3), Some("c"), None), told("d", false, "d", "d"));
        assert_eq!(page(Some(2), None, Some("d")), told("bc", true, "b", "c"));
        assert_eq!(page(Some(0), Some("d"), None), told("", false, "-", "-"));
        assert_eq!(page(None, Some("x"), None), told("", false, "-", "-"));
        let one: Value = serde_json::from_slice(&anthropic_model("a")).unwrap();
        assert_eq!(
            (&one["type"], &one["display_name"]),
            (&json!("model"), &json!("a"))
        );
    }

    #[test]
    fn a_codex_document_keeps_its_bytes_and_hides_what_is_hidden() {
        let raw = Bytes::from_static(
            br#"{"models":[{"slug":"a","visibility":"list","supported_in_api":false,"comp_hash":"x"},{"slug":"b","visibility":"hide"},{"slug":"c"},{"slug":""},7],"later":1}"#,
        );
        let document = ModelDocument::read(raw.clone()).unwrap();
        assert!(document.is_codex);
        assert_eq!(document.raw.as_ptr(), raw.as_ptr());
        assert_eq!(document.listable().collect::<Vec<_>>(), ["a", "c"]);
        let flags: Vec<(&str, bool, bool)> = document
            .models
            .iter()
            .map(|model| {
                (
                    model.slug.as_str(),
                    model.is_listable,
                    model.is_supported_in_api,
                )
            })
            .collect();
        assert_eq!(
            flags,
            [("a", true, false), ("b", false, true), ("c", true, true)]
        );
    }

    #[test]
    fn a_body_gets_the_model_that_the_path_names() {
        let with = |body: &'static str| {
            with_model(&Bytes::from_static(body.as_bytes()), "my-gpt")
                .map(|body| String::from_utf8(body.to_vec()).unwrap())
                .map_err(|error| error.message)
        };
        let same = r#"{ "x":1.50, "model" : "my-gpt" }"#;
        assert_eq!(with(same).as_deref(), Ok(same));
        assert_eq!(
            with(r#"{"x":1.50}"#).as_deref(),
            Ok(r#"{"x":1.50,"model":"my-gpt"}"#)
        );
        assert_eq!(
            with(r#"{"model":"gpt-4","x":1}"#).as_deref(),
            Ok(r#"{"model":"my-gpt","x":1}"#)
        );
        assert_eq!(
            with(r#"{"model":null}"#).as_deref(),
            Ok(r#"{"model":"my-gpt"}"#)
        );
        assert!(with("[1]").is_err() && with("").is_err());
    }

    #[test]
    fn an_openai_list_is_read_as_well() {
        assert_eq!(
            slugs(r#"{"object":"list","data":[{"id":"gpt-5.4","object":"model"},{"id":"x"}]}"#),
            ["gpt-5.4", "x"]
        );
    }

    #[test]
    fn anything_else_is_no_model_document() {
        for body in ["", "[]", "{}", "<html>", r#"{"models":{}}"#] {
            let read = ModelDocument::read(Bytes::copy_from_slice(body.as_bytes()));
            assert_eq!(read, Err(ModelsError::UnknownShape), "{body}");
        }
    }

    #[test]
    fn plain_names_become_a_document_that_the_old_codex_parser_accepts() {
        const REQUIRED: [&str; 19] = [
            "slug",
            "display_name",
            "description",
            "supported_reasoning_levels",
            "shell_type",
            "visibility",
            "supported_in_api",
            "priority",
            "availability_nux",
            "upgrade",
            "base_instructions",
            "supports_reasoning_summaries",
            "support_verbosity",
            "default_verbosity",
            "apply_patch_tool_type",
            "truncation_policy",
            "supports_parallel_tool_calls",
            "experimental_supported_tools",
            "context_window",
        ];
        let list: Value = serde_json::from_slice(&codex_list(["a", "b"])).unwrap();
        for model in list["models"].as_array().unwrap() {
            for name in REQUIRED {
                assert!(model.get(name).is_some(), "{name} is missing");
            }
        }
        assert_eq!(slugs(&list.to_string()), ["a", "b"]);
    }
}
