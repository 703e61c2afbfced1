//! Whether a window will last: how its use compares with even use, and when it runs out at this speed.

use std::time::{Duration, SystemTime};

use super::Window;

/// Left minus what even use would have left, in percent points. Above zero is reserve, below is deficit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// What even use would have left by now: where the notch on the bar stands.
    pub even_left_percent: f64,
    pub reserve_points: f64,
    pub forecast: Forecast,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forecast {
    LastsUntilReset,
    RunsOut(SystemTime),
}

/// Before this share of a window has passed, its pace is noise.
const TOO_EARLY_SHARE: f64 = 0.03;

impl Pace {
    /// `None` when there is nothing to say: no reset known, too early, empty, or the number is history.
    pub fn of(window: &Window, now: SystemTime) -> Option<Self> {
        let to_reset = window.resets_at?.duration_since(now).ok()?;
        let passed = window.length.checked_sub(to_reset)?;
        let passed_share = passed.as_secs_f64() / window.length.as_secs_f64();
        if passed_share < TOO_EARLY_SHARE || window.is_empty(now) {
            return None;
        }
        let even_left_percent = (1.0 - passed_share) * 100.0;
        let left = window.left_percent(now);
        Some(Self {
            even_left_percent,
            reserve_points: left - even_left_percent,
            forecast: forecast(left, window.used_percent, passed, to_reset, now),
        })
    }
}

/// Carries on at the average speed since the window began.
fn forecast(
    left: f64,
    used: f64,
    passed: Duration,
    to_reset: Duration,
    now: SystemTime,
) -> Forecast {
    if used <= 0.0 {
        return Forecast::LastsUntilReset;
    }
    let secs_left = passed.as_secs_f64() * left / used;
    if secs_left >= to_reset.as_secs_f64() {
        Forecast::LastsUntilReset
    } else {
        Forecast::RunsOut(now + Duration::from_secs_f64(secs_left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    /// A 100-minute window in which `passed` minutes are over.
    fn window(used_percent: f64, passed: u64) -> Window {
        Window {
            length: Duration::from_secs(6_000),
            used_percent,
            resets_at: Some(NOW + Duration::from_secs((100 - passed) * 60)),
        }
    }

    #[test]
    fn using_less_than_even_is_reserve_and_lasts() {
        let pace = Pace::of(&window(34.0, 42), NOW).unwrap();
        assert!((pace.even_left_percent - 58.0).abs() < 1e-9);
        assert!((pace.reserve_points - 8.0).abs() < 1e-9);
        assert_eq!(pace.forecast, Forecast::LastsUntilReset);
    }

    #[test]
    fn using_more_than_even_is_deficit_and_runs_out_before_the_reset() {
        let pace = Pace::of(&window(75.0, 50), NOW).unwrap();
        assert!((pace.reserve_points + 25.0).abs() < 1e-9);
        // 75 % in 50 minutes: the other 25 % last 16 minutes and 40 seconds.
        assert_eq!(
            pace.forecast,
            Forecast::RunsOut(NOW + Duration::from_secs(1_000))
        );
    }

    #[test]
    fn there_is_nothing_to_say_too_early_or_when_empty_or_unknown() {
        assert_eq!(Pace::of(&window(1.0, 2), NOW), None);
        assert_eq!(Pace::of(&window(100.0, 50), NOW), None);
        assert_eq!(
            Pace::of(
                &Window {
                    resets_at: None,
                    ..window(10.0, 50)
                },
                NOW
            ),
            None
        );
        assert_eq!(
            Pace::of(&window(10.0, 50), NOW + Duration::from_secs(6_000)),
            None
        );
    }
}
