//! The dialogs, one noun a file, and the sheet that all of them stand on.
//!
//! A dialog is a struct of what the user does to it before it is asked for, and a function that draws it by what the
//! [`Scene`] shows. It asks by [`Ask`] and decides nothing about the worker's business.

use std::time::SystemTime;

use egui::Ui;
use jiff::tz::TimeZone;

use super::ask::Ask;
use super::errands::{Doors, Return};
use super::rows::Banner;
use super::theme::Look;
use crate::desk::{Snapshot, words};
use crate::profile::ProfileName;

mod add;
mod client_key;
mod close;
mod connect;
mod copied;
mod export;
mod frame;
mod keyring;
mod organise;
mod save;
mod switch;
mod unlock;

pub use add::{AddDialog, AddTab};
pub use client_key::KeyDialog;
pub use connect::ConnectDialog;
pub use copied::Copied;
pub use export::ExportDialog;
use frame::Leave;
pub use keyring::KeyringDialog;
pub use organise::OrganiseDialog;
pub use save::SaveDialog;
pub use switch::{SwitchDialog, switching};
pub use unlock::UnlockDialog;

pub enum Dialog {
    /// Codex runs, and what runs keeps its old login.
    Switch(SwitchDialog),
    /// Other programs and the router.
    Connect(ConnectDialog),
    /// Codex keeps its login elsewhere.
    Keyring(KeyringDialog),
    /// A name for the login that Codex uses.
    Save(SaveDialog),
    /// Adding an account, or signing in to one again.
    Add(Box<AddDialog>),
    Export(Box<ExportDialog>),
    Organise(OrganiseDialog),
    /// Keys that clients show.
    Key(KeyDialog),
    /// The passphrase of encrypted logins.
    Unlock(UnlockDialog),
    /// Closing stops everything, which is not obvious the first time.
    CloseStops,
}

/// What a dialog may look at while it is drawn.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub look: Look,
    pub snapshot: &'a Snapshot,
    pub now: SystemTime,
    pub zone: &'a TimeZone,
    /// The desk did not take the last command.
    pub complaint: Option<&'a Banner>,
    pub doors: &'a Doors,
    /// It is drawn for the first time: its first focus is to be given.
    pub is_new: bool,
}

impl Scene<'_> {
    /// What an account is called on screen.
    pub fn called(&self, name: &ProfileName) -> String {
        let hides_emails = self.snapshot.hides_emails;
        match self.snapshot.profile(name) {
            Some(profile) => words::called(profile, hides_emails),
            None if hides_emails => words::alias(name),
            None => name.to_string(),
        }
    }
}

impl Dialog {
    /// An errand of this dialog, or of the one before it, has come back.
    pub fn returned(&mut self, told: Return) {
        match (self, told) {
            (Self::Add(dialog), told) => dialog.returned(told),
            (Self::Export(dialog), Return::Picked(_, picked)) => dialog.picked(picked),
            (
                Self::Export(_)
                | Self::Switch(_)
                | Self::Save(_)
                | Self::Organise(_)
                | Self::Connect(_)
                | Self::Keyring(_)
                | Self::Key(_)
                | Self::Unlock(_)
                | Self::CloseStops,
                Return::LinkRefused | Return::Picked(..),
            ) => {}
        }
    }

    /// A click beside it leaves a dialog in which nothing can be lost.
    fn is_left_by(&self, leave: Leave) -> bool {
        match self {
            Self::Switch(_)
            | Self::Save(_)
            | Self::Connect(_)
            | Self::Keyring(_)
            | Self::Unlock(_)
            | Self::CloseStops => true,
            Self::Key(dialog) => dialog.is_left_by(leave),
            Self::Organise(dialog) => dialog.is_left_by_a_click() || leave == Leave::Escape,
            // Whoever comes back from the browser clicks on the window first.
            Self::Add(_) | Self::Export(_) => leave == Leave::Escape,
        }
    }
}

/// Draws the open dialog. Typing changes it in place; everything else is asked for.
pub fn dialog_ui(ui: &Ui, scene: Scene<'_>, dialog: &mut Dialog, asks: &mut Vec<Ask>) {
    let leave = frame::frame_ui(ui.ctx(), scene.look, |ui| match dialog {
        Dialog::Switch(dialog) => switch::switch_ui(ui, scene, dialog, asks),
        Dialog::Connect(dialog) => connect::connect_ui(ui, scene, dialog, asks),
        Dialog::Keyring(dialog) => keyring::keyring_ui(ui, scene, dialog, asks),
        Dialog::Save(dialog) => save::save_ui(ui, scene, dialog, asks),
        Dialog::Add(dialog) => add::add_ui(ui, scene, dialog, asks),
        Dialog::Export(dialog) => export::export_ui(ui, scene, dialog, asks),
        Dialog::Organise(dialog) => organise::organise_ui(ui, scene, dialog, asks),
        Dialog::Key(dialog) => client_key::key_ui(ui, scene, dialog, asks),
        Dialog::Unlock(dialog) => unlock::unlock_ui(ui, scene, dialog, asks),
        Dialog::CloseStops => close::close_ui(ui, scene, asks),
    });
    if leave.is_some_and(|leave| dialog.is_left_by(leave)) {
        match dialog {
            Dialog::Add(dialog) => dialog.leave(scene.snapshot, asks),
            Dialog::Key(dialog) => dialog.leave(asks),
            Dialog::Switch(_)
            | Dialog::Save(_)
            | Dialog::Export(_)
            | Dialog::Organise(_)
            | Dialog::Connect(_)
            | Dialog::Keyring(_)
            | Dialog::Unlock(_)
            | Dialog::CloseStops => {
                asks.push(Ask::CloseDialog);
            }
        }
    }
}
