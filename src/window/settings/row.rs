//! One row: its words at the left, its control at the right, and below both why a change was refused.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

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
const REFUSAL: f32 = 22.0;
const CONTROL: f32 = 28.0;

pub fn height(row: &SettingRow) -> f32 {
    let words = if row.text.is_some() { HIGH } else { LOW };
    words + row.refused.as_ref().map_or(0.0, |_| REFUSAL)
}

pub fn row_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    row: &SettingRow,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) {
    let words = if row.text.is_some() { HIGH } else { LOW };
    let line = rect.with_max_y(rect.top() + words);
    let inner = line.shrink2(vec2(CARD_PADDING, 0.0));
    let taken = control_ui(ui, look, inner, row, state, asks);
    words_ui(
        ui,
        look,
        inner.with_max_x(inner.right() - taken - 12.0),
        row,
    );
    if let Some(refused) = &row.refused {
        let below = Rect::from_min_max(pos2(inner.left(), line.bottom() - 4.0), rect.max);
        let response = ui.interact(below, Id::unique((row.title, "refused")), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Alert, true, refused));
        text::put(
            ui.painter(),
            below.left_top() + vec2(0.0, 9.0),
            Align2::LEFT_CENTER,
            refused,
            Role::Caption,
            look.bad,
            inner.width(),
        );
        response.on_hover_text(refused.as_str());
    }
}

fn words_ui(ui: &Ui, look: Look, room: Rect, row: &SettingRow) {
    let spoken = match &row.text {
        Some(text) => format!("{}. {text}", row.title),
        None => row.title.to_owned(),
    };
    let response = ui.interact(room, Id::unique((row.title, "words")), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
    let (left, middle, width) = (room.left(), room.center().y, room.width());
    let title_at = if row.text.is_some() {
        middle - 9.0
    } else {
        middle
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
    if let Some(words) = &row.text {
        text::put(
            painter,
            pos2(left, middle + 9.0),
            Align2::LEFT_CENTER,
            words,
            Role::Caption,
            look.text_3,
            width,
        );
        response.on_hover_text(words.as_str());
    }
}

/// Draws it at the right and tells how much of the width it took.
fn control_ui(
    ui: &mut Ui,
    look: Look,
    inner: Rect,
    row: &SettingRow,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) -> f32 {
    let id = Id::unique((row.title, "control"));
    let at_right = |width: f32| {
        Rect::from_min_size(
            pos2(inner.right() - width, inner.center().y - CONTROL / 2.0),
            vec2(width, CONTROL),
        )
    };
    match &row.control {
        Control::Switch { is_on, on, off } => {
            let centre = pos2(inner.right() - 18.0, inner.center().y);
            if widgets::toggle_ui(ui, look, centre, id, *is_on, row.title).clicked() {
                act_on(if *is_on { off } else { on }, state, asks);
            }
            36.0
        }
        Control::Segment(choices) => {
            let words: Vec<_> = choices
                .options
                .iter()
                .map(|(word, _)| word.as_str())
                .collect();
            let rect = at_right(widgets::segment_width(ui.painter(), &words));
            // A value that is none of them leaves all of them unchosen.
            let chosen = choices.chosen.unwrap_or(words.len());
            let parts = (&words[..], chosen);
            let spoken_as = accesskit::Role::RadioButton;
            if let Some(choice) = widgets::segment_ui(ui, look, rect, id, parts, spoken_as)
                && let Some((_, act)) = choices.options.get(choice)
            {
                act_on(act, state, asks);
            }
            rect.width()
        }
        Control::Select(choices) => {
            let rect = at_right(controls::select_width(ui.painter(), choices));
            if let Some(act) = controls::select_ui(ui, look, rect, id, row.title, choices) {
                act_on(act, state, asks);
            }
            rect.width()
        }
        Control::Field(field) => {
            let rect = at_right((inner.width() * 0.5).min(260.0));
            controls::field_ui(ui, look, rect, (id, row.title), field, state, asks);
            rect.width()
        }
        Control::Button { label, act } => {
            let rect = at_right(widgets::button_width(ui.painter(), label));
            let words = Label {
                icon: None,
                text: label,
                spoken: &format!("{}: {label}", row.title),
            };
            if widgets::button_ui(ui, look, rect, id, words, ButtonKind::Plain).clicked() {
                act_on(act, state, asks);
            }
            rect.width()
        }
        Control::Text(words) => {
            let most = inner.width() * 0.5;
            let line = text::line(ui.painter(), words, Role::Mono, look.text_2, most);
            let width = line.size().x;
            let rect = at_right(width);
            let response = ui.interact(rect, id, Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
            text::place(
                ui.painter(),
                line,
                rect.right_center(),
                Align2::RIGHT_CENTER,
            );
            width
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
