//! How much of an account's allowance is used: windows, classified by their length, and what their pace means.
//!
//! Reads the usage document, the limit headers of a reply and the limit event of a stream (codex-rs/backend-client and
//! codex-api/src/rate_limits.rs). Slots are not meanings: a weekly window may come in the `primary` slot.
//! Never enters: where the numbers came from over the network, and how they are shown.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use serde_json::Value;

pub mod document;
pub mod pace;
pub mod recent;
pub mod runway;

pub use pace::{Forecast, Pace};
pub use recent::RecentUse;

/// What one account has used, as far as it was told at `fetched_at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// An open set: `plus`, `team`, …
    pub plan: Option<String>,
    /// The account's own windows, shortest first. Empty means that nothing is known, not that nothing is used.
    pub windows: Vec<Window>,
    /// Limits of single features, by their label; shown, but they do not block the account.
    pub extra: Vec<(String, Window)>,
    /// The upstream says that this account gets no more for now.
    pub is_limit_reached: bool,
    pub credits: Option<Credits>,
    /// Resets that the user could spend. Never spent by this program.
    pub reset_credits: Option<u64>,
    pub fetched_at: SystemTime,
}

/// A span of time with an allowance of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub length: Duration,
    /// 0 to 100.
    pub used_percent: f64,
    pub resets_at: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowKind {
    FiveHour,
    Weekly,
    Monthly,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Credits {
    pub is_unlimited: bool,
    pub balance: Option<f64>,
}

impl Window {
    pub fn kind(&self) -> WindowKind {
        const HOUR: u64 = 3600;
        const DAY: u64 = 24 * HOUR;
        match self.length.as_secs() {
            // 18,000 s and 604,800 s are what is sent today; a little slack costs nothing.
            secs if (4 * HOUR..=6 * HOUR).contains(&secs) => WindowKind::FiveHour,
            secs if (6 * DAY..=8 * DAY).contains(&secs) => WindowKind::Weekly,
            secs if (28 * DAY..=31 * DAY).contains(&secs) => WindowKind::Monthly,
            _ => WindowKind::Other,
        }
    }

    /// `5-hour`, `Weekly`, `30-day`, or made from the length.
    pub fn name(&self) -> String {
        match self.kind() {
            WindowKind::FiveHour => "5-hour".into(),
            WindowKind::Weekly => "Weekly".into(),
            WindowKind::Monthly => "30-day".into(),
            WindowKind::Other => {
                let secs = self.length.as_secs();
                match secs {
                    0..7_200 => format!("{}-minute", secs.div_ceil(60)),
                    7_200..172_800 => format!("{}-hour", secs / 3600),
                    _ => format!("{}-day", secs / 86_400),
                }
            }
        }
    }

    /// What is left at `now`: everything, once the window has been reset since we were told.
    pub fn left_percent(&self, now: SystemTime) -> f64 {
        if self.has_reset(now) {
            100.0
        } else {
            100.0 - self.used_percent
        }
    }

    pub fn is_empty(&self, now: SystemTime) -> bool {
        self.left_percent(now) <= 0.0
    }

    /// Whether the reset moment we were told of has passed, so that the number is history.
    pub fn has_reset(&self, now: SystemTime) -> bool {
        self.resets_at.is_some_and(|at| at <= now)
    }
}

impl Usage {
    /// Reads the answer of `GET /wham/usage`. Every object in it may be missing or null, every number a text.
    ///
    /// # Errors
    /// When it is no JSON object at all: then it was not this endpoint that answered.
    pub fn from_document(body: &[u8], now: SystemTime) -> Result<Self, NotUsage> {
        let json: Value = serde_json::from_slice(body).map_err(|_ignored| NotUsage)?;
        let object = json.as_object().ok_or(NotUsage)?;
        let limit = object.get("rate_limit").unwrap_or(&Value::Null);
        let mut windows = windows_of(limit, now);
        windows.sort_by_key(|window| window.length);
        let extra = items(object.get("additional_rate_limits"))
            .filter_map(|item| {
                let label = item
                    .get("limit_name")
                    .or(item.get("metered_feature"))?
                    .as_str()?
                    .to_owned();
                Some((label, windows_of(item.get("rate_limit")?, now)))
            })
            .flat_map(|(label, windows)| {
                windows
                    .into_iter()
                    .map(move |window| (label.clone(), window))
            })
            .collect();
        let credits = object
            .get("credits")
            .filter(|credits| credits.is_object())
            .map(|credits| Credits {
                is_unlimited: credits
                    .get("unlimited")
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
                balance: number(credits.get("balance")),
            });
        Ok(Self {
            plan: object
                .get("plan_type")
                .and_then(Value::as_str)
                .map(str::to_owned),
            windows,
            extra,
            is_limit_reached: limit
                .get("limit_reached")
                .and_then(Value::as_bool)
                .unwrap_or(false)
                || limit.get("allowed").and_then(Value::as_bool) == Some(false),
            credits,
            reset_credits: object
                .get("rate_limit_reset_credits")
                .and_then(|c| c.get("available_count"))
                .and_then(Value::as_u64),
            fetched_at: now,
        })
    }

    /// Reads the `x-codex-*` headers of a model reply; `None` when there are none.
    pub fn from_headers(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let window = |slot: &str| {
            let value = |what: &str| {
                text(&format!("x-codex-{slot}-{what}"))
                    .and_then(|text| text.trim().parse::<f64>().ok())
            };
            let used_percent = value("used-percent")?;
            let minutes = value("window-minutes");
            let resets_at = value("reset-at").and_then(moment);
            let resets_at = resets_at
                .or_else(|| value("reset-after-seconds").and_then(|secs| after(now, secs)));
            window_of(
                used_percent,
                minutes.map(|minutes| minutes * 60.0),
                resets_at,
            )
        };
        let mut windows: Vec<_> = ["primary", "secondary"]
            .into_iter()
            .filter_map(window)
            .collect();
        if windows.is_empty() {
            return None;
        }
        windows.sort_by_key(|window| window.length);
        Some(Self {
            plan: text("x-codex-plan-type").map(str::to_owned),
            is_limit_reached: windows.iter().any(|window| window.is_empty(now)),
            windows,
            extra: Vec::new(),
            credits: None,
            reset_credits: None,
            fetched_at: now,
        })
    }

    /// This, with what `older` knew and this source does not tell.
    pub fn or_else_from(mut self, older: &Self) -> Self {
        self.plan = self.plan.or_else(|| older.plan.clone());
        self.credits = self.credits.or_else(|| older.credits.clone());
        self.reset_credits = self.reset_credits.or(older.reset_credits);
        if self.extra.is_empty() {
            self.extra.clone_from(&older.extra);
        }
        self
    }

    pub fn window(&self, kind: WindowKind) -> Option<&Window> {
        self.windows.iter().find(|window| window.kind() == kind)
    }

    /// The window with the least left: it alone decides what the account is good for.
    pub fn binding(&self, now: SystemTime) -> Option<&Window> {
        self.windows.iter().min_by(|a, b| {
            // Two empty ones: the one that stays empty longer blocks longer.
            a.left_percent(now)
                .total_cmp(&b.left_percent(now))
                .then_with(|| b.resets_at.cmp(&a.resets_at))
        })
    }

    /// When the account can be used again, if it cannot be used at `now`: the last reset among its empty windows.
    /// The inner `None` means that the moment is not known.
    pub fn blocked_until(&self, now: SystemTime) -> Option<Option<SystemTime>> {
        let mut empty = self
            .windows
            .iter()
            .filter(|window| window.is_empty(now))
            .peekable();
        if empty.peek().is_some() {
            return Some(empty.map(|window| window.resets_at).max().flatten());
        }
        // Told "reached" without a number that says which window: any reset since then makes it history.
        let is_history = self.windows.iter().any(|window| window.has_reset(now));
        (self.is_limit_reached && !is_history)
            .then(|| self.binding(now).and_then(|window| window.resets_at))
    }
}

/// The answer was no usage document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no usage document")]
pub struct NotUsage;

fn windows_of(limit: &Value, now: SystemTime) -> Vec<Window> {
    ["primary_window", "secondary_window"]
        .into_iter()
        .filter_map(|slot| {
            let window = limit.get(slot)?;
            let resets_at = reset_moment(window.get("reset_at")).or_else(|| {
                number(window.get("reset_after_seconds")).and_then(|secs| after(now, secs))
            });
            window_of(
                number(window.get("used_percent"))?,
                number(window.get("limit_window_seconds")),
                resets_at,
            )
        })
        .collect()
}

/// A window without a length and without a reset is "no data", not 0 %.
fn window_of(
    used_percent: f64,
    secs: Option<f64>,
    resets_at: Option<SystemTime>,
) -> Option<Window> {
    let secs = secs.filter(|secs| *secs > 0.0 && *secs < MAX_WINDOW_SECS)?;
    let used_percent = if used_percent.is_finite() {
        used_percent.clamp(0.0, 100.0)
    } else {
        return None;
    };
    Some(Window {
        length: Duration::from_secs_f64(secs.ceil()),
        used_percent,
        resets_at,
    })
}

/// Ten years: what is longer is nonsense.
const MAX_WINDOW_SECS: f64 = 10.0 * 365.0 * 86_400.0;

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn reset_moment(value: Option<&Value>) -> Option<SystemTime> {
    number(value).and_then(moment).or_else(|| {
        let at: jiff::Timestamp = value?.as_str()?.parse().ok()?;
        Some(at.into())
    })
}

/// Seconds since 1970, up to the year 9999.
fn moment(secs: f64) -> Option<SystemTime> {
    (secs > 0.0 && secs < 253_402_300_799.0)
        .then(|| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(secs))
}

fn after(now: SystemTime, secs: f64) -> Option<SystemTime> {
    (0.0..MAX_WINDOW_SECS)
        .contains(&secs)
        .then(|| now + Duration::from_secs_f64(secs))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn in_secs(secs: u64) -> SystemTime {
        NOW + Duration::from_secs(secs)
    }

    fn read(json: &Value) -> Usage {
        Usage::from_document(json.to_string().as_bytes(), NOW).unwrap()
    }

    fn window(used_percent: f64, secs: u64, reset_at: u64) -> Value {
        json!({"used_percent": used_percent, "limit_window_seconds": secs, "reset_after_seconds": 1, "reset_at": reset_at})
    }

    #[test]
    fn windows_are_named_by_their_length_and_not_by_their_slot() {
        let usage = read(&json!({"plan_type": "free", "rate_limit": {
            "allowed": true, "primary_window": window(12.0, 604_800, 900), "secondary_window": null}}));
        assert_eq!(
            usage.window(WindowKind::Weekly).map(|w| w.used_percent),
            Some(12.0)
        );
        assert_eq!(usage.window(WindowKind::FiveHour), None);
        let names: Vec<_> = [18_000, 604_800, 2_592_000, 3_600, 86_400, 864_000]
            .map(|secs| {
                Window {
                    length: Duration::from_secs(secs),
                    used_percent: 0.0,
                    resets_at: None,
                }
                .name()
            })
            .to_vec();
        assert_eq!(
            names,
            [
                "5-hour",
                "Weekly",
                "30-day",
                "60-minute",
                "24-hour",
                "10-day"
            ]
        );
    }

    #[test]
    fn every_part_may_be_missing_and_numbers_may_be_text() {
        for json in [
            json!({}),
            json!({"rate_limit": null}),
            json!({"rate_limit": {"primary_window": {"used_percent": 5}}}),
        ] {
            assert_eq!(read(&json).windows, []);
        }
        let usage = read(&json!({
            "rate_limit": {"primary_window": {"used_percent": "7.5", "limit_window_seconds": "18000", "reset_at": "1970-01-01T00:15:00Z"}},
            "credits": {"has_credits": true, "unlimited": false, "balance": "18.20"},
            "rate_limit_reset_credits": {"available_count": 2},
            "additional_rate_limits": [{"limit_name": "Fast", "rate_limit": {"primary_window": window(1.0, 18_000, 5)}}, {}],
        }));
        assert_eq!(
            usage.windows,
            [Window {
                length: in_secs(18_000).duration_since(NOW).unwrap(),
                used_percent: 7.5,
                resets_at: Some(in_secs(900))
            }]
        );
        assert_eq!(
            usage.credits,
            Some(Credits {
                is_unlimited: false,
                balance: Some(18.2)
            })
        );
        assert_eq!(usage.reset_credits, Some(2));
        assert_eq!(usage.extra.len(), 1);
        assert_eq!(Usage::from_document(b"<html>", NOW), Err(NotUsage));
    }

    #[test]
    fn hostile_numbers_do_no_harm() {
        for used in [json!(1e308), json!(-5), json!("NaN"), json!("inf")] {
            let usage = read(&json!({"rate_limit": {"primary_window": {
                "used_percent": used, "limit_window_seconds": 18_000, "reset_at": 1e300, "reset_after_seconds": -1e300}}}));
            assert!(
                usage
                    .windows
                    .iter()
                    .all(|w| (0.0..=100.0).contains(&w.used_percent))
            );
        }
    }

    #[test]
    fn limit_headers_are_read() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-codex-primary-used-percent", "100.0"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-at", "900"),
            ("x-codex-secondary-used-percent", "40"),
            ("x-codex-secondary-window-minutes", "10080"),
            ("x-codex-secondary-reset-after-seconds", "60"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let usage = Usage::from_headers(&headers, NOW).unwrap();
        assert_eq!(usage.blocked_until(NOW), Some(Some(in_secs(900))));
        assert_eq!(usage.windows[1].resets_at, Some(in_secs(60)));
        assert_eq!(Usage::from_headers(&HeaderMap::new(), NOW), None);
    }

    #[test]
    fn the_emptiest_window_binds_and_the_last_reset_frees() {
        let usage = read(&json!({"rate_limit": {
            "primary_window": window(100.0, 18_000, 900), "secondary_window": window(100.0, 604_800, 90_000)}}));
        assert_eq!(
            usage.binding(NOW).map(Window::kind),
            Some(WindowKind::Weekly)
        );
        assert_eq!(usage.blocked_until(NOW), Some(Some(in_secs(90_000))));
        assert_eq!(
            usage.blocked_until(in_secs(90_001)),
            None,
            "a passed reset makes the number history"
        );
    }

    #[test]
    fn a_reached_limit_without_an_empty_window_still_blocks() {
        let usage = read(
            &json!({"rate_limit": {"limit_reached": true, "primary_window": window(99.0, 18_000, 900)}}),
        );
        assert_eq!(usage.blocked_until(NOW), Some(Some(in_secs(900))));
        assert_eq!(usage.blocked_until(in_secs(901)), None);
    }
}
