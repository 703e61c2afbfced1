//! What `logs`, `stats` and `explain` share: which requests are meant, and how one is told to programs.
//!
//! They read the ledger and nothing else, whether the program runs or not, and never write to it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use super::{CliError, parse};
use crate::client_key::KeyRing;
use crate::desk::record::{self, RequestRecord};
use crate::ledger::{Filter, LedgerError, Reader, Status};
use crate::store::Home;

/// Which requests are wanted; everything that is given must be true of one.
#[derive(Debug, Default, Args)]
pub(super) struct Wanted {
    /// Only of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only with this status, such as 429 or 4xx
    #[arg(long)]
    status: Option<String>,
    /// Only for this model; * stands for any text
    #[arg(long)]
    model: Option<String>,
    /// Only with this client key: its label or its id
    #[arg(long)]
    key: Option<String>,
}

impl Wanted {
    /// `since` is a span such as `90s`, `30m`, `24h`, `7d`, or `all`.
    pub(super) fn filter(
        &self,
        since: &str,
        keys: &KeyRing,
        now: SystemTime,
    ) -> Result<Filter, CliError> {
        let status = self.status.as_deref().map(|text| {
            Status::parse(text)
                .ok_or_else(|| CliError::Usage(format!("{text:?} is no status; write 429 or 4xx")))
        });
        Ok(Filter {
            since: start_of(since, now)?,
            profile: self.account.as_deref().map(parse).transpose()?,
            status: status.transpose()?,
            model: self.model.clone(),
            key: self.key.as_deref().map(|text| {
                let labelled = keys.keys().iter().find(|key| key.label == text);
                // One that is deleted has no label any more.
                labelled.map_or_else(|| text.to_owned(), |key| key.id.to_string())
            }),
            ..Filter::default()
        })
    }
}

/// The moment so long before `now`; nothing for `all`.
fn start_of(since: &str, now: SystemTime) -> Result<Option<SystemTime>, CliError> {
    if since == "all" {
        return Ok(None);
    }
    let wrong = || {
        CliError::Usage(format!(
            "{since:?} is no span of time; write 90s, 30m, 24h, 7d or all"
        ))
    };
    let unit = match since.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let number = since.get(..since.len() - 1).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_not_whole| wrong())?;
    let span = Duration::from_secs(number.saturating_mul(unit));
    // Longer ago than anything can have been recorded.
    let start = now.checked_sub(span).unwrap_or(UNIX_EPOCH);
    Ok(Some(start.max(UNIX_EPOCH)))
}

/// The ledger, open for reading; nothing when nothing was recorded yet.
pub(super) fn opened(home: &Home) -> Result<Option<Reader>, CliError> {
    match Reader::open(&home.ledger()) {
        Ok(reader) => Ok(Some(reader)),
        Err(LedgerError::Missing) => Ok(None),
        Err(err) => Err(anyhow::Error::from(err).into()),
    }
}

pub(super) const NOTHING_YET: &str =
    "No request is recorded yet. The router records them unless ledger.enabled is false.";

/// A failure of the ledger, for [`CliError`].
pub(super) fn read<T>(result: Result<T, LedgerError>) -> Result<T, CliError> {
    result.map_err(|err| anyhow::Error::from(err).into())
}

/// What people call the key with this id; nothing when it is there no more.
pub(super) fn label_of<'k>(id: Option<&str>, keys: &'k KeyRing) -> Option<&'k str> {
    let id = id?;
    let key = keys.keys().iter().find(|key| key.id.as_str() == id)?;
    Some(&key.label)
}

/// One request for programs.
pub(super) fn json_of(record: &RequestRecord, keys: &KeyRing) -> Value {
    record::json_of(record, label_of(record.key.as_deref(), keys))
}

/// Says the rows with their columns aligned; the last column is not padded.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.chars().count() + 2));
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn a_span_of_time_is_read_in_every_unit() {
        let back = |text: &str| {
            let start = start_of(text, noon()).unwrap();
            start.map(|at| noon().duration_since(at).unwrap().as_secs())
        };
        assert_eq!(
            ["90s", "30m", "24h", "7d", "all"].map(back),
            [Some(90), Some(1_800), Some(86_400), Some(604_800), None]
        );
        for wrong in ["", "h", "1w", "-1h", "1.5h", "yesterday", "1é"] {
            assert!(
                matches!(start_of(wrong, noon()), Err(CliError::Usage(_))),
                "{wrong}"
            );
        }
        assert_eq!(
            start_of("99999999999999d", noon()).unwrap(),
            Some(UNIX_EPOCH)
        );
    }

    #[test]
    fn a_key_is_called_by_its_label_as_long_as_it_is_there() {
        use crate::client_key::{ClientKey, Policy};

        let (key, _) = ClientKey::make("laptop".into(), Policy::default(), [1; 32], noon());
        let id = key.id.to_string();
        let keys = KeyRing::new(vec![key], true);
        assert_eq!(label_of(Some(&id), &keys), Some("laptop"));
        assert_eq!(label_of(Some(&id), &KeyRing::default()), None);
        assert_eq!(label_of(None, &keys), None);
    }

    #[test]
    fn what_is_no_status_or_no_name_is_asked_wrongly() {
        let wrong = |wanted: Wanted| {
            let filter = wanted.filter("1h", &KeyRing::default(), noon());
            matches!(filter, Err(CliError::Usage(_)))
        };
        assert!(wrong(Wanted {
            status: Some("fine".into()),
            ..Wanted::default()
        }));
        assert!(wrong(Wanted {
            account: Some("../x".into()),
            ..Wanted::default()
        }));
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned);
        assert_eq!(
            table(&[row(["é", "x"]), row(["long", ""])]),
            ["é     x", "long"]
        );
    }
}
