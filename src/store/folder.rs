//! An opened directory. What lies in it is reached from the opened directory itself, by one name at a time, so that a path
//! that is exchanged behind our back leads nowhere else.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::error::StoreError;
use super::home::{BACKUPS, DISPLACED, PROFILES, ROUTER, TRASH};
use super::vault::Vault;

#[cfg(not(unix))]
#[path = "folder/portable.rs"]
mod sys;
#[cfg(unix)]
#[path = "folder/unix.rs"]
mod sys;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    handle: sys::Handle,
    /// For messages: relative to the home where it lies in it.
    shown: PathBuf,
    ground: Ground,
}

/// Whose folder it is: in some of ours logins are sealed while encryption is on.
#[derive(Clone, Debug)]
enum Ground {
    /// Somebody else's, or ours and without a login.
    Plain,
    Home(Arc<Vault>),
    Router(Arc<Vault>),
    Logins(Arc<Vault>),
}

impl Ground {
    fn below(&self, name: &OsStr) -> Self {
        match self {
            Self::Home(vault) if name == PROFILES => Self::Logins(vault.clone()),
            Self::Home(vault) if name == ROUTER => Self::Router(vault.clone()),
            Self::Router(vault) if [BACKUPS, DISPLACED, TRASH].iter().any(|it| name == *it) => {
                Self::Logins(vault.clone())
            }
            Self::Logins(vault) => Self::Logins(vault.clone()),
            // What Codex reads, too, and what holds no login.
            Self::Home(_) | Self::Router(_) | Self::Plain => Self::Plain,
        }
    }
}

/// What a name in a folder stands for, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// What an opened file says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub is_ours: bool,
    pub is_write_protected: bool,
    /// Whether anybody but its owner may read or write it.
    pub is_exposed: bool,
    pub links: u64,
}

impl Folder {
    /// Opens a directory by its path; links on the way are followed. Children are shown relative to `shown`.
    pub fn open(path: &Path, shown: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let shown = shown.into();
        let handle = sys::open(path).map_err(StoreError::io("open", path))?;
        Ok(Self {
            handle,
            shown,
            ground: Ground::Plain,
        })
    }

    /// Opens a home, in which some folders are sealed by its vault.
    pub fn of_home(path: &Path, vault: Arc<Vault>) -> Result<Self, StoreError> {
        Ok(Self {
            ground: Ground::Home(vault),
            ..Self::open(path, "")?
        })
    }

    /// By which logins in this folder are opened and sealed; `None` where all is plain.
    pub fn vault(&self) -> Option<&Arc<Vault>> {
        match &self.ground {
            Ground::Logins(vault) => Some(vault),
            Ground::Plain | Ground::Home(_) | Ground::Router(_) => None,
        }
    }

    /// Opens a directory in this one; `None` when there is none. Never follows a link.
    pub fn child(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>, StoreError> {
        let name = name.as_ref();
        match self.kind_of(name)? {
            None => return Ok(None),
            Some(Kind::Folder) => {}
            Some(Kind::Link) => {
                return Err(StoreError::Link {
                    path: self.show(name),
                });
            }
            Some(Kind::File | Kind::Other) => {
                return Err(StoreError::NotAFolder {
                    path: self.show(name),
                });
            }
        }
        match sys::open_child(&self.handle, name) {
            Ok(handle) => Ok(Some(Self {
                handle,
                shown: self.show(name),
                ground: self.ground.below(name),
            })),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(StoreError::io("open", self.show(name))(err)),
        }
    }

    /// Opens one of our own directories, made if it is missing, closed to everybody else.
    pub fn make(&self, name: impl AsRef<OsStr>) -> Result<Self, StoreError> {
        let name = name.as_ref();
        if self.kind_of(name)?.is_none() {
            match sys::make_child(&self.handle, name) {
                Ok(()) => self.sync()?,
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                Err(err) => return Err(StoreError::io("create", self.show(name))(err)),
            }
        }
        let child = self.child(name)?.ok_or_else(|| {
            StoreError::io("create", self.show(name))(io::ErrorKind::NotFound.into())
        })?;
        child.close_to_others()?;
        Ok(child)
    }

    /// Makes a directory that nobody had before. Its name survives a loss of power only after [`Self::sync`].
    pub fn make_new(&self, name: impl AsRef<OsStr>) -> Result<(), StoreError> {
        let name = name.as_ref();
        sys::make_child(&self.handle, name).map_err(StoreError::io("create", self.show(name)))
    }

    /// Takes the rights of everybody else away from a directory of ours.
    pub fn close_to_others(&self) -> Result<(), StoreError> {
        match sys::close_to_others(&self.handle) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Foreign {
                path: self.shown.clone(),
            }),
            Err(err) => Err(StoreError::io("protect", &self.shown)(err)),
        }
    }

    /// Opens a file for reading; `None` when there is none. Never follows a link and never waits (a FIFO would).
    pub fn open_file(&self, name: &OsStr) -> Result<Option<File>, StoreError> {
        match self.kind_of(name)? {
            None => return Ok(None),
            Some(Kind::File) => {}
            Some(Kind::Link) => {
                return Err(StoreError::Link {
                    path: self.show(name),
                });
            }
            Some(Kind::Folder | Kind::Other) => {
                return Err(StoreError::NotAFile {
                    path: self.show(name),
                });
            }
        }
        match sys::open_file(&self.handle, name) {
            Ok(file) => Ok(Some(file)),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(StoreError::io("read", self.show(name))(err)),
        }
    }

    /// Creates a file that nobody had before, readable by its owner only, whatever the umask.
    pub fn create_new(&self, name: &OsStr) -> Result<File, StoreError> {
        sys::create_new(&self.handle, name)
            .map_err(StoreError::io("create a file for", self.show(name)))
    }

    /// Opens a lock file, made if it is missing.
    pub fn open_lock(&self, name: impl AsRef<OsStr>) -> Result<File, StoreError> {
        let name = name.as_ref();
        if self.kind_of(name)?.is_some_and(|kind| kind != Kind::File) {
            return Err(StoreError::NotAFile {
                path: self.show(name),
            });
        }
        sys::open_lock(&self.handle, name).map_err(StoreError::io("open the lock", self.show(name)))
    }

    /// The same without making the file: `None` when nobody ever took the lock.
    pub fn open_lock_if_there(&self, name: impl AsRef<OsStr>) -> Result<Option<File>, StoreError> {
        let name = name.as_ref();
        match self.kind_of(name)? {
            None => Ok(None),
            Some(_) => self.open_lock(name).map(Some),
        }
    }

    pub fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), StoreError> {
        sys::rename(&self.handle, from, to).map_err(StoreError::io("replace", self.show(to)))
    }

    /// Moves something into a folder, this one or another, where nothing has the name yet; `false` when something has. A name that
    /// differs from its own old one only in upper and lower case is free.
    pub fn move_new(
        &self,
        from: impl AsRef<OsStr>,
        into: &Self,
        to: impl AsRef<OsStr>,
    ) -> Result<bool, StoreError> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let failed = |cause| StoreError::io("move", self.show(from))(cause);
        // Where case does not matter the old name is in its own way.
        let is_itself = from != to
            && from.eq_ignore_ascii_case(to)
            && sys::is_same(&self.handle, from, &into.handle, to);
        let moved = if is_itself {
            sys::rename(&self.handle, from, to)
        } else {
            sys::move_new(&self.handle, from, &into.handle, to)
        };
        match moved {
            Ok(()) => Ok(true),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(err) => Err(failed(err)),
        }
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &OsStr) -> Result<(), StoreError> {
        sys::remove_folder(&self.handle, name).map_err(StoreError::io("remove", self.show(name)))
    }

    /// Removes something with all that is in it. A link is removed, never followed.
    pub fn remove_all(&self, name: &OsStr) -> Result<(), StoreError> {
        match self.kind_of(name)? {
            None => Ok(()),
            Some(Kind::Folder) => {
                if let Some(child) = self.child(name)? {
                    for below in child.names()? {
                        child.remove_all(&below)?;
                    }
                }
                self.remove_folder(name)
            }
            Some(Kind::File | Kind::Link | Kind::Other) => self.remove_file(name),
        }
    }

    pub fn remove_file(&self, name: &OsStr) -> Result<(), StoreError> {
        sys::remove_file(&self.handle, name).map_err(StoreError::io("remove", self.show(name)))
    }

    /// When it was changed last, links not followed.
    pub fn modified_at(&self, name: &OsStr) -> Result<SystemTime, StoreError> {
        sys::modified_at(&self.handle, name).map_err(StoreError::io("look at", self.show(name)))
    }

    /// Makes renames in this directory survive a loss of power.
    pub fn sync(&self) -> Result<(), StoreError> {
        sys::sync(&self.handle).map_err(StoreError::io("sync", &self.shown))
    }

    pub fn kind_of(&self, name: impl AsRef<OsStr>) -> Result<Option<Kind>, StoreError> {
        let name = name.as_ref();
        match sys::kind_of(&self.handle, name) {
            Ok(kind) => Ok(Some(kind)),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(StoreError::io("look at", self.show(name))(err)),
        }
    }

    /// Everything in it, sorted by name.
    pub fn names(&self) -> Result<Vec<OsString>, StoreError> {
        let mut names = sys::names(&self.handle).map_err(StoreError::io("list", &self.shown))?;
        names.sort();
        Ok(names)
    }

    pub fn show(&self, name: impl AsRef<Path>) -> PathBuf {
        self.shown.join(name)
    }
}

/// What the opened file says about itself (not what its name says by now).
pub(super) fn facts_of(file: &File) -> io::Result<Facts> {
    sys::facts_of(file)
}

/// Takes the rights of everybody but the owner away; never adds one.
pub(super) fn close_file_to_others(file: &File) -> io::Result<()> {
    sys::close_file_to_others(file)
}

/// Makes the disk promise room for so many bytes.
pub(super) fn reserve(file: &mut File, bytes: u64) -> io::Result<()> {
    sys::reserve(file, bytes)
}

/// Opens a file that is no secret, as a settings file: links are followed, FIFOs are not waited for.
pub(super) fn open_following(path: &Path) -> io::Result<File> {
    sys::open_following(path)
}

/// Whether new files can be made in a directory.
pub(super) fn is_writable(path: &Path) -> io::Result<()> {
    sys::is_writable(path)
}

/// New files and directories of this process are closed to everybody else, also those that a library makes (SQLite).
pub(super) fn close_new_files_to_others() {
    sys::close_new_files_to_others();
}
