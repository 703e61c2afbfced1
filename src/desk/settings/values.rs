//! The value of each setting from its text, and the text of each value.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use url::{Host, Url};

use super::limits::{secs_within, within};
use super::{
    Listen, MAX_KEEP_DAYS, MAX_PREVIEW_BYTES, MIN_POLL_INTERVAL, ModelMap, Setting, Settings,
    SwitchWay, Theme,
};
use crate::pool::UnknownStrategy;
use crate::profile::Proxy;

/// Running accounts ([`super::LimitSettings`]).
const PLACES: RangeInclusive<usize> = 1..=4_096;

impl Settings {
    /// Takes a value as it stands in the file or in the environment.
    ///
    /// # Errors
    /// A sentence that says what could stand there. Nothing is changed then.
    pub fn set(&mut self, setting: Setting, text: &str) -> Result<(), String> {
        let text = text.trim();
        let (limits, ledger) = (&mut self.limits, &mut self.ledger);
        match setting {
            Setting::Listen => self.listen = Listen::parse(text)?,
            Setting::Hosts => self.hosts = parse_hosts(text)?,
            Setting::RouterOn => self.router_on = parse_switch(text)?,
            Setting::Strategy => {
                let strategy = text.parse();
                self.strategy = strategy.map_err(|err: UnknownStrategy| err.to_string())?;
            }
            Setting::SwitchWay => self.switch_way = SwitchWay::parse(text)?,
            Setting::Websocket => self.websocket = parse_switch(text)?,
            Setting::Affinity => self.affinity = parse_switch(text)?,
            Setting::Models => self.models = ModelMap::parse(text)?,
            Setting::ChatGptBaseUrl => self.chatgpt_base_url = parse_base_url(text)?,
            Setting::OpenAiBaseUrl => self.openai_base_url = parse_base_url(text)?,
            Setting::Issuer => self.issuer = parse_base_url(text)?,
            Setting::RefreshUrl => self.refresh_url = Some(parse_base_url(text)?),
            Setting::ClientId => self.client_id = parse_header_text(text)?,
            Setting::LoginOriginator => self.login_originator = Some(parse_header_text(text)?),
            Setting::LoginPorts => self.login_ports = parse_ports(text)?,
            Setting::Originator => self.originator = parse_header_text(text)?,
            Setting::UserAgent => self.user_agent = parse_header_text(text)?,
            Setting::Proxy => self.proxy = Proxy::parse(text)?,
            Setting::CaFile => {
                let path = Path::new(text);
                let whole = path.is_absolute().then(|| path.to_owned());
                self.ca_file = Some(whole.ok_or("write the whole path")?);
            }
            Setting::LogFile => self.log_file = parse_switch(text)?,
            Setting::Metrics => self.metrics = parse_switch(text)?,
            Setting::Requests => limits.requests = within(PLACES)(text)?,
            Setting::PerAccount => limits.per_account = within(PLACES)(text)?,
            Setting::PerKey => limits.per_key = within(PLACES)(text)?,
            Setting::Queue => limits.queue = within(0..=4_096)(text)?,
            Setting::QueueWait => limits.queue_wait = secs_within(0..=120)(text)?,
            Setting::Accounts => limits.accounts = within(1..=16)(text)?,
            Setting::Retries => limits.retries = within(0..=15)(text)?,
            Setting::FirstEvent => limits.first_event = secs_within(5..=3_600)(text)?,
            Setting::FirstEventLong => limits.first_event_long = secs_within(5..=7_200)(text)?,
            // Long reasoning is silent for minutes.
            Setting::Idle => limits.idle = secs_within(30..=7_200)(text)?,
            Setting::PollInterval => {
                let secs: Option<u64> = text.parse().ok();
                let interval = Duration::from_secs(secs.ok_or("give whole seconds")?);
                self.usage_poll_interval = interval.max(MIN_POLL_INTERVAL);
            }
            Setting::Poll => self.usage_poll = parse_switch(text)?,
            Setting::LedgerOn => ledger.is_on = parse_switch(text)?,
            Setting::KeepDays => {
                let days = text.parse().ok();
                ledger.keep_days = days
                    .filter(|days| (1..=MAX_KEEP_DAYS).contains(days))
                    .ok_or_else(|| format!("give whole days from 1 to {MAX_KEEP_DAYS}"))?;
            }
            Setting::PreviewBytes => {
                let bytes = text.parse().ok();
                ledger.preview_bytes = bytes
                    .filter(|bytes| *bytes <= MAX_PREVIEW_BYTES)
                    .ok_or_else(|| format!("give bytes from 0 to {MAX_PREVIEW_BYTES}"))?;
            }
            // Here any value means yes (`CODEX_ROUTER_NO_WINDOW=1`), except a plain no.
            Setting::NoWindow => self.no_window = parse_switch(text).unwrap_or(true),
            Setting::Theme => self.theme = Theme::parse(text)?,
        }
        Ok(())
    }

    /// The value as it would stand in the file, for the screen: of a proxy without its user and password. Empty: none is set.
    pub fn text(&self, setting: Setting) -> String {
        let (limits, ledger) = (&self.limits, &self.ledger);
        let secs = |time: Duration| time.as_secs().to_string();
        match setting {
            Setting::Listen => self.listen.to_string(),
            Setting::Hosts => self.hosts.join(", "),
            Setting::RouterOn => self.router_on.to_string(),
            Setting::Strategy => self.strategy.to_string(),
            Setting::SwitchWay => self.switch_way.as_str().to_owned(),
            Setting::Websocket => self.websocket.to_string(),
            Setting::Affinity => self.affinity.to_string(),
            Setting::Models => self.models.to_string(),
            Setting::ChatGptBaseUrl => self.chatgpt_base_url.to_string(),
            Setting::OpenAiBaseUrl => self.openai_base_url.to_string(),
            Setting::Issuer => self.issuer.to_string(),
            Setting::RefreshUrl => self
                .refresh_url
                .as_ref()
                .map(Url::to_string)
                .unwrap_or_default(),
            Setting::ClientId => self.client_id.clone(),
            Setting::LoginOriginator => self.login_originator().to_owned(),
            Setting::LoginPorts => self.login_ports.map(|port| port.to_string()).join(", "),
            Setting::Originator => self.originator.clone(),
            Setting::UserAgent => self.user_agent.clone(),
            Setting::Proxy => match &self.proxy {
                Proxy::System => "system".to_owned(),
                Proxy::Direct => "none".to_owned(),
                Proxy::Through(proxy) => proxy.shown(),
                Proxy::Unusable(_) => String::new(),
            },
            Setting::CaFile => {
                let path = self.ca_file.as_ref();
                path.map(|path| path.display().to_string())
                    .unwrap_or_default()
            }
            Setting::LogFile => self.log_file.to_string(),
            Setting::Metrics => self.metrics.to_string(),
            Setting::Requests => limits.requests.to_string(),
            Setting::PerAccount => limits.per_account.to_string(),
            Setting::PerKey => limits.per_key.to_string(),
            Setting::Queue => limits.queue.to_string(),
            Setting::QueueWait => secs(limits.queue_wait),
            Setting::Accounts => limits.accounts.to_string(),
            Setting::Retries => limits.retries.to_string(),
            Setting::FirstEvent => secs(limits.first_event),
            Setting::FirstEventLong => secs(limits.first_event_long),
            Setting::Idle => secs(limits.idle),
            Setting::PollInterval => secs(self.usage_poll_interval),
            Setting::Poll => self.usage_poll.to_string(),
            Setting::LedgerOn => ledger.is_on.to_string(),
            Setting::KeepDays => ledger.keep_days.to_string(),
            Setting::PreviewBytes => ledger.preview_bytes.to_string(),
            Setting::NoWindow => self.no_window.to_string(),
            Setting::Theme => self.theme.as_str().to_owned(),
        }
    }
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("write true or false".into()),
    }
}

/// `box.lan, router.home`, as it stands in the environment.
fn parse_hosts(text: &str) -> Result<Vec<String>, String> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let read = |name: &str| match name.len() <= 253 && name.bytes().all(is_letter) {
        true => Ok(name.to_owned()),
        false => Err(
            "write names with commas between them, without ports: box.lan, router.home".to_owned(),
        ),
    };
    names.map(read).collect()
}

/// `1455, 1457`; 0 lets the system choose.
fn parse_ports(text: &str) -> Result<[u16; 2], String> {
    let ports: Option<Vec<u16>> = text
        .split(',')
        .map(|port| port.trim().parse().ok())
        .collect();
    match ports.as_deref() {
        Some(&[first, second]) => Ok([first, second]),
        Some(&[only]) => Ok([only, only]),
        _ => Err("write two ports with a comma between them: 1455, 1457".to_owned()),
    }
}

fn parse_header_text(text: &str) -> Result<String, String> {
    if text.is_empty()
        || text.len() > 256
        || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        return Err("use 1 to 256 plain ASCII characters".into());
    }
    Ok(text.to_owned())
}

/// https anywhere, http on loopback only; a token sent in the clear over a network is a lost login.
fn parse_base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|err| err.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password in the address is not allowed".into());
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return Err("it has no host".into()),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err("plain http is accepted for this computer only; use https".into()),
        _ => Err("use https".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_value_means_the_same_value() {
        let texts = "router.addr=[::1]:7 router.hosts=box.lan,b.lan router.strategy=fastest switch.way=router models.map=claude-*=a,b=c
            login.refresh_url=https://a.test/t network.proxy=socks5h://gate.test:9 network.ca_file=/a/ca.pem login.ports=0,7
            limits.queue_secs=3 ledger.keep_days=7 window.theme=dark usage.poll=off window.hidden=1 login.originator=mine";
        let mut settings = Settings::default();
        for pair in texts.split_whitespace() {
            let (key, text) = pair.split_once('=').unwrap();
            settings.set(Setting::of_key(key).unwrap(), text).unwrap();
        }
        let mut again = Settings::default();
        for setting in Setting::ALL {
            let text = settings.text(setting);
            if !text.is_empty() {
                again.set(setting, &text).unwrap();
            }
        }
        assert_eq!(again, settings);
    }

    #[test]
    fn the_password_of_a_proxy_is_never_told() {
        let mut settings = Settings::default();
        settings
            .set(Setting::Proxy, "http://ana:canary@gate.test:3128")
            .unwrap();
        assert_eq!(settings.text(Setting::Proxy), "http://…@gate.test:3128");
    }
}
