//! What an upstream says when it refuses, in every shape that it says it.
//!
//! Shapes: the OpenAI error object, `{"detail":…}` of the ChatGPT backend (a string, a list, or an object with a
//! code), the events `response.failed` and `error`, plain text, and web pages of whatever stands in between.

use std::time::Duration;

use serde_json::{Map, Value};

/// A refusal, taken apart. What is done about it is decided elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// One word, as short as a word is: it goes into logs, where a sentence of the upstream's must not.
    pub code: Option<String>,
    /// The `type` of the error object, one word as well; the ChatGPT backend puts `usage_limit_reached` here.
    pub kind: Option<String>,
    /// Never empty.
    pub message: String,
    pub param: Option<String>,
    pub plan_type: Option<String>,
    /// When the usage limit ends, in seconds since 1970. Only from its own field, never guessed from a text.
    pub resets_at: Option<u64>,
    pub resets_in_seconds: Option<u64>,
    /// From "try again in 1.5s" in the message, as the Codex CLI reads it.
    pub retry_after: Option<Duration>,
    /// The HTTP status that an `error` event carries, if it does.
    pub status: Option<u16>,
}

/// The code of an answer that is more than we collect.
pub const ANSWER_TOO_LARGE: &str = "upstream_answer_too_large";

impl Failure {
    /// Reads a `response.failed` or `error` event.
    pub fn from_event(data: &[u8]) -> Self {
        let Ok(Value::Object(event)) = serde_json::from_slice(data) else {
            return Self::unreadable_event();
        };
        let within = event.get("response").and_then(Value::as_object);
        let nested = within
            .and_then(|response| response.get("error"))
            .or_else(|| event.get("error"));
        let mut failure = match nested {
            Some(Value::Object(error)) => Self::from_error_object(error),
            Some(Value::String(message)) => Self::saying(message),
            _ => Self::from_error_object(&event),
        };
        let status = event
            .get("status")
            .or_else(|| event.get("status_code"))
            .and_then(Value::as_u64);
        failure.status = status.and_then(|status| u16::try_from(status).ok()); // out of range: no HTTP status
        failure.or_message("the upstream reported a failure without saying why")
    }

    /// Reads the body of an HTTP answer with an error status.
    pub fn from_body(body: &[u8]) -> Self {
        let failure = match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => Self::from_object(&body),
            Ok(Value::String(message)) => Self::saying(&message),
            Ok(_) => Self::default(),
            Err(_) => Self::saying(&sentence_of_text(body)),
        };
        failure.or_message("the upstream refused the request without saying why")
    }

    /// The parameter that is not supported, whatever its value; as the upstream wrote it.
    pub fn unsupported_parameter(&self) -> Option<&str> {
        let says = self.code.as_deref() == Some("unsupported_parameter")
            || UNSUPPORTED.iter().any(|words| self.message.contains(words));
        self.param.as_deref().filter(|_| says)
    }

    /// The stream ended before the upstream said that it had finished.
    pub fn truncated() -> Self {
        Self {
            code: Some("upstream_stream_truncated".to_owned()),
            kind: Some("upstream_error".to_owned()),
            message: "the upstream ended the stream before the answer was complete".to_owned(),
            ..Self::default()
        }
    }

    /// An event that belongs to the answer could not be read.
    pub fn unreadable_event() -> Self {
        Self {
            code: Some("upstream_event_unreadable".to_owned()),
            kind: Some("upstream_error".to_owned()),
            message: "the upstream sent an event that is not valid JSON".to_owned(),
            ..Self::default()
        }
    }

    /// The answer is larger than we are willing to collect.
    pub fn too_large(limit_bytes: usize) -> Self {
        Self {
            code: Some(ANSWER_TOO_LARGE.to_owned()),
            kind: Some("upstream_error".to_owned()),
            message: format!(
                "the answer is larger than {limit_bytes} bytes; ask for a stream instead"
            ),
            ..Self::default()
        }
    }

    fn from_object(body: &Map<String, Value>) -> Self {
        match (body.get("error"), body.get("detail")) {
            (Some(Value::Object(error)), _) => Self::from_error_object(error),
            (Some(Value::String(code)), _) => {
                // The shape of RFC 6749 section 5.2, which gateways use for refused tokens too.
                let text = |name| body.get(name).and_then(Value::as_str);
                let message = text("error_description").or_else(|| text("message"));
                Self {
                    code: message
                        .and(Some(code))
                        .filter(|code| is_word(code))
                        .cloned(),
                    ..Self::saying(message.unwrap_or(code))
                }
            }
            (_, Some(Value::Object(detail))) => Self::from_error_object(detail),
            (_, Some(Value::String(message))) => Self::saying(message),
            (_, Some(Value::Array(problems))) => Self::from_problems(problems),
            _ => Self::from_error_object(body),
        }
    }

    /// FastAPI's list of validation problems: `[{"loc":["body","model"],"msg":"…","type":"…"}]`.
    fn from_problems(problems: &[Value]) -> Self {
        let sentences: Vec<&str> = problems
            .iter()
            .filter_map(|problem| problem.as_str().or_else(|| problem.get("msg")?.as_str()))
            .collect();
        let place = problems
            .first()
            .and_then(|problem| problem.get("loc")?.as_array());
        let place: Vec<String> = place
            .into_iter()
            .flatten()
            .filter(|step| step.as_str() != Some("body"))
            .map(|step| {
                step.as_str()
                    .map_or_else(|| step.to_string(), str::to_owned)
            })
            .collect();
        let mut failure = Self::saying(&sentences.join("; "));
        if !place.is_empty() {
            failure.param = Some(place.join("."));
        }
        failure
    }

    fn from_error_object(error: &Map<String, Value>) -> Self {
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let code = text("code");
        let message = text("message")
            .or_else(|| text("detail"))
            .or_else(|| code.clone())
            .unwrap_or_default();
        let said = Self::saying(&message);
        // The type of an event is not the type of the error in it.
        let is_of_event = |kind: &String| kind == "error" || kind.starts_with("response.");
        Self {
            code: code.filter(|code| is_word(code)),
            kind: text("type").filter(|kind| is_word(kind) && !is_of_event(kind)),
            param: text("param").or(said.param),
            plan_type: text("plan_type"),
            resets_at: seconds(error.get("resets_at")),
            resets_in_seconds: seconds(error.get("resets_in_seconds")),
            message: said.message,
            retry_after: said.retry_after,
            status: None,
        }
    }

    /// A failure of which only a sentence is known.
    fn saying(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            param: parameter_in(message).map(str::to_owned),
            retry_after: retry_after(message),
            ..Self::default()
        }
    }

    fn or_message(mut self, message: &str) -> Self {
        if self.message.trim().is_empty() {
            self.message = message.to_owned();
        }
        self
    }
}

/// Whether this can be a code, and is no text that somebody put in its place.
fn is_word(code: &str) -> bool {
    const MAX_WORD_BYTES: usize = 64;
    code.len() <= MAX_WORD_BYTES && code.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whole seconds from a number, or from a text that holds one.
fn seconds(value: Option<&Value>) -> Option<u64> {
    let number = match value? {
        Value::String(text) => text.trim().parse::<f64>().ok(), // no number: nothing known
        value => value
            .as_u64()
            .map(|seconds| seconds as f64)
            .or_else(|| value.as_f64()),
    };
    number
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map(|seconds| seconds as u64)
}

/// What stands in front of the name of a parameter that has no place.
const UNSUPPORTED: [&str; 2] = [
    "Unsupported parameter: ",
    "Unrecognized request argument supplied: ",
];

/// The field in "Unsupported parameter: max_output_tokens", which is all that the ChatGPT backend says.
fn parameter_in(message: &str) -> Option<&str> {
    let mut rests = UNSUPPORTED
        .iter()
        .filter_map(|words| message.split_once(words));
    let (_, rest) = rests.next()?;
    let is_name = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '[' | ']')
    };
    let rest = rest.trim_start_matches(['\'', '"', '`']);
    let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
    rest.get(..end)
        .map(|name| name.trim_end_matches('.'))
        .filter(|name| !name.is_empty())
}

/// The wait in "Please try again in 1m6.5s" or "try again in 20 seconds".
///
/// The Codex CLI reads `s`, `ms` and `seconds` (`codex-rs/codex-api/src/sse/responses.rs`); OpenAI also writes minutes.
fn retry_after(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let (_, mut rest) = message.split_once("try again in ")?;
    let mut total = Duration::ZERO;
    let mut is_known = false;
    loop {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(rest.len());
        let Some((number, after)) = rest.split_at_checked(digits) else {
            break;
        };
        let Ok(number) = number.parse::<f64>() else {
            break;
        };
        let after = after.trim_start();
        let letters = after
            .find(|letter: char| !letter.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters).unwrap_or_default();
        let unit_secs = match unit {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => break,
        };
        let Ok(part) = Duration::try_from_secs_f64(number * unit_secs) else {
            break;
        };
        total = total.saturating_add(part);
        is_known = true;
        rest = after.trim_start();
    }
    is_known.then_some(total)
}

/// One sentence out of a body that is no JSON: the title of a web page, or the beginning of a text.
fn sentence_of_text(body: &[u8]) -> String {
    /// Long enough for any sentence, short enough for a log line.
    const MAX_SENTENCE_CHARS: usize = 300;
    /// Titles stand at the top; a page can be large.
    const MAX_LOOK_BYTES: usize = 16 * 1024;

    let body = body.get(..MAX_LOOK_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<head") {
        let title = lower.find("<title>").and_then(|at| {
            let from = at + "<title>".len();
            let bytes = lower.get(from..)?.find("</title>")?;
            text.get(from..from + bytes)
        });
        let title = title
            .map(|title| one_line(title, MAX_SENTENCE_CHARS))
            .filter(|title| !title.is_empty());
        return match title {
            Some(title) => format!("the upstream answered with a web page: {title:?}"),
            None => "the upstream answered with a web page".to_owned(),
        };
    }
    one_line(text, MAX_SENTENCE_CHARS)
}

fn one_line(text: &str, max_chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sentence_in_the_place_of_a_code_is_no_code() {
        let long = "x".repeat(65);
        for code in ["your prompt said: hello", "a\nb", long.as_str()] {
            let body = serde_json::json!({"error": {"code": code, "type": code, "message": "m"}});
            let failure = Failure::from_body(body.to_string().as_bytes());
            assert_eq!((failure.code, failure.kind), (None, None), "{code}");
            let body = serde_json::json!({"error": code, "error_description": "m"});
            let failure = Failure::from_body(body.to_string().as_bytes());
            assert_eq!((failure.code, failure.message.as_str()), (None, "m"));
        }
    }

    #[test]
    fn a_failed_response_gives_all_that_a_cooldown_needs() {
        let failure = Failure::from_event(
            br#"{"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"type":"usage_limit_reached","code":"usage_limit_reached","message":"The usage limit has been reached","plan_type":"plus","resets_at":1800000000.9,"resets_in_seconds":"120"}}}"#,
        );
        assert_eq!(
            failure,
            Failure {
                code: Some("usage_limit_reached".to_owned()),
                kind: Some("usage_limit_reached".to_owned()),
                message: "The usage limit has been reached".to_owned(),
                plan_type: Some("plus".to_owned()),
                resets_at: Some(1_800_000_000),
                resets_in_seconds: Some(120),
                ..Failure::default()
            }
        );
    }

    #[test]
    fn flat_and_wrapped_error_events_are_both_read() {
        let flat = Failure::from_event(br#"{"type":"error","code":"server_is_overloaded","message":"busy","param":null,"sequence_number":3}"#);
        assert_eq!(
            (
                flat.code.as_deref(),
                flat.kind.as_deref(),
                flat.message.as_str()
            ),
            (Some("server_is_overloaded"), None, "busy")
        );
        let wrapped = Failure::from_event(br#"{"type":"error","status":429,"error":{"type":"usage_limit_reached","message":"limit"}}"#);
        assert_eq!(
            (wrapped.kind.as_deref(), wrapped.status),
            (Some("usage_limit_reached"), Some(429))
        );
        let bare = Failure::from_event(br#"{"error":"no such thing"}"#);
        assert_eq!(bare.message, "no such thing");
    }

    #[test]
    fn a_failure_always_has_a_sentence() {
        for data in [
            &br#"{"type":"response.failed","response":{"error":null}}"#[..],
            b"{}",
            b"nonsense",
            b"",
        ] {
            assert!(!Failure::from_event(data).message.is_empty());
        }
        for body in [
            &b""[..],
            b"  \n",
            b"{}",
            b"[]",
            b"null",
            br#"{"error":null}"#,
            br#"{"detail":[]}"#,
            b"<html></html>",
        ] {
            assert!(!Failure::from_body(body).message.is_empty());
        }
    }

    #[test]
    fn every_shape_of_an_error_body_is_read() {
        let message = |body: &str| Failure::from_body(body.as_bytes()).message;
        assert_eq!(message(r#"{"error":{"message":"a","type":"t"}}"#), "a");
        assert_eq!(message(r#"{"detail":"b"}"#), "b");
        assert_eq!(
            message(r#"{"detail":[{"loc":["body","model"],"msg":"c"},{"msg":"d"}]}"#),
            "c; d"
        );
        assert_eq!(
            message(r#"{"error":"invalid_token","error_description":"e"}"#),
            "e"
        );
        assert_eq!(message(r#"{"message":"f"}"#), "f");
        assert_eq!(
            message("upstream connect error\n reset"),
            "upstream connect error reset"
        );
        assert_eq!(
            message("<!DOCTYPE html><html><head><TITLE>Just a\n moment...</TITLE>"),
            "the upstream answered with a web page: \"Just a moment...\""
        );
    }

    #[test]
    fn a_detail_with_a_code_keeps_the_code() {
        let failure = Failure::from_body(br#"{"detail":{"code":"deactivated_workspace"}}"#);
        assert_eq!(failure.code.as_deref(), Some("deactivated_workspace"));
        assert_eq!(failure.message, "deactivated_workspace");
    }

    #[test]
    fn the_parameter_that_the_chatgpt_backend_refuses_is_named() {
        let param = |body: &str| Failure::from_body(body.as_bytes()).param;
        assert_eq!(
            param(r#"{"detail":"Unsupported parameter: max_output_tokens"}"#).as_deref(),
            Some("max_output_tokens")
        );
        assert_eq!(
            param(r#"{"error":{"message":"Unrecognized request argument supplied: seed","param":null,"code":null}}"#).as_deref(),
            Some("seed")
        );
        assert_eq!(
            param(r#"{"detail":"Unsupported parameter: 'user'."}"#).as_deref(),
            Some("user")
        );
        assert_eq!(
            param(r#"{"detail":[{"loc":["body","input",0],"msg":"x"}]}"#).as_deref(),
            Some("input.0")
        );
        assert_eq!(param(r#"{"detail":"Bad request"}"#), None);
    }

    #[test]
    fn the_wait_is_read_from_the_message_and_nothing_else_is_guessed() {
        let wait = |text| retry_after(text);
        assert_eq!(
            wait("Rate limit reached. Please try again in 1.898s. Visit"),
            Some(Duration::from_millis(1898))
        );
        assert_eq!(wait("Try again in 28ms."), Some(Duration::from_millis(28)));
        assert_eq!(
            wait("try again in 35 seconds."),
            Some(Duration::from_secs(35))
        );
        assert_eq!(wait("try again in 6m0s"), Some(Duration::from_secs(360)));
        assert_eq!(
            wait("try again in 1 hour 2 minutes"),
            Some(Duration::from_secs(3_720))
        );
        assert_eq!(wait("try again in a moment"), None);
        assert_eq!(wait("try again at 9 PM"), None);
        assert_eq!(wait("try again in 99999999999999999999999999 days"), None);
        let failure = Failure::from_body(br#"{"detail":"limit, try again in 3 days"}"#);
        assert_eq!(
            (failure.resets_at, failure.retry_after),
            (None, Some(Duration::from_secs(259_200)))
        );
    }

    proptest! {
        #[test]
        fn no_body_and_no_event_can_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in ".*", wait in "try again in [0-9.]{0,6} ?[a-z]{0,3}") {
            prop_assert!(!Failure::from_body(&body).message.is_empty());
            prop_assert!(!Failure::from_event(&body).message.is_empty());
            Failure::from_body(text.as_bytes());
            Failure::from_body(wait.as_bytes());
        }
    }
}
