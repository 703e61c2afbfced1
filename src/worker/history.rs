//! Reads how one profile fared from the ledger, thinned to what a chart can show.

use std::time::{Duration, SystemTime};

use crate::desk::history::{History, HistoryLine, HistoryPoint, Span};
use crate::ledger::{LedgerError, Reader, Spender, UsageRow};
use crate::period::Period;
use crate::price::MicroDollars;
use crate::profile::ProfileName;
use crate::store::{Home, profiles};

/// More rows than a month of changes; the newest are read.
const MOST_ROWS: usize = 50_000;

/// Blocks for some milliseconds. `costs` tells whether requests of this profile cost money.
pub fn read(home: &Home, name: ProfileName, costs: bool, now: SystemTime) -> History {
    let read = Reader::open(&home.ledger()).and_then(|ledger| {
        let lines = lines(&ledger, &name, now)?;
        let month_cost = if costs {
            Some(month_cost(&ledger, &name, now)?)
        } else {
            None
        };
        Ok((lines, month_cost))
    });
    let (lines, month_cost, trouble) = match read {
        Ok((lines, month_cost)) => (lines, month_cost, None),
        // A ledger that was never begun is no trouble: there is no history yet.
        Err(LedgerError::Missing) => (Vec::new(), None, None),
        Err(err) => (Vec::new(), None, Some(err.to_string())),
    };
    History {
        is_private: profiles::is_private(home, &name),
        name,
        read_at: now,
        lines,
        month_cost,
        trouble,
    }
}

fn lines(
    ledger: &Reader,
    name: &ProfileName,
    now: SystemTime,
) -> Result<Vec<HistoryLine>, LedgerError> {
    let begin = |span: Span| now.checked_sub(span.length()).unwrap_or(now);
    let from = begin(Span::Month);
    let mut lines = Vec::new();
    for window in ledger.windows(name, from)? {
        let rows = ledger.usage(name, window, from, MOST_ROWS)?;
        for span in Span::ALL {
            let points = thinned(&rows, begin(span), now);
            if !points.is_empty() {
                lines.push(HistoryLine {
                    span,
                    window,
                    points,
                });
            }
        }
    }
    Ok(lines)
}

fn month_cost(
    ledger: &Reader,
    name: &ProfileName,
    now: SystemTime,
) -> Result<MicroDollars, LedgerError> {
    let days = ledger.spend_since(Period::Month.start(now))?;
    let own = days
        .into_iter()
        .filter(|day| matches!(&day.who, Spender::Profile(who) if who == name));
    Ok(MicroDollars(
        own.map(|day| day.cost.0).fold(0, u64::saturating_add),
    ))
}

/// Of each piece of the span the first and the last row: a line through them is where the line through all was, and a reset
/// between two rows stays one.
fn thinned(rows: &[UsageRow], from: SystemTime, until: SystemTime) -> Vec<HistoryPoint> {
    let Ok(span) = until.duration_since(from) else {
        return Vec::new();
    };
    let piece = (span / (HistoryLine::MOST as u32 / 2)).max(Duration::from_millis(1));
    let piece_of = |row: &UsageRow| {
        let since = row.at.duration_since(from).unwrap_or_default();
        // A row of this very moment belongs to the last piece.
        (since.as_nanos() / piece.as_nanos()).min(HistoryLine::MOST as u128 / 2 - 1)
    };
    // The row before the span tells where the line begins.
    let before = rows.iter().rev().find(|row| row.at < from);
    let within: Vec<_> = rows
        .iter()
        .filter(|row| (from..=until).contains(&row.at))
        .collect();
    let mut points = Vec::new();
    for piece in within.chunk_by(|a, b| piece_of(a) == piece_of(b)) {
        let (first, last) = (piece.first(), piece.last());
        points.extend(first.map(|row| point(row)));
        if piece.len() > 1 {
            points.extend(last.map(|row| point(row)));
        }
    }
    if let Some(before) = before
        && points.len() < HistoryLine::MOST
        && !points.is_empty()
    {
        points.insert(0, point(before));
    }
    points
}

fn point(row: &UsageRow) -> HistoryPoint {
    HistoryPoint {
        at: row.at,
        left_percent: (100.0 - row.used_percent).clamp(0.0, 100.0),
        resets_at: row.resets_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Keep, Ledger, Row};

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    fn row(ago: Duration, used_percent: f64) -> UsageRow {
        UsageRow {
            at: now() - ago,
            profile: name("work"),
            window: WEEK,
            used_percent,
            resets_at: Some(now() + HOUR),
        }
    }

    #[test]
    fn a_long_history_is_thinned_and_keeps_its_ends() {
        let minute = Duration::from_secs(60);
        let rows: Vec<_> = (0..10_000_u32)
            .rev()
            .map(|n| row(minute * n, f64::from(n % 100)))
            .collect();
        for span in Span::ALL {
            let points = thinned(&rows, now() - span.length(), now());
            assert!(points.len() <= HistoryLine::MOST, "{span:?}");
            assert!(points.len() > 100, "{span:?}: {}", points.len());
            assert_eq!(points.last().unwrap().at, now());
            assert!(points.is_sorted_by_key(|point| point.at));
        }
    }

    #[test]
    fn a_line_begins_where_the_last_word_before_it_left_off() {
        let rows = [row(HOUR * 30, 20.0), row(HOUR * 2, 50.0)];
        let points = thinned(&rows, now() - Span::Day.length(), now());
        let left: Vec<_> = points.iter().map(|point| point.left_percent).collect();
        assert_eq!(left, [80.0, 50.0]);
        assert_eq!(
            thinned(&rows[..1], now() - Span::Day.length(), now()),
            [],
            "nothing is known of this span"
        );
    }

    #[test]
    fn what_the_ledger_noted_of_one_profile_is_found_and_nothing_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        let ledger = Ledger::open(home.ledger(), Keep::default(), now()).unwrap();
        ledger.note(Row::Usage(row(HOUR * 40, 10.0)));
        ledger.note(Row::Usage(row(HOUR, 30.0)));
        ledger.note(Row::Usage(UsageRow {
            profile: name("spare"),
            ..row(HOUR, 99.0)
        }));
        ledger.close();

        let history = read(&home, name("work"), false, now());
        let told: Vec<_> = history
            .lines
            .iter()
            .map(|line| {
                let left: Vec<_> = line.points.iter().map(|it| it.left_percent).collect();
                (line.span, line.window, left)
            })
            .collect();
        let both = vec![90.0, 70.0];
        assert_eq!(
            told,
            [
                (Span::Day, WEEK, both.clone()),
                (Span::Week, WEEK, both.clone()),
                (Span::Month, WEEK, both)
            ]
        );
        assert_eq!((history.month_cost, history.trouble), (None, None));
    }

    #[test]
    fn without_a_ledger_there_is_no_history_and_no_trouble() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        let history = read(&home, name("work"), true, now());
        assert_eq!(
            (history.lines, history.month_cost, history.trouble),
            (vec![], None, None)
        );
    }

    #[test]
    fn a_ledger_that_cannot_be_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        std::fs::write(
            home.ledger(),
            "no database at all, but long enough to be looked at",
        )
        .unwrap();
        let history = read(&home, name("work"), true, now());
        assert!(history.trouble.is_some());
    }
}
