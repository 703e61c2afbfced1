//! Runs sign-ins, one at a time, and whatever else brings a new login: keys that are tried and added.
//!
//! A sign-in never touches a file before the state has said where its login belongs. It ends when it is ended or another begins;
//! writing a login is never cut off.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};

use super::event::Event;
use crate::desk::{CheckResult, NewLogin, Settings, SignInWay};
use crate::login::{self, Client, News, Terms, Wanted};
use crate::profile::{AuthFile, Network, Origin, ProfileName, Secret};
use crate::store::home::Home;
use crate::store::{StoreError, live, profiles, signed_in};
use crate::upstream::models::ModelsError;
use crate::upstream::{Bearer, Service, Upstream};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    Begin(Begin),
    Paste(Secret),
    End,
    Keep(Keep),
    Check { number: u64, login: NewLogin },
    Add { name: ProfileName, login: NewLogin },
}

#[derive(Clone, Debug)]
pub struct Begin {
    pub number: u64,
    pub way: SignInWay,
    /// Whoever is signed in there already is not taken silently.
    pub asks_who: bool,
    pub network: Arc<Network>,
}

/// A login whose place is known.
#[derive(Clone, Debug)]
pub struct Keep {
    pub number: u64,
    pub login: Box<AuthFile>,
    pub place: Place,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    New(ProfileName),
    /// The profile of this account.
    Over(ProfileName),
    /// The profile whose login cannot be read; what is there is kept aside.
    Instead(ProfileName),
}

/// What came of it.
#[derive(Debug)]
pub enum Came {
    /// Of the sign-in of this number.
    News {
        number: u64,
        news: News,
    },
    /// Somebody signed in, or why nobody did: a sentence.
    Ended {
        number: u64,
        result: Result<Box<AuthFile>, String>,
    },
    Kept {
        number: u64,
        place: Place,
        result: Result<Kept, String>,
    },
    Checked {
        number: u64,
        result: CheckResult,
    },
    Added {
        name: ProfileName,
        result: Result<(), String>,
    },
}

/// A login is on disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Why Codex still has the older login of this account: a sentence.
    pub live_trouble: Option<String>,
    /// The file that holds what stood there and could not be read.
    pub set_aside: Option<String>,
}

/// More addresses than anybody pastes while one is looked at.
const PASTES: usize = 8;
const NEWS: usize = 8;

/// The hands that sign in.
pub struct Runner {
    home: Arc<Home>,
    upstream: Arc<Upstream>,
    events: mpsc::Sender<Event>,
    client: Client,
    terms: Terms,
    current: Option<Current>,
}

struct Current {
    pasted: mpsc::Sender<Secret>,
    task: AbortHandle,
}

impl Runner {
    pub fn new(home: Arc<Home>, upstream: Arc<Upstream>, events: mpsc::Sender<Event>) -> Self {
        Self {
            home,
            upstream,
            events,
            client: client(&Settings::default()),
            terms: Terms::default(),
            current: None,
        }
    }

    pub fn with_settings(self, settings: &Settings) -> Self {
        Self {
            client: client(settings),
            terms: Terms {
                ports: settings.login_ports,
                ..self.terms
            },
            ..self
        }
    }

    /// From the next sign-in on goes by these.
    pub fn follow(&mut self, settings: &Settings, upstream: Arc<Upstream>) {
        self.client = client(settings);
        self.terms.ports = settings.login_ports;
        self.upstream = upstream;
    }

    /// Begins it and returns at once. `tasks` may be dropped at the end, `precious` are waited for.
    pub fn run(&mut self, work: Work, tasks: &mut JoinSet<()>, precious: &mut JoinSet<()>) {
        let (home, events) = (self.home.clone(), self.events.clone());
        match work {
            Work::Begin(begin) => self.begin(begin, tasks),
            Work::Paste(text) => {
                if let Some(current) = &self.current {
                    // One that is full of pasted texts, or has ended, needs no other.
                    let _unread = current.pasted.try_send(text);
                }
            }
            Work::End => self.end(),
            Work::Keep(keep) => {
                precious.spawn(async move {
                    let (number, place) = (keep.number, keep.place.clone());
                    let written = spawn_blocking(move || write(&home, &keep, SystemTime::now()));
                    let result = match written.await {
                        Ok(written) => written.map_err(|err| err.to_string()),
                        Err(_panicked) => Err("the file work broke off".to_owned()),
                    };
                    let came = Came::Kept {
                        number,
                        place,
                        result,
                    };
                    tell(&events, came).await;
                });
            }
            Work::Check { number, login } => {
                let upstream = self.upstream.clone();
                tasks.spawn(async move {
                    let result = check(&upstream, &login).await;
                    tell(&events, Came::Checked { number, result }).await;
                });
            }
            Work::Add { name, login } => {
                precious.spawn(async move {
                    let wish = name.clone();
                    let added = spawn_blocking(move || add(&home, &wish, login, SystemTime::now()));
                    let result = match added.await {
                        Ok(added) => added,
                        Err(_panicked) => Err("the file work broke off".to_owned()),
                    };
                    tell(&events, Came::Added { name, result }).await;
                });
            }
        }
    }

    fn begin(&mut self, begin: Begin, tasks: &mut JoinSet<()>) {
        self.end();
        let (pasted, pastes) = mpsc::channel(PASTES);
        let task = tasks.spawn(sign_in(
            begin,
            pastes,
            self.home.clone(),
            self.upstream.clone(),
            self.events.clone(),
            self.client.clone(),
            self.terms.clone(),
        ));
        self.current = Some(Current { pasted, task });
    }

    /// Its port is free when the task is gone, which is at once.
    fn end(&mut self) {
        if let Some(current) = self.current.take() {
            current.task.abort();
        }
    }
}

fn client(settings: &Settings) -> Client {
    Client {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        originator: settings.login_originator().to_owned(),
    }
}

async fn sign_in(
    begin: Begin,
    mut pastes: mpsc::Receiver<Secret>,
    home: Arc<Home>,
    upstream: Arc<Upstream>,
    events: mpsc::Sender<Event>,
    client: Client,
    terms: Terms,
) {
    let number = begin.number;
    let workspaces = spawn_blocking(move || live::forced_workspaces(&home));
    let wanted = Wanted {
        asks_who: begin.asks_who,
        // A panic there was told of; what Codex is set to is then found out by Codex.
        workspaces: workspaces.await.unwrap_or_default(),
    };
    let outlet = upstream.through(&begin.network);
    let (news_sender, mut news) = mpsc::channel(NEWS);
    let flow = async {
        match begin.way {
            SignInWay::Browser => {
                login::by_browser(&outlet, &client, &wanted, &terms, &mut pastes, &news_sender)
                    .await
            }
            SignInWay::Code => {
                login::by_code(&outlet, &client, &wanted, &terms, &news_sender).await
            }
        }
    };
    tokio::pin!(flow);
    let ended = loop {
        tokio::select! {
            biased;
            Some(news) = news.recv() => tell(&events, Came::News { number, news }).await,
            ended = &mut flow => break ended,
        }
    };
    while let Ok(news) = news.try_recv() {
        tell(&events, Came::News { number, news }).await;
    }
    let result = ended.map(Box::new).map_err(|err| err.to_string());
    tell(&events, Came::Ended { number, result }).await;
}

fn write(home: &Home, keep: &Keep, now: SystemTime) -> Result<Kept, StoreError> {
    let (login, origin) = (&keep.login, keep.origin);
    let (name, renewed) = match &keep.place {
        Place::New(name) => (name, signed_in::keep(home, name, login, origin, now)?),
        Place::Over(name) => (name, signed_in::renew(home, name, login, origin, now)?),
        Place::Instead(name) => (name, signed_in::mend(home, name, login, origin, now)?),
    };
    let given = match renewed.is_live {
        true => signed_in::renew_live(home, name, now),
        false => Ok(()),
    };
    let file_name = |file: PathBuf| file.file_name()?.to_str().map(str::to_owned);
    Ok(Kept {
        live_trouble: given.err().map(|err| err.to_string()),
        set_aside: renewed.set_aside.and_then(file_name),
    })
}

fn add(home: &Home, name: &ProfileName, login: NewLogin, now: SystemTime) -> Result<(), String> {
    match login {
        NewLogin::ApiKey(key) => {
            let login = AuthFile::of_api_key(&key).map_err(|err| err.to_string())?;
            let kept = signed_in::keep(home, name, &login, Origin::Key, now);
            kept.map(|_live| ()).map_err(|err| err.to_string())
        }
        // The same endpoint under two names may be meant: they can have other terms.
        NewLogin::Endpoint(endpoint) => {
            let login = AuthFile::of_endpoint(*endpoint);
            profiles::create(home, name, &login)
                .map(|()| signed_in::note_origin(home, name, Origin::Key, now))
                .map_err(|err| err.to_string())
        }
    }
}

/// Asks for the list of models, which costs nothing.
async fn check(upstream: &Upstream, login: &NewLogin) -> CheckResult {
    let network = Network::default();
    let outlet = upstream.through(&network);
    let (host, models) = match login {
        NewLogin::ApiKey(key) => {
            if let Err(err) = AuthFile::of_api_key(key) {
                return CheckResult::Refused(err.to_string());
            }
            let bearer = Bearer {
                token: key.clone(),
                account_id: None,
                is_fedramp: false,
            };
            let models = outlet.models(Service::OpenAi, &bearer, "").await;
            ("the OpenAI API".to_owned(), models)
        }
        NewLogin::Endpoint(endpoint) => (
            endpoint.host().to_owned(),
            outlet.endpoint_models(endpoint).await,
        ),
    };
    match models {
        Ok(document) => CheckResult::Works {
            models: count(&document.body),
        },
        Err(ModelsError::Refused { status: 401 }) => {
            CheckResult::Refused(format!("{host} does not accept this key"))
        }
        Err(ModelsError::Refused { status: 403 }) => CheckResult::Unknown(format!(
            "{host} does not let this key list its models; it may work all the same"
        )),
        Err(ModelsError::Refused { status: 404 | 405 }) => CheckResult::Unknown(format!(
            "{host} has no list of models to try it with; it may work all the same"
        )),
        Err(ModelsError::Refused { status }) => {
            CheckResult::Unknown(format!("{host} answers {status}"))
        }
        Err(ModelsError::Send(err)) => CheckResult::Unknown(err.to_string()),
        Err(ModelsError::Lost(reason)) => CheckResult::Unknown(reason),
    }
}

/// How many stand in a list of models.
fn count(document: &[u8]) -> Option<usize> {
    let document: Value = serde_json::from_slice(document).ok()?;
    Some(document.get("data")?.as_array()?.len())
}

async fn tell(events: &mpsc::Sender<Event>, came: Came) {
    // The loop has ended; nobody is left to know.
    let _closed = events.send(Event::SignIn(came)).await;
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
