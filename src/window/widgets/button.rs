//! Buttons with words, and with an icon alone.

use egui::{
    Align2, Color32, CornerRadius, Id, Painter, Pos2, Rect, Response, Stroke, StrokeKind, Ui, Vec2,
};

use super::{focus_ring, hit, warmth};
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look};

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
