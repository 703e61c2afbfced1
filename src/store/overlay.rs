//! A home for one terminal: `router/overlays/<account>/`, with the login of one account and everything else of the real home.
//!
//! It is called after whose it is (a fingerprint of user and workspace), so that a profile may get another name, its name another
//! account, and the account may be deleted, while a terminal is open.
//!
//! What Codex rotates there is one more live copy of the account's login, so it obeys the rules of the live file: it is taken home
//! when it is newer, and gets what was rotated elsewhere ([`super::rotation::publish`]). Whoever uses an overlay holds a shared
//! lock, and so do the programs started in it: the login is taken out by the last one, or, where that was killed, by whoever comes
//! next. The links stay, because Codex writes down where it found a session.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::StoreError;
use super::folder::{Folder, Kind};
use super::home::{Home, LOCKS, OVERLAYS};
use super::live::Place;
use super::login_file::{AUTH, LoginFile};
use super::{profiles, safe_file};
use crate::profile::{AuthFile, Credentials, Fingerprint, Profile, ProfileName};

mod files;
mod login;

/// Says that a directory is one of ours; whoever is called with it as its home means the real one. In it: the settings of its own,
/// as they were when it was made.
pub(super) const MARK: &str = ".codex-router-overlay";
const LOCK_POLL: Duration = Duration::from_millis(20);
/// Longer than taking one down may last.
const LOCK_PATIENCE: Duration = Duration::from_secs(50);
/// How often a profile that gets another account under our hands is looked at anew.
const ROUNDS: u32 = 5;
const THIS_TERMINAL: &str = "this account's terminal";

/// An overlay in use. Dropping it leaves everything as it is, for the next start to take down.
#[derive(Debug)]
pub struct Overlay {
    home: Home,
    /// Whose it is: the name of its directory.
    key: String,
    /// What the profile of the account was called when it was opened.
    name: ProfileName,
    root: PathBuf,
    lock: File,
}

/// What was found when the last one left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TakenDown {
    /// The account whose login was newer here.
    pub took_home: Option<ProfileName>,
    /// Files that could not simply go into the real home, kept here.
    pub kept: Option<PathBuf>,
}

impl Overlay {
    /// Makes the overlay of an account, or joins those who use it. `config`: settings of its own instead of the real ones.
    ///
    /// # Errors
    /// When the account has no login that Codex could use, another account is signed in in its terminal, or the overlay cannot be
    /// made.
    pub fn open(
        home: &Home,
        name: &ProfileName,
        config: Option<&str>,
        now: SystemTime,
    ) -> Result<Self, StoreError> {
        for _ in 0..ROUNDS {
            let key = key_of(&profiles::load(home, name)?)?;
            let lock = lock_file(home, &key)?;
            if let Some(_alone) = free_lock(home, &key)?
                && let Some(folder) = folder_of(home, &key)?
            {
                // Of a terminal that was killed, whoever is signed in there.
                login::take_out(home, &folder, now)?;
            }
            shared(home, &lock)?;
            let folder = home.router_folder()?.make(OVERLAYS)?.make(&key)?;
            let root = home.overlays_dir().join(&key);
            safe_file::replace_in(&folder, MARK, config.unwrap_or_default().as_bytes())?;
            files::share(home, &folder, &root, config)?;
            let (profile, _account) = login::newest(home, name, now)?;
            if key_of(&profile)? != key {
                continue;
            }
            login::put(home, &folder, (name, usable(&profile)?), now)?;
            return Ok(Self {
                home: home.clone(),
                key,
                name: name.clone(),
                root,
                lock,
            });
        }
        Err(StoreError::Busy(THIS_TERMINAL))
    }

    /// `CODEX_HOME` of what is started in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Held by whoever uses the overlay: a program that inherits it keeps the overlay alive, whatever becomes of us.
    pub fn lock(&self) -> &File {
        &self.lock
    }

    /// What the profile of its account is called by now; `None` when there is none any more.
    ///
    /// # Errors
    /// When the profiles cannot be looked at.
    pub fn account(&self) -> Result<Option<ProfileName>, StoreError> {
        let is_it = |profile: &Profile| key_of(profile).is_ok_and(|key| key == self.key);
        let mut names: Vec<_> = profiles::load_all(&self.home)?
            .profiles
            .into_iter()
            .filter(is_it)
            .map(|profile| profile.name)
            .collect();
        let preferred = names.iter().position(|name| *name == self.name);
        Ok((!names.is_empty()).then(|| names.swap_remove(preferred.unwrap_or(0))))
    }

    /// Makes both sides of the account's login the newer one. Where somebody has signed out, or in with another account, it is left
    /// at that.
    ///
    /// # Errors
    /// When one of them cannot be read or written.
    pub fn reconcile(&self, now: SystemTime) -> Result<Option<ProfileName>, StoreError> {
        let Some(folder) = folder_of(&self.home, &self.key)? else {
            return Ok(None);
        };
        let Some(brought) = login::take_home(&self.home, &folder, now)? else {
            return Ok(None);
        };
        let took = brought.into;
        let Some(name) = self.account()? else {
            return Ok(took);
        };
        let (profile, _account) = login::newest(&self.home, &name, now)?;
        if let (Ok(newest), Ok(here)) = (&profile.login, &brought.file.login)
            && newest.same_account(here)
        {
            login::put(&self.home, &folder, (&name, newest), now)?;
        }
        Ok(took)
    }

    /// Gives the overlay back; the last one takes the login out of it.
    ///
    /// # Errors
    /// When a newer login, or a file that was made here, cannot be taken home: then it stays, for the next start.
    pub fn close(self, now: SystemTime) -> Result<TakenDown, StoreError> {
        let Self {
            home,
            key,
            name,
            lock,
            ..
        } = self;
        // Closed, not unlocked: what was started here and still runs holds the same lock.
        drop(lock);
        let Some(folder) = folder_of(&home, &key)? else {
            return Ok(TakenDown::default());
        };
        match free_lock(&home, &key)? {
            Some(_alone) => take_down(&home, &key, &folder, name.as_str(), now),
            // Somebody else still works here; what was rotated is brought home all the same.
            None => Ok(TakenDown {
                took_home: login::take_home(&home, &folder, now)?.and_then(|it| it.into),
                kept: None,
            }),
        }
    }
}

/// The overlays that there are: whose, and their directories.
pub(super) fn all(home: &Home) -> Vec<(String, Folder)> {
    try_all(home).unwrap_or_else(|err| {
        tracing::warn!(error = %err, "the overlays cannot be looked at");
        Vec::new()
    })
}

fn try_all(home: &Home) -> Result<Vec<(String, Folder)>, StoreError> {
    let mut found = Vec::new();
    let router = home.router_folder_if_there()?;
    let folder = router.map(|router| router.child(OVERLAYS)).transpose()?;
    let Some(folder) = folder.flatten() else {
        return Ok(found);
    };
    for name in folder.names()? {
        // Ours are text.
        if let Some(name) = name.to_str()
            && folder.kind_of(name)? == Some(Kind::Folder)
            && let Some(below) = folder.child(name)?
        {
            found.push((name.to_owned(), below));
        }
    }
    Ok(found)
}

/// The logins in overlays that can be read.
pub(super) fn logins(home: &Home) -> Vec<AuthFile> {
    let read = |(_, folder): (String, Folder)| {
        LoginFile::read(home, &folder, AUTH).ok()??.login.ok() // shown by whoever uses it
    };
    all(home).into_iter().filter_map(read).collect()
}

/// The logins in overlays.
///
/// # Errors
/// When one of them cannot be looked at.
pub(super) fn try_logins(home: &Home) -> Result<Vec<AuthFile>, StoreError> {
    let mut logins = Vec::new();
    for (_whose, folder) in try_all(home)? {
        logins.extend(LoginFile::in_it(LoginFile::read(home, &folder, AUTH))?);
    }
    Ok(logins)
}

/// Whether an overlay holds a newer login than the profiles of its account.
pub fn is_ahead(home: &Home, profiles: &[Profile]) -> bool {
    logins(home).iter().any(|login| {
        profiles::holders(profiles, login)
            .any(|profile| matches!(&profile.login, Ok(held) if login.is_newer_than(held)))
    })
}

/// Takes what was rotated in overlays home; says into which profiles.
///
/// # Errors
/// When a login cannot be read or written; the others are taken home all the same.
pub fn take_home(home: &Home, now: SystemTime) -> Result<Vec<ProfileName>, StoreError> {
    let mut taken = Vec::new();
    let mut result = Ok(());
    for (_whose, folder) in all(home) {
        match login::take_home(home, &folder, now) {
            Ok(brought) => taken.extend(brought.and_then(|it| it.into)),
            Err(err) => result = Err(err),
        }
    }
    result.map(|()| taken)
}

/// Takes the logins out of overlays that nobody uses any more: of terminals that were killed.
///
/// # Errors
/// When a newer login cannot be taken home: then it stays where it is. The others are looked after all the same.
pub fn sweep(home: &Home, now: SystemTime) -> Result<(), StoreError> {
    let mut result = Ok(());
    for (key, folder) in all(home) {
        if let Err(err) = sweep_one(home, &key, &folder, now) {
            result = Err(err);
        }
    }
    result
}

fn sweep_one(home: &Home, key: &str, folder: &Folder, now: SystemTime) -> Result<(), StoreError> {
    let is_left =
        folder.kind_of(AUTH)?.is_some() || files::are_left(&home.overlays_dir().join(key))?;
    if is_left && let Some(_alone) = free_lock(home, key)? {
        let taken = take_down(home, key, folder, key, now)?;
        tracing::info!(took_home = ?taken.took_home, "an abandoned terminal was tidied up");
    }
    Ok(())
}

/// With the exclusive lock held. `label`: what files that have to be kept apart are called after.
fn take_down(
    home: &Home,
    key: &str,
    folder: &Folder,
    label: &str,
    now: SystemTime,
) -> Result<TakenDown, StoreError> {
    let brought = login::take_home(home, folder, now)?;
    let root = home.overlays_dir().join(key);
    let kept = files::bring_back(home, folder, &root, label, now);
    // Of a writing that was cut off.
    for temporary in safe_file::temporaries_of(folder, AUTH)? {
        folder.remove_file(&temporary)?;
    }
    // Last: what is cut off before is taken up again because of it. A file that cannot be moved keeps no login there: it stays, for
    // the next terminal of the account.
    let took_home = login::take_out(home, folder, now)?;
    Ok(TakenDown {
        took_home: brought.and_then(|it| it.into).or(took_home),
        kept: kept?,
    })
}

pub(super) fn place_in(folder: &Folder) -> Place {
    Place {
        folder: folder.clone(),
        name: AUTH.into(),
        is_ours: false,
    }
}

fn folder_of(home: &Home, key: &str) -> Result<Option<Folder>, StoreError> {
    let Some(router) = home.router_folder_if_there()? else {
        return Ok(None);
    };
    match router.child(OVERLAYS)? {
        Some(overlays) => overlays.child(key),
        None => Ok(None),
    }
}

/// What the overlay of a profile's account is called.
fn key_of(profile: &Profile) -> Result<String, StoreError> {
    let login = readable(profile)?;
    let fingerprint = match (login.identity(), login.refresh_fingerprint()) {
        (Some(identity), _) => identity.fingerprint(),
        // Of a kind that nobody renews, so it is itself for good.
        (None, None) => Fingerprint::of(&login.to_bytes()),
        (None, Some(_)) => return Err(StoreError::Nobodys(profile.name.clone())),
    };
    Ok(fingerprint.as_str().to_owned())
}

/// A login that Codex can use by itself.
fn usable(profile: &Profile) -> Result<&AuthFile, StoreError> {
    let login = readable(profile)?;
    match login.chatgpt() {
        Some(chatgpt) if profile.side.rejects(chatgpt) => {
            Err(StoreError::SignInAgain(profile.name.clone()))
        }
        Some(_) | None => Ok(login),
    }
}

fn readable(profile: &Profile) -> Result<&AuthFile, StoreError> {
    let login = profile
        .login
        .as_ref()
        .map_err(|reason| StoreError::UnreadableProfile {
            name: profile.name.clone(),
            reason: reason.clone(),
        })?;
    match login.credentials() {
        Credentials::Endpoint(_) => Err(StoreError::NotForCodex(profile.name.clone())),
        Credentials::ChatGpt(_) | Credentials::ApiKey { .. } | Credentials::Other { .. } => {
            Ok(login)
        }
    }
}

fn lock_file(home: &Home, key: &str) -> Result<File, StoreError> {
    let locks = home.router_folder()?.make(LOCKS)?;
    locks.open_lock(format!("overlay-{key}.lock"))
}

fn shared(home: &Home, lock: &File) -> Result<(), StoreError> {
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if waited < LOCK_PATIENCE => {
                home.pause(LOCK_POLL);
                waited += LOCK_POLL;
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StoreError::Busy(THIS_TERMINAL));
            }
            Err(fs::TryLockError::Error(err)) => return Err(StoreError::io("lock", LOCKS)(err)),
        }
    }
}

/// The lock of an overlay that nobody uses; nobody joins it as long as it is held.
fn free_lock(home: &Home, key: &str) -> Result<Option<File>, StoreError> {
    let lock = lock_file(home, key)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(err)) => Err(StoreError::io("lock", LOCKS)(err)),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
