//! The program as most people use it: window and tray over one worker, on the main thread as windows want it.
//!
//! The window is entered and left as often as the user shows and hides it; the worker, the router and the tray go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::anyhow;

use super::serve::{self, IfTaken};
use super::{CliError, encrypt, logging, prepare_closed, say, warn};
use crate::desk::settings::Theme;
use crate::desk::{Command, Desk, Settings};
use crate::store::state::State;
use crate::store::{Environment, Home};
use crate::tray::{Tray, Wish};
use crate::window::{self, AskOnClose, Closed, DisplayEnv, Memory, OnClose, ThemeChoice};

pub(super) fn desktop(environment: &Environment) -> Result<(), CliError> {
    let (home, settings) = prepare_closed(environment)?;
    // The window asks for the passphrase if no file has it.
    encrypt::unlock_unasked(environment, &home);
    serve::check(&home, &settings)?;
    show(environment, home, settings, IfTaken::Fail, |_url| {})
}

/// What the main thread waits for while no window is open.
enum Signal {
    Show,
    WorkerGone,
}

/// Shows the window and the tray until the user quits; where there is no display, serves without. `ready` learns the base URL.
pub(super) fn show(
    environment: &Environment,
    home: Home,
    settings: Settings,
    if_taken: IfTaken,
    ready: impl FnOnce(&str) + Send + 'static,
) -> Result<(), CliError> {
    let started_at = Instant::now();
    if let Err(reason) = window::display_available(display(environment)) {
        say(&format!("No display ({reason}); serving without a window."));
        encrypt::unlock(environment, &home)?;
        return serve::stay(environment, home, settings, if_taken, ready);
    }
    let Some(lock) = serve::only_instance(&home)? else {
        return Ok(());
    };
    let log = logging::keep(&home, &settings);
    let (theme, is_hidden, is_router_on) =
        (theme(&settings), settings.no_window, settings.router_on);
    let worker = serve::start(environment, home.clone(), is_router_on)?;
    let desk = worker.desk();
    let has_host = Arc::new(AtomicBool::new(false));
    // The window is not kept waiting for the port and for the desktop's bus.
    let mut beside = Some(beside(&desk, has_host.clone(), move |desk| {
        if !is_router_on {
            return;
        }
        // A taken port is no reason to stay away: the window shows it, with a way out.
        match serve::announce(desk, if_taken) {
            Ok(url) => ready(&url),
            Err(err) => warn(&format!("The router is not on: {err}")),
        }
    })?);
    let (sender, signals) = channel();
    follow(desk.clone(), sender)?;
    let mut tray = None;
    if is_hidden {
        tray = beside.take().and_then(joined);
        if !tray.as_ref().is_some_and(Tray::host_present) {
            say("No tray shows on this desktop. Start codex-router again to open the window.");
        }
    }
    let look = Look {
        theme,
        started_at,
        on_close: on_close(has_host),
    };
    let ended = windows(&home, &desk, look, !is_hidden, &signals);
    drop(tray.or_else(|| beside.and_then(joined)));
    drop(desk);
    worker.stop();
    drop(log);
    drop(lock);
    ended
}

/// What is the same every time the window opens.
struct Look {
    theme: ThemeChoice,
    started_at: Instant,
    on_close: AskOnClose,
}

/// Says where the router is, then starts the tray; `has_host` follows whether a panel shows it.
fn beside(
    desk: &Desk,
    has_host: Arc<AtomicBool>,
    announce: impl FnOnce(&Desk) + Send + 'static,
) -> Result<JoinHandle<Option<Tray>>, CliError> {
    let desk = desk.clone();
    let begin = move || {
        announce(&desk);
        let tray = start_tray(&desk)?;
        has_host.store(tray.host_present(), Ordering::Relaxed);
        tray.on_host_change(move |is_present| has_host.store(is_present, Ordering::Relaxed));
        Some(tray)
    };
    let begun = std::thread::Builder::new().name("beside".into());
    Ok(begun.spawn(begin).map_err(anyhow::Error::from)?)
}

fn joined(beside: JoinHandle<Option<Tray>>) -> Option<Tray> {
    beside.join().ok()? // it panicked, which was told
}

/// Closing hides while a panel shows our tray; without one nothing would be left of the program.
fn on_close(has_host: Arc<AtomicBool>) -> AskOnClose {
    Arc::new(move || {
        if has_host.load(Ordering::Relaxed) {
            OnClose::Hide
        } else {
            OnClose::Quit
        }
    })
}

/// Opens the window whenever it is wanted, until the program is to end.
fn windows(
    home: &Home,
    desk: &Desk,
    look: Look,
    is_wanted: bool,
    signals: &Receiver<Signal>,
) -> Result<(), CliError> {
    let mut memory = remembered(home);
    let mut is_wanted = is_wanted;
    loop {
        if is_wanted {
            let options = window::Options {
                on_close: look.on_close.clone(),
                theme: look.theme,
                started_at: look.started_at,
                zone: jiff::tz::TimeZone::system(),
            };
            let closed = window::run(desk.clone(), options, &mut memory);
            let closed = closed.map_err(|err| anyhow!("{err}"))?;
            remember(home, &memory);
            if closed == Closed::Quit {
                return Ok(());
            }
            // Wishes to see the window that were said while it was open are fulfilled.
            while let Ok(signal) = signals.try_recv() {
                if matches!(signal, Signal::WorkerGone) {
                    return Ok(());
                }
            }
        }
        match signals.recv() {
            Ok(Signal::Show) => is_wanted = true,
            Ok(Signal::WorkerGone) | Err(_) => return Ok(()),
        }
    }
}

/// The tray, or one line that says why there is none.
fn start_tray(desk: &Desk) -> Option<Tray> {
    let asks = desk.clone();
    let tray = Tray::start(desk.clone(), move |wish| {
        let command = match wish {
            // An open window comes to the front, a closed one is opened; the clipboard works from there.
            Wish::Open | Wish::CopyUrl(_) => Command::RaiseWindow,
            Wish::Quit => Command::Quit,
        };
        if let Err(err) = asks.ask(command) {
            tracing::warn!(error = %err, "the tray was not heard");
        }
    });
    match tray {
        Ok(tray) => Some(tray),
        Err(err) => {
            warn(&format!(
                "No tray: {err}. Closing the window ends the program."
            ));
            None
        }
    }
}

/// Tells the main thread when the window is asked for and when the worker has ended.
fn follow(mut desk: Desk, signals: Sender<Signal>) -> Result<(), CliError> {
    let mut raises = desk.snapshot().raises;
    let watch = move || {
        futures_executor::block_on(async {
            while let Ok(snapshot) = desk.changed().await {
                if snapshot.raises != raises {
                    raises = snapshot.raises;
                    if signals.send(Signal::Show).is_err() {
                        return;
                    }
                }
            }
            // The main thread may have gone first.
            let _gone = signals.send(Signal::WorkerGone);
        });
    };
    // Ends by itself with the worker.
    std::thread::Builder::new()
        .name("raise".into())
        .spawn(watch)
        .map_err(anyhow::Error::from)?;
    Ok(())
}

pub(super) fn display(environment: &Environment) -> DisplayEnv<'_> {
    DisplayEnv {
        wayland_display: environment.get("WAYLAND_DISPLAY"),
        display: environment.get("DISPLAY"),
        runtime_dir: environment.get("XDG_RUNTIME_DIR"),
    }
}

fn theme(settings: &Settings) -> ThemeChoice {
    match settings.theme {
        Theme::System => ThemeChoice::System,
        Theme::Light => ThemeChoice::Light,
        Theme::Dark => ThemeChoice::Dark,
    }
}

fn remembered(home: &Home) -> Memory {
    let state = State::read(home);
    state
        .window()
        .and_then(|json| serde_json::from_value(json.clone()).ok())
        .unwrap_or_default()
}

fn remember(home: &Home, memory: &Memory) {
    let Ok(json) = serde_json::to_value(memory) else {
        return;
    };
    if let Err(err) = State::edit(home, |state| state.set_window(json)) {
        tracing::debug!(error = %err, "the window's place was not kept");
    }
}
