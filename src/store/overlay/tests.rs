use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::store::switch;
use crate::store::testing::{TestHome, login, mode_of, name, noon};

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
