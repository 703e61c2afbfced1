//! Bringing logins in and taking them out: what a face asks, and what it sees before anything is written.

use std::path::PathBuf;
use std::time::SystemTime;

use super::snapshot::LoginKind;
use crate::profile::{ProfileName, Secret};

/// Where logins are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportSource {
    /// Files and folders, these with all that is below them; a backup is known by its first bytes.
    Paths(Vec<PathBuf>),
    /// Pasted: one login or many, JSON or a line each.
    Text(Secret),
    /// Every store of another program that was found on this computer, and the login that Codex uses.
    OtherPrograms,
    Backup {
        file: PathBuf,
        passphrase: Secret,
    },
}

/// An import from the first look to the last account, until a face puts it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportView {
    /// Counts the imports of this run.
    pub number: u64,
    pub state: ImportState,
    /// In the order in which they are written.
    pub found: Vec<FoundLogin>,
    /// What should be said besides: sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportState {
    Looking {
        files: usize,
    },
    /// The backup that was named wants its passphrase; a sentence when one was given and is wrong.
    WantsPassphrase {
        file: PathBuf,
        refusal: Option<String>,
    },
    /// To be looked at; nothing is written yet.
    Ready,
    Writing {
        done: usize,
        of: usize,
    },
    /// Also when it was cancelled: what was written is whole.
    Done {
        added: usize,
        updated: usize,
        failed: usize,
        is_cancelled: bool,
    },
    /// Nothing could be read: a sentence.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLogin {
    /// By which it is chosen.
    pub id: u32,
    pub kind: LoginKind,
    pub email: Option<String>,
    pub plan: Option<String>,
    pub workspace: Option<String>,
    /// Where it was found: `~/.codex`, `backup of 2 Nov`, a file's name.
    pub source: String,
    pub last_refresh_at: Option<SystemTime>,
    pub verdict: Verdict,
    /// The profile of the same account.
    pub holder: Option<ProfileName>,
    /// What it is called here, if it is taken.
    pub name: ProfileName,
    /// Why it was not written after all: a sentence.
    pub failure: Option<String>,
}

/// What taking it would mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No profile holds this account.
    New,
    /// Its profile has an older login of the same account.
    Newer,
    /// The profile holds this very login.
    Same,
    /// The profile's own is newer; this one is probably spent.
    Older,
    /// The access token is over and there is no refresh token, or the profile knows it to be refused.
    Expired,
    /// A sentence.
    Unreadable(String),
}

impl Verdict {
    /// Whether it is chosen unless the user says otherwise.
    pub fn is_worth_taking(&self) -> bool {
        matches!(self, Self::New | Self::Newer)
    }

    /// Whether it can be taken at all.
    pub fn can_be_taken(&self) -> bool {
        matches!(self, Self::New | Self::Newer | Self::Expired)
    }
}

/// How accounts leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTo {
    /// `<folder>/<name>/auth.json` and `router.json`, as Codex and this program read them. Not encrypted. What is there already
    /// and says something else is never replaced.
    Folder(PathBuf),
    /// One encrypted file.
    Backup {
        file: PathBuf,
        passphrase: Secret,
        /// Whether the user agreed that a file of this name is replaced.
        may_replace: bool,
    },
}

/// Accounts of the program that this one descends from, found where nothing is saved here yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderStore {
    /// For [`ImportSource::Paths`].
    pub folder: PathBuf,
    pub accounts: usize,
}
