//! Usage: when it is asked for, how long it is believed, and what is kept of it.

use super::*;

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
fn the_pace_of_an_account_goes_on_from_what_the_ledger_knew() {
    let mut state = state();
    let hour = 60 * MINUTE;
    let mut known = crate::usage::RecentUse::default();
    known.note(&usage(10.0, noon() - 2 * hour));
    known.note(&usage(20.0, noon() - hour));
    let read = Event::RecentUseRead(vec![
        (name("work"), known),
        (name("gone"), crate::usage::RecentUse::default()),
    ]);
    // A poll may be faster than the disk.
    let arrived = |used, at| Event::UsageArrived {
        name: name("work"),
        result: Ok(usage(used, at)),
    };
    state.note(arrived(30.0, noon()), noon());
    state.note(read, noon());
    let later = noon() + hour / 2;
    state.note(arrived(40.0, later), later);
    let kept = &state.kept[&name("work")];
    let window = kept.usage.as_ref().unwrap().windows[0].length;
    assert_eq!(kept.recent.hourly(window, later), 12.0);
    let snapshot = publisher::snapshot(&state, "~", later);
    assert_eq!(snapshot.recent_use.get(&name("work")), Some(&kept.recent));
}
