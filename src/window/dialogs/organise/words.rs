//! The tags and the note of one account.

use egui::{Align2, CornerRadius, Id, Rect, Sense, Ui, pos2, vec2};

use super::{Pressed, edit, foot_ui, is_entered, refused};
use crate::desk::{Edit, ProfileView, words as shown_words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame};
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CHIP_RADIUS, CONTROL_RADIUS, HAIRLINE};
use crate::window::widgets::{self, ButtonKind};

const NOTE_ROWS: usize = 4;
const CHIP_HEIGHT: f32 = 24.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordsDialog {
    name: ProfileName,
    tags: Vec<String>,
    old_tags: Vec<String>,
    adding: String,
    note: String,
    old_note: String,
}

impl WordsDialog {
    pub fn open(profile: &ProfileView) -> Self {
        let tags = profile.about.tags.clone();
        let note = profile.about.note.clone().unwrap_or_default();
        Self {
            name: profile.name.clone(),
            old_tags: tags.clone(),
            tags,
            adding: String::new(),
            old_note: note.clone(),
            note,
        }
    }

    /// Takes the tag that is being written among the others.
    fn add(&mut self) {
        let tag = self.adding.trim().to_owned();
        let is_there = |there: &String| there.to_lowercase() == tag.to_lowercase();
        if !tag.is_empty() && !self.tags.iter().any(is_there) {
            self.tags.push(tag);
        }
        self.adding.clear();
    }

    fn note_edit(&self) -> Option<Edit> {
        let note = self.note.trim();
        (note != self.old_note.trim())
            .then(|| Edit::Note((!note.is_empty()).then(|| note.to_owned())))
    }

    /// Everything that is another word now.
    fn edits(&self) -> Vec<Edit> {
        let gone = self.old_tags.iter().filter(|tag| !self.tags.contains(tag));
        let come = self.tags.iter().filter(|tag| !self.old_tags.contains(tag));
        gone.map(|tag| Edit::RemoveTag(tag.clone()))
            .chain(come.map(|tag| Edit::AddTag(tag.clone())))
            .chain(self.note_edit())
            .collect()
    }
}

pub fn words_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut WordsDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let whom = super::whom(std::slice::from_ref(&dialog.name), scene.snapshot);
    frame::title(ui, look, &format!("Tags and note of {whom}"));
    ui.add_space(4.0);
    frame::label(ui, look, "Tags");
    chips_ui(ui, scene, dialog);
    let id = Id::unique("tag to add");
    let refusal = (!dialog.adding.trim().is_empty())
        .then(|| refused(&Edit::AddTag(dialog.adding.clone())))
        .flatten();
    let words = ("Add a tag", "Add a tag");
    let field = frame::field(ui, look, id, &mut dialog.adding, words, refusal.as_deref());
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    // An empty field that Enter is pressed in means the whole dialog.
    let entered = is_entered(ui, &field);
    let is_done = entered && dialog.adding.trim().is_empty();
    if entered && !is_done {
        if refusal.is_none() {
            dialog.add();
        }
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    ui.add_space(12.0);
    frame::label(ui, look, "Note");
    note_ui(ui, scene, dialog);
    let note_refusal = dialog.note_edit().as_ref().and_then(refused);
    if let Some(refusal) = &note_refusal {
        ui.add_space(6.0);
        frame::refusal(ui, look, refusal);
    }
    let will_do = refusal.is_none() && note_refusal.is_none();
    let kind = if will_do {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let pressed = foot_ui(ui, look, "Cancel", ("Save", kind), None);
    if pressed == Some(Pressed::Other) {
        asks.push(Ask::CloseDialog);
    } else if will_do && (is_done || pressed == Some(Pressed::Primary)) {
        dialog.add();
        let names = [dialog.name.clone()];
        asks.extend(dialog.edits().into_iter().map(|it| edit(&names, it)));
        asks.push(Ask::CloseDialog);
    }
}

/// The tags that it has, each with its way out.
fn chips_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut WordsDialog) {
    if dialog.tags.is_empty() {
        return;
    }
    let look = scene.look;
    let width = ui.available_width();
    let mut at = vec2(0.0, 0.0);
    let mut places = Vec::new();
    let tags: Vec<_> = dialog
        .tags
        .iter()
        .map(|tag| shown_words::masked(tag, look.hides_emails))
        .collect();
    for tag in &tags {
        let words = text::line(ui.painter(), tag, Role::Caption, look.accent, width - 40.0);
        let size = vec2((words.size().x + 32.0).ceil(), CHIP_HEIGHT);
        if at.x > 0.0 && at.x + size.x > width {
            at = vec2(0.0, at.y + CHIP_HEIGHT + 6.0);
        }
        places.push((words, at, size));
        at.x += size.x + 6.0;
    }
    let (area, _) = ui.allocate_exact_size(vec2(width, at.y + CHIP_HEIGHT + 8.0), Sense::hover());
    let mut removed = None;
    for (index, (words, at, size)) in places.into_iter().enumerate() {
        let rect = Rect::from_min_size(area.min + at, size);
        let spoken = tags.get(index).map(|tag| format!("Remove tag {tag}"));
        let id = Id::unique(("dialog tag", index));
        let response = widgets::hit(ui, rect, id, &spoken.unwrap_or_default());
        let painter = ui.painter();
        painter.rect_filled(rect, CornerRadius::same(CHIP_RADIUS), look.accent_soft);
        let middle = rect.center().y;
        text::place(
            painter,
            words,
            pos2(rect.left() + 8.0, middle),
            Align2::LEFT_CENTER,
        );
        let cross = pos2(rect.right() - 12.0, middle);
        text::icon(painter, cross, icon::CROSS, 12, look.accent);
        widgets::focus_ring(painter, look, rect, CHIP_RADIUS, &response);
        if response.clicked() {
            removed = Some(index);
        }
    }
    if let Some(index) = removed {
        dialog.tags.remove(index);
    }
}

fn note_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut WordsDialog) {
    let look = scene.look;
    let id = Id::unique("note of account");
    let has_focus = ui.memory(|memory| memory.has_focus(id));
    let (edge, ink) = if has_focus {
        (2.0, look.accent)
    } else {
        (HAIRLINE, look.border)
    };
    let frame = egui::Frame::new()
        .fill(look.surface)
        .stroke(egui::Stroke::new(edge, ink))
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(egui::Margin::symmetric(10, 8));
    frame.show(ui, |ui| {
        let is_veiled = look.hides_emails && dialog.note.contains('@');
        let mut veil = |ui: &Ui, note: &dyn egui::TextBuffer, width: f32| {
            let shown = shown_words::veiled(note.as_str());
            ui.painter()
                .layout(shown, Role::Body.font(), look.text, width)
        };
        let mut edit = egui::TextEdit::multiline(&mut dialog.note)
            .id(id)
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .font(Role::Body.font())
            .text_color(look.text)
            .desired_rows(NOTE_ROWS)
            .desired_width(f32::INFINITY);
        if is_veiled {
            edit = edit.password(true).layouter(&mut veil);
        }
        ui.add(edit).accessible_name("Note");
    });
}
