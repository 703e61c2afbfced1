//! Responses: what goes through as it is, and what does not.

use crate::simulator::Reply;
use crate::simulator::events::{
    ev_completed, ev_created, ev_item_added, ev_item_done, ev_rate_limits, ev_text_delta,
    message_item, stream_bytes, text_part,
};

use super::*;

fn scripted() -> Vec<crate::simulator::events::Event> {
    vec![
        ev_rate_limits(
            "plus",
            json!({"primary": {"used_percent": 12.5, "window_minutes": 300}}),
        ),
        ev_created(),
        ev_item_added(message_item("msg_1", "in_progress", vec![])),
        ev_text_delta("hel"),
        ev_text_delta("lo"),
        ev_item_done(message_item("msg_1", "completed", vec![text_part("hello")])),
        ev_completed(),
    ]
}

#[tokio::test]
async fn codex_and_its_backend_see_each_others_bytes() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::events(scripted())]);
    // Odd spacing and order of keys, a field that nobody knows, an escape that a parser would normalise.
    let sent = r#"{ "stream":true,"model" : "gpt-5.5", "zeta":[1.50,"\u0041"], "store":false, "instructions":"x",
        "input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}] }"#;
    let reply = http()
        .post(rig.url("/backend-api/codex/responses"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer client-canary")
        .header("chatgpt-account-id", "client-canary")
        .header("cookie", "client-canary")
        .header("originator", "codex_exec")
        .header("user-agent", "codex_exec/0.169.0 (Linux)")
        .header("session-id", "s-1")
        .header("x-codex-turn-state", "opaque")
        .body(sent)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(
        header(&reply, "content-type").unwrap(),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(header(&reply, "x-codex-primary-used-percent").unwrap(), "0");
    assert!(header(&reply, "x-request-id").unwrap().starts_with("req_"));
    assert_eq!(reply.bytes().await.unwrap(), stream_bytes(&scripted()));

    let asked = &rig.requests()[0];
    assert_eq!(asked.body, sent);
    assert_eq!(asked.header("authorization"), Some("Bearer <access token>"));
    assert_eq!(asked.header("chatgpt-account-id"), Some("workspace-work"));
    assert_eq!(asked.header("originator"), Some("codex_exec"));
    assert_eq!(
        asked.header("user-agent"),
        Some("codex_exec/0.169.0 (Linux)")
    );
    assert_eq!(asked.header("session-id"), Some("s-1"));
    assert_eq!(asked.header("x-codex-turn-state"), Some("opaque"));
    assert!(!format!("{asked:?}").contains("client-canary"));

    let outcome = rig.outcome().await;
    assert_eq!(outcome.result, AttemptResult::Served);
    assert_eq!(
        outcome.usage.unwrap().windows[0].used_percent,
        12.5,
        "the event is newer"
    );
    let (_, done) = rig.told().await;
    assert_eq!(
        (done.status, done.is_complete, done.dialect),
        (200, true, Dialect::Responses)
    );
    assert_eq!((done.model.as_str(), done.retries), (MODEL, 0));
    assert_eq!(done.tokens.map(|tokens| tokens.total), Some(13));
    assert!(done.first_token.is_some_and(|first| first <= done.took));
}

#[tokio::test]
async fn a_typed_client_gets_the_public_events_and_the_whole_answer_at_the_end() {
    let rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::events(scripted())]);
    let request = json!({"model": MODEL, "input": "hi", "stream": true, "temperature": 0.5, "prompt_cache_key": "c-1"});
    let reply = rig.responses(request).await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "temperature"
    );
    assert_eq!(header(&reply, "x-codex-primary-used-percent"), None);
    let stream = reply.text().await.unwrap();
    assert_eq!(
        event_types(&stream),
        [
            "response.created",
            "response.output_item.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_item.done",
            "response.completed"
        ]
    );
    let last = stream
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "hello");

    let asked = &rig.requests()[0];
    assert_eq!(asked.json()["store"], false);
    assert_eq!(asked.json()["input"][0]["role"], "user");
    assert_eq!(asked.header("originator"), Some("codex_router"));
    assert_eq!(asked.header("user-agent"), Some("codex-router/test"));
    assert_eq!(asked.header("session_id"), Some("c-1"));
}

#[tokio::test]
async fn a_client_that_does_not_stream_gets_one_response_object() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::text("hello")]);
    let reply = rig.responses(json!({"model": MODEL, "input": "hi"})).await;
    assert_eq!(header(&reply, "content-type").unwrap(), "application/json");
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!(body["object"], "response");
    assert_eq!(body["status"], "completed");
    assert_eq!(body["output"][0]["content"][0]["text"], "hello");
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert!(done.is_complete && done.tokens.is_some());
}

#[tokio::test]
async fn an_api_key_gets_the_body_as_it_is_streamed_or_not() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    let mut rig = Rig::start(sim, members, Limits::default()).await;
    rig.sim.reply_always("key", Reply::text("hello"));
    for is_stream in [false, true] {
        let request =
            json!({"model": MODEL, "input": "hi", "temperature": 0.5, "stream": is_stream});
        let reply = rig.responses(request.clone()).await;
        assert_eq!(reply.status(), 200);
        assert_eq!(header(&reply, "x-codex-router-dropped"), None);
        assert!(reply.text().await.unwrap().contains("hello"));
        let asked = rig.requests().pop().unwrap();
        assert_eq!(asked.json(), request);
        assert_eq!(asked.path, "/v1/responses");
        assert_eq!(asked.header("authorization"), Some("Bearer <API key>"));
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("key".to_owned(), AttemptResult::Served)]);
        assert!(done.tokens.is_some());
    }
}

#[tokio::test]
async fn events_reach_the_client_before_the_answer_is_complete() {
    let rig = Rig::over(["work"]).await;
    let gate = crate::simulator::Gate::closed();
    let stalled =
        Reply::events(scripted()).ending(crate::simulator::Ending::StallAfter(4, gate.clone()));
    rig.sim.reply_next("work", [stalled]);
    let mut reply = rig.responses_of_codex(&codex_request()).await;
    let mut seen = String::new();
    while !seen.contains("\"hel\"") {
        seen.push_str(std::str::from_utf8(&reply.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(!seen.contains("completed"));
    gate.open();
    while let Some(chunk) = reply.chunk().await.unwrap() {
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert_eq!(seen.as_bytes(), stream_bytes(&scripted()));
}

/// Every event that carries a `response`, as the backend sends it: with the id of the account's user.
fn signed_by_its_owner() -> Vec<crate::simulator::events::Event> {
    let sign = |event: crate::simulator::events::Event| {
        let mut response = event.field("response").unwrap().clone();
        response["safety_identifier"] = json!("user-canary");
        event.with("response", response)
    };
    let mut events = scripted();
    events.remove(1);
    events.insert(1, sign(ev_created()));
    events.pop();
    events.push(sign(ev_completed()));
    events
}

#[tokio::test]
async fn a_typed_client_is_not_told_whose_account_answered() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_always("work", Reply::events(signed_by_its_owner()));
    for is_stream in [true, false] {
        let request = json!({"model": MODEL, "input": "hi", "stream": is_stream});
        let answer = rig.responses(request).await.text().await.unwrap();
        assert!(answer.contains("hello"), "{answer}");
        assert!(!answer.contains("user-canary"), "{answer}");
    }
    let answer = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(
        answer.bytes().await.unwrap(),
        stream_bytes(&signed_by_its_owner()),
        "Codex is the owner's own"
    );
}

/// A field that names what was kept with an earlier request, and the code of its refusal.
fn leaning() -> [(&'static str, Value, &'static str); 3] {
    [
        (
            "previous_response_id",
            json!("resp_1"),
            "previous_response_not_found",
        ),
        ("conversation", json!("conv_1"), "unsupported_parameter"),
        ("prompt", json!({"id": "pmpt_1"}), "unsupported_parameter"),
    ]
}

#[tokio::test]
async fn what_was_kept_earlier_is_not_answered_by_an_account_that_keeps_nothing() {
    let rig = Rig::over(["work"]).await;
    for (field, value, code) in leaning() {
        let request = json!({"model": MODEL, "input": "hi", (field): value});
        let reply = rig.responses(request).await;
        assert_eq!(reply.status(), 400, "{field}");
        let error = error_of(reply).await;
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!(field))
        );
    }
    assert_eq!(rig.asked(), [""; 0]);
    let null = json!({"model": MODEL, "input": "hi", "conversation": null});
    assert_eq!(rig.responses(null).await.status(), 200);
}

#[tokio::test]
async fn what_was_kept_earlier_goes_to_the_api_key_even_behind_an_account() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    sim.add(Account::api_key("key"));
    let members = ["work", "key"].map(|name| member(name, access(&sim.auth_json(name)), 0));
    let rig = Rig::start(sim, members.into(), Limits::default()).await;
    for (field, value, _) in leaning() {
        let request = json!({"model": MODEL, "input": "hi", (field): value});
        assert_eq!(rig.responses(request).await.status(), 200, "{field}");
    }
    assert_eq!(rig.asked(), ["key"; 3]);
}
