//! `stats`: requests in groups.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::requests::{NOTHING_YET, Wanted, opened, read, table};
use super::{CliError, say};
use crate::client_key::KeyId;
use crate::desk::record::{millis, tokens_json};
use crate::desk::words;
use crate::ledger::{Filter, Group, GroupBy};
use crate::store::{Environment, Home, keys_file};

#[derive(Debug, Args)]
pub(super) struct Wish {
    /// An array of objects for programs
    #[arg(long)]
    json: bool,
    /// Not older than this: 90s, 30m, 24h, 7d or all
    #[arg(long, default_value = "24h")]
    since: String,
    /// What makes a group
    #[arg(long, value_enum, default_value_t = By::Account)]
    by: By,
    /// How many groups at most, the largest first; 50 unless --json is given
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Account,
    Model,
    Key,
    Day,
    Dialect,
    /// And in it by account, where it had several
    Session,
}

/// More lines than these nobody reads.
const MOST_LINES: usize = 50;
/// So much of a session's hash is told to people: enough to tell it from the others.
const SESSION_DIGITS: usize = 12;

impl By {
    fn group(self) -> GroupBy {
        match self {
            Self::Account => GroupBy::Account,
            Self::Model => GroupBy::Model,
            Self::Key => GroupBy::Key,
            Self::Day => GroupBy::Day,
            Self::Dialect => GroupBy::Dialect,
            Self::Session => GroupBy::Session,
        }
    }

    /// What stands for requests that have none.
    fn none(self) -> &'static str {
        match self {
            Self::Account => "(no account)",
            Self::Model => "(no model)",
            Self::Key => "(no key)",
            Self::Session => "(no session)",
            Self::Day | Self::Dialect => "-",
        }
    }
}

pub(super) fn stats(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let home = Home::find(environment).map_err(anyhow::Error::from)?;
    let keys = keys_file::read(&home);
    let filter = wish.wanted.filter(&wish.since, &keys, SystemTime::now())?;
    let (mut groups, all) = match opened(&home)? {
        Some(reader) => (
            read(reader.stats(&filter, wish.by.group()))?,
            read(reader.stats(&filter, GroupBy::Nothing))?,
        ),
        None => (Vec::new(), Vec::new()),
    };
    if wish.json {
        let most = wish.limit.unwrap_or(usize::MAX);
        let rows = shown(&groups, wish.by, most).iter().map(json_of).collect();
        say(&format!("{:#}", Value::Array(rows)));
        return Ok(());
    }
    if groups.is_empty() {
        say(nothing(&filter));
        return Ok(());
    }
    if wish.by == By::Key {
        for group in &mut groups {
            let key = KeyId::parse(&group.name).and_then(|id| keys.get(&id));
            if let Some(key) = key {
                group.name.clone_from(&key.label);
            }
        }
    }
    for line in told(&groups, &all, wish.by, wish.limit.unwrap_or(MOST_LINES)) {
        say(&line);
    }
    Ok(())
}

/// What is said where no request passes the filter.
fn nothing(filter: &Filter) -> &'static str {
    match filter.since {
        Some(_) => "No such request is recorded; --since all looks further back.",
        None if *filter == Filter::default() => NOTHING_YET,
        None => "No such request is recorded.",
    }
}

fn told(groups: &[Group], all: &[Group], by: By, most: usize) -> Vec<String> {
    let head = [
        if by == By::Day { "day (UTC)" } else { "" },
        "requests",
        "errors",
        "in",
        "cached",
        "out",
        "est. cost",
        "first p50 / p95",
        "total p50 / p95",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for group in shown(groups, by, most) {
        rows.push(row(name(group, by), group));
        if let [_, _, ..] = group.accounts.as_slice() {
            let account = |it| row(format!("  {}", name(it, By::Account)), it);
            rows.extend(group.accounts.iter().map(account));
        }
    }
    if groups.len() > 1 {
        rows.extend(all.iter().map(|group| row("all".to_owned(), group)));
    }
    let mut lines = table(&rows);
    if groups.len() > most {
        let (more, number) = (groups.len() - most, groups.len());
        lines.push(format!(
            "{more} more are not shown; --limit {number} shows them."
        ));
    }
    lines.push(
        "Costs are estimates by the API's list prices; what a ChatGPT plan covers is not billed."
            .to_owned(),
    );
    let without: u64 = all.iter().map(|group| group.without_account).sum();
    if without > 0 {
        lines.push(format!(
            "{without} of the requests were answered by no account (refused, or tokens counted here); their times are not among the totals."
        ));
    }
    let estimated: u64 = all.iter().map(|group| group.estimated).sum();
    if estimated > 0 {
        lines.push(format!(
            "{estimated} of the requests did not tell their tokens (cut answers most of all); those are estimated by the length and in no cached share."
        ));
    }
    let unpriced: u64 = all.iter().map(|group| group.unpriced).sum();
    if unpriced > 0 {
        lines.push(format!(
            "+?: {unpriced} of the requests went to models that have no price here; their cost is unknown and not in the sums."
        ));
    }
    lines
}

/// The largest, in the order that they have; of days the last.
fn shown(groups: &[Group], by: By, most: usize) -> &[Group] {
    let from = match by {
        By::Day => groups.len().saturating_sub(most),
        _ => 0,
    };
    let rest = groups.get(from..).unwrap_or_default();
    rest.get(..most).unwrap_or(rest)
}

fn name(group: &Group, by: By) -> String {
    let name = match group.name.as_str() {
        "" => by.none(),
        name if by == By::Session => name.get(..SESSION_DIGITS).unwrap_or(name),
        name => name,
    };
    match group.accounts.as_slice() {
        [only] => format!("{name} {}", only.name).trim_end().to_owned(),
        _ => name.to_owned(),
    }
}

fn row(name: String, group: &Group) -> [String; 9] {
    let share = group.cached_share();
    let cost = match (group.known_cost(), group.unpriced) {
        (None, _) => "unknown".to_owned(),
        (Some(cost), 0) => cost.to_string(),
        (Some(cost), _) => format!("{cost} +?"),
    };
    [
        name,
        group.requests.to_string(),
        group.errors.to_string(),
        words::tokens(group.tokens.input),
        share.map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0)),
        words::tokens(group.tokens.output),
        cost,
        both(group.first_token_p50, group.first_token_p95),
        both(group.took_p50, group.took_p95),
    ]
}

fn both(half: Option<Duration>, most: Option<Duration>) -> String {
    match (half, most) {
        (Some(half), Some(most)) => format!("{} / {}", words::latency(half), words::latency(most)),
        _ => "-".to_owned(),
    }
}

fn json_of(group: &Group) -> Value {
    let name = Some(&group.name).filter(|name| !name.is_empty());
    let spans = |half: Option<Duration>, most: Option<Duration>| json!({ "p50": half.map(millis), "p95": most.map(millis) });
    let mut json = json!({
        "name": name,
        "requests": group.requests,
        "without_account": group.without_account,
        "errors": group.errors,
        "tokens": tokens_json(group.tokens),
        "cached_share": group.cached_share(),
        "estimated_cost_usd": group.known_cost().map(|cost| cost.dollars()),
        "unpriced_requests": group.unpriced,
        "estimated_requests": group.estimated,
        "first_token_ms": spans(group.first_token_p50, group.first_token_p95),
        "took_ms": spans(group.took_p50, group.took_p95),
    });
    if !group.accounts.is_empty() {
        json["accounts"] = group.accounts.iter().map(json_of).collect();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{MicroDollars, Tokens};

    fn group(name: &str, cost: u64, unpriced: u64) -> Group {
        Group {
            name: name.into(),
            requests: 12,
            without_account: 0,
            errors: 1,
            tokens: Tokens {
                input: 12_000,
                cached: 9_000,
                output: 800,
                reasoning: 0,
            },
            cost: MicroDollars(cost),
            unpriced,
            estimated: 0,
            told_input: 12_000,
            first_token_p50: Some(Duration::from_millis(400)),
            first_token_p95: Some(Duration::from_millis(1_500)),
            took_p50: None,
            took_p95: None,
            accounts: vec![],
        }
    }

    #[test]
    fn what_has_no_price_is_called_unknown_and_never_nothing() {
        let groups = [group("work", 20_000, 0), group("", 0, 3)];
        let all = [group("", 20_000, 3)];
        let lines = told(&groups, &all, By::Account, 9);
        assert!(lines[1].starts_with("work"), "{lines:#?}");
        assert!(lines[1].contains("75%") && lines[1].contains("$0.0200"));
        assert!(lines[2].starts_with("(no account)") && lines[2].contains("unknown"));
        assert!(lines[3].starts_with("all") && lines[3].contains("$0.0200 +?"));
        assert!(lines[5].starts_with("+?: 3 of the requests"));
        assert_eq!(json_of(&groups[1])["estimated_cost_usd"], Value::Null);
    }

    #[test]
    fn what_is_counted_and_not_timed_is_told_and_days_are_those_of_utc() {
        let groups = [Group {
            without_account: 5,
            estimated: 2,
            ..group("2026-11-26", 20_000, 0)
        }];
        let lines = told(&groups, &groups, By::Day, 9);
        assert!(lines[0].starts_with("day (UTC)"), "{lines:#?}");
        assert!(lines[3].starts_with("5 of the requests were answered by no account"));
        assert!(lines[4].starts_with("2 of the requests did not tell their tokens"));
        let json = json_of(&groups[0]);
        assert_eq!(
            (&json["without_account"], &json["estimated_requests"]),
            (&json!(5), &json!(2))
        );
    }

    #[test]
    fn a_session_tells_its_accounts_where_it_had_several() {
        let session = |name: &str, accounts: Vec<Group>| Group {
            accounts,
            ..group(name, 20_000, 0)
        };
        let (first, second) = ("0123456789abcdef0123456789abcdef", "f".repeat(32));
        let accounts = vec![group("work", 1, 0), group("", 1, 0)];
        let groups = [
            session(first, accounts),
            session(&second, vec![group("spare", 1, 0)]),
            session("", vec![group("spare", 1, 0)]),
        ];
        let lines = told(&groups, &[group("", 1, 0)], By::Session, 9);
        let beginning = |line: &String| {
            line.split("  ")
                .find(|part| !part.is_empty())
                .map(str::to_owned)
        };
        let names: Vec<_> = lines[1..7].iter().filter_map(beginning).collect();
        assert_eq!(
            names,
            [
                "0123456789ab",
                "work",
                "(no account)",
                "ffffffffffff spare",
                "(no session) spare",
                "all"
            ]
        );
        let json = json_of(&groups[0]);
        assert_eq!(
            (&json["name"], &json["accounts"][0]["name"]),
            (&json!(first), &json!("work"))
        );
        assert_eq!(json["accounts"][1]["cached_share"], 0.75);
        assert_eq!(json["accounts"][1].get("accounts"), None);
    }

    #[test]
    fn groups_beyond_the_limit_are_counted_and_of_days_the_last_are_shown() {
        let groups: Vec<_> = (1..=5)
            .map(|day| group(&format!("2026-11-0{day}"), 1, 0))
            .collect();
        let lines = told(&groups, &groups[..1], By::Account, 2);
        assert!(lines[2].starts_with("2026-11-02"), "{lines:#?}");
        assert_eq!(lines[4], "3 more are not shown; --limit 5 shows them.");
        let lines = told(&groups, &groups[..1], By::Day, 2);
        assert!(lines[1].starts_with("2026-11-04"), "{lines:#?}");
    }

    #[test]
    fn nothing_is_recorded_yet_only_where_everything_was_looked_at() {
        let since = Some(SystemTime::UNIX_EPOCH);
        let model = Some("m".to_owned());
        let all = Filter::default();
        assert_eq!(nothing(&all), NOTHING_YET);
        let of_model = Filter { model, ..all };
        assert_eq!(nothing(&of_model), "No such request is recorded.");
        let lately = Filter { since, ..of_model };
        assert!(nothing(&lately).contains("--since all"));
    }

    #[test]
    fn programs_get_numbers_and_no_name_for_none() {
        let json = json_of(&group("", 20_000, 0));
        assert_eq!(json["name"], Value::Null);
        assert_eq!(json["estimated_cost_usd"], 0.02);
        assert_eq!(json["first_token_ms"], json!({"p50": 400, "p95": 1_500}));
        assert_eq!(json["took_ms"], json!({"p50": null, "p95": null}));
    }
}
