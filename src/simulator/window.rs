//! What an account has left: windows that fill and reset, named extra limits, credits.

use std::time::{Duration, SystemTime};

use super::tokens::{later, unix_secs};

const FIVE_HOURS: Duration = Duration::from_secs(5 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// A usage window. It empties by itself when its time has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub(super) length: Duration,
    pub(super) used_percent: f64,
    pub(super) resets_at: SystemTime,
}

impl Window {
    pub fn five_hour(used_percent: f64, resets_in: Duration) -> Self {
        Self::of(FIVE_HOURS, used_percent, resets_in)
    }

    pub fn weekly(used_percent: f64, resets_in: Duration) -> Self {
        Self::of(WEEK, used_percent, resets_in)
    }

    pub fn monthly(used_percent: f64, resets_in: Duration) -> Self {
        Self::of(MONTH, used_percent, resets_in)
    }

    /// `resets_in` counts from this call.
    pub fn of(length: Duration, used_percent: f64, resets_in: Duration) -> Self {
        Self {
            length,
            used_percent,
            resets_at: later(SystemTime::now(), resets_in),
        }
    }

    /// The window as it stands at `now`: unused, with the next reset ahead, when its own has passed.
    pub(super) fn at(self, now: SystemTime) -> Self {
        let Ok(overdue) = now.duration_since(self.resets_at) else {
            return self;
        };
        let length_secs = self.length.as_secs().max(1);
        let into_the_next = Duration::from_secs(overdue.as_secs() % length_secs);
        Self {
            used_percent: 0.0,
            resets_at: later(now, self.length.saturating_sub(into_the_next)),
            ..self
        }
    }

    pub(super) fn resets_in(self, now: SystemTime) -> Duration {
        self.resets_at.duration_since(now).unwrap_or_default()
    }

    /// Rounded up, as the CLI rounds (codex-rs/backend-client/src/client.rs).
    pub(super) fn minutes(self) -> u64 {
        self.length.as_secs().div_ceil(60)
    }

    pub(super) fn resets_at_secs(self) -> u64 {
        unix_secs(self.resets_at)
    }
}

/// A limit on one feature beside the account's own windows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    pub(super) name: String,
    pub(super) metered_feature: String,
    pub(super) windows: Vec<Window>,
}

/// Bought usage beyond the windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credits {
    Balance(String),
    Unlimited,
}

impl Credits {
    pub(super) fn is_unlimited(&self) -> bool {
        matches!(self, Self::Unlimited)
    }

    /// `None` where no number would say it.
    pub(super) fn balance(&self) -> Option<&str> {
        match self {
            Self::Balance(balance) => Some(balance),
            Self::Unlimited => None,
        }
    }

    pub(super) fn has_some(&self) -> bool {
        match self {
            Self::Balance(balance) => balance.parse::<f64>().is_ok_and(|amount| amount > 0.0),
            Self::Unlimited => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_empties_when_its_time_has_come() {
        let start = SystemTime::now();
        let window = Window {
            length: FIVE_HOURS,
            used_percent: 80.0,
            resets_at: start + Duration::from_secs(60),
        };
        assert_eq!(window.at(start), window);

        // Two whole windows and ten seconds later.
        let now = window.resets_at + FIVE_HOURS * 2 + Duration::from_secs(10);
        let reset = window.at(now);
        assert_eq!(reset.used_percent, 0.0);
        assert_eq!(reset.resets_in(now), FIVE_HOURS - Duration::from_secs(10));
    }
}
