//! The `anthropic` package for Python: the README's own example first.

use codex_router::simulator::Reply;

use super::{Scene, script};
use crate::support::{python_with, readme_example};

#[test]
fn the_example_of_the_readme_prints_an_answer() {
    let Some(python) = python_with("anthropic") else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let example = readme_example("anthropic-python", &scene.root);
    let stdout = scene.run_text(&python, "example.py", &example);
    assert!(stdout.starts_with("Hello from spare ("), "{stdout}");
}

#[test]
fn a_message_comes_whole_and_streamed() {
    check("message");
}

#[test]
fn the_client_for_asyncio_serves_several_at_once() {
    check("asynchronous");
}

#[test]
fn a_stop_sequence_ends_the_text() {
    check("stopped");
}

#[test]
fn a_tool_is_used_and_its_result_answered() {
    check("tool");
}

#[test]
fn the_tool_runner_answers_by_itself() {
    check("tool_runner");
}

#[test]
fn a_thought_comes_with_a_signature_and_goes_back() {
    check("thinking");
}

#[test]
fn tokens_are_counted() {
    check("count");
}

#[test]
fn the_models_are_listed_page_by_page() {
    check("models");
}

#[test]
fn a_bad_request_is_its_own_class_with_the_place() {
    check("bad_request");
}

#[test]
fn what_does_not_exist_is_not_found() {
    check("not_found");
}

#[test]
fn everybody_exhausted_is_a_rate_limit_that_is_not_tried_again() {
    check_in(Scene::used_up, "rate_limit");
}

#[test]
fn a_service_with_too_much_to_do_is_overloaded() {
    let overloaded = || {
        let scene = Scene::over_an_exhausted_and_a_fresh_profile();
        let too_much = Reply::refusal_inside_200("server_is_overloaded");
        scene.rig.sim.reply_always("spare", too_much);
        scene
    };
    check_in(overloaded, "overloaded");
}

fn check(name: &str) {
    check_in(Scene::over_an_exhausted_and_a_fresh_profile, name);
}

fn check_in(scene: impl FnOnce() -> Scene, name: &str) {
    if let Some(python) = python_with("anthropic") {
        scene().check(&python, &script("anthropic_python.py"), &[name]);
    }
}
