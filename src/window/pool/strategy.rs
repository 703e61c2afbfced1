//! How the router picks: every way there is, one of which counts.

use egui::{
    Align2, CornerRadius, EventFilter, Id, Key, Modifiers, Rect, Sense, Ui, WidgetInfo, accesskit,
    pos2, vec2,
};

use crate::desk::{Change, Command, Setting, Strategy};
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::menus;
use crate::window::rows::{PoolPage, StrategyRow};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, CONTROL_RADIUS, HAIRLINE, Look};
use crate::window::widgets::{self, BUTTON_HEIGHT};

const HEAD: f32 = 41.0;
const PITCH: f32 = 44.0;
const STICKY: f32 = 48.0;
const TITLE: &str = "How the router picks";
const STICKY_TITLE: &str = "Sticky conversations";
const STICKY_WORDS: &str = "Stay on one account, so its cache keeps working.";
const NARROW_ROW: f32 = 52.0;
const MENU_WIDTH: f32 = 300.0;

/// What there is to say below the ways.
fn notes(page: &PoolPage) -> String {
    let notes = [&page.strategy_lock, &page.strategy_note];
    let notes: Vec<_> = notes.into_iter().flatten().map(String::as_str).collect();
    notes.join(" ")
}

fn notes_height(ui: &Ui, words: &str, width: f32) -> f32 {
    if words.is_empty() {
        return 0.0;
    }
    let painter = ui.painter();
    let galley = text::paragraph(
        painter,
        words,
        Role::Caption,
        egui::Color32::WHITE,
        width,
        4,
    );
    galley.size().y + 12.0
}

pub fn height(ui: &Ui, page: &PoolPage, width: f32) -> f32 {
    let notes = notes_height(ui, &notes(page), width - 2.0 * CARD_PADDING);
    HEAD + PITCH * page.strategies.len() as f32 + notes + STICKY + 4.0
}

pub fn wide_ui(ui: &Ui, look: Look, rect: Rect, page: &PoolPage, asks: &mut Vec<Ask>) {
    widgets::card(ui.painter(), look, rect);
    let left = rect.left() + CARD_PADDING;
    super::list::title(ui, look, pos2(left, rect.top() + 22.0), TITLE);
    let chosen = page
        .strategies
        .iter()
        .position(|row| row.strategy == page.strategy);
    let mut choice = None;
    for (index, row) in page.strategies.iter().enumerate() {
        let top = rect.top() + HEAD + PITCH * index as f32;
        let row_rect = Rect::from_min_max(
            pos2(rect.left() + 8.0, top),
            pos2(rect.right() - 8.0, top + 42.0),
        );
        let is_chosen = chosen == Some(index);
        if let Some(index) = radio_ui(ui, look, row_rect, (index, row), page, is_chosen) {
            choice = Some(index);
        }
    }
    if let Some(row) = choice.and_then(|index: usize| page.strategies.get(index)) {
        asks.push(chose(row.strategy));
    }
    let words = notes(page);
    let width = rect.width() - 2.0 * CARD_PADDING;
    if !words.is_empty() {
        let painter = ui.painter();
        let galley = text::paragraph(painter, &words, Role::Caption, look.text_2, width, 4);
        let top = rect.top() + HEAD + PITCH * page.strategies.len() as f32 + 4.0;
        let area = Rect::from_min_size(pos2(left, top), galley.size());
        label(ui, area, "strategy notes", &words);
        text::place(ui.painter(), galley, area.min, Align2::LEFT_TOP);
    }
    let foot = rect.with_min_y(rect.bottom() - STICKY);
    let (from, to) = (rect.left() + HAIRLINE, rect.right() - HAIRLINE);
    widgets::divider(ui.painter(), look, from, to, foot.top());
    sticky_ui(ui, look, foot, page, asks);
}

fn chose(strategy: Strategy) -> Ask {
    let change = Change::to(Setting::Strategy, strategy.as_str());
    Ask::Command(Command::Set(vec![change]))
}

fn label(ui: &Ui, rect: Rect, id: &str, words: &str) {
    let response = ui.interact(rect, Id::unique(id), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
}

fn radio_id(index: usize) -> Id {
    Id::unique(("strategy", index))
}

/// One way. The group is one stop of the Tab key; the arrows choose in it. Returns the one that was chosen now.
fn radio_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    (index, row): (usize, &StrategyRow),
    page: &PoolPage,
    is_chosen: bool,
) -> Option<usize> {
    let is_free = page.strategy_lock.is_none();
    let sense = match (is_free, is_chosen) {
        (false, _) => Sense::hover(),
        (true, true) => Sense::click(),
        (true, false) => Sense::CLICK,
    };
    let response = ui.interact(rect, radio_id(index), sense);
    response.widget_info(|| {
        let spoken = format!("{}. {}", row.label, row.sentence);
        WidgetInfo::selected(accesskit::Role::RadioButton, is_free, is_chosen, spoken)
    });
    let painter = ui.painter();
    let radius = CornerRadius::same(CONTROL_RADIUS);
    if is_chosen {
        painter.rect_filled(rect, radius, look.accent_soft);
    } else if is_free && response.hovered() {
        painter.rect_filled(rect, radius, look.hover);
    }
    let middle = rect.center().y;
    widgets::paint_radio(painter, look, pos2(rect.left() + 18.0, middle), is_chosen);
    let (ink, quiet) = match (is_free, is_chosen) {
        (_, true) => (look.text, look.text_2),
        (true, false) => (look.text, look.text_2),
        (false, false) => (look.text_3, look.text_3),
    };
    let width = rect.width() - 46.0;
    for (y, words, role, ink) in [
        (middle - 8.0, row.label, Role::BodyM, ink),
        (middle + 9.0, row.sentence, Role::Caption, quiet),
    ] {
        let at = pos2(rect.left() + 38.0, y);
        text::put(painter, at, Align2::LEFT_CENTER, words, role, ink, width);
    }
    widgets::focus_ring(painter, look, rect, CONTROL_RADIUS, &response);
    if response.clicked() && !is_chosen {
        return Some(index);
    }
    if is_chosen && response.has_focus() {
        return stepped(ui, response.id, index, page.strategies.len());
    }
    None
}

/// Where Up or Down lead from the way that has the focus.
fn stepped(ui: &Ui, id: Id, index: usize, count: usize) -> Option<usize> {
    let filter = EventFilter {
        vertical_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let next = if pressed(Key::ArrowDown) {
        (index + 1) % count
    } else if pressed(Key::ArrowUp) {
        (index + count - 1) % count
    } else {
        return None;
    };
    ui.memory_mut(|memory| memory.request_focus(radio_id(next)));
    Some(next)
}

fn sticky_ui(ui: &Ui, look: Look, rect: Rect, page: &PoolPage, asks: &mut Vec<Ask>) {
    let words = page.sticky_lock.as_deref().unwrap_or(STICKY_WORDS);
    let left = rect.left() + CARD_PADDING;
    let middle = rect.center().y;
    let width = rect.width() - 2.0 * CARD_PADDING - 48.0;
    let painter = ui.painter();
    for (y, words, role, ink) in [
        (middle - 8.0, STICKY_TITLE, Role::BodyM, look.text),
        (middle + 9.0, words, Role::Caption, look.text_2),
    ] {
        text::put(
            painter,
            pos2(left, y),
            Align2::LEFT_CENTER,
            words,
            role,
            ink,
            width,
        );
    }
    let centre = pos2(rect.right() - CARD_PADDING - 18.0, middle);
    if page.sticky_lock.is_some() {
        let area = rect.with_max_x(centre.x - 30.0);
        let state = if page.is_sticky { "on" } else { "off" };
        label(
            ui,
            area,
            "sticky",
            &format!("{STICKY_TITLE}, {state}. {words}"),
        );
        let at = pos2(rect.right() - CARD_PADDING, middle);
        let (role, ink) = (Role::BodyM, look.text_2);
        text::put(
            ui.painter(),
            at,
            Align2::RIGHT_CENTER,
            state,
            role,
            ink,
            40.0,
        );
        return;
    }
    let id = Id::unique("sticky conversations");
    let toggle = widgets::toggle_ui(ui, look, centre, id, page.is_sticky, STICKY_TITLE);
    if toggle.clicked() {
        let change = Change::on(Setting::Affinity, !page.is_sticky);
        asks.push(Ask::Command(Command::Set(vec![change])));
    }
}

/// A select and the same toggle, in a card of their own.
pub fn narrow_ui(ui: &mut Ui, look: Look, page: &PoolPage, asks: &mut Vec<Ask>) {
    super::list::head_ui(ui, look, TITLE, None);
    let words = notes(page);
    let inner = ui.available_width() - 2.0 * CARD_PADDING;
    let notes = notes_height(ui, &words, inner);
    let size = vec2(ui.available_width(), 2.0 * NARROW_ROW + notes);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    widgets::card(ui.painter(), look, rect);
    let top = rect.with_max_y(rect.top() + NARROW_ROW);
    select_ui(ui, look, top, page, asks);
    let left = rect.left() + CARD_PADDING;
    if notes > 0.0 {
        let painter = ui.painter();
        let galley = text::paragraph(painter, &words, Role::Caption, look.text_2, inner, 4);
        let area = Rect::from_min_size(pos2(left, top.bottom()), galley.size());
        label(ui, area, "strategy notes", &words);
        text::place(ui.painter(), galley, area.min, Align2::LEFT_TOP);
    }
    let foot = rect.with_min_y(rect.bottom() - NARROW_ROW);
    let to = rect.right() - HAIRLINE;
    widgets::divider(ui.painter(), look, left, to, foot.top());
    sticky_ui(ui, look, foot, page, asks);
}

fn select_ui(ui: &Ui, look: Look, rect: Rect, page: &PoolPage, asks: &mut Vec<Ask>) {
    let Some(chosen) = page.chosen() else { return };
    let left = rect.left() + CARD_PADDING;
    let middle = rect.center().y;
    let painter = ui.painter();
    let words = text::line(painter, chosen.label, Role::Body, look.text, 140.0);
    let width = words.size().x + 38.0;
    let select = Rect::from_min_size(
        pos2(
            rect.right() - CARD_PADDING - width,
            middle - BUTTON_HEIGHT / 2.0,
        ),
        vec2(width, BUTTON_HEIGHT),
    );
    for (y, words, role, ink) in [
        (middle - 9.0, "Strategy", Role::Body, look.text),
        (middle + 9.0, chosen.sentence, Role::Caption, look.text_2),
    ] {
        let at = pos2(left, y);
        let room = select.left() - 10.0 - left;
        text::put(painter, at, Align2::LEFT_CENTER, words, role, ink, room);
    }
    let spoken = format!("Strategy: {}. {}", chosen.label, chosen.sentence);
    let at = pos2(select.left() + 12.0, middle);
    if page.strategy_lock.is_some() {
        label(ui, select, "strategy select", &spoken);
        let at = pos2(rect.right() - CARD_PADDING, middle);
        let words = text::line(painter, chosen.label, Role::Body, look.text_2, 140.0);
        text::place(painter, words, at, Align2::RIGHT_CENTER);
        return;
    }
    let response = widgets::hit(ui, select, Id::unique("strategy select"), &spoken);
    let warmth = if response.hovered() {
        look.sunken
    } else {
        look.surface
    };
    painter.rect(
        select,
        CornerRadius::same(CONTROL_RADIUS),
        warmth,
        egui::Stroke::new(HAIRLINE, look.border),
        egui::StrokeKind::Inside,
    );
    text::place(painter, words, at, Align2::LEFT_CENTER);
    let chevron = pos2(select.right() - 14.0, middle);
    text::icon(painter, chevron, icon::CHEVRON_DOWN, 13, look.text_2);
    widgets::focus_ring(painter, look, select, CONTROL_RADIUS, &response);
    menus::popup(look, &response, MENU_WIDTH).show(|ui| {
        ui.set_width(MENU_WIDTH);
        for row in &page.strategies {
            let check = (row.strategy == page.strategy).then_some(icon::CHECK);
            if widgets::menu_item_ui(ui, look, check, row.label, "")
                && row.strategy != page.strategy
            {
                asks.push(chose(row.strategy));
            }
        }
    });
}
