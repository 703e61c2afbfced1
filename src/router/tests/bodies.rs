//! Request bodies: their limits and their compression.

use super::super::decode::Coding;
use super::super::decode::tests::encoded;
use super::*;

const CODINGS: [(&str, Coding); 4] = [
    ("gzip", Coding::Gzip),
    ("zstd", Coding::Zstd),
    ("br", Coding::Brotli),
    ("deflate", Coding::Deflate),
];

fn small() -> Limits {
    Limits {
        wire_bytes: 100_000,
        decoded_bytes: 200_000,
        ..Limits::default()
    }
}

async fn send(rig: &Rig, coding: &str, body: Vec<u8>) -> reqwest::Response {
    http()
        .post(rig.url("/v1/responses"))
        .header("content-type", "application/json")
        .header("originator", "codex_exec")
        .header("content-encoding", coding)
        .body(body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_compressed_body_arrives_upstream_as_it_was_before() {
    let rig = Rig::over(["work"]).await;
    let body = codex_request().to_string();
    for (name, coding) in CODINGS {
        let reply = send(&rig, name, encoded(coding, body.as_bytes())).await;
        assert_eq!(reply.status(), 200, "{name}");
        reply.bytes().await.unwrap();
        let asked = rig.requests().pop().unwrap();
        assert_eq!(asked.body, body, "{name}");
        assert_eq!(asked.header("content-encoding"), None);
    }
}

#[tokio::test]
async fn bodies_beyond_the_limits_are_refused() {
    let rig = Rig::with_limits(["work"], small()).await;
    assert_eq!(
        send(&rig, "identity", vec![b' '; 100_001]).await.status(),
        413
    );
    for (name, coding) in CODINGS {
        let reply = send(&rig, name, encoded(coding, &[b' '; 200_001])).await;
        assert_eq!(reply.status(), 413, "{name}");
        assert_eq!(error_of(reply).await["code"], "request_too_large");
    }
    assert_eq!(rig.asked(), [""; 0]);
}

#[tokio::test]
async fn a_body_without_an_announced_length_has_the_same_limit() {
    let rig = Rig::with_limits(["work"], small()).await;
    let piece = bytes::Bytes::from(vec![b' '; 60_000]);
    let body = Pieces([piece.clone(), piece].into());
    let reply = rig
        .post("/v1/responses", &json!({}))
        .body(reqwest::Body::wrap(body))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 413);
}

#[tokio::test]
async fn a_bomb_is_refused() {
    let rig = Rig::over(["work"]).await;
    let zeros = vec![b'0'; 16 * 1024 * 1024];
    for (name, coding) in CODINGS {
        assert_eq!(
            send(&rig, name, encoded(coding, &zeros)).await.status(),
            413,
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_is_not_what_it_says_is_refused() {
    let rig = Rig::over(["work"]).await;
    for (coding, status) in [
        ("compress", 415),
        ("gzip, gzip", 415),
        ("gzip", 400),
        ("zstd", 400),
        ("br", 400),
        ("deflate", 400),
    ] {
        let reply = send(&rig, coding, b"{\"model\":\"x\"}".to_vec()).await;
        assert_eq!(reply.status(), status, "{coding}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_a_400_with_a_sentence() {
    let rig = Rig::over(["work"]).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"model\":7}",
        "{\"input\":\"hi\"}",
        "1e400",
        &deep,
    ] {
        for path in ["/v1/responses", "/v1/chat/completions"] {
            let reply = http()
                .post(rig.url(path))
                .header("content-type", "application/json")
                .body(body.to_owned())
                .send()
                .await
                .unwrap();
            let about = body.get(..20).unwrap_or(body);
            assert_eq!(reply.status(), 400, "{path} {about}");
            assert_eq!(error_of(reply).await["type"], "invalid_request_error");
        }
    }
    assert_eq!(rig.asked(), [""; 0]);
}

/// A body in pieces of unknown total length.
struct Pieces(std::collections::VecDeque<bytes::Bytes>);

impl http_body::Body for Pieces {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        let next = self.0.pop_front();
        std::task::Poll::Ready(next.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

#[tokio::test]
async fn what_cannot_be_the_name_of_a_model_is_refused_in_every_dialect() {
    let mut rig = Rig::over(["work"]).await;
    let long = "m".repeat(1_000_000);
    for model in [long.as_str(), "m\nERROR made up"] {
        let chat = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        let responses = json!({"model": model, "input": "hi"});
        for (path, body) in [("/v1/chat/completions", chat), ("/v1/responses", responses)] {
            let reply = rig.post(path, &body).send().await.unwrap();
            assert_eq!(reply.status(), 400);
            assert_eq!(error_of(reply).await["param"], "model");
            assert_eq!(rig.told().await.1.model, "", "nothing of it is remembered");
        }
    }
    assert_eq!(rig.asked(), [""; 0]);
}
