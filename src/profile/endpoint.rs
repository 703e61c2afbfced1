//! An endpoint of the user's own: Azure OpenAI, or any service that speaks like the OpenAI API. Where it is, what opens it, and
//! what it calls its models.
//!
//! It lies in the `auth.json` of its profile under an `auth_mode` of ours and without `OPENAI_API_KEY`, so that no other program
//! takes its key for OpenAI's: the Codex CLI refuses a mode that it does not know. Address and key stand together and travel
//! together; nothing else says where the key may go.

pub(super) mod file;

use std::collections::BTreeMap;
use std::fmt;

use http::HeaderName;
use url::Url;

pub use self::file::{checked_key, checked_name, checked_version};
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
            base: file::base_of(kind, base_url)?,
            key,
            api: Api::default(),
            api_version: None,
            deployments: BTreeMap::new(),
            models: Vec::new(),
            headers: Vec::new(),
            auth_header: kind.auth_header(),
        })
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(json: Value) -> Result<Endpoint, EndpointError> {
        Endpoint::read(json.as_object().unwrap())
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
