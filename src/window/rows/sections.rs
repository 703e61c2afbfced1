//! How rows are gathered: in one list, or by what there is to know of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::row::{Entry, Row};
use super::standing::{Level, Mark, Standing};
use super::telling::Teller;
use super::{Sort, Wish};
use crate::desk::sort::{Place, Rank};
use crate::desk::{ProfileView, Snapshot, words};
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// None where all rows stand in one list.
    pub section: Option<Section>,
    /// Empty where the list needs no head.
    pub head: String,
    /// Said beside the head when there are several groups.
    pub count: Option<usize>,
    pub rows: Vec<Row>,
    /// Whether its rows are folded away; none where they cannot be.
    pub is_folded: Option<bool>,
}

/// What there is to know of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Ready,
    Low,
    Waiting,
    Attention,
}

/// Which groups the user has folded, or unfolded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Folds {
    ready: Option<bool>,
    low: Option<bool>,
    waiting: Option<bool>,
    attention: Option<bool>,
}

impl Group {
    /// Whose rows it has, from top to bottom.
    pub fn names(&self) -> Vec<&ProfileName> {
        self.rows.iter().map(|row| &row.name).collect()
    }
}

impl Section {
    const ALL: [Self; 4] = [Self::Ready, Self::Low, Self::Waiting, Self::Attention];

    pub fn head(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Low => "Low",
            Self::Waiting => "Waiting",
            Self::Attention => "Needs attention",
        }
    }

    fn of(rank: Rank, mark: Mark, level: Level) -> Self {
        match (rank, mark) {
            (Rank::Waiting, _) | (_, Mark::Empty) => Self::Waiting,
            (Rank::Attention, _) | (_, Mark::SignInAgain | Mark::Unreadable) => Self::Attention,
            (Rank::Usable | Rank::Unknown | Rank::NotPooled, _) if level > Level::Fine => Self::Low,
            (Rank::Usable | Rank::Unknown | Rank::NotPooled, _) => Self::Ready,
        }
    }
}

impl Folds {
    /// What waits can be looked at when it is wanted; everything else is of use now.
    pub fn is_folded(self, section: Section) -> bool {
        let said = match section {
            Section::Ready => self.ready,
            Section::Low => self.low,
            Section::Waiting => self.waiting,
            Section::Attention => self.attention,
        };
        said.unwrap_or(section == Section::Waiting)
    }

    pub fn turn(&mut self, section: Section) {
        let turned = Some(!self.is_folded(section));
        match section {
            Section::Ready => self.ready = turned,
            Section::Low => self.low = turned,
            Section::Waiting => self.waiting = turned,
            Section::Attention => self.attention = turned,
        }
    }
}

/// Sorts, searches, and splits into groups. `has_card`: the account in use stands above the list.
pub(super) fn groups(
    mut entries: Vec<Entry>,
    is_grouped: bool,
    (has_card, folds): (bool, bool),
    wish: &Wish<'_>,
) -> Vec<Group> {
    let search = wish.search.trim().to_lowercase();
    entries.retain(|entry| entry.haystack.contains(&search));
    sort(&mut entries, wish);
    let mut groups = Vec::new();
    // It leads the list, whatever the order.
    if wish.is_wide
        && wish.sort != Sort::Own
        && let Some(place) = entries.iter().position(|entry| entry.row.is_active)
    {
        let active = entries.remove(place);
        if is_grouped {
            groups.push(Group {
                section: None,
                head: String::new(),
                count: None,
                rows: vec![active.row],
                is_folded: None,
            });
        } else {
            entries.insert(0, active);
        }
    }
    if is_grouped {
        let can_fold = folds && search.is_empty();
        let sections = Section::ALL.into_iter().map(|section| {
            let rows: Vec<_> = entries
                .iter()
                .filter(|entry| {
                    Section::of(entry.place.rank, entry.row.mark, entry.level) == section
                })
                .map(|entry| entry.row.clone())
                .collect();
            Group {
                section: Some(section),
                head: section.head().into(),
                count: Some(rows.len()),
                rows,
                is_folded: can_fold.then(|| wish.folds.is_folded(section)),
            }
        });
        groups.extend(sections.filter(|group| !group.rows.is_empty()));
        return groups;
    }
    if entries.is_empty() {
        return groups;
    }
    let head = match (wish.is_wide, has_card) {
        (true, _) => "",
        (false, true) => "Other accounts",
        (false, false) => "Accounts",
    };
    groups.push(Group {
        section: None,
        head: head.into(),
        count: None,
        rows: entries.into_iter().map(|entry| entry.row).collect(),
        is_folded: None,
    });
    groups
}

fn sort(entries: &mut [Entry], wish: &Wish<'_>) {
    match wish.order.filter(|_| wish.sort == Sort::Own) {
        None => entries.sort_by(|a, b| a.place.compare(&b.place, wish.sort)),
        Some(order) => {
            let places: BTreeMap<_, _> = order.iter().zip(0_usize..).collect();
            let place = |entry: &Entry| {
                let place = places.get(&entry.row.name);
                (!entry.row.is_pinned, place.is_none(), place.copied())
            };
            entries.sort_by_key(place);
        }
    }
}

/// `34 accounts · 20 ready · 5 low · 7 waiting · 2 need sign-in`. Every account is in it, and none twice.
pub(super) fn counts(snapshot: &Snapshot, teller: &Teller<'_>) -> String {
    let mut counted: BTreeMap<Section, usize> = BTreeMap::new();
    let mut dead = 0;
    for profile in &snapshot.profiles {
        let section = section_of(profile, snapshot, teller);
        let is_dead = profile.health == crate::profile::Health::SignInAgain;
        if section == Section::Attention && is_dead {
            dead += 1;
        } else {
            *counted.entry(section).or_default() += 1;
        }
    }
    let words = |section| match section {
        Section::Ready => "ready",
        Section::Low => "low",
        Section::Waiting => "waiting",
        Section::Attention => "to look at",
    };
    let told = counted
        .into_iter()
        .map(|(section, count)| (count, words(section)))
        .chain([(
            dead,
            if dead == 1 {
                "needs sign-in"
            } else {
                "need sign-in"
            },
        )])
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"));
    let parts: Vec<_> = std::iter::once(words::accounts(snapshot.profiles.len()))
        .chain(told)
        .collect();
    parts.join(" · ")
}

fn section_of(profile: &ProfileView, snapshot: &Snapshot, teller: &Teller<'_>) -> Section {
    let standing = Standing::of(profile, snapshot, teller);
    let level = standing.level().unwrap_or(Level::Fine);
    Section::of(Place::of(profile, teller.now).rank, standing.mark(), level)
}
