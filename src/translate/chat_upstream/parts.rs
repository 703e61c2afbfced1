//! The content of messages and of tool results, as chats spell it.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::tools::{kind_of, text_at};
use crate::translate::RequestError;

/// Content of a message that speaks to the model. Texts alone become one text: there are servers that know nothing else.
///
/// # Errors
/// When a part is only a reference to what another service keeps.
pub(super) fn content_from(
    content: Value,
    place: &str,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let parts = match content {
        Value::Array(parts) => parts,
        Value::Null => return Ok(json!("")),
        text => return Ok(text),
    };
    if parts.iter().all(is_text) {
        return Ok(Value::String(texts(&parts, "\n\n")));
    }
    let mut made = Vec::with_capacity(parts.len());
    for (nth, part) in parts.iter().enumerate() {
        made.extend(part_from(
            part,
            &format!("{place}.content[{nth}]"),
            dropped,
        )?);
    }
    Ok(Value::Array(made))
}

/// What the model itself said earlier: its text, and its refusal if it was one.
pub(super) fn said_from(content: &Value) -> (String, String) {
    match content {
        Value::String(text) => (text.clone(), String::new()),
        Value::Array(parts) => {
            let refusals = parts.iter().filter(|part| kind_of(part) == "refusal");
            let refusal: String = refusals.map(|part| text_at(part, "refusal")).collect();
            (texts(parts, ""), refusal)
        }
        _ => Default::default(),
    }
}

/// The result of a tool, as a chat can tell it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// All that a chat takes from a tool.
    pub text: String,
    /// What is no text, for a message behind the results: only users show things.
    pub shown: Vec<Value>,
}

/// The result of a tool: its text, with a word in the place of whatever else there is.
pub(super) fn output_from(output: Option<&Value>, place: &str, dropped: &mut Vec<String>) -> Told {
    let text = match output {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => return told_from(parts, place, dropped),
        Some(other) => other.to_string(),
    };
    Told {
        text,
        shown: Vec::new(),
    }
}

/// How a picture in the result of a tool is named where it is left out.
pub const TOOL_PICTURE: &str = "input[].output.input_image";

/// Puts a sentence in the place of each picture in the results of tools, for a model that reads none. Whether there was one.
pub fn tell_tool_pictures(body: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(items)) = body.get_mut("input") else {
        return false;
    };
    let mut had_any = false;
    for item in items {
        if !matches!(
            kind_of(item),
            "function_call_output" | "custom_tool_call_output"
        ) {
            continue;
        }
        let parts = item.get_mut("output").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            if kind_of(part) == "input_image" {
                *part = json!({"type": "input_text", "text": not_passed_on("an image")});
                had_any = true;
            }
        }
    }
    had_any
}

fn not_passed_on(what: &str) -> String {
    format!("[{what} is not passed on: this upstream cannot read it]")
}

fn told_from(parts: &[Value], place: &str, dropped: &mut Vec<String>) -> Told {
    let mut texts = Vec::with_capacity(parts.len());
    let mut shown = Vec::new();
    for part in parts {
        if is_text(part) {
            texts.push(Cow::Borrowed(text_at(part, "text")));
            continue;
        }
        let kind = kind_of(part);
        let what = match kind {
            "input_image" => "an image",
            "input_file" => "a file",
            "input_audio" => "a sound",
            _ => "a part",
        };
        // What another service keeps is told like what nobody knows: the result stands without it.
        match part_from(part, place, &mut Vec::new()) {
            Ok(Some(part)) => {
                shown.push(part);
                texts.push(Cow::Owned(format!(
                    "[{what}: see the next message of the user]"
                )));
            }
            Ok(None) | Err(_) => {
                dropped.push(format!("{place}.output.{kind}"));
                texts.push(Cow::Owned(not_passed_on(what)));
            }
        }
    }
    Told {
        text: texts.join("\n"),
        shown,
    }
}

fn part_from(
    part: &Value,
    place: &str,
    dropped: &mut Vec<String>,
) -> Result<Option<Value>, RequestError> {
    if is_text(part) {
        return Ok(Some(json!({"type": "text", "text": text_at(part, "text")})));
    }
    let elsewhere = |field: &str| {
        let problem = format!(
            "`{place}.{field}` names something that this upstream does not keep; send the content itself"
        );
        Err(RequestError::at(format!("{place}.{field}"), problem))
    };
    match kind_of(part) {
        "input_image" => {
            let url = text_at(part, "image_url");
            if url.is_empty() {
                return elsewhere("file_id");
            }
            let mut image = Map::new();
            image.insert("url".to_owned(), json!(url));
            // `auto` is how things are anyway.
            if let Some(detail) = part.get("detail").filter(|detail| *detail != "auto") {
                image.insert("detail".to_owned(), detail.clone());
            }
            Ok(Some(json!({"type": "image_url", "image_url": image})))
        }
        "input_file" => {
            if text_at(part, "file_data").is_empty() {
                let is_linked = !text_at(part, "file_url").is_empty();
                return elsewhere(if is_linked { "file_url" } else { "file_id" });
            }
            let file =
                json!({"filename": part.get("filename"), "file_data": part.get("file_data")});
            Ok(Some(json!({"type": "file", "file": file})))
        }
        "input_audio" => Ok(Some(
            json!({"type": "input_audio", "input_audio": part.get("input_audio")}),
        )),
        kind => {
            dropped.push(format!("input[].content.{kind}"));
            Ok(None)
        }
    }
}

fn is_text(part: &Value) -> bool {
    matches!(kind_of(part), "input_text" | "output_text" | "text")
}

fn texts(parts: &[Value], joint: &str) -> String {
    let texts = parts.iter().filter(|part| is_text(part));
    let texts: Vec<&str> = texts.map(|part| text_at(part, "text")).collect();
    texts.join(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(content: Value) -> Result<Value, RequestError> {
        content_from(content, "input[0]", &mut Vec::new())
    }

    #[test]
    fn texts_alone_are_one_text_and_pictures_keep_their_detail() {
        assert_eq!(made(json!("hi")), Ok(json!("hi")));
        assert_eq!(made(json!([])), Ok(json!("")));
        let two = json!([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]);
        assert_eq!(made(two), Ok(json!("a\n\nb")));
        let mixed = json!([
            {"type": "input_text", "text": "what is this?"},
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
            {"type": "input_image", "image_url": "data:,", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:,"},
            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        ]);
        assert_eq!(
            made(mixed),
            Ok(json!([
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:,"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,"}},
                {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
            ]))
        );
    }

    #[test]
    fn what_another_service_keeps_is_refused_by_name() {
        for (part, field) in [
            (
                json!({"type": "input_image", "file_id": "file-1"}),
                "file_id",
            ),
            (
                json!({"type": "input_file", "file_id": "file-1"}),
                "file_id",
            ),
            (
                json!({"type": "input_file", "file_url": "https://x.test/a.pdf"}),
                "file_url",
            ),
        ] {
            let refused = made(json!([part])).unwrap_err();
            assert_eq!(refused.param, Some(format!("input[0].content[0].{field}")));
        }
    }

    #[test]
    fn only_pictures_of_tools_become_a_sentence() {
        let picture = json!({"type": "input_image", "image_url": "data:,"});
        let result = |output: Value| json!({"type": "function_call_output", "call_id": "c", "output": output});
        let user = json!({"role": "user", "content": [picture]});
        let mut body = Map::new();
        body.insert("input".to_owned(), json!([user, result(json!("text"))]));
        let before = body.clone();
        assert!(!tell_tool_pictures(&mut body));
        assert_eq!(body, before);
        body.insert("input".to_owned(), json!([user, result(json!([picture]))]));
        assert!(tell_tool_pictures(&mut body));
        let told = "[an image is not passed on: this upstream cannot read it]";
        let sentence = json!({"type": "input_text", "text": told});
        assert_eq!(body["input"], json!([user, result(json!([sentence]))]));
        assert!(!tell_tool_pictures(&mut body), "there is none left");
    }

    #[test]
    fn a_tools_result_is_text_and_what_is_none_is_shown_behind_it() {
        let mut dropped = Vec::new();
        let parts = json!([
            {"type": "input_text", "text": "a"},
            {"type": "input_image", "image_url": "data:,", "detail": "low"},
            {"type": "input_text", "text": "b"},
            {"type": "input_image", "file_id": "file-1"},
            {"type": "of_tomorrow"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:,"},
        ]);
        let told = output_from(Some(&parts), "input[]", &mut dropped);
        assert_eq!(
            told.text,
            "a\n[an image: see the next message of the user]\nb\n\
             [an image is not passed on: this upstream cannot read it]\n\
             [a part is not passed on: this upstream cannot read it]\n\
             [a file: see the next message of the user]"
        );
        assert_eq!(
            told.shown,
            [
                json!({"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}),
                json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,"}}),
            ]
        );
        assert_eq!(
            dropped,
            ["input[].output.input_image", "input[].output.of_tomorrow"]
        );
        let object = json!({"a": 1});
        let told = output_from(Some(&object), "input[]", &mut dropped);
        assert_eq!((told.text.as_str(), told.shown.len()), (r#"{"a":1}"#, 0));
        assert_eq!(output_from(None, "input[]", &mut dropped), Told::default());
    }
}
