//! On a real disk, and after kills at every step.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::*;
use crate::client_key::{ClientKey, Policy};
use crate::pattern::Pattern;
use crate::store::state;
use crate::store::testing::{TestHome, login, name, noon};

fn renamed(from: &str, to: &str) -> Renamed {
    Renamed {
        from: name(from),
        to: name(to),
    }
}

/// `work` is selected, has a backup and words of its own, and everything else knows its name.
fn home() -> TestHome {
    let home = TestHome::new();
    crate::store::prepare(&home, SystemTime::UNIX_EPOCH).unwrap();
    home.profile("work", &login("ana", 2));
    home.profile("spare", &login("bob", 1));
    std::fs::write(home.profiles_dir().join("work/router.json"), "{\"zz\": 1}").unwrap();
    std::fs::create_dir(home.backups_dir().join("work")).unwrap();
    std::fs::write(home.backups_dir().join("work/x.json"), "old").unwrap();
    state::remember_selected(&home, &name("work")).unwrap();
    for path in [
        home.usage_cache(),
        home.models_cache(),
        home.cooldown_cache(),
    ] {
        let items = json!([{"profile": "work", "n": 1}, {"profile": "spare"}, {"path": "x"}]);
        std::fs::write(path, items.to_string()).unwrap();
    }
    keys_file::edit::<(), KeysError>(&home, |document| {
        let policy = Policy {
            accounts: Pattern::list("work"),
            ..Policy::default()
        };
        let made = ClientKey::make("ci".into(), policy, [7; 32], noon());
        document.add(&made.0);
        Ok(())
    })
    .unwrap();
    home
}

fn names(home: &TestHome) -> Vec<String> {
    names_there(home).into_iter().collect()
}

/// Whether everything goes by this name.
fn assert_all_is_called(home: &TestHome, text: &str) {
    assert_eq!(home.token_of(text), "rt_FAKE_ana_2");
    assert_eq!(home.read_profile(text).side.get("zz"), Some(&json!(1)));
    assert_eq!(
        std::fs::read(home.current_profile()).unwrap(),
        text.as_bytes()
    );
    assert_eq!(State::read(home).last_selected_profile(), Some(name(text)));
    assert_eq!(
        std::fs::read(home.backups_dir().join(text).join("x.json")).unwrap(),
        b"old"
    );
    for path in [
        home.usage_cache(),
        home.models_cache(),
        home.cooldown_cache(),
    ] {
        let items: Vec<Value> = kept_list::read(&path);
        let expected = [
            json!({"profile": text, "n": 1}),
            json!({"profile": "spare"}),
            json!({"path": "x"}),
        ];
        assert_eq!(items, expected, "{path:?}");
    }
    let keys = keys_file::read(home);
    assert_eq!(keys.keys()[0].policy.accounts, Pattern::list(text));
}

#[test]
fn everything_that_knows_a_profile_by_name_follows_it() {
    let home = home();
    let notes = rename(&home, &renamed("work", "team")).unwrap();
    assert_eq!(notes, ["1 client key names the new name now"]);
    assert_eq!(names(&home), ["spare", "team"]);
    assert_all_is_called(&home, "team");
    assert!(home.leftovers().is_empty());
    // The ledger is somebody else's.
    assert_eq!(settle(&home), [renamed("work", "team")]);
    forget(&home, &[renamed("work", "team")]);
    assert_eq!(settle(&home), []);
}

#[test]
fn upper_and_lower_case_can_be_changed_alone() {
    let home = home();
    rename(&home, &renamed("work", "Work")).unwrap();
    assert_all_is_called(&home, "Work");
    rename(&home, &renamed("Work", "work")).unwrap();
    assert_all_is_called(&home, "work");
    assert_eq!(
        settle(&home),
        [renamed("work", "Work"), renamed("Work", "work")]
    );
    assert_all_is_called(&home, "work");
}

#[test]
fn a_name_that_is_taken_or_cannot_be_one_changes_nothing() {
    let home = home();
    let refused = |from: &str, to: ProfileName| {
        let wish = Renamed {
            from: name(from),
            to,
        };
        rename(&home, &wish).unwrap_err().to_string()
    };
    assert!(refused("work", name("spare")).contains("is taken by the account \"spare\""));
    assert!(refused("work", name("SPARE")).contains("is taken by the account \"spare\""));
    assert!(refused("gone", name("new")).contains("there is no account \"gone\""));
    let odd = ProfileName::existing("zwei Worte").unwrap();
    assert!(refused("work", odd).contains("is no account name"));
    std::fs::create_dir(home.profiles_dir().join("half")).unwrap();
    std::fs::write(home.profiles_dir().join("half/notes.txt"), "mine").unwrap();
    assert!(refused("work", name("half")).contains("is taken"));
    assert_eq!(names(&home), ["half", "spare", "work"]);
    assert_all_is_called(&home, "work");
    assert!(read(&home).is_empty());
    std::fs::create_dir(home.profiles_dir().join("left")).unwrap();
    rename(&home, &renamed("work", "left")).unwrap();
    assert_all_is_called(&home, "left");
}

#[test]
fn a_directory_with_any_name_gets_an_ordinary_one() {
    let home = TestHome::new();
    crate::store::prepare(&home, SystemTime::UNIX_EPOCH).unwrap();
    home.profile("zwei Worte 東京", &login("ana", 1));
    home.profile_text("broken", b"{");
    for (from, to) in [("zwei Worte 東京", "tokyo"), ("broken", "mend-me")] {
        let wish = Renamed {
            from: ProfileName::existing(from).unwrap(),
            to: name(to),
        };
        rename(&home, &wish).unwrap();
    }
    assert_eq!(names(&home), ["mend-me", "tokyo"]);
    assert_eq!(home.token_of("tokyo"), "rt_FAKE_ana_1");
}

#[test]
fn a_kill_before_the_move_leaves_the_old_name_and_no_wish() {
    let home = home();
    note(&home, &renamed("work", "team")).unwrap();
    assert_eq!(settle(&home), []);
    assert!(read(&home).is_empty());
    assert_all_is_called(&home, "work");
}

#[test]
fn a_kill_after_the_move_is_seen_to_its_end_at_the_next_start() {
    let home = home();
    note(&home, &renamed("work", "team")).unwrap();
    let moved = || {
        std::fs::rename(
            home.profiles_dir().join("work"),
            home.profiles_dir().join("team"),
        )
    };
    moved().unwrap();
    // Half of those who know the name were told already.
    kept_list::rename(&home.usage_cache(), "work", "team").unwrap();
    move_backups(&home, &renamed("work", "team")).unwrap();
    assert_eq!(settle(&home), [renamed("work", "team")]);
    assert_all_is_called(&home, "team");
    // Killed again before the ledger knew.
    assert_eq!(settle(&home), [renamed("work", "team")]);
}

#[test]
fn several_renames_in_a_row_are_understood_from_their_end() {
    let home = home();
    for (from, to) in [("work", "a"), ("a", "b"), ("b", "work"), ("work", "c")] {
        rename(&home, &renamed(from, to)).unwrap();
    }
    // Never done.
    note(&home, &renamed("c", "d")).unwrap();
    let all = [("work", "a"), ("a", "b"), ("b", "work"), ("work", "c")].map(|(a, b)| renamed(a, b));
    assert_eq!(settle(&home), all);
    assert_all_is_called(&home, "c");
    forget(&home, &all[..3]);
    assert_eq!(settle(&home), all[3..]);
}

#[test]
fn a_new_account_of_the_old_name_is_left_alone() {
    let home = home();
    rename(&home, &renamed("work", "team")).unwrap();
    profiles::create(&home, &name("work"), &login("cyd", 1)).unwrap();
    state::remember_selected(&home, &name("work")).unwrap();
    assert_eq!(settle(&home), []);
    follow(&home, &renamed("work", "team"));
    assert_eq!(std::fs::read(home.current_profile()).unwrap(), b"work");
}

#[test]
fn a_rename_waits_for_a_refresh_of_the_account_and_finds_what_it_wrote() {
    let home = home();
    let held = AccountLock::take(&home, &login("ana", 2)).unwrap();
    let held = Arc::new(Mutex::new(Some(held)));
    let (slot, profiles_dir) = (held.clone(), home.profiles_dir());
    let waiting = home.with_pause(move |_| {
        // The refresh saves what it got, and only then lets go.
        if slot.lock().unwrap().take().is_some() {
            let new = login("ana", 3).to_bytes();
            std::fs::write(profiles_dir.join("work/auth.json"), new).unwrap();
        }
    });
    rename(&waiting, &renamed("work", "team")).unwrap();
    assert_eq!(home.token_of("team"), "rt_FAKE_ana_3");
}

#[test]
fn keys_that_cannot_be_read_are_told_and_hold_nothing_up() {
    let home = home();
    std::fs::write(home.keys(), "{").unwrap();
    let notes = rename(&home, &renamed("work", "team")).unwrap();
    assert!(
        notes[0].starts_with("a client key still goes by the old name"),
        "{notes:?}"
    );
    assert_eq!(home.token_of("team"), "rt_FAKE_ana_2");
}

#[test]
fn backups_of_an_account_that_is_gone_are_not_written_over() {
    let home = home();
    std::fs::create_dir(home.backups_dir().join("team")).unwrap();
    std::fs::write(home.backups_dir().join("team/x.json"), "older").unwrap();
    rename(&home, &renamed("work", "team")).unwrap();
    let read = |path: &str| std::fs::read_to_string(home.backups_dir().join(path)).unwrap();
    assert_eq!(
        (read("team/x.json"), read("work/x.json")),
        ("older".into(), "old".into())
    );
}

#[test]
fn whoever_only_looks_does_not_wait_for_a_rename_that_is_under_way() {
    let home = home();
    let waiting = home.with_pause(|_| panic!("it waits"));
    note(&home, &renamed("work", "team")).unwrap();
    let at_it = SwitchLock::take(&home).unwrap();
    assert_eq!(settle_if_free(&waiting), []);
    assert_eq!(read(&home).len(), 1);
    drop(at_it);
    assert_eq!(settle_if_free(&waiting), []);
    assert_eq!(read(&home), [], "it never happened");
    assert_all_is_called(&home, "work");
}
