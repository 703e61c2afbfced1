//! The head of the window: the names of its pages, and what can be done on every one of them.

use egui::{
    Align2, CornerRadius, Id, Pos2, Rect, Sense, Ui, Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use super::ask::Ask;
use super::fonts::icon;
use super::rows::{Page, Tab};
use super::text::{self, Role};
use super::theme::{CONTROL_RADIUS, GUTTER, Look};
use super::widgets;
use crate::desk::Command;

const TAB_HEIGHT: f32 = 28.0;
const TAB_PADDING: f32 = 10.0;
/// Between one tab and the next.
const TAB_GAP: f32 = 2.0;
/// From one icon to the next.
const ICON_PITCH: f32 = 30.0;

pub fn head_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    page: &Page,
    hides_emails: bool,
    asks: &mut Vec<Ask>,
) {
    let middle = rect.center().y;
    let mut left = rect.left() + GUTTER;
    for tab in Tab::NAMED {
        left = tab_ui(ui, look, pos2(left, middle), tab, page.tab(), asks) + TAB_GAP;
    }
    let mut x = rect.right() - GUTTER - widgets::ICON_BUTTON / 2.0 - 2.0 * ICON_PITCH;
    let mut next = || {
        // Half a point up: icons are centred on the words beside them, not on the line.
        let centre = pos2(x, middle - 0.5);
        x += ICON_PITCH;
        centre
    };
    let (eye, spoken) = if hides_emails {
        (icon::EYE_OFF, "Show emails")
    } else {
        (icon::EYE, "Hide emails")
    };
    let id = Id::unique("emails");
    if widgets::icon_button_ui(ui, look, next(), id, eye, spoken, "Shift+H").clicked() {
        asks.push(Ask::ToggleEmails);
    }
    if refresh_ui(ui, look, next(), page.is_refreshing) {
        asks.push(Ask::Command(Command::RefreshAll));
    }
    let gear = next();
    if page.tab() == Tab::Settings {
        let pill = Rect::from_center_size(gear, Vec2::splat(widgets::ICON_BUTTON));
        let radius = CornerRadius::same(CONTROL_RADIUS);
        ui.painter().rect_filled(pill, radius, look.tab_selected);
    }
    let id = Id::unique("settings");
    let word = Tab::Settings.label();
    if widgets::icon_button_ui(ui, look, gear, id, icon::SETTINGS, word, ",").clicked() {
        asks.push(Ask::Turn(Tab::Settings));
    }
}

/// One name, whose left edge is at `at`. Returns where it ends.
fn tab_ui(ui: &Ui, look: Look, at: Pos2, tab: Tab, open: Tab, asks: &mut Vec<Ask>) -> f32 {
    let is_open = tab == open;
    let ink = if is_open { look.text } else { look.text_2 };
    let words = text::line(ui.painter(), tab.label(), Role::BodyM, ink, 200.0);
    let size = vec2((words.size().x + 2.0 * TAB_PADDING).ceil(), TAB_HEIGHT);
    let rect = Rect::from_min_size(pos2(at.x, at.y - TAB_HEIGHT / 2.0), size);
    let response = ui.interact(rect, Id::unique(("page", tab)), Sense::click());
    response.widget_info(|| {
        let role = accesskit::Role::Tab;
        WidgetInfo::selected(role, true, is_open, tab.label())
    });
    let radius = CornerRadius::same(CONTROL_RADIUS);
    if is_open {
        ui.painter().rect_filled(rect, radius, look.tab_selected);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, radius, look.sunken);
    }
    text::place(ui.painter(), words, rect.center(), Align2::CENTER_CENTER);
    widgets::focus_ring(ui.painter(), look, rect, CONTROL_RADIUS, &response);
    if response.clicked() {
        asks.push(Ask::Turn(tab));
    }
    rect.right()
}

/// The refresh button; its icon turns while a refresh that the user asked for is under way.
fn refresh_ui(ui: &Ui, look: Look, centre: Pos2, is_refreshing: bool) -> bool {
    let id = Id::unique("refresh all");
    if !is_refreshing {
        let response =
            widgets::icon_button_ui(ui, look, centre, id, icon::REFRESH, "Refresh all", "R");
        return response.clicked();
    }
    let rect = Rect::from_center_size(centre, Vec2::splat(widgets::ICON_BUTTON));
    let response = widgets::hit(ui, rect, id, "Refreshing");
    widgets::arc(ui, centre, 6.5, 0.75, look.text_2);
    response.clicked()
}
