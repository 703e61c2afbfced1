//! `save NAME`, struck at every call.

use codex_router::simulator::Account;
use serde_json::Value;

use super::{
    points::{Story, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

/// Codex has a login that no profile has.
pub struct Save {
    live: String,
    other: String,
}

impl Save {
    pub fn of_a_stranger(stage: &Stage) -> Self {
        let sim = &stage.rig.sim;
        sim.add(Account::chatgpt("stranger"));
        sim.add(Account::chatgpt("home"));
        Self {
            live: sim.auth_json("stranger"),
            other: sim.auth_json("home"),
        }
    }
}

impl Story for Save {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["save", "stranger"]
    }

    fn begin(&self, home: &Home) {
        home.write(&home.live_path(), &self.live);
        home.write(&home.profile_path("home"), &self.other);
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        [&self.live, &self.other]
            .map(|login| refresh_token_in(login))
            .into()
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        [&self.live, &self.live].map(|login| tokens_in(login))
    }

    fn was_done_before(&self, again: &Ended) -> bool {
        again
            .stderr
            .contains("this login is saved already, as \"stranger\"")
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        match tokens_at(&home.profile_path("stranger")) == tokens_in(&self.live) {
            true => Ok(()),
            false => Err("it is not saved".into()),
        }
    }
}

#[test]
fn a_save_that_is_killed_anywhere_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Save::of_a_stranger(&stage));
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_save_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Save::of_a_stranger(&stage));
}
