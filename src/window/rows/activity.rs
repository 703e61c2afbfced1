//! The Activity page, worded: what requests came to, a table of them, and the whole story of one.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Wish;
use super::telling::Teller;
use crate::desk::record::{Ended, RequestRecord};
use crate::desk::{Activity, ActivityQuery, Names, RouterState, Snapshot, Span, words};

mod curl;
mod drawer;
mod entry;
mod figures;

pub use drawer::{AccountLine, AccountMark, Drawer, Phase, PhaseKind};
pub use entry::{Entry, EntryState};
pub use figures::{Figure, Figures};

/// How the user wants to look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActivityWish<'a> {
    /// How far back.
    pub span: Span,
    pub text: &'a str,
    pub ended: Option<Ended>,
    /// The id of a client key.
    pub key: Option<&'a str>,
    /// The list stands still as it was then.
    pub held: Option<&'a Held>,
    /// The rows that are in view, counted from the newest.
    pub visible: (usize, usize),
    /// The request that is looked at.
    pub shown: Option<&'a Arc<RequestRecord>>,
}

/// The list as it was when it was told to stand still.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// The newest place of the ledger then.
    pub newest: i64,
    /// What was not read from there yet.
    pub live: Vec<Arc<RequestRecord>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ActivityPage {
    /// What is to be read for it.
    pub query: ActivityQuery,
    pub list: List,
    pub figures: Figures,
    /// What makes the list less than it seems: sentences.
    pub note: Option<String>,
    /// Instead of rows.
    pub nothing: Option<Nothing>,
    /// The first of `rows`, counted from the newest.
    pub first: usize,
    /// Those in view, and some above and below.
    pub rows: Vec<Entry>,
    /// Ids and names of the keys to choose from.
    pub keys: Vec<(String, String)>,
    pub span: Span,
    pub ended: Option<Ended>,
    /// The newest place of the ledger that is shown while the list stands still.
    pub held: Option<i64>,
    pub drawer: Option<Drawer>,
}

/// Why there is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    pub title: String,
    pub text: String,
    pub act: Option<NothingAct>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingAct {
    /// Point apps at the router.
    Connect,
    /// Take every filter away.
    ShowAll,
}

/// The requests of the page: those that came since the ledger was read, and behind them those that were read, as far as they are
/// in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    pub live: Vec<Arc<RequestRecord>>,
    /// The same before they were filtered: what a list that stands still goes on from.
    pub unread: Vec<Arc<RequestRecord>>,
    pub read: Option<Arc<Activity>>,
}

/// Rows that are worded above and below those in view.
const MARGIN: usize = 24;
const DAY: Duration = Duration::from_secs(24 * 3_600);

impl List {
    pub fn len(&self) -> usize {
        let read = self.read.as_ref().map_or(0, |read| read.sums.requests);
        self.live.len() + usize::try_from(read).unwrap_or(usize::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nothing where it is not in memory.
    pub fn get(&self, index: usize) -> Option<&Arc<RequestRecord>> {
        let Some(behind) = index.checked_sub(self.live.len()) else {
            return self.live.get(index);
        };
        let read = self.read.as_ref()?;
        read.records.get(behind.checked_sub(read.first)?)
    }

    /// Where a request stands.
    pub fn position(&self, id: &str) -> Option<usize> {
        let is_it = |record: &Arc<RequestRecord>| record.id == id;
        if let Some(index) = self.live.iter().position(is_it) {
            return Some(index);
        }
        let read = self.read.as_ref()?;
        let index = read.records.iter().position(is_it)?;
        Some(self.live.len() + read.first + index)
    }

    /// From which one of the ledger on rows must be read so that these are in memory; nothing if they are.
    pub fn missing(&self, wanted: Range<usize>) -> Option<usize> {
        let read = self.read.as_ref()?;
        let start = wanted.start.saturating_sub(self.live.len());
        let end = wanted.end.min(self.len()).saturating_sub(self.live.len());
        let in_memory = read.first..read.first + read.records.len();
        let is_there = start >= end || (in_memory.contains(&start) && in_memory.end >= end);
        // As much above as below, so that whoever turns back finds something.
        let around = (Activity::MOST.saturating_sub(end.saturating_sub(start))) / 2;
        (!is_there).then(|| start.saturating_sub(around))
    }
}

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> ActivityPage {
    let mut names = Names::of(snapshot);
    names.hides_emails = wish.hides_emails;
    let wish = &wish.activity;
    let query = ActivityQuery {
        since: start(wish.span, teller),
        text: wish.text.trim().to_owned(),
        ended: wish.ended,
        key: wish.key.map(str::to_owned),
    };
    let list = list(snapshot, wish, &query, &names);
    let total = list.len();
    let from = wish.visible.0.saturating_sub(MARGIN).min(total);
    let last = (wish.visible.1 + MARGIN).min(total);
    // Above and below there may be rows that are not in memory.
    let is_there = |index: &usize| list.get(*index).is_some();
    let seen = wish.visible.0.clamp(from, total);
    let above = (from..seen).rev().take_while(is_there).last();
    let below = || (seen..last).find(is_there);
    let first = above.or_else(below).unwrap_or(from);
    let rows = (first..last).map_while(|index| {
        let record = list.get(index)?;
        Some(entry::of(record, &names, teller))
    });
    let rows: Vec<_> = rows.collect();
    let shown = wish.shown.map(|shown| {
        let again = list.position(&shown.id).and_then(|index| list.get(index));
        again.unwrap_or(shown)
    });
    ActivityPage {
        figures: figures::of(list.read.as_deref(), teller),
        note: note(snapshot, &list, teller),
        nothing: nothing(snapshot, wish, &list),
        first,
        rows,
        keys: keys(wish, &list, &names),
        span: wish.span,
        ended: wish.ended,
        held: wish.held.map(|held| held.newest),
        drawer: shown.map(|record| drawer::of(snapshot, record, &names, teller)),
        query,
        list,
    }
}

/// Whole days of the user's calendar, today among them.
fn start(span: Span, teller: &Teller<'_>) -> SystemTime {
    let days = match span {
        Span::Day => 0,
        Span::Week => 6,
        Span::Month => 29,
    };
    let midnight = |ahead: i64| {
        let today = teller.zoned(teller.now)?.date();
        let day = today.checked_add(jiff::Span::new().days(ahead)).ok()?; // beyond the calendar
        teller.moment(day, 0)
    };
    if let Some(tomorrow) = midnight(1) {
        teller.watch(tomorrow);
    }
    midnight(-days).unwrap_or_else(|| {
        let back = span.length().max(DAY);
        teller.now.checked_sub(back).unwrap_or(teller.now)
    })
}

fn list(
    snapshot: &Snapshot,
    wish: &ActivityWish<'_>,
    query: &ActivityQuery,
    names: &Names,
) -> List {
    let read = snapshot.activity.clone().filter(|read| match wish.held {
        Some(held) => held.newest == read.newest,
        None => true,
    });
    let unread: Vec<_> = match wish.held {
        Some(held) => held.live.clone(),
        None => {
            let head = read
                .as_ref()
                .map_or(&[][..], |read: &Arc<Activity>| read.head.as_slice());
            let requests = snapshot.requests.iter();
            let is_unread = |record: &&Arc<RequestRecord>| !head.contains(&record.id);
            requests.take_while(is_unread).cloned().collect()
        }
    };
    // A list goes by one query: until the ledger has answered the next one, by the last.
    let in_force = read.as_ref().map_or(query, |read| &read.query);
    let live = unread.iter().filter(|record| in_force.takes(record, names));
    List {
        live: live.cloned().collect(),
        unread,
        read,
    }
}

/// Those that are there, and those that are gone and have spent something.
fn keys(wish: &ActivityWish<'_>, list: &List, names: &Names) -> Vec<(String, String)> {
    let mut keys: Vec<_> = names
        .keys
        .iter()
        .map(|(id, label)| (id.clone(), label.clone()))
        .collect();
    keys.sort_by(|a, b| a.1.cmp(&b.1));
    let read = list.read.iter().flat_map(|read| &read.keys);
    let gone = read.map(String::as_str).chain(wish.key);
    for id in gone {
        if keys.iter().all(|(known, _)| known != id) {
            keys.push((id.to_owned(), id.to_owned()));
        }
    }
    keys
}

fn note(snapshot: &Snapshot, list: &List, teller: &Teller<'_>) -> Option<String> {
    let read = list.read.as_deref();
    if let Some(trouble) = read.and_then(|read| read.trouble.as_ref()) {
        return Some(format!(
            "Only the last requests are shown. {}",
            super::sentence(trouble)
        ));
    }
    if read.is_some_and(|read| !read.is_recorded) {
        let words = "The request log is off. Of requests from now on the last 50 are shown until the program ends.";
        return Some(words.to_owned());
    }
    if let Some(trouble) = &snapshot.ledger.trouble {
        return Some(format!(
            "Requests are not recorded since {}. {}",
            teller.clock(trouble.since),
            super::sentence(&trouble.reason)
        ));
    }
    let lost = usize::try_from(snapshot.ledger.lost).unwrap_or(usize::MAX);
    (lost > 0).then(|| {
        let were = if lost == 1 { "is" } else { "are" };
        // Rows of usage are rows, too.
        format!(
            "{} of the log could not be written since the start, and {were} missing here.",
            match lost {
                1 => "1 row".to_owned(),
                lost => format!("{} rows", words::number(lost)),
            }
        )
    })
}

fn nothing(snapshot: &Snapshot, wish: &ActivityWish<'_>, list: &List) -> Option<Nothing> {
    if !list.is_empty() || list.read.is_none() {
        return None;
    }
    if !wish.text.trim().is_empty() || wish.ended.is_some() || wish.key.is_some() {
        return Some(Nothing {
            title: "No request matches.".to_owned(),
            text: "Look for something else, or at all of them.".to_owned(),
            act: Some(NothingAct::ShowAll),
        });
    }
    let title = match wish.span {
        Span::Day => "No request yet today.",
        Span::Week | Span::Month => "No request yet.",
    };
    let text = match (&snapshot.router.state, snapshot.router.base_url()) {
        (RouterState::On, Some(url)) => {
            format!("Point an app at {url}, or let it be done for you.")
        }
        _ => "The router is off. Turn it on below, then point an app at it.".to_owned(),
    };
    Some(Nothing {
        title: title.to_owned(),
        text,
        act: Some(NothingAct::Connect),
    })
}

/// What the choice of time is called.
pub fn period_label(span: Span) -> &'static str {
    match span {
        Span::Day => "Today",
        Span::Week => "7 days",
        Span::Month => "30 days",
    }
}
