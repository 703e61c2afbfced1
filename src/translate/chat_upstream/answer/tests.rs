use proptest::prelude::*;
use serde_json::Map;

use super::super::chat_from_responses;
use super::*;
use crate::translate::chat::{ChatAnswer, ChunkWriter, responses_from_chat};
use crate::translate::responses::{EventKind, ResponsesAnswer, TerminalEvent};
use crate::translate::{AnswerCollector, EventWriter, Progress, UpstreamKind};

fn asked(tools: Value) -> Arc<ChatAsked> {
    let Value::Object(body) = json!({"model": "gpt-5.5", "input": "hi", "tools": tools}) else {
        panic!("no object")
    };
    let chat = chat_from_responses(UpstreamKind::Compatible, "m", body, &Map::new());
    chat.unwrap().asked
}

fn reader() -> EventsFromChunks {
    EventsFromChunks::new(asked(json!([])), "7", 1_700_000_000)
}

fn delta(delta: Value) -> String {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}).to_string()
}

fn finish(reason: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}).to_string()
}

fn usage() -> String {
    json!({"choices": [], "usage": {
        "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2},
    }})
    .to_string()
}

/// The events that follow from these chunks and the end of the stream.
fn events_of(mut reader: EventsFromChunks, chunks: &[String]) -> Vec<Value> {
    let mut frames: Vec<Frame> = Vec::new();
    for chunk in chunks {
        frames.extend(reader.push(chunk.as_bytes()));
    }
    frames.extend(reader.finish());
    let events = frames.iter().enumerate().map(|(nth, frame)| {
        let event: Value = serde_json::from_slice(&frame.data).unwrap();
        assert_eq!(event["sequence_number"], nth);
        let raw = format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        );
        assert_eq!(frame.raw.len(), raw.len(), "{raw}");
        assert_eq!(
            frame.event.as_deref(),
            event["type"].as_str().map(str::as_bytes)
        );
        event
    });
    events.collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter().map(|event| event["type"].as_str().unwrap());
    types
        .map(|kind| kind.strip_prefix("response.").unwrap_or(kind))
        .collect()
}

fn last(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]
}

#[test]
fn a_turn_with_thoughts_text_and_a_call_becomes_the_events_beside_it() {
    let chunks: Vec<String> =
        include_str!("../../fixtures/chat_upstream/thinking_turn.chunks.jsonl")
            .lines()
            .map(str::to_owned)
            .collect();
    let expected: Vec<Value> =
        include_str!("../../fixtures/chat_upstream/thinking_turn.events.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
    let events = events_of(reader(), &chunks);
    for (event, expected) in events.iter().zip(&expected) {
        assert_eq!(event, expected);
    }
    assert_eq!(events.len(), expected.len());
}

#[test]
fn text_has_a_beginning_deltas_and_an_end_and_stands_in_the_last_event() {
    let events = events_of(
        reader(),
        &[
            delta(json!({"role": "assistant", "content": ""})),
            delta(json!({"content": "he\n"})),
            delta(json!({"content": "llo"})),
            finish("stop"),
            usage(),
            "[DONE]".to_owned(),
        ],
    );
    assert_eq!(
        types(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    let response = last(&events);
    assert_eq!(response["output"][0]["content"][0]["text"], "he\nllo");
    assert_eq!(response["output"][0], events[8]["item"]);
    assert_eq!(
        response["usage"],
        json!({
            "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 12,
        })
    );
    assert_eq!(
        (&response["id"], &response["model"], &response["created_at"]),
        (&json!("resp_7"), &json!("gpt-5.5"), &json!(1_700_000_000))
    );
    assert_eq!(events[0]["response"]["status"], "in_progress");
}

#[test]
fn calls_that_are_told_in_turns_keep_their_own_arguments_and_order() {
    let call = |index: u64, id: &str, name: &str, arguments: &str| {
        delta(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}),
        )
    };
    let more = |index: u64, arguments: &str| {
        delta(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
    };
    let events = events_of(
        reader(),
        &[
            call(0, "a", "f", ""),
            call(1, "b", "g", "{\"x\""),
            more(0, "{}"),
            more(1, ":1}"),
            call(2, "c", "h", ""),
            finish("tool_calls"),
        ],
    );
    let output = last(&events)["output"].as_array().unwrap();
    let told: Vec<_> = output
        .iter()
        .map(|item| {
            (
                item["call_id"].as_str().unwrap(),
                item["name"].as_str().unwrap(),
                item["arguments"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("a", "f", "{}"), ("b", "g", "{\"x\":1}"), ("c", "h", "{}")]
    );
    for (nth, (_, _, arguments)) in told.iter().enumerate() {
        let deltas = events.iter().filter(|event| {
            event["type"] == "response.function_call_arguments.delta"
                && event["output_index"] == nth
        });
        assert_eq!(
            deltas
                .map(|event| event["delta"].as_str().unwrap())
                .collect::<String>(),
            *arguments
        );
    }
}

#[test]
fn calls_without_numbers_or_all_with_the_same_are_told_apart_by_their_ids() {
    for index in [json!(null), json!(0)] {
        let calls: Vec<String> = ["a", "b"]
            .map(|id| delta(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": id, "arguments": "{}"}}]})))
            .into();
        let events = events_of(reader(), &[calls, vec![finish("tool_calls")]].concat());
        let names: Vec<_> = last(&events)["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "b"], "{index}");
    }
}

/// Names and arguments of the calls that follow from these entries of `tool_calls`, each in a chunk of its own.
fn calls_of(entries: &[Value]) -> Vec<(String, String)> {
    let chunks = entries
        .iter()
        .map(|entry| delta(json!({"tool_calls": [entry]})));
    let chunks: Vec<String> = chunks.chain([finish("tool_calls")]).collect();
    let events = events_of(reader(), &chunks);
    let output = last(&events)["output"].as_array().unwrap().iter();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    output
        .map(|item| (text(item, "name"), text(item, "arguments")))
        .collect()
}

#[test]
fn calls_that_all_are_number_0_without_ids_are_told_apart_by_names_and_whole_arguments() {
    let call = |name: &str, arguments: &str| json!({"index": 0, "id": "", "function": {"name": name, "arguments": arguments}});
    let more = |arguments: &str| json!({"index": "0", "function": {"arguments": arguments}});
    let expected = |calls: &[(&str, &str)]| -> Vec<(String, String)> {
        let calls = calls.iter();
        calls
            .map(|(name, arguments)| (name.to_string(), arguments.to_string()))
            .collect()
    };
    assert_eq!(
        calls_of(&[call("f", "{\"x\":"), more("1}"), call("g", "{}")]),
        expected(&[("f", "{\"x\":1}"), ("g", "{}")])
    );
    assert_eq!(
        calls_of(&[call("f", "{\"x\":1}"), call("f", "{\"x\":"), more("2}")]),
        expected(&[("f", "{\"x\":1}"), ("f", "{\"x\":2}")])
    );
    // It repeats the name in every piece.
    assert_eq!(
        calls_of(&[call("f", "{\"x\":"), call("f", "1}"), call("f", "")]),
        expected(&[("f", "{\"x\":1}")])
    );
}

#[test]
fn a_number_is_read_however_it_is_written() {
    for index in [json!(0), json!("0"), json!(0.0), Value::Null] {
        let chunk = json!({"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": "stop"}]});
        let events = events_of(reader(), &[chunk.to_string()]);
        assert_eq!(last(&events)["output"][0]["content"][0]["text"], "a");
    }
    let second = json!({"choices": [{"index": "1", "delta": {"content": "b"}}]}).to_string();
    let events = events_of(reader(), &[second, finish("stop")]);
    assert_eq!(last(&events)["output"], json!([]));
}

#[test]
fn a_delta_that_cannot_be_read_fails_the_answer() {
    for unreadable in [
        json!({"choices": [{"index": 0, "delta": "text"}]}),
        json!({"choices": ["text"]}),
    ] {
        let events = events_of(reader(), &[unreadable.to_string(), finish("stop")]);
        assert_eq!(last(&events)["error"]["code"], "upstream_event_unreadable");
    }
}

#[test]
fn a_finish_and_a_cost_in_every_chunk_do_not_end_the_answer() {
    let chunk = |text: &str| {
        let usage = json!({"prompt_tokens": 2, "completion_tokens": 1});
        json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}], "usage": usage})
            .to_string()
    };
    let events = events_of(reader(), &[chunk("a"), chunk("b"), "[DONE]".to_owned()]);
    assert_eq!(last(&events)["output"][0]["content"][0]["text"], "ab");
}

#[test]
fn a_status_in_place_of_a_word_is_told_as_a_status() {
    for (code, status) in [
        (json!(400), Some(400)),
        (json!("429"), Some(429)),
        (json!(-32000), None),
        (json!(99_999), None),
        (json!("slow_down"), None),
    ] {
        let error = json!({"error": {"message": "no", "type": "BadRequestError", "code": code}});
        let events = events_of(reader(), &[error.to_string()]);
        let failure = Failure::from_event(events.last().unwrap().to_string().as_bytes());
        assert_eq!(failure.status, status, "{code}");
        assert_eq!(failure.message, "no");
    }
}

#[test]
fn a_call_is_told_when_its_name_is_known_and_never_without_one() {
    let late = [
        delta(
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{\"x\":"}}]}),
        ),
        delta(json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "1}"}}]})),
    ];
    let events = events_of(
        reader(),
        &[late.as_slice(), &[finish("tool_calls")]].concat(),
    );
    assert_eq!(last(&events)["output"][0]["arguments"], "{\"x\":1}");
    let events = events_of(reader(), &[late[0].clone(), finish("tool_calls")]);
    assert_eq!(types(&events), ["created", "in_progress", "failed"]);
}

#[test]
fn a_custom_call_is_unwrapped_and_a_namespace_given_back() {
    let asked = asked(json!([
        {"type": "custom", "name": "apply_patch"},
        {"type": "namespace", "name": "files", "tools": [{"type": "function", "name": "read"}]},
    ]));
    let calls = delta(json!({"tool_calls": [
        {"index": 0, "id": "p", "function": {"name": "apply_patch", "arguments": "{\"input\": \"*** \\\"a\\\"\\n\"}"}},
        {"index": 1, "id": "n", "function": {"name": "files__read", "arguments": "{}"}},
    ]}));
    let events = events_of(
        EventsFromChunks::new(asked.clone(), "7", 1),
        &[calls, finish("tool_calls")],
    );
    let output = &last(&events)["output"];
    assert_eq!(
        (&output[0]["type"], &output[0]["input"], &output[0]["name"]),
        (
            &json!("custom_tool_call"),
            &json!("*** \"a\"\n"),
            &json!("apply_patch")
        )
    );
    assert_eq!(
        (&output[1]["namespace"], &output[1]["name"]),
        (&json!("files"), &json!("read"))
    );
    let inputs: Vec<_> = events
        .iter()
        .filter(|event| {
            event["type"]
                .as_str()
                .unwrap()
                .contains("custom_tool_call_input")
        })
        .collect();
    assert_eq!(
        (&inputs[0]["delta"], &inputs[1]["input"]),
        (&output[0]["input"], &output[0]["input"])
    );

    // The model forgot the wrapper.
    let bare = delta(
        json!({"tool_calls": [{"index": 0, "id": "p", "function": {"name": "apply_patch", "arguments": "*** a"}}]}),
    );
    let events = events_of(
        EventsFromChunks::new(asked, "7", 1),
        &[bare, finish("stop")],
    );
    assert_eq!(last(&events)["output"][0]["input"], "*** a");
}

#[test]
fn every_reason_to_finish_has_its_ending() {
    for (reason, status, details) in [
        ("stop", "completed", Value::Null),
        ("tool_calls", "completed", Value::Null),
        ("eos", "completed", Value::Null),
        ("STOP", "completed", Value::Null),
        (
            "model_context_window_exceeded",
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (
            "sensitive",
            "incomplete",
            json!({"reason": "content_filter"}),
        ),
        ("abort", "failed", Value::Null),
        ("insufficient_system_resource", "failed", Value::Null),
        (
            "length",
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (
            "content_filter",
            "incomplete",
            json!({"reason": "content_filter"}),
        ),
        ("error", "failed", Value::Null),
    ] {
        let events = events_of(reader(), &[delta(json!({"content": "a"})), finish(reason)]);
        let response = last(&events);
        assert_eq!(
            (response["status"].as_str(), &response["incomplete_details"]),
            (Some(status), &details),
            "{reason}"
        );
        assert_eq!(types(&events).last(), Some(&status));
    }
}

#[test]
fn a_strange_reason_to_finish_is_quoted_and_kept_short() {
    for (reason, quoted) in [
        ("abort", r#""abort""#.to_owned()),
        ("a\nb\u{7}", r#""a\nb\u{7}""#.to_owned()),
        (&"x".repeat(5_000), format!("{:?}", "x".repeat(64))),
    ] {
        let events = events_of(reader(), &[finish(reason)]);
        let message = last(&events)["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(&quoted), "{message}");
    }
}

#[test]
fn an_end_without_a_finish_is_a_failure_however_it_comes() {
    for tail in [vec![], vec!["[DONE]".to_owned()]] {
        let events = events_of(
            reader(),
            &[vec![delta(json!({"content": "a"}))], tail].concat(),
        );
        assert_eq!(last(&events)["error"]["code"], "upstream_stream_truncated");
    }
    let nothing = events_of(reader(), &[]);
    assert_eq!(types(&nothing), ["created", "in_progress", "failed"]);
}

#[test]
fn an_error_keeps_its_words_and_nothing_comes_after_it() {
    let error = json!({"error": {"message": "slow down", "code": "rate_limit_exceeded", "type": "requests"}}).to_string();
    let events = events_of(
        reader(),
        &[
            delta(json!({"content": "a"})),
            error,
            delta(json!({"content": "b"})),
            finish("stop"),
        ],
    );
    assert_eq!(types(&events).last(), Some(&"failed"));
    let data = events.last().unwrap().to_string();
    let failure = Failure::from_event(data.as_bytes());
    assert_eq!(
        (failure.code.as_deref(), failure.message.as_str()),
        (Some("rate_limit_exceeded"), "slow down")
    );
    let broken = events_of(reader(), &["{".to_owned()]);
    assert_eq!(last(&broken)["error"]["code"], "upstream_event_unreadable");
}

#[test]
fn the_cost_is_found_wherever_a_server_puts_it() {
    let with_usage = |chunk: String| {
        let mut chunk: Value = serde_json::from_str(&chunk).unwrap();
        chunk["usage"] = json!({"prompt_tokens": 2, "completion_tokens": 1});
        chunk.to_string()
    };
    for chunks in [
        vec![
            delta(json!({"content": "a"})),
            with_usage(json!({"choices": []}).to_string()),
            with_usage(finish("stop")),
        ],
        vec![
            with_usage(delta(json!({"content": "a"}))),
            with_usage(finish("stop")),
        ],
        vec![
            delta(json!({"content": "a"})),
            finish("stop"),
            with_usage(json!({"choices": []}).to_string()),
        ],
    ] {
        let events = events_of(reader(), &chunks);
        assert_eq!(last(&events)["usage"]["total_tokens"], 3);
    }
    let none = events_of(reader(), &[delta(json!({"content": "a"})), finish("stop")]);
    assert_eq!(last(&none)["usage"], Value::Null);
}

#[test]
fn a_whole_answer_is_read_like_a_stream_of_one_chunk() {
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Looking.", "refusal": null,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}],
        }}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    });
    let events = events_of(reader(), &[answer.to_string()]);
    let response = last(&events);
    assert_eq!(response["output"][0]["content"][0]["text"], "Looking.");
    assert_eq!(response["output"][1]["arguments"], "{\"x\":1}");
    assert_eq!(response["status"], "completed");
}

#[test]
fn refusals_logprobs_sources_and_parts_of_other_servers_find_their_place() {
    let refusal = events_of(
        reader(),
        &[
            delta(json!({"refusal": "I "})),
            delta(json!({"refusal": "won't."})),
            finish("stop"),
        ],
    );
    assert_eq!(
        last(&refusal)["output"][0]["content"],
        json!([{"type": "refusal", "refusal": "I won't."}])
    );

    let probable = json!({"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -0.5}]}}]}).to_string();
    let logprobs = events_of(reader(), &[probable.clone(), probable, finish("stop")]);
    assert_eq!(
        last(&logprobs)["output"][0]["content"][0]["logprobs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let cited = delta(
        json!({"content": "a", "annotations": [{"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "X", "start_index": 0, "end_index": 1}}]}),
    );
    let annotations = events_of(reader(), &[cited, finish("stop")]);
    assert_eq!(
        last(&annotations)["output"][0]["content"][0]["annotations"][0]["url"],
        "https://x.test"
    );

    let parts = delta(
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]}),
    );
    let parts = events_of(reader(), &[parts, finish("stop")]);
    assert_eq!(
        last(&parts)["output"][0]["content"][0],
        json!({"type": "reasoning_text", "text": "Hm."})
    );
    assert_eq!(last(&parts)["output"][1]["content"][0]["text"], "Yes.");
}

#[test]
fn the_answer_repeats_what_was_asked() {
    let events = events_of(
        EventsFromChunks::new(asked(json!([{"type": "web_search"}])), "7", 1),
        &[finish("stop")],
    );
    let response = last(&events);
    assert_eq!(response["tools"], json!([{"type": "web_search"}]));
    assert_eq!(
        (&response["tool_choice"], &response["parallel_tool_calls"]),
        (&json!("auto"), &json!(true))
    );
}

/// What a Chat client sees after both translations.
fn through_both(chunks: &[String]) -> (String, Vec<(String, String)>) {
    let request =
        responses_from_chat(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#)
            .unwrap();
    let mut answer = ChatAnswer::new(request.reply_head("chatcmpl-1", 1));
    let mut writer = ChunkWriter::new(request.reply_head("chatcmpl-1", 1));
    let mut record = ResponsesAnswer::new("m", 1);
    let mut out = Vec::new();
    let mut reader = reader();
    let mut frames: Vec<Frame> = chunks
        .iter()
        .flat_map(|chunk| reader.push(chunk.as_bytes()))
        .collect();
    frames.extend(reader.finish());
    let mut progress = Progress::Nothing;
    for frame in &frames {
        let kind = EventKind::of_frame(frame);
        progress = answer.push_kind(kind, &frame.data).unwrap();
        writer.push_kind(kind, &frame.data, &mut out).unwrap();
        record.push_kind(kind, &frame.data).unwrap();
    }
    assert_eq!(progress, Progress::Finished);
    assert_eq!(
        writer.contradictions(),
        0,
        "{}",
        String::from_utf8_lossy(&out)
    );
    let terminal = frames.last().unwrap();
    assert!(TerminalEvent::read(EventKind::of_frame(terminal), &terminal.data).is_some());
    let answer: Value = serde_json::from_slice(&answer.finish().unwrap()).unwrap();
    let message = &answer["choices"][0]["message"];
    let calls = message["tool_calls"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let calls = calls.iter().map(|call| {
        let text = |pointer: &str| call.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        (text("/id"), text("/function/arguments"))
    });
    (
        message["content"].as_str().unwrap_or_default().to_owned(),
        calls.collect(),
    )
}

proptest! {
    #[test]
    fn any_order_of_pieces_gives_the_whole_text_and_every_argument(
        pieces in prop::collection::vec((0_usize..4, "[a-z\"\\\\é\n]{1,5}"), 0..24),
    ) {
        let mut chunks = Vec::new();
        let (mut text, mut arguments) = (String::new(), [const { String::new() }; 3]);
        let mut known = [false; 3];
        for (whom, piece) in &pieces {
            match whom.checked_sub(1) {
                None => {
                    text.push_str(piece);
                    chunks.push(delta(json!({"content": piece})));
                }
                Some(call) => {
                    let function = if std::mem::replace(&mut known[call], true) {
                        json!({"arguments": piece})
                    } else {
                        json!({"name": "f", "arguments": piece})
                    };
                    arguments[call].push_str(piece);
                    chunks.push(delta(json!({"tool_calls": [{"index": call, "id": format!("c{call}"), "function": function}]})));
                }
            }
        }
        chunks.push(finish("stop"));
        let (seen_text, seen_calls) = through_both(&chunks);
        prop_assert_eq!(seen_text, text);
        let mut seen = seen_calls;
        seen.sort();
        let expected: Vec<_> = (0..3).filter(|call| known[*call]).map(|call| (format!("c{call}"), arguments[call].clone())).collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn no_chunk_makes_it_panic(chunks in prop::collection::vec(".{0,40}", 0..4), index in any::<u64>()) {
        let odd = json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": {"name": "f"}}], "content": [1, {"text": 2}]}}]});
        let mut all: Vec<String> = chunks;
        all.push(odd.to_string());
        events_of(reader(), &all);
    }
}
