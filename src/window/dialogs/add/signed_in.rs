//! Somebody has signed in, and it is not simply a new account: who it is, and what would be done, before anything is written.

use egui::{Id, Key, Ui, pos2};

use super::sign_in::SignInTab;
use crate::desk::{Command, SignInView, SignedIn, words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::frame::{self, Buttons, Choice};
use crate::window::dialogs::save::checked_name;
use crate::window::text::Role;
use crate::window::widgets::{self, ButtonKind, Label};

/// Returns whether it is cancelled.
pub fn confirm_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut SignInTab,
    view: &SignInView,
    who: &SignedIn,
    asks: &mut Vec<Ask>,
) -> bool {
    let look = scene.look;
    let (told, primary) = meaning(scene, view.wish.again.as_ref(), who);
    let mut is_entered = false;
    super::body_ui(ui, |ui| {
        ui.add_space(16.0);
        frame::label(ui, look, "Signed in as");
        who_ui(ui, scene, who);
        ui.add_space(12.0);
        frame::paragraph(ui, look, &told);
        if who.holder.is_none() {
            ui.add_space(12.0);
            is_entered = name_ui(ui, scene, tab, who);
        }
    });
    let is_first = std::mem::take(&mut tab.wants_focus);
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(&primary)),
        kind: ButtonKind::Primary,
        focus: is_first.then_some(Choice::Primary),
    };
    let choice = frame::buttons_ui(ui, look, &buttons);
    if is_entered || choice == Some(Choice::Primary) {
        confirm(scene, tab, who, asks);
    }
    choice == Some(Choice::Other)
}

/// What would be done, and the button that does it.
fn meaning(scene: Scene<'_>, again: Option<&ProfileName>, who: &SignedIn) -> (String, String) {
    let called = |name: &ProfileName| scene.called(name);
    let again = again.filter(|_| who.is_unexpected).map(called);
    match (again, who.holder.as_ref().map(called)) {
        (Some(wanted), Some(holder)) => (
            format!(
                "This is not {wanted}, it is {holder}. The login of {holder} would be renewed; {wanted} stays as it is."
            ),
            format!("Renew {holder}"),
        ),
        (Some(wanted), None) => (
            format!(
                "This is not {wanted}, which stays as it is. It would be an account of its own."
            ),
            "Add account".to_owned(),
        ),
        (None, Some(holder)) if who.is_holder_unreadable => (
            format!(
                "The login of {holder} cannot be read, so nobody can tell whose it was. It would get this one; the file that is there is kept aside."
            ),
            "Use this login".to_owned(),
        ),
        (None, Some(holder)) => (
            format!(
                "This account is here already: {holder}. Its login would be replaced; name, tags and history stay."
            ),
            "Replace login".to_owned(),
        ),
        (None, None) => (
            "Under which name? It becomes a folder, and the name in the list.".to_owned(),
            "Add account".to_owned(),
        ),
    }
}

fn who_ui(ui: &mut Ui, scene: Scene<'_>, who: &SignedIn) {
    let look = scene.look;
    let hides_emails = scene.snapshot.hides_emails;
    let email = match &who.email {
        Some(email) => words::shown_email(email, hides_emails),
        None => "An account without an e-mail".to_owned(),
    };
    let plan = who.plan.as_deref().map(words::plan_label);
    let rect = super::line(ui, 22.0);
    widgets::name_and_chip(
        ui.painter(),
        look,
        pos2(rect.left(), rect.center().y),
        (&email, Role::Title, look.text),
        plan.as_deref(),
        rect.width(),
    );
    let workspace = who.workspace.as_deref();
    let workspace = workspace.map(|title| words::masked(title, hides_emails));
    let told = [Some(email.as_str()), plan.as_deref(), workspace.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    let response = ui.interact(rect, Id::unique("signed in"), egui::Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::accesskit::Role::Label,
            true,
            format!("Signed in as {told}"),
        )
    });
    if let Some(workspace) = &workspace {
        frame::caption(ui, workspace, look.text_2);
    }
}

/// Returns whether Enter was pressed in it.
fn name_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut SignInTab, who: &SignedIn) -> bool {
    frame::label(ui, scene.look, "Name");
    let name = tab.name.get_or_insert_with(|| {
        if scene.snapshot.hides_emails {
            // The proposed one is made from it.
            String::new()
        } else {
            who.proposed.to_string()
        }
    });
    let id = Id::unique("new account name");
    let words = ("made from the e-mail", "Account name");
    let field = frame::field(ui, scene.look, id, name, words, tab.refusal.as_deref());
    if field.changed() {
        tab.refusal = None;
    }
    field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

fn confirm(scene: Scene<'_>, tab: &mut SignInTab, who: &SignedIn, asks: &mut Vec<Ask>) {
    let name = match (&who.holder, &tab.name) {
        (None, Some(name)) if !name.trim().is_empty() => {
            match checked_name(name.trim(), scene.snapshot) {
                Ok(name) => Some(name),
                Err(why) => {
                    tab.refusal = Some(why);
                    return;
                }
            }
        }
        _ => None,
    };
    asks.push(Ask::Command(Command::ConfirmSignIn { name }));
}
