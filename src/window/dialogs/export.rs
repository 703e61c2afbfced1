//! Taking accounts out: as a folder that Codex and this program read, or as one encrypted file.

use std::path::PathBuf;

use egui::{Id, Ui, vec2};
use zeroize::Zeroizing;

use super::Scene;
use super::frame::{self, Buttons, Choice};
use crate::desk::{Command, ExportTo, Outcome, Snapshot, words};
use crate::profile::{ProfileName, Secret};
use crate::window::ask::Ask;
use crate::window::errands::{Pick, Picked};
use crate::window::rows::{Strength, sentence};
use crate::window::widgets::{self, ButtonKind, Label, Tail};

/// What a backup is called unless the user says otherwise.
const BACKUP_NAME: &str = "accounts.backup";
/// The least that a backup is closed by, as the worker wants it.
const LEAST_LETTERS: usize = 8;
const PLACE_ID: &str = "export place";

pub struct ExportDialog {
    names: Vec<ProfileName>,
    is_backup: bool,
    folder: String,
    file: String,
    passphrase: Zeroizing<String>,
    again: Zeroizing<String>,
    may_replace: bool,
    refusal: Option<Refusal>,
    /// Happenings up to this one came before the export was asked for.
    asked_after: Option<u64>,
    has_no_file_dialog: bool,
}

/// What will not do, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Place(String),
    Passphrase(&'static str),
    Again(&'static str),
    /// It was asked for, and did not work.
    Export(String),
}

impl ExportDialog {
    pub fn open(names: Vec<ProfileName>) -> Self {
        Self {
            names,
            is_backup: true,
            folder: String::new(),
            file: format!("~/{BACKUP_NAME}"),
            passphrase: Zeroizing::default(),
            again: Zeroizing::default(),
            may_replace: false,
            refusal: None,
            asked_after: None,
            has_no_file_dialog: false,
        }
    }

    /// What the file dialog brought.
    pub fn picked(&mut self, picked: Picked) {
        self.has_no_file_dialog = picked == Picked::NoDialog;
        let Picked::Paths(paths) = picked else {
            return;
        };
        let Some(path) = paths.first().map(|path| path.display().to_string()) else {
            return;
        };
        self.refusal = None;
        if self.is_backup {
            // The desktop's own dialog asks before it lets a file be chosen that is there.
            self.may_replace = true;
            self.file = path;
        } else {
            self.folder = path;
        }
    }

    fn title(&self, scene: Scene<'_>) -> String {
        match self.names.as_slice() {
            [name] => format!("Export {}", scene.called(name)),
            names => format!("Export {}", words::accounts(names.len())),
        }
    }

    /// Where to, if everything that was typed will do.
    fn to(
        &self,
        path_in: impl Fn(&str) -> Result<PathBuf, &'static str>,
    ) -> Result<ExportTo, Refusal> {
        let place = if self.is_backup {
            &self.file
        } else {
            &self.folder
        };
        let path = path_in(place).map_err(|why| Refusal::Place(why.to_owned()))?;
        if !self.is_backup {
            return Ok(ExportTo::Folder(path));
        }
        if self.passphrase.is_empty() {
            Err(Refusal::Passphrase("Choose a passphrase."))
        } else if self.passphrase.chars().count() < LEAST_LETTERS {
            Err(Refusal::Passphrase("Make it 8 letters or more."))
        } else if self.passphrase != self.again {
            Err(Refusal::Again("The two are not the same."))
        } else {
            Ok(ExportTo::Backup {
                file: path,
                passphrase: Secret::new(self.passphrase.as_str()),
                may_replace: self.may_replace,
            })
        }
    }

    /// Ends with the export, and says why when it did not work.
    fn catch_up(&mut self, snapshot: &Snapshot, asks: &mut Vec<Ask>) {
        let Some(asked_after) = self.asked_after else {
            return;
        };
        let news = snapshot.happenings.iter().rev();
        for happening in news.take_while(|happening| happening.seq > asked_after) {
            match &happening.outcome {
                Outcome::Exported { .. } => {
                    self.asked_after = None;
                    asks.push(Ask::CloseDialog);
                    return;
                }
                Outcome::ExportFailed { reason } => {
                    self.asked_after = None;
                    self.refusal = Some(Refusal::Export(sentence(reason)));
                    asks.push(Ask::Dismiss(happening.seq));
                    return;
                }
                _other => {}
            }
        }
    }
}

pub fn export_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut ExportDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    dialog.catch_up(scene.snapshot, asks);
    if frame::title_with_cross(ui, look, &dialog.title(scene)) {
        asks.push(Ask::CloseDialog);
    }
    ui.add_space(6.0);
    for (is_backup, title, lines) in [
        (
            true,
            "An encrypted backup",
            "One file. It opens with your passphrase only, and nobody can recover that.",
        ),
        (
            false,
            "A folder of auth.json files",
            "Not encrypted. Whoever has the files has the accounts.",
        ),
    ] {
        let id = Id::unique(("export", title));
        let is_chosen = dialog.is_backup == is_backup;
        let (card, _) = widgets::radio_card_ui(ui, look, id, is_chosen, (title, lines), 0.0);
        if card.clicked() && !is_chosen {
            dialog.is_backup = is_backup;
            dialog.refusal = None;
        }
        ui.add_space(8.0);
    }
    ui.add_space(4.0);
    place_ui(ui, scene, dialog, asks);
    if dialog.is_backup {
        passphrase_ui(ui, scene, dialog);
    }
    ui.add_space(12.0);
    widgets::warn_box_ui(
        ui,
        look,
        "A restored copy may be stale.",
        "Codex renews its logins every few days. After that a copy may need a new sign-in.",
    );
    if let Some(Refusal::Export(words)) = &dialog.refusal {
        ui.add_space(8.0);
        frame::refusal(ui, look, words);
    }
    foot_ui(ui, scene, dialog, asks);
}

fn place_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut ExportDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let (label, spoken, hint) = if dialog.is_backup {
        ("File", "File of the backup", "~/accounts.backup")
    } else {
        ("Folder", "Folder of the export", "~/accounts")
    };
    frame::label(ui, look, label);
    let button = Label::plain("Choose…");
    let width = widgets::label_width(ui.painter(), button);
    let refusal = match &dialog.refusal {
        Some(Refusal::Place(why)) => Some(why.clone()),
        _ => None,
    };
    let text = if dialog.is_backup {
        &mut dialog.file
    } else {
        &mut dialog.folder
    };
    let row = ui.cursor();
    let field_width = ui.available_width() - width - 8.0;
    let changed = ui
        .scope(|ui| {
            ui.set_width(field_width);
            let words = (hint, spoken);
            let id = Id::unique(PLACE_ID);
            frame::field(ui, look, id, text, words, refusal.as_deref()).changed()
        })
        .inner;
    if changed {
        dialog.refusal = None;
        dialog.may_replace = false;
    }
    let rect = egui::Rect::from_min_size(
        row.left_top() + vec2(field_width + 8.0, 0.0),
        vec2(width, widgets::TALL_BUTTON_HEIGHT),
    );
    let id = Id::unique("export choose");
    if widgets::button_ui(ui, look, rect, id, button, ButtonKind::Plain).clicked() {
        let pick = if dialog.is_backup {
            Pick::BackupFile {
                name: BACKUP_NAME.into(),
            }
        } else {
            Pick::ExportFolder
        };
        asks.push(Ask::Pick(pick));
    }
    if dialog.has_no_file_dialog {
        ui.add_space(6.0);
        let words = "This desktop has no file dialog. Type the path.";
        frame::caption(ui, words, look.warn);
    }
}

fn passphrase_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut ExportDialog) {
    let look = scene.look;
    ui.add_space(10.0);
    frame::label(ui, look, "Passphrase");
    let refusal = match dialog.refusal {
        Some(Refusal::Passphrase(why)) => Some(why),
        _ => None,
    };
    let id = Id::unique("export passphrase");
    let words = ("", "Passphrase");
    let how = (refusal, Tail::Hidden);
    let first = frame::secret_field(ui, look, id, &mut dialog.passphrase, words, how);
    if scene.is_new {
        first.request_focus();
    }
    ui.add_space(6.0);
    if let Some(strength) = Strength::of(&dialog.passphrase) {
        let ink = if strength.is_good() {
            look.ok
        } else {
            look.warn
        };
        frame::caption(ui, strength.words(), ink);
    } else {
        frame::caption(
            ui,
            "Several words are easier to keep than signs.",
            look.text_3,
        );
    }
    ui.add_space(8.0);
    frame::label(ui, look, "The same again");
    let refusal = match dialog.refusal {
        Some(Refusal::Again(why)) => Some(why),
        _ => None,
    };
    let id = Id::unique("export passphrase again");
    let words = ("", "The same passphrase again");
    let how = (refusal, Tail::Hidden);
    let second = frame::secret_field(ui, look, id, &mut dialog.again, words, how);
    if first.changed() || second.changed() {
        dialog.refusal = None;
    }
}

fn foot_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut ExportDialog, asks: &mut Vec<Ask>) {
    let is_under_way = dialog.asked_after.is_some();
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(if is_under_way {
            "Exporting"
        } else {
            "Export"
        })),
        kind: if is_under_way {
            ButtonKind::Disabled
        } else {
            ButtonKind::Primary
        },
        focus: None,
    };
    match frame::buttons_ui(ui, scene.look, &buttons) {
        Some(Choice::Primary) => match dialog.to(|text| scene.doors.path_in(text)) {
            Ok(to) => {
                let last = scene.snapshot.happenings.last();
                dialog.asked_after = Some(last.map_or(0, |happening| happening.seq));
                dialog.refusal = None;
                asks.push(Ask::Command(Command::Export {
                    names: dialog.names.clone(),
                    to,
                }));
            }
            Err(refusal) => dialog.refusal = Some(refusal),
        },
        Some(Choice::Other) => asks.push(Ask::CloseDialog),
        None => {}
    }
}
