//! Chat Completions through a Responses upstream.

use crate::simulator::Reply;

use super::*;

#[tokio::test]
async fn a_question_is_answered_as_one_completion() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::text("hello")]);
    let mut request = chat_request("hi");
    request["temperature"] = json!(0.3);
    let reply = rig.chat(request).await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "temperature"
    );
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], MODEL);
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(body["choices"][0]["message"]["content"], "hello");
    let (_, done) = rig.told().await;
    assert_eq!(done.dialect, Dialect::Chat);
    assert_eq!(done.dropped, ["temperature"]);
    assert!(done.is_complete && done.tokens.is_some());
}

#[tokio::test]
async fn a_streamed_answer_ends_with_done_exactly_once() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text("hello there, friend")]);
    let reply = rig.chat(chat_stream("hi")).await;
    assert_eq!(header(&reply, "content-type").unwrap(), "text/event-stream");
    assert_eq!(header(&reply, "cache-control").unwrap(), "no-cache");
    let stream = reply.text().await.unwrap();
    assert_eq!(chat_text(&stream), "hello there, friend");
    assert_eq!(stream.matches("data: [DONE]").count(), 1);
    assert!(stream.ends_with("data: [DONE]\n\n"));
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert!(done.is_complete && done.first_token.is_some());
}

#[tokio::test]
async fn a_tool_is_called_by_its_name() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::tool_call("weather", r#"{"city":"Lund"}"#)]);
    let mut request = chat_request("hi");
    request["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]);
    let reply = rig.chat(request).await;
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    let call = &body["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "weather");
    assert_eq!(call["arguments"], r#"{"city":"Lund"}"#);
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_request_that_cannot_be_translated_names_its_field_and_asks_nobody() {
    let mut rig = Rig::over(["work"]).await;
    let mut request = chat_request("hi");
    request["n"] = json!(2);
    let reply = rig.chat(request).await;
    assert_eq!(reply.status(), 400);
    let error = error_of(reply).await;
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["param"], "n");
    assert_eq!(rig.asked(), [""; 0]);
    let (attempts, done) = rig.told().await;
    assert_eq!(
        (attempts.len(), done.status, done.is_complete),
        (0, 400, false)
    );
}

#[tokio::test]
async fn codex_headers_on_the_chat_path_change_nothing() {
    let rig = Rig::over(["work"]).await;
    let reply = rig
        .post("/chat/completions", &chat_request("hi"))
        .header("originator", "codex_exec")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(rig.requests()[0].header("originator"), Some("codex_router"));
}

#[tokio::test]
async fn an_api_key_serves_chat_too() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    let rig = Rig::start(sim, members, Limits::default()).await;
    rig.sim.reply_always("key", Reply::text("hello"));
    let mut request = chat_request("hi");
    request["temperature"] = json!(0.3);
    let reply = rig.chat(request).await;
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "hello");
    assert_eq!(rig.requests()[0].json()["temperature"], 0.3);
}
