//! `serve`: worker and router without a window, until a signal.

use std::time::SystemTime;

use anyhow::anyhow;

use super::oneshot::wait_for;
use super::{CliError, logging, prepare, say, warn};
use crate::connect::Places;
use crate::desk::{Command, Desk, RouterState, Settings, Snapshot};
use crate::store::{Environment, Home, InstanceLock, keys_file, overlay, vault};
use crate::worker::{self, Options, Patience, Polls, Worker};

/// Binding takes microseconds; reading many profiles from a slow disk takes longer.
const LONGEST_START: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) fn serve(environment: &Environment) -> Result<(), CliError> {
    let (home, settings) = prepare(environment)?;
    check(&home, &settings)?;
    stay(environment, home, settings, IfTaken::Fail, |_url| {})
}

/// What to do when somebody else listens on the wanted port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfTaken {
    /// Clients are set up for that port: another one would be of no use to them.
    Fail,
    Move,
}

/// Serves until a signal. `ready` learns the base URL.
pub(super) fn stay(
    environment: &Environment,
    home: Home,
    settings: Settings,
    if_taken: IfTaken,
    ready: impl FnOnce(&str),
) -> Result<(), CliError> {
    let Some(lock) = only_instance(&home)? else {
        return Ok(());
    };
    let log = logging::keep(&home, &settings);
    let is_router_on = settings.router_on;
    let worker = start(environment, home, is_router_on)?;
    let served = if is_router_on {
        announce(&worker.desk(), if_taken).map(|url| ready(&url))
    } else {
        say("The router is turned off (router.enabled); accounts are kept fresh.");
        Ok(())
    };
    match served {
        Ok(()) => worker.wait(),
        Err(_) => worker.stop(),
    }
    drop(log);
    drop(lock);
    served
}

/// The worker of a program that stays.
pub(super) fn start(
    environment: &Environment,
    home: Home,
    router: bool,
) -> Result<Worker, CliError> {
    // Of terminals that were killed; what was rotated in them must be home before anything is renewed.
    if !vault::is_locked(&home)
        && let Err(err) = overlay::sweep(&home, SystemTime::now())
    {
        warn(&format!(
            "a terminal that was killed could not be tidied up: {err}"
        ));
    }
    let options = Options {
        home,
        user_home: environment.user_home().map(std::path::Path::to_owned),
        places: Places::of(environment),
        terminals: super::terminals(environment),
        environment: environment.clone(),
        router,
        polls: Polls::ByThemselves,
        patience: Patience::default(),
    };
    worker::start(options).map_err(|err| anyhow::Error::from(err).into())
}

/// Says where the router listens, or why it does not.
pub(super) fn announce(desk: &Desk, if_taken: IfTaken) -> Result<String, CliError> {
    let (mut state, mut url) = settled(desk, None)?;
    if let RouterState::PortTaken {
        port,
        free_port: Some(free_port),
        ..
    } = state
        && if_taken == IfTaken::Move
    {
        say(&format!("Port {port} is taken; using {free_port}."));
        desk.ask(Command::ServeOnPort(free_port))
            .map_err(anyhow::Error::from)?;
        (state, url) = settled(desk, Some(port))?;
    }
    match state {
        RouterState::PortTaken {
            port,
            holder,
            free_port,
        } => {
            let holder = holder
                .map(|holder| format!(" by {holder}"))
                .unwrap_or_default();
            let hint = free_port
                .map(|port| format!("; CODEX_ROUTER_ADDR=localhost:{port} is free"))
                .unwrap_or_default();
            Err(anyhow!("port {port} is taken{holder}{hint}").into())
        }
        RouterState::Failed(reason) => Err(anyhow!(reason).into()),
        RouterState::On | RouterState::Off | RouterState::Starting => {
            say(&format!("Router on {url}"));
            let snapshot = desk.snapshot();
            if snapshot.profiles.is_empty() && snapshot.lock.is_none() {
                warn(
                    "There is no account yet: add one by `codex-router add`, or keep the one that Codex uses by `codex-router save NAME`.",
                );
            }
            Ok(url)
        }
    }
}

/// The router's state once it is no longer on its way, nor stuck at the port that it was asked to leave.
fn settled(desk: &Desk, left: Option<u16>) -> Result<(RouterState, String), CliError> {
    wait_for(desk, LONGEST_START, |snapshot: &Snapshot| {
        match &snapshot.router.state {
            RouterState::Off | RouterState::Starting => None,
            RouterState::PortTaken { port, .. } if Some(*port) == left => None,
            state => Some((
                state.clone(),
                snapshot.router.base_url().unwrap_or_default(),
            )),
        }
    })
}

/// Settings that would be dangerous are not corrected but refused.
pub(super) fn check(home: &Home, settings: &Settings) -> Result<(), CliError> {
    let has_open_key = || keys_file::read(home).has_open_key(SystemTime::now());
    if settings.listen.is_loopback() || has_open_key() {
        return Ok(());
    }
    let address = settings.listen.first();
    Err(CliError::Usage(format!(
        "the router would listen on {address}, which other computers can reach, and there is no client key to keep them out; make one with `codex-router keys create LABEL`, or use a loopback address such as localhost:9876"
    )))
}

/// Takes the place of the one instance, or asks the one that has it to show itself.
pub(super) fn only_instance(home: &Home) -> Result<Option<InstanceLock>, CliError> {
    if let Some(lock) = InstanceLock::take(home).map_err(anyhow::Error::from)? {
        return Ok(Some(lock));
    }
    crate::store::watch::ask_to_raise(home).map_err(anyhow::Error::from)?;
    say("Codex Router is already running; it was asked to show itself.");
    Ok(None)
}
