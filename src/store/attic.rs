//! Copies of logins that had to make way: backups of replaced ones, and displaced ones that no profile holds.
//!
//! A backup is of an account that its profile still holds, and newer. A displaced login may be the only one of its account, so no
//! other may push it out.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::SystemTime;

use super::error::StoreError;
use super::folder::Folder;
use super::home::{BACKUPS, DISPLACED, Home};
use super::locks::EditLock;
use super::login_file::LoginFile;
use super::profiles;
use super::safe_file;
use crate::profile::{AuthFile, Fingerprint, ProfileName};

/// Backups kept of each profile.
const MAX_BACKUPS: usize = 3;
/// Displaced files kept that nobody would miss: copies of what is kept elsewhere as new or newer, and what is no login at all.
const MAX_DISPENSABLE: usize = 20;
/// Displaced files in all. What is no dispensable one may be the only copy of an account and is never removed for room, so there are
/// as many as accounts that somebody has signed in with here and nowhere kept. Nobody has that many: beyond it, what can wait is
/// refused with a sentence, and what cannot (a token that was renewed just now) is kept all the same.
const MAX_DISPLACED: usize = 300;

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
    let file = keep(backups, bytes, now)?;
    // Of each account its profile holds a newer one, so these may simply end.
    let older = others(backups, &file)?;
    let surplus = (older.len() + 1).saturating_sub(MAX_BACKUPS);
    for kept in older.iter().take(surplus) {
        backups.remove_file(OsStr::new(kept))?;
    }
    Ok(())
}

/// Keeps a login that no profile holds; says where.
///
/// # Errors
/// [`StoreError::TooManyDisplaced`] when there are so many that somebody has to look; nothing was kept then.
pub(super) fn displace(home: &Home, bytes: &[u8], now: SystemTime) -> Result<PathBuf, StoreError> {
    let folder = home.router_folder()?.make(DISPLACED)?;
    if same_in(&folder, bytes)?.is_none() && copies(&folder)?.len() >= MAX_DISPLACED {
        make_room(home, &folder, None)?;
        if copies(&folder)?.len() >= MAX_DISPLACED {
            let path = home.displaced_dir();
            return Err(StoreError::TooManyDisplaced { path });
        }
    }
    displace_at_any_rate(home, bytes, now)
}

/// The same for a login that exists in memory alone: it cannot wait until somebody has made room. Each is of an account that has a
/// profile, or had, and replaces the one before.
pub(super) fn displace_at_any_rate(
    home: &Home,
    bytes: &[u8],
    now: SystemTime,
) -> Result<PathBuf, StoreError> {
    let folder = home.router_folder()?.make(DISPLACED)?;
    let file = keep(&folder, bytes, now)?;
    if copies(&folder)?.len() > MAX_DISPENSABLE
        && let Err(err) = make_room(home, &folder, Some(&file))
    {
        tracing::warn!(error = %err, "displaced logins that nobody needs stay for now");
    }
    Ok(home.displaced_dir().join(file))
}

/// Removes the oldest dispensable files beyond their number, but for the one just written. One at a time is judged by what is there at
/// that moment, with nobody else at it, so that of two copies never each goes because of the other.
fn make_room(home: &Home, folder: &Folder, just_written: Option<&str>) -> Result<(), StoreError> {
    let _nobody_else = EditLock::take(home)?;
    let held = profiles::load_all(home)?.profiles;
    let mut kept = Vec::new();
    for file in copies(folder)? {
        // What does not open (sealed, damaged, somebody else's, a disk that fails) may be an only copy.
        if let Ok(Some(read)) = LoginFile::read_once(folder, &file) {
            kept.push((file, read.login.ok()));
        }
    }
    let is_dispensable = |at: usize, kept: &[(String, Option<AuthFile>)]| {
        let Some((_, Some(login))) = kept.get(at) else {
            return true;
        };
        let others = kept.iter().enumerate();
        let others = others.filter(|(other, _)| *other != at);
        let mut others = others.filter_map(|(_, (_, login))| login.as_ref());
        others.any(|other| makes_good(other, login))
            || held.iter().any(|it| profiles::makes_good(it, login))
    };
    let mut surplus = (0..kept.len())
        .filter(|at| is_dispensable(*at, &kept))
        .count()
        .saturating_sub(MAX_DISPENSABLE);
    let mut at = 0;
    while surplus > 0 && at < kept.len() {
        let is_just_written = |file: &str| Some(file) == just_written;
        match kept.get(at) {
            Some((file, _)) if !is_just_written(file) && is_dispensable(at, &kept) => {
                folder.remove_file(OsStr::new(file))?;
                kept.remove(at);
                surplus -= 1;
            }
            Some(_) | None => at += 1,
        }
    }
    Ok(())
}

/// Whether nothing is lost with a login where this other one is kept, too.
fn makes_good(other: &AuthFile, login: &AuthFile) -> bool {
    other.same_login(login) || (other.same_account(login) && other.is_newer_than(login))
}

/// What lies in `router/displaced`, to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Displaced {
    /// Accounts that no profile holds.
    pub accounts: usize,
    /// Files that could not be read now, or hold no login.
    pub unreadable: usize,
}

/// Counts what was kept aside and no profile holds as new or newer.
///
/// # Errors
/// When the directory or the profiles cannot be listed.
pub fn count_displaced(home: &Home) -> Result<Displaced, StoreError> {
    let mut count = Displaced::default();
    let Some(folder) = displaced_folder(home)? else {
        return Ok(count);
    };
    let held = profiles::load_all(home)?.profiles;
    let mut logins: Vec<AuthFile> = Vec::new();
    for file in copies(&folder)? {
        match LoginFile::read_once(&folder, file).map(|file| file.map(|file| file.login)) {
            Ok(Some(Ok(login))) => {
                let is_held = held.iter().any(|it| profiles::makes_good(it, &login));
                if !is_held && !logins.iter().any(|it| it.same_account(&login)) {
                    logins.push(login);
                }
            }
            Ok(None) => {} // gone meanwhile
            Ok(Some(Err(_))) | Err(_) => count.unreadable += 1,
        }
    }
    count.accounts = logins.len();
    Ok(count)
}

fn displaced_folder(home: &Home) -> Result<Option<Folder>, StoreError> {
    let router = home.router_folder_if_there()?;
    let folder = router.map(|router| router.child(DISPLACED)).transpose()?;
    Ok(folder.flatten())
}

/// The displaced logins. Not everything that was kept aside is one.
///
/// # Errors
/// When one of them cannot be looked at.
pub(super) fn displaced(home: &Home) -> Result<Vec<AuthFile>, StoreError> {
    let Some(folder) = displaced_folder(home)? else {
        return Ok(Vec::new());
    };
    let mut logins = Vec::new();
    for file in copies(&folder)? {
        logins.extend(LoginFile::in_it(LoginFile::read_once(&folder, file))?);
    }
    Ok(logins)
}

/// Writes `<time>-<8 digits of the content's SHA-256>.json`, unless the very same content is kept already.
fn keep(folder: &Folder, bytes: &[u8], now: SystemTime) -> Result<String, StoreError> {
    if let Some(kept) = same_in(folder, bytes)? {
        return Ok(kept);
    }
    let file = format!("{}{}", moment(now), ending_of(bytes));
    safe_file::replace_in(folder, &file, bytes)?;
    Ok(file)
}

fn ending_of(bytes: &[u8]) -> String {
    let fingerprint = Fingerprint::of(bytes);
    let digits: String = fingerprint.as_str().chars().take(8).collect();
    format!("-{digits}.json")
}

/// The file with the very same content.
fn same_in(folder: &Folder, bytes: &[u8]) -> Result<Option<String>, StoreError> {
    let ending = ending_of(bytes);
    for kept in copies(folder)? {
        if !kept.ends_with(&ending) {
            continue;
        }
        match safe_file::read_in(folder, &kept) {
            Ok(Some(contents)) if contents.bytes.as_slice() == bytes => return Ok(Some(kept)),
            // One that does not open is no reason not to keep this one.
            Ok(_) | Err(StoreError::BrokenSeal { .. } | StoreError::KeyGone { .. }) => {}
            Err(err) => return Err(err),
        }
    }
    Ok(None)
}

/// All but the one just written, which stays even where the clock went backwards; by name is by time.
fn others(folder: &Folder, file: &str) -> Result<Vec<String>, StoreError> {
    let mut others = copies(folder)?;
    others.retain(|kept| kept != file);
    Ok(others)
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
    use crate::store::testing::{TestHome, login, mode_of, name, noon};

    fn files(home: &Home) -> Vec<String> {
        let folder = home.router_folder().unwrap().make(DISPLACED).unwrap();
        copies(&folder).unwrap()
    }

    fn keep_aside(home: &Home, login: &AuthFile, second: u64) -> PathBuf {
        let now = noon() + Duration::from_secs(second);
        displace(home, &login.to_bytes(), now).unwrap()
    }

    fn is_kept(home: &TestHome, login: &AuthFile) -> bool {
        home.displaced()
            .iter()
            .any(|text| *text == *login.to_bytes())
    }

    #[test]
    fn of_what_is_no_login_the_newest_twenty_are_kept_and_the_same_content_once() {
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
    fn the_only_copy_of_an_account_is_never_pushed_out() {
        let home = TestHome::new();
        let all: Vec<_> = (0..30).map(|n| login(&format!("user-{n}"), 10)).collect();
        for (second, login) in (0..).zip(&all) {
            keep_aside(&home, login, second);
        }
        for second in 100..150u64 {
            keep_aside(&home, &login("user-0", 20 + second), second);
            let junk = format!("junk {second}");
            let now = noon() + Duration::from_secs(second);
            displace(&home, junk.as_bytes(), now).unwrap();
        }
        let lost = all.iter().skip(1).filter(|login| !is_kept(&home, login));
        assert_eq!(lost.count(), 0);
        assert!(is_kept(&home, &login("user-0", 20 + 149)), "the newest");
        assert!(!is_kept(&home, &all[0]), "one older than that");
        assert_eq!(files(&home).len(), 30 + MAX_DISPENSABLE);
    }

    #[test]
    fn a_copy_makes_way_for_what_a_profile_holds_unless_that_is_refused() {
        for is_refused in [false, true] {
            let home = TestHome::new();
            let first = login("ana", 10);
            keep_aside(&home, &first, 0);
            home.profile("work", &login("ana", 20));
            if is_refused {
                let token = login("ana", 20).refresh_fingerprint();
                profiles::edit_side(&home, &name("work"), |side| {
                    side.set_rejected(token.as_ref());
                })
                .unwrap();
            }
            for second in 1..=20u64 {
                let now = noon() + Duration::from_secs(second);
                displace(&home, format!("junk {second}").as_bytes(), now).unwrap();
            }
            assert_eq!(is_kept(&home, &first), is_refused);
        }
    }

    #[test]
    fn beyond_any_number_of_accounts_what_can_wait_is_refused_and_what_cannot_is_kept() {
        let home = TestHome::new();
        keep_aside(&home, &login("user-0", 10), 0);
        for n in 1..MAX_DISPLACED {
            let text = login(&format!("user-{n}"), 10).to_bytes();
            let file = format!("{}{}", moment(noon()), ending_of(&text));
            std::fs::write(home.displaced_dir().join(file), &text).unwrap();
        }
        let (more, now) = (login("more", 10), noon() + Duration::from_secs(9_999));
        let refused = displace(&home, &more.to_bytes(), now).unwrap_err();
        assert!(matches!(refused, StoreError::TooManyDisplaced { .. }));
        assert_eq!(files(&home).len(), MAX_DISPLACED);
        keep_aside(&home, &login("user-7", 10), 9_999);
        displace_at_any_rate(&home, &more.to_bytes(), now).unwrap();
        assert!(is_kept(&home, &more) && is_kept(&home, &login("user-0", 10)));
        for n in 0..40u64 {
            let user = format!("user-{n}");
            home.profile(&user, &login(&user, 10));
        }
        keep_aside(&home, &login("yet-another", 10), 10_000);
    }

    #[test]
    fn what_does_not_open_is_never_removed() {
        use std::os::unix::fs::symlink;
        let home = TestHome::new();
        keep_aside(&home, &login("ana", 10), 0);
        let folder = home.displaced_dir();
        symlink("nowhere", folder.join("20200101T000000.000Z-00000000.json")).unwrap();
        for second in 1..=25u64 {
            let now = noon() + Duration::from_secs(second);
            displace(&home, format!("junk {second}").as_bytes(), now).unwrap();
        }
        assert_eq!(files(&home).len(), 20 + 2);
        let count = count_displaced(&home).unwrap();
        assert_eq!((count.accounts, count.unreadable), (1, 21));
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
