//! Encryption at rest: everything of ours that holds a login, but for the files that Codex itself reads.
//!
//! Sealed are the files in `profiles/`, `router/trash`, `router/displaced` and `router/backups`. Plain stay, because Codex reads
//! plain text alone: the live `auth.json` and the homes of single terminals; and whatever leaves the home (exports). The reader
//! understands both forms at any time, so a change of mode that was cut off loses nothing; the writer seals while encryption is on.
//!
//! A sealed file, version 1; numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..39 | `Codex Router: encrypted file, format 1` and a line end: no JSON, so nobody takes it for a login |
//! | 39..55 | the id of its key |
//! | 55..79 | nonce |
//! | 79..83 | how many sealed bytes follow |
//! | 83.. | the content, by XChaCha20-Poly1305; its last 16 bytes are the tag |
//!
//! Bytes 0..83 and what the file is for (`login`, or `words` for a `router.json`) are the associated data.
//!
//! `router/vault.json` holds the key: 32 random bytes, sealed by XChaCha20-Poly1305 under the key that Argon2id (version 1.3) makes of
//! the passphrase; binary fields are base64. The associated data are `codex-router vault 1`, the id, the three numbers of
//! Argon2id as 4 bytes each, and the salt. A copy lies in `profiles/.vault.json`, beside what nobody could open without it. Another
//! passphrase seals the same key anew.
//!
//! Whoever writes holds the vault's lock together with others for the rest of the process; who turns encryption on or off holds it
//! alone. So nobody writes by a mode that is over. While encryption is on the lock file says so: where the key file and its copy are
//! gone then, nothing is written plain beside what is sealed.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::backup::seal::SealError;
use super::error::StoreError;
use super::folder::Folder;
use super::home::{Home, LOCKS, PROFILES, ROUTER};
use super::safe_file;
use crate::profile::Secret;

mod conversion;
mod key_file;
mod sealed;
mod walk;

pub use conversion::{Changed, Status, change_passphrase, set_aside, status, turn_off, turn_on};
use key_file::KeyFile;
use sealed::{Key, SealedError};
pub(super) use sealed::{OVERHEAD_BYTES, is_sealed};

const KEY_FILE: &str = "vault.json";
/// In `profiles/`, where hidden files are no accounts.
const KEY_COPY: &str = ".vault.json";
const LOCK: &str = "vault.lock";
/// What the lock file says while encryption is on.
const ON: &[u8] = b"on\n";
const LOCK_POLL: Duration = Duration::from_millis(20);
/// Longer than turning a few hundred logins takes.
const PATIENCE_OF_WRITERS: Duration = Duration::from_secs(30);
/// Longer than a command works that is not a terminal of its own.
const PATIENCE_TO_BE_ALONE: Duration = Duration::from_secs(5);

/// Why the vault did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("this is not the passphrase of the encrypted logins")]
    WrongPassphrase,
    #[error(
        "a passphrase needs at least {} characters",
        super::backup::MIN_PASSPHRASE_CHARS
    )]
    WeakPassphrase,
    #[error("the logins are not encrypted")]
    Off,
    #[error(
        "router/vault.json is damaged, and so is its copy profiles/.vault.json; put one of them back from a backup of your disk, or, if there is none, run `codex-router encrypt set-aside` and sign in again"
    )]
    Broken,
    #[error("the logins were encrypted by a newer version of Codex Router; update, then try again")]
    FromTheFuture,
    #[error(
        "there are encrypted logins here, but router/vault.json and its copy profiles/.vault.json are gone; put one of them back from a backup of your disk, or, if there is none, run `codex-router encrypt set-aside` and sign in again"
    )]
    KeyGone,
    #[error(
        "the key of every encrypted file is here: the passphrase opens them, and nothing is set aside"
    )]
    KeyIsHere,
    #[error("{0}; nothing was encrypted, because what was encrypted before may lie there")]
    Unseen(String),
    #[error("Codex Router is running; quit it first, so that nothing is written meanwhile")]
    Running,
    #[error(
        "another codex-router command still works here (a terminal of `codex-router run`?); end it, then try again"
    )]
    InUse,
    #[error(
        "the auth.json that Codex uses is a link to {0:?}, which would be encrypted and useless to Codex; put the file itself there, then try again"
    )]
    LiveInside(std::path::PathBuf),
    #[error("there is not enough memory to make the key (64 MiB); close something and try again")]
    NoMemory,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SealError> for VaultError {
    fn from(err: SealError) -> Self {
        match err {
            SealError::NoMemory => Self::NoMemory,
            SealError::WrongPassphrase => Self::WrongPassphrase,
            SealError::FromTheFuture(_) => Self::FromTheFuture,
            SealError::NoBackup
            | SealError::CutOff
            | SealError::Damaged
            | SealError::TooDemanding => Self::Broken,
        }
    }
}

/// The vault of one home: one for all who work in it within a process.
pub(super) struct Vault {
    root: Arc<Path>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    key: Option<Arc<Key>>,
}

/// The lock, and what it keeps from changing.
struct Held {
    lock: File,
    /// `None` while encryption is off.
    key_file: Option<KeyFile>,
    /// Something sealed was met while it seemed to be off: somebody has brought it here, perhaps with its key.
    is_stale: bool,
}

/// How a file is to be written.
#[derive(Clone, Debug)]
pub(super) enum Ink {
    Plain,
    Sealed(Arc<Key>),
}

/// The content of a file of this name as it is to stand on disk.
pub(super) fn seal(key: &Key, name: &OsStr, content: &[u8]) -> Result<Vec<u8>, StoreError> {
    sealed::seal(key, name, content).map_err(|_too_big| StoreError::TooBig { path: name.into() })
}

impl Vault {
    pub fn of(root: Arc<Path>) -> Self {
        Self {
            root,
            state: Mutex::default(),
        }
    }

    /// How a login is to be written now. The mode stays what it is until this process ends, but where sealed files and their key are
    /// brought into a home that had none.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while encryption is on and nobody has given the passphrase.
    pub fn ink(&self) -> Result<Ink, StoreError> {
        let mut state = self.state();
        let held = match self.held(&mut state) {
            Ok(held) => held,
            Err(VaultError::Store(err)) => return Err(err),
            Err(other) => return Err(StoreError::NotWritten(other.to_string())),
        };
        let Some(key_file) = held.key_file.clone() else {
            return Ok(Ink::Plain);
        };
        match &state.key {
            Some(key) if key_file.id().is_ok_and(|id| id == key.id) => {
                // Somebody may have tidied up: what is sealed now must open tomorrow.
                self.keep_both(&key_file, Copies::IfMissing)?;
                Ok(Ink::Sealed(key.clone()))
            }
            Some(_) | None => Err(StoreError::Locked),
        }
    }

    /// The content of a file, whichever form it has.
    pub fn open(
        &self,
        folder: &Folder,
        name: &OsStr,
        bytes: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        if !is_sealed(&bytes) {
            return Ok(bytes);
        }
        let path = || folder.show(name);
        let key = {
            let mut state = self.state();
            if let Some(held) = &mut state.held {
                held.is_stale = held.key_file.is_none();
            }
            state.key.clone()
        };
        let Some(key) = key else {
            return match self.key_file_on_disk() {
                Ok(None) => Err(StoreError::KeyGone { path: path() }),
                // Whatever is wrong with it, it is told when somebody unlocks.
                Ok(Some(_)) | Err(_) => Err(StoreError::Locked),
            };
        };
        sealed::open(&key, name, &bytes).map_err(|err| match err {
            SealedError::OtherKey => StoreError::KeyGone { path: path() },
            SealedError::FromTheFuture => StoreError::SealedByNewer { path: path() },
            SealedError::Damaged | SealedError::TooBig => StoreError::BrokenSeal { path: path() },
        })
    }

    /// Whether there are logins that cannot be read before somebody gives the passphrase. Makes no file.
    fn is_locked(&self) -> bool {
        let state = self.state();
        if state.key.is_some() {
            return false;
        }
        match &state.held {
            Some(held) if !held.is_stale => held.key_file.is_some(),
            // Who cannot look knows nothing of a lock; whatever is in the way is said where a login is read.
            Some(_) | None => !matches!(
                self.key_file_on_disk(),
                Ok(None) | Err(VaultError::Store(_))
            ),
        }
    }

    fn unlock(&self, passphrase: &Secret) -> Result<(), VaultError> {
        let key_file = {
            let mut state = self.state();
            self.held(&mut state)?.key_file.clone()
        };
        let key_file = key_file.ok_or(VaultError::Off)?;
        // Nobody waits for the half second that this takes.
        let key = Arc::new(key_file.open(passphrase)?);
        self.state().key = Some(key);
        // A copy with an older passphrase is a way in that was to be closed.
        if let Err(err) = self.keep_both(&key_file, Copies::Equal) {
            tracing::warn!(error = %err, "the copy of the key file could not be brought up to date");
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock together with others, if this process does not hold it yet, and learns the mode.
    fn held<'a>(&self, state: &'a mut State) -> Result<&'a Held, VaultError> {
        let lock = match state.held.take() {
            Some(held) if !held.is_stale => return Ok(state.held.insert(held)),
            Some(held) => held.lock,
            None => {
                let lock = self.lock_file()?;
                wait(
                    || lock.try_lock_shared(),
                    std::thread::sleep,
                    PATIENCE_OF_WRITERS,
                )?;
                lock
            }
        };
        let key_file = self.key_file_on_disk()?;
        // What would be written plain now was to be sealed.
        if key_file.is_none() && says_on(&lock)? && walk::any_sealed(&self.root_folder()?) {
            return Err(VaultError::KeyGone);
        }
        Ok(state.held.insert(Held {
            lock,
            key_file,
            is_stale: false,
        }))
    }

    fn lock_file(&self) -> Result<File, StoreError> {
        self.root_folder()?
            .make(ROUTER)?
            .make(LOCKS)?
            .open_lock(LOCK)
    }

    /// Without the vault: its own files are plain.
    fn root_folder(&self) -> Result<Folder, StoreError> {
        Folder::open(&self.root, "")
    }

    /// The file itself, or its copy where it is gone or damaged.
    fn key_file_on_disk(&self) -> Result<Option<KeyFile>, VaultError> {
        let root = self.root_folder()?;
        let mut found = Ok(None);
        // The one that counts last: cut off before it, everything is as it was.
        for (folder, name) in [(PROFILES, KEY_COPY), (ROUTER, KEY_FILE)] {
            let Some(folder) = root.child(folder)? else {
                continue;
            };
            let Some(contents) = safe_file::read_in(&folder, name)? else {
                continue;
            };
            match KeyFile::parse(&contents.bytes) {
                Ok(file) => return Ok(Some(file)),
                // Its copy may be older than what was encrypted since.
                Err(err @ VaultError::FromTheFuture) => return Err(err),
                Err(err) => found = Err(err),
            }
        }
        found
    }

    fn keep_both(&self, file: &KeyFile, copies: Copies) -> Result<(), StoreError> {
        let root = self.root_folder()?;
        for (folder, name) in [(ROUTER, KEY_FILE), (PROFILES, KEY_COPY)] {
            let folder = root.make(folder)?;
            let is_there = match copies {
                Copies::IfMissing => folder.kind_of(name)?.is_some(),
                Copies::Equal => {
                    let held = safe_file::read_in(&folder, name)?;
                    match held.map(|held| KeyFile::parse(&held.bytes)) {
                        // Another key may open what this one does not.
                        Some(Ok(held)) => held == *file || held.id().ok() != file.id().ok(),
                        // A newer version may have changed the passphrase.
                        Some(Err(VaultError::FromTheFuture)) => true,
                        Some(Err(_)) | None => false, // damaged: as good as gone
                    }
                }
            };
            if !is_there {
                let bytes = file
                    .to_bytes()
                    .map_err(|err| StoreError::NotWritten(err.to_string()))?;
                safe_file::replace_in(&folder, name, &bytes)?;
            }
        }
        Ok(())
    }
}

/// Whether the lock file says that encryption is on.
fn says_on(mut lock: &File) -> Result<bool, StoreError> {
    let mut text = Vec::new();
    let read = lock
        .rewind()
        .and_then(|()| lock.take(ON.len() as u64).read_to_end(&mut text));
    read.map_err(StoreError::io("read", LOCKS))?;
    Ok(text == ON)
}

/// To be called by who holds it alone.
fn say_on(mut lock: &File, is_on: bool) -> Result<(), StoreError> {
    let write = match is_on {
        true => lock.rewind().and_then(|()| lock.write_all(ON)),
        false => lock.set_len(0),
    };
    write
        .and_then(|()| lock.sync_all())
        .map_err(StoreError::io("write", LOCKS))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copies {
    IfMissing,
    Equal,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

fn wait(
    mut try_lock: impl FnMut() -> Result<(), TryLockError>,
    pause: impl Fn(Duration),
    patience: Duration,
) -> Result<(), StoreError> {
    let mut waited = Duration::ZERO;
    loop {
        match try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if waited < patience => {
                pause(LOCK_POLL);
                waited += LOCK_POLL;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy("the encryption of logins"));
            }
            Err(TryLockError::Error(err)) if err.kind() == std::io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(err)) => return Err(StoreError::io("lock", LOCKS)(err)),
        }
    }
}

/// Whether encryption is on and nobody has given the passphrase: no login can be read or written before. Makes no file.
pub fn is_locked(home: &Home) -> bool {
    home.vault().is_locked()
}

/// Opens the vault, for everybody who works in this home within this process. Takes half a second and 64 MiB.
///
/// # Errors
/// [`VaultError::WrongPassphrase`], [`VaultError::Off`], or what is wrong with `vault.json`.
pub fn unlock(home: &Home, passphrase: &Secret) -> Result<(), VaultError> {
    home.vault().unlock(passphrase)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
