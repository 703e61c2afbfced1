//! Runs effects. Everything slow is a task of its own whose outcome comes back as an [`Event`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{debug, warn};

use super::activity;
use super::caches::{kept_offers, kept_refusals};
use super::disk::{read_disk, take_home, unlock};
use super::event::{Effect, Event};
use super::exporting;
use super::history;
use super::importing::{self, ImportEnd};
use super::keys::{self, KeysChanged};
use super::organiser::{self, Work};
use super::recent;
use super::recorder::Recorder;
use super::refresher::{RefreshFailure, Refresher};
use super::signing_in;
use super::state::unread_keys;
use super::switcher::switch_safely;
use super::token_desk::{TokenDesk, Waiter};
use super::tools;
use crate::client_key::{KeyChange, KeyRing, Meters};
use crate::connect::{self, Places};
use crate::desk::Activity;
use crate::desk::Settings;
use crate::desk::record::LedgerState;
use crate::desk::settings::{Change, ModelMap};
use crate::pool::Pool;
use crate::pool::affinity::Binding;
use crate::price::Prices;
use crate::profile::ProfileName;
use crate::router::{Limits, Metrics, Report, Running, Sessions};
use crate::store::config;
use crate::store::cooldown_cache;
use crate::store::models_cache;
use crate::store::refused_cache;
use crate::store::rename::{self, Renamed};
use crate::store::{Environment, home::Home, switch, usage_cache};
use crate::system::{self, Terminals};
use crate::upstream::Upstream;
use crate::usage::Usage;

mod serving;

/// The hands of the worker.
pub struct Hands {
    home: Arc<Home>,
    user_home: Option<PathBuf>,
    /// Where other programs keep their settings.
    places: Places,
    terminals: Terminals,
    /// Held by whoever changes one of them.
    tool_turn: Arc<Mutex<()>>,
    upstream: Arc<Upstream>,
    refresher: Refresher,
    pool: watch::Receiver<Arc<Pool>>,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
    waiters: HashMap<ProfileName, Vec<Waiter>>,
    models: ModelMap,
    websocket: bool,
    limits: Limits,
    affinity: bool,
    /// Where sessions live; the router that is started next knows it, too.
    sessions: Sessions,
    hosts: Vec<String>,
    keys: watch::Receiver<Arc<KeyRing>>,
    meters: Arc<Meters>,
    prices: Arc<Prices>,
    metrics: Arc<Metrics>,
    serves_metrics: bool,
    recorder: Recorder,
    router: Option<Running>,
    /// Polls, looks and reads: may be dropped at the end.
    tasks: JoinSet<()>,
    /// Refreshes, switches and saves: waited for at the end.
    precious: JoinSet<()>,
    /// Ends when the switch asked for last has ended: the next one waits for it, so that the last click wins.
    last_switch: oneshot::Receiver<()>,
    /// The same of what was asked for about accounts.
    last_work: oneshot::Receiver<()>,
    /// The same of what was asked for about client keys.
    last_key_change: oneshot::Receiver<()>,
    /// The same of settings, so that what is read last is what was written last.
    last_settings: oneshot::Receiver<()>,
    environment: Arc<Environment>,
    sign_ins: signing_in::Runner,
}

/// How long the streams of the router may take to end.
const DRAIN: Duration = Duration::from_secs(30);
/// Longer than the ledger takes for a batch and for another program that holds the file.
const LEDGER_PATIENCE: Duration = Duration::from_secs(10);

impl Hands {
    pub fn new(
        home: Arc<Home>,
        user_home: Option<PathBuf>,
        upstream: Arc<Upstream>,
        refresher: Refresher,
        pool: watch::Receiver<Arc<Pool>>,
        events: mpsc::Sender<Event>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let sign_ins = signing_in::Runner::new(home.clone(), upstream.clone(), events.clone());
        Self {
            sign_ins,
            home,
            user_home,
            places: Places::default(),
            terminals: Terminals::default(),
            tool_turn: Arc::default(),
            upstream,
            refresher,
            pool,
            events,
            reports,
            waiters: HashMap::new(),
            models: ModelMap::default(),
            websocket: true,
            limits: Limits::default(),
            affinity: true,
            sessions: Sessions::default(),
            hosts: Vec::new(),
            keys: watch::channel(Arc::new(unread_keys())).1,
            meters: Meters::new(SystemTime::now()),
            prices: Arc::new(Prices::built_in()),
            metrics: Arc::default(),
            serves_metrics: true,
            recorder: Recorder::default(),
            router: None,
            tasks: JoinSet::new(),
            precious: JoinSet::new(),
            last_switch: oneshot::channel().1,
            last_work: oneshot::channel().1,
            last_key_change: oneshot::channel().1,
            last_settings: oneshot::channel().1,
            environment: Arc::new(Environment::of::<String, String>([], None)),
        }
    }

    /// What beats the settings file.
    pub fn with_environment(self, environment: Arc<Environment>) -> Self {
        Self {
            environment,
            ..self
        }
    }

    /// Where people sign in, and who we are there.
    pub fn with_sign_ins(self, settings: &Settings) -> Self {
        Self {
            sign_ins: self.sign_ins.with_settings(settings),
            ..self
        }
    }

    /// Where other programs keep their settings, and which terminals there may be.
    pub fn with_places(self, places: Places, terminals: Terminals) -> Self {
        Self {
            places,
            terminals,
            ..self
        }
    }

    /// What the router asks for where a client names a model that is not ours.
    pub fn with_models(self, models: ModelMap) -> Self {
        Self { models, ..self }
    }

    /// Who may come in, and what is counted of them.
    pub fn with_keys(self, keys: watch::Receiver<Arc<KeyRing>>, meters: Arc<Meters>) -> Self {
        Self {
            keys,
            meters,
            ..self
        }
    }

    /// By which names besides `localhost` the router may be called.
    pub fn with_hosts(self, hosts: Vec<String>) -> Self {
        Self { hosts, ..self }
    }

    /// Whether the router serves WebSockets.
    pub fn with_websocket(self, websocket: bool) -> Self {
        Self { websocket, ..self }
    }

    /// Whether sessions stay at the profile that answered them before.
    pub fn with_affinity(self, affinity: bool) -> Self {
        Self { affinity, ..self }
    }

    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Whether the router counts, and tells what it has counted.
    pub fn with_metrics(self, serves_metrics: bool) -> Self {
        Self {
            serves_metrics,
            ..self
        }
    }

    /// By which the cost of requests is estimated.
    pub fn with_prices(self, prices: Arc<Prices>) -> Self {
        Self { prices, ..self }
    }

    /// Where sessions lived in the last run.
    pub fn restore_sessions(&self, bindings: Vec<Binding>) {
        self.sessions.restore(bindings);
    }

    /// Where rows go.
    pub fn with_recorder(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    pub fn note_usage(&mut self, numbers: Vec<(ProfileName, Arc<Usage>)>) {
        self.recorder.note_usage(numbers);
    }

    /// How the ledger is, which the metrics tell as well.
    pub fn ledger_state(&self) -> LedgerState {
        let state = self.recorder.state();
        self.metrics.set_ledger_dropped(state.lost);
        state
    }

    /// Waits until everything noted is written.
    pub async fn close_ledger(&mut self) {
        let recorder = std::mem::take(&mut self.recorder);
        if let Err(err) = spawn_blocking(move || recorder.close()).await {
            warn!(error = %err, "the ledger was not closed");
        }
    }

    pub fn wait_for_token(&mut self, name: ProfileName, waiter: Waiter) {
        let waiters = self.waiters.entry(name).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(waiter);
    }

    /// Begins an effect and returns at once. `tokens` is what a router that is started here asks.
    pub async fn run(
        &mut self,
        effect: Effect,
        numbers: impl FnOnce() -> Vec<(ProfileName, Arc<Usage>)>,
        tokens: &TokenDesk,
    ) {
        // Finished tasks hold no more than their slot; give it back.
        while self.tasks.try_join_next().is_some() {}
        while self.precious.try_join_next().is_some() {}
        let (home, events) = (self.home.clone(), self.events.clone());
        match effect {
            Effect::ReadDisk { number } => self.look(move || read_disk(&home, number)),
            Effect::Unlock(passphrase) => self.keep(async move {
                let opened = blocking(move || unlock(&home, &passphrase, SystemTime::now()));
                let result = opened.await;
                tell(&events, Event::Unlocked(result)).await;
            }),
            Effect::KeepRoute { to } => {
                self.keep(async move {
                    let wish = to.clone();
                    let result = blocking(move || tools::keep_route(&home, wish.as_ref())).await;
                    tell(&events, Event::RouteKept { to, result }).await;
                });
            }
            Effect::ChangeSettings(changes) => self.change_settings(changes),
            Effect::ReadSettings => self.change_settings(Vec::new()),
            Effect::ApplySettings { before, now } => self.apply(&before, &now, tokens),
            Effect::LookAtTools { router } => {
                let places = self.places.clone();
                self.look(move || Event::ToolsSeen(connect::look(&home, &places, &router)));
            }
            Effect::ChangeTool { tool, wish, router } => {
                let (places, turn) = (self.places.clone(), self.tool_turn.clone());
                self.keep(async move {
                    let _turn = turn.lock_owned().await;
                    let ended = blocking(move || {
                        let result = tools::change(&home, &places, &router, tool, wish);
                        let seen = connect::look(&home, &places, &router);
                        Ok::<_, String>((result.map_err(|err| err.to_string()), seen))
                    });
                    let (result, tools) = match ended.await {
                        Ok((result, seen)) => (result, Some(seen)),
                        Err(broken_off) => (Err(broken_off), None),
                    };
                    let changed = Event::ToolChanged {
                        tool,
                        wish,
                        result,
                        tools,
                    };
                    tell(&events, changed).await;
                });
            }
            Effect::OpenTerminal { name } => {
                let terminals = self.terminals.clone();
                self.tasks.spawn(async move {
                    let account = name.clone();
                    let opened = blocking(move || {
                        let program = std::env::current_exe().map_err(|err| err.to_string())?;
                        let opened = terminals.open(&program, account.as_str(), home.root());
                        opened.map_err(|err| err.to_string())
                    });
                    if let Err(reason) = opened.await {
                        tell(&events, Event::TerminalFailed { name, reason }).await;
                    }
                });
            }
            Effect::UseFileStore => {
                let turn = self.tool_turn.clone();
                self.keep(async move {
                    let _turn = turn.lock_owned().await;
                    let result = blocking(move || connect::use_file_store(&home)).await;
                    tell(&events, Event::FileStoreSet(result)).await;
                });
            }
            Effect::TakeHome => {
                self.keep(async move {
                    let taken = blocking(move || take_home(&home, SystemTime::now())).await;
                    tell(&events, Event::TookHome(taken)).await;
                });
            }
            Effect::SaveLive { name } => {
                self.keep(async move {
                    let wish = name.clone();
                    let saved =
                        blocking(move || switch::save_live(&home, &wish, SystemTime::now())).await;
                    tell(
                        &events,
                        Event::SaveEnded {
                            name,
                            result: saved,
                        },
                    )
                    .await;
                });
            }
            Effect::Switch { to } => {
                let (refresher, user_home) = (self.refresher.clone(), self.user_home.clone());
                let (ended, end) = oneshot::channel();
                let before = std::mem::replace(&mut self.last_switch, end);
                self.keep(async move {
                    // However that one ended.
                    let _ended = before.await;
                    let looked = home.clone();
                    let look = spawn_blocking(move || {
                        system::codex_processes(looked.root(), user_home.as_deref())
                    });
                    // Whoever cannot be seen cannot be told of either.
                    let codex = look.await.unwrap_or_default();
                    let result =
                        switch_safely(&refresher, &home, !codex.is_empty(), to.clone(), &events)
                            .await;
                    drop(ended);
                    tell(&events, Event::SwitchEnded { to, result, codex }).await;
                });
            }
            Effect::PollUsage {
                name,
                bearer,
                network,
            } => {
                let upstream = self.upstream.clone();
                self.tasks.spawn(async move {
                    let outlet = upstream.through(&network);
                    let result = outlet.usage(&bearer, SystemTime::now()).await;
                    if let Err(err) = &result {
                        debug!(profile = %name, error = %err, "usage poll failed");
                    }
                    tell(&events, Event::UsageArrived { name, result }).await;
                });
            }
            Effect::Refresh { name } => {
                let refresher = self.refresher.clone();
                let metrics = self.metrics.clone();
                self.keep(async move {
                    let result = refresher.refresh(name.clone()).await;
                    match &result {
                        Ok(_) => debug!(profile = %name, "login renewed"),
                        // Whether that is news is the state's to know.
                        Err(err) => debug!(profile = %name, error = %err, "login not renewed"),
                    }
                    if !matches!(result, Err(RefreshFailure::NoWayOut(_))) {
                        metrics.note_refresh(result.is_ok());
                    }
                    tell(&events, Event::TokenRefreshed { name, result }).await;
                });
            }
            Effect::SaveToken {
                name,
                redeemed,
                auth,
            } => {
                let refresher = self.refresher.clone();
                self.keep(async move {
                    let token = redeemed.clone();
                    let result = refresher.save_again(name.clone(), token, *auth).await;
                    let saved = Event::TokenSaved {
                        name,
                        redeemed,
                        result,
                    };
                    tell(&events, saved).await;
                });
            }
            Effect::AnswerWaiters { name, with } => {
                for waiter in self.waiters.remove(&name).unwrap_or_default() {
                    // A request that went away needs no answer.
                    let _gone = waiter.send(with.clone());
                }
            }
            Effect::StartRouter {
                listen,
                offers,
                refused,
            } => {
                let started = self
                    .start_router(listen, offers, refused, tokens.clone())
                    .await;
                tell(&events, started).await;
            }
            Effect::StopRouter => {
                let running = self.router.take();
                self.precious.spawn(async move {
                    let Some(mut running) = running else {
                        return tell(&events, Event::RouterStopped).await;
                    };
                    running.close().await;
                    // Another one may take its place while streams go on to their end.
                    tell(&events, Event::RouterStopped).await;
                    running.stop(DRAIN).await;
                });
            }
            Effect::FindCodex => {
                let user_home = self.user_home.clone();
                self.look(move || {
                    Event::CodexFound(system::codex_processes(home.root(), user_home.as_deref()))
                });
            }
            Effect::ReadHistory { name, costs } => self.look(move || {
                let history = history::read(&home, name, costs, SystemTime::now());
                Event::HistoryRead(Box::new(history))
            }),
            Effect::ReadActivity(wanted) => {
                self.tasks.spawn(async move {
                    let query = wanted.query.clone();
                    let now = SystemTime::now();
                    let read = spawn_blocking(move || activity::read(&home, *wanted, now)).await;
                    // Whoever waits for it must get an answer, so that the next wish can be read.
                    let activity = read.unwrap_or_else(|err| {
                        warn!(error = %err, "reading requests broke off");
                        let trouble = "reading the request log broke off".to_owned();
                        Activity::in_trouble(query, now, Some(trouble))
                    });
                    tell(&events, Event::ActivityRead(Box::new(activity))).await;
                });
            }
            Effect::ExportRequests {
                query,
                names,
                form,
                file,
            } => {
                let user_home = self.user_home.clone();
                self.keep(async move {
                    let result = blocking(move || {
                        let count = activity::export(&home, &query, &names, form, &file);
                        count.map(|count| (count, super::shortened(&file, user_home.as_deref())))
                    });
                    tell(&events, Event::RequestsExported(result.await)).await;
                });
            }
            Effect::Organise(work) => self.organise(work),
            Effect::ChangeKeys(change) => self.change_keys(change),
            Effect::FollowRename(renamed) => self.follow_rename(renamed),
            Effect::SignIn(work) => {
                self.sign_ins.run(work, &mut self.tasks, &mut self.precious);
            }
            Effect::ReadRecentUse(names) => self
                .look(move || Event::RecentUseRead(recent::read(&home, names, SystemTime::now()))),
            Effect::KeepModels(offers) => {
                self.precious.spawn_blocking(move || {
                    if let Err(err) = models_cache::write(&home, kept_offers(offers)) {
                        debug!(error = %err, "lists of models not kept");
                    }
                });
            }
            Effect::KeepRefused(refused) => {
                self.precious.spawn_blocking(move || {
                    if let Err(err) = refused_cache::write(&home, &kept_refusals(&refused)) {
                        debug!(error = %err, "refused parameters not kept");
                    }
                });
            }
            Effect::KeepPauses(pauses) => {
                self.precious.spawn_blocking(move || {
                    if let Err(err) = cooldown_cache::write(&home, &pauses) {
                        debug!(error = %err, "pauses not kept");
                    }
                });
            }
            Effect::Record(row) => self.recorder.note(row),
            Effect::LookForImport {
                number,
                source,
                cancel,
            } => {
                let user_home = self.user_home.clone();
                self.look(move || {
                    let (user_home, told) = (user_home.as_deref(), &events);
                    let result = importing::look(&home, user_home, &source, number, &cancel, told);
                    Event::ImportLooked { number, result }
                });
            }
            Effect::Import {
                number,
                incoming,
                cancel,
            } => {
                self.keep(async move {
                    let told = events.clone();
                    let work = spawn_blocking(move || {
                        importing::write(&home, &incoming, number, &cancel, &told)
                    });
                    let end = work.await.unwrap_or_else(|err| {
                        warn!(error = %err, "an import broke off");
                        ImportEnd::broken_off()
                    });
                    tell(&events, Event::ImportEnded { number, end }).await;
                });
            }
            Effect::Export { names, to } => {
                let user_home = self.user_home.clone();
                self.keep(async move {
                    let result = blocking(move || {
                        exporting::export(&home, user_home.as_deref(), &names, &to)
                    });
                    tell(&events, Event::Exported(result.await)).await;
                });
            }
            Effect::KeepUsage => {
                let numbers = numbers();
                self.precious.spawn_blocking(move || {
                    if let Err(err) = usage_cache::write(&home, &numbers) {
                        debug!(error = %err, "usage numbers not kept");
                    }
                });
            }
        }
    }

    fn organise(&mut self, work: Work) {
        let (home, events) = (self.home.clone(), self.events.clone());
        let (ended, end) = oneshot::channel();
        let before = std::mem::replace(&mut self.last_work, end);
        self.keep(async move {
            // However that one ended.
            let _ended = before.await;
            let done = organiser::run(home, work).await;
            drop(ended);
            tell(&events, Event::Organised(done)).await;
        });
    }

    fn change_keys(&mut self, change: KeyChange) {
        let (home, events) = (self.home.clone(), self.events.clone());
        let (ended, end) = oneshot::channel();
        let before = std::mem::replace(&mut self.last_key_change, end);
        self.keep(async move {
            // However that one ended.
            let _ended = before.await;
            let deed = change.deed();
            let work = spawn_blocking(move || keys::change(&home, &change));
            let changed = work.await.unwrap_or_else(|_panicked| KeysChanged {
                deed,
                result: Err("the file work broke off".into()),
                ring: None,
            });
            // Told in the order in which the file was written.
            tell(&events, Event::KeysChanged(changed)).await;
            drop(ended);
        });
    }

    /// Writes down what there is to write, then reads everything again, one after the other.
    fn change_settings(&mut self, changes: Vec<Change>) {
        let (home, events) = (self.home.clone(), self.events.clone());
        let environment = self.environment.clone();
        let (ended, end) = oneshot::channel();
        let before = std::mem::replace(&mut self.last_settings, end);
        self.keep(async move {
            // However that one ended.
            let _ended = before.await;
            let work = spawn_blocking(move || {
                let settings: Vec<_> = changes.iter().map(|change| change.setting).collect();
                let result = match settings.is_empty() {
                    true => Ok(()),
                    false => config::change(&home, &changes),
                };
                let read = Box::new(config::settings(&home, &environment));
                match settings.is_empty() {
                    true => Event::SettingsRead(read),
                    false => Event::SettingsWritten {
                        settings,
                        result,
                        read,
                    },
                }
            });
            match work.await {
                Ok(event) => tell(&events, event).await,
                Err(err) => warn!(error = %err, "the settings were not looked at"),
            }
            drop(ended);
        });
    }

    fn follow_rename(&mut self, renamed: Renamed) {
        let Renamed { from, to } = &renamed;
        self.sessions.rename(from, to);
        if let Some(waiters) = self.waiters.remove(from) {
            self.waiters.entry(to.clone()).or_default().extend(waiters);
        }
        if let Some(written) = self.recorder.rename(from, to) {
            let (home, renamed) = (self.home.clone(), renamed.clone());
            self.precious.spawn_blocking(move || {
                // Where it is not written it stays on the list for the next start.
                if written.recv_timeout(LEDGER_PATIENCE) == Ok(true) {
                    rename::forget(&home, &[renamed]);
                }
            });
        }
        self.organise(Work::Follow(renamed));
    }

    /// Lets nothing begin any more.
    pub fn wind_down(&mut self) {
        self.refresher.is_stopping.store(true, Ordering::Relaxed);
        self.tasks.abort_all();
        if let Some(running) = self.router.take() {
            self.precious.spawn(running.stop(Duration::ZERO));
        }
    }

    /// Waits for the end of one of the tasks that must not be cut off; `false` when there is none.
    pub async fn one_ends(&mut self) -> bool {
        self.precious.join_next().await.is_some()
    }

    fn look(&mut self, work: impl FnOnce() -> Event + Send + 'static) {
        let events = self.events.clone();
        self.tasks.spawn(async move {
            match spawn_blocking(work).await {
                Ok(event) => tell(&events, event).await,
                Err(err) => warn!(error = %err, "looking broke off"),
            }
        });
    }

    fn keep(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.precious.spawn(work);
    }
}

pub(super) async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    // The loop has ended; nobody is left to know.
    let _closed = events.send(event).await;
}

pub(super) async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(err)) => Err(err.to_string()),
        Err(_panicked) => Err("the file work broke off".into()),
    }
}
