//! Real clients against the program: every one that README.md calls tested, as it is installed from its registry.
//!
//! What a library does is asserted in its own language, in `tests/clients/`, beside the calls; what a program does, here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use codex_router::simulator::{Account, Asked, Reply, Window};

use crate::support::{Ended, Program, Rig, guest, node_module};

mod anthropic_python;
mod claude_code;
mod codex;
mod codex_beside;
mod connect;
mod continue_cli;
mod llm;
mod old_python;
mod openai_node;
mod openai_python;
mod opencode;
mod python_frameworks;
mod vercel_ai;

/// The router over an account that is used up and one that is not.
struct Scene {
    rig: Rig,
    /// `http://127.0.0.1:PORT`
    root: String,
    _program: Program,
}

impl Scene {
    fn over_an_exhausted_and_a_fresh_profile() -> Self {
        Self::with(|_rig, _serve| {})
    }

    /// The same with an API key in the pool, which comes last where ChatGPT accounts will do.
    fn with_a_key() -> Self {
        Self::with(|rig, _serve| rig.add("key", Account::api_key("key")))
    }

    /// The same after the fresh one has refused for a quarter of an hour.
    fn used_up() -> Self {
        let limit = Reply::usage_limit(Duration::from_secs(900));
        Self::with(|rig, _serve| rig.sim.reply_always("spare", limit))
    }

    /// The same with something more in the pool, or in the command that serves it.
    fn with(add_more: impl FnOnce(&Rig, &mut Command)) -> Self {
        let rig = Rig::start();
        rig.add("empty", Account::chatgpt("empty"));
        let half_used = [Window::weekly(60.0, Duration::from_secs(3 * 24 * 3600))];
        rig.add("spare", Account::chatgpt("spare").windows(half_used));
        // Its numbers promise everything, so it is asked first; then it refuses.
        let limit = Reply::usage_limit(Duration::from_secs(3600));
        rig.sim.reply_always("empty", limit);
        rig.sign_in(&rig.sim.auth_json("empty"));
        let mut serve = rig.command(&["serve"]);
        add_more(&rig, &mut serve);
        let mut program = rig.spawn(&mut serve);
        let base_url = program.base_url();
        let root = base_url.strip_suffix("/v1").unwrap().to_owned();
        Self {
            rig,
            root,
            _program: program,
        }
    }

    /// Runs checks of a script in `tests/clients/`, which says of each that all its assertions held.
    fn check(&self, interpreter: &Path, script: &Path, checks: &[&str]) {
        let mut command = guest(&self.rig, interpreter);
        command.arg(script).arg(&self.root).args(checks);
        let stdout = succeeded(self.rig.spawn(&mut command).ended());
        let all_held: String = checks
            .iter()
            .map(|check| format!("{check}: ok\n"))
            .collect();
        assert_eq!(stdout, all_held);
    }

    /// The same for a script of Node, run from where it finds its packages.
    fn check_in_node(&self, name: &str, check: &str) {
        link_node_modules(self);
        let copy = self.rig.scratch().join(name);
        fs::copy(script(name), &copy).unwrap();
        self.check("node".as_ref(), &copy, &[check]);
    }

    /// Runs a text as a program file of this name, and gives what it printed.
    fn run_text(&self, interpreter: &Path, name: &str, text: &str) -> String {
        let file = self.rig.scratch().join(name);
        fs::write(&file, text).unwrap();
        succeeded(
            self.rig
                .spawn(guest(&self.rig, interpreter).arg(file))
                .ended(),
        )
    }

    /// The requests for an answer that reached this account, oldest first; without the handshakes of sockets.
    fn asked_of(&self, account: &str) -> Vec<Asked> {
        let mut asked = self.rig.sim.asked();
        asked.retain(|asked| {
            asked.path.ends_with("/responses")
                && asked.account.as_deref() == Some(account)
                && !asked.body.is_empty()
        });
        asked
    }
}

/// What it printed.
///
/// # Panics
/// With all that it said, when it ended in any other way than well.
fn succeeded(ended: Ended) -> String {
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    ended.stdout
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Lets scripts in the scratch directory import what npm installed.
fn link_node_modules(scene: &Scene) {
    let modules = node_module("").unwrap();
    let link = scene.rig.scratch().join("node_modules");
    std::os::unix::fs::symlink(modules, link).unwrap();
}
