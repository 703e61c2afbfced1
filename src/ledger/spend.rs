//! What client keys and profiles used, summed up by day: small, and kept longer than the requests themselves.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::{LedgerError, name_of};
use crate::desk::record::RequestRecord;
use crate::price::{MicroDollars, Tokens};
use crate::profile::ProfileName;

/// Who spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spender {
    /// A client key, by its id.
    Key(String),
    /// A profile, whose terms may have limits.
    Profile(ProfileName),
}

/// One day of one spender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    pub who: Spender,
    /// Whole days since 1970, UTC.
    pub day: i64,
    pub requests: u64,
    /// Without reasoning, which is a part of the output.
    pub tokens: Tokens,
    /// Of those requests whose price is known.
    pub cost: MicroDollars,
    /// Requests with tokens and without a price.
    pub unpriced: u64,
}

/// Whole days since 1970, UTC: what [`Spend`] is summed up by.
pub fn day_of(at: SystemTime) -> i64 {
    super::millis_of(at) / 86_400_000
}

/// Adds a request to the sums of its key and of its profile.
pub(super) fn add(db: &Connection, record: &RequestRecord) -> Result<(), LedgerError> {
    let profile = record.profile.as_ref();
    let spenders = record
        .key
        .as_deref()
        .map(|key| ("key", key))
        .into_iter()
        .chain(profile.map(|profile| ("profile", profile.as_str())));
    let tokens = record.tokens.unwrap_or_default();
    let is_unpriced = record.tokens.is_some() && record.cost.is_none();
    for (kind, who) in spenders {
        db.prepare_cached(
            "INSERT INTO spend (day, kind, who, requests, input, cached, output, cost, unpriced)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (day, kind, who) DO UPDATE SET
                requests = requests + 1, input = input + excluded.input,
                cached = cached + excluded.cached, output = output + excluded.output,
                cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced",
        )?
        .execute(params![
            day_of(record.at),
            kind,
            who,
            signed(tokens.input),
            signed(tokens.cached),
            signed(tokens.output),
            signed(record.cost.unwrap_or_default().0),
            is_unpriced,
        ])?;
    }
    Ok(())
}

/// Every day from that of `from` on, the oldest first.
pub(super) fn since(db: &Connection, from: SystemTime) -> Result<Vec<Spend>, LedgerError> {
    let mut statement = db.prepare(
        "SELECT day, kind, who, requests, input, cached, output, cost, unpriced
         FROM spend WHERE day >= ?1 ORDER BY day, kind, who",
    )?;
    let mut rows = statement.query([day_of(from)])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, who): (String, String) = (row.get(1)?, row.get(2)?);
        let who = match kind.as_str() {
            "key" => Some(Spender::Key(who)),
            _ => name_of(&who).map(Spender::Profile),
        };
        let number = |place| row.get(place).map(unsigned);
        let (requests, cost, unpriced) = (number(3)?, number(7)?, number(8)?);
        let tokens = Tokens {
            input: number(4)?,
            cached: number(5)?,
            output: number(6)?,
            reasoning: 0,
        };
        days.extend(who.map(|who| {
            Spend {
                who,
                day: row
                    .get_ref(0)
                    .ok()
                    .and_then(|day| day.as_i64().ok())
                    .unwrap_or(0),
                requests,
                tokens,
                cost: MicroDollars(cost),
                unpriced,
            }
        }));
    }
    Ok(days)
}

/// On which day each client key was used last, by the ids of the keys.
pub(super) fn last_days(db: &Connection) -> Result<Vec<(String, i64)>, LedgerError> {
    let mut statement =
        db.prepare("SELECT who, MAX(day) FROM spend WHERE kind = 'key' GROUP BY who ORDER BY who")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// SQLite counts up to 2⁶³.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
