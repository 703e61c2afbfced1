//! The one place where a refusal becomes an HTTP reply.
//!
//! Every reply of our own is JSON in the OpenAI error shape, with the headers by which clients decide whether to try again
//! (openai-python `_base_client.py`: `x-should-retry` beats the status, `retry-after` above 120 s means no retry).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{HeaderName, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::AnswerBody;
use super::codes::{is_model_fault, is_overload, says_model_not_supported};
use super::refusal::Told;
pub(super) use super::refusal::{Refusal, UpstreamRefusal};
use crate::translate::ErrorBody;
use crate::translate::messages::{error_body, kind_of_status};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// Beyond this, waiting is for people and not for clients.
const PATIENCE_SECS: u64 = 120;
impl Refusal {
    /// Its status, and what it says in the OpenAI shape.
    pub(super) fn body(&self) -> (StatusCode, ErrorBody) {
        let told = self.told();
        (told.status, told.body)
    }

    pub(super) fn into_reply(self) -> Response<AnswerBody> {
        let told = self.told();
        let (body, content_type, headers) = match self {
            Self::Upstream(refusal) if refusal.is_for_codex => {
                (refusal.body, None, refusal.headers)
            }
            Self::Upstream(refusal) => (told.body.to_bytes().into(), Some(JSON), refusal.headers),
            _ => (told.body.to_bytes().into(), Some(JSON), HeaderMap::new()),
        };
        told.into_reply(body, content_type, headers)
    }

    /// The same as a message on a socket: status and headers stand beside the error
    /// (`openai/codex: codex-rs/codex-api/src/endpoint/responses_websocket.rs`).
    pub(super) fn into_message(self) -> (StatusCode, Bytes) {
        let mut told = self.told();
        // The socket outlives the refusal.
        told.closes = false;
        let status = told.status;
        let own = told.body.to_bytes();
        let (said, headers) = match self {
            Self::Upstream(refusal) => {
                let said = refusal.is_for_codex.then_some(refusal.body);
                (said, refusal.headers)
            }
            _ => (None, HeaderMap::new()),
        };
        let error_in = |body: &[u8]| match serde_json::from_slice(body) {
            Ok(Value::Object(mut body)) => body.remove("error").filter(Value::is_object),
            _ => None,
        };
        let error = said.as_deref().and_then(error_in);
        let reply = told.into_reply(Bytes::new(), None, headers);
        let mut named = Map::new();
        for (name, value) in reply.headers() {
            if let (Ok(text), false) = (value.to_str(), *name == CONTENT_TYPE) {
                named.insert(name.as_str().to_owned(), text.into());
            }
        }
        let message = json!({
            "type": "error",
            "status": status.as_u16(),
            "error": error.or_else(|| error_in(&own)),
            "headers": named,
        });
        (status, Bytes::from(message.to_string()))
    }

    /// The same in the shape and with the statuses of the Messages API.
    pub(super) fn into_messages_reply(self, request_id: &str) -> Response<AnswerBody> {
        let mut told = self.told();
        told.status = self.messages_status(&told);
        let kind = kind_of_status(told.status.as_u16());
        let message = if told.body.code.as_deref() == Some("context_length_exceeded") {
            // By these words Anthropic's clients know that they must shorten the conversation.
            format!("prompt is too long: {}", told.body.message)
        } else {
            std::mem::take(&mut told.body.message)
        };
        let headers = match self {
            Self::Upstream(refusal) => refusal.headers,
            _ => HeaderMap::new(),
        };
        let body = error_body(kind, &message, told.body.code.as_deref(), Some(request_id));
        told.into_reply(body.into(), Some(JSON), headers)
    }

    /// Anthropic has a status of its own for a service that has too much to do, and for a model that is not there.
    fn messages_status(&self, told: &Told) -> StatusCode {
        let code = told.body.code.as_deref().unwrap_or_default();
        let is_overload = match self {
            Self::Exhausted(exhausted) => exhausted.is_overload(),
            Self::Busy | Self::NoRoom => true,
            _ => is_overload(code),
        };
        if is_overload {
            return StatusCode::from_u16(529).unwrap_or(told.status);
        }
        let is_model_missing = match self {
            Self::Upstream(refusal) => {
                is_model_fault(code) || says_model_not_supported(&refusal.failure.message)
            }
            _ => false,
        };
        if is_model_missing {
            return StatusCode::NOT_FOUND;
        }
        told.status
    }
}

impl Told {
    fn into_reply(
        self,
        body: Bytes,
        content_type: Option<HeaderValue>,
        headers: HeaderMap,
    ) -> Response<AnswerBody> {
        let mut reply = Response::new(AnswerBody::whole(body));
        *reply.status_mut() = self.status;
        let all = reply.headers_mut();
        *all = headers;
        if let Some(content_type) = content_type {
            all.insert(CONTENT_TYPE, content_type);
        }
        if let Some((name, value)) = self.header {
            all.insert(name, value);
        }
        if self.closes {
            all.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(after) = self.retry_after {
            let secs = ceil_secs(after);
            all.insert(RETRY_AFTER, secs.into());
            if secs > PATIENCE_SECS {
                all.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            } else {
                // Exact, where a second is long; clients read it first.
                let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                all.insert(RETRY_AFTER_MS, millis.into());
            }
        }
        if let Some(should_retry) = self.should_retry {
            let value = if should_retry { "true" } else { "false" };
            all.insert(SHOULD_RETRY, HeaderValue::from_static(value));
        }
        reply
    }
}

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) fn json(body: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut reply = Response::new(AnswerBody::whole(body.into()));
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// The same with what an upstream said in front of its own body, which may have been another one.
pub(super) fn json_with(mut headers: HeaderMap, body: impl Into<Bytes>) -> Response<AnswerBody> {
    headers.insert(CONTENT_TYPE, JSON);
    let mut reply = Response::new(AnswerBody::whole(body.into()));
    *reply.headers_mut() = headers;
    reply
}

pub(super) fn ceil_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Failure;

    #[test]
    fn a_long_wait_tells_clients_not_to_try_again() {
        let reply = |secs| {
            Refusal::Failed(Box::new(Failure {
                code: Some("rate_limit_exceeded".to_owned()),
                message: "fake".to_owned(),
                retry_after: Some(Duration::from_secs(secs)),
                ..Failure::default()
            }))
            .into_reply()
        };
        let headers = |secs| {
            let reply = reply(secs);
            let text = |name| {
                let value = reply.headers().get(name)?;
                Some(value.to_str().unwrap().to_owned())
            };
            (text(RETRY_AFTER), text(SHOULD_RETRY))
        };
        assert_eq!(headers(120), (Some("120".into()), None));
        assert_eq!(headers(121), (Some("121".into()), Some("false".into())));
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(ceil_secs(Duration::from_millis(1)), 1);
        assert_eq!(ceil_secs(Duration::from_secs(2)), 2);
    }
}
