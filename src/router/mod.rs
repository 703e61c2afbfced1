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
use std::time::{Duration, Instant, SystemTime};

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

/// What every request shares. Another one takes its place when settings change; requests under way stay with theirs.
struct House {
    limits: Limits,
    /// Of each listener.
    guards: Vec<(SocketAddr, Arc<guard::Guard>)>,
    hosts: Vec<String>,
    pool: watch::Receiver<Arc<Pool>>,
    upstream: Arc<Upstream>,
    tokens: Arc<dyn FreshTokens>,
    keys: keys::Keys,
    prices: Arc<Prices>,
    reports: report::Reports,
    in_flight: queue::Gate,
    lines: queue::Lines,
    learned: Learned,
    model_map: ModelMap,
    sessions: Sessions,
    keeps_sessions: bool,
    /// `None` when WebSockets are turned off.
    sockets: Option<Arc<websocket::Sights>>,
    stage: watch::Receiver<Stage>,
}

/// What requests share whatever the settings are, and have learned of upstreams.
#[derive(Clone)]
struct Learned {
    bodies: Arc<Semaphore>,
    /// Room for what sockets remember.
    histories: Arc<Semaphore>,
    retries: Arc<retries::Retries>,
    /// Counts requests, for strategies that take turns.
    turns: Arc<AtomicU64>,
    wires: Arc<wires::Wires>,
    blind: Arc<blind::Blind>,
    catalogue: Arc<models::Catalogue>,
    offers: Arc<offers::Offers>,
    refused: Arc<refused::Refused>,
    lacking_compact: Arc<compaction::Lacking>,
    sockets: Arc<websocket::Sights>,
}

impl Learned {
    fn new(limits: &Limits, deps: &RouterDeps) -> Self {
        Self {
            bodies: body::budget(limits),
            histories: body::room_for(limits.all_histories_bytes),
            retries: Arc::new(retries::Retries::new(Instant::now())),
            turns: Arc::default(),
            wires: Arc::default(),
            blind: Arc::default(),
            catalogue: Arc::default(),
            offers: Arc::new(offers::Offers::new(deps.offers.clone())),
            refused: Arc::new(refused::Refused::new(deps.refused.clone())),
            lacking_compact: Arc::default(),
            sockets: Arc::default(),
        }
    }
}

/// A router that listens. Dropping it closes every connection at once; [`Running::stop`] is the polite way.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    houses: watch::Sender<Arc<House>>,
    stage: watch::Sender<Stage>,
    listeners: JoinSet<()>,
    /// Ends when no port is held any more.
    doors: mpsc::Receiver<std::convert::Infallible>,
}

/// From the error event to the end of patience.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes the port and serves from then on.
///
/// # Errors
/// When the port cannot be taken; see [`StartError`].
pub async fn start(config: RouterConfig, deps: RouterDeps) -> Result<Running, StartError> {
    let listen = config.listen;
    if !listen.is_loopback() {
        if !deps.keys.borrow().has_open_key(SystemTime::now()) {
            return Err(StartError::NotLoopback(listen.first()));
        }
        warn!(
            "other computers can reach the router, and keys and answers travel to them unencrypted"
        );
    }
    let listeners = listen::bind(listen).await?;
    let mut addresses = Vec::new();
    for listener in &listeners {
        let address = listener.local_addr().map_err(|source| StartError::Io {
            address: SocketAddr::from(([127, 0, 0, 1], listen.port())),
            source,
        })?;
        addresses.push(address);
    }
    let (stage, stage_of_house) = watch::channel(Stage::Serving);
    let slots = Arc::new(Semaphore::new(accept::affordable_connections(
        &config.limits,
    )));
    let learned = Learned::new(&config.limits, &deps);
    let house = House::new(config, deps, learned, &addresses, stage_of_house);
    let (houses, house) = watch::channel(Arc::new(house));
    let (open, doors) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    for (listener, address) in listeners.into_iter().zip(&addresses) {
        tasks.spawn(accept::accept(
            listener,
            *address,
            house.clone(),
            slots.clone(),
            open.clone(),
        ));
    }
    Ok(Running {
        addresses,
        houses,
        stage,
        listeners: tasks,
        doors,
    })
}

impl House {
    fn new(
        config: RouterConfig,
        deps: RouterDeps,
        learned: Learned,
        addresses: &[SocketAddr],
        stage: watch::Receiver<Stage>,
    ) -> Self {
        let RouterConfig {
            listen: _,
            hosts,
            limits,
            models,
            websocket,
            affinity,
        } = config;
        let guard = |address: &SocketAddr| {
            let guard = guard::Guard::new(*address, &hosts, limits.uri_bytes);
            (*address, Arc::new(guard))
        };
        Self {
            guards: addresses.iter().map(guard).collect(),
            hosts,
            pool: deps.pool,
            upstream: deps.upstream,
            tokens: deps.tokens,
            keys: keys::Keys::new(deps.keys, deps.meters, &limits),
            prices: deps.prices,
            reports: report::Reports::new(deps.reports, deps.metrics),
            in_flight: queue::Gate::new(limits.in_flight, limits.queue, limits.queue_wait),
            lines: queue::Lines::new(limits.queue),
            sockets: websocket.then(|| learned.sockets.clone()),
            learned,
            model_map: models,
            sessions: deps.sessions,
            keeps_sessions: affinity,
            stage,
            limits,
        }
    }

    /// Who may come in by the listener of this address.
    fn guard(&self, address: SocketAddr) -> Arc<guard::Guard> {
        let mut guards = self.guards.iter();
        let known = guards.find(|(its, _)| *its == address);
        known.map_or_else(
            || {
                Arc::new(guard::Guard::new(
                    address,
                    &self.hosts,
                    self.limits.uri_bytes,
                ))
            },
            |(_, guard)| guard.clone(),
        )
    }
}

impl Running {
    /// Where it listens, IPv4 first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Requests for a model that are being served.
    pub fn in_flight(&self) -> usize {
        self.house().in_flight.busy()
    }

    /// Requests that wait: for a place, and for an account.
    pub fn waiting(&self) -> usize {
        let house = self.house();
        house.in_flight.waiting() + house.lines.waiting() + house.keys.waiting()
    }

    /// Reports that the worker did not get because it was behind.
    pub fn dropped_reports(&self) -> u64 {
        self.house().reports.dropped()
    }

    /// From now on requests are served by these settings, at the same place; requests under way stay with theirs. What was learned
    /// of upstreams stays known.
    pub fn change(&self, config: RouterConfig, deps: RouterDeps) {
        let before = self.house();
        let (learned, stage) = (before.learned.clone(), before.stage.clone());
        let house = House::new(config, deps, learned, &self.addresses, stage);
        self.houses.send_replace(Arc::new(house));
    }

    fn house(&self) -> Arc<House> {
        self.houses.borrow().clone()
    }

    /// Takes no new connections and lets go of the port; requests under way go on until [`Self::stop`].
    pub async fn close(&mut self) {
        self.stage.send_replace(Stage::Draining);
        let _closed = self.doors.recv().await;
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
