use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::pool::{Access, RestCause};
use crate::profile::{Profile, SideFile, Unreadable};
use crate::store::switch::Switched;
use crate::usage::Window;
use crate::worker::event::Reading;
use crate::worker::publisher;

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
    Event::DiskRead(Box::new(Reading {
        profiles,
        skipped: vec![],
        live,
        credential_store: None,
        current: None,
    }))
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
    Event::Reported(Report::Attempt(AttemptOutcome {
        profile: name(text),
        at: noon(),
        result,
        usage: None,
    }))
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
                resets_at: Some(resets_at),
            },
        ),
        noon(),
    );
    let rest = |state: &AppState| state.kept[&name("work")].rest.clone();
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
        attempt("work", AttemptResult::UsageLimit { resets_at: None }),
        noon(),
    );
    assert!(state.kept[&name("work")].rest.is_some());
    state.note(
        Event::UsageArrived {
            name: name("work"),
            result: Ok(usage(40.0, noon())),
        },
        noon(),
    );
    assert_eq!(state.kept[&name("work")].rest, None);
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
        state.note(attempt("work", AttemptResult::Unreachable), noon());
    }
    assert_eq!(state.kept[&name("work")].rest, None);
    state.note(attempt("work", AttemptResult::Cut), noon());
    let rest = state.kept[&name("work")].rest.clone().unwrap();
    assert_eq!(
        (rest.cause, rest.until),
        (RestCause::Failing, noon() + MINUTE / 2)
    );
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
fn switching_is_said_only_after_it_happened() {
    let mut state = state();
    let effects = state.obey(Command::Use(name("spare")), noon());
    assert!(
        matches!(&effects[..], [Effect::Switch { to, live: Some(live) }] if *to == name("spare") && *live == name("work"))
    );
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

#[test]
fn a_refused_model_is_remembered_for_hours_and_forgotten_when_it_answers() {
    let refused = |state: &mut AppState, model: &str, at| {
        let result = AttemptResult::ModelNotSupported {
            model: model.into(),
        };
        state.note(attempt("work", result), at);
    };
    let lacks = |state: &AppState| {
        let pool = publisher::pool(state);
        let work = pool
            .members
            .iter()
            .find(|member| member.name == name("work"));
        let lacks = work.unwrap().lacks.iter();
        lacks.map(|lack| lack.model.clone()).collect::<Vec<_>>()
    };
    let mut state = state();
    refused(&mut state, "gpt-x", noon());
    refused(&mut state, "gpt-y", noon() + 60 * MINUTE);
    refused(&mut state, "gpt-y", noon() + 60 * MINUTE);
    refused(&mut state, "", noon());
    assert_eq!(lacks(&state), ["gpt-x", "gpt-y"]);

    refused(&mut state, "gpt-z", noon() + 6 * 60 * MINUTE);
    assert_eq!(
        lacks(&state),
        ["gpt-y", "gpt-z"],
        "the first is six hours old"
    );

    let mut done = RequestDone {
        id: "req_1".into(),
        dialect: crate::router::Dialect::Chat,
        model: "gpt-y".into(),
        profile: Some(name("work")),
        reason: None,
        status: 502,
        is_complete: false,
        took: MINUTE,
        first_token: None,
        tokens: None,
        retries: 0,
        dropped: vec![],
        at: noon(),
    };
    state.note(Event::Reported(Report::Request(done.clone())), noon());
    assert_eq!(lacks(&state), ["gpt-y", "gpt-z"]);
    done.is_complete = true;
    state.note(Event::Reported(Report::Request(done)), noon());
    assert_eq!(lacks(&state), ["gpt-z"]);

    for number in 0..40 {
        refused(
            &mut state,
            &format!("made-up-{number}"),
            noon() + 6 * 60 * MINUTE,
        );
    }
    assert_eq!(
        lacks(&state).len(),
        32,
        "clients may make up any number of names"
    );
}

#[test]
fn what_profiles_offer_is_kept_and_given_to_the_next_router() {
    let models = |slug: &str| -> Arc<[crate::translate::models::Model]> {
        [crate::translate::models::Model {
            slug: slug.into(),
            is_listable: true,
            is_supported_in_api: true,
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
