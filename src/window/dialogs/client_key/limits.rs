//! What a key may do is written anew.

use egui::Ui;

use super::super::{Scene, frame};
use super::form::{self, LimitsForm};
use super::{change, shown, view};
use crate::client_key::{KeyChange, KeyId};
use crate::desk::KeyView;
use crate::window::ask::Ask;
use crate::window::dialogs::frame::{Buttons, Choice};
use crate::window::widgets::{ButtonKind, Label};

#[derive(Debug)]
pub struct LimitsDialog {
    /// As it was when the dialog was opened.
    key: KeyView,
    form: LimitsForm,
    failure: Option<&'static str>,
}

impl LimitsDialog {
    pub fn open(key: &KeyView) -> Self {
        Self {
            form: LimitsForm::of(key),
            key: key.clone(),
            failure: None,
        }
    }

    fn id(&self) -> &KeyId {
        &self.key.id
    }
}

pub fn limits_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut LimitsDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let now = view(scene.snapshot, dialog.id());
    // Somebody else has changed it meanwhile: what is written here was meant for another one.
    let is_another = now.is_none_or(|now| {
        now.policy != dialog.key.policy || now.expires_at != dialog.key.expires_at
    });
    frame::title(
        ui,
        look,
        &format!("Limits of {}", shown(scene, &dialog.key.label)),
    );
    frame::paragraph(
        ui,
        look,
        "They hold from the next request on. What was used stays counted.",
    );
    ui.add_space(12.0);
    let is_submitted = form::form_ui(ui, scene, &mut dialog.form);
    if scene.is_new {
        form::give_first_focus(ui);
    }
    let failure = if is_another {
        Some("This key was changed elsewhere meanwhile. Close this and open it again.")
    } else {
        dialog.failure
    };
    if let Some(words) = failure {
        ui.add_space(8.0);
        frame::refusal(ui, look, words);
    }
    let kind = if is_another {
        ButtonKind::Disabled
    } else {
        ButtonKind::Primary
    };
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain("Save")),
        kind,
        focus: None,
    };
    let choice = frame::buttons_ui(ui, look, &buttons);
    if choice == Some(Choice::Other) {
        asks.push(Ask::CloseDialog);
    } else if !is_another && (is_submitted || choice == Some(Choice::Primary)) {
        match dialog.form.read(scene.now) {
            None => dialog.failure = Some("Something above cannot be understood."),
            Some((policy, expires_at)) => {
                if policy != dialog.key.policy || expires_at != dialog.key.expires_at {
                    asks.push(change(KeyChange::Limit {
                        id: dialog.id().clone(),
                        policy: Box::new(policy),
                        expires_at,
                    }));
                }
                asks.push(Ask::CloseDialog);
            }
        }
    }
}
