//! What pictures cost, as the Images API tells it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::translate::responses::TokenUsage;

/// The `usage` of an answer: the image model's own if the upstream tells it, else what the whole response took.
///
/// The upstream counts the two apart: `usage` is the model's that called the tool, `tool_usage.image_gen` the image model's
/// (`router-for-me/CLIProxyAPI: sdk/api/handlers/openai/openai_images_handlers.go`).
pub(super) fn usage_of(
    image_gen: Option<Value>,
    whole: Option<TokenUsage>,
    is_edit: bool,
) -> Option<Value> {
    image_gen.filter(Value::is_object).or_else(|| {
        let usage = whole?;
        let mut told = json!({
            "input_tokens": usage.input,
            "input_tokens_details": {"text_tokens": usage.input, "image_tokens": 0},
            "output_tokens": usage.output,
            "total_tokens": usage.total,
        });
        // How much of the input were pictures, nobody has said.
        if let Some(fields) = told.as_object_mut().filter(|_| is_edit) {
            fields.shift_remove("input_tokens_details");
        }
        Some(told)
    })
}

/// `tool_usage.image_gen` of a response.
pub(super) fn image_gen_of(response: &Value) -> Option<Value> {
    response.pointer("/tool_usage/image_gen").cloned()
}

/// The same of the last event of a stream, with the pictures in it left alone.
pub(super) fn image_gen_in(event: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        response: Option<Response<'a>>,
    }
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        tool_usage: Option<&'a RawValue>,
    }
    // An event that cannot be read has been refused before; one without it tells no cost.
    let event: Event<'_> = serde_json::from_slice(event).ok()?;
    let tools: Value = serde_json::from_str(event.response?.tool_usage?.get()).ok()?;
    tools.get("image_gen").cloned()
}

/// Adds all numbers of `more` to those of `sum`.
pub(super) fn add_up(sum: &mut Value, more: &Value) {
    match (sum, more) {
        (Value::Object(sum), Value::Object(more)) => {
            for (name, more) in more {
                match sum.get_mut(name) {
                    Some(sum) => add_up(sum, more),
                    None => {
                        sum.insert(name.clone(), more.clone());
                    }
                }
            }
        }
        (sum, more) => {
            if let (Some(number), Some(more)) = (sum.as_u64(), more.as_u64()) {
                *sum = json!(number.saturating_add(more));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: TokenUsage = TokenUsage {
        input: 4,
        cached: 0,
        cache_write: 0,
        output: 6,
        reasoning: 0,
        total: 10,
    };

    #[test]
    fn the_image_models_own_cost_is_told_where_it_is_known() {
        let event = br#"{"type":"response.completed","response":{"output":[{"result":"QQ=="}],"tool_usage":{"image_gen":{"input_tokens":3},"web_search":{}}}}"#;
        let known = image_gen_in(event);
        assert_eq!(known, Some(json!({"input_tokens": 3})));
        assert_eq!(usage_of(known.clone(), Some(WHOLE), true), known);
        assert_eq!(image_gen_in(br#"{"response":{"tool_usage":null}}"#), None);
        assert_eq!(image_gen_in(b"{"), None);
    }

    #[test]
    fn else_the_whole_responses_cost_is_told_and_nothing_is_made_up() {
        let generation = usage_of(None, Some(WHOLE), false).unwrap();
        assert_eq!(
            generation["input_tokens_details"],
            json!({"text_tokens": 4, "image_tokens": 0})
        );
        let edit = usage_of(Some(Value::Null), Some(WHOLE), true).unwrap();
        assert_eq!(
            edit,
            json!({"input_tokens": 4, "output_tokens": 6, "total_tokens": 10})
        );
        assert_eq!(usage_of(None, None, false), None);
    }

    #[test]
    fn numbers_are_added_wherever_they_stand() {
        let mut sum = json!({"a": 1, "b": {"c": 2}});
        add_up(&mut sum, &json!({"a": 2, "b": {"c": 3, "d": 4}, "e": "x"}));
        assert_eq!(sum, json!({"a": 3, "b": {"c": 5, "d": 4}, "e": "x"}));
    }
}
