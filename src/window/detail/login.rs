//! How the login fares: facts, each a word and a value.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2};

use super::{LINE, title};
use crate::window::fonts::icon;
use crate::window::rows::{LoginMark, LoginPart};
use crate::window::text::{self, Role};
use crate::window::theme::Look;

const FIRST_LINE: f32 = 46.0;
const BOTTOM: f32 = 20.0;

pub fn height(login: &LoginPart) -> f32 {
    let lines = login.facts.len().max(1) as f32 - 1.0;
    let trouble = if login.trouble.is_some() { 34.0 } else { 0.0 };
    FIRST_LINE + lines * LINE + trouble + BOTTOM
}

pub fn login_ui(ui: &Ui, look: Look, rect: Rect, login: &LoginPart) {
    let painter = ui.painter();
    title(ui, look, pos2(rect.left(), rect.top() + 21.0), "Login");
    if let Some(mark) = login.mark {
        mark_ui(ui, look, pos2(rect.right(), rect.top() + 21.0), mark);
    }
    let mut y = rect.top() + FIRST_LINE;
    for fact in &login.facts {
        let line = Rect::from_min_max(
            pos2(rect.left(), y - LINE / 2.0),
            pos2(rect.right(), y + LINE / 2.0),
        );
        let id = Id::unique(("fact", fact.label));
        let response = ui.interact(line, id, Sense::hover());
        response.widget_info(|| {
            let spoken = format!("{}: {}", fact.label, fact.value);
            WidgetInfo::labeled(accesskit::Role::Label, true, spoken)
        });
        let label = super::label(ui, look, pos2(rect.left(), y), fact.label);
        text::put(
            painter,
            pos2(rect.right(), y),
            Align2::RIGHT_CENTER,
            &fact.value,
            Role::Countdown,
            look.text,
            rect.right() - label.right() - 10.0,
        );
        if let Some(hint) = &fact.hint {
            response.on_hover_text(hint);
        }
        y += LINE;
    }
    if let Some(trouble) = &login.trouble {
        let galley = text::paragraph(painter, trouble, Role::Caption, look.bad, rect.width(), 2);
        let area = Rect::from_min_size(pos2(rect.left(), y - 8.0), galley.size());
        let response = ui.interact(area, Id::unique("login trouble"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, trouble));
        text::place(painter, galley, area.min, Align2::LEFT_TOP);
        response.on_hover_text(trouble);
    }
}

fn mark_ui(ui: &Ui, look: Look, right: egui::Pos2, mark: LoginMark) {
    let (glyph, ink) = match mark {
        LoginMark::Healthy => (icon::SHIELD_CHECK, look.ok),
        LoginMark::Expired => (icon::CROSS_CIRCLE, look.bad),
        LoginMark::Unreadable => (icon::ALERT, look.bad),
        LoginMark::NotRenewed => (icon::ALERT_CIRCLE, look.warn),
    };
    let painter = ui.painter();
    let words = text::put(
        painter,
        right,
        Align2::RIGHT_CENTER,
        mark.label(),
        Role::CaptionM,
        ink,
        120.0,
    );
    text::icon(painter, pos2(words.left() - 11.0, right.y), glyph, 14, ink);
    let area = words.with_min_x(words.left() - 18.0);
    let response = ui.interact(area, Id::unique("login mark"), Sense::hover());
    response.widget_info(|| {
        let spoken = format!("Login: {}", mark.label().to_lowercase());
        WidgetInfo::labeled(accesskit::Role::Label, true, spoken)
    });
}
