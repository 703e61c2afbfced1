//! `connect` and `disconnect`: other programs and the router. `fix`: what `doctor` found. Each shows what would change and asks.

use std::io::IsTerminal as _;
use std::time::SystemTime;

use anyhow::anyhow;

use super::{CliError, prepare_closed, say, warn};
use crate::connect::{self, Change, ConnectError, Places, Router};
use crate::desk::{Settings, Tool};
use crate::store::state::State;
use crate::store::{Environment, Home, InstanceLock, credential_store, keys_file};

/// Points a program at the router; without one, says how all of them stand.
pub(super) fn connect(
    environment: &Environment,
    tool: Option<&str>,
    is_agreed: bool,
) -> Result<(), CliError> {
    let tool = tool.map(parsed).transpose()?;
    let (home, settings) = prepare_closed(environment)?;
    let (places, router) = (Places::of(environment), router(&home, &settings));
    let Some(tool) = tool else {
        list(&home, &places, &router);
        return Ok(());
    };
    let change = connect::plan_connect(&home, &places, &router, tool).map_err(failed)?;
    if change.diff.is_empty() {
        say(&format!("{} points at the router already.", tool.title()));
        return Ok(());
    }
    if !agreed(&change, is_agreed)? {
        return Ok(());
    }
    connect::connect(&home, &places, &router, tool, SystemTime::now()).map_err(failed)?;
    say(&format!(
        "{} now uses the router. What runs already does so after a restart; `codex-router disconnect {}` puts everything back.",
        tool.title(),
        tool.as_str()
    ));
    Ok(())
}

/// Gives a program its own settings back.
pub(super) fn disconnect(
    environment: &Environment,
    tool: &str,
    is_agreed: bool,
) -> Result<(), CliError> {
    let tool = parsed(tool)?;
    let (home, settings) = prepare_closed(environment)?;
    let (places, router) = (Places::of(environment), router(&home, &settings));
    let change = connect::plan_disconnect(&home, &places, &router, tool).map_err(failed)?;
    if !change.diff.is_empty() && !agreed(&change, is_agreed)? {
        return Ok(());
    }
    connect::disconnect(&home, &places, &router, tool).map_err(failed)?;
    say(&format!("{} uses its own settings again.", tool.title()));
    Ok(())
}

/// Lets Codex keep its login in `auth.json`, where it can be switched.
pub(super) fn fix_credential_store(
    environment: &Environment,
    is_agreed: bool,
) -> Result<(), CliError> {
    let (home, _settings) = prepare_closed(environment)?;
    if credential_store(&home).is_none() {
        say("Codex keeps its login in auth.json already.");
        return Ok(());
    }
    let change = connect::plan_file_store(&home).map_err(failed)?;
    if !agreed(&change, is_agreed)? {
        return Ok(());
    }
    connect::use_file_store(&home).map_err(failed)?;
    say(
        "Codex reads auth.json from its next start on. A login that is only in the keyring stays there: sign in once more, or switch to an account.",
    );
    Ok(())
}

/// The router as other programs find it: where it listens now, else where it will.
pub(super) fn router(home: &Home, settings: &Settings) -> Router {
    let is_running = InstanceLock::is_held(home).unwrap_or_else(|err| {
        tracing::debug!(error = %err, "nobody knows whether the router runs");
        false
    });
    let running = is_running.then(|| State::read(home).address()).flatten();
    Router::at(
        running.unwrap_or(settings.listen.first()),
        keys_file::read(home).is_required,
    )
}

fn list(home: &Home, places: &Places, router: &Router) {
    for view in connect::look(home, places, router) {
        let state = match (view.is_connected, view.is_installed) {
            (true, _) => "uses the router",
            (false, _) if view.is_outdated => "uses its earlier address",
            (false, true) => "does not use the router",
            (false, false) => "not found here",
        };
        let name = view.tool.as_str();
        say(&format!("{name:12} {state:24} {}", view.file.display()));
        if let Some(trouble) = view.trouble {
            say(&format!("{:12} {trouble}", ""));
        }
    }
    say("`codex-router connect NAME` shows what would change, and asks.");
}

/// Shows the change. Whether the user wants it.
fn agreed(change: &Change, is_agreed: bool) -> Result<bool, CliError> {
    say(&change.file.display().to_string());
    for line in change.diff.lines() {
        say(line);
    }
    if is_agreed {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::Usage(
            "nothing was changed, because nobody can be asked here; say --yes".into(),
        ));
    }
    warn("Change it? [y/N]");
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(anyhow::Error::from)?;
    let is_agreed = matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_agreed {
        say("Nothing was changed.");
    }
    Ok(is_agreed)
}

fn parsed(text: &str) -> Result<Tool, CliError> {
    let found = Tool::ALL.into_iter().find(|tool| tool.as_str() == text);
    found.ok_or_else(|| {
        let names = Tool::ALL.map(Tool::as_str).join(", ");
        CliError::Usage(format!(
            "the settings of {text:?} are not known here; there are {names}. README.md, \"Point a client here\", has others by hand"
        ))
    })
}

fn failed(err: ConnectError) -> CliError {
    anyhow!("nothing was changed: {err}").into()
}
