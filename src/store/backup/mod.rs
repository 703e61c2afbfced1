//! The encrypted backup: several accounts in one file, closed by a passphrase.
//!
//! The format, version 1; numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `codexrtr` |
//! | 8..10 | version: 1 |
//! | 10 | how the key is made: 1 = Argon2id, version 1.3 (RFC 9106) |
//! | 11 | how it is sealed: 1 = XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) |
//! | 12..16, 16..20, 20..24 | m in KiB (65536), t (3), p (1) of Argon2id |
//! | 24..40 | salt |
//! | 40..64 | nonce |
//! | 64..72 | how many sealed bytes follow |
//! | 72.. | the sealed content; its last 16 bytes are the tag |
//! | the last 32 | SHA-256 of everything before: tells damage from a wrong passphrase, and protects nothing |
//!
//! Bytes 0..72 are the associated data of the seal, so that nothing in them can be changed. The passphrase is taken as the UTF-8
//! bytes that were typed; the key has 32 bytes. The content is JSON:
//! `{"made_at": RFC 3339, "accounts": [{"name", "auth_json": {…}, "router_json": {…}}]}`, the two files as they lie on disk.
//!
//! A backup is opened in memory alone. What a reader may be made to do is bounded: m ≤ 1 GiB, t ≤ 10, p ≤ 4.

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::error::StoreError;
use super::home::Home;
use super::{export, safe_file};
use crate::import_text::{self, Candidate};
use crate::profile::{AuthFile, ProfileName, Secret};

pub(super) mod seal;

pub use seal::{MAGIC, SealError};

/// A guesser tries a few a second; shorter ones are found in an afternoon.
pub const MIN_PASSPHRASE_CHARS: usize = 8;
/// Of ten thousand accounts.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Why there is no backup, or none that can be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("a passphrase needs at least {MIN_PASSPHRASE_CHARS} characters")]
    WeakPassphrase,
    #[error(transparent)]
    Sealed(#[from] SealError),
    #[error("the backup cannot be read: {0}")]
    Unreadable(String),
    #[error("what the backup holds is not as it should be ({0})")]
    BadContent(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Whether another passphrase may help.
    pub fn is_wrong_passphrase(&self) -> bool {
        matches!(self, Self::Sealed(SealError::WrongPassphrase))
    }
}

/// What a backup held.
#[derive(Debug)]
pub struct Opened {
    pub made_at: Option<SystemTime>,
    pub accounts: Vec<Candidate>,
}

/// What was written, and what was not.
#[derive(Debug, Default)]
pub struct Written {
    pub count: usize,
    /// Accounts that are not in it, and why.
    pub left_out: Vec<(ProfileName, String)>,
}

impl Written {
    /// Who is not in it, of so many; nothing if nobody is missing.
    pub fn left_out_in_words(&self, asked: usize) -> Option<String> {
        let (name, reason) = self.left_out.first()?;
        let rest = match self.left_out.len() {
            1 => String::new(),
            n => format!(", and {} more", n - 1),
        };
        let count = self.count;
        Some(format!(
            "{count} of {asked} accounts were written; {name} was left out: {reason}{rest}"
        ))
    }
}

/// Writes the accounts into one file, mode 0600, and reads it back.
///
/// # Errors
/// When the passphrase is too short, none of the accounts can be read, or the file cannot be written. A file that is there already
/// is replaced only if the user agreed.
pub fn write(
    home: &Home,
    names: &[ProfileName],
    file: &Path,
    passphrase: &Secret,
    may_replace: bool,
    now: SystemTime,
) -> Result<Written, BackupError> {
    check_passphrase(passphrase)?;
    if !may_replace && file.symlink_metadata().is_ok() {
        return Err(StoreError::AlreadyThere { path: file.into() }.into());
    }
    refuse_login(file)?;
    let (accounts, left_out) = export::gather(home, names, now)?;
    let entries: Vec<_> = accounts.iter().map(entry).collect();
    let content = json!({"made_at": jiff::Timestamp::try_from(now).unwrap_or_default().to_string(), "accounts": entries});
    let content = Zeroizing::new(content.to_string().into_bytes());
    let sealed = seal::seal(&content, passphrase, seal::Cost::OURS)?;
    safe_file::replace(file, &sealed)?;
    let read = read_file(file)?;
    if read != sealed {
        let reason = "it was written and reads otherwise; try another disk";
        return Err(BackupError::Unreadable(reason.into()));
    }
    let count = accounts.len();
    Ok(Written { count, left_out })
}

/// Nobody means a login when they agree that a file is replaced: it may be the only copy.
fn refuse_login(file: &Path) -> Result<(), BackupError> {
    if file.symlink_metadata().is_err() {
        return Ok(()); // not there
    }
    match read_file(file) {
        Ok(bytes) if AuthFile::parse(&bytes).is_ok() => {
            Err(StoreError::AlreadyThere { path: file.into() }.into())
        }
        // What cannot be read is for the writer to refuse.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether a passphrase may close a backup.
///
/// # Errors
/// [`BackupError::WeakPassphrase`] when it is too short.
pub fn check_passphrase(passphrase: &Secret) -> Result<(), BackupError> {
    match passphrase.expose().chars().count() < MIN_PASSPHRASE_CHARS {
        true => Err(BackupError::WeakPassphrase),
        false => Ok(()),
    }
}

/// Reads and opens a backup.
///
/// # Errors
/// When it is none, damaged, cut off, of a newer version, or closed by another passphrase; then nothing of it is known.
pub fn open_file(file: &Path, passphrase: &Secret, now: SystemTime) -> Result<Opened, BackupError> {
    open(&read_file(file)?, passphrase, now)
}

/// Whether a file could be opened, as far as can be told without its passphrase.
///
/// # Errors
/// As of [`open_file`].
pub fn check_file(file: &Path) -> Result<(), BackupError> {
    Ok(seal::check(&read_file(file)?)?)
}

/// The same for its bytes.
///
/// # Errors
/// As of [`open_file`].
pub fn open(bytes: &[u8], passphrase: &Secret, now: SystemTime) -> Result<Opened, BackupError> {
    let content = seal::open(bytes, passphrase)?;
    let bad = |err: &dyn std::fmt::Display| BackupError::BadContent(err.to_string());
    let head: Head = serde_json::from_slice(&content).map_err(|err| {
        bad(&format_args!(
            "line {}, column {}",
            err.line(),
            err.column()
        ))
    })?;
    let accounts = match import_text::read(&content, now) {
        Ok(accounts) => accounts,
        Err(import_text::TextError::NoLogin) => Vec::new(),
        Err(err) => return Err(bad(&err)),
    };
    Ok(Opened {
        made_at: head.made_at.and_then(|text| {
            let at: jiff::Timestamp = text.parse().ok()?; // only for show
            Some(at.into())
        }),
        accounts,
    })
}

/// Whether these bytes are, or begin, a backup of any version.
pub fn is_backup(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

#[derive(serde::Deserialize)]
struct Head {
    made_at: Option<String>,
}

fn entry(account: &export::Account) -> Value {
    let parse = |bytes: &[u8]| -> Value {
        let object: Result<Map<String, Value>, _> = serde_json::from_slice(bytes);
        object.map_or(Value::Null, Value::Object)
    };
    let mut entry = json!({"name": account.name.as_str(), "auth_json": parse(&account.auth)});
    if let (Some(side), Some(object)) = (&account.side, entry.as_object_mut()) {
        object.insert("router_json".into(), parse(side));
    }
    entry
}

fn read_file(file: &Path) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    super::import::read_file(file, MAX_BYTES).map_err(BackupError::Unreadable)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
