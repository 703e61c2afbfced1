//! What a user does to accounts as such, on disk: words about them, their order. Bulk work is tried to its end, and what did not
//! work is named.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::desk::{BadEdit, Edit, Term};
use crate::profile::ProfileName;
use crate::store::home::Home;
use crate::store::state::State;
use crate::store::{StoreError, profiles};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    Edit {
        names: Vec<ProfileName>,
        edit: Edit,
    },
    /// All accounts, in the order that they are to have.
    Order(Vec<ProfileName>),
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
    let done = spawn_blocking(move || do_it(&home, work)).await;
    done.unwrap_or_else(|_panicked| Done::Broken("the file work broke off".into()))
}

fn do_it(home: &Home, work: Work) -> Done {
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
        Work::HideEmails(hides_emails) => {
            let kept = State::edit(home, |state| state.set_hides_emails(hides_emails));
            Done::HidesEmails(kept.map(drop).map_err(|err| err.to_string()))
        }
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
