//! The Accounts page: header, banner, card, list, detail. It puts the parts below and beside each other and nothing more.

use egui::{
    Align2, CornerRadius, Id, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, accesskit, pos2,
    vec2,
};

use super::ask::Ask;
use super::dialogs::AddTab;
use super::fonts::icon;
use super::list::{self, ListState};
use super::rows::{Banner, Page};
use super::text::{self, Role};
use super::theme::{
    CARD_GAP, CONTROL_RADIUS, GUTTER, HEADER_HEIGHT, Look, STRIP_HEIGHT, WIDE_STRIP_HEIGHT,
};
use super::{banner, bulk, card, detail, first_run, strip, widgets};
use crate::desk::Command;

/// Lower than this, the card is compact whatever the number of accounts.
const LOW_WINDOW: f32 = 560.0;
/// From this width on there is a detail beside the list.
const WIDE_WINDOW: f32 = 760.0;
const LIST_WIDTH: f32 = 360.0;
/// A detail gets no wider than this: its lines could not be followed.
const MOST_DETAIL: f32 = 720.0;
/// What is said to somebody who has no account yet stays this narrow.
const MOST_FIRST_RUN: f32 = 480.0;

/// What the page needs beside its words.
pub struct Wishes<'a> {
    pub hides_emails: bool,
    /// A complaint of the window itself goes before every other banner.
    pub complaint: Option<&'a Banner>,
    pub logo: &'a egui::TextureHandle,
}

/// Whether a window of this width has room for a detail beside the list.
pub fn is_wide(width: f32) -> bool {
    width >= WIDE_WINDOW
}

/// How high what lies at the foot of the page is.
pub fn foot_height(width: f32, state: &ListState) -> f32 {
    let bar = if state.chosen.is_empty() {
        0.0
    } else {
        bulk::HEIGHT
    };
    strip_height(width) + bar
}

fn strip_height(width: f32) -> f32 {
    if is_wide(width) {
        WIDE_STRIP_HEIGHT
    } else {
        STRIP_HEIGHT
    }
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
    let foot = window.with_min_y(window.bottom() - strip_height(window.width()));
    header_ui(ui, look, header, page, wishes, asks);
    let body = Rect::from_min_max(header.left_bottom(), foot.right_top());
    let has_accounts = page.is_loaded && page.first_run.is_none();
    if has_accounts && is_wide(window.width()) {
        wide_ui(ui, look, body, page, wishes, state, asks);
    } else if has_accounts && state.is_pushed && page.detail.is_some() {
        pushed_ui(ui, look, body, page, wishes, state, asks);
    } else {
        let body = bar_ui(ui, look, body, page, state, asks);
        scroll_ui(ui, body, "accounts", |ui| {
            banner_ui(ui, look, page, wishes, asks);
            page_ui(ui, look, page, wishes, window.height(), state, asks);
        });
    }
    strip::strip_ui(ui, look, foot, &page.strip, asks);
}

/// The bar for the chosen rows, if there are any. Returns what is left above it.
fn bar_ui(
    ui: &Ui,
    look: Look,
    body: Rect,
    page: &Page,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) -> Rect {
    if state.chosen.is_empty() {
        return body;
    }
    let top = body.bottom() - bulk::HEIGHT;
    bulk::bulk_ui(ui, look, body.with_min_y(top), page, state, asks);
    body.with_max_y(top)
}

/// Everything in `body` scrolls; its contents keep their gutter.
fn scroll_ui(ui: &mut Ui, body: Rect, salt: &str, contents: impl FnOnce(&mut Ui)) {
    ui.scope_builder(UiBuilder::new().max_rect(body), |ui| {
        ScrollArea::vertical()
            .auto_shrink(false)
            .id_salt(salt)
            .show(ui, |ui| {
                let width = ui.available_width();
                ui.horizontal_top(|ui| {
                    ui.add_space(GUTTER);
                    ui.vertical(|ui| {
                        ui.set_width(width - 2.0 * GUTTER);
                        contents(ui);
                        keep_focus_in_view(ui);
                    });
                });
            });
    });
}

/// The Tab key may lead to what has to be scrolled to.
fn keep_focus_in_view(ui: &Ui) {
    let focused = ui.memory(|memory| memory.focused());
    let response = focused.and_then(|id| ui.ctx().read_response(id));
    let came = response.filter(|it| it.gained_focus() && ui.min_rect().contains_rect(it.rect));
    if let Some(response) = came {
        ui.scroll_to_rect(response.rect.expand(8.0), None);
    }
}

fn banner_ui(ui: &mut Ui, look: Look, page: &Page, wishes: &Wishes<'_>, asks: &mut Vec<Ask>) {
    if let Some(words) = wishes.complaint.or(page.banner.as_ref()) {
        banner::banner_ui(ui, look, words, asks);
        ui.add_space(CARD_GAP);
    }
}

fn wide_ui(
    ui: &mut Ui,
    look: Look,
    mut body: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let above = ui.scope_builder(
        UiBuilder::new().max_rect(body.shrink2(vec2(GUTTER, 0.0))),
        |ui| banner_ui(ui, look, page, wishes, asks),
    );
    body.min.y = above.response.rect.bottom().max(body.top());
    let list = body.with_max_x(body.left() + LIST_WIDTH + 2.0 * GUTTER);
    let list = bar_ui(ui, look, list, page, state, asks);
    let search = ui.scope_builder(
        UiBuilder::new().max_rect(list.shrink2(vec2(GUTTER, 0.0))),
        |ui| list::search_ui(ui, look, page, state, asks),
    );
    let is_headed = page
        .groups
        .first()
        .is_some_and(|group| !group.head.is_empty());
    let gap = if is_headed { 0.0 } else { CARD_GAP };
    let rows = list.with_min_y(search.response.rect.bottom() + gap);
    scroll_ui(ui, rows, "accounts", |ui| {
        list::list_ui(ui, look, page, state, asks);
        ui.add_space(CARD_GAP);
    });
    let left = list.right() - GUTTER;
    let right = body.right().min(left + MOST_DETAIL + 2.0 * GUTTER);
    let beside = Rect::from_min_max(pos2(left, body.top()), pos2(right, body.bottom()));
    if let Some(shown) = &page.detail {
        scroll_ui(ui, beside, "detail", |ui| {
            detail::detail_ui(ui, look, shown, &mut state.detail, asks);
            ui.add_space(CARD_GAP);
        });
    }
}

/// The detail over the list, with the way back.
fn pushed_ui(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let Some(shown) = &page.detail else { return };
    let mut goes_back = false;
    scroll_ui(ui, body, "detail", |ui| {
        let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
        let words = text::line(
            ui.painter(),
            "All accounts",
            Role::BodyM,
            look.text_2,
            200.0,
        );
        let back = Rect::from_min_size(row.min, vec2(words.size().x + 34.0, 28.0));
        let response = widgets::hit(ui, back, Id::unique("back"), "Back to all accounts");
        let painter = ui.painter();
        if response.hovered() {
            let radius = CornerRadius::same(CONTROL_RADIUS);
            painter.rect_filled(back, radius, look.sunken);
        }
        let middle = back.center().y;
        let at = pos2(back.left() + 11.0, middle);
        text::icon(painter, at, icon::CHEVRON_LEFT, 15, look.text_2);
        let at = pos2(back.left() + 22.0, middle);
        text::place(painter, words, at, Align2::LEFT_CENTER);
        widgets::focus_ring(painter, look, back, CONTROL_RADIUS, &response);
        goes_back = response.clicked();
        banner_ui(ui, look, page, wishes, asks);
        detail::detail_ui(ui, look, shown, &mut state.detail, asks);
        ui.add_space(CARD_GAP);
    });
    if goes_back {
        state.go_back();
    }
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
    if !page.is_loaded {
        card::loading_ui(ui, look);
        return;
    }
    if let Some(first_run) = &page.first_run {
        let width = ui.available_width();
        let most = width.min(MOST_FIRST_RUN);
        ui.horizontal_top(|ui| {
            ui.add_space((width - most) / 2.0);
            ui.vertical(|ui| {
                ui.set_width(most);
                first_run::first_run_ui(ui, look, first_run, wishes.logo, asks);
            });
        });
        return;
    }
    if let Some(active) = &page.active {
        let is_compact = page.is_dense || window_height < LOW_WINDOW;
        card::card_ui(ui, look, active, is_compact, asks);
        if page.is_dense {
            ui.add_space(CARD_GAP);
        }
    }
    if page.is_dense {
        list::search_ui(ui, look, page, state, asks);
        // A group brings its own gap, with its head.
        if page
            .groups
            .first()
            .is_some_and(|group| group.head.is_empty())
        {
            ui.add_space(CARD_GAP);
        }
    }
    list::list_ui(ui, look, page, state, asks);
    ui.add_space(CARD_GAP);
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
