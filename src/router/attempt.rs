//! The loop that finds a profile which answers: choose, lease, send, look at the beginning, and on to the next.
//!
//! Nothing is retried once a byte of an answer has gone to the client; the loop ends before the first one can.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::House;
use super::access::{bearer_of, fresh_access, has_run_out, service_of};
use super::ask::Ask;
use super::exhausted::Exhausted;
use super::forward::{Forwarded, Parcel};
use super::handshake::{self, Beginning};
use super::headers::Client;
use super::reply::{Refusal, UpstreamRefusal};
use super::report::{AttemptOutcome, AttemptResult, Record, Report};
use super::setback::{NextStep, Said, Setback};
use super::source::{Broken, Source};
use crate::pool::{Access, Choice, Lease, Need, choose_for};
use crate::profile::ProfileName;
use crate::translate::{Failure, MAX_ANSWER_BYTES};
use crate::upstream::{SendError, Service};
use crate::usage::Usage;

/// A profile's reply that is good so far.
pub(super) struct Opening {
    pub(super) attempt: Attempt,
    /// What the upstream said in front of the body.
    pub(super) headers: HeaderMap,
    pub(super) service: Service,
    pub(super) content: Content,
}

pub(super) enum Content {
    Events(Source),
    /// The upstream answered as a whole, because the client's own body asked it to.
    Whole(Bytes),
}

/// One attempt with one profile. Tells its outcome exactly once, as abandoned when it is dropped before.
pub(super) struct Attempt {
    house: Arc<House>,
    lease: Lease,
    pub(super) usage: Option<Usage>,
    is_told: bool,
}

impl Attempt {
    fn new(house: Arc<House>, lease: Lease) -> Self {
        Self {
            house,
            lease,
            usage: None,
            is_told: false,
        }
    }

    pub(super) fn tell(&mut self, result: AttemptResult) {
        if self.is_told {
            return;
        }
        self.is_told = true;
        self.house.reports.tell(Report::Attempt(AttemptOutcome {
            profile: self.lease.member().name.clone(),
            at: SystemTime::now(),
            result,
            usage: self.usage.take(),
        }));
    }

    /// Nothing was sent, so there is nothing to tell.
    fn forget(&mut self) {
        self.is_told = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.tell(AttemptResult::Abandoned);
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("profile", &self.lease.member().name)
            .finish_non_exhaustive()
    }
}

/// Asks profiles until one answers.
///
/// # Errors
/// The reply for the client when none does.
pub(super) async fn first_good(
    house: &Arc<House>,
    ask: &mut Ask,
    record: &mut Record,
) -> Result<Opening, Refusal> {
    let mut search = Search::begin(house);
    loop {
        let mut attempt = search.next(ask.asker(), record)?;
        let outcome = attempt.run(ask, record, search.tried.is_empty()).await;
        match outcome.inspect_err(|_nothing_was_sent| attempt.forget())? {
            Ok((content, headers, service)) => {
                return Ok(Opening {
                    attempt,
                    headers,
                    service,
                    content,
                });
            }
            Err(setback) => search.note(attempt, setback, ask.asker())?,
        }
    }
}

/// Asks API keys until one answers a request that is passed on as it is.
///
/// # Errors
/// As [`first_good`].
pub(super) async fn first_forwarded(
    house: &Arc<House>,
    parcel: &Parcel,
    record: &mut Record,
) -> Result<(Attempt, HeaderMap, Forwarded), Refusal> {
    let mut search = Search::begin(house);
    loop {
        let mut attempt = search.next(parcel.asker(), record)?;
        match attempt.forward(parcel).await {
            Ok((headers, forwarded)) => return Ok((attempt, headers, forwarded)),
            Err(setback) => search.note(attempt, setback, parcel.asker())?,
        }
    }
}

/// Who wants to know, as far as it changes who is asked and how a refusal is told.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) client: &'a Client,
    pub(super) model: &'a str,
    /// Whether the client speaks the upstreams' own dialect.
    pub(super) is_responses: bool,
    /// What is asked for, when only an API key opens it.
    pub(super) api_only: Option<&'static str>,
}

/// One request's way through the pool.
struct Search<'h> {
    house: &'h Arc<House>,
    end: Instant,
    tried: Vec<(ProfileName, Setback)>,
    /// The last one.
    choice: Choice,
    now: SystemTime,
}

impl<'h> Search<'h> {
    fn begin(house: &'h Arc<House>) -> Self {
        house.retries.earn(std::time::Instant::now());
        Self {
            house,
            end: Instant::now() + house.limits.first_byte,
            tried: Vec::new(),
            choice: Choice::default(),
            now: SystemTime::now(),
        }
    }

    /// An attempt with the next profile, not yet sent.
    fn next(&mut self, asker: Asker<'_>, record: &mut Record) -> Result<Attempt, Refusal> {
        let (house, tried) = (self.house, &self.tried);
        let pool = house.pool.borrow().clone();
        let need = Need {
            model: asker.model,
            is_api_only: asker.api_only.is_some(),
        };
        self.now = SystemTime::now();
        self.choice = choose_for(&pool, need, self.now);
        let may_try =
            tried.len() < house.limits.profiles && (tried.is_empty() || Instant::now() < self.end);
        let next = self
            .choice
            .candidates
            .iter()
            .filter(|_| may_try)
            .find(|candidate| tried.iter().all(|(name, _)| *name != candidate.member.name))
            .filter(|_| may_afford(house, tried));
        let Some(candidate) = next else {
            return Err(self.give_up(asker));
        };
        record.note(|done| {
            done.profile = Some(candidate.member.name.clone());
            done.reason = Some(candidate.reason);
            done.retries += u32::from(!tried.is_empty());
        });
        let lease = Lease::take(candidate.member.clone());
        Ok(Attempt::new(house.clone(), lease))
    }

    /// Notes why an attempt gave nothing; an error when no other profile would mend it.
    fn note(
        &mut self,
        mut attempt: Attempt,
        setback: Setback,
        asker: Asker<'_>,
    ) -> Result<(), Refusal> {
        let name = attempt.lease.member().name.clone();
        debug!(profile = %name, result = ?setback.result(""), "attempt failed");
        match setback.result(asker.model) {
            Some(result) => attempt.tell(result),
            None => attempt.forget(),
        }
        match setback.next_step() {
            NextStep::GiveUp => Err(self.refusal_of(name, setback, asker)),
            NextStep::RefreshThenRetry | NextStep::TryNextProfile { .. } => {
                self.tried.push((name, setback));
                Ok(())
            }
        }
    }

    /// No profile is left: the client's answer.
    fn give_up(&mut self, asker: Asker<'_>) -> Refusal {
        let is_waiting = || {
            self.choice
                .left_out
                .iter()
                .any(|out| out.why.ends_by_itself())
        };
        if let Some(what) = asker.api_only
            && self.tried.is_empty()
            && self.choice.candidates.is_empty()
            && !is_waiting()
        {
            return Refusal::NeedsKey { what };
        }
        let is_model = |(_, setback): &(ProfileName, Setback)| {
            matches!(setback, Setback::ModelNotSupported(_))
        };
        // Everybody who was asked says the same about the model: then it is the request.
        if !self.tried.is_empty()
            && self.tried.iter().all(is_model)
            && let Some((_, Setback::ModelNotSupported(said))) = self.tried.pop()
        {
            return said_by_upstream(*said, asker);
        }
        self.exhausted()
    }

    /// The client's answer after a setback that no other profile would mend.
    fn refusal_of(&mut self, name: ProfileName, setback: Setback, asker: Asker<'_>) -> Refusal {
        match setback {
            Setback::ClientFault(said) | Setback::ModelNotSupported(said) => {
                said_by_upstream(*said, asker)
            }
            Setback::TimedOut(after) => Refusal::TimedOut(after),
            Setback::Spoiled(failure) => Refusal::Failed(failure),
            setback @ (Setback::UsageLimit { .. }
            | Setback::Throttled { .. }
            | Setback::Unauthorized
            | Setback::NoToken(_)
            | Setback::Failing { .. }
            | Setback::Unreachable { .. }
            | Setback::Cut) => {
                self.tried.push((name, setback));
                self.exhausted()
            }
        }
    }

    fn exhausted(&self) -> Refusal {
        let exhausted = Exhausted::new(&self.choice, &self.tried, self.now);
        Refusal::Exhausted(Box::new(exhausted))
    }
}

/// Whether the last setback allows another try. One that the next profile may meet as well is paid from the common budget.
fn may_afford(house: &House, tried: &[(ProfileName, Setback)]) -> bool {
    match tried.last().map(|(_, setback)| setback.next_step()) {
        None | Some(NextStep::RefreshThenRetry) => true,
        Some(NextStep::TryNextProfile { costs }) => {
            !costs || house.retries.spend(std::time::Instant::now())
        }
        Some(NextStep::GiveUp) => false,
    }
}

impl Attempt {
    /// Sends to this profile, a second time if its access token was refused and there is a newer one.
    ///
    /// The outer error is the request's own: it cannot be sent to this kind of upstream at all.
    async fn run(
        &mut self,
        ask: &mut Ask,
        record: &mut Record,
        is_first: bool,
    ) -> Result<Result<(Content, HeaderMap, Service), Setback>, Refusal> {
        let mut access = self.lease.member().access.clone();
        let mut may_refresh = matches!(access, Access::ChatGpt { .. });
        if has_run_out(&access, SystemTime::now()) {
            match self.fresh(&access).await {
                Ok(newer) => access = newer,
                Err(setback) => return Ok(Err(setback)),
            }
            may_refresh = false;
        }
        loop {
            let service = service_of(&access);
            let prepared = ask.prepare(service)?;
            record.note(|done| done.dropped.clone_from(&prepared.dropped));
            let headers =
                ask.client
                    .upstream_headers(service, is_first, ask.session_hint.as_deref());
            let opened = self
                .send(ask, service, &access, headers, prepared.body)
                .await;
            match opened {
                Err(Setback::Unauthorized) if may_refresh => {
                    may_refresh = false;
                    match self.fresh(&access).await {
                        Ok(newer) => access = newer,
                        // It was refused, and that is what counts.
                        Err(_no_newer) => return Ok(Err(Setback::Unauthorized)),
                    }
                    record.note(|done| done.retries += 1);
                }
                // Another account's, or too old: the same request without it is as good as the client's first.
                Err(Setback::ClientFault(said))
                    if says_reasoning_is_foreign(&said) && ask.forget_reasoning() =>
                {
                    record.note(|done| done.retries += 1);
                }
                opened => {
                    return Ok(opened.map(|(content, headers)| (content, headers, service)));
                }
            }
        }
    }

    async fn fresh(&self, stale: &Access) -> Result<Access, Setback> {
        fresh_access(&self.house, self.lease.member(), stale)
            .await
            .map_err(|why| Setback::NoToken(why.to_string()))
    }

    async fn send(
        &mut self,
        ask: &Ask,
        service: Service,
        access: &Access,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Content, HeaderMap), Setback> {
        let limits = &self.house.limits;
        let is_whole = ask.is_whole_from(service);
        let patience = if is_whole || ask.is_long {
            limits.answer_head_reasoning
        } else {
            limits.answer_head
        };
        let bearer = bearer_of(access);
        let sending = self
            .house
            .upstream
            .responses(service, &bearer, headers, body);
        let reply = match timeout(patience, sending).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(err)) => return Err(not_reached(&err)),
            Err(_elapsed) => return Err(Setback::TimedOut(patience)),
        };
        let now = SystemTime::now();
        if service == Service::ChatGpt {
            self.usage = Usage::from_headers(&reply.headers, now);
        }
        if !reply.status.is_success() {
            let said = read_some(reply.body).await;
            return Err(Setback::of_reply(reply.status, reply.headers, said, now));
        }
        if is_html(&reply.headers) {
            return Err(web_page());
        }
        if is_whole {
            let whole = read_whole(reply.body, limits.event_idle).await?;
            return Ok((Content::Whole(whole), reply.headers));
        }
        let mut source = Source::new(reply.body, limits.event_idle);
        let beginning = handshake::begin(&mut source, ask.is_stream, limits, &mut self.usage).await;
        match beginning {
            Beginning::Good => Ok((Content::Events(source), reply.headers)),
            Beginning::Broken(Broken::Silent(after)) => Err(Setback::TimedOut(after)),
            Beginning::Broken(broken) => {
                debug!(error = %broken, "a reply broke off at its beginning");
                Err(Setback::Cut)
            }
            Beginning::Refused(failure) => match Setback::of_event(*failure, now) {
                // The client's own fault, told in the client's own dialect: it passes like any other answer.
                Setback::ClientFault(_) if ask.takes_events_as_they_are() => {
                    Ok((Content::Events(source), reply.headers))
                }
                setback => Err(setback),
            },
        }
    }
}

impl Attempt {
    /// Sends a request that is passed on as it is. Only API keys are asked, and those do not run out.
    async fn forward(&mut self, parcel: &Parcel) -> Result<(HeaderMap, Forwarded), Setback> {
        let limits = &self.house.limits;
        let patience = if parcel.is_long {
            limits.answer_head_reasoning
        } else {
            limits.answer_head
        };
        let bearer = bearer_of(&self.lease.member().access);
        let (headers, body) = (parcel.headers.clone(), parcel.body.clone());
        let upstream = &self.house.upstream;
        let sending = upstream.forward(parcel.path, &bearer, headers, body);
        let reply = match timeout(patience, sending).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(err)) => return Err(not_reached(&err)),
            Err(_elapsed) => return Err(Setback::TimedOut(patience)),
        };
        if !reply.status.is_success() {
            let said = read_some(reply.body).await;
            let now = SystemTime::now();
            return Err(Setback::of_reply(reply.status, reply.headers, said, now));
        }
        if is_html(&reply.headers) {
            return Err(web_page());
        }
        let is_json = reply
            .headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
        let forwarded = if is_json {
            Forwarded::Whole(read_whole(reply.body, limits.event_idle).await?)
        } else {
            Forwarded::Bytes(reply.body)
        };
        Ok((reply.headers, forwarded))
    }
}

fn web_page() -> Setback {
    Setback::Unreachable {
        what: "a web page came instead of an answer".into(),
        is_everywhere: true,
    }
}

fn says_reasoning_is_foreign(said: &Said) -> bool {
    said.failure.code.as_deref() == Some("invalid_encrypted_content")
}

fn not_reached(err: &SendError) -> Setback {
    let (SendError::NotSent { host, .. } | SendError::Lost { host, .. }) = err;
    debug!(error = %err, "nothing came back");
    Setback::Unreachable {
        what: format!("{host} cannot be reached"),
        is_everywhere: false,
    }
}

fn said_by_upstream(said: Said, asker: Asker<'_>) -> Refusal {
    match said.reply {
        None => Refusal::Failed(Box::new(said.failure)),
        Some((status, headers, body)) => Refusal::Upstream(Box::new(UpstreamRefusal {
            status,
            headers: asker.client.reply_headers(&headers),
            body,
            failure: said.failure,
            is_for_codex: asker.client.is_codex && asker.is_responses,
        })),
    }
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// The beginning of an error's body: more than that is no sentence.
async fn read_some(mut body: reqwest::Body) -> Bytes {
    const MAX_BYTES: usize = 64 * 1024;
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
    let end = Instant::now() + PATIENCE;
    let mut all = BytesMut::new();
    while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
        if let Ok(chunk) = frame.into_data() {
            all.extend_from_slice(&chunk);
        }
        if all.len() >= MAX_BYTES {
            all.truncate(MAX_BYTES);
            break;
        }
    }
    all.freeze()
}

/// An answer that comes as a whole.
async fn read_whole(mut body: reqwest::Body, idle: std::time::Duration) -> Result<Bytes, Setback> {
    let mut all = BytesMut::new();
    loop {
        match timeout(idle, body.frame()).await {
            Ok(None) => return Ok(all.freeze()),
            Ok(Some(Ok(frame))) => {
                if let Ok(chunk) = frame.into_data() {
                    all.extend_from_slice(&chunk);
                }
            }
            Ok(Some(Err(_))) | Err(_) => {
                return Err(Setback::Spoiled(Box::new(Failure::truncated())));
            }
        }
        if all.len() > MAX_ANSWER_BYTES {
            let failure = Failure::too_large(MAX_ANSWER_BYTES);
            return Err(Setback::Spoiled(Box::new(failure)));
        }
    }
}
