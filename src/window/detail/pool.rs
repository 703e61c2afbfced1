//! The account's place in the pool: used or not, its priority, what is kept in reserve.

use egui::{Align2, Id, Rect, Ui, accesskit, pos2, vec2};

use super::{DetailState, title};
use crate::desk::{Command, Edit, Term};
use crate::window::ask::Ask;
use crate::window::rows::{Detail, PoolPart, Priority};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, BUTTON_HEIGHT, Slid};

pub fn height(pool: &PoolPart) -> f32 {
    let reserve = if pool.reserve.is_some() { 33.0 } else { 0.0 };
    let trouble = if pool.trouble.is_some() { 34.0 } else { 0.0 };
    99.0 + reserve + trouble
}

pub fn pool_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    detail: &Detail,
    state: &mut DetailState,
    asks: &mut Vec<Ask>,
) {
    let pool = &detail.pool;
    let say = |term, text: String| {
        Ask::Command(Command::Edit {
            names: vec![detail.name.clone()],
            edit: Edit::Term(term, Some(text)),
        })
    };
    let (left, right) = (rect.left(), rect.right());
    title(ui, look, pos2(left, rect.top() + 21.0), "Pool");

    let y = rect.top() + 46.0;
    super::label(ui, look, pos2(left, y), "Use in router");
    let toggle = widgets::toggle_ui(
        ui,
        look,
        pos2(right - 18.0, y),
        Id::unique("use in router"),
        pool.is_used,
        "Use in router",
    );
    if toggle.clicked() {
        let word = if pool.is_used { "no" } else { "yes" };
        asks.push(say(Term::Enabled, word.into()));
    }

    let y = rect.top() + 79.0;
    super::label(ui, look, pos2(left, y), "Priority");
    let words = Priority::ALL.map(Priority::label);
    let width = widgets::segment_width(ui.painter(), &words);
    let segment = Rect::from_min_size(
        pos2(right - width, y - BUTTON_HEIGHT / 2.0),
        vec2(width, BUTTON_HEIGHT),
    );
    let chosen = Priority::ALL
        .iter()
        .position(|priority| *priority == pool.priority)
        .unwrap_or_default();
    let id = Id::unique("priority");
    let role = accesskit::Role::RadioButton;
    let choice = widgets::segment_ui(ui, look, segment, id, (&words, chosen), role);
    if let Some(priority) = choice.and_then(|index| Priority::ALL.get(index)) {
        asks.push(say(Term::Priority, priority.term().into()));
    }

    let mut y = rect.top() + 112.0;
    if let Some(reserve) = &pool.reserve {
        let label = super::label(ui, look, pos2(left, y), "Keep in reserve");
        let slider = Rect::from_min_max(
            pos2((label.right() + 14.0).max(right - 130.0), y - 14.0),
            pos2(right, y + 14.0),
        );
        let value = state.reserve.unwrap_or(reserve.percent);
        let held = format!("{value}%");
        let words = state.reserve.map_or(reserve.words.as_str(), |_| &held);
        let id = Id::unique("keep in reserve");
        let words = (words, "Keep in reserve, percent");
        match widgets::slider_ui(ui, look, slider, id, value, words) {
            Some(Slid::Under(value)) => state.reserve = Some(value),
            Some(Slid::To(value)) => {
                state.reserve = None;
                if value != reserve.percent {
                    asks.push(say(Term::Reserve, value.to_string()));
                }
            }
            None => state.reserve = None,
        }
        y += 33.0;
    }
    if let Some(trouble) = &pool.trouble {
        let painter = ui.painter();
        let galley = text::paragraph(painter, trouble, Role::Caption, look.bad, rect.width(), 2);
        let at = pos2(left, y - 14.0);
        text::place(painter, galley, at, Align2::LEFT_TOP);
    }
}
