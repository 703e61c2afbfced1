//! When the ledger is to be read: when something else is looked at, when rows come into view that are not in memory, and from time
//! to time while requests come.

use std::sync::Arc;
use std::time::Duration;

use crate::desk::{Activity, ActivityQuery, Command, Place};
use crate::window::rows::ActivityPage;

/// What was asked for last. Empty while the page is not open.
#[derive(Debug, Default)]
pub struct Reading {
    asked: Option<Asked>,
    /// Since when there is a request that was not there at the last reading, by egui's clock.
    unread_since: Option<f64>,
}

#[derive(Debug)]
struct Asked {
    query: ActivityQuery,
    hides_emails: bool,
    place: Place,
    /// The newest request then.
    newest_id: Option<String>,
    at: f64,
}

/// What is to be done in this frame.
#[derive(Debug, PartialEq)]
pub enum Next {
    Nothing,
    Ask(Command),
    /// Look again then.
    Wait(Duration),
}

/// Longer than the ledger takes to write what it was told.
const SETTLE_SECS: f64 = 1.0;
/// The sums of a full ledger cost a part of a second.
const REFRESH_SECS: f64 = 3.0;

impl Reading {
    /// The page was left, or the worker did not take what was asked.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// `newest_id` is the newest request that there is; `now` by egui's clock, in seconds.
    pub fn next(
        &mut self,
        page: &ActivityPage,
        visible: (usize, usize),
        (newest_id, hides_emails): (Option<&str>, bool),
        now: f64,
    ) -> Next {
        let place = Place {
            newest: page.held,
            first: 0,
        };
        let Some(asked) = &self.asked else {
            return self.ask(page, place, newest_id, hides_emails, now);
        };
        // What an account is called decides what a search finds.
        let is_renamed = !page.query.text.is_empty() && asked.hides_emails != hides_emails;
        if asked.query != page.query || is_renamed {
            return self.ask(page, place, newest_id, hides_emails, now);
        }
        let is_answered = |read: &&Arc<Activity>| read.query == page.query;
        let Some(read) = page.list.read.as_ref().filter(is_answered) else {
            // A reading that was under way when the list was told to stand still is of a newer place.
            return match page.held {
                Some(_) if asked.place.newest != page.held => {
                    self.ask(page, place, newest_id, hides_emails, now)
                }
                Some(_) | None => Next::Nothing,
            };
        };
        if let Some(first) = page.list.missing(visible.0..visible.1) {
            let place = Place {
                newest: Some(read.newest),
                first,
            };
            if asked.place == place {
                return Next::Nothing;
            }
            return self.ask(page, place, newest_id, hides_emails, now);
        }
        if page.held.is_some() || asked.newest_id.as_deref() == newest_id {
            self.unread_since = None;
            return Next::Nothing;
        }
        let since = *self.unread_since.get_or_insert(now);
        let due = (since + SETTLE_SECS).max(asked.at + REFRESH_SECS);
        if now < due {
            return Next::Wait(Duration::from_secs_f64(due - now));
        }
        let place = Place {
            newest: None,
            first: read.first,
        };
        self.ask(page, place, newest_id, hides_emails, now)
    }

    fn ask(
        &mut self,
        page: &ActivityPage,
        place: Place,
        newest_id: Option<&str>,
        hides_emails: bool,
        now: f64,
    ) -> Next {
        self.unread_since = None;
        self.asked = Some(Asked {
            query: page.query.clone(),
            hides_emails,
            place,
            newest_id: newest_id.map(str::to_owned),
            at: now,
        });
        Next::Ask(Command::ShowActivity {
            query: page.query.clone(),
            place,
        })
    }
}
