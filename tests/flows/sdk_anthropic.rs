//! The real `anthropic` package for Python against the router: the README's own example first.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use codex_router::simulator::{Account, Reply, Window};

use crate::support::{Program, Rig, python_with, run_python};

/// Stands above the example in README.md.
const MARKER: &str = "<!-- example: anthropic -->";
/// What the example calls; the tests put their own router there.
const DEFAULT_ROOT: &str = "http://localhost:9876";

struct Sdk {
    program: Program,
    python: PathBuf,
    rig: Rig,
}

#[test]
fn the_example_of_the_readme_prints_an_answer() {
    let Some(mut sdk) = Sdk::over_an_exhausted_and_a_fresh_profile() else {
        return;
    };
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, after) = readme.split_once(MARKER).unwrap();
    let (_, block) = after.split_once("```python\n").unwrap();
    let (example, _) = block.split_once("```").unwrap();
    assert!(example.contains(DEFAULT_ROOT), "{example}");
    let base_url = sdk.program.base_url();
    let root = base_url.strip_suffix("/v1").unwrap();
    let file = sdk.rig.scratch().join("example.py");
    fs::write(&file, example.replace(DEFAULT_ROOT, root)).unwrap();
    let stdout = run_python(&sdk.python, &sdk.rig, &[file.to_str().unwrap()]);
    assert!(stdout.starts_with("Hello from spare ("), "{stdout}");
}

#[test]
fn a_message_comes_whole_and_streamed() {
    Sdk::check("message");
}

#[test]
fn a_stop_sequence_ends_the_text() {
    Sdk::check("stopped");
}

#[test]
fn a_tool_is_used_and_its_result_answered() {
    Sdk::check("tool");
}

#[test]
fn a_thought_comes_with_a_signature_and_goes_back() {
    Sdk::check("thinking");
}

#[test]
fn tokens_are_counted() {
    Sdk::check("count");
}

#[test]
fn the_models_are_listed_page_by_page() {
    Sdk::check("models");
}

#[test]
fn a_bad_request_is_its_own_class_with_the_place() {
    Sdk::check("bad_request");
}

#[test]
fn everybody_exhausted_is_a_rate_limit() {
    if let Some(mut sdk) = Sdk::over_an_exhausted_and_a_fresh_profile() {
        let limit = Reply::usage_limit(Duration::from_secs(900));
        sdk.rig.sim.reply_always("spare", limit);
        sdk.run_check("rate_limit");
    }
}

impl Sdk {
    /// `None`: skipped, because there is no Python with the package.
    fn over_an_exhausted_and_a_fresh_profile() -> Option<Self> {
        let python = python_with("anthropic")?;
        let rig = Rig::start();
        rig.add("empty", Account::chatgpt("empty"));
        let half_used = [Window::weekly(60.0, Duration::from_secs(3 * 24 * 3600))];
        rig.add("spare", Account::chatgpt("spare").windows(half_used));
        // Its numbers promise everything, so it is asked first; then it refuses.
        let limit = Reply::usage_limit(Duration::from_secs(3600));
        rig.sim.reply_always("empty", limit);
        rig.sign_in(&rig.sim.auth_json("empty"));
        Some(Self {
            program: rig.serve(),
            python,
            rig,
        })
    }

    fn check(name: &str) {
        if let Some(mut sdk) = Self::over_an_exhausted_and_a_fresh_profile() {
            sdk.run_check(name);
        }
    }

    /// The assertions are in Python, beside the calls.
    fn run_check(&mut self, name: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/anthropic_sdk.py");
        let base_url = self.program.base_url();
        let arguments = [script.to_str().unwrap(), &base_url, name];
        let stdout = run_python(&self.python, &self.rig, &arguments);
        assert_eq!(stdout, format!("{name}: ok\n"));
    }
}
