//! What the upstreams refuse in a request for a response, before anything else happens.
//!
//! The lists are those that CLIProxyAPI (codex_executor_request.go) and codex-lb (app/core/openai/requests.py) work around. Where the real wording is not known, the wording here is
//! this project's own; the status and the shape of the body are what callers act on.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{account::Account, door::Side, endpoint, http_reply::HttpReply, models};

/// Refused by the ChatGPT backend with 400 `Unsupported parameter`.
const UNSUPPORTED: [&str; 23] = [
    "background",
    "context_management",
    "conversation",
    "frequency_penalty",
    "logit_bias",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_tool_calls",
    "metadata",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "seed",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// The longest tool name and call id that both sides take.
const MAX_NAME_CHARS: usize = 64;

/// Marks the encrypted reasoning that this simulator hands out.
const SEAL: &str = "simulated-encrypted-";

/// The request as JSON, or the refusal.
pub(super) fn check(
    side: Side,
    account: &Account,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Value, HttpReply> {
    let request = read(side, headers, body)?;
    check_model(side, account, &request)?;
    if side == Side::ChatGpt {
        check_chatgpt(&request)?;
    }
    check_lengths(&request)?;
    check_encrypted(account, &request)?;
    Ok(request)
}

/// The same for the endpoint that compacts: it neither streams nor stores.
pub(super) fn check_compaction(
    side: Side,
    account: &Account,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(), HttpReply> {
    let request = read(side, headers, body)?;
    check_model(side, account, &request)?;
    let unknown = ["stream", "store", "include"];
    if let Some(name) = unknown.into_iter().find(|name| request.get(name).is_some()) {
        let message = format!("Unsupported parameter: {name}");
        return Err(refusal(side, 400, &message));
    }
    check_lengths(&request)?;
    check_encrypted(account, &request)
}

fn read(side: Side, headers: &HeaderMap, body: &Bytes) -> Result<Value, HttpReply> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(refusal(
            side,
            415,
            "the simulator reads no compressed bodies",
        ));
    }
    let request: Value = serde_json::from_slice(body)
        .map_err(|error| refusal(side, 400, &format!("the body is not JSON: {error}")))?;
    if !request.is_object() {
        return Err(refusal(side, 400, "the body is not a JSON object"));
    }
    Ok(request)
}

fn check_model(side: Side, account: &Account, request: &Value) -> Result<(), HttpReply> {
    let model = request.get("model").and_then(Value::as_str);
    let Some(model) = model else {
        return Err(refusal(side, 400, "Missing required parameter: 'model'."));
    };
    if models::serves(side, account, model) {
        return Ok(());
    }
    Err(match side {
        Side::ChatGpt => HttpReply::detail(
            400,
            format!(
                "The '{model}' model is not supported when using Codex with a ChatGPT account."
            ),
        ),
        Side::Azure | Side::Compatible => endpoint::no_such_model(side, model),
        Side::Platform => HttpReply::error(
            404,
            "invalid_request_error",
            "model_not_found",
            &format!("The model `{model}` does not exist or you do not have access to it."),
        ),
    })
}

fn check_chatgpt(request: &Value) -> Result<(), HttpReply> {
    let refuse = |detail: &str| Err(HttpReply::detail(400, detail));
    if request.get("stream") != Some(&Value::Bool(true)) {
        return refuse("Stream must be set to true");
    }
    if request.get("store") != Some(&Value::Bool(false)) {
        return refuse("Store must be set to false");
    }
    let unsupported = UNSUPPORTED
        .into_iter()
        .find(|name| request.get(name).is_some());
    if let Some(name) = unsupported {
        return refuse(&format!("Unsupported parameter: {name}"));
    }
    if contains_key(request.get("input"), "prompt_cache_breakpoint") {
        return refuse("Unsupported parameter: prompt_cache_breakpoint");
    }
    let tier = request.get("service_tier").and_then(Value::as_str);
    // The CLI itself sends both (codex-rs/codex-api/src/common.rs).
    if let Some(tier) = tier.filter(|tier| !matches!(*tier, "priority" | "flex")) {
        return refuse(&format!("Unsupported service_tier: {tier}"));
    }
    let Some(input) = request.get("input").and_then(Value::as_array) else {
        return refuse("Input must be a list");
    };
    let is_system = |item: &Value| item.get("role").is_some_and(|role| role == "system");
    if input.iter().any(is_system) {
        return refuse("System messages are not allowed");
    }
    let preview = tools(request)
        .filter_map(|tool| tool.get("type")?.as_str())
        .find(|kind| kind.starts_with("web_search_preview"));
    match preview {
        Some(kind) => refuse(&format!("Unsupported tool type: {kind}")),
        None => Ok(()),
    }
}

/// Tool names and call ids have a limit on both sides.
fn check_lengths(request: &Value) -> Result<(), HttpReply> {
    let names = tools(request)
        .enumerate()
        .map(|(index, tool)| (format!("tools[{index}].name"), tool.get("name")));
    let call_ids = items(request)
        .enumerate()
        .map(|(index, item)| (format!("input[{index}].call_id"), item.get("call_id")));
    let too_long = names.chain(call_ids).find_map(|(place, value)| {
        let length = value?.as_str()?.chars().count();
        (length > MAX_NAME_CHARS).then_some((place, length))
    });
    let Some((place, length)) = too_long else {
        return Ok(());
    };
    Err(HttpReply::json(
        400,
        &json!({ "error": {
            "message": format!(
                "Invalid '{place}': string too long. Expected a string with maximum length {MAX_NAME_CHARS}, \
                 but got a string with length {length} instead."
            ),
            "type": "invalid_request_error",
            "param": place,
            "code": "string_above_max_length",
        }}),
    ))
}

/// Encrypted reasoning is bound to the workspace that made it (codex-rs/protocol/src/models.rs). Content not made here passes.
fn check_encrypted(account: &Account, request: &Value) -> Result<(), HttpReply> {
    let own = seal(account);
    let is_foreign = items(request)
        .filter_map(|item| item.get("encrypted_content")?.as_str())
        .any(|content| content.starts_with(SEAL) && content != own);
    if is_foreign {
        return Err(HttpReply::error(
            400,
            "invalid_request_error",
            "invalid_encrypted_content",
            "The encrypted content could not be verified.",
        ));
    }
    Ok(())
}

/// The encrypted reasoning of this account's workspace.
pub(super) fn seal(account: &Account) -> String {
    let workspace = BASE64_URL_SAFE_NO_PAD.encode(&account.workspace_id);
    format!("{SEAL}{workspace}")
}

fn items(request: &Value) -> impl Iterator<Item = &Value> {
    list(request, "input")
}

fn tools(request: &Value) -> impl Iterator<Item = &Value> {
    list(request, "tools")
}

fn list<'a>(request: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    request
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn contains_key(value: Option<&Value>, key: &str) -> bool {
    match value {
        Some(Value::Object(fields)) => {
            fields.contains_key(key) || fields.values().any(|value| contains_key(Some(value), key))
        }
        Some(Value::Array(items)) => items.iter().any(|item| contains_key(Some(item), key)),
        _ => false,
    }
}

fn refusal(side: Side, status: u16, message: &str) -> HttpReply {
    match side {
        Side::ChatGpt => HttpReply::detail(status, message),
        Side::Azure => endpoint::azure_error(status, "BadRequest", message),
        Side::Platform | Side::Compatible => HttpReply::error(
            status,
            "invalid_request_error",
            "invalid_request_error",
            message,
        ),
    }
}
