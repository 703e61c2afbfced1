//! What the user says about accounts, and what came of it.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::super::event::Effect;
use super::super::organiser::{Done, Work};
use super::AppState;
use crate::desk::{Edit, Outcome};
use crate::profile::ProfileName;

impl AppState {
    pub(super) fn put_in_order(&self, names: Vec<ProfileName>) -> Vec<Effect> {
        vec![Effect::Organise(Work::Order(self.whole_order(names)))]
    }

    pub(super) fn hide_emails(&mut self, hides_emails: bool) -> Vec<Effect> {
        // A face that hides them does not wait for a disk.
        self.hides_emails = hides_emails;
        vec![Effect::Organise(Work::HideEmails(hides_emails))]
    }

    pub(super) fn note_organised(&mut self, done: Done, now: SystemTime) -> Vec<Effect> {
        let failed = match done {
            Done::Edited { names, failures } => {
                if !names.is_empty() {
                    self.happen(Outcome::Edited { names }, now);
                }
                failures.in_words("changed")
            }
            Done::Ordered(failures) => {
                let failed = failures.in_words("put in its place");
                if failed.is_none() {
                    self.happen(Outcome::Ordered, now);
                }
                failed
            }
            Done::HidesEmails(Ok(())) => return Vec::new(),
            Done::HidesEmails(Err(reason)) | Done::Broken(reason) => Some(reason),
        };
        if let Some(reason) = failed {
            self.happen(Outcome::EditFailed { reason }, now);
        }
        vec![self.read_disk()]
    }

    /// Those that were named, and behind them the others in the order that they have.
    fn whole_order(&self, names: Vec<ProfileName>) -> Vec<ProfileName> {
        let mut others: Vec<_> = self.kept.iter().collect();
        others.sort_by_key(|(name, kept)| {
            let order = kept.terms.order;
            (order.is_none(), order, *name)
        });
        let others = others.into_iter().map(|(name, _kept)| name.clone());
        let known = |name: &ProfileName| self.kept.contains_key(name);
        distinct(names.into_iter().filter(known).chain(others))
    }
}

pub(super) fn edit_accounts(names: Vec<ProfileName>, edit: Edit) -> Vec<Effect> {
    let names = distinct(names);
    vec![Effect::Organise(Work::Edit { names, edit })]
}

fn distinct(names: impl IntoIterator<Item = ProfileName>) -> Vec<ProfileName> {
    let mut seen = BTreeSet::new();
    let is_new = |name: &ProfileName| seen.insert(name.clone());
    names.into_iter().filter(is_new).collect()
}
