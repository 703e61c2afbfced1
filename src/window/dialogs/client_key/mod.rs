//! The dialogs about keys that clients show: made, called, limited, taken away.

use egui::{Key, Response, Ui};

use super::Scene;
use super::frame::Leave;
use crate::client_key::{KeyChange, KeyId};
use crate::desk::{Command, KeyView, Snapshot, words};
use crate::window::ask::{Ask, KeyOpening};

mod form;
mod limits;
mod made;
mod new;
mod rename;
mod revoke;

use limits::LimitsDialog;
use new::NewKey;
use rename::RenameKey;
use revoke::RevokeKey;

#[derive(Debug)]
pub enum KeyDialog {
    New(Box<NewKey>),
    Rename(RenameKey),
    Limits(Box<LimitsDialog>),
    Revoke(RevokeKey),
}

impl KeyDialog {
    /// Nothing, where the key is gone meanwhile.
    pub fn open(opening: &KeyOpening, snapshot: &Snapshot) -> Option<Self> {
        Some(match opening {
            KeyOpening::New => Self::New(Box::default()),
            KeyOpening::Rename(id) => Self::Rename(RenameKey::open(view(snapshot, id)?)),
            KeyOpening::Limits(id) => {
                Self::Limits(Box::new(LimitsDialog::open(view(snapshot, id)?)))
            }
            KeyOpening::Revoke(id) => Self::Revoke(RevokeKey::open(view(snapshot, id)?)),
        })
    }

    /// A click beside it leaves what has nothing to lose; a key that is being made stays until it is kept.
    pub fn is_left_by(&self, leave: Leave) -> bool {
        match self {
            Self::New(dialog) => leave == Leave::Escape && !dialog.is_making(),
            Self::Rename(_) | Self::Limits(_) => leave == Leave::Escape,
            Self::Revoke(_) => true,
        }
    }

    /// Closes it, unless it shows a key that nobody has copied: that is said first.
    pub fn leave(&mut self, asks: &mut Vec<Ask>) {
        match self {
            Self::New(dialog) => dialog.leave(asks),
            Self::Rename(_) | Self::Limits(_) | Self::Revoke(_) => asks.push(Ask::CloseDialog),
        }
    }
}

pub fn key_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut KeyDialog, asks: &mut Vec<Ask>) {
    match dialog {
        KeyDialog::New(dialog) => new::new_ui(ui, scene, dialog, asks),
        KeyDialog::Rename(dialog) => rename::rename_ui(ui, scene, dialog, asks),
        KeyDialog::Limits(dialog) => limits::limits_ui(ui, scene, dialog, asks),
        KeyDialog::Revoke(dialog) => revoke::revoke_ui(ui, scene, dialog, asks),
    }
}

fn view<'a>(snapshot: &'a Snapshot, id: &KeyId) -> Option<&'a KeyView> {
    snapshot.keys.keys.iter().find(|key| key.id == *id)
}

/// Whether Enter was pressed in this field.
fn is_entered(ui: &Ui, field: &Response) -> bool {
    field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

fn change(change: KeyChange) -> Ask {
    Ask::Command(Command::ChangeKeys(change))
}

/// What a key is called, while e-mails may be hidden.
fn shown(scene: Scene<'_>, label: &str) -> String {
    words::masked(label, scene.snapshot.hides_emails)
}

/// The label, if a key can be called so; else the sentence that says why not. `own`: the key that is called something else.
fn checked_label(text: &str, own: Option<&KeyId>, snapshot: &Snapshot) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("Say what it is called, for example by the app that will use it.".to_owned());
    }
    let label = crate::client_key::checked_label(text)
        .map_err(|bad| crate::window::rows::sentence(&bad.to_string()))?;
    let lower = label.to_lowercase();
    let mut others = snapshot.keys.keys.iter().filter(|key| Some(&key.id) != own);
    match others.find(|key| key.label.to_lowercase() == lower) {
        Some(other) => {
            let label = words::masked(&other.label, snapshot.hides_emails);
            Err(format!("There is a key called {label} already."))
        }
        None => Ok(label),
    }
}
