use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::thread;

use super::*;
use crate::store::testing::{TestHome, mode_of, noon};

#[test]
fn a_replaced_file_is_for_its_owner_alone_whatever_the_umask() {
    let home = TestHome::new();
    let path = home.root().join("secret");
    let old = rustix::process::umask(rustix::fs::Mode::empty());
    replace(&path, b"one").unwrap();
    rustix::process::umask(old);
    assert_eq!(
        (std::fs::read(&path).unwrap(), mode_of(&path)),
        (b"one".to_vec(), 0o600)
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    replace(&path, b"two").unwrap();
    assert_eq!(
        (std::fs::read(&path).unwrap(), mode_of(&path)),
        (b"two".to_vec(), 0o600)
    );
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn reading_takes_the_rights_of_others_away_and_adds_none() {
    let home = TestHome::new();
    let path = home.root().join("secret");
    for (before, after) in [
        (0o644, 0o600),
        (0o666, 0o600),
        (0o444, 0o400),
        (0o600, 0o600),
    ] {
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(before)).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_slice(), b"x");
        assert_eq!(mode_of(&path), after, "{before:o}");
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(read(&path).unwrap(), None);
}

#[test]
fn whatever_is_planted_in_the_place_of_a_login_is_neither_read_nor_waited_for() {
    let home = TestHome::new();
    let at = |name: &str| home.root().join(name);
    std::fs::write(at("real"), "secret").unwrap();
    symlink("real", at("link")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink("loop", at("loop")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR).unwrap();
    File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();
    let what = |name: &str| read(&at(name)).unwrap_err();
    for name in ["link", "zero", "loop", "dangling"] {
        assert!(matches!(what(name), StoreError::Link { .. }), "{name}");
    }
    for name in ["folder", "socket", "fifo"] {
        assert!(matches!(what(name), StoreError::NotAFile { .. }), "{name}");
    }
    assert!(matches!(what("huge"), StoreError::TooBig { .. }));
    assert!(read(Path::new("/dev/zero")).is_err());
}

#[test]
fn a_link_in_the_place_of_a_login_is_replaced_not_followed() {
    let home = TestHome::new();
    let (link, victim) = (home.root().join("link"), home.root().join("victim"));
    std::fs::write(&victim, "untouched").unwrap();
    symlink("victim", &link).unwrap();
    replace(&link, b"new").unwrap();
    assert_eq!(std::fs::read(victim).unwrap(), b"untouched");
    assert!(!link.is_symlink());
}

#[test]
fn a_replacement_that_fails_leaves_the_old_and_no_temporary_file() {
    let home = TestHome::new();
    let folder = home.root().join("auth.json");
    std::fs::create_dir_all(folder.join("in the way")).unwrap();
    assert!(replace(&folder, b"new").is_err());
    assert!(folder.join("in the way").exists());
    drop(Prepared::reserved(&home.folder().unwrap(), "auth.json").unwrap());
    assert_eq!(home.leftovers(), [""; 0]);
    assert!(replace(&home.root().join("no/such/folder"), b"x").is_err());
}

#[test]
fn reserved_room_that_is_not_needed_goes_back() {
    let home = TestHome::new();
    let mut prepared = Prepared::reserved(&home.folder().unwrap(), "auth.json").unwrap();
    prepared.fill(b"a longer text, then").unwrap();
    prepared.fill(b"short").unwrap();
    prepared.publish().unwrap();
    assert_eq!(std::fs::read(home.live_auth()).unwrap(), b"short");
}

#[test]
fn readers_see_the_old_text_or_the_new_one() {
    let home = TestHome::new();
    let path = home.root().join("auth.json");
    let text = |i: usize| format!("{i}").repeat(5_000).into_bytes();
    replace(&path, &text(0)).unwrap();
    thread::scope(|scope| {
        for start in [1, 2] {
            let path = &path;
            scope.spawn(move || {
                for i in 0..40 {
                    replace(path, &text((start + i) % 10)).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..400 {
                let seen = read(&path).unwrap().unwrap();
                assert!(seen.len() == 5_000 && seen.iter().all(|byte| *byte == seen[0]));
            }
        });
    });
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn settings_may_be_a_link_and_may_not_hang() {
    let home = TestHome::new();
    std::fs::write(home.root().join("real.toml"), "a = 1").unwrap();
    symlink("real.toml", home.cli_config()).unwrap();
    assert_eq!(
        read_text(&home.cli_config()).unwrap().as_deref(),
        Some("a = 1")
    );
    let fifo = home.root().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    assert!(matches!(read_text(&fifo), Err(StoreError::NotAFile { .. })));
    assert!(matches!(
        read_text(Path::new("/dev/zero")),
        Err(StoreError::NotAFile { .. })
    ));
    assert_eq!(read_text(&home.root().join("none")).unwrap(), None);
}

#[test]
fn only_our_own_temporary_names_are_leftovers() {
    for name in [".auth.json.0123456789abcdef.tmp", ".a.FFFFFFFFFFFFFFFF.tmp"] {
        assert!(is_temporary(OsStr::new(name)), "{name}");
    }
    for name in [
        ".auth-Ab12Cd",
        "auth.json.0123456789abcdef.tmp",
        "..0123456789abcdef.tmp",
        ".0123456789abcdef.tmp",
        ".tmp",
        ".auth.json.0123.tmp",
    ] {
        assert!(!is_temporary(OsStr::new(name)), "{name}");
    }
    let home = TestHome::new();
    std::fs::create_dir(home.root().join(".x.0123456789abcdef.tmp")).unwrap();
    remove_leftovers(&home.folder().unwrap(), noon(), |_, _| false).unwrap();
}
