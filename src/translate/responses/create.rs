//! What a client says on a WebSocket: `response.create` with the fields of a POST body beside its type.
//!
//! A request may name an earlier response of the same socket and bring only what came after it. Here it is put together again
//! with what was before, so that it means the same to an upstream that was not there. Everything that is not touched keeps its
//! bytes and its place (`openai/codex: codex-rs/codex-api/src/common.rs`, `endpoint/responses_websocket.rs`).

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::reasoning::{is_reasoning, without_reasoning};
use super::request::{ResponsesRequest, not_an_object};
use super::{EventKind, Failure, ItemEvent, TerminalEvent, elements, read_event};
use crate::translate::RequestError;
use crate::translate::effort::with_effort;
use crate::translate::models::with_model;
use crate::translate::raw::{self, RawObject};

/// One text message of a client.
#[derive(Debug)]
pub enum ClientMessage {
    Create(Box<Create>),
    /// The client is done with a response; whoever made it may want to know.
    Processed(Processed),
    /// Whatever else a client may tell us: nothing is asked for.
    Note,
}

/// `response.processed`, which Codex says without waiting for an answer.
#[derive(Debug)]
pub struct Processed {
    pub response_id: String,
    /// As it came.
    pub text: Bytes,
}

/// A request for a response.
#[derive(Debug)]
pub struct Create {
    /// As it came.
    text: Bytes,
    pub model: String,
    pub prompt_cache_key: Option<String>,
    pub conversation: Option<String>,
    /// As [`ResponsesRequest::opening`].
    pub opening: Option<String>,
    pub previous_response_id: Option<String>,
    /// What an account said at the beginning of the turn, and wants to hear again. Codex keeps it in its `client_metadata`
    /// (`openai/codex: codex-rs/core/src/client.rs`).
    pub turn_state: Option<String>,
    /// `generate: false`: the upstream is to get ready, and nothing is to be said.
    pub is_warm_up: bool,
    /// The items that this request brings.
    input: Vec<Bytes>,
}

/// What only the socket knows; a POST has none of it.
const OF_THE_SOCKET: [&str; 3] = ["type", "previous_response_id", "generate"];
const METADATA: &str = "client_metadata";
const TURN_STATE: &str = "x-codex-turn-state";
/// Type and id are all that a `response.processed` has; anything much larger is something else.
const MAX_PROCESSED_BYTES: usize = 1_024;

impl ClientMessage {
    /// # Errors
    /// When it is no JSON object with a type, or a request that says too little or contradicts itself.
    pub fn read(text: Bytes) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow, rename = "type")]
            kind: Option<&'a RawValue>,
            #[serde(borrow)]
            generate: Option<&'a RawValue>,
            #[serde(borrow)]
            input: Option<&'a RawValue>,
            #[serde(borrow)]
            client_metadata: Option<&'a RawValue>,
            #[serde(borrow)]
            response_id: Option<&'a RawValue>,
        }
        let head: Head<'_> = serde_json::from_slice(&text).map_err(|err| not_an_object(&err))?;
        match raw::text(head.kind).as_deref() {
            Some("response.create") => {}
            Some("response.processed") if text.len() <= MAX_PROCESSED_BYTES => {
                let id = raw::filled_text(head.response_id).map(Cow::into_owned);
                return Ok(match id {
                    Some(response_id) => Self::Processed(Processed { response_id, text }),
                    None => Self::Note,
                });
            }
            Some(_) => return Ok(Self::Note),
            None => {
                return Err(RequestError::at(
                    "type",
                    "`type` is missing: a request on this socket is a `response.create`",
                ));
            }
        }
        let request = ResponsesRequest::read(&text)?;
        let is_warm_up = match head.generate.map(RawValue::get) {
            Some("false") => true,
            None | Some("true" | "null") => false,
            Some(_) => {
                return Err(RequestError::at(
                    "generate",
                    "`generate` must be true or false",
                ));
            }
        };
        Ok(Self::Create(Box::new(Create {
            model: request.model,
            prompt_cache_key: request.prompt_cache_key,
            conversation: request.conversation,
            opening: request.opening,
            previous_response_id: request.previous_response_id,
            turn_state: head.client_metadata.and_then(turn_state_in),
            is_warm_up,
            input: items_of(head.input),
            text,
        })))
    }
}

fn turn_state_in(metadata: &RawValue) -> Option<String> {
    let metadata = RawObject::parse(metadata.get().as_bytes()).ok()?; // no object: nothing in it
    serde_json::from_str(metadata.get(TURN_STATE)?).ok() // no text: none that we know of
}

/// The items of an `input`; a lone text is what a user says.
fn items_of(input: Option<&RawValue>) -> Vec<Bytes> {
    let Some(input) = input else {
        return Vec::new();
    };
    if raw::inner(input).is_some() {
        let item = format!(
            r#"{{"type":"message","role":"user","content":{}}}"#,
            input.get()
        );
        return vec![Bytes::from(item)];
    }
    elements(Some(input))
        .into_iter()
        .map(|item| Bytes::copy_from_slice(item.get().as_bytes()))
        .collect()
}

impl Create {
    /// The message as it came.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Asks for another model.
    ///
    /// # Errors
    /// When the message is no object after all.
    pub fn set_model(&mut self, model: &str) -> Result<(), RequestError> {
        self.text = with_model(&self.text, model)?;
        self.model = model.to_owned();
        Ok(())
    }

    /// Asks for another effort.
    ///
    /// # Errors
    /// When the message is no object after all.
    pub fn set_effort(&mut self, effort: &str) -> Result<(), RequestError> {
        self.text = with_effort(&self.text, effort)?;
        Ok(())
    }

    /// What it takes in memory: itself, and its items once more.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.input.iter().map(Bytes::len).sum::<usize>()
    }

    /// What this request brings; nothing of what was before it.
    pub fn input(&self) -> &[Bytes] {
        &self.input
    }

    /// Takes out what only the account that said it can read. Everything else keeps its bytes.
    pub fn forget_turn_state(&mut self) {
        if self.turn_state.take().is_none() {
            return;
        }
        let Ok(mut object) = RawObject::parse(&self.text) else {
            return;
        };
        let Some(Ok(mut metadata)) = object
            .get(METADATA)
            .map(|json| RawObject::parse(json.as_bytes()))
        else {
            return;
        };
        metadata.fields.retain(|(name, _)| name != TURN_STATE);
        let left = metadata.to_json();
        object.set(METADATA, left);
        self.text = Bytes::from(object.to_json());
    }

    /// Takes out the reasoning that this request brings. Whether there was any.
    pub fn forget_reasoning(&mut self) -> bool {
        let Some(text) = without_reasoning(&self.text) else {
            return false;
        };
        self.text = text;
        self.input.retain(|item| !is_reasoning(item));
        true
    }

    /// The request as the body of a POST that streams, with the items `before` in front of its own.
    pub fn body(&self, before: &[Bytes]) -> Bytes {
        let mut object = self.without(&OF_THE_SOCKET);
        self.put_before(&mut object, before);
        if object.get("stream") != Some("true") {
            object.set("stream", "true".to_owned());
        }
        Bytes::from(object.to_json())
    }

    /// The request as a message that leans on no earlier one, with the items `before` in front of its own.
    pub fn message(&self, before: &[Bytes]) -> Bytes {
        if self.previous_response_id.is_none() && before.is_empty() {
            return self.text.clone();
        }
        let mut object = self.without(&["previous_response_id"]);
        self.put_before(&mut object, before);
        Bytes::from(object.to_json())
    }

    /// A body that was made fit for an upstream, as a message again. `keeps_previous`: it brings only what came after the
    /// response that it names.
    pub fn message_of_body(&self, body: &[u8], keeps_previous: bool) -> Bytes {
        let Ok(mut object) = RawObject::parse(body) else {
            return Bytes::copy_from_slice(body);
        };
        let kind = (Cow::Borrowed("type"), Cow::Borrowed("\"response.create\""));
        object.fields.insert(0, kind);
        if self.is_warm_up {
            object.set("generate", "false".to_owned());
        }
        if let Some(id) = self
            .previous_response_id
            .as_ref()
            .filter(|_| keeps_previous)
        {
            object.set("previous_response_id", json!(id).to_string());
        }
        Bytes::from(object.to_json())
    }

    fn without(&self, names: &[&str]) -> RawObject<'_> {
        // It was read before, so it is an object.
        let mut object = RawObject::parse(&self.text).unwrap_or(RawObject { fields: Vec::new() });
        object
            .fields
            .retain(|(name, _)| !names.contains(&name.as_ref()));
        object
    }

    fn put_before(&self, object: &mut RawObject<'_>, before: &[Bytes]) {
        if before.is_empty() {
            return;
        }
        let all = before.iter().chain(&self.input);
        let bytes: usize = all.clone().map(|item| item.len() + 1).sum();
        let mut input = String::with_capacity(bytes + 2);
        input.push('[');
        for (nth, item) in all.enumerate() {
            if nth > 0 {
                input.push(',');
            }
            // Cut out of JSON that was read as text.
            input.push_str(std::str::from_utf8(item).unwrap_or("null"));
        }
        input.push(']');
        object.set("input", input);
    }
}

/// The item of an `output_item.done`, and its place in the output if it tells one; `None` of any other event.
///
/// # Errors
/// When there is no item to be found: something of the answer would be missing.
pub fn finished_item(
    kind: EventKind,
    data: &[u8],
) -> Result<Option<(Option<u64>, Bytes)>, Box<Failure>> {
    if kind != EventKind::OutputItemDone {
        return Ok(None);
    }
    let event = read_event::<ItemEvent<'_>>(data)?;
    let found = event.and_then(|event| Some((event.output_index, event.item?)));
    match found {
        Some((place, item)) => Ok(Some((place, Bytes::copy_from_slice(item.get().as_bytes())))),
        None => Err(Box::new(Failure::unreadable_event())),
    }
}

/// The id of the response that a last event ends, and the items of its output, which the ChatGPT backend often leaves out.
pub fn finished_response(kind: EventKind, data: &[u8]) -> Option<(String, Vec<Bytes>)> {
    let event = TerminalEvent::read(kind, data)?;
    let id = item_id(event.response?.get().as_bytes())?;
    Some((id.into_owned(), items_of(event.output)))
}

/// What an item or a response is called.
pub fn item_id(item: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let named: Named<'_> = serde_json::from_slice(item).ok()?; // no object: it has no name
    raw::filled_text(named.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Create {
        match ClientMessage::read(Bytes::copy_from_slice(text.as_bytes())).unwrap() {
            ClientMessage::Create(create) => *create,
            other => panic!("no request: {other:?}"),
        }
    }

    #[test]
    fn only_the_state_of_the_turn_is_forgotten() {
        let text = r#"{ "type":"response.create","model":"m","input":[ 1.50 ],"client_metadata":{"a":"\u0041","x-codex-turn-state":"s","b":"c"},"odd" : {"z":1} }"#;
        let mut with = create(text);
        assert_eq!(with.turn_state.as_deref(), Some("s"));
        with.forget_turn_state();
        assert_eq!(with.turn_state, None);
        assert_eq!(
            with.text(),
            r#"{"type":"response.create","model":"m","input":[ 1.50 ],"client_metadata":{"a":"\u0041","b":"c"},"odd":{"z":1}}"#
        );
        for text in [
            r#"{"type":"response.create", "model":"m"}"#,
            r#"{"type":"response.create", "model":"m","client_metadata":null}"#,
            r#"{"type":"response.create", "model":"m","client_metadata":{"a":"b"}}"#,
            r#"{"type":"response.create", "model":"m","client_metadata":{"x-codex-turn-state":7}}"#,
        ] {
            let mut without = create(text);
            without.forget_turn_state();
            assert_eq!(without.text(), text, "not one byte");
        }
    }

    fn items(items: &[&'static str]) -> Vec<Bytes> {
        items
            .iter()
            .map(|item| Bytes::from_static(item.as_bytes()))
            .collect()
    }

    #[test]
    fn a_whole_request_is_a_post_body_without_its_type() {
        let create = create(
            r#"{"type":"response.create","model":"m","input":[{"a":1.50}],"stream":true,"x":{"b": 2}}"#,
        );
        assert_eq!(
            create.body(&[]),
            r#"{"model":"m","input":[{"a":1.50}],"stream":true,"x":{"b": 2}}"#
        );
        assert_eq!(create.message(&[]).as_ptr(), create.text().as_ptr());
    }

    #[test]
    fn what_was_before_stands_in_front_of_what_is_added() {
        let create = create(
            r#"{"type":"response.create","model":"m","previous_response_id":"resp_1","input":[{"c": 3}],"store":false}"#,
        );
        let before = items(&[r#"{"a": 1}"#, r#"{"b":2}"#]);
        assert_eq!(
            create.body(&before),
            r#"{"model":"m","input":[{"a": 1},{"b":2},{"c": 3}],"store":false,"stream":true}"#
        );
        assert_eq!(
            create.message(&before),
            r#"{"type":"response.create","model":"m","input":[{"a": 1},{"b":2},{"c": 3}],"store":false}"#
        );
    }

    #[test]
    fn a_request_that_names_a_response_of_nothing_leans_on_nothing() {
        let create = create(
            r#"{"type":"response.create","model":"m","previous_response_id":"resp_1","input":[]}"#,
        );
        assert_eq!(
            create.message(&[]),
            r#"{"type":"response.create","model":"m","input":[]}"#
        );
    }

    #[test]
    fn a_lone_text_is_what_a_user_says() {
        let create = create(r#"{"type":"response.create","model":"m","input":"h\"i"}"#);
        let said = r#"{"type":"message","role":"user","content":"h\"i"}"#;
        assert_eq!(create.input(), [said]);
        assert_eq!(
            create.body(&[]),
            r#"{"model":"m","input":"h\"i","stream":true}"#
        );
        let before = items(&["{}"]);
        assert_eq!(
            create.body(&before),
            format!(r#"{{"model":"m","input":[{{}},{said}],"stream":true}}"#)
        );
    }

    #[test]
    fn a_fitted_body_becomes_a_message_again() {
        let create = create(
            r#"{"type":"response.create","model":"m","generate":false,"previous_response_id":"resp_1"}"#,
        );
        assert!(create.is_warm_up);
        assert_eq!(
            create.message_of_body(br#"{"model":"m"}"#, true),
            r#"{"type":"response.create","model":"m","generate":false,"previous_response_id":"resp_1"}"#
        );
        assert_eq!(
            create.message_of_body(br#"{"model":"m"}"#, false),
            r#"{"type":"response.create","model":"m","generate":false}"#
        );
    }

    #[test]
    fn notes_are_no_requests_and_nonsense_is_refused() {
        let read = |text: &'static str| ClientMessage::read(Bytes::from_static(text.as_bytes()));
        let done = r#"{ "type":"response.processed","response_id":"resp_1"}"#;
        let Ok(ClientMessage::Processed(processed)) = read(done) else {
            panic!("not understood");
        };
        assert_eq!(
            (processed.response_id.as_str(), &processed.text[..]),
            ("resp_1", done.as_bytes())
        );
        for note in [
            r#"{"type":"response.processed"}"#,
            r#"{"type":"response.processed","response_id":""}"#,
            r#"{"type":"tomorrow"}"#,
        ] {
            assert!(matches!(read(note), Ok(ClientMessage::Note)), "{note}");
        }
        for (text, param) in [
            ("[]", None),
            ("hello", None),
            (r#"{"model":"m"}"#, Some("type")),
            (r#"{"type":"response.create"}"#, Some("model")),
            (
                r#"{"type":"response.create","model":"m","generate":1}"#,
                Some("generate"),
            ),
            (
                r#"{"type":"response.create","model":"m","previous_response_id":1}"#,
                Some("previous_response_id"),
            ),
        ] {
            assert_eq!(read(text).unwrap_err().param.as_deref(), param, "{text}");
        }
    }

    #[test]
    fn what_an_answer_adds_is_found_in_its_events() {
        let item = finished_item(
            EventKind::OutputItemDone,
            br#"{"type":"response.output_item.done","output_index":2,"item":{"type":"message","id":"m"}}"#,
        );
        assert_eq!(
            item.unwrap().unwrap(),
            (
                Some(2),
                Bytes::from_static(br#"{"type":"message","id":"m"}"#)
            )
        );
        let end = finished_response(
            EventKind::Completed,
            br#"{"type":"response.completed","response":{"id":"resp_1","output":[{"a":1}]}}"#,
        );
        assert_eq!(end.unwrap(), ("resp_1".to_owned(), items(&[r#"{"a":1}"#])));
    }
}
