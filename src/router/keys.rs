//! The client's key: who is let in with it, and what holds from there on.
//!
//! Everything is looked up in memory: the ring that the worker replaces when the file changes, and the meters. Never enters: the
//! key itself beyond the look-up, and the disk.
//!
//! **Codex never hears 401.** It answers one by renewing the login that it has stored, whatever provider it talks to and even if
//! the key came from `env_key` (`openai/codex: codex-rs/core/src/client.rs`), so a wrong key of ours would spend a refresh token
//! and could sign its user out. It gets 400, which it shows and does not send again; 403 it would send five times. A handshake is
//! answered with 426: then it falls back to POST at once and hears the sentence there.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::headers::may_be_codex;
use super::limits::Limits;
use super::queue::Lines;
use super::reply::{Refusal, ceil_secs};
use super::report::Dialect;
use crate::client_key::{
    ClientKey, Denied, KeyId, KeyRing, Limit, Meters, Permit, Policy, Speech, Used,
};
use crate::pattern::Pattern;
use crate::pool::{Need, Strategy};
use crate::translate::ErrorBody;

/// What the router knows of keys.
#[derive(Debug)]
pub(super) struct Keys {
    ring: watch::Receiver<Arc<KeyRing>>,
    pub(super) meters: Arc<Meters>,
    /// Requests that wait for a place among those of their key.
    lines: Lines,
    patience: Duration,
    /// Requests at once by a key whose policy says nothing about it.
    pub(super) per_key: u32,
    failures: Failures,
}

/// Who asks: with a key, or without one where none is needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {
    key: Option<Arc<ClientKey>>,
    /// Whether it may be, whatever it is called.
    is_codex: bool,
    /// Whether a key is needed at this address, whatever the file says.
    must_show: bool,
}

/// Why a key does not open what was asked for.
#[derive(Debug)]
pub(super) struct KeyRefusal {
    why: Why,
    is_codex: bool,
    is_handshake: bool,
}

#[derive(Debug)]
enum Why {
    Denied(Denied),
    Model { asked: String },
    Dialect(Speech),
    Limit { limit: Limit, now: SystemTime },
}

impl Keys {
    pub(super) fn new(
        ring: watch::Receiver<Arc<KeyRing>>,
        meters: Arc<Meters>,
        limits: &Limits,
    ) -> Self {
        Self {
            ring,
            meters,
            lines: Lines::new(limits.queue),
            patience: limits.queue_wait,
            per_key: u32::try_from(limits.per_key).unwrap_or(u32::MAX),
            failures: Failures::default(),
        }
    }

    /// Lets a request in by what its head shows. Whoever tries many keys waits for each refusal.
    ///
    /// # Errors
    /// When it has no key and needs one, or one that opens nothing.
    pub(super) async fn let_in(
        &self,
        head: &Parts,
        shown: Option<&[u8]>,
        must_show: bool,
        is_handshake: bool,
    ) -> Result<Caller, Refusal> {
        let admitted = self
            .ring
            .borrow()
            .admit(shown, must_show, SystemTime::now());
        let is_codex = may_be_codex(head);
        match admitted {
            Ok(key) => Ok(Caller {
                key,
                is_codex,
                must_show,
            }),
            Err(denied) => {
                if denied == Denied::BadKey && self.failures.note(Instant::now()) {
                    sleep(FAILURE_DELAY).await;
                }
                Err(KeyRefusal {
                    why: Why::Denied(denied),
                    is_codex,
                    is_handshake,
                }
                .into())
            }
        }
    }

    /// The same caller a while later, on a connection that stays open: by what holds for its key now.
    ///
    /// # Errors
    /// When its key opens nothing any more, or it has none and needs one now.
    pub(super) fn again(&self, caller: &Caller) -> Result<Caller, Refusal> {
        let ring = self.ring.borrow().clone();
        let key = match &caller.key {
            None => ring.admit(None, caller.must_show, SystemTime::now()),
            Some(old) => match ring.get(&old.id) {
                Some(key) if key.digest == old.digest && key.is_open(SystemTime::now()) => {
                    Ok(Some(key.clone()))
                }
                _ => Err(Denied::BadKey),
            },
        };
        match key {
            Ok(key) => Ok(Caller {
                key,
                ..caller.clone()
            }),
            Err(denied) => Err(caller.refused(Why::Denied(denied))),
        }
    }

    /// Takes a place for a request of this dialect, perhaps after a while: first come, first served.
    ///
    /// # Errors
    /// When the key is not for this dialect, or has no room for another request soon.
    pub(super) async fn begin(&self, caller: &Caller, dialect: Dialect) -> Result<Permit, Refusal> {
        let speech = speech_of(dialect);
        if caller
            .policy()
            .is_some_and(|policy| !policy.allows_dialect(speech))
        {
            return Err(caller.refused(Why::Dialect(speech)));
        }
        // Counting costs nobody anything.
        let limited = caller
            .key
            .as_deref()
            .filter(|_| dialect != Dialect::CountTokens);
        let permit = self.place_for(limited).await;
        permit.map_err(|limit| {
            let now = SystemTime::now();
            caller.refused(Why::Limit { limit, now })
        })
    }

    async fn place_for(&self, key: Option<&ClientKey>) -> Result<Permit, Limit> {
        let deadline = Instant::now() + self.patience;
        let look = || {
            let at = Instant::now().into_std();
            self.meters.begin(key, self.per_key, at, SystemTime::now())
        };
        let Some(id) = key.map(|key| key.id.as_str()) else {
            return look();
        };
        if !self.lines.is_there(id) {
            match look() {
                Err(limit) if wait_for(&limit, deadline).is_some() => {}
                ready => return ready,
            }
        }
        let Some(_first) = self.lines.first_of(id, deadline).await else {
            // Whoever is in front has waited as long, or the line is full.
            return look();
        };
        loop {
            // Before looking, so that nothing is missed in between.
            let changed = self.lines.changed();
            let limit = match look() {
                Err(limit) => limit,
                permit => return permit,
            };
            match wait_for(&limit, deadline) {
                None => return Err(limit),
                Some(until) => {
                    // Either way it is time to look again.
                    let _woken = timeout_at(until, changed).await;
                }
            }
        }
    }

    /// Counts a request that has ended, whose place is free from now on.
    pub(super) fn end(&self, permit: Permit, used: Used) {
        permit.settle(used, SystemTime::now());
        self.lines.wake();
    }

    /// Requests that wait for a place.
    pub(super) fn waiting(&self) -> usize {
        self.lines.waiting()
    }
}

impl Caller {
    pub(super) fn key(&self) -> Option<&Arc<ClientKey>> {
        self.key.as_ref()
    }

    pub(super) fn id(&self) -> Option<&KeyId> {
        self.key.as_deref().map(|key| &key.id)
    }

    pub(super) fn policy(&self) -> Option<&Policy> {
        self.key.as_deref().map(|key| &key.policy)
    }

    /// The accounts that may answer, if not all may.
    pub(super) fn only_accounts(&self) -> Option<&[Pattern]> {
        self.policy()?.only_accounts()
    }

    pub(super) fn strategy(&self) -> Option<Strategy> {
        self.policy()?.strategy
    }

    /// What a request of this caller needs, whatever its model.
    pub(super) fn need(&self) -> Need<'_> {
        Need {
            strategy: self.strategy(),
            allowed: self.only_accounts(),
            ..Need::default()
        }
    }

    /// The model that answers a text request: the key's own, else the one that the router means by what was asked for.
    ///
    /// # Errors
    /// When the key may not ask for it.
    pub(super) fn text_model(&self, asked: &str, meant: &str) -> Result<String, Refusal> {
        match self.policy().and_then(|policy| policy.model.as_ref()) {
            Some(own) => Ok(own.clone()),
            None => self.check_model(asked, meant).map(|()| meant.to_owned()),
        }
    }

    /// For requests in whose place no text model can answer.
    ///
    /// # Errors
    /// When the key may not ask for the model. One that is bound to a text model may ask for what its list names besides.
    pub(super) fn check_model(&self, asked: &str, meant: &str) -> Result<(), Refusal> {
        let is_allowed = self.policy().is_none_or(|policy| {
            let is_bound_only = policy.models.is_empty() && policy.model.is_some();
            policy.allows_model(asked, meant) && !is_bound_only
        });
        if is_allowed {
            return Ok(());
        }
        Err(self.refused(Why::Model {
            asked: asked.to_owned(),
        }))
    }

    /// Whether a list of models names this one to the caller.
    pub(super) fn sees_model(&self, name: &str, meant: &str) -> bool {
        self.policy().is_none_or(|policy| match &policy.model {
            Some(own) => name == own,
            None => policy.allows_model(name, meant),
        })
    }

    /// The effort that stands in the place of the client's.
    pub(super) fn effort(&self, dialect: Dialect) -> Option<&str> {
        self.policy()
            .filter(|_| dialect.is_text())?
            .effort
            .as_deref()
    }

    fn refused(&self, why: Why) -> Refusal {
        KeyRefusal {
            why,
            is_codex: self.is_codex,
            is_handshake: false,
        }
        .into()
    }
}

/// Until when to wait for room; nothing when there is none by the deadline.
fn wait_for(limit: &Limit, deadline: Instant) -> Option<Instant> {
    let now = Instant::now();
    let until = match limit {
        Limit::Concurrency { .. } => deadline,
        Limit::Requests { after, .. } => now + *after,
        Limit::Tokens { .. } | Limit::Cost { .. } => return None,
    };
    (now < until && until <= deadline).then_some(until)
}

fn speech_of(dialect: Dialect) -> Speech {
    match dialect {
        Dialect::Chat => Speech::Chat,
        Dialect::Completions => Speech::Completions,
        Dialect::Compaction | Dialect::Responses => Speech::Responses,
        Dialect::CountTokens | Dialect::Messages => Speech::Messages,
        Dialect::ImageEdits | Dialect::ImageVariations | Dialect::Images => Speech::Images,
        Dialect::Embeddings => Speech::Embeddings,
        Dialect::Moderations => Speech::Moderations,
        Dialect::Speech | Dialect::Transcriptions | Dialect::Translations => Speech::Audio,
    }
}

/// How many wrong keys came within a minute.
#[derive(Debug, Default)]
struct Failures(Mutex<VecDeque<Instant>>);

/// So many wrong keys a minute are somebody's mistake; more are somebody's guesses.
const FREE_FAILURES: usize = 20;
const FAILURE_DELAY: Duration = Duration::from_secs(1);

impl Failures {
    /// Whether this one is one too many.
    fn note(&self, now: Instant) -> bool {
        const MINUTE: Duration = Duration::from_secs(60);
        // A panic elsewhere leaves the list as usable as it was.
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|at| now.duration_since(*at) < MINUTE);
        if failures.len() > FREE_FAILURES {
            failures.pop_front();
        }
        failures.push_back(now);
        failures.len() > FREE_FAILURES
    }
}

impl KeyRefusal {
    /// Status, body, and what a client should do about it.
    pub(super) fn told(&self) -> KeyTold {
        /// By this type Codex says when there is room again instead of giving up without a word.
        const USED_UP: &str = "usage_limit_reached";
        let (status, kind, code) = match &self.why {
            Why::Denied(Denied::BadKey) => (
                StatusCode::UNAUTHORIZED,
                "invalid_request_error",
                "invalid_api_key",
            ),
            Why::Denied(Denied::Unreadable) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "router_error",
                "client_keys_unreadable",
            ),
            Why::Model { .. } => (
                StatusCode::FORBIDDEN,
                "permission_error",
                "model_not_allowed",
            ),
            Why::Dialect(_) => (
                StatusCode::FORBIDDEN,
                "permission_error",
                "dialect_not_allowed",
            ),
            Why::Limit { limit, .. } => {
                let (kind, code) = match limit {
                    Limit::Requests { .. } | Limit::Concurrency { .. } if self.is_codex => {
                        (USED_UP, "rate_limit_exceeded")
                    }
                    Limit::Requests { .. } | Limit::Concurrency { .. } => {
                        ("rate_limit_error", "rate_limit_exceeded")
                    }
                    Limit::Tokens { .. } | Limit::Cost { .. } => (USED_UP, "insufficient_quota"),
                };
                (StatusCode::TOO_MANY_REQUESTS, kind, code)
            }
        };
        let is_about_key = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let mut told = KeyTold {
            status,
            body: ErrorBody::new(kind, self.to_string()).with_code(code),
            retry_after: None,
            should_retry: Some(false),
            header: None,
        };
        if let Why::Limit { limit, now } = &self.why {
            let after = limit.after(*now);
            told.retry_after = Some(after);
            told.should_retry = None;
            let soon = || self.is_codex.then(|| *now + after);
            if let Some(at) = limit.resets_at().or_else(soon) {
                let since = at.duration_since(SystemTime::UNIX_EPOCH);
                told.body.resets_at = since.ok().map(ceil_secs); // before 1970: no such reset
                told.body.resets_in_seconds = Some(ceil_secs(after));
            }
        }
        if self.is_codex && is_about_key {
            told.status = StatusCode::BAD_REQUEST;
        }
        if self.is_codex && self.is_handshake {
            told.status = StatusCode::UPGRADE_REQUIRED;
            told.header = Some((UPGRADE, HeaderValue::from_static("HTTP/1.1")));
        }
        told
    }
}

/// What becomes a reply.
pub(super) struct KeyTold {
    pub(super) status: StatusCode,
    pub(super) body: ErrorBody,
    pub(super) retry_after: Option<Duration>,
    pub(super) should_retry: Option<bool>,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

impl From<KeyRefusal> for Refusal {
    fn from(refusal: KeyRefusal) -> Self {
        Self::Key(Box::new(refusal))
    }
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            // The same for every key that opens nothing: who tries keys learns nothing from it.
            Why::Denied(Denied::BadKey) => f.write_str(
                "this router needs a client key, and the request came without one that is in force; `codex-router keys list` shows which are",
            ),
            Why::Denied(Denied::Unreadable) => f.write_str(
                "this router needs a client key and cannot read its own keys; `codex-router keys list` says why",
            ),
            Why::Model { asked } if asked.is_empty() => {
                f.write_str("this key is for certain models only, and the request names none")
            }
            Why::Model { asked } => write!(f, "this key may not ask for the model {asked:?}"),
            Why::Dialect(dialect) => write!(f, "this key is not for {dialect} requests"),
            Why::Limit { limit, .. } => limit.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_twenty_first_wrong_key_of_a_minute_is_one_too_many() {
        let failures = Failures::default();
        let start = Instant::now();
        for _ in 0..FREE_FAILURES {
            assert!(!failures.note(start));
        }
        assert!(failures.note(start + Duration::from_secs(59)));
        assert!(!failures.note(start + Duration::from_secs(60)));
        for _ in 0..1_000 {
            failures.note(start + Duration::from_secs(61));
        }
        assert!(failures.0.lock().unwrap().len() <= FREE_FAILURES + 1);
    }

    const A_SECOND: Duration = Duration::from_secs(1);

    /// A router with one key of this policy, and Codex asking with it.
    fn with_key(policy: Policy) -> (Keys, Caller) {
        let (key, _) = ClientKey::make("x".into(), policy, [1; 32], SystemTime::now());
        let (_, ring) = watch::channel(Arc::new(KeyRing::default()));
        let keys = Keys::new(ring, Meters::new(SystemTime::now()), &Limits::default());
        let caller = Caller {
            key: Some(Arc::new(key)),
            is_codex: true,
            must_show: false,
        };
        (keys, caller)
    }

    fn one_at_a_time() -> Policy {
        Policy {
            concurrency: NonZeroU32::new(1),
            ..Policy::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_without_a_limit_of_its_own_has_that_of_the_router_and_one_with_its_own_has_that()
    {
        let most = |concurrency| {
            let (keys, caller) = with_key(Policy {
                concurrency: NonZeroU32::new(concurrency),
                ..Policy::default()
            });
            let begin = || keys.begin(&caller, Dialect::Responses).now_or_never();
            let mut under_way: Vec<_> = std::iter::from_fn(begin).map(Result::unwrap).collect();
            let most = under_way.len();
            keys.end(under_way.pop().unwrap(), Used::default());
            assert!(begin().is_some(), "there is room again");
            most
        };
        assert_eq!([most(0), most(2), most(70)], [64, 2, 70]);

        let (keys, caller) = with_key(Policy::default());
        let begin = || keys.begin(&caller, Dialect::Responses);
        let mut under_way = Vec::new();
        for _ in 0..Limits::default().per_key {
            under_way.push(begin().await.unwrap());
        }
        let refusal = begin().await.unwrap_err();
        let (status, body) = refusal.body();
        assert_eq!(
            (status.as_u16(), body.kind.as_str()),
            (429, "usage_limit_reached")
        );
        assert!(
            body.message.contains("64 requests under way"),
            "{}",
            body.message
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_came_first_gets_the_place_of_the_key_and_who_left_gets_none() {
        let (keys, caller) = with_key(one_at_a_time());
        let begin = || Box::pin(keys.begin(&caller, Dialect::Responses));
        let first = begin().await.unwrap();
        let (mut gone, mut second, mut third) = (begin(), begin(), begin());
        for waiting in [&mut gone, &mut second, &mut third] {
            assert!(waiting.now_or_never().is_none());
        }
        assert_eq!(keys.waiting(), 3);
        drop(gone);
        keys.end(first, Used::default());
        assert!(begin().now_or_never().is_none(), "not before the others");
        assert!((&mut third).now_or_never().is_none());
        let place = second.await.unwrap();
        assert!((&mut third).now_or_never().is_none());
        keys.end(place, Used::default());
        keys.end(third.await.unwrap(), Used::default());
        assert_eq!(keys.waiting(), 0);
        assert!(begin().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_place_longer_than_the_queue_and_codex_hears_until_when() {
        let (keys, caller) = with_key(one_at_a_time());
        let _first = keys.begin(&caller, Dialect::Responses).await.unwrap();
        let began = Instant::now();
        let refusal = keys.begin(&caller, Dialect::Responses).await.unwrap_err();
        assert_eq!(began.elapsed(), Limits::default().queue_wait);
        let (status, body) = refusal.body();
        assert_eq!(
            (status.as_u16(), body.kind.as_str()),
            (429, "usage_limit_reached")
        );
        assert!(body.resets_at.is_some());
        assert_eq!(body.resets_in_seconds, Some(1));
        let other = Caller {
            is_codex: false,
            ..caller.clone()
        };
        let refusal = keys.begin(&other, Dialect::Responses).await.unwrap_err();
        let (_, body) = refusal.body();
        assert_eq!(
            (body.kind.as_str(), body.resets_at),
            ("rate_limit_error", None)
        );
        assert_eq!(keys.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_for_the_next_minute_is_waited_and_a_long_one_told_at_once() {
        let (keys, caller) = with_key(Policy {
            requests_per_minute: NonZeroU32::new(1),
            ..Policy::default()
        });
        let began = Instant::now();
        let ask = async || keys.begin(&caller, Dialect::Responses).await;
        keys.end(ask().await.unwrap(), Used::default());
        let refusal = ask().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(refusal.body().1.resets_in_seconds, Some(60));
        sleep(A_SECOND * 55).await;
        keys.end(ask().await.unwrap(), Used::default());
        assert_eq!(began.elapsed().as_secs(), 60);
    }
}
