//! Who it is, and the switch.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::inner;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::menus;
use crate::window::rows::{Badge, Detail};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, ICON_BUTTON, Label};

const HEIGHT: f32 = 72.0;
const NAME_Y: f32 = 28.0;

pub fn head_ui(ui: &mut Ui, look: Look, detail: &Detail, asks: &mut Vec<Ask>) {
    let rect = inner(ui, HEIGHT);
    let middle = rect.top() + 34.0;
    let more = Rect::from_min_size(
        pos2(rect.right() - ICON_BUTTON, middle - ICON_BUTTON / 2.0),
        egui::Vec2::splat(ICON_BUTTON),
    );
    let spoken = format!("More for {}", detail.title);
    let response = widgets::framed_icon_button_ui(
        ui,
        look,
        more,
        Id::unique("detail more"),
        icon::ELLIPSIS,
        &spoken,
    );
    menus::account_menu_ui(look, &menus::AccountMenu::of(detail), &response, asks);
    let mut right = more.left() - 8.0;
    if detail.can_switch {
        let label = Label {
            icon: None,
            text: "Switch",
            spoken: &format!("Switch to {}", detail.title),
        };
        let width = widgets::button_width(ui.painter(), label.text);
        let button = Rect::from_min_size(
            pos2(right - width, middle - BUTTON_HEIGHT / 2.0),
            vec2(width, BUTTON_HEIGHT),
        );
        let id = Id::unique("detail switch");
        if widgets::button_ui(ui, look, button, id, label, ButtonKind::Primary).clicked() {
            asks.push(Ask::Switch(detail.name.clone()));
        }
        right = button.left() - 12.0;
    } else if let Some(badge) = detail.badge {
        right = badge_ui(ui, look, pos2(right - 4.0, middle), badge) - 12.0;
    }
    words_ui(ui, look, detail, rect, right);
}

/// Returns where it begins.
fn badge_ui(ui: &Ui, look: Look, right: egui::Pos2, badge: Badge) -> f32 {
    let painter = ui.painter();
    let ink = match badge {
        Badge::InUse => look.accent,
        Badge::LoginExpired | Badge::Unreadable => look.bad,
    };
    let words = text::put(
        painter,
        right,
        Align2::RIGHT_CENTER,
        badge.label(),
        Role::CaptionM,
        ink,
        120.0,
    );
    let mark = pos2(words.left() - 14.0, right.y);
    match badge {
        Badge::InUse => widgets::in_use_mark(painter, look, mark),
        Badge::LoginExpired => text::icon(painter, mark, icon::CROSS_CIRCLE, 16, look.bad),
        Badge::Unreadable => text::icon(painter, mark, icon::ALERT, 16, look.bad),
    }
    mark.x - 8.0
}

fn words_ui(ui: &Ui, look: Look, detail: &Detail, rect: Rect, right: f32) {
    let painter = ui.painter();
    let width = right - rect.left();
    let name = Rect::from_min_max(
        pos2(rect.left(), rect.top() + NAME_Y - 14.0),
        pos2(right, rect.top() + NAME_Y + 12.0),
    );
    let response = ui.interact(name, Id::unique("detail name"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, &detail.spoken));
    widgets::name_and_chip(
        painter,
        look,
        pos2(rect.left(), rect.top() + NAME_Y),
        (&detail.title, Role::H1, look.text),
        detail.plan.as_deref(),
        width,
    );
    let pin = if detail.is_pinned { 18.0 } else { 0.0 };
    let y = rect.top() + 50.0;
    if detail.is_pinned {
        let at = pos2(rect.left() + 6.0, y + 0.5);
        text::icon(painter, at, icon::PIN, 12, look.text_2);
    }
    let left = rect.left() + pin;
    let age = if detail.age.is_empty() {
        String::new()
    } else {
        format!(" · {}", detail.age)
    };
    let age_width = text::line(painter, &age, Role::Caption, look.text_3, 140.0)
        .size()
        .x;
    let most = width - pin - age_width;
    let second = text::elide_email(&detail.second, |candidate| {
        let galley = text::line(
            painter,
            candidate,
            Role::Caption,
            look.text_2,
            f32::INFINITY,
        );
        galley.size().x <= most
    });
    let second = text::put(
        painter,
        pos2(left, y),
        Align2::LEFT_CENTER,
        &second,
        Role::Caption,
        look.text_2,
        most,
    );
    let age = if detail.second.is_empty() {
        &detail.age
    } else {
        &age
    };
    text::put(
        painter,
        pos2(second.right(), y),
        Align2::LEFT_CENTER,
        age,
        Role::Caption,
        look.text_3,
        160.0,
    );
}
