//! Asks once before accounts go into the trash.

use egui::Ui;

use super::{Pressed, foot_ui, whom};
use crate::desk::Command;
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame};
use crate::window::rows::called;
use crate::window::widgets::ButtonKind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteDialog {
    names: Vec<ProfileName>,
}

impl DeleteDialog {
    pub fn open(names: Vec<ProfileName>) -> Self {
        Self { names }
    }
}

pub fn delete_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut DeleteDialog, asks: &mut Vec<Ask>) {
    let (look, snapshot) = (scene.look, scene.snapshot);
    frame::title(
        ui,
        look,
        &format!("Delete {}?", whom(&dialog.names, snapshot)),
    );
    let is_one = dialog.names.len() == 1;
    let words = if is_one {
        "Its login is removed from this computer. The account itself is not touched."
    } else {
        "Their logins are removed from this computer. The accounts themselves are not touched."
    };
    frame::paragraph(ui, look, words);
    if let Some(active) = snapshot
        .active()
        .filter(|it| dialog.names.contains(&it.name))
    {
        ui.add_space(8.0);
        let who = if is_one {
            "it".to_owned()
        } else {
            called(snapshot, &active.name, snapshot.hides_emails)
        };
        let words = format!(
            "Codex uses {who} now and stays signed in: its own auth.json is left alone, as a login that is not saved here."
        );
        frame::paragraph(ui, look, &words);
    }
    ui.add_space(8.0);
    let words = if is_one {
        "For 30 days it can be brought back."
    } else {
        "For 30 days they can be brought back."
    };
    frame::paragraph(ui, look, words);
    // What destroys is never the first to be pressed.
    let focus = scene.is_new.then_some(Pressed::Other);
    match foot_ui(ui, look, "Cancel", ("Delete", ButtonKind::Danger), focus) {
        Some(Pressed::Primary) => {
            asks.push(Ask::Command(Command::Delete(dialog.names.clone())));
            asks.push(Ask::CloseDialog);
        }
        Some(Pressed::Other) => asks.push(Ask::CloseDialog),
        None => {}
    }
}
