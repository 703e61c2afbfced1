//! A list that one run leaves to the next, as JSON in a file of its own below `router/`.
//!
//! Nothing in such a file is secret or precious: what cannot be read counts as empty.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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

/// Calls a profile by another name wherever an item says whose it is. What cannot be read stays as it is.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn rename(path: &Path, from: &str, to: &str) -> Result<(), StoreError> {
    let mut items: Vec<Value> = read(path);
    let is_of =
        |item: &Value, name: &str| item.get(PROFILE).is_some_and(|profile| *profile == *name);
    if !items.iter().any(|item| is_of(item, from)) {
        return Ok(());
    }
    // What is kept under the new name already is of an account that is gone.
    items.retain(|item| !is_of(item, to));
    for profile in items.iter_mut().filter_map(|item| item.get_mut(PROFILE)) {
        if *profile == *from {
            *profile = to.into();
        }
    }
    write(path, &items)
}

/// How the lists call whose an item is.
const PROFILE: &str = "profile";

/// # Errors
/// When the file cannot be written.
pub(super) fn write<T: Serialize>(path: &Path, items: &[T]) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(items).unwrap_or_default();
    safe_file::replace(path, &text)
}
