//! The rows of the list, their order and their groups.

use super::spoken;
use super::standing::{Fill, Kind, Level, Mark, Standing};
use super::telling::Teller;
use super::{Wish, masked, shown_email};
use crate::desk::sort::Place;
use crate::desk::{LoginKind, ProfileView, RestCause, Snapshot, words};
use crate::profile::ProfileName;
use crate::usage::{Usage, Window, WindowKind};

/// One account in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: ProfileName,
    /// What it is called on screen.
    pub title: String,
    pub plan: Option<String>,
    /// The e-mail, or what tells the account apart.
    pub second: String,
    pub mark: Mark,
    /// It has something to offer now; what has not is written more quietly.
    pub is_usable: bool,
    /// Percent left, shortest window first.
    pub bars: Vec<(f64, Fill)>,
    pub right: Right,
    /// Why something is as it is, for whoever stays on the row.
    pub hint: Option<String>,
    pub spoken: String,
    pub can_switch: bool,
    /// Codex uses it; only a wide page lists it.
    pub is_active: bool,
    pub is_pinned: bool,
    pub is_for_codex: bool,
    pub is_in_pool: bool,
    /// Whether there is usage to ask for.
    pub has_windows: bool,
    /// The user has chosen it for the router.
    pub is_routed_to: bool,
}

/// The two lines at the right of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    Lines {
        /// `week`, before the figure.
        lead: String,
        /// `94%`, or the word that stands for it.
        figure: String,
        level: Level,
        note: String,
    },
    /// The first numbers are on their way: same shape, no words.
    Skeleton,
    /// Its login is dead: the way to a new one.
    SignIn,
}

/// A row with what its place in the list depends on.
pub(super) struct Entry {
    pub row: Row,
    pub place: Place,
    pub level: Level,
    /// Everything that a search looks at, in small letters.
    pub haystack: String,
}

/// Every account that the list shows: all but the one in use where that has a card of its own.
pub(super) fn entries(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Vec<Entry> {
    snapshot
        .profiles
        .iter()
        .filter(|profile| wish.is_wide || !profile.is_active)
        .map(|profile| entry(profile, snapshot, wish, teller))
        .collect()
}

fn entry(
    profile: &ProfileView,
    snapshot: &Snapshot,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Entry {
    let standing = Standing::of(profile, snapshot, teller);
    let is_routed_to = snapshot.router.routed_to.as_ref() == Some(&profile.name);
    let plan = chip(profile, snapshot);
    let second = second(profile, snapshot, wish);
    let right = right(profile, &standing, teller);
    let title = words::called(profile, wish.hides_emails);
    Entry {
        place: Place::of(profile, teller.now),
        level: standing.level().unwrap_or(Level::Fine),
        haystack: haystack(profile, plan.as_deref(), &second, wish),
        row: Row {
            spoken: spoken(profile, &title, plan.as_deref(), &standing, &right, teller),
            name: profile.name.clone(),
            title,
            plan,
            second,
            mark: standing.mark(),
            is_usable: standing.is_usable(),
            bars: bars(&standing, teller),
            hint: hint(profile, &standing).map(|hint| masked(&hint, wish)),
            right,
            can_switch: !profile.is_active && can_switch(profile, &standing),
            is_active: profile.is_active,
            is_pinned: profile.about.is_pinned,
            is_for_codex: profile.kind.is_for_codex(),
            is_in_pool: profile.is_in_pool,
            has_windows: !profile.kind.is_paid_by_request(),
            is_routed_to,
        },
    }
}

/// Whether Codex could use it as it is.
pub(super) fn can_switch(profile: &ProfileView, standing: &Standing<'_>) -> bool {
    profile.kind.is_for_codex() && !matches!(standing.kind, Kind::Unreadable(_) | Kind::SignInAgain)
}

/// Everything that somebody may remember of an account. What is hidden is not found either.
fn haystack(profile: &ProfileView, plan: Option<&str>, second: &str, wish: &Wish<'_>) -> String {
    let about = &profile.about;
    let own = [
        about.label.as_deref(),
        about.note.as_deref(),
        profile.terms.group.as_deref(),
    ];
    let own = own.into_iter().flatten();
    let own = own.chain(about.tags.iter().map(String::as_str));
    let email = profile.email.as_deref().filter(|_| !wish.hides_emails);
    let mut haystack = String::new();
    let told = [
        Some(profile.name.as_str()),
        plan,
        profile.workspace.as_deref(),
        Some(second),
        email,
    ];
    for part in told.into_iter().flatten().chain(own) {
        haystack.push_str(&masked(part, wish).to_lowercase());
        // Nobody searches across it.
        haystack.push('\n');
    }
    haystack
}

/// `Plus`, and `Plus · router first` where the user has chosen it for the router.
pub(super) fn chip(profile: &ProfileView, snapshot: &Snapshot) -> Option<String> {
    let is_chosen = snapshot.router.routed_to.as_ref() == Some(&profile.name);
    let chosen = is_chosen.then(|| "router first".to_owned());
    let words: Vec<_> = plan(profile).into_iter().chain(chosen).collect();
    (!words.is_empty()).then(|| words.join(" · "))
}

/// `Plus`; an API key has no plan, but its kind stands in the same place.
fn plan(profile: &ProfileView) -> Option<String> {
    match profile.kind {
        LoginKind::ApiKey => Some("API".into()),
        LoginKind::Endpoint { kind, .. } => Some(words::endpoint_label(kind).into()),
        LoginKind::ChatGpt | LoginKind::Other(_) | LoginKind::Unknown => profile
            .plan
            .as_deref()
            .map(words::plan_label)
            .filter(|label| !label.is_empty()),
    }
}

/// The e-mail; the workspace where two accounts share one e-mail; else what the login is.
fn second(profile: &ProfileView, snapshot: &Snapshot, wish: &Wish<'_>) -> String {
    let is_same_person = |other: &ProfileView| {
        other.name != profile.name
            && match (&other.email, &profile.email) {
                (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                _ => false,
            }
    };
    match (&profile.workspace, &profile.email) {
        (Some(workspace), Some(_)) if snapshot.profiles.iter().any(is_same_person) => {
            masked(workspace, wish)
        }
        (_, Some(email)) => shown_email(email, wish),
        (Some(workspace), None) => masked(workspace, wish),
        (None, None) => match &profile.kind {
            LoginKind::ApiKey => "OpenAI API".into(),
            LoginKind::Endpoint { host, .. } => host.clone(),
            LoginKind::Other(mode) => mode.clone(),
            LoginKind::ChatGpt => "ChatGPT".into(),
            LoginKind::Unknown => "unknown login".into(),
        },
    }
}

fn bars(standing: &Standing<'_>, teller: &Teller<'_>) -> Vec<(f64, Fill)> {
    let of_usage = |usage: &Usage| {
        usage
            .windows
            .iter()
            .map(|window| {
                (
                    window.left_percent(teller.now),
                    standing.fill(window, false, teller.now),
                )
            })
            .collect()
    };
    match &standing.kind {
        Kind::Usable { usage, .. } => of_usage(usage),
        Kind::Waiting { usage, .. } => usage.map(of_usage).unwrap_or_default(),
        Kind::Loading => vec![(0.0, Fill::Missing); 2],
        Kind::ApiKey
        | Kind::NoWindows
        | Kind::UsageFailed(_)
        | Kind::SignInAgain
        | Kind::Unreadable(_)
        | Kind::ShownOnly(_) => Vec::new(),
    }
}

fn right(profile: &ProfileView, standing: &Standing<'_>, teller: &Teller<'_>) -> Right {
    let words = |figure: &str, level: Level, note: &str| Right::Lines {
        lead: String::new(),
        figure: figure.into(),
        level,
        note: note.into(),
    };
    match &standing.kind {
        Kind::Loading => Right::Skeleton,
        Kind::ApiKey if !profile.kind.is_for_codex() => {
            words("router only", Level::Fine, "no usage windows")
        }
        Kind::ApiKey => words("API key", Level::Fine, "no usage windows"),
        Kind::NoWindows => words("no windows", Level::Fine, "nothing to count"),
        Kind::UsageFailed(_) => words("no numbers", Level::Fine, "not read yet"),
        Kind::SignInAgain if profile.kind == LoginKind::ChatGpt => Right::SignIn,
        Kind::SignInAgain => words("key refused", Level::Empty, "add it anew"),
        Kind::Unreadable(_) => words("unreadable", Level::Empty, "left as it is"),
        Kind::ShownOnly(_) => words("shown only", Level::Fine, "not for the router"),
        Kind::Waiting { window, until, .. } => {
            let what = match window {
                Some(window) => format!("{} empty", words::short_window(window)),
                None => "limit reached".into(),
            };
            words(&what, Level::Empty, &back(*until, teller))
        }
        Kind::Usable {
            usage,
            binding,
            level,
        } => Right::Lines {
            lead: words::short_window(binding),
            figure: words::percent_left(binding.left_percent(teller.now)),
            level: if standing.is_stale {
                Level::Fine
            } else {
                *level
            },
            note: note(profile, usage, binding, *level, standing.is_stale, teller),
        },
    }
}

/// The second line of an account that can be used.
fn note(
    profile: &ProfileView,
    usage: &Usage,
    binding: &Window,
    level: Level,
    is_stale: bool,
    teller: &Teller<'_>,
) -> String {
    if is_stale {
        return teller.age(usage.fetched_at);
    }
    if let Some(rest) = profile.rest.as_ref().filter(|rest| rest.until > teller.now)
        && let Some(left) = teller.until(rest.until)
    {
        return format!("rests {left}");
    }
    match (level, binding.resets_at) {
        // That the account in use is ready goes without saying.
        (Level::Fine, Some(at)) if profile.is_active => match teller.until(at) {
            Some(left) => format!("resets in {left}"),
            None => "ready".into(),
        },
        (Level::Low | Level::Critical, Some(at)) => match teller.until(at) {
            Some(left) => format!("resets in {left}"),
            None => "ready".into(),
        },
        _ if usage.window(WindowKind::FiveHour).is_none()
            && usage.window(WindowKind::Weekly).is_some() =>
        {
            "no 5-hour window".into()
        }
        _ => "ready".into(),
    }
}

/// `back Thu 14:00`. Always a clock: it is a moment to plan by.
pub(super) fn back(until: Option<std::time::SystemTime>, teller: &Teller<'_>) -> String {
    match until {
        Some(at) => format!("back {}", teller.clock(at)),
        None => "back at an unknown time".into(),
    }
}

fn hint(profile: &ProfileView, standing: &Standing<'_>) -> Option<String> {
    match &standing.kind {
        Kind::Unreadable(reason) => return Some(sentence(reason)),
        Kind::SignInAgain => {
            return Some("OpenAI no longer accepts this login. Name, tags and history are kept when you sign in again.".into());
        }
        Kind::ShownOnly(mode) => {
            return Some(format!(
                "Codex can use this login ({mode}); the router cannot."
            ));
        }
        _ => {}
    }
    if let Some(reason) = &profile.usage_error {
        return Some(format!(
            "The last look at its usage failed. {}",
            sentence(reason)
        ));
    }
    let Some(rest) = &profile.rest else {
        let is_for_router = !profile.kind.is_for_codex();
        return is_for_router.then(|| {
            "The router uses it. Codex cannot by itself: point Codex at the router.".into()
        });
    };
    let why = because(rest.cause);
    Some(format!("The router leaves it alone for a while: {why}."))
}

/// Why an account, or the way to it, is left alone for a while.
pub(super) fn because(cause: RestCause) -> &'static str {
    match cause {
        RestCause::UsageLimit => "the upstream says that its allowance is used up",
        RestCause::Throttled => "it was asked too often at once",
        RestCause::Failing => "it failed several times in a row",
        RestCause::Refused => "its login or its key was refused",
        RestCause::LacksModel => "it does not have the model",
        RestCause::Overloaded => "its service has too much to do",
        RestCause::Challenged => "a challenge page is in the way",
    }
}

/// With a capital and a full stop, whatever form a reason came in.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut chars = text.chars();
    let mut sentence: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

fn spoken(
    profile: &ProfileView,
    title: &str,
    plan: Option<&str>,
    standing: &Standing<'_>,
    right: &Right,
    teller: &Teller<'_>,
) -> String {
    let mut parts = vec![
        Some(title.to_owned()),
        plan.map(str::to_owned),
        profile.is_active.then(|| "in use".to_owned()),
        profile.about.is_pinned.then(|| "pinned".to_owned()),
        match standing.kind {
            Kind::Usable { level, .. } => Some(level.word().unwrap_or("ready").to_owned()),
            _ => None,
        },
    ];
    match (&standing.kind, right) {
        (Kind::Usable { usage, binding, .. }, _) => {
            parts.push(Some(format!(
                "{} {}",
                binding.name(),
                spoken::left(binding.left_percent(teller.now))
            )));
            parts.push(
                binding
                    .resets_at
                    .and_then(|at| teller.ahead(at))
                    .map(|ahead| format!("resets in {}", spoken::duration(ahead))),
            );
            if standing.is_stale {
                parts.push(Some(format!(
                    "numbers are from {}",
                    teller.age(usage.fetched_at)
                )));
            }
        }
        (
            Kind::Waiting {
                window: Some(window),
                until,
                ..
            },
            _,
        ) => {
            parts.push(Some(format!("{} empty", window.name())));
            parts.push(Some(back(*until, teller)));
        }
        (Kind::Loading, _) => parts.push(Some("numbers on their way".into())),
        (_, Right::Lines { figure, note, .. }) => {
            parts.push(Some(figure.clone()));
            parts.push(Some(note.clone()));
        }
        (_, Right::SignIn) => parts.push(Some("login expired".into())),
        (_, Right::Skeleton) => {}
    }
    spoken::list(parts)
}
