//! `refresh NAME`, struck at every call, against an issuer whose refresh tokens work once.

use std::sync::atomic::{AtomicUsize, Ordering};

use codex_router::simulator::{Account, Simulator};
use serde_json::Value;

use super::{
    call::Call,
    points::{Story, fail_each_call, kill_at_each_call},
    stage::{Home, Stage, refresh_token_in, tokens_at, tokens_in},
};
use crate::support::Ended;

/// Codex and two profiles have the login that is refreshed.
struct Refresh<'a> {
    sim: &'a Simulator,
    accounts: AtomicUsize,
}

/// An account of its own for each run, so that its redeems can be counted.
struct Start {
    account: String,
    before: String,
}

impl<'a> Refresh<'a> {
    fn of(stage: &'a Stage) -> Self {
        Self {
            sim: &stage.rig.sim,
            accounts: AtomicUsize::new(0),
        }
    }

    /// The login that the issuer gave last.
    fn newest(&self, start: &Start) -> String {
        self.sim.auth_json(&start.account)
    }
}

impl Story for Refresh<'_> {
    type Start = Start;

    fn asked(&self) -> &[&str] {
        &["refresh", "work"]
    }

    fn begin(&self, home: &Home) -> Start {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        let account = format!("account-{number}");
        self.sim.add(Account::chatgpt(&account));
        let before = self.sim.auth_json(&account);
        home.write(&home.live_path(), &before);
        home.write(&home.profile_path("work"), &before);
        home.write(&home.profile_path("twin"), &before);
        Start { account, before }
    }

    /// What can be lost is asked of [`Story::is_lost`].
    fn precious(&self, _start: &Start) -> Vec<String> {
        Vec::new()
    }

    fn live(&self, start: &Start) -> [Option<Value>; 2] {
        [tokens_in(&start.before), tokens_in(&self.newest(start))]
    }

    fn check_done(&self, home: &Home, start: &Start, said: &Ended) -> Result<(), String> {
        let newest = tokens_in(&self.newest(start));
        let mut paths = vec![home.profile_path("work"), home.live_path()];
        // One that could not be reached gets it with the next refresh.
        if !said.stderr.contains("of this account") {
            paths.push(home.profile_path("twin"));
        }
        match paths.iter().find(|path| tokens_at(path) != newest) {
            None => Ok(()),
            Some(path) => Err(format!("{} has not the newest login", path.display())),
        }
    }

    fn is_lost(&self, home: &Home, start: &Start) -> bool {
        !home.says(&refresh_token_in(&self.newest(start)))
    }

    fn check_spent(&self, start: &Start, is_lost: bool) -> Result<(), String> {
        match self.sim.refused_redeems(&start.account) {
            0 => Ok(()),
            1 if is_lost => Ok(()),
            refused => Err(format!("a spent token was sent {refused} times")),
        }
    }
}

/// The same while Codex has another account, which is then left for the one whose refresh was cut off.
struct RefreshThenSwitch<'a> {
    refresh: Refresh<'a>,
    bystander: String,
}

impl<'a> RefreshThenSwitch<'a> {
    fn of(stage: &'a Stage) -> Self {
        stage.rig.sim.add(Account::chatgpt("bystander"));
        Self {
            refresh: Refresh::of(stage),
            bystander: stage.rig.sim.auth_json("bystander"),
        }
    }
}

impl Story for RefreshThenSwitch<'_> {
    type Start = Start;

    fn asked(&self) -> &[&str] {
        self.refresh.asked()
    }

    fn asked_again(&self) -> &[&str] {
        &["use", "twin"]
    }

    fn begin(&self, home: &Home) -> Start {
        let start = self.refresh.begin(home);
        home.write(&home.profile_path("bystander"), &self.bystander);
        home.write(&home.live_path(), &self.bystander);
        start
    }

    fn precious(&self, _start: &Start) -> Vec<String> {
        vec![refresh_token_in(&self.bystander)]
    }

    fn live(&self, start: &Start) -> [Option<Value>; 2] {
        [
            tokens_in(&self.bystander),
            tokens_in(&self.refresh.newest(start)),
        ]
    }

    fn check_done(&self, home: &Home, start: &Start, _said: &Ended) -> Result<(), String> {
        match tokens_at(&home.profile_path("work")) == tokens_in(&self.refresh.newest(start)) {
            true => Ok(()),
            false => Err("the profile has not the newest login".into()),
        }
    }

    /// Codex can go on with what it was given.
    fn check_done_again(&self, home: &Home, start: &Start, _said: &Ended) -> Result<(), String> {
        match tokens_at(&home.live_path()) == tokens_in(&self.refresh.newest(start)) {
            true => Ok(()),
            false => Err("Codex has got a spent token".into()),
        }
    }

    fn is_lost(&self, home: &Home, start: &Start) -> bool {
        self.refresh.is_lost(home, start)
    }

    /// It has not asked the issuer, so it cannot know.
    fn is_loss_told(&self, again: &Ended) -> bool {
        again.code == Some(0)
    }

    fn check_spent(&self, start: &Start, is_lost: bool) -> Result<(), String> {
        self.refresh.check_spent(start, is_lost)
    }
}

/// A kill right between the arrival of a login and its first word on the disk: nobody can prevent what that costs.
fn assert_unavoidable(lost: &[Call]) {
    let names: Vec<_> = lost.iter().map(|call| call.name).collect();
    let told = lost.iter().map(Call::to_string).collect::<Vec<_>>();
    assert_eq!(names, ["write"], "{told:?}");
}

#[test]
fn a_refresh_that_is_killed_anywhere_loses_no_login_but_before_it_has_written_the_new_one() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &Refresh::of(&stage));
    assert_unavoidable(&lost);
}

#[test]
fn after_a_refresh_that_is_killed_anywhere_codex_gets_no_spent_token() {
    let Some(stage) = Stage::set_up() else { return };
    let lost = kill_at_each_call(&stage, &RefreshThenSwitch::of(&stage));
    assert_unavoidable(&lost);
}

#[test]
fn a_refresh_in_which_any_call_fails_is_done_or_told_and_loses_no_login() {
    let Some(stage) = Stage::set_up() else { return };
    fail_each_call(&stage, &Refresh::of(&stage));
}
