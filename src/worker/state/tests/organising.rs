//! What users say about accounts, and what they do to them as such.

use super::*;
use crate::desk::{Edit, Origin, Rotator, Term};
use crate::worker::organiser::{Done, Failures, Work};

fn said(text: &str, side: &str) -> Profile {
    Profile {
        side: SideFile::parse(side.as_bytes()),
        ..profile(text, fresh(text))
    }
}

fn work(effects: Vec<Effect>) -> Work {
    let works = effects.into_iter().filter_map(|effect| match effect {
        Effect::Organise(work) => Some(work),
        _ => None,
    });
    let [work] = works.collect::<Vec<_>>().try_into().unwrap();
    work
}

#[test]
fn what_stands_in_a_copied_directory_is_seen_by_every_face() {
    let mut state = state();
    let side = r#"{"label": "Büro", "note": "mine", "tags": ["a"], "pinned": true,
        "came_by": {"way": "code", "unix_ms": 1000}, "rotated": {"by": "codex", "unix_ms": 2000}}"#;
    state.note(reading(vec![said("work", side)], Live::Missing), noon());
    let snapshot = publisher::snapshot(&state, "", noon());
    let view = snapshot.profile(&name("work")).unwrap();
    assert_eq!(view.about.label.as_deref(), Some("Büro"));
    assert_eq!(view.about.note.as_deref(), Some("mine"));
    assert_eq!(view.about.tags, ["a"]);
    assert!(view.about.is_pinned);
    let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
    assert_eq!(view.token.came_by, Some((Origin::Code, at(1))));
    assert_eq!(view.token.rotated_by, Some(Rotator::Codex));
    assert_eq!(view.token.rotated_at, Some(at(2)));
    assert!(view.token.next_refresh_at.is_some());
}

#[test]
fn the_last_error_of_a_login_is_told_until_it_is_renewed() {
    let mut state = state();
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Err(RefreshFailure::NotPossible("the disk is full".into())),
    };
    state.note(event, noon());
    let error = |state: &AppState| {
        let snapshot = publisher::snapshot(state, "", noon());
        snapshot
            .profile(&name("work"))
            .unwrap()
            .token
            .last_error
            .clone()
    };
    assert_eq!(error(&state), Some(("the disk is full".into(), noon())));
    renewed(&mut state, &fresh("ana"), noon() + MINUTE);
    assert_eq!(error(&state), None);
}

#[test]
fn an_order_of_some_keeps_the_others_behind_them_in_their_order() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let profiles = vec![
        said("a", "{}"),
        said("b", r#"{"order": 9}"#),
        said("c", r#"{"order": 3}"#),
        said("d", "{}"),
    ];
    state.note(reading(profiles, Live::Missing), noon());
    let command = Command::Order(vec![name("d"), name("gone"), name("d")]);
    let Work::Order(order) = work(state.obey(command, noon())) else {
        panic!("no order");
    };
    assert_eq!(order, ["d", "c", "b", "a"].map(name));
}

#[test]
fn emails_are_hidden_before_the_disk_knows_it() {
    let mut state = state();
    let effects = state.obey(Command::HideEmails(true), noon());
    assert!(matches!(work(effects), Work::HideEmails(true)));
    assert!(publisher::snapshot(&state, "", noon()).hides_emails);
}

#[test]
fn a_bulk_edit_says_who_was_changed_and_who_was_not() {
    let mut state = state();
    let command = Command::Edit {
        names: ["spare", "work", "spare"].map(name).to_vec(),
        edit: Edit::Term(Term::Enabled, Some("no".into())),
    };
    let Work::Edit { names, .. } = work(state.obey(command, noon())) else {
        panic!("no edit");
    };
    assert_eq!(names, ["spare", "work"].map(name));
    let mut failures = Failures::new(5);
    for text in ["a", "b", "c", "d"] {
        failures.note(text, "locked");
    }
    let names = vec![name("work")];
    let done = Done::Edited { names, failures };
    let effects = state.note(Event::Organised(done), noon());
    assert!(matches!(effects[..], [Effect::ReadDisk { .. }]));
    let outcomes: Vec<_> = state
        .happenings
        .iter()
        .map(|it| it.outcome.clone())
        .collect();
    let reason = "4 of 5 accounts were not changed: a (locked), b (locked), c (locked) and 1 more"
        .to_owned();
    assert_eq!(
        outcomes,
        [
            Outcome::Edited {
                names: vec![name("work")]
            },
            Outcome::EditFailed { reason }
        ]
    );
}
