//! The ledger: what happened to every request, usage over time, sessions and what was spent, in one SQLite file.
//!
//! `HOME/router/router.db`, readable by its owner alone. One thread writes, through one connection, in batches; whoever notes
//! something never waits: what does not fit into the channel is lost and counted. Trouble with the file costs rows, never
//! requests: the ledger rests for half a minute, says so, and goes on; a file that is damaged is set aside and begun anew.
//! [`Reader`]s open the file for themselves and may do so from another process.
//!
//! Never in it: bodies (but for a redacted preview that the user asked for), keys, tokens, e-mails. Never here: decisions about
//! requests.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::desk::record::{LedgerState, RequestRecord};
use crate::profile::ProfileName;

mod file;
mod reader;
mod rename;
mod rows;
mod spend;
mod stats;
mod trim;
mod writer;

pub use reader::{AnyOf, Filter, Found, Reader, Status};
pub use rename::{Rename, rename_now};
pub use spend::{Spend, Spender, day_of};
pub use stats::{Cut, Group, GroupBy, Sums};
use writer::Writer;

/// Something to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    Request(Arc<RequestRecord>),
    Usage(UsageRow),
    Binding(Binding),
}

/// How much of a window was used at a moment, for charts.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    pub at: SystemTime,
    pub profile: ProfileName,
    /// The window's length.
    pub window: Duration,
    pub used_percent: f64,
    pub resets_at: Option<SystemTime>,
}

/// Which profile a session keeps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// A hash; what a client calls its session may tell something about its user.
    pub session: String,
    pub profile: ProfileName,
    pub used_at: SystemTime,
}

/// What is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Whether requests, attempts and usage are recorded. Sessions and spending always are: budgets hang on them.
    pub requests: bool,
    pub days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            requests: true,
            days: 30,
        }
    }
}

/// Why the ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("nothing is recorded yet")]
    Missing,
    #[error(
        "the request log was written by another version of this program; start that one, or this one once"
    )]
    OtherVersion,
    #[error("the request log cannot be used: {}", in_words(.0))]
    Unusable(#[from] rusqlite::Error),
    #[error("the request log cannot be used: {0}")]
    File(#[from] std::io::Error),
}

/// More than all requests under way end in while one batch is written.
const CHANNEL: usize = 4_096;
const BATCH_ROWS: usize = 200;
/// What a kill may cost.
const BATCH_TIME: Duration = Duration::from_millis(250);
/// How long the end of the program waits for what is still to be written.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// The writing end. Dropping it without [`Ledger::close`] leaves the thread to write what it has and to end by itself.
#[derive(Debug)]
pub struct Ledger {
    sender: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    told: Arc<Mutex<LedgerState>>,
    keep: Arc<Mutex<Keep>>,
}

enum Message {
    /// In a box: the channel has room for all of them from the start.
    Row(Box<Row>),
    /// A profile is called something else. Answered when everything before it and this is written, or could not be.
    Rename(Rename, SyncSender<bool>),
    /// Answered when everything before it is written.
    #[cfg(test)]
    Flush(SyncSender<()>),
    /// Answered when everything before it is written and the file is closed.
    Close(SyncSender<()>),
}

impl Ledger {
    /// Starts writing to the file at `path`, of which only the directory must exist. A file that is there is brought up to date
    /// before this returns (milliseconds), so that a [`Reader`] that is opened next can read it. Trouble is no error: it stands
    /// in [`Ledger::state`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn open(path: PathBuf, keep: Keep, now: SystemTime) -> std::io::Result<Self> {
        let lost = Arc::new(AtomicU64::new(0));
        let told = Arc::new(Mutex::new(LedgerState::default()));
        let mut writer = Writer::new(path, keep, lost.clone(), told.clone());
        writer.prepare(now);
        let (sender, receiver) = sync_channel(CHANNEL);
        let keep = Arc::new(Mutex::new(keep));
        let wanted = keep.clone();
        std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || write_all(writer, &receiver, &wanted))?;
        Ok(Self {
            sender,
            lost,
            told,
            keep,
        })
    }

    /// Keeps a row, at the latest in a quarter of a second. Never waits; a row that does not fit is lost and counted.
    pub fn note(&self, row: Row) {
        match self.sender.try_send(Message::Row(Box::new(row))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Calls a profile by another name in everything that is noted so far. Never waits; what it gives tells whether it is done, to
    /// whoever waits.
    pub fn rename(&self, from: &ProfileName, to: &ProfileName) -> Receiver<bool> {
        let (sender, receiver) = sync_channel(1);
        let rename = Rename {
            from: from.clone(),
            to: to.clone(),
        };
        // Full or gone: then nobody answers, which is an answer, too.
        let _untold = self.sender.try_send(Message::Rename(rename, sender));
        receiver
    }

    /// From the next batch on keeps this, which may be more or less than before.
    pub fn keep(&self, keep: Keep) {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
    }

    pub fn state(&self) -> LedgerState {
        let mut state = self
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        state.lost = self.lost.load(Ordering::Relaxed);
        state
    }

    /// Waits until everything noted so far is written, or could not be. Blocks.
    #[cfg(test)]
    pub fn flush(&self) {
        self.wait_for(Message::Flush, LAST_WAIT);
    }

    /// Writes what there is and closes the file; gives up on a disk that hangs. Blocks.
    pub fn close(self) {
        self.wait_for(Message::Close, LAST_WAIT);
    }

    /// At most so long, whether the disk hangs with a full channel or an empty one.
    fn wait_for(&self, message: fn(SyncSender<()>) -> Message, most: Duration) {
        const A_MOMENT: Duration = Duration::from_millis(5);
        let end = Instant::now() + most;
        let (sender, receiver) = sync_channel(1);
        let mut wanted = message(sender);
        loop {
            match self.sender.try_send(wanted) {
                Ok(()) => break,
                // A writer that is gone has nothing left to write.
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => wanted = back,
            }
            if Instant::now() >= end {
                return;
            }
            std::thread::sleep(A_MOMENT);
        }
        let _done = receiver.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

fn write_all(mut writer: Writer, receiver: &Receiver<Message>, keep: &Mutex<Keep>) {
    while let Ok(first) = receiver.recv() {
        let (mut batch, mut then) = (Vec::new(), None);
        let end = Instant::now() + BATCH_TIME;
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Row(row) => batch.push(*row),
                other => then = Some(other),
            }
            if batch.len() >= BATCH_ROWS || then.is_some() {
                break;
            }
            let wait = end.saturating_duration_since(Instant::now());
            // Either time is up, or nobody is left to send anything.
            next = receiver.recv_timeout(wait).ok();
        }
        writer.keep = *keep.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write(&batch, SystemTime::now());
        // Whoever asked may have given up.
        match then {
            None | Some(Message::Row(_)) => {}
            Some(Message::Rename(rename, done)) => {
                let is_done = writer.rename(&rename, SystemTime::now());
                let _gone = done.try_send(is_done);
            }
            #[cfg(test)]
            Some(Message::Flush(done)) => {
                let _gone = done.try_send(());
            }
            Some(Message::Close(done)) => {
                drop(writer);
                let _gone = done.try_send(());
                return;
            }
        }
    }
}

/// What went wrong, as a person understands it. SQLite's own sentences name no row and no value.
fn in_words(err: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let known = match err.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "no space is left on the disk",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "it may not be written",
        Some(ErrorCode::CannotOpen) => "it cannot be opened",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds it",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "it is damaged",
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        _ => return format!("{err}"),
    };
    known.to_owned()
}

/// Milliseconds since 1970; a moment before that counts as 1970.
fn millis_of(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The moment of a number that [`millis_of`] made; one that it cannot have made counts as 1970.
fn moment_of(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A profile's name as it was noted; a file that others wrote to may hold anything.
fn name_of(text: &str) -> Option<ProfileName> {
    ProfileName::existing(text).ok()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
