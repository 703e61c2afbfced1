//! Thousands of small lives of a pool, over a virtual clock: the decisions are those of the program, the world is drawn by lot.
//!
//! Everything that decides is the real thing: [`AppState`] with its reports, polls and pools, the choice, the permits, the
//! router's marks, words, budget and sessions. Only what carries them is made up here: `walk` is the router's loop, and what
//! happens comes as events in the order of their time. `world` is the truth, `oracle` says what must hold.
//!
//! `SIMULATION_SEEDS=100000 cargo test --lib simulation` looks at more lives; `SIMULATION_FIRST` says where to begin.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::logins::{logins, side_file};
use self::oracle::{Beginning, Oracle, Settled, Tally};
use self::walk::{Chosen, Ground, Way};
use self::world::{Answer, Dice, HOUR, MINUTE, MODELS, Ms, SECOND, World, moment};
use super::event::{Effect, Event, Reading};
use super::publisher;
use super::state::{AppState, Polls};
use crate::client_key::KeyRing;
use crate::desk::Settings;
use crate::pool::affinity::SessionKey;
use crate::pool::{Lease, Permits, Pool, Strategy};
use crate::profile::Profile;
use crate::router::walk::{Retries, Setback, mark};
use crate::router::{AttemptOutcome, AttemptResult, Limits, Report, Sessions};
use crate::store::live::Live;
use crate::upstream::UsageError;
use crate::usage::Usage;

mod logins;
mod oracle;
mod walk;
mod world;

/// How many lives are looked at when nobody asks for more.
const SEEDS: u64 = 2_000;

#[test]
fn the_pool_keeps_its_word_in_thousands_of_lives() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = number("SIMULATION_FIRST").unwrap_or(0);
    let count = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let lives = |remainder: u64| {
        let mut sum = Tally::default();
        let seeds = (first..first + count).filter(|seed| seed % threads == remainder);
        seeds.for_each(|seed| sum.add(&Life::new(seed).live()));
        sum
    };
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|remainder| scope.spawn(move || lives(remainder)))
            .collect();
        for part in parts {
            match part.join() {
                Ok(part) => sum.add(&part),
                Err(breach) => std::panic::resume_unwind(breach),
            }
        }
    });
    eprintln!("{sum:?}");
    if count >= 500 {
        sum.check(count);
    }
}

struct Life {
    dice: Dice,
    world: World,
    oracle: Oracle,
    now: Ms,
    events: BinaryHeap<Reverse<(Ms, u64, What)>>,
    next_event: u64,
    state: AppState,
    pool: Arc<Pool>,
    /// When a pool with what the worker has noted since is there.
    pool_due: Option<Ms>,
    tick_at: Option<Ms>,
    reports: VecDeque<AttemptOutcome>,
    last_heard_at: Ms,
    ground: Ground,
    /// Requests that wait for somebody to be there, the first one in front.
    line: Vec<usize>,
    is_to_look: bool,
    requests: Vec<Request>,
    talks: Vec<Talk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A request of no session, for this model.
    Single(usize),
    /// The next turn of a session.
    Turn(usize),
    /// A request chooses for the first time, or once more.
    Go(usize),
    /// Everybody in line looks again.
    Look,
    /// A request is refused, or its answer begins.
    Reply(usize),
    Finish(usize),
    /// The next report reaches the worker.
    Heard,
    Tick,
    /// A usage poll of an account is answered.
    Polled(usize),
}

struct Talk {
    session: SessionKey,
    model: usize,
    turns: u64,
    longest_thought: Ms,
}

struct Request {
    talk: Option<usize>,
    way: Way,
    flight: Option<Flight>,
    is_over: bool,
}

/// An attempt under way.
struct Flight {
    pool: Arc<Pool>,
    place: usize,
    lease: Lease,
    permits: Permits,
    probes: (bool, bool),
    began: Ms,
    answer: Answer,
    usage: Option<Usage>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let world = World::new(&mut dice);
        let strategy = Strategy::ALL[dice.between(0, 7) as usize];
        let poll_interval = [600, 900, 1_800][dice.between(0, 2) as usize];
        let settings = Settings {
            strategy,
            usage_poll_interval: Duration::from_secs(poll_interval),
            ..Settings::default()
        };
        let state = AppState::new(Arc::new(settings), Polls::ByThemselves);
        let profiles = (world.accounts.iter().enumerate())
            .map(|(place, account)| Profile {
                name: account.name.clone(),
                login: Ok(logins()[usize::from(!account.is_chatgpt)][place].clone()),
                side: side_file(&mut dice),
            })
            .collect();
        let reading = Reading {
            number: u64::MAX,
            profiles,
            skipped: Vec::new(),
            trash: Vec::new(),
            live: Live::Login(logins()[0][0].clone()),
            credential_store: None,
            current: None,
            is_overlay_ahead: false,
            routed_to: None,
            codex_address: None,
            codex_connected_at: None,
            keys: KeyRing::default(),
        };
        let clock = Instant::now();
        let keeps_sessions = !dice.is_one_in(5);
        let mut life = Self {
            oracle: Oracle::new(seed, strategy, keeps_sessions, poll_interval * SECOND),
            now: 0,
            events: BinaryHeap::new(),
            next_event: 0,
            pool: Arc::default(),
            pool_due: None,
            tick_at: None,
            reports: VecDeque::new(),
            last_heard_at: 0,
            ground: Ground {
                limits: Limits::default(),
                sessions: Sessions::default(),
                keeps_sessions,
                retries: Retries::new(clock),
                turns: 0,
                clock,
            },
            line: Vec::new(),
            is_to_look: false,
            requests: Vec::new(),
            talks: Vec::new(),
            dice,
            world,
            state,
        };
        life.note(Event::DiskRead(Box::new(reading)));
        life.pool_due = Some(0);
        life.plan_traffic();
        life.plan_tick();
        life
    }

    /// About 150 requests: some alone, some in bursts, most of them turns of sessions.
    fn plan_traffic(&mut self) {
        let end = self.world.end;
        let is_without_sessions = self.dice.is_one_in(4);
        let singles = self
            .dice
            .between(10, if is_without_sessions { 90 } else { 40 });
        for _ in 0..singles {
            let (at, model) = (self.dice.between(SECOND, end), self.dice.between(0, 2));
            self.plan(at, What::Single(model as usize));
        }
        for _ in 0..self.dice.between(0, 3) {
            let (at, model) = (self.dice.between(SECOND, end), self.dice.between(0, 2));
            for _ in 0..self.dice.between(5, 25) {
                let at = at + self.dice.between(0, SECOND);
                self.plan(at, What::Single(model as usize));
            }
        }
        if is_without_sessions {
            return;
        }
        for number in 0..self.dice.between(2, 8) {
            self.talks.push(Talk {
                session: SessionKey::named(&number.to_string()),
                model: self.dice.between(0, 2) as usize,
                turns: self.dice.between(3, 25),
                longest_thought: self.dice.between(10 * SECOND, 15 * MINUTE),
            });
            let at = self.dice.between(SECOND, end);
            self.plan(at, What::Turn(number as usize));
        }
    }

    fn live(mut self) -> Tally {
        let last = self.world.end + HOUR;
        while let Some(Reverse((at, _, what))) = self.events.pop() {
            if at > last {
                break;
            }
            self.now = at;
            self.world.reach(at);
            match what {
                What::Single(model) => self.begin(model, None),
                What::Turn(talk) => self.begin(self.talks[talk].model, Some(talk)),
                What::Go(request) => self.go_on(request),
                What::Look => self.look(),
                What::Reply(request) => self.reply(request),
                What::Finish(request) => self.finish(request),
                What::Heard => {
                    let outcome = self.reports.pop_front().unwrap();
                    self.note(Event::Reported(Report::Attempt(outcome)));
                }
                What::Tick => self.tick(at),
                What::Polled(place) => self.polled(place),
            }
        }
        self.oracle.seen
    }

    fn plan(&mut self, at: Ms, what: What) {
        self.next_event += 1;
        self.events.push(Reverse((at, self.next_event, what)));
    }

    // The router.

    fn begin(&mut self, model: usize, talk: Option<usize>) {
        let session = talk.map(|talk| self.talks[talk].session);
        let way = Way::new(model, session, self.dice.number(), self.now);
        self.ground.retries.earn(self.ground.clock(self.now));
        self.oracle.note_request(self.now);
        self.requests.push(Request {
            talk,
            way,
            flight: None,
            is_over: false,
        });
        let number = self.requests.len() - 1;
        // Whoever waits for the same has come before.
        if self.is_waited_for(model) {
            self.line.push(number);
            let deadline = self.ground.limits.queue_wait.as_millis();
            self.plan(
                self.now + u64::try_from(deadline).unwrap(),
                What::Go(number),
            );
        } else {
            self.go_on(number);
        }
    }

    fn is_waited_for(&self, model: usize) -> bool {
        let is_same = |number: &usize| {
            let way = &self.requests[*number].way;
            way.model == model && way.tried.is_empty()
        };
        self.line.iter().any(is_same)
    }

    /// Something has changed: everybody in line looks again, of those who wait for the same only the first.
    fn look(&mut self) {
        self.is_to_look = false;
        let mut is_taken = [false; MODELS.len()];
        for number in self.line.clone() {
            let way = &self.requests[number].way;
            let (model, is_fresh) = (way.model, way.tried.is_empty());
            if !(is_fresh && is_taken[model]) {
                self.go_on(number);
                is_taken[model] |= is_fresh && self.line.contains(&number);
            }
        }
    }

    fn plan_look(&mut self) {
        if !self.line.is_empty() && !self.is_to_look {
            self.is_to_look = true;
            self.plan(self.now, What::Look);
        }
    }

    fn go_on(&mut self, number: usize) {
        let (now, pool) = (self.now, self.pool());
        let request = &mut self.requests[number];
        // A planned look of one that has found somebody since.
        if request.flight.is_some() || request.is_over {
            return;
        }
        if !request.way.may_go_on(&self.ground, now) {
            self.end(number);
            return;
        }
        let (member, permits) = match request.way.choose(&pool, &mut self.ground, now) {
            Chosen::One { member, permits } => (member, permits),
            Chosen::TooMuch => {
                self.oracle.note_too_much(&request.way, now);
                self.end(number);
                return;
            }
            Chosen::Nobody => {
                match request.way.next_look(&pool, &self.ground, now) {
                    None => {
                        let (way, world) = (&request.way, &self.world);
                        self.oracle.note_end(way, &pool, &self.ground, world, now);
                        self.end(number);
                    }
                    Some(look) => {
                        if !self.line.contains(&number) {
                            self.line.push(number);
                        }
                        self.plan(look, What::Go(number));
                    }
                }
                return;
            }
        };
        self.line.retain(|waiting| *waiting != number);
        let request = &mut self.requests[number];
        let (model, session) = (request.way.model, request.way.session);
        let names = self.world.accounts.iter().map(|account| &account.name);
        let place = names.clone().position(|name| *name == member.name);
        let place = place.unwrap();
        let probes = permits.probes();
        let beginning = Beginning {
            pool: &pool,
            member: &member,
            place,
            model,
            session,
            is_first: request.way.tried.is_empty(),
            probes,
        };
        self.oracle
            .note_beginning(&beginning, &request.way, &self.ground, &self.world, now);
        let answer = self.world.ask(place, model, now, &mut self.dice);
        let (Answer::Serves { first: after, .. }
        | Answer::Refuses { after, .. }
        | Answer::Unreachable { after }) = answer;
        request.flight = Some(Flight {
            lease: Lease::take(member),
            permits,
            probes,
            place,
            began: now,
            answer,
            usage: None,
            pool,
        });
        self.plan(now + after, What::Reply(number));
        // The next one in line may look.
        self.plan_look();
    }

    fn reply(&mut self, number: usize) {
        let now = self.now;
        let request = &mut self.requests[number];
        let (model, session) = (request.way.model, request.way.session);
        let flight = request.flight.as_mut().unwrap();
        self.oracle
            .note_answered(flight.place, flight.probes, &self.world);
        let account = &self.world.accounts[flight.place];
        let began = moment(flight.began);
        let answer = std::mem::replace(&mut flight.answer, Answer::Unreachable { after: 0 });
        let setback = match answer {
            Answer::Serves { rest, .. } => {
                flight.usage = account.usage_in_headers(now);
                let member = flight.lease.member();
                flight.pool.prove(
                    member,
                    &mut flight.permits,
                    MODELS[model],
                    began,
                    moment(now),
                );
                let took = Duration::from_millis(now - flight.began);
                member.speed.note(took, moment(now));
                self.oracle
                    .note_served(flight.place, model, flight.began, &self.world);
                if let Some(session) = session {
                    let name = &member.name;
                    let tie = request.way.tie;
                    self.ground.sessions.served(session, name, tie, moment(now));
                    let settled = Settled {
                        session,
                        by: name,
                        model,
                        pool: &flight.pool,
                        world: &self.world,
                        chosen_at: flight.began,
                    };
                    self.oracle
                        .note_settled(&settled, &self.ground.sessions, now);
                }
                self.plan(now + rest, What::Finish(number));
                self.plan_look();
                return;
            }
            Answer::Refuses {
                status,
                headers,
                body,
                ..
            } => {
                flight.usage = account.usage_in_headers(now);
                Setback::of_reply(status, headers, body, moment(now))
            }
            Answer::Unreachable { .. } => Setback::Unreachable {
                what: "offline".into(),
            },
        };
        let name = account.name.clone();
        let verdict = request.way.judge(&name, &setback);
        let result = oracle::result_of(&setback, model);
        if verdict.counts {
            self.oracle.note_refusal(flight.place, model, &result, now);
        }
        self.tell(number, result, verdict.counts);
        let way = &mut self.requests[number].way;
        way.tried.push((name, setback));
        let most = way.back_off();
        if verdict.is_over {
            self.end(number);
        } else {
            let wait = self.dice.between(0, most);
            self.plan(now + wait, What::Go(number));
        }
    }

    /// Marks and reports what an attempt came to, and lets others have its place.
    fn tell(&mut self, number: usize, result: AttemptResult, counts: bool) {
        let request = &mut self.requests[number];
        let flight = request.flight.take().unwrap();
        let (member, at) = (flight.lease.member(), moment(self.now));
        let (model, began) = (MODELS[request.way.model], moment(flight.began));
        if counts {
            mark(&flight.pool, member, model, &result, began, at);
        }
        self.reports.push_back(AttemptOutcome {
            profile: member.name.clone(),
            model: model.to_owned(),
            began,
            at,
            result,
            counts,
            usage: flight.usage,
        });
        let delay = self.dice.between(0, 200);
        self.last_heard_at = self.last_heard_at.max(self.now + delay);
        self.plan(self.last_heard_at, What::Heard);
        self.plan_look();
    }

    fn finish(&mut self, number: usize) {
        self.tell(number, AttemptResult::Served, true);
        self.end(number);
    }

    fn end(&mut self, number: usize) {
        self.requests[number].is_over = true;
        self.line.retain(|waiting| *waiting != number);
        self.plan_look();
        let Some(place) = self.requests[number].talk else {
            return;
        };
        let talk = &mut self.talks[place];
        talk.turns -= 1;
        if talk.turns > 0 {
            let thought = self.dice.between(SECOND, talk.longest_thought);
            self.plan(self.now + thought, What::Turn(place));
        }
    }

    // The worker.

    fn note(&mut self, event: Event) {
        for effect in self.state.note(event, moment(self.now)) {
            if let Effect::PollUsage { name, .. } = effect {
                let names = self.world.accounts.iter().map(|account| &account.name);
                let place = names.clone().position(|it| *it == name).unwrap();
                let at = self.now + self.dice.between(50, 2 * SECOND);
                self.plan(at, What::Polled(place));
            }
        }
        let due = self.now + self.dice.between(0, 20);
        let due = *self.pool_due.get_or_insert(due);
        if !self.line.is_empty() {
            self.plan(due.max(self.now), What::Look);
        }
        self.plan_tick();
    }

    /// The newest pool. It is made when somebody asks for it: most of them nobody would.
    fn pool(&mut self) -> Arc<Pool> {
        if self.pool_due.take_if(|due| *due <= self.now).is_some() {
            self.pool = Arc::new(publisher::pool(&self.state));
            self.state.settle();
        }
        self.pool.clone()
    }

    fn plan_tick(&mut self) {
        let Some(due) = self.state.next_due() else {
            return;
        };
        let due = due.duration_since(moment(0)).unwrap_or_default();
        // Rounded up: a timer is never early.
        let due = u64::try_from(due.as_micros().div_ceil(1_000)).unwrap();
        let due = due.max(self.now);
        if self.tick_at.is_none_or(|at| due < at) {
            self.tick_at = Some(due);
            self.plan(due, What::Tick);
        }
    }

    fn tick(&mut self, at: Ms) {
        // An earlier one may have been planned since.
        if self.tick_at == Some(at) {
            self.tick_at = None;
            self.note(Event::TimePassed);
        }
    }

    fn polled(&mut self, place: usize) {
        let account = &self.world.accounts[place];
        let is_lost = self.world.is_offline(self.now) || self.dice.is_one_in(40);
        let usage = (!is_lost).then(|| account.usage(self.now));
        let has_room = |usage: &Usage| usage.blocked_until(moment(self.now)).is_none();
        let name = account.name.clone();
        self.oracle
            .note_poll(place, usage.as_ref().map(has_room), self.now);
        let result = usage.ok_or_else(|| UsageError::Unreachable("offline".into()));
        self.note(Event::UsageArrived { name, result });
    }
}
