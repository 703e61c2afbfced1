//! What the user says about accounts, and what has become of the deleted ones.

use std::time::SystemTime;

use crate::pool::Term;
use crate::profile::ProfileName;

/// One change of the user's words about accounts. Nothing takes a word back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// What it is called on screen, in any script.
    Label(Option<String>),
    Note(Option<String>),
    AddTag(String),
    RemoveTag(String),
    Pin(bool),
    /// A term for the router (group, priority, reserve, whether it is used …), as text that [`Term`] reads.
    Term(Term, Option<String>),
}

/// The words that are for the user alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub label: Option<String>,
    pub note: Option<String>,
    /// In the order in which they were given.
    pub tags: Vec<String>,
    /// Stands before all others in a list.
    pub is_pinned: bool,
}

/// A deleted account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashView {
    /// Its directory in the trash.
    pub id: String,
    pub name: ProfileName,
    pub email: Option<String>,
    pub deleted_at: SystemTime,
    /// When it is gone for good.
    pub purged_at: SystemTime,
}

/// How a login fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenHealth {
    /// The last rotation that was noticed.
    pub rotated_at: Option<SystemTime>,
    pub rotated_by: Option<Rotator>,
    /// When it will be refreshed by itself.
    pub next_refresh_at: Option<SystemTime>,
    /// Why the last refresh brought nothing: a sentence; and when that was.
    pub last_error: Option<(String, SystemTime)>,
    /// How and when it came here.
    pub came_by: Option<(Origin, SystemTime)>,
}

/// Who got new tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotator {
    Us,
    Codex,
}

/// How a login came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Browser,
    Code,
    Key,
    Import,
    /// Saved from the login that Codex used.
    Codex,
}
