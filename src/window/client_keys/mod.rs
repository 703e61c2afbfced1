//! The Keys page.

use egui::{Id, Rect, Sense, Ui, WidgetInfo, accesskit};

use super::ask::Ask;
use super::rows::{ClientKeysPage, ClientKeysWish, Page};
use super::shell;
use super::text::{self, Role};
use super::theme::Look;

/// What the user does to the page and has not asked for.
#[derive(Debug, Default)]
pub struct ClientKeysState {}

impl ClientKeysState {
    pub fn wish(&self) -> ClientKeysWish {
        ClientKeysWish {}
    }

    /// Leaves what was entered last. Whether there was anything to leave.
    pub fn escape(&mut self) -> bool {
        false
    }
}

/// Keys of this page, while no menu is open.
pub fn keys(_ui: &Ui, _page: &Page, _state: &mut ClientKeysState, _asks: &mut Vec<Ask>) {}

pub fn client_keys_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &ClientKeysPage,
    _state: &mut ClientKeysState,
    _asks: &mut Vec<Ask>,
) {
    shell::scroll_ui(ui, body, "client_keys", |ui| {
        let (rect, _) =
            ui.allocate_exact_size(egui::vec2(ui.available_width(), 32.0), Sense::hover());
        let response = ui.interact(rect, Id::unique("client_keys title"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &page.title));
        text::put(
            ui.painter(),
            rect.left_center(),
            egui::Align2::LEFT_CENTER,
            &page.title,
            Role::Title,
            look.text,
            rect.width(),
        );
    });
}
