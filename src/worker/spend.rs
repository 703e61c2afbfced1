//! What client keys and profiles had spent before this start, so that a restart gives nobody a new budget.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::warn;

use crate::client_key::{KeyId, Meters, Spent};
use crate::ledger::{LedgerError, Reader, Spend, Spender};
use crate::period::Period;
use crate::pool::Amount;
use crate::profile::ProfileName;
use crate::store::home::Home;

const DAY: Duration = Duration::from_secs(86_400);

/// What a profile has spent, for the limits of its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSpent {
    pub name: ProfileName,
    pub today: Amount,
    /// Today's included.
    pub this_month: Amount,
}

/// What the ledger knows of the time before this start.
#[derive(Debug, Default)]
pub struct Earlier {
    /// The sums of the periods that are under way.
    pub days: Vec<Spend>,
    /// On which day each client key was used last.
    last_days: Vec<(String, i64)>,
}

/// Without a ledger that can be read budgets begin anew.
pub fn read(home: &Home, now: SystemTime) -> Earlier {
    let starts = Period::ALL.map(|period| period.start(now));
    let Some(first) = starts.into_iter().min() else {
        return Earlier::default();
    };
    let read = |ledger: Reader| {
        Ok(Earlier {
            days: ledger.spend_since(first)?,
            last_days: ledger.last_days()?,
        })
    };
    match Reader::open(&home.ledger()).and_then(read) {
        Ok(earlier) => earlier,
        Err(LedgerError::Missing) => Earlier::default(),
        Err(err) => {
            warn!(error = %err, "what was spent before is not known; budgets and limits begin anew");
            Earlier::default()
        }
    }
}

/// Counts for the budgets of client keys, and notes when each was used last.
pub fn count_keys(meters: &Arc<Meters>, earlier: &Earlier, now: SystemTime) {
    for (id, day) in &earlier.last_days {
        // A day to come was written by a clock that was ahead.
        if let (Some(id), Some(begins)) = (KeyId::parse(id), beginning(*day))
            && begins <= now
        {
            meters.remember_day(&id, begins);
        }
    }
    for day in &earlier.days {
        let Spender::Key(id) = &day.who else {
            continue;
        };
        let (Some(id), Some(begins)) = (KeyId::parse(id), beginning(day.day)) else {
            continue;
        };
        let spent = Spent {
            requests: day.requests,
            input: day.tokens.input,
            cached: day.tokens.cached,
            output: day.tokens.output,
            micro_usd: day.cost.0,
            unpriced: day.unpriced,
        };
        for period in Period::ALL {
            if is_in(period, begins, now) {
                meters.remember(&id, period, spent, now);
            }
        }
    }
}

/// The same for profiles.
pub fn of_profiles(days: &[Spend], now: SystemTime) -> Vec<ProfileSpent> {
    let amount = |day: &Spend, period: Period| {
        let is_in = beginning(day.day).is_some_and(|begins| is_in(period, begins, now));
        let tokens = day.tokens.input.saturating_add(day.tokens.output);
        let whole = Amount {
            tokens,
            micro_dollars: day.cost.0,
        };
        if is_in { whole } else { Amount::default() }
    };
    let of_profile = |day: &Spend| match &day.who {
        Spender::Key(_) => None,
        Spender::Profile(name) => Some(ProfileSpent {
            name: name.clone(),
            today: amount(day, Period::Day),
            this_month: amount(day, Period::Month),
        }),
    };
    days.iter().filter_map(of_profile).collect()
}

/// Whether a day counts in the period that holds `now`. A day to come was written by a clock that was ahead.
fn is_in(period: Period, begins: SystemTime, now: SystemTime) -> bool {
    period.start(now) <= begins && begins <= now
}

/// When a day begins that is counted from 1970 on, in UTC.
fn beginning(day: i64) -> Option<SystemTime> {
    let days = u32::try_from(day).ok()?; // before 1970 nobody spent anything
    SystemTime::UNIX_EPOCH.checked_add(DAY.checked_mul(days)?)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::client_key::LastUse;
    use crate::price::{MicroDollars, Tokens};

    /// 26 November 2026, a Thursday, noon UTC.
    const NOW: Duration = Duration::from_secs(1_795_694_400);

    fn day(key: &str, days_ago: i64) -> Spend {
        Spend {
            who: Spender::Key(key.to_owned()),
            day: i64::try_from(NOW.as_secs() / 86_400).unwrap() - days_ago,
            requests: 1,
            tokens: Tokens {
                input: 10,
                cached: 4,
                output: 5,
                reasoning: 0,
            },
            cost: MicroDollars(7),
            unpriced: 0,
        }
    }

    #[test]
    fn each_day_counts_in_the_periods_that_it_belongs_to() {
        let now = SystemTime::UNIX_EPOCH + NOW;
        let meters = Meters::new(now);
        // Today, Monday, Sunday, the first of the month, the day before; tomorrow and a year ahead, by a clock that was wrong.
        let days = [0, 3, 4, 25, 26, -1, -365].map(|days_ago| day("k1", days_ago));
        let days = days.into_iter().chain([day("k2", 0)]).collect();
        let today = day("k1", 0).day;
        let last = |id: &str, day| (id.to_owned(), day);
        let last_days = vec![last("k1", today - 3), last("k2", today + 1)];
        count_keys(&meters, &Earlier { days, last_days }, now);
        let id = KeyId::parse("k1").unwrap();
        let shown = meters.shown(Some(&id), Instant::now(), now);
        let counted = shown
            .periods
            .map(|(_, spent)| (spent.requests, spent.tokens(), spent.micro_usd));
        assert_eq!(counted, [(1, 15, 7), (2, 30, 14), (4, 60, 28)]);
        let monday = Period::Week.start(now);
        assert_eq!(shown.last_use, Some(LastUse::OnDay(monday)));
        let other = KeyId::parse("k2").unwrap();
        let shown = meters.shown(Some(&other), Instant::now(), now);
        assert_eq!(shown.last_use, None, "nobody uses a key tomorrow");
    }

    #[test]
    fn a_profile_has_spent_what_it_did_today_and_this_month() {
        let now = SystemTime::UNIX_EPOCH + NOW;
        let of_work = |days_ago| Spend {
            who: Spender::Profile(ProfileName::parse("work").unwrap()),
            ..day("", days_ago)
        };
        let mut days: Vec<_> = [0, 25, 26, -1].map(of_work).into();
        days.push(day("k1", 0));
        let spent = of_profiles(&days, now);
        let tokens: Vec<_> = spent
            .iter()
            .map(|spent| {
                (
                    spent.name.as_str(),
                    spent.today.tokens,
                    spent.this_month.tokens,
                )
            })
            .collect();
        assert_eq!(
            tokens,
            [
                ("work", 15, 15),
                ("work", 0, 15),
                ("work", 0, 0),
                ("work", 0, 0)
            ]
        );
    }
}
