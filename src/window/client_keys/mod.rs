//! The Keys page: which keys clients may show, and how an app is pointed here.

use egui::{
    Align2, FocusDirection, Id, Key, Modifiers, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2,
};

use super::accounts::is_wide;
use super::ask::{Ask, KeyOpening};
use super::fonts::icon;
use super::rows::{ClientKeysPage, ClientKeysWish, KeyRow, OpenPage, Page, SetupApp};
use super::shell;
use super::text::{self, Role};
use super::theme::{CARD_GAP, Look};
use super::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};
use crate::client_key::{KeyChange, KeyId};
use crate::desk::Command;

mod menu;
mod row;
mod setup;
mod table;

/// What the user does to the page and has not asked for.
#[derive(Debug, Default)]
pub struct ClientKeysState {
    app: SetupApp,
    /// The key that the set-up is for.
    key: Option<KeyId>,
    /// It is for none, although there are keys.
    uses_no_key: bool,
    /// Where the Tab key enters the table.
    cursor: Option<KeyId>,
    /// The cursor was moved by a key: its row is brought into view and gets the focus.
    has_moved: bool,
    copied: super::dialogs::Copied,
}

impl ClientKeysState {
    pub fn wish(&self) -> ClientKeysWish<'_> {
        ClientKeysWish {
            app: self.app,
            key: self.key.as_ref(),
            uses_no_key: self.uses_no_key,
        }
    }

    /// The set-up is for this key from now on.
    pub fn set_up(&mut self, key: KeyId) {
        self.choose_key(Some(key));
    }

    fn choose_key(&mut self, key: Option<KeyId>) {
        self.key = key;
        self.uses_no_key = self.key.is_none();
    }

    /// Leaves what was entered last. Whether there was anything to leave.
    pub fn escape(&mut self) -> bool {
        false
    }

    fn step(&mut self, page: &ClientKeysPage, down: bool) {
        let place = |id: &KeyId| page.rows.iter().position(|row| row.id == *id);
        let last = page.rows.len().saturating_sub(1);
        let next = match self.cursor.as_ref().and_then(place) {
            None => 0,
            Some(at) if down => (at + 1).min(last),
            Some(at) => at.saturating_sub(1),
        };
        self.cursor = page.rows.get(next).map(|row| row.id.clone());
        self.has_moved = true;
    }
}

/// Keys of this page, while no menu is open.
pub fn keys(ui: &Ui, page: &Page, state: &mut ClientKeysState, asks: &mut Vec<Ask>) {
    let OpenPage::Keys(page) = &page.open else {
        return;
    };
    let ctx = ui.ctx();
    if ctx.text_edit_focused() {
        return;
    }
    let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let focused = ctx.memory(|memory| memory.focused());
    let row = page
        .rows
        .iter()
        .find(|it| focused == Some(row::row_id(&it.id)));
    if row.is_some() || focused.is_none() {
        for (key, down) in [(Key::ArrowDown, true), (Key::ArrowUp, false)] {
            if pressed(key) {
                state.step(page, down);
                // egui would move the focus on by itself, to whatever lies in that direction.
                ctx.memory_mut(|memory| memory.move_focus(FocusDirection::None));
            }
        }
    }
    if !page.can_change {
        return;
    }
    if pressed(Key::N) {
        asks.push(Ask::OpenKey(KeyOpening::New));
    }
    let Some(row) = row else {
        return;
    };
    if pressed(Key::Space) {
        asks.push(toggled(row));
    }
    if pressed(Key::Enter) {
        asks.push(Ask::OpenKey(KeyOpening::Limits(row.id.clone())));
    }
    if pressed(Key::F2) {
        asks.push(Ask::OpenKey(KeyOpening::Rename(row.id.clone())));
    }
    if pressed(Key::Delete) {
        asks.push(Ask::OpenKey(KeyOpening::Revoke(row.id.clone())));
    }
}

/// What the toggle of a key does.
fn toggled(row: &KeyRow) -> Ask {
    let id = row.id.clone();
    Ask::Command(Command::ChangeKeys(if row.is_enabled {
        KeyChange::Disable(id)
    } else {
        KeyChange::Enable(id)
    }))
}

pub fn client_keys_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &ClientKeysPage,
    state: &mut ClientKeysState,
    asks: &mut Vec<Ask>,
) {
    shell::scroll_ui(ui, body, "client_keys", |ui| {
        let is_wide = is_wide(body.width());
        head_ui(ui, look, page, asks);
        if let Some(why) = &page.unreadable {
            widgets::warn_box_ui(ui, look, "The client keys cannot be read", why);
            ui.add_space(CARD_GAP);
        }
        table::table_ui(ui, look, page, is_wide, state, asks);
        ui.add_space(CARD_GAP);
        setup::setup_ui(ui, look, &page.setup, state, asks);
        ui.add_space(CARD_GAP);
    });
}

fn head_ui(ui: &mut Ui, look: Look, page: &ClientKeysPage, asks: &mut Vec<Ask>) {
    let label = Label::with_icon(icon::PLUS, "New key");
    let button_width = widgets::label_width(ui.painter(), label);
    let width = ui.available_width();
    let intro_width = width - button_width - 16.0;
    let words = text::paragraph(
        ui.painter(),
        page.intro,
        Role::Body,
        look.text_2,
        intro_width,
        3,
    );
    let height = words.size().y.max(TALL_BUTTON_HEIGHT).round();
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let at = pos2(rect.left() + 4.0, rect.center().y);
    let area = text::place(ui.painter(), words, at, Align2::LEFT_CENTER);
    let intro = ui.interact(area, Id::unique("keys intro"), Sense::hover());
    intro.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, page.intro));
    let button = Rect::from_min_size(
        pos2(
            rect.right() - button_width,
            rect.center().y - TALL_BUTTON_HEIGHT / 2.0,
        ),
        vec2(button_width, TALL_BUTTON_HEIGHT),
    );
    let kind = if page.can_change {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let id = Id::unique("new key");
    if widgets::button_ui(ui, look, button, id, label, kind).clicked() {
        asks.push(Ask::OpenKey(KeyOpening::New));
    }
    ui.add_space(CARD_GAP);
}
