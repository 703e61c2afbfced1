//! What there is to watch: which directories, which names in them, and what their files looked like.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::store::error::StoreError;
use crate::store::home::{Home, LIVE, PROFILES};
use crate::store::live;
use crate::store::login_file::AUTH;
use crate::store::profiles::SIDE;

/// Its date tells that a second instance asks for the window.
pub const RAISE: &str = "raise";
/// Its date tells that something in `router/` is another than before: what is made there anew has no watch yet.
pub const CHANGED: &str = "changed";

/// Every directory to watch, and the files below `router/` that matter.
pub fn all(home: &Home) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::from([home.root().to_owned()]);
    places.extend(live::linked_dir(home));
    let profiles = home.profiles_dir();
    if is_folder(&profiles) {
        places.extend(profile_folders(&profiles));
        places.insert(profiles);
    }
    match make_signal_files(home) {
        Ok(()) => places.extend([home.raise(), home.changed()]),
        Err(err) => tracing::debug!(error = %err, "no files to be asked by"),
    }
    let ours = [home.keys(), home.config()];
    places.extend(ours.into_iter().filter(|path| path.is_file()));
    let overlays = home.overlays_dir();
    if is_folder(&overlays) {
        places.extend(profile_folders(&overlays));
        places.insert(overlays);
    }
    places
}

/// What every file that matters looks like, and every directory below `profiles/`.
pub fn stamps(home: &Home) -> BTreeMap<PathBuf, Stamp> {
    let mut stamps = BTreeMap::new();
    let mut note = |path: PathBuf| {
        if let Ok(meta) = path.metadata() {
            stamps.insert(path, Stamp::of(&meta));
        }
    };
    note(home.live_auth());
    note(home.cli_config());
    note(home.keys());
    note(home.config());
    let overlays = home.overlays_dir();
    if is_folder(&overlays) {
        for folder in profile_folders(&overlays) {
            note(folder.join(AUTH));
        }
    }
    let profiles = home.profiles_dir();
    if is_folder(&profiles) {
        for folder in profile_folders(&profiles) {
            note(folder.join(AUTH));
            note(folder.join(SIDE));
            note(folder);
        }
        note(profiles);
    }
    stamps
}

/// Enough to tell that a file or directory is another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified_at: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(meta: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(meta);
        #[cfg(not(unix))]
        let inode = 0;
        Self {
            modified_at: meta.modified().ok(), // a system without dates has the other two
            bytes: meta.len(),
            inode,
        }
    }
}

/// Real directories only: a linked one is no profile.
fn profile_folders(profiles: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(profiles) else {
        return Vec::new(); // gone meanwhile
    };
    entries
        .filter_map(|entry| entry.ok()) // the same
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// Whether an event about this path is worth a look.
pub fn matters(home: &Home, path: &Path) -> bool {
    let is_named = |names: &[&str]| {
        names
            .iter()
            .any(|name| path.file_name() == Some(OsStr::new(name)))
    };
    let profiles = home.profiles_dir();
    if path.parent() == Some(home.root()) {
        // The CLI writes its history and logs here all day.
        is_named(&[LIVE, "config.toml", PROFILES])
    } else if path.starts_with(home.overlays_dir()) {
        // What Codex writes beside its login is linked away.
        is_named(&[AUTH]) || path.parent() == Some(&home.overlays_dir())
    } else if path.starts_with(&profiles) {
        path.parent() == Some(&profiles) || is_named(&[AUTH, SIDE])
    } else {
        // A file below `router/`, the home itself, or the directory of a linked live file, where it may have any name but a temporary one.
        path.extension() != Some(OsStr::new("tmp"))
    }
}

/// A file can only be watched if it is there.
pub fn make_signal_files(home: &Home) -> Result<(), StoreError> {
    let folder = home.router_folder()?;
    folder.open_lock(CHANGED)?;
    folder.open_lock(RAISE).map(|_file| ())
}
