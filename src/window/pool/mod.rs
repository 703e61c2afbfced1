//! The Pool page: how long the accounts last, how the router picks among them, and the accounts themselves. (`design` section 4.)
//!
//! Wide, it has the lanes above two cards; narrow, the runway card and the same below each other.

use egui::{FocusDirection, Id, Key, Modifiers, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use super::accounts::is_wide;
use super::ask::Ask;
use super::drag::{self, Drag};
use super::rows::{Ahead, OpenPage, Page, PoolPage, PoolWish};
use super::runway::{self, Way};
use super::theme::{CARD_GAP, Look};
use super::{card, shell};
use crate::desk::Command;
use crate::profile::ProfileName;

mod lanes;
mod list;
mod row;
mod strategy;

/// The card of strategies gets no wider than this.
const STRATEGIES: f32 = 363.0;

/// What the user does to the page and has not asked for.
#[derive(Debug, Default)]
pub struct PoolState {
    ahead: Ahead,
    /// Where the keyboard stands in the list.
    cursor: Option<ProfileName>,
    /// The cursor was moved by a key: bring its row into view and give it the focus.
    has_moved: bool,
    drag: Option<Drag>,
    /// The order that was asked for and is not published yet.
    pub order: Option<Vec<ProfileName>>,
    /// A slider is in the hand, at this value.
    reserve: Option<(ProfileName, u8)>,
}

impl PoolState {
    pub fn wish(&self) -> PoolWish {
        PoolWish { ahead: self.ahead }
    }

    /// Leaves what was entered last. Whether there was anything to leave.
    pub fn escape(&mut self) -> bool {
        self.drag.take().is_some()
    }

    fn step(&mut self, page: &PoolPage, down: bool) {
        let at = self.cursor.as_ref().and_then(|cursor| {
            let mut rows = page.accounts.iter();
            rows.position(|row| row.name == *cursor)
        });
        let last = page.accounts.len().saturating_sub(1);
        let next = match (at, down) {
            (Some(at), true) => (at + 1).min(last),
            (Some(at), false) => at.saturating_sub(1),
            (None, true) => 0,
            (None, false) => last,
        };
        self.cursor = page.accounts.get(next).map(|row| row.name.clone());
        self.has_moved = self.cursor.is_some();
    }

    /// Moves a row from one place to another.
    fn put(&mut self, page: &PoolPage, way: (usize, usize), asks: &mut Vec<Ask>) {
        let order = page.order();
        let names: Vec<&ProfileName> = order.iter().collect();
        if let Some(order) = drag::reordered(order.clone(), &names, way) {
            self.order = Some(order.clone());
            asks.push(Ask::Command(Command::Order(order)));
        }
    }
}

/// Keys of this page, while no menu is open.
pub fn keys(ui: &Ui, page: &Page, state: &mut PoolState, asks: &mut Vec<Ask>) {
    let OpenPage::Pool(page) = &page.open else {
        return;
    };
    let ctx = ui.ctx();
    let focused = ctx.memory(|memory| memory.focused());
    let held = page.accounts.iter().find(|it| row::holds(it, focused));
    // Elsewhere the arrows are of other controls.
    if focused.is_some() && held.is_none() {
        return;
    }
    let pressed = |modifiers, key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    for (key, down) in [(Key::ArrowDown, true), (Key::ArrowUp, false)] {
        if let Some(row) = held
            && pressed(Modifiers::ALT, key)
        {
            let order = page.order();
            let names: Vec<&ProfileName> = order.iter().collect();
            if let Some(way) = drag::stepped(&names, &row.name, down) {
                state.put(page, way, asks);
            }
            state.cursor = Some(row.name.clone());
            state.has_moved = true;
        } else if pressed(Modifiers::NONE, key) {
            state.step(page, down);
        } else {
            continue;
        }
        // egui would move the focus on by itself, to whatever lies in that direction.
        ctx.memory_mut(|memory| memory.move_focus(FocusDirection::None));
    }
}

pub fn pool_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &PoolPage,
    state: &mut PoolState,
    asks: &mut Vec<Ask>,
) {
    let has_room = is_wide(ui.max_rect().width());
    shell::scroll_ui(ui, body, "pool", |ui| {
        if !page.is_loaded {
            card::loading_ui(ui, look);
            return;
        }
        if has_room {
            wide_ui(ui, look, page, state, asks);
        } else {
            runway::card_ui(ui, look, &page.runway, Way::Nowhere);
            strategy::narrow_ui(ui, look, page, asks);
            list::list_ui(ui, look, page, state, asks);
        }
        ui.add_space(CARD_GAP);
    });
}

fn wide_ui(ui: &mut Ui, look: Look, page: &PoolPage, state: &mut PoolState, asks: &mut Vec<Ask>) {
    lanes::lanes_ui(ui, look, &page.runway, page.lanes.as_ref(), state);
    ui.add_space(CARD_GAP);
    let width = ui.available_width();
    let left = STRATEGIES.min((width - CARD_GAP) * 0.42).round();
    let right = width - CARD_GAP - left;
    let heights = (
        strategy::height(ui, page, left),
        list::height(ui, look, page, right),
    );
    let (rect, _) = ui.allocate_exact_size(vec2(width, heights.0.max(heights.1)), Sense::hover());
    // Of two cards that are nearly alike none is shorter.
    let left_height = if heights.1 < heights.0 * 1.4 {
        rect.height()
    } else {
        heights.0
    };
    let strategies = Rect::from_min_size(rect.min, vec2(left, left_height));
    strategy::wide_ui(ui, look, strategies, page, asks);
    let accounts = Rect::from_min_max(pos2(rect.right() - right, rect.top()), rect.max);
    let inside = UiBuilder::new()
        .max_rect(accounts)
        .scope_id(Id::unique("accounts in the pool"));
    ui.scope_builder(inside, |ui| {
        list::wide_ui(ui, look, accounts, page, state, asks);
    });
}
