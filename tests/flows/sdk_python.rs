//! The real `openai` package for Python against the router: the README's own example first.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use codex_router::simulator::{Account, Reply, Window};

use crate::support::{Program, Rig, python_with, run_python};

/// Stands above the example in README.md.
const MARKER: &str = "<!-- example: sdk -->";
/// What the example calls; the tests put their own router there.
const DEFAULT_BASE_URL: &str = "http://localhost:9876/v1";

struct Sdk {
    _program: Program,
    base_url: String,
    python: PathBuf,
    rig: Rig,
}

#[test]
fn the_example_of_the_readme_prints_text_whole_and_streamed() {
    let Some(sdk) = Sdk::over_an_exhausted_and_a_fresh_profile() else {
        return;
    };
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let example = example_of(&fs::read_to_string(readme).unwrap());
    assert!(example.contains(DEFAULT_BASE_URL), "{example}");
    assert!(example.contains("stream=True"), "{example}");
    let file = sdk.rig.scratch().join("example.py");
    fs::write(&file, example.replace(DEFAULT_BASE_URL, &sdk.base_url)).unwrap();

    let stdout = sdk.run(&[file.to_str().unwrap()]);
    let greetings = stdout.matches("Hello from spare (").count();
    assert!(greetings >= 2, "one whole, one streamed: {stdout}");
    let posts = sdk.rig.sim.asked().into_iter().filter(|asked| {
        asked.path.ends_with("/codex/responses") && asked.account.as_deref() == Some("empty")
    });
    assert_eq!(posts.count(), 1, "a limit is learned once, then remembered");
}

#[test]
fn a_completion_comes_whole_and_streamed() {
    Sdk::check("completion");
}

#[test]
fn a_tool_is_called_and_its_result_answered() {
    Sdk::check("tool");
}

#[test]
fn a_response_is_streamed_event_by_event() {
    Sdk::check("responses");
}

#[test]
fn the_models_are_listed() {
    Sdk::check("models");
}

#[test]
fn a_prompt_is_completed_whole_and_streamed() {
    Sdk::check("text_completion");
}

#[test]
fn an_image_is_made_whole_and_streamed() {
    Sdk::check("image");
}

#[test]
fn embeddings_come_from_an_api_key() {
    Sdk::check_with_key("embedding");
}

#[test]
fn sound_and_files_go_through_an_api_key() {
    Sdk::check_with_key("sound");
}

#[test]
fn the_azure_client_works_in_its_three_forms() {
    Sdk::check_with_key("azure");
}

#[test]
fn without_an_api_key_embeddings_are_not_found() {
    Sdk::check("needs_key");
}

#[test]
fn a_bad_request_is_its_own_class_with_param() {
    Sdk::check("bad_request");
}

#[test]
fn a_body_that_is_too_large_is_told_by_its_status() {
    Sdk::check("too_large");
}

#[test]
fn everybody_exhausted_is_a_rate_limit() {
    if let Some(sdk) = Sdk::over_an_exhausted_and_a_fresh_profile() {
        let limit = Reply::usage_limit(Duration::from_secs(900));
        sdk.rig.sim.reply_always("spare", limit);
        sdk.run_check("rate_limit");
    }
}

impl Sdk {
    fn over_an_exhausted_and_a_fresh_profile() -> Option<Self> {
        Self::start(|_rig| {})
    }

    /// `None`: skipped, because there is no Python with the package.
    fn start(add_more: impl FnOnce(&Rig)) -> Option<Self> {
        let python = python_with("openai")?;
        let rig = Rig::start();
        rig.add("empty", Account::chatgpt("empty"));
        let half_used = [Window::weekly(60.0, Duration::from_secs(3 * 24 * 3600))];
        rig.add("spare", Account::chatgpt("spare").windows(half_used));
        // Its numbers promise everything, so it is asked first; then it refuses.
        let limit = Reply::usage_limit(Duration::from_secs(3600));
        rig.sim.reply_always("empty", limit);
        rig.sign_in(&rig.sim.auth_json("empty"));
        add_more(&rig);
        let mut program = rig.serve();
        Some(Self {
            base_url: program.base_url(),
            python,
            rig,
            _program: program,
        })
    }

    fn check(name: &str) {
        if let Some(sdk) = Self::over_an_exhausted_and_a_fresh_profile() {
            sdk.run_check(name);
        }
    }

    /// The same with an API key in the pool, which comes last where ChatGPT accounts will do.
    fn check_with_key(name: &str) {
        if let Some(sdk) = Self::start(|rig| rig.add("key", Account::api_key("key"))) {
            sdk.run_check(name);
        }
    }

    /// The assertions are in Python, beside the calls.
    fn run_check(&self, name: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/openai_sdk.py");
        let stdout = self.run(&[script.to_str().unwrap(), &self.base_url, name]);
        assert_eq!(stdout, format!("{name}: ok\n"));
    }

    fn run(&self, arguments: &[&str]) -> String {
        run_python(&self.python, &self.rig, arguments)
    }
}

/// The fenced block under the marker.
fn example_of(readme: &str) -> String {
    let (_, after) = readme
        .split_once(MARKER)
        .unwrap_or_else(|| panic!("README.md has no {MARKER}"));
    let (_, block) = after.split_once("```python\n").unwrap();
    let (example, _) = block.split_once("```").unwrap();
    example.to_owned()
}
