//! Images, out of nothing and out of other images: by the hosted tool of a ChatGPT account, or passed on to an API key.

use crate::simulator::{Gate, Reply};

use super::*;

async fn generate(rig: &Rig, body: Value) -> reqwest::Response {
    rig.post("/v1/images/generations", &body)
        .send()
        .await
        .unwrap()
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\xff";
const FORM_TYPE: &str = "multipart/form-data; boundary=x";

/// A form with the fields, and a PNG file for each of the names.
fn form(fields: &[(&str, &str)], files: &[&str]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(part.as_bytes());
    }
    for name in files {
        let head = format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
        );
        form.extend_from_slice(&[head.as_bytes(), PNG, b"\r\n"].concat());
    }
    form.extend_from_slice(b"--x--\r\n");
    form
}

async fn send_form(rig: &Rig, path: &str, form: Vec<u8>) -> reqwest::Response {
    http()
        .post(rig.url(path))
        .header("content-type", FORM_TYPE)
        .header("authorization", "Bearer unused")
        .body(form)
        .send()
        .await
        .unwrap()
}

async fn edit(rig: &Rig, form: Vec<u8>) -> reqwest::Response {
    send_form(rig, "/v1/images/edits", form).await
}

async fn json_of(reply: reqwest::Response) -> Value {
    serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
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
    // The client is told what the image model took, the record what the account's own model did.
    assert_eq!(body["usage"]["total_tokens"], 2 * (9 + 272));
    assert!(done.tokens.is_some());
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

    rig.forgive();
    rig.sim
        .reply_next("work", [Reply::text("no pictures today")]);
    let reply = generate(&rig, json!({"prompt": "x"})).await;
    assert_eq!(reply.status(), 502);
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
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

    let reply = generate(&rig, json!({"prompt": "x", "n": 9})).await;
    assert_eq!(
        (
            reply.status().as_u16(),
            error_of(reply).await["param"].clone()
        ),
        (400, json!("n"))
    );
}

#[tokio::test]
async fn pictures_that_were_made_are_counted_and_not_made_again() {
    for (second, status) in [
        (Reply::text("no more today"), 502),
        (Reply::cut_after(6), 502),
        (Reply::usage_limit(Duration::from_secs(60)), 429),
    ] {
        let mut rig = Rig::over(["work"]).await;
        rig.sim.reply_next("work", [Reply::canned(), second]);
        let reply = generate(&rig, json!({"prompt": "x", "n": 3})).await;
        assert_eq!(reply.status(), status);
        assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
        assert_eq!(rig.asked(), ["work", "work"]);
        let (_, done) = rig.told().await;
        assert!(!done.is_complete && done.tokens.is_some(), "{status}");
    }
}

#[tokio::test]
async fn a_picture_that_nobody_can_read_is_the_requests_own_fault() {
    for code in [
        "invalid_image_url",
        "image_parse_error",
        "moderation_blocked",
    ] {
        let mut rig = Rig::over(["work", "home"]).await;
        rig.sim
            .reply_next("work", [Reply::refusal_inside_200(code)]);
        let reply = rig.chat(chat_request("hi")).await;
        assert_eq!(reply.status(), 400, "{code}");
        assert_eq!(rig.asked(), ["work"], "{code}");
        let (attempts, _) = rig.told().await;
        let fault = AttemptResult::ClientFault { status: 400 };
        assert_eq!(attempts, [("work".to_owned(), fault)], "{code}");
    }
}

#[tokio::test]
async fn words_in_the_place_of_a_picture_are_no_failure_of_the_account() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::text("no pictures today")]);
    let reply = generate(&rig, json!({"prompt": "x", "stream": true})).await;
    let stream = reply.text().await.unwrap();
    assert!(stream.contains("no_image"), "{stream}");
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert!(!done.is_complete && done.tokens.is_some());
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

    // Fields that nobody here knows and a number beyond ours pass as well.
    let fields = [("model", "gpt-image-1"), ("n", "10"), ("zeta", "1")];
    let sent = form(&fields, &["image[]", "markup"]);
    for (path, dialect) in [
        ("/v1/images/edits", Dialect::ImageEdits),
        ("/v1/images/variations", Dialect::ImageVariations),
    ] {
        let reply = send_form(&rig, path, sent.clone()).await;
        assert_eq!(reply.status(), 200);
        let asked = rig.sim.asked().pop().unwrap();
        assert_eq!((asked.path.as_str(), &asked.body[..]), (path, &sent[..]));
        assert_eq!(asked.header("content-type"), Some(FORM_TYPE));
        let (_, done) = rig.told().await;
        assert_eq!(
            (done.dialect, done.model.as_str()),
            (dialect, "gpt-image-1")
        );
        assert!(done.tokens.is_some());
    }
}

#[tokio::test]
async fn an_api_key_streams_an_edit_in_its_own_words() {
    let mut rig = over_a_key().await;
    let fields = [("prompt", "x"), ("stream", "true")];
    let reply = edit(&rig, form(&fields, &["image"])).await;
    assert_eq!(header(&reply, "content-type").unwrap(), "text/event-stream");
    assert_eq!(
        event_types(&reply.text().await.unwrap()),
        ["image_edit.partial_image", "image_edit.completed"]
    );
    assert!(rig.told().await.1.is_complete);
}

#[tokio::test]
async fn a_chatgpt_account_edits_the_pictures_of_a_form() {
    let mut rig = Rig::over(["work"]).await;
    let fields = [
        ("model", "gpt-image-1"),
        ("prompt", "redder"),
        ("n", "2"),
        ("size", "1024x1024"),
        ("input_fidelity", "high"),
        ("output_compression", "80"),
        ("user", "u"),
    ];
    let reply = edit(&rig, form(&fields, &["image[]", "image[]", "mask"])).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(header(&reply, "x-codex-router-dropped").unwrap(), "user");
    let body = json_of(reply).await;
    assert!(body["created"].as_u64().unwrap() > 1_700_000_000);
    let data = body["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert!(data[1]["b64_json"].as_str().unwrap().starts_with("iVBOR"));
    assert_eq!(
        data[0]["revised_prompt"],
        "A single pixel, made of 2 pictures."
    );
    let details = &body["usage"]["input_tokens_details"];
    assert_eq!(
        details["image_tokens"],
        2 * 2 * 272,
        "of two calls with two pictures each"
    );

    assert_eq!(rig.asked(), ["work", "work"]);
    let asked = rig.requests()[0].json();
    let url = "data:image/png;base64,iVBORw0KGgoA/w==";
    assert_eq!(
        asked["input"][0]["content"],
        json!([
            {"type": "input_text", "text": "redder"},
            {"type": "input_image", "image_url": url},
            {"type": "input_image", "image_url": url},
        ])
    );
    assert_eq!(
        asked["tools"],
        json!([{
            "type": "image_generation", "model": "gpt-image-1", "size": "1024x1024", "output_compression": 80,
            "input_fidelity": "high", "action": "edit", "input_image_mask": {"image_url": url},
        }])
    );
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (done.dialect, done.model.as_str()),
        (Dialect::ImageEdits, "gpt-image-1")
    );
    assert!(done.is_complete && done.tokens.is_some());
}

#[tokio::test]
async fn an_edit_is_streamed_look_by_look() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(60))]);
    let fields = [("prompt", "x"), ("stream", "true"), ("partial_images", "1")];
    let reply = edit(&rig, form(&fields, &["image"])).await;
    assert_eq!(header(&reply, "content-type").unwrap(), "text/event-stream");
    assert_eq!(
        event_types(&reply.text().await.unwrap()),
        ["image_edit.partial_image", "image_edit.completed"]
    );
    assert_eq!(rig.asked(), ["work", "home"]);
    assert!(rig.told().await.1.is_complete);
    assert_eq!(rig.router.in_flight(), 0);
}

#[tokio::test]
async fn codex_sends_pictures_as_json_and_below_its_own_prefix() {
    let rig = Rig::over(["work"]).await;
    let body = json!({
        "images": [{"image_url": "data:image/jpeg;base64,/9j/4A=="}], "prompt": "x", "model": "gpt-image-2", "quality": "low",
    });
    for path in ["/v1/images/edits", "/backend-api/codex/images/edits"] {
        let reply = rig.post(path, &body).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        let answer = json_of(reply).await;
        assert_eq!(
            answer["data"][0]["revised_prompt"],
            "A single pixel, made of 1 picture."
        );
        let asked = rig.requests().pop().unwrap().json();
        assert_eq!(
            asked["input"][0]["content"][1]["image_url"],
            "data:image/jpeg;base64,/9j/4A=="
        );
    }
}

#[tokio::test]
async fn an_edit_that_cannot_be_had_is_refused_by_name_and_asks_nobody() {
    let mut rig = Rig::over(["work"]).await;
    let prompt = [("prompt", "secret")];
    let text = b"--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nsecret\r\n--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nsecret\r\n--x--\r\n";
    let mut torn = form(&prompt, &["image"]);
    torn.truncate(torn.len() - 9);
    for (form, param, word) in [
        (form(&prompt, &[]), json!("image"), "missing"),
        (form(&[], &["image"]), json!("prompt"), "missing"),
        (
            form(&[("prompt", "secret"), ("n", "9")], &["image"]),
            json!("n"),
            "8",
        ),
        (
            form(
                &[("prompt", "secret"), ("n", "2"), ("stream", "true")],
                &["image"],
            ),
            json!("n"),
            "stream",
        ),
        (form(&prompt, &["image", "markup"]), json!("markup"), "file"),
        (text.to_vec(), json!("image"), "text/plain"),
        (torn, Value::Null, "\"image\""),
        (b"secret".to_vec(), Value::Null, "incomplete"),
    ] {
        let reply = edit(&rig, form).await;
        assert_eq!(reply.status(), 400);
        let error = error_of(reply).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["param"], param, "{message}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            message.contains(word) && !message.contains("secret"),
            "{message}"
        );
        assert_eq!(rig.told().await.1.status, 400);
    }
    assert_eq!(rig.sim.asked().len(), 0);
}

#[tokio::test]
async fn an_edit_beyond_the_limits_is_told_its_size() {
    let limits = Limits {
        wire_bytes: 512,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let files = ["image[]"; 8];
    let reply = edit(&rig, form(&[("prompt", "x")], &files)).await;
    assert_eq!(reply.status(), 413);
    let error = error_of(reply).await;
    assert!(
        error["message"].as_str().unwrap().contains("512"),
        "{error}"
    );

    // Its pictures take more room as what is sent upstream than as what has come.
    let limits = Limits {
        all_bodies_bytes: 2 * 1024,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let reply = edit(&rig, form(&[("prompt", "x")], &files)).await;
    assert_eq!(reply.status(), 503);
    assert_eq!(error_of(reply).await["code"], "router_busy");
    let reply = edit(&rig, form(&[("prompt", "x")], &["image"])).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn whoever_the_pool_prefers_makes_the_picture() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    sim.add(Account::chatgpt("work"));
    let members = vec![
        member("key", access(&sim.auth_json("key")), 0),
        member("work", access(&sim.auth_json("work")), 1),
    ];
    let rig = Rig::start(sim, members, Limits::default()).await;
    let sent = form(&[("prompt", "x")], &["image"]);
    assert_eq!(edit(&rig, sent.clone()).await.status(), 200);
    assert_eq!(rig.asked(), ["work"], "keys cost money");

    let in_use = |name: &str| Pool {
        strategy: Strategy::Active,
        active: Some(ProfileName::parse(name).unwrap()),
        ..(**rig.pool.borrow()).clone()
    };
    let pool = in_use("key");
    rig.pool.send_replace(Arc::new(pool));
    assert_eq!(edit(&rig, sent.clone()).await.status(), 200);
    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(
        (asked.path.as_str(), &asked.body[..]),
        ("/v1/images/edits", &sent[..])
    );
}

#[tokio::test]
async fn below_a_deployment_of_azure_a_form_gets_its_model() {
    let mut rig = Rig::over(["work"]).await;
    let path = "/openai/deployments/gpt-image-1/images/edits?api-version=2025-04-01-preview";
    let reply = send_form(&rig, path, form(&[("prompt", "x")], &["image"])).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(rig.requests()[0].json()["tools"][0]["model"], "gpt-image-1");
    assert_eq!(rig.told().await.1.model, "gpt-image-1");
    let other = form(&[("prompt", "x"), ("model", "dall-e-2")], &["image"]);
    let reply = send_form(&rig, path, other).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(error_of(reply).await["param"], "model");

    let mut rig = over_a_key().await;
    let path = "/openai/deployments/whisper-1/audio/transcriptions?api-version=2024-10-21";
    let reply = send_form(&rig, path, form(&[], &["file"])).await;
    assert_eq!(reply.status(), 200);
    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(asked.path, "/v1/audio/transcriptions");
    assert!(asked.body.ends_with(&form(&[], &["file"])));
    assert_eq!(rig.told().await.1.model, "whisper-1");
}

#[tokio::test]
async fn a_model_of_images_is_no_model_of_texts() {
    let rig = Rig::over(["work"]).await;
    let messages = json!([{"role": "user", "content": "hi"}]);
    for (path, body) in [
        ("/v1/chat/completions", json!({"messages": messages})),
        ("/v1/responses", json!({"input": "hi"})),
        ("/v1/completions", json!({"prompt": "hi"})),
        (
            "/v1/messages",
            json!({"messages": messages, "max_tokens": 9}),
        ),
    ] {
        for model in ["gpt-image-1", "dall-e-3"] {
            let mut body = body.clone();
            body["model"] = json!(model);
            let reply = rig.post(path, &body).send().await.unwrap();
            assert_eq!(reply.status(), 400, "{path} {model}");
            let error = error_of(reply).await;
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("/v1/images/generations"), "{message}");
        }
    }
    assert_eq!(rig.sim.asked().len(), 0);
}

#[tokio::test]
async fn a_client_hears_that_a_picture_is_still_being_drawn() {
    let limits = Limits {
        ping: Duration::from_millis(5),
        handshake: Duration::from_millis(5),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(3, &gate)]);
    let mut reply = generate(&rig, json!({"prompt": "x", "stream": true})).await;
    let first = reply.chunk().await.unwrap().unwrap();
    assert_eq!(first, ": keep-alive\n\n");
    gate.open();
    let rest = reply.text().await.unwrap();
    assert_eq!(event_types(&rest), ["image_generation.completed"]);
}

#[tokio::test]
async fn what_only_the_api_makes_needs_a_key() {
    let rig = Rig::over(["work"]).await;
    for (path, model, what) in [
        ("/v1/images/generations", "dall-e-3", "images by this model"),
        (
            "/v1/images/edits",
            "dall-e-2",
            "edits of images by this model",
        ),
        (
            "/v1/images/variations",
            "gpt-image-1",
            "variations of images",
        ),
    ] {
        let body = json!({"model": model, "prompt": "x"});
        let reply = rig.post(path, &body).send().await.unwrap();
        assert_eq!(reply.status(), 404, "{path}");
        let error = error_of(reply).await;
        assert_eq!(error["code"], "model_not_found");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with(what) && message.contains("API key"),
            "{message}"
        );
    }
    assert_eq!(rig.sim.asked().len(), 0);
}
