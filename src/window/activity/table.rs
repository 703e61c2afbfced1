//! The table: a head, and of all rows those that are in view. (`design` section 3, table.)

use std::ops::Range;

use egui::{
    Align2, Color32, CornerRadius, Id, Painter, Rect, Response, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, UiBuilder, WidgetInfo, accesskit, pos2, vec2,
};

use super::{ActivityState, keep_arrows};
use crate::window::fonts::icon;
use crate::window::rows::{ActivityPage, Entry, EntryState};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, CARD_RADIUS, GUTTER, HAIRLINE, Look};
use crate::window::widgets;

const HEAD: f32 = 32.0;
const ROW: f32 = 32.0;
/// With two lines.
const TALL_ROW: f32 = 48.0;
const TIME: f32 = 76.0;
const TIME_WITH_DAY: f32 = 90.0;
const KEY: f32 = 84.0;
const MODEL: f32 = 124.0;
const STATUS: f32 = 86.0;
const TOKENS: f32 = 110.0;
const FIRST: f32 = 80.0;
const TOTAL: f32 = 72.0;
/// An account with less room says nothing.
const LEAST_ACCOUNT: f32 = 110.0;
const COLUMN_GAP: f32 = 8.0;

/// Where each column lies, from left to right; those without room are missing.
#[derive(Clone, Copy, Default)]
struct Columns {
    time: Column,
    key: Option<Column>,
    model: Column,
    account: Column,
    status: Column,
    tokens: Option<Column>,
    first: Option<Column>,
    total: Column,
    has_reason: bool,
}

#[derive(Clone, Copy, Default)]
struct Column {
    left: f32,
    right: f32,
}

impl Column {
    fn width(self) -> f32 {
        self.right - self.left
    }
}

pub fn table_ui(
    ui: &mut Ui,
    look: Look,
    area: Rect,
    page: &ActivityPage,
    state: &mut ActivityState,
    is_wide: bool,
) {
    let columns = is_wide.then(|| columns(area, page));
    let row_height = if is_wide { ROW } else { TALL_ROW };
    let head = if is_wide { HEAD } else { 0.0 };
    let total = page.list.len();
    let content = head + total as f32 * row_height;
    let card = area.with_max_y(area.bottom().min(area.top() + content + 2.0));
    widgets::card(ui.painter(), look, card);
    if let Some(columns) = &columns {
        head_ui(ui, look, card.with_max_y(card.top() + HEAD), columns);
    }
    // The bar lies in the gutter beside the card.
    let rows = card
        .with_min_y(card.top() + head)
        .shrink2(vec2(0.0, HAIRLINE));
    let bounds = rows.with_max_x(rows.right() + GUTTER);
    settle_offset(state, page, row_height, rows.height());
    let mut scroll = ScrollArea::vertical()
        .auto_shrink(false)
        .id_salt(("requests", is_wide));
    if let Some(offset) = state.forced_offset.take() {
        scroll = scroll.vertical_scroll_offset(offset);
    }
    // While a dialog is open, and in the frame in which it is gone, nothing below it can have the focus.
    let is_free = ui.memory(|memory| memory.top_modal_layer().is_none());
    let has_moved = is_free && std::mem::take(&mut state.has_moved);
    let out = ui
        .scope_builder(UiBuilder::new().max_rect(bounds), |ui| {
            scroll.show_viewport(ui, |ui, viewport| {
                ui.set_width(rows.width());
                ui.set_height(total as f32 * row_height);
                let first = (viewport.top() / row_height).floor().max(0.0) as usize;
                let last = (viewport.bottom() / row_height).ceil().max(0.0) as usize;
                let visible = first..last.min(total);
                let top = ui.max_rect().top();
                let scene = Scene {
                    look,
                    rows,
                    row_height,
                    columns,
                };
                rows_ui(ui, &scene, visible.clone(), top, page, state, has_moved);
                visible
            })
        })
        .inner;
    note_visible(ui, state, page, out.inner, out.state.clamped_offset().y);
    // Over the rows, whose ground would cover it.
    ui.painter().rect_stroke(
        card,
        CornerRadius::same(CARD_RADIUS),
        Stroke::new(HAIRLINE, look.hairline),
        StrokeKind::Inside,
    );
}

/// Where the table is to be scrolled to before it is drawn: to its top, to the cursor, or along with what it showed when
/// requests came above it.
fn settle_offset(state: &mut ActivityState, page: &ActivityPage, row_height: f32, height: f32) {
    let most = (page.list.len() as f32 * row_height - height).max(0.0);
    let anchor = state.anchor.take();
    let moved = anchor.and_then(|(id, index)| Some((page.list.position(&id)?, index)));
    if std::mem::take(&mut state.goes_to_top) {
        state.forced_offset = Some(0.0);
        return;
    }
    let mut offset = state.offset;
    if let Some((now, before)) = moved
        && now != before
        && offset > 0.5
    {
        offset += (now as f32 - before as f32) * row_height;
    }
    let cursor = state.cursor.as_ref().filter(|_| state.has_moved);
    if let Some(index) = cursor.and_then(|id| page.list.position(id)) {
        let top = index as f32 * row_height;
        offset = offset.clamp((top + row_height - height).max(0.0), top.max(0.0));
    }
    let offset = offset.min(most);
    if (offset - state.offset).abs() > 0.1 {
        state.forced_offset = Some(offset);
    }
}

fn note_visible(
    ui: &Ui,
    state: &mut ActivityState,
    page: &ActivityPage,
    visible: Range<usize>,
    offset: f32,
) {
    let first = page.list.get(visible.start);
    state.anchor = first.map(|record| (record.id.clone(), visible.start));
    state.offset = offset;
    let worded = page.first..page.first + page.rows.len();
    let is_worded = visible.is_empty()
        || (worded.contains(&visible.start) && worded.end >= visible.end)
        || page.list.missing(visible.clone()).is_some();
    state.visible = (visible.start, visible.end);
    if !is_worded {
        // They can be, in the next frame.
        ui.ctx().request_repaint();
    }
}

/// What does not change from row to row.
struct Scene {
    look: Look,
    rows: Rect,
    row_height: f32,
    columns: Option<Columns>,
}

fn rows_ui(
    ui: &mut Ui,
    scene: &Scene,
    visible: Range<usize>,
    top: f32,
    page: &ActivityPage,
    state: &mut ActivityState,
    has_moved: bool,
) {
    for index in visible {
        let y = (top + index as f32 * scene.row_height).round();
        let rect = Rect::from_min_size(
            pos2(scene.rows.left(), y),
            vec2(scene.rows.width(), scene.row_height),
        );
        let is_last = index + 1 == page.list.len();
        let entry = index
            .checked_sub(page.first)
            .and_then(|index| page.rows.get(index));
        match entry {
            Some(entry) => {
                let response = row_ui(ui, scene, rect, entry, state, has_moved);
                if response.clicked()
                    && let Some(record) = page.list.get(index)
                {
                    state.show(record);
                    response.request_focus();
                }
            }
            None => {
                for (left, width) in [(CARD_PADDING, 52.0), (CARD_PADDING + 90.0, 120.0)] {
                    let pill = Rect::from_min_size(
                        pos2(rect.left() + left, rect.center().y - 5.0),
                        vec2(width, 10.0),
                    );
                    widgets::skeleton(ui.painter(), scene.look, pill);
                }
            }
        }
        if !is_last {
            let left = rect.left() + CARD_PADDING;
            let right = rect.right() - CARD_PADDING;
            let y = rect.bottom() - HAIRLINE;
            widgets::divider(ui.painter(), scene.look, left, right, y);
        }
    }
}

fn row_id(id: &str) -> Id {
    Id::unique(("request", id))
}

fn row_ui(
    ui: &Ui,
    scene: &Scene,
    rect: Rect,
    entry: &Entry,
    state: &ActivityState,
    has_moved: bool,
) -> Response {
    let look = scene.look;
    let response = ui.interact(rect, row_id(&entry.id), Sense::click());
    let is_shown = state.shown.as_ref().is_some_and(|it| it.id == entry.id);
    response.widget_info(|| {
        WidgetInfo::selected(accesskit::Role::Button, true, is_shown, &entry.spoken)
    });
    if has_moved && state.cursor.as_ref() == Some(&entry.id) {
        response.request_focus();
    }
    if response.has_focus() {
        keep_arrows(ui, response.id);
    }
    let ground = match (is_shown, response.hovered()) {
        (true, _) => Some(look.accent_soft),
        (false, true) => Some(look.hover),
        (false, false) => None,
    };
    if let Some(ground) = ground {
        let area = rect.shrink2(vec2(HAIRLINE, 0.0));
        ui.painter().rect_filled(area, 0.0, ground);
    }
    let quiet = if is_shown { look.text_2 } else { look.text_3 };
    match &scene.columns {
        Some(columns) => paint_cells(ui.painter(), look, rect, entry, columns, quiet),
        None => paint_lines(ui.painter(), look, rect, entry, quiet),
    }
    if look.shows_focus && response.has_focus() {
        ui.painter().rect_stroke(
            rect.shrink(2.0),
            CornerRadius::same(4),
            Stroke::new(2.0, look.accent),
            StrokeKind::Inside,
        );
    }
    response
}

fn columns(area: Rect, page: &ActivityPage) -> Columns {
    let has_day = page.span != crate::desk::Span::Day;
    let time = if has_day { TIME_WITH_DAY } else { TIME };
    let left = area.left() + CARD_PADDING;
    let right = area.right() - CARD_PADDING;
    let span = |left: f32, width: f32| Column {
        left,
        right: left + width,
    };
    let inner = right - left;
    let whole = inner - time - KEY - MODEL - STATUS - TOKENS - FIRST - TOTAL;
    let is_whole = whole >= LEAST_ACCOUNT && page.drawer.is_none();
    if !is_whole {
        // Beside the drawer there is room for the least.
        let rest = (inner - time - STATUS - 52.0).max(0.0);
        let model = span(left + time, rest * 0.55);
        let account = span(model.right, rest * 0.45);
        return Columns {
            time: span(left, time),
            model,
            account,
            status: span(account.right, STATUS),
            total: Column {
                left: account.right + STATUS,
                right,
            },
            ..Columns::default()
        };
    }
    let key = span(left + time, KEY);
    let model = span(key.right, MODEL + (whole - LEAST_ACCOUNT) * 0.2);
    let account = span(model.right, LEAST_ACCOUNT + (whole - LEAST_ACCOUNT) * 0.8);
    let status = span(account.right, STATUS);
    let tokens = span(status.right, TOKENS);
    let first = span(tokens.right, FIRST);
    Columns {
        time: span(left, time),
        key: Some(key),
        model,
        account,
        status,
        tokens: Some(tokens),
        first: Some(first),
        total: span(first.right, TOTAL),
        has_reason: true,
    }
}

fn head_ui(ui: &Ui, look: Look, rect: Rect, columns: &Columns) {
    let painter = ui.painter();
    let middle = rect.center().y;
    let word = |place: Column, align: Align2, word: &str| {
        let x = if align == Align2::LEFT_CENTER {
            place.left
        } else {
            place.right
        };
        let at = pos2(x, middle);
        text::put(
            painter,
            at,
            align,
            word,
            Role::Micro,
            look.text_2,
            place.width(),
        );
    };
    let (left, right) = (Align2::LEFT_CENTER, Align2::RIGHT_CENTER);
    word(columns.time, left, "Time");
    if let Some(key) = columns.key {
        word(key, left, "Key");
    }
    word(columns.model, left, "Model");
    word(columns.account, left, "Account");
    word(columns.status, left, "Status");
    if let Some(tokens) = columns.tokens {
        word(tokens, right, "Tokens in / out");
    }
    if let Some(first) = columns.first {
        word(first, right, "First token");
    }
    word(columns.total, right, "Total");
    let y = rect.bottom() - HAIRLINE;
    widgets::divider(painter, look, rect.left(), rect.right(), y);
}

fn paint_cells(
    painter: &Painter,
    look: Look,
    rect: Rect,
    entry: &Entry,
    columns: &Columns,
    quiet: Color32,
) {
    let middle = rect.center().y;
    let left = |place: Column, words: &str, role: Role, ink: Color32| {
        let width = place.width() - COLUMN_GAP;
        let at = pos2(place.left, middle);
        text::put(painter, at, Align2::LEFT_CENTER, words, role, ink, width)
    };
    let right = |place: Column, words: &str, ink: Color32| {
        let at = pos2(place.right, middle);
        let width = place.width() - COLUMN_GAP;
        text::put(
            painter,
            at,
            Align2::RIGHT_CENTER,
            words,
            Role::Cell,
            ink,
            width,
        )
    };
    left(columns.time, &entry.time, Role::Cell, look.text_2);
    if let Some(key) = columns.key {
        left(key, &entry.key, Role::Body, look.text_2);
    }
    left(columns.model, &entry.model, Role::Body, look.text);
    let (role, ink) = account_ink(look, entry, quiet);
    let account = left(columns.account, &entry.account, role, ink);
    let rest = Column {
        left: account.right() + 8.0,
        right: columns.account.right,
    };
    // A few letters of a reason are none.
    if columns.has_reason && rest.width() > 48.0 {
        left(rest, &entry.reason, Role::Body, quiet);
    }
    let end = status_ui(painter, look, pos2(columns.status.left, middle), entry);
    if let Some(retries) = &entry.retries {
        retries_ui(painter, quiet, pos2(end + 10.0, middle), retries);
    }
    if let Some(tokens) = columns.tokens {
        let words = format!("{} / {}", entry.tokens_in, entry.tokens_out);
        right(tokens, &words, look.text);
    }
    if let Some(first) = columns.first {
        right(first, &entry.first_token, look.text_2);
    }
    right(columns.total, &entry.total, look.text);
}

fn account_ink(look: Look, entry: &Entry, quiet: Color32) -> (Role, Color32) {
    if entry.has_account {
        (Role::BodyM, look.text)
    } else {
        (Role::Body, quiet)
    }
}

fn retries_ui(painter: &Painter, ink: Color32, at: egui::Pos2, retries: &str) {
    text::icon(painter, pos2(at.x + 6.0, at.y), icon::AGAIN, 12, ink);
    let at = pos2(at.x + 16.0, at.y);
    text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        retries,
        Role::Cell,
        ink,
        30.0,
    );
}

/// The sign of how a request ended, and the ink of its words.
pub fn sign(look: Look, state: EntryState) -> (&'static str, Color32, Role, Color32) {
    match state {
        EntryState::Done => (icon::CHECK, look.ok, Role::Cell, look.text_2),
        EntryState::Limited => (icon::HOURGLASS, look.warn, Role::BodyS, look.warn),
        EntryState::Left => (icon::CROSS_CIRCLE, look.text_3, Role::Cell, look.text_2),
        EntryState::Failed => (icon::ALERT_CIRCLE, look.bad, Role::BodyS, look.bad),
    }
}

/// Sign and number, from `at` on. Returns where they end.
pub fn status_ui(painter: &Painter, look: Look, at: egui::Pos2, entry: &Entry) -> f32 {
    let (glyph, sign_ink, role, ink) = sign(look, entry.state);
    text::icon(painter, pos2(at.x + 6.0, at.y), glyph, 13, sign_ink);
    let words = pos2(at.x + 18.0, at.y);
    let put = text::put(
        painter,
        words,
        Align2::LEFT_CENTER,
        &entry.status,
        role,
        ink,
        60.0,
    );
    put.right()
}

/// Two lines, where the window is narrow.
fn paint_lines(painter: &Painter, look: Look, rect: Rect, entry: &Entry, quiet: Color32) {
    let left = rect.left() + CARD_PADDING;
    let right = rect.right() - CARD_PADDING;
    let (above, below) = (rect.center().y - 9.0, rect.center().y + 9.0);
    let end = match entry.state {
        EntryState::Done => text::put(
            painter,
            pos2(right, above),
            Align2::RIGHT_CENTER,
            &entry.total,
            Role::Cell,
            look.text,
            80.0,
        ),
        EntryState::Limited | EntryState::Left | EntryState::Failed => {
            let (glyph, sign_ink, role, ink) = sign(look, entry.state);
            let at = pos2(right, above);
            let words = text::put(
                painter,
                at,
                Align2::RIGHT_CENTER,
                &entry.status,
                role,
                ink,
                80.0,
            );
            let at = pos2(words.left() - 11.0, above);
            text::icon(painter, at, glyph, 13, sign_ink);
            words.with_min_x(words.left() - 20.0)
        }
    };
    let (role, ink) = account_ink(look, entry, quiet);
    let at = pos2(left, above);
    let width = end.left() - left - 12.0;
    let account = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        &entry.account,
        role,
        ink,
        width,
    );
    let at = pos2(account.right() + 8.0, above);
    let width = end.left() - at.x - 12.0;
    if width > 24.0 {
        text::put(
            painter,
            at,
            Align2::LEFT_CENTER,
            &entry.model,
            Role::Body,
            look.text_2,
            width,
        );
    }
    let tokens = format!("{} / {}", entry.tokens_in, entry.tokens_out);
    let at = pos2(right, below);
    let tokens = text::put(
        painter,
        at,
        Align2::RIGHT_CENTER,
        &tokens,
        Role::Countdown,
        quiet,
        160.0,
    );
    let second = [&entry.time, &entry.key, &entry.reason];
    let second = second
        .map(String::as_str)
        .into_iter()
        .filter(|part| !part.is_empty());
    let second = second.collect::<Vec<_>>().join(" · ");
    let at = pos2(left, below);
    let width = tokens.left() - left - 12.0;
    text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        &second,
        Role::Countdown,
        quiet,
        width,
    );
}
