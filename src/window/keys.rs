//! The keyboard. (`design` section 7.) Single letters only while no field has the focus.

use egui::{Context, Event, FocusDirection, Key, KeyboardShortcut, Modifiers, Popup, Ui};

use super::Closed;
use super::ask::Ask;
use super::dialogs::AddTab;
use super::list::{self, ListState};
use super::rows::Page;
use super::strip;
use crate::desk::Command;

const ADD: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::N);
const CLOSE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::W);
const COPY_URL: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::C);
const EMAILS: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::H);
const FIND: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::F);
const QUIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Q);
const REFRESH_ALL: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::R);
const ROUTER: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::R);
const COMMAND_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

/// A press of a key shows where the focus is, a press of a button hides it.
pub fn uses_keyboard(ctx: &Context, before: bool) -> bool {
    ctx.input(|input| {
        input.events.iter().fold(before, |uses, event| match event {
            Event::Key { pressed: true, .. } => true,
            Event::PointerButton { pressed: true, .. } => false,
            _ => uses,
        })
    })
}

/// Everything that a key can ask for while no dialog is open.
pub fn obey(ui: &Ui, page: &Page, state: &mut ListState, asks: &mut Vec<Ask>) {
    let ctx = ui.ctx();
    let pressed = |shortcut| ctx.input_mut(|input| input.consume_shortcut(shortcut));
    // Longer shortcuts first: egui lets Ctrl+Shift+R pass for Ctrl+R.
    if pressed(&ROUTER) {
        asks.push(strip::toggled(&page.strip));
    }
    if pressed(&COPY_URL)
        && let Some(url) = &page.strip.base_url
    {
        asks.push(Ask::CopyBaseUrl(url.clone()));
    }
    if pressed(&EMAILS) {
        asks.push(Ask::ToggleEmails);
    }
    if pressed(&REFRESH_ALL) {
        asks.push(Ask::Command(Command::RefreshAll));
    }
    if pressed(&ADD) {
        asks.push(Ask::OpenAdd(AddTab::Browser));
    }
    if pressed(&CLOSE) {
        asks.push(Ask::Leave(Closed::Hidden));
    }
    if pressed(&QUIT) {
        asks.push(Ask::Leave(Closed::Quit));
    }
    if pressed(&FIND) && page.is_dense {
        ctx.memory_mut(|memory| memory.request_focus(list::search_id()));
    }
    if Popup::is_any_open(ctx) {
        return;
    }
    let is_searching = ctx.memory(|memory| memory.has_focus(list::search_id()));
    if ctx.input(|input| input.key_pressed(Key::Escape)) {
        if state.search.is_empty() {
            asks.push(Ask::HideIfHarmless);
        } else {
            state.search.clear();
        }
    }
    if !ctx.text_edit_focused() {
        letters(ui, page, asks);
    }
    // From the search field Down leads into what was found.
    for (key, down) in [(Key::ArrowDown, true), (Key::ArrowUp, false)] {
        if (down || !is_searching) && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key))
        {
            state.step(page, down);
            // egui would move the focus on by itself, to whatever lies in that direction.
            ctx.memory_mut(|memory| memory.move_focus(FocusDirection::None));
        }
    }
}

fn letters(ui: &Ui, page: &Page, asks: &mut Vec<Ask>) {
    let ctx = ui.ctx();
    if ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::R)) {
        let focused = list::focused_row(ui, page).map(|row| &row.name);
        let target = focused.or(page.active.as_ref().map(|active| &active.name));
        if let Some(name) = target {
            asks.push(Ask::Command(Command::RefreshUsage(name.clone())));
        }
    }
    if ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::N)) {
        asks.push(Ask::OpenAdd(AddTab::Browser));
    }
    if page.is_dense && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Slash)) {
        // The stroke itself is no search.
        ctx.input_mut(|input| {
            input
                .events
                .retain(|event| !matches!(event, Event::Text(text) if text == "/"));
        });
        ctx.memory_mut(|memory| memory.request_focus(list::search_id()));
    }
}
