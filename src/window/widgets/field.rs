//! A field for one line of text.

use egui::{Align2, CornerRadius, Id, Rect, Response, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look};

/// A one-line field with an icon or without. `spoken` is its name.
pub fn field_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    id: Id,
    text: &mut String,
    (glyph, hint, spoken): (Option<&str>, &str, &str),
    has_error: bool,
) -> Response {
    let is_focused = ui.memory(|memory| memory.has_focus(id));
    let edge = match (has_error, is_focused) {
        (true, _) => look.bad_fill,
        (false, true) => look.accent,
        (false, false) => look.border,
    };
    let width = if is_focused { 2.0 } else { HAIRLINE };
    ui.painter().rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        look.surface,
        Stroke::new(width, edge),
        StrokeKind::Inside,
    );
    let mut inner = rect.shrink2(vec2(10.0, 0.0));
    if let Some(glyph) = glyph {
        text::icon(
            ui.painter(),
            pos2(rect.left() + 17.0, rect.center().y),
            glyph,
            14,
            look.text_2,
        );
        inner.min.x = rect.left() + 32.0;
    }
    let edit = egui::TextEdit::singleline(text)
        .id(id)
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::ZERO)
        .font(Role::Body.font())
        .text_color(look.text)
        .hint_text(
            egui::RichText::new(hint)
                .font(Role::Body.font())
                .color(look.text_3),
        )
        .align(Align2::LEFT_CENTER)
        .min_size(inner.size())
        .desired_width(inner.width());
    let response = ui.put(inner, edit);
    response.accessible_name(spoken)
}
