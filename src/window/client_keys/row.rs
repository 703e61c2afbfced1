//! One key in the table.

use egui::{
    Align2, CornerRadius, CursorIcon, EventFilter, Id, Key, Popup, Pos2, Rect, Response, Sense,
    Stroke, StrokeKind, Ui, Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use super::table::Columns;
use super::{ClientKeysState, menu, toggled};
use crate::client_key::KeyId;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::rows::{Fill, KeyRow};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, CARD_RADIUS, HAIRLINE, Look};
use crate::window::widgets::{self, ICON_BUTTON};

pub(super) const WIDE_HEIGHT: f32 = 48.0;
pub(super) const NARROW_HEIGHT: f32 = 56.0;
const BAR_WIDTH: f32 = 88.0;

/// Where a row lies, and what is special about it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub rect: Rect,
    /// None: it has two lines instead.
    pub columns: Option<Columns>,
    /// The Tab key enters the table here.
    pub is_cursor: bool,
    pub is_first: bool,
    pub can_change: bool,
}

pub(super) fn row_id(id: &KeyId) -> Id {
    Id::unique(("client key", id.as_str()))
}

pub(super) fn row_ui(
    ui: &Ui,
    look: Look,
    row: &KeyRow,
    place: Place,
    state: &mut ClientKeysState,
    asks: &mut Vec<Ask>,
) {
    let rect = place.rect;
    let id = row_id(&row.id);
    // The table is one stop of the Tab key.
    let sense = if place.is_cursor {
        Sense::click()
    } else {
        Sense::CLICK
    };
    let response = ui.interact(rect, id, sense);
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::ListItem, true, &row.spoken));
    let middle = rect.center().y;
    let more_at = pos2(rect.right() - 22.0, middle);
    let more = more_ui(ui, more_at, id, row);
    let menu_id = Popup::default_response_id(&more);
    let is_open = Popup::is_id_open(ui.ctx(), menu_id);
    obey_row(ui, row, &response, menu_id, state);

    let is_hovered = response.contains_pointer();
    if is_hovered || is_open {
        let corner = if place.is_first { CARD_RADIUS - 1 } else { 0 };
        let radius = CornerRadius {
            nw: corner,
            ne: corner,
            ..CornerRadius::ZERO
        };
        let top = if place.is_first { HAIRLINE } else { 0.0 };
        let ground = rect
            .shrink2(vec2(HAIRLINE, 0.0))
            .with_min_y(rect.top() + top);
        ui.painter().rect_filled(ground, radius, look.hover);
    }
    match place.columns {
        Some(columns) => paint_wide(ui, look, row, rect, columns),
        None => paint_narrow(ui, look, row, rect),
    }
    let toggle_at = pos2(rect.left() + 34.0, middle);
    if toggle_ui(ui, look, toggle_at, id, row, place.can_change) {
        asks.push(toggled(row));
    }
    let more_rect = Rect::from_center_size(more_at, Vec2::splat(ICON_BUTTON));
    widgets::paint_icon_button(ui.painter(), look, more_rect, &more, icon::ELLIPSIS);
    let left = rect.left() + CARD_PADDING;
    let right = rect.right() - CARD_PADDING;
    widgets::divider(ui.painter(), look, left, right, rect.bottom() - HAIRLINE);
    if look.shows_focus && response.has_focus() {
        ui.painter().rect_stroke(
            rect.shrink(2.0),
            CornerRadius::same(CARD_RADIUS - 2),
            Stroke::new(2.0, look.accent),
            StrokeKind::Inside,
        );
    }
    menu::row_menu_ui(look, row, place.can_change, &more, asks);
    menu::give_focus_back(ui, id, is_open);
    if !row.facts.is_empty() {
        response.on_hover_text(row.facts.join("\n"));
    }
}

/// Clicks and keys on the row itself.
fn obey_row(ui: &Ui, row: &KeyRow, response: &Response, menu_id: Id, state: &mut ClientKeysState) {
    if response.has_focus() {
        // Up and Down move the cursor instead of egui's focus.
        let filter = EventFilter {
            vertical_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let wants_menu = |input: &egui::InputState| {
            let is_shift_f10 = input.modifiers.shift_only() && input.key_pressed(Key::F10);
            is_shift_f10 || input.key_pressed(Key::Menu)
        };
        if ui.input(wants_menu) {
            menu::open_by_key(ui, menu_id, response.id);
        }
    }
    if response.clicked() {
        state.cursor = Some(row.id.clone());
        response.request_focus();
    }
    if response.secondary_clicked() {
        Popup::open_id(ui.ctx(), menu_id);
    }
}

fn more_ui(ui: &Ui, centre: Pos2, id: Id, row: &KeyRow) -> Response {
    let rect = Rect::from_center_size(centre, Vec2::splat(ICON_BUTTON));
    let more = ui.interact(rect, id.with("more"), Sense::CLICK);
    more.widget_info(|| {
        let spoken = format!("More for {}", row.label);
        WidgetInfo::labeled(accesskit::Role::Button, true, spoken)
    });
    more
}

/// Whether it was pressed. Space does the same on the row.
fn toggle_ui(ui: &Ui, look: Look, centre: Pos2, id: Id, row: &KeyRow, can_change: bool) -> bool {
    let how = ui.ctx().animate_bool(id.with("how"), row.is_enabled);
    widgets::paint_toggle(ui.painter(), look, centre, how);
    if !can_change {
        return false;
    }
    let area = Rect::from_center_size(centre, vec2(44.0, 32.0));
    let toggle = ui
        .interact(area, id.with("toggle"), Sense::CLICK)
        .on_hover_cursor(CursorIcon::PointingHand);
    toggle.widget_info(|| {
        let spoken = format!("Enable {}", row.label);
        WidgetInfo::selected(accesskit::Role::Switch, true, row.is_enabled, spoken)
    });
    toggle.clicked()
}

fn paint_wide(ui: &Ui, look: Look, row: &KeyRow, rect: Rect, columns: Columns) {
    let painter = ui.painter();
    let middle = rect.center().y;
    let (ink, quiet) = inks(look, row);
    let left = Align2::LEFT_CENTER;
    let put = |x: f32, y: f32, words: &str, role: Role, ink, width: f32| {
        text::put(painter, pos2(x, y), left, words, role, ink, width)
    };
    let width = columns.key - 12.0 - columns.name;
    put(
        columns.name,
        middle - 9.0,
        &row.label,
        Role::BodyM,
        ink,
        width,
    );
    put(
        columns.name,
        middle + 9.0,
        &row.second,
        Role::Caption,
        quiet,
        width,
    );
    let width = columns.models - 12.0 - columns.key;
    put(columns.key, middle, &row.shown, Role::Mono, quiet, width);
    let width = columns.used_right - 72.0 - columns.models;
    put(
        columns.models,
        middle,
        &row.models,
        Role::Body,
        look.text_2,
        width,
    );
    let used_ink = if row.used_today == "0" {
        look.text_3
    } else {
        ink
    };
    text::put(
        painter,
        pos2(columns.used_right, middle),
        Align2::RIGHT_CENTER,
        &row.used_today,
        Role::BodyM,
        used_ink,
        70.0,
    );
    let width = columns.last - 8.0 - columns.limit;
    match &row.left {
        None => {
            put(
                columns.limit,
                middle,
                &row.limit,
                Role::Body,
                look.text_2,
                width,
            );
        }
        Some(limit) => {
            let words = put(
                columns.limit,
                middle - 7.0,
                &row.limit,
                Role::Caption,
                look.text_2,
                width,
            );
            if let Some(warning) = &limit.warning {
                let ink = warning_ink(look, limit.fill);
                let x = words.right() + 8.0;
                put(
                    x,
                    middle - 7.0,
                    warning,
                    Role::CaptionM,
                    ink,
                    columns.last - 4.0 - x,
                );
            }
            let at = pos2(columns.limit, middle + 6.0);
            let bar = Rect::from_min_size(at, vec2(BAR_WIDTH, 4.0));
            widgets::usage_bar(painter, look, bar, limit.percent, limit.fill, None);
        }
    }
    let width = columns.more - 16.0 - columns.last;
    put(
        columns.last,
        middle,
        &row.last,
        Role::Body,
        look.text_2,
        width,
    );
}

fn paint_narrow(ui: &Ui, look: Look, row: &KeyRow, rect: Rect) {
    let painter = ui.painter();
    let middle = rect.center().y;
    let (ink, quiet) = inks(look, row);
    let name = rect.left() + 68.0;
    let right = rect.right() - 42.0;
    let (end, end_ink) = match &row.left {
        Some(limit) => (limit.text.clone(), warning_ink(look, limit.fill)),
        None => (format!("{} today", row.used_today), look.text_2),
    };
    let end_ink = if row.is_open { end_ink } else { look.text_3 };
    let at = pos2(right, middle - 9.0);
    let end = text::put(
        painter,
        at,
        Align2::RIGHT_CENTER,
        &end,
        Role::BodyS,
        end_ink,
        90.0,
    );
    let at = pos2(right, middle + 9.0);
    let last = text::put(
        painter,
        at,
        Align2::RIGHT_CENTER,
        &row.last,
        Role::Countdown,
        look.text_2,
        90.0,
    );
    text::put(
        painter,
        pos2(name, middle - 9.0),
        Align2::LEFT_CENTER,
        &row.label,
        Role::BodyM,
        ink,
        end.left() - 10.0 - name,
    );
    let words = match (row.is_open, row.is_enabled) {
        (true, _) => format!("{} · {}", row.shown, row.limit),
        (false, true) => format!("{} · {}", row.shown, row.second),
        (false, false) => format!("{} · off", row.shown),
    };
    text::put(
        painter,
        pos2(name, middle + 9.0),
        Align2::LEFT_CENTER,
        &words,
        Role::Caption,
        quiet,
        last.left() - 10.0 - name,
    );
}

fn inks(look: Look, row: &KeyRow) -> (egui::Color32, egui::Color32) {
    if row.is_open {
        (look.text, look.text_2)
    } else {
        (look.text_3, look.text_3)
    }
}

fn warning_ink(look: Look, fill: Fill) -> egui::Color32 {
    match fill {
        Fill::Low => look.warn,
        Fill::Critical | Fill::Empty => look.bad,
        Fill::Accent | Fill::Neutral | Fill::Missing => look.text,
    }
}
