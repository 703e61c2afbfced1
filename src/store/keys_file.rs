//! `router/keys.json`: the client keys, as digests. Not in the ledger, so that a log that broke locks nobody out.
//!
//! Whether a key is required stands in `router/state.json` as well: a file of keys that has gone is then missed, and does not
//! open the router to everybody.

use super::error::StoreError;
use super::home::{Home, KEYS, ROUTER};
use super::locks::EditLock;
use super::login_file::{REREAD_PAUSE, REREADS};
use super::safe_file;
use super::state::State;
use super::watch;
use crate::client_key::{BadDocument, KeyDocument, KeyRing};

/// Why the keys could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("\"router/{KEYS}\" cannot be read: {0}; mend it or move it away")]
    Broken(BadDocument),
}

/// The keys that are in force. Never fails: what cannot be read opens nothing, and says so.
pub fn read(home: &Home) -> KeyRing {
    let is_expected = State::read(home).is_key_required();
    let mut ring = match load(home) {
        Ok(Some(document)) => document.ring(),
        Ok(None) if is_expected => {
            return KeyRing::gone(format!(
                "\"router/{KEYS}\" is gone although client keys are required; put it back, make a key, or turn the requirement off"
            ));
        }
        Ok(None) => KeyRing::default(),
        Err(err) => return KeyRing::unreadable(err.to_string()),
    };
    ring.is_required |= is_expected;
    ring
}

/// The file as it is; an empty document when there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn document(home: &Home) -> Result<KeyDocument, KeysError> {
    let mut document = load(home)?.unwrap_or_default();
    if State::read(home).is_key_required() && !document.is_required() {
        document.set_required(true);
    }
    Ok(document)
}

/// Reads the keys, changes and writes them, with nobody in between, and lets a running router know.
///
/// # Errors
/// When the file cannot be read or written, or `edit` refuses: then nothing has changed.
pub fn edit<T, E: From<KeysError>>(
    home: &Home,
    edit: impl FnOnce(&mut KeyDocument) -> Result<T, E>,
) -> Result<T, E> {
    let changed = change(home, edit);
    // A router that is not told looks by itself, a little later.
    if let Err(err) = watch::tell_of_change(home) {
        tracing::debug!(error = %err, "a running router was not told of the keys");
    }
    changed
}

fn change<T, E: From<KeysError>>(
    home: &Home,
    edit: impl FnOnce(&mut KeyDocument) -> Result<T, E>,
) -> Result<T, E> {
    let store = |err: StoreError| E::from(KeysError::Store(err));
    let lock = EditLock::take(home).map_err(store)?;
    let before = document(home)?;
    let mut document = before.clone();
    let done = edit(&mut document)?;
    let is_required = document.is_required();
    let write = || -> Result<(), StoreError> {
        if document != before {
            let folder = home.router_folder()?;
            safe_file::replace_in(&folder, KEYS, &document.to_bytes())?;
        }
        Ok(())
    };
    let note = || State::edit_locked(home, |state| state.set_key_required(is_required)).map(drop);
    // Whichever is written first, a failure in between leaves the stricter word standing.
    if is_required {
        note().and_then(|()| write()).map_err(store)?;
    } else {
        write().and_then(|()| note()).map_err(store)?;
    }
    drop(lock);
    Ok(done)
}

fn load(home: &Home) -> Result<Option<KeyDocument>, KeysError> {
    let Some(folder) = home.folder()?.child(ROUTER)? else {
        return Ok(None);
    };
    let mut left = REREADS;
    loop {
        let Some(file) = safe_file::read_in(&folder, KEYS)? else {
            return Ok(None);
        };
        match KeyDocument::parse(&file.bytes) {
            Ok(document) => return Ok(Some(document)),
            // An editor may be writing it in place.
            Err(BadDocument::NoObject) if left > 0 => {
                left -= 1;
                home.pause(REREAD_PAUSE);
            }
            Err(bad) => return Err(KeysError::Broken(bad)),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::client_key::{ClientKey, Policy};
    use crate::profile::Secret;
    use crate::store::testing::{TestHome, mode_of};

    fn home() -> TestHome {
        let home = TestHome::new();
        crate::store::prepare(&home, SystemTime::UNIX_EPOCH).unwrap();
        home
    }

    fn added(home: &Home, number: u8) -> (ClientKey, Secret) {
        let label = format!("key {number}");
        let made = ClientKey::make(
            label,
            Policy::default(),
            [number; 32],
            SystemTime::UNIX_EPOCH,
        );
        edit(home, |document| {
            document.add(&made.0);
            document.set_required(true);
            Ok::<_, KeysError>(())
        })
        .unwrap();
        made
    }

    fn opens(ring: &KeyRing, shown: &Secret) -> bool {
        let shown = Some(shown.expose().as_bytes());
        ring.admit(shown, false, SystemTime::UNIX_EPOCH).is_ok()
    }

    #[test]
    fn a_key_is_kept_as_a_digest_in_a_file_of_our_own() {
        let home = home();
        assert_eq!(read(&home), KeyRing::default());
        let (key, shown) = added(&home, 1);
        let text = std::fs::read_to_string(home.keys()).unwrap();
        assert!(!text.contains(shown.expose()) && text.contains(&key.digest.to_hex()));
        assert_eq!(mode_of(&home.keys()), 0o600);
        let ring = read(&home);
        assert!(ring.is_required && opens(&ring, &shown));
    }

    #[test]
    fn a_home_without_a_folder_of_ours_has_no_keys() {
        let home = TestHome::new();
        assert_eq!(read(&home), KeyRing::default());
        added(&home, 1);
        assert_eq!(read(&home).keys().len(), 1);
    }

    #[test]
    fn a_file_that_is_gone_or_broken_opens_the_router_to_nobody() {
        let home = home();
        let (_, shown) = added(&home, 1);
        std::fs::remove_file(home.keys()).unwrap();
        let ring = read(&home);
        assert!(ring.is_required && !opens(&ring, &shown));
        assert!(ring.unreadable.unwrap().contains("is gone"));
        for text in ["", "{", "[]", r#"{"keys":7}"#, r#"{"version":9}"#] {
            std::fs::write(home.keys(), text).unwrap();
            let ring = read(&home);
            assert!(ring.is_required && ring.unreadable.is_some(), "{text}");
            let refused = edit(&home, |_| Ok::<_, KeysError>(()));
            assert!(matches!(refused, Err(KeysError::Broken(_))), "{text}");
            assert_eq!(std::fs::read_to_string(home.keys()).unwrap(), text);
        }
    }

    #[test]
    fn a_file_that_is_a_link_is_not_read() {
        let home = home();
        let (_, shown) = added(&home, 1);
        let elsewhere = home.root().join("elsewhere.json");
        std::fs::rename(home.keys(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, home.keys()).unwrap();
        let ring = read(&home);
        assert!(ring.unreadable.is_some() && !opens(&ring, &shown));
    }

    #[test]
    fn turning_the_requirement_off_is_remembered_in_both_places() {
        let home = home();
        added(&home, 1);
        let require = |is_required| {
            edit(&home, |document| {
                document.set_required(is_required);
                Ok::<_, KeysError>(())
            })
            .unwrap();
        };
        require(false);
        assert!(!read(&home).is_required);
        std::fs::remove_file(home.keys()).unwrap();
        assert_eq!(read(&home), KeyRing::default());
        require(true);
        assert!(read(&home).is_required);
    }

    #[test]
    fn one_key_that_cannot_be_understood_leaves_the_others_in_force() {
        let home = home();
        let (_, one) = added(&home, 1);
        let (_, two) = added(&home, 2);
        let text = std::fs::read_to_string(home.keys()).unwrap();
        let text = text.replacen("\"enabled\": true", "\"enabled\": \"so-so\"", 1);
        std::fs::write(home.keys(), text).unwrap();
        let ring = read(&home);
        assert!(!opens(&ring, &one) && opens(&ring, &two) && ring.is_required);
        assert_eq!(
            ring.skipped,
            ["\"key 1\": its \"enabled\" cannot be understood"]
        );
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing() {
        let home = home();
        added(&home, 1);
        let before = std::fs::read(home.keys()).unwrap();
        let refused = edit(&home, |document| {
            document.set_required(false);
            Err::<(), _>(KeysError::Broken(BadDocument::NoList))
        });
        assert!(refused.is_err());
        assert_eq!(std::fs::read(home.keys()).unwrap(), before);
        assert!(read(&home).is_required);
    }
}
