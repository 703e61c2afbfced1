//! Content blocks of a message, as parts of a Responses item.

use serde_json::{Value, json};

use crate::translate::RequestError;
use crate::translate::chat::fields::{Fields, Place};

/// The blocks of a content, which may also be a plain string.
///
/// # Errors
/// When it is neither.
pub(super) fn blocks_of(content: Value, place: &Place<'_>) -> Result<Vec<Value>, RequestError> {
    match content {
        Value::String(text) => Ok(vec![json!({"type": "text", "text": text})]),
        Value::Array(blocks) => Ok(blocks),
        _ => Err(place.error("must be a string or an array of blocks")),
    }
}

/// The text of a `text` block.
///
/// # Errors
/// When there is none.
pub(super) fn text_of(block: &mut Fields<'_>) -> Result<String, RequestError> {
    block
        .string("text")?
        .ok_or_else(|| block.wrong("text", "is missing"))
}

/// What a user or a tool shows to the model: a text, an image, a document, a search result.
///
/// # Errors
/// When the block is of another type, or its content is somewhere that no upstream can reach.
pub(super) fn input_parts(
    kind: &str,
    block: &mut Fields<'_>,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, RequestError> {
    match kind {
        "text" => Ok(vec![input_text(text_of(block)?)]),
        "image" => Ok(vec![image(block, dropped)?]),
        "document" => document(block, dropped),
        "search_result" => Ok(vec![search_result(block, dropped)?]),
        _ => Err(block.place.error(format_args!(
            "has the type {kind:?}; a text, an image, a document or a tool_result is possible here"
        ))),
    }
}

/// Whether [`input_parts`] knows the type.
pub(super) fn is_input(kind: &str) -> bool {
    matches!(kind, "text" | "image" | "document" | "search_result")
}

pub(super) fn input_text(text: impl Into<Value>) -> Value {
    json!({"type": "input_text", "text": text.into()})
}

fn image(block: &mut Fields<'_>, dropped: &mut Vec<String>) -> Result<Value, RequestError> {
    let place = Place::Field(block.place, "source");
    let mut source = source_of(block, &place)?;
    let kind = source.required_string("type")?;
    let url = match kind.as_str() {
        "base64" => data_url(&mut source)?,
        "url" => source.required_string("url")?,
        _ => return Err(elsewhere(&source, &kind)),
    };
    source.drop_rest(dropped);
    Ok(json!({"type": "input_image", "image_url": url, "detail": "auto"}))
}

fn document(block: &mut Fields<'_>, dropped: &mut Vec<String>) -> Result<Vec<Value>, RequestError> {
    let title = block.string("title")?;
    let context = block.string("context")?;
    let place = Place::Field(block.place, "source");
    let mut source = source_of(block, &place)?;
    let kind = source.required_string("type")?;
    let mut parts = Vec::new();
    let mut heading: Vec<String> = Vec::new();
    match kind.as_str() {
        "base64" => {
            let data = data_url(&mut source)?;
            let name = file_name(title);
            parts.push(json!({"type": "input_file", "filename": name, "file_data": data}));
        }
        "url" => {
            let url = source.required_string("url")?;
            heading.extend(title);
            parts.push(json!({"type": "input_file", "file_url": url}));
        }
        "text" => {
            source.take("media_type"); // there is only text/plain
            heading.extend(title);
            parts.push(input_text(source.required_string("data")?));
        }
        "content" => {
            heading.extend(title);
            let place = Place::Field(source.place, "content");
            let content = source.take("content").unwrap_or_default();
            for (index, block) in blocks_of(content, &place)?.into_iter().enumerate() {
                let place = Place::Element(&place, index);
                let mut block = Fields::new(block, &place)?;
                let kind = block.required_string("type")?;
                parts.extend(input_parts(&kind, &mut block, dropped)?);
                block.drop_rest(dropped);
            }
        }
        _ => return Err(elsewhere(&source, &kind)),
    }
    source.drop_rest(dropped);
    heading.extend(context);
    if !heading.is_empty() {
        parts.insert(0, input_text(heading.join("\n\n")));
    }
    Ok(parts)
}

fn search_result(block: &mut Fields<'_>, dropped: &mut Vec<String>) -> Result<Value, RequestError> {
    let place = Place::Field(block.place, "content");
    let mut texts = Vec::new();
    texts.extend(block.string("title")?);
    texts.extend(block.string("source")?);
    let content = block.take("content").unwrap_or_else(|| json!([]));
    for (index, part) in blocks_of(content, &place)?.into_iter().enumerate() {
        let place = Place::Element(&place, index);
        let mut part = Fields::new(part, &place)?;
        part.take("type");
        texts.push(text_of(&mut part)?);
        part.drop_rest(dropped);
    }
    Ok(input_text(texts.join("\n\n")))
}

fn source_of<'p>(block: &mut Fields<'_>, place: &'p Place<'p>) -> Result<Fields<'p>, RequestError> {
    let source = block
        .take("source")
        .ok_or_else(|| place.error("is missing"))?;
    Fields::new(source, place)
}

fn data_url(source: &mut Fields<'_>) -> Result<String, RequestError> {
    let media_type = source.required_string("media_type")?;
    let data = source.required_string("data")?;
    Ok(format!("data:{media_type};base64,{data}"))
}

/// An upload lives with Anthropic, and no account here can read it.
fn elsewhere(source: &Fields<'_>, kind: &str) -> RequestError {
    source.wrong(
        "type",
        format_args!("is {kind:?}; send the content itself, or the address of it"),
    )
}

/// Upstreams go by the ending.
fn file_name(title: Option<String>) -> String {
    match title.filter(|title| !title.trim().is_empty()) {
        Some(title) if title.to_ascii_lowercase().ends_with(".pdf") => title,
        Some(title) => format!("{title}.pdf"),
        None => "document.pdf".to_owned(),
    }
}
