//! The event `codex.rate_limits`, which tells inside a stream what the `x-codex-*` headers tell in front of it
//! (`openai/codex: codex-rs/codex-api/src/rate_limits.rs`).

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::usage::Usage;

#[derive(Deserialize)]
struct Event {
    plan_type: Option<Value>,
    rate_limits: Option<Slots>,
    metered_limit_name: Option<Value>,
    limit_name: Option<Value>,
}

#[derive(Deserialize)]
struct Slots {
    primary: Option<Window>,
    secondary: Option<Window>,
}

#[derive(Deserialize)]
struct Window {
    used_percent: Option<Value>,
    window_minutes: Option<Value>,
    reset_at: Option<Value>,
}

/// Takes over what the event says of the account's own limit. Limits of single features, and events that cannot be read,
/// change nothing.
pub(super) fn note(data: &[u8], usage: &mut Option<Usage>) {
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        return;
    };
    let limit = event
        .metered_limit_name
        .as_ref()
        .or(event.limit_name.as_ref());
    if limit
        .and_then(Value::as_str)
        .is_some_and(|name| name != "codex")
    {
        return;
    }
    // The event has the fields of the headers under other names: they are read in one place.
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: Option<&Value>| {
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return,
        };
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-codex-plan-type", event.plan_type.as_ref());
    let slots = event.rate_limits.as_ref();
    if let Some(window) = slots.and_then(|slots| slots.primary.as_ref()) {
        put("x-codex-primary-used-percent", window.used_percent.as_ref());
        put(
            "x-codex-primary-window-minutes",
            window.window_minutes.as_ref(),
        );
        put("x-codex-primary-reset-at", window.reset_at.as_ref());
    }
    if let Some(window) = slots.and_then(|slots| slots.secondary.as_ref()) {
        put(
            "x-codex-secondary-used-percent",
            window.used_percent.as_ref(),
        );
        put(
            "x-codex-secondary-window-minutes",
            window.window_minutes.as_ref(),
        );
        put("x-codex-secondary-reset-at", window.reset_at.as_ref());
    }
    if let Some(told) = Usage::from_headers(&headers, SystemTime::now()) {
        *usage = Some(match usage.take() {
            Some(older) => told.or_else_from(&older),
            None => told,
        });
    }
}

/// The event that tells what the headers tell, for a client that sees no headers; nothing when they tell no limit.
pub(super) fn event_of(headers: &HeaderMap) -> Option<String> {
    let window = |slot: &str| {
        let field = |name: &str| {
            let text = headers.get(format!("x-codex-{slot}-{name}"))?;
            number(text.to_str().ok()?) // no text: no number
        };
        let mut window = Map::new();
        window.insert("used_percent".to_owned(), field("used-percent")?);
        for (key, name) in [
            ("window_minutes", "window-minutes"),
            ("reset_at", "reset-at"),
        ] {
            window.insert(key.to_owned(), field(name).unwrap_or(Value::Null));
        }
        Some(Value::Object(window))
    };
    let (primary, secondary) = (window("primary"), window("secondary"));
    if primary.is_none() && secondary.is_none() {
        return None;
    }
    let plan = headers.get("x-codex-plan-type");
    let event = json!({
        "type": "codex.rate_limits",
        "plan_type": plan.and_then(|plan| plan.to_str().ok()), // no text: no plan
        "rate_limits": { "primary": primary, "secondary": secondary },
        "metered_limit_name": "codex",
    });
    Some(event.to_string())
}

/// A whole number as one: Codex reads minutes and moments as integers.
fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    let whole = text.parse::<i64>().map(Value::from);
    whole
        .or_else(|_fraction| text.parse::<f64>().map(Value::from))
        .ok() // neither: nothing was told
        .filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_the_event_that_tells_the_same() {
        let mut headers = HeaderMap::new();
        assert_eq!(event_of(&headers), None);
        for (name, value) in [
            ("x-codex-plan-type", "plus"),
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-at", "1800000900"),
            ("x-codex-secondary-used-percent", "nan"),
        ] {
            let name = HeaderName::from_static(name);
            headers.insert(name, HeaderValue::from_static(value));
        }
        let event: Value = serde_json::from_str(&event_of(&headers).unwrap()).unwrap();
        assert_eq!(
            event,
            json!({
                "type": "codex.rate_limits",
                "plan_type": "plus",
                "rate_limits": {
                    "primary": {"used_percent": 12.5, "window_minutes": 300, "reset_at": 1_800_000_900},
                    "secondary": null,
                },
                "metered_limit_name": "codex",
            })
        );
        let told = read(&event.to_string()).unwrap();
        assert_eq!(
            told.windows,
            Usage::from_headers(&headers, SystemTime::now())
                .unwrap()
                .windows
        );
    }

    fn read(data: &str) -> Option<Usage> {
        let mut usage = None;
        note(data.as_bytes(), &mut usage);
        usage
    }

    #[test]
    fn both_windows_and_the_plan_are_read() {
        let usage = read(
            r#"{"type":"codex.rate_limits","plan_type":"plus","rate_limits":{"primary":{"used_percent":12.5,"window_minutes":300,"reset_at":1800000900},"secondary":{"used_percent":"40","window_minutes":10080}},"metered_limit_name":"codex"}"#,
        )
        .unwrap();
        assert_eq!(usage.plan.as_deref(), Some("plus"));
        let percents: Vec<_> = usage
            .windows
            .iter()
            .map(|window| window.used_percent)
            .collect();
        assert_eq!(percents, [12.5, 40.0]);
    }

    #[test]
    fn another_limit_and_nonsense_change_nothing() {
        for data in [
            r#"{"rate_limits":{"primary":{"used_percent":99,"window_minutes":300}},"metered_limit_name":"codex_spark"}"#,
            r#"{"rate_limits":null}"#,
            r#"{"rate_limits":{"primary":{"used_percent":"a\nb"}}}"#,
            "[]",
            "not json",
        ] {
            assert_eq!(read(data), None, "{data}");
        }
    }
}
