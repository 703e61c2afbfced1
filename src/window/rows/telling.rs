//! Words that change with time, and when the first of them will.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::desk::words;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A text changes just after its boundary, not on it.
const TICK: Duration = Duration::from_millis(1);

/// The beats at which texts that are told in minutes change.
const TOGETHER: Duration = Duration::from_secs(30);

/// Tells times as they read at one moment in one place.
pub(super) struct Teller<'a> {
    pub now: SystemTime,
    zone: &'a TimeZone,
    next_change_in: Cell<Option<Duration>>,
}

impl<'a> Teller<'a> {
    pub fn new(now: SystemTime, zone: &'a TimeZone) -> Self {
        Self {
            now,
            zone,
            next_change_in: Cell::new(None),
        }
    }

    pub fn zone(&self) -> &TimeZone {
        self.zone
    }

    pub fn next_change_in(&self) -> Option<Duration> {
        self.next_change_in.get()
    }

    /// Something other than a text depends on this moment: the page must be made again then.
    pub fn watch(&self, at: SystemTime) {
        if let Ok(ahead) = at.duration_since(self.now) {
            self.note(ahead + TICK);
        }
    }

    /// `4m ago`. A moment in the future, from a clock that was set back, is just now.
    pub fn age(&self, at: SystemTime) -> String {
        let age = self.now.duration_since(at).unwrap_or_default();
        let grid = grid(age).max(MINUTE);
        self.note_by(grid, grid - rest(age, grid));
        words::age(age)
    }

    /// `2h 54m` until then; nothing once it has passed.
    pub fn until(&self, at: SystemTime) -> Option<String> {
        let ahead = self.ahead(at)?;
        Some(words::duration(ahead))
    }

    /// The same span, for words that are spoken.
    pub fn ahead(&self, at: SystemTime) -> Option<Duration> {
        let ahead = at.duration_since(self.now).ok()?;
        self.note_by(grid(ahead), rest(ahead, grid(ahead)) + TICK);
        Some(ahead)
    }

    /// `16:05`, `Thu 14:00`, `2 Dec`.
    pub fn clock(&self, at: SystemTime) -> String {
        if let Some(change) = words::clock_changes_at(at, self.now) {
            self.watch(change);
        }
        words::clock(at, self.now, self.zone)
    }

    /// Words that tell their clock times themselves, and whose next change nobody waits for.
    pub fn told(&self, tell: impl FnOnce(SystemTime, &TimeZone) -> String) -> String {
        tell(self.now, self.zone)
    }

    /// A moment as the user's calendar has it; nothing beyond the year 9999.
    pub fn zoned(&self, at: SystemTime) -> Option<Zoned> {
        let at = Timestamp::try_from(at).ok()?; // beyond the calendar
        Some(at.to_zoned(self.zone.clone()))
    }

    /// `14 Oct`.
    pub fn day(&self, at: SystemTime) -> String {
        self.zoned(at)
            .map_or_else(|| "later".into(), |at| at.strftime("%-d %b").to_string())
    }

    /// A moment in a form of `strftime`. It reads the same at any time.
    pub fn moment_words(&self, at: SystemTime, form: &str) -> String {
        self.zoned(at)
            .map_or_else(|| "later".into(), |at| at.strftime(form).to_string())
    }

    /// An hour of a day of the user's calendar.
    pub fn moment(&self, day: Date, hour: i8) -> Option<SystemTime> {
        let at = day.at(hour, 0, 0, 0).to_zoned(self.zone.clone()).ok()?; // beyond the calendar
        Some(at.timestamp().into())
    }

    /// A page has a dozen texts that are told in minutes, each with its own boundary. Redrawn together they cost two frames a
    /// minute, and none is late by more than nobody sees.
    fn note_by(&self, grid: Duration, change_in: Duration) {
        if grid < MINUTE {
            return self.note(change_in);
        }
        let since = self
            .now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let change_at = since + change_in;
        let late = rest(change_at, TOGETHER);
        let wait = if late.is_zero() {
            Duration::ZERO
        } else {
            TOGETHER - late
        };
        self.note(change_in + wait);
    }

    fn note(&self, change_in: Duration) {
        let soonest = self
            .next_change_in
            .get()
            .map_or(change_in, |known| known.min(change_in));
        self.next_change_in.set(Some(soonest));
    }
}

/// The steps in which a span of this length is told.
fn grid(span: Duration) -> Duration {
    match span {
        span if span < MINUTE => Duration::from_secs(1),
        span if span < DAY => MINUTE,
        _ => HOUR,
    }
}

fn rest(span: Duration, grid: Duration) -> Duration {
    let nanos = span.as_nanos() % grid.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn change(tell: impl Fn(&Teller<'_>)) -> Option<Duration> {
        let zone = TimeZone::UTC;
        let teller = Teller::new(NOW + DAY * 30, &zone);
        tell(&teller);
        teller.next_change_in()
    }

    #[test]
    fn the_soonest_change_of_all_texts_wins() {
        let now = NOW + DAY * 30;
        let soonest = change(|teller| {
            teller.until(now + Duration::from_secs(3_700));
            teller.age(now - Duration::from_secs(75));
        });
        assert_eq!(soonest, Some(TOGETHER * 2));
        assert_eq!(change(|_| {}), None);
    }

    #[test]
    fn a_moment_that_has_passed_is_not_waited_for() {
        let now = NOW + DAY * 30;
        assert_eq!(
            change(|teller| assert_eq!(teller.until(now - MINUTE), None)),
            None
        );
    }

    proptest! {
        #[test]
        fn every_text_changes_then_and_at_most_a_beat_before(ms in 0_u64..400_000_000) {
            let now = NOW + DAY * 30;
            let span = Duration::from_millis(ms);
            for (at, is_past) in [(now - span, true), (now + span, false)] {
                let tell = |later: Duration| {
                    let zone = TimeZone::UTC;
                    let teller = Teller::new(now + later, &zone);
                    let text = if is_past { Some(teller.age(at)) } else { teller.until(at) };
                    (text, teller.next_change_in())
                };
                let (text, change) = tell(Duration::ZERO);
                let change = change.unwrap();
                prop_assert_ne!(&tell(change).0, &text);
                let beat = if text.as_deref().is_some_and(|text| text.ends_with('s')) {
                    Duration::ZERO
                } else {
                    TOGETHER
                };
                let before = change.saturating_sub(beat + Duration::from_millis(2));
                prop_assert_eq!(&tell(before).0, &text);
            }
        }
    }
}
