//! Waiting in line instead of an error: for a place, and for somebody who can answer.
//!
//! First come, first served, never for long, and never more than a few hundred. Nothing here holds a lock while it waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// So many places, and a line in front of them.
#[derive(Debug)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    size: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
    patience: Duration,
}

impl Gate {
    pub(super) fn new(size: usize, most_waiting: usize, patience: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(size)),
            size,
            waiting: AtomicUsize::new(0),
            most_waiting,
            patience,
        }
    }

    /// A place, perhaps after a while; nothing when the line is too long or does not move.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        // Fair: whoever waits is served before this looks at the places that are free.
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Some(place);
        }
        let _counted = Counted::within(&self.waiting, self.most_waiting)?;
        let place = timeout(self.patience, self.places.clone().acquire_owned());
        place.await.ok()?.ok() // too long, or closed: no place
    }

    pub(super) fn busy(&self) -> usize {
        self.size.saturating_sub(self.places.available_permits())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Lines of requests that need the same and have nobody to go to. Only the first of a line looks for somebody.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Mutex<HashMap<String, Line>>,
    waiting: AtomicUsize,
    most_waiting: usize,
    changed: Notify,
}

#[derive(Debug)]
struct Line {
    first: Arc<Semaphore>,
    length: usize,
}

/// A place in a line. Dropping it lets the next one come first.
#[derive(Debug)]
pub(super) struct InLine<'l> {
    lines: &'l Lines,
    need: String,
    is_first: Option<OwnedSemaphorePermit>,
    _counted: Counted<'l>,
}

impl Lines {
    pub(super) fn new(most_waiting: usize) -> Self {
        Self {
            lines: Mutex::default(),
            waiting: AtomicUsize::new(0),
            most_waiting,
            changed: Notify::new(),
        }
    }

    /// Whether somebody with this need waits.
    pub(super) fn is_there(&self, need: &str) -> bool {
        self.lock().contains_key(need)
    }

    /// Goes to the end of the line, and to its front by `deadline`. Nothing when there is no room, or no time.
    pub(super) async fn first_of(&self, need: &str, deadline: Instant) -> Option<InLine<'_>> {
        let counted = Counted::within(&self.waiting, self.most_waiting)?;
        let first = {
            let mut lines = self.lock();
            let line = lines.entry(need.to_owned()).or_insert_with(|| Line {
                first: Arc::new(Semaphore::new(1)),
                length: 0,
            });
            line.length += 1;
            line.first.clone()
        };
        let mut place = InLine {
            lines: self,
            need: need.to_owned(),
            is_first: None,
            _counted: counted,
        };
        let first = timeout_at(deadline, first.acquire_owned()).await;
        place.is_first = Some(first.ok()?.ok()?); // too long, or closed: no place
        Some(place)
    }

    /// Something that waiting requests wait for may have happened.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Ready at the next [`Lines::wake`] after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Line>> {
        // A number and a handle cannot be left half written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(&self.need) {
            line.length -= 1;
            if line.length == 0 {
                lines.remove(&self.need);
            }
        }
    }
}

/// One of those who wait.
#[derive(Debug)]
struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    fn within(count: &'c AtomicUsize, most: usize) -> Option<Self> {
        let counted = Self(count);
        let before = count.fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(counted)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn whoever_came_first_gets_the_place_that_becomes_free() {
        let gate = Gate::new(1, 2, PATIENCE);
        let place = gate.enter().await.unwrap();
        let mut second = Box::pin(gate.enter());
        let mut third = Box::pin(gate.enter());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        assert_eq!((gate.busy(), gate.waiting()), (1, 2));
        assert!(
            gate.enter().await.is_none(),
            "the line is full, which is told at once"
        );
        drop(place);
        assert!((&mut third).now_or_never().is_none());
        let place = second.await.unwrap();
        drop(place);
        assert!(third.await.is_some());
        assert_eq!((gate.busy(), gate.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_deadline() {
        let gate = Gate::new(1, 2, PATIENCE);
        let _place = gate.enter().await.unwrap();
        let began = Instant::now();
        assert!(gate.enter().await.is_none());
        assert_eq!(began.elapsed(), PATIENCE);
        assert_eq!(gate.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_a_line_looks_at_a_time_and_lines_do_not_wait_for_each_other() {
        let lines = Lines::new(3);
        let deadline = Instant::now() + PATIENCE;
        let first = lines.first_of("a", deadline).await.unwrap();
        assert!(lines.is_there("a") && !lines.is_there("b"));
        let mut second = Box::pin(lines.first_of("a", deadline));
        assert!((&mut second).now_or_never().is_none());
        let other = lines.first_of("b", deadline).await.unwrap();
        assert!(lines.first_of("c", deadline).await.is_none(), "no room");
        drop(first);
        assert!(second.await.is_some());
        drop(other);
        assert_eq!(lines.waiting(), 0);
        assert!(!lines.is_there("a") && !lines.is_there("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_not_first_by_the_deadline_leaves_the_line() {
        let lines = Lines::new(3);
        let deadline = Instant::now() + PATIENCE;
        let first = lines.first_of("a", deadline).await.unwrap();
        assert!(lines.first_of("a", deadline).await.is_none());
        assert_eq!(lines.waiting(), 1);
        drop(first);
        assert!(!lines.is_there("a"));
    }
}
