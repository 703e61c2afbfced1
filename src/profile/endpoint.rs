//! An endpoint of the user's own: Azure OpenAI, or any service that speaks like the OpenAI API. Where it is, what opens it, and
//! what it calls its models.
//!
//! It lies in the `auth.json` of its profile under an `auth_mode` of ours and without `OPENAI_API_KEY`, so that no other program
//! takes its key for OpenAI's: the Codex CLI refuses a mode that it does not know. Address and key stand together and travel
//! together; nothing else says where the key may go.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::secret::{Fingerprint, Secret};

/// The `auth_mode` of such a profile.
pub const AUTH_MODE: &str = "codexRouterEndpoint";

/// Everything that is needed to ask it. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub kind: EndpointKind,
    /// Without a slash at its end, query or password. Of Azure: the resource, without `/openai`.
    pub base: Url,
    /// None for servers that ask for none.
    pub key: Option<Secret>,
    pub api: Api,
    /// Azure's older surface, dated; without it the undated one is used.
    pub api_version: Option<String>,
    /// What clients call a model, and what the endpoint calls it.
    pub deployments: BTreeMap<String, String>,
    /// All that it has, when the user has said so.
    pub models: Vec<String>,
    /// Sent with every request; the values may be secrets as well.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Which header carries the key. In `authorization` it stands behind `Bearer`.
    pub auth_header: HeaderName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    Azure,
    Compatible,
}

/// Which of the two dialects it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Api {
    /// Responses, until it turns out that it knows only chats.
    #[default]
    Auto,
    Responses,
    Chat,
}

/// Why it cannot be used: a sentence that quotes no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{field} {problem}")]
    Wrong {
        field: &'static str,
        problem: String,
    },
}

/// The names of models and deployments stand in addresses and logs.
const MAX_NAME_BYTES: usize = 128;
/// No real key comes near it.
const MAX_SECRET_BYTES: usize = 16 * 1024;
/// The date of the first `api-version` that knows `/openai/responses`
/// (<https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>).
const RESPONSES_SINCE: &str = "2025-03-01";
/// The date of the first one that takes `stream_options` and `max_completion_tokens` (the same page).
const STREAM_OPTIONS_SINCE: &str = "2024-09-01";

impl Endpoint {
    /// An endpoint that nothing else is known of.
    ///
    /// # Errors
    /// When the address is none that a key may be sent to; see [`Endpoint::read`].
    pub fn new(
        kind: EndpointKind,
        base_url: &str,
        key: Option<Secret>,
    ) -> Result<Self, EndpointError> {
        Ok(Self {
            kind,
            base: base_of(kind, base_url)?,
            key,
            api: Api::default(),
            api_version: None,
            deployments: BTreeMap::new(),
            models: Vec::new(),
            headers: Vec::new(),
            auth_header: kind.auth_header(),
        })
    }

    /// Reads the object `endpoint` of an `auth.json`.
    ///
    /// # Errors
    /// When something is missing or wrong. An address must be https, or http on this computer; without a user name, a query or a
    /// fragment; and no link-local or metadata address, which is where clouds keep the credentials of a machine.
    pub fn read(json: &Map<String, Value>) -> Result<Self, EndpointError> {
        let kind = match text(json, "kind")? {
            Some("azure") => EndpointKind::Azure,
            Some("compatible") => EndpointKind::Compatible,
            Some(_) => return Err(wrong("kind", "must be \"azure\" or \"compatible\"")),
            None => return Err(EndpointError::Missing("kind")),
        };
        let base_url = text(json, "base_url")?.ok_or(EndpointError::Missing("base_url"))?;
        let key = text(json, "api_key")?
            .filter(|key| !key.is_empty())
            .map(checked_key)
            .transpose()?;
        let mut endpoint = Self::new(kind, base_url, key)?;
        if let Some(api) = text(json, "api")? {
            endpoint.api = api.parse()?;
        }
        endpoint.api_version = text(json, "api_version")?
            .map(checked_version)
            .transpose()?;
        if let Some(name) = text(json, "auth_header")? {
            endpoint.auth_header = own_header("auth_header", name)?;
        }
        for (model, deployment) in object(json, "deployments")? {
            let deployment = deployment
                .as_str()
                .ok_or_else(|| wrong("deployments", "must hold texts"))?;
            endpoint.deployments.insert(
                checked_name("deployments", model)?,
                checked_name("deployments", deployment)?,
            );
        }
        match json.get("models") {
            None | Some(Value::Null) => {}
            Some(Value::Array(models)) => {
                for model in models {
                    let model = model
                        .as_str()
                        .ok_or_else(|| wrong("models", "must hold texts"))?;
                    endpoint.models.push(checked_name("models", model)?);
                }
            }
            Some(_) => return Err(wrong("models", "must be a list")),
        }
        for (name, value) in object(json, "headers")? {
            let value = value
                .as_str()
                .filter(|value| {
                    value.len() <= MAX_SECRET_BYTES && HeaderValue::from_str(value).is_ok()
                })
                .ok_or_else(|| wrong("headers", "must hold texts that a header can carry"))?;
            let name = own_header("headers", name)?;
            if name == endpoint.auth_header {
                return Err(wrong("headers", "may not hold the header of the key"));
            }
            endpoint.headers.push((name, Secret::new(value)));
        }
        Ok(endpoint)
    }

    /// The object that [`Endpoint::read`] reads; holds the key.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        json.insert("kind".into(), self.kind.as_str().into());
        json.insert("base_url".into(), self.base.as_str().into());
        json.insert(
            "api_key".into(),
            self.key.as_ref().map(Secret::expose).into(),
        );
        json.insert("api".into(), self.api.as_str().into());
        if let Some(version) = &self.api_version {
            json.insert("api_version".into(), version.as_str().into());
        }
        if !self.deployments.is_empty() {
            json.insert("deployments".into(), json!(self.deployments));
        }
        if !self.models.is_empty() {
            json.insert("models".into(), json!(self.models));
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter();
            let headers = headers.map(|(name, value)| (name.to_string(), value.expose().into()));
            json.insert("headers".into(), Value::Object(headers.collect()));
        }
        if self.auth_header != self.kind.auth_header() {
            json.insert("auth_header".into(), self.auth_header.as_str().into());
        }
        json
    }

    /// What the endpoint calls this model; a name that nobody mapped is its own.
    pub fn name_for<'a>(&'a self, model: &'a str) -> &'a str {
        self.deployments.get(model).map_or(model, String::as_str)
    }

    /// Whether it can have this model, by what the user has said. Nothing said: it can.
    pub fn may_have(&self, model: &str) -> bool {
        self.models.is_empty()
            || self.models.iter().any(|own| own == model)
            || self.deployments.contains_key(model)
    }

    /// The names by which its models can be asked for, as far as they stand in its file.
    pub fn known_models(&self) -> impl Iterator<Item = &str> {
        let deployed = self.deployments.iter();
        let mapped = deployed.clone().map(|(model, _)| model.as_str());
        // A deployment is asked for by its own name as well, where a name does not mean another one.
        let names = deployed
            .map(|(_, name)| name.as_str())
            .filter(|name| !self.deployments.contains_key(*name));
        let mut known: Vec<&str> = Vec::new();
        for name in mapped
            .chain(names)
            .chain(self.models.iter().map(String::as_str))
        {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        known.into_iter()
    }

    /// Whether it can be asked in the Responses dialect at all.
    pub fn may_speak_responses(&self) -> bool {
        self.api != Api::Chat && !self.is_older_than(RESPONSES_SINCE)
    }

    /// Whether its `api-version` is from before `stream_options`.
    pub fn is_old(&self) -> bool {
        self.is_older_than(STREAM_OPTIONS_SINCE)
    }

    fn is_older_than(&self, date: &str) -> bool {
        let version = self.api_version.as_deref().unwrap_or_default();
        let is_dated = version.starts_with(|first: char| first.is_ascii_digit());
        is_dated && version < date
    }

    /// For the screen.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Tells two endpoints apart, their settings included. It is asked for with every request, so it leaves no copy of the key.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut text = zeroize::Zeroizing::new(Vec::with_capacity(1_024));
        let mut add = |field: &str| {
            text.extend_from_slice(field.as_bytes());
            // In no field: names and keys hold no control characters, addresses none at all.
            text.push(0);
        };
        let key = self.key.as_ref().map_or("", Secret::expose);
        let version = self.api_version.as_deref().unwrap_or_default();
        for field in [
            self.kind.as_str(),
            self.base.as_str(),
            key,
            self.api.as_str(),
            version,
            self.auth_header.as_str(),
        ] {
            add(field);
        }
        for (model, deployment) in &self.deployments {
            add(model);
            add(deployment);
        }
        add("models");
        for model in &self.models {
            add(model);
        }
        add("headers");
        for (name, value) in &self.headers {
            add(name.as_str());
            add(value.expose());
        }
        Fingerprint::of(&text)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("kind", &self.kind)
            .field("base", &self.base.as_str())
            .field("has_key", &self.key.is_some())
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

impl EndpointKind {
    /// As it stands in files and in lists for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Compatible => "compatible",
        }
    }

    fn auth_header(self) -> HeaderName {
        match self {
            Self::Azure => HeaderName::from_static("api-key"),
            Self::Compatible => http::header::AUTHORIZATION,
        }
    }
}

impl Api {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Responses => "responses",
            Self::Chat => "chat",
        }
    }
}

impl std::str::FromStr for Api {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        [Self::Auto, Self::Responses, Self::Chat]
            .into_iter()
            .find(|api| api.as_str() == text)
            .ok_or_else(|| wrong("api", "must be \"responses\", \"chat\" or \"auto\""))
    }
}

fn base_of(kind: EndpointKind, text: &str) -> Result<Url, EndpointError> {
    let wrong = |problem: &str| wrong("base_url", problem);
    let mut url = Url::parse(text).map_err(|err| EndpointError::Wrong {
        field: "base_url",
        problem: format!("is no address: {err}"),
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("may not hold a user name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("may not hold a query or a fragment"));
    }
    let (is_loopback, is_refused) = match url.host() {
        Some(Host::Domain(name)) => (name == "localhost", names_metadata(name)),
        Some(Host::Ipv4(ip)) => (ip.is_loopback(), is_metadata(IpAddr::V4(ip))),
        Some(Host::Ipv6(ip)) => (ip.is_loopback(), is_metadata(IpAddr::V6(ip))),
        None => return Err(wrong("has no host")),
    };
    if is_refused {
        return Err(wrong(
            "is a link-local or metadata address, which gets no key",
        ));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => return Err(wrong("may be plain http on this computer only; use https")),
        _ => return Err(wrong("must begin with https://")),
    }
    let mut path = url.path().trim_end_matches('/');
    if kind == EndpointKind::Azure {
        path = path.strip_suffix("/v1").unwrap_or(path);
        path = path.strip_suffix("/openai").unwrap_or(path);
    }
    let path = path.to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Where clouds hand the credentials of a machine to whoever asks from it.
fn names_metadata(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    matches!(name.as_str(), "metadata" | "instance-data")
        || name.starts_with("metadata.google.")
        || name == "metadata.azure.com"
        || name.ends_with(".metadata.google.internal")
}

fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.octets() == [100, 100, 100, 200],
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
                || ip
                    .to_ipv4_mapped()
                    .is_some_and(|ip| is_metadata(IpAddr::V4(ip)))
        }
    }
}

/// A key as a header can carry it.
///
/// # Errors
/// When it holds spaces, control characters or letters beyond ASCII.
pub fn checked_key(key: &str) -> Result<Secret, EndpointError> {
    let is_sane = key.len() <= MAX_SECRET_BYTES && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sane && !key.is_empty() {
        Ok(Secret::new(key))
    } else {
        Err(wrong(
            "api_key",
            "has characters that no key has, or is longer than 16 KiB",
        ))
    }
}

/// An `api-version` such as `2024-10-21` or `preview`.
///
/// # Errors
/// When it is something else.
pub fn checked_version(version: &str) -> Result<String, EndpointError> {
    let is_sane = !version.is_empty()
        && version.len() <= 40
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_sane {
        Ok(version.to_owned())
    } else {
        Err(wrong("api_version", "must look like 2024-10-21"))
    }
}

/// The name of a model or a deployment.
///
/// # Errors
/// When it is empty, too long, or holds control characters or spaces.
pub fn checked_name(field: &'static str, name: &str) -> Result<String, EndpointError> {
    let is_sane = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name
            .chars()
            .any(|letter| letter.is_control() || letter.is_whitespace());
    // Where a name is a segment of the address, these two would be none.
    if is_sane && !matches!(name, "." | "..") {
        Ok(name.to_owned())
    } else {
        Err(wrong(field, "has a name that no model has"))
    }
}

/// A header that may be chosen freely: not one of those by which HTTP itself works.
fn own_header(field: &'static str, name: &str) -> Result<HeaderName, EndpointError> {
    let name: HeaderName = name
        .parse()
        .map_err(|_odd_letter| wrong(field, "has a name that no header can have"))?;
    let is_ours = matches!(
        name.as_str(),
        "host"
            | "connection"
            | "content-length"
            | "content-type"
            | "content-encoding"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "keep-alive"
            | "accept"
            | "cookie"
    ) || name.as_str().starts_with("proxy-");
    if is_ours {
        return Err(wrong(field, "names a header that is not free"));
    }
    Ok(name)
}

fn text<'a>(
    json: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, EndpointError> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(field, "is not a text")),
    }
}

fn object<'a>(
    json: &'a Map<String, Value>,
    field: &'static str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, EndpointError> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(Value::Object(object)) => Ok(Some(object).into_iter().flatten()),
        Some(_) => Err(wrong(field, "is not an object")),
    }
}

fn wrong(field: &'static str, problem: &str) -> EndpointError {
    EndpointError::Wrong {
        field,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> Result<Endpoint, EndpointError> {
        Endpoint::read(json.as_object().unwrap())
    }

    fn at(kind: EndpointKind, base_url: &str) -> Result<String, String> {
        Endpoint::new(kind, base_url, None)
            .map(|endpoint| endpoint.base.to_string())
            .map_err(|err| err.to_string())
    }

    #[test]
    fn everything_that_stands_in_a_file_is_read_and_written_back() {
        let file = json!({
            "kind": "azure", "base_url": "https://fake.openai.azure.test/", "api_key": "key-canary",
            "api": "chat", "api_version": "2024-10-21", "deployments": {"gpt-5.5": "mine"},
            "models": ["gpt-5.4"], "headers": {"x-team": "canary-value"}, "auth_header": "x-key",
        });
        let endpoint = read(file.clone()).unwrap();
        assert_eq!(Value::Object(endpoint.to_json()), file);
        assert_eq!(endpoint.host(), "fake.openai.azure.test");
        assert_eq!(
            (endpoint.name_for("gpt-5.5"), endpoint.name_for("other")),
            ("mine", "other")
        );
        let shown = format!("{endpoint:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn the_key_stands_where_the_kind_wants_it() {
        for (kind, header) in [("azure", "api-key"), ("compatible", "authorization")] {
            let endpoint = read(json!({"kind": kind, "base_url": "https://x.test"})).unwrap();
            assert_eq!(
                (endpoint.auth_header.as_str(), endpoint.key),
                (header, None)
            );
        }
    }

    #[test]
    fn an_address_is_https_or_on_this_computer() {
        let compatible = |url| at(EndpointKind::Compatible, url);
        assert_eq!(
            compatible("https://x.test/v1/").as_deref(),
            Ok("https://x.test/v1")
        );
        assert_eq!(
            compatible("http://localhost:11434/v1").as_deref(),
            Ok("http://localhost:11434/v1")
        );
        assert!(compatible("http://[::1]:5/v1").is_ok());
        for url in [
            "http://x.test/v1",
            "ftp://x.test",
            "file:///etc/passwd",
            "https://me:secret@x.test",
            "https://x.test/v1?key=secret",
            "https://x.test/v1#a",
            "x.test/v1",
            "https://169.254.169.254/v1",
            "https://[fe80::1]/v1",
            "https://[::ffff:169.254.169.254]/v1",
            "https://metadata.google.internal/v1",
            "https://METADATA.google.internal./v1",
            "https://100.100.100.200/",
            "https://0xa9fea9fe/",
        ] {
            let refused = compatible(url).unwrap_err();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn azures_address_is_the_resource_however_much_of_the_path_was_copied() {
        for path in ["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"] {
            let url = format!("https://x.openai.azure.test{path}");
            assert_eq!(
                at(EndpointKind::Azure, &url).as_deref(),
                Ok("https://x.openai.azure.test/")
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_repeated() {
        for (field, value) in [
            ("kind", json!("other")),
            ("base_url", json!(7)),
            ("api_key", json!("two canaries")),
            ("api", json!("smoke")),
            ("api_version", json!("a/b")),
            ("deployments", json!({"a": ".."})),
            ("deployments", json!({"": "a"})),
            ("models", json!("a")),
            ("headers", json!({"host": "canary"})),
            ("headers", json!({"proxy-authorization": "canary"})),
            ("headers", json!({"authorization": "canary"})),
            ("headers", json!({"x": "can\nary"})),
            ("auth_header", json!("content-length")),
        ] {
            let mut file = json!({"kind": "compatible", "base_url": "https://x.test"});
            file[field] = value;
            let said = read(file).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
            assert!(!said.contains("canar"), "{said}");
        }
        assert_eq!(
            read(json!({"kind": "azure"})),
            Err(EndpointError::Missing("base_url"))
        );
    }

    #[test]
    fn models_are_asked_for_by_every_name_that_is_known_and_by_all_names_when_none_is() {
        let mut endpoint = Endpoint::new(EndpointKind::Azure, "https://x.test", None).unwrap();
        assert!(endpoint.may_have("anything"));
        endpoint.deployments.extend([
            ("gpt-5.5".into(), "mine".into()),
            ("mine".into(), "other".into()),
        ]);
        endpoint.models = vec!["gpt-5.5".into(), "extra".into()];
        let known: Vec<_> = endpoint.known_models().collect();
        assert_eq!(known, ["gpt-5.5", "mine", "other", "extra"]);
        assert!(endpoint.may_have("extra") && endpoint.may_have("mine"));
        assert!(!endpoint.may_have("else"));
    }

    #[test]
    fn every_setting_makes_it_another_endpoint() {
        let plain = || json!({"kind": "compatible", "base_url": "https://x.test/v1"});
        let of = |json: Value| read(json).unwrap().fingerprint();
        let mut known = vec![of(plain())];
        for (field, value) in [
            ("kind", json!("azure")),
            ("base_url", json!("https://y.test/v1")),
            ("api_key", json!("key-fake")),
            ("api", json!("chat")),
            ("api_version", json!("preview")),
            ("deployments", json!({"a": "b"})),
            ("models", json!(["a"])),
            ("headers", json!({"x-a": "b"})),
            ("auth_header", json!("x-key")),
        ] {
            let mut changed = plain();
            changed[field] = value;
            let fingerprint = of(changed);
            assert!(!known.contains(&fingerprint), "{field}");
            known.push(fingerprint);
        }
        assert_eq!(of(plain()), known[0]);
    }

    #[test]
    fn an_old_version_of_azure_speaks_no_responses_and_a_very_old_one_tells_no_usage() {
        let mut endpoint = Endpoint::new(EndpointKind::Azure, "https://x.test", None).unwrap();
        for (version, responses, is_old) in [
            (None, true, false),
            (Some("preview"), true, false),
            (Some("2025-04-01-preview"), true, false),
            (Some("2024-10-21"), false, false),
            (Some("2024-06-01"), false, true),
        ] {
            endpoint.api_version = version.map(str::to_owned);
            assert_eq!(endpoint.may_speak_responses(), responses, "{version:?}");
            assert_eq!(endpoint.is_old(), is_old, "{version:?}");
        }
    }
}
