//! Before the first close without a tray: it stops everything.

use egui::Ui;

use super::Scene;
use super::frame::{self, Choice};
use crate::window::Closed;
use crate::window::ask::Ask;

pub fn close_ui(ui: &mut Ui, scene: Scene<'_>, asks: &mut Vec<Ask>) {
    let look = scene.look;
    frame::title(ui, look, "Close Codex Router?");
    let words = "No tray on this desktop, so closing stops the router.";
    frame::paragraph(ui, look, words);
    match frame::footer(ui, look, Some("Keep open"), "Quit", scene.is_new) {
        Some(Choice::Primary) => asks.push(Ask::Leave(Closed::Quit)),
        Some(Choice::Other) => asks.push(Ask::CloseDialog),
        None => {}
    }
}
