//! What client keys had spent before this start, so that a restart gives nobody a new budget.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::debug;

use crate::client_key::{KeyId, Meters, Period, Spent};
use crate::ledger::{LedgerError, Reader, Spend, Spender};
use crate::store::home::Home;

const DAY: Duration = Duration::from_secs(86_400);

/// Reads the sums of the periods that are under way. Without a ledger that can be read budgets begin anew.
pub fn remember(home: &Home, meters: &Arc<Meters>, now: SystemTime) {
    let starts = Period::ALL.map(|period| period.start(now));
    let Some(first) = starts.into_iter().min() else {
        return;
    };
    match Reader::open(&home.ledger()).and_then(|ledger| ledger.spend_since(first)) {
        Ok(days) => count(meters, &days, now),
        Err(LedgerError::Missing) => {}
        Err(err) => debug!(error = %err, "what client keys have spent is not known"),
    }
}

fn count(meters: &Arc<Meters>, days: &[Spend], now: SystemTime) {
    for day in days {
        let Spender::Key(id) = &day.who else {
            continue;
        };
        let begins = u64::try_from(day.day).ok(); // before 1970 nobody spent anything
        let begins = begins.and_then(|days| {
            let since = DAY.checked_mul(u32::try_from(days).ok()?)?; // not a day that anybody sees
            SystemTime::UNIX_EPOCH.checked_add(since)
        });
        let (Some(id), Some(begins)) = (KeyId::parse(id), begins) else {
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
            if begins >= period.start(now) {
                meters.remember(&id, period, spent, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
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
        // Today, Monday, Sunday, the first of the month, the day before.
        let days = [0, 3, 4, 25, 26].map(|days_ago| day("k1", days_ago));
        count(&meters, &days, now);
        count(&meters, &[day("k2", 0)], now);
        let id = KeyId::parse("k1").unwrap();
        let shown = meters.shown(Some(&id), Instant::now(), now);
        let counted = shown
            .periods
            .map(|(_, spent)| (spent.requests, spent.tokens(), spent.micro_usd));
        assert_eq!(counted, [(1, 15, 7), (2, 30, 14), (4, 60, 28)]);
    }
}
