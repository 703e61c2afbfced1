//! `import FOLDER --yes` and `restore BACKUP --yes`, struck at every call.

use std::fs;

use codex_router::simulator::Account;
use serde_json::{Value, json};

use super::{
    backup,
    points::{Story, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

/// One login comes in, beside others that are there.
pub struct Import {
    /// What Codex and the profile `work` have.
    held: String,
    /// What comes in, and becomes this profile.
    incoming: (&'static str, String),
    /// What Codex has afterwards.
    live: String,
    other: String,
    from: From,
}

/// Out of what it comes. Both lie beside the home, where the program is started.
#[derive(Clone, Copy)]
enum From {
    Folder,
    Backup,
}

const PASSPHRASE: &str = "correct horse battery";

impl Import {
    /// Of an account that nobody has.
    pub fn of_a_new_account(stage: &Stage) -> Self {
        let sim = &stage.rig.sim;
        for account in ["work", "new", "home"] {
            sim.add(Account::chatgpt(account));
        }
        Self {
            held: sim.auth_json("work"),
            incoming: ("new", sim.auth_json("new")),
            live: sim.auth_json("work"),
            other: sim.auth_json("home"),
            from: From::Folder,
        }
    }

    /// Newer than what Codex and the profile of its account have.
    pub fn of_a_newer_login(stage: &Stage) -> Self {
        let sim = &stage.rig.sim;
        for account in ["work", "home"] {
            sim.add(Account::chatgpt(account));
        }
        let held = sim.auth_json("work");
        // Good until it expires: what looks at it meanwhile must not renew it.
        let newer = sim.rotate_as_cli("work");
        Self {
            held,
            incoming: ("work", newer.clone()),
            live: newer,
            other: sim.auth_json("home"),
            from: From::Folder,
        }
    }

    fn out_of_a_backup(self) -> Self {
        Self {
            from: From::Backup,
            ..self
        }
    }

    /// A backup with everything in it: what was here when it was made, and what comes in.
    fn backup(&self) -> Vec<u8> {
        let (name, login) = &self.incoming;
        let entry = |name: &str, login: &str| {
            let login: Value = serde_json::from_str(login).unwrap();
            json!({"name": name, "auth_json": login})
        };
        let accounts = [entry(name, login), entry("home", &self.other)];
        let content = json!({"made_at": "2026-11-20T12:00:00Z", "accounts": accounts});
        backup::seal(&content.to_string(), PASSPHRASE)
    }
}

impl Story for Import {
    type Start = ();

    fn asked(&self) -> &[&str] {
        match self.from {
            From::Folder => &["import", "in", "--yes"],
            From::Backup => &["restore", "in", "--yes", "--passphrase-file", "passphrase"],
        }
    }

    fn begin(&self, home: &Home) {
        home.write(&home.live_path(), &self.held);
        home.write(&home.profile_path("work"), &self.held);
        home.write(&home.profile_path("home"), &self.other);
        let (name, login) = &self.incoming;
        let from = home.path().with_file_name("in");
        match self.from {
            From::Folder => home.write(&from.join(name).join("auth.json"), login),
            From::Backup => {
                fs::write(&from, self.backup()).unwrap();
                home.give(&from);
                home.write(&home.path().with_file_name("passphrase"), PASSPHRASE);
            }
        }
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        [&self.held, &self.other]
            .map(|login| refresh_token_in(login))
            .into()
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        [&self.held, &self.live].map(|login| tokens_in(login))
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        if tokens_at(&home.live_path()) != tokens_in(&self.live) {
            return Err("Codex has an older login than the profile".into());
        }
        let (name, login) = &self.incoming;
        for (name, login) in [("work", &self.live), (*name, login), ("home", &self.other)] {
            if tokens_at(&home.profile_path(name)) != tokens_in(login) {
                return Err(format!("{name} is not as it should be"));
            }
        }
        Ok(())
    }
}

#[test]
fn an_import_that_is_killed_anywhere_leaves_whole_accounts_and_can_be_done_again() {
    let Some(stage) = Stage::set_up() else { return };
    for story in [
        Import::of_a_new_account(&stage),
        Import::of_a_newer_login(&stage),
    ] {
        let lost = kill_at_each_call(&stage, &story);
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn an_import_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Import::of_a_new_account(&stage));
    fail_each_call(&stage, &Import::of_a_newer_login(&stage));
}

#[test]
fn a_restored_backup_that_is_killed_anywhere_leaves_whole_accounts_and_can_be_done_again() {
    let Some(stage) = Stage::set_up() else { return };
    for story in [
        Import::of_a_new_account(&stage).out_of_a_backup(),
        Import::of_a_newer_login(&stage).out_of_a_backup(),
    ] {
        let lost = kill_at_each_call(&stage, &story);
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn a_restored_backup_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Import::of_a_new_account(&stage).out_of_a_backup());
    fail_each_call(&stage, &Import::of_a_newer_login(&stage).out_of_a_backup());
}
