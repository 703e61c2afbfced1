//! Records into rows, and rows into records.

use std::time::Duration;

use rusqlite::{Connection, Row as SqlRow, params};
use serde::{Deserialize, Serialize};

use super::spend::{signed, unsigned};
use super::{Binding, LedgerError, UsageRow, millis_of, moment_of, name_of};
use crate::desk::record::{AttemptClass, AttemptRecord, Considered, LeftOut, RequestRecord};
use crate::price::{MicroDollars, Tokens};

/// Who was considered, as compact JSON: it is read as a whole or not at all.
#[derive(Default, Deserialize, Serialize)]
struct KeptConsidered {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<KeptCandidate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<KeptLeftOut>,
    #[serde(default, skip_serializing_if = "is_zero")]
    unlisted: u32,
}

#[derive(Deserialize, Serialize)]
struct KeptCandidate {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    standing: String,
}

#[derive(Deserialize, Serialize)]
struct KeptLeftOut {
    name: String,
    why: String,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The columns that [`request_of`] reads, in its order.
pub(super) const REQUEST: &str = "seq, id, at, key, dialect, model, asked_model, profile, is_paid, strategy, reason, considered, status, is_complete, error, input, cached, output, reasoning, cost, took, first_token, retries, dropped, session, preview, is_estimate";

pub(super) fn put_request(db: &Connection, record: &RequestRecord) -> Result<(), LedgerError> {
    let tokens = record.tokens;
    let count = |of: fn(&Tokens) -> u64| tokens.as_ref().map(of).map(signed);
    // An id comes twice only if somebody else made it: the first one stays.
    let added = db
        .prepare_cached(
            "INSERT OR IGNORE INTO requests (id, at, key, dialect, model, asked_model, profile, is_paid,
                strategy, reason, considered, status, is_complete, error, input, cached, output,
                reasoning, cost, took, first_token, retries, dropped, session, preview, is_estimate)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
        )?
        .execute(params![
            record.id,
            millis_of(record.at),
            record.key,
            record.dialect,
            record.model,
            record.asked_model,
            record.profile.as_ref().map(|name| name.as_str()),
            record.is_paid,
            record.strategy,
            record.reason,
            json(&considered_of(record)),
            record.status,
            record.is_complete,
            record.error,
            count(|tokens| tokens.input),
            count(|tokens| tokens.cached),
            count(|tokens| tokens.output),
            count(|tokens| tokens.reasoning),
            record.cost.map(|cost| signed(cost.0)),
            millis(record.took),
            record.first_token.map(millis),
            record.retries,
            json(&record.dropped),
            record.session,
            record.preview,
            record.is_estimate,
        ])?;
    if added == 0 {
        return Ok(());
    }
    let request = db.last_insert_rowid();
    for (number, attempt) in record.attempts.iter().enumerate() {
        db.prepare_cached(
            "INSERT INTO attempts (request, number, at, profile, result, what, until, took, mended)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            request,
            signed(number as u64 + 1),
            millis_of(attempt.at),
            attempt.profile.as_str(),
            attempt.result.as_str(),
            attempt.what,
            attempt.until.map(millis_of),
            millis(attempt.took),
            json(&attempt.mended),
        ])?;
    }
    Ok(())
}

pub(super) fn put_usage(db: &Connection, row: &UsageRow) -> Result<(), LedgerError> {
    db.prepare_cached(
        "INSERT INTO usage (at, profile, window, used_percent, resets_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        millis_of(row.at),
        row.profile.as_str(),
        signed(row.window.as_secs()),
        row.used_percent,
        row.resets_at.map(millis_of),
    ])?;
    Ok(())
}

pub(super) fn put_binding(db: &Connection, binding: &Binding) -> Result<(), LedgerError> {
    db.prepare_cached(
        "INSERT INTO bindings (session, profile, used_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (session) DO UPDATE SET profile = excluded.profile, used_at = excluded.used_at",
    )?
    .execute(params![
        binding.session,
        binding.profile.as_str(),
        millis_of(binding.used_at)
    ])?;
    Ok(())
}

/// The record of a row of [`REQUEST`], without its attempts, and the row's place.
pub(super) fn request_of(row: &SqlRow<'_>) -> rusqlite::Result<(i64, RequestRecord)> {
    let considered: String = row.get("considered")?;
    // What somebody else wrote there is nothing to explain by.
    let considered: KeptConsidered = serde_json::from_str(&considered).unwrap_or_default();
    let count = |name| {
        row.get::<_, Option<i64>>(name)
            .map(|count| count.map(unsigned))
    };
    let tokens = match count("input")? {
        None => None,
        Some(input) => Some(Tokens {
            input,
            cached: count("cached")?.unwrap_or(0),
            output: count("output")?.unwrap_or(0),
            reasoning: count("reasoning")?.unwrap_or(0),
        }),
    };
    let candidates = considered.candidates.into_iter().filter_map(|kept| {
        Some(Considered {
            profile: name_of(&kept.name)?,
            score: kept.score,
            reason: kept.reason,
            standing: kept.standing,
        })
    });
    let left_out = considered.left_out.into_iter().filter_map(|kept| {
        Some(LeftOut {
            profile: name_of(&kept.name)?,
            why: kept.why,
            until: kept.until.map(moment_of),
        })
    });
    let profile: Option<String> = row.get("profile")?;
    let record = RequestRecord {
        id: row.get("id")?,
        at: moment_of(row.get("at")?),
        key: row.get("key")?,
        dialect: row.get("dialect")?,
        model: row.get("model")?,
        asked_model: row.get("asked_model")?,
        profile: profile.as_deref().and_then(name_of),
        is_paid: row.get("is_paid")?,
        strategy: row.get("strategy")?,
        reason: row.get("reason")?,
        candidates: candidates.collect(),
        left_out: left_out.collect(),
        unlisted: considered.unlisted,
        attempts: Vec::new(),
        status: row.get("status")?,
        is_complete: row.get("is_complete")?,
        error: row.get("error")?,
        tokens,
        is_estimate: row.get("is_estimate")?,
        cost: count("cost")?.map(MicroDollars),
        took: span_of(row.get("took")?),
        first_token: row.get::<_, Option<i64>>("first_token")?.map(span_of),
        retries: row.get("retries")?,
        dropped: list_of(&row.get::<_, String>("dropped")?),
        session: row.get("session")?,
        preview: row.get("preview")?,
    };
    Ok((row.get("seq")?, record))
}

pub(super) fn attempts_of(db: &Connection, request: i64) -> rusqlite::Result<Vec<AttemptRecord>> {
    let mut statement = db.prepare_cached(
        "SELECT at, profile, result, what, until, took, mended FROM attempts WHERE request = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([request])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let (profile, result): (String, String) = (row.get(1)?, row.get(2)?);
        let (Some(profile), Some(result)) = (name_of(&profile), AttemptClass::parse(&result))
        else {
            continue;
        };
        attempts.push(AttemptRecord {
            profile,
            at: moment_of(row.get(0)?),
            took: span_of(row.get(5)?),
            result,
            what: row.get(3)?,
            until: row.get::<_, Option<i64>>(4)?.map(moment_of),
            mended: list_of(&row.get::<_, String>(6)?),
        });
    }
    Ok(attempts)
}

fn considered_of(record: &RequestRecord) -> KeptConsidered {
    KeptConsidered {
        candidates: record
            .candidates
            .iter()
            .map(|it| KeptCandidate {
                name: it.profile.as_str().to_owned(),
                score: it.score.filter(|score| score.is_finite()),
                reason: it.reason.clone(),
                standing: it.standing.clone(),
            })
            .collect(),
        left_out: record
            .left_out
            .iter()
            .map(|out| KeptLeftOut {
                name: out.profile.as_str().to_owned(),
                why: out.why.clone(),
                until: out.until.map(millis_of),
            })
            .collect(),
        unlisted: record.unlisted,
    }
}

/// Plain values of ours, which always have a JSON form.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn list_of(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn span_of(millis: i64) -> Duration {
    Duration::from_millis(unsigned(millis))
}
