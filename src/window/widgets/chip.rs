//! A small word on a ground of its own, and a name with one behind it.

use egui::{Align2, Color32, CornerRadius, Painter, Pos2, Rect, pos2, vec2};

use crate::window::text::{self, Role};
use crate::window::theme::{CHIP_RADIUS, Look};

const CHIP_HEIGHT: f32 = 18.0;
const CHIP_PADDING: f32 = 6.0;
/// A chip may reach so far into the gap behind it.
const SLACK: f32 = 4.0;

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

/// A name and, if there is room, its plan. The name wins: the chip goes before a letter does. Returns where they end.
pub fn name_and_chip(
    painter: &Painter,
    look: Look,
    at: Pos2,
    (name, role, color): (&str, Role, Color32),
    plan: Option<&str>,
    max_width: f32,
) -> f32 {
    let gap = match role {
        Role::H1 | Role::Title => 8.0,
        _ => 6.0,
    };
    let whole = text::line(painter, name, role, color, f32::INFINITY)
        .size()
        .x;
    let plan = plan.filter(|plan| whole + gap + chip_width(painter, plan) <= max_width + SLACK);
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
        let at = pos2(rect.right() + gap, at.y + 0.5);
        return at.x + chip(painter, look, at, plan);
    }
    rect.right()
}
