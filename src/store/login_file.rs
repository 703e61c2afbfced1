//! A login file as it lies on disk: its bytes, and what they mean.

use std::ffi::OsStr;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::StoreError;
use super::folder::Folder;
use super::home::Home;
use super::safe_file::{self, Contents};
use crate::profile::{AuthFile, AuthFileError};

/// The name of every login file, of the CLI and of each profile.
pub(super) const AUTH: &str = "auth.json";

/// Older versions of the CLI empty the file and write it in place, without a lock; this is longer than they take.
pub(super) const REREADS: u32 = 5;
pub(super) const REREAD_PAUSE: Duration = Duration::from_millis(40);

#[derive(Debug)]
pub(super) struct LoginFile {
    pub contents: Contents,
    pub login: Result<AuthFile, AuthFileError>,
}

impl LoginFile {
    /// Reads it as it is this moment; `None` when there is none.
    pub fn read_once(folder: &Folder, name: impl AsRef<OsStr>) -> Result<Option<Self>, StoreError> {
        Ok(safe_file::read_in(folder, name)?.map(|contents| Self {
            login: AuthFile::parse(&contents.bytes),
            contents,
        }))
    }

    /// Reads it, and again a few times while it looks half written.
    pub fn read(
        home: &Home,
        folder: &Folder,
        name: impl AsRef<OsStr>,
    ) -> Result<Option<Self>, StoreError> {
        let name = name.as_ref();
        let mut file = Self::read_once(folder, name)?;
        for _ in 0..REREADS {
            if !file.as_ref().is_some_and(Self::may_be_half_written) {
                break;
            }
            home.pause(REREAD_PAUSE);
            file = Self::read_once(folder, name)?;
        }
        Ok(file)
    }

    /// The login in what was read, if there is one.
    ///
    /// # Errors
    /// When the disk did not say what is there; what is there and no login is none.
    pub fn in_it(read: Result<Option<Self>, StoreError>) -> Result<Option<AuthFile>, StoreError> {
        match read {
            Ok(file) => Ok(file.and_then(|file| file.login.ok())),
            Err(err @ StoreError::Io { .. }) => Err(err),
            Err(_something_else) => Ok(None),
        }
    }

    pub fn may_be_half_written(&self) -> bool {
        matches!(
            self.login,
            Err(AuthFileError::Empty | AuthFileError::NotJson(_))
        )
    }
}

/// A login with the keys that only the other file of the same account has. The CLI drops keys that it does not know when it
/// writes a rotated token, and taking that file home must not lose them here.
pub(super) fn with_keys_of(login: &AuthFile, other: &AuthFile) -> AuthFile {
    let merged = || -> Option<AuthFile> {
        let mut whole: Map<String, Value> = serde_json::from_slice(&other.to_bytes()).ok()?;
        let own: Map<String, Value> = serde_json::from_slice(&login.to_bytes()).ok()?;
        for (key, value) in own {
            match (whole.get_mut(&key), value) {
                (Some(Value::Object(below)), Value::Object(own)) if key == "tokens" => {
                    below.extend(own);
                }
                (_, value) => {
                    whole.insert(key, value);
                }
            }
        }
        let text = Value::Object(whole).to_string();
        let merged = AuthFile::parse(text.as_bytes()).ok()?;
        (merged.same_login(login) && merged.identity() == login.identity()).then_some(merged)
    };
    if !login.same_account(other) {
        return login.clone();
    }
    merged().unwrap_or_else(|| login.clone())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::testing::{TestHome, login, login_with};

    #[test]
    fn a_login_keeps_the_keys_that_only_the_older_file_has() {
        let older = login_with("ana", 1, json!({"zz_future": {"deep": [1]}}));
        let merged = with_keys_of(&login("ana", 2), &older);
        let json: Value = serde_json::from_slice(&merged.to_bytes()).unwrap();
        assert_eq!(json["zz_future"], json!({"deep": [1]}));
        assert_eq!(json["tokens"]["refresh_token"], "rt_FAKE_ana_2");
    }

    #[test]
    fn keys_of_another_account_are_not_taken() {
        let other = login_with("bob", 1, json!({"zz_future": 1}));
        let own = login("ana", 2);
        assert_eq!(with_keys_of(&own, &other).to_bytes(), own.to_bytes());
    }

    #[test]
    fn a_half_written_file_is_read_again_until_it_is_whole() {
        let home = TestHome::new();
        let whole = login("ana", 1).to_bytes();
        let path = home.live_auth();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let patient = home.with_pause(move |_| std::fs::write(&path, &whole).unwrap());
        let folder = patient.folder().unwrap();
        let file = LoginFile::read(&patient, &folder, AUTH).unwrap().unwrap();
        assert!(file.login.unwrap().same_login(&login("ana", 1)));
    }
}
