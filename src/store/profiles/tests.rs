use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::json;

use super::*;
use crate::store::testing::{TestHome, api_key, login, login_with, mode_of, name, noon};

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded
        .profiles
        .iter()
        .map(|profile| profile.name.as_str())
        .collect()
}

fn skipped(loaded: &Loaded) -> Vec<&str> {
    loaded
        .skipped
        .iter()
        .map(|skipped| skipped.name.as_str())
        .collect()
}

#[test]
fn no_directory_means_no_profiles() {
    let loaded = load_all(&TestHome::new()).unwrap();
    assert!(loaded.profiles.is_empty() && loaded.skipped.is_empty());
}

#[test]
fn profiles_are_sorted_and_what_is_none_is_skipped_with_a_reason_or_in_silence() {
    let home = TestHome::new();
    for profile in ["work", "home", "開発 チーム", "Zoo"] {
        home.profile(profile, &login("ana", 1));
    }
    let below = |entry: &str| home.profiles_dir().join(entry);
    std::fs::create_dir(below("empty")).unwrap();
    std::fs::create_dir(below(".trash")).unwrap();
    std::fs::write(below("note.txt"), "x").unwrap();
    std::fs::create_dir(below("a\u{202e}b")).unwrap();
    std::fs::create_dir(below("no-login")).unwrap();
    std::fs::write(below("no-login/config.toml"), "").unwrap();
    let loaded = load_all(&home).unwrap();
    assert_eq!(names(&loaded), ["Zoo", "home", "work", "開発 チーム"]);
    assert_eq!(skipped(&loaded), ["a\u{202e}b", "no-login"]);
    assert_eq!(loaded.skipped[1].reason, "there is no auth.json in it");
}

#[test]
fn a_linked_profile_directory_is_skipped_and_a_linked_login_is_not_read() {
    use std::os::unix::fs::symlink;
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    symlink(
        home.profiles_dir().join("work"),
        home.profiles_dir().join("twin"),
    )
    .unwrap();
    std::fs::create_dir(home.profiles_dir().join("planted")).unwrap();
    symlink(
        "../work/auth.json",
        home.profiles_dir().join("planted/auth.json"),
    )
    .unwrap();
    let loaded = load_all(&home).unwrap();
    assert_eq!(names(&loaded), ["planted", "work"]);
    assert_eq!(skipped(&loaded), ["twin"]);
    let reason = loaded.profiles[0].login.as_ref().unwrap_err().to_string();
    assert!(
        reason.starts_with("\"profiles/planted/auth.json\" is a link"),
        "{reason}"
    );
    assert!(write_login(&home, &name("planted"), &login("ana", 2), noon()).is_err());
    assert!(write_login(&home, &name("twin"), &login("ana", 2), noon()).is_err());
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
}

#[test]
fn a_broken_login_is_shown_with_its_reason_and_never_overwritten() {
    let home = TestHome::new();
    let huge = vec![b' '; 2 * 1024 * 1024];
    for (profile, text, reason) in [
        ("broken", &b"{\"tokens\": "[..], "not JSON"),
        ("empty", b"", "empty"),
        ("huge", &huge, "larger than 1 MiB"),
        ("bom", b"\xef\xbb\xbf{}", "byte-order mark"),
        ("twice", b"{\"a\":1,\"a\":2}", "twice"),
    ] {
        home.profile_text(profile, text);
        let shown = home.read_profile(profile).login.unwrap_err().to_string();
        assert!(shown.contains(reason), "{profile}: {shown}");
        assert!(write_login(&home, &name(profile), &login("ana", 1), noon()).is_err());
        let path = home.profiles_dir().join(profile).join("auth.json");
        assert_eq!(std::fs::read(path).unwrap(), text);
    }
    assert_eq!(load_all(&home).unwrap().profiles.len(), 5);
}

#[test]
fn half_written_logins_are_read_again_together_five_times() {
    let home = TestHome::new();
    home.profile_text("a", b"");
    home.profile_text("b", b"{");
    home.profile("c", &login("cyd", 1));
    let pauses = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&pauses);
    let slow = home.with_pause(move |time| {
        assert_eq!(time.as_millis(), 40);
        counting.fetch_add(1, Ordering::Relaxed);
    });
    load_all(&slow).unwrap();
    assert_eq!(pauses.load(Ordering::Relaxed), 5);

    let path = home.profiles_dir().join("b/auth.json");
    let writing =
        home.with_pause(move |_| std::fs::write(&path, login("bob", 1).to_bytes()).unwrap());
    let loaded = load_all(&writing).unwrap();
    assert!(loaded.profiles[1].login.is_ok());
    assert!(loaded.profiles[0].login.is_err());
}

#[test]
fn a_replaced_login_is_backed_up_three_times_at_most_and_keeps_unknown_keys() {
    let home = TestHome::new();
    home.profile("work", &login_with("ana", 1, json!({"zz_future": [1, 2]})));
    for iat in 2..8 {
        write_login(
            &home,
            &name("work"),
            &login("ana", iat),
            noon() + std::time::Duration::from_secs(iat),
        )
        .unwrap();
    }
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_7");
    let text = std::fs::read_to_string(home.profiles_dir().join("work/auth.json")).unwrap();
    assert!(text.contains("zz_future"), "{text}");
    let mut tokens: Vec<_> = std::fs::read_dir(home.backups_dir().join("work"))
        .unwrap()
        .map(|entry| AuthFile::parse(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap())
        .map(|old| {
            old.chatgpt()
                .unwrap()
                .refresh_token
                .clone()
                .unwrap()
                .expose()
                .to_owned()
        })
        .collect();
    tokens.sort();
    assert_eq!(tokens, ["rt_FAKE_ana_4", "rt_FAKE_ana_5", "rt_FAKE_ana_6"]);
}

#[test]
fn writing_the_same_login_again_writes_nothing() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    write_login(&home, &name("work"), &login("ana", 1), noon()).unwrap();
    assert!(!home.backups_dir().exists());
}

#[test]
fn no_backup_means_no_replacement() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    std::fs::create_dir(home.router_dir()).unwrap();
    std::fs::write(home.backups_dir(), "in the way").unwrap();
    let refused = write_login(&home, &name("work"), &login("ana", 2), noon()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "\"router/backups\" is not a folder; move it away and try again"
    );
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_new_profile_has_a_name_of_its_own_whatever_the_case() {
    let home = TestHome::new();
    create(&home, &name("work"), &login("ana", 1)).unwrap();
    assert_eq!(mode_of(&home.profiles_dir().join("work/auth.json")), 0o600);
    assert_eq!(mode_of(&home.profiles_dir().join("work")), 0o700);
    for taken in ["work", "WORK", "Work"] {
        let refused = create(&home, &name(taken), &login("bob", 1)).unwrap_err();
        assert!(matches!(refused, StoreError::NameTaken { holder, .. } if holder == name("work")));
    }
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
    std::fs::create_dir(home.profiles_dir().join("interrupted")).unwrap();
    create(&home, &name("interrupted"), &api_key("sk-FAKE")).unwrap();
}

#[test]
fn of_several_who_want_one_name_one_gets_it() {
    let home = TestHome::new();
    let made = thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|i| {
                let home = home.with_pause(|_| thread::yield_now());
                scope.spawn(move || {
                    loop {
                        match create(&home, &name("work"), &login("ana", i)) {
                            Err(StoreError::Busy(_)) => {}
                            other => break other.is_ok(),
                        }
                    }
                })
            })
            .collect();
        makers
            .into_iter()
            .filter_map(|maker| maker.join().unwrap().then_some(()))
            .count()
    });
    assert_eq!(made, 1);
}

#[test]
fn our_words_survive_an_edit_and_an_edit_without_effect_writes_nothing() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let path = home.profiles_dir().join("work/router.json");
    edit_side(&home, &name("work"), |_| {}).unwrap();
    assert!(!path.exists());
    std::fs::write(&path, r#"{"label": "mine", "enabled": false}"#).unwrap();
    let fingerprint = login("ana", 1).refresh_fingerprint();
    edit_side(&home, &name("work"), |side| {
        side.set_rejected(fingerprint.as_ref())
    })
    .unwrap();
    let profile = home.read_profile("work");
    assert_eq!(profile.side.get("enabled"), Some(&false.into()));
    assert!(
        profile
            .side
            .rejects(profile.login.unwrap().chatgpt().unwrap())
    );
    assert!(std::fs::read_to_string(&path).unwrap().contains("mine"));
    assert_eq!(mode_of(&path), 0o600);
    write_side(&home, &name("work"), &SideFile::default()).unwrap();
    assert!(home.read_profile("work").side.is_empty());
    assert!(write_side(&home, &name("nobody"), &SideFile::default()).is_err());
}

#[test]
fn readers_never_see_a_torn_login_while_writers_replace_and_truncate() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let path = home.profiles_dir().join("work/auth.json");
    thread::scope(|scope| {
        scope.spawn(|| {
            for iat in 2..60 {
                // An old CLI in between: it empties the file, then writes it.
                std::fs::write(&path, login("ana", iat).to_bytes()).unwrap();
                write_login(&home, &name("work"), &login("ana", iat + 100), noon()).unwrap();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let reader = home.with_pause(|_| thread::yield_now());
                for _ in 0..300 {
                    // Five yields are shorter than 200 ms; only "half written" may be seen, never something else.
                    match load(&reader, &name("work")).unwrap().login {
                        Ok(login) => assert!(login.identity().is_some()),
                        Err(reason) => assert!(
                            reason.0.contains("half written") || reason.0.contains("not JSON"),
                            "{reason}"
                        ),
                    }
                }
            });
        }
    });
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_159");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn who_can_read_a_login_is_told_from_the_file_itself() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let path = home.profiles_dir().join("work/auth.json");
    for (mode, expected) in [(0o600, true), (0o640, false), (0o604, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_private(&home, &name("work")), Some(expected), "{mode:o}");
    }
    assert_eq!(is_private(&home, &name("nobody")), None);
}

#[test]
fn a_login_is_never_written_over_that_of_another_account() {
    let home = TestHome::new();
    home.profile("work", &login("bob", 1));
    let refused = write_login(&home, &name("work"), &login("ana", 2), noon());
    assert!(matches!(refused, Err(StoreError::OtherAccount(_))));
    assert_eq!(home.token_of("work"), "rt_FAKE_bob_1");
}
