//! The database file: how it is opened, brought up to date, and set aside when it is damaged.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{LedgerError, file_name, millis_of};

/// One step for each `user_version`; a step that was released is never changed.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE requests (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        key TEXT,
        dialect TEXT NOT NULL,
        model TEXT NOT NULL,
        asked_model TEXT NOT NULL,
        profile TEXT,
        is_paid INTEGER NOT NULL,
        strategy TEXT NOT NULL,
        reason TEXT,
        considered TEXT NOT NULL,
        status INTEGER NOT NULL,
        is_complete INTEGER NOT NULL,
        error TEXT,
        input INTEGER,
        cached INTEGER,
        output INTEGER,
        reasoning INTEGER,
        cost INTEGER,
        took INTEGER NOT NULL,
        first_token INTEGER,
        retries INTEGER NOT NULL,
        dropped TEXT NOT NULL,
        session TEXT,
        preview TEXT
    );
    CREATE INDEX requests_at ON requests (at);
    CREATE TABLE attempts (
        request INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        profile TEXT NOT NULL,
        result TEXT NOT NULL,
        what TEXT,
        until INTEGER,
        took INTEGER NOT NULL,
        mended TEXT NOT NULL,
        PRIMARY KEY (request, number)
    ) WITHOUT ROWID;
    CREATE TABLE usage (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        profile TEXT NOT NULL,
        window INTEGER NOT NULL,
        used_percent REAL NOT NULL,
        resets_at INTEGER
    );
    CREATE INDEX usage_of ON usage (profile, window, at);
    CREATE TABLE bindings (
        session TEXT PRIMARY KEY,
        profile TEXT NOT NULL,
        used_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX bindings_used ON bindings (used_at);
    CREATE TABLE spend (
        day INTEGER NOT NULL,
        kind TEXT NOT NULL,
        who TEXT NOT NULL,
        requests INTEGER NOT NULL,
        input INTEGER NOT NULL,
        cached INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        unpriced INTEGER NOT NULL,
        PRIMARY KEY (day, kind, who)
    ) WITHOUT ROWID;
",
    "
    ALTER TABLE requests ADD COLUMN is_estimate INTEGER NOT NULL DEFAULT 0;
",
];

/// For what another process does with the file.
const BUSY: Duration = Duration::from_millis(2_000);
/// The last ones; a disk that damages file after file must not be filled by them.
const KEPT_ASIDE: usize = 3;

/// The file, ours alone, brought up to date by `steps`.
pub(super) fn open(path: &Path, steps: &[&str]) -> Result<Connection, LedgerError> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = Connection::open_with_flags(real(path)?, flags)?;
    db.busy_timeout(BUSY)?;
    // Before anything is set that may be written.
    if version(&db)? > steps.len() {
        return Err(LedgerError::OtherVersion);
    }
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "mmap_size", 0)?;
    // Counts for a file that has no table yet, and must be said before it has a page.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |row| {
        row.get::<_, i64>(0)
    })?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", 1_000, |row| {
        row.get::<_, i64>(0)
    })?;
    db.pragma_update(None, "foreign_keys", true)?;
    // KiB; one writer that appends has no use for the 2 MiB of the default.
    db.pragma_update(None, "cache_size", -512)?;
    bring_up_to_date(&mut db, steps)?;
    Ok(db)
}

/// The same for reading only, by anybody who may read it at all.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(real(path)?, flags)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "trusted_schema", false)?;
    match version(&db)? {
        // The writer has made the file and nothing in it yet.
        0 => Err(LedgerError::Missing),
        version if version == STEPS.len() => Ok(db),
        _ => Err(LedgerError::OtherVersion),
    }
}

/// SQLite is told not to follow links, and checks the whole path for them; links above our own directory are the user's.
fn real(path: &Path) -> io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        _ => Ok(path.to_owned()),
    }
}

/// Makes the file, or closes one that is there to others. SQLite gives its two companions the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
        options.mode(0o600);
        options.custom_flags(
            (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32,
        );
        let file = options.open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if meta.mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    options.open(path)?;
    Ok(())
}

fn bring_up_to_date(db: &mut Connection, steps: &[&str]) -> Result<(), LedgerError> {
    if version(db)? == steps.len() {
        return Ok(());
    }
    // Two processes may start at once: the second finds it done.
    let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let from = version(&change)?;
    let todo = steps.get(from..).ok_or(LedgerError::OtherVersion)?;
    for step in todo {
        change.execute_batch(step)?;
    }
    change.pragma_update(
        None,
        "user_version",
        i64::try_from(steps.len()).unwrap_or(i64::MAX),
    )?;
    change.commit()?;
    Ok(())
}

fn version(db: &Connection) -> Result<usize, LedgerError> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version).map_err(|_negative| LedgerError::OtherVersion)
}

/// Whether the file itself is damaged, so that trying again would not help.
pub(super) fn is_damaged(err: &LedgerError) -> bool {
    let LedgerError::Unusable(err) = err else {
        return false;
    };
    matches!(
        err.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Moves a damaged file and its companions out of the way; tells under which name.
pub(super) fn set_aside(path: &Path, now: SystemTime) -> io::Result<String> {
    let name = file_name(path);
    let aside = format!("{name}.corrupt-{}", millis_of(now) / 1_000);
    // The log of changes first: a new file must never meet the old one's.
    for end in ["-wal", "-shm", ""] {
        let from = path.with_file_name(format!("{name}{end}"));
        match std::fs::rename(from, path.with_file_name(format!("{aside}{end}"))) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(err),
        }
    }
    forget_old_ones(path, &name)?;
    Ok(aside)
}

fn forget_old_ones(path: &Path, name: &str) -> io::Result<()> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    let beginning = format!("{name}.corrupt-");
    let mut aside: Vec<String> = std::fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|other| {
            let number = other.strip_prefix(&beginning);
            number.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .collect();
    // Seconds since 1970 have ten digits for the next two centuries: the order of names is that of time.
    aside.sort();
    for old in aside.iter().rev().skip(KEPT_ASIDE) {
        for end in ["-wal", "-shm", ""] {
            // One that is gone already is as good.
            let _gone = std::fs::remove_file(path.with_file_name(format!("{old}{end}")));
        }
    }
    Ok(())
}
