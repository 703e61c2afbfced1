//! Raw bytes at the port: what is let in, and what every answer looks like.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Sends bytes on a connection of their own, and reads until the router closes it.
async fn raw(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer));
    // A reset after the answer is an end too.
    let _ended = reading.await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1).unwrap_or_default();
    code.parse()
        .unwrap_or_else(|_| panic!("no status in {answer:?}"))
}

/// A request with these head lines, our own Host among them unless one is given.
fn request(rig: &Rig, line: &str, headers: &str, body: &str) -> Vec<u8> {
    let address = rig.address();
    let host = if headers.contains("Host:") {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn what_hyper_would_let_through_is_refused() {
    let rig = Rig::over(["work"]).await;
    let json = "Content-Type: application/json\r\n";
    let port = rig.address().port();
    for (line, headers, expected) in [
        ("GET /health", String::new(), 200),
        ("GET /health", format!("Host: LOCALHOST:{port}\r\n"), 200),
        ("GET /health", "Host: evil.test\r\n".into(), 403),
        ("GET /health", format!("Host: evil.test:{port}\r\n"), 403),
        (
            "GET /health",
            format!("Host: localhost:{port}\r\nHost: localhost:{port}\r\n"),
            400,
        ),
        ("GET /health", "X-No: Host:\r\n".into(), 400),
        ("GET http://localhost/health", String::new(), 400),
        ("CONNECT localhost:80", String::new(), 400),
        ("TRACE /health", String::new(), 400),
        ("OPTIONS /v1/responses", String::new(), 403),
        ("OPTIONS *", String::new(), 403),
        ("GET /health", "Origin: https://evil.test\r\n".into(), 403),
        ("GET /health", "Sec-Fetch-Site: cross-site\r\n".into(), 403),
        (
            "POST /v1/responses",
            format!("{json}Transfer-Encoding: gzip, chunked\r\n"),
            400,
        ),
        (
            "POST /v1/responses",
            format!("{json}Content-Length: 5\r\nContent-Length: 6\r\n"),
            400,
        ),
        (
            "POST /v1/responses",
            format!("{json}Content-Length: +5\r\n"),
            400,
        ),
        (
            "POST /v1/responses",
            "Content-Type: text/plain\r\nContent-Length: 0\r\n".into(),
            415,
        ),
        ("POST /v1/responses", "Content-Length: 0\r\n".into(), 415),
        (
            "POST /v1/responses",
            format!("{json}Content-Length: 0\r\n"),
            400,
        ),
        (
            "POST /v1/responses",
            format!("{json}Authorization: Bearer a\r\nX-Api-Key: b\r\nContent-Length: 0\r\n"),
            400,
        ),
        ("POST /v1/nothing", json.into(), 404),
        ("PUT /v1/responses", json.into(), 405),
        ("GET /v1/../health", String::new(), 404),
        ("GET /%68ealth", String::new(), 404),
    ] {
        let answer = raw(&rig, &request(&rig, line, &headers, "")).await;
        assert_eq!(status(&answer), expected, "{line} {headers:?}: {answer}");
        assert!(
            !answer.to_ascii_lowercase().contains("access-control"),
            "{answer}"
        );
    }
    assert_eq!(rig.asked(), [""; 0]);
}

#[tokio::test]
async fn a_broken_chunk_is_the_clients_mistake() {
    let rig = Rig::over(["work"]).await;
    let headers = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let answer = raw(
        &rig,
        &request(
            &rig,
            "POST /v1/responses",
            headers,
            "0x2\r\n{}\r\n0\r\n\r\n",
        ),
    )
    .await;
    assert_eq!(status(&answer), 400);
    assert!(answer.to_ascii_lowercase().contains("connection: close"));
}

#[tokio::test]
async fn heads_have_limits() {
    let rig = Rig::over(["work"]).await;
    let long_target = format!("GET /{}", "x".repeat(9_000));
    let answer = raw(&rig, &request(&rig, &long_target, "", "")).await;
    assert_eq!(status(&answer), 414);
    let large = format!("X-Large: {}\r\n", "x".repeat(100_000));
    let answer = raw(&rig, &request(&rig, "GET /health", &large, "")).await;
    assert_eq!(status(&answer), 431);
    let many = "X-Many: 1\r\n".repeat(101);
    let answer = raw(&rig, &request(&rig, "GET /health", &many, "")).await;
    assert_eq!(status(&answer), 431);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let limits = Limits {
        head_read: Duration::from_millis(50),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    assert_eq!(raw(&rig, b"GET /health HTTP/1.1\r\nHost: loc").await, "");
}

#[tokio::test]
async fn errors_are_json_and_carry_a_request_id() {
    let rig = Rig::over([]).await;
    let reply = http().get(rig.url("/v1/nothing")).send().await.unwrap();
    assert_eq!(reply.status(), 404);
    assert_eq!(header(&reply, "content-type").unwrap(), "application/json");
    assert!(header(&reply, "x-request-id").unwrap().starts_with("req_"));
    assert_eq!(error_of(reply).await["type"], "invalid_request_error");
    let reply = http().put(rig.url("/v1/responses")).send().await.unwrap();
    assert_eq!(header(&reply, "allow").unwrap(), "POST");
}

#[tokio::test]
async fn health_says_nothing_but_that() {
    let rig = Rig::over([]).await;
    let reply = http().get(rig.url("/health")).send().await.unwrap();
    assert_eq!(reply.text().await.unwrap(), r#"{"status":"ok"}"#);
}
