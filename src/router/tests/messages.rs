//! The Messages API through a Responses upstream.

use crate::simulator::events::{Event, ev_completed, ev_created};
use crate::simulator::{Gate, Reply};

use super::*;

fn request(text: &str) -> Value {
    json!({"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": text}]})
}

fn streamed(text: &str) -> Value {
    let mut request = request(text);
    request["stream"] = json!(true);
    request
}

async fn ask(rig: &Rig, body: &Value) -> reqwest::Response {
    let request = rig.post("/v1/messages?beta=true", body);
    request
        .header("anthropic-version", "2023-06-01")
        .send()
        .await
        .unwrap()
}

async fn json_of(reply: reqwest::Response) -> Value {
    serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
}

/// The texts of all deltas, joined.
fn text_of(stream: &str) -> String {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|event| Some(event["delta"]["text"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_question_is_answered_as_one_message_under_the_name_that_was_asked_for() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::text("hello")]);
    let reply = ask(&rig, &request("hi")).await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "max_tokens"
    );
    assert_eq!(header(&reply, "request-id"), header(&reply, "x-request-id"));
    let body = json_of(reply).await;
    assert_eq!(body["content"], json!([{"type": "text", "text": "hello"}]));
    assert_eq!(body["model"], "claude-sonnet-4-5");
    assert_eq!(body["stop_reason"], "end_turn");
    assert!(body["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(rig.requests()[0].json()["model"], "gpt-5.5");
    let (_, done) = rig.told().await;
    assert_eq!(
        (done.dialect, done.model.as_str()),
        (Dialect::Messages, "claude-sonnet-4-5")
    );
    assert!(done.is_complete && done.tokens.is_some());
}

#[tokio::test]
async fn a_streamed_answer_ends_with_message_stop_and_nothing_of_openai() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text("hello there, friend")]);
    let reply = ask(&rig, &streamed("hi")).await;
    assert_eq!(header(&reply, "content-type").unwrap(), "text/event-stream");
    let stream = reply.text().await.unwrap();
    assert_eq!(text_of(&stream), "hello there, friend");
    assert!(stream.starts_with("event: message_start\n"));
    assert!(stream.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    assert!(!stream.contains("[DONE]"));
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert!(done.is_complete && done.first_token.is_some());
}

#[tokio::test]
async fn an_empty_account_is_passed_over_and_a_used_up_pool_is_a_rate_limit() {
    let rig = Rig::over(["work", "home"]).await;
    let limit = || Reply::usage_limit(Duration::from_secs(900));
    rig.sim.reply_next("work", [limit(), limit()]);
    rig.sim.reply_next("home", [Reply::text("hello"), limit()]);
    assert_eq!(ask(&rig, &request("hi")).await.status(), 200);
    let reply = ask(&rig, &request("hi")).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(header(&reply, "retry-after").unwrap(), "900");
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    let id = header(&reply, "request-id").unwrap();
    let body = json_of(reply).await;
    assert_eq!(
        (&body["type"], &body["error"]["type"]),
        (&json!("error"), &json!("rate_limit_error"))
    );
    assert_eq!(body["request_id"], json!(id));
}

#[tokio::test]
async fn a_service_with_too_much_to_do_is_529() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_always("work", Reply::refusal_inside_200("server_is_overloaded"));
    let reply = ask(&rig, &request("hi")).await;
    assert_eq!(reply.status(), 529);
    assert_eq!(error_of(reply).await["type"], "overloaded_error");
}

#[tokio::test]
async fn a_login_that_is_refused_is_never_the_clients_401() {
    let rig = Rig::over(["dead"]).await;
    rig.sim.reply_always("dead", Reply::unauthorized());
    let reply = ask(&rig, &request("hi")).await;
    assert_eq!(reply.status(), 503);
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    assert_eq!(error_of(reply).await["type"], "api_error");
}

#[tokio::test]
async fn the_clients_own_mistakes_are_told_in_its_own_shape() {
    let mut rig = Rig::over(["work"]).await;
    let mut bad = request("hi");
    bad["messages"] = json!("hi");
    let reply = ask(&rig, &bad).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(error_of(reply).await["type"], "invalid_request_error");
    let (_, done) = rig.told().await;
    assert_eq!((done.dialect, done.status), (Dialect::Messages, 400));

    let mut unknown = request("hi");
    unknown["model"] = json!("gpt-none");
    let reply = ask(&rig, &unknown).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(error_of(reply).await["type"], "not_found_error");

    let overflow = Reply::refusal_inside_200("context_length_exceeded");
    rig.sim.reply_next("work", [overflow]);
    let reply = ask(&rig, &streamed("hi")).await;
    assert_eq!(reply.status(), 400);
    let message = error_of(reply).await["message"].clone();
    assert!(
        message.as_str().unwrap().starts_with("prompt is too long"),
        "{message}"
    );

    let reply = http().get(rig.url("/v1/messages")).send().await.unwrap();
    assert_eq!(reply.status(), 405);
    assert_eq!(error_of(reply).await["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_conversation_that_nobody_kept_is_refused_so_that_clients_send_all_of_it() {
    let rig = Rig::over(["work"]).await;
    for thread in [
        json!({"type": "create"}),
        json!({"type": "continue", "previous_message_id": "msg_1"}),
    ] {
        let mut threaded = request("hi");
        threaded["thread"] = thread;
        let reply = ask(&rig, &threaded).await;
        assert_eq!(reply.status(), 400);
        let error = error_of(reply).await;
        assert_eq!(error["type"], "invalid_request_error");
        let details = json!({"error_code": "thread_unsupported_request"});
        assert_eq!(error["details"], details);
    }
    assert_eq!(rig.requests().len(), 0);
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_event() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::clean_eof_after(6)]);
    let stream = ask(&rig, &streamed("hi")).await.text().await.unwrap();
    let (_, last) = stream.trim_end().rsplit_once("\n\n").unwrap();
    assert!(last.starts_with("event: error\n"), "{last}");
    assert!(last.contains("\"api_error\""));
    assert!(!stream.contains("message_stop"));
    assert!(!rig.told().await.1.is_complete);
}

#[tokio::test]
async fn a_silent_upstream_leaves_the_client_with_pings() {
    let limits = Limits {
        ping: Duration::from_millis(5),
        handshake: Duration::from_millis(5),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(2, &gate)]);
    let mut reply = ask(&rig, &streamed("hi")).await;
    let mut stream = String::new();
    while stream.matches("event: ping").count() < 2 {
        let chunk = tokio::time::timeout(PATIENCE, reply.chunk()).await.unwrap();
        stream.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
    }
    assert!(stream.starts_with("event: message_start\n"), "{stream}");
    gate.open();
    assert!(
        reply
            .text()
            .await
            .unwrap()
            .ends_with("{\"type\":\"message_stop\"}\n\n")
    );
}

#[tokio::test]
async fn thinking_comes_back_with_a_signature_and_goes_to_the_account_that_made_it() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text_with_reasoning("hm", "hello")]);
    let mut first = request("hi");
    first["thinking"] = json!({"type": "enabled", "budget_tokens": 2048});
    let body = json_of(ask(&rig, &first).await).await;
    assert_eq!(body["content"][0]["thinking"], "hm");
    assert_eq!(
        rig.requests()[0].json()["reasoning"],
        json!({"effort": "medium", "summary": "auto"})
    );

    let mut second = first.clone();
    second["messages"] = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": body["content"]},
        {"role": "user", "content": "and now?"},
    ]);
    assert_eq!(ask(&rig, &second).await.status(), 200);
    let sent = rig.requests()[1].json()["input"][1].clone();
    assert_eq!(sent["type"], "reasoning");
    assert!(
        sent["encrypted_content"]
            .as_str()
            .unwrap()
            .starts_with("simulated-encrypted-")
    );
}

#[tokio::test]
async fn reasoning_of_another_account_is_forgotten_and_the_same_account_asked_once_more() {
    let mut rig = Rig::over(["work"]).await;
    let mut second = request("hi");
    second["messages"] = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "cxr1.simulated-encrypted-of-another"},
            {"type": "text", "text": "hello"},
        ]},
        {"role": "user", "content": "and now?"},
    ]);
    let reply = ask(&rig, &second).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "messages[].content[].thinking, max_tokens"
    );
    assert_eq!(rig.asked(), ["work", "work"]);
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert_eq!(done.retries, 1);
}

#[tokio::test]
async fn the_session_of_claude_code_names_the_conversation_upstream() {
    let rig = Rig::over(["work"]).await;
    for text in ["one", "two"] {
        let request = rig.post("/messages", &request(text));
        let sent = request
            .header("x-claude-code-session-id", "s-1")
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), 200);
    }
    let asked = rig.requests();
    let session = asked[0].header("session_id").unwrap();
    assert_eq!(asked[1].header("session_id"), Some(session));
    assert_eq!(asked[0].json()["prompt_cache_key"], session);
    assert!(!session.contains("s-1"));
}

#[tokio::test]
async fn an_api_key_gets_what_the_backend_refuses() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    let rig = Rig::start(sim, members, Limits::default()).await;
    rig.sim.reply_always("key", Reply::text("hello"));
    let reply = ask(&rig, &request("hi")).await;
    assert_eq!(header(&reply, "x-codex-router-dropped"), None);
    assert_eq!(rig.requests()[0].json()["max_output_tokens"], 64);
}

#[tokio::test]
async fn tokens_are_counted_without_asking_anybody() {
    let mut rig = Rig::over(["work"]).await;
    let count = async |text: &str| {
        let reply = rig
            .post("/v1/messages/count_tokens", &request(text))
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
        json_of(reply).await["input_tokens"].as_u64().unwrap()
    };
    let (short, long) = (count("hi").await, count("hi there, and good morning").await);
    assert!(short > 0 && long > short, "{short} {long}");
    assert_eq!(rig.sim.asked().len(), 0);
    let (attempts, done) = rig.told().await;
    assert_eq!(
        (attempts.len(), done.dialect, done.profile),
        (0, Dialect::CountTokens, None)
    );

    let bad = rig
        .post("/v1/messages/count_tokens", &json!({"model": "m"}))
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    assert_eq!(json_of(bad).await["type"], "error");
}

#[tokio::test]
async fn the_models_are_listed_in_the_shape_that_the_header_asks_for() {
    let rig = Rig::over(["work"]).await;
    let get = async |path: &str| {
        let request = http()
            .get(rig.url(path))
            .header("anthropic-version", "2023-06-01");
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), json_of(reply).await)
    };
    let (_, list) = get("/v1/models").await;
    assert_eq!(list["has_more"], false);
    assert!(
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["type"] == "model")
    );
    let (_, page) = get("/v1/models?limit=1").await;
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["has_more"]),
        (1, &json!(true))
    );
    assert_eq!(page["last_id"], list["data"][0]["id"]);
    let (status, one) = get("/v1/models/claude-opus-4-1").await;
    assert_eq!((status, one["id"].as_str()), (200, Some("claude-opus-4-1")));
    let (status, none) = get("/v1/models/gpt-none").await;
    assert_eq!(
        (status, &none["error"]["type"]),
        (404, &json!("not_found_error"))
    );
}

#[tokio::test]
async fn a_call_that_is_told_in_turns_arrives_whole() {
    let rig = Rig::over(["work"]).await;
    let calls = [
        ("weather", r#"{"city":"Lund"}"#),
        ("time", r#"{"zone":"UTC"}"#),
    ];
    rig.sim
        .reply_next("work", [Reply::tool_calls(calls), Reply::tool_calls(calls)]);
    let mut body = request("hi");
    body["tools"] =
        json!([{"name": "weather", "input_schema": {}}, {"name": "time", "input_schema": {}}]);
    let whole = json_of(ask(&rig, &body).await).await;
    assert_eq!(whole["stop_reason"], "tool_use");
    let inputs: Vec<&Value> = whole["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["input"])
        .collect();
    assert_eq!(inputs, [&json!({"city": "Lund"}), &json!({"zone": "UTC"})]);

    body["stream"] = json!(true);
    let stream = ask(&rig, &body).await.text().await.unwrap();
    let events = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = events
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let input = |index: u64| -> String {
        let of_block = events.iter().filter(|event| event["index"] == index);
        of_block
            .filter_map(|event| event["delta"]["partial_json"].as_str())
            .collect()
    };
    assert_eq!(
        [input(0), input(1)],
        calls.map(|(_, arguments)| arguments.to_owned())
    );
}

#[tokio::test]
async fn events_that_nobody_knows_are_passed_over() {
    let rig = Rig::over(["work"]).await;
    let events = [
        ev_created(),
        Event::new("response.brand_new", []),
        ev_completed(),
    ];
    rig.sim.reply_next("work", [Reply::events(events)]);
    let body = json_of(ask(&rig, &request("hi")).await).await;
    assert_eq!(body["content"], json!([]));
}
