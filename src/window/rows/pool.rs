//! The Pool page, worded: how long the accounts last, how the router picks among them, and what it makes of each of them now.

use std::time::SystemTime;

use super::detail::{self, Priority, Reserved};
use super::forecast;
use super::row::{back, because, chip};
use super::runway::{self, Ahead, Lanes, Runway};
use super::spoken;
use super::standing::{Kind, Level, Mark, Standing};
use super::telling::Teller;
use super::{Wish, called};
use crate::desk::record::decision;
use crate::desk::settings::Source;
use crate::desk::sort::own_order;
use crate::desk::{PoolRunway, ProfileView, RestCause, Setting, Snapshot, Strategy, words};
use crate::profile::ProfileName;
use crate::usage::runway::Outlook;

/// How the user wants to look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolWish {
    pub ahead: Ahead,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PoolPage {
    pub is_loaded: bool,
    pub runway: Runway,
    /// None where too little is known to draw them.
    pub lanes: Option<Lanes>,
    pub strategies: Vec<StrategyRow>,
    /// The one that counts where nothing else is said.
    pub strategy: Strategy,
    /// Why it cannot be chosen here: a sentence.
    pub strategy_lock: Option<String>,
    /// Whether conversations stay where they are, by whatever strategy.
    pub is_sticky: bool,
    pub sticky_lock: Option<String>,
    /// Who else has a say in that: sentences.
    pub strategy_note: Option<String>,
    /// In the user's own order.
    pub accounts: Vec<PoolRow>,
    /// Whether accounts are told apart by First, Normal and Last.
    pub has_priorities: bool,
    /// Ways to upstreams that are closed: sentences.
    pub closed: Vec<String>,
    /// What clients are told when nothing is left.
    pub foot: String,
    /// Where the last request went, and why; none while names are hidden.
    pub last: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyRow {
    pub strategy: Strategy,
    pub label: &'static str,
    pub sentence: &'static str,
}

/// One account of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRow {
    pub name: ProfileName,
    pub title: String,
    pub plan: Option<String>,
    pub mark: Mark,
    /// What the router makes of it now.
    pub second: String,
    pub tone: PoolTone,
    pub is_used: bool,
    /// None where there is no window of which something could be kept.
    pub reserve: Option<Reserved>,
    pub priority: Priority,
    /// The user has chosen it for the router.
    pub is_routed_to: bool,
    /// It is left alone for a while, and could be tried at once.
    pub can_retry: bool,
    /// More of it, for whoever stays on the row.
    pub hint: Option<String>,
    pub spoken: String,
}

/// How loud the second line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolTone {
    Quiet,
    Low,
    Bad,
}

/// In the order of the page: what needs no thought first.
const STRATEGIES: [StrategyRow; 8] = [
    StrategyRow {
        strategy: Strategy::LeastUsed,
        label: "Most left",
        sentence: "The account with the most percent left.",
    },
    StrategyRow {
        strategy: Strategy::Ordered,
        label: "In order",
        sentence: "Top of the list first, next when it runs out.",
    },
    StrategyRow {
        strategy: Strategy::RoundRobin,
        label: "Round robin",
        sentence: "Each request goes to the next account.",
    },
    StrategyRow {
        strategy: Strategy::SoonestReset,
        label: "Resets soonest",
        sentence: "Use up what comes back first.",
    },
    StrategyRow {
        strategy: Strategy::Priority,
        label: "Priority",
        sentence: "First group before Normal before Last.",
    },
    StrategyRow {
        strategy: Strategy::Fastest,
        label: "Fastest",
        sentence: "The account that answers first.",
    },
    StrategyRow {
        strategy: Strategy::Active,
        label: "In use",
        sentence: "Only the account that Codex uses.",
    },
    StrategyRow {
        strategy: Strategy::Sticky,
        label: "Sticky",
        sentence: "A conversation stays; a new one takes the most left.",
    },
];

impl PoolPage {
    /// The words of the strategy that counts.
    pub fn chosen(&self) -> Option<&StrategyRow> {
        let mut all = self.strategies.iter();
        all.find(|row| row.strategy == self.strategy)
    }

    /// The accounts in the order of the page, which is the user's own.
    pub fn order(&self) -> Vec<ProfileName> {
        self.accounts.iter().map(|row| row.name.clone()).collect()
    }
}

/// Where conversations stay, it is they that take turns.
fn strategies(is_sticky: bool) -> Vec<StrategyRow> {
    let told = |mut row: StrategyRow| {
        if is_sticky && row.strategy == Strategy::RoundRobin {
            row.sentence = "Each conversation goes to the next account.";
        }
        row
    };
    STRATEGIES.map(told).to_vec()
}

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> PoolPage {
    let pool = forecast::of(snapshot, wish, teller);
    // Whose numbers are not known might come first.
    let next = pool.runway.next.filter(|_| pool.unknown + pool.old == 0);
    let next = next.and_then(|index| pool.names.get(index));
    let order = match wish.order {
        Some(order) => order.to_vec(),
        None => own_order(&snapshot.profiles),
    };
    let accounts = order
        .iter()
        .filter_map(|name| snapshot.profile(name))
        .map(|profile| row(profile, next, snapshot, wish, teller))
        .collect();
    PoolPage {
        is_loaded: snapshot.is_loaded,
        runway: runway::of(&pool, snapshot, wish, teller),
        lanes: runway::lanes(&pool, wish.pool.ahead, snapshot, wish, teller),
        strategies: strategies(snapshot.settings.is_on(Setting::Affinity)),
        strategy: snapshot.router.strategy,
        strategy_lock: lock(snapshot, Setting::Strategy),
        is_sticky: snapshot.settings.is_on(Setting::Affinity),
        sticky_lock: lock(snapshot, Setting::Affinity),
        strategy_note: strategy_note(snapshot, wish),
        accounts,
        has_priorities: snapshot.router.strategy == Strategy::Priority,
        closed: snapshot
            .paths
            .iter()
            .filter(|path| path.rest.until > teller.now)
            .map(|path| {
                teller.watch(path.rest.until);
                let until = teller.clock(path.rest.until);
                let why = because(path.rest.cause);
                format!("{} is not asked until {until}: {why}.", path.name)
            })
            .collect(),
        foot: foot(&pool, snapshot, wish, teller),
        // It speaks of accounts by their names.
        last: snapshot
            .requests
            .first()
            .filter(|_| !wish.hides_emails)
            .map(|last| {
                format!(
                    "Last request: {}.",
                    teller.told(|now, zone| decision(last, now, zone))
                )
            }),
    }
}

/// What the environment says cannot be changed by a window.
fn lock(snapshot: &Snapshot, setting: Setting) -> Option<String> {
    match snapshot.settings.get(setting)?.source {
        Source::Environment(variable) => Some(format!("Set by {variable}. Change it there.")),
        Source::Default | Source::File => None,
    }
}

/// Who else decides: the user's own word for one account, and keys with a strategy of their own.
fn strategy_note(snapshot: &Snapshot, wish: &Wish<'_>) -> Option<String> {
    let routed = snapshot.router.routed_to.as_ref().map(|name| {
        let title = called(snapshot, name, wish.hides_emails);
        format!("{title} comes first: you chose it for the router.")
    });
    let keys = snapshot.keys.keys.iter();
    let own = keys.filter(|key| key.policy.strategy.is_some()).count();
    let keys = match own {
        0 => None,
        1 => Some("1 key has a way of its own.".to_owned()),
        more => Some(format!("{more} keys have a way of their own.")),
    };
    let told: Vec<_> = [routed, keys].into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(" "))
}

fn foot(pool: &PoolRunway, snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> String {
    let is_waiting = matches!(pool.runway.outlook, Outlook::NothingUntil(_)) && !pool.has_paid;
    match &pool.next_back {
        Some((name, at)) if is_waiting => {
            let title = called(snapshot, name, wish.hides_emails);
            format!(
                "All accounts are waiting. Next: {title} at {}.",
                teller.clock(*at)
            )
        }
        _ => "If all are empty, the router answers 429 with the next reset time.".to_owned(),
    }
}

fn row(
    profile: &ProfileView,
    next: Option<&ProfileName>,
    snapshot: &Snapshot,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> PoolRow {
    let standing = Standing::of(profile, snapshot, teller);
    let title = words::called(profile, wish.hides_emails);
    let plan = chip(profile, snapshot);
    let (second, tone) = second(profile, &standing, next, snapshot, teller);
    let pool = detail::pool(profile);
    let rests = profile.rest.iter().chain(&profile.model_rests);
    let can_retry = profile.is_in_pool && rests.into_iter().any(|rest| rest.until > teller.now);
    PoolRow {
        name: profile.name.clone(),
        mark: if profile.is_in_pool {
            standing.mark()
        } else {
            Mark::Unknown
        },
        is_routed_to: snapshot.router.routed_to.as_ref() == Some(&profile.name),
        is_used: pool.is_used,
        hint: hint(profile, &second, snapshot, teller),
        spoken: spoken::list([
            Some(title.clone()),
            plan.clone(),
            Some(second.clone()),
            pool.reserve
                .as_ref()
                .filter(|reserve| reserve.percent > 0)
                .map(|reserve| format!("reserve {}", reserve.words)),
        ]),
        reserve: pool.reserve.filter(|_| pool.is_used),
        priority: pool.priority,
        can_retry,
        plan,
        title,
        second,
        tone,
    }
}

/// Why it is or is not used now.
fn second(
    profile: &ProfileView,
    standing: &Standing<'_>,
    next: Option<&ProfileName>,
    snapshot: &Snapshot,
    teller: &Teller<'_>,
) -> (String, PoolTone) {
    use PoolTone::{Bad, Low, Quiet};
    let router = &snapshot.router;
    let is_chosen = router.routed_to.as_ref() == Some(&profile.name);
    if !profile.is_in_pool {
        return ("not in the pool".into(), Quiet);
    }
    match &standing.kind {
        Kind::SignInAgain if profile.kind.is_paid_by_request() => {
            return ("key refused".into(), Bad);
        }
        Kind::SignInAgain => return ("login expired".into(), Bad),
        Kind::Unreadable(_) => return ("login unreadable".into(), Bad),
        Kind::ShownOnly(_) => return ("this kind of login cannot be routed".into(), Quiet),
        _ => {}
    }
    if router.strategy == Strategy::Active && !profile.is_active && !is_chosen {
        return ("not in use, so not asked".into(), Quiet);
    }
    let rest = profile.rest.as_ref().filter(|rest| rest.until > teller.now);
    if let Some(rest) = rest.filter(|rest| rest.cause != RestCause::UsageLimit) {
        teller.watch(rest.until);
        return (resting(rest.until, rest.cause, teller), Low);
    }
    match &standing.kind {
        Kind::Waiting { window, until, .. } => {
            let what = match window {
                Some(window) => format!("{} empty", window.name()),
                None => "limit reached".to_owned(),
            };
            return (format!("{what}, {}", back(*until, teller)), Bad);
        }
        Kind::ApiKey => return (first_or(is_chosen, "paid by the request"), Quiet),
        Kind::Loading | Kind::UsageFailed(_) => {
            return (first_or(is_chosen, "numbers not known yet"), Quiet);
        }
        Kind::NoWindows => return (first_or(is_chosen, "nothing to count"), Quiet),
        Kind::Usable { .. } | Kind::SignInAgain | Kind::Unreadable(_) | Kind::ShownOnly(_) => {}
    }
    let kept = profile.terms.reserve;
    let usage = profile.usage.as_deref();
    if let Some((window, until)) = usage.and_then(|usage| kept.reached(usage, teller.now)) {
        let back = back(until, teller);
        return (format!("reserve {window} reached, {back}"), Low);
    }
    if let Some(rest) = profile
        .model_rests
        .iter()
        .find(|rest| rest.until > teller.now && rest.cause != RestCause::LacksModel)
    {
        let model = rest.model.as_deref().unwrap_or("one model");
        let until = teller.clock(rest.until);
        return (format!("ready, but not for {model} until {until}"), Quiet);
    }
    if let Kind::Usable { binding, level, .. } = &standing.kind
        && matches!(level, Level::Low | Level::Critical)
        && !standing.is_stale
    {
        let resets = binding.resets_at.and_then(|at| teller.until(at));
        let resets = resets.map(|left| format!(", resets in {left}"));
        let word = level.word().unwrap_or("low");
        let tone = if *level == Level::Low { Low } else { Bad };
        return (format!("{word}{}", resets.unwrap_or_default()), tone);
    }
    if is_chosen {
        return (CHOSEN.into(), Quiet);
    }
    if next == Some(&profile.name) {
        return ("next".into(), Quiet);
    }
    let has_reserve = kept.five_hour > 0 || kept.weekly > 0 || kept.other > 0;
    let words = if has_reserve {
        "above reserve"
    } else {
        "ready"
    };
    (words.into(), Quiet)
}

const CHOSEN: &str = "first, chosen by you";

fn first_or(is_chosen: bool, words: &str) -> String {
    if is_chosen { CHOSEN } else { words }.to_owned()
}

/// `resting until 16:05: it failed several times in a row`.
fn resting(until: SystemTime, cause: RestCause, teller: &Teller<'_>) -> String {
    format!("resting until {}: {}", teller.clock(until), because(cause))
}

/// The whole second line where it may be cut off, and what the last request made of the account.
fn hint(
    profile: &ProfileView,
    second: &str,
    snapshot: &Snapshot,
    teller: &Teller<'_>,
) -> Option<String> {
    let name = &profile.name;
    let last = snapshot.requests.iter().find(|it| it.tells_of(name));
    let last = last.and_then(|record| {
        if record.profile.as_ref() == Some(name) {
            let reason = record.reason.as_ref()?;
            return Some(format!(
                "It served a request {}: {reason}.",
                teller.age(record.at)
            ));
        }
        let out = record.left_out.iter().find(|out| out.profile == *name)?;
        Some(format!(
            "It was left out {}: {}.",
            teller.age(record.at),
            out.why
        ))
    });
    let told = super::row::sentence(second);
    let is_long = second.chars().count() > 30;
    match (last, is_long) {
        (Some(last), _) => Some(format!("{told} {last}")),
        (None, true) => Some(told),
        (None, false) => None,
    }
}
