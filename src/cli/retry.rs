//! `codex-router retry`: has accounts tried at once, whatever the router was refused by then.
//!
//! The wish is written beside the login, where a running instance sees it; its own numbers and pauses are older from then on.

use std::time::SystemTime;

use anyhow::anyhow;

use super::{CliError, prepare, say};
use crate::profile::ProfileName;
use crate::store::{Environment, profiles};

/// One account, or all.
pub(super) fn retry(environment: &Environment, name: Option<ProfileName>) -> Result<(), CliError> {
    let (home, _settings) = prepare(environment)?;
    let names = match name {
        Some(name) => vec![
            profiles::load(&home, &name)
                .map_err(anyhow::Error::from)?
                .name,
        ],
        None => {
            let loaded = profiles::load_all(&home).map_err(anyhow::Error::from)?;
            let all = loaded.profiles.into_iter();
            all.map(|profile| profile.name).collect()
        }
    };
    if names.is_empty() {
        say("There is no account yet.");
        return Ok(());
    }
    let now = SystemTime::now();
    let mut failed = Vec::new();
    for name in names {
        match profiles::edit_side(&home, &name, |side| side.set_tried_now(now)) {
            Ok(()) => say(&format!("{name}: the router tries it again")),
            Err(err) => failed.push(format!("{name}: {err}")),
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(anyhow!("{}", failed.join("\n")).into()),
    }
}
