//! Logins that are only in memory, or only half where they belong: none is lost, none that is spent comes back.

use super::*;

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
    // The old file is read again and must not beat what is in memory.
    state.note(
        reading(vec![profile("work", old.clone())], Live::Missing),
        noon(),
    );
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
    state.note(saved(&old, Ok(None)), noon() + MINUTE);
    assert_eq!(publisher::snapshot(&state, "", noon()).notices, []);
}

/// The login of a profile whose refresh has ended in memory only, and what it replaced.
fn unsaved(state: &mut AppState, old: &AuthFile, new: &AuthFile) -> Vec<Effect> {
    let refreshed = Refreshed {
        auth: new.clone(),
        unsaved: Some((old.refresh_fingerprint().unwrap(), "disk full".into())),
        kept_aside: None,
    };
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Ok(refreshed),
    };
    state.note(event, noon())
}

/// The end of a try to write what replaced this login of `work`.
fn saved(old: &AuthFile, result: Result<Option<String>, String>) -> Event {
    Event::TokenSaved {
        name: name("work"),
        redeemed: old.refresh_fingerprint().unwrap(),
        result,
    }
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
    state.note(saved(&old, Ok(None)), later);
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
fn a_live_file_that_several_refreshes_left_behind_is_brought_up_to_date() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = login("ana", noon() - 2 * DAY, noon() + 8 * DAY);
    let redeemed = old.refresh_fingerprint().unwrap();
    let mut work = profile("work", fresh("ana"));
    work.side.note_replaced(&redeemed);
    work.side.note_replaced(&Fingerprint::of(b"rt_FAKE_later"));
    let effects = state.note(reading(vec![work.clone()], Live::Login(old)), noon());
    assert_eq!(saves(&effects), [redeemed]);
    let mut refused = work.clone();
    refused
        .side
        .set_rejected(fresh("ana").refresh_fingerprint().as_ref());
    let live = login("ana", noon() - 2 * DAY, noon() + 8 * DAY);
    let effects = state.note(reading(vec![refused], Live::Login(live)), noon());
    assert!(saves(&effects).is_empty(), "the older one may still work");
    let mut older = work;
    older.login = Ok(login("ana", noon() - 3 * DAY, noon() + 7 * DAY));
    let live = login("ana", noon() - 2 * DAY, noon() + 8 * DAY);
    let effects = state.note(reading(vec![older], Live::Login(live)), noon());
    assert!(saves(&effects).is_empty(), "the newer one is live");
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
fn a_token_in_memory_whose_profile_is_gone_is_shown_waited_for_and_tried_again_until_it_is_kept() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    let redeemed = || old.refresh_fingerprint().unwrap();
    state.note(reading(vec![], Live::Missing), noon());
    unsaved(&mut state, &old, &fresh("ana"));
    let shown = |state: &AppState| publisher::snapshot(state, "", noon()).notices;
    let notice = |reason: &str| crate::desk::Notice::UnsavedToken {
        profile: name("work"),
        reason: reason.into(),
    };
    assert_eq!(shown(&state), [notice("disk full")]);
    assert_eq!(state.unsaved().collect::<Vec<_>>(), [&name("work")]);
    let mut now = noon();
    for reason in ["still full", "full for ever"] {
        now = state.next_due().unwrap();
        assert!(now <= noon() + MINUTE);
        assert_eq!(saves(&state.note(Event::TimePassed, now)), [redeemed()]);
        state.note(saved(&old, Err(reason.into())), now);
        assert_eq!(shown(&state), [notice(reason)]);
    }
    assert_eq!(saves(&state.obey(Command::Quit, now)), [redeemed()]);
    state.note(saved(&old, Ok(Some("a.json".into()))), now);
    assert_eq!(
        *last_outcome(&state),
        Outcome::KeptAside {
            name: name("work"),
            file: "a.json".into()
        }
    );
    assert_eq!(shown(&state), []);
    assert_eq!(state.unsaved().next(), None);
}

#[test]
fn of_two_tokens_in_memory_the_end_of_one_says_nothing_about_the_other() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let (first, second) = (expired("ana"), fresh("ana"));
    let third = login("ana", noon(), noon() + 10 * DAY);
    let on_disk = |login: &AuthFile| reading(vec![profile("work", login.clone())], Live::Missing);
    state.note(on_disk(&first), noon());
    // The profile has it, the live file has not; then the next one cannot be written at all.
    unsaved(&mut state, &first, &second);
    state.note(on_disk(&second), noon());
    unsaved(&mut state, &second, &third);
    state.note(saved(&first, Ok(None)), noon());
    assert_eq!(state.unsaved().collect::<Vec<_>>(), [&name("work")]);
    assert_eq!(token_in_pool(&state), fingerprint(&third));
    state.note(saved(&second, Ok(None)), noon());
    assert_eq!(state.unsaved().next(), None);
}

#[test]
fn a_token_that_lost_its_place_to_another_account_is_kept_beside_that_ones_own() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let (old, others) = (
        expired("ana"),
        login("eve", noon() - 9 * DAY, noon() - MINUTE),
    );
    let on_disk = |login: &AuthFile| reading(vec![profile("work", login.clone())], Live::Missing);
    state.note(on_disk(&old), noon());
    unsaved(&mut state, &old, &fresh("ana"));
    state.note(on_disk(&others), noon());
    let new = login("eve", noon(), noon() + 10 * DAY);
    unsaved(&mut state, &others, &new);
    assert_eq!(state.unsaved().count(), 2);
    assert_eq!(saves(&state.obey(Command::Quit, noon())).len(), 2);
}

#[test]
fn a_profile_that_comes_back_with_the_spent_token_gets_its_successor_and_sends_nothing() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let old = expired("ana");
    state.note(reading(vec![], Live::Missing), noon());
    unsaved(&mut state, &old, &fresh("ana"));
    let effects = state.note(
        reading(vec![profile("again", old.clone())], Live::Missing),
        noon(),
    );
    assert!(refreshes(&effects).is_empty());
    assert_eq!(token_in_pool(&state), fingerprint(&fresh("ana")));
    let effects = state.note(Event::TimePassed, noon() + MINUTE);
    assert!(
        matches!(&effects[..], [Effect::SaveToken { name: to, .. }, ..] if *to == name("again"))
    );
    assert!(refreshes(&effects).is_empty());
}
