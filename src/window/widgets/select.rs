//! One of several, chosen from a menu.

use egui::{
    Align2, Color32, CornerRadius, Id, Painter, Popup, Rect, RectAlign, Stroke, StrokeKind, Ui,
    pos2,
};

use super::{focus_ring, hit, menu_frame, menu_item_ui, warmth};
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look};

const PADDING: f32 = 12.0;
const CHEVRON: f32 = 30.0;
/// Before and behind a line of the menu.
const MENU_PADDING: f32 = 52.0;
const MENU_HEIGHT: f32 = 320.0;

/// How wide a select wants to be that shows this.
pub fn select_width(painter: &Painter, shown: &str) -> f32 {
    (words_width(painter, shown) + PADDING + CHEVRON).ceil()
}

/// What is chosen, and a menu of what could be. `spoken` names it and what is chosen. Returns what was chosen now.
pub fn select_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    (shown, spoken): (&str, &str),
    (choices, chosen): (&[&str], usize),
) -> Option<usize> {
    let response = hit(ui, rect, id, spoken);
    let painter = ui.painter();
    painter.rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        look.surface.lerp_to_gamma(look.sunken, warmth(&response)),
        Stroke::new(HAIRLINE, look.border),
        StrokeKind::Inside,
    );
    let middle = rect.center().y;
    text::put(
        painter,
        pos2(rect.left() + PADDING, middle),
        Align2::LEFT_CENTER,
        shown,
        Role::Body,
        look.text,
        rect.width() - PADDING - CHEVRON,
    );
    let chevron = pos2(rect.right() - 16.0, middle);
    text::icon(painter, chevron, icon::CHEVRON_DOWN, 14, look.text_2);
    focus_ring(painter, look, rect, CONTROL_RADIUS, &response);
    let widths = choices.iter().map(|word| words_width(painter, word));
    let width = widths.fold(rect.width() - 8.0, |most, width| {
        most.max(width + MENU_PADDING)
    });
    let mut choice = None;
    Popup::menu(&response)
        .align(RectAlign::BOTTOM_START)
        .gap(4.0)
        .frame(menu_frame(look))
        .width(width)
        .show(|ui| {
            ui.set_width(width);
            egui::ScrollArea::vertical()
                .max_height(MENU_HEIGHT)
                .show(ui, |ui| {
                    for (index, word) in choices.iter().enumerate() {
                        let check = (index == chosen).then_some(icon::CHECK);
                        if menu_item_ui(ui, look, check, word, "") && index != chosen {
                            choice = Some(index);
                        }
                    }
                });
        });
    choice
}

fn words_width(painter: &Painter, words: &str) -> f32 {
    text::line(painter, words, Role::Body, Color32::WHITE, f32::INFINITY)
        .size()
        .x
}
