//! Signing in by a code that is typed on any device.

use egui::{Align2, CornerRadius, Id, Sense, Ui, WidgetInfo, accesskit, pos2};

use super::sign_in::{self, SignInTab};
use crate::desk::{OnScreen, SignInView};
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::frame;
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::CONTROL_RADIUS;
use crate::window::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};

/// Returns whether it is cancelled.
pub fn code_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut SignInTab,
    (code, url): (&OnScreen, &str),
    view: &SignInView,
    asks: &mut Vec<Ask>,
) -> bool {
    let look = scene.look;
    super::body_ui(ui, |ui| {
        ui.add_space(16.0);
        let words = "Open the link on any device and type the code. Good for servers and SSH.";
        frame::paragraph(ui, look, words);
        ui.add_space(14.0);
        sheet_ui(ui, scene, code, url);
        ui.add_space(12.0);
        let row = super::line(ui, TALL_BUTTON_HEIGHT);
        let (left, right) = row.split_left_right_at_x(row.center().x);
        let copy = Label::with_icon(tab.copied.icon(ui), "Copy code");
        let id = Id::unique("copy code");
        let rect = left.with_max_x(left.right() - 4.0);
        let copy = widgets::button_ui(ui, look, rect, id, copy, ButtonKind::Primary);
        if std::mem::take(&mut tab.wants_focus) {
            copy.request_focus();
        }
        if copy.clicked() {
            tab.copied.copy(ui, code);
        }
        let open = Label::with_icon(icon::EXTERNAL_LINK, "Open link");
        let id = Id::unique("open code link");
        let rect = right.with_min_x(right.left() + 4.0);
        if widgets::button_ui(ui, look, rect, id, open, ButtonKind::Plain).clicked() {
            tab.is_link_refused = false;
            asks.push(Ask::OpenLink(url.to_owned().into()));
        }
        ui.add_space(11.0);
        let left = sign_in::countdown(ui, scene, view);
        sign_in::waiting_line(ui, look, "Waiting for approval", &left);
        ui.add_space(6.0);
        if tab.is_link_refused {
            let words = "No browser could be opened. Type the address yourself.";
            frame::refusal(ui, look, words);
        } else {
            let words = "Never type a code that someone else sent you.";
            frame::caption(ui, words, look.text_3);
        }
    });
    sign_in::cancel_ui(ui, scene)
}

fn sheet_ui(ui: &mut Ui, scene: Scene<'_>, code: &str, url: &str) {
    let look = scene.look;
    let rect = super::line(ui, 86.0);
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(CONTROL_RADIUS), look.sunken);
    let shown_url = url
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    for (y, words, role, ink) in [
        (33.0, code, Role::Code, look.text),
        (67.0, shown_url, Role::Mono, look.text_2),
    ] {
        text::put(
            painter,
            pos2(rect.center().x, rect.top() + y),
            Align2::CENTER_CENTER,
            words,
            role,
            ink,
            rect.width() - 16.0,
        );
    }
    for (part, id, spoken) in [
        (
            rect.with_max_y(rect.top() + 54.0),
            "code",
            format!("Code {code}"),
        ),
        (
            rect.with_min_y(rect.top() + 54.0),
            "code address",
            format!("Type it at {shown_url}"),
        ),
    ] {
        let response = ui.interact(part, Id::unique(id), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
    }
}
