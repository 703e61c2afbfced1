//! What an account is told to answer: some replies once, in order, then perhaps one for ever.

use std::collections::VecDeque;

/// One line of replies. Empty, it leaves the answer to the simulator itself.
#[derive(Debug)]
pub(super) struct Script<T> {
    queue: VecDeque<T>,
    always: Option<T>,
}

impl<T: Clone> Script<T> {
    pub(super) fn push(&mut self, replies: impl IntoIterator<Item = T>) {
        self.queue.extend(replies);
    }

    /// From the end of the queue on; a second call replaces the first.
    pub(super) fn always(&mut self, reply: T) {
        self.always = Some(reply);
    }

    pub(super) fn take(&mut self) -> Option<T> {
        self.queue.pop_front().or_else(|| self.always.clone())
    }
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            always: None,
        }
    }
}
