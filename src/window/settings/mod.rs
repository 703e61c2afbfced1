//! The Settings page: its sections one below the other, or, where there is room, one at a time beside their list.

use std::collections::BTreeMap;
use std::fmt;

use egui::{
    Align2, CornerRadius, Id, Rect, Sense, Ui, UiBuilder, WidgetInfo, accesskit, pos2, vec2,
};

use super::accounts::is_wide;
use super::ask::Ask;
use super::fonts::icon;
use super::memory::Memory;
use super::rows::{Page, SettingsPage, SettingsSection, SettingsWish, Topic};
use super::shell;
use super::text::{self, Role};
use super::theme::{CARD_GAP, CONTROL_RADIUS, GUTTER, Look};
use super::widgets;
use crate::desk::Setting;

mod controls;
mod row;

use row::row_ui;

/// What the user does to the page and has not asked for.
#[derive(Debug, Default)]
pub struct SettingsState {
    topic: Topic,
    is_custom_proxy: bool,
    /// What is being typed.
    typed: BTreeMap<Setting, Typed>,
}

/// Text of a field that is not the setting's value. Its `Debug` shows none of it: a proxy's may hold a password.
#[derive(Clone, Default)]
struct Typed {
    text: String,
    /// It was asked for when this was the last happening about the setting.
    asked: Option<u64>,
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Typed({} bytes)", self.text.len())
    }
}

const LIST_WIDTH: f32 = 176.0;
const MOST_WIDTH: f32 = 620.0;

impl SettingsState {
    pub fn wish(&self, memory: &Memory, can_hide: bool) -> SettingsWish {
        SettingsWish {
            zoom: memory.zoom_percent(),
            closing: memory.closing,
            can_hide,
            is_custom_proxy: self.is_custom_proxy,
        }
    }

    /// Leaves what was entered last. Whether there was anything to leave.
    pub fn escape(&mut self) -> bool {
        let was_entered = !self.typed.is_empty() || self.is_custom_proxy;
        self.typed.clear();
        self.is_custom_proxy = false;
        was_entered
    }
}

/// Keys of this page, while no menu is open: none of its own.
pub fn keys(_ui: &Ui, _page: &Page, _state: &mut SettingsState, _asks: &mut Vec<Ask>) {}

pub fn settings_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &SettingsPage,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) {
    if !is_wide(body.width()) {
        shell::scroll_ui(ui, body, "settings", |ui| {
            bad_ui(ui, look, page);
            for section in &page.sections {
                head_ui(ui, look, section.topic.label());
                section_ui(ui, look, section, state, asks);
            }
            ui.add_space(GUTTER);
        });
        return;
    }
    let list = Rect::from_min_size(
        body.min + vec2(GUTTER, 0.0),
        vec2(LIST_WIDTH, body.height()),
    );
    list_ui(ui, look, list, &page.version, state);
    let beside = body.with_min_x(list.right() + 8.0);
    shell::scroll_ui(ui, beside, "settings", |ui| {
        ui.set_max_width(MOST_WIDTH.min(ui.available_width()));
        bad_ui(ui, look, page);
        let open = page.sections.iter().find(|it| it.topic == state.topic);
        if let Some(section) = open {
            head_ui(ui, look, section.topic.label());
            section_ui(ui, look, section, state, asks);
        }
        ui.add_space(GUTTER);
    });
}

/// What in the file cannot be used: it counts as if it were not there.
fn bad_ui(ui: &mut Ui, look: Look, page: &SettingsPage) {
    if !page.bad.is_empty() {
        widgets::warn_box_ui(
            ui,
            look,
            "Some of config.toml cannot be used",
            &page.bad.join("\n"),
        );
        ui.add_space(CARD_GAP);
    }
}

fn list_ui(ui: &mut Ui, look: Look, list: Rect, version: &str, state: &mut SettingsState) {
    for (place, topic) in Topic::ALL.into_iter().enumerate() {
        let top = list.top() + 4.0 + 34.0 * place as f32;
        let rect = Rect::from_min_size(pos2(list.left(), top), vec2(list.width(), 32.0));
        let response = ui.interact(rect, Id::unique(("topic", place)), Sense::click());
        let is_open = topic == state.topic;
        response.widget_info(|| {
            WidgetInfo::selected(accesskit::Role::Tab, true, is_open, topic.label())
        });
        if response.clicked() {
            state.topic = topic;
        }
        let (fill, ink) = match (is_open, response.hovered()) {
            (true, _) => (look.accent_soft, look.accent),
            (false, true) => (look.sunken, look.text),
            (false, false) => (look.bg, look.text),
        };
        let painter = ui.painter();
        painter.rect_filled(rect, CornerRadius::same(CONTROL_RADIUS), fill);
        let side = if is_open { look.accent } else { look.text_2 };
        let middle = rect.center().y;
        text::icon(
            painter,
            pos2(rect.left() + 20.0, middle),
            glyph(topic),
            15,
            side,
        );
        text::put(
            painter,
            pos2(rect.left() + 38.0, middle),
            Align2::LEFT_CENTER,
            topic.label(),
            Role::BodyM,
            ink,
            rect.width() - 46.0,
        );
        widgets::focus_ring(painter, look, rect, CONTROL_RADIUS, &response);
    }
    text::put(
        ui.painter(),
        pos2(list.left() + 16.0, list.bottom() - 24.0),
        Align2::LEFT_CENTER,
        version,
        Role::Caption,
        look.text_3,
        list.width() - 16.0,
    );
}

fn glyph(topic: Topic) -> &'static str {
    match topic {
        Topic::General => icon::SLIDERS,
        Topic::Usage => icon::BELL,
        Topic::Router => icon::ROUTE,
        Topic::Network => icon::GLOBE,
        Topic::Privacy => icon::SHIELD,
        Topic::Advanced => icon::WRENCH,
    }
}

fn head_ui(ui: &mut Ui, look: Look, words: &str) {
    let size = vec2(ui.available_width(), 30.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, words));
    text::put(
        ui.painter(),
        rect.left_center() + vec2(4.0, 2.0),
        Align2::LEFT_CENTER,
        words,
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
}

fn section_ui(
    ui: &mut Ui,
    look: Look,
    section: &SettingsSection,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) {
    let width = ui.available_width();
    let height = |row| row::height(ui.painter(), look, row, width);
    let heights: Vec<f32> = section.rows.iter().map(height).collect();
    let size = vec2(width, heights.iter().sum());
    let (card, _) = ui.allocate_exact_size(size, Sense::hover());
    widgets::card(ui.painter(), look, card);
    let mut top = card.top();
    for (place, (words, height)) in section.rows.iter().zip(heights).enumerate() {
        let rect = Rect::from_min_size(pos2(card.left(), top), vec2(card.width(), height));
        if place > 0 {
            widgets::divider(
                ui.painter(),
                look,
                card.left() + 16.0,
                card.right(),
                rect.top(),
            );
        }
        // A scope would take the page's cursor back into its row.
        let mut inside = ui.new_child(UiBuilder::new().max_rect(rect));
        row_ui(&mut inside, look, rect, words, state, asks);
        top = rect.bottom();
    }
    ui.add_space(CARD_GAP);
}
