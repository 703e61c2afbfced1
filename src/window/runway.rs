//! The runway card: how long the pool lasts, as a sentence and a falling line. (`design` section 3, runway card.)

use egui::{
    Align2, Color32, CornerRadius, Id, Mesh, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui,
    WidgetInfo, accesskit, pos2, vec2,
};

use super::fonts::icon;
use super::rows::{AxisMark, Course, Runway};
use super::text::{self, Role};
use super::theme::{CARD_PADDING, CARD_RADIUS, HAIRLINE, Look};
use super::widgets;

const HEIGHT: f32 = 126.0;
/// Where there is nothing to draw: the sentence and why.
const WORDS_HEIGHT: f32 = 62.0;
const LINE_TOP: f32 = 38.0;
const BASE: f32 = 99.0;
const AXIS: f32 = 112.0;
/// Nearer to each other, words below the line could not be read.
const MARK_GAP: f32 = 48.0;
const MOST_MARKS: usize = 4;
const DOT: f32 = 3.5;

/// What a click on the card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToPool,
    /// It is there already.
    Nowhere,
}

/// Returns whether it was clicked.
pub fn card_ui(ui: &mut Ui, look: Look, words: &Runway, way: Way) -> bool {
    let height = match (&words.course, words.second.is_empty()) {
        (Some(_), _) => HEIGHT,
        (None, false) => WORDS_HEIGHT,
        (None, true) => 40.0,
    };
    let size = vec2(ui.available_width(), height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let id = Id::unique("runway");
    let leads = way == Way::ToPool;
    let sense = if leads {
        Sense::click()
    } else {
        Sense::hover()
    };
    let response = ui.interact(rect, id, sense);
    response.widget_info(|| {
        let role = match way {
            Way::ToPool => accesskit::Role::Button,
            Way::Nowhere => accesskit::Role::Image,
        };
        WidgetInfo::labeled(role, true, &words.spoken)
    });
    let painter = ui.painter();
    widgets::card(painter, look, rect);
    if leads && response.hovered() {
        let radius = CornerRadius::same(CARD_RADIUS - 1);
        painter.rect_filled(rect.shrink(HAIRLINE), radius, look.hover);
    }
    let middle = rect.top() + 20.0;
    let mut right = rect.right() - CARD_PADDING;
    if leads {
        let chevron = pos2(right - 4.0, middle);
        text::icon(painter, chevron, icon::CHEVRON_RIGHT, 13, look.text_2);
        right -= 16.0;
    }
    let count = text::put(
        painter,
        pos2(right, middle),
        Align2::RIGHT_CENTER,
        &words.count,
        Role::Caption,
        look.text_3,
        120.0,
    );
    let left = rect.left() + CARD_PADDING;
    text::put(
        painter,
        pos2(left, middle),
        Align2::LEFT_CENTER,
        &words.sentence,
        Role::BodyM,
        look.text,
        count.left() - 12.0 - left,
    );
    match &words.course {
        Some(course) => {
            let plot = Rect::from_min_max(
                pos2(left, rect.top() + LINE_TOP),
                pos2(rect.right() - CARD_PADDING, rect.top() + BASE),
            );
            course_ui(painter, look, plot, course);
            marks_ui(painter, look, plot, rect.top() + AXIS, &course.marks);
        }
        None => {
            text::put(
                painter,
                pos2(left, rect.top() + 41.0),
                Align2::LEFT_CENTER,
                &words.second,
                Role::Caption,
                look.text_2,
                rect.width() - 2.0 * CARD_PADDING,
            );
        }
    }
    widgets::focus_ring(painter, look, rect, CARD_RADIUS, &response);
    let has_more = words.course.is_some() && !words.second.is_empty();
    let response = if has_more {
        response.on_hover_text(&words.second)
    } else {
        response
    };
    leads && response.clicked()
}

fn course_ui(painter: &Painter, look: Look, plot: Rect, course: &Course) {
    let most = course
        .points
        .iter()
        .map(|(_, left)| *left)
        .fold(1.0, f32::max);
    let place = |(x, left): (f32, f32)| {
        pos2(
            plot.left() + plot.width() * x,
            plot.bottom() - plot.height() * left / most,
        )
    };
    let end = course.end.unwrap_or(1.0);
    let before: Vec<Pos2> = course
        .points
        .iter()
        .filter(|(x, _)| *x <= end)
        .map(|point| place(*point))
        .collect();
    let after = course.points.iter().filter(|(x, _)| *x >= end);
    let after: Vec<Pos2> = after.map(|point| place(*point)).collect();
    let base = Rect::from_min_size(plot.left_bottom(), vec2(plot.width(), HAIRLINE));
    painter.rect_filled(base, 0.0, look.hairline);
    area(painter, plot.bottom(), &before, look.accent_soft);
    if course.end.is_some() && after.len() > 1 {
        painter.line(after, Stroke::new(1.25, look.border));
    }
    if before.len() > 1 {
        painter.line(before, Stroke::new(1.5, look.accent_bar));
    }
    if let Some(end) = course.end {
        let x = plot.left() + plot.width() * end;
        let line = Rect::from_min_max(
            pos2(x - 1.0, plot.top() - 2.0),
            pos2(x + 1.0, plot.bottom() + 1.0),
        );
        painter.rect_filled(line, 1.0, look.warn_fill);
    }
    for reset in &course.resets {
        let x = plot.left() + plot.width() * reset;
        dot(painter, look, pos2(x, plot.bottom()));
    }
}

/// A moment at which somebody's window begins anew.
pub fn dot(painter: &Painter, look: Look, at: Pos2) {
    painter.circle(at, DOT, look.surface, Stroke::new(1.5, look.accent_bar));
}

/// What lies below a line: a strip for each piece, since the whole is not convex.
fn area(painter: &Painter, bottom: f32, line: &[Pos2], color: Color32) {
    let mut mesh = Mesh::default();
    for (index, point) in line.iter().enumerate() {
        mesh.colored_vertex(*point, color);
        mesh.colored_vertex(pos2(point.x, bottom), color);
        if index > 0 {
            let at = 2 * index as u32;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// `now`, and as many of the marks as can be read.
fn marks_ui(painter: &Painter, look: Look, plot: Rect, y: f32, marks: &[AxisMark]) {
    let put = |x: f32, anchor, label: &str| {
        text::put(
            painter,
            pos2(x, y),
            anchor,
            label,
            Role::Micro,
            look.text_2,
            60.0,
        )
    };
    put(plot.left(), Align2::LEFT_CENTER, "now");
    for mark in readable(plot.width(), marks) {
        let x = plot.left() + plot.width() * mark.at;
        put(x, Align2::CENTER_CENTER, &mark.label);
    }
}

fn readable(width: f32, marks: &[AxisMark]) -> impl Iterator<Item = &AxisMark> {
    let fits: Vec<_> = apart(width, marks)
        .filter(|mark| (1.0 - mark.at) * width >= MARK_GAP / 2.0)
        .collect();
    // Of too many every second one, or third.
    let step = fits.len().div_ceil(MOST_MARKS).max(1);
    fits.into_iter().step_by(step)
}

/// Those that do not run into `now` or into each other.
pub fn apart(width: f32, marks: &[AxisMark]) -> impl Iterator<Item = &AxisMark> {
    let mut last = 0.0;
    marks.iter().filter(move |mark| {
        let x = mark.at * width;
        let is_apart = x - last >= MARK_GAP;
        if is_apart {
            last = x;
        }
        is_apart
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_below_the_line_stand_apart_and_are_at_most_four() {
        let marks = |places: &[f32]| -> Vec<AxisMark> {
            let mark = |at: &f32| AxisMark {
                at: *at,
                label: String::new(),
            };
            places.iter().map(mark).collect()
        };
        let shown = |width, places: &[f32]| -> Vec<f32> {
            let marks = marks(places);
            readable(width, &marks).map(|mark| mark.at).collect()
        };
        assert_eq!(shown(400.0, &[0.1, 0.3, 0.35, 0.6, 0.99]), [0.3, 0.6]);
        let week = [0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.95];
        assert_eq!(shown(1_000.0, &week), [0.1, 0.4, 0.65, 0.95]);
    }
}
