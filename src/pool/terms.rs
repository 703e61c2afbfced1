//! The user's terms for one member: when it is drawn from, how much, and for what.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::spend::Spend;
use crate::pattern::Pattern;
use crate::period::Period;
use crate::usage::{Usage, Window, WindowKind};

/// What the user has said about a profile. The default is what counts when nothing was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether it is drawn from at all.
    pub is_enabled: bool,
    /// Its share where members take turns, 1 to 100.
    pub weight: u32,
    /// None: [`Tier::Normal`], and [`Tier::Last`] for what costs money.
    pub tier: Option<Tier>,
    /// Its place in the user's order, the lowest first; whoever has none comes after all that have one.
    pub order: Option<u32>,
    /// What of each window is not for the router.
    pub reserve: Reserve,
    /// The models it is meant for; none: all.
    pub models: Vec<Pattern>,
    /// By which a client key can mean several profiles at once.
    pub group: Option<String>,
    /// What it may spend.
    pub budget: Budget,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            is_enabled: true,
            weight: 1,
            tier: None,
            order: None,
            reserve: Reserve::default(),
            models: Vec::new(),
            group: None,
            budget: Budget::default(),
        }
    }
}

impl Terms {
    /// Whether the user means it for this model. A request that names none is for everybody.
    pub fn takes_model(&self, model: &str) -> bool {
        self.models.is_empty()
            || model.is_empty()
            || self.models.iter().any(|pattern| pattern.fits(model))
    }
}

/// Limits by the day and by the month. None of a number: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub daily: Allowance,
    pub monthly: Allowance,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    pub tokens: Option<u64>,
    pub micro_dollars: Option<u64>,
}

impl Budget {
    /// The limit that is reached at `now`, and when it is forgotten; of several the one that holds longest.
    pub fn reached(&self, spend: &Spend, now: SystemTime) -> Option<(Limit, SystemTime)> {
        [(Period::Month, self.monthly), (Period::Day, self.daily)]
            .into_iter()
            .filter(|(_, allowance)| *allowance != Allowance::default())
            .find_map(|(period, allowance)| {
                let spent = if period == Period::Month {
                    spend.this_month(now)
                } else {
                    spend.today(now)
                };
                let is_reached =
                    |limit: Option<u64>, spent| limit.is_some_and(|limit| spent >= limit);
                let unit = if is_reached(allowance.tokens, spent.tokens) {
                    Unit::Tokens
                } else if is_reached(allowance.micro_dollars, spent.micro_dollars) {
                    Unit::Money
                } else {
                    return None;
                };
                Some((Limit { unit, period }, period.resets_at(now)))
            })
    }
}

/// A limit that the user has set. Its words: `limit of tokens for today`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub unit: Unit,
    pub period: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Tokens,
    Money,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Tokens => "tokens",
            Unit::Money => "cost",
        };
        let period = match self.period {
            Period::Day => "today",
            Period::Week => "this week",
            Period::Month => "this month",
        };
        write!(f, "limit of {unit} for {period}")
    }
}

/// Who comes first under the strategy `priority`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    First,
    #[default]
    Normal,
    Last,
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::First, Self::Normal, Self::Last];

    /// As it stands in `router.json` and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Normal => "normal",
            Self::Last => "last",
        }
    }
}

/// Percent of each kind of window that are kept for the user's own Codex. 0: nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserve {
    pub five_hour: u8,
    pub weekly: u8,
    /// Of every other window, such as a 30-day one.
    pub other: u8,
}

impl Reserve {
    /// Of every window.
    pub fn of_all(percent: u8) -> Self {
        Self {
            five_hour: percent,
            weekly: percent,
            other: percent,
        }
    }

    pub fn of(self, kind: WindowKind) -> u8 {
        match kind {
            WindowKind::FiveHour => self.five_hour,
            WindowKind::Weekly => self.weekly,
            WindowKind::Monthly | WindowKind::Other => self.other,
        }
    }

    /// The window of which nothing is left at `now` but the reserve, and when that ends; of several the one that stays so longest.
    /// The inner `None` means that the moment is not known.
    pub fn reached(
        self,
        usage: &Usage,
        now: SystemTime,
    ) -> Option<(ReservedWindow, Option<SystemTime>)> {
        let reached = usage.windows.iter().filter_map(|window| {
            let percent = self.of(window.kind());
            let is_reached = percent > 0 && window.left_percent(now) <= f64::from(percent);
            // A reset that is over leaves nothing to wait for: not even a full window has more than a reserve of everything.
            let until = window.resets_at.filter(|_| !window.has_reset(now));
            let length = window.length;
            is_reached.then_some((ReservedWindow { percent, length }, until))
        });
        reached.max_by_key(|(_, until)| (until.is_none(), *until))
    }
}

/// A window and how much of it is kept. Its words: `20% on 5-hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedWindow {
    pub percent: u8,
    pub length: Duration,
}

impl fmt::Display for ReservedWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = Window {
            length: self.length,
            used_percent: 0.0,
            resets_at: None,
        };
        write!(f, "{}% on {}", self.percent, window.name().to_lowercase())
    }
}
