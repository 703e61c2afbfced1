//! The last generation of the `openai` and `anthropic` packages: the same checks in one process each.

use super::{Scene, script};
use crate::support::python_apart;

#[test]
fn openai_1_does_what_3_does() {
    let checks = [
        "completion",
        "completion_helper",
        "completion_parsed",
        "tool",
        "responses",
        "responses_helper",
        "responses_parsed",
        "responses_tool",
        "asynchronous",
        "models",
        "text_completion",
        "image",
        "embedding",
        "sound",
        "azure",
        "bad_request",
    ];
    check("openai", "openai_python.py", &checks);
}

#[test]
fn anthropic_0_does_what_2_does() {
    let checks = [
        "message",
        "asynchronous",
        "stopped",
        "tool",
        "tool_runner",
        "thinking",
        "count",
        "models",
        "bad_request",
    ];
    check("anthropic", "anthropic_python.py", &checks);
}

fn check(package: &str, name: &str, checks: &[&str]) {
    if let Some(python) = python_apart("old", package) {
        Scene::with_a_key().check(&python, &script(name), checks);
    }
}
