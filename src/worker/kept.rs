//! What the worker keeps about one profile beside its files.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::warn;

use super::schedule;
use crate::pool::{
    Access, BadTerm, GUESSED_THROTTLE_REST, InFlight, Lack, Member, Rest, RestCause, Speed, Spend,
    Terms, Trouble, Unusable,
};
use crate::profile::{AuthFile, Credentials, Fingerprint, Health, Profile, Secret, Unreadable};
use crate::translate::models::Model;
use crate::upstream::Bearer;
use crate::usage::Usage;

#[derive(Debug)]
pub struct Kept {
    pub profile: Profile,
    pub usage: Option<Arc<Usage>>,
    pub usage_error: Option<String>,
    pub poll: Poll,
    pub refresh: Refresh,
    pub rest: Option<Rest>,
    lacks: Vec<Lack>,
    /// What it offered when it was last asked; none when it never was.
    pub models: Option<Arc<[Model]>>,
    breaker: Breaker,
    pub in_flight: InFlight,
    speed: Speed,
    pub spend: Spend,
    /// The user's, as they stand in its `router.json`.
    pub terms: Arc<Terms>,
    /// What stands there and cannot be used: sentences.
    pub bad_terms: Vec<String>,
}

#[derive(Debug)]
pub struct Poll {
    /// `None`: this kind of login has no usage endpoint.
    pub next_at: Option<SystemTime>,
    pub started_at: Option<SystemTime>,
    pub is_running: bool,
    pub failures: u32,
    /// Whether a person asked for the answer that is on its way.
    pub is_asked: bool,
}

#[derive(Debug, Default)]
pub struct Refresh {
    pub next_at: Option<SystemTime>,
    pub is_running: bool,
    pub failures: u32,
    pub is_asked: bool,
    /// When the last new token came.
    pub done_at: Option<SystemTime>,
    /// Why none may be asked for: this computer could not keep the answer.
    pub blocked: Option<String>,
    /// A rotated token that could not be written yet, and which one it replaced.
    pub unsaved: Option<Unsaved>,
}

#[derive(Clone, Debug)]
pub struct Unsaved {
    pub auth: AuthFile,
    pub redeemed: Fingerprint,
    pub reason: String,
    pub next_try_at: SystemTime,
    /// The profile has it; only the live file could not be brought up to date.
    pub is_on_disk: bool,
}

/// What a profile's file says about a login that is only in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The file is still the old one, or cannot be understood: memory is right.
    Waiting,
    OnDisk,
    /// The file holds a newer login of the same account.
    Overtaken,
    /// The file holds another account. The login has lost its place, and is still the only copy.
    Exchanged,
}

impl Unsaved {
    pub fn standing(&self, on_disk: &Result<AuthFile, Unreadable>) -> Standing {
        match on_disk {
            Err(_unreadable) => Standing::Waiting,
            Ok(on_disk) if on_disk.same_login(&self.auth) => Standing::OnDisk,
            // By the token first: a login that does not say whose it is has nothing else to be known by.
            Ok(on_disk) if on_disk.refresh_fingerprint().as_ref() == Some(&self.redeemed) => {
                Standing::Waiting
            }
            Ok(on_disk) if !on_disk.same_account(&self.auth) => Standing::Exchanged,
            Ok(on_disk) if on_disk.is_newer_than(&self.auth) => Standing::Overtaken,
            Ok(_older) => Standing::Waiting,
        }
    }
}

/// After a new token came no other is asked for so long, whatever clocks and refusals say: a token that is refused twice within
/// this time is not refused for its age.
pub const REFRESH_GAP: Duration = Duration::from_secs(60);

/// Opens after failures in quick succession, for longer each time.
#[derive(Debug, Default)]
struct Breaker {
    failed_at: VecDeque<SystemTime>,
    openings: u32,
}

const BREAKER_FAILURES: usize = 5;
const BREAKER_SPAN: Duration = Duration::from_secs(30);
const BREAKER_REST: Duration = Duration::from_secs(30);
const MAX_BREAKER_REST: Duration = Duration::from_secs(300);
/// For a usage limit whose end nobody told; the usage poll that follows knows better.
const GUESSED_LIMIT_REST: Duration = Duration::from_secs(300);
const MIN_REST: Duration = Duration::from_secs(1);
/// Longer than a session, shorter than a change of plan should take to be noticed.
const LACK_LASTS: Duration = Duration::from_secs(6 * 3_600);
/// Names come from clients: few, and none longer than any model's.
const MAX_LACKS: usize = 32;
const MAX_MODEL_BYTES: usize = 128;
const MAX_REST: Duration = Duration::from_secs(8 * 86_400);

impl Kept {
    pub fn new(profile: Profile, first_poll_at: SystemTime) -> Self {
        let mut kept = Self {
            profile,
            usage: None,
            usage_error: None,
            poll: Poll {
                next_at: None,
                started_at: None,
                is_running: false,
                failures: 0,
                is_asked: false,
            },
            refresh: Refresh::default(),
            rest: None,
            lacks: Vec::new(),
            models: None,
            breaker: Breaker::default(),
            in_flight: InFlight::default(),
            speed: Speed::default(),
            spend: Spend::default(),
            terms: Arc::default(),
            bad_terms: Vec::new(),
        };
        kept.read_terms();
        kept.plan(first_poll_at);
        kept
    }

    /// Takes what was read from disk. Numbers and rests belong to an account, so they go when the account changes.
    pub fn take(&mut self, mut profile: Profile, poll_at: SystemTime) {
        // A refusal holds as long as the token does, even where it could not be written down.
        if let Some(login) = profile.login.as_ref().ok().and_then(AuthFile::chatgpt)
            && self.profile.side.rejects(login)
        {
            let token = login.refresh_token.as_ref().map(Secret::fingerprint);
            profile.side.set_rejected(token.as_ref());
        }
        let before = (self.profile.identity().cloned(), self.profile.health());
        let is_same_login = match (&self.profile.login, &profile.login) {
            (Ok(old), Ok(new)) => old.same_login(new),
            (Err(old), Err(new)) => old == new,
            _ => false,
        };
        self.profile = profile;
        self.read_terms();
        if before.0.as_ref() != self.profile.identity() {
            self.usage = None;
            self.usage_error = None;
            self.rest = None;
            self.lacks.clear();
            self.models = None;
            self.breaker = Breaker::default();
            self.speed = Speed::default();
            self.spend = Spend::default();
            self.poll.failures = 0;
        }
        if !is_same_login {
            self.refresh.failures = 0;
            self.refresh.blocked = None;
            self.plan(poll_at);
        } else if before.1 != self.profile.health() {
            self.plan(poll_at);
        }
    }

    fn read_terms(&mut self) {
        let (terms, bad) = Terms::read(&self.profile.side);
        let bad: Vec<_> = bad.iter().map(BadTerm::to_string).collect();
        for sentence in bad.iter().filter(|it| !self.bad_terms.contains(it)) {
            warn!(profile = %self.profile.name, "router.json: {sentence}");
        }
        if *self.terms != terms {
            self.terms = Arc::new(terms);
        }
        self.bad_terms = bad;
    }

    /// Sets the next poll and refresh by what the login is.
    fn plan(&mut self, poll_at: SystemTime) {
        let is_fine = self.profile.health() == Health::Fine;
        let login = self.profile.login.as_ref().ok().filter(|_| is_fine);
        self.poll.next_at = login
            .and_then(AuthFile::chatgpt)
            .map(|_| match self.poll.next_at {
                Some(at) if self.usage.is_some() => at.min(poll_at + schedule::MIN_POLL_GAP),
                _ => poll_at,
            });
        self.replan_refresh();
    }

    pub fn replan_refresh(&mut self) {
        let due = match (self.profile.health(), &self.profile.login) {
            (Health::Fine, Ok(login)) => schedule::refresh_due(&self.profile.name, login),
            _ => None,
        };
        // A clock that is days ahead finds every new token expired, and would redeem without end.
        let earliest = self.refresh.done_at.map(|at| at + REFRESH_GAP);
        self.refresh.next_at = due.map(|due| earliest.map_or(due, |earliest| due.max(earliest)));
    }

    /// Whether a refresh may begin: none is running, and the token on disk is not one that has been redeemed already.
    pub fn may_redeem(&self) -> bool {
        let is_spent_on_disk = |unsaved: &Unsaved| !unsaved.is_on_disk;
        !self.refresh.is_running && !self.refresh.unsaved.as_ref().is_some_and(is_spent_on_disk)
    }

    pub fn is_just_renewed(&self, now: SystemTime) -> bool {
        self.refresh
            .done_at
            .is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < REFRESH_GAP))
    }

    /// What speaks for the profile upstream, whether or not it still works.
    pub fn access(&self) -> Option<Access> {
        match self.profile.login.as_ref().ok()?.credentials() {
            Credentials::ChatGpt(login) => Some(Access::ChatGpt {
                access_token: login.access_token.clone(),
                account_id: login.account_id.clone(),
                is_fedramp: login.claims.is_fedramp,
                expires_at: login.claims.expires_at,
            }),
            Credentials::ApiKey { key } => Some(Access::ApiKey { key: key.clone() }),
            Credentials::Endpoint(endpoint) => Some(Access::Endpoint(endpoint.clone())),
            Credentials::Other { .. } => None,
        }
    }

    /// Whether what opens its upstream is a key, which nobody can renew but the user.
    pub fn has_key(&self) -> bool {
        matches!(
            self.access(),
            Some(Access::ApiKey { .. } | Access::Endpoint(_))
        )
    }

    /// For a usage poll: only with an access token that still works, so that polling never redeems anything.
    pub fn working_bearer(&self, now: SystemTime) -> Option<Bearer> {
        let login = self.profile.login.as_ref().ok()?.chatgpt()?;
        (!login.expires_within(Duration::ZERO, now)).then(|| Bearer {
            token: login.access_token.clone(),
            account_id: login.account_id.clone(),
            is_fedramp: login.claims.is_fedramp,
        })
    }

    /// This profile as the router's pool knows it.
    pub fn member(&self) -> Result<Member, Unusable> {
        let unusable = |trouble| {
            Err(Unusable {
                name: self.profile.name.clone(),
                trouble,
            })
        };
        match self.profile.health() {
            Health::Fine => {}
            Health::SignInAgain => return unusable(Trouble::SignInAgain),
            Health::Unreadable(_) => return unusable(Trouble::Unreadable),
            Health::NotRoutable { .. } => return unusable(Trouble::NotRoutable),
        }
        let Some(access) = self.access() else {
            return unusable(Trouble::NotRoutable);
        };
        Ok(Member {
            terms: self.terms.clone(),
            usage: self.usage.clone(),
            rest: self.rest.clone(),
            lacks: self.lacks.clone(),
            in_flight: self.in_flight.clone(),
            speed: self.speed.clone(),
            spend: self.spend.clone(),
            ..Member::new(self.profile.name.clone(), access)
        })
    }

    /// Numbers from any source; newer ones win, and what they do not tell stays.
    pub fn note_usage(&mut self, usage: Usage) {
        if self
            .usage
            .as_ref()
            .is_some_and(|old| old.fetched_at > usage.fetched_at)
        {
            return;
        }
        let usage = match &self.usage {
            Some(old) => usage.or_else_from(old),
            None => usage,
        };
        // A poll that shows room again ends a rest that only guessed.
        if usage.blocked_until(usage.fetched_at).is_none()
            && self
                .rest
                .as_ref()
                .is_some_and(|rest| rest.cause == RestCause::UsageLimit)
        {
            self.rest = None;
        }
        self.usage_error = None;
        self.usage = Some(Arc::new(usage));
    }

    pub fn note_served(&mut self) {
        self.rest = None;
        self.breaker = Breaker::default();
    }

    /// The upstream said that this account may not use the model. Plans change, so it is believed for a while only.
    pub fn note_lack(&mut self, model: String, now: SystemTime) {
        self.lacks
            .retain(|lack| lack.until > now && lack.model != model);
        if model.is_empty() || model.len() > MAX_MODEL_BYTES {
            return;
        }
        if self.lacks.len() == MAX_LACKS {
            self.lacks.remove(0);
        }
        self.lacks.push(Lack {
            model,
            until: now + LACK_LASTS,
        });
    }

    /// It has answered with this model.
    pub fn note_has(&mut self, model: &str) {
        self.lacks.retain(|lack| lack.model != model);
    }

    pub fn note_usage_limit(&mut self, resets_at: Option<SystemTime>, now: SystemTime) {
        let known = resets_at.or_else(|| {
            self.usage
                .as_ref()
                .and_then(|usage| usage.blocked_until(now))
                .flatten()
        });
        self.set_rest(
            RestCause::UsageLimit,
            known.unwrap_or(now + GUESSED_LIMIT_REST),
            now,
        );
    }

    pub fn note_throttled(&mut self, retry_after: Option<Duration>, now: SystemTime) {
        self.set_rest(
            RestCause::Throttled,
            now + retry_after.unwrap_or(GUESSED_THROTTLE_REST).min(MAX_REST),
            now,
        );
    }

    pub fn note_failing(&mut self, now: SystemTime) {
        let breaker = &mut self.breaker;
        breaker
            .failed_at
            .retain(|at| now.duration_since(*at).is_ok_and(|age| age <= BREAKER_SPAN));
        breaker.failed_at.push_back(now);
        if breaker.failed_at.len() >= BREAKER_FAILURES {
            breaker.failed_at.clear();
            let rest = BREAKER_REST
                .saturating_mul(1 << breaker.openings.min(8))
                .min(MAX_BREAKER_REST);
            breaker.openings = breaker.openings.saturating_add(1);
            self.set_rest(RestCause::Failing, now + rest, now);
        }
    }

    fn set_rest(&mut self, cause: RestCause, until: SystemTime, now: SystemTime) {
        let until = until.clamp(now + MIN_REST, now + MAX_REST);
        // A longer rest with evidence is not shortened by a burst of other refusals.
        if self.rest.as_ref().is_none_or(|rest| {
            rest.until <= now || rest.until < until || cause == RestCause::UsageLimit
        }) {
            self.rest = Some(Rest { until, cause });
        }
    }
}
