//! `route`: from which account the router draws first. Written into `router/state.json`; a running router notices.

use anyhow::anyhow;

use super::{CliError, parse, prepare, prepare_closed, say};
use crate::desk::{Change, Setting, SwitchWay};
use crate::profile::{Health, ProfileName};
use crate::store::state::State;
use crate::store::{Environment, Home, config, profiles, watch};

/// The word for "by the strategy".
const DEFAULT: &str = "default";

pub(super) fn route(environment: &Environment, name: Option<&str>) -> Result<(), CliError> {
    let to = name
        .filter(|name| *name != DEFAULT)
        .map(parse)
        .transpose()?;
    let (home, settings) = prepare(environment)?;
    let strategy = settings.strategy;
    match (name, to) {
        (None, _) => match State::read(&home).routed_to() {
            Some(name) => say(&format!(
                "The router draws from {name} first, chosen by you."
            )),
            None => say(&format!("The router chooses by its strategy, {strategy}.")),
        },
        (Some(_), None) => {
            write(&home, None)?;
            say(&format!(
                "The router chooses by its strategy again, {strategy}."
            ));
        }
        (Some(_), Some(to)) => through_router(&home, &to)?,
    }
    Ok(())
}

/// How the user wants to switch from now on.
pub(super) fn switch_way(environment: &Environment, way: Option<&str>) -> Result<(), CliError> {
    let way = way
        .map(SwitchWay::parse)
        .transpose()
        .map_err(CliError::Usage)?;
    let (home, settings) = prepare_closed(environment)?;
    if let Some(way) = way {
        let change = Change::to(Setting::SwitchWay, way.as_str());
        config::change(&home, &[change])
            .map_err(|err| anyhow!("that was not written down: {err}"))?;
        tell(&home);
    }
    say(match way.unwrap_or(settings.switch_way) {
        SwitchWay::Ask => "You are asked while Codex runs; `codex-router use` switches everywhere.",
        SwitchWay::Everywhere => {
            "Switching writes auth.json, for every program; what runs must restart."
        }
        SwitchWay::Router => "Switching tells the router, for what points at it; at once.",
    });
    Ok(())
}

/// From now on the router draws from this account first.
pub(super) fn through_router(home: &Home, to: &ProfileName) -> Result<(), CliError> {
    let profile = profiles::load(home, to).map_err(anyhow::Error::from)?;
    write(home, Some(to))?;
    say(&format!("The router now uses {to}"));
    match profile.health() {
        Health::Fine => {}
        Health::SignInAgain | Health::Unreadable(_) | Health::NotRoutable { .. } => {
            say("Its login does not work at the moment; until it does, the others serve.");
        }
    }
    Ok(())
}

fn write(home: &Home, to: Option<&ProfileName>) -> Result<(), CliError> {
    State::edit(home, |state| state.set_routed_to(to))
        .map_err(|err| anyhow!("the router was not told: {err}"))?;
    tell(home);
    Ok(())
}

fn tell(home: &Home) {
    // A router that is not told looks by itself, a little later.
    if let Err(err) = watch::tell_of_change(home) {
        tracing::debug!(error = %err, "a running router was not told");
    }
}
