//! `rename`, `delete` and `trash restore`, struck at every call.

use std::fs;

use codex_router::simulator::Account;
use serde_json::Value;

use super::{
    points::{Story, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

/// Where it lies in the trash.
const TRASHED: &str = "router/trash/work-20261120T120000.000Z";

/// An account whose login was renewed since it was saved, beside another one.
struct Scene {
    saved: String,
    newest: String,
    other: String,
}

impl Scene {
    fn of(stage: &Stage) -> Self {
        let sim = &stage.rig.sim;
        for account in ["work", "home"] {
            sim.add(Account::chatgpt(account));
        }
        let saved = sim.auth_json("work");
        Self {
            saved,
            newest: sim.rotate_as_cli("work"),
            other: sim.auth_json("home"),
        }
    }

    fn precious(&self) -> Vec<String> {
        [&self.newest, &self.other]
            .map(|login| refresh_token_in(login))
            .into()
    }

    /// Writes the profile `work` with a word of ours and a backup.
    fn write_work(&self, home: &Home, folder: &str, backups: &str, login: &str) {
        let folder = home.path().join(folder);
        home.write(&folder.join("auth.json"), login);
        home.write(&folder.join("router.json"), "{\"label\": \"Work\"}\n");
        let backup = home
            .path()
            .join(backups)
            .join("20261119T120000.000Z-0.json");
        home.write(&backup, "{}");
    }

    /// What is wrong with the one in this directory, and with the other one.
    fn check(&self, home: &Home, folder: &str) -> Result<(), String> {
        let folder = home.path().join(folder);
        if tokens_at(&folder.join("auth.json")) != tokens_in(&self.newest) {
            return Err(format!("{folder:?} has not the newest login"));
        }
        let side = fs::read_to_string(folder.join("router.json")).unwrap_or_default();
        if !side.contains("\"Work\"") {
            return Err(format!("what was said about it is gone: {side:?}"));
        }
        match tokens_at(&home.profile_path("home")) == tokens_in(&self.other) {
            true => Ok(()),
            false => Err("the other account is not as it was".into()),
        }
    }
}

fn was_done_before(again: &Ended) -> bool {
    again.stderr.contains("there is no account \"work\"")
}

/// What there is of an account goes by another name.
struct Rename(Scene);

impl Story for Rename {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["rename", "work", "team"]
    }

    fn begin(&self, home: &Home) {
        home.write(&home.live_path(), &self.0.newest);
        home.write(&home.profile_path("home"), &self.0.other);
        let (folder, backups) = ("profiles/work", "router/backups/work");
        self.0.write_work(home, folder, backups, &self.0.newest);
        home.write(&home.path().join(".current_profile"), "work");
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        self.0.precious()
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        [&self.0.newest, &self.0.newest].map(|login| tokens_in(login))
    }

    fn was_done_before(&self, again: &Ended) -> bool {
        was_done_before(again)
    }

    fn check_done(&self, home: &Home, _start: &(), said: &Ended) -> Result<(), String> {
        self.0.check(home, "profiles/team")?;
        let path = |below: &str| home.path().join(below);
        let current = fs::read_to_string(path(".current_profile")).unwrap_or_default();
        let backups = path("router/backups/team").is_dir();
        // Or it is seen to by the next program that stays, or the user knows.
        let renames = fs::read_to_string(path("router/renames.json")).unwrap_or_default();
        let is_told = renames.contains("\"team\"") || said.stdout.contains("by the old name");
        if path("profiles/work").exists() {
            return Err("it is there under both names".into());
        }
        match (current == "team" && backups) || is_told {
            true => Ok(()),
            false => Err(format!("selected: {current:?}, backups: {backups}")),
        }
    }
}

/// An account goes into the trash while Codex has a newer login of it.
struct Delete(Scene);

impl Story for Delete {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["delete", "work", "--yes"]
    }

    fn begin(&self, home: &Home) {
        home.write(&home.live_path(), &self.0.newest);
        home.write(&home.profile_path("home"), &self.0.other);
        let (folder, backups) = ("profiles/work", "router/backups/work");
        self.0.write_work(home, folder, backups, &self.0.saved);
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        self.0.precious()
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        [&self.0.newest, &self.0.newest].map(|login| tokens_in(login))
    }

    fn was_done_before(&self, again: &Ended) -> bool {
        was_done_before(again)
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        if home.path().join("profiles/work").exists() {
            return Err("it is there still".into());
        }
        let trash = home.path().join("router/trash");
        let entries = fs::read_dir(trash).map_err(|err| err.to_string())?;
        let entries: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        match entries.as_slice() {
            [one] => {
                let folder = format!("router/trash/{}", one.display());
                let login = tokens_at(&home.path().join(&folder).join("auth.json"));
                // Where Codex's own could not be read: it is looked for again when the account comes back.
                match login == tokens_in(&self.0.saved) {
                    true => Ok(()),
                    false => self.0.check(home, &folder),
                }
            }
            _ => Err(format!("in the trash: {entries:?}")),
        }
    }
}

/// An account comes back. What was made of its login lies among those that were kept aside, and Codex has the spent one.
struct Restore(Scene);

impl Story for Restore {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["trash", "restore", "work"]
    }

    fn begin(&self, home: &Home) {
        home.write(&home.live_path(), &self.0.saved);
        home.write(&home.profile_path("home"), &self.0.other);
        let backups = format!("{TRASHED}/backups");
        self.0.write_work(home, TRASHED, &backups, &self.0.saved);
        let aside = "router/displaced/20261121T120000.000Z-01234567.json";
        home.write(&home.path().join(aside), &self.0.newest);
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        // The older one becomes a backup: nobody but the issuer knows that it is spent.
        let older = refresh_token_in(&self.0.saved);
        self.0.precious().into_iter().chain([older]).collect()
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        [&self.0.saved, &self.0.newest].map(|login| tokens_in(login))
    }

    fn was_done_before(&self, again: &Ended) -> bool {
        again
            .stderr
            .contains("nothing called \"work\" in the trash")
    }

    fn check_done(&self, home: &Home, _start: &(), said: &Ended) -> Result<(), String> {
        self.0.check(home, "profiles/work")?;
        if home.path().join(TRASHED).exists() {
            return Err("it is in the trash as well".into());
        }
        let is_live = tokens_at(&home.live_path()) == tokens_in(&self.0.newest);
        // The note is for the next refresh.
        let side = home.path().join("profiles/work/router.json");
        let side = fs::read_to_string(side).unwrap_or_default();
        match is_live || side.contains("refresh_intent") {
            true => Ok(()),
            false => Err(format!(
                "Codex keeps a spent token, and nobody knows: {said:?}"
            )),
        }
    }
}

#[test]
fn a_rename_that_is_killed_anywhere_leaves_one_whole_account() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Rename(Scene::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_rename_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Rename(Scene::of(&stage)));
}

#[test]
fn a_delete_that_is_killed_anywhere_leaves_the_newest_login_here_or_in_the_trash() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Delete(Scene::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_delete_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Delete(Scene::of(&stage)));
}

#[test]
fn a_putting_back_that_is_killed_anywhere_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Restore(Scene::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_putting_back_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Restore(Scene::of(&stage)));
}
