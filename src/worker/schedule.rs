//! When the next refresh and the next poll of a profile are due. Pure functions of what is known and the time.

use std::time::{Duration, SystemTime};

use crate::profile::{AuthFile, Fingerprint, ProfileName};
use crate::usage::Usage;

/// A newer Codex CLI refreshes at expiry and reads the file again before; whoever is earlier is adopted. Measured with
/// codex-cli 0.169.0: its lock covers the writing, not the network call, so being early is the only way not to collide.
const REFRESH_MARGIN: Duration = Duration::from_secs(20 * 60);
const REFRESH_JITTER: Duration = Duration::from_secs(5 * 60);
/// The CLI's own limit for tokens that do not say when they expire is 8 days.
const BLIND_REFRESH_AGE: Duration = Duration::from_secs(15 * 12 * 3600);
const REFRESH_BACKOFF: Duration = Duration::from_secs(30);
const MAX_REFRESH_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// One account is asked at most once in this time, whatever comes.
pub const MIN_POLL_GAP: Duration = Duration::from_secs(60);
/// A person who presses a button gets an answer sooner.
pub const MIN_ASKED_POLL_GAP: Duration = Duration::from_secs(10);
const MAX_POLL_BACKOFF: Duration = Duration::from_secs(3600);
/// Between the first polls of neighbours in the list.
const FIRST_POLL_STAGGER: Duration = Duration::from_millis(200);

/// When this login should get a new token by itself; `None` for logins that cannot.
///
/// Twenty minutes before expiry, give or take five by the profile's name, but never before half of the token's life is over:
/// a token that lives for minutes must not be redeemed in a loop.
pub fn refresh_due(name: &ProfileName, auth: &AuthFile) -> Option<SystemTime> {
    let login = auth.chatgpt()?;
    login.refresh_token.as_ref()?;
    let claims = &login.claims;
    let Some(expires_at) = claims.expires_at else {
        return login.last_refresh.map(|at| at + BLIND_REFRESH_AGE);
    };
    let jitter = REFRESH_JITTER.mul_f64(2.0 * spread(name));
    let early = expires_at - REFRESH_MARGIN - REFRESH_JITTER + jitter;
    let half_life = claims
        .issued_at
        .and_then(|at| expires_at.duration_since(at).ok().map(|life| at + life / 2));
    Some(half_life.map_or(early, |half| early.max(half)))
}

/// After the `failures`-th failure in a row: 30 s, 60 s, … up to 15 min, ± 10 % by the profile's name.
pub fn refresh_retry(
    name: &ProfileName,
    failures: u32,
    asked: Option<Duration>,
    now: SystemTime,
) -> SystemTime {
    let grown = doubled(REFRESH_BACKOFF, failures).min(MAX_REFRESH_BACKOFF);
    now + grown
        .max(asked.unwrap_or_default().min(MAX_POLL_BACKOFF))
        .mul_f64(0.9 + 0.2 * spread(name))
}

/// The first poll of the profile at this place in the list.
pub fn first_poll(place: usize, now: SystemTime) -> SystemTime {
    now + FIRST_POLL_STAGGER.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX).min(1_000))
}

/// After an answer: the interval ± 10 %, or sooner when a window resets before that and the number would be history.
pub fn next_poll(
    name: &ProfileName,
    usage: &Usage,
    interval: Duration,
    now: SystemTime,
) -> SystemTime {
    let regular = now + interval.mul_f64(0.9 + 0.2 * spread(name));
    let after_reset = usage
        .windows
        .iter()
        .filter_map(|window| window.resets_at)
        .filter(|at| *at > now)
        .min()
        .map(|at| at + Duration::from_secs_f64(2.0 + 20.0 * spread(name)));
    after_reset
        .map_or(regular, |at| regular.min(at))
        .max(now + MIN_POLL_GAP)
}

/// After the `failures`-th failure in a row.
pub fn poll_retry(
    name: &ProfileName,
    failures: u32,
    asked: Option<Duration>,
    now: SystemTime,
) -> SystemTime {
    let grown = doubled(MIN_POLL_GAP, failures).min(MAX_POLL_BACKOFF);
    now + grown
        .max(asked.unwrap_or_default().min(MAX_POLL_BACKOFF))
        .mul_f64(1.0 + 0.1 * spread(name))
}

fn doubled(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1_u32 << failures.saturating_sub(1).min(16))
}

/// A number from 0 to 1 that is always the same for one name: jitter that tests can repeat.
fn spread(name: &ProfileName) -> f64 {
    let digits = Fingerprint::of(name.as_str().as_bytes());
    let number = digits
        .as_str()
        .get(..4)
        .and_then(|hex| u16::from_str_radix(hex, 16).ok())
        .unwrap_or_default();
    f64::from(number) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::usage::Window;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const DAY: u64 = 86_400;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    fn secs(at: SystemTime) -> u64 {
        at.duration_since(NOW).unwrap().as_secs()
    }

    fn auth(claims: serde_json::Value, refresh_token: &str) -> AuthFile {
        let token = format!("e30.{}.fake", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let json = json!({"auth_mode": "chatgpt", "last_refresh": "1970-01-01T00:00:00Z",
            "tokens": {"access_token": token, "refresh_token": refresh_token}});
        AuthFile::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_token_is_refreshed_fifteen_to_twenty_five_minutes_early() {
        let auth = auth(json!({"iat": 0, "exp": 10 * DAY}), "rt_FAKE");
        for text in ["work", "spare", "a", "b", "c"] {
            let early = 10 * DAY - secs(refresh_due(&name(text), &auth).unwrap());
            assert!((15 * 60..=25 * 60).contains(&early), "{text}: {early}");
        }
    }

    #[test]
    fn a_short_lived_token_is_not_refreshed_before_half_its_life() {
        let due = refresh_due(
            &name("work"),
            &auth(json!({"iat": 0, "exp": 600}), "rt_FAKE"),
        );
        assert_eq!(due.map(secs), Some(300));
    }

    #[test]
    fn a_token_without_expiry_is_refreshed_by_its_age_and_one_without_refresh_token_never() {
        let due = refresh_due(&name("work"), &auth(json!({}), "rt_FAKE"));
        assert_eq!(due.map(secs), Some(7 * DAY + DAY / 2));
        assert_eq!(
            refresh_due(&name("work"), &auth(json!({"exp": 600}), "")),
            None
        );
    }

    #[test]
    fn failures_wait_longer_each_time_up_to_a_limit() {
        let wait = |failures| secs(refresh_retry(&name("work"), failures, None, NOW));
        assert!(
            (27..=33).contains(&wait(1))
                && (54..=66).contains(&wait(2))
                && (810..=990).contains(&wait(40))
        );
        let wait = |failures| secs(poll_retry(&name("work"), failures, None, NOW));
        assert!((60..=66).contains(&wait(1)) && (3600..=3960).contains(&wait(40)));
    }

    #[test]
    fn the_next_poll_comes_right_after_a_reset_but_never_within_a_minute() {
        let usage = |resets_in: u64| Usage {
            plan: None,
            windows: vec![Window {
                length: Duration::from_secs(18_000),
                used_percent: 1.0,
                resets_at: Some(NOW + Duration::from_secs(resets_in)),
            }],
            extra: vec![],
            is_limit_reached: false,
            credits: None,
            reset_credits: None,
            fetched_at: NOW,
        };
        let next = |resets_in| {
            secs(next_poll(
                &name("work"),
                &usage(resets_in),
                Duration::from_secs(600),
                NOW,
            ))
        };
        assert!((540..=660).contains(&next(9_000)));
        assert!((102..=122).contains(&next(100)));
        assert_eq!(next(5), 60);
    }
}
