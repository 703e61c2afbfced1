use proptest::prelude::*;

use super::*;
use crate::translate::rules;
use crate::translate::{UpstreamKind, messages::ids::signature_of};

fn read(request: Value) -> MessagesRequest {
    responses_from_messages(request.to_string().as_bytes()).unwrap()
}

fn refused(request: Value) -> RequestError {
    responses_from_messages(request.to_string().as_bytes()).unwrap_err()
}

fn asking(messages: Value) -> Value {
    json!({"model": "claude-test", "max_tokens": 64, "messages": messages})
}

fn with(field: &str, value: Value) -> Value {
    let mut request = asking(json!([{"role": "user", "content": "hi"}]));
    request[field] = value;
    request
}

fn input(messages: Value) -> Value {
    read(asking(messages)).body["input"].clone()
}

fn message(role: &str, text: &str) -> Value {
    let part = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    json!({"type": "message", "role": role, "content": [{"type": part, "text": text}]})
}

fn tool_turn(result: Value) -> Value {
    let mut result = result;
    result["type"] = json!("tool_result");
    result["tool_use_id"] = json!("toolu_1");
    input(json!([
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Lund"}}]},
        {"role": "user", "content": [result]},
    ]))
}

#[test]
fn a_request_becomes_a_responses_body() {
    let request = read(json!({
        "model": "claude-test", "max_tokens": 50, "stream": true, "temperature": 0.5, "top_k": 3,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}],
    }));
    assert_eq!(
        Value::Object(request.body.clone()),
        json!({
            "model": "claude-test",
            "input": [message("developer", "Be brief."), message("user", "hi")],
            "max_output_tokens": 50,
            "temperature": 0.5,
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
        })
    );
    assert!(request.stream);
    assert_eq!(request.dropped, ["cache_control", "top_k"]);
}

#[test]
fn the_chatgpt_backend_gets_no_limit_and_the_public_api_does() {
    let request = read(with("temperature", json!(0.2)));
    for (kind, is_kept) in [(UpstreamKind::ChatGpt, false), (UpstreamKind::OpenAi, true)] {
        let mut body = request.body.clone();
        let dropped = rules::adapt(kind, &mut body);
        assert_eq!(body.contains_key("max_output_tokens"), is_kept);
        assert_eq!(body.contains_key("temperature"), is_kept);
        assert_eq!(dropped.contains(&"max_output_tokens".to_owned()), !is_kept);
    }
}

#[test]
fn a_probe_for_one_token_asks_for_the_least_that_an_upstream_takes() {
    assert_eq!(
        read(with("max_tokens", json!(1))).body["max_output_tokens"],
        16
    );
}

#[test]
fn a_system_message_in_the_middle_stays_there_as_a_developers() {
    assert_eq!(
        input(json!([
            {"role": "user", "content": "one"},
            {"role": "system", "content": [{"type": "text", "text": "note"}]},
            {"role": "user", "content": "two"},
            {"role": "system", "content": "end"},
        ])),
        json!([
            message("user", "one"),
            message("developer", "note"),
            message("user", "two"),
            message("developer", "end"),
        ])
    );
}

#[test]
fn the_billing_line_is_removed_so_that_two_builds_have_one_prefix() {
    let of_build = |build: &str| {
        let mut request = asking(json!([{"role": "user", "content": "hi"}]));
        request["system"] = json!([
            {"type": "text", "text": format!("x-anthropic-billing-header: cc_version={build}; cch=1;")},
            {"type": "text", "text": "You are Claude Code."},
        ]);
        read(request)
    };
    let (one, two) = (of_build("2.1.1"), of_build("2.1.2"));
    assert_eq!(one.body, two.body);
    assert_eq!(one.opening, two.opening);
    assert_eq!(one.dropped, ["system[0]"]);
    assert_eq!(
        one.body["input"][0],
        message("developer", "You are Claude Code.")
    );
    let one_text = read(with(
        "system",
        json!("x-anthropic-billing-header: a\n\nBe brief."),
    ));
    assert_eq!(one_text.body["input"][0], message("developer", "Be brief."));
}

#[test]
fn images_travel_as_data_or_by_their_address() {
    assert_eq!(
        input(json!([{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        ]}])),
        json!([{"type": "message", "role": "user", "content": [
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        ]}])
    );
}

#[test]
fn documents_travel_as_files_or_as_their_text() {
    let parts = |source: Value| {
        let block =
            json!({"type": "document", "title": "Notes", "context": "from Ann", "source": source});
        input(json!([{"role": "user", "content": [block]}]))[0]["content"].clone()
    };
    assert_eq!(
        parts(json!({"type": "base64", "media_type": "application/pdf", "data": "JVBE"})),
        json!([
            {"type": "input_text", "text": "from Ann"},
            {"type": "input_file", "filename": "Notes.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        ])
    );
    assert_eq!(
        parts(json!({"type": "text", "media_type": "text/plain", "data": "milk"})),
        json!([{"type": "input_text", "text": "Notes\n\nfrom Ann"}, {"type": "input_text", "text": "milk"}])
    );
    assert_eq!(
        parts(json!({"type": "url", "url": "https://x.test/a.pdf"}))[1],
        json!({"type": "input_file", "file_url": "https://x.test/a.pdf"})
    );
    assert_eq!(
        parts(json!({"type": "content", "content": [{"type": "text", "text": "milk"}]}))[1]["text"],
        "milk"
    );
}

#[test]
fn what_lives_with_anthropic_is_refused_by_its_place() {
    let block = |block: Value| refused(asking(json!([{"role": "user", "content": [block]}])));
    let image = block(json!({"type": "image", "source": {"type": "file", "file_id": "f"}}));
    assert_eq!(
        image.param.as_deref(),
        Some("messages[0].content[0].source.type")
    );
    let unknown = block(json!({"type": "container_upload", "file_id": "f"}));
    assert_eq!(unknown.param.as_deref(), Some("messages[0].content[0]"));
    let tool = refused(with(
        "tools",
        json!([{"type": "computer_20250124", "name": "computer"}]),
    ));
    assert_eq!(tool.param.as_deref(), Some("tools[0].type"));
    let thread = refused(with("thread", json!({"type": "continue"})));
    assert_eq!(thread.param.as_deref(), Some("thread"));
    assert_eq!(thread.code.as_deref(), Some("thread_unsupported_request"));
}

#[test]
fn what_cannot_be_understood_is_refused_by_its_place() {
    for (request, place) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": []}), "messages"),
        (json!({"model": "m", "messages": "hi"}), "messages"),
        (
            asking(json!([{"role": "tool", "content": "x"}])),
            "messages[0].role",
        ),
        (asking(json!([{"role": "user"}])), "messages[0].content"),
        (
            asking(json!([{"role": "user", "content": 7}])),
            "messages[0].content",
        ),
        (
            asking(json!([{"role": "user", "content": [7]}])),
            "messages[0].content[0]",
        ),
        (asking(json!([{"role": "user", "content": []}])), "messages"),
        (with("tool_choice", json!({"type": "tool"})), ""),
        (with("stop_sequences", json!([7])), "stop_sequences"),
        (with("thinking", json!({"type": "deep"})), "thinking.type"),
        (with("max_tokens", json!("many")), "max_tokens"),
        (
            with("output_config", json!({"format": {"type": "xml"}})),
            "output_config.format.type",
        ),
    ] {
        let read = responses_from_messages(request.to_string().as_bytes());
        match read {
            Err(error) => assert_eq!(error.param.as_deref(), Some(place), "{request}"),
            // A choice among no tools means nothing.
            Ok(_) => assert_eq!(place, "", "{request}"),
        }
    }
    assert!(responses_from_messages(b"[]").is_err());
    assert!(responses_from_messages(b"{").is_err());
}

#[test]
fn a_call_and_its_result_stand_in_order_with_the_text_between_them() {
    assert_eq!(
        input(json!([
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Lund"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                {"type": "text", "text": "And tomorrow?"},
            ]},
        ])),
        json!([
            message("user", "weather?"),
            message("assistant", "Let me see."),
            {"type": "function_call", "call_id": "toolu_1", "name": "weather", "arguments": "{\"city\":\"Lund\"}"},
            {"type": "function_call_output", "call_id": "toolu_1", "output": "sunny"},
            message("user", "And tomorrow?"),
        ])
    );
}

#[test]
fn a_result_is_a_text_or_parts_and_says_that_it_is_an_error() {
    let output = |result: Value| tool_turn(result)[2]["output"].clone();
    assert_eq!(output(json!({})), "");
    assert_eq!(
        output(json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})),
        "a\nb"
    );
    assert_eq!(
        output(json!({"content": "no such city", "is_error": true})),
        "Error: no such city"
    );
    assert_eq!(
        output(json!({"content": "Error: gone", "is_error": true})),
        "Error: gone"
    );
    assert_eq!(
        output(
            json!({"is_error": true, "content": [{"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}]})
        ),
        json!([
            {"type": "input_text", "text": "Error:"},
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        ])
    );
    assert_eq!(
        output(json!({"content": [{"type": "tool_reference", "tool_name": "x"}]})),
        r#"{"type":"tool_reference","tool_name":"x"}"#
    );
}

#[test]
fn a_history_with_gaps_is_repaired_and_every_repair_is_noted() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
    let request = read(asking(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [call("a"), call("a"), call("lost")]},
        {"role": "user", "content": [result("a"), result("nobody")]},
        {"role": "assistant", "content": [call("a")]},
        {"role": "user", "content": [result("a")]},
    ])));
    let kinds: Vec<&str> = request.body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "message",
            "function_call",
            "function_call_output",
            "function_call",
            "function_call_output"
        ]
    );
    assert_eq!(
        request.dropped,
        [
            "messages[1].content[1]",
            "messages[2].content[1]",
            "messages[1].content[2]"
        ]
    );
}

#[test]
fn a_system_message_between_a_call_and_its_result_separates_nothing() {
    let items = input(json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "system", "content": "note"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
    ]));
    assert_eq!(
        items[2],
        json!({"type": "function_call_output", "call_id": "t", "output": ""})
    );
}

#[test]
fn reasoning_goes_back_only_behind_our_own_signature() {
    let request = read(asking(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": signature_of("gAAAA-ours")},
            {"type": "thinking", "thinking": "hm", "signature": "EqQBCkYIBxgC"},
            {"type": "redacted_thinking", "data": "EmwKAhgBEgy3"},
            {"type": "text", "text": "done"},
        ]},
        {"role": "user", "content": "thanks"},
    ])));
    assert_eq!(
        request.body["input"][1],
        json!({"type": "reasoning", "summary": [], "encrypted_content": "gAAAA-ours"})
    );
    assert_eq!(request.body["input"][2], message("assistant", "done"));
    assert_eq!(
        request.dropped,
        ["messages[1].content[1]", "messages[1].content[2]"]
    );
}

#[test]
fn thinking_and_effort_become_reasoning() {
    let reasoning = |thinking: Value, effort: Value| {
        let mut request = asking(json!([{"role": "user", "content": "hi"}]));
        request["thinking"] = thinking;
        request["output_config"] = json!({ "effort": effort });
        let request = read(request);
        let reasoning = request.body.get("reasoning").cloned().unwrap_or_default();
        (
            reasoning["effort"].clone(),
            reasoning["summary"].clone(),
            request.thoughts,
        )
    };
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let auto = || json!("auto");
    for (thinking, effort, expected) in [
        (
            Value::Null,
            Value::Null,
            (Value::Null, Value::Null, Thoughts::Hidden),
        ),
        (
            Value::Null,
            json!("high"),
            (json!("high"), Value::Null, Thoughts::Hidden),
        ),
        (
            json!({"type": "disabled"}),
            json!("high"),
            (json!("low"), Value::Null, Thoughts::Hidden),
        ),
        (
            enabled(1024),
            Value::Null,
            (json!("low"), auto(), Thoughts::Shown),
        ),
        (
            enabled(8192),
            Value::Null,
            (json!("medium"), auto(), Thoughts::Shown),
        ),
        (
            enabled(24_576),
            Value::Null,
            (json!("high"), auto(), Thoughts::Shown),
        ),
        (
            enabled(32_000),
            Value::Null,
            (json!("xhigh"), auto(), Thoughts::Shown),
        ),
        (
            enabled(1024),
            json!("high"),
            (json!("high"), auto(), Thoughts::Shown),
        ),
        (
            json!({"type": "adaptive"}),
            Value::Null,
            (Value::Null, auto(), Thoughts::Shown),
        ),
        (
            json!({"type": "adaptive"}),
            json!("max"),
            (json!("xhigh"), auto(), Thoughts::Shown),
        ),
        (
            json!({"type": "adaptive", "display": "omitted"}),
            json!("medium"),
            (json!("medium"), Value::Null, Thoughts::Sealed),
        ),
    ] {
        assert_eq!(
            reasoning(thinking.clone(), effort.clone()),
            expected,
            "{thinking} {effort}"
        );
    }
}

#[test]
fn a_schema_for_the_answer_is_kept_by_both_of_its_names() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let format = json!({"type": "json_schema", "schema": schema});
    for (field, value) in [
        ("output_config", json!({ "format": format })),
        ("output_format", format.clone()),
    ] {
        assert_eq!(
            read(with(field, value)).body["text"],
            json!({"format": {"type": "json_schema", "name": "response", "schema": schema, "strict": false}})
        );
    }
}

#[test]
fn tools_lose_what_upstreams_do_not_know() {
    let request = read(with(
        "tools",
        json!([
            {"name": "weather", "description": "The weather", "cache_control": {"type": "ephemeral"}, "defer_loading": true,
             "input_schema": {"$schema": "x", "type": "object", "properties": {"city": {"type": "string"}}}},
            {"type": "custom", "name": "now", "input_schema": {}, "strict": true, "eager_input_streaming": true},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["x.test"],
             "user_location": {"type": "approximate", "city": "Lund"}},
            {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
        ]),
    ));
    assert_eq!(
        request.body["tools"],
        json!([
            {"type": "function", "name": "weather", "description": "The weather",
             "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}, "strict": false},
            {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": true},
            {"type": "web_search", "filters": {"allowed_domains": ["x.test"]},
             "user_location": {"type": "approximate", "city": "Lund"}},
        ])
    );
    assert_eq!(
        request.dropped,
        [
            "cache_control",
            "defer_loading",
            "tools[].eager_input_streaming",
            "tools[].max_uses",
            "tools[3]"
        ]
    );
}

#[test]
fn a_deferred_tool_is_loaded_and_the_placeholder_of_claude_code_is_not() {
    let tool = |name: &str| json!({"name": name, "input_schema": {}, "defer_loading": true});
    let request = read(with(
        "tools",
        json!([tool("DeferredToolPlaceholder"), tool("mcp__x")]),
    ));
    assert_eq!(request.body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(request.body["tools"][0]["name"], "mcp__x");
    assert_eq!(request.dropped, ["tools[0]", "defer_loading"]);
}

#[test]
fn a_choice_among_tools_is_kept_in_every_form() {
    let chosen = |choice: Value| {
        let mut request = with(
            "tools",
            json!([{"name": "f", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]),
        );
        request["tool_choice"] = choice;
        let body = read(request).body;
        (
            body["tool_choice"].clone(),
            body.get("parallel_tool_calls").cloned(),
        )
    };
    for (choice, expected) in [
        (json!({"type": "auto"}), (json!("auto"), None)),
        (
            json!({"type": "any", "disable_parallel_tool_use": true}),
            (json!("required"), Some(json!(false))),
        ),
        (json!({"type": "none"}), (json!("none"), None)),
        (
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": false}),
            (json!({"type": "function", "name": "f"}), Some(json!(true))),
        ),
        (
            json!({"type": "tool", "name": "web_search"}),
            (json!({"type": "web_search"}), None),
        ),
    ] {
        assert_eq!(chosen(choice.clone()), expected, "{choice}");
    }
    let without = read(with("tool_choice", json!({"type": "any"})));
    assert!(!without.body.contains_key("tool_choice"));
}

#[test]
fn names_that_are_too_long_are_short_everywhere_and_come_back() {
    let long = format!("mcp__server__{}", "x".repeat(70));
    let mut request = asking(json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": long, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
    ]));
    request["tools"] = json!([{"name": long, "input_schema": {}}]);
    request["tool_choice"] = json!({"type": "tool", "name": long});
    let request = read(request);
    let wire = request.body["tools"][0]["name"].as_str().unwrap();
    assert!(wire.len() <= 64);
    assert_eq!(request.body["tool_choice"]["name"], wire);
    assert_eq!(request.body["input"][0]["name"], wire);
    assert_eq!(request.names.client(wire), long);
}

#[test]
fn a_wrapped_id_goes_back_as_the_upstream_gave_it() {
    let odd = "call:1/ü";
    let id = super::super::ids::client_call_id(odd).into_owned();
    let items = input(json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id}]},
    ]));
    assert_eq!(
        (&items[0]["call_id"], &items[1]["call_id"]),
        (&json!(odd), &json!(odd))
    );
}

#[test]
fn the_session_stands_in_the_metadata_and_the_opening_is_the_same_for_every_turn() {
    let of_user = |user_id: &str| read(with("metadata", json!({ "user_id": user_id })));
    for user_id in [
        r#"{"device_id":"d","account_uuid":"a","session_id":"s-1"}"#,
        "user_d_account_a_session_s-1",
    ] {
        let request = of_user(user_id);
        assert_eq!(request.session.as_deref(), Some("s-1"), "{user_id}");
        assert_eq!(request.dropped, ["metadata.user_id"]);
        assert!(!Value::Object(request.body).to_string().contains("s-1"));
    }
    let stranger = of_user("ann@example.test");
    assert_eq!(stranger.session, None);
    let next_turn = read(asking(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ])));
    assert_eq!(stranger.opening, next_turn.opening);
}

#[test]
fn a_fast_client_has_priority_and_others_what_they_asked_for() {
    assert_eq!(
        read(with("speed", json!("fast"))).body["service_tier"],
        "priority"
    );
    assert_eq!(
        read(with("service_tier", json!("standard_only"))).body["service_tier"],
        "default"
    );
    assert!(
        !read(with("service_tier", json!("auto")))
            .body
            .contains_key("service_tier")
    );
}

#[test]
fn what_has_no_place_is_named() {
    let mut request = asking(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "text", "text": "found"}]},
        {"role": "user", "content": "and?"},
    ]));
    request["context_management"] = json!({"edits": []});
    request["top_k"] = json!(1);
    assert_eq!(
        read(request).dropped,
        ["messages[1].content[0]", "context_management", "top_k"]
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("user"),
        Just("assistant"),
        Just("system"),
        Just("text"),
        Just("image"),
        Just("document"),
        Just("tool_use"),
        Just("tool_result"),
        Just("thinking"),
        Just("base64"),
        Just("enabled"),
        Just("x"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("model"),
        Just("messages"),
        Just("role"),
        Just("content"),
        Just("type"),
        Just("text"),
        Just("source"),
        Just("id"),
        Just("name"),
        Just("input"),
        Just("tool_use_id"),
        Just("tools"),
        Just("tool_choice"),
        Just("system"),
        Just("thinking"),
        Just("output_config"),
        Just("metadata"),
        Just("signature"),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_request_can_panic(value in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut request = json!({"model": "m", "messages": [value.clone()]});
        for body in [value.clone(), request.clone()] {
            drop(responses_from_messages(body.to_string().as_bytes()));
        }
        request["messages"] = json!([{"role": "user", "content": value}]);
        if let Ok(read) = responses_from_messages(request.to_string().as_bytes()) {
            crate::translate::messages::count_tokens(&read);
        }
        drop(responses_from_messages(&bytes));
    }
}
