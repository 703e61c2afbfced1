//! What the worker keeps about one profile beside its files.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::warn;

use super::refusals::Refusals;
use super::schedule;
use crate::desk::PromptCache;
use crate::pool::breaker::{Opened, Pace};
use crate::pool::cooldown::{Refused, is_from_future};
use crate::pool::{
    Access, BadTerm, Cooldown, Cooldowns, InFlight, Member, RestCause, RestSource, Speed, Spend,
    Terms, Told, Trouble, Unusable,
};
use crate::profile::{
    About, AuthFile, Credentials, Fingerprint, Health, Identity, Network, Profile, ProfileName,
    Secret, Unreadable,
};
use crate::translate::models::Model;
use crate::upstream::Bearer;
use crate::usage::{RecentUse, Usage};

#[derive(Debug)]
pub struct Kept {
    pub profile: Profile,
    /// Whose login it is, or was when that was last known.
    pub identity: Option<Identity>,
    /// As its side file says.
    pub network: Arc<Network>,
    pub usage: Option<Arc<Usage>>,
    pub usage_error: Option<String>,
    /// How fast its windows were used in the last day.
    pub recent: Arc<RecentUse>,
    pub poll: Poll,
    pub refresh: Refresh,
    pub refusals: Refusals,
    /// What it offered when it was last asked; none when it never was.
    pub models: Option<Arc<[Model]>>,
    /// Their names, for the pool.
    offers: Option<Arc<[String]>>,
    pub in_flight: InFlight,
    pub prompt_cache: PromptCache,
    speed: Speed,
    pub spend: Spend,
    /// The user's words for people, as they stand in its `router.json`.
    pub about: About,
    /// The same for the router.
    pub terms: Arc<Terms>,
    /// What stands there and cannot be used: sentences.
    pub bad_terms: Vec<String>,
}

#[derive(Debug)]
pub struct Poll {
    /// Whether it is asked for by itself.
    pub is_on: bool,
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
    /// Why none came when one was last asked for, and when that was.
    pub last_error: Option<(String, SystemTime)>,
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

impl Kept {
    pub fn new(profile: Profile, first_poll_at: SystemTime) -> Self {
        let mut kept = Self {
            network: Arc::new(profile.side.network()),
            identity: profile.identity().cloned(),
            profile,
            usage: None,
            usage_error: None,
            recent: Arc::default(),
            poll: Poll {
                is_on: true,
                next_at: None,
                started_at: None,
                is_running: false,
                failures: 0,
                is_asked: false,
            },
            refresh: Refresh::default(),
            refusals: Refusals::new(Pace::PROFILE),
            models: None,
            offers: None,
            in_flight: InFlight::default(),
            prompt_cache: PromptCache::default(),
            speed: Speed::default(),
            spend: Spend::default(),
            about: About::default(),
            terms: Arc::default(),
            bad_terms: Vec::new(),
        };
        kept.read_terms();
        kept.plan(first_poll_at);
        kept.refusals.doubt_usage(kept.profile.side.tried_now_at());
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
        let health_before = self.profile.health();
        let tried_now_at = self.profile.side.tried_now_at();
        let is_same_login = match (&self.profile.login, &profile.login) {
            (Ok(old), Ok(new)) => old.same_login(new),
            (Err(old), Err(new)) => old == new,
            _ => false,
        };
        let network = profile.side.network();
        let is_same_network = *self.network == network;
        if !is_same_network {
            self.network = Arc::new(network);
        }
        self.profile = profile;
        self.read_terms();
        // A file that cannot be read for a moment is no other account's.
        let identity = self.profile.identity().cloned();
        let before = std::mem::replace(&mut self.identity, identity);
        if self.identity.is_none() {
            self.identity = before;
        } else if before.is_some() && before != self.identity {
            self.usage = None;
            self.usage_error = None;
            self.recent = Arc::default();
            self.refusals.forget();
            self.models = None;
            self.offers = None;
            self.speed = Speed::default();
            self.spend = Spend::default();
            self.poll.failures = 0;
        }
        if let Some(at) = self.profile.side.tried_now_at()
            && tried_now_at != Some(at)
        {
            self.refusals.try_now(at);
            self.poll.next_at = self.poll.next_at.map(|next_at| next_at.min(poll_at));
        }
        if !is_same_login {
            self.refusals.change(Cooldowns::note_new_login);
            self.refresh.failures = 0;
            self.refresh.last_error = None;
            self.refresh.blocked = None;
            self.plan(poll_at);
        } else if health_before != self.profile.health() {
            self.plan(poll_at);
        } else if !is_same_network {
            // Whatever failed on the old way says nothing about this one.
            self.refresh.failures = 0;
            self.plan(poll_at);
        }
    }

    fn read_terms(&mut self) {
        let (terms, bad) = Terms::read(&self.profile.side);
        let no_way_out = self.network.trouble().map(str::to_owned);
        let bad = bad.iter().map(BadTerm::to_string).chain(no_way_out);
        let bad: Vec<_> = bad.collect();
        for sentence in bad.iter().filter(|it| !self.bad_terms.contains(it)) {
            warn!(profile = %self.profile.name, "router.json: {sentence}");
        }
        if *self.terms != terms {
            self.terms = Arc::new(terms);
        }
        self.bad_terms = bad;
        self.about = About::read(&self.profile.side);
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
            // Tried again when its way out is another one.
            (Health::Fine, Ok(_)) if self.network.trouble().is_some() => None,
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

    /// The way that its requests go, as everybody who goes it calls it.
    pub fn path(&self) -> Option<String> {
        Some(self.access()?.path(&self.network))
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
        // As a member it would fail at once each time, and its failures would close the way that others go.
        if self.network.trouble().is_some() {
            return unusable(Trouble::NoWayOut);
        }
        Ok(Member {
            network: self.network.clone(),
            terms: self.terms.clone(),
            usage: self.usage.clone(),
            cooldowns: self.refusals.cooldowns.clone(),
            live: self.refusals.live.clone(),
            offers: self.offers.clone(),
            in_flight: self.in_flight.clone(),
            speed: self.speed.clone(),
            spend: self.spend.clone(),
            ..Member::new(self.profile.name.clone(), access)
        })
    }

    /// Numbers from any source; newer ones win, and what they do not tell stays.
    pub fn note_usage(&mut self, usage: Usage, now: SystemTime) {
        let is_newer = |old: &Arc<Usage>| {
            old.fetched_at > usage.fetched_at && !is_from_future(old.fetched_at, now)
        };
        if self.usage.as_ref().is_some_and(is_newer) {
            return;
        }
        let usage = match &self.usage {
            Some(old) => usage.or_else_from(old),
            None => usage,
        };
        if usage.blocked_until(now).is_none() && !self.refusals.cooldowns.is_empty() {
            self.refusals.change(Cooldowns::doubt_windows);
        }
        self.usage_error = None;
        Arc::make_mut(&mut self.recent).note(&usage);
        self.usage = Some(Arc::new(usage));
    }

    /// How fast it was used before this start. What came since is in the newest numbers.
    pub fn remember_recent(&mut self, mut recent: RecentUse) {
        if let Some(usage) = &self.usage {
            recent.note(usage);
        }
        self.recent = Arc::new(recent);
    }

    pub fn note_models(&mut self, models: Arc<[Model]>) {
        self.offers = Some(models.iter().map(|model| model.slug.clone()).collect());
        self.models = Some(models);
    }

    /// Numbers of a poll: what they show ends a limit that came to an end early.
    pub fn note_poll(&mut self, usage: Usage) {
        let fetched_at = usage.fetched_at;
        self.note_usage(usage, fetched_at);
        let usage = self.usage.as_deref();
        if usage.is_some_and(|usage| usage.blocked_until(fetched_at).is_none()) {
            self.refusals
                .change(|cooldowns| cooldowns.note_room(fetched_at));
        }
    }

    /// Whether a poll will notice a limit that ends early.
    fn is_polled(&self) -> bool {
        self.poll.is_on && self.poll.next_at.is_some() && self.poll.failures == 0
    }

    /// It was refused; `model` when that is about a model only.
    pub fn note_refusal(
        &mut self,
        model: Option<&str>,
        cause: RestCause,
        told: Option<Told>,
        began: SystemTime,
        now: SystemTime,
    ) {
        let by_window = || {
            let until = self.usage.as_ref()?.blocked_until(now)??;
            let source = RestSource::UsageWindow;
            Some(Told { until, source })
        };
        let told = match cause {
            RestCause::UsageLimit => told.or_else(by_window),
            _ => told,
        };
        // No poll tells of the limit of one model.
        let is_polled = self.is_polled() && (model.is_none() || cause != RestCause::UsageLimit);
        let refused = refused(&self.profile.name, is_polled, began, now);
        self.refusals.note(model, cause, told, refused);
    }

    /// It failed, which says something only when it does so often.
    pub fn note_failure(&mut self, began: SystemTime, now: SystemTime) {
        let refused = refused(&self.profile.name, self.is_polled(), began, now);
        self.refusals.note_failure(refused);
    }

    /// A pause that an earlier run knew of, and the breaker that made it.
    pub fn restore(
        &mut self,
        model: Option<String>,
        cooldown: Cooldown,
        opened: Option<Opened>,
        now: SystemTime,
    ) {
        let since = cooldown.since;
        let is_older = |at: SystemTime| since <= at && !is_from_future(at, now);
        let cooldown = match self.is_polled() {
            true => cooldown,
            false => cooldown.unpolled(now),
        };
        if !self.profile.side.tried_now_at().is_some_and(is_older) {
            self.refusals.restore(model, cooldown, opened);
        }
    }
}

fn refused(name: &ProfileName, is_polled: bool, began: SystemTime, now: SystemTime) -> Refused<'_> {
    Refused {
        began,
        now,
        salt: name.as_str(),
        is_polled,
    }
}
