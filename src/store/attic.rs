//! Copies of logins that had to make way: backups of replaced ones, and displaced ones that no profile holds.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::SystemTime;

use super::error::StoreError;
use super::folder::Folder;
use super::home::{BACKUPS, DISPLACED, Home};
use super::login_file::LoginFile;
use super::safe_file;
use crate::profile::{AuthFile, Fingerprint, ProfileName};

/// Backups kept of each profile.
const MAX_BACKUPS: usize = 3;
/// Displaced logins kept. Each is the only copy that we know of, so there are more.
const MAX_DISPLACED: usize = 20;

/// Keeps the login of a profile that is about to be replaced.
pub(super) fn back_up(
    home: &Home,
    name: &ProfileName,
    bytes: &[u8],
    now: SystemTime,
) -> Result<(), StoreError> {
    let backups = home.router_folder()?.make(BACKUPS)?;
    back_up_in(&backups.make(name.as_str())?, bytes, now)
}

/// The same in the directory of its backups, wherever that lies.
pub(super) fn back_up_in(
    backups: &Folder,
    bytes: &[u8],
    now: SystemTime,
) -> Result<(), StoreError> {
    keep(backups, bytes, now, MAX_BACKUPS).map(|_file| ())
}

/// Keeps a login that no profile holds; says where.
pub(super) fn displace(home: &Home, bytes: &[u8], now: SystemTime) -> Result<PathBuf, StoreError> {
    let folder = home.router_folder()?.make(DISPLACED)?;
    let file = keep(&folder, bytes, now, MAX_DISPLACED)?;
    Ok(home.displaced_dir().join(file))
}

/// The displaced logins. Not everything that was kept aside is one.
///
/// # Errors
/// When one of them cannot be looked at.
pub(super) fn displaced(home: &Home) -> Result<Vec<AuthFile>, StoreError> {
    let router = home.router_folder_if_there()?;
    let folder = router.map(|router| router.child(DISPLACED)).transpose()?;
    let Some(folder) = folder.flatten() else {
        return Ok(Vec::new());
    };
    let mut logins = Vec::new();
    for file in copies(&folder)? {
        logins.extend(LoginFile::in_it(LoginFile::read_once(&folder, file))?);
    }
    Ok(logins)
}

/// Writes `<time>-<8 digits of the content's SHA-256>.json`, unless the very same content is kept already, and removes the
/// oldest beyond `most`.
fn keep(folder: &Folder, bytes: &[u8], now: SystemTime, most: usize) -> Result<String, StoreError> {
    let fingerprint = Fingerprint::of(bytes);
    let digits: String = fingerprint.as_str().chars().take(8).collect();
    let ending = format!("-{digits}.json");
    for kept in copies(folder)? {
        if !kept.ends_with(&ending) {
            continue;
        }
        match safe_file::read_in(folder, &kept) {
            Ok(Some(contents)) if contents.bytes.as_slice() == bytes => return Ok(kept),
            // One that does not open is no reason not to keep this one.
            Ok(_) | Err(StoreError::BrokenSeal { .. } | StoreError::KeyGone { .. }) => {}
            Err(err) => return Err(err),
        }
    }
    let file = format!("{}{ending}", moment(now));
    safe_file::replace_in(folder, &file, bytes)?;
    let mut older = copies(folder)?;
    // By name is by time; the one just written stays even where the clock went backwards.
    older.retain(|kept| *kept != file);
    let surplus = (older.len() + 1).saturating_sub(most);
    for kept in older.iter().take(surplus) {
        folder.remove_file(OsStr::new(kept))?;
    }
    Ok(file)
}

/// The files that we wrote here, oldest first.
fn copies(folder: &Folder) -> Result<Vec<String>, StoreError> {
    Ok(folder
        .names()?
        .into_iter()
        .filter_map(|name| name.into_string().ok()) // ours are ASCII
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .collect())
}

/// UTC with milliseconds, without characters that a file system could mind.
pub(super) fn moment(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y%m%dT%H%M%S.%3fZ")
        .to_string()
}

/// The moment that [`moment`] wrote.
pub(super) fn moment_of(text: &str) -> Option<SystemTime> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.fZ", text).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(at.timestamp().into())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::testing::{TestHome, mode_of, name, noon};

    fn files(home: &Home) -> Vec<String> {
        let folder = home.router_folder().unwrap().make(DISPLACED).unwrap();
        copies(&folder).unwrap()
    }

    #[test]
    fn the_newest_twenty_are_kept_and_the_same_content_once() {
        let home = TestHome::new();
        for second in 0..25u64 {
            let now = noon() + Duration::from_secs(second);
            displace(&home, format!("login {second}").as_bytes(), now).unwrap();
        }
        let again = displace(&home, b"login 24", noon() + Duration::from_secs(99)).unwrap();
        assert_eq!(std::fs::read(&again).unwrap(), b"login 24");
        assert_eq!(mode_of(&again), 0o600);
        let files = files(&home);
        assert_eq!(files.len(), 20);
        assert_eq!(home.displaced_dir().join(files.last().unwrap()), again);
        assert!(files[0].starts_with("20261120T120005.000Z-"), "{files:?}");
    }

    #[test]
    fn a_moment_is_read_as_it_was_written() {
        let at = noon() + Duration::from_millis(7_123);
        assert_eq!(moment(at), "20261120T120007.123Z");
        assert_eq!(moment_of(&moment(at)), Some(at));
        for text in [
            "",
            "20261120",
            "20261399T120007.123Z",
            "20261120T120007.123",
        ] {
            assert_eq!(moment_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_goes_backwards_does_not_cost_the_copy_just_made() {
        let home = TestHome::new();
        for (second, text) in [(9, "a"), (8, "b"), (7, "c"), (1, "d")] {
            back_up(
                &home,
                &name("work"),
                text.as_bytes(),
                noon() + Duration::from_secs(second),
            )
            .unwrap();
        }
        let folder = home.backups_dir().join("work");
        let mut kept: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept, ["a", "b", "d"]);
    }
}
