//! How soon a member begins to answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A moving average of the time to the first token. Shared by all pools that hold the member, like its requests under way.
#[derive(Clone, Debug, Default)]
pub struct Speed(Arc<AtomicU64>);

/// The weight of the newest of all measurements: about five of them make the average.
const NEWEST: f64 = 0.3;
/// What is older says nothing about now. Without an end, who was slow once would never be asked, and so never measured, again.
const FADES_AFTER: Duration = Duration::from_secs(300);
/// 27 hours in the unit of the lower half; no request takes so long.
const TENTH_MS: u128 = 100;

impl Speed {
    /// A request of this member has got its first token after `took`.
    pub fn note(&self, took: Duration, now: SystemTime) {
        let newest = f64::from(clamped(took.as_micros() / TENTH_MS));
        let update = |old| {
            let average = match average_of(old, now) {
                Some(before) => before + NEWEST * (newest - before),
                None => newest,
            };
            // Between 0 and the largest u32, as both numbers are.
            let average = average.round() as u32;
            Some(u64::from(secs_of(now)) << 32 | u64::from(average.max(1)))
        };
        // Cannot fail: every value has a next one.
        let _before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// The average at `now`; none when nothing was measured lately.
    pub fn first_token(&self, now: SystemTime) -> Option<Duration> {
        average_of(self.0.load(Ordering::Relaxed), now)
            .map(|tenth_ms| Duration::from_secs_f64(tenth_ms / 10_000.0))
    }
}

/// In tenths of milliseconds. The upper half of the cell is the second (since 1970) of the last measurement, so that both change
/// at once.
fn average_of(cell: u64, now: SystemTime) -> Option<f64> {
    let (at, average) = (cell >> 32, cell & u64::from(u32::MAX));
    let age = u64::from(secs_of(now)).saturating_sub(at);
    (average > 0 && age < FADES_AFTER.as_secs()).then_some(average as f64)
}

fn secs_of(now: SystemTime) -> u32 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    clamped(since.unwrap_or_default().as_secs().into())
}

fn clamped(number: u128) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_average_follows_what_is_measured_and_one_outlier_does_not_make_it() {
        let speed = Speed::default();
        assert_eq!(speed.first_token(NOW), None);
        speed.note(ms(400), NOW);
        assert_eq!(speed.first_token(NOW), Some(ms(400)));
        speed.note(ms(1_400), NOW);
        assert_eq!(speed.first_token(NOW), Some(ms(700)));
        for _ in 0..30 {
            speed.note(ms(100), NOW);
        }
        assert!(speed.first_token(NOW).unwrap() < ms(101));
    }

    #[test]
    fn what_was_measured_long_ago_is_forgotten() {
        let speed = Speed::default();
        speed.note(ms(9_000), NOW);
        let later = NOW + FADES_AFTER;
        assert_eq!(speed.first_token(later - ms(1_000)), Some(ms(9_000)));
        assert_eq!(speed.first_token(later), None);
        speed.note(ms(100), later);
        assert_eq!(speed.first_token(later), Some(ms(100)));
    }

    #[test]
    fn the_longest_and_the_shortest_times_fit() {
        let speed = Speed::default();
        speed.note(Duration::ZERO, NOW);
        assert!(speed.first_token(NOW).unwrap() <= ms(1));
        speed.note(Duration::MAX, NOW);
        assert!(speed.first_token(NOW).unwrap() > ms(1_000));
    }
}
