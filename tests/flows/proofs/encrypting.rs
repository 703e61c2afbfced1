//! `encrypt on` and `encrypt off`, killed and failing at every call: every login is there afterwards, by the same passphrase.

use codex_router::simulator::Account;
use serde_json::Value;

use super::{
    points::{Story, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

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
        home.write(&home.passphrase_path(), "right horse\n");
        home.write(&home.live_path(), &self.work);
        home.write(&home.profile_path("work"), &self.work);
        home.write(&home.profile_path("home"), &self.home);
        let displaced = home.path().join("router/displaced");
        home.write(
            &displaced.join("20261120T120000.000Z-00000000.json"),
            &self.stranger,
        );
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

struct On<'a>(Encryption<'a>);

impl Story for On<'_> {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["encrypt", "on"]
    }

    fn begin(&self, home: &Home) {
        self.0.fill(home);
    }

    /// What is sealed cannot be looked for; it is when it has been opened again.
    fn precious(&self, _start: &()) -> Vec<String> {
        vec![refresh_token_in(&self.0.work)]
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        self.0.live()
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        for login in [&self.0.home, &self.0.stranger] {
            if home.says(&refresh_token_in(login)) {
                return Err("a login is not encrypted".into());
            }
        }
        let off = self.0.stage.run(home, &["encrypt", "off"]);
        if off.code != Some(0) {
            return Err(format!("it does not open: {off:?}"));
        }
        self.0.check_plain(home)
    }
}

struct Off<'a>(Encryption<'a>);

impl Story for Off<'_> {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["encrypt", "off"]
    }

    fn begin(&self, home: &Home) {
        self.0.fill(home);
        let on = self.0.stage.run(home, &["encrypt", "on"]);
        assert_eq!(on.code, Some(0), "{on:?}");
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        vec![refresh_token_in(&self.0.work)]
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        self.0.live()
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        self.0.check_plain(home)
    }
}

#[test]
fn turning_encryption_on_can_be_killed_anywhere_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &On(Encryption::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn turning_encryption_off_can_be_killed_anywhere_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Off(Encryption::of(&stage)));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn turning_encryption_on_or_off_while_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &On(Encryption::of(&stage)));
    fail_each_call(&stage, &Off(Encryption::of(&stage)));
}
