//! Points other programs at the router, and gives them their own settings back.
//!
//! Shows what would change, writes it with the text from before kept aside, and takes out exactly that again: the whole file
//! where nobody has touched it since, else only our own values. What cannot be understood is never written.
//!
//! Never enters: how the router works, and the clock. Everything blocks; callers on a runtime use `spawn_blocking`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use url::{Host, Url};

use crate::client_key::{ClientKey, Policy};
use crate::desk::{Tool, ToolView};
use crate::profile::Secret;
use crate::store::foreign_file::{self, Reach};
use crate::store::{Environment, Home, KeysError, StoreError, keys_file};

mod codex;
mod diff;
mod json_text;
mod record;
mod settings;
mod text;
mod toml_text;
mod yaml_text;

use record::Record;
use settings::{Kind, Setting};
use text::Untouchable;

/// Where programs keep their settings, as the environment says it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    user_home: Option<PathBuf>,
    claude_dir: Option<PathBuf>,
    config_home: Option<PathBuf>,
    opencode_config: Option<PathBuf>,
    /// Where programs lie.
    path: OsString,
}

/// The router that programs are pointed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    root: String,
    port: u16,
    /// Whether it refuses requests without a key.
    needs_key: bool,
}

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
}

impl Places {
    pub fn of(environment: &Environment) -> Self {
        let path = |name: &str| environment.path(name).map(Path::to_owned);
        Self {
            user_home: environment.user_home().map(Path::to_owned),
            claude_dir: path("CLAUDE_CONFIG_DIR"),
            config_home: path("XDG_CONFIG_HOME"),
            opencode_config: path("OPENCODE_CONFIG"),
            path: path("PATH").unwrap_or_default().into_os_string(),
        }
    }

    fn claude(&self) -> Option<PathBuf> {
        let usual = || Some(self.user_home.as_ref()?.join(".claude"));
        self.claude_dir.clone().or_else(usual)
    }

    fn config_home(&self) -> Option<PathBuf> {
        let usual = || Some(self.user_home.as_ref()?.join(".config"));
        self.config_home.clone().or_else(usual)
    }

    /// Whether the program, or anything that it keeps, is there.
    fn has(&self, tool: Tool, file: &Path) -> bool {
        let keeps = match tool {
            // Our own home is not a sign of Codex.
            Tool::Codex | Tool::Aider => file.is_file(),
            Tool::ClaudeCode | Tool::OpenCode => file.parent().is_some_and(Path::is_dir),
        };
        let program = settings::program(tool);
        let endings: &[&str] = if cfg!(windows) {
            &[".exe", ".cmd"]
        } else {
            &[""]
        };
        keeps
            || std::env::split_paths(&self.path).any(|folder| {
                endings
                    .iter()
                    .any(|ending| folder.join(format!("{program}{ending}")).is_file())
            })
    }
}

impl Router {
    /// The router at this address, as programs on this computer call it.
    pub fn at(address: SocketAddr, needs_key: bool) -> Self {
        let mut address = address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Self {
            root: format!("http://{address}"),
            port: address.port(),
            needs_key,
        }
    }

    /// Whether this address leads to it.
    pub fn is_at(&self, address: &str) -> bool {
        let (Ok(theirs), Ok(ours)) = (Url::parse(address), Url::parse(&self.root)) else {
            return false;
        };
        let is_loopback = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        let is_same_host =
            theirs.host() == ours.host() || (is_loopback(&theirs) && is_loopback(&ours));
        theirs.scheme() == "http"
            && is_same_host
            && theirs.port_or_known_default() == ours.port_or_known_default()
    }
}

/// Every program that we know, as it stands.
pub fn look(home: &Home, places: &Places, router: &Router) -> Vec<ToolView> {
    let views = Tool::ALL.into_iter().filter_map(|tool| {
        let file = settings::file(tool, places, &home.cli_config())?;
        let is_connected = is_connected(tool, &file, router);
        let change = if is_connected {
            plan_disconnect(home, places, router, tool)
        } else {
            plan_connect(home, places, router, tool)
        };
        let (diff, trouble) = match change {
            Ok(change) => (change.diff, None),
            Err(err) => (String::new(), Some(err.to_string())),
        };
        Some(ToolView {
            tool,
            is_installed: places.has(tool, &file),
            is_connected,
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
    record::written_at(home, Tool::Codex)
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
    let to_come = Secret::new("a key that is made for it".to_owned());
    planned(
        home,
        places,
        router,
        tool,
        router.needs_key.then_some(&to_come),
    )
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
    planned(home, places, router, tool, None)?;
    let key = match router.needs_key && settings::takes_a_key(tool) {
        true => Some(make_key(home, tool, now)?),
        false => None,
    };
    let write = || -> Result<Option<String>, ConnectError> {
        let shown = key.as_ref().map(|(_id, shown)| shown);
        let change = planned(home, places, router, tool, shown)?;
        let Some(after) = &change.after else {
            return Ok(None);
        };
        let key_id = key.as_ref().map(|(id, _shown)| id.clone());
        let old_key = change.record.and_then(|record| record.key_id);
        // First what it was, then what it is: a cut in between leaves a record that matches nothing, and our keys untouched.
        Record::new(&change.file, change.before, after, key_id).write(home, tool)?;
        let reach = match key {
            Some(_) => Reach::OwnerOnly,
            None => Reach::AsItWas,
        };
        foreign_file::replace(&change.file, change.present.as_deref(), Some(after), reach)?;
        Ok(old_key)
    };
    match write() {
        Ok(old_key) => {
            old_key.iter().for_each(|id| drop_key(home, id));
            Ok(())
        }
        Err(err) => {
            if let Some((id, _shown)) = &key {
                drop_key(home, id);
            }
            Err(err)
        }
    }
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
    let file = place(home, places, tool)?;
    let present = foreign_file::read(&file)?;
    let record = Record::read(home, tool, &file);
    if record.is_none() && !is_connected(tool, &file, router) {
        return Err(ConnectError::NotConnected(tool.title()));
    }
    let after = without_ours(tool, &file, router, present.as_deref(), record.as_ref())?;
    if after == present && record.is_none() {
        return Err(ConnectError::Refused(format!(
            "{} was pointed at the router by hand; take that out of {} the same way",
            tool.title(),
            name_of(&file)
        )));
    }
    let secrets = secrets(tool, &[present.as_deref(), after.as_deref()], None);
    Ok(Change {
        tool,
        diff: diff::diff(
            &name_of(&file),
            present.as_deref().unwrap_or_default(),
            after.as_deref().unwrap_or_default(),
            &secrets,
        ),
        file,
        before: after.clone(),
        present,
        after,
        record,
    })
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
    if change.present != change.after {
        foreign_file::replace(
            &change.file,
            change.present.as_deref(),
            change.after.as_deref(),
            Reach::AsItWas,
        )?;
    }
    record::forget(home, tool);
    if let Some(id) = change.record.and_then(|record| record.key_id) {
        drop_key(home, &id);
    }
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
        diff: diff::diff(&name_of(&file), &text, &after, &[]),
        file,
        before: present.clone(),
        present,
        after: Some(after),
        record: None,
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

fn planned(
    home: &Home,
    places: &Places,
    router: &Router,
    tool: Tool,
    key: Option<&Secret>,
) -> Result<Change, ConnectError> {
    let file = place(home, places, tool)?;
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
    let present = foreign_file::read(&file)?;
    let record = Record::read(home, tool, &file);
    let before = without_ours(tool, &file, router, present.as_deref(), record.as_ref())?;
    let base = before.clone().unwrap_or_default();
    if tool == Tool::Codex
        && let Some(reason) = codex::trouble(&base).map_err(|why| untouchable(&file, why))?
    {
        return Err(ConnectError::Refused(reason));
    }
    let mut after = base;
    for Setting { path, value, .. } in settings::wanted(tool, router, key) {
        after = settings::format(tool)
            .set(&after, path, &value)
            .map_err(|why| untouchable(&file, why))?;
    }
    let secrets = secrets(tool, &[present.as_deref(), Some(&after)], key);
    Ok(Change {
        tool,
        diff: diff::diff(
            &name_of(&file),
            present.as_deref().unwrap_or_default(),
            &after,
            &secrets,
        ),
        file,
        present,
        before,
        after: Some(after),
        record,
    })
}

/// What the file is without us: as it was, where nobody has touched it since; else with our own values taken out, or put back
/// to what they were.
fn without_ours(
    tool: Tool,
    file: &Path,
    router: &Router,
    present: Option<&str>,
    record: Option<&Record>,
) -> Result<Option<String>, ConnectError> {
    let Some(present) = present else {
        return Ok(None);
    };
    if let Some(record) = record.filter(|record| record.is_untouched(Some(present))) {
        return Ok(record.before.clone());
    }
    let format = settings::format(tool);
    let before = record.and_then(|record| record.before.clone());
    let before = before.as_deref().unwrap_or_default();
    let understood = |why| untouchable(file, why);
    let mut text = present.to_owned();
    let is_there = is_connected(tool, file, router) || record.is_some();
    for setting in settings::wanted(tool, router, None)
        .into_iter()
        .filter(|_| is_there)
    {
        let here = format.get(&text, setting.path).map_err(understood)?;
        if !here.is_some_and(|here| setting.is_ours(&here, router)) {
            continue;
        }
        // What cannot be understood any more holds nothing to go back to.
        let earlier = format.get(before, setting.path).ok().flatten();
        text = match earlier {
            Some(value) => format.set(&text, setting.path, &value),
            None => removed(format, text, before, setting.path),
        }
        .map_err(understood)?;
    }
    Ok(Some(text))
}

/// Without the value, and without the objects that hold nothing else and were not there before.
fn removed(
    format: text::Format,
    text: String,
    before: &str,
    path: &[&str],
) -> Result<String, Untouchable> {
    let mut text = format.remove(&text, path)?;
    let mut path = path;
    while let Some((_last, parents)) = path.split_last()
        && !parents.is_empty()
    {
        let is_empty = |value: Value| value.as_object().is_some_and(serde_json::Map::is_empty);
        let was_there = format.get(before, parents).ok().flatten().is_some();
        if was_there || !format.get(&text, parents)?.is_some_and(is_empty) {
            break;
        }
        text = format.remove(&text, parents)?;
        path = parents;
    }
    Ok(text)
}

fn is_connected(tool: Tool, file: &Path, router: &Router) -> bool {
    let Ok(Some(text)) = foreign_file::read(file) else {
        return false; // said where it is looked at closer
    };
    if tool == Tool::Codex {
        return codex::address(&text).is_some_and(|address| router.is_at(&address));
    }
    let address = settings::format(tool).get(&text, settings::address_path(tool));
    matches!(address, Ok(Some(Value::String(address))) if router.is_at(&address))
}

/// Values of keys in these texts, and the one that is to come.
fn secrets(tool: Tool, texts: &[Option<&str>], key: Option<&Secret>) -> Vec<String> {
    let format = settings::format(tool);
    let any = Router::at(([127, 0, 0, 1], 0).into(), false);
    let mut paths: Vec<&[&str]> = settings::wanted(tool, &any, None)
        .iter()
        .filter(|setting| setting.kind == Kind::Key)
        .map(|setting| setting.path)
        .collect();
    if tool == Tool::OpenCode {
        paths.push(&["provider", "codex-router", "options", "apiKey"]);
    }
    let found = texts.iter().flatten().flat_map(|text| {
        let values = paths.iter().filter_map(|path| format.get(text, path).ok()?);
        values.filter_map(|value| value.as_str().map(str::to_owned))
    });
    found
        .filter(|value| value != "unused")
        .chain(key.map(|key| key.expose().to_owned()))
        .collect()
}

/// A key of the router for this program, called as it is.
fn make_key(home: &Home, tool: Tool, now: SystemTime) -> Result<(String, Secret), ConnectError> {
    keys_file::edit(home, |document| {
        let is_taken = |label: &str| {
            let mut keys = document.keys().into_iter().flatten();
            keys.any(|key| key.label.eq_ignore_ascii_case(label))
        };
        let title = tool.title();
        let labels = std::iter::once(title.to_owned()).chain((2..).map(|n| format!("{title} {n}")));
        let label = labels.into_iter().find(|label| !is_taken(label));
        let (key, shown) = ClientKey::make(
            label.unwrap_or_else(|| title.to_owned()),
            Policy::default(),
            rand::random(),
            now,
        );
        document.add(&key);
        Ok::<_, ConnectError>((key.id.as_str().to_owned(), shown))
    })
}

/// What opened the router for one program alone opens it no longer.
fn drop_key(home: &Home, id: &str) {
    let dropped = keys_file::edit(home, |document| {
        let is_required = document.is_required();
        document.remove(id);
        document.set_required(is_required);
        Ok::<_, KeysError>(())
    });
    if let Err(err) = dropped {
        tracing::warn!(error = %err, "a key that was made for a program stays");
    }
}

fn place(home: &Home, places: &Places, tool: Tool) -> Result<PathBuf, ConnectError> {
    settings::file(tool, places, &home.cli_config()).ok_or(ConnectError::NoPlace(tool.title()))
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
