//! What is known of a member this very moment, before the worker has made a new pool of it.
//!
//! A refusal reaches the worker with a delay, and a burst would repeat it until then. So the router marks it here, in a cell that
//! all pools with the member share, and the next choice sees it. The worker's own word replaces the mark as soon as it is
//! published ([`Live::settle`]). Numbers only, no lock: a reader may see half of two marks, which at worst costs one request.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::breaker::{FAILURES, SPAN, SUCCESSES_PER_FAILURE};
use super::cooldown::{CLOCK_SKEW, RestCause, Standing};

/// The cell of one member, or of one path.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Cell>);

#[derive(Debug, Default)]
struct Cell {
    all: Mark,
    models: [ModelMark; MODELS],
    next_model: AtomicUsize,
    /// Since when the one request that finds out is under way; 0 for none. Milliseconds since 1970.
    probing_since: AtomicU64,
    /// Milliseconds since 1970; 0 for none.
    failed_at: [AtomicU64; FAILURES],
    served: AtomicU32,
}

/// More at once only forget the first: then the worker's word has to do.
const MODELS: usize = 4;

#[derive(Debug, Default)]
struct ModelMark {
    /// A hash of its name; 0 for none.
    model: AtomicU64,
    mark: Mark,
}

/// Times are milliseconds since 1970.
#[derive(Debug, Default)]
struct Mark {
    since: AtomicU64,
    /// The end, and in the last four bits the cause; 0 for no mark.
    word: AtomicU64,
    /// When the latest attempt began that was answered.
    proved: AtomicU64,
}

/// The one request that finds out whether a pause is over. Dropping it lets the next one.
#[derive(Debug)]
pub struct Probe {
    live: Live,
    taken: u64,
}

/// A request that has not found out within this time keeps nobody else from it.
pub const PROBE_HOLDS: Duration = Duration::from_secs(10);

impl Live {
    /// Marks a refusal; `model` for one that is about a model only.
    pub fn mark(&self, model: Option<&str>, cause: RestCause, until: SystemTime, now: SystemTime) {
        let mark = match model {
            None => &self.0.all,
            Some(model) => self.slot(model),
        };
        mark.set(cause, until, now);
    }

    /// Counts a failure; whether there were so many at once that it is marked as failing.
    pub fn note_failure(&self, now: SystemTime, rest: Duration) -> bool {
        let (now_ms, span) = (millis(now), span_ms());
        let ring = &self.0.failed_at;
        let ages = || ring.iter().map(|at| at.load(Ordering::Relaxed));
        let oldest = ages().enumerate().min_by_key(|(_, at)| *at);
        if let Some(slot) = oldest.and_then(|(place, _)| ring.get(place)) {
            slot.store(now_ms.max(1), Ordering::Relaxed);
        }
        let is_full = ages().all(|at| at > 0 && now_ms.saturating_sub(at) <= span);
        if is_full {
            for at in ring {
                at.store(0, Ordering::Relaxed);
            }
            self.mark(None, RestCause::Failing, now + rest, now);
        }
        is_full
    }

    /// An attempt that began then is answered: what was marked before is over.
    pub fn prove(&self, model: &str, began: SystemTime, now: SystemTime) {
        self.0.all.prove(began, now);
        let hash = hash_of(model);
        for slot in &self.0.models {
            if slot.model.load(Ordering::Relaxed) == hash {
                slot.mark.prove(began, now);
            }
        }
        let served = self.0.served.fetch_add(1, Ordering::Relaxed) + 1;
        if served.is_multiple_of(SUCCESSES_PER_FAILURE) {
            let failures = self.0.failed_at.iter();
            let oldest = failures
                .filter(|at| at.load(Ordering::Relaxed) > 0)
                .min_by_key(|at| at.load(Ordering::Relaxed));
            if let Some(oldest) = oldest {
                oldest.store(0, Ordering::Relaxed);
            }
        }
    }

    /// The same of a request that found out about a pause that the worker knows, for this model.
    pub fn prove_model(&self, model: &str, began: SystemTime, now: SystemTime) {
        self.slot(model).prove(began, now);
    }

    /// The same for what is about no model, of an attempt that was answered somehow.
    pub fn prove_all(&self, began: SystemTime, now: SystemTime) {
        self.0.all.prove(began, now);
    }

    /// Whether an attempt that began at `since` or later was answered.
    pub fn has_proved(&self, model: Option<&str>, since: SystemTime, now: SystemTime) -> bool {
        let proved = match model {
            None => self.0.all.proved.load(Ordering::Relaxed),
            Some(model) => {
                let hash = hash_of(model);
                let slot = |slot: &&ModelMark| slot.model.load(Ordering::Relaxed) == hash;
                let slot = self.0.models.iter().find(slot);
                slot.map_or(0, |slot| slot.mark.proved.load(Ordering::Relaxed))
            }
        };
        proved > 0 && proved >= millis(since) && !is_ahead(proved, now)
    }

    /// Whether anything was answered within this time.
    pub fn is_warm(&self, now: SystemTime, within: Duration) -> bool {
        let proved = self.0.all.proved.load(Ordering::Relaxed);
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        proved > 0 && millis(now).saturating_sub(proved) <= within
    }

    pub fn standing(&self, model: &str, now: SystemTime) -> Standing {
        let hash = hash_of(model);
        let of_model = self
            .0
            .models
            .iter()
            .find(|slot| slot.model.load(Ordering::Relaxed) == hash)
            .map_or(Standing::Free, |slot| slot.mark.standing(now));
        self.0.all.standing(now).or(of_model)
    }

    /// Whether it was marked as lacking this model.
    pub fn lacks(&self, model: &str, now: SystemTime) -> bool {
        let hash = hash_of(model);
        let slot = |slot: &&ModelMark| slot.model.load(Ordering::Relaxed) == hash;
        let slot = self.0.models.iter().find(slot);
        slot.and_then(|slot| slot.mark.read())
            .is_some_and(|(cause, until)| cause == RestCause::LacksModel && until > millis(now))
    }

    /// What was marked up to then is in the published pool by now.
    pub fn settle(&self, noted: SystemTime) {
        self.marks(|mark| {
            if mark.since.load(Ordering::Relaxed) <= millis(noted) {
                mark.word.store(0, Ordering::Relaxed);
            }
        });
    }

    /// Ends every mark.
    pub fn clear(&self) {
        self.marks(|mark| mark.word.store(0, Ordering::Relaxed));
        for at in &self.0.failed_at {
            at.store(0, Ordering::Relaxed);
        }
    }

    pub fn is_probing(&self, now: SystemTime) -> bool {
        is_held(self.0.probing_since.load(Ordering::Acquire), now)
    }

    /// Until when the one that finds out keeps the others from it; nothing when none is under way.
    pub fn probe_lapses_at(&self, now: SystemTime) -> Option<SystemTime> {
        let since = self.0.probing_since.load(Ordering::Acquire);
        is_held(since, now)
            .then(|| SystemTime::UNIX_EPOCH + Duration::from_millis(since) + PROBE_HOLDS)
    }

    /// Takes the permit of the one that finds out.
    pub fn probe(&self, now: SystemTime) -> Option<Probe> {
        let since = &self.0.probing_since;
        let before = since.load(Ordering::Acquire);
        if is_held(before, now) {
            return None;
        }
        let taken = millis(now).max(1);
        since
            .compare_exchange(before, taken, Ordering::AcqRel, Ordering::Acquire)
            .ok()?; // another one was faster
        let live = self.clone();
        Some(Probe { live, taken })
    }

    fn marks(&self, each: impl Fn(&Mark)) {
        each(&self.0.all);
        self.0.models.iter().for_each(|slot| each(&slot.mark));
    }

    /// The place of a model, which may take that of another one.
    fn slot(&self, model: &str) -> &Mark {
        let hash = hash_of(model);
        let slots = &self.0.models;
        let known = slots
            .iter()
            .find(|slot| slot.model.load(Ordering::Relaxed) == hash);
        if let Some(known) = known {
            return &known.mark;
        }
        let place = self.0.next_model.fetch_add(1, Ordering::Relaxed) % MODELS;
        let slot = slots.get(place).unwrap_or(&slots[0]);
        slot.mark.word.store(0, Ordering::Relaxed);
        slot.mark.proved.store(0, Ordering::Relaxed);
        slot.model.store(hash, Ordering::Relaxed);
        &slot.mark
    }
}

impl Mark {
    fn set(&self, cause: RestCause, until: SystemTime, now: SystemTime) {
        let place = RestCause::ALL.iter().position(|known| *known == cause);
        let bits = place.unwrap_or_default() as u64 + 1;
        let word = millis(until) << CAUSE_BITS | bits;
        // The longer one stays.
        if self.word.load(Ordering::Relaxed) >> CAUSE_BITS < word >> CAUSE_BITS {
            self.word.store(word, Ordering::Relaxed);
        }
        self.since.store(millis(now), Ordering::Relaxed);
    }

    fn prove(&self, began: SystemTime, now: SystemTime) {
        let began = millis(began);
        if is_ahead(self.proved.load(Ordering::Relaxed), now) {
            self.proved.store(began, Ordering::Relaxed);
        } else {
            self.proved.fetch_max(began, Ordering::Relaxed);
        }
        let since = self.since.load(Ordering::Relaxed);
        if since <= began || is_ahead(since, now) {
            self.word.store(0, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Option<(RestCause, u64)> {
        let word = self.word.load(Ordering::Relaxed);
        let place = usize::try_from((word & CAUSE_MASK).checked_sub(1)?);
        let cause = RestCause::ALL.get(place.unwrap_or(usize::MAX))?;
        Some((*cause, word >> CAUSE_BITS))
    }

    fn standing(&self, now: SystemTime) -> Standing {
        match self.read() {
            None | Some((RestCause::LacksModel, _)) => Standing::Free,
            Some((_, until)) if until <= millis(now) => Standing::Due,
            Some(_) if is_ahead(self.since.load(Ordering::Relaxed), now) => Standing::Due,
            Some((cause, until)) => Standing::Resting {
                cause,
                until: SystemTime::UNIX_EPOCH + Duration::from_millis(until),
            },
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // Unless another one has taken over.
        let since = &self.live.0.probing_since;
        let _taken_over =
            since.compare_exchange(self.taken, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

fn is_held(since: u64, now: SystemTime) -> bool {
    let age = Duration::from_millis(since.abs_diff(millis(now)));
    since > 0 && age < PROBE_HOLDS
}

/// Whether it was noted by a clock that has been set back since.
fn is_ahead(at: u64, now: SystemTime) -> bool {
    at > millis(now + CLOCK_SKEW)
}

const CAUSE_BITS: u32 = 4;
const CAUSE_MASK: u64 = 0xf;

fn span_ms() -> u64 {
    u64::try_from(SPAN.as_millis()).unwrap_or(u64::MAX)
}

/// Up to the year 10889, which leaves room for the cause.
fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    u64::try_from(millis)
        .unwrap_or(u64::MAX)
        .min(u64::MAX >> 16)
}

fn hash_of(model: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + secs)
    }

    fn is_resting(live: &Live, model: &str, now: SystemTime) -> bool {
        matches!(live.standing(model, now), Standing::Resting { .. })
    }

    #[test]
    fn a_mark_is_seen_at_once_and_by_every_holder_of_the_cell() {
        let live = Live::default();
        live.clone()
            .mark(None, RestCause::UsageLimit, at(60), at(0));
        let resting = Standing::Resting {
            cause: RestCause::UsageLimit,
            until: at(60),
        };
        assert_eq!(live.standing("m", at(1)), resting);
        assert_eq!(live.standing("m", at(60)), Standing::Due);
    }

    #[test]
    fn the_workers_word_replaces_what_it_has_heard_of_and_nothing_newer() {
        let live = Live::default();
        live.mark(None, RestCause::UsageLimit, at(60), at(5));
        live.settle(at(4));
        assert!(is_resting(&live, "m", at(6)));
        live.settle(at(5));
        assert_eq!(live.standing("m", at(6)), Standing::Free);
    }

    #[test]
    fn an_answer_ends_a_mark_unless_it_was_under_way_before() {
        let live = Live::default();
        live.mark(None, RestCause::UsageLimit, at(60), at(5));
        live.mark(Some("m"), RestCause::Throttled, at(60), at(5));
        live.prove("m", at(4), at(4));
        assert!(is_resting(&live, "m", at(6)));
        live.prove("x", at(6), at(6));
        assert!(is_resting(&live, "m", at(6)), "another model's answer");
        assert!(!is_resting(&live, "x", at(6)));
        live.prove("m", at(6), at(6));
        assert_eq!(live.standing("m", at(6)), Standing::Free);
    }

    #[test]
    fn a_mark_for_a_model_leaves_the_others_alone_and_old_ones_make_room() {
        let live = Live::default();
        for number in 0..9 {
            let model = format!("m{number}");
            live.mark(Some(&model), RestCause::Throttled, at(60), at(0));
            assert!(is_resting(&live, &model, at(1)));
        }
        assert!(!is_resting(&live, "m0", at(1)));
        assert!(!is_resting(&live, "other", at(1)));
    }

    #[test]
    fn five_failures_at_once_mark_it_and_successes_make_up_for_some() {
        let rest = Duration::from_secs(30);
        let live = Live::default();
        let failures = (0..5).filter(|_| live.note_failure(at(0), rest));
        assert_eq!(failures.count(), 1);
        assert!(is_resting(&live, "m", at(29)));

        let busy = Live::default();
        for second in 0..200 {
            assert!(!busy.note_failure(at(second), rest), "{second}");
            for _ in 0..4 {
                busy.prove("m", at(second), at(second));
            }
        }
        let slow = Live::default();
        for number in 0..20 {
            assert!(!slow.note_failure(at(number * 8), rest), "{number}");
        }
    }

    #[test]
    fn one_at_a_time_finds_out() {
        let live = Live::default();
        let probe = live.probe(at(0)).unwrap();
        assert!(live.clone().probe(at(9)).is_none() && live.is_probing(at(9)));
        drop(probe);
        assert!(live.probe(at(9)).is_some());
    }

    #[test]
    fn one_that_hangs_lets_a_second_one_find_out_after_ten_seconds() {
        let live = Live::default();
        assert_eq!(live.probe_lapses_at(at(0)), None);
        let hangs = live.probe(at(0)).unwrap();
        assert_eq!(live.probe_lapses_at(at(9)), Some(at(10)));
        let second = live.probe(at(10)).unwrap();
        drop(hangs);
        assert!(live.probe(at(11)).is_none(), "the second one is under way");
        assert_eq!(live.probe_lapses_at(at(11)), Some(at(20)));
        drop(second);
        assert_eq!(live.probe_lapses_at(at(11)), None);
        assert!(live.probe(at(11)).is_some());
    }

    #[test]
    fn what_was_noted_by_a_clock_that_was_ahead_says_nothing() {
        let live = Live::default();
        live.prove("m", at(9_000), at(9_000));
        live.mark(None, RestCause::UsageLimit, at(9_060), at(9_000));
        assert!(!live.has_proved(None, at(5), at(10)));
        assert_eq!(live.standing("m", at(10)), Standing::Due);
        live.prove("m", at(11), at(11));
        assert!(live.has_proved(None, at(5), at(12)));
        assert!(!live.has_proved(None, at(12), at(13)));
        assert_eq!(live.standing("m", at(13)), Standing::Free);
    }
}
