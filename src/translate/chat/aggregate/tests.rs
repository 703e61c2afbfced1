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

fn answer(head: ChatReplyHead, events: &[&str]) -> Value {
    let mut answer = ChatAnswer::new(head);
    for event in events {
        answer.push(event.as_bytes()).unwrap();
    }
    serde_json::from_slice(&answer.finish().unwrap()).unwrap()
}

fn completed(output: &Value) -> String {
    json!({"type": "response.completed", "response": {"output": output}}).to_string()
}

fn message_of(head: ChatReplyHead, output: &Value) -> Value {
    answer(head, &[&completed(output)])["choices"][0].clone()
}

fn text_item(text: &str) -> Value {
    json!({"type": "message", "content": [{"type": "output_text", "text": text}]})
}

#[test]
fn an_answer_with_empty_output_is_rebuilt_from_its_items() {
    let answer = answer(
        head(),
        &[
            r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"delta":"Hel"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Hello"}]}}"#,
            r#"{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1}}}}"#,
        ],
    );
    assert_eq!(
        answer,
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m1",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": null},
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
        })
    );
}

#[test]
fn the_texts_of_all_messages_are_joined() {
    let parts = json!({"type": "message", "content": [{"type": "output_text", "text": "b"}, {"type": "output_text", "text": "c"}]});
    let choice = message_of(head(), &json!([text_item("a"), parts]));
    assert_eq!(choice["message"]["content"], "abc");
}

#[test]
fn calls_come_in_the_order_of_items_and_leave_no_empty_text() {
    let choice = message_of(
        head(),
        &json!([
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "think"}, {"type": "summary_text", "text": "again"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
        ]),
    );
    assert_eq!(
        choice["message"],
        json!({
            "role": "assistant", "content": null, "refusal": null, "reasoning_content": "think\n\nagain",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "raw"}},
            ],
        })
    );
    assert_eq!(choice["finish_reason"], "tool_calls");
}

#[test]
fn a_declared_custom_tool_is_answered_as_one_under_its_own_name() {
    let long = "p".repeat(80);
    let body = json!({"model": "m1", "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "custom", "custom": {"name": long}}]});
    let request = responses_from_chat(body.to_string().as_bytes()).unwrap();
    let call = json!({"type": "custom_tool_call", "call_id": "c1", "name": request.body["tools"][0]["name"], "input": "raw"});
    let choice = message_of(request.reply_head("chatcmpl-1", 1), &json!([call]));
    assert_eq!(
        choice["message"]["tool_calls"],
        json!([{"id": "c1", "type": "custom", "custom": {"name": long, "input": "raw"}}])
    );
}

#[test]
fn an_old_function_is_answered_in_the_old_form() {
    let head = ChatReplyHead {
        legacy_functions: true,
        ..head()
    };
    let choice = message_of(
        head,
        &json!([{"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}]),
    );
    assert_eq!(
        choice["message"]["function_call"],
        json!({"name": "f", "arguments": "{}"})
    );
    assert_eq!(choice["finish_reason"], "function_call");
}

#[test]
fn an_empty_answer_is_an_empty_text_and_a_refusal_is_none() {
    assert_eq!(message_of(head(), &json!([]))["message"]["content"], "");
    let refused = json!([{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]);
    let choice = message_of(head(), &refused);
    assert_eq!(
        choice["message"],
        json!({"role": "assistant", "content": null, "refusal": "no"})
    );
    assert_eq!(choice["finish_reason"], "stop");
}

#[test]
fn a_stop_sequence_cuts_a_text_but_not_a_turn_with_calls() {
    let head = ChatReplyHead {
        stop: vec!["END".to_owned()],
        ..head()
    };
    let incomplete =
        json!({"type": "response.incomplete", "response": {"output": [text_item("one END two")]}})
            .to_string();
    let cut = answer(head.clone(), &[&incomplete]);
    assert_eq!(cut["choices"][0]["message"]["content"], "one ");
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
    let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
    let choice = message_of(head, &json!([text_item("one END two"), call]));
    assert_eq!(choice["message"]["content"], "one END two");
}

#[test]
fn the_probabilities_of_what_was_cut_are_cut_with_it() {
    let head = ChatReplyHead {
        stop: vec!["END".to_owned()],
        logprobs: true,
        ..head()
    };
    let token = |token: &str| json!({"token": token, "logprob": -1.0});
    let part = json!({"type": "output_text", "text": "one END two", "logprobs": [token("one"), token(" "), token("END"), token(" two")]});
    let choice = message_of(head, &json!([{"type": "message", "content": [part]}]));
    assert_eq!(choice["message"]["content"], "one ");
    assert_eq!(
        choice["logprobs"]["content"],
        json!([token("one"), token(" ")])
    );
}

#[test]
fn pictures_citations_and_probabilities_are_kept() {
    let head = ChatReplyHead {
        logprobs: true,
        ..head()
    };
    let choice = message_of(
        head,
        &json!([
            {"type": "image_generation_call", "result": "QUJD", "output_format": "webp"},
            {"type": "message", "content": [{
                "type": "output_text", "text": "x",
                "annotations": [{"type": "url_citation", "url": "https://x.test"}, {"type": "file_path"}],
                "logprobs": [{"token": "x", "logprob": -1.0}],
            }]},
        ]),
    );
    assert_eq!(
        choice["message"]["images"][0]["image_url"]["url"],
        "data:image/webp;base64,QUJD"
    );
    assert_eq!(
        choice["message"]["annotations"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        choice["logprobs"],
        json!({"content": [{"token": "x", "logprob": -1.0}], "refusal": null})
    );
}

#[test]
fn a_failed_or_truncated_stream_is_no_answer() {
    let mut failed = ChatAnswer::new(head());
    let failure = failed.push(br#"{"type":"error","error":{"type":"usage_limit_reached","message":"limit","resets_at":5}}"#);
    assert_eq!(failure.unwrap_err().resets_at, Some(5));
    let mut cut = ChatAnswer::new(head());
    cut.push(br#"{"type":"response.output_text.delta","delta":"half"}"#)
        .unwrap();
    assert_eq!(
        cut.finish().unwrap_err().code.as_deref(),
        Some("upstream_stream_truncated")
    );
}
