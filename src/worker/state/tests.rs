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
        live,
        credential_store: None,
        current: None,
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
        retries: 0,
        dropped: vec![],
        session: None,
        preview: None,
        at: noon(),
    }
}

#[test]
fn a_request_that_is_over_is_recorded_even_at_the_end_and_the_last_fifty_are_shown() {
    let mut state = state();
    let ids = |state: &AppState| {
        let snapshot = publisher::snapshot(state, "~", noon());
        let ids = snapshot.requests.iter().map(|record| record.id.clone());
        ids.collect::<Vec<_>>()
    };
    let end = |state: &mut AppState, number: u32| {
        let report = Report::Request(done(&format!("req_{number}")));
        state.note(Event::Reported(report), noon())
    };
    for number in 0..60 {
        let effects = end(&mut state, number);
        assert!(matches!(effects[..], [Effect::Record(_)]), "{effects:?}");
    }
    let shown = ids(&state);
    assert_eq!((shown.len(), shown[0].as_str()), (50, "req_59"));
    state.obey(Command::Quit, noon());
    assert!(matches!(end(&mut state, 60)[..], [Effect::Record(_)]));
}

#[test]
fn the_ledgers_trouble_is_a_notice_and_a_damaged_file_is_told_once() {
    use crate::desk::record::LedgerTrouble;
    let mut state = state();
    let trouble = LedgerState {
        lost: 3,
        trouble: Some(LedgerTrouble {
            since: noon(),
            reason: "disk full".into(),
        }),
        set_aside: Some("router.db.corrupt-1".into()),
    };
    for _ in 0..3 {
        state.note_ledger(trouble.clone(), noon());
    }
    let snapshot = publisher::snapshot(&state, "~", noon());
    assert_eq!(
        snapshot.notices,
        [crate::desk::Notice::LedgerResting {
            since: noon(),
            reason: "disk full".into()
        }]
    );
    assert_eq!(snapshot.ledger.lost, 3);
    let told = snapshot.happenings.iter();
    let told = told.filter(|it| matches!(it.outcome, Outcome::LedgerSetAside { .. }));
    assert_eq!(told.count(), 1);
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
fn active_is_computed_from_the_live_file_alone() {
    let mut state = state();
    assert_eq!(state.active(), Some(&name("work")));
    let profiles = || {
        vec![
            profile("spare", fresh("bob")),
            profile("work", fresh("ana")),
        ]
    };
    state.note(reading(profiles(), Live::Login(fresh("bob"))), noon());
    assert_eq!(state.active(), Some(&name("spare")));
    for live in [Live::Missing, Live::Login(fresh("eve"))] {
        state.note(reading(profiles(), live), noon());
        assert_eq!(state.active(), None);
    }
}

#[test]
fn a_live_login_that_the_cli_rotated_is_taken_home_once() {
    let mut state = state();
    let rotated = login("ana", noon(), noon() + 10 * DAY);
    let event = || {
        reading(
            vec![profile("work", fresh("ana"))],
            Live::Login(rotated.clone()),
        )
    };
    let takes = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::TakeHome))
            .count()
    };
    assert_eq!(takes(&state.note(event(), noon())), 1);
    assert_eq!(
        takes(&state.note(event(), noon())),
        0,
        "an unwritable profile must not be tried for ever"
    );
    let at_home = reading(
        vec![profile("work", rotated.clone())],
        Live::Login(rotated.clone()),
    );
    assert_eq!(takes(&state.note(at_home, noon())), 0);
}

#[test]
fn every_profile_is_polled_at_start_one_after_the_other() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let profiles = ["a", "b", "c"]
        .map(|text| profile(text, fresh(text)))
        .to_vec();
    assert_eq!(
        polls(&state.note(reading(profiles, Live::Missing), noon())),
        ["a"]
    );
    assert_eq!(
        polls(&state.note(Event::TimePassed, noon() + Duration::from_millis(200))),
        ["b"]
    );
    assert_eq!(
        polls(&state.note(Event::TimePassed, noon() + MINUTE)),
        ["c"]
    );
    assert!(
        polls(&state.note(Event::TimePassed, noon() + 2 * MINUTE)).is_empty(),
        "they are still running"
    );
}

#[test]
fn polling_goes_on_by_the_interval_and_backs_off_after_failures() {
    let mut state = state();
    state.note(Event::TimePassed, noon() + MINUTE);
    let arrived = |result| Event::UsageArrived {
        name: name("work"),
        result,
    };
    state.note(arrived(Ok(usage(10.0, noon() + MINUTE))), noon() + MINUTE);
    assert!(!polls(&state.note(Event::TimePassed, noon() + 9 * MINUTE)).contains(&"work".into()));
    assert!(polls(&state.note(Event::TimePassed, noon() + 13 * MINUTE)).contains(&"work".into()));
    state.note(
        arrived(Err(UsageError::Unreachable("no route".into()))),
        noon() + 13 * MINUTE,
    );
    assert_eq!(state.offline_since, Some(noon() + 13 * MINUTE));
    assert_eq!(
        state.kept[&name("work")]
            .usage
            .as_ref()
            .map(|usage| usage.fetched_at),
        Some(noon() + MINUTE),
        "an old number keeps its age"
    );
    assert!(polls(&state.note(Event::TimePassed, noon() + 13 * MINUTE + MINUTE / 2)).is_empty());
    assert!(polls(&state.note(Event::TimePassed, noon() + 15 * MINUTE)).contains(&"work".into()));
    state.note(
        arrived(Ok(usage(11.0, noon() + 15 * MINUTE))),
        noon() + 15 * MINUTE,
    );
    assert_eq!(state.offline_since, None);
}

#[test]
fn a_proxy_of_ones_own_counts_from_its_reading_on_and_says_nothing_about_the_network() {
    let mut state = state();
    let mut work = profile("work", fresh("ana"));
    work.side = SideFile::parse(br#"{"proxy": "http://gate.test:3128"}"#);
    state.note(reading(vec![work], Live::Missing), noon());
    let kept = &state.kept[&name("work")];
    let proxy = kept.member().unwrap().network.proxy.clone();
    assert!(matches!(proxy, Some(crate::profile::Proxy::Through(_))));
    state.note(
        Event::UsageArrived {
            name: name("work"),
            result: Err(UsageError::Unreachable("the proxy is gone".into())),
        },
        noon() + MINUTE,
    );
    assert_eq!(state.offline_since, None);
    state.note(
        reading(vec![profile("work", fresh("ana"))], Live::Missing),
        noon() + MINUTE,
    );
    let kept = &state.kept[&name("work")];
    assert_eq!(kept.member().unwrap().network.proxy, None);
}

#[test]
fn an_account_that_has_no_way_out_serves_nobody_and_is_not_renewed_before_it_has_one() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let side = |text: &str| Profile {
        side: SideFile::parse(text.as_bytes()),
        ..profile("work", expired("ana"))
    };
    let read = |state: &mut AppState, text: &str, at| {
        let home = profile("home", fresh("ben"));
        state.note(reading(vec![side(text), home], Live::Missing), at)
    };
    for broken in [
        r#"{"proxy": "ftp://canary"}"#,
        r#"{"headers": {"x-team": 7}}"#,
        "{",
    ] {
        let effects = read(&mut state, broken, noon());
        assert_eq!(refreshes(&effects), Vec::<String>::new(), "{broken}");
        let pool = publisher::pool(&state);
        assert_eq!(pool.members.len(), 1, "{broken}");
        assert_eq!(pool.unusable[0].name, name("work"));
        assert_eq!(pool.unusable[0].trouble, crate::pool::Trouble::NoWayOut);
        let view = &publisher::snapshot(&state, "", noon()).profiles;
        let view = view.iter().find(|it| it.name == name("work")).unwrap();
        let why = view.bad_terms.join(" ");
        assert!(!why.is_empty() && !why.contains("canary"), "{why}");
    }
    for minutes in 0..60 {
        let effects = state.note(Event::TimePassed, noon() + minutes * MINUTE);
        assert!(refreshes(&effects).is_empty(), "{minutes}");
    }
    let wanted = Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&expired("ana")),
    };
    let effects = state.note(wanted, noon() + 60 * MINUTE);
    assert_eq!(answers(&effects), [("work".to_owned(), false)]);
    assert!(refreshes(&effects).is_empty());

    // Asked for by hand it says why, and that plans nothing.
    let effects = state.obey(Command::RefreshToken(name("work")), noon() + 60 * MINUTE);
    assert_eq!(refreshes(&effects), ["work"]);
    let refused = Event::TokenRefreshed {
        name: name("work"),
        result: Err(RefreshFailure::NoWayOut("its proxy cannot be used".into())),
    };
    state.note(refused, noon() + 60 * MINUTE);
    assert_eq!(state.happenings.len(), 1);
    assert!(publisher::snapshot(&state, "", noon()).notices.is_empty());
    let effects = state.note(Event::TimePassed, noon() + 90 * MINUTE);
    assert!(refreshes(&effects).is_empty());

    let effects = read(&mut state, "{}", noon() + 90 * MINUTE);
    assert_eq!(refreshes(&effects), ["work"]);
    assert_eq!(publisher::pool(&state).members.len(), 2);
}

#[test]
fn with_polling_turned_off_usage_is_asked_for_by_hand_only() {
    let settings = Settings {
        usage_poll: false,
        ..Settings::default()
    };
    let mut state = AppState::new(Arc::new(settings), Polls::ByThemselves);
    let effects = state.note(
        reading(vec![profile("work", fresh("ana"))], Live::Missing),
        noon(),
    );
    assert!(polls(&effects).is_empty());
    assert!(polls(&state.note(Event::TimePassed, noon() + DAY)).is_empty());
    assert_eq!(
        polls(&state.obey(Command::RefreshAll, noon() + DAY)),
        ["work"]
    );
}

#[test]
fn polling_never_redeems_while_the_access_token_works() {
    let mut state = state();
    let mut now = noon();
    for _ in 0..24 * 60 {
        now += MINUTE;
        let effects = state.note(Event::TimePassed, now);
        assert_eq!(refreshes(&effects), Vec::<String>::new());
        for text in polls(&effects) {
            state.note(
                Event::UsageArrived {
                    name: name(&text),
                    result: Ok(usage(1.0, now)),
                },
                now,
            );
        }
    }
}

#[test]
fn a_token_is_renewed_before_it_expires_and_only_once() {
    let mut state = state();
    assert!(refreshes(&state.note(Event::TimePassed, noon() + 9 * DAY - 30 * MINUTE)).is_empty());
    let mut due = refreshes(&state.note(Event::TimePassed, noon() + 9 * DAY - 15 * MINUTE));
    due.sort();
    assert_eq!(due, ["spare", "work"]);
    assert!(
        refreshes(&state.note(Event::TimePassed, noon() + 9 * DAY)).is_empty(),
        "it is under way"
    );
}

#[test]
fn twenty_requests_that_want_a_token_cause_one_refresh_and_all_are_answered() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::WhenAsked);
    state.note(
        reading(vec![profile("work", expired("ana"))], Live::Missing),
        noon(),
    );
    let wanted = || Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&expired("ana")),
    };
    assert_eq!(refreshes(&state.note(wanted(), noon())), ["work"]);
    for _ in 1..20 {
        let effects = state.note(wanted(), noon());
        assert!(refreshes(&effects).is_empty() && answers(&effects).is_empty());
    }
    let refreshed = Refreshed {
        auth: fresh("ana"),
        unsaved: None,
    };
    let effects = state.note(
        Event::TokenRefreshed {
            name: name("work"),
            result: Ok(refreshed),
        },
        noon(),
    );
    assert_eq!(answers(&effects), [("work".to_owned(), true)]);
    assert_eq!(
        answers(&state.note(wanted(), noon())),
        [("work".to_owned(), true)],
        "a late one gets the new token at once"
    );
}

#[test]
fn a_login_that_is_refused_for_good_is_never_sent_again_until_its_file_changes() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let dead = expired("ana");
    let event = || reading(vec![profile("work", dead.clone())], Live::Missing);
    assert_eq!(refreshes(&state.note(event(), noon())), ["work"]);
    let failure = RefreshFailure::SignInAgain {
        token: dead.refresh_fingerprint().unwrap(),
        code: "refresh_token_reused".into(),
    };
    let effects = state.note(
        Event::TokenRefreshed {
            name: name("work"),
            result: Err(failure),
        },
        noon(),
    );
    assert_eq!(answers(&effects), [("work".to_owned(), false)]);
    assert_eq!(
        publisher::snapshot(&state, "", noon()).profiles[0].health,
        Health::SignInAgain
    );
    assert_eq!(publisher::pool(&state).members.len(), 0);
    for minutes in [1, 60, 6_000] {
        assert!(refreshes(&state.note(Event::TimePassed, noon() + minutes * MINUTE)).is_empty());
    }
    let wanted = Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&dead),
    };
    assert_eq!(
        answers(&state.note(wanted, noon())),
        [("work".to_owned(), false)]
    );
    state.note(
        reading(vec![profile("work", fresh("ana"))], Live::Missing),
        noon(),
    );
    assert_eq!(
        publisher::snapshot(&state, "", noon()).profiles[0].health,
        Health::Fine
    );
}

#[test]
fn a_failed_refresh_is_tried_again_later_and_later() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    state.note(
        reading(vec![profile("work", expired("ana"))], Live::Missing),
        noon(),
    );
    let failed = || Event::TokenRefreshed {
        name: name("work"),
        result: Err(RefreshFailure::Later {
            reason: "503".into(),
            retry_after: None,
            is_ambiguous: false,
        }),
    };
    state.note(failed(), noon());
    let wanted = Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&expired("ana")),
    };
    assert_eq!(
        answers(&state.note(wanted, noon())),
        [("work".to_owned(), false)],
        "requests do not hammer the issuer either"
    );
    assert!(refreshes(&state.note(Event::TimePassed, noon() + Duration::from_secs(26))).is_empty());
    assert_eq!(
        refreshes(&state.note(Event::TimePassed, noon() + Duration::from_secs(34))),
        ["work"]
    );
    state.note(failed(), noon() + MINUTE);
    assert!(
        refreshes(&state.note(Event::TimePassed, noon() + MINUTE + Duration::from_secs(50)))
            .is_empty()
    );
}

#[test]
fn a_token_that_could_not_be_written_is_used_shown_and_tried_again() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    state.note(
        reading(vec![profile("work", old.clone())], Live::Missing),
        noon(),
    );
    let redeemed = old.refresh_fingerprint().unwrap();
    let refreshed = Refreshed {
        auth: fresh("ana"),
        unsaved: Some((redeemed, "disk full".into())),
    };
    let effects = state.note(
        Event::TokenRefreshed {
            name: name("work"),
            result: Ok(refreshed),
        },
        noon(),
    );
    assert_eq!(answers(&effects), [("work".to_owned(), true)]);
    // The old file is read again and must not beat what is in memory.
    state.note(reading(vec![profile("work", old)], Live::Missing), noon());
    let Access::ChatGpt { access_token, .. } = &publisher::pool(&state).members[0].access else {
        panic!()
    };
    assert_eq!(access_token.fingerprint(), fingerprint(&fresh("ana")));
    let notices = publisher::snapshot(&state, "", noon()).notices;
    assert!(
        matches!(&notices[0], crate::desk::Notice::UnsavedToken { reason, .. } if reason == "disk full")
    );
    let saves = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::SaveToken { .. }))
            .count()
    };
    assert_eq!(
        saves(&state.note(Event::TimePassed, noon() + Duration::from_secs(5))),
        1
    );
    assert_eq!(
        saves(&state.obey(Command::Quit, noon())),
        1,
        "quitting tries once more"
    );
    state.note(
        Event::TokenSaved {
            name: name("work"),
            result: Ok(()),
        },
        noon() + MINUTE,
    );
    assert_eq!(publisher::snapshot(&state, "", noon()).notices, []);
}

#[test]
fn a_usage_limit_rests_the_profile_until_its_reset_and_success_ends_a_rest() {
    let mut state = state();
    let resets_at = noon() + 30 * MINUTE;
    state.note(
        attempt(
            "work",
            AttemptResult::UsageLimit {
                told: told(resets_at),
            },
        ),
        noon(),
    );
    let rest = |state: &AppState| pause_of(state, "work");
    assert_eq!(
        rest(&state).map(|rest| (rest.until, rest.cause)),
        Some((resets_at, RestCause::UsageLimit))
    );
    state.note(attempt("work", AttemptResult::Served), noon());
    assert_eq!(rest(&state), None);
}

#[test]
fn a_limit_that_only_guessed_its_end_is_lifted_by_a_poll_that_shows_room() {
    let mut state = state();
    state.note(
        attempt("work", AttemptResult::UsageLimit { told: None }),
        noon(),
    );
    assert!(pause_of(&state, "work").is_some());
    state.note(
        Event::UsageArrived {
            name: name("work"),
            result: Ok(usage(40.0, noon())),
        },
        noon(),
    );
    assert_eq!(pause_of(&state, "work"), None);
}

#[test]
fn a_limit_ends_early_when_a_poll_shows_room_whatever_end_was_told() {
    let mut state = state();
    let resets_at = told(noon() + 30 * MINUTE);
    let rest = |state: &AppState| pause_of(state, "work");
    let poll = |state: &mut AppState, used_percent| {
        let result = Ok(usage(used_percent, noon() + MINUTE));
        let name = name("work");
        state.note(Event::UsageArrived { name, result }, noon() + MINUTE);
    };
    let limit = AttemptResult::UsageLimit { told: resets_at };
    state.note(attempt("work", limit), noon());
    poll(&mut state, 100.0);
    assert!(rest(&state).is_some(), "there is still no room");
    poll(&mut state, 40.0);
    assert_eq!(rest(&state), None);
}

#[test]
fn a_used_up_account_still_has_its_token_renewed() {
    let mut state = state();
    let resets_at = told(noon() + 10 * DAY);
    state.note(
        attempt("work", AttemptResult::UsageLimit { told: resets_at }),
        noon(),
    );
    let due = refreshes(&state.note(Event::TimePassed, noon() + 9 * DAY - 15 * MINUTE));
    assert!(due.contains(&"work".to_owned()), "{due:?}");
}

#[test]
fn a_throttled_account_rests_for_its_own_time_and_no_other_with_it() {
    let mut state = state();
    let retry_after = Some(Duration::from_secs(7));
    state.note(
        attempt("work", AttemptResult::Throttled { retry_after }),
        noon(),
    );
    let rest = |text: &str| {
        let cooldowns = &state.kept[&name(text)].refusals.cooldowns;
        let mut pauses = cooldowns.iter();
        pauses.next().map(|(_, pause)| pause.until)
    };
    assert_eq!(rest("work"), Some(noon() + Duration::from_secs(7)));
    assert_eq!(rest("spare"), None);
}

#[test]
fn five_failures_in_half_a_minute_rest_a_profile_and_the_clients_faults_never_do() {
    let mut state = state();
    for _ in 0..9 {
        state.note(
            attempt("work", AttemptResult::ClientFault { status: 400 }),
            noon(),
        );
        state.note(attempt("work", AttemptResult::Abandoned), noon());
    }
    for _ in 0..4 {
        state.note(attempt("work", AttemptResult::Cut), noon());
    }
    assert_eq!(pause_of(&state, "work"), None);
    state.note(attempt("work", AttemptResult::Cut), noon());
    let rest = pause_of(&state, "work").unwrap();
    assert_eq!(
        (rest.cause, rest.until),
        (RestCause::Failing, noon() + MINUTE / 2)
    );
}

#[test]
fn an_account_that_hangs_rests_at_once_and_for_longer_each_time() {
    let mut state = state();
    let silent = AttemptResult::Silent { after: MINUTE };
    state.note(attempt("work", silent.clone()), noon());
    let first = pause_of(&state, "work").unwrap();
    assert_eq!(
        (first.cause, first.until),
        (RestCause::Failing, noon() + MINUTE / 2)
    );
    let probe = attempt_with("work", "m", first.probe_at, silent);
    state.note(probe, first.probe_at);
    let second = pause_of(&state, "work").unwrap();
    assert_eq!(second.until, first.probe_at + MINUTE);
    let answered = attempt_with("work", "m", second.probe_at, AttemptResult::Served);
    state.note(answered, second.probe_at);
    assert_eq!(pause_of(&state, "work"), None);
}

#[test]
fn an_account_that_has_answered_others_meanwhile_does_not_hang() {
    let mut state = state();
    let live = state.kept[&name("work")].refusals.live.clone();
    live.prove("m", noon() + MINUTE / 2, noon() + MINUTE);
    let silent = AttemptResult::Silent { after: MINUTE };
    state.note(attempt("work", silent), noon() + MINUTE);
    assert_eq!(pause_of(&state, "work"), None);
}

#[test]
fn numbers_go_when_the_file_becomes_another_account() {
    let mut state = state();
    state.note(
        Event::UsageArrived {
            name: name("work"),
            result: Ok(usage(40.0, noon())),
        },
        noon(),
    );
    state.note(
        reading(vec![profile("work", fresh("eve"))], Live::Missing),
        noon(),
    );
    assert_eq!(state.kept[&name("work")].usage, None);
}

#[test]
fn a_login_that_cannot_be_read_for_a_moment_costs_no_numbers_and_no_pause() {
    let mut state = state();
    let limit = AttemptResult::UsageLimit {
        told: told(noon() + DAY),
    };
    state.note(attempt("work", limit), noon());
    let unreadable = Profile {
        login: Err(Unreadable("half a file".into())),
        ..profile("work", fresh("ana"))
    };
    state.note(reading(vec![unreadable], Live::Missing), noon());
    assert!(pause_of(&state, "work").is_some());
    let again = reading(vec![profile("work", fresh("ana"))], Live::Missing);
    state.note(again, noon());
    assert!(pause_of(&state, "work").is_some());
    let other = reading(vec![profile("work", fresh("eve"))], Live::Missing);
    state.note(other, noon());
    assert_eq!(pause_of(&state, "work"), None);
}

#[test]
fn numbers_of_a_clock_that_was_ahead_give_way() {
    let mut state = state();
    let arrived = |used_percent, at| Event::UsageArrived {
        name: name("work"),
        result: Ok(usage(used_percent, at)),
    };
    state.note(arrived(40.0, noon() + DAY), noon() + DAY);
    state.note(arrived(50.0, noon()), noon());
    let usage = state.kept[&name("work")].usage.clone().unwrap();
    assert_eq!(usage.windows[0].used_percent, 50.0);
}

#[test]
fn where_no_poll_tells_of_an_early_end_a_request_finds_out() {
    let polls_off = Settings {
        usage_poll: false,
        ..Settings::default()
    };
    for (settings, fails) in [(polls_off, false), (Settings::default(), true)] {
        let mut state = AppState::new(Arc::new(settings), Polls::ByThemselves);
        let profiles = vec![profile("work", fresh("ana"))];
        state.note(reading(profiles, Live::Missing), noon());
        let limit = AttemptResult::UsageLimit {
            told: told(noon() + DAY),
        };
        state.note(attempt("work", limit), noon());
        if fails {
            let result = Err(UsageError::Unreadable);
            let name = name("work");
            state.note(Event::UsageArrived { name, result }, noon());
        }
        let pause = pause_of(&state, "work").unwrap();
        assert_eq!(pause.probe_at, noon() + 30 * MINUTE, "{fails}");
    }
}

#[test]
fn the_limit_of_one_model_leaves_the_account_to_the_others() {
    let mut state = state();
    let limit = AttemptResult::ModelLimit {
        told: told(noon() + DAY),
    };
    state.note(attempt("work", limit), noon());
    assert_eq!(pause_of(&state, "work"), None);
    let cooldowns = &state.kept[&name("work")].refusals.cooldowns;
    let (model, pause) = cooldowns.iter().next().unwrap();
    assert_eq!(model, Some("m"));
    assert_eq!(pause.probe_at, noon() + 30 * MINUTE, "no poll tells of it");
}

#[test]
fn a_pause_that_is_lifted_or_another_accounts_does_not_come_back() {
    let limited = || {
        let mut state = state();
        let limit = AttemptResult::UsageLimit {
            told: told(noon() + DAY),
        };
        state.note(attempt("work", limit), noon());
        state
    };
    let kept_at_quit = |mut state: AppState| {
        let effects = state.obey(Command::Quit, noon());
        effects.into_iter().find_map(|effect| match effect {
            Effect::KeepPauses(pauses) => Some(pauses),
            _ => None,
        })
    };
    let kept = kept_at_quit(limited()).unwrap();
    let mut other = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let profiles = vec![profile("work", fresh("eve"))];
    other.note(reading(profiles, Live::Missing), noon());
    other.remember_pauses(kept, noon());
    assert_eq!(pause_of(&other, "work"), None);

    let mut served = limited();
    served.note(Event::TimePassed, noon() + MINUTE);
    let later = noon() + MINUTE;
    let answer = attempt_with("work", "m", later, AttemptResult::Served);
    served.note(answer, later);
    let effects = served.note(Event::TimePassed, later + MINUTE);
    let emptied = |effect: &Effect| matches!(effect, Effect::KeepPauses(all) if all.is_empty());
    assert!(effects.iter().any(emptied));
    assert_eq!(kept_at_quit(served), Some(vec![]));
}

#[test]
fn switching_is_said_only_after_it_happened() {
    let mut state = state();
    let effects = state.obey(Command::Use(name("spare")), noon());
    assert!(matches!(&effects[..], [Effect::Switch { to }] if *to == name("spare")));
    assert!(state.happenings.is_empty());
    let switched = Switched {
        from: Some(name("work")),
        took_home: None,
        displaced: None,
        was_already: false,
    };
    state.note(
        Event::SwitchEnded {
            to: name("spare"),
            result: Ok(switched),
            codex: vec![],
        },
        noon(),
    );
    assert_eq!(
        last_outcome(&state),
        &Outcome::Switched {
            from: Some(name("work")),
            to: name("spare")
        }
    );
}

#[test]
fn an_unknown_name_is_refused_in_words() {
    let mut state = state();
    assert!(state.obey(Command::Use(name("nobody")), noon()).is_empty());
    assert!(
        matches!(last_outcome(&state), Outcome::SwitchFailed { reason, .. } if reason.contains("nobody"))
    );
    assert!(
        state
            .obey(Command::RefreshToken(name("nobody")), noon())
            .is_empty()
    );
    assert!(matches!(
        last_outcome(&state),
        Outcome::TokenRefreshFailed { .. }
    ));
}

#[test]
fn a_broken_profile_is_shown_with_its_reason_and_left_alone() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let broken = Profile {
        name: name("broken"),
        login: Err(Unreadable("the file is empty".into())),
        side: SideFile::default(),
    };
    let effects = state.note(reading(vec![broken], Live::Missing), noon());
    assert!(polls(&effects).is_empty() && refreshes(&effects).is_empty());
    let snapshot = publisher::snapshot(&state, "", noon());
    assert_eq!(
        snapshot.profiles[0].health,
        Health::Unreadable(Unreadable("the file is empty".into()))
    );
}

#[test]
fn a_taken_port_is_a_state_with_a_way_out() {
    let mut state = state();
    assert!(matches!(
        state.obey(Command::TurnRouterOn, noon())[..],
        [Effect::StartRouter { .. }]
    ));
    let taken = StartError::PortTaken {
        address: "127.0.0.1:9876".parse().unwrap(),
        holder: Some("node (pid 812)".into()),
        free_port: Some(9877),
    };
    state.note(Event::RouterStarted(Err(taken)), noon());
    assert!(matches!(
        &state.router.state,
        RouterState::PortTaken {
            port: 9876,
            free_port: Some(9877),
            ..
        }
    ));
    let effects = state.obey(Command::ServeOnPort(9877), noon());
    assert!(matches!(
        effects[..],
        [Effect::StartRouter {
            listen: Listen::Localhost { port: 9877 },
            ..
        }]
    ));
    state.note(
        Event::RouterStarted(Ok(vec!["127.0.0.1:9877".parse().unwrap()])),
        noon(),
    );
    assert_eq!(state.router.state, RouterState::On);
}

#[test]
fn turning_the_router_off_while_it_starts_stops_it_when_it_has() {
    let mut state = state();
    state.obey(Command::TurnRouterOn, noon());
    state.obey(Command::TurnRouterOff, noon());
    let effects = state.note(Event::RouterStarted(Ok(vec![])), noon());
    assert!(matches!(effects[..], [Effect::StopRouter]));
    state.note(Event::RouterStopped, noon());
    assert_eq!(state.router.state, RouterState::Off);
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

/// The login of a profile whose refresh has ended in memory only, and what it replaced.
fn unsaved(state: &mut AppState, old: &AuthFile, new: &AuthFile) -> Vec<Effect> {
    let refreshed = Refreshed {
        auth: new.clone(),
        unsaved: Some((old.refresh_fingerprint().unwrap(), "disk full".into())),
    };
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Ok(refreshed),
    };
    state.note(event, noon())
}

fn renewed(state: &mut AppState, new: &AuthFile, now: SystemTime) -> Vec<Effect> {
    let refreshed = Refreshed {
        auth: new.clone(),
        unsaved: None,
    };
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Ok(refreshed),
    };
    state.note(event, now)
}

fn saves(effects: &[Effect]) -> Vec<Fingerprint> {
    let save = |effect: &Effect| match effect {
        Effect::SaveToken { redeemed, .. } => Some(redeemed.clone()),
        _ => None,
    };
    effects.iter().filter_map(save).collect()
}

fn reading_number(effects: &[Effect]) -> u64 {
    let number = |effect: &Effect| match effect {
        Effect::ReadDisk { number } => Some(*number),
        _ => None,
    };
    effects.iter().find_map(number).unwrap()
}

fn token_in_pool(state: &AppState) -> Fingerprint {
    let pool = publisher::pool(state);
    let Access::ChatGpt { access_token, .. } = &pool.members[0].access else {
        panic!()
    };
    access_token.fingerprint()
}

#[test]
fn a_reading_begun_before_a_refresh_ended_does_not_bring_the_spent_token_back() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    let of = |number, login: &AuthFile| {
        numbered_reading(number, vec![profile("work", login.clone())], Live::Missing)
    };
    state.note(of(0, &old), noon());
    let begun_before = reading_number(&state.note(Event::DiskChanged, noon()));
    let begun_after = reading_number(&renewed(&mut state, &fresh("ana"), noon()));

    let effects = state.note(of(begun_before, &old), noon());
    assert_eq!(token_in_pool(&state), fingerprint(&fresh("ana")));
    assert!(refreshes(&effects).is_empty());
    state.note(of(begun_after, &fresh("ana")), noon());
    assert_eq!(token_in_pool(&state), fingerprint(&fresh("ana")));
}

#[test]
fn of_two_readings_that_cross_the_one_begun_last_counts() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let first = reading_number(&state.note(Event::DiskChanged, noon()));
    let second = reading_number(&state.note(Event::DiskChanged, noon()));
    let of = |number, live| {
        let profiles = vec![
            profile("spare", fresh("bob")),
            profile("work", fresh("ana")),
        ];
        numbered_reading(number, profiles, Live::Login(live))
    };
    state.note(of(second, fresh("bob")), noon());
    state.note(of(first, fresh("ana")), noon());
    assert_eq!(state.active(), Some(&name("spare")));
}

#[test]
fn a_token_that_is_only_in_memory_outlives_its_directory() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    state.note(
        reading(vec![profile("work", old.clone())], Live::Missing),
        noon(),
    );
    // Removed while the refresh runs, and still gone when it has ended.
    state.note(reading(vec![], Live::Missing), noon());
    unsaved(&mut state, &old, &fresh("ana"));
    state.note(reading(vec![], Live::Missing), noon());
    let later = noon() + Duration::from_secs(5);
    let effects = state.note(Event::TimePassed, later);
    assert_eq!(saves(&effects), [old.refresh_fingerprint().unwrap()]);
    let saved = Event::TokenSaved {
        name: name("work"),
        result: Ok(()),
    };
    state.note(saved, later);
    state.note(reading(vec![], Live::Missing), later);
    assert!(state.kept.is_empty());
}

#[test]
fn another_account_in_the_file_does_not_cost_a_token_in_memory() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    state.note(
        reading(vec![profile("work", old.clone())], Live::Missing),
        noon(),
    );
    unsaved(&mut state, &old, &fresh("ana"));
    state.note(
        reading(vec![profile("work", fresh("eve"))], Live::Missing),
        noon(),
    );
    assert_eq!(token_in_pool(&state), fingerprint(&fresh("eve")));
    let effects = state.note(Event::TimePassed, noon() + Duration::from_secs(5));
    assert_eq!(saves(&effects), [old.refresh_fingerprint().unwrap()]);
}

#[test]
fn a_login_without_a_name_is_not_beaten_by_the_file_that_holds_its_spent_token() {
    let nameless = |token: &str| {
        let json = json!({"auth_mode": "chatgpt", "last_refresh": "1972-09-27T00:00:00Z",
            "tokens": {"access_token": format!("opaque_{token}"), "refresh_token": token}});
        AuthFile::parse(json.to_string().as_bytes()).unwrap()
    };
    let (old, new) = (nameless("rt_FAKE_1"), nameless("rt_FAKE_2"));
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let event = || reading(vec![profile("work", old.clone())], Live::Missing);
    state.note(event(), noon());
    unsaved(&mut state, &old, &new);
    state.note(event(), noon());
    assert_eq!(token_in_pool(&state), fingerprint(&new));
}

#[test]
fn a_token_that_is_spent_on_disk_is_not_redeemed_again() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    let soon_over = login("ana", noon(), noon() + MINUTE);
    let event = || reading(vec![profile("work", old.clone())], Live::Login(old.clone()));
    state.note(event(), noon());
    unsaved(&mut state, &old, &soon_over);
    state.note(event(), noon());
    let late = noon() + 10 * MINUTE;
    let wanted = Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&soon_over),
    };
    let refused = Event::UsageArrived {
        name: name("work"),
        result: Err(UsageError::Unauthorized),
    };
    let effects = state.note(wanted, late);
    assert_eq!(answers(&effects), [("work".to_owned(), false)]);
    let mut all = effects;
    all.extend(state.note(refused, late));
    all.extend(state.note(Event::TimePassed, late));
    all.extend(state.obey(Command::RefreshToken(name("work")), late));
    all.extend(state.obey(Command::RefreshUsage(name("work")), late));
    all.extend(state.obey(Command::Use(name("work")), late));
    assert!(refreshes(&all).is_empty());
    assert!(
        !all.iter()
            .any(|effect| matches!(effect, Effect::Switch { .. }))
    );
    assert!(
        matches!(last_outcome(&state), Outcome::SwitchFailed { reason, .. } if reason.contains("disk full"))
    );
    assert!(
        state.next_due().unwrap() > late,
        "a refresh that may not begin must not wake the worker all the time"
    );
    // Once the profile has it, and only the live file has not, the next refresh is safe.
    let on_disk = reading(vec![profile("work", soon_over.clone())], Live::Login(old));
    let mut effects = state.note(on_disk, late);
    effects.extend(state.note(Event::TimePassed, late));
    assert_eq!(refreshes(&effects), ["work"]);
}

#[test]
fn a_login_that_is_only_in_memory_is_not_said_to_be_saved() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::WhenAsked);
    let old = expired("ana");
    state.note(
        reading(vec![profile("work", old.clone())], Live::Missing),
        noon(),
    );
    state.obey(Command::RefreshToken(name("work")), noon());
    unsaved(&mut state, &old, &fresh("ana"));
    assert!(
        matches!(last_outcome(&state), Outcome::TokenRefreshFailed { reason, .. } if reason.contains("disk full"))
    );
    let due = state.next_due().unwrap();
    assert_eq!(saves(&state.note(Event::TimePassed, due)).len(), 1);
    assert!(state.next_due().unwrap() > due);
}

#[test]
fn while_ending_only_logins_are_seen_to() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    let profiles = vec![
        profile("spare", expired("bob")),
        profile("work", old.clone()),
    ];
    state.note(reading(profiles, Live::Missing), noon());
    state.obey(Command::Quit, noon());
    // The refresh was under way; its answer cannot be written.
    let effects = unsaved(&mut state, &old, &fresh("ana"));
    assert!(
        matches!(&effects[..], [Effect::AnswerWaiters { with: Ok(_), .. }]),
        "{effects:?}"
    );
    assert_eq!(state.unsaved().collect::<Vec<_>>(), [&name("work")]);
    let later = noon() + Duration::from_secs(5);
    let effects = state.note(Event::TimePassed, later);
    assert!(
        matches!(&effects[..], [Effect::SaveToken { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_clock_that_is_ahead_does_not_redeem_without_end() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    // The issuer lives a month behind us, so everything that it gives has expired here.
    let given = |nth: u64| {
        let issued_at = noon() - 30 * DAY + Duration::from_secs(nth);
        login("ana", issued_at, issued_at + 10 * DAY)
    };
    state.note(
        reading(vec![profile("work", given(0))], Live::Missing),
        noon(),
    );
    let wanted = |nth| Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&given(nth)),
    };
    renewed(&mut state, &given(1), noon());
    let profiles = vec![profile("work", given(1))];
    let mut effects = state.note(reading(profiles, Live::Missing), noon());
    effects.extend(state.note(wanted(0), noon()));
    effects.extend(state.note(Event::TimePassed, noon() + Duration::from_secs(59)));
    assert_eq!(
        answers(&effects),
        [("work".to_owned(), true)],
        "whether it has expired is the upstream's to say"
    );
    assert!(refreshes(&effects).is_empty());
    assert!(state.next_due().unwrap() > noon() + Duration::from_secs(59));
}

#[test]
fn a_new_token_that_is_refused_as_well_is_not_renewed_for_every_request() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    state.note(
        reading(vec![profile("work", expired("ana"))], Live::Missing),
        noon(),
    );
    renewed(&mut state, &fresh("ana"), noon());
    let wanted = || Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&fresh("ana")),
    };
    let soon = noon() + Duration::from_secs(59);
    let effects = state.note(wanted(), soon);
    assert_eq!(answers(&effects), [("work".to_owned(), false)]);
    assert!(refreshes(&effects).is_empty());
    assert_eq!(refreshes(&state.note(wanted(), noon() + MINUTE)), ["work"]);
}

#[test]
fn a_refusal_holds_even_where_it_could_not_be_written_down() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let dead = expired("ana");
    let event = || reading(vec![profile("work", dead.clone())], Live::Missing);
    state.note(event(), noon());
    let failure = RefreshFailure::SignInAgain {
        token: dead.refresh_fingerprint().unwrap(),
        code: "refresh_token_reused".into(),
    };
    let refused = Event::TokenRefreshed {
        name: name("work"),
        result: Err(failure),
    };
    state.note(refused, noon());
    // `router.json` says nothing of it.
    assert!(refreshes(&state.note(event(), noon())).is_empty());
    assert_eq!(
        state.kept[&name("work")].profile.health(),
        Health::SignInAgain
    );
}

#[test]
fn what_could_not_be_taken_home_is_tried_again_later() {
    let mut state = state();
    let rotated = login("ana", noon(), noon() + 10 * DAY);
    let event = || {
        reading(
            vec![profile("work", fresh("ana"))],
            Live::Login(rotated.clone()),
        )
    };
    let is_tried = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::TakeHome));
    assert!(is_tried(&state.note(event(), noon())));
    state.note(Event::TookHome(Err("disk full".into())), noon());
    assert!(!is_tried(&state.note(event(), noon())));
    let due = noon() + Duration::from_secs(30);
    assert!(state.next_due().unwrap() <= due);
    assert!(is_tried(&state.note(Event::TimePassed, due)));
    assert!(!is_tried(&state.note(Event::TimePassed, due)));
}

#[test]
fn a_live_file_that_a_cut_off_refresh_left_behind_is_brought_up_to_date() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = login("ana", noon() - 2 * DAY, noon() + 8 * DAY);
    let redeemed = old.refresh_fingerprint().unwrap();
    let mut work = profile("work", fresh("ana"));
    work.side.set_intent(Some(&crate::profile::Intent {
        token: redeemed.clone(),
        at: noon() - DAY,
    }));
    let effects = state.note(reading(vec![work.clone()], Live::Login(old)), noon());
    assert_eq!(saves(&effects), [redeemed]);
    let effects = state.note(reading(vec![work], Live::Login(fresh("ana"))), noon());
    assert!(saves(&effects).is_empty());
}

#[test]
fn a_disk_that_could_not_keep_a_new_login_is_shown_once_and_tried_again_soon() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let event = || reading(vec![profile("work", expired("ana"))], Live::Missing);
    state.note(event(), noon());
    let failed = || Event::TokenRefreshed {
        name: name("work"),
        result: Err(RefreshFailure::NotPossible("the disk is full".into())),
    };
    for seconds in [0, 5, 10] {
        let now = noon() + Duration::from_secs(seconds);
        state.note(failed(), now);
        state.note(event(), now);
        let again = state.note(Event::TimePassed, now + Duration::from_secs(5));
        assert_eq!(refreshes(&again), ["work"]);
    }
    assert_eq!(state.happenings.len(), 1);
    let notices = |state: &AppState| publisher::snapshot(state, "", noon()).notices;
    assert_eq!(
        notices(&state),
        [crate::desk::Notice::HomeNotWritable {
            reason: "the disk is full".into()
        }]
    );
    renewed(&mut state, &fresh("ana"), noon());
    assert_eq!(notices(&state), []);
}

#[test]
fn usage_of_an_expired_login_that_cannot_be_renewed_is_answered_at_once() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::WhenAsked);
    let mut json: serde_json::Value = serde_json::from_slice(&expired("ana").to_bytes()).unwrap();
    json["tokens"]["refresh_token"] = "".into();
    let login = AuthFile::parse(json.to_string().as_bytes()).unwrap();
    state.note(reading(vec![profile("work", login)], Live::Missing), noon());
    let effects = state.obey(Command::RefreshUsage(name("work")), noon());
    assert!(effects.is_empty());
    assert!(state.kept[&name("work")].usage_error.is_some());
}

#[test]
fn a_refused_model_is_remembered_for_hours_and_forgotten_when_it_answers() {
    let refused = |state: &mut AppState, model: &str, at| {
        let result = AttemptResult::ModelNotSupported {
            model: model.into(),
        };
        state.note(attempt_with("work", model, at, result), at);
    };
    let lacks = |state: &AppState, at| {
        let pool = publisher::pool(state);
        let mut members = pool.members.iter();
        let work = members.find(|member| member.name == name("work")).unwrap();
        ["gpt-x", "gpt-y", "gpt-z"].map(|model| work.lacks(model, at))
    };
    let mut state = state();
    let later = |minutes: u32| noon() + minutes * MINUTE;
    refused(&mut state, "gpt-x", noon());
    refused(&mut state, "gpt-y", later(60));
    assert_eq!(lacks(&state, later(61)), [true, true, false]);
    let six_hours = later(6 * 60);
    refused(&mut state, "gpt-z", six_hours);
    assert_eq!(
        lacks(&state, six_hours),
        [false, true, true],
        "the first is six hours old"
    );
    let served = |at| attempt_with("work", "gpt-y", at, AttemptResult::Served);
    state.note(served(later(59)), six_hours);
    assert_eq!(
        lacks(&state, six_hours),
        [false, true, true],
        "it was asked before"
    );
    state.note(served(six_hours), six_hours);
    assert_eq!(lacks(&state, six_hours), [false, false, true]);
}

#[test]
fn what_stands_in_the_way_of_a_path_pauses_no_profile() {
    let mut state = state();
    let pauses = |state: &AppState| {
        let snapshot = publisher::snapshot(state, "", noon());
        let paths = snapshot.paths.iter();
        let told = paths.map(|path| (path.rest.cause, path.rest.model.clone()));
        told.collect::<Vec<_>>()
    };
    state.note(
        attempt("work", AttemptResult::Overloaded { retry_after: None }),
        noon(),
    );
    assert_eq!(pauses(&state), [(RestCause::Overloaded, Some("m".into()))]);
    for _ in 0..5 {
        state.note(attempt("work", AttemptResult::Unreachable), noon());
    }
    assert_eq!(pauses(&state)[0], (RestCause::Failing, None));
    let later = noon() + MINUTE;
    let challenged = attempt_with("work", "m", later, AttemptResult::Challenged);
    state.note(challenged, later);
    let path = state.paths.values().next().unwrap();
    let cause = path.cooldowns.all.as_ref().map(|all| all.cause);
    assert_eq!(cause, Some(RestCause::Challenged));
    assert_eq!(pause_of(&state, "work"), None);
    assert_eq!(pause_of(&state, "spare"), None);
}

#[test]
fn what_the_same_request_met_elsewhere_in_the_same_words_pauses_nobody() {
    let mut state = state();
    for result in [
        AttemptResult::UsageLimit { told: None },
        AttemptResult::Unauthorized,
    ] {
        let Event::Reported(Report::Attempt(outcome)) = attempt("work", result) else {
            unreachable!();
        };
        let outcome = AttemptOutcome {
            counts: false,
            ..outcome
        };
        state.note(Event::Reported(Report::Attempt(outcome)), noon());
    }
    assert_eq!(pause_of(&state, "work"), None);
}

#[test]
fn a_mark_of_the_router_lasts_until_the_pool_that_knows_is_published() {
    let mut state = state();
    let live = state.kept[&name("work")].refusals.live.clone();
    live.mark(None, RestCause::UsageLimit, noon() + MINUTE, noon());
    state.settle();
    let is_marked = || live.standing("m", noon()) != Standing::Free;
    assert!(is_marked(), "the report has not come");
    state.note(
        attempt("work", AttemptResult::UsageLimit { told: None }),
        noon(),
    );
    assert!(is_marked(), "nobody knows yet");
    state.settle();
    assert!(!is_marked());
    assert!(pause_of(&state, "work").is_some());
}

#[test]
fn the_users_wish_in_a_side_file_ends_every_pause() {
    let mut state = state();
    for result in [
        AttemptResult::UsageLimit {
            told: told(noon() + DAY),
        },
        AttemptResult::Challenged,
    ] {
        state.note(attempt("work", result), noon());
    }
    let wished_at = noon() + MINUTE;
    let mut work = profile("work", fresh("ana"));
    work.side.set_tried_now(wished_at);
    let event = reading(vec![work, profile("spare", fresh("ben"))], Live::Missing);
    state.note(event, wished_at);
    assert_eq!(pause_of(&state, "work"), None);
    assert!(state.paths.values().all(|path| path.cooldowns.is_empty()));
    let known = Cooldown::known(
        RestCause::UsageLimit,
        RestSource::ResetsAt,
        noon(),
        noon() + DAY,
    );
    let kept = state.kept.get_mut(&name("work")).unwrap();
    kept.restore(None, known, noon());
    assert_eq!(
        pause_of(&state, "work"),
        None,
        "nor does an earlier run bring it back"
    );
}

#[test]
fn the_share_of_the_prompt_cache_is_counted_by_profile() {
    let mut state = state();
    let mut told = |profile: &str, tokens: Option<(u64, u64)>| {
        let tokens = tokens.map(|(input, cached)| TokenUsage {
            input,
            cached,
            ..TokenUsage::default()
        });
        let done = RequestDone {
            profile: Some(name(profile)),
            tokens,
            ..failed_request()
        };
        state.note(Event::Reported(Report::Request(done)), noon());
        let snapshot = publisher::snapshot(&state, "~", noon());
        let percent = |text: &str| {
            snapshot
                .profile(&name(text))
                .unwrap()
                .prompt_cache
                .percent()
        };
        (percent("work"), percent("spare"))
    };
    assert_eq!(told("work", None), (None, None));
    assert_eq!(told("work", Some((1_000, 0))), (Some(0.0), None));
    assert_eq!(told("work", Some((1_000, 800))), (Some(40.0), None));
    assert_eq!(told("spare", Some((10, 11))), (Some(40.0), Some(100.0)));
    assert_eq!(told("gone", Some((10, 11))), (Some(40.0), Some(100.0)));
}

#[test]
fn what_profiles_offer_is_kept_and_given_to_the_next_router() {
    let models = |slug: &str| -> Arc<[crate::translate::models::Model]> {
        [crate::translate::models::Model {
            slug: slug.into(),
            is_listable: true,
            is_supported_in_api: true,
            efforts: Vec::new(),
        }]
        .into()
    };
    let told = |state: &mut AppState, profile: &str, slug: &str| {
        let report = Report::Models {
            profile: name(profile),
            models: models(slug),
        };
        state.note(Event::Reported(report), noon())
    };
    let mut state = state();
    state.remember_offers(vec![
        (name("spare"), models("a")),
        (name("gone"), models("b")),
    ]);
    assert!(told(&mut state, "gone", "b").is_empty());
    let effects = told(&mut state, "work", "c");
    let [Effect::KeepModels(kept)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let expected = vec![(name("spare"), models("a")), (name("work"), models("c"))];
    assert_eq!(*kept, expected);
    let effects = state.obey(Command::TurnRouterOn, noon());
    let [Effect::StartRouter { offers, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(*offers, expected);
}

fn looks(effects: &[Effect]) -> usize {
    effects
        .iter()
        .filter(|effect| matches!(effect, Effect::FindCodex))
        .count()
}

#[test]
fn codex_is_looked_for_when_somebody_may_switch_and_rarely_otherwise() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    assert_eq!(looks(&state.note(Event::TimePassed, noon())), 1);
    let later = |secs| noon() + Duration::from_secs(secs);
    assert_eq!(looks(&state.obey(Command::FindCodex, later(1))), 0);
    assert_eq!(looks(&state.obey(Command::FindCodex, later(30))), 1);
    assert_eq!(looks(&state.note(Event::TimePassed, later(120))), 0);
    let due = state.next_due().unwrap();
    assert!(due >= later(300), "the last look was a moment ago");
    assert_eq!(looks(&state.note(Event::TimePassed, due)), 1);
    // A clock that was set back.
    assert_eq!(looks(&state.obey(Command::FindCodex, noon())), 1);
}

#[test]
fn usage_numbers_are_kept_half_a_minute_after_they_came_and_once() {
    let keeps = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::KeepUsage))
            .count()
    };
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    state.note(
        reading(vec![profile("work", fresh("ana"))], Live::Missing),
        noon(),
    );
    state.note(Event::TimePassed, noon());
    state.note(
        Event::UsageArrived {
            name: name("work"),
            result: Ok(usage(40.0, noon())),
        },
        noon(),
    );
    let due = noon() + Duration::from_secs(30);
    assert_eq!(state.next_due(), Some(due));
    assert_eq!(keeps(&state.note(Event::TimePassed, due)), 1);
    assert_eq!(keeps(&state.note(Event::TimePassed, due)), 0);
}

#[test]
fn pauses_are_left_to_the_next_start_with_cause_source_and_end() {
    let mut state = state();
    let until = noon() + DAY;
    let limit = AttemptResult::UsageLimit { told: told(until) };
    state.note(attempt("work", limit), noon());
    let retry_after = Some(MINUTE);
    state.note(
        attempt("work", AttemptResult::Throttled { retry_after }),
        noon(),
    );
    state.note(attempt("spare", AttemptResult::Challenged), noon());
    let due = noon() + Duration::from_secs(2);
    assert!(state.next_due() <= Some(due));
    let effects = state.note(Event::TimePassed, due);
    let kept = effects.iter().find_map(|effect| match effect {
        Effect::KeepPauses(pauses) => Some(pauses.clone()),
        _ => None,
    });
    let kept = kept.unwrap();
    assert_eq!(kept.len(), 3);
    let mut next = self::state();
    next.remember_pauses(kept, noon());
    let all = pause_of(&next, "work").unwrap();
    assert_eq!(
        (all.cause, all.source, all.until),
        (RestCause::UsageLimit, RestSource::ResetsAt, until)
    );
    let snapshot = publisher::snapshot(&next, "", due);
    let work = snapshot.profile(&name("work")).unwrap();
    assert_eq!(work.model_rests.len(), 1);
    assert_eq!(snapshot.paths[0].rest.cause, RestCause::Challenged);
}

mod terms;
