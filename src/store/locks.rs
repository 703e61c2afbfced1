//! Locks between processes, all of them `flock`s that the system releases when their holder dies.
//!
//! The order is fixed; nobody takes an earlier one while holding a later one:
//! the switch lock → account locks (sorted by name) → the CLI's `auth.lock` → its `auth.json.lock` → the edit lock.
//! Two threads of one process exclude each other as well: each opens the lock file anew.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::time::Duration;

use super::error::StoreError;
use super::folder::Folder;
use super::home::{Home, INSTANCE_LOCK, LOCKS};
use super::live::Place;
use super::login_file::{AUTH, LoginFile};
use super::profiles;
use super::safe_file;
use crate::profile::{AuthFile, Fingerprint, ProfileName};

/// How often a held lock is tried again.
const POLL: Duration = Duration::from_millis(20);
/// Longer than a slow refresh (30 s), shorter than patience.
const ACCOUNT_PATIENCE: Duration = Duration::from_secs(45);
/// How often a login that changes under our hands is looked at anew.
const ROUNDS: u32 = 5;
const SWITCH: &str = "switch.lock";
const CLI_LOCK: &str = "auth.lock";
const ANOTHER_SWITCH: &str = "another switch";
const THE_LOGIN: &str = "the Codex login";
/// The CLI holds its locks for a rename.
const CLI_PATIENCE: Duration = Duration::from_secs(5);

/// One account's lock: whoever holds it may redeem its refresh token, and nobody else. Released when dropped.
#[derive(Debug)]
pub struct AccountLock {
    _file: File,
}

impl AccountLock {
    /// Waits up to 45 s.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when somebody else holds it that long.
    pub fn take(home: &Home, login: &AuthFile) -> Result<Self, StoreError> {
        Self::named(home, &account_lock_name(login))
    }

    /// Of a profile, whose login may change until the lock is held. `None` when its login does not say whose it is to be locked:
    /// there is none, or it cannot be read.
    pub(super) fn of_profile(home: &Home, name: &ProfileName) -> Result<Option<Self>, StoreError> {
        Self::of_folder(home, || profiles::folder_of(home, name))
    }

    /// The same of any directory with a login file, by how it is found.
    pub(super) fn of_folder(
        home: &Home,
        find: impl Fn() -> Result<Folder, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let lock_name = || -> Result<Option<String>, StoreError> {
            let file = LoginFile::read(home, &find()?, AUTH);
            // What cannot be read is never redeemed, so nobody else is at it.
            let login = file.ok().flatten().and_then(|file| file.login.ok());
            Ok(login.as_ref().map(account_lock_name))
        };
        for _ in 0..ROUNDS {
            let Some(wanted) = lock_name()? else {
                return Ok(None);
            };
            let lock = Self::named(home, &wanted)?;
            if lock_name()?.as_ref() == Some(&wanted) {
                return Ok(Some(lock));
            }
        }
        Err(StoreError::Busy("this account"))
    }

    /// Takes several in the order that everybody takes them in; a name given twice is taken once.
    pub(super) fn take_all(home: &Home, names: &[String]) -> Result<Vec<Self>, StoreError> {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        names.iter().map(|name| Self::named(home, name)).collect()
    }

    fn named(home: &Home, name: &str) -> Result<Self, StoreError> {
        let file = home.router_folder()?.make(LOCKS)?.open_lock(name)?;
        wait(home, &file, ACCOUNT_PATIENCE, "this account")?;
        Ok(Self { _file: file })
    }
}

/// The file name of an account's lock. A login that does not say whose it is goes by its refresh token, or by its whole text.
pub(super) fn account_lock_name(login: &AuthFile) -> String {
    match login.identity() {
        Some(identity) => identity.lock_name(),
        None => {
            let fingerprint = login
                .refresh_fingerprint()
                .unwrap_or_else(|| Fingerprint::of(&login.to_bytes()));
            format!("{}.lock", fingerprint.as_str())
        }
    }
}

/// Held for the length of a switch, so that two of them do not chase each other.
#[derive(Debug)]
pub(super) struct SwitchLock {
    _file: File,
}

impl SwitchLock {
    pub fn take(home: &Home) -> Result<Self, StoreError> {
        let file = home.router_folder()?.make(LOCKS)?.open_lock(SWITCH)?;
        wait(home, &file, ACCOUNT_PATIENCE, ANOTHER_SWITCH)?;
        Ok(Self { _file: file })
    }

    /// `None` when somebody else holds it this moment.
    pub fn take_if_free(home: &Home) -> Result<Option<Self>, StoreError> {
        let file = home.router_folder()?.make(LOCKS)?.open_lock(SWITCH)?;
        Ok(try_lock(&file)?.then_some(Self { _file: file }))
    }
}

/// The CLI's own two locks. To be held around read, compare and rename only (250 ms at most): a CLI that waits for them
/// holds a token that it has not saved yet (measured with codex-cli 0.169.0).
#[derive(Debug)]
pub(super) struct CliLocks {
    _first: File,
    _second: File,
}

impl CliLocks {
    /// Waits up to 5 s for each.
    pub fn take(home: &Home, live: &Place) -> Result<Self, StoreError> {
        Self::take_in(home, &home.folder()?, live)
    }

    /// The same of a directory of ours that somebody may use as a home of Codex. `None` when Codex never locked anything there.
    pub fn of_a_home_in_use(
        home: &Home,
        folder: &Folder,
        name: &OsStr,
    ) -> Result<Option<Self>, StoreError> {
        let place = Place {
            folder: folder.clone(),
            name: name.to_owned(),
            is_ours: true,
        };
        let is_used =
            folder.kind_of(CLI_LOCK)?.is_some() || folder.kind_of(place.lock_name())?.is_some();
        match is_used {
            true => Self::take_in(home, folder, &place).map(Some),
            false => Ok(None),
        }
    }

    /// The same of another home that Codex uses, by its directory.
    pub fn take_in(home: &Home, folder: &Folder, live: &Place) -> Result<Self, StoreError> {
        let first = folder.open_lock(CLI_LOCK)?;
        wait(home, &first, CLI_PATIENCE, THE_LOGIN)?;
        let second = live.folder.open_lock(live.lock_name())?;
        wait(home, &second, CLI_PATIENCE, THE_LOGIN)?;
        Ok(Self {
            _first: first,
            _second: second,
        })
    }
}

/// Held around reading, changing and writing one of our own small files (`router.json`, `state.json`).
#[derive(Debug)]
pub(super) struct EditLock {
    _file: File,
}

impl EditLock {
    pub fn take(home: &Home) -> Result<Self, StoreError> {
        let file = home.router_folder()?.make(LOCKS)?.open_lock("edit.lock")?;
        wait(home, &file, CLI_PATIENCE, "our own files")?;
        Ok(Self { _file: file })
    }
}

/// Says that this process is the one that serves this home. Held for life.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// `None` when another process holds it.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn take(home: &Home) -> Result<Option<Self>, StoreError> {
        let mut file = home.router_folder()?.open_lock(INSTANCE_LOCK)?;
        if !try_lock(&file)? {
            return Ok(None);
        }
        // For display only ([`Self::holder`]); the lock is the truth, and a full disk is no reason not to serve.
        let noted = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(err) = noted {
            tracing::warn!(error = %err, "the number of this process was not written down");
        }
        Ok(Some(Self { _file: file }))
    }

    /// Whether some process holds it. Makes no file.
    ///
    /// # Errors
    /// As of [`Self::take`].
    pub fn is_held(home: &Home) -> Result<bool, StoreError> {
        let Some(router) = home.router_folder_if_there()? else {
            return Ok(false);
        };
        match router.open_lock_if_there(INSTANCE_LOCK)? {
            None => Ok(false),
            Some(file) => Ok(!try_lock(&file)?),
        }
    }

    /// The process id that the last holder wrote down.
    pub fn holder(home: &Home) -> Option<u32> {
        let text = safe_file::read_text(&home.instance_lock()).ok()??; // for display; unknown is an answer, too
        text.trim().parse().ok()
    }
}

fn wait(
    home: &Home,
    file: &File,
    patience: Duration,
    what: &'static str,
) -> Result<(), StoreError> {
    let mut waited = Duration::ZERO;
    while !try_lock(file)? {
        if waited >= patience {
            return Err(StoreError::Busy(what));
        }
        home.pause(POLL);
        waited += POLL;
    }
    Ok(())
}

fn try_lock(file: &File) -> Result<bool, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(err)) if err.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(TryLockError::Error(err)) => Err(StoreError::io("lock", LOCKS)(err)),
    }
}

/// Waits until nobody hangs on the switch lock or on one of the CLI's. Makes no lock that nobody ever took.
///
/// # Errors
/// [`StoreError::Busy`] when somebody holds one for longer than anybody should.
pub fn look(home: &Home) -> Result<(), StoreError> {
    let locks = match home.router_folder_if_there()? {
        Some(router) => router.child(LOCKS)?,
        None => None,
    };
    let live = Place::find(home)?;
    let switch = locks
        .map(|locks| locks.open_lock_if_there(SWITCH))
        .transpose()?;
    let all = [
        (switch.flatten(), ACCOUNT_PATIENCE, ANOTHER_SWITCH),
        (
            home.folder()?.open_lock_if_there(CLI_LOCK)?,
            CLI_PATIENCE,
            THE_LOGIN,
        ),
        (
            live.folder.open_lock_if_there(live.lock_name())?,
            CLI_PATIENCE,
            THE_LOGIN,
        ),
    ];
    let mut held = Vec::new();
    for (file, patience, what) in all {
        if let Some(file) = file {
            wait(home, &file, patience, what)?;
            held.push(file);
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::store::testing::{TestHome, login, mode_of};

    #[test]
    fn a_held_account_lock_is_polled_for_45_seconds_and_then_refused() {
        let home = TestHome::new();
        let _held = AccountLock::take(&home, &login("ana", 1)).unwrap();
        let pauses = Arc::new(AtomicU32::new(0));
        let counting = Arc::clone(&pauses);
        let other = home.with_pause(move |time| {
            assert_eq!(time, POLL);
            counting.fetch_add(1, Ordering::Relaxed);
        });
        let refused = AccountLock::take(&other, &login("ana", 2)).unwrap_err();
        assert!(matches!(refused, StoreError::Busy(_)));
        assert_eq!(pauses.load(Ordering::Relaxed), 45_000 / 20);
        AccountLock::take(&other, &login("bob", 1)).unwrap();
    }

    #[test]
    fn looking_at_the_locks_makes_none_and_sees_who_hangs_on_one() {
        let temp = tempfile::tempdir().unwrap();
        let home = Home::at(temp.path()).unwrap().with_pause(|_| {});
        look(&home).unwrap();
        assert!(!InstanceLock::is_held(&home).unwrap());
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);

        let switch = SwitchLock::take(&home).unwrap();
        assert!(matches!(look(&home), Err(StoreError::Busy(ANOTHER_SWITCH))));
        drop(switch);
        let cli = CliLocks::take(&home, &Place::find(&home).unwrap()).unwrap();
        assert!(matches!(look(&home), Err(StoreError::Busy(THE_LOGIN))));
        drop(cli);
        look(&home).unwrap();
        let _serving = InstanceLock::take(&home).unwrap().unwrap();
        assert!(InstanceLock::is_held(&home).unwrap());
    }

    #[test]
    fn a_lock_that_is_released_while_we_wait_is_taken() {
        let home = TestHome::new();
        let held = Mutex::new(Some(AccountLock::take(&home, &login("ana", 1)).unwrap()));
        let other = home.with_pause(move |_| drop(held.lock().unwrap().take()));
        AccountLock::take(&other, &login("ana", 1)).unwrap();
    }

    #[test]
    fn both_sides_of_a_switch_are_locked_once_and_in_one_order() {
        let home = TestHome::new();
        let name = |user| account_lock_name(&login(user, 1));
        let names = [name("bob"), name("ana"), name("bob")];
        assert_eq!(AccountLock::take_all(&home, &names).unwrap().len(), 2);
    }

    #[test]
    fn the_locks_of_the_cli_are_closed_to_others_and_stay() {
        let home = TestHome::new();
        drop(CliLocks::take(&home, &Place::find(&home).unwrap()).unwrap());
        for name in ["auth.lock", "auth.json.lock"] {
            assert_eq!(mode_of(&home.root().join(name)), 0o600);
        }
    }

    #[test]
    fn we_wait_for_the_cli_as_it_waits_for_us() {
        let home = TestHome::new();
        let theirs = File::create(home.root().join("auth.json.lock")).unwrap();
        theirs.lock().unwrap();
        let place = Place::find(&home).unwrap();
        assert!(matches!(
            CliLocks::take(&home, &place),
            Err(StoreError::Busy(_))
        ));
        theirs.unlock().unwrap();
        CliLocks::take(&home, &place).unwrap();
    }

    #[test]
    fn there_is_one_instance_until_it_ends() {
        let home = TestHome::new();
        let first = InstanceLock::take(&home).unwrap().unwrap();
        assert!(InstanceLock::take(&home).unwrap().is_none());
        assert_eq!(InstanceLock::holder(&home), Some(std::process::id()));
        drop(first);
        assert!(InstanceLock::take(&home).unwrap().is_some());
    }
}
