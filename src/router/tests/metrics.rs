//! `GET /metrics` as a scraper sees it.

use super::*;
use crate::router::metrics::tests::samples;

async fn scraped(rig: &Rig) -> (reqwest::StatusCode, String, String) {
    let reply = http().get(rig.url("/metrics")).send().await.unwrap();
    let content_type = reply.headers()["content-type"].to_str().unwrap().to_owned();
    (reply.status(), content_type, reply.text().await.unwrap())
}

#[tokio::test]
async fn a_scrape_tells_what_was_served_by_whom_and_what_is_left() {
    let mut rig = Rig::over(["work"]).await;
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    rig.told().await;
    let (status, content_type, text) = scraped(&rig).await;
    assert_eq!(status, 200);
    assert_eq!(
        content_type,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let samples = samples(&text);
    let request = format!(
        r#"codex_router_requests_total{{dialect="chat",status="2xx",complete="true",model="{MODEL}",profile="work"}}"#
    );
    assert_eq!(samples.get(&request), Some(&1.0), "{text}");
    let of = |series: &str| samples[&format!("codex_router_{series}")];
    assert_eq!(of(r#"attempts_total{profile="work",result="served"}"#), 1.0);
    assert_eq!(of(r#"profile_usable{profile="work"}"#), 1.0);
    assert_eq!(of("in_flight_requests"), 0.0);
    assert_eq!(of("dropped_reports_total"), 0.0);
}

#[tokio::test]
async fn a_web_page_cannot_read_the_metrics() {
    let rig = Rig::over(["work"]).await;
    let request = http().get(rig.url("/metrics"));
    let reply = request.header("origin", "https://evil.test").send().await;
    assert_eq!(reply.unwrap().status(), 403);
    let reply = http().post(rig.url("/metrics")).send().await.unwrap();
    assert_eq!(reply.status(), 405);
}

#[tokio::test]
async fn metrics_that_are_turned_off_are_no_route() {
    let rig = Rig::over([]).await;
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
    let router = start(config, deps).await.unwrap();
    let url = format!("http://{}/metrics", router.addresses()[0]);
    assert_eq!(http().get(url).send().await.unwrap().status(), 404);
    router.stop(PATIENCE).await;
}
