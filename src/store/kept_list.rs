//! A list that one run leaves to the next, as JSON in a file of its own below `router/`.
//!
//! Nothing in such a file is secret or precious: what cannot be read counts as empty.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, safe_file};

/// As these lists write moments down. Before 1970 the clock is wrong anyway.
pub fn unix_secs(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    match safe_file::read(path) {
        Ok(text) => serde_json::from_slice(&text.unwrap_or_default()).unwrap_or_default(),
        Err(err) => {
            tracing::debug!(file = %path.display(), error = %err, "nothing from the last run");
            Vec::new()
        }
    }
}

/// # Errors
/// When the file cannot be written.
pub(super) fn write<T: Serialize>(path: &Path, items: &[T]) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(items).unwrap_or_default();
    safe_file::replace(path, &text)
}
