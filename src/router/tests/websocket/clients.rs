//! What clients say beside requests, and how those that are not Codex are spoken to.

use super::*;
use crate::simulator::Gate;

#[tokio::test]
async fn notes_are_tolerated_and_nonsense_is_answered_without_ending_the_socket() {
    let rig = Rig::over(["work"]).await;
    let mut codex = rig.codex_socket().await;
    codex
        .say(&json!({"type": "response.processed", "response_id": "resp_1"}))
        .await;
    codex.say(&json!({"type": "of.tomorrow"})).await;
    for (text, code, param) in [
        ("hello", Value::Null, Value::Null),
        (r#"{"model":"m"}"#, Value::Null, json!("type")),
        (r#"{"type":"response.create"}"#, Value::Null, json!("model")),
    ] {
        codex.say_text(text).await;
        let error = codex.event().await;
        assert_eq!(
            (&error["type"], &error["status"]),
            (&json!("error"), &json!(400)),
            "{text}"
        );
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert_eq!(
            (&error["error"]["code"], &error["error"]["param"]),
            (&code, &param)
        );
    }
    let binary = Message::Binary(bytes::Bytes::from_static(b"{}"));
    codex.socket.send(binary).await.unwrap();
    assert_eq!(codex.event().await["error"]["code"], "binary_not_supported");
    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
}

#[tokio::test]
async fn requests_that_come_while_one_is_answered_wait_their_turn() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::slow_start(&gate)]);
    let mut codex = rig.codex_socket().await;
    for text in ["one", "two", "three"] {
        codex.say(&create(json!([message("user", text)]))).await;
    }
    gate.reached(1).await;
    gate.open();
    for text in ["one", "two", "three"] {
        assert!(text_of(&codex.answer().await).contains(text));
    }
}

#[tokio::test]
async fn more_requests_than_may_wait_are_refused() {
    let limits = Limits {
        socket_queue: 1,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::slow_start(&gate)]);
    let mut codex = rig.codex_socket().await;
    codex.say(&create(json!([message("user", "one")]))).await;
    gate.reached(1).await;
    codex.say(&create(json!([message("user", "two")]))).await;
    codex.say(&create(json!([message("user", "three")]))).await;
    codex.say_text("nonsense").await;
    assert_eq!(codex.close_code().await, 1013);
}

#[tokio::test]
async fn what_is_refused_is_told_in_its_turn_and_never_inside_another_answer() {
    let limits = Limits {
        socket_queue: 1,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    let mut codex = rig.codex_socket().await;
    for text in ["one", "two", "three"] {
        codex.say(&create(json!([message("user", text)]))).await;
    }
    gate.reached(1).await;
    // Everything was heard before the answer goes on.
    codex
        .socket
        .send(Message::Ping("there?".into()))
        .await
        .unwrap();
    let mut events = 0;
    loop {
        match codex.heard().await {
            Some(Message::Text(_)) => events += 1,
            Some(Message::Pong(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, 5);
    gate.open();
    assert_eq!(
        types(&codex.answer().await).last().unwrap(),
        &"response.completed"
    );
    assert!(text_of(&codex.answer().await).contains("two"));
    assert_eq!(codex.event().await["error"]["code"], "router_busy");
}

#[tokio::test]
async fn a_message_that_never_ends_is_not_waited_for() {
    use tokio::io::AsyncWriteExt;

    let limits = Limits {
        body_idle: Duration::from_millis(20),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let mut codex = rig.codex_socket().await;
    // The head of a masked text of 4096 bytes, and ten of them.
    let head = [0x81, 0xfe, 0x10, 0x00, 0, 0, 0, 0];
    let stream = codex.socket.get_mut();
    stream.write_all(&head).await.unwrap();
    stream.write_all(&[b' '; 10]).await.unwrap();
    assert_eq!(codex.event().await["error"]["code"], "request_timeout");
    assert_eq!(codex.close_code().await, 1008);
}

#[tokio::test]
async fn a_typed_client_gets_the_public_events_and_the_whole_output_at_the_end() {
    for is_by_post in [false, true] {
        let rig = Rig::over(["work"]).await;
        rig.sim.change("work", Account::sends_limit_event);
        if is_by_post {
            rig.sim.handshake_always("work", Handshake::refused(426));
        }
        let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
        let request = json!({
            "type": "response.create", "model": MODEL, "input": "hi", "temperature": 1, "user": "me",
        });
        let answer = sdk.ask(&request).await;
        assert_eq!(types(&answer)[0], "response.created");
        let last = &answer.last().unwrap()["response"];
        assert_eq!(last["output"].as_array().unwrap().len(), 1);
        assert!(last["usage"]["output_tokens_details"]["reasoning_tokens"].is_u64());

        let next = json!({
            "type": "response.create", "model": MODEL, "input": "again",
            "previous_response_id": last["id"],
        });
        let answer = sdk.ask(&next).await;
        assert!(text_of(&answer).contains("You said: again"));
        let sent = rig.requests().pop().unwrap().json();
        assert_eq!(
            (&sent["stream"], &sent["store"]),
            (&json!(true), &json!(false))
        );
        if is_by_post {
            assert_eq!(sent["input"].as_array().unwrap().len(), 3);
        } else {
            assert_eq!(sent["previous_response_id"], last["id"]);
            assert_eq!(sent["input"].as_array().unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn what_has_no_place_upstream_is_told_in_the_record() {
    let mut rig = Rig::over(["work"]).await;
    let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
    let request = json!({"type": "response.create", "model": MODEL, "input": "hi", "user": "me"});
    sdk.ask(&request).await;
    assert_eq!(rig.told().await.1.dropped, ["user"]);
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_its_pings_are_answered() {
    let limits = Limits {
        socket_ping: Duration::from_millis(20),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let mut codex = rig.codex_socket().await;
    assert!(matches!(codex.heard().await, Some(Message::Ping(_))));
    let ping = Message::Ping(bytes::Bytes::from_static(b"there?"));
    codex.socket.send(ping).await.unwrap();
    loop {
        match codex.heard().await {
            Some(Message::Pong(said)) => break assert_eq!(said, "there?"),
            Some(Message::Ping(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_name_of_the_users_own_counts_on_a_socket_as_in_a_post_but_not_for_codex() {
    let rig = Rig::naming("work", "gpt-4o=gpt-5.5").await;
    let mut create = create(json!([message("user", "hi")]));
    create["model"] = "gpt-4o".into();
    for (headers, model) in [(&[][..], "gpt-5.5"), (&CODEX[..], "gpt-4o")] {
        let mut client = rig.try_socket("/v1/responses", headers).await.unwrap();
        client.ask(&create).await;
        let asked = rig.requests().pop().unwrap();
        assert_eq!(asked.json()["model"], model, "{headers:?}");
    }
}
