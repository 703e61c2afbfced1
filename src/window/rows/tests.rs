//! Words, by behaviour: what is said of which state, and never how it is drawn. Here is what all of them build on.

use std::sync::Arc;

use super::*;
use crate::desk::{
    Happening, LastRequest, Live, LoginKind, Notice, Outcome, ProfileView, Rest, RestCause,
    RestSource, RouterState, RouterView, Strategy,
};
use crate::profile::{EndpointKind, Health, Unreadable, name::ProfileName};
use crate::usage::{Credits, Usage, Window};

mod activity;
mod banner;
mod card;
mod client_keys;
mod detail;
mod forecast;
mod order;
mod pool;
mod row;
mod runway;
mod strip;

/// Friday, 2026-11-20 13:11:00 UTC.
fn now() -> SystemTime {
    "2026-11-20T13:11:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .into()
}

const fn mins(mins: u64) -> Duration {
    Duration::from_secs(mins * 60)
}

const fn hours(hours: u64) -> Duration {
    mins(hours * 60)
}

fn name(text: &str) -> ProfileName {
    ProfileName::existing(text).unwrap()
}

fn window(length: Duration, left: f64, resets_in: Duration) -> Window {
    Window {
        length,
        used_percent: 100.0 - left,
        resets_at: Some(now() + resets_in),
    }
}

fn five(left: f64, resets_in: Duration) -> Window {
    window(hours(5), left, resets_in)
}

fn week(left: f64, resets_in: Duration) -> Window {
    window(hours(7 * 24), left, resets_in)
}

fn usage(windows: Vec<Window>) -> Usage {
    Usage {
        plan: None,
        windows,
        extra: Vec::new(),
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: now() - Duration::from_secs(12),
    }
}

fn profile(text: &str, windows: Vec<Window>) -> ProfileView {
    ProfileView {
        name: name(text),
        kind: LoginKind::ChatGpt,
        email: Some(format!("{text}@example.dev")),
        plan: Some("plus".into()),
        workspace: None,
        health: Health::Fine,
        about: crate::desk::About::default(),
        token: crate::desk::TokenHealth::default(),
        is_active: false,
        is_in_pool: true,
        terms: Arc::default(),
        bad_terms: vec![],
        network: crate::desk::NetworkView::default(),
        rest: None,
        model_rests: vec![],
        usage: Some(Arc::new(usage(windows))),
        usage_error: None,
        is_refreshing: false,
        prompt_cache: crate::desk::PromptCache::default(),
        expires_at: None,
        last_refresh_at: None,
    }
}

/// Changes what was told of a profile's usage.
fn with_usage(mut profile: ProfileView, change: impl FnOnce(&mut Usage)) -> ProfileView {
    let mut usage = profile.usage.as_deref().unwrap().clone();
    change(&mut usage);
    profile.usage = Some(Arc::new(usage));
    profile
}

fn in_use(mut profile: ProfileView) -> ProfileView {
    profile.is_active = true;
    profile
}

fn unknown(text: &str) -> ProfileView {
    ProfileView {
        usage: None,
        ..profile(text, Vec::new())
    }
}

/// As the worker would publish it, with the router on and nothing else to tell.
fn snapshot(profiles: Vec<ProfileView>) -> Snapshot {
    let live = profiles
        .iter()
        .find(|profile| profile.is_active)
        .map_or(Live::Missing, |active| Live::Saved(active.name.clone()));
    Snapshot {
        is_loaded: true,
        home: "~/.codex".into(),
        live,
        profiles,
        router: RouterView {
            state: RouterState::On,
            address: Some("127.0.0.1:9876".parse().unwrap()),
            ..RouterView::default()
        },
        poll_interval: mins(10),
        ..Snapshot::default()
    }
}

fn page_with(snapshot: &Snapshot, wish: &Wish<'_>) -> Page {
    Page::of(snapshot, now(), &TimeZone::UTC, wish)
}

fn page(snapshot: &Snapshot) -> Page {
    page_with(snapshot, &Wish::default())
}

fn row(profile: ProfileView) -> Row {
    let page = page(&snapshot(vec![profile]));
    page.rows().next().unwrap().clone()
}

/// The two lines at the right of a row, as one text.
fn right(row: &Row) -> String {
    match &row.right {
        Right::Skeleton => "…".into(),
        Right::SignIn => "[Sign in]".into(),
        Right::Lines {
            lead, figure, note, ..
        } => format!("{lead} {figure} | {note}").trim().to_owned(),
    }
}

fn card(profile: ProfileView) -> ActiveCard {
    page(&snapshot(vec![in_use(profile)])).active.unwrap()
}

fn blocks(card: &ActiveCard) -> &[WindowBlock] {
    match &card.body {
        CardBody::Windows(blocks) => blocks,
        other => panic!("no windows but {other:?}"),
    }
}

fn names(page: &Page) -> Vec<&str> {
    page.rows().map(|row| row.name.as_str()).collect()
}
