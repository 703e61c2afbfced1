//! The loop that finds a profile which answers: choose, lease, let it try, and on to the next.
//!
//! Nothing is retried once a byte of an answer has gone to the client; the loop ends before the first one can.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::House;
use super::ask::Ask;
use super::attempt::{Attempt, Opening};
use super::exhausted::Exhausted;
use super::forward::{Forwarded, Parcel};
use super::headers::{Client, TURN_STATE};
use super::keys::Caller;
use super::queue::InLine;
use super::reply::{Refusal, UpstreamRefusal};
use super::report::{Record, Report};
use super::setback::{NextStep, Said, Setback};
use super::trace::Considered;
use crate::pool::affinity::{SessionKey, Tie, Whereabouts};
use crate::pool::{Candidate, Choice, Draw, ModelHope, Need, Reason, Strategy, WhyNot, choose_for};
use crate::profile::ProfileName;

/// Why nothing was sent: what exactly stands in the way may quote the request.
const UNSENDABLE: &str = "the request has a part that cannot be sent to it";

/// Asks profiles until one answers.
///
/// # Errors
/// The reply for the client when none does.
pub(super) async fn first_good(
    house: &Arc<House>,
    ask: &mut Ask,
    record: &mut Record,
) -> Result<Opening, Refusal> {
    if let Some(id) = record.caller().id() {
        ask.session.belong_to(id.as_str());
    }
    if let Some(effort) = record.own_effort() {
        ask.set_effort(effort)?;
    }
    let mut search = Search::begin(house);
    loop {
        let mut attempt = search.next(ask.asker(), record).await?;
        let keeps_turn = search.keeps_turn(&attempt, ask);
        let outcome = attempt.run(ask, record, keeps_turn).await;
        match outcome
            .inspect_err(|_nothing_was_sent| attempt.forget(Some(UNSENDABLE.to_owned())))?
        {
            Ok((content, headers, kind)) => {
                attempt.prove();
                if !attempt.is_told() {
                    search.settle(&attempt, ask.session.key);
                }
                if let Some(Ok(state)) = headers.get(TURN_STATE).map(HeaderValue::to_str) {
                    let sessions = &house.sessions;
                    sessions.gave(ask.session.named(), state, &attempt.member().name);
                }
                return Ok(Opening {
                    attempt,
                    headers,
                    kind,
                    content,
                });
            }
            Err(setback) => search.note(attempt, setback, ask.asker())?,
        }
    }
}

/// Asks keys until one answers a request that is passed on as it is.
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
        let mut attempt = search.next(parcel.asker(), record).await?;
        match parcel.send(house, attempt.member()).await {
            Ok((headers, forwarded)) => {
                attempt.prove();
                return Ok((attempt, headers, forwarded));
            }
            Err(setback) => search.note(attempt, setback, parcel.asker())?,
        }
    }
}

/// Why only an API will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiOnly {
    /// ChatGPT accounts do not offer it.
    Offered(&'static str),
    /// This field names what an API has kept. An answer without it would be one to another question.
    Kept(&'static str),
}

impl ApiOnly {
    fn refusal(self) -> Refusal {
        match self {
            Self::Offered(what) => Refusal::NeedsKey { what },
            Self::Kept(field) => Refusal::NotKept { field },
        }
    }
}

/// Who wants to know, as far as it changes who is asked and how a refusal is told.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) client: &'a Client,
    pub(super) model: &'a str,
    /// Who answered the client's last request on the same socket, and is asked first as long as it can be and costs no more.
    pub(super) keeps_to: Option<&'a ProfileName>,
    /// Where the session lives comes before that.
    pub(super) session: Option<SessionKey>,
    /// Whether the client speaks the upstreams' own dialect.
    pub(super) is_responses: bool,
    /// What is asked for, when only an API key opens it.
    pub(super) api_only: Option<ApiOnly>,
}

/// One request's way through the pool.
struct Search<'h> {
    house: &'h Arc<House>,
    began: Instant,
    tried: Vec<(ProfileName, Setback)>,
    /// Those of them that would only say the same again.
    barred: Vec<ProfileName>,
    /// Where it stands among those that wait for the same.
    place: Option<InLine<'h>>,
    /// The same for all attempts of one request, so that they follow one order.
    draw: Option<Draw>,
    /// The last one.
    choice: Choice,
    /// Where the session was answered before.
    lives_at: Option<Whereabouts>,
    tie: Tie,
    now: SystemTime,
}

impl<'h> Search<'h> {
    fn begin(house: &'h Arc<House>) -> Self {
        house.learned.retries.earn(std::time::Instant::now());
        Self {
            house,
            began: Instant::now(),
            tried: Vec::new(),
            barred: Vec::new(),
            place: None,
            draw: None,
            choice: Choice::default(),
            lives_at: None,
            tie: Tie::Loose,
            now: SystemTime::now(),
        }
    }

    /// An attempt with the next profile, not yet sent. Waits a while for one where that helps.
    async fn next(&mut self, asker: Asker<'_>, record: &mut Record) -> Result<Attempt, Refusal> {
        let house = self.house;
        let deadline = self.began + house.limits.queue_wait;
        if !self.may_go_on() {
            return Err(self.give_up(asker));
        }
        self.back_off().await;
        // Whoever waits for the same has come before.
        let mut is_last_look = false;
        if self.tried.is_empty() && house.lines.waiting() > 0 {
            let need = line_of(asker, record.caller());
            if house.lines.is_there(&need) {
                self.place = house.lines.first_of(&need, deadline).await;
                is_last_look = self.place.is_none();
            }
        }
        loop {
            let changed = house.lines.changed();
            let mut pools = house.pool.clone();
            pools.mark_unchanged();
            match self.choose(asker, record) {
                Chosen::One(attempt) => {
                    self.place = None;
                    return Ok(*attempt);
                }
                Chosen::TooMuch => return Err(self.give_up(asker)),
                Chosen::Nobody => {}
            }
            let next_look = self.next_look(deadline).filter(|_| !is_last_look);
            // Nobody who comes back would have the model.
            let next_look = next_look.filter(|_| self.choice.model != ModelHope::Nobody);
            let Some(next_look) = next_look else {
                return Err(self.give_up(asker));
            };
            // One that has asked somebody already needs another one than those who wait in line.
            if self.tried.is_empty() && self.place.is_none() {
                let need = line_of(asker, record.caller());
                self.place = house.lines.first_of(&need, deadline).await;
                is_last_look = self.place.is_none();
                continue;
            }
            tokio::select! {
                () = changed => {}
                Ok(()) = pools.changed() => {}
                () = sleep_until(next_look) => {}
            }
        }
    }

    /// Chooses among those who may be asked now.
    fn choose(&mut self, asker: Asker<'_>, record: &mut Record) -> Chosen {
        let house = self.house;
        let pool = house.pool.borrow().clone();
        if self.lives_at.is_none() {
            self.lives_at = asker
                .session
                .and_then(|session| house.sessions.find(session));
        }
        // Whoever owns the key has the last word.
        let chosen = record.caller().strategy().or(asker.client.strategy);
        let strategy = chosen.unwrap_or(pool.strategy);
        // A session that stays where it is takes nobody's turn.
        let is_settled = self.lives_at.is_some() && may_keep(house, strategy);
        let draw = *self.draw.get_or_insert_with(|| Draw {
            turn: house
                .learned
                .turns
                .fetch_add(u64::from(!is_settled), Ordering::Relaxed),
            seed: rand::random(),
        });
        let need = Need {
            model: asker.model,
            is_api_only: asker.api_only.is_some(),
            strategy: chosen,
            allowed: record.caller().only_accounts(),
            draw,
        };
        self.now = SystemTime::now();
        self.choice = choose_for(&pool, need, self.now);
        if let Some(name) = asker.keeps_to {
            self.choice.keep_to(name);
        }
        self.keep_home();
        record.note(|done| done.considered = Considered::of(&self.choice));
        let barred = &self.barred;
        let is_known = |name: &ProfileName| self.tried.iter().any(|(tried, _)| tried == name);
        let may_be_new = self.profiles_tried() < house.limits.profiles;
        let open = self.choice.candidates.iter().filter(|candidate| {
            let name = &candidate.member.name;
            !barred.contains(name) && (may_be_new || is_known(name))
        });
        let (full, free): (Vec<_>, Vec<_>) =
            open.partition(|candidate| self.patience_with(candidate) > Duration::ZERO);
        let waited = self.began.elapsed();
        let worth_it = full
            .iter()
            .filter(|candidate| waited >= self.patience_with(candidate));
        // Whether another request was faster to find out about one of them.
        let mut is_outrun = false;
        let mut permitted = free.iter().chain(worth_it).filter_map(|candidate| {
            let permits = pool.permits(&candidate.member, asker.model, self.now);
            is_outrun |= permits.is_none();
            Some((*candidate, permits?))
        });
        let Some((candidate, permits)) = permitted.next() else {
            drop(permitted);
            if is_outrun {
                // What was held for a moment may have kept somebody else back.
                house.lines.wake();
            }
            let names: Vec<_> = full
                .iter()
                .map(|candidate| candidate.member.name.clone())
                .collect();
            let soon = self.now + Duration::from_secs(1);
            self.choice.leave_out(&names, WhyNot::Busy, soon);
            record.note(|done| done.considered = Considered::of(&self.choice));
            return Chosen::Nobody;
        };
        if !may_afford(house, &self.tried) {
            drop(permits);
            house.lines.wake();
            return Chosen::TooMuch;
        }
        record.note(|done| {
            done.profile = Some(candidate.member.name.clone());
            asker.model.clone_into(&mut done.asked_model);
            done.reason = Some(candidate.reason);
            done.session = asker.session;
            done.retries += u32::from(!self.tried.is_empty());
        });
        let member = candidate.member.clone();
        let attempt = Attempt::new(house.clone(), pool, member, permits, asker.model);
        record.begin(&attempt, self.now);
        Chosen::One(Box::new(attempt))
    }

    /// How long a request waits for others rather than ask one that serves so many: no time for one that has room.
    fn patience_with(&self, candidate: &Candidate) -> Duration {
        let limits = &self.house.limits;
        let member = &candidate.member;
        let busy = member.in_flight.count();
        if busy >= limits.per_account {
            return limits.queue_wait;
        }
        // What one account has in its cache is worth more than to find out slowly.
        let is_kept = matches!(candidate.reason, Reason::Kept | Reason::Sticky);
        if is_kept || busy < limits.per_cold_account || member.live.is_warm(self.now, WARM) {
            return Duration::ZERO;
        }
        limits.queue_wait.min(COLD_WAIT)
    }

    /// When it is worth another look, if waiting helps at all.
    fn next_look(&self, deadline: Instant) -> Option<Instant> {
        let now = Instant::now();
        if now >= deadline {
            return None;
        }
        let hopes = self
            .choice
            .left_out
            .iter()
            .filter(|out| out.why.ends_by_itself() && !self.barred.contains(&out.name))
            // A login that was refused will be refused again, until the user or a refresh has changed it.
            .filter(|out| out.why != WhyNot::Refused);
        let after = |until: SystemTime| {
            let wait = until.duration_since(self.now).unwrap_or_default();
            // A moment later, so that it is over by then.
            now.checked_add(wait + Duration::from_millis(2))
        };
        let looks = hopes.filter_map(|out| match (out.why, out.until) {
            (WhyNot::Busy, _) => {
                let cold = self.began + COLD_WAIT;
                Some(if now < cold {
                    cold.min(deadline)
                } else {
                    deadline
                })
            }
            // Its end is told. One that hangs keeps nobody back for longer than this.
            (WhyNot::Probing, _) => {
                let pool = self.house.pool.borrow();
                let lapses_at = pool.probe_lapses_at(&out.name, self.now);
                Some(after(lapses_at.unwrap_or(self.now))?.min(deadline))
            }
            (_, until) => after(until?).filter(|look| *look < deadline),
        });
        looks.min()
    }

    /// Whether the request may be sent once more.
    fn may_go_on(&self) -> bool {
        let limits = &self.house.limits;
        self.tried.is_empty()
            || (self.tried.len() <= limits.retries && self.began.elapsed() < limits.first_byte)
    }

    fn profiles_tried(&self) -> usize {
        let is_first = |(place, (name, _)): &(usize, &(ProfileName, Setback))| {
            let before = self.tried.iter().take(*place);
            before.clone().all(|(earlier, _)| earlier != name)
        };
        self.tried.iter().enumerate().filter(is_first).count()
    }

    /// After trouble that the next one may meet as well: a moment, longer each time, and not the same for all.
    async fn back_off(&self) {
        let last = self.tried.last().map(|(_, setback)| setback.next_step());
        if last == Some(NextStep::TryNextProfile { costs: true }) {
            let doublings = u32::try_from(self.tried.len() - 1).unwrap_or(u32::MAX);
            let most = BACKOFF.saturating_mul(1 << doublings.min(4));
            sleep(most.mul_f64(rand::random())).await;
        }
    }

    /// Puts in front where the session lives, unless nobody keeps to that.
    fn keep_home(&mut self) {
        self.tie = match &self.lives_at {
            _ if !may_keep(self.house, self.choice.strategy) => Tie::Loose,
            Some(at) => self.choice.keep_home(at, self.now),
            // Another request of the session may find it one meanwhile.
            None => Tie::Holds,
        };
    }

    /// Whether whoever made the state of the client's turn is asked now. A state that nobody is known to have given was made
    /// by whoever answered last on the client's socket, else where the session lives, else by the first who is asked.
    fn keeps_turn(&self, attempt: &Attempt, ask: &Ask) -> bool {
        let Some(state) = ask.any_turn_state() else {
            return true;
        };
        let name = &attempt.member().name;
        let home = self.lives_at.as_ref().map(|at| &at.home);
        let otherwise = ask.asker().keeps_to.or(home).unwrap_or(name);
        let sessions = &self.house.sessions;
        sessions.giver_of(ask.session.named(), state, otherwise) == *name
    }

    /// An answer has begun: the session lives where it was given, or the other account stands in.
    fn settle(&self, attempt: &Attempt, session: Option<SessionKey>) {
        let Some(session) = session else {
            return;
        };
        let name = &attempt.member().name;
        let sessions = &self.house.sessions;
        if let Some(bound) = sessions.served(session, name, self.tie, SystemTime::now()) {
            self.house.reports.tell(Report::Bound(bound));
        }
    }

    /// Notes why an attempt gave nothing; an error when no other profile would mend it.
    fn note(
        &mut self,
        mut attempt: Attempt,
        setback: Setback,
        asker: Asker<'_>,
    ) -> Result<(), Refusal> {
        let name = attempt.member().name.clone();
        let is_repeated = self.is_repeated(&setback);
        attempt.counts = !is_repeated && !self.may_be_one_accounts(&setback, &name);
        // One that said when it is back may be asked again by then.
        let comes_back = matches!(
            setback,
            Setback::Throttled { .. } | Setback::UsageLimit { .. }
        );
        if !(comes_back && attempt.counts) {
            self.barred.push(name.clone());
        }
        debug!(profile = %name, result = ?setback.result(""), "attempt failed");
        match setback.result(asker.model) {
            Some(result) => attempt.tell(result),
            None => attempt.forget(setback.why_not_sent()),
        }
        match setback.next_step() {
            NextStep::GiveUp => Err(self.refusal_of(name, setback, asker)),
            NextStep::RefreshThenRetry | NextStep::TryNextProfile { .. } => {
                let follows_the_request = is_repeated && setback.may_follow_the_request();
                let is_everywhere = self.is_overload_again(&setback);
                self.tried.push((name, setback));
                if follows_the_request || is_everywhere {
                    return Err(self.exhausted());
                }
                Ok(())
            }
        }
    }

    /// Whether two others said the same to this request already: then it is about the request more likely than about them.
    fn is_repeated(&self, setback: &Setback) -> bool {
        let same = self
            .tried
            .iter()
            .filter(|(_, it)| it.says_the_same(setback));
        same.count() >= MAX_COOLED
    }

    /// Whether another account has already been too much to do for.
    fn is_overload_again(&self, setback: &Setback) -> bool {
        let is_overload = |setback: &Setback| matches!(setback, Setback::Overloaded { .. });
        is_overload(setback) && self.tried.iter().any(|(_, it)| is_overload(it))
    }

    /// An overload is everybody's when a second account meets it, or when there is none to ask.
    fn may_be_one_accounts(&self, setback: &Setback, name: &ProfileName) -> bool {
        let is_left = |other: &ProfileName| {
            other != name && self.tried.iter().all(|(tried, _)| tried != other)
        };
        let mut candidates = self.choice.candidates.iter();
        matches!(setback, Setback::Overloaded { .. })
            && !self.is_overload_again(setback)
            && candidates.any(|candidate| is_left(&candidate.member.name))
    }

    /// No profile is left: the client's answer.
    fn give_up(&mut self, asker: Asker<'_>) -> Refusal {
        let is_waiting = || {
            self.choice
                .left_out
                .iter()
                .any(|out| out.why.ends_by_itself())
        };
        if let Some(need) = asker.api_only
            && self.tried.is_empty()
            && self.choice.candidates.is_empty()
            && !is_waiting()
        {
            return need.refusal();
        }
        if self.tried.is_empty() && self.choice.model == ModelHope::Nobody {
            return Refusal::NoSuchModel {
                id: asker.model.to_owned(),
            };
        }
        let is_model = |(_, setback): &(ProfileName, Setback)| {
            matches!(setback, Setback::ModelNotSupported(_))
        };
        let is_path = |(_, setback): &(ProfileName, Setback)| matches!(setback, Setback::NoPath(_));
        let is_either = |tried: &(ProfileName, Setback)| is_model(tried) || is_path(tried);
        // Everybody who was asked says the same about the model: then it is the request. The same where nobody has such a path,
        // unless somebody who may have it is back soon; so it is with a model that somebody else is known to have.
        if !self.tried.is_empty()
            && self.tried.iter().all(is_either)
            && !(self.tried.iter().any(is_path) && is_waiting())
            && self.choice.model != ModelHope::Waiting
            && let Some((_, Setback::ModelNotSupported(said) | Setback::NoPath(said))) =
                self.tried.pop()
        {
            return said_by_upstream(*said, asker);
        }
        // Nobody who was asked has a way to answer it, and nobody else is left who might soon.
        let is_unfit = |(_, setback): &(ProfileName, Setback)| matches!(setback, Setback::Unfit(_));
        if !self.tried.is_empty()
            && self.tried.iter().all(is_unfit)
            && !is_waiting()
            && let Some((_, Setback::Unfit(error))) = self.tried.pop()
        {
            return Refusal::Request(*error);
        }
        self.exhausted()
    }

    /// The client's answer after a setback that no other profile would mend.
    fn refusal_of(&mut self, name: ProfileName, setback: Setback, asker: Asker<'_>) -> Refusal {
        match setback {
            Setback::ClientFault(said)
            | Setback::ModelNotSupported(said)
            | Setback::NoPath(said) => said_by_upstream(*said, asker),
            Setback::TimedOut(after) => Refusal::TimedOut(after),
            Setback::Spoiled(failure) => Refusal::Failed(failure),
            Setback::Unfit(error) => Refusal::Request(*error),
            setback @ (Setback::UsageLimit { .. }
            | Setback::Throttled { .. }
            | Setback::Overloaded { .. }
            | Setback::AccountRefused { .. }
            | Setback::Challenged { .. }
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
        let pool = self.house.pool.borrow().clone();
        let exhausted = Exhausted::new(&self.choice, &pool, &self.tried, self.now);
        Refusal::Exhausted(Box::new(exhausted))
    }
}

/// Whether sessions stay at their account under this strategy.
fn may_keep(house: &House, strategy: Strategy) -> bool {
    match strategy {
        Strategy::Active => false,
        Strategy::Sticky => true,
        _ => house.keeps_sessions,
    }
}

/// What came of a choice.
enum Chosen {
    One(Box<Attempt>),
    /// There is somebody, and the second tries of all requests together are used up.
    TooMuch,
    Nobody,
}

/// An account that has answered within this time is asked by as many as it may serve.
const WARM: Duration = Duration::from_secs(600);
/// How long a burst waits for the first answer of an account that it knows nothing of.
const COLD_WAIT: Duration = Duration::from_secs(2);
const BACKOFF: Duration = Duration::from_millis(200);

/// Those who may be served by the same wait in one line.
fn line_of(asker: Asker<'_>, caller: &Caller) -> String {
    format!(
        "{} {} {:?} {:?}",
        asker.model,
        asker.api_only.is_some(),
        caller.strategy().or(asker.client.strategy),
        caller.only_accounts(),
    )
}

/// So many profiles one request may bring into disrepute with the same words.
const MAX_COOLED: usize = 2;

/// Whether the last setback allows another try. One that the next profile may meet as well is paid from the common budget.
fn may_afford(house: &House, tried: &[(ProfileName, Setback)]) -> bool {
    match tried.last().map(|(_, setback)| setback.next_step()) {
        None | Some(NextStep::RefreshThenRetry) => true,
        Some(NextStep::TryNextProfile { costs }) => {
            !costs || house.learned.retries.spend(std::time::Instant::now())
        }
        Some(NextStep::GiveUp) => false,
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
