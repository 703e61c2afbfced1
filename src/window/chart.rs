//! Draws how much of each window was left over time. (`design` section 3, history chart.)

use egui::{
    Align2, Color32, Id, Painter, Pos2, Rect, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2, vec2,
};

use super::rows::{AxisMark, Chart, ChartLine, Level};
use super::text::{self, Role};
use super::theme::{HAIRLINE, Look};

/// Room for the percents at the left.
const AXIS: f32 = 40.0;
/// Room for the labels at the ends of the lines.
const LABELS: f32 = 72.0;
const LABELS_HEIGHT: f32 = 24.0;
/// Nearer to each other, two labels would overlap.
const LABEL_PITCH: f32 = 15.0;
/// Between two labels below.
const MARK_GAP: f32 = 6.0;

pub fn chart_ui(ui: &Ui, look: Look, rect: Rect, chart: &Chart) {
    let response = ui.interact(rect, Id::unique("history chart"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Image, true, &chart.spoken));
    let painter = ui.painter();
    let plot = Rect::from_min_max(
        pos2(rect.left() + AXIS, rect.top() + 8.0),
        pos2(rect.right() - LABELS, rect.bottom() - LABELS_HEIGHT),
    );
    let y = |left: f32| plot.bottom() - plot.height() * left / 100.0;
    for (left, label) in [(100.0, "100%"), (50.0, "50"), (0.0, "0")] {
        let line = Rect::from_min_size(
            pos2(plot.left(), y(left).round()),
            vec2(plot.width() + 16.0, HAIRLINE),
        );
        painter.rect_filled(line, 0.0, look.hairline);
        text::put(
            painter,
            pos2(plot.left() - 6.0, y(left)),
            Align2::RIGHT_CENTER,
            label,
            Role::Micro,
            look.text_2,
            AXIS,
        );
    }
    marks_ui(painter, look, plot, rect.bottom() - 9.0, &chart.marks);
    if let Some(words) = &chart.words {
        let galley = text::line(painter, words, Role::Caption, look.text_2, plot.width());
        // No line runs through words.
        let ground = Rect::from_center_size(plot.center(), galley.size() + vec2(12.0, 4.0));
        painter.rect_filled(ground, 0.0, look.surface);
        text::place(painter, galley, plot.center(), Align2::CENTER_CENTER);
    }
    let ends = label_places(&chart.lines, y);
    for (line, label_y) in chart.lines.iter().zip(ends) {
        line_ui(painter, look, plot, line, label_y);
    }
}

/// The days or hours below.
fn marks_ui(painter: &Painter, look: Look, plot: Rect, y: f32, marks: &[AxisMark]) {
    let galleys = marks.iter().map(|mark| {
        let galley = text::line(painter, &mark.label, Role::Micro, look.text_2, 60.0);
        (plot.left() + plot.width() * mark.at, galley)
    });
    for (x, galley) in readable(galleys.rev(), |galley| galley.size().x) {
        text::place(painter, galley, pos2(x, y), Align2::CENTER_CENTER);
    }
}

/// Of words around these places, the last one first, those that do not run into a later one: the last one counts most.
fn readable<T>(
    words: impl Iterator<Item = (f32, T)>,
    width: impl Fn(&T) -> f32,
) -> impl Iterator<Item = (f32, T)> {
    let mut free_until = f32::INFINITY;
    words.filter(move |(x, word)| {
        let half = width(word) / 2.0;
        let fits = x + half <= free_until;
        if fits {
            free_until = x - half - MARK_GAP;
        }
        fits
    })
}

fn line_ui(painter: &Painter, look: Look, plot: Rect, line: &ChartLine, label_y: f32) {
    let place = |(x, left): (f32, f32)| {
        pos2(
            plot.left() + plot.width() * x,
            plot.bottom() - plot.height() * left / 100.0,
        )
    };
    let points: Vec<Pos2> = line.points.iter().copied().map(place).collect();
    let stroke = if line.is_main {
        Stroke::new(2.0, look.accent_bar)
    } else {
        let quiet = look.neutral_bar.lerp_to_gamma(look.surface, 0.35);
        Stroke::new(1.25, quiet)
    };
    let end = points.last().copied();
    painter.line(points, stroke);
    let ink = label_ink(look, line);
    if let Some(end) = end {
        painter.circle_filled(end, 3.0, ink);
        text::put(
            painter,
            pos2(plot.right() + 10.0, label_y),
            Align2::LEFT_CENTER,
            &line.label,
            Role::Micro,
            ink,
            LABELS - 10.0,
        );
    }
}

fn label_ink(look: Look, line: &ChartLine) -> Color32 {
    match line.level {
        Level::Low => look.warn,
        Level::Critical | Level::Empty => look.bad,
        Level::Fine if line.is_main => look.accent,
        Level::Fine => look.text_2,
    }
}

/// Where each label stands: at the end of its line, and apart from the others.
fn label_places(lines: &[ChartLine], y: impl Fn(f32) -> f32) -> Vec<f32> {
    let mut places: Vec<(usize, f32)> = lines
        .iter()
        .map(|line| y(line.points.last().map_or(0.0, |(_, left)| *left)))
        .enumerate()
        .collect();
    places.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut least = f32::NEG_INFINITY;
    for (_, place) in &mut places {
        *place = place.max(least);
        least = *place + LABEL_PITCH;
    }
    // The lowest may not run into the axis: push the others up instead.
    let mut most = y(0.0) + 2.0;
    for (_, place) in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - LABEL_PITCH;
    }
    places.sort_by_key(|(index, _)| *index);
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending_at(left: f32) -> ChartLine {
        ChartLine {
            is_main: false,
            points: vec![(0.0, 0.0), (1.0, left)],
            label: String::new(),
            level: Level::Fine,
        }
    }

    #[test]
    fn labels_of_lines_that_end_together_stand_apart() {
        let y = |left: f32| 100.0 - left;
        for (ends, expected) in [
            ([90.0, 10.0], [10.0, 90.0]),
            ([50.0, 50.0], [50.0, 65.0]),
            ([0.0, 0.0], [87.0, 102.0]),
        ] {
            assert_eq!(label_places(&ends.map(ending_at), y), expected, "{ends:?}");
        }
    }

    #[test]
    fn of_words_that_run_into_each_other_the_last_one_is_seen() {
        let seen = |places: &[f32]| -> Vec<f32> {
            let words = places.iter().rev().map(|x| (*x, ()));
            readable(words, |()| 20.0).map(|(x, ())| x).collect()
        };
        assert_eq!(seen(&[0.0, 40.0, 60.0, 75.0]), [75.0, 40.0, 0.0]);
        assert_eq!(seen(&[49.0, 75.0]), [75.0, 49.0]);
        assert_eq!(seen(&[49.5, 75.0]), [75.0]);
    }
}
