//! How a profile's requests get out: through which proxy, and which headers of the user's own they carry.
//!
//! What cannot be understood is kept as such and sends nothing: a request that went out without its proxy would tell a stranger
//! where the user is.

use std::fmt;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use super::endpoint::file::own_header;
use super::secret::Secret;
use super::side_file::SideFile;

/// What one profile has of its own. The default is what is set for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// None: the one that is set for all.
    pub proxy: Option<Proxy>,
    /// Sent with every request to the service, never to the issuer of tokens. The values may be secrets.
    pub headers: Vec<(HeaderName, Secret)>,
}

/// The way to the outside. Its `Debug` shows no password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As the environment (`HTTPS_PROXY`, …) or the system says.
    #[default]
    System,
    /// Straight to the service.
    Direct,
    Through(ProxyUrl),
    /// Nothing goes out, for this reason: a sentence without a secret.
    Unusable(String),
}

/// The address of a proxy, with a user and a password if it wants them.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    whole: Secret,
    host: String,
    port: u16,
    scheme: &'static str,
}

/// socks5 looks names up on this computer, socks5h at the proxy.
const SCHEMES: [(&str, u16); 4] = [
    ("http", 80),
    ("https", 443),
    ("socks5", 1080),
    ("socks5h", 1080),
];
/// SOCKS carries a user and a password in 255 bytes each (RFC 1929 section 2).
const MAX_URL_BYTES: usize = 1024;
const MAX_HEADERS: usize = 16;
const MAX_VALUE_BYTES: usize = 4 * 1024;

impl Proxy {
    /// Reads `system`, `none` or an address.
    ///
    /// # Errors
    /// A sentence that repeats nothing of the text: there may be a password in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "system" => Ok(Self::System),
            "none" => Ok(Self::Direct),
            address => ProxyUrl::parse(address).map(Self::Through),
        }
    }
}

impl ProxyUrl {
    /// # Errors
    /// As [`Proxy::parse`].
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write system, none, or an address such as http://host:3128 or socks5h://user:password@host:1080";
        let url = Url::parse(text).map_err(|_quotes_nothing| FORM.to_owned())?;
        let known = SCHEMES.iter().find(|(scheme, _)| *scheme == url.scheme());
        let Some((scheme, default_port)) = known else {
            return Err(FORM.to_owned());
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(FORM)?.to_owned();
        let is_bare =
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !is_bare || text.len() > MAX_URL_BYTES {
            return Err("an address of a proxy ends with its port".to_owned());
        }
        let port = url.port().unwrap_or(*default_port);
        let mut user = url.username().to_owned();
        if let Some(password) = url.password() {
            user = format!("{user}:{password}");
        }
        let at = if user.is_empty() { "" } else { "@" };
        // The port always: what reads it next takes 80 where none is told, whatever the scheme.
        let whole = format!("{scheme}://{user}{at}{host}:{port}");
        if whole.parse::<http::Uri>().is_err() {
            return Err("it has characters that no address has; write them as %41".to_owned());
        }
        Ok(Self {
            whole: Secret::new(whole),
            host,
            port,
            scheme,
        })
    }

    /// With user and password: for whoever connects, and for nobody else.
    pub fn expose(&self) -> &str {
        self.whole.expose()
    }

    /// The whole address for the screen, without user and password.
    pub fn shown(&self) -> String {
        let hidden = if self.expose().contains('@') {
            "…@"
        } else {
            ""
        };
        format!("{}://{hidden}{}", self.scheme, self.place())
    }

    /// `host:port`, for the screen.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({}://{})", self.scheme, self.place())
    }
}

impl Network {
    /// A profile that sends nothing, for this reason.
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self {
            proxy: Some(Proxy::Unusable(reason.into())),
            headers: Vec::new(),
        }
    }

    /// Why nothing goes out, if so.
    pub fn trouble(&self) -> Option<&str> {
        match &self.proxy {
            Some(Proxy::Unusable(reason)) => Some(reason),
            Some(Proxy::System | Proxy::Direct | Proxy::Through(_)) | None => None,
        }
    }

    /// Reads `proxy` and `headers` of a `router.json`. One that is wrong makes the whole unusable: a request without the header
    /// that names the organisation would be paid by another.
    pub(super) fn read(proxy: Option<&Value>, headers: Option<&Value>) -> Self {
        Self::read_strictly(proxy, headers).unwrap_or_else(Self::unusable)
    }

    fn read_strictly(proxy: Option<&Value>, headers: Option<&Value>) -> Result<Self, String> {
        let proxy = match proxy {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                let parsed = Proxy::parse(text);
                Some(parsed.map_err(|why| format!("its proxy cannot be used: {why}"))?)
            }
            Some(_) => return Err("its proxy cannot be used: it is no text".into()),
        };
        let headers = match headers {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(headers)) => {
                let pairs = headers.iter();
                let checked = pairs.map(|(name, value)| {
                    let value = value.as_str().ok_or("its headers must hold texts")?;
                    checked_header(name, value)
                });
                checked.collect::<Result<Vec<_>, String>>()?
            }
            Some(_) => return Err("its headers are no object".into()),
        };
        if headers.len() > MAX_HEADERS {
            return Err(format!("it has more than {MAX_HEADERS} headers"));
        }
        Ok(Self { proxy, headers })
    }
}

/// A header that a user may add to the requests of a profile.
///
/// # Errors
/// A sentence, without the value. Not free are the headers by which HTTP works, those that say who asks, and those that tell
/// where a request came from.
pub fn checked_header(name: &str, value: &str) -> Result<(HeaderName, Secret), String> {
    let header = own_header("headers", name).map_err(|err| err.to_string())?;
    let is_kept = matches!(
        header.as_str(),
        "authorization"
            | "x-api-key"
            | "api-key"
            | "chatgpt-account-id"
            | "x-openai-fedramp"
            | "set-cookie"
            | "forwarded"
            | "via"
            | "origin"
            | "referer"
            | "expect"
            | "accept-encoding"
    ) || ["x-forwarded-", "sec-"]
        .iter()
        .any(|beginning| header.as_str().starts_with(beginning));
    if is_kept {
        return Err(format!("the header {header} is not free"));
    }
    if value.len() > MAX_VALUE_BYTES || HeaderValue::from_str(value).is_err() {
        return Err(format!(
            "the header {header} has a value that no header can carry, or one longer than 4 KiB"
        ));
    }
    Ok((header, Secret::new(value)))
}

/// Why a proxy or a header cannot be said: a sentence that repeats no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadNetwork(String);

const PROXY: &str = "proxy";
const HEADERS: &str = "headers";

impl SideFile {
    /// The profile's own proxy; nothing: the one that is set for all.
    ///
    /// # Errors
    /// When it is none. Nothing is changed then.
    pub fn set_proxy(&mut self, proxy: Option<&Secret>) -> Result<(), BadNetwork> {
        if let Some(proxy) = proxy {
            Proxy::parse(proxy.expose()).map_err(BadNetwork)?;
        }
        self.set(PROXY, proxy.map(|proxy| proxy.expose().trim().into()));
        Ok(())
    }

    /// One header of the profile's own, under whatever case it stood there before; nothing takes it away.
    ///
    /// # Errors
    /// When it is not free, cannot be sent, or is one too many. Nothing is changed then.
    pub fn set_header(&mut self, name: &str, value: Option<&Secret>) -> Result<(), BadNetwork> {
        let mut headers = match self.get(HEADERS) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(headers)) => headers.clone(),
            Some(_) => {
                let why = "its router.json has headers that are no object; mend that first";
                return Err(BadNetwork(why.into()));
            }
        };
        headers.retain(|kept, _| !kept.eq_ignore_ascii_case(name.trim()));
        if let Some(value) = value {
            let (name, value) = checked_header(name.trim(), value.expose()).map_err(BadNetwork)?;
            headers.insert(name.as_str().to_owned(), value.expose().into());
        }
        if headers.len() > MAX_HEADERS {
            let why = format!("an account has at most {MAX_HEADERS} headers");
            return Err(BadNetwork(why));
        }
        self.set(HEADERS, (!headers.is_empty()).then(|| headers.into()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(text: &str) -> Result<String, String> {
        ProxyUrl::parse(text).map(|url| format!("{url:?}"))
    }

    #[test]
    fn a_proxy_is_a_word_or_an_address_whose_password_is_shown_nowhere() {
        assert_eq!(Proxy::parse("system"), Ok(Proxy::System));
        assert_eq!(Proxy::parse(" none "), Ok(Proxy::Direct));
        for (text, shown) in [
            ("http://gate.test:3128", "http://gate.test:3128"),
            ("http://gate.test", "http://gate.test:80"),
            ("https://gate.test/", "https://gate.test:443"),
            (
                "socks5h://ana:canary%40x@gate.test",
                "socks5h://gate.test:1080",
            ),
            ("socks5://[::1]:9050", "socks5://[::1]:9050"),
            ("http://ana:canary@10.0.0.7:8080", "http://10.0.0.7:8080"),
        ] {
            assert_eq!(place(text), Ok(format!("ProxyUrl({shown})")), "{text}");
        }
        let with_password = ProxyUrl::parse("socks5h://ana:canary@gate.test").unwrap();
        assert_eq!(
            with_password.expose(),
            "socks5h://ana:canary@gate.test:1080"
        );
        assert_eq!(ProxyUrl::parse("socks5://[::1]:1").unwrap().host(), "::1");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for text in [
            "",
            "direct",
            "gate.test:3128",
            "ftp://canary@gate.test",
            "socks4://gate.test",
            "socks5h://",
            "http://ana:canary@gate.test/path",
            "http://gate.test?canary",
            "http://gate.test#canary",
        ] {
            let refused = Proxy::parse(text).unwrap_err();
            assert!(!refused.contains("canary"), "{refused}");
        }
    }

    #[test]
    fn a_wrong_proxy_or_header_leaves_no_way_out_instead_of_the_common_one() {
        let fine = Network::read(Some(&json!("none")), Some(&json!({"X-Team": "canary"})));
        assert_eq!(fine.proxy, Some(Proxy::Direct));
        assert_eq!(fine.headers[0].0, "x-team");
        assert!(!format!("{fine:?}").contains("canary"));
        assert_eq!(Network::read(None, None), Network::default());
        assert_eq!(
            Network::read(Some(&Value::Null), Some(&Value::Null)),
            Network::default()
        );
        let many: Map<_, _> = (0..17).map(|n| (format!("x-{n}"), json!("a"))).collect();
        for (proxy, headers) in [
            (json!("canary://"), json!({})),
            (json!(7), json!({})),
            (json!("none"), json!(["canary"])),
            (json!("none"), json!({"x-a": 7})),
            (json!("none"), json!({"x-a": "canary\n"})),
            (json!("none"), Value::Object(many)),
        ] {
            let network = Network::read(Some(&proxy), Some(&headers));
            let why = network.trouble().expect("it is wrong");
            assert!(!why.contains("canary"), "{why}");
        }
    }

    #[test]
    fn a_proxy_and_headers_are_said_and_taken_back_and_nothing_wrong_is_written() {
        let mut side = SideFile::parse(br#"{"label": "mine", "headers": {"X-Team": "a"}}"#);
        let secret = |text: &str| Secret::new(text);
        side.set_proxy(Some(&secret(" none "))).unwrap();
        side.set_header("x-team", Some(&secret("b"))).unwrap();
        side.set_header("OpenAI-Project", Some(&secret("p")))
            .unwrap();
        let before = side.to_bytes();
        for refused in [
            side.set_proxy(Some(&secret("canary://"))),
            side.set_header("authorization", Some(&secret("canary"))),
            side.set_header("x-b", Some(&secret("canary\n"))),
        ] {
            let why = refused.unwrap_err().to_string();
            assert!(!why.contains("canary"), "{why}");
        }
        assert_eq!(side.to_bytes(), before);
        let text: Value = serde_json::from_slice(&before).unwrap();
        let said = json!({"x-team": "b", "openai-project": "p"});
        assert_eq!(
            text,
            json!({"label": "mine", "proxy": "none", "headers": said})
        );

        side.set_proxy(None).unwrap();
        side.set_header("X-TEAM", None).unwrap();
        side.set_header("openai-project", None).unwrap();
        let text: Value = serde_json::from_slice(&side.to_bytes()).unwrap();
        assert_eq!(text, json!({"label": "mine"}));
    }

    #[test]
    fn an_account_has_no_more_headers_than_are_sent() {
        let mut side = SideFile::default();
        for number in 0..MAX_HEADERS {
            let value = Secret::new("a");
            side.set_header(&format!("x-{number}"), Some(&value))
                .unwrap();
        }
        side.set_header("x-more", Some(&Secret::new("a")))
            .unwrap_err();
        side.set_header("X-1", Some(&Secret::new("b"))).unwrap();
        assert_eq!(side.network().headers.len(), MAX_HEADERS);
    }

    #[test]
    fn only_headers_that_nothing_else_hangs_on_are_free() {
        for name in [
            "x-team",
            "openai-organization",
            "openai-project",
            "user-agent",
        ] {
            assert!(checked_header(name, "a").is_ok(), "{name}");
        }
        for name in [
            "Authorization",
            "api-key",
            "X-Api-Key",
            "Cookie",
            "Host",
            "Connection",
            "Proxy-Authorization",
            "Transfer-Encoding",
            "Content-Length",
            "Chatgpt-Account-Id",
            "X-Forwarded-For",
            "Via",
            "Origin",
            "Sec-WebSocket-Key",
            "a b",
        ] {
            assert!(checked_header(name, "a").is_err(), "{name}");
        }
    }
}
