//! Days, weeks and months in UTC, as the bills of the API have them: one border for everybody, wherever the computer is.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What a limit of spending is for. All of them begin at midnight UTC: a week on Monday, a month on its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    Day,
    Week,
    Month,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Period {
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// When the one that holds `now` began.
    pub fn start(self, now: SystemTime) -> SystemTime {
        self.first_day(now).map_or(SystemTime::UNIX_EPOCH, midnight)
    }

    /// When it ends and everything may be spent again.
    pub fn resets_at(self, now: SystemTime) -> SystemTime {
        let next = self.first_day(now).and_then(|day| match self {
            Self::Day => day.tomorrow().ok(),
            Self::Week => day.checked_add(jiff::Span::new().days(7)).ok(),
            Self::Month => day.checked_add(jiff::Span::new().months(1)).ok(),
        });
        // Beyond the year 9999 a day will do.
        next.map_or(now + DAY, midnight)
    }

    /// Whether an account that began then is still the one of `now`. A clock that was set back a little opens no new one; one that was
    /// far ahead and is right again must not leave its account in place until then.
    pub fn keeps(self, began_at: SystemTime, now: SystemTime) -> bool {
        (self.start(now)..=self.resets_at(now)).contains(&began_at)
    }

    fn first_day(self, now: SystemTime) -> Option<Date> {
        let today = Timestamp::try_from(now)
            .ok()?
            .to_zoned(TimeZone::UTC)
            .date(); // no date that has a name
        match self {
            Self::Day => Some(today),
            Self::Week => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                today.checked_sub(jiff::Span::new().days(since_monday)).ok() // before the year -9999
            }
            Self::Month => Some(today.first_of_month()),
        }
    }
}

fn midnight(day: Date) -> SystemTime {
    match day.to_zoned(TimeZone::UTC) {
        Ok(at) => at.timestamp().into(),
        Err(_beyond_all_dates) => SystemTime::UNIX_EPOCH,
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn every_period_begins_and_ends_at_midnight_utc() {
        // 26 November 2026 is a Thursday.
        let now = at("2026-11-26T13:45:00Z");
        for (period, start, end) in [
            (Period::Day, "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"),
            (Period::Week, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (
                Period::Month,
                "2026-11-01T00:00:00Z",
                "2026-12-01T00:00:00Z",
            ),
        ] {
            assert_eq!(period.start(now), at(start), "{period}");
            assert_eq!(period.resets_at(now), at(end), "{period}");
            // The first moment belongs to the period, the last one to the next.
            assert_eq!(period.start(at(start)), at(start), "{period}");
            assert_eq!(period.start(at(end)), at(end), "{period}");
        }
    }

    #[test]
    fn months_are_as_long_as_they_are() {
        for (now, end) in [
            ("2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
            ("2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(Period::Month.resets_at(at(now)), at(end), "{now}");
        }
        assert_eq!(
            Period::Week.resets_at(at("2026-12-31T12:00:00Z")),
            at("2027-01-04T00:00:00Z")
        );
    }
}
