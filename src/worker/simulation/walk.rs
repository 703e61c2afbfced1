//! The router's loop around its decisions (`router/search.rs`), without sockets, records and the clock.
//!
//! Said once more, and nothing else is: change it together with that file.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::world::{MODELS, Ms, SECOND, moment};
use crate::pool::affinity::{SessionKey, Tie, Whereabouts};
use crate::pool::{
    Candidate, Choice, Draw, Member, Need, Permits, Pool, Reason, Strategy, WhyNot, choose_for,
};
use crate::profile::ProfileName;
use crate::router::walk::{NextStep, Retries, Setback};
use crate::router::{Limits, Sessions};

pub struct Way {
    pub began: Ms,
    pub model: usize,
    pub session: Option<SessionKey>,
    pub tried: Vec<(ProfileName, Setback)>,
    barred: Vec<ProfileName>,
    seed: u64,
    draw: Option<Draw>,
    pub choice: Choice,
    lives_at: Option<Whereabouts>,
    pub tie: Tie,
}

/// What all requests share.
pub struct Ground {
    pub limits: Limits,
    pub sessions: Sessions,
    pub keeps_sessions: bool,
    pub retries: Retries,
    pub turns: u64,
    pub clock: Instant,
}

pub enum Chosen {
    One {
        member: Arc<Member>,
        permits: Permits,
    },
    TooMuch,
    Nobody,
}

pub struct Verdict {
    pub counts: bool,
    pub is_over: bool,
}

/// As in `search.rs`.
const WARM: Duration = Duration::from_secs(600);
const COLD_WAIT: Ms = 2 * SECOND;
const BACKOFF: Ms = 200;
const MAX_COOLED: usize = 2;

impl Ground {
    pub fn clock(&self, now: Ms) -> Instant {
        self.clock + Duration::from_millis(now)
    }

    fn queue_wait(&self) -> Ms {
        u64::try_from(self.limits.queue_wait.as_millis()).unwrap()
    }
}

impl Way {
    pub fn new(model: usize, session: Option<SessionKey>, seed: u64, now: Ms) -> Self {
        Self {
            began: now,
            model,
            session,
            tried: Vec::new(),
            barred: Vec::new(),
            seed,
            draw: None,
            choice: Choice::default(),
            lives_at: None,
            tie: Tie::Loose,
        }
    }

    pub fn may_go_on(&self, ground: &Ground, now: Ms) -> bool {
        let first_byte = u64::try_from(ground.limits.first_byte.as_millis()).unwrap();
        self.tried.is_empty()
            || (self.tried.len() <= ground.limits.retries && now - self.began < first_byte)
    }

    /// How long to wait at most before the next try.
    pub fn back_off(&self) -> Ms {
        let last = self.tried.last().map(|(_, setback)| setback.next_step());
        if last == Some(NextStep::TryNextProfile { costs: true }) {
            BACKOFF << (self.tried.len() - 1).min(4)
        } else {
            0
        }
    }

    pub fn choose(&mut self, pool: &Pool, ground: &mut Ground, now: Ms) -> Chosen {
        if self.lives_at.is_none() {
            let find = |session| ground.sessions.find(session);
            self.lives_at = self.session.and_then(find);
        }
        let may_keep = match pool.strategy {
            Strategy::Active => false,
            Strategy::Sticky => true,
            _ => ground.keeps_sessions,
        };
        let is_settled = self.lives_at.is_some() && may_keep;
        let draw = *self.draw.get_or_insert_with(|| {
            let turn = ground.turns;
            ground.turns += u64::from(!is_settled);
            let seed = self.seed;
            Draw { turn, seed }
        });
        let model = MODELS[self.model];
        let need = Need {
            model,
            draw,
            ..Need::default()
        };
        self.choice = choose_for(pool, need, moment(now));
        self.tie = match &self.lives_at {
            _ if !may_keep => Tie::Loose,
            Some(at) => self.choice.keep_home(at, moment(now)),
            None => Tie::Holds,
        };
        let is_known = |name: &ProfileName| self.tried.iter().any(|(tried, _)| tried == name);
        let may_be_new = self.profiles_tried() < ground.limits.profiles;
        let open = self.choice.candidates.iter().filter(|candidate| {
            let name = &candidate.member.name;
            !self.barred.contains(name) && (may_be_new || is_known(name))
        });
        let patience = |candidate: &&Candidate| patience_with(candidate, ground, now);
        let (full, free): (Vec<_>, Vec<_>) = open.partition(|candidate| patience(candidate) > 0);
        let waited = now - self.began;
        let worth_it = full
            .iter()
            .filter(|candidate| waited >= patience(candidate));
        let mut permitted = free.iter().chain(worth_it).filter_map(|candidate| {
            let permits = pool.permits(&candidate.member, model, moment(now))?;
            Some((candidate.member.clone(), permits))
        });
        let Some((member, permits)) = permitted.next() else {
            drop(permitted);
            let names: Vec<_> = full.iter().map(|it| it.member.name.clone()).collect();
            self.choice
                .leave_out(&names, WhyNot::Busy, moment(now + SECOND));
            return Chosen::Nobody;
        };
        let last = self.tried.last().map(|(_, setback)| setback.next_step());
        let costs = last == Some(NextStep::TryNextProfile { costs: true });
        if costs && !ground.retries.spend(ground.clock(now)) {
            return Chosen::TooMuch;
        }
        Chosen::One { member, permits }
    }

    /// When it is worth another look, if waiting helps at all.
    pub fn next_look(&self, pool: &Pool, ground: &Ground, now: Ms) -> Option<Ms> {
        let deadline = self.began + ground.queue_wait();
        if now >= deadline {
            return None;
        }
        let hopes = self
            .choice
            .left_out
            .iter()
            .filter(|out| out.why.ends_by_itself() && !self.barred.contains(&out.name))
            .filter(|out| out.why != WhyNot::Refused);
        let after = |until: SystemTime| {
            let wait = until.duration_since(moment(now)).unwrap_or_default();
            now + u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap() + 2
        };
        let looks = hopes.filter_map(|out| match (out.why, out.until) {
            (WhyNot::Busy, _) if now < self.began + COLD_WAIT => {
                Some(deadline.min(self.began + COLD_WAIT))
            }
            (WhyNot::Busy, _) => Some(deadline),
            (WhyNot::Probing, _) => {
                let lapses_at = pool.probe_lapses_at(&out.name, moment(now));
                Some(after(lapses_at.unwrap_or(moment(now))).min(deadline))
            }
            (_, until) => Some(after(until?)).filter(|look| *look < deadline),
        });
        looks.min()
    }

    fn profiles_tried(&self) -> usize {
        let mut names: Vec<_> = self.tried.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        names.len()
    }

    /// What follows from a setback; takes it among those that were tried after it is told.
    pub fn judge(&mut self, name: &ProfileName, setback: &Setback) -> Verdict {
        let same = self
            .tried
            .iter()
            .filter(|(_, it)| it.says_the_same(setback));
        let is_repeated = same.count() >= MAX_COOLED;
        let is_overload = |setback: &Setback| matches!(setback, Setback::Overloaded { .. });
        let is_again = is_overload(setback) && self.tried.iter().any(|(_, it)| is_overload(it));
        let is_left = |other: &ProfileName| {
            other != name && self.tried.iter().all(|(tried, _)| tried != other)
        };
        let mut others = self.choice.candidates.iter();
        let may_be_one_accounts = is_overload(setback)
            && !is_again
            && others.any(|candidate| is_left(&candidate.member.name));
        let counts = !is_repeated && !may_be_one_accounts;
        let comes_back = matches!(
            setback,
            Setback::Throttled { .. } | Setback::UsageLimit { .. }
        );
        if !(comes_back && counts) {
            self.barred.push(name.clone());
        }
        let follows_the_request = is_repeated && setback.may_follow_the_request();
        Verdict {
            counts,
            is_over: setback.next_step() == NextStep::GiveUp || follows_the_request || is_again,
        }
    }
}

/// How long a request waits for others rather than ask one that serves so many.
pub fn patience_with(candidate: &Candidate, ground: &Ground, now: Ms) -> Ms {
    let (limits, member) = (&ground.limits, &candidate.member);
    let busy = member.in_flight.count();
    if busy >= limits.per_account {
        return ground.queue_wait();
    }
    let is_kept = matches!(candidate.reason, Reason::Kept | Reason::Sticky);
    if is_kept || busy < limits.per_cold_account || member.live.is_warm(moment(now), WARM) {
        return 0;
    }
    ground.queue_wait().min(COLD_WAIT)
}
