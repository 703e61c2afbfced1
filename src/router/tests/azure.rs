//! Azure's URL forms: the three of them, with both headers for a key.

use crate::simulator::Reply;

use super::*;

const KEYS: [(&str, &str); 2] = [("api-key", "unused"), ("authorization", "Bearer unused")];

async fn post(rig: &Rig, path: &str, key: (&str, &str), body: &Value) -> reqwest::Response {
    http()
        .post(rig.url(path))
        .header("content-type", "application/json")
        .header(key.0, key.1)
        .body(body.to_string())
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_form_works_with_every_key_header() {
    let rig = Rig::over(["work"]).await;
    rig.sim.reply_always("work", Reply::text("hello"));
    let messages = json!([{"role": "user", "content": "hi"}]);
    for key in KEYS {
        for (path, body, at) in [
            (
                "/openai/deployments/gpt-5.5/chat/completions?api-version=2024-10-21",
                json!({"messages": messages}),
                "/choices/0/message/content",
            ),
            (
                "/openai/deployments/gpt-5.5/completions?api-version=2024-10-21",
                json!({"prompt": "hi", "model": "gpt-5.5"}),
                "/choices/0/text",
            ),
            (
                "/openai/responses?api-version=2025-04-01-preview",
                json!({"model": "gpt-5.5", "input": "hi"}),
                "/output/0/content/0/text",
            ),
            (
                "/openai/v1/chat/completions?api-version=preview",
                json!({"model": "gpt-5.5", "messages": messages}),
                "/choices/0/message/content",
            ),
            (
                "/openai/v1/responses",
                json!({"model": "gpt-5.5", "input": "hi"}),
                "/output/0/content/0/text",
            ),
        ] {
            let reply = post(&rig, path, key, &body).await;
            assert_eq!(reply.status(), 200, "{path}");
            let answer: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
            assert_eq!(answer.pointer(at), Some(&json!("hello")), "{path} {answer}");
            assert_eq!(rig.requests().pop().unwrap().json()["model"], MODEL);
        }
    }
    let listed = http()
        .get(rig.url("/openai/models?api-version=2024-10-21"))
        .send()
        .await
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.bytes().await.unwrap()).unwrap();
    assert_eq!(listed["object"], "list");
}

#[tokio::test]
async fn the_deployment_is_the_model_whatever_the_body_says() {
    let mut rig = Rig::over(["work"]).await;
    let body =
        json!({"model": "gpt-4", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let path = "/openai/deployments/gpt-5.5/chat/completions?api-version=x";
    let reply = post(&rig, path, KEYS[0], &body).await;
    assert_eq!(reply.status(), 200);
    assert!(
        reply
            .text()
            .await
            .unwrap()
            .contains("\"model\":\"gpt-5.5\"")
    );
    assert_eq!(rig.requests()[0].json()["model"], MODEL);
    assert_eq!(rig.told().await.1.model, MODEL);
}

#[tokio::test]
async fn errors_are_told_in_azures_shape_and_only_there() {
    let rig = Rig::over(["work"]).await;
    let refused = |path: &'static str, body: Value| {
        let rig = &rig;
        async move {
            let reply = post(rig, path, KEYS[0], &body).await;
            let status = reply.status().as_u16();
            let has_id = header(&reply, "x-request-id").is_some();
            (status, has_id, error_of(reply).await)
        }
    };
    let chat = "/openai/deployments/gpt-5.5/chat/completions";
    let (status, has_id, error) = refused(chat, json!({"messages": []})).await;
    assert_eq!(
        (status, has_id, &error["code"]),
        (400, true, &json!("BadRequest"))
    );
    assert_eq!(error["param"], "messages");
    let (status, _, error) =
        refused("/openai/deployments/x/embeddings", json!({"input": "a"})).await;
    assert_eq!(
        (status, &error["code"]),
        (404, &json!("DeploymentNotFound"))
    );
    let (status, _, error) = refused("/openai/nothing", json!({})).await;
    assert_eq!((status, &error["code"]), (404, &json!("404")));
    let (status, _, error) = refused("/openai/v1/nothing", json!({})).await;
    assert_eq!((status, &error["code"]), (404, &json!("unknown_path")));

    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(90))]);
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    let reply = post(&rig, chat, KEYS[1], &body).await;
    assert_eq!(reply.status(), 429);
    let millis: u64 = header(&reply, "retry-after-ms").unwrap().parse().unwrap();
    assert!((80_000..=90_000).contains(&millis), "{millis}");
    assert_eq!(error_of(reply).await["code"], "429");
}

#[tokio::test]
async fn an_embedding_below_a_deployment_gets_its_model() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    let rig = Rig::start(sim, members, Limits::default()).await;
    let path = "/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21";
    let reply = post(&rig, path, KEYS[0], &json!({"input": "a"})).await;
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    assert_eq!(body["model"], "text-embedding-3-small");
    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(asked.path, "/v1/embeddings");
    assert_eq!(
        asked.body,
        r#"{"input":"a","model":"text-embedding-3-small"}"#
    );
}
