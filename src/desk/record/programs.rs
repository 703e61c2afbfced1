//! A record for programs: an object of JSON, or a row of a table. The shape of both stands in the README.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{AttemptRecord, RequestRecord};
use crate::price::Tokens;

/// `key_label` is what people call its key.
pub fn json_of(record: &RequestRecord, key_label: Option<&str>) -> Value {
    let candidates = record.candidates.iter().map(
        |it| json!({ "account": it.profile.as_str(), "reason": it.reason, "score": it.score, "standing": it.standing }),
    );
    let left_out = record.left_out.iter().map(|out| {
        json!({ "account": out.profile.as_str(), "why": out.why, "until": out.until.map(seconds) })
    });
    json!({
        "id": record.id,
        "at": seconds(record.at),
        "key": record.key,
        "key_label": key_label,
        "dialect": record.dialect,
        "model": record.model,
        "asked_model": record.asked_model,
        "account": record.profile.as_ref().map(|name| name.as_str()),
        "paid_by_request": record.is_paid,
        "strategy": record.strategy,
        "reason": record.reason,
        "candidates": candidates.collect::<Vec<_>>(),
        "left_out": left_out.collect::<Vec<_>>(),
        "unlisted": record.unlisted,
        "attempts": record.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
        "status": record.status,
        "complete": record.is_complete,
        "error": record.error,
        "tokens": record.tokens.map(|tokens| {
            let mut json = tokens_json(tokens);
            json["estimated"] = record.is_estimate.into();
            json
        }),
        "estimated_cost_usd": record.cost.map(|cost| cost.dollars()),
        "took_ms": millis(record.took),
        "first_token_ms": record.first_token.map(millis),
        "retries": record.retries,
        "dropped": record.dropped,
        "session": record.session,
        "preview": record.preview,
    })
}

fn attempt_json(attempt: &AttemptRecord) -> Value {
    json!({
        "account": attempt.profile.as_str(),
        "at": seconds(attempt.at),
        "took_ms": millis(attempt.took),
        "result": attempt.result.as_str(),
        "what": attempt.what,
        "until": attempt.until.map(seconds),
        "mended": attempt.mended,
    })
}

pub fn tokens_json(tokens: Tokens) -> Value {
    json!({
        "input": tokens.input,
        "cached": tokens.cached,
        "output": tokens.output,
        "reasoning": tokens.reasoning,
    })
}

pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Since 1970, with three digits behind the point.
fn seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1_000.0
}

/// The names of the columns of [`csv_row`].
pub const CSV_HEAD: &str = "id,at,key,key_label,dialect,model,asked_model,account,paid_by_request,strategy,reason,status,complete,error,input_tokens,cached_tokens,output_tokens,reasoning_tokens,tokens_estimated,estimated_cost_usd,first_token_ms,took_ms,retries,dropped";

/// One row (RFC 4180, without its line end): what is not known is an empty cell. The moment is one of UTC (RFC 3339).
pub fn csv_row(record: &RequestRecord, key_label: Option<&str>) -> String {
    let at = jiff::Timestamp::try_from(record.at).map(|at| at.to_string());
    let account = record.profile.as_ref().map(|name| name.as_str());
    let tokens = |of: fn(&Tokens) -> u64| number(record.tokens.as_ref().map(of));
    let cells = [
        cell(&record.id),
        // Beyond the year 9999.
        at.unwrap_or_default(),
        cell(record.key.as_deref().unwrap_or_default()),
        cell(key_label.unwrap_or_default()),
        cell(&record.dialect),
        cell(&record.model),
        cell(&record.asked_model),
        cell(account.unwrap_or_default()),
        record.is_paid.to_string(),
        cell(&record.strategy),
        cell(record.reason.as_deref().unwrap_or_default()),
        record.status.to_string(),
        record.is_complete.to_string(),
        cell(record.error.as_deref().unwrap_or_default()),
        tokens(|tokens| tokens.input),
        tokens(|tokens| tokens.cached),
        tokens(|tokens| tokens.output),
        tokens(|tokens| tokens.reasoning),
        record
            .tokens
            .map_or_else(String::new, |_| record.is_estimate.to_string()),
        record
            .cost
            .map_or_else(String::new, |cost| cost.dollars().to_string()),
        number(record.first_token.map(millis)),
        millis(record.took).to_string(),
        record.retries.to_string(),
        cell(&record.dropped.join(" ")),
    ];
    cells.join(",")
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// Clients make up models and fields: what a spreadsheet would take for a formula is text here.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = match is_formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        let cells = ["gpt-5.5", "a,b", "say \"a\"", "=1+1", "-1", ""].map(cell);
        assert_eq!(
            cells,
            [
                "gpt-5.5",
                "\"a,b\"",
                "\"say \"\"a\"\"\"",
                "'=1+1",
                "'-1",
                ""
            ]
        );
    }
}
