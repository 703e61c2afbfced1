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
use super::handshake::{self, Beginning};
use super::reply::{Refusal, UpstreamRefusal};
use super::report::{AttemptOutcome, AttemptResult, Record, Report};
use super::setback::{NextStep, Said, Setback};
use super::source::{Broken, Source};
use crate::pool::{Access, Choice, Lease, choose};
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
    let limits = &house.limits;
    let end = Instant::now() + limits.first_byte;
    let mut tried: Vec<(ProfileName, Setback)> = Vec::new();
    house.retries.earn(std::time::Instant::now());
    loop {
        let pool = house.pool.borrow().clone();
        let now = SystemTime::now();
        let choice = choose(&pool, now);
        let may_try = tried.len() < limits.profiles && (tried.is_empty() || Instant::now() < end);
        let next = choice
            .candidates
            .iter()
            .filter(|_| may_try)
            .find(|candidate| tried.iter().all(|(name, _)| *name != candidate.member.name))
            .filter(|_| may_afford(house, &tried));
        let Some(candidate) = next else {
            return Err(give_up(&choice, tried, ask, now));
        };
        record.note(|done| {
            done.profile = Some(candidate.member.name.clone());
            done.reason = Some(candidate.reason);
            done.retries += u32::from(!tried.is_empty());
        });
        let mut attempt = Attempt::new(house.clone(), Lease::take(candidate.member.clone()));
        let outcome = attempt.run(ask, record, tried.is_empty()).await;
        match outcome.inspect_err(|_nothing_was_sent| attempt.forget())? {
            Ok((content, headers, service)) => {
                return Ok(Opening {
                    attempt,
                    headers,
                    service,
                    content,
                });
            }
            Err(setback) => {
                debug!(profile = %candidate.member.name, result = ?setback.result(""), "attempt failed");
                match setback.result(&ask.model) {
                    Some(result) => attempt.tell(result),
                    None => attempt.forget(),
                }
                let name = &candidate.member.name;
                match setback.next_step() {
                    NextStep::GiveUp => {
                        return Err(refusal_of(name, setback, ask, &choice, tried, now));
                    }
                    NextStep::RefreshThenRetry | NextStep::TryNextProfile { .. } => {
                        tried.push((name.clone(), setback));
                    }
                }
            }
        }
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
            return Err(Setback::Unreachable {
                what: "a web page came instead of an answer".into(),
                is_everywhere: true,
            });
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

/// No profile is left: the client's answer.
fn give_up(
    choice: &Choice,
    mut tried: Vec<(ProfileName, Setback)>,
    ask: &Ask,
    now: SystemTime,
) -> Refusal {
    let is_model =
        |(_, setback): &(ProfileName, Setback)| matches!(setback, Setback::ModelNotSupported(_));
    // Everybody who was asked says the same about the model: then it is the request.
    if !tried.is_empty()
        && tried.iter().all(is_model)
        && let Some((_, Setback::ModelNotSupported(said))) = tried.pop()
    {
        return said_by_upstream(*said, ask);
    }
    Refusal::Exhausted(Box::new(Exhausted::new(choice, &tried, now)))
}

/// The client's answer after a setback that no other profile would mend.
fn refusal_of(
    name: &ProfileName,
    setback: Setback,
    ask: &Ask,
    choice: &Choice,
    mut tried: Vec<(ProfileName, Setback)>,
    now: SystemTime,
) -> Refusal {
    match setback {
        Setback::ClientFault(said) | Setback::ModelNotSupported(said) => {
            said_by_upstream(*said, ask)
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
            tried.push((name.clone(), setback));
            Refusal::Exhausted(Box::new(Exhausted::new(choice, &tried, now)))
        }
    }
}

fn said_by_upstream(said: Said, ask: &Ask) -> Refusal {
    match said.reply {
        None => Refusal::Failed(Box::new(said.failure)),
        Some((status, headers, body)) => Refusal::Upstream(Box::new(UpstreamRefusal {
            status,
            headers: ask.client.reply_headers(&headers),
            body,
            failure: said.failure,
            is_for_codex: ask.client.is_codex && ask.is_responses(),
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
