//! The AI SDK of Vercel, by each of its three ways: Responses, chat and Messages.

use super::Scene;
use crate::support::node_module;

#[test]
fn a_text_comes_whole_and_streamed() {
    check(Scene::over_an_exhausted_and_a_fresh_profile, "text");
}

#[test]
fn a_tool_is_called_and_its_result_answered() {
    check(Scene::over_an_exhausted_and_a_fresh_profile, "tools");
}

#[test]
fn an_object_follows_its_schema() {
    check(Scene::over_an_exhausted_and_a_fresh_profile, "object");
}

#[test]
fn everybody_exhausted_is_429_with_a_time() {
    check(Scene::used_up, "refused");
}

fn check(scene: impl FnOnce() -> Scene, name: &str) {
    if node_module("ai").is_some() {
        scene().check_in_node("vercel_ai.mjs", name);
    }
}
