//! The canned assistant: what an account says when no script tells it to. Good enough for a demo.

use serde_json::Value;

use super::{reply::Answer, sample::sample};

/// How many of the user's last characters come back.
const ECHO_CHARS: usize = 200;

/// Saying this to the canned assistant makes it call the first tool.
const USE_THE_TOOL: &str = "use the tool";

/// A trigger is answered with a compaction, a tool's output with text, "use the tool" with a call of the first function tool, a
/// wish for JSON with JSON, and the image tool, if it must be called, with a picture, and anything else with a sentence that
/// names account and model and repeats the user's last words.
pub(super) fn answer(account: &str, model: &str, request: &Value) -> Answer {
    if wants_compaction(request) {
        return Answer::Compaction;
    }
    if let Some(looks) = picture(request) {
        return Answer::Image(looks);
    }
    let text = if let Some(output) = tool_output(request) {
        format!("The tool said: {}", tail(&output))
    } else {
        let said = user_text(request);
        if let Some(call) = tool_call(request).filter(|_| said.contains(USE_THE_TOOL)) {
            return Answer::ToolCalls(vec![call]);
        }
        structured(request).unwrap_or_else(|| {
            format!(
                "Hello from {account} ({model}). You said: {}",
                tail(said.trim())
            )
        })
    };
    Answer::Text {
        reasoning: wants_reasoning(request)
            .then(|| "**Reading the request** The user wrote something, so I answer.".to_owned()),
        text,
    }
}

/// Whether the input ends with the trigger (openai/codex: codex-rs/core/src/compact.rs).
fn wants_compaction(request: &Value) -> bool {
    let items = request.get("input").and_then(Value::as_array);
    let last = items.and_then(|items| items.last()?.get("type")?.as_str());
    last == Some("compaction_trigger")
}

/// The text of the last user message; empty when the conversation does not end with one.
fn user_text(request: &Value) -> String {
    match request.get("input") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => last_said(items)
            .filter(|item| item.get("role").is_some_and(|role| role == "user"))
            .and_then(|item| item.get("content"))
            .map(text_of)
            .unwrap_or_default(),
        _ => String::new(),
    }
}

fn tool_output(request: &Value) -> Option<String> {
    let last = last_said(request.get("input")?.as_array()?)?;
    let kind = last.get("type")?.as_str()?;
    matches!(kind, "function_call_output" | "custom_tool_call_output")
        .then(|| last.get("output").map(text_of).unwrap_or_default())
}

/// The last item that is no instruction: Claude Code ends a conversation with some.
fn last_said(items: &[Value]) -> Option<&Value> {
    let is_said = |item: &&Value| {
        let role = item.get("role").and_then(Value::as_str);
        !matches!(role, Some("developer" | "system"))
    };
    items.iter().rev().find(is_said)
}

/// A string, or the texts of an array of parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect(),
        _ => String::new(),
    }
}

fn tool_call(request: &Value) -> Option<(String, String)> {
    let tool = request
        .get("tools")?
        .as_array()?
        .iter()
        .find(|tool| tool.get("type").is_some_and(|kind| kind == "function"))?;
    let name = tool.get("name")?.as_str()?.to_owned();
    let arguments = match tool.get("parameters") {
        Some(schema) if schema.is_object() => sample(schema).to_string(),
        _ => "{}".to_owned(),
    };
    Some((name, arguments))
}

/// Whether the hosted tool must be called, and how many looks at the picture are wanted.
fn picture(request: &Value) -> Option<u64> {
    let is_image = |tool: &&Value| {
        tool.get("type")
            .is_some_and(|kind| kind == "image_generation")
    };
    request.get("tool_choice").filter(is_image)?;
    let tool = request.get("tools")?.as_array()?.iter().find(is_image)?;
    let looks = tool.get("partial_images").and_then(Value::as_u64);
    Some(looks.unwrap_or_default().min(3))
}

/// The JSON that `text.format` asks for.
fn structured(request: &Value) -> Option<String> {
    let format = request.get("text")?.get("format")?;
    match format.get("type")?.as_str()? {
        "json_schema" => Some(sample(format.get("schema")?).to_string()),
        "json_object" => Some(r#"{"answer":"simulated"}"#.to_owned()),
        _ => None,
    }
}

fn wants_reasoning(request: &Value) -> bool {
    request
        .pointer("/reasoning/summary")
        .and_then(Value::as_str)
        .is_some_and(|summary| summary != "none")
}

/// The last [`ECHO_CHARS`] characters.
fn tail(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .nth(ECHO_CHARS - 1)
        .map_or(0, |(index, _)| index);
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_end_of_a_long_message_comes_back_and_no_character_is_cut() {
        let text = "é".repeat(ECHO_CHARS + 5);
        assert_eq!(tail(&text), "é".repeat(ECHO_CHARS));
        assert_eq!(tail("kurz"), "kurz");
        assert_eq!(tail(""), "");
    }

    #[test]
    fn parts_of_a_message_are_read_together() {
        let content = json!([
            { "type": "input_text", "text": "one " },
            { "type": "input_image", "image_url": "data:," },
            { "type": "input_text", "text": "two" },
        ]);
        let request = json!({ "input": [{ "role": "user", "content": content }] });
        assert_eq!(user_text(&request), "one two");
    }

    #[test]
    fn instructions_at_the_end_are_not_what_was_said() {
        let instruction = json!({ "role": "developer", "content": "Be brief." });
        let request = json!({ "input": [{ "role": "user", "content": "hi" }, instruction] });
        assert_eq!(user_text(&request), "hi");
        let output = json!({ "type": "function_call_output", "call_id": "c", "output": "sunny" });
        let request = json!({ "input": [output, instruction] });
        assert_eq!(tool_output(&request).as_deref(), Some("sunny"));
    }
}
