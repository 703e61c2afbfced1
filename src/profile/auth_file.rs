//! `auth.json` as text: read in every form that the CLI and its neighbours write, changed without losing a key.
//!
//! Sources: codex-rs/core/src/auth/storage.rs and login/src/auth/storage.rs (schema), core/src/auth.rs (refresh and the meaning
//! of a missing `auth_mode`). The values of `auth_mode` are an open set for us.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::claims::Claims;
use super::endpoint::{AUTH_MODE, Endpoint, EndpointError};
use super::identity::Identity;
use super::secret::{Fingerprint, Secret};

/// A login file that was understood, with every key it came with.
#[derive(Clone)]
pub struct AuthFile {
    json: Map<String, Value>,
    credentials: Credentials,
    identity: Option<Identity>,
}

/// What the file holds.
#[derive(Clone, Debug)]
pub enum Credentials {
    ChatGpt(Box<ChatGptLogin>),
    ApiKey {
        key: Secret,
    },
    /// An endpoint of the user's own, for the router alone: Codex cannot use it by this file. Never refreshed, never switched to.
    Endpoint(Arc<Endpoint>),
    /// A mode that is shown, never refreshed and never written back (`agentIdentity`, `personalAccessToken`, …).
    Other {
        mode: String,
    },
}

/// OAuth tokens of a ChatGPT account, with what they say about themselves.
#[derive(Clone, Debug)]
pub struct ChatGptLogin {
    pub access_token: Secret,
    /// Missing only in files that other tools wrote; such a login works until it expires.
    pub refresh_token: Option<Secret>,
    /// What goes into the `ChatGPT-Account-ID` header.
    pub account_id: Option<String>,
    pub last_refresh: Option<SystemTime>,
    /// Of the id token, with gaps filled from the access token; the two moments are the access token's.
    pub claims: Claims,
}

/// What the issuer sent back; whatever it left out stays as it was.
#[derive(Clone, Debug, Default)]
pub struct RefreshedTokens {
    pub id_token: Option<Secret>,
    pub access_token: Option<Secret>,
    pub refresh_token: Option<Secret>,
}

/// Why a text is no usable `auth.json`. Never quotes the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFileError {
    #[error("the file is empty; it may be half written")]
    Empty,
    #[error("the file is not JSON that Codex accepts ({0})")]
    NotJson(String),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not a text")]
    NotText(&'static str),
    #[error("{0} has characters that no token has, or is longer than 16 KiB")]
    NotToken(&'static str),
    #[error("the refreshed token belongs to another account")]
    OtherAccount,
    #[error("its endpoint cannot be used: {0}")]
    Endpoint(#[from] EndpointError),
}

/// No real token comes near it (a JWT with many organisations has about 4 KiB).
const MAX_TOKEN_BYTES: usize = 16 * 1024;

impl AuthFile {
    /// Understands the text of an `auth.json`.
    ///
    /// A missing `auth_mode` means an API key if there is one, even beside tokens: so the CLI reads it.
    ///
    /// # Errors
    /// When the CLI could not load it either, or when a token could not go into a header.
    pub fn parse(text: &[u8]) -> Result<Self, AuthFileError> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(AuthFileError::Empty);
        }
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(AuthFileError::NotJson(
                "it starts with a byte-order mark".into(),
            ));
        }
        let Distinct(json) = serde_json::from_slice(text)
            .map_err(|err| AuthFileError::NotJson(position_of(&err)))?;
        let Value::Object(json) = json else {
            return Err(AuthFileError::NotJson("it is not an object".into()));
        };
        Self::of_json(json)
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub fn chatgpt(&self) -> Option<&ChatGptLogin> {
        match &self.credentials {
            Credentials::ChatGpt(login) => Some(login),
            Credentials::ApiKey { .. } | Credentials::Endpoint(_) | Credentials::Other { .. } => {
                None
            }
        }
    }

    /// The file of a new login, as the CLI writes it.
    ///
    /// # Errors
    /// When a token could not go into a header.
    pub fn of_tokens(
        id_token: &Secret,
        access_token: &Secret,
        refresh_token: &Secret,
        now: SystemTime,
    ) -> Result<Self, AuthFileError> {
        let mut tokens = Map::new();
        for (key, token) in [
            ("id_token", id_token),
            ("access_token", access_token),
            ("refresh_token", refresh_token),
        ] {
            tokens.insert(key.into(), token.expose().into());
        }
        let mut json = Map::new();
        json.insert("auth_mode".into(), "chatgpt".into());
        json.insert("OPENAI_API_KEY".into(), Value::Null);
        json.insert("tokens".into(), Value::Object(tokens));
        json.insert("last_refresh".into(), rfc3339(now).into());
        let mut login = Self::of_json(json)?;
        let account_id = login.chatgpt().and_then(|login| login.account_id.clone());
        if let Some(Value::Object(tokens)) = login.json.get_mut("tokens") {
            tokens.insert("account_id".into(), account_id.into());
        }
        Ok(login)
    }

    /// The file of an API key, as the CLI writes it.
    ///
    /// # Errors
    /// When the key could not go into a header.
    pub fn of_api_key(key: &Secret) -> Result<Self, AuthFileError> {
        let mut json = Map::new();
        json.insert("auth_mode".into(), "apikey".into());
        json.insert("OPENAI_API_KEY".into(), key.expose().into());
        Self::of_json(json)
    }

    /// Of JSON that was read already, each key of it once.
    ///
    /// # Errors
    /// As of [`AuthFile::parse`].
    pub fn of_json(json: Map<String, Value>) -> Result<Self, AuthFileError> {
        let credentials = credentials_of(&json)?;
        let identity = identity_of(&credentials);
        Ok(Self {
            json,
            credentials,
            identity,
        })
    }

    /// The file of a profile that is an endpoint.
    pub fn of_endpoint(endpoint: Endpoint) -> Self {
        let mut json = Map::new();
        json.insert("auth_mode".into(), AUTH_MODE.into());
        json.insert("endpoint".into(), Value::Object(endpoint.to_json()));
        let credentials = Credentials::Endpoint(Arc::new(endpoint));
        let identity = identity_of(&credentials);
        Self {
            json,
            credentials,
            identity,
        }
    }

    /// `None` for logins that do not say whose they are.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The text to write: two spaces of indent and no newline at the end, as the CLI writes it.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(format!("{:#}", Value::Object(self.json.clone())).into_bytes())
    }

    /// What the refresh token is known by, if there is one.
    pub fn refresh_fingerprint(&self) -> Option<Fingerprint> {
        self.chatgpt()?
            .refresh_token
            .as_ref()
            .map(Secret::fingerprint)
    }

    /// By what another login of this account is known as such: whoever shares one of them is looked at by
    /// [`AuthFile::same_account`] and [`AuthFile::same_login`].
    pub fn account_keys(&self) -> impl Iterator<Item = Fingerprint> {
        let identity = self.identity.as_ref().map(Identity::fingerprint);
        let token = self.refresh_fingerprint();
        let is_nobodys = identity.is_none() && token.is_none();
        let whole = is_nobodys.then(|| Fingerprint::of(&self.to_bytes()));
        [identity, token, whole].into_iter().flatten()
    }

    /// Whether both files hold the same secrets, whatever else is in them.
    pub fn same_login(&self, other: &Self) -> bool {
        match (&self.credentials, &other.credentials) {
            (Credentials::ChatGpt(a), Credentials::ChatGpt(b)) => {
                a.access_token == b.access_token && a.refresh_token == b.refresh_token
            }
            (Credentials::ApiKey { key: a }, Credentials::ApiKey { key: b }) => a == b,
            (Credentials::Endpoint(a), Credentials::Endpoint(b)) => a == b,
            (Credentials::Other { .. }, Credentials::Other { .. }) => self.json == other.json,
            _ => false,
        }
    }

    /// Whether both belong to the same account: by identity, or, where a file does not say, by the refresh token itself.
    pub fn same_account(&self, other: &Self) -> bool {
        match (&self.identity, &other.identity) {
            (Some(a), Some(b)) => a == b,
            _ => {
                let own = self.refresh_fingerprint();
                own.is_some() && own == other.refresh_fingerprint()
            }
        }
    }

    /// Whether this login was issued after the other one and may take its place. The issuer's own clock (`iat`, `exp`) is asked
    /// before `last_refresh`, which any program may have written by another clock. What cannot be renewed never takes the place of
    /// what can: it is over in days, and the other one may still be good.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let (Some(own), Some(other)) = (self.chatgpt(), other.chatgpt()) else {
            return false;
        };
        if own.refresh_token.is_none() && other.refresh_token.is_some() {
            return false;
        }
        let later = |a: Option<SystemTime>, b: Option<SystemTime>| match (a, b) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => Ordering::Equal,
        };
        later(own.claims.issued_at, other.claims.issued_at)
            .then_with(|| later(own.claims.expires_at, other.claims.expires_at))
            .then_with(|| later(own.last_refresh, other.last_refresh))
            .is_gt()
    }

    /// This file with the tokens that came back, and nothing else changed but `last_refresh`.
    ///
    /// # Errors
    /// [`AuthFileError::OtherAccount`] when the new tokens belong to somebody else: they must never be stored here.
    pub fn with_refreshed(
        &self,
        new: &RefreshedTokens,
        now: SystemTime,
    ) -> Result<Self, AuthFileError> {
        let mut json = self.json.clone();
        let tokens = json
            .get_mut("tokens")
            .and_then(Value::as_object_mut)
            .ok_or(AuthFileError::Missing("tokens"))?;
        for (key, token) in [
            ("id_token", &new.id_token),
            ("access_token", &new.access_token),
            ("refresh_token", &new.refresh_token),
        ] {
            if let Some(token) = token {
                tokens.insert(key.into(), token.expose().into());
            }
        }
        json.insert("last_refresh".into(), rfc3339(now).into());
        let credentials = credentials_of(&json)?;
        let identity = identity_of(&credentials);
        let is_foreign = [&new.id_token, &new.access_token]
            .into_iter()
            .flatten()
            .any(|token| self.is_foreign(token));
        if is_foreign || (self.identity.is_some() && identity != self.identity) {
            return Err(AuthFileError::OtherAccount);
        }
        Ok(Self {
            json,
            credentials,
            identity,
        })
    }

    /// Whether a token names another user or workspace than this file does.
    fn is_foreign(&self, token: &Secret) -> bool {
        let (
            Some(Identity::ChatGpt {
                user_id,
                workspace_id,
            }),
            Some(claims),
        ) = (&self.identity, Claims::read(token.expose()))
        else {
            return false;
        };
        claims.user_id.is_some_and(|id| id != *user_id)
            || claims.workspace_id.is_some_and(|id| id != *workspace_id)
    }

    /// This file as the CLI needs it to be: `auth_mode` and `OPENAI_API_KEY` present, `id_token` a text, `account_id` and
    /// `last_refresh` set (without the latter the CLI loads the file and then refuses to use it).
    pub fn for_cli(&self, now: SystemTime) -> Self {
        let mut whole = self.clone();
        let json = &mut whole.json;
        match &self.credentials {
            Credentials::Endpoint(_) | Credentials::Other { .. } => return whole,
            Credentials::ApiKey { .. } => {
                json.entry("auth_mode").or_insert_with(|| "apikey".into());
            }
            Credentials::ChatGpt(login) => {
                json.entry("auth_mode").or_insert_with(|| "chatgpt".into());
                json.entry("OPENAI_API_KEY").or_insert(Value::Null);
                if let Some(tokens) = json.get_mut("tokens").and_then(Value::as_object_mut) {
                    // The CLI insists on an id token; an access token carries the same claims.
                    let id_token = id_token_of(tokens)
                        .unwrap_or_else(|| login.access_token.expose().to_owned());
                    tokens.insert("id_token".into(), id_token.into());
                    tokens.entry("refresh_token").or_insert_with(|| "".into());
                    if tokens.get("account_id").is_none_or(Value::is_null) {
                        tokens.insert("account_id".into(), login.account_id.clone().into());
                    }
                }
                if login.last_refresh.is_none() {
                    let at = login.claims.issued_at.unwrap_or(now);
                    json.insert("last_refresh".into(), rfc3339(at).into());
                }
            }
        }
        whole
    }
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFile")
            .field("identity", &self.identity)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl ChatGptLogin {
    /// Whether the access token stops working by `now + margin`. By its own `exp` claim; a token without one never counts as
    /// expiring, the upstream will say so.
    pub fn expires_within(&self, margin: std::time::Duration, now: SystemTime) -> bool {
        self.claims.expires_at.is_some_and(|at| at <= now + margin)
    }
}

fn credentials_of(json: &Map<String, Value>) -> Result<Credentials, AuthFileError> {
    let key = token_at(json, "OPENAI_API_KEY")?;
    let mode = match json.get("auth_mode") {
        None | Some(Value::Null) => None,
        Some(Value::String(mode)) => Some(mode.as_str()),
        Some(_) => return Err(AuthFileError::NotText("auth_mode")),
    };
    let has = |key: &str| json.get(key).is_some_and(|value| !value.is_null());
    match mode {
        Some("apikey") => Ok(Credentials::ApiKey {
            key: key.ok_or(AuthFileError::Missing("OPENAI_API_KEY"))?,
        }),
        Some("chatgpt") => chatgpt_of(json),
        Some(AUTH_MODE) => {
            let endpoint = json.get("endpoint").and_then(Value::as_object);
            let endpoint = endpoint.ok_or(AuthFileError::Missing("endpoint"))?;
            Ok(Credentials::Endpoint(Endpoint::read(endpoint)?.into()))
        }
        Some(mode) => Ok(Credentials::Other {
            mode: mode.to_owned(),
        }),
        None => match key {
            Some(key) => Ok(Credentials::ApiKey { key }),
            None if has("tokens") => chatgpt_of(json),
            None if has("personal_access_token") => Ok(Credentials::Other {
                mode: "personalAccessToken".into(),
            }),
            None if has("agent_identity") => Ok(Credentials::Other {
                mode: "agentIdentity".into(),
            }),
            None if has("bedrock_api_key") => Ok(Credentials::Other {
                mode: "bedrockApiKey".into(),
            }),
            None => Err(AuthFileError::Missing(
                "a login (neither tokens nor OPENAI_API_KEY)",
            )),
        },
    }
}

fn chatgpt_of(json: &Map<String, Value>) -> Result<Credentials, AuthFileError> {
    let tokens = json
        .get("tokens")
        .and_then(Value::as_object)
        .ok_or(AuthFileError::Missing("tokens"))?;
    let access_token =
        token_at(tokens, "access_token")?.ok_or(AuthFileError::Missing("tokens.access_token"))?;
    let refresh_token = token_at(tokens, "refresh_token")?;
    let of_access = Claims::read(access_token.expose()).unwrap_or_default();
    let (issued_at, expires_at) = (of_access.issued_at, of_access.expires_at);
    let of_id = id_token_of(tokens)
        .and_then(|token| Claims::read(&token))
        .unwrap_or_default();
    let claims = Claims {
        issued_at,
        expires_at,
        ..of_id.or(of_access)
    };
    let account_id = match tokens.get("account_id").and_then(Value::as_str) {
        Some(id) if is_header_text(id) => Some(id.to_owned()),
        Some(id) if !id.is_empty() => return Err(AuthFileError::NotToken("tokens.account_id")),
        _ => claims.workspace_id.clone().filter(|id| is_header_text(id)),
    };
    let last_refresh = json
        .get("last_refresh")
        .and_then(Value::as_str)
        .and_then(moment_of);
    Ok(Credentials::ChatGpt(Box::new(ChatGptLogin {
        access_token,
        refresh_token,
        account_id,
        last_refresh,
        claims,
    })))
}

fn identity_of(credentials: &Credentials) -> Option<Identity> {
    match credentials {
        Credentials::ChatGpt(login) => Some(Identity::ChatGpt {
            user_id: login.claims.user_id.clone()?,
            workspace_id: login
                .claims
                .workspace_id
                .clone()
                .or_else(|| login.account_id.clone())?,
        }),
        Credentials::ApiKey { key } => Some(Identity::ApiKey {
            key: key.fingerprint(),
        }),
        Credentials::Endpoint(endpoint) => Some(Identity::Endpoint {
            settings: endpoint.fingerprint(),
        }),
        Credentials::Other { .. } => None,
    }
}

/// The id token, which some tools keep as `{"raw_jwt": …}` beside its claims.
fn id_token_of(tokens: &Map<String, Value>) -> Option<String> {
    let text = match tokens.get("id_token")? {
        Value::String(text) => text,
        Value::Object(object) => object.get("raw_jwt")?.as_str()?,
        _ => return None,
    };
    is_header_text(text).then(|| text.to_owned())
}

fn token_at(json: &Map<String, Value>, key: &'static str) -> Result<Option<Secret>, AuthFileError> {
    match json.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if is_header_text(text) => Ok(Some(Secret::new(text.as_str()))),
        Some(Value::String(_)) => Err(AuthFileError::NotToken(key)),
        Some(_) => Err(AuthFileError::NotText(key)),
    }
}

/// Whether a text can stand in a header: visible ASCII only.
fn is_header_text(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_TOKEN_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 3339 in UTC with microseconds, which every version of the CLI parses.
fn rfc3339(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string()
}

fn moment_of(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

/// Where the parser gave up, without what stood there.
fn position_of(err: &serde_json::Error) -> String {
    if err.is_data() {
        return "a key stands in it twice".into();
    }
    format!("line {}, column {}", err.line(), err.column())
}

/// A JSON value in which no object has a key twice; the CLI refuses such files, so we must not accept one and then write it.
pub struct Distinct(pub Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Build;
        impl<'de> Visitor<'de> for Build {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Distinct(item)) = items.next_element()? {
                    list.push(item);
                }
                Ok(list.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                let mut object = Map::new();
                while let Some((key, Distinct(value))) = entries.next_entry::<String, _>()? {
                    if object.insert(key, value).is_some() {
                        return Err(A::Error::custom("duplicate key"));
                    }
                }
                Ok(object.into())
            }
        }
        from.deserialize_any(Build).map(Self)
    }
}

#[cfg(test)]
mod tests;
