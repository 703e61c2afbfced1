//! litellm and langchain, as libraries: what they make of the `openai` and `anthropic` packages and of their own HTTP.
//!
//! One process for all checks of a package: each takes longer to import than to check.

use super::{Scene, script};
use crate::support::python_with;

#[test]
fn litellm_chats_calls_tools_and_embeds() {
    let checks = ["chat", "tool", "responses", "embedding", "errors"];
    check("litellm", "litellm_python.py", &checks);
}

#[test]
fn langchain_chats_calls_tools_and_embeds() {
    let checks = ["chat", "tool", "structured", "embedding"];
    check("langchain_openai", "langchain_python.py", &checks);
}

fn check(package: &str, name: &str, checks: &[&str]) {
    if let Some(python) = python_with(package) {
        Scene::with_a_key().check(&python, &script(name), checks);
    }
}
