//! `logs`: the last requests, a line each, and on from there with `--follow`.

use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::requests::{NOTHING_YET, Wanted, json_of, opened, read, table};
use super::{CliError, say, try_to_say, warn};
use crate::client_key::KeyRing;
use crate::desk::record::{RequestRecord, outcome};
use crate::desk::words;
use crate::ledger::{Filter, LedgerError, Reader};
use crate::store::{Environment, Home, keys_file};

#[derive(Debug, Args)]
pub(super) struct Wish {
    /// An array of objects for programs; with --follow an object a line
    #[arg(long)]
    json: bool,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Not older than this: 90s, 30m, 24h, 7d or all
    #[arg(long, default_value = "all")]
    since: String,
    /// Go on with new ones, the oldest first, until interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    wanted: Wanted,
}

/// A batch is written four times a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) fn logs(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let home = Home::find(environment).map_err(anyhow::Error::from)?;
    let keys = keys_file::read(&home);
    let filter = wish.wanted.filter(&wish.since, &keys, SystemTime::now())?;
    if wish.follow {
        follow(&home, filter, wish, &keys);
        return Ok(());
    }
    let found = match opened(&home)? {
        Some(reader) => read(reader.requests(&filter, wish.limit))?,
        None => Vec::new(),
    };
    let records: Vec<_> = found.into_iter().map(|(_, record)| record).collect();
    if wish.json {
        let all = records.iter().map(|record| json_of(record, &keys));
        say(&format!("{:#}", Value::Array(all.collect())));
    } else if records.is_empty() {
        say(if filter == Filter::default() {
            NOTHING_YET
        } else {
            "No such request is recorded."
        });
    } else {
        for line in lines_of(&records) {
            say(&line);
        }
    }
    Ok(())
}

/// Until the process is interrupted or nobody reads any more. A file that comes, goes, is begun anew or cannot be read for a while
/// is only waited for.
fn follow(home: &Home, mut filter: Filter, wish: &Wish, keys: &KeyRing) {
    let mut trouble = String::new();
    loop {
        let records = match Reader::open(&home.ledger()) {
            Ok(reader) => more(&reader, &mut filter, wish.limit),
            Err(LedgerError::Missing) => {
                // Of the next file everything is wanted.
                filter.after = Some(0);
                Ok(Vec::new())
            }
            Err(err) => Err(err),
        };
        let told = match records {
            Ok(records) => {
                trouble.clear();
                let mut lines = match wish.json {
                    true => records
                        .iter()
                        .map(|it| json_of(it, keys).to_string())
                        .collect(),
                    false => lines_of(&records),
                };
                lines.drain(..).try_for_each(|line| try_to_say(&line))
            }
            Err(err) => {
                let reason = err.to_string();
                if trouble != reason {
                    warn(&format!("{reason}; waiting"));
                    trouble = reason;
                }
                Ok(())
            }
        };
        if told.is_err() {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What came since the last look, the oldest first; at the first look at most `limit` of what is there.
fn more(
    reader: &Reader,
    filter: &mut Filter,
    limit: usize,
) -> Result<Vec<RequestRecord>, LedgerError> {
    // Before the rows: one that comes in between is found, or found by the next look.
    let newest = reader.newest()?;
    if filter.after.is_some_and(|after| after > newest) {
        // Another file, which counts from one again.
        filter.after = Some(0);
    }
    let limit = filter.after.map_or(limit, |_not_the_first| usize::MAX);
    let mut found = reader.requests(filter, limit)?;
    // Also of what the filter or the limit kept back.
    filter.after = Some(
        found
            .first()
            .map_or(newest, |(place, _)| newest.max(*place)),
    );
    found.reverse();
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

fn lines_of(records: &[RequestRecord]) -> Vec<String> {
    let zone = TimeZone::system();
    let rows: Vec<_> = records.iter().map(|record| row(record, &zone)).collect();
    table(&rows)
}

/// When, id, account, model, dialect, how it ended, how long, tokens, cost.
fn row(record: &RequestRecord, zone: &TimeZone) -> [String; 9] {
    let at = jiff::Timestamp::try_from(record.at);
    let at = at.map(|at| {
        at.to_zoned(zone.clone())
            .strftime("%m-%d %H:%M:%S")
            .to_string()
    });
    let took = match record.first_token {
        Some(first) => format!(
            "{} / {}",
            words::latency(first),
            words::latency(record.took)
        ),
        None => words::latency(record.took),
    };
    let tokens = record.tokens.map(|tokens| {
        let (input, output) = (words::tokens(tokens.input), words::tokens(tokens.output));
        match record.is_estimate {
            true => format!("est. {input} in, {output} out"),
            false => format!(
                "{input} in ({} cached), {output} out",
                words::tokens(tokens.cached)
            ),
        }
    });
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let filled = |text: &str| match text {
        "" => "-".to_owned(),
        text => text.to_owned(),
    };
    [
        // Beyond the year 9999.
        at.unwrap_or_else(|_| "-".to_owned()),
        record.id.get(..12).unwrap_or(&record.id).to_owned(),
        or_dash(record.profile.as_ref().map(ToString::to_string)),
        filled(&record.model),
        record.dialect.clone(),
        outcome(record),
        took,
        or_dash(tokens),
        or_dash(record.cost.map(|cost| format!("est. {cost}"))),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ledger::{Keep, Ledger, Row};

    /// Writes requests for these models into the file.
    fn record(home: &Home, models: &[&str]) {
        let ledger = Ledger::open(home.ledger(), Keep::default(), SystemTime::UNIX_EPOCH).unwrap();
        for model in models {
            ledger.note(Row::Request(Arc::new(RequestRecord {
                id: format!("req_{model}"),
                // An old one would be taken out again at once.
                at: SystemTime::now(),
                key: None,
                dialect: "chat".into(),
                model: (*model).into(),
                asked_model: String::new(),
                profile: None,
                is_paid: false,
                strategy: String::new(),
                reason: None,
                candidates: vec![],
                left_out: vec![],
                unlisted: 0,
                attempts: vec![],
                status: 200,
                is_complete: true,
                error: None,
                is_estimate: false,
                tokens: None,
                cost: None,
                took: Duration::ZERO,
                first_token: None,
                retries: 0,
                dropped: vec![],
                session: None,
                preview: None,
            })));
        }
        ledger.close();
    }

    fn look(home: &Home, filter: &mut Filter, limit: usize) -> Vec<String> {
        let reader = Reader::open(&home.ledger()).unwrap();
        let found = more(&reader, filter, limit).unwrap();
        found.into_iter().map(|record| record.model).collect()
    }

    #[test]
    fn following_goes_on_in_a_file_that_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        let mut filter = Filter::default();
        record(&home, &["a", "b", "c"]);
        assert_eq!(look(&home, &mut filter, 2), ["b", "c"]);
        assert!(look(&home, &mut filter, 2).is_empty());
        record(&home, &["d", "e", "f"]);
        assert_eq!(look(&home, &mut filter, 2), ["d", "e", "f"]);
        for end in ["", "-wal", "-shm"] {
            let path = home.ledger().with_file_name(format!("router.db{end}"));
            // Its companions are there while it is open.
            let _gone = std::fs::remove_file(path);
        }
        record(&home, &["g", "h"]);
        assert_eq!(look(&home, &mut filter, 2), ["g", "h"]);
    }

    #[test]
    fn following_begins_behind_what_the_first_look_did_not_show() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        record(&home, &["a", "b"]);
        let mut all = Filter::default();
        let mut none = Filter {
            model: Some("z*".to_owned()),
            ..Filter::default()
        };
        assert!(look(&home, &mut all, 0).is_empty());
        assert!(look(&home, &mut none, 9).is_empty());
        none.model = None;
        record(&home, &["c"]);
        assert_eq!(look(&home, &mut all, 0), ["c"]);
        assert_eq!(look(&home, &mut none, 9), ["c"]);
    }
}
