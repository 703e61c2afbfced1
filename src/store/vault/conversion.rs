//! Turning encryption on and off: every file of ours that holds a login is written anew, one after the other, each whole or not at
//! all. Cut off anywhere, both forms are readable and the same command goes on.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use super::key_file::KeyFile;
use super::sealed::{Key, is_sealed};
use super::walk::{Found, LoginFile, any, any_sealed, first_unseen, walk};
use super::{
    Copies, Held, Ink, KEY_COPY, KEY_FILE, PATIENCE_TO_BE_ALONE, VaultError, say_on, wait,
};
use crate::profile::Secret;
use crate::store::attic;
use crate::store::backup::{self, seal::Cost};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::home::{Home, PROFILES, ROUTER};
use crate::store::live::Place;
use crate::store::locks::{CliLocks, InstanceLock};
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
    /// Whether no key is here that opens what is sealed.
    pub is_key_gone: bool,
    pub sealed: usize,
    /// Of the sealed ones those that another key opens than the one that is here.
    pub foreign: usize,
    pub plain: usize,
    /// Files and folders that cannot be looked into, so that nobody knows.
    pub unseen: usize,
}

/// In `router/`: what no key opens.
const UNOPENED: &str = "unopened";
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
            let root = home.folder()?;
            if any_sealed(&root) {
                return Err(VaultError::KeyGone);
            }
            if let Some(reason) = first_unseen(&root) {
                return Err(VaultError::Unseen(reason));
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
    say_on(&alone.lock, true)?;
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
        return match any_sealed(&home.folder()?) {
            true => Err(VaultError::KeyGone),
            false => Err(VaultError::Off),
        };
    };
    if vault.state().key.is_none() {
        return Err(StoreError::Locked.into());
    }
    let changed = change_all(home, &Ink::Plain)?;
    let is_needed = !changed.failed.is_empty() || any_sealed(&home.folder()?);
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
    say_on(&alone.lock, false)?;
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
    let key = key_file.as_ref().map(KeyFile::id).transpose()?;
    let is_on = key.is_some();
    let (mut sealed, mut foreign, mut plain, mut unseen) = (0, 0, 0, 0);
    let _all: ControlFlow<()> = walk(&home.folder()?, &mut |found| {
        match found {
            Found::File(file) if file.is_sealed() => {
                sealed += 1;
                foreign += usize::from(is_on && file.is_closed_to(key));
            }
            Found::File(file) if file.is_plain() => plain += 1,
            Found::File(LoginFile { raw: Ok(_), .. }) => {}
            Found::File(LoginFile { raw: Err(_), .. }) | Found::Unseen(_) => unseen += 1,
        }
        ControlFlow::Continue(())
    });
    Ok(Status {
        is_on,
        is_key_gone: !is_on && sealed > 0,
        sealed,
        foreign,
        plain,
        unseen,
    })
}

/// Moves what the key that is here does not open, or all where there is none, to `router/unopened`, so that accounts can be added
/// again. Nothing is removed: moved back, with its key file back in its place, it opens as before. Where there is no key encryption is
/// off afterwards.
///
/// What an account needs beside a plain login (its proxy) stays, and holds the account back.
///
/// # Errors
/// [`VaultError::KeyIsHere`] when the key opens everything, or [`VaultError::Off`] when nothing is sealed; when the program runs.
pub fn set_aside(home: &Home, now: SystemTime) -> Result<Changed, VaultError> {
    let alone = Alone::take(home)?;
    let vault = home.vault();
    let root = home.folder()?;
    let key_file = match vault.key_file_on_disk() {
        Ok(None) if !any_sealed(&root) => return Err(VaultError::Off),
        Ok(key_file) => key_file,
        Err(VaultError::Broken) => None,
        Err(err) => return Err(err),
    };
    let key = key_file.as_ref().map(KeyFile::id).transpose()?;
    if key.is_some() && !any(&root, |file| file.is_closed_to(key)) {
        return Err(VaultError::KeyIsHere);
    }
    let aside = home.router_folder()?.make(UNOPENED)?;
    let aside = aside.make(attic::moment(now))?;
    let mut changed = Changed::default();
    let mut put = |folder: &Folder, name: &OsStr| {
        if name == SIDE && matches!(folder.kind_of(AUTH), Ok(Some(_)) | Err(_)) {
            let path = folder.show(name);
            changed.failed.push(format!("{path:?} says how the requests of this account are to be sent, and nobody knows any more; delete it to have them sent as all others"));
            return;
        }
        // Where it was, in one name.
        let shown = folder
            .show(name)
            .to_string_lossy()
            .replace(['/', '\\'], "+");
        match folder.move_new(name, &aside, &shown) {
            Ok(true) => changed.count += 1,
            Ok(false) => changed.failed.push(format!("{shown:?} is there already")),
            Err(err) => changed.failed.push(err.to_string()),
        }
    };
    let _all: ControlFlow<()> = walk(&root, &mut |found| {
        if let Found::File(file) = &found
            && file.is_closed_to(key)
        {
            put(file.folder, &file.name);
        }
        ControlFlow::Continue(())
    });
    if key_file.is_some() {
        aside.sync()?;
        alone.give_back(key_file);
        return Ok(changed);
    }
    for (folder, name) in [(PROFILES, KEY_COPY), (ROUTER, KEY_FILE)] {
        if let Some(folder) = root.child(folder)?
            && folder.kind_of(name)?.is_some()
        {
            put(&folder, name.as_ref());
        }
    }
    aside.sync()?;
    say_on(&alone.lock, false)?;
    alone.give_back(None);
    Ok(changed)
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
                lock: self.lock,
                key_file,
                is_stale: false,
            });
        }
    }
}

/// A live file that is a link into what is about to be sealed would be sealed with it.
fn refuse_linked_live(home: &Home) -> Result<(), VaultError> {
    let live = Place::find(home)?;
    match live.is_ours {
        true => Err(VaultError::LiveInside(live.folder.show(&live.name))),
        false => Ok(()),
    }
}

fn change_all(home: &Home, ink: &Ink) -> Result<Changed, StoreError> {
    let mut changed = Changed::default();
    let _all: ControlFlow<()> = walk(&home.folder()?, &mut |found| {
        let done = match found {
            Found::File(file) => change(home, file, ink),
            Found::Unseen(reason) => Err(reason),
        };
        match done {
            Ok(true) => changed.count += 1,
            Ok(false) => {}
            Err(reason) => changed.failed.push(reason),
        }
        ControlFlow::Continue(())
    });
    Ok(changed)
}

/// Whether it had the other form.
fn change(home: &Home, file: LoginFile<'_>, ink: &Ink) -> Result<bool, String> {
    let LoginFile { folder, name, raw } = file;
    let told = |err: StoreError| err.to_string();
    let mut raw = raw?;
    for _ in 0..ROUNDS {
        let is_done = match ink {
            Ink::Sealed(_) => is_sealed(&raw) || raw.iter().all(|byte| *byte == 0),
            Ink::Plain => !is_sealed(&raw),
        };
        if is_done {
            return Ok(false);
        }
        let Some(contents) = safe_file::read_in(folder, &name).map_err(told)? else {
            return Ok(false);
        };
        let mut prepared = Prepared::in_ink(folder, &name, ink.clone()).map_err(told)?;
        prepared.fill(&contents.bytes).map_err(told)?;
        if prepared.read_back().map_err(told)? != contents.bytes {
            let path = folder.show(&name);
            return Err(format!("{path:?} was written and reads otherwise"));
        }
        // Somebody may run Codex in that folder.
        let locks = match name == AUTH {
            true => CliLocks::of_a_home_in_use(home, folder, &name).map_err(told)?,
            false => None,
        };
        match safe_file::read_as_it_stands(folder, &name).map_err(told)? {
            Some(now) if now.bytes == raw => {
                prepared.publish().map_err(told)?;
                return Ok(true);
            }
            Some(now) => raw = now.bytes,
            None => return Ok(false),
        }
        drop(locks);
    }
    let path = folder.show(&name);
    Err(format!(
        "{path:?} is changed by another program all the time"
    ))
}
