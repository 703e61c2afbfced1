//! On a real disk.

use std::time::SystemTime;

use super::*;
use crate::store::testing::{TestHome, login, mode_of, name, noon};
use crate::store::{overlay, switch};

fn home() -> TestHome {
    let home = TestHome::new();
    crate::store::prepare(&home, SystemTime::UNIX_EPOCH).unwrap();
    home.profile("work", &login("ana", 2));
    std::fs::write(
        home.profiles_dir().join("work/router.json"),
        r#"{"label": "Büro"}"#,
    )
    .unwrap();
    std::fs::create_dir(home.backups_dir().join("work")).unwrap();
    std::fs::write(home.backups_dir().join("work/x.json"), "old").unwrap();
    home
}

fn names(home: &TestHome) -> Vec<String> {
    let entries = std::fs::read_dir(home.profiles_dir()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_deleted_profile_is_listed_with_what_it_was_and_comes_back_whole() {
    let home = home();
    let id = delete(&home, &name("work"), noon()).unwrap();
    assert_eq!(id, "work-20261120T120000.000Z");
    assert_eq!(names(&home), Vec::<String>::new());
    assert_eq!(mode_of(&home.trash_dir()), 0o700);
    assert!(!home.backups_dir().join("work").exists());
    let [trashed] = &list(&home)[..] else {
        panic!("one");
    };
    assert_eq!((&trashed.name, trashed.deleted_at), (&name("work"), noon()));
    assert!(trashed.login.as_ref().unwrap().same_login(&login("ana", 2)));
    assert_eq!(trashed.side.get("label").unwrap(), "Büro");

    let restored = restore(&home, &id, noon()).unwrap();
    assert_eq!(restored.name, name("work"));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert_eq!(
        std::fs::read(home.backups_dir().join("work/x.json")).unwrap(),
        b"old"
    );
    assert!(list(&home).is_empty());
    let gone = restore(&home, &id, noon()).unwrap_err();
    assert!(matches!(gone, StoreError::NotInTrash(_)));
}

#[test]
fn a_name_that_is_taken_meanwhile_gets_a_number() {
    let home = home();
    let first = delete(&home, &name("work"), noon()).unwrap();
    for number in 2..4 {
        home.profile("Work", &login("bob", number));
        let restored = restore(&home, &first, noon()).unwrap();
        assert_eq!(restored.was, name("work"));
        assert_eq!(restored.name, name("work-2"));
        assert_eq!(names(&home), ["Work", "work-2"]);
        assert_eq!(home.token_of("work-2"), "rt_FAKE_ana_2");
        std::fs::rename(
            home.profiles_dir().join("work-2"),
            home.trash_dir().join(&first),
        )
        .unwrap();
    }
    home.profile("work-2", &login("cyd", 1));
    assert_eq!(restore(&home, &first, noon()).unwrap().name, name("work-3"));
}

#[test]
fn the_same_name_can_be_deleted_twice_in_a_moment() {
    let home = home();
    let first = delete(&home, &name("work"), noon()).unwrap();
    home.profile("work", &login("bob", 1));
    let second = delete(&home, &name("work"), noon()).unwrap();
    assert_ne!(first, second);
    assert_eq!(list(&home).len(), 2);
    assert!(matches!(
        delete(&home, &name("work"), noon()),
        Err(StoreError::NoSuchProfile(_))
    ));
}

#[test]
fn the_live_login_stays_and_what_codex_makes_of_it_is_not_lost() {
    let home = home();
    home.profile("spare", &login("bob", 1));
    home.live(&login("ana", 2));
    let id = delete(&home, &name("work"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_2");
    // Codex rotates it, and somebody switches: nobody holds it, so it is kept aside.
    home.live(&login("ana", 3));
    switch::switch(&home, &name("spare"), noon()).unwrap();
    let displaced = home.displaced();
    assert!(String::from_utf8_lossy(&displaced[0]).contains("rt_FAKE_ana_3"));
    // Put back while it is live, it has what Codex has.
    home.live(&login("ana", 4));
    restore(&home, &id, noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_4");
    assert_eq!(switch::take_home(&home, noon()).unwrap(), None);
}

#[test]
fn what_cannot_be_read_is_shown_and_can_be_put_back_or_removed() {
    let home = home();
    std::fs::write(home.profiles_dir().join("work/auth.json"), "{").unwrap();
    let broken = delete(&home, &name("work"), noon()).unwrap();
    let trash = home.trash_dir();
    std::fs::create_dir(trash.join("somebody's own")).unwrap();
    std::fs::write(trash.join("a-file"), "x").unwrap();
    std::os::unix::fs::symlink("/etc", trash.join("a-link")).unwrap();
    let found: Vec<_> = list(&home)
        .into_iter()
        .map(|it| (it.id, it.login.is_err(), it.deleted_at))
        .collect();
    let epoch = SystemTime::UNIX_EPOCH;
    let odd = |id: &str| (id.to_owned(), true, epoch);
    assert_eq!(
        found,
        [
            (broken.clone(), true, noon()),
            odd("a-file"),
            odd("a-link"),
            odd("somebody's own")
        ]
    );
    assert!(restore(&home, "a-file", noon()).is_err());
    assert_eq!(
        restore(&home, "somebody's own", noon())
            .unwrap()
            .name
            .as_str(),
        "somebody's own"
    );
    for id in ["a-file", "a-link"] {
        purge(&home, id).unwrap();
    }
    restore(&home, &broken, noon()).unwrap();
    assert_eq!(
        std::fs::read(home.profiles_dir().join("work/auth.json")).unwrap(),
        b"{"
    );
    assert!(std::path::Path::new("/etc").is_dir());
}

#[test]
fn after_thirty_days_they_are_gone_and_half_removed_ones_with_them() {
    let home = home();
    home.profile("young", &login("bob", 1));
    let old = delete(&home, &name("work"), noon()).unwrap();
    let young = delete(&home, &name("young"), noon() + KEPT_FOR / 2).unwrap();
    let trash = home.trash_dir();
    std::fs::create_dir(trash.join(".going-1-x")).unwrap();
    std::fs::write(trash.join(".going-1-x/auth.json"), "x").unwrap();
    std::fs::create_dir(trash.join("undated")).unwrap();
    assert_eq!(list(&home).len(), 3);
    assert_eq!(
        purge_old(&home, noon() + KEPT_FOR - Duration::from_secs(1)),
        0
    );
    assert!(!trash.join(".going-1-x").exists());
    assert_eq!(purge_old(&home, noon() + KEPT_FOR), 1);
    assert!(!trash.join(old).exists());
    // A clock that is behind removes nothing.
    assert_eq!(purge_old(&home, SystemTime::UNIX_EPOCH), 0);
    let left: Vec<_> = list(&home).into_iter().map(|it| it.id).collect();
    assert_eq!(left, [young, "undated".to_owned()]);
}

#[test]
fn an_id_leads_nowhere_else() {
    let home = home();
    let id = delete(&home, &name("work"), noon()).unwrap();
    for odd in ["..", ".", "", "../profiles", "/etc", "work", ".going-1"] {
        assert!(
            matches!(purge(&home, odd), Err(StoreError::NotInTrash(_))),
            "{odd}"
        );
        assert!(
            matches!(restore(&home, odd, noon()), Err(StoreError::NotInTrash(_))),
            "{odd}"
        );
    }
    assert_eq!(list(&home)[0].id, id);
}

#[test]
fn a_name_as_long_as_a_file_system_takes_has_a_place_in_the_trash() {
    let home = home();
    let long = "語".repeat(84);
    home.profile(&long, &login("bob", 1));
    let long = ProfileName::existing(&long).unwrap();
    let id = delete(&home, &long, noon()).unwrap();
    assert!(id.len() <= 255 && id.starts_with("語語"), "{id}");
    let restored = restore(&home, &id, noon()).unwrap().name;
    assert!(long.as_str().starts_with(restored.as_str()));
}

/// What the restored `work` holds, and the texts of its backups.
fn restored(home: &TestHome, id: &str) -> (String, Vec<String>) {
    assert_eq!(restore(home, id, noon()).unwrap().name, name("work"));
    let backups = std::fs::read_dir(home.backups_dir().join("work")).unwrap();
    let texts = backups.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    (home.token_of("work"), texts.collect())
}

fn assert_has_older(backups: &[String]) {
    let is_there = |text: &str| backups.iter().any(|backup| backup.contains(text));
    assert!(is_there("rt_FAKE_ana_2") && is_there("old"), "{backups:?}");
}

#[test]
fn what_codex_made_of_a_deleted_login_comes_back_with_it_and_the_older_is_a_backup() {
    let home = home();
    home.profile("spare", &login("bob", 1));
    home.live(&login("ana", 2));
    let id = delete(&home, &name("work"), noon()).unwrap();
    for number in [4, 3] {
        home.live(&login("ana", number));
        switch::switch(&home, &name("spare"), noon()).unwrap();
    }
    // Of somebody else, and not a login at all.
    attic::displace(&home, &login("cyd", 9).to_bytes(), noon()).unwrap();
    attic::displace(&home, b"{", noon()).unwrap();
    // Codex has got the spent one back meanwhile.
    home.live(&login("ana", 2));
    let (token, backups) = restored(&home, &id);
    assert_eq!(token, "rt_FAKE_ana_4");
    assert_has_older(&backups);
    assert_eq!(home.live_token(), "rt_FAKE_ana_4");
    assert_eq!(home.read_profile("work").side.intent(), None);
    assert_eq!(home.read_profile("work").side.get("label").unwrap(), "Büro");
    assert!(home.leftovers().is_empty());
}

#[test]
fn a_newer_login_is_found_wherever_it_lies() {
    let newer = login("ana", 3);
    type Put = fn(&TestHome, &str, &AuthFile);
    let places: [(&str, Put); 5] = [
        ("the live file", |home, _id, newer| home.live(newer)),
        ("another profile", |home, _id, newer| {
            home.profile("twin", newer);
        }),
        ("a terminal", |home, _id, newer| {
            home.profile("twin", newer);
            drop(overlay::Overlay::open(home, &name("twin"), None, noon()).unwrap());
            std::fs::remove_dir_all(home.profiles_dir().join("twin")).unwrap();
        }),
        ("the trash", |home, _id, newer| {
            home.profile("twin", newer);
            delete(home, &name("twin"), noon()).unwrap();
        }),
        ("a refresh that was cut off", |home, id, newer| {
            let unplaced = ".auth.json.0123456789abcdef.tmp";
            std::fs::write(home.trash_dir().join(id).join(unplaced), newer.to_bytes()).unwrap();
        }),
    ];
    for (place, put) in places {
        let home = home();
        let id = delete(&home, &name("work"), noon()).unwrap();
        put(&home, &id, &newer);
        let (token, backups) = restored(&home, &id);
        assert_eq!(token, "rt_FAKE_ana_3", "{place}");
        assert_has_older(&backups);
    }
}

#[test]
fn who_could_not_be_given_the_newest_login_is_noted_for_the_next_refresh() {
    let home = home();
    home.live(&login("ana", 2));
    let id = delete(&home, &name("work"), noon()).unwrap();
    attic::displace(&home, &login("ana", 3).to_bytes(), noon()).unwrap();
    std::fs::hard_link(home.live_auth(), home.root().join("second-name")).unwrap();
    restore(&home, &id, noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_3");
    assert_eq!(home.live_token(), "rt_FAKE_ana_2");
    let noted = home.read_profile("work").side.intent().unwrap();
    assert_eq!(Some(noted.token), login("ana", 2).refresh_fingerprint());
}

#[test]
fn where_a_newer_login_may_lie_and_cannot_be_looked_at_nothing_is_put_back() {
    let home = home();
    let id = delete(&home, &name("work"), noon()).unwrap();
    std::fs::remove_dir_all(home.displaced_dir()).unwrap();
    std::fs::write(home.displaced_dir(), "in the way").unwrap();
    restore(&home, &id, noon()).unwrap_err();
    assert_eq!(names(&home), Vec::<String>::new());
    std::fs::remove_file(home.displaced_dir()).unwrap();
    restore(&home, &id, noon()).unwrap();
}

#[test]
fn an_older_login_elsewhere_takes_no_newer_ones_place() {
    let home = home();
    let id = delete(&home, &name("work"), noon()).unwrap();
    attic::displace(&home, &login("ana", 1).to_bytes(), noon()).unwrap();
    home.live(&login("ana", 1));
    let (token, backups) = restored(&home, &id);
    assert_eq!((token.as_str(), backups.len()), ("rt_FAKE_ana_2", 1));
}

#[test]
fn a_deleted_profile_takes_the_newest_login_of_its_account_along() {
    let home = home();
    home.live(&login("ana", 3));
    let id = delete(&home, &name("work"), noon()).unwrap();
    let [trashed] = &list(&home)[..] else {
        panic!("one");
    };
    assert!(trashed.login.as_ref().unwrap().same_login(&login("ana", 3)));
    std::fs::remove_file(home.live_auth()).unwrap();
    let (token, backups) = restored(&home, &id);
    assert_eq!(token, "rt_FAKE_ana_3");
    assert_has_older(&backups);
}

#[test]
fn putting_back_waits_for_a_refresh_of_the_account_and_takes_what_it_wrote() {
    use std::sync::Mutex;
    let home = home();
    home.profile("twin", &login("ana", 2));
    let id = delete(&home, &name("work"), noon()).unwrap();
    let held = Mutex::new(Some(AccountLock::take(&home, &login("ana", 2)).unwrap()));
    let twin = home.profiles_dir().join("twin/auth.json");
    let waiting = home.with_pause(move |_| {
        if held.lock().unwrap().take().is_some() {
            std::fs::write(&twin, login("ana", 3).to_bytes()).unwrap();
        }
    });
    restore(&waiting, &id, noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_3");
}
