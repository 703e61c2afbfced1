//! The calls below [`Folder`](super::Folder) where there is no `openat`: by joined paths. Who may read what is left to the
//! access lists that new files inherit from the user's own directory.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Facts, Kind};

pub type Handle = PathBuf;

pub fn open(path: &Path) -> io::Result<Handle> {
    if std::fs::metadata(path)?.is_dir() {
        Ok(path.to_owned())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

pub fn open_child(folder: &Handle, name: &OsStr) -> io::Result<Handle> {
    open(&folder.join(name))
}

pub fn make_child(folder: &Handle, name: &OsStr) -> io::Result<()> {
    std::fs::create_dir(folder.join(name))
}

pub fn close_to_others(_folder: &Handle) -> io::Result<bool> {
    Ok(true)
}

pub fn open_file(folder: &Handle, name: &OsStr) -> io::Result<File> {
    File::open(folder.join(name))
}

pub fn create_new(folder: &Handle, name: &OsStr) -> io::Result<File> {
    File::create_new(folder.join(name))
}

pub fn open_lock(folder: &Handle, name: &OsStr) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(name))
}

pub fn rename(folder: &Handle, from: &OsStr, to: &OsStr) -> io::Result<()> {
    std::fs::rename(folder.join(from), folder.join(to))
}

pub fn move_new(from_folder: &Handle, from: &OsStr, into: &Handle, to: &OsStr) -> io::Result<()> {
    if std::fs::symlink_metadata(into.join(to)).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from_folder.join(from), into.join(to))
}

/// Whether two names are one thing.
pub fn is_same(folder: &Handle, name: &OsStr, other: &Handle, other_name: &OsStr) -> bool {
    let real = |folder: &Handle, name| std::fs::canonicalize(folder.join(name));
    match (real(folder, name), real(other, other_name)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

pub fn remove_folder(folder: &Handle, name: &OsStr) -> io::Result<()> {
    std::fs::remove_dir(folder.join(name))
}

pub fn remove_file(folder: &Handle, name: &OsStr) -> io::Result<()> {
    std::fs::remove_file(folder.join(name))
}

pub fn modified_at(folder: &Handle, name: &OsStr) -> io::Result<SystemTime> {
    std::fs::symlink_metadata(folder.join(name))?.modified()
}

/// There is no way to sync a directory.
pub fn sync(_folder: &Handle) -> io::Result<()> {
    Ok(())
}

pub fn kind_of(folder: &Handle, name: &OsStr) -> io::Result<Kind> {
    let kind = std::fs::symlink_metadata(folder.join(name))?.file_type();
    Ok(if kind.is_symlink() {
        Kind::Link
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_file() {
        Kind::File
    } else {
        Kind::Other
    })
}

pub fn names(folder: &Handle) -> io::Result<Vec<OsString>> {
    std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect()
}

pub fn facts_of(file: &File) -> io::Result<Facts> {
    Ok(Facts {
        is_ours: true,
        is_write_protected: file.metadata()?.permissions().readonly(),
        is_exposed: false,
        links: 1,
    })
}

pub fn close_file_to_others(_file: &File) -> io::Result<()> {
    Ok(())
}

pub fn reserve(file: &mut File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), file).map(|_written| ())
}

pub fn open_following(path: &Path) -> io::Result<File> {
    File::open(path)
}

pub fn is_writable(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

pub fn close_new_files_to_others() {}
