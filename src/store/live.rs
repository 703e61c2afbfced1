//! The live `auth.json`, the one that the Codex CLI uses: where it lies, what stands in it, whether the CLI looks at it at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::folder::{Folder, Kind};
use super::home::{Home, LIVE};
use super::login_file::LoginFile;
use super::safe_file::{self, Contents};
use crate::profile::{AuthFile, Unreadable};

/// What stands in the live file.
#[derive(Clone, Debug)]
pub enum Live {
    /// There is none: Codex is signed out, or keeps its login elsewhere ([`credential_store`]).
    Missing,
    Login(AuthFile),
    Unreadable(Unreadable),
}

/// Reads the live file. A half-written one is read again for 200 ms before it counts as unreadable.
pub fn read_live(home: &Home) -> Live {
    let file = Place::find(home).and_then(|place| place.read(home));
    match file {
        Ok(None) => Live::Missing,
        Ok(Some(file)) => match file.login {
            Ok(login) => Live::Login(login),
            Err(err) => Live::Unreadable(Unreadable(err.to_string())),
        },
        Err(err) => Live::Unreadable(Unreadable(err.to_string())),
    }
}

/// Where the CLI keeps its login, if not in the live file: `keyring`, `auto`, `ephemeral` or whatever its `config.toml` says
/// in `cli_auth_credentials_store` (codex-rs/core/src/config/mod.rs). Then switching files has no effect on it.
///
/// A `config.toml` that cannot be understood counts as saying nothing: the CLI itself will not start with it.
pub fn credential_store(home: &Home) -> Option<String> {
    let settings = cli_settings(home)?;
    let mode = settings.get("cli_auth_credentials_store")?.as_str()?;
    (mode != "file").then(|| mode.to_owned())
}

/// The workspaces that Codex may use, if its `config.toml` says so in `forced_chatgpt_workspace_id`: one, or a list. It signs
/// out whoever belongs to another one (codex-rs/core/src/auth.rs, `enforce_login_restrictions`).
pub fn forced_workspaces(home: &Home) -> Vec<String> {
    let settings = cli_settings(home).unwrap_or_default();
    let texts = match settings.get("forced_chatgpt_workspace_id") {
        Some(toml::Value::String(one)) => vec![one.as_str()],
        Some(toml::Value::Array(list)) => list.iter().filter_map(toml::Value::as_str).collect(),
        _ => Vec::new(),
    };
    let named = texts.into_iter().map(str::trim);
    named
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

fn cli_settings(home: &Home) -> Option<toml::Table> {
    let text = match safe_file::read_text(&home.cli_config()) {
        Ok(text) => text?,
        Err(err) => {
            tracing::debug!(error = %err, "the CLI's settings cannot be read");
            return None;
        }
    };
    text.parse().ok() // a broken one counts as saying nothing
}

/// Where the live file really lies. It may be one link; the CLI follows it, replaces the target and keeps the link (measured
/// with codex-cli 0.169.0), and so do we.
#[derive(Debug)]
pub(super) struct Place {
    pub folder: Folder,
    pub name: OsString,
    /// It is a link to where we keep logins: what is there is no other copy, and is not to be written over.
    pub is_ours: bool,
}

impl Place {
    pub fn find(home: &Home) -> Result<Self, StoreError> {
        let root = home.folder()?;
        if root.kind_of(LIVE)? != Some(Kind::Link) {
            return Ok(Self {
                folder: root,
                name: LIVE.into(),
                is_ours: false,
            });
        }
        let target = link_target(home)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(StoreError::NotAFile { path: target });
        };
        Ok(Self {
            folder: Folder::open(parent, parent)?,
            name: name.to_owned(),
            is_ours: [home.profiles_dir(), home.router_dir()]
                .iter()
                .filter_map(|dir| dir.canonicalize().ok()) // one that is not there holds nothing
                .any(|dir| target.starts_with(dir)),
        })
    }

    /// Reads it, and again a few times while it looks half written.
    pub fn read(&self, home: &Home) -> Result<Option<LoginFile>, StoreError> {
        LoginFile::read(home, &self.folder, &self.name)
    }

    /// Reads it as it is this moment: for use under the CLI's locks, where there is no time to wait.
    pub fn read_once(&self) -> Result<Option<LoginFile>, StoreError> {
        LoginFile::read_once(&self.folder, &self.name)
    }

    /// Whether it holds, byte for byte, what was read there before: to be asked under the CLI's locks.
    pub fn is_still(&self, seen: Option<&LoginFile>) -> Result<bool, StoreError> {
        let bytes = |file: &LoginFile| file.contents.bytes.clone();
        Ok(self.read_once()?.as_ref().map(bytes) == seen.map(bytes))
    }

    /// Refuses to write over a login that we keep ourselves.
    pub fn refuse_ours(&self) -> Result<(), StoreError> {
        match self.is_ours {
            true => Err(StoreError::LinkedToOurs {
                path: self.folder.show(&self.name),
            }),
            false => Ok(()),
        }
    }

    /// Refuses what the CLI refuses, too: a second name of the file, which would keep the old login, and a file that its owner
    /// has protected.
    pub fn refuse_unwritable(&self, contents: &Contents) -> Result<(), StoreError> {
        self.refuse_ours()?;
        let path = self.folder.show(&self.name);
        if contents.links > 1 {
            return Err(StoreError::HardLinked { path });
        }
        if contents.is_write_protected {
            return Err(StoreError::WriteProtected { path });
        }
        Ok(())
    }

    /// The name of the CLI's second lock file.
    pub fn lock_name(&self) -> OsString {
        let mut name = self.name.clone();
        name.push(".lock");
        name
    }
}

/// The directory that a linked live file lies in; `None` when it lies in the home, or nowhere.
pub(super) fn linked_dir(home: &Home) -> Option<PathBuf> {
    if !home.live_auth().is_symlink() {
        return None;
    }
    match link_target(home) {
        Ok(target) => target.parent().map(Path::to_owned),
        Err(err) => {
            tracing::debug!(error = %err, "the live file is a link to nowhere");
            None
        }
    }
}

fn link_target(home: &Home) -> Result<PathBuf, StoreError> {
    let follow = |cause| StoreError::io("follow the link", LIVE)(cause);
    let target = home.live_auth().read_link().map_err(follow)?;
    let target = home.root().join(target);
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(StoreError::NotAFile { path: LIVE.into() });
    };
    Ok(parent.canonicalize().map_err(follow)?.join(name))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::store::testing::{TestHome, login};

    #[test]
    fn the_live_file_is_missing_a_login_or_unreadable() {
        let home = TestHome::new();
        assert!(matches!(read_live(&home), Live::Missing));
        home.live(&login("ana", 1));
        assert!(matches!(read_live(&home), Live::Login(auth) if auth.same_login(&login("ana", 1))));
        std::fs::write(home.live_auth(), "{").unwrap();
        assert!(matches!(read_live(&home), Live::Unreadable(_)));
        assert_eq!(
            std::fs::read(home.live_auth()).unwrap(),
            b"{",
            "it is never repaired"
        );
    }

    #[test]
    fn only_another_place_than_the_file_is_told() {
        let home = TestHome::new();
        assert_eq!(credential_store(&home), None);
        for (text, mode) in [
            ("cli_auth_credentials_store = \"keyring\"", Some("keyring")),
            (
                "model = \"x\"\ncli_auth_credentials_store = \"auto\"\n[a]\nb = 1",
                Some("auto"),
            ),
            ("cli_auth_credentials_store = \"file\"", None),
            ("cli_auth_credentials_store = 7", None),
            ("cli_auth_credentials_store = \"keyring\"\nbroken", None),
        ] {
            std::fs::write(home.cli_config(), text).unwrap();
            assert_eq!(credential_store(&home).as_deref(), mode, "{text:?}");
        }
        std::fs::write(home.cli_config(), b"\xff\xfe").unwrap();
        assert_eq!(credential_store(&home), None);
    }

    #[test]
    fn one_link_is_followed_and_two_are_not() {
        use std::os::unix::fs::symlink;
        let home = TestHome::new();
        let elsewhere = home.root().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("mine.json"), login("ana", 1).to_bytes()).unwrap();
        symlink("elsewhere/mine.json", home.live_auth()).unwrap();
        assert!(matches!(read_live(&home), Live::Login(_)));
        assert_eq!(linked_dir(&home), Some(elsewhere.clone()));
        assert_eq!(Place::find(&home).unwrap().lock_name(), "mine.json.lock");

        std::fs::rename(elsewhere.join("mine.json"), elsewhere.join("deeper.json")).unwrap();
        symlink("deeper.json", elsewhere.join("mine.json")).unwrap();
        assert!(
            matches!(read_live(&home), Live::Unreadable(reason) if reason.0.contains("is a link"))
        );
    }
}
