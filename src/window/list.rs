//! The list of accounts: search, sort, groups. Its rows are in [`super::row`].

use std::collections::BTreeSet;

use egui::{
    Align2, CornerRadius, Id, Rect, Response, Sense, Ui, WidgetInfo, accesskit, pos2, vec2,
};

use super::ask::{Ask, Opening};
use super::detail::DetailState;
use super::dialogs::AddTab;
use super::drag::{self, Drag};
use super::fonts::icon;
use super::rows::{Group, Page, Row, Sort};
use super::text::{self, Role};
use super::theme::{CARD_GAP as GAP, CONTROL_RADIUS, Look};
use super::widgets::{self, ButtonKind, ICON_BUTTON, Label};
use super::{accounts, menus, row};
use crate::profile::ProfileName;

const ROW_HEIGHT: f32 = 52.0;
const DENSE_ROW_HEIGHT: f32 = 44.0;
const SEARCH_HEIGHT: f32 = 32.0;
/// More rows than this are made only where they can be seen.
const ALWAYS_DRAWN: usize = 100;

/// What the user does to the list and has not asked for: where the keyboard stands, what is searched for, chosen, dragged.
#[derive(Debug, Default)]
pub struct ListState {
    pub cursor: Option<ProfileName>,
    pub search: String,
    /// The cursor was moved by a key: bring its row into view and give it the focus.
    pub has_moved: bool,
    /// The account that is looked at; none: the one in use.
    pub shown: Option<ProfileName>,
    /// Where there is no room beside the list, the detail lies over it.
    pub is_pushed: bool,
    /// Several rows, for what is done to all of them.
    pub chosen: BTreeSet<ProfileName>,
    /// Where a range began.
    anchor: Option<ProfileName>,
    pub drag: Option<Drag>,
    /// The order that was asked for and is not published yet.
    pub order: Option<Vec<ProfileName>>,
    pub detail: DetailState,
    /// The last account that was renamed, and how, until that is seen.
    renamed: Option<(ProfileName, ProfileName)>,
}

/// How a row was clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    Plain,
    /// One row more, or less.
    Toggle,
    /// Everything from the last one to this.
    Range,
}

impl ListState {
    /// Brings an account into view.
    pub fn select(&mut self, name: ProfileName) {
        self.search.clear();
        self.chosen.clear();
        self.is_pushed = false;
        self.shown = Some(name.clone());
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

    /// Looks at an account.
    pub fn show(&mut self, name: &ProfileName) {
        self.shown = Some(name.clone());
        self.is_pushed = true;
    }

    /// Back to the list, where the account stood. Whether there was anything to go back from.
    pub fn go_back(&mut self) -> bool {
        if !std::mem::take(&mut self.is_pushed) {
            return false;
        }
        if self.shown.is_some() {
            self.cursor = self.shown.clone();
            self.has_moved = true;
        }
        true
    }

    pub fn click(&mut self, page: &Page, name: &ProfileName, click: Click) {
        self.cursor = Some(name.clone());
        match click {
            Click::Plain => {
                self.chosen.clear();
                self.anchor = Some(name.clone());
                self.show(name);
            }
            Click::Toggle => {
                if !self.chosen.remove(name) {
                    self.chosen.insert(name.clone());
                }
                self.anchor = Some(name.clone());
            }
            Click::Range => self.choose_up_to(page, name),
        }
    }

    fn choose_up_to(&mut self, page: &Page, name: &ProfileName) {
        let names: Vec<_> = page.rows().map(|row| &row.name).collect();
        let place = |wanted: &ProfileName| names.iter().position(|name| *name == wanted);
        let Some(to) = place(name) else { return };
        let from = self.anchor.as_ref().and_then(place).unwrap_or(to);
        if self.anchor.is_none() {
            self.anchor = Some(name.clone());
        }
        let range = names.iter().take(from.max(to) + 1).skip(from.min(to));
        self.chosen = range.map(|name| (*name).clone()).collect();
    }

    /// Takes the cursor one row further and everything on the way with it.
    pub fn step_choosing(&mut self, page: &Page, down: bool) {
        if self.anchor.is_none() {
            self.anchor = self.cursor.clone();
        }
        self.step(page, down);
        if let Some(cursor) = self.cursor.clone() {
            self.choose_up_to(page, &cursor);
        }
    }

    pub fn choose_all(&mut self, page: &Page) {
        self.chosen = page.rows().map(|row| row.name.clone()).collect();
    }

    /// An account goes by another name from now on, or will in a moment.
    pub fn follow(&mut self, from: ProfileName, to: ProfileName) {
        self.renamed = Some((from, to));
    }

    /// Forgets what is not there any more.
    pub fn keep_only(&mut self, is_there: impl Fn(&ProfileName) -> bool) {
        if let Some((from, to)) = self.renamed.take_if(|(_, to)| is_there(to)) {
            for name in [&mut self.shown, &mut self.cursor] {
                if name.as_ref() == Some(&from) {
                    *name = Some(to.clone());
                }
            }
            if self.chosen.remove(&from) {
                self.chosen.insert(to);
            }
        }
        // It is told of before it is seen.
        let coming = self.renamed.as_ref().map(|(from, _)| from.clone());
        let is_there = |name: &ProfileName| is_there(name) || coming.as_ref() == Some(name);
        self.chosen.retain(|name| is_there(name));
        self.shown = self.shown.take().filter(&is_there);
        self.is_pushed &= self.shown.is_some();
        self.cursor = self.cursor.take().filter(&is_there);
    }
}

pub fn search_id() -> Id {
    Id::unique("search accounts")
}

pub fn list_ui(ui: &mut Ui, look: Look, page: &Page, state: &mut ListState, asks: &mut Vec<Ask>) {
    // While a dialog is open, and in the frame in which it is gone, nothing below it can have the focus.
    let is_free = ui.memory(|memory| memory.top_modal_layer().is_none());
    let has_moved = is_free && std::mem::take(&mut state.has_moved);
    if state.has_moved {
        ui.ctx().request_repaint();
    }
    for (index, group) in page.groups.iter().enumerate() {
        let has_sort = index == 0 && !page.is_dense && !group.head.is_empty();
        if !group.head.is_empty() {
            head_ui(ui, look, page, group, has_sort.then_some(page.sort), asks);
        } else if index > 0 {
            ui.add_space(GAP);
        }
        if group.is_folded != Some(true) {
            group_ui(ui, look, page, group, state, has_moved, asks);
        }
    }
    if page.groups.is_empty() && !state.search.is_empty() {
        nothing_found_ui(ui, look, page, state, asks);
    } else if page.groups.is_empty() && !accounts::is_wide(ui.ctx().content_rect().width()) {
        alone_ui(ui, look, asks);
    }
}

/// Below the only account there is.
fn alone_ui(ui: &mut Ui, look: Look, asks: &mut Vec<Ask>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::hover());
    let words = "No other account yet";
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
    let middle = rect.top() + 20.0;
    let at = pos2(rect.left() + 4.0, middle);
    let width = rect.width() - ICON_BUTTON;
    let role = Role::CaptionM;
    text::put(
        ui.painter(),
        at,
        Align2::LEFT_CENTER,
        words,
        role,
        look.text_2,
        width,
    );
    add_ui(
        ui,
        look,
        pos2(rect.right() - ICON_BUTTON / 2.0, middle),
        asks,
    );
}

fn nothing_found_ui(ui: &mut Ui, look: Look, page: &Page, state: &ListState, asks: &mut Vec<Ask>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 56.0), Sense::hover());
    let words = format!(
        "No account matches \u{201c}{}\u{201d}.",
        state.search.trim()
    );
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &words));
    text::put(
        ui.painter(),
        rect.center(),
        Align2::CENTER_CENTER,
        &words,
        Role::Body,
        look.text_2,
        rect.width(),
    );
    if page.deleted == 0 {
        return;
    }
    let label = Label::plain("Look among deleted accounts");
    let width = widgets::label_width(ui.painter(), label);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::hover());
    let button = Rect::from_center_size(row.center(), vec2(width, widgets::BUTTON_HEIGHT));
    let id = Id::unique("deleted accounts");
    if widgets::button_ui(ui, look, button, id, label, ButtonKind::Plain).clicked() {
        asks.push(Ask::Open(Opening::Trash));
    }
}

/// The field, and the way to the order of the rows.
pub fn search_ui(ui: &mut Ui, look: Look, page: &Page, state: &mut ListState, asks: &mut Vec<Ask>) {
    let (rect, _) =
        ui.allocate_exact_size(vec2(ui.available_width(), SEARCH_HEIGHT), Sense::hover());
    let pitch = SEARCH_HEIGHT + 8.0;
    let field = rect.with_max_x(rect.right() - 2.0 * pitch);
    let hint = if page.is_dense {
        format!("Search {} accounts", page.listed)
    } else {
        "Search accounts".to_owned()
    };
    widgets::field_ui(
        ui,
        look,
        field,
        search_id(),
        &mut state.search,
        (Some(icon::SEARCH), &hint, "Search accounts"),
        false,
    );
    let plus = rect.with_min_x(rect.right() - SEARCH_HEIGHT);
    let id = Id::unique("add account");
    let word = "Add account";
    if widgets::framed_icon_button_ui(ui, look, plus, id, icon::PLUS, word).clicked() {
        asks.push(Ask::OpenAdd(AddTab::Browser));
    }
    let button = plus.translate(vec2(-pitch, 0.0));
    let spoken = sort_spoken(page.sort);
    let id = Id::unique("sort");
    let response = widgets::framed_icon_button_ui(ui, look, button, id, icon::FILTER, &spoken);
    sort_menu_ui(look, &response, page, page.sort, asks);
    if let Some(counts) = &page.counts {
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, counts));
        let at = pos2(rect.left() + 4.0, rect.center().y + 2.0);
        let ink = look.text_2;
        text::put(
            ui.painter(),
            at,
            Align2::LEFT_CENTER,
            counts,
            Role::Caption,
            ink,
            rect.width(),
        );
    }
}

fn sort_spoken(sort: Sort) -> String {
    format!("Sort: {}", sort.label())
}

fn sort_menu_ui(look: Look, button: &Response, page: &Page, sort: Sort, asks: &mut Vec<Ask>) {
    menus::sort_menu_ui(look, button, sort, page.is_grouped, page.deleted, asks);
}

fn head_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    group: &Group,
    sorted: Option<Sort>,
    asks: &mut Vec<Ask>,
) {
    let height = if sorted.is_some() { 36.0 } else { 32.0 };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let middle = rect.top() + 20.0;
    let mut left = rect.left() + 4.0;
    let fold = group.section.zip(group.is_folded);
    if let Some((_, is_folded)) = fold {
        let glyph = if is_folded {
            icon::CHEVRON_RIGHT
        } else {
            icon::CHEVRON_DOWN
        };
        text::icon(
            ui.painter(),
            pos2(left + 5.0, middle),
            glyph,
            13,
            look.text_2,
        );
        left += 16.0;
    }
    let head = text::put(
        ui.painter(),
        pos2(left, middle),
        Align2::LEFT_CENTER,
        &group.head,
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
    let id = Id::unique(("head", &group.head));
    if let Some((section, is_folded)) = fold {
        let area = rect.with_min_y(rect.top() + 8.0);
        let response = ui.interact(area, id, Sense::click());
        response.widget_info(|| {
            let count = group.count.unwrap_or_default();
            let state = if is_folded { "folded" } else { "unfolded" };
            let spoken = format!("{}, {count}, {state}", group.head);
            WidgetInfo::labeled(accesskit::Role::Button, true, spoken)
        });
        widgets::focus_ring(ui.painter(), look, area, CONTROL_RADIUS, &response);
        if response.clicked() {
            asks.push(Ask::Fold(section));
        }
    } else {
        let response = ui.interact(head, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, &group.head));
    }
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
        let plus = pos2(rect.right() - ICON_BUTTON / 2.0, middle);
        add_ui(ui, look, plus, asks);
        sort_select_ui(ui, look, page, pos2(plus.x - 20.0, middle), sort, asks);
    }
}

fn add_ui(ui: &Ui, look: Look, centre: egui::Pos2, asks: &mut Vec<Ask>) {
    let id = Id::unique("add account");
    let plus = icon::PLUS;
    if widgets::icon_button_ui(ui, look, centre, id, plus, "Add account", "N").clicked() {
        asks.push(Ask::OpenAdd(AddTab::Browser));
    }
}

fn sort_select_ui(
    ui: &Ui,
    look: Look,
    page: &Page,
    right: egui::Pos2,
    sort: Sort,
    asks: &mut Vec<Ask>,
) {
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
    sort_menu_ui(look, &response, page, sort, asks);
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
    let height = row_height(page);
    let count = group.rows.len();
    let (sheet, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), height * count as f32),
        Sense::hover(),
    );
    widgets::card(ui.painter(), look, sheet);
    let is_first_group = page
        .groups
        .first()
        .is_some_and(|first| std::ptr::eq(first, group));
    let places = drag::places(ui, &group.names(), state.drag.as_ref(), sheet, height);
    let mut held = None;
    for (index, (account, top)) in group.rows.iter().zip(places).enumerate() {
        let rect = Rect::from_min_size(pos2(sheet.left(), top), vec2(sheet.width(), height));
        let is_cursor = match &state.cursor {
            Some(cursor) => *cursor == account.name,
            // Without a cursor the first row is where the Tab key enters the list.
            None => index == 0 && is_first_group,
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
            is_held: state
                .drag
                .as_ref()
                .is_some_and(|drag| drag.name == account.name),
        };
        if place.is_held {
            held = Some((account, place));
        } else {
            row::row_ui(ui, look, page, account, place, state, asks);
        }
    }
    // The row in the hand lies over the others.
    if let Some((account, place)) = held {
        row::row_ui(ui, look, page, account, place, state, asks);
    }
    drag::drop_ui(ui, page, group, state, sheet, asks);
}

pub fn row_height(page: &Page) -> f32 {
    if page.is_dense {
        DENSE_ROW_HEIGHT
    } else {
        ROW_HEIGHT
    }
}

/// The row that has the focus, itself or one of its buttons.
pub fn focused_row<'a>(ui: &Ui, page: &'a Page) -> Option<&'a Row> {
    let focused = ui.memory(|memory| memory.focused())?;
    page.rows().find(|candidate| row::holds(candidate, focused))
}
