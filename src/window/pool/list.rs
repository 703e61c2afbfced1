//! The accounts of the pool in the user's own order, and what there is to know of all of them.

use std::sync::Arc;

use egui::{Align2, Color32, Galley, Id, Pos2, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::{PoolState, row};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::drag;
use crate::window::fonts::icon;
use crate::window::rows::PoolPage;
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_GAP, CARD_PADDING, HAIRLINE, Look};
use crate::window::widgets;

const TITLE: &str = "Accounts in the pool";
const HEAD: f32 = 40.0;
pub const ROW: f32 = 44.0;
/// Where the percents and their head end, counted from the right.
pub const PERCENT: f32 = 68.0;
/// More rows than this are made only where they can be seen.
const ALWAYS_DRAWN: usize = 100;
const NOTE_X: f32 = 36.0;
const NOTE_GAP: f32 = 6.0;
const FOOT_PADDING: f32 = 9.0;

/// The title of a card, which a screen reader can jump to.
pub fn title(ui: &Ui, look: Look, at: Pos2, words: &str) {
    let rect = text::put(
        ui.painter(),
        at,
        Align2::LEFT_CENTER,
        words,
        Role::BodyM,
        look.text,
        260.0,
    );
    heading(ui, rect, words);
}

fn heading(ui: &Ui, rect: Rect, words: &str) {
    let response = ui.interact(rect, Id::unique(("part", words)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, words));
}

/// The head above a card of a narrow page; `right` stands over a column.
pub fn head_ui(ui: &mut Ui, look: Look, words: &str, right: Option<&str>) {
    let size = vec2(ui.available_width(), 20.0 + CARD_GAP);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let middle = rect.top() + 20.0;
    let painter = ui.painter();
    let (role, ink) = (Role::CaptionM, look.text_2);
    let at = pos2(rect.left() + 4.0, middle);
    let head = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        words,
        role,
        ink,
        rect.width(),
    );
    heading(ui, head, words);
    if let Some(right) = right {
        let at = pos2(rect.right() - PERCENT, middle);
        text::put(
            painter,
            at,
            Align2::RIGHT_CENTER,
            right,
            Role::Caption,
            ink,
            120.0,
        );
    }
}

/// A line of the foot, laid out.
struct Note {
    glyph: &'static str,
    ink: Color32,
    words: String,
    galley: Arc<Galley>,
}

fn notes(ui: &Ui, look: Look, page: &PoolPage, width: f32) -> Vec<Note> {
    let note = |glyph, ink, words: &str, rows| Note {
        glyph,
        ink,
        galley: text::paragraph(
            ui.painter(),
            words,
            Role::Caption,
            look.text_2,
            width - NOTE_X - CARD_PADDING,
            rows,
        ),
        words: words.to_owned(),
    };
    let closed = page.closed.iter();
    let closed = closed.map(|words| note(icon::ALERT, look.warn, words, 2));
    let last = page.last.iter();
    let last = last.map(|words| note(icon::CLOCK, look.text_2, words, 3));
    let foot = [note(icon::INFO, look.text_2, &page.foot, 2)];
    closed.chain(last).chain(foot).collect()
}

fn notes_height(notes: &[Note]) -> f32 {
    let lines: f32 = notes.iter().map(|note| note.galley.size().y).sum();
    lines + NOTE_GAP * notes.len().saturating_sub(1) as f32 + 2.0 * FOOT_PADDING
}

pub fn height(ui: &Ui, look: Look, page: &PoolPage, width: f32) -> f32 {
    let notes = notes(ui, look, page, width);
    HEAD + ROW * page.accounts.len().max(1) as f32 + notes_height(&notes) + 4.0
}

/// In the card at `rect`, with sliders.
pub fn wide_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    page: &PoolPage,
    state: &mut PoolState,
    asks: &mut Vec<Ask>,
) {
    widgets::card(ui.painter(), look, rect);
    let middle = rect.top() + 22.0;
    title(ui, look, pos2(rect.left() + CARD_PADDING, middle), TITLE);
    if page.accounts.iter().any(|row| row.reserve.is_some()) {
        let at = pos2(rect.right() - PERCENT, middle);
        let (role, ink) = (Role::Caption, look.text_2);
        let words = "Keep in reserve";
        text::put(
            ui.painter(),
            at,
            Align2::RIGHT_CENTER,
            words,
            role,
            ink,
            140.0,
        );
    }
    let rows = rect.with_min_y(rect.top() + HEAD);
    let rows = rows.with_max_y(rows.top() + ROW * page.accounts.len() as f32);
    rows_ui(ui, look, rows, page, true, state, asks);
    let notes = notes(ui, look, page, rect.width());
    let foot = rect.with_min_y(rect.bottom() - notes_height(&notes));
    notes_ui(ui, look, foot, notes);
}

/// Below its head, without sliders: those are in the detail.
pub fn list_ui(
    ui: &mut Ui,
    look: Look,
    page: &PoolPage,
    state: &mut PoolState,
    asks: &mut Vec<Ask>,
) {
    let has_reserve = page.accounts.iter().any(|row| row.reserve.is_some());
    head_ui(ui, look, TITLE, has_reserve.then_some("Reserve"));
    let width = ui.available_width();
    let notes = notes(ui, look, page, width);
    let rows_height = ROW * page.accounts.len().max(1) as f32;
    let size = vec2(width, rows_height + notes_height(&notes));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    widgets::card(ui.painter(), look, rect);
    let rows = rect.with_max_y(rect.top() + ROW * page.accounts.len() as f32);
    rows_ui(ui, look, rows, page, false, state, asks);
    notes_ui(ui, look, rect.with_min_y(rect.top() + rows_height), notes);
}

fn rows_ui(
    ui: &mut Ui,
    look: Look,
    sheet: Rect,
    page: &PoolPage,
    has_sliders: bool,
    state: &mut PoolState,
    asks: &mut Vec<Ask>,
) {
    if page.accounts.is_empty() {
        let words = "No account yet.";
        let at = pos2(sheet.left() + CARD_PADDING, sheet.top() + ROW / 2.0);
        let (role, ink) = (Role::Body, look.text_2);
        let area = text::put(
            ui.painter(),
            at,
            Align2::LEFT_CENTER,
            words,
            role,
            ink,
            200.0,
        );
        heading(ui, area, words);
    }
    let names: Vec<&ProfileName> = page.accounts.iter().map(|row| &row.name).collect();
    let places = drag::places(ui, &names, state.drag.as_ref(), sheet, ROW);
    // While a dialog is open, and in the frame in which it is gone, nothing below it can have the focus.
    let is_free = ui.memory(|memory| memory.top_modal_layer().is_none());
    let has_moved = is_free && std::mem::take(&mut state.has_moved);
    let mut held = None;
    for (index, (account, top)) in page.accounts.iter().zip(places).enumerate() {
        let size = vec2(sheet.width(), ROW);
        let rect = Rect::from_min_size(pos2(sheet.left(), top), size);
        let is_cursor = match &state.cursor {
            Some(cursor) if names.contains(&cursor) => *cursor == account.name,
            // Without a cursor the first row is where the Tab key enters the list.
            Some(_) | None => index == 0,
        };
        if has_moved && is_cursor {
            ui.memory_mut(|memory| memory.request_focus(row::row_id(&account.name)));
            ui.scroll_to_rect(rect.expand(8.0), None);
        }
        if page.accounts.len() > ALWAYS_DRAWN && !is_cursor && !ui.is_rect_visible(rect) {
            continue;
        }
        let place = row::Place {
            rect,
            is_cursor,
            is_last: index + 1 == page.accounts.len(),
            is_held: state
                .drag
                .as_ref()
                .is_some_and(|drag| drag.name == account.name),
            has_slider: has_sliders,
            has_priority: page.has_priorities,
        };
        if place.is_held {
            held = Some((account, place));
        } else {
            row::row_ui(ui, look, account, place, state, asks);
        }
    }
    // The row in the hand lies over the others.
    if let Some((account, place)) = held {
        row::row_ui(ui, look, account, place, state, asks);
    }
    if let Some(way) = drag::dropped(ui, &names, &mut state.drag, sheet, ROW) {
        state.put(page, way, asks);
    }
}

fn notes_ui(ui: &Ui, look: Look, rect: Rect, notes: Vec<Note>) {
    let (from, to) = (rect.left() + HAIRLINE, rect.right() - HAIRLINE);
    widgets::divider(ui.painter(), look, from, to, rect.top());
    let mut top = rect.top() + FOOT_PADDING;
    for (index, note) in notes.into_iter().enumerate() {
        let height = note.galley.size().y;
        let area = Rect::from_min_size(
            pos2(rect.left() + CARD_PADDING, top),
            vec2(rect.width() - 2.0 * CARD_PADDING, height),
        );
        let response = ui.interact(area, Id::unique(("pool note", index)), Sense::hover());
        response
            .widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, note.words.as_str()));
        let painter = ui.painter();
        let glyph = pos2(rect.left() + 23.0, top + 8.5);
        text::icon(painter, glyph, note.glyph, 14, note.ink);
        let at = pos2(rect.left() + NOTE_X, top);
        text::place(painter, note.galley, at, Align2::LEFT_TOP);
        top += height + NOTE_GAP;
    }
}
