//! The card of the account in use, in full and compact. (`design` section 3, active card and window block.)

use egui::{Align2, Color32, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::ask::Ask;
use super::fonts::icon;
use super::rows::{ActiveCard, Badge, CardAct, CardBody, Fill, Footer, Level, WindowBlock};
use super::text::{self, Role};
use super::theme::{CARD_PADDING, CARD_RADIUS, Look};
use super::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};
use crate::desk::Command;

const COMPACT_HEIGHT: f32 = 84.0;
/// Where the first window block begins.
const BLOCKS_TOP: f32 = 72.0;
const BLOCK_HEIGHT: f32 = 48.0;
const BLOCK_GAP: f32 = 12.0;
const FIGURE_COLUMN: f32 = 72.0;
const BAR_HEIGHT: f32 = 8.0;
const FOOTER_HEIGHT: f32 = 36.0;
const TROUBLE_TOP: f32 = 65.0;

pub fn card_ui(ui: &mut Ui, look: Look, card: &ActiveCard, is_compact: bool, asks: &mut Vec<Ask>) {
    let width = ui.available_width();
    match &card.body {
        CardBody::Windows(blocks) if is_compact => compact_ui(ui, look, card, blocks, asks),
        CardBody::Windows(blocks) => windows_ui(ui, look, card, blocks, asks),
        CardBody::Skeleton => {
            let rect = sheet(ui, look, blocks_height(2));
            head(ui, look, card, rect, 25.0, asks);
            second_line(ui, look, card, rect);
            skeleton(ui, look, rect);
        }
        CardBody::Line(line) => {
            let rect = sheet(ui, look, 100.0);
            head(ui, look, card, rect, 25.0, asks);
            second_line(ui, look, card, rect);
            text::put(
                ui.painter(),
                rect.left_top() + vec2(CARD_PADDING, 75.0),
                Align2::LEFT_CENTER,
                line,
                Role::Body,
                look.text_2,
                width - 2.0 * CARD_PADDING,
            );
        }
        CardBody::Trouble { text, acts } => trouble_ui(ui, look, card, text, acts, asks),
    }
}

/// The card of an account that is not known yet: its shape, without words.
pub fn loading_ui(ui: &mut Ui, look: Look) {
    let rect = sheet(ui, look, blocks_height(2));
    let at = rect.left_top() + vec2(CARD_PADDING, 20.0);
    widgets::skeleton(
        ui.painter(),
        look,
        Rect::from_min_size(at, vec2(96.0, 10.0)),
    );
    let at = at + vec2(0.0, 21.0);
    widgets::skeleton(
        ui.painter(),
        look,
        Rect::from_min_size(at, vec2(160.0, 10.0)),
    );
    skeleton(ui, look, rect);
}

fn blocks_height(count: usize) -> f32 {
    let count = count as f32;
    BLOCKS_TOP + count * BLOCK_HEIGHT + (count - 1.0) * BLOCK_GAP + BLOCK_GAP
}

fn sheet(ui: &mut Ui, look: Look, height: f32) -> Rect {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    widgets::card(ui.painter(), look, rect);
    rect
}

/// Name, plan and badge; below them e-mail and age, unless the card is compact.
fn head(ui: &Ui, look: Look, card: &ActiveCard, rect: Rect, title_y: f32, asks: &mut Vec<Ask>) {
    // Below everything else on the card.
    let sheet = ui.interact(rect, Id::unique("active card"), Sense::click());
    sheet.widget_info(|| {
        WidgetInfo::labeled(
            accesskit::Role::Button,
            true,
            format!("Details of {}", card.title),
        )
    });
    widgets::focus_ring(
        ui.painter(),
        look,
        rect.shrink(3.0),
        CARD_RADIUS - 3,
        &sheet,
    );
    if sheet.clicked() {
        asks.push(Ask::Look(card.name.clone()));
    }
    let painter = ui.painter();
    let (left, right) = (rect.left() + CARD_PADDING, rect.right() - CARD_PADDING);
    let y = rect.top() + title_y;
    let ink = match card.badge {
        Badge::InUse => look.accent,
        Badge::LoginExpired | Badge::Unreadable => look.bad,
    };
    let badge = text::put(
        painter,
        pos2(right, y + 0.5),
        Align2::RIGHT_CENTER,
        card.badge.label(),
        Role::CaptionM,
        ink,
        120.0,
    );
    let mark = pos2(badge.left() - 14.0, y + 0.5);
    match card.badge {
        Badge::InUse => widgets::in_use_mark(painter, look, mark),
        Badge::LoginExpired => text::icon(painter, mark, icon::CROSS_CIRCLE, 16, look.bad),
        Badge::Unreadable => text::icon(painter, mark, icon::ALERT, 16, look.bad),
    }
    widgets::name_and_chip(
        painter,
        look,
        pos2(left, y),
        (&card.title, Role::Title, look.text),
        card.plan.as_deref(),
        mark.x - 8.0 - 12.0 - left,
    );
    let name = ui.interact(
        Rect::from_min_max(pos2(left, y - 14.0), pos2(right, y + 14.0)),
        Id::unique("active account"),
        Sense::hover(),
    );
    name.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, &card.spoken));
}

fn second_line(ui: &Ui, look: Look, card: &ActiveCard, rect: Rect) {
    let painter = ui.painter();
    let (left, right) = (rect.left() + CARD_PADDING, rect.right() - CARD_PADDING);
    let y = rect.top() + 46.0;
    let age = text::put(
        painter,
        pos2(right, y),
        Align2::RIGHT_CENTER,
        &card.age,
        Role::Caption,
        look.text_3,
        140.0,
    );
    text::put(
        painter,
        pos2(left, y),
        Align2::LEFT_CENTER,
        &card.second,
        Role::Caption,
        look.text_2,
        age.left() - 8.0 - left,
    );
}

fn windows_ui(
    ui: &mut Ui,
    look: Look,
    card: &ActiveCard,
    blocks: &[WindowBlock],
    asks: &mut Vec<Ask>,
) {
    let footer = card.footer.as_ref();
    let extra = footer.map_or(0.0, |_| FOOTER_HEIGHT);
    let rect = sheet(ui, look, blocks_height(blocks.len()) + extra);
    head(ui, look, card, rect, 25.0, asks);
    second_line(ui, look, card, rect);
    for (index, block) in blocks.iter().enumerate() {
        let top = rect.top() + BLOCKS_TOP + index as f32 * (BLOCK_HEIGHT + BLOCK_GAP);
        let area = Rect::from_min_max(
            pos2(rect.left() + CARD_PADDING, top),
            pos2(rect.right() - CARD_PADDING, top + BLOCK_HEIGHT),
        );
        block_ui(ui, look, area, block);
    }
    if let Some(footer) = footer {
        footer_ui(ui, look, rect, footer);
    }
}

fn figure_ink(look: Look, level: Level) -> Color32 {
    match level {
        Level::Fine | Level::Low => look.text,
        Level::Critical | Level::Empty => look.bad,
    }
}

fn block_ui(ui: &Ui, look: Look, area: Rect, block: &WindowBlock) {
    speak(ui, area, block);
    let painter = ui.painter();
    // The figure's own bearing moves it in by about a point: its ink stands flush with the words.
    let figure = area.left_top() + vec2(-1.0, 17.0);
    let ink = figure_ink(look, block.level);
    let end = text::put_on_baseline(painter, figure, &block.figure, Role::Figure, ink);
    text::put_on_baseline(painter, pos2(end, figure.y), "%", Role::FigureSign, ink);
    text::put(
        painter,
        area.left_top() + vec2(0.0, 31.0),
        Align2::LEFT_CENTER,
        block.unit,
        Role::Caption,
        look.text_2,
        FIGURE_COLUMN,
    );
    let left = area.left() + FIGURE_COLUMN;
    let name = text::put(
        painter,
        pos2(left, area.top() + 8.0),
        Align2::LEFT_CENTER,
        &block.name,
        Role::BodyM,
        look.text,
        120.0,
    );
    text::put(
        painter,
        pos2(area.right(), area.top() + 8.0),
        Align2::RIGHT_CENTER,
        &block.reset,
        Role::Countdown,
        look.text_2,
        area.right() - name.right() - 8.0,
    );
    let bar = Rect::from_min_size(
        pos2(left, area.top() + 20.0),
        vec2(area.right() - left, BAR_HEIGHT),
    );
    widgets::usage_bar(
        painter,
        look,
        bar,
        block.left_percent,
        block.fill,
        block.notch,
    );
    let ink = if block.is_short {
        look.warn
    } else {
        look.text_2
    };
    let forecast = text::put(
        painter,
        pos2(area.right(), area.top() + 40.0),
        Align2::RIGHT_CENTER,
        &block.forecast,
        Role::Caption,
        ink,
        bar.width() * 0.6,
    );
    text::put(
        painter,
        pos2(left, area.top() + 40.0),
        Align2::LEFT_CENTER,
        &block.pace,
        Role::Caption,
        ink,
        forecast.left() - left - 8.0,
    );
}

/// A window is one thing to a screen reader.
fn speak(ui: &Ui, area: Rect, block: &WindowBlock) {
    let response = ui.interact(area, Id::unique(("window", &block.name)), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(accesskit::Role::ProgressIndicator, true, &block.spoken)
    });
}

fn footer_ui(ui: &Ui, look: Look, rect: Rect, footer: &Footer) {
    let painter = ui.painter();
    let (left, right) = (rect.left() + CARD_PADDING, rect.right() - CARD_PADDING);
    let top = rect.bottom() - FOOTER_HEIGHT;
    widgets::divider(painter, look, left, right, top);
    let middle = top + FOOTER_HEIGHT / 2.0;
    let half = (right - left) / 2.0;
    for (x, anchor, words) in [
        (left, Align2::LEFT_CENTER, &footer.credits),
        (right, Align2::RIGHT_CENTER, &footer.resets),
    ] {
        text::put(
            painter,
            pos2(x, middle),
            anchor,
            words,
            Role::Caption,
            look.text_2,
            half,
        );
    }
}

fn compact_ui(
    ui: &mut Ui,
    look: Look,
    card: &ActiveCard,
    blocks: &[WindowBlock],
    asks: &mut Vec<Ask>,
) {
    let rect = sheet(ui, look, COMPACT_HEIGHT);
    head(ui, look, card, rect, 21.5, asks);
    let inner = rect.shrink2(vec2(CARD_PADDING, 0.0));
    // Two windows stand side by side; more do not exist on any plan of today.
    let columns = blocks.len().clamp(1, 2) as f32;
    let gap = 24.0;
    let width = (inner.width() - gap * (columns - 1.0)) / columns;
    for (index, block) in blocks.iter().take(2).enumerate() {
        let left = inner.left() + index as f32 * (width + gap);
        let area = Rect::from_min_size(pos2(left, rect.top() + 40.0), vec2(width, 32.0));
        speak(ui, area, block);
        let painter = ui.painter();
        let y = rect.top() + 48.5;
        let percent = format!("{}%", block.figure);
        let ink = match block.level {
            Level::Fine => look.text,
            Level::Low => look.warn,
            Level::Critical | Level::Empty => look.bad,
        };
        let figure = text::put(
            painter,
            pos2(left, y),
            Align2::LEFT_CENTER,
            &percent,
            Role::BodyS,
            ink,
            width,
        );
        let reset = text::put(
            painter,
            pos2(area.right(), y),
            Align2::RIGHT_CENTER,
            &block.short_reset,
            Role::Countdown,
            look.text_2,
            width / 2.0,
        );
        text::put(
            painter,
            pos2(figure.right() + 8.0, y),
            Align2::LEFT_CENTER,
            &block.name,
            Role::Caption,
            look.text_2,
            reset.left() - figure.right() - 12.0,
        );
        let bar = Rect::from_min_size(pos2(left, rect.top() + 62.0), vec2(width, BAR_HEIGHT));
        widgets::usage_bar(
            painter,
            look,
            bar,
            block.left_percent,
            block.fill,
            block.notch,
        );
    }
}

fn skeleton(ui: &Ui, look: Look, rect: Rect) {
    let painter = ui.painter();
    for index in [0.0, 1.0] {
        let top = rect.top() + BLOCKS_TOP + index * (BLOCK_HEIGHT + BLOCK_GAP);
        let left = rect.left() + CARD_PADDING;
        let pill = |x: f32, y: f32, width: f32| {
            widgets::skeleton(
                painter,
                look,
                Rect::from_min_size(pos2(x, y), vec2(width, 10.0)),
            );
        };
        pill(left, top + 7.0, 40.0);
        pill(left + FIGURE_COLUMN, top + 3.0, 48.0);
        pill(rect.right() - CARD_PADDING - 80.0, top + 3.0, 80.0);
        let bar = Rect::from_min_max(
            pos2(left + FIGURE_COLUMN, top + 20.0),
            pos2(rect.right() - CARD_PADDING, top + 20.0 + BAR_HEIGHT),
        );
        widgets::usage_bar(painter, look, bar, 0.0, Fill::Missing, None);
    }
}

fn trouble_ui(
    ui: &mut Ui,
    look: Look,
    card: &ActiveCard,
    words: &str,
    acts: &[CardAct],
    asks: &mut Vec<Ask>,
) {
    let width = ui.available_width() - 2.0 * CARD_PADDING;
    let galley = text::paragraph(ui.painter(), words, Role::Body, look.text_2, width, 6);
    let buttons = if acts.is_empty() {
        0.0
    } else {
        15.0 + BUTTON_HEIGHT
    };
    let height = TROUBLE_TOP + galley.size().y + buttons + CARD_PADDING;
    let rect = sheet(ui, look, height);
    head(ui, look, card, rect, 25.0, asks);
    second_line(ui, look, card, rect);
    let at = rect.left_top() + vec2(CARD_PADDING, TROUBLE_TOP);
    let words_rect = Rect::from_min_size(at, galley.size());
    text::place(ui.painter(), galley, at, Align2::LEFT_TOP);
    let response = ui.interact(words_rect, Id::unique("trouble"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
    let mut left = at.x;
    for act in acts {
        let label = act.label();
        let (words, kind) = match act {
            CardAct::SignIn(_) => (Label::with_icon(icon::LOG_IN, &label), ButtonKind::Primary),
            CardAct::SwitchTo(..) | CardAct::Refresh(_) => {
                (Label::plain(&label), ButtonKind::Plain)
            }
        };
        let button = Rect::from_min_size(
            pos2(left, rect.bottom() - CARD_PADDING - BUTTON_HEIGHT),
            vec2(widgets::label_width(ui.painter(), words), BUTTON_HEIGHT),
        );
        left = button.right() + 8.0;
        let response =
            widgets::button_ui(ui, look, button, Id::unique(("card", &label)), words, kind);
        if response.clicked() {
            asks.push(asked(act));
        }
    }
}

/// What a button of a card asks for.
pub fn asked(act: &CardAct) -> Ask {
    match act {
        CardAct::SignIn(name) => Ask::SignIn(name.clone()),
        CardAct::SwitchTo(name, _) => Ask::Switch(name.clone()),
        CardAct::Refresh(name) => Ask::Command(Command::RefreshUsage(name.clone())),
    }
}
