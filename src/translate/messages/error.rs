//! The error body of the Messages API, the same as a reply and as an event
//! (<https://docs.anthropic.com/en/api/errors>; anthropic-sdk-python `types/shared/error_object.py`).

use serde_json::{Map, Value, json};

use crate::translate::Failure;

/// The code of a request that builds on a conversation which Anthropic would keep. Its clients look it up in
/// `error.details.error_code`, and then send all of the conversation (anthropic-sdk-python `lib/threads/_thread_state.py`).
pub(super) const THREAD_UNSUPPORTED: &str = "thread_unsupported_request";

/// `{"type":"error","error":{"type","message"},"request_id"}`, with `details` where `code` is a word that clients act on.
pub fn error_body(
    kind: &str,
    message: &str,
    code: Option<&str>,
    request_id: Option<&str>,
) -> Vec<u8> {
    let mut error = Map::new();
    error.insert("type".to_owned(), json!(kind));
    error.insert("message".to_owned(), json!(message));
    if code == Some(THREAD_UNSUPPORTED) {
        error.insert("details".to_owned(), json!({ "error_code": code }));
    }
    let mut body = Map::new();
    body.insert("type".to_owned(), json!("error"));
    body.insert("error".to_owned(), Value::Object(error));
    if let Some(request_id) = request_id {
        body.insert("request_id".to_owned(), json!(request_id));
    }
    Value::Object(body).to_string().into_bytes()
}

/// The word for a status.
pub fn kind_of_status(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The word for a failure inside a stream, where there is no status.
pub(super) fn kind_of_failure(failure: &Failure) -> &'static str {
    let words = [failure.code.as_deref(), failure.kind.as_deref()];
    let known = words.into_iter().flatten().find_map(|word| match word {
        "server_is_overloaded" | "slow_down" => Some("overloaded_error"),
        "rate_limit_exceeded" | "usage_limit_reached" | "insufficient_quota" => {
            Some("rate_limit_error")
        }
        "upstream_timeout" => Some("timeout_error"),
        "context_length_exceeded" | "invalid_prompt" | "invalid_request_error" => {
            Some("invalid_request_error")
        }
        _ => None,
    });
    known.unwrap_or("api_error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_two_levels_and_the_id_of_the_request() {
        assert_eq!(
            String::from_utf8(error_body(
                "api_error",
                "no \"luck\"",
                Some("odd"),
                Some("req_1")
            ))
            .unwrap(),
            r#"{"type":"error","error":{"type":"api_error","message":"no \"luck\""},"request_id":"req_1"}"#
        );
        assert_eq!(
            String::from_utf8(error_body("api_error", "x", None, None)).unwrap(),
            r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#
        );
    }

    #[test]
    fn a_code_of_anthropics_own_stands_in_the_details() {
        let body = error_body("invalid_request_error", "x", Some(THREAD_UNSUPPORTED), None);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"x","details":{"error_code":"thread_unsupported_request"}}}"#
        );
    }

    #[test]
    fn every_status_has_its_word() {
        for (status, kind) in [
            (400, "invalid_request_error"),
            (402, "billing_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (405, "invalid_request_error"),
            (413, "request_too_large"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (503, "api_error"),
            (504, "timeout_error"),
            (529, "overloaded_error"),
        ] {
            assert_eq!(kind_of_status(status), kind, "{status}");
        }
    }

    #[test]
    fn a_failure_inside_a_stream_is_named_by_its_code_or_its_type() {
        let failure = |code: &str, kind: &str| Failure {
            code: Some(code.to_owned()),
            kind: Some(kind.to_owned()),
            ..Failure::default()
        };
        for (code, kind, word) in [
            (
                "server_is_overloaded",
                "service_unavailable_error",
                "overloaded_error",
            ),
            ("x", "usage_limit_reached", "rate_limit_error"),
            ("upstream_timeout", "upstream_error", "timeout_error"),
            ("odd", "invalid_request_error", "invalid_request_error"),
            ("upstream_stream_truncated", "upstream_error", "api_error"),
        ] {
            assert_eq!(kind_of_failure(&failure(code, kind)), word, "{code}");
        }
    }
}
