//! The table of keys, and below it whether one is needed.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::{ClientKeysState, row};
use crate::client_key::KeyChange;
use crate::desk::Command;
use crate::window::ask::Ask;
use crate::window::rows::ClientKeysPage;
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, Look};
use crate::window::widgets;

const HEAD_HEIGHT: f32 = 32.0;
const EMPTY_HEIGHT: f32 = 56.0;
/// Below so many the rows out of sight are drawn as well.
const ALWAYS_DRAWN: usize = 40;

/// Where each column begins, or for numbers ends.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub name: f32,
    pub key: f32,
    pub models: f32,
    pub used_right: f32,
    pub limit: f32,
    pub last: f32,
    pub more: f32,
}

impl Columns {
    /// What is left beside the columns of fixed width goes to names and models.
    fn of(card: Rect) -> Self {
        let more = card.right() - 22.0;
        let last = more - 84.0;
        let limit = last - 126.0;
        let used_right = limit - 24.0;
        let name = card.left() + 68.0;
        let rest = used_right - 72.0 - name;
        let key = name + (0.36 * rest).round();
        Self {
            name,
            key,
            models: key + 112.0,
            used_right,
            limit,
            last,
            more,
        }
    }
}

pub(super) fn table_ui(
    ui: &mut Ui,
    look: Look,
    page: &ClientKeysPage,
    is_wide: bool,
    state: &mut ClientKeysState,
    asks: &mut Vec<Ask>,
) {
    // While a dialog is open, and in the frame in which it is gone, nothing below it can have the focus.
    let is_free = ui.memory(|memory| memory.top_modal_layer().is_none());
    let has_moved = is_free && std::mem::take(&mut state.has_moved);
    if state.has_moved {
        ui.ctx().request_repaint();
    }
    let width = ui.available_width();
    let head_height = if is_wide && !page.rows.is_empty() {
        HEAD_HEIGHT
    } else {
        0.0
    };
    let row_height = if is_wide {
        row::WIDE_HEIGHT
    } else {
        row::NARROW_HEIGHT
    };
    let rows_height = match page.rows.len() {
        0 => EMPTY_HEIGHT,
        count => row_height * count as f32,
    };
    let required = required_words(ui, look, page, width);
    let required_height = (required.size().y + 42.0).round();
    let height = head_height + rows_height + required_height;
    let (card, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    widgets::card(ui.painter(), look, card);
    let columns = Columns::of(card);
    if head_height > 0.0 {
        head_ui(ui, look, card.with_max_y(card.top() + head_height), columns);
    }
    let mut top = card.top() + head_height;
    if let Some(empty) = page.empty {
        empty_ui(
            ui,
            look,
            Rect::from_min_size(pos2(card.left(), top), vec2(width, EMPTY_HEIGHT)),
            empty,
        );
    }
    for (index, key) in page.rows.iter().enumerate() {
        let rect = Rect::from_min_size(pos2(card.left(), top), vec2(width, row_height));
        top = rect.bottom();
        let is_cursor = match &state.cursor {
            Some(cursor) if page.rows.iter().any(|row| row.id == *cursor) => *cursor == key.id,
            // Without a cursor the first row is where the Tab key enters the table.
            _ => index == 0,
        };
        if has_moved && is_cursor {
            ui.memory_mut(|memory| memory.request_focus(row::row_id(&key.id)));
            ui.scroll_to_rect(rect.expand(8.0), None);
        }
        if page.rows.len() > ALWAYS_DRAWN && !is_cursor && !ui.is_rect_visible(rect) {
            continue;
        }
        let place = row::Place {
            rect,
            columns: is_wide.then_some(columns),
            is_cursor,
            is_first: index == 0 && head_height == 0.0,
            can_change: page.can_change,
        };
        row::row_ui(ui, look, key, place, state, asks);
    }
    let foot = card.with_min_y(card.bottom() - required_height);
    // A row has its own line below it.
    if page.rows.is_empty() {
        let (left, right) = (foot.left() + CARD_PADDING, foot.right() - CARD_PADDING);
        widgets::divider(ui.painter(), look, left, right, foot.top());
    }
    required_ui(ui, look, page, foot, required, asks);
}

fn head_ui(ui: &Ui, look: Look, rect: Rect, columns: Columns) {
    let right = Align2::RIGHT_CENTER;
    for (x, word, anchor) in [
        (columns.name, "Name", Align2::LEFT_CENTER),
        (columns.key, "Key", Align2::LEFT_CENTER),
        (columns.models, "Models", Align2::LEFT_CENTER),
        (columns.used_right, "Used today", right),
        (columns.limit, "Limit", Align2::LEFT_CENTER),
        (columns.last, "Last used", Align2::LEFT_CENTER),
    ] {
        let at = pos2(x, rect.center().y);
        text::put(
            ui.painter(),
            at,
            anchor,
            word,
            Role::Micro,
            look.text_2,
            120.0,
        );
    }
    widgets::divider(
        ui.painter(),
        look,
        rect.left() + 1.0,
        rect.right() - 1.0,
        rect.bottom() - 1.0,
    );
}

fn empty_ui(ui: &Ui, look: Look, rect: Rect, words: &str) {
    let width = rect.width() - 2.0 * CARD_PADDING;
    let galley = text::paragraph(ui.painter(), words, Role::Body, look.text_2, width, 2);
    let response = ui.interact(rect, Id::unique("no keys"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
    let at = pos2(rect.left() + CARD_PADDING, rect.center().y);
    text::place(ui.painter(), galley, at, Align2::LEFT_CENTER);
}

fn required_words(
    ui: &Ui,
    look: Look,
    page: &ClientKeysPage,
    width: f32,
) -> std::sync::Arc<egui::Galley> {
    let ink = if page.required.is_warning {
        look.warn
    } else {
        look.text_2
    };
    let width = width - 2.0 * CARD_PADDING - 56.0;
    text::paragraph(
        ui.painter(),
        page.required.text,
        Role::Caption,
        ink,
        width,
        4,
    )
}

fn required_ui(
    ui: &Ui,
    look: Look,
    page: &ClientKeysPage,
    rect: Rect,
    words: std::sync::Arc<egui::Galley>,
    asks: &mut Vec<Ask>,
) {
    let left = rect.left() + CARD_PADDING;
    text::put(
        ui.painter(),
        pos2(left, rect.top() + 18.0),
        Align2::LEFT_CENTER,
        "Require a key",
        Role::BodyM,
        look.text,
        rect.width() - 2.0 * CARD_PADDING - 56.0,
    );
    let at = pos2(left, rect.top() + 29.0);
    let area = text::place(ui.painter(), words, at, Align2::LEFT_TOP);
    let told = ui.interact(area, Id::unique("require a key, in words"), Sense::hover());
    told.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, page.required.text));
    let centre = pos2(rect.right() - CARD_PADDING - 18.0, rect.center().y);
    let id = Id::unique("require a key");
    if !page.can_change {
        let how = if page.required.is_on { 1.0 } else { 0.0 };
        widgets::paint_toggle(ui.painter(), look, centre, how);
        return;
    }
    if widgets::toggle_ui(ui, look, centre, id, page.required.is_on, "Require a key").clicked() {
        let change = KeyChange::Require(!page.required.is_on);
        asks.push(Ask::Command(Command::ChangeKeys(change)));
    }
}
