//! Made-up snapshots for the tests of this room.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::desk::{Live, LoginKind, ProfileView, RouterState, RouterView, Snapshot};
use crate::profile::{EndpointKind, Health, ProfileName};
use crate::usage::{Usage, Window};

const HOUR: u64 = 3_600;

/// A Friday, 13:11 in UTC.
pub(super) fn now() -> SystemTime {
    "2026-11-20T13:11:00Z".parse::<Timestamp>().unwrap().into()
}

pub(super) fn name(text: &str) -> ProfileName {
    ProfileName::existing(text).unwrap()
}

/// Loaded, with a serving router and polls every ten minutes.
pub(super) fn snapshot(profiles: impl IntoIterator<Item = ProfileView>) -> Snapshot {
    Snapshot {
        is_loaded: true,
        profiles: profiles.into_iter().collect(),
        live: Live::Missing,
        router: RouterView {
            state: RouterState::On,
            address: Some(([127, 0, 0, 1], 9876).into()),
            ..RouterView::default()
        },
        poll_interval: Duration::from_secs(600),
        ..Snapshot::default()
    }
}

/// A Plus account; without windows its usage is not known yet.
pub(super) fn chatgpt(of: &str, windows: impl IntoIterator<Item = Window>) -> ProfileView {
    let windows: Vec<_> = windows.into_iter().collect();
    let usage = (!windows.is_empty()).then(|| {
        Arc::new(Usage {
            plan: Some("plus".into()),
            windows,
            extra: Vec::new(),
            is_limit_reached: false,
            credits: None,
            reset_credits: None,
            fetched_at: now(),
        })
    });
    ProfileView {
        name: name(of),
        kind: LoginKind::ChatGpt,
        email: Some("ann@example.dev".into()),
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
        usage,
        usage_error: None,
        is_refreshing: false,
        expires_at: None,
        prompt_cache: crate::desk::PromptCache::default(),
        last_refresh_at: None,
    }
}

pub(super) fn api_key(of: &str) -> ProfileView {
    ProfileView {
        kind: LoginKind::ApiKey,
        email: None,
        plan: None,
        ..chatgpt(of, [])
    }
}

pub(super) fn endpoint(of: &str) -> ProfileView {
    ProfileView {
        kind: LoginKind::Endpoint {
            kind: EndpointKind::Azure,
            host: "x.openai.azure.test".into(),
        },
        ..api_key(of)
    }
}

pub(super) fn in_use(profile: ProfileView) -> ProfileView {
    ProfileView {
        is_active: true,
        ..profile
    }
}

pub(super) fn edit_usage(profile: &mut ProfileView, edit: impl FnOnce(&mut Usage)) {
    edit(Arc::make_mut(profile.usage.as_mut().unwrap()));
}

pub(super) fn five_hours(used_percent: f64, resets_in_hours: u64) -> Window {
    window(5 * HOUR, used_percent, resets_in_hours)
}

pub(super) fn week(used_percent: f64, resets_in_hours: u64) -> Window {
    window(7 * 24 * HOUR, used_percent, resets_in_hours)
}

pub(super) fn month(used_percent: f64) -> Window {
    window(30 * 24 * HOUR, used_percent, 400)
}

fn window(length: u64, used_percent: f64, resets_in_hours: u64) -> Window {
    Window {
        length: Duration::from_secs(length),
        used_percent,
        resets_at: Some(now() + Duration::from_secs(resets_in_hours * HOUR)),
    }
}
