//! One try with one profile: send, look at the beginning, and once more where the profile itself can mend what was refused.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tracing::debug;

use super::House;
use super::access::{self, Form, Wire, fresh_access, has_run_out, kind_of};
use super::arrival;
use super::ask::{Ask, Place, Prepared};
use super::handshake::{self, Beginning};
use super::meaning;
use super::models;
use super::refused::refused_by;
use super::reply::Refusal;
use super::report::{AttemptOutcome, AttemptResult, Record, Report};
use super::serve::{random_id, unix_secs};
use super::setback::{Said, Setback};
use super::source::{Broken, Source};
use super::trace::{AttemptEnd, End};
use super::websocket::{self, Call};
use crate::pool::{Access, Lease, Member, Permits, Pool};
use crate::profile::Api;
use crate::translate::UpstreamKind;
use crate::translate::chat_upstream::EventsFromChunks;
use crate::usage::Usage;

/// A profile's reply that is good so far.
pub(super) struct Opening {
    pub(super) attempt: Attempt,
    /// What the upstream said in front of the body.
    pub(super) headers: HeaderMap,
    pub(super) kind: UpstreamKind,
    pub(super) content: Content,
}

pub(super) enum Content {
    Events(Source),
    /// The upstream answered as a whole, because the client's own body asked it to.
    Whole(Bytes),
}

/// One attempt with one profile. Tells its outcome exactly once, as abandoned when it is dropped before.
pub(super) struct Attempt {
    pub(super) house: Arc<House>,
    /// What it was chosen from.
    pool: Arc<Pool>,
    /// Until the outcome is told.
    lease: Option<Lease>,
    member: Arc<Member>,
    permits: Permits,
    model: String,
    began: SystemTime,
    pub(super) usage: Option<Usage>,
    /// Since when its first token is waited for; none once it is there.
    waiting: Option<Instant>,
    /// Whether what comes of it says something about the profile.
    pub(super) counts: bool,
    started: Instant,
    end: AttemptEnd,
    is_proved: bool,
    is_told: bool,
}

impl Attempt {
    /// With a member of this pool, for a request for this model.
    pub(super) fn new(
        house: Arc<House>,
        pool: Arc<Pool>,
        member: Arc<Member>,
        permits: Permits,
        model: &str,
    ) -> Self {
        Self {
            house,
            pool,
            lease: Some(Lease::take(member.clone())),
            member,
            permits,
            model: model.to_owned(),
            began: SystemTime::now(),
            usage: None,
            waiting: Some(Instant::now()),
            counts: true,
            started: Instant::now(),
            end: AttemptEnd::default(),
            is_proved: false,
            is_told: false,
        }
    }

    pub(super) fn member(&self) -> &Member {
        &self.member
    }

    /// Whether nothing was sent, or all is over.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// The answer has begun well: whoever waits for this to be found out may follow.
    pub(super) fn prove(&mut self) {
        if self.is_told || self.is_proved {
            return;
        }
        self.is_proved = true;
        let (member, began, now) = (&self.member, self.began, SystemTime::now());
        self.pool
            .prove(member, &mut self.permits, &self.model, began, now);
        self.house.lines.wake();
    }

    /// Something came back on the way to the profile: whoever waits for the way may follow.
    pub(super) fn prove_path(&mut self) {
        let (member, now) = (&self.member, SystemTime::now());
        self.pool
            .prove_path(member, &mut self.permits, self.began, now);
        self.house.lines.wake();
    }

    pub(super) fn tell(&mut self, result: AttemptResult) {
        if self.is_told {
            return;
        }
        self.is_told = true;
        self.note_end(Some(result.clone()), None);
        let at = SystemTime::now();
        if self.counts {
            // Before anybody else can choose it again.
            meaning::mark(
                &self.pool,
                &self.member,
                &self.model,
                &result,
                self.began,
                at,
            );
        }
        self.release();
        self.house.reports.tell(Report::Attempt(AttemptOutcome {
            profile: self.member.name.clone(),
            model: std::mem::take(&mut self.model),
            began: self.began,
            at,
            result,
            counts: self.counts,
            usage: self.usage.take(),
        }));
    }

    /// A piece of a streamed answer is here; the first one tells how fast the profile is.
    pub(super) fn note_token(&mut self, record: &mut Record) {
        record.note_piece();
        if let Some(since) = self.waiting.take() {
            record.note_first_token();
            let speed = &self.member.speed;
            speed.note(since.elapsed(), SystemTime::now());
        }
    }

    /// Nothing was sent, so there is nothing to tell the worker.
    pub(super) fn forget(&mut self, why: Option<String>) {
        self.is_told = true;
        self.note_end(None, why);
        self.release();
    }

    /// Where its end will stand.
    pub(super) fn end(&self) -> AttemptEnd {
        self.end.clone()
    }

    fn note_end(&self, result: Option<AttemptResult>, why: Option<String>) {
        let took = self.started.elapsed();
        // The first end counts.
        let _told_before = self.end.set(End { took, result, why });
    }

    /// Others may have its place.
    fn release(&mut self) {
        self.permits = Permits::default();
        self.lease = None;
        self.house.lines.wake();
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
            .field("profile", &self.member.name)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    /// Sends to this profile, a second time if its access token was refused and there is a newer one. `keeps_turn`: it made
    /// the state of the client's turn, if there is one.
    ///
    /// The outer error is the request's own: it cannot be sent to this kind of upstream at all.
    pub(super) async fn run(
        &mut self,
        ask: &mut Ask,
        record: &mut Record,
        keeps_turn: bool,
    ) -> Result<Result<(Content, HeaderMap, UpstreamKind), Setback>, Refusal> {
        let mut access = self.member.access.clone();
        let mut may_refresh = matches!(access, Access::ChatGpt { .. });
        if has_run_out(&access, SystemTime::now()) {
            match self.fresh(&access).await {
                Ok(newer) => access = newer,
                Err(setback) => return Ok(Err(setback)),
            }
            may_refresh = false;
        }
        let kind = kind_of(&access);
        let mut wire = self.house.learned.wires.of(&access);
        let mut is_second_wire = false;
        let mut is_blind = self
            .house
            .learned
            .blind
            .has(&access, &ask.model, Instant::now());
        let mut is_found_blind = false;
        loop {
            let session = ask.session.name();
            let mut headers = ask
                .client
                .upstream_headers(kind, keeps_turn, session.as_deref());
            let mut place = Place::Turn;
            let called =
                websocket::call(self, ask, &access, keeps_turn, &mut headers, record).await?;
            let opened = match called {
                Call::Answered(source, headers) => Ok((Content::Events(source), headers)),
                Call::Failed(setback) => Err(setback),
                Call::ByPost => {
                    let mut form = Form::of(&access, wire, &ask.model);
                    form.is_blind = is_blind;
                    if !ask.is_responses() {
                        form.efforts = models::efforts_of(&self.house, self.member(), &form);
                    }
                    let prepared = match ask.prepare(&form, &self.house) {
                        Ok(prepared) => prepared,
                        // Another upstream may have a way.
                        Err(error) if wire == Wire::Chat => {
                            return Ok(Err(Setback::Unfit(Box::new(error))));
                        }
                        Err(error) => return Err(error.into()),
                    };
                    place = prepared.place;
                    record.note(|done| done.dropped.clone_from(&prepared.dropped));
                    self.send(ask, &form, &access, headers, prepared).await
                }
            };
            if is_second_wire
                && opened.is_ok()
                && let Access::Endpoint(endpoint) = &access
            {
                self.house.learned.wires.note_chat(endpoint);
            }
            if is_found_blind && opened.is_ok() {
                let blind = &self.house.learned.blind;
                blind.note(&access, &ask.model, Instant::now());
            }
            match opened {
                // It has no such path. Whether it answers in the other dialect shows at once.
                Err(Setback::ClientFault(said))
                    if wire == Wire::Responses
                        && place == Place::Turn
                        && said.lacks_path()
                        && matches!(&access, Access::Endpoint(endpoint) if endpoint.api == Api::Auto) =>
                {
                    wire = Wire::Chat;
                    is_second_wire = true;
                    record.mend("it has no Responses API and is asked in chats");
                }
                Err(Setback::Unauthorized) if may_refresh => {
                    may_refresh = false;
                    match self.fresh(&access).await {
                        Ok(newer) => access = newer,
                        // It was refused, and that is what counts.
                        Err(_no_newer) => return Ok(Err(Setback::Unauthorized)),
                    }
                    record.mend("its login was refused and renewed");
                }
                // Another account's, or too old: the same request without it is as good as the client's first.
                Err(Setback::ClientFault(said))
                    if says_reasoning_is_foreign(&said) && ask.forget_reasoning() =>
                {
                    record.mend("reasoning that it cannot read was left out");
                }
                // Else the conversation would have come to its end here.
                Err(Setback::ClientFault(said))
                    if wire == Wire::Chat
                        && !is_blind
                        && said.refuses_pictures()
                        && ask.shows_tool_pictures() =>
                {
                    is_blind = true;
                    is_found_blind = true;
                    record.mend("pictures from tools, which it cannot read, were left out");
                }
                Err(Setback::ClientFault(said)) if self.can_do_without(&said, ask, kind) => {
                    record.mend("a parameter that it refused was left out");
                }
                Err(Setback::ClientFault(said)) if place == Place::Compact && said.lacks_path() => {
                    self.house
                        .learned
                        .lacking_compact
                        .note(kind, Instant::now());
                    ask.prepare_again();
                    record.mend("it has no path for compaction and was asked by a trigger");
                }
                Ok((content, headers)) => return Ok(Ok((content, headers, kind))),
                Err(setback) => return Ok(Err(setback.seen_at(&access))),
            }
        }
    }

    /// Whether the request was refused for a parameter that it can do without and that is taken out by now. Every refusal is
    /// remembered; how often the same request may go again is the request's to know.
    fn can_do_without(&self, said: &Said, ask: &mut Ask, kind: UpstreamKind) -> bool {
        if !matches!(said.reply, Some((StatusCode::BAD_REQUEST, ..))) {
            return false;
        }
        let now = SystemTime::now();
        let refused = refused_by(&said.failure, kind, &ask.model, now);
        // One that is not in there is nothing to learn from.
        let Some(refused) = refused.filter(|refused| ask.strip(&refused.parameter)) else {
            return false;
        };
        debug!(
            upstream = refused.upstream.as_str(),
            parameter = %refused.parameter,
            "a parameter is refused, and left out"
        );
        // Servers that call themselves compatible differ: what one of them refuses says nothing about another.
        if kind != UpstreamKind::Compatible {
            let all = self.house.learned.refused.learn(refused);
            self.house.reports.tell(Report::Refused(all));
        }
        ask.may_go_again_stripped(kind)
    }

    async fn fresh(&self, stale: &Access) -> Result<Access, Setback> {
        fresh_access(&self.house, &self.member, stale)
            .await
            .map_err(|why| Setback::NoToken(why.to_string()))
    }

    async fn send(
        &mut self,
        ask: &Ask,
        form: &Form,
        access: &Access,
        headers: HeaderMap,
        prepared: Prepared,
    ) -> Result<(Content, HeaderMap), Setback> {
        let house = self.house.clone();
        let limits = &house.limits;
        let is_whole = prepared.place == Place::Compact || ask.is_whole_from(form);
        let patience = match prepared.place {
            Place::Compact => limits.answer_head_compaction,
            Place::Turn if is_whole || ask.is_long => limits.answer_head_reasoning,
            Place::Turn => limits.answer_head,
        };
        let sent = tokio::time::Instant::now();
        let sending = access::ask(
            self.house.upstream.through(&self.member.network),
            access,
            form,
            prepared.place,
            headers,
            prepared.body,
        );
        let reply = arrival::head(sending, patience).await?;
        let now = SystemTime::now();
        if form.kind == UpstreamKind::ChatGpt {
            self.usage = Usage::from_headers(&reply.headers, now);
        }
        let reply = arrival::good(reply, now).await;
        let is_in_the_way = |setback: &Setback| {
            matches!(
                setback,
                Setback::Challenged { .. } | Setback::Overloaded { .. }
            )
        };
        if !reply.as_ref().is_err_and(is_in_the_way) {
            self.prove_path();
        }
        let reply = reply?;
        if let (UpstreamKind::ChatGpt, Some(sights)) = (form.kind, &self.house.sockets) {
            sights.note_headers(&reply.headers);
        }
        if is_whole {
            // Its end may be far: nobody waits for that.
            self.prove();
            let whole = arrival::whole(reply.body, limits.event_idle).await?;
            return Ok((Content::Whole(whole), reply.headers));
        }
        let source = match prepared.asked {
            None => Source::new(reply.body, limits.event_idle),
            Some(asked) => {
                let reader = EventsFromChunks::new(asked, random_id(), unix_secs());
                if is_json(&reply.headers) {
                    // It does not stream, whatever it was asked.
                    let whole = arrival::whole(reply.body, limits.event_idle).await?;
                    Source::of_chat_answer(reader, &whole, limits.event_idle)
                } else {
                    Source::of_chunks(reply.body, reader, limits.event_idle)
                }
            }
        };
        let mut source = source.first_within(patience.saturating_sub(sent.elapsed()));
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
                Setback::ClientFault(said)
                    if ask.takes_events_as_they_are()
                        && !(says_reasoning_is_foreign(&said) && ask.recalls_reasoning()) =>
                {
                    Ok((Content::Events(source), reply.headers))
                }
                setback => Err(setback),
            },
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

pub(super) fn says_reasoning_is_foreign(said: &Said) -> bool {
    said.failure.code.as_deref() == Some("invalid_encrypted_content")
}
