//! Keeps the forecast of the pool between two pages: it costs more than all words together, and a page is made for every frame.
//!
//! It is kept for a minute, and no longer than everything stays the same that it was made of.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Wish;
use super::telling::Teller;
use crate::desk::{PoolRunway, ProfileView, Snapshot, Strategy};
use crate::profile::ProfileName;
use crate::usage::RecentUse;
use crate::usage::runway::Outlook;

#[derive(Debug, Default)]
pub struct Forecast {
    kept: RefCell<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    pool: Rc<PoolRunway>,
    /// It is true from the first moment on, and not any more at the second.
    valid: (SystemTime, SystemTime),
    ground: Ground,
}

/// What a forecast stands on.
#[derive(Debug)]
struct Ground {
    profiles: Vec<ProfileView>,
    recent_use: BTreeMap<ProfileName, Arc<RecentUse>>,
    strategy: Strategy,
    routed_to: Option<ProfileName>,
    poll_interval: Duration,
}

/// Times are told by the minute.
const KEPT_FOR: Duration = Duration::from_secs(60);

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Rc<PoolRunway> {
    match wish.forecast {
        Some(forecast) => forecast.at(snapshot, teller.now),
        None => Rc::new(PoolRunway::of(snapshot, teller.now)),
    }
}

impl Forecast {
    pub(super) fn at(&self, snapshot: &Snapshot, now: SystemTime) -> Rc<PoolRunway> {
        let mut kept = self.kept.borrow_mut();
        match &*kept {
            Some(kept) if kept.is_good(snapshot, now) => kept.pool.clone(),
            _ => {
                let fresh = Kept::new(snapshot, now);
                kept.insert(fresh).pool.clone()
            }
        }
    }
}

impl Kept {
    fn new(snapshot: &Snapshot, now: SystemTime) -> Self {
        let pool = PoolRunway::of(snapshot, now);
        let outlook = match pool.runway.outlook {
            Outlook::NothingUntil(at) => at,
            Outlook::Until(at) => Some(at),
            Outlook::Nobody | Outlook::TooLittleHistory | Outlook::Lasts => None,
        };
        let usages = snapshot
            .profiles
            .iter()
            .filter_map(|it| it.usage.as_deref());
        let stale = usages.filter_map(|usage| snapshot.stale_at(usage));
        let back = pool.next_back.as_ref().map(|(_, at)| *at);
        let changes = stale.chain(outlook).chain(back).filter(|at| *at > now);
        Self {
            valid: (now, changes.fold(now + KEPT_FOR, SystemTime::min)),
            pool: Rc::new(pool),
            ground: Ground::of(snapshot),
        }
    }

    fn is_good(&self, snapshot: &Snapshot, now: SystemTime) -> bool {
        let (from, until) = self.valid;
        (from..until).contains(&now) && self.ground.carries(snapshot)
    }
}

impl Ground {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            profiles: snapshot.profiles.clone(),
            recent_use: snapshot.recent_use.clone(),
            strategy: snapshot.router.strategy,
            routed_to: snapshot.router.routed_to.clone(),
            poll_interval: snapshot.poll_interval,
        }
    }

    fn carries(&self, snapshot: &Snapshot) -> bool {
        self.strategy == snapshot.router.strategy
            && self.routed_to == snapshot.router.routed_to
            && self.poll_interval == snapshot.poll_interval
            && self.profiles == snapshot.profiles
            && self.recent_use == snapshot.recent_use
    }
}
