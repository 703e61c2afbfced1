//! `logs`: the last requests, a line each, and on from there with `--follow`.

use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::requests::{NOTHING_YET, Wanted, json_of, opened, read, short, span, table};
use super::{CliError, say};
use crate::client_key::KeyRing;
use crate::desk::record::{RequestRecord, outcome};
use crate::ledger::Filter;
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
        return follow(&home, filter, wish, &keys);
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
        print(&records);
    }
    Ok(())
}

/// Until the process is interrupted. A file that comes, goes or is begun anew is only waited for.
fn follow(home: &Home, mut filter: Filter, wish: &Wish, keys: &KeyRing) -> Result<(), CliError> {
    let mut is_first = true;
    loop {
        if let Some(reader) = opened(home)? {
            let limit = if is_first { wish.limit } else { usize::MAX };
            let mut found = read(reader.requests(&filter, limit))?;
            is_first = false;
            if let Some((newest, _)) = found.first() {
                filter.after = Some(*newest);
            }
            found.reverse();
            let records: Vec<_> = found.into_iter().map(|(_, record)| record).collect();
            if wish.json {
                for record in &records {
                    say(&json_of(record, keys).to_string());
                }
            } else {
                print(&records);
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn print(records: &[RequestRecord]) {
    let zone = TimeZone::system();
    let rows: Vec<_> = records.iter().map(|record| row(record, &zone)).collect();
    for line in table(&rows) {
        say(&line);
    }
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
        Some(first) => format!("{} / {}", span(first), span(record.took)),
        None => span(record.took),
    };
    let tokens = record.tokens.map(|tokens| {
        format!(
            "{} in ({} cached), {} out",
            short(tokens.input),
            short(tokens.cached),
            short(tokens.output)
        )
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
