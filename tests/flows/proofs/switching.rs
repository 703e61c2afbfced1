//! `use NAME`, struck at every call.

use codex_router::simulator::Account;
use serde_json::Value;

use super::{
    points::{Story, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

/// Codex has a login that must be kept before another takes its place.
pub struct Switch {
    /// The login that Codex has.
    live: String,
    /// What its profile has of it; `None`: no profile knows it.
    known_as: Option<String>,
    target: String,
}

impl Switch {
    /// From a login that the CLI has rotated since its profile was saved.
    pub fn from_a_rotated_login(stage: &Stage) -> Self {
        let sim = &stage.rig.sim;
        sim.add(Account::chatgpt("work"));
        sim.add(Account::chatgpt("home"));
        let saved = sim.auth_json("work");
        Self {
            live: sim.rotate_as_cli("work"),
            known_as: Some(saved),
            target: sim.auth_json("home"),
        }
    }

    /// From a login that no profile has.
    pub fn from_a_stranger(stage: &Stage) -> Self {
        let sim = &stage.rig.sim;
        sim.add(Account::chatgpt("stranger"));
        sim.add(Account::chatgpt("another"));
        Self {
            live: sim.auth_json("stranger"),
            known_as: None,
            target: sim.auth_json("another"),
        }
    }
}

impl Story for Switch {
    type Start = ();

    fn asked(&self) -> &[&str] {
        &["use", "home"]
    }

    fn begin(&self, home: &Home) {
        home.write(&home.live_path(), &self.live);
        if let Some(saved) = &self.known_as {
            home.write(&home.profile_path("work"), saved);
        }
        home.write(&home.profile_path("home"), &self.target);
    }

    fn precious(&self, _start: &()) -> Vec<String> {
        [&self.live, &self.target]
            .map(|login| refresh_token_in(login))
            .into()
    }

    fn live(&self, _start: &()) -> [Option<Value>; 2] {
        [&self.live, &self.target].map(|login| tokens_in(login))
    }

    fn check_done(&self, home: &Home, _start: &(), _said: &Ended) -> Result<(), String> {
        let is_switched = tokens_at(&home.live_path()) == tokens_in(&self.target);
        let is_kept = match self.known_as {
            Some(_) => tokens_at(&home.profile_path("work")) == tokens_in(&self.live),
            None => home.says(&refresh_token_in(&self.live)),
        };
        match (is_switched, is_kept) {
            (true, true) => Ok(()),
            _ => Err(format!("switched: {is_switched}, kept: {is_kept}")),
        }
    }
}

#[test]
fn a_switch_that_is_killed_anywhere_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    for story in [
        Switch::from_a_rotated_login(&stage),
        Switch::from_a_stranger(&stage),
    ] {
        let lost = kill_at_each_call(&stage, &story);
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn a_switch_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Switch::from_a_rotated_login(&stage));
    fail_each_call(&stage, &Switch::from_a_stranger(&stage));
}
