use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::translate::sse::Frames;

fn head() -> MessageHead {
    MessageHead {
        id: "msg_1".to_owned(),
        model: "claude-test".to_owned(),
        thoughts: Thoughts::Shown,
        ..MessageHead::default()
    }
}

struct Told {
    events: Vec<Value>,
    writer: MessageWriter,
}

fn tell_with(head: MessageHead, events: &[Value]) -> Told {
    let mut writer = MessageWriter::new(head);
    let mut out = Vec::new();
    for event in events {
        if let Err(failure) = writer.push(event.to_string().as_bytes(), &mut out) {
            writer.fail(&failure, &mut out);
        }
    }
    Told {
        events: events_of(out),
        writer,
    }
}

fn tell(events: &[Value]) -> Told {
    tell_with(head(), events)
}

/// The data of all events; each must carry its type on the `event` line, too.
fn events_of(out: Vec<u8>) -> Vec<Value> {
    let mut frames = Frames::default();
    frames.push(Bytes::from(out));
    frames
        .map(|frame| {
            let frame = frame.unwrap();
            let data: Value = serde_json::from_slice(&frame.data).unwrap();
            assert_eq!(
                frame.event.as_deref(),
                data["type"].as_str().map(str::as_bytes)
            );
            data
        })
        .collect()
}

impl Told {
    /// One word an event, with the index of its block.
    fn script(&self) -> Vec<String> {
        let word = |event: &Value| {
            let kind = event["type"].as_str().unwrap();
            let index = &event["index"];
            match kind {
                "content_block_start" => format!(
                    "{index} {}",
                    event["content_block"]["type"].as_str().unwrap()
                ),
                "content_block_delta" => {
                    let delta = event["delta"].as_object().unwrap();
                    format!(
                        "{index} {}",
                        delta.values().nth(1).unwrap().as_str().unwrap()
                    )
                }
                "content_block_stop" => format!("{index} stop"),
                _ => kind.to_owned(),
            }
        };
        self.events.iter().map(word).collect()
    }

    fn end(&self) -> &Value {
        self.events
            .iter()
            .find(|event| event["type"] == "message_delta")
            .unwrap()
    }

    fn stop_reason(&self) -> &str {
        self.end()["delta"]["stop_reason"].as_str().unwrap()
    }

    /// What a client builds from it: type, and text or input of each block. Checks the order of the stream on the way.
    fn blocks(&self) -> Vec<(String, String)> {
        let mut blocks: Vec<(String, String)> = Vec::new();
        let mut open = None;
        for event in &self.events {
            let index = event["index"].as_u64();
            match event["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!(open, None, "one block at a time");
                    assert_eq!(index, Some(blocks.len() as u64), "no gaps");
                    open = index;
                    let block = &event["content_block"];
                    let name = block["name"]
                        .as_str()
                        .unwrap_or(block["type"].as_str().unwrap());
                    blocks.push((name.to_owned(), String::new()));
                }
                "content_block_delta" => {
                    assert_eq!(open, index);
                    let delta = &event["delta"];
                    let texts =
                        ["text", "thinking", "partial_json"].map(|name| delta[name].as_str());
                    if let Some(text) = texts.into_iter().flatten().next() {
                        blocks.last_mut().unwrap().1.push_str(text);
                    }
                }
                "content_block_stop" => assert_eq!(open.take(), index),
                _ => {}
            }
        }
        assert_eq!(open, None, "every block is closed");
        blocks
    }
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "resp_1"}})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"output": [], "usage": {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1}, "output_tokens": 3, "total_tokens": 13}}})
}

fn incomplete(reason: &str) -> Value {
    json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": reason}}})
}

fn added(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn text(index: u64, delta: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": format!("msg_{index}"), "output_index": index, "content_index": 0, "delta": delta})
}

fn text_done(index: u64, text: &str) -> Value {
    done(
        index,
        json!({"id": format!("msg_{index}"), "type": "message", "content": [{"type": "output_text", "text": text}]}),
    )
}

fn call_item(index: u64, name: &str, arguments: &str) -> Value {
    json!({"id": format!("fc_{index}"), "type": "function_call", "call_id": format!("call_{index}"), "name": name, "arguments": arguments})
}

fn arguments(index: u64, delta: &str) -> Value {
    json!({"type": "response.function_call_arguments.delta", "item_id": format!("fc_{index}"), "output_index": index, "delta": delta})
}

fn thought(index: u64, part: u64, delta: &str) -> Value {
    json!({"type": "response.reasoning_summary_text.delta", "item_id": format!("rs_{index}"), "output_index": index, "summary_index": part, "delta": delta})
}

fn reasoning_item(index: u64, summary: &[&str], seal: Option<&str>) -> Value {
    let summary: Vec<Value> = summary
        .iter()
        .map(|text| json!({"type": "summary_text", "text": text}))
        .collect();
    json!({"id": format!("rs_{index}"), "type": "reasoning", "summary": summary, "encrypted_content": seal})
}

#[test]
fn a_text_is_told_event_by_event() {
    let told = tell(&[
        created(),
        text(0, "he"),
        text(0, "llo \"you\"\n"),
        text_done(0, "hello \"you\"\n"),
        completed(),
    ]);
    assert_eq!(
        told.events,
        [
            json!({"type": "message_start", "message": {
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test", "content": [],
                "stop_reason": null, "stop_sequence": null,
                "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "he"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "llo \"you\"\n"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"input_tokens": 5, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 4, "output_tokens": 3}}),
            json!({"type": "message_stop"}),
        ]
    );
    assert_eq!(told.writer.usage().unwrap().total, 13);
    assert_eq!(told.writer.contradictions(), 0);
}

#[test]
fn interleaved_calls_are_told_one_after_the_other() {
    let told = tell(&[
        added(1, call_item(1, "one", "")),
        added(2, call_item(2, "two", "")),
        arguments(1, "{\"a\""),
        arguments(2, "{\"b\""),
        arguments(1, ":1}"),
        arguments(2, ":2}"),
        done(2, call_item(2, "two", "{\"b\":2}")),
        done(1, call_item(1, "one", "{\"a\":1}")),
        completed(),
    ]);
    assert_eq!(
        told.script(),
        [
            "message_start",
            "0 tool_use",
            "0 {\"a\"",
            "0 :1}",
            "0 stop",
            "1 tool_use",
            "1 {\"b\":2}",
            "1 stop",
            "message_delta",
            "message_stop",
        ]
    );
    let start = |index: usize| {
        told.events
            .iter()
            .filter(|event| event["type"] == "content_block_start")
            .nth(index)
            .unwrap()
    };
    assert_eq!(
        start(1)["content_block"],
        json!({"type": "tool_use", "id": "call_2", "name": "two", "input": {}})
    );
    assert_eq!(told.stop_reason(), "tool_use");
}

#[test]
fn text_between_the_pieces_of_a_call_waits_for_its_end() {
    let told = tell(&[
        added(0, call_item(0, "f", "")),
        arguments(0, "{"),
        text(1, "mean"),
        arguments(0, "}"),
        text(1, "while"),
        done(0, call_item(0, "f", "{}")),
        text_done(1, "meanwhile"),
        completed(),
    ]);
    assert_eq!(
        told.script(),
        [
            "message_start",
            "0 tool_use",
            "0 {",
            "0 }",
            "0 stop",
            "1 text",
            "1 meanwhile",
            "1 stop",
            "message_delta",
            "message_stop",
        ]
    );
}

#[test]
fn many_parts_of_a_summary_are_one_thinking_block_with_one_signature() {
    let told = tell(&[
        added(0, reasoning_item(0, &[], Some("early"))),
        thought(0, 0, "First"),
        thought(0, 1, "Second"),
        done(0, reasoning_item(0, &["First", "Second"], Some("late"))),
        text(1, "hi"),
        text_done(1, "hi"),
        completed(),
    ]);
    assert_eq!(
        told.script(),
        [
            "message_start",
            "0 thinking",
            "0 First",
            "0 \n\n",
            "0 Second",
            "0 cxr1.late",
            "0 stop",
            "1 text",
            "1 hi",
            "1 stop",
            "message_delta",
            "message_stop",
        ]
    );
}

#[test]
fn the_signature_of_the_beginning_counts_where_the_end_has_none() {
    let told = tell(&[
        added(0, reasoning_item(0, &[], Some("early"))),
        done(0, reasoning_item(0, &["whole"], None)),
        completed(),
    ]);
    assert_eq!(
        told.script(),
        [
            "message_start",
            "0 thinking",
            "0 whole",
            "0 cxr1.early",
            "0 stop",
            "message_delta",
            "message_stop"
        ]
    );
}

#[test]
fn two_reasoning_items_are_two_blocks_without_a_paragraph_before_the_second() {
    let told = tell(&[
        thought(0, 0, "a"),
        done(0, reasoning_item(0, &["a"], Some("x"))),
        thought(1, 0, "b"),
        done(1, reasoning_item(1, &["b"], Some("y"))),
        completed(),
    ]);
    assert_eq!(
        told.blocks(),
        [
            ("thinking".to_owned(), "a".to_owned()),
            ("thinking".to_owned(), "b".to_owned())
        ]
    );
}

#[test]
fn thoughts_are_shown_as_far_as_the_client_asked() {
    let events = [
        thought(0, 0, "hm"),
        done(0, reasoning_item(0, &["hm"], Some("seal"))),
        text(1, "hi"),
        text_done(1, "hi"),
        completed(),
    ];
    let script = |thoughts| {
        let head = MessageHead { thoughts, ..head() };
        let script = tell_with(head, &events).script();
        script[1..script.len() - 5].to_vec()
    };
    assert_eq!(
        script(Thoughts::Shown),
        ["0 thinking", "0 hm", "0 cxr1.seal", "0 stop"]
    );
    assert_eq!(
        script(Thoughts::Sealed),
        ["0 thinking", "0 cxr1.seal", "0 stop"]
    );
    assert_eq!(script(Thoughts::Hidden), [""; 0]);
}

#[test]
fn a_name_that_comes_late_is_waited_for() {
    let told = tell(&[
        added(0, call_item(0, "", "")),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        done(0, call_item(0, "late", "{\"a\":1}")),
        completed(),
    ]);
    assert_eq!(told.blocks(), [("late".to_owned(), "{\"a\":1}".to_owned())]);
    let nameless = tell(&[
        added(0, call_item(0, "", "")),
        arguments(0, "{}"),
        completed(),
    ]);
    assert_eq!(nameless.blocks(), []);
    assert_eq!(nameless.stop_reason(), "end_turn");
    assert_eq!(nameless.writer.contradictions(), 1);
}

#[test]
fn a_call_without_arguments_gets_an_empty_piece() {
    let told = tell(&[
        added(0, call_item(0, "now", "")),
        done(0, call_item(0, "now", "")),
        completed(),
    ]);
    assert_eq!(
        told.script(),
        [
            "message_start",
            "0 tool_use",
            "0 ",
            "0 stop",
            "message_delta",
            "message_stop"
        ]
    );
}

#[test]
fn what_only_the_last_events_tell_is_told() {
    let whole = tell(&[done(0, call_item(0, "f", "{}")), completed()]);
    assert_eq!(whole.blocks(), [("f".to_owned(), "{}".to_owned())]);
    let mut last = completed();
    last["response"]["output"] = json!([
        {"id": "rs_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "s"},
        {"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "hi"}]},
        call_item(2, "f", "{\"x\":1}"),
    ]);
    let told = tell(std::slice::from_ref(&last));
    assert_eq!(
        told.blocks(),
        [("thinking", "hm"), ("text", "hi"), ("f", "{\"x\":1}")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let repeated = tell(&[
        thought(0, 0, "hm"),
        done(0, reasoning_item(0, &["hm"], Some("s"))),
        text(1, "hi"),
        text_done(1, "hi"),
        added(2, call_item(2, "f", "")),
        arguments(2, "{\"x\":1}"),
        done(2, call_item(2, "f", "{\"x\":1}")),
        last,
    ]);
    assert_eq!(repeated.blocks(), told.blocks());
}

#[test]
fn a_cut_answer_is_max_tokens_even_with_a_call() {
    let told = tell(&[
        added(0, call_item(0, "f", "")),
        arguments(0, "{\"a\""),
        incomplete("max_output_tokens"),
    ]);
    assert_eq!(told.blocks(), [("f".to_owned(), "{\"a\"".to_owned())]);
    assert_eq!(told.stop_reason(), "max_tokens");
}

#[test]
fn a_refusal_is_a_text_with_its_own_reason() {
    let told = tell(&[
        json!({"type": "response.refusal.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "No."}),
        done(
            0,
            json!({"id": "m", "type": "message", "content": [{"type": "refusal", "refusal": "No."}]}),
        ),
        completed(),
    ]);
    assert_eq!(told.blocks(), [("text".to_owned(), "No.".to_owned())]);
    assert_eq!(told.stop_reason(), "refusal");
    assert_eq!(
        tell(&[incomplete("content_filter")]).stop_reason(),
        "refusal"
    );
}

#[test]
fn a_stop_sequence_ends_the_text_and_is_named() {
    let head = MessageHead {
        stop: vec!["END".to_owned(), "\n\n".to_owned()],
        ..head()
    };
    let told = tell_with(
        head.clone(),
        &[
            text(0, "one E"),
            text(0, "ND two"),
            text_done(0, "one END two"),
            added(1, call_item(1, "f", "{}")),
            completed(),
        ],
    );
    assert_eq!(told.blocks(), [("text".to_owned(), "one ".to_owned())]);
    assert_eq!(
        told.end()["delta"],
        json!({"stop_reason": "stop_sequence", "stop_sequence": "END"})
    );
    assert_eq!(
        told.end()["usage"]["output_tokens"],
        3,
        "the price is waited for"
    );

    let held = tell_with(
        head.clone(),
        &[text(0, "one E"), text_done(0, "one E"), completed()],
    );
    assert_eq!(held.blocks(), [("text".to_owned(), "one E".to_owned())]);
    assert_eq!(held.stop_reason(), "end_turn");

    let in_order = tell_with(
        head.clone(),
        &[
            text(0, "one E"),
            added(1, call_item(1, "", "")),
            text(0, "ast"),
            completed(),
        ],
    );
    assert_eq!(
        in_order.blocks(),
        [("text".to_owned(), "one East".to_owned())]
    );

    let mut last = completed();
    last["response"]["output"] = json!([{"id": "m", "type": "message", "content": [{"type": "output_text", "text": "a END b"}]}]);
    let late = tell_with(head, &[last]);
    assert_eq!(late.blocks(), [("text".to_owned(), "a ".to_owned())]);
    assert_eq!(late.stop_reason(), "stop_sequence");
}

#[test]
fn a_failure_is_an_error_event_and_nothing_after_it() {
    let failed = json!({"type": "response.failed", "response": {"error": {"code": "server_is_overloaded", "message": "busy"}}});
    let told = tell(&[
        created(),
        text(0, "half"),
        failed,
        text(0, "more"),
        completed(),
    ]);
    assert_eq!(
        told.script(),
        ["message_start", "0 text", "0 half", "error"]
    );
    assert_eq!(
        told.events.last().unwrap(),
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    );
}

#[test]
fn an_overflow_in_the_middle_has_its_own_reason_and_at_the_beginning_is_an_error() {
    let failed = json!({"type": "response.failed", "response": {"error": {"code": "context_length_exceeded", "message": "long"}}});
    let told = tell(&[text(0, "half"), failed.clone()]);
    assert_eq!(told.blocks(), [("text".to_owned(), "half".to_owned())]);
    assert_eq!(told.stop_reason(), "model_context_window_exceeded");
    assert_eq!(
        tell(&[created(), failed]).script(),
        ["message_start", "error"]
    );
}

#[test]
fn a_ping_comes_after_the_beginning_and_never_after_the_end() {
    let mut writer = MessageWriter::new(head());
    let mut out = Vec::new();
    writer.ping(&mut out);
    writer.ping(&mut out);
    writer
        .push(completed().to_string().as_bytes(), &mut out)
        .unwrap();
    writer.ping(&mut out);
    writer.fail(&Failure::truncated(), &mut out);
    let kinds: Vec<Value> = events_of(out)
        .into_iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "ping",
            "ping",
            "message_delta",
            "message_stop"
        ]
    );
}

#[test]
fn a_break_while_only_the_price_is_awaited_is_a_clean_end() {
    let head = MessageHead {
        stop: vec!["END".to_owned()],
        ..head()
    };
    let mut writer = MessageWriter::new(head);
    let mut out = Vec::new();
    writer
        .push(text(0, "oneEND").to_string().as_bytes(), &mut out)
        .unwrap();
    writer.fail(&Failure::truncated(), &mut out);
    let events = events_of(out);
    assert_eq!(events.last().unwrap()["type"], "message_stop");
}

#[test]
fn odd_ids_are_wrapped_and_missing_ones_made() {
    let mut odd = call_item(0, "f", "{}");
    odd["call_id"] = json!("call:0");
    let mut none = call_item(1, "g", "{}");
    none["call_id"] = Value::Null;
    none["id"] = json!("");
    let told = tell(&[done(0, odd), done(1, none), completed()]);
    let ids: Vec<&str> = told
        .events
        .iter()
        .filter_map(|event| event["content_block"]["id"].as_str())
        .collect();
    assert_eq!(super::super::ids::own_call_id(ids[0]), "call:0");
    assert_eq!(ids[1], "msg_1_1");
}

#[test]
fn searches_and_unknown_events_leave_no_trace() {
    let told = tell(&[
        json!({"type": "codex.rate_limits"}),
        added(0, json!({"id": "ws", "type": "web_search_call"})),
        json!({"type": "response.web_search_call.searching", "output_index": 0}),
        done(
            0,
            json!({"id": "ws", "type": "web_search_call", "status": "completed"}),
        ),
        json!({"type": "response.brand_new"}),
        text(1, "found"),
        text_done(1, "found"),
        completed(),
    ]);
    assert_eq!(told.blocks(), [("text".to_owned(), "found".to_owned())]);
    assert_eq!(told.stop_reason(), "end_turn");
}

/// What one item says, in pieces.
#[derive(Debug, Clone)]
enum Said {
    Text(Vec<String>),
    Call(Vec<String>),
    Thought(Vec<String>),
}

fn item() -> impl Strategy<Value = Said> {
    let pieces = || prop::collection::vec("[a-z\"\\\\é\n]{1,4}", 1..5);
    prop_oneof![
        pieces().prop_map(Said::Text),
        pieces().prop_map(Said::Call),
        pieces().prop_map(Said::Thought)
    ]
}

fn events_of_item(index: u64, said: &Said) -> Vec<Value> {
    match said {
        Said::Text(pieces) => {
            let deltas = pieces.iter().map(|piece| text(index, piece));
            deltas.chain([text_done(index, &pieces.concat())]).collect()
        }
        Said::Call(pieces) => {
            let name = format!("f{index}");
            let begin = added(index, call_item(index, &name, ""));
            let deltas = pieces.iter().map(|piece| arguments(index, piece));
            let end = done(index, call_item(index, &name, &pieces.concat()));
            [begin].into_iter().chain(deltas).chain([end]).collect()
        }
        Said::Thought(pieces) => {
            let deltas = pieces.iter().map(|piece| thought(index, 0, piece));
            let end = done(index, reasoning_item(index, &[&pieces.concat()], Some("s")));
            deltas.chain([end]).collect()
        }
    }
}

proptest! {
    #[test]
    fn any_interleaving_gives_every_item_whole(
        items in prop::collection::vec(item(), 1..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let mut queues: Vec<std::collections::VecDeque<Value>> =
            items.iter().enumerate().map(|(index, said)| events_of_item(index as u64, said).into()).collect();
        let mut events = vec![created()];
        for pick in order {
            let waiting: Vec<usize> = (0..queues.len()).filter(|at| !queues[*at].is_empty()).collect();
            if waiting.is_empty() {
                break;
            }
            events.extend(queues[waiting[pick.index(waiting.len())]].pop_front());
        }
        events.extend(queues.into_iter().flatten());
        events.push(completed());
        let told = tell(&events);
        let mut blocks = told.blocks();
        let mut expected: Vec<(String, String)> = items.iter().enumerate().map(|(index, said)| match said {
            Said::Text(pieces) => ("text".to_owned(), pieces.concat()),
            Said::Call(pieces) => (format!("f{index}"), pieces.concat()),
            Said::Thought(pieces) => ("thinking".to_owned(), pieces.concat()),
        }).collect();
        blocks.sort();
        expected.sort();
        prop_assert_eq!(blocks, expected);
        prop_assert_eq!(told.writer.contradictions(), 0);
    }

    #[test]
    fn no_event_can_panic(kinds in prop::collection::vec(0usize..14, 0..12), index in 0u64..3, word in "[a-z]{0,3}") {
        const KINDS: [&str; 14] = [
            "response.created", "response.output_text.delta", "response.output_text.done", "response.refusal.delta",
            "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.added",
            "response.output_item.done", "response.reasoning_summary_text.delta", "response.content_part.done",
            "response.completed", "response.incomplete", "response.failed", "error",
        ];
        let events: Vec<Value> = kinds.into_iter().map(|kind| json!({
            "type": KINDS[kind], "delta": word, "text": word, "arguments": word, "output_index": index, "item_id": word,
            "part": {"type": "output_text", "text": word},
            "item": {"type": if index == 0 { "function_call" } else { "reasoning" }, "id": word, "name": word, "encrypted_content": word},
            "response": {"output": [{"type": "function_call", "name": word, "arguments": word}, 7]},
        })).collect();
        tell(&events);
    }
}
