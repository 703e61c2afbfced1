//! An endpoint as it stands in a file or is typed by its user: read with every field checked, and written back.
//!
//! What may be wrong is refused here, in words that repeat no secret, so that an [`Endpoint`] can be used as it is.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::{Api, Endpoint, EndpointError, EndpointKind};
use crate::profile::secret::Secret;

/// The names of models and deployments stand in addresses and logs.
const MAX_NAME_BYTES: usize = 128;
/// No real key comes near it.
const MAX_SECRET_BYTES: usize = 16 * 1024;

impl Endpoint {
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
    pub(in crate::profile) fn to_json(&self) -> Map<String, Value> {
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

pub(super) fn base_of(kind: EndpointKind, text: &str) -> Result<Url, EndpointError> {
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
pub(in crate::profile) fn own_header(
    field: &'static str,
    name: &str,
) -> Result<HeaderName, EndpointError> {
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
}
