//! The keyboard. (`design` section 7.) Single letters only while no field has the focus.

use egui::{Context, Event, FocusDirection, Key, KeyboardShortcut, Modifiers, Popup, Ui};

use super::Closed;
use super::ask::{Ask, Opening};
use super::dialogs::AddTab;
use super::list::{self, ListState};
use super::rows::{OpenPage, Page, Tab};
use super::shell::States;
use super::{accounts, activity, client_keys, drag, menus, pool, settings, strip};
use crate::desk::Command;

const ADD: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::N);
const ALL: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::A);
const CLOSE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::W);
const COPY_URL: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::C);
const EMAILS: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::H);
const FIND: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::F);
const QUIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Q);
const REFRESH_ALL: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::R);
const ROUTER: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::R);
/// Which page each opens.
const TURNS: [(KeyboardShortcut, Tab); 5] = [
    (command(Key::Num1), Tab::Accounts),
    (command(Key::Num2), Tab::Pool),
    (command(Key::Num3), Tab::Activity),
    (command(Key::Num4), Tab::Keys),
    (command(Key::Comma), Tab::Settings),
];
const COMMAND_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

const fn command(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

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
pub fn obey(ui: &Ui, page: &Page, states: &mut States, asks: &mut Vec<Ask>) {
    let ctx = ui.ctx();
    let pressed = |shortcut: &_| ctx.input_mut(|input| input.consume_shortcut(shortcut));
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
    for (shortcut, tab) in &TURNS {
        if pressed(shortcut) {
            asks.push(Ask::Turn(*tab));
        }
    }
    if Popup::is_any_open(ctx) {
        return;
    }
    let is_escaping = ctx.input(|input| input.key_pressed(Key::Escape));
    let has_left = match &page.open {
        OpenPage::Accounts => return of_accounts(ui, page, &mut states.list, asks),
        OpenPage::Pool(_) => {
            pool::keys(ui, page, &mut states.pool, asks);
            is_escaping && states.pool.escape()
        }
        OpenPage::Activity(_) => {
            activity::keys(ui, page, &mut states.activity, asks);
            is_escaping && states.activity.escape()
        }
        OpenPage::Keys(_) => {
            client_keys::keys(ui, page, &mut states.keys, asks);
            is_escaping && states.keys.escape()
        }
        OpenPage::Settings(_) => {
            settings::keys(ui, page, &mut states.settings, asks);
            is_escaping && states.settings.escape()
        }
    };
    if is_escaping && !has_left {
        asks.push(Ask::HideIfHarmless);
    }
}

fn of_accounts(ui: &Ui, page: &Page, state: &mut ListState, asks: &mut Vec<Ask>) {
    let ctx = ui.ctx();
    if ctx.input_mut(|input| input.consume_shortcut(&FIND)) && has_search(ui, page) {
        ctx.memory_mut(|memory| memory.request_focus(list::search_id()));
    }
    if ctx.input(|input| input.key_pressed(Key::Escape)) {
        let is_wide = accounts::is_wide(ui.max_rect().width());
        escape(state, is_wide, asks);
    }
    if !ctx.text_edit_focused() {
        letters(ui, page, state, asks);
        ways(ui, page, state);
    }
    arrows(ui, page, state, asks);
}

/// A wide page always has the field, a narrow one from the number of accounts on that wants it.
fn has_search(ui: &Ui, page: &Page) -> bool {
    page.is_dense || accounts::is_wide(ui.max_rect().width())
}

/// Leaves what was entered last: a field, a choice of rows, a detail, a search; then the window.
fn escape(state: &mut ListState, is_wide: bool, asks: &mut Vec<Ask>) {
    if state.detail.leave_field() {
        return;
    }
    if !state.chosen.is_empty() {
        state.chosen.clear();
    } else if !state.search.is_empty() {
        state.search.clear();
    } else if is_wide || !state.go_back() {
        asks.push(Ask::HideIfHarmless);
    }
}

/// Into the detail and back.
fn ways(ui: &Ui, page: &Page, state: &mut ListState) {
    let ctx = ui.ctx();
    let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let is_wide = accounts::is_wide(ui.max_rect().width());
    if let Some(row) = list::focused_row(ui, page)
        && !state.is_pushed
        && pressed(Key::ArrowRight)
    {
        state.show(&row.name);
    }
    // Where a control of the detail has the focus, Left may be its own.
    let is_free = ctx.memory(|memory| memory.focused().is_none());
    if state.is_pushed && !is_wide && is_free && pressed(Key::ArrowLeft) {
        state.go_back();
    }
}

fn arrows(ui: &Ui, page: &Page, state: &mut ListState, asks: &mut Vec<Ask>) {
    let ctx = ui.ctx();
    let is_wide = accounts::is_wide(ui.max_rect().width());
    let is_list_covered = state.is_pushed && page.detail.is_some() && !is_wide;
    if is_list_covered {
        return;
    }
    let is_searching = ctx.memory(|memory| memory.has_focus(list::search_id()));
    if ctx.text_edit_focused() && !is_searching {
        return;
    }
    let pressed = |modifiers, key| ctx.input_mut(|input| input.consume_key(modifiers, key));
    // From the search field Down leads into what was found.
    for (key, down) in [(Key::ArrowDown, true), (Key::ArrowUp, false)] {
        if is_searching && !down {
            continue;
        }
        if let Some(row) = list::focused_row(ui, page)
            && pressed(Modifiers::ALT, key)
        {
            drag::step(page, state, &row.name, down, asks);
        } else if pressed(Modifiers::SHIFT, key) {
            state.step_choosing(page, down);
        } else if pressed(Modifiers::NONE, key) {
            state.step(page, down);
            if is_wide {
                state.shown = state.cursor.clone();
            }
        } else {
            continue;
        }
        // egui would move the focus on by itself, to whatever lies in that direction.
        ctx.memory_mut(|memory| memory.move_focus(FocusDirection::None));
    }
}

fn letters(ui: &Ui, page: &Page, state: &mut ListState, asks: &mut Vec<Ask>) {
    let ctx = ui.ctx();
    let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let focused = list::focused_row(ui, page).map(|row| &row.name);
    if pressed(Key::R) {
        let shown = page.detail.as_ref().map(|detail| &detail.name);
        let target = focused
            .or(shown)
            .or(page.active.as_ref().map(|active| &active.name));
        if let Some(name) = target {
            asks.push(Ask::Command(Command::RefreshUsage(name.clone())));
        }
    }
    if pressed(Key::N) {
        asks.push(Ask::OpenAdd(AddTab::Browser));
    }
    if has_search(ui, page) && pressed(Key::Slash) {
        // The stroke itself is no search.
        ctx.input_mut(|input| {
            input
                .events
                .retain(|event| !matches!(event, Event::Text(text) if text == "/"));
        });
        ctx.memory_mut(|memory| memory.request_focus(list::search_id()));
    }
    if ctx.input_mut(|input| input.consume_shortcut(&ALL)) {
        state.choose_all(page);
    }
    if !state.chosen.is_empty() && pressed(Key::Delete) {
        let names = state.chosen.iter().cloned().collect();
        asks.push(Ask::Open(Opening::Delete(names)));
    }
    let shown = page
        .detail
        .as_ref()
        .map(|detail| (&detail.name, detail.is_pinned));
    let focused = list::focused_row(ui, page).map(|row| (&row.name, row.is_pinned));
    let Some((name, is_pinned)) = focused.or(shown) else {
        return;
    };
    if pressed(Key::P) {
        asks.push(menus::pinned(name, !is_pinned));
    }
    if pressed(Key::F2) {
        asks.push(Ask::Open(Opening::Rename(name.clone())));
    }
    if pressed(Key::Delete) {
        asks.push(Ask::Open(Opening::Delete(vec![name.clone()])));
    }
}
