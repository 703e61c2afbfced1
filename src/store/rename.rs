//! A profile under another name.
//!
//! The directory moves in one step, and before it does the wish is written down (`router/renames.json`): everything that knows
//! profiles by name is brought up to date afterwards, and whatever a kill leaves undone the next start does. A rename stays on
//! that list until the ledger, which is no business of this room, has been told as well ([`forget`]).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::folder::{Folder, Kind};
use super::home::{BACKUPS, CURRENT_PROFILE, Home, PROFILES};
use super::keys_file::{self, KeysError};
use super::locks::{AccountLock, EditLock, SwitchLock};
use super::profiles;
use super::state::{State, current_profile};
use super::{kept_list, safe_file};
use crate::profile::ProfileName;

/// One profile that is called something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    pub from: ProfileName,
    pub to: ProfileName,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Pending {
    from: String,
    to: String,
}

/// Gives a profile another name, and says in sentences what else was changed or is to be known. Waits for a switch that is under
/// way, and for a refresh of this account.
///
/// # Errors
/// When there is no such profile, the name cannot be one or is taken, or the directory cannot be moved: nothing has changed then.
pub fn rename(home: &Home, renamed: &Renamed) -> Result<Vec<String>, StoreError> {
    let Renamed { from, to } = renamed;
    ProfileName::parse(to.as_str())?;
    if from == to {
        return Ok(Vec::new());
    }
    // Whoever holds these goes by the old name until it is done.
    let _no_switch = SwitchLock::take(home)?;
    let _no_refresh = AccountLock::of_profile(home, from)?;
    {
        let _nobody_else = EditLock::take(home)?;
        let missing = || StoreError::NoSuchProfile(from.clone());
        let folder = home.folder()?.child(PROFILES)?.ok_or_else(missing)?;
        if folder.kind_of(from.as_str())? != Some(Kind::Folder) {
            return Err(missing());
        }
        let taken_by = |holder| StoreError::NameTaken {
            wanted: to.clone(),
            holder,
        };
        if let Some(holder) = profiles::holder_of_name(&folder, to, Some(from))? {
            return Err(taken_by(holder));
        }
        remove_if_empty(&folder, from, to);
        note(home, renamed)?;
        let moved = folder.move_new(from.as_str(), &folder, to.as_str());
        if !matches!(moved, Ok(true)) {
            drop_entries(home, |entry| !entry.is(renamed));
        }
        if !moved? {
            return Err(taken_by(to.clone()));
        }
        if let Err(err) = folder.sync() {
            tracing::warn!(%from, %to, error = %err, "renamed, but a loss of power might undo it");
        }
    }
    Ok(tell_everybody(home, renamed))
}

/// Brings up to date what an earlier run may have left undone, and says which renames the ledger may not know of.
pub fn settle(home: &Home) -> Vec<Renamed> {
    if read(home).is_empty() {
        return Vec::new();
    }
    // Somebody may be at it this moment.
    let locked = SwitchLock::take(home);
    if let Err(err) = &locked {
        tracing::warn!(error = %err, "renames of an earlier run are left for the next start");
        return Vec::new();
    }
    finish(home)
}

/// The same without waiting: whoever holds the lock is at one, or will not mind the next one to settle it. For those who only want to
/// look.
pub fn settle_if_free(home: &Home) -> Vec<Renamed> {
    if read(home).is_empty() {
        return Vec::new();
    }
    match SwitchLock::take_if_free(home) {
        Ok(Some(_locked)) => finish(home),
        Ok(None) => Vec::new(),
        Err(err) => {
            tracing::warn!(error = %err, "renames of an earlier run are left for the next start");
            Vec::new()
        }
    }
}

/// With the switch lock held.
fn finish(home: &Home) -> Vec<Renamed> {
    let pending = read(home);
    let mut present: BTreeSet<String> = names_there(home);
    let mut happened = Vec::new();
    // The last one shows what the one before it had made.
    for entry in pending.iter().rev() {
        if !present.contains(&entry.from)
            && present.remove(&entry.to)
            && let Some(renamed) = entry.renamed()
        {
            present.insert(entry.from.clone());
            happened.push(renamed);
        }
    }
    happened.reverse();
    for renamed in &happened {
        tell_everybody(home, renamed);
    }
    drop_entries(home, |entry| happened.iter().any(|it| entry.is(it)));
    happened
}

/// Does for a directory that somebody else has renamed what [`rename`] does for its own.
pub fn follow(home: &Home, renamed: &Renamed) {
    let names = names_there(home);
    if names.contains(renamed.to.as_str()) && !names.contains(renamed.from.as_str()) {
        tell_everybody(home, renamed);
    }
}

/// The ledger knows.
pub fn forget(home: &Home, known: &[Renamed]) {
    let locked = EditLock::take(home);
    if let Err(err) = &locked {
        tracing::warn!(error = %err, "renames that are done stay written down until the next start");
        return;
    }
    drop_entries(home, |entry| !known.iter().any(|it| entry.is(it)));
}

impl Pending {
    fn is(&self, renamed: &Renamed) -> bool {
        self.from == renamed.from.as_str() && self.to == renamed.to.as_str()
    }

    /// Nothing when somebody else wrote it.
    fn renamed(&self) -> Option<Renamed> {
        Some(Renamed {
            from: ProfileName::existing(&self.from).ok()?,
            to: ProfileName::existing(&self.to).ok()?,
        })
    }
}

/// Everything in this home that knows profiles by name. What does not work is told: none of it is worth a name.
fn tell_everybody(home: &Home, renamed: &Renamed) -> Vec<String> {
    let Renamed { from, to } = renamed;
    let mut notes = Vec::new();
    let mut failed = |what: &str, err: &dyn std::fmt::Display| {
        tracing::warn!(%from, %to, error = %err, "{what} still goes by the old name");
        notes.push(format!("{what} still goes by the old name: {err}"));
    };
    if let Err(err) = move_backups(home, renamed) {
        failed("a backup of it", &err);
    }
    if let Err(err) = select(home, renamed) {
        failed("the note of the account that was chosen last", &err);
    }
    for path in [
        home.usage_cache(),
        home.models_cache(),
        home.cooldown_cache(),
    ] {
        if let Err(err) = kept_list::rename(&path, from.as_str(), to.as_str()) {
            failed("something that is known of it", &err);
        }
    }
    match change_keys(home, renamed) {
        Ok(said) => notes.extend(said),
        Err(err) => failed("a client key", &err),
    }
    notes
}

fn move_backups(home: &Home, renamed: &Renamed) -> Result<(), StoreError> {
    let Some(backups) = home
        .router_folder_if_there()?
        .map(|router| router.child(BACKUPS))
        .transpose()?
        .flatten()
    else {
        return Ok(());
    };
    let (from, to) = (renamed.from.as_str(), renamed.to.as_str());
    if backups.kind_of(from)?.is_none() || backups.move_new(from, &backups, to)? {
        return backups.sync();
    }
    // An account that is gone has left its own there.
    let (Some(old), Some(new)) = (backups.child(from)?, backups.child(to)?) else {
        return Ok(());
    };
    for file in old.names()? {
        old.move_new(&file, &new, &file)?;
    }
    new.sync()?;
    if old.names()?.is_empty() {
        backups.remove_folder(from.as_ref())?;
    }
    Ok(())
}

fn select(home: &Home, renamed: &Renamed) -> Result<(), StoreError> {
    let Renamed { from, to } = renamed;
    if current_profile(home).as_ref() == Some(from) {
        safe_file::replace_in(&home.folder()?, CURRENT_PROFILE, to.as_str().as_bytes())?;
    }
    let is_selected = |state: &State| state.last_selected_profile().as_ref() == Some(from);
    if is_selected(&State::read(home)) {
        State::edit(home, |state| {
            if is_selected(state) {
                state.set_last_selected_profile(to);
            }
        })?;
    }
    Ok(())
}

fn change_keys(home: &Home, renamed: &Renamed) -> Result<Vec<String>, KeysError> {
    let (from, to) = (renamed.from.as_str(), renamed.to.as_str());
    let mentions = keys_file::document(home)?;
    let mentions = mentions.keys().iter().flatten().any(|key| {
        let accounts = key.policy.only_accounts().unwrap_or_default();
        accounts.iter().any(|account| account.fits(from))
    });
    if !mentions {
        return Ok(Vec::new());
    }
    let others = profiles::load_all(home)?.profiles;
    let is_group = |profile: &crate::profile::Profile| {
        profile.name != renamed.to
            && profile
                .side
                .get("group")
                .and_then(serde_json::Value::as_str)
                == Some(from)
    };
    let is_group = others.iter().any(is_group);
    keys_file::edit(home, |document| {
        Ok(document.follow_account(from, to, is_group))
    })
}

/// What an interrupted `create` left may be used, but is in the way of a directory.
fn remove_if_empty(folder: &Folder, from: &ProfileName, to: &ProfileName) {
    if from.is_same_directory(to) {
        return;
    }
    if let Err(err) = folder.remove_folder(to.as_str().as_ref()) {
        tracing::debug!(name = %to, error = %err, "no empty directory to remove");
    }
}

fn names_there(home: &Home) -> BTreeSet<String> {
    let names = || -> Result<Vec<_>, StoreError> {
        match home.folder()?.child(PROFILES)? {
            Some(folder) => folder.names(),
            None => Ok(Vec::new()),
        }
    };
    let names = names().unwrap_or_else(|err| {
        tracing::warn!(error = %err, "the profiles cannot be listed");
        Vec::new()
    });
    // Ours are text.
    let names = names.into_iter().filter_map(|name| name.into_string().ok());
    names.collect()
}

fn read(home: &Home) -> Vec<Pending> {
    kept_list::read(&home.renames())
}

/// Writes down what is about to be done. To be called with the edit lock held.
fn note(home: &Home, renamed: &Renamed) -> Result<(), StoreError> {
    home.router_folder()?;
    let mut pending = read(home);
    pending.push(Pending {
        from: renamed.from.to_string(),
        to: renamed.to.to_string(),
    });
    kept_list::write(&home.renames(), &pending)
}

fn drop_entries(home: &Home, keep: impl Fn(&Pending) -> bool) {
    let mut pending = read(home);
    let before = pending.len();
    pending.retain(keep);
    if pending.len() == before {
        return;
    }
    if let Err(err) = kept_list::write(&home.renames(), &pending) {
        tracing::warn!(error = %err, "renames that are done stay written down until the next start");
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
