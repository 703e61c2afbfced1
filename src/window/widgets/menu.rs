//! Menus: the sheet and its lines.

use egui::{Align2, CornerRadius, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2, vec2};

use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look, MENU_RADIUS};

pub const MENU_ITEM_HEIGHT: f32 = 30.0;

/// One line of a menu. Returns whether it was chosen.
pub fn menu_item_ui(
    ui: &mut Ui,
    look: Look,
    glyph: Option<&str>,
    label: &str,
    shortcut: &str,
) -> bool {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), MENU_ITEM_HEIGHT), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::MenuItem, true, label));
    let is_lit = response.hovered() || response.has_focus();
    let (ink, quiet, side) = if is_lit {
        (look.on_fill, look.on_fill, look.on_fill)
    } else {
        (look.text, look.text_3, look.text_2)
    };
    let painter = ui.painter();
    if is_lit {
        painter.rect_filled(rect, CornerRadius::same(CONTROL_RADIUS), look.accent_fill);
    }
    if let Some(glyph) = glyph {
        text::icon(
            painter,
            pos2(rect.left() + 16.0, rect.center().y),
            glyph,
            15,
            side,
        );
    }
    let middle = rect.center().y;
    text::put(
        painter,
        pos2(rect.left() + 32.0, middle),
        Align2::LEFT_CENTER,
        label,
        Role::Body,
        ink,
        rect.width() - 40.0,
    );
    text::put(
        painter,
        pos2(rect.right() - 10.0, middle),
        Align2::RIGHT_CENTER,
        shortcut,
        Role::Caption,
        quiet,
        80.0,
    );
    if response.clicked() {
        ui.close();
    }
    response.clicked()
}

/// The sheet that a menu stands on.
pub fn menu_frame(look: Look) -> egui::Frame {
    egui::Frame::new()
        .fill(look.menu)
        .stroke(Stroke::new(HAIRLINE, look.hairline))
        .corner_radius(CornerRadius::same(MENU_RADIUS))
        .shadow(look.menu_shadow)
        .inner_margin(egui::Margin::same(4))
}
