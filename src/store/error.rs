//! Why the disk did not do as asked: what happened and what helps, in words for the screen.

use std::io;
use std::path::PathBuf;

use crate::profile::{InvalidProfileName, ProfileName, Unreadable};

/// Paths are relative to the home where they lie in it. No message quotes what stands in a file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path:?} is a link, which is not followed; put the file or folder itself there")]
    Link { path: PathBuf },
    #[error("{path:?} is not an ordinary file; move it away and try again")]
    NotAFile { path: PathBuf },
    #[error("{path:?} is not a folder; move it away and try again")]
    NotAFolder { path: PathBuf },
    #[error("{path:?} belongs to another user of this computer; make it yours or move it away")]
    Foreign { path: PathBuf },
    #[error("{path:?} is larger than 1 MiB, which no such file is; move it away and try again")]
    TooBig { path: PathBuf },
    #[error("{path:?} is not UTF-8 text")]
    NotText { path: PathBuf },
    #[error("the logins are encrypted and still locked; give their passphrase first")]
    Locked,
    #[error(
        "{path:?} is encrypted, and its key is not here; put router/vault.json (or its copy profiles/.vault.json) back from a backup of your disk; `codex-router encrypt set-aside` moves it out of the way"
    )]
    KeyGone { path: PathBuf },
    #[error(
        "{path:?} is encrypted and damaged; put it back from a backup, or delete it and sign in again"
    )]
    BrokenSeal { path: PathBuf },
    #[error("{path:?} was encrypted by a newer version of Codex Router; update, then try again")]
    SealedByNewer { path: PathBuf },
    #[error(
        "{path:?} has a second name (a hard link), which a replacement would cut off; remove one of the two names"
    )]
    HardLinked { path: PathBuf },
    #[error(
        "auth.json is a link to {path:?}, which keeps a saved login and would be overwritten; put a copy of that file in the place of the link, then try again"
    )]
    LinkedToOurs { path: PathBuf },
    #[error("{path:?} is write-protected; allow it to be written (chmod u+w) and try again")]
    WriteProtected { path: PathBuf },
    #[error("{path:?} was changed by another program just now; look again, then try again")]
    ChangedMeanwhile { path: PathBuf },
    #[error("could not {action} {path:?}: {}", in_words(cause))]
    Io {
        action: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    #[error("another program is still busy with {0}; try again in a moment")]
    Busy(&'static str),
    #[error("there is no account {0:?}")]
    NoSuchProfile(ProfileName),
    #[error("the name {wanted:?} is taken by the account {holder:?}; choose another one")]
    NameTaken {
        wanted: ProfileName,
        holder: ProfileName,
    },
    #[error(transparent)]
    BadName(#[from] InvalidProfileName),
    #[error("there is nothing called {0:?} in the trash; `codex-router trash` shows what is")]
    NotInTrash(String),
    #[error("the login of {name:?} cannot be read ({reason}); repair or remove its auth.json")]
    UnreadableProfile {
        name: ProfileName,
        reason: Unreadable,
    },
    #[error("{0:?} holds another account by now, so nothing was replaced")]
    OtherAccount(ProfileName),
    #[error(
        "another program changed {0:?} right after it was written; check who is signed in there"
    )]
    Overwritten(ProfileName),
    #[error("the account {0:?} holds a login that is as new or newer; it was kept")]
    NewerHeld(ProfileName),
    #[error(
        "Codex itself uses a login of this account that is as new or newer; save that one instead"
    )]
    NewerLive,
    #[error(
        "{name:?} has the new login, but Codex still uses an older one of this account ({reason}); choose {name:?} for Codex again"
    )]
    OnlySaved { name: ProfileName, reason: String },
    #[error(
        "{path:?} is full of logins that no account holds; bring them in with `codex-router import` and that folder (where logins are encrypted, after `codex-router encrypt off`), or delete those that you do not need, then try again"
    )]
    TooManyDisplaced { path: PathBuf },
    #[error("it was not written: {0}")]
    NotWritten(String),
    #[error("{path:?} is there already and holds something else; choose another place")]
    AlreadyThere { path: PathBuf },
    #[error("{path:?} is not JSON as it should be; mend it or delete it")]
    BrokenSide { path: PathBuf },
    #[error(
        "{0:?} is an endpoint for the router, which Codex cannot use by itself; point Codex at the router instead"
    )]
    NotForCodex(ProfileName),
    #[error("sign in to {0:?} again first: its login is no longer accepted")]
    SignInAgain(ProfileName),
    #[error(
        "the login of {0:?} does not say whose it is, so what Codex renews in a terminal could not be brought home; sign in to it again"
    )]
    Nobodys(ProfileName),
    #[error(
        "another account was signed in in a terminal of {0:?} that is still open; close that terminal first"
    )]
    OtherInTerminal(ProfileName),
    #[error(
        "the login in a terminal of {0:?} that is still open cannot be read ({1}); close that terminal first"
    )]
    UnreadableTerminal(ProfileName, Unreadable),
    #[error("Codex is signed out: there is no login to keep")]
    NothingLive,
    #[error("the login that Codex uses cannot be read ({0}); sign in to Codex again")]
    UnreadableLive(Unreadable),
    #[error("this login is saved already, as {name:?}{}", if *is_updated { ", which has been brought up to date" } else { "" })]
    AlreadySaved { name: ProfileName, is_updated: bool },
}

impl StoreError {
    /// Whether it is sealed and whole as far as anybody can tell without its key.
    pub(super) fn is_closed(&self) -> bool {
        matches!(
            self,
            Self::Locked | Self::KeyGone { .. } | Self::SealedByNewer { .. }
        )
    }

    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }
}

/// The causes that a person can do something about; the others in the system's words.
pub(super) fn in_words(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full; free some space".into()
        }
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".into(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; check who owns it and its permissions".into()
        }
        _ => cause.to_string(),
    }
}
