//! Pauses after refusals: for whom, why, on whose word, and until when.
//!
//! Three scopes: all of a profile, a profile for one model, and the path to an upstream, which every profile behind it shares.
//! What the upstream told is believed as long as it said; a guess ends after minutes. A pause that is over is not forgotten: one
//! request goes first ([`Standing::Due`]), and the others follow when it was answered. Works on values alone, time is an
//! argument; the moment between a refusal and its pause in a new pool is bridged by [`Live`](super::live::Live).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

/// One pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cooldown {
    pub cause: RestCause,
    pub source: RestSource,
    pub since: SystemTime,
    pub until: SystemTime,
    /// When one request may find out: soon after the end, or before it where nothing else would notice that it came early.
    pub probe_at: SystemTime,
    /// How often it was still so when it was tried again.
    pub repeats: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestCause {
    /// The upstream said that the allowance is used up.
    UsageLimit,
    /// Too many requests at once; not the allowance.
    Throttled,
    /// It failed or could not be reached several times.
    Failing,
    /// The key, the login or the whole account is refused.
    Refused,
    /// It may not use the model.
    LacksModel,
    /// The service has too much to do for this model, whoever asks.
    Overloaded,
    /// Something in front of the service asks for proof that we are people.
    Challenged,
}

impl RestCause {
    pub const ALL: [Self; 7] = [
        Self::UsageLimit,
        Self::Throttled,
        Self::Failing,
        Self::Refused,
        Self::LacksModel,
        Self::Overloaded,
        Self::Challenged,
    ];

    /// As it stands in files and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsageLimit => "usage_limit",
            Self::Throttled => "throttled",
            Self::Failing => "failing",
            Self::Refused => "refused",
            Self::LacksModel => "lacks_model",
            Self::Overloaded => "overloaded",
            Self::Challenged => "challenged",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }

    /// How long it lasts when nobody said: the first time, and at most.
    fn guess(self) -> (Duration, Duration) {
        let secs = Duration::from_secs;
        match self {
            // The usage poll that follows knows better.
            Self::UsageLimit => (secs(300), MAX_GUESS),
            Self::Throttled => (GUESSED_THROTTLE_REST, MAX_GUESS),
            Self::Failing => (secs(30), MAX_GUESS),
            Self::Refused => (secs(10), MAX_GUESS),
            // Longer than a session, shorter than a change of plan should take to be noticed. It is no guess.
            Self::LacksModel => (secs(6 * 3_600), secs(6 * 3_600)),
            Self::Overloaded => (secs(2), secs(30)),
            Self::Challenged => (secs(15), MAX_GUESS),
        }
    }
}

/// On whose word a pause lasts as long as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestSource {
    /// The refusal named the moment or the time until then.
    ResetsAt,
    /// `retry-after`, or the same in the words of an error.
    RetryAfter,
    /// The limits in the headers of the refusal.
    Headers,
    /// What was known of the account's usage windows.
    UsageWindow,
    /// Nobody said.
    Guess,
}

impl RestSource {
    pub const ALL: [Self; 5] = [
        Self::ResetsAt,
        Self::RetryAfter,
        Self::Headers,
        Self::UsageWindow,
        Self::Guess,
    ];

    /// As it stands in files and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResetsAt => "resets_at",
            Self::RetryAfter => "retry_after",
            Self::Headers => "headers",
            Self::UsageWindow => "usage_window",
            Self::Guess => "guess",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// A pause as a face shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    pub until: SystemTime,
    pub cause: RestCause,
    pub source: RestSource,
    /// The only model that it is about, if it is one.
    pub model: Option<String>,
}

/// Whom a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Profile,
    /// The profile, for the model that was asked for.
    Model,
    /// Everybody who goes the same way.
    Path,
    /// The same, for the model that was asked for.
    PathModel,
}

/// What a refusal means for those that come after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    pub scope: Scope,
    pub cause: RestCause,
    pub told: Option<Told>,
}

/// An end that somebody told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub until: SystemTime,
    pub source: RestSource,
}

/// The attempt that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    pub began: SystemTime,
    pub now: SystemTime,
    /// Differs from profile to profile, so that not all of them are tried again at the same moment.
    pub salt: &'a str,
    /// Whether a usage poll will notice an end that comes early.
    pub is_polled: bool,
}

/// For "too many requests" without a time.
pub const GUESSED_THROTTLE_REST: Duration = Duration::from_secs(5);
const MAX_GUESS: Duration = Duration::from_secs(300);
const MIN_REST: Duration = Duration::from_secs(1);
/// Longer than any window. A clock that is wrong must not shut an account out for good.
pub const MAX_REST: Duration = Duration::from_secs(8 * 86_400);
/// At a reset not everybody comes at once.
const MAX_JITTER: Duration = Duration::from_secs(30);
/// Stamps that lie further ahead are of a clock that has been set back since.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// How often an account that nothing else asks about is tried by one request.
const CANARY_EVERY: Duration = Duration::from_secs(30 * 60);

impl Cooldown {
    /// What follows from a refusal, after `before` if there was one.
    pub fn new(
        cause: RestCause,
        told: Option<Told>,
        refused: Refused<'_>,
        before: Option<&Self>,
    ) -> Self {
        let now = refused.now;
        let same = before.filter(|before| before.cause == cause);
        let repeats = same.map_or(0, |same| {
            // A sibling that was already on its way says nothing about how long it lasts.
            let was_tried_again = refused.began >= same.probe_at;
            same.repeats.saturating_add(u32::from(was_tried_again))
        });
        let (source, length) = match told {
            Some(told) => {
                let length = told.until.duration_since(now).unwrap_or_default();
                (told.source, length.clamp(MIN_REST, MAX_REST))
            }
            None => {
                let (first, most) = cause.guess();
                let length = first.saturating_mul(1 << repeats.min(16)).min(most);
                (RestSource::Guess, length)
            }
        };
        let until = now + length;
        let end = until + jitter(length, refused.salt, until);
        let canary = now + CANARY_EVERY;
        let probe_at = if cause == RestCause::LacksModel {
            until
        } else if refused.is_polled {
            end
        } else {
            end.min(canary)
        };
        Self {
            cause,
            source,
            since: now,
            until,
            probe_at,
            repeats,
        }
    }

    /// One that was known before, by its bare facts.
    pub fn known(
        cause: RestCause,
        source: RestSource,
        since: SystemTime,
        until: SystemTime,
    ) -> Self {
        Self {
            cause,
            source,
            since,
            until,
            probe_at: until,
            repeats: 0,
        }
    }

    /// The same for an account that no poll asks about.
    #[must_use]
    pub fn unpolled(mut self, now: SystemTime) -> Self {
        if self.cause != RestCause::LacksModel {
            self.probe_at = self.probe_at.min(now + CANARY_EVERY);
        }
        self
    }

    /// Nobody's word for its end holds any more: it ends when a guess would have, or earlier.
    fn become_a_guess(&mut self) {
        let (_, most) = self.cause.guess();
        self.source = RestSource::Guess;
        self.until = self.until.min(self.since + most);
        self.probe_at = self.probe_at.min(self.until);
    }

    pub fn is_evidence(&self) -> bool {
        self.source != RestSource::Guess
    }

    /// Whether it has nothing more to say at `now`, not even that one should go first.
    fn is_over(&self, now: SystemTime) -> bool {
        // Long after it nobody comes all at once any more.
        let grace = match self.cause {
            RestCause::LacksModel => Duration::ZERO,
            _ => Duration::from_secs(3_600),
        };
        self.probe_at.max(self.until) + grace <= now
    }

    pub fn view(&self, model: Option<&str>) -> Rest {
        Rest {
            until: self.until,
            cause: self.cause,
            source: self.source,
            model: model.map(str::to_owned),
        }
    }
}

/// Whether this was noted by a clock that has been set back since.
pub fn is_from_future(at: SystemTime, now: SystemTime) -> bool {
    at.duration_since(now).is_ok_and(|ahead| ahead > CLOCK_SKEW)
}

/// Between nothing and a tenth of the pause, at most 30 s; the same for the same profile and end.
fn jitter(length: Duration, salt: &str, until: SystemTime) -> Duration {
    let most = (length / 10).min(MAX_JITTER);
    let mut hasher = DefaultHasher::new();
    (salt, until).hash(&mut hasher);
    let share = (hasher.finish() % 1_000) as f64 / 1_000.0;
    most.mul_f64(share)
}

/// How one stands at a moment, for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is in the way.
    Free,
    /// A pause is over and one request has to find out.
    Due,
    /// The one request is under way.
    Probing,
    Resting {
        cause: RestCause,
        /// When somebody may try again.
        until: SystemTime,
    },
}

impl Standing {
    /// The worse of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rank = |standing: &Self| match standing {
            Self::Free => (0, None),
            Self::Due => (1, None),
            Self::Probing => (2, None),
            Self::Resting { until, .. } => (3, Some(*until)),
        };
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }
}

/// The pauses of one profile, or of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cooldowns {
    pub all: Option<Cooldown>,
    models: Vec<(String, Cooldown)>,
    /// The user wants it tried whatever was known by then.
    pub tried_now_at: Option<SystemTime>,
}

/// Names come from clients: few, and none longer than any model's.
const MAX_MODELS: usize = 32;
const MAX_MODEL_BYTES: usize = 128;

impl Cooldowns {
    /// Takes in a refusal; `model` for one that is about a model only.
    pub fn note(
        &mut self,
        model: Option<&str>,
        cause: RestCause,
        told: Option<Told>,
        refused: Refused<'_>,
    ) {
        let now = refused.now;
        self.models.retain(|(_, cooldown)| !cooldown.is_over(now));
        let Some(model) = model else {
            let new = Cooldown::new(cause, told, refused, self.all.as_ref());
            if self
                .all
                .as_ref()
                .is_none_or(|old| replaces(&new, old, refused))
            {
                self.all = Some(new);
            }
            return;
        };
        if model.len() > MAX_MODEL_BYTES {
            return;
        }
        let place = self.models.iter().position(|(name, _)| name == model);
        let old = place.map(|place| self.models.remove(place).1);
        let new = Cooldown::new(cause, told, refused, old.as_ref());
        let kept = match old {
            Some(old) if !replaces(&new, &old, refused) => old,
            _ => new,
        };
        if self.models.len() == MAX_MODELS {
            self.models.remove(0);
        }
        self.models.push((model.to_owned(), kept));
    }

    /// A pause as it was kept by an earlier run.
    pub fn restore(&mut self, model: Option<String>, cooldown: Cooldown) {
        match model {
            None => self.all = Some(cooldown),
            Some(model) if self.models.len() < MAX_MODELS && model.len() <= MAX_MODEL_BYTES => {
                self.models.push((model, cooldown));
            }
            Some(_) => {}
        }
    }

    /// An attempt that began then was answered, with this model.
    pub fn note_served(&mut self, model: &str, began: SystemTime, now: SystemTime) {
        // What was refused since says more than an answer that began before.
        let is_lifted =
            |cooldown: &Cooldown| cooldown.since <= began || is_from_future(cooldown.since, now);
        if self.all.as_ref().is_some_and(is_lifted) {
            self.all = None;
        }
        self.models
            .retain(|(name, cooldown)| name != model || !is_lifted(cooldown));
    }

    /// A poll that was answered then shows room.
    pub fn note_room(&mut self, seen_at: SystemTime) {
        let is_older = |since: SystemTime| since <= seen_at || is_from_future(since, seen_at);
        self.all
            .take_if(|all| all.cause == RestCause::UsageLimit && is_older(all.since));
    }

    /// The newest numbers show room: an end that was read off older ones is no more than a guess.
    pub fn doubt_windows(&mut self) {
        let models = self.models.iter_mut().map(|(_, cooldown)| cooldown);
        for cooldown in self.all.iter_mut().chain(models) {
            if cooldown.source == RestSource::UsageWindow {
                cooldown.become_a_guess();
            }
        }
    }

    /// Polls fail: what only they would have noticed is found out by a request.
    pub fn note_unpolled(&mut self, now: SystemTime) {
        let is_limit = |all: &mut Cooldown| all.cause == RestCause::UsageLimit;
        if let Some(all) = self.all.take_if(is_limit) {
            self.all = Some(all.unpolled(now));
        }
    }

    /// Ends what is about the login: there is another one.
    pub fn note_new_login(&mut self) {
        if self
            .all
            .as_ref()
            .is_some_and(|all| all.cause == RestCause::Refused)
        {
            self.all = None;
        }
    }

    /// Ends everything by the user's wish.
    pub fn try_now(&mut self, now: SystemTime) {
        self.all = None;
        self.models.clear();
        self.tried_now_at = Some(now);
    }

    /// Whether usage numbers of this age may keep anybody away.
    pub fn believes_usage_of(&self, fetched_at: SystemTime, now: SystemTime) -> bool {
        self.tried_now_at
            .is_none_or(|at| fetched_at > at || is_from_future(at, now))
    }

    /// How it stands for a request for this model, whether it has the model or not. `is_lifted` knows of successes that are too new to be here.
    pub fn standing(
        &self,
        model: &str,
        now: SystemTime,
        is_lifted: impl Fn(Option<&str>, &Cooldown) -> bool,
    ) -> Standing {
        let of_model = self.models.iter().find(|(name, _)| name == model);
        let of_model = of_model.map(|(name, cooldown)| (Some(name.as_str()), cooldown));
        let all = self.all.as_ref().map(|all| (None, all));
        all.into_iter()
            .chain(of_model)
            .filter(|(_, cooldown)| cooldown.cause != RestCause::LacksModel)
            .filter(|(model, cooldown)| !is_lifted(*model, cooldown))
            .map(|(_, cooldown)| {
                // A moment that the upstream named is right whatever our clock was.
                let is_misdated =
                    cooldown.source != RestSource::ResetsAt && is_from_future(cooldown.since, now);
                if cooldown.probe_at > now && !is_misdated {
                    Standing::Resting {
                        cause: cooldown.cause,
                        until: cooldown.probe_at,
                    }
                } else if cooldown.is_over(now) {
                    Standing::Free
                } else {
                    Standing::Due
                }
            })
            .fold(Standing::Free, Standing::or)
    }

    /// Since when it is believed that it was refused this model.
    pub fn lacks_since(&self, model: &str, now: SystemTime) -> Option<SystemTime> {
        let is_lack = |(name, cooldown): &&(String, Cooldown)| {
            name == model && cooldown.cause == RestCause::LacksModel && !cooldown.is_over(now)
        };
        let (_, lack) = self.models.iter().find(is_lack)?;
        Some(lack.since).filter(|since| !is_from_future(*since, now))
    }

    /// Every pause, with the model that it is about.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Cooldown)> {
        let models = self
            .models
            .iter()
            .map(|(model, cooldown)| (Some(model.as_str()), cooldown));
        self.all.iter().map(|all| (None, all)).chain(models)
    }

    /// What a face shows of them.
    pub fn views(&self, now: SystemTime) -> impl Iterator<Item = Rest> {
        self.iter()
            .filter(move |(_, cooldown)| cooldown.until > now)
            .map(|(model, cooldown)| cooldown.view(model))
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.models.is_empty()
    }
}

/// A longer pause with evidence is not shortened by a burst of other refusals.
fn replaces(new: &Cooldown, old: &Cooldown, refused: Refused<'_>) -> bool {
    let is_tried_again = refused.began >= old.probe_at;
    let is_better = new.is_evidence() && (!old.is_evidence() || new.cause == RestCause::UsageLimit);
    old.until <= refused.now || is_tried_again || is_better || new.until > old.until
}

#[cfg(test)]
mod tests;
