//! How long several accounts last together: a forecast, as values.
//!
//! The model, which is a simple one and says so on screen by "about":
//! - The need stays what it was in the last day ([`RecentUse`]): the sum over all accounts, whoever used them. It does not know of
//!   nights and meetings ahead, and what nobody can serve is not asked for again later.
//! - At each moment one account serves all of it, the one that the [`Rule`] takes first. Who takes turns is drawn for a quarter of an
//!   hour (an hour, after the first day).
//! - One percent of a window is as much work on one account as on another. Upstreams do not tell how large a percent is.
//! - A short window (5 hours beside a week) is used up in the proportion to the others in which it was used up lately. Where that
//!   was not seen, nothing is forecast.
//! - A window that is over is full, and the next one of its length begins when it is drawn from again. An account is left alone
//!   while a window is empty, or holds the reserve and nothing more.
//!
//! Never enters: who is meant by an account, and why one is not asked. That is the business of whoever builds the [`Drawn`].

use std::time::{Duration, SystemTime};

use super::recent::RecentUse;
use super::{Usage, Window};

/// One account that may be drawn from.
#[derive(Clone, Debug)]
pub struct Drawn<'a> {
    pub usage: &'a Usage,
    pub recent: Option<&'a RecentUse>,
    /// Percent of each window of `usage` that are left alone, in the same order.
    pub reserve: Vec<u8>,
    /// Left alone until then, whatever its windows say. The inner `None`: nobody knows until when.
    pub blocked_until: Option<Option<SystemTime>>,
    /// Everybody of a lower one comes first.
    pub group: u8,
    /// Its share where accounts take turns; at least 1.
    pub weight: u32,
}

/// Which of several usable accounts of a group is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// As they are given.
    InOrder,
    /// In turn, by weight.
    InTurn,
    MostLeft,
    /// Of the longest window.
    SoonestReset,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Runway {
    pub outlook: Outlook,
    /// Percent of the whole pool that an hour takes, counted in the shortest window of each account; none where too little is known.
    pub hourly_percent: Option<f64>,
    /// Who is drawn from now; none where accounts take turns, or nobody can be.
    pub next: Option<usize>,
    /// One for each account, in their order; empty where too little is known.
    pub lanes: Vec<Lane>,
    /// What is left of the pool in percent, over time: a line through these points. A reset is two points at one moment.
    pub level: Vec<(SystemTime, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// There is no account to draw from.
    Nobody,
    /// Something is usable now, and nobody can say how long.
    TooLittleHistory,
    /// Nothing is usable now; the inner `None`: nobody knows until when.
    NothingUntil(Option<SystemTime>),
    /// From then on nothing is usable for a while.
    Until(SystemTime),
    /// Something is usable to the end of the forecast.
    Lasts,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// Without gaps, from now to the end of the forecast.
    pub spans: Vec<Span>,
    pub resets: Vec<Reset>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: SystemTime,
    pub until: SystemTime,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Usable,
    /// The same, with at most [`LOW`] percent left.
    Low,
    Waiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    pub at: SystemTime,
    /// Whether the account was low or waiting before.
    pub brings_back: bool,
}

pub const HORIZON: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Percent left at which an account is called low.
pub const LOW: f64 = 20.0;

const DAY: f64 = 24.0 * 3_600.0;
const QUARTER: f64 = 15.0 * 60.0;
const HOUR: f64 = 3_600.0;
/// Smaller differences are the machine's own.
const TINY: f64 = 1e-6;
/// More turns than a week of quarters, resets and ends of 200 accounts can have.
const MOST_STEPS: usize = 20_000;

impl Runway {
    pub fn of(accounts: &[Drawn<'_>], rule: Rule, now: SystemTime) -> Self {
        let drains = drains(accounts, now);
        let mut course = Course::begin(accounts, rule, drains.as_deref(), now);
        let next = course.choose().filter(|_| rule != Rule::InTurn);
        let outlook = if accounts.is_empty() {
            Outlook::Nobody
        } else if !course.is_anyone_usable() {
            Outlook::NothingUntil(course.soonest_return().map(|secs| after(now, secs)))
        } else if drains.is_none() {
            Outlook::TooLittleHistory
        } else {
            Outlook::Lasts
        };
        let (Some(drains), false) = (drains, accounts.is_empty()) else {
            return Self {
                outlook,
                next,
                hourly_percent: None,
                lanes: Vec::new(),
                level: Vec::new(),
            };
        };
        let run_out = course.run();
        let outlook = match (outlook, run_out) {
            (Outlook::Lasts, Some(secs)) => Outlook::Until(after(now, secs)),
            (outlook, _) => outlook,
        };
        let shortest: f64 = drains.iter().filter_map(|windows| windows.first()).sum();
        let count = accounts.len() as f64;
        Self {
            outlook,
            next,
            hourly_percent: Some(shortest / count / count),
            lanes: course.lanes(now),
            level: course
                .level
                .iter()
                .map(|(secs, left)| (after(now, *secs), *left))
                .collect(),
        }
    }
}

/// Percent points an hour that the whole need takes of each window of each account; none where that cannot be said.
fn drains(accounts: &[Drawn<'_>], now: SystemTime) -> Option<Vec<Vec<f64>>> {
    let is_watched =
        |account: &Drawn<'_>| account.recent.is_some_and(|it| it.watched(now).is_some());
    if !accounts.iter().any(is_watched) {
        return None;
    }
    let rate =
        |account: &Drawn<'_>, length| account.recent.map_or(0.0, |it| it.hourly(length, now));
    let of_longest = |account: &Drawn<'_>| {
        let longest = account.usage.windows.last();
        longest.map_or(0.0, |window| rate(account, window.length))
    };
    let has = |account: &Drawn<'_>, length| {
        let mut windows = account.usage.windows.iter();
        windows.any(|window| window.length == length)
    };
    let is_short = |length| {
        accounts.iter().any(|account| {
            let longest = account.usage.windows.last();
            has(account, length) && longest.is_some_and(|longest| longest.length != length)
        })
    };
    let need: f64 = accounts.iter().map(of_longest).sum();
    let drain = |length| -> Option<f64> {
        if !is_short(length) {
            return Some(need);
        }
        let having = || accounts.iter().filter(|account| has(account, length));
        let seen: f64 = having().map(|account| rate(account, length)).sum();
        if having().count() == accounts.len() {
            return Some(seen);
        }
        // Others did a part of the work without such a window.
        let part: f64 = having().map(of_longest).sum();
        if need - part <= TINY {
            Some(seen)
        } else if part > TINY {
            Some(seen * need / part)
        } else {
            None
        }
    };
    accounts
        .iter()
        .map(|account| {
            let windows = account.usage.windows.iter();
            windows.map(|window| drain(window.length)).collect()
        })
        .collect()
}

/// The forecast while it is made. Moments are seconds from now.
struct Course {
    accounts: Vec<Account>,
    rule: Rule,
    secs: f64,
    /// How long whoever was drawn last had been, by its weight.
    turn: f64,
    level: Vec<(f64, f64)>,
}

struct Account {
    tanks: Vec<Tank>,
    blocked_until: f64,
    group: u8,
    weight: f64,
    /// How long it was drawn from.
    drawn_secs: f64,
    states: Vec<(f64, State)>,
    resets: Vec<(f64, bool)>,
}

struct Tank {
    length: f64,
    left: f64,
    /// None: it is not running. Infinite: nobody knows.
    resets_at: Option<f64>,
    reserve: f64,
    /// Percent points a second while the account is drawn from.
    drain: f64,
}

impl Course {
    fn begin(
        accounts: &[Drawn<'_>],
        rule: Rule,
        drains: Option<&[Vec<f64>]>,
        now: SystemTime,
    ) -> Self {
        let accounts = accounts.iter().enumerate().map(|(index, account)| {
            let drains = drains.and_then(|drains| drains.get(index));
            Account::begin(account, drains, now)
        });
        let mut course = Self {
            accounts: accounts.collect(),
            rule,
            secs: 0.0,
            turn: 0.0,
            level: Vec::new(),
        };
        course.note();
        course
    }

    fn is_anyone_usable(&self) -> bool {
        self.accounts.iter().any(|it| it.is_usable(self.secs))
    }

    /// When the first account that waits now can be used again, if that is known.
    fn soonest_return(&self) -> Option<f64> {
        let returns = self.accounts.iter().map(Account::returns_at);
        returns.filter(|at| at.is_finite()).reduce(f64::min)
    }

    /// Goes to the end. Returns when nothing was usable any more for the first time, after something was.
    fn run(&mut self) -> Option<f64> {
        let horizon = HORIZON.as_secs_f64();
        let mut run_out = None;
        for _ in 0..MOST_STEPS {
            if self.secs >= horizon {
                break;
            }
            let drawn = self.choose();
            if drawn.is_none() && run_out.is_none() {
                run_out = Some(self.secs);
            }
            let end = self.step_end(drawn).min(horizon);
            let span = (end - self.secs).max(0.0);
            if let Some(account) = drawn.and_then(|index| self.accounts.get_mut(index)) {
                self.turn = account.drawn_secs / account.weight;
                account.draw(self.secs, span);
            }
            self.secs = end;
            // The line falls to here, and rises from here.
            self.note_level();
            for account in &mut self.accounts {
                account.reset(end);
            }
            self.note();
        }
        run_out
    }

    fn choose(&self) -> Option<usize> {
        let usable = self
            .accounts
            .iter()
            .enumerate()
            .filter(|(_, account)| account.is_usable(self.secs));
        let key = |account: &Account| match self.rule {
            Rule::InOrder => 0.0,
            Rule::InTurn => account.drawn_secs / account.weight,
            Rule::MostLeft => -account.left(),
            Rule::SoonestReset => {
                let longest = account.tanks.last();
                longest
                    .and_then(|tank| tank.resets_at)
                    .unwrap_or(f64::INFINITY)
            }
        };
        let best = usable.min_by(|(_, a), (_, b)| {
            a.group
                .cmp(&b.group)
                .then_with(|| key(a).total_cmp(&key(b)))
        });
        best.map(|(index, _)| index)
    }

    /// When something changes next, while this account is drawn from.
    fn step_end(&self, drawn: Option<usize>) -> f64 {
        let turn = match self.rule {
            Rule::InOrder | Rule::SoonestReset => f64::INFINITY,
            Rule::InTurn | Rule::MostLeft if self.secs < DAY => self.secs + QUARTER,
            Rule::InTurn | Rule::MostLeft => self.secs + HOUR,
        };
        let own = drawn.and_then(|index| self.accounts.get(index));
        let own = own.map_or(f64::INFINITY, |account| {
            turn.min(account.changes_at(self.secs))
        });
        let all = self
            .accounts
            .iter()
            .map(|account| account.wakes_at(self.secs));
        all.fold(own, f64::min)
    }

    fn note(&mut self) {
        for account in &mut self.accounts {
            account.note_state(self.secs, self.turn);
        }
        self.note_level();
    }

    fn note_level(&mut self) {
        let sum: f64 = self.accounts.iter().map(|it| it.share(self.secs)).sum();
        let level = (self.secs, sum / self.accounts.len().max(1) as f64);
        if self.level.last() != Some(&level) {
            self.level.push(level);
        }
    }

    fn lanes(&self, now: SystemTime) -> Vec<Lane> {
        let end = HORIZON.as_secs_f64();
        let lane = |account: &Account| {
            let ends = account.states.iter().skip(1).map(|(secs, _)| *secs);
            let spans = account.states.iter().zip(ends.chain([end]));
            Lane {
                spans: spans
                    .filter(|((from, _), until)| until > from)
                    .map(|((from, state), until)| Span {
                        from: after(now, *from),
                        until: after(now, until),
                        state: *state,
                    })
                    .collect(),
                resets: account
                    .resets
                    .iter()
                    .map(|(secs, brings_back)| Reset {
                        at: after(now, *secs),
                        brings_back: *brings_back,
                    })
                    .collect(),
            }
        };
        self.accounts.iter().map(lane).collect()
    }
}

impl Account {
    fn begin(account: &Drawn<'_>, drains: Option<&Vec<f64>>, now: SystemTime) -> Self {
        let windows = account.usage.windows.iter().enumerate();
        let tanks = windows.map(|(index, window)| {
            let drain = drains.and_then(|drains| drains.get(index));
            let reserve = account.reserve.get(index).copied().unwrap_or_default();
            Tank::begin(window, drain.copied().unwrap_or_default(), reserve, now)
        });
        let told = account.usage.blocked_until(now);
        let until = |blocked: Option<Option<SystemTime>>| match blocked {
            None => 0.0,
            Some(None) => f64::INFINITY,
            Some(Some(at)) => secs_until(at, now),
        };
        Self {
            tanks: tanks.collect(),
            blocked_until: until(told).max(until(account.blocked_until)),
            group: account.group,
            weight: f64::from(account.weight.max(1)),
            drawn_secs: 0.0,
            states: Vec::new(),
            resets: Vec::new(),
        }
    }

    fn is_usable(&self, secs: f64) -> bool {
        secs >= self.blocked_until && self.tanks.iter().all(|tank| !tank.is_spent())
    }

    /// Of the emptiest window.
    fn left(&self) -> f64 {
        let left = self.tanks.iter().map(|tank| tank.left);
        left.fold(100.0, f64::min)
    }

    /// What it adds to the pool: what may be drawn of the window of which the least may be.
    fn share(&self, secs: f64) -> f64 {
        if !self.is_usable(secs) {
            return 0.0;
        }
        let shares = self.tanks.iter().map(|tank| tank.left - tank.reserve);
        shares.fold(100.0, f64::min).max(0.0)
    }

    /// When it can be used again if nobody draws from it.
    fn returns_at(&self) -> f64 {
        let spent = self.tanks.iter().filter(|tank| tank.is_spent());
        let resets = spent.map(|tank| {
            if tank.reserve > 100.0 - TINY {
                f64::INFINITY
            } else {
                tank.resets_at.unwrap_or_default()
            }
        });
        resets.fold(self.blocked_until, f64::max)
    }

    /// When it becomes low or is used up, drawn from since `secs`.
    fn changes_at(&self, secs: f64) -> f64 {
        let ends = self.tanks.iter().filter(|tank| tank.drain > 0.0);
        let ends = ends.map(|tank| {
            let goal = if tank.left > LOW + TINY {
                LOW.max(tank.reserve)
            } else {
                tank.reserve
            };
            secs + (tank.left - goal) / tank.drain
        });
        ends.fold(f64::INFINITY, f64::min)
    }

    /// When something happens to it by itself, after `secs`.
    fn wakes_at(&self, secs: f64) -> f64 {
        let resets = self.tanks.iter().filter_map(|tank| tank.resets_at);
        let moments = resets.chain([self.blocked_until]);
        moments
            .filter(|at| *at > secs)
            .fold(f64::INFINITY, f64::min)
    }

    fn draw(&mut self, from: f64, span: f64) {
        self.drawn_secs += span;
        for tank in &mut self.tanks {
            tank.resets_at.get_or_insert(from + tank.length);
            let left = tank.left - tank.drain * span;
            // What was meant to be the end is the end.
            tank.left = if left - tank.reserve < TINY {
                tank.reserve
            } else {
                left
            };
        }
    }

    fn reset(&mut self, secs: f64) {
        let is_back = self
            .states
            .last()
            .is_some_and(|(_, state)| *state != State::Usable)
            || self.state(secs) != State::Usable;
        let mut has_reset = false;
        for tank in &mut self.tanks {
            if tank.resets_at.is_some_and(|at| at <= secs) {
                // Of a window that nobody used nothing comes back.
                has_reset |= tank.left < 100.0 - TINY;
                tank.left = 100.0;
                tank.resets_at = None;
            }
        }
        if has_reset {
            self.resets.push((secs, is_back));
        }
    }

    fn state(&self, secs: f64) -> State {
        if !self.is_usable(secs) {
            State::Waiting
        } else if self.left() <= LOW + TINY {
            State::Low
        } else {
            State::Usable
        }
    }

    fn note_state(&mut self, secs: f64, turn: f64) {
        let state = self.state(secs);
        let last = self.states.last().map(|(_, last)| *last);
        if last == Some(State::Waiting) && state != State::Waiting {
            // The turns that it missed are nobody's debt.
            self.drawn_secs = self.drawn_secs.max(turn * self.weight);
        }
        if last != Some(state) {
            self.states.push((secs, state));
        }
    }
}

impl Tank {
    fn begin(window: &Window, hourly: f64, reserve: u8, now: SystemTime) -> Self {
        let length = window.length.as_secs_f64();
        let left = window.left_percent(now).clamp(0.0, 100.0);
        let told = window.resets_at.map(|at| secs_until(at, now));
        let resets_at = match told {
            _ if window.has_reset(now) => None,
            // An upstream tells the whole length of a window that is not running, counted from now.
            Some(secs) if left >= 100.0 && secs >= length - 60.0 => None,
            Some(secs) => Some(secs),
            None if left >= 100.0 => None,
            None => Some(f64::INFINITY),
        };
        Self {
            length,
            left,
            resets_at,
            reserve: f64::from(reserve),
            drain: hourly / 3_600.0,
        }
    }

    /// Whether nothing may be drawn from it.
    fn is_spent(&self) -> bool {
        self.left - self.reserve < TINY
    }
}

fn secs_until(at: SystemTime, now: SystemTime) -> f64 {
    at.duration_since(now).unwrap_or_default().as_secs_f64()
}

/// Whole seconds: nobody is told less.
fn after(now: SystemTime, secs: f64) -> SystemTime {
    now + Duration::from_secs(secs.round() as u64)
}

#[cfg(test)]
mod tests;
