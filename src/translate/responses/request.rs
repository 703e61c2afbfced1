//! A glance at a Responses request: what routing needs, and not one byte moved.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::opening::opening_of;
use crate::translate::RequestError;
use crate::translate::images::text_model;
use crate::translate::models::checked_name;
use crate::translate::raw;

/// What the router wants to know of a body that it forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsesRequest {
    pub model: String,
    /// Whether the client wants a stream; absent means no.
    pub stream: bool,
    /// Ties a conversation to a profile, because the prompt cache lives there.
    pub prompt_cache_key: Option<String>,
    /// The conversation that the API keeps, by its id.
    pub conversation: Option<String>,
    /// A fingerprint of how the conversation begins, the same for every turn of it; only of a request that has no
    /// `prompt_cache_key` and brings the whole conversation.
    pub opening: Option<String>,
    /// Only the account that created the named response knows it.
    pub previous_response_id: Option<String>,
    /// The field that names something kept with an earlier request, which only the API of a key does: without it the request
    /// would be another one.
    pub leans_on: Option<&'static str>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
}

impl ResponsesRequest {
    /// Reads the few fields that matter; the rest is skipped, not built.
    ///
    /// # Errors
    /// When the body is no JSON object, when one of these fields has the wrong type or appears twice (two readers
    /// would disagree on which one counts), when `model` is missing, or when it is a chat request.
    pub fn read(body: &[u8]) -> Result<Self, RequestError> {
        let wire: Wire<'_> = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
        if wire.input.is_none() && wire.messages.is_some() {
            return Err(RequestError::at(
                "messages",
                "this is a Chat Completions request: send it to /v1/chat/completions, or use `input` here",
            ));
        }
        let model = filled("model", wire.model)?;
        let model = model.ok_or_else(|| {
            RequestError::at("model", "`model` is missing: name the model to answer")
        })?;
        let model = checked_name(model)?;
        text_model(&model)?;
        let stream = match wire.stream.map(RawValue::get) {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => return Err(RequestError::at("stream", "`stream` must be true or false")),
        };
        let is_there = |json: Option<&RawValue>| json.is_some_and(|json| json.get() != "null");
        let previous_response_id = filled("previous_response_id", wire.previous_response_id)?;
        let leans_on = if previous_response_id.is_some() {
            Some("previous_response_id")
        } else if is_there(wire.conversation) {
            Some("conversation")
        } else if is_there(wire.prompt) {
            Some("prompt")
        } else {
            None
        };
        let prompt_cache_key = filled("prompt_cache_key", wire.prompt_cache_key)?;
        let opening = if leans_on.is_none() && prompt_cache_key.is_none() {
            opening_of(&model, wire.instructions, wire.input)
        } else {
            None
        };
        Ok(Self {
            model,
            stream,
            prompt_cache_key,
            conversation: conversation_of(wire.conversation),
            opening,
            previous_response_id,
            leans_on,
        })
    }
}

/// The public API refuses a `max_output_tokens` below this; the other dialects take anything. Claude Code asks for 1 to see whether
/// anybody is there, health checks of LiteLLM for 5: better a few letters more than a refusal.
pub(crate) const LEAST_OUTPUT_TOKENS: u64 = 16;

/// The sentence for a body that is no request at all. Says where, never what: the text is the client's.
pub(crate) fn not_an_object(error: &serde_json::Error) -> RequestError {
    let message = if error.is_data() {
        let text = error.to_string();
        match text
            .strip_prefix("duplicate field ")
            .and_then(|rest| rest.split('`').nth(1))
        {
            Some(field) => {
                return RequestError::at(
                    field,
                    format!("`{field}` appears twice in the request body"),
                );
            }
            None => "the request body must be a JSON object".to_owned(),
        }
    } else {
        format!(
            "the request body is not valid JSON (line {}, column {})",
            error.line(),
            error.column()
        )
    };
    RequestError::new(message)
}

/// A conversation is named by its id, or is an object that has one.
fn conversation_of(json: Option<&RawValue>) -> Option<String> {
    #[derive(Deserialize)]
    struct Conversation<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let json = json?;
    let id = match raw::inner(json) {
        Some(_) => Some(json),
        // Whatever else it is names nothing.
        None => {
            serde_json::from_str::<Conversation<'_>>(json.get())
                .ok()?
                .id
        }
    };
    raw::filled_text(id).map(Cow::into_owned)
}

fn filled(name: &str, json: Option<&RawValue>) -> Result<Option<String>, RequestError> {
    match json {
        None => Ok(None),
        Some(json) => match raw::text(Some(json)) {
            Some(text) => Ok(Some(text)
                .filter(|text| !text.is_empty())
                .map(Cow::into_owned)),
            None => Err(RequestError::at(name, format!("`{name}` must be a string"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> (Option<String>, String) {
        let error = ResponsesRequest::read(body.as_bytes()).unwrap_err();
        (error.param, error.message)
    }

    #[test]
    fn the_fields_of_routing_are_found_among_big_ones() {
        let body = format!(
            r#"{{"input":[{{"role":"user","content":"{}"}}],"model":"gpt-5.4","stream":true,"prompt_cache_key":"k","previous_response_id":null}}"#,
            "x".repeat(1000)
        );
        let request = ResponsesRequest {
            model: "gpt-5.4".to_owned(),
            stream: true,
            prompt_cache_key: Some("k".to_owned()),
            conversation: None,
            opening: None,
            previous_response_id: None,
            leans_on: None,
        };
        assert_eq!(ResponsesRequest::read(body.as_bytes()), Ok(request));
    }

    #[test]
    fn a_conversation_is_known_by_its_id_and_else_by_its_opening() {
        let read = |rest: &str| {
            let body = format!(r#"{{"model":"m","input":"hi"{rest}}}"#);
            ResponsesRequest::read(body.as_bytes()).unwrap()
        };
        for form in [r#""conv_1""#, r#"{"id":"conv_1"}"#] {
            let request = read(&format!(r#","conversation":{form}"#));
            assert_eq!(request.conversation.as_deref(), Some("conv_1"));
            assert_eq!(request.opening, None, "only the end of it is here");
        }
        for odd in ["7", "null", "{}", r#"{"id":7}"#] {
            let request = read(&format!(r#","conversation":{odd}"#));
            assert_eq!(request.conversation, None, "{odd}");
        }
        assert!(read("").opening.is_some());
        assert_eq!(read(r#","prompt_cache_key":"k""#).opening, None);
        assert_eq!(read(r#","previous_response_id":"resp_1""#).opening, None);
    }

    #[test]
    fn absent_stream_means_no_stream() {
        assert!(
            !ResponsesRequest::read(br#"{"model":"m","input":"hi"}"#)
                .unwrap()
                .stream
        );
    }

    #[test]
    fn a_wrong_field_is_named() {
        assert_eq!(refusal(r#"{"input":"hi"}"#).0.as_deref(), Some("model"));
        assert_eq!(
            refusal(r#"{"model":"","input":"hi"}"#).0.as_deref(),
            Some("model")
        );
        assert_eq!(refusal(r#"{"model":5}"#).0.as_deref(), Some("model"));
        assert_eq!(
            refusal(r#"{"model":"m","stream":"yes"}"#).0.as_deref(),
            Some("stream")
        );
        assert_eq!(
            refusal(r#"{"model":"m","model":"n"}"#),
            (
                Some("model".to_owned()),
                "`model` appears twice in the request body".to_owned()
            )
        );
    }

    #[test]
    fn a_body_that_is_no_object_gets_a_sentence_without_its_content() {
        assert_eq!(refusal("[1]").1, "the request body must be a JSON object");
        assert_eq!(
            refusal("\"secret\"").1,
            "the request body must be a JSON object"
        );
        assert_eq!(
            refusal("{\"model\":\n secret}").1,
            "the request body is not valid JSON (line 2, column 2)"
        );
        assert_eq!(
            refusal("").1,
            "the request body is not valid JSON (line 1, column 0)"
        );
    }

    #[test]
    fn a_chat_request_is_sent_to_its_own_path() {
        let (param, message) = refusal(r#"{"model":"m","messages":[]}"#);
        assert_eq!(param.as_deref(), Some("messages"));
        assert!(message.contains("/v1/chat/completions"), "{message}");
    }
}
