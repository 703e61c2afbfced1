//! What the upstream tells about limits: the usage report, and the headers on every streamed reply.

use std::time::SystemTime;

use http::{HeaderMap, Response};
use serde_json::{Value, json};

use super::{
    account::Account,
    body::Body,
    door::{Side, authorise},
    gate::Gate,
    http_reply::HttpReply,
    server::{HungUp, Shared},
    window::Window,
};

/// What an account answers to `GET /backend-api/wham/usage` instead of the truth.
#[derive(Clone, Debug)]
pub struct UsageReply {
    reply: Option<HttpReply>,
    held: Option<Gate>,
}

impl UsageReply {
    /// The report itself.
    pub fn report() -> Self {
        Self {
            reply: None,
            held: None,
        }
    }

    /// Any other document, for what [`Account`] cannot say.
    pub fn body(body: &Value) -> Self {
        Self::http(HttpReply::json(200, body))
    }

    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::http(HttpReply::text(status, body))
    }

    pub fn html(status: u16) -> Self {
        Self::http(HttpReply::html(status))
    }

    pub fn http(reply: HttpReply) -> Self {
        Self {
            reply: Some(reply),
            held: None,
        }
    }

    /// Keeps the answer back until the test opens the gate.
    pub fn held(mut self, gate: &Gate) -> Self {
        self.held = Some(gate.clone());
        self
    }
}

/// `GET /backend-api/wham/usage`.
pub(super) async fn answer(shared: &Shared, headers: &HeaderMap) -> Result<Response<Body>, HungUp> {
    let account = match authorise(shared, Side::ChatGpt, headers) {
        Ok(account) => account,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let (script, mut presence) = shared.accounts().with(&account.name, |entry| {
        (entry.usages.take(), entry.tally.presence())
    });
    let script = script.unwrap_or_else(UsageReply::report);
    if let Some(gate) = script.held {
        gate.pass().await;
    }
    presence.finish();
    let reply = script.reply.unwrap_or_else(|| {
        // Read behind the gate: a report that was held back is as new as its answer.
        let account = shared
            .accounts()
            .with(&account.name, |entry| entry.account.clone());
        HttpReply::json(200, &report(&account, SystemTime::now()))
    });
    Ok(reply.into_response())
}

/// The document of `GET /wham/usage` (codex-rs/codex-backend-openapi-models).
fn report(account: &Account, now: SystemTime) -> Value {
    let rate_limit = rate_limit(&account.windows, account.limit_reached, now);
    let is_limited = rate_limit
        .get("limit_reached")
        .is_some_and(|reached| reached == true);
    let additional: Vec<Value> = account
        .additional_limits
        .iter()
        .map(|limit| {
            json!({
                "limit_name": limit.name,
                "metered_feature": limit.metered_feature,
                "rate_limit": self::rate_limit(&limit.windows, None, now),
            })
        })
        .collect();
    json!({
        "user_id": account.user_id,
        "account_id": account.workspace_id,
        "email": account.email,
        "plan_type": account.plan,
        "rate_limit": rate_limit,
        "code_review_rate_limit": self::rate_limit(&account.code_review, None, now),
        "additional_rate_limits": if additional.is_empty() { Value::Null } else { additional.into() },
        "credits": account.credits.as_ref().map(|credits| json!({
            "has_credits": credits.has_some(),
            "unlimited": credits.is_unlimited(),
            "balance": credits.balance(),
            "approx_local_messages": null,
            "approx_cloud_messages": null,
        })),
        "rate_limit_reached_type": is_limited.then(|| json!({ "type": "rate_limit_reached" })),
    })
}

/// `null` without windows.
fn rate_limit(windows: &[Window], claimed: Option<bool>, now: SystemTime) -> Value {
    if windows.is_empty() {
        return Value::Null;
    }
    let is_full = windows
        .iter()
        .any(|window| window.at(now).used_percent >= 100.0);
    let limit_reached = claimed.unwrap_or(is_full);
    let window = |index: usize| {
        windows.get(index).map(|window| {
            let window = window.at(now);
            json!({
                "used_percent": number(window.used_percent),
                "limit_window_seconds": window.length.as_secs(),
                "reset_after_seconds": window.resets_in(now).as_secs(),
                "reset_at": window.resets_at_secs(),
            })
        })
    };
    json!({
        "allowed": !limit_reached,
        "limit_reached": limit_reached,
        "primary_window": window(0),
        "secondary_window": window(1),
    })
}

/// The limit headers (codex-rs/codex-api/src/rate_limits.rs); none for an account without windows and credits.
pub(super) fn limit_headers(account: &Account, now: SystemTime) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    family(&mut headers, "x-codex", &account.windows, now);
    for limit in &account.additional_limits {
        let family_name = format!("x-{}", limit.metered_feature.replace('_', "-"));
        family(&mut headers, &family_name, &limit.windows, now);
        headers.push((format!("{family_name}-limit-name"), limit.name.clone()));
    }
    if let Some(credits) = &account.credits {
        let mut credit = |name: &str, value: String| {
            headers.push((format!("x-codex-credits-{name}"), value));
        };
        credit("has-credits", credits.has_some().to_string());
        credit("unlimited", credits.is_unlimited().to_string());
        if let Some(balance) = credits.balance() {
            credit("balance", balance.to_owned());
        }
    }
    headers.push(("x-codex-plan-type".to_owned(), account.plan.clone()));
    headers
}

fn family(headers: &mut Vec<(String, String)>, family: &str, windows: &[Window], now: SystemTime) {
    for (slot, window) in ["primary", "secondary"].into_iter().zip(windows) {
        let window = window.at(now);
        let mut header = |what: &str, value: String| {
            headers.push((format!("{family}-{slot}-{what}"), value));
        };
        header("used-percent", window.used_percent.to_string());
        header("window-minutes", window.minutes().to_string());
        header("reset-at", window.resets_at_secs().to_string());
        header(
            "reset-after-seconds",
            window.resets_in(now).as_secs().to_string(),
        );
    }
}

/// The two windows in the form of the private limit event (codex-rs/codex-api/src/rate_limits.rs).
pub(super) fn limit_event_windows(account: &Account, now: SystemTime) -> Value {
    let window = |index: usize| {
        account.windows.get(index).map(|window| {
            let window = window.at(now);
            json!({
                "used_percent": window.used_percent,
                "window_minutes": window.minutes(),
                "reset_at": window.resets_at_secs(),
            })
        })
    };
    json!({ "primary": window(0), "secondary": window(1) })
}

/// Whole percentages travel as integers, as the upstream's own model has them.
fn number(percent: f64) -> Value {
    if percent.fract() == 0.0 && percent >= 0.0 {
        json!(percent as u64)
    } else {
        json!(percent)
    }
}
