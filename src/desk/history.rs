//! More about one account than a snapshot carries all the time: read when somebody looks at it ([`super::Command::ShowHistory`]).

use std::time::{Duration, SystemTime};

use crate::price::MicroDollars;
use crate::profile::ProfileName;

/// How one account fared, as it was read at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub name: ProfileName,
    pub read_at: SystemTime,
    /// Of each [`Span`] the lines of its windows, the shortest window first. A window of which nothing is known has no line.
    pub lines: Vec<HistoryLine>,
    /// What its requests are estimated to have cost since the month began; nothing for a login whose requests cost nothing.
    pub month_cost: Option<MicroDollars>,
    /// Whether only its owner can read its login file. Nothing where that cannot be told.
    pub is_private: Option<bool>,
    /// Why the ledger could not be read: a sentence.
    pub trouble: Option<String>,
}

/// How far a chart looks back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Span {
    Day,
    #[default]
    Week,
    Month,
}

impl Span {
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub fn length(self) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 3_600);
        match self {
            Self::Day => DAY,
            Self::Week => DAY * 7,
            Self::Month => DAY * 30,
        }
    }
}

/// One window over one span: at most [`HistoryLine::MOST`] points, the oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryLine {
    pub span: Span,
    /// The window's length.
    pub window: Duration,
    pub points: Vec<HistoryPoint>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPoint {
    pub at: SystemTime,
    /// From 0 to 100.
    pub left_percent: f64,
    /// When it would be full again, as far as was known then.
    pub resets_at: Option<SystemTime>,
}

impl HistoryLine {
    /// Two for each point of a chart as wide as a window can be useful.
    pub const MOST: usize = 500;
}
