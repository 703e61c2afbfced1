//! The menu of one key.

use egui::{Id, Key, Popup, RectAlign, Response, Ui};

use crate::window::ask::{Ask, KeyOpening};
use crate::window::fonts::icon;
use crate::window::rows::KeyRow;
use crate::window::theme::Look;
use crate::window::widgets;

const WIDTH: f32 = 196.0;

pub(super) fn row_menu_ui(
    look: Look,
    row: &KeyRow,
    can_change: bool,
    button: &Response,
    asks: &mut Vec<Ask>,
) {
    Popup::menu(button)
        .align(RectAlign::BOTTOM_END)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(WIDTH)
        .show(|ui| {
            ui.set_width(WIDTH);
            let id = || row.id.clone();
            if can_change {
                if widgets::menu_item_ui(ui, look, Some(icon::PENCIL), "Rename", "F2") {
                    asks.push(Ask::OpenKey(KeyOpening::Rename(id())));
                }
                if widgets::menu_item_ui(ui, look, Some(icon::SLIDERS), "Edit limits…", "Enter") {
                    asks.push(Ask::OpenKey(KeyOpening::Limits(id())));
                }
            }
            if widgets::menu_item_ui(ui, look, Some(icon::COPY), "Copy ending", "") {
                asks.push(Ask::Copy(row.shown.clone()));
            }
            if can_change {
                widgets::menu_divider_ui(ui, look);
                if widgets::danger_item_ui(ui, look, icon::TRASH, "Revoke…", "Del") {
                    asks.push(Ask::OpenKey(KeyOpening::Revoke(id())));
                }
            }
        });
}

/// By a key of the row, which has the focus again when the menu is closed.
pub(super) fn open_by_key(ui: &Ui, menu: Id, row: Id) {
    widgets::open_menu_by_key(ui.ctx(), menu);
    ui.data_mut(|data| data.insert_temp(menu_row(), row));
}

/// Whoever came by a key goes on by keys.
pub(super) fn give_focus_back(ui: &Ui, row: Id, is_open: bool) {
    let opened_by = ui.data(|data| data.get_temp::<Id>(menu_row()));
    let is_opening = ui.input(|input| input.key_pressed(Key::F10) || input.key_pressed(Key::Menu));
    if !is_open && opened_by == Some(row) && !is_opening {
        ui.data_mut(|data| data.remove::<Id>(menu_row()));
        ui.memory_mut(|memory| memory.request_focus(row));
    }
}

/// The row whose menu a key has opened.
fn menu_row() -> Id {
    Id::unique("key of the menu")
}
