//! opencode, asked for one turn: the README's own example.

use std::{fs, path::Path};

use codex_router::simulator::Reply;
use serde_json::{Value, json};

use super::{Scene, succeeded};
use crate::support::{guest, node_module, readme_example};

/// Where npm puts it; there is one package for each kind of machine.
const PROGRAM: &str = "opencode-linux-x64/bin/opencode";

#[test]
fn the_example_of_the_readme_answers_over_responses() {
    let Some(program) = node_module(PROGRAM) else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let said = run(&scene, &program, "good morning");
    assert!(said.contains("Hello from spare (gpt-5.5)"), "{said}");
    assert!(said.contains("good morning"), "{said}");
    let asked = scene.asked_of("spare");
    assert_eq!(asked[0].json()["model"], "gpt-5.5");
}

#[test]
fn a_tool_is_run_and_its_result_answered() {
    let Some(program) = node_module(PROGRAM) else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let note = scene.rig.scratch().join("note.txt");
    fs::write(&note, "violets are blue\n").unwrap();
    let call = Reply::tool_call("read", &json!({ "filePath": note }).to_string());
    scene.rig.sim.reply_next("spare", [call]);
    let said = run(&scene, &program, "what does the note say?");
    assert!(said.contains("The tool said: "), "{said}");
    let asked = scene.asked_of("spare");
    assert_eq!(asked.len(), 2, "a call and its result");
    let input = asked[1].json()["input"].clone();
    let output = |item: &&Value| item["type"] == "function_call_output";
    let output = input.as_array().unwrap().iter().find(output).unwrap();
    assert!(output.to_string().contains("violets are blue"), "{output}");
}

/// What `opencode run` prints. With a title of ours it asks for none beside.
fn run(scene: &Scene, program: &Path, prompt: &str) -> String {
    let settings = scene.rig.scratch().join("opencode.json");
    fs::write(settings, readme_example("opencode", &scene.root)).unwrap();
    let mut command = guest(&scene.rig, program);
    command
        .args(["run", "--title", "a test", prompt])
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    succeeded(scene.rig.spawn(&mut command).ended())
}
