//! Why a request is not answered with what it asked for, in words, with the status and the code that belong to them.
//!
//! Each refusal is worded once, in the OpenAI error shape; how that becomes a reply of each dialect is `reply`'s work.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, HeaderMap, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderName, StatusCode};

use super::codes::{is_lasting, is_model_fault, is_request_fault};
use super::exhausted::Exhausted;
use super::keys::KeyRefusal;
use crate::translate::{ErrorBody, Failure, RequestError};

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    BadForm(&'static str),
    #[error("the request target is longer than {limit_bytes} bytes")]
    TargetTooLong { limit_bytes: usize },
    #[error("this Host is not served here: use localhost with the port of the router")]
    ForeignHost,
    #[error("requests from web pages are not served")]
    ForeignPage,
    #[error("two different keys came with this request: send one")]
    TwoKeys,
    /// The client's key does not open this.
    #[error("{0}")]
    Key(Box<KeyRefusal>),
    #[error(
        "there is nothing at this path; see /v1/models, /v1/responses and /v1/chat/completions"
    )]
    NoSuchRoute,
    #[error("only {allowed} is served at this path")]
    WrongMethod { allowed: &'static str },
    #[error("websockets are turned off here: use POST")]
    NoWebSocket,
    #[error("this is no handshake of a websocket: {0}")]
    BadHandshake(&'static str),
    /// The client leans on a response that its socket does not know.
    #[error(
        "this socket knows no response {id:?}: send the whole input without previous_response_id"
    )]
    NoSuchResponse { id: String },
    #[error("requests come as text on this socket, not as binary messages")]
    NotText,
    #[error("the body must be sent as application/json")]
    NotJson,
    #[error("the body must be sent as multipart/form-data or application/json")]
    NotUpload,
    #[error(
        "a form must come with an Authorization header: any key will do, and no web page can send one"
    )]
    UploadWithoutKey,
    #[error("the body may be compressed once, by gzip, zstd, br or deflate")]
    UnknownCoding,
    #[error("the body is larger than {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize },
    #[error("the body expands too much when it is decompressed")]
    BodyBomb,
    #[error("the body could not be read: {0}")]
    BodyBroken(String),
    #[error("the body did not arrive in time")]
    BodySlow,
    #[error("too many large requests at once")]
    NoRoom,
    #[error("too many requests at once")]
    Busy,
    #[error("the router is stopping")]
    Stopping,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("there is no model {id:?} here")]
    NoSuchModel { id: String },
    /// Only API keys open this, and there is none to ask.
    #[error(
        "{what} need an account with an API key, and there is none in the pool: ChatGPT accounts do not offer them"
    )]
    NeedsKey { what: &'static str },
    #[error(
        "`{field}` names something that only an account with an API key keeps, and there is none in the pool: send everything in `input`"
    )]
    NotKept { field: &'static str },
    /// No profile is left that could answer.
    #[error("{0}")]
    Exhausted(Box<Exhausted>),
    /// The upstream refused the request itself, by its status.
    #[error("the upstream refused the request: {}", .0.failure)]
    Upstream(Box<UpstreamRefusal>),
    /// The upstream failed inside its stream before anything was sent to the client.
    #[error("the upstream failed: {0}")]
    Failed(Box<Failure>),
    /// The same, when it was not the first try.
    #[error("the upstream failed again: {0}")]
    FailedAgain(Box<Failure>),
    /// Pictures had been made before: who tries again pays for them again.
    #[error("{0}")]
    AfterPictures(Box<Self>),
    /// The request was sent and nothing came back; trying again could double what it costs.
    #[error("the upstream did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the router made a mistake; its log says where")]
    Panicked,
}

/// A refusal that goes back to the client as it came, as far as the client can read it.
#[derive(Debug)]
pub(super) struct UpstreamRefusal {
    pub(super) status: StatusCode,
    /// Those that may reach this client.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) failure: Failure,
    /// Codex reads the upstream's own shapes and shows them; everybody else gets the OpenAI shape.
    pub(super) is_for_codex: bool,
}

/// A refusal in the words of HTTP.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) body: ErrorBody,
    pub(super) retry_after: Option<Duration>,
    pub(super) should_retry: Option<bool>,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    pub(super) closes: bool,
}

impl Told {
    fn new(status: StatusCode, kind: &str, code: &str, why: &Refusal) -> Self {
        Self {
            status,
            body: ErrorBody::new(kind, why.to_string()).with_code(code),
            retry_after: None,
            should_retry: None,
            header: None,
            closes: false,
        }
    }

    fn closing(self) -> Self {
        Self {
            closes: true,
            ..self
        }
    }

    fn retry_after(self, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    fn header(self, name: HeaderName, value: &'static str) -> Self {
        Self {
            header: Some((name, HeaderValue::from_static(value))),
            ..self
        }
    }
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        self.told().status
    }

    /// The word for a log.
    pub(super) fn code(&self) -> Option<String> {
        self.told().body.code
    }

    /// The same after `retries` of our own: a client that tries again by itself would only multiply them.
    pub(super) fn after_retries(self, retries: u32) -> Self {
        match self {
            Self::Failed(failure) if retries > 0 => Self::FailedAgain(failure),
            other => other,
        }
    }

    /// The same when so many pictures of the answer had been made.
    pub(super) fn after_pictures(self, made: u32) -> Self {
        if made > 0 {
            Self::AfterPictures(Box::new(self))
        } else {
            self
        }
    }

    pub(super) fn told(&self) -> Told {
        const INVALID: &str = "invalid_request_error";
        const DENIED: &str = "permission_error";
        const OURS: &str = "router_error";
        let refuse = |status, kind, code| Told::new(status, kind, code, self);
        match self {
            Self::BadForm(_) => refuse(StatusCode::BAD_REQUEST, INVALID, "bad_request").closing(),
            Self::TargetTooLong { .. } => {
                refuse(StatusCode::URI_TOO_LONG, INVALID, "uri_too_long").closing()
            }
            Self::ForeignHost => {
                refuse(StatusCode::FORBIDDEN, DENIED, "host_not_allowed").closing()
            }
            Self::ForeignPage => {
                refuse(StatusCode::FORBIDDEN, DENIED, "origin_not_allowed").closing()
            }
            Self::TwoKeys => refuse(StatusCode::BAD_REQUEST, INVALID, "two_api_keys"),
            Self::Key(refusal) => {
                let told = refusal.told();
                Told {
                    body: told.body,
                    retry_after: told.retry_after,
                    should_retry: told.should_retry,
                    header: told.header,
                    ..refuse(told.status, INVALID, "")
                }
            }
            Self::NoSuchRoute => refuse(StatusCode::NOT_FOUND, INVALID, "unknown_path"),
            Self::WrongMethod { allowed } => refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID,
                "method_not_allowed",
            )
            .header(ALLOW, allowed),
            Self::NoWebSocket => {
                // RFC 9110 section 15.5.22 wants an Upgrade header that names what would do.
                refuse(
                    StatusCode::UPGRADE_REQUIRED,
                    INVALID,
                    "websocket_not_served",
                )
                .header(UPGRADE, "HTTP/1.1")
            }
            Self::BadHandshake(_) => {
                refuse(StatusCode::BAD_REQUEST, INVALID, "bad_websocket_handshake")
                    .header(SEC_WEBSOCKET_VERSION, "13")
            }
            Self::NotKept { field } => {
                let code = match *field {
                    "previous_response_id" => "previous_response_not_found",
                    _ => "unsupported_parameter",
                };
                let told = refuse(StatusCode::BAD_REQUEST, INVALID, code);
                Told {
                    body: told.body.with_param(*field),
                    ..told
                }
            }
            // By this code Codex knows that it must send everything again.
            Self::NoSuchResponse { .. } => {
                let told = refuse(
                    StatusCode::BAD_REQUEST,
                    INVALID,
                    "previous_response_not_found",
                );
                Told {
                    body: told.body.with_param("previous_response_id"),
                    ..told
                }
            }
            Self::NotText => refuse(StatusCode::BAD_REQUEST, INVALID, "binary_not_supported"),
            Self::NotJson => {
                refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, "not_json").closing()
            }
            Self::NotUpload => {
                refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, "not_a_form").closing()
            }
            Self::UploadWithoutKey => {
                refuse(StatusCode::FORBIDDEN, DENIED, "key_header_missing").closing()
            }
            Self::UnknownCoding => refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "unknown_encoding",
            )
            .closing(),
            Self::BodyTooLarge { .. } | Self::BodyBomb => {
                refuse(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "request_too_large").closing()
            }
            Self::BodyBroken(_) => {
                refuse(StatusCode::BAD_REQUEST, INVALID, "body_unreadable").closing()
            }
            Self::BodySlow => {
                refuse(StatusCode::REQUEST_TIMEOUT, INVALID, "request_timeout").closing()
            }
            Self::NoRoom | Self::Busy => {
                refuse(StatusCode::SERVICE_UNAVAILABLE, OURS, "router_busy")
                    .retry_after(Duration::from_secs(1))
                    .closing()
            }
            Self::Stopping => {
                refuse(StatusCode::SERVICE_UNAVAILABLE, OURS, "router_stopping").closing()
            }
            Self::Request(error) => Told {
                body: error.into(),
                ..refuse(StatusCode::BAD_REQUEST, INVALID, "")
            },
            Self::NoSuchModel { .. } | Self::NeedsKey { .. } => {
                refuse(StatusCode::NOT_FOUND, INVALID, "model_not_found")
            }
            Self::Exhausted(exhausted) => Told {
                body: exhausted.body(),
                retry_after: exhausted.retry_after(),
                should_retry: exhausted.should_retry(),
                ..refuse(exhausted.status(), OURS, "")
            },
            Self::Upstream(refusal) => Told {
                body: client_fault(&refusal.failure),
                // 409 would be tried again, and a request that is refused is refused again.
                should_retry: (refusal.status == StatusCode::CONFLICT).then_some(false),
                ..refuse(refusal.status, INVALID, "")
            },
            Self::Failed(failure) | Self::FailedAgain(failure) => {
                let status = status_of(failure);
                let is_again = matches!(self, Self::FailedAgain(_));
                let is_lasting = failure.code.as_deref().is_some_and(is_lasting);
                let is_spent = status.is_server_error() && (is_again || is_lasting);
                Told {
                    body: failure.as_ref().into(),
                    retry_after: failure.retry_after,
                    should_retry: is_spent.then_some(false),
                    ..refuse(status, INVALID, "")
                }
            }
            Self::AfterPictures(refusal) => Told {
                should_retry: Some(false),
                ..refusal.told()
            },
            Self::TimedOut(_) => Told {
                should_retry: Some(false),
                ..refuse(
                    StatusCode::GATEWAY_TIMEOUT,
                    "upstream_error",
                    "upstream_timeout",
                )
            },
            // What made us stumble once does it again.
            Self::Panicked => Told {
                should_retry: Some(false),
                ..refuse(StatusCode::INTERNAL_SERVER_ERROR, OURS, "internal_error")
            },
        }
    }
}

/// The ChatGPT backend's `{"detail":…}` names no type; a refusal of the request is one all the same.
fn client_fault(failure: &Failure) -> ErrorBody {
    let mut body = ErrorBody::from(failure);
    if failure.kind.is_none() {
        body.kind = "invalid_request_error".to_owned();
    }
    body
}

/// What a failure inside a stream would have been as a status. An upstream's 401 is never the client's: it would make Codex
/// sign its user out.
fn status_of(failure: &Failure) -> StatusCode {
    let code = failure.code.as_deref().or(failure.kind.as_deref());
    match code.unwrap_or_default() {
        "rate_limit_exceeded" | "usage_limit_reached" | "insufficient_quota" => {
            StatusCode::TOO_MANY_REQUESTS
        }
        "server_is_overloaded" | "slow_down" => StatusCode::SERVICE_UNAVAILABLE,
        code if is_model_fault(code) => StatusCode::NOT_FOUND,
        code if is_request_fault(code) => StatusCode::BAD_REQUEST,
        _ => match failure.status {
            Some(400) => StatusCode::BAD_REQUEST,
            Some(429) => StatusCode::TOO_MANY_REQUESTS,
            Some(503) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        },
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, status: Option<u16>) -> Failure {
        Failure {
            code: Some(code.to_owned()),
            message: "fake".to_owned(),
            status,
            ..Failure::default()
        }
    }

    #[test]
    fn a_failure_inside_a_stream_gets_the_status_it_would_have_had() {
        for (code, said, status) in [
            ("context_length_exceeded", None, 400),
            ("invalid_prompt", None, 400),
            ("model_not_found", None, 404),
            ("rate_limit_exceeded", None, 429),
            ("server_is_overloaded", None, 503),
            ("upstream_stream_truncated", None, 502),
            ("brand_new", Some(400), 400),
            ("token_expired", Some(401), 502),
            ("brand_new", None, 502),
        ] {
            assert_eq!(status_of(&failure(code, said)), status, "{code}");
        }
    }
}
