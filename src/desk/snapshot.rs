//! What a face may see: everything on screen, and no secret.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::activity::Activity;
use super::edit::{TokenHealth, TrashView};
use super::history::History;
use super::import::{ImportView, OlderStore};
use super::network::NetworkView;
use super::record::{LedgerState, RequestRecord};
use super::settings::{Setting, SettingsView, SwitchWay};
use super::sign_in::{LoginCheck, SignInView};
use super::tools::{Tool, ToolView};
use crate::client_key::{KeyDeed, KeyId, LastUse, Policy, Spent};
use crate::period::Period;
use crate::pool::{Rest, Strategy, Terms};
use crate::profile::{About, EndpointKind, Health, ProfileName};
use crate::usage::{RecentUse, Usage};

/// The whole truth at one moment, as far as faces need it. Cheap to clone behind its `Arc`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Whether the first reading of the disk is done; before that an empty list means nothing.
    pub is_loaded: bool,
    /// `$CODEX_HOME`, as text for the screen.
    pub home: String,
    /// Logins are encrypted and nobody has given the passphrase yet: an empty list means nothing.
    pub lock: Option<LockView>,
    pub profiles: Vec<ProfileView>,
    pub live: Live,
    pub router: RouterView,
    pub keys: KeysView,
    /// Ways to upstreams that are closed for everybody.
    pub paths: Vec<PathView>,
    /// How fast accounts were used in the last day.
    pub recent_use: BTreeMap<ProfileName, Arc<RecentUse>>,
    /// The last requests, the newest first.
    pub requests: Vec<Arc<RequestRecord>>,
    pub ledger: LedgerState,
    pub sign_in: Option<SignInView>,
    pub login_check: Option<LoginCheck>,
    pub import: Option<Arc<ImportView>>,
    /// To be offered for an import.
    pub older_store: Option<OlderStore>,
    /// The newest first.
    pub trash: Vec<TrashView>,
    /// Empty until somebody asked for it ([`super::Command::LookAtTools`]).
    pub tools: Vec<ToolView>,
    /// Whether Codex's own settings name the router, so that an account can change without a restart of Codex.
    pub is_codex_on_router: bool,
    /// Since when, if that is known: a Codex that was started before goes another way until it restarts.
    pub codex_connected_at: Option<SystemTime>,
    /// How to switch, as the user said it last.
    pub switch_way: SwitchWay,
    pub settings: Arc<SettingsView>,
    /// Of the account that was asked for last ([`super::Command::ShowHistory`]).
    pub history: Option<Arc<History>>,
    /// What was asked for last ([`super::Command::ShowActivity`]).
    pub activity: Option<Arc<Activity>>,
    pub notices: Vec<Notice>,
    /// The last few outcomes, oldest first; a face remembers the highest `seq` it has shown.
    pub happenings: Vec<Happening>,
    /// Codex programs that use this home and keep their login in memory.
    pub codex: Vec<CodexProcess>,
    /// A number older than three of these is stale.
    pub poll_interval: Duration,
    /// Whether a refresh that the user asked for is under way.
    pub is_refreshing: bool,
    /// Privacy: e-mails are masked and accounts go by their aliases ([`super::words::called`]), in every face.
    pub hides_emails: bool,
    /// Counts how often somebody asked for the window; a change means "show yourself".
    pub raises: u64,
}

/// Encrypted logins, before they can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockView {
    /// A passphrase is being tried.
    pub is_opening: bool,
    /// Why the last one did not open them: a sentence.
    pub refusal: Option<String>,
}

/// One profile, in the order of its name.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileView {
    pub name: ProfileName,
    pub kind: LoginKind,
    pub email: Option<String>,
    /// An open set (`plus`, `team`, …); the usage endpoint is asked before the token.
    pub plan: Option<String>,
    /// The workspace's title, for people with several.
    pub workspace: Option<String>,
    pub health: Health,
    pub about: About,
    pub token: TokenHealth,
    pub is_active: bool,
    /// Whether the router may draw from it.
    pub is_in_pool: bool,
    /// The user's words about it.
    pub terms: Arc<Terms>,
    /// What of them cannot be used: sentences.
    pub bad_terms: Vec<String>,
    pub network: NetworkView,
    /// Set aside by the router for a while.
    pub rest: Option<Rest>,
    /// The same for one model each.
    pub model_rests: Vec<Rest>,
    /// Carries its own age.
    pub usage: Option<Arc<Usage>>,
    /// Why the last poll brought nothing: a sentence.
    pub usage_error: Option<String>,
    pub is_refreshing: bool,
    pub prompt_cache: PromptCache,
    /// Of the access token.
    pub expires_at: Option<SystemTime>,
    pub last_refresh_at: Option<SystemTime>,
}

/// A way to an upstream that is closed for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathView {
    /// `ChatGPT`, `OpenAI API`, or a host.
    pub name: String,
    pub rest: Rest,
}

/// How much of what a profile was sent stood in its prompt cache already: of all answers since the start that tell their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptCache {
    pub input_tokens: u64,
    /// Part of the input.
    pub cached_tokens: u64,
}

impl PromptCache {
    /// One answer more.
    pub fn add(&mut self, input_tokens: u64, cached_tokens: u64) {
        self.input_tokens = self.input_tokens.saturating_add(input_tokens);
        // An upstream's own arithmetic may be odd; a share is never more than all.
        let cached = cached_tokens.min(input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(cached);
    }

    /// Percent of the input, from 0 to 100; nothing before there was any.
    pub fn percent(self) -> Option<f64> {
        let share = self.cached_tokens as f64 / self.input_tokens as f64;
        (self.input_tokens > 0).then_some(100.0 * share)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginKind {
    ChatGpt,
    ApiKey,
    /// An endpoint of the user's own, at this host. The router uses it, Codex cannot.
    Endpoint {
        kind: EndpointKind,
        host: String,
    },
    /// A mode that is only shown.
    Other(String),
    /// The file could not be understood.
    Unknown,
}

impl LoginKind {
    /// Whether it is paid by the request and has no usage windows.
    pub fn is_paid_by_request(&self) -> bool {
        matches!(self, Self::ApiKey | Self::Endpoint { .. })
    }

    /// Whether the Codex CLI could use it.
    pub fn is_for_codex(&self) -> bool {
        !matches!(self, Self::Endpoint { .. })
    }
}

/// What stands in the live `auth.json`, the one that the Codex CLI uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Live {
    /// There is none: Codex is signed out.
    #[default]
    Missing,
    /// It is this profile's login.
    Saved(ProfileName),
    /// It is a login that no profile holds.
    Unsaved {
        email: Option<String>,
        plan: Option<String>,
    },
    /// It is there and cannot be understood: a sentence.
    Unreadable(String),
}

/// The router as the strip shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouterView {
    pub state: RouterState,
    /// Where it listens, or would.
    pub address: Option<SocketAddr>,
    pub strategy: Strategy,
    /// The user chose this profile for the router ([`super::Command::RouteTo`]).
    pub routed_to: Option<ProfileName>,
    pub last_request: Option<LastRequest>,
    pub requests: u64,
    /// Requests under way.
    pub in_flight: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RouterState {
    #[default]
    Off,
    Starting,
    On,
    /// Somebody else listens there. `free_port` is one that was free when we looked.
    PortTaken {
        port: u16,
        holder: Option<String>,
        free_port: Option<u16>,
    },
    /// It cannot listen: a sentence.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRequest {
    pub model: String,
    pub profile: Option<ProfileName>,
    /// As the client saw it; 499 when the client left.
    pub status: u16,
    /// Whether the answer ended as it should; a cut stream has status 200 and is not complete.
    pub is_complete: bool,
    pub took: Duration,
    pub at: SystemTime,
}

/// The keys that clients of the router show, without anything that opens it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysView {
    /// Whether a request without a key is refused.
    pub is_required: bool,
    /// Why their file cannot be read: a sentence. Those that were known before stay in force.
    pub unreadable: Option<String>,
    /// Whether there is no file at all where one should be, so that nothing can be written over.
    pub is_gone: bool,
    /// In the order in which they were made.
    pub keys: Vec<KeyView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView {
    pub id: KeyId,
    pub label: String,
    /// How it ends.
    pub last4: String,
    pub is_enabled: bool,
    pub created_at: SystemTime,
    pub expires_at: Option<SystemTime>,
    pub policy: Policy,
    /// The same: what it may not do, or does instead, each in a few words; empty: anything.
    pub limits: Vec<String>,
    pub used: KeyUse,
}

/// How much was done with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// What was spent in each period, and when that began: one that is over tells nothing of the present one.
    pub periods: Vec<(Period, SystemTime, Spent)>,
    pub last: Option<LastUse>,
}

/// Something that stays true until somebody does something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// `cli_auth_credentials_store` is `keyring` or `auto`: switching files will not work.
    CredentialStore { mode: String },
    /// A rotated token could not be written; it is held in memory and tried again.
    UnsavedToken {
        profile: ProfileName,
        reason: String,
    },
    /// The home cannot be written: a sentence.
    HomeNotWritable { reason: String },
    /// Changes of other programs are noticed late: the operating system refused to watch.
    WatchingFailed { reason: String },
    /// No poll has reached the upstream since then.
    Offline { since: SystemTime },
    /// Client keys that are not in force because they cannot be read: a sentence.
    KeysUnreadable { reason: String },
    /// Requests are not recorded since then: a sentence. It is tried again every half minute.
    LedgerResting { since: SystemTime, reason: String },
    /// A directory below `profiles/` was left alone, and why.
    SkippedDirectory { name: String, reason: String },
}

/// The end of something that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    pub seq: u64,
    pub at: SystemTime,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Said only after the live file was read back.
    Switched {
        from: Option<ProfileName>,
        to: ProfileName,
    },
    SwitchFailed {
        to: ProfileName,
        reason: String,
    },
    /// An unknown login was in the way; it was moved aside, not lost.
    Displaced {
        file: String,
    },
    /// A rotated login whose account is not here any more, or has another login by now.
    KeptAside {
        name: ProfileName,
        file: String,
    },
    Saved {
        name: ProfileName,
    },
    SaveFailed {
        name: ProfileName,
        reason: String,
    },
    UsageRefreshed {
        name: ProfileName,
    },
    UsageFailed {
        name: ProfileName,
        reason: String,
    },
    TokenRefreshed {
        name: ProfileName,
    },
    TokenRefreshFailed {
        name: ProfileName,
        reason: String,
    },
    /// From now on the router draws from this profile first; nothing: by its strategy again.
    Routed {
        to: Option<ProfileName>,
    },
    RouteFailed {
        to: Option<ProfileName>,
        reason: String,
    },
    Added {
        name: ProfileName,
    },
    AddFailed {
        name: ProfileName,
        reason: String,
    },
    /// To this account again: it has a new login, and is otherwise as it was.
    SignedIn {
        name: ProfileName,
    },
    Exported {
        count: usize,
        to: String,
    },
    ExportFailed {
        reason: String,
    },
    RequestsExported {
        count: usize,
        to: String,
    },
    RequestsExportFailed {
        reason: String,
    },
    Renamed {
        from: ProfileName,
        to: ProfileName,
        /// What else was changed, or is to be known: sentences.
        notes: Vec<String>,
    },
    Edited {
        names: Vec<ProfileName>,
    },
    /// The accounts stand in the order that was asked for.
    Ordered,
    /// Into the trash, under these ids.
    Deleted {
        names: Vec<ProfileName>,
        ids: Vec<String>,
        /// What is to be known: sentences.
        notes: Vec<String>,
    },
    Undeleted {
        /// As they are called now.
        names: Vec<ProfileName>,
        /// What is to be known: sentences.
        notes: Vec<String>,
    },
    /// Gone for good.
    Purged {
        count: usize,
    },
    /// A rename, an edit, a deletion or its undoing did not work, at least for some: a sentence.
    EditFailed {
        reason: String,
    },
    Connected {
        tool: Tool,
    },
    Disconnected {
        tool: Tool,
    },
    ToolFailed {
        tool: Tool,
        reason: String,
    },
    SettingsChanged {
        settings: Vec<Setting>,
    },
    /// A sentence, and about which of them it is.
    SettingsRefused {
        setting: Option<Setting>,
        reason: String,
    },
    /// Codex reads its login from `auth.json` from its next start on.
    FileStoreSet,
    FileStoreFailed {
        reason: String,
    },
    TerminalFailed {
        name: ProfileName,
        reason: String,
    },
    /// Said only after the file was written.
    KeyChanged {
        deed: KeyDeed,
        /// What the key is called, where it is about one.
        label: Option<String>,
    },
    KeyNotChanged {
        deed: KeyDeed,
        reason: String,
    },
    /// The request log was damaged; it was moved aside under this name and begun anew.
    LedgerSetAside {
        file: String,
    },
}

/// A running Codex program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodexProcess {
    pub pid: u32,
    /// `codex`, `codex exec`, `VS Code extension`, `Codex app`, `app server`: words for the screen.
    pub kind: String,
    /// Its working directory, shortened by `~`.
    pub directory: Option<String>,
    pub started_at: Option<SystemTime>,
}

impl CodexProcess {
    /// Whether somebody started it in a terminal, so that its place says which one it is.
    pub fn is_in_terminal(&self) -> bool {
        self.kind.starts_with("codex")
    }
}

impl Snapshot {
    /// Running Codex programs that do not know yet that their settings name the router.
    pub fn codex_before_router(&self) -> usize {
        let Some(since) = self.codex_connected_at else {
            return 0;
        };
        // The system tells whole seconds.
        let is_older = |process: &&CodexProcess| {
            let known_by = process.started_at.map(|at| at + Duration::from_secs(1));
            known_by.is_some_and(|at| at <= since)
        };
        self.codex.iter().filter(is_older).count()
    }

    /// When these numbers are too old to be judged by: three missed polls are no accident. Never where nobody polls.
    pub fn stale_at(&self, usage: &Usage) -> Option<SystemTime> {
        let is_polled = !self.poll_interval.is_zero();
        let patience = is_polled.then_some(self.poll_interval * 3)?;
        usage.fetched_at.checked_add(patience)
    }

    pub fn is_stale(&self, usage: &Usage, now: SystemTime) -> bool {
        self.stale_at(usage).is_some_and(|at| at <= now)
    }

    pub fn profile(&self, name: &ProfileName) -> Option<&ProfileView> {
        self.profiles.iter().find(|profile| profile.name == *name)
    }

    pub fn active(&self) -> Option<&ProfileView> {
        self.profiles.iter().find(|profile| profile.is_active)
    }

    /// A profile name that is still free, made from an e-mail or a wish: what a face proposes when it offers to save a login.
    pub fn free_name(&self, wish: &str) -> ProfileName {
        ProfileName::free(wish, |name| {
            let mut profiles = self.profiles.iter();
            profiles.any(|profile| profile.name.is_same_directory(name))
        })
    }
}

impl RouterView {
    /// What a client is given as its base URL.
    pub fn base_url(&self) -> Option<String> {
        self.address.map(|address| format!("http://{address}/v1"))
    }
}
