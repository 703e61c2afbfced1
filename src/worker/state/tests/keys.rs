//! The keys that clients show.

use super::*;
use crate::client_key::{ClientKey, KeyChange, KeyDeed, Policy};
use crate::worker::keys::KeysChanged;

fn key() -> ClientKey {
    ClientKey::make("laptop".into(), Policy::default(), [1; 32], noon()).0
}

fn ring() -> KeyRing {
    KeyRing::new(vec![key()], true)
}

fn labels(state: &AppState) -> Vec<String> {
    let keys = state.keys.keys().iter();
    keys.map(|key| key.label.clone()).collect()
}

#[test]
fn a_change_of_the_keys_is_one_piece_of_work() {
    let change = KeyChange::Disable(key().id);
    let effects = state().obey(Command::ChangeKeys(change.clone()), noon());
    assert!(matches!(&effects[..], [Effect::ChangeKeys(it)] if *it == change));
}

#[test]
fn a_reading_from_before_brings_no_revoked_key_back() {
    let mut state = state();
    state.take_keys(ring());
    let before = state.obey(Command::RefreshAll, noon());
    let Some(Effect::ReadDisk { number }) = before.first() else {
        panic!("{before:?}");
    };
    let deed = KeyDeed::Remove(key().id);
    let changed = KeysChanged {
        deed: deed.clone(),
        result: Ok(Some("laptop".into())),
        ring: Some(KeyRing::new(Vec::new(), true)),
    };
    let effects = state.note(Event::KeysChanged(changed), noon());
    assert!(matches!(&effects[..], [Effect::ReadDisk { .. }]));
    assert_eq!(
        *last_outcome(&state),
        Outcome::KeyChanged {
            deed,
            label: Some("laptop".into())
        }
    );
    let Event::DiskRead(mut reading) = numbered_reading(*number, vec![], Live::Missing) else {
        unreachable!();
    };
    reading.keys = ring();
    state.note(Event::DiskRead(reading), noon());
    assert_eq!(labels(&state), Vec::<String>::new());
    assert!(state.keys.is_required);
}

#[test]
fn keys_that_cannot_be_read_stay_in_force_and_the_snapshot_says_so() {
    let mut state = state();
    state.take_keys(ring());
    state.take_keys(KeyRing::unreadable("it is broken".into()));
    assert_eq!(labels(&state), ["laptop"]);
    let keys = publisher::snapshot(&state, "", noon()).keys;
    assert_eq!(keys.unreadable.as_deref(), Some("it is broken"));
    assert!(!keys.is_gone && keys.keys.len() == 1);
    state.take_keys(KeyRing::gone("it is gone".into()));
    assert!(publisher::snapshot(&state, "", noon()).keys.is_gone);
}
