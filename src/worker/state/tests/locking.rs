//! Encrypted logins before and after their passphrase.

use super::*;
use crate::desk::LockView;
use crate::profile::Secret;

fn locked_event(number: u64) -> Event {
    Event::DiskLocked {
        number,
        keys: KeyRing::default(),
    }
}

fn locked() -> AppState {
    let mut state = AppState::new(Arc::default(), Polls::ByThemselves);
    assert_eq!(state.note(locked_event(0), noon()).len(), 0);
    state
}

fn lock(state: &AppState) -> Option<LockView> {
    publisher::snapshot(state, "", noon()).lock
}

#[test]
fn locked_logins_are_no_missing_accounts() {
    let state = locked();
    let snapshot = publisher::snapshot(&state, "", noon());
    assert!(snapshot.is_loaded && snapshot.profiles.is_empty());
    assert_eq!(snapshot.lock, Some(LockView::default()));
    assert!(publisher::pool(&state).is_locked);
}

#[test]
fn while_it_is_locked_nothing_about_accounts_begins_and_a_reason_is_told() {
    let mut state = locked();
    for command in [
        Command::Use(name("work")),
        Command::Save(name("work")),
        Command::Delete(vec![name("work")]),
        Command::LookForImport(crate::desk::ImportSource::OtherPrograms),
    ] {
        assert_eq!(state.obey(command.clone(), noon()).len(), 0, "{command:?}");
        let Some(Outcome::EditFailed { reason }) =
            state.happenings.back().map(|it| it.outcome.clone())
        else {
            panic!("{command:?} is refused in words");
        };
        assert!(reason.contains("encrypted"), "{reason}");
    }
    assert!(!state.obey(Command::TurnRouterOn, noon()).is_empty());
}

#[test]
fn the_passphrase_is_tried_once_at_a_time_and_a_wrong_one_is_told() {
    let mut state = locked();
    let ask = |state: &mut AppState| state.obey(Command::Unlock(Secret::new("p")), noon());
    assert!(matches!(ask(&mut state)[..], [Effect::Unlock(_)]));
    assert!(ask(&mut state).is_empty());
    assert!(lock(&state).unwrap().is_opening);
    let wrong = Event::Unlocked(Err("wrong".into()));
    let effects = state.note(wrong, noon());
    assert!(matches!(effects[..], [Effect::ReadDisk { number: 1 }]));
    state.note(locked_event(1), noon());
    let told = LockView {
        is_opening: false,
        refusal: Some("wrong".into()),
    };
    assert_eq!(lock(&state), Some(told));

    ask(&mut state);
    let effects = state.note(Event::Unlocked(Ok(())), noon());
    let [Effect::ReadDisk { number }] = effects[..] else {
        panic!("{effects:?}");
    };
    assert!(lock(&state).is_some(), "nothing is known yet");
    let mut event = reading(vec![profile("work", fresh("work"))], Live::Missing);
    if let Event::DiskRead(reading) = &mut event {
        reading.number = number;
    }
    state.note(event, noon());
    assert_eq!(lock(&state), None);
    assert!(!publisher::pool(&state).is_locked);
    // One that began before ends last.
    state.note(locked_event(0), noon());
    assert_eq!(lock(&state), None);
    assert!(ask(&mut state).is_empty());
}

#[test]
fn what_the_last_run_knew_of_locked_accounts_is_remembered_when_they_open() {
    let mut before = AppState::new(Arc::default(), Polls::ByThemselves);
    let read = |number| {
        let mut event = reading(vec![profile("work", fresh("work"))], Live::Missing);
        if let Event::DiskRead(reading) = &mut event {
            reading.number = number;
        }
        event
    };
    before.note(read(0), noon());
    let usage = usage(40.0, noon());
    let memory = || Memory {
        usage: vec![(name("work"), usage.clone())],
        ..Memory::default()
    };
    before.remember(memory(), noon());

    let mut state = locked();
    state.remember(memory(), noon());
    state.note(Event::Unlocked(Ok(())), noon());
    let effects = state.note(read(1), noon());
    let shown = |state: &AppState| {
        publisher::snapshot(state, "", noon()).profiles[0]
            .usage
            .clone()
    };
    assert!(shown(&state).is_some());
    assert_eq!(shown(&state), shown(&before));
    let asks_for_recent_use = |effect: &Effect| matches!(effect, Effect::ReadRecentUse(_));
    assert!(effects.iter().any(asks_for_recent_use));
    // Once.
    let again = state.note(read(2), noon());
    assert!(!again.iter().any(asks_for_recent_use));
}
