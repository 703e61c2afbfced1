//! The windows of the account, or why there are none.

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::{Columns, inner};
use crate::window::ask::Ask;
use crate::window::card;
use crate::window::rows::{CardBody, Detail, Fill, Level, WindowBlock};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};

/// From one row of windows to the next.
const PITCH: f32 = 64.0;
/// The same in one column, where the words of one stand above the figure of the next.
const SINGLE_PITCH: f32 = 72.0;
const BOTTOM: f32 = 8.0;
const BAR_HEIGHT: f32 = 8.0;
const FOOTER_HEIGHT: f32 = 24.0;

pub fn windows_ui(ui: &mut Ui, look: Look, detail: &Detail, is_double: bool, asks: &mut Vec<Ask>) {
    match &detail.body {
        CardBody::Windows(blocks) => {
            for (area, block) in areas(ui, blocks.len(), is_double).into_iter().zip(blocks) {
                block_ui(ui, look, area, block);
            }
            footer_ui(ui, look, detail);
            ui.add_space(BOTTOM);
        }
        CardBody::Skeleton => {
            for area in areas(ui, 2, is_double) {
                skeleton(ui, look, area);
            }
            ui.add_space(BOTTOM);
        }
        CardBody::Line(line) => paragraph(ui, look, line),
        CardBody::Trouble { text, acts } => {
            paragraph(ui, look, text);
            if acts.is_empty() {
                return;
            }
            let row = inner(ui, BUTTON_HEIGHT + 16.0);
            let mut left = row.left();
            for act in acts {
                let label = act.label();
                let size = vec2(widgets::button_width(ui.painter(), &label), BUTTON_HEIGHT);
                let button = Rect::from_min_size(pos2(left, row.top()), size);
                left = button.right() + 8.0;
                let id = Id::unique(("detail act", &label));
                let label = Label::plain(&label);
                if widgets::button_ui(ui, look, button, id, label, ButtonKind::Plain).clicked() {
                    asks.push(card::asked(act));
                }
            }
        }
    }
}

/// Where each window stands: two beside each other, or all below each other.
fn areas(ui: &mut Ui, count: usize, is_double: bool) -> Vec<Rect> {
    let (columns, pitch) = if is_double {
        (2, PITCH)
    } else {
        (1, SINGLE_PITCH)
    };
    let mut areas = Vec::with_capacity(count);
    while areas.len() < count {
        let row = Columns::of(inner(ui, pitch), is_double);
        areas.extend(
            [Some(row.left), row.right]
                .into_iter()
                .flatten()
                .take(columns),
        );
    }
    areas
}

fn block_ui(ui: &Ui, look: Look, area: Rect, block: &WindowBlock) {
    let id = Id::unique(("detail window", &block.name));
    let response = ui.interact(area, id, Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(accesskit::Role::ProgressIndicator, true, &block.spoken)
    });
    let painter = ui.painter();
    let ink = match block.level {
        Level::Fine => look.text,
        Level::Low => look.warn,
        Level::Critical | Level::Empty => look.bad,
    };
    let base = pos2(area.left() - 1.0, area.top() + 17.0);
    let end = text::put_on_baseline(painter, base, &block.figure, Role::Figure, ink);
    let end = text::put_on_baseline(painter, pos2(end, base.y), "%", Role::FigureSign, ink);
    let y = area.top() + 12.0;
    let name = text::put(
        painter,
        pos2(end + 10.0, y),
        Align2::LEFT_CENTER,
        &block.name,
        Role::BodyM,
        look.text,
        110.0,
    );
    text::put(
        painter,
        pos2(area.right(), y),
        Align2::RIGHT_CENTER,
        &block.reset,
        Role::Countdown,
        look.text_2,
        area.right() - name.right() - 8.0,
    );
    let bar = Rect::from_min_size(
        pos2(area.left(), area.top() + 26.0),
        vec2(area.width(), BAR_HEIGHT),
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
    let words_y = area.top() + 47.0;
    let forecast = text::put(
        painter,
        pos2(area.right(), words_y),
        Align2::RIGHT_CENTER,
        &block.forecast,
        Role::Caption,
        ink,
        area.width() * 0.6,
    );
    text::put(
        painter,
        pos2(area.left(), words_y),
        Align2::LEFT_CENTER,
        &block.pace,
        Role::Caption,
        ink,
        forecast.left() - area.left() - 8.0,
    );
}

fn skeleton(ui: &Ui, look: Look, area: Rect) {
    let painter = ui.painter();
    let pill = |x: f32, width: f32| {
        let at = pos2(x, area.top() + 6.0);
        widgets::skeleton(painter, look, Rect::from_min_size(at, vec2(width, 10.0)));
    };
    pill(area.left(), 88.0);
    pill(area.right() - 80.0, 80.0);
    let bar = Rect::from_min_size(
        pos2(area.left(), area.top() + 26.0),
        vec2(area.width(), BAR_HEIGHT),
    );
    widgets::usage_bar(painter, look, bar, 0.0, Fill::Missing, None);
}

fn footer_ui(ui: &mut Ui, look: Look, detail: &Detail) {
    let Some(footer) = &detail.footer else {
        return;
    };
    let rect = inner(ui, FOOTER_HEIGHT);
    let y = rect.top() + 6.0;
    for (x, anchor, words) in [
        (rect.left(), Align2::LEFT_CENTER, &footer.credits),
        (rect.right(), Align2::RIGHT_CENTER, &footer.resets),
    ] {
        text::put(
            ui.painter(),
            pos2(x, y),
            anchor,
            words,
            Role::Caption,
            look.text_2,
            rect.width() / 2.0,
        );
    }
}

fn paragraph(ui: &mut Ui, look: Look, words: &str) {
    let width = ui.available_width() - 2.0 * super::PADDING;
    let galley = text::paragraph(ui.painter(), words, Role::Body, look.text_2, width, 6);
    let rect = inner(ui, galley.size().y + 16.0);
    let at = rect.left_top();
    let area = Rect::from_min_size(at, galley.size());
    let response = ui.interact(area, Id::unique("detail says"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
    text::place(ui.painter(), galley, at, Align2::LEFT_TOP);
}
