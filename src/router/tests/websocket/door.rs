//! Who gets a socket at all.

use super::*;

async fn refused(rig: &Rig, headers: &[(&str, &str)]) -> (u16, Value) {
    match rig.try_socket("/v1/responses", headers).await {
        Ok(_) => panic!("let in with {headers:?}"),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn every_path_of_responses_becomes_a_socket() {
    let rig = Rig::over(["work"]).await;
    for prefix in ["/v1", "", "/backend-api/codex", "/openai/v1", "/openai"] {
        let path = format!("{prefix}/responses");
        let mut codex = rig.try_socket(&path, &CODEX).await.unwrap();
        let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
        assert_eq!(
            types(&answer).last().unwrap(),
            &"response.completed",
            "{path}"
        );
    }
    let Err((status, _)) = rig.try_socket("/v1/models", &CODEX).await else {
        panic!("models on a socket");
    };
    assert_eq!(status, 200, "the list, as without an upgrade");
}

#[tokio::test]
async fn a_web_page_and_a_foreign_host_are_refused_before_the_upgrade() {
    let rig = Rig::over(["work"]).await;
    for (header, status) in [
        (("origin", "https://evil.test"), 403),
        (("origin", "http://localhost:9876"), 403),
        (("host", "evil.test:9876"), 403),
        (("sec-fetch-site", "cross-site"), 403),
    ] {
        let (told, body) = refused(&rig, &[header]).await;
        assert_eq!(told, status, "{header:?}");
        assert_eq!(body["error"]["type"], "permission_error");
    }
    let keys = [("authorization", "Bearer a"), ("x-api-key", "b")];
    assert_eq!(refused(&rig, &keys).await.0, 400);
    assert!(rig.asked().is_empty());
}

#[tokio::test]
async fn a_handshake_that_is_none_is_told_what_is_wrong() {
    let rig = Rig::over(["work"]).await;
    for header in [
        ("sec-websocket-version", "8"),
        ("sec-websocket-key", "too short"),
    ] {
        let (status, body) = refused(&rig, &[header]).await;
        assert_eq!(status, 400, "{header:?}");
        assert_eq!(body["error"]["code"], "bad_websocket_handshake");
    }
}

#[tokio::test]
async fn turned_off_it_is_426_so_that_codex_falls_back_at_once() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let members = vec![member("work", access(&sim.auth_json("work")), 0)];
    let endpoints = endpoints(&sim);
    let limits = Limits::default();
    let rig = Rig::with_everything(
        sim,
        endpoints,
        members,
        limits,
        Known::default(),
        ModelMap::default(),
        false,
    )
    .await;
    let (status, body) = refused(&rig, &CODEX).await;
    assert_eq!(status, 426);
    assert_eq!(body["error"]["code"], "websocket_not_served");
    let reply = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn an_open_socket_takes_no_slot_of_a_request_and_each_request_takes_one() {
    let limits = Limits {
        in_flight: 1,
        queue: 0,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let mut one = rig.codex_socket().await;
    let mut two = rig.codex_socket().await;
    one.ask(&create(json!([message("user", "hi")]))).await;
    let gate = crate::simulator::Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    one.say(&create(json!([message("user", "hi")]))).await;
    assert_eq!(one.event().await["type"], "response.created");
    assert_eq!(rig.router.in_flight(), 1);
    let busy = two.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(busy[0]["status"], 503);
    assert_eq!(busy[0]["error"]["code"], "router_busy");
    assert_eq!(busy[0]["headers"]["retry-after"], "1");
    gate.open();
    one.answer().await;
    let answer = two.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
}
