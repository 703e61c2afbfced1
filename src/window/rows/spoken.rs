//! What a screen reader says. Never an e-mail: what is hidden on screen is hidden from the ear as well.

use std::time::Duration;

use super::standing::Level;

/// `2 hours 54 minutes`.
pub(super) fn duration(span: Duration) -> String {
    let secs = span.as_secs();
    let (days, hours, minutes) = (secs / 86_400, secs % 86_400 / 3_600, secs % 3_600 / 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => vec![count(secs, "second")],
        (0, 0, minutes) => vec![count(minutes, "minute")],
        (0, hours, 0) => vec![count(hours, "hour")],
        (0, hours, minutes) => vec![count(hours, "hour"), count(minutes, "minute")],
        (days, 0, _) => vec![count(days, "day")],
        (days, _, _) if days >= 10 => vec![count(days, "day")],
        (days, hours, _) => vec![count(days, "day"), count(hours, "hour")],
    };
    parts.join(" ")
}

/// `66 percent left`.
pub(super) fn left(left_percent: f64) -> String {
    match Level::of(left_percent) {
        Level::Empty => "empty".into(),
        _ if left_percent < 1.0 => "less than 1 percent left".into(),
        _ => format!(
            "{:.0} percent left",
            (left_percent + 1e-9).floor().min(100.0)
        ),
    }
}

/// Joins what there is with commas.
pub(super) fn list(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<_> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

fn count(n: u64, unit: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spoken_in_at_most_two_units() {
        let spoken = [1, 59, 60, 4_800, 3_600, 194_400, 86_400, 1_000_000]
            .map(|secs| duration(Duration::from_secs(secs)));
        assert_eq!(
            spoken,
            [
                "1 second",
                "59 seconds",
                "1 minute",
                "1 hour 20 minutes",
                "1 hour",
                "2 days 6 hours",
                "1 day",
                "11 days"
            ]
        );
    }

    #[test]
    fn percents_are_spoken_whole() {
        assert_eq!(
            [66.7, 0.4, 0.0, 100.0].map(left),
            [
                "66 percent left",
                "less than 1 percent left",
                "empty",
                "100 percent left"
            ]
        );
    }
}
