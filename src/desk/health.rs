//! How a login fares, in words: for every face that tells about one account.

use std::time::SystemTime;

use jiff::tz::TimeZone;

use super::edit::TokenHealth;
use super::words::{age, clock};
use crate::profile::{Origin, Rotator};

/// A line for each thing that is known, the most pressing first; none has a full stop.
pub fn lines(
    token: &TokenHealth,
    expires_at: Option<SystemTime>,
    now: SystemTime,
    zone: &TimeZone,
) -> Vec<String> {
    let ago = |at: SystemTime| age(now.duration_since(at).unwrap_or_default());
    let failed = token
        .last_error
        .as_ref()
        .map(|(reason, at)| format!("could not be renewed {}: {reason}", ago(*at)));
    let expires = expires_at.map(|at| match now.duration_since(at) {
        Err(_ahead) => format!("access token until {}", clock(at, now, zone)),
        Ok(_over) => format!("access token ran out {}", ago(at)),
    });
    let next = token
        .next_refresh_at
        .map(|at| match now.duration_since(at) {
            Err(_ahead) => format!("next renewal {}", clock(at, now, zone)),
            Ok(_due) => "next renewal due".to_owned(),
        });
    let by = token.rotated_by.map_or("", rotator);
    let rotated = token
        .rotated_at
        .map(|at| format!("renewed {}{by}", ago(at)));
    let came = token
        .came_by
        .map(|(origin, at)| format!("{} {}", origin_words(origin), ago(at)));
    [failed, expires, next, rotated, came]
        .into_iter()
        .flatten()
        .collect()
}

fn rotator(by: Rotator) -> &'static str {
    match by {
        Rotator::Us => " by Codex Router",
        Rotator::Codex => " by Codex",
    }
}

fn origin_words(origin: Origin) -> &'static str {
    match origin {
        Origin::Browser => "signed in by browser",
        Origin::Code => "signed in by code",
        Origin::Key => "added by its key",
        Origin::Import => "imported",
        Origin::Codex => "saved from Codex",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_login_is_told_by_what_was_and_what_will_be() {
        let now: SystemTime = "2026-11-20T12:00:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .into();
        let hour = Duration::from_secs(3_600);
        let lines = |token: &TokenHealth, expires_at| lines(token, expires_at, now, &TimeZone::UTC);
        assert_eq!(lines(&TokenHealth::default(), None), Vec::<String>::new());
        let token = TokenHealth {
            rotated_at: Some(now - 3 * hour),
            rotated_by: Some(Rotator::Codex),
            next_refresh_at: Some(now + hour),
            last_error: Some(("no way out".into(), now - hour)),
            came_by: Some((Origin::Import, now - 48 * hour)),
        };
        assert_eq!(
            lines(&token, Some(now + 2 * hour)),
            [
                "could not be renewed 1h 00m ago: no way out",
                "access token until 14:00",
                "next renewal 13:00",
                "renewed 3h 00m ago by Codex",
                "imported 2d 00h ago",
            ]
        );
        let late = TokenHealth {
            next_refresh_at: Some(now),
            ..TokenHealth::default()
        };
        assert_eq!(
            lines(&late, Some(now - hour)),
            ["access token ran out 1h 00m ago", "next renewal due"]
        );
    }
}
