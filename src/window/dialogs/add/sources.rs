//! Where logins can be brought in from: dropped, chosen, pasted, typed, or found on this computer.

use egui::epaint::RoundedRect;
use egui::epaint::tessellator::path::rounded_rectangle;
use egui::{
    Align2, CornerRadius, Id, Key, Rect, Sense, Shape, Stroke, Ui, ViewportCommand, WidgetInfo,
    accesskit, pos2, vec2,
};

use super::import::{ImportTab, PASTE_FRAMES};
use crate::desk::{ImportSource, OlderStore, words};
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::frame;
use crate::window::errands::Pick;
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_RADIUS, Look};
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label, TALL_BUTTON_HEIGHT};

/// Where logins can come from.
pub fn sources_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut ImportTab, asks: &mut Vec<Ask>) {
    ui.add_space(16.0);
    drop_zone_ui(ui, scene.look);
    ui.add_space(12.0);
    let row = super::line(ui, TALL_BUTTON_HEIGHT);
    let width = (row.width() - 16.0) / 3.0;
    let buttons = [
        (icon::FILE, "Files"),
        (icon::FOLDER, "Folder"),
        (icon::CLIPBOARD, "Paste"),
    ];
    for (index, (glyph, text)) in buttons.into_iter().enumerate() {
        let left = row.left() + index as f32 * (width + 8.0);
        let rect = Rect::from_min_size(pos2(left, row.top()), vec2(width, row.height()));
        let label = Label::with_icon(glyph, text);
        let id = Id::unique(("import from", text));
        let button = widgets::button_ui(ui, scene.look, rect, id, label, ButtonKind::Plain);
        if button.clicked() {
            match index {
                0 => asks.push(Ask::Pick(Pick::Files)),
                1 => asks.push(Ask::Pick(Pick::Folder)),
                _ => {
                    tab.awaits_paste = PASTE_FRAMES;
                    ui.ctx().send_viewport_cmd(ViewportCommand::RequestPaste);
                }
            }
        }
    }
    if tab.is_clipboard_empty {
        ui.add_space(8.0);
        frame::caption(ui, "There is no text on the clipboard.", scene.look.warn);
    }
    if tab.has_no_file_dialog {
        path_ui(ui, scene, tab, asks);
    }
}

/// For desktops without a file dialog.
fn path_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut ImportTab, asks: &mut Vec<Ask>) {
    ui.add_space(10.0);
    frame::label(
        ui,
        scene.look,
        "This desktop has no file dialog. Type the path:",
    );
    let id = Id::unique("import path");
    let words = ("~/logins", "Path of a file or folder");
    let field = frame::field(
        ui,
        scene.look,
        id,
        &mut tab.typed_path,
        words,
        tab.path_refusal,
    );
    if field.changed() {
        tab.path_refusal = None;
    }
    if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        match scene.doors.path_in(&tab.typed_path) {
            Ok(path) => tab.look(ImportSource::Paths(vec![path]), scene.snapshot, asks),
            Err(why) => tab.path_refusal = Some(why),
        }
    }
}

fn drop_zone_ui(ui: &mut Ui, look: Look) {
    let rect = super::line(ui, 70.0);
    let is_hovered = ui.input(|input| !input.raw.hovered_files.is_empty());
    let (ground, edge) = if is_hovered {
        (look.accent_soft, look.accent)
    } else {
        (look.sunken, look.border)
    };
    let painter = ui.painter();
    let radius = CornerRadius::same(CARD_RADIUS);
    painter.rect_filled(rect, radius, ground);
    let mut outline = Vec::new();
    rounded_rectangle(&mut outline, RoundedRect::new(rect.shrink(0.5), radius));
    outline.extend(outline.first().copied());
    painter.extend(Shape::dashed_line(
        &outline,
        Stroke::new(1.0, edge),
        4.0,
        3.0,
    ));
    let title = if is_hovered {
        "Let go to look at it"
    } else {
        "Drop auth.json files or a folder here"
    };
    let words = if cfg!(target_os = "macos") {
        "or paste JSON with Cmd+V"
    } else {
        "or paste JSON with Ctrl+V"
    };
    for (y, text, role, ink) in [
        (26.0, title, Role::BodyM, look.text),
        (45.0, words, Role::Caption, look.text_2),
    ] {
        let at = pos2(rect.center().x, rect.top() + y);
        text::put(
            painter,
            at,
            Align2::CENTER_CENTER,
            text,
            role,
            ink,
            rect.width() - 16.0,
        );
    }
    let response = ui.interact(rect, Id::unique("drop zone"), Sense::hover());
    let spoken = format!("{title}, {words}");
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
}

/// What this computer has, before anything was chosen.
pub fn offers_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut ImportTab, asks: &mut Vec<Ask>) {
    if let Some(OlderStore { folder, accounts }) = &scene.snapshot.older_store {
        let words = format!("{} of the older codex_router", words::accounts(*accounts));
        if offer_ui(
            ui,
            scene.look,
            &words,
            "Show",
            "Show accounts of the older codex_router",
        ) {
            let source = ImportSource::Paths(vec![folder.clone()]);
            tab.look(source, scene.snapshot, asks);
        }
    }
    let words = "Other programs may have logins too.";
    if offer_ui(ui, scene.look, words, "Look", "Look on this computer") {
        tab.look(ImportSource::OtherPrograms, scene.snapshot, asks);
    }
}

fn offer_ui(ui: &mut Ui, look: Look, words: &str, button: &str, spoken: &str) -> bool {
    let rect = super::line(ui, 36.0);
    let width = widgets::button_width(ui.painter(), button).max(64.0);
    let place = Rect::from_min_max(
        pos2(rect.right() - width, rect.center().y - BUTTON_HEIGHT / 2.0),
        pos2(rect.right(), rect.center().y + BUTTON_HEIGHT / 2.0),
    );
    text::put(
        ui.painter(),
        rect.left_center(),
        Align2::LEFT_CENTER,
        words,
        Role::Caption,
        look.text_2,
        place.left() - 8.0 - rect.left(),
    );
    let label = Label {
        spoken,
        ..Label::plain(button)
    };
    let id = Id::unique(("offer", spoken));
    widgets::button_ui(ui, look, place, id, label, ButtonKind::Plain).clicked()
}
