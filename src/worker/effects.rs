//! Runs effects. Everything slow is a task of its own whose outcome comes back as an [`Event`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{debug, warn};

use super::event::{Effect, Event, Reading};
use super::refresher::{Refresher, may_be_in_redeem};
use crate::desk::settings::{Listen, ModelMap};
use crate::pool::{Access, Pool};
use crate::profile::{Fingerprint, ProfileName};
use crate::router::{
    self, FreshTokens, Limits, NoToken, Report, RouterConfig, RouterDeps, Running,
};
use crate::store::state::{State, current_profile};
use crate::store::{home::Home, live, profiles, switch, usage_cache};
use crate::system;
use crate::upstream::Upstream;
use crate::usage::Usage;

/// The hands of the worker.
pub struct Hands {
    home: Arc<Home>,
    user_home: Option<PathBuf>,
    upstream: Arc<Upstream>,
    refresher: Refresher,
    pool: watch::Receiver<Arc<Pool>>,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
    waiters: HashMap<ProfileName, Vec<Waiter>>,
    models: ModelMap,
    router: Option<Running>,
    /// Polls, looks and reads: may be dropped at the end.
    tasks: JoinSet<()>,
    /// Refreshes, switches and saves: waited for at the end.
    precious: JoinSet<()>,
}

type Waiter = oneshot::Sender<Result<Access, NoToken>>;

/// How the router asks for a token: through the same queue as everything else.
#[derive(Clone)]
pub struct TokenDesk {
    wanted: mpsc::Sender<Wanted>,
}

/// One request's wish for a newer token.
pub struct Wanted {
    pub name: ProfileName,
    pub stale: Fingerprint,
    pub waiter: Waiter,
}

/// Requests that wait for a token at once; the router lets fewer in.
const WANTED: usize = 1_024;
/// A refresh may take 30 s, the streams of the router as long.
const LAST_WAIT: Duration = Duration::from_secs(31);
const DRAIN: Duration = Duration::from_secs(30);

impl TokenDesk {
    pub fn new() -> (Self, mpsc::Receiver<Wanted>) {
        let (wanted, receiver) = mpsc::channel(WANTED);
        (Self { wanted }, receiver)
    }
}

impl FreshTokens for TokenDesk {
    fn fresh(
        &self,
        name: &ProfileName,
        stale: &Fingerprint,
    ) -> Pin<Box<dyn Future<Output = Result<Access, NoToken>> + Send>> {
        let (waiter, answer) = oneshot::channel();
        let wanted = Wanted {
            name: name.clone(),
            stale: stale.clone(),
            waiter,
        };
        let sender = self.wanted.clone();
        Box::pin(async move {
            let stopping = || NoToken("the program is stopping".into());
            sender.send(wanted).await.map_err(|_closed| stopping())?;
            answer.await.map_err(|_closed| stopping())?
        })
    }
}

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
        Self {
            home,
            user_home,
            upstream,
            refresher,
            pool,
            events,
            reports,
            waiters: HashMap::new(),
            models: ModelMap::default(),
            router: None,
            tasks: JoinSet::new(),
            precious: JoinSet::new(),
        }
    }

    /// What the router asks for where a client names a model that is not ours.
    pub fn with_models(self, models: ModelMap) -> Self {
        Self { models, ..self }
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
            Effect::ReadDisk => self.look(move || read_disk(&home)),
            Effect::TakeHome => {
                self.keep(async move {
                    let taken = blocking(move || switch::take_home(&home, SystemTime::now())).await;
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
            Effect::Switch { to, live } => {
                let (refresher, user_home) = (self.refresher.clone(), self.user_home.clone());
                self.keep(async move {
                    let looked = home.clone();
                    let look = spawn_blocking(move || {
                        system::codex_processes(looked.root(), user_home.as_deref())
                    });
                    // Whoever cannot be seen cannot be told of either.
                    let codex = look.await.unwrap_or_default();
                    let result =
                        switch_safely(&refresher, &home, !codex.is_empty(), to.clone(), live).await;
                    tell(&events, Event::SwitchEnded { to, result, codex }).await;
                });
            }
            Effect::PollUsage { name, bearer } => {
                let upstream = self.upstream.clone();
                self.tasks.spawn(async move {
                    let result = upstream.usage(&bearer, SystemTime::now()).await;
                    if let Err(err) = &result {
                        debug!(profile = %name, error = %err, "usage poll failed");
                    }
                    tell(&events, Event::UsageArrived { name, result }).await;
                });
            }
            Effect::Refresh { name } => {
                let refresher = self.refresher.clone();
                self.keep(async move {
                    let result = refresher.refresh(name.clone()).await;
                    match &result {
                        Ok(_) => debug!(profile = %name, "login renewed"),
                        Err(err) => warn!(profile = %name, error = %err, "login not renewed"),
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
                    let result = refresher.save_again(name.clone(), redeemed, *auth).await;
                    tell(&events, Event::TokenSaved { name, result }).await;
                });
            }
            Effect::AnswerWaiters { name, with } => {
                for waiter in self.waiters.remove(&name).unwrap_or_default() {
                    // A request that went away needs no answer.
                    let _gone = waiter.send(with.clone());
                }
            }
            Effect::StartRouter { listen } => {
                let started = self.start_router(listen, tokens.clone()).await;
                tell(&events, started).await;
            }
            Effect::StopRouter => {
                let running = self.router.take();
                self.precious.spawn(async move {
                    if let Some(running) = running {
                        running.stop(DRAIN).await;
                    }
                    tell(&events, Event::RouterStopped).await;
                });
            }
            Effect::FindCodex => {
                let user_home = self.user_home.clone();
                self.look(move || {
                    Event::CodexFound(system::codex_processes(home.root(), user_home.as_deref()))
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

    /// Waits for what must not be cut off.
    pub async fn finish(mut self) {
        if let Some(running) = self.router.take() {
            running.stop(Duration::ZERO).await;
        }
        self.tasks.abort_all();
        let rest = async { while self.precious.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WAIT, rest).await.is_err() {
            warn!("stopped while a login was still being renewed");
        }
    }

    async fn start_router(&mut self, listen: Listen, tokens: TokenDesk) -> Event {
        let deps = RouterDeps {
            pool: self.pool.clone(),
            upstream: self.upstream.clone(),
            tokens: Arc::new(tokens),
            reports: self.reports.clone(),
        };
        match router::start(
            RouterConfig {
                listen,
                limits: Limits::default(),
                models: self.models.clone(),
            },
            deps,
        )
        .await
        {
            Ok(running) => {
                let addresses = running.addresses().to_vec();
                let home = self.home.clone();
                let address = addresses.first().copied();
                self.tasks.spawn_blocking(move || {
                    if let Err(err) = State::edit(&home, |state| state.set_address(address)) {
                        debug!(error = %err, "the router's address was not noted");
                    }
                });
                self.router = Some(running);
                Event::RouterStarted(Ok(addresses))
            }
            Err(err) => Event::RouterStarted(Err(err)),
        }
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

/// Reads everything that the truth is made of.
pub fn read_disk(home: &Home) -> Event {
    match profiles::load_all(home) {
        Ok(loaded) => Event::DiskRead(Box::new(Reading {
            profiles: loaded.profiles,
            skipped: loaded.skipped,
            live: live::read_live(home),
            credential_store: live::credential_store(home),
            current: current_profile(home),
        })),
        Err(err) => Event::DiskUnreadable(err.to_string()),
    }
}

/// Switches, but not while a running Codex may be redeeming the live token: measured, that kills the login, because the CLI
/// throws the new token away when the file is another account's by then. Renewing it first makes the CLI adopt ours.
async fn switch_safely(
    refresher: &Refresher,
    home: &Arc<Home>,
    is_codex_running: bool,
    to: ProfileName,
    live_profile: Option<ProfileName>,
) -> Result<switch::Switched, String> {
    if let Some(from) = live_profile.filter(|from| is_codex_running && *from != to) {
        let looked = home.clone();
        let is_risky = blocking(move || {
            let live::Live::Login(login) = live::read_live(&looked) else {
                return Ok::<_, crate::store::StoreError>(false);
            };
            Ok(may_be_in_redeem(&login, SystemTime::now()))
        });
        if is_risky.await? {
            match refresher.refresh(from.clone()).await {
                Ok(_) => {}
                // Nobody can renew it any more, so nobody is.
                Err(super::refresher::RefreshFailure::SignInAgain { .. }) => {}
                Err(err) => {
                    return Err(format!(
                        "Codex may be renewing the login of {from} right now, and switching would lose it ({err}); try again in a minute or close Codex"
                    ));
                }
            }
        }
    }
    let home = home.clone();
    blocking(move || match live::credential_store(&home) {
        // A file that Codex does not look at would only look like a switch.
        Some(mode) => Err(format!(
            "Codex keeps its login in {mode:?} and would not look at the file; set cli_auth_credentials_store = \"file\" in its config.toml and sign in again"
        )),
        None => switch::switch(&home, &to, SystemTime::now()).map_err(|err| err.to_string()),
    })
    .await
}

async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    // The loop has ended; nobody is left to know.
    let _closed = events.send(event).await;
}

async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(err)) => Err(err.to_string()),
        Err(_panicked) => Err("the file work broke off".into()),
    }
}
