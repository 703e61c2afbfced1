//! Bringing logins in: what a face sees from the first look to the end, and what it cannot make happen.

use std::sync::atomic::Ordering;

use super::*;
use crate::desk::{
    ExportTo, FoundLogin, ImportSource, ImportState, ImportView, LoginKind, Verdict,
};
use crate::profile::Secret;
use crate::store::import::Incoming;
use crate::worker::importing::{Cancel, ImportEnd, NoPreview, Preview};

fn row(id: u32, verdict: Verdict, holder: Option<&str>) -> FoundLogin {
    FoundLogin {
        id,
        kind: LoginKind::ChatGpt,
        email: None,
        plan: None,
        workspace: None,
        source: "here".into(),
        last_refresh_at: None,
        verdict,
        holder: holder.map(name),
        name: name(holder.unwrap_or("new")),
        failure: None,
    }
}

/// A new account, a newer login of `work`, and one that is not for taking.
fn preview() -> Preview {
    let incoming = |user: &str, text: &str| Incoming {
        name: name(text),
        login: fresh(user),
        side: SideFile::default(),
        file: None,
    };
    Preview {
        found: vec![
            row(0, Verdict::New, None),
            row(1, Verdict::Newer, Some("work")),
            row(2, Verdict::Older, Some("spare")),
        ],
        logins: [(0, incoming("cara", "new")), (1, incoming("ana", "work"))].into(),
        notes: vec!["a note".into()],
    }
}

fn source() -> ImportSource {
    ImportSource::Text(Secret::new("{}"))
}

fn view(state: &AppState) -> Option<Arc<ImportView>> {
    publisher::snapshot(state, "", noon()).import
}

fn state_of(state: &AppState) -> ImportState {
    view(state).unwrap().state.clone()
}

/// Asks for a look; gives its number and its sign.
fn look(state: &mut AppState) -> (u64, Cancel) {
    let effects = state.obey(Command::LookForImport(source()), noon());
    let [Effect::LookForImport { number, cancel, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    (*number, cancel.clone())
}

fn ready() -> (AppState, u64) {
    let mut state = state();
    let (number, _) = look(&mut state);
    let result = Ok(preview());
    state.note(Event::ImportLooked { number, result }, noon());
    (state, number)
}

fn import(state: &mut AppState, chosen: &[(u32, &str)]) -> Vec<(u32, ProfileName)> {
    let chosen = chosen.iter().map(|(id, text)| (*id, name(text))).collect();
    let effects = state.obey(Command::Import(chosen), noon());
    let written = effects.into_iter().filter_map(|effect| match effect {
        Effect::Import { incoming, .. } => Some(incoming),
        _ => None,
    });
    let written = written.flatten();
    written.map(|(id, account)| (id, account.name)).collect()
}

#[test]
fn an_import_is_looked_at_before_anything_is_written() {
    let mut state = state();
    let (number, _) = look(&mut state);
    assert_eq!(state_of(&state), ImportState::Looking { files: 0 });
    state.note(Event::ImportLooking { number, files: 70 }, noon());
    assert_eq!(state_of(&state), ImportState::Looking { files: 70 });
    let result = Ok(preview());
    state.note(Event::ImportLooked { number, result }, noon());
    let seen = view(&state).unwrap();
    assert_eq!(seen.state, ImportState::Ready);
    assert_eq!((seen.found.len(), seen.notes.len()), (3, 1));

    assert_eq!(
        import(
            &mut state,
            &[
                (0, "mine"),
                (1, "work"),
                (2, "spare"),
                (0, "twice"),
                (9, "none")
            ]
        ),
        [(0, name("mine")), (1, name("work"))]
    );
    assert_eq!(state_of(&state), ImportState::Writing { done: 0, of: 2 });
    state.note(Event::ImportWriting { number, done: 1 }, noon());
    assert_eq!(state_of(&state), ImportState::Writing { done: 1, of: 2 });
    let end = ImportEnd {
        added: 1,
        failed: vec![(1, "the disk is full".into())],
        ..ImportEnd::default()
    };
    let effects = state.note(Event::ImportEnded { number, end }, noon());
    assert!(
        matches!(effects.as_slice(), [Effect::ReadDisk { .. }]),
        "{effects:?}"
    );
    let seen = view(&state).unwrap();
    let done = ImportState::Done {
        added: 1,
        updated: 0,
        failed: 1,
        is_cancelled: false,
    };
    assert_eq!(seen.state, done);
    assert_eq!(seen.found[1].failure.as_deref(), Some("the disk is full"));
    state.obey(Command::CancelImport, noon());
    assert_eq!(view(&state), None);
}

#[test]
fn a_look_that_was_given_up_or_overtaken_says_nothing_any_more() {
    let mut state = state();
    let (first, sign) = look(&mut state);
    let (second, _) = look(&mut state);
    assert!(sign.load(Ordering::Relaxed));
    let late = |number| Event::ImportLooked {
        number,
        result: Ok(preview()),
    };
    state.note(late(first), noon());
    assert_eq!(state_of(&state), ImportState::Looking { files: 0 });
    state.obey(Command::CancelImport, noon());
    state.note(late(second), noon());
    assert_eq!(view(&state), None);
    assert!(import(&mut state, &[(0, "mine")]).is_empty());
}

#[test]
fn a_backup_asks_for_its_passphrase_until_it_is_right_or_given_up() {
    let mut state = state();
    let (number, _) = look(&mut state);
    let wants = |refusal: Option<&str>| NoPreview::WantsPassphrase {
        file: "x".into(),
        refusal: refusal.map(str::to_owned),
    };
    let result = Err(wants(Some("this is not its passphrase")));
    state.note(Event::ImportLooked { number, result }, noon());
    assert!(matches!(
        state_of(&state),
        ImportState::WantsPassphrase {
            refusal: Some(_),
            ..
        }
    ));
    let (number, _) = look(&mut state);
    let result = Err(NoPreview::Failed("it is cut off".into()));
    state.note(Event::ImportLooked { number, result }, noon());
    assert_eq!(
        state_of(&state),
        ImportState::Failed("it is cut off".into())
    );
}

#[test]
fn the_disk_is_read_once_at_the_end_and_not_at_every_account() {
    let (mut state, number) = ready();
    import(&mut state, &[(0, "mine")]);
    let effects = state.note(Event::DiskChanged, noon());
    assert!(matches!(effects[..], [Effect::ReadSettings]), "{effects:?}");
    // Somebody holds a lock: the rest of the world must not wait as long.
    let later = noon() + Duration::from_secs(11);
    let effects = state.note(Event::DiskChanged, later);
    assert!(
        matches!(effects[..], [Effect::ReadDisk { .. }, Effect::ReadSettings]),
        "{effects:?}"
    );
    state.note(
        Event::ImportEnded {
            number,
            end: ImportEnd::default(),
        },
        later,
    );
    let effects = state.note(Event::DiskChanged, later);
    assert!(
        matches!(effects[..], [Effect::ReadDisk { .. }, Effect::ReadSettings]),
        "{effects:?}"
    );
}

#[test]
fn a_stop_while_writing_lets_the_account_end_and_is_told() {
    let (mut state, number) = ready();
    let effects = state.obey(Command::Import(vec![(0, name("mine"))]), noon());
    let [Effect::Import { cancel, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    state.obey(Command::CancelImport, noon());
    assert!(cancel.load(Ordering::Relaxed));
    assert!(matches!(state_of(&state), ImportState::Writing { .. }));
    assert!(
        state
            .obey(Command::LookForImport(source()), noon())
            .is_empty()
    );
    let end = ImportEnd {
        is_cancelled: true,
        ..ImportEnd::default()
    };
    state.note(Event::ImportEnded { number, end }, noon());
    assert!(matches!(
        state_of(&state),
        ImportState::Done {
            is_cancelled: true,
            ..
        }
    ));
}

#[test]
fn a_login_that_is_only_in_memory_is_neither_overwritten_nor_taken_out_as_it_was() {
    let (mut state, _) = ready();
    let refreshed = Refreshed {
        auth: login("ana", noon(), noon() + 10 * DAY),
        unsaved: Some((Fingerprint::of(b"x"), "the disk is full".into())),
        kept_aside: None,
    };
    let event = Event::TokenRefreshed {
        name: name("work"),
        result: Ok(refreshed),
    };
    state.note(event, noon());
    assert_eq!(
        import(&mut state, &[(0, "mine"), (1, "work")]),
        [(0, name("mine"))]
    );
    let failure = view(&state).unwrap().found[1].failure.clone();
    assert!(failure.unwrap().contains("only in memory"));
    let to = ExportTo::Folder("out".into());
    let names = vec![name("work")];
    assert!(state.obey(Command::Export { names, to }, noon()).is_empty());
    let last = state.happenings.back().unwrap().outcome.clone();
    assert!(matches!(last, Outcome::ExportFailed { .. }), "{last:?}");
}

#[test]
fn a_login_in_memory_whose_profile_is_gone_is_not_overtaken_by_an_older_one_from_elsewhere() {
    let (mut state, _) = ready();
    let refreshed = Refreshed {
        auth: login("ana", noon(), noon() + 10 * DAY),
        unsaved: Some((Fingerprint::of(b"x"), "the disk is full".into())),
        kept_aside: None,
    };
    let event = Event::TokenRefreshed {
        name: name("gone"),
        result: Ok(refreshed),
    };
    state.note(event, noon());
    assert_eq!(
        import(&mut state, &[(0, "mine"), (1, "work")]),
        [(0, name("mine"))]
    );
    let failure = view(&state).unwrap().found[1].failure.clone();
    assert!(failure.unwrap().contains("only in memory"));
}
