//! Usage as the document of `GET /wham/usage`, for a client that reads nothing else
//! (`openai/codex: codex-rs/codex-backend-openapi-models`).
//!
//! Says only what is known: a number that a reset has made history, or that the shape cannot carry, is missing and not zero.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Credits, Usage, Window};

/// For an account of which no plan is known. The set of plans is open; this is a guess at what means none of them.
const UNKNOWN_PLAN: &str = "unknown";

/// The document. `is_blocked`: whether nothing can be asked for now, whatever the windows say. It names no account.
pub fn document(usage: Option<&Usage>, is_blocked: bool, now: SystemTime) -> Vec<u8> {
    let blocks = |usage: &Usage| usage.blocked_until(now).is_some();
    let is_reached = is_blocked || usage.is_some_and(blocks);
    let mut windows = usage
        .into_iter()
        .flat_map(|usage| &usage.windows)
        .filter_map(|window| told(window, now));
    let (primary, secondary) = (windows.next(), windows.next());
    let rate_limit = (primary.is_some() || is_reached).then(|| {
        json!({
            "allowed": !is_reached,
            "limit_reached": is_reached,
            "primary_window": primary,
            "secondary_window": secondary,
        })
    });
    let plan = usage.and_then(|usage| usage.plan.as_deref());
    let document = json!({
        "plan_type": plan.unwrap_or(UNKNOWN_PLAN),
        "rate_limit": rate_limit,
        "credits": usage.and_then(|usage| credits(usage.credits.as_ref()?)),
        "additional_rate_limits": null,
        "rate_limit_reached_type": is_reached.then(|| json!({"type": "rate_limit_reached"})),
    });
    document.to_string().into_bytes()
}

/// All four numbers are whole and required there, so a window whose reset is not known has no place.
fn told(window: &Window, now: SystemTime) -> Option<Value> {
    let resets_at = window.resets_at.filter(|_| !window.has_reset(now))?;
    let until = resets_at.duration_since(now).ok()?; // it has passed
    let at = resets_at.duration_since(SystemTime::UNIX_EPOCH).ok()?; // before 1970: no moment of any reset
    let used = window.used_percent.round() as u64;
    Some(json!({
        // 99.7 is not yet all of it.
        "used_percent": if window.used_percent < 100.0 { used.min(99) } else { 100 },
        "limit_window_seconds": window.length.as_secs(),
        "reset_after_seconds": until.as_secs(),
        "reset_at": at.as_secs(),
    }))
}

fn credits(credits: &Credits) -> Option<Value> {
    if !credits.is_unlimited && credits.balance.is_none() {
        return None;
    }
    let has_credits = credits.is_unlimited || credits.balance.is_some_and(|balance| balance > 0.0);
    Some(json!({
        "has_credits": has_credits,
        "unlimited": credits.is_unlimited,
        "balance": credits.balance.map(|balance| balance.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn window(hours: u64, used_percent: f64, resets_in_secs: Option<i64>) -> Window {
        Window {
            length: Duration::from_secs(hours * 3_600),
            used_percent,
            resets_at: resets_in_secs.map(|secs| match u64::try_from(secs) {
                Ok(secs) => now() + Duration::from_secs(secs),
                Err(_) => now() - Duration::from_secs(secs.unsigned_abs()),
            }),
        }
    }

    fn usage(windows: Vec<Window>) -> Usage {
        Usage {
            plan: Some("plus".into()),
            windows,
            extra: vec![("Spark".into(), window(5, 3.0, Some(9)))],
            is_limit_reached: false,
            credits: None,
            reset_credits: Some(2),
            fetched_at: now(),
        }
    }

    fn read(usage: Option<&Usage>, is_blocked: bool) -> Value {
        serde_json::from_slice(&document(usage, is_blocked, now())).unwrap()
    }

    #[test]
    fn both_windows_are_told_and_read_back() {
        let usage = usage(vec![
            window(5, 12.4, Some(900)),
            window(168, 99.7, Some(90_000)),
        ]);
        assert_eq!(
            read(Some(&usage), false),
            json!({
                "plan_type": "plus",
                "rate_limit": {
                    "allowed": true,
                    "limit_reached": false,
                    "primary_window": {"used_percent": 12, "limit_window_seconds": 18_000, "reset_after_seconds": 900, "reset_at": 1_800_000_900},
                    "secondary_window": {"used_percent": 99, "limit_window_seconds": 604_800, "reset_after_seconds": 90_000, "reset_at": 1_800_090_000},
                },
                "credits": null,
                "additional_rate_limits": null,
                "rate_limit_reached_type": null,
            })
        );
        let back = Usage::from_document(&document(Some(&usage), false, now()), now()).unwrap();
        assert_eq!(back.windows[0].resets_at, usage.windows[0].resets_at);
        assert_eq!(back.windows[1].length, usage.windows[1].length);
    }

    #[test]
    fn what_is_not_known_is_missing_and_never_zero() {
        assert_eq!(
            read(None, false),
            json!({
                "plan_type": "unknown", "rate_limit": null, "credits": null,
                "additional_rate_limits": null, "rate_limit_reached_type": null,
            })
        );
        let history = usage(vec![window(5, 80.0, Some(-1)), window(168, 7.0, None)]);
        assert_eq!(read(Some(&history), false)["rate_limit"], Value::Null);
    }

    #[test]
    fn an_empty_window_or_an_empty_pool_is_a_limit_that_is_reached() {
        let empty = usage(vec![window(5, 100.0, Some(60))]);
        let told = read(Some(&empty), false);
        assert_eq!(told["rate_limit"]["limit_reached"], true);
        assert_eq!(told["rate_limit"]["allowed"], false);
        assert_eq!(told["rate_limit"]["primary_window"]["used_percent"], 100);
        assert_eq!(
            told["rate_limit_reached_type"]["type"],
            "rate_limit_reached"
        );
        let told = read(None, true);
        assert_eq!(told["rate_limit"]["limit_reached"], true);
        assert_eq!(told["rate_limit"]["primary_window"], Value::Null);
    }

    #[test]
    fn credits_are_told_as_text() {
        let told = |is_unlimited, balance| {
            let credits = Credits {
                is_unlimited,
                balance,
            };
            let usage = Usage {
                credits: Some(credits),
                ..usage(vec![])
            };
            read(Some(&usage), false)["credits"].clone()
        };
        assert_eq!(
            told(false, Some(12.5)),
            json!({"has_credits": true, "unlimited": false, "balance": "12.5"})
        );
        assert_eq!(told(false, Some(0.0))["has_credits"], false);
        assert_eq!(told(true, None)["unlimited"], true);
        assert_eq!(told(false, None), Value::Null);
    }
}
