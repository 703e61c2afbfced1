//! The listener as browsers, other programs and mischief meet it: over plain TCP.

use super::*;

struct Rig {
    listener: Listener,
    attempt: Arc<Attempt>,
    port: u16,
}

fn anywhere() -> Terms {
    Terms {
        ports: [0, 0],
        port_pause: Duration::from_millis(1),
        ..Terms::default()
    }
}

async fn rig() -> Rig {
    let attempt = Arc::new(Attempt::new());
    let (listener, listening) = open(&anywhere(), &attempt).await;
    let Listening::On {
        port,
        first_port_held_by: None,
    } = listening
    else {
        panic!("{listening:?}");
    };
    Rig {
        listener: listener.unwrap(),
        attempt,
        port,
    }
}

/// Sends these bytes and reads to the end.
async fn send(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    // Whoever is refused early may not be read to the end.
    let _early = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn get(port: u16, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    send(port, request.as_bytes()).await
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("{answer:?}"))
        .parse()
        .unwrap()
}

impl Rig {
    fn target(&self) -> String {
        format!(
            "{CALLBACK}?code=ac_1&state={}",
            self.attempt.state().expose()
        )
    }

    /// The browser comes, and gets this page.
    async fn come(&mut self) -> String {
        let browser = tokio::spawn({
            let (port, target) = (self.port, self.target());
            async move { get(port, &target).await }
        });
        let Some(Arrival::Callback(_, page)) = self.listener.arrival().await else {
            panic!("no callback");
        };
        page.send(Page::arrived()).unwrap();
        browser.await.unwrap()
    }
}

#[tokio::test]
async fn forged_callbacks_are_refused_and_the_right_one_still_counts_once() {
    let mut rig = rig().await;
    for forged in 0..1_000 {
        let answer = get(rig.port, &format!("{CALLBACK}?code=x&state=forged{forged}")).await;
        assert_eq!(status(&answer), 400);
    }
    let denied = get(rig.port, &format!("{CALLBACK}?error=access_denied")).await;
    assert_eq!(status(&denied), 400);

    let page = rig.come().await;
    assert_eq!(status(&page), 200);
    assert!(page.contains("Go back to Codex Router"), "{page}");
    assert!(!page.contains("ac_1") && !page.contains(rig.attempt.state().expose()));

    let replayed = get(rig.port, &rig.target()).await;
    assert_eq!(status(&replayed), 410);
}

#[tokio::test]
async fn only_get_of_known_paths_with_our_own_host_is_answered() {
    let rig = rig().await;
    let port = rig.port;
    let target = rig.target();
    let host = format!("Host: localhost:{port}");
    for (request, expected) in [
        (
            format!("POST {target} HTTP/1.1\r\n{host}\r\nContent-Length: 0\r\n\r\n"),
            405,
        ),
        (format!("HEAD {target} HTTP/1.1\r\n{host}\r\n\r\n"), 405),
        (
            format!("GET {target} HTTP/1.1\r\nHost: evil.test\r\n\r\n"),
            403,
        ),
        (
            format!("GET {target} HTTP/1.1\r\nHost: evil.test:{port}\r\n\r\n"),
            403,
        ),
        (
            format!("GET {target} HTTP/1.1\r\nHost: localhost:1\r\n\r\n"),
            403,
        ),
        (
            format!("GET {target} HTTP/1.1\r\nHost: localhost.evil.test:{port}\r\n\r\n"),
            403,
        ),
        (
            format!("GET {target} HTTP/1.1\r\n{host}\r\n{host}\r\n\r\n"),
            403,
        ),
        (format!("GET {target} HTTP/1.0\r\n\r\n"), 403),
        (
            format!("GET http://localhost:{port}{target} HTTP/1.1\r\n{host}\r\n\r\n"),
            403,
        ),
        (format!("GET / HTTP/1.1\r\n{host}\r\n\r\n"), 404),
        (format!("GET {CALLBACK}/ HTTP/1.1\r\n{host}\r\n\r\n"), 404),
        (
            format!("GET /auth/../auth/callback HTTP/1.1\r\n{host}\r\n\r\n"),
            404,
        ),
        (
            format!("GET {CANCEL} HTTP/1.1\r\n{host}\r\nSec-Fetch-Site: cross-site\r\n\r\n"),
            403,
        ),
        (
            format!("GET {CANCEL} HTTP/1.1\r\n{host}\r\nOrigin: https://evil.test\r\n\r\n"),
            403,
        ),
        (
            format!(
                "GET {target} HTTP/1.1\r\n{host}\r\nX-Long: {}\r\n\r\n",
                "x".repeat(9_000)
            ),
            431,
        ),
    ] {
        let answer = send(port, request.as_bytes()).await;
        let line = request.lines().next().unwrap();
        assert_eq!(status(&answer), expected, "{line}");
    }
    assert!(!rig.attempt.is_over());
}

#[tokio::test]
async fn whoever_asks_for_the_port_is_heard() {
    let mut rig = rig().await;
    let port = rig.port;
    let asking = tokio::spawn(async move { ask_to_leave(port).await });
    assert!(matches!(
        rig.listener.arrival().await,
        Some(Arrival::Cancelled)
    ));
    rig.listener.close().await;
    asking.await.unwrap();
    bind(port).await.unwrap();
}

#[tokio::test]
async fn the_port_is_free_as_soon_as_the_listener_is_closed_even_while_somebody_holds_a_connection()
{
    let rig = rig().await;
    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(
            TcpStream::connect((Ipv4Addr::LOCALHOST, rig.port))
                .await
                .unwrap(),
        );
    }
    rig.listener.close().await;
    bind(rig.port).await.unwrap();
}

#[tokio::test]
async fn a_first_port_that_stays_taken_is_named_and_the_second_is_used() {
    let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let taken = theirs.local_addr().unwrap().port();
    let terms = Terms {
        ports: [taken, 0],
        ..anywhere()
    };
    let attempt = Arc::new(Attempt::new());
    // It takes the question and never answers.
    let holding = tokio::spawn(async move { theirs.accept().await.map(|held| (held, theirs)) });
    let (listener, listening) = open(&terms, &attempt).await;
    assert!(listener.is_some());
    let Listening::On {
        port,
        first_port_held_by: Some(holder),
    } = listening
    else {
        panic!("{listening:?}");
    };
    assert_ne!(port, taken);
    if cfg!(target_os = "linux") {
        let pid = format!("(pid {})", std::process::id());
        assert!(holder.ends_with(&pid), "{holder}");
    }
    holding.await.unwrap().unwrap();

    let both = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let taken = both.local_addr().unwrap().port();
    let terms = Terms {
        ports: [taken, taken],
        ..anywhere()
    };
    let (listener, listening) = open(&terms, &attempt).await;
    assert!(listener.is_none());
    assert!(matches!(listening, Listening::Nowhere { .. }));
}

#[tokio::test]
async fn another_sign_in_that_is_asked_gives_up_its_port() {
    let mut first = rig().await;
    let port = first.port;
    let leaving = tokio::spawn(async move {
        while !matches!(first.listener.arrival().await, Some(Arrival::Cancelled)) {}
        first.listener.close().await;
    });
    let terms = Terms {
        ports: [port, 0],
        port_pause: Duration::from_millis(20),
        port_tries: 250,
        ..Terms::default()
    };
    let (_listener, listening) = open(&terms, &Arc::new(Attempt::new())).await;
    assert_eq!(
        listening,
        Listening::On {
            port,
            first_port_held_by: None
        }
    );
    leaving.await.unwrap();
}
