//! What a user does to accounts as such, on disk: words about them, their order and names, into the trash and back. Bulk work is
//! tried to its end, and what did not work is named.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::spawn_blocking;
use tracing::{debug, info, warn};

use crate::client_key::ClientKey;
use crate::desk::{BadEdit, Edit, Term, Terms};
use crate::ledger;
use crate::profile::{AuthFile, Profile, ProfileName};
use crate::store::home::Home;
use crate::store::live::{Live, read_live};
use crate::store::rename::{self, Renamed};
use crate::store::state::State;
use crate::store::trash::{self, Restored};
use crate::store::{InstanceLock, StoreError, keys_file, profiles, watch};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    Edit {
        names: Vec<ProfileName>,
        edit: Edit,
    },
    /// Whatever they were refused before counts no longer.
    TryNow(Vec<ProfileName>),
    /// All accounts, in the order that they are to have.
    Order(Vec<ProfileName>),
    Rename(Renamed),
    /// Somebody else has renamed the directory.
    Follow(Renamed),
    Delete {
        names: Vec<ProfileName>,
        /// Of those that are not to be deleted now, and why.
        refused: Vec<(ProfileName, String)>,
    },
    /// By their ids in the trash.
    Undelete(Vec<String>),
    /// None: all that is in the trash.
    Purge(Vec<String>),
    HideEmails(bool),
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    Edited {
        names: Vec<ProfileName>,
        failures: Failures,
    },
    Ordered(Failures),
    Renamed {
        renamed: Renamed,
        /// What is to be known: sentences.
        result: Result<Vec<String>, String>,
    },
    /// The files know a directory's new name.
    Followed,
    Deleted {
        /// With their ids in the trash.
        names: Vec<(ProfileName, String)>,
        notes: Vec<String>,
        failures: Failures,
    },
    Undeleted {
        /// As they are called now.
        names: Vec<ProfileName>,
        notes: Vec<String>,
        failures: Failures,
    },
    Purged {
        count: usize,
        failures: Failures,
    },
    HidesEmails(Result<(), String>),
    /// It broke off: a sentence.
    Broken(String),
}

/// What did not work, of how much.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Failures {
    of: usize,
    /// Of whom, and why.
    failed: Vec<(String, String)>,
}

/// More names make no sentence.
const MOST_NAMED: usize = 3;

impl Failures {
    pub(super) fn new(of: usize) -> Self {
        Self {
            of,
            failed: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, of: impl Into<String>, why: impl ToString) {
        self.failed.push((of.into(), why.to_string()));
    }

    /// `2 of 5 accounts were not changed: work (…), spare (…)`; `None` when everything worked.
    pub fn in_words(&self, was_not: &str) -> Option<String> {
        let named: Vec<_> = self
            .failed
            .iter()
            .take(MOST_NAMED)
            .map(|(of, why)| format!("{of} ({why})"))
            .collect();
        let (first, why) = self.failed.first()?;
        if self.of == 1 {
            return Some(format!("{first} was not {was_not}: {why}"));
        }
        let more = match self.failed.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (count, of) = (self.failed.len(), self.of);
        let were = if count == 1 { "was" } else { "were" };
        Some(format!(
            "{count} of {of} accounts {were} not {was_not}: {}{more}",
            named.join(", ")
        ))
    }
}

/// Does it where it may wait.
pub async fn run(home: Arc<Home>, work: Work) -> Done {
    let done = spawn_blocking(move || do_it(&home, work, SystemTime::now())).await;
    done.unwrap_or_else(|_panicked| Done::Broken("the file work broke off".into()))
}

fn do_it(home: &Home, work: Work, now: SystemTime) -> Done {
    match work {
        Work::Edit { names, edit } => {
            let mut failures = Failures::new(names.len());
            let mut changed = Vec::new();
            for name in names {
                match apply(home, &name, &edit) {
                    Ok(()) => changed.push(name),
                    Err(why) => failures.note(name.as_str(), why),
                }
            }
            Done::Edited {
                names: changed,
                failures,
            }
        }
        Work::TryNow(names) => {
            let mut failures = Failures::new(names.len());
            let mut changed = Vec::new();
            for name in names {
                match profiles::edit_side(home, &name, |side| side.set_tried_now(now)) {
                    Ok(()) => changed.push(name),
                    Err(why) => failures.note(name.as_str(), why),
                }
            }
            Done::Edited {
                names: changed,
                failures,
            }
        }
        Work::Order(names) => {
            let mut failures = Failures::new(names.len());
            // What has its place already is not written.
            for (place, name) in (1_usize..).zip(names) {
                let edit = Edit::Term(Term::Order, Some(place.to_string()));
                if let Err(why) = apply(home, &name, &edit) {
                    failures.note(name.as_str(), why);
                }
            }
            Done::Ordered(failures)
        }
        Work::Rename(renamed) => {
            let result = rename::rename(home, &renamed).map_err(|err| err.to_string());
            if result.is_ok() {
                tell_ledger(home, &renamed);
            }
            Done::Renamed { renamed, result }
        }
        Work::Follow(renamed) => {
            rename::follow(home, &renamed);
            Done::Followed
        }
        Work::Delete { names, refused } => delete(home, names, refused, now),
        Work::Undelete(ids) => undelete(home, &ids, now),
        Work::Purge(ids) => purge(home, ids),
        Work::HideEmails(hides_emails) => {
            let kept = State::edit(home, |state| state.set_hides_emails(hides_emails));
            Done::HidesEmails(kept.map(drop).map_err(|err| err.to_string()))
        }
    }
}

/// The program that serves this home tells its own ledger. Where none does, it is told here.
fn tell_ledger(home: &Home, renamed: &Renamed) {
    match InstanceLock::is_held(home) {
        Ok(true) => {}
        Ok(false) => tell_ledgers_file(home, std::slice::from_ref(renamed)),
        Err(err) => debug!(error = %err, "the request log learns of a new name at the next start"),
    }
}

/// Finishes the renames that were cut off, for a command that does not serve this home. Where there are none, and that is nearly
/// always, it reads one small file.
pub fn settle_renames(home: &Home) {
    for renamed in rename::settle_if_free(home) {
        tell_ledger(home, &renamed);
    }
}

/// Brings up to date what an earlier run, or another program, may not have seen to its end. To be called before the ledger is
/// written to.
pub fn settle(home: &Home, now: SystemTime) {
    tell_ledgers_file(home, &rename::settle(home));
    let purged = trash::purge_old(home, now);
    if purged > 0 {
        info!(
            purged,
            "accounts that were deleted 30 days ago are gone for good"
        );
    }
}

fn tell_ledgers_file(home: &Home, renamed: &[Renamed]) {
    let as_rows: Vec<_> = renamed
        .iter()
        .map(|renamed| ledger::Rename {
            from: renamed.from.clone(),
            to: renamed.to.clone(),
        })
        .collect();
    match ledger::rename_now(&home.ledger(), &as_rows) {
        Ok(()) if renamed.is_empty() => {}
        Ok(()) => rename::forget(home, renamed),
        Err(err) => warn!(error = %err, "the request log goes by an account's old name"),
    }
}

fn delete(
    home: &Home,
    names: Vec<ProfileName>,
    refused: Vec<(ProfileName, String)>,
    now: SystemTime,
) -> Done {
    let mut failures = Failures::new(names.len() + refused.len());
    for (name, why) in refused {
        failures.note(name.as_str(), why);
    }
    let (mut deleted, mut notes) = (Vec::new(), Vec::new());
    for name in names {
        let login = profiles::load(home, &name).and_then(|it| {
            let name = name.clone();
            it.login
                .map_err(|reason| StoreError::UnreadableProfile { name, reason })
        });
        match trash::delete(home, &name, now) {
            Ok(id) => {
                // An unreadable one cannot be live.
                notes.extend(login.ok().and_then(|login| still_live(home, &name, &login)));
                deleted.push((name, id));
            }
            Err(why) => failures.note(name.as_str(), why),
        }
    }
    look_again(home);
    notes.extend(keys_left_alone(home, &deleted));
    Done::Deleted {
        notes,
        names: deleted,
        failures,
    }
}

/// Codex keeps its login when the account is deleted here. Where another profile holds the account, too, that is no news.
fn still_live(home: &Home, name: &ProfileName, login: &AuthFile) -> Option<String> {
    let Live::Login(live) = read_live(home) else {
        return None;
    };
    let is_it = live.same_account(login) || live.same_login(login);
    let left = profiles::load_all(home).ok()?.profiles; // the list of accounts says so itself
    let is_news = is_it && profiles::holder(&left, &live, None).is_none();
    is_news.then(|| format!("Codex keeps using the login of {name} until you switch"))
}

/// Keys that reached a deleted account and reach none any more.
fn keys_left_alone(home: &Home, deleted: &[(ProfileName, String)]) -> Vec<String> {
    let left = match profiles::load_all(home) {
        Ok(loaded) => loaded.profiles,
        Err(_unreadable) => return Vec::new(), // the list of accounts says so itself
    };
    let groups = left
        .iter()
        .map(|profile| Terms::read(&profile.side).0.group);
    let groups: Vec<_> = groups.flatten().collect();
    let is_alone = |key: &ClientKey| {
        key.policy.only_accounts().is_some_and(|accounts| {
            let fits = |name: &str| accounts.iter().any(|account| account.fits(name));
            deleted.iter().any(|(name, _id)| fits(name.as_str()))
                && !left.iter().any(|profile| fits(profile.name.as_str()))
                && !groups.iter().any(|group| fits(group))
        })
    };
    let keys = keys_file::read(home);
    let alone = keys.keys().iter().filter(|key| is_alone(key));
    alone
        .map(|key| format!("the client key {:?} reaches no account any more", key.label))
        .collect()
}

fn undelete(home: &Home, ids: &[String], now: SystemTime) -> Done {
    let mut failures = Failures::new(ids.len());
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for id in ids {
        match trash::restore(home, id, now) {
            Ok(Restored { was, name }) => {
                if was != name {
                    notes.push(format!(
                        "{was} is the name of another account by now, so it came back as {name}"
                    ));
                }
                notes.extend(twin_of(home, &name));
                names.push(name);
            }
            Err(why) => failures.note(id, why),
        }
    }
    look_again(home);
    Done::Undeleted {
        names,
        notes,
        failures,
    }
}

/// The same account under another name, which it may have got while this one was away.
fn twin_of(home: &Home, name: &ProfileName) -> Option<String> {
    let all = profiles::load_all(home).ok()?.profiles; // the list of accounts says so itself
    let own = all.iter().find(|profile| profile.name == *name)?;
    let login = own.login.as_ref().ok()?;
    let is_twin = |profile: &&Profile| {
        profile.name != *name
            && profile
                .login
                .as_ref()
                .is_ok_and(|other| other.same_account(login))
    };
    let twin = all.iter().find(is_twin)?;
    Some(format!(
        "{} holds the same account; one of the two can go",
        twin.name
    ))
}

fn purge(home: &Home, ids: Vec<String>) -> Done {
    let ids = if ids.is_empty() {
        trash::list(home).into_iter().map(|it| it.id).collect()
    } else {
        ids
    };
    let mut failures = Failures::new(ids.len());
    let mut count = 0;
    for id in &ids {
        match trash::purge(home, id) {
            Ok(()) => count += 1,
            Err(why) => failures.note(id, why),
        }
    }
    look_again(home);
    Done::Purged { count, failures }
}

/// Whoever else runs does not watch the trash.
fn look_again(home: &Home) {
    if let Err(err) = watch::tell_of_change(home) {
        debug!(error = %err, "a running program was not told of the trash");
    }
}

#[derive(Debug, thiserror::Error)]
enum NotSaid {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Edit(#[from] BadEdit),
}

fn apply(home: &Home, name: &ProfileName, edit: &Edit) -> Result<(), NotSaid> {
    profiles::try_edit_side(home, name, |side| Ok(edit.apply(side)?))
}

#[cfg(test)]
mod tests;
