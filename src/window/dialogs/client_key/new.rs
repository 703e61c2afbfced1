//! A key is made: what it is called and may do, and then the one moment in which it is visible.
//!
//! It is made here, and nothing but its digest is sent. It is shown only when the worker has said that it is kept, and is wiped
//! from memory with this dialog.

use egui::{Id, Ui};

use super::super::{Scene, frame};
use super::form::{self, LimitsForm};
use super::made::{self, Made};
use super::{change, checked_label, is_entered};
use crate::client_key::{ClientKey, KeyChange, KeyDeed};
use crate::desk::{Outcome, Snapshot};
use crate::profile::Secret;
use crate::window::ask::Ask;
use crate::window::dialogs::frame::{Buttons, Choice};
use crate::window::rows::sentence;
use crate::window::widgets::{self, ButtonKind, Label};

#[derive(Debug, Default)]
pub struct NewKey {
    label: String,
    form: LimitsForm,
    /// Why it cannot be called so, once that was tried.
    refusal: Option<String>,
    /// Why there is none.
    failure: Option<String>,
    making: Option<Making>,
    made: Option<Made>,
}

/// The worker was asked, after this happening, to keep this key.
#[derive(Debug)]
struct Making {
    after: u64,
    key: ClientKey,
    shown: Secret,
}

impl NewKey {
    pub fn is_making(&self) -> bool {
        self.making.is_some()
    }

    /// Closes it, unless it shows a key that nobody has copied: that is said first.
    pub fn leave(&mut self, asks: &mut Vec<Ask>) {
        if self.made.as_mut().is_none_or(Made::may_close) {
            asks.push(Ask::CloseDialog);
        }
    }

    /// Makes a key, and asks for its digest to be kept.
    fn make(&mut self, scene: Scene<'_>, asks: &mut Vec<Ask>) -> bool {
        self.failure = None;
        let label = checked_label(&self.label, None, scene.snapshot);
        let read = self.form.read(scene.now);
        let label = match label {
            Ok(label) => label,
            Err(why) => {
                self.refusal = Some(why);
                return false;
            }
        };
        let Some((policy, expires_at)) = read else {
            self.failure = Some("Something above cannot be understood.".to_owned());
            return true;
        };
        let (mut key, shown) = ClientKey::make(label, policy, rand::random(), scene.now);
        key.expires_at = expires_at;
        let last = scene.snapshot.happenings.last();
        asks.push(change(KeyChange::Add(Box::new(key.clone()))));
        self.making = Some(Making {
            after: last.map_or(0, |happening| happening.seq),
            key,
            shown,
        });
        true
    }

    /// Shows the key when it is kept, or says why it is not.
    fn catch_up(&mut self, scene: Scene<'_>, asks: &mut Vec<Ask>) {
        let Some(making) = self.making.take() else {
            return;
        };
        match came_of(&making, scene.snapshot) {
            Some((_, Ok(()))) => self.made = Some(Made::of(making.key, making.shown)),
            Some((seq, Err(reason))) => {
                self.failure = Some(sentence(&reason));
                // Said here; a banner would say it again.
                asks.push(Ask::Dismiss(seq));
            }
            // The desk did not even take it.
            None if scene.complaint.is_some() => {
                self.failure = scene.complaint.map(|complaint| complaint.text.clone());
            }
            None => self.making = Some(making),
        }
    }
}

/// What came of it, and in which happening that stands.
fn came_of(making: &Making, snapshot: &Snapshot) -> Option<(u64, Result<(), String>)> {
    let asked = KeyDeed::Add(making.key.id.clone());
    let news = snapshot.happenings.iter().rev();
    let mut news = news.take_while(|happening| happening.seq > making.after);
    news.find_map(|happening| match &happening.outcome {
        Outcome::KeyChanged { deed, .. } if *deed == asked => Some((happening.seq, Ok(()))),
        Outcome::KeyNotChanged { deed, reason } if *deed == asked => {
            Some((happening.seq, Err(reason.clone())))
        }
        _other => None,
    })
}

pub fn new_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut NewKey, asks: &mut Vec<Ask>) {
    dialog.catch_up(scene, asks);
    match &mut dialog.made {
        Some(made) => made::made_ui(ui, scene, made, asks),
        None => form_ui(ui, scene, dialog, asks),
    }
}

fn form_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut NewKey, asks: &mut Vec<Ask>) {
    let look = scene.look;
    frame::title(ui, look, "New key");
    ui.add_space(6.0);
    frame::label(ui, look, "Name");
    let id = Id::unique("key label");
    let words = ("ci-runner", "Name");
    let refusal = dialog.refusal.as_deref();
    let field = frame::field(ui, look, id, &mut dialog.label, words, refusal);
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if field.changed() {
        dialog.refusal = None;
    }
    ui.add_space(12.0);
    let is_submitted = is_entered(ui, &field) | form::form_ui(ui, scene, &mut dialog.form);
    if let Some(words) = first_key(scene.snapshot) {
        ui.add_space(12.0);
        widgets::warn_box_ui(
            ui,
            look,
            "With the first key, every request needs one",
            &words,
        );
    }
    if let Some(words) = &dialog.failure {
        ui.add_space(8.0);
        frame::refusal(ui, look, words);
    }
    let (label, kind) = if dialog.is_making() {
        ("Creating", ButtonKind::Disabled)
    } else {
        ("Create key", ButtonKind::Primary)
    };
    let buttons = Buttons {
        other: (!dialog.is_making()).then_some("Cancel"),
        primary: Some(Label::plain(label)),
        kind,
        focus: None,
    };
    let choice = frame::buttons_ui(ui, look, &buttons);
    if dialog.is_making() {
        return;
    }
    if choice == Some(Choice::Other) {
        asks.push(Ask::CloseDialog);
    } else if (is_submitted || choice == Some(Choice::Primary)) && !dialog.make(scene, asks) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
}

/// What the first key means for those who have none.
fn first_key(snapshot: &Snapshot) -> Option<String> {
    let keys = &snapshot.keys;
    if keys.is_required || !keys.keys.is_empty() {
        return None;
    }
    let codex = if snapshot.is_codex_on_router {
        " So is Codex, which goes through the router with its own login."
    } else {
        ""
    };
    Some(format!(
        "Apps that show none are refused from then on.{codex} You can turn that off on this page."
    ))
}
