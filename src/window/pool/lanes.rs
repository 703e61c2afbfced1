//! How long each account lasts, beside each other. (`design` section 3, lane timeline.)

use egui::{Align2, CornerRadius, Id, Painter, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::PoolState;
use crate::usage::runway::State;
use crate::window::rows::{Ahead, LaneRow, Lanes, Runway};
use crate::window::runway::{apart, dot};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, HAIRLINE, Look};
use crate::window::widgets::{self, BUTTON_HEIGHT};

const TITLE: f32 = 23.0;
const SECOND: f32 = 43.0;
const AXIS: f32 = 67.0;
const FIRST_LANE: f32 = 91.0;
const PITCH: f32 = 22.0;
/// Below the middle of the last lane: legend and padding.
const FOOT: f32 = 37.0;
const NAMES: f32 = 97.0;
const BAR: f32 = 8.0;
/// Words of the axis that are nearer than this to the end of the pool give way to it.
const END_GAP: f32 = 40.0;

/// The sentence, what it stands on, and the lanes where there are any.
pub fn lanes_ui(
    ui: &mut Ui,
    look: Look,
    runway: &Runway,
    lanes: Option<&Lanes>,
    state: &mut PoolState,
) {
    let count = lanes.map_or(0, |lanes| lanes.lanes.len());
    let more = lanes.and_then(|lanes| lanes.more.as_deref());
    let rows = count + usize::from(more.is_some());
    let height = match lanes {
        Some(_) => FIRST_LANE + PITCH * rows.saturating_sub(1) as f32 + FOOT,
        None if runway.second.is_empty() => 46.0,
        None => 64.0,
    };
    let size = vec2(ui.available_width(), height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    widgets::card(ui.painter(), look, rect);
    let segment = lanes.map(|lanes| segment_ui(ui, look, rect, lanes.ahead, state));
    let left = rect.left() + CARD_PADDING;
    let right = segment.map_or(rect.right() - CARD_PADDING, |segment| segment.left() - 12.0);
    let words = |y: f32, words: &str, role, ink| {
        text::put(
            ui.painter(),
            pos2(left, rect.top() + y),
            Align2::LEFT_CENTER,
            words,
            role,
            ink,
            right - left,
        )
    };
    let title = words(TITLE, &runway.sentence, Role::Title, look.text);
    let second = words(SECOND, &runway.second, Role::Caption, look.text_2);
    let response = ui.interact(title.union(second), Id::unique("runway"), Sense::hover());
    response.widget_info(|| {
        let spoken = format!("{}. {}", runway.sentence, runway.second);
        WidgetInfo::labeled(accesskit::Role::Heading, true, spoken)
    });
    if !runway.second.is_empty() {
        response.on_hover_text(&runway.second);
    }
    let Some(lanes) = lanes else { return };
    let plot = Rect::from_min_max(
        pos2(left + NAMES, rect.top() + FIRST_LANE - 15.0),
        pos2(
            rect.right() - CARD_PADDING,
            rect.top() + FIRST_LANE + PITCH * (count.max(1) - 1) as f32 + 5.0,
        ),
    );
    axis(ui.painter(), look, plot, rect.top() + AXIS, lanes);
    for (index, lane) in lanes.lanes.iter().enumerate() {
        let y = rect.top() + FIRST_LANE + PITCH * index as f32;
        lane_ui(ui, look, plot, (left, y), (index, lane));
    }
    end_line(ui.painter(), look, plot, lanes);
    if let Some(more) = more {
        let y = rect.top() + FIRST_LANE + PITCH * count as f32;
        let at = pos2(left, y);
        let width = NAMES + plot.width();
        let (role, ink) = (Role::Caption, look.text_3);
        text::put(
            ui.painter(),
            at,
            Align2::LEFT_CENTER,
            more,
            role,
            ink,
            width,
        );
    }
    legend(ui.painter(), look, pos2(plot.left(), rect.bottom() - 19.0));
}

fn segment_ui(ui: &Ui, look: Look, rect: Rect, ahead: Ahead, state: &mut PoolState) -> Rect {
    let words = Ahead::ALL.map(Ahead::label);
    let width = widgets::segment_width(ui.painter(), &words);
    let segment = Rect::from_min_size(
        pos2(rect.right() - CARD_PADDING - width, rect.top() + 13.0),
        vec2(width, BUTTON_HEIGHT),
    );
    let chosen = Ahead::ALL.iter().position(|it| *it == ahead);
    let choice = widgets::segment_ui(
        ui,
        look,
        segment,
        Id::unique("forecast span"),
        (&words, chosen.unwrap_or_default()),
        accesskit::Role::RadioButton,
    );
    if let Some(ahead) = choice.and_then(|index| Ahead::ALL.get(index)) {
        state.ahead = *ahead;
    }
    segment
}

fn axis(painter: &Painter, look: Look, plot: Rect, y: f32, lanes: &Lanes) {
    let word = |x: f32, anchor, label: &str, ink| {
        text::put(painter, pos2(x, y), anchor, label, Role::Micro, ink, 80.0);
    };
    let x = |at: f32| (plot.left() + plot.width() * at).round();
    let line = |x: f32| {
        let rect = Rect::from_min_max(pos2(x, plot.top()), pos2(x + HAIRLINE, plot.bottom()));
        painter.rect_filled(rect, 0.0, look.hairline);
    };
    line(x(0.0));
    word(plot.left(), Align2::LEFT_CENTER, "now", look.text_2);
    for mark in apart(plot.width(), &lanes.marks) {
        line(x(mark.at));
        let is_free = lanes
            .end
            .as_ref()
            .is_none_or(|end| (x(end.at) - x(mark.at)).abs() >= END_GAP);
        let fits = plot.right() - x(mark.at) >= 12.0;
        if is_free && fits {
            word(x(mark.at), Align2::CENTER_CENTER, &mark.label, look.text_2);
        }
    }
    if let Some(end) = &lanes.end {
        // At the very left it would lie on `now`.
        let at = x(end.at).clamp(plot.left() + 38.0, plot.right() - 24.0);
        word(at, Align2::CENTER_CENTER, &end.label, look.warn);
    }
}

fn lane_ui(
    ui: &Ui,
    look: Look,
    plot: Rect,
    (left, y): (f32, f32),
    (index, lane): (usize, &LaneRow),
) {
    let rect = Rect::from_min_max(
        pos2(left, y - PITCH / 2.0),
        pos2(plot.right(), y + PITCH / 2.0),
    );
    let response = ui.interact(rect, Id::unique(("lane", index)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &lane.spoken));
    let painter = ui.painter();
    text::put(
        painter,
        pos2(left, y),
        Align2::LEFT_CENTER,
        &lane.title,
        Role::Caption,
        look.text,
        NAMES - 10.0,
    );
    let x = |at: f32| plot.left() + plot.width() * at;
    for (from, until, state) in &lane.spans {
        let (from, until) = (x(*from), x(*until));
        match state {
            State::Waiting => {
                let track = Rect::from_min_max(pos2(from, y - 1.0), pos2(until, y + 1.0));
                painter.rect_filled(track, 0.0, look.track);
            }
            State::Usable | State::Low => {
                let bar = Rect::from_min_max(
                    pos2(from + 1.0, y - BAR / 2.0),
                    pos2((until - 1.0).max(from + 2.0), y + BAR / 2.0),
                );
                painter.rect_filled(bar, CornerRadius::same(3), fill(look, *state));
            }
        }
    }
    for reset in &lane.resets {
        dot(painter, look, pos2(x(*reset), y));
    }
}

fn fill(look: Look, state: State) -> egui::Color32 {
    match state {
        State::Usable => look.accent_bar.lerp_to_gamma(look.surface, 0.35),
        State::Low => look.warn_fill,
        State::Waiting => look.track,
    }
}

fn end_line(painter: &Painter, look: Look, plot: Rect, lanes: &Lanes) {
    if let Some(end) = &lanes.end {
        let x = plot.left() + plot.width() * end.at;
        let line = Rect::from_min_max(pos2(x - 1.0, plot.top()), pos2(x + 1.0, plot.bottom()));
        painter.rect_filled(line, 1.0, look.warn_fill);
    }
}

fn legend(painter: &Painter, look: Look, at: egui::Pos2) {
    const SAMPLE: f32 = 16.0;
    let mut x = at.x;
    for (label, state) in [
        ("usable", Some(State::Usable)),
        ("low", Some(State::Low)),
        ("waiting", Some(State::Waiting)),
        ("resets", None),
    ] {
        let sample = Rect::from_center_size(pos2(x + SAMPLE / 2.0, at.y), vec2(SAMPLE, BAR));
        let mut width = SAMPLE;
        match state {
            Some(State::Waiting) => {
                let track = Rect::from_center_size(sample.center(), vec2(SAMPLE, 2.0));
                painter.rect_filled(track, 0.0, look.track);
            }
            Some(state) => {
                painter.rect_filled(sample, CornerRadius::same(3), fill(look, state));
            }
            None => {
                dot(painter, look, pos2(x + 4.0, at.y));
                width = 8.0;
            }
        }
        let words = text::put(
            painter,
            pos2(x + width + 6.0, at.y),
            Align2::LEFT_CENTER,
            label,
            Role::Micro,
            look.text_2,
            80.0,
        );
        x = words.right() + 14.0;
    }
}
