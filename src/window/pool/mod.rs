//! The Pool page.

use egui::{Id, Rect, Sense, Ui, WidgetInfo, accesskit};

use super::ask::Ask;
use super::rows::{Page, PoolPage, PoolWish};
use super::shell;
use super::text::{self, Role};
use super::theme::Look;

/// What the user does to the page and has not asked for.
#[derive(Debug, Default)]
pub struct PoolState {}

impl PoolState {
    pub fn wish(&self) -> PoolWish {
        PoolWish {}
    }

    /// Leaves what was entered last. Whether there was anything to leave.
    pub fn escape(&mut self) -> bool {
        false
    }
}

/// Keys of this page, while no menu is open.
pub fn keys(_ui: &Ui, _page: &Page, _state: &mut PoolState, _asks: &mut Vec<Ask>) {}

pub fn pool_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &PoolPage,
    _state: &mut PoolState,
    _asks: &mut Vec<Ask>,
) {
    shell::scroll_ui(ui, body, "pool", |ui| {
        let (rect, _) =
            ui.allocate_exact_size(egui::vec2(ui.available_width(), 32.0), Sense::hover());
        let response = ui.interact(rect, Id::unique("pool title"), Sense::hover());
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
