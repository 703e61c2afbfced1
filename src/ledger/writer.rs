//! The one who writes: batches in one transaction each, and what follows when that fails.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use tracing::{info, warn};

use super::rename::{self, Rename};
use super::{Keep, LedgerError, Row, UsageRow, file, rows, spend, trim};
use crate::desk::record::{LedgerState, LedgerTrouble};
use crate::profile::ProfileName;

/// After trouble nothing is tried for so long.
const REST: Duration = Duration::from_secs(30);
/// A number that stays the same is noted at most so often.
const SAME_USAGE_EVERY: Duration = Duration::from_secs(600);

pub(super) struct Writer {
    path: PathBuf,
    pub(super) keep: Keep,
    pub(super) db: Option<Connection>,
    rests_until: Option<SystemTime>,
    /// The last number noted of each window.
    usage: HashMap<(ProfileName, Duration), UsageRow>,
    trimming: trim::Trimming,
    lost: Arc<AtomicU64>,
    told: Arc<Mutex<LedgerState>>,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        keep: Keep,
        lost: Arc<AtomicU64>,
        told: Arc<Mutex<LedgerState>>,
    ) -> Self {
        Self {
            path,
            keep,
            db: None,
            rests_until: None,
            usage: HashMap::new(),
            trimming: trim::Trimming::default(),
            lost,
            told,
        }
    }

    /// Brings a file that is there up to date. One that is not is made when there is something to write.
    pub(super) fn prepare(&mut self, now: SystemTime) {
        if self.path.exists() {
            self.attempt(now, |_writer, _db| Ok(()));
        }
    }

    /// Writes the rows, or loses and counts them.
    pub(super) fn write(&mut self, batch: &[Row], now: SystemTime) {
        let mut wanted: Vec<&Row> = batch.iter().filter(|row| self.is_wanted(row)).collect();
        // Of several that say the same only what is new.
        wanted.retain(|row| self.is_news(row));
        if wanted.is_empty() {
            return;
        }
        let is_written = self.attempt(now, |writer, db| {
            let change = db.transaction()?;
            for row in &wanted {
                put(&change, row, writer.keep)?;
            }
            change.commit()?;
            writer.trimming.note(wanted.len());
            match writer.trimming.trim(db, writer.keep, now) {
                // The rows are written again, into the file that is begun anew.
                Err(err) if file::is_damaged(&err) => Err(err),
                // What is written is not lost: the file stays as large as it is for a while.
                Err(err) => {
                    warn!(error = %err, "old requests could not be taken out of the request log");
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        });
        if !is_written {
            self.lost.fetch_add(wanted.len() as u64, Ordering::Relaxed);
            self.usage.clear();
        }
    }

    /// Calls a profile by another name; whether that is written.
    pub(super) fn rename(&mut self, rename: &Rename, now: SystemTime) -> bool {
        // The next number of it is news.
        self.usage
            .retain(|(name, _window), _row| *name != rename.from);
        !self.path.exists() || self.attempt(now, |_writer, db| rename::write(db, rename))
    }

    /// Does something with the open file, once more with a new one if it is damaged. Tells and rests when it fails.
    fn attempt(
        &mut self,
        now: SystemTime,
        work: impl Fn(&mut Self, &mut Connection) -> Result<(), LedgerError>,
    ) -> bool {
        // A clock that was set back must not make the rest endless.
        let is_resting = |until: SystemTime| {
            until
                .duration_since(now)
                .is_ok_and(|left| left <= REST && !left.is_zero())
        };
        if self.rests_until.is_some_and(is_resting) {
            return false;
        }
        let mut result = self.with_db(&work);
        if result.as_ref().is_err_and(file::is_damaged) {
            self.db = None;
            result = match file::set_aside(&self.path, now) {
                Ok(name) => {
                    warn!(
                        file = name,
                        "the request log was damaged; it is set aside and begun anew"
                    );
                    self.tell(|state| state.set_aside = Some(name));
                    self.with_db(&work)
                }
                Err(err) => Err(err.into()),
            };
        }
        match result {
            Ok(()) => {
                if self.rests_until.take().is_some() {
                    info!("the request log is written again");
                    self.tell(|state| state.trouble = None);
                }
                true
            }
            Err(err) => {
                let reason = err.to_string();
                if self.rests_until.is_none() {
                    warn!(error = reason, "requests are not recorded");
                }
                // What is wrong may be the connection: the next try begins from the beginning.
                self.db = None;
                self.rests_until = now.checked_add(REST);
                self.tell(|state| {
                    let since = state.trouble.as_ref().map_or(now, |trouble| trouble.since);
                    state.trouble = Some(LedgerTrouble { since, reason });
                });
                false
            }
        }
    }

    fn with_db(
        &mut self,
        work: impl Fn(&mut Self, &mut Connection) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut db = match self.db.take() {
            Some(db) => db,
            None => file::open(&self.path, file::STEPS)?,
        };
        work(self, &mut db)?;
        self.db = Some(db);
        Ok(())
    }

    fn is_wanted(&self, row: &Row) -> bool {
        match row {
            Row::Usage(_) => self.keep.requests,
            Row::Request(_) | Row::Binding(_) => true,
        }
    }

    fn is_news(&mut self, row: &Row) -> bool {
        let Row::Usage(row) = row else {
            return true;
        };
        let window = (row.profile.clone(), row.window);
        let is_same = |last: &UsageRow| {
            (last.used_percent, last.resets_at) == (row.used_percent, row.resets_at)
                && row
                    .at
                    .duration_since(last.at)
                    .is_ok_and(|age| age < SAME_USAGE_EVERY)
        };
        if self.usage.get(&window).is_some_and(is_same) {
            return false;
        }
        self.usage.insert(window, row.clone());
        true
    }

    fn tell(&self, change: impl FnOnce(&mut LedgerState)) {
        change(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn put(db: &Connection, row: &Row, keep: Keep) -> Result<(), LedgerError> {
    match row {
        Row::Request(record) => {
            spend::add(db, record)?;
            if keep.requests {
                rows::put_request(db, record)?;
            }
        }
        Row::Usage(row) => rows::put_usage(db, row)?,
        Row::Binding(binding) => rows::put_binding(db, binding)?,
    }
    Ok(())
}
