//! What a member has spent today and this month, for the limits of its terms.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::period::Period;

/// Shared by all pools that hold the member, like its requests under way.
#[derive(Clone, Debug, Default)]
pub struct Spend(Arc<Mutex<Spent>>);

#[derive(Debug, Default)]
struct Spent {
    day: Account,
    month: Account,
}

/// What was spent in one period.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    began_at: Option<SystemTime>,
    amount: Amount,
}

/// Of tokens, and of money as far as the prices are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub tokens: u64,
    pub micro_dollars: u64,
}

impl Spend {
    /// Counts what a request has used.
    pub fn add(&self, amount: Amount, now: SystemTime) {
        self.add_earlier(amount, amount, now);
    }

    /// Counts what was used before this program started, today and in this month (today's included).
    pub fn add_earlier(&self, day: Amount, month: Amount, now: SystemTime) {
        self.with(|spent| {
            let today = spent.day.at(Period::Day, now);
            *today = today.plus(day);
            let this_month = spent.month.at(Period::Month, now);
            *this_month = this_month.plus(month);
        });
    }

    /// What was used in the day of `now`.
    pub fn today(&self, now: SystemTime) -> Amount {
        self.with(|spent| *spent.day.at(Period::Day, now))
    }

    /// What was used in the month of `now`.
    pub fn this_month(&self, now: SystemTime) -> Amount {
        self.with(|spent| *spent.month.at(Period::Month, now))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Spent) -> T) -> T {
        // Numbers cannot be left half written.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Account {
    /// What was spent in the period of `now`.
    fn at(&mut self, period: Period, now: SystemTime) -> &mut Amount {
        if !self.began_at.is_some_and(|at| period.keeps(at, now)) {
            *self = Self {
                began_at: Some(period.start(now)),
                amount: Amount::default(),
            };
        }
        &mut self.amount
    }
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            micro_dollars: self.micro_dollars.saturating_add(other.micro_dollars),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn tokens(tokens: u64) -> Amount {
        Amount {
            tokens,
            micro_dollars: tokens.saturating_mul(2),
        }
    }

    #[test]
    fn a_day_ends_at_midnight_and_a_month_with_its_last_day() {
        let spend = Spend::default();
        spend.add(tokens(5), at("2026-01-30T10:00:00Z"));
        spend.add(tokens(7), at("2026-01-31T23:59:59Z"));
        let late = at("2026-01-31T23:59:59Z");
        assert_eq!(
            (spend.today(late), spend.this_month(late)),
            (tokens(7), tokens(12))
        );
        let next = at("2026-02-01T00:00:00Z");
        assert_eq!(
            (spend.today(next), spend.this_month(next)),
            (tokens(0), tokens(0))
        );
    }

    #[test]
    fn what_was_spent_before_the_start_counts_with_what_comes_after() {
        let (spend, now) = (Spend::default(), at("2026-05-05T00:00:00Z"));
        spend.add(tokens(1), now);
        spend.add_earlier(tokens(10), tokens(100), now);
        assert_eq!(
            (spend.today(now), spend.this_month(now)),
            (tokens(11), tokens(101))
        );
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_back() {
        let (spend, now) = (Spend::default(), at("2026-05-05T00:00:00Z"));
        spend.add(tokens(3), now);
        let back = at("2026-05-04T00:00:00Z");
        assert_eq!(spend.today(back), tokens(3));
        spend.add(tokens(u64::MAX), back);
        assert_eq!(spend.today(now).tokens, u64::MAX);
    }

    #[test]
    fn a_clock_that_was_far_ahead_leaves_nothing_behind() {
        let spend = Spend::default();
        let spent = |now| (spend.today(now), spend.this_month(now));
        spend.add(tokens(3), at("2027-05-05T00:00:00Z"));
        let now = at("2026-05-05T00:00:00Z");
        assert_eq!(spent(now), (tokens(0), tokens(0)));
        spend.add(tokens(4), now);
        assert_eq!(spent(now), (tokens(4), tokens(4)));
        // Three days ahead over the end of a month: the day was wrong, the month is counted on.
        spend.add(tokens(5), at("2026-06-03T00:00:00Z"));
        assert_eq!(spent(at("2026-05-31T00:00:00Z")), (tokens(0), tokens(5)));
    }
}
