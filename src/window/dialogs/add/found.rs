//! The list of logins that were found: what each is, and which of them are taken.

use std::collections::HashSet;

use egui::{
    Align2, Color32, EventFilter, Id, Key, Modifiers, Rect, Response, ScrollArea, Sense, Ui,
    UiBuilder, WidgetInfo, accesskit, pos2, vec2,
};

use crate::desk::{FoundLogin, words};
use crate::profile::ProfileName;
use crate::window::dialogs::Scene;
use crate::window::rows::{FoundRow, Tone};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, Tick};

const ROW_HEIGHT: f32 = 38.0;
/// How much of the dialog's margin the scroll bar may have.
const BAR: f32 = 12.0;
const LEAST_HEIGHT: f32 = 3.0 * ROW_HEIGHT;
/// What of a dialog is not this list, with the margin around it.
const AROUND: f32 = 32.0 + 439.0 - LEAST_HEIGHT;
const TEXT_X: f32 = 25.0;

/// What the user said about what was found.
#[derive(Debug, Default)]
pub struct FoundList {
    /// The import that the rest is about.
    number: u64,
    /// Chosen or left out against what is proposed, by their ids.
    turned: HashSet<u32>,
    /// Where the keyboard stands.
    cursor: usize,
    has_moved: bool,
    was_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Choose,
    /// Nothing can be chosen any more.
    Show,
}

impl FoundList {
    /// Forgets what was said about another import.
    pub fn follow(&mut self, number: u64) {
        if self.number != number {
            *self = Self {
                number,
                ..Self::default()
            };
        }
    }

    /// True once: what came of it is new on screen.
    pub fn is_told_first(&mut self) -> bool {
        !std::mem::replace(&mut self.was_told, true)
    }

    pub fn chosen(&self, found: &[FoundLogin]) -> Vec<(u32, ProfileName)> {
        found
            .iter()
            .filter(|login| self.is_chosen(login))
            .map(|login| (login.id, login.name.clone()))
            .collect()
    }

    fn is_chosen(&self, login: &FoundLogin) -> bool {
        let verdict = &login.verdict;
        verdict.can_be_taken() && (verdict.is_worth_taking() != self.turned.contains(&login.id))
    }

    fn turn(&mut self, login: &FoundLogin) {
        if login.verdict.can_be_taken() && !self.turned.remove(&login.id) {
            self.turned.insert(login.id);
        }
    }

    /// All that can be taken, or, if they are chosen already, none.
    fn turn_all(&mut self, found: &[FoundLogin]) {
        let is_on = self.tick(found) != Tick::On;
        for login in found.iter().filter(|login| login.verdict.can_be_taken()) {
            if self.is_chosen(login) != is_on {
                self.turn(login);
            }
        }
    }

    fn tick(&self, found: &[FoundLogin]) -> Tick {
        let can = found.iter().filter(|login| login.verdict.can_be_taken());
        let (can, chosen) = (can.count(), self.chosen(found).len());
        match chosen {
            0 => Tick::Off,
            _ if chosen == can => Tick::On,
            _ => Tick::Some,
        }
    }
}

pub fn list_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    list: &mut FoundList,
    found: &[FoundLogin],
    usage: Use,
) {
    if usage == Use::Choose {
        head_ui(ui, scene.look, list, found);
    }
    let room = ui.ctx().content_rect().height() - AROUND;
    let whole = ROW_HEIGHT * found.len() as f32;
    let height = whole.min(room.max(LEAST_HEIGHT));
    let moved = std::mem::take(&mut list.has_moved);
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    // The bar floats in the margin of the dialog, not over the verdicts.
    let with_margin = UiBuilder::new().max_rect(area.with_max_x(area.right() + BAR));
    let mut inside = ui.new_child(with_margin);
    ScrollArea::vertical()
        .id_salt(("found", list.number))
        .max_height(height)
        .min_scrolled_height(height)
        .auto_shrink(false)
        .show_rows(&mut inside, ROW_HEIGHT, found.len(), |ui, range| {
            let top = ui.max_rect().top() - ROW_HEIGHT * range.start as f32;
            let place = |index: usize| {
                Rect::from_min_size(
                    pos2(ui.max_rect().left(), top + ROW_HEIGHT * index as f32),
                    vec2(area.width(), ROW_HEIGHT),
                )
            };
            let seen = range.start..range.end;
            // What has the focus stays there, wherever the list is scrolled to.
            let cursor = (!seen.contains(&list.cursor)).then_some(list.cursor);
            for index in seen.chain(cursor) {
                let rect = place(index);
                if moved && index == list.cursor {
                    ui.scroll_to_rect(rect, None);
                }
                row_ui(ui, scene, list, index, (rect, found), usage);
            }
        });
}

fn head_ui(ui: &mut Ui, look: Look, list: &mut FoundList, found: &[FoundLogin]) {
    let told = format!("Found {}", words::number(found.len()));
    if found.len() < 2 {
        super::super::frame::label(ui, look, &told);
        return;
    }
    let rect = super::line(ui, 22.0);
    let id = Id::unique("choose all found");
    let area = rect.with_max_x(rect.left() + 120.0);
    let response = ui.interact(area, id, Sense::click());
    let tick = list.tick(found);
    response.widget_info(|| {
        WidgetInfo::selected(
            accesskit::Role::CheckBox,
            true,
            tick == Tick::On,
            "Choose all",
        )
    });
    let centre = pos2(rect.left() + 8.0, rect.center().y);
    widgets::paint_box(ui.painter(), look, centre, tick, true);
    let at = pos2(rect.left() + TEXT_X, rect.center().y);
    text::put(
        ui.painter(),
        at,
        Align2::LEFT_CENTER,
        &told,
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
    let around = Rect::from_center_size(centre, vec2(16.0, 16.0));
    widgets::focus_ring(ui.painter(), look, around, 4, &response);
    if response.clicked() {
        list.turn_all(found);
    }
}

fn row_ui(
    ui: &Ui,
    scene: Scene<'_>,
    list: &mut FoundList,
    index: usize,
    (rect, found): (Rect, &[FoundLogin]),
    usage: Use,
) {
    let look = scene.look;
    let Some(login) = found.get(index) else {
        return;
    };
    let row = FoundRow::of(login, scene.snapshot.hides_emails);
    let can_choose = usage == Use::Choose && row.can_be_taken;
    let id = row_id(list, login);
    // One stop of the Tab key; the arrows move inside.
    let sense = match usage {
        Use::Choose if index == list.cursor => Sense::click(),
        Use::Choose => Sense::CLICK,
        Use::Show => Sense::hover(),
    };
    let response = ui.interact(rect, id, sense);
    let is_chosen = list.is_chosen(login);
    let spoken_as = match usage {
        Use::Choose => accesskit::Role::CheckBox,
        Use::Show => accesskit::Role::ListItem,
    };
    response.widget_info(|| WidgetInfo::selected(spoken_as, can_choose, is_chosen, &row.spoken));
    if response.has_focus() {
        arrows(ui, list, id, found);
    }
    if response.clicked() && can_choose {
        list.turn(login);
        list.cursor = index;
    }
    paint(ui, look, rect, &row, (usage, is_chosen), &response);
    if row.second.chars().count() > LONG_SECOND {
        response.on_hover_text(&row.second);
    }
}

/// A line longer than this is cut, and told whole to a pointer that stays.
const LONG_SECOND: usize = 34;

fn row_id(list: &FoundList, login: &FoundLogin) -> Id {
    Id::unique(("found", list.number, login.id))
}

fn arrows(ui: &Ui, list: &mut FoundList, id: Id, found: &[FoundLogin]) {
    let filter = EventFilter {
        vertical_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    let pressed =
        |key| ui.input_mut(|input: &mut egui::InputState| input.consume_key(Modifiers::NONE, key));
    let last = found.len().saturating_sub(1);
    let next = if pressed(Key::ArrowDown) {
        (list.cursor + 1).min(last)
    } else if pressed(Key::ArrowUp) {
        list.cursor.saturating_sub(1)
    } else if pressed(Key::PageDown) {
        (list.cursor + 10).min(last)
    } else if pressed(Key::PageUp) {
        list.cursor.saturating_sub(10)
    } else if pressed(Key::Home) {
        0
    } else if pressed(Key::End) {
        last
    } else {
        return;
    };
    if let Some(login) = found.get(next).filter(|_| next != list.cursor) {
        list.cursor = next;
        list.has_moved = true;
        let id = row_id(list, login);
        ui.memory_mut(|memory| memory.request_focus(id));
        ui.ctx().request_repaint();
    }
}

fn paint(
    ui: &Ui,
    look: Look,
    rect: Rect,
    row: &FoundRow,
    (usage, is_chosen): (Use, bool),
    response: &Response,
) {
    let painter = ui.painter();
    let middle = rect.center().y;
    let mut left = rect.left();
    if usage == Use::Choose {
        let tick = if is_chosen { Tick::On } else { Tick::Off };
        let centre = pos2(rect.left() + 8.0, middle);
        widgets::paint_box(painter, look, centre, tick, row.can_be_taken);
        let around = Rect::from_center_size(centre, vec2(16.0, 16.0));
        widgets::focus_ring(painter, look, around, 4, response);
        left += TEXT_X;
    }
    let ink: Color32 = match row.tone {
        Tone::Good => look.ok,
        Tone::Plain => look.text_2,
        Tone::Bad => look.bad,
    };
    let verdict = text::put(
        painter,
        pos2(rect.right(), middle),
        Align2::RIGHT_CENTER,
        row.verdict,
        Role::CaptionM,
        ink,
        130.0,
    );
    let width = verdict.left() - 8.0 - left;
    let title = text::elide_email(&row.title, |candidate| {
        let galley = text::line(painter, candidate, Role::Body, look.text, f32::INFINITY);
        galley.size().x <= width
    });
    for (y, words, role, ink) in [
        (-8.5, title.as_str(), Role::Body, look.text),
        (8.5, row.second.as_str(), Role::Caption, look.text_3),
    ] {
        let at = pos2(left, middle + y);
        text::put(painter, at, Align2::LEFT_CENTER, words, role, ink, width);
    }
}
