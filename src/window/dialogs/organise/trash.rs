//! The deleted accounts, as long as they are kept.

use egui::{Align2, Id, Rect, ScrollArea, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::{Pressed, foot_ui};
use crate::desk::{Command, TrashView, words};
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame};
use crate::window::text::{self, Role};
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};

const ROW: f32 = 48.0;
/// More scroll.
const ROWS_SHOWN: f32 = 6.0;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrashDialog {
    /// Emptying it was asked for, which is said once more.
    is_emptying: bool,
}

pub fn trash_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut TrashDialog, asks: &mut Vec<Ask>) {
    let (look, trash) = (scene.look, &scene.snapshot.trash);
    if dialog.is_emptying && !trash.is_empty() {
        empty_ui(ui, scene, dialog, asks);
        return;
    }
    frame::title(ui, look, "Deleted accounts");
    let words = if trash.is_empty() {
        "There are none."
    } else {
        "Each is kept for 30 days, then it is gone for good."
    };
    frame::paragraph(ui, look, words);
    ui.add_space(8.0);
    ScrollArea::vertical()
        .max_height(ROW * ROWS_SHOWN)
        .id_salt("trash")
        .show(ui, |ui| {
            for deleted in trash {
                row_ui(ui, scene, deleted, asks);
            }
        });
    if trash.is_empty() {
        if frame::footer(ui, look, None, "Close", scene.is_new).is_some() {
            asks.push(Ask::CloseDialog);
        }
        return;
    }
    let close = ("Close", ButtonKind::Primary);
    let focus = scene.is_new.then_some(Pressed::Primary);
    match foot_ui(ui, look, "Empty…", close, focus) {
        Some(Pressed::Primary) => asks.push(Ask::CloseDialog),
        Some(Pressed::Other) => dialog.is_emptying = true,
        None => {}
    }
}

fn row_ui(ui: &mut Ui, scene: Scene<'_>, deleted: &TrashView, asks: &mut Vec<Ask>) {
    let (look, hides_emails) = (scene.look, scene.snapshot.hides_emails);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let title = if hides_emails {
        words::alias(&deleted.name)
    } else {
        let label = deleted.label.clone();
        label.unwrap_or_else(|| deleted.name.to_string())
    };
    let email = deleted.email.as_deref();
    let email = email.map(|email| words::shown_email(email, hides_emails));
    let left = deleted.purged_at.duration_since(scene.now);
    let left = left.map_or_else(
        |_past| "gone soon".to_owned(),
        |left| format!("{} left", words::duration(left)),
    );
    let told = [email, Some(left)];
    let second: Vec<_> = told.into_iter().flatten().collect();
    let second = second.join(" · ");
    response.widget_info(|| {
        let spoken = format!("{title}, deleted, {second}");
        WidgetInfo::labeled(accesskit::Role::ListItem, true, spoken)
    });
    let spoken = format!("Restore {title}");
    let label = Label {
        icon: None,
        text: "Restore",
        spoken: &spoken,
    };
    let width = widgets::button_width(ui.painter(), label.text);
    let button = Rect::from_min_size(
        pos2(rect.right() - width, rect.center().y - BUTTON_HEIGHT / 2.0),
        vec2(width, BUTTON_HEIGHT),
    );
    let id = Id::unique(("restore", &deleted.id));
    if widgets::button_ui(ui, look, button, id, label, ButtonKind::Plain).clicked() {
        asks.push(Ask::Command(Command::Undelete(vec![deleted.id.clone()])));
    }
    let room = button.left() - rect.left() - 12.0;
    for (dy, words, role, ink) in [
        (-9.0, &title, Role::BodyM, look.text),
        (9.0, &second, Role::Caption, look.text_3),
    ] {
        text::put(
            ui.painter(),
            pos2(rect.left(), rect.center().y + dy),
            Align2::LEFT_CENTER,
            words,
            role,
            ink,
            room,
        );
    }
    if let Some(trouble) = &deleted.trouble {
        response.on_hover_text(trouble);
    }
}

fn empty_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut TrashDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let count = words::accounts(scene.snapshot.trash.len());
    frame::title(ui, look, &format!("Delete {count} for good?"));
    let words =
        "Their logins cannot be brought back after that. The accounts themselves are not touched.";
    frame::paragraph(ui, look, words);
    match foot_ui(
        ui,
        look,
        "Cancel",
        ("Delete for good", ButtonKind::Danger),
        None,
    ) {
        Some(Pressed::Primary) => {
            asks.push(Ask::Command(Command::Purge(Vec::new())));
            asks.push(Ask::CloseDialog);
        }
        Some(Pressed::Other) => dialog.is_emptying = false,
        None => {}
    }
}
