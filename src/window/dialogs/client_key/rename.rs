//! A key is called something else.

use egui::{Id, Ui};

use super::super::{Scene, frame};
use super::{change, checked_label, is_entered, shown};
use crate::client_key::{KeyChange, KeyId};
use crate::desk::KeyView;
use crate::window::ask::Ask;
use crate::window::dialogs::frame::{Buttons, Choice};
use crate::window::widgets::{ButtonKind, Label};

#[derive(Debug)]
pub struct RenameKey {
    id: KeyId,
    old: String,
    label: String,
}

impl RenameKey {
    pub fn open(key: &KeyView) -> Self {
        Self {
            id: key.id.clone(),
            old: key.label.clone(),
            label: key.label.clone(),
        }
    }
}

pub fn rename_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut RenameKey, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let title = format!("Rename {}", shown(scene, &dialog.old));
    frame::title(ui, look, &title);
    frame::paragraph(ui, look, "The key itself and its limits stay as they are.");
    ui.add_space(12.0);
    frame::label(ui, look, "Name");
    let checked = checked_label(&dialog.label, Some(&dialog.id), scene.snapshot);
    let id = Id::unique("key label");
    let refusal = checked.as_ref().err().map(String::as_str);
    let words = ("ci-runner", "Name");
    let field = frame::field(ui, look, id, &mut dialog.label, words, refusal);
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
        frame::choose_all(ui, id, dialog.label.chars().count());
    }
    let kind = if checked.is_ok() {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain("Rename")),
        kind,
        focus: None,
    };
    let choice = frame::buttons_ui(ui, look, &buttons);
    if choice == Some(Choice::Other) {
        asks.push(Ask::CloseDialog);
    } else if is_entered(ui, &field) || choice == Some(Choice::Primary) {
        match checked {
            Ok(label) => {
                if label != dialog.old {
                    let id = dialog.id.clone();
                    asks.push(change(KeyChange::Rename { id, label }));
                }
                asks.push(Ask::CloseDialog);
            }
            Err(_said) => ui.memory_mut(|memory| memory.request_focus(id)),
        }
    }
}
