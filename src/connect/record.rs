//! What a file was before we changed it, so that it can be put back: `router/connections/<tool>-<file>.json`, its owner's alone.
//!
//! Each file of a program has its own, because the environment says which one is in force. While a file is written the record
//! knows both of its texts, so that a cut at any moment leaves a way back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::desk::Tool;
use crate::store::{Home, StoreError, safe_file};

/// How many bytes of a path's digest stand in a name: enough for no two files of one user to meet.
const NAME_BYTES: usize = 8;
/// What [`safe_file::read`] reads: a longer record would lead nowhere.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// As [`identity`] has it.
    file: PathBuf,
    /// What stood in it; nothing: there was no file. This is the backup.
    pub before: Option<String>,
    /// Of what we wrote: whoever finds one of them puts `before` back as a whole. Two while the file is being written.
    after: Vec<String>,
    /// The addresses of the router that we wrote there: it may have moved since.
    pub roots: Vec<String>,
    /// The client keys that were made for it.
    pub key_ids: Vec<String>,
}

impl Record {
    pub fn new(
        file: &Path,
        before: Option<String>,
        after: &str,
        root: &str,
        key_id: Option<String>,
    ) -> Self {
        Self {
            file: identity(file),
            before,
            after: vec![digest(after)],
            roots: vec![root.to_owned()],
            key_ids: key_id.into_iter().collect(),
        }
    }

    /// The same way back from what this one or the earlier one says was written.
    pub fn or(mut self, earlier: &Self) -> Self {
        let join = |mine: &mut Vec<String>, theirs: &[String]| {
            for text in theirs {
                if !mine.contains(text) {
                    mine.push(text.clone());
                }
            }
        };
        join(&mut self.after, &earlier.after);
        join(&mut self.roots, &earlier.roots);
        join(&mut self.key_ids, &earlier.key_ids);
        self
    }

    /// Whether nobody has touched the file since.
    pub fn is_untouched(&self, present: Option<&str>) -> bool {
        present.is_some_and(|text| self.after.contains(&digest(text)))
    }

    /// `None` as well when it cannot be understood: then only our own values are taken out.
    ///
    /// # Errors
    /// When it is there and cannot be read: whoever goes on then would write over the way back.
    pub fn read(home: &Home, tool: Tool, file: &Path) -> Result<Option<Self>, StoreError> {
        if !home.connections_dir().is_dir() {
            return Ok(None);
        }
        for path in paths(home, tool, file) {
            let record = safe_file::read(&path)?.and_then(|bytes| parsed(&bytes));
            // Under the program's name alone it may be that of another file.
            if let Some(record) = record.filter(|record| record.file == identity(file)) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    pub fn write(&self, home: &Home, tool: Tool) -> Result<(), StoreError> {
        let json = json!({
            "file": self.file.to_string_lossy(),
            "before": self.before,
            "after_sha256": self.after,
            "roots": self.roots,
            "key_ids": self.key_ids,
        });
        let text = format!("{json:#}\n");
        if text.len() > MAX_BYTES {
            let path = self.file.clone();
            return Err(StoreError::TooBig { path });
        }
        safe_file::replace(&path(home, tool, &self.file), text.as_bytes())
    }
}

/// When the program was pointed at the router; nothing where that was done by hand.
pub(super) fn written_at(home: &Home, tool: Tool, file: &Path) -> Option<SystemTime> {
    Record::read(home, tool, file).ok()??; // said where it is looked at closer
    paths(home, tool, file).iter().find_map(|path| {
        std::fs::metadata(path)
            .and_then(|meta| meta.modified())
            .ok()
    })
}

pub(super) fn forget(home: &Home, tool: Tool, file: &Path) {
    for path in paths(home, tool, file) {
        let is_of_file = safe_file::read(&path)
            .ok() // not ours to remove then
            .flatten()
            .and_then(|bytes| parsed(&bytes))
            .is_some_and(|record| record.file == identity(file));
        if is_of_file && let Err(err) = std::fs::remove_file(&path) {
            // Its file is another than before by then, so it is believed in nothing.
            tracing::warn!(error = %err, "the record of a connection stays");
        }
    }
}

fn parsed(bytes: &[u8]) -> Option<Record> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |key: &str| -> Vec<String> {
        match json.get(key) {
            Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    };
    let mut key_ids = texts("key_ids");
    key_ids.extend(texts("key_id"));
    let record = Record {
        file: identity(Path::new(json.get("file")?.as_str()?)),
        before: json.get("before").and_then(text),
        after: texts("after_sha256"),
        roots: texts("roots"),
        key_ids,
    };
    (!record.after.is_empty()).then_some(record)
}

/// Where the record of a file may lie, the usual place first. Records were once named by their program alone.
fn paths(home: &Home, tool: Tool, file: &Path) -> [PathBuf; 2] {
    let named = home
        .connections_dir()
        .join(format!("{}.json", tool.as_str()));
    [path(home, tool, &identity(file)), named]
}

fn path(home: &Home, tool: Tool, identity: &Path) -> PathBuf {
    let digest = Sha256::digest(identity.as_os_str().as_encoded_bytes());
    let short: String = digest.iter().take(NAME_BYTES).map(hex).collect();
    home.connections_dir()
        .join(format!("{}-{short}.json", tool.as_str()))
}

/// The one path of a file, by whichever links its folder is reached. The file itself may be a link, and become one.
fn identity(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_no_folder| file.to_owned());
    let mut rest: Vec<&OsStr> = Vec::new();
    let mut here = file.as_path();
    while let (Some(parent), Some(name)) = (here.parent(), here.file_name()) {
        rest.push(name);
        if let Ok(real) = parent.canonicalize() {
            return rest.iter().rev().fold(real, |path, name| path.join(name));
        }
        here = parent;
    }
    file
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(hex).collect()
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}
