//! Whose account answered is nobody's business but the owner's.
//!
//! The ChatGPT backend puts the id of the account's user into every `response` object, as `safety_identifier` (seen in
//! recorded streams: `"safety_identifier":"user-…"` next to `"service_tier"`). The Codex CLI is the user's own and gets it as
//! it came; a typed client gets the field without its value. What a client sends in that field never reaches the backend, so
//! nothing of its own is lost.

use bytes::Bytes;
use memchr::memmem;

use super::EventKind;
use crate::translate::raw::RawObject;

const FIELD: &str = "safety_identifier";

/// The event without the owner's id, or `None` when there is none in it.
pub fn without_owner(kind: EventKind, event: &[u8]) -> Option<Bytes> {
    if !has_response(kind) || memmem::find(event, FIELD.as_bytes()).is_none() {
        return None;
    }
    // What cannot be read here is refused by whoever reads it next.
    let mut event = RawObject::parse(event).ok()?;
    let mut response = RawObject::parse(event.get_some("response")?.as_bytes()).ok()?;
    response.get_some(FIELD)?;
    response.set(FIELD, "null".to_owned());
    let response = response.to_json();
    event.set("response", response);
    Some(Bytes::from(event.to_json()))
}

fn has_response(kind: EventKind) -> bool {
    kind.is_terminal()
        || matches!(
            kind,
            EventKind::Created | EventKind::Queued | EventKind::InProgress
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_with_a_response_loses_the_owners_id_and_nothing_else() {
        for name in [
            "created",
            "queued",
            "in_progress",
            "completed",
            "incomplete",
            "failed",
        ] {
            let event = format!(
                r#"{{"type":"response.{name}","response":{{"id": "r","safety_identifier":"user-canary","x":1.50}},"z":0}}"#
            );
            let kind = EventKind::of_data(event.as_bytes());
            assert_eq!(
                without_owner(kind, event.as_bytes()).unwrap(),
                format!(
                    r#"{{"type":"response.{name}","response":{{"id":"r","safety_identifier":null,"x":1.50}},"z":0}}"#
                )
            );
        }
    }

    #[test]
    fn an_event_that_names_nobody_is_left_alone() {
        for event in [
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.created","response":{"id":"r","safety_identifier":null}}"#,
            r#"{"type":"response.output_text.delta","delta":"\"safety_identifier\":\"mine\""}"#,
            r#"{"type":"response.completed","response":"safety_identifier"}"#,
            r#"{"type":"response.completed","safety_identifier""#,
        ] {
            let kind = EventKind::of_data(event.as_bytes());
            assert_eq!(without_owner(kind, event.as_bytes()), None, "{event}");
        }
    }
}
