//! What must hold, checked at every step against the truth of the world. Every breach names the seed, the time and the profile.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use super::walk::{Ground, Way};
use super::world::{HOUR, MINUTE, MODELS, Ms, SECOND, SLOWEST_REFUSAL, World, moment};
use crate::pool::affinity::{SessionKey, WORTH_WAITING};
use crate::pool::{Access, LeftOut, Member, Pool, RestSource, Standing, Strategy, Tier};
use crate::profile::ProfileName;
use crate::router::walk::{NextStep, Setback};
use crate::router::{AttemptResult, Sessions};

pub struct Oracle {
    pub seed: u64,
    pub strategy: Strategy,
    pub keeps_sessions: bool,
    pub poll_interval: Ms,
    accounts: Vec<Seen>,
    /// Of ChatGPT, and of the API.
    paths_probed_at: [Option<Ms>; 2],
    /// Until when an overloaded model was told to rest, and when that was told.
    overloads: HashMap<usize, Told>,
    homes: HashMap<SessionKey, usize>,
    /// Of whole seconds: requests, and tries that cost.
    seconds: VecDeque<(u64, u64, u64)>,
    pub seen: Tally,
}

/// How much was looked at, so that a simulation in which nothing happens is noticed.
#[derive(Debug, Default)]
pub struct Tally {
    pub requests: u64,
    pub served: u64,
    pub given_up: u64,
    /// Given up although a healthy profile was there, which one probe was just finding out.
    pub behind_a_probe: u64,
    pub limits: u64,
    pub at_home: u64,
    pub stand_ins: u64,
    pub moves: u64,
    pub retries: u64,
    /// Given up for want of a common budget.
    pub too_much: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.served += other.served;
        self.given_up += other.given_up;
        self.behind_a_probe += other.behind_a_probe;
        self.limits += other.limits;
        self.at_home += other.at_home;
        self.stand_ins += other.stand_ins;
        self.moves += other.moves;
        self.retries += other.retries;
        self.too_much += other.too_much;
    }

    /// Whether so many lives had enough of everything.
    pub fn check(&self, lives: u64) {
        let enough = [
            ("requests", self.requests, 60),
            ("served", self.served, 30),
            ("given up", self.given_up, 1),
            ("limits", self.limits, 1),
            ("at home", self.at_home, 10),
            ("stand-ins", self.stand_ins, 1),
            ("retries", self.retries, 1),
        ];
        for (what, seen, a_life) in enough {
            assert!(
                seen >= a_life * lives,
                "only {seen} {what} in {lives} lives"
            );
        }
        assert!(self.moves > 0, "no session ever moved");
    }
}

/// What is known of one account, as far as it binds the router.
#[derive(Default)]
struct Seen {
    limit: Option<Told>,
    throttles: HashMap<usize, Told>,
    probed_at: Option<Ms>,
    poll_failed_at: Option<Ms>,
    /// Requests that went elsewhere since it was fit for them.
    waits: u64,
    served_at: Ms,
}

#[derive(Clone, Copy)]
struct Told {
    at: Ms,
    until: Ms,
}

/// One attempt, as it begins.
pub struct Beginning<'a> {
    pub pool: &'a Pool,
    pub member: &'a Member,
    pub place: usize,
    pub model: usize,
    pub session: Option<SessionKey>,
    pub is_first: bool,
    /// Whether it finds out about its member, and about its path.
    pub probes: (bool, bool),
}

/// The longest guess and its jitter, and the last refusal of before that is still under way.
const LONGEST_GUESS: Ms = 300 * SECOND + 30 * SECOND + SLOWEST_REFUSAL + SECOND;
/// After what was told everybody must be back within this time.
const BACK_WITHIN: Ms = MINUTE;
/// Who is asked about usage by nobody is tried once in this time.
const CANARY: Ms = 30 * MINUTE;
/// One that finds out for longer keeps nobody away.
const PROBE_HOLDS: Ms = 10 * SECOND;

impl Oracle {
    pub fn new(seed: u64, strategy: Strategy, keeps_sessions: bool, poll_interval: Ms) -> Self {
        Self {
            seed,
            strategy,
            keeps_sessions,
            poll_interval,
            accounts: (0..6).map(|_| Seen::default()).collect(),
            paths_probed_at: [None; 2],
            overloads: HashMap::new(),
            homes: HashMap::new(),
            seconds: VecDeque::new(),
            seen: Tally::default(),
        }
    }

    fn fail(&self, now: Ms, who: &ProfileName, what: &str) -> ! {
        let (seed, strategy) = (self.seed, self.strategy);
        panic!(
            "seed {seed} ({strategy}) at {}:{:02}:{:06.3}, {:?}: {what}",
            now / HOUR,
            now / MINUTE % 60,
            (now % MINUTE) as f64 / 1_000.0,
            who.as_str(),
        );
    }

    pub fn note_request(&mut self, now: Ms) {
        self.seen.requests += 1;
        self.second(now).1 += 1;
    }

    fn second(&mut self, now: Ms) -> &mut (u64, u64, u64) {
        let number = now / SECOND;
        self.seconds.retain(|(old, _, _)| old + 10 > number);
        if self.seconds.back().is_none_or(|last| last.0 != number) {
            self.seconds.push_back((number, 0, 0));
        }
        self.seconds.back_mut().unwrap()
    }

    /// What is left of the common budget for retries.
    fn budget(&mut self, now: Ms) -> i64 {
        self.second(now);
        let sum = |of: fn(&(u64, u64, u64)) -> u64| self.seconds.iter().map(of).sum::<u64>();
        10 + sum(|it| it.1) as i64 / 5 - sum(|it| it.2) as i64
    }

    /// Invariants 1, 2, 4, 5 and 6: whoever is asked now may be asked, and is the one that should be.
    pub fn note_beginning(
        &mut self,
        it: &Beginning<'_>,
        way: &Way,
        ground: &Ground,
        world: &World,
        now: Ms,
    ) {
        let name = &it.member.name;
        self.check_evidence(it, now);
        let path = usize::from(costs_money(it.member));
        let is_held = |at: Option<Ms>| at.is_some_and(|at| now < at + PROBE_HOLDS);
        let is_second_of_member = it.probes.0 && is_held(self.accounts[it.place].probed_at);
        if is_second_of_member || (it.probes.1 && is_held(self.paths_probed_at[path])) {
            self.fail(now, name, "a second probe while one is under way");
        }
        if it.probes.0 {
            self.accounts[it.place].probed_at = Some(now);
        }
        if it.probes.1 {
            self.paths_probed_at[path] = Some(now);
        }
        if let Some((_, last)) = way.tried.last() {
            self.seen.retries += 1;
            if last.next_step() == (NextStep::TryNextProfile { costs: true }) {
                self.second(now).2 += 1;
                if self.budget(now) < 0 {
                    self.fail(now, name, "one retry more than the common budget has");
                }
            }
        }
        for (place, account) in world.accounts.iter().enumerate() {
            let is_candidate = way
                .choice
                .candidates
                .iter()
                .any(|candidate| candidate.member.name == account.name);
            if !is_candidate && self.is_back(it.pool, world, place, it.model, now) {
                let member = member_of(it.pool, &account.name);
                let standing = it.pool.standing(member, MODELS[it.model], moment(now));
                if standing != Standing::Probing && self.is_drawn_from(it.pool, member) {
                    let what = format!(
                        "was healthy for long and is no candidate: {standing:?}, {:?}",
                        why_not(way, &account.name)
                    );
                    self.fail(now, &account.name, &what);
                }
            }
        }
        let home = it.session.and_then(|session| self.homes.get(&session));
        match home.copied().filter(|_| self.keeps_homes()) {
            Some(home) if it.is_first => self.check_home(it, home, ground, world, now),
            Some(_) => {}
            None if it.is_first => self.check_claims(it, way, ground, world, now),
            None => {}
        }
    }

    /// 1: nobody is asked inside what was told, except by one canary where nothing else would notice an early end.
    fn check_evidence(&self, it: &Beginning<'_>, now: Ms) {
        let name = &it.member.name;
        let seen = &self.accounts[it.place];
        let is_polled = matches!(it.member.access, Access::ChatGpt { .. });
        if let Some(told) = seen.limit.filter(|told| told.until > now) {
            let is_noticed = is_polled && seen.poll_failed_at.is_none();
            let is_canary = it.probes.0 && !is_noticed && told.at + CANARY <= now;
            if !is_canary {
                let what = format!("asked {} ms before the end of its limit", told.until - now);
                self.fail(now, name, &what);
            }
        }
        if let Some(told) = seen.throttles.get(&it.model)
            && told.until > now
        {
            let what = format!("asked {} ms before its retry-after", told.until - now);
            self.fail(now, name, &what);
        }
        if is_polled
            && let Some(told) = self.overloads.get(&it.model)
            && told.until > now
        {
            let what = format!("asked {} ms before its model's time", told.until - now);
            self.fail(now, name, &what);
        }
    }

    /// 5: a session is answered where it lives as long as that can be.
    fn check_home(
        &mut self,
        it: &Beginning<'_>,
        home: usize,
        ground: &Ground,
        world: &World,
        now: Ms,
    ) {
        if home == it.place {
            self.seen.at_home += 1;
            return;
        }
        self.seen.stand_ins += 1;
        let name = &world.accounts[home].name;
        let member = member_of(it.pool, name);
        let is_well = world.well_since(home, it.model, now).is_some();
        let costs_more = costs_money(member) && !costs_money(it.member);
        let is_full = member.in_flight.count() >= ground.limits.per_account;
        if is_well && !is_full && !costs_more && self.is_free(it.pool, member, it.model, now) {
            self.fail(
                now,
                name,
                "its session was sent elsewhere while it was free",
            );
        }
    }

    /// 2 and 6: among those that are free, the strategy's own.
    fn check_claims(
        &mut self,
        it: &Beginning<'_>,
        way: &Way,
        ground: &Ground,
        world: &World,
        now: Ms,
    ) {
        let at = moment(now);
        let chosen = claim(self.strategy, it.member, at);
        let lacks = it.member.lacks(MODELS[it.model], at);
        for candidate in &way.choice.candidates {
            let other = &*candidate.member;
            let is_better = claim(self.strategy, other, at) < chosen
                && other.in_flight.count() < ground.limits.per_cold_account;
            if is_better && !lacks && self.is_free(it.pool, other, it.model, now) {
                self.fail(now, &other.name, "has a better claim and was passed over");
            }
        }
        let peers = world.accounts.len() as u64;
        let weights: u64 = it
            .pool
            .members
            .iter()
            .map(|it| u64::from(it.terms.weight))
            .sum();
        let most_waits = match self.strategy {
            Strategy::RoundRobin | Strategy::Priority => 15 * weights + 30,
            Strategy::Fastest => 15 * peers + 30,
            Strategy::Active
            | Strategy::Ordered
            | Strategy::LeastUsed
            | Strategy::Sticky
            | Strategy::SoonestReset => u64::MAX,
        };
        for (place, account) in world.accounts.iter().enumerate() {
            let member = member_of(it.pool, &account.name);
            // Whoever was slow once is not asked until that is forgotten.
            let is_forgotten = self.strategy != Strategy::Fastest
                || self.accounts[place].served_at + 300 * SECOND < now;
            let is_fit = self.is_back(it.pool, world, place, it.model, now)
                && is_forgotten
                && claim(self.strategy, member, at) <= chosen;
            let seen = &mut self.accounts[place];
            if place == it.place {
                seen.waits = 0;
                seen.served_at = now;
            } else if is_fit {
                seen.waits += 1;
            }
            if seen.waits > most_waits {
                self.fail(now, &account.name, "is starved");
            }
        }
    }

    /// 3: nobody gives up while somebody could serve.
    pub fn note_end(&mut self, way: &Way, pool: &Pool, ground: &Ground, world: &World, now: Ms) {
        let model = way.model;
        self.seen.given_up += 1;
        if way.tried.len() >= 3 {
            return;
        }
        for (place, account) in world.accounts.iter().enumerate() {
            if way.tried.iter().any(|(name, _)| *name == account.name) {
                continue;
            }
            let member = member_of(pool, &account.name);
            if !self.is_drawn_from(pool, member) {
                continue;
            }
            let is_full = member.in_flight.count() >= ground.limits.per_cold_account;
            if is_full {
                continue;
            }
            let is_open = pool.permits(member, MODELS[model], moment(now)).is_some();
            let lacks = member.lacks(MODELS[model], moment(now));
            if is_open && !is_blocked(member, now) && !lacks {
                self.fail(now, &account.name, "was free when a request gave up");
            }
            if self.is_back(pool, world, place, model, now) {
                let standing = pool.standing(member, MODELS[model], moment(now));
                if standing != Standing::Probing {
                    let what = format!(
                        "was healthy when a request gave up: {standing:?}, {:?}",
                        why_not(way, &account.name)
                    );
                    self.fail(now, &account.name, &what);
                }
                self.seen.behind_a_probe += 1;
            }
        }
    }

    /// 4, the other way round: the budget is not refused while there is some.
    pub fn note_too_much(&mut self, way: &Way, now: Ms) {
        self.seen.given_up += 1;
        self.seen.too_much += 1;
        if self.budget(now) > 0 {
            let (name, _) = way.tried.last().unwrap();
            self.fail(now, name, "no retry was granted though the budget has some");
        }
    }

    /// A try of an account is answered well.
    pub fn note_served(&mut self, place: usize, model: usize, began: Ms, world: &World) {
        self.seen.served += 1;
        let seen = &mut self.accounts[place];
        seen.limit.take_if(|told| told.at <= began);
        let is_lifted = |told: &Told| told.at <= began;
        if seen.throttles.get(&model).is_some_and(is_lifted) {
            seen.throttles.remove(&model);
        }
        if world.accounts[place].is_chatgpt && self.overloads.get(&model).is_some_and(is_lifted) {
            self.overloads.remove(&model);
        }
    }

    /// A try is answered, one way or the other.
    pub fn note_answered(&mut self, place: usize, probes: (bool, bool), world: &World) {
        let path = usize::from(!world.accounts[place].is_chatgpt);
        let probed_at = &mut self.accounts[place].probed_at;
        *probed_at = probed_at.filter(|_| !probes.0);
        let probed_at = &mut self.paths_probed_at[path];
        *probed_at = probed_at.filter(|_| !probes.1);
    }

    /// The router was told something that counts.
    pub fn note_refusal(&mut self, place: usize, model: usize, result: &AttemptResult, now: Ms) {
        let after = |wait: &Option<Duration>| {
            let until = now + u64::try_from((*wait)?.as_millis()).unwrap();
            Some(Told { at: now, until })
        };
        let later = |old: Option<Told>, new: Told| match old {
            Some(old) if old.until > new.until => old,
            _ => new,
        };
        let seen = &mut self.accounts[place];
        match result {
            AttemptResult::UsageLimit { told: Some(told) } if told.source != RestSource::Guess => {
                let until = told.until.duration_since(moment(0)).unwrap_or_default();
                let until = u64::try_from(until.as_millis()).unwrap();
                seen.limit = Some(Told { at: now, until });
                self.seen.limits += 1;
            }
            AttemptResult::Throttled { retry_after } => {
                if let Some(new) = after(retry_after) {
                    let old = seen.throttles.get(&model).copied();
                    seen.throttles.insert(model, later(old, new));
                }
            }
            AttemptResult::Overloaded { retry_after } => {
                if let Some(new) = after(retry_after) {
                    let old = self.overloads.get(&model).copied();
                    self.overloads.insert(model, later(old, new));
                }
            }
            _ => {}
        }
    }

    /// A poll has come back: with room, without, or not at all.
    pub fn note_poll(&mut self, place: usize, has_room: Option<bool>, now: Ms) {
        let seen = &mut self.accounts[place];
        match has_room {
            Some(true) => seen.limit = None,
            Some(false) => {}
            None => seen.poll_failed_at = Some(now),
        }
    }

    /// 5: a session moves only when its home is lost for longer than is worth waiting for.
    pub fn note_settled(&mut self, it: &Settled<'_>, sessions: &Sessions, now: Ms) {
        let Some(at) = sessions.find(it.session) else {
            self.fail(
                now,
                it.by,
                "answered a session that is not known afterwards",
            );
        };
        let place_of = |name: &ProfileName| it.world.accounts.iter().position(|a| a.name == *name);
        let lives_at = place_of(&at.home).unwrap();
        let Some(home) = self.homes.insert(it.session, lives_at) else {
            return;
        };
        if home == lives_at || !self.keeps_homes() {
            return;
        }
        self.seen.moves += 1;
        let name = &it.world.accounts[home].name;
        let member = member_of(it.pool, name);
        let chosen = member_of(it.pool, it.by);
        let is_lost = self.is_lost_for_long(member, home, it.chosen_at)
            || it.world.accounts[home].lacks == Some(it.model)
            || (costs_money(member) && !costs_money(chosen))
            // Where the user has put keys in front of accounts, it may not pass the account between two of them.
            || (costs_money(member)
                && matches!(self.strategy, Strategy::Ordered | Strategy::Priority));
        if !is_lost {
            self.fail(now, name, "lost a session that would have come back");
        }
    }

    fn is_lost_for_long(&self, member: &Member, place: usize, now: Ms) -> bool {
        let jitter = 31 * SECOND;
        let worth = u64::try_from(WORTH_WAITING.as_millis()).unwrap() - jitter;
        let by_limit = self.accounts[place].limit;
        let usage = member.usage.as_ref();
        let by_usage = usage.and_then(|usage| usage.blocked_until(moment(now)));
        by_limit.is_some_and(|told| told.until > now + worth)
            || by_usage.is_some_and(|until| until.is_none_or(|until| until > moment(now + worth)))
    }

    fn keeps_homes(&self) -> bool {
        match self.strategy {
            Strategy::Active => false,
            Strategy::Sticky => true,
            _ => self.keeps_sessions,
        }
    }

    fn is_drawn_from(&self, pool: &Pool, member: &Member) -> bool {
        self.strategy != Strategy::Active || pool.active.as_ref() == Some(&member.name)
    }

    /// Whether it has been well for so long, and is so far beyond all that was told, that the router must know.
    fn is_back(&self, pool: &Pool, world: &World, place: usize, model: usize, now: Ms) -> bool {
        let account = &world.accounts[place];
        let Some(since) = world.well_since(place, model, now) else {
            return false;
        };
        let seen = &self.accounts[place];
        let member = member_of(pool, &account.name);
        let is_told = |told: &Told| told.until + BACK_WITHIN > now;
        let is_kept_away = seen.limit.as_ref().is_some_and(is_told) || is_blocked(member, now);
        // The room of a reset that nobody told of is found by the next poll, unless polls fail.
        let is_found = account.is_chatgpt
            && since + self.poll_interval * 11 / 10 + 70 * SECOND < now
            && seen
                .poll_failed_at
                .is_none_or(|at| at + HOUR + self.poll_interval < since);
        since + LONGEST_GUESS < now
            && (!is_kept_away || is_found)
            && !seen.throttles.get(&model).is_some_and(is_told)
            && !(account.is_chatgpt && self.overloads.get(&model).is_some_and(is_told))
    }

    /// Whether the pool knows nothing against it, not even that one should go first.
    fn is_free(&self, pool: &Pool, member: &Member, model: usize, now: Ms) -> bool {
        let model = MODELS[model];
        self.is_drawn_from(pool, member)
            && pool.standing(member, model, moment(now)) == Standing::Free
            && !member.lacks(model, moment(now))
            && !is_blocked(member, now)
    }
}

/// A session that was answered.
pub struct Settled<'a> {
    pub session: SessionKey,
    pub by: &'a ProfileName,
    pub model: usize,
    pub pool: &'a Pool,
    pub world: &'a World,
    pub chosen_at: Ms,
}

pub fn member_of<'p>(pool: &'p Pool, name: &ProfileName) -> &'p Member {
    let member = pool.members.iter().find(|member| member.name == *name);
    member.unwrap()
}

fn why_not<'w>(way: &'w Way, name: &ProfileName) -> Option<&'w LeftOut> {
    way.choice.left_out.iter().find(|out| out.name == *name)
}

fn is_blocked(member: &Member, now: Ms) -> bool {
    let usage = member.usage.as_ref();
    usage.is_some_and(|usage| usage.blocked_until(moment(now)).is_some())
}

fn costs_money(member: &Member) -> bool {
    !matches!(member.access, Access::ChatGpt { .. })
}

/// Who comes first, said once more in the words of the README: the smaller one.
fn claim(strategy: Strategy, member: &Member, now: SystemTime) -> (u64, u64) {
    let paid = u64::from(costs_money(member));
    let usage = member.usage.as_ref();
    let windows = || usage.into_iter().flat_map(|usage| &usage.windows);
    match strategy {
        Strategy::Active | Strategy::RoundRobin | Strategy::Fastest => (paid, 0),
        Strategy::Ordered => match member.terms.order {
            Some(order) => (0, order.into()),
            None => (1 + paid, 0),
        },
        Strategy::Priority => match member.terms.tier {
            Some(Tier::First) => (0, 0),
            Some(Tier::Normal) => (1, 0),
            Some(Tier::Last) => (2, 0),
            None => (1 + paid, 0),
        },
        Strategy::LeastUsed | Strategy::Sticky => {
            let left = windows().map(|window| window.left_percent(now).round() as u64);
            (paid, 100 - left.min().unwrap_or(50))
        }
        Strategy::SoonestReset => {
            let longest = windows().max_by_key(|window| window.length);
            let until = longest.and_then(|window| window.resets_at?.duration_since(now).ok());
            (paid, until.map_or(u64::MAX, |until| until.as_secs()))
        }
    }
}

/// What the attempt told about the profile.
pub fn result_of(setback: &Setback, model: usize) -> AttemptResult {
    setback.result(MODELS[model]).unwrap()
}
