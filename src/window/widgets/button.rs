//! Buttons with words, and with an icon alone.

use egui::{
    Align2, Color32, CornerRadius, Id, Painter, Pos2, Rect, Response, Sense, Stroke, StrokeKind,
    Ui, Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use super::{focus_ring, hit, warmth};
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    Primary,
    Plain,
    /// Destroys something.
    Danger,
    /// Leads to a [`Self::Danger`].
    DangerPlain,
    /// Cannot be pressed now.
    Disabled,
}

/// A button's words: what is seen, what is heard, and the icon before it.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    pub icon: Option<&'a str>,
    pub text: &'a str,
    pub spoken: &'a str,
}

impl<'a> Label<'a> {
    /// Heard as it is seen.
    pub fn plain(text: &'a str) -> Self {
        Self {
            icon: None,
            text,
            spoken: text,
        }
    }

    /// The same with an icon before it.
    pub fn with_icon(icon: &'a str, text: &'a str) -> Self {
        Self {
            icon: Some(icon),
            text,
            spoken: text,
        }
    }
}

pub const BUTTON_HEIGHT: f32 = 28.0;
pub const TALL_BUTTON_HEIGHT: f32 = 32.0;
pub const ICON_BUTTON: f32 = 28.0;
const BUTTON_PADDING: f32 = 12.0;
const ICON: f32 = 14.0;
const ICON_GAP: f32 = 6.0;

/// The key that shortcuts are made with, as it is called on this system.
const MOD: &str = if cfg!(target_os = "macos") {
    "Cmd"
} else {
    "Ctrl"
};

/// How wide a button with this text wants to be, without an icon.
pub fn button_width(painter: &Painter, text: &str) -> f32 {
    let galley = text::line(painter, text, Role::BodyM, Color32::WHITE, f32::INFINITY);
    (galley.size().x + 2.0 * BUTTON_PADDING).ceil()
}

/// How wide a button with these words wants to be.
pub fn label_width(painter: &Painter, label: Label<'_>) -> f32 {
    button_width(painter, label.text) + label.icon.map_or(0.0, |_| ICON + ICON_GAP)
}

pub fn button_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    label: Label<'_>,
    kind: ButtonKind,
) -> Response {
    let response = if kind == ButtonKind::Disabled {
        let response = ui.interact(rect, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Button, false, label.spoken));
        response
    } else {
        hit(ui, rect, id, label.spoken)
    };
    paint_button(ui.painter(), look, rect, &response, label, kind);
    response
}

pub fn paint_button(
    painter: &Painter,
    look: Look,
    rect: Rect,
    response: &Response,
    label: Label<'_>,
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
        ButtonKind::Danger => (
            look.danger.blend(look.shade.gamma_multiply(warmth)),
            Stroke::NONE,
            look.on_fill,
        ),
        ButtonKind::DangerPlain => (
            look.surface.lerp_to_gamma(look.sunken, warmth),
            Stroke::new(HAIRLINE, look.border),
            look.bad,
        ),
        ButtonKind::Disabled => (look.sunken, Stroke::NONE, look.text_3),
    };
    painter.rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        fill,
        edge,
        StrokeKind::Inside,
    );
    let icon_room = label.icon.map_or(0.0, |_| ICON + ICON_GAP);
    let words = text::put(
        painter,
        rect.center() + vec2(icon_room / 2.0, 0.0),
        Align2::CENTER_CENTER,
        label.text,
        Role::BodyM,
        ink,
        rect.width() - 8.0 - icon_room,
    );
    if let Some(glyph) = label.icon {
        let centre = pos2(words.left() - ICON_GAP - ICON / 2.0, rect.center().y);
        text::icon(painter, centre, glyph, ICON as u8, ink);
    }
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

/// The same with an edge, as it stands beside buttons with words.
pub fn framed_icon_button_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    glyph: &str,
    spoken: &str,
) -> Response {
    let response = hit(ui, rect, id, spoken);
    let warmth = warmth(&response);
    let painter = ui.painter();
    painter.rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        look.surface.lerp_to_gamma(look.sunken, warmth),
        Stroke::new(HAIRLINE, look.border),
        StrokeKind::Inside,
    );
    text::icon(painter, rect.center(), glyph, 16, look.text_2);
    focus_ring(painter, look, rect, CONTROL_RADIUS, &response);
    response
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
