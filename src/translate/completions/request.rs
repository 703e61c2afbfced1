//! A completion request to one Responses request a prompt.

use serde_json::{Map, Value, json};

use crate::translate::RequestError;
use crate::translate::chat::{ChatRequest, ReplyForm, responses_from_chat_value};
use crate::translate::responses::not_an_object;

/// The most prompts of one request: each is a request of its own upstream. LangChain sends batches of 20.
pub const MAX_PROMPTS: usize = 20;

/// A completion request, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// As the client named it.
    pub model: String,
    pub stream: bool,
    /// One a prompt, in the order of the choices; at least one, and exactly one for a stream.
    pub chats: Vec<ChatRequest>,
}

/// Fields that a chat has under the same name. Anything else has no place in a completion.
const AS_IN_CHAT: [&str; 18] = [
    "model",
    "max_tokens",
    "n",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "user",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "prompt_cache_key",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "metadata",
];

/// Reads a completion request.
///
/// # Errors
/// When it is no JSON object, a field has the wrong type, or it asks for what would silently become something else: several
/// choices, probabilities, text around a gap, a prompt in numbers of tokens, or a stream of several answers.
pub fn responses_from_completion(body: &[u8]) -> Result<CompletionRequest, RequestError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
    let Value::Object(mut fields) = value else {
        return Err(RequestError::new("the request body must be a JSON object"));
    };
    fields.retain(|_, value| !value.is_null());
    refuse_impossible(&mut fields)?;
    let echoes = match fields.shift_remove("echo") {
        None => false,
        Some(Value::Bool(echoes)) => echoes,
        Some(_) => return Err(wrong("echo", "must be true or false")),
    };
    let prompts = prompts_of(&mut fields)?;
    let mut dropped = Vec::new();
    fields.retain(|name, _| {
        let is_known = AS_IN_CHAT.contains(&name.as_str());
        if !is_known {
            dropped.push(name.clone());
        }
        is_known
    });
    let mut chats = Vec::with_capacity(prompts.len());
    for prompt in prompts {
        let mut chat = fields.clone();
        chat.insert(
            "messages".to_owned(),
            json!([{"role": "user", "content": prompt}]),
        );
        let mut chat = responses_from_chat_value(Value::Object(chat))?;
        chat.dropped.extend(dropped.iter().cloned());
        let echo = if echoes { prompt } else { String::new() };
        chat.form = ReplyForm::Completion { echo };
        chats.push(chat);
    }
    let Some(first) = chats.first() else {
        return Err(wrong("prompt", "is empty: a completion needs a prompt"));
    };
    let (model, stream) = (first.model.clone(), first.stream);
    if stream && chats.len() > 1 {
        let problem = "holds several prompts, and their answers cannot be streamed as one: send them one by one, or without `stream`";
        return Err(wrong("prompt", problem));
    }
    Ok(CompletionRequest {
        model,
        stream,
        chats,
    })
}

fn refuse_impossible(fields: &mut Map<String, Value>) -> Result<(), RequestError> {
    if fields.contains_key("messages") {
        let problem = "belongs to /v1/chat/completions: a completion has a `prompt`";
        return Err(wrong("messages", problem));
    }
    match fields.shift_remove("suffix") {
        None => {}
        Some(Value::String(suffix)) if suffix.is_empty() => {}
        Some(_) => {
            let problem = "is not possible: no upstream fills a gap in a text";
            return Err(wrong("suffix", problem));
        }
    }
    if fields
        .shift_remove("best_of")
        .is_some_and(|best_of| best_of.as_u64() != Some(1))
    {
        return Err(wrong("best_of", "must be 1: an upstream gives one answer"));
    }
    if fields.contains_key("logprobs") {
        let problem = "is not possible: no upstream tells the probabilities of a completion";
        return Err(wrong("logprobs", problem));
    }
    Ok(())
}

/// The texts to complete. An array of numbers is a prompt in tokens, which only its own model could read.
fn prompts_of(fields: &mut Map<String, Value>) -> Result<Vec<String>, RequestError> {
    let prompts = match fields.shift_remove("prompt") {
        None if fields.contains_key("input") => {
            let problem = "is missing: a request with `input` belongs to /v1/responses";
            return Err(wrong("prompt", problem));
        }
        None => return Err(wrong("prompt", "is missing")),
        Some(Value::String(prompt)) => return Ok(vec![prompt]),
        Some(Value::Array(prompts)) => prompts,
        Some(_) => return Err(wrong("prompt", "must be a string or an array of strings")),
    };
    if prompts.len() > MAX_PROMPTS {
        let problem = format!(
            "has {} entries; at most {MAX_PROMPTS} are possible",
            prompts.len()
        );
        return Err(wrong("prompt", &problem));
    }
    let texts = prompts.into_iter().map(|prompt| match prompt {
        Value::String(prompt) => Ok(prompt),
        Value::Number(_) | Value::Array(_) => Err(wrong(
            "prompt",
            "must be text: numbers of tokens cannot be read back",
        )),
        _ => Err(wrong("prompt", "must be a string or an array of strings")),
    });
    texts.collect()
}

fn wrong(field: &str, problem: &str) -> RequestError {
    RequestError::at(field, format!("`{field}` {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<CompletionRequest, RequestError> {
        responses_from_completion(body.to_string().as_bytes())
    }

    fn refused(fields: &Value) -> (Option<String>, String) {
        let mut body = json!({"model": "m", "prompt": "hi"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let error = read(&body).unwrap_err();
        (error.param, error.message)
    }

    #[test]
    fn a_prompt_is_one_user_message() {
        let request = read(&json!({
            "model": "m", "prompt": "once upon", "max_tokens": 50, "temperature": 0.5, "stop": "\n",
            "n": 1, "best_of": 1, "suffix": null, "logprobs": null, "echo": false, "stream": true,
            "stream_options": {"include_usage": true},
        }))
        .unwrap();
        assert_eq!((request.model.as_str(), request.stream), ("m", true));
        let [chat] = &request.chats[..] else {
            panic!("{request:?}");
        };
        assert_eq!(chat.body["input"][0]["role"], "user");
        assert_eq!(chat.body["input"][0]["content"][0]["text"], "once upon");
        assert_eq!(chat.body["max_output_tokens"], 50);
        assert_eq!(chat.body["temperature"], 0.5);
        assert_eq!(chat.stop, ["\n"]);
        assert!(chat.include_usage);
        assert_eq!(
            chat.form,
            ReplyForm::Completion {
                echo: String::new()
            }
        );
        assert_eq!(chat.dropped, [""; 0]);
    }

    #[test]
    fn every_prompt_is_a_request_of_its_own_and_echoed_to_itself() {
        let request = read(&json!({"model": "m", "prompt": ["a", "b"], "echo": true})).unwrap();
        let told: Vec<_> = request
            .chats
            .iter()
            .map(|chat| (&chat.body["input"][0]["content"][0]["text"], &chat.form))
            .collect();
        let echo = |text: &str| ReplyForm::Completion { echo: text.into() };
        assert_eq!(told, [(&json!("a"), &echo("a")), (&json!("b"), &echo("b"))]);
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        for (fields, param) in [
            (json!({"prompt": null}), "prompt"),
            (json!({"prompt": []}), "prompt"),
            (json!({"prompt": [1, 2, 3]}), "prompt"),
            (json!({"prompt": [[1], [2]]}), "prompt"),
            (json!({"prompt": ["a", 7]}), "prompt"),
            (json!({"prompt": {"text": "a"}}), "prompt"),
            (json!({"prompt": vec!["a"; MAX_PROMPTS + 1]}), "prompt"),
            (json!({"prompt": ["a", "b"], "stream": true}), "prompt"),
            (json!({"prompt": null, "input": "x"}), "prompt"),
            (json!({"suffix": "end"}), "suffix"),
            (json!({"best_of": 2}), "best_of"),
            (json!({"n": 2}), "n"),
            (json!({"logprobs": 5}), "logprobs"),
            (json!({"logprobs": 0}), "logprobs"),
            (json!({"echo": "yes"}), "echo"),
            (json!({"messages": []}), "messages"),
            (json!({"model": ""}), "model"),
        ] {
            assert_eq!(refused(&fields).0.as_deref(), Some(param), "{fields}");
        }
        assert!(refused(&json!({"prompt": [1]})).1.contains("tokens"));
    }

    #[test]
    fn what_a_completion_does_not_know_is_dropped_by_name() {
        let request = read(&json!({
            "model": "m", "prompt": "a", "suffix": "", "seed": 3, "tools": [{"type": "function"}], "zeta": 1, "nothing": null,
        }))
        .unwrap();
        let mut dropped = request.chats[0].dropped.clone();
        dropped.sort_unstable();
        assert_eq!(dropped, ["seed", "tools", "zeta"]);
        assert_eq!(request.chats[0].body.get("tools"), None);
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_without_its_content() {
        for body in ["[1]", "\"secret\"", "{secret", ""] {
            let error = responses_from_completion(body.as_bytes()).unwrap_err();
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
