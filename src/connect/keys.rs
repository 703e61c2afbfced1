//! Keys of the router that are made for one program, and go with its connection.

use std::time::SystemTime;

use super::ConnectError;
use crate::client_key::{ClientKey, KeyDigest, Policy};
use crate::desk::Tool;
use crate::profile::Secret;
use crate::store::{Home, KeysError, keys_file};

/// The key in the file and its id, where it was made for it and opens the router for good.
pub(super) fn kept<'a>(
    home: &Home,
    present: Option<&str>,
    made: impl IntoIterator<Item = &'a String>,
) -> Option<(String, Secret)> {
    let present = present?;
    let digest = KeyDigest::of(present.as_bytes())?;
    let ring = keys_file::read(home);
    let id = made.into_iter().find(|id| {
        ring.keys().iter().any(|key| {
            key.id.as_str() == *id
                && key.digest.is_same(&digest)
                && key.is_enabled
                && key.expires_at.is_none()
        })
    })?;
    Some((id.clone(), Secret::new(present.to_owned())))
}

/// A key of the router for this program, called as it is: its id, and what the program shows.
pub(super) fn make(
    home: &Home,
    tool: Tool,
    now: SystemTime,
) -> Result<(String, Secret), ConnectError> {
    keys_file::edit(home, |document| {
        let is_taken = |label: &str| {
            let mut keys = document.keys().into_iter().flatten();
            keys.any(|key| key.label.eq_ignore_ascii_case(label))
        };
        let title = tool.title();
        let labels = std::iter::once(title.to_owned()).chain((2..).map(|n| format!("{title} {n}")));
        let label = labels.into_iter().find(|label| !is_taken(label));
        let (key, shown) = ClientKey::make(
            label.unwrap_or_else(|| title.to_owned()),
            Policy::default(),
            rand::random(),
            now,
        );
        document.add(&key);
        Ok::<_, ConnectError>((key.id.as_str().to_owned(), shown))
    })
}

/// What opened the router for one program alone opens it no longer.
pub(super) fn discard(home: &Home, id: &str) {
    let dropped = keys_file::edit(home, |document| {
        let is_required = document.is_required();
        document.remove(id);
        document.set_required(is_required);
        Ok::<_, KeysError>(())
    });
    if let Err(err) = dropped {
        tracing::warn!(error = %err, "a key that was made for a program stays");
    }
}
