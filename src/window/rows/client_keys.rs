//! What the Keys page says: which keys there are, how much is left of each, and how an app is pointed here.

use std::time::SystemTime;

use super::row::sentence;
use super::standing::{Fill, Level};
use super::telling::Teller;
use super::{Wish, masked, spoken};
use crate::client_key::{KeyId, LastUse, Policy, Spent};
use crate::desk::{KeyView, KeysView, Snapshot, words};
use crate::pattern::Pattern;
use crate::period::Period;

mod setup;

pub(in crate::window::rows) use setup::is_open_to_others;
pub use setup::{Code, Setup, SetupApp, Snippet};

#[derive(Clone, Debug, PartialEq)]
pub struct ClientKeysPage {
    pub intro: &'static str,
    /// Why the keys cannot be read, and what holds meanwhile. Then nothing is offered that would write over them.
    pub unreadable: Option<String>,
    pub can_change: bool,
    pub rows: Vec<KeyRow>,
    /// Instead of rows.
    pub empty: Option<&'static str>,
    pub required: Required,
    pub setup: Setup,
}

/// Whether a key is needed, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    pub is_on: bool,
    pub text: &'static str,
    /// Something is shut out that may not be meant to be.
    pub is_warning: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KeyRow {
    pub id: KeyId,
    pub label: String,
    /// `made 14 Oct`, `until 2 Dec`, `expired 3 Nov`.
    pub second: String,
    /// `crk_…e9aF`.
    pub shown: String,
    pub models: String,
    /// Tokens: `2.4M`.
    pub used_today: String,
    /// The limit that comes first: `1M a day`, `no limit`.
    pub limit: String,
    pub left: Option<KeyLeft>,
    /// `4m ago`.
    pub last: String,
    pub is_enabled: bool,
    pub is_open: bool,
    /// Everything that it may not do, or does instead, with what was used of it.
    pub facts: Vec<String>,
    pub spoken: String,
}

/// How much of a limit is left.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyLeft {
    pub percent: f64,
    pub fill: Fill,
    /// Where it is little: `2% left`, `empty`.
    pub warning: Option<String>,
    /// `2% left`.
    pub text: String,
}

/// How the user looks at the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientKeysWish<'a> {
    pub app: SetupApp,
    /// The key that the set-up is for.
    pub key: Option<&'a KeyId>,
    /// It is for none, where none is needed.
    pub uses_no_key: bool,
}

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> ClientKeysPage {
    let keys = &snapshot.keys;
    let rows: Vec<_> = keys.keys.iter().map(|key| row(key, wish, teller)).collect();
    // Where there is no file at all, nothing can be written over.
    let can_change = keys.unreadable.is_none() || keys.is_gone;
    ClientKeysPage {
        intro: "Keys let your own apps use the router. Each can have limits of its own.",
        unreadable: keys.unreadable.as_deref().map(|why| unreadable(why, keys)),
        can_change,
        empty: rows.is_empty().then(|| empty(snapshot)),
        required: required(snapshot, rows.iter().any(|row| row.is_open)),
        setup: setup::of(snapshot, wish, teller),
        rows,
    }
}

fn unreadable(why: &str, keys: &KeysView) -> String {
    let why = sentence(why);
    match (keys.is_gone, keys.keys.is_empty()) {
        (true, _) => why,
        (false, true) => format!("{why} Until then nobody is let in."),
        (false, false) => {
            format!("{why} Until then the keys below stay in force, and nothing can be changed.")
        }
    }
}

fn empty(snapshot: &Snapshot) -> &'static str {
    let keys = &snapshot.keys;
    if keys.unreadable.is_some() {
        "No key is known."
    } else if keys.is_required || is_open_to_others(snapshot) {
        "There are no keys, and every request needs one. Make one, or nobody is let in."
    } else {
        "There are no keys yet. Apps on this computer need none: any text will do as one."
    }
}

fn required(snapshot: &Snapshot, has_open: bool) -> Required {
    let is_on = snapshot.keys.is_required;
    let (text, is_warning) = match (is_on, is_open_to_others(snapshot)) {
        (_, true) if !has_open => (
            "Other computers can reach this address, so every request needs a key, and none opens the router.",
            true,
        ),
        (_, true) => (
            "Other computers can reach this address, so every request needs one whatever is set here.",
            false,
        ),
        (true, false) if !has_open => (
            "Every request needs one, and none opens the router. Turn this off to let apps in without.",
            true,
        ),
        (true, false) => (
            "Every request needs one. That stays so when the last key is revoked, until you turn it off.",
            false,
        ),
        (false, false) => (
            "Requests without a key are let in as well, from this computer only.",
            false,
        ),
    };
    Required {
        is_on,
        text,
        is_warning,
    }
}

fn row(key: &KeyView, wish: &Wish<'_>, teller: &Teller<'_>) -> KeyRow {
    let is_expired = key.expires_at.is_some_and(|at| at <= teller.now);
    if let Some(at) = key.expires_at {
        teller.watch(at);
    }
    let budgets = budgets(key, teller);
    let tightest = budgets
        .iter()
        .min_by(|one, other| one.left_percent.total_cmp(&other.left_percent));
    let state = match (key.is_enabled, is_expired) {
        (false, _) => "off",
        (true, true) => "expired",
        (true, false) => "enabled",
    };
    let spoken_left = match tightest {
        Some(budget) => budget.spoken(),
        None => limit_without_budget(&key.policy),
    };
    let label = masked(&key.label, wish);
    let today = spent_in(key, Period::Day, teller);
    let last = last_use(key, teller);
    let mut facts: Vec<_> = key.limits.iter().map(|it| shown_limit(it, wish)).collect();
    facts.extend(budgets.iter().map(Budgeted::fact));
    KeyRow {
        id: key.id.clone(),
        label: label.clone(),
        second: second(key, is_expired, teller),
        shown: format!("crk_…{}", key.last4),
        models: models(&key.policy),
        used_today: tokens(today.tokens()),
        limit: match tightest {
            Some(budget) => budget.limit.clone(),
            None => limit_without_budget(&key.policy),
        },
        left: tightest.map(Budgeted::left),
        is_enabled: key.is_enabled,
        is_open: key.is_enabled && !is_expired,
        spoken: spoken::list([
            Some(label),
            Some(state.to_owned()),
            Some(spoken_left),
            Some(format!("ends in {}", key.last4)),
        ]),
        facts,
        last,
    }
}

/// One limit on what may be spent, and how it stands.
struct Budgeted {
    period: Period,
    /// `1M a day`.
    limit: String,
    /// `612k`.
    spent: String,
    left_percent: f64,
}

impl Budgeted {
    fn left(&self) -> KeyLeft {
        let level = Level::of(self.left_percent);
        let text = match level {
            Level::Empty => "empty".to_owned(),
            Level::Fine | Level::Low | Level::Critical => {
                format!("{} left", words::percent_left(self.left_percent))
            }
        };
        KeyLeft {
            percent: self.left_percent,
            fill: match level {
                Level::Fine => Fill::Neutral,
                Level::Low => Fill::Low,
                Level::Critical => Fill::Critical,
                Level::Empty => Fill::Empty,
            },
            warning: (level != Level::Fine).then(|| text.clone()),
            text,
        }
    }

    /// `39 percent of today's limit left`.
    fn spoken(&self) -> String {
        let whose = match self.period {
            Period::Day => "today's limit",
            Period::Week => "this week's limit",
            Period::Month => "this month's limit",
        };
        let left = spoken::left(self.left_percent);
        match left.strip_suffix(" left") {
            Some(percent) => format!("{percent} of {whose} left"),
            None => format!("nothing of {whose} left"),
        }
    }

    fn fact(&self) -> String {
        format!(
            "{} of {} used, {}",
            self.spent,
            self.limit,
            self.left().text
        )
    }
}

fn budgets(key: &KeyView, teller: &Teller<'_>) -> Vec<Budgeted> {
    let budgets = Period::ALL.into_iter().flat_map(|period| {
        let spent = spent_in(key, period, teller);
        let tokens_most = key.policy.tokens.of(period);
        let of_tokens = tokens_most.map(|most| Budgeted {
            period,
            limit: format!("{} a {period}", tokens(most)),
            spent: tokens(spent.tokens()),
            left_percent: left_percent(spent.tokens(), most),
        });
        let of_cost = key.policy.cost.of(period).map(|most| Budgeted {
            period,
            limit: format!("{} a {period}", dollars(most)),
            spent: format!("{} (est.)", dollars(spent.micro_usd)),
            left_percent: left_percent(spent.micro_usd, most),
        });
        [of_tokens, of_cost]
    });
    budgets.flatten().collect()
}

/// What was spent in the period that holds this moment; what stands there may be of one that is over.
fn spent_in(key: &KeyView, period: Period, teller: &Teller<'_>) -> Spent {
    teller.watch(period.resets_at(teller.now));
    let mut periods = key.used.periods.iter();
    let told = periods.find(|(told, _, _)| *told == period);
    match told {
        Some((_, starts_at, spent)) if period.keeps(*starts_at, teller.now) => *spent,
        _ => Spent::default(),
    }
}

fn left_percent(spent: u64, most: u64) -> f64 {
    let left = most.saturating_sub(spent);
    100.0 * left as f64 / most.max(1) as f64
}

fn limit_without_budget(policy: &Policy) -> String {
    match (policy.requests_per_minute, policy.concurrency) {
        (Some(most), _) => format!("{most} a minute"),
        (None, Some(most)) => format!("{most} at once"),
        (None, None) => "no limit".to_owned(),
    }
}

/// Names of accounts are often made from e-mails.
fn shown_limit(limit: &str, wish: &Wish<'_>) -> String {
    let is_of_accounts = limit.starts_with("accounts ");
    if is_of_accounts && wish.hides_emails {
        return "only some accounts".to_owned();
    }
    limit.to_owned()
}

fn models(policy: &Policy) -> String {
    match (&policy.model, policy.models.as_slice()) {
        (Some(own), _) => format!("always {own}"),
        (None, []) => "all models".to_owned(),
        (None, some) => {
            let some: Vec<_> = some.iter().map(Pattern::as_str).collect();
            some.join(", ")
        }
    }
}

fn second(key: &KeyView, is_expired: bool, teller: &Teller<'_>) -> String {
    match key.expires_at {
        Some(at) if is_expired => format!("expired {}", teller.day(at)),
        Some(at) => format!("until {}", teller.clock(at)),
        None if key.created_at == SystemTime::UNIX_EPOCH => "made before".to_owned(),
        None => format!("made {}", teller.day(key.created_at)),
    }
}

fn last_use(key: &KeyView, teller: &Teller<'_>) -> String {
    const DAY_SECS: u64 = 86_400;
    match key.used.last {
        None => "not yet".to_owned(),
        Some(LastUse::At(at)) => teller.age(at),
        Some(LastUse::OnDay(begins)) => {
            let since = teller.now.duration_since(begins).unwrap_or_default();
            let days = since.as_secs() / DAY_SECS;
            teller.watch(Period::Day.resets_at(teller.now));
            match days {
                0 => "today".to_owned(),
                1 => "yesterday".to_owned(),
                days => format!("{days}d ago"),
            }
        }
    }
}

/// `840`, `18.2k`, `1M`.
pub(super) fn tokens(number: u64) -> String {
    let scaled = |by: f64, unit: &str| {
        let text = format!("{:.1}", number as f64 / by);
        format!("{}{unit}", text.trim_end_matches(".0"))
    };
    match number {
        0..1_000 => number.to_string(),
        1_000..999_950 => scaled(1e3, "k"),
        _ => scaled(1e6, "M"),
    }
}

/// `$20`, `$2.50`.
pub(super) fn dollars(micro_usd: u64) -> String {
    let text = format!("{:.2}", micro_usd as f64 / 1e6);
    format!("${}", text.trim_end_matches(".00"))
}
