//! Waiting for a condition instead of sleeping.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes on two cores with a load of ten.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see.
///
/// # Panics
/// With `what` when nothing was to be seen for a minute.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started_at = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            started_at.elapsed() < PATIENCE,
            "waited {} s in vain until {what}",
            PATIENCE.as_secs()
        );
        thread::sleep(PAUSE);
    }
}
