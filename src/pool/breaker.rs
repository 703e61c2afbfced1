//! Opens after failures in quick succession, for longer each time, and closes when two tries in a row went well.
//!
//! Faults of the client never get here. Between opening and closing one request at a time finds out; who that is, is not
//! decided here.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug)]
pub struct Breaker {
    pace: Pace,
    failed_at: VecDeque<SystemTime>,
    /// Successes since the last failure was made up for.
    served: u32,
    open: Option<Open>,
    /// In a row, without a time in between in which it was closed.
    openings: u32,
}

/// For how long it opens: the first time, and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub first: Duration,
    pub most: Duration,
}

impl Pace {
    pub const PROFILE: Self = Self {
        first: Duration::from_secs(30),
        most: Duration::from_secs(300),
    };
    /// A network that was away is often back within seconds, and finding out costs nobody anything.
    pub const PATH: Self = Self {
        first: Duration::from_secs(5),
        most: Duration::from_secs(60),
    };
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: SystemTime,
    until: SystemTime,
    successes: u32,
}

/// One that is open, as one run leaves it to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub since: SystemTime,
    pub until: SystemTime,
    /// Tries since then that went well.
    pub successes: u32,
    /// How often it opened in a row.
    pub openings: u32,
}

pub const FAILURES: usize = 5;
pub const SPAN: Duration = Duration::from_secs(30);
const SUCCESSES_TO_CLOSE: u32 = 2;
/// So many successes make up for one failure: a busy profile that fails once in a while is not a failing one.
pub const SUCCESSES_PER_FAILURE: u32 = 3;

impl Breaker {
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            failed_at: VecDeque::new(),
            served: 0,
            open: None,
            openings: 0,
        }
    }

    /// An attempt that began then has failed now. The moment until which it is open, when this opens it.
    pub fn note_failure(&mut self, began: SystemTime, now: SystemTime) -> Option<SystemTime> {
        if let Some(open) = self.open {
            // One that was on its way when it opened is not the one that finds out.
            return (began >= open.until).then(|| self.open(now));
        }
        let is_recent = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age <= SPAN);
        self.failed_at.retain(is_recent);
        self.failed_at.push_back(now);
        (self.failed_at.len() >= FAILURES).then(|| self.open(now))
    }

    fn open(&mut self, now: SystemTime) -> SystemTime {
        let length = self.pace.first.saturating_mul(1 << self.openings.min(8));
        let until = now + length.min(self.pace.most);
        self.openings = self.openings.saturating_add(1);
        self.failed_at.clear();
        self.served = 0;
        self.open = Some(Open {
            since: now,
            until,
            successes: 0,
        });
        until
    }

    /// An attempt that began then was answered. Whether it is closed.
    pub fn note_success(&mut self, began: SystemTime) -> bool {
        let Some(open) = &mut self.open else {
            self.served += 1;
            if self.served >= SUCCESSES_PER_FAILURE {
                self.served = 0;
                self.failed_at.pop_front();
            }
            return true;
        };
        if began >= open.until {
            open.successes += 1;
        }
        if open.successes >= SUCCESSES_TO_CLOSE {
            *self = Self::new(self.pace);
        }
        self.open.is_none()
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// What the next run has to know of it.
    pub fn opened(&self) -> Option<Opened> {
        let open = self.open?;
        Some(Opened {
            since: open.since,
            until: open.until,
            successes: open.successes,
            openings: self.openings,
        })
    }

    /// As it was left by the run before this one, unless it cannot have been open for so long.
    pub fn restore(&mut self, opened: Opened) {
        let length = opened.until.duration_since(opened.since);
        if !length.is_ok_and(|length| length <= self.pace.most) {
            return;
        }
        self.openings = opened.openings.max(1);
        self.open = Some(Open {
            since: opened.since,
            until: opened.until,
            successes: opened.successes.min(SUCCESSES_TO_CLOSE - 1),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(secs: u64) -> SystemTime {
        NOON + Duration::from_secs(secs)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(Pace::PROFILE);
        for second in 0..4 {
            assert_eq!(breaker.note_failure(at(second), at(second)), None);
        }
        assert_eq!(breaker.note_failure(at(4), at(4)), Some(at(34)));
        breaker
    }

    #[test]
    fn five_failures_in_half_a_minute_open_it() {
        opened();
        let mut slow = Breaker::new(Pace::PROFILE);
        for number in 0..20 {
            let now = at(number * 8);
            assert_eq!(slow.note_failure(now, now), None, "four in 30 s at most");
        }
    }

    #[test]
    fn what_was_on_its_way_when_it_opened_changes_nothing() {
        let mut breaker = opened();
        assert_eq!(breaker.note_failure(at(3), at(20)), None);
        breaker.note_success(at(3));
        breaker.note_success(at(3));
        assert!(breaker.is_open());
    }

    #[test]
    fn each_failed_try_opens_it_for_twice_as_long_up_to_five_minutes() {
        let mut breaker = opened();
        let mut until = at(34);
        for secs in [60, 120, 240, 300, 300, 300] {
            let next = breaker.note_failure(until, until).unwrap();
            assert_eq!(next.duration_since(until).unwrap().as_secs(), secs);
            until = next;
        }
    }

    #[test]
    fn two_successes_close_it_and_the_next_opening_is_a_first_one() {
        let mut breaker = opened();
        assert!(!breaker.note_success(at(34)));
        assert!(breaker.note_success(at(35)));
        for _ in 0..4 {
            assert_eq!(breaker.note_failure(at(40), at(40)), None);
        }
        assert_eq!(breaker.note_failure(at(40), at(40)), Some(at(70)));
    }

    #[test]
    fn the_next_run_goes_on_where_this_one_left_it() {
        let mut breaker = opened();
        breaker.note_failure(at(34), at(34));
        breaker.note_success(at(94));
        let left = breaker.opened().unwrap();
        assert_eq!(
            (left.since, left.until, left.successes, left.openings),
            (at(34), at(94), 1, 2)
        );
        let next = || {
            let mut next = Breaker::new(Pace::PROFILE);
            next.restore(left);
            next
        };
        assert_eq!(next().opened(), Some(left));
        assert_eq!(
            next().note_failure(at(95), at(95)),
            Some(at(95 + 120)),
            "twice as long again"
        );
        let mut next = next();
        assert!(next.note_success(at(95)), "the second success closes it");
        assert_eq!(next.opened(), None);
        next.restore(Opened {
            until: at(34 + 301),
            ..left
        });
        assert_eq!(
            next.opened(),
            None,
            "no breaker is open for longer than five minutes"
        );
    }

    #[test]
    fn a_busy_profile_that_fails_now_and_then_stays_closed_and_one_that_fails_half_the_time_does_not()
     {
        let after = |successes_per_failure: u32| {
            let mut breaker = Breaker::new(Pace::PROFILE);
            for _ in 0..50 {
                breaker.note_failure(NOON, NOON);
                for _ in 0..successes_per_failure {
                    breaker.note_success(NOON);
                }
            }
            breaker.is_open()
        };
        assert!(!after(10));
        assert!(after(1));
    }
}
