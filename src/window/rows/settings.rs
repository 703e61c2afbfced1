//! The Settings page, worded.

use super::Wish;
use super::telling::Teller;
use crate::desk::Snapshot;

/// How the user wants to look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettingsWish {}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsPage {
    pub title: String,
}

pub(super) fn of(_snapshot: &Snapshot, _wish: &Wish<'_>, _teller: &Teller<'_>) -> SettingsPage {
    SettingsPage {
        title: "Settings".to_owned(),
    }
}
