//! What can be done with the account besides switching to it. What destroys stands apart.

use egui::{Id, Rect, Ui, pos2, vec2};

use super::{PADDING, inner};
use crate::window::ask::{Ask, Opening};
use crate::window::fonts::icon;
use crate::window::rows::Detail;
use crate::window::theme::Look;
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};

const TOP: f32 = 14.0;
const BOTTOM: f32 = 16.0;
const GAP: f32 = 8.0;

pub fn foot_ui(ui: &mut Ui, look: Look, detail: &Detail, asks: &mut Vec<Ask>) {
    let name = &detail.name;
    let sign_in = detail.can_sign_in.then(|| {
        let label = Label::with_icon(icon::LOG_IN, "Sign in again");
        (label, Ask::SignIn(name.clone()))
    });
    let buttons: Vec<_> = sign_in
        .into_iter()
        .chain([
            (
                Label::plain("Rename"),
                Ask::Open(Opening::Rename(name.clone())),
            ),
            (Label::plain("Export…"), Ask::OpenExport(vec![name.clone()])),
        ])
        .collect();
    let delete = Label::plain("Delete…");
    let width = |label| widgets::label_width(ui.painter(), label);
    let room = ui.available_width() - 2.0 * PADDING;
    let widths: Vec<f32> = buttons.iter().map(|(label, _)| width(*label)).collect();
    let delete_width = width(delete);
    let all: f32 = widths.iter().map(|width| width + GAP).sum();
    let is_one_line = all + delete_width <= room;
    let lines = if is_one_line { 1.0 } else { 2.0 };
    let height = TOP + lines * BUTTON_HEIGHT + (lines - 1.0) * GAP + BOTTOM;
    let rect = inner(ui, height);
    let mut left = rect.left();
    let top = rect.top() + TOP;
    for ((label, ask), width) in buttons.into_iter().zip(widths) {
        let button = Rect::from_min_size(pos2(left, top), vec2(width, BUTTON_HEIGHT));
        left = button.right() + GAP;
        let id = Id::unique(("detail foot", label.text));
        if widgets::button_ui(ui, look, button, id, label, ButtonKind::Plain).clicked() {
            asks.push(ask);
        }
    }
    let bottom = rect.bottom() - BOTTOM - BUTTON_HEIGHT;
    let button = Rect::from_min_size(
        pos2(rect.right() - delete_width, bottom),
        vec2(delete_width, BUTTON_HEIGHT),
    );
    let id = Id::unique("detail delete");
    if widgets::button_ui(ui, look, button, id, delete, ButtonKind::DangerPlain).clicked() {
        asks.push(Ask::Open(Opening::Delete(vec![name.clone()])));
    }
}
