//! What the user does to accounts as such, and what follows from it: a renamed profile is the same one under another name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::super::event::{Effect, Event};
use super::super::kept::Kept;
use super::super::organiser::{Done, Work};
use super::super::refresher::RefreshFailure;
use super::AppState;
use super::unsaved::unsaved_in_words;
use crate::desk::{Edit, Outcome};
use crate::profile::{AuthFile, Profile, ProfileName};
use crate::router::{AttemptOutcome, Report};
use crate::store::rename::Renamed;

impl AppState {
    pub(super) fn put_in_order(&self, names: Vec<ProfileName>) -> Vec<Effect> {
        vec![Effect::Organise(Work::Order(self.whole_order(names)))]
    }

    pub(super) fn hide_emails(&mut self, hides_emails: bool) -> Vec<Effect> {
        // A face that hides them does not wait for a disk.
        self.hides_emails = hides_emails;
        vec![Effect::Organise(Work::HideEmails(hides_emails))]
    }

    pub(super) fn rename_account(
        &mut self,
        from: ProfileName,
        to: ProfileName,
        now: SystemTime,
    ) -> Vec<Effect> {
        if let Some(why) = self.why_not_to_move(&from) {
            let reason = format!("{from} was not renamed to {to}: {why}");
            self.happen(Outcome::EditFailed { reason }, now);
            return Vec::new();
        }
        vec![Effect::Organise(Work::Rename(Renamed { from, to }))]
    }

    /// What the files of a profile hold may be spent: whoever moves them must wait until its new login is written.
    fn why_not_to_move(&self, name: &ProfileName) -> Option<String> {
        let unsaved = self.kept.get(name)?.refresh.unsaved.as_ref()?;
        (!unsaved.is_on_disk).then(|| unsaved_in_words(name, unsaved))
    }

    pub(super) fn delete_accounts(&self, names: Vec<ProfileName>) -> Vec<Effect> {
        let mut refused = Vec::new();
        let mut wanted = distinct(names);
        wanted.retain(|name| match self.why_not_to_move(name) {
            Some(why) => {
                refused.push((name.clone(), why));
                false
            }
            None => true,
        });
        vec![Effect::Organise(Work::Delete {
            names: wanted,
            refused,
        })]
    }

    pub(super) fn note_organised(&mut self, done: Done, now: SystemTime) -> Vec<Effect> {
        let mut effects = Vec::new();
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
            Done::Renamed {
                renamed: Renamed { from, to },
                result: Err(reason),
            } => Some(format!("{from} was not renamed to {to}: {reason}")),
            Done::Renamed {
                renamed,
                result: Ok(notes),
            } => {
                // A reading may have shown it before.
                if self.kept.contains_key(&renamed.from) {
                    effects.extend(self.call(renamed.clone()));
                }
                let Renamed { from, to } = renamed;
                self.happen(Outcome::Renamed { from, to, notes }, now);
                None
            }
            Done::Deleted {
                names,
                notes,
                failures,
            } => {
                // Whoever asks for something of them is not told that it is there. A new login that is in memory alone stays: the
                // reading that follows keeps it aside.
                for (name, _id) in &names {
                    if self.kept.get(name).is_some_and(Kept::may_redeem) {
                        self.kept.remove(name);
                    }
                }
                let (names, ids): (Vec<_>, Vec<_>) = names.into_iter().unzip();
                if !names.is_empty() {
                    self.happen(Outcome::Deleted { names, ids, notes }, now);
                }
                failures.in_words("deleted")
            }
            Done::Undeleted {
                names,
                notes,
                failures,
            } => {
                if !names.is_empty() {
                    self.happen(Outcome::Undeleted { names, notes }, now);
                }
                failures.in_words("put back")
            }
            Done::Purged { count, failures } => {
                let failed = failures.in_words("removed");
                if count > 0 || failed.is_none() {
                    self.happen(Outcome::Purged { count }, now);
                }
                failed
            }
            Done::Followed | Done::HidesEmails(Ok(())) => return Vec::new(),
            Done::HidesEmails(Err(reason)) | Done::Broken(reason) => Some(reason),
        };
        if let Some(reason) = failed {
            self.happen(Outcome::EditFailed { reason }, now);
        }
        effects.push(self.read_disk());
        // What was read before shows accounts where they were.
        self.oldest_reading = self.last_reading;
        effects
    }

    /// Profiles that are called something else since the last reading, by whomever: one that is gone and one that has come hold the
    /// same account.
    pub(super) fn notice_renames(&mut self, found: &[Profile]) -> Vec<Effect> {
        let is_there = |name: &ProfileName| found.iter().any(|profile| profile.name == *name);
        let mut come: Vec<_> = found
            .iter()
            .filter(|profile| !self.kept.contains_key(&profile.name))
            .filter_map(|profile| Some((&profile.name, profile.login.as_ref().ok()?)))
            .collect();
        if come.is_empty() {
            return Vec::new();
        }
        let mut renamed = Vec::new();
        for (from, kept) in self.kept.iter().filter(|(name, _kept)| !is_there(name)) {
            let Ok(login) = &kept.profile.login else {
                continue;
            };
            let is_it = |other: &AuthFile| other.same_login(login) || other.same_account(login);
            if let Some(at) = come.iter().position(|(_name, other)| is_it(other)) {
                let (to, _login) = come.remove(at);
                let (from, to) = (from.clone(), to.clone());
                renamed.push(Renamed { from, to });
            }
        }
        renamed.into_iter().flat_map(|it| self.call(it)).collect()
    }

    /// Keeps a profile under another name, with all that is known of it.
    fn call(&mut self, renamed: Renamed) -> Vec<Effect> {
        let Renamed { from, to } = &renamed;
        let Some(mut kept) = self.kept.remove(from) else {
            return Vec::new();
        };
        kept.profile.name.clone_from(to);
        self.kept.insert(to.clone(), kept);
        // Whoever went by an even older name finds it in one step.
        for name in self.renamed.values_mut().filter(|name| *name == from) {
            name.clone_from(to);
        }
        self.renamed.remove(to);
        self.renamed.insert(from.clone(), to.clone());
        if self.current.as_ref() == Some(from) {
            self.current = Some(to.clone());
        }
        self.sign_ins.rename(from, to);
        self.looking.rename(from, to);
        if let Some(last) = &mut self.router.last_request
            && last.profile.as_ref() == Some(from)
        {
            last.profile = Some(to.clone());
        }
        for record in &mut self.router.last_requests {
            if record.tells_of(from) {
                Arc::make_mut(record).rename(from, to);
            }
        }
        let route = self.route_renamed(&renamed);
        [Effect::FollowRename(renamed)]
            .into_iter()
            .chain(route)
            .collect()
    }

    /// What a profile is called by now, that was called so when something about it began.
    pub fn present_name(&self, name: ProfileName) -> ProfileName {
        if self.kept.contains_key(&name) {
            return name;
        }
        self.renamed.get(&name).cloned().unwrap_or(name)
    }

    /// A refresh that began under a name that is gone by now, and sent nothing: it begins again under the present one.
    pub(super) fn begin_again(&mut self, event: &Event) -> Option<Effect> {
        let Event::TokenRefreshed {
            name,
            result: Err(RefreshFailure::NotPossible(_)),
        } = event
        else {
            return None;
        };
        let present = self.present_name(name.clone());
        let is_renamed = present != *name && self.kept.contains_key(&present);
        is_renamed.then_some(Effect::Refresh { name: present })
    }

    /// The same of everything that was under way.
    pub(super) fn by_present_names(&self, event: Event) -> Event {
        if self.renamed.is_empty() {
            return event;
        }
        let present = |name| self.present_name(name);
        match event {
            Event::UsageArrived { name, result } => Event::UsageArrived {
                name: present(name),
                result,
            },
            Event::TokenWanted { name, stale } => Event::TokenWanted {
                name: present(name),
                stale,
            },
            Event::TokenRefreshed { name, result } => Event::TokenRefreshed {
                name: present(name),
                result,
            },
            Event::TokenSaved {
                name,
                redeemed,
                result,
            } => Event::TokenSaved {
                name: present(name),
                redeemed,
                result,
            },
            Event::Reported(report) => Event::Reported(self.by_present_names_in(report)),
            other => other,
        }
    }

    fn by_present_names_in(&self, report: Report) -> Report {
        let present = |name| self.present_name(name);
        match report {
            Report::Attempt(outcome) => Report::Attempt(AttemptOutcome {
                profile: present(outcome.profile),
                ..outcome
            }),
            Report::Models { profile, models } => Report::Models {
                profile: present(profile),
                models,
            },
            Report::Bound(mut binding) => {
                binding.profile = present(binding.profile);
                Report::Bound(binding)
            }
            Report::Request(mut done) => {
                done.profile = done.profile.take().map(present);
                for attempt in &mut done.attempts {
                    attempt.profile = self.present_name(attempt.profile.clone());
                }
                Report::Request(done)
            }
            Report::Refused(all) => Report::Refused(all),
        }
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
