//! What is done to several accounts at once: a bar at the foot of the list, as long as rows are chosen.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::ask::{Ask, Opening};
use super::fonts::icon;
use super::list::ListState;
use super::rows::Page;
use super::text::{self, Role};
use super::theme::{GUTTER, Look};
use super::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};
use crate::desk::{Command, Edit, Term};
use crate::profile::ProfileName;

pub const HEIGHT: f32 = 84.0;

pub fn bulk_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    page: &Page,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, look.surface);
    widgets::divider(painter, look, rect.left(), rect.right(), rect.top());
    let names: Vec<ProfileName> = state.chosen.iter().cloned().collect();
    let count = format!("{} selected", names.len());
    let (left, right) = (rect.left() + GUTTER, rect.right() - GUTTER);
    let y = rect.top() + 22.0;
    let words = text::put(
        painter,
        pos2(left + 4.0, y),
        Align2::LEFT_CENTER,
        &count,
        Role::BodyM,
        look.text,
        120.0,
    );
    let response = ui.interact(words, Id::unique("count of chosen"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Status, true, &count));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_live(accesskit::Live::Polite);
    });

    let close = pos2(right - widgets::ICON_BUTTON / 2.0, y);
    let id = Id::unique("choose none");
    let cross = widgets::icon_button_ui(ui, look, close, id, icon::CROSS, "Select none", "");
    if cross.clicked() {
        state.chosen.clear();
    }
    pool_ui(ui, look, pos2(close.x - 22.0, y), page, &names, asks);

    let mut at = left;
    let top = rect.top() + 44.0;
    let all = |opening: fn(Vec<ProfileName>) -> Opening| Ask::Open(opening(names.clone()));
    for (words, kind, ask) in [
        ("Tag…", ButtonKind::Plain, all(Opening::Tag)),
        ("Group…", ButtonKind::Plain, all(Opening::Group)),
        ("Export…", ButtonKind::Plain, Ask::OpenExport(names.clone())),
        ("Delete…", ButtonKind::DangerPlain, all(Opening::Delete)),
    ] {
        let width = widgets::button_width(ui.painter(), words);
        // What destroys stands apart, at the right.
        let x = if kind == ButtonKind::DangerPlain {
            right - width
        } else {
            at
        };
        let button = Rect::from_min_size(pos2(x, top), vec2(width, BUTTON_HEIGHT));
        at = button.right() + 8.0;
        let spoken = format!("{words} {count}");
        let label = Label {
            icon: None,
            text: words,
            spoken: &spoken,
        };
        let id = Id::unique(("bulk", words));
        if widgets::button_ui(ui, look, button, id, label, kind).clicked() {
            asks.push(ask);
        }
    }
}

/// On, off, or neither where they differ.
fn pool_ui(
    ui: &Ui,
    look: Look,
    right: egui::Pos2,
    page: &Page,
    names: &[ProfileName],
    asks: &mut Vec<Ask>,
) {
    let used = names
        .iter()
        .filter_map(|name| page.row(name))
        .filter(|row| row.is_in_pool)
        .count();
    let words = ["On", "Off"];
    let chosen = match used {
        0 => 1,
        used if used == names.len() => 0,
        _ => words.len(),
    };
    let width = widgets::segment_width(ui.painter(), &words);
    let segment = Rect::from_min_size(
        pos2(right.x - width, right.y - BUTTON_HEIGHT / 2.0),
        vec2(width, BUTTON_HEIGHT),
    );
    text::put(
        ui.painter(),
        pos2(segment.left() - 8.0, right.y),
        Align2::RIGHT_CENTER,
        "Use in router",
        Role::Caption,
        look.text_2,
        110.0,
    );
    let id = Id::unique("bulk pool");
    let role = accesskit::Role::RadioButton;
    let choice = widgets::segment_ui(ui, look, segment, id, (&words, chosen), role);
    if let Some(index) = choice {
        let word = if index == 0 { "yes" } else { "no" };
        asks.push(Ask::Command(Command::Edit {
            names: names.to_vec(),
            edit: Edit::Term(Term::Enabled, Some(word.into())),
        }));
    }
}
