//! The switch between on and off.

use egui::{
    CornerRadius, CursorIcon, Id, Painter, Pos2, Rect, Response, Sense, Ui, WidgetInfo, accesskit,
    pos2, vec2,
};

use super::focus_ring;
use crate::window::theme::Look;

/// 36 by 20 around `centre`; the hit area is larger.
pub fn toggle_ui(ui: &Ui, look: Look, centre: Pos2, id: Id, is_on: bool, spoken: &str) -> Response {
    toggle_in_list_ui(ui, look, centre, id, is_on, spoken, true)
}

/// The same in a row of a list, of which the Tab key reaches only one.
pub fn toggle_in_list_ui(
    ui: &Ui,
    look: Look,
    centre: Pos2,
    id: Id,
    is_on: bool,
    spoken: &str,
    is_stop: bool,
) -> Response {
    let sense = if is_stop {
        Sense::click()
    } else {
        Sense::CLICK
    };
    let response = ui
        .interact(Rect::from_center_size(centre, vec2(44.0, 32.0)), id, sense)
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| WidgetInfo::selected(accesskit::Role::Switch, true, is_on, spoken));
    let how = ui.ctx().animate_bool(id, is_on);
    let rect = paint_toggle(ui.painter(), look, centre, how);
    focus_ring(ui.painter(), look, rect, 10, &response);
    response
}

/// Off at 0, on at 1. Returns what it covers.
pub fn paint_toggle(painter: &Painter, look: Look, centre: Pos2, how: f32) -> Rect {
    let rect = Rect::from_center_size(centre, vec2(36.0, 20.0));
    painter.rect_filled(
        rect,
        CornerRadius::same(10),
        look.off.lerp_to_gamma(look.accent_fill, how),
    );
    let knob = pos2(
        egui::lerp(rect.left() + 10.0..=rect.right() - 10.0, how),
        centre.y,
    );
    painter.circle_filled(knob, 8.0, look.on_fill);
    rect
}
