//! The log on disk: one file that is written to, and two older ones. Readable by their owner only, and never larger than they may
//! be together.
//!
//! Of the crates for this, file-rotate panics where a directory cannot be made, rolling-file leaves the mode to the umask and
//! tracing-appender knows no size; none refuses to follow a link. Here it stands on `Folder`, like every file of ours.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

use super::error::StoreError;
use super::folder::{self, Folder};
use super::home::Home;

/// Below `router/logs`, the newest first.
const NAMES: [&str; 3] = [
    "codex-router.log",
    "codex-router.1.log",
    "codex-router.2.log",
];
/// Three of them are weeks of an ordinary day's lines, and nothing that a disk notices.
const MAX_BYTES: u64 = 5 * 1024 * 1024;

#[derive(Debug)]
pub struct LogFile {
    folder: Folder,
    file: File,
    bytes: u64,
    max_bytes: u64,
    /// Of the last line only a part is there.
    is_cut: bool,
}

impl LogFile {
    /// Opens it at its end.
    ///
    /// # Errors
    /// When the directory or the file cannot be made, or is not ours.
    pub fn open(home: &Home) -> Result<Self, StoreError> {
        let folder = home.router_folder()?.make(LOGS)?;
        let mut file = folder.open_lock(NAMES[0])?;
        let shown = || folder.show(NAMES[0]);
        folder::close_file_to_others(&file).map_err(StoreError::io("protect", shown()))?;
        let end = file.seek(SeekFrom::End(0));
        let bytes = end.map_err(StoreError::io("open", shown()))?;
        Ok(Self {
            folder,
            file,
            bytes,
            max_bytes: MAX_BYTES,
            is_cut: false,
        })
    }

    /// Adds a line, which ends with its line feed. A line that cannot be written, on a full disk for example, is lost, and the
    /// next one is tried again.
    ///
    /// # Errors
    /// The system's. Nothing needs to be done about it.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64;
        if self.bytes > 0 && self.bytes + bytes > self.max_bytes {
            self.rotate()?;
        }
        if self.is_cut {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
            self.is_cut = false;
        }
        let written = self.file.write_all(line.as_bytes());
        // Counted even where it failed: some of it may be there.
        self.bytes += bytes;
        self.is_cut = written.is_err();
        written
    }

    /// Begins a new file. Where that cannot be done the old one begins again: it must not grow without end.
    fn rotate(&mut self) -> io::Result<()> {
        let moved = NAMES.windows(2).rev().try_for_each(|pair| {
            let [newer, older] = pair else { return Ok(()) };
            match self.folder.kind_of(newer)? {
                Some(_) => self.folder.rename(OsStr::new(newer), OsStr::new(older)),
                None => Ok(()),
            }
        });
        let begun = moved.and_then(|()| self.folder.create_new(OsStr::new(NAMES[0])));
        match begun {
            Ok(file) => self.file = file,
            Err(_not_possible) => {
                self.file.set_len(0)?;
                self.file.seek(SeekFrom::Start(0))?;
            }
        }
        self.bytes = 0;
        self.is_cut = false;
        Ok(())
    }
}

/// What the log takes on the disk, in bytes; `None` when nothing was logged yet.
///
/// # Errors
/// When the directory is not what it should be.
pub fn size(home: &Home) -> Result<Option<u64>, StoreError> {
    let Some(router) = home.router_folder_if_there()? else {
        return Ok(None);
    };
    let Some(folder) = router.child(LOGS)? else {
        return Ok(None);
    };
    let mut bytes = None;
    for name in NAMES {
        let Some(file) = folder.open_file(OsStr::new(name))? else {
            continue;
        };
        let meta = file
            .metadata()
            .map_err(StoreError::io("read", folder.show(name)))?;
        bytes = Some(bytes.unwrap_or(0) + meta.len());
    }
    Ok(bytes)
}

const LOGS: &str = "logs";

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::testing::{TestHome, mode_of};

    fn text(home: &Home, name: &str) -> String {
        std::fs::read_to_string(home.router_dir().join(LOGS).join(name)).unwrap_or_default()
    }

    fn small(home: &Home) -> LogFile {
        LogFile {
            max_bytes: 10,
            ..LogFile::open(home).unwrap()
        }
    }

    #[test]
    fn lines_go_on_where_the_last_run_ended_and_only_their_owner_can_read_them() {
        let home = TestHome::new();
        assert_eq!(size(&home).unwrap(), None);
        LogFile::open(&home).unwrap().add("one\n").unwrap();
        let path = home.router_dir().join(LOGS).join(NAMES[0]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        LogFile::open(&home).unwrap().add("two\n").unwrap();
        assert_eq!(text(&home, NAMES[0]), "one\ntwo\n");
        assert_eq!(mode_of(&path), 0o600);
        assert_eq!(mode_of(&home.router_dir().join(LOGS)), 0o700);
        assert_eq!(size(&home).unwrap(), Some(8));
    }

    #[test]
    fn a_full_file_makes_room_and_the_oldest_of_three_goes() {
        let home = TestHome::new();
        let mut log = small(&home);
        for line in ["aaaaaaa\n", "bbbbbbb\n", "ccccccc\n", "ddddddd\n", "e\n"] {
            log.add(line).unwrap();
        }
        let texts = NAMES.map(|name| text(&home, name));
        assert_eq!(texts, ["ddddddd\ne\n", "ccccccc\n", "bbbbbbb\n"]);
        for name in NAMES {
            assert_eq!(mode_of(&home.router_dir().join(LOGS).join(name)), 0o600);
        }
        // Longer than a file may be: it is there all the same.
        log.add("ffffffffffffffff\n").unwrap();
        assert_eq!(text(&home, NAMES[0]), "ffffffffffffffff\n");
    }

    #[test]
    fn where_no_new_file_can_be_begun_the_old_one_begins_again() {
        let home = TestHome::new();
        let mut log = small(&home);
        log.add("aaaaaaa\n").unwrap();
        // Nothing is renamed over a directory.
        std::fs::create_dir(home.router_dir().join(LOGS).join(NAMES[1])).unwrap();
        log.add("bbbbbbb\n").unwrap();
        assert_eq!(text(&home, NAMES[0]), "bbbbbbb\n");
    }

    #[test]
    fn a_line_that_was_cut_does_not_spoil_the_next() {
        let home = TestHome::new();
        let mut log = LogFile::open(&home).unwrap();
        log.file.write_all(b"half").unwrap();
        log.is_cut = true;
        log.add("whole\n").unwrap();
        assert_eq!(text(&home, NAMES[0]), "half\nwhole\n");
    }

    #[test]
    fn a_link_is_not_followed() {
        let home = TestHome::new();
        std::fs::create_dir_all(home.router_dir().join(LOGS)).unwrap();
        let elsewhere = home.root().join("elsewhere");
        std::fs::write(&elsewhere, "untouched").unwrap();
        let link = home.router_dir().join(LOGS).join(NAMES[0]);
        std::os::unix::fs::symlink(&elsewhere, link).unwrap();
        assert!(LogFile::open(&home).is_err());
        assert_eq!(std::fs::read_to_string(elsewhere).unwrap(), "untouched");
    }
}
