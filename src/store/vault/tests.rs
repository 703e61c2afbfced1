use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use super::conversion::{change_passphrase_at, turn_on_at};
use super::*;
use crate::profile::{AuthFile, SideFile};
use crate::store::backup::seal::Cost;
use crate::store::rename::Renamed;
use crate::store::testing::{TestHome, login, name, noon};
use crate::store::{
    AccountLock, InstanceLock, Live, Rotation, attic, backup, home, import, profiles, read_live,
    rename, rotation, switch, trash,
};

/// Every test that seals pays for it.
const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn pass() -> Secret {
    Secret::new("right horse")
}

fn turn_on_cheaply(home: &Home) -> Changed {
    turn_on_at(home, &pass(), CHEAP).unwrap()
}

/// The same home as another process sees it, nothing unlocked.
fn another_process(home: &Home) -> Home {
    Home::at(home.root()).unwrap().with_pause(|_| {})
}

/// Two accounts, one of them live, a deleted one, a displaced login, a backup, a leftover of a refresh that was cut off.
fn full_home() -> TestHome {
    let home = TestHome::new();
    for user in ["ana", "bob", "eve"] {
        home.profile(user, &login(user, 10));
    }
    home.live(&login("ana", 10));
    profiles::edit_side(&home, &name("bob"), |side| {
        side.set("proxy", Some("http://bob:canary@gate.test:1".into()));
    })
    .unwrap();
    profiles::write_login(&home, &name("eve"), &login("eve", 11), noon()).unwrap();
    trash::delete(&home, &name("eve"), noon()).unwrap();
    profiles::write_login(&home, &name("bob"), &login("bob", 11), noon()).unwrap();
    attic::displace(&home, &login("zoe", 5).to_bytes(), noon()).unwrap();
    let leftover = home
        .profiles_dir()
        .join("ana/.auth.json.0123456789abcdef.tmp");
    let mut text = login("ana", 12).to_bytes().to_vec();
    text.extend([0; 99]);
    std::fs::write(leftover, text).unwrap();
    // Of a refresh that never got as far, and somebody's own.
    let empty = home
        .profiles_dir()
        .join("bob/.auth.json.fedcba9876543210.tmp");
    std::fs::write(empty, [0; 99]).unwrap();
    std::fs::write(home.profiles_dir().join("bob/notes.json"), "{}").unwrap();
    home
}

/// Everything that is no lock and no key, by its place.
fn tree(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let text = path.to_string_lossy();
            if path.is_dir() {
                walk(root, &path, found);
            } else if !text.ends_with(".lock") && !text.ends_with("vault.json") {
                let below = path.strip_prefix(root).unwrap().to_owned();
                found.insert(below, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(home.root(), home.root(), &mut found);
    found
}

/// Files with a token or a password that anybody can read.
fn readable(home: &Home) -> Vec<PathBuf> {
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|at| at == part);
    tree(home)
        .into_iter()
        .filter(|(_, bytes)| has(bytes, b"rt_FAKE") || has(bytes, b"canary"))
        .map(|(path, _)| path)
        .collect()
}

fn token(login: &AuthFile) -> String {
    let tokens = login.chatgpt().unwrap();
    tokens.refresh_token.as_ref().unwrap().expose().to_owned()
}

fn held(home: &Home, who: &str) -> String {
    token(&profiles::load(home, &name(who)).unwrap().login.unwrap())
}

#[test]
fn all_that_holds_a_login_is_sealed_but_for_what_codex_reads_and_comes_back_as_it_was() {
    let home = full_home();
    let before = tree(&home);
    assert_eq!(readable(&home).len(), 9, "{:?}", readable(&home));
    let changed = turn_on_cheaply(&home);
    assert_eq!((changed.count, changed.failed), (8, Vec::new()));
    assert_eq!(readable(&home), [PathBuf::from("auth.json")]);
    assert_eq!(tree(&home).len(), before.len());
    assert_eq!(held(&home, "bob"), "rt_FAKE_bob_11");
    let status = status(&home).unwrap();
    assert_eq!((status.is_on, status.sealed, status.plain), (true, 8, 0));
    let again = turn_on_cheaply(&home);
    assert_eq!(again, Changed::default());

    let other = another_process(&home);
    home.vault().state().held = None;
    unlock(&other, &pass()).unwrap();
    let changed = turn_off(&other).unwrap();
    assert_eq!((changed.count, changed.failed), (8, Vec::new()));
    assert_eq!(tree(&home), before);
    assert!(!home.router_dir().join("vault.json").exists());
    assert!(!home.profiles_dir().join(".vault.json").exists());
    assert!(matches!(turn_off(&other), Err(VaultError::Off)));
}

#[test]
fn while_it_is_locked_nothing_is_read_and_nothing_is_written() {
    let home = full_home();
    turn_on_cheaply(&home);
    let before = tree(&home);
    let locked = another_process(&home);
    assert!(is_locked(&locked) && !is_locked(&home));
    let bob = name("bob");
    let reason = profiles::load(&locked, &bob).unwrap().login.unwrap_err();
    assert!(reason.to_string().contains("still locked"), "{reason}");
    let is_locked = |err: StoreError| matches!(err, StoreError::Locked);
    let newer = login("bob", 20);
    assert!(is_locked(
        profiles::write_login(&locked, &bob, &newer, noon()).unwrap_err()
    ));
    assert!(is_locked(
        profiles::create(&locked, &name("x"), &newer).unwrap_err()
    ));
    assert!(is_locked(
        profiles::edit_side(&locked, &bob, |side| side.set_rejected(None)).unwrap_err()
    ));
    assert!(is_locked(
        attic::displace(&locked, b"x", noon()).unwrap_err()
    ));
    let lock = AccountLock::take(&locked, &newer).unwrap();
    let spent = login("bob", 11).refresh_fingerprint().unwrap();
    assert!(is_locked(
        Rotation::begin(&locked, lock, &bob, &spent, noon()).unwrap_err()
    ));
    switch::switch(&locked, &bob, noon()).unwrap_err();
    assert_eq!(switch::take_home(&locked, noon()).unwrap(), None);
    switch::save_live(&locked, &name("y"), noon()).unwrap_err();
    home::prepare(
        &locked,
        std::time::SystemTime::now() + Duration::from_secs(999),
    )
    .unwrap();
    assert_eq!(tree(&locked), before);
}

#[test]
fn the_passphrase_opens_it_and_no_other() {
    let home = full_home();
    turn_on_cheaply(&home);
    let other = another_process(&home);
    let wrong = unlock(&other, &Secret::new("wrong horse")).unwrap_err();
    assert!(matches!(wrong, VaultError::WrongPassphrase));
    assert!(is_locked(&other));
    unlock(&other, &pass()).unwrap();
    assert_eq!(held(&other, "ana"), "rt_FAKE_ana_10");
    let short = turn_on_at(&home, &Secret::new("short"), CHEAP).unwrap_err();
    assert!(matches!(short, VaultError::WeakPassphrase));
    let plain = TestHome::new();
    assert!(matches!(unlock(&plain, &pass()), Err(VaultError::Off)));
    assert!(!is_locked(&plain));
}

#[test]
fn cut_off_after_any_file_everything_is_readable_and_both_ways_can_be_gone_to_the_end() {
    let count = turn_on_cheaply(&full_home()).count;
    for (done, goes_on) in (0..=count).flat_map(|done| [(done, true), (done, false)]) {
        let home = full_home();
        let before = tree(&home);
        turn_on_cheaply(&home);
        // As a kill in the middle of either way leaves it.
        for path in readable_when_open(&home).into_iter().take(done) {
            std::fs::write(home.root().join(&path), before.get(&path).unwrap()).unwrap();
        }
        let status = status(&home).unwrap();
        assert_eq!((status.sealed, status.plain), (count - done, done));
        home.vault().state().held = None;
        let other = another_process(&home);
        unlock(&other, &pass()).unwrap();
        for who in ["ana", "bob"] {
            profiles::load(&other, &name(who)).unwrap().login.unwrap();
        }
        if goes_on {
            assert_eq!(turn_on_cheaply(&other).count, done);
            assert_eq!(readable(&home), [PathBuf::from("auth.json")]);
        } else {
            assert_eq!(turn_off(&other).unwrap().count, count - done);
            assert_eq!(tree(&home), before);
        }
    }
}

fn readable_when_open(home: &Home) -> Vec<PathBuf> {
    let sealed = |(_, bytes): &(PathBuf, Vec<u8>)| is_sealed(bytes);
    tree(home)
        .into_iter()
        .filter(sealed)
        .map(|(path, _)| path)
        .collect()
}

#[test]
fn another_passphrase_closes_the_same_key() {
    let home = full_home();
    turn_on_cheaply(&home);
    let before = tree(&home);
    let new = Secret::new("better horse");
    let wrong = change_passphrase_at(&home, &new, &new, CHEAP).unwrap_err();
    assert!(matches!(wrong, VaultError::WrongPassphrase));
    let old_file = std::fs::read(home.router_dir().join("vault.json")).unwrap();
    change_passphrase_at(&home, &pass(), &new, CHEAP).unwrap();
    assert_eq!(tree(&home), before);
    let other = another_process(&home);
    assert!(matches!(
        unlock(&other, &pass()),
        Err(VaultError::WrongPassphrase)
    ));
    // A change that was cut off leaves the older passphrase in the copy.
    let copy = home.profiles_dir().join(".vault.json");
    std::fs::write(&copy, &old_file).unwrap();
    unlock(&other, &new).unwrap();
    assert_ne!(std::fs::read(&copy).unwrap(), old_file);
    assert_eq!(held(&other, "bob"), "rt_FAKE_bob_11");
}

#[test]
fn a_lost_key_file_comes_back_from_its_copy_and_no_second_key_is_made_over_it() {
    let home = full_home();
    turn_on_cheaply(&home);
    let (main, copy) = (
        home.router_dir().join("vault.json"),
        home.profiles_dir().join(".vault.json"),
    );
    let kept = std::fs::read(&main).unwrap();
    for damage in ["{", ""] {
        std::fs::write(&main, damage).unwrap();
        let other = another_process(&home);
        unlock(&other, &pass()).unwrap();
        assert_eq!(std::fs::read(&main).unwrap(), kept);
    }
    // Removed while it is in use: the next writing brings both back.
    std::fs::remove_file(&main).unwrap();
    std::fs::remove_file(&copy).unwrap();
    profiles::write_login(&home, &name("bob"), &login("bob", 30), noon()).unwrap();
    assert_eq!(std::fs::read(&main).unwrap(), kept);
    assert_eq!(std::fs::read(&copy).unwrap(), kept);

    std::fs::remove_file(&main).unwrap();
    std::fs::remove_file(&copy).unwrap();
    home.vault().state().held = None;
    let other = another_process(&home);
    let before = tree(&other);
    let reason = profiles::load(&other, &name("bob"))
        .unwrap()
        .login
        .unwrap_err();
    assert!(reason.to_string().contains("vault.json"), "{reason}");
    assert!(profiles::write_login(&other, &name("bob"), &login("bob", 31), noon()).is_err());
    let refused = profiles::create(&other, &name("new"), &login("new", 1)).unwrap_err();
    assert!(refused.to_string().contains("set-aside"), "{refused}");
    let refused = turn_on_at(&other, &pass(), CHEAP).unwrap_err();
    assert!(matches!(refused, VaultError::KeyGone), "{refused}");
    assert!(matches!(turn_off(&other), Err(VaultError::KeyGone)));
    assert!(status(&other).unwrap().is_key_gone);
    assert_eq!(tree(&other), before);
    // Put back while a process runs that knew of no key.
    std::fs::write(&copy, &kept).unwrap();
    unlock(&other, &pass()).unwrap();
    profiles::create(&other, &name("new"), &login("new", 1)).unwrap();
    assert_eq!(readable(&home), [PathBuf::from("auth.json")]);
}

#[test]
fn sealed_logins_that_come_into_a_home_that_was_plain_are_unlocked_and_what_is_written_then_is_sealed()
 {
    let from = full_home();
    turn_on_cheaply(&from);
    let home = TestHome::new();
    home.profile("plain", &login("plain", 1));
    // This process knows now that encryption is off, and holds it so.
    profiles::write_login(&home, &name("plain"), &login("plain", 2), noon()).unwrap();
    std::fs::create_dir(home.profiles_dir().join("bob")).unwrap();
    for file in [".vault.json", "bob/auth.json"] {
        let (from, to) = (
            from.profiles_dir().join(file),
            home.profiles_dir().join(file),
        );
        std::fs::copy(from, to).unwrap();
    }
    assert!(home.read_profile("bob").login.is_err());
    assert!(is_locked(&home));
    unlock(&home, &pass()).unwrap();
    assert_eq!(held(&home, "bob"), "rt_FAKE_bob_11");
    profiles::write_login(&home, &name("plain"), &login("plain", 3), noon()).unwrap();
    let left = readable(&home);
    assert!(
        left.iter().all(|path| path.starts_with("router/backups")),
        "{left:?}"
    );
    assert_eq!(held(&home, "plain"), "rt_FAKE_plain_3");
}

#[test]
fn what_no_key_opens_is_set_aside_and_accounts_can_be_added_again() {
    let home = full_home();
    assert!(matches!(set_aside(&home, noon()), Err(VaultError::Off)));
    turn_on_cheaply(&home);
    let other = another_process(&home);
    home.vault().state().held = None;
    assert!(matches!(
        set_aside(&other, noon()),
        Err(VaultError::KeyIsHere)
    ));
    let (main, copy) = (
        home.router_dir().join("vault.json"),
        home.profiles_dir().join(".vault.json"),
    );
    let kept = std::fs::read(&main).unwrap();
    std::fs::write(&main, "{").unwrap();
    std::fs::remove_file(&copy).unwrap();
    let sealed = readable_when_open(&home);
    let moved = set_aside(&other, noon()).unwrap();
    assert_eq!((moved.count, moved.failed), (sealed.len() + 1, Vec::new()));
    let aside = home.router_dir().join("unopened/20261120T120000.000Z");
    assert_eq!(std::fs::read_dir(&aside).unwrap().count(), sealed.len() + 1);
    profiles::create(&other, &name("new"), &login("new", 1)).unwrap();
    assert_eq!(held(&other, "new"), "rt_FAKE_new_1");
    assert!(!status(&other).unwrap().is_key_gone);
    assert!(!says_on(&other.vault().lock_file().unwrap()).unwrap());

    // Found again after all: nothing was lost.
    std::fs::write(&main, kept).unwrap();
    std::fs::copy(
        aside.join("profiles+bob+auth.json"),
        home.profiles_dir().join("bob/auth.json"),
    )
    .unwrap();
    let other = another_process(&home);
    unlock(&other, &pass()).unwrap();
    assert_eq!(held(&other, "bob"), "rt_FAKE_bob_11");
}

#[test]
fn the_key_file_of_a_newer_version_is_left_alone() {
    let home = full_home();
    turn_on_cheaply(&home);
    let main = home.router_dir().join("vault.json");
    let text = std::fs::read_to_string(&main).unwrap();
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert_ne!(newer, text);
    std::fs::write(&main, &newer).unwrap();
    unlock(&another_process(&home), &pass()).unwrap();
    assert_eq!(std::fs::read_to_string(&main).unwrap(), newer);
}

#[test]
fn a_live_file_that_is_a_link_to_somewhere_else_in_the_home_is_no_obstacle_and_stays_plain() {
    let home = full_home();
    let target = home.root().join("mine.json");
    std::fs::rename(home.live_auth(), &target).unwrap();
    std::os::unix::fs::symlink("mine.json", home.live_auth()).unwrap();
    turn_on_cheaply(&home);
    switch::switch(&home, &name("bob"), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_bob_11");
    assert!(!is_sealed(&std::fs::read(&target).unwrap()));
}

#[test]
fn what_cannot_be_read_is_counted_apart_and_keeps_the_key() {
    let home = full_home();
    turn_on_cheaply(&home);
    let huge = home.profiles_dir().join("bob/auth.json");
    let kept = std::fs::read(&huge).unwrap();
    std::fs::write(&huge, vec![b'x'; 2 << 20]).unwrap();
    let counted = status(&home).unwrap();
    assert_eq!((counted.sealed, counted.plain, counted.unseen), (7, 0, 1));
    let changed = turn_off(&home).unwrap();
    assert_eq!((changed.count, changed.failed.len()), (7, 1));
    std::fs::write(&huge, kept).unwrap();
    assert_eq!(held(&home, "bob"), "rt_FAKE_bob_11");
}

#[test]
fn a_login_is_not_exchanged_under_a_codex_that_uses_the_folder_as_its_home() {
    let home = full_home();
    let theirs = File::create(home.profiles_dir().join("bob/auth.lock")).unwrap();
    theirs.lock().unwrap();
    let changed = turn_on_cheaply(&home);
    assert_eq!((changed.count, changed.failed.len()), (7, 1));
    assert!(!is_sealed(
        &std::fs::read(home.profiles_dir().join("bob/auth.json")).unwrap()
    ));
    theirs.unlock().unwrap();
    assert_eq!(turn_on_cheaply(&home).count, 1);
}

/// There may be more accounts than files that a process may have open.
#[test]
#[cfg(target_os = "linux")]
fn one_directory_after_the_other_is_open() {
    let home = TestHome::new();
    for number in 0..40 {
        home.profile(&format!("n{number}"), &login(&format!("n{number}"), 1));
    }
    let is_here = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.and_then(|entry| std::fs::read_link(entry.path()));
        path.is_ok_and(|path| path.starts_with(home.root()))
    };
    let mut most = 0;
    let end = walk::walk(&home.folder().unwrap(), &mut |_| {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        most = most.max(open.map(is_here).filter(|is_here| *is_here).count());
        ControlFlow::Continue(())
    });
    assert!(end.is_continue());
    assert!((1..8).contains(&most), "{most}");
}

#[test]
fn a_damaged_file_is_told_as_one_and_keeps_the_key() {
    let home = full_home();
    turn_on_cheaply(&home);
    let path = home.profiles_dir().join("bob/auth.json");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let reason = home.read_profile("bob").login.unwrap_err();
    assert!(reason.to_string().contains("damaged"), "{reason}");
    profiles::write_login(&home, &name("bob"), &login("bob", 30), noon()).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let changed = turn_off(&home).unwrap();
    assert_eq!((changed.count, changed.failed.len()), (7, 1));
    assert!(home.router_dir().join("vault.json").exists());
    assert_eq!(held(&home, "ana"), "rt_FAKE_ana_10");
}

#[test]
fn nobody_changes_the_mode_under_somebody_else() {
    let home = full_home();
    // It has written, so it holds the mode.
    let other = another_process(&home);
    let refused = turn_on_at(&other, &pass(), CHEAP).unwrap_err();
    assert!(matches!(refused, VaultError::InUse), "{refused}");
    home.vault().state().held = None;
    let running = InstanceLock::take(&home).unwrap().unwrap();
    let refused = turn_on_at(&other, &pass(), CHEAP).unwrap_err();
    assert!(matches!(refused, VaultError::Running), "{refused}");
    drop(running);
    turn_on_cheaply(&other);
    // Whoever began before learns it with its first writing.
    let locked = profiles::write_login(&home, &name("bob"), &login("bob", 30), noon());
    assert!(matches!(locked, Err(StoreError::Locked)), "{locked:?}");
}

#[test]
fn a_live_file_that_is_a_link_into_a_profile_is_not_sealed_with_it() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let target = home.profiles_dir().join("work/auth.json");
    std::os::unix::fs::symlink(&target, home.live_auth()).unwrap();
    let refused = turn_on_at(&home, &pass(), CHEAP).unwrap_err();
    assert!(matches!(refused, VaultError::LiveInside(_)), "{refused}");
    assert!(!is_sealed(&std::fs::read(&target).unwrap()));
    assert!(!home.router_dir().join("vault.json").exists());
}

/// All of this as without encryption; no token in any file but the live one.
#[test]
fn switches_and_what_codex_rotated_go_through_sealed_files() {
    let home = full_home();
    turn_on_cheaply(&home);
    home.live(&login("ana", 15));
    let switched = switch::switch(&home, &name("bob"), noon()).unwrap();
    assert_eq!(switched.took_home, Some(name("ana")));
    assert_eq!(held(&home, "ana"), "rt_FAKE_ana_15");
    assert_eq!(home.live_token(), "rt_FAKE_bob_11");
    home.live(&login("bob", 16));
    assert_eq!(switch::take_home(&home, noon()).unwrap(), Some(name("bob")));
    assert_eq!(held(&home, "bob"), "rt_FAKE_bob_16");
    home.live(&login("stranger", 1));
    let switched = switch::switch(&home, &name("ana"), noon()).unwrap();
    let kept = switched.displaced.unwrap();
    assert!(is_sealed(&std::fs::read(kept).unwrap()));
    assert_eq!(readable(&home), [PathBuf::from("auth.json")]);
}

#[test]
fn a_refresh_is_saved_sealed_and_one_that_was_cut_off_is_finished() {
    let home = full_home();
    turn_on_cheaply(&home);
    let (ana, old) = (name("ana"), login("ana", 10).refresh_fingerprint().unwrap());
    // The leftover of `full_home` is what a kill has left behind.
    let other = another_process(&home);
    home::prepare(
        &other,
        std::time::SystemTime::now() + Duration::from_secs(999),
    )
    .unwrap();
    unlock(&other, &pass()).unwrap();
    home::prepare(
        &other,
        std::time::SystemTime::now() + Duration::from_secs(999),
    )
    .unwrap();
    let lock = AccountLock::take(&other, &login("ana", 10)).unwrap();
    drop(Rotation::begin(&other, lock, &ana, &old, noon()).unwrap());
    let profile = profiles::load(&other, &ana).unwrap();
    let successor = rotation::find_successor(&other, &profile).unwrap();
    assert!(successor.is_none_or(|found| token(&found) == "rt_FAKE_ana_12"));
    assert_eq!(held(&other, "ana"), "rt_FAKE_ana_12");

    let lock = AccountLock::take(&other, &login("ana", 12)).unwrap();
    let spent = login("ana", 12).refresh_fingerprint().unwrap();
    let mut rotation = Rotation::begin(&other, lock, &ana, &spent, noon()).unwrap();
    rotation.finish(&login("ana", 13), noon()).unwrap();
    drop(rotation);
    assert_eq!(held(&other, "ana"), "rt_FAKE_ana_13");
    assert_eq!(readable(&home), [PathBuf::from("auth.json")]);
}

#[test]
fn accounts_are_renamed_deleted_put_back_backed_up_and_imported_sealed() {
    let home = full_home();
    turn_on_cheaply(&home);
    let renamed = Renamed {
        from: name("bob"),
        to: name("rob"),
    };
    rename::rename(&home, &renamed).unwrap();
    let id = trash::delete(&home, &name("rob"), noon()).unwrap();
    let listed = trash::list(&home);
    assert!(listed.iter().all(|it| it.login.is_ok()), "{listed:?}");
    trash::restore(&home, &id, noon()).unwrap();
    assert_eq!(held(&home, "rob"), "rt_FAKE_bob_11");

    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("b");
    let other_pass = Secret::new("another horse");
    backup::write(&home, &[name("rob")], &file, &other_pass, false, noon()).unwrap();
    let opened = backup::open_file(&file, &other_pass, noon()).unwrap();
    assert_eq!(opened.accounts.len(), 1);

    let incoming = ["new", "rob"].map(|who| import::Incoming {
        name: name(who),
        login: login(if who == "rob" { "bob" } else { who }, 40),
        file: None,
        side: SideFile::default(),
    });
    import::write(&home, &incoming, noon(), |_, taken| {
        taken.unwrap();
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(held(&home, "new"), "rt_FAKE_new_40");
    assert_eq!(held(&home, "rob"), "rt_FAKE_bob_40");
    assert_eq!(readable(&home), [PathBuf::from("auth.json")]);
    assert!(matches!(read_live(&home), Live::Login(_)));
}

#[test]
fn a_sealed_file_that_is_imported_elsewhere_is_told_as_one() {
    let home = full_home();
    turn_on_cheaply(&home);
    let path = home.profiles_dir().join("bob/auth.json");
    let looked = import::paths(&[path], None, noon(), &mut |_| true);
    let reason = looked.found[0].candidate.login.as_ref().unwrap_err();
    assert!(reason.to_string().contains("encrypted"), "{reason}");
}

#[test]
fn a_folder_shows_no_key() {
    let home = full_home();
    turn_on_cheaply(&home);
    let told = format!("{:?}", home.folder().unwrap().child(PROFILES).unwrap());
    assert!(told.contains("Vault(…)"), "{told}");
}

#[test]
fn a_sealed_file_that_was_brought_into_a_plain_home_stops_nobody_from_writing() {
    let from = full_home();
    turn_on_cheaply(&from);
    let home = TestHome::new();
    home.profile("plain", &login("plain", 1));
    std::fs::create_dir(home.profiles_dir().join("bob")).unwrap();
    let bob = |home: &TestHome| home.profiles_dir().join("bob/auth.json");
    std::fs::copy(bob(&from), bob(&home)).unwrap();
    let reason = home.read_profile("bob").login.unwrap_err();
    assert!(reason.to_string().contains("vault.json"), "{reason}");
    profiles::write_login(&home, &name("plain"), &login("plain", 2), noon()).unwrap();
    assert_eq!(held(&home, "plain"), "rt_FAKE_plain_2");

    // Here it is of another key.
    let other = full_home();
    turn_on_cheaply(&other);
    std::fs::copy(bob(&from), bob(&other)).unwrap();
    let counted = status(&other).unwrap();
    assert_eq!((counted.sealed, counted.foreign), (8, 1));
    let moved = set_aside(&other, noon()).unwrap();
    assert_eq!((moved.count, moved.failed), (1, Vec::new()));
    assert!(status(&other).unwrap().is_on);
    assert_eq!(held(&other, "ana"), "rt_FAKE_ana_10");
    let again = set_aside(&other, noon()).unwrap_err();
    assert!(matches!(again, VaultError::KeyIsHere), "{again}");
}

#[test]
fn an_account_whose_proxy_nobody_can_read_any_more_is_held_back_and_not_sent_around_it() {
    let home = full_home();
    let plain = std::fs::read(home.profiles_dir().join("bob/auth.json")).unwrap();
    turn_on_cheaply(&home);
    std::fs::write(home.profiles_dir().join("bob/auth.json"), plain).unwrap();
    for gone in ["router/vault.json", "profiles/.vault.json"] {
        std::fs::remove_file(home.root().join(gone)).unwrap();
    }
    home.vault().state().held = None;
    let other = another_process(&home);
    let moved = set_aside(&other, noon()).unwrap();
    assert!(moved.failed[0].contains("bob/router.json"), "{moved:?}");
    let bob = profiles::load(&other, &name("bob")).unwrap();
    assert!(bob.login.is_ok() && bob.side.is_broken());
}

#[test]
fn where_something_cannot_be_looked_at_no_new_key_is_made() {
    let home = full_home();
    std::fs::write(
        home.profiles_dir().join("bob/auth.json"),
        vec![b'x'; 2 << 20],
    )
    .unwrap();
    let refused = turn_on_at(&home, &pass(), CHEAP).unwrap_err();
    assert!(matches!(refused, VaultError::Unseen(_)), "{refused}");
    assert!(!home.router_dir().join("vault.json").exists());
}
