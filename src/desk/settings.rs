//! Everything that can be set, with its default, where it came from, and what is wrong with it.
//!
//! The environment beats `router/config.toml`, which beats the defaults. Reading either is `store`'s work; here are values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

mod change;
mod limits;
mod read;
mod setting;
mod values;

pub use change::{BadChange, Change};
pub use limits::LimitSettings;
pub use read::{ReadSettings, SettingView, SettingsView, Source};
pub use setting::{Setting, TakesEffect};

pub use super::model_map::ModelMap;
use crate::pool::Strategy;
use crate::profile::Proxy;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub listen: Listen,
    /// Names besides `localhost` by which clients call this computer.
    pub hosts: Vec<String>,
    /// Whether the router starts with the program.
    pub router_on: bool,
    pub strategy: Strategy,
    /// How Codex gets another account, until the user has chosen otherwise in a dialog.
    pub switch_way: SwitchWay,
    /// Whether Codex may talk to the router over WebSockets.
    pub websocket: bool,
    /// Whether a session stays at the profile that answered it before.
    pub affinity: bool,
    /// What `POST /v1/messages` asks for.
    pub models: ModelMap,
    /// Requests go to `{base}/codex/responses`, usage to `{base}/wham/usage`.
    pub chatgpt_base_url: Url,
    pub openai_base_url: Url,
    /// Refresh tokens go to `{issuer}/oauth/token`.
    pub issuer: Url,
    /// The CLI's own override, a whole URL; beats `issuer`.
    pub refresh_url: Option<Url>,
    pub client_id: String,
    /// Who we say we are on the page where people sign in; none: as everywhere.
    pub login_originator: Option<String>,
    /// Where the browser comes back to; the second when the first is taken.
    pub login_ports: [u16; 2],
    /// Who we say we are. Honest by default.
    pub originator: String,
    pub user_agent: String,
    /// For profiles that have none of their own.
    pub proxy: Proxy,
    /// Certificates that are trusted besides what the system trusts, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether a program that stays keeps its log in a file.
    pub log_file: bool,
    /// Whether `GET /metrics` is served.
    pub metrics: bool,
    /// How much at once, how often again, how long to wait.
    pub limits: LimitSettings,
    pub usage_poll_interval: Duration,
    /// Whether usage is asked for by itself, or only by hand.
    pub usage_poll: bool,
    pub ledger: LedgerSettings,
    /// Start in the tray only.
    pub no_window: bool,
    pub theme: Theme,
}

/// What is recorded of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    pub is_on: bool,
    /// At most [`MAX_KEEP_DAYS`].
    pub keep_days: u32,
    /// How much of every body is kept; nothing by default, at most [`MAX_PREVIEW_BYTES`].
    pub preview_bytes: usize,
}

/// How Codex gets another account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SwitchWay {
    /// The user is asked where it makes a difference.
    #[default]
    Ask,
    /// By its `auth.json`: for every program, which must restart.
    Everywhere,
    /// By the router's choice: at once, for what points at the router.
    Router,
}

impl SwitchWay {
    pub const ALL: [Self; 3] = [Self::Ask, Self::Everywhere, Self::Router];

    /// As it stands in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Everywhere => "everywhere",
            Self::Router => "router",
        }
    }

    /// # Errors
    /// A sentence with the words that there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| "write ask, everywhere or router".to_owned())
    }
}

/// How the window looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the desktop says.
    #[default]
    System,
    Light,
    Dark,
}

/// Where the router listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// 127.0.0.1 and `[::1]` at this port: what `localhost` resolves to. Port 0 lets the system choose.
    Localhost { port: u16 },
    /// One address.
    At(SocketAddr),
}

/// The public client id of the Codex CLI (codex-rs/core/src/auth.rs).
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
/// The only two that the issuer knows for that client (codex-rs/login/src/server.rs).
const LOGIN_PORTS_OF_THE_CLI: [u16; 2] = [1455, 1457];
pub const DEFAULT_PORT: u16 = 9876;
/// More often would only cost battery and good will.
pub const MIN_POLL_INTERVAL: Duration = Duration::from_secs(60);

pub const MAX_KEEP_DAYS: u32 = 30;
pub const MAX_PREVIEW_BYTES: usize = 4_096;

/// One setting that could not be used; the default stands in for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value:?} cannot be used: {reason}")]
pub struct BadSetting {
    pub key: &'static str,
    pub value: String,
    pub reason: String,
}

impl Default for Settings {
    fn default() -> Self {
        let url =
            |text| Url::parse(text).unwrap_or_else(|_| unreachable!("the default URLs are whole"));
        Self {
            listen: Listen::Localhost { port: DEFAULT_PORT },
            hosts: Vec::new(),
            router_on: true,
            strategy: Strategy::default(),
            switch_way: SwitchWay::default(),
            websocket: true,
            affinity: true,
            models: ModelMap::default(),
            chatgpt_base_url: url("https://chatgpt.com/backend-api"),
            openai_base_url: url("https://api.openai.com/v1"),
            issuer: url("https://auth.openai.com"),
            refresh_url: None,
            client_id: CLIENT_ID.into(),
            login_originator: None,
            login_ports: LOGIN_PORTS_OF_THE_CLI,
            originator: "codex_router".into(),
            user_agent: format!(
                "codex-router/{} ({}; {})",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
            proxy: Proxy::System,
            ca_file: None,
            log_file: true,
            metrics: true,
            limits: LimitSettings::default(),
            usage_poll_interval: Duration::from_secs(600),
            usage_poll: true,
            ledger: LedgerSettings::default(),
            no_window: false,
            theme: Theme::System,
        }
    }
}

impl Settings {
    /// Reads the text of `config.toml` (none: `self` stays) under the environment, which `env` looks up.
    ///
    /// Never fails: what cannot be used is reported and its default taken, so that a typo does not keep anybody from their
    /// logins. Only where a proxy may have been meant, nothing goes out: without it others would learn where the user is.
    pub fn overridden_by(
        self,
        config: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> ReadSettings {
        let mut read = ReadSettings::from(self);
        let table = match config.unwrap_or_default().parse::<toml::Table>() {
            Ok(table) => table,
            Err(err) => {
                let reason = err.message().to_owned();
                if config.is_some_and(|text| text.contains("proxy")) {
                    read.settings.proxy =
                        Proxy::Unusable("config.toml cannot be read, and names a proxy".into());
                }
                read.bad.push(BadSetting {
                    key: "config.toml",
                    value: String::new(),
                    reason,
                });
                toml::Table::new()
            }
        };
        for setting in Setting::ALL {
            let names = setting.env().iter();
            let from_env = names
                .filter_map(|name| Some((*name, env(name).filter(|text| !text.is_empty())?)))
                .next();
            let (source, text) = match (from_env, in_table(&table, setting)) {
                (Some((name, text)), _) => (Source::Environment(name), text),
                (None, Some(text)) => (Source::File, text),
                (None, None) => continue,
            };
            match read.settings.set(setting, &text) {
                Ok(()) => {
                    read.sources.insert(setting, source);
                }
                Err(reason) => {
                    if setting == Setting::Proxy {
                        read.settings.proxy = Proxy::Unusable(format!(
                            "the setting {} cannot be used: {reason}",
                            setting.key()
                        ));
                    }
                    read.bad.push(BadSetting {
                        key: setting.key(),
                        value: shown(setting, &text),
                        reason,
                    });
                }
            }
        }
        read
    }

    /// What is done instead of what this bad setting says: a clause. Without its proxy nothing goes out.
    pub fn instead(&self, bad: &BadSetting) -> &'static str {
        let is_closed = matches!(self.proxy, Proxy::Unusable(_));
        match is_closed && (bad.key == Setting::Proxy.key() || bad.key == "config.toml") {
            true => "nothing is sent until it is mended",
            false => "using the default",
        }
    }

    /// Whether requests of ours go to the same services, by the same way and under the same name.
    pub fn has_same_way_out(&self, other: &Self) -> bool {
        let of = |it: &Self| {
            let services = (
                it.chatgpt_base_url.clone(),
                it.openai_base_url.clone(),
                it.token_url(),
                it.issuer.clone(),
            );
            let names = (
                it.client_id.clone(),
                it.originator.clone(),
                it.user_agent.clone(),
                it.login_originator().to_owned(),
            );
            let way = (it.proxy.clone(), it.ca_file.clone(), it.login_ports);
            (services, names, way)
        };
        of(self) == of(other)
    }

    /// Who we say we are where people sign in.
    pub fn login_originator(&self) -> &str {
        self.login_originator.as_deref().unwrap_or(&self.originator)
    }

    /// Where a refresh token is redeemed.
    pub fn token_url(&self) -> Url {
        self.refresh_url
            .clone()
            .unwrap_or_else(|| with_path(&self.issuer, "oauth/token"))
    }

    pub fn responses_url(&self) -> Url {
        with_path(&self.chatgpt_base_url, "codex/responses")
    }

    pub fn codex_models_url(&self) -> Url {
        with_path(&self.chatgpt_base_url, "codex/models")
    }

    /// Hosts with `/backend-api` have it below `wham`, others below `api/codex` (codex-rs/backend-client/src/client.rs).
    pub fn usage_url(&self) -> Url {
        let below = if self.chatgpt_base_url.path().contains("/backend-api") {
            "wham/usage"
        } else {
            "api/codex/usage"
        };
        with_path(&self.chatgpt_base_url, below)
    }

    pub fn openai_url(&self, below: &str) -> Url {
        with_path(&self.openai_base_url, below)
    }
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            is_on: true,
            keep_days: MAX_KEEP_DAYS,
            preview_bytes: 0,
        }
    }
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// As it stands in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|theme| theme.as_str() == text);
        found.ok_or_else(|| "write system, light or dark".to_owned())
    }
}

impl Listen {
    /// Reads `localhost:9876`, `127.0.0.1:0`, `[::1]:9876` or a bare port.
    ///
    /// # Errors
    /// A sentence that shows the forms.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self::Localhost { port });
        }
        if let Some(port) = text
            .strip_prefix("localhost:")
            .and_then(|port| port.parse().ok())
        {
            return Ok(Self::Localhost { port });
        }
        text.parse()
            .map(Self::At)
            .map_err(|_ignored| "write it as localhost:9876 or 127.0.0.1:9876".to_owned())
    }

    pub fn port(&self) -> u16 {
        match self {
            Self::Localhost { port } => *port,
            Self::At(address) => address.port(),
        }
    }

    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Localhost { .. } => true,
            Self::At(address) => address.ip().is_loopback(),
        }
    }

    /// The address to show, and the first one to bind.
    pub fn first(&self) -> SocketAddr {
        match self {
            Self::Localhost { port } => (IpAddr::V4(Ipv4Addr::LOCALHOST), *port).into(),
            Self::At(address) => *address,
        }
    }

    /// The same place at another port.
    pub fn with_port(self, port: u16) -> Self {
        match self {
            Self::Localhost { .. } => Self::Localhost { port },
            Self::At(address) => Self::At(SocketAddr::new(address.ip(), port)),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost { port } => write!(f, "localhost:{port}"),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// What the file says of it, as text.
fn in_table(table: &toml::Table, setting: Setting) -> Option<String> {
    let (section, key) = setting.key().split_once('.')?;
    match table.get(section)?.as_table()?.get(key)? {
        toml::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A value that cannot be used, as it may be shown: what stands in front of an `@` may be a password, and in what was meant as a
/// proxy anything.
fn shown(setting: Setting, text: &str) -> String {
    if setting == Setting::Proxy {
        return "…".to_owned();
    }
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

/// `base` + `/` + `below`, whether or not the base ends in a slash; its query stays.
fn with_path(base: &Url, below: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{below}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str, env: &[(&str, &str)]) -> (Settings, Vec<BadSetting>) {
        let read = Settings::default().overridden_by(Some(config), |name| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        });
        (read.settings, read.bad)
    }

    #[test]
    fn the_environment_beats_the_file_and_the_file_beats_the_default() {
        let config = "[router]\naddr = \"localhost:1\"\nstrategy = \"active\"\n[usage]\npoll_interval_secs = 90\n";
        let (settings, bad) = read(
            config,
            &[
                ("CODEX_ROUTER_ADDR", "127.0.0.1:2"),
                ("CODEX_ROUTER_THEME", "dark"),
            ],
        );
        assert_eq!(bad, []);
        assert_eq!(settings.listen, Listen::At("127.0.0.1:2".parse().unwrap()));
        assert_eq!(settings.strategy, Strategy::Active);
        assert_eq!(settings.theme, Theme::Dark);
        assert_eq!(settings.usage_poll_interval, Duration::from_secs(90));
        assert_eq!(read("", &[]).0, Settings::default());
    }

    #[test]
    fn what_cannot_be_used_is_reported_and_its_default_taken() {
        let (settings, bad) = read(
            "[upstream]\nchatgpt_base_url = \"http://example.test/backend-api\"\n[router]\nstrategy = \"luck\"\naddr = \"here\"",
            &[("CODEX_ROUTER_USAGE_POLL_INTERVAL_SECS", "often")],
        );
        assert_eq!(settings, Settings::default());
        let keys: Vec<_> = bad.iter().map(|bad| bad.key).collect();
        assert_eq!(
            keys,
            [
                "router.addr",
                "router.strategy",
                "upstream.chatgpt_base_url",
                "usage.poll_interval_secs"
            ]
        );
        assert_eq!(read("not toml =", &[]).1[0].key, "config.toml");
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        for url in [
            "https://me:canary@gate.example.test/v1",
            "https://canary@gate.example.test",
            "me:canary@gate.example.test",
        ] {
            let (_, bad) = read("", &[("CODEX_ROUTER_OPENAI_BASE_URL", url)]);
            let sentence = bad[0].to_string();
            assert!(!sentence.contains("canary"), "{sentence}");
            assert!(sentence.contains("gate.example.test"), "{sentence}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_not_replaced_by_a_direct_way() {
        let (settings, bad) = read("[network]\nproxy = \"none\"\nca_file = \"/a/ca.pem\"", &[]);
        assert_eq!((settings.proxy, bad), (Proxy::Direct, vec![]));
        assert_eq!(settings.ca_file, Some(PathBuf::from("/a/ca.pem")));
        for (config, env) in [
            ("[network]\nproxy = \"ana:canary@gate.test:1\"", None),
            ("[network]\nproxy = 7", None),
            ("", Some(("CODEX_ROUTER_PROXY", "http://canary"))),
            ("[network\nproxy = \"http://ana:canary@gate.test:1\"", None),
        ] {
            let env: Vec<_> = env
                .into_iter()
                .map(|(name, _)| (name, "htp://ana:canary@x"))
                .collect();
            let (settings, bad) = read(config, &env);
            assert!(matches!(settings.proxy, Proxy::Unusable(_)), "{config}");
            assert_eq!(bad.len(), 1);
            assert_eq!(
                settings.instead(&bad[0]),
                "nothing is sent until it is mended"
            );
            let said = format!("{settings:?} {bad:?} {}", bad[0]);
            assert!(!said.contains("canary"), "{said}");
        }
        // What is broken names none, and the environment beats what may be wrong.
        assert_eq!(read("[broken", &[]).0.proxy, Proxy::System);
        let env = [("CODEX_ROUTER_PROXY", "none")];
        assert_eq!(read("[proxy", &env).0.proxy, Proxy::Direct);
    }

    #[test]
    fn base_urls_are_joined_with_one_slash_and_usage_follows_the_base() {
        let (settings, _) = read(
            "",
            &[(
                "CODEX_ROUTER_CHATGPT_BASE_URL",
                "http://127.0.0.1:5/backend-api/",
            )],
        );
        assert_eq!(
            settings.responses_url().as_str(),
            "http://127.0.0.1:5/backend-api/codex/responses"
        );
        assert_eq!(
            settings.usage_url().as_str(),
            "http://127.0.0.1:5/backend-api/wham/usage"
        );
        let (settings, _) = read(
            "",
            &[("CODEX_ROUTER_CHATGPT_BASE_URL", "https://gate.example.test")],
        );
        assert_eq!(
            settings.usage_url().as_str(),
            "https://gate.example.test/api/codex/usage"
        );
        assert_eq!(
            Settings::default().token_url().as_str(),
            "https://auth.openai.com/oauth/token"
        );
    }

    #[test]
    fn the_map_of_models_is_a_table_in_the_file_and_a_list_in_the_environment() {
        let table = "[models.map]\n\"claude-*\" = \"gpt-a\"\n";
        let (settings, bad) = read(table, &[]);
        assert_eq!(
            (settings.models.model_for("claude-opus"), bad),
            ("gpt-a", vec![])
        );
        let (settings, _) = read(table, &[("CODEX_ROUTER_MODELS_MAP", "claude-*=gpt-b")]);
        assert_eq!(settings.models.model_for("claude-opus"), "gpt-b");
        let (settings, bad) = read("[models]\nmap = 7", &[]);
        assert_eq!((settings.models, bad.len()), (ModelMap::default(), 1));
    }

    #[test]
    fn sessions_stay_at_their_profile_unless_that_is_turned_off() {
        assert!(read("", &[]).0.affinity);
        assert!(!read("[router]\naffinity = false", &[]).0.affinity);
        assert!(!read("", &[("CODEX_ROUTER_AFFINITY", "off")]).0.affinity);
    }

    #[test]
    fn names_of_this_computer_are_plain_and_without_a_port() {
        let (settings, bad) = read("[router]\nhosts = \"box.lan, router.home\"", &[]);
        assert_eq!(
            (settings.hosts, bad),
            (vec!["box.lan".into(), "router.home".into()], vec![])
        );
        let (settings, bad) = read("", &[("CODEX_ROUTER_HOSTS", "box.lan:9876")]);
        assert_eq!((settings.hosts.len(), bad.len()), (0, 1));
    }

    #[test]
    fn the_record_is_kept_for_a_month_at_most_and_without_bodies_unless_asked() {
        let (settings, bad) = read("", &[]);
        let of = |settings: &Settings| {
            let ledger = settings.ledger;
            (ledger.is_on, ledger.keep_days, ledger.preview_bytes)
        };
        assert_eq!((of(&settings), bad), ((true, 30, 0), vec![]));
        let text = "[ledger]\nenabled = false\nkeep_days = 7\npreview_bytes = 4096";
        assert_eq!(of(&read(text, &[]).0), (false, 7, 4_096));
        let text = "[ledger]\nkeep_days = 31\npreview_bytes = 4097";
        let (settings, bad) = read(text, &[]);
        assert_eq!((of(&settings), bad.len()), ((true, 30, 0), 2));
    }

    #[test]
    fn polling_more_often_than_once_a_minute_is_not_possible() {
        let (settings, bad) = read("[usage]\npoll_interval_secs = 1", &[]);
        assert_eq!(
            (settings.usage_poll_interval, bad),
            (MIN_POLL_INTERVAL, vec![])
        );
    }

    #[test]
    fn where_people_sign_in_can_be_set() {
        let (settings, bad) = read("", &[]);
        assert_eq!((settings.login_ports, bad), ([1455, 1457], vec![]));
        assert_eq!(settings.login_originator(), "codex_router");
        let text = "[login]\nissuer = \"https://auth.example.test\"\nclient_id = \"app_x\"\noriginator = \"mine\"\nports = \"0, 0\"";
        let (settings, bad) = read(text, &[]);
        assert_eq!(bad, []);
        assert_eq!(settings.login_originator(), "mine");
        assert_eq!(settings.originator, "codex_router");
        assert_eq!(
            (settings.login_ports, settings.client_id.as_str()),
            ([0, 0], "app_x")
        );
        for ports in ["", "1,2,3", "x", "70000", "1455;1457"] {
            let (settings, bad) = read("", &[("CODEX_ROUTER_LOGIN_PORTS", ports)]);
            assert_eq!(settings.login_ports, [1455, 1457], "{ports}");
            assert_eq!(bad.is_empty(), ports.is_empty(), "{ports}");
        }
    }

    #[test]
    fn listen_is_read_in_every_form() {
        assert_eq!(Listen::parse("9877"), Ok(Listen::Localhost { port: 9877 }));
        assert_eq!(
            Listen::parse("localhost:0"),
            Ok(Listen::Localhost { port: 0 })
        );
        assert!(!Listen::parse("0.0.0.0:1").unwrap().is_loopback());
        assert!(Listen::parse("[::1]:1").unwrap().is_loopback());
        assert!(Listen::parse("localhost").is_err());
    }
}
