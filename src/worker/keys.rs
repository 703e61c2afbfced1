//! What a user does to the keys that clients show, on disk. Blocks.
//!
//! Never enters: a key. Whoever makes one sends its digest.

use crate::client_key::{KeyChange, KeyDeed, KeyRing, NotChanged};
use crate::store::{Home, KeysError, keys_file};

/// What came of a change.
#[derive(Debug)]
pub struct KeysChanged {
    pub deed: KeyDeed,
    /// What the key is called, where it is about one; or why not: a sentence.
    pub result: Result<Option<String>, String>,
    /// The keys as they are now, so that what was taken away opens nothing from now on. Nothing where nobody could look.
    pub ring: Option<KeyRing>,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Change(#[from] NotChanged),
}

/// Makes the change in the file, and reads it back.
pub fn change(home: &Home, change: &KeyChange) -> KeysChanged {
    let result = keys_file::edit::<_, Refused>(home, |document| Ok(document.obey(change)?));
    KeysChanged {
        deed: change.deed(),
        result: result.map_err(|err| err.to_string()),
        ring: Some(keys_file::read(home)),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
