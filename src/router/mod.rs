//! The local endpoint: what clients talk to, and how it finds a profile that answers.
//!
//! Reads in the order of a request: `accept` takes the connection, `guard` looks at the head, `routes` finds the dialect, `body`
//! reads, a dialect (`chat`, `messages`, `responses`, `models`) understands, `search` asks profiles until one answers, each by
//! an `attempt` (and for a dialect that no upstream speaks by way of `translated`), `stream` or `whole` carries the answer back,
//! `reply` words every refusal. A `websocket` is a connection on which this happens again and again.
//!
//! It listens on loopback, and elsewhere only for clients with keys. Nothing is retried once a byte of an answer has gone to the
//! client. What happened is told to the worker as [`Report`]s. Never enters: files, refresh tokens, prompts in a log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::warn;

use crate::client_key::{KeyRing, Meters};
use crate::desk::settings::{Listen, ModelMap};
use crate::pool::Pool;
use crate::price::Prices;
use crate::upstream::Upstream;

mod accept;
mod access;
mod allowance;
mod answer;
mod arrival;
mod ask;
mod attempt;
mod azure;
mod blind;
mod body;
mod chat;
mod codes;
mod compaction;
mod completions;
mod decode;
mod door;
mod exhausted;
mod forward;
mod fresh;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod handshake;
mod headers;
mod images;
mod keys;
mod limits;
mod listen;
mod meaning;
mod messages;
mod metrics;
mod models;
mod offers;
mod own_usage;
mod queue;
mod rate_limits;
mod refusal;
mod refused;
mod relay;
mod reply;
mod report;
mod responses;
mod retries;
mod routes;
mod search;
mod serve;
mod session;
mod sessions;
mod setback;
mod silence;
mod source;
mod stream;
mod trace;
mod translated;
mod turn_states;
mod voice;
mod websocket;
mod whole;
mod wires;

#[cfg(test)]
mod tests;

use accept::Stage;
pub use fresh::{FreshTokens, NoToken};
pub use limits::Limits;
pub use listen::StartError;
pub use meaning::Meaning;
pub use metrics::Metrics;
pub use offers::KnownOffers;
pub use refused::{REFUSAL_LASTS, RefusedParameter};
pub use report::{AttemptOutcome, AttemptResult, Dialect, Report, RequestDone, priced};
pub use sessions::Sessions;

/// For the worker's simulation, which asks the pool as the router does.
#[cfg(test)]
pub(crate) mod walk {
    pub(crate) use super::meaning::mark;
    pub(crate) use super::retries::Retries;
    pub(crate) use super::setback::{NextStep, Setback};
}
pub use trace::{AttemptNote, Considered, Preview};

#[derive(Clone, Debug)]
pub struct RouterConfig {
    pub listen: Listen,
    /// Names besides `localhost` by which this computer may be called.
    pub hosts: Vec<String>,
    pub limits: Limits,
    pub models: ModelMap,
    /// Whether `GET …/responses` may become a WebSocket.
    pub websocket: bool,
    /// Whether a session stays at the profile that answered it before.
    pub affinity: bool,
}

/// What the router is given to work with.
pub struct RouterDeps {
    /// Every request takes the newest.
    pub pool: watch::Receiver<Arc<Pool>>,
    pub upstream: Arc<Upstream>,
    pub tokens: Arc<dyn FreshTokens>,
    /// The keys that open the router; every request takes the newest.
    pub keys: watch::Receiver<Arc<KeyRing>>,
    /// What was done with them. Outlives the router.
    pub meters: Arc<Meters>,
    /// By which the cost of a request is estimated.
    pub prices: Arc<Prices>,
    /// What profiles offered when they were last asked.
    pub offers: KnownOffers,
    /// Parameters that upstreams were seen to refuse.
    pub refused: Vec<RefusedParameter>,
    /// Where sessions live; it outlives this router.
    pub sessions: Sessions,
    /// Bounded; what does not fit is dropped and counted.
    pub reports: mpsc::Sender<Report>,
    /// None: nothing is counted, and `GET /metrics` is not served.
    pub metrics: Option<Arc<Metrics>>,
}

/// What every request shares.
struct House {
    limits: Limits,
    pool: watch::Receiver<Arc<Pool>>,
    upstream: Arc<Upstream>,
    tokens: Arc<dyn FreshTokens>,
    keys: keys::Keys,
    prices: Arc<Prices>,
    reports: report::Reports,
    in_flight: queue::Gate,
    lines: queue::Lines,
    bodies: Arc<Semaphore>,
    /// Room for what sockets remember.
    histories: Arc<Semaphore>,
    retries: retries::Retries,
    /// Counts requests, for strategies that take turns.
    turns: AtomicU64,
    wires: wires::Wires,
    blind: blind::Blind,
    catalogue: models::Catalogue,
    offers: offers::Offers,
    refused: refused::Refused,
    lacking_compact: compaction::Lacking,
    model_map: ModelMap,
    sessions: Sessions,
    keeps_sessions: bool,
    /// `None` when WebSockets are turned off.
    sockets: Option<websocket::Sights>,
    stage: watch::Receiver<Stage>,
}

/// A router that listens. Dropping it closes every connection at once; [`Running::stop`] is the polite way.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    house: Arc<House>,
    stage: watch::Sender<Stage>,
    listeners: JoinSet<()>,
}

/// From the error event to the end of patience.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes the port and serves from then on.
///
/// # Errors
/// When the port cannot be taken; see [`StartError`].
pub async fn start(config: RouterConfig, deps: RouterDeps) -> Result<Running, StartError> {
    let RouterConfig {
        listen,
        hosts,
        limits,
        models,
        websocket,
        affinity,
    } = config;
    let keys = keys::Keys::new(deps.keys, deps.meters, &limits);
    if !listen.is_loopback() {
        if !keys.has_open_key() {
            return Err(StartError::NotLoopback(listen.first()));
        }
        warn!(
            "other computers can reach the router, and keys and answers travel to them unencrypted"
        );
    }
    let listeners = listen::bind(listen).await?;
    let (stage, stage_of_house) = watch::channel(Stage::Serving);
    let slots = Arc::new(Semaphore::new(accept::affordable_connections(&limits)));
    let house = Arc::new(House {
        pool: deps.pool,
        upstream: deps.upstream,
        tokens: deps.tokens,
        keys,
        prices: deps.prices,
        reports: report::Reports::new(deps.reports, deps.metrics),
        in_flight: queue::Gate::new(limits.in_flight, limits.queue, limits.queue_wait),
        lines: queue::Lines::new(limits.queue),
        bodies: body::budget(&limits),
        histories: body::room_for(limits.all_histories_bytes),
        retries: retries::Retries::new(Instant::now()),
        turns: AtomicU64::new(0),
        wires: wires::Wires::default(),
        blind: blind::Blind::default(),
        catalogue: models::Catalogue::default(),
        offers: offers::Offers::new(deps.offers),
        refused: refused::Refused::new(deps.refused),
        lacking_compact: compaction::Lacking::default(),
        model_map: models,
        sessions: deps.sessions,
        keeps_sessions: affinity,
        sockets: websocket.then(websocket::Sights::default),
        stage: stage_of_house,
        limits,
    });
    let mut addresses = Vec::new();
    let mut tasks = JoinSet::new();
    for listener in listeners {
        let address = listener.local_addr().map_err(|source| StartError::Io {
            address: SocketAddr::from(([127, 0, 0, 1], listen.port())),
            source,
        })?;
        addresses.push(address);
        let guard = Arc::new(guard::Guard::new(address, &hosts, house.limits.uri_bytes));
        tasks.spawn(accept::accept(
            listener,
            guard,
            house.clone(),
            slots.clone(),
        ));
    }
    Ok(Running {
        addresses,
        house,
        stage,
        listeners: tasks,
    })
}

impl Running {
    /// Where it listens, IPv4 first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Requests for a model that are being served.
    pub fn in_flight(&self) -> usize {
        self.house.in_flight.busy()
    }

    /// Requests that wait: for a place, and for an account.
    pub fn waiting(&self) -> usize {
        self.house.in_flight.waiting() + self.house.lines.waiting() + self.house.keys.waiting()
    }

    /// Reports that the worker did not get because it was behind.
    pub fn dropped_reports(&self) -> u64 {
        self.house.reports.dropped()
    }

    /// Takes no new connections, lets requests finish for `drain`, then ends streams with an error, and at last closes what is
    /// left.
    pub async fn stop(mut self, drain: Duration) {
        self.stage.send_replace(Stage::Draining);
        if tokio::time::timeout(drain, all_done(&mut self.listeners))
            .await
            .is_ok()
        {
            return;
        }
        self.stage.send_replace(Stage::Ending);
        if tokio::time::timeout(FAREWELL, all_done(&mut self.listeners))
            .await
            .is_err()
        {
            warn!(
                requests = self.in_flight(),
                "connections were closed while in use"
            );
            self.listeners.shutdown().await;
        }
    }
}

async fn all_done(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
