//! Which login is in use, and how it becomes another one.

use super::*;

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
fn a_history_is_read_of_a_profile_that_is_there_and_published() {
    let mut state = state();
    state.note(
        reading(vec![profile("work", fresh("ana"))], Live::Missing),
        noon(),
    );
    let effects = state.obey(Command::ShowHistory(name("nobody")), noon());
    assert!(effects.is_empty(), "{effects:?}");
    let effects = state.obey(Command::ShowHistory(name("work")), noon());
    assert!(
        matches!(effects.as_slice(), [Effect::ReadHistory { name, costs: false }] if name.as_str() == "work"),
        "{effects:?}"
    );
    let history = History {
        name: name("work"),
        read_at: noon(),
        lines: Vec::new(),
        month_cost: None,
        is_private: Some(true),
        trouble: None,
    };
    state.note(Event::HistoryRead(Box::new(history.clone())), noon());
    let snapshot = publisher::snapshot(&state, "~/.codex", noon());
    assert_eq!(snapshot.history.as_deref(), Some(&history));
}
