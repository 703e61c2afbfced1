//! What a client may lean on, and what becomes of it when somebody else answers.

use super::*;

#[tokio::test]
async fn a_response_that_this_socket_does_not_know_makes_codex_send_everything_again() {
    let mut rig = Rig::over(["work"]).await;
    let mut codex = rig.codex_socket().await;
    let answer = codex
        .ask(&after("resp_of_yesterday", json!([message("user", "hi")])))
        .await;
    assert_eq!(answer.len(), 1);
    assert_eq!(
        (&answer[0]["type"], &answer[0]["status"]),
        (&json!("error"), &json!(400))
    );
    let error = &answer[0]["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["code"], "previous_response_not_found");
    assert_eq!(error["param"], "previous_response_id");
    assert!(rig.asked().is_empty());
    assert_eq!(rig.told().await.1.status, 400);

    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
}

#[tokio::test]
async fn two_sockets_do_not_know_each_others_responses() {
    let rig = Rig::over(["work"]).await;
    let mut one = rig.codex_socket().await;
    let answer = one.ask(&create(json!([message("user", "hi")]))).await;
    let mut two = rig.codex_socket().await;
    let answer = two
        .ask(&after(&id_of(&answer), json!([message("user", "hi")])))
        .await;
    assert_eq!(answer[0]["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn when_the_account_changes_the_next_one_is_told_everything_but_what_it_cannot_read() {
    for refuses_sockets in [false, true] {
        let rig = Rig::over(["work", "home"]).await;
        if refuses_sockets {
            rig.sim.handshake_always("work", Handshake::refused(426));
            rig.sim.handshake_always("home", Handshake::refused(426));
        }
        rig.sim
            .reply_next("work", [Reply::text_with_reasoning("thinking", "first")]);
        let mut codex = rig.codex_socket().await;
        let mut request = create(json!([message("user", "one")]));
        request["include"] = json!(["reasoning.encrypted_content"]);
        let one = codex.ask(&request).await;
        let output = output_of(&one);
        assert_eq!(output[0]["type"], "reasoning");
        assert!(output[0]["encrypted_content"].is_string());

        rig.sim
            .reply_always("work", Reply::usage_limit(Duration::from_secs(900)));
        let two = codex
            .ask(&after(&id_of(&one), json!([message("user", "two")])))
            .await;
        assert!(text_of(&two).starts_with("Hello from home"));
        let last = rig.requests().pop().unwrap();
        assert_eq!(last.account.unwrap(), "home");
        let sent: Value = serde_json::from_slice(&last.body).unwrap();
        assert_eq!(
            sent["input"],
            json!([message("user", "one"), output[1], message("user", "two")])
        );
        assert_eq!(sent.get("previous_response_id"), None);

        // What was left out once is not sent again.
        let asked = rig.requests().len();
        let three = codex
            .ask(&after(&id_of(&two), json!([message("user", "three")])))
            .await;
        assert!(text_of(&three).contains("You said: three"));
        assert_eq!(rig.requests().len(), asked + 1);
    }
}

#[tokio::test]
async fn a_conversation_that_grew_too_large_is_forgotten_and_the_client_told() {
    let limits = Limits {
        socket_history_bytes: 2_000,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work", "home"], limits).await;
    let mut codex = rig.codex_socket().await;
    let short = codex.ask(&create(json!([message("user", "hi")]))).await;
    let long = message("user", &"x".repeat(3_000));
    let long = codex.ask(&after(&id_of(&short), json!([long]))).await;
    assert_eq!(types(&long).last().unwrap(), &"response.completed");
    // The other end of the line has not forgotten it.
    let next = after(&id_of(&long), json!([message("user", "again")]));
    let answer = codex.ask(&next).await;
    assert!(text_of(&answer).contains("You said: again"));
    assert_eq!(rig.messages().last().unwrap(), &next);

    // Nobody else can go on from there.
    let limit = Reply::usage_limit(Duration::from_secs(900));
    rig.sim.reply_next("work", [limit]);
    let next = after(&id_of(&answer), json!([message("user", "hi")]));
    for _is_hung_up in [false, true] {
        let lost = codex.ask(&next).await;
        assert_eq!(lost[0]["error"]["code"], "previous_response_not_found");
    }
    assert!(!rig.asked().contains(&"home".to_owned()));
}

#[tokio::test]
async fn sockets_that_wait_keep_no_request_out() {
    let limits = Limits {
        all_bodies_bytes: 300_000,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let mut waiting = Vec::new();
    for _socket in 0..6 {
        let mut codex = rig.codex_socket().await;
        let long = message("user", &"x".repeat(60_000));
        let answer = codex.ask(&create(json!([long]))).await;
        assert_eq!(types(&answer).last().unwrap(), &"response.completed");
        waiting.push(codex);
    }
    let mut long = codex_request();
    long["input"] = json!([message("user", &"x".repeat(200_000))]);
    assert_eq!(rig.responses_of_codex(&long).await.status(), 200);
}

#[tokio::test]
async fn after_a_failure_the_response_before_it_can_be_leaned_on_again() {
    let rig = Rig::over(["work"]).await;
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    rig.sim.reply_next(
        "work",
        [Reply::refusal_inside_200("context_length_exceeded")],
    );
    let two = after(&id_of(&one), json!([message("user", "two")]));
    let failed = codex.ask(&two).await;
    assert_eq!(types(&failed).last().unwrap(), &"response.failed");
    let again = codex.ask(&two).await;
    assert!(text_of(&again).contains("You said: two"));
    assert_eq!(
        rig.handshakes().len(),
        1,
        "a failure does not end the socket"
    );
}

#[tokio::test]
async fn reasoning_that_is_refused_inside_an_answer_by_post_is_left_out() {
    let rig = Rig::over(["work"]).await;
    rig.sim.handshake_always("work", Handshake::refused(426));
    let thinking = Reply::text_with_reasoning("thinking", "first");
    let refused = Reply::refusal_inside_200("invalid_encrypted_content");
    rig.sim.reply_next("work", [thinking, refused]);
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    let two = after(&id_of(&one), json!([message("user", "two")]));
    assert!(text_of(&codex.ask(&two).await).contains("You said: two"));
    let sent = rig.posts().pop().unwrap().json();
    assert_eq!(sent["input"].as_array().unwrap().len(), 3);
}
