//! `explain`: the whole story of one request.

use std::time::SystemTime;

use anyhow::anyhow;
use jiff::tz::TimeZone;

use super::requests::{NOTHING_YET, json_of, label_of, opened, read};
use super::{CliError, say};
use crate::client_key::KeyRing;
use crate::desk::record::{RequestRecord, explain};
use crate::ledger::{Filter, Found};
use crate::store::{Environment, Home, keys_file};

pub(super) fn explain_request(
    environment: &Environment,
    id: &str,
    as_json: bool,
) -> Result<(), CliError> {
    let home = Home::find(environment).map_err(anyhow::Error::from)?;
    let Some(reader) = opened(&home)? else {
        return Err(anyhow!(NOTHING_YET).into());
    };
    let record = if id == "last" {
        let last = read(reader.requests(&Filter::default(), 1))?.pop();
        last.map(|(_, record)| record)
            .ok_or_else(|| anyhow!(NOTHING_YET))?
    } else {
        match read(reader.find(id))? {
            Found::One(record) => *record,
            Found::Nothing => {
                return Err(anyhow!(
                    "no request begins with {id:?}; its id is in the answer's header x-request-id"
                )
                .into());
            }
            Found::Several(number) => {
                return Err(
                    anyhow!("{number} requests begin with {id:?}; give more of the id").into(),
                );
            }
        }
    };
    print(record, &keys_file::read(&home), as_json);
    Ok(())
}

fn print(mut record: RequestRecord, keys: &KeyRing, as_json: bool) {
    if as_json {
        say(&format!("{:#}", json_of(&record, keys)));
        return;
    }
    if let (Some(label), Some(id)) = (label_of(record.key.as_deref(), keys), &record.key) {
        record.key = Some(format!("{label} ({id})"));
    }
    for line in explain(&record, SystemTime::now(), &TimeZone::system()) {
        say(&line);
    }
}
