//! One change to the keys, whoever asks for it: the command line, the window, a program that is pointed at the router.
//!
//! Never enters: what a new key shows. Whoever makes it keeps that, and hands over the digest alone.

use std::time::SystemTime;

use super::document::KeyDocument;
use super::key::{BadLabel, ClientKey, KeyId, checked_label};
use super::policy::Policy;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// With the first key a key becomes necessary for every request.
    Add(Box<ClientKey>),
    Rename {
        id: KeyId,
        label: String,
    },
    /// Everything that it may do, and until when.
    Limit {
        id: KeyId,
        policy: Box<Policy>,
        expires_at: Option<SystemTime>,
    },
    Enable(KeyId),
    /// It opens nothing until it is enabled again.
    Disable(KeyId),
    /// For good. Where it was the last one a key stays necessary.
    Remove(KeyId),
    /// Whether a request without a key is refused on this computer as well.
    Require(bool),
}

/// What a [`KeyChange`] is about, without what it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyDeed {
    Add(KeyId),
    Rename(KeyId),
    Limit(KeyId),
    Enable(KeyId),
    Disable(KeyId),
    Remove(KeyId),
    Require(bool),
}

/// Why the keys are what they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    #[error("there is no such key any more")]
    Gone,
    #[error("there is a key {0:?} already")]
    LabelTaken(String),
    #[error("another key has its id; make it again")]
    IdTaken,
    #[error(transparent)]
    BadLabel(#[from] BadLabel),
}

impl KeyChange {
    pub fn deed(&self) -> KeyDeed {
        match self {
            Self::Add(key) => KeyDeed::Add(key.id.clone()),
            Self::Rename { id, .. } => KeyDeed::Rename(id.clone()),
            Self::Limit { id, .. } => KeyDeed::Limit(id.clone()),
            Self::Enable(id) => KeyDeed::Enable(id.clone()),
            Self::Disable(id) => KeyDeed::Disable(id.clone()),
            Self::Remove(id) => KeyDeed::Remove(id.clone()),
            Self::Require(is_required) => KeyDeed::Require(*is_required),
        }
    }
}

impl KeyDocument {
    /// Makes the change. Gives back what the key is called, where it is about one.
    ///
    /// # Errors
    /// See [`NotChanged`]; nothing has changed then.
    pub fn obey(&mut self, change: &KeyChange) -> Result<Option<String>, NotChanged> {
        let label = match change {
            KeyChange::Add(key) => self.add_checked(key)?,
            KeyChange::Rename { id, label } => {
                let label = checked_label(label)?;
                self.check_free(&label, Some(id))?;
                self.alter(id, |key| key.label = label)?
            }
            KeyChange::Limit {
                id,
                policy,
                expires_at,
            } => self.alter(id, |key| {
                key.policy = (**policy).clone();
                key.expires_at = *expires_at;
            })?,
            KeyChange::Enable(id) => self.alter(id, |key| key.is_enabled = true)?,
            KeyChange::Disable(id) => self.alter(id, |key| key.is_enabled = false)?,
            KeyChange::Remove(id) => self.take_out(id)?,
            KeyChange::Require(is_required) => {
                self.set_required(*is_required);
                return Ok(None);
            }
        };
        Ok(Some(label))
    }

    /// # Errors
    /// When another key than `own` has this label, whatever the size of its letters.
    pub fn check_free(&self, label: &str, own: Option<&KeyId>) -> Result<(), NotChanged> {
        let is_taken = |key: &ClientKey| key.is_called(label) && own != Some(&key.id);
        if self.keys().iter().flatten().any(is_taken) {
            return Err(NotChanged::LabelTaken(label.to_owned()));
        }
        Ok(())
    }

    fn add_checked(&mut self, key: &ClientKey) -> Result<String, NotChanged> {
        checked_label(&key.label)?;
        self.check_free(&key.label, None)?;
        if self.holds(key.id.as_str()) {
            return Err(NotChanged::IdTaken);
        }
        // Who had turned it off by hand beside other keys knows why.
        if self.keys().is_empty() {
            self.set_required(true);
        }
        self.add(key);
        Ok(key.label.clone())
    }

    fn alter(
        &mut self,
        id: &KeyId,
        alter: impl FnOnce(&mut ClientKey),
    ) -> Result<String, NotChanged> {
        let keys = self.keys();
        let mut key = keys
            .into_iter()
            .flatten()
            .find(|key| key.id == *id)
            .ok_or(NotChanged::Gone)?;
        alter(&mut key);
        self.change(&key);
        Ok(key.label)
    }

    /// One that cannot be understood can be taken out, too; it is called by its id then.
    fn take_out(&mut self, id: &KeyId) -> Result<String, NotChanged> {
        let known = self.keys().into_iter().flatten().find(|key| key.id == *id);
        let is_required = self.is_required();
        if !self.remove(id.as_str()) {
            return Err(NotChanged::Gone);
        }
        self.set_required(is_required);
        Ok(known.map_or_else(|| id.to_string(), |key| key.label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn key(label: &str, number: u8) -> ClientKey {
        ClientKey::make(label.into(), Policy::default(), [number; 32], NOW).0
    }

    fn add(key: &ClientKey) -> KeyChange {
        KeyChange::Add(Box::new(key.clone()))
    }

    fn kept(document: &KeyDocument) -> Vec<ClientKey> {
        document.keys().into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn the_first_key_makes_one_necessary_and_the_last_one_leaves_it_so() {
        let mut document = KeyDocument::default();
        let (laptop, phone) = (key("laptop", 1), key("phone", 2));
        assert_eq!(document.obey(&add(&laptop)), Ok(Some("laptop".into())));
        assert!(document.is_required());
        document.obey(&KeyChange::Require(false)).unwrap();
        document.obey(&add(&phone)).unwrap();
        assert!(!document.is_required(), "turned off by hand");
        document.obey(&KeyChange::Require(true)).unwrap();
        for key in [&laptop, &phone] {
            let removed = document.obey(&KeyChange::Remove(key.id.clone()));
            assert_eq!(removed, Ok(Some(key.label.clone())));
        }
        assert!(document.is_required() && document.keys().is_empty());
    }

    #[test]
    fn each_change_changes_what_it_says_and_nothing_else() {
        let mut document = KeyDocument::default();
        let before = key("laptop", 1);
        document.obey(&add(&before)).unwrap();
        let id = before.id.clone();
        let policy = Policy {
            model: Some("gpt-5.5".into()),
            ..Policy::default()
        };
        let expires_at = Some(NOW + std::time::Duration::from_secs(60));
        for (change, after) in [
            (
                KeyChange::Rename {
                    id: id.clone(),
                    label: " desk ".into(),
                },
                ClientKey {
                    label: "desk".into(),
                    ..before.clone()
                },
            ),
            (
                KeyChange::Disable(id.clone()),
                ClientKey {
                    is_enabled: false,
                    label: "desk".into(),
                    ..before.clone()
                },
            ),
            (
                KeyChange::Enable(id.clone()),
                ClientKey {
                    label: "desk".into(),
                    ..before.clone()
                },
            ),
            (
                KeyChange::Limit {
                    id: id.clone(),
                    policy: Box::new(policy.clone()),
                    expires_at,
                },
                ClientKey {
                    label: "desk".into(),
                    policy,
                    expires_at,
                    ..before.clone()
                },
            ),
        ] {
            assert_eq!(document.obey(&change), Ok(Some("desk".into())));
            assert_eq!(kept(&document), [after], "{change:?}");
        }
    }

    #[test]
    fn labels_are_unique_and_what_is_gone_is_not_changed() {
        let mut document = KeyDocument::default();
        let (laptop, phone) = (key("Laptop", 1), key("phone", 2));
        document.obey(&add(&laptop)).unwrap();
        document.obey(&add(&phone)).unwrap();
        let before = document.clone();
        let rename = |key: &ClientKey, label: &str| KeyChange::Rename {
            id: key.id.clone(),
            label: label.into(),
        };
        let taken = |label: &str| NotChanged::LabelTaken(label.into());
        let gone = key("gone", 3);
        for (change, refused) in [
            (add(&key("LAPTOP", 4)), taken("LAPTOP")),
            (add(&key("other", 1)), NotChanged::IdTaken),
            (rename(&phone, "laptop"), taken("laptop")),
            (rename(&phone, " "), NotChanged::BadLabel(BadLabel::Length)),
            (rename(&gone, "other"), NotChanged::Gone),
            (KeyChange::Enable(gone.id.clone()), NotChanged::Gone),
            (KeyChange::Remove(gone.id.clone()), NotChanged::Gone),
        ] {
            assert_eq!(document.obey(&change), Err(refused), "{change:?}");
            assert_eq!(document, before);
        }
        document.obey(&rename(&laptop, "LAPTOP")).unwrap();
    }

    #[test]
    fn a_change_shows_nothing_that_opens_the_router() {
        let (key, shown) = ClientKey::make("laptop".into(), Policy::default(), [7; 32], NOW);
        let told = format!("{:?}", add(&key));
        assert!(!told.contains(shown.expose()) && !told.contains(&key.digest.to_hex()));
    }
}
