//! What the worker lets others see: a [`Snapshot`] for faces, a [`Pool`] for the router.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::kept::Kept;
use super::state::AppState;
use crate::client_key::{ClientKey, KeyRing, Meters};
use crate::desk::words::key_limits;
use crate::desk::{
    KeyUse, KeyView, KeysView, Live as LiveView, LoginKind, NetworkView, Notice, PathView,
    ProfileView, RouterView, Snapshot, TokenHealth, TrashView,
};
use crate::pool::{Path, Pool};
use crate::profile::{About, AuthFile, Claims, Credentials, Profile};
use crate::store::live::Live;
use crate::store::trash::{KEPT_FOR, Trashed};

/// Everything that a face may see, and nothing secret.
pub fn snapshot(state: &AppState, home: &str, now: SystemTime) -> Snapshot {
    let active = state.active();
    Snapshot {
        is_loaded: state.is_loaded,
        home: home.to_owned(),
        lock: state.lock.clone(),
        profiles: state
            .kept
            .values()
            .map(|kept| profile_view(kept, active == Some(&kept.profile.name), now))
            .collect(),
        live: live_view(state),
        router: RouterView {
            state: state.router.state.clone(),
            address: Some(
                state
                    .router
                    .addresses
                    .first()
                    .copied()
                    .unwrap_or(state.router.listen.first()),
            ),
            strategy: state.settings.strategy,
            routed_to: state.routed_to().cloned(),
            last_request: state.router.last_request.clone(),
            requests: state.router.requests,
            in_flight: state.kept.values().map(|kept| kept.in_flight.count()).sum(),
        },
        keys: keys_view(&state.keys, state.is_loaded),
        requests: state.router.last_requests.iter().cloned().collect(),
        ledger: state.ledger.clone(),
        sign_in: state.sign_ins.view().cloned(),
        login_check: state.sign_ins.check().cloned(),
        import: state.importing.view(),
        older_store: state
            .importing
            .older_store
            .clone()
            .filter(|_| state.kept.is_empty() && state.lock.is_none()),
        trash: state.trash.iter().map(trash_view).collect(),
        tools: state.tools.clone(),
        is_codex_on_router: state.is_codex_on_router(),
        codex_connected_at: state.codex_connected_at,
        switch_way: state.switch_way(),
        settings: state.settings_view.clone(),
        history: state.history.clone(),
        activity: state.looking.seen.clone(),
        notices: notices(state),
        paths: path_views(state, now),
        recent_use: state
            .kept
            .iter()
            .map(|(name, kept)| (name.clone(), kept.recent.clone()))
            .collect(),
        happenings: state.happenings.iter().cloned().collect(),
        codex: state.codex.clone(),
        poll_interval: state.settings.usage_poll_interval,
        is_refreshing: state.is_refreshing(),
        hides_emails: state.hides_emails,
        raises: state.raises,
    }
}

/// Everything that the router needs. Holds secrets.
pub fn pool(state: &AppState) -> Pool {
    let mut pool = Pool {
        active: state.active().cloned(),
        routed_to: state.routed_to().cloned(),
        strategy: state.settings.strategy,
        is_locked: state.lock.is_some(),
        ..Pool::default()
    };
    pool.paths = state
        .paths
        .iter()
        .map(|(name, refusals)| Path {
            name: name.clone(),
            cooldowns: refusals.cooldowns.clone(),
            live: refusals.live.clone(),
        })
        .collect();
    for kept in state.kept.values() {
        match kept.member() {
            Ok(member) => pool.members.push(Arc::new(member)),
            Err(unusable) => pool.unusable.push(unusable),
        }
    }
    pool
}

fn profile_view(kept: &Kept, is_active: bool, now: SystemTime) -> ProfileView {
    let Profile { name, login, .. } = &kept.profile;
    let credentials = login.as_ref().ok().map(AuthFile::credentials);
    let (kind, claims, last_refresh_at) = match credentials {
        Some(Credentials::ChatGpt(login)) => {
            (LoginKind::ChatGpt, login.claims.clone(), login.last_refresh)
        }
        Some(Credentials::ApiKey { .. }) => (LoginKind::ApiKey, Claims::default(), None),
        Some(Credentials::Endpoint(endpoint)) => {
            let kind = LoginKind::Endpoint {
                kind: endpoint.kind,
                host: endpoint.host().to_owned(),
            };
            (kind, Claims::default(), None)
        }
        Some(Credentials::Other { mode }) => {
            (LoginKind::Other(mode.clone()), Claims::default(), None)
        }
        None => (LoginKind::Unknown, Claims::default(), None),
    };
    let rests: Vec<_> = kept.refusals.cooldowns.views(now).collect();
    ProfileView {
        name: name.clone(),
        kind,
        email: claims.email,
        plan: kept
            .usage
            .as_ref()
            .and_then(|usage| usage.plan.clone())
            .or(claims.plan),
        workspace: claims.workspace_title,
        health: kept.profile.health(),
        about: kept.about.clone(),
        token: token_health(kept),
        is_active,
        is_in_pool: kept.terms.is_enabled,
        terms: kept.terms.clone(),
        bad_terms: kept.bad_terms.clone(),
        network: NetworkView::of(&kept.network),
        rest: rests.iter().find(|rest| rest.model.is_none()).cloned(),
        model_rests: rests
            .into_iter()
            .filter(|rest| rest.model.is_some())
            .collect(),
        usage: kept.usage.clone(),
        usage_error: kept.usage_error.clone(),
        is_refreshing: kept.poll.is_running || kept.refresh.is_running,
        prompt_cache: kept.prompt_cache,
        expires_at: claims.expires_at,
        last_refresh_at,
    }
}

fn token_health(kept: &Kept) -> TokenHealth {
    let side = &kept.profile.side;
    let rotated = side.rotated();
    TokenHealth {
        rotated_at: rotated.map(|(_by, at)| at),
        rotated_by: rotated.map(|(by, _at)| by),
        next_refresh_at: kept.refresh.next_at,
        last_error: kept.refresh.last_error.clone(),
        came_by: side.came_by(),
    }
}

fn trash_view(trashed: &Trashed) -> TrashView {
    let login = trashed.login.as_ref();
    let claims = login.ok().and_then(AuthFile::chatgpt);
    TrashView {
        id: trashed.id.clone(),
        name: trashed.name.clone(),
        label: About::read(&trashed.side).label,
        email: claims.and_then(|login| login.claims.email.clone()),
        deleted_at: trashed.deleted_at,
        purged_at: trashed
            .deleted_at
            .checked_add(KEPT_FOR)
            .unwrap_or(trashed.deleted_at),
        trouble: login.err().map(ToString::to_string),
    }
}

/// Fills in what was done with each key. Requests share the meters, so this is how it stands at the moment.
pub fn count_keys(view: &mut KeysView, meters: &Meters, now: SystemTime) {
    for key in &mut view.keys {
        let usage = meters.shown(Some(&key.id), Instant::now(), now);
        let periods = usage.periods.into_iter();
        key.used = KeyUse {
            periods: periods
                .map(|(period, spent)| (period, period.start(now), spent))
                .collect(),
            last: usage.last_use,
        };
    }
}

fn keys_view(keys: &KeyRing, is_loaded: bool) -> KeysView {
    let view = |key: &Arc<ClientKey>| KeyView {
        id: key.id.clone(),
        label: key.label.clone(),
        last4: key.last4.clone(),
        is_enabled: key.is_enabled,
        created_at: key.created_at,
        expires_at: key.expires_at,
        policy: key.policy.clone(),
        limits: key_limits(key),
        used: KeyUse::default(),
    };
    KeysView {
        is_required: keys.is_required,
        unreadable: keys.unreadable.clone().filter(|_| is_loaded),
        is_gone: keys.is_gone,
        keys: keys.keys().iter().map(view).collect(),
    }
}

fn path_views(state: &AppState, now: SystemTime) -> Vec<PathView> {
    let paused = state.paths.iter().flat_map(|(name, refusals)| {
        refusals.cooldowns.views(now).map(|rest| PathView {
            name: name.clone(),
            rest,
        })
    });
    paused.collect()
}

fn live_view(state: &AppState) -> LiveView {
    match (&state.live, state.active()) {
        (Live::Missing, _) => LiveView::Missing,
        (Live::Unreadable(reason), _) => LiveView::Unreadable(reason.to_string()),
        (Live::Login(_), Some(name)) => LiveView::Saved(name.clone()),
        (Live::Login(login), None) => {
            let claims = login
                .chatgpt()
                .map(|login| login.claims.clone())
                .unwrap_or_default();
            LiveView::Unsaved {
                email: claims.email,
                plan: claims.plan,
            }
        }
    }
}

/// The worst first: a face shows one at a time.
fn notices(state: &AppState) -> Vec<Notice> {
    let skipped = state
        .skipped
        .iter()
        .map(|skipped| Notice::SkippedDirectory {
            name: skipped.name.clone(),
            reason: skipped.reason.clone(),
        });
    let keys = state.keys.unreadable.clone();
    let keys = keys.or_else(|| {
        let skipped = &state.keys.skipped;
        let first = skipped.first()?;
        Some(match skipped.len() {
            1 => format!("the key {first}"),
            n => format!("{n} keys cannot be understood, the first is {first}"),
        })
    });
    let blocked = state
        .kept
        .values()
        .find_map(|kept| kept.refresh.blocked.clone());
    state
        .unsaved_notices()
        .chain(
            state
                .home_trouble
                .clone()
                .or(blocked)
                .map(|reason| Notice::HomeNotWritable { reason }),
        )
        .chain(
            state
                .credential_store
                .clone()
                .map(|mode| Notice::CredentialStore { mode }),
        )
        .chain(state.offline_since.map(|since| Notice::Offline { since }))
        .chain(
            state
                .watching_failed
                .clone()
                .map(|reason| Notice::WatchingFailed { reason }),
        )
        .chain(
            keys.filter(|_| state.is_loaded)
                .map(|reason| Notice::KeysUnreadable { reason }),
        )
        .chain(state.ledger.trouble.clone().map(|trouble| {
            let (since, reason) = (trouble.since, trouble.reason);
            Notice::LedgerResting { since, reason }
        }))
        .chain(skipped)
        .collect()
}
