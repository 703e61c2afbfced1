//! Faults that other routers were caught with, as flows. The whole list with its tests: [`known_faults`](super::known_faults).

use crate::pool::{Cooldowns, RestCause};
use crate::simulator::Reply;

use super::*;

async fn json_of(reply: reqwest::Response) -> Value {
    serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
}

fn events_of(stream: &str) -> Vec<Value> {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// Two names that an upstream would refuse, alike for longer than it looks.
fn long_names() -> [String; 2] {
    ["read", "write"].map(|end| format!("mcp__{}__{end}", "server_".repeat(12)))
}

/// What the upstream was told that these tools are called.
fn wire_names(rig: &Rig) -> [String; 2] {
    let body = rig.requests().pop().unwrap().json();
    [0, 1].map(|at| body["tools"][at]["name"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn long_tool_names_come_back_exactly_in_a_chat() {
    let rig = Rig::over(["work"]).await;
    let names = long_names();
    let mut request = chat_request("hi");
    request["tools"] = names
        .iter()
        .map(|name| json!({"type": "function", "function": {"name": name}}))
        .collect();
    rig.chat(request.clone()).await;
    let wire = wire_names(&rig);
    assert!(wire.iter().all(|name| name.len() <= 64) && wire[0] != wire[1]);
    let calls = || Reply::tool_calls([(wire[1].as_str(), "{}"), (wire[0].as_str(), "{}")]);
    rig.sim.reply_next("work", [calls(), calls()]);

    let whole = json_of(rig.chat(request.clone()).await).await;
    let called = |at: usize| &whole["choices"][0]["message"]["tool_calls"][at]["function"]["name"];
    assert_eq!([called(0), called(1)], [&names[1], &names[0]]);

    request["stream"] = json!(true);
    let stream = rig.chat(request).await.text().await.unwrap();
    let events = events_of(&stream);
    let called = events.iter().filter_map(|chunk| {
        chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["name"].as_str()
    });
    assert_eq!(called.collect::<Vec<_>>(), [&names[1], &names[0]]);
}

#[tokio::test]
async fn long_tool_names_come_back_exactly_in_a_message() {
    let rig = Rig::over(["work"]).await;
    let names = long_names();
    let tools: Value = names
        .iter()
        .map(|name| json!({"name": name, "input_schema": {}}))
        .collect();
    let mut request = json!({"model": "claude-x", "max_tokens": 9, "tools": tools, "messages": [{"role": "user", "content": "hi"}]});
    let ask = async |request: &Value| rig.post("/v1/messages", request).send().await.unwrap();
    ask(&request).await;
    let wire = wire_names(&rig);
    let calls = || Reply::tool_calls([(wire[1].as_str(), "{}"), (wire[0].as_str(), "{}")]);
    rig.sim.reply_next("work", [calls(), calls()]);

    let whole = json_of(ask(&request).await).await;
    let called = |at: usize| &whole["content"][at]["name"];
    assert_eq!([called(0), called(1)], [&names[1], &names[0]]);

    request["stream"] = json!(true);
    let stream = ask(&request).await.text().await.unwrap();
    let events = events_of(&stream);
    let called = events
        .iter()
        .filter_map(|event| event["content_block"]["name"].as_str());
    assert_eq!(called.collect::<Vec<_>>(), [&names[1], &names[0]]);
}

#[tokio::test]
async fn functions_of_the_old_time_make_a_round_trip() {
    let rig = Rig::over(["work"]).await;
    let call = || Reply::tool_call("weather", r#"{"city":"Lund"}"#);
    rig.sim.reply_next("work", [call(), call()]);
    let mut request = chat_request("hi");
    request["functions"] = json!([{"name": "weather", "parameters": {"type": "object"}}]);
    let mut streamed = request.clone();
    streamed["stream"] = json!(true);

    let whole = json_of(rig.chat(request.clone()).await).await;
    let message = &whole["choices"][0]["message"];
    let told = json!({"name": "weather", "arguments": r#"{"city":"Lund"}"#});
    assert_eq!(message["function_call"], told);
    assert_eq!(message.get("tool_calls"), None);
    assert_eq!(whole["choices"][0]["finish_reason"], "function_call");

    let stream = rig.chat(streamed).await.text().await.unwrap();
    let events = events_of(&stream);
    let of_calls = |field: &str| -> String {
        let deltas = events
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["function_call"]);
        deltas.filter_map(|call| call[field].as_str()).collect()
    };
    assert_eq!(of_calls("name"), "weather");
    assert_eq!(of_calls("arguments"), r#"{"city":"Lund"}"#);
    assert!(!stream.contains("tool_calls"), "{stream}");

    request["messages"] = json!([
        {"role": "user", "content": "hi"},
        message,
        {"role": "function", "name": "weather", "content": "rain"},
    ]);
    let reply = rig.chat(request).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(header(&reply, "x-codex-router-dropped"), None);
    let sent = rig.requests().pop().unwrap().json();
    let [_, call, output] = sent["input"].as_array().unwrap().as_slice() else {
        panic!("{sent}");
    };
    assert_eq!(call["arguments"], r#"{"city":"Lund"}"#);
    assert_eq!(
        (&output["call_id"], &output["output"]),
        (&call["call_id"], &json!("rain"))
    );
}

#[tokio::test]
async fn a_responses_body_on_the_chat_path_is_answered_as_a_chat() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text("hello"), Reply::text("hello there")]);
    let whole = json_of(rig.chat(json!({"model": MODEL, "input": "hi"})).await).await;
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["message"]["content"], "hello");

    let items = json!([{"role": "system", "content": "brief"}, {"role": "user", "content": "hi"}]);
    let request = json!({"model": MODEL, "input": items, "stream": true});
    let stream = rig.chat(request).await.text().await.unwrap();
    assert_eq!(chat_text(&stream), "hello there");
    assert!(stream.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_520_is_no_used_up_allowance() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::status(520, "oops")]);
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 503);
    let error = error_of(reply).await;
    assert!(!error.to_string().contains("usage"), "{error}");
    let (attempts, _) = rig.told().await;
    let what = "status 520".to_owned();
    assert_eq!(
        attempts,
        [("work".to_owned(), AttemptResult::Failing { what })]
    );
}

#[tokio::test]
async fn the_only_account_is_asked_again_when_its_rest_is_over() {
    let rig = Rig::over(["work"]).await;
    let mut pool = (**rig.pool.borrow()).clone();
    let now = SystemTime::now();
    for (cause, until, status) in [
        (RestCause::UsageLimit, now + Duration::from_secs(60), 429),
        (RestCause::UsageLimit, now, 200),
        (RestCause::Failing, now + Duration::from_secs(60), 503),
        (RestCause::Failing, now, 200),
    ] {
        let mut work = (*pool.members[0]).clone();
        work.cooldowns = Arc::new(Cooldowns::default());
        pool.members[0] = Arc::new(work.paused(None, cause, now, until));
        rig.pool.send_replace(Arc::new(pool.clone()));
        assert_eq!(
            rig.chat(chat_request("hi")).await.status(),
            status,
            "{cause:?}"
        );
    }
    assert_eq!(rig.asked(), ["work", "work"]);
}

#[tokio::test]
async fn an_account_that_stepped_in_once_does_not_keep_the_conversation() {
    let rig = Rig::over(["work", "home"]).await;
    let replies = [Reply::text("hello"), Reply::status(500, "oops")];
    rig.sim.reply_next("work", replies);
    for _ in 0..3 {
        assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    }
    assert_eq!(rig.asked(), ["work", "work", "home", "work"]);
}

#[tokio::test]
async fn one_throttled_request_does_not_lock_the_whole_pool() {
    let mut rig = Rig::over(["a", "b", "c", "d"]).await;
    for name in ["a", "b", "c", "d"] {
        rig.sim
            .reply_next(name, [Reply::throttled(Duration::from_secs(7))]);
    }
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 429);
    let after: u64 = header(&reply, "retry-after").unwrap().parse().unwrap();
    assert!(after <= 7, "{after}");
    assert_eq!(rig.asked(), ["a", "b", "c"]);
    let (attempts, _) = rig.told().await;
    let retry_after = Some(Duration::from_secs(7));
    let told =
        ["a", "b", "c"].map(|name| (name.to_owned(), AttemptResult::Throttled { retry_after }));
    assert_eq!(
        attempts, told,
        "each rests for its own time, and d for none"
    );
}
