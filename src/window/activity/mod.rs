//! The Activity page: figures, filters, a table of requests, one of them in a drawer. (`design` section 4, Activity.)
//!
//! Wide, the drawer lies beside the table; narrow, over the page. It puts the parts below and beside each other and nothing more.

use std::sync::Arc;

use egui::{
    EventFilter, FocusDirection, Id, Key, KeyboardShortcut, Modifiers, Rect, Ui, UiBuilder, pos2,
    vec2,
};

use super::accounts::is_wide;
use super::ask::Ask;
use super::rows::{ActivityPage, ActivityWish, Drawer, Held, List, OpenPage, Page};
use super::shell;
use super::theme::{CARD_GAP, GUTTER, Look};
use super::widgets;
use crate::desk::Span;
use crate::desk::record::{Ended, RequestRecord};

mod drawer;
mod figures;
mod filters;
mod nothing;
mod reading;
mod table;

pub use reading::{Next, Reading};

const DRAWER_WIDTH: f32 = 328.0;
const NOTE_HEIGHT: f32 = 28.0;
const FIND: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::F);

/// What the user does to the page and has not asked for.
#[derive(Debug)]
pub struct ActivityState {
    span: Span,
    text: String,
    ended: Option<Ended>,
    /// The id of a client key.
    key: Option<String>,
    held: Option<Held>,
    /// The rows in view.
    visible: (usize, usize),
    /// How far the table is scrolled, and which request was the first in view then.
    offset: f32,
    anchor: Option<(String, usize)>,
    /// Where it is to be scrolled to.
    forced_offset: Option<f32>,
    /// The request where the keyboard stands.
    cursor: Option<String>,
    /// The cursor was moved by a key: bring its row into view and give it the focus.
    has_moved: bool,
    /// The table begins at its top again.
    goes_to_top: bool,
    shown: Option<Arc<RequestRecord>>,
}

impl Default for ActivityState {
    fn default() -> Self {
        Self {
            span: Span::Day,
            text: String::new(),
            ended: None,
            key: None,
            held: None,
            // Before the first frame nobody knows; so many fit into a small window.
            visible: (0, 12),
            offset: 0.0,
            anchor: None,
            forced_offset: None,
            cursor: None,
            has_moved: false,
            goes_to_top: false,
            shown: None,
        }
    }
}

impl ActivityState {
    pub fn wish(&self) -> ActivityWish<'_> {
        ActivityWish {
            span: self.span,
            text: &self.text,
            ended: self.ended,
            key: self.key.as_deref(),
            held: self.held.as_ref(),
            visible: self.visible,
            shown: self.shown.as_ref(),
        }
    }

    pub fn visible(&self) -> (usize, usize) {
        self.visible
    }

    /// Leaves what was entered last: a search, then the drawer. Whether there was anything to leave.
    pub fn escape(&mut self) -> bool {
        if !self.text.is_empty() {
            self.text.clear();
            self.goes_to_top = true;
            return true;
        }
        self.close_drawer()
    }

    fn close_drawer(&mut self) -> bool {
        let Some(shown) = self.shown.take() else {
            return false;
        };
        self.cursor = Some(shown.id.clone());
        self.has_moved = true;
        true
    }

    fn show(&mut self, record: &Arc<RequestRecord>) {
        self.cursor = Some(record.id.clone());
        self.shown = Some(record.clone());
    }

    /// Takes every filter away but the time.
    fn show_all(&mut self) {
        self.text.clear();
        self.ended = None;
        self.key = None;
        self.goes_to_top = true;
    }

    /// The list stands still, or goes on.
    fn hold(&mut self, list: &List) {
        let is_held = self.held.take().is_some();
        // Before the first reading there is nothing that could stand still.
        self.held = list.read.as_ref().filter(|_| !is_held).map(|read| Held {
            newest: read.newest,
            live: list.unread.clone(),
        });
    }

    /// Moves the cursor down (or up) one row; from nowhere to the first in view. An open drawer goes with it.
    fn step(&mut self, list: &List, down: bool) {
        let at = self.cursor.as_ref().and_then(|id| list.position(id));
        let next = match (at, down) {
            (Some(at), true) => at + 1,
            (Some(at), false) => at.saturating_sub(1),
            (None, _) => self.visible.0,
        };
        if let Some(record) = list.get(next) {
            self.cursor = Some(record.id.clone());
            if self.shown.is_some() {
                self.shown = Some(record.clone());
            }
        }
        self.has_moved = self.cursor.is_some();
    }
}

pub fn search_id() -> Id {
    Id::unique("search requests")
}

/// Keys of this page, while no menu is open.
pub fn keys(ui: &Ui, page: &Page, state: &mut ActivityState, _asks: &mut Vec<Ask>) {
    let OpenPage::Activity(words) = &page.open else {
        return;
    };
    let ctx = ui.ctx();
    let is_wide = is_wide(ui.max_rect().width());
    let is_covered = state.shown.is_some() && !is_wide;
    if is_covered {
        let is_free = ctx.memory(|memory| memory.focused().is_none());
        if is_free && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::ArrowLeft)) {
            state.close_drawer();
        }
        return;
    }
    let is_typing = ctx.text_edit_focused();
    let wants_search = ctx.input_mut(|input| {
        input.consume_shortcut(&FIND)
            || (!is_typing && input.consume_key(Modifiers::NONE, Key::Slash))
    });
    if wants_search {
        // The stroke itself is no search.
        ctx.input_mut(|input| {
            input
                .events
                .retain(|event| !matches!(event, egui::Event::Text(text) if text == "/"));
        });
        ctx.memory_mut(|memory| memory.request_focus(search_id()));
    }
    for (key, down) in [(Key::ArrowDown, true), (Key::ArrowUp, false)] {
        // From the search field Down leads into what was found.
        if is_typing && !down {
            continue;
        }
        if ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
            state.step(&words.list, down);
            // egui would move the focus on by itself, to whatever lies in that direction.
            ctx.memory_mut(|memory| memory.move_focus(FocusDirection::None));
        }
    }
}

pub fn activity_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &ActivityPage,
    state: &mut ActivityState,
    asks: &mut Vec<Ask>,
) {
    let is_wide = is_wide(body.width());
    if let Some(words) = page.drawer.as_ref().filter(|_| !is_wide) {
        pushed_ui(ui, look, body, words, state, asks);
        return;
    }
    let inner = body.shrink2(vec2(GUTTER, 0.0));
    let figures = inner.with_max_y(inner.top() + figures::HEIGHT);
    figures::figures_ui(ui, look, figures, &page.figures, is_wide);
    let filters = Rect::from_min_size(
        pos2(inner.left(), figures.bottom() + CARD_GAP),
        vec2(inner.width(), widgets::TALL_BUTTON_HEIGHT),
    );
    let before = state.wish_of_filters();
    filters::filters_ui(ui, look, filters, page, state, is_wide, asks);
    if before != state.wish_of_filters() {
        state.goes_to_top = true;
        // The rows of the next frame are others.
        ui.ctx().request_repaint();
    }
    let mut rest = inner
        .with_min_y(filters.bottom() + CARD_GAP)
        .with_max_y(body.bottom() - CARD_GAP);
    if let Some(note) = &page.note {
        let line = rest.with_max_y(rest.top() + NOTE_HEIGHT);
        nothing::note_ui(ui, look, line, note);
        rest.min.y = line.bottom();
    }
    if let Some(words) = &page.drawer {
        let beside = rest.with_min_x(rest.right() - DRAWER_WIDTH);
        rest.max.x = beside.left() - CARD_GAP;
        drawer_card_ui(ui, look, beside, words, state, asks);
    }
    match &page.nothing {
        Some(words) => nothing::nothing_ui(ui, look, rest, words, state, asks),
        None => table::table_ui(ui, look, rest, page, state, is_wide),
    }
}

impl ActivityState {
    fn wish_of_filters(&self) -> (Span, String, Option<Ended>, Option<String>) {
        (self.span, self.text.clone(), self.ended, self.key.clone())
    }
}

fn drawer_card_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    words: &Drawer,
    state: &mut ActivityState,
    asks: &mut Vec<Ask>,
) {
    widgets::card(ui.painter(), look, rect);
    let mut closes = false;
    ui.scope_builder(
        UiBuilder::new().max_rect(rect.shrink2(vec2(0.0, 1.0))),
        |ui| {
            egui::ScrollArea::vertical()
                .auto_shrink(false)
                .id_salt(("drawer", &words.id))
                .show(ui, |ui| {
                    closes = drawer::drawer_ui(ui, look, words, drawer::Way::Close, asks);
                });
        },
    );
    if closes {
        state.close_drawer();
    }
}

/// The drawer over the page, with the way back.
fn pushed_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    words: &Drawer,
    state: &mut ActivityState,
    asks: &mut Vec<Ask>,
) {
    let mut goes_back = false;
    shell::scroll_ui(ui, body, "request", |ui| {
        goes_back = widgets::back_ui(ui, look, "All requests", "Back to all requests").clicked();
        let ground = ui.painter().add(egui::Shape::Noop);
        let top = ui.cursor().min;
        let width = ui.available_width();
        drawer::drawer_ui(ui, look, words, drawer::Way::Back, asks);
        let card = Rect::from_min_max(top, pos2(top.x + width, ui.cursor().min.y));
        ui.painter().set(ground, widgets::card_shape(look, card));
        ui.add_space(CARD_GAP);
    });
    if goes_back {
        state.close_drawer();
    }
}

/// While a row has the focus, Up and Down move the cursor instead of egui's focus.
fn keep_arrows(ui: &Ui, id: Id) {
    let filter = EventFilter {
        vertical_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
}
