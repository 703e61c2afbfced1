//! Keeps the file small: by number of rows, by age, by size, in steps that never hold it for long.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use super::{Keep, LedgerError, day_of, millis_of};

pub(super) const MAX_ROWS: i64 = 100_000;
const MAX_BYTES: i64 = 256 << 20;
const MAX_BINDINGS: i64 = 10_000;
/// Rows that go at once.
const STEP: i64 = 1_000;
/// A whole year can be summed up, and a little more.
const SPEND_DAYS: i64 = 400;
/// Looking costs a few reads: not after every row.
const LOOK_AFTER_ROWS: usize = 500;
/// Steps after one batch; the next batch goes on.
const STEPS_AT_ONCE: usize = 20;
const DAY: Duration = Duration::from_secs(86_400);

/// When to look next.
#[derive(Debug)]
pub(super) struct Trimming {
    rows: usize,
}

impl Default for Trimming {
    /// The first batch looks: an old file may be over its age.
    fn default() -> Self {
        Self {
            rows: LOOK_AFTER_ROWS,
        }
    }
}

/// How much may stay.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) rows: i64,
    pub(super) bytes: i64,
    pub(super) bindings: i64,
    pub(super) oldest_at: i64,
    pub(super) oldest_day: i64,
}

impl Trimming {
    pub(super) fn note(&mut self, rows: usize) {
        self.rows = self.rows.saturating_add(rows);
    }

    pub(super) fn trim(
        &mut self,
        db: &Connection,
        keep: Keep,
        now: SystemTime,
    ) -> Result<(), LedgerError> {
        if self.rows < LOOK_AFTER_ROWS {
            return Ok(());
        }
        let oldest = now.checked_sub(DAY * keep.days);
        let bounds = Bounds {
            rows: MAX_ROWS,
            bytes: MAX_BYTES,
            bindings: MAX_BINDINGS,
            oldest_at: oldest.map_or(0, millis_of),
            oldest_day: day_of(now) - SPEND_DAYS,
        };
        // Where it fails it is not tried again after every batch.
        self.rows = 0;
        for _ in 0..STEPS_AT_ONCE {
            if !step(db, bounds)? {
                return Ok(());
            }
        }
        // The next batch goes on.
        self.rows = LOOK_AFTER_ROWS;
        Ok(())
    }
}

/// By age. Requests stand in an index by time; of usage, whose index begins with the profile, only those that came first are looked
/// at: the order of `seq` is that of arrival.
pub(super) const TOO_OLD: [&str; 2] = [
    "DELETE FROM requests WHERE seq IN (SELECT seq FROM requests WHERE at < ?1 ORDER BY at LIMIT ?2)",
    "DELETE FROM usage WHERE seq IN (SELECT seq FROM usage ORDER BY seq LIMIT ?2) AND at < ?1",
];

/// Takes away the oldest that are too many, at most [`STEP`] of each kind; whether there was anything.
pub(super) fn step(db: &Connection, bounds: Bounds) -> Result<bool, LedgerError> {
    let mut gone = 0;
    let is_too_large = bytes(db)? > bounds.bytes;
    for (table, too_old) in ["requests", "usage"].into_iter().zip(TOO_OLD) {
        if is_too_large || has_more_rows(db, table, bounds.rows)? {
            // The order of `seq` is that of arrival, whatever the clock said.
            let first = format!(
                "DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} ORDER BY seq LIMIT ?1)"
            );
            gone += db.prepare_cached(&first)?.execute([STEP])?;
        } else {
            gone += db
                .prepare_cached(too_old)?
                .execute(params![bounds.oldest_at, STEP])?;
        }
    }
    let bindings: i64 = db
        .prepare_cached("SELECT count(*) FROM bindings")?
        .query_row([], |row| row.get(0))?;
    gone += db
        .prepare_cached("DELETE FROM bindings WHERE session IN (SELECT session FROM bindings ORDER BY used_at LIMIT ?1)")?
        .execute([(bindings - bounds.bindings).clamp(0, STEP)])?;
    gone += db
        .prepare_cached("DELETE FROM spend WHERE day < ?1")?
        .execute([bounds.oldest_day])?;
    if gone > 0 {
        give_back(db)?;
    }
    // Where nothing is left to delete, being too large is no reason to go on.
    Ok(gone > 0)
}

/// Counts only where the places of the first and the last row leave room for so many.
fn has_more_rows(db: &Connection, table: &str, most: i64) -> Result<bool, LedgerError> {
    let number = |sql: &str| {
        let mut statement = db.prepare_cached(sql)?;
        statement.query_row([], |row| row.get::<_, i64>(0))
    };
    let places = format!(
        "SELECT coalesce((SELECT max(seq) FROM {table}) - (SELECT min(seq) FROM {table}) + 1, 0)"
    );
    Ok(number(&places)? > most && number(&format!("SELECT count(*) FROM {table}"))? > most)
}

fn bytes(db: &Connection) -> Result<i64, LedgerError> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
}

/// Gives free pages back to the disk. One step of the statement frees one page.
fn give_back(db: &Connection) -> Result<(), LedgerError> {
    let mut statement = db.prepare_cached("PRAGMA incremental_vacuum")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
