//! What the router knows of sessions: where each one lives, and who gave the states of its turns. Kept by whoever starts the router, so that it outlives one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::turn_states::TurnStates;
use crate::pool::affinity::{Binding, Bindings, SessionKey, Tie, Whereabouts};
use crate::profile::ProfileName;

/// Shared by everybody who holds it. Locked for a few hundred nanoseconds, and never while anything is waited for.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    homes: Arc<Mutex<Bindings>>,
    turns: Arc<Mutex<TurnStates>>,
}

impl Sessions {
    /// What an earlier run knew.
    pub fn restore(&self, bindings: Vec<Binding>) {
        self.with(|all| all.restore(bindings));
    }

    /// An account is called something else: its sessions and the turns under way go on with it.
    pub fn rename(&self, from: &ProfileName, to: &ProfileName) {
        self.with(|all| all.rename(from, to));
        self.with_turns(|turns| turns.rename(from, to));
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

    /// Who gave this state of a turn, and by this everybody knows it: one from before this run is taken for the state of
    /// `otherwise`. `session`: nothing when the client has no word for it.
    pub(super) fn giver_of(
        &self,
        session: Option<SessionKey>,
        state: &str,
        otherwise: &ProfileName,
    ) -> ProfileName {
        self.with_turns(|turns| match turns.giver(session, state) {
            Some(giver) => giver.clone(),
            None => {
                turns.learn(session, state, otherwise.clone());
                otherwise.clone()
            }
        })
    }

    /// This account has said the state of a turn.
    pub(super) fn gave(&self, session: Option<SessionKey>, state: &str, giver: &ProfileName) {
        self.with_turns(|turns| turns.learn(session, state, giver.clone()));
    }

    fn with_turns<T>(&self, look: impl FnOnce(&mut TurnStates) -> T) -> T {
        look(&mut self.turns.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Bindings) -> T) -> T {
        // A panic elsewhere leaves the list as usable as it was.
        look(&mut self.homes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
