//! The router strip at the foot of every page. (`design` section 3, router strip.)

use egui::{Align2, Color32, Id, Popup, Rect, Response, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::ask::Ask;
use super::fonts::icon;
use super::rows::{LastIcon, Strip, StripFace};
use super::text::{self, Role};
use super::theme::{GUTTER, Look, STRIP_HEIGHT};
use super::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};
use crate::desk::Command;

/// In two lines, or in one where `rect` is no higher than that.
pub fn strip_ui(ui: &Ui, look: Look, rect: Rect, strip: &Strip, asks: &mut Vec<Ask>) {
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, look.surface);
    widgets::divider(painter, look, rect.left(), rect.right(), rect.top());
    let is_one_line = rect.height() < STRIP_HEIGHT;
    let middle = (rect.top() + rect.height() / 2.0).round();

    let toggle = widgets::toggle_ui(
        ui,
        look,
        pos2(rect.left() + GUTTER + 18.0, middle + 0.5),
        Id::unique("router toggle"),
        strip.is_on,
        &strip.spoken,
    );
    if toggle.clicked() {
        asks.push(toggled(strip));
    }

    let left = rect.left() + 60.0;
    let mut right = rect.right() - GUTTER;
    match strip.face {
        StripFace::PortTaken(Some(port)) => {
            let label = format!("Use {port}");
            let width = widgets::button_width(painter, &label);
            let button = Rect::from_min_size(
                pos2(right - width, middle - BUTTON_HEIGHT / 2.0),
                vec2(width, BUTTON_HEIGHT),
            );
            let response = widgets::button_ui(
                ui,
                look,
                button,
                Id::unique("use free port"),
                Label::plain(&label),
                ButtonKind::Plain,
            );
            if response.clicked() {
                asks.push(Ask::Command(Command::ServeOnPort(port)));
            }
            right = button.left();
        }
        StripFace::Failed | StripFace::PortTaken(None) => {
            let width = widgets::button_width(painter, "Try again");
            let button = Rect::from_min_size(
                pos2(right - width, middle - BUTTON_HEIGHT / 2.0),
                vec2(width, BUTTON_HEIGHT),
            );
            let label = Label {
                icon: None,
                text: "Try again",
                spoken: "Start the router again",
            };
            let response = widgets::button_ui(
                ui,
                look,
                button,
                Id::unique("start again"),
                label,
                ButtonKind::Plain,
            );
            if response.clicked() {
                asks.push(Ask::Command(Command::TurnRouterOn));
            }
            right = button.left();
        }
        StripFace::Off | StripFace::Starting | StripFace::On(_) | StripFace::NothingUsable => {
            if let Some(url) = &strip.base_url {
                let x = if is_one_line {
                    address_end(painter, strip, left) + 20.0
                } else {
                    right - widgets::ICON_BUTTON / 2.0
                };
                let centre = pos2(x, middle - 0.5);
                let response = widgets::icon_button_ui(
                    ui,
                    look,
                    centre,
                    Id::unique("copy url"),
                    icon::COPY,
                    "Copy router URL",
                    "Shift+C",
                );
                if response.clicked() {
                    asks.push(Ask::CopyBaseUrl(url.clone()));
                }
                if !is_one_line {
                    right = centre.x - widgets::ICON_BUTTON / 2.0;
                }
            }
            let centre = pos2(right - widgets::ICON_BUTTON / 2.0, middle - 0.5);
            let id = Id::unique("router menu");
            let more =
                widgets::icon_button_ui(ui, look, centre, id, icon::ELLIPSIS, "Router menu", "");
            menu_ui(look, strip, &more, asks);
            right = centre.x - widgets::ICON_BUTTON / 2.0 - if is_one_line { 8.0 } else { 0.0 };
        }
    }
    if is_one_line {
        line(ui, look, strip, left, right, middle);
    } else {
        words(ui, look, strip, left, right - 8.0, middle);
    }
}

fn menu_ui(look: Look, strip: &Strip, more: &Response, asks: &mut Vec<Ask>) {
    const WIDTH: f32 = 216.0;
    Popup::menu(more)
        .align(egui::RectAlign::TOP_END)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(WIDTH)
        .show(|ui| {
            ui.set_width(WIDTH);
            let connect = "Connect apps…";
            if widgets::menu_item_ui(ui, look, Some(icon::CODE), connect, "") {
                asks.push(Ask::OpenConnect);
            }
            let choose = "Let the router choose";
            if strip.routed_to.is_some()
                && widgets::menu_item_ui(ui, look, Some(icon::SWITCH), choose, "")
            {
                asks.push(Ask::Command(Command::RouteTo(None)));
            }
        });
}

pub fn toggled(strip: &Strip) -> Ask {
    Ask::Command(if strip.is_on {
        Command::TurnRouterOff
    } else {
        Command::TurnRouterOn
    })
}

/// What a client is given, where there is room for all of it.
fn whole_address(strip: &Strip) -> &str {
    strip.base_url.as_deref().unwrap_or(&strip.address)
}

fn address_end(painter: &egui::Painter, strip: &Strip, left: f32) -> f32 {
    let width = |text: &str, role| {
        let galley = text::line(painter, text, role, Color32::WHITE, f32::INFINITY);
        galley.size().x
    };
    left + width("Router", Role::BodyM) + 12.0 + width(whole_address(strip), Role::Mono)
}

/// Name and address at the left, what happens at the right.
fn line(ui: &Ui, look: Look, strip: &Strip, left: f32, right: f32, middle: f32) {
    let painter = ui.painter();
    let name = text::put(
        painter,
        pos2(left, middle),
        Align2::LEFT_CENTER,
        "Router",
        Role::BodyM,
        look.text,
        right - left,
    );
    let address = text::put(
        painter,
        pos2(name.right() + 12.0, middle),
        Align2::LEFT_CENTER,
        whole_address(strip),
        Role::Mono,
        look.text_2,
        right - name.right() - 12.0,
    );
    let (sign, ink) = sign(look, strip);
    let room = right - address.right() - 60.0;
    let words = text::put(
        painter,
        pos2(right, middle),
        Align2::RIGHT_CENTER,
        &strip.text,
        Role::Caption,
        ink,
        room,
    );
    let response = ui.interact(words, Id::unique("router says"), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &strip.text));
    if words.width() > room - 4.0 {
        response.on_hover_text(&strip.text);
    }
    let mut left = words.left();
    if let Some((glyph, ink)) = sign {
        text::icon(painter, pos2(left - 12.0, middle), glyph, 13, ink);
        left -= 19.0;
    }
    if let Some(count) = &strip.count {
        text::put(
            painter,
            pos2(left - 16.0, middle),
            Align2::RIGHT_CENTER,
            count,
            Role::Caption,
            look.text_3,
            (left - address.right() - 60.0).max(0.0),
        );
    }
}

/// The sign before what the strip says, and the ink of its words.
fn sign(look: Look, strip: &Strip) -> (Option<(&'static str, Color32)>, Color32) {
    match strip.face {
        StripFace::Off | StripFace::Starting | StripFace::On(None) => (None, look.text_2),
        StripFace::On(Some(LastIcon::Done)) => (Some((icon::CHECK_CIRCLE, look.ok)), look.text_2),
        StripFace::On(Some(LastIcon::Limited)) => (Some((icon::HOURGLASS, look.warn)), look.text_2),
        StripFace::On(Some(LastIcon::Failed)) => {
            (Some((icon::ALERT_CIRCLE, look.bad)), look.text_2)
        }
        StripFace::NothingUsable => (Some((icon::HOURGLASS, look.warn)), look.warn),
        StripFace::PortTaken(_) => (Some((icon::ALERT, look.warn)), look.warn),
        StripFace::Failed => (Some((icon::ALERT_CIRCLE, look.bad)), look.bad),
    }
}

fn words(ui: &Ui, look: Look, strip: &Strip, left: f32, right: f32, middle: f32) {
    let painter = ui.painter();
    let name = text::put(
        painter,
        pos2(left, middle - 9.0),
        Align2::LEFT_CENTER,
        "Router",
        Role::BodyM,
        look.text,
        right - left,
    );
    text::put(
        painter,
        pos2(name.right() + 8.0, middle - 9.0),
        Align2::LEFT_CENTER,
        &strip.address,
        Role::Mono,
        look.text_2,
        right - name.right() - 8.0,
    );
    let y = middle + 11.0;
    let (sign, ink) = sign(look, strip);
    let mut x = left;
    if let Some((glyph, ink)) = sign {
        text::icon(painter, pos2(left + 6.0, y), glyph, 13, ink);
        x += 18.5;
    }
    let line = text::put(
        painter,
        pos2(x, y),
        Align2::LEFT_CENTER,
        &strip.text,
        Role::Caption,
        ink,
        right - x,
    );
    let response = ui.interact(line, Id::unique("router says"), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &strip.text));
    if line.width() > right - x - 4.0 {
        response.on_hover_text(&strip.text);
    }
}
