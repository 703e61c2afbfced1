//! The keys that clients show: what is asked about them, and what holds from then on.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::event::Effect;
use super::super::keys::KeysChanged;
use super::AppState;
use crate::client_key::KeyRing;
use crate::desk::Outcome;

impl AppState {
    pub(super) fn note_keys_changed(
        &mut self,
        changed: KeysChanged,
        now: SystemTime,
    ) -> Vec<Effect> {
        let KeysChanged { deed, result, ring } = changed;
        if let Some(ring) = ring {
            self.take_keys(ring);
        }
        match result {
            Ok(label) => self.happen(Outcome::KeyChanged { deed, label }, now),
            Err(reason) => self.happen(Outcome::KeyNotChanged { deed, reason }, now),
        }
        // What is being read just now may show a key that was taken away.
        self.oldest_reading = self.last_reading + 1;
        vec![self.read_disk()]
    }

    /// From now on these keys open the router. Where they cannot be read those that were known stay in force.
    pub(super) fn take_keys(&mut self, ring: KeyRing) {
        let ring = ring.or_keys_of(&self.keys);
        if *self.keys != ring {
            self.keys = Arc::new(ring);
        }
    }
}
