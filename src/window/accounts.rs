//! The Accounts page: card, list, detail. It puts the parts below and beside each other and nothing more.

use egui::{Rect, Ui, UiBuilder, pos2, vec2};

use super::ask::Ask;
use super::list::{self, ListState};
use super::rows::Page;
use super::shell::{Wishes, banner_ui, below_banner, scroll_ui};
use super::theme::{CARD_GAP, GUTTER, Look};
use super::{bulk, card, detail, first_run, widgets};

/// Lower than this, the card is compact whatever the number of accounts.
const LOW_WINDOW: f32 = 560.0;
/// From this width on there is a detail beside the list.
const WIDE_WINDOW: f32 = 760.0;
const LIST_WIDTH: f32 = 360.0;
/// A detail gets no wider than this: its lines could not be followed.
const MOST_DETAIL: f32 = 720.0;
/// What is said to somebody who has no account yet stays this narrow.
const MOST_FIRST_RUN: f32 = 480.0;

/// Whether a window of this width has room for a detail beside the list.
pub fn is_wide(width: f32) -> bool {
    width >= WIDE_WINDOW
}

/// How high the bar for the chosen rows is, while there are any.
pub fn bar_height(state: &ListState) -> f32 {
    if state.chosen.is_empty() {
        0.0
    } else {
        bulk::HEIGHT
    }
}

/// Draws the page into `body`, which is as wide as `window` and ends above the router strip.
pub fn accounts_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let window = ui.max_rect();
    let has_accounts = page.is_loaded && page.first_run.is_none();
    if has_accounts && is_wide(window.width()) {
        wide_ui(ui, look, body, page, wishes, state, asks);
    } else if has_accounts && state.is_pushed && page.detail.is_some() {
        pushed_ui(ui, look, body, page, wishes, state, asks);
    } else {
        let body = bar_ui(ui, look, body, page, state, asks);
        scroll_ui(ui, body, "accounts", |ui| {
            banner_ui(ui, look, page, wishes, asks);
            page_ui(ui, look, page, wishes, window.height(), state, asks);
        });
    }
}

/// The bar for the chosen rows, if there are any. Returns what is left above it.
fn bar_ui(
    ui: &Ui,
    look: Look,
    body: Rect,
    page: &Page,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) -> Rect {
    if state.chosen.is_empty() {
        return body;
    }
    let top = body.bottom() - bulk::HEIGHT;
    bulk::bulk_ui(ui, look, body.with_min_y(top), page, state, asks);
    body.with_max_y(top)
}

fn wide_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let window_height = ui.max_rect().height();
    let body = below_banner(ui, look, body, page, wishes, asks);
    let list = body.with_max_x(body.left() + LIST_WIDTH + 2.0 * GUTTER);
    let list = bar_ui(ui, look, list, page, state, asks);
    let search = ui.scope_builder(
        UiBuilder::new().max_rect(list.shrink2(vec2(GUTTER, 0.0))),
        |ui| list::search_ui(ui, look, page, state, asks),
    );
    let is_headed = page
        .groups
        .first()
        .is_some_and(|group| !group.head.is_empty());
    let gap = if is_headed { 0.0 } else { CARD_GAP };
    let rows = list.with_min_y(search.response.rect.bottom() + gap);
    scroll_ui(ui, rows, "accounts", |ui| {
        list::list_ui(ui, look, page, state, asks);
        runway_ui(ui, look, page, window_height, state, asks);
        ui.add_space(CARD_GAP);
    });
    let left = list.right() - GUTTER;
    let right = body.right().min(left + MOST_DETAIL + 2.0 * GUTTER);
    let beside = Rect::from_min_max(pos2(left, body.top()), pos2(right, body.bottom()));
    if let Some(shown) = &page.detail {
        scroll_ui(ui, beside, "detail", |ui| {
            detail::detail_ui(ui, look, shown, &mut state.detail, asks);
            ui.add_space(CARD_GAP);
        });
    }
}

/// The detail over the list, with the way back.
fn pushed_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let Some(shown) = &page.detail else { return };
    let mut goes_back = false;
    scroll_ui(ui, body, "detail", |ui| {
        let back = widgets::back_ui(ui, look, "All accounts", "Back to all accounts");
        goes_back = back.clicked();
        banner_ui(ui, look, page, wishes, asks);
        detail::detail_ui(ui, look, shown, &mut state.detail, asks);
        ui.add_space(CARD_GAP);
    });
    if goes_back {
        state.go_back();
    }
}

fn page_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    wishes: &Wishes<'_>,
    window_height: f32,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    if !page.is_loaded {
        card::loading_ui(ui, look);
        return;
    }
    if let Some(first_run) = &page.first_run {
        let width = ui.available_width();
        let most = width.min(MOST_FIRST_RUN);
        ui.horizontal_top(|ui| {
            ui.add_space((width - most) / 2.0);
            ui.vertical(|ui| {
                ui.set_width(most);
                first_run::first_run_ui(ui, look, first_run, wishes.logo, asks);
            });
        });
        return;
    }
    if let Some(active) = &page.active {
        let is_compact = page.is_dense || window_height < LOW_WINDOW;
        card::card_ui(ui, look, active, is_compact, asks);
        if page.is_dense {
            ui.add_space(CARD_GAP);
        }
    }
    if page.is_dense {
        list::search_ui(ui, look, page, state, asks);
        // A group brings its own gap, with its head.
        if page
            .groups
            .first()
            .is_some_and(|group| group.head.is_empty())
        {
            ui.add_space(CARD_GAP);
        }
    }
    list::list_ui(ui, look, page, state, asks);
    runway_ui(ui, look, page, window_height, state, asks);
    ui.add_space(CARD_GAP);
}

/// Below the list, where a low window does not need the room for the list itself.
fn runway_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    window_height: f32,
    state: &ListState,
    asks: &mut Vec<Ask>,
) {
    let is_searching = !state.search.trim().is_empty();
    if let Some(words) = page.runway.as_ref().filter(|_| !is_searching)
        && window_height >= LOW_WINDOW
    {
        ui.add_space(CARD_GAP);
        if super::runway::card_ui(ui, look, words, super::runway::Way::ToPool) {
            asks.push(Ask::Turn(super::rows::Tab::Pool));
        }
    }
}
