//! The dialogs: before a switch while Codex runs, saving a login, and the first close without a tray.

use std::time::SystemTime;

use egui::{
    Align2, CornerRadius, Id, Key, Margin, Modal, Rect, Sense, Stroke, Ui, Vec2, pos2, vec2,
};

use super::Closed;
use super::ask::Ask;
use super::fonts::icon;
use super::text::{self, Role};
use super::theme::{DIALOG_RADIUS, HAIRLINE, Look};
use super::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};
use crate::desk::{CodexProcess, Command, Live, Snapshot, words};
use crate::profile::ProfileName;

const WIDTH: f32 = 368.0;
const PADDING: f32 = 20.0;
/// More processes than this are counted.
const PROCESSES_NAMED: usize = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// Codex runs, and what runs keeps its old login.
    Switch { to: ProfileName },
    /// A name for the login that Codex uses.
    Save {
        name: String,
        refusal: Option<String>,
    },
    /// There is no login that could be saved; says why.
    NothingToSave { why: String },
    /// Closing stops everything, which is not obvious the first time.
    CloseStops,
}

impl Dialog {
    /// What `+` opens: the name dialog, or the reason why there is nothing to name.
    pub fn save(snapshot: &Snapshot, hides_emails: bool) -> Self {
        match &snapshot.live {
            Live::Unsaved { email, .. } => {
                let wish = email.as_deref().filter(|_| !hides_emails);
                Self::Save {
                    name: snapshot.free_name(wish.unwrap_or("account")).to_string(),
                    refusal: None,
                }
            }
            Live::Saved(name) => Self::NothingToSave {
                why: format!(
                    "Codex uses {name}, which is saved already. Sign in to Codex with another account, then add it here."
                ),
            },
            Live::Missing => Self::NothingToSave {
                why: "Codex is signed out. Sign in with Codex, then add the login here.".into(),
            },
            Live::Unreadable(reason) => Self::NothingToSave {
                why: format!("The login that Codex uses cannot be read: {reason}."),
            },
        }
    }
}

/// Draws the open dialog. Typing changes it in place; everything else is asked for.
pub fn dialog_ui(
    ui: &Ui,
    look: Look,
    dialog: &mut Dialog,
    snapshot: &Snapshot,
    now: SystemTime,
    is_new: bool,
    asks: &mut Vec<Ask>,
) {
    let window = ui.ctx().content_rect();
    let width = WIDTH.min(window.width() - 32.0);
    let frame = egui::Frame::new()
        .fill(look.surface)
        .stroke(Stroke::new(HAIRLINE, look.hairline))
        .corner_radius(CornerRadius::same(DIALOG_RADIUS))
        .shadow(look.dialog_shadow)
        .inner_margin(Margin::same(PADDING as i8));
    let response = Modal::new(Id::unique("dialog"))
        .backdrop_color(look.scrim)
        .frame(frame)
        .show(ui.ctx(), |ui| {
            ui.set_width(width - 2.0 * PADDING);
            match dialog {
                Dialog::Switch { to } => switch_ui(ui, look, to, snapshot, now, is_new, asks),
                Dialog::Save { name, refusal } => {
                    save_ui(ui, look, name, refusal, snapshot, is_new, asks);
                }
                Dialog::NothingToSave { why } => {
                    title(ui, look, "Nothing to add yet");
                    paragraph(ui, look, why);
                    if footer(ui, look, None, "Close", is_new) == Some(Choice::Primary) {
                        asks.push(Ask::CloseDialog);
                    }
                }
                Dialog::CloseStops => {
                    title(ui, look, "Close Codex Router?");
                    paragraph(
                        ui,
                        look,
                        "No tray on this desktop, so closing stops the router.",
                    );
                    match footer(ui, look, Some("Keep open"), "Quit", is_new) {
                        Some(Choice::Primary) => asks.push(Ask::Leave(Closed::Quit)),
                        Some(Choice::Other) => asks.push(Ask::CloseDialog),
                        None => {}
                    }
                }
            }
        });
    if response.should_close() {
        asks.push(Ask::CloseDialog);
    }
}

fn switch_ui(
    ui: &mut Ui,
    look: Look,
    to: &ProfileName,
    snapshot: &Snapshot,
    now: SystemTime,
    is_new: bool,
    asks: &mut Vec<Ask>,
) {
    title(ui, look, &format!("Switch to {to}"));
    let stay = match snapshot.active() {
        Some(active) => format!(
            "Codex is running.\nThese stay on {} until they restart:",
            active.name
        ),
        None => "Codex is running.\nThese keep their login until they restart:".to_owned(),
    };
    paragraph(ui, look, &stay);
    ui.add_space(10.0);
    for process in snapshot.codex.iter().take(PROCESSES_NAMED) {
        process_ui(ui, look, process, now);
    }
    let more = snapshot.codex.len().saturating_sub(PROCESSES_NAMED);
    if more > 0 {
        paragraph(ui, look, &format!("and {more} more"));
    }
    match footer(ui, look, Some("Cancel"), "Switch", is_new) {
        Some(Choice::Primary) => {
            asks.push(Ask::Command(Command::Use(to.clone())));
            asks.push(Ask::CloseDialog);
        }
        Some(Choice::Other) => asks.push(Ask::CloseDialog),
        None => {}
    }
}

fn process_ui(ui: &mut Ui, look: Look, process: &CodexProcess, now: SystemTime) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let painter = ui.painter();
    let middle = rect.center().y;
    let glyph = if process.kind.starts_with("codex") {
        icon::TERMINAL
    } else {
        icon::CODE
    };
    text::icon(
        painter,
        pos2(rect.left() + 7.0, middle),
        glyph,
        14,
        look.text_2,
    );
    let age = process
        .started_at
        .and_then(|at| now.duration_since(at).ok())
        .map(|age| format!(" · {}", words::duration(age)));
    let right = text::put(
        painter,
        pos2(rect.right(), middle),
        Align2::RIGHT_CENTER,
        &format!("pid {}{}", process.pid, age.unwrap_or_default()),
        Role::Countdown,
        look.text_3,
        rect.width() / 2.0,
    );
    let what = match &process.directory {
        Some(directory) => format!("{} in {directory}", process.kind),
        None => process.kind.clone(),
    };
    let left = rect.left() + 22.0;
    text::put(
        painter,
        pos2(left, middle),
        Align2::LEFT_CENTER,
        &what,
        Role::Caption,
        look.text,
        right.left() - 8.0 - left,
    );
}

fn save_ui(
    ui: &mut Ui,
    look: Look,
    name: &mut String,
    refusal: &mut Option<String>,
    snapshot: &Snapshot,
    is_new: bool,
    asks: &mut Vec<Ask>,
) {
    title(ui, look, "Save the login that Codex uses");
    paragraph(
        ui,
        look,
        "Under which name? It becomes a folder, and the name in this list.",
    );
    ui.add_space(12.0);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
    let id = Id::unique("account name");
    let field = widgets::field_ui(
        ui,
        look,
        rect,
        id,
        name,
        (None, "Name", "Account name"),
        refusal.is_some(),
    );
    if is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if field.changed() {
        *refusal = None;
    }
    if let Some(refusal) = refusal {
        ui.add_space(6.0);
        let galley = text::paragraph(
            ui.painter(),
            refusal,
            Role::Caption,
            look.bad,
            rect.width(),
            3,
        );
        let (words, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::accesskit::Role::Alert, true, &refusal)
        });
        text::place(ui.painter(), galley, words.min, Align2::LEFT_TOP);
    }
    let is_submitted = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let choice = footer(ui, look, Some("Cancel"), "Save", false);
    if is_submitted || choice == Some(Choice::Primary) {
        match checked(name.trim(), snapshot) {
            Ok(name) => {
                asks.push(Ask::Command(Command::Save(name)));
                asks.push(Ask::CloseDialog);
            }
            Err(why) => {
                *refusal = Some(why);
                ui.memory_mut(|memory| memory.request_focus(id));
            }
        }
    } else if choice == Some(Choice::Other) {
        asks.push(Ask::CloseDialog);
    }
}

/// The name, if an account can be called so; else the sentence that says why not.
fn checked(text: &str, snapshot: &Snapshot) -> Result<ProfileName, String> {
    let name = ProfileName::parse(text).map_err(|err| format!("{err}."))?;
    let taken = snapshot
        .profiles
        .iter()
        .find(|profile| profile.name.is_same_directory(&name));
    match taken {
        Some(other) => Err(format!(
            "There is an account called {} already.",
            other.name
        )),
        None => Ok(name),
    }
}

fn title(ui: &mut Ui, look: Look, words: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Heading, true, words));
    text::put(
        ui.painter(),
        pos2(rect.left(), rect.top() + 8.0),
        Align2::LEFT_CENTER,
        words,
        Role::Title,
        look.text,
        rect.width(),
    );
    ui.add_space(8.0);
}

fn paragraph(ui: &mut Ui, look: Look, words: &str) {
    let width = ui.available_width();
    let galley = text::paragraph(ui.painter(), words, Role::Body, look.text_2, width, 8);
    let (rect, response) = ui.allocate_exact_size(vec2(width, galley.size().y), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, words));
    text::place(ui.painter(), galley, rect.min, Align2::LEFT_TOP);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Primary,
    Other,
}

/// The buttons at the lower right, the primary one last. `takes_focus` gives it the focus.
fn footer(
    ui: &mut Ui,
    look: Look,
    other: Option<&str>,
    primary: &str,
    takes_focus: bool,
) -> Option<Choice> {
    ui.add_space(20.0);
    let (row, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), TALL_BUTTON_HEIGHT),
        Sense::hover(),
    );
    let width = |label: &str| (widgets::button_width(ui.painter(), label)).max(64.0);
    let primary_rect = right_part(row, row.right(), width(primary));
    let other_response = other.map(|other| {
        let rect = right_part(row, primary_rect.left() - 8.0, width(other));
        widgets::button_ui(
            ui,
            look,
            rect,
            Id::unique("dialog other"),
            Label::plain(other),
            ButtonKind::Plain,
        )
    });
    let response = widgets::button_ui(
        ui,
        look,
        primary_rect,
        Id::unique("dialog primary"),
        Label::plain(primary),
        ButtonKind::Primary,
    );
    if takes_focus {
        response.request_focus();
    }
    if response.clicked() {
        Some(Choice::Primary)
    } else if other_response.is_some_and(|other| other.clicked()) {
        Some(Choice::Other)
    } else {
        None
    }
}

fn right_part(row: Rect, right: f32, width: f32) -> Rect {
    Rect::from_min_size(
        pos2(right - width, row.top()),
        Vec2::new(width, row.height()),
    )
}
