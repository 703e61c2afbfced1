//! The one writer and the one reader of files that hold a login.
//!
//! A file is replaced whole or not at all: a temporary file in the same directory, written and synced, renamed over the old
//! one, the directory synced. A reader sees the old text or the new one, and so does whoever looks after a loss of power.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::error::StoreError;
use super::folder::{self, Folder, Kind};
use super::vault::{self, Ink};

/// No login file comes near it.
const MAX_BYTES: u64 = 1024 * 1024;
/// More than any login file; taken before a refresh token is spent, so that the new one can be saved.
const RESERVED_BYTES: u64 = 64 * 1024;
/// A temporary file that is older belongs to nobody who still runs: writing takes milliseconds, a refresh 30 s at most.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// Reads a file by its path; `None` when there is none.
///
/// # Errors
/// When it is a link, no ordinary file, somebody else's, or larger than 1 MiB.
pub fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let (folder, name) = place_of(path)?;
    Ok(read_in(&folder, name)?.map(|contents| contents.bytes))
}

/// Replaces a file by its path, or creates it, with mode 0600.
///
/// # Errors
/// When any step fails; then the old file is untouched and nothing is left behind.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let (folder, name) = place_of(path)?;
    replace_in(&folder, name, bytes)
}

/// The same for what is too large to be in memory at once. What `fill` gives is given back.
///
/// # Errors
/// Those of `fill`, and when any other step fails; then the old file is untouched and nothing is left behind.
pub fn replace_by<T, E: From<StoreError>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<T, E> {
    let (folder, name) = place_of(path)?;
    let prepared = Prepared::new(&folder, name)?;
    let mut out = io::BufWriter::new(&prepared.file);
    let filled = fill(&mut out)?;
    let write_error = StoreError::io("write", prepared.shown());
    let end = out.flush().and_then(|()| prepared.file.sync_all());
    drop(out);
    end.map_err(write_error)?;
    prepared.publish()?;
    Ok(filled)
}

/// A file as it was read.
pub(super) struct Contents {
    pub bytes: Zeroizing<Vec<u8>>,
    pub links: u64,
    pub is_write_protected: bool,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({} bytes)", self.bytes.len())
    }
}

/// Reads a file, which may be sealed where logins are.
pub(super) fn read_in(
    folder: &Folder,
    name: impl AsRef<OsStr>,
) -> Result<Option<Contents>, StoreError> {
    let name = name.as_ref();
    let Some(mut contents) = read_as_it_stands(folder, name)? else {
        return Ok(None);
    };
    if let Some(vault) = folder.vault() {
        contents.bytes = vault.open(folder, name, contents.bytes)?;
    }
    if contents.bytes.len() as u64 > MAX_BYTES {
        return Err(StoreError::TooBig {
            path: folder.show(name),
        });
    }
    Ok(Some(contents))
}

/// The same without opening what is sealed.
pub(super) fn read_as_it_stands(
    folder: &Folder,
    name: impl AsRef<OsStr>,
) -> Result<Option<Contents>, StoreError> {
    let name = name.as_ref();
    let most = match folder.vault() {
        Some(_) => MAX_BYTES + vault::OVERHEAD_BYTES,
        None => MAX_BYTES,
    };
    let shown = || folder.show(name);
    let Some(file) = folder.open_file(name)? else {
        return Ok(None);
    };
    let read_error = |cause| StoreError::io("read", shown())(cause);
    let meta = file.metadata().map_err(read_error)?;
    let facts = folder::facts_of(&file).map_err(read_error)?;
    if !meta.is_file() {
        return Err(StoreError::NotAFile { path: shown() });
    }
    if !facts.is_ours {
        return Err(StoreError::Foreign { path: shown() });
    }
    if meta.len() > most {
        return Err(StoreError::TooBig { path: shown() });
    }
    if facts.is_exposed
        && let Err(err) = folder::close_file_to_others(&file)
    {
        // Reading still works; the file stays as exposed as its owner left it.
        tracing::warn!(path = %shown().display(), error = %err, "could not close a login file to others");
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(meta.len() as usize + 1));
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    if bytes.len() as u64 > most {
        return Err(StoreError::TooBig { path: shown() });
    }
    Ok(Some(Contents {
        bytes,
        links: facts.links,
        is_write_protected: facts.is_write_protected,
    }))
}

pub(super) fn replace_in(
    folder: &Folder,
    name: impl AsRef<OsStr>,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let mut prepared = Prepared::new(folder, name)?;
    prepared.fill(bytes)?;
    prepared.publish()
}

/// Writes these files into a folder that nobody looks into yet: it is synced once, after the last of them.
pub(super) fn write_all_in(folder: &Folder, files: &[(&str, &[u8])]) -> Result<(), StoreError> {
    for (name, bytes) in files {
        let mut prepared = Prepared::new(folder, name)?;
        prepared.fill(bytes)?;
        prepared.put_in_place()?;
    }
    folder.sync()
}

/// A replacement in the making. Dropped unpublished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Prepared {
    folder: Folder,
    name: OsString,
    temporary: OsString,
    file: File,
    ink: Ink,
    is_published: bool,
}

impl Prepared {
    pub fn new(folder: &Folder, name: impl AsRef<OsStr>) -> Result<Self, StoreError> {
        // Before anything is made: a login that cannot be sealed is not written.
        let ink = folder.vault().map_or(Ok(Ink::Plain), |vault| vault.ink())?;
        Self::in_ink(folder, name, ink)
    }

    /// The same, plain or sealed whatever the mode is.
    pub fn in_ink(folder: &Folder, name: impl AsRef<OsStr>, ink: Ink) -> Result<Self, StoreError> {
        let name = name.as_ref().to_owned();
        // Not guessable, so that nobody can plant a link under it; O_EXCL would refuse it anyway.
        let mut temporary = OsString::from(".");
        temporary.push(&name);
        temporary.push(format!(".{:016x}.tmp", rand::random::<u64>()));
        let file = folder.create_new(&temporary)?;
        Ok(Self {
            folder: folder.clone(),
            name,
            temporary,
            file,
            ink,
            is_published: false,
        })
    }

    /// Like [`Self::new`], with the room for any login already taken on the disk.
    pub fn reserved(folder: &Folder, name: impl AsRef<OsStr>) -> Result<Self, StoreError> {
        let mut prepared = Self::new(folder, name)?;
        folder::reserve(&mut prepared.file, RESERVED_BYTES)
            .and_then(|()| prepared.file.sync_all())
            .and_then(|()| prepared.file.rewind())
            .map_err(StoreError::io(
                "take room on the disk for",
                prepared.shown(),
            ))?;
        Ok(prepared)
    }

    /// Writes and syncs the text; what was reserved and not needed goes back. After a failure it is to be dropped.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let sealed = match &self.ink {
            Ink::Plain => None,
            Ink::Sealed(key) => Some(vault::seal(key, &self.name, bytes)?),
        };
        let bytes = sealed.as_deref().unwrap_or(bytes);
        let mut write = || -> io::Result<()> {
            // The text before anything else: from then on it is in a file, wherever we are killed.
            self.file.write_all(bytes)?;
            self.file.set_len(bytes.len() as u64)?;
            self.file.sync_all()?;
            self.file.rewind()
        };
        write().map_err(StoreError::io("write", self.shown()))
    }

    /// Whether it still has its name: a clock that jumped makes it look abandoned to another process of ours.
    pub fn is_there(&self) -> Result<bool, StoreError> {
        Ok(self.folder.kind_of(&self.temporary)?.is_some())
    }

    /// What stands in it by now.
    pub fn read_back(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let contents = read_in(&self.folder, &self.temporary)?;
        Ok(contents.map(|contents| contents.bytes).unwrap_or_default())
    }

    /// Gives it the rights of the file that it will replace, but for those of everybody else where only its owner may read it.
    pub fn take_mode_of(&self, old: &File, is_closed: bool) -> Result<(), StoreError> {
        let take = || -> io::Result<()> {
            self.file.set_permissions(old.metadata()?.permissions())?;
            if is_closed {
                folder::close_file_to_others(&self.file)?;
            }
            Ok(())
        };
        take().map_err(StoreError::io("protect", self.shown()))
    }

    /// Puts it in the place of the old file.
    pub fn publish(self) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        self.put_in_place()?;
        folder.sync()
    }

    fn put_in_place(mut self) -> Result<(), StoreError> {
        self.folder.rename(&self.temporary, &self.name)?;
        self.is_published = true;
        Ok(())
    }

    fn shown(&self) -> std::path::PathBuf {
        self.folder.show(&self.name)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.is_published
            && let Err(err) = self.folder.remove_file(&self.temporary)
        {
            tracing::debug!(error = %err, "a temporary file stays until the next start");
        }
    }
}

/// Reads a text that holds no secret and is somebody else's to arrange (`config.toml`): links are followed, any owner is
/// fine. `None` when there is none.
pub fn read_text(path: &Path) -> Result<Option<String>, StoreError> {
    let file = match folder::open_following(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(StoreError::io("read", path)(err)),
    };
    let meta = file.metadata().map_err(StoreError::io("read", path))?;
    if !meta.is_file() {
        return Err(StoreError::NotAFile { path: path.into() });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(StoreError::io("read", path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(StoreError::TooBig { path: path.into() });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_binary) => Err(StoreError::NotText { path: path.into() }),
    }
}

/// Removes temporary files that a killed process of ours left in this directory, but for those to spare; nothing else.
pub(super) fn remove_leftovers(
    folder: &Folder,
    now: SystemTime,
    spare: impl Fn(&Folder, &OsStr) -> bool,
) -> Result<(), StoreError> {
    for name in folder.names()? {
        if !is_temporary(&name) || folder.kind_of(&name)? != Some(Kind::File) {
            continue;
        }
        let Some(file) = folder.open_file(&name)? else {
            continue;
        };
        let is_ours = folder::facts_of(&file).is_ok_and(|facts| facts.is_ours);
        let age = file
            .metadata()
            .and_then(|meta| meta.modified())
            .map(|at| now.duration_since(at).unwrap_or_default())
            .map_err(StoreError::io("look at", folder.show(&name)))?;
        if is_ours && age > LEFTOVER_AGE && !spare(folder, &name) {
            folder.remove_file(&name)?;
        }
    }
    Ok(())
}

/// The temporary files for this file, dead or alive.
pub(super) fn temporaries_of(folder: &Folder, name: &str) -> Result<Vec<OsString>, StoreError> {
    let start = format!(".{name}.");
    let mut names = folder.names()?;
    names.retain(|found| {
        is_temporary(found) && found.as_encoded_bytes().starts_with(start.as_bytes())
    });
    Ok(names)
}

/// Whether a name has the form `.<name>.<16 hexadecimal digits>.tmp`.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    let Some(stem) = name
        .to_str()
        .and_then(|name| name.strip_prefix('.'))
        .and_then(|name| name.strip_suffix(".tmp"))
    else {
        return false;
    };
    stem.rsplit_once('.').is_some_and(|(name, digits)| {
        !name.is_empty()
            && digits.len() == 16
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn place_of(path: &Path) -> Result<(Folder, &OsStr), StoreError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(StoreError::NotAFile { path: path.into() });
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    Ok((Folder::open(parent, parent)?, name))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
