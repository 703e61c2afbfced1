//! Tokens: when a new one is asked for, and when not.

use super::*;

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
        kept_aside: None,
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
