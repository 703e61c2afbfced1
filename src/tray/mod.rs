//! The tray: a meter on the panel and a menu that switches accounts, with or without a window.
//!
//! [`meter`], [`icon`] and [`menu`] turn a snapshot into what is shown, as plain values. `host` shows them on a thread of its
//! own and hands clicks straight to the worker; `session_bus` knows whether any panel listens and whether it is dark.
//! Never enters: the window, files, the network. What the tray cannot do itself it asks for as a [`Wish`].

use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};

use crate::desk::{Desk, DeskError};

mod host;
pub mod icon;
pub mod menu;
pub mod meter;
mod session_bus;

use host::{Host, Signal};
use session_bus::{BusAddress, SessionBus};

/// A tray on the panel, until dropped. One at a time in a process.
pub struct Tray {
    signals: mpsc::Sender<Signal>,
    host: Option<JoinHandle<()>>,
    snapshots: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    bus: SessionBus,
    _seat: Seat,
}

/// What the tray wants from whoever started it. Said on the tray's thread: take it and return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Show the window.
    Open,
    /// Stop the program.
    Quit,
    /// The clipboard cannot be reached from the tray; a window may be able to.
    CopyUrl(String),
}

/// Why there is no tray. The program goes on without.
#[derive(Debug, thiserror::Error)]
pub enum TrayError {
    #[error("there is no session bus, so there can be no tray")]
    NoSessionBus(#[source] zbus::Error),
    #[error("the desktop does not answer, so there is no tray")]
    Silent,
    #[error("the desktop refused the tray icon")]
    Refused(#[from] tray_icon::Error),
    #[error("the tray menu could not be made")]
    Menu(#[from] tray_icon::menu::Error),
    #[error("this program already shows a tray")]
    AlreadyShown,
    #[error("the tray is made for Linux and BSD desktops so far")]
    NotOnThisSystem,
    #[error("could not start a thread for the tray")]
    Thread(#[from] std::io::Error),
}

/// Whether a panel of this desktop shows trays, asked once.
///
/// # Errors
/// When there is no session bus, or nobody answers on it.
pub fn host_on_this_desktop() -> Result<bool, TrayError> {
    if cfg!(any(windows, target_os = "macos")) {
        return Err(TrayError::NotOnThisSystem);
    }
    SessionBus::watch(BusAddress::OfThisSession, |_scheme| {}).map(|bus| bus.has_host())
}

/// Longer than a desktop that is just logging in takes to answer, shorter than anybody would wait for a window.
const PATIENCE: Duration = Duration::from_secs(5);

impl Tray {
    /// Shows the tray of this desk. Where no panel shows trays it is Ok, too: the icon appears when one starts, and
    /// [`Tray::host_present`] tells.
    ///
    /// # Errors
    /// When there is no session bus or nobody answers on it, when a tray is already shown, and on systems other than Linux
    /// and BSD.
    pub fn start(
        desk: Desk,
        wishes: impl Fn(Wish) + Send + Sync + 'static,
    ) -> Result<Self, TrayError> {
        // Elsewhere a tray belongs to the thread that runs the system's event loop, which is not ours.
        if cfg!(any(windows, target_os = "macos")) {
            return Err(TrayError::NotOnThisSystem);
        }
        let (signals, inbox) = mpsc::channel();
        let seat = Seat::take(signals.clone())?;
        let bus = SessionBus::watch(BusAddress::OfThisSession, {
            let signals = signals.clone();
            move |scheme| tell(&signals, Signal::Scheme(scheme))
        })?;

        let (ready_sender, ready) = mpsc::channel();
        let host_desk = desk.clone();
        let host = thread::Builder::new().name("tray".into()).spawn(move || {
            match Host::build(host_desk, wishes) {
                Ok(host) => {
                    if ready_sender.send(Ok(())).is_ok() {
                        host.run(&inbox);
                    }
                }
                // Nobody waits any more: then it was told as silence.
                Err(err) => drop(ready_sender.send(Err(err))),
            }
        })?;
        let ready = ready.recv_timeout(PATIENCE);
        // From here on dropping the tray ends and joins what runs. A host that is still building is not waited for.
        let mut tray = Self {
            signals,
            host: ready.is_ok().then_some(host),
            snapshots: None,
            bus,
            _seat: seat,
        };
        ready.map_err(|_timeout| TrayError::Silent)??;
        tray.snapshots = Some(follow(desk, tray.signals.clone())?);
        Ok(tray)
    }

    /// Whether a panel shows trays at the moment. Without one, closing the window must not hide it.
    pub fn host_present(&self) -> bool {
        self.bus.has_host()
    }

    /// Calls back with the answer of [`Tray::host_present`] whenever it changes, on the thread `session-bus`. The last
    /// callback given counts.
    pub fn on_host_change(&self, callback: impl Fn(bool) + Send + Sync + 'static) {
        self.bus.on_host_change(callback);
    }
}

impl Drop for Tray {
    /// Takes the icon off the panel and joins the threads: some milliseconds. Never from within a wish.
    fn drop(&mut self) {
        tell(&self.signals, Signal::Stop);
        if let Some((stop, thread)) = self.snapshots.take() {
            drop(stop);
            join(thread);
        }
        if let Some(thread) = self.host.take() {
            join(thread);
        }
    }
}

/// The events of menu and icon come by handlers that can be set once in a process; they go to whoever sits here.
struct Seat;

static SEAT: Mutex<Option<mpsc::Sender<Signal>>> = Mutex::new(None);

impl Seat {
    fn take(signals: mpsc::Sender<Signal>) -> Result<Self, TrayError> {
        let mut seat = SEAT.lock().unwrap_or_else(PoisonError::into_inner);
        if seat.is_some() {
            return Err(TrayError::AlreadyShown);
        }
        *seat = Some(signals);
        drop(seat);
        tray_icon::menu::MenuEvent::set_event_handler(Some(|event: tray_icon::menu::MenuEvent| {
            Self::tell(Signal::Clicked(event.id.0))
        }));
        tray_icon::TrayIconEvent::set_event_handler(Some(|event| {
            if let tray_icon::TrayIconEvent::Click {
                button: tray_icon::MouseButton::Left,
                button_state: tray_icon::MouseButtonState::Up,
                ..
            } = event
            {
                Self::tell(Signal::Activated);
            }
        }));
        Ok(Self)
    }

    fn tell(signal: Signal) {
        if let Some(signals) = &*SEAT.lock().unwrap_or_else(PoisonError::into_inner) {
            tell(signals, signal);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *SEAT.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Tells the host of every new snapshot, until the sender is dropped or the worker is gone.
fn follow(
    mut desk: Desk,
    signals: mpsc::Sender<Signal>,
) -> std::io::Result<(oneshot::Sender<()>, JoinHandle<()>)> {
    let (stop, mut stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("tray-snapshots".into())
        .spawn(move || {
            futures_executor::block_on(async {
                loop {
                    let changed = std::pin::pin!(desk.changed());
                    match select(changed, &mut stopped).await {
                        Either::Left((Ok(_snapshot), _)) => tell(&signals, Signal::Changed),
                        Either::Left((Err(DeskError::WorkerGone | DeskError::Busy), _))
                        | Either::Right(_) => return,
                    }
                }
            });
        })?;
    Ok((stop, thread))
}

/// A host that is gone needs no news.
fn tell(signals: &mpsc::Sender<Signal>, signal: Signal) {
    drop(signals.send(signal));
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the tray has panicked");
    }
}

#[cfg(test)]
mod private_bus;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
