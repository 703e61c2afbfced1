//! Reading the ledger: by anybody, at any time, also while it is written and from another process.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::rows::{REQUEST, attempts_of, request_of};
use super::spend::{Spend, last_days, since};
use super::stats::{Cut, Group, GroupBy, Sums, grouped, summed};
use super::{Binding, LedgerError, UsageRow, file, millis_of, moment_of, name_of};
use crate::desk::record::{Ended, RequestRecord};
use crate::profile::ProfileName;

/// An open ledger, for reading.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

/// Which requests are wanted. Everything that is set must be true of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub since: Option<SystemTime>,
    pub profile: Option<ProfileName>,
    pub status: Option<Status>,
    /// As the client wrote it or as it was asked upstream; `*` stands for any text.
    pub model: Option<String>,
    /// The id of a client key.
    pub key: Option<String>,
    pub ended: Option<Ended>,
    pub any_of: Option<AnyOf>,
    /// Only what came after this place, see [`Reader::requests`].
    pub after: Option<i64>,
    /// Only what came up to this place.
    pub up_to: Option<i64>,
}

/// One of these must be true of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnyOf {
    /// It stands in the model as the client wrote it or as it was asked upstream, in small letters or large ones.
    pub in_model: String,
    pub profiles: Vec<ProfileName>,
    /// Ids of client keys.
    pub keys: Vec<String>,
}

/// `429`, or `4xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    One(u16),
    /// Its hundreds.
    Class(u16),
}

/// What a part of an id led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Nothing,
    One(Box<RequestRecord>),
    /// So many begin like this.
    Several(usize),
}

impl Reader {
    /// # Errors
    /// When there is no ledger yet, another version made it, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self {
            db: file::open_to_read(path)?,
        })
    }

    /// The request whose id begins like this; the `req_` in front may be missing.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn find(&self, prefix: &str) -> Result<Found, LedgerError> {
        let prefix = prefix.strip_prefix("req_").unwrap_or(prefix);
        let from = format!("req_{prefix}");
        let to = format!("{from}\u{10ffff}");
        let mut statement = self.db.prepare(&format!(
            "SELECT {REQUEST} FROM requests WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 100"
        ))?;
        let mut found: Vec<_> = statement
            .query_map(params![from, to], request_of)?
            .collect::<Result<_, _>>()?;
        // A whole id may be the beginning of another.
        if let Some(place) = found.iter().position(|(_, record)| record.id == from) {
            found = vec![found.swap_remove(place)];
        }
        match found.len() {
            0 => Ok(Found::Nothing),
            1 => self
                .whole(found.remove(0))
                .map(|it| Found::One(Box::new(it))),
            several => Ok(Found::Several(several)),
        }
    }

    /// The newest first, with the place of each, at most `limit`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn requests(
        &self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(i64, RequestRecord)>, LedgerError> {
        self.requests_from(filter, 0, limit)
    }

    /// The same without so many of the newest.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn requests_from(
        &self,
        filter: &Filter,
        first: usize,
        limit: usize,
    ) -> Result<Vec<(i64, RequestRecord)>, LedgerError> {
        let (condition, mut values) = filter.condition();
        for number in [limit, first] {
            values.push(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
        }
        let mut statement = self.db.prepare(&format!(
            "SELECT {REQUEST} FROM requests WHERE {condition} ORDER BY seq DESC LIMIT ?{} OFFSET ?{}",
            values.len() - 1,
            values.len()
        ))?;
        let found: Vec<_> = statement
            .query_map(params_from_iter(values), request_of)?
            .collect::<Result<_, _>>()?;
        found
            .into_iter()
            .map(|found| Ok((found.0, self.whole(found)?)))
            .collect()
    }

    /// The place of the newest request; 0 when there is none.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn newest(&self) -> Result<i64, LedgerError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM requests";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// The ids of the last requests up to this place, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_ids(&self, up_to: i64, limit: usize) -> Result<Vec<String>, LedgerError> {
        let sql = "SELECT id FROM requests WHERE seq <= ?1 ORDER BY seq DESC LIMIT ?2";
        let mut statement = self.db.prepare(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids = statement.query_map(params![up_to, limit], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// The same sums of all that the filter lets pass, and how they are spread over time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn sums(&self, filter: &Filter, cut: Cut) -> Result<Sums, LedgerError> {
        let (condition, values) = filter.condition();
        summed(&self.db, &condition, values, cut)
    }

    /// Counts, sums and percentiles of the requests that the filter lets pass, the largest group first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn stats(&self, filter: &Filter, by: GroupBy) -> Result<Vec<Group>, LedgerError> {
        let (condition, values) = filter.condition();
        grouped(&self.db, &condition, values, by)
    }

    /// The sessions used last, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn bindings(&self, limit: usize) -> Result<Vec<Binding>, LedgerError> {
        let mut statement = self.db.prepare(
            "SELECT session, profile, used_at FROM bindings ORDER BY used_at DESC LIMIT ?1",
        )?;
        let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut bindings = Vec::new();
        while let Some(row) = rows.next()? {
            let (session, profile): (String, String) = (row.get(0)?, row.get(1)?);
            let used_at = moment_of(row.get(2)?);
            bindings.extend(name_of(&profile).map(|profile| Binding {
                session,
                profile,
                used_at,
            }));
        }
        Ok(bindings)
    }

    /// What client keys and paid profiles used on each day, from the day of this moment on (UTC), the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn spend_since(&self, from: SystemTime) -> Result<Vec<Spend>, LedgerError> {
        since(&self.db, from)
    }

    /// On which day each client key was used last, as far back as sums are kept: its id, and whole days since 1970, UTC.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_days(&self) -> Result<Vec<(String, i64)>, LedgerError> {
        last_days(&self.db)
    }

    /// The windows of which something was noted since then, the shortest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn windows(
        &self,
        profile: &ProfileName,
        from: SystemTime,
    ) -> Result<Vec<Duration>, LedgerError> {
        let mut statement = self.db.prepare(
            "SELECT DISTINCT window FROM usage WHERE profile = ?1 AND at >= ?2 ORDER BY window",
        )?;
        let windows = statement
            .query_map(params![profile.as_str(), millis_of(from)], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        Ok(windows
            .into_iter()
            .filter_map(|secs| u64::try_from(secs).ok().map(Duration::from_secs)) // only an edited file has others
            .collect())
    }

    /// How one window of a profile was used since then, the oldest first, at most `limit` of the newest.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn usage(
        &self,
        profile: &ProfileName,
        window: Duration,
        from: SystemTime,
        limit: usize,
    ) -> Result<Vec<UsageRow>, LedgerError> {
        let mut statement = self.db.prepare(
            "SELECT at, used_percent, resets_at FROM usage
             WHERE profile = ?1 AND window = ?2 AND at >= ?3 ORDER BY at DESC LIMIT ?4",
        )?;
        let window_secs = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows: Vec<_> = statement
            .query_map(
                params![profile.as_str(), window_secs, millis_of(from), limit],
                |row| {
                    Ok(UsageRow {
                        at: moment_of(row.get(0)?),
                        profile: profile.clone(),
                        window,
                        used_percent: row.get(1)?,
                        resets_at: row.get::<_, Option<i64>>(2)?.map(moment_of),
                    })
                },
            )?
            .collect::<Result<_, _>>()?;
        rows.reverse();
        Ok(rows)
    }

    fn whole(&self, (seq, record): (i64, RequestRecord)) -> Result<RequestRecord, LedgerError> {
        Ok(RequestRecord {
            attempts: attempts_of(&self.db, seq)?,
            ..record
        })
    }
}

impl Filter {
    /// Only numbered places stand in the text; what the user wrote is bound to them.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut parts = vec!["1".to_owned()];
        let mut values = Vec::new();
        let mut bind = |value: Value| {
            values.push(value);
            values.len()
        };
        if let Some(since) = self.since {
            let place = bind(Value::Integer(millis_of(since)));
            parts.push(format!("at >= ?{place}"));
        }
        if let Some(profile) = &self.profile {
            let place = bind(Value::Text(profile.as_str().to_owned()));
            parts.push(format!("profile = ?{place}"));
        }
        match self.status {
            Some(Status::One(status)) => {
                let place = bind(Value::Integer(status.into()));
                parts.push(format!("status = ?{place}"));
            }
            Some(Status::Class(class)) => {
                let place = bind(Value::Integer(class.into()));
                parts.push(format!("status / 100 = ?{place}"));
            }
            None => {}
        }
        if let Some(model) = &self.model {
            // Of GLOB only the star is meant.
            let pattern = model.replace('[', "[[]").replace('?', "[?]");
            let place = bind(Value::Text(pattern));
            parts.push(format!(
                "(model GLOB ?{place} OR asked_model GLOB ?{place})"
            ));
        }
        if let Some(key) = &self.key {
            let place = bind(Value::Text(key.clone()));
            parts.push(format!("key = ?{place}"));
        }
        match self.ended {
            Some(Ended::Failed) => {
                parts.push("status <> 499 AND (status >= 400 OR NOT is_complete)".to_owned());
            }
            Some(Ended::Retried) => parts.push("retries > 0".to_owned()),
            None => {}
        }
        if let Some(any_of) = &self.any_of {
            let place = bind(Value::Text(any_of.pattern()));
            let mut any =
                format!("model LIKE ?{place} ESCAPE '\\' OR asked_model LIKE ?{place} ESCAPE '\\'");
            let profiles = any_of.profiles.iter().map(ProfileName::as_str).collect();
            let keys = any_of.keys.iter().map(String::as_str).collect();
            for (column, values) in [("profile", profiles), ("key", keys)] {
                let values: Vec<&str> = values;
                let places = values.into_iter().map(|value| {
                    let place = bind(Value::Text(value.to_owned()));
                    format!("?{place}")
                });
                let places = places.collect::<Vec<_>>().join(", ");
                any.push_str(&format!(" OR {column} IN ({places})"));
            }
            parts.push(format!("({any})"));
        }
        if let Some(after) = self.after {
            let place = bind(Value::Integer(after));
            parts.push(format!("seq > ?{place}"));
        }
        if let Some(up_to) = self.up_to {
            let place = bind(Value::Integer(up_to));
            parts.push(format!("seq <= ?{place}"));
        }
        (parts.join(" AND "), values)
    }
}

impl AnyOf {
    /// Of LIKE nothing is meant but "somewhere in it".
    fn pattern(&self) -> String {
        let mut pattern = "%".to_owned();
        for letter in self.in_model.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        pattern
    }
}

impl Status {
    /// Reads `429` or `4xx`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(class) = text.strip_suffix("xx") {
            let class = class.parse().ok()?;
            return (1..=5).contains(&class).then_some(Self::Class(class));
        }
        let status = text.parse().ok()?;
        (100..=599).contains(&status).then_some(Self::One(status))
    }
}
