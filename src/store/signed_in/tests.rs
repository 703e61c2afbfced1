use serde_json::json;

use super::*;
use crate::profile::Fingerprint;
use crate::store::overlay::Overlay;
use crate::store::profiles::edit_side;
use crate::store::testing::{TestHome, api_key, login, login_with, name, noon};

/// `work` of ana and `home` of bob, issued at second 10; ana is live.
fn two_profiles() -> TestHome {
    let home = TestHome::new();
    home.profile("work", &login("ana", 10));
    home.profile("home", &login("bob", 10));
    home.live(&login("ana", 10));
    home
}

fn renew_at(home: &Home, text: &str, new: &AuthFile) -> Result<Renewed, StoreError> {
    renew(home, &name(text), new, Origin::Browser, noon())
}

fn backups(home: &Home, text: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(home.backups_dir().join(text)) else {
        return Vec::new();
    };
    let mut texts: Vec<_> = entries
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    texts.sort();
    texts
}

#[test]
fn a_new_account_becomes_a_profile_that_says_how_it_came_and_the_live_file_is_not_touched() {
    let home = two_profiles();
    let before = std::fs::metadata(home.live_auth()).unwrap().modified();
    keep(&home, &name("new"), &login("cyd", 20), Origin::Code, noon()).unwrap();
    let profile = home.read_profile("new");
    assert!(profile.login.unwrap().same_login(&login("cyd", 20)));
    assert_eq!(profile.side.came_by(), Some((Origin::Code, noon())));
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    let after = std::fs::metadata(home.live_auth()).unwrap().modified();
    assert_eq!(before.unwrap(), after.unwrap());

    let again = keep(
        &home,
        &name("other"),
        &login("cyd", 30),
        Origin::Code,
        noon(),
    );
    assert!(
        matches!(&again, Err(StoreError::AlreadySaved { name: holder, .. }) if *holder == name("new")),
        "{again:?}"
    );
    assert_eq!(home.token_of("new"), "rt_FAKE_cyd_20");
    assert!(!home.profiles_dir().join("other").exists());
    keep(
        &home,
        &name("key"),
        &api_key("sk-FAKE"),
        Origin::Key,
        noon(),
    )
    .unwrap();
    let twice = keep(
        &home,
        &name("key2"),
        &api_key("sk-FAKE"),
        Origin::Key,
        noon(),
    );
    assert!(twice.unwrap_err().to_string().contains("\"key\""));
}

#[test]
fn a_new_login_of_the_same_account_changes_nothing_else_of_its_profile() {
    let home = two_profiles();
    home.profile(
        "work",
        &login_with("ana", 10, json!({"zz_future": {"deep": 1}})),
    );
    let side =
        r#"{"label": "Büro", "tags": ["a"], "weight": 3, "zz_unknown": [1], "proxy": "none"}"#;
    std::fs::write(home.profiles_dir().join("work/router.json"), side).unwrap();
    edit_side(&home, &name("work"), |side| {
        let spent = login("ana", 10).refresh_fingerprint();
        side.set_rejected(spent.as_ref());
    })
    .unwrap();

    let renewed = renew_at(&home, "work", &login("ana", 20)).unwrap();
    assert!(renewed.is_live);
    let profile = home.read_profile("work");
    assert_eq!(profile.health(), crate::profile::Health::Fine);
    for (key, value) in [
        ("label", json!("Büro")),
        ("tags", json!(["a"])),
        ("weight", json!(3)),
        ("zz_unknown", json!([1])),
        ("proxy", json!("none")),
    ] {
        assert_eq!(profile.side.get(key), Some(&value), "{key}");
    }
    assert_eq!(profile.side.get("rejected_token"), None);
    assert_eq!(profile.side.came_by(), Some((Origin::Browser, noon())));
    let text = String::from_utf8(profile.login.unwrap().to_bytes().to_vec()).unwrap();
    assert!(text.contains("zz_future") && text.contains("rt_FAKE_ana_20"));
    let kept = backups(&home, "work");
    assert!(kept.len() == 1 && kept[0].contains("rt_FAKE_ana_10"));
    assert_eq!(home.token_of("home"), "rt_FAKE_bob_10");
}

#[test]
fn the_live_file_of_this_account_gets_the_new_login_and_what_codex_had_rotated_is_backed_up() {
    let home = two_profiles();
    // Codex has rotated since, and nobody has noticed yet.
    home.live(&login("ana", 15));
    assert!(renew_at(&home, "work", &login("ana", 20)).unwrap().is_live);
    // Cut off here, the next start knows what is left to do.
    let intent = home.read_profile("work").side.intent().unwrap();
    assert_eq!(intent.token, Fingerprint::of(b"rt_FAKE_ana_15"));
    assert_eq!(home.live_token(), "rt_FAKE_ana_15");

    renew_live(&home, &name("work"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(home.read_profile("work").side.intent(), None);
    let kept = backups(&home, "work").concat();
    assert!(kept.contains("rt_FAKE_ana_10") && kept.contains("rt_FAKE_ana_15"));
    assert!(home.displaced().is_empty());
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn another_accounts_live_file_is_left_alone_in_every_byte() {
    let home = two_profiles();
    let before = std::fs::read(home.live_auth()).unwrap();
    let renewed = renew_at(&home, "home", &login("bob", 20)).unwrap();
    assert_eq!(renewed, Renewed::default());
    assert_eq!(std::fs::read(home.live_auth()).unwrap(), before);
    assert_eq!(home.read_profile("home").side.intent(), None);
}

#[test]
fn a_profile_of_another_account_or_one_that_cannot_be_read_is_never_written_over() {
    let home = two_profiles();
    let other = renew_at(&home, "home", &login("ana", 20));
    assert!(
        matches!(other, Err(StoreError::OtherAccount(_))),
        "{other:?}"
    );
    home.profile_text("odd", b"{\"tokens\": 7}");
    let unreadable = renew_at(&home, "odd", &login("ana", 20));
    assert!(matches!(
        unreadable,
        Err(StoreError::UnreadableProfile { .. })
    ));
    let gone = renew_at(&home, "gone", &login("ana", 20));
    assert!(matches!(gone, Err(StoreError::NoSuchProfile(_))));
    assert_eq!(home.token_of("home"), "rt_FAKE_bob_10");
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_10");
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
}

#[test]
fn every_profile_of_the_account_gets_the_new_login() {
    let home = two_profiles();
    home.profile("work2", &login("ana", 12));
    renew_at(&home, "work", &login("ana", 20)).unwrap();
    assert_eq!(home.token_of("work2"), "rt_FAKE_ana_20");
    let kept = backups(&home, "work2").concat();
    assert!(kept.contains("rt_FAKE_ana_12"));
}

#[test]
fn without_room_for_the_backup_the_old_login_stays() {
    let home = two_profiles();
    std::fs::create_dir_all(home.router_dir()).unwrap();
    std::fs::write(home.backups_dir(), "in the way").unwrap();
    assert!(renew_at(&home, "work", &login("ana", 20)).is_err());
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_10");
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
}

#[test]
fn a_new_login_waits_for_a_refresh_that_is_under_way() {
    let home = two_profiles();
    let refreshing = AccountLock::take(&home, &login("ana", 10)).unwrap();
    let held = std::sync::Mutex::new(Some(refreshing));
    let waiting = home.with_pause(move |_| drop(held.lock().unwrap().take()));
    renew_at(&waiting, "work", &login("ana", 20)).unwrap();
    let busy = AccountLock::take(&home, &login("ana", 10)).unwrap();
    let refused = renew_at(&home, "work", &login("ana", 30)).unwrap_err();
    assert!(matches!(refused, StoreError::Busy(_)));
    drop(busy);
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
}

#[test]
fn a_switch_that_ended_meanwhile_is_not_undone() {
    let home = two_profiles();
    for other in [Some(login("bob", 10)), None] {
        home.live(&login("ana", 10));
        assert!(renew_at(&home, "work", &login("ana", 20)).unwrap().is_live);
        switch::switch(&home, &name("home"), noon()).unwrap();
        if other.is_none() {
            std::fs::remove_file(home.live_auth()).unwrap();
        }
        renew_live(&home, &name("work"), noon()).unwrap();
        match other {
            Some(_bob) => assert_eq!(home.live_token(), "rt_FAKE_bob_10"),
            None => assert!(!home.live_auth().exists(), "Codex was signed out"),
        }
        let selected = std::fs::read(home.current_profile()).unwrap();
        assert_eq!(selected, b"home");
        assert_eq!(home.read_profile("work").side.intent(), None);
    }
}

#[test]
fn which_of_two_profiles_is_selected_does_not_change_with_a_new_login() {
    let home = two_profiles();
    home.profile("work2", &login("ana", 10));
    switch::switch(&home, &name("work2"), noon()).unwrap();
    renew_at(&home, "work", &login("ana", 20)).unwrap();
    renew_live(&home, &name("work"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(std::fs::read(home.current_profile()).unwrap(), b"work2");
}

#[test]
fn a_profile_that_cannot_be_read_gets_a_login_and_what_was_there_is_kept() {
    for broken in [&b"{\"tokens\": 7}"[..], b""] {
        let home = two_profiles();
        home.profile_text("work", broken);
        let side = home.profiles_dir().join("work/router.json");
        std::fs::write(side, r#"{"label": "Office", "zz_unknown": 1}"#).unwrap();
        let renewed = mend(
            &home,
            &name("work"),
            &login("ana", 20),
            Origin::Browser,
            noon(),
        )
        .unwrap();
        assert!(renewed.is_live);
        renew_live(&home, &name("work"), noon()).unwrap();
        assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
        assert_eq!(home.live_token(), "rt_FAKE_ana_20");
        let kept = renewed.set_aside.map(|file| std::fs::read(file).unwrap());
        assert_eq!(
            kept.as_deref(),
            Some(broken).filter(|bytes| !bytes.is_empty())
        );
        let side = home.read_profile("work").side;
        assert_eq!(side.get("label"), Some(&json!("Office")));
        assert_eq!(side.get("zz_unknown"), Some(&json!(1)));
        assert_eq!(side.came_by(), Some((Origin::Browser, noon())));
        assert_eq!(home.leftovers(), [""; 0]);
    }
}

#[test]
fn a_profile_that_can_be_read_by_now_is_mended_for_its_own_account_only() {
    let home = two_profiles();
    let mend_work = |login: AuthFile| mend(&home, &name("work"), &login, Origin::Browser, noon());
    let other = mend_work(login("cyd", 20));
    assert!(
        matches!(other, Err(StoreError::OtherAccount(_))),
        "{other:?}"
    );
    mend_work(login("ana", 20)).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert!(home.displaced().is_empty());
    let gone = mend(
        &home,
        &name("gone"),
        &login("cyd", 20),
        Origin::Browser,
        noon(),
    );
    assert!(matches!(gone, Err(StoreError::NoSuchProfile(_))));
}

#[test]
fn an_account_that_only_codex_had_is_kept_once_and_not_as_two_that_are_both_renewed() {
    let home = TestHome::new();
    home.live(&login("ana", 10));
    let new = login("ana", 20);
    let kept = keep(&home, &name("work"), &new, Origin::Browser, noon()).unwrap();
    assert!(kept.is_live);
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    let intent = home.read_profile("work").side.intent().unwrap();
    assert_eq!(intent.token, Fingerprint::of(b"rt_FAKE_ana_10"));
    renew_live(&home, &name("work"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(home.read_profile("work").side.intent(), None);
    assert!(backups(&home, "work").concat().contains("rt_FAKE_ana_10"));
}

#[test]
fn a_terminal_of_the_account_gets_the_new_login() {
    let home = two_profiles();
    let terminal = |account: &str| Overlay::open(&home, &name(account), None, noon()).unwrap();
    let (own, other) = (terminal("work"), terminal("home"));
    renew_at(&home, "work", &login("ana", 20)).unwrap();
    let in_there = |overlay: &Overlay| std::fs::read_to_string(overlay.root().join("auth.json"));
    assert!(in_there(&own).unwrap().contains("rt_FAKE_ana_20"));
    assert!(in_there(&other).unwrap().contains("rt_FAKE_bob_10"));
}
