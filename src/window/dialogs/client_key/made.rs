//! The one moment in which a key is visible.

use egui::{Align2, CornerRadius, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::super::copied::Copied;
use super::super::{Scene, frame};
use super::shown;
use crate::client_key::{ClientKey, KeyTerm};
use crate::desk::{Snapshot, words};
use crate::profile::Secret;
use crate::window::ask::Ask;
use crate::window::dialogs::frame::{Buttons, Choice};
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, Look};
use crate::window::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};

const BOX_HEIGHT: f32 = 52.0;
const FACT_HEIGHT: f32 = 26.0;

#[derive(Debug)]
pub struct Made {
    key: ClientKey,
    /// Its memory is wiped when the dialog is closed.
    shown: Secret,
    copied: Copied,
    is_copied: bool,
    /// It was said that it is not copied yet.
    is_warned: bool,
    has_focus: bool,
}

impl Made {
    pub fn of(key: ClientKey, shown: Secret) -> Self {
        Self {
            key,
            shown,
            copied: Copied::default(),
            is_copied: false,
            is_warned: false,
            has_focus: false,
        }
    }

    /// Whoever closes it without a copy has lost the key: the first time that is only said.
    pub fn may_close(&mut self) -> bool {
        let may_close = self.is_copied || self.is_warned;
        self.is_warned = true;
        may_close
    }
}

pub fn made_ui(ui: &mut Ui, scene: Scene<'_>, made: &mut Made, asks: &mut Vec<Ask>) {
    let look = scene.look;
    frame::title(
        ui,
        look,
        &format!("Key for {}", shown(scene, &made.key.label)),
    );
    frame::paragraph(
        ui,
        look,
        "Copy it now. For your safety it is shown only once.",
    );
    ui.add_space(12.0);
    key_ui(ui, look, made);
    ui.add_space(8.0);
    for (name, value) in facts(&made.key, scene) {
        fact_ui(ui, look, name, &value);
    }
    if made.is_warned && !made.is_copied {
        ui.add_space(8.0);
        let words = "It is not copied yet, and nobody can show it again. Copy it, or close this once more to go without.";
        frame::refusal(ui, look, words);
    }
    let buttons = Buttons {
        other: Some("Show setup"),
        primary: Some(Label::plain("Done")),
        kind: ButtonKind::Plain,
        focus: None,
    };
    match frame::buttons_ui(ui, look, &buttons) {
        Some(Choice::Other) if made.may_close() => {
            asks.push(Ask::ShowSetup(made.key.id.clone()));
            asks.push(Ask::CloseDialog);
        }
        Some(Choice::Primary) if made.may_close() => asks.push(Ask::CloseDialog),
        Some(_) | None => {}
    }
}

/// The key in two lines, and the button that copies it.
fn key_ui(ui: &mut Ui, look: Look, made: &mut Made) {
    let size = vec2(ui.available_width(), BOX_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter();
    let radius = CornerRadius::same(CONTROL_RADIUS);
    painter.rect_filled(rect, radius, look.sunken);
    let label = Label {
        icon: Some(made.copied.icon(ui)),
        text: "Copy",
        spoken: "Copy the key",
    };
    let width = widgets::label_width(painter, label);
    let button = Rect::from_center_size(
        pos2(rect.right() - 10.0 - width / 2.0, rect.center().y),
        vec2(width, TALL_BUTTON_HEIGHT),
    );
    let room = rect.with_max_x(button.left() - 10.0);
    let response = ui.interact(room, Id::unique("made key"), Sense::hover());
    // Whoever listens copies it: spoken aloud it would be no secret.
    response.widget_info(|| {
        let spoken = format!("The key, which ends in {}", made.key.last4);
        WidgetInfo::labeled(accesskit::Role::Label, true, spoken)
    });
    let shown = made.shown.expose();
    let (first, second) = shown.split_at(shown.len() / 2);
    for (words, y) in [(first, -9.0), (second, 9.0)] {
        let at = pos2(rect.left() + 12.0, rect.center().y + y);
        let width = room.width() - 12.0;
        text::put(
            painter,
            at,
            Align2::LEFT_CENTER,
            words,
            Role::Mono,
            look.text,
            width,
        );
    }
    let id = Id::unique("copy made key");
    let response = widgets::button_ui(ui, look, button, id, label, ButtonKind::Primary);
    if !std::mem::replace(&mut made.has_focus, true) {
        response.request_focus();
    }
    if response.clicked() {
        made.copied.copy(ui, shown);
        made.is_copied = true;
    }
}

fn facts(key: &ClientKey, scene: Scene<'_>) -> Vec<(&'static str, String)> {
    let policy = &key.policy;
    let or = |text: String, none: &str| match text.is_empty() {
        true => none.to_owned(),
        false => text,
    };
    let models = match &policy.model {
        Some(own) => format!("always {own}"),
        None => or(KeyTerm::Models.text(policy), "all"),
    };
    let accounts = match policy.accounts.is_empty() {
        false if scene.snapshot.hides_emails => "only some".to_owned(),
        _ => or(KeyTerm::Accounts.text(policy), "all"),
    };
    let is_shown_before = |limit: &String| {
        let heads = ["models ", "accounts ", "always "];
        heads.iter().any(|head| limit.starts_with(head))
    };
    let limits = words::key_limits(key).into_iter();
    let limits: Vec<_> = limits.filter(|limit| !is_shown_before(limit)).collect();
    let told = |at| words::clock(at, scene.now, scene.zone);
    let ends = key.expires_at.map(told);
    [
        ("Base URL", base_url(scene.snapshot)),
        ("Models", Some(models)),
        ("Accounts", Some(accounts)),
        ("Limits", Some(or(limits.join(", "), "none"))),
        ("Ends", Some(ends.unwrap_or_else(|| "never".to_owned()))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn base_url(snapshot: &Snapshot) -> Option<String> {
    let address = snapshot.router.address.filter(|it| it.port() != 0)?;
    if address.ip().is_unspecified() {
        return Some(format!("http://127.0.0.1:{}/v1", address.port()));
    }
    snapshot.router.base_url()
}

fn fact_ui(ui: &mut Ui, look: Look, name: &str, value: &str) {
    let size = vec2(ui.available_width(), FACT_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(accesskit::Role::Label, true, format!("{name}: {value}"))
    });
    let painter = ui.painter();
    let middle = rect.center().y;
    let at = pos2(rect.left(), middle);
    let name = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        name,
        Role::Body,
        look.text_2,
        120.0,
    );
    let at = pos2(rect.right(), middle);
    let width = rect.right() - name.right() - 16.0;
    text::put(
        painter,
        at,
        Align2::RIGHT_CENTER,
        value,
        Role::Body,
        look.text,
        width,
    );
}
