//! Who gave which state of a turn (`x-codex-turn-state`): it goes back to that account and to no other.
//!
//! Codex says the first state that it hears of a turn to the end of the turn, whoever answers by then
//! (`openai/codex: codex-rs/core/src/client.rs`). Kept is a hash of it, never the state.

use std::collections::{HashMap, VecDeque};

use crate::pool::affinity::SessionKey;
use crate::profile::{Fingerprint, ProfileName};

/// The states of the last time; the one that was learned first makes room for the next.
#[derive(Debug)]
pub(super) struct TurnStates {
    most: usize,
    givers: HashMap<Fingerprint, ProfileName>,
    /// The first learned in front.
    order: VecDeque<Fingerprint>,
}

/// More turns than a team has in the hours that one may last; 150 bytes each.
const MOST_STATES: usize = 10_000;

impl Default for TurnStates {
    fn default() -> Self {
        Self::new(MOST_STATES)
    }
}

impl TurnStates {
    fn new(most: usize) -> Self {
        Self {
            most,
            givers: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// This account gave the state. `session`: nothing when the client has no word for it.
    pub(super) fn learn(&mut self, session: Option<SessionKey>, state: &str, giver: ProfileName) {
        let key = key(session, state);
        if self.givers.insert(key.clone(), giver).is_some() {
            return;
        }
        self.order.push_back(key);
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.givers.remove(&oldest);
            }
        }
    }

    /// An account is called something else.
    pub(super) fn rename(&mut self, from: &ProfileName, to: &ProfileName) {
        for giver in self.givers.values_mut().filter(|giver| *giver == from) {
            giver.clone_from(to);
        }
    }

    /// Who gave the state; nothing when it is from before all that is known.
    pub(super) fn giver(&self, session: Option<SessionKey>, state: &str) -> Option<&ProfileName> {
        self.givers.get(&key(session, state))
    }
}

fn key(session: Option<SessionKey>, state: &str) -> Fingerprint {
    Fingerprint::of(format!("{session:?} {state}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    #[test]
    fn each_session_knows_who_gave_its_states_and_the_first_learned_make_room() {
        let mut states = TurnStates::new(2);
        let session = Some(SessionKey::named("s"));
        states.learn(session, "a", name("work"));
        states.learn(None, "a", name("home"));
        assert_eq!(states.giver(session, "a"), Some(&name("work")));
        assert_eq!(states.giver(None, "a"), Some(&name("home")));
        assert_eq!(states.giver(Some(SessionKey::named("t")), "a"), None);
        states.learn(session, "a", name("home"));
        assert_eq!(states.giver(session, "a"), Some(&name("home")));
        states.learn(session, "b", name("work"));
        assert_eq!(states.giver(session, "a"), None);
        assert_eq!((states.givers.len(), states.order.len()), (2, 2));
        assert!(!format!("{states:?}").contains("\"b\""));
    }
}
