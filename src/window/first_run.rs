//! The page while there is no account: what was found, and how to add one.

use egui::{Align2, CornerRadius, Id, Rect, Response, Sense, TextureHandle, Ui, pos2, vec2};

use super::ask::Ask;
use super::dialogs::AddTab;
use super::fonts::icon;
use super::rows::{FirstRun, Mark};
use super::text::{self, Role};
use super::theme::{CARD_GAP, CARD_PADDING, CARD_RADIUS, HAIRLINE, Look};
use super::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};

/// The icon has a margin of its own; its plate is 63 points wide.
const LOGO: f32 = 72.0;
const WAY_HEIGHT: f32 = 44.0;
const OFFER_HEIGHT: f32 = 51.0;

pub fn first_run_ui(
    ui: &mut Ui,
    look: Look,
    page: &FirstRun,
    logo: &TextureHandle,
    asks: &mut Vec<Ask>,
) {
    let has_found = page.found.is_some() || page.older.is_some();
    // With more to choose from the welcome moves up.
    let above = if has_found { 20.0 } else { 56.0 };
    welcome(ui, look, logo, above);
    found_ui(ui, look, page, asks);
    ways_ui(ui, look, asks);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 52.0), Sense::hover());
    text::put(
        ui.painter(),
        rect.center(),
        Align2::CENTER_CENTER,
        "Logins stay on this computer.",
        Role::Caption,
        look.text_3,
        rect.width(),
    );
}

fn welcome(ui: &mut Ui, look: Look, logo: &TextureHandle, above: f32) {
    let size = vec2(ui.available_width(), above + 184.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter();
    let middle = rect.center().x;
    let top = rect.top() + above;
    let picture = Rect::from_min_size(pos2(middle - LOGO / 2.0, top), egui::Vec2::splat(LOGO));
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(logo.id(), picture, whole, look.on_fill);
    text::put(
        painter,
        pos2(middle, top + 106.0),
        Align2::CENTER_CENTER,
        "Add your first account",
        Role::H1,
        look.text,
        rect.width(),
    );
    for (line, y) in [
        ("Switch Codex logins and see what is left", 132.5),
        ("before you run out.", 150.5),
    ] {
        text::put(
            painter,
            pos2(middle, top + y),
            Align2::CENTER_CENTER,
            line,
            Role::Body,
            look.text_2,
            rect.width(),
        );
    }
}

/// A row of what was found here: its words, and the button that takes it.
struct Offer<'a> {
    title: &'a str,
    plan: Option<&'a str>,
    source: &'a str,
    button: Label<'a>,
    kind: ButtonKind,
    ask: Ask,
}

fn found_ui(ui: &mut Ui, look: Look, page: &FirstRun, asks: &mut Vec<Ask>) {
    let found = page.found.as_ref().map(|found| Offer {
        title: &found.title,
        plan: found.plan.as_deref(),
        source: &found.source,
        button: Label {
            spoken: "Add the login that Codex uses",
            ..Label::plain("Add")
        },
        kind: ButtonKind::Primary,
        ask: Ask::OpenSave,
    });
    let older = page.older.as_ref().map(|older| Offer {
        title: &older.title,
        plan: None,
        source: &older.source,
        button: Label {
            spoken: "Import the accounts of the older codex_router",
            ..Label::plain("Import")
        },
        kind: if found.is_some() {
            ButtonKind::Plain
        } else {
            ButtonKind::Primary
        },
        ask: Ask::OpenImport(vec![older.folder.clone()]),
    });
    let offers: Vec<Offer<'_>> = [found, older].into_iter().flatten().collect();
    if offers.is_empty() {
        return;
    }
    let height = 40.0 + OFFER_HEIGHT * offers.len() as f32;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    widgets::card(ui.painter(), look, rect);
    text::put(
        ui.painter(),
        rect.left_top() + vec2(CARD_PADDING, 24.0),
        Align2::LEFT_CENTER,
        "Found on this computer",
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
    for (index, offer) in offers.into_iter().enumerate() {
        let top = rect.top() + 33.0 + OFFER_HEIGHT * index as f32;
        let row = Rect::from_min_size(
            pos2(rect.left() + CARD_PADDING, top),
            vec2(rect.width() - 2.0 * CARD_PADDING, OFFER_HEIGHT),
        );
        offer_ui(ui, look, row, offer, asks);
    }
    ui.add_space(CARD_GAP);
}

fn offer_ui(ui: &Ui, look: Look, row: Rect, offer: Offer<'_>, asks: &mut Vec<Ask>) {
    let painter = ui.painter();
    let middle = row.center().y;
    widgets::mark(painter, look, pos2(row.left() + 8.0, middle), Mark::Ready);
    let width = widgets::label_width(painter, offer.button).max(64.0);
    let button = Rect::from_min_size(
        pos2(row.right() - width, middle - TALL_BUTTON_HEIGHT / 2.0),
        vec2(width, TALL_BUTTON_HEIGHT),
    );
    let left = row.left() + 26.0;
    let text_width = button.left() - 12.0 - left;
    widgets::name_and_chip(
        painter,
        look,
        pos2(left, middle - 9.0),
        (offer.title, Role::BodyM, look.text),
        offer.plan,
        text_width,
    );
    text::put(
        painter,
        pos2(left, middle + 9.0),
        Align2::LEFT_CENTER,
        offer.source,
        Role::Caption,
        look.text_3,
        text_width,
    );
    let id = Id::unique(("found", offer.button.spoken));
    if widgets::button_ui(ui, look, button, id, offer.button, offer.kind).clicked() {
        asks.push(offer.ask);
    }
}

fn ways_ui(ui: &mut Ui, look: Look, asks: &mut Vec<Ask>) {
    let ways = [
        (icon::GLOBE, "Sign in with the browser", AddTab::Browser),
        (
            icon::SMARTPHONE,
            "Use a code on another device",
            AddTab::Code,
        ),
        (icon::FOLDER, "Import files or a backup", AddTab::Import),
        (icon::KEY, "Use an API key", AddTab::Key),
    ];
    let size = vec2(ui.available_width(), WAY_HEIGHT * ways.len() as f32);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    widgets::card(ui.painter(), look, rect);
    let last = ways.len() - 1;
    for (index, (glyph, title, tab)) in ways.into_iter().enumerate() {
        let top = rect.top() + WAY_HEIGHT * index as f32;
        let row = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), WAY_HEIGHT));
        let response = widgets::hit(ui, row, Id::unique(("way", title)), title);
        way_ui(
            ui,
            look,
            row,
            (glyph, title),
            &response,
            (index == 0, index == last),
        );
        if response.clicked() {
            asks.push(Ask::OpenAdd(tab));
        }
    }
}

fn way_ui(
    ui: &Ui,
    look: Look,
    row: Rect,
    (glyph, title): (&str, &str),
    response: &Response,
    (is_first, is_last): (bool, bool),
) {
    let painter = ui.painter();
    if response.hovered() {
        let corner = |is_round: bool| if is_round { CARD_RADIUS - 1 } else { 0 };
        let radius = CornerRadius {
            nw: corner(is_first),
            ne: corner(is_first),
            sw: corner(is_last),
            se: corner(is_last),
        };
        painter.rect_filled(row.shrink(HAIRLINE), radius, look.hover);
    }
    let middle = row.center().y;
    let left = row.left() + 43.0;
    text::icon(
        painter,
        pos2(row.left() + 24.0, middle),
        glyph,
        16,
        look.text_2,
    );
    text::put(
        painter,
        pos2(left, middle),
        Align2::LEFT_CENTER,
        title,
        Role::Body,
        look.text,
        row.right() - 40.0 - left,
    );
    let chevron = pos2(row.right() - 20.0, middle);
    text::icon(painter, chevron, icon::CHEVRON_RIGHT, 14, look.text_2);
    if !is_last {
        widgets::divider(
            painter,
            look,
            left,
            row.right() - HAIRLINE,
            row.bottom() - HAIRLINE,
        );
    }
    widgets::focus_ring(painter, look, row.shrink(3.0), CARD_RADIUS - 3, response);
}
