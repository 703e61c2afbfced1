//! Which settings there are: what each is called in `config.toml` and in the environment, and when a change of it takes effect.

use std::fmt;

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    Listen,
    Hosts,
    RouterOn,
    Strategy,
    SwitchWay,
    Websocket,
    Affinity,
    Models,
    ChatGptBaseUrl,
    OpenAiBaseUrl,
    Issuer,
    RefreshUrl,
    ClientId,
    LoginOriginator,
    LoginPorts,
    Originator,
    UserAgent,
    Proxy,
    CaFile,
    LogFile,
    Metrics,
    Requests,
    PerAccount,
    PerKey,
    Queue,
    QueueWait,
    Accounts,
    Retries,
    FirstEvent,
    FirstEventLong,
    Idle,
    PollInterval,
    Poll,
    LedgerOn,
    KeepDays,
    PreviewBytes,
    NoWindow,
    Theme,
}

/// When a changed setting is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesEffect {
    AtOnce,
    /// It says how the program starts, or is only read there.
    AtNextStart,
}

impl Setting {
    /// In the order in which they are told of.
    pub const ALL: [Self; 38] = [
        Self::Listen,
        Self::Hosts,
        Self::RouterOn,
        Self::Strategy,
        Self::SwitchWay,
        Self::Websocket,
        Self::Affinity,
        Self::Models,
        Self::ChatGptBaseUrl,
        Self::OpenAiBaseUrl,
        Self::Issuer,
        Self::RefreshUrl,
        Self::ClientId,
        Self::LoginOriginator,
        Self::LoginPorts,
        Self::Originator,
        Self::UserAgent,
        Self::Proxy,
        Self::CaFile,
        Self::LogFile,
        Self::Metrics,
        Self::Requests,
        Self::PerAccount,
        Self::PerKey,
        Self::Queue,
        Self::QueueWait,
        Self::Accounts,
        Self::Retries,
        Self::FirstEvent,
        Self::FirstEventLong,
        Self::Idle,
        Self::PollInterval,
        Self::Poll,
        Self::LedgerOn,
        Self::KeepDays,
        Self::PreviewBytes,
        Self::NoWindow,
        Self::Theme,
    ];

    /// The key in `config.toml`: a table and a name in it.
    pub fn key(self) -> &'static str {
        self.names().0
    }

    /// The variables that beat the file. The first one that is set wins.
    pub fn env(self) -> &'static [&'static str] {
        self.names().1
    }

    /// The setting of this key.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.key() == key)
    }

    /// Whether its value is true or false.
    pub fn is_switch(self) -> bool {
        matches!(
            self,
            Self::RouterOn
                | Self::Websocket
                | Self::Affinity
                | Self::LogFile
                | Self::Metrics
                | Self::Poll
                | Self::LedgerOn
                | Self::NoWindow
        )
    }

    /// Whether its value is a whole number.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::Requests
                | Self::PerAccount
                | Self::PerKey
                | Self::Queue
                | Self::QueueWait
                | Self::Accounts
                | Self::Retries
                | Self::FirstEvent
                | Self::FirstEventLong
                | Self::Idle
                | Self::PollInterval
                | Self::KeepDays
                | Self::PreviewBytes
        )
    }

    pub fn takes_effect(self) -> TakesEffect {
        match self {
            Self::RouterOn | Self::NoWindow | Self::LogFile => TakesEffect::AtNextStart,
            _ => TakesEffect::AtOnce,
        }
    }

    fn names(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Listen => (
                "router.addr",
                &["CODEX_ROUTER_ADDR", "CODEX_ROUTER_ROUTER_ADDR"],
            ),
            Self::Hosts => (
                "router.hosts",
                &["CODEX_ROUTER_HOSTS", "CODEX_ROUTER_ROUTER_HOSTS"],
            ),
            Self::RouterOn => ("router.enabled", &["CODEX_ROUTER_ROUTER_ENABLED"]),
            Self::Strategy => (
                "router.strategy",
                &["CODEX_ROUTER_STRATEGY", "CODEX_ROUTER_ROUTER_STRATEGY"],
            ),
            Self::SwitchWay => ("switch.way", &["CODEX_ROUTER_SWITCH_WAY"]),
            Self::Websocket => (
                "router.websocket",
                &["CODEX_ROUTER_WEBSOCKET", "CODEX_ROUTER_ROUTER_WEBSOCKET"],
            ),
            Self::Affinity => (
                "router.affinity",
                &["CODEX_ROUTER_AFFINITY", "CODEX_ROUTER_ROUTER_AFFINITY"],
            ),
            Self::Models => ("models.map", &["CODEX_ROUTER_MODELS_MAP"]),
            Self::ChatGptBaseUrl => (
                "upstream.chatgpt_base_url",
                &[
                    "CODEX_ROUTER_CHATGPT_BASE_URL",
                    "CODEX_ROUTER_UPSTREAM_CHATGPT_BASE_URL",
                ],
            ),
            Self::OpenAiBaseUrl => (
                "upstream.openai_base_url",
                &[
                    "CODEX_ROUTER_OPENAI_BASE_URL",
                    "CODEX_ROUTER_UPSTREAM_OPENAI_BASE_URL",
                ],
            ),
            Self::Issuer => (
                "login.issuer",
                &["CODEX_ROUTER_ISSUER", "CODEX_ROUTER_LOGIN_ISSUER"],
            ),
            Self::RefreshUrl => ("login.refresh_url", &["CODEX_REFRESH_TOKEN_URL_OVERRIDE"]),
            Self::ClientId => (
                "login.client_id",
                &["CODEX_ROUTER_CLIENT_ID", "CODEX_ROUTER_LOGIN_CLIENT_ID"],
            ),
            Self::LoginOriginator => ("login.originator", &["CODEX_ROUTER_LOGIN_ORIGINATOR"]),
            Self::LoginPorts => ("login.ports", &["CODEX_ROUTER_LOGIN_PORTS"]),
            Self::Originator => (
                "upstream.originator",
                &[
                    "CODEX_ROUTER_ORIGINATOR",
                    "CODEX_ROUTER_UPSTREAM_ORIGINATOR",
                ],
            ),
            Self::UserAgent => (
                "upstream.user_agent",
                &[
                    "CODEX_ROUTER_USER_AGENT",
                    "CODEX_ROUTER_UPSTREAM_USER_AGENT",
                ],
            ),
            Self::Proxy => (
                "network.proxy",
                &["CODEX_ROUTER_PROXY", "CODEX_ROUTER_NETWORK_PROXY"],
            ),
            Self::CaFile => (
                "network.ca_file",
                &["CODEX_ROUTER_CA_FILE", "CODEX_ROUTER_NETWORK_CA_FILE"],
            ),
            Self::LogFile => ("log.file", &["CODEX_ROUTER_LOG_FILE"]),
            Self::Metrics => ("metrics.enabled", &["CODEX_ROUTER_METRICS_ENABLED"]),
            Self::Requests => ("limits.requests", &["CODEX_ROUTER_LIMITS_REQUESTS"]),
            Self::PerAccount => ("limits.per_account", &["CODEX_ROUTER_LIMITS_PER_ACCOUNT"]),
            Self::PerKey => ("limits.per_key", &["CODEX_ROUTER_LIMITS_PER_KEY"]),
            Self::Queue => ("limits.queue", &["CODEX_ROUTER_LIMITS_QUEUE"]),
            Self::QueueWait => ("limits.queue_secs", &["CODEX_ROUTER_LIMITS_QUEUE_SECS"]),
            Self::Accounts => ("limits.accounts", &["CODEX_ROUTER_LIMITS_ACCOUNTS"]),
            Self::Retries => ("limits.retries", &["CODEX_ROUTER_LIMITS_RETRIES"]),
            Self::FirstEvent => (
                "limits.first_event_secs",
                &["CODEX_ROUTER_LIMITS_FIRST_EVENT_SECS"],
            ),
            Self::FirstEventLong => (
                "limits.first_event_long_secs",
                &["CODEX_ROUTER_LIMITS_FIRST_EVENT_LONG_SECS"],
            ),
            Self::Idle => ("limits.idle_secs", &["CODEX_ROUTER_LIMITS_IDLE_SECS"]),
            Self::PollInterval => (
                "usage.poll_interval_secs",
                &["CODEX_ROUTER_USAGE_POLL_INTERVAL_SECS"],
            ),
            Self::Poll => ("usage.poll", &["CODEX_ROUTER_USAGE_POLL"]),
            Self::LedgerOn => ("ledger.enabled", &["CODEX_ROUTER_LEDGER_ENABLED"]),
            Self::KeepDays => ("ledger.keep_days", &["CODEX_ROUTER_LEDGER_KEEP_DAYS"]),
            Self::PreviewBytes => (
                "ledger.preview_bytes",
                &["CODEX_ROUTER_LEDGER_PREVIEW_BYTES"],
            ),
            Self::NoWindow => (
                "window.hidden",
                &["CODEX_ROUTER_NO_WINDOW", "CODEX_ROUTER_WINDOW_HIDDEN"],
            ),
            Self::Theme => (
                "window.theme",
                &["CODEX_ROUTER_THEME", "CODEX_ROUTER_WINDOW_THEME"],
            ),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_setting_has_a_key_and_variables_of_its_own() {
        let all: BTreeSet<_> = Setting::ALL.into_iter().collect();
        assert_eq!(all.len(), Setting::ALL.len());
        assert_eq!(Setting::ALL.last(), all.last());
        let keys: BTreeSet<_> = all.iter().map(|setting| setting.key()).collect();
        assert_eq!(keys.len(), all.len());
        let variables = all.iter().flat_map(|setting| setting.env());
        let count = variables.clone().count();
        assert_eq!(variables.collect::<BTreeSet<_>>().len(), count);
        for setting in all {
            assert_eq!(Setting::of_key(setting.key()), Some(setting));
        }
        assert_eq!(Setting::of_key("router"), None);
    }
}
