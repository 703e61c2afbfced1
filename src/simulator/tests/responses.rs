//! What the two doors let in, and what the canned assistant says behind them.

use super::*;

#[tokio::test]
async fn the_canned_answer_names_account_and_model_and_repeats_the_words() {
    let sim = Simulator::start().await.unwrap();
    let answer = sim.answer("work", &prompt("good morning")).await;

    assert_eq!(
        answer.said(),
        "Hello from work (gpt-5.4). You said: good morning"
    );
    let mut kinds = answer.kinds();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (index, event) in answer.events().iter().enumerate() {
        assert_eq!(event["sequence_number"], index);
    }
    assert_eq!(
        answer.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert_eq!(answer.header("openai-model"), Some("gpt-5.4"));
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn chatgpt_leaves_the_final_output_empty_and_the_platform_fills_it() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));

    let chatgpt = sim.answer("work", &prompt("hi")).await;
    assert_eq!(chatgpt.last()["response"]["output"], json!([]));
    assert_eq!(chatgpt.items().len(), 1);

    let platform = sim.answer_platform("azure", &prompt("hi")).await;
    assert_eq!(
        platform.last()["response"]["output"],
        json!(platform.items())
    );
    assert_eq!(platform.said(), "Hello from azure (gpt-5.4). You said: hi");
}

#[tokio::test]
async fn the_platform_answers_whole_when_not_asked_to_stream() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));
    let request =
        json!({ "model": "gpt-5.4", "input": "hi", "temperature": 0.2, "max_output_tokens": 9 });

    let answer = sim.answer_platform("azure", &request).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let response = answer.json();
    assert_eq!(response["status"], "completed");
    assert_eq!(response["temperature"], 0.2);
    assert_eq!(
        response["output"][0]["content"][0]["text"],
        "Hello from azure (gpt-5.4). You said: hi"
    );
    let usage = &response["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn a_token_that_does_not_work_is_refused_with_its_reason() {
    let sim = Simulator::start().await.unwrap();
    let ask = async |auth: &Auth| {
        let request = auth.post(sim.codex_url(), &prompt("hi"));
        Answered::of(request.send().await.unwrap()).await
    };

    let expired = Auth::of(&sim.auth_json_expired("work"));
    let answer = ask(&expired).await;
    assert_eq!(
        (answer.status, answer.code()),
        (401, json!("token_expired"))
    );

    let good = Auth::of(&sim.auth_json("work"));
    assert_eq!(expired.refresh(), good.refresh());
    assert_eq!(ask(&good).await.status, 200);
    sim.revoke_access("work");
    let answer = ask(&good).await;
    assert_eq!(
        (answer.status, answer.code()),
        (401, json!("token_revoked"))
    );

    let renewed = Auth::of(&sim.rotate_as_cli("work"));
    assert_eq!(ask(&renewed).await.status, 200);

    let mut forged = Auth::of(&sim.auth_json("work"));
    forged.0["tokens"]["access_token"] = json!("a.b.c");
    let answer = ask(&forged).await;
    assert_eq!(
        (answer.status, answer.code()),
        (401, json!("token_invalidated"))
    );
    let missing = http().post(sim.codex_url()).body(prompt("hi").to_string());
    assert_eq!(missing.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_token_of_one_side_does_not_open_the_other() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure").key("sk-fake-other"));
    let platform = format!("{}/responses", sim.openai_base_url());

    let chatgpt_there = Auth::of(&sim.auth_json("work")).post(platform.clone(), &prompt("hi"));
    let answer = Answered::of(chatgpt_there.send().await.unwrap()).await;
    assert_eq!(
        (answer.status, answer.code()),
        (401, json!("invalid_api_key"))
    );

    let key = |url: String| {
        http()
            .post(url)
            .bearer_auth("sk-fake-other")
            .body(prompt("hi").to_string())
    };
    assert_eq!(key(sim.codex_url()).send().await.unwrap().status(), 401);
    assert_eq!(key(platform).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_workspace_header_must_name_the_workspace_of_the_token() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    for workspace in ["workspace-home", ""] {
        let request = http()
            .post(sim.codex_url())
            .bearer_auth(auth.access())
            .header("chatgpt-account-id", workspace)
            .body(prompt("hi").to_string());
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
}

#[tokio::test]
async fn chatgpt_refuses_what_it_does_not_know_and_the_platform_takes_it() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));
    let long_name = "n".repeat(65);
    let table = [
        (
            "max_output_tokens",
            json!(10),
            "Unsupported parameter: max_output_tokens",
        ),
        (
            "temperature",
            json!(1),
            "Unsupported parameter: temperature",
        ),
        ("metadata", json!({}), "Unsupported parameter: metadata"),
        (
            "previous_response_id",
            json!("resp_1"),
            "Unsupported parameter: previous_response_id",
        ),
        ("stream", json!(false), "Stream must be set to true"),
        ("store", json!(true), "Store must be set to false"),
        ("store", json!(null), "Store must be set to false"),
        ("input", json!("hi"), "Input must be a list"),
        (
            "input",
            json!([{ "role": "system", "content": "x" }]),
            "System messages are not allowed",
        ),
        (
            "input",
            json!([{ "role": "user", "content": [{ "type": "input_text", "text": "x", "prompt_cache_breakpoint": {} }] }]),
            "Unsupported parameter: prompt_cache_breakpoint",
        ),
        (
            "service_tier",
            json!("auto"),
            "Unsupported service_tier: auto",
        ),
        (
            "tools",
            json!([{ "type": "web_search_preview" }]),
            "Unsupported tool type: web_search_preview",
        ),
        (
            "model",
            json!("gpt-2"),
            "The 'gpt-2' model is not supported when using Codex with a ChatGPT account.",
        ),
    ];
    for (key, value, detail) in table {
        let request = with(prompt("hi"), key, value);
        let answer = sim.answer("work", &request).await;
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({ "detail": detail }))
        );
        assert!(answer.header("x-codex-primary-used-percent").is_some());

        let platform = sim.answer_platform("azure", &request).await;
        let expected = if key == "model" { 404 } else { 200 };
        assert_eq!(platform.status, expected, "{key}: {}", platform.body);
    }
    let too_long = with(
        prompt("hi"),
        "tools",
        json!([{ "type": "function", "name": long_name }]),
    );
    for answer in [
        sim.answer("work", &too_long).await,
        sim.answer_platform("azure", &too_long).await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (400, json!("string_above_max_length"))
        );
        assert_eq!(answer.json()["error"]["param"], "tools[0].name");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    let send = async |body: &'static str, encoding: &str| {
        let request = auth.sign(http().post(sim.codex_url()));
        let request = request.header("content-encoding", encoding).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("{", "identity").await, 400);
    assert_eq!(send("[]", "identity").await, 400);
    assert_eq!(send("{}", "zstd").await, 415);
}

#[tokio::test]
async fn an_account_serves_only_its_models() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::chatgpt("work").models(["gpt-9"]));
    assert_eq!(sim.answer("work", &prompt("hi")).await.status, 400);
    let request = with(prompt("hi"), "model", json!("gpt-9"));
    assert_eq!(
        sim.answer("work", &request).await.said(),
        "Hello from work (gpt-9). You said: hi"
    );
}

#[tokio::test]
async fn asked_to_use_the_tool_the_assistant_calls_it_and_then_reports() {
    let sim = Simulator::start().await.unwrap();
    let tools = json!([
        { "type": "web_search" },
        {
            "type": "function",
            "name": "weather",
            "parameters": { "type": "object", "properties": { "city": { "type": "string" } } },
        },
    ]);
    let request = with(prompt("please use the tool"), "tools", tools.clone());
    let answer = sim.answer("work", &request).await;

    let call = answer.items().pop().unwrap();
    assert_eq!(
        (&call["type"], &call["name"]),
        (&json!("function_call"), &json!("weather"))
    );
    assert_eq!(call["arguments"], r#"{"city":"simulated"}"#);
    assert_eq!(
        answer.deltas("response.function_call_arguments.delta"),
        text(&call["arguments"])
    );

    let output =
        json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "sunny" });
    let mut second = request;
    let input = second["input"].as_array_mut().unwrap();
    input.extend([call, output]);
    assert_eq!(
        sim.answer("work", &second).await.said(),
        "The tool said: sunny"
    );

    // Tools alone are no reason to call one.
    let plain = with(prompt("hi"), "tools", tools);
    assert_eq!(
        sim.answer("work", &plain).await.items()[0]["type"],
        "message"
    );
}

#[tokio::test]
async fn a_schema_is_answered_with_json_that_fits() {
    let sim = Simulator::start().await.unwrap();
    let schema = json!({
        "type": "object",
        "properties": { "title": { "type": "string" }, "pages": { "type": "integer" } },
        "required": ["title", "pages"],
    });
    let format = json!({ "format": { "type": "json_schema", "name": "book", "strict": true, "schema": schema } });
    let answer = sim
        .answer("work", &with(prompt("a book"), "text", format))
        .await;
    let book: Value = serde_json::from_str(&answer.said()).unwrap();
    assert_eq!(book, json!({ "title": "simulated", "pages": 1 }));
}

#[tokio::test]
async fn a_reasoning_summary_comes_only_when_asked_for() {
    let sim = Simulator::start().await.unwrap();
    let plain = sim.answer("work", &prompt("hi")).await;
    assert_eq!(plain.deltas("response.reasoning_summary_text.delta"), "");

    let request = with(
        prompt("hi"),
        "reasoning",
        json!({ "effort": "low", "summary": "auto" }),
    );
    let answer = sim.answer("work", &request).await;
    let items = answer.items();
    assert_eq!(items[0]["type"], "reasoning");
    assert_eq!(items[1]["type"], "message");
    assert_eq!(
        answer.deltas("response.reasoning_summary_text.delta"),
        text(&items[0]["summary"][0]["text"])
    );
    let usage = &answer.last()["response"]["usage"];
    assert!(
        usage["output_tokens_details"]["reasoning_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn encrypted_reasoning_is_good_in_its_own_workspace_only() {
    let sim = Simulator::start().await.unwrap();
    let mut request = with(prompt("hi"), "reasoning", json!({ "summary": "auto" }));
    request["include"] = json!(["reasoning.encrypted_content"]);
    let reasoning = sim.answer("work", &request).await.items()[0].clone();
    request["input"]
        .as_array_mut()
        .unwrap()
        .insert(0, reasoning);

    assert_eq!(sim.answer("work", &request).await.status, 200);
    let elsewhere = sim.answer("home", &request).await;
    assert_eq!(
        (elsewhere.status, elsewhere.code()),
        (400, json!("invalid_encrypted_content"))
    );
}

#[tokio::test]
async fn a_prompt_that_comes_again_is_cached_for_that_account() {
    let sim = Simulator::start().await.unwrap();
    let request = with(
        prompt(&"word ".repeat(400)),
        "prompt_cache_key",
        json!("thread-1"),
    );
    let cached = async |name: &str| {
        let usage = sim.answer(name, &request).await.last()["response"]["usage"].clone();
        usage["input_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(cached("work").await, 0);
    assert!(cached("work").await >= 384);
    assert_eq!(cached("home").await, 0);
}
