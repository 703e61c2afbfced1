//! What only API keys open: passed on as it came, and back.

use crate::simulator::{HttpReply, Reply};

use super::*;

/// A ChatGPT account, preferred, and keys behind it.
async fn with_keys<const N: usize>(keys: [&str; N]) -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    let mut members = vec![member("work", access(&sim.auth_json("work")), 0)];
    for (place, key) in keys.into_iter().enumerate() {
        sim.add(Account::api_key(key));
        members.push(member(key, access(&sim.auth_json(key)), place));
    }
    Rig::start(sim, members, Limits::default()).await
}

fn embedding() -> Value {
    json!({"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "base64"})
}

/// Who was asked at this path, in order.
fn asked_at(rig: &Rig, path: &str) -> Vec<String> {
    let all = rig.sim.asked().into_iter();
    all.filter(|asked| asked.path == path)
        .filter_map(|asked| asked.account)
        .collect()
}

#[tokio::test]
async fn embeddings_go_to_a_key_and_their_base64_comes_back_untouched() {
    let mut rig = with_keys(["key"]).await;
    // Odd spacing, an escape, a field that nobody knows.
    let sent = r#"{ "input":"a\u0041", "model" : "text-embedding-3-small","encoding_format":"base64","zeta":1.50}"#;
    let answer = r#"{ "data":[{"embedding":"AACAPgAAAL8AAIA/"}], "usage":{"prompt_tokens":4,"total_tokens":4} }"#;
    let scripted = HttpReply::new(200, answer)
        .header("content-type", "application/json")
        .header("openai-processing-ms", "7")
        .header("openai-organization", "canary")
        .header("set-cookie", "canary");
    rig.sim.reply_next("key", [Reply::http(scripted)]);
    let reply = http()
        .post(rig.url("/v1/embeddings"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer client-canary")
        .header("cookie", "client-canary")
        .body(sent)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&reply, "content-type").unwrap(), "application/json");
    assert_eq!(header(&reply, "openai-processing-ms").unwrap(), "7");
    assert!(!format!("{:?}", reply.headers()).contains("canary"));
    assert_eq!(reply.text().await.unwrap(), answer);

    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(asked.body, sent);
    assert_eq!(asked.header("authorization"), Some("Bearer <API key>"));
    assert!(!format!("{asked:?}").contains("client-canary"));
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("key".to_owned(), AttemptResult::Served)]);
    assert_eq!(
        (done.dialect, done.model.as_str(), done.status),
        (Dialect::Embeddings, "text-embedding-3-small", 200)
    );
    assert_eq!(done.tokens.map(|tokens| tokens.total), Some(4));
    assert!(done.is_complete && done.first_token.is_some());
}

#[tokio::test]
async fn sound_goes_out_as_bytes_and_comes_in_as_a_form() {
    let mut rig = with_keys(["key"]).await;
    let speech = json!({"model": "tts-1", "input": "hello", "voice": "alloy"});
    let reply = rig.post("/v1/audio/speech", &speech).send().await.unwrap();
    assert_eq!(header(&reply, "content-type").unwrap(), "audio/mpeg");
    let sound = reply.bytes().await.unwrap();
    assert!(
        sound.starts_with(b"ID3") && sound.ends_with(b"hello"),
        "{sound:?}"
    );
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("key".to_owned(), AttemptResult::Served)]);
    assert!(done.is_complete && done.dialect == Dialect::Speech);

    let form: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRI\0\xff\r\n--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x--\r\n";
    for (path, dialect) in [
        ("/v1/audio/transcriptions", Dialect::Transcriptions),
        ("/v1/audio/translations", Dialect::Translations),
    ] {
        let reply = http()
            .post(rig.url(path))
            .header("content-type", "multipart/form-data; boundary=x")
            .header("authorization", "Bearer unused")
            .body(form)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
        assert!(reply.text().await.unwrap().contains("heard"));
        let asked = rig.sim.asked().pop().unwrap();
        assert_eq!((asked.path.as_str(), &asked.body[..]), (path, form));
        assert_eq!(
            asked.header("content-type"),
            Some("multipart/form-data; boundary=x")
        );
        let (_, done) = rig.told().await;
        assert_eq!((done.dialect, done.model.as_str()), (dialect, "whisper-1"));
        assert_eq!(done.tokens.map(|tokens| tokens.total), Some(12));
    }
}

#[tokio::test]
async fn what_a_passed_on_stream_tells_of_its_cost_is_counted() {
    let mut rig = with_keys(["key"]).await;
    let stream = "event: image_generation.completed\ndata: {\"b64_json\":\"AAAA\",\"usage\":{\"input_tokens\":3,\"output_tokens\":5,\"total_tokens\":8}}\n\n";
    let scripted = HttpReply::new(200, stream).header("content-type", "text/event-stream");
    rig.sim.reply_next("key", [Reply::http(scripted)]);
    let body =
        json!({"model": "gpt-4o-mini-tts", "input": "a", "voice": "alloy", "stream_format": "sse"});
    let reply = rig.post("/v1/audio/speech", &body).send().await.unwrap();
    assert_eq!(reply.text().await.unwrap(), stream);
    let (_, done) = rig.told().await;
    assert_eq!(done.tokens.map(|tokens| tokens.total), Some(8));
}

#[tokio::test]
async fn a_form_that_names_two_models_is_refused_whatever_answers_it() {
    let rig = with_keys(["key"]).await;
    let part = |head: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let model = part("name=\"model\"", "whisper-1");
    for (path, other) in [
        (
            "/v1/audio/transcriptions",
            part("name=\"model\"", "gpt-4o-transcribe"),
        ),
        ("/v1/audio/translations", model.clone()),
        (
            "/v1/images/variations",
            part("name=\"model\"; filename=\"a\"", "dall-e-3"),
        ),
        ("/v1/images/edits", part("name=\"model\"", "gpt-image-1")),
    ] {
        let reply = http()
            .post(rig.url(path))
            .header("content-type", "multipart/form-data; boundary=x")
            .header("authorization", "Bearer unused")
            .body(format!("{model}{other}--x--\r\n"))
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 400, "{path}");
        assert_eq!(error_of(reply).await["param"], "model");
    }
    assert!(rig.sim.asked().is_empty());
}

#[tokio::test]
async fn a_form_that_a_web_page_could_send_is_refused() {
    let rig = with_keys(["key"]).await;
    let form = |content_type: &str| {
        let request = http().post(rig.url("/v1/audio/transcriptions"));
        request.header("content-type", content_type).body("--x--")
    };
    let reply = form("multipart/form-data; boundary=x")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 403);
    let reply = form("text/plain").send().await.unwrap();
    assert_eq!(reply.status(), 415);
    assert_eq!(asked_at(&rig, "/v1/audio/transcriptions"), [""; 0]);
}

#[tokio::test]
async fn without_a_key_the_answer_says_what_is_missing() {
    let mut rig = with_keys([]).await;
    for (path, what) in [
        ("/v1/embeddings", "embeddings need"),
        ("/embeddings", "embeddings need"),
        ("/v1/moderations", "moderations need"),
        ("/v1/audio/speech", "spoken texts need"),
    ] {
        let reply = rig.post(path, &embedding()).send().await.unwrap();
        assert_eq!(reply.status(), 404, "{path}");
        let error = error_of(reply).await;
        assert_eq!(error["code"], "model_not_found");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(what) && message.contains("API key"),
            "{message}"
        );
        let (attempts, done) = rig.told().await;
        assert_eq!((attempts.len(), done.status), (0, 404));
    }
    assert_eq!(rig.sim.asked().len(), 0);
}

#[tokio::test]
async fn a_key_that_fails_is_followed_by_the_next_and_never_by_a_chatgpt_account() {
    for (reply, word) in [
        (Reply::throttled(Duration::from_secs(7)), "Throttled"),
        (Reply::status(500, "oops"), "Failing"),
        (Reply::unauthorized(), "Unauthorized"),
    ] {
        let mut rig = with_keys(["key", "spare"]).await;
        rig.sim.reply_next("key", [reply]);
        let answer = rig
            .post("/v1/embeddings", &embedding())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{word}");
        assert_eq!(asked_at(&rig, "/v1/embeddings"), ["key", "spare"]);
        let (attempts, done) = rig.told().await;
        assert!(format!("{:?}", attempts[0]).contains(word), "{attempts:?}");
        assert_eq!((done.retries, done.profile.unwrap().as_str()), (1, "spare"));
    }
}

#[tokio::test]
async fn when_every_key_refuses_the_client_hears_why_and_never_a_401() {
    let rig = with_keys(["key"]).await;
    rig.sim.reply_next("key", [Reply::unauthorized()]);
    let reply = rig
        .post("/v1/embeddings", &embedding())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 503);
    rig.forgive();
    rig.sim
        .reply_next("key", [Reply::throttled(Duration::from_secs(60))]);
    let reply = rig
        .post("/v1/embeddings", &embedding())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 429);
    assert_eq!(header(&reply, "retry-after").unwrap(), "60");
}

#[tokio::test]
async fn a_request_that_the_api_refuses_comes_straight_back() {
    let mut rig = with_keys(["key", "spare"]).await;
    let reply = rig
        .post("/v1/embeddings", &json!({"model": "m"}))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 400);
    assert!(
        error_of(reply).await["message"]
            .as_str()
            .unwrap()
            .contains("'input'")
    );
    assert_eq!(asked_at(&rig, "/v1/embeddings"), ["key"]);
    let (attempts, _) = rig.told().await;
    assert_eq!(
        attempts,
        [("key".to_owned(), AttemptResult::ClientFault { status: 400 })]
    );
}
