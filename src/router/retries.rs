//! How many second tries all requests together may make, so that an upstream in trouble is not hit several times as hard.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tries that are always in reserve for a quiet user.
const RESERVE: u32 = 10;
/// So many requests earn one second try: a fifth more at most.
const REQUESTS_PER_TRY: u32 = 5;
/// What counts is what happened within so many seconds.
const SPAN_SECS: usize = 10;

#[derive(Debug)]
pub(crate) struct Retries {
    began: Instant,
    seconds: Mutex<[Second; SPAN_SECS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Since the beginning.
    number: u64,
    requests: u32,
    tries: u32,
}

impl Retries {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            seconds: Mutex::default(),
        }
    }

    /// A request has come.
    pub(crate) fn earn(&self, now: Instant) {
        self.change(now, |second, _| second.requests += 1);
    }

    /// Whether a second try may be made; counts it if so.
    pub(crate) fn spend(&self, now: Instant) -> bool {
        self.change(now, |second, (requests, tries)| {
            let may = tries < RESERVE + requests / REQUESTS_PER_TRY;
            second.tries += u32::from(may);
            may
        })
    }

    /// `change` gets the second that is now, and the requests and tries of the whole span.
    fn change<T>(&self, now: Instant, change: impl FnOnce(&mut Second, (u32, u32)) -> T) -> T {
        let elapsed: Duration = now.saturating_duration_since(self.began);
        let number = elapsed.as_secs();
        let place = usize::try_from(number % SPAN_SECS as u64).unwrap_or_default();
        // Numbers cannot be left half written.
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |second: &&Second| number - second.number.min(number) < SPAN_SECS as u64;
        let sums = seconds
            .iter()
            .filter(is_recent)
            .fold((0, 0), |sums, second| {
                (sums.0 + second.requests, sums.1 + second.tries)
            });
        let second = &mut seconds[place];
        if second.number != number {
            *second = Second {
                number,
                ..Second::default()
            };
        }
        change(second, sums)
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(second_tries, 30);
    }

    #[test]
    fn what_a_burst_has_earned_is_there_when_its_failures_come() {
        let now = Instant::now();
        let retries = Retries::new(now);
        for _ in 0..500 {
            retries.earn(now);
        }
        let later = now + Duration::from_secs(3);
        let second_tries = (0..500).filter(|_| retries.spend(later)).count();
        assert_eq!(second_tries, 110);
    }

    #[test]
    fn after_ten_seconds_the_reserve_is_back_and_old_requests_earn_nothing() {
        let now = Instant::now();
        let retries = Retries::new(now);
        for _ in 0..500 {
            retries.earn(now);
        }
        while retries.spend(now) {}
        let later = now + Duration::from_secs(10);
        let second_tries = (0..500).filter(|_| retries.spend(later)).count();
        assert_eq!(second_tries, 10);
    }
}
