//! Makes everything that the window says from a [`Snapshot`] and a moment. No egui in it: here wording is tested.
//!
//! Views draw these values by number and format nothing. Every text that changes with time goes through `telling::Teller`,
//! which remembers when the first of them reads differently, so that the window can sleep until then.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

pub use crate::desk::Sort;
use crate::desk::{Snapshot, words};
use crate::profile::ProfileName;

mod banner;
mod card;
mod found;
mod row;
mod spoken;
mod standing;
mod strength;
mod strip;
mod telling;
#[cfg(test)]
mod tests;

pub use banner::{Banner, BannerAct, BannerIcon, BannerTone};
pub use card::{ActiveCard, Badge, CardAct, CardBody, Footer, WindowBlock};
pub use found::{FoundRow, Tone, import_ended};
pub use row::{Right, Row, sentence};
pub use standing::{Fill, Level, Mark};
pub use strength::Strength;
pub use strip::{LastIcon, Strip, StripFace};
use telling::Teller;

/// The Accounts page, worded.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Before the first reading of the disk there is nothing to say yet.
    pub is_loaded: bool,
    pub banner: Option<Banner>,
    pub active: Option<ActiveCard>,
    /// Shown instead of everything but the strip while there is no account.
    pub first_run: Option<FirstRun>,
    /// With few accounts one group, with many one for each thing to know.
    pub groups: Vec<Group>,
    /// How many accounts the groups hold when nothing is searched for.
    pub listed: usize,
    /// Many accounts: compact card, search, groups, lower rows.
    pub is_dense: bool,
    pub strip: Strip,
    /// Whether a refresh that the user asked for is under way.
    pub is_refreshing: bool,
    /// After this time the first text reads differently.
    pub next_change_in: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub head: String,
    /// Said beside the head when there are several groups.
    pub count: Option<usize>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstRun {
    pub found: Option<Found>,
    /// Accounts of the program that this one descends from.
    pub older: Option<Older>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
    pub title: String,
    pub source: String,
    pub folder: PathBuf,
}

/// The login that Codex uses and that no account holds yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub title: String,
    pub plan: Option<String>,
    pub source: String,
}

/// How the user wants to look at the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    pub hides_emails: bool,
    pub sort: Sort,
    pub search: &'a str,
    /// Failures up to this happening have been put away.
    pub dismissed: u64,
}

/// From this many accounts on the page is dense.
const DENSE_FROM: usize = 8;

impl Page {
    pub fn of(snapshot: &Snapshot, now: SystemTime, zone: &TimeZone, wish: &Wish<'_>) -> Self {
        let teller = Teller::new(now, zone);
        let is_dense = snapshot.profiles.len() >= DENSE_FROM;
        let entries = row::entries(snapshot, wish, &teller);
        let listed = entries.len();
        Self {
            is_loaded: snapshot.is_loaded,
            banner: banner::of(snapshot, wish, &teller),
            active: snapshot
                .active()
                .map(|profile| card::of(snapshot, profile, wish, &teller)),
            first_run: (snapshot.is_loaded && snapshot.profiles.is_empty())
                .then(|| FirstRun::of(snapshot, wish)),
            groups: row::groups(entries, is_dense, snapshot.active().is_some(), wish),
            listed,
            is_dense,
            strip: strip::of(snapshot, &teller),
            is_refreshing: snapshot.is_refreshing,
            next_change_in: teller.next_change_in(),
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    pub fn row(&self, name: &ProfileName) -> Option<&Row> {
        self.rows().find(|row| row.name == *name)
    }
}

impl FirstRun {
    fn of(snapshot: &Snapshot, wish: &Wish<'_>) -> Self {
        let found = match &snapshot.live {
            crate::desk::Live::Unsaved { email, plan } => Some(Found {
                title: email
                    .as_deref()
                    .map_or_else(|| "A Codex login".into(), |email| shown_email(email, wish)),
                plan: plan.as_deref().map(words::plan_label),
                source: format!("signed in with Codex, {}/auth.json", snapshot.home),
            }),
            crate::desk::Live::Missing
            | crate::desk::Live::Saved(_)
            | crate::desk::Live::Unreadable(_) => None,
        };
        let older = snapshot.older_store.as_ref().map(|store| Older {
            title: words::accounts(store.accounts),
            source: "of the older codex_router".to_owned(),
            folder: store.folder.clone(),
        });
        Self { found, older }
    }
}

fn shown_email(email: &str, wish: &Wish<'_>) -> String {
    words::shown_email(email, wish.hides_emails)
}
