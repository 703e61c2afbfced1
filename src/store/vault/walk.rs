//! Every file that the writer would seal, wherever an account's directory may be by now.
//!
//! One directory is open at a time: there may be more of them than files that a process may open.

use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::sealed::{self, KeyId, is_sealed};
use crate::store::folder::{Folder, Kind};
use crate::store::home::{BACKUPS, DISPLACED, PROFILES, ROUTER, TRASH};
use crate::store::login_file::AUTH;
use crate::store::profiles::SIDE;
use crate::store::safe_file;

/// What lies in one of the places.
pub enum Found<'a> {
    File(LoginFile<'a>),
    /// A directory that cannot be looked into, or something in it; a sentence.
    Unseen(String),
}

/// A file of ours that holds a login, or our words about one.
pub struct LoginFile<'a> {
    pub folder: &'a Folder,
    pub name: OsString,
    /// As it stands on disk; a sentence where it cannot be read.
    pub raw: Result<Zeroizing<Vec<u8>>, String>,
}

impl LoginFile<'_> {
    pub fn is_sealed(&self) -> bool {
        self.raw.as_ref().is_ok_and(|raw| is_sealed(raw))
    }

    /// Whether it is sealed by another key than this one, or in a way that does not say.
    pub fn is_closed_to(&self, key: Option<KeyId>) -> bool {
        self.is_sealed()
            && (key.is_none()
                || self
                    .raw
                    .as_ref()
                    .is_ok_and(|raw| sealed::key_id(raw) != key))
    }

    /// Room that was reserved for a login is zeros, and whoever reserved it is gone.
    fn is_empty(&self) -> bool {
        self.raw
            .as_ref()
            .is_ok_and(|raw| raw.iter().all(|byte| *byte == 0))
    }

    pub fn is_plain(&self) -> bool {
        self.raw.is_ok() && !self.is_sealed() && !self.is_empty()
    }
}

/// What cannot be looked at, if anything: the first of it, in a sentence.
pub fn first_unseen(root: &Folder) -> Option<String> {
    let mut unseen = None;
    let mut see = |found: Found<'_>| {
        unseen = match found {
            Found::File(LoginFile {
                raw: Err(reason), ..
            })
            | Found::Unseen(reason) => Some(reason),
            Found::File(_) => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(())
    };
    let _whole: ControlFlow<()> = walk(root, &mut see);
    unseen
}

/// Whether any file here is sealed. What cannot be looked at counts as not: it is told wherever it is wanted.
pub fn any_sealed(root: &Folder) -> bool {
    any(root, |file| file.is_sealed())
}

/// Whether any file here is such a one.
pub fn any(root: &Folder, is_it: impl Fn(&LoginFile<'_>) -> bool) -> bool {
    let mut see = |found: Found<'_>| match found {
        Found::File(file) if is_it(&file) => ControlFlow::Break(()),
        Found::File(_) | Found::Unseen(_) => ControlFlow::Continue(()),
    };
    walk(root, &mut see).is_break()
}

/// Shows everything that lies in the places, until whoever sees it has enough.
pub fn walk(root: &Folder, see: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    for path in [[PROFILES].as_slice(), &[ROUTER, TRASH]] {
        each_child(root, path, see, &mut |account, see| {
            each_file(account, is_of_account, see)?;
            // They go with a deleted account, and stay where another one has their place.
            match account.kind_of(BACKUPS) {
                Ok(Some(Kind::Folder)) => below(account, &[BACKUPS], see, &mut |copies, see| {
                    each_file(copies, is_copy, see)
                }),
                Ok(_) => ControlFlow::Continue(()),
                Err(err) => see(Found::Unseen(err.to_string())),
            }
        })?;
    }
    for path in [[ROUTER, DISPLACED], [ROUTER, BACKUPS]] {
        each_child(root, &path, see, &mut |copies, see| {
            each_file(copies, is_copy, see)
        })?;
        below(root, &path, see, &mut |copies, see| {
            each_file(copies, is_copy, see)
        })?;
    }
    ControlFlow::Continue(())
}

type See<'s> = dyn FnMut(Found<'_>) -> ControlFlow<()> + 's;

/// Shows a folder of a folder, if it is there.
fn below(
    folder: &Folder,
    path: &[&str],
    see: &mut See<'_>,
    act: &mut dyn FnMut(&Folder, &mut See<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut folder = folder.clone();
    for name in path {
        folder = match folder.child(name) {
            Ok(Some(child)) => child,
            Ok(None) => return ControlFlow::Continue(()),
            Err(err) => return see(Found::Unseen(err.to_string())),
        };
    }
    act(&folder, see)
}

fn each_child(
    root: &Folder,
    path: &[&str],
    see: &mut See<'_>,
    act: &mut dyn FnMut(&Folder, &mut See<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    below(root, path, see, &mut |folder, see| {
        let names = match folder.names() {
            Ok(names) => names,
            Err(err) => return see(Found::Unseen(err.to_string())),
        };
        for name in names {
            let child = match folder.kind_of(&name) {
                Ok(Some(Kind::Folder)) => folder.child(&name),
                Ok(_) => continue,
                Err(err) => Err(err),
            };
            match child {
                Ok(Some(child)) => act(&child, see)?,
                Ok(None) => {}
                Err(err) => see(Found::Unseen(err.to_string()))?,
            }
        }
        ControlFlow::Continue(())
    })
}

fn each_file(folder: &Folder, is_ours: fn(&OsStr) -> bool, see: &mut See<'_>) -> ControlFlow<()> {
    let names = match folder.names() {
        Ok(names) => names,
        Err(err) => return see(Found::Unseen(err.to_string())),
    };
    for name in names.into_iter().filter(|name| is_ours(name)) {
        let raw = match folder.kind_of(&name) {
            Ok(Some(Kind::File)) => safe_file::read_as_it_stands(folder, &name),
            Ok(_) => continue,
            Err(err) => Err(err),
        };
        let raw = match raw {
            Ok(Some(contents)) => Ok(contents.bytes),
            Ok(None) => continue,
            Err(err) => Err(err.to_string()),
        };
        see(Found::File(LoginFile { folder, name, raw }))?;
    }
    ControlFlow::Continue(())
}

/// Other files in an account's directory are not ours to change: somebody may use it as a home of Codex.
fn is_of_account(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    matches!(sealed::final_name(&name), AUTH | SIDE)
}

fn is_copy(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let name = sealed::final_name(&name);
    name.ends_with(".json") && !name.starts_with('.')
}
