//! All keys at one moment, and who comes in with what.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::key::{BEGINNING, ClientKey, KeyDigest, KeyId};

/// What the router looks a client's key up in. Replaced whole when the file changes.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    /// In the order of the file.
    keys: Vec<Arc<ClientKey>>,
    by_digest: HashMap<KeyDigest, Arc<ClientKey>>,
    /// Whether a request without a key is refused on this computer as well.
    pub is_required: bool,
    /// Why the file could not be read, in a sentence. What was known before stays in force, and a key is required.
    pub unreadable: Option<String>,
    /// Whether that is because there is none where one should be: then nothing can be written over.
    pub is_gone: bool,
    /// Keys of the file that are not in force because they cannot be understood, each with its reason.
    pub skipped: Vec<String>,
}

/// Why a request may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no key with it, or one that opens nothing. Which of them is nobody's business.
    BadKey,
    /// Nobody can tell, because the file cannot be read.
    Unreadable,
}

impl KeyRing {
    pub fn new(keys: Vec<ClientKey>, is_required: bool) -> Self {
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        let by_digest = keys.iter().map(|key| (key.digest, key.clone())).collect();
        Self {
            keys,
            by_digest,
            is_required,
            ..Self::default()
        }
    }

    /// The ring of a file that cannot be read: nobody comes in by accident.
    pub fn unreadable(reason: String) -> Self {
        Self {
            is_required: true,
            unreadable: Some(reason),
            ..Self::default()
        }
    }

    /// The ring of a file that should be there.
    pub fn gone(reason: String) -> Self {
        Self {
            is_gone: true,
            ..Self::unreadable(reason)
        }
    }

    /// The same, with the keys that were in force before where this one could not be read.
    #[must_use]
    pub fn or_keys_of(self, before: &Self) -> Self {
        if self.unreadable.is_none() {
            return self;
        }
        Self {
            keys: before.keys.clone(),
            by_digest: before.by_digest.clone(),
            ..self
        }
    }

    pub fn keys(&self) -> &[Arc<ClientKey>] {
        &self.keys
    }

    pub fn get(&self, id: &KeyId) -> Option<&Arc<ClientKey>> {
        self.keys.iter().find(|key| key.id == *id)
    }

    /// Whether any key opens the router.
    pub fn has_open_key(&self, now: SystemTime) -> bool {
        self.keys.iter().any(|key| key.is_open(now))
    }

    /// Lets a request in, with its key if it has one. `must_show`: a key is needed whatever the file says.
    ///
    /// Where no key is required any text will do as one, but for what is a key of ours that opens nothing: who uses a key that
    /// was taken away should hear of it.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn admit(
        &self,
        shown: Option<&[u8]>,
        must_show: bool,
        now: SystemTime,
    ) -> Result<Option<Arc<ClientKey>>, Denied> {
        if let Some(key) = shown.and_then(|shown| self.find(shown)) {
            return match key.is_open(now) {
                true => Ok(Some(key.clone())),
                false => Err(Denied::BadKey),
            };
        }
        let is_ours = shown.is_some_and(|shown| shown.starts_with(BEGINNING.as_bytes()));
        if self.unreadable.is_some() {
            return Err(Denied::Unreadable);
        }
        if self.is_required || must_show || is_ours {
            return Err(Denied::BadKey);
        }
        Ok(None)
    }

    fn find(&self, shown: &[u8]) -> Option<&Arc<ClientKey>> {
        let digest = KeyDigest::of(shown)?;
        let found = self.by_digest.get(&digest)?;
        found.digest.is_same(&digest).then_some(found)
    }
}

/// What a face would show, and what the router goes by; the index says nothing more.
impl PartialEq for KeyRing {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
            && self.is_required == other.is_required
            && self.unreadable == other.unreadable
            && self.is_gone == other.is_gone
            && self.skipped == other.skipped
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client_key::Policy;
    use crate::profile::Secret;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn key(number: u8) -> (ClientKey, Secret) {
        ClientKey::make(
            format!("key {number}"),
            Policy::default(),
            [number; 32],
            NOW,
        )
    }

    fn label(admitted: Result<Option<Arc<ClientKey>>, Denied>) -> Result<Option<String>, Denied> {
        admitted.map(|key| key.map(|key| key.label.clone()))
    }

    #[test]
    fn without_keys_any_text_opens_and_with_one_only_that() {
        let open = KeyRing::default();
        for shown in [None, Some(&b"unused"[..]), Some(&[b'x'; 60])] {
            assert_eq!(label(open.admit(shown, false, NOW)), Ok(None));
            assert_eq!(open.admit(shown, true, NOW), Err(Denied::BadKey));
        }
        let (one, shown) = key(1);
        let ring = KeyRing::new(vec![one], true);
        let shown = shown.expose().as_bytes();
        assert_eq!(
            label(ring.admit(Some(shown), true, NOW)),
            Ok(Some("key 1".into()))
        );
        for wrong in [None, Some(&b""[..]), Some(b"unused"), Some(&[b'x'; 60])] {
            assert_eq!(ring.admit(wrong, false, NOW), Err(Denied::BadKey));
        }
    }

    #[test]
    fn a_key_that_was_taken_away_opens_nothing_even_where_none_is_required() {
        let (mut off, shown_off) = key(1);
        off.is_enabled = false;
        let (mut old, shown_old) = key(2);
        old.expires_at = Some(NOW);
        let (_, shown_gone) = key(3);
        let ring = KeyRing::new(vec![off, old], false);
        for shown in [shown_off, shown_old, shown_gone] {
            let shown = Some(shown.expose().as_bytes());
            assert_eq!(ring.admit(shown, false, NOW), Err(Denied::BadKey));
        }
        assert_eq!(label(ring.admit(Some(b"unused"), false, NOW)), Ok(None));
        assert!(!ring.has_open_key(NOW));
    }

    #[test]
    fn a_file_that_cannot_be_read_lets_in_whom_it_let_in_before_and_nobody_else() {
        let (one, shown) = key(1);
        let before = KeyRing::new(vec![one], true);
        let ring = KeyRing::unreadable("it is broken".into()).or_keys_of(&before);
        let shown = Some(shown.expose().as_bytes());
        assert_eq!(
            label(ring.admit(shown, false, NOW)),
            Ok(Some("key 1".into()))
        );
        assert_eq!(ring.admit(None, false, NOW), Err(Denied::Unreadable));
        assert_eq!(
            ring.admit(Some(b"unused"), false, NOW),
            Err(Denied::Unreadable)
        );
        let at_start = KeyRing::unreadable("it is broken".into());
        assert_eq!(at_start.admit(shown, false, NOW), Err(Denied::Unreadable));
        let later = NOW + Duration::from_secs(1);
        assert_eq!(KeyRing::default().or_keys_of(&before), KeyRing::default());
        assert!(ring.has_open_key(later));
    }
}
