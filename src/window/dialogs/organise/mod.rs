//! The dialogs by which accounts are organised: called, tagged, grouped, deleted, brought back.

use egui::{Key, Response, Ui};

use super::Scene;
use super::frame::{self, Buttons, Choice as Pressed};
use crate::desk::{Command, Edit, Snapshot};
use crate::profile::{ProfileName, SideFile};
use crate::window::ask::{Ask, Opening};
use crate::window::rows::{called, sentence};
use crate::window::theme::Look;
use crate::window::widgets::{ButtonKind, Label};

mod delete;
mod group;
mod network;
mod rename;
mod tag;
mod trash;
mod words;

use delete::DeleteDialog;
use group::GroupDialog;
use network::NetworkDialog;
use rename::RenameDialog;
use tag::TagDialog;
use trash::TrashDialog;
use words::WordsDialog;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganiseDialog {
    Rename(RenameDialog),
    Words(WordsDialog),
    Tag(TagDialog),
    Group(GroupDialog),
    Network(NetworkDialog),
    Delete(DeleteDialog),
    Trash(TrashDialog),
}

impl OrganiseDialog {
    /// Nothing, where the accounts are gone meanwhile or another dialog is meant.
    pub fn open(opening: &Opening, snapshot: &Snapshot) -> Option<Self> {
        let there = |names: &[ProfileName]| {
            let is_there = |name: &&ProfileName| snapshot.profile(name).is_some();
            let names: Vec<_> = names.iter().filter(is_there).cloned().collect();
            (!names.is_empty()).then_some(names)
        };
        match opening {
            Opening::Rename(name) => {
                let profile = snapshot.profile(name)?;
                Some(Self::Rename(RenameDialog::open(profile)))
            }
            Opening::Words(name) => {
                let profile = snapshot.profile(name)?;
                Some(Self::Words(WordsDialog::open(profile)))
            }
            Opening::Network(name) => {
                let profile = snapshot.profile(name)?;
                Some(Self::Network(NetworkDialog::open(profile)))
            }
            Opening::Tag(names) => Some(Self::Tag(TagDialog::open(there(names)?, snapshot))),
            Opening::Group(names) => Some(Self::Group(GroupDialog::open(there(names)?, snapshot))),
            Opening::Delete(names) => Some(Self::Delete(DeleteDialog::open(there(names)?))),
            Opening::Trash => Some(Self::Trash(TrashDialog::default())),
        }
    }
}

impl OrganiseDialog {
    /// Whether a click beside it may leave it: nothing that was written in it would be lost.
    pub fn is_left_by_a_click(&self) -> bool {
        matches!(self, Self::Delete(_) | Self::Trash(_))
    }
}

pub fn organise_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    dialog: &mut OrganiseDialog,
    asks: &mut Vec<Ask>,
) {
    match dialog {
        OrganiseDialog::Rename(dialog) => rename::rename_ui(ui, scene, dialog, asks),
        OrganiseDialog::Words(dialog) => words::words_ui(ui, scene, dialog, asks),
        OrganiseDialog::Tag(dialog) => tag::tag_ui(ui, scene, dialog, asks),
        OrganiseDialog::Group(dialog) => group::group_ui(ui, scene, dialog, asks),
        OrganiseDialog::Network(dialog) => network::network_ui(ui, scene, dialog, asks),
        OrganiseDialog::Delete(dialog) => delete::delete_ui(ui, scene, dialog, asks),
        OrganiseDialog::Trash(dialog) => trash::trash_ui(ui, scene, dialog, asks),
    }
}

/// Two buttons at the lower right, the one that does it last. `focus` gives one of them the focus.
fn foot_ui(
    ui: &mut Ui,
    look: Look,
    other: &str,
    (primary, kind): (&str, ButtonKind),
    focus: Option<Pressed>,
) -> Option<Pressed> {
    let buttons = Buttons {
        other: Some(other),
        primary: Some(Label::plain(primary)),
        kind,
        focus,
    };
    frame::buttons_ui(ui, look, &buttons)
}

/// Whether Enter was pressed in this field.
fn is_entered(ui: &Ui, field: &Response) -> bool {
    field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

/// Why an edit cannot be meant, before it is asked for; the worker judges by the same rules.
fn refused(edit: &Edit) -> Option<String> {
    let judged = edit.apply(&mut SideFile::default());
    judged.err().map(|err| sentence(&err.to_string()))
}

fn edit(names: &[ProfileName], edit: Edit) -> Ask {
    Ask::Command(Command::Edit {
        names: names.to_vec(),
        edit,
    })
}

/// `spare`, or `3 accounts`.
fn whom(names: &[ProfileName], snapshot: &Snapshot) -> String {
    match names {
        [name] => called(snapshot, name, snapshot.hides_emails),
        names => crate::desk::words::accounts(names.len()),
    }
}
