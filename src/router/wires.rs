//! Which endpoints turned out to know only chats.
//!
//! An endpoint that was not told apart by its user is asked for a response first. When it has no such path, it is asked in the
//! other dialect at once, and by its answer to that it is remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::access::Wire;
use crate::pool::Access;
use crate::profile::{Api, Endpoint, Fingerprint};

/// By what the endpoints are, so that one with other settings is asked anew.
#[derive(Debug, Default)]
pub(super) struct Wires(Mutex<HashMap<Fingerprint, Wire>>);

/// Settings are edited by hand; more endpoints than this were never there at once.
const REMEMBERED: usize = 256;

impl Wires {
    /// How to speak to this upstream.
    pub(super) fn of(&self, access: &Access) -> Wire {
        let Access::Endpoint(endpoint) = access else {
            return Wire::Responses;
        };
        if !endpoint.may_speak_responses() {
            return Wire::Chat;
        }
        if endpoint.api == Api::Responses {
            return Wire::Responses;
        }
        let wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = wires.get(&endpoint.fingerprint());
        known.copied().unwrap_or(Wire::Responses)
    }

    /// It has no path for responses, and answers in chats.
    pub(super) fn note_chat(&self, endpoint: &Endpoint) {
        let mut wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if wires.len() >= REMEMBERED {
            wires.clear();
        }
        wires.insert(endpoint.fingerprint(), Wire::Chat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::EndpointKind;

    #[test]
    fn what_was_learned_belongs_to_the_settings_it_was_learned_of() {
        let endpoint = |url| Endpoint::new(EndpointKind::Compatible, url, None).unwrap();
        let access = |endpoint: &Endpoint| Access::Endpoint(endpoint.clone().into());
        let wires = Wires::default();
        let mut first = endpoint("https://a.test/v1");
        assert_eq!(wires.of(&access(&first)), Wire::Responses);
        wires.note_chat(&first);
        assert_eq!(wires.of(&access(&first)), Wire::Chat);
        assert_eq!(
            wires.of(&access(&endpoint("https://b.test/v1"))),
            Wire::Responses
        );
        first.api = Api::Responses;
        assert_eq!(wires.of(&access(&first)), Wire::Responses);
        first.api = Api::Chat;
        assert_eq!(wires.of(&access(&first)), Wire::Chat);
    }
}
