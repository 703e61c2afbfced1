//! Every fault that another router was caught with, and the tests here that keep it out.
//!
//! The numbers are those of section 15 of the protocol notes that this project was built from; the words say enough without them.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Number, what must hold, the tests that prove it.
type Case = (u32, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // A chat request.
    (1, "text of the assistant is output_text", &["text_of_the_assistant_is_output_text"]),
    (2, "calls alone make no empty message", &["calls_follow_their_text_and_need_no_message"]),
    (3, "a nested custom tool and its grammar become flat", &["tools_formats_and_choices_become_flat"]),
    (4, "allowed_tools become flat", &["tools_formats_and_choices_become_flat"]),
    (5, "json_object is kept, instructions stay in the input", &["system_messages_stay_where_they_are_as_developer_items"]),
    (6, "json_schema keeps all of its fields", &["tools_formats_and_choices_become_flat", "formats_of_the_answer_are_checked"]),
    (7, "verbosity counts at the top level", &["tools_formats_and_choices_become_flat", "effort_and_verbosity_have_several_names"]),
    (8, "parallel_tool_calls: false is kept", &["tools_formats_and_choices_become_flat"]),
    (9, "the detail of an image is kept, its url may be a bare string", &["images_keep_their_detail_and_may_be_a_bare_string"]),
    (10, "n: 2 is a 400", &["what_would_silently_become_something_else_is_refused", "a_request_that_cannot_be_translated_names_its_field_and_asks_nobody"]),
    (11, "max_tokens of one request is dropped for one upstream and mapped for the other", &["only_what_the_upstream_that_answered_did_not_see_is_named", "one_body_becomes_two_for_two_upstreams"]),
    (12, "the same with temperature", &["only_what_the_upstream_that_answered_did_not_see_is_named"]),
    (13, "a tool is not strict unless it says so", &["tools_formats_and_choices_become_flat"]),
    (14, "histories with gaps are repaired", &[
        "an_output_without_a_call_and_a_call_without_an_output_are_dropped_and_noted", "an_id_twice_in_one_batch_counts_once_and_may_come_back_later",
        "a_call_without_an_id_gets_one_and_the_next_free_output", "every_call_that_is_sent_has_exactly_one_output",
    ]),
    (15, "a tool answers with an array, an object, null or an image", &["a_tool_answers_with_text_parts_images_objects_or_nothing"]),
    (16, "functions of the old time make a round trip", &[
        "functions_of_the_old_time_make_a_round_trip", "functions_of_the_old_time_are_tools_and_their_history_is_calls",
        "old_functions_are_answered_in_the_old_form_and_only_one", "an_old_function_is_answered_in_the_old_form",
    ]),
    (17, "names beyond 64 letters stay distinct and come back", &[
        "long_tool_names_come_back_exactly_in_a_chat", "long_tool_names_come_back_exactly_in_a_message",
        "names_that_share_a_long_prefix_stay_distinct_and_come_back", "long_names_are_short_everywhere_in_the_request_and_known_for_the_answer",
    ]),
    (18, "call ids beyond 64 letters still match", &["long_call_ids_still_match"]),
    (19, "a Responses body on the chat path is served", &["a_responses_body_on_the_chat_path_is_answered_as_a_chat", "a_responses_body_goes_on_as_it_is_and_is_answered_as_a_chat"]),
    (20, "no tools are no field, null is nothing", &["no_tools_means_nothing_about_tools", "a_field_that_is_null_is_a_field_that_is_absent"]),
    (21, "file_id is a 400", &["a_file_travels_as_data_and_never_as_an_id"]),
    (22, "an unknown role is a 400 with its index", &["messages_that_cannot_be_understood_are_refused_by_index"]),
    // A chat stream.
    (30, "one role, one id, one moment", &["two_interleaved_calls_become_exactly_these_frames"]),
    (31, "arguments that are repeated whole are sent once", &["two_interleaved_calls_become_exactly_these_frames", "a_text_that_is_repeated_whole_is_sent_once"]),
    (32, "interleaved calls are told apart by item id alone", &["two_interleaved_calls_become_exactly_these_frames", "interleaved_calls_come_together_exactly"]),
    (33, "arguments that only a last event tells are sent", &["arguments_that_come_only_whole_are_sent_with_the_name", "an_answer_that_only_the_last_event_tells_is_sent_whole"]),
    (34, "a snapshot that contradicts adds nothing", &["a_snapshot_that_contradicts_the_deltas_adds_nothing_and_is_counted"]),
    (35, "reasoning before a call does not shift its index", &["two_interleaved_calls_become_exactly_these_frames"]),
    (36, "refusals have their own delta", &["refusals_and_reasoning_have_their_own_fields"]),
    (37, "an incomplete answer is length even with calls, or content_filter", &["a_cut_answer_finishes_with_length_even_inside_a_call", "a_cut_answer_is_length_even_with_calls"]),
    (38, "usage comes exactly when asked for", &["usage_is_a_chunk_of_its_own_and_only_for_those_who_asked", "two_interleaved_calls_become_exactly_these_frames"]),
    (39, "an error before the first token is a status, after it a frame", &["a_request_fault_inside_200_is_a_status_for_chat_and_an_event_for_codex", "a_chat_stream_that_fails_in_the_middle_ends_without_done"]),
    (40, "an end without a last event is no clean stop", &["an_upstream_that_stops_in_the_middle_is_never_a_clean_stop", "a_cut_chat_stream_ends_with_an_error_and_without_done"]),
    (41, "an overload behind a 200 fails over", &["each_failure_of_one_profile_moves_the_request_to_the_next", "codex_never_sees_the_refusal_that_was_held_back"]),
    (42, "CRLF, split letters, 5 MB frames, a type on the event line", &[
        "all_three_line_ends_mean_the_same", "any_split_gives_the_same_frames", "a_five_megabyte_event_arrives_whole_out_of_small_chunks",
        "the_event_line_speaks_when_the_data_has_no_type",
    ]),
    (43, "events that nobody knows are passed over", &["nothing_is_written_before_there_is_something_of_the_answer", "events_that_nobody_knows_are_passed_over"]),
    (44, "response.done is an end", &["response_done_counts_as_completed_unless_its_status_says_otherwise", "an_answer_that_only_the_last_event_tells_is_sent_whole"]),
    (45, "an empty output is rebuilt, blank ids are filled, all messages are joined", &[
        "an_empty_output_is_filled_in_the_order_of_the_output_index", "an_answer_with_empty_output_is_rebuilt_from_its_items",
        "blank_item_ids_fall_back_to_call_id_and_index", "the_texts_of_all_messages_are_joined",
    ]),
    (46, "a partial image that is also the final one is sent once", &["a_picture_is_sent_once"]),
    (47, "a client that goes away takes its upstream along", &["a_client_that_goes_away_takes_its_upstream_along"]),
    (48, "[DONE] comes once, after the usage", &["a_streamed_answer_ends_with_done_exactly_once", "usage_is_a_chunk_of_its_own_and_only_for_those_who_asked"]),
    // Anthropic Messages.
    (60, "interleaved calls are told one after the other", &["interleaved_calls_are_told_one_after_the_other", "any_interleaving_gives_every_item_whole"]),
    (61, "text between the pieces of a call waits", &["text_between_the_pieces_of_a_call_waits_for_its_end"]),
    (62, "one thinking block with one signature", &["many_parts_of_a_summary_are_one_thinking_block_with_one_signature"]),
    (63, "a foreign signature is dropped", &["reasoning_goes_back_only_behind_our_own_signature"]),
    (64, "our own signature makes a round trip", &["thinking_comes_back_with_a_signature_and_goes_to_the_account_that_made_it"]),
    (65, "reasoning that cannot be verified is forgotten once", &["reasoning_of_another_account_is_forgotten_and_the_same_account_asked_once_more"]),
    (66, "a name that comes late is waited for", &["a_name_that_comes_late_is_waited_for"]),
    (67, "empty arguments are {}", &["a_call_without_arguments_gets_an_empty_piece", "a_call_without_arguments_has_an_empty_input"]),
    (68, "every end has its stop_reason", &["every_end_has_its_reason", "a_stop_sequence_ends_the_text_and_is_named"]),
    (69, "cached tokens are subtracted and nothing is negative", &["cached_tokens_are_told_apart_and_nothing_becomes_negative"]),
    (70, "is_error is said in the text", &["a_result_is_a_text_or_parts_and_says_that_it_is_an_error"]),
    (71, "images by url, PDF and text documents", &["images_travel_as_data_or_by_their_address", "documents_travel_as_files_or_as_their_text"]),
    (72, "effort by budget, adaptive, max and disabled", &["thinking_and_effort_become_reasoning"]),
    (73, "every tool_choice, and parallel use turned off", &["a_choice_among_tools_is_kept_in_every_form"]),
    (74, "the billing line does not spoil the prefix", &["the_billing_line_is_removed_so_that_two_builds_have_one_prefix"]),
    (75, "the shape of an error, 529, no [DONE]", &[
        "the_body_has_two_levels_and_the_id_of_the_request", "a_service_with_too_much_to_do_is_529", "a_streamed_answer_ends_with_message_stop_and_nothing_of_openai",
        "a_stream_that_breaks_off_ends_in_an_error_event",
    ]),
    (76, "counting tokens asks no account", &["tokens_are_counted_without_asking_anybody"]),
    (77, "the list of models has the shape that the header asks for", &["the_models_are_listed_in_the_shape_that_the_header_asks_for"]),
    (78, "ids of tools survive their letters", &["odd_ids_are_wrapped_and_missing_ones_made", "every_id_becomes_acceptable_and_comes_back", "a_wrapped_id_goes_back_as_the_upstream_gave_it"]),
    (79, "a system message in the middle stays there", &["a_system_message_in_the_middle_stays_there_as_a_developers"]),
    (80, "a cut call is max_tokens and not tool_use", &["a_cut_answer_is_max_tokens_even_with_a_call", "half_a_call_of_a_cut_answer_is_left_out"]),
    // Routing and HTTP.
    (90, "a 400 never rotates", &["the_clients_own_mistake_goes_back_without_a_second_try"]),
    (91, "a used-up account rests for all models, until a poll shows room", &[
        "a_usage_limit_rests_the_profile_until_its_reset_and_success_ends_a_rest", "a_limit_ends_early_when_a_poll_shows_room_whatever_end_was_told",
        "a_pool_that_is_known_to_be_used_up_answers_at_once",
    ]),
    (92, "a 520 is no used-up allowance", &["a_520_is_no_used_up_allowance"]),
    (93, "an only account is asked again", &["the_only_account_is_asked_again_when_its_rest_is_over"]),
    (94, "one refresh for everybody who waits", &["twenty_requests_that_want_a_token_cause_one_refresh_and_all_are_answered", "a_refused_token_is_renewed_once_and_the_same_profile_answers"]),
    (95, "a used-up account has its token renewed", &["a_used_up_account_still_has_its_token_renewed"]),
    (96, "beyond 120 s clients are told not to retry", &["a_long_wait_tells_clients_not_to_try_again", "a_used_up_pool_is_told_with_its_earliest_reset"]),
    (97, "an account that stepped in does not keep the conversation", &["an_account_that_stepped_in_once_does_not_keep_the_conversation"]),
    (98, "one request's 429s do not lock the pool", &["one_throttled_request_does_not_lock_the_whole_pool", "a_throttled_account_rests_for_its_own_time_and_no_other_with_it"]),
    (99, "zstd is read, a bomb is not", &["a_compressed_body_arrives_upstream_as_it_was_before", "a_bomb_is_refused"]),
    (100, "the order of keys survives", &["codex_and_its_backend_see_each_others_bytes", "a_change_keeps_the_order_of_keys_and_the_spelling_of_the_rest"]),
    (101, "a compaction survives, and the old endpoint is served by a trigger", &["one_that_has_none_is_asked_by_a_trigger_and_remembered", "items_of_any_type_come_back", "an_upstream_that_has_the_endpoint_gets_the_body_as_it_came"]),
    (102, "the hour after which a WebSocket upstream closes is not noticed", &["the_close_after_an_hour_is_not_noticed", "a_session_on_one_socket_outlives_the_upstreams_hour"]),
    (103, "Azure's three forms with both headers", &["every_form_works_with_every_key_header"]),
    (104, "the base64 of an embedding is untouched", &["embeddings_go_to_a_key_and_their_base64_comes_back_untouched"]),
    (105, "an upstream's 401 is never the client's", &["an_upstream_401_is_never_the_clients", "a_login_that_is_refused_is_never_the_clients_401", "when_every_key_refuses_the_client_hears_why_and_never_a_401",
        "a_failure_inside_a_stream_gets_the_status_it_would_have_had"]),
    (106, "a route that does not exist is told in JSON", &["errors_are_json_and_carry_a_request_id"]),
];

#[test]
fn every_case_has_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = HashSet::new();
    collect_tests(&root.join("src"), &mut tests);
    collect_tests(&root.join("tests"), &mut tests);
    let missing: Vec<_> = CASES
        .iter()
        .flat_map(|(number, _, names)| names.iter().map(move |name| (number, name)))
        .filter(|(_, name)| !tests.contains(**name))
        .collect();
    assert_eq!(missing, [], "renamed, or gone");
    assert!(
        CASES
            .iter()
            .all(|(_, words, names)| !words.is_empty() && !names.is_empty())
    );
}

#[test]
fn no_case_is_left_out() {
    let mut numbers: Vec<u32> = CASES.iter().map(|(number, _, _)| *number).collect();
    numbers.sort_unstable();
    let all = (1..=22).chain(30..=48).chain(60..=80).chain(90..=106);
    assert_eq!(numbers, all.collect::<Vec<_>>());
}

/// The names of all functions that carry an attribute of a test, and of those in a `proptest!`.
fn collect_tests(directory: &Path, tests: &mut HashSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_tests(&path, tests);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some(after) = line
                    .strip_prefix("async fn ")
                    .or_else(|| line.strip_prefix("fn "))
                {
                    let name = after.split('(').next().unwrap_or_default();
                    if std::mem::take(&mut is_test) {
                        tests.insert(name.to_owned());
                    }
                }
            }
        }
    }
}
