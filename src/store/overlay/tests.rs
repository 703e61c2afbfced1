use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::store::locks::AccountLock;
use crate::store::rename::{self, Renamed};
use crate::store::rotation::Replaced;
use crate::store::testing::{TestHome, login, login_with, mode_of, name, noon};
use crate::store::{rotation, switch, trash};

/// A home in which `work` (of ana) is a profile and `spare` (of bob) is live and a profile.
fn home() -> TestHome {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    home.profile("spare", &login("bob", 1));
    home.live(&login("bob", 1));
    crate::store::prepare(&home, noon()).unwrap();
    home
}

fn open(home: &Home, account: &str) -> Overlay {
    Overlay::open(home, &name(account), None, noon()).unwrap()
}

fn write(overlay: &Overlay, login: &AuthFile) {
    fs::write(overlay.root().join("auth.json"), login.to_bytes()).unwrap();
}

fn token_in(folder: &Path) -> String {
    let text = fs::read(folder.join("auth.json")).unwrap();
    let login = AuthFile::parse(&text).unwrap();
    let chatgpt = login.chatgpt().unwrap().clone();
    chatgpt.refresh_token.unwrap().expose().to_owned()
}

#[test]
fn an_overlay_has_a_login_of_its_own_and_shares_everything_else() {
    let home = home();
    fs::write(home.root().join("config.toml"), "model = \"x\"\n").unwrap();
    fs::create_dir(home.root().join("zz_future")).unwrap();
    let overlay = open(&home, "work");
    assert_eq!(mode_of(overlay.root()), 0o700);
    assert_eq!(mode_of(&overlay.root().join("auth.json")), 0o600);
    assert_eq!(token_in(overlay.root()), "rt_FAKE_ana_1");
    for shared in ["config.toml", "sessions", "skills", "zz_future"] {
        assert!(overlay.root().join(shared).is_symlink(), "{shared}");
    }
    for own in ["profiles", "router", "auth.json"] {
        assert!(!overlay.root().join(own).is_symlink(), "{own}");
    }
    fs::write(overlay.root().join("sessions/one.jsonl"), "{}").unwrap();
    assert!(home.root().join("sessions/one.jsonl").exists());
    fs::write(overlay.root().join("history.jsonl"), "{}").unwrap();
    assert!(home.root().join("history.jsonl").exists());
    overlay.close(noon()).unwrap();
    assert_eq!(
        home.live_token(),
        "rt_FAKE_bob_1",
        "the live login is another matter"
    );
}

#[test]
fn what_was_rotated_in_there_is_taken_home_at_the_end_and_no_login_stays() {
    let home = home();
    let overlay = open(&home, "work");
    let root = overlay.root().to_owned();
    write(&overlay, &login("ana", 2));
    fs::write(root.join("made-in-there.txt"), "x").unwrap();
    let taken = overlay.close(noon()).unwrap();
    assert_eq!(taken.took_home, Some(name("work")));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert!(!root.join("auth.json").exists());
    assert!(home.root().join("made-in-there.txt").exists());
    assert_eq!(taken.kept, None);
}

#[test]
fn a_database_goes_home_with_what_lies_beside_it_and_never_without() {
    let home = home();
    let overlay = open(&home, "work");
    let root = overlay.root().to_owned();
    let beside = ["db.sqlite", "db.sqlite-wal", "db.sqlite-shm"];
    let write_all = |folder: &Path, text: &str| {
        fs::create_dir_all(folder).unwrap();
        for name in beside {
            fs::write(folder.join(name), text).unwrap();
        }
    };
    let read_all = |folder: &Path| beside.map(|name| fs::read_to_string(folder.join(name)).ok());
    write_all(&root, "made in there");
    write_all(&root.join("plugins"), "made in there");
    assert_eq!(overlay.close(noon()).unwrap().kept, None);
    let all_of = |text: &str| beside.map(|_| Some(text.to_owned()));
    for folder in [home.root().to_owned(), home.root().join("plugins")] {
        assert_eq!(read_all(&folder), all_of("made in there"));
    }
    assert_eq!(read_all(&root), [None, None, None]);

    // Where there is one already, both stay whole.
    let overlay = open(&home, "spare");
    let root = overlay.root().to_owned();
    fs::remove_file(root.join("db.sqlite")).unwrap();
    write_all(&root, "another");
    let kept = overlay.close(noon()).unwrap().kept.unwrap();
    assert_eq!(read_all(home.root()), all_of("made in there"));
    assert_eq!(read_all(&kept), all_of("another"));
    assert_eq!(read_all(&root), [None, None, None]);
}

#[test]
fn what_codex_makes_only_in_a_terminal_is_in_the_real_home_afterwards() {
    let home = home();
    let overlay = open(&home, "work");
    for made in [
        "plugins/cache/one.json",
        "skills/new/SKILL.md",
        "memories/one.md",
        "session_index.jsonl",
    ] {
        let file = overlay.root().join(made);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, made).unwrap();
    }
    // Of a terminal that was killed.
    drop(overlay);
    sweep(&home, noon()).unwrap();
    for made in [
        "plugins/cache/one.json",
        "skills/new/SKILL.md",
        "memories/one.md",
        "session_index.jsonl",
    ] {
        assert_eq!(fs::read_to_string(home.root().join(made)).unwrap(), made);
    }
}

#[test]
fn what_cannot_be_moved_keeps_no_login_in_the_terminal() {
    let home = home();
    let overlay = open(&home, "work");
    let root = overlay.root().to_owned();
    write(&overlay, &login("ana", 2));
    fs::create_dir(root.join("plugins")).unwrap();
    fs::write(root.join("plugins/one"), "made in there").unwrap();
    // Where it would go nothing can be made.
    fs::create_dir(home.root().join("plugins")).unwrap();
    fs::write(home.root().join("plugins/one"), "another").unwrap();
    fs::write(home.router_dir().join("overlay-files"), "in the way").unwrap();
    overlay.close(noon()).unwrap_err();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert!(!root.join("auth.json").exists());
    let stays = fs::read_to_string(root.join("plugins/one")).unwrap();
    assert_eq!(stays, "made in there");
    // The next start tries again.
    fs::remove_file(home.router_dir().join("overlay-files")).unwrap();
    sweep(&home, noon()).unwrap();
    assert!(!root.join("plugins/one").exists());
    let aside = fs::read_dir(home.router_dir().join("overlay-files")).unwrap();
    assert_eq!(aside.count(), 1);
}

#[test]
fn a_killed_terminal_loses_nothing() {
    let home = home();
    let overlay = open(&home, "work");
    write(&overlay, &login("ana", 2));
    let root = overlay.root().to_owned();
    drop(overlay); // nothing is done at its end
    assert!(root.join("auth.json").exists());
    sweep(&home, noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert!(!root.join("auth.json").exists());
}

#[test]
fn two_terminals_of_one_account_share_one_login_and_the_last_one_takes_it_out() {
    let home = home();
    let (first, second) = (open(&home, "work"), open(&home, "work"));
    assert_eq!(first.root(), second.root());
    let root = first.root().to_owned();
    sweep(&home, noon()).unwrap();
    first.close(noon()).unwrap();
    assert!(root.join("auth.json").exists(), "the second one works on");
    write(&second, &login("ana", 3));
    second.close(noon()).unwrap();
    assert!(!root.join("auth.json").exists());
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_3");
}

#[test]
fn a_program_that_inherited_the_lock_keeps_the_login_there() {
    let home = home();
    let overlay = open(&home, "work");
    let inherited = overlay.lock().try_clone().unwrap();
    let root = overlay.root().to_owned();
    overlay.close(noon()).unwrap();
    assert!(root.join("auth.json").exists());
    drop(inherited);
    sweep(&home, noon()).unwrap();
    assert!(!root.join("auth.json").exists());
}

#[test]
fn a_refresh_elsewhere_adopts_what_was_rotated_in_a_terminal() {
    let home = home();
    let overlay = open(&home, "work");
    write(&overlay, &login("ana", 2));
    let profile = profiles::load(&home, &name("work")).unwrap();
    let newer = rotation::find_newer(&home, &profile).unwrap();
    assert!(newer.same_login(&login("ana", 2)));
    let held = profiles::load_all(&home).unwrap().profiles;
    assert!(is_ahead(&home, &held));
    assert_eq!(take_home(&home, noon()).unwrap(), [name("work")]);
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert!(!is_ahead(
        &home,
        &profiles::load_all(&home).unwrap().profiles
    ));
}

#[test]
fn what_was_rotated_elsewhere_reaches_the_terminal() {
    let home = home();
    let overlay = open(&home, "spare");
    // The live file's own Codex rotates.
    home.live(&login("bob", 2));
    switch::take_home(&home, noon()).unwrap();
    assert_eq!(token_in(overlay.root()), "rt_FAKE_bob_2");
    // Our refresher does.
    let spent = login("bob", 2).refresh_fingerprint().unwrap();
    let spent = Replaced::redeemed(&spent, &[]);
    assert!(rotation::publish(&home, &spent, &login("bob", 3), noon()).unwrap());
    assert_eq!(token_in(overlay.root()), "rt_FAKE_bob_3");
    assert_eq!(home.live_token(), "rt_FAKE_bob_3");
    // The terminal's Codex does, and the live file holds the same account.
    home.profile("spare", &login("bob", 3));
    write(&overlay, &login("bob", 4));
    assert_eq!(overlay.reconcile(noon()).unwrap(), Some(name("spare")));
    assert_eq!(home.live_token(), "rt_FAKE_bob_4");
}

#[test]
fn an_account_that_signed_in_inside_is_kept_and_the_next_terminal_has_the_right_one() {
    let home = home();
    let overlay = open(&home, "work");
    write(&overlay, &login("cleo", 1));
    overlay.close(noon()).unwrap();
    assert_eq!(fs::read_dir(home.displaced_dir()).unwrap().count(), 1);
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
    let overlay = open(&home, "work");
    assert_eq!(token_in(overlay.root()), "rt_FAKE_ana_1");
}

#[test]
fn settings_of_its_own_are_no_link_and_what_changed_in_them_is_kept() {
    let home = home();
    fs::write(home.root().join("config.toml"), "openai_base_url = \"r\"\n").unwrap();
    let own = || Overlay::open(&home, &name("work"), Some("# own\n"), noon()).unwrap();
    let overlay = own();
    let config = overlay.root().join("config.toml");
    assert_eq!(fs::read_to_string(&config).unwrap(), "# own\n");
    assert_eq!(overlay.close(noon()).unwrap().kept, None);
    assert!(!config.exists());
    let overlay = own();
    fs::write(&config, "# own\nmodel = \"x\"\n").unwrap();
    let kept = overlay.close(noon()).unwrap().kept.unwrap();
    let text = fs::read_to_string(kept.join("config.toml")).unwrap();
    assert_eq!(text, "# own\nmodel = \"x\"\n");
    let real = fs::read_to_string(home.root().join("config.toml")).unwrap();
    assert_eq!(real, "openai_base_url = \"r\"\n");
    // Without settings of its own the real ones are shared again.
    assert!(open(&home, "work").root().join("config.toml").is_symlink());
}

#[test]
fn our_own_home_behind_an_overlay_is_the_real_one() {
    let home = home();
    let overlay = open(&home, "work");
    let environment = crate::store::Environment::of([("CODEX_HOME", overlay.root())], None);
    assert_eq!(Home::find(&environment).unwrap().root(), home.root());
    let no_overlay = home.overlays_dir().join("nothing");
    fs::create_dir(&no_overlay).unwrap();
    fs::set_permissions(&no_overlay, fs::Permissions::from_mode(0o700)).unwrap();
    let environment = crate::store::Environment::of([("CODEX_HOME", &no_overlay)], None);
    assert_eq!(Home::find(&environment).unwrap().root(), no_overlay);
}

#[test]
fn an_account_without_a_login_for_codex_gets_no_terminal() {
    let home = home();
    let refused = Overlay::open(&home, &name("nobody"), None, noon()).unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchProfile(_)), "{refused}");
    home.profile_text("broken", b"{");
    let refused = Overlay::open(&home, &name("broken"), None, noon()).unwrap_err();
    assert!(
        matches!(refused, StoreError::UnreadableProfile { .. }),
        "{refused}"
    );
}

/// What is done while we wait, each at one wait; the last one first.
type Waits = Arc<Mutex<Vec<Box<dyn FnOnce() + Send>>>>;

/// A home in which something happens while we wait.
fn waiting_home(home: &TestHome) -> (Home, Waits) {
    let waits = Waits::default();
    let next = waits.clone();
    let waiting = home.with_pause(move |_| {
        let next = next.lock().unwrap().pop();
        if let Some(act) = next {
            act();
        }
    });
    (waiting, waits)
}

fn auth_of(overlay: &Overlay) -> PathBuf {
    overlay.root().join("auth.json")
}

fn rename_to(home: &Home, from: &str, to: &str) {
    let renamed = Renamed {
        from: name(from),
        to: name(to),
    };
    rename::rename(home, &renamed).unwrap();
}

#[test]
fn a_terminal_keeps_its_account_when_its_name_goes_to_another_one() {
    let home = home();
    let overlay = open(&home, "work");
    rename_to(&home, "work", "team");
    home.profile("work", &login("cleo", 1));
    write(&overlay, &login("ana", 2));
    assert_eq!(overlay.reconcile(noon()).unwrap(), Some(name("team")));
    assert_eq!(overlay.account().unwrap(), Some(name("team")));
    assert_eq!(token_in(overlay.root()), "rt_FAKE_ana_2");
    // The other account has a terminal of its own, and the first one is not touched.
    let other = open(&home, "work");
    assert_eq!(token_in(other.root()), "rt_FAKE_cleo_1");
    assert_eq!(token_in(overlay.root()), "rt_FAKE_ana_2");
    // A second terminal of the renamed account shares its login.
    let second = open(&home, "team");
    assert_eq!(second.root(), overlay.root());
    drop(second);
    write(&overlay, &login("ana", 3));
    write(&other, &login("cleo", 3));
    overlay.close(noon()).unwrap();
    other.close(noon()).unwrap();
    assert_eq!(home.token_of("team"), "rt_FAKE_ana_3");
    assert_eq!(home.token_of("work"), "rt_FAKE_cleo_3");
    assert!(home.displaced().is_empty());
}

#[test]
fn what_a_terminal_of_a_deleted_account_renews_is_in_the_trash_and_comes_back() {
    let home = home();
    home.live(&login("ana", 1));
    let overlay = open(&home, "work");
    write(&overlay, &login("ana", 2));
    let id = trash::delete(&home, &name("work"), noon()).unwrap();
    let trashed = home.trash_dir().join(&id);
    assert_eq!(token_in(&trashed), "rt_FAKE_ana_2");
    write(&overlay, &login("ana", 3));
    assert_eq!(overlay.reconcile(noon()).unwrap(), None);
    assert_eq!(token_in(&trashed), "rt_FAKE_ana_3");
    assert_eq!(home.live_token(), "rt_FAKE_ana_3");
    // Its name is another account's by now.
    home.profile("work", &login("cleo", 1));
    write(&overlay, &login("ana", 4));
    let auth = auth_of(&overlay);
    overlay.close(noon()).unwrap();
    assert!(!auth.exists());
    assert_eq!(token_in(&trashed), "rt_FAKE_ana_4");
    assert!(home.displaced().is_empty(), "it is kept in the trash");
    trash::restore(&home, &id, noon()).unwrap();
    assert_eq!(home.token_of("work-2"), "rt_FAKE_ana_4");
    assert_eq!(home.token_of("work"), "rt_FAKE_cleo_1");
}

#[test]
fn what_is_adopted_for_a_terminal_reaches_whoever_had_the_older_one() {
    let home = home();
    home.profile("spare", &login("ana", 2));
    home.live(&login("ana", 1));
    home.profile("third", &login("ana", 1));
    let overlay = open(&home, "work");
    assert_eq!(token_in(overlay.root()), "rt_FAKE_ana_2");
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_2");
    assert_eq!(home.token_of("third"), "rt_FAKE_ana_2");
    assert_eq!(home.live_token(), "rt_FAKE_ana_2");
}

#[test]
fn who_signed_in_as_somebody_else_in_a_terminal_stays_that_until_its_end() {
    let home = home();
    let overlay = open(&home, "work");
    write(&overlay, &login("cleo", 1));
    assert_eq!(overlay.reconcile(noon()).unwrap(), None);
    assert_eq!(token_in(overlay.root()), "rt_FAKE_cleo_1");
    let refused = Overlay::open(&home, &name("work"), None, noon()).unwrap_err();
    assert!(
        refused.to_string().contains("close that terminal first"),
        "{refused}"
    );
    assert_eq!(token_in(overlay.root()), "rt_FAKE_cleo_1");
    // Somebody made an account of it meanwhile.
    home.profile("cleo", &login("cleo", 1));
    write(&overlay, &login("cleo", 2));
    overlay.close(noon()).unwrap();
    assert_eq!(home.token_of("cleo"), "rt_FAKE_cleo_2");
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
    assert_eq!(token_in(open(&home, "work").root()), "rt_FAKE_ana_1");
}

#[test]
fn who_signed_out_in_a_terminal_stays_signed_out_until_the_next_one() {
    let home = home();
    let overlay = open(&home, "work");
    fs::remove_file(auth_of(&overlay)).unwrap();
    assert_eq!(overlay.reconcile(noon()).unwrap(), None);
    assert!(!auth_of(&overlay).exists());
    assert_eq!(token_in(open(&home, "work").root()), "rt_FAKE_ana_1");
}

#[test]
fn a_login_of_which_nothing_says_that_it_is_older_is_kept_when_it_goes() {
    let home = home();
    let overlay = open(&home, "work");
    let other = json!({"tokens": {
        "id_token": login("ana", 1).chatgpt().unwrap().access_token.expose(),
        "access_token": login("ana", 1).chatgpt().unwrap().access_token.expose(),
        "refresh_token": "rt_FAKE_another", "account_id": "ws-1"
    }});
    write(&overlay, &login_with("ana", 1, other));
    let auth = auth_of(&overlay);
    overlay.close(noon()).unwrap();
    assert!(!auth.exists());
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
    let [kept] = &home.displaced()[..] else {
        panic!("one");
    };
    assert!(String::from_utf8_lossy(kept).contains("rt_FAKE_another"));
}

#[test]
fn what_codex_writes_while_we_wait_for_its_locks_is_not_written_over() {
    let home = home();
    let (waiting, waits) = waiting_home(&home);
    let overlay = Overlay::open(&waiting, &name("work"), None, noon()).unwrap();
    home.profile("work", &login("ana", 2));
    let theirs = File::open(overlay.root().join("auth.lock")).unwrap();
    theirs.lock().unwrap();
    let auth = auth_of(&overlay);
    waits.lock().unwrap().push(Box::new(move || {
        fs::write(auth, login("ana", 3).to_bytes()).unwrap();
        drop(theirs);
    }));
    overlay.reconcile(noon()).unwrap();
    assert!(waits.lock().unwrap().is_empty(), "it waited");
    assert_eq!(token_in(overlay.root()), "rt_FAKE_ana_3");
    overlay.reconcile(noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_3");
}

#[test]
fn what_codex_writes_right_before_the_end_is_taken_home_as_well() {
    let home = home();
    let (waiting, waits) = waiting_home(&home);
    let overlay = Overlay::open(&waiting, &name("work"), None, noon()).unwrap();
    let theirs = File::open(overlay.root().join("auth.lock")).unwrap();
    theirs.lock().unwrap();
    let auth = auth_of(&overlay);
    let written = auth.clone();
    waits.lock().unwrap().push(Box::new(move || {
        fs::write(written, login("ana", 3).to_bytes()).unwrap();
        drop(theirs);
    }));
    let taken = overlay.close(noon()).unwrap();
    assert_eq!(taken.took_home, Some(name("work")));
    assert!(!auth.exists());
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_3");
}

#[test]
fn a_login_that_is_another_accounts_after_the_wait_is_locked_as_such() {
    let home = home();
    home.profile("third", &login("cleo", 1));
    let (waiting, waits) = waiting_home(&home);
    let overlay = Overlay::open(&waiting, &name("work"), None, noon()).unwrap();
    write(&overlay, &login("ana", 2));
    let ana = AccountLock::take(&home, &login("ana", 1)).unwrap();
    let cleo = AccountLock::take(&home, &login("cleo", 1)).unwrap();
    let auth = auth_of(&overlay);
    let third = home.profiles_dir().join("third/auth.json");
    let mut waits_now = waits.lock().unwrap();
    // The last one is first.
    waits_now.push(Box::new(move || {
        // Whoever holds the lock of an account may renew it.
        assert!(!String::from_utf8_lossy(&fs::read(third).unwrap()).contains("_2"));
        drop(cleo);
    }));
    waits_now.push(Box::new(move || {
        fs::write(auth, login("cleo", 2).to_bytes()).unwrap();
        drop(ana);
    }));
    drop(waits_now);
    assert_eq!(overlay.reconcile(noon()).unwrap(), Some(name("third")));
    assert!(waits.lock().unwrap().is_empty(), "it waited for both");
    assert_eq!(home.token_of("third"), "rt_FAKE_cleo_2");
}

#[test]
fn a_login_that_does_not_say_whose_it_is_gets_no_terminal() {
    let home = home();
    home.profile_text(
        "odd",
        br#"{"tokens": {"access_token": "at", "refresh_token": "rt_FAKE_odd", "id_token": "x"}}"#,
    );
    let refused = Overlay::open(&home, &name("odd"), None, noon()).unwrap_err();
    assert!(matches!(refused, StoreError::Nobodys(_)), "{refused}");
}

#[test]
fn what_a_terminal_holds_is_kept_where_the_newer_login_of_its_account_is_refused() {
    let home = home();
    let overlay = open(&home, "work");
    home.profile("work", &login("ana", 2));
    let refused = login("ana", 2).refresh_fingerprint();
    profiles::edit_side(&home, &name("work"), |side| {
        side.set_rejected(refused.as_ref());
    })
    .unwrap();
    let held = fs::read(auth_of(&overlay)).unwrap();
    overlay.close(noon()).unwrap();
    assert_eq!(home.displaced(), [held]);
}
