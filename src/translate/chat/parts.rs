//! Content of messages: a string or a list of parts, in the words of the other dialect.

use serde_json::{Map, Value, json};

use super::fields::{Fields, Place};
use crate::translate::RequestError;

/// Who says it decides the names of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// User, system and developer: `input_text` and friends.
    Input,
    /// The model: `output_text`; an `input_text` of the assistant is a 400.
    Assistant,
}

impl Speaker {
    fn text(self, text: impl Into<Value>) -> Value {
        match self {
            Self::Input => json!({"type": "input_text", "text": text.into()}),
            Self::Assistant => json!({"type": "output_text", "text": text.into()}),
        }
    }
}

/// The parts of a message. An empty text of the user stays a part; of the assistant it says nothing and is left out.
pub(super) fn message_parts(
    content: Value,
    speaker: Speaker,
    place: &Place<'_>,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, RequestError> {
    let mut parts = match content {
        Value::String(text) => vec![speaker.text(text)],
        Value::Array(parts) => {
            let parts = parts.into_iter().enumerate();
            let parts = parts.map(|(index, part)| {
                message_part(part, speaker, &Place::Element(place, index), dropped)
            });
            parts.collect::<Result<Vec<Value>, RequestError>>()?
        }
        _ => return Err(place.error("must be a string or an array of parts")),
    };
    match speaker {
        Speaker::Input if parts.is_empty() => parts.push(speaker.text("")),
        Speaker::Input => {}
        Speaker::Assistant => {
            parts.retain(|part| part.get("text").and_then(Value::as_str) != Some(""))
        }
    }
    Ok(parts)
}

/// What a tool answered: text if it is only text, parts if there is an image or a file, JSON text for anything else.
pub(super) fn tool_output(
    content: Value,
    place: &Place<'_>,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    match content {
        Value::Null => Ok(json!("")),
        Value::String(text) => Ok(Value::String(text)),
        Value::Array(parts) if parts.iter().all(is_part) => {
            let parts = parts.into_iter().enumerate();
            let parts: Vec<Value> = parts
                .map(|(index, part)| {
                    message_part(part, Speaker::Input, &Place::Element(place, index), dropped)
                })
                .collect::<Result<_, _>>()?;
            let is_text =
                |part: &Value| part.get("type").and_then(Value::as_str) == Some("input_text");
            if !parts.iter().all(is_text) {
                return Ok(Value::Array(parts));
            }
            let texts = parts
                .iter()
                .filter_map(|part| part.get("text").and_then(Value::as_str));
            Ok(Value::String(texts.collect()))
        }
        other => Ok(Value::String(other.to_string())),
    }
}

/// Whether an element of a tool's answer means to be a content part.
fn is_part(value: &Value) -> bool {
    value.is_string() || value.get("type").is_some_and(Value::is_string)
}

fn message_part(
    part: Value,
    speaker: Speaker,
    place: &Place<'_>,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    if let Value::String(text) = part {
        return Ok(speaker.text(text));
    }
    let mut part = Fields::new(part, place)?;
    let kind = part.required_string("type")?;
    let mut made = match (kind.as_str(), speaker) {
        ("text" | "input_text" | "output_text", _) => {
            let text = part
                .string("text")?
                .ok_or_else(|| part.wrong("text", "is missing"))?;
            speaker.text(text)
        }
        ("refusal", Speaker::Assistant) => {
            json!({"type": "refusal", "refusal": part.required_string("refusal")?})
        }
        ("image_url" | "input_image", Speaker::Input) => image(&mut part, dropped)?,
        ("file" | "input_file", Speaker::Input) => file(&kind, &mut part, dropped)?,
        ("input_audio", Speaker::Input) => {
            return Err(place
                .error("is audio, which no upstream of this router can hear; send a transcript"));
        }
        (kind, Speaker::Input) => {
            return Err(place.error(format_args!(
                "has the type {kind:?}; a text, an image or a file is possible here"
            )));
        }
        (kind, Speaker::Assistant) => {
            return Err(place.error(format_args!(
                "has the type {kind:?}; an assistant says text or a refusal"
            )));
        }
    };
    if let (Some(mark), Value::Object(made)) = (part.take("prompt_cache_breakpoint"), &mut made) {
        made.insert("prompt_cache_breakpoint".to_owned(), mark);
    }
    part.drop_rest(dropped);
    Ok(made)
}

/// `image_url` is an object in one dialect and a string in the other; both are understood.
fn image(part: &mut Fields<'_>, dropped: &mut Vec<String>) -> Result<Value, RequestError> {
    let mut detail = part.string("detail")?;
    let url = match part.take("image_url") {
        Some(Value::String(url)) => url,
        Some(image) => {
            let place = Place::Field(part.place, "image_url");
            let mut image = Fields::new(image, &place)?;
            let url = image.required_string("url")?;
            detail = image.string("detail")?.or(detail);
            image.drop_rest(dropped);
            url
        }
        None if part.has("file_id") => return Err(uploaded_file(part)),
        None => return Err(part.wrong("image_url", "is missing")),
    };
    let detail = detail.unwrap_or_else(|| "auto".to_owned());
    Ok(json!({"type": "input_image", "image_url": url, "detail": detail}))
}

/// A file of a chat is nested, one of Responses is flat; both are understood.
fn file(
    kind: &str,
    part: &mut Fields<'_>,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    if kind == "input_file" {
        return file_fields(part);
    }
    let place = Place::Field(part.place, "file");
    let Some(file) = part.take("file") else {
        return Err(place.error("is missing"));
    };
    let mut file = Fields::new(file, &place)?;
    let made = file_fields(&mut file)?;
    file.drop_rest(dropped);
    Ok(made)
}

fn file_fields(file: &mut Fields<'_>) -> Result<Value, RequestError> {
    if file.has("file_id") {
        return Err(uploaded_file(file));
    }
    let mut made = Map::new();
    made.insert("type".to_owned(), json!("input_file"));
    for name in ["file_data", "file_url", "filename"] {
        if let Some(text) = file.string(name)? {
            made.insert(name.to_owned(), Value::String(text));
        }
    }
    if made.contains_key("file_data") || made.contains_key("file_url") {
        Ok(Value::Object(made))
    } else {
        Err(file.wrong("file_data", "is missing"))
    }
}

/// An uploaded file belongs to one account, and the router may choose another.
fn uploaded_file(fields: &Fields<'_>) -> RequestError {
    fields.wrong(
        "file_id",
        "is known only to the account that uploaded it; send the content as `file_data`",
    )
}
