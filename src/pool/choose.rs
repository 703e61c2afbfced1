//! Which member serves a request, in which order the others follow, and why the rest is left out.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Access, Lack, Member, Pool, RestCause, Trouble};
use crate::profile::ProfileName;

/// How the router picks. A new one is an arm in `rank`, one in `reason` and, where it narrows the field, one in `excluded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Only the profile that the Codex CLI uses.
    Active,
    /// The profile with the most percent left.
    #[default]
    LeastUsed,
}

impl Strategy {
    pub const ALL: [Self; 2] = [Self::Active, Self::LeastUsed];

    /// As it stands in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::LeastUsed => "least_used",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str() == text)
            .ok_or_else(|| UnknownStrategy(text.to_owned()))
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown strategy {0:?}: use \"least_used\" or \"active\"")]
pub struct UnknownStrategy(String);

/// What a request needs of whoever serves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need<'a> {
    /// As the client named it; empty when it named none.
    pub model: &'a str,
    /// Whether only the API will do, which ChatGPT accounts do not open.
    pub is_api_only: bool,
}

/// The order to try, and everybody who is not in it.
#[derive(Debug, Default)]
pub struct Choice {
    pub candidates: Vec<Candidate>,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug)]
pub struct Candidate {
    pub member: Arc<Member>,
    pub reason: Reason,
}

/// Why this member comes at this place; worded for the request log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    InUse,
    MostLeft,
    /// It answered before on the same socket.
    Kept,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InUse => "in use",
            Self::MostLeft => "most left",
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
    /// Its allowance is used up.
    Empty,
    Throttled,
    Failing,
    /// The strategy uses the active profile only.
    NotInUse,
    /// It has no API key, and nothing else will do.
    NoKey,
    /// It was refused this model a while ago, or the user has said what it has and this is not among it.
    LacksModel,
}

impl WhyNot {
    /// Whether waiting helps. The others need the user.
    pub fn ends_by_itself(self) -> bool {
        matches!(self, Self::Empty | Self::Throttled | Self::Failing)
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "not in the pool",
            Self::SignInAgain => "login expired",
            Self::Unreadable => "login unreadable",
            Self::NotRoutable => "kind of login not supported",
            Self::Empty => "empty",
            Self::Throttled => "throttled",
            Self::Failing => "failing",
            Self::NotInUse => "not in use",
            Self::NoKey => "has no API key",
            Self::LacksModel => "does not have this model",
        })
    }
}

/// Puts the usable members in the order in which they should be tried at `now`.
pub fn choose(pool: &Pool, now: SystemTime) -> Choice {
    choose_for(pool, Need::default(), now)
}

/// The same for a request with a need of its own.
///
/// A member that lacks the model is passed over only as long as another may have it: when nobody is left, asking again costs
/// nothing, and the answer is the upstream's own.
pub fn choose_for(pool: &Pool, need: Need<'_>, now: SystemTime) -> Choice {
    let choice = sorted(pool, need, now);
    let is_without_hope =
        choice.candidates.is_empty() && !choice.left_out.iter().any(|out| out.why.ends_by_itself());
    if is_without_hope
        && choice
            .left_out
            .iter()
            .any(|out| out.why == WhyNot::LacksModel)
    {
        return sorted(pool, Need { model: "", ..need }, now);
    }
    choice
}

fn sorted(pool: &Pool, need: Need<'_>, now: SystemTime) -> Choice {
    let mut choice = Choice::default();
    for member in &pool.members {
        match excluded(pool, member, need, now) {
            Some((why, until)) => choice.left_out.push(LeftOut {
                name: member.name.clone(),
                why,
                until,
            }),
            None => choice.candidates.push(Candidate {
                member: member.clone(),
                reason: reason(pool.strategy),
            }),
        }
    }
    choice
        .left_out
        .extend(pool.unusable.iter().map(|unusable| LeftOut {
            name: unusable.name.clone(),
            why: match unusable.trouble {
                Trouble::SignInAgain => WhyNot::SignInAgain,
                Trouble::Unreadable => WhyNot::Unreadable,
                Trouble::NotRoutable => WhyNot::NotRoutable,
            },
            until: None,
        }));
    choice
        .candidates
        .sort_by(|a, b| rank(pool, &a.member, &b.member, now));
    choice
}

impl Choice {
    /// Puts the one who answered before in front, for what only it has in its cache: never a paid one in front of one that is
    /// not.
    pub fn keep_to(&mut self, name: &ProfileName) {
        let place = self
            .candidates
            .iter()
            .position(|candidate| candidate.member.name == *name);
        let Some((place, first)) = place.zip(self.candidates.first()) else {
            return;
        };
        let is_free = !costs_money(&first.member);
        let mut kept = self.candidates.remove(place);
        if place == 0 || (is_free && costs_money(&kept.member)) {
            self.candidates.insert(place, kept);
            return;
        }
        kept.reason = Reason::Kept;
        self.candidates.insert(0, kept);
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
    need: Need<'_>,
    now: SystemTime,
) -> Option<(WhyNot, Option<SystemTime>)> {
    if pool.strategy == Strategy::Active && pool.active.as_ref() != Some(&member.name) {
        return Some((WhyNot::NotInUse, None));
    }
    if !member.is_enabled {
        return Some((WhyNot::Disabled, None));
    }
    if need.is_api_only && !costs_money(member) {
        return Some((WhyNot::NoKey, None));
    }
    if let Access::Endpoint(endpoint) = &member.access
        && !need.model.is_empty()
        && !endpoint.may_have(need.model)
    {
        return Some((WhyNot::LacksModel, None));
    }
    let is_lacked = |lack: &Lack| lack.until > now && lack.model == need.model;
    if member.lacks.iter().any(is_lacked) {
        return Some((WhyNot::LacksModel, None));
    }
    if let Some(rest) = member.rest.as_ref().filter(|rest| rest.until > now) {
        let why = match rest.cause {
            RestCause::UsageLimit => WhyNot::Empty,
            RestCause::Throttled => WhyNot::Throttled,
            RestCause::Failing => WhyNot::Failing,
        };
        return Some((why, Some(rest.until)));
    }
    let until = member.usage.as_ref()?.blocked_until(now)?;
    Some((WhyNot::Empty, until))
}

fn reason(strategy: Strategy) -> Reason {
    match strategy {
        Strategy::Active => Reason::InUse,
        Strategy::LeastUsed => Reason::MostLeft,
    }
}

/// Who comes first. API keys and endpoints cost money where a ChatGPT allowance would only expire, so they come last; among
/// equals the one with fewer requests under way, then the name, so that the order is stable.
fn rank(pool: &Pool, a: &Member, b: &Member, now: SystemTime) -> Ordering {
    let by_use = match pool.strategy {
        Strategy::Active => Ordering::Equal,
        Strategy::LeastUsed => costs_money(a)
            .cmp(&costs_money(b))
            .then_with(|| used_steps(a, now).cmp(&used_steps(b, now))),
    };
    by_use
        .then_with(|| a.in_flight.count().cmp(&b.in_flight.count()))
        .then_with(|| a.name.cmp(&b.name))
}

/// These are also the ones that open the whole API.
fn costs_money(member: &Member) -> bool {
    match member.access {
        Access::ApiKey { .. } | Access::Endpoint(_) => true,
        Access::ChatGpt { .. } => false,
    }
}

/// Percent used of the binding window in whole points; what is not known yet counts as half used.
fn used_steps(member: &Member, now: SystemTime) -> u8 {
    let left = member
        .usage
        .as_ref()
        .and_then(|usage| usage.binding(now))
        .map_or(50.0, |window| window.left_percent(now));
    // Between 0 and 100 by construction of a window.
    (100.0 - left).round() as u8
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::{InFlight, Lease, Rest, Unusable};
    use crate::profile::Secret;
    use crate::usage::{Usage, Window};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    fn in_secs(secs: u64) -> SystemTime {
        NOW + Duration::from_secs(secs)
    }

    fn member(text: &str, used_percent: Option<f64>) -> Member {
        Member {
            name: name(text),
            access: Access::ChatGpt {
                access_token: Secret::new("fake"),
                account_id: None,
                is_fedramp: false,
                expires_at: None,
            },
            is_enabled: true,
            usage: used_percent.map(|used_percent| {
                Arc::new(Usage {
                    plan: None,
                    windows: vec![Window {
                        length: Duration::from_secs(18_000),
                        used_percent,
                        resets_at: Some(in_secs(900)),
                    }],
                    extra: vec![],
                    is_limit_reached: false,
                    credits: None,
                    reset_credits: None,
                    fetched_at: NOW,
                })
            }),
            rest: None,
            lacks: vec![],
            in_flight: InFlight::default(),
        }
    }

    fn pool(strategy: Strategy, members: Vec<Member>) -> Pool {
        Pool {
            members: members.into_iter().map(Arc::new).collect(),
            unusable: Vec::new(),
            active: Some(name("work")),
            strategy,
        }
    }

    fn order(pool: &Pool, now: SystemTime) -> Vec<String> {
        choose(pool, now)
            .candidates
            .iter()
            .map(|c| c.member.name.to_string())
            .collect()
    }

    #[test]
    fn least_used_puts_the_most_left_first_and_keys_last() {
        let mut key = member("key", None);
        key.access = Access::ApiKey {
            key: Secret::new("sk-fake"),
        };
        let pool = pool(
            Strategy::LeastUsed,
            vec![
                key,
                member("work", Some(80.0)),
                member("new", None),
                member("spare", Some(6.0)),
            ],
        );
        assert_eq!(order(&pool, NOW), ["spare", "new", "work", "key"]);
    }

    #[test]
    fn among_equals_the_less_busy_one_comes_first() {
        let pool = pool(
            Strategy::LeastUsed,
            vec![member("a", Some(5.0)), member("b", Some(5.2))],
        );
        let lease = Lease::take(pool.members[0].clone());
        assert_eq!(order(&pool, NOW), ["b", "a"]);
        drop(lease);
        assert_eq!(order(&pool, NOW), ["a", "b"]);
    }

    #[test]
    fn active_uses_only_the_profile_in_use() {
        let pool = pool(
            Strategy::Active,
            vec![member("work", Some(80.0)), member("spare", Some(6.0))],
        );
        let choice = choose(&pool, NOW);
        assert_eq!(order(&pool, NOW), ["work"]);
        assert_eq!(
            choice.left_out,
            [LeftOut {
                name: name("spare"),
                why: WhyNot::NotInUse,
                until: None
            }]
        );
        assert_eq!(choice.earliest_return(), None);
    }

    #[test]
    fn whoever_is_left_out_carries_its_reason_and_the_earliest_return_is_known() {
        let mut resting = member("resting", Some(1.0));
        resting.rest = Some(Rest {
            until: in_secs(60),
            cause: RestCause::Throttled,
        });
        let mut off = member("off", Some(1.0));
        off.is_enabled = false;
        let mut pool = pool(
            Strategy::LeastUsed,
            vec![resting, off, member("empty", Some(100.0))],
        );
        pool.unusable = vec![Unusable {
            name: name("dead"),
            trouble: Trouble::SignInAgain,
        }];
        let choice = choose(&pool, NOW);
        let reasons: Vec<_> = choice
            .left_out
            .iter()
            .map(|out| (out.why, out.until))
            .collect();
        assert_eq!(
            reasons,
            [
                (WhyNot::Throttled, Some(in_secs(60))),
                (WhyNot::Disabled, None),
                (WhyNot::Empty, Some(in_secs(900))),
                (WhyNot::SignInAgain, None),
            ]
        );
        assert_eq!(choice.earliest_return(), Some(in_secs(60)));
    }

    #[test]
    fn a_member_is_back_the_moment_its_window_resets_or_its_rest_ends() {
        let mut resting = member("resting", Some(1.0));
        resting.rest = Some(Rest {
            until: in_secs(60),
            cause: RestCause::Failing,
        });
        let pool = pool(
            Strategy::LeastUsed,
            vec![resting, member("empty", Some(100.0))],
        );
        assert_eq!(order(&pool, in_secs(60)), ["resting"]);
        assert_eq!(order(&pool, in_secs(900)), ["empty", "resting"]);
    }

    fn with_key(mut member: Member) -> Member {
        member.access = Access::ApiKey {
            key: Secret::new("sk-fake"),
        };
        member
    }

    #[test]
    fn what_only_the_api_offers_goes_to_keys_alone() {
        let pool = pool(
            Strategy::LeastUsed,
            vec![member("work", None), with_key(member("key", None))],
        );
        let need = Need {
            is_api_only: true,
            ..Need::default()
        };
        let choice = choose_for(&pool, need, NOW);
        let names: Vec<_> = choice
            .candidates
            .iter()
            .map(|c| c.member.name.as_str())
            .collect();
        assert_eq!(names, ["key"]);
        assert_eq!(choice.left_out[0].why, WhyNot::NoKey);
    }

    #[test]
    fn a_member_that_was_refused_a_model_is_passed_over_for_it_until_that_is_old() {
        let mut work = member("work", Some(1.0));
        work.lacks = vec![Lack {
            model: "gpt-x".into(),
            until: in_secs(60),
        }];
        let pool = pool(Strategy::LeastUsed, vec![work, member("home", Some(90.0))]);
        let first = |model: &str, now| {
            let need = Need {
                model,
                ..Need::default()
            };
            let choice = choose_for(&pool, need, now);
            choice.candidates[0].member.name.to_string()
        };
        assert_eq!(first("gpt-x", NOW), "home");
        assert_eq!(first("gpt-y", NOW), "work");
        assert_eq!(first("gpt-x", in_secs(60)), "work");
    }

    #[test]
    fn when_nobody_else_can_have_the_model_the_memory_counts_for_nothing() {
        let lacking = |text: &str| {
            let mut member = member(text, None);
            member.lacks = vec![Lack {
                model: "gpt-x".into(),
                until: in_secs(60),
            }];
            member
        };
        let need = Need {
            model: "gpt-x",
            ..Need::default()
        };
        let mut off = member("off", None);
        off.is_enabled = false;
        let alone = pool(Strategy::LeastUsed, vec![lacking("work"), off]);
        assert_eq!(choose_for(&alone, need, NOW).candidates.len(), 1);
        let one_waits = pool(
            Strategy::LeastUsed,
            vec![lacking("work"), member("empty", Some(100.0))],
        );
        let choice = choose_for(&one_waits, need, NOW);
        assert!(choice.candidates.is_empty());
        assert_eq!(choice.earliest_return(), Some(in_secs(900)));
    }

    #[test]
    fn a_strategy_is_read_by_its_setting_name() {
        assert_eq!("active".parse(), Ok(Strategy::Active));
        assert!(
            "most"
                .parse::<Strategy>()
                .unwrap_err()
                .to_string()
                .contains("least_used")
        );
    }

    #[test]
    fn the_one_that_answered_before_comes_first_unless_it_alone_costs_money() {
        let mut key = member("key", None);
        key.access = Access::ApiKey {
            key: Secret::new("fake"),
        };
        let members = vec![member("work", Some(5.0)), member("home", Some(50.0)), key];
        let pool = pool(Strategy::LeastUsed, members);
        let keeping_to = |kept: &str| {
            let mut choice = choose(&pool, NOW);
            choice.keep_to(&name(kept));
            let first = &choice.candidates[0];
            assert_eq!(choice.candidates.len(), 3);
            (first.member.name.to_string(), first.reason)
        };
        let most_left = ("work".to_owned(), Reason::MostLeft);
        assert_eq!(keeping_to("home"), ("home".to_owned(), Reason::Kept));
        assert_eq!(keeping_to("work"), most_left);
        assert_eq!(keeping_to("key"), most_left);
        assert_eq!(keeping_to("gone"), most_left);
    }
}
