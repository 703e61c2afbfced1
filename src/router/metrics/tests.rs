use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::pool::{Access, Trouble, Unusable};
use crate::profile::Secret;
use crate::router::report::{AttemptOutcome, Dialect};
use crate::router::trace::Considered;
use crate::translate::responses::TokenUsage;
use crate::usage::{Usage, Window};

const NOON: SystemTime = SystemTime::UNIX_EPOCH;

/// Every sample, by its name and labels as they stand in the text; fails on what no scraper would read.
pub(in crate::router) fn samples(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with its mark");
    let mut samples = BTreeMap::new();
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    let mut family = String::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(["HELP", "TYPE"].contains(&kind), "{line}");
            assert!(!words.next().unwrap_or_default().is_empty(), "{line}");
            assert!(told.insert((kind.into(), name.into())), "twice: {line}");
            family = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let name = series.split('{').next().unwrap();
        assert!(name.starts_with(&family), "{line} stands below {family}");
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(is_plain), "{line}");
        if let Some(labels) = series.strip_prefix(name).filter(|rest| !rest.is_empty()) {
            check_labels(labels);
        }
        let value: f64 = value.parse().expect("a number");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{line}");
    }
    for (_, name) in &told {
        for kind in ["HELP", "TYPE"] {
            assert!(
                told.contains(&(kind.to_owned(), name.clone())),
                "{name} has no {kind}"
            );
        }
    }
    samples
}

/// `{a="b",c="d"}`
fn check_labels(text: &str) {
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let mut rest = inner.expect("braces");
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a label");
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(!name.is_empty() && name.chars().all(is_plain), "{text}");
        let mut end = None;
        let mut is_escaped = false;
        for (at, c) in value.char_indices() {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let after = &value[end.expect("the end of a value") + 1..];
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

fn name(text: &str) -> ProfileName {
    ProfileName::existing(text).unwrap()
}

fn done(profile: Option<&str>, model: &str, status: u16) -> RequestDone {
    RequestDone {
        id: "req_fake".into(),
        key: None,
        dialect: Dialect::Chat,
        model: model.into(),
        asked_model: model.into(),
        profile: profile.map(name),
        reason: None,
        considered: Considered::default(),
        attempts: vec![],
        session: None,
        status,
        is_complete: status == 200,
        error: None,
        took: Duration::from_secs(3),
        first_token: Some(Duration::from_millis(300)),
        tokens: (status == 200).then(|| TokenUsage {
            input: 100,
            cached: 60,
            output: 20,
            reasoning: 5,
            ..TokenUsage::default()
        }),
        estimate: None,
        retries: 1,
        dropped: vec![],
        preview: None,
        at: NOON,
    }
}

fn member(text: &str) -> Member {
    let usage = Usage {
        plan: None,
        windows: vec![Window {
            length: Duration::from_secs(18_000),
            used_percent: 34.5,
            resets_at: None,
        }],
        extra: vec![],
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: NOON,
    };
    let access = Access::ApiKey {
        key: Secret::new("canary"),
    };
    Member {
        usage: Some(Arc::new(usage)),
        ..Member::new(name(text), access)
    }
}

fn text(metrics: &Metrics, pool: &Pool) -> String {
    let now = Now {
        pool,
        in_flight: 2,
        waiting: 3,
        dropped_reports: 4,
        at: NOON,
    };
    metrics.text(&now).unwrap()
}

#[test]
fn what_has_ended_and_what_is_now_stand_in_a_text_that_a_scraper_reads() {
    let metrics = Metrics::default();
    for report in [
        Report::Request(Box::new(done(Some("work"), "gpt-5.5", 200))),
        Report::Request(Box::new(done(Some("work"), "gpt-5.5", 200))),
        Report::Request(Box::new(done(None, "", 429))),
        Report::Request(Box::new(done(Some("work"), "gpt-5.5", 499))),
        Report::Attempt(AttemptOutcome {
            profile: name("work"),
            model: "gpt-5.5".into(),
            began: NOON,
            at: NOON,
            result: AttemptResult::Cut,
            counts: true,
            usage: None,
        }),
    ] {
        metrics.note(&report);
    }
    metrics.note_refresh(true);
    metrics.set_ledger_dropped(7);
    let until = NOON + Duration::from_secs(30);
    let failing = member("a \"b\"").paused(None, RestCause::Failing, NOON, until);
    let pool = Pool {
        members: vec![Arc::new(member("work")), Arc::new(failing)],
        unusable: vec![Unusable {
            name: name("gone"),
            trouble: Trouble::SignInAgain,
        }],
        ..Pool::default()
    };
    let text = text(&metrics, &pool);
    assert!(!text.contains("canary"));
    let samples = samples(&text);
    let of = |series: &str| {
        let series = format!("codex_router_{series}");
        *samples
            .get(&series)
            .unwrap_or_else(|| panic!("no {series} in\n{text}"))
    };
    for (series, value) in [
        (
            r#"requests_total{dialect="chat",status="2xx",complete="true",model="gpt-5.5",profile="work"}"#,
            2.0,
        ),
        (
            r#"requests_total{dialect="chat",status="4xx",complete="false",model="none",profile="none"}"#,
            1.0,
        ),
        (
            r#"requests_total{dialect="chat",status="499",complete="false",model="gpt-5.5",profile="work"}"#,
            1.0,
        ),
        (
            r#"tokens_total{kind="input",model="gpt-5.5",profile="work"}"#,
            200.0,
        ),
        (
            r#"tokens_total{kind="cached_input",model="gpt-5.5",profile="work"}"#,
            120.0,
        ),
        (
            r#"tokens_total{kind="reasoning",model="gpt-5.5",profile="work"}"#,
            10.0,
        ),
        (r#"first_token_seconds_count{profile="work"}"#, 3.0),
        (
            r#"first_token_seconds_bucket{le="0.25",profile="work"}"#,
            0.0,
        ),
        (
            r#"first_token_seconds_bucket{le="0.5",profile="work"}"#,
            3.0,
        ),
        (r#"request_duration_seconds_sum{dialect="chat"}"#, 12.0),
        (r#"attempts_total{profile="work",result="cut"}"#, 1.0),
        ("retries_total", 4.0),
        (r#"token_refreshes_total{result="ok"}"#, 1.0),
        ("ledger_dropped_rows_total", 7.0),
        ("dropped_reports_total", 4.0),
        ("in_flight_requests", 2.0),
        ("waiting_requests", 3.0),
        (r#"profile_usable{profile="work"}"#, 1.0),
        (r#"profile_usable{profile="gone"}"#, 0.0),
        (r#"profile_usable{profile="a \"b\""}"#, 0.0),
        (r#"profile_breaker_open{profile="a \"b\""}"#, 1.0),
        (
            r#"profile_cooldown_seconds{profile="a \"b\"",cause="failing",model="all"}"#,
            30.0,
        ),
        (
            r#"profile_usage_percent{profile="work",window="5-hour"}"#,
            34.5,
        ),
    ] {
        assert_eq!(of(series), value, "{series}");
    }
}

#[test]
fn a_client_that_makes_up_names_makes_no_series() {
    let metrics = Metrics::default();
    // Refused names are never learned, answered ones up to a point.
    for n in 0..1_000 {
        metrics.note(&Report::Request(Box::new(done(
            Some("work"),
            &format!("made-up-{n}"),
            404,
        ))));
    }
    for n in 0..1_000 {
        metrics.note(&Report::Request(Box::new(done(
            Some("work"),
            &format!("model-{n}"),
            200,
        ))));
    }
    let samples = samples(&text(&metrics, &Pool::default()));
    let series = |status: &str| {
        let requests = samples
            .keys()
            .filter(|series| series.contains("requests_total"));
        requests.filter(|series| series.contains(status)).count()
    };
    assert_eq!(series("4xx"), 1);
    assert_eq!(series("2xx"), MAX_MODELS + 1);
}
