//! Controls drawn by number, one noun a file.
//!
//! A control gets its rectangle, registers its hit area with a spoken name, and paints itself. It decides nothing.

use egui::{
    CornerRadius, Id, Painter, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, accesskit,
};

use super::theme::Look;

mod back;
mod button;
mod chip;
mod choice;
mod field;
mod mark;
mod menu;
mod mono_field;
mod segment;
mod select;
mod sheet;
mod slider;
mod spinner;
mod toggle;
mod usage_bar;
mod warn_box;

pub use back::back_ui;
pub use button::{
    BUTTON_HEIGHT, ButtonKind, ICON_BUTTON, Label, TALL_BUTTON_HEIGHT, button_ui, button_width,
    framed_icon_button_ui, icon_button_ui, label_width, paint_button, paint_icon_button,
};
pub use chip::name_and_chip;
pub use choice::{Tick, checkbox_ui, paint_box, paint_radio, radio_card_ui};
pub use field::{Tail, field_ui, secret_field_ui};
pub use mark::{in_use_mark, mark};
pub use menu::{danger_item_ui, menu_divider_ui, menu_frame, menu_item_ui, open_menu_by_key};
pub use mono_field::mono_field_ui;
pub use segment::{segment_ui, segment_width};
pub use select::{select_ui, select_width};
pub use sheet::{card, card_shape, divider, skeleton};
pub use slider::{Slid, slider_in_list_ui, slider_ui};
pub use spinner::{arc, spinner};
pub use toggle::{paint_toggle, toggle_in_list_ui, toggle_ui};
pub use usage_bar::usage_bar;
pub use warn_box::warn_box_ui;

/// Two points around what has the focus, one point away from it.
pub fn focus_ring(painter: &Painter, look: Look, rect: Rect, radius: u8, response: &Response) {
    if look.shows_focus && response.has_focus() {
        painter.rect_stroke(
            rect.expand(1.0),
            CornerRadius::same(radius + 1),
            Stroke::new(2.0, look.accent),
            StrokeKind::Outside,
        );
    }
}

/// Registers a hit area with a name.
pub fn hit(ui: &Ui, rect: Rect, id: Id, spoken: &str) -> Response {
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Button, true, spoken));
    response
}

/// 0 at rest, 1 under the pointer, on the way between in 120 ms.
fn warmth(response: &Response) -> f32 {
    response
        .ctx
        .animate_bool(response.id.with("warmth"), response.hovered())
}
