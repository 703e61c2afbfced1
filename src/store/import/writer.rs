//! Writing what was found: each account whole or not at all, many of them at a time.
//!
//! A disk takes a few milliseconds to sync, so the accounts of a batch are written beside each other: each into a hidden
//! directory of its own, which is complete and synced before it gets its name.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::import_text;
use crate::profile::{AuthFile, Fingerprint, Origin, ProfileName, SideFile};
use crate::store::attic;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, Kind};
use crate::store::home::{Home, PROFILES};
use crate::store::live::{self, Place};
use crate::store::locks::{AccountLock, EditLock, account_lock_name};
use crate::store::login_file::AUTH;
use crate::store::profiles::{self, SIDE};
use crate::store::rotation::{self, Replaced};
use crate::store::safe_file::{self, is_temporary};

/// A login to be written.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Of a new profile; the account may have one already, which keeps its own.
    pub name: ProfileName,
    pub login: AuthFile,
    /// Of a new profile.
    pub side: SideFile,
    /// Where it was found, if in a file: as of [`super::Found`].
    pub file: Option<PathBuf>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Added,
    Updated,
    /// It was there already.
    Same,
}

/// Accounts that are written beside each other. Their locks are held meanwhile: a tenth of a second.
const BATCH: usize = 32;
/// More syncs at a time go no faster (measured on ext4: 0.55 ms an account, one at a time 14 ms).
const WRITERS: usize = 16;
/// As of all temporary files.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// Writes these logins in their order, and tells the end of each by its place; between two batches it can be stopped.
///
/// An account that is there already gets its login only if it is newer than what its profiles and Codex hold; the old one is
/// kept as a backup, and if Codex uses it, Codex gets the new one as after a refresh.
///
/// # Errors
/// When the profiles cannot be looked at. What goes wrong with one account is told for that one.
pub fn write(
    home: &Home,
    incoming: &[Incoming],
    now: SystemTime,
    mut told: impl FnMut(usize, Result<Taken, StoreError>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let incoming = &as_they_are_by_now(incoming, now);
    let mut held = Held::read(home)?;
    let mut place = 0;
    while place < incoming.len() {
        let batch = held.next_batch(incoming.get(place..).unwrap_or_default());
        let results: Vec<_> = match batch {
            Batch::New(accounts) => {
                let results = create_all(home, accounts, &mut held, now);
                for (account, result) in accounts.iter().zip(&results) {
                    if result.is_ok() {
                        held.add(&account.name, &account.login);
                    }
                }
                results
            }
            Batch::Known(account, holders) => vec![update(home, &holders, account, now)],
        };
        for result in results {
            if told(place, result).is_break() {
                return Ok(());
            }
            place += 1;
        }
    }
    Ok(())
}

/// With what their files hold by now: since they were looked at, a program that uses one of them may have renewed it.
fn as_they_are_by_now(incoming: &[Incoming], now: SystemTime) -> Vec<Incoming> {
    let mut files: HashMap<&Path, HashMap<Fingerprint, AuthFile>> = HashMap::new();
    let mut fresh = Vec::with_capacity(incoming.len());
    for account in incoming {
        let mut account_now = account.clone();
        if let Some(file) = &account.file {
            let held = files
                .entry(file.as_path())
                .or_insert_with(|| newest_logins_in(file, now));
            let newer = account
                .login
                .account_keys()
                .find_map(|key| held.get(&key))
                .filter(|found| found.same_account(&account.login))
                .filter(|found| found.is_newer_than(&account.login));
            if let Some(newer) = newer {
                account_now.login = newer.clone();
            }
        }
        fresh.push(account_now);
    }
    fresh
}

/// By what their accounts are known by. A file that is gone or cannot be read any more has nothing newer.
fn newest_logins_in(file: &Path, now: SystemTime) -> HashMap<Fingerprint, AuthFile> {
    let candidates = super::read_named(file)
        .ok()
        .and_then(|text| import_text::read(&text, now).ok());
    let mut newest: HashMap<Fingerprint, AuthFile> = HashMap::new();
    for login in candidates
        .into_iter()
        .flatten()
        .filter_map(|candidate| candidate.login.ok())
    {
        for key in login.account_keys() {
            let is_newer = newest
                .get(&key)
                .is_none_or(|held| login.is_newer_than(held));
            if is_newer {
                newest.insert(key, login.clone());
            }
        }
    }
    newest
}

/// Which accounts have a profile.
#[derive(Default)]
struct Held {
    by_key: HashMap<Fingerprint, Vec<ProfileName>>,
    /// What has been looked at below `profiles/`.
    seen: HashSet<OsString>,
}

enum Batch<'a> {
    New(&'a [Incoming]),
    Known(&'a Incoming, Vec<ProfileName>),
}

impl Held {
    fn read(home: &Home) -> Result<Self, StoreError> {
        let mut held = Self::default();
        held.look_again(home)?;
        Ok(held)
    }

    /// Takes note of the profiles that have come since.
    fn look_again(&mut self, home: &Home) -> Result<(), StoreError> {
        let Some(profiles) = home.folder()?.child(PROFILES)? else {
            return Ok(());
        };
        for entry in profiles.names()? {
            if is_temporary(&entry) || !self.seen.insert(entry.clone()) {
                continue;
            }
            let name = entry.to_str().map(ProfileName::existing);
            if let Some(Ok(name)) = name
                && let Ok(profile) = profiles::load(home, &name)
                && let Ok(login) = &profile.login
            {
                self.add(&name, login);
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &ProfileName, login: &AuthFile) {
        self.seen.insert(name.as_str().into());
        for key in login.account_keys() {
            self.by_key.entry(key).or_default().push(name.clone());
        }
    }

    fn holders(&self, login: &AuthFile) -> Vec<ProfileName> {
        let mut holders: Vec<_> = login
            .account_keys()
            .filter_map(|key| self.by_key.get(&key))
            .flatten()
            .cloned()
            .collect();
        holders.sort();
        holders.dedup();
        holders
    }

    fn refuse_known(&self, login: &AuthFile) -> Result<(), StoreError> {
        match self.holders(login).into_iter().next() {
            Some(name) => Err(StoreError::AlreadySaved {
                name,
                is_updated: false,
            }),
            None => Ok(()),
        }
    }

    /// The accounts that can be written beside each other next: none of them twice, none that has a profile.
    fn next_batch<'a>(&self, incoming: &'a [Incoming]) -> Batch<'a> {
        let mut accounts = HashSet::new();
        let is_next = |account: &&Incoming| {
            self.holders(&account.login).is_empty()
                && account.login.account_keys().all(|key| accounts.insert(key))
        };
        let new = incoming.iter().take(BATCH).take_while(is_next).count();
        match (new, incoming.first()) {
            (0, Some(first)) => Batch::Known(first, self.holders(&first.login)),
            _ => Batch::New(incoming.get(..new).unwrap_or_default()),
        }
    }
}

/// Makes a profile of each.
fn create_all(
    home: &Home,
    accounts: &[Incoming],
    held: &mut Held,
    now: SystemTime,
) -> Vec<Result<Taken, StoreError>> {
    let mut results: Vec<Option<StoreError>> = accounts.iter().map(|_| None).collect();
    let mut refuse = |place: usize, err: StoreError| {
        if let Some(result) = results.get_mut(place) {
            result.get_or_insert(err);
        }
    };
    // In the order in which everybody takes them.
    let mut in_order: Vec<_> = accounts.iter().enumerate().collect();
    in_order.sort_by_key(|(_, account)| account_lock_name(&account.login));
    let mut locks = Vec::new();
    let mut locked = Vec::new();
    for (place, account) in in_order {
        match AccountLock::take(home, &account.login) {
            Ok(lock) => {
                locks.push(lock);
                locked.push((place, account));
            }
            Err(err) => refuse(place, err),
        }
    }
    let live = super::live_login(home);
    // Somebody may have signed in while we waited for the locks: two profiles of one account end each other.
    let looked = held.look_again(home).map_err(|err| err.to_string());
    let mut fit = Vec::new();
    for (place, account) in locked {
        let looked = looked.clone().map_err(StoreError::NotWritten);
        let checked = looked
            .and_then(|()| held.refuse_known(&account.login))
            .and_then(|()| refuse_older_than(live.as_ref(), &account.login))
            .and_then(|()| refuse_unsafe_name(&account.name));
        match checked {
            Ok(()) => fit.push((place, account)),
            Err(err) => refuse(place, err),
        }
    }
    fit.sort_by_key(|(place, _)| *place);
    if let Err(err) = put_in_place(home, &fit, now, &mut refuse) {
        // Nothing of this batch has its name yet, or the directory could not be synced: nobody may call that done.
        let reason = err.to_string();
        for (place, _) in fit {
            refuse(place, StoreError::NotWritten(reason.clone()));
        }
    }
    results
        .into_iter()
        .map(|refused| refused.map_or(Ok(Taken::Added), Err))
        .collect()
}

fn put_in_place(
    home: &Home,
    fit: &[(usize, &Incoming)],
    now: SystemTime,
    refuse: &mut dyn FnMut(usize, StoreError),
) -> Result<(), StoreError> {
    if fit.is_empty() {
        return Ok(());
    }
    let profiles = home.folder()?.make(PROFILES)?;
    let mut built = Vec::new();
    std::thread::scope(|scope| {
        let share = fit.len().div_ceil(WRITERS);
        let writers: Vec<_> = fit
            .chunks(share)
            .map(|some| {
                let profiles = &profiles;
                scope.spawn(move || {
                    let build = |(place, account): &(usize, &Incoming)| {
                        (*place, Building::new(profiles, account, now))
                    };
                    some.iter().map(build).collect::<Vec<_>>()
                })
            })
            .collect();
        for writer in writers {
            built.extend(writer.join().unwrap_or_default()); // a panic: its accounts are told below
        }
    });
    let _only_one_at_a_time = EditLock::take(home)?;
    let mut taken = TakenNames::read(&profiles)?;
    let mut ended = HashSet::new();
    for (place, building) in built {
        ended.insert(place);
        if let Err(err) = building.and_then(|building| building.publish(&mut taken)) {
            refuse(place, err);
        }
    }
    for (place, _) in fit.iter().filter(|(place, _)| !ended.contains(place)) {
        refuse(
            *place,
            StoreError::NotWritten("the file work broke off".into()),
        );
    }
    profiles.sync()
}

/// A profile in the making. Dropped before it has its name, it leaves nothing behind.
struct Building {
    profiles: Folder,
    name: ProfileName,
    hidden: OsString,
    is_published: bool,
}

impl Building {
    fn new(profiles: &Folder, account: &Incoming, now: SystemTime) -> Result<Self, StoreError> {
        let hidden = OsString::from(format!(
            ".{}.{:016x}.tmp",
            account.name,
            rand::random::<u64>()
        ));
        profiles.make_new(&hidden)?;
        // From here on it is removed, whatever fails.
        let building = Self {
            profiles: profiles.clone(),
            name: account.name.clone(),
            hidden,
            is_published: false,
        };
        let folder = profiles.child(&building.hidden)?.ok_or_else(|| {
            StoreError::NotWritten("somebody removed the unfinished account".into())
        })?;
        let mut side = account.side.clone();
        side.set_came_by(Origin::Import, now);
        let (side, login) = (side.to_bytes(), account.login.to_bytes());
        safe_file::write_all_in(&folder, &[(SIDE, &side), (AUTH, &login)])?;
        Ok(building)
    }

    /// Gives it its name.
    fn publish(mut self, taken: &mut TakenNames) -> Result<(), StoreError> {
        let wanted = self.name.clone();
        if let Some(holder) = taken.holder(&wanted) {
            if !profiles::is_empty_folder(&self.profiles, holder.as_str().as_ref())? {
                let holder = holder.clone();
                return Err(StoreError::NameTaken { wanted, holder });
            }
            // An interrupted making of a profile left it.
            self.profiles.remove_folder(holder.as_str().as_ref())?;
        }
        self.profiles
            .rename(&self.hidden, wanted.as_str().as_ref())?;
        self.is_published = true;
        taken.add(wanted);
        Ok(())
    }
}

/// The names of all that lies below `profiles/`, as a file system sees them that makes no difference between upper and lower case.
struct TakenNames(HashMap<String, ProfileName>);

impl TakenNames {
    fn read(profiles: &Folder) -> Result<Self, StoreError> {
        let mut taken = Self(HashMap::new());
        for entry in profiles.names()? {
            // Another kind of name cannot be the same.
            if let Some(Ok(name)) = entry.to_str().map(ProfileName::existing) {
                taken.add(name);
            }
        }
        Ok(taken)
    }

    fn holder(&self, name: &ProfileName) -> Option<&ProfileName> {
        self.0.get(&name.as_str().to_lowercase())
    }

    fn add(&mut self, name: ProfileName) {
        self.0.insert(name.as_str().to_lowercase(), name);
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if !self.is_published
            && let Err(err) = remove_hidden(&self.profiles, &self.hidden)
        {
            tracing::debug!(error = %err, "an unfinished profile stays until the next start");
        }
    }
}

/// Gives a newer login to every profile of its account.
fn update(
    home: &Home,
    holders: &[ProfileName],
    account: &Incoming,
    now: SystemTime,
) -> Result<Taken, StoreError> {
    let login = &account.login;
    let mut locks = vec![account_lock_name(login)];
    for name in holders {
        if let Ok(held) = profiles::load(home, name)?.login {
            locks.push(account_lock_name(&held));
        }
    }
    let _locks = AccountLock::take_all(home, &locks)?;
    refuse_older_than(super::live_login(home).as_ref(), login)?;
    let mut outdated = Vec::new();
    let mut is_same = false;
    for name in holders {
        let profile = match profiles::load(home, name) {
            Ok(profile) => profile,
            Err(StoreError::NoSuchProfile(_)) => continue, // deleted meanwhile
            Err(err) => return Err(err),
        };
        let held = match &profile.login {
            Ok(held) => held.clone(),
            Err(reason) => {
                return Err(StoreError::UnreadableProfile {
                    name: name.clone(),
                    reason: reason.clone(),
                });
            }
        };
        if held.same_login(login) {
            is_same = true;
        } else if held.same_account(login) && login.is_newer_than(&held) {
            outdated.push((profile, held));
        } else {
            return Err(StoreError::NewerHeld(name.clone()));
        }
    }
    let mut is_live = false;
    for (profile, _) in &outdated {
        let name = &profile.name;
        is_live |= rotation::adopt(home, profile, login, now)?;
        let noted = profiles::edit_side(home, name, |side| side.set_came_by(Origin::Import, now));
        if let Err(err) = noted {
            tracing::warn!(profile = %name, error = %err, "could not note where a login came from");
        }
    }
    let (kept, taken) = match outdated.first() {
        Some((_, held)) => (held, Taken::Updated),
        // An import that was cut off may have left Codex behind.
        None if is_same => (login, Taken::Same),
        None => return Err(StoreError::Busy("this account")),
    };
    // Nothing is left to look for, and nothing that can go wrong with it.
    if is_live {
        return Ok(taken);
    }
    give_to_codex(home, kept, login, now).map_err(|err| StoreError::OnlySaved {
        name: holders.first().unwrap_or(&account.name).clone(),
        reason: err.to_string(),
    })?;
    Ok(taken)
}

/// If Codex holds an older login of this account, it gets the new one, as after a refresh.
fn give_to_codex(
    home: &Home,
    kept: &AuthFile,
    login: &AuthFile,
    now: SystemTime,
) -> Result<(), StoreError> {
    if live::credential_store(home).is_some() {
        return Ok(()); // Codex does not look at the file
    }
    let Some(file) = Place::find(home)?.read(home)? else {
        return Ok(());
    };
    let Ok(old) = &file.login else {
        return Ok(()); // shown elsewhere
    };
    let Some(token) = old.refresh_fingerprint() else {
        return Ok(());
    };
    if !old.same_account(login) || !login.is_newer_than(old) {
        return Ok(());
    }
    if !old.same_login(kept) {
        attic::displace(home, &file.contents.bytes, now)?;
    }
    let replaced = Replaced::redeemed(&token, &[]);
    let published = rotation::publish(home, &replaced, login, now);
    match (published, super::live_login(home)) {
        (Ok(_written), _) => Ok(()),
        // In its place, and only its sync failed.
        (Err(err), Some(live)) if live.same_login(login) => {
            tracing::warn!(error = %err, "Codex has its login, which may not survive a loss of power");
            Ok(())
        }
        (Err(err), _) => Err(err),
    }
}

/// A login that Codex has renewed since is spent.
fn refuse_older_than(live: Option<&AuthFile>, login: &AuthFile) -> Result<(), StoreError> {
    match live {
        Some(live)
            if live.same_account(login)
                && !live.same_login(login)
                && !login.is_newer_than(live) =>
        {
            Err(StoreError::NewerLive)
        }
        Some(_) | None => Ok(()),
    }
}

fn refuse_unsafe_name(name: &ProfileName) -> Result<(), StoreError> {
    match ProfileName::parse(name.as_str()) {
        Ok(_) => Ok(()),
        Err(err) => Err(StoreError::NotWritten(err.to_string())),
    }
}

/// Removes what a killed import left below `profiles/`. Each is a copy of what lies where it was imported from.
///
/// # Errors
/// When the directory cannot be listed, or one of ours cannot be removed.
pub(in crate::store) fn remove_leftovers_in(
    profiles: &Folder,
    now: SystemTime,
) -> Result<(), StoreError> {
    for name in profiles.names()? {
        if !is_temporary(&name) || profiles.kind_of(&name)? != Some(Kind::Folder) {
            continue;
        }
        let modified_at = profiles.modified_at(&name)?;
        if now.duration_since(modified_at).unwrap_or_default() > LEFTOVER_AGE {
            remove_hidden(profiles, &name)?;
        }
    }
    Ok(())
}

/// Removes a directory of ours with the few files that are in it.
fn remove_hidden(profiles: &Folder, name: &OsStr) -> Result<(), StoreError> {
    let Some(folder) = profiles.child(name)? else {
        return Ok(());
    };
    for file in folder.names()? {
        let is_ours = file == AUTH || file == SIDE || is_temporary(&file);
        if is_ours && folder.kind_of(&file)? == Some(Kind::File) {
            folder.remove_file(&file)?;
        }
    }
    profiles.remove_folder(name)
}
