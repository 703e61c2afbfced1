//! The window: one face of the worker. It looks at a [`Snapshot`](crate::desk::Snapshot), asks by
//! [`Command`](crate::desk::Command), and owns nothing that must outlive it but its [`Memory`].
//!
//! [`rows`] words everything without egui; the views beside it place those words by number. Closing leaves [`run`], showing
//! enters it again: a hidden window costs nothing. Never enters: files, the network, the worker's state.

use std::sync::{Arc, mpsc};

mod accounts;
mod activity;
mod app;
mod ask;
mod banner;
mod bulk;
mod card;
mod chart;
mod client_keys;
mod detail;
mod dialogs;
mod display;
mod drag;
mod errands;
mod first_run;
mod fonts;
mod head;
mod keys;
mod list;
mod logo;
mod memory;
mod menus;
mod pool;
mod row;
pub mod rows;
mod runway;
mod scheme;
mod settings;
mod shell;
mod strip;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod toast;
mod wake;
mod widgets;

pub use app::{App, Clock, Parts};
pub use display::{DisplayEnv, display_available};
pub use errands::{Doors, Pick, Picked};
pub use memory::{Geometry, Memory};
pub use wake::Outside;

use crate::desk::Desk;

/// How the window is opened.
pub struct Options {
    /// Asked when the window is closed: a tray host comes and goes.
    pub on_close: AskOnClose,
    pub theme: ThemeChoice,
    /// When the program started, for the log: how long the first frame took.
    pub started_at: std::time::Instant,
    /// For clock times.
    pub zone: jiff::tz::TimeZone,
}

/// Tells what closing the window means at that moment.
pub type AskOnClose = Arc<dyn Fn() -> OnClose + Send + Sync>;

/// What closing the window means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnClose {
    /// The tray is left.
    Hide,
    /// Nothing would be left: closing ends the program, and the first time that is said.
    Quit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    #[default]
    System,
    Light,
    Dark,
}

/// How the window was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It can be shown again.
    Hidden,
    /// The user wants the program to end. The worker has not been told.
    Quit,
}

#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("the window could not be opened: {0}")]
    Open(#[from] eframe::Error),
    #[error("the window got no thread")]
    Thread(#[from] std::io::Error),
}

/// Names the window to the desktop: the stem of the `.desktop` file.
const APP_ID: &str = "codex-router";
const TITLE: &str = "Codex Router";

/// Opens the window and returns when it is closed. Belongs on the main thread; can be called again afterwards.
///
/// # Errors
/// When there is no display or no OpenGL. After that no window opens in this process any more: ask [`display_available`] first.
pub fn run(desk: Desk, options: Options, memory: &mut Memory) -> Result<Closed, WindowError> {
    let outside = Arc::new(Outside::default());
    let watch = wake::Watch::start(desk.clone(), &outside, true)?;
    let (farewell, farewells) = mpsc::channel();
    let parts = Parts {
        desk,
        memory: memory.clone(),
        on_close: options.on_close,
        started_at: options.started_at,
        theme: options.theme,
        outside: outside.clone(),
        clock: Clock {
            now: std::time::SystemTime::now,
            zone: options.zone,
        },
        doors: Doors::of_this_system(),
        farewell,
    };
    let ended = eframe::run_native(
        TITLE,
        native_options(memory),
        Box::new(move |creation| {
            let ctx = creation.egui_ctx.clone();
            outside.attach(move || ctx.request_repaint());
            Ok(Box::new(App::new(&creation.egui_ctx, parts)))
        }),
    );
    drop(watch);
    ended?;
    match farewells.try_recv() {
        Ok((remembered, closed)) => {
            *memory = remembered;
            Ok(closed)
        }
        // It ended without a word, as when the display goes away: there is nothing to remember.
        Err(_silent) => Ok(Closed::Hidden),
    }
}

fn native_options(memory: &Memory) -> eframe::NativeOptions {
    let geometry = memory.geometry;
    let size = geometry
        .and_then(Geometry::usable_size)
        .unwrap_or(memory::DEFAULT_SIZE);
    let mut viewport = egui::ViewportBuilder::default()
        .with_title(TITLE)
        .with_app_id(APP_ID)
        .with_icon(logo::icon())
        .with_inner_size(size)
        .with_min_inner_size(memory::MIN_SIZE);
    if let Some(position) = geometry.and_then(Geometry::usable_position) {
        viewport = viewport.with_position(position);
    }
    eframe::NativeOptions {
        viewport,
        // Test builds may have another renderer compiled in, and would choose that.
        renderer: eframe::Renderer::Glow,
        ..eframe::NativeOptions::default()
    }
}
