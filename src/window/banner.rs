//! The banner above the page. (`design` section 3, banner.)

use egui::{Align2, CornerRadius, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::ask::Ask;
use super::fonts::icon;
use super::rows::{Banner, BannerAct, BannerIcon, BannerTone};
use super::text::{self, Role};
use super::theme::{CARD_RADIUS, Look};
use super::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};
use crate::desk::Command;

const HEIGHT: f32 = 48.0;
const TEXT_X: f32 = 44.0;
/// A reason may be long; it is told whole as far as this.
const MAX_LINES: usize = 4;

pub fn banner_ui(ui: &mut Ui, look: Look, banner: &Banner, asks: &mut Vec<Ask>) {
    let width = ui.available_width();
    let label = banner.act.as_ref().map(BannerAct::label);
    let button_width = label.map_or(0.0, |label| {
        widgets::button_width(ui.painter(), label) + 20.0
    });
    let text_width = width - TEXT_X - button_width - 10.0;
    let title = text::paragraph(
        ui.painter(),
        &banner.title,
        Role::BodyM,
        look.text,
        text_width,
        2,
    );
    let words = text::paragraph(
        ui.painter(),
        &banner.text,
        Role::Caption,
        look.text_2,
        text_width,
        MAX_LINES,
    );
    let title_extra = beyond_first_row(&title);
    let extra = title_extra + beyond_first_row(&words);
    let (rect, response) =
        ui.allocate_exact_size(vec2(width, (HEIGHT + extra).round()), Sense::hover());
    let spoken = format!("{}. {}", banner.title, banner.text);
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Alert, true, &spoken));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_live(match banner.tone {
            BannerTone::Bad => accesskit::Live::Assertive,
            BannerTone::Plain | BannerTone::Warn => accesskit::Live::Polite,
        });
    });

    let (ground, ink) = match banner.tone {
        BannerTone::Plain => (look.sunken, look.text_2),
        BannerTone::Warn => (look.warn_soft, look.warn),
        BannerTone::Bad => (look.bad_soft, look.bad),
    };
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(CARD_RADIUS), ground);
    let glyph = match banner.icon {
        BannerIcon::Alert => icon::ALERT,
        BannerIcon::Lock => icon::LOCK,
        BannerIcon::Login => icon::LOG_IN,
        BannerIcon::Offline => icon::OFFLINE,
        BannerIcon::Disk => icon::DISK,
        BannerIcon::Folder => icon::FOLDER,
    };
    text::icon(
        painter,
        pos2(rect.left() + 22.0, rect.top() + 24.0),
        glyph,
        16,
        ink,
    );
    let left = rect.left() + TEXT_X;
    let at = pos2(left, rect.top() + 6.5);
    text::place(painter, title, at, Align2::LEFT_TOP);
    let at = pos2(left, rect.top() + 24.5 + title_extra);
    text::place(painter, words, at, Align2::LEFT_TOP);
    if let (Some(act), Some(label)) = (&banner.act, label) {
        let width = widgets::button_width(painter, label);
        let button = Rect::from_min_size(
            pos2(rect.right() - 10.0 - width, rect.top() + 10.0),
            vec2(width, BUTTON_HEIGHT),
        );
        let id = Id::unique(("banner", label));
        if widgets::button_ui(ui, look, button, id, Label::plain(label), ButtonKind::Plain)
            .clicked()
        {
            let ask = match act {
                BannerAct::SignIn(name, seq) => {
                    asks.push(Ask::Dismiss(*seq));
                    Ask::SignIn(name.clone())
                }
                BannerAct::Dismiss(seq) => Ask::Dismiss(*seq),
                BannerAct::SaveLogin => Ask::OpenSave,
                BannerAct::FixStore => Ask::OpenKeyring,
                BannerAct::Unlock => Ask::OpenUnlock,
                BannerAct::TryAgain => Ask::Command(Command::RefreshAll),
            };
            asks.push(ask);
        }
    }
}

fn beyond_first_row(galley: &egui::Galley) -> f32 {
    let first = galley.rows.first().map_or(0.0, |row| row.height());
    galley.size().y - first
}
