//! The error of a socket: what by POST would have been a reply with an error status, with its headers beside it
//! (`openai/codex: codex-rs/codex-api/src/endpoint/responses_websocket.rs`).

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::router::headers::Client;
use crate::router::reply::{Refusal, UpstreamRefusal};
use crate::router::setback::Setback;
use crate::translate::{EventKind, Failure};

/// As a reply: read, judged and told like one.
pub(super) struct ErrorMessage {
    status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl ErrorMessage {
    /// Nothing when the event is no error, or says no status by which Codex would take it for one.
    pub(super) fn read(kind: EventKind, data: &[u8]) -> Option<Self> {
        if kind != EventKind::Error {
            return None;
        }
        let message: Map<String, Value> = serde_json::from_slice(data).ok()?; // no object: no status
        let status = message
            .get("status")
            .or_else(|| message.get("status_code"))?;
        let status = u16::try_from(status.as_u64()?).ok()?; // out of range: none
        let status = StatusCode::from_u16(status)
            .ok() // neither
            .filter(|status| status.is_client_error() || status.is_server_error())?;
        let error = message.get("error").filter(|error| error.is_object())?;
        let headers = message.get("headers").and_then(Value::as_object);
        Some(Self {
            status,
            headers: headers.map(header_map).unwrap_or_default(),
            body: json!({ "error": error }).to_string().into(),
        })
    }

    pub(super) fn setback(&self, now: SystemTime) -> Setback {
        Setback::of_reply(self.status, self.headers.clone(), self.body.clone(), now)
    }

    /// What the client is told. An upstream's 401 is never the client's: by it Codex would sign its user out.
    pub(super) fn into_refusal(self, client: &Client, failure: Failure) -> Refusal {
        if self.status == StatusCode::UNAUTHORIZED {
            return Refusal::Failed(Box::new(failure));
        }
        Refusal::Upstream(Box::new(UpstreamRefusal {
            status: self.status,
            headers: client.reply_headers(&self.headers),
            body: self.body,
            failure,
            is_for_codex: client.is_codex,
        }))
    }
}

/// What no header can carry is left out.
fn header_map(named: &Map<String, Value>) -> HeaderMap {
    let headers = named.iter().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let name = HeaderName::try_from(name.as_str()).ok()?; // no name
        Some((name, HeaderValue::try_from(text).ok()?)) // no value
    });
    headers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> Option<ErrorMessage> {
        ErrorMessage::read(EventKind::of_data(data.as_bytes()), data.as_bytes())
    }

    #[test]
    fn it_is_the_reply_that_it_stands_for() {
        let message = read(
            r#"{"type":"error","status_code":429,"error":{"code":"c"},"headers":{"retry-after":7,"x-a":"b","x y":"c","x-d":["e"]}}"#,
        )
        .unwrap();
        assert_eq!(message.status, 429);
        assert_eq!(message.body, r#"{"error":{"code":"c"}}"#);
        assert_eq!(message.headers.len(), 2);
        assert_eq!(message.headers["retry-after"], "7");
        assert_eq!(message.headers["x-a"], "b");
    }

    #[test]
    fn an_event_that_codex_would_not_take_for_an_error_is_none() {
        for data in [
            r#"{"type":"error","code":"c","message":"m"}"#,
            r#"{"type":"error","status":200,"error":{}}"#,
            r#"{"type":"error","status":99999,"error":{}}"#,
            r#"{"type":"error","status":"400","error":{}}"#,
            r#"{"type":"error","status":400}"#,
            r#"{"type":"response.failed","status":400,"error":{}}"#,
            r#"{"type":"error","#,
        ] {
            assert!(read(data).is_none(), "{data}");
        }
    }
}
