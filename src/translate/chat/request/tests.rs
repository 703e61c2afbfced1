use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(body: &Value) -> ChatRequest {
    responses_from_chat(body.to_string().as_bytes()).unwrap()
}

/// The request with one user message and these fields.
fn read_with(fields: Value) -> ChatRequest {
    read(&chat_with(fields))
}

fn chat_with(fields: Value) -> Value {
    let mut body = json!({"model": "m1", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    body
}

fn input_of(messages: Value) -> (Value, Vec<String>) {
    let request = read(&json!({"model": "m1", "messages": messages}));
    (request.body["input"].clone(), request.dropped)
}

/// The field that is refused, and the sentence.
fn refusal(body: &Value) -> (String, String) {
    let error = responses_from_chat(body.to_string().as_bytes()).unwrap_err();
    (error.param.unwrap_or_default(), error.message)
}

fn refused_field(fields: Value) -> String {
    refusal(&chat_with(fields)).0
}

fn call(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}})
}

fn function_call(id: &str, name: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": name, "arguments": "{}"})
}

fn output(id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": text})
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_tool_turn_becomes_items() {
    let request = read(&fixture(include_str!("../../fixtures/tool_turn.chat.json")));
    assert_eq!(
        Value::Object(request.body),
        fixture(include_str!("../../fixtures/tool_turn.responses.json"))
    );
    assert!(request.stream && request.include_usage);
    assert_eq!(request.dropped, Vec::<String>::new());
}

#[test]
fn tools_formats_and_choices_become_flat() {
    let request = read(&fixture(include_str!("../../fixtures/tools.chat.json")));
    assert_eq!(
        Value::Object(request.body),
        fixture(include_str!("../../fixtures/tools.responses.json"))
    );
    assert!(!request.stream);
    assert_eq!(request.dropped, Vec::<String>::new());
    assert!(request.names.is_custom("patch") && !request.names.is_custom("calc"));
}

#[test]
fn text_of_the_assistant_is_output_text() {
    let (input, _) = input_of(json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}, {"type": "refusal", "refusal": "c"}]},
        {"role": "assistant", "content": null, "refusal": "d"},
    ]));
    assert_eq!(
        input,
        json!([
            user("a"),
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "c"},
            ]},
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "d"}]},
        ])
    );
}

#[test]
fn calls_follow_their_text_and_need_no_message() {
    for content in [Value::Null, json!(""), json!([])] {
        let (input, _) = input_of(json!([
            {"role": "assistant", "content": content, "tool_calls": [call("c1", "f")]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
        ]));
        assert_eq!(input, json!([function_call("c1", "f"), output("c1", "r")]));
    }
    let (input, _) = input_of(json!([
        {"role": "assistant", "content": "t", "tool_calls": [call("c1", "f")]},
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ]));
    assert_eq!(input[0]["role"], "assistant");
    assert_eq!(input[1], function_call("c1", "f"));
}

#[test]
fn system_messages_stay_where_they_are_as_developer_items() {
    let request = read(
        &json!({"model": "m1", "response_format": {"type": "json_object"}, "messages": [
            {"role": "system", "content": "answer in json"},
            {"role": "user", "content": ""},
            {"role": "developer", "content": "x"},
        ]}),
    );
    assert_eq!(request.body["input"][0]["role"], "developer");
    assert_eq!(
        request.body["input"][0]["content"][0]["text"],
        "answer in json"
    );
    assert_eq!(request.body["input"][1], user(""));
    assert_eq!(request.body["input"][2]["role"], "developer");
    assert_eq!(
        request.body["text"],
        json!({"format": {"type": "json_object"}})
    );
    assert_eq!(request.body.get("instructions"), None);
}

#[test]
fn images_keep_their_detail_and_may_be_a_bare_string() {
    let (input, dropped) = input_of(json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "high"}},
        {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
        {"type": "input_image", "image_url": "https://x.test/b.png", "detail": "low"},
    ]}]));
    assert_eq!(
        input[0]["content"],
        json!([
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "high"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
            {"type": "input_image", "image_url": "https://x.test/b.png", "detail": "low"},
        ])
    );
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn a_file_travels_as_data_and_never_as_an_id() {
    let (input, _) = input_of(json!([{"role": "user", "content": [
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
    ]}]));
    assert_eq!(
        input[0]["content"],
        json!([{"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}])
    );
    for part in [
        json!({"type": "file", "file": {"file_id": "file-1"}}),
        json!({"type": "input_image", "file_id": "file-1"}),
    ] {
        let (param, _) =
            refusal(&json!({"model": "m1", "messages": [{"role": "user", "content": [part]}]}));
        assert!(param.ends_with("file_id"), "{param}");
    }
}

#[test]
fn parts_that_do_not_exist_are_refused_by_index_and_type() {
    let refused = |role: &str, part: Value| {
        refusal(&json!({"model": "m1", "messages": [{"role": role, "content": ["a", part]}]}))
    };
    let (param, message) = refused("user", json!({"type": "video", "video": {}}));
    assert_eq!(param, "messages[0].content[1]");
    assert!(message.contains("\"video\""), "{message}");
    assert_eq!(
        refused("user", json!({"type": "input_audio", "input_audio": {}})).0,
        "messages[0].content[1]"
    );
    assert_eq!(
        refused("assistant", json!({"type": "image_url", "image_url": "x"})).0,
        "messages[0].content[1]"
    );
    assert_eq!(
        refused("user", json!({"type": "text"})).0,
        "messages[0].content[1].text"
    );
    assert_eq!(refused("user", json!(7)).0, "messages[0].content[1]");
}

#[test]
fn messages_that_cannot_be_understood_are_refused_by_index() {
    let refused = |message: Value| {
        refusal(&json!({"model": "m1", "messages": [{"role": "user", "content": "a"}, message]})).0
    };
    assert_eq!(
        refused(json!({"role": "robot", "content": "x"})),
        "messages[1].role"
    );
    assert_eq!(refused(json!({"content": "x"})), "messages[1].role");
    assert_eq!(refused(json!({"role": "user"})), "messages[1].content");
    assert_eq!(
        refused(json!({"role": "user", "content": 7})),
        "messages[1].content"
    );
    assert_eq!(refused(json!("x")), "messages[1]");
    assert_eq!(
        refused(json!({"role": "assistant", "tool_calls": [{"id": "c"}]})),
        "messages[1].tool_calls[0].function"
    );
    assert_eq!(
        refused(json!({"role": "assistant", "tool_calls": [{"type": "odd"}]})),
        "messages[1].tool_calls[0].type"
    );
    assert_eq!(
        refused(json!({"role": "assistant", "tool_calls": {}})),
        "messages[1].tool_calls"
    );
}

#[test]
fn an_output_without_a_call_and_a_call_without_an_output_are_dropped_and_noted() {
    let (input, dropped) = input_of(json!([
        {"role": "tool", "tool_call_id": "nobody", "content": "x"},
        {"role": "assistant", "tool_calls": [call("c1", "f"), call("c2", "g")]},
        {"role": "tool", "tool_call_id": "c2", "content": "r2"},
        {"role": "tool", "tool_call_id": "c2", "content": "again"},
        {"role": "user", "content": "next"},
        {"role": "tool", "tool_call_id": "c1", "content": "late"},
        {"role": "assistant", "tool_calls": [call("c3", "h")]},
    ]));
    assert_eq!(
        input,
        json!([function_call("c2", "g"), output("c2", "r2"), user("next")])
    );
    assert_eq!(
        dropped,
        [
            "messages[0]",
            "messages[3]",
            "messages[1].tool_calls[0]",
            "messages[5]",
            "messages[6].tool_calls[0]"
        ]
    );
}

#[test]
fn an_id_twice_in_one_batch_counts_once_and_may_come_back_later() {
    let (input, dropped) = input_of(json!([
        {"role": "assistant", "tool_calls": [call("c1", "f"), call("c1", "g")]},
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "assistant", "tool_calls": [call("c1", "h")]},
        {"role": "tool", "tool_call_id": "c1", "content": "r2"},
    ]));
    assert_eq!(
        input,
        json!([
            function_call("c1", "f"),
            output("c1", "r1"),
            function_call("c1", "h"),
            output("c1", "r2")
        ])
    );
    assert_eq!(dropped, ["messages[0].tool_calls[1]"]);
}

#[test]
fn a_call_without_an_id_gets_one_and_the_next_free_output() {
    let (input, dropped) = input_of(json!([
        {"role": "assistant", "tool_calls": [call("", "f"), call("c2", "g"), {"type": "function", "function": {"name": "h"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "r2"},
        {"role": "tool", "tool_call_id": "other", "content": "r1"},
        {"role": "tool", "content": "r3"},
    ]));
    assert_eq!(
        input,
        json!([
            function_call("call_1", "f"),
            function_call("c2", "g"),
            function_call("call_2", "h"),
            output("c2", "r2"),
            output("call_1", "r1"),
            output("call_2", "r3"),
        ])
    );
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn a_tool_answers_with_text_parts_images_objects_or_nothing() {
    let answered = |content: Value| {
        let (input, _) = input_of(json!([
            {"role": "assistant", "tool_calls": [call("c1", "f")]},
            {"role": "tool", "tool_call_id": "c1", "content": content},
        ]));
        input[1]["output"].clone()
    };
    assert_eq!(
        answered(json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])),
        "ab"
    );
    assert_eq!(answered(json!({"ok": true})), r#"{"ok":true}"#);
    assert_eq!(answered(json!([1, {"a": 2}])), r#"[1,{"a":2}]"#);
    assert_eq!(answered(json!(7)), "7");
    assert_eq!(answered(Value::Null), "");
    assert_eq!(
        answered(
            json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:x"}}])
        ),
        json!([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:x", "detail": "auto"}])
    );
}

#[test]
fn arguments_are_always_json_in_a_string() {
    let arguments = |arguments: Value| {
        let (input, _) = input_of(json!([
            {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "c1", "content": ""},
        ]));
        input[0]["arguments"].clone()
    };
    assert_eq!(arguments(json!("")), "{}");
    assert_eq!(arguments(Value::Null), "{}");
    assert_eq!(arguments(json!({"a": 1})), r#"{"a":1}"#);
}

#[test]
fn functions_of_the_old_time_are_tools_and_their_history_is_calls() {
    let request = read(&json!({
        "model": "m1",
        "messages": [
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}},
            {"role": "function", "name": "f", "content": "r"},
            {"role": "function", "name": "f", "content": "orphan"},
        ],
        "functions": [{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}],
        "function_call": {"name": "f"},
    }));
    assert!(request.legacy_functions);
    assert_eq!(
        request.body["input"],
        json!([
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"},
            output("call_1", "r"),
        ])
    );
    assert_eq!(request.body["tools"][0]["name"], "f");
    assert_eq!(
        request.body["tool_choice"],
        json!({"type": "function", "name": "f"})
    );
    assert_eq!(request.body["parallel_tool_calls"], false);
    assert_eq!(request.dropped, ["messages[2]"]);
    let request = read_with(json!({"functions": [{"name": "f"}], "function_call": "none"}));
    assert_eq!(request.body["tool_choice"], "none");
}

#[test]
fn a_custom_call_keeps_its_family_even_when_it_comes_back_as_a_function() {
    let custom_tool = json!({"type": "custom", "custom": {"name": "patch"}});
    for call in [
        json!({"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** x"}}),
        json!({"id": "c1", "type": "function", "index": 0, "function": {"name": "patch", "arguments": "*** x"}}),
    ] {
        let request = read(&json!({"model": "m1", "tools": [custom_tool], "messages": [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ]}));
        assert_eq!(
            request.body["input"],
            json!([
                {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** x"},
                {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
            ])
        );
        assert_eq!(request.dropped, Vec::<String>::new());
    }
}

#[test]
fn long_names_are_short_everywhere_in_the_request_and_known_for_the_answer() {
    let (one, two) = (
        format!("{}1", "t".repeat(64)),
        format!("{}2", "t".repeat(64)),
    );
    let request = read(&json!({
        "model": "m1",
        "messages": [
            {"role": "assistant", "tool_calls": [call("c1", &one)]},
            {"role": "tool", "tool_call_id": "c1", "content": ""},
        ],
        "tools": [{"type": "function", "function": {"name": one}}, {"type": "function", "function": {"name": two}}],
        "tool_choice": {"type": "function", "function": {"name": two}},
    }));
    let wire = |tool: usize| request.body["tools"][tool]["name"].as_str().unwrap();
    assert!(wire(0).len() <= 64 && wire(0) != wire(1));
    assert_eq!(request.body["input"][0]["name"], wire(0));
    assert_eq!(request.body["tool_choice"]["name"], wire(1));
    assert_eq!(
        (request.names.client(wire(0)), request.names.client(wire(1))),
        (one.as_str(), two.as_str())
    );
}

#[test]
fn long_call_ids_still_match() {
    let id = format!("call_{}", "x".repeat(66));
    let (input, _) = input_of(json!([
        {"role": "assistant", "tool_calls": [call(&id, "f")]},
        {"role": "tool", "tool_call_id": id, "content": "r"},
    ]));
    assert_eq!(input[0]["call_id"], input[1]["call_id"]);
    assert_eq!(input[0]["call_id"].as_str().map(str::len), Some(64));
}

#[test]
fn choices_of_tools_are_words_or_names() {
    let choice = |choice: Value| {
        let tools = json!([{"type": "function", "function": {"name": "f"}}]);
        read_with(json!({"tools": tools, "tool_choice": choice})).body["tool_choice"].clone()
    };
    for word in ["none", "auto", "required"] {
        assert_eq!(choice(json!(word)), word);
    }
    assert_eq!(
        choice(json!({"type": "function", "name": "f"})),
        json!({"type": "function", "name": "f"})
    );
    assert_eq!(
        choice(json!({"type": "custom", "custom": {"name": "f"}})),
        json!({"type": "custom", "name": "f"})
    );
    assert_eq!(
        choice(json!({"type": "web_search"})),
        json!({"type": "web_search"})
    );
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    assert_eq!(
        refused_field(json!({"tools": tools, "tool_choice": "sometimes"})),
        "tool_choice"
    );
    assert_eq!(
        refused_field(json!({"tools": tools, "tool_choice": {"type": "function"}})),
        "tool_choice.name"
    );
}

#[test]
fn no_tools_means_nothing_about_tools() {
    let request =
        read_with(json!({"tools": [], "tool_choice": "auto", "parallel_tool_calls": true}));
    for name in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert_eq!(request.body.get(name), None);
    }
}

#[test]
fn a_field_that_is_null_is_a_field_that_is_absent() {
    let mut fields = json!({});
    for name in [
        "temperature",
        "top_p",
        "n",
        "stop",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "max_tokens",
        "response_format",
        "stream_options",
        "logprobs",
        "modalities",
        "reasoning_effort",
        "metadata",
        "audio",
        "input",
    ] {
        fields[name] = Value::Null;
    }
    assert_eq!(read_with(fields), read_with(json!({})));
}

#[test]
fn limits_have_one_name_upstream_and_the_newer_one_wins() {
    let limit = |fields: Value| {
        let request = read_with(fields);
        (request.body["max_output_tokens"].clone(), request.dropped)
    };
    assert_eq!(limit(json!({"max_tokens": 50})), (json!(50), vec![]));
    assert_eq!(
        limit(json!({"max_tokens": 50, "max_completion_tokens": 90})),
        (json!(90), vec!["max_tokens".to_owned()])
    );
    assert_eq!(
        limit(json!({"max_tokens": 90, "max_completion_tokens": 90})),
        (json!(90), vec![])
    );
}

#[test]
fn a_limit_below_what_an_upstream_takes_is_raised_and_not_refused() {
    for few in [0, 1, 5, 16] {
        assert_eq!(
            read_with(json!({"max_tokens": few})).body["max_output_tokens"],
            16
        );
    }
}

#[test]
fn fields_with_one_name_in_both_dialects_get_through() {
    let same = json!({
        "temperature": 0.5, "top_p": 0.9, "metadata": {"a": "b"}, "user": "u", "safety_identifier": "s",
        "service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h", "store": true,
        "prompt_cache_options": {"mode": "x"}, "moderation": {"y": 1},
    });
    let request = read_with(same.clone());
    for (name, value) in same.as_object().unwrap() {
        assert_eq!(request.body.get(name), Some(value), "{name}");
    }
    assert_eq!(request.cache_key.as_deref(), Some("k"));
    assert_eq!(request.dropped, Vec::<String>::new());
}

#[test]
fn probabilities_are_asked_for_in_the_other_dialect() {
    let request = read_with(json!({"logprobs": true, "top_logprobs": 2}));
    assert!(request.logprobs);
    assert_eq!(
        request.body["include"],
        json!(["message.output_text.logprobs"])
    );
    assert_eq!(request.body["top_logprobs"], 2);
}

#[test]
fn effort_and_verbosity_have_several_names() {
    let request = read_with(
        json!({"reasoning_effort": "high", "reasoningSummary": "auto", "textVerbosity": "low"}),
    );
    assert_eq!(
        request.body["reasoning"],
        json!({"effort": "high", "summary": "auto"})
    );
    assert_eq!(request.body["text"], json!({"verbosity": "low"}));
    assert_eq!(read_with(json!({})).body.get("reasoning"), None);

    let request = read_with(json!({
        "reasoning": {"effort": "low", "summary": "auto"}, "reasoningEffort": "medium", "reasoning_effort": "high",
        "text": {"verbosity": "low"}, "verbosity": "high", "textVerbosity": "high", "promptCacheKey": "k", "prompt_cache_key": "k",
    }));
    assert_eq!(
        request.body["reasoning"],
        json!({"effort": "high", "summary": "auto"})
    );
    assert_eq!(request.body["text"], json!({"verbosity": "high"}));
    assert_eq!(request.body["prompt_cache_key"], "k");
    assert_eq!(
        request.dropped,
        ["reasoningEffort", "reasoning.effort", "text.verbosity"],
        "the official name counts, and what it beats is named"
    );
}

#[test]
fn the_switches_of_other_houses_become_an_effort() {
    for (fields, effort, dropped) in [
        (
            json!({"thinking": {"type": "disabled"}}),
            json!("low"),
            vec![],
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 4096}}),
            json!("medium"),
            vec![],
        ),
        (
            json!({"thinking": {"type": "enabled"}}),
            Value::Null,
            vec![],
        ),
        (
            json!({"thinking": {"type": "adaptive"}}),
            Value::Null,
            vec![],
        ),
        (json!({"enable_thinking": false}), json!("low"), vec![]),
        (json!({"enable_thinking": true}), Value::Null, vec![]),
        (
            json!({"enable_thinking": false, "reasoning_effort": "high"}),
            json!("high"),
            vec![],
        ),
        (
            json!({"thinking": "much", "enable_thinking": "yes"}),
            Value::Null,
            vec!["thinking", "enable_thinking"],
        ),
    ] {
        let request = read_with(fields.clone());
        let told = request.body.get("reasoning").map(|it| it["effort"].clone());
        assert_eq!(told.unwrap_or_default(), effort, "{fields}");
        assert_eq!(request.dropped, dropped, "{fields}");
    }
}

#[test]
fn formats_of_the_answer_are_checked() {
    let schema = json!({"type": "json_schema", "json_schema": {"schema": {}}});
    assert_eq!(
        read_with(json!({"response_format": schema})).body["text"]["format"]["name"],
        "response"
    );
    let text = read_with(json!({"response_format": {"type": "text"}}));
    assert_eq!(text.body["text"], json!({"format": {"type": "text"}}));
    assert_eq!(
        refused_field(json!({"response_format": {"type": "xml"}})),
        "response_format.type"
    );
    assert_eq!(
        refused_field(json!({"response_format": {"type": "json_schema"}})),
        "response_format.json_schema"
    );
    let no_schema =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}});
    assert_eq!(
        refused_field(no_schema),
        "response_format.json_schema.schema"
    );
    let both = json!({"response_format": {"type": "text"}, "text": {"format": {"type": "text"}}});
    assert_eq!(refused_field(both), "response_format");
}

#[test]
fn stop_sequences_are_kept_for_us_to_cut_by() {
    assert_eq!(read_with(json!({"stop": "END"})).stop, ["END"]);
    assert_eq!(read_with(json!({"stop": ["a", "", "b"]})).stop, ["a", "b"]);
    assert_eq!(refused_field(json!({"stop": 7})), "stop");
    assert_eq!(refused_field(json!({"stop": ["a", 7]})), "stop");
    assert_eq!(
        refused_field(json!({"stop": ["a", "b", "c", "d", "e"]})),
        "stop"
    );
}

#[test]
fn what_would_silently_become_something_else_is_refused() {
    assert_eq!(refused_field(json!({"n": 2})), "n");
    assert_eq!(refused_field(json!({"n": 0})), "n");
    assert_eq!(
        refused_field(json!({"modalities": ["text", "audio"]})),
        "modalities"
    );
    assert_eq!(
        read_with(json!({"n": 1, "modalities": ["text"]})).dropped,
        Vec::<String>::new()
    );
}

#[test]
fn fields_without_a_place_are_noted_and_not_refused() {
    let request = read_with(json!({
        "logit_bias": {"1": 2}, "seed": 7, "presence_penalty": 0.1, "frequency_penalty": 0.2, "top_k": 3,
        "prediction": {"type": "content", "content": "x"}, "audio": {"voice": "x", "format": "mp3"},
        "stream_options": {"other": 1},
    }));
    let mut dropped = request.dropped;
    dropped.sort();
    assert_eq!(
        dropped,
        [
            "audio",
            "frequency_penalty",
            "logit_bias",
            "prediction",
            "presence_penalty",
            "seed",
            "stream_options.other",
            "top_k",
        ]
    );
    let (_, dropped) = input_of(json!([{
        "role": "user", "name": "bob", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    }]));
    assert_eq!(dropped, ["cache_control", "messages[].name"]);
}

#[test]
fn wrong_types_are_refused_by_name() {
    for (field, value) in [
        ("stream", json!("yes")),
        ("temperature", json!("hot")),
        ("max_tokens", json!(-1)),
        ("tools", json!({})),
        ("messages", json!("hi")),
        ("model", json!(7)),
        ("metadata_is_free", json!(7)),
    ] {
        let body = chat_with(json!({ field: value }));
        match responses_from_chat(body.to_string().as_bytes()) {
            Err(error) => assert_eq!(error.param.as_deref(), Some(field)),
            Ok(request) => assert_eq!(request.dropped, [field]),
        }
    }
    assert_eq!(
        refused_field(json!({"tools": [{"type": "function", "function": {}}]})),
        "tools[0].function.name"
    );
    assert_eq!(refused_field(json!({"tools": [{}]})), "tools[0].type");
    assert_eq!(
        refused_field(json!({"stream_options": {"include_usage": 1}})),
        "stream_options.include_usage"
    );
}

#[test]
fn a_responses_body_goes_on_as_it_is_and_is_answered_as_a_chat() {
    let long = "t".repeat(70);
    let request = read(&json!({
        "model": "m1", "stream": true, "stream_options": {"include_usage": true}, "max_output_tokens": 9, "instructions": "be brief",
        "input": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "c1", "name": long, "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"},
        ],
        "tools": [{"type": "function", "name": long, "parameters": {}}, {"type": "web_search"}],
        "include": ["x"], "logprobs": true, "truncation": null, "seed": 7, "field_of_tomorrow": 1,
    }));
    let wire = request.body["tools"][0]["name"].as_str().unwrap();
    assert!(wire.len() <= 64);
    assert_eq!(request.names.client(wire), long);
    assert_eq!(request.body["input"][2]["name"], wire);
    assert_eq!(request.body["input"][0]["role"], "system");
    assert_eq!(request.body["tools"][1], json!({"type": "web_search"}));
    assert_eq!(
        request.body["include"],
        json!(["message.output_text.logprobs", "x"])
    );
    for (name, value) in [
        ("max_output_tokens", json!(9)),
        ("instructions", json!("be brief")),
        ("field_of_tomorrow", json!(1)),
        ("store", json!(false)),
    ] {
        assert_eq!(request.body.get(name), Some(&value), "{name}");
    }
    assert_eq!(request.body.get("truncation"), None);
    assert!(request.stream && request.include_usage);
    assert_eq!(request.dropped, ["seed"]);
    assert_eq!(request.form, ReplyForm::Chat);
}

#[test]
fn a_responses_body_may_be_one_text_and_have_an_empty_list_of_messages() {
    let request = read(&json!({"model": "m1", "input": "hi", "messages": []}));
    assert_eq!(request.body["input"], json!([user("hi")]));
    let with_both = read_with(json!({"input": "ignored"}));
    assert_eq!(with_both.body["input"], json!([user("hi")]));
    assert_eq!(with_both.dropped, ["input"]);
    assert_eq!(refusal(&json!({"model": "m1", "input": 7})).0, "input");
    assert_eq!(refusal(&json!({"model": "m1", "input": []})).0, "input");
}

#[test]
fn a_chat_without_messages_is_refused_by_name() {
    for body in [
        json!({"model": "m1", "messages": []}),
        json!({"model": "m1"}),
    ] {
        assert_eq!(refusal(&body).0, "messages");
    }
    assert_eq!(refusal(&json!({"messages": []})).0, "model");
}

#[test]
fn a_body_that_is_no_object_gets_a_sentence() {
    let sentence = |body: &str| responses_from_chat(body.as_bytes()).unwrap_err().message;
    assert_eq!(sentence("[]"), "the request body must be a JSON object");
    assert_eq!(
        sentence("{\"model\""),
        "the request body is not valid JSON (line 1, column 8)"
    );
}

#[test]
fn later_turns_of_one_conversation_share_an_opening() {
    let opening = |messages: Value| read(&json!({"model": "m1", "messages": messages})).opening;
    let (system, first) = (
        json!({"role": "system", "content": "s"}),
        json!({"role": "user", "content": "a"}),
    );
    let short = opening(json!([system, first]));
    let later = opening(
        json!([system, first, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]),
    );
    assert_eq!(short, later);
    assert_ne!(
        short,
        opening(json!([system, {"role": "user", "content": "other"}]))
    );
}

#[test]
fn usage_is_only_promised_to_a_stream() {
    assert!(!read_with(json!({"stream_options": {"include_usage": true}})).include_usage);
}

/// JSON that looks like a request often enough to get far inside.
fn chatty_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "user",
        "assistant",
        "tool",
        "system",
        "function",
        "custom",
        "text",
        "image_url",
        "file",
        "auto",
        "c1",
        "",
        "json_schema",
        "grammar",
        "refusal",
        "allowed_tools",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "file",
        "tool_calls",
        "tool_call_id",
        "id",
        "function",
        "function_call",
        "functions",
        "custom",
        "name",
        "arguments",
        "input",
        "tools",
        "tool_choice",
        "parameters",
        "format",
        "grammar",
        "response_format",
        "json_schema",
        "schema",
        "stream_options",
        "stop",
        "web_search_options",
        "user_location",
        "allowed_tools",
        "reasoning",
        "refusal",
    ]);
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_can_panic(value in chatty_json(), messages in prop::collection::vec(chatty_json(), 1..5), tools in prop::collection::vec(chatty_json(), 0..3)) {
        let body = json!({"model": "m1", "messages": messages, "tools": tools, "tool_choice": &value});
        for body in [body, value] {
            match responses_from_chat(body.to_string().as_bytes()) {
                Ok(request) => prop_assert!(request.body["input"].is_array()),
                Err(error) => prop_assert!(!error.message.is_empty()),
            }
        }
    }

    #[test]
    fn every_call_that_is_sent_has_exactly_one_output(turns in prop::collection::vec((0..4_usize, 0..3_usize, 0..3_usize), 1..12)) {
        let messages: Vec<Value> = turns.iter().map(|(kind, one, two)| match kind {
            0 => json!({"role": "user", "content": "u"}),
            1 => json!({"role": "assistant", "content": "a"}),
            2 => json!({"role": "assistant", "tool_calls": [call(&format!("c{one}"), "f"), call(["", "c1", "c2"][*two], "g")]}),
            _ => json!({"role": "tool", "tool_call_id": format!("c{one}"), "content": "r"}),
        }).collect();
        let (input, _) = input_of(Value::Array(messages));
        let mut waiting: Vec<&str> = Vec::new();
        for item in input.as_array().unwrap() {
            let id = item["call_id"].as_str().unwrap_or_default();
            match item["type"].as_str().unwrap() {
                "function_call" => waiting.push(id),
                "function_call_output" => {
                    let at = waiting.iter().position(|waits| *waits == id);
                    prop_assert!(at.is_some(), "no call waits for {id}");
                    waiting.remove(at.unwrap());
                }
                _ => {}
            }
        }
        prop_assert!(waiting.is_empty(), "without output: {waiting:?}");
    }
}
