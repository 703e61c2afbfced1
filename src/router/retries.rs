//! How many second tries all requests together may make, so that an upstream in trouble is not hit several times as hard.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Tries that are always in reserve for a quiet user.
const RESERVE: f64 = 10.0;
/// Every request earns a fifth of a second try.
const PER_REQUEST: f64 = 0.2;
/// The reserve fills up again by itself within ten seconds.
const PER_SEC: f64 = 1.0;

#[derive(Debug)]
pub(super) struct Retries {
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    tries: f64,
    at: Instant,
}

impl Retries {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: Mutex::new(Left {
                tries: RESERVE,
                at: now,
            }),
        }
    }

    /// A request has come.
    pub(super) fn earn(&self, now: Instant) {
        self.change(now, |left| {
            left.tries += PER_REQUEST;
            true
        });
    }

    /// Whether a second try may be made; counts it if so.
    pub(super) fn spend(&self, now: Instant) -> bool {
        self.change(now, |left| {
            let may = left.tries >= 1.0;
            if may {
                left.tries -= 1.0;
            }
            may
        })
    }

    fn change(&self, now: Instant, change: impl FnOnce(&mut Left) -> bool) -> bool {
        // Two numbers cannot be left half written.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(left.at).as_secs_f64();
        left.tries += elapsed * PER_SEC;
        left.at = now;
        let outcome = change(&mut left);
        left.tries = left.tries.min(RESERVE);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_storm_of_failures_costs_a_fifth_more_and_the_reserve() {
        let now = Instant::now();
        let retries = Retries::new(now);
        let second_tries = (0..100)
            .filter(|_| {
                retries.earn(now);
                retries.spend(now)
            })
            .count();
        assert!((20..=30).contains(&second_tries), "{second_tries}");
        assert!(
            retries.spend(now + Duration::from_secs(2)),
            "the reserve comes back"
        );
    }
}
