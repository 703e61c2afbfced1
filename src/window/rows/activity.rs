//! The Activity page, worded.

use super::Wish;
use super::telling::Teller;
use crate::desk::Snapshot;

/// How the user wants to look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActivityWish {}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityPage {
    pub title: String,
}

pub(super) fn of(_snapshot: &Snapshot, _wish: &Wish<'_>, _teller: &Teller<'_>) -> ActivityPage {
    ActivityPage {
        title: "Activity".to_owned(),
    }
}
