//! Claude Code in print mode: the README's own example first.

use std::{env, fs, path::Path};

use codex_router::simulator::Reply;
use serde_json::{Value, json};

use super::{Scene, succeeded};
use crate::support::{guest, node_module, readme_example};

/// Where npm puts it; there is one package for each kind of machine.
const PROGRAM: &str = "@anthropic-ai/claude-code-linux-x64/claude";

#[test]
fn the_example_of_the_readme_prints_an_answer() {
    let Some(program) = node_module(PROGRAM) else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let example = readme_example("claude-code", &scene.root);
    let mut command = guest(&scene.rig, "sh".as_ref());
    let mut path = vec![program.parent().unwrap().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    command
        .args(["-c", &example])
        .env("PATH", env::join_paths(path).unwrap());
    let stdout = succeeded(scene.rig.spawn(&mut command).ended());
    assert!(stdout.starts_with("Hello from spare (gpt-5.5)"), "{stdout}");
}

#[test]
fn a_tool_is_run_and_its_result_answered() {
    let Some(program) = node_module(PROGRAM) else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let note = scene.rig.scratch().join("note.txt");
    fs::write(&note, "violets are blue\n").unwrap();
    let call = Reply::tool_call("Read", &json!({ "file_path": note }).to_string());
    scene.rig.sim.reply_next("spare", [call]);
    let told = print_mode(&scene, &program, "what does the note say?");
    assert_eq!(told["is_error"], false, "{told}");
    assert_eq!(told["num_turns"], 2, "{told}");
    let result = told["result"].as_str().unwrap();
    assert!(result.starts_with("The tool said: "), "{told}");
    assert!(result.contains("violets are blue"), "{told}");
    assert!(
        told["usage"]["output_tokens"].as_u64().unwrap() > 0,
        "{told}"
    );

    let asked = scene.asked_of("spare");
    assert_eq!(asked.len(), 2, "a call and its result");
    let input = asked[1].json()["input"].clone();
    let output = |item: &&Value| item["type"] == "function_call_output";
    let output = input.as_array().unwrap().iter().find(output).unwrap();
    assert!(output.to_string().contains("violets are blue"), "{output}");
    let keys = [0, 1].map(|index| asked[index].json()["prompt_cache_key"].clone());
    assert_eq!(keys[0], keys[1], "one conversation, one cache");
}

#[test]
fn a_used_up_pool_is_told_at_once_with_its_reason() {
    let Some(program) = node_module(PROGRAM) else {
        return;
    };
    let told = print_mode(&Scene::used_up(), &program, "hello");
    assert_eq!(told["is_error"], true, "{told}");
    assert_eq!(told["api_error_status"], 429, "{told}");
    let result = told["result"].as_str().unwrap();
    assert!(result.contains("no account has usage left"), "{told}");
}

/// What `claude -p` tells as JSON.
fn print_mode(scene: &Scene, program: &Path, prompt: &str) -> Value {
    let mut command = guest(&scene.rig, program);
    command
        .args(["-p", prompt, "--output-format", "json"])
        .args(["--allowedTools", "Read"])
        .env("ANTHROPIC_BASE_URL", &scene.root)
        .env("ANTHROPIC_AUTH_TOKEN", "unused");
    let ended = scene.rig.spawn(&mut command).ended();
    serde_json::from_str(&ended.stdout).unwrap_or_else(|err| panic!("{err}: {ended:?}"))
}
