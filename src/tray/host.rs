//! The thread that owns the icon, the menu and its items. They never leave it.
//!
//! It waits for signals: a click, a new snapshot, another colour scheme, or the moment at which time alone changes a word.
//! Then it shows the difference: texts in place, a new menu only when its lines stand for other things, a new icon only when
//! a pixel differs.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::SystemTime;

use jiff::tz::TimeZone;
use tracing::{debug, warn};
use tray_icon::menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tray_icon::{BadIcon, Icon, TrayIcon, TrayIconBuilder};

use super::icon::{Drawn, Ink, Look, Style};
use super::menu::{Action, Form, Row, RowKind, next_change, rows};
use super::meter::meter;
use super::session_bus::ColourScheme;
use super::{TrayError, Wish};
use crate::desk::Desk;

/// What wakes the host.
#[derive(Debug)]
pub(super) enum Signal {
    /// A menu item, by the key of its row.
    Clicked(String),
    /// The icon itself.
    Activated,
    /// There is a new snapshot.
    Changed,
    Scheme(ColourScheme),
    Stop,
}

pub(super) struct Host<W> {
    desk: Desk,
    wishes: W,
    icon: TrayIcon,
    menu: Shown,
    look: Look,
    style: Style,
    drawn: Drawn,
    /// Kept after the first copy: on X11 the copied text lives as long as its owner.
    clipboard: Option<arboard::Clipboard>,
}

/// Shown by panels as a tooltip or in their settings.
const TITLE: &str = "Codex Router";

impl<W: Fn(Wish)> Host<W> {
    /// Puts icon and menu on the bus, complete from the first moment on.
    pub fn build(desk: Desk, wishes: W) -> Result<Self, TrayError> {
        let snapshot = desk.snapshot();
        let now = SystemTime::now();
        let style = Style::default();
        let mut drawn = Drawn::default();
        let look = Look::new(&meter(&snapshot, now), style);
        let (menu, shown) =
            Shown::build(rows(&snapshot, now, &TimeZone::system(), Form::OneString))?;
        let icon = TrayIconBuilder::new()
            .with_id("codex-router")
            .with_title(TITLE)
            .with_menu(Box::new(menu))
            .with_icon(picture(&mut drawn, &look).map_err(refused)?)
            .build()?;
        Ok(Self {
            desk,
            wishes,
            icon,
            menu: shown,
            look,
            style,
            drawn,
            clipboard: None,
        })
    }

    /// Serves until told to stop.
    pub fn run(mut self, inbox: &Receiver<Signal>) {
        loop {
            // A snapshot may have come while the host was built or busy: look first, then wait.
            self.show(SystemTime::now());
            let Ok(first) = self.wait(inbox) else {
                return;
            };
            // What came meanwhile is shown in one go.
            for signal in first.into_iter().chain(inbox.try_iter()) {
                if self.take(signal).is_break() {
                    return;
                }
            }
        }
    }

    /// `None` when it was time itself that brought a change.
    fn wait(&self, inbox: &Receiver<Signal>) -> Result<Option<Signal>, RecvTimeoutError> {
        let now = SystemTime::now();
        let pause =
            next_change(&self.desk.snapshot(), now).and_then(|at| at.duration_since(now).ok());
        let signal = match pause {
            Some(pause) => inbox.recv_timeout(pause),
            None => inbox.recv().map_err(RecvTimeoutError::from),
        };
        match signal {
            Ok(signal) => Ok(Some(signal)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(gone) => Err(gone),
        }
    }

    fn take(&mut self, signal: Signal) -> ControlFlow<()> {
        match signal {
            Signal::Clicked(key) => self.obey(&key),
            Signal::Activated => (self.wishes)(Wish::Open),
            Signal::Changed => {}
            Signal::Scheme(scheme) => self.style.ink = ink_on(scheme),
            Signal::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn obey(&mut self, key: &str) {
        let Some(action) = self.menu.click(key) else {
            debug!(key, "a click on a line that is gone");
            return;
        };
        match action {
            Action::Ask(command) => {
                if let Err(err) = self.desk.ask(command) {
                    warn!(error = %err, "a click in the tray was not taken");
                }
            }
            Action::AskAndOpen(command) => {
                if let Err(err) = self.desk.ask(command) {
                    warn!(error = %err, "a click in the tray was not taken");
                }
                // The window also tells when it was not.
                (self.wishes)(Wish::Open);
            }
            Action::CopyUrl(url) => self.copy(url),
            Action::Open => (self.wishes)(Wish::Open),
            Action::Quit => (self.wishes)(Wish::Quit),
            Action::Nothing => {}
        }
    }

    fn copy(&mut self, url: String) {
        let copied = match &mut self.clipboard {
            Some(clipboard) => clipboard.set_text(url.as_str()),
            none => arboard::Clipboard::new()
                .and_then(|clipboard| none.insert(clipboard).set_text(url.as_str())),
        };
        if let Err(err) = copied {
            warn!(error = %err, "the tray cannot reach the clipboard");
            self.clipboard = None;
            (self.wishes)(Wish::CopyUrl(url));
        }
    }

    fn show(&mut self, now: SystemTime) {
        let snapshot = self.desk.snapshot();
        let rows = rows(&snapshot, now, &TimeZone::system(), Form::OneString);
        if !self.menu.update(&rows) {
            match Shown::build(rows) {
                Ok((menu, shown)) => {
                    self.icon.set_menu(Some(Box::new(menu)));
                    self.menu = shown;
                }
                Err(err) => warn!(error = %err, "the tray menu could not be changed"),
            }
        }
        let look = Look::new(&meter(&snapshot, now), self.style);
        if look != self.look {
            let shown = picture(&mut self.drawn, &look)
                .map_err(refused)
                .and_then(|icon| self.icon.set_icon(Some(icon)));
            match shown {
                Ok(()) => self.look = look,
                Err(err) => warn!(error = %err, "the tray icon could not be changed"),
            }
        }
    }
}

/// The menu as it is on the panel.
struct Shown {
    lines: Vec<(Row, Item)>,
}

enum Item {
    Check(CheckMenuItem),
    Plain(MenuItem),
    Separator(PredefinedMenuItem),
}

impl Shown {
    fn build(rows: Vec<Row>) -> Result<(Menu, Self), tray_icon::menu::Error> {
        let menu = Menu::new();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let item = Item::new(&row);
            menu.append(item.as_item())?;
            lines.push((row, item));
        }
        Ok((menu, Self { lines }))
    }

    /// Changes what differs; `false` when the lines stand for other things and a new menu is needed.
    fn update(&mut self, rows: &[Row]) -> bool {
        let stand_for_the_same = self.lines.len() == rows.len()
            && self
                .lines
                .iter()
                .zip(rows)
                .all(|((shown, item), row)| shown.key == row.key && item.can_show(row.kind));
        if stand_for_the_same {
            for ((shown, item), row) in self.lines.iter_mut().zip(rows) {
                item.update(shown, row);
                shown.clone_from(row);
            }
        }
        stand_for_the_same
    }

    /// What a click on this line means, if it is still there.
    fn click(&self, key: &str) -> Option<Action> {
        self.lines
            .iter()
            .find(|(row, _)| row.key == key)
            .map(|(row, _)| row.action.clone())
    }
}

impl Item {
    fn new(row: &Row) -> Self {
        let (id, text) = (row.key.as_str(), row.text.as_str());
        match row.kind {
            RowKind::Check { is_checked } => Self::Check(CheckMenuItem::with_id(
                id,
                text,
                row.is_enabled,
                is_checked,
                None,
            )),
            RowKind::Plain => Self::Plain(MenuItem::with_id(id, text, row.is_enabled, None)),
            RowKind::Separator => Self::Separator(PredefinedMenuItem::separator()),
        }
    }

    fn as_item(&self) -> &dyn IsMenuItem {
        match self {
            Self::Check(item) => item,
            Self::Plain(item) => item,
            Self::Separator(item) => item,
        }
    }

    fn can_show(&self, kind: RowKind) -> bool {
        matches!(
            (self, kind),
            (Self::Check(_), RowKind::Check { .. })
                | (Self::Plain(_), RowKind::Plain)
                | (Self::Separator(_), RowKind::Separator)
        )
    }

    /// Every set is news on the bus, so only what differs is set. A check mark is compared with the item itself: a click
    /// flips it there, whether or not the worker agrees.
    fn update(&self, shown: &Row, row: &Row) {
        match self {
            Self::Check(item) => {
                if shown.text != row.text {
                    item.set_text(&row.text);
                }
                if shown.is_enabled != row.is_enabled {
                    item.set_enabled(row.is_enabled);
                }
                let is_checked = row.kind == (RowKind::Check { is_checked: true });
                if item.is_checked() != is_checked {
                    item.set_checked(is_checked);
                }
            }
            Self::Plain(item) => {
                if shown.text != row.text {
                    item.set_text(&row.text);
                }
                if shown.is_enabled != row.is_enabled {
                    item.set_enabled(row.is_enabled);
                }
            }
            Self::Separator(_) => {}
        }
    }
}

/// Most panels of dark desktops are dark, and so are many of those that do not tell.
fn ink_on(scheme: ColourScheme) -> Ink {
    match scheme {
        ColourScheme::Dark | ColourScheme::Unknown => Ink::OnDark,
        ColourScheme::Light => Ink::OnLight,
    }
}

fn picture(drawn: &mut Drawn, look: &Look) -> Result<Icon, BadIcon> {
    let bitmap = drawn.bitmap(look);
    Icon::from_rgba(bitmap.rgba.clone(), bitmap.size, bitmap.size)
}

fn refused(err: BadIcon) -> tray_icon::Error {
    tray_icon::Error::OsError(std::io::Error::other(err))
}
