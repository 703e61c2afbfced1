//! `limits.*`: how much at once, how often again, and how long to wait.
//!
//! Each has bounds, so that a typo neither locks everybody out nor lets a runaway client in.

use std::ops::RangeInclusive;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Requests that are served at once.
    pub requests: usize,
    /// Of these by one account, as long as others can take more.
    pub per_account: usize,
    /// Of these by one client key that has no limit of its own.
    pub per_key: usize,
    /// Requests that wait in line.
    pub queue: usize,
    pub queue_wait: Duration,
    /// Accounts that one request may try.
    pub accounts: usize,
    /// Tries after the first.
    pub retries: usize,
    /// From sending a request to the first sign of an answer.
    pub first_event: Duration,
    /// The same for much reasoning and for compaction.
    pub first_event_long: Duration,
    /// Between two events of an answer.
    pub idle: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            requests: 256,
            per_account: 64,
            per_key: 64,
            queue: 256,
            queue_wait: Duration::from_secs(10),
            accounts: 3,
            retries: 2,
            first_event: Duration::from_secs(60),
            first_event_long: Duration::from_secs(600),
            idle: Duration::from_secs(300),
        }
    }
}

pub(super) fn within(bounds: RangeInclusive<usize>) -> impl Fn(&str) -> Result<usize, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| format!("give a number from {} to {}", bounds.start(), bounds.end()))
    }
}

pub(super) fn secs_within(
    bounds: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let secs = text.parse().ok().filter(|secs| bounds.contains(secs));
        let secs = secs.map(Duration::from_secs);
        secs.ok_or_else(|| format!("give seconds from {} to {}", bounds.start(), bounds.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn read(config: &str) -> (LimitSettings, Vec<&'static str>) {
        let read = Settings::default().overridden_by(Some(config), |_| None);
        let bad = read.bad.iter().map(|bad| bad.key);
        (read.settings.limits, bad.collect())
    }

    #[test]
    fn every_limit_can_be_set() {
        let (limits, bad) = read(
            "[limits]\nrequests = 9\nper_account = 4\nper_key = 3\nqueue = 0\nqueue_secs = 0\naccounts = 1\nretries = 0\nfirst_event_secs = 5\nfirst_event_long_secs = 7200\nidle_secs = 30\n",
        );
        let expected = LimitSettings {
            requests: 9,
            per_account: 4,
            per_key: 3,
            queue: 0,
            queue_wait: Duration::ZERO,
            accounts: 1,
            retries: 0,
            first_event: Duration::from_secs(5),
            first_event_long: Duration::from_secs(7_200),
            idle: Duration::from_secs(30),
        };
        assert_eq!((limits, bad), (expected, vec![]));
    }

    #[test]
    fn what_is_out_of_bounds_is_told_and_its_default_taken() {
        let (limits, bad) = read(
            "[limits]\nrequests = 0\naccounts = 99\nqueue_secs = -1\nfirst_event_secs = 1\nidle_secs = 2\n",
        );
        assert_eq!(limits, LimitSettings::default());
        assert_eq!(
            bad,
            [
                "limits.requests",
                "limits.queue_secs",
                "limits.accounts",
                "limits.first_event_secs",
                "limits.idle_secs"
            ]
        );
    }
}
