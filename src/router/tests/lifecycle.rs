//! Starting and stopping.

use crate::simulator::{Gate, Reply};

use super::*;

#[tokio::test]
async fn localhost_is_served_on_both_addresses() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let rig = Rig::start(sim.clone(), vec![], Limits::default()).await;
    let (sender, _reports) = mpsc::channel(1);
    let config = RouterConfig {
        listen: Listen::Localhost { port: 0 },
        hosts: vec![],
        limits: Limits::default(),
        models: ModelMap::default(),
        websocket: true,
        affinity: true,
    };
    let deps = RouterDeps {
        pool: rig.pool.subscribe(),
        upstream: Arc::new(Upstream::new(endpoints(&sim))),
        tokens: rig.tokens.clone(),
        keys: rig.keys.subscribe(),
        meters: rig.meters.clone(),
        prices: Arc::new(Prices::built_in()),
        offers: Vec::new(),
        refused: Vec::new(),
        sessions: Sessions::default(),
        reports: sender,
        metrics: None,
    };
    let router = start(config, deps).await.unwrap();
    for address in router.addresses() {
        let url = format!("http://{address}/health");
        assert_eq!(http().get(url).send().await.unwrap().status(), 200);
    }
    router.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_taken_port_is_a_reason_not_to_start() {
    let rig = Rig::over([]).await;
    let (sender, _reports) = mpsc::channel(1);
    let config = RouterConfig {
        listen: Listen::Localhost {
            port: rig.address().port(),
        },
        hosts: vec![],
        limits: Limits::default(),
        models: ModelMap::default(),
        websocket: true,
        affinity: true,
    };
    let deps = RouterDeps {
        pool: rig.pool.subscribe(),
        upstream: Arc::new(Upstream::new(endpoints(&rig.sim))),
        tokens: rig.tokens.clone(),
        keys: rig.keys.subscribe(),
        meters: rig.meters.clone(),
        prices: Arc::new(Prices::built_in()),
        offers: Vec::new(),
        refused: Vec::new(),
        sessions: Sessions::default(),
        reports: sender,
        metrics: None,
    };
    let err = start(config, deps).await.unwrap_err();
    let StartError::PortTaken {
        address, free_port, ..
    } = &err
    else {
        panic!("{err}");
    };
    assert_eq!(*address, rig.address());
    assert!(free_port.is_some());
    assert!(err.to_string().contains("is taken"));
}

#[tokio::test]
async fn stopping_lets_a_stream_finish() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    let mut reply = rig.chat(chat_stream("hi")).await;
    reply.chunk().await.unwrap().unwrap();
    let address = rig.address();
    let stopping = tokio::spawn(rig.router.stop(PATIENCE));
    refused(address).await;
    assert!(!stopping.is_finished());
    gate.open();
    assert!(reply.text().await.unwrap().ends_with("[DONE]\n\n"));
    tokio::time::timeout(PATIENCE, stopping)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_does_not_finish_in_time_ends_with_an_error() {
    let mut rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    let mut reply = rig.chat(chat_stream("hi")).await;
    let first = reply.chunk().await.unwrap().unwrap();
    rig.router.stop(Duration::ZERO).await;
    let rest = reply.text().await.unwrap();
    assert!(!chat_text(std::str::from_utf8(&first).unwrap()).is_empty());
    assert!(rest.contains("router_stopping"), "{rest}");
    assert!(!rest.contains("[DONE]"));
    let mut told = Vec::new();
    while let Some(report) = rig.reports.recv().await {
        if !matches!(report, Report::Bound(_)) {
            told.push(report);
        }
        if told.len() == 2 {
            break;
        }
    }
    assert!(
        matches!(&told[0], Report::Attempt(outcome) if outcome.result == AttemptResult::Abandoned)
    );
    assert!(matches!(&told[1], Report::Request(done) if !done.is_complete));
}

#[tokio::test]
async fn stopping_does_not_wait_for_idle_connections() {
    let rig = Rig::over([]).await;
    let client = http();
    client
        .get(rig.url("/health"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, rig.router.stop(PATIENCE * 10))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_router_that_is_dropped_leaves_nothing_behind() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    let mut reply = rig.responses_of_codex(&codex_request()).await;
    reply.chunk().await.unwrap().unwrap();
    let address = rig.address();
    drop(rig.router);
    refused(address).await;
    tokio::time::timeout(PATIENCE, rig.sim.client_gone("work"))
        .await
        .unwrap();
}

/// Returns once nobody listens there any more.
async fn refused(address: SocketAddr) {
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn changed_settings_hold_for_the_next_request_and_a_stream_goes_on() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    let mut reply = rig.chat(chat_stream("hi")).await;
    reply.chunk().await.unwrap().unwrap();

    let client = http();
    let named = async || {
        let request = client.get(rig.url("/v1/models")).header("host", "box.lan");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(named().await, 403, "nobody calls us that");
    let (sender, _reports) = mpsc::channel(64);
    let config = RouterConfig {
        listen: Listen::Localhost { port: 0 },
        hosts: vec!["box.lan".into()],
        limits: Limits::default(),
        models: ModelMap::default(),
        websocket: false,
        affinity: false,
    };
    let deps = RouterDeps {
        pool: rig.pool.subscribe(),
        upstream: Arc::new(Upstream::new(endpoints(&rig.sim))),
        tokens: rig.tokens.clone(),
        keys: rig.keys.subscribe(),
        meters: rig.meters.clone(),
        prices: Arc::new(Prices::built_in()),
        offers: Vec::new(),
        refused: Vec::new(),
        sessions: Sessions::default(),
        reports: sender,
        metrics: None,
    };
    rig.router.change(config, deps);
    assert_eq!(named().await, 401, "by that name everybody needs a key");
    gate.open();
    let rest = reply.text().await.unwrap();
    assert!(rest.contains("[DONE]"), "{rest}");
}
