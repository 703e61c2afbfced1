//! Requests of a span of time, filtered and summed up: read when somebody looks at them ([`super::Command::ShowActivity`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::record::{Ended, RequestRecord};
use super::snapshot::Snapshot;
use super::words;
use crate::price::{MicroDollars, Tokens};
use crate::profile::ProfileName;

/// Which requests are looked at. Everything that is set must be true of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityQuery {
    /// Not older than this.
    pub since: SystemTime,
    /// Stands in a model, in what the account is called or in what the key is called, in small letters or large ones. Empty:
    /// anything.
    pub text: String,
    /// How it ended; nothing: however.
    pub ended: Option<Ended>,
    /// The id of a client key.
    pub key: Option<String>,
}

/// Which of them are wanted in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The list as it was when this place of the ledger was its newest; nothing: as it is now.
    pub newest: Option<i64>,
    /// The first that is wanted, counted from the newest.
    pub first: usize,
}

/// What was found, as it was read at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    pub query: ActivityQuery,
    pub read_at: SystemTime,
    /// Whether requests are recorded at all: the user may not want it.
    pub is_recorded: bool,
    /// The newest place of the ledger, for [`Place::newest`].
    pub newest: i64,
    /// The ids of the last requests in the ledger, whatever was asked for: what stands before them in
    /// [`Snapshot::requests`] is not counted here.
    pub head: Vec<String>,
    pub sums: ActivitySums,
    /// The ids of the keys that spent something in this time, also of those that are gone.
    pub keys: Vec<String>,
    /// Which one of all is the first of `records`, counted from the newest.
    pub first: usize,
    /// At most [`Activity::MOST`], the newest first.
    pub records: Vec<Arc<RequestRecord>>,
    /// Why the ledger could not be read: a sentence without a full stop.
    pub trouble: Option<String>,
}

/// What all of them come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivitySums {
    pub requests: u64,
    /// Not those that clients left.
    pub failed: u64,
    pub tokens: Tokens,
    /// The part of the input that came from caches, 0 to 1; nothing where nobody told.
    pub cached_share: Option<f64>,
    /// Half of those that were answered waited less for their first token.
    pub first_token: Option<Duration>,
    /// An estimate, of those requests whose price is known; nothing when there is none.
    pub cost: Option<MicroDollars>,
    /// Requests with tokens and without a price.
    pub unpriced: u64,
    /// Requests whose tokens are an estimate.
    pub estimated: u64,
    /// How long each of `parts` is.
    pub step: Duration,
    /// From [`ActivityQuery::since`] on, one behind the other, up to the moment of the reading.
    pub parts: Vec<ActivityPart>,
}

/// A piece of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityPart {
    pub requests: u64,
    /// Input and output.
    pub tokens: u64,
}

/// What a file of requests is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestsForm {
    Csv,
    /// An object a line.
    JsonLines,
}

/// What accounts and keys are called on screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By their labels, where they have one.
    pub accounts: BTreeMap<ProfileName, String>,
    pub keys: BTreeMap<String, String>,
    /// Accounts go by their aliases.
    pub hides_emails: bool,
}

impl Activity {
    /// More rows than a screen shows, with some above and below.
    pub const MOST: usize = 400;

    /// Nothing was found, and why.
    pub fn in_trouble(query: ActivityQuery, now: SystemTime, trouble: Option<String>) -> Self {
        Self {
            query,
            read_at: now,
            is_recorded: true,
            newest: 0,
            head: Vec::new(),
            sums: ActivitySums::default(),
            keys: Vec::new(),
            first: 0,
            records: Vec::new(),
            trouble,
        }
    }
}

impl ActivityQuery {
    /// The same answer as the ledger gives by its own means.
    pub fn takes(&self, record: &RequestRecord, names: &Names) -> bool {
        let is_of_key = |key: &String| record.key.as_ref() == Some(key);
        record.at >= self.since
            && self.ended.is_none_or(|ended| record.is(ended))
            && self.key.as_ref().is_none_or(is_of_key)
            && self.finds(record, names)
    }

    fn finds(&self, record: &RequestRecord, names: &Names) -> bool {
        let account = |name: &ProfileName| self.finds_account(name, names);
        let key = |key: &String| self.finds_text(names.key(key));
        self.finds_text(&record.model)
            || self.finds_text(&record.asked_model)
            || record.profile.as_ref().is_some_and(account)
            || record.key.as_ref().is_some_and(key)
    }

    /// By what it is called on screen, and by its name unless that is hidden.
    pub fn finds_account(&self, name: &ProfileName, names: &Names) -> bool {
        self.finds_text(&names.account(name))
            || (!names.hides_emails && self.finds_text(name.as_str()))
    }

    pub fn finds_text(&self, shown: &str) -> bool {
        self.text.is_empty() || shown.to_lowercase().contains(&self.text.to_lowercase())
    }
}

impl Names {
    pub fn of(snapshot: &Snapshot) -> Self {
        let labelled = snapshot.profiles.iter().filter_map(|profile| {
            let label = profile.about.label.clone()?;
            Some((profile.name.clone(), label))
        });
        let keys = snapshot.keys.keys.iter();
        Self {
            accounts: labelled.collect(),
            keys: keys
                .map(|key| {
                    let label = words::masked(&key.label, snapshot.hides_emails);
                    (key.id.to_string(), label)
                })
                .collect(),
            hides_emails: snapshot.hides_emails,
        }
    }

    /// Also of one that is gone.
    pub fn account(&self, name: &ProfileName) -> String {
        if self.hides_emails {
            return words::alias(name);
        }
        let label = self.accounts.get(name).cloned();
        label.unwrap_or_else(|| name.to_string())
    }

    /// Accounts in a record that leaves this program go by their aliases while they do so on screen.
    pub fn hide(&self, record: &mut RequestRecord) {
        if self.hides_emails {
            // An alias has the form of a name.
            record.call(|name| ProfileName::existing(&words::alias(name)).ok());
        }
    }

    /// One that is gone goes by its id.
    pub fn key<'a>(&'a self, id: &'a str) -> &'a str {
        self.keys.get(id).map_or(id, String::as_str)
    }
}
