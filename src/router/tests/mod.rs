//! The router between a real HTTP client and the simulator.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::pool::{Access, Live, Member, Path, Pool, Strategy};
use crate::profile::{Claims, Fingerprint, ProfileName, Secret};
use crate::simulator::{Account, Asked, Simulator};
use crate::upstream::Endpoints;
use crate::usage::{Usage, Window};

mod affinity;
mod azure;
mod bodies;
mod bursts;
mod chat;
mod codex;
mod compaction;
mod completions;
mod dropped;
mod efforts;
mod endpoint;
mod errors;
mod failover;
mod failure_classes;
mod faults;
mod forward;
mod front;
mod images;
mod keys;
mod known_faults;
mod lifecycle;
mod messages;
mod metrics;
mod models;
mod network;
mod parameters;
mod passthrough;
mod record;
mod streams;
mod websocket;

/// Of a test that would otherwise wait for ever.
const PATIENCE: Duration = Duration::from_secs(20);
const MODEL: &str = "gpt-5.5";

/// A running router over a simulator, with a pool in the order of `names`.
struct Rig {
    sim: Arc<Simulator>,
    router: Running,
    reports: mpsc::Receiver<Report>,
    pool: watch::Sender<Arc<Pool>>,
    keys: watch::Sender<Arc<KeyRing>>,
    meters: Arc<Meters>,
    tokens: Arc<Tokens>,
}

/// What an earlier run has learned, and how it was set up.
#[derive(Default)]
struct Known {
    offers: KnownOffers,
    refused: Vec<RefusedParameter>,
    sessions: Sessions,
    /// Not learned, but wished.
    keeps_no_session: bool,
}

impl Rig {
    /// ChatGPT accounts; the first one is preferred, then the second, and so on.
    async fn over<const N: usize>(names: [&str; N]) -> Self {
        Self::with_limits(names, Limits::default()).await
    }

    async fn with_limits<const N: usize>(names: [&str; N], limits: Limits) -> Self {
        let sim = Arc::new(Simulator::start().await.unwrap());
        for name in names {
            sim.add(Account::chatgpt(name));
        }
        let members = names
            .iter()
            .enumerate()
            .map(|(place, name)| member(name, access(&sim.auth_json(name)), place));
        let members = members.collect();
        Self::start(sim, members, limits).await
    }

    async fn start(sim: Arc<Simulator>, members: Vec<Member>, limits: Limits) -> Self {
        let endpoints = endpoints(&sim);
        Self::with_endpoints(sim, endpoints, members, limits).await
    }

    /// One profile, and an upstream that nobody listens at.
    async fn nowhere(name: &str) -> Self {
        let sim = Arc::new(Simulator::start().await.unwrap());
        let gone = Simulator::start().await.unwrap();
        let endpoints = endpoints(&gone);
        gone.shutdown().await;
        let members = vec![member(name, access(&sim.auth_json(name)), 0)];
        Self::with_endpoints(sim, endpoints, members, Limits::default()).await
    }

    async fn with_endpoints(
        sim: Arc<Simulator>,
        endpoints: Endpoints,
        members: Vec<Member>,
        limits: Limits,
    ) -> Self {
        Self::knowing(sim, endpoints, members, limits, Known::default()).await
    }

    async fn knowing(
        sim: Arc<Simulator>,
        endpoints: Endpoints,
        members: Vec<Member>,
        limits: Limits,
        known: Known,
    ) -> Self {
        let models = ModelMap::default();
        Self::with_everything(sim, endpoints, members, limits, known, models, true).await
    }

    /// One ChatGPT account, and the user's own names for models.
    async fn naming(name: &str, models: &str) -> Self {
        let sim = Arc::new(Simulator::start().await.unwrap());
        let members = vec![member(name, access(&sim.auth_json(name)), 0)];
        let (endpoints, limits) = (endpoints(&sim), Limits::default());
        let models = ModelMap::parse(models).unwrap();
        Self::with_everything(
            sim,
            endpoints,
            members,
            limits,
            Known::default(),
            models,
            true,
        )
        .await
    }

    async fn with_everything(
        sim: Arc<Simulator>,
        endpoints: Endpoints,
        members: Vec<Member>,
        limits: Limits,
        known: Known,
        models: ModelMap,
        websocket: bool,
    ) -> Self {
        let upstream = Arc::new(Upstream::new(endpoints));
        let (pool, pool_of_router) = watch::channel(Arc::new(pool_of(members)));
        let (keys, keys_of_router) = watch::channel(Arc::new(KeyRing::default()));
        let meters = Meters::new(SystemTime::now());
        let (sender, reports) = mpsc::channel(64);
        let tokens = Arc::new(Tokens {
            sim: sim.clone(),
            asked: AtomicUsize::new(0),
        });
        let config = RouterConfig {
            listen: Listen::parse("127.0.0.1:0").unwrap(),
            hosts: vec![],
            limits,
            models,
            websocket,
            affinity: !known.keeps_no_session,
        };
        let deps = RouterDeps {
            pool: pool_of_router,
            upstream,
            tokens: tokens.clone(),
            keys: keys_of_router,
            meters: meters.clone(),
            prices: Arc::new(Prices::built_in()),
            offers: known.offers,
            refused: known.refused,
            sessions: known.sessions,
            reports: sender,
            metrics: Some(Arc::default()),
        };
        let router = start(config, deps).await.unwrap();
        Self {
            sim,
            router,
            reports,
            pool,
            keys,
            meters,
            tokens,
        }
    }

    /// As if what was marked of refusals had been over for long.
    fn forgive(&self) {
        let pool = self.pool.borrow();
        let members = pool.members.iter().map(|member| &member.live);
        let paths = pool.paths.iter().map(|path| &path.live);
        members.chain(paths).for_each(Live::clear);
    }

    fn address(&self) -> SocketAddr {
        self.router.addresses()[0]
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        http()
            .post(self.url(path))
            .header("content-type", "application/json")
            .header("authorization", "Bearer unused")
            .body(body.to_string())
    }

    async fn chat(&self, body: Value) -> reqwest::Response {
        self.post("/v1/chat/completions", &body)
            .send()
            .await
            .unwrap()
    }

    async fn responses(&self, body: Value) -> reqwest::Response {
        self.post("/v1/responses", &body).send().await.unwrap()
    }

    async fn responses_of_codex(&self, body: &Value) -> reqwest::Response {
        let request = self.post("/v1/responses", body);
        request
            .header("originator", "codex_exec")
            .send()
            .await
            .unwrap()
    }

    /// Which accounts were asked for a response, in order.
    fn asked(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .filter_map(|asked| asked.account)
            .collect()
    }

    fn requests(&self) -> Vec<Asked> {
        let all = self.sim.asked().into_iter();
        all.filter(|asked| asked.path.ends_with("/responses"))
            .collect()
    }

    /// The next report that is not about where a session lives.
    async fn report(&mut self) -> Report {
        loop {
            let report = tokio::time::timeout(PATIENCE, self.reports.recv());
            match report.await.unwrap().unwrap() {
                Report::Bound(_) => {}
                report => return report,
            }
        }
    }

    /// The outcome of the attempt that is told next.
    async fn outcome(&mut self) -> AttemptOutcome {
        match self.report().await {
            Report::Attempt(outcome) => outcome,
            other => panic!("no attempt: {other:?}"),
        }
    }

    /// What was told up to the end of the next request: attempts, then the request.
    async fn told(&mut self) -> (Vec<(String, AttemptResult)>, RequestDone) {
        let mut attempts = Vec::new();
        let mut done = None;
        // An abandoned request is told when its parts are dropped, in no promised order.
        while done.is_none() || !self.reports.is_empty() {
            let report = tokio::time::timeout(PATIENCE, self.reports.recv());
            match report.await.unwrap().unwrap() {
                Report::Attempt(outcome) => {
                    attempts.push((outcome.profile.to_string(), outcome.result));
                }
                Report::Request(request) => done = Some(*request),
                Report::Models { .. } | Report::Refused(_) | Report::Bound(_) => {}
            }
        }
        (attempts, done.unwrap())
    }
}

impl Rig {
    /// Its client has left, and nothing of its one request is left either.
    async fn is_abandoned(&mut self, name: &str) {
        let gone = self.sim.client_gone(name);
        tokio::time::timeout(PATIENCE, gone).await.unwrap();
        let (mut attempts, done) = self.told().await;
        if attempts.is_empty() {
            let outcome = self.outcome().await;
            attempts.push((outcome.profile.to_string(), outcome.result));
        }
        assert_eq!(attempts, [(name.to_owned(), AttemptResult::Abandoned)]);
        assert_eq!((done.status, done.is_complete), (499, false));
        assert_eq!(self.router.in_flight(), 0);
        assert_eq!(self.pool.borrow().members[0].in_flight.count(), 0);
    }
}

/// Stands for the worker: a newer token is what the simulator's own refresh gives.
struct Tokens {
    sim: Arc<Simulator>,
    asked: AtomicUsize,
}

impl FreshTokens for Tokens {
    fn fresh(
        &self,
        name: &ProfileName,
        _stale: &Fingerprint,
    ) -> Pin<Box<dyn Future<Output = Result<Access, NoToken>> + Send>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = if name.as_str().starts_with("dead") {
            Err(NoToken("sign in again".into()))
        } else {
            Ok(access(&self.sim.rotate_as_cli(name.as_str())))
        };
        Box::pin(std::future::ready(answer))
    }
}

fn http() -> reqwest::Client {
    // An error says that another test was first.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn endpoints(sim: &Simulator) -> Endpoints {
    let url = |text: String| text.parse().unwrap();
    Endpoints {
        codex_responses: url(format!("{}/codex/responses", sim.chatgpt_base_url())),
        codex_models: url(format!("{}/codex/models", sim.chatgpt_base_url())),
        usage: url(format!("{}/wham/usage", sim.chatgpt_base_url())),
        openai_base: url(sim.openai_base_url()),
        token: url(sim.refresh_url()),
        issuer: url(sim.issuer()),
        client_id: "app_fake".into(),
        originator: "codex_router".into(),
        user_agent: "codex-router/test".into(),
    }
}

fn pool_of(members: Vec<Member>) -> Pool {
    let mut paths: Vec<Path> = Vec::new();
    for member in &members {
        let name = member.access.path(&member.network);
        if paths.iter().all(|path| path.name != name) {
            paths.push(Path {
                name,
                ..Path::default()
            });
        }
    }
    Pool {
        members: members.into_iter().map(Arc::new).collect(),
        strategy: Strategy::LeastUsed,
        paths,
        ..Pool::default()
    }
}

/// The earlier the place, the less is used, and the earlier it is chosen.
fn member(name: &str, access: Access, place: usize) -> Member {
    let now = SystemTime::now();
    let usage = Usage {
        plan: None,
        windows: vec![Window {
            length: Duration::from_secs(18_000),
            used_percent: 10.0 * place as f64,
            resets_at: Some(now + Duration::from_secs(3_600)),
        }],
        extra: vec![],
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: now,
    };
    Member {
        usage: Some(Arc::new(usage)),
        ..Member::new(ProfileName::parse(name).unwrap(), access)
    }
}

/// What an `auth.json` gives to speak with.
fn access(auth_json: &str) -> Access {
    let auth: Value = serde_json::from_str(auth_json).unwrap();
    if let Some(key) = auth["OPENAI_API_KEY"].as_str() {
        return Access::ApiKey {
            key: Secret::new(key),
        };
    }
    let token = auth["tokens"]["access_token"].as_str().unwrap();
    Access::ChatGpt {
        access_token: Secret::new(token),
        account_id: auth["tokens"]["account_id"].as_str().map(str::to_owned),
        is_fedramp: false,
        expires_at: Claims::read(token).unwrap().expires_at,
    }
}

fn chat_request(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
}

fn chat_stream(text: &str) -> Value {
    json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": text}]})
}

fn codex_request() -> Value {
    json!({
        "model": MODEL, "instructions": "Be brief.", "stream": true, "store": false,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    })
}

/// The texts of the chunks of a chat stream, joined.
fn chat_text(stream: &str) -> String {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

/// The types of the events of a Responses stream.
fn event_types(stream: &str) -> Vec<String> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|event| Some(event["type"].as_str()?.to_owned()))
        .collect()
}

fn header(reply: &reqwest::Response, name: &str) -> Option<String> {
    let value = reply.headers().get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

async fn error_of(reply: reqwest::Response) -> Value {
    serde_json::from_slice::<Value>(&reply.bytes().await.unwrap()).unwrap()["error"].clone()
}
