//! The Accounts page: header, banner, card, list. It puts the parts below each other and nothing more.

use egui::{
    Align2, CornerRadius, Id, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, accesskit, pos2,
    vec2,
};

use super::ask::Ask;
use super::dialogs::AddTab;
use super::fonts::icon;
use super::list::{self, ListState};
use super::rows::{Banner, Page, Sort};
use super::text::{self, Role};
use super::theme::{CARD_GAP, CONTROL_RADIUS, GUTTER, HEADER_HEIGHT, Look, STRIP_HEIGHT};
use super::{banner, card, first_run, strip, widgets};
use crate::desk::Command;

/// Lower than this, the card is compact whatever the number of accounts.
const LOW_WINDOW: f32 = 560.0;

/// What the page needs beside its words.
pub struct Wishes<'a> {
    pub hides_emails: bool,
    pub sort: Sort,
    /// A complaint of the window itself goes before every other banner.
    pub complaint: Option<&'a Banner>,
    pub logo: &'a egui::TextureHandle,
}

pub fn accounts_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    wishes: &Wishes<'_>,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let window = ui.max_rect();
    ui.painter().rect_filled(window, 0.0, look.bg);
    let header = window.with_max_y(window.top() + HEADER_HEIGHT);
    let foot = window.with_min_y(window.bottom() - STRIP_HEIGHT);
    header_ui(ui, look, header, page, wishes, asks);
    let body = Rect::from_min_max(header.left_bottom(), foot.right_top());
    ui.scope_builder(UiBuilder::new().max_rect(body), |ui| {
        ScrollArea::vertical()
            .auto_shrink(false)
            .id_salt("accounts")
            .show(ui, |ui| {
                page_ui(ui, look, page, wishes, window.height(), state, asks)
            });
    });
    strip::strip_ui(ui, look, foot, &page.strip, asks);
}

fn page_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    wishes: &Wishes<'_>,
    window_height: f32,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let width = ui.available_width();
    ui.horizontal_top(|ui| {
        ui.add_space(GUTTER);
        ui.vertical(|ui| {
            ui.set_width(width - 2.0 * GUTTER);
            if let Some(words) = wishes.complaint.or(page.banner.as_ref()) {
                banner::banner_ui(ui, look, words, asks);
                ui.add_space(CARD_GAP);
            }
            if !page.is_loaded {
                card::loading_ui(ui, look);
                return;
            }
            if let Some(first_run) = &page.first_run {
                first_run::first_run_ui(ui, look, first_run, wishes.logo, asks);
                return;
            }
            if let Some(active) = &page.active {
                let is_compact = page.is_dense || window_height < LOW_WINDOW;
                card::card_ui(ui, look, active, is_compact, asks);
                if page.is_dense {
                    ui.add_space(CARD_GAP);
                }
            }
            list::list_ui(ui, look, page, wishes.sort, state, asks);
            ui.add_space(CARD_GAP);
        });
    });
}

fn header_ui(
    ui: &Ui,
    look: Look,
    rect: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    asks: &mut Vec<Ask>,
) {
    let middle = rect.center().y;
    let galley = text::line(ui.painter(), "Accounts", Role::BodyM, look.text, 200.0);
    let tab = Rect::from_min_size(
        pos2(rect.left() + GUTTER, middle - 14.0),
        vec2((galley.size().x + 20.0).ceil(), 28.0),
    );
    let radius = CornerRadius::same(CONTROL_RADIUS);
    ui.painter().rect_filled(tab, radius, look.tab_selected);
    text::place(ui.painter(), galley, tab.center(), Align2::CENTER_CENTER);
    let response = ui.interact(tab, Id::unique("page title"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, "Accounts"));

    let mut x = rect.right() - GUTTER - 14.0 - 60.0;
    let mut next = || {
        // Half a point up: icons are centred on the words beside them, not on the line.
        let centre = pos2(x, middle - 0.5);
        x += 30.0;
        centre
    };
    let (eye, spoken) = if wishes.hides_emails {
        (icon::EYE_OFF, "Show emails")
    } else {
        (icon::EYE, "Hide emails")
    };
    let hide = widgets::icon_button_ui(
        ui,
        look,
        next(),
        Id::unique("emails"),
        eye,
        spoken,
        "Shift+H",
    );
    if hide.clicked() {
        asks.push(Ask::ToggleEmails);
    }
    if refresh_ui(ui, look, next(), page.is_refreshing) {
        asks.push(Ask::Command(Command::RefreshAll));
    }
    let add = widgets::icon_button_ui(
        ui,
        look,
        next(),
        Id::unique("add account"),
        icon::PLUS,
        "Add account",
        "N",
    );
    if add.clicked() {
        asks.push(Ask::OpenAdd(AddTab::Browser));
    }
}

/// The refresh button; its icon turns while a refresh that the user asked for is under way.
fn refresh_ui(ui: &Ui, look: Look, centre: egui::Pos2, is_refreshing: bool) -> bool {
    let id = Id::unique("refresh all");
    if !is_refreshing {
        let response =
            widgets::icon_button_ui(ui, look, centre, id, icon::REFRESH, "Refresh all", "R");
        return response.clicked();
    }
    let rect = Rect::from_center_size(centre, egui::Vec2::splat(widgets::ICON_BUTTON));
    let response = widgets::hit(ui, rect, id, "Refreshing");
    widgets::arc(ui, centre, 6.5, 0.75, look.text_2);
    response.clicked()
}
