//! Why one attempt gave no usable reply, and what follows from it.
//!
//! The upstream says the same thing in several ways: by status, by the code or the type of an error object, in an HTTP body or
//! inside a stream that began with 200. Here they become one of a few words.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::codes::{
    is_account_fault, is_model_fault, is_overload, is_request_fault, is_token_fault,
    is_usage_limit, says_model_missing, says_model_not_supported,
};
use super::report::AttemptResult;
use crate::pool::cooldown::MAX_REST;
use crate::pool::{Access, RestSource, Told};
use crate::translate::{Failure, RequestError};
use crate::upstream::retry_after;
use crate::usage::Usage;

#[derive(Debug)]
pub(crate) enum Setback {
    UsageLimit {
        told: Option<Told>,
        plan: Option<String>,
        /// Whether it is the limit of this model's family alone.
        is_of_model: bool,
    },
    Throttled {
        retry_after: Option<Duration>,
    },
    /// The service has too much to do, whoever asks.
    Overloaded {
        retry_after: Option<Duration>,
    },
    Unauthorized,
    /// The account itself is refused: a word for it.
    AccountRefused {
        what: String,
    },
    /// The access token has run out and there is no newer one: a sentence. Nothing was sent.
    NoToken(String),
    Failing {
        what: String,
    },
    /// The network; no account's fault.
    Unreachable {
        what: String,
    },
    /// Something in front of the service challenges us, whoever asks on this way.
    Challenged {
        what: String,
    },
    /// This account may not use the model; another might.
    ModelNotSupported(Box<Said>),
    /// This kind of upstream has no way to answer the request; another may. Nothing was sent.
    Unfit(Box<RequestError>),
    /// The request itself is refused, and would be by every profile.
    ClientFault(Box<Said>),
    /// An endpoint of the user's own has no such path, in neither dialect; another profile may have it.
    NoPath(Box<Said>),
    /// Sent, and no head of a reply came back in this time.
    TimedOut(Duration),
    /// The reply ended before it said anything.
    Cut,
    /// The answer was under way, and counted, and is lost; another profile would make it again.
    Spoiled(Box<Failure>),
}

/// What the upstream said, for the client to read.
#[derive(Debug)]
pub(crate) struct Said {
    pub(super) failure: Failure,
    /// Only when it was said by status: inside a stream there is none of this.
    pub(super) reply: Option<(StatusCode, HeaderMap, Bytes)>,
}

/// What the router does after a setback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    RefreshThenRetry,
    /// `costs`: the next profile may well meet the same, so the common budget for retries is asked.
    TryNextProfile {
        costs: bool,
    },
    GiveUp,
}

impl Setback {
    /// Reads a reply whose status is an error.
    pub(crate) fn of_reply(
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        now: SystemTime,
    ) -> Self {
        if is_challenge(status, &headers) {
            return Self::Challenged {
                what: format!("something in front of the service answers {status}"),
            };
        }
        let failure = Failure::from_body(&body);
        let said = Said {
            failure,
            reply: Some((status, headers, body)),
        };
        Self::of(said, now)
    }

    /// Reads a failure inside a stream.
    pub(super) fn of_event(failure: Failure, now: SystemTime) -> Self {
        Self::of(
            Said {
                failure,
                reply: None,
            },
            now,
        )
    }

    /// The same as seen at this upstream: another one than an endpoint of the user's own may have the path.
    pub(super) fn seen_at(self, access: &Access) -> Self {
        match (self, access) {
            (Self::ClientFault(said), Access::Endpoint(_)) if said.lacks_path() => {
                Self::NoPath(said)
            }
            (setback, _) => setback,
        }
    }

    fn of(said: Said, now: SystemTime) -> Self {
        let failure = &said.failure;
        let status = match &said.reply {
            Some((status, _, _)) => Some(status.as_u16()),
            None => failure.status,
        };
        let words = [failure.code.as_deref(), failure.kind.as_deref()];
        let says = |test: fn(&str) -> bool| words.into_iter().flatten().any(test);
        // The specific words first: a generic type such as `invalid_request_error` comes with all of them.
        if says(is_usage_limit) {
            return Self::usage_limit(&said, now);
        }
        if let Some(word) = words
            .into_iter()
            .flatten()
            .find(|word| is_account_fault(word))
        {
            return Self::AccountRefused {
                what: word.to_owned(),
            };
        }
        if says(is_token_fault) || status == Some(401) {
            return Self::Unauthorized;
        }
        if status == Some(402) {
            return Self::usage_limit(&said, now);
        }
        let is_missing = status == Some(404) && says_model_missing(&failure.message);
        if says(is_model_fault) || is_missing || says_model_not_supported(&failure.message) {
            return Self::ModelNotSupported(Box::new(said));
        }
        let wait = || {
            let headers = said.reply.as_ref().map(|(_, headers, _)| headers);
            let by_header = headers.and_then(|headers| retry_after(headers, now));
            by_header.or(failure.retry_after)
        };
        let is_overload_status = matches!(status, Some(503 | 529));
        if says(is_overload)
            || is_overload_status
            || failure.message.contains("model is at capacity")
        {
            return Self::Overloaded {
                retry_after: wait(),
            };
        }
        if says(|word| word == "rate_limit_exceeded") || status == Some(429) {
            return Self::Throttled {
                retry_after: wait(),
            };
        }
        // Some say so with a status of their own failing.
        if says(is_request_fault) || refuses_pictures(&failure.message) {
            return Self::ClientFault(Box::new(said));
        }
        match status {
            // 403 without a word that we know is about the account more often than about the request; 408 and 425 are
            // about the moment.
            Some(status @ (403 | 408 | 425)) => Self::Failing {
                what: format!("status {status}"),
            },
            Some(400..500) => Self::ClientFault(Box::new(said)),
            Some(status) => Self::Failing {
                what: format!("status {status}"),
            },
            None => Self::Failing {
                what: words
                    .into_iter()
                    .flatten()
                    .next()
                    .unwrap_or("refused inside the stream")
                    .to_owned(),
            },
        }
    }

    fn usage_limit(said: &Said, now: SystemTime) -> Self {
        let failure = &said.failure;
        let absolute =
            || SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(failure.resets_at?));
        let relative = || now.checked_add(Duration::from_secs(failure.resets_in_seconds?));
        let headers = said.reply.as_ref().map(|(_, headers, _)| headers);
        let by_limits = || Usage::from_headers(headers?, now)?.blocked_until(now)?;
        let by_wait = || now.checked_add(retry_after(headers?, now).or(failure.retry_after)?);
        let told = |until: Option<SystemTime>, source| {
            // A moment that is wrong must not shut an account out for good.
            let until = until?.clamp(now + SHORTEST_REST, now + MAX_REST);
            Some(Told { until, source })
        };
        Self::UsageLimit {
            told: told(absolute().or_else(relative), RestSource::ResetsAt)
                .or_else(|| told(by_limits(), RestSource::Headers))
                .or_else(|| told(by_wait(), RestSource::RetryAfter)),
            plan: failure.plan_type.clone(),
            is_of_model: headers.is_some_and(is_other_limit),
        }
    }

    pub(crate) fn next_step(&self) -> NextStep {
        match self {
            Self::Unauthorized => NextStep::RefreshThenRetry,
            // The pool learns of these and does not choose the profile again, so that they cannot become a storm.
            Self::UsageLimit { .. }
            | Self::Throttled { .. }
            | Self::AccountRefused { .. }
            | Self::NoToken(_)
            | Self::Unfit(_)
            | Self::ModelNotSupported(_) => NextStep::TryNextProfile { costs: false },
            // Cheap to be told, and of this one endpoint only.
            Self::NoPath(_) => NextStep::TryNextProfile { costs: false },
            // The pool leaves out who would only meet the same challenge.
            Self::Failing { .. }
            | Self::Overloaded { .. }
            | Self::Challenged { .. }
            | Self::Unreachable { .. }
            | Self::Cut => NextStep::TryNextProfile { costs: true },
            Self::ClientFault(_) | Self::TimedOut(_) | Self::Spoiled(_) => NextStep::GiveUp,
        }
    }

    /// Whether a second account was answered in the same words.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failing { what: a }, Self::Failing { what: b })
            | (Self::AccountRefused { what: a }, Self::AccountRefused { what: b }) => a == b,
            (Self::Throttled { retry_after: a }, Self::Throttled { retry_after: b }) => a == b,
            (Self::UsageLimit { told: a, .. }, Self::UsageLimit { told: b, .. }) => a == b,
            (Self::ModelNotSupported(a), Self::ModelNotSupported(b)) => {
                a.failure.message == b.failure.message
            }
            (Self::Cut, Self::Cut) => true,
            _ => false,
        }
    }

    /// Whether it may be the request that makes every account fail in this way.
    pub(crate) fn may_follow_the_request(&self) -> bool {
        matches!(self, Self::Failing { .. } | Self::Cut)
    }

    /// In words, when nothing was sent.
    pub(super) fn why_not_sent(&self) -> Option<String> {
        match self {
            Self::NoToken(why) => Some(why.clone()),
            Self::Unfit(_) => Some("it cannot answer this kind of request".to_owned()),
            _ => None,
        }
    }

    /// What the worker is told; nothing when no attempt was made.
    pub(crate) fn result(&self, model: &str) -> Option<AttemptResult> {
        Some(match self {
            Self::UsageLimit {
                told,
                is_of_model: true,
                ..
            } => AttemptResult::ModelLimit { told: *told },
            Self::UsageLimit { told, .. } => AttemptResult::UsageLimit { told: *told },
            Self::Throttled { retry_after } => AttemptResult::Throttled {
                retry_after: *retry_after,
            },
            Self::Overloaded { retry_after } => AttemptResult::Overloaded {
                retry_after: *retry_after,
            },
            Self::Unauthorized => AttemptResult::Unauthorized,
            Self::AccountRefused { what } => AttemptResult::AccountRefused { what: what.clone() },
            Self::Challenged { .. } => AttemptResult::Challenged,
            Self::NoToken(_) | Self::Unfit(_) => return None,
            Self::Failing { what } => AttemptResult::Failing { what: what.clone() },
            Self::Unreachable { .. } => AttemptResult::Unreachable,
            Self::ModelNotSupported(_) => AttemptResult::ModelNotSupported {
                model: model.to_owned(),
            },
            Self::ClientFault(said) | Self::NoPath(said) => AttemptResult::ClientFault {
                status: said.status().as_u16(),
            },
            Self::TimedOut(after) => AttemptResult::Silent { after: *after },
            Self::Cut | Self::Spoiled(_) => AttemptResult::Cut,
        })
    }
}

/// Whether the limit that was reached is another one than the account's own, such as that of a family of models
/// (`openai/codex: codex-rs/core/src/api_bridge.rs`).
fn is_other_limit(headers: &HeaderMap) -> bool {
    headers
        .get("x-codex-active-limit")
        .is_some_and(|limit| !limit.is_empty() && limit != "codex")
}

impl Said {
    /// Whether it is the path that is not there, and not something that the request names.
    pub(super) fn lacks_path(&self) -> bool {
        let failure = &self.failure;
        match &self.reply {
            Some((StatusCode::METHOD_NOT_ALLOWED, ..)) => true,
            Some((StatusCode::NOT_FOUND, ..)) => {
                // Azure repeats the status as the code.
                let is_about_path =
                    matches!(failure.code.as_deref(), None | Some("unknown_url" | "404"));
                is_about_path && failure.param.is_none() && !failure.message.contains(" with id")
            }
            _ => false,
        }
    }

    /// Whether the server says that its model reads no pictures.
    pub(super) fn refuses_pictures(&self) -> bool {
        refuses_pictures(&self.failure.message)
    }

    pub(super) fn status(&self) -> StatusCode {
        let of_event = || StatusCode::from_u16(self.failure.status?).ok(); // no status
        let is_fault = |status: &StatusCode| status.is_client_error() || status.is_server_error();
        let of_reply = self.reply.as_ref().map(|(status, _, _)| *status);
        of_reply
            .or_else(|| of_event().filter(is_fault))
            .unwrap_or(StatusCode::BAD_REQUEST)
    }
}

const SHORTEST_REST: Duration = Duration::from_secs(1);

/// By the words of llama.cpp ("image input is not supported by this server", with 500: `ggml-org/llama.cpp#13566`; "Unsupported
/// content part type: \"image_url\"": `ggml-org/llama.cpp#12947`), vLLM ("… is not a multimodal model": `kortix-ai/suna#646`),
/// DeepSeek ("unknown variant image_url, expected text": `yilewang/llm-for-zotero#143`) and their like.
fn refuses_pictures(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let has = |words: &str| message.contains(words);
    let is_kind = [
        "unknown variant",
        "unsupported content",
        "only supported",
        "not supported",
    ];
    has("image input is not supported")
        || has("not a multimodal model")
        || has("not support image")
        || (has("image_url") && is_kind.into_iter().any(has))
}

/// Cloudflare's challenge page: HTML with 403, or any status that it marks.
fn is_challenge(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_html = headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    headers.contains_key("cf-mitigated") || (status == StatusCode::FORBIDDEN && is_html)
}

#[cfg(test)]
mod tests;
