//! How requests and sockets end: by the upstream, by the client, by the router.

use super::*;
use crate::simulator::Gate;

/// created, in_progress, item added, part added: the fifth event is the first text.
const FIRST_TEXT: usize = 5;

#[tokio::test]
async fn an_answer_that_is_cut_ends_with_an_error_and_never_as_if_it_were_complete() {
    for reply in [
        Reply::cut_after(FIRST_TEXT),
        Reply::clean_eof_after(FIRST_TEXT),
    ] {
        for is_by_post in [false, true] {
            let mut rig = Rig::over(["work", "home"]).await;
            if is_by_post {
                rig.sim.handshake_always("work", Handshake::refused(426));
            }
            rig.sim.reply_next("work", [reply.clone()]);
            let mut codex = rig.codex_socket().await;
            let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
            let news = ["codex.rate_limits", "response.metadata"];
            let told = types(&answer);
            let told = told.iter().filter(|kind| !news.contains(kind));
            assert_eq!(told.count(), FIRST_TEXT + 1);
            let error = answer.last().unwrap();
            assert_eq!(
                (&error["type"], &error["status"]),
                (&json!("error"), &json!(502))
            );
            assert_eq!(error["error"]["code"], "upstream_stream_truncated");
            let (attempts, done) = rig.told().await;
            assert_eq!(attempts, [("work".to_owned(), AttemptResult::Cut)]);
            assert_eq!((done.status, done.is_complete), (502, false));

            let again = codex.ask(&create(json!([message("user", "hi")]))).await;
            assert_eq!(types(&again).last().unwrap(), &"response.completed");
        }
    }
}

#[tokio::test]
async fn a_pool_without_usage_is_told_with_its_reset() {
    let rig = Rig::over(["work", "home"]).await;
    for name in ["work", "home"] {
        let limit = Reply::usage_limit(Duration::from_secs(900));
        rig.sim.reply_always(name, limit);
    }
    let mut codex = rig.codex_socket().await;
    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0]["status"], 429);
    let error = &answer[0]["error"];
    assert_eq!(error["type"], "usage_limit_reached");
    assert!(error["resets_at"].as_u64().unwrap() > unix_now());
}

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[tokio::test]
async fn the_clients_own_mistake_comes_back_in_the_upstreams_words() {
    let mistake = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#;
    for is_by_post in [false, true] {
        let rig = Rig::over(["work", "home"]).await;
        if is_by_post {
            rig.sim.handshake_always("work", Handshake::refused(426));
        }
        rig.sim.reply_always("work", Reply::status(400, mistake));
        let mut codex = rig.codex_socket().await;
        let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
        assert_eq!(answer[0]["status"], 400);
        let said: Value = serde_json::from_str(mistake).unwrap();
        assert_eq!(answer[0]["error"], said["error"]);
        assert!(!rig.asked().contains(&"home".to_owned()));
    }
}

#[tokio::test]
async fn codex_never_hears_of_a_401() {
    let rig = Rig::over(["dead"]).await;
    rig.sim.revoke_access("dead");
    let mut codex = rig.codex_socket().await;
    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(answer[0]["status"], 503);
    let message = answer[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("dead: its login was refused"), "{message}");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_upstream_along() {
    for says_goodbye in [true, false] {
        let mut rig = Rig::over(["work"]).await;
        let gate = Gate::closed();
        rig.sim
            .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
        let mut codex = rig.codex_socket().await;
        codex.say(&create(json!([message("user", "hi")]))).await;
        gate.reached(1).await;
        if says_goodbye {
            codex.socket.close(None).await.unwrap();
        }
        drop(codex);
        rig.is_abandoned("work").await;
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_of_a_body_is_told_and_ends_the_socket() {
    let limits = Limits {
        wire_bytes: 10_000,
        ..Limits::default()
    };
    for bytes in [20_000, 8_000_000] {
        let rig = Rig::with_limits(["work"], limits.clone()).await;
        let mut codex = rig.codex_socket().await;
        let long = message("user", &"x".repeat(bytes));
        codex.say(&create(json!([long]))).await;
        let error = codex.event().await;
        assert_eq!(error["status"], 413);
        assert_eq!(error["error"]["code"], "request_too_large");
        assert_eq!(codex.close_code().await, 1009);
    }
}

#[tokio::test]
async fn a_router_that_stops_says_goodbye_to_idle_sockets_and_lets_answers_finish() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
    let mut idle = rig.codex_socket().await;
    let mut busy = rig.codex_socket().await;
    busy.say(&create(json!([message("user", "hi")]))).await;
    gate.reached(1).await;
    let Rig { router, sim, .. } = rig;
    let stopping = tokio::spawn(router.stop(PATIENCE));
    assert_eq!(idle.close_code().await, 1001);
    gate.open();
    let answer = busy.answer().await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
    assert_eq!(busy.close_code().await, 1001);
    stopping.await.unwrap();
    drop(sim);
}

#[tokio::test]
async fn an_answer_that_outlasts_the_drain_ends_with_an_error() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
    let mut codex = rig.codex_socket().await;
    codex.say(&create(json!([message("user", "hi")]))).await;
    gate.reached(1).await;
    let Rig { router, sim, .. } = rig;
    let stopping = tokio::spawn(router.stop(Duration::ZERO));
    let answer = codex.answer().await;
    assert_eq!(answer.last().unwrap()["error"]["code"], "router_stopping");
    assert_eq!(codex.close_code().await, 1001);
    stopping.await.unwrap();
    drop(sim);
}

#[tokio::test]
async fn an_error_without_a_status_is_told_with_one_so_that_codex_does_not_wait_for_more() {
    use crate::simulator::HttpReply;
    use crate::simulator::events::{ev_created, ev_error, ev_text_delta};

    let midway = Reply::events([ev_created(), ev_text_delta("he"), ev_error("oops", "boom")]);
    let bare = HttpReply::new(200, "data: {\"error\":{\"code\":\"invalid_prompt\"}}\n\n");
    for (reply, status, is_by_post) in [
        (midway.clone(), 502, true),
        (midway, 502, false),
        (Reply::error_event("context_length_exceeded"), 400, true),
        (Reply::error_event("context_length_exceeded"), 400, false),
        (Reply::http(bare), 400, true),
    ] {
        let mut rig = Rig::over(["work"]).await;
        if is_by_post {
            rig.sim.handshake_always("work", Handshake::refused(426));
        }
        let about = format!("{reply:?} {is_by_post}");
        rig.sim.reply_next("work", [reply]);
        let mut codex = rig.codex_socket().await;
        let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
        let last = answer.last().unwrap();
        assert_eq!(last["type"], "error", "{about}");
        assert_eq!(last["status"], status, "{about}");
        assert!(last["error"]["code"].is_string(), "{about}");
        let (_, done) = rig.told().await;
        assert_eq!((done.status, done.is_complete), (status, false), "{about}");
    }
}

#[tokio::test]
async fn what_an_upstream_says_after_its_error_is_not_taken_for_the_next_answer() {
    use crate::simulator::events::{ev_error, ev_failed};

    let rig = Rig::over(["work"]).await;
    let twice = [
        ev_error("invalid_prompt", "no").with("status", json!(400)),
        ev_failed("invalid_prompt", "no"),
    ];
    rig.sim.reply_next("work", [Reply::events(twice)]);
    let mut codex = rig.codex_socket().await;
    for text in ["one", "two"] {
        codex.say(&create(json!([message("user", text)]))).await;
    }
    assert_eq!(types(&codex.answer().await), ["error"]);
    assert!(text_of(&codex.answer().await).contains("You said: two"));
}
