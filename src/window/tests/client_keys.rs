//! The Keys page and its dialogs.

use super::*;
use crate::client_key::{ClientKey, KeyChange, KeyDeed, KeyId, KeyTerm, Policy};
use crate::desk::{KeyUse, KeyView, KeysView};
use crate::period::Period;
use crate::window::rows::Tab;

pub fn key(number: u8, label: &str) -> KeyView {
    let key = ClientKey::make(label.into(), Policy::default(), [number; 32], now()).0;
    KeyView {
        id: key.id,
        label: key.label,
        last4: key.last4,
        is_enabled: true,
        created_at: now(),
        expires_at: None,
        policy: key.policy,
        limits: vec![],
        used: KeyUse::default(),
    }
}

fn with_keys(keys: Vec<KeyView>) -> Snapshot {
    Snapshot {
        keys: KeysView {
            is_required: !keys.is_empty(),
            keys,
            ..KeysView::default()
        },
        ..three()
    }
}

fn two() -> Snapshot {
    with_keys(vec![key(1, "laptop"), key(2, "phone")])
}

fn id(number: u8) -> KeyId {
    key(number, "x").id
}

/// On the page, with nothing asked.
fn opened(snapshot: Snapshot) -> Rig {
    let mut rig = rig(snapshot);
    rig.press(Modifiers::COMMAND, Key::Num4);
    rig.asked();
    rig
}

fn spoken(label: &str, state: &str, number: u8) -> String {
    format!(
        "{label}, {state}, no limit, ends in {}",
        key(number, "x").last4
    )
}

impl Rig {
    fn changes(&mut self) -> Vec<KeyChange> {
        let asked = self.asked().into_iter();
        asked
            .map(|command| match command {
                Command::ChangeKeys(change) => change,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn write(&mut self, label: &str, text: &str) {
        self.click(label);
        self.press(Modifiers::COMMAND, Key::A);
        self.harness.get_by_label(label).type_text(text);
        self.run();
    }

    /// The new key that was asked for, and what its dialog shows when it is kept.
    fn keep_what_was_made(&mut self) -> ClientKey {
        let changes = self.changes();
        let [KeyChange::Add(key)] = &changes[..] else {
            panic!("{changes:?}");
        };
        let mut snapshot = with_keys(vec![KeyView {
            id: key.id.clone(),
            ..self::key(9, &key.label)
        }]);
        snapshot.happenings = vec![Happening {
            seq: 1,
            at: now(),
            outcome: Outcome::KeyChanged {
                deed: KeyDeed::Add(key.id.clone()),
                label: Some(key.label.clone()),
            },
        }];
        self.publish(snapshot);
        (**key).clone()
    }
}

#[test]
fn a_toggle_turns_a_key_off_and_on_again() {
    let mut rig = opened(two());
    rig.click("Enable phone");
    assert_eq!(rig.changes(), [KeyChange::Disable(id(2))]);
    let mut off = two();
    off.keys.keys[1].is_enabled = false;
    rig.publish(off);
    assert!(rig.shows(&spoken("phone", "off", 2)));
    rig.click("Enable phone");
    assert_eq!(rig.changes(), [KeyChange::Enable(id(2))]);
    rig.click("Require a key");
    assert_eq!(rig.changes(), [KeyChange::Require(false)]);
}

#[test]
fn the_table_is_one_stop_and_keys_work_on_the_row_that_has_the_focus() {
    let mut rig = opened(two());
    rig.key(Key::ArrowDown);
    rig.key(Key::ArrowDown);
    assert!(rig.is_focused(&spoken("phone", "enabled", 2)));
    rig.key(Key::Space);
    assert_eq!(rig.changes(), [KeyChange::Disable(id(2))]);
    rig.key(Key::ArrowUp);
    rig.key(Key::Delete);
    assert!(rig.shows("Revoke laptop?"));
    rig.key(Key::Escape);
    rig.key(Key::ArrowUp);
    rig.key(Key::F2);
    assert!(rig.shows("Rename laptop"));
    rig.key(Key::Escape);
    rig.key(Key::ArrowUp);
    rig.key(Key::Enter);
    assert!(rig.shows("Limits of laptop"));
    rig.key(Key::Escape);
    rig.key(Key::ArrowUp);
    rig.press(Modifiers::SHIFT, Key::F10);
    assert!(rig.is_focused("Rename"));
    rig.key(Key::Escape);
    assert!(rig.is_focused(&spoken("laptop", "enabled", 1)));
    rig.key(Key::N);
    assert!(rig.shows("Create key"));
    assert_eq!(rig.changes(), []);
}

#[test]
fn the_menu_of_a_key_leads_to_its_dialogs_and_copies_how_it_is_known() {
    let mut rig = opened(two());
    rig.click("More for phone");
    rig.harness.get_by_label("Copy ending").click();
    rig.harness.step();
    let copied: Vec<_> = (0..4)
        .flat_map(|_| {
            let copied = rig.copied();
            rig.harness.step();
            copied
        })
        .collect();
    assert_eq!(copied, [format!("crk_…{}", key(2, "x").last4)]);
    rig.click("More for phone");
    rig.click("Revoke…");
    assert!(rig.shows("Revoke phone?") && rig.is_focused("Cancel"));
    rig.key(Key::Enter);
    assert_eq!(rig.changes(), [], "the first key pressed destroys nothing");
    rig.click("More for phone");
    rig.click("Revoke…");
    assert!(
        rig.harness
            .query_all_by_label_contains("No other key")
            .next()
            .is_none()
    );
    rig.click("Revoke");
    assert_eq!(rig.changes(), [KeyChange::Remove(id(2))]);
    assert!(!rig.shows("Revoke phone?"));
}

#[test]
fn revoking_the_last_key_says_that_one_stays_needed() {
    let mut rig = opened(with_keys(vec![key(1, "laptop")]));
    rig.click("More for laptop");
    rig.click("Revoke…");
    assert!(
        rig.harness
            .query_by_label_contains("No other key opens the router")
            .is_some()
    );
    assert!(
        rig.harness
            .query_by_label_contains("cannot be undone")
            .is_some()
    );
}

#[test]
fn a_key_is_renamed_by_enter_and_not_to_what_another_is_called() {
    let mut rig = opened(two());
    rig.click("More for phone");
    rig.click("Rename");
    assert!(rig.is_focused("Name"));
    rig.harness.get_by_label("Name").type_text("Laptop");
    rig.run();
    assert!(rig.shows("There is a key called laptop already."));
    rig.key(Key::Enter);
    assert_eq!(rig.changes(), []);
    rig.write("Name", "tablet");
    rig.key(Key::Enter);
    let renamed = KeyChange::Rename {
        id: id(2),
        label: "tablet".into(),
    };
    assert_eq!(rig.changes(), [renamed]);
}

#[test]
fn a_new_key_is_shown_when_it_is_kept_once_and_goes_with_its_dialog() {
    let mut rig = opened(with_keys(vec![]));
    rig.click("New key");
    assert!(rig.is_focused("Name"));
    assert!(
        rig.harness
            .query_by_label_contains("every request needs one")
            .is_some()
    );
    rig.harness.get_by_label("Name").type_text("ci-runner");
    rig.run();
    rig.write("Models", "gpt-5*, o4");
    rig.write("Tokens a day", "1,000,000");
    rig.key(Key::Enter);
    assert!(rig.shows("Creating") && !rig.shows("Copy the key"));
    rig.key(Key::Escape);
    assert!(
        rig.shows("Creating"),
        "a key that is being made is waited for"
    );
    let key = rig.keep_what_was_made();
    assert_eq!(key.label, "ci-runner");
    assert_eq!(KeyTerm::Models.text(&key.policy), "gpt-5*, o4");
    assert_eq!(key.policy.tokens.day, Some(1_000_000));

    assert!(rig.shows("Key for ci-runner") && rig.is_focused("Copy the key"));
    assert!(rig.shows("Base URL: http://127.0.0.1:9876/v1") && rig.shows("Ends: never"));
    rig.key(Key::Escape);
    assert!(
        rig.harness
            .query_by_label_contains("not copied yet")
            .is_some()
    );
    rig.harness.get_by_label("Copy the key").click();
    rig.harness.step();
    let copied: Vec<_> = (0..4)
        .flat_map(|_| {
            let copied = rig.copied();
            rig.harness.step();
            copied
        })
        .collect();
    let [shown] = &copied[..] else {
        panic!("{copied:?}");
    };
    assert_eq!(
        crate::client_key::KeyDigest::of(shown.as_bytes()),
        Some(key.digest)
    );
    assert!(shown.ends_with(&key.last4));
    let tree = format!("{:?}", rig.harness.root());
    assert!(!tree.contains(shown), "it is not spoken");
    rig.click("Done");
    assert!(!rig.shows("Key for ci-runner"));
    assert_eq!(rig.changes(), []);
}

#[test]
fn what_is_wrong_about_a_new_key_is_said_at_its_field_and_nothing_is_asked() {
    let mut rig = opened(two());
    rig.click("New key");
    rig.click("Create key");
    assert!(
        rig.harness
            .query_by_label_contains("Say what it is called")
            .is_some()
    );
    assert!(rig.is_focused("Name"));
    rig.write("Name", "PHONE");
    rig.click("Create key");
    assert!(rig.shows("There is a key called phone already."));
    rig.write("Name", "tablet");
    rig.write("Requests a minute", "many");
    assert!(rig.shows("Write a number from 1 to 10000."));
    rig.click("Create key");
    assert!(rig.shows("Something above cannot be understood."));
    rig.write("Requests a minute", "20");
    rig.click("On a date…");
    rig.write("Ends on", "1999-01-01");
    assert!(
        rig.harness
            .query_by_label_contains("a date to come")
            .is_some()
    );
    rig.click("Create key");
    assert_eq!(rig.changes(), []);
    rig.click("30 days");
    rig.click("Create key");
    let changes = rig.changes();
    let [KeyChange::Add(key)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(
        key.expires_at,
        Some(now() + Duration::from_secs(30 * 86_400))
    );
    assert_eq!(KeyTerm::RequestsPerMinute.text(&key.policy), "20");
}

#[test]
fn a_key_that_could_not_be_kept_is_not_shown_and_the_dialog_says_why() {
    let mut rig = opened(two());
    rig.click("New key");
    rig.write("Name", "tablet");
    rig.key(Key::Enter);
    let changes = rig.changes();
    let [KeyChange::Add(key)] = &changes[..] else {
        panic!("{changes:?}");
    };
    let mut snapshot = two();
    snapshot.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::KeyNotChanged {
            deed: KeyDeed::Add(key.id.clone()),
            reason: "the disk is full".into(),
        },
    }];
    rig.publish(snapshot);
    assert!(rig.shows("The disk is full.") && !rig.shows("Copy the key"));
    rig.click("Create key");
    let again = rig.changes();
    let [KeyChange::Add(other)] = &again[..] else {
        panic!("{again:?}");
    };
    assert_ne!(other.digest, key.digest, "another key");
}

#[test]
fn every_limit_can_be_written_and_is_there_to_be_edited() {
    let mut rig = opened(with_keys(vec![key(1, "laptop")]));
    // All of the form is in view.
    rig.harness.set_size(egui::vec2(400.0, 1_200.0));
    rig.click("More for laptop");
    rig.click("Edit limits…");
    assert!(rig.is_focused("Models"));
    assert!(!rig.shows("Always this model"));
    rig.click("More limits");
    rig.write("Accounts or groups", "sp*");
    assert!(rig.shows("Reaches spare."));
    rig.write("Always this model", "gpt-5.5");
    rig.write("Requests at once", "4");
    rig.write("Tokens a month", "9M");
    rig.write("Dollars a week", "2.50");
    rig.click("Always this effort: as asked");
    rig.click("low");
    rig.click("chat");
    rig.click("messages");
    rig.click("Save");
    let changes = rig.changes();
    let [
        KeyChange::Limit {
            id: changed,
            policy,
            expires_at: None,
        },
    ] = &changes[..]
    else {
        panic!("{changes:?}");
    };
    assert_eq!(*changed, id(1));
    let written = KeyTerm::ALL.map(|term| term.text(policy));
    let expected = [
        "",
        "gpt-5.5",
        "low",
        "sp*",
        "",
        "",
        "4",
        "",
        "",
        "9000000",
        "",
        "2.50",
        "",
        "chat, messages",
    ];
    assert_eq!(written, expected);

    let mut snapshot = with_keys(vec![key(1, "laptop")]);
    snapshot.keys.keys[0].policy = (**policy).clone();
    snapshot.keys.keys[0].expires_at = Some(now() + Duration::from_secs(5_000_000));
    rig.publish(snapshot);
    rig.click("More for laptop");
    rig.click("Edit limits…");
    assert!(
        rig.shows("Always this effort: low"),
        "what is said is shown"
    );
    rig.click("Save");
    assert_eq!(rig.changes(), [], "nothing has changed");
}

#[test]
fn limits_that_were_changed_elsewhere_meanwhile_are_not_written_over() {
    let mut rig = opened(with_keys(vec![key(1, "laptop")]));
    rig.click("More for laptop");
    rig.click("Edit limits…");
    rig.write("Tokens a day", "5k");
    let mut snapshot = with_keys(vec![key(1, "laptop")]);
    snapshot.keys.keys[0]
        .policy
        .tokens
        .set(Period::Day, Some(1));
    rig.publish(snapshot);
    assert!(
        rig.harness
            .query_by_label_contains("changed elsewhere")
            .is_some()
    );
    rig.click("Save");
    rig.key(Key::Enter);
    assert_eq!(rig.changes(), []);
}

#[test]
fn keys_that_cannot_be_read_can_be_looked_at_only() {
    let mut snapshot = two();
    snapshot.keys.unreadable = Some("\"router/keys.json\" cannot be read".into());
    let mut rig = opened(snapshot);
    assert!(
        rig.harness
            .query_by_label_contains("The client keys cannot be read")
            .is_some()
    );
    assert!(rig.shows(&spoken("laptop", "enabled", 1)));
    assert!(
        !rig.shows("Enable laptop")
            && rig
                .harness
                .query_all_by_label("Require a key")
                .next()
                .is_none()
    );
    rig.click("New key");
    rig.key(Key::N);
    rig.key(Key::ArrowDown);
    rig.key(Key::Space);
    rig.key(Key::Delete);
    rig.click("More for laptop");
    assert!(rig.shows("Copy ending") && !rig.shows("Revoke…"));
    assert_eq!(rig.changes(), []);
    assert!(!rig.shows("Cancel"));
}

#[test]
fn the_set_up_is_of_the_app_and_the_key_that_are_chosen_and_can_be_copied() {
    let mut rig = opened(two());
    rig.click("curl");
    rig.click("Key: laptop");
    rig.click("phone");
    assert!(rig.shows("Key: phone"));
    assert!(
        rig.harness
            .query_by_label_contains("Put the key phone")
            .is_some()
    );
    rig.harness.get_by_label("Copy the set-up").click();
    rig.harness.step();
    let copied: Vec<_> = (0..4)
        .flat_map(|_| {
            let copied = rig.copied();
            rig.harness.step();
            copied
        })
        .collect();
    assert!(copied[0].starts_with("curl http://127.0.0.1:9876/v1/chat/completions"));
    rig.click("Claude Code");
    rig.click("Or let us write it, and take it back when you like…");
    assert_eq!(rig.asked(), [Command::LookAtTools]);
}

#[test]
fn the_set_up_of_a_key_that_was_just_made_is_one_click_away() {
    let mut rig = opened(with_keys(vec![]));
    rig.click("New key");
    rig.write("Name", "ci-runner");
    rig.key(Key::Enter);
    rig.keep_what_was_made();
    rig.click("Show setup");
    assert!(
        rig.harness
            .query_by_label_contains("not copied yet")
            .is_some()
    );
    rig.click("Show setup");
    assert!(rig.shows("Key: ci-runner"));
    assert_eq!(Tab::Keys.label(), "Keys");
}

#[test]
fn a_wide_page_has_a_table_and_many_keys_are_reached_by_the_arrows() {
    let keys = (0..200)
        .map(|number| key(number, &format!("key {number}")))
        .collect();
    let mut rig = opened(with_keys(keys));
    for (width, height) in [(360.0, 480.0), (900.0, 640.0), (1300.0, 800.0)] {
        rig.harness.set_size(egui::vec2(width, height));
        rig.run();
        assert!(rig.shows("Enable key 0"));
    }
    for _ in 0..60 {
        rig.key(Key::ArrowDown);
    }
    assert!(rig.is_focused(&spoken("key 59", "enabled", 59)));
    rig.asked();
}
