//! Verbs that ask the worker for one thing and wait for its end.

use std::time::Duration;

use anyhow::anyhow;

use super::{CliError, connect, prepare, route, say, warn};
use crate::connect::{Places, codex_address};
use crate::desk::{Command, Desk, LoginKind, Outcome, Settings, Snapshot, SwitchWay};
use crate::profile::ProfileName;
use crate::store::Environment;
use crate::worker::{self, Options, Patience, Polls, Worker};

/// A refresh may wait 45 s for another program's lock and then 30 s for the issuer, twice.
const LONGEST_VERB: Duration = Duration::from_secs(150);

/// By which way to switch; neither: as `switch-way` says.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct Way {
    /// Write auth.json, for every program; what runs must restart
    #[arg(long)]
    everywhere: bool,
    /// Let the router draw from it first; at once, for what points at the router
    #[arg(long)]
    through_router: bool,
}

impl Way {
    fn is_through_router(self, settings: &Settings) -> bool {
        self.through_router || (settings.switch_way == SwitchWay::Router && !self.everywhere)
    }
}

/// Makes Codex use the profile, by the same rules as a click.
pub(super) fn use_profile(
    environment: &Environment,
    name: ProfileName,
    way: Way,
) -> Result<(), CliError> {
    let (home, settings) = prepare(environment)?;
    if way.is_through_router(&settings) {
        route::through_router(&home, &name)?;
        let router = connect::router(&home, &settings);
        let is_pointed = codex_address(&home).is_some_and(|address| router.is_at(&address));
        if !is_pointed {
            say(
                "Codex does not point at the router, so it keeps its account; `codex-router connect codex` changes that.",
            );
        }
        return Ok(());
    }
    let worker = start(environment)?;
    let desk = worker.desk();
    loaded(&desk)?;
    let outcome = ask(&desk, Command::Use(name.clone()), |outcome| match outcome {
        Outcome::Displaced { file } => {
            warn(&format!(
                "Codex used a login that is not saved here; it was kept as router/displaced/{file}."
            ));
            None
        }
        Outcome::Switched { to, .. } => Some(Ok(to.clone())),
        Outcome::SwitchFailed { reason, .. } => Some(Err(reason.clone())),
        _ => None,
    });
    let (running, is_on_router) = {
        let snapshot = desk.snapshot();
        (snapshot.codex.len(), snapshot.is_codex_on_router)
    };
    drop(desk);
    worker.stop();
    let to = outcome?.map_err(|reason| anyhow!("{name} is not in use now: {reason}"))?;
    say(&format!("Codex now uses {to}"));
    match running {
        0 => {}
        1 => say("A running Codex keeps the old account until it is restarted."),
        n => say(&format!(
            "{n} running Codex programs keep the old account until they are restarted."
        )),
    }
    if running > 0 && is_on_router {
        say(
            "What they ask goes through the router: `codex-router use NAME --through-router` switches at once.",
        );
    }
    Ok(())
}

/// Keeps the live login as a profile.
pub(super) fn save(environment: &Environment, name: ProfileName) -> Result<(), CliError> {
    let worker = start(environment)?;
    loaded(&worker.desk())?;
    let outcome = ask(
        &worker.desk(),
        Command::Save(name.clone()),
        |outcome| match outcome {
            Outcome::Saved { name } => Some(Ok(name.clone())),
            Outcome::SaveFailed { reason, .. } => Some(Err(reason.clone())),
            _ => None,
        },
    );
    worker.stop();
    let saved = outcome?.map_err(|reason| anyhow!("{name} was not saved: {reason}"))?;
    say(&format!("Saved as {saved}"));
    Ok(())
}

/// Renews the login of one profile, or of all that can be renewed.
pub(super) fn refresh(
    environment: &Environment,
    name: Option<ProfileName>,
) -> Result<(), CliError> {
    let worker = start(environment)?;
    let desk = worker.desk();
    let snapshot = loaded(&desk)?;
    let names: Vec<_> = match name {
        Some(name) => vec![name],
        None => {
            let is_renewable = |kind: &LoginKind| *kind == LoginKind::ChatGpt;
            snapshot
                .profiles
                .iter()
                .filter(|profile| is_renewable(&profile.kind))
                .map(|profile| profile.name.clone())
                .collect()
        }
    };
    let mut failed = Vec::new();
    for name in &names {
        let outcome = ask(
            &desk,
            Command::RefreshToken(name.clone()),
            |outcome| match outcome {
                Outcome::KeptAside { name: of, file } if of == name => {
                    warn(&format!(
                        "{name} is not here any more, or has another login by now; its renewed login was kept as router/displaced/{file}."
                    ));
                    None
                }
                Outcome::TokenRefreshed { name: of } if of == name => Some(Ok(())),
                Outcome::TokenRefreshFailed { name: of, reason } if of == name => {
                    Some(Err(reason.clone()))
                }
                _ => None,
            },
        );
        match outcome {
            Ok(Ok(())) => say(&format!("{name}: new login saved")),
            Ok(Err(reason)) => failed.push(format!("{name}: {reason}")),
            Err(err) => failed.push(format!("{name}: {err}")),
        }
    }
    drop(desk);
    worker.stop();
    if names.is_empty() {
        say("There is no account whose login could be renewed.");
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(anyhow!("{}", failed.join("\n")).into())
    }
}

/// Renews one login without a word.
pub(super) fn renew_quietly(environment: &Environment, name: &ProfileName) -> Result<(), CliError> {
    let worker = start(environment)?;
    let desk = worker.desk();
    loaded(&desk)?;
    let outcome = ask(
        &desk,
        Command::RefreshToken(name.clone()),
        |outcome| match outcome {
            Outcome::TokenRefreshed { name: of } if of == name => Some(Ok(())),
            Outcome::TokenRefreshFailed { name: of, reason } if of == name => {
                Some(Err(anyhow!("{reason}").into()))
            }
            _ => None,
        },
    );
    drop(desk);
    worker.stop();
    outcome?
}

/// A worker that does only what it is asked.
pub(super) fn start(environment: &Environment) -> Result<Worker, CliError> {
    let (home, _settings) = prepare(environment)?;
    let options = Options {
        home,
        user_home: environment.user_home().map(std::path::Path::to_owned),
        places: Places::of(environment),
        terminals: super::terminals(environment),
        environment: environment.clone(),
        router: false,
        polls: Polls::WhenAsked,
        patience: Patience::default(),
    };
    worker::start(options).map_err(|err| anyhow::Error::from(err).into())
}

/// Waits for the first reading of the disk.
pub(super) fn loaded(desk: &Desk) -> Result<std::sync::Arc<Snapshot>, CliError> {
    wait_for(desk, LONGEST_VERB, |snapshot| {
        (snapshot.is_loaded || trouble(snapshot).is_some()).then(|| snapshot.clone())
    })
    .map(std::sync::Arc::new)
    .and_then(|snapshot| match trouble(&snapshot) {
        Some(reason) => Err(anyhow!(reason).into()),
        None => Ok(snapshot),
    })
}

fn trouble(snapshot: &Snapshot) -> Option<String> {
    snapshot.notices.iter().find_map(|notice| match notice {
        crate::desk::Notice::HomeNotWritable { reason } if !snapshot.is_loaded => {
            Some(reason.clone())
        }
        _ => None,
    })
}

/// Asks, and waits for the outcome that `is_mine` recognises among those that come after.
fn ask<T>(
    desk: &Desk,
    command: Command,
    mut is_mine: impl FnMut(&Outcome) -> Option<T>,
) -> Result<T, CliError> {
    let mut seen = desk
        .snapshot()
        .happenings
        .last()
        .map_or(0, |happening| happening.seq);
    desk.ask(command).map_err(anyhow::Error::from)?;
    wait_for(desk, LONGEST_VERB, |snapshot| {
        for happening in snapshot
            .happenings
            .iter()
            .filter(|happening| happening.seq > seen)
        {
            if let Some(found) = is_mine(&happening.outcome) {
                return Some(found);
            }
        }
        seen = snapshot
            .happenings
            .last()
            .map_or(seen, |happening| happening.seq);
        None
    })
}

/// Asks for something that is done to accounts as such, and gives everything that came of it at once.
pub(super) fn outcomes_of(desk: &Desk, command: Command) -> Result<Vec<Outcome>, CliError> {
    let last = desk.snapshot().happenings.last().map_or(0, |it| it.seq);
    desk.ask(command).map_err(anyhow::Error::from)?;
    wait_for(desk, LONGEST_VERB, |snapshot| {
        let happened: Vec<_> = snapshot
            .happenings
            .iter()
            .filter(|happening| happening.seq > last)
            .map(|happening| happening.outcome.clone())
            .collect();
        let is_end = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Ordered
                    | Outcome::Renamed { .. }
                    | Outcome::Deleted { .. }
                    | Outcome::Undeleted { .. }
                    | Outcome::Purged { .. }
                    | Outcome::EditFailed { .. }
            )
        };
        happened.iter().any(is_end).then_some(happened)
    })
}

/// Waits until a snapshot holds what is looked for.
pub(super) fn wait_for<T>(
    desk: &Desk,
    longest: Duration,
    mut look: impl FnMut(&Snapshot) -> Option<T>,
) -> Result<T, CliError> {
    let mut desk = desk.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(anyhow::Error::from)?;
    let waiting = async {
        loop {
            if let Some(found) = look(&desk.snapshot()) {
                return Ok(found);
            }
            desk.changed().await.map_err(anyhow::Error::from)?;
        }
    };
    runtime.block_on(async {
        match tokio::time::timeout(longest, waiting).await {
            Ok(found) => found,
            Err(_elapsed) => {
                Err(anyhow!("gave up after {} s without an answer", longest.as_secs()).into())
            }
        }
    })
}
