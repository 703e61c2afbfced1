//! What only the OpenAI API and endpoints like it offer: embeddings, moderations, speech. Requests go to the keys of the pool as
//! they came, and answers come back as they are.
//!
//! Nothing is translated: the base64 of an embedding, the bytes of a sound and fields that nobody here knows stay untouched.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;

use super::access;
use super::body::{Held, RequestBody};
use super::headers::{Client, content_type_of};
use super::reply::{self, Refusal};
use super::report::{AttemptResult, Dialect, Record};
use super::search::{self, ApiOnly, Asker};
use super::serve::{Answered, Relayed};
use super::setback::Setback;
use super::{House, arrival};
use crate::pool::{Access, Member};
use crate::translate::RequestError;
use crate::translate::form::{self, is_form, place_of};
use crate::translate::models::{checked_name, with_model};
use crate::translate::responses::TokenUsage;

/// A request that is passed on as it is.
pub(super) struct Parcel {
    /// Below the base of the API.
    path: &'static str,
    headers: HeaderMap,
    body: Bytes,
    /// Whether the answer may take minutes to begin.
    is_long: bool,
    model: String,
    client: Client,
    what: &'static str,
    /// The room that the body takes.
    _held: Held,
}

/// An answer that is passed on as it is.
pub(super) enum Forwarded {
    /// A document: nothing of it goes to the client before all of it is here.
    Whole(Bytes),
    Bytes(reqwest::Body),
}

pub(super) async fn answer(
    house: &Arc<House>,
    dialect: Dialect,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    let Some((path, what)) = endpoint_of(dialect) else {
        return Err(Refusal::NoSuchRoute);
    };
    check_form(content_type_of(head), &body.bytes)?;
    let model = model_of(content_type_of(head), &body.bytes);
    record.note(|done| done.model.clone_from(&model));
    record.caller().check_model(&model, &model)?;
    let client = Client::plain(head);
    let mut headers = HeaderMap::new();
    for name in [CONTENT_TYPE, ACCEPT] {
        if let Some(value) = head.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let parcel = Parcel {
        path,
        headers,
        body: body.bytes,
        is_long: !matches!(dialect, Dialect::Embeddings | Dialect::Moderations),
        model,
        client,
        what,
        _held: body.held,
    };
    let (mut attempt, of_reply, forwarded) =
        search::first_forwarded(house, &parcel, record).await?;
    let mut headers = parcel.client.reply_headers(&of_reply);
    if let Some(content_type) = of_reply.get(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, content_type.clone());
    }
    drop(parcel);
    Ok(match forwarded {
        Forwarded::Whole(document) => {
            record.note_first_token();
            record.note(|done| done.tokens = tokens_of(&document));
            attempt.tell(AttemptResult::Served);
            let mut reply = reply::json(document);
            reply.headers_mut().extend(headers);
            Answered::Whole(reply)
        }
        Forwarded::Bytes(body) => Answered::Bytes(Box::new(Relayed {
            body,
            attempt,
            headers,
        })),
    })
}

/// Where the API has it, and what a person calls it; nothing for what is translated.
fn endpoint_of(dialect: Dialect) -> Option<(&'static str, &'static str)> {
    match dialect {
        Dialect::Embeddings => Some(("embeddings", "embeddings")),
        Dialect::Images => Some(("images/generations", "images by this model")),
        Dialect::ImageEdits => Some(("images/edits", "edits of images by this model")),
        Dialect::ImageVariations => Some(("images/variations", "variations of images")),
        Dialect::Moderations => Some(("moderations", "moderations")),
        Dialect::Speech => Some(("audio/speech", "spoken texts")),
        Dialect::Transcriptions => Some(("audio/transcriptions", "transcriptions")),
        Dialect::Translations => Some(("audio/translations", "translations of sound")),
        Dialect::Chat
        | Dialect::Compaction
        | Dialect::Completions
        | Dialect::CountTokens
        | Dialect::Messages
        | Dialect::Responses => None,
    }
}

impl Parcel {
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            client: &self.client,
            model: &self.model,
            keeps_to: None,
            session: None,
            is_responses: false,
            api_only: Some(ApiOnly::Offered(self.what)),
        }
    }

    /// Sends it as it is, but for the model where an endpoint calls it otherwise. Only keys are asked, and those do not run out.
    pub(super) async fn send(
        &self,
        house: &House,
        member: &Member,
    ) -> Result<(HeaderMap, Forwarded), Setback> {
        let Member {
            access, network, ..
        } = member;
        let limits = &house.limits;
        let patience = if self.is_long {
            limits.answer_head_reasoning
        } else {
            limits.answer_head
        };
        let headers = self.headers.clone();
        let body = match access {
            Access::Endpoint(endpoint) => {
                let content_type = content_type_of(&self.headers);
                renamed(content_type, &self.body, endpoint.name_for(&self.model))
            }
            Access::ApiKey { .. } | Access::ChatGpt { .. } => self.body.clone(),
        };
        let (upstream, model) = (house.upstream.through(network), &self.model);
        let sending = access::forward(upstream, access, self.path, model, headers, body);
        let reply = arrival::head(sending, patience).await?;
        let reply = arrival::good(reply, SystemTime::now()).await;
        let reply = reply.map_err(|setback| setback.seen_at(access))?;
        let is_json = reply
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
        let forwarded = if is_json {
            Forwarded::Whole(arrival::whole(reply.body, limits.event_idle).await?)
        } else {
            Forwarded::Bytes(reply.body)
        };
        Ok((reply.headers, forwarded))
    }
}

/// The model that a JSON body or a form names, for the record and the choice; empty when it names none.
pub(super) fn model_of(content_type: &str, body: &Bytes) -> String {
    #[derive(Deserialize)]
    struct Named {
        model: Option<String>,
    }
    let named = if is_form(content_type) {
        model_in_form(content_type, body)
    } else {
        let named = serde_json::from_slice::<Named>(body).ok(); // no JSON: nothing is named
        named.and_then(|named| named.model)
    };
    // What cannot be a name is nothing to remember.
    let name = named.map(checked_name).and_then(Result::ok);
    name.unwrap_or_default()
}

/// Refuses a form that names a model twice: which of them answers, and by which key's leave, would be the upstream's choice.
///
/// # Errors
/// When it does. A form that cannot be read is for others to refuse.
pub(super) fn check_form(content_type: &str, body: &Bytes) -> Result<(), RequestError> {
    if !is_form(content_type) {
        return Ok(());
    }
    let parts = form::read(content_type, body).unwrap_or_default(); // no parts: nothing is named twice
    let named = parts.iter().filter(|part| part.name == "model").count();
    if named > 1 {
        let problem = "`model` stands in this form more than once: send one";
        return Err(RequestError::at("model", problem));
    }
    Ok(())
}

/// The value of the field `model`.
fn model_in_form(content_type: &str, body: &Bytes) -> Option<String> {
    const MAX_BYTES: usize = 128;
    let value = body.get(place_of(content_type, body, "model")?)?;
    let text = std::str::from_utf8(value).ok()?; // no name of a model
    (text.len() <= MAX_BYTES).then(|| text.to_owned())
}

/// The same request for the model of this name; as it came where it says so already, or names none.
fn renamed(content_type: &str, body: &Bytes, name: &str) -> Bytes {
    if name.is_empty() || model_of(content_type, body) == name {
        return body.clone();
    }
    if !is_form(content_type) {
        return with_model(body, name).unwrap_or_else(|_no_object| body.clone());
    }
    let in_form = place_of(content_type, body, "model").and_then(|place| {
        let parts = [
            body.get(..place.start)?,
            name.as_bytes(),
            body.get(place.end..)?,
        ];
        Some(Bytes::from(parts.concat()))
    });
    in_form.unwrap_or_else(|| body.clone())
}

/// The cost that an answer tells, in the words of any of these endpoints.
fn tokens_of(document: &[u8]) -> Option<TokenUsage> {
    #[derive(Deserialize)]
    struct Document {
        usage: Option<Usage>,
    }
    let usage = serde_json::from_slice::<Document>(document).ok()?.usage?; // no usage: no cost told
    Some(usage.into())
}

/// The cost that stands at the beginning of this text.
pub(super) fn tokens_in(text: &[u8]) -> Option<TokenUsage> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Option<Usage>>();
    let usage = values.next()?.ok()??; // no usage: no cost told
    Some(usage.into())
}

#[derive(Deserialize)]
struct Usage {
    #[serde(alias = "prompt_tokens")]
    input_tokens: Option<u64>,
    #[serde(alias = "completion_tokens")]
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        let input = usage.input_tokens.unwrap_or_default();
        let output = usage.output_tokens.unwrap_or_default();
        Self {
            input,
            output,
            total: usage.total_tokens.unwrap_or(input.saturating_add(output)),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_of(body: &str) -> &'static str {
        if body.starts_with("--") {
            "multipart/form-data; boundary=x"
        } else {
            "application/json"
        }
    }

    #[test]
    fn the_model_is_found_in_a_body_and_in_a_form() {
        let only_a_file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nRIFF\r\n--x--\r\n";
        let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x--\r\n";
        let unquoted = form.replace("name=\"model\"", "name=model");
        for (body, model) in [
            (
                r#"{"input":"a","model":"text-embedding-3-small"}"#,
                "text-embedding-3-small",
            ),
            (r#"{"input":"a"}"#, ""),
            (r#"{"model":7}"#, ""),
            (r#"{"model":"a\nb"}"#, ""),
            (form, "whisper-1"),
            (&unquoted, "whisper-1"),
            (only_a_file, ""),
            ("--x\r\nname=\"model\"\r\n\r\nunfinished", ""),
            ("name=\"model\"", ""),
            ("", ""),
        ] {
            let bytes = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(model_of(type_of(body), &bytes), model, "{body}");
        }
    }

    #[test]
    fn an_endpoints_own_name_takes_the_place_of_the_clients() {
        let form =
            "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x--\r\n";
        let renamed = |body: &'static str| {
            let bytes = Bytes::from_static(body.as_bytes());
            let renamed = renamed(type_of(body), &bytes, "mine");
            String::from_utf8(renamed.to_vec()).unwrap()
        };
        assert_eq!(
            renamed(r#"{"input":"a","model":"m"}"#),
            r#"{"input":"a","model":"mine"}"#
        );
        assert_eq!(renamed(r#"{ "model" : "mine"}"#), r#"{ "model" : "mine"}"#);
        assert_eq!(renamed(form), form.replace("whisper-1", "mine"));
        assert_eq!(renamed("neither"), "neither");
        let only_a_file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nname=\"model\"\r\n\r\nRIFF\r\n--x--\r\n";
        assert_eq!(renamed(only_a_file), only_a_file);
    }

    #[test]
    fn the_cost_is_read_in_both_spellings() {
        let tokens = |document: &str| {
            let tokens = tokens_of(document.as_bytes())?;
            Some((tokens.input, tokens.output, tokens.total))
        };
        assert_eq!(
            tokens(r#"{"usage":{"prompt_tokens":4,"total_tokens":4}}"#),
            Some((4, 0, 4))
        );
        assert_eq!(
            tokens(r#"{"usage":{"input_tokens":3,"output_tokens":5}}"#),
            Some((3, 5, 8))
        );
        assert_eq!(tokens(r#"{"usage":null}"#), None);
        assert_eq!(
            tokens(r#"{"usage":{"type":"duration","seconds":9}}"#),
            Some((0, 0, 0))
        );
        assert_eq!(tokens("[]"), None);
    }
}
