//! A record in words, for every face: what happened, why this account, who was left out and until when.

use std::time::SystemTime;

use jiff::tz::TimeZone;

use super::{AttemptClass, AttemptRecord, LeftOut, RequestRecord};
use crate::desk::words;

/// What the client got: `answered`, `429 usage_limit_reached`, `the client went away`.
pub fn outcome(record: &RequestRecord) -> String {
    match (record.status, record.is_complete, &record.error) {
        (499, ..) => "the client went away".to_owned(),
        (status @ 400.., _, Some(error)) => format!("{status} {error}"),
        (status @ 400.., _, None) => status.to_string(),
        (_, true, _) => "answered".to_owned(),
        (_, false, Some(error)) => format!("broke off ({error})"),
        (_, false, None) => "broke off".to_owned(),
    }
}

/// Why it went to whom it went, in one sentence without a full stop: `work (most left); left out: spare (empty until 16:05)`.
pub fn decision(record: &RequestRecord, now: SystemTime, zone: &TimeZone) -> String {
    let chosen = match (&record.profile, &record.reason) {
        (Some(profile), Some(reason)) => format!("{profile} ({reason})"),
        (Some(profile), None) => profile.to_string(),
        (None, _) if record.attempts.is_empty() && record.left_out.is_empty() => {
            return "no account was asked".to_owned();
        }
        (None, _) => "no account".to_owned(),
    };
    let failed: Vec<_> = record
        .attempts
        .iter()
        .filter(|attempt| attempt.result != AttemptClass::Served)
        .filter(|attempt| Some(&attempt.profile) != record.profile.as_ref())
        .map(|attempt| format!("{} {}", attempt.profile, ended(attempt, now, zone)))
        .collect();
    let left_out: Vec<_> = record
        .left_out
        .iter()
        .map(|out| format!("{} ({})", out.profile, why_not(out, now, zone)))
        .collect();
    let mut text = chosen;
    if !failed.is_empty() {
        text.push_str(&format!(", after {}", failed.join(", ")));
    }
    if !left_out.is_empty() {
        text.push_str(&format!("; left out: {}", left_out.join(", ")));
    }
    if record.unlisted > 0 {
        text.push_str(&format!(" and {} more", record.unlisted));
    }
    text
}

/// Everything that is known, a line each, for a person who asks "why?".
pub fn explain(record: &RequestRecord, now: SystemTime, zone: &TimeZone) -> Vec<String> {
    let mut lines = Vec::new();
    let mut head = format!(
        "{}: {} at {}, {} after {}",
        record.id,
        record.dialect,
        moment(record.at, zone),
        outcome(record),
        words::latency(record.took)
    );
    if let Some(first) = record.first_token {
        head.push_str(&format!(", first token after {}", words::latency(first)));
    }
    lines.push(head);
    lines.push(model_line(record));
    if let Some(key) = &record.key {
        lines.push(format!("key: {key}"));
    }
    lines.push(match (&record.profile, &record.reason) {
        (Some(profile), Some(reason)) => {
            format!(
                "account: {profile}, because: {reason} (strategy {})",
                record.strategy
            )
        }
        (Some(profile), None) => format!("account: {profile} (strategy {})", record.strategy),
        (None, _) if record.strategy.is_empty() => "account: none was looked for".to_owned(),
        (None, _) => format!("account: none (strategy {})", record.strategy),
    });
    for (place, other) in record.candidates.iter().enumerate() {
        let mut words = other.reason.clone();
        if other.standing != other.reason && !other.standing.is_empty() {
            words.push_str(&format!(", {}", other.standing));
        }
        lines.push(format!("  {}. {}: {words}", place + 1, other.profile));
    }
    for out in &record.left_out {
        lines.push(format!(
            "  left out: {}: {}",
            out.profile,
            why_not(out, now, zone)
        ));
    }
    if record.unlisted > 0 {
        lines.push(format!("  and {} more", record.unlisted));
    }
    for (place, attempt) in record.attempts.iter().enumerate() {
        lines.push(format!(
            "attempt {}: {} at {}: {} after {}",
            place + 1,
            attempt.profile,
            clock(attempt.at, zone),
            ended(attempt, now, zone),
            words::latency(attempt.took)
        ));
        lines.extend(
            attempt
                .mended
                .iter()
                .map(|mended| format!("  before that: {mended}")),
        );
    }
    if record.retries > 0 {
        lines.push(format!("retries: {}", record.retries));
    }
    if !record.dropped.is_empty() {
        lines.push(format!(
            "left out of the request: {}",
            record.dropped.join(", ")
        ));
    }
    lines.push(tokens_line(record));
    lines.push(cost_line(record));
    if let Some(session) = &record.session {
        lines.push(format!("session: {session}"));
    }
    if let Some(preview) = &record.preview {
        lines.push(format!("body: {preview}"));
    }
    lines
}

fn model_line(record: &RequestRecord) -> String {
    match (record.model.as_str(), record.asked_model.as_str()) {
        ("", "") => "model: not known".to_owned(),
        (model, "") => format!("model: {model}, and nobody was asked for it"),
        (model, asked) if model == asked || model.is_empty() => format!("model: {asked}"),
        (model, asked) => format!("model: {model}, asked upstream as {asked}"),
    }
}

fn tokens_line(record: &RequestRecord) -> String {
    let Some(tokens) = record.tokens else {
        return "tokens: not told".to_owned();
    };
    if record.is_estimate {
        return format!(
            "tokens: est. {} in, {} out; the answer did not tell",
            tokens.input, tokens.output
        );
    }
    format!(
        "tokens: {} in ({} cached), {} out ({} reasoning)",
        tokens.input, tokens.cached, tokens.output, tokens.reasoning
    )
}

fn cost_line(record: &RequestRecord) -> String {
    match (record.cost, record.tokens) {
        (Some(cost), _) if record.is_paid => format!("cost: est. {cost}"),
        (Some(cost), _) => {
            format!("cost: covered by the plan; by the API's list prices est. {cost}")
        }
        (None, None) => "cost: unknown".to_owned(),
        (None, Some(_)) => "cost: unknown, this model has no price here".to_owned(),
    }
}

/// How an attempt ended: `answered`, `was empty until 16:05`, `failed (status 500)`.
pub fn ended(attempt: &AttemptRecord, now: SystemTime, zone: &TimeZone) -> String {
    let words = match attempt.result {
        AttemptClass::Served => "answered",
        AttemptClass::UsageLimit => "was empty",
        AttemptClass::Throttled => "was throttled",
        AttemptClass::Overloaded => "had an overloaded service",
        AttemptClass::Challenged => "was kept off by something in front of the service",
        AttemptClass::AccountRefused => "was refused as an account",
        AttemptClass::Unauthorized => "refused the login",
        AttemptClass::Failing => "failed",
        AttemptClass::Unreachable => "could not be reached",
        AttemptClass::ModelNotSupported => "does not have this model",
        AttemptClass::ClientFault => "refused the request",
        AttemptClass::Cut => "broke off",
        AttemptClass::Abandoned => "was left before its end",
        AttemptClass::NotSent => "was not asked",
    };
    let what = attempt.what.as_ref().map(|what| format!(" ({what})"));
    let until = attempt
        .until
        .map(|until| format!(" until {}", words::clock(until, now, zone)));
    format!(
        "{words}{}{}",
        what.unwrap_or_default(),
        until.unwrap_or_default()
    )
}

/// Why an account was left out: `empty until 16:05`.
pub fn why_not(out: &LeftOut, now: SystemTime, zone: &TimeZone) -> String {
    match out.until {
        Some(until) => format!("{} until {}", out.why, words::clock(until, now, zone)),
        None => out.why.clone(),
    }
}

fn moment(at: SystemTime, zone: &TimeZone) -> String {
    strftime(at, zone, "%Y-%m-%d %H:%M:%S")
}

fn clock(at: SystemTime, zone: &TimeZone) -> String {
    strftime(at, zone, "%H:%M:%S")
}

fn strftime(at: SystemTime, zone: &TimeZone, form: &str) -> String {
    match jiff::Timestamp::try_from(at) {
        Ok(at) => at.to_zoned(zone.clone()).strftime(form).to_string(),
        // Beyond the year 9999.
        Err(_) => "an unknown time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Considered;
    use std::time::Duration;

    use super::*;
    use crate::price::{MicroDollars, Tokens};
    use crate::profile::ProfileName;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    /// 2027-01-15 08:00:00 UTC.
    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn in_secs(secs: u64) -> SystemTime {
        noon() + Duration::from_secs(secs)
    }

    fn record() -> RequestRecord {
        RequestRecord {
            id: "req_00ff".into(),
            at: noon(),
            key: Some("k1".into()),
            dialect: "chat".into(),
            model: "claude-opus".into(),
            asked_model: "gpt-5.5".into(),
            profile: Some(name("home")),
            is_paid: false,
            strategy: "least_used".into(),
            reason: Some("most left".into()),
            candidates: vec![Considered {
                profile: name("home"),
                reason: "most left".into(),
                score: Some(80.0),
                standing: "80 percent left".into(),
            }],
            left_out: vec![LeftOut {
                profile: name("spare"),
                why: "empty".into(),
                until: Some(in_secs(3_600)),
            }],
            unlisted: 0,
            attempts: vec![
                AttemptRecord {
                    profile: name("work"),
                    at: noon(),
                    took: Duration::from_millis(120),
                    result: AttemptClass::Failing,
                    what: Some("status 500".into()),
                    until: None,
                    mended: vec![],
                },
                AttemptRecord {
                    profile: name("home"),
                    at: in_secs(1),
                    took: Duration::from_millis(2_100),
                    result: AttemptClass::Served,
                    what: None,
                    until: None,
                    mended: vec!["its login was renewed".into()],
                },
            ],
            status: 200,
            is_complete: true,
            error: None,
            is_estimate: false,
            tokens: Some(Tokens {
                input: 100,
                cached: 80,
                output: 20,
                reasoning: 5,
            }),
            cost: Some(MicroDollars(12_300)),
            took: Duration::from_millis(2_400),
            first_token: Some(Duration::from_millis(850)),
            retries: 2,
            dropped: vec!["temperature".into()],
            session: None,
            preview: None,
        }
    }

    #[test]
    fn a_decision_is_one_sentence_with_every_reason() {
        assert_eq!(
            decision(&record(), noon(), &TimeZone::UTC),
            "home (most left), after work failed (status 500); left out: spare (empty until 09:00)"
        );
        let refused = RequestRecord {
            profile: None,
            reason: None,
            attempts: vec![],
            left_out: vec![],
            ..record()
        };
        assert_eq!(
            decision(&refused, noon(), &TimeZone::UTC),
            "no account was asked"
        );
    }

    #[test]
    fn an_explanation_tells_everything_that_is_known() {
        assert_eq!(
            explain(&record(), noon(), &TimeZone::UTC),
            [
                "req_00ff: chat at 2027-01-15 08:00:00, answered after 2.4s, first token after 0.85s",
                "model: claude-opus, asked upstream as gpt-5.5",
                "key: k1",
                "account: home, because: most left (strategy least_used)",
                "  1. home: most left, 80 percent left",
                "  left out: spare: empty until 09:00",
                "attempt 1: work at 08:00:00: failed (status 500) after 0.12s",
                "attempt 2: home at 08:00:01: answered after 2.1s",
                "  before that: its login was renewed",
                "retries: 2",
                "left out of the request: temperature",
                "tokens: 100 in (80 cached), 20 out (5 reasoning)",
                "cost: covered by the plan; by the API's list prices est. $0.0123",
            ]
        );
    }

    #[test]
    fn an_unknown_cost_is_called_unknown() {
        let unknown = RequestRecord {
            cost: None,
            is_paid: true,
            ..record()
        };
        let told = explain(&unknown, noon(), &TimeZone::UTC);
        assert!(told.contains(&"cost: unknown, this model has no price here".to_owned()));
        let paid = RequestRecord {
            is_paid: true,
            ..record()
        };
        let told = explain(&paid, noon(), &TimeZone::UTC);
        assert!(told.contains(&"cost: est. $0.0123".to_owned()));
    }

    #[test]
    fn tokens_that_an_answer_did_not_tell_are_called_an_estimate() {
        let cut = RequestRecord {
            is_estimate: true,
            ..record()
        };
        let told = explain(&cut, noon(), &TimeZone::UTC);
        assert!(told.contains(&"tokens: est. 100 in, 20 out; the answer did not tell".to_owned()));
    }

    #[test]
    fn the_outcome_is_told_as_the_client_saw_it() {
        let with = |status, is_complete, error: Option<&str>| {
            outcome(&RequestRecord {
                status,
                is_complete,
                error: error.map(str::to_owned),
                ..record()
            })
        };
        assert_eq!(with(200, true, None), "answered");
        assert_eq!(with(200, false, None), "broke off");
        assert_eq!(with(499, false, None), "the client went away");
        assert_eq!(
            with(429, false, Some("usage_limit_reached")),
            "429 usage_limit_reached"
        );
    }
}
