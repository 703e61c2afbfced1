//! Accounts on their way out: as folders that Codex and this program read, or gathered for a backup.

use std::fs::DirBuilder;
use std::path::Path;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::backup::Written;
use super::error::StoreError;
use super::folder::Folder;
use super::home::Home;
use super::login_file::AUTH;
use super::profiles::{self, SIDE};
use super::safe_file;
use crate::profile::ProfileName;

/// One account as it leaves: complete, as Codex reads it, and our words about it.
pub struct Account {
    pub name: ProfileName,
    pub auth: Zeroizing<Vec<u8>>,
    pub side: Option<Zeroizing<Vec<u8>>>,
}

/// Writes each account as `<folder>/<name>/auth.json`, with its `router.json`: 0600 in 0700. Not encrypted.
///
/// # Errors
/// When none of them can be read or the folder cannot be written, and before anything is written where a file is there already
/// that says something else.
pub fn to_folder(
    home: &Home,
    names: &[ProfileName],
    folder: &Path,
    now: SystemTime,
) -> Result<Written, StoreError> {
    let (accounts, left_out) = gather(home, names, now)?;
    make(folder)?;
    let folder = Folder::open(folder, folder)?;
    for account in &accounts {
        let Some(place) = folder.child(account.name.as_str())? else {
            continue;
        };
        let files = [(AUTH, Some(&account.auth)), (SIDE, account.side.as_ref())];
        for (file, bytes) in files {
            let held = safe_file::read_in(&place, file)?;
            if held.is_some_and(|held| bytes.is_none_or(|bytes| **bytes != *held.bytes)) {
                let path = place.show(file);
                return Err(StoreError::AlreadyThere { path });
            }
        }
    }
    for account in &accounts {
        let place = folder.make(account.name.as_str())?;
        // What is there was equal a moment ago. A Codex that uses that folder may have renewed its login since.
        let is_missing = |file| safe_file::read_in(&place, file).map(|held| held.is_none());
        if let Some(side) = &account.side
            && is_missing(SIDE)?
        {
            safe_file::replace_in(&place, SIDE, side)?;
        }
        if is_missing(AUTH)? {
            safe_file::replace_in(&place, AUTH, &account.auth)?;
        }
    }
    let count = accounts.len();
    Ok(Written { count, left_out })
}

/// What was gathered, and what could not be.
pub type Gathered = (Vec<Account>, Vec<(ProfileName, String)>);

/// Reads these accounts.
///
/// # Errors
/// When none of them can be read.
pub fn gather(home: &Home, names: &[ProfileName], now: SystemTime) -> Result<Gathered, StoreError> {
    let (mut accounts, mut left_out) = (Vec::new(), Vec::new());
    for name in names {
        match account(home, name, now) {
            Ok(account) => accounts.push(account),
            Err(err) => left_out.push((name.clone(), err)),
        }
    }
    match (accounts.is_empty(), left_out.first()) {
        (false, _) => {
            let in_words = |(name, err): (ProfileName, StoreError)| (name, err.to_string());
            Ok((accounts, left_out.into_iter().map(in_words).collect()))
        }
        (true, None) => Err(StoreError::NotWritten(
            "there is no account to take out".into(),
        )),
        (true, Some(_)) => Err(left_out.swap_remove(0).1),
    }
}

fn account(home: &Home, name: &ProfileName, now: SystemTime) -> Result<Account, StoreError> {
    let profile = profiles::load(home, name)?;
    let login = profile
        .login
        .map_err(|reason| StoreError::UnreadableProfile {
            name: name.clone(),
            reason,
        })?;
    if profile.side.is_broken() {
        let path = Path::new(super::home::PROFILES).join(name.as_str());
        return Err(StoreError::BrokenSide {
            path: path.join(SIDE),
        });
    }
    let side = profile.side.for_another_place();
    Ok(Account {
        name: name.clone(),
        auth: login.for_cli(now).to_bytes(),
        side: (!side.is_empty()).then(|| Zeroizing::new(side.to_bytes())),
    })
}

/// Makes the folder that was asked for, closed to everybody else, if it is not there.
fn make(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(StoreError::io("create", folder))
}
