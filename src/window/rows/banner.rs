//! The one banner that is shown, of all that could be said.

use super::row::sentence;
use super::telling::Teller;
use super::{Tab, Wish, called, masked, shown_email};
use crate::client_key::KeyDeed;
use crate::desk::{Live, LoginKind, Notice, Outcome, Snapshot};
use crate::profile::{Health, ProfileName};

/// At most one at a time: the most urgent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    pub tone: BannerTone,
    pub icon: BannerIcon,
    pub title: String,
    pub text: String,
    pub act: Option<BannerAct>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BannerTone {
    Plain,
    Warn,
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BannerIcon {
    Alert,
    Lock,
    Login,
    Offline,
    Disk,
    Folder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BannerAct {
    /// Sign in to this account again; that puts the failure away too.
    SignIn(ProfileName, u64),
    /// Put this failure away, and all before it.
    Dismiss(u64),
    SaveLogin,
    TryAgain,
    FixStore,
    Unlock,
}

impl BannerAct {
    pub fn label(&self) -> &'static str {
        match self {
            Self::SignIn(..) => "Sign in",
            Self::Dismiss(_) => "Dismiss",
            Self::SaveLogin => "Save",
            Self::TryAgain => "Try again",
            Self::FixStore => "Fix…",
            Self::Unlock => "Unlock…",
        }
    }
}

/// A failure of what the user just asked for comes first, then what can lose a login, then what only misinforms.
pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Option<Banner> {
    if !snapshot.is_loaded {
        return None;
    }
    let banner = failure(snapshot, wish)
        .or_else(|| locked(snapshot))
        .or_else(|| notice(snapshot, Rank::Loss, wish, teller))
        .or_else(|| live(snapshot, wish))
        .or_else(|| notice(snapshot, Rank::Rest, wish, teller))?;
    // A reason and a folder may name an account.
    Some(Banner {
        title: masked(&banner.title, wish),
        text: masked(&banner.text, wish),
        ..banner
    })
}

fn locked(snapshot: &Snapshot) -> Option<Banner> {
    snapshot.lock.as_ref().map(|_lock| Banner {
        tone: BannerTone::Plain,
        icon: BannerIcon::Lock,
        title: "Logins are encrypted".into(),
        text: "Give their passphrase to see and use the accounts.".into(),
        act: Some(BannerAct::Unlock),
    })
}

/// The newest failure that was neither put away nor made up for.
fn failure(snapshot: &Snapshot, wish: &Wish<'_>) -> Option<Banner> {
    let named = |name: &ProfileName| called(snapshot, name, wish.hides_emails);
    let happened = snapshot
        .happenings
        .iter()
        .filter(|happening| happening.seq > wish.dismissed)
        .filter(|happening| wish.tab != Tab::Settings || !is_told_by_a_row(&happening.outcome));
    let (happening, title, reason) = happened
        .filter_map(|happening| {
            let (title, reason) = failed(&happening.outcome, &named)?;
            Some((happening, title, reason))
        })
        .max_by_key(|(happening, ..)| happening.seq)?;
    let is_made_up_for = snapshot
        .happenings
        .iter()
        .any(|later| later.seq > happening.seq && makes_up_for(&later.outcome, &happening.outcome));
    (!is_made_up_for).then(|| Banner {
        tone: BannerTone::Bad,
        icon: BannerIcon::Alert,
        title,
        text: sentence(&reason),
        act: Some(match dead_login(snapshot, &happening.outcome) {
            Some(name) => BannerAct::SignIn(name, happening.seq),
            None => BannerAct::Dismiss(happening.seq),
        }),
    })
}

/// The Settings page says it where it happened.
fn is_told_by_a_row(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::SettingsRefused {
            setting: Some(_),
            ..
        }
    )
}

/// The account that did not get new tokens because its login is dead.
fn dead_login(snapshot: &Snapshot, outcome: &Outcome) -> Option<ProfileName> {
    let Outcome::TokenRefreshFailed { name, .. } = outcome else {
        return None;
    };
    let profile = snapshot.profile(name)?;
    let is_dead = profile.health == Health::SignInAgain && profile.kind == LoginKind::ChatGpt;
    is_dead.then(|| name.clone())
}

fn failed(outcome: &Outcome, named: &dyn Fn(&ProfileName) -> String) -> Option<(String, String)> {
    let (title, reason) = match outcome {
        Outcome::LedgerSetAside { file } => {
            let kept = format!("it is kept as router/{file}, and a new one is begun");
            return Some(("The request log was damaged".to_owned(), kept));
        }
        Outcome::SwitchFailed { to, reason } => {
            (format!("Codex could not switch to {}", named(to)), reason)
        }
        Outcome::SaveFailed { name, reason } => (format!("{} was not saved", named(name)), reason),
        Outcome::UsageFailed { name, reason } => (
            format!("The usage of {} could not be read", named(name)),
            reason,
        ),
        Outcome::TokenRefreshFailed { name, reason } => (
            format!("The login of {} could not be renewed", named(name)),
            reason,
        ),
        Outcome::AddFailed { name, reason } => (format!("{} was not added", named(name)), reason),
        Outcome::ExportFailed { reason } => ("The export did not work".to_owned(), reason),
        Outcome::RequestsExportFailed { reason } => {
            ("The requests were not exported".to_owned(), reason)
        }
        Outcome::EditFailed { reason } => ("That was not changed".to_owned(), reason),
        Outcome::RouteFailed { reason, .. } => ("The router was not told".to_owned(), reason),
        Outcome::FileStoreFailed { reason } => {
            ("Codex's settings were not changed".to_owned(), reason)
        }
        Outcome::SettingsRefused { setting, reason } => (
            match setting {
                Some(setting) => format!("{setting} was not changed"),
                None => "The settings were not changed".to_owned(),
            },
            reason,
        ),
        Outcome::ToolFailed { tool, reason } => (
            format!("The settings of {} were not changed", tool.title()),
            reason,
        ),
        Outcome::TerminalFailed { name, reason } => (
            format!("No terminal was opened for {}", named(name)),
            reason,
        ),
        Outcome::KeyNotChanged { deed, reason } => (key_not_changed(deed).to_owned(), reason),
        Outcome::Switched { .. }
        | Outcome::KeyChanged { .. }
        | Outcome::Routed { .. }
        | Outcome::Displaced { .. }
        | Outcome::KeptAside { .. }
        | Outcome::Saved { .. }
        | Outcome::Added { .. }
        | Outcome::SignedIn { .. }
        | Outcome::Exported { .. }
        | Outcome::RequestsExported { .. }
        | Outcome::Renamed { .. }
        | Outcome::Edited { .. }
        | Outcome::Ordered
        | Outcome::Purged { .. }
        | Outcome::Deleted { .. }
        | Outcome::Undeleted { .. }
        | Outcome::FileStoreSet
        | Outcome::SettingsChanged { .. }
        | Outcome::Connected { .. }
        | Outcome::Disconnected { .. }
        | Outcome::UsageRefreshed { .. }
        | Outcome::TokenRefreshed { .. } => return None,
    };
    Some((title, reason.clone()))
}

fn key_not_changed(deed: &KeyDeed) -> &'static str {
    match deed {
        KeyDeed::Add(_) => "The key was not made",
        KeyDeed::Remove(_) => "The key was not revoked",
        KeyDeed::Rename(_) | KeyDeed::Limit(_) | KeyDeed::Enable(_) | KeyDeed::Disable(_) => {
            "The key was not changed"
        }
        KeyDeed::Require(_) => "Whether a key is needed was not changed",
    }
}

fn makes_up_for(later: &Outcome, failure: &Outcome) -> bool {
    match (later, failure) {
        (Outcome::Switched { .. }, Outcome::SwitchFailed { .. })
        | (Outcome::Saved { .. }, Outcome::SaveFailed { .. })
        | (Outcome::Added { .. } | Outcome::SignedIn { .. }, Outcome::AddFailed { .. })
        | (Outcome::Routed { .. }, Outcome::RouteFailed { .. })
        | (Outcome::FileStoreSet, Outcome::FileStoreFailed { .. })
        | (Outcome::SettingsChanged { .. }, Outcome::SettingsRefused { .. })
        | (Outcome::Exported { .. }, Outcome::ExportFailed { .. })
        | (Outcome::RequestsExported { .. }, Outcome::RequestsExportFailed { .. }) => true,
        (
            Outcome::Connected { tool } | Outcome::Disconnected { tool },
            Outcome::ToolFailed { tool: failed, .. },
        ) => tool == failed,
        (Outcome::KeyChanged { deed, .. }, Outcome::KeyNotChanged { deed: failed, .. }) => {
            deed == failed
        }
        (Outcome::UsageRefreshed { name }, Outcome::UsageFailed { name: failed, .. })
        | (Outcome::TokenRefreshed { name }, Outcome::TokenRefreshFailed { name: failed, .. }) => {
            name == failed
        }
        _ => false,
    }
}

fn live(snapshot: &Snapshot, wish: &Wish<'_>) -> Option<Banner> {
    if snapshot.profiles.is_empty() {
        // The first-run page says it with more room, except for what it cannot offer to add.
        let Live::Unreadable(reason) = &snapshot.live else {
            return None;
        };
        return Some(unreadable(reason));
    }
    match &snapshot.live {
        Live::Saved(_) => None,
        Live::Missing => Some(Banner {
            tone: BannerTone::Plain,
            icon: BannerIcon::Login,
            title: "Codex is signed out".into(),
            text: "Switch to an account to sign it in.".into(),
            act: None,
        }),
        Live::Unsaved { email, .. } => Some(Banner {
            tone: BannerTone::Warn,
            icon: BannerIcon::Login,
            title: "Codex uses an unsaved login".into(),
            text: email.as_deref().map_or_else(
                || "Save it before you switch.".into(),
                |email| format!("{} is not saved here.", shown_email(email, wish)),
            ),
            act: Some(BannerAct::SaveLogin),
        }),
        Live::Unreadable(reason) => Some(unreadable(reason)),
    }
}

fn unreadable(reason: &str) -> Banner {
    Banner {
        tone: BannerTone::Warn,
        icon: BannerIcon::Alert,
        title: "The login of Codex cannot be read".into(),
        text: sentence(reason),
        act: None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Loss,
    Rest,
}

fn rank(notice: &Notice) -> Rank {
    match notice {
        Notice::UnsavedToken { .. }
        | Notice::HomeNotWritable { .. }
        | Notice::CredentialStore { .. } => Rank::Loss,
        Notice::Offline { .. }
        | Notice::WatchingFailed { .. }
        | Notice::KeysUnreadable { .. }
        | Notice::LedgerResting { .. }
        | Notice::SkippedDirectory { .. } => Rank::Rest,
    }
}

fn notice(
    snapshot: &Snapshot,
    wanted: Rank,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Option<Banner> {
    let notice = snapshot
        .notices
        .iter()
        .find(|notice| rank(notice) == wanted)?;
    Some(match notice {
        Notice::UnsavedToken { profile, reason } => Banner {
            tone: BannerTone::Bad,
            icon: BannerIcon::Disk,
            title: format!(
                "The login of {} is not on disk yet",
                called(snapshot, profile, wish.hides_emails)
            ),
            text: format!("Keep Codex Router running. {}", sentence(reason)),
            act: None,
        },
        Notice::HomeNotWritable { reason } => Banner {
            tone: BannerTone::Bad,
            icon: BannerIcon::Disk,
            title: "The Codex folder cannot be written".into(),
            text: sentence(reason),
            act: None,
        },
        Notice::CredentialStore { mode } => Banner {
            tone: BannerTone::Warn,
            icon: BannerIcon::Lock,
            title: "Codex reads the system keyring".into(),
            text: format!("Switching files will not work: its login is in {mode:?}."),
            act: Some(BannerAct::FixStore),
        },
        Notice::Offline { since } => Banner {
            tone: BannerTone::Plain,
            icon: BannerIcon::Offline,
            title: "Offline".into(),
            text: format!("These numbers are from {}.", teller.clock(*since)),
            act: Some(BannerAct::TryAgain),
        },
        Notice::WatchingFailed { reason } => Banner {
            tone: BannerTone::Plain,
            icon: BannerIcon::Folder,
            title: "Changes of other programs are noticed late".into(),
            text: sentence(reason),
            act: None,
        },
        Notice::KeysUnreadable { reason } => Banner {
            tone: BannerTone::Warn,
            icon: BannerIcon::Lock,
            title: "Client keys could not be read".into(),
            text: sentence(reason),
            act: None,
        },
        Notice::LedgerResting { since, reason } => Banner {
            tone: BannerTone::Plain,
            icon: BannerIcon::Disk,
            title: format!("Requests are not recorded since {}", teller.clock(*since)),
            text: format!("They are served all the same. {}", sentence(reason)),
            act: None,
        },
        Notice::SkippedDirectory { name, reason } => Banner {
            tone: BannerTone::Plain,
            icon: BannerIcon::Folder,
            title: format!("The folder {name:?} was left out"),
            text: sentence(reason),
            act: None,
        },
    })
}
