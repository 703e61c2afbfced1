use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::store::live::{Live, read_live};
use crate::store::profiles::edit_side;
use crate::store::state::State;
use crate::store::testing::{TestHome, api_key, endpoint, login, login_with, mode_of, name, noon};

/// Profiles `work` of ana and `home` of bob, both issued at second 10; ana is live.
fn two_profiles() -> TestHome {
    let home = TestHome::new();
    home.profile("work", &login("ana", 10));
    home.profile("home", &login("bob", 10));
    home.live(&login("ana", 10));
    home
}

fn moved(from: &str) -> Switched {
    Switched {
        from: Some(name(from)),
        ..Switched::default()
    }
}

#[test]
fn there_and_back_with_a_login_that_the_cli_rotated_in_between() {
    let home = two_profiles();
    assert_eq!(switch(&home, &name("home"), noon()).unwrap(), moved("work"));
    assert_eq!(home.live_token(), "rt_FAKE_bob_10");
    home.live(&login("bob", 20));
    let back = switch(&home, &name("work"), noon()).unwrap();
    assert_eq!(
        back,
        Switched {
            took_home: Some(name("home")),
            ..moved("home")
        }
    );
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    assert_eq!(home.token_of("home"), "rt_FAKE_bob_20");
    assert_eq!(mode_of(&home.live_auth()), 0o600);
    assert_eq!(std::fs::read(home.current_profile()).unwrap(), b"work");
    assert_eq!(
        State::read(&home).last_selected_profile(),
        Some(name("work"))
    );
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_signed_out_codex_just_gets_the_login_in_the_form_it_needs() {
    let home = TestHome::new();
    let bare = AuthFile::parse(
        json!({"tokens": {"access_token": login("ana", 1).chatgpt().unwrap().access_token.expose(), "refresh_token": "rt_FAKE"}})
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    home.profile("work", &bare);
    assert_eq!(
        switch(&home, &name("work"), noon()).unwrap(),
        Switched::default()
    );
    let text = std::fs::read_to_string(home.live_auth()).unwrap();
    for key in [
        "\"auth_mode\"",
        "\"OPENAI_API_KEY\"",
        "\"id_token\"",
        "\"last_refresh\"",
        "\"account_id\"",
    ] {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn the_account_that_is_live_already_stays_as_it_is() {
    let home = two_profiles();
    let before = std::fs::metadata(home.live_auth())
        .unwrap()
        .modified()
        .unwrap();
    let switched = switch(&home, &name("work"), noon()).unwrap();
    assert_eq!(
        switched,
        Switched {
            was_already: true,
            ..moved("work")
        }
    );
    assert_eq!(
        std::fs::metadata(home.live_auth())
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
}

#[test]
fn of_one_account_the_newer_login_wins_on_both_sides() {
    let home = two_profiles();
    home.profile("twin", &login("ana", 10));
    home.live(&login("ana", 20));
    let switched = switch(&home, &name("work"), noon()).unwrap();
    assert_eq!(
        (switched.was_already, switched.took_home),
        (true, Some(name("work")))
    );
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(home.token_of("twin"), "rt_FAKE_ana_20");

    home.live(&login("ana", 15));
    let switched = switch(&home, &name("work"), noon()).unwrap();
    assert_eq!((switched.was_already, switched.took_home), (true, None));
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(
        home.displaced(),
        Vec::<Vec<u8>>::new(),
        "the older one is spent"
    );
}

#[test]
fn an_older_live_login_does_not_replace_its_profile() {
    let home = two_profiles();
    home.live(&login("ana", 5));
    assert_eq!(switch(&home, &name("home"), noon()).unwrap(), moved("work"));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_10");
}

#[test]
fn a_login_that_nobody_knows_and_one_that_nobody_can_read_are_kept_as_they_are() {
    let home = two_profiles();
    for unknown in [
        login("eve", 1).to_bytes().to_vec(),
        b"{\"tokens\": ".to_vec(),
        b"\xff\xfe".to_vec(),
    ] {
        std::fs::write(home.live_auth(), &unknown).unwrap();
        let switched = switch(&home, &name("home"), noon()).unwrap();
        let kept = switched.displaced.unwrap();
        assert_eq!(switched.from, None);
        assert!(kept.starts_with(home.displaced_dir()));
        assert_eq!(std::fs::read(&kept).unwrap(), unknown);
        assert_eq!(mode_of(&kept), 0o600);
        assert_eq!(home.live_token(), "rt_FAKE_bob_10");
    }
}

#[test]
fn another_login_of_the_same_age_is_kept_too() {
    let home = two_profiles();
    let mut twin: serde_json::Value = serde_json::from_slice(&login("ana", 10).to_bytes()).unwrap();
    twin["tokens"]["refresh_token"] = "rt_FAKE_twin".into();
    std::fs::write(home.live_auth(), twin.to_string()).unwrap();
    let switched = switch(&home, &name("home"), noon()).unwrap();
    assert_eq!(switched.from, Some(name("work")));
    assert_eq!(
        std::fs::read(switched.displaced.unwrap()).unwrap(),
        twin.to_string().as_bytes()
    );
}

#[test]
fn both_profiles_of_one_account_get_the_rotated_login() {
    let home = two_profiles();
    home.profile("twin", &login("ana", 10));
    std::fs::write(home.current_profile(), "work").unwrap();
    home.live(&login("ana", 30));
    let switched = switch(&home, &name("home"), noon()).unwrap();
    assert_eq!(
        (switched.from, switched.took_home),
        (Some(name("work")), Some(name("work")))
    );
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_30");
    assert_eq!(home.token_of("twin"), "rt_FAKE_ana_30");
}

#[test]
fn keys_and_other_kinds_of_login_are_switched_to_as_well() {
    let home = two_profiles();
    home.profile("key", &api_key("sk-FAKE"));
    let odd = b"{\"auth_mode\":\"agentIdentity\",  \"n\": 1.50}\n";
    home.profile_text("agent", odd);
    switch(&home, &name("key"), noon()).unwrap();
    assert!(
        std::fs::read_to_string(home.live_auth())
            .unwrap()
            .contains("sk-FAKE")
    );
    assert_eq!(switch(&home, &name("agent"), noon()).unwrap(), moved("key"));
    assert_eq!(
        std::fs::read(home.live_auth()).unwrap(),
        odd,
        "byte for byte"
    );
    assert_eq!(
        switch(&home, &name("work"), noon()).unwrap(),
        moved("agent")
    );
    assert_eq!(home.displaced(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_login_that_the_issuer_refused_is_not_switched_to() {
    let home = two_profiles();
    let refused = login("bob", 10).refresh_fingerprint();
    edit_side(&home, &name("home"), |side| {
        side.set_rejected(refused.as_ref())
    })
    .unwrap();
    let err = switch(&home, &name("home"), noon()).unwrap_err();
    assert!(matches!(err, SwitchError::SignInAgain(_)));
    assert!(err.to_string().contains("sign in"), "{err}");
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
}

#[test]
fn a_missing_or_unreadable_target_changes_nothing() {
    let home = two_profiles();
    home.profile_text("broken", b"{");
    for target in ["broken", "nobody"] {
        assert!(switch(&home, &name(target), noon()).is_err());
    }
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
}

#[test]
fn if_the_present_login_cannot_be_kept_nothing_is_changed() {
    for (in_the_way, live) in [
        ("backups", login("ana", 20)),
        ("displaced", login("eve", 1)),
    ] {
        let home = two_profiles();
        home.live(&live);
        std::fs::create_dir(home.router_dir()).unwrap();
        std::fs::write(home.router_dir().join(in_the_way), "a file").unwrap();
        let err = switch(&home, &name("home"), noon()).unwrap_err();
        assert!(matches!(err, SwitchError::CaptureFailed(_)), "{err}");
        assert_eq!(
            std::fs::read(home.live_auth()).unwrap(),
            live.to_bytes().as_slice()
        );
        assert_eq!(home.token_of("work"), "rt_FAKE_ana_10");
        assert_eq!(home.leftovers(), [""; 0]);
    }
}

#[test]
fn a_live_file_that_is_a_link_to_a_saved_login_is_not_written_over() {
    let home = two_profiles();
    let own = home.profiles_dir().join("work/auth.json");
    std::fs::remove_file(home.live_auth()).unwrap();
    std::os::unix::fs::symlink(&own, home.live_auth()).unwrap();
    let before = home.token_of("work");
    let err = switch(&home, &name("home"), noon()).unwrap_err();
    assert!(
        matches!(err, SwitchError::Store(StoreError::LinkedToOurs { .. })),
        "{err}"
    );
    assert_eq!(home.token_of("work"), before);

    std::fs::remove_file(home.live_auth()).unwrap();
    std::fs::copy(&own, home.live_auth()).unwrap();
    switch(&home, &name("home"), noon()).unwrap();
    assert_eq!(home.token_of("work"), before);
}

#[test]
fn what_the_cli_would_refuse_to_replace_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = two_profiles();
    let twin = home.root().join("second-name.json");
    std::fs::hard_link(home.live_auth(), &twin).unwrap();
    let err = switch(&home, &name("home"), noon()).unwrap_err();
    assert!(
        matches!(err, SwitchError::Store(StoreError::HardLinked { .. })),
        "{err}"
    );
    std::fs::remove_file(twin).unwrap();
    std::fs::set_permissions(home.live_auth(), std::fs::Permissions::from_mode(0o400)).unwrap();
    let err = switch(&home, &name("home"), noon()).unwrap_err();
    assert!(
        matches!(err, SwitchError::Store(StoreError::WriteProtected { .. })),
        "{err}"
    );
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_linked_live_file_is_replaced_where_it_lies_and_the_link_stays() {
    use std::os::unix::fs::symlink;
    let home = two_profiles();
    let elsewhere = home.root().join("dotfiles");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::rename(home.live_auth(), elsewhere.join("codex.json")).unwrap();
    symlink("dotfiles/codex.json", home.live_auth()).unwrap();
    assert_eq!(switch(&home, &name("home"), noon()).unwrap(), moved("work"));
    assert!(home.live_auth().is_symlink());
    assert_eq!(home.live_token(), "rt_FAKE_bob_10");
    assert!(
        elsewhere.join("codex.json.lock").exists(),
        "the lock that the CLI takes then"
    );

    std::fs::remove_file(home.live_auth()).unwrap();
    symlink("/dev/zero", home.live_auth()).unwrap();
    let err = switch(&home, &name("work"), noon()).unwrap_err();
    assert!(
        matches!(err, SwitchError::CaptureFailed(StoreError::NotAFile { .. })),
        "{err}"
    );
}

#[test]
fn a_login_that_changes_while_we_wait_for_the_cli_is_taken_home_first() {
    let home = two_profiles();
    let theirs = std::fs::File::create(home.root().join("auth.lock")).unwrap();
    theirs.lock().unwrap();
    // The CLI holds its lock, saves a rotated token, and lets go.
    let live = home.live_auth();
    let theirs = Mutex::new(Some(theirs));
    let waiting = home.with_pause(move |_| {
        if let Some(lock) = theirs.lock().unwrap().take() {
            std::fs::write(&live, login("ana", 40).to_bytes()).unwrap();
            lock.unlock().unwrap();
        }
    });
    let switched = switch(&waiting, &name("home"), noon()).unwrap();
    assert_eq!(switched.took_home, Some(name("work")));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_40");
    assert_eq!(home.live_token(), "rt_FAKE_bob_10");
}

#[test]
fn a_cli_that_does_not_let_go_is_told_of_and_nothing_is_changed() {
    let home = two_profiles();
    let theirs = std::fs::File::create(home.root().join("auth.lock")).unwrap();
    theirs.lock().unwrap();
    let err = switch(&home, &name("home"), noon()).unwrap_err();
    assert!(
        matches!(err, SwitchError::Store(StoreError::Busy(_))),
        "{err}"
    );
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn switches_at_the_same_time_end_with_one_whole_login_and_lose_none() {
    let home = two_profiles();
    home.profile("third", &login("cyd", 10));
    thread::scope(|scope| {
        for target in ["work", "home", "third", "work"] {
            let home = home.with_pause(|_| thread::sleep(Duration::from_millis(1)));
            scope.spawn(move || {
                for _ in 0..6 {
                    match switch(&home, &name(target), noon()) {
                        Ok(_) | Err(SwitchError::Store(StoreError::Busy(_))) => {}
                        Err(err) => panic!("{err}"),
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                assert!(matches!(read_live(&home), Live::Login(_)));
            }
        });
    });
    assert!(
        ["rt_FAKE_ana_10", "rt_FAKE_bob_10", "rt_FAKE_cyd_10"]
            .contains(&home.live_token().as_str())
    );
    for (profile, token) in [("work", "ana"), ("home", "bob"), ("third", "cyd")] {
        assert_eq!(home.token_of(profile), format!("rt_FAKE_{token}_10"));
    }
    assert_eq!(home.displaced(), Vec::<Vec<u8>>::new());
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn the_live_login_becomes_a_profile_once() {
    let home = TestHome::new();
    let nothing = save_live(&home, &name("work"), noon()).unwrap_err();
    assert!(matches!(nothing, StoreError::NothingLive));
    home.live(&login_with("ana", 1, json!({"zz_future": true})));
    save_live(&home, &name("work"), noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");

    let again = save_live(&home, &name("other"), noon()).unwrap_err();
    assert_eq!(
        again.to_string(),
        "this login is saved already, as \"work\""
    );
    home.live(&login("ana", 2));
    let again = save_live(&home, &name("other"), noon()).unwrap_err();
    assert!(matches!(
        again,
        StoreError::AlreadySaved {
            is_updated: true,
            ..
        }
    ));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert!(!home.profiles_dir().join("other").exists());

    std::fs::write(home.live_auth(), "{").unwrap();
    let broken = save_live(&home, &name("other"), noon()).unwrap_err();
    assert!(matches!(broken, StoreError::UnreadableLive(_)));
}

#[test]
fn only_a_newer_live_login_is_taken_home() {
    let home = two_profiles();
    assert_eq!(take_home(&home, noon()).unwrap(), None);
    home.live(&login("ana", 5));
    assert_eq!(take_home(&home, noon()).unwrap(), None);
    home.live(&login("eve", 50));
    assert_eq!(take_home(&home, noon()).unwrap(), None);
    home.live(&login("ana", 50));
    assert_eq!(take_home(&home, noon()).unwrap(), Some(name("work")));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_50");
    let by_codex = Some((Rotator::Codex, noon()));
    assert_eq!(home.read_profile("work").side.rotated(), by_codex);
    assert_eq!(take_home(&home, noon()).unwrap(), None);
    std::fs::write(home.live_auth(), "").unwrap();
    assert_eq!(take_home(&home, noon()).unwrap(), None);
}

#[test]
fn an_endpoint_never_becomes_the_login_of_codex() {
    let home = two_profiles();
    profiles::create(&home, &name("paid"), &endpoint()).unwrap();
    let refused = switch(&home, &name("paid"), noon()).unwrap_err();
    assert!(
        matches!(&refused, SwitchError::ForRouterOnly(paid) if *paid == name("paid")),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .contains("point Codex at the router instead")
    );
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    assert_eq!(home.leftovers(), [""; 0]);
    let file = home.profiles_dir().join("paid").join("auth.json");
    assert_eq!(mode_of(&file), 0o600);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("codexRouterEndpoint") && !text.contains("OPENAI_API_KEY"));
}

#[test]
fn a_login_whose_refresh_was_cut_off_is_switched_to_in_its_newest_form() {
    let home = two_profiles();
    home.profile("twin", &login("ana", 10));
    home.live(&login("bob", 10));
    let intent = crate::profile::Intent {
        token: login("ana", 10).refresh_fingerprint().unwrap(),
        at: noon(),
    };
    edit_side(&home, &name("work"), |side| side.set_intent(Some(&intent))).unwrap();
    let temporary = "work/.auth.json.0123456789abcdef.tmp";
    let renewed = login("ana", 20).to_bytes();
    std::fs::write(home.profiles_dir().join(temporary), renewed).unwrap();
    switch(&home, &name("twin"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    for profile in ["work", "twin"] {
        assert_eq!(home.token_of(profile), "rt_FAKE_ana_20", "{profile}");
    }
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_note_without_a_newer_login_keeps_nobody_from_switching() {
    let home = two_profiles();
    home.live(&login("bob", 10));
    let intent = crate::profile::Intent {
        token: login("ana", 10).refresh_fingerprint().unwrap(),
        at: noon(),
    };
    edit_side(&home, &name("work"), |side| side.set_intent(Some(&intent))).unwrap();
    switch(&home, &name("work"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
}

#[test]
fn a_login_of_another_sign_in_is_kept_where_the_newer_one_of_its_profile_is_refused() {
    let home = two_profiles();
    home.profile("work", &login("ana", 20));
    let refused = login("ana", 20).refresh_fingerprint();
    edit_side(&home, &name("work"), |side| {
        side.set_rejected(refused.as_ref());
    })
    .unwrap();
    let switched = switch(&home, &name("home"), noon()).unwrap();
    assert!(switched.displaced.is_some());
    assert_eq!(home.displaced(), [login("ana", 10).to_bytes().to_vec()]);
}
