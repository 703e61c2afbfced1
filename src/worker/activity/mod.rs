//! Reads what a face asked of past requests from the ledger: their sums, and a page of them. Writes all of them into a file.
//!
//! Here a wish in the words of the screen becomes a question in those of the ledger. Never here: which wish comes next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::desk::activity::{Activity, ActivityQuery, ActivitySums, Names, Place};
use crate::ledger::{AnyOf, Cut, Filter, LedgerError, Reader, Spender};
use crate::profile::ProfileName;
use crate::store::Home;

mod export;

pub use export::export;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// More than a snapshot carries.
const HEAD: usize = 64;
/// More than any time that is kept has.
const MOST_PARTS: u128 = 400;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub query: ActivityQuery,
    pub place: Place,
    pub names: Names,
    pub is_recorded: bool,
    /// What was read before: another page of the same list has the same sums.
    pub known: Option<Arc<Activity>>,
}

/// Blocks: for milliseconds, or for a part of a second where the ledger is full and all of it is asked for.
pub fn read(home: &Home, wanted: Wanted, now: SystemTime) -> Activity {
    let (query, is_recorded) = (wanted.query.clone(), wanted.is_recorded);
    let read = Reader::open(&home.ledger()).and_then(|ledger| found(&ledger, wanted, now));
    let activity = match read {
        Ok(activity) => activity,
        // A ledger that was never begun is no trouble: there was no request yet.
        Err(LedgerError::Missing) => Activity::in_trouble(query, now, None),
        Err(err) => Activity::in_trouble(query, now, Some(err.to_string())),
    };
    Activity {
        is_recorded,
        ..activity
    }
}

fn found(ledger: &Reader, wanted: Wanted, now: SystemTime) -> Result<Activity, LedgerError> {
    let Wanted {
        query,
        place,
        names,
        known,
        ..
    } = wanted;
    let known = known
        .filter(|known| known.query == query && Some(known.newest) == place.newest)
        .filter(|known| known.trouble.is_none());
    let newest = match place.newest {
        Some(newest) => newest,
        None => ledger.newest()?,
    };
    let (accounts, keys) = spenders(ledger, &query)?;
    let filter = Filter {
        up_to: Some(newest),
        ..filter(&query, &names, accounts, &keys)
    };
    let (head, sums) = match known {
        Some(known) => (known.head.clone(), known.sums.clone()),
        None => {
            let sums = sums(ledger, &filter, cut(query.since, now))?;
            (ledger.last_ids(newest, HEAD)?, sums)
        }
    };
    let records = ledger.requests_from(&filter, place.first, Activity::MOST)?;
    Ok(Activity {
        query,
        read_at: now,
        is_recorded: true,
        newest,
        head,
        sums,
        keys,
        first: place.first,
        records: records
            .into_iter()
            .map(|(_, record)| Arc::new(record))
            .collect(),
        trouble: None,
    })
}

/// Whoever has spent something in this time: nobody else is in the requests of it.
fn spenders(
    ledger: &Reader,
    query: &ActivityQuery,
) -> Result<(BTreeSet<ProfileName>, Vec<String>), LedgerError> {
    let (mut accounts, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for day in ledger.spend_since(query.since)? {
        match day.who {
            Spender::Profile(name) => {
                accounts.insert(name);
            }
            Spender::Key(id) => {
                keys.insert(id);
            }
        }
    }
    Ok((accounts, keys.into_iter().collect()))
}

/// Gives what [`ActivityQuery::takes`] gives.
fn filter(
    query: &ActivityQuery,
    names: &Names,
    accounts: BTreeSet<ProfileName>,
    keys: &[String],
) -> Filter {
    let is_meant = |id: &&String| query.finds_text(names.key(id));
    let any_of = (!query.text.is_empty()).then(|| AnyOf {
        in_model: query.text.clone(),
        profiles: accounts
            .into_iter()
            .filter(|name| query.finds_account(name, names))
            .collect(),
        keys: keys.iter().filter(is_meant).cloned().collect(),
    });
    Filter {
        since: Some(query.since),
        key: query.key.clone(),
        ended: query.ended,
        any_of,
        ..Filter::default()
    }
}

fn sums(ledger: &Reader, filter: &Filter, cut: Cut) -> Result<ActivitySums, LedgerError> {
    let sums = ledger.sums(filter, cut)?;
    let all = sums.all;
    Ok(ActivitySums {
        requests: all.requests,
        failed: all.errors,
        tokens: all.tokens,
        cached_share: all.cached_share(),
        first_token: all.first_token_p50,
        cost: all.known_cost(),
        unpriced: all.unpriced,
        estimated: all.estimated,
        step: cut.step,
        parts: sums.parts,
    })
}

/// A day in hours, a week in quarters of a day, more in days.
fn cut(from: SystemTime, now: SystemTime) -> Cut {
    let span = now.duration_since(from).unwrap_or_default();
    let step = match span {
        // A day may have 25 hours.
        span if span <= DAY + HOUR => HOUR,
        span if span <= 8 * DAY => 6 * HOUR,
        _ => DAY,
    };
    let count = span.as_nanos() / step.as_nanos() + 1;
    Cut {
        from,
        step,
        count: count.min(MOST_PARTS) as usize,
    }
}

#[cfg(test)]
mod tests;
