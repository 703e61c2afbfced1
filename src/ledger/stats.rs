//! Requests in groups: how many, how many failed, tokens, cost, and how long people waited.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, Row, params_from_iter};

use super::LedgerError;
use super::millis_of;
use super::spend::unsigned;
use crate::desk::activity::ActivityPart;
use crate::desk::record::is_failure;
use crate::price::{MicroDollars, Tokens};

/// What makes a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Account,
    /// As it was asked upstream, or as the client wrote it where nobody was asked.
    Model,
    Key,
    /// UTC.
    Day,
    Dialect,
    /// And in it by account: a prompt is cached where a session lives.
    Session,
    /// All in one.
    Nothing,
}

/// The requests that have something in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Empty for requests without one: no account was found, no key was needed.
    pub name: String,
    pub requests: u64,
    /// Those of them that no account answered: refused, or answered by the router itself as the counting of tokens is.
    pub without_account: u64,
    /// Not those that clients left.
    pub errors: u64,
    pub tokens: Tokens,
    /// Of those requests whose price is known.
    pub cost: MicroDollars,
    /// Requests with tokens and without a price.
    pub unpriced: u64,
    /// Requests whose tokens are an estimate.
    pub estimated: u64,
    /// The input of the others, of which it is known what came from caches.
    pub told_input: u64,
    /// Half of the requests that an account answered were faster.
    pub first_token_p50: Option<Duration>,
    pub first_token_p95: Option<Duration>,
    pub took_p50: Option<Duration>,
    pub took_p95: Option<Duration>,
    /// The same by account, the largest first; of sessions only.
    pub accounts: Vec<Self>,
}

/// What is read of a request.
struct One {
    status: u16,
    is_complete: bool,
    /// None where no account answered.
    account: Option<String>,
    input: Option<u64>,
    is_estimate: bool,
    tokens: Tokens,
    cost: Option<u64>,
    first_token: Option<u64>,
    took: u64,
}

#[derive(Default)]
struct Collected {
    group: Group,
    first_token: Vec<u64>,
    took: Vec<u64>,
    accounts: HashMap<String, Self>,
}

impl Group {
    /// The part of the input that came from caches, 0 to 1.
    pub fn cached_share(&self) -> Option<f64> {
        let input = self.told_input;
        (input > 0).then(|| self.tokens.cached.min(input) as f64 / input as f64)
    }

    /// None where nothing is known: that is not the same as nothing.
    pub fn known_cost(&self) -> Option<MicroDollars> {
        let is_unknown = self.unpriced > 0 && self.cost == MicroDollars(0);
        (!is_unknown).then_some(self.cost)
    }
}

pub(super) fn grouped(
    db: &Connection,
    condition: &str,
    values: Vec<Value>,
    by: GroupBy,
) -> Result<Vec<Group>, LedgerError> {
    let name = match by {
        GroupBy::Account => "coalesce(profile, '')",
        GroupBy::Model => "iif(asked_model = '', model, asked_model)",
        GroupBy::Key => "coalesce(key, '')",
        GroupBy::Day => "date(at / 1000, 'unixepoch')",
        GroupBy::Dialect => "dialect",
        GroupBy::Session => "coalesce(session, '')",
        GroupBy::Nothing => "''",
    };
    let mut groups: HashMap<String, Collected> = HashMap::new();
    each(db, name, condition, values, |name: String, one| {
        let collected = groups.entry(name).or_default();
        collected.add(&one);
        if by == GroupBy::Session {
            let account = one.account.clone().unwrap_or_default();
            collected.accounts.entry(account).or_default().add(&one);
        }
    })?;
    let mut groups = finished(groups);
    if by == GroupBy::Day {
        groups.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(groups)
}

/// All in one, and in pieces of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    pub all: Group,
    /// One behind the other, from the beginning on.
    pub parts: Vec<ActivityPart>,
}

/// Into how many pieces of which length a time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub from: SystemTime,
    pub step: Duration,
    pub count: usize,
}

pub(super) fn summed(
    db: &Connection,
    condition: &str,
    values: Vec<Value>,
    cut: Cut,
) -> Result<Sums, LedgerError> {
    let mut all = Collected::default();
    let mut parts = vec![ActivityPart::default(); cut.count];
    let from = millis_of(cut.from);
    let step = i64::try_from(cut.step.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    each(db, "at", condition, values, |at: i64, one| {
        let place = usize::try_from((at - from) / step).ok(); // before the beginning
        if let Some(part) = place.and_then(|place| parts.get_mut(place)) {
            part.requests += 1;
            part.tokens += one.tokens.input + one.tokens.output;
        }
        all.add(&one);
    })?;
    Ok(Sums {
        all: all.finished(String::new()),
        parts,
    })
}

/// Looks at every request that the condition lets pass, and at something more of it.
fn each<T: FromSql>(
    db: &Connection,
    more: &str,
    condition: &str,
    values: Vec<Value>,
    mut take: impl FnMut(T, One),
) -> Result<(), LedgerError> {
    let mut statement = db.prepare(&format!(
        "SELECT {more}, status, is_complete, profile, input, cached, output, reasoning, cost, first_token, took,
            is_estimate
         FROM requests WHERE {condition}"
    ))?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, One::read(row)?);
    }
    Ok(())
}

impl One {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let count = |place| {
            row.get::<_, Option<i64>>(place)
                .map(|count| count.map(unsigned))
        };
        let input = count(4)?;
        Ok(Self {
            status: row.get(1)?,
            is_complete: row.get(2)?,
            account: row.get(3)?,
            input,
            is_estimate: row.get(11)?,
            tokens: Tokens {
                input: input.unwrap_or(0),
                cached: count(5)?.unwrap_or(0),
                output: count(6)?.unwrap_or(0),
                reasoning: count(7)?.unwrap_or(0),
            },
            cost: count(8)?,
            first_token: count(9)?,
            took: unsigned(row.get(10)?),
        })
    }
}

impl Collected {
    fn add(&mut self, one: &One) {
        let group = &mut self.group;
        group.requests += 1;
        group.errors += u64::from(is_failure(one.status, one.is_complete));
        group.tokens.input += one.tokens.input;
        if one.is_estimate {
            group.estimated += 1;
        } else {
            group.told_input += one.tokens.input;
        }
        group.tokens.cached += one.tokens.cached;
        group.tokens.output += one.tokens.output;
        group.tokens.reasoning += one.tokens.reasoning;
        group.cost.0 += one.cost.unwrap_or(0);
        group.unpriced += u64::from(one.input.is_some() && one.cost.is_none());
        group.without_account += u64::from(one.account.is_none());
        self.first_token.extend(one.first_token);
        // How soon a refusal or an answer of our own came says nothing about how long an account takes.
        if one.is_complete && one.account.is_some() {
            self.took.push(one.took);
        }
    }

    fn finished(mut self, name: String) -> Group {
        self.first_token.sort_unstable();
        self.took.sort_unstable();
        Group {
            name,
            first_token_p50: percentile(&self.first_token, 50),
            first_token_p95: percentile(&self.first_token, 95),
            took_p50: percentile(&self.took, 50),
            took_p95: percentile(&self.took, 95),
            accounts: finished(self.accounts),
            ..self.group
        }
    }
}

/// The largest first.
fn finished(groups: HashMap<String, Collected>) -> Vec<Group> {
    let finished = groups.into_iter().map(|(name, group)| group.finished(name));
    let mut groups: Vec<_> = finished.collect();
    groups.sort_by(|a, b| (b.requests, &a.name).cmp(&(a.requests, &b.name)));
    groups
}

/// The smallest value that so many percent do not exceed (nearest rank).
fn percentile(sorted: &[u64], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().map(Duration::from_millis)
}
