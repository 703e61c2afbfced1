//! The models of both sides: the catalogue that Codex asks for, and the plain list of the platform.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::SystemTime,
};

use http::{HeaderMap, Response};
use serde_json::{Value, json};

use super::{
    account::Account,
    body::Body,
    door::{Side, authorise},
    http_reply::HttpReply,
    server::Shared,
    usage::limit_headers,
};

/// Fixed, so that two answers are equal.
const CREATED: u64 = 1_770_000_000;

#[derive(Clone, Copy)]
struct Model<'a> {
    slug: &'a str,
    name: &'a str,
    context_window: u64,
    default_effort: &'a str,
    is_listed: bool,
    is_supported_in_api: bool,
}

/// A part of the catalogue of August 2026 (codex-rs/protocol/src/openai_models.rs).
const CATALOGUE: [Model<'static>; 5] = [
    Model {
        slug: "gpt-5.5",
        name: "GPT-5.5",
        context_window: 272_000,
        default_effort: "medium",
        is_listed: true,
        is_supported_in_api: true,
    },
    Model {
        slug: "gpt-5.4",
        name: "GPT-5.4",
        context_window: 272_000,
        default_effort: "medium",
        is_listed: true,
        is_supported_in_api: true,
    },
    Model {
        slug: "gpt-5.4-mini",
        name: "GPT-5.4 Mini",
        context_window: 272_000,
        default_effort: "medium",
        is_listed: true,
        is_supported_in_api: true,
    },
    Model {
        slug: "gpt-5.3-codex-spark",
        name: "GPT-5.3 Codex Spark",
        context_window: 128_000,
        default_effort: "high",
        is_listed: true,
        is_supported_in_api: false,
    },
    Model {
        slug: "codex-auto-review",
        name: "Codex Auto Review",
        context_window: 272_000,
        default_effort: "medium",
        is_listed: false,
        is_supported_in_api: false,
    },
];

/// Whether a request of this account for this model is answered.
pub(super) fn serves(side: Side, account: &Account, slug: &str) -> bool {
    models_of(side, account)
        .iter()
        .any(|model| model.slug == slug)
}

/// `GET /backend-api/codex/models?client_version=…`.
pub(super) fn catalogue(shared: &Shared, headers: &HeaderMap, query: &str) -> Response<Body> {
    let account = match authorise(shared, Side::ChatGpt, headers) {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    let limits = limit_headers(&account, SystemTime::now());
    let has_version = url::form_urlencoded::parse(query.as_bytes())
        .any(|(key, value)| key == "client_version" && !value.is_empty());
    if !has_version {
        // A list under `detail` is how the backend's framework words a bad query; that it does so here is a guess.
        let missing = json!([{ "type": "missing", "loc": ["query", "client_version"], "msg": "Field required" }]);
        return HttpReply::json(400, &json!({ "detail": missing }))
            .headers(limits)
            .into_response();
    }
    let models: Vec<Value> = models_of(Side::ChatGpt, &account)
        .iter()
        .enumerate()
        .map(|(priority, model)| model_info(model, priority))
        .collect();
    let body = json!({ "models": models });
    HttpReply::json(200, &body)
        .header("etag", etag(&body))
        .headers(limits)
        .into_response()
}

/// `GET /v1/models`, and `GET /v1/models/{id}` with the id.
pub(super) fn list(shared: &Shared, headers: &HeaderMap, id: Option<&str>) -> Response<Body> {
    list_of(shared, Side::Platform, headers, id)
}

/// The same list on another side that has one.
pub(super) fn list_of(
    shared: &Shared,
    side: Side,
    headers: &HeaderMap,
    id: Option<&str>,
) -> Response<Body> {
    let account = match authorise(shared, side, headers) {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    let mut models = models_of(side, &account).into_iter().map(|model| {
        json!({
            "id": model.slug,
            "object": "model",
            "created": CREATED,
            "owned_by": "openai",
        })
    });
    let reply = match id {
        None => {
            let data: Vec<Value> = models.collect();
            HttpReply::json(200, &json!({ "object": "list", "data": data }))
        }
        Some(id) => models.find(|model| model["id"] == id).map_or_else(
            || {
                let message = format!("The model '{id}' does not exist");
                HttpReply::error(404, "invalid_request_error", "model_not_found", &message)
            },
            |model| HttpReply::json(200, &model),
        ),
    };
    reply.into_response()
}

fn models_of(side: Side, account: &Account) -> Vec<Model<'_>> {
    match &account.models {
        Some(slugs) => slugs.iter().map(|slug| offered(slug)).collect(),
        None => CATALOGUE
            .into_iter()
            .filter(|model| side == Side::ChatGpt || model.is_supported_in_api)
            .collect(),
    }
}

/// A slug that the catalogue does not know is offered under its own name with customary values.
fn offered(slug: &str) -> Model<'_> {
    CATALOGUE
        .into_iter()
        .find(|model| model.slug == slug)
        .unwrap_or(Model {
            slug,
            name: slug,
            context_window: 272_000,
            default_effort: "medium",
            is_listed: true,
            is_supported_in_api: true,
        })
}

/// All fields that the CLI's parser requires, and the customary others (codex-rs/protocol/src/openai_models.rs).
fn model_info(model: &Model<'_>, priority: usize) -> Value {
    let efforts = ["low", "medium", "high", "xhigh"].map(
        |effort| json!({ "effort": effort, "description": format!("{effort} reasoning effort") }),
    );
    json!({
        "slug": model.slug,
        "display_name": model.name,
        "description": format!("{} (simulated)", model.name),
        "default_reasoning_level": model.default_effort,
        "supported_reasoning_levels": efforts,
        "shell_type": "shell_command",
        "visibility": if model.is_listed { "list" } else { "hide" },
        "minimal_client_version": "0.98.0",
        "supported_in_api": model.is_supported_in_api,
        "priority": priority,
        "availability_nux": null,
        "upgrade": null,
        "base_instructions": "You are a coding agent.",
        "supports_reasoning_summaries": true,
        "default_reasoning_summary": "auto",
        "support_verbosity": true,
        "default_verbosity": "low",
        "apply_patch_tool_type": "freeform",
        "truncation_policy": { "mode": "tokens", "limit": 10_000 },
        "supports_parallel_tool_calls": true,
        "context_window": model.context_window,
        "max_context_window": model.context_window,
        "effective_context_window_percent": 95,
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"],
        "available_in_plans": ["free", "plus", "pro", "team", "business", "enterprise", "edu"],
    })
}

/// Changes with the document, and only then.
fn etag(body: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    body.to_string().hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}
