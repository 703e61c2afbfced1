//! What the router counts, in the text that Prometheus reads (OpenMetrics 1.0).
//!
//! Counted where requests and attempts are told, when they are over; what is now is read from the pool when somebody asks. A
//! label is a name that is bounded: of models only those that an upstream has answered by, and of profiles the user's own names,
//! a few hundred of each at most; the others share one. Never enters: e-mail addresses, keys, prompts.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::House;
use super::answer::AnswerBody;
use super::keys::Caller;
use super::reply::{self, Refusal};
use super::report::{AttemptResult, Report, RequestDone};
use crate::pool::{Member, Pool, RestCause, choose};
use crate::profile::ProfileName;

/// The counters, from the start of the program to its end, whether the router is on or off.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    /// Of requests that an upstream was asked for, by the profile that answered: it is the upstream's doing.
    first_token: Family<ProfileLabels, Histogram, fn() -> Histogram>,
    duration: Family<DialectLabels, Histogram, fn() -> Histogram>,
    tokens: Family<TokenLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    retries: Counter,
    refreshes: Family<RefreshLabels, Counter>,
    ledger_dropped: AtomicU64,
    models: Known,
    profiles: Known,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    dialect: &'static str,
    /// `2xx` and so on; `499` for a client that went away.
    status: &'static str,
    /// Whether the answer ended as it should.
    complete: &'static str,
    model: String,
    profile: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProfileLabels {
    profile: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DialectLabels {
    dialect: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    /// `cached_input` is a part of `input`, `reasoning` one of `output`.
    kind: &'static str,
    model: String,
    profile: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    profile: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefreshLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    profile: String,
    cause: &'static str,
    /// The only one that it is about, or `all`.
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WindowLabels {
    profile: String,
    window: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// What is now, beside the counters.
#[derive(Debug)]
pub(super) struct Now<'a> {
    pub(super) pool: &'a Pool,
    pub(super) in_flight: usize,
    pub(super) waiting: usize,
    pub(super) dropped_reports: u64,
    pub(super) at: SystemTime,
}

/// Names that have a label of their own.
#[derive(Debug)]
struct Known {
    names: RwLock<HashSet<Box<str>>>,
    max: usize,
}

const MAX_MODELS: usize = 64;
const MAX_PROFILES: usize = 256;
const OTHER: &str = "other";
/// Where there is no name: the request was refused before anybody was asked.
const NONE: &str = "none";
const ALL: &str = "all";
/// Seconds. An answer of a reasoning model may take a minute to begin.
const FIRST_TOKEN_BUCKETS: [f64; 11] =
    [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0];
/// Seconds.
const DURATION_BUCKETS: [f64; 11] = [
    0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            first_token: Family::new_with_constructor(|| Histogram::new(FIRST_TOKEN_BUCKETS)),
            duration: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            tokens: Family::default(),
            attempts: Family::default(),
            retries: Counter::default(),
            refreshes: Family::default(),
            ledger_dropped: AtomicU64::new(0),
            models: Known::up_to(MAX_MODELS),
            profiles: Known::up_to(MAX_PROFILES),
        }
    }
}

impl Metrics {
    /// Counts what has ended. Takes no lock but to read a table of labels, and never waits for a scrape.
    pub(super) fn note(&self, report: &Report) {
        match report {
            Report::Request(done) => self.note_request(done),
            Report::Attempt(outcome) => {
                let labels = AttemptLabels {
                    profile: self.profile_label(Some(&outcome.profile)),
                    result: result_label(&outcome.result),
                };
                self.attempts.get_or_create(&labels).inc();
            }
            Report::Models { .. } | Report::Bound(_) | Report::Refused(_) => {}
        }
    }

    fn note_request(&self, done: &RequestDone) {
        let profile = self.profile_label(done.profile.as_ref());
        let is_answered = done.status < 400 && done.profile.is_some();
        let model = match done.asked_model.as_str() {
            "" => NONE.to_owned(),
            model => self.models.label(model, is_answered),
        };
        let dialect = done.dialect.as_str();
        let labels = RequestLabels {
            dialect,
            status: status_label(done.status),
            complete: if done.is_complete { "true" } else { "false" },
            model: model.clone(),
            profile: profile.clone(),
        };
        self.requests.get_or_create(&labels).inc();
        self.retries.inc_by(done.retries.into());
        let duration = self.duration.get_or_create(&DialectLabels { dialect });
        duration.observe(done.took.as_secs_f64());
        drop(duration);
        if let (Some(first_token), Some(_)) = (done.first_token, &done.profile) {
            let labels = ProfileLabels {
                profile: profile.clone(),
            };
            let histogram = self.first_token.get_or_create(&labels);
            histogram.observe(first_token.as_secs_f64());
        }
        let Some(tokens) = &done.tokens else {
            return;
        };
        for (kind, count) in [
            ("input", tokens.input),
            ("cached_input", tokens.cached),
            ("output", tokens.output),
            ("reasoning", tokens.reasoning),
        ] {
            let labels = TokenLabels {
                kind,
                model: model.clone(),
                profile: profile.clone(),
            };
            self.tokens.get_or_create(&labels).inc_by(count);
        }
    }

    /// A login was renewed, or was not.
    pub fn note_refresh(&self, is_done: bool) {
        let result = if is_done { "ok" } else { "failed" };
        self.refreshes
            .get_or_create(&RefreshLabels { result })
            .inc();
    }

    /// How many rows the ledger has lost by now.
    pub fn set_ledger_dropped(&self, rows: u64) {
        self.ledger_dropped.store(rows, Ordering::Relaxed);
    }

    fn profile_label(&self, name: Option<&ProfileName>) -> String {
        name.map_or_else(
            || NONE.to_owned(),
            |name| self.profiles.label(name.as_str(), true),
        )
    }

    /// Everything, as OpenMetrics text.
    pub(super) fn text(&self, now: &Now<'_>) -> Result<String, std::fmt::Error> {
        let mut scrape = Registry::with_prefix("codex_router");
        let build = prometheus_client::metrics::info::Info::new(BuildLabels {
            version: env!("CARGO_PKG_VERSION"),
        });
        scrape.register("build", "The running program", build);
        scrape.register(
            "requests",
            "Requests of clients that are over",
            self.requests.clone(),
        );
        scrape.register(
            "first_token_seconds",
            "From a request to the first byte of its answer",
            self.first_token.clone(),
        );
        scrape.register(
            "request_duration_seconds",
            "From a request to the end of its answer",
            self.duration.clone(),
        );
        scrape.register(
            "tokens",
            "Tokens as upstreams counted them",
            self.tokens.clone(),
        );
        scrape.register(
            "attempts",
            "Attempts with one account, by what came of them",
            self.attempts.clone(),
        );
        scrape.register(
            "retries",
            "Attempts beyond the first of a request",
            self.retries.clone(),
        );
        scrape.register(
            "token_refreshes",
            "Logins renewed, or not",
            self.refreshes.clone(),
        );
        let total = |count: u64| {
            let counter: Counter = Counter::default();
            counter.inc_by(count);
            counter
        };
        scrape.register(
            "ledger_dropped_rows",
            "Rows that the request log lost because it was behind",
            total(self.ledger_dropped.load(Ordering::Relaxed)),
        );
        scrape.register(
            "dropped_reports",
            "Records that the worker did not get because it was behind",
            total(now.dropped_reports),
        );
        let in_flight: Gauge = Gauge::default();
        in_flight.set(as_gauge(now.in_flight));
        scrape.register(
            "in_flight_requests",
            "Requests that are being served",
            in_flight,
        );
        let waiting: Gauge = Gauge::default();
        waiting.set(as_gauge(now.waiting));
        scrape.register(
            "waiting_requests",
            "Requests that wait for a place or for an account",
            waiting,
        );
        self.add_profiles(&mut scrape, now);
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &scrape)?;
        Ok(text)
    }

    /// What the pool says of each profile.
    fn add_profiles(&self, scrape: &mut Registry, now: &Now<'_>) {
        let usable: Family<ProfileLabels, Gauge> = Family::default();
        let busy: Family<ProfileLabels, Gauge> = Family::default();
        let cooldown: Family<CauseLabels, FloatGauge> = Family::default();
        let breaker: Family<ProfileLabels, Gauge> = Family::default();
        let used: Family<WindowLabels, FloatGauge> = Family::default();
        let choice = choose(now.pool, now.at);
        let labels = |member: &Member| ProfileLabels {
            profile: self.profile_label(Some(&member.name)),
        };
        for member in &now.pool.members {
            let labels = labels(member);
            let is_usable = choice
                .candidates
                .iter()
                .any(|candidate| candidate.member.name == member.name);
            usable.get_or_create(&labels).set(is_usable.into());
            let count = as_gauge(member.in_flight.count());
            busy.get_or_create(&labels).set(count);
            let mut is_open = false;
            for rest in member.cooldowns.views(now.at) {
                is_open |= rest.cause == RestCause::Failing;
                let left = rest.until.duration_since(now.at).unwrap_or_default();
                let model = rest.model.as_ref();
                let labels = CauseLabels {
                    profile: labels.profile.clone(),
                    cause: rest.cause.as_str(),
                    model: model.map_or(ALL.to_owned(), |model| self.models.label(model, false)),
                };
                let longest = cooldown.get_or_create_owned(&labels);
                longest.set(longest.get().max(left.as_secs_f64()));
            }
            breaker.get_or_create(&labels).set(is_open.into());
            for window in member.usage.iter().flat_map(|usage| &usage.windows) {
                let labels = WindowLabels {
                    profile: labels.profile.clone(),
                    window: window.name(),
                };
                let percent = 100.0 - window.left_percent(now.at);
                used.get_or_create(&labels).set(percent);
            }
        }
        for unusable in &now.pool.unusable {
            let profile = self.profile_label(Some(&unusable.name));
            usable.get_or_create(&ProfileLabels { profile }).set(0);
        }
        scrape.register(
            "profile_usable",
            "Whether the router would draw on the account now",
            usable,
        );
        scrape.register(
            "profile_in_flight_requests",
            "Requests that the account is serving",
            busy,
        );
        scrape.register(
            "profile_cooldown_seconds",
            "How long the account is still set aside, and for what",
            cooldown,
        );
        scrape.register(
            "profile_breaker_open",
            "Whether the account is set aside because it failed several times",
            breaker,
        );
        scrape.register(
            "profile_usage_percent",
            "How much of a window of the account's allowance is used",
            used,
        );
    }
}

type FloatGauge = Gauge<f64, AtomicU64>;

impl Known {
    fn up_to(max: usize) -> Self {
        Self {
            names: RwLock::default(),
            max,
        }
    }

    /// The name itself where it is known, or may become so and there is room.
    fn label(&self, name: &str, may_learn: bool) -> String {
        // A set of names is whole after a panic elsewhere, too.
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return name.to_owned();
        }
        let has_room = names.len() < self.max;
        drop(names);
        if !(may_learn && has_room) {
            return OTHER.to_owned();
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() < self.max {
            names.insert(name.into());
        }
        if names.contains(name) { name } else { OTHER }.to_owned()
    }
}

/// The reply to `GET /metrics`. It names every account, so a key that is for some of them finds nothing here.
pub(super) fn report(house: &House, caller: &Caller) -> Result<Response<AnswerBody>, Refusal> {
    if caller.only_accounts().is_some() {
        return Err(Refusal::NoSuchRoute);
    }
    let metrics = house.reports.metrics().ok_or(Refusal::NoSuchRoute)?;
    let pool = house.pool.borrow().clone();
    let now = Now {
        pool: &pool,
        in_flight: house.in_flight.busy(),
        waiting: house.in_flight.waiting() + house.lines.waiting(),
        dropped_reports: house.reports.dropped(),
        at: SystemTime::now(),
    };
    // Writing into a text does not fail.
    let text = metrics.text(&now).unwrap_or_default();
    let mut reply = reply::json(text);
    reply.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    Ok(reply)
}

fn status_label(status: u16) -> &'static str {
    match status {
        super::report::CLIENT_GONE => "499",
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

fn result_label(result: &AttemptResult) -> &'static str {
    match result {
        AttemptResult::Served => "served",
        AttemptResult::UsageLimit { .. } | AttemptResult::ModelLimit { .. } => "usage_limit",
        AttemptResult::Throttled { .. } => "throttled",
        AttemptResult::Overloaded { .. } => "overloaded",
        AttemptResult::Challenged => "challenged",
        AttemptResult::AccountRefused { .. } => "account_refused",
        AttemptResult::Unauthorized => "unauthorized",
        AttemptResult::Failing { .. } | AttemptResult::Silent { .. } => "failing",
        AttemptResult::Unreachable => "unreachable",
        AttemptResult::ModelNotSupported { .. } => "model_not_supported",
        AttemptResult::ClientFault { .. } => "client_fault",
        AttemptResult::Cut => "cut",
        AttemptResult::Abandoned => "abandoned",
    }
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(super) mod tests;
