//! A disk that has no room, and one that may not be written: what cannot be kept is not begun, and everything is told.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use codex_router::simulator::Account;
use serde_json::Value;

use super::stage::{Home, Stage};
use crate::support::{Ended, Rig, skip, until};

/// Something mounted, until this is dropped.
struct Mount(PathBuf);

impl Mount {
    /// `None`: skipped, because this user may mount nothing.
    fn new(arguments: &[&str], place: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(arguments).arg(place).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(place.to_owned())),
            Ok(_) | Err(_) => {
                skip("nothing can be mounted here (it takes root)");
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Busy or not, it is gone for whoever comes later.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[track_caller]
fn assert_told(ended: &Ended, what: &str) {
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
    assert!(ended.stderr.contains("codex-router: "), "{ended:?}");
    assert!(ended.stderr.contains(what), "{what}: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
}

#[test]
fn on_a_full_disk_no_token_is_spent_and_the_router_goes_on_and_recovers() {
    let rig = Rig::start();
    let options = ["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"];
    let Some(_mount) = Mount::new(&options, &rig.home()) else {
        return;
    };
    rig.add("work", Account::chatgpt("work"));
    rig.sim.add(Account::api_key("spare"));
    rig.save("spare", &rig.sim.auth_json("spare"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let mut router = rig.serve();
    let base_url = router.base_url();
    assert!(rig.chat(&base_url, "hello").said().is_some());
    let files = || ["work", "spare"].map(|name| fs::read(rig.profile_path(name)).unwrap());
    let (live, profiles) = (fs::read(rig.live_path()).unwrap(), files());

    let filler = rig.home().join("filler");
    fill_up(&filler);
    assert_told(&rig.run(&["refresh", "work"]), "the disk is full");
    assert_told(&rig.run(&["use", "spare"]), "the disk is full");
    assert!(rig.chat(&base_url, "still there?").said().is_some());
    rig.sim.revoke_access("work");
    // It needs a new token now, and cannot have one; the other account answers or nobody does.
    rig.chat(&base_url, "and now?");
    assert_eq!(rig.sim.redeems("work"), 0, "the answer could not be saved");
    assert_eq!(fs::read(rig.live_path()).unwrap(), live);
    assert_eq!(files(), profiles);

    fs::remove_file(filler).unwrap();
    until("the login is renewed without being asked for", || {
        (rig.sim.redeems("work") == 1).then_some(())
    });
    let newest: Value = serde_json::from_str(&rig.sim.auth_json("work")).unwrap();
    until("it is saved in both places", || {
        let is_live = rig.live()["tokens"] == newest["tokens"];
        (is_live && rig.profile("work")["tokens"] == newest["tokens"]).then_some(())
    });
    let switched = rig.run(&["use", "spare"]);
    assert_eq!(switched.code, Some(0), "{switched:?}");
    assert_eq!(rig.sim.refused_redeems("work"), 0);
}

/// Until not even one byte fits, also where files were longer before.
fn fill_up(path: &Path) {
    use std::io::Write;
    let mut filler = fs::File::create(path).unwrap();
    let mut step = vec![b'x'; 64 * 1024];
    while !step.is_empty() {
        match filler.write(&step) {
            Ok(written) if written > 0 => {}
            Ok(_) | Err(_) => step.truncate(step.len() / 2),
        }
    }
}

/// Codex uses `work`; `home` is there, too.
fn fill(stage: &Stage, home: &Home) {
    for name in ["work", "home"] {
        stage.rig.sim.add(Account::chatgpt(name));
        home.write(&home.profile_path(name), &stage.rig.sim.auth_json(name));
    }
    home.write(&home.live_path(), &stage.rig.sim.auth_json("work"));
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn where_nothing_may_be_written_that_is_told_and_nothing_is_changed_or_spent() {
    let Some(stage) = Stage::set_up() else { return };
    let home = stage.home();
    fill(&stage, &home);
    // Makes everything that is made once.
    assert_eq!(stage.run(&home, &["use", "work"]).code, Some(0));
    for (closed, asked) in [
        ("", "use"),
        ("router/locks", "use"),
        ("", "refresh"),
        ("router/locks", "refresh"),
        ("profiles/work", "refresh"),
    ] {
        let path = home.path().join(closed);
        if closed == "router/locks" {
            // A lock that nobody took before would have to be made.
            fs::remove_dir_all(&path).unwrap();
            fs::create_dir(&path).unwrap();
            home.give(&path);
        }
        let logins = || {
            [home.live_path()]
                .into_iter()
                .chain(["work", "home"].map(|name| home.profile_path(name)))
                .map(|path| fs::read_to_string(path).unwrap())
                .collect::<Vec<_>>()
        };
        let before = logins();
        set_mode(&path, 0o500);
        let name = if asked == "use" { "home" } else { "work" };
        let ended = stage.run(&home, &[asked, name]);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        set_mode(&path, 0o700);
        assert_eq!(mode, 0o500, "{closed}: nobody asked for that");
        assert_told(&ended, "permission denied");
        assert!(logins() == before, "{closed}: {asked}");
        assert!(home.temporaries().is_empty());
    }
    assert_eq!(stage.rig.sim.redeems("work"), 0);

    set_mode(&home.live_path(), 0o400);
    assert_told(&stage.run(&home, &["use", "home"]), "write-protected");
    set_mode(&home.live_path(), 0o600);
    assert_eq!(stage.run(&home, &["use", "home"]).code, Some(0));
}

#[test]
fn a_disk_that_is_read_only_is_told() {
    let Some(stage) = Stage::set_up() else { return };
    let home = stage.home();
    fill(&stage, &home);
    assert_eq!(stage.run(&home, &["use", "work"]).code, Some(0));
    let path = home.path();
    let itself = path.to_str().unwrap();
    let Some(mount) = Mount::new(&["-o", "ro,bind", itself], &path) else {
        return;
    };
    for asked in [["use", "home"], ["refresh", "work"], ["save", "third"]] {
        let ended = stage.run(&home, &asked);
        assert_told(&ended, "the disk is read-only");
    }
    drop(mount);
    assert_eq!(stage.rig.sim.redeems("work"), 0);
    let switched = stage.run(&home, &["use", "home"]);
    assert_eq!(switched.code, Some(0), "{switched:?}");
}
