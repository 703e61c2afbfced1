//! On a real disk.

use std::time::SystemTime;

use super::*;
use crate::store::switch;
use crate::store::testing::{TestHome, login, mode_of, name, noon};

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

    let restored = restore(&home, &id).unwrap();
    assert_eq!(restored.name, name("work"));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert_eq!(
        std::fs::read(home.backups_dir().join("work/x.json")).unwrap(),
        b"old"
    );
    assert!(list(&home).is_empty());
    let gone = restore(&home, &id).unwrap_err();
    assert!(matches!(gone, StoreError::NotInTrash(_)));
}

#[test]
fn a_name_that_is_taken_meanwhile_gets_a_number() {
    let home = home();
    let first = delete(&home, &name("work"), noon()).unwrap();
    for number in 2..4 {
        home.profile("Work", &login("bob", number));
        let restored = restore(&home, &first).unwrap();
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
    assert_eq!(restore(&home, &first).unwrap().name, name("work-3"));
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
    // Put back while it is live, it gets what Codex has.
    home.live(&login("ana", 4));
    restore(&home, &id).unwrap();
    assert_eq!(
        switch::take_home(&home, noon()).unwrap(),
        Some(name("work"))
    );
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_4");
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
    assert!(restore(&home, "a-file").is_err());
    assert_eq!(
        restore(&home, "somebody's own").unwrap().name.as_str(),
        "somebody's own"
    );
    for id in ["a-file", "a-link"] {
        purge(&home, id).unwrap();
    }
    restore(&home, &broken).unwrap();
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
            matches!(restore(&home, odd), Err(StoreError::NotInTrash(_))),
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
    let restored = restore(&home, &id).unwrap().name;
    assert!(long.as_str().starts_with(restored.as_str()));
}
