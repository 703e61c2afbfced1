//! A folder with all that is below it, within bounds: links are not followed, FIFOs not waited for, and what programs of other
//! kinds keep there is passed by.

use std::ffi::OsStr;
use std::path::Path;

use crate::profile::SideFile;
use crate::store::folder::{Folder, Kind};
use crate::store::login_file::AUTH;
use crate::store::profiles::SIDE;

use super::{Look, Origin, read_at_most, stem_of, text_of, wish_of_folder};

/// Of folders below the one that was named.
const MAX_DEPTH: usize = 12;
const MAX_FILES: usize = 20_000;
/// No file with one login, or a few, comes near it.
const MAX_BYTES: u64 = 1024 * 1024;
/// Full of files, and never of logins. Codex's sessions are conversations.
const PASSED_BY: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".cache",
    ".cargo",
    ".npm",
    ".rustup",
    ".venv",
    "__pycache__",
    "archived_sessions",
    "node_modules",
    "sessions",
    "site-packages",
    "target",
    "venv",
];

impl Look<'_> {
    /// Looks at everything below a folder.
    pub(super) fn scan(&mut self, path: &Path) {
        // A link that was named is where it leads to.
        let opened = path
            .canonicalize()
            .map_err(|err| crate::store::error::in_words(&err))
            .and_then(|real| Folder::open(&real, &real).map_err(|err| err.to_string()));
        match opened {
            Ok(folder) => {
                let before = self.looked.found.len();
                self.folder(&folder, path, 0);
                if self.looked.found.len() == before && !self.looked.is_cancelled {
                    let shown = self.shown(path);
                    self.looked
                        .notes
                        .push(format!("there is no login in {shown}"));
                }
            }
            Err(reason) => self.refuse(path, &reason),
        }
    }

    fn folder(&mut self, folder: &Folder, path: &Path, depth: usize) {
        let names = match folder.names() {
            Ok(names) => names,
            Err(err) => {
                self.looked.notes.push(err.to_string());
                return;
            }
        };
        let is_program_folder = names.iter().any(|name| name == "instance.lock");
        if depth > 0 && is_program_folder {
            // Our own: backups of what the profiles beside it hold, and what was deleted.
            return;
        }
        for name in &names {
            if self.looked.is_cancelled {
                return;
            }
            match folder.kind_of(name) {
                Ok(Some(Kind::File)) => {
                    if self.looked.files >= MAX_FILES {
                        let note = format!("only the first {MAX_FILES} files were looked at");
                        if !self.looked.notes.contains(&note) {
                            self.looked.notes.push(note);
                        }
                        return;
                    }
                    if self.count() && is_worth_reading(name) {
                        self.scanned_file(folder, name, path, depth);
                    }
                }
                Ok(Some(Kind::Folder)) if !is_passed_by(name) => {
                    if depth >= MAX_DEPTH {
                        let shown = self.shown(&path.join(name));
                        let note = format!("{shown} lies too deep and was not looked at");
                        self.looked.notes.push(note);
                        continue;
                    }
                    match folder.child(name) {
                        Ok(Some(child)) => self.folder(&child, &path.join(name), depth + 1),
                        Ok(None) => {}
                        Err(err) => self.looked.notes.push(err.to_string()),
                    }
                }
                Ok(_) => {}
                Err(err) => self.looked.notes.push(err.to_string()),
            }
        }
    }

    fn scanned_file(&mut self, folder: &Folder, name: &OsStr, path: &Path, depth: usize) {
        let text_name = text_of(Some(name));
        let is_expected = is_login_name(&text_name);
        let file_path = path.join(name);
        let file = match folder.open_file(name) {
            Ok(Some(file)) => file,
            Ok(None) => return, // gone meanwhile
            Err(err) if is_expected => return self.refuse(&file_path, &err.to_string()),
            Err(_not_for_us) => return,
        };
        let text = match read_at_most(file, MAX_BYTES) {
            Ok(text) => text,
            Err(reason) if is_expected => return self.refuse(&file_path, &reason),
            Err(_not_for_us) => return,
        };
        let side = (text_name == AUTH).then(|| side_in(folder)).flatten();
        let folder_name = text_of(path.file_name());
        // Below the folder that was named somebody gave a name to each.
        let is_named =
            side.is_some() || (depth > 0 && text_name == AUTH && !is_common(&folder_name));
        self.take(
            &text,
            Origin {
                source: self.shown(&file_path),
                wish: wish_of_folder(&folder_name, is_named).filter(|_| text_name == AUTH),
                stem: stem_of(&text_name),
                file: Some(file_path),
                side,
                is_expected,
            },
        );
    }
}

/// Our own words beside a login; broken ones as what they are.
fn side_in(folder: &Folder) -> Option<SideFile> {
    match folder.open_file(OsStr::new(SIDE)) {
        Ok(None) => None,
        Ok(Some(file)) => Some(read_at_most(file, MAX_BYTES).map_or_else(
            |_unreadable| SideFile::broken(),
            |text| SideFile::parse(&text),
        )),
        Err(_odd) => Some(SideFile::broken()),
    }
}

fn is_worth_reading(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let is_list = [".json", ".jsonl", ".ndjson"]
        .iter()
        .any(|ending| name.ends_with(ending));
    // What people say to Codex, and our own words.
    let is_other = name == "history.jsonl" || name == SIDE || name.starts_with("rollout-");
    is_list && !is_other
}

/// Names under which programs keep logins.
fn is_login_name(name: &str) -> bool {
    name == AUTH
        || name.ends_with(".auth.json")
        || (name.starts_with("codex-") && name.ends_with(".json"))
}

fn is_passed_by(name: &OsStr) -> bool {
    PASSED_BY.iter().any(|passed| name == *passed)
}

/// Names that programs give to their folders.
fn is_common(name: &str) -> bool {
    matches!(
        name,
        "codex" | ".codex" | ".codex_router" | "opencode" | "accounts" | "profiles"
    )
}
