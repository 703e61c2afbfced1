//! The menu as plain rows: what each says, whether it is checked, and what a click on it means.
//!
//! Made from a snapshot, a moment and a time zone; here the wording is tested. Clock times, not countdowns: an open menu does
//! not move. Never enters: the tray's own types. The host shows rows and hands clicks back.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::meter::{is_stale, left_percent, stale_at};
use crate::desk::words::{
    called, clock, clock_changes_at, endpoint_label, middle_truncate, percent_left, plan_label,
    short_window,
};
use crate::desk::{
    Command, LoginKind, ProfileView, RouterState, SignInWay, SignInWish, Snapshot, Sort, sorted,
};
use crate::profile::Health;
use crate::usage::Usage;

/// One line of the menu.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Stays the same while the line stands for the same thing, whatever it says.
    pub key: String,
    pub kind: RowKind,
    /// As a menu wants it: a literal `&` is doubled.
    pub text: String,
    pub is_enabled: bool,
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    Check { is_checked: bool },
    Plain,
    Separator,
}

/// What a click means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Ask(Command),
    /// The same, and the window shows how it goes on.
    AskAndOpen(Command),
    CopyUrl(String),
    /// The window knows more.
    Open,
    Quit,
    Nothing,
}

/// What a menu can show beside a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Linux: one string, no columns.
    OneString,
    /// macOS and Windows: a tab sets the second column to the right.
    Columns,
}

/// More would fill a small screen; the window has them all.
const MOST_ACCOUNTS: usize = 12;
/// The same of accounts that need a sign-in; each of them has its own line above as well.
const MOST_SIGN_INS: usize = 3;
/// Of one line: panels neither wrap nor scroll it.
const MOST_CHARS: usize = 48;
/// What stays of a name, however much stands beside it.
const LEAST_NAME_CHARS: usize = 8;
/// Where the meter turns amber.
const LOW_PERCENT: f64 = 20.0;

/// The whole menu at `now`.
pub fn rows(snapshot: &Snapshot, now: SystemTime, zone: &TimeZone, form: Form) -> Vec<Row> {
    let mut rows = account_rows(snapshot, now, zone, form);
    rows.push(Row::separator("after accounts"));
    rows.push(router_row(snapshot));
    rows.extend(snapshot.router.routed_to.as_ref().map(|name| {
        let name = middle_truncate(name.as_str(), MOST_CHARS / 2);
        let text = escaped(&format!("Router uses {name} first"));
        Row {
            kind: RowKind::Check { is_checked: true },
            ..Row::plain("route", &text, Action::Ask(Command::RouteTo(None)))
        }
    }));
    let url = snapshot.router.base_url();
    rows.push(Row {
        is_enabled: url.is_some(),
        ..Row::plain(
            "copy",
            "Copy router URL",
            url.map_or(Action::Nothing, Action::CopyUrl),
        )
    });
    rows.push(Row::plain(
        "refresh",
        "Refresh now",
        Action::Ask(Command::RefreshAll),
    ));
    rows.push(Row::separator("after router"));
    rows.push(Row::plain("open", "Open Codex Router", Action::Open));
    rows.push(Row::plain("quit", "Quit", Action::Quit));
    rows
}

/// When time alone changes what a row or the icon says; never `now` itself.
pub fn next_change(snapshot: &Snapshot, now: SystemTime) -> Option<SystemTime> {
    let tick = Duration::from_millis(1); // numbers are fresh up to and including that moment
    let of_usage = |usage: &Usage| {
        let resets = usage.windows.iter().filter_map(|window| window.resets_at);
        resets
            .flat_map(|at| [Some(at), clock_changes_at(at, now)])
            .chain([
                stale_at(snapshot, usage).and_then(|at| at.checked_add(tick)),
                clock_changes_at(usage.fetched_at, now),
            ])
            .flatten()
            .filter(|at| *at > now)
            .min()
    };
    let usages = snapshot
        .profiles
        .iter()
        .filter_map(|profile| profile.usage.as_deref());
    usages.filter_map(of_usage).min()
}

impl Row {
    fn plain(key: &str, text: &str, action: Action) -> Self {
        Self {
            key: key.into(),
            kind: RowKind::Plain,
            text: text.into(),
            is_enabled: true,
            action,
        }
    }

    fn separator(key: &str) -> Self {
        Self {
            kind: RowKind::Separator,
            ..Self::plain(key, "", Action::Nothing)
        }
    }
}

fn account_rows(snapshot: &Snapshot, now: SystemTime, zone: &TimeZone, form: Form) -> Vec<Row> {
    if snapshot.lock.is_some() {
        return vec![Row::plain("unlock", "Unlock logins…", Action::Open)];
    }
    if snapshot.profiles.is_empty() {
        let text = if snapshot.is_loaded {
            "No accounts yet"
        } else {
            "Reading accounts"
        };
        return vec![Row {
            is_enabled: false,
            ..Row::plain("no accounts", text, Action::Open)
        }];
    }
    let mut shown = sorted(&snapshot.profiles, Sort::Own, now);
    shown.truncate(MOST_ACCOUNTS);
    // The account in use is always there: it takes the last place if its own is further down.
    if let Some(active) = snapshot.active()
        && !shown.iter().any(|profile| profile.is_active)
        && let Some(last) = shown.last_mut()
    {
        *last = active;
    }
    let mut rows: Vec<_> = shown
        .into_iter()
        .map(|profile| Row {
            key: format!("account {}", profile.name),
            kind: RowKind::Check {
                is_checked: profile.is_active,
            },
            text: escaped(&account_text(snapshot, profile, now, zone, form)),
            is_enabled: profile.kind.is_for_codex(),
            action: account_action(profile),
        })
        .collect();
    if snapshot.profiles.len() > MOST_ACCOUNTS {
        rows.push(Row::plain("more accounts", "More accounts…", Action::Open));
    }
    let dead = snapshot.profiles.iter().filter(|it| needs_sign_in(it));
    rows.extend(dead.take(MOST_SIGN_INS).map(|profile| {
        let room = MOST_CHARS.saturating_sub("Sign in to  again…".chars().count());
        let called = called(profile, snapshot.hides_emails);
        let name = middle_truncate(&called, room);
        let text = escaped(&format!("Sign in to {name} again…"));
        Row::plain(
            &format!("sign in {}", profile.name),
            &text,
            sign_in(profile),
        )
    }));
    rows
}

/// Whether a person can mend it by signing in.
fn needs_sign_in(profile: &ProfileView) -> bool {
    profile.health == Health::SignInAgain && profile.kind == LoginKind::ChatGpt
}

fn sign_in(profile: &ProfileView) -> Action {
    Action::AskAndOpen(Command::SignIn(SignInWish {
        way: SignInWay::Browser,
        again: Some(profile.name.clone()),
        name: None,
    }))
}

fn account_action(profile: &ProfileView) -> Action {
    match profile.health {
        Health::SignInAgain if needs_sign_in(profile) => sign_in(profile),
        Health::SignInAgain | Health::Unreadable(_) => Action::Open,
        _ if profile.is_active => Action::Nothing,
        // Codex cannot use it: there is nothing to switch.
        _ if !profile.kind.is_for_codex() => Action::Nothing,
        Health::Fine | Health::NotRoutable { .. } => {
            Action::Ask(Command::Use(profile.name.clone()))
        }
    }
}

/// What stands beside a name.
#[derive(Debug, PartialEq)]
enum Facts {
    /// The login itself is the news, not its plan.
    Login(&'static str),
    /// Nothing is known yet.
    PlanOnly,
    Empty {
        window: String,
        back: Option<String>,
    },
    Low {
        window: String,
        left: String,
        resets: Option<String>,
    },
    Ready {
        left: String,
    },
    Levels {
        windows: Vec<String>,
        as_of: Option<String>,
    },
}

impl Facts {
    fn of(snapshot: &Snapshot, profile: &ProfileView, now: SystemTime, zone: &TimeZone) -> Self {
        match (&profile.health, &profile.kind) {
            (Health::SignInAgain, _) => return Self::Login("needs sign-in"),
            (Health::Unreadable(_), _) => return Self::Login("cannot be read"),
            (Health::Fine, LoginKind::ApiKey) => return Self::Login("API key"),
            (Health::Fine, LoginKind::Endpoint { kind, .. }) => {
                return Self::Login(endpoint_label(*kind));
            }
            (Health::NotRoutable { .. }, _) | (_, LoginKind::Other(_)) => {
                return Self::Login("not for the router");
            }
            (Health::Fine, LoginKind::ChatGpt | LoginKind::Unknown) => {}
        }
        let Some((usage, binding)) = profile
            .usage
            .as_deref()
            .and_then(|usage| Some((usage, usage.binding(now)?)))
        else {
            return Self::PlanOnly;
        };
        let moment = |at| clock(at, now, zone);
        if let Some(until) = usage.blocked_until(now) {
            return Self::Empty {
                window: short_window(binding),
                back: until.map(moment),
            };
        }
        let left = |window| left_percent(usage, window, now);
        let is_stale = is_stale(snapshot, usage, now);
        let is_untouched = |window| left(window) >= 100.0;
        if is_stale {
            // Old numbers are shown as what they were, not judged.
        } else if left(binding) <= LOW_PERCENT {
            return Self::Low {
                window: short_window(binding),
                left: percent_left(left(binding)),
                resets: binding.resets_at.map(moment),
            };
        } else if !profile.is_active
            && usage.windows.len() > 1
            && usage.windows.first().is_some_and(is_untouched)
        {
            return Self::Ready {
                left: percent_left(left(binding)),
            };
        }
        let worded = |window| format!("{} {}", short_window(window), percent_left(left(window)));
        Self::Levels {
            windows: usage.windows.iter().map(worded).collect(),
            as_of: is_stale.then(|| format!("as of {}", moment(usage.fetched_at))),
        }
    }

    /// Whether the plan is worth its room beside this.
    fn keeps_plan(&self, form: Form) -> bool {
        match self {
            Self::Login(_) | Self::Levels { as_of: Some(_), .. } => false,
            Self::Empty { .. } => form == Form::Columns,
            Self::PlanOnly
            | Self::Low { .. }
            | Self::Ready { .. }
            | Self::Levels { as_of: None, .. } => true,
        }
    }

    fn in_one_string(self) -> Option<String> {
        let with = |text: String, joint: &str, more: Option<String>| match more {
            Some(more) => format!("{text}{joint}{more}"),
            None => text,
        };
        match self {
            Self::Login(text) => Some(text.into()),
            Self::PlanOnly => None,
            Self::Empty { window, back } => Some(with(format!("{window} empty"), ", back ", back)),
            Self::Low {
                window,
                left,
                resets,
            } => Some(with(format!("{window} {left}"), ", resets ", resets)),
            Self::Ready { left } => Some(format!("ready, {left}")),
            Self::Levels { windows, as_of } => Some(with(windows.join(" · "), " · ", as_of)),
        }
    }

    fn in_columns(self) -> Option<String> {
        let parts = match self {
            Self::Login(text) => vec![text.into()],
            Self::PlanOnly => return None,
            Self::Empty { window, back } => [Some(format!("{window} empty")), back]
                .into_iter()
                .flatten()
                .collect(),
            Self::Low {
                window,
                left,
                resets,
            } => [Some(format!("{window} {left}")), resets]
                .into_iter()
                .flatten()
                .collect(),
            Self::Ready { left } => vec!["ready".into(), left],
            Self::Levels { windows, as_of } => windows.into_iter().chain(as_of).collect(),
        };
        Some(parts.join("   "))
    }
}

/// `work · Team · 5h 66% · week 51%`. The name wins: first the plan goes, then the middle of the name.
fn account_text(
    snapshot: &Snapshot,
    profile: &ProfileView,
    now: SystemTime,
    zone: &TimeZone,
    form: Form,
) -> String {
    let facts = Facts::of(snapshot, profile, now, zone);
    let plan = profile
        .plan
        .as_deref()
        .filter(|plan| !plan.is_empty() && facts.keeps_plan(form))
        .map(|plan| format!(" · {}", plan_label(plan)));
    let rest = match form {
        Form::OneString => facts.in_one_string().map(|text| format!(" · {text}")),
        Form::Columns => facts.in_columns().map(|text| format!("\t{text}")),
    }
    .unwrap_or_default();
    let name = called(profile, snapshot.hides_emails);
    let room = MOST_CHARS.saturating_sub(rest.chars().count());
    let plan = plan
        .filter(|plan| name.chars().count() + plan.chars().count() <= room)
        .unwrap_or_default();
    let name = middle_truncate(&name, room.max(LEAST_NAME_CHARS));
    format!("{name}{plan}{rest}")
}

fn router_row(snapshot: &Snapshot) -> Row {
    let router = &snapshot.router;
    let (text, action) = match &router.state {
        RouterState::On => {
            let text = match router.address {
                Some(address) => format!("Router on · {address}"),
                None => "Router on".into(),
            };
            (text, Action::Ask(Command::TurnRouterOff))
        }
        RouterState::Off => ("Router off".into(), Action::Ask(Command::TurnRouterOn)),
        RouterState::Starting => ("Router starting".into(), Action::Nothing),
        // What to do about these is a choice: the window offers it.
        RouterState::PortTaken { port, holder, .. } => {
            let text = match holder {
                Some(holder) => format!("Port {port} is taken by {holder}"),
                None => format!("Port {port} is taken"),
            };
            (text, Action::Open)
        }
        RouterState::Failed(_) => ("Router could not start".into(), Action::Open),
    };
    Row {
        kind: RowKind::Check {
            is_checked: router.state == RouterState::On,
        },
        text: escaped(&middle_truncate(&text, MOST_CHARS)),
        ..Row::plain("router", "", action)
    }
}

/// Menus take a single `&` for the mark of a shortcut. What other programs are called may hold anything; a menu is one line.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\t' { ' ' } else { c })
        .collect::<String>()
        .replace('&', "&&")
}

#[cfg(test)]
mod tests;
