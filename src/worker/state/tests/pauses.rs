//! What is refused to whom, for how long, and what ends it.

use super::*;
use crate::pool::affinity::{Bindings, SessionKey, Tie};
use crate::pool::choose;

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
fn an_end_read_off_numbers_that_newer_headers_contradict_moves_no_session() {
    let mut state = state();
    let poll = Event::UsageArrived {
        name: name("work"),
        result: Ok(usage(100.0, noon())),
    };
    state.note(poll, noon());
    state.note(
        attempt("work", AttemptResult::UsageLimit { told: None }),
        noon(),
    );
    let rest = pause_of(&state, "work").unwrap();
    assert_eq!(rest.until, noon() + 60 * MINUTE);
    assert_eq!(rest.source, RestSource::UsageWindow);

    // Under way since before the refusal, so that its success alone proves nothing.
    let now = noon() + MINUTE / 6;
    let answered = AttemptOutcome {
        profile: name("work"),
        model: "m".into(),
        began: noon() - MINUTE,
        at: now,
        result: AttemptResult::Served,
        counts: true,
        usage: Some(usage(0.0, now)),
    };
    state.note(Event::Reported(Report::Attempt(answered)), now);
    let rest = pause_of(&state, "work").unwrap();
    assert_eq!(rest.until, noon() + 5 * MINUTE);
    assert_eq!(rest.source, RestSource::Guess);

    let mut choice = choose(&publisher::pool(&state), now);
    let mut sessions = Bindings::default();
    sessions.served(SessionKey::named("s"), &name("work"), Tie::Loose, noon());
    let lives_at = sessions.find(SessionKey::named("s")).unwrap();
    assert_eq!(choice.keep_home(lives_at, now), Tie::Holds);
    assert_eq!(choice.candidates[0].member.name, name("spare"));
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
fn a_breaker_goes_on_in_the_next_run_where_this_one_left_it() {
    let failing = |state: &mut AppState, at| {
        let cut = attempt_with("work", "m", at, AttemptResult::Cut);
        state.note(cut, at);
    };
    let kept_at_quit = |state: &mut AppState, at| {
        let effects = state.obey(Command::Quit, at);
        let kept = effects.into_iter().find_map(|effect| match effect {
            Effect::KeepPauses(pauses) => Some(pauses),
            _ => None,
        });
        kept.unwrap()
    };
    let next = |kept, at| {
        let mut next = state();
        next.remember_pauses(kept, at);
        next
    };
    let mut first = state();
    for _ in 0..5 {
        failing(&mut first, noon());
    }
    // Its pause is over, and nobody has found out yet.
    let later = noon() + 2 * MINUTE;
    let kept = kept_at_quit(&mut first, later);
    let mut second = next(kept, later);
    let pool = publisher::pool(&second);
    let work = pool
        .members
        .iter()
        .find(|it| it.name == name("work"))
        .unwrap();
    assert_eq!(
        work.cooldowns.standing("m", later, |_, _| false),
        Standing::Due,
        "one goes first"
    );
    failing(&mut second, later);
    let again = pause_of(&second, "work").unwrap();
    assert_eq!(
        again.until,
        later + MINUTE,
        "one failure is enough, and it lasts twice as long"
    );

    let answered = attempt_with("work", "m", again.until, AttemptResult::Served);
    second.note(answered, again.until);
    let effects = second.note(Event::TimePassed, again.until + MINUTE);
    let told = |effect: &Effect| match effect {
        Effect::KeepPauses(kept) => kept.iter().find_map(|kept| kept.breaker),
        _ => None,
    };
    let half_open = effects.iter().find_map(told).unwrap();
    assert_eq!((half_open.openings, half_open.successes), (2, 1));
    let kept = kept_at_quit(&mut second, again.until + MINUTE);
    let mut third = next(kept, again.until + MINUTE);
    let answered = attempt_with("work", "m", again.until + MINUTE, AttemptResult::Served);
    third.note(answered, again.until + MINUTE);
    assert_eq!(pause_of(&third, "work"), None);
    assert_eq!(
        kept_at_quit(&mut third, again.until + MINUTE),
        [],
        "two successes close it"
    );
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
    kept.restore(None, known, None, noon());
    assert_eq!(
        pause_of(&state, "work"),
        None,
        "nor does an earlier run bring it back"
    );
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
