//! The passphrase of encrypted logins.

use egui::{Id, Key, Ui};
use zeroize::Zeroizing;

use super::Scene;
use super::frame::{self, Buttons, Choice};
use crate::desk::Command;
use crate::profile::Secret;
use crate::window::ask::Ask;
use crate::window::rows::sentence;
use crate::window::widgets::{ButtonKind, Label, Tail};

#[derive(Default)]
pub struct UnlockDialog {
    passphrase: Zeroizing<String>,
}

/// Closes by itself once the logins can be read.
pub fn unlock_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut UnlockDialog, asks: &mut Vec<Ask>) {
    let Scene { look, snapshot, .. } = scene;
    let Some(lock) = &snapshot.lock else {
        asks.push(Ask::CloseDialog);
        return;
    };
    frame::title(ui, look, "Unlock the logins");
    frame::paragraph(
        ui,
        look,
        "They are encrypted on this disk. Nobody can open them without the passphrase.",
    );
    ui.add_space(12.0);
    frame::label(ui, look, "Passphrase");
    let told = lock.refusal.as_deref().map(sentence);
    let told = told.as_deref().filter(|_| dialog.passphrase.is_empty());
    let id = Id::unique("passphrase of the logins");
    let words = ("", "Passphrase of the logins");
    let field = frame::secret_field(
        ui,
        look,
        id,
        &mut dialog.passphrase,
        words,
        (told, Tail::Hidden),
    );
    // First this: a field that gets the focus back has not lost it.
    let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if ui.memory(|memory| memory.focused().is_none()) {
        field.request_focus();
    }
    let can_ask = !dialog.passphrase.is_empty() && !lock.is_opening;
    let label = match lock.is_opening {
        true => "Unlocking",
        false => "Unlock",
    };
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(label)),
        kind: match can_ask {
            true => ButtonKind::Primary,
            false => ButtonKind::Disabled,
        },
        focus: None,
    };
    let choice = frame::buttons_ui(ui, look, &buttons);
    if (is_entered || choice == Some(Choice::Primary)) && can_ask {
        let passphrase = Secret::new(dialog.passphrase.as_str());
        dialog.passphrase = Zeroizing::default();
        asks.push(Ask::Command(Command::Unlock(passphrase)));
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if choice == Some(Choice::Other) {
        asks.push(Ask::CloseDialog);
    }
}
