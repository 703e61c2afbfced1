//! What every page of the window has around it: head, banner, router strip. It puts the open page between them.

use egui::{Rect, ScrollArea, Ui, UiBuilder, vec2};

use super::accounts::{self, is_wide};
use super::activity::{self, ActivityState};
use super::ask::Ask;
use super::client_keys::{self, ClientKeysState};
use super::list::ListState;
use super::pool::{self, PoolState};
use super::rows::{Banner, OpenPage, Page};
use super::settings::{self, SettingsState};
use super::theme::{CARD_GAP, GUTTER, HEADER_HEIGHT, Look, STRIP_HEIGHT, WIDE_STRIP_HEIGHT};
use super::{banner, head, strip};

/// What a page needs beside its words.
pub struct Wishes<'a> {
    pub hides_emails: bool,
    /// A complaint of the window itself goes before every other banner.
    pub complaint: Option<&'a Banner>,
    pub logo: &'a egui::TextureHandle,
}

/// What the user does to each page and has not asked for.
#[derive(Debug, Default)]
pub struct States {
    pub list: ListState,
    pub pool: PoolState,
    pub activity: ActivityState,
    pub keys: ClientKeysState,
    pub settings: SettingsState,
}

/// How high what lies at the foot of the window is.
pub fn foot_height(width: f32, page: &Page, states: &States) -> f32 {
    let bar = match page.open {
        OpenPage::Accounts => accounts::bar_height(&states.list),
        OpenPage::Pool(_) | OpenPage::Activity(_) | OpenPage::Keys(_) | OpenPage::Settings(_) => {
            0.0
        }
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

pub fn shell_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    wishes: &Wishes<'_>,
    states: &mut States,
    asks: &mut Vec<Ask>,
) {
    let window = ui.max_rect();
    ui.painter().rect_filled(window, 0.0, look.bg);
    let header = window.with_max_y(window.top() + HEADER_HEIGHT);
    let foot = window.with_min_y(window.bottom() - strip_height(window.width()));
    head::head_ui(ui, look, header, page, wishes.hides_emails, asks);
    let mut body = Rect::from_min_max(header.left_bottom(), foot.right_top());
    if !matches!(page.open, OpenPage::Accounts) {
        body = below_banner(ui, look, body, page, wishes, asks);
    }
    match &page.open {
        OpenPage::Accounts => {
            accounts::accounts_ui(ui, look, body, page, wishes, &mut states.list, asks);
        }
        OpenPage::Pool(words) => {
            pool::pool_ui(ui, look, body, words, &mut states.pool, asks);
        }
        OpenPage::Activity(words) => {
            activity::activity_ui(ui, look, body, words, &mut states.activity, asks);
        }
        OpenPage::Keys(words) => {
            client_keys::client_keys_ui(ui, look, body, words, &mut states.keys, asks);
        }
        OpenPage::Settings(words) => {
            settings::settings_ui(ui, look, body, words, &mut states.settings, asks);
        }
    }
    strip::strip_ui(ui, look, foot, &page.strip, asks);
}

/// What is left of `body` below the banner, if there is one.
pub fn below_banner(
    ui: &mut Ui,
    look: Look,
    body: Rect,
    page: &Page,
    wishes: &Wishes<'_>,
    asks: &mut Vec<Ask>,
) -> Rect {
    let inside = UiBuilder::new().max_rect(body.shrink2(vec2(GUTTER, 0.0)));
    let above = ui.scope_builder(inside, |ui| banner_ui(ui, look, page, wishes, asks));
    body.with_min_y(above.response.rect.bottom().max(body.top()))
}

/// Everything in `body` scrolls; its contents keep their gutter.
pub fn scroll_ui(ui: &mut Ui, body: Rect, salt: &str, contents: impl FnOnce(&mut Ui)) {
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

pub fn banner_ui(ui: &mut Ui, look: Look, page: &Page, wishes: &Wishes<'_>, asks: &mut Vec<Ask>) {
    if let Some(words) = wishes.complaint.or(page.banner.as_ref()) {
        banner::banner_ui(ui, look, words, asks);
        ui.add_space(CARD_GAP);
    }
}
