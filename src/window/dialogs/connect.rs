//! Which programs use the router, what would change in their settings, and the button that changes it.

use egui::{Align2, CornerRadius, Rect, ScrollArea, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::Scene;
use super::frame::{self, Buttons, Choice};
use crate::desk::{Command, Tool, ToolView};
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, Look};
use crate::window::widgets::{self, ButtonKind, Label};

const ROW_HEIGHT: f32 = 44.0;
/// Four programs and a half, so that one sees that there are more.
const LIST_HEIGHT: f32 = 4.5 * ROW_HEIGHT;
const DIFF_HEIGHT: f32 = 148.0;
const LINE_HEIGHT: f32 = 17.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectDialog {
    chosen: Tool,
}

impl ConnectDialog {
    pub fn new() -> Self {
        Self {
            chosen: Tool::Codex,
        }
    }
}

pub fn connect_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut ConnectDialog, asks: &mut Vec<Ask>) {
    let Scene { look, snapshot, .. } = scene;
    frame::title(ui, look, "Connect apps to the router");
    let words = "A connected app uses your accounts through the router. Choose one to see what changes in its settings.";
    frame::paragraph(ui, look, words);
    ui.add_space(12.0);
    if snapshot.tools.is_empty() {
        frame::paragraph(ui, look, "Looking at their settings.");
    }
    apps_ui(ui, look, &snapshot.tools, dialog);
    let chosen = snapshot
        .tools
        .iter()
        .find(|view| view.tool == dialog.chosen);
    let change = chosen.and_then(|view| change_ui(ui, look, view));
    let buttons = Buttons {
        other: Some("Close"),
        primary: change.as_ref().map(|(text, spoken)| Label {
            icon: None,
            text,
            spoken,
        }),
        kind: ButtonKind::Primary,
        focus: scene.is_new.then_some(Choice::Other),
    };
    match (frame::buttons_ui(ui, look, &buttons), chosen) {
        (Some(Choice::Primary), Some(view)) => asks.push(Ask::Command(if view.is_connected {
            Command::Disconnect(view.tool)
        } else {
            Command::Connect(view.tool)
        })),
        (Some(Choice::Other), _) => asks.push(Ask::CloseDialog),
        (Some(Choice::Primary), None) | (None, _) => {}
    }
}

/// The programs, those that are here first.
fn apps_ui(ui: &mut Ui, look: Look, views: &[ToolView], dialog: &mut ConnectDialog) {
    let is_here = |view: &&ToolView| view.is_installed || view.is_connected || view.is_outdated;
    let missing = views.iter().filter(|view| !is_here(view));
    ScrollArea::vertical()
        .id_salt("apps")
        .max_height(LIST_HEIGHT)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for view in views.iter().filter(is_here).chain(missing) {
                if tool_ui(ui, look, view, view.tool == dialog.chosen) {
                    dialog.chosen = view.tool;
                }
            }
        });
}

/// One program. Whether it was chosen now.
fn tool_ui(ui: &mut Ui, look: Look, view: &ToolView, is_chosen: bool) -> bool {
    let size = vec2(ui.available_width(), ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let (state, glyph, ink) = match (view.is_connected, view.is_installed) {
        (true, _) => ("Uses the router", icon::CHECK_CIRCLE, look.ok),
        (false, _) if view.is_outdated => (
            "Uses an earlier address of the router",
            icon::ALERT,
            look.warn,
        ),
        (false, true) => ("Does not use the router", icon::CODE, look.text_2),
        (false, false) => ("Not found on this computer", icon::CODE, look.text_3),
    };
    let title = view.tool.title();
    let spoken = format!("{title}, {}", state.to_lowercase());
    response.widget_info(|| {
        WidgetInfo::selected(accesskit::Role::RadioButton, true, is_chosen, &spoken)
    });
    let radius = CornerRadius::same(CONTROL_RADIUS);
    if is_chosen {
        ui.painter().rect_filled(rect, radius, look.accent_soft);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, radius, look.hover);
    }
    let (left, middle) = (rect.left() + 34.0, rect.center().y);
    let painter = ui.painter();
    text::icon(painter, pos2(rect.left() + 18.0, middle), glyph, 16, ink);
    let words = [
        (title, middle - 9.0, Role::BodyM, look.text),
        (state, middle + 9.0, Role::Caption, look.text_2),
    ];
    for (words, y, role, ink) in words {
        let width = rect.right() - 10.0 - left;
        text::put(
            painter,
            pos2(left, y),
            Align2::LEFT_CENTER,
            words,
            role,
            ink,
            width,
        );
    }
    widgets::focus_ring(painter, look, rect, CONTROL_RADIUS, &response);
    response.clicked()
}

/// What would change, or why nothing can. The words of the button that does it, as seen and as heard.
fn change_ui(ui: &mut Ui, look: Look, view: &ToolView) -> Option<(&'static str, String)> {
    ui.add_space(12.0);
    if let Some(trouble) = &view.trouble {
        let words = crate::window::rows::sentence(trouble);
        widgets::warn_box_ui(ui, look, "Its settings stay as they are", &words);
        return None;
    }
    diff_ui(ui, look, &view.diff);
    let text = match view.is_connected {
        true => "Disconnect",
        false => "Connect",
    };
    Some((text, format!("{text} {}", view.tool.title())))
}

/// Lines of a unified diff: what goes in red, what comes in green, each with its sign.
pub(super) fn diff_ui(ui: &mut Ui, look: Look, diff: &str) {
    let width = ui.available_width();
    let lines: Vec<&str> = diff.lines().collect();
    let height = (LINE_HEIGHT * lines.len() as f32 + 16.0).min(DIFF_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Document, true, diff));
    let radius = CornerRadius::same(CONTROL_RADIUS);
    ui.painter().rect_filled(rect, radius, look.sunken);
    let inside = rect.shrink2(vec2(10.0, 8.0));
    let mut within = ui.new_child(egui::UiBuilder::new().max_rect(inside));
    ScrollArea::both()
        .id_salt("what changes")
        .auto_shrink(false)
        .show(&mut within, |ui| {
            for line in lines {
                let ink = match line.as_bytes().first() {
                    Some(b'+') => look.ok,
                    Some(b'-') => look.bad,
                    _ => look.text_2,
                };
                let galley = text::line(ui.painter(), line, Role::Mono, ink, f32::INFINITY);
                let size = vec2(galley.size().x, LINE_HEIGHT);
                let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                let at = Rect::from_min_size(rect.min, size).left_center();
                text::place(ui.painter(), galley, at, Align2::LEFT_CENTER);
            }
        });
}
