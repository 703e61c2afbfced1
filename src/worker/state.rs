//! The truth, and every decision about it: commands and events go in, effects come out, nothing else is touched.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::event::{Effect, Event, ToolWish};
use super::kept::Kept;
use super::organiser;
use super::refusals::Refusals;
use super::signing_in::Work;
use crate::client_key::KeyRing;
use crate::desk::record::{LedgerState, RequestRecord};
use crate::desk::settings::{Listen, ReadSettings, SettingsView};
use crate::desk::{
    CodexProcess, Command, Happening, History, LastRequest, LockView, Outcome, RouterState,
    Settings, ToolView,
};
use crate::price::Prices;
use crate::profile::{Credentials, Fingerprint, ProfileName};
use crate::router::{KnownOffers, RefusedParameter};
use crate::store::live::Live;
use crate::store::profiles::Skipped;
use crate::store::trash::Trashed;
use crate::usage::Usage;

mod activity;
mod importing;
mod keys;
mod locking;
mod logins;
mod memory;
mod organising;
mod polling;
mod refreshing;
mod serving;
mod setting;
mod signing_in;
mod tools;
mod unsaved;

use activity::Looking;
use importing::Importing;
pub use memory::Memory;
use organising::edit_accounts;
use polling::start_poll;
use signing_in::SignIns;
use unsaved::Orphan;

/// Owned by one task; nobody else sees it.
#[derive(Debug)]
pub struct AppState {
    /// What was read last.
    pub settings: Arc<Settings>,
    /// The same, with where each came from.
    read: ReadSettings,
    pub settings_view: Arc<SettingsView>,
    pub kept: BTreeMap<ProfileName, Kept>,
    /// By the names of `Access::path`; one for each that a profile goes.
    pub paths: BTreeMap<String, Refusals>,
    pub skipped: Vec<Skipped>,
    /// The newest first.
    pub trash: Vec<Trashed>,
    /// What profiles were called in this run: whatever was under way goes by it.
    renamed: BTreeMap<ProfileName, ProfileName>,
    pub live: Live,
    /// Decides between several profiles of the live account.
    current: Option<ProfileName>,
    pub credential_store: Option<String>,
    /// Where Codex's own settings send its requests.
    codex_address: Option<String>,
    pub codex_connected_at: Option<SystemTime>,
    /// The user's choice for the router.
    routed_to: Option<ProfileName>,
    /// Choices that are being written down; what is read meanwhile may be older.
    routes_under_way: usize,
    /// The settings of other programs, once somebody has asked for them.
    pub tools: Vec<ToolView>,
    pub router: Router,
    pub codex: Vec<CodexProcess>,
    pub happenings: VecDeque<Happening>,
    next_seq: u64,
    pub home_trouble: Option<String>,
    pub watching_failed: Option<String>,
    pub offline_since: Option<SystemTime>,
    pub is_loaded: bool,
    /// Logins are encrypted and cannot be read yet.
    pub lock: Option<LockView>,
    /// What is known from before this start of accounts that nobody could read yet.
    memory: Option<Memory>,
    pub raises: u64,
    pub hides_emails: bool,
    polls: Polls,
    /// The live login that was last tried to be taken home: once is enough, the file may be unwritable.
    taken_home: Option<Fingerprint>,
    /// When that did not work and is worth another try.
    take_home_again_at: Option<SystemTime>,
    /// The number of the reading that was asked for last.
    last_reading: u64,
    /// Readings with a smaller number show a past that is known to be over.
    oldest_reading: u64,
    /// Nothing begins any more; what is under way is seen to its end.
    is_ending: bool,
    codex_looked_at: Option<SystemTime>,
    /// When numbers that are only in memory go to the disk.
    keep_usage_at: Option<SystemTime>,
    /// The same of pauses.
    keep_pauses_at: Option<SystemTime>,
    /// Parameters that the router leaves out; kept here for its next start.
    refused: Vec<RefusedParameter>,
    /// The keys that clients show.
    pub keys: Arc<KeyRing>,
    prices: Arc<Prices>,
    pub ledger: LedgerState,
    pub importing: Importing,
    /// Of the profile that a face looks at.
    pub history: Option<Arc<History>>,
    pub looking: Looking,
    pub sign_ins: SignIns,
    /// Logins in memory alone that have no profile.
    orphans: Vec<Orphan>,
}

/// Before the first reading nobody can say who may come in, so nobody does.
pub fn unread_keys() -> KeyRing {
    KeyRing::unreadable("the client keys have not been read yet".to_owned())
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
    /// Where it was told to start last.
    starts_on: Listen,
    pub addresses: Vec<SocketAddr>,
    /// Off may be asked while it is starting.
    is_wanted: bool,
    pub last_request: Option<LastRequest>,
    /// The newest first.
    pub last_requests: VecDeque<Arc<RequestRecord>>,
    pub requests: u64,
}

/// The live file may hold the only copy of what could not be taken home.
const TAKE_HOME_AGAIN: Duration = Duration::from_secs(30);
/// A face shows the last few; more would only grow.
const MAX_HAPPENINGS: usize = 16;
/// Processes come and go without telling, and a look costs 20 ms. Whoever may be about to switch asks for one
/// ([`Command::FindCodex`]).
const CODEX_LOOK_INTERVAL: Duration = Duration::from_secs(300);
/// One look serves everybody who asks within this time.
const CODEX_LOOK_GAP: Duration = Duration::from_secs(2);
/// What a kill may cost of the usage numbers; they are asked for again anyway.
const KEEP_USAGE_AFTER: Duration = Duration::from_secs(30);
/// A burst of refusals is one writing.
const KEEP_PAUSES_AFTER: Duration = Duration::from_secs(2);

impl AppState {
    pub fn new(settings: Arc<Settings>, polls: Polls) -> Self {
        let listen = settings.listen;
        let read = ReadSettings::from((*settings).clone());
        Self {
            settings,
            settings_view: Arc::new(read.view()),
            read,
            kept: BTreeMap::new(),
            paths: BTreeMap::new(),
            skipped: Vec::new(),
            trash: Vec::new(),
            renamed: BTreeMap::new(),
            live: Live::Missing,
            current: None,
            credential_store: None,
            codex_address: None,
            codex_connected_at: None,
            routed_to: None,
            routes_under_way: 0,
            tools: Vec::new(),
            router: Router {
                state: RouterState::Off,
                listen,
                starts_on: listen,
                addresses: Vec::new(),
                is_wanted: false,
                last_request: None,
                last_requests: VecDeque::new(),
                requests: 0,
            },
            codex: Vec::new(),
            happenings: VecDeque::new(),
            next_seq: 1,
            home_trouble: None,
            watching_failed: None,
            offline_since: None,
            is_loaded: false,
            lock: None,
            memory: None,
            raises: 0,
            hides_emails: false,
            polls,
            taken_home: None,
            take_home_again_at: None,
            last_reading: 0,
            oldest_reading: 0,
            is_ending: false,
            codex_looked_at: None,
            keep_usage_at: None,
            keep_pauses_at: None,
            refused: Vec::new(),
            keys: Arc::new(unread_keys()),
            prices: Arc::new(Prices::built_in()),
            ledger: LedgerState::default(),
            importing: Importing::default(),
            history: None,
            looking: Looking::default(),
            sign_ins: SignIns::default(),
            orphans: Vec::new(),
        }
    }

    /// What a face asks for.
    pub fn obey(&mut self, command: Command, now: SystemTime) -> Vec<Effect> {
        if self.refuses_locked(&command, now) {
            return Vec::new();
        }
        match command {
            Command::Use(to) => self.switch_to(to, now),
            Command::Set(changes) => self.change_settings(changes, now),
            Command::Save(name) => vec![Effect::SaveLive { name }],
            Command::RefreshUsage(name) => self.poll_when_asked(&name, now).into_iter().collect(),
            Command::RefreshAll => {
                let names: Vec<_> = self.kept.keys().cloned().collect();
                let polls = names
                    .iter()
                    .filter_map(|name| self.poll_when_asked(name, now))
                    .collect::<Vec<_>>();
                [self.read_disk(), Effect::FindCodex]
                    .into_iter()
                    .chain(polls)
                    .collect()
            }
            Command::FindCodex => self.find_codex_when_asked(now).into_iter().collect(),
            Command::ShowHistory(name) => self.read_history(name).into_iter().collect(),
            Command::ShowActivity { query, place } => {
                self.show_activity(query, place).into_iter().collect()
            }
            Command::ExportRequests { query, form, file } => {
                vec![self.export_requests(query, form, file)]
            }
            Command::RefreshToken(name) => self.refresh_when_asked(name, now),
            Command::Unlock(passphrase) => self.unlock(passphrase),
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
            Command::SignIn(wish) => self.sign_in(wish, now),
            Command::PasteCallback(text) => self.paste_callback(text),
            Command::ConfirmSignIn { name } => self.confirm_sign_in(name),
            Command::CancelSignIn => self.cancel_sign_in(),
            Command::CheckLogin(login) => self.check_login(login),
            Command::AddLogin { name, login } => {
                vec![Effect::SignIn(Work::Add { name, login })]
            }
            Command::LookForImport(source) => self.look_for_import(source),
            Command::Import(chosen) => self.import(chosen, now),
            Command::CancelImport => {
                self.cancel_import();
                Vec::new()
            }
            Command::Export { names, to } => self.export(names, to, now),
            Command::Edit { names, edit } => edit_accounts(names, edit),
            Command::TryNow(names) => vec![Effect::Organise(organiser::Work::TryNow(names))],
            Command::Order(names) => self.put_in_order(names),
            Command::HideEmails(hides_emails) => self.hide_emails(hides_emails),
            Command::Rename { from, to } => self.rename_account(from, to, now),
            Command::Delete(names) => self.delete_accounts(names),
            Command::Undelete(ids) => vec![Effect::Organise(organiser::Work::Undelete(ids))],
            Command::Purge(ids) => vec![Effect::Organise(organiser::Work::Purge(ids))],
            Command::RouteTo(to) => self.route_to(to, now),
            Command::LookAtTools => vec![Effect::LookAtTools {
                router: self.router_to_point_at(),
            }],
            Command::Connect(tool) => self.change_tool(tool, ToolWish::Connect),
            Command::Disconnect(tool) => self.change_tool(tool, ToolWish::Disconnect),
            Command::UseFileStore => vec![Effect::UseFileStore],
            Command::OpenTerminal(name) => vec![Effect::OpenTerminal { name }],
            Command::ChangeKeys(change) => vec![Effect::ChangeKeys(change)],
            Command::Quit => {
                self.is_ending = true;
                self.cancel_import();
                self.router.is_wanted = false;
                let keep = self.keep_usage_at.map(|_due| Effect::KeepUsage);
                // One-shot commands know of none.
                let knows_pauses =
                    self.is_loaded && self.lock.is_none() && self.polls == Polls::ByThemselves;
                let keep_pauses = knows_pauses.then(|| Effect::KeepPauses(self.pauses(now)));
                self.save_all()
                    .into_iter()
                    .chain([Effect::StopRouter])
                    .chain(keep)
                    .chain(keep_pauses)
                    .collect()
            }
        }
    }

    /// What the world did.
    pub fn note(&mut self, event: Event, now: SystemTime) -> Vec<Effect> {
        if let Some(effect) = self.begin_again(&event).filter(|_| !self.is_ending) {
            return vec![effect];
        }
        let event = self.by_present_names(event);
        let mut effects = self.follow(event, now);
        if self.take_changes() {
            self.keep_pauses_at.get_or_insert(now + KEEP_PAUSES_AFTER);
        }
        if self.is_ending {
            effects.retain(|effect| {
                matches!(
                    effect,
                    Effect::SaveToken { .. } | Effect::AnswerWaiters { .. } | Effect::Record(_)
                )
            });
        }
        effects
    }

    /// Whether the pauses have changed since this was asked last.
    pub(super) fn take_changes(&mut self) -> bool {
        let of_profiles = self.kept.values_mut().map(|kept| &mut kept.refusals);
        let all = of_profiles.chain(self.paths.values_mut());
        all.fold(false, |is_changed, refusals| {
            is_changed | std::mem::take(&mut refusals.is_changed)
        })
    }

    fn follow(&mut self, event: Event, now: SystemTime) -> Vec<Effect> {
        match event {
            Event::DiskRead(reading) => self.note_reading(*reading, now),
            Event::DiskLocked { number, keys } => {
                self.note_locked(number, keys);
                Vec::new()
            }
            Event::Unlocked(result) => self.note_unlocked(result),
            Event::DiskUnreadable(reason) => {
                self.home_trouble = Some(reason);
                Vec::new()
            }
            Event::DiskChanged if self.importing.defers_reading(now) => {
                vec![Effect::ReadSettings]
            }
            Event::DiskChanged => vec![self.read_disk(), Effect::ReadSettings],
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
            Event::TokenSaved {
                name,
                redeemed,
                result,
            } => self.note_token_saved(name, &redeemed, result, now),
            Event::SwitchEnded { to, result, codex } => {
                self.codex = codex;
                let mut effects = Vec::new();
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
                                to: to.clone(),
                            },
                            now,
                        );
                        self.follow_with_route(&to, &mut effects);
                    }
                    Err(reason) => self.happen(Outcome::SwitchFailed { to, reason }, now),
                }
                effects.push(self.read_disk());
                effects
            }
            Event::SaveEnded { name, result } => {
                match result {
                    Ok(()) => self.happen(Outcome::Saved { name }, now),
                    Err(reason) => self.happen(Outcome::SaveFailed { name, reason }, now),
                }
                vec![self.read_disk()]
            }
            Event::RouteKept { to, result } => self.note_route_kept(to, result, now),
            Event::SettingsRead(read) => self.note_settings(*read, now),
            Event::SettingsWritten {
                settings,
                result,
                read,
            } => self.note_settings_written(settings, result, *read, now),
            Event::ToolsSeen(tools) => {
                self.tools = tools;
                Vec::new()
            }
            Event::ToolChanged {
                tool,
                wish,
                result,
                tools,
            } => self.note_tool_changed(tool, wish, result, tools, now),
            Event::TerminalFailed { name, reason } => {
                self.happen(Outcome::TerminalFailed { name, reason }, now);
                Vec::new()
            }
            Event::FileStoreSet(result) => {
                match result {
                    Ok(()) => self.happen(Outcome::FileStoreSet, now),
                    Err(reason) => self.happen(Outcome::FileStoreFailed { reason }, now),
                }
                vec![self.read_disk()]
            }
            Event::TookHome(result) => match result {
                Ok(Some(_)) => vec![self.read_disk()],
                Ok(None) => Vec::new(),
                Err(reason) => {
                    self.home_trouble = Some(reason);
                    self.take_home_again_at = Some(now + TAKE_HOME_AGAIN);
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
            Event::HistoryRead(history) => {
                self.history = Some(Arc::new(*history));
                Vec::new()
            }
            Event::KeysChanged(changed) => self.note_keys_changed(changed, now),
            Event::ActivityRead(activity) => self.note_activity(*activity).into_iter().collect(),
            Event::RequestsExported(result) => {
                self.note_requests_exported(result, now);
                Vec::new()
            }
            Event::Organised(done) => self.note_organised(done, now),
            Event::SignIn(came) => self.note_sign_in(came, now),
            Event::RecentUseRead(read) => {
                for (name, recent) in read {
                    if let Some(kept) = self.kept.get_mut(&name) {
                        kept.remember_recent(recent);
                    }
                }
                Vec::new()
            }
            Event::ImportLooking { number, files } => {
                self.note_looking(number, files);
                Vec::new()
            }
            Event::ImportLooked { number, result } => {
                self.note_looked(number, result);
                Vec::new()
            }
            Event::ImportWriting { number, done } => {
                self.note_writing(number, done);
                Vec::new()
            }
            Event::ImportEnded { number, end } => self.note_import_ended(number, end),
            Event::Exported(result) => {
                self.note_exported(result, now);
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
                .filter(|_| self.polls == Polls::ByThemselves && kept.may_redeem());
            [poll, refresh]
        });
        of_profiles
            .flatten()
            .chain(self.next_save_at())
            .chain(
                codex
                    .into_iter()
                    .chain(self.take_home_again_at)
                    .chain(self.keep_usage_at)
                    .chain(self.keep_pauses_at)
                    .filter(|_| self.polls == Polls::ByThemselves),
            )
            .min()
    }

    /// How fast accounts were used before this start takes a moment to find out.
    pub fn read_recent_use(&self) -> Effect {
        Effect::ReadRecentUse(self.kept.keys().cloned().collect())
    }

    /// Refused parameters from the last run.
    pub fn remember_refused(&mut self, refused: Vec<RefusedParameter>) {
        self.refused = refused;
    }

    pub fn remember_prices(&mut self, prices: Arc<Prices>) {
        self.prices = prices;
    }

    /// How the ledger is doing. A file that was set aside is told once.
    pub fn note_ledger(&mut self, state: LedgerState, now: SystemTime) {
        if let Some(file) = &state.set_aside
            && self.ledger.set_aside.as_ref() != Some(file)
        {
            let file = file.clone();
            self.happen(Outcome::LedgerSetAside { file }, now);
        }
        self.ledger = state;
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

    fn read_history(&self, name: ProfileName) -> Option<Effect> {
        let login = self.kept.get(&name)?.profile.login.as_ref().ok();
        let costs = login.is_some_and(|login| {
            matches!(
                login.credentials(),
                Credentials::ApiKey { .. } | Credentials::Endpoint(_)
            )
        });
        Some(Effect::ReadHistory { name, costs })
    }

    fn find_codex_when_asked(&mut self, now: SystemTime) -> Option<Effect> {
        // A clock that was set back makes the last look one of the future.
        let is_recent = |at| now.duration_since(at).is_ok_and(|age| age < CODEX_LOOK_GAP);
        if self.codex_looked_at.is_some_and(is_recent) {
            return None;
        }
        self.codex_looked_at = Some(now);
        Some(Effect::FindCodex)
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

    fn note_time(&mut self, now: SystemTime) -> Vec<Effect> {
        let mut effects = self.save_due(now);
        if self.polls == Polls::WhenAsked || self.is_ending {
            return effects;
        }
        if self.take_home_again_at.is_some_and(|at| at <= now) {
            self.take_home_again_at = None;
            effects.push(Effect::TakeHome);
        }
        if self
            .codex_looked_at
            .is_none_or(|at| at + CODEX_LOOK_INTERVAL <= now)
        {
            self.codex_looked_at = Some(now);
            effects.push(Effect::FindCodex);
        }
        if self.keep_pauses_at.is_some_and(|at| at <= now) {
            self.keep_pauses_at = None;
            effects.push(Effect::KeepPauses(self.pauses(now)));
        }
        if self.keep_usage_at.is_some_and(|at| at <= now) {
            self.keep_usage_at = None;
            effects.push(Effect::KeepUsage);
        }
        for (name, kept) in &mut self.kept {
            let is_due = |at: Option<SystemTime>| at.is_some_and(|at| at <= now);
            if is_due(kept.refresh.next_at) && kept.may_redeem() {
                kept.refresh.is_running = true;
                effects.push(Effect::Refresh { name: name.clone() });
            }
            if self.settings.usage_poll && is_due(kept.poll.next_at) && !kept.poll.is_running {
                effects.extend(start_poll(name, kept, now));
            }
        }
        effects
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

#[cfg(test)]
mod tests;
