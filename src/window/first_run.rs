//! The page while there is no account: what was found, and how to add one.

use egui::{Align2, Id, Rect, Sense, TextureHandle, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::ask::Ask;
use super::fonts::icon;
use super::rows::{FirstRun, Found, Mark};
use super::text::{self, Role};
use super::theme::{CARD_GAP, CARD_PADDING, HAIRLINE, Look};
use super::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};

/// The icon has a margin of its own; its plate is 63 points wide.
const LOGO: f32 = 72.0;
const WAY_HEIGHT: f32 = 56.0;

pub fn first_run_ui(
    ui: &mut Ui,
    look: Look,
    page: &FirstRun,
    logo: &TextureHandle,
    asks: &mut Vec<Ask>,
) {
    welcome(ui, look, logo);
    if let Some(found) = &page.found {
        found_ui(ui, look, found, asks);
        ui.add_space(CARD_GAP);
    }
    ways_ui(ui, look, page);
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

fn welcome(ui: &mut Ui, look: Look, logo: &TextureHandle) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 240.0), Sense::hover());
    let painter = ui.painter();
    let middle = rect.center().x;
    let top = rect.top() + 56.0;
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

fn found_ui(ui: &mut Ui, look: Look, found: &Found, asks: &mut Vec<Ask>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 91.0), Sense::hover());
    let painter = ui.painter();
    widgets::card(painter, look, rect);
    let left = rect.left() + CARD_PADDING;
    text::put(
        painter,
        pos2(left, rect.top() + 24.0),
        Align2::LEFT_CENTER,
        "Found on this computer",
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
    let middle = rect.top() + 58.0;
    widgets::mark(painter, look, pos2(left + 8.0, middle), Mark::Ready);
    let width = widgets::button_width(painter, "Add").max(64.0);
    let button = Rect::from_min_size(
        pos2(
            rect.right() - CARD_PADDING - width,
            middle - TALL_BUTTON_HEIGHT / 2.0,
        ),
        vec2(width, TALL_BUTTON_HEIGHT),
    );
    let text_width = button.left() - 12.0 - (left + 26.0);
    widgets::name_and_chip(
        painter,
        look,
        pos2(left + 26.0, middle - 9.0),
        (&found.title, Role::BodyM, look.text),
        found.plan.as_deref(),
        text_width,
    );
    text::put(
        painter,
        pos2(left + 26.0, middle + 9.0),
        Align2::LEFT_CENTER,
        &found.source,
        Role::Caption,
        look.text_3,
        text_width,
    );
    let label = Label {
        icon: None,
        text: "Add",
        spoken: "Add the login that Codex uses",
    };
    let response = widgets::button_ui(
        ui,
        look,
        button,
        Id::unique("add found"),
        label,
        ButtonKind::Primary,
    );
    if response.clicked() {
        asks.push(Ask::OpenSave);
    }
}

fn ways_ui(ui: &mut Ui, look: Look, page: &FirstRun) {
    let copy_to = format!("as {}/work/auth.json, for example", page.profiles_dir);
    let ways = [
        (
            icon::TERMINAL,
            "Sign in with Codex",
            "then it can be added here under a name",
        ),
        (icon::FOLDER, "Or copy an auth.json", copy_to.as_str()),
    ];
    let (rect, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), WAY_HEIGHT * ways.len() as f32),
        Sense::hover(),
    );
    widgets::card(ui.painter(), look, rect);
    let left = rect.left() + 44.0;
    let width = rect.right() - CARD_PADDING - left;
    for (index, (glyph, title, words)) in ways.into_iter().enumerate() {
        let top = rect.top() + WAY_HEIGHT * index as f32;
        let middle = top + WAY_HEIGHT / 2.0;
        let painter = ui.painter();
        text::icon(
            painter,
            pos2(rect.left() + 24.0, middle),
            glyph,
            16,
            look.text_2,
        );
        let at = pos2(left, middle - 9.0);
        text::put(
            painter,
            at,
            Align2::LEFT_CENTER,
            title,
            Role::Body,
            look.text,
            width,
        );
        let at = pos2(left, middle + 9.0);
        text::put(
            painter,
            at,
            Align2::LEFT_CENTER,
            words,
            Role::Caption,
            look.text_3,
            width,
        );
        if index > 0 {
            widgets::divider(painter, look, left, rect.right() - HAIRLINE, top - HAIRLINE);
        }
        let area = Rect::from_min_max(pos2(left, top), pos2(rect.right(), top + WAY_HEIGHT));
        let response = ui.interact(area, Id::unique(("way", title)), Sense::hover());
        let spoken = format!("{title}, {words}");
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
    }
}
