//! The way back from what lies over a page.

use egui::{Align2, CornerRadius, Id, Rect, Response, Sense, Ui, pos2, vec2};

use super::{focus_ring, hit};
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, Look};

/// A line of its own, over the whole width.
pub fn back_ui(ui: &mut Ui, look: Look, words: &str, spoken: &str) -> Response {
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
    let words = text::line(ui.painter(), words, Role::BodyM, look.text_2, 200.0);
    let back = Rect::from_min_size(row.min, vec2(words.size().x + 34.0, 28.0));
    let response = hit(ui, back, Id::unique("back"), spoken);
    let painter = ui.painter();
    if response.hovered() {
        let radius = CornerRadius::same(CONTROL_RADIUS);
        painter.rect_filled(back, radius, look.sunken);
    }
    let middle = back.center().y;
    let at = pos2(back.left() + 11.0, middle);
    text::icon(painter, at, icon::CHEVRON_LEFT, 15, look.text_2);
    let at = pos2(back.left() + 22.0, middle);
    text::place(painter, words, at, Align2::LEFT_CENTER);
    focus_ring(painter, look, back, CONTROL_RADIUS, &response);
    response
}
