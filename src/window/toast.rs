//! The one short message at the foot of the page. Good news only: failures are banners. (`design` section 3, toast.)

use egui::{
    Align2, Area, Color32, CornerRadius, Id, Order, Rect, Sense, Ui, WidgetInfo, accesskit, pos2,
    vec2,
};

use super::ask::Ask;
use super::fonts::icon;
use super::text::{self, Role};
use super::theme::{Look, MENU_RADIUS};
use super::widgets;
use crate::client_key::KeyDeed;
use crate::desk::{Command, Happening, Outcome, words};
use crate::profile::ProfileName;

/// Long enough to read one line and to reach its button.
pub const SHOWN_SECS: f64 = 4.0;
const HEIGHT: f32 = 36.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    pub text: String,
    /// What its only button does.
    pub act: Option<(&'static str, Command)>,
    /// When it goes, in seconds of egui's clock.
    pub until: f64,
}

impl Toast {
    /// What to say about an outcome; nothing when it shows by itself, or is no good news. `called` tells what an account is
    /// called on screen.
    pub fn about(
        happening: &Happening,
        called: impl Fn(&ProfileName) -> String,
        hides_emails: bool,
        egui_now: f64,
    ) -> Option<Self> {
        let (text, act) = match &happening.outcome {
            Outcome::Switched { from, to } => (
                format!("Codex now uses {}", called(to)),
                from.clone()
                    .filter(|from| from != to)
                    .map(|from| ("Undo", Command::Use(from))),
            ),
            Outcome::Routed { to: Some(to) } => {
                (format!("The router now uses {}", called(to)), None)
            }
            Outcome::Routed { to: None } => ("The router chooses by itself again".to_owned(), None),
            Outcome::FileStoreSet => (
                "Codex reads auth.json from its next start on".to_owned(),
                None,
            ),
            Outcome::Added { name } => (format!("Added {}", called(name)), None),
            Outcome::SignedIn { name } => (format!("Signed in to {} again", called(name)), None),
            Outcome::Exported { count, to } => (
                format!("Exported {} to {to}", words::accounts(*count)),
                None,
            ),
            Outcome::RequestsExported { count, to } => (
                format!("Exported {} to {to}", words::requests(*count)),
                None,
            ),
            Outcome::Renamed { from, to, notes } => (
                with_notes(
                    format!("{} is now called {}", called(from), called(to)),
                    notes,
                ),
                Some((
                    "Undo",
                    Command::Rename {
                        from: to.clone(),
                        to: from.clone(),
                    },
                )),
            ),
            Outcome::Deleted { names, ids, notes } => (
                with_notes(
                    match names.as_slice() {
                        [name] => format!("Deleted {}", called(name)),
                        names => format!("Deleted {}", words::accounts(names.len())),
                    },
                    notes,
                ),
                Some(("Undo", Command::Undelete(ids.clone()))),
            ),
            Outcome::Undeleted { names, notes } => (
                with_notes(
                    match names.as_slice() {
                        [name] => format!("{} is back", called(name)),
                        names => format!("{} are back", words::accounts(names.len())),
                    },
                    notes,
                ),
                None,
            ),
            Outcome::Purged { count } => (
                format!("Deleted {} for good", words::accounts(*count)),
                None,
            ),
            Outcome::Connected { tool } => (format!("{} now uses the router", tool.title()), None),
            Outcome::Disconnected { tool } => {
                (format!("{} has its own settings back", tool.title()), None)
            }
            Outcome::Saved { name } => (format!("Saved as {}", called(name)), None),
            Outcome::Displaced { file } => (format!("An unknown login was kept as {file}"), None),
            Outcome::KeptAside { name, file } => (
                format!("The renewed login of {} was kept as {file}", called(name)),
                None,
            ),
            Outcome::TokenRefreshed { name } => {
                (format!("The login of {} was renewed", called(name)), None)
            }
            Outcome::KeyChanged { deed, label } => (
                key_changed(
                    deed,
                    &words::masked(label.as_deref().unwrap_or("the key"), hides_emails),
                )?,
                None,
            ),
            Outcome::UsageRefreshed { .. }
            | Outcome::SwitchFailed { .. }
            | Outcome::SaveFailed { .. }
            | Outcome::UsageFailed { .. }
            | Outcome::TokenRefreshFailed { .. }
            | Outcome::LedgerSetAside { .. }
            | Outcome::AddFailed { .. }
            | Outcome::ExportFailed { .. }
            | Outcome::RequestsExportFailed { .. }
            | Outcome::Edited { .. }
            | Outcome::Ordered
            | Outcome::EditFailed { .. }
            | Outcome::KeyNotChanged { .. }
            | Outcome::ToolFailed { .. }
            | Outcome::RouteFailed { .. }
            | Outcome::FileStoreFailed { .. }
            | Outcome::SettingsChanged { .. }
            | Outcome::SettingsRefused { .. }
            | Outcome::TerminalFailed { .. } => return None,
        };
        Some(Self {
            // Notes and places may name accounts.
            text: words::masked(&text, hides_emails),
            act,
            until: egui_now + SHOWN_SECS,
        })
    }

    pub fn saying(text: String, egui_now: f64) -> Self {
        Self {
            text,
            act: None,
            until: egui_now + SHOWN_SECS,
        }
    }
}

/// A key that is made has its dialog, and one that is turned on or off its toggle.
fn key_changed(deed: &KeyDeed, label: &str) -> Option<String> {
    Some(match deed {
        KeyDeed::Add(_) | KeyDeed::Enable(_) | KeyDeed::Disable(_) => return None,
        KeyDeed::Rename(_) => format!("The key is now called {label}"),
        KeyDeed::Limit(_) => format!("The limits of {label} have changed"),
        KeyDeed::Remove(_) => format!("Revoked {label}"),
        KeyDeed::Require(true) => "Every request needs a key now".to_owned(),
        KeyDeed::Require(false) => "No key is needed on this computer now".to_owned(),
    })
}

fn with_notes(text: String, notes: &[String]) -> String {
    notes
        .iter()
        .fold(text, |text, note| format!("{text}. {note}"))
}

/// Draws the toast above what lies at the foot of the page, and keeps it as long as the pointer is on it.
pub fn toast_ui(ui: &Ui, look: Look, foot: f32, toast: &mut Toast, asks: &mut Vec<Ask>) {
    let window = ui.ctx().content_rect();
    let painter = ui.painter();
    let most = window.width() - 48.0;
    let act_width = toast.act.as_ref().map_or(0.0, |(label, _)| {
        text::line(painter, label, Role::BodyM, Color32::WHITE, most)
            .size()
            .x
            + 28.0
    });
    let words = text::line(
        painter,
        &toast.text,
        Role::Body,
        look.toast_text,
        most - 52.0 - act_width,
    );
    let width = (38.0 + words.size().x + act_width + 14.0).round();
    let size = vec2(width, HEIGHT);
    let top = window.bottom() - foot - 12.0 - HEIGHT;
    let rect = Rect::from_min_size(pos2((window.center().x - width / 2.0).round(), top), size);
    let now = ui.input(|input| input.time);

    let area = Area::new(Id::unique("toast"))
        .order(Order::Foreground)
        .fixed_pos(rect.min)
        .fade_in(false)
        .show(ui.ctx(), |ui| {
            let response = ui.allocate_rect(rect, Sense::hover());
            response
                .widget_info(|| WidgetInfo::labeled(accesskit::Role::Status, true, &toast.text));
            ui.ctx().accesskit_node_builder(response.id, |node| {
                node.set_live(accesskit::Live::Polite);
            });
            let painter = ui.painter();
            let radius = CornerRadius::same(MENU_RADIUS);
            painter.add(look.menu_shadow.as_shape(rect, radius));
            painter.rect_filled(rect, radius, look.toast);
            let middle = rect.center().y;
            text::icon(
                painter,
                pos2(rect.left() + 19.0, middle),
                icon::CHECK,
                14,
                look.toast_text,
            );
            text::place(
                painter,
                words,
                pos2(rect.left() + 34.0, middle),
                Align2::LEFT_CENTER,
            );
            if let Some((label, command)) = &toast.act {
                let button = rect
                    .with_min_x(rect.right() - act_width)
                    .shrink2(vec2(0.0, 4.0));
                let response = widgets::hit(ui, button, Id::unique("toast act"), label);
                let ink = look.accent_inverse;
                text::put(
                    ui.painter(),
                    button.center(),
                    Align2::CENTER_CENTER,
                    label,
                    Role::BodyM,
                    ink,
                    act_width,
                );
                widgets::focus_ring(ui.painter(), look, button, 7, &response);
                if response.clicked() {
                    asks.push(Ask::Command(command.clone()));
                    asks.push(Ask::HideToast);
                }
            }
        });
    if area.response.contains_pointer() {
        toast.until = now + SHOWN_SECS;
    }
}
