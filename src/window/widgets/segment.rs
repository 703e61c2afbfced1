//! A few choices side by side, of which one is chosen.

use egui::{
    Align2, Color32, CornerRadius, EventFilter, Id, Key, Modifiers, Painter, Rect, Response, Sense,
    Stroke, StrokeKind, Ui, WidgetInfo, accesskit, pos2, vec2,
};

use super::focus_ring;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look};

/// Between the ground and the chosen part.
const PADDING: f32 = 2.0;
const PART_RADIUS: u8 = 5;
const WORD_PADDING: f32 = 12.0;

/// How wide a segment wants to be whose parts are as wide as their words.
pub fn segment_width(painter: &Painter, words: &[&str]) -> f32 {
    words
        .iter()
        .map(|word| part_width(painter, word))
        .sum::<f32>()
        + 2.0 * PADDING
}

/// One stop of the Tab key; Left and Right choose. `spoken_as` is the role of each part. Returns the part that was chosen now.
pub fn segment_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    (words, chosen): (&[&str], usize),
    spoken_as: accesskit::Role,
) -> Option<usize> {
    let radius = CornerRadius::same(CONTROL_RADIUS);
    ui.painter().rect_filled(rect, radius, look.sunken);
    let mut choice = None;
    for (index, (word, part)) in words
        .iter()
        .zip(parts(ui.painter(), rect, words))
        .enumerate()
    {
        let is_chosen = index == chosen;
        let sense = if is_chosen {
            Sense::click()
        } else {
            Sense::CLICK
        };
        let response = ui.interact(part, id.with(index), sense);
        response.widget_info(|| WidgetInfo::selected(spoken_as, true, is_chosen, *word));
        part_ui(ui, look, part, &response, word, is_chosen);
        if response.clicked() && !is_chosen {
            choice = Some(index);
        }
        if is_chosen && response.has_focus() {
            choice = choice.or(stepped(ui, response.id, index, words.len()));
        }
    }
    if let Some(choice) = choice {
        ui.memory_mut(|memory| memory.request_focus(id.with(choice)));
    }
    choice
}

fn part_width(painter: &Painter, word: &str) -> f32 {
    let galley = text::line(painter, word, Role::CaptionM, Color32::WHITE, f32::INFINITY);
    (galley.size().x + 2.0 * WORD_PADDING).ceil()
}

/// Each as wide as its word where the segment has just the room that it wants, else all alike.
fn parts(painter: &Painter, rect: Rect, words: &[&str]) -> Vec<Rect> {
    let inner = rect.shrink(PADDING);
    let fits = (rect.width() - segment_width(painter, words)).abs() <= 1.0;
    let mut left = inner.left();
    words
        .iter()
        .map(|word| {
            let width = if fits {
                part_width(painter, word)
            } else {
                inner.width() / words.len() as f32
            };
            let part = Rect::from_min_size(pos2(left, inner.top()), vec2(width, inner.height()));
            left += width;
            part
        })
        .collect()
}

fn part_ui(ui: &Ui, look: Look, part: Rect, response: &Response, word: &str, is_chosen: bool) {
    let painter = ui.painter();
    if is_chosen {
        painter.rect(
            part,
            CornerRadius::same(PART_RADIUS),
            look.part_chosen,
            Stroke::new(HAIRLINE, look.part_edge),
            StrokeKind::Inside,
        );
    }
    let ink = if is_chosen || response.hovered() {
        look.text
    } else {
        look.text_2
    };
    let middle = part.center();
    let width = part.width() - 4.0;
    text::put(
        painter,
        middle,
        Align2::CENTER_CENTER,
        word,
        Role::CaptionM,
        ink,
        width,
    );
    focus_ring(painter, look, part, PART_RADIUS, response);
}

/// Where Left or Right lead from the part that has the focus.
fn stepped(ui: &Ui, id: Id, index: usize, count: usize) -> Option<usize> {
    let filter = EventFilter {
        horizontal_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    let pressed =
        |key| ui.input_mut(|input: &mut egui::InputState| input.consume_key(Modifiers::NONE, key));
    if pressed(Key::ArrowRight) {
        Some((index + 1) % count)
    } else if pressed(Key::ArrowLeft) {
        Some((index + count - 1) % count)
    } else {
        None
    }
}
