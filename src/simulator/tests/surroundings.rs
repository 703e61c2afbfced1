//! Files, models, the record, and how a simulator ends.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

#[tokio::test]
async fn the_auth_file_is_one_that_the_cli_reads() {
    let sim = Simulator::start().await.unwrap();
    sim.add(
        Account::chatgpt("work")
            .email("ada@example.com")
            .plan("team")
            .user_id("user-1")
            .workspace_id("ws-1")
            .access_lifetime(hours(1)),
    );
    let auth = Auth::of(&sim.auth_json("work"));

    let keys: Vec<&String> = auth.0.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["auth_mode", "OPENAI_API_KEY", "tokens", "last_refresh"]
    );
    assert_eq!(
        (&auth.0["auth_mode"], &auth.0["OPENAI_API_KEY"]),
        (&json!("chatgpt"), &Value::Null)
    );
    assert_eq!(auth.token("account_id"), "ws-1");
    auth.0["last_refresh"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    for token in ["access_token", "id_token"] {
        assert!(auth.token(token).split('.').all(|part| !part.is_empty()));
        let claims = auth.claims(token);
        let namespace = &claims["https://api.openai.com/auth"];
        assert_eq!(namespace["chatgpt_user_id"], "user-1");
        assert_eq!(namespace["chatgpt_account_id"], "ws-1");
        assert_eq!(namespace["chatgpt_plan_type"], "team");
        assert_eq!(
            claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
            3600
        );
    }
    assert_eq!(auth.claims("id_token")["email"], "ada@example.com");
    assert_eq!(
        auth.claims("access_token")["https://api.openai.com/profile"]["email"],
        "ada@example.com"
    );

    sim.add(Account::api_key("azure"));
    assert_eq!(
        Auth::of(&sim.auth_json("azure")).0,
        json!({ "auth_mode": "apikey", "OPENAI_API_KEY": "sk-fake-azure" })
    );
}

#[tokio::test]
async fn adding_an_account_again_ends_its_old_logins() {
    let sim = Simulator::start().await.unwrap();
    let old = Auth::of(&sim.auth_json("work"));
    sim.add(Account::chatgpt("work"));
    let request = old.post(sim.codex_url(), &prompt("hi"));
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(
        sim.redeem(old.refresh()).await.code(),
        "refresh_token_invalidated"
    );
}

#[tokio::test]
async fn codex_gets_its_catalogue_with_an_etag() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    let url = format!("{}/codex/models", sim.chatgpt_base_url());
    let models = async |query: &str| {
        let request = auth.get(format!("{url}{query}"));
        Answered::of(request.send().await.unwrap()).await
    };

    let answer = models("?client_version=0.169.0").await;
    let slugs: Vec<String> = answer.json()["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| text(&model["slug"]))
        .collect();
    assert_eq!(
        slugs,
        [
            "gpt-5.5",
            "gpt-5.4",
            "gpt-5.4-mini",
            "gpt-5.3-codex-spark",
            "codex-auto-review"
        ]
    );
    assert_eq!(answer.json()["models"][3]["supported_in_api"], false);
    assert_eq!(answer.json()["models"][4]["visibility"], "hide");

    let same = models("?client_version=0.170.0").await;
    assert_eq!(answer.header("etag"), same.header("etag"));
    sim.change("work", |work| work.models(["gpt-5.5"]));
    let other = models("?client_version=0.169.0").await;
    assert_ne!(answer.header("etag"), other.header("etag"));
    assert_eq!(models("").await.status, 400);
}

#[tokio::test]
async fn the_platform_lists_what_its_key_may_use() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));
    let get = async |path: &str| {
        let request = http()
            .get(format!("{}{path}", sim.openai_base_url()))
            .bearer_auth("sk-fake-azure");
        Answered::of(request.send().await.unwrap()).await
    };
    let list = get("/models").await.json();
    let ids: Vec<String> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| text(&model["id"]))
        .collect();
    assert_eq!(ids, ["gpt-5.5", "gpt-5.4", "gpt-5.4-mini"]);
    assert_eq!(get("/models/gpt-5.4").await.json(), list["data"][1]);
    let missing = get("/models/gpt-2").await;
    assert_eq!(
        (missing.status, missing.code()),
        (404, json!("model_not_found"))
    );
}

#[tokio::test]
async fn the_record_keeps_requests_without_their_credentials() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));
    let expired = Auth::of(&sim.auth_json_expired("work"));
    let body = prompt("hi");
    for request in [
        sim.ask("work", &body).header("x-codex-window-id", "w:1"),
        expired.post(format!("{}?a=b", sim.codex_url()), &body),
        sim.ask_platform("azure", &body),
        http()
            .post(sim.codex_url())
            .bearer_auth("nobody")
            .header("cookie", "secret=1"),
    ] {
        request.send().await.unwrap();
    }

    let asked = sim.asked();
    let seen: Vec<_> = asked
        .iter()
        .map(|asked| {
            (
                asked.account.as_deref(),
                asked.header("authorization").unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("work"), "Bearer <access token>"),
            (Some("work"), "Bearer <expired access token>"),
            (Some("azure"), "Bearer <API key>"),
            (None, "Bearer <unknown>"),
        ]
    );
    assert_eq!(asked[0].method, http::Method::POST);
    assert_eq!(asked[0].path, "/backend-api/codex/responses");
    assert_eq!(asked[0].header("x-codex-window-id"), Some("w:1"));
    assert_eq!(asked[0].json(), body);
    assert_eq!(asked[1].query, "a=b");
    assert_eq!(asked[3].header("cookie"), Some("<hidden>"));
    assert_eq!(sim.count("/backend-api/codex/responses"), 3);
    sim.arrived("work", 2).await;

    sim.clear_record();
    assert_eq!((sim.asked(), sim.count("/v1/responses")), (Vec::new(), 0));
}

#[tokio::test]
async fn what_is_not_simulated_is_refused_in_each_sides_words() {
    let sim = Simulator::start().await.unwrap();
    let get = async |path: &str| {
        let url = format!("{}{path}", sim.issuer());
        Answered::of(http().get(url).send().await.unwrap()).await
    };
    assert_eq!(
        get("/backend-api/me").await.json(),
        json!({ "detail": "Not Found" })
    );
    assert_eq!(get("/v1/nothing").await.code(), "unknown_url");
    assert_eq!(get("/v1/responses").await.status, 405);
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_refused_before_it_is_sent() {
    let sim = Simulator::start().await.unwrap();
    let mut client = TcpStream::connect(sim.address()).await.unwrap();
    let head = "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 67108865\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(sim.asked(), []);
}

#[tokio::test]
async fn dropping_the_simulator_closes_port_and_connections() {
    let sim = Simulator::start().await.unwrap();
    let address = sim.address();
    let gate = Gate::closed();
    sim.reply_next("work", [Reply::slow_start(&gate)]);
    let held = tokio::spawn(sim.ask("work", &prompt("hi")).send());
    gate.reached(1).await;
    let mut idle = TcpStream::connect(address).await.unwrap();

    drop(sim);
    // Closed, in whichever of the two ways a system words it.
    assert!(matches!(idle.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    assert!(held.await.unwrap().is_err());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn after_shutdown_the_port_is_closed() {
    let sim = Simulator::start().await.unwrap();
    let address = sim.address();
    sim.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn debug_shows_no_token_and_no_key() {
    let sim = Simulator::start().await.unwrap();
    let key = Account::api_key("azure").key("sk-fake-1");
    let shown = format!("{key:?}");
    sim.add(key);
    let auth = Auth::of(&sim.auth_json("work"));
    sim.redeem(auth.refresh()).await;
    let shown = format!("{shown} {sim:?} {:?}", sim.asked());
    for secret in [
        auth.access(),
        auth.refresh(),
        auth.token("id_token"),
        "sk-fake-1",
    ] {
        assert!(!shown.contains(secret));
    }
    assert!(shown.contains("azure") && shown.contains("work"));
}
