//! What is said where there are no rows, and where there are fewer than there should be.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::ActivityState;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::rows::{Nothing, NothingAct};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};

pub fn note_ui(ui: &Ui, look: Look, rect: Rect, words: &str) {
    let response = ui.interact(rect, Id::unique("requests note"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
    let painter = ui.painter();
    let middle = rect.top() + 9.0;
    text::icon(
        painter,
        pos2(rect.left() + 10.0, middle),
        icon::ALERT,
        13,
        look.warn,
    );
    let at = pos2(rect.left() + 24.0, middle);
    let width = rect.width() - 24.0;
    let put = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        words,
        Role::Caption,
        look.text_2,
        width,
    );
    if put.width() > width - 8.0 {
        response.on_hover_text(words);
    }
}

pub fn nothing_ui(
    ui: &mut Ui,
    look: Look,
    area: Rect,
    words: &Nothing,
    state: &mut ActivityState,
    asks: &mut Vec<Ask>,
) {
    const HEIGHT: f32 = 168.0;
    let card = area.with_max_y(area.bottom().min(area.top() + HEIGHT));
    widgets::card(ui.painter(), look, card);
    let response = ui.interact(card, Id::unique("no request"), Sense::hover());
    let spoken = format!("{} {}", words.title, words.text);
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
    let painter = ui.painter();
    let centre = card.center().x;
    let at = pos2(centre, card.top() + 40.0);
    let width = card.width() - 40.0;
    text::put(
        painter,
        at,
        Align2::CENTER_CENTER,
        &words.title,
        Role::BodyM,
        look.text,
        width,
    );
    let text = text::paragraph(painter, &words.text, Role::Caption, look.text_2, width, 2);
    let at = pos2(centre, card.top() + 56.0);
    text::place(painter, text, at, Align2::CENTER_TOP);
    let Some(act) = words.act else { return };
    let label = match act {
        NothingAct::Connect => "Connect apps…",
        NothingAct::ShowAll => "Show all",
    };
    let size = vec2(widgets::button_width(painter, label), BUTTON_HEIGHT);
    let button = Rect::from_center_size(pos2(centre, card.top() + 122.0), size);
    let id = Id::unique("no request act");
    let label = Label::plain(label);
    if widgets::button_ui(ui, look, button, id, label, ButtonKind::Plain).clicked() {
        match act {
            NothingAct::Connect => asks.push(Ask::OpenConnect),
            NothingAct::ShowAll => state.show_all(),
        }
    }
}
