//! What may be spent in a day, a week and a month.

use crate::period::Period;

/// The most of something in each period; none: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub day: Option<u64>,
    pub week: Option<u64>,
    pub month: Option<u64>,
}

impl Budget {
    pub fn of(&self, period: Period) -> Option<u64> {
        match period {
            Period::Day => self.day,
            Period::Week => self.week,
            Period::Month => self.month,
        }
    }

    pub fn set(&mut self, period: Period, most: Option<u64>) {
        match period {
            Period::Day => self.day = most,
            Period::Week => self.week = most,
            Period::Month => self.month = most,
        }
    }

    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}
