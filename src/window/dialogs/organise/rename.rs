//! Another name: that of the folder, and what stands on screen instead.

use egui::{Id, Ui};

use super::{Pressed, edit, foot_ui, is_entered, refused, whom};
use crate::desk::{Command, Edit, ProfileView, Snapshot};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame, save};
use crate::window::widgets::ButtonKind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameDialog {
    from: ProfileName,
    name: String,
    label: String,
    old_label: String,
}

impl RenameDialog {
    pub fn open(profile: &ProfileView) -> Self {
        let label = profile.about.label.clone().unwrap_or_default();
        Self {
            from: profile.name.clone(),
            name: profile.name.to_string(),
            old_label: label.clone(),
            label,
        }
    }

    /// The new name, none where it is the old one, or why it will not do.
    fn checked(&self, snapshot: &Snapshot) -> Result<Option<ProfileName>, String> {
        let text = self.name.trim();
        if text == self.from.as_str() {
            return Ok(None);
        }
        let others = Snapshot {
            profiles: snapshot
                .profiles
                .iter()
                .filter(|profile| profile.name != self.from)
                .cloned()
                .collect(),
            hides_emails: snapshot.hides_emails,
            ..Snapshot::default()
        };
        save::checked_name(text, &others).map(Some)
    }

    /// The edit of the label, if it is another one.
    fn relabelled(&self) -> Option<Edit> {
        let label = self.label.trim();
        (label != self.old_label.trim())
            .then(|| Edit::Label((!label.is_empty()).then(|| label.to_owned())))
    }
}

pub fn rename_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut RenameDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let whom = whom(std::slice::from_ref(&dialog.from), scene.snapshot);
    frame::title(ui, look, &format!("Rename {whom}"));
    frame::paragraph(ui, look, "Its login, tags and history stay as they are.");
    ui.add_space(12.0);
    let checked = dialog.checked(scene.snapshot);
    let name_id = Id::unique("new name");
    frame::label(ui, look, "Name");
    let words = ("Name", "New name");
    let refusal = checked.as_ref().err().map(String::as_str);
    let name = frame::field(ui, look, name_id, &mut dialog.name, words, refusal);
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(name_id));
        frame::choose_all(ui, name_id, dialog.name.chars().count());
    }
    ui.add_space(12.0);
    frame::label(ui, look, "Shown as, in any script");
    let relabelled = dialog.relabelled();
    let label_refusal = relabelled.as_ref().and_then(refused);
    let id = Id::unique("label");
    let words = (whom.as_str(), "Shown as");
    let refusal = label_refusal.as_deref();
    let label = frame::field(ui, look, id, &mut dialog.label, words, refusal);
    let is_submitted = is_entered(ui, &name) || is_entered(ui, &label);
    let will_do = checked.is_ok() && label_refusal.is_none();
    let kind = if will_do {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let pressed = foot_ui(ui, look, "Cancel", ("Rename", kind), None);
    if pressed == Some(Pressed::Other) {
        asks.push(Ask::CloseDialog);
    } else if is_submitted || pressed == Some(Pressed::Primary) {
        match (checked, will_do) {
            (Ok(to), true) => {
                asks.extend(
                    relabelled.map(|label| edit(std::slice::from_ref(&dialog.from), label)),
                );
                asks.extend(to.map(|to| {
                    Ask::Command(Command::Rename {
                        from: dialog.from.clone(),
                        to,
                    })
                }));
                asks.push(Ask::CloseDialog);
            }
            _ => ui.memory_mut(|memory| memory.request_focus(name_id)),
        }
    }
}
