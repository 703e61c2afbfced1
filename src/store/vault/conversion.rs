//! Turning encryption on and off: every file of ours that holds a login is written anew, one after the other, each whole or not at
//! all. Cut off anywhere, both forms are readable and the same command goes on.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::key_file::KeyFile;
use super::sealed::{self, Key, is_sealed};
use super::{Copies, Held, Ink, KEY_COPY, KEY_FILE, PATIENCE_TO_BE_ALONE, VaultError, wait};
use crate::profile::Secret;
use crate::store::backup::{self, seal::Cost};
use crate::store::error::StoreError;
use crate::store::folder::{Folder, Kind};
use crate::store::home::{BACKUPS, DISPLACED, Home, PROFILES, ROUTER, TRASH};
use crate::store::live;
use crate::store::locks::InstanceLock;
use crate::store::login_file::AUTH;
use crate::store::profiles::SIDE;
use crate::store::safe_file::{self, Prepared};

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Files that have the other form now.
    pub count: usize,
    /// Files that could not be changed, and why: sentences. They are as they were.
    pub failed: Vec<String>,
}

/// How the files stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub is_on: bool,
    /// Whether some file cannot be opened by the key that is here.
    pub is_key_gone: bool,
    pub sealed: usize,
    pub plain: usize,
}

/// A file that another program keeps changing is looked at anew so often.
const ROUNDS: u32 = 5;

/// Turns encryption on, or goes on where that was cut off: then the passphrase is the one that was chosen.
///
/// # Errors
/// Before anything is changed: when the program runs, or the key cannot be made and read back.
pub fn turn_on(home: &Home, passphrase: &Secret) -> Result<Changed, VaultError> {
    turn_on_at(home, passphrase, Cost::OURS)
}

pub(super) fn turn_on_at(
    home: &Home,
    passphrase: &Secret,
    cost: Cost,
) -> Result<Changed, VaultError> {
    backup::check_passphrase(passphrase).map_err(|_short| VaultError::WeakPassphrase)?;
    let alone = Alone::take(home)?;
    refuse_linked_live(home)?;
    let vault = home.vault();
    let key = match vault.key_file_on_disk()? {
        Some(file) => file.open(passphrase)?,
        None => {
            if files(home)?.iter().any(LoginFile::is_sealed) {
                return Err(VaultError::KeyGone);
            }
            let key = Key::random();
            vault.keep_both(&KeyFile::close(&key, passphrase, cost)?, Copies::Equal)?;
            key
        }
    };
    // What is sealed now opens by what stands on disk, or not at all.
    let file = vault.key_file_on_disk()?.ok_or(VaultError::Broken)?;
    let read_back = file.open(passphrase)?;
    if read_back.id != key.id || read_back.secret != key.secret {
        return Err(VaultError::Broken);
    }
    vault.keep_both(&file, Copies::Equal)?;
    let key = Arc::new(key);
    vault.state().key = Some(key.clone());
    let changed = change_all(home, &Ink::Sealed(key))?;
    alone.give_back(Some(file));
    Ok(changed)
}

/// Turns encryption off, once it is unlocked. The key is removed last, and only when nothing needs it any more.
///
/// # Errors
/// [`VaultError::Off`] when there is nothing to turn off; when the program runs; [`StoreError::Locked`].
pub fn turn_off(home: &Home) -> Result<Changed, VaultError> {
    let alone = Alone::take(home)?;
    let vault = home.vault();
    let file = vault.key_file_on_disk()?;
    let Some(file) = file else {
        return match files(home)?.iter().any(LoginFile::is_sealed) {
            true => Err(VaultError::KeyGone),
            false => Err(VaultError::Off),
        };
    };
    if vault.state().key.is_none() {
        return Err(StoreError::Locked.into());
    }
    let changed = change_all(home, &Ink::Plain)?;
    let is_needed = !changed.failed.is_empty() || files(home)?.iter().any(LoginFile::is_sealed);
    if is_needed {
        alone.give_back(Some(file));
        return Ok(changed);
    }
    let root = vault.root_folder()?;
    for (folder, name) in [(PROFILES, KEY_COPY), (ROUTER, KEY_FILE)] {
        if let Some(folder) = root.child(folder)?
            && folder.kind_of(name)?.is_some()
        {
            folder.remove_file(name.as_ref())?;
            folder.sync()?;
        }
    }
    alone.give_back(None);
    Ok(changed)
}

/// Closes the key by another passphrase; what is sealed stays as it is.
///
/// # Errors
/// [`VaultError::WrongPassphrase`] for the old one, [`VaultError::WeakPassphrase`] for the other.
pub fn change_passphrase(home: &Home, old: &Secret, new: &Secret) -> Result<(), VaultError> {
    change_passphrase_at(home, old, new, Cost::OURS)
}

pub(super) fn change_passphrase_at(
    home: &Home,
    old: &Secret,
    new: &Secret,
    cost: Cost,
) -> Result<(), VaultError> {
    backup::check_passphrase(new).map_err(|_short| VaultError::WeakPassphrase)?;
    let alone = Alone::take(home)?;
    let vault = home.vault();
    let file = vault.key_file_on_disk()?.ok_or(VaultError::Off)?;
    let key = file.open(old)?;
    let changed = KeyFile::close(&key, new, cost)?;
    if changed.open(new)?.secret != key.secret {
        return Err(VaultError::Broken);
    }
    vault.keep_both(&changed, Copies::Equal)?;
    vault.state().key = Some(Arc::new(key));
    alone.give_back(Some(changed));
    Ok(())
}

/// Counts the files of each form. Needs no passphrase, and makes no file.
///
/// # Errors
/// When the folders cannot be looked at, or `vault.json` cannot be read.
pub fn status(home: &Home) -> Result<Status, VaultError> {
    let key_file = home.vault().key_file_on_disk()?;
    let files = files(home)?;
    let sealed = files.iter().filter(|file| file.is_sealed()).count();
    Ok(Status {
        is_on: key_file.is_some(),
        is_key_gone: key_file.is_none() && sealed > 0,
        sealed,
        plain: files.iter().filter(|file| file.is_plain()).count(),
    })
}

/// Nobody else writes here: no program that stays, no other command.
struct Alone<'a> {
    home: &'a Home,
    lock: std::fs::File,
    _instance: InstanceLock,
}

impl<'a> Alone<'a> {
    fn take(home: &'a Home) -> Result<Self, VaultError> {
        let instance = InstanceLock::take(home)?.ok_or(VaultError::Running)?;
        let vault = home.vault();
        let lock = vault.lock_file()?;
        // Our own hold would be in the way.
        vault.state().held = None;
        match wait(
            || lock.try_lock(),
            |time| home.pause(time),
            PATIENCE_TO_BE_ALONE,
        ) {
            Ok(()) => {}
            Err(StoreError::Busy(_)) => return Err(VaultError::InUse),
            Err(err) => return Err(err.into()),
        }
        Ok(Self {
            home,
            lock,
            _instance: instance,
        })
    }

    /// From now on this process holds the lock with others again.
    fn give_back(self, key_file: Option<KeyFile>) {
        let mut state = self.home.vault().state();
        if key_file.is_none() {
            state.key = None;
        }
        // Some systems take one lock for the other in two steps; whoever comes in between finds the mode as it is now, too.
        if self.lock.unlock().is_ok() && self.lock.try_lock_shared().is_ok() {
            state.held = Some(Held {
                _lock: self.lock,
                key_file,
            });
        }
    }
}

/// A live file that is a link into what is about to be sealed would be sealed with it.
fn refuse_linked_live(home: &Home) -> Result<(), VaultError> {
    let root = home.root();
    let inside = live::linked_dir(home)
        .filter(|target| target.starts_with(root) && target.as_path() != root)
        .and_then(|target| Some(target.strip_prefix(root).ok()?.to_owned()));
    match inside {
        Some(inside) => Err(VaultError::LiveInside(inside)),
        None => Ok(()),
    }
}

/// A file of ours that holds a login, or our words about one.
struct LoginFile {
    folder: Folder,
    name: OsString,
    /// As it stands on disk; a sentence where it cannot be read.
    raw: Result<Zeroizing<Vec<u8>>, String>,
}

impl LoginFile {
    fn is_sealed(&self) -> bool {
        self.raw.as_ref().is_ok_and(|raw| is_sealed(raw))
    }

    /// Room that was reserved for a login is zeros, and whoever reserved it is gone.
    fn is_empty(&self) -> bool {
        self.raw
            .as_ref()
            .is_ok_and(|raw| raw.iter().all(|byte| *byte == 0))
    }

    fn is_plain(&self) -> bool {
        !self.is_sealed() && !self.is_empty()
    }
}

fn change_all(home: &Home, ink: &Ink) -> Result<Changed, StoreError> {
    let mut changed = Changed::default();
    for file in files(home)? {
        match change(&file, ink) {
            Ok(true) => changed.count += 1,
            Ok(false) => {}
            Err(reason) => changed.failed.push(reason),
        }
    }
    Ok(changed)
}

/// Whether it had the other form.
fn change(file: &LoginFile, ink: &Ink) -> Result<bool, String> {
    let LoginFile { folder, name, raw } = file;
    let told = |err: StoreError| err.to_string();
    let mut raw = raw.clone()?;
    for _ in 0..ROUNDS {
        let is_done = match ink {
            Ink::Sealed(_) => is_sealed(&raw) || raw.iter().all(|byte| *byte == 0),
            Ink::Plain => !is_sealed(&raw),
        };
        if is_done {
            return Ok(false);
        }
        let Some(contents) = safe_file::read_in(folder, name).map_err(told)? else {
            return Ok(false);
        };
        let mut prepared = Prepared::in_ink(folder, name, ink.clone()).map_err(told)?;
        prepared.fill(&contents.bytes).map_err(told)?;
        if prepared.read_back().map_err(told)? != contents.bytes {
            let path = folder.show(name);
            return Err(format!("{path:?} was written and reads otherwise"));
        }
        // Somebody may run Codex in that folder.
        match safe_file::read_as_it_stands(folder, name).map_err(told)? {
            Some(now) if now.bytes == raw => {
                prepared.publish().map_err(told)?;
                return Ok(true);
            }
            Some(now) => raw = now.bytes,
            None => return Ok(false),
        }
    }
    let path = folder.show(name);
    Err(format!(
        "{path:?} is changed by another program all the time"
    ))
}

/// Every file that the writer would seal, wherever an account's directory may be by now.
fn files(home: &Home) -> Result<Vec<LoginFile>, StoreError> {
    let mut files = Vec::new();
    let root = home.folder()?;
    let mut of_accounts = vec![root.child(PROFILES)?];
    if let Some(router) = home.router_folder_if_there()? {
        of_accounts.push(router.child(TRASH)?);
        for copies in [router.child(DISPLACED)?, router.child(BACKUPS)?]
            .into_iter()
            .flatten()
        {
            for below in folders_in(&copies)? {
                collect(&below, is_copy, &mut files)?;
            }
            collect(&copies, is_copy, &mut files)?;
        }
    }
    for accounts in of_accounts.into_iter().flatten() {
        for account in folders_in(&accounts)? {
            collect(&account, is_of_account, &mut files)?;
            // They go with a deleted account, and stay where another one has their place.
            if account.kind_of(BACKUPS)? == Some(Kind::Folder)
                && let Some(copies) = account.child(BACKUPS)?
            {
                collect(&copies, is_copy, &mut files)?;
            }
        }
    }
    Ok(files)
}

fn folders_in(folder: &Folder) -> Result<Vec<Folder>, StoreError> {
    let mut folders = Vec::new();
    for name in folder.names()? {
        if folder.kind_of(&name)? == Some(Kind::Folder) {
            folders.extend(folder.child(&name)?);
        }
    }
    Ok(folders)
}

fn collect(
    folder: &Folder,
    is_ours: fn(&OsStr) -> bool,
    files: &mut Vec<LoginFile>,
) -> Result<(), StoreError> {
    for name in folder.names()? {
        if is_ours(&name) && folder.kind_of(&name)? == Some(Kind::File) {
            let raw = safe_file::read_as_it_stands(folder, &name);
            let raw = match raw {
                Ok(Some(contents)) => Ok(contents.bytes),
                Ok(None) => continue,
                Err(err) => Err(err.to_string()),
            };
            let folder = folder.clone();
            files.push(LoginFile { folder, name, raw });
        }
    }
    Ok(())
}

/// Other files in an account's directory are not ours to change: somebody may use it as a home of Codex.
fn is_of_account(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    matches!(sealed::final_name(&name), AUTH | SIDE)
}

fn is_copy(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let name = sealed::final_name(&name);
    name.ends_with(".json") && !name.starts_with('.')
}
