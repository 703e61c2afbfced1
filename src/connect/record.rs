//! What a file was before we changed it, so that it can be put back: `router/connections/<tool>.json`, its owner's alone.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::desk::Tool;
use crate::store::{Home, StoreError, safe_file};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub file: PathBuf,
    /// What stood in it; nothing: there was no file. This is the backup.
    pub before: Option<String>,
    /// Of what we wrote: whoever finds the same puts `before` back as a whole.
    pub after: String,
    /// The client key that was made for it.
    pub key_id: Option<String>,
}

impl Record {
    pub fn new(file: &Path, before: Option<String>, after: &str, key_id: Option<String>) -> Self {
        Self {
            file: file.to_owned(),
            before,
            after: digest(after),
            key_id,
        }
    }

    /// Whether nobody has touched the file since.
    pub fn is_untouched(&self, present: Option<&str>) -> bool {
        present.is_some_and(|text| digest(text) == self.after)
    }

    /// `None` as well when it cannot be understood: then only our own keys are taken out.
    pub fn read(home: &Home, tool: Tool, file: &Path) -> Option<Self> {
        let bytes = match safe_file::read(&path(home, tool)) {
            Ok(bytes) => bytes?,
            Err(err) => {
                tracing::debug!(error = %err, "no record of an earlier connection");
                return None;
            }
        };
        let json: Value = serde_json::from_slice(&bytes).ok()?;
        let text = |key: &str| json.get(key)?.as_str().map(str::to_owned);
        let record = Self {
            file: text("file")?.into(),
            before: text("before"),
            after: text("after_sha256")?,
            key_id: text("key_id"),
        };
        // The program keeps its settings elsewhere by now.
        (record.file == file).then_some(record)
    }

    pub fn write(&self, home: &Home, tool: Tool) -> Result<(), StoreError> {
        let json = json!({
            "file": self.file.to_string_lossy(),
            "before": self.before,
            "after_sha256": self.after,
            "key_id": self.key_id,
        });
        safe_file::replace(&path(home, tool), format!("{json:#}\n").as_bytes())
    }
}

/// When the program was pointed at the router; nothing where that was done by hand.
pub(super) fn written_at(home: &Home, tool: Tool) -> Option<SystemTime> {
    std::fs::metadata(path(home, tool))
        .and_then(|meta| meta.modified())
        .ok() // none was written
}

pub(super) fn forget(home: &Home, tool: Tool) {
    let path = path(home, tool);
    if path.exists()
        && let Err(err) = std::fs::remove_file(&path)
    {
        // Its file is another than before by then, so it is believed in nothing.
        tracing::warn!(error = %err, "the record of a connection stays");
    }
}

fn path(home: &Home, tool: Tool) -> PathBuf {
    home.connections_dir()
        .join(format!("{}.json", tool.as_str()))
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
