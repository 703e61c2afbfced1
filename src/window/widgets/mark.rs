//! The signs that tell how an account stands, each with a shape of its own.

use egui::{Color32, CornerRadius, Painter, Pos2, Rect, Shape, Stroke, vec2};

use crate::window::fonts::icon;
use crate::window::rows::Mark;
use crate::window::text;
use crate::window::theme::Look;

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
