//! Moving a row by hand, where the list is in the user's own order.

use egui::{Context, Rect, Ui};

use super::ask::Ask;
use super::list::ListState;
use super::rows::{Group, Page};
use crate::desk::Command;
use crate::desk::sort::{Move, moved};
use crate::profile::ProfileName;

/// A row in the hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Drag {
    pub name: ProfileName,
    /// The pointer holds the row so far below its top.
    pub held_at: f32,
    /// Where the pointer is.
    pub pointer: f32,
    /// It was let go in this frame.
    pub is_over: bool,
}

/// How long the others take to make room.
const ROOM_SECS: f32 = 0.12;

/// The top of each row of the group: in its place, in the hand, or out of the way.
pub fn places(ui: &Ui, group: &Group, state: &ListState, sheet: Rect, height: f32) -> Vec<f32> {
    let slot = |index: usize| sheet.top() + height * index as f32;
    let held = state.drag.as_ref().and_then(|drag| {
        let from = group.rows.iter().position(|row| row.name == drag.name)?;
        Some((drag, from))
    });
    let Some((drag, from)) = held else {
        return (0..group.rows.len()).map(slot).collect();
    };
    let to = target(drag, sheet, height, group.rows.len());
    group
        .rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            if index == from {
                let most = slot(group.rows.len().saturating_sub(1));
                return (drag.pointer - drag.held_at).clamp(sheet.top(), most.max(sheet.top()));
            }
            let wanted = match index {
                // It makes room downwards or upwards.
                index if index > from && index <= to => index - 1,
                index if index < from && index >= to => index + 1,
                index => index,
            };
            let shift = (wanted as f32 - index as f32) * height;
            slot(index) + eased(ui.ctx(), &row.name, shift)
        })
        .collect()
}

/// At once for people who want no motion.
fn eased(ctx: &Context, name: &ProfileName, shift: f32) -> f32 {
    let secs = if ctx.global_style().animation_time == 0.0 {
        0.0
    } else {
        ROOM_SECS
    };
    let id = egui::Id::unique(("makes room", name.as_str()));
    ctx.animate_value_with_time(id, shift, secs)
}

/// The place that the row in the hand would have.
fn target(drag: &Drag, sheet: Rect, height: f32, count: usize) -> usize {
    let middle = drag.pointer - drag.held_at + height / 2.0;
    let index = ((middle - sheet.top()) / height).floor().max(0.0) as usize;
    index.min(count.saturating_sub(1))
}

/// Asks for the order in which the row was let go.
pub fn drop_ui(
    ui: &Ui,
    page: &Page,
    group: &Group,
    state: &mut ListState,
    sheet: Rect,
    asks: &mut Vec<Ask>,
) {
    let Some(drag) = state.drag.take_if(|drag| drag.is_over) else {
        return;
    };
    for row in &group.rows {
        // What made room stands where it belongs now.
        let id = egui::Id::unique(("makes room", row.name.as_str()));
        ui.ctx().animate_value_with_time(id, 0.0, 0.0);
    }
    let height = super::list::row_height(page);
    let to = target(&drag, sheet, height, group.rows.len());
    if let Some(from) = group.rows.iter().position(|row| row.name == drag.name) {
        put(page, state, from, to, asks);
    }
}

/// One row up or down, by a key.
pub fn step(
    page: &Page,
    state: &mut ListState,
    name: &ProfileName,
    down: bool,
    asks: &mut Vec<Ask>,
) {
    let Some(group) = page.groups.first().filter(|_| page.is_own_order) else {
        return;
    };
    let Some(from) = group.rows.iter().position(|row| row.name == *name) else {
        return;
    };
    let to = if down {
        (from + 1).min(group.rows.len().saturating_sub(1))
    } else {
        from.saturating_sub(1)
    };
    put(page, state, from, to, asks);
    state.cursor = Some(name.clone());
    state.has_moved = true;
}

/// Moves the row at one place to another, in the order of all accounts, of which a search may show only some.
fn put(page: &Page, state: &mut ListState, from: usize, to: usize, asks: &mut Vec<Ask>) {
    let Some(group) = page.groups.first().filter(|_| from != to) else {
        return;
    };
    let Some(row) = group.rows.get(from) else {
        return;
    };
    // The row that it comes to stand before.
    let next = if to > from { to + 1 } else { to };
    let way = match group.rows.get(next) {
        Some(next) => Move::Before(next.name.clone()),
        None => Move::Last,
    };
    if let Some(order) = moved(page.order.clone(), &row.name, &way) {
        state.order = Some(order.clone());
        asks.push(Ask::Command(Command::Order(order)));
    }
}
