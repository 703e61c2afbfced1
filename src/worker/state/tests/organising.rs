//! What users say about accounts, and what they do to them as such.

use super::*;
use crate::desk::{Edit, Origin, Rotator, Term};
use crate::store::rename::Renamed;
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

fn find<T>(effects: &[Effect], look: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
    effects.iter().filter_map(look).collect()
}

fn followed(effects: &[Effect]) -> Vec<(String, String)> {
    find(effects, |effect| match effect {
        Effect::FollowRename(renamed) => Some((renamed.from.to_string(), renamed.to.to_string())),
        _ => None,
    })
}

pub(super) fn done_renamed(from: &str, to: &str) -> Event {
    Event::Organised(Done::Renamed {
        renamed: Renamed {
            from: name(from),
            to: name(to),
        },
        result: Ok(vec![]),
    })
}

#[test]
fn a_renamed_account_is_the_same_one_and_what_is_under_way_finds_it() {
    let mut state = state();
    state.note(
        Event::UsageArrived {
            name: name("work"),
            result: Ok(usage(34.0, noon())),
        },
        noon(),
    );
    state.obey(Command::RefreshToken(name("work")), noon());
    let effects = state.note(done_renamed("work", "team"), noon());
    assert_eq!(followed(&effects), [("work".into(), "team".into())]);
    assert_eq!(state.active(), Some(&name("team")));
    let kept = &state.kept[&name("team")];
    assert!(kept.refresh.is_running && kept.usage.is_some());
    assert!(matches!(last_outcome(&state), Outcome::Renamed { .. }));
    // It shows what the state knows already.
    let profiles = vec![
        profile("spare", fresh("bob")),
        profile("team", fresh("ana")),
    ];
    let effects = state.note(reading(profiles, Live::Login(fresh("ana"))), noon());
    assert_eq!(followed(&effects), []);

    // A request and a refresh that began before.
    let mut done = done("req_1");
    done.profile = Some(name("work"));
    let effects = state.note(Event::Reported(Report::Request(Box::new(done))), noon());
    assert!(matches!(&effects[..], [Effect::Record(_)]));
    assert_eq!(state.router.last_requests[0].profile, Some(name("team")));
    let new = login("ana", noon(), noon() + 10 * DAY);
    let effects = renewed(&mut state, &new, noon() + MINUTE);
    assert!(!state.kept[&name("team")].refresh.is_running);
    assert_eq!(answers(&effects), [("team".into(), true)]);
    let wanted = Event::TokenWanted {
        name: name("work"),
        stale: fingerprint(&fresh("ana")),
    };
    let effects = state.note(wanted, noon() + MINUTE);
    assert_eq!(answers(&effects), [("team".into(), true)]);
}

#[test]
fn a_refresh_that_found_the_old_name_gone_begins_again_under_the_new_one() {
    let mut state = state();
    state.obey(Command::RefreshToken(name("work")), noon());
    state.note(done_renamed("work", "team"), noon());
    let gone = Event::TokenRefreshed {
        name: name("work"),
        result: Err(RefreshFailure::NotPossible("there is no account".into())),
    };
    let effects = state.note(gone, noon());
    assert_eq!(refreshes(&effects), ["team"]);
    assert!(matches!(last_outcome(&state), Outcome::Renamed { .. }));
}

#[test]
fn a_directory_that_another_program_renamed_is_followed() {
    let mut state = state();
    let profiles = vec![profile("spare", fresh("bob")), profile("a", fresh("ana"))];
    let effects = state.note(reading(profiles, Live::Login(fresh("ana"))), noon());
    assert_eq!(followed(&effects), [("work".into(), "a".into())]);
    // The same again, and a new account of a name that was one.
    let profiles = vec![
        profile("spare", fresh("bob")),
        profile("b", fresh("ana")),
        profile("work", fresh("cyd")),
    ];
    let effects = state.note(reading(profiles, Live::Missing), noon());
    assert_eq!(followed(&effects), [("a".into(), "b".into())]);
    assert_eq!(state.present_name(name("a")), name("b"));
    assert_eq!(state.present_name(name("work")), name("work"));
}

#[test]
fn a_copy_is_no_rename_and_neither_is_another_account() {
    let mut state = state();
    let profiles = vec![
        profile("copy", fresh("ana")),
        profile("other", fresh("cyd")),
        profile("work", fresh("ana")),
    ];
    let effects = state.note(reading(profiles, Live::Missing), noon());
    assert_eq!(followed(&effects), []);
    assert!(!state.kept.contains_key(&name("spare")));
}

#[test]
fn an_account_whose_new_login_is_only_in_memory_is_neither_renamed_nor_deleted() {
    let mut state = state();
    let new = login("ana", noon(), noon() + 10 * DAY);
    let refreshed = Refreshed {
        auth: new,
        unsaved: Some((
            fresh("ana").refresh_fingerprint().unwrap(),
            "no room".into(),
        )),
        kept_aside: None,
    };
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Ok(refreshed),
    };
    state.note(event, noon());
    let rename = Command::Rename {
        from: name("work"),
        to: name("team"),
    };
    assert!(state.obey(rename, noon()).is_empty());
    let Outcome::EditFailed { reason } = last_outcome(&state) else {
        panic!("{:?}", last_outcome(&state));
    };
    assert!(reason.contains("only in memory"), "{reason}");
    let delete = Command::Delete(["spare", "work"].map(name).to_vec());
    let Work::Delete { names, refused } = work(state.obey(delete, noon())) else {
        panic!("nothing to delete");
    };
    assert_eq!(names, [name("spare")]);
    assert_eq!(refused[0].0, name("work"));
}

#[test]
fn what_was_deleted_is_gone_at_once_and_its_place_in_the_trash_is_told() {
    let mut state = state();
    let done = Done::Deleted {
        names: vec![(name("work"), "work-1".into())],
        notes: vec!["Codex keeps it".into()],
        failures: Failures::default(),
    };
    let effects = state.note(Event::Organised(done), noon());
    assert!(matches!(&effects[..], [Effect::ReadDisk { .. }]));
    assert!(!state.kept.contains_key(&name("work")));
    let expected = Outcome::Deleted {
        names: vec![name("work")],
        ids: vec!["work-1".into()],
        notes: vec!["Codex keeps it".into()],
    };
    assert_eq!(*last_outcome(&state), expected);
}
