//! Which member serves a request, in which order the others follow, and why the rest is left out.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::rank::{costs_money, ranked};
use super::terms::{Limit, ReservedWindow};
use super::{Access, Draw, Member, Pool, RestCause, Score, Standing, Strategy, Trouble};
use crate::pattern::Pattern;
use crate::profile::ProfileName;

/// What a request needs of whoever serves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need<'a> {
    /// As the client named it; empty when it named none.
    pub model: &'a str,
    /// Whether only the API will do, which ChatGPT accounts do not open.
    pub is_api_only: bool,
    /// Instead of the pool's own.
    pub strategy: Option<Strategy>,
    /// The names or groups of the profiles that may serve it; none: all may.
    pub allowed: Option<&'a [Pattern]>,
    pub draw: Draw,
}

/// The order to try, and everybody who is not in it.
#[derive(Debug, Default)]
pub struct Choice {
    /// The one that was used.
    pub strategy: Strategy,
    pub model: ModelHope,
    pub candidates: Vec<Candidate>,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug)]
pub struct Candidate {
    pub member: Arc<Member>,
    pub reason: Reason,
    /// What the strategy counted, whatever has moved the member since.
    pub score: Score,
}

/// Why this member comes at this place; worded for the request log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    InUse,
    InOrder,
    RoundRobin,
    MostLeft,
    ResetsSoonest,
    Priority,
    Fastest,
    /// The user said so.
    Chosen,
    /// It served this conversation before, and the strategy is to stay.
    Sticky,
    /// It served this conversation before.
    Kept,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InUse => "in use",
            Self::InOrder => "in order",
            Self::RoundRobin => "round robin",
            Self::MostLeft => "most left",
            Self::ResetsSoonest => "resets soonest",
            Self::Priority => "priority",
            Self::Fastest => "fastest",
            Self::Chosen => "chosen by you",
            Self::Sticky => "sticky",
            Self::Kept => "same session",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub name: ProfileName,
    pub why: WhyNot,
    /// When that may end by itself.
    pub until: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    Disabled,
    SignInAgain,
    Unreadable,
    NotRoutable,
    /// Its own proxy or headers cannot be understood.
    NoWayOut,
    /// Its allowance is used up.
    Empty,
    Throttled,
    Failing,
    /// Its key, its login or the whole account is refused.
    Refused,
    /// Its service has too much to do for this model.
    Overloaded,
    /// Something in front of its service asks for proof that we are people.
    Challenged,
    /// One request finds out whether it is back.
    Probing,
    /// It is serving as many requests as it may.
    Busy,
    /// The strategy uses the active profile only.
    NotInUse,
    /// It has no API key, and nothing else will do.
    NoKey,
    /// It was refused this model a while ago, or the user has said what it has and this is not among it.
    LacksModel,
    /// The user means it for other models.
    OtherModels,
    /// Whoever asks may not use it.
    NotAllowed,
    /// Of this window only the reserve is left.
    Reserve(ReservedWindow),
    /// It has spent what the user allows.
    Limit(Limit),
}

impl WhyNot {
    /// Whether waiting helps. The others need the user.
    pub fn ends_by_itself(self) -> bool {
        match self {
            Self::Empty
            | Self::Throttled
            | Self::Failing
            | Self::Refused
            | Self::Overloaded
            | Self::Challenged
            | Self::Probing
            | Self::Busy
            | Self::Reserve(_)
            | Self::Limit(_) => true,
            Self::Disabled
            | Self::SignInAgain
            | Self::Unreadable
            | Self::NotRoutable
            | Self::NoWayOut
            | Self::NotInUse
            | Self::NoKey
            | Self::LacksModel
            | Self::OtherModels
            | Self::NotAllowed => false,
        }
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "not in the pool",
            Self::SignInAgain => "login expired",
            Self::Unreadable => "login unreadable",
            Self::NotRoutable => "kind of login not supported",
            Self::NoWayOut => "its proxy or header setting cannot be used",
            Self::Empty => "empty",
            Self::Throttled => "throttled",
            Self::Failing => "failing",
            Self::Refused => "its login was refused",
            Self::Overloaded => "its service is overloaded",
            Self::Challenged => "a challenge page is in the way",
            Self::Probing => "being tried again",
            Self::Busy => "busy",
            Self::NotInUse => "not in use",
            Self::NoKey => "has no API key",
            Self::LacksModel => "does not have this model",
            Self::OtherModels => "is for other models",
            Self::NotAllowed => "not allowed for this key",
            Self::Reserve(window) => return write!(f, "reserve {window}"),
            Self::Limit(limit) => return write!(f, "{limit}"),
        })
    }
}

/// Puts the usable members in the order in which they should be tried at `now`.
pub fn choose(pool: &Pool, now: SystemTime) -> Choice {
    choose_for(pool, Need::default(), now)
}

/// The same for a request with a need of its own.
///
/// A member that lacks the model is passed over only as long as another may have it, be it later: when nobody is left, asking again
/// costs nothing, and the answer is the upstream's own.
pub fn choose_for(pool: &Pool, need: Need<'_>, now: SystemTime) -> Choice {
    let choice = sorted(pool, need, Memory::Counts, now);
    let is_passed_over = |out: &LeftOut| out.why == WhyNot::LacksModel;
    let may_wait = choice.left_out.iter().any(|out| out.why.ends_by_itself())
        && choice.model != ModelHope::Nobody;
    if choice.candidates.is_empty() && !may_wait && choice.left_out.iter().any(is_passed_over) {
        return sorted(pool, need, Memory::Ignored, now);
    }
    choice
}

/// Whether waiting brings a model that nobody can be asked for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelHope {
    /// Not known, or not asked.
    #[default]
    Open,
    /// Somebody who has it comes back by itself.
    Waiting,
    /// There is nobody to ask, and everybody who comes back is known not to have it.
    Nobody,
}

/// Whether it counts who was seen to lack the model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    Counts,
    Ignored,
}

fn sorted(pool: &Pool, need: Need<'_>, memory: Memory, now: SystemTime) -> Choice {
    let strategy = need.strategy.unwrap_or(pool.strategy);
    let mut usable = Vec::new();
    let mut left_out = Vec::new();
    // Of those who might still answer: whether they have the model.
    let mut have = Vec::new();
    for member in &pool.members {
        match excluded(pool, member, strategy, need, memory, now) {
            Some((why, until)) => {
                if why.ends_by_itself() || why == WhyNot::LacksModel {
                    have.push(has(member, need, now));
                }
                left_out.push(LeftOut {
                    name: member.name.clone(),
                    why,
                    until,
                });
            }
            None => usable.push(member.clone()),
        }
    }
    let model = if have.contains(&Some(true)) {
        ModelHope::Waiting
    } else if usable.is_empty() && !have.is_empty() && !have.contains(&None) {
        ModelHope::Nobody
    } else {
        ModelHope::Open
    };
    left_out.extend(pool.unusable.iter().map(|unusable| LeftOut {
        name: unusable.name.clone(),
        why: match unusable.trouble {
            Trouble::SignInAgain => WhyNot::SignInAgain,
            Trouble::Unreadable => WhyNot::Unreadable,
            Trouble::NotRoutable => WhyNot::NotRoutable,
            Trouble::NoWayOut => WhyNot::NoWayOut,
        },
        until: None,
    }));
    let mut choice = Choice {
        strategy,
        model,
        candidates: ranked(strategy, usable, need.draw, now),
        left_out,
    };
    if let Some(name) = &pool.routed_to {
        choice.put_first(name);
    }
    choice
}

impl Choice {
    /// The user's own word: in front of everybody, whatever it costs.
    fn put_first(&mut self, name: &ProfileName) {
        let place = self
            .candidates
            .iter()
            .position(|candidate| candidate.member.name == *name);
        if let Some(place) = place {
            let mut chosen = self.candidates.remove(place);
            chosen.reason = Reason::Chosen;
            self.candidates.insert(0, chosen);
        }
    }

    /// Puts the one who answered before in front, for what only it has in its cache: never a paid one in front of one that is
    /// not, so that it stands behind the last of those that come before it, and nobody in front of the one that the user chose.
    pub fn keep_to(&mut self, name: &ProfileName) {
        let place = self
            .candidates
            .iter()
            .position(|candidate| candidate.member.name == *name);
        let Some((place, first)) = place.zip(self.candidates.first()) else {
            return;
        };
        let is_free = !costs_money(&first.member);
        let chosen = usize::from(first.reason == Reason::Chosen);
        if place < chosen {
            return;
        }
        let mut kept = self.candidates.remove(place);
        let mut to = chosen;
        if is_free && costs_money(&kept.member) {
            let mut before = self.candidates.iter().take(place);
            let last_free = before.rposition(|candidate| !costs_money(&candidate.member));
            to = last_free.map_or(0, |last| last + 1);
        }
        if to < place {
            kept.reason = match self.strategy {
                Strategy::Sticky => Reason::Sticky,
                _ => Reason::Kept,
            };
        }
        self.candidates.insert(to, kept);
    }

    /// Moves these to those that are left out, until soon.
    pub fn leave_out(&mut self, names: &[ProfileName], why: WhyNot, until: SystemTime) {
        self.candidates
            .retain(|candidate| !names.contains(&candidate.member.name));
        self.left_out.extend(names.iter().map(|name| LeftOut {
            name: name.clone(),
            why,
            until: Some(until),
        }));
    }

    /// The earliest moment at which one of the members that are only waiting comes back.
    pub fn earliest_return(&self) -> Option<SystemTime> {
        self.left_out
            .iter()
            .filter(|out| out.why.ends_by_itself())
            .filter_map(|out| out.until)
            .min()
    }
}

fn excluded(
    pool: &Pool,
    member: &Member,
    strategy: Strategy,
    need: Need<'_>,
    memory: Memory,
    now: SystemTime,
) -> Option<(WhyNot, Option<SystemTime>)> {
    let is_chosen = pool.routed_to.as_ref() == Some(&member.name);
    if strategy == Strategy::Active && pool.active.as_ref() != Some(&member.name) && !is_chosen {
        return Some((WhyNot::NotInUse, None));
    }
    if !member.terms.is_enabled {
        return Some((WhyNot::Disabled, None));
    }
    if need
        .allowed
        .is_some_and(|allowed| !is_allowed(member, allowed))
    {
        return Some((WhyNot::NotAllowed, None));
    }
    if need.is_api_only && !costs_money(member) {
        return Some((WhyNot::NoKey, None));
    }
    if !member.terms.takes_model(need.model) {
        return Some((WhyNot::OtherModels, None));
    }
    if memory == Memory::Counts && lacks(member, need.model, now) {
        return Some((WhyNot::LacksModel, None));
    }
    if let Some(paused) = paused(pool, member, need.model, now) {
        return Some(paused);
    }
    if let Some((limit, until)) = member.terms.budget.reached(&member.spend, now) {
        return Some((WhyNot::Limit(limit), Some(until)));
    }
    let usage = member.usage.as_ref()?;
    if !member.cooldowns.believes_usage_of(usage.fetched_at, now) {
        return None;
    }
    if let Some(until) = usage.blocked_until(now) {
        return Some((WhyNot::Empty, until));
    }
    let (window, until) = member.terms.reserve.reached(usage, now)?;
    Some((WhyNot::Reserve(window), until))
}

/// How long it takes, roughly, until somebody has found out.
const PROBE_LASTS: Duration = Duration::from_secs(5);

/// What it, or the way to it, was refused.
fn paused(
    pool: &Pool,
    member: &Member,
    model: &str,
    now: SystemTime,
) -> Option<(WhyNot, Option<SystemTime>)> {
    let (cause, until) = match pool.standing(member, model, now) {
        Standing::Free | Standing::Due => return None,
        Standing::Probing => return Some((WhyNot::Probing, Some(now + PROBE_LASTS))),
        Standing::Resting { cause, until } => (cause, until),
    };
    let why = match cause {
        RestCause::UsageLimit => WhyNot::Empty,
        RestCause::Throttled => WhyNot::Throttled,
        RestCause::Failing => WhyNot::Failing,
        RestCause::Refused => WhyNot::Refused,
        RestCause::LacksModel => WhyNot::LacksModel,
        RestCause::Overloaded => WhyNot::Overloaded,
        RestCause::Challenged => WhyNot::Challenged,
    };
    Some((why, Some(until)))
}

/// Whether it was refused this model, or the user's list of what it has does not name it.
fn lacks(member: &Member, model: &str, now: SystemTime) -> bool {
    let is_listed = match &member.access {
        Access::Endpoint(endpoint) => model.is_empty() || endpoint.may_have(model),
        Access::ChatGpt { .. } | Access::ApiKey { .. } => true,
    };
    !is_listed || member.lacks(model, now)
}

/// Whether it has the model, as far as that is known.
fn has(member: &Member, need: Need<'_>, now: SystemTime) -> Option<bool> {
    // A list of models says nothing about what else an API does.
    if need.model.is_empty() || need.is_api_only {
        return None;
    }
    if lacks(member, need.model, now) {
        return Some(false);
    }
    let is_it = |slug: &String| slug == need.model || slug == undated(need.model);
    match member.access {
        // It may call it by another name.
        Access::Endpoint(_) => None,
        Access::ChatGpt { .. } | Access::ApiKey { .. } => {
            Some(member.offers.as_ref()?.iter().any(is_it))
        }
    }
}

/// `gpt-5.5` of `gpt-5.5-2026-04-23`: a dated name may be understood where only the plain one is listed.
fn undated(model: &str) -> &str {
    const DATE: &str = "-0000-00-00";
    let Some((plain, date)) = model
        .len()
        .checked_sub(DATE.len())
        .and_then(|at| model.split_at_checked(at))
    else {
        return model;
    };
    let is_date = date
        .bytes()
        .zip(DATE.bytes())
        .all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        });
    if is_date { plain } else { model }
}

/// A key names profiles, or groups of them.
fn is_allowed(member: &Member, allowed: &[Pattern]) -> bool {
    let group = member.terms.group.as_deref();
    allowed
        .iter()
        .any(|it| it.fits(member.name.as_str()) || group.is_some_and(|group| it.fits(group)))
}

#[cfg(test)]
mod tests;
