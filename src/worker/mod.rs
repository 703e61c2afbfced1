//! The worker: one named thread with a runtime of its own, and the one owner of the truth.
//!
//! Its loop takes commands from faces and events from the world, lets `AppState` decide, starts what must be done, and
//! publishes. It never waits for slow work. The watcher, the refresher, the poller and the router all report here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(unix)]
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::client_key::{KeyRing, Meters};
use crate::connect::Places;
use crate::desk::{Command, Desk, DeskBack, OlderStore, Settings, Snapshot, desk};
use crate::pool::Pool;
pub use crate::router::REFUSAL_LASTS;
use crate::router::{Limits, Report};
use crate::store::home::Home;
use crate::store::state::State;
use crate::store::watch::{Changed, Watcher};
use crate::store::{Environment, config, cooldown_cache, import, trusted, usage_cache};
use crate::system::Terminals;
use crate::upstream::{Endpoints, Upstream};

mod activity;
mod bindings;
mod caches;
mod disk;
mod effects;
mod event;
mod exporting;
mod history;
mod importing;
mod kept;
mod keys;
mod organiser;
mod pauses;
mod publisher;
mod recent;
mod record;
mod recorder;
mod refresher;
mod refusals;
mod schedule;
mod signing_in;
#[cfg(test)]
mod simulation;
mod spend;
mod state;
mod switcher;
mod token_desk;
mod tools;

use effects::Hands;
use event::{Effect, Event};
pub use organiser::settle_renames;
use recorder::Recorder;
pub use refresher::Patience;
use refresher::Refresher;
pub use schedule::refresh_due;
pub use state::Polls;
use state::{AppState, Memory};
use token_desk::{TokenDesk, Wanted};

/// What a face starts the worker with.
#[derive(Clone, Debug)]
pub struct Options {
    pub home: Home,
    /// Shortens paths to `~`, and is where Codex looks when nothing else is set.
    pub user_home: Option<PathBuf>,
    /// Where other programs keep their settings.
    pub places: Places,
    pub terminals: Terminals,
    /// Settings are read under it, now and whenever they change.
    pub environment: Environment,
    /// Whether the router starts at once.
    pub router: bool,
    pub polls: Polls,
    pub patience: Patience,
}

/// The running worker. Dropping it without [`Worker::stop`] leaves the thread to end by itself when the desk is gone.
#[derive(Debug)]
pub struct Worker {
    desk: Desk,
    thread: JoinHandle<()>,
}

/// More than a burst of requests reports while the loop reads the disk.
const EVENTS: usize = 1_024;
/// Requests are told to faces at most this often; a burst of them is one repaint.
const REQUESTS_TOLD_EVERY: Duration = Duration::from_millis(250);
/// The longest sleep: after a suspended laptop wakes up, the wall clock has jumped and timers have not.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long the end waits for a refresh, which may take 30 s.
const LAST_WAIT: Duration = Duration::from_secs(31);

/// Starts the worker and returns at once; nothing has been read yet when this returns.
///
/// # Errors
/// When the system gives no thread or no runtime.
pub fn start(options: Options) -> std::io::Result<Worker> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("worker-pool")
        .enable_all()
        .build()?;
    let (front, back) = desk(Snapshot::default());
    let thread = std::thread::Builder::new()
        .name("worker".into())
        .spawn(move || {
            runtime.block_on(run(options, back));
            // What still blocks on the disk must not keep the program from ending.
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
    Ok(Worker {
        desk: front,
        thread,
    })
}

impl Worker {
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Asks the worker to finish and waits for it.
    pub fn stop(self) {
        // A worker that is gone or about to go needs no command.
        let _going = self.desk.ask(Command::Quit);
        drop(self.desk);
        if self.thread.join().is_err() {
            warn!("the worker ended in a panic");
        }
    }

    /// Waits until the worker ends by itself, by a signal for example.
    pub fn wait(self) {
        // A desk without a face ends the worker, so ours stays until then.
        if self.thread.join().is_err() {
            warn!("the worker ended in a panic");
        }
        drop(self.desk);
    }
}

async fn run(options: Options, back: DeskBack) {
    let home = Arc::new(options.home);
    let environment = Arc::new(options.environment);
    let read = config::settings(&home, &environment);
    let settings = Arc::new(read.settings.clone());
    let upstream = Arc::new(upstream(&settings));
    let (pool_sender, pool_receiver) = watch::channel(Arc::new(Pool::default()));
    let (keys_sender, keys_receiver) = watch::channel(Arc::new(state::unread_keys()));
    let prices = Arc::new(recorder::prices(&home));
    if options.polls == Polls::ByThemselves {
        organiser::settle(&home, SystemTime::now());
    }
    let recorder = match options.polls {
        Polls::ByThemselves => Recorder::start(&home, &settings, SystemTime::now()),
        // A verb that ends at once leaves the file to the program that stays.
        Polls::WhenAsked => Recorder::default(),
    };
    let meters = Meters::new(SystemTime::now());
    // After the recorder, which brings the file of an older version up to date.
    let spent = spend::read(&home, SystemTime::now());
    spend::count_keys(&meters, &spent, SystemTime::now());
    let (event_sender, events) = mpsc::channel(EVENTS);
    let (report_sender, reports) = mpsc::channel(EVENTS);
    let (change_sender, changes) = mpsc::channel(1);
    let (tokens, wanted) = TokenDesk::new();
    let refresher = Refresher {
        home: home.clone(),
        upstream: upstream.clone(),
        patience: options.patience,
        is_stopping: Arc::default(),
    };
    let hands = Hands::new(
        home.clone(),
        options.user_home.clone(),
        upstream,
        refresher,
        pool_receiver,
        event_sender,
        report_sender,
    )
    .with_environment(environment)
    .with_sign_ins(&settings)
    .with_places(options.places, options.terminals)
    .with_models(settings.models.clone())
    .with_keys(keys_receiver, meters.clone())
    .with_hosts(settings.hosts.clone())
    .with_websocket(settings.websocket)
    .with_limits(Limits {
        preview_bytes: settings.ledger.preview_bytes,
        ..(&settings.limits).into()
    })
    .with_affinity(settings.affinity)
    .with_metrics(settings.metrics)
    .with_prices(prices.clone())
    .with_recorder(recorder);
    let mut state = AppState::new(settings, options.polls);
    state.remember_settings(read);
    let mut worker = Loop {
        state,
        hands,
        tokens,
        pool_sender,
        keys_sender,
        back_snapshots: back.snapshots,
        meters,
        home_text: shortened(home.root(), options.user_home.as_deref()),
        published_at: None,
    };

    // Before anything that must not be cut off can begin.
    let mut signals = Signals::new();
    // The files first: a client that asks right after the start must find the accounts.
    worker.step(disk::read_disk(&home, 0)).await;
    let older = import::older_store(&home, options.user_home.as_deref());
    worker.state.importing.older_store =
        older.map(|(folder, accounts)| OlderStore { folder, accounts });
    worker.state.remember_refused(caches::read_refused(&home));
    let now = SystemTime::now();
    let memory = Memory {
        usage: usage_cache::read(&home),
        offers: caches::read_offers(&home),
        pauses: cooldown_cache::read(&home, now),
        days: spent.days,
    };
    worker.state.remember(memory, now);
    worker.hands.restore_sessions(bindings::read(&home));
    worker.state.hides_emails = State::read(&home).hides_emails();
    worker.state.remember_prices(prices);
    worker.publish();
    if options.router {
        worker.obey(Command::TurnRouterOn).await;
    }
    if options.polls == Polls::ByThemselves {
        let effects = vec![worker.state.read_recent_use()];
        worker.run(effects).await;
    }
    let watcher =
        (options.polls == Polls::ByThemselves).then(|| Watcher::start(&home, change_sender));
    let watcher = match watcher {
        Some((watcher, fell_back)) => {
            if let Some(reason) = fell_back {
                worker.step(Event::WatchingFailed(reason)).await;
            }
            // Between the first reading and the first watch something may have changed.
            worker.step(Event::DiskChanged).await;
            Some(watcher)
        }
        None => None,
    };
    let (events, reports) = worker
        .serve(
            Inbox {
                commands: back.commands,
                events,
                reports,
                changes,
                wanted,
            },
            &mut signals,
        )
        .await;
    drop(watcher);
    tokio::select! {
        () = worker.wind_down(events, reports) => {}
        () = signals.received() => warn!("asked to stop again; not waiting any longer"),
    }
    for name in worker.state.unsaved() {
        error!(profile = %name, "its new login could not be written and is lost; sign in again");
    }
    worker.hands.close_ledger().await;
}

/// Everything that the loop listens to.
struct Inbox {
    commands: mpsc::Receiver<Command>,
    events: mpsc::Receiver<Event>,
    reports: mpsc::Receiver<Report>,
    changes: mpsc::Receiver<Changed>,
    wanted: mpsc::Receiver<Wanted>,
}

/// The loop and what it holds.
struct Loop {
    state: AppState,
    hands: Hands,
    tokens: TokenDesk,
    pool_sender: watch::Sender<Arc<Pool>>,
    keys_sender: watch::Sender<Arc<KeyRing>>,
    /// What was done with each key.
    meters: Arc<Meters>,
    back_snapshots: watch::Sender<Arc<Snapshot>>,
    home_text: String,
    published_at: Option<Instant>,
}

impl Loop {
    /// Runs until it is asked to end; gives back what tasks that are still running will report to.
    async fn serve(
        &mut self,
        mut inbox: Inbox,
        signals: &mut Signals,
    ) -> (mpsc::Receiver<Event>, mpsc::Receiver<Report>) {
        let mut publish_at: Option<Instant> = None;
        loop {
            let due = tokio::time::sleep(self.time_to_due());
            let publish = async {
                match publish_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let mut is_report = false;
            tokio::select! {
                command = inbox.commands.recv() => match command {
                    // Without a command every face is gone.
                    None | Some(Command::Quit) => {
                        self.obey(Command::Quit).await;
                        return (inbox.events, inbox.reports);
                    }
                    Some(command) => self.obey(command).await,
                },
                Some(event) = inbox.events.recv() => self.step(event).await,
                Some(report) = inbox.reports.recv() => {
                    is_report = true;
                    self.note_report(report).await;
                }
                Some(changed) = inbox.changes.recv() => match changed {
                    Changed::Files => self.step(Event::DiskChanged).await,
                    Changed::Raise => self.step(Event::RaiseAsked).await,
                },
                Some(wish) = inbox.wanted.recv() => {
                    let name = self.state.present_name(wish.name);
                    self.hands.wait_for_token(name.clone(), wish.waiter);
                    self.step(Event::TokenWanted { name, stale: wish.stale }).await;
                }
                () = due => self.step(Event::TimePassed).await,
                () = publish => {
                    publish_at = None;
                    self.publish();
                    continue;
                }
                () = signals.received() => {
                    info!("asked to stop");
                    self.obey(Command::Quit).await;
                    return (inbox.events, inbox.reports);
                }
            }
            let now = Instant::now();
            let earliest = match (is_report, self.published_at) {
                (true, Some(at)) => at + REQUESTS_TOLD_EVERY,
                _ => now,
            };
            publish_at = Some(publish_at.map_or(earliest, |at| at.min(earliest)));
        }
    }

    /// Sees to its end what must not be cut off: refreshes, switches, and the writing of logins that are only in memory.
    /// Requests that end meanwhile are still recorded.
    async fn wind_down(
        &mut self,
        mut events: mpsc::Receiver<Event>,
        mut reports: mpsc::Receiver<Report>,
    ) {
        self.hands.wind_down();
        let end = Instant::now() + LAST_WAIT;
        let mut is_busy = true;
        // A login in memory keeps the program waiting even where nothing runs at the moment.
        while is_busy || !events.is_empty() || self.state.unsaved().next().is_some() {
            let due = tokio::time::sleep(self.time_to_due());
            tokio::select! {
                biased;
                Some(event) = events.recv() => {
                    self.step(event).await;
                    // What it made necessary may have begun.
                    is_busy = true;
                }
                Some(report) = reports.recv() => self.note_report(report).await,
                any_left = self.hands.one_ends(), if is_busy => is_busy = any_left,
                () = due => {
                    self.step(Event::TimePassed).await;
                    is_busy = true;
                }
                () = tokio::time::sleep_until(end) => {
                    warn!("stopped while something was still under way");
                    return;
                }
            }
        }
        // The last requests may have ended with the router's own end.
        while let Ok(report) = reports.try_recv() {
            self.note_report(report).await;
        }
    }

    async fn obey(&mut self, command: Command) {
        let effects = self.state.obey(command, SystemTime::now());
        self.run(effects).await;
    }

    async fn step(&mut self, event: Event) {
        let effects = self.state.note(event, SystemTime::now());
        self.run(effects).await;
    }

    /// A request that is over changes nothing that the next one needs at once, so the pool stays as it is until something does.
    async fn note_report(&mut self, report: Report) {
        if matches!(report, Report::Request(_)) {
            let effects = self.state.note(Event::Reported(report), SystemTime::now());
            for effect in effects {
                self.hands
                    .run(effect, || self.state.numbers(), &self.tokens)
                    .await;
            }
        } else {
            self.step(Event::Reported(report)).await;
        }
    }

    async fn run(&mut self, effects: Vec<Effect>) {
        // The router must not meet an old token or a resting member.
        self.pool_sender
            .send_replace(Arc::new(publisher::pool(&self.state)));
        self.keys_sender.send_if_modified(|keys| {
            let is_new = !Arc::ptr_eq(keys, &self.state.keys);
            *keys = self.state.keys.clone();
            is_new
        });
        self.state.settle();
        for effect in effects {
            self.hands
                .run(effect, || self.state.numbers(), &self.tokens)
                .await;
        }
    }

    fn publish(&mut self) {
        self.published_at = Some(Instant::now());
        self.hands.note_usage(self.state.numbers());
        self.state
            .note_ledger(self.hands.ledger_state(), SystemTime::now());
        let now = SystemTime::now();
        let mut snapshot = publisher::snapshot(&self.state, &self.home_text, now);
        publisher::count_keys(&mut snapshot.keys, &self.meters, now);
        // Waking a face that would draw the same picture costs battery.
        self.back_snapshots.send_if_modified(|last| {
            let is_new = **last != snapshot;
            if is_new {
                *last = Arc::new(snapshot);
            }
            is_new
        });
    }

    fn time_to_due(&self) -> Duration {
        let wait = self
            .state
            .next_due()
            .map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }
}

/// The ways in which the system asks a program to end.
struct Signals {
    #[cfg(unix)]
    asked: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    fn new() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self {
                // A terminal that is closed must not cut off a refresh either. One that the system refuses is not waited for.
                asked: [
                    SignalKind::interrupt(),
                    SignalKind::terminate(),
                    SignalKind::hangup(),
                ]
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
            }
        }
        #[cfg(not(unix))]
        Self {}
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        std::future::poll_fn(|context| {
            let is_ready = |signal: &mut tokio::signal::unix::Signal| {
                signal.poll_recv(context).map(|got| got.is_some()) == Poll::Ready(true)
            };
            match self.asked.iter_mut().any(is_ready) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn shortened(path: &Path, user_home: Option<&Path>) -> String {
    match user_home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

fn upstream(settings: &Settings) -> Upstream {
    let roots = match &settings.ca_file {
        None => Vec::new(),
        Some(path) => trusted::read(path).unwrap_or_else(|reason| {
            warn!(
                reason,
                "network.ca_file is not used; what the system trusts is"
            );
            Vec::new()
        }),
    };
    Upstream::new(endpoints(settings)).with_network(settings.proxy.clone(), &roots)
}

fn endpoints(settings: &Settings) -> Endpoints {
    Endpoints {
        codex_responses: settings.responses_url(),
        codex_models: settings.codex_models_url(),
        usage: settings.usage_url(),
        openai_base: settings.openai_base_url.clone(),
        token: settings.token_url(),
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        originator: settings.originator.clone(),
        user_agent: settings.user_agent.clone(),
    }
}
