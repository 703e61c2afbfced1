//! The card with what all requests came to. (`design` section 4: four figures; two where there is little room.)

use egui::{Align2, CornerRadius, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use crate::window::rows::{Figure, Figures};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, HAIRLINE, Look};
use crate::window::widgets;

pub const HEIGHT: f32 = 64.0;
const BARS_WIDTH: f32 = 92.0;
const BARS_HEIGHT: f32 = 28.0;
/// The two with bars are wider than the two without.
const SHARES: [f32; 4] = [0.31, 0.31, 0.19, 0.19];

pub fn figures_ui(ui: &Ui, look: Look, rect: Rect, figures: &Figures, is_wide: bool) {
    let painter = ui.painter();
    widgets::card(painter, look, rect);
    let shares = if is_wide {
        &SHARES[..]
    } else {
        &[0.5, 0.5][..]
    };
    let all = [
        &figures.requests,
        &figures.tokens,
        &figures.first_token,
        &figures.cost,
    ];
    let mut left = rect.left();
    for (index, (share, figure)) in shares.iter().zip(all).enumerate() {
        let cell = Rect::from_min_size(
            pos2(left.round(), rect.top()),
            vec2(rect.width() * share, rect.height()),
        );
        if index > 0 {
            let line = Rect::from_min_size(
                pos2(cell.left(), cell.top() + 12.0),
                vec2(HAIRLINE, cell.height() - 24.0),
            );
            painter.rect_filled(line, 0.0, look.hairline);
        }
        match figure {
            None => skeleton(ui, look, cell),
            Some(figure) if !is_wide && index == 1 => {
                // The cost has no figure of its own here.
                let note = &figures.short_cost;
                figure_ui(ui, look, cell, figure, note, false);
            }
            Some(figure) => figure_ui(ui, look, cell, figure, &figure.note, is_wide),
        }
        left += rect.width() * share;
    }
}

fn figure_ui(ui: &Ui, look: Look, cell: Rect, figure: &Figure, note: &str, has_bars: bool) {
    let response = ui.interact(cell, Id::unique(("figure", figure.label)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &figure.spoken));
    let painter = ui.painter();
    let left = cell.left() + CARD_PADDING;
    text::put(
        painter,
        pos2(left, cell.top() + 20.0),
        Align2::LEFT_CENTER,
        figure.label,
        Role::Caption,
        look.text_2,
        cell.width() - CARD_PADDING,
    );
    let has_bars = has_bars && !figure.bars.is_empty();
    let right = cell.right() - CARD_PADDING - if has_bars { BARS_WIDTH + 8.0 } else { 0.0 };
    let is_number = figure
        .figure
        .starts_with(|c: char| c.is_ascii_digit() || c == '$' || c == '<');
    let (role, ink) = if is_number {
        (Role::Stat, look.text)
    } else {
        // A word in the place of a figure.
        (Role::BodyM, look.text_2)
    };
    let baseline = cell.top() + 50.0;
    let end = text::put_on_baseline(painter, pos2(left, baseline), &figure.figure, role, ink);
    let note = text::line(painter, note, Role::Caption, look.text_3, right - end - 8.0);
    let y = baseline - 4.0;
    text::place(painter, note, pos2(end + 8.0, y), Align2::LEFT_CENTER);
    if has_bars {
        let area = Rect::from_min_size(
            pos2(
                cell.right() - CARD_PADDING - BARS_WIDTH,
                (cell.center().y - BARS_HEIGHT / 2.0).round(),
            ),
            vec2(BARS_WIDTH, BARS_HEIGHT),
        );
        bars(ui, look, area, figure);
    }
}

/// What there was nothing in is a dot; what is yet to come is not drawn.
fn bars(ui: &Ui, look: Look, area: Rect, figure: &Figure) {
    const DOT: f32 = 2.0;
    let pitch = area.width() / figure.places.max(1) as f32;
    let width = (pitch * 0.6).clamp(1.5, 3.0);
    for (index, share) in figure.bars.iter().enumerate() {
        let height = (area.height() * share).max(DOT);
        let left = area.left() + pitch * index as f32;
        let bar = Rect::from_min_max(
            pos2(left, area.bottom() - height),
            pos2(left + width, area.bottom()),
        );
        let ink = if *share > 0.0 {
            look.accent_bar
        } else {
            look.track
        };
        let radius = CornerRadius::same((width / 2.0) as u8);
        ui.painter().rect_filled(bar, radius, ink);
    }
}

fn skeleton(ui: &Ui, look: Look, cell: Rect) {
    let left = cell.left() + CARD_PADDING;
    for (y, width) in [(15.0, 56.0), (39.0, 40.0)] {
        let pill = Rect::from_min_size(pos2(left, cell.top() + y), vec2(width, 10.0));
        widgets::skeleton(ui.painter(), look, pill);
    }
}
