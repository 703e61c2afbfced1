//! What follows from what happens, by subject; here is what their worlds are made of.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::client_key::KeyRing;
use crate::pool::{Access, Cooldown, RestCause, RestSource, Standing, Told};
use crate::profile::{AuthFile, Health, Profile, SideFile, Unreadable};
use crate::router::{AttemptOutcome, AttemptResult, Report, RequestDone, StartError};
use crate::store::switch::Switched;
use crate::translate::responses::TokenUsage;
use crate::upstream::UsageError;
use crate::usage::Window;
use crate::worker::event::Reading;
use crate::worker::publisher;
use crate::worker::refresher::{RefreshFailure, Refreshed};

mod activity;
mod importing;
mod keys;
mod locking;
mod organising;
mod pauses;
mod polling;
mod refreshing;
mod serving;
mod setting;
mod signing_in;
mod switching;
mod terms;
mod tools;
mod unsaved;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A thousand days after the epoch, so that tokens can have been issued before.
fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + 1_000 * DAY
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn secs(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The login of a user, issued at one moment and good until another.
fn login(user: &str, issued_at: SystemTime, expires_at: SystemTime) -> AuthFile {
    let claims = json!({
        "email": format!("{user}@example.test"), "iat": secs(issued_at), "exp": secs(expires_at),
        "https://api.openai.com/auth": {"chatgpt_user_id": user, "chatgpt_account_id": "ws-1", "chatgpt_plan_type": "plus"}
    });
    let token = format!("e30.{}.fake", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let json = json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": null, "last_refresh": "1972-09-27T00:00:00Z",
        "tokens": {"id_token": token, "access_token": token, "refresh_token": format!("rt_FAKE_{}", secs(issued_at)), "account_id": "ws-1"}});
    AuthFile::parse(json.to_string().as_bytes()).unwrap()
}

fn fresh(user: &str) -> AuthFile {
    login(user, noon() - DAY, noon() + 9 * DAY)
}

fn expired(user: &str) -> AuthFile {
    login(user, noon() - 10 * DAY, noon() - MINUTE)
}

fn profile(text: &str, login: AuthFile) -> Profile {
    Profile {
        name: name(text),
        login: Ok(login),
        side: SideFile::default(),
    }
}

fn reading(profiles: Vec<Profile>, live: Live) -> Event {
    numbered_reading(u64::MAX, profiles, live)
}

fn numbered_reading(number: u64, profiles: Vec<Profile>, live: Live) -> Event {
    Event::DiskRead(Box::new(Reading {
        keys: KeyRing::default(),
        number,
        profiles,
        skipped: vec![],
        trash: vec![],
        live,
        credential_store: None,
        current: None,
        is_overlay_ahead: false,
        routed_to: None,
        codex_address: None,
        codex_connected_at: None,
    }))
}

/// Of `work`.
fn failed_request() -> RequestDone {
    RequestDone {
        model: "claude-y".into(),
        asked_model: "gpt-y".into(),
        profile: Some(name("work")),
        ..done("req_1")
    }
}

/// A state that has read two fresh profiles, of which `work` is live.
fn state() -> AppState {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let profiles = vec![
        profile("spare", fresh("bob")),
        profile("work", fresh("ana")),
    ];
    state.note(reading(profiles, Live::Login(fresh("ana"))), noon());
    state
}

fn usage(used_percent: f64, at: SystemTime) -> Usage {
    Usage {
        plan: Some("plus".into()),
        windows: vec![Window {
            length: 5 * 60 * MINUTE,
            used_percent,
            resets_at: Some(noon() + 60 * MINUTE),
        }],
        extra: vec![],
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: at,
    }
}

fn attempt(text: &str, result: AttemptResult) -> Event {
    attempt_with(text, "m", noon(), result)
}

/// Began and ended at this moment.
fn attempt_with(text: &str, model: &str, at: SystemTime, result: AttemptResult) -> Event {
    Event::Reported(Report::Attempt(AttemptOutcome {
        profile: name(text),
        model: model.into(),
        began: at,
        at,
        result,
        counts: true,
        usage: None,
    }))
}

fn told(until: SystemTime) -> Option<Told> {
    let source = RestSource::ResetsAt;
    Some(Told { until, source })
}

/// What keeps all of a profile away.
fn pause_of(state: &AppState, text: &str) -> Option<Cooldown> {
    state.kept[&name(text)].refusals.cooldowns.all.clone()
}

fn polls(effects: &[Effect]) -> Vec<String> {
    let poll = |effect: &Effect| match effect {
        Effect::PollUsage { name, .. } => Some(name.to_string()),
        _ => None,
    };
    effects.iter().filter_map(poll).collect()
}

fn refreshes(effects: &[Effect]) -> Vec<String> {
    let refresh = |effect: &Effect| match effect {
        Effect::Refresh { name } => Some(name.to_string()),
        _ => None,
    };
    effects.iter().filter_map(refresh).collect()
}

fn answers(effects: &[Effect]) -> Vec<(String, bool)> {
    let answer = |effect: &Effect| match effect {
        Effect::AnswerWaiters { name, with } => Some((name.to_string(), with.is_ok())),
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

fn fingerprint(login: &AuthFile) -> Fingerprint {
    login.chatgpt().unwrap().access_token.fingerprint()
}

fn last_outcome(state: &AppState) -> &Outcome {
    &state.happenings.back().unwrap().outcome
}

#[test]
fn happenings_do_not_grow_without_bound() {
    let mut state = state();
    for _ in 0..100 {
        state.obey(Command::Use(name("nobody")), noon());
    }
    assert_eq!(state.happenings.len(), MAX_HAPPENINGS);
    assert_eq!(
        state.happenings.back().map(|happening| happening.seq),
        Some(100)
    );
}

fn renewed(state: &mut AppState, new: &AuthFile, now: SystemTime) -> Vec<Effect> {
    let refreshed = Refreshed {
        auth: new.clone(),
        unsaved: None,
        kept_aside: None,
    };
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Ok(refreshed),
    };
    state.note(event, now)
}

fn done(id: &str) -> RequestDone {
    RequestDone {
        id: id.into(),
        key: None,
        dialect: crate::router::Dialect::Chat,
        model: String::new(),
        asked_model: String::new(),
        profile: None,
        reason: None,
        considered: crate::router::Considered::default(),
        attempts: vec![],
        status: 502,
        is_complete: false,
        error: None,
        took: MINUTE,
        first_token: None,
        tokens: None,
        estimate: None,
        retries: 0,
        dropped: vec![],
        session: None,
        preview: None,
        at: noon(),
    }
}
