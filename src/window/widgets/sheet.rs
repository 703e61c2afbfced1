//! What other things stand on and between: cards, dividers, pills where a number will stand.

use egui::epaint::RectShape;
use egui::{CornerRadius, Painter, Rect, Stroke, StrokeKind, pos2};

use crate::window::theme::{CARD_RADIUS, HAIRLINE, Look};

/// A white sheet with a hairline edge.
pub fn card(painter: &Painter, look: Look, rect: Rect) {
    painter.add(card_shape(look, rect));
}

/// The same, for a sheet whose size is known only when everything on it is drawn.
pub fn card_shape(look: Look, rect: Rect) -> RectShape {
    RectShape::new(
        rect,
        CornerRadius::same(CARD_RADIUS),
        look.surface,
        Stroke::new(HAIRLINE, look.hairline),
        StrokeKind::Inside,
    )
}

pub fn divider(painter: &Painter, look: Look, left: f32, right: f32, y: f32) {
    let rect = Rect::from_min_max(pos2(left, y), pos2(right, y + HAIRLINE));
    painter.rect_filled(rect, 0.0, look.hairline);
}

/// A pill where a number will stand.
pub fn skeleton(painter: &Painter, look: Look, rect: Rect) {
    painter.rect_filled(rect, CornerRadius::same(5), look.sunken);
}
