//! Bringing logins in: where from, what was found, how far it is, what came of it.

use std::path::PathBuf;

use egui::{Event, Id, Key, Ui, pos2};
use zeroize::Zeroizing;

use super::found::{self, FoundList};
use super::sign_in;
use super::sources::{offers_ui, sources_ui};
use crate::desk::{Command, ImportSource, ImportState, ImportView, Snapshot, words};
use crate::profile::Secret;
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::frame::{self, Buttons, Choice};
use crate::window::fonts::icon;
use crate::window::rows::{import_ended, sentence};
use crate::window::text;
use crate::window::widgets::{self, ButtonKind, Label, Tail};

/// A frame or two until the clipboard has answered.
pub const PASTE_FRAMES: u8 = 3;

#[derive(Default)]
pub struct ImportTab {
    /// Ours are the imports after this number.
    asked_after: Option<u64>,
    /// To be looked at in the next frame.
    paths: Vec<PathBuf>,
    list: FoundList,
    passphrase: Zeroizing<String>,
    pub typed_path: String,
    pub path_refusal: Option<&'static str>,
    pub has_no_file_dialog: bool,
    /// Frames left to wait for what is on the clipboard.
    pub awaits_paste: u8,
    pub is_clipboard_empty: bool,
}

impl ImportTab {
    pub fn following(view: &ImportView) -> Self {
        Self {
            asked_after: Some(view.number.saturating_sub(1)),
            ..Self::default()
        }
    }

    pub fn looking(paths: Vec<PathBuf>) -> Self {
        Self {
            paths,
            ..Self::default()
        }
    }

    pub fn look_at(&mut self, paths: Vec<PathBuf>) {
        self.paths = paths;
    }

    pub fn is_writing(&self, snapshot: &Snapshot) -> bool {
        self.view(snapshot)
            .is_some_and(|view| matches!(view.state, ImportState::Writing { .. }))
    }

    /// Puts away what was found.
    pub fn stop(&mut self, asks: &mut Vec<Ask>) {
        if self.asked_after.is_some() {
            asks.push(Ask::Command(Command::CancelImport));
        }
        *self = Self::default();
    }

    fn view<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a ImportView> {
        let after = self.asked_after?;
        let view = snapshot.import.as_deref()?;
        (view.number > after).then_some(view)
    }

    pub fn look(&mut self, source: ImportSource, snapshot: &Snapshot, asks: &mut Vec<Ask>) {
        let last = snapshot.import.as_ref().map_or(0, |view| view.number);
        self.asked_after = Some(last.max(self.asked_after.unwrap_or_default()));
        self.is_clipboard_empty = false;
        asks.push(Ask::Command(Command::LookForImport(source)));
    }

    /// What was dropped, chosen or pasted since the last frame.
    fn take_in(&mut self, ui: &Ui, scene: Scene<'_>, asks: &mut Vec<Ask>) {
        if !self.paths.is_empty() {
            let paths = std::mem::take(&mut self.paths);
            self.look(ImportSource::Paths(paths), scene.snapshot, asks);
        }
        let is_typing = ui.ctx().text_edit_focused();
        let pasted = ui.input_mut(|input| {
            let place = input
                .events
                .iter()
                .position(|event| matches!(event, Event::Paste(_)))?;
            if is_typing && self.awaits_paste == 0 {
                return None;
            }
            match input.events.remove(place) {
                Event::Paste(text) => Some(Secret::new(text)),
                _other => None,
            }
        });
        if let Some(text) = pasted {
            self.awaits_paste = 0;
            self.look(ImportSource::Text(text), scene.snapshot, asks);
        } else if self.awaits_paste > 0 {
            self.awaits_paste -= 1;
            self.is_clipboard_empty = self.awaits_paste == 0;
            ui.ctx().request_repaint();
        }
    }
}

/// Returns whether it is cancelled.
pub fn import_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut ImportTab, asks: &mut Vec<Ask>) -> bool {
    let is_writing = tab.is_writing(scene.snapshot);
    if !is_writing {
        tab.take_in(ui, scene, asks);
    }
    let Some(view) = tab.view(scene.snapshot) else {
        let is_asked = tab.asked_after.is_some();
        super::body_ui(ui, |ui| {
            sources_ui(ui, scene, tab, asks);
            ui.add_space(13.0);
            if is_asked {
                sign_in::waiting_line(ui, scene.look, "Looking", "");
            } else {
                offers_ui(ui, scene, tab, asks);
            }
        });
        return sign_in::cancel_ui(ui, scene);
    };
    match &view.state {
        ImportState::Looking { files } => {
            super::body_ui(ui, |ui| {
                sources_ui(ui, scene, tab, asks);
                ui.add_space(13.0);
                let words = match files {
                    0 => "Looking".to_owned(),
                    files => format!("Looking, {} files", words::number(*files)),
                };
                sign_in::waiting_line(ui, scene.look, &words, "");
            });
            sign_in::cancel_ui(ui, scene)
        }
        ImportState::WantsPassphrase { file, refusal } => {
            passphrase_ui(ui, scene, tab, (file, refusal.as_deref()), asks)
        }
        ImportState::Ready => ready_ui(ui, scene, tab, view, asks),
        ImportState::Writing { done, of } => {
            writing_ui(ui, scene, (*done, *of), view);
            sign_in::cancel_ui(ui, scene)
        }
        ImportState::Done {
            added,
            updated,
            failed,
            is_cancelled,
        } => {
            let told = import_ended(*added, *updated, *failed, *is_cancelled);
            done_ui(ui, scene, tab, view, &told)
        }
        ImportState::Failed(reason) => {
            super::body_ui(ui, |ui| {
                sources_ui(ui, scene, tab, asks);
                ui.add_space(13.0);
                frame::refusal(ui, scene.look, &sentence(reason));
            });
            sign_in::cancel_ui(ui, scene)
        }
    }
}

fn passphrase_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut ImportTab,
    (file, refusal): (&PathBuf, Option<&str>),
    asks: &mut Vec<Ask>,
) -> bool {
    let look = scene.look;
    let id = Id::unique("backup passphrase");
    let mut is_entered = false;
    super::body_ui(ui, |ui| {
        ui.add_space(16.0);
        let name = file
            .file_name()
            .unwrap_or(file.as_os_str())
            .to_string_lossy();
        frame::paragraph(ui, look, &format!("{name} is an encrypted backup."));
        ui.add_space(12.0);
        frame::label(ui, look, "Passphrase");
        let told = refusal.map(sentence);
        let told = told.as_deref().filter(|_| tab.passphrase.is_empty());
        let how = (told, Tail::Hidden);
        let words = ("", "Passphrase of the backup");
        let field = frame::secret_field(ui, look, id, &mut tab.passphrase, words, how);
        // First this: a field that gets the focus back has not lost it.
        is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if ui.memory(|memory| memory.focused().is_none()) {
            field.request_focus();
        }
        ui.add_space(12.0);
        widgets::warn_box_ui(
            ui,
            look,
            "A restored copy may be stale.",
            "Codex renews its logins every few days. What is newer here is kept.",
        );
    });
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain("Open")),
        kind: if tab.passphrase.is_empty() {
            ButtonKind::Disabled
        } else {
            ButtonKind::Primary
        },
        focus: None,
    };
    let choice = frame::buttons_ui(ui, look, &buttons);
    if (is_entered || choice == Some(Choice::Primary)) && !tab.passphrase.is_empty() {
        let passphrase = Secret::new(tab.passphrase.as_str());
        tab.passphrase = Zeroizing::default();
        // The same import goes on, whatever its number then is.
        asks.push(Ask::Command(Command::LookForImport(ImportSource::Backup {
            file: file.clone(),
            passphrase,
        })));
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    choice == Some(Choice::Other)
}

fn ready_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut ImportTab,
    view: &ImportView,
    asks: &mut Vec<Ask>,
) -> bool {
    tab.list.follow(view.number);
    super::body_ui(ui, |ui| {
        sources_ui(ui, scene, tab, asks);
        ui.add_space(11.0);
        if view.found.is_empty() {
            frame::paragraph(ui, scene.look, "No login was found there.");
        } else {
            found::list_ui(ui, scene, &mut tab.list, &view.found, found::Use::Choose);
        }
        for note in &view.notes {
            ui.add_space(6.0);
            frame::caption(ui, &sentence(note), scene.look.text_2);
        }
    });
    let chosen = tab.list.chosen(&view.found);
    let label = format!("Import {}", words::number(chosen.len()));
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(&label)),
        kind: if chosen.is_empty() {
            ButtonKind::Disabled
        } else {
            ButtonKind::Primary
        },
        focus: None,
    };
    match frame::buttons_ui(ui, scene.look, &buttons) {
        Some(Choice::Primary) => {
            asks.push(Ask::Command(Command::Import(chosen)));
            false
        }
        Some(Choice::Other) => true,
        None => false,
    }
}

fn writing_ui(ui: &mut Ui, scene: Scene<'_>, (done, of): (usize, usize), view: &ImportView) {
    let look = scene.look;
    super::body_ui(ui, |ui| {
        ui.add_space(12.0);
        let words = format!("Importing {} of {}", words::number(done), words::number(of));
        sign_in::waiting_line(ui, look, &words, "");
        ui.add_space(10.0);
        let bar = super::line(ui, 8.0);
        let share = 100.0 * done as f64 / of.max(1) as f64;
        let fill = crate::window::rows::Fill::Accent;
        widgets::usage_bar(ui.painter(), look, bar, share, fill, None);
        ui.add_space(12.0);
        let words = "Each account is written whole. You can stop after any of them.";
        frame::caption(ui, words, look.text_2);
        let failed = view.found.iter().filter(|found| found.failure.is_some());
        match failed.count() {
            0 => {}
            count => {
                ui.add_space(8.0);
                let words = format!("{} did not work so far.", words::accounts(count));
                frame::refusal(ui, look, &words);
            }
        }
    });
}

fn done_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut ImportTab,
    view: &ImportView,
    told: &str,
) -> bool {
    let look = scene.look;
    let failed: Vec<_> = view
        .found
        .iter()
        .filter(|found| found.failure.is_some())
        .cloned()
        .collect();
    super::body_ui(ui, |ui| {
        ui.add_space(12.0);
        let rect = super::line(ui, 26.0);
        let mark = pos2(rect.left() + 8.0, rect.center().y);
        let (glyph, ink) = if failed.is_empty() {
            (icon::CHECK_CIRCLE, look.ok)
        } else {
            (icon::ALERT, look.warn)
        };
        text::icon(ui.painter(), mark, glyph, 16, ink);
        sign_in::line_words(ui, rect, look, "Import finished");
        ui.add_space(5.0);
        frame::paragraph(ui, look, told);
        for note in &view.notes {
            ui.add_space(6.0);
            frame::caption(ui, &sentence(note), look.text_2);
        }
        if !failed.is_empty() {
            ui.add_space(12.0);
            found::list_ui(ui, scene, &mut tab.list, &failed, found::Use::Show);
        }
    });
    let buttons = Buttons {
        other: None,
        primary: Some(Label::plain("Done")),
        kind: ButtonKind::Primary,
        focus: (tab.list.is_told_first()).then_some(Choice::Primary),
    };
    frame::buttons_ui(ui, look, &buttons).is_some()
}
