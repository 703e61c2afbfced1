//! Points other programs at the router, and gives them their own settings back.
//!
//! Shows what would change, writes it with the text from before kept aside, and takes out exactly that again: the whole file
//! where nobody has touched it since, else only our own values. What cannot be understood is never written.
//!
//! Never enters: how the router works, and the clock. Everything blocks; callers on a runtime use `spawn_blocking`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::desk::{Tool, ToolView};
use crate::profile::Secret;
use crate::store::foreign_file::{self, Reach};
use crate::store::{Home, KeysError, StoreError};

mod address;
mod check;
mod codex;
mod diff;
mod found;
mod json_text;
mod keys;
mod places;
mod record;
mod settings;
mod text;
mod toml_text;
mod yaml_line;
mod yaml_read;
mod yaml_text;

pub use address::Router;
pub use places::Places;

use found::{Found, Standing};
use record::Record;
use text::Untouchable;

/// Why a program's settings are what they were.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no home directory was found, so nobody knows where {0} keeps its settings")]
    NoPlace(&'static str),
    #[error("{file:?} {reason}")]
    Untouchable { file: PathBuf, reason: String },
    #[error("{0}")]
    Refused(String),
    #[error("{0} does not point at the router")]
    NotConnected(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no key could be made for it: {0}")]
    Keys(#[from] KeysError),
}

/// What would be written, and what stands there now.
#[derive(Clone, Debug)]
pub struct Change {
    pub tool: Tool,
    pub file: PathBuf,
    /// As a unified diff, without the values of keys. Empty: nothing changes.
    pub diff: String,
    present: Option<String>,
    /// What the file was, or would be without us.
    before: Option<String>,
    after: Option<String>,
    record: Option<Record>,
    /// The key that stands there and stays.
    key_id: Option<String>,
}

/// Every program that we know, as it stands.
pub fn look(home: &Home, places: &Places, router: &Router) -> Vec<ToolView> {
    let views = Tool::ALL.into_iter().filter_map(|tool| {
        let file = settings::file(tool, places, &home.cli_config())?;
        let found = Found::of(home, places, tool);
        let standing = match &found {
            Ok(found) => found.standing(router),
            Err(_said_below) => Standing::Elsewhere,
        };
        let change = found.and_then(|found| match standing {
            Standing::AtRouter => disconnected(found, router),
            Standing::AtEarlierAddress | Standing::Elsewhere => {
                connected(home, found, router, to_come(router).as_ref())
            }
        });
        let (diff, trouble) = match change {
            Ok(change) => (change.diff, None),
            Err(err) => (String::new(), Some(err.to_string())),
        };
        Some(ToolView {
            tool,
            is_installed: places.has(tool, &file),
            is_connected: standing == Standing::AtRouter,
            is_outdated: standing == Standing::AtEarlierAddress,
            file,
            diff,
            trouble,
        })
    });
    views.collect()
}

/// Where Codex's own settings send its requests, if they say so ([`Router::is_at`]).
pub fn codex_address(home: &Home) -> Option<String> {
    match foreign_file::read(&home.cli_config()) {
        Ok(text) => codex::address(&text?),
        Err(err) => {
            tracing::debug!(error = %err, "the CLI's settings cannot be read");
            None
        }
    }
}

/// Since when; a Codex that was started before does not know. Nothing where it was pointed there by hand.
pub fn codex_connected_at(home: &Home) -> Option<SystemTime> {
    record::written_at(home, Tool::Codex, &home.cli_config())
}

/// Codex's settings without what sends its requests to the router; `None` where nothing does.
pub fn config_without_router(home: &Home, router: &Router) -> Option<String> {
    let text = foreign_file::read(&home.cli_config()).ok()??; // then it says nothing of a router either
    let is_there = codex::address(&text).is_some_and(|address| router.is_at(&address));
    is_there.then(|| codex::without_router(&text))?
}

/// What pointing the program at the router would change; a key that would be made for it is not made yet.
///
/// # Errors
/// When the file cannot be read, understood, or changed to any effect.
pub fn plan_connect(
    home: &Home,
    places: &Places,
    router: &Router,
    tool: Tool,
) -> Result<Change, ConnectError> {
    let found = Found::of(home, places, tool)?;
    connected(home, found, router, to_come(router).as_ref())
}

/// Points the program at the router.
///
/// # Errors
/// As of [`plan_connect`], and when it cannot be written: then nothing has changed.
pub fn connect(
    home: &Home,
    places: &Places,
    router: &Router,
    tool: Tool,
    now: SystemTime,
) -> Result<(), ConnectError> {
    // Whatever is wrong is found before a key is made.
    let change = plan_connect(home, places, router, tool)?;
    let is_kept = change.key_id.is_some();
    if change.present == change.after && change.record.is_some() {
        return Ok(());
    }
    let made = match router.needs_key && settings::takes_a_key(tool) && !is_kept {
        true => Some(keys::make(home, tool, now)?),
        false => None,
    };
    let written = match &made {
        Some((id, key)) => Found::of(home, places, tool)
            .and_then(|found| connected(home, found, router, Some(key)))
            .and_then(|change| write(home, router, &change, Some(id), Reach::OwnerOnly)),
        None => write(
            home,
            router,
            &change,
            change.key_id.as_ref(),
            Reach::AsItWas,
        ),
    };
    match (written, made) {
        (Ok(spent), _) => {
            spent.iter().for_each(|id| keys::discard(home, id));
            Ok(())
        }
        (Err(err), Some((id, _key))) => {
            keys::discard(home, &id);
            Err(err)
        }
        (Err(err), None) => Err(err),
    }
}

/// Writes the file so that there is a way back at every moment. The keys that are of no use any more.
fn write(
    home: &Home,
    router: &Router,
    change: &Change,
    key_id: Option<&String>,
    reach: Reach,
) -> Result<Vec<String>, ConnectError> {
    let Change { tool, file, .. } = change;
    let (present, after) = (change.present.as_deref(), change.after.as_deref());
    let record = Record::new(
        file,
        change.before.clone(),
        after.unwrap_or_default(),
        &router.root,
        key_id.cloned(),
    );
    let earlier = change.record.as_ref();
    let pending = earlier.map_or_else(|| record.clone(), |earlier| record.clone().or(earlier));
    pending.write(home, *tool)?;
    if let Err(err) = foreign_file::replace(file, present, after, reach) {
        match earlier.map(|earlier| earlier.write(home, *tool)) {
            Some(Ok(())) => {}
            Some(Err(err)) => {
                tracing::warn!(error = %err, "the record of a connection knows too much")
            }
            None => record::forget(home, *tool, file),
        }
        return Err(err.into());
    }
    if let Err(err) = record.write(home, *tool) {
        tracing::warn!(error = %err, "the record of a connection knows too much");
    }
    let spent = earlier.into_iter().flat_map(|earlier| &earlier.key_ids);
    Ok(spent.filter(|id| Some(*id) != key_id).cloned().collect())
}

/// What giving the program its own settings back would change.
///
/// # Errors
/// When it does not point at the router, or its file cannot be read or understood.
pub fn plan_disconnect(
    home: &Home,
    places: &Places,
    router: &Router,
    tool: Tool,
) -> Result<Change, ConnectError> {
    disconnected(Found::of(home, places, tool)?, router)
}

/// Gives the program its own settings back. A key that was made for it opens the router no longer.
///
/// # Errors
/// As of [`plan_disconnect`], and when it cannot be written: then nothing has changed.
pub fn disconnect(
    home: &Home,
    places: &Places,
    router: &Router,
    tool: Tool,
) -> Result<(), ConnectError> {
    let change = plan_disconnect(home, places, router, tool)?;
    let (present, after) = (change.present.as_deref(), change.after.as_deref());
    if present != after {
        foreign_file::replace(&change.file, present, after, Reach::AsItWas)?;
    }
    record::forget(home, tool, &change.file);
    let made = change.record.iter().flat_map(|record| &record.key_ids);
    made.for_each(|id| keys::discard(home, id));
    Ok(())
}

/// What it takes for Codex to read its login from `auth.json`, where it can be switched.
///
/// # Errors
/// When Codex's settings cannot be read or understood.
pub fn plan_file_store(home: &Home) -> Result<Change, ConnectError> {
    let file = home.cli_config();
    let present = foreign_file::read(&file)?;
    let text = present.clone().unwrap_or_default();
    let after = codex::with_file_store(&text).map_err(|why| untouchable(&file, why))?;
    Ok(Change {
        tool: Tool::Codex,
        diff: diff::diff(
            &name_of(&file),
            &text,
            &after,
            settings::format(Tool::Codex),
            &[codex::store_setting()],
        ),
        file,
        before: present.clone(),
        present,
        after: Some(after),
        record: None,
        key_id: None,
    })
}

/// Lets Codex read its login from `auth.json`.
///
/// # Errors
/// As of [`plan_file_store`], and when it cannot be written.
pub fn use_file_store(home: &Home) -> Result<(), ConnectError> {
    let change = plan_file_store(home)?;
    let (present, after) = (change.present.as_deref(), change.after.as_deref());
    Ok(foreign_file::replace(
        &change.file,
        present,
        after,
        Reach::AsItWas,
    )?)
}

/// What stands in a plan for a key that is not made yet.
fn to_come(router: &Router) -> Option<Secret> {
    let words = || Secret::new("a key that is made for it".to_owned());
    router.needs_key.then(words)
}

/// The file with everything of ours in it, and with this key, unless the one that it has is good.
fn connected(
    home: &Home,
    found: Found,
    router: &Router,
    key: Option<&Secret>,
) -> Result<Change, ConnectError> {
    let tool = found.tool;
    if router.port == 0 {
        return Err(ConnectError::Refused(
            "the router's port is another one at each start; set router.addr to a fixed one first"
                .into(),
        ));
    }
    if router.needs_key && !settings::takes_a_key(tool) {
        return Err(ConnectError::Refused(format!(
            "the router asks for a client key, and {} sends its own login in its place; let requests of this computer in without one (`codex-router keys require off`), or see \"Codex CLI\" in the README for a provider with a key",
            tool.title()
        )));
    }
    let made = found.record.iter().flat_map(|record| &record.key_ids);
    let kept = keys::kept(home, found.key().as_deref(), made).filter(|_| router.needs_key);
    let (kept_id, key) = match &kept {
        Some((id, key)) => (Some(id.clone()), Some(key)),
        None => (None, key),
    };
    let before = found.without_ours(router)?;
    if let Some(reason) = settings::trouble_with_a_first_file(tool, &found.file) {
        return Err(ConnectError::Refused(reason));
    }
    let base = match before.as_deref() {
        Some(text) if !text.trim().is_empty() => text,
        Some(_) | None => settings::beginning(tool),
    };
    if tool == Tool::Codex
        && let Some(reason) = codex::trouble(base).map_err(|why| untouchable(&found.file, why))?
    {
        return Err(ConnectError::Refused(reason));
    }
    let after = found.with_ours(base, router, key)?;
    let change = found.changed(before, Some(after));
    Ok(Change {
        key_id: kept_id,
        ..change
    })
}

/// The file with nothing of ours in it.
fn disconnected(found: Found, router: &Router) -> Result<Change, ConnectError> {
    if found.record.is_none() && found.standing(router) != Standing::AtRouter {
        return Err(ConnectError::NotConnected(found.tool.title()));
    }
    let after = found.without_ours(router)?;
    if after == found.present && found.record.is_none() {
        return Err(ConnectError::Refused(format!(
            "{} was pointed at the router by hand; take that out of {} the same way",
            found.tool.title(),
            name_of(&found.file)
        )));
    }
    Ok(found.changed(after.clone(), after))
}

fn untouchable(file: &Path, why: Untouchable) -> ConnectError {
    ConnectError::Untouchable {
        file: name_of(file).into(),
        reason: why.0,
    }
}

fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
