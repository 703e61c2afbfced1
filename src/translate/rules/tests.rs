use super::*;

fn adapted(kind: UpstreamKind, body: Value) -> (Value, Vec<String>) {
    let Value::Object(mut map) = body else {
        panic!("a body is an object");
    };
    let dropped = adapt(kind, &mut map);
    (Value::Object(map), dropped)
}

fn adapted_text(body: &str) -> (String, Vec<String>) {
    let (bytes, dropped) = adapt_bytes(
        UpstreamKind::ChatGpt,
        &Bytes::copy_from_slice(body.as_bytes()),
    )
    .unwrap();
    (String::from_utf8(bytes.to_vec()).unwrap(), dropped)
}

#[test]
fn one_body_becomes_two_for_two_upstreams() {
    let body = json!({"model": "m", "input": [], "max_output_tokens": 50, "temperature": 0.2, "store": true});
    assert_eq!(
        adapted(UpstreamKind::OpenAi, body.clone()),
        (body.clone(), vec![])
    );
    let (chatgpt, dropped) = adapted(UpstreamKind::ChatGpt, body);
    assert_eq!(
        chatgpt,
        json!({
            "model": "m", "input": [], "store": false, "stream": true,
            "instructions": "You are a helpful assistant.",
            "include": ["reasoning.encrypted_content"],
        })
    );
    assert_eq!(dropped, ["max_output_tokens", "temperature", "store"]);
}

#[test]
fn every_refused_field_is_taken_out_and_unknown_ones_are_kept() {
    let mut body = json!({"model": "m", "field_of_tomorrow": 1});
    for name in CHATGPT.refused {
        body[*name] = json!("x");
    }
    let (body, dropped) = adapted(UpstreamKind::ChatGpt, body);
    assert_eq!(dropped, CHATGPT.refused);
    assert_eq!(body["field_of_tomorrow"], 1);
    assert_eq!(body.as_object().unwrap().len(), 6);
}

#[test]
fn a_field_that_is_null_is_taken_out_without_a_word() {
    let (body, dropped) = adapted(
        UpstreamKind::ChatGpt,
        json!({"temperature": null, "service_tier": null}),
    );
    assert_eq!(dropped, Vec::<String>::new());
    assert_eq!(body.get("temperature"), None);
    assert_eq!(body.get("service_tier"), None);
}

#[test]
fn the_clients_own_includes_and_instructions_stay() {
    let (body, dropped) = adapted(
        UpstreamKind::ChatGpt,
        json!({"include": ["file_search_call.results", "message.output_text.logprobs"], "instructions": "Be brief."}),
    );
    assert_eq!(
        body["include"],
        json!(["file_search_call.results", "reasoning.encrypted_content"])
    );
    assert_eq!(body["instructions"], "Be brief.");
    assert_eq!(dropped, ["include.message.output_text.logprobs"]);
}

#[test]
fn empty_instructions_become_a_sentence() {
    for instructions in [json!(""), json!(" \n"), Value::Null] {
        let (body, _) = adapted(UpstreamKind::ChatGpt, json!({"instructions": instructions}));
        assert_eq!(body["instructions"], "You are a helpful assistant.");
    }
}

#[test]
fn service_tiers_that_the_backend_knows_get_through() {
    let tier = |tier: &str| {
        let (body, dropped) = adapted(UpstreamKind::ChatGpt, json!({"service_tier": tier}));
        (body.get("service_tier").cloned(), dropped.len())
    };
    assert_eq!(tier("priority"), (Some(json!("priority")), 0));
    assert_eq!(tier("fast"), (Some(json!("priority")), 0));
    assert_eq!(tier("auto"), (None, 0));
    assert_eq!(tier("flex"), (None, 1));
}

#[test]
fn input_is_spelled_as_the_backend_wants() {
    let long = "c".repeat(70);
    let (body, dropped) = adapted(
        UpstreamKind::ChatGpt,
        json!({"input": [
            {"role": "system", "content": "x"},
            {"role": "user", "content": [{"type": "input_text", "text": "y", "prompt_cache_breakpoint": {"a": 1}}]},
            {"type": "function_call", "call_id": long, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": long, "output": "z"},
        ]}),
    );
    assert_eq!(body["input"][0]["role"], "developer");
    assert_eq!(
        body["input"][1]["content"],
        json!([{"type": "input_text", "text": "y"}])
    );
    assert_eq!(body["input"][2]["call_id"], body["input"][3]["call_id"]);
    assert_eq!(body["input"][2]["call_id"].as_str().map(str::len), Some(64));
    assert_eq!(dropped, ["prompt_cache_breakpoint"]);
    let (body, _) = adapted(UpstreamKind::ChatGpt, json!({"input": "hi"}));
    assert_eq!(
        body["input"],
        json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}])
    );
}

#[test]
fn old_names_of_the_web_search_are_renamed_everywhere() {
    let (body, _) = adapted(
        UpstreamKind::ChatGpt,
        json!({
            "tools": [{"type": "web_search_preview"}, {"type": "function", "name": "web_search_preview"}],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search_preview_2025_03_11"}]},
        }),
    );
    assert_eq!(
        body["tools"],
        json!([{"type": "web_search"}, {"type": "function", "name": "web_search_preview"}])
    );
    assert_eq!(
        body["tool_choice"]["tools"],
        json!([{"type": "web_search"}])
    );
}

#[test]
fn a_body_that_fits_keeps_its_very_bytes() {
    let body = Bytes::from_static(
        br#"{ "tools":[{"type":"web_search"}], "model":"m","instructions":"x","input":[{"role":"developer","content":"web_search_preview"}],"store":false,"include":["reasoning.encrypted_content"],"stream":true}"#,
    );
    let (same, dropped) = adapt_bytes(UpstreamKind::ChatGpt, &body).unwrap();
    assert_eq!(same.as_ptr(), body.as_ptr());
    assert_eq!(dropped, Vec::<String>::new());
    let (same, _) = adapt_bytes(UpstreamKind::OpenAi, &body).unwrap();
    assert_eq!(same.as_ptr(), body.as_ptr());
}

#[test]
fn a_change_keeps_the_order_of_keys_and_the_spelling_of_the_rest() {
    let (text, dropped) = adapted_text(
        r#"{"stream":false,"input":[ {"role":"user","content":"\u0041","n":1.50} ],"temperature":1,"model":"m","extra":{"b":1.0, "a":2},"instructions":"x"}"#,
    );
    assert_eq!(
        text,
        r#"{"stream":true,"input":[ {"role":"user","content":"\u0041","n":1.50} ],"model":"m","extra":{"b":1.0, "a":2},"instructions":"x","store":false,"include":["reasoning.encrypted_content"]}"#
    );
    assert_eq!(dropped, ["temperature"]);
}

#[test]
fn bytes_and_map_agree() {
    let body = json!({
        "model": "m", "input": [{"role": "system", "content": "s"}], "tools": [{"type": "web_search_preview"}],
        "tool_choice": {"type": "web_search_preview"}, "user": "u", "service_tier": "fast", "metadata": null,
    });
    let (text, dropped) = adapted_text(&body.to_string());
    let (map, map_dropped) = adapted(UpstreamKind::ChatGpt, body);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), map);
    assert_eq!(dropped, map_dropped);
}

#[test]
fn repeated_keys_do_not_survive_a_check_of_the_last_one() {
    let (text, _) = adapted_text(
        r#"{"model":"m","store":true,"store":false,"stream":true,"instructions":"x","include":["reasoning.encrypted_content"]}"#,
    );
    assert_eq!(
        text,
        r#"{"model":"m","store":false,"stream":true,"instructions":"x","include":["reasoning.encrypted_content"]}"#
    );
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    assert!(adapt_bytes(UpstreamKind::ChatGpt, &Bytes::from_static(b"[]")).is_err());
}
