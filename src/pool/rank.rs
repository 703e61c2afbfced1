//! What each strategy makes of the usable members: a standing for everyone, the lowest first.
//!
//! API keys and endpoints cost money where a ChatGPT allowance would only expire, so they come last wherever the user has not said
//! otherwise. Among equals comes first who has fewer requests under way, then the name, so that the order is total.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Access, Candidate, Member, Reason, Strategy, Tier};

/// What makes two requests at the same moment different. Drawn by whoever asks; choosing itself has no dice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Draw {
    /// Counts the requests, for strategies that take turns.
    pub turn: u64,
    /// Any number, for strategies that draw lots.
    pub seed: u64,
}

/// The number that gave a member its place, and what it counts. Its words: `80 percent left`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// None when there is nothing to count, or it is not known.
    pub number: Option<f64>,
    pub words: &'static str,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{number:.0} {}", self.words),
            None => f.write_str(self.words),
        }
    }
}

/// Where a member stands.
struct Standing {
    /// Everybody of a lower one comes first.
    group: u8,
    /// Inside a group the lowest comes first.
    cost: f64,
    score: Score,
}

/// The members in the order of the strategy.
pub(super) fn ranked(
    strategy: Strategy,
    mut members: Vec<Arc<Member>>,
    draw: Draw,
    now: SystemTime,
) -> Vec<Candidate> {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    // Read once: a number that changes while it is sorted by gives no order.
    let busy: Vec<usize> = members.iter().map(|it| it.in_flight.count()).collect();
    let standings = match strategy {
        Strategy::Active => each(&members, |_the_only_one| {
            (0, 0.0, score(None, "", "in use"))
        }),
        Strategy::Ordered => each(&members, in_order),
        Strategy::RoundRobin => in_turn(&members, draw.turn, |it| u8::from(costs_money(it))),
        Strategy::LeastUsed | Strategy::Sticky => each(&members, |it| most_left(it, now)),
        Strategy::Priority => in_turn(&members, draw.turn, |it| tier_of(it) as u8),
        Strategy::SoonestReset => each(&members, |it| soonest_reset(it, now)),
        Strategy::Fastest => fastest(&members, &busy, draw.seed, now),
    };
    let reason = match strategy {
        Strategy::Active => Reason::InUse,
        Strategy::Ordered => Reason::InOrder,
        Strategy::RoundRobin => Reason::RoundRobin,
        Strategy::LeastUsed | Strategy::Sticky => Reason::MostLeft,
        Strategy::Priority => Reason::Priority,
        Strategy::SoonestReset => Reason::ResetsSoonest,
        Strategy::Fastest => Reason::Fastest,
    };
    let mut rows: Vec<_> = standings.into_iter().zip(busy).zip(members).collect();
    rows.sort_by(|((a, a_busy), _), ((b, b_busy), _)| {
        let by_standing = a.group.cmp(&b.group).then(a.cost.total_cmp(&b.cost));
        // The rows come by name and the sort is stable.
        by_standing.then(a_busy.cmp(b_busy))
    });
    let candidate = |((standing, _), member): ((Standing, usize), Arc<Member>)| Candidate {
        member,
        reason,
        score: standing.score,
    };
    rows.into_iter().map(candidate).collect()
}

/// These are also the ones that open the whole API.
pub(super) fn costs_money(member: &Member) -> bool {
    match member.access {
        Access::ApiKey { .. } | Access::Endpoint(_) => true,
        Access::ChatGpt { .. } => false,
    }
}

fn score(number: Option<f64>, words: &'static str, unknown: &'static str) -> Score {
    let words = if number.is_some() { words } else { unknown };
    Score { number, words }
}

fn each(members: &[Arc<Member>], standing: impl Fn(&Member) -> (u8, f64, Score)) -> Vec<Standing> {
    let standing = |member: &Arc<Member>| {
        let (group, cost, score) = standing(member);
        Standing { group, cost, score }
    };
    members.iter().map(standing).collect()
}

/// Whoever has a place in the user's order stands before all that have none; a paid one may be first if it was put there.
fn in_order(member: &Member) -> (u8, f64, Score) {
    let place = member.terms.order.map(f64::from);
    let group = if place.is_some() {
        0
    } else {
        1 + u8::from(costs_money(member))
    };
    (
        group,
        place.unwrap_or_default(),
        score(place, "in the order", "not in the order"),
    )
}

/// What is not known yet counts as half used. Whole points, so that the busier one of two equals is spared.
fn most_left(member: &Member, now: SystemTime) -> (u8, f64, Score) {
    let usage = member.usage.as_ref();
    let left = usage
        .and_then(|usage| usage.binding(now))
        .map(|window| window.left_percent(now).round());
    let cost = 100.0 - left.unwrap_or(50.0);
    (
        u8::from(costs_money(member)),
        cost,
        score(left, "percent left", "not known how much is left"),
    )
}

/// By the longest window, which is what runs out for good: the short ones of all accounts come back soon. One that is not running
/// wastes nothing by waiting.
fn soonest_reset(member: &Member, now: SystemTime) -> (u8, f64, Score) {
    let windows = member.usage.iter().flat_map(|usage| &usage.windows);
    let longest = windows.max_by_key(|window| window.length);
    let until = longest.and_then(|window| window.resets_at?.duration_since(now).ok());
    let minutes = until.map(|until| until.as_secs_f64() / 60.0);
    let cost = minutes.unwrap_or(f64::INFINITY);
    (
        u8::from(costs_money(member)),
        cost,
        score(minutes, "minutes to its reset", "no window is running"),
    )
}

/// What costs money is the last resort until the user says something else.
fn tier_of(member: &Member) -> Tier {
    let unsaid = if costs_money(member) {
        Tier::Last
    } else {
        Tier::Normal
    };
    member.terms.tier.unwrap_or(unsaid)
}

/// Group by group, everybody in turn.
fn in_turn(members: &[Arc<Member>], turn: u64, group_of: impl Fn(&Member) -> u8) -> Vec<Standing> {
    let groups: Vec<u8> = members.iter().map(|it| group_of(it)).collect();
    let mut standings = each(members, |it| (group_of(it), 0.0, score(None, "", "")));
    let mut present = groups.clone();
    present.sort_unstable();
    present.dedup();
    for group in present {
        let of_group: Vec<usize> = (0..members.len())
            .filter(|at| groups.get(*at) == Some(&group))
            .collect();
        let weights: Vec<u64> = of_group
            .iter()
            .filter_map(|at| members.get(*at))
            .map(|member| u64::from(member.terms.weight.max(1)))
            .collect();
        for (at, turns) in of_group.into_iter().zip(turns_to_wait(&weights, turn)) {
            if let Some(standing) = standings.get_mut(at) {
                standing.cost = turns as f64;
                standing.score = score(Some(turns as f64), "turns to wait", "");
            }
        }
    }
    standings
}

/// How many others come before each at this turn. In every round, as long as the sum of the weights, each is first as often as its
/// weight says; the others follow it as they stand.
fn turns_to_wait(weights: &[u64], turn: u64) -> Vec<usize> {
    let Some(whose) = whose_turn(weights, turn) else {
        return Vec::new();
    };
    let count = weights.len();
    (0..count).map(|at| (at + count - whose) % count).collect()
}

fn whose_turn(weights: &[u64], turn: u64) -> Option<usize> {
    let first = weights.first()?;
    if weights.iter().all(|weight| weight == first) {
        return usize::try_from(turn % weights.len() as u64).ok();
    }
    // The places of a round are visited in strides, so that the turns of a heavy one lie apart.
    let round: u64 = weights.iter().sum();
    let place = turn % round * stride_of(round) % round;
    let mut end = 0;
    weights.iter().position(|weight| {
        end += weight;
        place < end
    })
}

/// About the golden part of the round, and prime to it, so that every place has its turn.
fn stride_of(round: u64) -> u64 {
    let near = round * 618 / 1_000;
    let is_prime_to = |stride: &u64| gcd(*stride, round) == 1;
    (1..=near).rev().find(is_prime_to).unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Two are drawn of those that cost nothing (of all, when there is no such one), and the better of them is first: always taking the
/// best would send every request of a moment to the same one. The others follow by their cost.
fn fastest(members: &[Arc<Member>], busy: &[usize], seed: u64, now: SystemTime) -> Vec<Standing> {
    let first_tokens: Vec<Option<f64>> = members
        .iter()
        .map(|it| {
            it.speed
                .first_token(now)
                .map(|took| took.as_secs_f64() * 1_000.0)
        })
        .collect();
    // Whoever was not measured lately is thought as fast as the best, so that it is asked, and measured.
    let best = first_tokens
        .iter()
        .flatten()
        .copied()
        .reduce(f64::min)
        .unwrap_or_default();
    let mut standings: Vec<Standing> = members
        .iter()
        .zip(&first_tokens)
        .zip(busy)
        .map(|((member, first_token), busy)| Standing {
            // Odd numbers: the one that was drawn stands before its group.
            group: 1 + 2 * u8::from(costs_money(member)),
            cost: first_token.unwrap_or(best).max(1.0) * (busy + 1) as f64,
            score: score(*first_token, "ms to the first token", "not measured lately"),
        })
        .collect();
    let lowest = standings.iter().map(|standing| standing.group).min();
    let mut healthy: Vec<&mut Standing> = standings
        .iter_mut()
        .filter(|standing| Some(standing.group) == lowest)
        .collect();
    if let Some(better) = better_of_two(&healthy, seed)
        && let Some(standing) = healthy.get_mut(better)
    {
        standing.group -= 1;
    }
    standings
}

fn better_of_two(standings: &[&mut Standing], seed: u64) -> Option<usize> {
    let count = standings.len() as u64;
    let one = seed.checked_rem(count)?;
    // The upper half, which the first draw has hardly used.
    let other = match (seed >> 32).checked_rem(count - 1) {
        Some(step) => (one + 1 + step) % count,
        None => one,
    };
    let (one, other) = (usize::try_from(one).ok()?, usize::try_from(other).ok()?);
    let is_better = standings.get(other)?.cost < standings.get(one)?.cost;
    Some(if is_better { other } else { one })
}
