//! Images: by the hosted tool of a ChatGPT account, or passed on to an API key.

use crate::simulator::Reply;

use super::*;

async fn generate(rig: &Rig, body: Value) -> reqwest::Response {
    rig.post("/v1/images/generations", &body)
        .send()
        .await
        .unwrap()
}

async fn over_a_key() -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    Rig::start(sim, members, Limits::default()).await
}

#[tokio::test]
async fn a_chatgpt_account_makes_a_picture_by_its_hosted_tool() {
    let mut rig = Rig::over(["work"]).await;
    let reply = generate(
        &rig,
        json!({"model": "gpt-image-1", "prompt": "a red ball", "n": 2, "quality": "low", "user": "u"}),
    )
    .await;
    assert_eq!(reply.status(), 200);
    assert_eq!(header(&reply, "x-codex-router-dropped").unwrap(), "user");
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    let data = body["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert!(data[1]["b64_json"].as_str().unwrap().starts_with("iVBOR"));
    assert_eq!(
        (&body["output_format"], &body["quality"]),
        (&json!("png"), &json!("low"))
    );
    assert_eq!(rig.asked(), ["work", "work"]);
    let asked = rig.requests()[0].json();
    assert_eq!(asked["tool_choice"], json!({"type": "image_generation"}));
    assert_eq!(asked["tools"][0]["model"], "gpt-image-1");
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (done.dialect, done.model.as_str()),
        (Dialect::Images, "gpt-image-1")
    );
    assert_eq!(
        done.tokens.map(|tokens| tokens.total),
        body["usage"]["total_tokens"].as_u64()
    );
    assert!(done.is_complete);
}

#[tokio::test]
async fn a_picture_is_streamed_look_by_look() {
    let mut rig = Rig::over(["work"]).await;
    let reply = generate(
        &rig,
        json!({"prompt": "a red ball", "stream": true, "partial_images": 2}),
    )
    .await;
    assert_eq!(header(&reply, "content-type").unwrap(), "text/event-stream");
    let stream = reply.text().await.unwrap();
    assert_eq!(
        event_types(&stream),
        [
            "image_generation.partial_image",
            "image_generation.partial_image",
            "image_generation.completed"
        ]
    );
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert!(done.is_complete && done.tokens.is_some());
}

#[tokio::test]
async fn a_picture_fails_over_and_fails_honestly() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::refusal_inside_200("usage_limit_reached")]);
    assert_eq!(generate(&rig, json!({"prompt": "x"})).await.status(), 200);
    assert_eq!(rig.asked(), ["work", "home"]);
    rig.told().await;

    rig.sim
        .reply_next("work", [Reply::text("no pictures today")]);
    let reply = generate(&rig, json!({"prompt": "x"})).await;
    assert_eq!(reply.status(), 502);
    let error = error_of(reply).await;
    assert_eq!(error["code"], "no_image");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("no pictures today")
    );
    assert!(!rig.told().await.1.is_complete);

    rig.sim.reply_next("work", [Reply::cut_after(6)]);
    let reply = generate(
        &rig,
        json!({"prompt": "x", "stream": true, "partial_images": 3}),
    )
    .await;
    let stream = reply.text().await.unwrap();
    assert!(stream.contains("partial_image"), "{stream}");
    assert!(
        stream.contains("event: error") && !stream.contains("completed"),
        "{stream}"
    );
    assert!(!rig.told().await.1.is_complete);

    let reply = generate(&rig, json!({"prompt": "x", "n": 11})).await;
    assert_eq!(
        (
            reply.status().as_u16(),
            error_of(reply).await["param"].clone()
        ),
        (400, json!("n"))
    );
}

#[tokio::test]
async fn an_api_key_gets_the_request_as_it_is() {
    let mut rig = over_a_key().await;
    let body = json!({"model": "dall-e-3", "prompt": "x", "n": 1, "style": "vivid", "response_format": "b64_json"});
    let reply = generate(&rig, body.clone()).await;
    assert_eq!(reply.status(), 200);
    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(
        (asked.path.as_str(), asked.json()),
        ("/v1/images/generations", body)
    );
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("key".to_owned(), AttemptResult::Served)]);
    assert_eq!(
        (done.dialect, done.model.as_str()),
        (Dialect::Images, "dall-e-3")
    );

    let form: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n";
    let reply = http()
        .post(rig.url("/v1/images/edits"))
        .header("content-type", "multipart/form-data; boundary=x")
        .header("authorization", "Bearer unused")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(rig.sim.asked().pop().unwrap().body, form);
    assert_eq!(rig.told().await.1.dialect, Dialect::ImageEdits);
}

#[tokio::test]
async fn what_only_the_api_makes_needs_a_key() {
    let rig = Rig::over(["work"]).await;
    for (path, body) in [
        (
            "/v1/images/generations",
            json!({"model": "dall-e-3", "prompt": "x"}),
        ),
        (
            "/v1/images/edits",
            json!({"model": "gpt-image-1", "prompt": "x"}),
        ),
    ] {
        let reply = rig.post(path, &body).send().await.unwrap();
        assert_eq!(reply.status(), 404, "{path}");
        assert_eq!(error_of(reply).await["code"], "model_not_found");
    }
    assert_eq!(rig.sim.asked().len(), 0);
}
