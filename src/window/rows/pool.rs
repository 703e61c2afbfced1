//! The Pool page, worded.

use super::Wish;
use super::telling::Teller;
use crate::desk::Snapshot;

/// How the user wants to look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolWish {}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolPage {
    pub title: String,
}

pub(super) fn of(_snapshot: &Snapshot, _wish: &Wish<'_>, _teller: &Teller<'_>) -> PoolPage {
    PoolPage {
        title: "Pool".to_owned(),
    }
}
