//! Everything about one account: its windows, how it fared, its login, its place in the pool, the user's words.

use super::card::{self, Badge, CardBody, Footer};
use super::chart::{self, Chart};
use super::row::{can_switch, chip, sentence};
use super::spoken;
use super::standing::{Kind, Standing};
use super::telling::Teller;
use super::{Wish, masked};
use crate::desk::{History, LoginKind, Origin, ProfileView, Rotator, Snapshot, words};
use crate::profile::{EndpointKind, ProfileName};

/// One account, worded.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    pub name: ProfileName,
    /// What it is called on screen.
    pub title: String,
    pub plan: Option<String>,
    /// E-mail and workspace; the name, where a label stands before it.
    pub second: String,
    /// What it is beside an account like any other.
    pub badge: Option<Badge>,
    pub age: String,
    pub can_switch: bool,
    pub is_pinned: bool,
    /// The user has chosen it for the router.
    pub is_routed_to: bool,
    pub body: CardBody,
    pub footer: Option<Footer>,
    /// None where there are no windows to draw.
    pub chart: Option<Chart>,
    pub login: LoginPart,
    pub pool: PoolPart,
    pub group: Option<String>,
    /// The same as it is written.
    pub own_group: Option<String>,
    /// Every group that an account is in.
    pub groups: Vec<String>,
    pub tags: Vec<Tag>,
    pub note: Option<String>,
    /// The same as it is written, to be changed.
    pub own_note: String,
    /// Whether Codex itself could use it.
    pub is_for_codex: bool,
    /// Whether its login comes from signing in.
    pub can_sign_in: bool,
    pub spoken: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// As it is written.
    pub name: String,
    pub shown: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPart {
    /// None where nothing is known that could be judged: a key says nothing of itself.
    pub mark: Option<LoginMark>,
    pub facts: Vec<Fact>,
    /// Why the last refresh brought nothing.
    pub trouble: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginMark {
    Healthy,
    Expired,
    Unreadable,
    /// It works, and could not be renewed the last time.
    NotRenewed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub label: &'static str,
    pub value: String,
    /// What more there is to say, for whoever stays on it.
    pub hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPart {
    pub is_used: bool,
    pub priority: Priority,
    /// None where there is no window of which something could be kept.
    pub reserve: Option<Reserved>,
    /// What the user has said and cannot be meant.
    pub trouble: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Of each window; of several the largest.
    pub percent: u8,
    /// `10%`, or each window by its name where they differ.
    pub words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    First,
    Normal,
    Last,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::First, Self::Normal, Self::Last];

    pub fn label(self) -> &'static str {
        match self {
            Self::First => "First",
            Self::Normal => "Normal",
            Self::Last => "Last",
        }
    }

    /// As the term is written.
    pub fn term(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Normal => "normal",
            Self::Last => "last",
        }
    }
}

impl LoginMark {
    pub fn label(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Expired => "Login expired",
            Self::Unreadable => "Unreadable",
            Self::NotRenewed => "Not renewed",
        }
    }
}

pub(super) fn of(
    snapshot: &Snapshot,
    profile: &ProfileView,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Detail {
    let standing = Standing::of(profile, snapshot, teller);
    let history = snapshot
        .history
        .as_deref()
        .filter(|history| history.name == profile.name);
    let title = words::called(profile, wish.hides_emails);
    let plan = chip(profile, snapshot);
    let badge = match standing.kind {
        Kind::SignInAgain => Some(Badge::LoginExpired),
        Kind::Unreadable(_) => Some(Badge::Unreadable),
        _ => profile.is_active.then_some(Badge::InUse),
    };
    let body = match month_cost(history) {
        Some(cost) if matches!(standing.kind, Kind::ApiKey) => CardBody::Line(cost),
        _ => card::body(snapshot, profile, &standing, wish, teller),
    };
    let own_note = profile.about.note.clone().unwrap_or_default();
    Detail {
        name: profile.name.clone(),
        second: second(profile, &title, wish),
        badge,
        age: card::age(snapshot, profile, &standing, teller),
        can_switch: !profile.is_active && can_switch(profile, &standing),
        is_pinned: profile.about.is_pinned,
        is_routed_to: snapshot.router.routed_to.as_ref() == Some(&profile.name),
        footer: card::footer(profile, &body),
        chart: has_windows(&standing).then(|| chart::of(profile, history, wish.span, teller)),
        login: login(profile, &standing, history, wish, teller),
        pool: pool(profile),
        group: profile
            .terms
            .group
            .as_deref()
            .map(|group| masked(group, wish)),
        own_group: profile.terms.group.clone(),
        groups: groups(snapshot),
        tags: profile
            .about
            .tags
            .iter()
            .map(|tag| Tag {
                shown: masked(tag, wish),
                name: tag.clone(),
            })
            .collect(),
        note: profile.about.note.as_deref().map(|note| masked(note, wish)),
        own_note,
        is_for_codex: profile.kind.is_for_codex(),
        can_sign_in: matches!(profile.kind, LoginKind::ChatGpt | LoginKind::Unknown),
        spoken: spoken::list([
            Some(title.clone()),
            plan.clone(),
            badge.map(|badge| badge.label().to_lowercase()),
        ]),
        plan,
        body,
        title,
    }
}

/// E-mail and workspace, and the folder's name if the title is not that.
fn second(profile: &ProfileView, title: &str, wish: &Wish<'_>) -> String {
    let second = card::second(profile, wish);
    let is_called_otherwise = !wish.hides_emails && title != profile.name.as_str();
    let name = is_called_otherwise.then(|| profile.name.to_string());
    let parts: Vec<_> = name
        .into_iter()
        .chain((!second.is_empty()).then_some(second))
        .collect();
    parts.join(" · ")
}

fn has_windows(standing: &Standing<'_>) -> bool {
    match standing.kind {
        Kind::Usable { .. } | Kind::Waiting { .. } | Kind::Loading | Kind::SignInAgain => true,
        Kind::ApiKey
        | Kind::NoWindows
        | Kind::UsageFailed(_)
        | Kind::Unreadable(_)
        | Kind::ShownOnly(_) => false,
    }
}

/// `$12.40 this month, estimate`; nothing before it is known.
fn month_cost(history: Option<&History>) -> Option<String> {
    let dollars = history?.month_cost?.0 as f64 / 1e6;
    Some(format!("${dollars:.2} this month, estimate"))
}

/// All groups there are, each once, in the order of the alphabet.
fn groups(snapshot: &Snapshot) -> Vec<String> {
    let said = snapshot
        .profiles
        .iter()
        .filter_map(|profile| profile.terms.group.clone());
    let all: std::collections::BTreeSet<_> = said.collect();
    all.into_iter().collect()
}

fn login(
    profile: &ProfileView,
    standing: &Standing<'_>,
    history: Option<&History>,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> LoginPart {
    let token = &profile.token;
    let mark = match (&standing.kind, &profile.kind) {
        (Kind::SignInAgain, _) => Some(LoginMark::Expired),
        (Kind::Unreadable(_), _) => Some(LoginMark::Unreadable),
        (_, LoginKind::ChatGpt) if token.last_error.is_some() => Some(LoginMark::NotRenewed),
        (_, LoginKind::ChatGpt) => Some(LoginMark::Healthy),
        _ => None,
    };
    let kind = match &profile.kind {
        LoginKind::ApiKey => vec![fact("Kind", "OpenAI API key".into())],
        LoginKind::Endpoint { kind, host } => vec![
            fact("Kind", endpoint(*kind).into()),
            fact("Host", host.clone()),
        ],
        LoginKind::Other(mode) => vec![fact("Kind", mode.clone())],
        LoginKind::ChatGpt | LoginKind::Unknown => Vec::new(),
    };
    let access = profile.expires_at.map(|at| Fact {
        hint: token
            .next_refresh_at
            .and_then(|at| teller.until(at))
            .map(|ahead| format!("It is renewed by itself in {ahead}.")),
        ..fact("Access token", expiry(at, teller))
    });
    let rotated = token.rotated_at.or(profile.last_refresh_at).map(|at| {
        let age = teller.age(at);
        let by = match token.rotated_by.filter(|_| token.rotated_at.is_some()) {
            Some(Rotator::Us) => " by the router",
            Some(Rotator::Codex) => " by Codex",
            None => "",
        };
        fact("Last rotated", format!("{age}{by}"))
    });
    let came = token.came_by.map(|(origin, at)| {
        let label = match profile.kind {
            LoginKind::ChatGpt => "Signed in with",
            _ => "Added by",
        };
        fact(label, format!("{}, {}", came_by(origin), teller.day(at)))
    });
    let stored = history
        .and_then(|history| history.is_private)
        .map(|is_private| {
            let value = if is_private {
                "file, only you can read"
            } else {
                "file, others can read it"
            };
            fact("Stored in", value.into())
        });
    let network = profile.network.words();
    let network = network.map(|words| fact("Network", words));
    LoginPart {
        mark,
        facts: kind
            .into_iter()
            .chain(access)
            .chain(rotated)
            .chain(came)
            .chain(stored)
            .chain(network)
            .collect(),
        trouble: token.last_error.as_ref().map(|(reason, at)| {
            let reason = masked(&sentence(reason), wish);
            format!("Not renewed {}: {reason}", teller.age(*at))
        }),
    }
}

fn fact(label: &'static str, value: String) -> Fact {
    Fact {
        label,
        value,
        hint: None,
    }
}

fn endpoint(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::Azure => "Azure endpoint",
        EndpointKind::Compatible => "endpoint of your own",
    }
}

fn came_by(origin: Origin) -> &'static str {
    match origin {
        Origin::Browser => "browser",
        Origin::Code => "code",
        Origin::Key => "key",
        Origin::Import => "import",
        Origin::Codex => "Codex",
    }
}

fn expiry(at: std::time::SystemTime, teller: &Teller<'_>) -> String {
    match teller.until(at) {
        Some(ahead) => format!("expires in {ahead}"),
        None => format!("expired {}", teller.age(at)),
    }
}

pub(super) fn pool(profile: &ProfileView) -> PoolPart {
    let terms = &profile.terms;
    let priority = match terms.tier.map(|tier| tier.as_str()) {
        Some("first") => Priority::First,
        Some("last") => Priority::Last,
        Some(_) => Priority::Normal,
        // What costs money comes last unless the user says otherwise.
        None if profile.kind.is_paid_by_request() => Priority::Last,
        None => Priority::Normal,
    };
    let kept = terms.reserve;
    let percent = kept.five_hour.max(kept.weekly).max(kept.other);
    let is_one = kept.five_hour == percent && kept.weekly == percent && kept.other == percent;
    let reserved = || Reserved {
        percent,
        words: if is_one {
            format!("{percent}%")
        } else {
            let parts = [
                ("5h", kept.five_hour),
                ("week", kept.weekly),
                ("other", kept.other),
            ];
            let said = parts.into_iter().filter(|(_, percent)| *percent > 0);
            let said: Vec<_> = said
                .map(|(window, percent)| format!("{window} {percent}%"))
                .collect();
            said.join(", ")
        },
    };
    PoolPart {
        is_used: profile.is_in_pool,
        priority,
        reserve: (!profile.kind.is_paid_by_request()).then(reserved),
        trouble: profile.bad_terms.first().map(|reason| sentence(reason)),
    }
}
