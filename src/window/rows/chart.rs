//! The chart of an account: how much of each window was left over time, as places on a sheet of 1 by 100.

use std::time::SystemTime;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::row::sentence;
use super::spoken;
use super::standing::Level;
use super::telling::Teller;
use crate::desk::{History, HistoryLine, HistoryPoint, ProfileView, Span, words};
use crate::usage::Window;

#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub span: Span,
    /// The one that matters most is drawn last, over the others.
    pub lines: Vec<ChartLine>,
    pub marks: Vec<AxisMark>,
    /// Instead of lines: why there are none. Neither while the history is on its way.
    pub words: Option<String>,
    pub spoken: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ChartLine {
    /// The longest window: it decides how long the account lasts.
    pub is_main: bool,
    /// From 0 at the left to 1 at the right, and percent left. A reset goes straight up.
    pub points: Vec<(f32, f32)>,
    /// `week 88%`.
    pub label: String,
    pub level: Level,
}

/// A word below the chart, its middle at a place from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisMark {
    pub at: f32,
    pub label: String,
}

/// A smaller rise is a rounding of the upstream, not a reset.
const RISE: f64 = 0.5;

pub(super) fn of(
    profile: &ProfileView,
    history: Option<&History>,
    span: Span,
    teller: &Teller<'_>,
) -> Chart {
    let lines = history.map(|history| lines(profile, history, span, teller));
    let words = match (&lines, history.and_then(|history| history.trouble.as_ref())) {
        (_, Some(trouble)) => Some(sentence(trouble)),
        (Some(lines), None) if lines.is_empty() => Some("Too little history to say.".to_owned()),
        _ => None,
    };
    let lines = lines.unwrap_or_default();
    Chart {
        span,
        marks: marks(span, teller),
        spoken: spoken(profile, span, words.as_deref(), teller),
        lines,
        words,
    }
}

fn lines(
    profile: &ProfileView,
    history: &History,
    span: Span,
    teller: &Teller<'_>,
) -> Vec<ChartLine> {
    let mut told: Vec<&HistoryLine> = history
        .lines
        .iter()
        .filter(|line| line.span == span)
        .collect();
    told.sort_by_key(|line| line.window);
    let longest = told.last().map(|line| line.window);
    told.into_iter()
        .filter_map(|line| {
            let points = course(line, profile, span, teller.now);
            let (_, last) = *points.last().filter(|_| points.len() > 1)?;
            let window = Window {
                length: line.window,
                used_percent: 0.0,
                resets_at: None,
            };
            let left = f64::from(last);
            Some(ChartLine {
                is_main: Some(line.window) == longest,
                points,
                label: format!(
                    "{} {}",
                    words::short_window(&window),
                    words::percent_left(left)
                ),
                level: Level::of(left),
            })
        })
        .collect()
}

/// The way of one line over the sheet.
fn course(
    line: &HistoryLine,
    profile: &ProfileView,
    span: Span,
    now: SystemTime,
) -> Vec<(f32, f32)> {
    let from = now.checked_sub(span.length()).unwrap_or(now);
    let x = |at: SystemTime| {
        let since = at.duration_since(from).unwrap_or_default();
        (since.as_secs_f32() / span.length().as_secs_f32()).min(1.0)
    };
    let live = profile.usage.as_deref().and_then(|usage| {
        let is_same = |window: &&Window| window.length == line.window;
        let window = usage.windows.iter().find(is_same)?;
        Some(HistoryPoint {
            at: now,
            left_percent: window.left_percent(now).clamp(0.0, 100.0),
            resets_at: window.resets_at,
        })
    });
    // One point alone, and that the one of this moment, is no history.
    if line.points.len() < 2 {
        return Vec::new();
    }
    let known = line.points.iter().copied().filter(|point| point.at <= now);
    let all: Vec<_> = known.chain(live).collect();
    let mut course: Vec<(f32, f32)> = Vec::with_capacity(all.len() + 8);
    if let Some(first) = all.first() {
        course.push((x(first.at), first.left_percent as f32));
    }
    for (before, after) in all.iter().zip(all.iter().skip(1)) {
        let told = before
            .resets_at
            .filter(|at| (before.at..=after.at).contains(at));
        let has_risen = after.left_percent > before.left_percent + RISE;
        if has_risen || told.is_some() {
            let at = x(told.unwrap_or(after.at));
            let top = if told.is_some() {
                100.0
            } else {
                after.left_percent as f32
            };
            course.push((at, before.left_percent as f32));
            course.push((at, top));
        }
        course.push((x(after.at), after.left_percent as f32));
    }
    course
}

/// Which of them can be read is for whoever knows how wide the axis is.
fn marks(span: Span, teller: &Teller<'_>) -> Vec<AxisMark> {
    let from = teller.now.checked_sub(span.length()).unwrap_or(teller.now);
    let place = |at: SystemTime| {
        let since = at.duration_since(from).ok()?;
        Some(since.as_secs_f32() / span.length().as_secs_f32())
    };
    let Some(today) = teller.zoned(teller.now).map(|now| now.date()) else {
        return Vec::new();
    };
    moments(span, today, teller)
        .into_iter()
        .filter_map(|(at, label)| {
            let at = place(at)?;
            // The middle of today may lie ahead; it is called today from its first hour on.
            let at = if label == TODAY { at.min(0.97) } else { at };
            (0.03..=0.97)
                .contains(&at)
                .then_some(AxisMark { at, label })
        })
        .collect()
}

const TODAY: &str = "Today";

/// What the axis could name, the oldest first.
fn moments(span: Span, today: Date, teller: &Teller<'_>) -> Vec<(SystemTime, String)> {
    let at = |date: Date, hour: i8| teller.moment(date, hour);
    let days_back = |days: i64| today.checked_sub(days.days()).ok(); // beyond the calendar
    match span {
        Span::Day => [1, 0]
            .into_iter()
            .filter_map(days_back)
            .flat_map(|day| {
                [0, 6, 12, 18].map(|hour| Some((at(day, hour)?, format!("{hour:02}:00"))))
            })
            .flatten()
            .collect(),
        Span::Week => (0..8)
            .rev()
            .filter_map(|days| {
                let day = days_back(days)?;
                let label = if days == 0 {
                    TODAY.to_owned()
                } else {
                    day.strftime("%a").to_string()
                };
                Some((at(day, 12)?, label))
            })
            .collect(),
        Span::Month => (0..31)
            .rev()
            .step_by(6)
            .filter_map(|days| {
                let day = days_back(days)?;
                Some((at(day, 12)?, day.strftime("%-d %b").to_string()))
            })
            .collect(),
    }
}

/// `Usage left, 7 days: weekly 88 percent, 5-hour 12 percent`.
fn spoken(profile: &ProfileView, span: Span, words: Option<&str>, teller: &Teller<'_>) -> String {
    let over = match span {
        Span::Day => "24 hours",
        Span::Week => "7 days",
        Span::Month => "30 days",
    };
    if let Some(words) = words {
        return format!("Usage left, {over}: {words}");
    }
    let windows = profile.usage.as_deref().map(|usage| usage.windows.iter());
    let told = windows.into_iter().flatten().rev().map(|window| {
        let left = spoken::left(window.left_percent(teller.now));
        let left = left.trim_end_matches(" left");
        Some(format!("{} {left}", window.name().to_lowercase()))
    });
    format!("Usage left, {over}: {}", spoken::list(told))
}

/// How far back a span looks, in few letters.
pub fn span_label(span: Span) -> &'static str {
    match span {
        Span::Day => "24h",
        Span::Week => "7d",
        Span::Month => "30d",
    }
}
