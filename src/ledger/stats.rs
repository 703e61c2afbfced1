//! Requests in groups: how many, how many failed, tokens, cost, and how long people waited.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::LedgerError;
use super::spend::unsigned;
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
    /// Half of the requests that an account answered were faster.
    pub first_token_p50: Option<Duration>,
    pub first_token_p95: Option<Duration>,
    pub took_p50: Option<Duration>,
    pub took_p95: Option<Duration>,
}

#[derive(Default)]
struct Collected {
    group: Group,
    first_token: Vec<u64>,
    took: Vec<u64>,
}

impl Group {
    /// The part of the input that came from caches, 0 to 1.
    pub fn cached_share(&self) -> Option<f64> {
        let input = self.tokens.input;
        (input > 0).then(|| self.tokens.cached.min(input) as f64 / input as f64)
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
        GroupBy::Nothing => "''",
    };
    let mut statement = db.prepare(&format!(
        "SELECT {name}, status, is_complete, input, cached, output, reasoning, cost, first_token, took,
            profile IS NOT NULL
         FROM requests WHERE {condition}"
    ))?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut groups: HashMap<String, Collected> = HashMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let (status, is_complete): (u16, bool) = (row.get(1)?, row.get(2)?);
        let is_by_account: bool = row.get(10)?;
        let count = |place| {
            row.get::<_, Option<i64>>(place)
                .map(|count| count.map(unsigned))
        };
        let (input, cost) = (count(3)?, count(7)?);
        let collected = groups.entry(name).or_default();
        let group = &mut collected.group;
        group.requests += 1;
        group.errors += u64::from(status != 499 && (status >= 400 || !is_complete));
        group.tokens.input += input.unwrap_or(0);
        group.tokens.cached += count(4)?.unwrap_or(0);
        group.tokens.output += count(5)?.unwrap_or(0);
        group.tokens.reasoning += count(6)?.unwrap_or(0);
        group.cost.0 += cost.unwrap_or(0);
        group.unpriced += u64::from(input.is_some() && cost.is_none());
        collected.first_token.extend(count(8)?);
        group.without_account += u64::from(!is_by_account);
        // How soon a refusal or an answer of our own came says nothing about how long an account takes.
        if is_complete && is_by_account {
            collected.took.extend(count(9)?);
        }
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|(name, collected)| finished(name, collected))
        .collect();
    match by {
        GroupBy::Day => groups.sort_by(|a, b| a.name.cmp(&b.name)),
        _ => groups.sort_by(|a, b| (b.requests, &a.name).cmp(&(a.requests, &b.name))),
    }
    Ok(groups)
}

fn finished(name: String, mut collected: Collected) -> Group {
    collected.first_token.sort_unstable();
    collected.took.sort_unstable();
    Group {
        name,
        first_token_p50: percentile(&collected.first_token, 50),
        first_token_p95: percentile(&collected.first_token, 95),
        took_p50: percentile(&collected.took, 50),
        took_p95: percentile(&collected.took, 95),
        ..collected.group
    }
}

/// The smallest value that so many percent do not exceed (nearest rank).
fn percentile(sorted: &[u64], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().map(Duration::from_millis)
}
