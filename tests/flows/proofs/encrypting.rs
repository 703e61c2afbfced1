//! `encrypt on`, `encrypt off` and `encrypt passphrase`, killed and failing at every call: every login is there afterwards.
//!
//! A key that was made by the program takes a second to open, and homes are opened ten thousand times: where the key is not what is
//! looked at, it is there already and takes no time.

use std::path::Path;

use codex_router::simulator::Account;
use serde_json::Value;

use super::{
    backup,
    call::Call,
    points::{Story, check_list, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

const PASSPHRASE: &str = "right horse";

/// Two accounts, one of them live, and a copy that no profile holds.
struct Encryption<'a> {
    stage: &'a Stage,
    work: String,
    home: String,
    stranger: String,
}

impl<'a> Encryption<'a> {
    fn of(stage: &'a Stage) -> Self {
        let sim = &stage.rig.sim;
        for account in ["work", "home", "stranger"] {
            sim.add(Account::chatgpt(account));
        }
        Self {
            stage,
            work: sim.auth_json("work"),
            home: sim.auth_json("home"),
            stranger: sim.auth_json("stranger"),
        }
    }

    fn fill(&self, home: &Home) {
        home.write(&home.passphrase_path(), PASSPHRASE);
        home.write(&home.live_path(), &self.work);
        home.write(&home.profile_path("work"), &self.work);
        home.write(&home.profile_path("home"), &self.home);
        let displaced = home.path().join("router/displaced");
        home.write(
            &displaced.join("20261120T120000.000Z-00000000.json"),
            &self.stranger,
        );
    }

    /// Encryption was just turned on, and no file is encrypted yet.
    fn fill_and_begin(&self, home: &Home) {
        self.fill(home);
        for file in ["router/vault.json", "profiles/.vault.json"] {
            home.write(&home.path().join(file), &backup::key_file(PASSPHRASE));
        }
    }

    fn check_sealed(&self, home: &Home) -> Result<(), String> {
        for login in [&self.home, &self.stranger] {
            if home.says(&refresh_token_in(login)) {
                return Err("a login is not encrypted".into());
            }
        }
        let off = self.stage.run(home, &["encrypt", "off"]);
        if off.code != Some(0) {
            return Err(format!("it does not open: {off:?}"));
        }
        self.check_plain(home)
    }

    fn logins(&self) -> [&String; 3] {
        [&self.work, &self.home, &self.stranger]
    }

    fn live(&self) -> [Option<Value>; 2] {
        [&self.work; 2].map(|login| tokens_in(login))
    }

    /// Whether every login stands in its file as it did.
    fn check_plain(&self, home: &Home) -> Result<(), String> {
        for (name, login) in [("work", &self.work), ("home", &self.home)] {
            if tokens_at(&home.profile_path(name)) != tokens_in(login) {
                return Err(format!("the login of {name} is not as it was"));
            }
        }
        match self
            .logins()
            .iter()
            .all(|login| home.says(&refresh_token_in(login)))
        {
            true => Ok(()),
            false => Err("a login is gone".into()),
        }
    }
}

/// What cannot be looked for is when it has been opened again; the live file stays plain.
fn precious(encryption: &Encryption<'_>) -> Vec<String> {
    vec![refresh_token_in(&encryption.work)]
}

/// Whether it is about the key, or where it lies.
fn is_on_the_key(call: &Call) -> bool {
    let path = call.path.to_string_lossy();
    path.contains("vault") || [Path::new("router"), Path::new("profiles")].contains(&&*call.path)
}

struct On<'a> {
    scene: Encryption<'a>,
    /// From where it was cut off, with the key there; else from the beginning, and only what is about the key is struck.
    goes_on: bool,
}

impl Story for On<'_> {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["encrypt", "on"]
    }

    fn is_struck(&self, call: &Call) -> bool {
        self.goes_on || is_on_the_key(call)
    }

    fn begin(&self, home: &Home) {
        match self.goes_on {
            true => self.scene.fill_and_begin(home),
            false => self.scene.fill(home),
        }
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        precious(&self.scene)
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        self.scene.live()
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        self.scene.check_sealed(home)
    }
}

struct Off<'a>(Encryption<'a>);

impl Story for Off<'_> {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["encrypt", "off"]
    }

    fn begin(&self, home: &Home) {
        self.0.fill_and_begin(home);
        let on = self.0.stage.run(home, &["encrypt", "on"]);
        assert_eq!(on.code, Some(0), "{on:?}");
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        precious(&self.0)
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        self.0.live()
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        self.0.check_plain(home)
    }
}

/// Another passphrase; `CODEX_ROUTER_PASSPHRASE_FILE` names the old one.
struct Change<'a>(Encryption<'a>);

const NEW: &str = "better horse";

fn is_old_one_refused(ended: &Ended) -> bool {
    ended.stderr.contains("this is not the passphrase")
}

impl Story for Change<'_> {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["encrypt", "passphrase", "--new-passphrase-file", "new"]
    }

    fn is_struck(&self, call: &Call) -> bool {
        is_on_the_key(call)
    }

    fn check_listed(&self, listed: &Ended) -> Result<(), String> {
        match is_old_one_refused(listed) {
            true => Ok(()),
            false => check_list(listed),
        }
    }

    fn begin(&self, home: &Home) {
        self.0.fill_and_begin(home);
        home.write(&home.path().with_file_name("new"), NEW);
        let on = self.0.stage.run(home, &["encrypt", "on"]);
        assert_eq!(on.code, Some(0), "{on:?}");
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        precious(&self.0)
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        self.0.live()
    }

    fn was_done_before(&self, again: &Ended) -> bool {
        is_old_one_refused(again)
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        home.write(&home.passphrase_path(), NEW);
        let listed = self.0.stage.run(home, &["list", "--json"]);
        home.write(&home.passphrase_path(), PASSPHRASE);
        check_list(&listed)
    }
}

#[test]
fn turning_encryption_on_can_be_killed_anywhere_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    for goes_on in [false, true] {
        let scene = Encryption::of(&stage);
        let lost = kill_at_each_call(&stage, &On { scene, goes_on });
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn turning_encryption_off_can_be_killed_anywhere_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Off(Encryption::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn another_passphrase_can_be_killed_anywhere_and_one_of_the_two_opens_everything() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Change(Encryption::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn turning_encryption_on_or_off_while_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Off(Encryption::of(&stage)));
    // The one that opens a slow key last.
    for goes_on in [true, false] {
        let scene = Encryption::of(&stage);
        fail_each_call(&stage, &On { scene, goes_on });
    }
}

#[test]
fn another_passphrase_while_any_call_fails_is_taken_or_the_old_one_stays() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Change(Encryption::of(&stage)));
}
