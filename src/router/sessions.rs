//! What the router knows of sessions: where each one lives. Kept by whoever starts the router, so that it outlives one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::pool::affinity::{Binding, Bindings, SessionKey, Tie, Whereabouts};
use crate::profile::ProfileName;

/// Shared by everybody who holds it. Locked for a few hundred nanoseconds, and never while anything is waited for.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<Mutex<Bindings>>);

impl Sessions {
    /// What an earlier run knew.
    pub fn restore(&self, bindings: Vec<Binding>) {
        self.with(|all| all.restore(bindings));
    }

    pub(crate) fn find(&self, session: SessionKey) -> Option<Whereabouts> {
        self.with(|all| all.find(session).cloned())
    }

    /// As [`Bindings::served`].
    pub(crate) fn served(
        &self,
        session: SessionKey,
        by: &ProfileName,
        tie: Tie,
        now: SystemTime,
    ) -> Option<Binding> {
        self.with(|all| all.served(session, by, tie, now))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Bindings) -> T) -> T {
        // A panic elsewhere leaves the list as usable as it was.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
