//! What an overlay shares with the real home, by links, and how what was made in it gets there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::MARK;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, Kind};
use crate::store::home::{CURRENT_PROFILE, Home, LIVE, PROFILES, ROUTER};
use crate::store::safe_file;

/// The settings of Codex, which may differ here.
const CONFIG: &str = "config.toml";
/// Directories that Codex makes when it needs them: here they must be the real ones from the beginning.
const FOLDERS: [&str; 9] = [
    "sessions",
    "archived_sessions",
    "prompts",
    "skills",
    "rules",
    "memories",
    "log",
    "thread-writer-locks",
    "mcp-oauth-locks",
];
/// A file that Codex appends to; a link to nothing is followed when it is made.
const HISTORY: &str = "history.jsonl";

/// Links everything of the real home that the overlay in `folder`, at `root`, shares. `config`: settings of its own.
pub(super) fn share(
    home: &Home,
    folder: &Folder,
    root: &Path,
    config: Option<&str>,
) -> Result<(), StoreError> {
    let real = home.folder()?;
    for name in FOLDERS {
        if real.kind_of(name)?.is_none() {
            real.make(name)?;
        }
    }
    let names = real
        .names()?
        .into_iter()
        .chain([OsString::from(HISTORY)])
        .filter(|name| is_shared(name));
    for name in names {
        let is_own = name == CONFIG && config.is_some();
        let kind = folder.kind_of(&name)?;
        if is_own && kind == Some(Kind::Link) {
            folder.remove_file(&name)?;
        }
        if !is_own && kind.is_none() {
            link(&home.root().join(&name), &root.join(&name))
                .map_err(StoreError::io("link into the overlay", &name))?;
        }
    }
    if let Some(text) = config
        && folder.kind_of(CONFIG)?.is_none()
    {
        safe_file::replace_in(folder, CONFIG, text.as_bytes())?;
    }
    Ok(())
}

/// Moves what was made in the overlay into the real home. What is there already, and another, is kept apart, in a directory that is
/// called after `label`.
pub(super) fn bring_back(
    home: &Home,
    folder: &Folder,
    root: &Path,
    label: &str,
    now: SystemTime,
) -> Result<Option<PathBuf>, StoreError> {
    // Settings of its own that nobody has touched are not worth keeping.
    if folder.kind_of(CONFIG)? == Some(Kind::File)
        && let Some(own) = safe_file::read_in(folder, MARK)?
        && let Some(present) = safe_file::read_in(folder, CONFIG)?
        && own.bytes == present.bytes
    {
        folder.remove_file(CONFIG.as_ref())?;
    }
    move_all(home, root, label, now).map_err(StoreError::io("bring files home from", root))
}

fn move_all(home: &Home, root: &Path, label: &str, now: SystemTime) -> io::Result<Option<PathBuf>> {
    let secs = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let aside = home
        .router_dir()
        .join("overlay-files")
        .join(format!("{label}-{secs}"));
    let mut is_kept = false;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let file = entry.file_name();
        if entry.file_type()?.is_symlink() || !is_shared(&file) {
            continue;
        }
        is_kept |= merge(&entry.path(), &home.root().join(&file), &aside.join(&file))?;
    }
    Ok(is_kept.then_some(aside))
}

/// Whether something had to go aside.
fn merge(from: &Path, to: &Path, aside: &Path) -> io::Result<bool> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if !to.exists() && !to.is_symlink() {
        fs::rename(from, to)?;
        return Ok(false);
    }
    if kind.is_dir() && to.is_dir() {
        let mut is_kept = false;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            is_kept |= merge(&from.join(&name), &to.join(&name), &aside.join(&name))?;
        }
        return Ok(is_kept);
    }
    if !kind.is_file() {
        return Ok(false);
    }
    if to.is_file() && fs::read(from)? == fs::read(to)? {
        fs::remove_file(from)?;
        return Ok(false);
    }
    if let Some(parent) = aside.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(from, aside)?;
    Ok(true)
}

/// Everything but what is ours, the login with its locks, and what a database keeps beside itself.
fn is_shared(name: &OsStr) -> bool {
    let Some(text) = name.to_str() else {
        return false;
    };
    let is_ours = matches!(
        text,
        PROFILES | ROUTER | CURRENT_PROFILE | LIVE | MARK | "auth.lock" | "auth.json.lock"
    );
    let is_temporary = text.starts_with('.') && text.ends_with(".tmp");
    let is_beside = ["-wal", "-shm", "-journal"]
        .iter()
        .any(|end| text.ends_with(end));
    !is_ours && !is_temporary && !is_beside
}

#[cfg(unix)]
fn link(real: &Path, here: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(real, here)
}

/// Needs the right to make links, which Windows gives in its developer mode.
#[cfg(not(unix))]
fn link(real: &Path, here: &Path) -> io::Result<()> {
    if real.is_dir() {
        std::os::windows::fs::symlink_dir(real, here)
    } else {
        std::os::windows::fs::symlink_file(real, here)
    }
}
