//! A name for the login that Codex uses.

use egui::{Id, Key, Ui};

use super::Scene;
use super::frame::{self, Choice};
use crate::desk::{Command, Live, Snapshot, words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveDialog {
    name: String,
    refusal: Option<String>,
}

impl SaveDialog {
    /// Nothing: there is no login that could be saved.
    pub fn open(snapshot: &Snapshot, hides_emails: bool) -> Option<Self> {
        let Live::Unsaved { email, .. } = &snapshot.live else {
            return None;
        };
        let wish = email.as_deref().filter(|_| !hides_emails);
        Some(Self {
            name: snapshot.free_name(wish.unwrap_or("account")).to_string(),
            refusal: None,
        })
    }
}

pub fn save_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut SaveDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    frame::title(ui, look, "Save the login that Codex uses");
    let words = "Under which name? It becomes a folder, and the name in this list.";
    frame::paragraph(ui, look, words);
    ui.add_space(12.0);
    let id = Id::unique("account name");
    let words = ("Name", "Account name");
    let refusal = dialog.refusal.as_deref();
    let field = frame::field(ui, look, id, &mut dialog.name, words, refusal);
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if field.changed() {
        dialog.refusal = None;
    }
    let is_submitted = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let choice = frame::footer(ui, look, Some("Cancel"), "Save", false);
    if is_submitted || choice == Some(Choice::Primary) {
        match checked_name(dialog.name.trim(), scene.snapshot) {
            Ok(name) => {
                asks.push(Ask::Command(Command::Save(name)));
                asks.push(Ask::CloseDialog);
            }
            Err(why) => {
                dialog.refusal = Some(why);
                ui.memory_mut(|memory| memory.request_focus(id));
            }
        }
    } else if choice == Some(Choice::Other) {
        asks.push(Ask::CloseDialog);
    }
}

/// The name, if an account can be called so; else the sentence that says why not.
pub fn checked_name(text: &str, snapshot: &Snapshot) -> Result<ProfileName, String> {
    let name = ProfileName::parse(text).map_err(|err| format!("{err}."))?;
    let taken = snapshot
        .profiles
        .iter()
        .find(|profile| profile.name.is_same_directory(&name));
    match taken {
        Some(other) => Err(format!(
            "There is an account called {} already.",
            words::masked(other.name.as_str(), snapshot.hides_emails)
        )),
        None => Ok(name),
    }
}
