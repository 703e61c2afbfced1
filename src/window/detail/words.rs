//! The user's own words about an account: group, tags, note. All of them are changed where they stand.

use egui::{
    Align2, CornerRadius, CursorIcon, Id, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    accesskit, pos2, vec2,
};

use super::{Columns, DetailState, inner};
use crate::desk::{Command, Edit};
use crate::window::ask::{Ask, Opening};
use crate::window::fonts::icon;
use crate::window::menus;
use crate::window::rows::Detail;
use crate::window::text::{self, Role};
use crate::window::theme::{CHIP_RADIUS, CONTROL_RADIUS, HAIRLINE, Look};
use crate::window::widgets;

const HEIGHT: f32 = 38.0;
const CHIP_HEIGHT: f32 = 20.0;
const FIELD_WIDTH: f32 = 112.0;

pub fn words_ui(
    ui: &mut Ui,
    look: Look,
    detail: &Detail,
    is_double: bool,
    state: &mut DetailState,
    asks: &mut Vec<Ask>,
) {
    if !is_double {
        let rect = inner(ui, HEIGHT);
        group_ui(ui, look, rect.left_center(), detail, asks);
        let rect = inner(ui, 30.0);
        let left = super::label(ui, look, rect.left_center(), "Tags").right() + 10.0;
        let height = tags_ui(ui, look, rect.with_min_x(left), detail, state, asks);
        ui.add_space(height);
        let rect = inner(ui, HEIGHT);
        note_ui(ui, look, rect, detail, state, asks);
        return;
    }
    let columns = Columns::of(inner(ui, HEIGHT), true);
    let left = group_ui(ui, look, columns.left.left_center(), detail, asks) + 20.0;
    let label = super::label(ui, look, pos2(left, columns.left.center().y), "Tags");
    let area = columns.left.with_min_x(label.right() + 10.0);
    let height = tags_ui(ui, look, area, detail, state, asks);
    if let Some(right) = columns.right {
        note_ui(ui, look, right, detail, state, asks);
    }
    ui.add_space(height);
}

/// Returns where it ends.
fn group_ui(ui: &Ui, look: Look, at: Pos2, detail: &Detail, asks: &mut Vec<Ask>) -> f32 {
    let label = super::label(ui, look, at, "Group");
    let shown = detail.group.as_deref().unwrap_or("None");
    let ink = if detail.group.is_some() {
        look.text
    } else {
        look.text_3
    };
    let words = text::line(ui.painter(), shown, Role::Caption, ink, 90.0);
    let left = label.right() + 6.0;
    let rect = Rect::from_min_size(pos2(left, at.y - 12.0), vec2(words.size().x + 28.0, 24.0));
    let spoken = format!("Group: {}", detail.group.as_deref().unwrap_or("none"));
    let response = widgets::hit(ui, rect, Id::unique("detail group"), &spoken);
    if response.hovered() {
        let radius = CornerRadius::same(CONTROL_RADIUS);
        ui.painter().rect_filled(rect, radius, look.sunken);
    }
    text::place(
        ui.painter(),
        words,
        pos2(left + 4.0, at.y),
        Align2::LEFT_CENTER,
    );
    let chevron = pos2(rect.right() - 10.0, at.y + 0.5);
    text::icon(ui.painter(), chevron, icon::CHEVRON_DOWN, 13, look.text_2);
    widgets::focus_ring(ui.painter(), look, rect, CONTROL_RADIUS, &response);
    menus::group_menu_ui(look, detail, &response, asks);
    rect.right()
}

/// Chips, each with its way out, and a way to one more. Returns how much lower than one line they reach.
fn tags_ui(
    ui: &mut Ui,
    look: Look,
    area: Rect,
    detail: &Detail,
    state: &mut DetailState,
    asks: &mut Vec<Ask>,
) -> f32 {
    let edit = |edit| {
        Ask::Command(Command::Edit {
            names: vec![detail.name.clone()],
            edit,
        })
    };
    let middle = area.center().y;
    let mut at = pos2(area.left(), middle);
    // A chip that does not fit begins a line of its own.
    let take = |at: &mut Pos2, width: f32| {
        if at.x > area.left() && at.x + width > area.right() {
            *at = pos2(area.left(), at.y + CHIP_HEIGHT + 4.0);
        }
        let rect = Rect::from_min_size(
            pos2(at.x, at.y - CHIP_HEIGHT / 2.0),
            vec2(width, CHIP_HEIGHT),
        );
        at.x = rect.right() + 6.0;
        rect
    };
    for tag in &detail.tags {
        let words = text::line(
            ui.painter(),
            &tag.shown,
            Role::Micro,
            look.accent,
            area.width() - 12.0,
        );
        let rect = take(&mut at, (words.size().x + 12.0).ceil());
        let id = Id::unique(("tag", &tag.name));
        let spoken = format!("Remove tag {}", tag.shown);
        let response = widgets::hit(ui, rect, id, &spoken).on_hover_text("Click to remove");
        let painter = ui.painter();
        painter.rect_filled(rect, CornerRadius::same(CHIP_RADIUS), look.accent_soft);
        if response.hovered() || (look.shows_focus && response.has_focus()) {
            text::icon(painter, rect.center(), icon::CROSS, 12, look.accent);
        } else {
            text::place(painter, words, rect.center(), Align2::CENTER_CENTER);
        }
        widgets::focus_ring(painter, look, rect, CHIP_RADIUS, &response);
        if response.clicked() {
            asks.push(edit(Edit::RemoveTag(tag.name.clone())));
        }
    }
    if let Some(text) = &mut state.tag {
        let rect = take(&mut at, FIELD_WIDTH.min(area.width())).expand2(vec2(0.0, 3.0));
        let id = Id::unique("new tag");
        if inline_field(ui, look, rect, id, text, "New tag", state.is_field_new) {
            let tag = text.trim().to_owned();
            if !tag.is_empty() {
                asks.push(edit(Edit::AddTag(tag)));
            }
            state.tag = None;
        }
        state.is_field_new = false;
    } else {
        let rect = take(&mut at, CHIP_HEIGHT);
        let response = widgets::hit(ui, rect.expand(4.0), Id::unique("add tag"), "Add tag");
        let painter = ui.painter();
        painter.rect(
            rect,
            CornerRadius::same(CHIP_RADIUS),
            if response.hovered() {
                look.sunken
            } else {
                look.surface
            },
            Stroke::new(HAIRLINE, look.border),
            StrokeKind::Inside,
        );
        text::icon(painter, rect.center(), icon::PLUS, 12, look.text_2);
        widgets::focus_ring(painter, look, rect, CHIP_RADIUS, &response);
        if response.clicked() {
            state.tag = Some(String::new());
            state.is_field_new = true;
        }
    }
    at.y - middle
}

fn note_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    detail: &Detail,
    state: &mut DetailState,
    asks: &mut Vec<Ask>,
) {
    let middle = rect.center().y;
    let label = super::label(ui, look, pos2(rect.left(), middle), "Note");
    let area = Rect::from_min_max(
        pos2(label.right() + 6.0, middle - 13.0),
        pos2(rect.right(), middle + 13.0),
    );
    if let Some(text) = &mut state.note {
        let id = Id::unique("note");
        if inline_field(ui, look, area, id, text, "Note", state.is_field_new) {
            let note = text.trim().to_owned();
            if note != detail.own_note {
                asks.push(Ask::Command(Command::Edit {
                    names: vec![detail.name.clone()],
                    edit: Edit::Note((!note.is_empty()).then_some(note)),
                }));
            }
            state.note = None;
        }
        state.is_field_new = false;
        return;
    }
    let (shown, ink) = match &detail.note {
        Some(note) => (note.as_str(), look.text),
        None => ("Add a note", look.text_3),
    };
    let response = ui
        .interact(area, Id::unique("edit note"), Sense::click())
        .on_hover_cursor(CursorIcon::Text);
    response.widget_info(|| {
        let spoken = match &detail.note {
            Some(note) => format!("Edit note: {note}"),
            None => "Add a note".to_owned(),
        };
        WidgetInfo::labeled(accesskit::Role::Button, true, spoken)
    });
    if response.hovered() {
        let radius = CornerRadius::same(CONTROL_RADIUS);
        ui.painter().rect_filled(area, radius, look.sunken);
    }
    let one_line = shown.replace('\n', " ");
    let words = text::put(
        ui.painter(),
        pos2(area.left() + 6.0, middle),
        Align2::LEFT_CENTER,
        &one_line,
        Role::Caption,
        ink,
        area.width() - 12.0,
    );
    widgets::focus_ring(ui.painter(), look, area, CONTROL_RADIUS, &response);
    if response.clicked() {
        // A field of one line would lose the others.
        if detail.own_note.contains('\n') {
            asks.push(Ask::Open(Opening::Words(detail.name.clone())));
        } else {
            state.note = Some(detail.own_note.clone());
            state.is_field_new = true;
        }
    }
    if words.width() > area.width() - 16.0 || shown.contains('\n') {
        response.on_hover_text(shown);
    }
}

/// A field in the place of a word. Returns whether what stands there is meant: by Enter, or by going on to something else.
/// Escape puts the field away before it is drawn.
fn inline_field(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    id: Id,
    text: &mut String,
    name: &str,
    is_new: bool,
) -> bool {
    let response = widgets::field_ui(ui, look, rect, id, text, (None, name, name), false);
    if is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
        return false;
    }
    response.lost_focus()
}
