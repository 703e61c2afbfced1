//! The old text completions through a Responses upstream.

use crate::simulator::Reply;

use super::*;

async fn complete(rig: &Rig, body: Value) -> reqwest::Response {
    rig.post("/v1/completions", &body).send().await.unwrap()
}

/// The texts of the chunks of a stream, joined.
fn text_of(stream: &str) -> String {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|chunk| Some(chunk["choices"][0]["text"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_prompt_is_completed_as_text() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::text("a time")]);
    let reply = complete(
        &rig,
        json!({"model": MODEL, "prompt": "Once upon ", "max_tokens": 7, "echo": true}),
    )
    .await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "max_tokens"
    );
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!(body["object"], "text_completion");
    assert!(body["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(
        body["choices"],
        json!([{"index": 0, "text": "Once upon a time", "logprobs": null, "finish_reason": "stop"}])
    );
    assert_eq!(
        rig.requests()[0].json()["input"][0]["content"][0]["text"],
        "Once upon "
    );
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert_eq!(
        (done.dialect, done.model.as_str()),
        (Dialect::Completions, MODEL)
    );
    assert!(done.is_complete && done.tokens.is_some());
}

#[tokio::test]
async fn a_completion_is_streamed_as_text_and_ends_with_done_once() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text_with_reasoning("hm", "a time of rain")]);
    let reply = complete(
        &rig,
        json!({"model": MODEL, "prompt": "Once", "stream": true}),
    )
    .await;
    assert_eq!(header(&reply, "content-type").unwrap(), "text/event-stream");
    let stream = reply.text().await.unwrap();
    assert_eq!(text_of(&stream), "a time of rain");
    assert_eq!(stream.matches("data: [DONE]").count(), 1);
    assert!(
        !stream.contains("delta") && !stream.contains("chat.completion"),
        "{stream}"
    );
    assert!(rig.told().await.1.is_complete);
}

#[tokio::test]
async fn several_prompts_are_several_requests_and_one_record() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text("one"), Reply::text("two")]);
    let reply = complete(&rig, json!({"model": MODEL, "prompt": ["a", "b"]})).await;
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    let texts = [0, 1].map(|at| {
        (
            body["choices"][at]["index"].clone(),
            body["choices"][at]["text"].clone(),
        )
    });
    assert_eq!(texts, [(json!(0), json!("one")), (json!(1), json!("two"))]);
    assert_eq!(rig.asked(), ["work", "work"]);
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts.len(), 2);
    let total = body["usage"]["total_tokens"].as_u64();
    assert_eq!(done.tokens.map(|tokens| tokens.total), total);
    assert_eq!(rig.router.in_flight(), 0);
}

#[tokio::test]
async fn a_completion_fails_over_and_fails_honestly() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(60))]);
    rig.sim.reply_next("home", [Reply::text("hello")]);
    let stream = complete(&rig, json!({"model": MODEL, "prompt": "x", "stream": true})).await;
    assert_eq!(text_of(&stream.text().await.unwrap()), "hello");
    assert_eq!(rig.asked(), ["work", "home"]);

    rig.forgive();
    rig.sim.reply_next("home", [Reply::cut_after(7)]);
    let stream = complete(&rig, json!({"model": MODEL, "prompt": "x", "stream": true})).await;
    let stream = stream.text().await.unwrap();
    assert!(
        stream.contains("\"error\"") && !stream.contains("[DONE]"),
        "{stream}"
    );

    let reply = complete(&rig, json!({"model": MODEL, "prompt": "x", "suffix": "y"})).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(error_of(reply).await["param"], "suffix");
}
