//! The card of the account in use: its windows, or why there are none and what to do.

use std::time::SystemTime;

use super::row::{back, chip, sentence};
use super::spoken;
use super::standing::{Fill, Kind, Level, Standing};
use super::telling::Teller;
use super::{Wish, masked, shown_email};
use crate::desk::{LoginKind, ProfileView, RouterState, Snapshot, Strategy, words};
use crate::profile::ProfileName;
use crate::usage::{Forecast, Pace, Usage, Window};

#[derive(Clone, Debug, PartialEq)]
pub struct ActiveCard {
    pub name: ProfileName,
    /// What it is called on screen.
    pub title: String,
    pub plan: Option<String>,
    /// E-mail and workspace.
    pub second: String,
    pub badge: Badge,
    /// How old the numbers are.
    pub age: String,
    pub body: CardBody,
    pub footer: Option<Footer>,
    pub spoken: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    InUse,
    LoginExpired,
    Unreadable,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CardBody {
    Windows(Vec<WindowBlock>),
    /// The first numbers are on their way: the shape of two windows, without words.
    Skeleton,
    /// One line instead of windows.
    Line(String),
    /// What is wrong and what can be done about it.
    Trouble {
        text: String,
        acts: Vec<CardAct>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardAct {
    SignIn(ProfileName),
    /// And what that account is called.
    SwitchTo(ProfileName, String),
    Refresh(ProfileName),
}

#[derive(Clone, Debug, PartialEq)]
pub struct WindowBlock {
    pub name: String,
    /// The figure without its sign: `66`, `<1`.
    pub figure: String,
    /// `left` or `empty`.
    pub unit: &'static str,
    pub level: Level,
    pub left_percent: f64,
    pub fill: Fill,
    /// Where even use would stand, and whether the fill reaches it.
    pub notch: Option<(f64, bool)>,
    pub reset: String,
    /// The same, where room is short: `2h 54m`.
    pub short_reset: String,
    pub pace: String,
    pub forecast: String,
    /// Whether pace and forecast are bad news.
    pub is_short: bool,
    pub spoken: String,
}

/// What else the account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    pub credits: String,
    pub resets: String,
}

/// Nearer to even use than this is on pace.
const ON_PACE_POINTS: f64 = 2.0;

pub(super) fn of(
    snapshot: &Snapshot,
    profile: &ProfileView,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> ActiveCard {
    let standing = Standing::of(profile, snapshot, teller);
    let badge = match standing.kind {
        Kind::SignInAgain => Badge::LoginExpired,
        Kind::Unreadable(_) => Badge::Unreadable,
        _ => Badge::InUse,
    };
    let plan = chip(profile, snapshot);
    let body = body(snapshot, profile, &standing, wish, teller);
    let title = words::called(profile, wish.hides_emails);
    ActiveCard {
        spoken: spoken::list([
            Some(title.clone()),
            plan.clone(),
            Some(badge.label().to_lowercase()),
        ]),
        name: profile.name.clone(),
        title,
        second: second(profile, wish),
        age: age(snapshot, profile, &standing, teller),
        footer: footer(profile, &body),
        plan,
        badge,
        body,
    }
}

impl Badge {
    pub fn label(self) -> &'static str {
        match self {
            Self::InUse => "In use",
            Self::LoginExpired => "Login expired",
            Self::Unreadable => "Unreadable",
        }
    }
}

impl CardAct {
    pub fn label(&self) -> String {
        match self {
            Self::SignIn(_) => "Sign in again".into(),
            Self::SwitchTo(_, title) => format!("Switch to {title}"),
            Self::Refresh(_) => "Try again".into(),
        }
    }
}

pub(super) fn second(profile: &ProfileView, wish: &Wish<'_>) -> String {
    let email = profile
        .email
        .as_deref()
        .map(|email| shown_email(email, wish));
    let workspace = profile.workspace.as_deref();
    match (email, workspace.map(|title| masked(title, wish))) {
        (Some(email), Some(workspace)) => format!("{email} · {workspace}"),
        (Some(email), None) => email,
        (None, Some(workspace)) => workspace,
        (None, None) => match &profile.kind {
            LoginKind::ApiKey => "OpenAI API".into(),
            LoginKind::Endpoint { host, .. } => host.clone(),
            LoginKind::ChatGpt | LoginKind::Other(_) | LoginKind::Unknown => String::new(),
        },
    }
}

pub(super) fn age(
    snapshot: &Snapshot,
    profile: &ProfileView,
    standing: &Standing<'_>,
    teller: &Teller<'_>,
) -> String {
    if matches!(standing.kind, Kind::SignInAgain | Kind::Unreadable(_)) {
        return String::new();
    }
    if snapshot.is_refreshing && profile.is_refreshing {
        return "Refreshing".into();
    }
    match profile
        .usage
        .as_deref()
        .filter(|usage| !usage.windows.is_empty())
    {
        None => String::new(),
        Some(usage) => {
            let age = teller.age(usage.fetched_at);
            if standing.is_stale || age == "just now" {
                age
            } else {
                format!("updated {age}")
            }
        }
    }
}

pub(super) fn body(
    snapshot: &Snapshot,
    profile: &ProfileView,
    standing: &Standing<'_>,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> CardBody {
    let switch_to_next = || {
        next_best(snapshot, profile, teller, |other| other.kind.is_for_codex())
            .map(|next| {
                CardAct::SwitchTo(next.name.clone(), words::called(next, wish.hides_emails))
            })
            .into_iter()
            .collect::<Vec<_>>()
    };
    match &standing.kind {
        Kind::Usable { usage, .. } => CardBody::Windows(
            usage
                .windows
                .iter()
                .map(|window| block(window, usage, standing, (None, None), profile, teller))
                .collect(),
        ),
        Kind::Waiting { usage: Some(usage), window: Some(empty), .. } => {
            // The empty window leads: it alone says when the account is back.
            let others = usage.windows.iter().filter(|window| window != empty);
            let helper = router_uses(snapshot, profile, wish, teller);
            CardBody::Windows(
                std::iter::once(*empty)
                    .chain(others)
                    .map(|window| block(window, usage, standing, (Some(empty), helper.as_deref()), profile, teller))
                    .collect(),
            )
        }
        Kind::Waiting { until, .. } => CardBody::Trouble {
            text: format!(
                "The upstream says that its limit is reached. It is {}.",
                back(*until, teller)
            ),
            acts: switch_to_next(),
        },
        Kind::Loading => CardBody::Skeleton,
        Kind::ApiKey => CardBody::Line("No usage windows. It is paid by the request.".into()),
        Kind::NoWindows => CardBody::Line("OpenAI tells of no usage windows for it.".into()),
        Kind::ShownOnly(mode) => CardBody::Line(format!(
            "Codex can use this login ({mode}); the router cannot."
        )),
        Kind::UsageFailed(reason) => CardBody::Trouble {
            text: format!("Its usage could not be read. {}", sentence(reason)),
            acts: vec![CardAct::Refresh(profile.name.clone())],
        },
        Kind::SignInAgain if profile.kind == LoginKind::ChatGpt => CardBody::Trouble {
            text: "OpenAI no longer accepts this login. Name, tags and history are kept when you sign in again."
                .into(),
            acts: std::iter::once(CardAct::SignIn(profile.name.clone()))
                .chain(switch_to_next())
                .collect(),
        },
        Kind::SignInAgain => CardBody::Trouble {
            text: "This key is no longer accepted. Add the account again with a key that works."
                .into(),
            acts: switch_to_next(),
        },
        Kind::Unreadable(reason) => CardBody::Trouble {
            text: format!(
                "Its login cannot be read: {} Nothing is overwritten.",
                masked(&sentence(reason), wish)
            ),
            acts: switch_to_next(),
        },
    }
}

fn block(
    window: &Window,
    usage: &Usage,
    standing: &Standing<'_>,
    (empty, helper): (Option<&Window>, Option<&str>),
    profile: &ProfileView,
    teller: &Teller<'_>,
) -> WindowBlock {
    let left_percent = window.left_percent(teller.now);
    let own_level = Level::of(left_percent);
    let ahead = window.resets_at.and_then(|at| teller.until(at));
    let mut block = WindowBlock {
        name: window.name(),
        figure: words::percent_left(left_percent)
            .trim_end_matches('%')
            .to_owned(),
        unit: if own_level == Level::Empty {
            "empty"
        } else {
            "left"
        },
        level: if standing.is_stale && own_level != Level::Empty {
            Level::Fine
        } else {
            own_level
        },
        left_percent,
        fill: standing.fill(window, profile.is_active, teller.now),
        notch: None,
        reset: match (&ahead, window.resets_at) {
            (Some(ahead), _) => format!("resets in {ahead}"),
            (None, Some(at)) => format!("reset at {}", teller.clock(at)),
            (None, None) => String::new(),
        },
        short_reset: ahead.clone().unwrap_or_default(),
        pace: String::new(),
        forecast: String::new(),
        is_short: false,
        spoken: String::new(),
    };
    if own_level == Level::Empty {
        block.reset = back(window.resets_at, teller);
        block.pace = ahead.map(|ahead| format!("in {ahead}")).unwrap_or_default();
        if empty == Some(window) {
            block.forecast = helper.unwrap_or_default().to_owned();
        }
    } else if let Some(empty) = empty {
        block.reset = String::new();
        block.short_reset = String::new();
        block.level = Level::Fine;
        block.pace = format!("not usable until {} is back", in_sentence(empty));
    } else if standing.is_stale {
        block.pace = format!("as of {}", teller.clock(usage.fetched_at));
    } else if let Some(pace) = Pace::of(window, teller.now) {
        say_pace(&mut block, &pace, teller);
    }
    block.spoken = speak(&block, window, teller);
    block
}

fn say_pace(block: &mut WindowBlock, pace: &Pace, teller: &Teller<'_>) {
    let points = pace.reserve_points.round();
    block.is_short = points < -ON_PACE_POINTS;
    block.notch = Some((pace.even_left_percent, pace.reserve_points >= 0.0));
    block.pace = if points.abs() <= ON_PACE_POINTS {
        "on pace".into()
    } else if points > 0.0 {
        format!("{points:.0}% in reserve")
    } else {
        format!("{:.0}% in deficit", -points)
    };
    block.forecast = match pace.forecast {
        Forecast::LastsUntilReset => "lasts until reset".into(),
        Forecast::RunsOut(at) => format!("runs out {}", teller.clock(at)),
    };
}

fn speak(block: &WindowBlock, window: &Window, teller: &Teller<'_>) -> String {
    let reset = match window.resets_at.and_then(|at| teller.ahead(at)) {
        Some(ahead) if block.reset.starts_with("resets in") => {
            format!("resets in {}", spoken::duration(ahead))
        }
        _ => block.reset.clone(),
    };
    spoken::list([
        Some(format!("{} window", block.name)),
        Some(spoken::left(block.left_percent)),
        Some(reset),
        Some(block.pace.replace('%', " percent")),
        Some(block.forecast.clone()),
    ])
}

/// `weekly`, `5-hour`: a window's name within a sentence.
fn in_sentence(window: &Window) -> String {
    window.name().to_lowercase()
}

/// Which account helps out meanwhile, when the router is free to choose one.
fn router_uses(
    snapshot: &Snapshot,
    active: &ProfileView,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Option<String> {
    if snapshot.router.state != RouterState::On || snapshot.router.strategy == Strategy::Active {
        return None;
    }
    next_best(snapshot, active, teller, |_any| true).map(|next| {
        let title = words::called(next, wish.hides_emails);
        format!("router uses {title}")
    })
}

/// The account with the most left, other than this one, among those that can be used now.
fn next_best<'a>(
    snapshot: &'a Snapshot,
    other_than: &ProfileView,
    teller: &Teller<'_>,
    will_do: impl Fn(&ProfileView) -> bool,
) -> Option<&'a ProfileView> {
    let now: SystemTime = teller.now;
    snapshot
        .profiles
        .iter()
        .filter(|profile| profile.name != other_than.name && profile.is_in_pool)
        .filter(|profile| will_do(profile))
        .map(|profile| (profile, Standing::of(profile, snapshot, teller)))
        .filter(|(_, standing)| matches!(standing.kind, Kind::Usable { .. } | Kind::ApiKey))
        .max_by(|(a, x), (b, y)| {
            x.left_percent(now)
                .total_cmp(&y.left_percent(now))
                .then_with(|| b.name.cmp(&a.name))
        })
        .map(|(profile, _)| profile)
}

pub(super) fn footer(profile: &ProfileView, body: &CardBody) -> Option<Footer> {
    if !matches!(body, CardBody::Windows(_)) {
        return None;
    }
    let usage = profile.usage.as_deref()?;
    let credits = usage.credits.as_ref().and_then(|credits| {
        if credits.is_unlimited {
            return Some("Credits without limit".to_owned());
        }
        credits
            .balance
            .filter(|balance| *balance > 0.0)
            .map(|balance| format!("Credits ${balance:.2}"))
    });
    let resets = usage
        .reset_credits
        .filter(|count| *count > 0)
        .map(|count| match count {
            1 => "1 reset to use".to_owned(),
            count => format!("{count} resets to use"),
        });
    (credits.is_some() || resets.is_some()).then(|| Footer {
        credits: credits.unwrap_or_default(),
        resets: resets.unwrap_or_default(),
    })
}
