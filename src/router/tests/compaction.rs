//! `/v1/responses/compact` at an upstream that has it, and at one that has not.

use crate::simulator::Reply;
use crate::simulator::events::{ev_completed, ev_created, ev_item_done};

use super::*;

fn conversation() -> Value {
    json!({
        "model": MODEL, "instructions": "Be brief.", "tools": [], "parallel_tool_calls": true,
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "brand_new", "x": 1},
        ],
    })
}

async fn compact(rig: &Rig, path: &str) -> reqwest::Response {
    let request = rig.post(path, &conversation());
    let request = request.header("originator", "codex_exec");
    request.header("session-id", "s-1").send().await.unwrap()
}

/// The paths that were asked for, without what stands in front.
fn paths(rig: &Rig) -> Vec<String> {
    let all = rig.sim.asked().into_iter();
    all.filter_map(|asked| Some(asked.path.split_once("/responses")?.1.to_owned()))
        .collect()
}

async fn kinds(reply: reqwest::Response) -> Vec<String> {
    assert_eq!(reply.status(), 200);
    assert_eq!(header(&reply, "content-type").unwrap(), "application/json");
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!(body["object"], "response.compaction");
    assert!(body["usage"]["total_tokens"].is_number());
    let output = body["output"].as_array().unwrap();
    let kind = |item: &Value| item["type"].as_str().unwrap().to_owned();
    output.iter().map(kind).collect()
}

#[tokio::test]
async fn an_upstream_that_has_the_endpoint_gets_the_body_as_it_came() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.set_compacts(true);
    for prefix in ["/v1", "", "/backend-api/codex", "/openai/v1", "/openai"] {
        let reply = compact(&rig, &format!("{prefix}/responses/compact")).await;
        assert_eq!(kinds(reply).await, ["compaction"], "{prefix}");
        let asked = rig.sim.asked().pop().unwrap();
        assert_eq!(asked.path, "/backend-api/codex/responses/compact");
        assert_eq!(asked.body, conversation().to_string());
        assert_eq!(asked.header("accept"), Some("application/json"));
        assert_eq!(asked.header("session-id"), Some("s-1"));
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
        assert_eq!((done.dialect, done.retries), (Dialect::Compaction, 0));
        assert!(done.tokens.is_some());
    }
}

#[tokio::test]
async fn one_that_has_none_is_asked_by_a_trigger_and_remembered() {
    let mut rig = Rig::over(["work", "home"]).await;
    let reply = compact(&rig, "/v1/responses/compact").await;
    assert_eq!(kinds(reply).await, ["compaction"]);
    assert_eq!(paths(&rig), ["/compact", ""], "on the same profile");
    let asked = rig.requests().pop().unwrap();
    assert_eq!(asked.account.as_deref(), Some("work"));
    let body = asked.json();
    let input = body["input"].as_array().unwrap();
    assert_eq!(
        input[1],
        json!({"type": "brand_new", "x": 1}),
        "no item is lost"
    );
    assert_eq!(input[2], json!({"type": "compaction_trigger"}));
    assert_eq!(
        (&body["stream"], &body["store"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(body["instructions"], "Be brief.");
    assert_eq!(rig.told().await.1.retries, 1);

    let reply = compact(&rig, "/v1/responses/compact").await;
    assert_eq!(kinds(reply).await, ["compaction"]);
    assert_eq!(
        paths(&rig),
        ["/compact", "", ""],
        "it is not asked for again"
    );
    assert_eq!(rig.told().await.1.retries, 0);
}

#[tokio::test]
async fn items_of_any_type_come_back() {
    let rig = Rig::over(["work"]).await;
    let item = |kind: &str, at: u64| {
        ev_item_done(json!({"type": kind, "encrypted_content": "fake"}))
            .with("output_index", at.into())
    };
    let events = [
        ev_created(),
        item("brand_new", 0),
        item("compaction", 1),
        ev_completed(),
    ];
    rig.sim.reply_next("work", [Reply::events(events)]);
    let reply = compact(&rig, "/v1/responses/compact").await;
    assert_eq!(kinds(reply).await, ["brand_new", "compaction"]);
}

#[tokio::test]
async fn an_answer_without_a_compaction_is_none() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::text("I would rather chat.")]);
    let reply = compact(&rig, "/v1/responses/compact").await;
    assert_eq!(reply.status(), 502);
    assert_eq!(error_of(reply).await["code"], "upstream_compaction_missing");
}

#[tokio::test]
async fn a_used_up_profile_is_passed_over_at_either_door() {
    for has_endpoint in [true, false] {
        let mut rig = Rig::over(["work", "home"]).await;
        rig.sim.set_compacts(has_endpoint);
        rig.sim
            .reply_next("work", [Reply::usage_limit(Duration::from_secs(3_600))]);
        let reply = compact(&rig, "/v1/responses/compact").await;
        assert_eq!(kinds(reply).await, ["compaction"]);
        let (_, done) = rig.told().await;
        assert_eq!(done.profile.unwrap().as_str(), "home");
    }
}

#[tokio::test]
async fn what_another_account_sealed_is_refused_and_not_made_up() {
    let rig = Rig::over(["work", "home"]).await;
    let reply = compact(&rig, "/v1/responses/compact").await;
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    let mut next = codex_request();
    let input = next["input"].as_array_mut().unwrap();
    input.insert(0, body["output"][0].clone());
    assert_eq!(rig.responses_of_codex(&next).await.status(), 200);
    rig.pool.send_modify(|pool| {
        let members = pool.members.iter().rev().take(1).cloned().collect();
        *pool = Arc::new(Pool {
            members,
            ..Pool::clone(pool)
        });
    });
    let reply = rig.responses_of_codex(&next).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(error_of(reply).await["code"], "invalid_encrypted_content");
}

#[tokio::test]
async fn an_api_key_is_asked_at_its_own_endpoint() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    let rig = Rig::start(sim, members, Limits::default()).await;
    let request = rig.post("/v1/responses/compact", &conversation());
    assert_eq!(kinds(request.send().await.unwrap()).await, ["compaction"]);
    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(asked.path, "/v1/responses/compact");
    assert_eq!(asked.body, conversation().to_string());
}
