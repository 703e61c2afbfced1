//! What the platform offers beside responses, as far as clients of a router ask for it: embeddings, moderations, speech, images.
//!
//! Shapes: openai-python 3.3.1, `types/create_embedding_response.py`, `types/moderation_create_response.py`, `types/audio/`.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Response, header};
use serde_json::{Value, json};

use super::{
    body::Body,
    door::{Side, authorise},
    events::{Event, stream_bytes},
    http_reply::HttpReply,
    reply::Answer,
    server::Shared,
    turn::{PICTURE, image_usage},
};
use crate::translate::form::{self, Part};

/// What the simulator says in a sound: the beginning of an MP3 file, and the text behind it.
const SOUND: &[u8] = b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00";

/// The components of every embedding.
const VECTOR: [f32; 3] = [0.25, -0.5, 1.0];

/// One of the paths below `/v1/` that this file knows.
pub(super) fn knows(path: &str) -> bool {
    matches!(
        path,
        "/v1/embeddings"
            | "/v1/images/edits"
            | "/v1/images/generations"
            | "/v1/images/variations"
            | "/v1/moderations"
            | "/v1/audio/speech"
            | "/v1/audio/transcriptions"
            | "/v1/audio/translations"
    )
}

/// `POST` to such a path. A script that is a whole HTTP reply, a limit or a refused key replaces the answer.
pub(super) fn answer(
    shared: &Shared,
    path: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    let reply = match authorise(shared, Side::Platform, headers) {
        Ok(account) => {
            let script = shared
                .accounts()
                .with(&account.name, |entry| entry.replies.take());
            match script.map(|script| script.answer) {
                Some(Answer::Http(reply)) => reply,
                Some(Answer::Throttled(after)) => HttpReply::error(
                    429,
                    "requests",
                    "rate_limit_exceeded",
                    "Rate limit reached.",
                )
                .header("retry-after", after.as_secs().to_string()),
                Some(Answer::Unauthorized) => super::door::bad_api_key(),
                _ => own_answer(path, headers, body),
            }
        }
        Err(refusal) => refusal,
    };
    reply.into_response()
}

pub(super) fn own_answer(path: &str, headers: &HeaderMap, body: &Bytes) -> HttpReply {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if matches!(path, "/v1/images/edits" | "/v1/images/variations") {
        return redrawn(path, content_type, body);
    }
    if path.starts_with("/v1/audio/trans") {
        return text_of_sound(content_type, body);
    }
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) if content_type.starts_with("application/json") => request,
        _ => return bad_request("the body is not JSON"),
    };
    match path {
        "/v1/embeddings" => embeddings(&request),
        "/v1/audio/speech" => speech(&request),
        "/v1/images/generations" => images(&request),
        _ => moderations(&request),
    }
}

/// `base64` is what the SDK asks for: the components as little-endian 32-bit numbers.
fn embeddings(request: &Value) -> HttpReply {
    let Some(model) = request.get("model").and_then(Value::as_str) else {
        return bad_request("Missing required parameter: 'model'.");
    };
    let count = match request.get("input") {
        Some(Value::String(_)) => 1,
        Some(Value::Array(inputs)) if inputs.iter().all(Value::is_number) => 1,
        Some(Value::Array(inputs)) => inputs.len(),
        _ => return bad_request("Missing required parameter: 'input'."),
    };
    let bytes: Vec<u8> = VECTOR.iter().flat_map(|part| part.to_le_bytes()).collect();
    let vector = match request.get("encoding_format").and_then(Value::as_str) {
        Some("base64") => json!(BASE64_STANDARD.encode(bytes)),
        _ => json!(VECTOR),
    };
    let data: Vec<Value> = (0..count)
        .map(|index| json!({ "object": "embedding", "index": index, "embedding": vector }))
        .collect();
    HttpReply::json(
        200,
        &json!({
            "object": "list",
            "data": data,
            "model": model,
            "usage": { "prompt_tokens": 4, "total_tokens": 4 },
        }),
    )
}

fn images(request: &Value) -> HttpReply {
    if request.get("prompt").is_none() {
        return bad_request("Missing required parameter: 'prompt'.");
    }
    let count = request.get("n").and_then(Value::as_u64).unwrap_or(1);
    let data: Vec<Value> = (0..count.min(10)).map(|_| picture()).collect();
    HttpReply::json(200, &json!({ "created": 1_770_000_000, "data": data }))
}

/// A picture out of pictures: a form, or JSON in the shape of Codex. An edit can be streamed.
fn redrawn(path: &str, content_type: &str, body: &Bytes) -> HttpReply {
    let (seen, is_stream) = if form::is_form(content_type) {
        let parts = match form::read(content_type, body) {
            Ok(parts) => parts,
            Err(error) => return bad_request(&error.message),
        };
        let seen = parts.iter().filter(|part| part.name.starts_with("image"));
        let is_stream = |part: &Part| part.name == "stream" && part.bytes == "true";
        (seen.count(), parts.iter().any(is_stream))
    } else {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let seen = request.get("images").and_then(Value::as_array);
        let is_stream = request.get("stream") == Some(&Value::Bool(true));
        (seen.map_or(0, Vec::len), is_stream)
    };
    if seen == 0 {
        return bad_request("Missing required parameter: 'image'.");
    }
    let usage = image_usage(1, seen as u64);
    if !is_stream || path != "/v1/images/edits" {
        let document = json!({ "created": 1_770_000_000, "data": [picture()], "usage": usage });
        return HttpReply::json(200, &document);
    }
    let look = Event::new("image_edit.partial_image", [])
        .with("b64_json", PICTURE.into())
        .with("partial_image_index", 0.into());
    let whole = Event::new("image_edit.completed", [])
        .with("b64_json", PICTURE.into())
        .with("usage", usage);
    HttpReply::new(200, stream_bytes([&look, &whole])).header("content-type", "text/event-stream")
}

fn picture() -> Value {
    json!({ "b64_json": PICTURE })
}

fn speech(request: &Value) -> HttpReply {
    let Some(text) = request.get("input").and_then(Value::as_str) else {
        return bad_request("Missing required parameter: 'input'.");
    };
    let mut sound = SOUND.to_vec();
    sound.extend_from_slice(text.as_bytes());
    HttpReply::new(200, sound).header("content-type", "audio/mpeg")
}

/// Tells how many bytes it heard.
fn text_of_sound(content_type: &str, body: &Bytes) -> HttpReply {
    let has_file = memchr::memmem::find(body, b"name=\"file\"").is_some();
    if !content_type.starts_with("multipart/form-data; boundary=") || !has_file {
        return bad_request("Missing required parameter: 'file'.");
    }
    let text = format!("The simulator heard {} bytes.", body.len());
    HttpReply::json(
        200,
        &json!({ "text": text, "usage": { "type": "tokens", "input_tokens": 7, "output_tokens": 5, "total_tokens": 12 } }),
    )
}

fn moderations(request: &Value) -> HttpReply {
    if request.get("input").is_none() {
        return bad_request("Missing required parameter: 'input'.");
    }
    let result = json!({ "flagged": false, "categories": {}, "category_scores": {}, "category_applied_input_types": {} });
    HttpReply::json(
        200,
        &json!({ "id": "modr-simulated", "model": "omni-moderation-latest", "results": [result] }),
    )
}

fn bad_request(message: &str) -> HttpReply {
    HttpReply::error(
        400,
        "invalid_request_error",
        "invalid_request_error",
        message,
    )
}
