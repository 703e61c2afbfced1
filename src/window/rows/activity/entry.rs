//! One request as a row of the table.

use crate::desk::Names;
use crate::desk::record::{AttemptClass, RequestRecord, outcome};
use crate::desk::words;
use crate::window::rows::spoken;
use crate::window::rows::telling::Teller;

/// A row, worded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: String,
    /// `14:42:07`, or with its day.
    pub time: String,
    pub key: String,
    pub model: String,
    pub account: String,
    /// Whether an account had it.
    pub has_account: bool,
    /// Why that account: `most left`, `retried from personal`.
    pub reason: String,
    pub state: EntryState,
    pub status: String,
    /// How many more attempts than one.
    pub retries: Option<String>,
    pub tokens_in: String,
    pub tokens_out: String,
    pub first_token: String,
    pub total: String,
    pub spoken: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    Done,
    Limited,
    /// The client went away.
    Left,
    Failed,
}

/// What stands where there is nothing to tell.
const NONE: &str = "\u{2013}";

pub(super) fn of(record: &RequestRecord, names: &Names, teller: &Teller<'_>) -> Entry {
    let account = record.profile.as_ref().map(|name| names.account(name));
    let key = record.key.as_deref().map_or("", |id| names.key(id));
    let model = model(record);
    let state = state(record);
    let time = time(record, teller);
    let (tokens_in, tokens_out) = tokens(record, state);
    let total = words::latency(record.took);
    let retries = (record.retries > 0).then(|| record.retries.to_string());
    let spoken = spoken::list([
        Some(time.clone()),
        Some(account.clone().unwrap_or_else(|| "no account".to_owned())),
        Some(model.clone()),
        Some(outcome(record)),
        retries.as_ref().map(|retries| format!("retries {retries}")),
        Some(total.clone()),
    ]);
    Entry {
        id: record.id.clone(),
        time,
        key: key.to_owned(),
        model,
        has_account: account.is_some(),
        account: account.unwrap_or_else(|| "no account".to_owned()),
        reason: reason(record, names),
        state,
        status: status(record),
        retries,
        tokens_in,
        tokens_out,
        first_token: match record.first_token {
            Some(first) => words::latency(first),
            None => unknown(state).to_owned(),
        },
        total,
        spoken,
    }
}

pub(super) fn model(record: &RequestRecord) -> String {
    match (record.model.as_str(), record.asked_model.as_str()) {
        ("", "") => "no model".to_owned(),
        ("", asked) => asked.to_owned(),
        (model, _) => model.to_owned(),
    }
}

pub(super) fn state(record: &RequestRecord) -> EntryState {
    match record.status {
        499 => EntryState::Left,
        429 => EntryState::Limited,
        200..=399 if record.is_complete => EntryState::Done,
        _ => EntryState::Failed,
    }
}

pub(super) fn status(record: &RequestRecord) -> String {
    match (record.status, record.is_complete) {
        (499, _) => "stopped".to_owned(),
        (200..=399, false) => "cut off".to_owned(),
        (status, _) => status.to_string(),
    }
}

/// Of today the time, else the day with it.
fn time(record: &RequestRecord, teller: &Teller<'_>) -> String {
    let (Some(at), Some(now)) = (teller.zoned(record.at), teller.zoned(teller.now)) else {
        return "unknown".to_owned();
    };
    let form = if at.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%-d %b %H:%M"
    };
    at.strftime(form).to_string()
}

fn reason(record: &RequestRecord, names: &Names) -> String {
    let served = record.profile.as_ref();
    let failed = record
        .attempts
        .iter()
        .find(|attempt| attempt.result != AttemptClass::Served && Some(&attempt.profile) != served);
    match (served, failed) {
        (Some(_), Some(failed)) => format!("retried from {}", names.account(&failed.profile)),
        _ => record.reason.clone().unwrap_or_default(),
    }
}

/// An answer that did not tell is unknown; where there was none there is nothing to know.
fn unknown(state: EntryState) -> &'static str {
    match state {
        EntryState::Done => "unknown",
        EntryState::Limited | EntryState::Left | EntryState::Failed => NONE,
    }
}

fn tokens(record: &RequestRecord, state: EntryState) -> (String, String) {
    let Some(tokens) = record.tokens else {
        let none = unknown(state);
        return (none.to_owned(), none.to_owned());
    };
    let (input, output) = (words::tokens(tokens.input), words::tokens(tokens.output));
    if record.is_estimate {
        (format!("est. {input}"), output)
    } else {
        (input, output)
    }
}
