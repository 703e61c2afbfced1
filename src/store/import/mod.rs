//! Logins from elsewhere: found in files, folders and the stores of other programs, and written as profiles.
//!
//! What is read stays as it is: no mode is mended, nothing is moved. What is written goes through the one writer, and an account
//! is there whole or not at all.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::error::in_words;
use super::folder;
use super::home::Home;
use crate::import_text::{self, Candidate, NoLogin, TextError};
use crate::profile::SideFile;

mod other_programs;
mod scan;
mod writer;

pub use other_programs::{older_store, other_programs};
pub(super) use writer::remove_leftovers_in;
pub use writer::{Incoming, Taken, write};

/// What was found where.
#[derive(Clone, Debug)]
pub struct Found {
    /// For the screen: `~/.codex`, a file's name.
    pub source: String,
    /// What it is called where it was found, if anybody chose that name.
    pub wish: Option<String>,
    /// What to call it if nobody says anything.
    pub stem: String,
    /// Where it lies, if in a file of its owner's: whoever uses it may renew it before it is written here.
    pub file: Option<PathBuf>,
    pub candidate: Candidate,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    pub found: Vec<Found>,
    /// What could not be looked at: sentences.
    pub notes: Vec<String>,
    /// How many files there were.
    pub files: usize,
    pub is_cancelled: bool,
}

/// Told how many files there were so far; says whether to go on.
pub type Tick<'a> = &'a mut dyn FnMut(usize) -> bool;

/// In a file that was named: a list of thousands of logins has a few MiB.
const MAX_NAMED_BYTES: u64 = 16 * 1024 * 1024;

/// Looks into these files and folders; links that were named are followed, others are not.
pub fn paths(paths: &[PathBuf], user_home: Option<&Path>, now: SystemTime, tick: Tick) -> Looked {
    let mut look = Look::new(user_home, now, tick);
    for path in paths {
        match path.metadata() {
            Err(err) => look.refuse(path, &in_words(&err)),
            Ok(meta) if meta.is_dir() => look.scan(path),
            Ok(_) => look.named_file(path),
        }
    }
    look.looked
}

/// A search under way.
struct Look<'a> {
    user_home: Option<&'a Path>,
    now: SystemTime,
    tick: Tick<'a>,
    looked: Looked,
}

/// What is known of a file before it is read.
struct Origin {
    source: String,
    wish: Option<String>,
    stem: String,
    file: Option<PathBuf>,
    /// What stood beside it.
    side: Option<SideFile>,
    /// Whether anybody would expect a login in it: then it is told why there is none.
    is_expected: bool,
}

impl<'a> Look<'a> {
    fn new(user_home: Option<&'a Path>, now: SystemTime, tick: Tick<'a>) -> Self {
        Self {
            user_home,
            now,
            tick,
            looked: Looked::default(),
        }
    }

    /// One file more; whether to go on.
    fn count(&mut self) -> bool {
        self.looked.files += 1;
        if !(self.tick)(self.looked.files) {
            self.looked.is_cancelled = true;
        }
        !self.looked.is_cancelled
    }

    fn named_file(&mut self, path: &Path) {
        if !self.count() {
            return;
        }
        match read_named(path) {
            Err(reason) => self.refuse(path, &reason),
            Ok(text) if super::backup::is_backup(&text) => {
                self.refuse(path, "it is an encrypted backup; restore it by itself");
            }
            Ok(text) => {
                let name = text_of(path.file_name());
                let side = (name == super::login_file::AUTH).then(|| self.side_beside(path));
                let is_ours = side.as_ref().is_some_and(Option::is_some);
                let folder = path.parent().and_then(Path::file_name);
                self.take(
                    &text,
                    Origin {
                        source: self.shown(path),
                        // A list is not called by its folder.
                        wish: wish_of_folder(&text_of(folder), is_ours)
                            .filter(|_| name == super::login_file::AUTH),
                        stem: stem_of(&name),
                        file: Some(path.to_owned()),
                        side: side.flatten(),
                        is_expected: true,
                    },
                );
            }
        }
    }

    /// Our own words beside an `auth.json`; broken ones as what they are.
    fn side_beside(&self, auth: &Path) -> Option<SideFile> {
        let path = auth.with_file_name(super::profiles::SIDE);
        if !path.is_file() {
            return None;
        }
        let text = read_named(&path);
        Some(text.map_or_else(
            |_unreadable| SideFile::broken(),
            |text| SideFile::parse(&text),
        ))
    }

    /// Every login in the text of a file.
    fn take(&mut self, text: &[u8], origin: Origin) {
        if super::vault::is_sealed(text) {
            let reason = "it is encrypted and opens in its own folder alone; make a backup or an export there";
            return self.push_refused(origin, reason);
        }
        let candidates = match import_text::read(text, self.now) {
            Ok(candidates) => candidates,
            Err(TextError::NoLogin | TextError::OtherService) if !origin.is_expected => return,
            Err(reason) if origin.is_expected => {
                return self.push_refused(origin, &reason.to_string());
            }
            Err(_some_other_file) => return,
        };
        for mut candidate in candidates {
            if candidate.login.is_err() && !origin.is_expected {
                continue;
            }
            if candidate.side.is_none() {
                candidate.side.clone_from(&origin.side);
            }
            if candidate.side.as_ref().is_some_and(SideFile::is_broken) {
                let reason =
                    "its router.json cannot be read, and may name a proxy; mend or delete it";
                candidate.login = candidate.login.and(Err(NoLogin(reason.into())));
            }
            self.looked.found.push(Found {
                source: origin.source.clone(),
                wish: origin.wish.clone().or_else(|| candidate.label.clone()),
                stem: origin.stem.clone(),
                file: origin.file.clone(),
                candidate,
            });
        }
    }

    fn refuse(&mut self, path: &Path, reason: &str) {
        let origin = Origin {
            source: self.shown(path),
            wish: None,
            stem: stem_of(&text_of(path.file_name())),
            file: None,
            side: None,
            is_expected: true,
        };
        self.push_refused(origin, reason);
    }

    fn push_refused(&mut self, origin: Origin, reason: &str) {
        self.looked.found.push(Found {
            source: origin.source,
            wish: origin.wish,
            stem: origin.stem,
            file: None,
            candidate: Candidate {
                label: None,
                email: None,
                plan: None,
                login: Err(NoLogin(reason.to_owned())),
                side: None,
            },
        });
    }

    fn shown(&self, path: &Path) -> String {
        shown(path, self.user_home)
    }
}

/// `~/…` where it lies in the user's home; a login file goes by its folder.
fn shown(path: &Path, user_home: Option<&Path>) -> String {
    let path = match path.file_name() {
        Some(name) if name == super::login_file::AUTH => path.parent().unwrap_or(path),
        Some(_) | None => path,
    };
    match user_home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) if below.as_os_str().is_empty() => "~".into(),
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

fn read_named(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, MAX_NAMED_BYTES)
}

/// A file that the user named: wherever it lies, if it is an ordinary one.
pub(super) fn read_file(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = folder::open_following(path).map_err(|err| in_words(&err))?;
    read_at_most(file, most)
}

fn read_at_most(file: File, most: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let meta = file.metadata().map_err(|err| in_words(&err))?;
    if !meta.is_file() {
        return Err("it is no ordinary file".into());
    }
    let too_big = || Err(format!("it is larger than {} MiB", most / 1024 / 1024));
    if meta.len() > most {
        return too_big();
    }
    let mut text = Zeroizing::new(Vec::with_capacity(meta.len() as usize + 1));
    file.take(most + 1)
        .read_to_end(&mut text)
        .map_err(|err| in_words(&err))?;
    if text.len() as u64 > most {
        return too_big();
    }
    Ok(text)
}

/// Whether a single file is an encrypted backup.
pub fn is_backup(path: &Path) -> bool {
    let Ok(file) = folder::open_following(path) else {
        return false; // whatever it is, it is told when it is read
    };
    let mut start = Vec::new();
    let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
    is_file
        && file
            .take(super::backup::MAGIC.len() as u64)
            .read_to_end(&mut start)
            .is_ok()
        && super::backup::is_backup(&start)
}

/// A folder's name, if it tells more than which program made it.
fn wish_of_folder(name: &str, is_ours: bool) -> Option<String> {
    if let Some(rest) = name
        .strip_prefix(".codex-")
        .or_else(|| name.strip_prefix("codex-"))
    {
        return Some(rest.to_owned()).filter(|rest| !rest.is_empty());
    }
    is_ours.then(|| name.to_owned())
}

/// `work` of `work.auth.json`.
fn stem_of(name: &str) -> String {
    let stem = name.split_once('.').map_or(name, |(stem, _ending)| stem);
    match stem {
        "" | "auth" | "accounts" => "account".into(),
        stem => stem.to_owned(),
    }
}

fn text_of(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// The login that Codex uses, if there is one that can be read.
pub fn live_login(home: &Home) -> Option<crate::profile::AuthFile> {
    match super::live::read_live(home) {
        super::live::Live::Login(login) => Some(login),
        super::live::Live::Missing | super::live::Live::Unreadable(_) => None,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
