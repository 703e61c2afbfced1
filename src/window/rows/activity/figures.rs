//! What all requests came to: four figures, two of them with a line of bars.

use crate::desk::{Activity, ActivityPart, ActivitySums, words};
use crate::window::rows::telling::Teller;

/// Empty until the ledger has been read for the first time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub requests: Option<Figure>,
    pub tokens: Option<Figure>,
    pub first_token: Option<Figure>,
    pub cost: Option<Figure>,
    /// `est. $4.86`, where there is no room for a figure of its own.
    pub short_cost: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    pub label: &'static str,
    /// A number, or a word where nothing is known.
    pub figure: String,
    pub note: String,
    /// Each bar's height, 0 to 1; those of hours that are yet to come are not there.
    pub bars: Vec<f32>,
    /// Into how many the whole line is cut.
    pub places: usize,
    pub spoken: String,
}

pub(super) fn of(read: Option<&Activity>, teller: &Teller<'_>) -> Figures {
    let Some(read) = read.filter(|read| read.trouble.is_none()) else {
        return Figures::default();
    };
    let sums = &read.sums;
    let count = usize::try_from(sums.requests).unwrap_or(usize::MAX);
    let failed = usize::try_from(sums.failed).unwrap_or(usize::MAX);
    let places = places(read, teller);
    let requests = figure(
        "Requests",
        words::number(count),
        match failed {
            0 if count == 0 => String::new(),
            0 => "none failed".to_owned(),
            failed => format!("{} failed", words::number(failed)),
        },
    );
    let tokens = figure("Tokens", tokens(sums), tokens_note(sums));
    let first_token = match sums.first_token {
        Some(first) => figure("First token", words::latency(first), "median".to_owned()),
        None => figure("First token", "unknown".to_owned(), String::new()),
    };
    Figures {
        requests: Some(Figure {
            bars: bars(&sums.parts, |part| part.requests),
            places,
            ..requests
        }),
        tokens: Some(Figure {
            bars: bars(&sums.parts, |part| part.tokens),
            places,
            ..tokens
        }),
        first_token: Some(first_token),
        cost: Some(cost(sums)),
        short_cost: match sums.cost {
            Some(cost) => format!("est. {}{}", money(cost.0), more(sums)),
            None => "cost unknown".to_owned(),
        },
    }
}

fn figure(label: &'static str, figure: String, note: String) -> Figure {
    Figure {
        spoken: format!("{label}: {figure} {note}").trim_end().to_owned(),
        label,
        figure,
        note,
        bars: Vec::new(),
        places: 0,
    }
}

fn tokens(sums: &ActivitySums) -> String {
    words::tokens(sums.tokens.input.saturating_add(sums.tokens.output))
}

fn tokens_note(sums: &ActivitySums) -> String {
    let cached = sums
        .cached_share
        .map(|share| format!("{:.0}% cached", (share * 100.0).floor()));
    let estimated = (sums.estimated > 0).then(|| "part est.".to_owned());
    let both: Vec<_> = [cached, estimated].into_iter().flatten().collect();
    both.join(" · ")
}

fn cost(sums: &ActivitySums) -> Figure {
    match sums.cost {
        Some(cost) => figure(
            "Cost",
            format!("{}{}", money(cost.0), more(sums)),
            "estimate".to_owned(),
        ),
        None => figure("Cost", "unknown".to_owned(), "no price".to_owned()),
    }
}

/// What has no price is not in the sum.
fn more(sums: &ActivitySums) -> &'static str {
    if sums.unpriced > 0 { " +?" } else { "" }
}

fn money(micro_dollars: u64) -> String {
    match micro_dollars {
        0 => "$0.00".to_owned(),
        1..10_000 => "<$0.01".to_owned(),
        _ => format!("${:.2}", micro_dollars as f64 / 1e6),
    }
}

fn bars(parts: &[ActivityPart], of: fn(&ActivityPart) -> u64) -> Vec<f32> {
    let most = parts.iter().map(of).max().unwrap_or(0).max(1);
    let height = |part| of(part) as f32 / most as f32;
    parts.iter().map(height).collect()
}

/// A day is drawn whole from its first hour on, so that its bars keep their places.
fn places(read: &Activity, teller: &Teller<'_>) -> usize {
    const HOURS: usize = 24;
    let is_hours = read.sums.step.as_secs() == 3_600;
    let parts = read.sums.parts.len();
    // Read yesterday, looked at today.
    let day = |at| teller.zoned(at).map(|at| at.date());
    let is_of_today = day(read.read_at) == day(teller.now);
    if is_hours && is_of_today {
        parts.max(HOURS)
    } else {
        parts
    }
}
