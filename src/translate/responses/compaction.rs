//! Compaction by an ordinary request: an input that ends with a trigger makes the backend answer with one item that stands for
//! the whole conversation (`openai/codex: codex-rs/core/src/compact.rs`; Soju06/codex-lb#1715 on why the endpoint of its own is
//! gone). Items of any type pass: what this program does not know may be what the next turn needs.

use bytes::Bytes;
use serde_json::json;

use crate::translate::RequestError;
use crate::translate::raw::RawObject;

use super::not_an_object;

const TRIGGER: &str = r#"{"type":"compaction_trigger"}"#;

/// The request for a compaction as a request for a response: the trigger behind everything else, streamed, not stored. The rest
/// keeps its bytes.
///
/// # Errors
/// When the body is no object, or its `input` is neither a text nor a list.
pub fn with_compaction_trigger(body: &[u8]) -> Result<Bytes, RequestError> {
    let mut request = RawObject::parse(body).map_err(|error| not_an_object(&error))?;
    let input = request.get_some("input").unwrap_or("[]");
    let input = if let Some(items) = input
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let comma = if items.trim().is_empty() { "" } else { "," };
        format!("[{items}{comma}{TRIGGER}]")
    } else if input.starts_with('"') {
        format!(
            r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{input}}}]}},{TRIGGER}]"#
        )
    } else {
        return Err(RequestError::at("input", "`input` must be a list"));
    };
    request.set("input", input);
    request.set("stream", "true".to_owned());
    request.set("store", "false".to_owned());
    Ok(request.to_json().into())
}

/// The answer of the endpoint (openai-python `types/responses/compacted_response.py`), out of the `response` object. Nothing when
/// no item in it stands for the conversation.
pub fn compaction_of_response(response: &[u8]) -> Option<Vec<u8>> {
    let response = RawObject::parse(response).ok()?; // no object: no compaction
    let output = response.get("output")?;
    let items: Vec<RawObject<'_>> = serde_json::from_str(output).ok()?; // no items: no compaction
    let kinds = [r#""compaction""#, r#""compaction_summary""#];
    let is_compaction =
        |item: &RawObject<'_>| item.get("type").is_some_and(|it| kinds.contains(&it));
    if !items.iter().any(is_compaction) {
        return None;
    }
    let mut out = RawObject { fields: Vec::new() };
    for name in ["id", "created_at", "output", "usage"] {
        if let Some(json) = response.get_some(name) {
            out.set(name, json.to_owned());
        }
    }
    out.set("object", json!("response.compaction").to_string());
    Some(out.to_json().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triggered(body: &str) -> Result<String, Option<String>> {
        let body = with_compaction_trigger(body.as_bytes()).map_err(|error| error.param)?;
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn the_trigger_comes_last_and_the_rest_keeps_its_bytes() {
        for (body, expected) in [
            (
                r#"{"model":"m","input":[{"type":"brand_new","x":1.50}, {"a":"]"} ],"tools":[]}"#,
                r#"{"model":"m","input":[{"type":"brand_new","x":1.50}, {"a":"]"} ,{"type":"compaction_trigger"}],"tools":[],"stream":true,"store":false}"#,
            ),
            (
                r#"{"input":[ ],"stream":false,"store":true}"#,
                r#"{"input":[ {"type":"compaction_trigger"}],"stream":true,"store":false}"#,
            ),
            (
                r#"{"input":"h\u0069"}"#,
                r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"h\u0069"}]},{"type":"compaction_trigger"}],"stream":true,"store":false}"#,
            ),
        ] {
            assert_eq!(triggered(body).unwrap(), expected);
        }
        assert_eq!(triggered(r#"{"input":7}"#), Err(Some("input".to_owned())));
        assert_eq!(triggered("[]"), Err(None));
    }

    #[test]
    fn the_answer_keeps_every_item() {
        let response = r#"{"id":"resp_1","object":"response","created_at":7,"status":"completed","output":[{"type":"brand_new"},{"type":"compaction","encrypted_content":"x"}],"usage":{"total_tokens":3}}"#;
        assert_eq!(
            String::from_utf8(compaction_of_response(response.as_bytes()).unwrap()).unwrap(),
            r#"{"id":"resp_1","created_at":7,"output":[{"type":"brand_new"},{"type":"compaction","encrypted_content":"x"}],"usage":{"total_tokens":3},"object":"response.compaction"}"#
        );
        for response in [
            r#"{"output":[{"type":"message"}]}"#,
            r#"{"output":[]}"#,
            "{}",
            "[]",
        ] {
            assert_eq!(
                compaction_of_response(response.as_bytes()),
                None,
                "{response}"
            );
        }
    }
}
