//! Notices that login files have changed, whoever changed them and however.
//!
//! Directories are watched, not files: a rename into place kills a watch on the file. Their events are settled, then told as one
//! [`Changed::Files`]; what changed is for the receiver to find out, and its own writes are among it. A slow comparison of file
//! dates is the net below, and the only way where the system refuses to watch.
//! `router/` is not watched (the ledger writes there all day), but for the files `raise`, `changed`, `keys.json` and `config.toml` in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::error::StoreError;
use super::home::Home;

mod places;

use places::Stamp;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The live file, the CLI's settings and ours, the client keys or something below `profiles/`.
    Files,
    /// A second instance asks for the window ([`ask_to_raise`]).
    Raise,
}

/// Watches until it is dropped, on a thread named `watcher`.
#[derive(Debug)]
pub struct Watcher {
    notes: SyncSender<Note>,
    thread: Option<JoinHandle<()>>,
}

/// How long things take; tests are less patient.
#[derive(Clone, Copy, Debug)]
struct Timing {
    /// Without another event for so long, a change is over. Longer than a truncate-and-write of an old CLI.
    settle: Duration,
    /// A change that does not end is told after so long.
    longest: Duration,
    /// Between two comparisons of file dates below a working watch.
    net: Duration,
    /// The same where comparing is the only way.
    alone: Duration,
}

const TIMING: Timing = Timing {
    settle: Duration::from_millis(250),
    longest: Duration::from_secs(2),
    net: Duration::from_secs(5),
    alone: Duration::from_secs(1),
};

/// Events that may wait for the thread. When it is full the thread is about to look at everything anyway.
const NOTES: usize = 64;

enum Note {
    Event,
    Stop,
}

impl Watcher {
    /// Starts watching; every change after this call is told. Also says in a sentence if the system refuses to watch, and changes
    /// are noticed within a second instead of at once.
    ///
    /// A message that finds the channel full is offered again, so a capacity of 1 is enough.
    pub fn start(home: &Home, changes: mpsc::Sender<Changed>) -> (Self, Option<String>) {
        Self::start_with(home, changes, TIMING, |handler| {
            notify::recommended_watcher(handler)
        })
    }

    /// Whether the system would watch the home, and why not. Nothing is made and nobody told.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn could_start(home: &Home) -> Result<(), String> {
        let watched = notify::recommended_watcher(|_ignored| {})
            .and_then(|mut watcher| watcher.watch(home.root(), RecursiveMode::NonRecursive));
        watched.map_err(|err| in_words(&err))
    }

    fn start_with(
        home: &Home,
        changes: mpsc::Sender<Changed>,
        timing: Timing,
        watch: impl FnOnce(
            Box<dyn Fn(notify::Result<Event>) + Send>,
        ) -> notify::Result<RecommendedWatcher>,
    ) -> (Self, Option<String>) {
        let (notes, received) = sync_channel(NOTES);
        if let Err(err) = places::make_signal_files(home) {
            tracing::warn!(error = %err, "a second start will not be able to show this window");
        }
        let (watched, mut refusal) = match watch(handler(home, notes.clone())) {
            Ok(watcher) => (Some(watcher), None),
            Err(err) => (None, Some(in_words(&err))),
        };
        let mut eyes = Eyes {
            home: home.clone(),
            watcher: watched,
            watched: BTreeSet::new(),
            seen: BTreeMap::new(),
            raised_at: modified_at(&home.raise()),
            owed: Vec::new(),
            changes,
            timing,
        };
        // Before returning, so that nothing that happens from now on is missed.
        refusal = refusal.or(eyes.arm());
        eyes.seen = places::stamps(home);
        let spawned = thread::Builder::new()
            .name("watcher".into())
            .spawn(move || eyes.run(&received));
        let thread = match spawned {
            Ok(thread) => Some(thread),
            Err(err) => {
                refusal = Some(format!("no thread for it could be started ({err})"));
                None
            }
        };
        (Self { notes, thread }, refusal)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // An error means that it has ended by itself, because nobody receives any more.
        if self.notes.send(Note::Stop).is_ok() && thread.join().is_err() {
            tracing::error!("the watcher had panicked");
        }
    }
}

/// Asks the process that serves this home to show its window.
///
/// # Errors
/// When the file that it watches cannot be touched.
pub fn ask_to_raise(home: &Home) -> Result<(), StoreError> {
    touch(home, places::RAISE, home.raise())
}

/// Lets the process that serves this home read everything again, even what was not there before.
///
/// # Errors
/// When the file that it watches cannot be touched.
pub fn tell_of_change(home: &Home) -> Result<(), StoreError> {
    touch(home, places::CHANGED, home.changed())
}

fn touch(home: &Home, name: &str, path: PathBuf) -> Result<(), StoreError> {
    let file = home.router_folder()?.open_lock(name)?;
    file.set_modified(SystemTime::now()) // its date is the message
        .map_err(StoreError::io("touch", path))
}

/// The state of the thread.
struct Eyes {
    home: Home,
    /// `None` where the system refuses.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    seen: BTreeMap<PathBuf, Stamp>,
    raised_at: Option<SystemTime>,
    /// What the channel had no room for.
    owed: Vec<Changed>,
    changes: mpsc::Sender<Changed>,
    timing: Timing,
}

impl Eyes {
    fn run(mut self, notes: &Receiver<Note>) {
        let mut unsettled: Option<Unsettled> = None;
        let mut compared_at = Instant::now();
        loop {
            let now = Instant::now();
            let net_in = (compared_at + self.net()).saturating_duration_since(now);
            let mut wait = match &unsettled {
                Some(change) => change.ends_at(self.timing).saturating_duration_since(now),
                None => net_in,
            };
            if !self.owed.is_empty() {
                wait = wait.min(self.timing.settle);
            }
            match notes.recv_timeout(wait) {
                Ok(Note::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Note::Event) => {
                    self.look_for_raise();
                    let now = Instant::now();
                    unsettled
                        .get_or_insert(Unsettled {
                            first: now,
                            last: now,
                        })
                        .last = now;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let is_settled = unsettled
                        .as_ref()
                        .is_some_and(|change| change.ends_at(self.timing) <= now);
                    if is_settled {
                        unsettled = None;
                        compared_at = now;
                        self.look_for_raise();
                        self.look_again();
                        self.owe(Changed::Files);
                    } else if unsettled.is_none() && now >= compared_at + self.net() {
                        compared_at = now;
                        self.look_for_raise();
                        if places::stamps(&self.home) != self.seen {
                            self.look_again();
                            self.owe(Changed::Files);
                        }
                    }
                }
            }
            if !self.pay() {
                return;
            }
        }
    }

    fn net(&self) -> Duration {
        match self.watcher {
            Some(_) => self.timing.net,
            None => self.timing.alone,
        }
    }

    /// Watches what has appeared, then takes the dates: what changes after that is noticed, what changed before is told.
    fn look_again(&mut self) {
        if self.raised_at.is_none() && places::make_signal_files(&self.home).is_ok() {
            self.raised_at = modified_at(&self.home.raise());
        }
        if let Some(refusal) = self.arm() {
            tracing::warn!(
                reason = refusal,
                "changes of files are noticed late from now on"
            );
        }
        self.seen = places::stamps(&self.home);
    }

    fn look_for_raise(&mut self) {
        let modified_at = modified_at(&self.home.raise());
        if modified_at != self.raised_at {
            // Removed is not raised; it is made again at the next look.
            if modified_at.is_some() {
                self.owe(Changed::Raise);
            }
            self.raised_at = modified_at;
        }
    }

    fn owe(&mut self, change: Changed) {
        if !self.owed.contains(&change) {
            self.owed.push(change);
        }
    }

    /// Tells what there is to tell; `false` when nobody listens any more.
    fn pay(&mut self) -> bool {
        while let Some(change) = self.owed.first() {
            match self.changes.try_send(*change) {
                Ok(()) => {
                    self.owed.remove(0);
                }
                Err(TrySendError::Full(_)) => return true,
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        true
    }

    /// Watches every directory that there is to watch, anew: a directory that was removed and made again has lost its watch
    /// without a word. Says so if the system refuses; from then on only dates are compared.
    fn arm(&mut self) -> Option<String> {
        let watcher = self.watcher.as_mut()?;
        let wanted = places::all(&self.home);
        for gone in self.watched.difference(&wanted) {
            // Where the directory itself is gone, so is the watch.
            if let Err(err) = watcher.unwatch(gone) {
                tracing::trace!(path = %gone.display(), error = %err, "was not watched any more");
            }
        }
        for path in &wanted {
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                Err(err) if is_gone(&err) => {}
                Err(err) => {
                    let refusal = in_words(&err);
                    self.watcher = None;
                    self.watched.clear();
                    return Some(refusal);
                }
            }
        }
        self.watched = wanted;
        None
    }
}

/// A change that may not be over.
struct Unsettled {
    first: Instant,
    last: Instant,
}

impl Unsettled {
    fn ends_at(&self, timing: Timing) -> Instant {
        (self.last + timing.settle).min(self.first + timing.longest)
    }
}

/// Runs on the system's own thread, at every event: lets through what may matter.
fn handler(home: &Home, notes: SyncSender<Note>) -> Box<dyn Fn(notify::Result<Event>) + Send> {
    let home = home.clone();
    Box::new(move |event| {
        let is_worth_a_look = match &event {
            // Reading a file is an access; reacting to it by reading would never end.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => {
                event.need_rescan()
                    || event.paths.is_empty()
                    || event.paths.iter().any(|path| places::matters(&home, path))
            }
            Err(_lost_track) => true,
        };
        if is_worth_a_look {
            notes.try_send(Note::Event).ok(); // full: the thread has been told; disconnected: it has ended
        }
    })
}

fn modified_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).ok() // missing counts as never
}

fn is_gone(err: &notify::Error) -> bool {
    match &err.kind {
        notify::ErrorKind::PathNotFound | notify::ErrorKind::WatchNotFound => true,
        notify::ErrorKind::Io(err) => err.kind() == io::ErrorKind::NotFound,
        notify::ErrorKind::Generic(_)
        | notify::ErrorKind::InvalidConfig(_)
        | notify::ErrorKind::MaxFilesWatch => false,
    }
}

fn in_words(err: &notify::Error) -> String {
    match &err.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the system's limit of watched files is reached (fs.inotify.max_user_watches)".into()
        }
        notify::ErrorKind::Io(err) => format!("the system refuses to watch files ({err})"),
        notify::ErrorKind::Generic(_)
        | notify::ErrorKind::InvalidConfig(_)
        | notify::ErrorKind::PathNotFound
        | notify::ErrorKind::WatchNotFound => {
            format!("the system refuses to watch files ({err})")
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
