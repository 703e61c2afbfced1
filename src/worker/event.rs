//! What the world did, in the past tense, and what must now be done, as data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::client_key::{KeyChange, KeyRing};
use crate::connect;
use crate::desk::settings::{BadChange, Change, Listen, ReadSettings, Setting};
use crate::desk::{Activity, ActivityQuery, Names, RequestsForm};
use crate::desk::{CodexProcess, ExportTo, History, ImportSource, Settings, Tool, ToolView};
use crate::ledger::Row;
use crate::pool::Access;
use crate::profile::{AuthFile, Fingerprint, Network, Profile, ProfileName, Secret};
use crate::router::{KnownOffers, NoToken, RefusedParameter, Report, StartError};
use crate::store::cooldown_cache::KeptCooldown;
use crate::store::import::Incoming;
use crate::store::live::Live;
use crate::store::profiles::Skipped;
use crate::store::rename::Renamed;
use crate::store::switch::Switched;
use crate::store::trash::Trashed;
use crate::upstream::{Bearer, UsageError};
use crate::usage::{RecentUse, Usage};

use super::activity::Wanted;
use super::importing::{Cancel, ImportEnd, NoPreview, Preview};
use super::keys::KeysChanged;
use super::organiser::{Done, Work};
use super::refresher::{RefreshFailure, Refreshed};
use super::signing_in::{self, Came};

/// Something happened.
#[derive(Debug)]
pub enum Event {
    DiskRead(Box<Reading>),
    /// Logins are encrypted and nobody has given the passphrase yet.
    DiskLocked {
        /// As of [`Reading::number`].
        number: u64,
        keys: KeyRing,
    },
    /// A passphrase was tried.
    Unlocked(Result<(), String>),
    DiskUnreadable(String),
    DiskChanged,
    /// Another start of the program asked this one to show itself.
    RaiseAsked,
    WatchingFailed(String),
    UsageArrived {
        name: ProfileName,
        result: Result<Usage, UsageError>,
    },
    /// A request met a token that is expired or refused.
    TokenWanted {
        name: ProfileName,
        stale: Fingerprint,
    },
    TokenRefreshed {
        name: ProfileName,
        result: Result<Refreshed, RefreshFailure>,
    },
    /// A token that could not be written before is on disk now.
    TokenSaved {
        name: ProfileName,
        /// Which one it replaces.
        redeemed: Fingerprint,
        /// The file that it was kept in, where no profile holds it.
        result: Result<Option<String>, String>,
    },
    SwitchEnded {
        to: ProfileName,
        result: Result<Switched, String>,
        codex: Vec<CodexProcess>,
    },
    SaveEnded {
        name: ProfileName,
        result: Result<(), String>,
    },
    /// The user's choice for the router is written down, or is not.
    RouteKept {
        to: Option<ProfileName>,
        result: Result<(), String>,
    },
    SettingsRead(Box<ReadSettings>),
    /// What was asked for stands in `config.toml` now, or does not.
    SettingsWritten {
        settings: Vec<Setting>,
        result: Result<(), BadChange>,
        read: Box<ReadSettings>,
    },
    ToolsSeen(Vec<ToolView>),
    ToolChanged {
        tool: Tool,
        wish: ToolWish,
        result: Result<(), String>,
        /// As they are now, unless nobody could look.
        tools: Option<Vec<ToolView>>,
    },
    TerminalFailed {
        name: ProfileName,
        reason: String,
    },
    FileStoreSet(Result<(), String>),
    TookHome(Result<Option<ProfileName>, String>),
    RouterStarted(Result<Vec<SocketAddr>, StartError>),
    RouterStopped,
    Reported(Report),
    CodexFound(Vec<CodexProcess>),
    /// So many files were looked at for an import.
    ImportLooking {
        number: u64,
        files: usize,
    },
    ImportLooked {
        number: u64,
        result: Result<Preview, NoPreview>,
    },
    /// So many accounts of an import are on disk, or could not be written.
    ImportWriting {
        number: u64,
        done: usize,
    },
    ImportEnded {
        number: u64,
        end: ImportEnd,
    },
    /// How many accounts, and where they are.
    Exported(Result<(usize, String), String>),
    HistoryRead(Box<History>),
    ActivityRead(Box<Activity>),
    /// How many requests, and into which file.
    RequestsExported(Result<(usize, String), String>),
    Organised(Done),
    KeysChanged(KeysChanged),
    SignIn(Came),
    RecentUseRead(Vec<(ProfileName, RecentUse)>),
    /// A moment that [`super::state::AppState::next_due`] named has come.
    TimePassed,
}

/// What is wanted of another program's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolWish {
    Connect,
    Disconnect,
}

/// Everything that was found on disk in one go.
#[derive(Debug)]
pub struct Reading {
    /// Of the [`Effect::ReadDisk`] that it answers. Readings run side by side, and the older one may end last.
    pub number: u64,
    pub profiles: Vec<Profile>,
    pub skipped: Vec<Skipped>,
    pub trash: Vec<Trashed>,
    pub live: Live,
    /// `cli_auth_credentials_store`, when it is not `file`.
    pub credential_store: Option<String>,
    /// What `.current_profile` says: only decides between several profiles of one account.
    pub current: Option<ProfileName>,
    /// Whether a terminal of its own holds a newer login than the profile of its account.
    pub is_overlay_ahead: bool,
    /// What `state.json` says.
    pub routed_to: Option<ProfileName>,
    /// Where Codex sends its requests, if its settings say so.
    pub codex_address: Option<String>,
    /// Since when, if we wrote that.
    pub codex_connected_at: Option<SystemTime>,
    /// The keys that clients of the router show.
    pub keys: KeyRing,
}

/// Something must be done now.
#[derive(Clone, Debug)]
pub enum Effect {
    ReadDisk {
        number: u64,
    },
    /// Tries the passphrase of encrypted logins.
    Unlock(Secret),
    Switch {
        to: ProfileName,
    },
    SaveLive {
        name: ProfileName,
    },
    /// For the next start, and for other starts of this program.
    KeepRoute {
        to: Option<ProfileName>,
    },
    /// Write these down, and read them all again.
    ChangeSettings(Vec<Change>),
    ReadSettings,
    /// From now on these are in force.
    ApplySettings {
        before: Arc<Settings>,
        now: Arc<Settings>,
    },
    LookAtTools {
        router: connect::Router,
    },
    ChangeTool {
        tool: Tool,
        wish: ToolWish,
        router: connect::Router,
    },
    UseFileStore,
    OpenTerminal {
        name: ProfileName,
    },
    TakeHome,
    PollUsage {
        name: ProfileName,
        bearer: Bearer,
        network: Arc<Network>,
    },
    Refresh {
        name: ProfileName,
    },
    /// A rotated token that is only in memory.
    SaveToken {
        name: ProfileName,
        redeemed: Fingerprint,
        auth: Box<AuthFile>,
    },
    /// To every request that waits for a token of this profile.
    AnswerWaiters {
        name: ProfileName,
        with: Result<Access, NoToken>,
    },
    StartRouter {
        listen: Listen,
        offers: KnownOffers,
        refused: Vec<RefusedParameter>,
    },
    StopRouter,
    FindCodex,
    /// `costs`: whether its requests cost money.
    ReadHistory {
        name: ProfileName,
        costs: bool,
    },
    ReadActivity(Box<Wanted>),
    ExportRequests {
        query: ActivityQuery,
        names: Names,
        form: RequestsForm,
        file: PathBuf,
    },
    /// One after the other, in the order in which they were asked for.
    Organise(Work),
    /// Likewise one after the other.
    ChangeKeys(KeyChange),
    SignIn(signing_in::Work),
    /// Whatever goes by a profile's name goes by its new one.
    FollowRename(Renamed),
    ReadRecentUse(Vec<ProfileName>),
    KeepUsage,
    /// Of profiles and paths, for the next start.
    KeepPauses(Vec<KeptCooldown>),
    KeepModels(KnownOffers),
    KeepRefused(Vec<RefusedParameter>),
    /// Into the ledger.
    Record(Row),
    LookForImport {
        number: u64,
        source: ImportSource,
        cancel: Cancel,
    },
    Import {
        number: u64,
        incoming: Vec<(u32, Incoming)>,
        cancel: Cancel,
    },
    Export {
        names: Vec<ProfileName>,
        to: ExportTo,
    },
}
