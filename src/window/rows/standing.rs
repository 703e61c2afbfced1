//! What one account is good for at a moment: the judgement that its row, its card and its place in the list share.

use std::time::SystemTime;

use super::telling::Teller;
use crate::desk::{LoginKind, ProfileView, RestCause, Snapshot};
use crate::profile::Health;
use crate::usage::{Usage, Window};

/// The sign at the left of a row. Each has a shape of its own, so that colour is never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Ready,
    Low,
    Critical,
    Empty,
    SignInAgain,
    Unreadable,
    Stale,
    Unknown,
}

/// How bad a percentage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    Low,
    Critical,
    Empty,
}

/// How a usage bar is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// The account in use.
    Accent,
    Neutral,
    Low,
    Critical,
    /// Nothing left: an outline instead of a fill.
    Empty,
    /// Not known yet: the track alone.
    Missing,
}

pub(super) struct Standing<'a> {
    pub kind: Kind<'a>,
    /// The numbers are too old to be judged by.
    pub is_stale: bool,
}

pub(super) enum Kind<'a> {
    /// It has numbers, and may be used.
    Usable {
        usage: &'a Usage,
        binding: &'a Window,
        level: Level,
    },
    /// Nothing is left until then, as far as that is known.
    Waiting {
        usage: Option<&'a Usage>,
        /// The window that is empty; none when the upstream only said that a limit is reached.
        window: Option<&'a Window>,
        until: Option<SystemTime>,
    },
    /// An API key or an endpoint: paid by the request; there are no windows.
    ApiKey,
    /// The first numbers are on their way.
    Loading,
    /// It answered, and has no windows to show.
    NoWindows,
    /// There were never numbers: a sentence.
    UsageFailed(&'a str),
    SignInAgain,
    /// A sentence.
    Unreadable(&'a str),
    /// A kind of login that is only shown: its mode.
    ShownOnly(&'a str),
}

impl Level {
    /// Judges the number that is shown, so that "20%" never reads fine in one place and low in another.
    pub fn of(left_percent: f64) -> Self {
        let shown = (left_percent + 1e-9).floor();
        if left_percent <= 0.0 {
            Self::Empty
        } else if shown <= 5.0 {
            Self::Critical
        } else if shown <= 20.0 {
            Self::Low
        } else {
            Self::Fine
        }
    }

    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Fine => None,
            Self::Low => Some("low"),
            Self::Critical => Some("nearly empty"),
            Self::Empty => Some("empty"),
        }
    }
}

impl<'a> Standing<'a> {
    pub fn of(profile: &'a ProfileView, snapshot: &Snapshot, teller: &Teller<'_>) -> Self {
        let usage = profile.usage.as_deref();
        Self {
            kind: kind(profile, teller),
            is_stale: usage.is_some_and(|usage| is_stale(usage, snapshot, teller)),
        }
    }

    pub fn mark(&self) -> Mark {
        match &self.kind {
            Kind::Waiting { .. } => Mark::Empty,
            Kind::SignInAgain => Mark::SignInAgain,
            Kind::Unreadable(_) => Mark::Unreadable,
            Kind::ApiKey => Mark::Ready,
            Kind::Loading | Kind::NoWindows | Kind::UsageFailed(_) | Kind::ShownOnly(_) => {
                Mark::Unknown
            }
            Kind::Usable { .. } if self.is_stale => Mark::Stale,
            Kind::Usable { level, .. } => match level {
                Level::Fine => Mark::Ready,
                Level::Low => Mark::Low,
                Level::Critical => Mark::Critical,
                Level::Empty => Mark::Empty,
            },
        }
    }

    /// Whether a request through it can succeed, as far as is known.
    pub fn is_usable(&self) -> bool {
        match self.kind {
            Kind::Usable { .. } | Kind::ApiKey | Kind::Loading | Kind::NoWindows => true,
            Kind::UsageFailed(_) => true,
            Kind::Waiting { .. } | Kind::SignInAgain | Kind::Unreadable(_) | Kind::ShownOnly(_) => {
                false
            }
        }
    }

    /// How the bar of one of its windows is filled.
    pub fn fill(&self, window: &Window, is_active: bool, now: SystemTime) -> Fill {
        let level = Level::of(window.left_percent(now));
        if level == Level::Empty {
            return Fill::Empty;
        }
        // A window that cannot be used steps back, and old numbers accuse nobody.
        if self.is_stale || matches!(self.kind, Kind::Waiting { .. }) {
            return Fill::Neutral;
        }
        match level {
            Level::Critical => Fill::Critical,
            Level::Low => Fill::Low,
            Level::Fine | Level::Empty if is_active => Fill::Accent,
            Level::Fine | Level::Empty => Fill::Neutral,
        }
    }

    /// What is left, for choosing among several; an API key costs money and comes after every allowance.
    pub fn left_percent(&self, now: SystemTime) -> f64 {
        match &self.kind {
            Kind::Usable { binding, .. } => binding.left_percent(now),
            Kind::Waiting { .. } => 0.0,
            _ => -1.0,
        }
    }

    /// How bad its binding window is, where it can be used.
    pub fn level(&self) -> Option<Level> {
        match self.kind {
            Kind::Usable { level, .. } => Some(level),
            _ => None,
        }
    }
}

fn kind<'a>(profile: &'a ProfileView, teller: &Teller<'_>) -> Kind<'a> {
    match &profile.health {
        Health::SignInAgain => return Kind::SignInAgain,
        Health::Unreadable(reason) => return Kind::Unreadable(&reason.0),
        Health::NotRoutable { mode } => return Kind::ShownOnly(mode),
        Health::Fine => {}
    }
    match &profile.kind {
        LoginKind::ApiKey | LoginKind::Endpoint { .. } => return Kind::ApiKey,
        LoginKind::Other(mode) => return Kind::ShownOnly(mode),
        LoginKind::ChatGpt | LoginKind::Unknown => {}
    }
    let usage = profile.usage.as_deref();
    let rest = profile
        .rest
        .as_ref()
        .filter(|rest| rest.until > teller.now && rest.cause == RestCause::UsageLimit);
    if let Some(until) = usage.and_then(|usage| usage.blocked_until(teller.now)) {
        if let Some(until) = until {
            teller.watch(until);
        }
        let window = usage
            .and_then(|usage| usage.binding(teller.now))
            .filter(|window| window.is_empty(teller.now));
        return Kind::Waiting {
            usage,
            window,
            until,
        };
    }
    if let Some(rest) = rest {
        teller.watch(rest.until);
        return Kind::Waiting {
            usage,
            window: None,
            until: Some(rest.until),
        };
    }
    match (usage, &profile.usage_error) {
        (Some(usage), _) => match usage.binding(teller.now) {
            Some(binding) => {
                if let Some(at) = binding.resets_at {
                    teller.watch(at);
                }
                Kind::Usable {
                    usage,
                    binding,
                    level: Level::of(binding.left_percent(teller.now)),
                }
            }
            None => Kind::NoWindows,
        },
        (None, Some(reason)) => Kind::UsageFailed(reason),
        (None, None) => Kind::Loading,
    }
}

fn is_stale(usage: &Usage, snapshot: &Snapshot, teller: &Teller<'_>) -> bool {
    if let Some(stale_at) = snapshot.stale_at(usage) {
        teller.watch(stale_at);
    }
    snapshot.is_stale(usage, teller.now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_judges_the_number_that_is_shown() {
        let levels = [
            (100.0, Level::Fine),
            (21.0, Level::Fine),
            (20.9, Level::Low),
            (20.0, Level::Low),
            (6.0, Level::Low),
            (5.9, Level::Critical),
            (0.2, Level::Critical),
            (0.0, Level::Empty),
            (-3.0, Level::Empty),
        ];
        for (left, level) in levels {
            assert_eq!(Level::of(left), level, "{left}");
        }
    }
}
