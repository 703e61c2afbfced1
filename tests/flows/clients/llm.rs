//! The command line tool `llm`, with a model of ours beside its own.

use std::path::Path;

use super::{Scene, succeeded};
use crate::support::{guest, python_apart, readme_example, write_private};

#[test]
fn the_example_of_the_readme_answers_calls_a_tool_and_follows_a_schema() {
    let Some(python) = python_apart("llm", "llm") else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let models = scene.rig.scratch().join("llm/extra-openai-models.yaml");
    write_private(&models, &readme_example("llm", &scene.root));
    let said = llm(&scene, &python, &["good morning"]);
    assert_eq!(said, "Hello from spare (gpt-5.5). You said: good morning\n");
    let said = llm(
        &scene,
        &python,
        &["-T", "llm_version", "please use the tool"],
    );
    assert_eq!(said, "The tool said: 0.32.1\n");
    let said = llm(&scene, &python, &["--schema", "name, age int", "a dog"]);
    let dog: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(dog["name"].is_string() && dog["age"].is_i64(), "{dog}");
}

fn llm(scene: &Scene, python: &Path, arguments: &[&str]) -> String {
    let mut command = guest(&scene.rig, &python.with_file_name("llm"));
    command
        .args(["-m", "codex-router", "--key", "unused"])
        .args(arguments)
        .env("LLM_USER_PATH", scene.rig.scratch().join("llm"));
    succeeded(scene.rig.spawn(&mut command).ended())
}
