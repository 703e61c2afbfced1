//! When a client has heard nothing for so long that it needs a sign of life.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

pub(super) struct Silence {
    limit: Duration,
    heard_at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    /// Begins now.
    pub(super) fn new(limit: Duration) -> Self {
        let heard_at = Instant::now();
        Self {
            limit,
            heard_at,
            timer: Box::pin(sleep_until(heard_at + limit)),
        }
    }

    /// The client hears something.
    pub(super) fn broken(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Ready when it lasts for too long; wakes the task when it will.
    pub(super) fn poll_too_long(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let end = self.heard_at + self.limit;
            let is_too_long = end <= now;
            // The timer is moved only when it fires, not whenever something is said.
            let next = if is_too_long { now + self.limit } else { end };
            self.timer.as_mut().reset(next);
            if is_too_long {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(15);

    async fn too_long(silence: &mut Silence) -> Duration {
        let began = Instant::now();
        poll_fn(|cx| silence.poll_too_long(cx)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_too_long_again_and_again() {
        let mut silence = Silence::new(LIMIT);
        for _ in 0..3 {
            let took = too_long(&mut silence).await;
            assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_heard_begins_it_anew() {
        let mut silence = Silence::new(LIMIT);
        advance(LIMIT - Duration::from_secs(1)).await;
        silence.broken();
        let took = too_long(&mut silence).await;
        assert!(
            took >= LIMIT,
            "one second after the answer came a sign: {took:?}"
        );
    }
}
