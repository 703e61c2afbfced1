//! How fast accounts were used in the last day, read from the ledger at the start: the pace of a forecast should not begin anew with
//! every start of the program.

use std::time::SystemTime;

use tracing::warn;

use crate::ledger::{LedgerError, Reader};
use crate::profile::ProfileName;
use crate::store::Home;
use crate::usage::recent::LOOKS_BACK;
use crate::usage::{RecentUse, Window};

/// More than a day of answers brings; the newest are read.
const MOST_ROWS: usize = 20_000;

/// Blocks for some milliseconds. Of whom nothing is known, nothing is told.
pub fn read(
    home: &Home,
    names: Vec<ProfileName>,
    now: SystemTime,
) -> Vec<(ProfileName, RecentUse)> {
    let read = Reader::open(&home.ledger()).and_then(|ledger| {
        let of = |name: ProfileName| Ok((of_profile(&ledger, &name, now)?, name));
        names.into_iter().map(of).collect::<Result<Vec<_>, _>>()
    });
    match read {
        Ok(read) => read
            .into_iter()
            .filter_map(|(recent, name)| Some((name, recent?)))
            .collect(),
        Err(LedgerError::Missing) => Vec::new(),
        Err(err) => {
            warn!(error = %err, "how fast accounts were used is not known any more");
            Vec::new()
        }
    }
}

fn of_profile(
    ledger: &Reader,
    name: &ProfileName,
    now: SystemTime,
) -> Result<Option<RecentUse>, LedgerError> {
    let from = now.checked_sub(LOOKS_BACK).unwrap_or(now);
    let mut recent = None;
    for length in ledger.windows(name, from)? {
        for row in ledger.usage(name, length, from, MOST_ROWS)? {
            let window = Window {
                length,
                used_percent: row.used_percent,
                resets_at: row.resets_at,
            };
            recent
                .get_or_insert_with(RecentUse::default)
                .note_window(&window, row.at);
        }
    }
    Ok(recent)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::{Keep, Ledger, Row, UsageRow};

    #[test]
    fn what_the_ledger_noted_in_the_last_day_is_the_pace() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let name = |text: &str| ProfileName::parse(text).unwrap();
        let week = Duration::from_secs(7 * 24 * 3_600);
        assert_eq!(read(&home, vec![name("work")], now), []);

        let ledger = Ledger::open(home.ledger(), Keep::default(), now).unwrap();
        for (hours_ago, used_percent) in [(30, 0.0), (20, 10.0), (10, 20.0), (0, 50.0)] {
            ledger.note(Row::Usage(UsageRow {
                at: now - Duration::from_secs(hours_ago * 3_600),
                profile: name("work"),
                window: week,
                used_percent,
                resets_at: None,
            }));
        }
        ledger.close();

        let read = read(&home, vec![name("work"), name("spare")], now);
        let paces: Vec<_> = read
            .iter()
            .map(|(name, recent)| (name.as_str(), recent.hourly(week, now)))
            .collect();
        assert_eq!(paces, [("work", 2.0)]);
    }
}
