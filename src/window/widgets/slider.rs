//! A slider for percents, with its value at the right.

use egui::{
    Align2, CornerRadius, EventFilter, Id, Key, Modifiers, Rect, Response, Sense, Ui, WidgetInfo,
    pos2, vec2,
};

use super::focus_ring;
use crate::window::text::{self, Role};
use crate::window::theme::{HAIRLINE, Look};

const TRACK: f32 = 4.0;
const KNOB: f32 = 14.0;
const VALUE: f32 = 40.0;

/// What the user did to a slider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slid {
    /// The knob is in the hand, at this value.
    Under(u8),
    /// It was let go there, or a key set it.
    To(u8),
}

/// From 0 to 100 in steps of 1, and of 10 by PageUp and PageDown. `words` is the value as it reads, `spoken` its name.
pub fn slider_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    value: u8,
    words: (&str, &str),
) -> Option<Slid> {
    slider_in_list_ui(ui, look, rect, id, value, words, true)
}

/// The same in a row of a list, of which the Tab key reaches only one.
pub fn slider_in_list_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    value: u8,
    (words, spoken): (&str, &str),
    is_stop: bool,
) -> Option<Slid> {
    let track = Rect::from_min_max(
        pos2(rect.left() + KNOB / 2.0, rect.center().y - TRACK / 2.0),
        pos2(
            rect.right() - VALUE - KNOB / 2.0,
            rect.center().y + TRACK / 2.0,
        ),
    );
    let hit = Rect::from_min_max(rect.min, pos2(rect.right() - VALUE, rect.bottom()));
    let sense = if is_stop {
        Sense::click_and_drag()
    } else {
        Sense::CLICK | Sense::DRAG
    };
    let response = ui.interact(hit, id, sense);
    response.widget_info(|| WidgetInfo::slider(true, f64::from(value), spoken));
    let slid = dragged(&response, track).or_else(|| stepped(ui, &response, value));
    let shown = match slid {
        Some(Slid::Under(value) | Slid::To(value)) => value,
        None => value,
    };

    let painter = ui.painter();
    let radius = CornerRadius::same(2);
    painter.rect_filled(track, radius, look.track);
    let x = track.left() + track.width() * f32::from(shown) / 100.0;
    painter.rect_filled(track.with_max_x(x), radius, look.accent_fill);
    let knob = pos2(x, track.center().y);
    painter.circle(
        knob,
        KNOB / 2.0,
        look.on_fill,
        egui::Stroke::new(HAIRLINE, look.off),
    );
    let knob_rect = Rect::from_center_size(knob, vec2(KNOB, KNOB));
    focus_ring(painter, look, knob_rect, 7, &response);
    let told = format!("{shown}%");
    text::put(
        painter,
        rect.right_center(),
        Align2::RIGHT_CENTER,
        if shown == value { words } else { &told },
        Role::BodyM,
        look.text,
        VALUE + 60.0,
    );
    slid
}

fn dragged(response: &Response, track: Rect) -> Option<Slid> {
    let at = response.interact_pointer_pos()?;
    let share = ((at.x - track.left()) / track.width()).clamp(0.0, 1.0);
    let value = (share * 100.0).round() as u8;
    if response.drag_stopped() || response.clicked() {
        Some(Slid::To(value))
    } else if response.dragged() || response.is_pointer_button_down_on() {
        Some(Slid::Under(value))
    } else {
        None
    }
}

fn stepped(ui: &Ui, response: &Response, value: u8) -> Option<Slid> {
    if !response.has_focus() {
        return None;
    }
    let filter = EventFilter {
        horizontal_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let next = if pressed(Key::ArrowRight) {
        value.saturating_add(1)
    } else if pressed(Key::ArrowLeft) {
        value.saturating_sub(1)
    } else if pressed(Key::PageUp) {
        value.saturating_add(10)
    } else if pressed(Key::PageDown) {
        value.saturating_sub(10)
    } else if pressed(Key::Home) {
        0
    } else if pressed(Key::End) {
        100
    } else {
        return None;
    };
    let next = next.min(100);
    (next != value).then_some(Slid::To(next))
}
