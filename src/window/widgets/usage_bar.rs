//! How much is left, as a bar.

use egui::{CornerRadius, Painter, Rect, Stroke, StrokeKind, pos2, vec2};

use crate::window::rows::Fill;
use crate::window::theme::{HAIRLINE, Look};

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
