//! Moving a row by hand, in lists that stand in the user's own order.

use egui::{Context, CursorIcon, Id, Rect, Response, Sense, Ui, WidgetInfo, accesskit};

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
    held_at: f32,
    /// Where the pointer is.
    pointer: f32,
    /// It was let go in this frame.
    is_over: bool,
}

/// How long the others take to make room.
const ROOM_SECS: f32 = 0.12;

/// The place by which a row is taken into the hand: `area` of the row at `rect`.
pub fn grip_ui(
    ui: &Ui,
    (name, title): (&ProfileName, &str),
    rect: Rect,
    area: Rect,
    id: Id,
    drag: &mut Option<Drag>,
) -> Response {
    let grip = ui.interact(area, id, Sense::DRAG);
    grip.widget_info(|| {
        WidgetInfo::labeled(accesskit::Role::Button, true, format!("Move {title}"))
    });
    let grip = grip.on_hover_cursor(CursorIcon::Grab);
    if let Some(pointer) = grip.interact_pointer_pos() {
        if grip.drag_started() {
            *drag = Some(Drag {
                name: name.clone(),
                held_at: pointer.y - rect.top(),
                pointer: pointer.y,
                is_over: false,
            });
        }
        if let Some(drag) = drag.as_mut().filter(|drag| drag.name == *name) {
            ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
            drag.pointer = pointer.y;
            drag.is_over = grip.drag_stopped();
        }
    }
    grip
}

/// The top of each row: in its place, in the hand, or out of the way.
pub fn places(
    ui: &Ui,
    names: &[&ProfileName],
    drag: Option<&Drag>,
    sheet: Rect,
    height: f32,
) -> Vec<f32> {
    let slot = |index: usize| sheet.top() + height * index as f32;
    let held = drag.and_then(|drag| {
        let from = names.iter().position(|name| **name == drag.name)?;
        Some((drag, from))
    });
    let Some((drag, from)) = held else {
        return (0..names.len()).map(slot).collect();
    };
    let to = target(drag, sheet, height, names.len());
    names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            if index == from {
                let most = slot(names.len().saturating_sub(1));
                return (drag.pointer - drag.held_at).clamp(sheet.top(), most.max(sheet.top()));
            }
            let wanted = match index {
                // It makes room downwards or upwards.
                index if index > from && index <= to => index - 1,
                index if index < from && index >= to => index + 1,
                index => index,
            };
            let shift = (wanted as f32 - index as f32) * height;
            slot(index) + eased(ui.ctx(), name, shift)
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
    ctx.animate_value_with_time(room_id(name), shift, secs)
}

fn room_id(name: &ProfileName) -> Id {
    Id::unique(("makes room", name.as_str()))
}

/// The place that the row in the hand would have.
fn target(drag: &Drag, sheet: Rect, height: f32, count: usize) -> usize {
    let middle = drag.pointer - drag.held_at + height / 2.0;
    let index = ((middle - sheet.top()) / height).floor().max(0.0) as usize;
    index.min(count.saturating_sub(1))
}

/// From where to where a row was moved, if it was let go in this frame.
pub fn dropped(
    ui: &Ui,
    names: &[&ProfileName],
    drag: &mut Option<Drag>,
    sheet: Rect,
    height: f32,
) -> Option<(usize, usize)> {
    let drag = drag.take_if(|drag| drag.is_over)?;
    for name in names {
        // What made room stands where it belongs now.
        ui.ctx().animate_value_with_time(room_id(name), 0.0, 0.0);
    }
    let to = target(&drag, sheet, height, names.len());
    let from = names.iter().position(|name| **name == drag.name)?;
    Some((from, to))
}

/// Where one step up or down leads.
pub fn stepped(names: &[&ProfileName], name: &ProfileName, down: bool) -> Option<(usize, usize)> {
    let from = names.iter().position(|it| *it == name)?;
    let to = if down {
        (from + 1).min(names.len().saturating_sub(1))
    } else {
        from.saturating_sub(1)
    };
    Some((from, to))
}

/// The order of all accounts with one row moved, of which `names` may be only some. Nothing when nothing moves.
pub fn reordered(
    order: Vec<ProfileName>,
    names: &[&ProfileName],
    (from, to): (usize, usize),
) -> Option<Vec<ProfileName>> {
    let name = names.get(from).filter(|_| from != to)?;
    // The row that it comes to stand before.
    let next = if to > from { to + 1 } else { to };
    let way = match names.get(next) {
        Some(next) => Move::Before((*next).clone()),
        None => Move::Last,
    };
    moved(order, name, &way)
}

/// Asks for the order in which the row of the list was let go.
pub fn drop_ui(
    ui: &Ui,
    page: &Page,
    group: &Group,
    state: &mut ListState,
    sheet: Rect,
    asks: &mut Vec<Ask>,
) {
    let names = group.names();
    let height = super::list::row_height(page);
    if let Some(way) = dropped(ui, &names, &mut state.drag, sheet, height) {
        put(page, &names, way, state, asks);
    }
}

/// One row of the list up or down, by a key.
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
    let names = group.names();
    let Some(way) = stepped(&names, name, down) else {
        return;
    };
    put(page, &names, way, state, asks);
    state.cursor = Some(name.clone());
    state.has_moved = true;
}

fn put(
    page: &Page,
    names: &[&ProfileName],
    way: (usize, usize),
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    if let Some(order) = reordered(page.order.clone(), names, way) {
        state.order = Some(order.clone());
        asks.push(Ask::Command(Command::Order(order)));
    }
}
