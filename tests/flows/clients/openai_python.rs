//! The `openai` package for Python: the README's own examples first.

use std::time::Duration;

use codex_router::simulator::Reply;

use super::{Scene, script};
use crate::support::{python_with, readme_example};

#[test]
fn the_example_of_the_readme_prints_text_whole_and_streamed() {
    let Some(python) = python_with("openai") else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let example = readme_example("openai-python", &scene.root);
    assert!(example.contains("stream=True"), "{example}");
    let stdout = scene.run_text(&python, "example.py", &example);
    let greetings = stdout.matches("Hello from spare (").count();
    assert!(greetings >= 2, "one whole, one streamed: {stdout}");
    let refused = scene.asked_of("empty").len();
    assert_eq!(refused, 1, "a limit is learned once, then remembered");
}

#[test]
fn the_azure_example_of_the_readme_prints_an_answer() {
    let Some(python) = python_with("openai") else {
        return;
    };
    let scene = Scene::over_an_exhausted_and_a_fresh_profile();
    let example = readme_example("azure", &scene.root);
    let stdout = scene.run_text(&python, "example.py", &example);
    assert!(stdout.starts_with("Hello from spare ("), "{stdout}");
}

#[test]
fn a_completion_comes_whole_and_streamed() {
    check("completion");
}

#[test]
fn the_stream_helper_of_chat_puts_the_pieces_together() {
    check("completion_helper");
}

#[test]
fn a_chat_answer_is_parsed_into_a_model() {
    check("completion_parsed");
}

#[test]
fn a_tool_is_called_and_its_result_answered() {
    check("tool");
}

#[test]
fn a_response_is_streamed_event_by_event() {
    check("responses");
}

#[test]
fn the_stream_helper_of_responses_puts_the_pieces_together() {
    check("responses_helper");
}

#[test]
fn a_response_is_parsed_into_a_model() {
    check("responses_parsed");
}

#[test]
fn a_response_calls_a_tool_and_its_result_is_answered() {
    check("responses_tool");
}

#[test]
fn the_client_for_asyncio_serves_several_at_once() {
    check("asynchronous");
}

#[test]
fn the_models_are_listed() {
    check("models");
}

#[test]
fn a_prompt_is_completed_whole_and_streamed() {
    check("text_completion");
}

#[test]
fn an_image_is_made_whole_and_streamed() {
    check("image");
}

#[test]
fn an_image_is_edited_whole_and_streamed() {
    check("image_edit");
}

#[test]
fn embeddings_come_from_an_api_key() {
    check_in(Scene::with_a_key, "embedding");
}

#[test]
fn sound_and_files_go_through_an_api_key() {
    check_in(Scene::with_a_key, "sound");
}

#[test]
fn the_azure_client_works_in_its_three_forms() {
    check_in(Scene::with_a_key, "azure");
}

#[test]
fn without_an_api_key_embeddings_are_not_found() {
    check("needs_key");
}

#[test]
fn a_bad_request_is_its_own_class_with_param() {
    check("bad_request");
}

#[test]
fn what_does_not_exist_is_not_found() {
    check("not_found");
}

#[test]
fn a_body_that_is_too_large_is_told_by_its_status() {
    check("too_large");
}

#[test]
fn everybody_exhausted_is_a_rate_limit_that_is_not_tried_again() {
    check_in(Scene::used_up, "rate_limit");
}

#[test]
fn a_short_throttle_is_waited_for() {
    let throttled = || {
        let scene = Scene::over_an_exhausted_and_a_fresh_profile();
        let wait = Reply::throttled(Duration::from_secs(1));
        scene.rig.sim.reply_next("spare", [wait]);
        scene
    };
    check_in(throttled, "throttled");
}

#[test]
fn a_stream_that_breaks_off_is_an_error_and_no_end() {
    let broken = || {
        let scene = Scene::over_an_exhausted_and_a_fresh_profile();
        scene.rig.sim.reply_always("spare", Reply::cut_after(7));
        scene
    };
    check_in(broken, "cut_stream");
}

fn check(name: &str) {
    check_in(Scene::over_an_exhausted_and_a_fresh_profile, name);
}

fn check_in(scene: impl FnOnce() -> Scene, name: &str) {
    if let Some(python) = python_with("openai") {
        scene().check(&python, &script("openai_python.py"), &[name]);
    }
}
