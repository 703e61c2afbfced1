//! The Keys page, worded.

use super::Wish;
use super::telling::Teller;
use crate::desk::Snapshot;

/// How the user wants to look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientKeysWish {}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientKeysPage {
    pub title: String,
}

pub(super) fn of(_snapshot: &Snapshot, _wish: &Wish<'_>, _teller: &Teller<'_>) -> ClientKeysPage {
    ClientKeysPage {
        title: "Keys".to_owned(),
    }
}
