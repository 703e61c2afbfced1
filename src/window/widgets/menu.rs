//! Menus: the sheet and its lines.

use egui::{
    Align2, Context, CornerRadius, Id, Popup, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2, vec2,
};

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
    item_ui(ui, look, glyph, (label, shortcut), false)
}

/// A line that destroys something: the last of its menu.
pub fn danger_item_ui(ui: &mut Ui, look: Look, glyph: &str, label: &str, shortcut: &str) -> bool {
    item_ui(ui, look, Some(glyph), (label, shortcut), true)
}

/// Between two groups of lines.
pub fn menu_divider_ui(ui: &mut Ui, look: Look) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 9.0), Sense::hover());
    let line = rect.shrink2(vec2(8.0, 4.0));
    ui.painter().rect_filled(line, 0.0, look.hairline);
}

fn item_ui(
    ui: &mut Ui,
    look: Look,
    glyph: Option<&str>,
    (label, shortcut): (&str, &str),
    is_danger: bool,
) -> bool {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), MENU_ITEM_HEIGHT), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::MenuItem, true, label));
    if ui.data_mut(|data| data.remove_temp::<bool>(by_key()).is_some()) {
        response.request_focus();
    }
    let is_lit = response.hovered() || response.has_focus();
    let fill = if is_danger {
        look.danger
    } else {
        look.accent_fill
    };
    let (ink, quiet, side) = match (is_lit, is_danger) {
        (true, _) => (look.on_fill, look.on_fill, look.on_fill),
        (false, true) => (look.bad, look.text_3, look.bad),
        (false, false) => (look.text, look.text_3, look.text_2),
    };
    let painter = ui.painter();
    if is_lit {
        painter.rect_filled(rect, CornerRadius::same(CONTROL_RADIUS), fill);
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

/// Opens a menu so that its first line has the focus.
pub fn open_menu_by_key(ctx: &Context, menu: Id) {
    Popup::open_id(ctx, menu);
    ctx.data_mut(|data| data.insert_temp(by_key(), true));
}

fn by_key() -> Id {
    Id::unique("menu opened by key")
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
