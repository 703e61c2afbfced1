//! A gate: what a test holds while an answer waits behind it, so that no test needs to sleep.

use std::sync::Arc;

use tokio::sync::watch;

/// Answers wait in front of it until the test opens it. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    is_open: Arc<watch::Sender<bool>>,
    reached: Arc<watch::Sender<usize>>,
}

impl Gate {
    /// A gate that nothing passes until [`Gate::open`].
    pub fn closed() -> Self {
        Self {
            is_open: Arc::new(watch::Sender::new(false)),
            reached: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Lets everything through that waits, and everything that comes later.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Returns once `count` answers have come to this gate since it was made, passed or still waiting.
    pub async fn reached(&self, count: usize) {
        until(&self.reached, |reached| *reached >= count).await;
    }

    /// Counts the arrival at once, when called, not when first polled.
    pub(super) fn pass(self) -> impl Future<Output = ()> + Send + 'static {
        self.reached.send_modify(|reached| *reached += 1);
        async move { until(&self.is_open, |is_open| *is_open).await }
    }
}

/// Waits until the watched value satisfies `test`.
pub(super) async fn until<T>(sender: &watch::Sender<T>, test: impl FnMut(&T) -> bool) {
    // It fails only when the sender is gone, and the caller holds it.
    drop(sender.subscribe().wait_for(test).await);
}
