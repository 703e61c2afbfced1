//! Whole sign-ins against the simulator's issuer. The browser is a client that follows one address.

use std::net::Ipv4Addr;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::profile::{AuthFile, Network, Secret};
use crate::simulator::{Account, DeviceReply, HttpReply, Simulator, Visit};
use crate::upstream::oauth::ExchangeError;
use crate::upstream::{Endpoints, Upstream};

/// A sign-in that runs beside the test.
struct Flow {
    pasted: mpsc::Sender<Secret>,
    news: mpsc::Receiver<News>,
    task: JoinHandle<Result<AuthFile, SignInError>>,
}

#[derive(Clone, Copy)]
enum Way {
    Browser,
    Code,
}

fn terms() -> Terms {
    Terms {
        ports: [0, 0],
        port_pause: Duration::from_millis(1),
        poll_at_least: Duration::ZERO,
        slower_by: Duration::from_millis(300),
        ..Terms::default()
    }
}

fn client_of(issuer: &str) -> Client {
    Client {
        issuer: issuer.parse().unwrap(),
        client_id: "app_fake".into(),
        originator: "codex_router".into(),
    }
}

fn upstream(issuer: &str) -> Upstream {
    let url = |path: &str| format!("{issuer}{path}").parse().unwrap();
    Upstream::new(Endpoints {
        codex_responses: url("/responses"),
        codex_models: url("/models"),
        usage: url("/usage"),
        openai_base: url("/v1"),
        token: url("/nowhere"),
        issuer: url(""),
        client_id: "app_fake".into(),
        originator: "codex_router".into(),
        user_agent: "codex-router/test".into(),
    })
}

impl Flow {
    fn start(way: Way, issuer: &str, wanted: Wanted, terms: Terms) -> Self {
        let (pasted, mut pastes) = mpsc::channel(4);
        let (news_sender, news) = mpsc::channel(16);
        let (upstream, client) = (upstream(issuer), client_of(issuer));
        let task = tokio::spawn(async move {
            let network = Network::default();
            let outlet = upstream.through(&network);
            match way {
                Way::Browser => {
                    by_browser(&outlet, &client, &wanted, &terms, &mut pastes, &news_sender).await
                }
                Way::Code => by_code(&outlet, &client, &wanted, &terms, &news_sender).await,
            }
        });
        Self { pasted, news, task }
    }

    fn browser(sim: &Simulator) -> Self {
        Self::start(Way::Browser, &sim.issuer(), Wanted::default(), terms())
    }

    fn code(sim: &Simulator) -> Self {
        Self::start(Way::Code, &sim.issuer(), Wanted::default(), terms())
    }

    /// The address to open, and the port that is listened on.
    async fn url(&mut self) -> (String, Option<u16>) {
        match self.news.recv().await {
            Some(News::Browser { url, listener }) => match listener {
                Listening::On { port, .. } => (url, Some(port)),
                Listening::Nowhere { .. } => (url, None),
            },
            _ => panic!("no address"),
        }
    }

    async fn end(self) -> Result<AuthFile, SignInError> {
        self.task.await.unwrap()
    }

    async fn paste_refusal(&mut self) -> String {
        match self.news.recv().await {
            Some(News::PasteRefused(reason)) => reason,
            _ => panic!("it was not refused"),
        }
    }
}

fn http() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Where the issuer sends the browser.
async fn sent_to(url: &str) -> String {
    let answer = http().get(url).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert_eq!(status, 302, "{text}");
    headers["location"].to_str().unwrap().to_owned()
}

/// Opens an address as a browser, and says what it shows.
async fn open(url: &str) -> (u16, String) {
    let back = sent_to(url).await.replace("localhost", "127.0.0.1");
    let answer = http().get(back).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn sim() -> Simulator {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::chatgpt("work").plan("team"));
    sim
}

fn email_of(login: &AuthFile) -> &str {
    login.chatgpt().unwrap().claims.email.as_deref().unwrap()
}

#[tokio::test]
async fn a_browser_signs_in_and_the_issuer_has_verified_it() {
    let sim = sim().await;
    sim.visit_always(Visit::by("work"));
    let mut flow = Flow::browser(&sim);
    let (url, port) = flow.url().await;
    let (status, page) = open(&url).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Go back to Codex Router"), "{page}");
    let login = flow.end().await.unwrap();
    assert_eq!(email_of(&login), "work@example.com");
    let json: Value = serde_json::from_slice(&login.to_bytes()).unwrap();
    assert_eq!(json["auth_mode"], "chatgpt");
    assert_eq!(json["OPENAI_API_KEY"], Value::Null);
    assert_eq!(json["tokens"]["account_id"], "workspace-work");
    assert!(json["last_refresh"].as_str().unwrap().ends_with('Z'));
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pasted_address_works_beside_the_listener_and_a_wrong_one_is_refused_in_words() {
    let sim = sim().await;
    sim.visit_always(Visit::by("work"));
    let mut flow = Flow::browser(&sim);
    let (url, _) = flow.url().await;
    let back = sent_to(&url).await;
    for (text, said) in [
        ("hello".to_owned(), "not the address"),
        (back.replace("state=", "state=x"), "another sign-in"),
    ] {
        flow.pasted.send(Secret::new(text)).await.unwrap();
        let reason = flow.paste_refusal().await;
        assert!(reason.contains(said), "{reason}");
    }
    flow.pasted.send(Secret::new(back)).await.unwrap();
    assert_eq!(email_of(&flow.end().await.unwrap()), "work@example.com");
}

#[tokio::test]
async fn with_both_ports_taken_the_pasted_address_is_enough() {
    let sim = sim().await;
    sim.visit_always(Visit::by("work"));
    let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let taken = theirs.local_addr().unwrap().port();
    let terms = Terms {
        ports: [taken, taken],
        ..terms()
    };
    let mut flow = Flow::start(Way::Browser, &sim.issuer(), Wanted::default(), terms);
    let (url, port) = flow.url().await;
    assert_eq!(port, None);
    let back = sent_to(&url).await;
    assert!(back.starts_with(&format!("http://localhost:{taken}/auth/callback?")));
    flow.pasted.send(Secret::new(back)).await.unwrap();
    flow.end().await.unwrap();
}

#[tokio::test]
async fn a_code_of_somebody_elses_attempt_is_worth_nothing() {
    let sim = sim().await;
    sim.visit_always(Visit::by("work"));
    let (mut first, mut second) = (Flow::browser(&sim), Flow::browser(&sim));
    let (first_back, second_back) = (
        sent_to(&first.url().await.0).await,
        sent_to(&second.url().await.0).await,
    );
    let part = |back: &str, name: &str| {
        let url: Url = back.parse().unwrap();
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.unwrap().1.into_owned()
    };
    // The code of one with the state of the other: the issuer sees that the verifier is not the one of the challenge.
    let stolen = format!(
        "{}#{}",
        part(&first_back, "code"),
        part(&second_back, "state")
    );
    second.pasted.send(Secret::new(stolen)).await.unwrap();
    assert_eq!(
        second.end().await.unwrap_err(),
        SignInError::Exchange(ExchangeError::Refused {
            code: "invalid_grant".into()
        })
    );
    // It has been used up by that.
    first.pasted.send(Secret::new(first_back)).await.unwrap();
    assert!(first.end().await.is_err());
}

#[tokio::test]
async fn what_the_issuer_refuses_is_said_in_the_browser_and_here() {
    let sim = sim().await;
    for (visit, expected) in [
        (Visit::without_entitlement(), SignInError::NoEntitlement),
        (
            Visit::refused("access_denied", "<b>no</b>"),
            SignInError::Denied {
                words: "<b>no</b>".into(),
            },
        ),
        (
            Visit::refused("server_error", ""),
            SignInError::Refused {
                code: "server_error".into(),
                words: String::new(),
            },
        ),
    ] {
        sim.visit_next([visit]);
        let mut flow = Flow::browser(&sim);
        let (url, _) = flow.url().await;
        let (status, page) = open(&url).await;
        assert_eq!(status, 400);
        assert!(!page.contains("<b>"), "{page}");
        assert_eq!(flow.end().await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn another_workspace_than_codex_is_set_to_is_refused() {
    let sim = sim().await;
    sim.visit_always(Visit::by("work"));
    let wanted = |workspace: &str| Wanted {
        asks_who: true,
        workspaces: vec![workspace.into()],
    };
    let mut flow = Flow::start(Way::Browser, &sim.issuer(), wanted("ws-other"), terms());
    let (url, _) = flow.url().await;
    assert!(
        url.ends_with("&allowed_workspace_id=ws-other&prompt=login"),
        "{url}"
    );
    let (_, page) = open(&url).await;
    assert!(page.contains("ws-other"), "{page}");
    let refused = flow.end().await.unwrap_err();
    assert!(matches!(refused, SignInError::WrongWorkspace { .. }));

    let mut flow = Flow::start(
        Way::Browser,
        &sim.issuer(),
        wanted("workspace-work"),
        terms(),
    );
    let (url, _) = flow.url().await;
    open(&url).await;
    flow.end().await.unwrap();
}

#[tokio::test]
async fn an_exchange_that_fails_is_told_by_its_kind() {
    let sim = sim().await;
    sim.visit_always(Visit::by("work"));
    for (reply, expected) in [
        (HttpReply::html(502), ExchangeError::Trouble { status: 502 }),
        (HttpReply::text(200, "<html>"), ExchangeError::Incomplete),
        (
            HttpReply::error(403, "x", "account_deactivated", "gone"),
            ExchangeError::Refused {
                code: "account_deactivated".into(),
            },
        ),
    ] {
        sim.exchange_next([reply]);
        let mut flow = Flow::browser(&sim);
        let (url, _) = flow.url().await;
        let (status, _) = open(&url).await;
        assert_eq!(status, 400);
        assert_eq!(
            flow.end().await.unwrap_err(),
            SignInError::Exchange(expected)
        );
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_named() {
    let flow = Flow::start(Way::Code, "http://127.0.0.1:1", Wanted::default(), terms());
    let said = flow.end().await.unwrap_err().to_string();
    assert!(
        said.contains("127.0.0.1") && said.contains("check the connection"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_browser_is_waited_for_ten_minutes_and_then_its_port_is_free() {
    let mut flow = Flow::start(
        Way::Browser,
        "http://127.0.0.1:1",
        Wanted::default(),
        terms(),
    );
    let (_, port) = flow.url().await;
    let began = tokio::time::Instant::now();
    let ended = flow.end().await.unwrap_err();
    assert_eq!(ended, SignInError::TookTooLong(Duration::from_secs(600)));
    assert_eq!(began.elapsed().as_secs(), 600);
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_cancelled_sign_in_frees_its_port() {
    let sim = sim().await;
    let mut flow = Flow::browser(&sim);
    let (_, port) = flow.url().await;
    flow.task.abort();
    assert!((&mut flow.task).await.unwrap_err().is_cancelled());
    // The listener ends by itself when it is dropped.
    let address = (Ipv4Addr::LOCALHOST, port.unwrap());
    let free = async {
        while TcpListener::bind(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free)
        .await
        .unwrap();
}

#[tokio::test]
async fn another_program_that_wants_the_port_ends_the_sign_in() {
    let sim = sim().await;
    let mut flow = Flow::browser(&sim);
    let (_, port) = flow.url().await;
    let cancel = format!("http://127.0.0.1:{}/cancel", port.unwrap());
    let answer = http().get(cancel).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(flow.end().await.unwrap_err(), SignInError::Evicted);
}

#[tokio::test]
async fn a_code_that_is_typed_elsewhere_signs_in() {
    let sim = sim().await;
    sim.set_device_times("0", None);
    sim.device_next([
        DeviceReply::Pending,
        DeviceReply::Http(HttpReply::new(404, "")),
        DeviceReply::Http(HttpReply::html(502)),
        DeviceReply::Pending,
        DeviceReply::TypedBy("work".into()),
    ]);
    let mut flow = Flow::code(&sim);
    let Some(News::Code { code, url, life }) = flow.news.recv().await else {
        panic!("no code");
    };
    assert_eq!(code.len(), 10);
    assert_eq!(url, format!("{}/codex/device", sim.issuer()));
    assert_eq!(life, Duration::from_secs(900));
    assert_eq!(email_of(&flow.end().await.unwrap()), "work@example.com");
    assert_eq!(sim.count("/api/accounts/deviceauth/token"), 5);
}

#[tokio::test]
async fn an_issuer_that_finds_us_too_fast_is_asked_more_slowly() {
    let sim = sim().await;
    sim.set_device_times(0, None);
    let typed = DeviceReply::TypedBy("work".into());
    sim.device_next([DeviceReply::SlowDown, DeviceReply::SlowDown, typed]);
    let began = std::time::Instant::now();
    Flow::code(&sim).end().await.unwrap();
    // Once 300 ms, then 600.
    assert!(began.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_code_that_leads_nowhere_ends_in_a_sentence() {
    let sim = sim().await;
    let ended = async |replies: Vec<DeviceReply>| {
        sim.set_device_times(0, Some(Duration::from_secs(60)));
        sim.device_next(replies);
        Flow::code(&sim).end().await.unwrap_err().to_string()
    };
    let said = ended(vec![DeviceReply::Pending, DeviceReply::Expired]).await;
    assert_eq!(
        said,
        "the code was not typed within 60 seconds; start again for another one"
    );
    let said = ended(vec![DeviceReply::Denied]).await;
    assert!(said.contains("was refused"), "{said}");
    let said = ended(vec![DeviceReply::Http(HttpReply::new(410, ""))]).await;
    assert!(said.contains("410"), "{said}");
    let said = ended(vec![DeviceReply::Http(HttpReply::html(500)); 5]).await;
    assert!(said.contains("500"), "{said}");
    sim.set_device_codes(false);
    let said = ended(Vec::new()).await;
    assert!(said.contains("gives no codes"), "{said}");
}

#[tokio::test]
async fn a_code_that_nobody_types_is_given_up_when_it_is_over() {
    let sim = sim().await;
    sim.set_device_times(0, Some(Duration::from_secs(1)));
    let ended = Flow::code(&sim).end().await.unwrap_err();
    assert_eq!(ended, SignInError::CodeExpired(Duration::from_secs(1)));
    assert!(sim.count("/api/accounts/deviceauth/token") > 1);
}

#[test]
fn the_pause_between_two_questions_is_a_second_at_least() {
    assert_eq!(Terms::default().poll_at_least, Duration::from_secs(1));
    assert_eq!(Terms::default().ports, [1455, 1457]);
}
