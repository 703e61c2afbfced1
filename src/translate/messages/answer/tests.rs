use super::*;

fn head() -> MessageHead {
    MessageHead {
        id: "msg_1".to_owned(),
        model: "claude-test".to_owned(),
        thoughts: Thoughts::Shown,
        ..MessageHead::default()
    }
}

fn answer(head: MessageHead, kind: &str, output: Value) -> Result<Value, Box<Failure>> {
    let mut answer = MessageAnswer::new(head);
    let event = json!({"type": kind, "response": {
        "output": output, "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 3, "total_tokens": 13},
    }});
    let event = event.to_string();
    answer.push_kind(EventKind::of_data(event.as_bytes()), event.as_bytes())?;
    let body = answer.finish()?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn completed(output: Value) -> Value {
    answer(head(), "response.completed", output).unwrap()
}

fn text(text: &str) -> Value {
    json!({"id": "m", "type": "message", "content": [{"type": "output_text", "text": text}]})
}

fn call(arguments: &str) -> Value {
    json!({"id": "fc", "type": "function_call", "call_id": "call:1", "name": "weather", "arguments": arguments})
}

#[test]
fn an_answer_is_one_message_with_its_blocks_in_order() {
    let reasoning = json!({"id": "rs", "type": "reasoning", "encrypted_content": "seal", "summary": [
        {"type": "summary_text", "text": "First"}, {"type": "summary_text", "text": "Second"}]});
    assert_eq!(
        completed(json!([
            reasoning,
            text("Let me see."),
            call("{\"city\":\"Lund\"}")
        ])),
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test",
            "content": [
                {"type": "thinking", "thinking": "First\n\nSecond", "signature": "cxr1.seal"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": client_call_id("call:1"), "name": "weather", "input": {"city": "Lund"}},
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 3},
        })
    );
}

#[test]
fn thoughts_that_nobody_asked_for_are_left_out() {
    let reasoning = json!([{"id": "rs", "type": "reasoning", "encrypted_content": "seal", "summary": [{"type": "summary_text", "text": "hm"}]}]);
    let content = |thoughts| {
        let head = MessageHead { thoughts, ..head() };
        answer(head, "response.completed", reasoning.clone()).unwrap()["content"].clone()
    };
    assert_eq!(content(Thoughts::Hidden), json!([]));
    assert_eq!(
        content(Thoughts::Sealed),
        json!([{"type": "thinking", "thinking": "", "signature": "cxr1.seal"}])
    );
}

#[test]
fn a_call_without_arguments_has_an_empty_input() {
    assert_eq!(
        completed(json!([call("")]))["content"][0]["input"],
        json!({})
    );
}

#[test]
fn arguments_that_are_no_object_are_an_error_and_never_an_empty_call() {
    for arguments in ["{\"city\":", "[1]", "null"] {
        let failure = answer(head(), "response.completed", json!([call(arguments)])).unwrap_err();
        assert_eq!(
            failure.code.as_deref(),
            Some("upstream_arguments_unreadable"),
            "{arguments}"
        );
    }
}

#[test]
fn half_a_call_of_a_cut_answer_is_left_out() {
    let cut = answer(
        head(),
        "response.incomplete",
        json!([text("hm"), call("{\"city\":")]),
    )
    .unwrap();
    assert_eq!(cut["content"], json!([{"type": "text", "text": "hm"}]));
    assert_eq!(cut["stop_reason"], "max_tokens");
}

#[test]
fn a_stop_sequence_ends_the_message_and_is_named() {
    let head = MessageHead {
        stop: vec!["END".to_owned()],
        ..head()
    };
    let stopped = answer(
        head.clone(),
        "response.completed",
        json!([text("one END two"), call("{}")]),
    )
    .unwrap();
    assert_eq!(
        stopped["content"],
        json!([{"type": "text", "text": "one "}])
    );
    assert_eq!(
        (&stopped["stop_reason"], &stopped["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
    let whole = answer(head, "response.completed", json!([text("one EN")])).unwrap();
    assert_eq!(whole["content"][0]["text"], "one EN");
    assert_eq!(whole["stop_sequence"], Value::Null);
}

#[test]
fn a_refusal_is_a_text_with_its_own_reason() {
    let refusal =
        json!([{"id": "m", "type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]);
    let told = completed(refusal);
    assert_eq!(
        (&told["content"][0]["text"], &told["stop_reason"]),
        (&json!("No."), &json!("refusal"))
    );
}

#[test]
fn an_answer_without_an_end_is_a_failure() {
    assert_eq!(
        MessageAnswer::new(head()).finish(),
        Err(Box::new(Failure::truncated()))
    );
}
