//! Which models of which endpoints turned out to read no pictures.
//!
//! A server that takes text alone refuses a conversation in which a tool has shown a picture, and with it every later turn. So the
//! picture becomes a sentence, and by the answer to that the model is remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::refused::REFUSAL_LASTS;
use crate::pool::Access;
use crate::profile::Fingerprint;

/// By what the endpoints are, so that one with other settings is shown pictures again.
#[derive(Debug, Default)]
pub(super) struct Blind(Mutex<HashMap<(Fingerprint, String), Instant>>);

/// More models than anybody has at endpoints of his own.
const REMEMBERED: usize = 256;

impl Blind {
    /// Whether this model read no pictures lately.
    pub(super) fn has(&self, access: &Access, model: &str, now: Instant) -> bool {
        let Some(key) = key_of(access, model) else {
            return false;
        };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = known.get(&key).copied();
        since.is_some_and(|since| now.saturating_duration_since(since) < REFUSAL_LASTS)
    }

    /// It answered once there was no picture.
    pub(super) fn note(&self, access: &Access, model: &str, now: Instant) {
        if let Some(key) = key_of(access, model) {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(key, now);
        }
    }
}

/// Nothing for accounts, whose models read pictures.
fn key_of(access: &Access, model: &str) -> Option<(Fingerprint, String)> {
    match access {
        Access::Endpoint(endpoint) => Some((endpoint.fingerprint(), model.to_owned())),
        Access::ChatGpt { .. } | Access::ApiKey { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::profile::{Endpoint, EndpointKind};

    #[test]
    fn what_was_learned_is_of_one_model_at_one_endpoint_and_for_a_week() {
        let at = |url| {
            let endpoint = Endpoint::new(EndpointKind::Compatible, url, None).unwrap();
            Access::Endpoint(endpoint.into())
        };
        let (here, now) = (at("https://a.test/v1"), Instant::now());
        let blind = Blind::default();
        blind.note(&here, "m", now);
        let week = now + REFUSAL_LASTS;
        assert!(blind.has(&here, "m", week - Duration::from_secs(1)));
        assert!(!blind.has(&here, "m", week));
        assert!(!blind.has(&here, "n", now));
        assert!(!blind.has(&at("https://b.test/v1"), "m", now));
    }
}
