//! A text that is to be copied, not typed: a link, a key, a path.

use egui::{Align2, CornerRadius, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2};

use super::icon_button_ui;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, Look};

/// From one button's middle to the next.
const PITCH: f32 = 30.0;

/// The text on one shortened line, and icon buttons at its right: icon and spoken name each. Returns the button that was pressed.
pub fn mono_field_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    (shown, spoken): (&str, &str),
    buttons: &[(&str, &str)],
) -> Option<usize> {
    let radius = CornerRadius::same(CONTROL_RADIUS);
    ui.painter().rect_filled(rect, radius, look.sunken);
    let right = rect.right() - 4.0 - PITCH * buttons.len() as f32;
    let words = rect.with_max_x(right);
    let response = ui.interact(words, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, spoken));
    text::put(
        ui.painter(),
        pos2(rect.left() + 10.0, rect.center().y),
        Align2::LEFT_CENTER,
        shown,
        Role::Mono,
        look.text_2,
        words.width() - 14.0,
    );
    let mut pressed = None;
    for (index, (glyph, name)) in buttons.iter().enumerate() {
        let x = right + PITCH * (index as f32 + 0.5);
        let centre = pos2(x, rect.center().y);
        if icon_button_ui(ui, look, centre, id.with(index), glyph, name, "").clicked() {
            pressed = Some(index);
        }
    }
    pressed
}
