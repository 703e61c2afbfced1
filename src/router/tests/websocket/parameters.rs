//! Parameters that an upstream refuses on its socket.

use super::*;

fn unsupported(name: &str) -> Reply {
    let body = json!({"detail": format!("Unsupported parameter: {name}")});
    Reply::status(400, body.to_string())
}

fn request() -> Value {
    json!({"type": "response.create", "model": MODEL, "input": "hi", "text": {"verbosity": "low"}})
}

#[tokio::test]
async fn a_parameter_refused_on_a_socket_is_taken_out_and_the_same_account_asked_once_more() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.reply_next("work", [unsupported("text.verbosity")]);
    let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
    let one = sdk.ask(&request()).await;
    assert!(text_of(&one).starts_with("Hello from work"));
    let messages = rig.messages();
    assert_eq!(messages[0]["text"], json!({"verbosity": "low"}));
    assert_eq!(messages[1]["text"], json!({}));
    assert_eq!((messages.len(), rig.posts().len()), (2, 0));
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert_eq!(
        (done.retries, done.dropped),
        (1, vec!["text.verbosity".to_owned()])
    );

    let mut two = request();
    two["previous_response_id"] = id_of(&one).into();
    sdk.ask(&two).await;
    assert_eq!(rig.messages()[2]["text"], json!({}), "from then on");
    assert_eq!(
        rig.messages()[2]["previous_response_id"],
        two["previous_response_id"]
    );
    let (_, done) = rig.told().await;
    assert_eq!(
        (done.retries, done.dropped),
        (0, vec!["text.verbosity".to_owned()])
    );
}

#[tokio::test]
async fn what_was_refused_on_a_socket_is_left_out_by_post_as_well() {
    let rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [unsupported("text.verbosity")]);
    let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
    sdk.ask(&request()).await;
    let mut body = request();
    body.as_object_mut().unwrap().shift_remove("type");
    let reply = rig.responses(body).await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").as_deref(),
        Some("text.verbosity")
    );
}

#[tokio::test]
async fn a_second_refusal_of_the_same_request_is_told() {
    let rig = Rig::over(["work"]).await;
    let refusals = ["text.verbosity", "parallel_tool_calls"].map(unsupported);
    rig.sim.reply_next("work", refusals);
    let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
    let mut request = request();
    request["parallel_tool_calls"] = json!(true);
    let told = sdk.ask(&request).await;
    assert_eq!((told.len(), &told[0]["status"]), (1, &json!(400)));
    let message = told[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("parallel_tool_calls"), "{message}");
    assert_eq!(rig.messages().len(), 2);
    // Both are known from here on.
    let answer = sdk.ask(&request).await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
    assert_eq!(rig.messages()[2].get("parallel_tool_calls"), None);
}

#[tokio::test]
async fn what_codex_sends_on_a_socket_is_never_changed_for_a_refusal() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [unsupported("prompt_cache_key")]);
    let mut codex = rig.codex_socket().await;
    let sent = create(json!([message("user", "hi")]));
    let told = codex.ask(&sent).await;
    assert_eq!((told.len(), &told[0]["status"]), (1, &json!(400)));
    assert_eq!(rig.messages(), std::slice::from_ref(&sent));
    codex.ask(&sent).await;
    assert_eq!(rig.messages()[1], sent, "nor remembered against it");
}

#[tokio::test]
async fn a_parameter_that_is_not_there_is_the_clients_to_hear_about() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [unsupported("previous_response_id")]);
    let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
    let told = sdk.ask(&request()).await;
    assert_eq!((told.len(), &told[0]["status"]), (1, &json!(400)));
    assert_eq!(rig.messages().len(), 1);
}
