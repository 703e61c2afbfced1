//! Everything about one request: why this account, where the time went, what it used.

use std::time::Duration;

use super::curl;
use super::entry::{self, EntryState};
use crate::desk::record::{self, AttemptClass, AttemptRecord, RequestRecord};
use crate::desk::{Names, Snapshot, words};
use crate::window::rows::telling::Teller;

#[derive(Clone, Debug, PartialEq)]
pub struct Drawer {
    pub id: String,
    pub title: String,
    pub state: EntryState,
    pub status: String,
    /// `today 14:40:58 · ci-runner · responses`.
    pub place: String,
    pub accounts: Vec<AccountLine>,
    pub total: String,
    pub phases: Vec<Phase>,
    /// Words and values.
    pub facts: Vec<(&'static str, String)>,
    /// For a terminal; nothing while nobody knows where the router would listen.
    pub curl: Option<String>,
    /// For somebody who asks why.
    pub details: String,
    pub spoken: String,
}

/// What became of one account in the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLine {
    pub mark: AccountMark,
    pub name: String,
    pub words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountMark {
    /// It was asked and answered, or could have been asked.
    Ready,
    /// It had nothing left, or was asked too often.
    Limited,
    SignIn,
    Failed,
    /// It was not asked.
    Skipped,
}

/// A part of the time that a request took.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    pub kind: PhaseKind,
    pub label: String,
    /// Of the whole, 0 to 1.
    pub share: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseKind {
    Failed,
    Wait,
    Stream,
}

pub(super) fn of(
    snapshot: &Snapshot,
    record: &RequestRecord,
    names: &Names,
    teller: &Teller<'_>,
) -> Drawer {
    let status = entry::status(record);
    let title = entry::model(record);
    let place = place(record, names, teller);
    Drawer {
        id: record.id.clone(),
        spoken: format!("{title}, {}, {place}", record::outcome(record)),
        title,
        state: entry::state(record),
        status,
        place,
        accounts: accounts(record, names, teller),
        total: words::latency(record.took),
        phases: phases(record),
        facts: facts(record),
        curl: snapshot
            .router
            .base_url()
            .map(|base_url| curl::of(record, &base_url)),
        details: details(record, names, teller),
    }
}

fn place(record: &RequestRecord, names: &Names, teller: &Teller<'_>) -> String {
    let at = teller.zoned(record.at).zip(teller.zoned(teller.now));
    let at = at.map(|(at, now)| {
        let form = if at.date() == now.date() {
            "today %H:%M:%S"
        } else {
            "%-d %b %H:%M:%S"
        };
        at.strftime(form).to_string()
    });
    let key = record.key.as_deref().map(|id| names.key(id).to_owned());
    let parts = [at, key, Some(record.dialect.clone())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Who was asked, in that order; who could have been; who could not.
fn accounts(record: &RequestRecord, names: &Names, teller: &Teller<'_>) -> Vec<AccountLine> {
    let mut lines = Vec::new();
    let served = |attempt: &AttemptRecord| attempt.result == AttemptClass::Served;
    for attempt in record.attempts.iter().filter(|attempt| !served(attempt)) {
        let is_last = record.profile.as_ref() == Some(&attempt.profile);
        let reason = record.reason.as_ref().filter(|_| is_last);
        let chosen = reason.map_or_else(String::new, |reason| format!("chosen: {reason}; "));
        lines.push(AccountLine {
            mark: mark(attempt.result),
            name: names.account(&attempt.profile),
            words: format!(
                "{chosen}{} after {}",
                record::ended(attempt, teller.now, teller.zone()),
                words::latency(attempt.took)
            ),
        });
    }
    let is_served = record.attempts.is_empty() || record.attempts.iter().any(served);
    if let Some(name) = record.profile.as_ref().filter(|_| is_served) {
        let standing = record.candidates.iter().find(|it| it.profile == *name);
        let standing = standing.map_or("", |it| &it.standing);
        let reason = record.reason.as_deref().unwrap_or_default();
        lines.push(AccountLine {
            mark: AccountMark::Ready,
            name: names.account(name),
            words: match reason {
                "" => "chosen".to_owned(),
                reason => format!("chosen: {}", with_standing(reason, standing)),
            },
        });
    }
    let was_asked = |name| {
        record.profile.as_ref() == Some(name)
            || record
                .attempts
                .iter()
                .any(|attempt| attempt.profile == *name)
    };
    let others = record
        .candidates
        .iter()
        .filter(|it| !was_asked(&it.profile));
    for (index, other) in others.enumerate() {
        let place = if index == 0 {
            "runner-up"
        } else {
            "after that"
        };
        lines.push(AccountLine {
            mark: AccountMark::Ready,
            name: names.account(&other.profile),
            words: with_standing(place, &other.standing),
        });
    }
    for out in &record.left_out {
        let why = record::why_not(out, teller.now, teller.zone());
        lines.push(AccountLine {
            mark: AccountMark::Skipped,
            name: names.account(&out.profile),
            words: format!("skipped: {why}"),
        });
    }
    lines
}

/// `most left, 94% left`.
fn with_standing(words: &str, standing: &str) -> String {
    match standing {
        "" => words.to_owned(),
        same if same == words => words.to_owned(),
        standing => format!("{words}, {}", standing.replace(" percent", "%")),
    }
}

fn mark(result: AttemptClass) -> AccountMark {
    match result {
        AttemptClass::Served => AccountMark::Ready,
        AttemptClass::UsageLimit | AttemptClass::Throttled | AttemptClass::Overloaded => {
            AccountMark::Limited
        }
        AttemptClass::Unauthorized | AttemptClass::AccountRefused => AccountMark::SignIn,
        AttemptClass::Challenged
        | AttemptClass::Failing
        | AttemptClass::Unreachable
        | AttemptClass::ClientFault
        | AttemptClass::Cut => AccountMark::Failed,
        AttemptClass::ModelNotSupported | AttemptClass::Abandoned | AttemptClass::NotSent => {
            AccountMark::Skipped
        }
    }
}

/// What failed, how long the one that answered let us wait, how long it spoke.
fn phases(record: &RequestRecord) -> Vec<Phase> {
    let failed = record.attempts.iter();
    let failed = failed.filter(|attempt| attempt.result != AttemptClass::Served);
    let failed = failed.map(|attempt| attempt.took).sum::<Duration>();
    let failed = failed.min(record.took);
    let first = record.first_token.unwrap_or(record.took);
    let first = first.clamp(failed, record.took);
    let wait = first.saturating_sub(failed);
    let stream = record.took.saturating_sub(first);
    let whole = record.took.as_secs_f32();
    [
        (PhaseKind::Failed, "failed", failed),
        (PhaseKind::Wait, "wait", wait),
        (PhaseKind::Stream, "stream", stream),
    ]
    .into_iter()
    .filter(|(_, _, took)| !took.is_zero())
    .map(|(kind, label, took)| Phase {
        kind,
        label: format!("{label} {}", words::latency(took)),
        share: took.as_secs_f32() / whole,
    })
    .collect()
}

fn facts(record: &RequestRecord) -> Vec<(&'static str, String)> {
    let (input, output) = tokens(record);
    let mut facts = vec![("Input", input), ("Output", output), ("Cost", cost(record))];
    let asked = record.asked_model.as_str();
    if !asked.is_empty() && asked != record.model && !record.model.is_empty() {
        facts.push(("Asked as", asked.to_owned()));
    }
    if !record.dropped.is_empty() {
        facts.push(("Left out of it", record.dropped.join(", ")));
    }
    if let Some(error) = &record.error {
        facts.push(("Error", error.clone()));
    }
    facts
}

fn tokens(record: &RequestRecord) -> (String, String) {
    let Some(tokens) = record.tokens else {
        return ("unknown".to_owned(), "unknown".to_owned());
    };
    let number = |count| words::number(usize::try_from(count).unwrap_or(usize::MAX));
    if record.is_estimate {
        let estimate = |count| format!("est. {}", number(count));
        return (estimate(tokens.input), estimate(tokens.output));
    }
    (
        format!(
            "{} · {} cached",
            number(tokens.input),
            number(tokens.cached)
        ),
        format!(
            "{} · {} reasoning",
            number(tokens.output),
            number(tokens.reasoning)
        ),
    )
}

fn cost(record: &RequestRecord) -> String {
    match record.cost {
        Some(cost) if record.is_paid => format!("est. {cost}"),
        Some(cost) => format!("est. {cost} · in the plan"),
        None => "unknown".to_owned(),
    }
}

/// What the command line tells of it, without the beginning of a body that may be kept, and by aliases while e-mails are hidden.
fn details(record: &RequestRecord, names: &Names, teller: &Teller<'_>) -> String {
    let mut record = record.clone();
    record.preview = None;
    names.hide(&mut record);
    if let Some(id) = &record.key
        && let Some(label) = names.keys.get(id)
    {
        record.key = Some(format!("{label} ({id})"));
    }
    record::explain(&record, teller.now, teller.zone()).join("\n")
}
