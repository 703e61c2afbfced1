//! Choosing: boxes to tick, and cards of which one is chosen.

use egui::{
    Align2, CornerRadius, Id, Painter, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, accesskit, pos2, vec2,
};

use super::focus_ring;
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_RADIUS, HAIRLINE, Look};

const BOX_SIDE: f32 = 16.0;
const BOX_RADIUS: u8 = 4;
const CARD_TEXT_X: f32 = 38.0;
const CARD_PADDING: f32 = 14.0;
const TITLE_Y: f32 = 20.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    Off,
    On,
    /// Some of what it stands for.
    Some,
}

/// The box alone, its middle at `centre`.
pub fn paint_box(painter: &Painter, look: Look, centre: Pos2, tick: Tick, is_enabled: bool) {
    let rect = Rect::from_center_size(centre, Vec2::splat(BOX_SIDE));
    let radius = CornerRadius::same(BOX_RADIUS);
    if tick == Tick::Off {
        let (fill, edge) = if is_enabled {
            (look.surface, look.off)
        } else {
            (look.sunken, look.border)
        };
        let edge = Stroke::new(1.25, edge);
        painter.rect(rect, radius, fill, edge, StrokeKind::Inside);
        return;
    }
    painter.rect_filled(rect, radius, look.accent_fill);
    let ink = Stroke::new(1.6, look.on_fill);
    let line = match tick {
        Tick::On => vec![vec2(-3.6, 0.2), vec2(-1.1, 2.7), vec2(3.7, -2.5)],
        Tick::Some | Tick::Off => vec![vec2(-3.5, 0.0), vec2(3.5, 0.0)],
    };
    painter.line(line.into_iter().map(|by| centre + by).collect(), ink);
}

/// A box with words behind it, over the whole width. `spoken` is its name.
pub fn checkbox_ui(
    ui: &mut Ui,
    look: Look,
    id: Id,
    tick: Tick,
    (words, spoken): (&str, &str),
) -> Response {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let response = ui.interact(rect, id, Sense::click());
    let is_on = tick == Tick::On;
    response.widget_info(|| WidgetInfo::selected(accesskit::Role::CheckBox, true, is_on, spoken));
    let painter = ui.painter();
    let centre = pos2(rect.left() + BOX_SIDE / 2.0, rect.center().y);
    paint_box(painter, look, centre, tick, true);
    text::put(
        painter,
        pos2(rect.left() + 26.0, rect.center().y),
        Align2::LEFT_CENTER,
        words,
        Role::Body,
        look.text_2,
        rect.width() - 26.0,
    );
    let side = Rect::from_center_size(centre, Vec2::splat(BOX_SIDE));
    focus_ring(painter, look, side, BOX_RADIUS, &response);
    response
}

/// A card with a title and a few lines, of which one among several is chosen. `extra` is room for more below the lines; where
/// it lies is returned beside the response.
pub fn radio_card_ui(
    ui: &mut Ui,
    look: Look,
    id: Id,
    is_chosen: bool,
    (title, lines): (&str, &str),
    extra: f32,
) -> (Response, Rect) {
    let width = ui.available_width();
    let text_width = width - CARD_TEXT_X - CARD_PADDING;
    let words = text::paragraph(
        ui.painter(),
        lines,
        Role::Caption,
        look.text_2,
        text_width,
        6,
    );
    let height = (30.0 + words.size().y + extra + 10.0).round();
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let response = ui.interact(rect, id, Sense::click());
    let spoken = format!("{title}. {lines}");
    response.widget_info(|| {
        WidgetInfo::selected(accesskit::Role::RadioButton, true, is_chosen, &spoken)
    });
    let painter = ui.painter();
    let (fill, edge) = if is_chosen {
        (look.accent_soft, Stroke::new(1.5, look.accent))
    } else {
        (look.surface, Stroke::new(HAIRLINE, look.border))
    };
    let radius = CornerRadius::same(CARD_RADIUS);
    painter.rect(rect, radius, fill, edge, StrokeKind::Inside);
    let centre = rect.left_top() + vec2(20.0, TITLE_Y);
    paint_radio(painter, look, centre, is_chosen);
    let left = rect.left() + CARD_TEXT_X;
    text::put(
        painter,
        pos2(left, rect.top() + TITLE_Y),
        Align2::LEFT_CENTER,
        title,
        Role::BodyM,
        look.text,
        text_width,
    );
    let bottom = rect.top() + 30.0 + words.size().y;
    let at = pos2(left, rect.top() + 30.0);
    text::place(painter, words, at, Align2::LEFT_TOP);
    focus_ring(painter, look, rect, CARD_RADIUS, &response);
    let room = Rect::from_min_size(pos2(left, bottom), vec2(text_width, extra));
    (response, room)
}

/// The circle alone, its middle at `centre`.
pub fn paint_radio(painter: &Painter, look: Look, centre: Pos2, is_chosen: bool) {
    if is_chosen {
        painter.circle_filled(centre, 8.0, look.accent_fill);
        painter.circle_filled(centre, 3.0, look.on_fill);
    } else {
        painter.circle(centre, 7.4, look.surface, Stroke::new(1.25, look.off));
    }
}
