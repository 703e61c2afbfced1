//! `GET /v1/usage`: what the client's own key has used, what is left of its budgets, and when they are reset.
//!
//! Not to be confused with what Codex asks for below `chatgpt_base_url` ([`super::allowance`]): that is about an account. Which
//! accounts a key may use is the owner's business and not told here.

use std::num::NonZeroU32;
use std::time::{Instant, SystemTime};

use http::Response;
use serde_json::{Map, Value, json};

use super::House;
use super::answer::AnswerBody;
use super::keys::Caller;
use super::reply;
use super::serve::unix_secs_of;
use crate::client_key::{ClientKey, Spent, Usage};
use crate::period::Period;
use crate::price::MicroDollars;

pub(super) fn report(house: &House, caller: &Caller) -> Response<AnswerBody> {
    let now = SystemTime::now();
    let meters = &house.keys.meters;
    let usage = meters.shown(caller.id(), Instant::now(), now);
    let key = caller.key().map(|key| &**key);
    let document = document(key, house.keys.per_key, &usage, meters.since(), now);
    reply::json(document.to_string())
}

/// Without a key: of the router as a whole, since it was started.
fn document(
    key: Option<&ClientKey>,
    per_key: u32,
    usage: &Usage,
    since: SystemTime,
    now: SystemTime,
) -> Value {
    let mut told = Map::new();
    told.insert("object".to_owned(), json!("usage"));
    if let Some(key) = key {
        told.insert(
            "key".to_owned(),
            json!({
                "id": key.id.as_str(),
                "label": key.label,
                "last4": key.last4,
                "created_at": unix_secs_of(key.created_at),
                "expires_at": key.expires_at.map(unix_secs_of),
            }),
        );
    }
    let mut total = spent(&usage.total);
    total.insert("since".to_owned(), json!(unix_secs_of(since)));
    told.insert("total".to_owned(), Value::Object(total));
    for (period, of_period) in &usage.periods {
        let mut shown = spent(of_period);
        shown.insert(
            "starts_at".to_owned(),
            json!(unix_secs_of(period.start(now))),
        );
        shown.insert(
            "resets_at".to_owned(),
            json!(unix_secs_of(period.resets_at(now))),
        );
        if let Some(key) = key {
            add_budgets(&mut shown, key, *period, of_period);
        }
        told.insert(period.as_str().to_owned(), Value::Object(shown));
    }
    let policy = key.map(|key| &key.policy);
    told.insert(
        "limits".to_owned(),
        json!({
            "requests_per_minute": policy.and_then(|policy| policy.requests_per_minute),
            "requests_in_last_minute": policy
                .and_then(|policy| policy.requests_per_minute)
                .map(|_limit| usage.in_last_minute),
            "concurrency": policy
                .map(|policy| policy.concurrency.map_or(per_key, NonZeroU32::get)),
            "in_flight": usage.in_flight,
        }),
    );
    if let Some(policy) = policy {
        let models: Vec<_> = policy.models.iter().map(|model| model.as_str()).collect();
        let dialects: Vec<_> = policy.dialects.iter().map(|it| it.as_str()).collect();
        let unless_all = |all: Vec<&str>| {
            if all.is_empty() {
                Value::Null
            } else {
                json!(all)
            }
        };
        told.insert("models".to_owned(), unless_all(models));
        told.insert("model".to_owned(), json!(policy.model));
        told.insert("effort".to_owned(), json!(policy.effort));
        told.insert("dialects".to_owned(), unless_all(dialects));
    }
    Value::Object(told)
}

fn spent(spent: &Spent) -> Map<String, Value> {
    let told = json!({
        "requests": spent.requests,
        "tokens": spent.tokens(),
        "input_tokens": spent.input,
        "cached_tokens": spent.cached,
        "output_tokens": spent.output,
        "cost_usd": MicroDollars(spent.micro_usd).dollars(),
        "unpriced_requests": spent.unpriced,
    });
    match told {
        Value::Object(told) => told,
        _ => Map::new(),
    }
}

fn add_budgets(shown: &mut Map<String, Value>, key: &ClientKey, period: Period, spent: &Spent) {
    if let Some(most) = key.policy.tokens.of(period) {
        shown.insert("token_budget".to_owned(), json!(most));
        shown.insert(
            "tokens_left".to_owned(),
            json!(most.saturating_sub(spent.tokens())),
        );
    }
    if let Some(most) = key.policy.cost.of(period) {
        let left = most.saturating_sub(spent.micro_usd);
        shown.insert(
            "cost_budget_usd".to_owned(),
            json!(MicroDollars(most).dollars()),
        );
        shown.insert(
            "cost_left_usd".to_owned(),
            json!(MicroDollars(left).dollars()),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client_key::{Meters, Policy, Used};

    #[test]
    fn a_key_is_told_what_it_has_used_and_what_is_left() {
        // 2027-01-15 08:00 UTC, a Friday.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut policy = Policy {
            requests_per_minute: NonZeroU32::new(5),
            ..Policy::default()
        };
        policy.tokens.set(Period::Day, Some(100));
        policy.cost.set(Period::Month, Some(2_500_000));
        let (key, shown) = ClientKey::make("laptop".into(), policy, [1; 32], now);
        let meters = Meters::new(now);
        let at = Instant::now();
        let used = Used {
            input: 90,
            cached: 40,
            output: 20,
            micro_usd: Some(500_000),
        };
        meters
            .begin(Some(&key), 64, at, now)
            .unwrap()
            .settle(used, now);
        let usage = meters.shown(Some(&key.id), at, now);
        let told = document(Some(&key), 64, &usage, now, now);
        assert_eq!(told["key"]["label"], "laptop");
        let day = json!({
            "requests": 1, "tokens": 110, "input_tokens": 90, "cached_tokens": 40, "output_tokens": 20,
            "cost_usd": 0.5, "unpriced_requests": 0, "starts_at": 1_799_971_200, "resets_at": 1_800_057_600,
            "token_budget": 100, "tokens_left": 0,
        });
        assert_eq!(told["day"], day);
        assert_eq!(told["month"]["cost_left_usd"], 2.0);
        assert_eq!(
            told["limits"],
            json!({"requests_per_minute": 5, "requests_in_last_minute": 1, "concurrency": 64, "in_flight": 0})
        );
        let text = told.to_string();
        assert!(!text.contains(shown.expose()) && !text.contains(&key.digest.to_hex()));
    }
}
