//! A home for one terminal: `router/overlays/<account>/`, with the login of one account and everything else of the real home.
//!
//! What Codex rotates there is one more live copy of the account's login, so it obeys the rules of the live file: it is taken home
//! when it is newer, and gets what was rotated elsewhere ([`super::rotation::publish`]). Whoever uses an overlay holds a shared
//! lock, and so do the programs started in it: the login is taken out by the last one, or, where that was killed, by whoever comes
//! next. The links stay, because Codex writes down where it found a session.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::attic;
use super::error::StoreError;
use super::folder::{Folder, Kind};
use super::home::{CURRENT_PROFILE, Home, LIVE, LOCKS, OVERLAYS, PROFILES, ROUTER};
use super::live::Place;
use super::locks::{AccountLock, CliLocks};
use super::login_file::{AUTH, LoginFile};
use super::{profiles, rotation, safe_file};
use crate::profile::{AuthFile, Credentials, Profile, ProfileName};

/// Says that a directory is one of ours; whoever is called with it as its home means the real one.
pub(super) const MARK: &str = ".codex-router-overlay";
/// The settings of Codex, which may differ here.
const CONFIG: &str = "config.toml";
/// Directories that Codex makes when it needs them: here they must be the real ones from the beginning.
const FOLDERS: [&str; 9] = [
    "sessions",
    "archived_sessions",
    "prompts",
    "skills",
    "rules",
    "memories",
    "log",
    "thread-writer-locks",
    "mcp-oauth-locks",
];
/// A file that Codex appends to; a link to nothing is followed when it is made.
const HISTORY: &str = "history.jsonl";
const LOCK_POLL: Duration = Duration::from_millis(20);
/// Longer than taking one down may last.
const LOCK_PATIENCE: Duration = Duration::from_secs(50);

/// An overlay in use. Dropping it leaves everything as it is, for the next start to take down.
#[derive(Debug)]
pub struct Overlay {
    home: Home,
    name: ProfileName,
    root: PathBuf,
    /// What its own settings were when it was made, where they are not the real ones.
    config: Option<String>,
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
    /// When the account has no login that Codex could use, or the overlay cannot be made.
    pub fn open(
        home: &Home,
        name: &ProfileName,
        config: Option<&str>,
        now: SystemTime,
    ) -> Result<Self, StoreError> {
        let lock = lock_file(home, name)?;
        shared(home, &lock)?;
        let folder = home.router_folder()?.make(OVERLAYS)?.make(name.as_str())?;
        let overlay = Self {
            home: home.clone(),
            name: name.clone(),
            root: home.overlays_dir().join(name.as_str()),
            config: config.map(str::to_owned),
            lock,
        };
        let own = overlay.config.as_deref().unwrap_or_default();
        safe_file::replace_in(&folder, MARK, own.as_bytes())?;
        overlay.link(&folder)?;
        overlay.sign_in(&folder, now)?;
        Ok(overlay)
    }

    /// `CODEX_HOME` of what is started in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Held by whoever uses the overlay: a program that inherits it keeps the overlay alive, whatever becomes of us.
    pub fn lock(&self) -> &File {
        &self.lock
    }

    /// Makes both sides of the account's login the newer one.
    ///
    /// # Errors
    /// When one of them cannot be read or written.
    pub fn reconcile(&self, now: SystemTime) -> Result<Option<ProfileName>, StoreError> {
        let took = take_home_from(&self.home, &self.name, now)?;
        let Some(folder) = folder_of(&self.home, &self.name)? else {
            return Ok(took);
        };
        self.sign_in(&folder, now)?;
        Ok(took)
    }

    /// Gives the overlay back; the last one takes the login out of it.
    ///
    /// # Errors
    /// When a newer login cannot be taken home: then everything stays, for the next start.
    pub fn close(self, now: SystemTime) -> Result<TakenDown, StoreError> {
        let Self {
            home, name, lock, ..
        } = self;
        // Closed, not unlocked: what was started here and still runs holds the same lock.
        drop(lock);
        match free_lock(&home, &name)? {
            Some(_alone) => take_down(&home, &name, now),
            // Somebody else still works here; what was rotated is brought home all the same.
            None => Ok(TakenDown {
                took_home: take_home_from(&home, &name, now)?,
                kept: None,
            }),
        }
    }

    /// The login of the account, unless a newer one of it is here.
    fn sign_in(&self, folder: &Folder, now: SystemTime) -> Result<(), StoreError> {
        let profile = profiles::load(&self.home, &self.name)?;
        let login = usable(&profile)?;
        let _account = AccountLock::take(&self.home, login)?;
        // Whoever held the lock may have rotated it.
        let profile = profiles::load(&self.home, &self.name)?;
        let newer = rotation::find_successor(&self.home, &profile)?
            .or_else(|| rotation::find_newer(&self.home, &profile));
        if let Some(newer) = &newer {
            profiles::write_login(&self.home, &self.name, newer, now)?;
        }
        let login = match &newer {
            Some(newer) => newer,
            None => usable(&profile)?,
        };
        let present = LoginFile::read(&self.home, folder, AUTH)?;
        if let Some(file) = &present
            && let Ok(here) = &file.login
        {
            if here.same_login(login) || (here.same_account(login) && here.is_newer_than(login)) {
                return Ok(());
            }
            if !here.same_account(login) {
                keep_foreign(&self.home, file, now)?;
            }
        }
        let place = place_in(folder);
        let _cli_waits = CliLocks::take_in(&self.home, folder, &place)?;
        safe_file::replace_in(folder, AUTH, &login.for_cli(now).to_bytes())
    }

    /// Everything of the real home that an overlay shares.
    fn link(&self, folder: &Folder) -> Result<(), StoreError> {
        let real = self.home.folder()?;
        for name in FOLDERS {
            if real.kind_of(name)?.is_none() {
                real.make(name)?;
            }
        }
        let names = real
            .names()?
            .into_iter()
            .chain([OsString::from(HISTORY)])
            .filter(|name| is_shared(name));
        for name in names {
            let is_own = name == CONFIG && self.config.is_some();
            let kind = folder.kind_of(&name)?;
            if is_own && kind == Some(Kind::Link) {
                folder.remove_file(&name)?;
            }
            if !is_own && kind.is_none() {
                link(&self.home.root().join(&name), &self.root.join(&name))
                    .map_err(StoreError::io("link into the overlay", &name))?;
            }
        }
        if let Some(text) = &self.config
            && folder.kind_of(CONFIG)?.is_none()
        {
            safe_file::replace_in(folder, CONFIG, text.as_bytes())?;
        }
        Ok(())
    }
}

/// The overlays that there are, as their accounts and their directories.
pub(super) fn all(home: &Home) -> Vec<(ProfileName, Folder)> {
    let folder = || -> Result<Option<Folder>, StoreError> {
        match home.router_folder_if_there()? {
            Some(router) => router.child(OVERLAYS),
            None => Ok(None),
        }
    };
    let names = |folder: Folder| -> Result<Vec<_>, StoreError> {
        let mut found = Vec::new();
        for name in folder.names()? {
            let name = name
                .to_str()
                .and_then(|name| ProfileName::existing(name).ok());
            if let Some(name) = name
                && folder.kind_of(name.as_str())? == Some(Kind::Folder)
                && let Some(below) = folder.child(name.as_str())?
            {
                found.push((name, below));
            }
        }
        Ok(found)
    };
    let found = folder().and_then(|folder| folder.map_or(Ok(Vec::new()), names));
    found.unwrap_or_else(|err| {
        tracing::warn!(error = %err, "the overlays cannot be looked at");
        Vec::new()
    })
}

/// The logins in overlays.
pub(super) fn logins(home: &Home) -> Vec<AuthFile> {
    let read = |(_, folder): (ProfileName, Folder)| {
        LoginFile::read(home, &folder, AUTH).ok()??.login.ok() // shown by whoever uses it
    };
    all(home).into_iter().filter_map(read).collect()
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
/// When a login cannot be read or written.
pub fn take_home(home: &Home, now: SystemTime) -> Result<Vec<ProfileName>, StoreError> {
    let mut taken = Vec::new();
    for (name, _folder) in all(home) {
        taken.extend(take_home_from(home, &name, now)?);
    }
    Ok(taken)
}

/// Takes the logins out of overlays that nobody uses any more: of terminals that were killed.
///
/// # Errors
/// When a newer login cannot be taken home: then it stays where it is.
pub fn sweep(home: &Home, now: SystemTime) -> Result<(), StoreError> {
    for (name, folder) in all(home) {
        if folder.kind_of(AUTH)?.is_some()
            && let Some(_alone) = free_lock(home, &name)?
        {
            let taken = take_down(home, &name, now)?;
            tracing::info!(profile = %name, took_home = taken.took_home.is_some(), "an abandoned terminal was tidied up");
        }
    }
    Ok(())
}

/// With the exclusive lock held.
fn take_down(home: &Home, name: &ProfileName, now: SystemTime) -> Result<TakenDown, StoreError> {
    let took_home = take_home_from(home, name, now)?;
    let Some(folder) = folder_of(home, name)? else {
        return Ok(TakenDown {
            took_home,
            kept: None,
        });
    };
    let root = home.overlays_dir().join(name.as_str());
    // Settings of its own that nobody has touched are not worth keeping.
    if folder.kind_of(CONFIG)? == Some(Kind::File)
        && let Some(own) = safe_file::read_in(&folder, MARK)?
        && let Some(present) = safe_file::read_in(&folder, CONFIG)?
        && own.bytes == present.bytes
    {
        folder.remove_file(CONFIG.as_ref())?;
    }
    let kept = bring_back(home, &root, name, now)
        .map_err(StoreError::io("bring files home from", &root))?;
    // Of a writing that was cut off.
    for temporary in safe_file::temporaries_of(&folder, AUTH)? {
        folder.remove_file(&temporary)?;
    }
    if folder.kind_of(AUTH)?.is_some() {
        folder.remove_file(AUTH.as_ref())?;
        folder.sync()?;
    }
    Ok(TakenDown { took_home, kept })
}

/// What stands in the overlay, taken into the profile of its account if it is newer there; kept aside if no profile holds it.
fn take_home_from(
    home: &Home,
    name: &ProfileName,
    now: SystemTime,
) -> Result<Option<ProfileName>, StoreError> {
    let Some(folder) = folder_of(home, name)? else {
        return Ok(None);
    };
    let Some(file) = LoginFile::read(home, &folder, AUTH)? else {
        return Ok(None); // signed out in there
    };
    let Ok(login) = &file.login else {
        attic::displace(home, &file.contents.bytes, now)?;
        return Ok(None);
    };
    let _account = AccountLock::take(home, login)?;
    let Some(file) = LoginFile::read(home, &folder, AUTH)? else {
        return Ok(None);
    };
    let Ok(login) = &file.login else {
        return Ok(None);
    };
    let held = profiles::load_all(home)?.profiles;
    let mut taken = None;
    let mut has_holder = false;
    for holder in profiles::holders(&held, login) {
        has_holder = true;
        if let Ok(old) = &holder.login
            && login.is_newer_than(old)
        {
            rotation::adopt(home, holder, login, now)?;
            taken = Some(holder.name.clone());
        }
    }
    if !has_holder {
        keep_foreign(home, &file, now)?;
    }
    Ok(taken)
}

/// Somebody signed in with another account in there.
fn keep_foreign(home: &Home, file: &LoginFile, now: SystemTime) -> Result<(), StoreError> {
    let path = attic::displace(home, &file.contents.bytes, now)?;
    tracing::warn!(file = %path.display(), "a login that no account holds was kept aside");
    Ok(())
}

/// Moves what was made in the overlay into the real home. What is there already, and another, is kept apart.
fn bring_back(
    home: &Home,
    root: &Path,
    name: &ProfileName,
    now: SystemTime,
) -> io::Result<Option<PathBuf>> {
    let secs = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let aside = home
        .router_dir()
        .join("overlay-files")
        .join(format!("{name}-{secs}"));
    let mut is_kept = false;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let file = entry.file_name();
        if entry.file_type()?.is_symlink() || !is_shared(&file) {
            continue;
        }
        is_kept |= merge(&entry.path(), &home.root().join(&file), &aside.join(&file))?;
    }
    Ok(is_kept.then_some(aside))
}

/// Whether something had to go aside.
fn merge(from: &Path, to: &Path, aside: &Path) -> io::Result<bool> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if !to.exists() && !to.is_symlink() {
        fs::rename(from, to)?;
        return Ok(false);
    }
    if kind.is_dir() && to.is_dir() {
        let mut is_kept = false;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            is_kept |= merge(&from.join(&name), &to.join(&name), &aside.join(&name))?;
        }
        return Ok(is_kept);
    }
    if !kind.is_file() {
        return Ok(false);
    }
    if to.is_file() && fs::read(from)? == fs::read(to)? {
        fs::remove_file(from)?;
        return Ok(false);
    }
    if let Some(parent) = aside.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(from, aside)?;
    Ok(true)
}

/// Everything but what is ours, the login with its locks, and what a database keeps beside itself.
fn is_shared(name: &OsStr) -> bool {
    let Some(text) = name.to_str() else {
        return false;
    };
    let is_ours = matches!(
        text,
        PROFILES | ROUTER | CURRENT_PROFILE | LIVE | MARK | "auth.lock" | "auth.json.lock"
    );
    let is_temporary = text.starts_with('.') && text.ends_with(".tmp");
    let is_beside = ["-wal", "-shm", "-journal"]
        .iter()
        .any(|end| text.ends_with(end));
    !is_ours && !is_temporary && !is_beside
}

pub(super) fn place_in(folder: &Folder) -> Place {
    Place {
        folder: folder.clone(),
        name: AUTH.into(),
    }
}

fn folder_of(home: &Home, name: &ProfileName) -> Result<Option<Folder>, StoreError> {
    let Some(router) = home.router_folder_if_there()? else {
        return Ok(None);
    };
    match router.child(OVERLAYS)? {
        Some(overlays) => overlays.child(name.as_str()),
        None => Ok(None),
    }
}

/// A login that Codex can use by itself.
fn usable(profile: &Profile) -> Result<&AuthFile, StoreError> {
    let login = profile
        .login
        .as_ref()
        .map_err(|reason| StoreError::UnreadableProfile {
            name: profile.name.clone(),
            reason: reason.clone(),
        })?;
    let is_refused = login
        .chatgpt()
        .is_some_and(|chatgpt| profile.side.rejects(chatgpt));
    match login.credentials() {
        Credentials::Endpoint(_) => Err(StoreError::NotForCodex(profile.name.clone())),
        _ if is_refused => Err(StoreError::SignInAgain(profile.name.clone())),
        Credentials::ChatGpt(_) | Credentials::ApiKey { .. } | Credentials::Other { .. } => {
            Ok(login)
        }
    }
}

fn lock_file(home: &Home, name: &ProfileName) -> Result<File, StoreError> {
    let locks = home.router_folder()?.make(LOCKS)?;
    locks.open_lock(format!("overlay-{name}.lock"))
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
                return Err(StoreError::Busy("this account's terminal"));
            }
            Err(fs::TryLockError::Error(err)) => return Err(StoreError::io("lock", LOCKS)(err)),
        }
    }
}

/// The lock of an overlay that nobody uses; nobody joins it as long as it is held.
fn free_lock(home: &Home, name: &ProfileName) -> Result<Option<File>, StoreError> {
    let lock = lock_file(home, name)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(err)) => Err(StoreError::io("lock", LOCKS)(err)),
    }
}

#[cfg(unix)]
fn link(real: &Path, here: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(real, here)
}

/// Needs the right to make links, which Windows gives in its developer mode.
#[cfg(not(unix))]
fn link(real: &Path, here: &Path) -> io::Result<()> {
    if real.is_dir() {
        std::os::windows::fs::symlink_dir(real, here)
    } else {
        std::os::windows::fs::symlink_file(real, here)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
