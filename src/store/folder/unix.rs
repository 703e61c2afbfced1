//! The calls below [`Folder`](super::Folder) on Unix: everything relative to the descriptor of the opened directory.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Facts, Kind};

pub type Handle = Arc<OwnedFd>;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
/// Neither a link nor the other end of a FIFO may take us anywhere.
const CAREFUL: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY);

pub fn open(path: &Path) -> io::Result<Handle> {
    let fd = retry_on_intr(|| rustix::fs::open(path, DIRECTORY, Mode::empty()))?;
    Ok(Arc::new(fd))
}

pub fn open_child(folder: &Handle, name: &OsStr) -> io::Result<Handle> {
    let flags = DIRECTORY | OFlags::NOFOLLOW;
    let fd = retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::empty()))?;
    Ok(Arc::new(fd))
}

pub fn make_child(folder: &Handle, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(folder, name, Mode::RWXU)?)
}

/// `false` when it is not ours to change.
pub fn close_to_others(folder: &Handle) -> io::Result<bool> {
    let stat = rustix::fs::fstat(folder)?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
        rustix::fs::fchmod(folder, Mode::RWXU)?;
    }
    Ok(true)
}

pub fn open_file(folder: &Handle, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | CAREFUL;
    let fd = retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::empty()))?;
    Ok(fd.into())
}

pub fn create_new(folder: &Handle, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | CAREFUL;
    let owner_only = Mode::RUSR | Mode::WUSR;
    let fd = retry_on_intr(|| rustix::fs::openat(folder, name, flags, owner_only))?;
    // A umask can only take rights away; here it may have taken the owner's.
    if let Err(err) = rustix::fs::fchmod(&fd, owner_only) {
        remove_file(folder, name).ok(); // the first error is the one to tell
        return Err(err.into());
    }
    Ok(fd.into())
}

pub fn open_lock(folder: &Handle, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | CAREFUL;
    let fd = retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR))?;
    Ok(fd.into())
}

pub fn rename(folder: &Handle, from: &OsStr, to: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::renameat(folder, from, folder, to)?)
}

/// As [`rename`], into any folder, but never over something that is there.
pub fn move_new(from_folder: &Handle, from: &OsStr, into: &Handle, to: &OsStr) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(
        from_folder,
        from,
        into,
        to,
        rustix::fs::RenameFlags::NOREPLACE,
    ) {
        // A file system that cannot do it in one step. Our own writers are kept out by a lock.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        done => return Ok(done?),
    }
    match rustix::fs::statat(into, to, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(Errno::NOENT) => Ok(rustix::fs::renameat(from_folder, from, into, to)?),
        Err(err) => Err(err.into()),
    }
}

/// Whether two names are one thing.
pub fn is_same(folder: &Handle, name: &OsStr, other: &Handle, other_name: &OsStr) -> bool {
    let stat = |folder, name| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    match (stat(folder, name), stat(other, other_name)) {
        (Ok(a), Ok(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    }
}

pub fn remove_folder(folder: &Handle, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?)
}

pub fn remove_file(folder: &Handle, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(folder, name, AtFlags::empty())?)
}

pub fn modified_at(folder: &Handle, name: &OsStr) -> io::Result<SystemTime> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    // Before 1970 the clock was wrong.
    let secs = u64::try_from(stat.st_mtime).unwrap_or_default();
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
}

pub fn sync(folder: &Handle) -> io::Result<()> {
    match retry_on_intr(|| rustix::fs::fsync(folder)) {
        // Some network file systems cannot sync a directory; the rename is as durable there as it gets.
        Err(Errno::INVAL | Errno::NOTSUP) | Ok(()) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

pub fn kind_of(folder: &Handle, name: &OsStr) -> io::Result<Kind> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    })
}

pub fn names(folder: &Handle) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

pub fn facts_of(file: &File) -> io::Result<Facts> {
    let meta = file.metadata()?;
    Ok(Facts {
        is_ours: meta.uid() == rustix::process::geteuid().as_raw(),
        is_write_protected: meta.mode() & 0o200 == 0,
        is_exposed: meta.mode() & 0o077 != 0,
        links: meta.nlink(),
    })
}

pub fn close_file_to_others(file: &File) -> io::Result<()> {
    let own = file.metadata()?.mode() & 0o600;
    file.set_permissions(Permissions::from_mode(own))
}

pub fn reserve(file: &mut File, bytes: u64) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    match rustix::fs::fallocate(&*file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) => return Ok(()),
        // A file system that cannot promise; zeros take the room just as well.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
        Err(err) => return Err(err.into()),
    }
    io::copy(&mut io::Read::take(io::repeat(0), bytes), file)?;
    file.flush()
}

pub fn open_following(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | CAREFUL.difference(OFlags::NOFOLLOW);
    Ok(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?.into())
}

pub fn is_writable(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(
        path,
        Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
    )?)
}

pub fn close_new_files_to_others() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}
