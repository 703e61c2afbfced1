//! Codex keeps its login elsewhere than in `auth.json`: the two ways out.

use egui::Ui;

use super::Scene;
use super::connect::diff_ui;
use super::frame::{self, Buttons, Choice};
use crate::desk::{Command, Notice};
use crate::window::ask::Ask;
use crate::window::widgets::{self, ButtonKind, Label};
use egui::Id;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyringDialog {
    way: Way,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    File,
    Router,
}

pub fn keyring_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut KeyringDialog, asks: &mut Vec<Ask>) {
    let Scene { look, snapshot, .. } = scene;
    let mode = snapshot.notices.iter().find_map(|notice| match notice {
        Notice::CredentialStore { mode } => Some(mode.as_str()),
        _ => None,
    });
    frame::title(ui, look, "Codex does not read auth.json");
    let Some(mode) = mode else {
        frame::paragraph(ui, look, "Codex reads auth.json from its next start on.");
        if frame::footer(ui, look, None, "Close", scene.is_new) == Some(Choice::Primary) {
            asks.push(Ask::CloseDialog);
        }
        return;
    };
    let words = format!(
        "Its settings say to keep the login in {mode:?}, so writing auth.json does not reach it. There are two ways out."
    );
    frame::paragraph(ui, look, &words);
    ui.add_space(14.0);
    let file = (
        "Let Codex use auth.json",
        "One line of its config.toml. Sign in to Codex once more then, or switch to an account here.",
    );
    let router = (
        "Use the router instead",
        "Codex keeps its login where it is and sends its requests through the router.",
    );
    for (way, words, id) in [
        (Way::File, file, "use the file"),
        (Way::Router, router, "use the router"),
    ] {
        let is_chosen = dialog.way == way;
        let (response, _) = widgets::radio_card_ui(ui, look, Id::unique(id), is_chosen, words, 0.0);
        if response.clicked() {
            dialog.way = way;
        }
        ui.add_space(8.0);
    }
    if dialog.way == Way::File {
        let change = format!(
            "-cli_auth_credentials_store = {mode:?}\n+cli_auth_credentials_store = \"file\""
        );
        diff_ui(ui, look, &change);
    }
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(match dialog.way {
            Way::File => "Change it",
            Way::Router => "Connect…",
        })),
        kind: ButtonKind::Primary,
        focus: scene.is_new.then_some(Choice::Other),
    };
    match (frame::buttons_ui(ui, look, &buttons), dialog.way) {
        (Some(Choice::Primary), Way::File) => {
            asks.push(Ask::Command(Command::UseFileStore));
            asks.push(Ask::CloseDialog);
        }
        (Some(Choice::Primary), Way::Router) => asks.push(Ask::OpenConnect),
        (Some(Choice::Other), _) => asks.push(Ask::CloseDialog),
        (None, _) => {}
    }
}
