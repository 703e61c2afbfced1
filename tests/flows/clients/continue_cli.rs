//! Continue's `cn` in print mode, with the settings that its editors read as well: the README's own example.

use std::{fs, path::Path};

use codex_router::simulator::Reply;
use serde_json::{Value, json};

use super::{Scene, succeeded};
use crate::support::{guest, node_module, readme_example};

const SCRIPT: &str = "@continuedev/cli/dist/cn.js";

#[test]
fn the_example_of_the_readme_prints_an_answer() {
    let Some(script) = node_module(SCRIPT) else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let said = print_mode(&scene, &script, "good morning");
    assert_eq!(
        said.trim(),
        "Hello from spare (gpt-5.5). You said: good morning"
    );
}

#[test]
fn a_tool_is_run_and_its_result_answered() {
    let Some(script) = node_module(SCRIPT) else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let note = scene.rig.scratch().join("note.txt");
    fs::write(&note, "violets are blue\n").unwrap();
    let call = Reply::tool_call("Read", &json!({ "filepath": note }).to_string());
    scene.rig.sim.reply_next("spare", [call]);
    let said = print_mode(&scene, &script, "what does the note say?");
    assert!(said.contains("The tool said: "), "{said}");
    let asked = scene.asked_of("spare");
    assert_eq!(asked.len(), 2, "a call and its result");
    let input = asked[1].json()["input"].clone();
    let output = |item: &&Value| item["type"] == "function_call_output";
    let output = input.as_array().unwrap().iter().find(output).unwrap();
    assert!(output.to_string().contains("violets are blue"), "{output}");
}

/// What `cn -p` prints.
fn print_mode(scene: &Scene, script: &Path, prompt: &str) -> String {
    let settings = scene.rig.scratch().join("config.yaml");
    fs::write(&settings, readme_example("continue", &scene.root)).unwrap();
    let mut command = guest(&scene.rig, "node".as_ref());
    command
        .arg(script)
        .args(["-p", "--config"])
        .arg(settings)
        .arg(prompt)
        .env("CONTINUE_TELEMETRY_ENABLED", "0");
    succeeded(scene.rig.spawn(&mut command).ended())
}
