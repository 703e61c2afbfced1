//! Controls drawn by number: buttons, icon buttons, toggle, chip, field, menu item, usage bar, status marks.
//!
//! A control gets its rectangle, registers its hit area with a spoken name, and paints itself. It decides nothing.

use egui::accesskit;
use egui::{
    Align2, Color32, CornerRadius, CursorIcon, Id, Painter, Pos2, Rect, Response, Sense, Shape,
    Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::fonts::icon;
use super::rows::{Fill, Mark};
use super::text::{self, Role};
use super::theme::{CARD_RADIUS, CHIP_RADIUS, CONTROL_RADIUS, HAIRLINE, Look};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    Primary,
    Plain,
}

/// A button's words: what is seen, what is heard, and the icon before it.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    pub text: &'a str,
    pub spoken: &'a str,
}

impl<'a> Label<'a> {
    /// Heard as it is seen.
    pub fn plain(text: &'a str) -> Self {
        Self { text, spoken: text }
    }
}

pub const BUTTON_HEIGHT: f32 = 28.0;
pub const TALL_BUTTON_HEIGHT: f32 = 32.0;
pub const ICON_BUTTON: f32 = 28.0;
const BUTTON_PADDING: f32 = 12.0;
const CHIP_HEIGHT: f32 = 18.0;
const CHIP_PADDING: f32 = 6.0;
pub const MENU_ITEM_HEIGHT: f32 = 30.0;

/// The key that shortcuts are made with, as it is called on this system.
const MOD: &str = if cfg!(target_os = "macos") {
    "Cmd"
} else {
    "Ctrl"
};

/// How wide a button with this text wants to be.
pub fn button_width(painter: &Painter, text: &str) -> f32 {
    let galley = text::line(painter, text, Role::BodyM, Color32::WHITE, f32::INFINITY);
    (galley.size().x + 2.0 * BUTTON_PADDING).ceil()
}

pub fn button_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    label: Label<'_>,
    kind: ButtonKind,
) -> Response {
    let response = hit(ui, rect, id, label.spoken);
    paint_button(ui.painter(), look, rect, &response, label.text, kind);
    response
}

pub fn paint_button(
    painter: &Painter,
    look: Look,
    rect: Rect,
    response: &Response,
    label: &str,
    kind: ButtonKind,
) {
    let warmth = warmth(response);
    let (fill, edge, ink) = match kind {
        ButtonKind::Primary => (
            look.accent_fill.blend(look.shade.gamma_multiply(warmth)),
            Stroke::NONE,
            look.on_fill,
        ),
        ButtonKind::Plain => (
            look.surface.lerp_to_gamma(look.sunken, warmth),
            Stroke::new(HAIRLINE, look.border),
            look.text,
        ),
    };
    painter.rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        fill,
        edge,
        StrokeKind::Inside,
    );
    text::put(
        painter,
        rect.center(),
        Align2::CENTER_CENTER,
        label,
        Role::BodyM,
        ink,
        rect.width() - 8.0,
    );
    focus_ring(painter, look, rect, CONTROL_RADIUS, response);
}

/// 28 by 28 around `centre`, with a tooltip that is also its name. `shortcut` is pressed together with [`MOD`].
pub fn icon_button_ui(
    ui: &Ui,
    look: Look,
    centre: Pos2,
    id: Id,
    glyph: &str,
    spoken: &str,
    shortcut: &str,
) -> Response {
    let rect = Rect::from_center_size(centre, Vec2::splat(ICON_BUTTON));
    let response = hit(ui, rect, id, spoken);
    paint_icon_button(ui.painter(), look, rect, &response, glyph);
    let tip = if shortcut.is_empty() {
        spoken.to_owned()
    } else {
        format!("{spoken}  {MOD}+{shortcut}")
    };
    response.on_hover_text(tip)
}

pub fn paint_icon_button(
    painter: &Painter,
    look: Look,
    rect: Rect,
    response: &Response,
    glyph: &str,
) {
    let warmth = warmth(response);
    painter.rect_filled(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        look.sunken.gamma_multiply(warmth),
    );
    text::icon(painter, rect.center(), glyph, 16, look.text_2);
    focus_ring(painter, look, rect, CONTROL_RADIUS, response);
}

/// 36 by 20 around `centre`; the hit area is larger.
pub fn toggle_ui(ui: &Ui, look: Look, centre: Pos2, id: Id, is_on: bool, spoken: &str) -> Response {
    let response = ui
        .interact(
            Rect::from_center_size(centre, vec2(44.0, 32.0)),
            id,
            Sense::click(),
        )
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| WidgetInfo::selected(accesskit::Role::Switch, true, is_on, spoken));
    let rect = Rect::from_center_size(centre, vec2(36.0, 20.0));
    let how = ui.ctx().animate_bool(id, is_on);
    let painter = ui.painter();
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
    focus_ring(painter, look, rect, 10, &response);
    response
}

/// Returns its width. `at` is the middle of its left edge.
pub fn chip(painter: &Painter, look: Look, at: Pos2, label: &str) -> f32 {
    let galley = text::line(painter, label, Role::Micro, look.text_2, f32::INFINITY);
    let width = (galley.size().x + 2.0 * CHIP_PADDING).ceil();
    let rect = Rect::from_min_size(
        pos2(at.x, at.y - CHIP_HEIGHT / 2.0),
        vec2(width, CHIP_HEIGHT),
    );
    painter.rect_filled(rect, CornerRadius::same(CHIP_RADIUS), look.sunken);
    text::place(painter, galley, rect.center(), Align2::CENTER_CENTER);
    width
}

pub fn chip_width(painter: &Painter, label: &str) -> f32 {
    let galley = text::line(painter, label, Role::Micro, Color32::WHITE, f32::INFINITY);
    (galley.size().x + 2.0 * CHIP_PADDING).ceil()
}

/// A name and, if there is room, its plan. The name wins: the chip goes before a letter does.
pub fn name_and_chip(
    painter: &Painter,
    look: Look,
    at: Pos2,
    (name, role, color): (&str, Role, Color32),
    plan: Option<&str>,
    max_width: f32,
) {
    let gap = if role == Role::Title { 8.0 } else { 6.0 };
    let whole = text::line(painter, name, role, color, f32::INFINITY)
        .size()
        .x;
    let plan = plan.filter(|plan| whole + gap + chip_width(painter, plan) <= max_width);
    let rect = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        name,
        role,
        color,
        max_width,
    );
    if let Some(plan) = plan {
        // Small type sits a little high in its line.
        chip(painter, look, pos2(rect.right() + gap, at.y + 0.5), plan);
    }
}

/// A white sheet with a hairline edge.
pub fn card(painter: &Painter, look: Look, rect: Rect) {
    painter.rect(
        rect,
        CornerRadius::same(CARD_RADIUS),
        look.surface,
        Stroke::new(HAIRLINE, look.hairline),
        StrokeKind::Inside,
    );
}

pub fn divider(painter: &Painter, look: Look, left: f32, right: f32, y: f32) {
    let rect = Rect::from_min_max(pos2(left, y), pos2(right, y + HAIRLINE));
    painter.rect_filled(rect, 0.0, look.hairline);
}

/// Percent left; `notch` is where even use would stand, and whether the fill reaches it.
pub fn usage_bar(
    painter: &Painter,
    look: Look,
    rect: Rect,
    left_percent: f64,
    fill: Fill,
    notch: Option<(f64, bool)>,
) {
    let radius = CornerRadius::same((rect.height() / 2.0) as u8);
    let color = match fill {
        Fill::Empty => {
            let edge = Stroke::new(HAIRLINE, look.bad_fill);
            painter.rect(rect, radius, look.bad_soft, edge, StrokeKind::Inside);
            return;
        }
        Fill::Missing => None,
        Fill::Accent => Some(look.accent_bar),
        Fill::Neutral => Some(look.neutral_bar),
        Fill::Low => Some(look.warn_fill),
        Fill::Critical => Some(look.bad_fill),
    };
    painter.rect_filled(rect, radius, look.track);
    let Some(color) = color else { return };
    let width = (rect.width() * share(left_percent)).clamp(rect.height(), rect.width());
    painter.rect_filled(rect.with_max_x(rect.left() + width), radius, color);
    if let Some((even, is_reached)) = notch {
        let x = (rect.left() + rect.width() * share(even)).round();
        let ink = if is_reached {
            look.text_2
        } else {
            look.warn_fill
        };
        let cut = Rect::from_center_size(pos2(x, rect.center().y), vec2(6.0, rect.height()));
        painter.rect_filled(cut, 0.0, look.surface);
        let notch = Rect::from_center_size(cut.center(), vec2(2.0, rect.height() + 6.0));
        painter.rect_filled(notch, CornerRadius::same(1), ink);
    }
}

fn share(percent: f64) -> f32 {
    (percent / 100.0).clamp(0.0, 1.0) as f32
}

/// The sign of a row, its middle at `centre`.
pub fn mark(painter: &Painter, look: Look, centre: Pos2, mark: Mark) {
    match mark {
        Mark::Ready => {
            painter.circle_filled(centre, 4.0, look.ok);
        }
        Mark::Low => half_ring(painter, centre, look.warn_fill),
        Mark::Critical => half_ring(painter, centre, look.bad_fill),
        Mark::Empty => {
            painter.circle_stroke(centre, RING_RADIUS, Stroke::new(RING_WIDTH, look.bad_fill));
        }
        Mark::SignInAgain => text::icon(painter, centre, icon::CROSS_CIRCLE, 14, look.bad),
        Mark::Unreadable => text::icon(painter, centre, icon::ALERT, 14, look.bad),
        Mark::Stale => text::icon(painter, centre, icon::CLOCK, 13, look.text_3),
        Mark::Unknown => {
            let dash = Rect::from_center_size(centre, vec2(8.0, 2.0));
            painter.rect_filled(dash, CornerRadius::same(1), look.text_3);
        }
    }
}

/// The stroke lies outside of it.
const RING_RADIUS: f32 = 4.25;
const RING_WIDTH: f32 = 1.5;

fn half_ring(painter: &Painter, centre: Pos2, color: Color32) {
    painter.circle_stroke(centre, RING_RADIUS, Stroke::new(RING_WIDTH, color));
    let steps = 16_u8;
    let half = (0..=steps)
        .map(|step| {
            let angle = std::f32::consts::FRAC_PI_2
                + std::f32::consts::PI * f32::from(step) / f32::from(steps);
            centre + RING_RADIUS * vec2(angle.cos(), angle.sin())
        })
        .collect();
    painter.add(Shape::convex_polygon(half, color, Stroke::NONE));
}

/// The blue disc with a check.
pub fn in_use_mark(painter: &Painter, look: Look, centre: Pos2) {
    painter.circle_filled(centre, 8.0, look.accent_fill);
    let check = [vec2(-3.6, 0.2), vec2(-1.1, 2.7), vec2(3.7, -2.5)].map(|by| centre + by);
    painter.line(check.to_vec(), Stroke::new(1.4, look.on_fill));
}

/// A pill where a number will stand.
pub fn skeleton(painter: &Painter, look: Look, rect: Rect) {
    painter.rect_filled(rect, CornerRadius::same(5), look.sunken);
}

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
        .corner_radius(CornerRadius::same(super::theme::MENU_RADIUS))
        .shadow(look.menu_shadow)
        .inner_margin(egui::Margin::same(4))
}

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
