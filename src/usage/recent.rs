//! How fast an account was used lately, from the numbers as they came in: what a forecast carries on with.
//!
//! Values only: the moment is an argument. Kept in memory for a day; the ledger has the same numbers for longer.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::{Usage, Window};

/// What one account used of each of its windows in the last [`LOOKS_BACK`], whoever used it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentUse {
    windows: Vec<WindowUse>,
}

#[derive(Clone, Debug, PartialEq)]
struct WindowUse {
    length: Duration,
    first_at: SystemTime,
    last_at: SystemTime,
    last: Window,
    /// Percent points that were used, by the beginning of the quarter of an hour in which that was seen. The oldest first.
    steps: VecDeque<(SystemTime, f64)>,
}

/// A day: what people do has a night in it.
pub const LOOKS_BACK: Duration = Duration::from_secs(24 * 3_600);
/// Percents come whole. What was watched for less says more about their rounding than about the pace.
const LEAST_WATCHED: Duration = Duration::from_secs(3_600);
const STEP: Duration = Duration::from_secs(15 * 60);
/// A smaller fall is a rounding of the upstream, not a window that began anew.
const FALL: f64 = 1.5;

impl RecentUse {
    /// Takes in what was told of all windows at one moment. What is older than the last word changes nothing.
    pub fn note(&mut self, usage: &Usage) {
        for window in &usage.windows {
            self.note_window(window, usage.fetched_at);
        }
    }

    /// The same for one window.
    pub fn note_window(&mut self, window: &Window, at: SystemTime) {
        let known = self
            .windows
            .iter_mut()
            .find(|known| known.length == window.length);
        match known {
            Some(known) => known.note(window, at),
            None => self.windows.push(WindowUse {
                length: window.length,
                first_at: at,
                last_at: at,
                last: window.clone(),
                steps: VecDeque::new(),
            }),
        }
    }

    /// How long it was watched in the last [`LOOKS_BACK`], up to the last word; none when that is too short to say anything.
    pub fn watched(&self, now: SystemTime) -> Option<Duration> {
        let watched = self.windows.iter().filter_map(|it| it.watched(now)).max()?;
        (watched >= LEAST_WATCHED).then_some(watched)
    }

    /// Percent points of the window of this length that were used in an hour, on the average of the time that it was watched. What
    /// was watched for less than an hour is taken for an hour.
    pub fn hourly(&self, length: Duration, now: SystemTime) -> f64 {
        let Some(window) = self.windows.iter().find(|it| it.length == length) else {
            return 0.0;
        };
        let watched = window.watched(now).unwrap_or_default().max(LEAST_WATCHED);
        let used: f64 = window
            .steps
            .iter()
            .filter(|(at, _)| !is_forgotten(*at, now))
            .map(|(_, points)| points)
            .sum();
        used * 3_600.0 / watched.as_secs_f64()
    }
}

impl WindowUse {
    fn note(&mut self, window: &Window, at: SystemTime) {
        if at <= self.last_at {
            return;
        }
        // Nobody knows when in a long gap something was used.
        if at
            .duration_since(self.last_at)
            .is_ok_and(|gap| gap > LOOKS_BACK)
        {
            self.first_at = at;
            self.steps.clear();
        } else {
            let used = self.used_since(window, at);
            self.step(used, at);
        }
        self.last_at = at;
        self.last = window.clone();
    }

    /// What was used between the last word and this one; where the window began anew at least what stands in the fresh one.
    fn used_since(&self, window: &Window, at: SystemTime) -> f64 {
        let grown = window.used_percent - self.last.used_percent;
        if self.last.has_reset(at) || grown < -FALL {
            window.used_percent
        } else {
            grown.max(0.0)
        }
    }

    fn step(&mut self, points: f64, at: SystemTime) {
        while self
            .steps
            .front()
            .is_some_and(|(begun, _)| is_forgotten(*begun, at))
        {
            self.steps.pop_front();
        }
        if points <= 0.0 {
            return;
        }
        match self.steps.back_mut() {
            Some((begun, sum)) if at.duration_since(*begun).is_ok_and(|since| since < STEP) => {
                *sum += points;
            }
            _ => self.steps.push_back((at, points)),
        }
    }

    /// Nobody watches after the last word: what was used since then is not known.
    fn watched(&self, now: SystemTime) -> Option<Duration> {
        let begin = now.checked_sub(LOOKS_BACK)?.max(self.first_at);
        self.last_at.min(now).duration_since(begin).ok()
    }
}

fn is_forgotten(at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(at).is_ok_and(|age| age > LOOKS_BACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const FIVE_HOURS: Duration = Duration::from_secs(5 * HOUR);

    fn at(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + hours * HOUR)
    }

    fn window(used_percent: f64, resets_at: u64) -> Window {
        Window {
            length: FIVE_HOURS,
            used_percent,
            resets_at: Some(at(resets_at)),
        }
    }

    /// Used percent and reset, hour by hour from the first on.
    fn watched(words: &[(u64, f64, u64)]) -> RecentUse {
        let mut recent = RecentUse::default();
        for (hour, used, reset) in words {
            recent.note_window(&window(*used, *reset), at(*hour));
        }
        recent
    }

    #[test]
    fn the_pace_is_what_was_used_by_the_time_it_was_watched() {
        let recent = watched(&[(0, 10.0, 5), (1, 20.0, 5), (4, 30.0, 5)]);
        assert_eq!(recent.hourly(FIVE_HOURS, at(4)), 5.0);
        assert_eq!(recent.watched(at(4)), Some(Duration::from_secs(4 * HOUR)));
    }

    #[test]
    fn the_time_after_the_last_word_was_not_watched() {
        let recent = watched(&[(0, 10.0, 5), (1, 20.0, 5), (4, 30.0, 5)]);
        assert_eq!(recent.hourly(FIVE_HOURS, at(10)), 5.0);
        assert_eq!(recent.watched(at(10)), Some(Duration::from_secs(4 * HOUR)));
        assert_eq!(recent.watched(at(27)), Some(Duration::from_secs(HOUR)));
        assert_eq!(recent.watched(at(28)), None);
        assert_eq!(recent.watched(at(90)), None);
    }

    #[test]
    fn a_window_that_began_anew_counts_what_stands_in_the_fresh_one() {
        let told = watched(&[(0, 90.0, 1), (2, 6.0, 7)]);
        assert_eq!(told.hourly(FIVE_HOURS, at(2)), 3.0);
        let early = watched(&[(0, 90.0, 5), (2, 6.0, 7)]);
        assert_eq!(early.hourly(FIVE_HOURS, at(2)), 3.0);
        let rounded = watched(&[(0, 12.0, 5), (2, 11.0, 5)]);
        assert_eq!(rounded.hourly(FIVE_HOURS, at(2)), 0.0);
    }

    #[test]
    fn what_was_watched_for_less_than_an_hour_is_too_little_to_say() {
        let mut recent = watched(&[(0, 10.0, 5)]);
        let soon = at(0) + Duration::from_secs(59 * 60);
        recent.note_window(&window(10.0, 5), soon);
        assert_eq!(recent.watched(soon), None);
        assert_eq!(recent.watched(at(1)), None, "however late it is");
        recent.note_window(&window(10.0, 5), at(1));
        assert_eq!(
            recent.watched(at(1)),
            Some(Duration::from_secs(HOUR)),
            "an hour will do"
        );
        assert_eq!(RecentUse::default().watched(at(1)), None);
    }

    #[test]
    fn what_is_a_day_old_is_forgotten() {
        let recent = watched(&[(0, 0.0, 40), (1, 24.0, 40), (20, 48.0, 40)]);
        assert_eq!(recent.hourly(FIVE_HOURS, at(20)), 2.4);
        // Of the hours 2 to 20.
        assert_eq!(recent.hourly(FIVE_HOURS, at(26)), 24.0 / 18.0);
        assert_eq!(recent.watched(at(26)), Some(Duration::from_secs(18 * HOUR)));
    }

    #[test]
    fn after_a_gap_of_a_day_it_is_watched_anew() {
        let mut recent = watched(&[(0, 0.0, 90), (1, 50.0, 90), (30, 80.0, 90)]);
        assert_eq!(recent.watched(at(30)), None);
        assert_eq!(recent.hourly(FIVE_HOURS, at(31)), 0.0);
        recent.note_window(&window(82.0, 90), at(32));
        assert_eq!(recent.hourly(FIVE_HOURS, at(32)), 1.0);
    }

    #[test]
    fn an_older_word_changes_nothing() {
        let mut recent = watched(&[(0, 10.0, 5), (2, 20.0, 5)]);
        let before = recent.clone();
        recent.note_window(&window(5.0, 5), at(1));
        assert_eq!(recent, before);
    }
}
