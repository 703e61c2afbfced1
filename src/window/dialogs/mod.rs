//! The dialogs, one noun a file, and the sheet that all of them stand on.
//!
//! A dialog is a struct of what the user does to it before it is asked for, and a function that draws it by what the
//! [`Scene`] shows. It asks by [`Ask`] and decides nothing about the worker's business.

use std::time::SystemTime;

use egui::Ui;

use super::ask::Ask;
use super::theme::Look;
use crate::desk::Snapshot;

mod close;
mod frame;
mod save;
mod switch;

pub use save::SaveDialog;
pub use switch::SwitchDialog;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// Codex runs, and what runs keeps its old login.
    Switch(SwitchDialog),
    /// A name for the login that Codex uses.
    Save(SaveDialog),
    /// There is no login that could be saved; says why.
    NothingToSave { why: String },
    /// Closing stops everything, which is not obvious the first time.
    CloseStops,
}

/// What a dialog may look at while it is drawn.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub look: Look,
    pub snapshot: &'a Snapshot,
    pub now: SystemTime,
    /// It is drawn for the first time: its first focus is to be given.
    pub is_new: bool,
}

/// Draws the open dialog. Typing changes it in place; everything else is asked for.
pub fn dialog_ui(ui: &Ui, scene: Scene<'_>, dialog: &mut Dialog, asks: &mut Vec<Ask>) {
    let wants_to_close = frame::frame_ui(ui.ctx(), scene.look, |ui| match dialog {
        Dialog::Switch(dialog) => switch::switch_ui(ui, scene, dialog, asks),
        Dialog::Save(dialog) => save::save_ui(ui, scene, dialog, asks),
        Dialog::NothingToSave { why } => save::nothing_to_save_ui(ui, scene, why, asks),
        Dialog::CloseStops => close::close_ui(ui, scene, asks),
    });
    if wants_to_close {
        asks.push(Ask::CloseDialog);
    }
}
