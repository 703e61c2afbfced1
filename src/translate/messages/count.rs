//! How many input tokens a request would be, without asking anybody.
//!
//! The vocabulary is that of the models that answer (`o200k_base`); what stands around the texts is estimated by the rule of
//! thumb in OpenAI's cookbook (`examples/How_to_count_tokens_with_tiktoken.ipynb`), images by their usual price.

use serde_json::Value;
use tiktoken_rs::o200k_base_singleton;

use super::request::MessagesRequest;

/// Before the answer begins.
const PRIMING: usize = 3;
/// Around one item: who speaks, and that it ends.
const AROUND_ITEM: usize = 4;
/// Around one tool: that it is one, and its punctuation.
const AROUND_TOOL: usize = 8;
/// An image of ordinary size at full detail: 85 and 170 for each of four tiles
/// (<https://platform.openai.com/docs/guides/images-vision>).
const IMAGE: usize = 765;
/// A page of a document with its picture. How many there are cannot be seen without reading the file.
const PAGE: usize = 1_500;
/// A guess: the bytes of base64 that one page makes.
const PAGE_BYTES: usize = 96 * 1024;
/// Base64 carries three bytes in four letters, and a token of reasoning is about four bytes.
const LETTERS_PER_REASONING_TOKEN: usize = 6;

/// The input tokens of a request. Takes seconds for the largest bodies.
pub fn count_tokens(request: &MessagesRequest) -> usize {
    let list = |name: &str| {
        let values = request.body.get(name).and_then(Value::as_array);
        values.map(Vec::as_slice).unwrap_or_default()
    };
    let items: usize = list("input")
        .iter()
        .map(|item| AROUND_ITEM + of_part(item))
        .sum();
    let tools: usize = list("tools")
        .iter()
        .map(|tool| AROUND_TOOL + of_tool(tool))
        .sum();
    let format = request
        .body
        .get("text")
        .map_or(0, |text| of_text(&text.to_string()));
    PRIMING + items + tools + format
}

/// An item, or a part of its content.
fn of_part(part: &Value) -> usize {
    let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "input_image" => IMAGE,
        "input_file" => PAGE * text("file_data").len().div_ceil(PAGE_BYTES).max(1),
        "reasoning" => text("encrypted_content").len() / LETTERS_PER_REASONING_TOKEN,
        "function_call" => of_text(text("name")) + of_text(text("arguments")),
        _ => {
            let parts = ["content", "output"]
                .into_iter()
                .filter_map(|name| part.get(name));
            let nested: usize = parts.map(of_content).sum();
            of_text(text("text")) + nested
        }
    }
}

fn of_content(content: &Value) -> usize {
    match content {
        Value::String(text) => of_text(text),
        Value::Array(parts) => parts.iter().map(of_part).sum(),
        _ => 0,
    }
}

fn of_tool(tool: &Value) -> usize {
    let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default();
    let parameters = tool
        .get("parameters")
        .map_or(0, |it| of_text(&it.to_string()));
    of_text(text("name")) + of_text(text("description")) + parameters
}

/// Counted in pieces: a long run without a break costs a tokenizer more than its share, and its regular expression gives up
/// (and panics) after a million steps back. A cut costs one token at most.
fn of_text(text: &str) -> usize {
    const PIECE_BYTES: usize = 64 * 1024;

    let mut rest = text;
    let mut tokens = 0;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        tokens += o200k_base_singleton().count_ordinary(piece);
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::translate::messages::responses_from_messages;

    fn count(request: &Value) -> usize {
        count_tokens(&responses_from_messages(request.to_string().as_bytes()).unwrap())
    }

    fn asking(content: &Value) -> Value {
        json!({"model": "claude-test", "messages": [{"role": "user", "content": content}]})
    }

    #[test]
    fn words_are_counted_by_the_vocabulary_of_the_models() {
        // tiktoken 0.12, o200k_base: "hello world" is [24912, 2375].
        assert_eq!(of_text("hello world"), 2);
        assert_eq!(
            count(&asking(&json!("hello world"))),
            PRIMING + AROUND_ITEM + 2
        );
    }

    #[test]
    fn everything_that_costs_is_counted() {
        let plain = count(&asking(&json!("hello")));
        let mut with_system = asking(&json!("hello"));
        with_system["system"] = json!("Be brief.");
        let mut with_tool = asking(&json!("hello"));
        with_tool["tools"] = json!([{"name": "weather", "description": "The weather", "input_schema": {"type": "object"}}]);
        let image = json!([{"type": "text", "text": "hello"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]);
        let pdf = json!([{"type": "text", "text": "hello"}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}]);
        assert!(count(&with_system) > plain + AROUND_ITEM);
        assert!(count(&with_tool) > plain + AROUND_TOOL);
        assert_eq!(count(&asking(&image)), plain + IMAGE);
        assert_eq!(count(&asking(&pdf)), plain + PAGE);
    }

    #[test]
    fn a_turn_with_a_tool_costs_its_call_and_its_result() {
        let turn = |result: &str| {
            count(&json!({"model": "claude-test", "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "weather", "input": {"city": "Lund"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": result}]},
            ]}))
        };
        assert_eq!(turn("hello world") - turn(""), 2);
    }

    #[test]
    fn a_long_run_of_one_letter_is_counted_like_any_text() {
        for letter in ["a", "A", " ", "!", "\n", "é", "語", " \n"] {
            let text = letter.repeat(150_000 / letter.len());
            let tokens = of_text(&text);
            assert!(tokens > 100 && tokens <= text.len(), "{letter:?}: {tokens}");
        }
    }
}
