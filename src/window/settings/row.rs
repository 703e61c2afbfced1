//! One row: its words at the left, its control at the right, and below both why a change was refused.

use std::sync::Arc;

use egui::{
    Align2, Color32, Galley, Id, Painter, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2,
};

use super::SettingsState;
use super::controls;
use crate::desk::{Command, Setting};
use crate::window::ask::Ask;
use crate::window::dialogs::AddTab;
use crate::window::rows::{Act, Control, SettingRow, Tab};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, Look};
use crate::window::widgets::{self, ButtonKind, Label};

const LOW: f32 = 44.0;
const HIGH: f32 = 52.0;
/// Of a caption.
const LINE: f32 = 15.0;
/// Below what was refused.
const BELOW: f32 = 8.0;
const CONTROL: f32 = 28.0;
const TOGGLE: f32 = 36.0;
/// Between words and control.
const GAP: f32 = 12.0;
const MOST_LINES: usize = 4;

/// What is written at the left of a row and below it, in as many lines as it takes.
struct Words {
    text: Option<Arc<Galley>>,
    refused: Option<Arc<Galley>>,
}

impl Words {
    fn of(painter: &Painter, look: Look, row: &SettingRow, width: f32) -> Self {
        let inner = width - 2.0 * CARD_PADDING;
        let room = inner - control_width(painter, inner, row) - GAP;
        let lines = |words: &String, ink, width| {
            text::paragraph(painter, words, Role::Caption, ink, width, MOST_LINES)
        };
        let text = row.text.as_ref();
        let refused = row.refused.as_ref();
        Self {
            text: text.map(|words| lines(words, look.text_3, room)),
            refused: refused.map(|words| lines(words, look.bad, inner)),
        }
    }

    /// Of the row without what was refused.
    fn line_height(&self) -> f32 {
        match &self.text {
            Some(text) => HIGH + (text.size().y - LINE).max(0.0),
            None => LOW,
        }
    }

    fn height(&self) -> f32 {
        let refused = self.refused.as_ref().map(|words| words.size().y);
        self.line_height() + refused.map_or(0.0, |height| height + BELOW)
    }
}

pub fn height(painter: &Painter, look: Look, row: &SettingRow, width: f32) -> f32 {
    Words::of(painter, look, row, width).height()
}

pub fn row_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    row: &SettingRow,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) {
    let words = Words::of(ui.painter(), look, row, rect.width());
    let line = rect.with_max_y(rect.top() + words.line_height());
    let inner = line.shrink2(vec2(CARD_PADDING, 0.0));
    let taken = control_width(ui.painter(), inner.width(), row);
    control_ui(ui, look, inner, row, state, asks);
    let room = inner.with_max_x(inner.right() - taken - GAP);
    words_ui(ui, look, room, row, words.text);
    if let Some((refused, galley)) = row.refused.as_ref().zip(words.refused) {
        let below = Rect::from_min_max(pos2(inner.left(), line.bottom() - 4.0), rect.max);
        let response = ui.interact(below, Id::unique((row.title, "refused")), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Alert, true, refused));
        text::place(ui.painter(), galley, below.min, Align2::LEFT_TOP);
    }
}

fn words_ui(ui: &Ui, look: Look, room: Rect, row: &SettingRow, lines: Option<Arc<Galley>>) {
    let spoken = match &row.text {
        Some(text) => format!("{}. {text}", row.title),
        None => row.title.to_owned(),
    };
    let response = ui.interact(room, Id::unique((row.title, "words")), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
    let (left, middle, width) = (room.left(), room.center().y, room.width());
    let title_at = match &lines {
        Some(_) => room.top() + HIGH / 2.0 - 9.0,
        None => middle,
    };
    let painter = ui.painter();
    text::put(
        painter,
        pos2(left, title_at),
        Align2::LEFT_CENTER,
        row.title,
        Role::Body,
        look.text,
        width,
    );
    if let Some(lines) = lines {
        let at = pos2(left, room.top() + HIGH / 2.0 + 9.0 - LINE / 2.0);
        text::place(painter, lines, at, Align2::LEFT_TOP);
    }
}

/// How much of the width the control takes.
fn control_width(painter: &Painter, inner: f32, row: &SettingRow) -> f32 {
    match &row.control {
        Control::Switch { .. } => TOGGLE,
        Control::Segment(choices) => {
            let words = choices.options.iter().map(|(word, _)| word.as_str());
            widgets::segment_width(painter, &words.collect::<Vec<_>>())
        }
        Control::Select(choices) => controls::select_width(painter, choices),
        Control::Field(_) => (inner * 0.5).min(260.0),
        Control::Button { label, .. } => widgets::button_width(painter, label),
        Control::Text(words) => {
            fixed_line(painter, words, Role::Body, Color32::WHITE, inner)
                .size()
                .x
        }
        Control::Code(words) => {
            fixed_line(painter, words, Role::Mono, Color32::WHITE, inner)
                .size()
                .x
        }
    }
}

fn fixed_line(painter: &Painter, words: &str, role: Role, ink: Color32, inner: f32) -> Arc<Galley> {
    text::line(painter, words, role, ink, inner * 0.5)
}

/// Draws it at the right.
fn control_ui(
    ui: &mut Ui,
    look: Look,
    inner: Rect,
    row: &SettingRow,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) {
    let id = Id::unique((row.title, "control"));
    let width = control_width(ui.painter(), inner.width(), row);
    let rect = Rect::from_min_size(
        pos2(inner.right() - width, inner.center().y - CONTROL / 2.0),
        vec2(width, CONTROL),
    );
    match &row.control {
        Control::Switch { is_on, on, off } => {
            let centre = pos2(inner.right() - 18.0, inner.center().y);
            if widgets::toggle_ui(ui, look, centre, id, *is_on, row.title).clicked() {
                act_on(if *is_on { off } else { on }, state, asks);
            }
        }
        Control::Segment(choices) => {
            let words: Vec<_> = choices
                .options
                .iter()
                .map(|(word, _)| word.as_str())
                .collect();
            // A value that is none of them leaves all of them unchosen.
            let chosen = choices.chosen.unwrap_or(words.len());
            let parts = (&words[..], chosen);
            let spoken_as = accesskit::Role::RadioButton;
            if let Some(choice) = widgets::segment_ui(ui, look, rect, id, parts, spoken_as)
                && let Some((_, act)) = choices.options.get(choice)
            {
                act_on(act, state, asks);
            }
        }
        Control::Select(choices) => {
            if let Some(act) = controls::select_ui(ui, look, rect, id, row.title, choices) {
                act_on(act, state, asks);
            }
        }
        Control::Field(field) => {
            controls::field_ui(ui, look, rect, (id, row.title), field, state, asks);
        }
        Control::Button { label, act } => {
            let words = Label {
                icon: None,
                text: label,
                spoken: &format!("{}: {label}", row.title),
            };
            if widgets::button_ui(ui, look, rect, id, words, ButtonKind::Plain).clicked() {
                act_on(act, state, asks);
            }
        }
        Control::Text(words) | Control::Code(words) => {
            let role = match row.control {
                Control::Code(_) => Role::Mono,
                _ => Role::Body,
            };
            let line = fixed_line(ui.painter(), words, role, look.text_2, inner.width());
            let response = ui.interact(rect, id, Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
            let is_cut = line.elided;
            let at = rect.right_center();
            text::place(ui.painter(), line, at, Align2::RIGHT_CENTER);
            if is_cut {
                response.on_hover_text(words.as_str());
            }
        }
    }
}

fn act_on(act: &Act, state: &mut SettingsState, asks: &mut Vec<Ask>) {
    if let Act::Change(changes) = act
        && changes.iter().any(|it| it.setting == Setting::Proxy)
    {
        state.is_custom_proxy = false;
    }
    asks.push(match act {
        Act::Change(changes) => Ask::Command(Command::Set(changes.clone())),
        Act::HideEmails(hides) => Ask::Command(Command::HideEmails(*hides)),
        Act::Zoom(percent) => Ask::Zoom(*percent),
        Act::Close(closing) => Ask::CloseBy(*closing),
        Act::CustomProxy => {
            state.is_custom_proxy = true;
            return;
        }
        Act::OpenKeys => Ask::Turn(Tab::Keys),
        Act::OpenConnect => Ask::OpenConnect,
        Act::OpenKeyring => Ask::OpenKeyring,
        Act::OpenExport(names) => Ask::OpenExport(names.clone()),
        Act::OpenImport => Ask::OpenAdd(AddTab::Import),
        Act::Copy(text) => Ask::CopyBaseUrl((*text).to_owned()),
    });
}
