use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::translate::chat::responses_from_chat;

fn head() -> ChatReplyHead {
    ChatReplyHead {
        id: "chatcmpl-1".to_owned(),
        created: 1,
        model: "m1".to_owned(),
        ..ChatReplyHead::default()
    }
}

/// The frames that these events become, and how the last one went.
fn written(head: ChatReplyHead, events: &[&str]) -> (String, Result<Progress, Box<Failure>>) {
    let mut writer = ChunkWriter::new(head);
    let mut out = Vec::new();
    let mut last = Ok(Progress::Nothing);
    for event in events {
        last = writer.push(event.as_bytes(), &mut out);
    }
    assert_eq!(writer.contradictions(), 0);
    (String::from_utf8(out).unwrap(), last)
}

fn chunks(text: &str) -> Vec<Value> {
    let frames = text.split("\n\n").filter(|frame| !frame.is_empty());
    let data = frames.map(|frame| frame.strip_prefix("data: ").unwrap());
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Every delta but the first, which is the role.
fn deltas(text: &str) -> Vec<Value> {
    let all = chunks(text);
    assert_eq!(
        all[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    let deltas = all[1..]
        .iter()
        .map(|chunk| chunk["choices"][0]["delta"].clone());
    deltas
        .filter(|delta| !delta.is_null() && *delta != json!({}))
        .collect()
}

fn deltas_of(events: &[&str]) -> Vec<Value> {
    deltas(&written(head(), events).0)
}

fn finish_reasons(text: &str) -> Vec<String> {
    let reasons = chunks(text)
        .into_iter()
        .filter_map(|chunk| Some(chunk["choices"][0]["finish_reason"].as_str()?.to_owned()));
    reasons.collect()
}

/// Puts the calls together as the SDKs do: by index, appending.
fn calls_of(text: &str) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for delta in deltas(text) {
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if index == calls.len() {
                calls.push(Default::default());
            }
            calls[index].0 += call["id"].as_str().unwrap_or_default();
            calls[index].1 += call["function"]["name"].as_str().unwrap_or_default();
            calls[index].2 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    calls
}

fn known(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

const COMPLETED: &str = r#"{"type":"response.completed","response":{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"total_tokens":12}}}"#;

#[test]
fn two_interleaved_calls_become_exactly_these_frames() {
    let events: Vec<&str> = include_str!("../../fixtures/two_calls.events.jsonl")
        .lines()
        .collect();
    let head = ChatReplyHead {
        include_usage: true,
        ..head()
    };
    let (text, last) = written(head, &events);
    assert_eq!(text, include_str!("../../fixtures/two_calls.chunks.txt"));
    assert_eq!(last, Ok(Progress::Finished));
}

#[test]
fn text_is_copied_as_it_is_escaped() {
    let (text, last) = written(
        head(),
        &[
            r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"a\n\u00e9 \"\ud83d\ude00"}"#,
            COMPLETED,
        ],
    );
    let (prefix, suffix) = (
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m1","choices":[{"index":0,"delta":"#,
        r#","logprobs":null,"finish_reason":null}]}"#,
    );
    assert_eq!(
        text,
        format!(
            "{prefix}{{\"role\":\"assistant\",\"content\":\"\"}}{suffix}\n\n{prefix}{{\"content\":\"a\\n\\u00e9 \\\"\\ud83d\\ude00\"}}{suffix}\n\n{prefix}{{}},\"logprobs\":null,\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
        )
    );
    assert_eq!(last, Ok(Progress::Finished));
}

#[test]
fn nothing_is_written_before_there_is_something_of_the_answer() {
    let mut writer = ChunkWriter::new(head());
    let mut out = Vec::new();
    for event in [
        r#"{"type":"response.created","response":{}}"#,
        r#"{"type":"codex.rate_limits","x":1}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m","content":[]}}"#,
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
        r#"{"type":"response.something_new","delta":"x"}"#,
        "[DONE]",
    ] {
        assert_eq!(
            writer.push(event.as_bytes(), &mut out),
            Ok(Progress::Nothing),
            "{event}"
        );
    }
    let overloaded = br#"{"type":"response.failed","response":{"error":{"code":"server_is_overloaded","message":"busy"}}}"#;
    let failure = writer.push(overloaded, &mut out).unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("server_is_overloaded"));
    assert_eq!(out, b"");
}

#[test]
fn a_text_that_is_repeated_whole_is_sent_once() {
    let events = [
        r#"{"type":"response.output_text.delta","item_id":"i","output_index":1,"content_index":0,"delta":"Hel"}"#,
        r#"{"type":"response.output_text.delta","item_id":"i","output_index":1,"content_index":0,"delta":"lo"}"#,
        r#"{"type":"response.output_text.done","item_id":"i","output_index":1,"content_index":0,"text":"Hello"}"#,
        r#"{"type":"response.content_part.done","item_id":"i","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Hello"}}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"i","content":[{"type":"output_text","text":"Hello"}]}}"#,
        r#"{"type":"response.completed","response":{"output":[{"type":"message","id":"i","content":[{"type":"output_text","text":"Hello"}]}]}}"#,
    ];
    assert_eq!(
        deltas_of(&events),
        [json!({"content": "Hel"}), json!({"content": "lo"})]
    );
}

#[test]
fn only_the_end_that_deltas_left_out_is_sent() {
    let events = [
        r#"{"type":"response.output_text.delta","output_index":0,"delta":"Hel"}"#,
        r#"{"type":"response.output_text.done","output_index":0,"text":"Hel\"lo"}"#,
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"message","id":"j","content":[{"type":"output_text","text":"and"},{"type":"output_text","text":" more"}]}}"#,
    ];
    let texts = [
        json!({"content": "Hel"}),
        json!({"content": "\"lo"}),
        json!({"content": "and"}),
        json!({"content": " more"}),
    ];
    assert_eq!(deltas_of(&events), texts);
}

#[test]
fn an_answer_that_only_the_last_event_tells_is_sent_whole() {
    let (text, _) = written(
        head(),
        &[
            r#"{"type":"response.done","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"all"}]},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}]}}"#,
        ],
    );
    assert_eq!(deltas(&text)[0], json!({"content": "all"}));
    assert_eq!(calls_of(&text), [known("c1", "f", "{}")]);
    assert_eq!(finish_reasons(&text), ["tool_calls"]);
}

#[test]
fn a_message_that_only_the_last_event_tells_is_sent_behind_streamed_thoughts() {
    let (text, _) = written(
        head(),
        &[
            r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"hm"}"#,
            r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"one"}"#,
            r#"{"type":"response.completed","response":{"output":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","id":"msg_1","content":[{"type":"output_text","text":"one"}]},{"type":"message","id":"msg_2","content":[{"type":"output_text","text":"two"}]}]}}"#,
        ],
    );
    assert_eq!(
        deltas(&text),
        [
            json!({"reasoning_content": "hm"}),
            json!({"content": "one"}),
            json!({"content": "two"})
        ]
    );
}

#[test]
fn a_last_event_with_other_ids_than_the_stream_repeats_nothing() {
    let (text, _) = written(
        head(),
        &[
            r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"one"}"#,
            r#"{"type":"response.completed","response":{"output":[{"type":"message","id":"msg_x","content":[{"type":"output_text","text":"one"}]}]}}"#,
        ],
    );
    assert_eq!(deltas(&text), [json!({"content": "one"})]);
}

#[test]
fn a_snapshot_that_contradicts_the_deltas_adds_nothing_and_is_counted() {
    let mut writer = ChunkWriter::new(head());
    let mut out = Vec::new();
    for event in [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","delta":"{\"a\":1"}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"fc","arguments":"{\"b\":1,\"c\":2}"}"#,
    ] {
        writer.push(event.as_bytes(), &mut out).unwrap();
    }
    assert_eq!(
        calls_of(&String::from_utf8(out).unwrap()),
        [known("c1", "f", r#"{"a":1"#)]
    );
    assert_eq!(writer.contradictions(), 1);
}

#[test]
fn arguments_that_come_only_whole_are_sent_with_the_name() {
    let item = r#""item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":"{\"a\":1}"}"#;
    let done_only = format!(r#"{{"type":"response.output_item.done","output_index":0,{item}}}"#);
    let (text, _) = written(head(), &[&done_only, COMPLETED]);
    assert_eq!(calls_of(&text), [known("c1", "f", r#"{"a":1}"#)]);
    assert_eq!(deltas(&text).len(), 1);
}

#[test]
fn arguments_before_their_name_wait_for_it() {
    let events = [
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":"{\"a\""}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":"{\"a\":1}"}}"#,
        COMPLETED,
    ];
    assert_eq!(
        calls_of(&written(head(), &events).0),
        [known("c1", "f", r#"{"a":1}"#)]
    );
    let done_first = [
        r#"{"type":"response.function_call_arguments.done","item_id":"fc","arguments":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f"}}"#,
    ];
    assert_eq!(
        calls_of(&written(head(), &done_first).0),
        [known("c1", "f", r#"{"a":1}"#)]
    );
}

#[test]
fn a_call_without_arguments_ends_with_an_empty_object() {
    let events = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":""}}"#,
        COMPLETED,
    ];
    assert_eq!(
        calls_of(&written(head(), &events).0),
        [known("c1", "f", "{}")]
    );
}

#[test]
fn a_call_that_was_cut_off_gets_no_arguments_of_ours() {
    let events = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f"}}"#,
        r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#,
    ];
    assert_eq!(
        calls_of(&written(head(), &events).0),
        [known("c1", "f", "")]
    );
}

#[test]
fn arguments_that_never_get_a_name_are_counted() {
    let mut writer = ChunkWriter::new(head());
    let mut out = Vec::new();
    let delta = br#"{"type":"response.function_call_arguments.delta","item_id":"fc","delta":"{}"}"#;
    writer.push(delta, &mut out).unwrap();
    writer.push(COMPLETED.as_bytes(), &mut out).unwrap();
    assert_eq!(writer.contradictions(), 1);
}

#[test]
fn blank_item_ids_fall_back_to_call_id_and_index() {
    let events = [
        r#"{"type":"response.output_item.added","output_index":3,"item":{"type":"function_call","id":"","call_id":"c1","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"","output_index":3,"delta":"{}"}"#,
        r#"{"type":"response.output_item.done","output_index":3,"item":{"type":"function_call","id":"","call_id":"c1","name":"f","arguments":"{}"}}"#,
        r#"{"type":"response.completed","response":{"output":[{"type":"function_call","id":"","call_id":"c1","name":"f","arguments":"{}"}]}}"#,
    ];
    assert_eq!(
        calls_of(&written(head(), &events).0),
        [known("c1", "f", "{}")]
    );
}

#[test]
fn shortened_names_come_back_as_the_client_knows_them() {
    let long = "tool_".repeat(20);
    let body = json!({"model": "m1", "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function", "function": {"name": long}}]});
    let request = responses_from_chat(body.to_string().as_bytes()).unwrap();
    let item = json!({"type": "function_call", "id": "fc", "call_id": "c1", "name": request.body["tools"][0]["name"], "arguments": "{}"});
    let event =
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}).to_string();
    let (text, _) = written(request.reply_head("chatcmpl-1", 1), &[&event]);
    assert_eq!(calls_of(&text), [known("c1", &long, "{}")]);
}

#[test]
fn a_custom_call_streams_its_input_as_arguments() {
    let events = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"custom_tool_call","id":"ctc","call_id":"c1","name":"patch","input":""}}"#,
        r#"{"type":"response.custom_tool_call_input.delta","item_id":"ctc","delta":"*** "}"#,
        r#"{"type":"response.custom_tool_call_input.done","item_id":"ctc","input":"*** x"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"custom_tool_call","id":"ctc","call_id":"c1","name":"patch","input":"*** x"}}"#,
        COMPLETED,
    ];
    assert_eq!(
        calls_of(&written(head(), &events).0),
        [known("c1", "patch", "*** x")]
    );
}

#[test]
fn old_functions_are_answered_in_the_old_form_and_only_one() {
    let head = ChatReplyHead {
        legacy_functions: true,
        ..head()
    };
    let events: Vec<&str> = include_str!("../../fixtures/two_calls.events.jsonl")
        .lines()
        .collect();
    let (text, _) = written(head, &events);
    assert_eq!(
        deltas(&text),
        [
            json!({"function_call": {"name": "calc", "arguments": ""}}),
            json!({"function_call": {"arguments": "{\"e\""}}),
            json!({"function_call": {"arguments": ":1}"}}),
        ]
    );
    assert_eq!(finish_reasons(&text), ["function_call"]);
}

#[test]
fn refusals_and_reasoning_have_their_own_fields() {
    let events = [
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"summary_index":0,"delta":"first"}"#,
        r#"{"type":"response.reasoning_summary_text.done","item_id":"rs","output_index":0,"summary_index":0,"text":"first"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"summary_index":1,"delta":"second"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"first"},{"type":"summary_text","text":"second"}]}}"#,
        r#"{"type":"response.refusal.delta","item_id":"m","output_index":1,"content_index":0,"delta":"no"}"#,
        r#"{"type":"response.refusal.done","item_id":"m","output_index":1,"content_index":0,"refusal":"no."}"#,
    ];
    assert_eq!(
        deltas_of(&events),
        [
            json!({"reasoning_content": "first"}),
            json!({"reasoning_content": "\n\n"}),
            json!({"reasoning_content": "second"}),
            json!({"refusal": "no"}),
            json!({"refusal": "."}),
        ]
    );
}

#[test]
fn a_cut_answer_finishes_with_length_even_inside_a_call() {
    let call = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f"}}"#;
    let delta =
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","delta":"{\"a"}"#;
    let cut = r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#;
    assert_eq!(
        finish_reasons(&written(head(), &[call, delta, cut]).0),
        ["length"]
    );
    let filtered = r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#;
    assert_eq!(
        finish_reasons(&written(head(), &[filtered]).0),
        ["content_filter"]
    );
}

#[test]
fn usage_is_a_chunk_of_its_own_and_only_for_those_who_asked() {
    let delta = r#"{"type":"response.output_text.delta","delta":"x"}"#;
    let (without, _) = written(head(), &[delta, COMPLETED]);
    assert!(!without.contains("usage"));
    let asked = ChatReplyHead {
        include_usage: true,
        ..head()
    };
    let (with, _) = written(asked, &[delta, COMPLETED]);
    let all = chunks(&with);
    let (last, others) = all.split_last().unwrap();
    assert!(
        others
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null))
    );
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(with.matches("[DONE]").count(), 1);
    assert!(with.ends_with("}\n\ndata: [DONE]\n\n"));
}

#[test]
fn usage_is_known_to_us_whoever_asked() {
    let mut writer = ChunkWriter::new(head());
    writer.push(COMPLETED.as_bytes(), &mut Vec::new()).unwrap();
    assert_eq!(writer.usage().map(|usage| usage.total), Some(12));
}

#[test]
fn a_failure_in_the_middle_is_an_error_frame_and_no_finish() {
    let mut writer = ChunkWriter::new(head());
    let mut out = Vec::new();
    writer
        .push(
            br#"{"type":"response.output_text.delta","delta":"x"}"#,
            &mut out,
        )
        .unwrap();
    let failure = writer
        .push(
            br#"{"type":"error","code":"boom","message":"broke"}"#,
            &mut out,
        )
        .unwrap_err();
    out.clear();
    writer.fail(&failure, &mut out);
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        "data: {\"error\":{\"message\":\"broke\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"boom\"}}\n\n"
    );
    let length = out.len();
    writer.fail(&failure, &mut out);
    assert_eq!(
        writer.push(COMPLETED.as_bytes(), &mut out),
        Ok(Progress::Finished)
    );
    assert_eq!(out.len(), length);
}

#[test]
fn an_upstream_that_stops_in_the_middle_is_never_a_clean_stop() {
    let mut writer = ChunkWriter::new(head());
    let mut out = Vec::new();
    writer
        .push(
            br#"{"type":"response.output_text.delta","delta":"x"}"#,
            &mut out,
        )
        .unwrap();
    writer.cut(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#""code":"upstream_stream_truncated""#));
    assert_eq!(finish_reasons(&text), Vec::<String>::new());
    assert!(!text.contains("[DONE]"));
}

#[test]
fn a_damaged_delta_is_a_failure_and_an_odd_one_is_not() {
    let mut writer = ChunkWriter::new(head());
    let mut out = Vec::new();
    assert!(
        writer
            .push(
                br#"{"type":"response.output_text.delta","delta":"x"#,
                &mut out
            )
            .is_err()
    );
    let odd = br#"{"type":"response.output_text.delta","delta":{"text":"x"}}"#;
    assert_eq!(writer.push(odd, &mut out), Ok(Progress::Nothing));
}

#[test]
fn the_end_is_written_once() {
    let (text, last) = written(
        head(),
        &[
            COMPLETED,
            COMPLETED,
            r#"{"type":"response.output_text.delta","delta":"x"}"#,
        ],
    );
    assert_eq!(last, Ok(Progress::Finished));
    assert_eq!(text.matches("[DONE]").count(), 1);
    assert_eq!(chunks(&text).len(), 2);
}

#[test]
fn a_stop_sequence_ends_the_text_at_once() {
    let head = ChatReplyHead {
        stop: vec!["END".to_owned()],
        ..head()
    };
    let (text, last) = written(
        head,
        &[
            r#"{"type":"response.output_text.delta","delta":"one E"}"#,
            r#"{"type":"response.output_text.delta","delta":"ND two"}"#,
        ],
    );
    assert_eq!(last, Ok(Progress::Finished));
    assert_eq!(deltas(&text), [json!({"content": "one "})]);
    assert_eq!(finish_reasons(&text), ["stop"]);
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[test]
fn probabilities_are_told_although_a_stop_is_watched_for() {
    let head = ChatReplyHead {
        stop: vec!["END".to_owned()],
        logprobs: true,
        ..head()
    };
    let delta = |text: &str| {
        let logprobs = json!([{"token": text, "logprob": -0.5}]);
        json!({"type": "response.output_text.delta", "delta": text, "logprobs": logprobs})
            .to_string()
    };
    let (text, _) = written(head, &[&delta("one"), &delta(" E"), &delta("lse")]);
    let told = chunks(&text)
        .into_iter()
        .map(|chunk| chunk["choices"][0]["logprobs"]["content"][0]["token"].clone())
        .filter(|token| !token.is_null());
    assert_eq!(
        told.collect::<Vec<_>>(),
        [json!("one")],
        "where nothing was held back"
    );
    assert_eq!(
        deltas(&text),
        [
            json!({"content": "one"}),
            json!({"content": " "}),
            json!({"content": "Else"})
        ]
    );
}

#[test]
fn after_a_stop_only_the_tokens_are_awaited_by_those_who_asked() {
    let head = ChatReplyHead {
        stop: vec!["\n".to_owned()],
        include_usage: true,
        ..head()
    };
    let delta = r#"{"type":"response.output_text.delta","delta":"a\nb"}"#;
    let (text, _) = written(head.clone(), &[delta, delta, COMPLETED]);
    assert_eq!(deltas(&text), [json!({"content": "a"})]);
    assert_eq!(finish_reasons(&text), ["stop"]);
    assert_eq!(chunks(&text).last().unwrap()["usage"]["total_tokens"], 12);
    assert_eq!(text.matches("[DONE]").count(), 1);

    let mut writer = ChunkWriter::new(head);
    let mut out = Vec::new();
    writer.push(delta.as_bytes(), &mut out).unwrap();
    writer.cut(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains("error") && text.ends_with("data: [DONE]\n\n"));
}

#[test]
fn text_that_was_held_back_for_a_stop_is_not_lost() {
    let head = ChatReplyHead {
        stop: vec!["END".to_owned()],
        ..head()
    };
    let delta = r#"{"type":"response.output_text.delta","delta":"x EN"}"#;
    let (text, _) = written(head.clone(), &[delta, COMPLETED]);
    assert_eq!(
        deltas(&text),
        [json!({"content": "x "}), json!({"content": "EN"})]
    );
    let call = r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#;
    let more = r#"{"type":"response.output_text.delta","delta":"END"}"#;
    let (text, _) = written(head, &[delta, call, more, COMPLETED]);
    assert_eq!(deltas(&text)[1], json!({"content": "EN"}));
    assert_eq!(deltas(&text)[3], json!({"content": "END"}));
    assert_eq!(finish_reasons(&text), ["tool_calls"]);
}

#[test]
fn a_picture_is_sent_once() {
    let events = [
        r#"{"type":"response.image_generation_call.partial_image","item_id":"ig","output_index":0,"partial_image_b64":"QUJD"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"image_generation_call","id":"ig","result":"QUJD","output_format":"png"}}"#,
    ];
    let image = json!({"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]});
    assert_eq!(deltas_of(&events), [image]);
}

#[test]
fn citations_and_probabilities_are_passed_on() {
    let head = ChatReplyHead {
        logprobs: true,
        ..head()
    };
    let (text, _) = written(
        head,
        &[
            r#"{"type":"response.output_text.delta","delta":"x","logprobs":[{"token":"x","logprob":-0.5}]}"#,
            r#"{"type":"response.output_text.annotation.added","annotation":{"type":"url_citation","url":"https://x.test"}}"#,
        ],
    );
    let all = chunks(&text);
    assert_eq!(
        all[1]["choices"][0]["logprobs"]["content"][0]["logprob"],
        -0.5
    );
    assert_eq!(
        all[2]["choices"][0]["delta"]["annotations"][0]["url_citation"]["url"],
        "https://x.test"
    );
}

#[test]
fn pretty_printed_events_stay_inside_their_frames() {
    let head = ChatReplyHead {
        logprobs: true,
        ..head()
    };
    let (text, _) = written(
        head,
        &[
            "{\n\"type\": \"response.output_text.delta\",\n\"delta\": \"x\",\n\"logprobs\": [\n{\"token\":\n\"x\"}\n]\n}",
        ],
    );
    assert_eq!(
        chunks(&text)[1]["choices"][0]["logprobs"]["content"],
        json!([{"token": "x"}])
    );
}

proptest! {
    /// However the deltas of several calls are mixed, and however an upstream names them, each client gets each call.
    #[test]
    fn interleaved_calls_come_together_exactly(
        calls in prop::collection::vec(prop::collection::vec("[a-zé\"\\\\\n🙂]{0,5}", 0..6), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        naming in 0..3_usize,
        has_snapshot in any::<bool>(),
    ) {
        let name_event = |event: &mut Value, at: usize| {
            if naming != 1 {
                event["item_id"] = json!(format!("fc_{at}"));
            }
            if naming != 0 {
                event["output_index"] = json!(at + 1);
            }
        };
        let mut events = Vec::new();
        for at in 0..calls.len() {
            let item = json!({"type": "function_call", "id": format!("fc_{at}"), "call_id": format!("c{at}"), "name": format!("f{at}"), "arguments": ""});
            events.push(json!({"type": "response.output_item.added", "output_index": at + 1, "item": item}));
        }
        let mut rest: Vec<(usize, std::vec::IntoIter<String>)> = calls.iter().cloned().map(Vec::into_iter).enumerate().collect();
        let mut order = order.into_iter();
        while !rest.is_empty() {
            let pick = order.next().map_or(0, |index| index.index(rest.len()));
            let (at, pieces) = &mut rest[pick];
            match pieces.next() {
                Some(piece) => {
                    let mut event = json!({"type": "response.function_call_arguments.delta", "delta": piece});
                    name_event(&mut event, *at);
                    events.push(event);
                }
                None => {
                    rest.remove(pick);
                }
            }
        }
        let wanted: Vec<String> = calls.iter().map(|pieces| pieces.concat()).collect();
        if has_snapshot {
            for (at, arguments) in wanted.iter().enumerate() {
                let item = json!({"type": "function_call", "id": format!("fc_{at}"), "call_id": format!("c{at}"), "name": format!("f{at}"), "arguments": arguments});
                events.push(json!({"type": "response.output_item.done", "output_index": at + 1, "item": item}));
            }
        }
        events.push(serde_json::from_str(COMPLETED).unwrap());
        let texts: Vec<String> = events.iter().map(Value::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (text, _) = written(head(), &texts);
        let wanted: Vec<(String, String, String)> = wanted.iter().enumerate().map(|(at, arguments)| {
            known(&format!("c{at}"), &format!("f{at}"), if arguments.is_empty() { "{}" } else { arguments })
        }).collect();
        prop_assert_eq!(calls_of(&text), wanted);
    }

    /// Whatever an upstream sends, what goes out is whole frames of valid JSON with at most one end.
    #[test]
    fn no_event_can_break_the_stream(events in prop::collection::vec((event_type(), odd_json(), odd_json(), any::<u8>()), 0..12), legacy in any::<bool>(), stop in any::<bool>()) {
        let head = ChatReplyHead {
            legacy_functions: legacy,
            include_usage: stop,
            logprobs: true,
            stop: if stop { vec!["ab".to_owned()] } else { Vec::new() },
            ..head()
        };
        let mut writer = ChunkWriter::new(head);
        let mut out = Vec::new();
        for (kind, one, two, index) in events {
            let event = json!({
                "type": kind, "delta": one, "text": two, "arguments": two, "item": one, "part": two, "response": one,
                "item_id": two, "output_index": index % 3, "annotation": one, "logprobs": two, "partial_image_b64": one,
            });
            if let Err(failure) = writer.push(event.to_string().as_bytes(), &mut out) {
                writer.fail(&failure, &mut out);
            }
        }
        let text = String::from_utf8(out).unwrap();
        chunks(&text);
        prop_assert!(text.is_empty() || text.ends_with("\n\n"));
        prop_assert!(text.matches("data: [DONE]\n\n").count() <= 1);
        prop_assert!(finish_reasons(&text).len() <= 1);
    }
}

fn event_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.done",
        "response.reasoning_summary_text.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.done",
        "response.output_text.annotation.added",
        "response.image_generation_call.partial_image",
        "response.completed",
        "response.incomplete",
        "response.failed",
    ])
}

fn odd_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i16>().prop_map(Value::from),
        "[ab\"\n]{0,3}".prop_map(Value::from)
    ];
    let key = prop::sample::select(vec![
        "type",
        "id",
        "call_id",
        "name",
        "arguments",
        "content",
        "text",
        "summary",
        "result",
        "output",
        "usage",
        "error",
        "refusal",
    ]);
    let kinds = prop::sample::select(vec![
        "message",
        "function_call",
        "custom_tool_call",
        "reasoning",
        "image_generation_call",
        "output_text",
        "url_citation",
    ]);
    leaf.prop_recursive(3, 20, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            (
                kinds.clone(),
                prop::collection::vec((key.clone(), inner), 0..5)
            )
                .prop_map(|(kind, fields)| {
                    let mut map: serde_json::Map<String, Value> = fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect();
                    map.insert("type".to_owned(), json!(kind));
                    Value::Object(map)
                }),
        ]
    })
}
