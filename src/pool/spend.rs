//! What a member has spent today and this month, for the limits of its terms.
//!
//! Days and months are those of UTC, as the API's own bills have them: one border for everybody, wherever the computer is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Shared by all pools that hold the member, like its requests under way.
#[derive(Clone, Debug, Default)]
pub struct Spend(Arc<Mutex<Spent>>);

#[derive(Debug, Default)]
struct Spent {
    /// The day of the last change; before the first one there is nothing to forget.
    date: Option<Date>,
    day: Amount,
    month: Amount,
}

/// Of tokens, and of money as far as the prices are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub tokens: u64,
    pub micro_dollars: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Month,
}

impl Spend {
    /// Counts what a request has used.
    pub fn add(&self, amount: Amount, now: SystemTime) {
        self.add_earlier(amount, amount, now);
    }

    /// Counts what was used before this program started, today and in this month (today's included).
    pub fn add_earlier(&self, day: Amount, month: Amount, now: SystemTime) {
        self.with(now, |spent| {
            spent.day = spent.day.plus(day);
            spent.month = spent.month.plus(month);
        });
    }

    /// What was used in the day or the month of `now`.
    pub fn of(&self, period: Period, now: SystemTime) -> Amount {
        self.with(now, |spent| match period {
            Period::Day => spent.day,
            Period::Month => spent.month,
        })
    }

    fn with<T>(&self, now: SystemTime, look: impl FnOnce(&mut Spent) -> T) -> T {
        // Numbers cannot be left half written.
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (today, before) = (date_of(now), spent.date);
        // A clock that is set back a little forgets nothing; one that was far ahead must not count until then.
        let next_day = today.tomorrow().unwrap_or(today);
        let next_month = today.last_of_month().tomorrow().unwrap_or(today);
        if before.is_none_or(|before| before < today || before > next_day) {
            spent.date = Some(today);
            spent.day = Amount::default();
            let month = before.map(Date::first_of_month);
            if month.is_some_and(|month| month < today.first_of_month() || month > next_month) {
                spent.month = Amount::default();
            }
        }
        look(&mut spent)
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

impl Period {
    /// The first moment after the one that `now` is in.
    pub fn end(self, now: SystemTime) -> Option<SystemTime> {
        let today = date_of(now);
        let next = match self {
            Self::Day => today.tomorrow(),
            Self::Month => today.last_of_month().tomorrow(),
        };
        let start = next.ok()?.to_zoned(TimeZone::UTC).ok()?; // not in the year 9999
        Some(start.timestamp().into())
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "today",
            Self::Month => "this month",
        })
    }
}

fn date_of(now: SystemTime) -> Date {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let secs = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(secs).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(TimeZone::UTC).date()
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
            (spend.of(Period::Day, late), spend.of(Period::Month, late)),
            (tokens(7), tokens(12))
        );
        let next = at("2026-02-01T00:00:00Z");
        assert_eq!(
            (Period::Day.end(late), Period::Month.end(late)),
            (Some(next), Some(next))
        );
        assert_eq!(
            (spend.of(Period::Day, next), spend.of(Period::Month, next)),
            (tokens(0), tokens(0))
        );
        assert_eq!(Period::Month.end(next), Some(at("2026-03-01T00:00:00Z")));
        assert_eq!(Period::Day.end(next), Some(at("2026-02-02T00:00:00Z")));
    }

    #[test]
    fn what_was_spent_before_the_start_counts_with_what_comes_after() {
        let (spend, now) = (Spend::default(), at("2026-05-05T00:00:00Z"));
        spend.add(tokens(1), now);
        spend.add_earlier(tokens(10), tokens(100), now);
        assert_eq!(
            (spend.of(Period::Day, now), spend.of(Period::Month, now)),
            (tokens(11), tokens(101))
        );
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_back() {
        let (spend, now) = (Spend::default(), at("2026-05-05T00:00:00Z"));
        spend.add(tokens(3), now);
        let back = at("2026-05-04T00:00:00Z");
        assert_eq!(spend.of(Period::Day, back), tokens(3));
        spend.add(tokens(u64::MAX), back);
        assert_eq!(spend.of(Period::Day, now).tokens, u64::MAX);
    }

    #[test]
    fn a_clock_that_was_far_ahead_leaves_nothing_behind() {
        let spend = Spend::default();
        let spent = |now| (spend.of(Period::Day, now), spend.of(Period::Month, now));
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
