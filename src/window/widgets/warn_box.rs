//! Something to know before going on, inside a dialog.

use egui::{Align2, CornerRadius, Sense, Ui, WidgetInfo, accesskit, vec2};

use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, Look};

const TEXT_X: f32 = 32.0;
const PADDING_Y: f32 = 6.0;

/// A title, which may be empty, and words below it, over the whole width.
pub fn warn_box_ui(ui: &mut Ui, look: Look, title: &str, words: &str) {
    let width = ui.available_width();
    let text_width = width - TEXT_X - 10.0;
    let painter = ui.painter();
    let head = text::paragraph(painter, title, Role::CaptionM, look.text, text_width, 3);
    let body = text::paragraph(painter, words, Role::Caption, look.text_2, text_width, 8);
    let head_height = if title.is_empty() {
        0.0
    } else {
        head.size().y - 1.0
    };
    let body_height = if words.is_empty() { 0.0 } else { body.size().y };
    let height = (2.0 * PADDING_Y + head_height + body_height).round();
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let spoken = [title, words]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Alert, true, &spoken));
    let painter = ui.painter();
    let radius = CornerRadius::same(CONTROL_RADIUS);
    painter.rect_filled(rect, radius, look.warn_soft);
    let y = if rect.height() < 48.0 {
        rect.height() / 2.0
    } else {
        PADDING_Y + 9.0
    };
    let mark = rect.left_top() + vec2(17.0, y);
    text::icon(painter, mark, icon::ALERT, 14, look.warn);
    let at = rect.left_top() + vec2(TEXT_X, PADDING_Y);
    if head_height > 0.0 {
        text::place(painter, head, at, Align2::LEFT_TOP);
    }
    let at = at + vec2(0.0, head_height);
    text::place(painter, body, at, Align2::LEFT_TOP);
}
