//! What reaches the window from outside: a new snapshot, the end of the worker, and whether the desktop is light or dark.
//!
//! Two threads that live as long as the window and sleep until something happens. Neither draws; both only ask for a frame.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::{self, JoinHandle};

use egui::Theme;
use futures_channel::oneshot;
use futures_util::future::{self, Either};

use super::scheme;
use crate::desk::Desk;

/// Shared with the window. Nothing here can be waited for.
#[derive(Default)]
pub struct Outside {
    window: OnceLock<Box<dyn Fn() + Send + Sync>>,
    is_worker_gone: AtomicBool,
    /// 0 unknown, 1 light, 2 dark.
    scheme: AtomicU8,
}

/// The threads; dropping it ends them and waits until they have.
pub struct Watch {
    stops: Vec<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Outside {
    /// From now on there is a window, and this wakes it.
    pub fn attach(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second window would be a second `Outside`.
        self.window.set(Box::new(wake)).ok();
    }

    pub fn is_worker_gone(&self) -> bool {
        self.is_worker_gone.load(Ordering::Acquire)
    }

    pub fn system_theme(&self) -> Option<Theme> {
        match self.scheme.load(Ordering::Relaxed) {
            1 => Some(Theme::Light),
            2 => Some(Theme::Dark),
            _ => None,
        }
    }

    pub fn set_system_theme(&self, theme: Option<Theme>) {
        let scheme = match theme {
            None => 0,
            Some(Theme::Light) => 1,
            Some(Theme::Dark) => 2,
        };
        if self.scheme.swap(scheme, Ordering::Relaxed) != scheme {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(wake) = self.window.get() {
            wake();
        }
    }
}

impl Watch {
    /// Starts watching the desk, and the desktop's colour scheme if `follows_scheme`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        desk: Desk,
        outside: &Arc<Outside>,
        follows_scheme: bool,
    ) -> std::io::Result<Self> {
        let mut watch = Self {
            stops: Vec::new(),
            threads: Vec::new(),
        };
        let shared = outside.clone();
        watch.spawn("window-wake", move |stop| watch_desk(desk, &shared, stop))?;
        if follows_scheme {
            let shared = outside.clone();
            watch.spawn("window-scheme", move |stop| scheme::follow(&shared, stop))?;
        }
        Ok(watch)
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(oneshot::Receiver<()>) + Send + 'static,
    ) -> std::io::Result<()> {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || work(stopped))?;
        self.stops.push(stop);
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the window panicked");
            }
        }
    }
}

fn watch_desk(mut desk: Desk, outside: &Outside, mut stop: oneshot::Receiver<()>) {
    loop {
        let changed = std::pin::pin!(desk.changed());
        match futures_executor::block_on(future::select(changed, &mut stop)) {
            Either::Left((Ok(_snapshot), _)) => outside.wake(),
            Either::Left((Err(_gone), _)) => {
                outside.is_worker_gone.store(true, Ordering::Release);
                outside.wake();
                return;
            }
            Either::Right(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::desk::{Snapshot, desk};

    /// Much longer than anything here takes; only a failing test waits so long.
    const SOON: std::time::Duration = std::time::Duration::from_secs(20);

    /// A window that says when it is woken.
    fn attached() -> (Arc<Outside>, mpsc::Receiver<()>) {
        let (wanted, frames) = mpsc::channel();
        let outside = Arc::new(Outside::default());
        outside.attach(move || {
            wanted.send(()).ok();
        });
        (outside, frames)
    }

    #[test]
    fn a_new_snapshot_wakes_the_window() {
        let (front, back) = desk(Snapshot::default());
        let (outside, frames) = attached();
        let watch = Watch::start(front, &outside, false).unwrap();
        back.snapshots.send_replace(Arc::new(Snapshot::default()));
        frames.recv_timeout(SOON).unwrap();
        drop(watch);
        assert!(!outside.is_worker_gone());
    }

    #[test]
    fn the_end_of_the_worker_wakes_the_window_and_is_remembered() {
        let (front, back) = desk(Snapshot::default());
        let (outside, frames) = attached();
        let _watch = Watch::start(front, &outside, false).unwrap();
        drop(back);
        frames.recv_timeout(SOON).unwrap();
        assert!(outside.is_worker_gone());
    }

    #[test]
    fn a_scheme_wakes_the_window_only_when_it_is_another() {
        let (outside, frames) = attached();
        outside.set_system_theme(Some(Theme::Dark));
        outside.set_system_theme(Some(Theme::Dark));
        assert_eq!(outside.system_theme(), Some(Theme::Dark));
        assert_eq!(frames.try_iter().count(), 1);
    }
}
