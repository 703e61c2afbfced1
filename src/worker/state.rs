//! The truth, and every decision about it: commands and events go in, effects come out, nothing else is touched.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::debug;

use super::event::{Effect, Event, Reading};
use super::kept::{Kept, Unsaved};
use super::refresher::{RefreshFailure, Refreshed};
use super::schedule;
use crate::desk::settings::Listen;
use crate::desk::{CodexProcess, Command, Happening, LastRequest, Outcome, RouterState, Settings};
use crate::profile::{AuthFile, Fingerprint, Health, ProfileName};
use crate::router::{
    AttemptOutcome, AttemptResult, KnownOffers, NoToken, Report, RequestDone, StartError,
};
use crate::store::live::Live;
use crate::store::profiles::Skipped;
use crate::upstream::UsageError;
use crate::usage::Usage;

/// Owned by one task; nobody else sees it.
#[derive(Debug)]
pub struct AppState {
    pub settings: Arc<Settings>,
    pub kept: BTreeMap<ProfileName, Kept>,
    pub skipped: Vec<Skipped>,
    pub live: Live,
    /// Decides between several profiles of the live account.
    current: Option<ProfileName>,
    pub credential_store: Option<String>,
    pub router: Router,
    pub codex: Vec<CodexProcess>,
    pub happenings: VecDeque<Happening>,
    next_seq: u64,
    pub home_trouble: Option<String>,
    pub watching_failed: Option<String>,
    pub offline_since: Option<SystemTime>,
    pub is_loaded: bool,
    pub raises: u64,
    polls: Polls,
    /// The live login that was last tried to be taken home: once is enough, the file may be unwritable.
    taken_home: Option<Fingerprint>,
    codex_looked_at: Option<SystemTime>,
    is_usage_unkept: bool,
}

/// Whether usage is polled by itself, or only when asked (for one-shot commands).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polls {
    ByThemselves,
    WhenAsked,
}

#[derive(Debug)]
pub struct Router {
    pub state: RouterState,
    pub listen: Listen,
    pub addresses: Vec<SocketAddr>,
    /// Off may be asked while it is starting.
    is_wanted: bool,
    pub last_request: Option<LastRequest>,
    pub requests: u64,
}

/// A face shows the last few; more would only grow.
const MAX_HAPPENINGS: usize = 16;
/// Processes come and go without telling; looking costs some milliseconds.
const CODEX_LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// A token refused twice within this time is not refused for its age.
const REFRESH_GAP: Duration = Duration::from_secs(60);

impl AppState {
    pub fn new(settings: Arc<Settings>, polls: Polls) -> Self {
        let listen = settings.listen;
        Self {
            settings,
            kept: BTreeMap::new(),
            skipped: Vec::new(),
            live: Live::Missing,
            current: None,
            credential_store: None,
            router: Router {
                state: RouterState::Off,
                listen,
                addresses: Vec::new(),
                is_wanted: false,
                last_request: None,
                requests: 0,
            },
            codex: Vec::new(),
            happenings: VecDeque::new(),
            next_seq: 1,
            home_trouble: None,
            watching_failed: None,
            offline_since: None,
            is_loaded: false,
            raises: 0,
            polls,
            taken_home: None,
            codex_looked_at: None,
            is_usage_unkept: false,
        }
    }

    /// What a face asks for.
    pub fn obey(&mut self, command: Command, now: SystemTime) -> Vec<Effect> {
        match command {
            Command::Use(to) => self.switch_to(to, now),
            Command::Save(name) => vec![Effect::SaveLive { name }],
            Command::RefreshUsage(name) => self.poll_when_asked(&name, now).into_iter().collect(),
            Command::RefreshAll => {
                let names: Vec<_> = self.kept.keys().cloned().collect();
                let polls = names
                    .iter()
                    .filter_map(|name| self.poll_when_asked(name, now))
                    .collect::<Vec<_>>();
                [Effect::ReadDisk, Effect::FindCodex]
                    .into_iter()
                    .chain(polls)
                    .collect()
            }
            Command::RefreshToken(name) => self.refresh_when_asked(name, now),
            Command::TurnRouterOn => self.turn_router_on(self.router.listen),
            Command::TurnRouterOff => {
                self.router.is_wanted = false;
                vec![Effect::StopRouter]
            }
            Command::ServeOnPort(port) => self.turn_router_on(self.router.listen.with_port(port)),
            Command::RaiseWindow => {
                self.raises += 1;
                Vec::new()
            }
            Command::Quit => {
                let unsaved = self.kept.iter().filter_map(|(name, kept)| {
                    Some(save_token(name, kept.refresh.unsaved.as_ref()?))
                });
                let keep = self.is_usage_unkept.then_some(Effect::KeepUsage);
                unsaved.chain([Effect::StopRouter]).chain(keep).collect()
            }
        }
    }

    /// What the world did.
    pub fn note(&mut self, event: Event, now: SystemTime) -> Vec<Effect> {
        match event {
            Event::DiskRead(reading) => self.note_reading(*reading, now),
            Event::DiskUnreadable(reason) => {
                self.home_trouble = Some(reason);
                Vec::new()
            }
            Event::DiskChanged => vec![Effect::ReadDisk],
            Event::RaiseAsked => {
                self.raises += 1;
                Vec::new()
            }
            Event::WatchingFailed(reason) => {
                self.watching_failed = Some(reason);
                Vec::new()
            }
            Event::UsageArrived { name, result } => self.note_usage(&name, result, now),
            Event::TokenWanted { name, stale } => self.note_token_wanted(name, &stale, now),
            Event::TokenRefreshed { name, result } => self.note_refreshed(name, result, now),
            Event::TokenSaved { name, result } => self.note_token_saved(&name, result, now),
            Event::SwitchEnded { to, result, codex } => {
                self.codex = codex;
                match result {
                    Ok(switched) => {
                        if let Some(file) = &switched.displaced {
                            let file = file
                                .file_name()
                                .map(|name| name.to_string_lossy().into_owned());
                            self.happen(
                                Outcome::Displaced {
                                    file: file.unwrap_or_default(),
                                },
                                now,
                            );
                        }
                        self.happen(
                            Outcome::Switched {
                                from: switched.from,
                                to,
                            },
                            now,
                        );
                    }
                    Err(reason) => self.happen(Outcome::SwitchFailed { to, reason }, now),
                }
                vec![Effect::ReadDisk]
            }
            Event::SaveEnded { name, result } => {
                match result {
                    Ok(()) => self.happen(Outcome::Saved { name }, now),
                    Err(reason) => self.happen(Outcome::SaveFailed { name, reason }, now),
                }
                vec![Effect::ReadDisk]
            }
            Event::TookHome(result) => match result {
                Ok(Some(_)) => vec![Effect::ReadDisk],
                Ok(None) => Vec::new(),
                Err(reason) => {
                    self.home_trouble = Some(reason);
                    Vec::new()
                }
            },
            Event::RouterStarted(result) => self.note_router_started(result),
            Event::RouterStopped => {
                self.router.addresses.clear();
                self.router.state = RouterState::Off;
                // Turned on again while it was stopping.
                if self.router.is_wanted {
                    self.turn_router_on(self.router.listen)
                } else {
                    Vec::new()
                }
            }
            Event::Reported(report) => self.note_report(report, now),
            Event::CodexFound(found) => {
                self.codex = found;
                Vec::new()
            }
            Event::TimePassed => self.note_time(now),
        }
    }

    /// When [`Event::TimePassed`] is wanted next.
    pub fn next_due(&self) -> Option<SystemTime> {
        let codex = self.codex_looked_at.map(|at| at + CODEX_LOOK_INTERVAL);
        let of_profiles = self.kept.values().flat_map(|kept| {
            let poll = kept
                .poll
                .next_at
                .filter(|_| self.polls == Polls::ByThemselves && self.settings.usage_poll)
                .filter(|_| !kept.poll.is_running);
            let refresh = kept
                .refresh
                .next_at
                .filter(|_| self.polls == Polls::ByThemselves && !kept.refresh.is_running);
            let save = kept
                .refresh
                .unsaved
                .as_ref()
                .map(|unsaved| unsaved.next_try_at);
            [poll, refresh, save]
        });
        of_profiles
            .flatten()
            .chain(codex.filter(|_| self.polls == Polls::ByThemselves))
            .min()
    }

    /// Numbers from before this start, with the age they have.
    pub fn remember_usage(&mut self, numbers: Vec<(ProfileName, Usage)>) {
        for (name, usage) in numbers {
            if let Some(kept) = self.kept.get_mut(&name) {
                kept.note_usage(usage);
            }
        }
    }

    /// Lists of models from the last run.
    pub fn remember_offers(&mut self, offers: KnownOffers) {
        for (name, models) in offers {
            if let Some(kept) = self.kept.get_mut(&name) {
                kept.models = Some(models);
            }
        }
    }

    /// What is known of the models of each profile.
    fn offers(&self) -> KnownOffers {
        self.kept
            .iter()
            .filter_map(|(name, kept)| Some((name.clone(), kept.models.clone()?)))
            .collect()
    }

    /// The numbers to keep for the next start.
    pub fn numbers(&self) -> Vec<(ProfileName, Arc<Usage>)> {
        self.kept
            .iter()
            .filter_map(|(name, kept)| Some((name.clone(), kept.usage.clone()?)))
            .collect()
    }

    /// The profile whose login the Codex CLI uses, computed from the live file and from nothing else.
    pub fn active(&self) -> Option<&ProfileName> {
        let Live::Login(live) = &self.live else {
            return None;
        };
        let holders = || {
            let holds = |kept: &&Kept| {
                kept.profile
                    .login
                    .as_ref()
                    .is_ok_and(|login| login.same_account(live))
            };
            self.kept
                .values()
                .filter(holds)
                .map(|kept| &kept.profile.name)
        };
        holders()
            .find(|name| self.current.as_ref() == Some(name))
            .or_else(|| holders().next())
    }

    pub fn is_refreshing(&self) -> bool {
        self.kept
            .values()
            .any(|kept| kept.poll.is_running && kept.poll.is_asked)
    }

    fn switch_to(&mut self, to: ProfileName, now: SystemTime) -> Vec<Effect> {
        if !self.kept.contains_key(&to) && self.is_loaded {
            let reason = format!(
                "there is no account {:?}; `codex-router list` shows them",
                to.as_str()
            );
            self.happen(Outcome::SwitchFailed { to, reason }, now);
            return Vec::new();
        }
        vec![Effect::Switch {
            to,
            live: self.active().cloned(),
        }]
    }

    fn turn_router_on(&mut self, listen: Listen) -> Vec<Effect> {
        self.router.is_wanted = true;
        match self.router.state {
            RouterState::On if listen == self.router.listen => Vec::new(),
            RouterState::Starting => Vec::new(),
            RouterState::On => {
                self.router.listen = listen;
                vec![Effect::StopRouter]
            }
            RouterState::Off | RouterState::PortTaken { .. } | RouterState::Failed(_) => {
                self.router.listen = listen;
                self.router.state = RouterState::Starting;
                vec![Effect::StartRouter {
                    listen,
                    offers: self.offers(),
                }]
            }
        }
    }

    fn note_router_started(&mut self, result: Result<Vec<SocketAddr>, StartError>) -> Vec<Effect> {
        match result {
            Ok(addresses) => {
                self.router.addresses = addresses;
                self.router.state = RouterState::On;
                if !self.router.is_wanted {
                    return vec![Effect::StopRouter];
                }
            }
            Err(StartError::PortTaken {
                address,
                holder,
                free_port,
            }) => {
                self.router.state = RouterState::PortTaken {
                    port: address.port(),
                    holder,
                    free_port,
                };
            }
            Err(err) => self.router.state = RouterState::Failed(err.to_string()),
        }
        Vec::new()
    }

    fn note_reading(&mut self, reading: Reading, now: SystemTime) -> Vec<Effect> {
        let known: Vec<_> = reading
            .profiles
            .iter()
            .map(|profile| profile.name.clone())
            .collect();
        self.kept.retain(|name, _| known.contains(name));
        for (place, profile) in reading.profiles.into_iter().enumerate() {
            let poll_at = schedule::first_poll(place, now);
            match self.kept.get_mut(&profile.name) {
                // A rotated token that is only in memory is newer than what stands in the file.
                Some(kept)
                    if kept.refresh.unsaved.is_some() && !is_overtaken(kept, &profile.login) => {}
                Some(kept) => kept.take(profile, poll_at),
                None => {
                    self.kept
                        .insert(profile.name.clone(), Kept::new(profile, poll_at));
                }
            }
        }
        self.skipped = reading.skipped;
        self.live = reading.live;
        self.current = reading.current;
        self.credential_store = reading.credential_store;
        self.home_trouble = None;
        self.is_loaded = true;
        let mut effects: Vec<_> = self.take_home().into_iter().collect();
        effects.extend(self.note_time(now));
        effects
    }

    /// When the CLI has rotated the live login, its profile must have the new one, too.
    fn take_home(&mut self) -> Option<Effect> {
        let Live::Login(live) = &self.live else {
            return None;
        };
        let name = self.active()?;
        let profile = self.kept.get(name)?.profile.login.as_ref().ok()?;
        let login = live.chatgpt()?.access_token.fingerprint();
        if !live.is_newer_than(profile) || self.taken_home.as_ref() == Some(&login) {
            return None;
        }
        self.taken_home = Some(login);
        Some(Effect::TakeHome)
    }

    fn note_time(&mut self, now: SystemTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.polls == Polls::WhenAsked {
            return effects;
        }
        if self
            .codex_looked_at
            .is_none_or(|at| at + CODEX_LOOK_INTERVAL <= now)
        {
            self.codex_looked_at = Some(now);
            effects.push(Effect::FindCodex);
            if std::mem::take(&mut self.is_usage_unkept) {
                effects.push(Effect::KeepUsage);
            }
        }
        for (name, kept) in &mut self.kept {
            let is_due = |at: Option<SystemTime>| at.is_some_and(|at| at <= now);
            if let Some(unsaved) = kept
                .refresh
                .unsaved
                .as_mut()
                .filter(|unsaved| unsaved.next_try_at <= now)
            {
                unsaved.next_try_at = now + super::refresher::SAVE_AGAIN_EVERY;
                effects.push(save_token(name, unsaved));
            } else if is_due(kept.refresh.next_at)
                && !kept.refresh.is_running
                && kept.refresh.unsaved.is_none()
            {
                kept.refresh.is_running = true;
                effects.push(Effect::Refresh { name: name.clone() });
            }
            if self.settings.usage_poll && is_due(kept.poll.next_at) && !kept.poll.is_running {
                effects.extend(start_poll(name, kept, now));
            }
        }
        effects
    }

    fn poll_when_asked(&mut self, name: &ProfileName, now: SystemTime) -> Option<Effect> {
        let kept = self.kept.get_mut(name)?;
        kept.poll.is_asked = true;
        let is_fresh = kept
            .poll
            .started_at
            .is_some_and(|at| now < at + schedule::MIN_ASKED_POLL_GAP);
        if kept.poll.is_running || (is_fresh && kept.usage_error.is_none()) {
            return None;
        }
        match start_poll(name, kept, now) {
            Some(effect) => Some(effect),
            // Expired: a new token first, the poll follows it.
            None if kept.refresh.next_at.is_some() && !kept.refresh.is_running => {
                kept.refresh.is_running = true;
                Some(Effect::Refresh { name: name.clone() })
            }
            None => None,
        }
    }

    fn note_usage(
        &mut self,
        name: &ProfileName,
        result: Result<Usage, UsageError>,
        now: SystemTime,
    ) -> Vec<Effect> {
        let interval = self.settings.usage_poll_interval;
        let Some(kept) = self.kept.get_mut(name) else {
            return Vec::new();
        };
        kept.poll.is_running = false;
        let is_asked = std::mem::take(&mut kept.poll.is_asked);
        let mut effects = Vec::new();
        let outcome = match result {
            Ok(usage) => {
                kept.poll.failures = 0;
                kept.poll.next_at = Some(schedule::next_poll(name, &usage, interval, now));
                kept.note_usage(usage);
                self.offline_since = None;
                self.is_usage_unkept = true;
                Outcome::UsageRefreshed { name: name.clone() }
            }
            Err(err) => {
                kept.poll.failures = kept.poll.failures.saturating_add(1);
                let asked = match &err {
                    UsageError::Refused { retry_after, .. } => *retry_after,
                    UsageError::Unauthorized
                    | UsageError::Unreachable(_)
                    | UsageError::Unreadable => None,
                };
                kept.poll.next_at =
                    Some(schedule::poll_retry(name, kept.poll.failures, asked, now));
                kept.usage_error = Some(err.to_string());
                match &err {
                    UsageError::Unreachable(_) => {
                        self.offline_since = self.offline_since.or(Some(now))
                    }
                    UsageError::Unauthorized if may_refresh(kept, now) => {
                        kept.refresh.is_running = true;
                        effects.push(Effect::Refresh { name: name.clone() });
                    }
                    UsageError::Unauthorized
                    | UsageError::Refused { .. }
                    | UsageError::Unreadable => {
                        self.offline_since = None;
                    }
                }
                Outcome::UsageFailed {
                    name: name.clone(),
                    reason: err.to_string(),
                }
            }
        };
        if is_asked {
            self.happen(outcome, now);
        }
        effects
    }

    fn refresh_when_asked(&mut self, name: ProfileName, now: SystemTime) -> Vec<Effect> {
        let reason = match self.kept.get_mut(&name) {
            None => "there is no such account".to_owned(),
            Some(kept) => {
                kept.refresh.is_asked = true;
                match (
                    kept.profile.health(),
                    kept.profile
                        .login
                        .as_ref()
                        .ok()
                        .and_then(AuthFile::refresh_fingerprint),
                ) {
                    (Health::Fine, Some(_)) if kept.refresh.is_running => return Vec::new(),
                    (Health::Fine, Some(_)) => {
                        kept.refresh.is_running = true;
                        return vec![Effect::Refresh { name }];
                    }
                    (Health::Fine, None) => {
                        "this login has no refresh token; there is nothing to renew".to_owned()
                    }
                    (Health::SignInAgain, _) => {
                        "OpenAI no longer accepts this login; sign in again".to_owned()
                    }
                    (Health::Unreadable(reason), _) => reason.to_string(),
                    (Health::NotRoutable { mode }, _) => {
                        format!("logins of the kind {mode} are renewed by Codex itself")
                    }
                }
            }
        };
        self.happen(Outcome::TokenRefreshFailed { name, reason }, now);
        Vec::new()
    }

    fn note_token_wanted(
        &mut self,
        name: ProfileName,
        stale: &Fingerprint,
        now: SystemTime,
    ) -> Vec<Effect> {
        let Some(kept) = self.kept.get_mut(&name) else {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(gone()),
            }];
        };
        let answer = match kept.profile.health() {
            Health::Fine => kept.access().ok_or_else(sign_in_again),
            Health::SignInAgain => Err(sign_in_again()),
            Health::Unreadable(_) | Health::NotRoutable { .. } => Err(gone()),
        };
        let current = kept.profile.login.as_ref().ok().and_then(AuthFile::chatgpt);
        let is_newer = current.is_some_and(|login| {
            login.access_token.fingerprint() != *stale && !login.expires_within(Duration::ZERO, now)
        });
        if answer.is_err() || is_newer {
            return vec![Effect::AnswerWaiters { name, with: answer }];
        }
        if kept.refresh.is_running {
            return Vec::new();
        }
        if current.is_none_or(|login| login.refresh_token.is_none()) {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(sign_in_again()),
            }];
        }
        if kept.refresh.failures > 0 && kept.refresh.next_at.is_some_and(|at| now < at) {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(not_now()),
            }];
        }
        kept.refresh.is_running = true;
        vec![Effect::Refresh { name }]
    }

    fn note_refreshed(
        &mut self,
        name: ProfileName,
        result: Result<Refreshed, RefreshFailure>,
        now: SystemTime,
    ) -> Vec<Effect> {
        let Some(kept) = self.kept.get_mut(&name) else {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(gone()),
            }];
        };
        kept.refresh.is_running = false;
        let is_asked = std::mem::take(&mut kept.refresh.is_asked);
        let mut effects = vec![Effect::ReadDisk];
        let outcome = match result {
            Ok(refreshed) => {
                kept.refresh.failures = 0;
                kept.profile.login = Ok(refreshed.auth.clone());
                kept.replan_refresh();
                kept.refresh.unsaved = refreshed.unsaved.map(|(redeemed, reason)| Unsaved {
                    auth: refreshed.auth,
                    redeemed,
                    reason,
                    next_try_at: now + super::refresher::SAVE_AGAIN_EVERY,
                });
                let with = kept.access().ok_or_else(gone);
                effects.push(Effect::AnswerWaiters {
                    name: name.clone(),
                    with,
                });
                if kept.usage_error.is_some() || kept.usage.is_none() || kept.poll.is_asked {
                    kept.poll.next_at = Some(now);
                    if self.polls == Polls::WhenAsked && kept.poll.is_asked {
                        effects.extend(start_poll(&name, kept, now));
                    }
                }
                Outcome::TokenRefreshed { name }
            }
            Err(failure) => {
                kept.refresh.failures = kept.refresh.failures.saturating_add(1);
                let retry_at = |asked| {
                    Some(schedule::refresh_retry(
                        &name,
                        kept.refresh.failures,
                        asked,
                        now,
                    ))
                };
                let (with, next_at) = match &failure {
                    RefreshFailure::SignInAgain { .. } => (sign_in_again(), None),
                    RefreshFailure::Later { retry_after, .. } => {
                        (not_now(), retry_at(*retry_after))
                    }
                    RefreshFailure::NotPossible(_) => (not_now(), retry_at(None)),
                };
                if let RefreshFailure::SignInAgain { token, .. } = &failure {
                    kept.profile.side.set_rejected(Some(token));
                }
                kept.refresh.next_at = next_at;
                if std::mem::take(&mut kept.poll.is_asked) {
                    kept.usage_error = Some(failure.to_string());
                }
                effects.push(Effect::AnswerWaiters {
                    name: name.clone(),
                    with: Err(with),
                });
                Outcome::TokenRefreshFailed {
                    name,
                    reason: failure.to_string(),
                }
            }
        };
        if is_asked || matches!(outcome, Outcome::TokenRefreshFailed { .. }) {
            self.happen(outcome, now);
        }
        effects
    }

    fn note_token_saved(
        &mut self,
        name: &ProfileName,
        result: Result<(), String>,
        now: SystemTime,
    ) -> Vec<Effect> {
        let Some(kept) = self.kept.get_mut(name) else {
            return Vec::new();
        };
        match result {
            Ok(()) => {
                kept.refresh.unsaved = None;
                vec![Effect::ReadDisk]
            }
            Err(reason) => {
                if let Some(unsaved) = &mut kept.refresh.unsaved {
                    unsaved.reason = reason;
                    unsaved.next_try_at = now + super::refresher::SAVE_AGAIN_EVERY;
                }
                Vec::new()
            }
        }
    }

    fn note_report(&mut self, report: Report, now: SystemTime) -> Vec<Effect> {
        match report {
            Report::Attempt(outcome) => self.note_attempt(outcome, now),
            Report::Models { profile, models } => match self.kept.get_mut(&profile) {
                Some(kept) => {
                    kept.models = Some(models);
                    vec![Effect::KeepModels(self.offers())]
                }
                None => Vec::new(),
            },
            Report::Request(done) => {
                self.router.requests += 1;
                debug!(
                    id = %done.id,
                    dialect = done.dialect.as_str(),
                    model = %done.model,
                    profile = done.profile.as_ref().map(ProfileName::as_str),
                    reason = done.reason.map(tracing::field::display),
                    status = done.status,
                    is_complete = done.is_complete,
                    retries = done.retries,
                    took_ms = done.took.as_millis(),
                    "request done"
                );
                let server = done.profile.as_ref().filter(|_| done.is_complete);
                if let Some(kept) = server.and_then(|name| self.kept.get_mut(name)) {
                    kept.note_has(&done.model);
                }
                self.router.last_request = Some(last_request(done));
                Vec::new()
            }
        }
    }

    fn note_attempt(&mut self, outcome: AttemptOutcome, now: SystemTime) -> Vec<Effect> {
        let Some(kept) = self.kept.get_mut(&outcome.profile) else {
            return Vec::new();
        };
        if let Some(usage) = outcome.usage {
            kept.note_usage(usage);
            self.is_usage_unkept = true;
        }
        match outcome.result {
            AttemptResult::Served => kept.note_served(),
            AttemptResult::UsageLimit { resets_at } => {
                kept.note_usage_limit(resets_at, now);
                // Ask how it really stands, as soon as that is polite.
                let earliest = kept
                    .poll
                    .started_at
                    .map_or(now, |at| (at + schedule::MIN_POLL_GAP).max(now));
                kept.poll.next_at = kept.poll.next_at.map(|at| at.min(earliest));
            }
            AttemptResult::Throttled { retry_after } => kept.note_throttled(retry_after, now),
            AttemptResult::Failing { .. } | AttemptResult::Unreachable | AttemptResult::Cut => {
                kept.note_failing(now)
            }
            AttemptResult::ModelNotSupported { model } => kept.note_lack(model, now),
            // The token is dealt with where it was refused; the others say nothing about the profile.
            AttemptResult::Unauthorized
            | AttemptResult::ClientFault { .. }
            | AttemptResult::Abandoned => {}
        }
        self.note_time(now)
    }

    fn happen(&mut self, outcome: Outcome, now: SystemTime) {
        if self.happenings.len() == MAX_HAPPENINGS {
            self.happenings.pop_front();
        }
        self.happenings.push_back(Happening {
            seq: self.next_seq,
            at: now,
            outcome,
        });
        self.next_seq += 1;
    }
}

fn start_poll(name: &ProfileName, kept: &mut Kept, now: SystemTime) -> Option<Effect> {
    kept.poll.next_at?;
    let Some(bearer) = kept.working_bearer(now) else {
        // The refresh that is due anyway brings the poll back.
        kept.poll.next_at = Some(now + schedule::MIN_POLL_GAP);
        return None;
    };
    kept.poll.is_running = true;
    kept.poll.started_at = Some(now);
    Some(Effect::PollUsage {
        name: name.clone(),
        bearer,
    })
}

/// A refused access token is worth one new one, unless it was new itself.
fn may_refresh(kept: &Kept, now: SystemTime) -> bool {
    let login = kept.profile.login.as_ref().ok().and_then(AuthFile::chatgpt);
    let is_new = login
        .and_then(|login| login.claims.issued_at)
        .is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < REFRESH_GAP));
    let has_token = login.is_some_and(|login| login.refresh_token.is_some());
    has_token && !is_new && !kept.refresh.is_running && kept.profile.health() == Health::Fine
}

fn is_overtaken(kept: &Kept, on_disk: &Result<AuthFile, crate::profile::Unreadable>) -> bool {
    match (&kept.refresh.unsaved, on_disk) {
        (Some(unsaved), Ok(on_disk)) => {
            on_disk.is_newer_than(&unsaved.auth) || !on_disk.same_account(&unsaved.auth)
        }
        _ => false,
    }
}

fn save_token(name: &ProfileName, unsaved: &Unsaved) -> Effect {
    Effect::SaveToken {
        name: name.clone(),
        redeemed: unsaved.redeemed.clone(),
        auth: Box::new(unsaved.auth.clone()),
    }
}

fn last_request(done: RequestDone) -> LastRequest {
    LastRequest {
        model: done.model,
        profile: done.profile,
        status: done.status,
        is_complete: done.is_complete,
        took: done.took,
        at: done.at,
    }
}

fn gone() -> NoToken {
    NoToken("this login is not there any more".into())
}

fn sign_in_again() -> NoToken {
    NoToken("OpenAI no longer accepts this login; sign in again".into())
}

fn not_now() -> NoToken {
    NoToken("the login could not be renewed right now".into())
}

#[cfg(test)]
mod tests;
