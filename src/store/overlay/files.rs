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
/// What SQLite keeps beside a database, by the end of its name (https://sqlite.org/tempfiles.html).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

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

/// Whether something lies there that is to go home: an earlier try may have failed.
pub(super) fn are_left(root: &Path) -> Result<bool, StoreError> {
    let own = own_files(root).map_err(StoreError::io("list", root))?;
    Ok(!own.is_empty())
}

/// What was made there and is to be shared.
fn own_files(root: &Path) -> io::Result<Vec<OsString>> {
    let mut own = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_type()?.is_symlink() && is_shared(&entry.file_name()) {
            own.push(entry.file_name());
        }
    }
    Ok(own)
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
    for file in own_files(root)? {
        is_kept |= merge(
            &root.join(&file),
            &home.root().join(&file),
            &aside.join(&file),
        )?;
    }
    Ok(is_kept.then_some(aside))
}

/// Whether something had to go aside.
fn merge(from: &Path, to: &Path, aside: &Path) -> io::Result<bool> {
    let kind = fs::symlink_metadata(from)?.file_type();
    let beside = match kind.is_file() {
        true => what_is_beside(from)?,
        false => Vec::new(),
    };
    if is_free(to)? && move_all_of_it(from, to, &beside)? {
        return Ok(false);
    }
    if kind.is_dir() && to.is_dir() {
        let mut is_kept = false;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if !goes_with_a_database(from, &name)? {
                is_kept |= merge(&from.join(&name), &to.join(&name), &aside.join(&name))?;
            }
        }
        return Ok(is_kept);
    }
    if !kind.is_file() {
        return Ok(false);
    }
    if beside.is_empty() && to.is_file() && fs::read(from)? == fs::read(to)? {
        fs::remove_file(from)?;
        return Ok(false);
    }
    if let Some(parent) = aside.parent() {
        fs::create_dir_all(parent)?;
    }
    move_all_of_it(from, aside, &beside)?;
    Ok(true)
}

/// Moves a file with what a database keeps beside itself, which holds what was written last and fits no other; a directory as a
/// whole. `false`: somebody has made something there meanwhile.
fn move_all_of_it(from: &Path, to: &Path, beside: &[&'static str]) -> io::Result<bool> {
    for end in beside {
        if !is_free(&with_end(to, end))? {
            return Ok(false);
        }
    }
    // The file itself is last: cut off in between, the next one brings it to what lies there already.
    for end in beside {
        if !move_one(&with_end(from, end), &with_end(to, end))? {
            return Ok(false);
        }
    }
    move_one(from, to)
}

/// Never over something that is there.
fn move_one(from: &Path, to: &Path) -> io::Result<bool> {
    if fs::symlink_metadata(from)?.is_dir() {
        // Not over a directory with something in it, and never over a file.
        return fs::rename(from, to).map(|()| true);
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from).map(|()| true),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A file system that knows no such links.
        Err(_) if is_free(to)? => fs::rename(from, to).map(|()| true),
        Err(err) => Err(err),
    }
}

fn is_free(place: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(place) {
        Ok(_) => Ok(false),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(err) => Err(err),
    }
}

/// Which of the files that a database keeps beside itself there are.
fn what_is_beside(database: &Path) -> io::Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for end in BESIDE {
        if !is_free(&with_end(database, end))? {
            found.push(end);
        }
    }
    Ok(found)
}

fn with_end(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn is_beside_one(name: &OsStr) -> bool {
    database_of(name).is_some()
}

/// Whether its database is still to be moved, or has taken it along.
fn goes_with_a_database(folder: &Path, name: &OsStr) -> io::Result<bool> {
    let Some(database) = database_of(name) else {
        return Ok(false);
    };
    Ok(!is_free(&folder.join(database))? || is_free(&folder.join(name))?)
}

fn database_of(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    BESIDE.iter().find_map(|end| name.strip_suffix(end))
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
    !is_ours && !is_temporary && !is_beside_one(name)
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
