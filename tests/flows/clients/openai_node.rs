//! The `openai` package for Node: the README's own example first.

use super::{Scene, link_node_modules};
use crate::support::{node_module, readme_example};

#[test]
fn the_example_of_the_readme_prints_text_as_it_comes() {
    if node_module("openai").is_none() {
        return;
    }
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let example = readme_example("openai-node", &scene.root);
    link_node_modules(&scene);
    let stdout = scene.run_text("node".as_ref(), "example.mjs", &example);
    assert!(stdout.starts_with("Hello from spare ("), "{stdout}");
}

#[test]
fn a_completion_comes_whole_and_streamed() {
    check("chat");
}

#[test]
fn answers_are_parsed_by_a_schema() {
    check("parsed");
}

#[test]
fn the_tool_runner_calls_and_answers_by_itself() {
    check("tools");
}

#[test]
fn the_stream_of_a_response_ends_in_the_whole_of_it() {
    check("responses");
}

#[test]
fn a_response_calls_a_tool_and_its_result_is_answered() {
    check("responsesTool");
}

#[test]
fn embeddings_come_from_an_api_key() {
    check_in(Scene::with_a_key, "embeddings");
}

#[test]
fn the_azure_client_names_the_deployment() {
    check("azure");
}

#[test]
fn the_models_are_listed() {
    check("models");
}

#[test]
fn each_error_is_its_own_class() {
    check("errors");
}

#[test]
fn everybody_exhausted_is_a_rate_limit_that_is_not_tried_again() {
    check_in(Scene::used_up, "rateLimit");
}

fn check(name: &str) {
    check_in(Scene::over_an_exhausted_and_a_fresh_profile, name);
}

fn check_in(scene: impl FnOnce() -> Scene, name: &str) {
    if node_module("openai").is_some() {
        scene().check_in_node("openai_node.mjs", name);
    }
}
