//! `doctor`: looks at everything that could be wrong on this computer. Every row says ok or what to do; nothing is changed.

use std::net::TcpListener;
use std::path::Path;

use tokio::sync::mpsc;

use super::{CliError, say};
use crate::desk::Settings;
use crate::desk::settings::BadSetting;
use crate::profile::Health;
use crate::store::live::{Live, credential_store, read_live};
use crate::store::refused_cache::{self, KeptRefusal};
use crate::store::watch::Watcher;
use crate::store::{Environment, Home, InstanceLock, locks, profiles, settings};

/// One thing that was looked at.
struct Row {
    what: &'static str,
    finding: Finding,
}

enum Finding {
    Fine(String),
    /// What is wrong and what to do.
    Look(String),
}

pub(super) fn doctor(environment: &Environment) -> Result<(), CliError> {
    let home = match Home::find(environment) {
        Ok(home) => home,
        Err(err) => {
            print(&[Row {
                what: "home",
                finding: Finding::Look(err.to_string()),
            }]);
            return Err(anyhow::anyhow!("without a home nothing else can be looked at").into());
        }
    };
    let (settings, bad) = settings(&home, environment);
    let rows = vec![
        row(
            "home",
            Ok::<_, String>(format!("{} can be read and written", home.root().display())),
        ),
        row("permissions", permissions(&home)),
        row(
            "locks",
            locks::try_all(&home)
                .map(|()| "no other program holds them".to_owned())
                .map_err(|err| err.to_string()),
        ),
        row("credential store", store_mode(&home)),
        row("live login", live(&home)),
        row("accounts", accounts(&home)),
        row("settings", spoken(&bad)),
        row("port", port(&home, &settings)),
        row("parameters", Ok(refused(&refused_cache::read(&home)))),
        row("watcher", watcher(&home)),
    ];
    #[cfg(feature = "gui")]
    let rows: Vec<_> = rows.into_iter().chain(desktop(environment)).collect();
    print(&rows);
    let open = rows
        .iter()
        .filter(|row| matches!(row.finding, Finding::Look(_)))
        .count();
    match open {
        0 => say("Everything is fine."),
        1 => say("One thing needs a look."),
        n => say(&format!("{n} things need a look.")),
    }
    Ok(())
}

fn row(what: &'static str, finding: Result<String, String>) -> Row {
    Row {
        what,
        finding: finding.map_or_else(Finding::Look, Finding::Fine),
    }
}

fn print(rows: &[Row]) {
    let width = rows
        .iter()
        .map(|row| row.what.len())
        .max()
        .unwrap_or_default();
    for Row { what, finding } in rows {
        match finding {
            Finding::Fine(text) => say(&format!("ok    {what:width$}  {text}")),
            Finding::Look(text) => say(&format!("look  {what:width$}  {text}")),
        }
    }
}

/// Files with secrets that other users could read.
fn permissions(home: &Home) -> Result<String, String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let is_open = |path: &Path| {
            std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
        };
        let logins = std::fs::read_dir(home.profiles_dir())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("auth.json"));
        let open: Vec<_> = [home.live_auth(), home.profiles_dir(), home.router_dir()]
            .into_iter()
            .chain(logins)
            .filter(|path| is_open(path))
            .map(|path| {
                path.strip_prefix(home.root())
                    .unwrap_or(&path)
                    .display()
                    .to_string()
            })
            .collect();
        if !open.is_empty() {
            return Err(format!(
                "other users can open {}: chmod go= them",
                open.join(", ")
            ));
        }
        Ok("only you can open the logins".into())
    }
    #[cfg(not(unix))]
    {
        let _unused: &Path = home.root();
        Ok("as your user folder is protected".into())
    }
}

fn store_mode(home: &Home) -> Result<String, String> {
    match credential_store(home) {
        None => Ok("Codex keeps its login in auth.json".into()),
        Some(mode) => Err(format!(
            "Codex keeps its login in {mode:?}, so switching files does not reach it: set cli_auth_credentials_store = \"file\" in config.toml and sign in again"
        )),
    }
}

fn live(home: &Home) -> Result<String, String> {
    match read_live(home) {
        Live::Missing => Ok("Codex is signed out".into()),
        Live::Unreadable(reason) => Err(reason.to_string()),
        Live::Login(login) => {
            let loaded = profiles::load_all(home).map_err(|err| err.to_string())?;
            match profiles::holder(&loaded.profiles, &login, None) {
                Some(profile) => Ok(format!("it is the login of {}", profile.name)),
                None => Err("Codex uses a login that is not saved here: keep it with `codex-router save NAME`".into()),
            }
        }
    }
}

fn accounts(home: &Home) -> Result<String, String> {
    let loaded = profiles::load_all(home).map_err(|err| err.to_string())?;
    let troubles = loaded
        .profiles
        .iter()
        .filter_map(|profile| match profile.health() {
            Health::Fine | Health::NotRoutable { .. } => None,
            Health::SignInAgain => Some(format!(
                "{}: OpenAI no longer accepts this login, sign in again",
                profile.name
            )),
            Health::Unreadable(reason) => Some(format!("{}: {reason}", profile.name)),
        });
    let skipped = loaded
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", skipped.name, skipped.reason));
    let troubles: Vec<_> = troubles.chain(skipped).collect();
    if troubles.is_empty() {
        Ok(format!("{} can be used", loaded.profiles.len()))
    } else {
        Err(troubles.join("; "))
    }
}

fn spoken(bad: &[BadSetting]) -> Result<String, String> {
    if bad.is_empty() {
        return Ok("all can be used".into());
    }
    Err(bad
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; "))
}

fn port(home: &Home, settings: &Settings) -> Result<String, String> {
    if InstanceLock::take(home)
        .map_err(|err| err.to_string())?
        .is_none()
    {
        let pid = InstanceLock::holder(home)
            .map(|pid| format!(" (pid {pid})"))
            .unwrap_or_default();
        return Ok(format!("Codex Router is running{pid}"));
    }
    let address = settings.listen.first();
    match TcpListener::bind(address) {
        Ok(_closed_again) => Ok(format!("{address} is free")),
        Err(err) => Err(format!(
            "{address} cannot be used ({err}): end the program there or set CODEX_ROUTER_ADDR=localhost:PORT"
        )),
    }
}

/// What the router leaves out of requests because it was refused, with the day of the refusal.
fn refused(all: &[KeptRefusal]) -> String {
    if all.is_empty() {
        return "no upstream has refused one lately".to_owned();
    }
    let spoken = |refusal: &KeptRefusal| {
        let by = match refusal.upstream.as_str() {
            "chatgpt" => "ChatGPT accounts",
            "openai" => "API keys",
            other => other,
        };
        let model = refusal.model.as_ref();
        let of = model.map_or_else(String::new, |model| format!(" for {model}"));
        let day = i64::try_from(refusal.refused_at)
            .ok()
            .and_then(|secs| jiff::Timestamp::from_second(secs).ok())
            .map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
        format!("{} (refused by {by}{of} on {day})", refusal.parameter)
    };
    let all: Vec<_> = all.iter().map(spoken).collect();
    format!(
        "left out of requests for a week from that day: {}",
        all.join(", ")
    )
}

fn watcher(home: &Home) -> Result<String, String> {
    let (sender, _receiver) = mpsc::channel(1);
    let (_watcher, fell_back) = Watcher::start(home, sender);
    match fell_back {
        None => Ok("the system reports changes at once".into()),
        Some(reason) => Err(format!(
            "{reason}; changes are noticed within a second by looking"
        )),
    }
}

/// What only the edition with a window needs.
#[cfg(feature = "gui")]
fn desktop(environment: &Environment) -> [Row; 2] {
    let display = crate::window::display_available(super::desktop::display(environment));
    let display = display.map(|()| "there is one".to_owned());
    [
        row(
            "display",
            display.map_err(|reason| format!("{reason}; the router serves without a window")),
        ),
        row("tray host", tray_host()),
    ]
}

#[cfg(feature = "gui")]
fn tray_host() -> Result<String, String> {
    match crate::tray::host_on_this_desktop() {
        Ok(true) => Ok("the desktop shows tray icons".into()),
        Ok(false) => Err("the desktop shows no tray icons, so closing the window ends the program; on GNOME install the AppIndicator extension".into()),
        Err(err) => Err(format!("{err}; closing the window ends the program")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_parameters_are_told_with_their_day() {
        let refusal = |upstream: &str, model: Option<&str>, parameter: &str| KeptRefusal {
            upstream: upstream.to_owned(),
            model: model.map(str::to_owned),
            parameter: parameter.to_owned(),
            refused_at: 1_800_000_000,
        };
        assert_eq!(refused(&[]), "no upstream has refused one lately");
        let all = [
            refusal("chatgpt", None, "text.verbosity"),
            refusal("openai", Some("gpt-5.5"), "temperature"),
        ];
        assert_eq!(
            refused(&all),
            "left out of requests for a week from that day: text.verbosity (refused by ChatGPT accounts on 2027-01-15), \
             temperature (refused by API keys for gpt-5.5 on 2027-01-15)"
        );
    }
}
