//! The order in which a login gets to the disk, and who may read it on the way.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{
    call::Call,
    is_whole,
    points::{Story, check_modes},
    saving::Save,
    stage::{Home, Stage},
    switching::Switch,
    tell,
    tracer::{Onlooker, Watcher},
};

#[test]
fn a_login_is_on_the_disk_before_it_takes_its_place_and_its_place_is_too() {
    let Some(stage) = Stage::set_up() else { return };
    let rotated = ["auth.json", "profiles/work", "router/backups/work"];
    check_order(&stage, &Switch::from_a_rotated_login(&stage), &rotated);
    let stranger = ["auth.json", "router/displaced"];
    check_order(&stage, &Switch::from_a_stranger(&stage), &stranger);
    let saved = ["profiles/stranger"];
    check_order(&stage, &Save::of_a_stranger(&stage), &saved);
}

#[test]
fn no_file_is_open_to_others_for_an_instant_whatever_the_umask() {
    let Some(stage) = Stage::set_up() else { return };
    let switch = Switch::from_a_rotated_login(&stage);
    let save = Save::of_a_stranger(&stage);
    let enough = if is_whole() { 1_000 } else { 40 };
    let mut made = 0;
    while made < enough {
        for umask in ["000", "077"] {
            made += check_creation(&stage, &switch, umask);
            made += check_creation(&stage, &save, umask);
        }
    }
    tell(&format!(
        "{made} files and directories made, none open to others"
    ));
}

#[test]
fn a_login_that_others_could_read_is_closed_to_them() {
    let Some(stage) = Stage::set_up() else { return };
    let home = stage.home();
    let story = Switch::from_a_rotated_login(&stage);
    story.begin(&home);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&home.live_path(), 0o644);
    for name in ["work", "home"] {
        open(&home.profile_path(name), 0o644);
        open(home.profile_path(name).parent().unwrap(), 0o755);
    }
    open(&home.path().join("profiles"), 0o755);
    let listed = stage.run(&home, &["list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    check_modes(&home).unwrap();
}

/// Each file that takes another's place was written and synced before, and its directory is synced next; so is one in which a
/// directory was made. At least these files, or a file in these directories, are written.
fn check_order<S: Story>(stage: &Stage, story: &S, expected: &[&str]) {
    let home = stage.home();
    story.begin(&home);
    let (traced, ended) = stage.trace(&home, story.asked(), &mut Onlooker);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let changes: Vec<&Call> = traced.calls.iter().filter(|call| call.changes).collect();
    let mut replaced = BTreeSet::new();
    for (number, call) in changes.iter().enumerate() {
        let parent = |path: &Path| path.parent().unwrap_or(Path::new("")).to_owned();
        let after = changes[number + 1..]
            .iter()
            .find(|later| later.thread == call.thread);
        let is_synced_next = |directory: &Path| {
            after.is_some_and(|next| next.name == "fsync" && next.path == directory)
        };
        match &call.to {
            Some(to) => {
                let before: Vec<_> = changes[..number]
                    .iter()
                    .filter(|earlier| earlier.path == call.path)
                    .map(|earlier| earlier.name)
                    .collect();
                let right = ["openat", "fchmod", "write", "ftruncate", "fsync"];
                assert_eq!(before, right, "before {call}");
                assert!(is_synced_next(&parent(to)), "after {call}: {after:?}");
                assert_eq!(parent(to), parent(&call.path), "{call}");
                replaced.insert(to.clone());
            }
            None if call.name == "mkdirat" => {
                assert!(is_synced_next(&parent(&call.path)), "after {call}");
            }
            None => {}
        }
    }
    for expected in expected.iter().map(PathBuf::from) {
        let is_there = replaced.iter().any(|path| path.starts_with(&expected));
        assert!(is_there, "{expected:?} is not among {replaced:?}");
    }
}

/// How many files and directories were made.
fn check_creation<S: Story>(stage: &Stage, story: &S, umask: &str) -> usize {
    let home = stage.home();
    story.begin(&home);
    let mut modes = Modes {
        home: &home,
        made: 0,
    };
    let (_, ended) = stage.trace_under(&home, story.asked(), umask, &mut modes);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let made = modes.made;
    check_modes(&home).unwrap();
    made
}

/// Looks at what was made before the program can do anything more about it.
struct Modes<'a> {
    home: &'a Home,
    made: usize,
}

impl Watcher for Modes<'_> {
    fn returned(&mut self, call: &Call) {
        if !call.makes || !call.is_done() {
            return;
        }
        self.made += 1;
        let meta = fs::metadata(self.home.path().join(&call.path)).unwrap();
        let widest = if meta.is_dir() { 0o700 } else { 0o600 };
        let mode = meta.mode() & 0o777;
        assert_eq!(mode & !widest, 0, "{call} with mode {mode:o}");
    }
}
