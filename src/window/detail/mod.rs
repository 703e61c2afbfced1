//! Everything about one account, beside the list or pushed over it. (`design` section 4, detail.)
//!
//! One card, drawn from top to bottom: head, windows, chart, login and pool, the user's words, what can be done. Wide, it has two
//! columns; narrow, or with large text, one.

use egui::{Id, Rect, Sense, Shape, Ui, Vec2, WidgetInfo, accesskit, pos2, vec2};

use super::ask::Ask;
use super::chart;
use super::rows::{self, Chart, Detail};
use super::text::{self, Role};
use super::theme::Look;
use super::widgets;
use crate::desk::Span;
use crate::profile::ProfileName;

mod foot;
mod head;
mod login;
mod pool;
mod windows;
mod words;

const PADDING: f32 = 20.0;
const COLUMN_GAP: f32 = 24.0;
/// Narrower than this, the card has one column.
const TWO_COLUMNS: f32 = 460.0;
/// From one line of a list of facts to the next.
const LINE: f32 = 22.0;

/// What the user is about to do in the card. Nothing of it has been asked for yet.
#[derive(Debug, Default)]
pub struct DetailState {
    /// The slider is in the hand, at this value.
    reserve: Option<u8>,
    /// A tag that is being written.
    tag: Option<String>,
    /// A note that is being written.
    note: Option<String>,
    /// Of which account; another one starts anew.
    of: Option<ProfileName>,
    /// A field was opened: it gets the focus.
    is_field_new: bool,
}

impl DetailState {
    fn settle_on(&mut self, name: &ProfileName) {
        if self.of.as_ref() != Some(name) {
            *self = Self {
                of: Some(name.clone()),
                ..Self::default()
            };
        }
    }

    /// Puts away a field that is being written in. Whether there was one.
    pub fn leave_field(&mut self) -> bool {
        self.tag.take().is_some() | self.note.take().is_some()
    }
}

/// The card's columns: one or two of them, from left to right.
#[derive(Clone, Copy)]
struct Columns {
    left: Rect,
    right: Option<Rect>,
}

impl Columns {
    fn of(rect: Rect, is_double: bool) -> Self {
        if !is_double {
            return Self {
                left: rect,
                right: None,
            };
        }
        let width = (rect.width() - COLUMN_GAP) / 2.0;
        Self {
            left: rect.with_max_x(rect.left() + width),
            right: Some(rect.with_min_x(rect.right() - width)),
        }
    }
}

pub fn detail_ui(
    ui: &mut Ui,
    look: Look,
    detail: &Detail,
    state: &mut DetailState,
    asks: &mut Vec<Ask>,
) {
    state.settle_on(&detail.name);
    let width = ui.available_width();
    let ground = ui.painter().add(Shape::Noop);
    let top = ui.cursor().min;
    let is_double = width - 2.0 * PADDING >= TWO_COLUMNS;
    head::head_ui(ui, look, detail, asks);
    windows::windows_ui(ui, look, detail, is_double, asks);
    if let Some(chart) = &detail.chart {
        section(ui, look);
        history_ui(ui, look, chart, asks);
    }
    section(ui, look);
    if is_double {
        let height = login::height(&detail.login).max(pool::height(&detail.pool));
        let columns = Columns::of(inner(ui, height), true);
        login::login_ui(ui, look, columns.left, &detail.login);
        if let Some(right) = columns.right {
            pool::pool_ui(ui, look, right, detail, state, asks);
        }
    } else {
        let rect = inner(ui, login::height(&detail.login));
        login::login_ui(ui, look, rect, &detail.login);
        section(ui, look);
        let rect = inner(ui, pool::height(&detail.pool));
        pool::pool_ui(ui, look, rect, detail, state, asks);
    }
    section(ui, look);
    words::words_ui(ui, look, detail, is_double, state, asks);
    foot::foot_ui(ui, look, detail, asks);
    let card = Rect::from_min_max(top, pos2(top.x + width, ui.cursor().min.y));
    ui.painter().set(ground, widgets::card_shape(look, card));
}

/// A part of the card over its whole width, without its padding.
fn inner(ui: &mut Ui, height: f32) -> Rect {
    let size = vec2(ui.available_width(), height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    rect.shrink2(Vec2::new(PADDING, 0.0))
}

fn section(ui: &mut Ui, look: Look) {
    let rect = inner(ui, 0.0);
    widgets::divider(ui.painter(), look, rect.left(), rect.right(), rect.top());
}

/// A word before what it is about.
fn label(ui: &Ui, look: Look, at: egui::Pos2, words: &str) -> Rect {
    text::put(
        ui.painter(),
        at,
        egui::Align2::LEFT_CENTER,
        words,
        Role::Caption,
        look.text_2,
        140.0,
    )
}

/// The title of a part, which a screen reader can jump to.
fn title(ui: &Ui, look: Look, at: egui::Pos2, words: &str) {
    let rect = text::put(
        ui.painter(),
        at,
        egui::Align2::LEFT_CENTER,
        words,
        Role::BodyM,
        look.text,
        200.0,
    );
    let response = ui.interact(rect, Id::unique(("part", words)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, words));
}

fn history_ui(ui: &mut Ui, look: Look, chart: &Chart, asks: &mut Vec<Ask>) {
    const HEIGHT: f32 = 168.0;
    let rect = inner(ui, HEIGHT);
    let middle = rect.top() + 26.0;
    title(ui, look, pos2(rect.left(), middle), "Usage left");
    let words = Span::ALL.map(rows::span_label);
    let width = widgets::segment_width(ui.painter(), &words);
    let segment = Rect::from_min_size(
        pos2(rect.right() - width, middle - 14.0),
        vec2(width, widgets::BUTTON_HEIGHT),
    );
    let chosen = Span::ALL.iter().position(|span| *span == chart.span);
    let id = Id::unique("history span");
    let choice = widgets::segment_ui(
        ui,
        look,
        segment,
        id,
        (&words, chosen.unwrap_or_default()),
        accesskit::Role::RadioButton,
    );
    if let Some(span) = choice.and_then(|index| Span::ALL.get(index)) {
        asks.push(Ask::LookBack(*span));
    }
    let plot = Rect::from_min_max(
        pos2(rect.left(), rect.top() + 41.0),
        pos2(rect.right(), rect.top() + 160.0),
    );
    chart::chart_ui(ui, look, plot, chart);
}
