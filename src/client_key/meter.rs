//! How much has been asked and spent with each key, and whether there is room for one more.
//!
//! One lock for all, held for a few additions and never while anything is waited for, so that two requests in the same moment
//! cannot both take the last place. What was spent is known when an answer ends: a request that begins within its budget may
//! finish beyond it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::key::{ClientKey, KeyId};
use super::policy::Policy;
use crate::period::Period;

/// The meters of all keys, and the one of the router as a whole. Shared by whoever serves and whoever shows.
#[derive(Debug)]
pub struct Meters {
    all: Mutex<HashMap<Option<KeyId>, Meter>>,
    /// Since when they count.
    since: SystemTime,
}

/// A request under way. Gives its place back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    meters: Arc<Meters>,
    key: Option<KeyId>,
}

/// What one request took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Cached ones among them.
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    /// Millionths of a US dollar; none where nobody knows the model's price.
    pub micro_usd: Option<u64>,
}

/// What requests took that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub requests: u64,
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    pub micro_usd: u64,
    /// Requests with tokens that have no price: the cost is at least what it says.
    pub unpriced: u64,
}

/// A meter as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Of the period that holds this moment.
    pub periods: [(Period, Spent); 3],
    /// Since the router was started.
    pub total: Spent,
    pub in_flight: u32,
    pub in_last_minute: u64,
    /// Of the key's requests, if there were any.
    pub last_use: Option<LastUse>,
}

/// When a key was used last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastUse {
    At(SystemTime),
    /// On the day that began then, before this start.
    OnDay(SystemTime),
}

/// Why there is no room for a request now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    Requests {
        per_minute: u32,
        after: Duration,
    },
    Concurrency {
        most: u32,
    },
    Tokens {
        period: Period,
        most: u64,
        resets_at: SystemTime,
    },
    /// `most` in millionths of a US dollar.
    Cost {
        period: Period,
        most: u64,
        resets_at: SystemTime,
    },
}

#[derive(Debug, Default)]
struct Meter {
    periods: [InPeriod; 3],
    total: Spent,
    /// When requests began that are not a minute old, for keys with a limit by the minute.
    begun: VecDeque<Instant>,
    in_flight: u32,
    last_use: Option<LastUse>,
}

#[derive(Clone, Copy, Debug, Default)]
struct InPeriod {
    starts_at: Option<SystemTime>,
    spent: Spent,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Meters {
    pub fn new(since: SystemTime) -> Arc<Self> {
        Arc::new(Self {
            all: Mutex::default(),
            since,
        })
    }

    /// Since when the totals count.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Takes a place for one request, by a key or by nobody in particular. `per_key`: requests at the same time of a key that has no
    /// limit of its own.
    ///
    /// # Errors
    /// What is in the way. Nothing is counted then.
    pub fn begin(
        self: &Arc<Self>,
        key: Option<&ClientKey>,
        per_key: u32,
        at: Instant,
        now: SystemTime,
    ) -> Result<Permit, Limit> {
        self.with(|all| {
            let id = key.map(|key| key.id.clone());
            if let Some(key) = key {
                let meter = all.entry(id.clone()).or_default();
                meter.begin(&key.policy, per_key, at, now)?;
            }
            let everybody = all.entry(None).or_default();
            everybody.in_flight = everybody.in_flight.saturating_add(1);
            Ok(Permit {
                meters: self.clone(),
                key: id,
            })
        })
    }

    /// What was spent before this start, so that a restart gives nobody a new budget.
    pub fn remember(&self, key: &KeyId, period: Period, spent: Spent, now: SystemTime) {
        self.with(|all| {
            let meter = all.entry(Some(key.clone())).or_default();
            meter.of(period, now).spent.add_all(spent);
        });
    }

    /// On which day a key was used last before this start.
    pub fn remember_day(&self, key: &KeyId, begins: SystemTime) {
        self.with(|all| {
            let meter = all.entry(Some(key.clone())).or_default();
            let is_newer = match meter.last_use {
                None => true,
                Some(LastUse::OnDay(known)) => known < begins,
                Some(LastUse::At(_)) => false,
            };
            if is_newer {
                meter.last_use = Some(LastUse::OnDay(begins));
            }
        });
    }

    /// The meter of a key, or of all requests.
    pub fn shown(&self, key: Option<&KeyId>, at: Instant, now: SystemTime) -> Usage {
        self.with(|all| {
            let meter = all.entry(key.cloned()).or_default();
            meter.forget_begun(at);
            Usage {
                periods: Period::ALL.map(|period| (period, meter.of(period, now).spent)),
                total: meter.total,
                in_flight: meter.in_flight,
                in_last_minute: meter.begun.len() as u64,
                last_use: meter.last_use,
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Option<KeyId>, Meter>) -> T) -> T {
        // A panic elsewhere leaves numbers as usable as they were.
        work(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Permit {
    pub fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// Counts a request that has ended; one that took nothing is still a request.
    pub fn settle(self, used: Used, now: SystemTime) {
        self.meters.with(|all| {
            for id in once_each(&self.key) {
                all.entry(id).or_default().add(used, now);
            }
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.meters.with(|all| {
            for id in once_each(&self.key) {
                let meter = all.entry(id).or_default();
                meter.in_flight = meter.in_flight.saturating_sub(1);
            }
        });
    }
}

/// The meters that count a request: the key's, and the one of everybody.
fn once_each(key: &Option<KeyId>) -> impl Iterator<Item = Option<KeyId>> {
    let own = key.clone().map(Some);
    own.into_iter().chain([None])
}

impl Meter {
    fn begin(
        &mut self,
        policy: &Policy,
        per_key: u32,
        at: Instant,
        now: SystemTime,
    ) -> Result<(), Limit> {
        // The one that lasts longest is the moment to wait for.
        let spent_up = Period::ALL.into_iter().rev().find_map(|period| {
            let spent = self.of(period, now).spent;
            let resets_at = period.resets_at(now);
            let is_over = |most: &u64, spent: u64| spent >= *most;
            let tokens = policy.tokens.of(period);
            let cost = policy.cost.of(period);
            match (
                tokens.filter(|most| is_over(most, spent.tokens())),
                cost.filter(|most| is_over(most, spent.micro_usd)),
            ) {
                (Some(most), _) => Some(Limit::Tokens {
                    period,
                    most,
                    resets_at,
                }),
                (None, Some(most)) => Some(Limit::Cost {
                    period,
                    most,
                    resets_at,
                }),
                (None, None) => None,
            }
        });
        if let Some(limit) = spent_up {
            return Err(limit);
        }
        let most = policy.concurrency.map_or(per_key, NonZeroU32::get);
        if self.in_flight >= most {
            return Err(Limit::Concurrency { most });
        }
        self.forget_begun(at);
        if let Some(per_minute) = policy.requests_per_minute {
            let per_minute = per_minute.get();
            // A limit that was lowered may find more than it allows: then enough of them must grow old.
            let over = self.begun.len().saturating_sub(per_minute as usize - 1);
            if let Some(freed) = over.checked_sub(1).and_then(|place| self.begun.get(place)) {
                let after = (*freed + MINUTE).saturating_duration_since(at);
                return Err(Limit::Requests { per_minute, after });
            }
            self.begun.push_back(at);
        }
        self.in_flight = self.in_flight.saturating_add(1);
        self.last_use = Some(LastUse::At(now));
        Ok(())
    }

    fn add(&mut self, used: Used, now: SystemTime) {
        self.total.add(used);
        for period in Period::ALL {
            self.of(period, now).spent.add(used);
        }
    }

    /// The account of the period that holds this moment.
    fn of(&mut self, period: Period, now: SystemTime) -> &mut InPeriod {
        let [day, week, month] = &mut self.periods;
        let kept = match period {
            Period::Day => day,
            Period::Week => week,
            Period::Month => month,
        };
        if !kept.starts_at.is_some_and(|at| period.keeps(at, now)) {
            *kept = InPeriod {
                starts_at: Some(period.start(now)),
                spent: Spent::default(),
            };
        }
        kept
    }

    fn forget_begun(&mut self, at: Instant) {
        let is_old = |begun: &Instant| at.saturating_duration_since(*begun) >= MINUTE;
        while self.begun.front().is_some_and(is_old) {
            self.begun.pop_front();
        }
    }
}

impl Spent {
    /// Tokens in and out, as a budget counts them.
    pub fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    fn add(&mut self, used: Used) {
        self.add_all(Self {
            requests: 1,
            input: used.input,
            cached: used.cached,
            output: used.output,
            micro_usd: used.micro_usd.unwrap_or(0),
            unpriced: u64::from(used.micro_usd.is_none() && used.input + used.output > 0),
        });
    }

    fn add_all(&mut self, more: Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.requests, more.requests);
        add(&mut self.input, more.input);
        add(&mut self.cached, more.cached);
        add(&mut self.output, more.output);
        add(&mut self.micro_usd, more.micro_usd);
        add(&mut self.unpriced, more.unpriced);
    }
}

impl Limit {
    /// When there is room again. For a place among others nobody knows; a second is a fair guess.
    pub fn after(&self, now: SystemTime) -> Duration {
        const A_MOMENT: Duration = Duration::from_secs(1);
        match self {
            Self::Requests { after, .. } => (*after).max(Duration::from_millis(1)),
            Self::Concurrency { .. } => A_MOMENT,
            Self::Tokens { resets_at, .. } | Self::Cost { resets_at, .. } => resets_at
                .duration_since(now)
                .unwrap_or_default()
                .max(A_MOMENT),
        }
    }

    /// When a budget may be spent again.
    pub fn resets_at(&self) -> Option<SystemTime> {
        match self {
            Self::Tokens { resets_at, .. } | Self::Cost { resets_at, .. } => Some(*resets_at),
            Self::Requests { .. } | Self::Concurrency { .. } => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests { per_minute, .. } => {
                write!(f, "this key may send {per_minute} requests a minute")
            }
            Self::Concurrency { most } => {
                write!(
                    f,
                    "this key may have {most} requests under way at the same time"
                )
            }
            Self::Tokens {
                period,
                most,
                resets_at,
            } => write!(
                f,
                "this key has used up its {most} tokens a {period}; they are reset at {}",
                Utc(*resets_at)
            ),
            Self::Cost {
                period,
                most,
                resets_at,
            } => write!(
                f,
                "this key has used up its ${} a {period}; they are reset at {}",
                Dollars(*most),
                Utc(*resets_at)
            ),
        }
    }
}

/// A moment for people far from here: `2026-11-27 00:00 UTC`.
struct Utc(SystemTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::try_from(self.0) {
            Ok(at) => write!(
                f,
                "{} UTC",
                at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M")
            ),
            Err(_beyond_all_dates) => f.write_str("a far away time"),
        }
    }
}

/// Millionths as dollars: `12.50`, `0.000125`.
struct Dollars(u64);

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, millionths) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if millionths % 10_000 == 0 {
            return write!(f, "{whole}.{:02}", millionths / 10_000);
        }
        let digits = format!("{millionths:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests;
