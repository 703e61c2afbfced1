//! Before a switch while Codex runs: what runs keeps its old login.

use std::time::SystemTime;

use egui::{Align2, Sense, Ui, pos2, vec2};

use super::Scene;
use super::frame::{self, Choice};
use crate::desk::{CodexProcess, Command, words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::Look;

/// More processes than this are counted.
const PROCESSES_NAMED: usize = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchDialog {
    pub to: ProfileName,
}

pub fn switch_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &SwitchDialog, asks: &mut Vec<Ask>) {
    let Scene { look, snapshot, .. } = scene;
    frame::title(ui, look, &format!("Switch to {}", dialog.to));
    let stay = match snapshot.active() {
        Some(active) => format!(
            "Codex is running.\nThese stay on {} until they restart:",
            active.name
        ),
        None => "Codex is running.\nThese keep their login until they restart:".to_owned(),
    };
    frame::paragraph(ui, look, &stay);
    ui.add_space(10.0);
    for process in snapshot.codex.iter().take(PROCESSES_NAMED) {
        process_ui(ui, look, process, scene.now);
    }
    let more = snapshot.codex.len().saturating_sub(PROCESSES_NAMED);
    if more > 0 {
        frame::paragraph(ui, look, &format!("and {more} more"));
    }
    match frame::footer(ui, look, Some("Cancel"), "Switch", scene.is_new) {
        Some(Choice::Primary) => {
            asks.push(Ask::Command(Command::Use(dialog.to.clone())));
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
