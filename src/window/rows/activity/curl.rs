//! A command that sends a request of the same kind to the router: with a text and a key to fill in, and nothing of the one that
//! was.

use serde_json::{Value, json};

use crate::desk::record::RequestRecord;

/// What is to be written by whoever uses it.
const TEXT: &str = "YOUR TEXT";
const KEY: &str = "YOUR_KEY";

/// `base_url` is what an app is given, and ends in `/v1`. Quoted for a shell of Unix.
pub fn of(record: &RequestRecord, base_url: &str) -> String {
    let model = record.model.as_str();
    let (path, body) = match record.dialect.as_str() {
        "chat" => (
            "chat/completions",
            Body::Json(json!({"model": model, "messages": [{"role": "user", "content": TEXT}]})),
        ),
        "completions" => (
            "completions",
            Body::Json(json!({"model": model, "prompt": TEXT})),
        ),
        "compaction" => ("responses/compact", Body::Json(input(model))),
        "embeddings" => ("embeddings", Body::Json(input(model))),
        "moderations" => ("moderations", Body::Json(input(model))),
        "messages" => ("messages", Body::Json(messages(model, Some(1_024)))),
        "count_tokens" => ("messages/count_tokens", Body::Json(messages(model, None))),
        "images" => (
            "images/generations",
            Body::Json(json!({"model": model, "prompt": TEXT})),
        ),
        "image edits" => (
            "images/edits",
            Body::Form(&["image=@image.png", "prompt=YOUR TEXT"]),
        ),
        "image variations" => ("images/variations", Body::Form(&["image=@image.png"])),
        "speech" => (
            "audio/speech",
            Body::Json(json!({"model": model, "input": TEXT, "voice": "alloy"})),
        ),
        "transcriptions" => ("audio/transcriptions", Body::Form(&["file=@sound.mp3"])),
        "translations" => ("audio/translations", Body::Form(&["file=@sound.mp3"])),
        _ => ("responses", Body::Json(input(model))),
    };
    let mut lines = vec![
        format!("curl {}", quoted(&format!("{base_url}/{path}"))),
        format!("-H 'authorization: Bearer {KEY}'"),
    ];
    match body {
        Body::Json(body) => {
            lines.push("-H 'content-type: application/json'".to_owned());
            lines.push(format!("-d {}", quoted(&body.to_string())));
        }
        Body::Form(fields) => {
            let model = format!("model={model}");
            let fields = fields.iter().copied().chain([model.as_str()]);
            // A value that begins with @ would be read from a file.
            lines.extend(
                fields.map(|field| match field.contains("=@") && field != model {
                    true => format!("-F {}", quoted(field)),
                    false => format!("--form-string {}", quoted(field)),
                }),
            );
        }
    }
    lines.join(" \\\n  ")
}

enum Body {
    Json(Value),
    /// Beside the model.
    Form(&'static [&'static str]),
}

fn input(model: &str) -> Value {
    json!({"model": model, "input": TEXT})
}

fn messages(model: &str, max_tokens: Option<u32>) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": TEXT}]});
    if let Some(most) = max_tokens {
        body["max_tokens"] = most.into();
    }
    body
}

/// Clients make up models: between single quotes a shell reads nothing but a single quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
