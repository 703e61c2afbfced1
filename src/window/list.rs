//! The list of the other accounts: search, sort, groups. Its rows are in [`super::row`].

use egui::{
    Align2, CornerRadius, Id, Popup, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    accesskit, pos2, vec2,
};

use super::ask::Ask;
use super::fonts::icon;
use super::row;
use super::rows::{Group, Page, Row, Sort};
use super::text::{self, Role};
use super::theme::{CONTROL_RADIUS, HAIRLINE, Look};
use super::widgets::{self, ICON_BUTTON};
use crate::profile::ProfileName;

const ROW_HEIGHT: f32 = 52.0;
const DENSE_ROW_HEIGHT: f32 = 44.0;
const SEARCH_HEIGHT: f32 = 32.0;
/// More rows than this are made only where they can be seen.
const ALWAYS_DRAWN: usize = 100;

/// Where the keyboard stands in the list, and what is searched for.
#[derive(Debug, Default)]
pub struct ListState {
    pub cursor: Option<ProfileName>,
    pub search: String,
    /// The cursor was moved by a key: bring its row into view and give it the focus.
    pub has_moved: bool,
}

impl ListState {
    /// Brings an account into view.
    pub fn select(&mut self, name: ProfileName) {
        self.search.clear();
        self.cursor = Some(name);
        self.has_moved = true;
    }

    /// Moves the cursor down (or up) one row; from nowhere to the first (or last).
    pub fn step(&mut self, page: &Page, down: bool) {
        let names: Vec<_> = page.rows().map(|row| &row.name).collect();
        let at = self
            .cursor
            .as_ref()
            .and_then(|cursor| names.iter().position(|name| *name == cursor));
        let next = match (at, down) {
            (Some(at), true) => (at + 1).min(names.len().saturating_sub(1)),
            (Some(at), false) => at.saturating_sub(1),
            (None, true) => 0,
            (None, false) => names.len().saturating_sub(1),
        };
        self.cursor = names.get(next).map(|name| (*name).clone());
        self.has_moved = self.cursor.is_some();
    }
}

pub fn search_id() -> Id {
    Id::unique("search accounts")
}

pub fn list_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    sort: Sort,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    if page.is_dense {
        search_ui(ui, look, page, sort, state, asks);
    }
    // While a dialog is open, and in the frame in which it is gone, nothing below it can have the focus.
    let is_free = ui.memory(|memory| memory.top_modal_layer().is_none());
    let has_moved = is_free && std::mem::take(&mut state.has_moved);
    if state.has_moved {
        ui.ctx().request_repaint();
    }
    for (index, group) in page.groups.iter().enumerate() {
        let sorted = (index == 0 && !page.is_dense).then_some(sort);
        head_ui(ui, look, group, sorted, asks);
        group_ui(ui, look, page, group, state, has_moved, asks);
    }
    if page.groups.is_empty() && !state.search.is_empty() {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 64.0), Sense::hover());
        let words = format!(
            "No account matches \u{201c}{}\u{201d}.",
            state.search.trim()
        );
        text::put(
            ui.painter(),
            rect.center(),
            Align2::CENTER_CENTER,
            &words,
            Role::Body,
            look.text_2,
            rect.width(),
        );
    }
}

fn search_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    sort: Sort,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let (rect, _) =
        ui.allocate_exact_size(vec2(ui.available_width(), SEARCH_HEIGHT), Sense::hover());
    let field = rect.with_max_x(rect.right() - SEARCH_HEIGHT - 8.0);
    let hint = format!("Search {} accounts", page.listed);
    widgets::field_ui(
        ui,
        look,
        field,
        search_id(),
        &mut state.search,
        (Some(icon::SEARCH), &hint, "Search accounts"),
        false,
    );
    let button = rect.with_min_x(rect.right() - SEARCH_HEIGHT);
    let response = widgets::hit(ui, button, Id::unique("sort"), &sort_spoken(sort));
    ui.painter().rect(
        button,
        CornerRadius::same(CONTROL_RADIUS),
        if response.hovered() {
            look.sunken
        } else {
            look.surface
        },
        Stroke::new(HAIRLINE, look.border),
        StrokeKind::Inside,
    );
    text::icon(ui.painter(), button.center(), icon::FILTER, 16, look.text_2);
    widgets::focus_ring(ui.painter(), look, button, CONTROL_RADIUS, &response);
    sort_menu_ui(look, &response, sort, asks);
}

fn sort_spoken(sort: Sort) -> String {
    format!("Sort: {}", sort.label())
}

fn head_ui(ui: &mut Ui, look: Look, group: &Group, sorted: Option<Sort>, asks: &mut Vec<Ask>) {
    let height = if sorted.is_some() { 36.0 } else { 32.0 };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let middle = rect.top() + 20.0;
    let head = text::put(
        ui.painter(),
        pos2(rect.left() + 4.0, middle),
        Align2::LEFT_CENTER,
        &group.head,
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
    let response = ui.interact(head, Id::unique(("head", &group.head)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, &group.head));
    if let Some(count) = group.count {
        text::put(
            ui.painter(),
            pos2(head.right() + 8.0, middle),
            Align2::LEFT_CENTER,
            &count.to_string(),
            Role::Countdown,
            look.text_3,
            60.0,
        );
    }
    if let Some(sort) = sorted {
        sort_select_ui(ui, look, pos2(rect.right(), middle), sort, asks);
    }
}

fn sort_select_ui(ui: &Ui, look: Look, right: egui::Pos2, sort: Sort, asks: &mut Vec<Ask>) {
    let galley = text::line(
        ui.painter(),
        sort.label(),
        Role::Caption,
        look.text_2,
        200.0,
    );
    let chevron = pos2(right.x - 14.0, right.y);
    let words = pos2(chevron.x - 10.0, right.y);
    let rect = Rect::from_min_max(
        pos2(words.x - galley.size().x - 8.0, right.y - ICON_BUTTON / 2.0),
        pos2(right.x, right.y + ICON_BUTTON / 2.0),
    );
    let response = widgets::hit(ui, rect, Id::unique("sort"), &sort_spoken(sort));
    if response.hovered() {
        let radius = CornerRadius::same(CONTROL_RADIUS);
        ui.painter().rect_filled(rect, radius, look.sunken);
    }
    text::place(ui.painter(), galley, words, Align2::RIGHT_CENTER);
    text::icon(ui.painter(), chevron, icon::CHEVRON_DOWN, 13, look.text_2);
    widgets::focus_ring(ui.painter(), look, rect, CONTROL_RADIUS, &response);
    sort_menu_ui(look, &response, sort, asks);
}

fn sort_menu_ui(look: Look, button: &Response, sort: Sort, asks: &mut Vec<Ask>) {
    Popup::menu(button)
        .align(egui::RectAlign::BOTTOM_END)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(190.0)
        .show(|ui| {
            ui.set_width(190.0);
            for choice in Sort::ALL {
                let check = (choice == sort).then_some(icon::CHECK);
                if widgets::menu_item_ui(ui, look, check, choice.label(), "") {
                    asks.push(Ask::Sort(choice));
                }
            }
        });
}

fn group_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    group: &Group,
    state: &mut ListState,
    has_moved: bool,
    asks: &mut Vec<Ask>,
) {
    let height = if page.is_dense {
        DENSE_ROW_HEIGHT
    } else {
        ROW_HEIGHT
    };
    let count = group.rows.len();
    let (sheet, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), height * count as f32),
        Sense::hover(),
    );
    widgets::card(ui.painter(), look, sheet);
    for (index, account) in group.rows.iter().enumerate() {
        let rect = Rect::from_min_size(
            pos2(sheet.left(), sheet.top() + height * index as f32),
            vec2(sheet.width(), height),
        );
        let is_cursor = match &state.cursor {
            Some(cursor) => *cursor == account.name,
            // Without a cursor the first row is where the Tab key enters the list.
            None => {
                index == 0
                    && page
                        .groups
                        .first()
                        .is_some_and(|first| std::ptr::eq(first, group))
            }
        };
        if has_moved && is_cursor {
            ui.memory_mut(|memory| memory.request_focus(row::row_id(&account.name)));
            ui.scroll_to_rect(rect.expand(8.0), None);
        }
        if page.listed > ALWAYS_DRAWN && !is_cursor && !ui.is_rect_visible(rect) {
            continue;
        }
        let place = row::Place {
            rect,
            is_cursor,
            is_first: index == 0,
            is_last: index + 1 == count,
        };
        row::row_ui(ui, look, account, place, state, asks);
    }
}

/// The row that has the focus, itself or one of its buttons.
pub fn focused_row<'a>(ui: &Ui, page: &'a Page) -> Option<&'a Row> {
    let focused = ui.memory(|memory| memory.focused())?;
    page.rows().find(|candidate| row::holds(candidate, focused))
}
