//! A system call on a file below the watched directory.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use nix::{
    libc::{self, c_long, user_regs_struct},
    unistd::Pid,
};

use super::tracer::{path_of, text_at};

/// One call, as it was asked for and as it went.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: &'static str,
    pub thread: Pid,
    /// Below the directory; empty for the directory itself.
    pub path: PathBuf,
    /// The other path of a rename.
    pub to: Option<PathBuf>,
    /// Whether what lies on the disk, or a lock, may be another afterwards.
    pub changes: bool,
    /// Whether it makes a file or a directory.
    pub makes: bool,
    /// `None` until it has returned.
    pub result: Option<i64>,
}

impl Call {
    /// Whether it returned, and well.
    pub fn is_done(&self) -> bool {
        self.result.is_some_and(|result| result >= 0)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.path)?;
        match &self.to {
            Some(to) => write!(f, " to {to:?}"),
            None => Ok(()),
        }
    }
}

/// Where a call says what it works on. The numbers are those of its arguments.
enum On {
    Descriptor,
    Path(usize),
    /// A directory's descriptor and a name in it.
    At(usize, usize),
    /// From one to another.
    TwoAt,
    TwoPaths,
}

/// Calls on files: those that only look, then those that change something.
const CALLS: &[(c_long, &str, On, bool)] = &[
    (libc::SYS_read, "read", On::Descriptor, false),
    (libc::SYS_pread64, "pread64", On::Descriptor, false),
    (libc::SYS_readv, "readv", On::Descriptor, false),
    (libc::SYS_lseek, "lseek", On::Descriptor, false),
    (libc::SYS_fstat, "fstat", On::Descriptor, false),
    (libc::SYS_getdents64, "getdents64", On::Descriptor, false),
    (libc::SYS_close, "close", On::Descriptor, false),
    (libc::SYS_stat, "stat", On::Path(0), false),
    (libc::SYS_lstat, "lstat", On::Path(0), false),
    (libc::SYS_access, "access", On::Path(0), false),
    (libc::SYS_faccessat, "faccessat", On::At(0, 1), false),
    (libc::SYS_readlink, "readlink", On::Path(0), false),
    (libc::SYS_readlinkat, "readlinkat", On::At(0, 1), false),
    (libc::SYS_newfstatat, "newfstatat", On::At(0, 1), false),
    (libc::SYS_statx, "statx", On::At(0, 1), false),
    (libc::SYS_open, "open", On::Path(0), false),
    (libc::SYS_openat, "openat", On::At(0, 1), false),
    (libc::SYS_write, "write", On::Descriptor, true),
    (libc::SYS_pwrite64, "pwrite64", On::Descriptor, true),
    (libc::SYS_writev, "writev", On::Descriptor, true),
    (libc::SYS_ftruncate, "ftruncate", On::Descriptor, true),
    (libc::SYS_fallocate, "fallocate", On::Descriptor, true),
    (libc::SYS_fsync, "fsync", On::Descriptor, true),
    (libc::SYS_fdatasync, "fdatasync", On::Descriptor, true),
    (libc::SYS_flock, "flock", On::Descriptor, true),
    (libc::SYS_fchmod, "fchmod", On::Descriptor, true),
    (libc::SYS_chmod, "chmod", On::Path(0), true),
    (libc::SYS_fchmodat, "fchmodat", On::At(0, 1), true),
    (libc::SYS_mkdir, "mkdir", On::Path(0), true),
    (libc::SYS_mkdirat, "mkdirat", On::At(0, 1), true),
    (libc::SYS_rmdir, "rmdir", On::Path(0), true),
    (libc::SYS_unlink, "unlink", On::Path(0), true),
    (libc::SYS_unlinkat, "unlinkat", On::At(0, 1), true),
    (libc::SYS_rename, "rename", On::TwoPaths, true),
    (libc::SYS_renameat, "renameat", On::TwoAt, true),
    (libc::SYS_renameat2, "renameat2", On::TwoAt, true),
    (libc::SYS_utimensat, "utimensat", On::At(0, 1), true),
];

/// The call that a thread is about to make, if it is one on a file in the directory, or on the directory itself.
pub fn on(directory: &Path, thread: Pid, registers: &user_regs_struct) -> Option<Call> {
    let number = registers.orig_rax.cast_signed();
    let (_, name, on, changes) = CALLS.iter().find(|(known, ..)| *known == number)?;
    let arguments = [
        registers.rdi,
        registers.rsi,
        registers.rdx,
        registers.r10,
        registers.r8,
    ];
    let path = |at: usize| text_at(thread, arguments[at]).map(PathBuf::from);
    let at = |directory: usize, name: usize| {
        let name = path(name)?;
        if name.is_absolute() {
            return Some(name);
        }
        let directory = path_of(thread, arguments[directory])?;
        Some(match name.as_os_str().is_empty() {
            true => directory,
            false => directory.join(name),
        })
    };
    let (path, to) = match on {
        On::Descriptor => (path_of(thread, arguments[0])?, None),
        On::Path(place) => (path(*place)?, None),
        On::At(directory, name) => (at(*directory, *name)?, None),
        On::TwoAt => (at(0, 1)?, Some(at(2, 3)?)),
        On::TwoPaths => (path(0)?, Some(path(1)?)),
    };
    let below = |path: PathBuf| path.strip_prefix(directory).ok().map(Path::to_owned);
    let creates = |flags: u64| flags & libc::O_CREAT as u64 != 0;
    let opens_new = match number {
        libc::SYS_open => creates(registers.rsi),
        libc::SYS_openat => creates(registers.rdx),
        _ => false,
    };
    let makes = opens_new || matches!(number, libc::SYS_mkdir | libc::SYS_mkdirat);
    Some(Call {
        name,
        thread,
        path: below(path)?,
        to: to.and_then(below),
        changes: *changes || opens_new,
        makes,
        result: None,
    })
}
