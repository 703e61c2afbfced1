//! `doctor`: looks at everything that could be wrong on this computer. Every row says ok or what to do; nothing is changed.

use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::{CliError, encrypt, say};
use crate::desk::settings::BadSetting;
use crate::desk::{Settings, TokenHealth, health};
use crate::profile::{Credentials, Endpoint, EndpointKind, Health, Profile};
use crate::store::live::{Live, credential_store, read_live};
use crate::store::log_file;
use crate::store::refused_cache::{self, KeptRefusal};
use crate::store::watch::Watcher;
use crate::store::{
    Environment, Home, HomeError, InstanceLock, Loaded, count_displaced, import, keys_file, locks,
    profiles, settings, vault,
};
use crate::system::system_proxy;
use crate::worker::{REFUSAL_LASTS, refresh_due};

mod network;

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
    let looked = looked_at(environment);
    let rows = match looked {
        Ok(rows) => rows,
        Err(err) => {
            print(&[row("home", Err(err.to_string()))]);
            return Err(anyhow::anyhow!("without a home nothing else can be looked at").into());
        }
    };
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

/// Everything but the desktop.
fn looked_at(environment: &Environment) -> Result<Vec<Row>, HomeError> {
    let home = Home::look(environment)?;
    let read = settings(&home, environment);
    let (settings, bad) = (read.settings, read.bad);
    encrypt::unlock_unasked(environment, &home);
    let mut rows = if home.root().is_dir() {
        at_home(&home, &settings)
    } else {
        let path = home.root().display();
        vec![row(
            "home",
            Ok(format!("{path} is not there yet: the first start makes it")),
        )]
    };
    rows.extend(older_store(&home, environment));
    rows.push(row("settings", spoken(&bad)));
    rows.push(row("port", port(&home, &settings)));
    rows.push(row("client keys", keys(&home)));
    rows.push(row("proxy", network::proxies(&home, &settings)));
    rows.push(row("certificates", network::certificates(&settings)));
    rows.push(row("websocket", Ok(websocket(&settings))));
    Ok(rows)
}

/// Accounts of the program that this one descends from, where none is here yet.
fn older_store(home: &Home, environment: &Environment) -> Option<Row> {
    let (folder, count) = import::older_store(home, environment.user_home())?;
    let folder = folder.display();
    let told = format!("{count} in {folder}: `codex-router import {folder}` brings them in");
    Some(row("older accounts", Err(told)))
}

/// What there is to look at in a home that is there.
fn at_home(home: &Home, settings: &Settings) -> Vec<Row> {
    let loaded = profiles::load_all(home).map_err(|err| err.to_string());
    let endpoints = loaded.as_ref().map(endpoints_of).unwrap_or_default();
    let mut rows = vec![
        row(
            "home",
            Ok(format!("{} can be read and written", home.root().display())),
        ),
        row("permissions", permissions(home)),
        row(
            "locks",
            locks::look(home)
                .map(|()| "no other program holds them".to_owned())
                .map_err(|err| err.to_string()),
        ),
        row("encryption", encryption(home)),
        row("credential store", store_mode(home)),
        row("live login", live(home, &loaded)),
        row("accounts", accounts(&loaded)),
        row("displaced", displaced(home)),
    ];
    let (now, zone) = (SystemTime::now(), TimeZone::system());
    let logins = loaded.iter().flat_map(|loaded| &loaded.profiles);
    let logins = logins.filter_map(|profile| login(profile, now, &zone));
    rows.extend(logins.map(|told| row("login", Ok(told))));
    if let (false, Ok(loaded)) = (endpoints.is_empty(), &loaded) {
        let spoken = endpoints_spoken(&endpoints, |endpoint| {
            let by_system = |address: &str| system_proxy(address).is_some();
            match network::has_a_proxy(endpoint, &loaded.profiles, settings, by_system) {
                true => Reach::NotAsked("requests to it go through a proxy"),
                false => reach(endpoint),
            }
        });
        rows.push(row("endpoints", spoken));
    }
    if vault::is_locked(home) {
        // Nobody can tell before, and the row of the encryption says so.
        rows.retain(|row| !["live login", "accounts", "displaced"].contains(&row.what));
    }
    let refusals = refused_cache::read(home);
    rows.push(row("parameters", Ok(refused(&refusals, SystemTime::now()))));
    rows.push(row("log file", log(home, settings)));
    rows.push(row("watcher", watcher(home)));
    rows
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

fn keys(home: &Home) -> Result<String, String> {
    let ring = keys_file::read(home);
    if let Some(reason) = &ring.unreadable {
        return Err(reason.clone());
    }
    if let Some(first) = ring.skipped.first() {
        return Err(format!(
            "{first}: mend it in router/keys.json, or delete it"
        ));
    }
    let now = SystemTime::now();
    let open = ring.keys().iter().filter(|key| key.is_open(now)).count();
    match (open, ring.is_required) {
        (0, true) => Err(
            "every request needs a key and none opens the router: make one, or `codex-router keys require off`".into(),
        ),
        (0, false) => Ok("none; any text will do as a key on this computer".into()),
        (open, true) => Ok(format!("{open} in force, and every request needs one")),
        (open, false) => Ok(format!(
            "{open} in force, and none is necessary on this computer"
        )),
    }
}

/// How logins lie on this disk.
fn encryption(home: &Home) -> Result<String, String> {
    let status = vault::status(home).map_err(|err| err.to_string())?;
    let told = encrypt::in_words(status).map_err(|err| err.to_string())?;
    match vault::is_locked(home) {
        true => Err(format!(
            "{told}; this check needs their passphrase to look into them: name its file in CODEX_ROUTER_PASSPHRASE_FILE"
        )),
        false => Ok(told),
    }
}

fn store_mode(home: &Home) -> Result<String, String> {
    match credential_store(home) {
        None => Ok("Codex keeps its login in auth.json".into()),
        Some(mode) => Err(format!(
            "Codex keeps its login in {mode:?}, so switching files does not reach it: `codex-router fix credential-store` lets it use auth.json (sign in once more then), or `codex-router connect codex` sends its requests through the router, which switches without files"
        )),
    }
}

fn live(home: &Home, loaded: &Result<Loaded, String>) -> Result<String, String> {
    match read_live(home) {
        Live::Missing => Ok("Codex is signed out".into()),
        Live::Unreadable(reason) => Err(reason.to_string()),
        Live::Login(login) => {
            let loaded = loaded.as_ref().map_err(String::clone)?;
            match profiles::holder(&loaded.profiles, &login, None) {
                Some(profile) => Ok(format!("it is the login of {}", profile.name)),
                None => Err("Codex uses a login that is not saved here: keep it with `codex-router save NAME`".into()),
            }
        }
    }
}

fn accounts(loaded: &Result<Loaded, String>) -> Result<String, String> {
    let loaded = loaded.as_ref().map_err(String::clone)?;
    let troubles = loaded
        .profiles
        .iter()
        .filter_map(|profile| match profile.health() {
            Health::Fine | Health::NotRoutable { .. } => None,
            Health::SignInAgain => Some(format!(
                "{name}: OpenAI no longer accepts this login, sign in again: codex-router sign-in {name}",
                name = profile.name
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

/// Logins that had to make way and that no account holds.
fn displaced(home: &Home) -> Result<String, String> {
    let there = count_displaced(home).map_err(|err| err.to_string())?;
    let folder = home.displaced_dir();
    let folder = folder.display();
    let before = match vault::status(home) {
        Ok(status) if status.is_on => "`codex-router encrypt off`, then ",
        Ok(_) | Err(_) => "", // told in its own row
    };
    match (there.accounts, there.unreadable) {
        (0, 0) => Ok("no login is kept aside that no account holds".into()),
        (0, n) => Ok(format!(
            "no login that can be read; of other files there are {n} in {folder}"
        )),
        (n, _) => Err(format!(
            "{n} that no account holds as new: {before}`codex-router import {folder}` brings them in; delete there what you do not need"
        )),
    }
}

/// How the login of an account fares, where there is anything to tell. What is wrong with it stands in the row of the accounts.
fn login(profile: &Profile, now: SystemTime, zone: &TimeZone) -> Option<String> {
    let auth = profile.login.as_ref().ok()?;
    let side = &profile.side;
    let rotated = side.rotated();
    let is_renewed = profile.health() == Health::Fine;
    let token = TokenHealth {
        rotated_at: rotated.map(|(_by, at)| at),
        rotated_by: rotated.map(|(by, _at)| by),
        next_refresh_at: refresh_due(&profile.name, auth).filter(|_| is_renewed),
        last_error: None,
        came_by: side.came_by(),
    };
    let expires_at = auth.chatgpt().and_then(|login| login.claims.expires_at);
    let told = health::lines(&token, expires_at, now, zone);
    (!told.is_empty()).then(|| format!("{}: {}", profile.name, told.join(", ")))
}

/// The endpoints among the accounts, with the names of their accounts.
fn endpoints_of(loaded: &Loaded) -> Vec<(String, Arc<Endpoint>)> {
    let endpoint = |profile: &Profile| match profile.login.as_ref().ok()?.credentials() {
        Credentials::Endpoint(endpoint) => Some((profile.name.to_string(), endpoint.clone())),
        Credentials::ChatGpt(_) | Credentials::ApiKey { .. } | Credentials::Other { .. } => None,
    };
    loaded.profiles.iter().filter_map(endpoint).collect()
}

/// Whether somebody listens where an endpoint is. Nothing is said to it, so its key is not tried.
#[derive(Debug)]
enum Reach {
    Listens,
    /// Why nobody could be asked from here.
    NotAsked(&'static str),
    Silent(String),
}

fn endpoints_spoken(
    endpoints: &[(String, Arc<Endpoint>)],
    reach: impl Fn(&Endpoint) -> Reach,
) -> Result<String, String> {
    let mut is_fine = true;
    let mut told = Vec::new();
    for (name, endpoint) in endpoints {
        let host = endpoint.host();
        let listens = match reach(endpoint) {
            Reach::Listens => format!("{host} listens"),
            Reach::NotAsked(why) => format!("{host} was not asked, {why}"),
            Reach::Silent(why) => {
                is_fine = false;
                format!("{host} does not listen ({why}): start it or correct its address")
            }
        };
        // Servers on this computer often want none.
        let key = match (&endpoint.key, endpoint.kind) {
            (Some(_), _) => "its key is there and was not tried",
            (None, EndpointKind::Compatible) => "it has no key",
            (None, EndpointKind::Azure) => {
                is_fine = false;
                "its key is missing: add it again with one"
            }
        };
        told.push(format!("{name}: {listens}, {key}"));
    }
    let told = told.join("; ");
    if is_fine { Ok(told) } else { Err(told) }
}

/// Opens a connection and closes it.
fn reach(endpoint: &Endpoint) -> Reach {
    let (Some(host), Some(port)) = (
        endpoint.base.host_str(),
        endpoint.base.port_or_known_default(),
    ) else {
        return Reach::NotAsked("its address has no port");
    };
    // An IPv6 address stands in brackets in a URL and without them everywhere else.
    let host = host.trim_matches(['[', ']']).to_owned();
    let (answer, answered) = std::sync::mpsc::channel();
    // Finding the address of a name has no time limit of its own.
    let asking = std::thread::Builder::new()
        .name("reach".into())
        .spawn(move || {
            // Nobody waits for it any more when this fails.
            let _too_late = answer.send(connect(&host, port));
        });
    if let Err(err) = asking {
        return Reach::Silent(err.to_string());
    }
    match answered.recv_timeout(2 * REACH) {
        Ok(Ok(())) => Reach::Listens,
        Ok(Err(err)) => Reach::Silent(err.to_string()),
        Err(_elapsed) => Reach::Silent("no answer in time".to_owned()),
    }
}

fn connect(host: &str, port: u16) -> std::io::Result<()> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, REACH) {
            Ok(_closed_again) => return Ok(()),
            Err(err) => last = err,
        }
    }
    Err(last)
}

/// A doctor who keeps one waiting is asked no second time.
const REACH: Duration = Duration::from_secs(1);

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
    let is_running =
        home.root().is_dir() && InstanceLock::is_held(home).map_err(|err| err.to_string())?;
    if is_running {
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

/// Whose upstream would have no socket is known to the running router alone.
fn websocket(settings: &Settings) -> String {
    if settings.websocket {
        "Codex may use one; an account whose upstream refuses one is asked by POST for a while"
            .into()
    } else {
        "turned off (router.websocket): Codex is told to use POST".into()
    }
}

/// What the router leaves out of requests because it was refused, with the day of the refusal.
fn refused(all: &[KeptRefusal], now: SystemTime) -> String {
    // As the router believes them: a moment in the future is a clock that was wrong.
    let is_believed = |refusal: &&KeptRefusal| {
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(refusal.refused_at));
        let age = at.and_then(|at| now.duration_since(at).ok());
        age.is_some_and(|age| age < REFUSAL_LASTS)
    };
    let all: Vec<_> = all.iter().filter(is_believed).collect();
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
    let all: Vec<_> = all.into_iter().map(spoken).collect();
    format!(
        "left out of requests for a week from that day: {}",
        all.join(", ")
    )
}

fn log(home: &Home, settings: &Settings) -> Result<String, String> {
    if !settings.log_file {
        return Ok("turned off (log.file)".into());
    }
    match log_file::size(home) {
        Ok(None) => Ok("nothing is in router/logs yet".into()),
        Ok(Some(bytes)) => Ok(format!("{} KiB in router/logs", bytes.div_ceil(1024))),
        Err(err) => Err(format!("{err}; log lines are kept in no file")),
    }
}

fn watcher(home: &Home) -> Result<String, String> {
    match Watcher::could_start(home) {
        Ok(()) => Ok("the system reports changes at once".into()),
        Err(reason) => Err(format!(
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

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn the_log_file_is_told_with_its_size_or_what_is_in_its_way() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        let told = |on| {
            let settings = Settings {
                log_file: on,
                ..Settings::default()
            };
            log(&home, &settings)
        };
        assert_eq!(told(false).as_deref(), Ok("turned off (log.file)"));
        assert_eq!(told(true).as_deref(), Ok("nothing is in router/logs yet"));
        let mut file = log_file::LogFile::open(&home).unwrap();
        file.add("a line\n").unwrap();
        assert_eq!(told(true).as_deref(), Ok("1 KiB in router/logs"));
        std::fs::remove_dir_all(home.router_dir().join("logs")).unwrap();
        std::fs::write(home.router_dir().join("logs"), "").unwrap();
        assert!(told(true).unwrap_err().contains("not a folder"));
    }

    #[test]
    fn refused_parameters_are_told_with_their_day() {
        let refusal = |upstream: &str, model: Option<&str>, parameter: &str| KeptRefusal {
            upstream: upstream.to_owned(),
            model: model.map(str::to_owned),
            parameter: parameter.to_owned(),
            refused_at: 1_800_000_000,
        };
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(refused(&[], then), "no upstream has refused one lately");
        let all = [
            refusal("chatgpt", None, "text.verbosity"),
            refusal("openai", Some("gpt-5.5"), "temperature"),
        ];
        assert_eq!(
            refused(&all, then + DAY),
            "left out of requests for a week from that day: text.verbosity (refused by ChatGPT accounts on 2027-01-15), \
             temperature (refused by API keys for gpt-5.5 on 2027-01-15)"
        );
    }

    #[test]
    fn a_refusal_that_is_no_longer_believed_is_no_longer_told() {
        let refusal = KeptRefusal {
            upstream: "chatgpt".to_owned(),
            model: None,
            parameter: "user".to_owned(),
            refused_at: 1_800_000_000,
        };
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let told = |now| refused(std::slice::from_ref(&refusal), now).contains("user");
        assert!(told(then + 7 * DAY - Duration::from_secs(1)));
        assert!(!told(then + 7 * DAY));
        assert!(!told(then - DAY), "a clock that was wrong");
        let never = KeptRefusal {
            refused_at: u64::MAX,
            ..refusal.clone()
        };
        assert!(!refused(&[never], then).contains("user"));
    }

    fn endpoint(kind: EndpointKind, url: &str, key: Option<&str>) -> (String, Arc<Endpoint>) {
        let key = key.map(crate::profile::Secret::new);
        (
            "mine".to_owned(),
            Arc::new(Endpoint::new(kind, url, key).unwrap()),
        )
    }

    #[test]
    fn an_endpoint_is_told_by_whether_it_listens_and_has_its_key() {
        let azure = |key| endpoint(EndpointKind::Azure, "https://x.test", key);
        let local = endpoint(EndpointKind::Compatible, "http://localhost:1/v1", None);
        let listens = |_: &Endpoint| Reach::Listens;
        assert_eq!(
            endpoints_spoken(&[azure(Some("key-canary")), local.clone()], listens),
            Ok("mine: x.test listens, its key is there and was not tried; mine: localhost listens, it has no key".into())
        );
        let without = endpoints_spoken(&[azure(None)], listens).unwrap_err();
        assert!(
            without.ends_with("its key is missing: add it again with one"),
            "{without}"
        );
        let silent = endpoints_spoken(&[local], |_| Reach::Silent("refused".into()));
        assert_eq!(
            silent,
            Err("mine: localhost does not listen (refused): start it or correct its address, it has no key".into())
        );
        let not_asked = |_: &Endpoint| Reach::NotAsked("requests to it go through a proxy");
        assert_eq!(
            endpoints_spoken(&[azure(Some("key-canary"))], not_asked),
            Ok("mine: x.test was not asked, requests to it go through a proxy, its key is there and was not tried".into())
        );
    }

    #[test]
    fn an_endpoint_is_reached_without_a_word() {
        use std::io::Read as _;

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (_, here) = endpoint(EndpointKind::Compatible, &url, Some("key-canary"));
        assert!(matches!(reach(&here), Reach::Listens));
        let (mut asked, _) = listener.accept().unwrap();
        let mut said = Vec::new();
        asked.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"");
        drop(listener);
        assert!(matches!(reach(&here), Reach::Silent(_)));
    }

    #[test]
    fn a_login_that_no_account_holds_is_told_with_how_to_bring_it_in() {
        let temp = tempfile::tempdir().unwrap();
        let home = Home::at(temp.path()).unwrap();
        assert!(displaced(&home).is_ok());
        std::fs::create_dir_all(home.displaced_dir()).unwrap();
        let file = |name: &str| home.displaced_dir().join(name);
        std::fs::write(file("20261120T120000.000Z-00000000.json"), "{ half").unwrap();
        assert!(displaced(&home).unwrap().contains("there are 1 in"));
        let login = r#"{"auth_mode": "apikey", "OPENAI_API_KEY": "sk-FAKE-canary"}"#;
        std::fs::write(file("20261120T120001.000Z-00000000.json"), login).unwrap();
        let told = displaced(&home).unwrap_err();
        assert!(told.starts_with("1 that no account holds"), "{told}");
        assert!(told.contains("`codex-router import ") && !told.contains("canary"));
        let login = crate::profile::AuthFile::parse(login.as_bytes()).unwrap();
        let name = crate::profile::ProfileName::parse("work").unwrap();
        profiles::create(&home, &name, &login).unwrap();
        assert!(displaced(&home).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn looking_changes_nothing_in_a_home_and_makes_none() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let path = root.join("codex");
        let of = |path: &Path| {
            Environment::of(
                [
                    ("CODEX_HOME", path),
                    ("CODEX_ROUTER_ADDR", Path::new("localhost:0")),
                ],
                None,
            )
        };
        let first = |rows: Vec<Row>| (rows[0].what, matches!(rows[0].finding, Finding::Fine(_)));
        assert_eq!(first(looked_at(&of(&path)).unwrap()), ("home", true));
        assert!(!path.exists());
        std::fs::create_dir(&path).unwrap();
        let rows = looked_at(&of(&path)).unwrap();
        assert!(
            rows.iter()
                .any(|row| row.what == "locks" && matches!(row.finding, Finding::Fine(_)))
        );
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    }
}
