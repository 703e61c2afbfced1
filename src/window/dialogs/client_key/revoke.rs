//! Asks once before a key is taken away for good.

use egui::Ui;

use super::super::{Scene, frame};
use super::{change, shown};
use crate::client_key::{KeyChange, KeyId};
use crate::desk::{KeyView, Snapshot};
use crate::window::ask::Ask;
use crate::window::dialogs::frame::{Buttons, Choice};
use crate::window::widgets::{ButtonKind, Label};

#[derive(Debug)]
pub struct RevokeKey {
    id: KeyId,
    label: String,
}

impl RevokeKey {
    pub fn open(key: &KeyView) -> Self {
        Self {
            id: key.id.clone(),
            label: key.label.clone(),
        }
    }

    /// Whether nothing opens the router without it, and something must.
    fn is_last(&self, scene: Scene<'_>) -> bool {
        let Snapshot { keys, .. } = scene.snapshot;
        let opens = |key: &KeyView| {
            key.is_enabled && key.expires_at.is_none_or(|at| at > scene.now) && key.id != self.id
        };
        keys.is_required && !keys.keys.iter().any(opens)
    }
}

pub fn revoke_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut RevokeKey, asks: &mut Vec<Ask>) {
    let look = scene.look;
    frame::title(
        ui,
        look,
        &format!("Revoke {}?", shown(scene, &dialog.label)),
    );
    frame::paragraph(
        ui,
        look,
        "Apps that use it are refused from now on. This cannot be undone. To shut it out for a while, turn it off instead.",
    );
    if dialog.is_last(scene) {
        ui.add_space(8.0);
        frame::paragraph(
            ui,
            look,
            "No other key opens the router. Every request still needs one, until you turn that off on this page.",
        );
    }
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain("Revoke")),
        kind: ButtonKind::Danger,
        // What destroys is never the first to be pressed.
        focus: scene.is_new.then_some(Choice::Other),
    };
    match frame::buttons_ui(ui, look, &buttons) {
        Some(Choice::Primary) => {
            asks.push(change(KeyChange::Remove(dialog.id.clone())));
            asks.push(Ask::CloseDialog);
        }
        Some(Choice::Other) => asks.push(Ask::CloseDialog),
        None => {}
    }
}
